from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from reduced_photos import noise, photos, stamped
from tried_candidates import stamp_candidate

import seewhy
from seewhy.audit import statistics
from seewhy.audit.kinds import EVIDENCE, RECURRING
from seewhy.audit.photos import Halves, halves
from seewhy.audit.planning import AuditPlan, ClassPhotos, photos_by_class, planned
from seewhy.audit.trials import Tried
from seewhy.engine import runner

BEAR, COW, SHEEP = 0, 1, 2


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> seewhy.Store:
    folder = tmp_path_factory.mktemp("scenes")
    for place, scene in enumerate(seewhy.demo.scenes(48, "test", True)):
        label = scene.label if place != 8 else "cow"  # a sheep with a wrong label
        (folder / label).mkdir(exist_ok=True)
        Image.fromarray(scene.photo).save(folder / label / f"{place:02}.png")
    return seewhy.run(
        seewhy.load("demo:shortcut"),
        folder,
        tmp_path_factory.mktemp("store") / "s",
        labels="folders",
        target=None,
        progress=False,
    )


def test_only_photos_that_are_answered_rightly_are_used(base: seewhy.Store) -> None:
    by_class = photos_by_class(base, seed=0)
    assert list(by_class) == [BEAR, COW, SHEEP]
    assert sum(own.labelled for own in by_class.values()) == 48
    for index, own in by_class.items():
        both = [*own.halves.discovery, *own.halves.confirmation]
        assert {photo.label for photo in both} == {photo.predicted for photo in both} == {index}
    used = {photo.path for own in by_class.values() for photo in (*own.halves.discovery, *own.halves.confirmation)}
    assert "cow/08.png" not in used


def test_candidates_come_from_one_half_and_are_tried_with_the_other(base: seewhy.Store) -> None:
    by_class = photos_by_class(base, seed=0)
    plan = planned(base, by_class, [BEAR, COW], budget=2000, seed=0)
    whys = [(one.candidate.class_index, one.candidate.why) for one in plan.tried]
    assert (BEAR, RECURRING) in whys
    assert {(BEAR, EVIDENCE), (COW, EVIDENCE)} <= set(whys)
    assert [one.number for one in plan.tried] == list(range(len(plan.tried)))
    for one in plan.tried:
        own = by_class[one.candidate.class_index].halves
        assert {photo.number for photo in one.candidate.donors} <= {photo.number for photo in own.discovery}
        assert {photo.number for photo in one.carriers} <= {photo.number for photo in own.confirmation}
        assert one.candidate.class_index not in {photo.label for photo in (*one.recipients, *one.thirds)}
        confirmation = {photo.number for other in by_class.values() for photo in other.halves.confirmation}
        assert {photo.number for photo in one.recipients} <= confirmation
        assert not {photo.number for photo in one.thirds} & confirmation
    for index in (BEAR, COW):
        assert sum(one.passes() for one in plan.tried if one.candidate.class_index == index) <= 2000
    others = [own.halves.confirmation for index, own in by_class.items() if index != BEAR]
    assert 0 < plan.available[BEAR] <= sum(map(len, others))  # some candidates are carried by others, too
    shares = [share for share, why in zip(plan.shares, whys, strict=True) if why == (BEAR, RECURRING)]
    assert max(shares)[0] > 0.6
    assert {share for _, share in shares} == {0.0}
    assert {share for share, why in zip(plan.shares, whys, strict=True) if why[1] == EVIDENCE} == {(1.0, 0.0)}


def test_blocks_hold_all_candidates_in_order() -> None:
    recipients = photos([noise(n) for n in range(10)], label=1)
    plan = AuditPlan(
        [Tried(n, stamp_candidate(), recipients, [], recipients) for n in range(5)], [(1.0, 0.0)] * 5, {0: 10}, {0: 10}
    )
    each = plan.tried[0].passes()
    assert plan.passes() == 5 * each
    assert [[one.number for one in block] for block in plan.blocks(2 * each)] == [[0, 1], [2, 3], [4]]
    assert [len(block) for block in plan.blocks(1)] == [1] * 5


def test_power_is_that_of_the_candidate_in_the_middle() -> None:
    others = photos([noise(n) for n in range(40)], label=1)
    tried = [Tried(n, stamp_candidate(), others[:count], [], others) for n, count in enumerate((40, 20, 0, 5))]
    plan = AuditPlan(tried, [(1.0, 0.0)] * 4, {0: 5, 1: 0}, {0: 40, 1: 40})
    assert plan.power(0.5) == {0: statistics.power(0.5, 20, 4), 1: 0.0}
    assert 0 < plan.power(0.5)[0] < statistics.power(0.5, 40, 4)


