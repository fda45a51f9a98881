"""Files that Pillow would cut to 8 bits, or cannot read: 16-bit colour PNG, TIFF of many bands or pages, arrays of numpy."""

from __future__ import annotations

import errno
import io
import logging
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from seewhy.errors import PhotoError, listed

Values = npt.NDArray[Any]
ARRAY_SUFFIXES = (".npy", ".npz")
TIFF_SUFFIXES = (".tif", ".tiff")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how classic and big TIFF files begin
# TIFF's tags: what a page is, bits of each sample, samples of each pixel.
_KIND, _BITS, _SAMPLES = 254, 258, 277
_NO_PHOTO = 0b101  # bits of what a page is: a smaller copy of another, a mask of what is transparent
_DEEP_PNG = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}  # Pillow's way to the high bytes -> to the low ones

# What they log of a file that they cannot read would stand on stderr; it is read in another way here, or refused with a reason.
for _library in ("PIL", "tifffile"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class NamedFile:
    """A photo's file, and what it is called in messages, which may be passed on: they name no folder of this machine.

    path : where it lies; its last part is the photo's name. name : for messages, in one line. content : of a file that lies
    elsewhere; None where it is read from ``path``.
    """

    path: Path
    name: str
    content: bytes | None = None


def check_regular(path: Path) -> None:
    """Raises OSError for a pipe or a device, at which reading may wait for ever; and where there is nothing."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # what opens a folder says so itself
        raise OSError(errno.EINVAL, "it is no file but a pipe or a device", str(path))


def read_array(file: Path | NamedFile) -> Values:
    """The array of a .npy or .npz file. Raises PhotoError where there is none, or several."""
    (path, name) = (file.path, file.name) if isinstance(file, NamedFile) else (file, str(file))
    content = file.content if isinstance(file, NamedFile) else None
    try:
        if content is None:
            check_regular(path)
        with path.open("rb") if content is None else io.BytesIO(content) as opened:
            loaded = np.load(opened, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            names = list(loaded.files)
            if "record" in names:
                raise PhotoError(f"'{name}' is a saved explanation, not a photo: read it with seewhy.Explanation.load('{name}').")
            if len(names) != 1:
                raise PhotoError(f"'{name}' holds {len(names)} arrays ({listed(names)}): a photo is one; pass it as an array.")
            return np.asarray(loaded[names[0]])
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{name}'.") from None
    except PhotoError:
        raise
    except Exception as error:  # whatever a broken archive, or an array of objects, stumbles over
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise PhotoError(f"'{name}' cannot be read as an array of numbers: {reason}") from error


def starts_as_tiff(source: Any) -> bool:
    """True for a path or an open file that begins as TIFF files do."""
    if isinstance(source, Path):
        with source.open("rb") as opened:
            return opened.read(4) in _TIFF
    source.seek(0)
    start = source.read(4)
    source.seek(0)
    return start in _TIFF


def wide_values(image: Image.Image, source: Any, channels: int | None) -> tuple[Values, bool] | None:
    """The pixels of an opened image at full width, ``(H, W, C)`` or ``(C, H, W)``, and True for the latter.

    None where Pillow's own reading loses nothing. source : the path or file that it was opened from. channels : what the network
    takes.
    """
    if image.format == "PNG":
        values = _deep_png(image, source)
        return None if values is None else (values, False)
    if image.format != "TIFF":
        return None
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    samples = tags.get(_SAMPLES, 1)
    bits = tags.get(_BITS, (1,))
    deep = samples > 1 and max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return read_tiff(source) if deep or samples > 4 or (samples > 1 and samples == channels not in (1, 3)) else None


def pages_as_bands(image: Image.Image, channels: int | None) -> tuple[Values, tuple[str, ...]] | None:
    """The grey pages of a TIFF, upright, as the bands of a photo, ``(C, H, W)``, and notes; None where they are none.

    channels : what the network takes; with 1 and 3, pages are rather a document. Smaller copies of a page and masks are left out.

    Raises PhotoError where there is another number of pages than of channels, or their sizes or types differ.
    """
    if image.format != "TIFF" or channels in (None, 1, 3) or getattr(image, "n_frames", 1) == 1:
        return None
    opened: Any = image
    present = opened.tell()
    pages = []
    colours = 0
    for number in range(opened.n_frames):
        opened.seek(number)
        if opened.tag_v2.get(_KIND, 0) & _NO_PHOTO:
            continue
        if opened.tag_v2.get(_SAMPLES, 1) == 1:
            pages.append(np.array(ImageOps.exif_transpose(opened)))
        else:
            colours += 1
    opened.seek(present)  # a person's own image stays where it was
    if len(pages) < 2:
        return None
    if len(pages) != channels:
        raise PhotoError(f"The file has {len(pages)} grey pages, and the network takes {channels} bands: give one page a band.")
    sizes = sorted({page.shape for page in pages})
    if len(sizes) > 1:
        several = listed("×".join(map(str, size)) for size in sizes)
        raise PhotoError(f"The pages of the file have several sizes ({several}): the bands of a photo have one.")
    types = sorted({str(page.dtype) for page in pages})
    if len(types) > 1:
        raise PhotoError(f"The pages of the file have several types ({listed(types)}): the bands of a photo have one.")
    note = f"{colours} page{'s' * (colours != 1)} of the file in colour left out: the grey ones are the bands"
    return np.stack(pages), (note,) * bool(colours)


def read_tiff(source: Any) -> tuple[Values, bool]:
    """A TIFF file as ``(H, W, C)`` or ``(C, H, W)``, and True for the latter. Raises what tifffile raises."""
    import tifffile

    if not isinstance(source, Path):
        source.seek(0)
    with tifffile.TiffFile(source) as file:
        series = file.series[0]
        kept = [(axis, length) for axis, length in zip(series.axes, series.shape, strict=True) if length > 1 or axis in "YX"]
        values = series.asarray().reshape([length for _, length in kept])
        return values, len(kept) > 2 and kept[-1][0] == "X"


def read_stack(path: Path) -> Values:
    """The slices of a TIFF file, ``(D, H, W)``, or ``(C, D, H, W)`` where the file names an axis of channels or samples.

    Raises PhotoError where it cannot be read, or holds a single picture.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            axes = series.axes
            values: Values = series.asarray()
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{path}'.") from None
    except Exception as error:  # whatever a broken file stumbles over
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PhotoError(f"'{path}' cannot be read as a TIFF file: {reason}") from error
    kept = [(axis, length) for axis, length in zip(axes, values.shape, strict=True) if length > 1 or axis in "YX"]
    values = values.reshape([length for _, length in kept])
    names = "".join(axis for axis, _ in kept)
    channels = names.find("S") if "S" in names or len(names) < 4 else names.find("C")
    if channels >= 0:
        values = np.moveaxis(values, channels, 0)
    if len(names) - 2 - (channels >= 0) < 1:
        (height, width) = (values.shape[-2], values.shape[-1])
        raise PhotoError(f"'{path}' holds one picture of {width}×{height}, no stack of slices: a volume has several pages.")
    return values


def _deep_png(image: Any, source: Any) -> Values | None:
    """A 16-bit colour PNG, uint16 ``(H, W, 3)`` or ``(H, W, 4)``; None for any other.

    Pillow has no such mode and keeps the high byte of each sample. Asked for the other order of bytes it keeps the low one.
    """
    rawmode = image.tile[0][3] if image.tile else None
    if rawmode not in _DEEP_PNG:
        return None
    high = np.array(image, dtype=np.uint16)
    if not isinstance(source, Path):
        source.seek(0)
    with Image.open(source) as again:
        opened: Any = again
        tiles = [(*tile[:3], _DEEP_PNG[rawmode]) for tile in opened.tile]
        opened.tile = [type(old)(*new) if hasattr(old, "_fields") else new for old, new in zip(opened.tile, tiles, strict=True)]
        low = np.array(again, dtype=np.uint16)
    values: Values = high * np.uint16(256) + low
    return values
