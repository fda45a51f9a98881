"""What is in the hub's cache, and what is said where the hub does not answer."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fake_hub import DEAD, offline, put

from seewhy.errors import ModelError
from seewhy.load import hub

constants = pytest.importorskip("huggingface_hub.constants")


def test_the_cache_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path / "cache")
    (tmp_path / "b.bin").write_text("b")
    assert hub.cached("ours/net", ("a.bin", "b.bin")) is None
    put(tmp_path / "cache", "ours/net", tmp_path / "b.bin")
    path = hub.cached("ours/net", ("a.bin", "b.bin"))
    assert path is not None
    assert path.read_text() == "b"


@pytest.mark.parametrize("name", ["/no/such", "./my/modle/x", "a/b/c", "bert base"])
def test_what_is_neither_a_folder_nor_a_name(name: str) -> None:
    with pytest.raises(ModelError) as error:
        hub.cached(name, ("config.json",))
    assert str(error.value) == f"There is no folder '{name}', and it is no name on the hub (owner/name)."
    assert error.value.__cause__ is not None


def test_a_hub_that_does_not_answer_is_one_line_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    start = time.perf_counter()
    with pytest.raises(ModelError) as error:
        hub.check_reachable("hf:ours/net", "ours/net")
    assert time.perf_counter() - start < 5
    text = str(error.value)
    assert text.startswith(f"'hf:ours/net' is not in the cache '{tmp_path}' and cannot be fetched from {DEAD}/ours/net (")
    assert text.endswith("). Give your own weights=, or a folder that holds the model.")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        hub.check_reachable("hf:ours/net", "ours/net")


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """A hub that answers every question so."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_a_hub_that_answers_anything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, 403):
        hub.check_reachable("hf:ours/net", "ours/net")


def has_file() -> bool:
    return hub.has("hf:ours/net", "ours/net", "a.json")


def test_a_file_is_missing_only_where_the_hub_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path / "cache")
    (tmp_path / "b.json").write_text("b")
    put(tmp_path / "cache", "ours/net", tmp_path / "b.json")
    with pytest.raises(ModelError) as error:
        has_file()
    text = str(error.value)
    assert text.startswith(
        f"'a.json' of 'hf:ours/net' is not in the cache '{tmp_path / 'cache'}' and cannot be fetched from {DEAD}/"
    )
    assert text.endswith("). Fetch it once, or give a folder that holds the model.")
    for headers in ({}, {"X-Error-Code": "EntryNotFound"}):
        with answering(monkeypatch, 404, headers):
            assert not has_file()
    with answering(monkeypatch, 200):
        assert has_file()
    for status, headers in ((403, {}), (500, {}), (404, {"X-Error-Code": "RepoNotFound"})):  # these say nothing of the file
        with answering(monkeypatch, status, headers), pytest.raises(ModelError, match="cannot be fetched"):
            has_file()


def test_the_cache_remembers_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    put(tmp_path, "ours/net")
    mark = tmp_path / "models--ours--net" / ".no_exist" / ("0" * 40) / "a.json"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert not has_file()
    mark.unlink()
    (tmp_path / "models--ours--net" / "snapshots" / ("0" * 40) / "a.json").touch()
    assert has_file()
