"""The server itself: where it listens, what it says, and that nothing is left behind when it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from serving import TOKEN, map_of, message, picture, serving, unpack
from small_volumes import PlantedVolume
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import seewhy
from seewhy import cli
from seewhy.errors import MethodError, MissingExtraError, ModelError, OptionError
from seewhy.web import server
from seewhy.web.explaining import Explainer
from seewhy.web.frames import MOST_BYTES
from seewhy.web.server import bound, create_app, serve


def fetch(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def page(port: int, path: str = f"/{TOKEN}/frames", **more: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}{path}", max_size=None, compression=None, **more)


def closing_code(web_socket: ClientConnection) -> int | None:
    """The code with which the server closes, behind what it still says."""
    try:
        while True:
            web_socket.recv(30)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


def test_the_page_is_served_with_its_policy(explainer: Explainer) -> None:
    with serving(create_app(explainer, TOKEN)) as live:
        (status, headers, text) = fetch(live.port, f"/{TOKEN}/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<title>seewhy live</title>" in text
        assert f"ws://127.0.0.1:{live.port} " in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        for path in ("/", "/wrong/", "/openapi.json", "/docs"):
            assert fetch(live.port, path)[0] == 403
        assert fetch(live.port, f"/{TOKEN}/openapi.json")[0] == 404
        assert fetch(live.port, f"/{TOKEN}/", Host="evil.example")[0] == 421


def test_a_frame_goes_there_and_its_map_comes_back_below_any_path(explainer: Explainer, scene: Any) -> None:
    app = Starlette(routes=[Mount("/a/path", create_app(explainer, TOKEN))])
    with serving(app) as live:
        assert fetch(live.port, f"/a/path/{TOKEN}/")[0] == 200
        origin = f"http://127.0.0.1:{live.port}"
        with page(live.port, f"/a/path/{TOKEN}/frames", origin=origin) as web_socket:
            web_socket.send(message({"sequence": 1, "target": 2}, picture(scene)))
            (head, content) = unpack(web_socket.recv(30))
            expected = seewhy.explain(explainer.clf, scene, "cam", 2).maps[0]
            assert (map_of(head, content) == expected).all()


def test_strangers_do_not_get_a_web_socket(explainer: Explainer) -> None:
    with serving(create_app(explainer, TOKEN)) as live:
        for path, origin in (("/frames", None), ("/wrong/frames", None), (f"/{TOKEN}/frames", "http://evil.example")):
            with pytest.raises(InvalidStatus) as refused:
                page(live.port, path, origin=origin)
            assert refused.value.response.status_code == 403


def test_a_message_that_is_too_large_is_refused_or_closes_its_own_page_only(explainer: Explainer, scene: Any) -> None:
    with serving(create_app(explainer, TOKEN)) as live, page(live.port) as other:
        with page(live.port) as web_socket:
            web_socket.send(bytes(MOST_BYTES + 1))
            assert unpack(web_socket.recv(30))[0]["reason"].startswith("The message has 16,777,217 bytes: at most 16,777,216")
            with suppress(ConnectionClosed):  # it may end before all was sent
                web_socket.send(bytes(2 * MOST_BYTES + 1))
            assert closing_code(web_socket) in (1009, None)  # None: it ended while the rest was being sent
        other.send(message({"sequence": 1}, picture(scene)))
        assert unpack(other.recv(30))[0]["kind"] == "map"


def test_two_pages_take_turns(honest: seewhy.Classifier, scene: Any) -> None:
    """Each has four frames on their way; neither waits for all of the other's."""
    heights = []
    (begun, everything_sent) = (threading.Event(), threading.Event())

    class Held(Explainer):
        def explain(self, photo: Any, *arguments: Any) -> Any:
            heights.append(photo.geometry.photo[0])
            begun.set()
            assert everything_sent.wait(20)
            return super().explain(photo, *arguments)

    with Held(honest) as explainer, serving(create_app(explainer, TOKEN)) as live, page(live.port) as one, page(live.port) as two:
        for web_socket, photo in ((one, scene), (two, scene[:120])):
            for sequence in range(4):
                web_socket.send(message({"sequence": sequence}, picture(photo)))
            assert begun.wait(20)
        end = time.monotonic() + 20
        while explainer._pool._work_queue.empty() and time.monotonic() < end:  # until the second page's first frame waits, too
            time.sleep(0.01)
        everything_sent.set()
        for web_socket in (one, two):
            assert [unpack(web_socket.recv(60))[0]["sequence"] for _ in range(4)] == [0, 1, 2, 3]
    assert heights == [240, 120] * 4


