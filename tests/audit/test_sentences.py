from __future__ import annotations

import pytest
from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

from seewhy.audit.calibration import Calibration
from seewhy.audit.judge import Judgement, TrialOutcome
from seewhy.audit.kinds import EVIDENCE, LOCAL, NONE, SHORTCUT, SURROUNDINGS, THIRD, UNDECIDED
from seewhy.audit.planning import AuditPlan
from seewhy.audit.sentences import PhotoCounts, power_sentence, sentence
from seewhy.audit.statistics import power
from seewhy.audit.trials import Tried
from seewhy.formatting import format_share

OVERLAY, PART = stamp_candidate(), stamp_candidate(why=EVIDENCE)
COUNTS = PhotoCounts(40, 30, 60)
EFFECTS = [1.0] * 57 + [0.0] * 2 + [-1.0]
OUTCOME = TrialOutcome({THIRD: EFFECTS}, 57, 60, [], 0.975, 0.0)


def test_a_shortcut() -> None:
    judgement = Judgement(SHORTCUT, 0, (0.81, 1.0), 1.0, 60, 60, 30, [0, 1])
    assert sentence(judgement, OUTCOME, OVERLAY, COUNTS) == (
        "shortcut, overlay-like: the same pixels in the lower left corner (rows 78-94 %, columns 6-28 %) in 98 % of the class's "
        "rightly answered photos; alone they turn 95 % of other photos, a matched control 2 %: an effect of 93 % [81 %, 100 %]"
    )


def test_clean_networks_stand_beside_it() -> None:
    def said(kind: str, calibration: Calibration | None) -> str:
        judgement = Judgement(kind, 0, (0.81, 1.0), tried=[0], calibration=calibration)
        return sentence(judgement, OUTCOME, OVERLAY, COUNTS)

    effect = "alone they turn 95 % of other photos, a matched control 2 %: an effect of 93 % [81 %, 100 %]"
    assert said(SHORTCUT, Calibration("overlay", 0.8, 0, 61)).endswith(
        f"; {effect}; 0 of 61 clean networks of ours reach this score"
    )
    assert said(SHORTCUT, Calibration("overlay", 0.8, 0, 0)) == said(SHORTCUT, None)
    assert said(LOCAL, Calibration("overlay", 0.8, 2, 61)) == (
        "local reliance, overlay score uncalibrated: the same pixels in the lower left corner (rows 78-94 %, columns 6-28 %) in "
        f"98 % of the class's rightly answered photos; {effect}; 2 of 61 clean networks of ours reach this score"
    )
    assert said(LOCAL, Calibration("overlay", 0.8, 0, 61, "20 photos")).endswith(
        "; 0 of 61 clean networks of ours reach this score, outside their range: 20 photos"
    )
    surroundings = said(SURROUNDINGS, Calibration("surroundings", 0.8, 2, 61, "20 photos"))
    assert surroundings.startswith("leans on its surroundings; you judge whether that is right: ")
    assert surroundings.endswith("2 of 61 clean networks of ours reach this score, outside their range: 20 photos")


def test_the_other_four() -> None:
    local = sentence(Judgement(LOCAL, 0, (0.81, 1.0)), OUTCOME, PART, COUNTS)
    assert local.startswith("local reliance, not judged: what lies in the lower left corner")
    assert local.endswith("an effect of 93 % [81 %, 100 %]; it may be the object")
    surroundings = sentence(Judgement(SURROUNDINGS, 0, (0.81, 1.0)), OUTCOME, PART, COUNTS)
    assert surroundings.startswith("leans on its surroundings; you judge whether that is right: ")
    assert sentence(Judgement(NONE, 0, limit=0.11, tried=[0, 1, 2]), OUTCOME, PART, COUNTS) == (
        "none of the 3 candidates tried turned more than 11 % of other photos beyond what matched controls turn (simultaneous "
        "upper limit); others may exist"
    )
    assert "the one candidate tried did not turn more than 11 %" in sentence(
        Judgement(NONE, 0, limit=0.11, tried=[0]), OUTCOME, PART, COUNTS
    )
    assert sentence(
        Judgement(UNDECIDED, None, recipients=8, available=8, needed=33, donors=9, tried=[0]), None, None, COUNTS
    ) == (
        "undecided: too few photos; of 8 of other classes that it was tried on, a cue may turn more than 50 % beyond its "
        "controls; 33 would do"
    )
    passes = sentence(Judgement(UNDECIDED, None, recipients=8, available=60, needed=33, donors=9, tried=[0]), None, None, COUNTS)
    assert passes.startswith("undecided: too few passes for the photos at hand; ")


def test_none_is_never_called_clean() -> None:
    for judgement in (Judgement(NONE, 0, limit=0.01, tried=[0]), Judgement(UNDECIDED, None)):
        assert "clean" not in sentence(judgement, OUTCOME, PART, COUNTS)


def test_what_keeps_a_class_undecided_is_said() -> None:
    def said(judgement: Judgement, counts: PhotoCounts = COUNTS, budget: int | None = None) -> str:
        return sentence(judgement, None, None, counts, budget)

    nothing = Judgement(UNDECIDED, None, donors=9)
    assert said(nothing, PhotoCounts(40, 0, 60)) == "undecided: none of the 40 photos of the class is answered rightly"
    assert said(nothing, PhotoCounts(40, 30, 0)) == (
        "undecided: no photo of another class that is answered rightly is there to try anything on"
    )
    assert said(Judgement(UNDECIDED, None, donors=2), PhotoCounts(4, 4, 60)) == (
        "undecided: too few photos of the class; 4 are answered rightly, each scene counted once, and 9 at least are needed"
    )
    assert said(nothing) == "undecided: nothing of the class recurs that could be tried"
    passes = Judgement(UNDECIDED, None, recipients=8, available=60, needed=33, donors=9, tried=[0])
    assert said(passes, budget=1500).endswith("beyond its controls; 33 would do, with a budget of 1,500")


def test_what_the_photos_can_show_is_said_before() -> None:
    recipients = photos([noise(n) for n in range(40)], label=1)
    tried = [Tried(n, stamp_candidate(n), recipients[: 40 - 30 * n], [], recipients) for n in range(2)]
    plan = AuditPlan(tried, [(1.0, 0.0)] * 2, {0: 40, 1: 10}, {0: 40, 1: 10})
    (half, third) = (format_share(power(share, 40, 2)) for share in (0.5, 0.3))
    assert (power(0.5, 10, 2), power(0.3, 10, 2)) == (pytest.approx(11 / 1024), pytest.approx(10 * 0.3**9 * 0.7 + 0.3**10))
    assert power_sentence(plan) == (
        f"With these photos and passes a cue that is tried and turns 50 % of other photos is declared with a probability of "
        f"1 % to {half}, one that turns 30 % with {format_share(power(0.3, 10, 2))} to {third}, from class to class; less "
        "where its controls turn photos, too"
    )
    one_class = AuditPlan(tried[:1], [(1.0, 0.0)], {0: 40}, {0: 40})
    assert "from class to class" not in power_sentence(one_class)
    assert " % to " not in power_sentence(one_class)
