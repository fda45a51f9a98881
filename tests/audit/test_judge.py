from __future__ import annotations

import numpy as np
import pytest

from seewhy.audit import statistics
from seewhy.audit.candidates import EVIDENCE, RECURRING, Candidate
from seewhy.audit.judge import LOCAL, NONE, SHORTCUT, UNDECIDED, TrialOutcome, judged, outcomes
from seewhy.audit.trials import CONTROL, CUE, FILLED, REPLACED, AuditTrial
from seewhy.edits import Fill

EDIT = Fill(box=(0, 0, 0.5, 0.5))
CLASS, OTHER = 4, 1


def candidate(class_index: int = CLASS) -> Candidate:
    return Candidate(class_index, RECURRING, (0, 0, 0.5, 0.5), np.zeros((1, 1, 3), np.float32), np.ones((1, 1), bool))


def trial(role: str, photo: int, control: bool = False, number: int = 0) -> AuditTrial:
    return AuditTrial(number, role, photo, "a.png", 0, EDIT, control or role == CONTROL)


def test_an_effect_is_what_the_cue_turns_less_what_its_controls_turn() -> None:
    trials = [trial(CUE, 0), trial(CONTROL, 0), trial(CONTROL, 0), trial(CUE, 1), trial(CONTROL, 1), trial(CONTROL, 1)]
    answers = dict(enumerate([CLASS, CLASS, OTHER, OTHER, OTHER, CLASS]))
    (found,) = outcomes([candidate()], trials, answers, [(0.9, 0.1)])
    assert found.effects == [0.5, -0.5]
    assert (found.turned, found.tried, found.control) == (1, 2, 0.5)
    assert (found.share, found.share_others) == (0.9, 0.1)
    assert found.necessity == []


def test_a_photo_with_a_trial_that_was_not_read_does_not_count() -> None:
    trials = [trial(CUE, 0), trial(CONTROL, 0), trial(CUE, 1), trial(CONTROL, 1)]
    (found,) = outcomes([candidate()], trials, {0: CLASS, 1: OTHER, 2: CLASS}, [(1.0, 0.0)])
    assert found.effects == [1.0]


def test_what_is_needed_is_counted_by_the_fill_with_the_smaller_effect() -> None:
    trials = [trial(role, photo, control) for role in (FILLED, REPLACED) for photo in (0, 1) for control in (False, True)]
    left = [OTHER, CLASS, OTHER, CLASS, OTHER, OTHER, CLASS, CLASS]  # filled: both leave; replaced: one, with its control
    (found,) = outcomes([candidate()], trials, dict(enumerate(left)), [(1.0, 0.0)])
    assert found.necessity == [0.0, 0.0]
    assert (found.effects, found.effect) == ([], 0.0)


def outcome(effects: list[float], share: float = 0.9, share_others: float = 0.0) -> TrialOutcome:
    return TrialOutcome(effects, sum(effect > 0 for effect in effects), 0.0, [], share, share_others)


STRONG, NOTHING = [1.0] * 60, [0.0] * 60


def test_the_same_pixels_that_turn_others_are_a_shortcut() -> None:
    judgement = judged([CLASS], [candidate()], [outcome(STRONG)], {CLASS: 60}, {CLASS: 60})[CLASS]
    assert (judgement.kind, judgement.candidate) == (SHORTCUT, 0)
    assert judgement.interval == statistics.effect_interval(STRONG)


def test_where_maps_point_nothing_is_called_an_overlay() -> None:
    """Nor where the same pixels fill a small part of the box alone: the rest may be what turned the answers."""
    box = np.zeros((4, 4, 3), np.float32)
    for why, mask in ((EVIDENCE, np.ones((4, 4), bool)), (RECURRING, np.eye(4, dtype=bool))):
        pointed = Candidate(CLASS, why, (0, 0, 0.5, 0.5), box, mask)
        assert judged([CLASS], [pointed], [outcome(STRONG)], {CLASS: 60}, {CLASS: 60})[CLASS].kind == LOCAL


@pytest.mark.parametrize(("share", "others"), [(0.05, 0.0), (0.6, 0.3)])
def test_what_does_not_recur_in_the_class_alone_is_local(share: float, others: float) -> None:
    judgement = judged([CLASS], [candidate()], [outcome(STRONG, share, others)], {CLASS: 60}, {CLASS: 60})[CLASS]
    assert judgement.kind == LOCAL


def test_nothing_turned_is_none_with_a_limit() -> None:
    candidates = [candidate(), candidate()]
    judgement = judged([CLASS], candidates, [outcome(NOTHING), outcome([1.0, *NOTHING])], {CLASS: 60}, {CLASS: 60})[CLASS]
    assert judgement.kind == NONE
    assert judgement.candidate == 1
    assert judgement.limit == pytest.approx(statistics.effect_limit([1.0, *NOTHING], 0.05 / 2))


def test_too_few_photos_are_undecided_and_how_many_would_do_is_said() -> None:
    judgement = judged([CLASS], [candidate()], [outcome([0.0] * 6)], {CLASS: 6}, {CLASS: 6})[CLASS]
    assert judgement.kind == UNDECIDED
    assert judgement.needed == statistics.recipients_needed(0.5, 1)
    assert judged([CLASS], [], [], {CLASS: 60}, {CLASS: 60})[CLASS].kind == UNDECIDED  # nothing to try


def test_a_class_is_judged_among_all_that_was_tried() -> None:
    """The same outcomes, declared alone, are not declared among many that give nothing."""
    weak = [1.0] * 9 + [0.0] * 11
    alone = judged([CLASS], [candidate()], [outcome(weak)], {CLASS: 20}, {CLASS: 20})[CLASS]
    assert alone.kind == SHORTCUT
    candidates = [candidate(), *(candidate(class_index) for class_index in range(5, 45))]
    found = [outcome(weak), *(outcome([0.0] * 20) for _ in range(40))]
    among = judged([CLASS], candidates, found, {CLASS: 20}, {CLASS: 20})[CLASS]
    assert among.kind in (NONE, UNDECIDED)


def test_the_overlay_decides_before_a_stronger_part() -> None:
    candidates = [candidate(), candidate()]
    weaker = [1.0] * 45 + [0.0] * 15
    judgement = judged([CLASS], candidates, [outcome(STRONG, share=0.0), outcome(weaker)], {CLASS: 60}, {CLASS: 60})[CLASS]
    assert (judgement.kind, judgement.candidate) == (SHORTCUT, 1)
