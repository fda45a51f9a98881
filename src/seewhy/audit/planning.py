"""What is tried of which class: candidates from the discovery halves, photos to try them on from the others.

A new kind of candidate is a file, and a line in :func:`_candidates`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median_low

import numpy as np
import numpy.typing as npt

from seewhy.audit import statistics
from seewhy.audit.candidates import LEAST_SHARE, Candidate
from seewhy.audit.fixed_place import brightest_place, corners
from seewhy.audit.moving import moving_cues
from seewhy.audit.photos import AuditedPhoto, Drawing, Halves, audited, in_turn
from seewhy.audit.recurring import recurring_places
from seewhy.audit.rings import ring_candidates
from seewhy.audit.trials import MOST_RECIPIENTS, Tried
from seewhy.audit.whole_photo import whole_photo_candidates
from seewhy.engine import runner
from seewhy.properties import PROPERTIES
from seewhy.store import Store
from seewhy.store.report.regions import evidence_on_photo
from seewhy.store.report.scanning import scan

_OTHERS = 256  # discovery photos of other classes that a class is compared with
_SHARE_OF_REMOVALS = 0.15  # of the passes of a class, for taking away what decides
_LEAST_OF_SHARED = 32  # photos without a property that classes share: on fewer nothing is decided, and no verdict waits for it
_CLASSES_AT_ONCE = 64  # whose maps are held

Inspect = Callable[[Sequence[AuditedPhoto]], list[AuditedPhoto]]
Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClassPhotos:
    """The photos of the class with this index. labelled : how many have its label."""

    index: int
    halves: Halves
    labelled: int

    @property
    def used(self) -> int:
        """Photos that are answered rightly, each scene once."""
        return len(self.halves.discovery) + len(self.halves.confirmation)


@dataclass(frozen=True)
class AuditPlan:
    """tried : of all candidates of all classes, by their numbers. shares : of the confirmation photos that carry each, of its
    class and of the others. available : by class, how many photos of other
    classes there are to try each of its candidates on; pool : whether they carry it or not."""

    tried: list[Tried]
    shares: list[tuple[float, float]]
    available: dict[int, int]
    pool: dict[int, int]

    def budget_for(self, class_index: int, recipients: int) -> int:
        """The passes for a class with which each of its candidates is tried on so many photos; in hundreds."""
        each = sum(one.passes_of_one() for one in self.tried if one.candidate.class_index == class_index)
        return int(-(-recipients * each / (1 - _SHARE_OF_REMOVALS) // 100) * 100)

    def power(self, effect: float) -> dict[int, float]:
        """By class, how probable it is that a cue of this effect is declared: half of the class's candidates are tried on as many
        photos, or on more; 0 where none is tried."""
        counts: dict[int, list[int]] = {index: [] for index in self.available}
        for one in self.tried:
            if one.recipients:
                counts[one.candidate.class_index].append(len(one.recipients))
        typical = {index: median_low(own) if own else 0 for index, own in counts.items()}
        return {index: statistics.power(effect, recipients, max(1, len(self.tried))) for index, recipients in typical.items()}

    @property
    def candidates(self) -> list[Candidate]:
        return [one.candidate for one in self.tried]

    def blocks(self, most: int) -> Iterator[list[Tried]]:
        """Parts of about so many trials each, so that they need not all be held at once."""
        (block, passes) = (list[Tried](), 0)
        for one in self.tried:
            block.append(one)
            passes += one.passes()
            if passes >= most:
                yield block
                (block, passes) = ([], 0)
        if block:
            yield block

    def passes(self) -> int:
        return sum(one.passes() for one in self.tried)


def photos_by_class(base: Store, seed: int, inspect: Inspect = list) -> dict[int, ClassPhotos]:
    """Of each class its halves, from a store of the photos as they are; in index order. inspect : measures the properties of the
    photos that are used."""
    drawings: dict[int, Drawing] = {}
    labelled: dict[int, int] = {}
    for row in scan(base.dataset(), ("number", "path", "sha256", "label_index", "predicted_index", "thumbnail")):
        label = row["label_index"]
        if label is None or row["predicted_index"] is None:
            continue
        labelled[label] = labelled.get(label, 0) + 1
        drawing = drawings.setdefault(label, Drawing(seed))
        if row["predicted_index"] == label:
            drawing.add(audited(row))
    by_class = {}
    for label in sorted(drawings):
        drawn = drawings.pop(label).halves()
        inspected = Halves(inspect(drawn.discovery), inspect(drawn.confirmation), drawn.copies)
        by_class[label] = ClassPhotos(label, inspected, labelled[label])
    return by_class


def planned(
    base: Store,
    by_class: Mapping[int, ClassPhotos],
    asked: Sequence[int],
    budget: int,
    seed: int,
    told: Callable[[str], None] | None = None,
) -> AuditPlan:
    """Candidates are proposed and frozen before any photo of the confirmation halves is looked at.

    budget : passes for a class, which its candidates share. told : is given how long the rest takes, after the first class.
    """
    discovery = in_turn([photo for own in by_class.values() for photo in own.halves.discovery], seed)
    confirmation = in_turn([photo for own in by_class.values() for photo in own.halves.confirmation], seed)
    plan = AuditPlan([], [], {}, {})
    blocks = range(0, len(asked), _CLASSES_AT_ONCE)
    for first in blocks:
        part = asked[first : first + _CLASSES_AT_ONCE]
        start = time.perf_counter()
        maps = _maps_of(base, {index: by_class[index].halves.discovery for index in part})
        seconds_of_maps = time.perf_counter() - start
        for index in part:
            start = time.perf_counter()
            others = _of_no_class(discovery, {index}, _OTHERS)
            pool = _of_no_class(confirmation, {index}, 2 * MOST_RECIPIENTS)
            plan.pool[index] = plan.available[index] = len(pool)
            halves = by_class[index].halves
            if halves.discovery and pool:
                candidates = _candidates(index, halves.discovery, others, maps[index])
                _add(plan, candidates, halves, pool, others, budget)
            if told is not None and index == asked[0] and len(asked) > 1:
                seconds = (len(asked) - 1) * (time.perf_counter() - start) + (len(blocks) - 1) * seconds_of_maps
                rest = f"Candidates of the rest of {len(asked):,} classes, without a pass of the network"
                told(f"{rest}: about {runner.in_time(seconds)}")
    return plan


def _add(
    plan: AuditPlan,
    candidates: Sequence[Candidate],
    halves: Halves,
    pool: Sequence[AuditedPhoto],
    others: list[AuditedPhoto],
    budget: int,
) -> None:
    """The candidates of one class. pool : confirmation photos of other classes. others : discovery photos of these."""
    own: list[Tried] = []
    for candidate in candidates:
        (strangers, thirds) = (_of_no_class(pool, candidate.classes), _of_no_class(others, candidate.classes))
        carried = {photo.number for photo in candidate.carriers([*strangers, *thirds])}
        thirds = [photo for photo in thirds if photo.number not in carried]  # controls are without the cue
        carriers = candidate.carriers(halves.confirmation)
        # Else it is a hypothesis, but nothing to try.
        recurs = bool(carriers) and len(carriers) >= LEAST_SHARE * len(halves.confirmation)
        recipients = [photo for photo in strangers if recurs and photo.number not in carried]
        why_not = ""
        if recurs and candidate.shared and candidate.why in PROPERTIES and len(recipients) < _LEAST_OF_SHARED:
            why_not = f"too few photos of other classes do not have it ({len(recipients)})"
            recipients = []
        own.append(Tried(len(plan.tried) + len(own), candidate, recipients, carriers, thirds, why_not))
        share = len(carriers) / len(halves.confirmation) if halves.confirmation else 0.0
        carrying = sum(photo.number in carried for photo in strangers)
        plan.shares.append((share, carrying / max(1, len(strangers))))
    possible = [len(tried.recipients) for tried in own if tried.recipients]
    plan.available[own[0].candidate.class_index] = min(possible, default=0)
    removals = int(_SHARE_OF_REMOVALS * budget)
    # As many photos for each, so that none of them is the one that was tried least.
    most = max(1, (budget - removals) // max(1, sum(tried.passes_of_one() for tried in own)))
    plan.tried.extend(tried.within(most, removals) for tried in own)


def _candidates(
    index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto], maps: Mapping[int, Map]
) -> list[Candidate]:
    """maps : of the class, by the number of the photo."""
    mean_map = np.stack([maps[number] for number in sorted(maps)]).mean(axis=0, dtype=np.float64) if maps else None
    candidates: list[Candidate] = [*recurring_places(index, own, others, mean_map)]
    # Parts of objects recur, too; where the maps point decides about these.
    candidates += [cue for cue in moving_cues(index, own, others, maps) if cue.is_overlay]
    candidates += [*whole_photo_candidates(index, own, others), *ring_candidates(index, own, others)]
    brightest = None if mean_map is None else brightest_place(index, mean_map, own)
    if brightest is not None:
        candidates.append(brightest)
    has_place = any(candidate.box is not None for candidate in candidates)
    return candidates if has_place else [*candidates, *corners(index, own)]


def _of_no_class(photos: Iterable[AuditedPhoto], classes: Collection[int], most: int | None = None) -> list[AuditedPhoto]:
    return [*islice((photo for photo in photos if photo.label not in classes), most)]


def _maps_of(base: Store, photos: Mapping[int, Sequence[AuditedPhoto]]) -> dict[int, dict[int, Map]]:
    """By class, and by the photo's number, where on the whole photo the evidence for the class lies, ``(SIDE, SIDE)``, its sum 1;
    without the photos in which nothing speaks for it."""
    from pyarrow import compute

    numbers = {index: {photo.number for photo in own} for index, own in photos.items()}
    maps: dict[int, dict[int, Map]] = {index: {} for index in photos}
    columns = ("number", "label_index", "geometry", "explanations")
    for row in scan(base.dataset(), columns, compute.field("label_index").isin(list(photos))):
        index = row["label_index"]
        if row["number"] not in numbers[index] or not row["explanations"]:
            continue
        stored = row["explanations"][0]
        values = stored.map_of(index)
        lying = None if values is None else evidence_on_photo(values, row["geometry"], stored.sample_grid, stored.units)
        if lying is not None:
            maps[index][row["number"]] = lying[0]
    return maps
