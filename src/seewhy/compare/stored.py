"""Stores of the same photos beside each other, such as those of a network before and after it was trained again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.compare.change import Change
from seewhy.compare.comparison import Comparison, Omission, checked_columns
from seewhy.compare.likeness import Row, matched_correlations
from seewhy.compare.stored_rows import GRAD_CAM, StoredRows
from seewhy.engine import runner
from seewhy.errors import MethodError, OptionError, PhotoError, listed, setting
from seewhy.geometry import Array
from seewhy.records import Note
from seewhy.store import Store

# Photos after which one says how long all take: the first one opens the stores' files, and takes many times as long as the next.
SETTLED = 20


def compare_stores(
    stores: Sequence[Store],
    method: str,
    names: Sequence[str] | None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Comparison:
    """Photos that all stores have, each once, with the maps of one method. See :func:`seewhy.compare`."""
    stores = [store.each_photo_once() for store in stores]
    if names is not None and len(names) != len(stores):
        raise OptionError(f"{len(names)} names for {len(stores)} stores: give one for each.")
    columns = checked_columns(list(names or [Path(store.path).name for store in stores]))
    (listings, places, skipped) = _matched(stores)
    if not places:
        examples = [next(iter(listing.paths), "no photo") for listing in listings]
        raise PhotoError(
            f"The stores have no photo in common, neither by its path nor by its hash. Their first ones: {listed(examples)}."
        )
    rows = StoredRows(stores, places, method)
    (kept, correlations, predictions, target_texts) = ([], [], [], [])
    reached = 0
    try:
        with runner.Progress(progress, len(places), "Comparison", first=SETTLED) as bar:
            for number, of_photo in enumerate(places):
                try:
                    row = rows[number]
                except MethodError as error:
                    if method != GRAD_CAM:
                        raise
                    skipped.append((listings[0].paths[of_photo[0]], error.line))
                else:
                    kept.append(of_photo)
                    correlations.append(_correlations(row))
                    predictions.append([e.predictions[0] for e in row if e is not None])
                    target_texts.append([e.targets[0].text for e in row if e is not None])
                reached += 1
                bar.advance(1)
    except KeyboardInterrupt:
        if not kept:
            raise
    if not kept:
        raise MethodError(skipped[-1][1])
    rows = replace(rows, places=kept)
    of_all = {(listing_number, place) for of_photo in places for listing_number, place in enumerate(of_photo)}
    changed = {path for path, _ in skipped}
    change = Change(
        columns,
        [next(iter(_known_labels(listings, of_photo)), None) for of_photo in kept],
        [[_right(listing, place) for listing, place in zip(listings, of_photo, strict=True)] for of_photo in kept],
        [
            [path for place, path in enumerate(listing.paths) if (number, place) not in of_all and path not in changed]
            for number, listing in enumerate(listings)
        ],
        predictions,
    )
    taken = dict.fromkeys(e.method for e in rows[0] if e is not None)
    notes: list[str] = [Note(f"the maps are the stored ones, by {listed(taken)}; likeness is measured on thumbnails")]
    if different := sum(_differ(row) for row in target_texts):
        notes.append(
            Note(f"on {different} of {len(kept)} photos the stores explain different classes: these maps have no likeness")
        )
    if relabelled := sum(_differ(_known_labels(listings, of_photo)) for of_photo in kept):
        notes.append(
            Note(
                f"{relabelled} photo{'s have' if relabelled != 1 else ' has'} another label in each store: each answer is held "
                "against its own"
            )
        )
    notes += [
        Omission(f"{_photos(len(only))} in {column} and not in all: {listed(only, 3)}")
        for column, only in zip(columns, change.only, strict=True)
        if only
    ]
    if skipped:
        notes.append(Omission(f"{_skipped(len(skipped))}: {listed((name for name, _ in skipped), 3)}"))
    if reached < len(places):
        notes.append(Omission(f"interrupted after {reached} of {len(places)} photos"))
    paths = [listings[0].paths[of_photo[0]] for of_photo in kept]
    return Comparison(
        columns,
        "networks",
        rows,
        predictions,
        np.stack(correlations),
        [_joined(columns, texts) for texts in target_texts],
        paths,
        skipped,
        notes,
        len(places) - reached,
        change=change,
    )


@dataclass(frozen=True, eq=False)
class _Listing:
    """A store's rows, without maps. edits : what was changed in each photo, None for nothing. by_path, by_hash : their places by
    path or hash, each with the edit."""

    paths: list[str]
    hashes: list[str]
    edits: list[str | None]
    labels: list[str | None]
    wrong: list[bool | None]
    by_path: dict[tuple[str, str | None], int]
    by_hash: dict[tuple[str, str | None], int]

    @classmethod
    def of(cls, store: Store) -> _Listing:
        columns = store.to_arrow(["path", "sha256", "edit", "label", "wrong"]).to_pydict()
        (paths, hashes, edits) = (columns["path"], columns["sha256"], columns["edit"])
        by_path = {key: place for place, key in enumerate(zip(paths, edits, strict=True))}
        by_hash = {key: place for place, key in reversed(list(enumerate(zip(hashes, edits, strict=True))))}
        return cls(paths, hashes, edits, columns["label"], columns["wrong"], by_path, by_hash)


def _matched(stores: Sequence[Store]) -> tuple[list[_Listing], list[tuple[int, ...]], list[tuple[str, str]]]:
    """Listings; the places of each photo that all stores have; and photos whose file has changed in between, with the reason.

    A photo is the same where path and hash are; where a store does not have the path, one that has the hash alone is it.
    """
    listings = [_Listing.of(store) for store in stores]
    (first, others) = (listings[0], listings[1:])
    (places, skipped) = ([], [])
    taken: list[set[int]] = [set() for _ in others]
    for place, (path, digest, edit) in enumerate(zip(first.paths, first.hashes, first.edits, strict=True)):
        found: list[int] = []
        for listing, gone in zip(others, taken, strict=True):
            there = listing.by_path.get((path, edit))
            if there is None:
                there = listing.by_hash.get((digest, edit))
                if there is None or there in gone or (listing.paths[there], edit) in first.by_path:
                    break
            elif listing.hashes[there] != digest:
                skipped.append((path, "the photo's file is another one in each store"))
                break
            found.append(there)
        else:
            for there, gone in zip(found, taken, strict=True):
                gone.add(there)
            places.append((place, *found))
    return listings, places, skipped


def _photos(count: int) -> str:
    return "1 photo is" if count == 1 else f"{count} photos are"


def _skipped(count: int) -> str:
    return "1 photo was skipped" if count == 1 else f"{count} photos were skipped"


def _known_labels(listings: Sequence[_Listing], places: Sequence[int]) -> list[str]:
    labels = (listing.labels[place] for listing, place in zip(listings, places, strict=True))
    return [label for label in labels if label is not None]


def _right(listing: _Listing, place: int) -> bool | None:
    wrong = listing.wrong[place]
    return None if wrong is None else not wrong


def _correlations(row: Row) -> Array:
    """Rank correlations of maps of one class; of different classes there are none."""
    correlations = matched_correlations(row)
    texts = [e.targets[0].text if e is not None and e.by_class else "" for e in row]
    same = np.array([[a == b for b in texts] for a in texts])
    return np.where(same, correlations, np.nan).astype(np.float32)


def _differ(texts: Sequence[str]) -> bool:
    return len(set(texts)) > 1


def _joined(columns: Sequence[str], texts: Sequence[str]) -> str:
    """What is explained: ``"cow"``, or ``"before cow | after bear"``."""
    if not _differ(texts):
        return texts[0]
    return " | ".join(f"{column} {text}" for column, text in zip(columns, texts, strict=True))


def checked_stores(clf: Any, given: dict[str, Any]) -> list[Store]:
    """The stores, where they are what is compared; [] where none is. given : what stores do not take, None where it is not given.

    Raises OptionError: a store beside a network, a single one, settings of maps that are made already.
    """
    many = list(clf) if isinstance(clf, (list, tuple)) else [clf]
    stores = [one for one in many if isinstance(one, Store)]
    if not stores:
        return []
    if len(stores) < len(many) or len(stores) < 2:
        raise OptionError("Stores are compared with stores: write seewhy.compare([store_before, store_after]).")
    name = next((name for name, value in given.items() if value is not None), None)
    if name is not None:
        raise OptionError(f"{setting(name)}: the maps of a store are made already: leave it out.")
    return stores
