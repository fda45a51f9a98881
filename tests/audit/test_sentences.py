from __future__ import annotations

from tried_candidates import stamp_candidate

from seewhy.audit.judge import Judgement, TrialOutcome
from seewhy.audit.kinds import EVIDENCE, LOCAL, NONE, SHORTCUT, SURROUNDINGS, THIRD, UNDECIDED
from seewhy.audit.sentences import sentence

OVERLAY, PART = stamp_candidate(), stamp_candidate(why=EVIDENCE)
EFFECTS = [1.0] * 57 + [0.0] * 2 + [-1.0]
OUTCOME = TrialOutcome({THIRD: EFFECTS}, 57, 60, [], 0.975, 0.0)


def test_a_shortcut() -> None:
    judgement = Judgement(SHORTCUT, 0, (0.81, 1.0), 1.0, 60, 60, 30, [0, 1])
    assert sentence(judgement, OUTCOME, OVERLAY) == (
        "shortcut, overlay-like: the same pixels in the lower left corner (rows 78-94 %, columns 6-28 %) in 98 % of the class's "
        "rightly answered photos; alone they turn 95 % of other photos, a matched control 2 %: an effect of 93 % [81 %, 100 %]"
    )


def test_the_other_four() -> None:
    local = sentence(Judgement(LOCAL, 0, (0.81, 1.0)), OUTCOME, PART)
    assert local.startswith("local reliance, not judged: what lies in the lower left corner")
    assert local.endswith("an effect of 93 % [81 %, 100 %]; it may be the object")
    surroundings = sentence(Judgement(SURROUNDINGS, 0, (0.81, 1.0)), OUTCOME, PART)
    assert surroundings.startswith("leans on its surroundings; you judge whether that is right: ")
    assert sentence(Judgement(NONE, 0, limit=0.11, tried=[0, 1, 2]), OUTCOME, PART) == (
        "none of the 3 candidates tried turned more than 11 % of other photos beyond what matched controls turn (simultaneous "
        "upper limit); others may exist"
    )
    assert "the one candidate tried did not turn more than 11 %" in sentence(
        Judgement(NONE, 0, limit=0.11, tried=[0]), OUTCOME, PART
    )
    assert sentence(Judgement(UNDECIDED, None, recipients=8, available=8, needed=33, tried=[0]), None, None) == (
        "undecided: too few photos; of 8 of other classes that it was tried on, a cue may turn more than 50 % beyond its "
        "controls; 33 would do"
    )
    passes = sentence(Judgement(UNDECIDED, None, recipients=8, available=60, needed=33, tried=[0]), None, None)
    assert passes.startswith("undecided: too few passes for the photos at hand; ")
    assert sentence(Judgement(UNDECIDED, None), None, None) == (
        "undecided: too few photos; there is nothing to try, or no photo of another class to try it on"
    )


def test_none_is_never_called_clean() -> None:
    for judgement in (Judgement(NONE, 0, limit=0.01, tried=[0]), Judgement(UNDECIDED, None)):
        assert "clean" not in sentence(judgement, OUTCOME, PART)