def test_a_class_alone_has_nothing_to_be_tried_on(base: seewhy.Store) -> None:
    by_class = {BEAR: ClassPhotos(BEAR, halves(photos([noise(n) for n in range(8)]), 0), 8)}
    plan = planned(base, by_class, [BEAR], budget=2000, seed=0)
    assert (plan.tried, plan.available) == ([], {BEAR: 0})


def test_a_class_with_one_photo_tries_nothing_that_it_cannot_show_again(base: seewhy.Store) -> None:
    """Its photo is in the discovery half, and the other half is empty."""
    own = {label: photos([noise(100 * label + n) for n in range(20)], label, 1000 * label) for label in (BEAR, COW)}
    by_class = {BEAR: ClassPhotos(BEAR, halves(own[BEAR][:1], 0), 1), COW: ClassPhotos(COW, halves(own[COW], 0), 20)}
    plan = planned(base, by_class, [BEAR], budget=2000, seed=0)
    assert [len(one.recipients) for one in plan.tried] == [0] * len(plan.tried)
    assert plan.tried


def test_how_long_the_other_classes_take_is_reckoned_from_the_first(base: seewhy.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later: a block's maps take one second, and so does a class. 64 classes are a block."""
    clock = itertools.count()
    monkeypatch.setattr(sys.modules[planned.__module__], "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    nothing = ClassPhotos(COW, Halves([], [], 0), 0)
    for count, seconds in ((2, 1.0), (64, 63.0), (100, 100.0)):
        lines: list[str] = []
        planned(base, dict.fromkeys(range(count), nothing), range(count), 2000, 0, lines.append)
        assert lines == [
            f"Candidates of the rest of {count} classes, without a pass of the network: about {runner.in_time(seconds)}"
        ]


@pytest.mark.parametrize(
    ("why", "without", "recipients", "why_not"),
    [
        ("brightness", 80, 40, ""),
        ("brightness", 40, 0, "too few photos of other classes do not have it (20)"),
        ("brightness", 0, 0, "too few photos of other classes do not have it (0)"),
        (RECURRING, 40, 20, ""),
    ],
)
def test_a_shared_property_takes_photos_without_it(
    base: seewhy.Store, monkeypatch: pytest.MonkeyPatch, why: str, without: int, recipients: int, why_not: str
) -> None:
    """Classes 0 and 1 share it; half of so many photos of class 2 are there to try it on."""
    candidate = replace(stamp_candidate(BEAR, why), shared=frozenset({COW}))
    monkeypatch.setattr(sys.modules[planned.__module__], "_candidates", lambda *_: [candidate])
    pictures = {label: [stamped(noise(100 * label + n)) for n in range(10)] for label in (BEAR, COW)}
    pictures[SHEEP] = [noise(1000 + n) for n in range(without)]
    own = {label: photos(shown, label, 1000 * label) for label, shown in pictures.items()}
    by_class = {label: ClassPhotos(label, Halves(shown[::2], shown[1::2], 0), len(shown)) for label, shown in own.items()}
    (tried,) = planned(base, by_class, [BEAR], budget=7000, seed=0).tried
    assert (len(tried.recipients), tried.why_not) == (recipients, why_not)


@pytest.mark.parametrize("why", [RECURRING, "brightness"])
def test_controls_are_cut_out_of_photos_without_the_cue(base: seewhy.Store, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """A few photos of the third class carry the stamp, too; a candidate without one has no other carriers than its class's."""
    candidate = stamp_candidate(BEAR, why)
    monkeypatch.setattr(sys.modules[planned.__module__], "_candidates", lambda *_: [candidate])
    shown = {BEAR: [stamped(noise(n)) for n in range(10)], COW: [noise(100 + n) for n in range(20)]}
    shown[SHEEP] = [stamped(noise(200 + n)) if n < 4 else noise(200 + n) for n in range(20)]
    own = {label: photos(pictures, label, 1000 * label) for label, pictures in shown.items()}
    by_class = {label: ClassPhotos(label, Halves(taken[::2], taken[1::2], 0), len(taken)) for label, taken in own.items()}
    (tried,) = planned(base, by_class, [BEAR], budget=7000, seed=0).tried
    thirds = {photo.number for photo in tried.thirds}
    discovery = {photo.number for label in (COW, SHEEP) for photo in by_class[label].halves.discovery}
    carrying = {photo.number for photo in own[SHEEP][:4:2]} if why == RECURRING else set()
    assert thirds == discovery - carrying
    assert len(tried.recipients) == 20 - len(carrying)
