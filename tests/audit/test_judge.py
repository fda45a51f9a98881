from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
import pytest
from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

from seewhy.audit import statistics
from seewhy.audit.calibration import Bank, CleanNetwork
from seewhy.audit.candidates import CueChange
from seewhy.audit.judge import Judgement, TrialOutcome, judged, outcomes
from seewhy.audit.kinds import (
    COVERED,
    CUE,
    ELSEWHERE,
    EVIDENCE,
    FILLED,
    LOCAL,
    NONE,
    OTHER_PLACE,
    OVERLAY,
    REPLACED,
    RING,
    SHORTCUT,
    SHUFFLED,
    SURROUNDINGS,
    THIRD,
    UNDECIDED,
)
from seewhy.audit.rings import OuterRing
from seewhy.audit.trials import AuditTrial
from seewhy.audit.whole_photo import WholePhoto
from seewhy.edits import Fill
from seewhy.properties import PROPERTIES

EDIT = Fill(box=(0, 0, 0.5, 0.5))
CLASS, OTHER = 4, 1


def outcome_of(*answered: tuple[str, int, str, int | None], share: float = 1.0, share_others: float = 0.0) -> TrialOutcome:
    """answered : role, photo, control and answer of each trial; None where it could not be read."""
    trials = [AuditTrial(0, photo, "a.png", 0, CueChange(role, EDIT, control)) for role, photo, control, _ in answered]
    answers = {place: answer for place, (*_, answer) in enumerate(answered) if answer is not None}
    return outcomes([0], [stamp_candidate(CLASS)], trials, answers, [(share, share_others)])[0]


def test_an_effect_is_what_the_cue_turns_less_what_one_kind_of_control_turns() -> None:
    outcome = outcome_of(
        *((CUE, 0, "", CLASS), (CUE, 0, THIRD, CLASS), (CUE, 0, THIRD, OTHER), (CUE, 0, COVERED, OTHER)),
        *((CUE, 1, "", OTHER), (CUE, 1, THIRD, OTHER), (CUE, 1, THIRD, CLASS), (CUE, 1, COVERED, OTHER)),
        *((CUE, 2, "", CLASS), (CUE, 2, THIRD, OTHER), (CUE, 2, THIRD, OTHER), (CUE, 2, COVERED, OTHER)),
        share=0.9,
        share_others=0.1,
    )
    assert outcome.effects_by_control == {THIRD: [0.5, -0.5, 1.0], COVERED: [1.0, 0.0, 1.0]}
    assert (outcome.turned, outcome.tried) == (2, 3)
    assert outcome.strongest_control == THIRD
    assert outcome.effects == [0.5, -0.5, 1.0]
    assert outcome.effect == pytest.approx(1 / 3)
    assert outcome.control == pytest.approx(1 / 3)
    assert (outcome.share, outcome.share_others, outcome.necessity, outcome.shuffled) == (0.9, 0.1, [], None)


def test_the_same_pixels_in_another_order_decide_nothing() -> None:
    """A coloured patch is a cue, too."""
    trials = [
        (CUE, photo, control, CLASS if control != THIRD else OTHER) for photo in range(2) for control in ("", SHUFFLED, THIRD)
    ]
    outcome = outcome_of(*trials)
    assert outcome.effects == [1.0, 1.0]
    assert outcome.shuffled == 1.0


def test_a_photo_with_a_trial_that_was_not_read_does_not_count() -> None:
    outcome = outcome_of((CUE, 0, "", CLASS), (CUE, 0, THIRD, OTHER), (CUE, 1, "", CLASS), (CUE, 1, THIRD, None))
    assert outcome.effects == [1.0]
    assert outcome_of((CUE, 0, "", None)).effects == []


def test_what_is_needed_is_counted_by_the_fill_with_the_smaller_effect() -> None:
    left = [OTHER, CLASS, OTHER, CLASS, OTHER, OTHER, CLASS, CLASS]  # filled: both leave; replaced: one, with its control
    trials = [(role, photo, control) for role in (FILLED, REPLACED) for photo in (0, 1) for control in ("", OTHER_PLACE)]
    outcome = outcome_of(*((*trial, answer) for trial, answer in zip(trials, left, strict=True)))
    assert outcome.necessity == [0.0, 0.0]
    assert (outcome.effects, outcome.effect, outcome.control) == ([], 0.0, 0.0)
    assert outcome_of((FILLED, 0, "", OTHER)).necessity == [1.0]  # without a control


