"""The colour and the brightness of the ground: of what has the colours of the photo's edges, wherever it lies.

Which pixels are ground is told by their colours alone, so that no network and no map is asked. What has the ground's colours, or
reaches the edges, is taken for ground, too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy.properties.base import TINTS, Measure, Property, Values
from seewhy.properties.pixels import (
    LUMA,
    TINY,
    as_it_is,
    as_values,
    has_colours,
    is_picture,
    multiplied,
    reduced,
    resized,
    shares_of,
    table_of,
)

Floats = npt.NDArray[np.float32]

_WIDTH = 0.12  # of the edges, as a share of each side
_EVERY = 3  # pixels: one in so many rows and columns of the edges is looked at
_ROUNDS = 8  # of k-means, two clusters: sky and meadow, wall and floor
_LEAST = 0.05  # of the edges are in a cluster; a smaller one is something that reaches them
_SPREAD = 0.02  # share of white, which is added to the spread of a cluster's colours
_NEAR = 2.5  # standard deviations from a cluster, where a pixel is half ground ...
_STEEP = 8.0  # ... and how steeply that falls
_FAR = 6.0  # standard deviations: all that is farther is as far
_GRAIN = 2.0  # pixels of the reduced photo over which distances are blurred: a blade of grass is ground as its meadow is
_SEAM = 1.0  # pixels of the reduced photo over which the ground fades, so that no seams are seen
_TRIES = 4  # what is cut off at white, and what is half ground, is made up for ...
_MOST = 6.0  # ... by at most so many times, or a sixth


# Its colour: how much more red, and how much more blue than green it is.


def _colour(values: Values) -> Measure:
    if not has_colours(values):
        return np.zeros(2, np.float32)
    small = reduced(values)
    mean = _mean(small, _cover(small)) + TINY
    return np.asarray(np.log(mean[[0, 2]] / mean[1]), np.float32)


def _with_colour(values: Values, to: Measure) -> Values:
    """Each channel of the ground times a number of its own, so that it is as bright as it was."""
    if not has_colours(values):
        return as_it_is(values)
    small = reduced(values)
    cover = _cover(small)
    ratios = np.array([np.exp(to[0]), 1, np.exp(to[1])], np.float32)
    return _with_mean(values, ratios * ((_mean(small, cover) @ LUMA) / (ratios @ LUMA)), small, cover)


# Its brightness: the mean, as a share of white.


def _brightness(values: Values) -> Measure:
    small = reduced(values)
    return np.array([_light(_mean(small, _cover(small)))], np.float32)


def _with_brightness(values: Values, to: Measure) -> Values:
    """Each number of the ground times the same one."""
    small = reduced(values)
    cover = _cover(small)
    mean = _mean(small, cover)
    return _with_mean(values, mean * ((to + TINY) / (_light(mean) + TINY)), small, cover)


# What they share.


def _with_mean(values: Values, goal: Floats, small: Values, cover: Floats) -> Values:
    """Each channel of the ground times a number, so that its mean is the goal."""
    gains = np.ones(len(goal), np.float32)
    for _ in range(_TRIES):
        gains *= (goal.clip(0) + TINY) / (_mean(_multiplied(small, gains, cover), cover) + TINY)
        gains = gains.clip(1 / _MOST, _MOST)
    return _multiplied(values, gains, cover)


def _multiplied(values: Values, gains: Floats, cover: Floats) -> Values:
    """As much of it as is ground, anywhere between."""
    size = (values.shape[0], values.shape[1])
    if is_picture(values):
        picture = Image.fromarray(values)
        mask = Image.fromarray(np.rint(cover * 255).astype(np.uint8)).resize(size[::-1], Image.Resampling.BILINEAR)
        picture.paste(picture.point(table_of(values, lambda shares: shares * gains).T.reshape(-1).tolist()), mask=mask)
        return np.array(picture)
    share = resized(cover, size, Image.Resampling.BILINEAR).reshape(*size, *[1] * (values.ndim - 2))
    return as_values(values + share * (multiplied(values, gains).astype(np.float32) - values), values)


def _mean(small: Values, cover: Floats) -> Floats:
    """Of the ground, of each channel."""
    shares = shares_of(small).reshape(cover.size, -1)
    return np.asarray((cover.reshape(-1) @ shares) / cover.sum(), np.float32).clip(0)


def _light(mean: Floats) -> float:
    return float(mean @ LUMA if len(mean) == 3 else mean.mean())


def _cover(small: Values) -> Floats:
    """How much of each pixel of the reduced photo is ground, ``(H, W)``: near one of the two clusters of the edges' colours
    (Mahalanobis' distance)."""
    from scipy.ndimage import gaussian_filter

    shares = shares_of(small).reshape(*small.shape[:2], -1)
    edges = _edges(shares)
    in_second = _in_second_cluster(edges)
    pixels = shares.reshape(-1, shares.shape[2])
    nearest = np.full(len(pixels), np.inf, np.float32)
    for members in (edges[~in_second], edges[in_second]):
        if len(members) > _LEAST * len(edges):
            apart = members - members.mean(axis=0)
            spread = apart.T @ apart / len(members) + _SPREAD**2 * np.eye(pixels.shape[1], dtype=np.float32)
            offsets = pixels - members.mean(axis=0)
            nearest = np.minimum(nearest, np.einsum("nc,nc->n", offsets @ np.linalg.inv(spread), offsets))
    away = gaussian_filter(np.sqrt(nearest).clip(0, _FAR).reshape(small.shape[:2]), _GRAIN, mode="nearest")
    cover = 1 / (1 + np.exp(_STEEP * (away - _NEAR)))
    return np.asarray(gaussian_filter(cover, _SEAM, mode="nearest"), np.float32)


def _edges(shares: Floats) -> Floats:
    """Pixels of the outer ring, ``(N, C)``."""
    some = shares[::_EVERY, ::_EVERY]
    (height, width) = some.shape[:2]
    (rows, columns) = (max(1, round(_WIDTH * side)) for side in (height, width))
    at_edge = np.ones((height, width), bool)
    at_edge[rows : height - rows, columns : width - columns] = False
    return some[at_edge]


def _in_second_cluster(colours: Floats) -> npt.NDArray[np.bool_]:
    """k-means, begun with the darker and the lighter half: whether each colour is in the second."""
    light = colours @ np.full(colours.shape[1], 1 / colours.shape[1], np.float32)
    nearest: npt.NDArray[np.bool_] = light > np.median(light)
    for _ in range(_ROUNDS):
        if nearest.all() or not nearest.any():
            break
        (darker, lighter) = (colours[~nearest].mean(axis=0), colours[nearest].mean(axis=0))
        nearest = colours @ (lighter - darker) > (lighter @ lighter - darker @ darker) / 2
    return nearest


COLOUR = Property(
    "ground colour", _colour, _with_colour, {way: f"the {tint} ground" for way, tint in TINTS.items()}, on_ground=True
)
BRIGHTNESS = Property(
    "ground brightness",
    _brightness,
    _with_brightness,
    {(1.0,): "the bright ground", (-1.0,): "the dark ground"},
    on_ground=True,
)
