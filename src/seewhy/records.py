"""What goes through seewhy: photos in, explanations out. Frozen, with raw numbers; nothing here is rescaled."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.errors import Message, RecordError
from seewhy.geometry import Array, Geometry, SampleGrid, map_on_photo, resize_map

if TYPE_CHECKING:  # drawn only when asked for, so that reading a record needs no matplotlib
    from matplotlib.figure import Figure
    from PIL import Image

FORMAT = 1  # of the saved file; raised when an older seewhy could not read it


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as the person sees it, and as the network does.

    original : uint8 ``(H, W, 3)`` or ``(H, W)``, turned upright; with ``preprocess=None`` the tensor itself, float32
        ``(H, W, C)``.
    pixels : float32 ``(C, h, w)``, the network's input before normalisation: 0-255, or the tensor's own units where
        ``preprocess=None``.
    geometry : where the input lies on the original.
    name : the file's name, or "photo".
    preprocessing : the preprocessing in words.
    notes : what was changed on the way in (a grey channel repeated, transparency laid on white).
    """

    original: npt.NDArray[Any]
    pixels: Array
    geometry: Geometry
    name: str = "photo"
    preprocessing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """One class and the probability that the network gives it."""

    name: str
    index: int
    score: float

    def __str__(self) -> str:
        return f"{self.name} ({self.score:.2f})"


@dataclass(frozen=True)
class Target:
    """What is explained: a class with its score and its rank (1 = the network's first choice).

    For a callable target ``index`` and ``rank`` are None and ``score`` is the value that it returned.
    """

    name: str
    index: int | None
    score: float
    rank: int | None

    def __str__(self) -> str:
        return f"{self.name} ({self.score:.2f})"


@dataclass(frozen=True)
class Layer:
    """A place in the network that can be explained.

    name : what ``layer=`` takes. kind : the operation or the module. grid : (rows, columns). channels : how many.
    automatic : True for the one that is taken when no layer is named.
    """

    name: str
    kind: str
    grid: tuple[int, int]
    channels: int
    automatic: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.grid[0]}×{self.grid[1]}"


@dataclass(frozen=True)
class Cost:
    """What an explanation cost: photos through the network forward and backward, and seconds."""

    forward: float
    backward: float
    seconds: float


class Ending(str, Enum):
    """Why work that could go on came to its end; recorded as ``details["stopped"]``."""

    COMPLETE = ""
    INTERRUPTED = "interrupted"  # Ctrl-C
    BUDGET = "budget"
    STABLE = "stable"  # LIME with budget="auto": more samples would not change the ranking
    RUNNING = "running"  # it has not ended: a partial result for a progress callback

    @property
    def text(self) -> str:
        """In words, for a sentence that goes on with "after 3 of 5 masks"."""
        return {"interrupted": "interrupted", "budget": "stopped by the budget", "running": "so far"}.get(self.value, self.value)


class Note(Message):
    """A diagnosis in words, for people; nothing is decided by it. Settings in it are marked as in an error's message.

    target : the number of the map that it speaks of, counted as in ``Explanation.targets``; None for the photo or the call.
    """

    target: int | None

    def __new__(cls, text: str, target: int | None = None) -> Note:
        note = super().__new__(cls, text)
        note.target = target
        return note


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the network gave a photo these scores: one map per target, in raw numbers.

    maps : float32 ``(K, h, w)`` on the method's own grid, which covers the network's input. Positive speaks for the target.
    signed : False where negative values cannot occur.
    targets : K targets, in the order of the maps.
    predictions : the network's first choices (at most 5), whatever the targets were.
    method, settings, layer, seed : what was computed, enough to repeat it.
    units : what the numbers are ("logit", "probability", ...).
    partial : True when it was interrupted and shows what was reached.
    cost : passes and seconds. notes : diagnoses in words. details : what the method found on the way.
    raw : gradient methods only, ``(K, C, H, W)``.
    model, weights, versions : the network's name, a hash of its weights, and the versions of seewhy and torch.
    sample_grid : where the maps' samples lie on the network's input (occlusion: the centres of the masks); None where they
        cover it evenly.
    """

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
    cost: Cost = Cost(0.0, 0.0, 0.0)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    raw: Array | None = None
    predictions: list[Prediction] = field(default_factory=list)
    model: str = ""
    weights: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    sample_grid: SampleGrid | None = None

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".npz", ".json", ".html")  # that :meth:`save` can write

    @classmethod
    def from_map(cls, clf: Any, photo: Any, map: npt.ArrayLike, target: Any = "top1") -> Explanation:
        """A map of your own, ``(h, w)`` or ``(K, h, w)`` over the network's input, as an explanation of ``photo``.

        It can then be drawn, saved and compared like any other. ``target`` says what the map speaks for.
        """
        from seewhy.explain import explanation_of  # the pipeline stands above the records it fills

        return explanation_of(clf, photo, map, target)

    def on_input(self, upsample: str = "bicubic") -> Array:
        """The maps enlarged to the network's input, ``(K, H, W)``."""
        return resize_map(self.maps, self.photo.geometry.input, upsample, self.sample_grid)

    def on_photo(self, upsample: str = "bicubic") -> Array:
        """The maps laid on the original photo, ``(K, H, W)``; NaN where the network did not see the photo."""
        return map_on_photo(self.maps, self.photo.geometry, upsample, self.sample_grid)

    def plot(self, ax: Any = None, **look: Any) -> Figure:
        """A matplotlib figure: the photo, then one overlay per target with its colour bar. See ``seewhy.show.figure``.

        With ``ax`` only the first target's overlay is drawn, into that axes.
        """
        from seewhy import show

        return show.figure(self, ax=ax, **look)

    def image(self, **look: Any) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        from seewhy import show

        return show.image(self, **look)

    def save(self, path: str | os.PathLike[str], **look: Any) -> Path:
        """Write a picture (.png), the numbers (.npz, .json) or one self-contained page (.html). All or nothing."""
        path = Path(path)
        writer = _WRITERS.get(path.suffix.lower())
        if writer is None:
            raise RecordError(f"'{path.name}' cannot be written: '{path.suffix}' is not one of {', '.join(_WRITERS)}.")
        return write_whole(path, writer(self, look))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Explanation:
        """Read back what :meth:`save` wrote as .npz. The network is not needed."""
        return _from_npz(Path(path))

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        arrays = {"maps", "raw", "photo", "details"}
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in arrays}
        photo = {f.name: getattr(self.photo, f.name) for f in fields(Photo) if f.name not in {"original", "pixels"}}
        details = {name: value for name, value in self.details.items() if not isinstance(value, np.ndarray)}
        rest["note_targets"] = [getattr(note, "target", None) for note in self.notes]
        plain: dict[str, Any] = json.loads(
            json.dumps({"format": FORMAT, **rest, "photo": photo, "details": details}, default=_plain)
        )
        return plain

    def _repr_html_(self) -> str:
        from seewhy import show

        return show.snippet(self)

    def __repr__(self) -> str:
        (rows, columns) = self.maps.shape[-2:]
        where = f" at {self.layer}" if self.layer else ""
        names = ", ".join(str(target) for target in self.targets)
        return f"<Explanation {self.method}{where}: {names}; {rows}×{columns}>"


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that it appears whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.close()
                os.chmod(file.name, 0o666 & ~_umask())
                os.replace(file.name, path)
            except BaseException:
                file.close()
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RecordError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return path


