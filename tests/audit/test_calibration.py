"""Scores beside those of clean networks, on a bank made by hand."""

from __future__ import annotations

import json

import pytest

from seewhy.audit import calibration
from seewhy.audit.calibration import Bank, CleanNetwork
from seewhy.audit.kinds import KINDS, LOCAL, NONE, OVERLAY, SHORTCUT, SURROUNDINGS, UNDECIDED

BANK = Bank(
    [
        CleanNetwork("one", "no cue", "plain", "wild", 3, (28, 30), (20, 50), -1.0, 0.4),
        CleanNetwork("two", "no cue", "plain", "wild", 2, (44, 50), (22, 60), 0.25, 0.1),
        CleanNetwork("three", "objects aligned", "flat", "aligned", 4, (120, 128), (90, 192), 0.5, 0.1),
    ],
    {"budget": 7000},
)


def beside(
    score: float, kind: str = SHORTCUT, classes: int = 3, photos: int = 50, recipients: int = 60
) -> calibration.Calibration:
    found = BANK.beside(kind, {OVERLAY: score, SURROUNDINGS: score}, classes, photos, recipients)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("score", "reached", "is_above"), [(0.51, 0, True), (0.5, 1, False), (0.25, 2, False), (0.24, 2, False), (-1.0, 3, False)]
)
def test_one_that_equals_the_largest_does_not_lie_above_it(score: float, reached: int, is_above: bool) -> None:
    found = beside(score)
    assert (found.stratum, found.score, found.reached, found.networks) == (OVERLAY, score, reached, 3)
    assert found.is_above is is_above
    assert found.words == f"{reached} of 3 clean networks of ours reach this score"
    assert found.uncalibrated == ("" if is_above else found.words)


def test_each_stratum_has_its_own_scores_and_surroundings_stay_what_they_are() -> None:
    found = beside(0.3, SURROUNDINGS)
    assert (found.stratum, found.reached, found.is_above) == (SURROUNDINGS, 1, False)
    assert found.uncalibrated == ""
    assert [BANK.beside(kind, {}, 3, 50, 60) for kind in (LOCAL, NONE, UNDECIDED)] == [None, None, None]
    assert set(calibration.STRATA) <= set(KINDS)


@pytest.mark.parametrize(
    ("classes", "photos", "outside"),
    [
        (2, 28, ""),
        (4, 128, ""),
        (5, 50, "photos of 5 classes are used, theirs are of at most 4"),
        (3, 27, "27 photos of the class are used, of theirs 28 to 128"),
        (3, 129, "129 photos of the class are used, of theirs 28 to 128"),
        (
            1000,
            20,
            "photos of 1,000 classes are used, theirs are of at most 4 and 20 photos of the class are used, of theirs 28 to 128",
        ),
    ],
)
def test_outside_of_the_banks_range_no_score_lies_above_it(classes: int, photos: int, outside: str) -> None:
    found = beside(0.9, classes=classes, photos=photos)
    assert found.outside == outside
    assert found.is_above is (outside == "")
    assert found.uncalibrated == (
        f"0 of 3 clean networks of ours reach this score, outside their range: {outside}" if outside else ""
    )


def test_scores_on_more_photos_than_theirs_are_not_compared() -> None:
    """Of an effect of 100 %, 60 photos give a lower end of 0.83, 256 one of 0.96."""
    assert beside(0.9, recipients=192).is_above
    for recipients in (19, 193):
        assert beside(0.9, recipients=recipients).outside == f"it is tried on {recipients} photos, theirs on 20 to 192"


def test_without_a_clean_network_nothing_is_calibrated_and_nothing_is_taken_back() -> None:
    found = Bank().beside(SHORTCUT, {OVERLAY: 0.2}, 1000, 3, 4)
    assert found is not None
    assert (found.reached, found.networks, found.outside) == (0, 0, "")
    assert (found.words, found.uncalibrated, found.is_above) == ("", "", False)
    assert Bank().words == "none was measured: no score is calibrated"
    assert BANK.words == "3, 1 of them with aligned objects; of at most 4 classes, with 28 to 128 used photos of each"


def test_a_class_has_the_largest_lower_end_of_each_stratum() -> None:
    tried = [(SHORTCUT, 0.2), (SHORTCUT, 0.3), (LOCAL, 0.9), (SURROUNDINGS, -0.4)]
    assert calibration.largest(tried) == {OVERLAY: 0.3, SURROUNDINGS: -0.4}
    assert calibration.largest([(LOCAL, 0.9)]) == {OVERLAY: -1.0, SURROUNDINGS: -1.0}


def test_a_bank_is_read_as_it_was_written() -> None:
    assert calibration.read(BANK.as_json()) == BANK
    assert json.loads(BANK.as_json())["networks"][1]["photos"] == [44, 50]


def test_the_bank_that_comes_with_seewhy() -> None:
    bank = calibration.shipped()
    assert bank.as_json() == calibration.PLACE.read_bytes()
    assert all(-1 <= network.score(stratum) <= 1 for network in bank.networks for stratum in (OVERLAY, SURROUNDINGS))
    if bank.networks:
        assert len(bank.networks) >= 59
        assert len({network.name for network in bank.networks}) == len(bank.networks)
        assert set(bank.conditions) == {"audit", "recipe", "budget", "alpha"}
        assert bank.conditions["alpha"] == calibration.ALPHA
