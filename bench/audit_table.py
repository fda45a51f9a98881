"""From the records of the audit's bench to its tables: what was found, what was called wrongly, and what the peers found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from bench import audit_peers as peers
from bench.audit_cues import EVERY, SHORTCUT, SURROUNDINGS, Box
from bench.audit_effects import PHOTOS as FRESH_PHOTOS
from bench.audit_oracle import BETWEEN, LEANS, LEGITIMATE, SOUND
from bench.intervals import exact_interval
from bench.timing import Figure, console, table
from seewhy.audit.boxes import overlap

Record = dict[str, Any]
LEAST_OVERLAP = 0.5  # of a place that is named with the cue's, intersection over union
EDGE = 0.02  # a place at the border begins within this of the photo's edge
ALARMS = (SHORTCUT, SURROUNDINGS)
MOST_PASSES = 10_000  # for a network
DRAWS = 2_000  # of the bootstrap
REDUNDANCIES = ("redundant", "not redundant")
IN_CLASSES = {1: "in one class", 2: "in two classes"}


def is_found(record: Record) -> bool:
    """A class of the cue has the right kind at the right place."""
    return deciding(record) is not None


def is_shown(record: Record) -> bool:
    """The same, where an overlay whose score is uncalibrated counts as a shortcut: an audit does not pass with one."""
    return deciding(record, uncalibrated=True) is not None


def deciding(record: Record, uncalibrated: bool = False) -> Record | None:
    """The verdict that finds the cue. uncalibrated : overlays whose score is count as shortcuts."""
    cue = EVERY[record["cue"]]
    for verdict in record["verdicts"]:
        kind = SHORTCUT if uncalibrated and verdict.get("uncalibrated") else verdict["kind"]
        if record["animals"].index(verdict["class_name"]) not in record["classes"] or kind not in cue.kinds:
            continue
        if kind == SURROUNDINGS or _is_placed(record, verdict):
            found: Record = verdict
            return found
    return None


def _is_placed(record: Record, verdict: Record) -> bool:
    cue = EVERY[record["cue"]]
    place = verdict["place"]
    if cue.fixed:
        return place is not None and overlap(place, cue.place(record["style"]) or (0, 0, 0, 0)) >= LEAST_OVERLAP
    if SURROUNDINGS in cue.kinds:  # a border: somewhere along it
        return place is None or min(*place[:2], 1 - place[2], 1 - place[3]) <= EDGE
    return _photo_by_photo(verdict.get("boxes") or {}, record["boxes"])


def is_by_photo(record: Record, verdict: Record) -> bool:
    """Whether the verdict's place is judged photo by photo, should its network turn out to rely on the cue."""
    cue = EVERY.get(record["cue"])
    kind = SHORTCUT if verdict.get("uncalibrated") else verdict["kind"]
    return cue is not None and not cue.fixed and SURROUNDINGS not in cue.kinds and kind in cue.kinds


def _photo_by_photo(named: dict[str, Any], true: dict[str, Box]) -> bool:
    """At least half of the photos that are named carry the cue where the verdict says."""
    hits = [path in true and overlap(box, true[path]) >= LEAST_OVERLAP for path, box in named.items()]
    return bool(hits) and sum(hits) >= len(hits) / 2


def alarms(record: Record) -> list[str]:
    """The classes that are called a shortcut, or said to lean on their surroundings."""
    return [verdict["class_name"] for verdict in record["verdicts"] if verdict["kind"] in ALARMS]


def holds(verdict: Record) -> bool | None:
    """Whether the verdict's interval contains the effect on fresh photos; None where it names no cue, or where there were too few
    photos to know. That effect has an error of its own, for which nothing is allowed."""
    if verdict.get("fresh_photos", 0) < FRESH_PHOTOS:
        return None
    (low, high) = verdict["interval"]
    return bool(low <= verdict["fresh_effect"] <= high)


