"""The live page's server in a thread, and what pages send it."""

from __future__ import annotations

import io
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import uvicorn
from PIL import Image

from seewhy.web.explaining import Explainer
from seewhy.web.server import SETTINGS, bound

TOKEN = "a-token-of-the-tests"


def picture(pixels: Any, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def message(head: Any, content: bytes = b"") -> bytes:
    """As the page builds it. head : a record, or the text itself."""
    text = (head if isinstance(head, str) else json.dumps(head)).encode()
    return struct.pack("<I", len(text)) + text + content


def unpack(answer: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<I", answer)
    assert (4 + length) % 4 == 0
    return json.loads(answer[4 : 4 + length]), answer[4 + length :]


def map_of(head: dict[str, Any], content: bytes) -> Any:
    return np.frombuffer(content, "<f4").reshape(head["grid"])


class Serving:
    """A server that runs, set up as ``serve`` does it. port : of it. stop : ends it and waits."""

    def __init__(self, app: Any) -> None:
        self._socket = bound("127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, **SETTINGS))
        self.thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="serving")
        self.thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        self._socket.close()


@contextmanager
def serving(app: Any) -> Iterator[Serving]:
    server = Serving(app)
    try:
        yield server
    finally:
        server.stop()


class Recorder(Explainer):
    """Remembers the newest explanations."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.explanations: list[Any] = []

    def explain(self, *arguments: Any) -> Any:
        explanation = super().explain(*arguments)
        self.explanations = [*self.explanations[-19:], explanation]
        return explanation
