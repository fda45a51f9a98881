"""The pictures of ``seewhy.show``, fast enough for a camera: the same equations on bytes, by OpenCV; to three levels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.live.sources import cv2_module
from seewhy.show.colour import Limits, is_flat
from seewhy.show.overlay import COLOUR_LEFT, EVEN, GRAIN, OPACITY, RISE, SEEN, UNSEEN
from seewhy.show.tables import jet, table

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]

LEVELS = 256
_HALF = (np.arange(LEVELS) // 2).astype(np.uint8)


Area = tuple[slice, slice]  # the rows and columns of a photo that the network saw


def overlay(pixels: Pixels, map: Map, seen: Area, limits: Limits, signed: bool) -> Pixels:
    """As :func:`seewhy.show.overlay`. pixels : ``(H, W, 3)``. map : of ``pixels[seen]``, ``(h, w)``, finite.

    limits : (0, 0) for a flat map, which is not looked for here.
    """
    cv2 = cv2_module()
    (inside, levels) = (pixels[seen], _levels(map, limits, signed))
    grey = _in_three(cv2.cvtColor(inside, cv2.COLOR_RGB2GRAY))
    (base, by_grey, by_pixel) = _parts(signed)
    coloured = cv2.applyColorMap(levels, base)
    coloured = cv2.add(coloured, cv2.multiply(cv2.applyColorMap(levels, by_grey), grey, scale=1 / 255), dst=coloured)
    coloured = cv2.add(coloured, cv2.multiply(_in_three(cv2.LUT(levels, by_pixel)), inside, scale=1 / 255), dst=coloured)
    if map.shape == pixels.shape[:2]:
        return np.asarray(coloured, np.uint8)
    (lift, light) = UNSEEN
    grey = _in_three(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    picture = np.asarray(cv2.addWeighted(pixels, light * COLOUR_LEFT, grey, light * (1 - COLOUR_LEFT), lift), np.uint8)
    picture[seen] = coloured
    return picture


def cam_show(pixels: Pixels, map: Map, seen: Area) -> Pixels:
    """As :func:`seewhy.show.cam_show`. pixels : ``(H, W, 3)``. map : of ``pixels[seen]``, ``(h, w)``, finite."""
    cv2 = cv2_module()
    half = cv2.LUT(_in_three(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), _HALF)
    if is_flat(map):
        return np.asarray(half, np.uint8)
    (low, high) = (float(map.min()), float(map.max()))
    levels = _levels(map, (low, high), signed=False)
    levels[map < low + np.float32(0.2 * (high - low))] = 0
    glow = np.zeros_like(half)
    glow[seen] = cv2.applyColorMap(levels, _glow())
    total = cv2.add(half, glow, dtype=cv2.CV_16U)  # at most 127 + 255
    (darkest, lightest) = (float(total.min()), float(total.max()))
    scale = 255 / max(lightest - darkest, 1)
    return np.asarray(cv2.convertScaleAbs(total, alpha=scale, beta=-darkest * scale), np.uint8)


def _levels(map: Map, limits: Limits, signed: bool) -> Pixels:
    """The map as 0 to 255 from one end of the scale to the other; the neutral level where there is no scale."""
    (low, high) = limits
    if not high > low:
        return np.full(map.shape, LEVELS // 2 if signed else 0, np.uint8)
    scale = (LEVELS - 1) / (high - low)
    return np.asarray(cv2_module().addWeighted(map, scale, map, 0, -low * scale, dtype=0), np.uint8)


@lru_cache(maxsize=2)
def _parts(signed: bool) -> tuple[Pixels, Pixels, Pixels]:
    """What a level's colour is made of: ``base + by_grey * grey / 255 + by_pixel * pixel / 255``.

    The first two ``(256, 1, 3)``, as colour maps are; by_pixel ``(256,)``, the same for all three colours.
    """
    ramp = np.linspace(0, 1, LEVELS)
    colours = 255 * table(signed=signed)
    colours = colours[np.minimum((ramp * len(colours)).astype(int), len(colours) - 1)]  # (256, 3)
    strength = np.abs(2 * ramp - 1) if signed else ramp
    opacity = (OPACITY * strength**RISE)[:, None]
    (lift, light) = SEEN
    parts = (
        (1 - opacity) * lift + opacity * colours * (1 - GRAIN * EVEN),
        255 * (1 - opacity) * light * (1 - COLOUR_LEFT) + opacity * colours * GRAIN,
    )
    return _table(parts[0]), _table(parts[1]), _table(255 * (1 - opacity[:, 0]) * light * COLOUR_LEFT)


@lru_cache(maxsize=1)
def _glow() -> Pixels:
    glow = jet() * (np.arange(255) / 254)[:, None]
    return _table(255 * np.concatenate([glow, glow[-1:]]))


def _table(values: npt.NDArray[np.float64]) -> Pixels:
    """Rounded to bytes; colours as ``(256, 1, 3)``."""
    rounded = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    return rounded if rounded.ndim == 1 else rounded[:, None]


def _in_three(plane: Any) -> Any:
    cv2 = cv2_module()
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)