def _of_kind(records: Sequence[Record], kind: str) -> list[Record]:
    return [record for record in records if record["truth"]["kind"] == kind]


def figures(records: Sequence[Record]) -> list[Figure]:
    """The main numbers, each with its exact interval over networks."""
    (relying, clean, own) = (_of_kind(records, kind) for kind in (LEANS, SOUND, LEGITIMATE))
    beside = [bool(set(alarms(record)) - _own_classes(record)) for record in relying]
    stated = [(verdict["kind"], holds(verdict)) for record in (*relying, *clean) for verdict in record["verdicts"]]
    held = [(kind, held) for kind, held in stated if held is not None]
    wrong = [_is_alarmed(record) for record in clean]
    result = [
        *share("relying networks found: class, kind and place", [is_found(record) for record in relying], 0.95, True),
        *share("clean networks with a false alarm", wrong, 0.05),
        *share("found, uncalibrated overlays counted as shortcuts", [is_shown(record) for record in relying]),
        *share("clean networks with a false alarm, uncalibrated overlays counted as shortcuts", list(map(_is_stopped, clean))),
        *share("relying networks with an alarm in another class than the cue's", beside),
        *share("intervals that hold the effect on fresh photos", [held for _, held in held], 0.95, True),
        *share("the same, of shortcuts and surroundings alone", [held for kind, held in held if kind in ALARMS], 0.95, True),
    ]
    for name, chosen, hit in (("found", relying, is_found), ("false alarms", clean, _is_alarmed)):
        result += resampled(f"{name}, resampled by backbone", chosen, hit)
    if records:
        passes = [float(record["passes"]) for record in records]
        result.append(Figure("audit/networks/passes, at most", max(passes), min(passes), max(passes), "passes", MOST_PASSES))
    for setup in dict.fromkeys(record["setup"] for record in own):
        result += share(f"alarms: {setup}", [bool(alarms(record)) for record in own if record["setup"] == setup])
    rate = sum(wrong) / len(wrong) if wrong else 0.0
    at = f"at {sum(wrong)} of {len(wrong)} false alarms"
    for peer, (count, all_) in peers.found_at(records, rate).items() if relying and clean else ():
        result += share(f"found at the same false alarms: {peer}", [True] * count + [False] * (all_ - count), beside=at)
    return result


def share(
    name: str, hits: Sequence[bool], goal: float | None = None, more_is_better: bool = False, beside: str = ""
) -> list[Figure]:
    """A share with its exact interval; nothing where there is nothing to count. beside : said behind "of n"."""
    if not hits:
        return []
    (low, high) = exact_interval(sum(hits), len(hits))
    unit = f"of {len(hits)}{', ' if beside else ''}{beside}"
    return [Figure(f"audit/networks/{name}", sum(hits) / len(hits), low, high, unit, goal, more_is_better)]


def resampled(name: str, records: Sequence[Record], hit: Callable[[Record], bool], seed: int = 0) -> list[Figure]:
    """A share with its bootstrap interval, in which backbones are drawn, each with all its networks: those of one backbone are
    not independent."""
    backbones = sorted({record["backbone"] for record in records})
    if not backbones:
        return []
    own = [[hit(record) for record in records if record["backbone"] == backbone] for backbone in backbones]
    (hits, counts) = (np.array([sum(one) for one in own]), np.array([len(one) for one in own]))
    draws = np.random.default_rng(seed).integers(0, len(own), (DRAWS, len(own)))
    (low, high) = np.quantile(hits[draws].sum(1) / counts[draws].sum(1), [0.025, 0.975])
    return [Figure(f"audit/networks/{name}", hits.sum() / counts.sum(), float(low), float(high), f"{len(own)} backbones")]


