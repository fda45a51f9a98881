"""Raw numbers to colours: the one place where seewhy rescales anything.

Everything that is drawn passes through here, so the promises of a picture are kept here: the largest value gets the
last colour, zero is neutral, what is not a number gets no colour, and a flat map is never stretched until it looks like
evidence.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import PhotoError
from seewhy.photo import open_picture
from seewhy.show.tables import table

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Limits = tuple[float, float]

# A map that varies by less than this part of its size is flat: float32 arithmetic alone leaves about 1e-6.
FLAT = 1e-5
WINDOW = (2.0, 98.0)  # percentiles of a band that are black and white, where it is stretched to be seen
DARK = 0.25  # of the range: a picture of which 98 % lie below would be too dark to see
MOST_SAMPLED = 1_000_000  # pixels of which the percentiles are taken


def to_bytes(values: npt.ArrayLike) -> Pixels:
    """0-255 as bytes, rounded half up and cut at both ends: nothing wraps."""
    return np.floor(np.clip(np.asarray(values, dtype=np.float64), 0, 255) + 0.5).astype(np.uint8)


def to_unit(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Bytes as numbers in [0, 1]; what already is a float stays as it is."""
    return (values / np.float32(255) if values.dtype == np.uint8 else values).astype(np.float32)


def min_max(values: npt.ArrayLike, limits: Limits | None = None) -> Floats:
    """Any numbers, stretched to [0, 1]: ``(x - low) / (high - low)``, cut at both ends.

    limits : (low, high); None takes the smallest and the largest finite value.
    A constant array gives zeros. NaN is ignored and stays NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if limits is None:
        limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    (low, high) = limits
    if not high > low:
        return np.where(np.isnan(values), np.nan, 0.0)
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def is_flat(values: npt.ArrayLike) -> bool:
    """True when a map says the same everywhere, or nothing at all: there is no place to point at."""
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return True
    return bool(finite.max() - finite.min() <= FLAT * np.abs(finite).max())


def limits(maps: Sequence[npt.ArrayLike], *, signed: bool, shared: bool = True, spikes: bool = False) -> list[Limits]:
    """One (low, high) per map: what the two ends of its colour scale stand for.

    Unsigned maps go from 0 to their maximum, signed ones are symmetric about zero. ``shared`` gives all maps the widest
    range, so that they can be compared. A flat map has the empty range (0, 0) and never widens a shared one.

    spikes : True for maps of single pixels (gradients), where a few values tower above all others and would leave the
        picture empty: the range then ends at the value that one pixel in 200 exceeds, but never below a fifth of the
        maximum, and only where that is less than half of the maximum. Whoever draws it marks the end with "≥".
    """
    highs = []
    for values in maps:
        numbers = np.asarray(values, dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        top = np.abs(numbers) if signed else np.maximum(numbers, 0)
        high = 0.0 if is_flat(numbers) else float(top.max())
        if spikes and high and (common := float(np.quantile(top, 0.995))) < high / 2:
            high = max(common, high / 5)
        highs.append(high)
    if shared and highs:
        highs = [max(highs)] * len(highs)
    return [(-high if signed and high else 0.0, high) for high in highs]


def span(maps: Sequence[npt.ArrayLike], *, shared: bool = False) -> list[Limits]:
    """One (smallest, largest) per map, or of all maps together: the full stretch of the classical figures."""
    ranges = []
    for values in maps:
        numbers = np.asarray(values, dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        ranges.append((float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0))
    if shared and ranges:
        ranges = [(min(low for low, _ in ranges), max(high for _, high in ranges))] * len(ranges)
    return ranges


def rows_of(values: npt.ArrayLike, rows: int, limits: Limits, *, signed: bool = False) -> npt.NDArray[np.intp]:
    """The row of a colour table for every value: ``floor((v - low) / (high - low) * rows)``, at most ``rows - 1``.

    A flat map, an empty range and NaN get the neutral row: the first, for signed maps the middle one.
    """
    neutral = rows // 2 if signed else 0
    if is_flat(values) or not limits[1] > limits[0]:
        return np.full(np.shape(values), neutral)
    part = min_max(values, limits)
    return np.where(np.isnan(part), neutral, np.minimum(np.nan_to_num(part) * rows, rows - 1)).astype(np.intp)


def strength(values: npt.ArrayLike, limits: Limits, *, signed: bool = False) -> Floats:
    """How much of the scale a value uses, in [0, 1]: 0 for no evidence (and for NaN), 1 at the end of the scale."""
    values = np.asarray(values, dtype=np.float64)
    if is_flat(values) or not limits[1] > limits[0]:
        return np.zeros(values.shape)
    if signed:
        return np.nan_to_num(min_max(np.abs(values), (0.0, max(abs(limits[0]), abs(limits[1])))))
    return np.nan_to_num(min_max(values, limits))


def colourise(map: npt.ArrayLike, cmap: Any = None, limits: Limits | None = None, *, signed: bool = False) -> Pixels:
    """A map ``(H, W)`` as colours alone, uint8 ``(H, W, 3)``. NaN is mid grey."""
    map = np.asarray(map, dtype=np.float64)
    colours = table(cmap, signed=signed)
    if limits is None:
        (limits,) = _limits([map], signed=signed)
    picture = to_bytes(255 * colours)[rows_of(map, len(colours), limits, signed=signed)]  # (H, W, 3)
    picture[np.isnan(map)] = 128
    return picture


_limits = limits  # the name is also an argument


def displayable(original: npt.ArrayLike) -> Pixels:
    """What the person sees, uint8 ``(H, W, 3)``, from what a ``Photo`` keeps as its original.

    Bytes stay as they are. Floats (a tensor given with ``preprocess=None``, in units of its own) are stretched from
    their smallest to their largest value. One channel is grey, two are averaged to grey, of more than three the first
    three are taken for red, green and blue.
    """
    picture = np.asarray(original)
    if picture.ndim not in (2, 3) or not picture.size:
        raise PhotoError(f"A picture is (rows, columns, channels), this array is {picture.shape}.")
    if picture.dtype != np.uint8:
        picture = to_bytes(np.nan_to_num(255 * min_max(picture)))
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.shape[2] == 2:
        picture = to_bytes(picture.mean(axis=2, keepdims=True))
    return np.ascontiguousarray(np.broadcast_to(picture[:, :, :3], (*picture.shape[:2], 3)))


def window(values: npt.NDArray[Any]) -> Limits:
    """The 2nd and the 98th percentile of the finite numbers, of about a million of them where there are more; (0, 0) of none."""
    numbers = values.reshape(-1)[:: max(1, values.size // MOST_SAMPLED)].astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    return (float(np.percentile(numbers, WINDOW[0])), float(np.percentile(numbers, WINDOW[1]))) if numbers.size else (0.0, 0.0)


def bands_shown(channels: int, bands: Sequence[int] | None = None) -> tuple[int, ...]:
    """Which bands of a photo are shown. bands : as somebody asked; else the first three, of one or two the first."""
    return tuple(range(3 if channels >= 3 else 1)) if bands is None else tuple(bands)


def limits_of_bands(values: npt.NDArray[Any], bands: Sequence[int], scale: Limits | None) -> list[Limits]:
    """What is black and what is white in each band that is shown.

    values : ``(H, W, C)``. scale : the two numbers that are black and white in a photo of this kind; None where none are.

    Colours and grey keep their scale, so that a photo looks as it is, unless nearly all of it is in its darkest quarter or it
    leaves the scale: then all its bands share one window. Other numbers of channels, and numbers without a scale, have a window
    for each band: their sizes have nothing to do with each other.
    """
    chosen = [values[..., band] for band in bands]
    if values.shape[2] not in (1, 3) or scale is None:
        return [window(band) for band in chosen]
    (low, high) = window(np.stack(chosen))
    dark = values.dtype != np.uint8 and high < scale[0] + DARK * (scale[1] - scale[0])
    return [(low, high) if (dark and high > low) or low < scale[0] or high > scale[1] else scale] * len(chosen)


def stretched(values: npt.NDArray[Any], limits: Sequence[Limits]) -> Pixels:
    """Bands ``(H, W, B)`` as uint8, each with its own (black, white)."""
    bands = [min_max(values[..., number], pair) for number, pair in enumerate(limits)]
    return to_bytes(255 * np.nan_to_num(np.stack(bands, axis=-1)))


def as_pixels(photo: Any) -> Pixels:
    """A photo handed over by the user as uint8 ``(H, W, 3)``.

    photo : a file's name or its bytes, a PIL image, a ``seewhy`` Photo, or an array ``(H, W)``, ``(H, W, 1)``,
        ``(H, W, 3)`` or ``(H, W, 4)`` (transparency is left out): bytes, or floats in [0, 1]. Also 16 bits, and more bands than
        four, of which the first three are shown, each stretched from its 2nd to its 98th percentile.
    """
    if isinstance(photo, (str, os.PathLike, bytes)):
        photo = _many_bits(open_picture(photo).values)
    if hasattr(photo, "original"):
        return displayable(photo.original)
    if hasattr(photo, "convert"):
        return np.array(photo.convert("RGB"))
    pixels = _many_bits(np.asarray(photo))
    if pixels.ndim not in (2, 3) or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise PhotoError(
            f"The photo has shape {pixels.shape}: give (rows, columns) or (rows, columns, 3);"
            " a tensor (3, rows, columns) becomes one with .transpose(1, 2, 0)."
        )
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.float64)
    if pixels.dtype.kind == "f":
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise PhotoError(
                f"The photo's numbers reach from {pixels.min():g} to {pixels.max():g}:"
                " give bytes (uint8, 0-255) or floats in [0, 1]."
            )
        return displayable(to_bytes(255 * pixels.astype(np.float64)))
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        raise PhotoError(f"The photo holds {pixels.dtype} values: give bytes (uint8, 0-255) or floats in [0, 1].")
    return displayable(pixels.astype(np.uint8))


def _many_bits(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A picture of 16 bits, or of many bands, as bytes; any other array as it is."""
    many = values.ndim == 3 and 4 < values.shape[2] < min(values.shape[:2])
    if values.dtype != np.uint16 and not many:
        return values
    if not values.size or values.ndim not in (2, 3):
        return values
    values = values[:, :, None] if values.ndim == 2 else values
    bands = bands_shown(values.shape[2])
    return stretched(values[..., list(bands)], limits_of_bands(values, bands, (0.0, 65535.0)))
