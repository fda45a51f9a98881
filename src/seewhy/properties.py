"""Properties of a whole photo that a network may see a class by: what they measure, and the photo with other values of them.

Photos are numbers as they were opened, ``(H, W)`` or ``(H, W, C)``: see ``photo.Picture``. All but blockiness are measured on the
photo reduced to what a network is shown, and the edits are scaled accordingly.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

Values = npt.NDArray[Any]
Measure = npt.NDArray[np.float32]
Direction = tuple[float, ...]

_SIDE = 256  # of the reduced photo, its shorter one
_MIDDLE = 512  # pixels a side that blocks are looked for in
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue (ITU-R BT.601)
# Pixels of the reduced photo that the slow changes are read over; over 4, a blur of 2 pixels is already in them, too.
_COARSE = 16
_TINY = np.float32(1e-3)  # share of white
_STEPS = 9  # of a bisection: a five-hundredth of what is searched
_NO_BLOCKS = 0.1  # of blockiness: photos that never were a JPEG measure -0.05 to 0.1
_QUALITIES = (95, 90, 80, 70, 60, 50, 40, 30, 25, 20, 15, 10, 7, 5, 3, 1)


@dataclass(frozen=True)
class Property:
    """measure : a photo's numbers -> ``(size,)``. adjusted : the photo, and the values that it shall have -> the photo with
    these, as nearly as it can have them; of the same shape and type. directions : in which a class may differ from others, in
    units of what is measured, and what that is called."""

    name: str
    measure: Callable[[Values], Measure]
    adjusted: Callable[[Values, Measure], Values]
    directions: dict[Direction, str]

    @property
    def size(self) -> int:
        return len(next(iter(self.directions)))


def measured(values: Values) -> Measure:
    """All properties of a photo, one after the other in the order of ``PROPERTIES``."""
    small = _reduced(values)  # once
    return np.concatenate([one.measure(values if one.measure is _blockiness else small) for one in PROPERTIES.values()])


def places() -> dict[str, slice]:
    """Where each property stands in ``measured``."""
    ends = np.cumsum([one.size for one in PROPERTIES.values()])
    return {name: slice(int(end) - one.size, int(end)) for (name, one), end in zip(PROPERTIES.items(), ends, strict=True)}


# Colour cast: how much more red, and how much more blue than green.


def _cast(values: Values) -> Measure:
    if not _has_colours(values):
        return np.zeros(2, np.float32)
    means = _shares(_reduced(values)).mean(axis=(0, 1)).clip(0) + _TINY
    return np.asarray(np.log(means[[0, 2]] / means[1]), np.float32)


def _with_cast(values: Values, to: Measure) -> Values:
    """Each channel times a number of its own, so that the photo is as bright as it was."""
    if not _has_colours(values):
        return _as_it_is(values)
    (small, sample) = _small_and_sample(values)
    (goal, before) = (_cast(sample) + (to - _cast(small)), _brightness(sample))
    gains = np.ones(3, np.float32)
    for _ in range(3):  # what is cut off at white is made up for
        gains[[0, 2]] *= np.exp(goal - _cast(_multiplied(sample, gains)))
        gains *= (before + _TINY) / (_brightness(_multiplied(sample, gains)) + _TINY)
    return _multiplied(values, gains)


def _multiplied(values: Values, gains: Values | np.float32) -> Values:
    def curve(shares: Values) -> Values:
        multiplied: Values = shares * gains
        return multiplied

    return _curved(values, curve)


# Brightness: the mean, as a share of white.


def _brightness(values: Values) -> Measure:
    return np.array([_luma(_reduced(values)).mean()], np.float32)


def _with_brightness(values: Values, to: Measure) -> Values:
    """Each number times the same one, as by a longer exposure."""
    (small, sample) = _small_and_sample(values)
    goal = float((_brightness(sample) + (to - _brightness(small)))[0])

    def edited(of: Values, amount: float) -> Values:
        return _multiplied(of, np.float32(np.exp(amount)))

    return edited(values, _searched(lambda amount: float(_brightness(edited(sample, amount))[0]), goal, -3, 3))


# Contrast: the standard deviation, as a share of the mean, so that a longer exposure alone does not change it.


def _contrast(values: Values) -> Measure:
    luma = _luma(_reduced(values))
    return np.array([luma.std() / (luma.mean() + _TINY)], np.float32)


def _with_contrast(values: Values, to: Measure) -> Values:
    """Nearer to the photo's mean, or farther from it."""
    (small, sample) = _small_and_sample(values)
    goal = float((_contrast(sample) + (to - _contrast(small)))[0])
    middle = _brightness(small)[0]

    def edited(of: Values, amount: float) -> Values:
        def curve(shares: Values) -> Values:
            moved: Values = middle + np.float32(amount) * (shares - middle)
            return moved

        return _curved(of, curve)

    return edited(values, _searched(lambda amount: float(_contrast(edited(sample, amount))[0]), goal, 0, 8))


