"""Any picture a person may hand over, opened upright: a path, bytes, a PIL image, an array, a tensor."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from seewhy import rasters
from seewhy.errors import PhotoError, setting
from seewhy.rasters import NamedFile, check_regular
from seewhy.records import Photo

# Not .npz: in a folder such a file is rather a saved explanation.
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jfif", ".npy")
# Of pictures that need a reader of their own: a folder that holds some says so.
OTHER_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".dcm", ".psd", ".svg", ".exr", ".hdr"),
    *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"),
)
HALF_OF_8_BITS = 128  # a photo of 0 to 255 that stays below is rare; other cameras and scanners have other ends
BRIGHTEST = 5  # what a normalised photo reaches; one of 0 to 255 that stays below would be black
FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}  # the number that is white; 1 for all other types


def folders_of(photos: Sequence[Path], root: Path | None = None) -> list[list[str]]:
    """The names of the folders that each photo lies in: its own, then those above it and below the root, the nearest first.

    root : None: the deepest folder that all photos lie below.
    """
    parents = [path.absolute().parent for path in photos]
    if root is None and parents:
        root = Path(os.path.commonpath(parents))
    depth = 0 if root is None else len(root.absolute().parts)
    return [[parent.name, *reversed(parent.parts[depth:-1])] for parent in parents]


def photos_below(folder: Path) -> list[Path]:
    """The photos in a folder and in those below it, sorted; hidden files and folders are somebody's cache."""
    return sorted(Path(folder, name) for name in photo_names_below(folder, lambda name, error: None))


def photo_names_below(
    folder: Path, left_out: Callable[[str, OSError], None], other: Callable[[str], None] = lambda name: None
) -> Iterator[str]:
    """The names of these photos, seen from the folder, with "/"; in any order, so that a million are listed soon.

    The folder's own entries say what is a file: only links are looked at one by one. left_out : is told of each folder that
    cannot be listed, or not to its end ("" is the first one), and of links that lead nowhere; the others are listed all the same.
    other : is told of pictures of kinds that are not read.
    """
    inner = [""]
    while inner:
        start = inner.pop()
        try:
            with os.scandir(folder / start) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(f"{start}{entry.name}/")
                    elif entry.name.lower().endswith(PHOTO_SUFFIXES):
                        try:
                            is_file = stat.S_ISREG(entry.stat().st_mode) if entry.is_symlink() else entry.is_file()
                        except OSError as error:  # of a link that leads nowhere, or in a circle
                            left_out(start + entry.name, error)
                            continue
                        if is_file:
                            yield start + entry.name
                    elif entry.name.lower().endswith(OTHER_SUFFIXES):
                        other(start + entry.name)
        except OSError as error:
            left_out(start.rstrip("/"), error)


@dataclass(frozen=True, eq=False)
class Picture:
    """An opened picture: ``values`` uint8 or uint16 ``(H, W)`` or ``(H, W, C)``, or float32 ``(H, W, C)``, in [0, 1] unless the
    preprocessing says what its numbers mean."""

    values: npt.NDArray[Any]
    name: str = "photo"
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        return (self.values.shape[0], self.values.shape[1])

    @property
    def full(self) -> int:
        """The number that is white: 255, 65535, or 1 for floats."""
        return FULL.get(self.values.dtype, 1)

    def image(self) -> Image.Image:
        """As an 8-bit PIL image, for transforms that take one. Raises PhotoError for more bands than a picture has colours."""
        values = self.values
        if values.dtype != np.uint8:
            values = np.floor(values.astype(np.float64) * (255 / self.full) + 0.5).astype(np.uint8)
        if values.ndim == 3 and values.shape[2] not in (1, 3, 4):
            raise PhotoError(f"The photo has {values.shape[2]} channels: as a picture it has 1 (grey) or 3 (red, green, blue).")
        return Image.fromarray(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values)


@dataclass(frozen=True)
class Expected:
    """What is known of a photo before it is opened.

    channels : how many the network takes; tells bands from rows, and pages that are bands from an animation. None: not known.
    any_range : the preprocessing says which numbers are black and white, so that floats may lie anywhere.
    """

    channels: int | None = None
    any_range: bool = False

    @property
    def sides(self) -> tuple[int, ...]:
        """Lengths of an axis that can be that of the channels."""
        return (1, 3, 4) if self.channels is None else (1, 3, 4, self.channels)


ANYTHING = Expected()


