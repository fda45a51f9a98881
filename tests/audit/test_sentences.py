from __future__ import annotations

import pytest

from seewhy.audit.judge import LOCAL, NONE, SHORTCUT, SURROUNDINGS, UNDECIDED, Judgement, TrialOutcome
from seewhy.audit.sentences import place_in_words, sentence

BOX = (0.84, 0.02, 0.98, 0.2)
OUTCOME = TrialOutcome([1.0] * 57 + [0.0] * 3, 57, 0.02, [], 0.975, 0.0)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (BOX, "in the lower left corner (rows 84-98 %, columns 2-20 %)"),
        ((0, 0.8, 0.2, 1), "in the upper right corner (rows 0-20 %, columns 80-100 %)"),
        ((0, 0.4, 0.2, 0.6), "at the top (rows 0-20 %, columns 40-60 %)"),
        ((0.9, 0.4, 1, 0.6), "at the bottom (rows 90-100 %, columns 40-60 %)"),
        ((0.4, 0, 0.6, 0.2), "at the left edge (rows 40-60 %, columns 0-20 %)"),
        ((0.4, 0.4, 0.6, 0.6), "in the middle (rows 40-60 %, columns 40-60 %)"),
    ],
)
def test_a_place_in_words(box: tuple[float, float, float, float], words: str) -> None:
    assert place_in_words(box) == words


def test_a_shortcut() -> None:
    judgement = Judgement(SHORTCUT, 0, (0.81, 1.0), 1.0, 60, 60, 30, [0, 1])
    assert sentence(judgement, OUTCOME, BOX) == (
        "shortcut, overlay-like: the same pixels in the lower left corner (rows 84-98 %, columns 2-20 %) in 98 % of the class's "
        "photos; alone they turn 95 % of other photos, a matched control 2 %: an effect of 95 % [81 %, 100 %]"
    )


def test_the_other_four() -> None:
    local = sentence(Judgement(LOCAL, 0, (0.81, 1.0)), OUTCOME, BOX)
    assert local.startswith("local reliance, not judged: what lies in the lower left corner")
    assert local.endswith("an effect of 95 % [81 %, 100 %]; it may be the object")
    surroundings = sentence(Judgement(SURROUNDINGS, 0, (0.81, 1.0)), OUTCOME, BOX)
    assert surroundings.startswith("leans on its surroundings; you judge whether that is right: ")
    assert sentence(Judgement(NONE, 0, limit=0.11, tried=[0, 1, 2]), OUTCOME, BOX) == (
        "none of the 3 candidates tried turned more than 11 % of other photos beyond what matched controls turn (simultaneous "
        "upper limit); others may exist"
    )
    assert "the one candidate tried did not turn more than 11 %" in sentence(
        Judgement(NONE, 0, limit=0.11, tried=[0]), OUTCOME, BOX
    )
    assert sentence(Judgement(UNDECIDED, None, recipients=8, available=8, needed=33), None, None) == (
        "undecided: too few photos; a cue that turns 50 % of other photos must be found with a probability of 80 %, "
        "and there are 8 to try it on, 33 would do"
    )
    passes = sentence(Judgement(UNDECIDED, None, recipients=8, available=60, needed=33), None, None)
    assert passes.startswith("undecided: too few passes for the photos at hand; ")


def test_none_is_never_called_clean() -> None:
    for judgement in (Judgement(NONE, 0, limit=0.01, tried=[0]), Judgement(UNDECIDED, None)):
        assert "clean" not in sentence(judgement, OUTCOME, BOX)