# Saturation: how far the strongest channel is above the weakest, in the mean, as a share of the brightness.


def _saturation(values: Values) -> Measure:
    if not _has_colours(values):
        return np.zeros(1, np.float32)
    shares = _shares(_reduced(values))
    (red, green, blue) = (shares[..., n] for n in range(3))  # of three planes, which is faster than along the last axis
    strongest = np.maximum(np.maximum(red, green), blue)
    spread = (strongest - np.minimum(np.minimum(red, green), blue)).mean()
    return np.array([spread / (_luma(_reduced(values)).mean() + _TINY)], np.float32)


def _with_saturation(values: Values, to: Measure) -> Values:
    """Nearer to the grey photo, or farther from it."""
    if not _has_colours(values):
        return _as_it_is(values)
    (small, sample) = _small_and_sample(values)
    goal = float((_saturation(sample) + (to - _saturation(small)))[0])

    def edited(of: Values, amount: float) -> Values:
        return _blended(_grey(of), of, amount)

    return edited(values, _searched(lambda amount: float(_saturation(edited(sample, amount))[0]), goal, 0, 8))


# Sharpness: how much is in the changes from pixel to pixel, beside those over some pixels (their root mean squares, log).


def _sharpness(values: Values) -> Measure:
    luma = _luma(_reduced(values))
    (fine, coarse) = (_roughness(luma, 1), _roughness(luma, _COARSE))
    return np.array([np.log((fine + _TINY) / (coarse + _TINY))], np.float32)


def _roughness(luma: Values, step: int) -> float:
    changes = [(luma[step:] - luma[:-step]).reshape(-1), (luma[:, step:] - luma[:, :-step]).reshape(-1)]
    squares = [float(np.dot(change, change)) / len(change) for change in changes if len(change)]
    return float(np.sqrt(sum(squares) / max(1, len(squares))))


def _with_sharpness(values: Values, to: Measure) -> Values:
    """Blurred (Gaussian), or away from its blurred self (unsharp masking)."""
    (small, scale) = (_reduced(values), _scale(values))
    plane = small if small.ndim == 2 else _as_type(_luma(small), small)
    (goal, own) = (float(to[0]), float(_sharpness(plane)[0]))
    if goal < own:
        sigma = _searched(lambda amount: float(_sharpness(_blurred(plane, amount))[0]), goal, 0, 8)
        return _blurred(values, sigma * scale)
    soft = _blurred(plane, 1)
    amount = _searched(lambda amount: float(_sharpness(_blended(soft, plane, 1 + amount))[0]), goal, 0, 6)
    return _blended(_blurred(values, scale), values, 1 + amount)


# Noise: its standard deviation, as a share of white, where the photo is smooth (Immerkær's mask, the median for the mean).


def _noise(values: Values) -> Measure:
    luma = _luma(_reduced(values))
    luma = np.pad(luma, [(0, max(0, 3 - side)) for side in luma.shape], mode="edge")
    across = luma[:, 2:] - 2 * luma[:, 1:-1] + luma[:, :-2]
    second = across[2:] - 2 * across[1:-1] + across[:-2]
    return np.array([np.median(np.abs(second)) / (6 * 0.6745)], np.float32)  # the mask's norm is 6


def _with_noise(values: Values, to: Measure) -> Values:
    """Gaussian noise laid over it, the same each time, in grains of a pixel of the reduced photo; or slightly softened."""
    small = _reduced(values)
    (goal, own) = (max(0.0, float(to[0])), float(_noise(small)[0]))
    if goal <= own:
        return _softened(values, _noise, goal)
    (low, high) = _range(values)
    channels = 1 if values.ndim == 2 else values.shape[2]
    weights = _LUMA if channels == 3 else np.full(channels, 1 / channels, np.float32)
    grains = np.random.default_rng(0).standard_normal((*small.shape[:2], channels), np.float32)
    grains *= np.float32((high - low) / np.sqrt((weights**2).sum()))  # of the luma 1
    grains = grains.reshape(small.shape)
    added = lacking = np.sqrt(goal**2 - own**2)
    for _ in range(2):  # what is cut off at black and white is made up for, up to twice
        reached = float(_noise(_as_values(small + np.float32(added) * grains, values))[0])
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
    return _as_values(values + grains, values)


# Blockiness: the changes across the borders of JPEG's blocks beside those within them (log).


def _blockiness(values: Values) -> Measure:
    luma = _luma(_middle(values))
    (borders, inside) = ([], [])
    for plane in (luma, luma.T):
        if plane.shape[1] >= 16:
            changes = np.abs(np.diff(plane, axis=1))
            borders.append(changes[:, 7::8].mean())
            inside.append(np.mean([changes[:, n::8].mean() for n in (2, 3, 4)]))
    ratio = (np.mean(borders) + _TINY) / (np.mean(inside) + _TINY) if borders else 1
    return np.array([np.log(ratio)], np.float32)


