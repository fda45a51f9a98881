"""What the properties share: a photo's numbers as shares of white, reduced, blurred, and by a curve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from seewhy.properties.base import Measure, Values

SIDE = 256  # of the reduced photo, its shorter one
_MIDDLE = 512  # pixels a side that blocks are looked for in
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue (ITU-R BT.601)
TINY = np.float32(1e-3)  # share of white
_STEPS = 9  # of a bisection: a five-hundredth of what is searched


def as_it_is(values: Values) -> Values:
    copied: Values = values.copy()
    return copied


def has_colours(values: Values) -> bool:
    return values.ndim == 3 and values.shape[2] == 3


def is_picture(values: Values) -> bool:
    """Whether Pillow takes it as red, green and blue."""
    return values.dtype == np.uint8 and has_colours(values)


def range_of(values: Values) -> tuple[float, float]:
    """Black and white; of floats beyond [0, 1] the least and the largest of them."""
    if values.dtype.kind == "u":
        return 0.0, float(np.iinfo(values.dtype).max)
    return min(0.0, float(values.min())), max(1.0, float(values.max()))


def shares_of(values: Values) -> Values:
    """Shares of white."""
    (low, high) = range_of(values)
    shares: Values = (values.astype(np.float32) - np.float32(low)) * np.float32(1 / (high - low))
    return shares


def luma_of(values: Values) -> Values:
    shares = shares_of(values)
    if shares.ndim == 2:
        return shares
    return shares @ LUMA if shares.shape[2] == 3 else shares.mean(axis=2)


def as_values(numbers: Values, like: Values) -> Values:
    """Numbers in a photo's range and type."""
    clipped = numbers.clip(*range_of(like))
    return (np.rint(clipped) if like.dtype.kind == "u" and clipped.dtype.kind == "f" else clipped).astype(like.dtype)


def as_type(shares: Values, like: Values) -> Values:
    (low, high) = range_of(like)
    return as_values(shares * (high - low) + low, like)


def scale_of(values: Values) -> float:
    """How many of its pixels are one of the reduced photo."""
    return max(1.0, float(min(values.shape[:2])) / SIDE)


def reduced(values: Values) -> Values:
    """The photo with a shorter side of ``SIDE`` at most; its own numbers where it is small enough."""
    scale = scale_of(values)
    if scale == 1:
        return values
    size = (max(1, round(values.shape[0] / scale)), max(1, round(values.shape[1] / scale)))
    return resized(values, size, Image.Resampling.BOX)


def resized(values: Values, size: tuple[int, int], way: Image.Resampling) -> Values:
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
    return as_values(np.stack(stack, axis=-1).reshape(rows, columns, *values.shape[2:]), values)


def small_and_sample(values: Values) -> tuple[Values, Values]:
    """The reduced photo, and some of its pixels, for what does not depend on where they lie."""
    small = reduced(values)
    return small, np.ascontiguousarray(small[::3, ::3])


def middle_of(values: Values) -> Values:
    """At most ``_MIDDLE`` pixels a side, whole blocks from the upper left corner."""
    (top, left) = (max(0, side - _MIDDLE) // 16 * 8 for side in values.shape[:2])
    return values[top : top + _MIDDLE, left : left + _MIDDLE]


def searched(measure: Callable[[float], float], goal: float, low: float, high: float) -> float:
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


def curved(values: Values, curve: Callable[[Values], Values]) -> Values:
    """Each number by a curve of shares of white ``(..., C)``; whole numbers by a table."""
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.dtype.kind != "u":
        return as_type(curve(shares_of(values.reshape(*values.shape[:2], channels))), values).reshape(values.shape)
    table = table_of(values, curve)
    if values.ndim == 2:
        return table[:, 0][values]
    return np.stack([table[:, n][values[..., n]] for n in range(channels)], axis=-1)


def table_of(values: Values, curve: Callable[[Values], Values]) -> Values:
    """What a curve makes of each whole number in each channel, ``(N, C)``."""
    channels = values.shape[2] if values.ndim == 3 else 1
    white = int(range_of(values)[1])
    steps = np.arange(white + 1, dtype=np.float32)[:, None].repeat(channels, axis=1) / np.float32(white)
    return as_type(curve(steps), values)


def blended(one: Values, other: Values, share: float) -> Values:
    """``one + share · (other - one)``, which goes on beyond the other where the share is above 1."""
    if one.dtype == np.uint8 and (one.ndim == 2 or one.shape[2] == 3):
        return np.array(Image.blend(Image.fromarray(one), Image.fromarray(other), share))
    return as_values(one + np.float32(share) * (other.astype(np.float32) - one.astype(np.float32)), other)


def grey_of(values: Values) -> Values:
    if values.dtype == np.uint8:
        return np.array(Image.fromarray(values).convert("L").convert("RGB"))
    return as_type(luma_of(values)[..., None].repeat(3, axis=2), values)


def blurred(values: Values, sigma: float) -> Values:
    """By a Gaussian; a wide one over the reduced photo, which is soon enlarged again."""
    if sigma < 0.05:
        return as_it_is(values)
    factor = max(1, int(sigma / 2))
    if factor > 1:
        size = (max(1, values.shape[0] // factor), max(1, values.shape[1] // factor))
        small = blurred(resized(values, size, Image.Resampling.BOX), sigma / factor)
        return resized(small, (values.shape[0], values.shape[1]), Image.Resampling.BILINEAR)
    if values.dtype == np.uint8 and (values.ndim == 2 or values.shape[2] == 3):
        return np.array(Image.fromarray(values).filter(ImageFilter.GaussianBlur(sigma)))
    from scipy.ndimage import gaussian_filter

    widths = (sigma, sigma, *[0.0] * (values.ndim - 2))
    return as_values(gaussian_filter(values.astype(np.float32), widths, mode="nearest"), values)


def softened(values: Values, measure: Callable[[Values], Measure], goal: float, scaled: bool = True) -> Values:
    """Between the photo and its blurred self."""
    (near, width) = (reduced(values), scale_of(values)) if scaled else (middle_of(values), 1.0)
    soft = blurred(near, 1)
    share = searched(lambda share: float(measure(blended(near, soft, share))[0]), goal, 0, 1)
    return blended(values, blurred(values, width), share)


def multiplied(values: Values, gains: Values | np.float32) -> Values:
    def curve(shares: Values) -> Values:
        multiplied: Values = shares * gains
        return multiplied

    return curved(values, curve)