STRONG, NOTHING = [1.0] * 60, [0.0] * 60


def outcome(effects: list[float], share: float = 0.9, share_others: float = 0.0, **others: list[float]) -> TrialOutcome:
    turned = sum(effect > 0 for effect in effects)
    return TrialOutcome({THIRD: effects, **others}, turned, len(effects), [], share, share_others)


def judged_alone(
    *tried: TrialOutcome, count: int = 60, why: str = "recurring", constant: bool = True, donors: int = 9
) -> Judgement:
    candidates = [stamp_candidate(CLASS, why, constant=constant) for _ in tried]
    return judged([CLASS], candidates, dict(enumerate(tried)), {CLASS: count}, {CLASS: donors})[CLASS]


def test_each_kind_of_control_has_to_be_beaten() -> None:
    """What any salient patch of the class turns, or the mere covering of the place, is no effect of the cue."""
    beaten = outcome(STRONG, elsewhere=STRONG)
    equal = outcome(STRONG, elsewhere=NOTHING)
    assert beaten.log_e_value == statistics.log_e_value(STRONG)
    assert equal.log_e_value == statistics.log_e_value(NOTHING) < 0
    assert equal.strongest_control == ELSEWHERE
    assert judged_alone(beaten).kind == SHORTCUT
    assert judged_alone(equal).kind == NONE


def test_an_interval_holds_for_the_strongest_control_whichever_it_is() -> None:
    """The lower end is that of the kind with the lowest; the upper one takes into account that there are two."""
    two = outcome([1.0] * 30, elsewhere=[0.5] * 30)
    (low, high) = two.interval(0.1)
    assert low == statistics.effect_interval([0.5] * 30, 0.1)[0]
    assert high == statistics.effect_interval([0.5] * 30, 0.05)[1]
    assert two.limit(0.1) == high
    assert TrialOutcome({}, 0, 0, [], 0.0, 0.0).interval(0.1) == (-1.0, 1.0)
    misses = 0
    random = np.random.default_rng(0)
    for _ in range(300):  # two kinds that turn equally much: the true effect is 0.4
        (cue, first, second) = (random.random(60) < share for share in (0.6, 0.2, 0.2))
        effects = {THIRD: (cue * 1.0 - first).tolist(), ELSEWHERE: (cue * 1.0 - second).tolist()}
        (low, high) = TrialOutcome(effects, int(cue.sum()), 60, [], 1.0, 0.0).interval(0.1)
        misses += not low <= 0.4 <= high
    assert misses <= 30


