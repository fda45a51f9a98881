"""What is compared with what: the seconds that were stated for the trials, with those that they took."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench import audit_cost

import seewhy
from seewhy.audit.trying import Trying


def test_what_was_stated_for_the_trials_is_compared_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a second for each trial, whatever the search for candidates takes."""
    photos = audit_cost._scenes(tmp_path / "photos", 24)
    monkeypatch.setattr(sys.modules[Trying.__module__], "seconds_of_one", lambda *_: 0.25)
    clf = seewhy.load("demo:honest")
    told = audit_cost._timed(lambda: seewhy.audit(clf, photos, "folders", budget=400, progress=False, told=lambda line: None))
    count = round(told["trials"] * told["taken"])
    assert count > 50
    assert told["stated"] == pytest.approx(0.25 * count)
    assert 0 < told["taken"] < told["taken"] + told["planned"] < told["seconds"]
