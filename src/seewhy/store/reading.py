"""A stored row as an explanation that draws itself, without the network."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seewhy.bands import shown
from seewhy.errors import OptionError, PhotoError
from seewhy.explanation import Explanation
from seewhy.explanation.saving import fields_of
from seewhy.geometry import Array, Geometry
from seewhy.methods.auto import ChoiceNote
from seewhy.photo import open_picture
from seewhy.preprocess import Preprocess
from seewhy.rasters import NamedFile
from seewhy.reading import Reader
from seewhy.records import Photo
from seewhy.show import displayable
from seewhy.store.manifest import Manifest
from seewhy.store.maps import unpacked
from seewhy.store.opening import edited, file_hash, named_file
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.sources import source_hash, sources_of
from seewhy.store.tars import find_member, read_member

_COLUMNS = ("method", "targets", "signed", "units", "layer", "by_class", "partial", "seed", "cost", "note_targets")
_TEXTS = ("settings", "details", "sample_grid")


def explanations_of(
    row: Mapping[str, Any], manifest: Manifest, versions: dict[str, str], root: Folder | None, thumbnail: bool = False
) -> list[Explanation]:
    """One explanation for each method of a row. versions : that the row was made with. root : where the photos lie now, None
    where that is not known. thumbnail : it is enough."""
    (photo, note) = (thumbnail_photo(row, manifest), []) if thumbnail else _photo(row, manifest, root)
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
        if stored["choice_note"] is not None:
            fields["notes"][stored["choice_note"]] = ChoiceNote(fields["notes"][stored["choice_note"]])
        explanations.append(Explanation(**fields))
    return explanations


def _photo(row: Mapping[str, Any], manifest: Manifest, root: Folder | None) -> tuple[Photo, list[str]]:
    """The photo read again where its file is still the same, else its thumbnail, and a note that says so."""
    geometry = _geometry(row)
    try:
        if root is None:
            reason = "where the photos lie is not kept with the store"
        elif path_below(row["path"]) != Path(row["path"]):
            reason = "its path leads out of the photos' folder"
        elif (source := _changed_source(row, root)) is not None:
            reason = f"'{source}', which it was edited with, has changed since"
        elif (photo := _same(row, manifest, root, geometry)) is not None:
            return photo, []
        else:
            reason = "the photo has changed since"
    except FileNotFoundError:
        reason = "the photo is not there any more"
    except (OSError, PhotoError, OptionError):  # the last: of an edit that takes something from outside the photos' folder
        reason = "the photo cannot be read any more"
    return thumbnail_photo(row, manifest), [f"{reason}: its thumbnail from the store is shown"]


def path_below(path: str) -> Path:
    """A row's path as one that stays below the folder that it is put in. A store may come from anybody: what leads up, or is
    absolute, is left out."""
    given = Path(path)
    return Path(*(part for part in given.parts if part not in (given.anchor, "..")))


def photo_file(root: Folder | None, path: str) -> Path:
    """Where the photo of a row lies, below the photos' root; of one that is no file of this machine the path itself."""
    return root.path / path_below(path) if isinstance(root, LocalFolder) else path_below(path)


def _changed_source(row: Mapping[str, Any], root: Folder) -> str | None:
    """The first photo that a row's edit takes something from and that has other bytes now. Raises OptionError."""
    kept = row.get("source_sha256") or []  # not known in shards of before
    sources = sources_of(json.loads(row["edit"])) if kept else ()
    return next((path for path, was in zip(sources, kept, strict=True) if source_hash(root, path) not in (None, was)), None)


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


def _same(row: Mapping[str, Any], manifest: Manifest, root: Folder, geometry: Geometry) -> Photo | None:
    """The photo, if its bytes are those of the run. Raises OSError, PhotoError."""
    read = partial(_read, row=row, root=root, geometry=geometry, manifest=manifest)
    path = row["path"]
    member = find_member(root, path)
    if member is None and isinstance(root, LocalFolder):
        return read(NamedFile(root.path / path, path)) if file_hash(root.path / path) == row["sha256"] else None
    content = root.read(path) if member is None else read_member(root, member, path)
    return read(named_file(path, content)) if hashlib.sha256(content).hexdigest() == row["sha256"] else None


def _read(source: NamedFile, row: Mapping[str, Any], root: Folder, geometry: Geometry, manifest: Manifest) -> Photo:
    """As the network saw it, where the preparation is known; else laid out by the stored geometry. Edited as it was then."""
    edit = None if row["edit"] is None else json.loads(row["edit"])
    display = None if manifest.model["display"] is None else tuple(manifest.model["display"])
    if manifest.preprocess is None:
        picture = open_picture(source) if edit is None else edited(open_picture, root, source, edit)
        return _rebuilt(displayable(shown(picture, None, display).original), geometry, picture.name, manifest)
    fields: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value := manifest.preprocess[field.name], list) else value
        for field in dataclasses.fields(Preprocess)
        if field.name in manifest.preprocess
    }
    reader = Reader(Preprocess(**fields) if fields else None, display, 2, lambda shape: None)
    return reader.read(source if edit is None else edited(reader.picture, root, source, edit))


def _rebuilt(original: Any, geometry: Geometry, name: str, manifest: Manifest) -> Photo:
    """A photo whose pixels are cut out of ``original`` again."""
    return Photo(original, _cut(original, geometry), geometry, name, manifest.model["preprocessing"], rebuilt=True)


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
    known = {field.name: getattr(preprocess, field.name) for field in dataclasses.fields(Preprocess)}  # a child may have more
    record: dict[str, Any] = json.loads(json.dumps(known, default=_plain))
    return record


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