def show(records: Sequence[Record]) -> None:
    """Found by cue and prevalence; the innocent ones by set-up; each backbone; and the misses and the alarms by name."""
    relying = _of_kind(records, LEANS)
    if relying:
        console.print(_by_cue(relying))
    console.print(_by_setup(records))
    console.print(_by_backbone(records))
    for title, named in (
        ("Missed", [record for record in relying if not is_found(record)]),
        ("False alarms", [record for record in _of_kind(records, SOUND) if alarms(record)]),
        ("Beside the cue's classes", [record for record in relying if set(alarms(record)) - _own_classes(record)]),
    ):
        console.print(f"{title}: {len(named)}", highlight=False)
        for record in named:
            said = ", ".join(f"{v['class_name']} {v['kind']} {v['effect']:+.2f}" for v in record["verdicts"])
            console.print(f"  {record['name']} (turned {record['truth']['turned']:.2f}): {said}", highlight=False)
    missed = [(record, verdict) for record in records for verdict in record["verdicts"] if holds(verdict) is False]
    console.print(f"Intervals without the effect on fresh photos: {len(missed)}", highlight=False)
    for record, verdict in missed:
        (low, high) = verdict["interval"]
        said = f"{verdict['effect']:+.2f} [{low:+.2f}, {high:+.2f}], fresh {verdict['fresh_effect']:+.2f}"
        console.print(f"  {record['name']}: {verdict['class_name']} {verdict['kind']} {said}", highlight=False)


def _by_cue(relying: Sequence[Record]) -> Table:
    prevalences = sorted({record["prevalence"] for record in relying}, reverse=True)
    view = table("Relying networks found: class, kind and place", ["cue", *(f"{p:.0%}" for p in prevalences), "all"])
    rows = {cue: [record for record in relying if record["cue"] == cue] for cue in EVERY}
    rows |= {word: [record for record in relying if record["redundant"] == (word == "redundant")] for word in REDUNDANCIES}
    rows |= {word: [record for record in relying if len(record["classes"]) == count] for count, word in IN_CLASSES.items()}
    rows["all"] = list(relying)
    for name, own in rows.items():
        if own:
            cells = [_count([record for record in own if record["prevalence"] == p], is_found) for p in prevalences]
            view.add_row(name, *cells, _count(own, is_found))
    return view


def _by_setup(records: Sequence[Record]) -> Table:
    kinds = (LEANS, SOUND, BETWEEN, LEGITIMATE)
    view = table("Networks by set-up", ["set-up", *kinds, "clean ones with an alarm", "all verdicts"])
    for setup in dict.fromkeys(record["setup"] for record in records):
        own = [record for record in records if record["setup"] == setup]
        counts = Counter(record["truth"]["kind"] for record in own)
        said = Counter(verdict["kind"] for record in own for verdict in record["verdicts"])
        words = ", ".join(f"{kind} {count}" for kind, count in said.most_common())
        view.add_row(setup, *(str(counts[kind]) for kind in kinds), _count(_of_kind(own, SOUND), _is_alarmed), words)
    return view


def _by_backbone(records: Sequence[Record]) -> Table:
    view = table("By backbone", ["backbone", "relying ones found", "clean ones with an alarm"])
    for backbone in dict.fromkeys(record["backbone"] for record in records):
        own = [record for record in records if record["backbone"] == backbone]
        view.add_row(backbone, _count(_of_kind(own, LEANS), is_found), _count(_of_kind(own, SOUND), _is_alarmed))
    return view


def _own_classes(record: Record) -> set[str]:
    return {record["animals"][index] for index in record["classes"]}


def _is_alarmed(record: Record) -> bool:
    return bool(alarms(record))


def _is_stopped(record: Record) -> bool:
    """A false alarm, or an overlay whose score is uncalibrated: the audit does not pass, or a person has to judge."""
    return _is_alarmed(record) or any(verdict.get("uncalibrated") for verdict in record["verdicts"])


def _count(records: Sequence[Record], hit: Callable[[Record], bool]) -> str:
    return f"{sum(map(hit, records))} of {len(records)}" if records else ""
