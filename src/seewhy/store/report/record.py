"""The numbers of a report as plain values: what its page says, and what is written beside it as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from seewhy.explanation import versions
from seewhy.store.manifest import Manifest, UnreadPhoto
from seewhy.store.report.hints import Hint
from seewhy.store.report.regions import IN_WORDS, SIDE
from seewhy.store.report.tally import Examples, Tally, Where, interval

COARSE = 16  # rows and columns of a mean map in the record
# A folder from the root on, with or without quotes around it; what is left is the last part of the path.
_QUOTED = re.compile(r"(?<=['\"‘“])(?:[A-Za-z]:)?[\\/][^'\"\n]*[\\/](?=[^'\"\n]*['\"])")
_PLAIN = re.compile(r"(?<![\w.:/\\'\"])(?:file:/*)?(?:[A-Za-z]:)?[\\/](?:[^\\/\s'\"]+[\\/])+")
_AFTER_COLON = re.compile(r"(?<=\w:)/(?:[^/\s'\"]+/)+")  # "onnx:/home/...", but not "https://"


def without_folders(text: str) -> str:
    """A text without the folders of the machine: a report is passed on."""
    for pattern in (_QUOTED, _PLAIN, _AFTER_COLON):
        text = pattern.sub("", text)
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def record(
    tally: Tally,
    found: Examples,
    manifest: Manifest,
    unread: Sequence[UnreadPhoto],
    complete: bool,
    condition: str | None,
    hints: Sequence[Hint] = (),
    chosen: bool = False,
) -> dict[str, Any]:
    """Everything that was counted. Photos are named by their number in the store.

    Of a run that has not ended shares have no interval: its photos are the first by their paths, which are not drawn by chance.
    Nor have they where the rows were chosen: it may have been by what is counted here ("wrong").
    """
    drawn = complete and not chosen
    names = manifest.model["classes"]
    entries = sorted(manifest.shards.items())
    model = {name: value for name, value in manifest.model.items() if name != "classes"}
    return {
        "photos": tally.photos,
        "listed": manifest.count // max(1, len(manifest.photos.get("edits", []))),  # each photo once
        "complete": complete,
        "condition": condition,
        "chosen": chosen,
        "labelled": tally.labelled,
        "right": tally.right,
        "accuracy": tally.right / tally.labelled if tally.labelled else None,
        "interval": list(interval(tally.right, tally.labelled)) if tally.labelled and drawn else None,
        "unfinished": None if complete else _unfinished(tally, manifest, condition),
        "hints": [
            {
                "class": names[hint.index],
                "index": hint.index,
                "method": tally.where[hint.method][0],
                "region": hint.region,
                "evidence": hint.share,
                "times": hint.times,
                "photos": tally.where[hint.method][1][hint.index].photos,
            }
            for hint in hints
        ],
        "mistakes_with_true_map": tally.true_maps,
        "cells": [
            {"true": names[true], "predicted": names[predicted], "true_index": true, "predicted_index": predicted, "count": count}
            for (true, predicted), count in sorted(tally.cells.items())
        ],
        "classes": _classes(tally, found, names, drawn),
        "mistakes": tally.mistakes,
        "unsure": tally.unsure,
        "unread": [{"path": photo.path, "reason": without_folders(photo.reason)} for photo in unread],
        "notes": [without_folders(note) for note in manifest.notes],
        "model": _clean(model) | {"classes": len(names)},
        "settings": _clean(manifest.settings),
        "taken": [sorted(taken) for taken in tally.methods],
        "layers": sorted(tally.layers),
        "hashes": {name: manifest.photos.get(name) for name in ("paths", "labels")},
        "versions": _versions([entry.versions for _, entry in entries]) | {"seewhy of the report": [versions()["seewhy"]]},
        "regions": IN_WORDS,
    }


def _unfinished(tally: Tally, manifest: Manifest, condition: str | None) -> dict[str, Any]:
    """How far the run is. photos : explained so far. first : False where shards between them are not finished yet.

    classes_without_photo : of the network's classes those that are no row's label; None where that is not known: without
    labels, and where only a part of the rows was read.
    """
    names = manifest.model["classes"]
    known = {true for true, _ in tally.cells}
    edits = max(1, len(manifest.photos.get("edits", [])))
    missing = [name for index, name in enumerate(names) if index not in known]
    return {
        "photos": sum(entry.rows for entry in manifest.shards.values()) // edits,
        "first": sorted(manifest.shards) == list(range(len(manifest.shards))),
        "classes_without_photo": missing if known and condition is None else None,
    }


def _classes(tally: Tally, found: Examples, names: Sequence[str], drawn: bool) -> list[dict[str, Any]]:
    """In index order, those that a photo belongs to or was taken for."""
    supports = dict.fromkeys(tally.called, 0)
    rights = dict(supports)
    called_with_label = dict(supports)
    for (true, predicted), count in tally.cells.items():
        supports[true] = supports.get(true, 0) + count
        called_with_label[predicted] = called_with_label.get(predicted, 0) + count
        rights[true] = rights.get(true, 0) + (count if true == predicted else 0)
    classes = []
    for index in sorted(supports):
        (support, right, called) = (supports[index], rights.get(index, 0), called_with_label.get(index, 0))
        classes.append(
            {
                "name": names[index],
                "index": index,
                "labelled": support,
                "right": right,
                "recall": right / support if support else None,
                "recall_interval": list(interval(right, support)) if support and drawn else None,
                "called": tally.called.get(index, 0),
                "precision": right / called if called else None,
                "maps": [{"method": method} | _where(where[index]) for method, where in tally.where if index in where],
                "typical": found.typical.get(index, []),
                "odd": found.odd.get(index, []),
                "taken": found.taken.get(index, []),
                "overlaps": {
                    str(number): found.overlaps[number] for number in (*found.typical.get(index, []), *found.odd.get(index, []))
                },
            }
        )
    return classes


def _where(where: Where) -> dict[str, Any]:
    mean = where.mean.reshape(COARSE, SIDE // COARSE, COARSE, SIDE // COARSE).sum(axis=(1, 3)) * COARSE * COARSE
    return {
        "photos": where.photos,
        "empty": where.empty,
        "regions": where.regions(),
        "densest": where.densest(),
        "concentration": where.concentration if where.photos else None,
        "mean": [[float(f"{value:.3g}") for value in row] for row in np.asarray(mean)],
    }


def by_concentration(tally: Tally) -> list[int]:
    """Classes with a mean map, those first whose evidence lies most at one place of the photo; those of few photos last, by the
    number of mistakes in which they take part."""
    where = tally.where[0][1] if tally.where else {}
    mistakes: Counter[int] = Counter()
    for (true, predicted), number in tally.cells.items():
        if true != predicted:
            mistakes.update({true: number, predicted: number})

    def place(index: int) -> tuple[bool, int, float, int]:
        one = where[index]
        return one.few, -mistakes[index] if one.few else 0, -one.concentration, index

    return sorted((index for index, one in where.items() if one.photos), key=place)


def _versions(every: Sequence[dict[str, str]]) -> dict[str, list[str]]:
    """Of each library the versions that shards were made with."""
    found: dict[str, set[str]] = {}
    for one in every:
        for name, version in one.items():
            found.setdefault(name, set()).add(version)
    return {name: sorted(numbers) for name, numbers in found.items()}
