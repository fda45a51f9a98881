"""What the page is, and how it is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import map_of, message, picture, unpack

import seewhy
from seewhy.web import live_page
from seewhy.web.explaining import Explainer
from seewhy.web.frames import SUFFIXES
from seewhy.web.live_page import KEPT, Conversation, policy, render


def ask(conversation: Conversation, sequence: int, content: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
    return tell(conversation, bytes=message({"sequence": sequence, **more}, content))


def tell(conversation: Conversation, **content: Any) -> tuple[dict[str, Any], bytes]:
    return unpack(conversation.reply(conversation.read({"type": "websocket.receive", **content})))


def test_the_page_is_one_file_that_fetches_nothing(explainer: Explainer) -> None:
    text = render(explainer)
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(|\son\w+=|\sstyle=""", text)
    assert text.count("<script") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert (data["model"], data["target"], data["recent"]) == ("demo:honest", None, 30)
    assert len(data["signed"]["recipe"]["table"]) == 255


def test_names_cannot_break_out_of_the_page(explainer: Explainer) -> None:
    explainer.clf.class_names()
    (name, explainer.clf.name) = (explainer.clf.name, "</script><script>alert(1)</script>")
    try:
        text = render(explainer, target=1)
    finally:
        explainer.clf.name = name
    assert "<script>alert" not in text
    assert text.count("<script") == 2


def test_the_policy_names_its_own_script_and_style_and_its_own_server(explainer: Explainer) -> None:
    text = render(explainer)
    rules = dict(rule.strip().split(" ", 1) for rule in policy(text, "127.0.0.1:8000").split(";"))
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        source = text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["connect-src"] == "'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000"


def test_a_frame_is_answered_with_its_map(explainer: Explainer, scene: Any) -> None:
    conversation = Conversation(explainer)
    for sequence, (method, target) in enumerate([(None, None), ("grad_cam", 2), ("eigen_cam", 0)]):
        (head, content) = ask(conversation, sequence, picture(scene), method=method, target=target)
        expected = seewhy.explain(explainer.clf, scene, method or "cam", "top1" if target is None else target)
        np.testing.assert_array_equal(map_of(head, content), expected.maps[0])
        assert (head["sequence"], head["method"], head["by_class"]) == (sequence, expected.method, expected.by_class)
        assert (head["default"], head["methods"]) == ("cam", ["cam"])
        assert head["milliseconds"] > 0


def test_the_record_of_a_frame_is_that_of_its_explanation(explainer: Explainer, scene: Any, tmp_path: Path) -> None:
    conversation = Conversation(explainer)
    (head, content) = ask(conversation, 3, picture(scene), target=1)
    (record, kept) = ask(conversation, 3, keep=".npz")
    assert record == {"kind": "record", "sequence": 3, "suffix": ".npz"}
    (tmp_path / "e.npz").write_bytes(kept)
    explanation = seewhy.Explanation.load(tmp_path / "e.npz")
    np.testing.assert_array_equal(explanation.maps[0], map_of(head, content))
    np.testing.assert_array_equal(explanation.photo.original, scene)
    assert explanation.targets[0].index == 1
    (_, kept) = ask(conversation, 3, keep=".json")
    np.testing.assert_allclose(json.loads(kept)["maps"], explanation.maps, rtol=1e-6)
    for sequence in range(4, 4 + KEPT):
        ask(conversation, sequence, picture(scene))
    assert ask(conversation, 3, keep=".npz")[0]["reason"] == "This frame is gone: only the last ones can be kept."
    assert ask(Conversation(explainer), 4, keep=".npz")[0]["reason"].startswith("This frame is gone")  # another page's


def test_what_cannot_be_explained_is_said(explainer: Explainer, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = Conversation(explainer)
    for content, reason in (
        ({"text": "hello"}, "The message is text: the page sends binary ones."),
        ({"text": None, "bytes": b""}, "The message has no head"),
        ({"bytes": message({"sequence": 4}, b"no picture")}, "This is not a picture that can be read"),
    ):
        (head, _) = tell(conversation, **content)
        assert head["kind"] == "refusal"
        assert head["reason"].startswith(reason)
    assert head["sequence"] == 4
    (head, _) = ask(
        Conversation(Explainer(seewhy.Classifier(lambda x: x.mean((2, 3)), seewhy.Preprocess(size=8)))), 0, picture(scene)
    )
    assert head["reason"].startswith("This is a function: its inside cannot be watched")


def test_an_error_of_ours_is_said_and_logged(
    explainer: Explainer, scene: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_page, "answer", lambda *_, **__: {}["nothing"])
    (head, _) = ask(Conversation(explainer), 1, picture(scene))
    assert head["reason"] == "Something went wrong in the server: KeyError. It says more in its terminal."
    assert "A frame could not be explained." in caplog.text


def broken(random: random.Random, photo: bytes) -> dict[str, Any]:
    """A message as nobody should send it."""
    noise = random.randbytes(random.choice([0, 1, 3, 4, 5, 40, 3000]))
    cut = photo[: random.randrange(len(photo))]
    at = random.randrange(len(photo))
    flipped = photo[:at] + bytes([photo[at] ^ (1 << random.randrange(8))]) + photo[at + 1 :]
    strange = random.choice(
        [None, True, -1, 3, 99, 1e300, 2**70, "", "cam", "../../etc/passwd", "/tmp/x.npz", [], {}, "\0", "𝕏" * 40]
    )
    head = {"sequence": 1} | {random.choice(["sequence", "target", "method", "keep", "file", "path", ""]): strange}
    whole = message({"sequence": 1}, photo)
    return random.choice(
        [
            {"bytes": noise},
            {"text": noise.decode("latin-1")},
            {"bytes": message({"sequence": 1}, noise)},
            {"bytes": message({"sequence": 1}, cut)},
            {"bytes": message({"sequence": 1}, flipped)},
            {"bytes": message(head, photo)},
            {"bytes": message({"sequence": random.randrange(9), "keep": random.choice(SUFFIXES)})},
            {"bytes": whole[: random.randrange(60)]},
            {"bytes": random.randbytes(4) + whole[4:]},
            {"bytes": message(noise.decode("latin-1"), photo)},
        ]
    )


def test_a_thousand_malformed_messages_stop_nothing_and_reach_no_file(
    explainer: Explainer, scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    chance = random.Random(0)
    conversation = Conversation(explainer)
    photos = [picture(scene[::4, ::4], format) for format in ("JPEG", "PNG", "WEBP")]
    kinds = []
    for _ in range(1000):
        kinds.append(tell(conversation, **broken(chance, chance.choice(photos)))[0]["kind"])
    assert set(kinds) <= {"map", "refusal", "record"}
    assert kinds.count("refusal") > 500  # a few are whole by chance: a flipped bit, a head that is right
    assert list(tmp_path.iterdir()) == []
    assert ask(conversation, 5, photos[0])[0]["kind"] == "map"
