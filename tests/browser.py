"""A headless Chromium, driven by its own DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def program() -> str:
    """Where Chromium is; a test that needs it skips by name where it is missing."""
    path = next((path for path in map(shutil.which, NAMES) if path), None)
    if path is None:
        pytest.skip("no Chromium for the page in a browser: apt-get install chromium")
    return path


class Browser:
    """One page of a Chromium of its own; used in a ``with``. folder : for its profile. video : .mjpeg or .y4m, its camera."""

    def __init__(self, folder: Path, video: Path) -> None:
        command = [program(), *FLAGS, f"--use-file-for-fake-video-capture={video}", f"--user-data-dir={folder}", "about:blank"]
        self._scratch = tempfile.mkdtemp(
            prefix="b"
        )  # what it would leave among everybody's files; the name of a socket must be short
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env={**os.environ, "TMPDIR": self._scratch}, **quiet)
        self._number = 0
        self.errors: list[str] = []
        self._connection: Any = None
        self._opened = ExitStack()
        port_file = folder / "DevToolsActivePort"
        try:
            wait_until(lambda: port_file.is_file() and port_file.read_text().count("\n") >= 1, 60)
            port = port_file.read_text().split()[0]
            self._connect(port)
        except BaseException:
            self._end()
            raise

    def _connect(self, port: str) -> None:
        import urllib.request

        from websockets.sync.client import connect

        def targets() -> list[dict[str, Any]]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                return [target for target in json.load(answer) if target["type"] == "page"]

        wait_until(lambda: bool(targets()), 30)
        address = targets()[0]["webSocketDebuggerUrl"]
        self._connection = self._opened.enter_context(connect(address, max_size=None, compression=None))
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        self._opened.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]["exceptionDetails"])[:2000])
        elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(message["params"]["entry"]["text"] + " " + message["params"]["entry"].get("url", ""))

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """Of an expression in the page; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        wait_until(lambda: bool(self.value(expression)), seconds, expression)

    def key(self, key: str, code: str = "", modifiers: int = 0) -> None:
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            number = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}.get(key, 0)
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code or key,
                modifiers=modifiers,
                windowsVirtualKeyCode=number,
                **more,
            )

    def size(self, width: int, height: int, mobile: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name: str) -> None:
        """light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path: Path) -> Path:
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))
        return path


def wait_until(condition: Callable[[], bool], seconds: float = 30, what: str = "") -> None:
    """Until it holds; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