def test_a_server_that_is_stopped_while_a_frame_is_in_flight_leaves_nothing_behind(
    honest: seewhy.Classifier, scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(threading.enumerate())
    under_way = threading.Event()

    class Slow(Explainer):
        def explain(self, *arguments: Any) -> Any:
            under_way.set()
            time.sleep(1)
            return super().explain(*arguments)

    with Slow(honest) as explainer, serving(create_app(explainer, TOKEN)) as live, page(live.port) as web_socket:
        for sequence in range(3):
            web_socket.send(message({"sequence": sequence}, picture(scene)))
        assert under_way.wait(20)
        start = time.monotonic()
        live.stop()
        assert time.monotonic() - start < server.PATIENCE + 3
        assert closing_code(web_socket) == 1012
        bound("127.0.0.1", live.port).close()  # the port is free
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_goes_while_its_frame_is_in_flight_stops_nobody(explainer: Explainer, scene: Any) -> None:
    with serving(create_app(explainer, TOKEN)) as live:
        for _ in range(5):
            with page(live.port) as web_socket:
                web_socket.send(message({"sequence": 1}, picture(scene)))
        with page(live.port) as web_socket:
            web_socket.send(message({"sequence": 2}, picture(scene)))
            assert unpack(web_socket.recv(30))[0]["sequence"] == 2


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OptionError) as error:
            bound("127.0.0.1", port)
    assert str(error.value) == f"port={port} is in use by another program: write another number, or 0 for a free one."


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("no.such.host.invalid", "host='no.such.host.invalid' is not known here: write 127.0.0.1 or an address of this machine."),
        ("192.0.2.1", "host='192.0.2.1' is no address of this machine: write 127.0.0.1, or 0.0.0.0 for all that it has."),
    ],
)
def test_a_host_that_is_none(host: str, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        bound(host, 0)
    assert str(error.value) == sentence


def test_a_wrong_method_is_said_before_anything_is_opened(honest: seewhy.Classifier) -> None:
    with pytest.raises(MethodError, match="There is no method 'gradcam'"):
        serve(honest, method="gradcam", opened=lambda _: pytest.fail("opened"))


@pytest.mark.parametrize("name", ["fastapi", "uvicorn", "websockets"])
def test_the_extra_is_named_where_it_is_missing(name: str, honest: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as error:
        serve(honest, opened=lambda _: pytest.fail("opened"))
    assert str(error.value) == "The page needs fastapi, uvicorn and websockets: pip install 'seewhy[web]'."


def test_the_command_prints_one_address_and_ends_at_ctrl_c(scene: Any, tmp_path: Path) -> None:
    (home := tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "seewhy", "live", "--web", "--no-open", "--model", "demo:honest"]
    environment = {**os.environ, "TMPDIR": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]{20,})/", address)
        assert match, address
        port = int(match[1])
        assert fetch(port, f"/{match[2]}/")[0] == 200
        assert fetch(port, "/")[0] == 403
        with page(port, f"/{match[2]}/frames") as web_socket:
            web_socket.send(message({"sequence": 1}, picture(scene)))
            assert unpack(web_socket.recv(60))[0]["kind"] == "map"
            web_socket.send(message({"sequence": 2}, picture(scene)))
            process.send_signal(signal.SIGINT)
            (rest, errors) = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert (process.returncode, rest) == (0, "")
    assert errors == "Open it in a browser; Ctrl-C ends it.\n"
    assert list(home.iterdir()) == []
    assert list(tmp_path.iterdir()) == [home]


THERE = "the page has the browser's own camera, or a photo that is dropped there"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["bear.jpg"], f"'bear.jpg' beside --web: {THERE}"),
        (["--camera", "1"], f"--camera 1 beside --web: {THERE}"),
        (["-o", "x.mp4"], "-o x.mp4 beside --web: the page keeps pictures and records, and no video"),
        (["--look", "cam_show"], "--look cam_show beside --web: the page draws the overlay"),
        (["--every-frame"], "--every-frame beside --web: the page always takes the newest frame"),
        (["--seconds", "3"], "--seconds 3.0 beside --web: the page is there until Ctrl-C"),
    ],
)
def test_what_the_page_has_no_use_for(more: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["live", "--web", "--no-open", *more])
    assert end.value.code == 2
    assert capsys.readouterr() == ("", f"Error: {message}.\n")


def test_the_command_names_its_flag_where_the_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as end:
            cli.main(["live", "--web", "--no-open", "--model", "demo:honest", "--port", str(port)])
    assert end.value.code == 2
    expected = f"Error: --port {port} is in use by another program: write another number, or 0 for a free one.\n"
    assert capsys.readouterr() == ("", expected)


def test_volumes_are_refused_before_anything_is_opened() -> None:
    clf = seewhy.Classifier(PlantedVolume(), dimensions=3)
    with pytest.raises(ModelError, match="live works on photos, and this classifier is one of volumes"):
        serve(clf, method="auto", opened=lambda _: pytest.fail("opened"))