def open_picture(photo: Any, expected: Expected = ANYTHING) -> Picture:
    """Open what a person means by a photo.

    A path, bytes, an open binary file, a PIL image, a uint8 or uint16 array ``(H, W)``, ``(H, W, C)`` or ``(C, H, W)``, a float
    tensor or array ``(C, H, W)`` with values in [0, 1]; files of PIL's, .npy and .npz with one array, TIFF of many bands. EXIF
    rotation is undone, palettes and CMYK become RGB, 16 bits stay 16, transparent parts are laid on white (but not where the
    network takes four channels).

    Raises PhotoError: no such file, not a picture, truncated, too large to be a photo, pixels in another range.
    """
    if isinstance(photo, Photo):
        return Picture(photo.original if photo.raw is None else photo.raw, photo.name)
    if isinstance(photo, Picture):
        return photo
    if isinstance(photo, (str, os.PathLike)):
        photo = NamedFile(Path(photo), str(Path(photo)))
    if isinstance(photo, NamedFile):
        if photo.path.suffix.lower() in rasters.ARRAY_SUFFIXES:
            return replace(_from_array(rasters.read_array(photo), False, expected), name=photo.path.name)
        source = photo.path if photo.content is None else io.BytesIO(photo.content)
        return replace(_decode(source, f"'{photo.name}'", expected), name=photo.path.name)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(bytes(photo)), "these bytes", expected)
    if isinstance(photo, Image.Image):
        return _from_pil(photo, "this PIL image", expected)
    if hasattr(photo, "read"):
        return _decode(photo, "this file", expected)
    if isinstance(photo, torch.Tensor):
        values = photo.detach().cpu().float().numpy() if photo.is_floating_point() else photo.cpu().numpy()
        return _from_array(values, True, expected)
    if isinstance(photo, np.ndarray):
        return _from_array(photo, False, expected)
    raise PhotoError(
        f"A photo cannot be a {type(photo).__name__}: give a path, bytes, a PIL image, a uint8 array (H, W, 3) or a "
        "float tensor (C, H, W) in [0, 1]."
    )


class QuietPillow:
    """No warnings of Pillow's while any thread is in it; ``warnings.catch_warnings`` alone undoes what another thread began."""

    def __init__(self) -> None:
        (self._lock, self._inside, self._caught) = (threading.Lock(), 0, contextlib.ExitStack())

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.close()


_quiet = QuietPillow()


def _decode(source: Any, what: str, expected: Expected) -> Picture:
    try:
        # A 100-megapixel photo is a photo; twice Pillow's limit is an error there, and here. A broken file has one reason.
        with _quiet:
            try:
                if isinstance(source, Path):
                    check_regular(source)
                # Open: by its name Pillow would map an uncompressed TIFF into memory, and mix up one that lies on its side.
                opening = source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source)
                with opening as opened, Image.open(opened) as image:
                    wide = rasters.wide_values(image, source, expected.channels)
                    return _from_pil(image, what, expected) if wide is None else _from_wide(*wide, expected)
            except UnidentifiedImageError:
                if not rasters.starts_as_tiff(source):
                    raise
                return _from_wide(*rasters.read_tiff(source), expected)
    except FileNotFoundError:
        address = " Addresses are not fetched: save the photo as a file first." * what.startswith(("'http:/", "'https:/"))
        raise PhotoError(f"There is no file {what}.{address}") from None
    except IsADirectoryError:
        raise PhotoError(f"{what} is a folder, not a photo.") from None
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{what} says that it is far larger than any photo ({error}). If it really is a photo, reduce it first, or "
            "raise PIL.Image.MAX_IMAGE_PIXELS."
        ) from None
    except UnidentifiedImageError:
        raise PhotoError(f"{what} is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can).") from None
    except PhotoError:
        raise
    except Exception as error:  # on a broken file Pillow's decoders raise whatever they stumble over
        raise PhotoError(_broken(what, error)) from error


def _broken(what: str, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"{what} cannot be opened: {error.strerror}."
    return f"{what} cannot be read to its end: {error}. The file is broken or truncated."


def _from_wide(values: npt.NDArray[Any], bands_first: bool, expected: Expected, notes: tuple[str, ...] = ()) -> Picture:
    """A file whose pixels came as an array that says where its bands are."""
    values = np.moveaxis(values, 0, -1) if bands_first else values
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise PhotoError(f"The file holds an array of shape {values.shape}: a photo is rows × columns × bands.")
    if values.dtype == np.uint16 and values.ndim == 3 and values.shape[2] == 4 != expected.channels:
        alpha = values[..., 3:].astype(np.float64) / 65535
        white = np.floor(values[..., :3] * alpha + 65535 * (1 - alpha) + 0.5).astype(np.uint16)
        return Picture(white, notes=(*notes, *("transparent parts were laid on white",) * bool((alpha < 1).any())))
    return _typed(values, notes, expected)


def _from_pil(image: Image.Image, what: str, expected: Expected) -> Picture:
    notes: list[str] = []
    try:
        pages = rasters.pages_as_bands(image, expected.channels)
        if pages is not None:
            (bands, notes_on_pages) = pages
            return _from_wide(bands, True, expected, notes_on_pages)
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # there, previews and depth maps follow, as phones write them
            notes.append(f"the file holds {frames} frames (an animation, or pages): the first one is explained")
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        upright: Image.Image = ImageOps.exif_transpose(image) if turned else image
        upright.load()
    except PhotoError:
        raise
    except Exception as error:  # see _decode
        raise PhotoError(_broken(what, error)) from error
    mode = upright.mode
    if mode.startswith("I") or mode == "F":
        values = np.asarray(upright, dtype=np.float64)
        if expected.any_range and (mode == "F" or values.min() < 0 or values.max() > 65535):
            return _typed(values, tuple(notes), expected)
        if mode == "F" or values.min() < 0 or values.max() > 65535:
            raise PhotoError(
                f"{what} has pixels from {values.min():g} to {values.max():g} (mode {mode}): say which numbers "
                f"become 0 and 1, as in the network's training: {setting('range', (0, 1))} of Preprocess."
            )
        return Picture(values.astype(np.uint16), notes=tuple(notes))
    if mode == "RGBA" and expected.channels == 4:
        return Picture(np.array(upright), notes=tuple(notes))
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] != 255:
            notes.append("transparent parts were laid on white")
        white = Image.new("RGBA", rgba.size, "white")
        upright = Image.alpha_composite(white, rgba).convert("L" if mode in ("LA", "La") else "RGB")
    elif mode in ("1", "L"):
        upright = upright.convert("L")
    elif mode != "RGB":
        upright = upright.convert("RGB")
    return Picture(np.array(upright), notes=tuple(notes))


