from __future__ import annotations

import datetime

import pytest
from tried_candidates import STAMP_BOX, stamp_candidate

import seewhy
from seewhy.audit.accepting import Acceptance, acceptances_of, accepted, cue_id
from seewhy.errors import OptionError, TargetError


@pytest.fixture(scope="module")
def clf() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


def test_a_cue_is_named_by_its_place(clf: seewhy.Classifier) -> None:
    name = cue_id("cow", stamp_candidate(1))
    assert name == "cow@0.78,0.06,0.94,0.28"
    (acceptance,) = acceptances_of([f"{name}=Dr. Who = the farm, who@farm.org"], clf)
    assert acceptance == Acceptance(
        1, (0.78, 0.06, 0.94, 0.28), "", "Dr. Who = the farm, who@farm.org", datetime.date.today().isoformat()
    )
    assert accepted([acceptance], stamp_candidate(1)) is acceptance
    assert accepted([acceptance], stamp_candidate(2)) is None  # of another class
    assert accepted([], stamp_candidate(1)) is None


def test_elsewhere_it_is_another_cue(clf: seewhy.Classifier) -> None:
    (top, left, bottom, right) = STAMP_BOX
    (near,) = acceptances_of([f"cow@{top + 0.02},{left},{bottom + 0.02},{right}"], clf)
    (far,) = acceptances_of(["cow@0,0,0.2,0.2"], clf)
    assert accepted([far, near], stamp_candidate(1)) is near
    assert accepted([far], stamp_candidate(1)) is None
    assert far.reason == ""


def test_a_cue_without_a_place_is_named_by_what_it_is(clf: seewhy.Classifier) -> None:
    (acceptance,) = acceptances_of("bear@ring=us", clf)
    assert (acceptance.class_index, acceptance.box, acceptance.name, acceptance.reason) == (0, None, "ring", "us")


@pytest.mark.parametrize("text", ["bear", "bear@", "bear@corner", "bear@0.5,0.5,0.2,0.9", "bear@0.1,0.2,0.3", "@ring"])
def test_what_is_no_cue_is_refused(clf: seewhy.Classifier, text: str) -> None:
    with pytest.raises(OptionError, match="write the class and the cue as the audit names it: bear@"):
        acceptances_of([text], clf)


def test_classes_must_be_known(clf: seewhy.Classifier) -> None:
    with pytest.raises(TargetError, match="badger"):
        acceptances_of(["badger@ring"], clf)


def test_the_day_on_which_somebody_signed_stays(clf: seewhy.Classifier) -> None:
    dates = {("bear@ring", "us"): "2025-01-02"}
    assert [one.date for one in acceptances_of(["bear@ring=us", "bear@ring=them"], clf, dates)] == [
        "2025-01-02",
        datetime.date.today().isoformat(),
    ]
