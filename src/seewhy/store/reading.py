"""A stored row as an explanation that draws itself, without the network."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seewhy.bands import shown
from seewhy.errors import PhotoError
from seewhy.explanation import Explanation
from seewhy.explanation.saving import fields_of
from seewhy.geometry import Array, Geometry
from seewhy.methods.auto import AUTO, ChoiceNote
from seewhy.photo import open_picture
from seewhy.preprocess import Preprocess
from seewhy.reading import Reader
from seewhy.records import Photo
from seewhy.show import displayable
from seewhy.store.manifest import Manifest
from seewhy.store.maps import unpacked
from seewhy.store.shard import edited, file_hash

_COLUMNS = ("method", "targets", "signed", "units", "layer", "by_class", "partial", "seed", "cost", "note_targets")
_CHOICE = f"method={AUTO!r} took "  # as such a note begins, which who shows many photos says once
_TEXTS = ("settings", "details", "sample_grid")


def explanations_of(row: Mapping[str, Any], manifest: Manifest, versions: dict[str, str], root: Path | None) -> list[Explanation]:
    """One explanation for each method of a row. versions : that the row was made with. root : where the photos lie now; None: the
    thumbnail is enough."""
    (photo, note) = (thumbnail_photo(row, manifest), []) if root is None else _photo(row, manifest, root)
    explanations = []
    for stored in row["explanations"]:
        record = {name: stored[name] for name in _COLUMNS}
        record |= {name: None if stored[name] is None else json.loads(stored[name]) for name in _TEXTS}
        record |= {
            "notes": [*stored["notes"], *note],
            "note_targets": [*stored["note_targets"], *[None] * len(note)],
            "predictions": row["predictions"],
            "model": manifest.model["name"],
            "weights": manifest.model["weights"],
            "versions": versions,
        }
        maps = unpacked(stored["values"], stored["scales"], stored["grid"])
        fields = fields_of(record, {"maps": maps}, photo)
        fields["notes"] = [ChoiceNote(note) if note.startswith(_CHOICE) else note for note in fields["notes"]]
        explanations.append(Explanation(**fields))
    return explanations


def _photo(row: Mapping[str, Any], manifest: Manifest, root: Path) -> tuple[Photo, list[str]]:
    """The photo read again where its file is still the same, else its thumbnail, and a note that says so."""
    geometry = _geometry(row)
    file = root / row["path"]
    try:
        if file_hash(file) == row["sha256"]:
            return _read(row, root, geometry, manifest), []
        reason = "the photo has changed since"
    except FileNotFoundError:
        reason = "the photo is not there any more"
    except (OSError, PhotoError):
        reason = "the photo cannot be read any more"
    return thumbnail_photo(row, manifest), [f"{reason}: its thumbnail from the store is shown"]


def thumbnail_photo(row: Mapping[str, Any], manifest: Manifest, input: tuple[int, int] | None = None) -> Photo:
    """The stored thumbnail as a photo. input : (h, w) of its pixels; None: those of the network's input."""
    with Image.open(io.BytesIO(row["thumbnail"])) as thumbnail:
        original = np.array(thumbnail.convert("RGB"))
    geometry = _geometry(row).at_size((original.shape[0], original.shape[1]))
    if input is not None:
        (down, across) = (geometry.input[0] / input[0], geometry.input[1] / input[1])
        ((row_scale, top), (column_scale, left)) = (geometry.rows, geometry.columns)
        geometry = Geometry(geometry.photo, input, (row_scale * down, top), (column_scale * across, left))
    return _rebuilt(original, geometry, Path(row["path"]).name, manifest)


def _geometry(row: Mapping[str, Any]) -> Geometry:
    return Geometry(**{name: tuple(values) for name, values in row["geometry"].items()})


def _read(row: Mapping[str, Any], root: Path, geometry: Geometry, manifest: Manifest) -> Photo:
    """As the network saw it, where the preparation is known; else laid out by the stored geometry. Edited as it was then."""
    edit = None if row["edit"] is None else json.loads(row["edit"])
    file = root / row["path"]
    display = None if manifest.model["display"] is None else tuple(manifest.model["display"])
    if manifest.preprocess is None:
        picture = open_picture(file) if edit is None else edited(open_picture, root, row["path"], edit)
        return _rebuilt(displayable(shown(picture, None, display).original), geometry, file.name, manifest)
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in manifest.preprocess.items()
    }
    reader = Reader(Preprocess(**fields) if fields else None, display, 2, lambda shape: None)
    return reader.read(file if edit is None else edited(reader.picture, root, row["path"], edit))


def _rebuilt(original: Any, geometry: Geometry, name: str, manifest: Manifest) -> Photo:
    """A photo whose pixels are cut out of ``original`` again. It says so in its preprocessing, by which a classifier knows that
    it has to read it anew."""
    words = f"{manifest.model['preprocessing']}; cut out again from the store's record"
    return Photo(original, _cut(original, geometry), geometry, name, words)


def _cut(original: Any, geometry: Geometry) -> Array:
    """The nearest pixels, float32 ``(3, h, w)``; black where the input reaches beyond the photo."""
    axes = []
    for (scale, offset), length, side in zip((geometry.rows, geometry.columns), geometry.input, geometry.photo, strict=True):
        places = np.floor(scale * (np.arange(length) + 0.5) + offset).astype(int)
        axes.append((places.clip(0, side - 1), (places >= 0) & (places < side)))
    ((rows, rows_inside), (columns, columns_inside)) = axes
    cut = original[rows][:, columns] * (rows_inside[:, None] & columns_inside)[:, :, None]
    pixels: Array = np.ascontiguousarray(np.moveaxis(cut, -1, 0), np.float32)
    return pixels


def preprocess_record(preprocess: Any) -> dict[str, Any] | None:
    """What of a preparation is kept, so that photos can be read again: its fields, ``{}`` for none at all, None for another
    library's transform."""
    if preprocess is None:
        return {}
    if not isinstance(preprocess, Preprocess):
        return None
    record: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(preprocess), default=_plain))
    return record


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
