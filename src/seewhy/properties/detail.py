"""Sharpness, noise and blockiness of the whole photo."""

from __future__ import annotations

import io
import itertools

import numpy as np
from PIL import Image, ImageChops

from seewhy.properties.base import Measure, Property, Values, two_ways
from seewhy.properties.pixels import (
    LUMA,
    TINY,
    as_it_is,
    as_type,
    as_values,
    blurred,
    is_picture,
    luma_of,
    middle_of,
    range_of,
    reduced,
    resized,
    scale_of,
    searched,
    softened,
)

# Pixels of the reduced photo that the slow changes are read over; over 4, a blur of 2 pixels is already in them, too.
_COARSE = 16
_SIGMAS = (1.0, 2.0, 4.0, 8.0)  # pixels of the reduced photo
_MOST_GAIN = 8.0  # of a band
_NO_BLOCKS = 0.1  # of blockiness: photos that never were a JPEG measure -0.05 to 0.1
_QUALITIES = (95, 90, 80, 70, 60, 50, 40, 30, 25, 20, 15, 10, 7, 5, 3, 1)


# Sharpness: how much is in the changes over a pixel, beside those over many (log); a class is told by it. How it is sharpened is
# told by the changes over 1, 2, 4 and 8 pixels (differences of Gaussians), beside what is left then (root mean squares, log).


def _sharpness(values: Values) -> Measure:
    luma = luma_of(reduced(values))
    return np.concatenate([_fineness(luma), _details(_bands(luma))])


def _fineness(luma: Values) -> Measure:
    return np.array([np.log((_roughness(luma, 1) + TINY) / (_roughness(luma, _COARSE) + TINY))], np.float32)


def _details(bands: Values) -> Measure:
    spreads = bands.std(axis=(1, 2)) + TINY
    return np.asarray(np.log(spreads[:-1] / spreads[-1]), np.float32)


def _bands(luma: Values) -> Values:
    """``(5, H, W)``: their sum is the luma."""
    softer = [luma, *(blurred(luma, sigma) for sigma in _SIGMAS)]
    return np.stack([*(fine - coarse for fine, coarse in itertools.pairwise(softer)), softer[-1]])


def _roughness(luma: Values, step: int) -> float:
    changes = [(luma[step:] - luma[:-step]).reshape(-1), (luma[:, step:] - luma[:, :-step]).reshape(-1)]
    squares = [float(np.dot(change, change)) / len(change) for change in changes if len(change)]
    return float(np.sqrt(sum(squares) / max(1, len(squares))))


def _with_sharpness(values: Values, to: Measure) -> Values:
    """Blurred (Gaussian), or each band times a number of its own."""
    (small, scale) = (reduced(values), scale_of(values))
    luma = luma_of(small)
    if to[0] < _fineness(luma)[0]:
        plane = as_type(luma, small)
        sigma = searched(lambda amount: float(_fineness(luma_of(blurred(plane, amount)))[0]), float(to[0]), 0, 8)
        return blurred(values, sigma * scale)
    bands = _bands(luma)
    gains = np.exp(to[1:] - _details(bands)).clip(0, _MOST_GAIN)
    reached = _details(_bands((luma + _gained(bands, gains)).clip(0, 1)))
    gains *= np.exp(to[1:] - reached).clip(0.5, 2)  # what is cut off at black and white is made up for, up to twice
    (low, high) = range_of(values)
    return _plus(values, _gained(bands, gains.clip(0, _MOST_GAIN)) * np.float32(high - low))


def _gained(bands: Values, gains: Measure) -> Values:
    """What the bands are changed by."""
    change: Values = np.tensordot(gains - 1, bands[:-1], 1)
    return change


def _plus(values: Values, change: Values) -> Values:
    """The photo with a change of the reduced photo's brightness in it."""
    size = (values.shape[0], values.shape[1])
    if is_picture(values):
        shifted = Image.fromarray(np.rint(change.clip(-128, 127) + 128).astype(np.uint8))
        enlarged = shifted.resize(size[::-1], Image.Resampling.BILINEAR)
        picture = Image.fromarray(values)
        return np.array(ImageChops.add(picture, Image.merge(picture.mode, [enlarged] * len(picture.mode)), offset=-128))
    plane = resized(change.astype(np.float32), size, Image.Resampling.BILINEAR)
    return as_values(values + plane.reshape(*size, *[1] * (values.ndim - 2)), values)


# Noise: its standard deviation, as a share of white, where the photo is smooth (Immerkær's mask, the median for the mean).


def _noise(values: Values) -> Measure:
    luma = luma_of(reduced(values))
    luma = np.pad(luma, [(0, max(0, 3 - side)) for side in luma.shape], mode="edge")
    across = luma[:, 2:] - 2 * luma[:, 1:-1] + luma[:, :-2]
    second = across[2:] - 2 * across[1:-1] + across[:-2]
    return np.array([np.median(np.abs(second)) / (6 * 0.6745)], np.float32)  # the mask's norm is 6


