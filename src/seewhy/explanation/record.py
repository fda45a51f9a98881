"""What an explanation holds: raw numbers and everything that is needed to repeat them. Drawn and saved by the files beside it."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from seewhy.formatting import format_sides
from seewhy.geometry import Array, SampleGrid, VolumeSampleGrid, map_on_photo, resize_map, resize_volume
from seewhy.records import Cost, Note, Photo, Prediction, Target

_MOST_LISTED = 64  # numbers of another input that the record lists
FORMAT = 1  # of the saved file; raised when an older seewhy could not read it


@dataclass(frozen=True, eq=False)
class ExplanationRecord:
    """The fields of an :class:`~seewhy.Explanation`, which says what they mean, and its maps at other sizes."""

    maps: Array
    signed: bool
    targets: list[Target]
    method: str
    photo: Photo
    settings: dict[str, Any] = field(default_factory=dict)
    layer: str | None = None
    seed: int | None = None
    units: str = ""
    partial: bool = False
    cost: Cost = field(default_factory=lambda: Cost(0.0, 0.0, 0.0))
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    raw: Array | None = None
    predictions: list[Prediction] = field(default_factory=list)
    model: str = ""
    weights: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    sample_grid: SampleGrid | None = None
    by_class: bool = True

    def on_input(self, upsample: str = "bicubic") -> Array:
        """The maps enlarged to the network's input, ``(K, H, W)``; of a volume ``(K, D, H, W)``."""
        if self.photo.depth is not None:
            return resize_volume(self.maps, (self.photo.depth, *self.photo.geometry.input), upsample, self.volume_grid)
        return resize_map(self.maps, self.photo.geometry.input, upsample, self.sample_grid)

    def on_photo(self, upsample: str = "bicubic") -> Array:
        """The maps laid on the original photo, ``(K, H, W)``; NaN where the network did not see the photo. A volume is seen as it
        is: ``(K, D, H, W)``."""
        if self.photo.depth is not None:
            return self.on_input(upsample)
        return map_on_photo(self.maps, self.photo.geometry, upsample, self.sample_grid)

    @property
    def volume_grid(self) -> VolumeSampleGrid | None:
        """The sample grid of a volume's maps."""
        return self.sample_grid if isinstance(self.sample_grid, VolumeSampleGrid) else None

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        arrays = {"maps", "raw", "photo", "details"}
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in arrays}
        about = {f.name: getattr(self.photo, f.name) for f in fields(Photo) if f.name not in {"original", "pixels", "raw"}}
        about["notes"] = [Note(note) for note in self.photo.notes]  # settings as Python spells them
        about["inputs"] = {str(name): _summary(value) for name, value in self.photo.inputs.items()}
        # What most photos do not have is left out, so that older versions can read the record.
        photo = {name: value for name, value in about.items() if name not in ("display", "inputs", "rebuilt") or value}
        details = {name: value for name, value in self.details.items() if not isinstance(value, np.ndarray)}
        rest["note_targets"] = [getattr(note, "target", None) for note in self.notes]
        plain: dict[str, Any] = json.loads(
            json.dumps({"format": FORMAT, **rest, "photo": photo, "details": details}, default=_plain)
        )
        return plain

    def __repr__(self) -> str:
        layer = f" at {self.layer}" if self.layer else ""
        names = "; ".join(str(target) for target in self.targets)
        return f"<Explanation {self.method}{layer}: {names}; {format_sides(self.maps.shape[1:])}>"


def _summary(value: Any) -> Any:
    """A large array by its shape: a file of numbers keeps it, the record names it."""
    return f"an array {value.shape}" if isinstance(value, np.ndarray) and value.size > _MOST_LISTED else value


def _plain(value: Any) -> Any:
    """A JSON value for what JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return str(value)


@functools.cache
def versions() -> dict[str, str]:
    """The versions that decide about numbers, for the record."""
    try:
        own = version("seewhy")
    except PackageNotFoundError:  # run from a folder that was never installed
        own = "unknown"
    return {"seewhy": own, "torch": str(torch.__version__)}
