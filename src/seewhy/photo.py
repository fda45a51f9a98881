"""Any picture a person may hand over, opened upright: a path, bytes, a PIL image, an array, a tensor."""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from seewhy.errors import PhotoError
from seewhy.records import Photo

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jfif")


def photos_below(folder: Path) -> list[Path]:
    """The photos in a folder and in those below it, sorted; hidden files and folders are somebody's cache."""
    paths: list[Path] = []
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        paths += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(path for path in paths if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())


@dataclass(frozen=True, eq=False)
class Picture:
    """An opened picture: ``values`` uint8 ``(H, W)`` or ``(H, W, C)``, or float32 ``(H, W, C)`` in [0, 1]."""

    values: npt.NDArray[Any]
    name: str = "photo"
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        return (self.values.shape[0], self.values.shape[1])

    def image(self) -> Image.Image:
        """As an 8-bit PIL image, for transforms that take one."""
        values = self.values
        if values.dtype != np.uint8:
            values = np.floor(values * 255 + 0.5).astype(np.uint8)
        return Image.fromarray(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values)


def open_picture(photo: Any) -> Picture:
    """Open what a person means by a photo.

    A path, bytes, an open binary file, a PIL image, a uint8 array ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``, a float
    tensor or array ``(C, H, W)`` with values in [0, 1]. EXIF rotation is undone, palettes and CMYK become RGB,
    16 bits become 8, transparent parts are laid on white.

    Raises PhotoError: no such file, not a picture, truncated, too large to be a photo, pixels in another range.
    """
    if isinstance(photo, Photo):
        return Picture(photo.original, photo.name)
    if isinstance(photo, Picture):
        return photo
    if isinstance(photo, (str, os.PathLike)):
        path = Path(photo)
        return replace(_decode(path, f"'{path}'"), name=path.name)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(bytes(photo)), "these bytes")
    if isinstance(photo, Image.Image):
        return _from_pil(photo, "this PIL image")
    if hasattr(photo, "read"):
        return _decode(photo, "this file")
    if isinstance(photo, torch.Tensor):
        return _from_array(photo.detach().cpu().float().numpy() if photo.is_floating_point() else photo.cpu().numpy(), True)
    if isinstance(photo, np.ndarray):
        return _from_array(photo, False)
    raise PhotoError(
        f"A photo cannot be a {type(photo).__name__}: give a path, bytes, a PIL image, a uint8 array (H, W, 3) or a "
        "float tensor (C, H, W) in [0, 1]."
    )


def _decode(source: Any, what: str) -> Picture:
    try:
        with warnings.catch_warnings():
            # A 100-megapixel photo is a photo; twice Pillow's limit is an error there, and here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                return _from_pil(image, what)
    except FileNotFoundError:
        raise PhotoError(f"There is no file {what}.") from None
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


def _from_pil(image: Image.Image, what: str) -> Picture:
    notes: list[str] = []
    try:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # there, previews and depth maps follow, as phones write them
            notes.append(f"the file holds {frames} frames (an animation, or pages): the first one is explained")
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        upright: Image.Image = ImageOps.exif_transpose(image) if turned else image
        upright.load()
    except Exception as error:  # see _decode
        raise PhotoError(_broken(what, error)) from error
    mode = upright.mode
    if mode.startswith("I") or mode == "F":
        values = np.asarray(upright, dtype=np.float64)
        if mode == "F" or values.min() < 0 or values.max() > 65535:
            raise PhotoError(
                f"{what} has pixels from {values.min():g} to {values.max():g} (mode {mode}): scale them to 8 bit first, so "
                "that the picture is the one the network was trained on."
            )
        notes.append("16 bits a pixel were reduced to 8")
        return Picture(np.floor(values / 257 + 0.5).astype(np.uint8), notes=tuple(notes))
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


def _from_array(values: npt.NDArray[Any], channels_first: bool) -> Picture:
    """Arrays: uint8 is rows × columns × channels, float is channels × rows × columns, unless only the other way fits."""
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
        (first, last) = (shape[0] in (1, 3, 4), shape[-1] in (1, 3, 4))
        if first == last:  # both fit, or neither (many bands): as the type is usually meant
            is_first = expected_first
        else:
            is_first = first
            if is_first != expected_first:
                order = "channels × rows × columns" if is_first else "rows × columns × channels"
                notes = (f"the picture is {'×'.join(map(str, shape))}: it was read as {order}",)
        if is_first:
            values = values.transpose(1, 2, 0)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype == np.uint8:
        if values.ndim == 3 and values.shape[2] == 4:
            laid = _from_pil(Image.fromarray(np.ascontiguousarray(values)), "this array")
            return replace(laid, notes=(*notes, *laid.notes))
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[..., 0]
        return Picture(np.array(values), notes=notes)
    if values.dtype == np.uint16:
        return Picture(np.floor(values / 257 + 0.5).astype(np.uint8), notes=(*notes, "16 bits a pixel were reduced to 8"))
    return Picture(_checked_unit_range(values), notes=notes)


def _checked_unit_range(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    values = np.array(values, dtype=np.float32)
    values = values[..., None] if values.ndim == 2 else values
    if not np.isfinite(values).all():
        raise PhotoError("The picture holds values that are not finite (NaN or infinity): repair them first.")
    (low, high) = (float(values.min()), float(values.max()))
    if low < -1e-3 and low >= -20 and high <= 20:
        raise PhotoError(
            f"The input ranges {low:.1f} … {high:.1f}: already normalised, and the preprocessing normalises again. Pass "
            "the raw photo, or build the classifier with preprocess=None."
        )
    if low < -1e-3 or high > 1 + 1e-3:
        raise PhotoError(
            f"The input ranges {low:g} … {high:g}: a float picture is read as RGB in [0, 1]. Divide it by 255, or pass it as "
            "uint8."
        )
    return values.clip(0, 1)