def _with_noise(values: Values, to: Measure) -> Values:
    """Gaussian noise laid over it, the same each time, in grains of a pixel of the reduced photo; or slightly softened."""
    small = reduced(values)
    (goal, own) = (max(0.0, float(to[0])), float(_noise(small)[0]))
    if goal <= own:
        return softened(values, _noise, goal)
    (low, high) = range_of(values)
    channels = 1 if values.ndim == 2 else values.shape[2]
    weights = LUMA if channels == 3 else np.full(channels, 1 / channels, np.float32)
    grains = np.random.default_rng(0).standard_normal((*small.shape[:2], channels), np.float32)
    grains *= np.float32((high - low) / np.sqrt((weights**2).sum()))  # of the luma 1
    grains = grains.reshape(small.shape)
    added = lacking = np.sqrt(goal**2 - own**2)
    for _ in range(2):  # what is cut off at black and white is made up for, up to twice
        reached = float(_noise(as_values(small + np.float32(added) * grains, values))[0])
        added *= min(2.0, lacking / np.sqrt(max(reached**2 - own**2, 0.1 * lacking**2)))
    return _with_grains(values, np.float32(added) * grains)


def _with_grains(values: Values, grains: Values) -> Values:
    if values.dtype == np.uint8 and (values.ndim == 2 or values.shape[2] == 3):
        shifted = Image.fromarray(np.rint(grains.clip(-128, 127) + 128).astype(np.uint8))
        enlarged = shifted.resize((values.shape[1], values.shape[0]), Image.Resampling.NEAREST)
        return np.array(ImageChops.add(Image.fromarray(values), enlarged, offset=-128))
    if grains.shape != values.shape:
        (rows, columns) = (np.arange(values.shape[n]) * grains.shape[n] // values.shape[n] for n in (0, 1))
        grains = grains.repeat(np.bincount(rows), axis=0).repeat(np.bincount(columns), axis=1)
    return as_values(values + grains, values)


# Blockiness: the changes across the borders of JPEG's blocks beside those within them (log).


def _blockiness(values: Values) -> Measure:
    luma = luma_of(middle_of(values))
    (borders, inside) = ([], [])
    for plane in (luma, luma.T):
        if plane.shape[1] >= 16:
            changes = np.abs(np.diff(plane, axis=1))
            borders.append(changes[:, 7::8].mean())
            inside.append(np.mean([changes[:, n::8].mean() for n in (2, 3, 4)]))
    ratio = (np.mean(borders) + TINY) / (np.mean(inside) + TINY) if borders else 1
    return np.array([np.log(ratio)], np.float32)


def _with_blockiness(values: Values, to: Measure) -> Values:
    """Compressed as a JPEG of the quality that gives it, or slightly softened; a photo without blocks cannot have fewer."""
    (goal, own) = (float(to[0]), float(_blockiness(values)[0]))
    if goal <= own:
        return as_it_is(values) if own < _NO_BLOCKS else softened(values, _blockiness, goal, scaled=False)
    if values.ndim == 3 and values.shape[2] not in (1, 3):
        return as_it_is(values)
    middle = middle_of(values)
    (good, bad) = (0, len(_QUALITIES) - 1)
    while bad - good > 1:
        half = (good + bad) // 2
        (good, bad) = (good, half) if _blockiness(_compressed(middle, _QUALITIES[half]))[0] >= goal else (half, bad)
    nearest = min((good, bad), key=lambda place: abs(_blockiness(_compressed(middle, _QUALITIES[place]))[0] - goal))
    return _compressed(values, _QUALITIES[nearest])


def _compressed(values: Values, quality: int) -> Values:
    (low, high) = range_of(values)
    bytes_ = (
        values if values.dtype == np.uint8 else np.rint((values.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
    )
    file = io.BytesIO()
    Image.fromarray(bytes_.squeeze(axis=2) if bytes_.ndim == 3 and bytes_.shape[2] == 1 else bytes_).save(
        file, "JPEG", quality=quality
    )
    with Image.open(file) as picture:
        opened = np.asarray(picture).reshape(values.shape)
    return (
        opened.copy() if values.dtype == np.uint8 else as_values(opened.astype(np.float32) * ((high - low) / 255) + low, values)
    )


SHARPNESS = Property("sharpness", _sharpness, _with_sharpness, two_ways("sharpness", "blur", 1 + len(_SIGMAS)))
NOISE = Property("noise", _noise, _with_noise, two_ways("noise", "smoothness"))
BLOCKINESS = Property("blockiness", _blockiness, _with_blockiness, two_ways("JPEG blockiness", "lack of JPEG blockiness"))
