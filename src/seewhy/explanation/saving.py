"""An explanation as a file, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seewhy.errors import RecordError
from seewhy.explanation.drawing import figure
from seewhy.explanation.pages import page
from seewhy.explanation.record import FORMAT, ExplanationRecord
from seewhy.files import Content, json_bytes, npz_content
from seewhy.geometry import Array, Geometry, SampleGrid, VolumeSampleGrid
from seewhy.records import Cost, Display, Note, Photo, Prediction, Target
from seewhy.show.figures import picture_writers

Record = TypeVar("Record", bound=ExplanationRecord)


def writers(explanation: ExplanationRecord, style: dict[str, Any]) -> dict[str, Callable[[], Content]]:
    """What can be written of an explanation, by suffix. style : of the pictures; see ``panels``."""
    return {
        **picture_writers(lambda: figure(explanation, **style)),
        ".npz": lambda: _as_npz(explanation),
        ".json": lambda: _as_json(explanation),
        ".html": lambda: page([explanation], **style).encode(),
    }


def _as_npz(explanation: ExplanationRecord) -> Content:
    photo = explanation.photo
    arrays = {"maps": explanation.maps, "original": photo.original, "pixels": _as_bytes(photo.pixels)}
    if photo.raw is not None:
        arrays["photo/raw"] = photo.raw
    arrays |= {f"inputs/{name}": value for name, value in photo.inputs.items() if isinstance(value, np.ndarray)}
    if explanation.raw is not None:
        arrays["raw"] = explanation.raw
    arrays |= {f"details/{k}": v for k, v in explanation.details.items() if isinstance(v, np.ndarray)}
    return npz_content(explanation.record(), arrays, plain=("original", "pixels", "photo/raw"))


def _as_bytes(pixels: Array) -> npt.NDArray[Any]:
    """Pixels that are whole numbers of 0 to 255, as those of a resized photo are, in a quarter of the space."""
    with np.errstate(invalid="ignore"):  # of what does not fit another number is made, which is not equal
        whole = pixels.astype(np.uint8)
    return whole if np.array_equal(whole, pixels) else pixels


def _as_json(explanation: ExplanationRecord) -> bytes:
    record = explanation.record() | {"maps": explanation.maps.tolist()}
    record["details"] |= {k: v.tolist() for k, v in explanation.details.items() if isinstance(v, np.ndarray)}
    return json_bytes(record)


def read_npz(kind: type[Record], path: Path) -> Record:
    """An explanation that was saved as .npz. Raises RecordError for any other file."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        record = json.loads(str(arrays.pop("record")))
        if record.pop("format") != FORMAT:
            raise RecordError(f"'{path}' was written by another version of seewhy; this one reads format {FORMAT}.")
        return kind(**fields_of(record, arrays, _photo(record.pop("photo"), arrays)))
    except FileNotFoundError:
        raise RecordError(f"There is no file '{path}'.") from None
    except RecordError:
        raise
    except Exception as error:  # whatever a broken archive, or somebody else's, stumbles over
        raise RecordError(f"'{path}' is not an explanation saved as .npz, or broken: write one with e.save('x.npz').") from error


def _target(*, against: dict[str, Any] | None = None, **values: Any) -> Target:
    """against : missing in older files."""
    return Target(**values, against=None if against is None else Prediction(**against))


def _display(values: dict[str, Any] | None) -> Display | None:
    """values : missing in most files."""
    return None if values is None else Display(tuple(values["bands"]), tuple((low, high) for low, high in values["limits"]))


def _inputs(values: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str | int, Any]:
    """The other inputs, arrays from the file's own. JSON has turned places into text."""
    return {int(name) if name.isdigit() else name: arrays.get(f"inputs/{name}", value) for name, value in values.items()}


def _sample_grid(values: dict[str, Any] | None) -> SampleGrid | None:
    """values : that of a volume has slices, too."""
    if values is None:
        return None
    kind = VolumeSampleGrid if "slices" in values else SampleGrid
    return kind(**{axis: tuple(value) for axis, value in values.items()})


def _photo(about: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Photo:
    return Photo(
        original=arrays["original"],
        pixels=arrays["pixels"].astype(np.float32, copy=False),
        geometry=Geometry(**{name: tuple(value) for name, value in about.pop("geometry").items()}),
        notes=tuple(about.pop("notes")),
        raw=arrays.get("photo/raw"),
        display=_display(about.pop("display", None)),
        inputs=_inputs(about.pop("inputs", {}), arrays),
        **about,
    )


def fields_of(record: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], photo: Photo) -> dict[str, Any]:
    """The fields of an explanation. record : as ``Explanation.record()`` gives it, without format and photo. arrays : "maps",
    and where there are any "raw" and "details/NAME"."""
    notes = record.pop("notes")
    note_targets = record.pop("note_targets", [None] * len(notes))
    sample_grid = record.pop("sample_grid", record.pop("lattice", None))  # "lattice": its name in older files
    details = record.pop("details") | {
        name.removeprefix("details/"): value for name, value in arrays.items() if name.startswith("details/")
    }
    return record | {
        "maps": arrays["maps"],
        "raw": arrays.get("raw"),
        "photo": photo,
        "details": details,
        "notes": [Note(text, target) for text, target in zip(notes, note_targets, strict=True)],
        "targets": [_target(**target) for target in record["targets"]],
        "predictions": [Prediction(**prediction) for prediction in record["predictions"]],
        "cost": Cost(**record["cost"]),
        "sample_grid": _sample_grid(sample_grid),
    }