def simulated(random: np.random.Generator) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Ten candidates tried on the same 64 photos, by name: two turn .55 of them, a kind of control .15, another .05: a true
    effect of 0.4. Eight turn .35, and these controls .25 and .05: they lie at the boundary of the null. A photo that one of all
    these turns is turned by others, too."""
    easily = random.normal(size=64)  # by photo
    kinds: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for number in range(10):
        shares = (0.55, 0.15, 0.15, 0.05, 0.05) if number < 2 else (0.35, 0.25, 0.25, 0.05, 0.05)
        own = np.sqrt(0.5) * (easily + random.normal(size=(5, 64)))  # of normal distribution, correlated by 0.5
        (cue, *controls) = own < np.array([NormalDist().inv_cdf(share) for share in shares])[:, None]
        for effects, pair in zip(kinds, (controls[:2], controls[2:]), strict=True):
            effects[f"{'true' if number < 2 else 'null'} {number}"] = (cue - np.mean(pair, axis=0)).tolist()
    return kinds


def missed_by(judgements: Iterable[Judgement]) -> float:
    """The share of the intervals of simulated verdicts with a declared candidate that miss its true effect."""
    shown = {one.candidate: one.interval for one in judgements if one.declared and one.candidate is not None}
    effects = {number: 0.4 if number < 2 else 0.1 for number in shown}
    return sum(not low <= effects[number] <= high for number, (low, high) in shown.items()) / max(1, len(shown))


def test_false_declarations_are_rare_and_intervals_hold_after_selection() -> None:
    """Over 2,000 simulated audits of five classes with two candidates each, both of the first with an effect; and the simulation
    tells a judge who forgets a kind of control."""
    random = np.random.default_rng(4)
    candidates = [stamp_candidate(number // 2) for number in range(10)]
    (false, missed, careless, hits) = ([], [], [], 0)
    for _ in range(2000):
        (strong, weak) = simulated(random)
        tried = [TrialOutcome({THIRD: strong[name], ELSEWHERE: weak[name]}, 0, 64, [], 1.0, 0.0) for name in strong]
        judgements = judged(range(5), candidates, dict(enumerate(tried)), *(dict.fromkeys(range(5), n) for n in (64, 9)))
        numbers = [number for judgement in judgements.values() for number in judgement.declared]
        hits += sum(number < 2 for number in numbers)
        false.append(sum(number >= 2 for number in numbers) / max(1, len(numbers)))
        missed.append(missed_by(judgements.values()))
        places = statistics.declared([statistics.log_e_value(effects) for effects in weak.values()])
        careless.append(sum(place >= 2 for place in places) / max(1, len(places)))
    assert np.mean(false) <= 0.05
    assert np.mean(missed) <= 0.05
    assert hits / 4000 > 0.5
    assert np.mean(careless) > 0.5


def test_the_same_pixels_that_turn_others_are_a_shortcut() -> None:
    judgement = judged_alone(outcome(STRONG))
    assert (judgement.kind, judgement.candidate, judgement.declared) == (SHORTCUT, 0, [0])
    assert judgement.interval == statistics.effect_interval(STRONG)


def test_what_is_no_overlay_is_local() -> None:
    assert judged_alone(outcome(STRONG), why=EVIDENCE).kind == LOCAL
    assert judged_alone(outcome(STRONG), constant=False).kind == LOCAL


@pytest.mark.parametrize(("share", "others"), [(0.05, 0.0), (0.6, 0.3)])
def test_what_does_not_recur_in_the_class_alone_is_local(share: float, others: float) -> None:
    assert judged_alone(outcome(STRONG, share, others)).kind == LOCAL


def test_nothing_turned_is_none_with_a_limit() -> None:
    judgement = judged_alone(outcome(NOTHING), outcome([1.0, *NOTHING]))
    assert (judgement.kind, judgement.candidate, judgement.declared) == (NONE, 1, [])
    assert judgement.limit == pytest.approx(statistics.effect_interval([1.0, *NOTHING], 0.05 / 2)[1])


def test_too_few_photos_are_undecided_and_how_many_would_do_is_said() -> None:
    judgement = judged_alone(outcome([0.0] * 6), count=6)
    assert (judgement.kind, judgement.recipients, judgement.available) == (UNDECIDED, 6, 6)
    assert judgement.needed == 8  # 6 zeros leave an upper limit of more than a half, 8 do not
    larger = judged_alone(outcome([1.0, 0.0] * 8), count=16)
    assert (larger.kind, larger.needed) == (UNDECIDED, 20)  # a larger effect cannot be excluded
    assert judged_alone(outcome([1.0, 0.0] * 10), count=20).kind == SHORTCUT
    assert judged_alone(outcome([0.0] * 16), count=16).kind == NONE
    assert judged_alone(count=60).kind == UNDECIDED  # nothing to try
    assert judged_alone(outcome(NOTHING), donors=4).kind == UNDECIDED  # what four photos show may be no cue of the class
    assert judged_alone(outcome(STRONG), donors=4).kind == SHORTCUT  # what was found was found
    part_alone = judged_alone(outcome([0.0] * 16), why=EVIDENCE)
    assert (part_alone.kind, part_alone.needed) == (UNDECIDED, None)  # nothing but a part of the object
    part = stamp_candidate(CLASS, EVIDENCE)
    both = {0: outcome([0.0] * 16), 1: outcome([1.0, 0.0] * 8)}
    judgement = judged([CLASS], [stamp_candidate(CLASS), part], both, {CLASS: 16}, {CLASS: 9})[CLASS]
    assert (judgement.kind, judgement.candidate) == (NONE, 1)  # what may be the object does not hold it up, but is stated
    assert judgement.limit > 0.5
    assert judged_alone(TrialOutcome({}, 0, 0, [], 0.9, 0.0)).kind == UNDECIDED  # what was to be tried could not be read


def test_a_class_is_judged_among_all_that_was_tried() -> None:
    """The same outcomes, declared alone, are not declared among many that give nothing."""
    weak = [1.0] * 9 + [0.0] * 11
    assert judged_alone(outcome(weak), count=20).kind == SHORTCUT
    candidates = [stamp_candidate(CLASS), *(stamp_candidate(class_index) for class_index in range(5, 45))]
    among = {0: outcome(weak)} | {number: outcome([0.0] * 20) for number in range(1, 41)}
    assert judged([CLASS], candidates, among, {CLASS: 20}, {CLASS: 9})[CLASS].kind in (NONE, UNDECIDED)


def test_the_overlay_decides_before_a_stronger_part() -> None:
    weaker = [1.0] * 45 + [0.0] * 15
    judgement = judged_alone(outcome(STRONG, share=0.0), outcome(weaker))
    assert (judgement.kind, judgement.candidate, judgement.declared) == (SHORTCUT, 1, [0, 1])


def in_the_ring(ring: float, place: float, why: str = EVIDENCE) -> Judgement:
    """The ring turns one share of 60 photos, a place in the corner (or a property) another one."""
    donors = photos([noise(n) for n in range(5)])
    beside = WholePhoto(CLASS, why, donors, (1.0,), 0.5) if why in PROPERTIES else stamp_candidate(CLASS, why)
    tried = [outcome(np.repeat([1.0, 0.0], [round(60 * share), 60 - round(60 * share)]).tolist()) for share in (ring, place)]
    return judged([CLASS], [OuterRing(CLASS, RING, donors), beside], dict(enumerate(tried)), {CLASS: 60}, {CLASS: 9})[CLASS]


def test_the_outer_ring_gives_way_to_what_says_better_what_it_is() -> None:
    """To a place in it that turns as much, and to any property of the photo."""
    place = in_the_ring(0.7, 0.8)
    assert (place.kind, place.candidate) == (LOCAL, 1)
    assert (in_the_ring(0.8, 0.8).kind, in_the_ring(0.8, 0.7).kind) == (LOCAL, SURROUNDINGS)
    assert in_the_ring(0.8, 0.05).candidate == 0  # which was not declared
    weaker = in_the_ring(0.9, 0.7, "brightness")
    assert (weaker.kind, weaker.candidate) == (SURROUNDINGS, 1)


LOW = statistics.effect_interval(STRONG)[0]


def bank(*overlay: float) -> Bank:
    return Bank([CleanNetwork("by hand", "no cue", "plain", "wild", 3, (30, 100), (10, 100), score, 0.2) for score in overlay])


def beside(known: Bank | None, *tried: TrialOutcome, why: str = "recurring", used: int = 60, classes: int = 3) -> Judgement:
    candidates = [stamp_candidate(CLASS, why) for _ in tried]
    photos = {10 + index: 60 for index in range(classes - 1)} | {CLASS: used, 99: 0}
    found = dict(enumerate(tried))
    return judged([CLASS], candidates, found, {CLASS: 60}, {CLASS: 9}, photos=photos, bank=known)[CLASS]


def test_a_shortcut_lies_above_every_clean_network() -> None:
    above = beside(bank(LOW - 0.01, -1.0), outcome(STRONG))
    assert (above.kind, above.uncalibrated) == (SHORTCUT, "")
    assert above.scores == {OVERLAY: LOW, SURROUNDINGS: -1.0}
    assert above.calibration is not None
    assert (above.calibration.reached, above.calibration.networks) == (0, 2)
    equal = beside(bank(LOW, -1.0), outcome(STRONG))
    assert (equal.kind, equal.candidate, equal.interval) == (LOCAL, above.candidate, above.interval)
    assert equal.uncalibrated == "1 of 2 clean networks of ours reach this score"


def test_a_shortcut_outside_the_banks_range_is_local() -> None:
    assert [beside(bank(-1.0), outcome(STRONG), used=used).kind for used in (29, 30, 100, 101)] == [
        LOCAL,
        SHORTCUT,
        SHORTCUT,
        LOCAL,
    ]
    assert [beside(bank(-1.0), outcome(STRONG), classes=count).kind for count in (1, 2, 3, 4)] == [
        SHORTCUT,
        SHORTCUT,
        SHORTCUT,
        LOCAL,  # a class without a photo that is used is none
    ]
    assert beside(bank(-1.0), outcome(STRONG), used=20).uncalibrated.endswith(
        "outside their range: 20 photos of the class are used, of theirs 30 to 100"
    )


def test_without_a_bank_a_shortcut_stays_one() -> None:
    for known in (None, Bank()):
        judgement = beside(known, outcome(STRONG), used=3)
        assert (judgement.kind, judgement.uncalibrated) == (SHORTCUT, "")
        assert judgement.calibration is not None
        assert judgement.calibration.networks == 0


def test_what_is_no_overlay_has_no_score_of_one() -> None:
    """A part of the object, and what does not recur; and what turns nothing has the lower end of its interval all the same."""
    for judgement in (beside(bank(0.9), outcome(STRONG), why=EVIDENCE), beside(bank(0.9), outcome(STRONG, share=0.05))):
        assert (judgement.kind, judgement.calibration, judgement.uncalibrated) == (LOCAL, None, "")
        assert judgement.scores == {OVERLAY: -1.0, SURROUNDINGS: -1.0}
    nothing = beside(bank(0.9), outcome(NOTHING), outcome([1.0, *NOTHING]))
    assert (nothing.kind, nothing.calibration) == (NONE, None)
    assert nothing.scores[OVERLAY] == max(statistics.effect_interval(effects)[0] for effects in (NOTHING, [1.0, *NOTHING]))


def test_what_would_do_is_more_than_was_tried_and_does() -> None:
    """18 of 60: the upper limit is above a half, and 37 photos more or less would not change that."""
    twelve = [stamp_candidate(CLASS) for _ in range(12)]
    effects = ([1.0] * 3 + [0.0] * 7) * 6

    def judge(count: int) -> Judgement:
        found = dict.fromkeys(range(1, 12), outcome([0.0] * count)) | {0: outcome(np.resize(effects, count).tolist())}
        return judged([CLASS], twelve, found, {CLASS: 400}, {CLASS: 20})[CLASS]

    needed = judge(60).needed
    assert judge(60).kind == UNDECIDED
    assert needed is not None
    assert needed > 60
    assert judge(needed).kind != UNDECIDED


def test_intervals_are_wider_the_fewer_are_shown_of_many() -> None:
    """Of r that are shown of H each has alpha r / H: one for each class with something declared, however much that is."""
    outcomes = {number: outcome(STRONG if number in (0, 1, 5) else NOTHING) for number in range(10)}
    candidates = [stamp_candidate(CLASS if number < 5 else OTHER) for number in range(10)]
    judgements = judged([CLASS, OTHER], candidates, outcomes, {CLASS: 60, OTHER: 60}, {CLASS: 9, OTHER: 9})
    assert (judgements[CLASS].declared, judgements[OTHER].declared) == ([0, 1], [5])
    for judgement in judgements.values():
        assert judgement.interval == outcomes[0].interval(0.05 * 2 / 10)
        assert judgement.interval[0] < outcomes[0].interval(0.05 * 3 / 10)[0]


@pytest.mark.parametrize(("into_own", "kind"), [(0.5, SHORTCUT), (0.11, SHORTCUT), (0.1, UNDECIDED), (0.0, UNDECIDED)])
def test_a_shared_cue_has_to_turn_photos_into_the_class_itself(into_own: float, kind: str) -> None:
    shared = dataclasses.replace(stamp_candidate(CLASS), shared=frozenset({OTHER}))
    found = dataclasses.replace(outcome(STRONG), into_own=into_own)
    judgement = judged([CLASS], [shared], {0: found}, {CLASS: 60}, {CLASS: 9})[CLASS]
    assert (judgement.kind, judgement.declared) == (kind, [0] if kind == SHORTCUT else [])


def test_what_a_shared_cue_turns_into_any_of_its_classes_counts_and_its_own_is_known() -> None:
    """Four photos: two get the class, one the class that shares the cue, one keeps its own; a control gets the class once."""
    shared = dataclasses.replace(stamp_candidate(CLASS), shared=frozenset({OTHER}))
    answers = [(CLASS, 7), (CLASS, CLASS), (OTHER, 7), (7, 7)]
    trials = [AuditTrial(0, photo, "a.png", 0, CueChange(CUE, EDIT, control)) for photo in range(4) for control in ("", THIRD)]
    found = outcomes([0], [shared], trials, dict(enumerate(answer for pair in answers for answer in pair)), [(1.0, 0.0)])[0]
    assert found.effects_by_control == {THIRD: [1.0, 0.0, 1.0, 0.0]}
    assert found.into_own == pytest.approx(0.25)
    alone = outcomes([0], [stamp_candidate(CLASS)], trials, dict(enumerate(a for pair in answers for a in pair)), [(1.0, 0.0)])[0]
    assert (alone.effects, alone.into_own) == ([1.0, 0.0, 0.0, 0.0], None)
