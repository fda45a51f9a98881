"""Colour cast, brightness, contrast and saturation of the whole photo."""

from __future__ import annotations

import numpy as np

from seewhy.properties.base import TINTS, Measure, Property, Values, two_ways
from seewhy.properties.pixels import (
    TINY,
    as_it_is,
    blended,
    curved,
    grey_of,
    has_colours,
    luma_of,
    multiplied,
    reduced,
    searched,
    shares_of,
    small_and_sample,
)

# Colour cast: how much more red, and how much more blue than green.


def _cast(values: Values) -> Measure:
    if not has_colours(values):
        return np.zeros(2, np.float32)
    means = shares_of(reduced(values)).mean(axis=(0, 1)).clip(0) + TINY
    return np.asarray(np.log(means[[0, 2]] / means[1]), np.float32)


def _with_cast(values: Values, to: Measure) -> Values:
    """Each channel times a number of its own, so that the photo is as bright as it was."""
    if not has_colours(values):
        return as_it_is(values)
    (small, sample) = small_and_sample(values)
    (goal, before) = (_cast(sample) + (to - _cast(small)), _brightness(sample))
    gains = np.ones(3, np.float32)
    for _ in range(3):  # what is cut off at white is made up for
        gains[[0, 2]] *= np.exp(goal - _cast(multiplied(sample, gains)))
        gains *= (before + TINY) / (_brightness(multiplied(sample, gains)) + TINY)
    return multiplied(values, gains)


# Brightness: the mean, as a share of white.


def _brightness(values: Values) -> Measure:
    return np.array([luma_of(reduced(values)).mean()], np.float32)


def _with_brightness(values: Values, to: Measure) -> Values:
    """Each number times the same one, as by a longer exposure."""
    (small, sample) = small_and_sample(values)
    goal = float((_brightness(sample) + (to - _brightness(small)))[0])

    def edited(of: Values, amount: float) -> Values:
        return multiplied(of, np.float32(np.exp(amount)))

    return edited(values, searched(lambda amount: float(_brightness(edited(sample, amount))[0]), goal, -3, 3))


# Contrast: the standard deviation, as a share of the mean, so that a longer exposure alone does not change it.


def _contrast(values: Values) -> Measure:
    luma = luma_of(reduced(values))
    return np.array([luma.std() / (luma.mean() + TINY)], np.float32)


def _with_contrast(values: Values, to: Measure) -> Values:
    """Nearer to the photo's mean, or farther from it."""
    (small, sample) = small_and_sample(values)
    goal = float((_contrast(sample) + (to - _contrast(small)))[0])
    middle = _brightness(small)[0]

    def edited(of: Values, amount: float) -> Values:
        def curve(shares: Values) -> Values:
            moved: Values = middle + np.float32(amount) * (shares - middle)
            return moved

        return curved(of, curve)

    return edited(values, searched(lambda amount: float(_contrast(edited(sample, amount))[0]), goal, 0, 8))


# Saturation: how far the strongest channel is above the weakest, in the mean, as a share of the brightness.


def _saturation(values: Values) -> Measure:
    if not has_colours(values):
        return np.zeros(1, np.float32)
    shares = shares_of(reduced(values))
    (red, green, blue) = (shares[..., n] for n in range(3))  # of three planes, which is faster than along the last axis
    strongest = np.maximum(np.maximum(red, green), blue)
    spread = (strongest - np.minimum(np.minimum(red, green), blue)).mean()
    return np.array([spread / (luma_of(reduced(values)).mean() + TINY)], np.float32)


def _with_saturation(values: Values, to: Measure) -> Values:
    """Nearer to the grey photo, or farther from it."""
    if not has_colours(values):
        return as_it_is(values)
    (small, sample) = small_and_sample(values)
    goal = float((_saturation(sample) + (to - _saturation(small)))[0])

    def edited(of: Values, amount: float) -> Values:
        return blended(grey_of(of), of, amount)

    return edited(values, searched(lambda amount: float(_saturation(edited(sample, amount))[0]), goal, 0, 8))


CAST = Property("colour cast", _cast, _with_cast, {way: f"the {tint} cast of the whole photo" for way, tint in TINTS.items()})
BRIGHTNESS = Property("brightness", _brightness, _with_brightness, two_ways("brightness", "darkness"))
CONTRAST = Property("contrast", _contrast, _with_contrast, two_ways("strong contrast", "weak contrast"))
SATURATION = Property("saturation", _saturation, _with_saturation, two_ways("strong saturation", "weak saturation"))