def _from_array(values: npt.NDArray[Any], channels_first: bool, expected: Expected) -> Picture:
    """Arrays: bytes are rows × columns × channels, all others channels × rows × columns, unless only the other way fits."""
    shape = tuple(values.shape)
    kind = "tensor" if channels_first else "array"
    if values.ndim == 4 and shape[0] == 1:
        raise PhotoError(f"The {kind} has shape {shape}: a batch. Pass it as a list of photos or as a batch tensor.")
    if values.ndim not in (2, 3) or 0 in shape:
        raise PhotoError(f"The {kind} has shape {shape}: a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1].")
    if values.dtype.kind not in "buif":
        raise PhotoError(f"The {kind} holds {values.dtype}: a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1].")
    notes: tuple[str, ...] = ()
    if values.ndim == 3:
        expected_first = channels_first or values.dtype != np.uint8
        ends = (shape[0], shape[-1])
        (first, last) = (side in expected.sides for side in ends)
        if expected.channels in ends and ends[0] != ends[1]:  # the network says which axis is the bands'
            (first, last) = (side == expected.channels for side in ends)
        if first == last:  # both fit, or neither (many bands): the shorter one, else as the type is usually meant
            is_first = ends[0] < ends[1] if ends[0] != ends[1] and not first else expected_first
        else:
            is_first = first
            certain = expected.channels in ends and expected.channels not in (1, 3, 4)
            if is_first != expected_first and not certain and values.dtype != np.uint16:
                order = "channels × rows × columns" if is_first else "rows × columns × channels"
                notes = (f"the picture is {'×'.join(map(str, shape))}: it was read as {order}",)
        if is_first:
            values = values.transpose(1, 2, 0)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 4 != expected.channels:
        laid = _from_pil(Image.fromarray(np.ascontiguousarray(values)), "this array", expected)
        return replace(laid, notes=(*notes, *laid.notes))
    return _typed(values, notes, expected)


def _typed(values: npt.NDArray[Any], notes: tuple[str, ...], expected: Expected) -> Picture:
    """``(H, W)`` or ``(H, W, C)`` of any numbers as a picture: 8 and 16 bits stay as they are, all others are float32."""
    if values.dtype in FULL:
        grey = values.ndim == 3 and values.shape[2] == 1
        return Picture(np.array(values[..., 0] if grey else values), notes=notes)
    values = np.array(values, dtype=np.float32)
    values = values[..., None] if values.ndim == 2 else values
    if not np.isfinite(values).all():
        raise PhotoError("The picture holds values that are not finite (NaN or infinity): repair them first.")
    return Picture(values if expected.any_range else _checked_unit_range(values), notes=notes)


def _checked_unit_range(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    (low, high) = (float(values.min()), float(values.max()))
    negative = low < -1e-3
    if (negative and low >= -20 and high <= 20) or (not negative and 1 + 1e-3 < high <= BRIGHTEST):
        raise PhotoError(
            f"The input ranges {low:.1f} … {high:.1f}: already normalised, and the preprocessing normalises again. Pass "
            f"the raw photo, or build the classifier with {setting('preprocess', None)}."
        )
    if low < -1e-3 or high > 1 + 1e-3:
        cure = "Divide it by 255, or pass it as uint8."
        if not negative and high < HALF_OF_8_BITS:
            cure = f"Say which number became 1 in the network's training: {setting('range')} of Preprocess."
        elif low < 0 or high > 255:
            cure = (
                f"Say which numbers become 0 and 1, as in the network's training: {setting('range', (0, 10000))} of Preprocess."
            )
        raise PhotoError(f"The input ranges {low:g} … {high:g}: a float picture is read as RGB in [0, 1]. {cure}")
    return values.clip(0, 1)