def png_bytes(image: Image.Image) -> bytes:
    """A PIL image as a .png file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _umask() -> int:
    """The process's file mode mask (a temporary file is private, the result should be an ordinary file)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _plain(value: Any) -> Any:
    """A JSON value for what JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return str(value)


def _to_npz(explanation: Explanation, look: Mapping[str, Any]) -> bytes:
    arrays = {"maps": explanation.maps, "original": explanation.photo.original, "pixels": explanation.photo.pixels}
    if explanation.raw is not None:
        arrays["raw"] = explanation.raw
    arrays |= {f"details/{k}": v for k, v in explanation.details.items() if isinstance(v, np.ndarray)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, record=np.array(json.dumps(explanation.record())), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _from_npz(path: Path) -> Explanation:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        record = json.loads(str(arrays.pop("record")))
        if record.pop("format") != FORMAT:
            raise RecordError(f"'{path}' was written by another version of seewhy; this one reads format {FORMAT}.")
        return _from_record(record, arrays)
    except FileNotFoundError:
        raise RecordError(f"There is no file '{path}'.") from None
    except RecordError:
        raise
    except Exception as error:  # whatever a broken archive, or somebody else's, stumbles over
        raise RecordError(f"'{path}' is not an explanation saved as .npz, or broken: write one with e.save('x.npz').") from error


def _from_record(record: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Explanation:
    about = record.pop("photo")
    geometry = Geometry(**{name: tuple(value) for name, value in about.pop("geometry").items()})
    photo = Photo(
        original=arrays["original"],
        pixels=arrays["pixels"],
        geometry=geometry,
        notes=tuple(about.pop("notes")),
        **about,
    )
    notes = record.pop("notes")
    note_targets = record.pop("note_targets", [None] * len(notes))
    sample_grid = record.pop("sample_grid", record.pop("lattice", None))
    details = record.pop("details") | {
        name.removeprefix("details/"): value for name, value in arrays.items() if name.startswith("details/")
    }
    return Explanation(
        maps=arrays["maps"],
        raw=arrays.get("raw"),
        photo=photo,
        details=details,
        notes=[Note(text, target) for text, target in zip(notes, note_targets, strict=True)],
        targets=[Target(**target) for target in record.pop("targets")],
        predictions=[Prediction(**prediction) for prediction in record.pop("predictions")],
        cost=Cost(**record.pop("cost")),
        sample_grid=None if sample_grid is None else SampleGrid(**{axis: tuple(value) for axis, value in sample_grid.items()}),
        **record,
    )


def _to_json(explanation: Explanation, look: Mapping[str, Any]) -> bytes:
    record = explanation.record() | {"maps": explanation.maps.tolist()}
    record["details"] |= {k: v.tolist() for k, v in explanation.details.items() if isinstance(v, np.ndarray)}
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def _to_png(explanation: Explanation, look: Mapping[str, Any]) -> bytes:
    return png_bytes(explanation.image(**look))


def _to_html(explanation: Explanation, look: Mapping[str, Any]) -> bytes:
    from seewhy import show

    return show.page([explanation], **look).encode()


_WRITERS: dict[str, Callable[[Explanation, Mapping[str, Any]], bytes]] = {
    ".png": _to_png,
    ".npz": _to_npz,
    ".json": _to_json,
    ".html": _to_html,
}
