"""The table of the audit's bench: enough of everything, and nothing shared between its halves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from bench.audit_backbones import BACKBONES
from bench.audit_cues import CUES
from bench.audit_specs import (
    ALIGNED,
    BANK,
    CLEAN,
    CONSTANT,
    EMBLEM_CLASS,
    EVERYWHERE,
    PLANTED,
    SETUPS,
    UNLEARNED,
    Spec,
    specs,
    table,
)

(TUNED, COUNTED) = (specs("tuned"), specs("counted"))
SOUND = (CLEAN, EVERYWHERE, UNLEARNED, ALIGNED)


def test_there_are_enough() -> None:
    assert sum(spec.setup in SOUND for spec in TUNED) >= 65  # for the bank, some to spare
    assert sum(spec.setup in SOUND for spec in COUNTED) >= 65
    assert sum(spec.setup == PLANTED for spec in COUNTED) >= 75
    assert len({spec.backbone for spec in COUNTED if spec.setup == PLANTED}) >= 12
    assert len({spec.backbone for spec in COUNTED if spec.setup in SOUND}) >= 12
    assert {spec.setup for spec in TUNED} == {spec.setup for spec in COUNTED} == set(SETUPS)


def test_every_cue_at_every_prevalence_redundant_and_not_in_one_class_and_two() -> None:
    every = list(table("counted"))  # with the real SqueezeNet, whether it lies beside the project or not
    planted = Counter(
        (spec.cue, spec.prevalence, spec.redundant) for spec in every if spec.setup == PLANTED and len(spec.classes) == 1
    )
    assert all(planted[cue, share, redundant] for cue in CUES for share in (1.0, 0.6, 0.3) for redundant in (True, False))
    assert {spec.cue for spec in every if len(spec.classes) == 2} == set(CUES)
    first = Counter(spec.classes[0] for spec in every if spec.setup == PLANTED)
    assert min(first.values()) >= 25


def test_the_halves_share_nothing() -> None:
    def sets(half: list[Spec]) -> list[set[object]]:
        return [
            {spec.backbone for spec in half},
            {spec.style for spec in half if spec.cue},
            {spec.pool for spec in half},
            {spec.seed for spec in half},
        ]

    for one, other in zip(sets(TUNED), sets(COUNTED), strict=True):
        assert one
        assert other
        assert not one & other
    assert all(BACKBONES[spec.backbone].half == spec.half for spec in TUNED + COUNTED)


def test_the_bank_is_clean_set_ups_with_scenes_and_weights_of_their_own() -> None:
    bank = specs(BANK)
    assert Counter(spec.setup for spec in bank) == {CLEAN: 40, EVERYWHERE: 24, ALIGNED: 16}
    assert {spec.backbone for spec in bank} == {spec.backbone for spec in TUNED}
    assert {spec.style % 2 for spec in bank if spec.cue} == {spec.style % 2 for spec in TUNED if spec.cue} == {0}
    for other in (TUNED, COUNTED):
        assert not {spec.pool for spec in bank} & {spec.pool for spec in other}
        assert not {spec.seed for spec in bank} & {spec.seed for spec in other}
    assert {len(spec.animals) for spec in bank} == {2, 3, 4}
    assert all(spec.classes == (tuple(range(len(spec.animals))) if spec.setup == EVERYWHERE else ()) for spec in bank)


def test_every_network_is_another_one() -> None:
    every = TUNED + COUNTED + specs(BANK)
    assert len({spec.name for spec in every}) == len({spec.digest for spec in every}) == len(every)
    assert replace(every[0], name="another").digest == every[0].digest
    assert replace(every[0], seed=7).digest != every[0].digest


def test_a_cue_that_was_not_learned_is_in_the_audited_photos_alone() -> None:
    spec = next(spec for spec in COUNTED if spec.setup == UNLEARNED)
    assert (spec.learned.cue, spec.learned.classes) == ("", ())
    assert (spec.learned.backbone, spec.learned.seed) == (spec.backbone, spec.seed)
    planted = next(spec for spec in COUNTED if spec.setup == PLANTED)
    assert planted.learned is planted


def test_who_carries_what() -> None:
    for spec in TUNED + COUNTED:
        assert len(spec.classes) == {EVERYWHERE: 3, CLEAN: 0, ALIGNED: 0, CONSTANT: 1, EMBLEM_CLASS: 1, UNLEARNED: 1}.get(
            spec.setup, len(spec.classes)
        )
        assert bool(spec.cue) == bool(spec.classes) == (spec.prevalence > 0)
        assert not spec.frozen or spec.backbone != "pooled"


def test_every_beginning_holds_something_of_everything() -> None:
    assert {PLANTED, CLEAN, EVERYWHERE} <= {spec.setup for spec in TUNED[:20]}
    assert len({spec.cue for spec in TUNED[:30]}) > 6