def _with_blockiness(values: Values, to: Measure) -> Values:
    """Compressed as a JPEG of the quality that gives it, or slightly softened; a photo without blocks cannot have fewer."""
    (goal, own) = (float(to[0]), float(_blockiness(values)[0]))
    if goal <= own:
        return _as_it_is(values) if own < _NO_BLOCKS else _softened(values, _blockiness, goal, scaled=False)
    if values.ndim == 3 and values.shape[2] not in (1, 3):
        return _as_it_is(values)
    middle = _middle(values)
    (good, bad) = (0, len(_QUALITIES) - 1)
    while bad - good > 1:
        half = (good + bad) // 2
        (good, bad) = (good, half) if _blockiness(_compressed(middle, _QUALITIES[half]))[0] >= goal else (half, bad)
    nearest = min((good, bad), key=lambda place: abs(_blockiness(_compressed(middle, _QUALITIES[place]))[0] - goal))
    return _compressed(values, _QUALITIES[nearest])


def _compressed(values: Values, quality: int) -> Values:
    (low, high) = _range(values)
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
        opened.copy() if values.dtype == np.uint8 else _as_values(opened.astype(np.float32) * ((high - low) / 255) + low, values)
    )


# What they share.


def _as_it_is(values: Values) -> Values:
    copied: Values = values.copy()
    return copied


def _has_colours(values: Values) -> bool:
    return values.ndim == 3 and values.shape[2] == 3


def _range(values: Values) -> tuple[float, float]:
    """Black and white; of floats beyond [0, 1] the least and the largest of them."""
    if values.dtype.kind == "u":
        return 0.0, float(np.iinfo(values.dtype).max)
    return min(0.0, float(values.min())), max(1.0, float(values.max()))


def _shares(values: Values) -> Values:
    """Shares of white."""
    (low, high) = _range(values)
    shares: Values = (values.astype(np.float32) - np.float32(low)) * np.float32(1 / (high - low))
    return shares


def _luma(values: Values) -> Values:
    shares = _shares(values)
    if shares.ndim == 2:
        return shares
    return shares @ _LUMA if shares.shape[2] == 3 else shares.mean(axis=2)


def _as_values(numbers: Values, like: Values) -> Values:
    """Numbers in a photo's range and type."""
    clipped = numbers.clip(*_range(like))
    return (np.rint(clipped) if like.dtype.kind == "u" and clipped.dtype.kind == "f" else clipped).astype(like.dtype)


def _as_type(shares: Values, like: Values) -> Values:
    (low, high) = _range(like)
    return _as_values(shares * (high - low) + low, like)


def _scale(values: Values) -> float:
    """How many of its pixels are one of the reduced photo."""
    return max(1.0, float(min(values.shape[:2])) / _SIDE)


def _reduced(values: Values) -> Values:
    """The photo with a shorter side of ``_SIDE`` at most; its own numbers where it is small enough."""
    scale = _scale(values)
    if scale == 1:
        return values
    size = (max(1, round(values.shape[0] / scale)), max(1, round(values.shape[1] / scale)))
    return _resized(values, size, Image.Resampling.BOX)


def _resized(values: Values, size: tuple[int, int], way: Image.Resampling) -> Values:
    (rows, columns) = size
    planes = values.reshape(*values.shape[:2], -1)
    if values.dtype == np.uint8 and planes.shape[2] in (1, 3):
        picture = Image.fromarray(planes if planes.shape[2] == 3 else planes[..., 0])
        small = np.asarray(picture.resize((columns, rows), way, reducing_gap=2))
        return small.reshape(rows, columns, *values.shape[2:])
    stack = [
        np.asarray(Image.fromarray(plane).resize((columns, rows), way, reducing_gap=2))
        for plane in planes.transpose(2, 0, 1).astype(np.float32)
    ]
    return _as_values(np.stack(stack, axis=-1).reshape(rows, columns, *values.shape[2:]), values)


def _small_and_sample(values: Values) -> tuple[Values, Values]:
    """The reduced photo, and some of its pixels, for what does not depend on where they lie."""
    small = _reduced(values)
    return small, np.ascontiguousarray(small[::3, ::3])


