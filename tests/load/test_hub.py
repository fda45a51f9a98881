"""What is in the hub's cache, and what is said where the hub does not answer."""

from __future__ import annotations

import http.server
import threading
import time
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


def test_a_hub_that_answers_anything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        hub.check_reachable("hf:ours/net", "ours/net")
        thread.join()