def _middle(values: Values) -> Values:
    """At most ``_MIDDLE`` pixels a side, whole blocks from the upper left corner."""
    (top, left) = (max(0, side - _MIDDLE) // 16 * 8 for side in values.shape[:2])
    return values[top : top + _MIDDLE, left : left + _MIDDLE]


def _searched(measure: Callable[[float], float], goal: float, low: float, high: float) -> float:
    """Where a rising or falling function reaches the goal, or where it comes nearest to it at an end."""
    (at_low, at_high) = (measure(low), measure(high))
    rises = at_high >= at_low
    if goal <= min(at_low, at_high):
        return low if rises else high
    if goal >= max(at_low, at_high):
        return high if rises else low
    for _ in range(_STEPS):
        half = (low + high) / 2
        (low, high) = (half, high) if (measure(half) < goal) == rises else (low, half)
    return (low + high) / 2


def _curved(values: Values, curve: Callable[[Values], Values]) -> Values:
    """Each number by a curve of shares of white ``(..., C)``; whole numbers by a table."""
    channels = values.shape[2] if values.ndim == 3 else 1
    white = _range(values)[1]
    if values.dtype.kind != "u":
        return _as_type(curve(_shares(values.reshape(*values.shape[:2], channels))), values).reshape(values.shape)
    steps = np.arange(int(white) + 1, dtype=np.float32)[:, None].repeat(channels, axis=1) / np.float32(white)
    table = _as_type(curve(steps), values)
    if values.ndim == 2:
        return table[:, 0][values]
    return np.stack([table[:, n][values[..., n]] for n in range(channels)], axis=-1)


def _blended(one: Values, other: Values, share: float) -> Values:
    """``one + share · (other - one)``, which goes on beyond the other where the share is above 1."""
    if one.dtype == np.uint8 and (one.ndim == 2 or one.shape[2] == 3):
        return np.array(Image.blend(Image.fromarray(one), Image.fromarray(other), share))
    return _as_values(one + np.float32(share) * (other.astype(np.float32) - one.astype(np.float32)), other)


def _grey(values: Values) -> Values:
    if values.dtype == np.uint8:
        return np.array(Image.fromarray(values).convert("L").convert("RGB"))
    return _as_type(_luma(values)[..., None].repeat(3, axis=2), values)


def _blurred(values: Values, sigma: float) -> Values:
    """By a Gaussian; a wide one over the reduced photo, which is soon enlarged again."""
    if sigma < 0.05:
        return _as_it_is(values)
    factor = max(1, int(sigma / 2))
    if factor > 1:
        size = (max(1, values.shape[0] // factor), max(1, values.shape[1] // factor))
        small = _blurred(_resized(values, size, Image.Resampling.BOX), sigma / factor)
        return _resized(small, (values.shape[0], values.shape[1]), Image.Resampling.BILINEAR)
    if values.dtype == np.uint8 and (values.ndim == 2 or values.shape[2] == 3):
        return np.array(Image.fromarray(values).filter(ImageFilter.GaussianBlur(sigma)))
    from scipy.ndimage import gaussian_filter

    widths = (sigma, sigma, *[0.0] * (values.ndim - 2))
    return _as_values(gaussian_filter(values.astype(np.float32), widths, mode="nearest"), values)


def _softened(values: Values, measure: Callable[[Values], Measure], goal: float, scaled: bool = True) -> Values:
    """Between the photo and its blurred self."""
    (near, width) = (_reduced(values), _scale(values)) if scaled else (_middle(values), 1.0)
    soft = _blurred(near, 1)
    share = _searched(lambda share: float(measure(_blended(near, soft, share))[0]), goal, 0, 1)
    return _blended(values, _blurred(values, width), share)


def _two_ways(more: str, less: str) -> dict[Direction, str]:
    return {(1.0,): f"the {more} of the whole photo", (-1.0,): f"the {less} of the whole photo"}


_DIAGONAL = 0.5**0.5
_TINTS: dict[Direction, str] = {
    (1.0, 0.0): "reddish",
    (_DIAGONAL, _DIAGONAL): "purple",
    (0.0, 1.0): "bluish",
    (-_DIAGONAL, _DIAGONAL): "blue-green",
    (-1.0, 0.0): "green-blue",
    (-_DIAGONAL, -_DIAGONAL): "greenish",
    (0.0, -1.0): "yellowish",
    (_DIAGONAL, -_DIAGONAL): "orange",
}

_ALL = (
    Property("colour cast", _cast, _with_cast, {way: f"the {tint} cast of the whole photo" for way, tint in _TINTS.items()}),
    Property("brightness", _brightness, _with_brightness, _two_ways("brightness", "darkness")),
    Property("contrast", _contrast, _with_contrast, _two_ways("strong contrast", "weak contrast")),
    Property("saturation", _saturation, _with_saturation, _two_ways("strong saturation", "weak saturation")),
    Property("sharpness", _sharpness, _with_sharpness, _two_ways("sharpness", "blur")),
    Property("noise", _noise, _with_noise, _two_ways("noise", "smoothness")),
    Property("blockiness", _blockiness, _with_blockiness, _two_ways("JPEG blockiness", "lack of JPEG blockiness")),
)
PROPERTIES = {one.name: one for one in _ALL}
