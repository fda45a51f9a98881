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


def overlay(pixels: Pixels, map: Map, limits: Limits, signed: bool) -> Pixels:
    """As :func:`seewhy.show.overlay`. pixels : ``(H, W, 3)``. map : ``(H, W)``, NaN where the network did not see the photo."""
    cv2 = cv2_module()
    grey = _in_three(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    levels = _in_three(_levels(map, limits, signed))
    (base, by_grey, by_pixel) = (cv2.LUT(levels, part) for part in _parts(signed))
    picture = cv2.add(base, cv2.multiply(by_grey, grey, scale=1 / 255))
    picture = cv2.add(picture, cv2.multiply(by_pixel, pixels, scale=1 / 255), dst=picture)
    unseen = np.isnan(map)
    if unseen.any():
        (lift, light) = UNSEEN
        dark = cv2.addWeighted(pixels, light * COLOUR_LEFT, grey, light * (1 - COLOUR_LEFT), lift)
        picture[unseen] = dark[unseen]
    return np.asarray(picture, np.uint8)


def cam_show(pixels: Pixels, map: Map) -> Pixels:
    """As :func:`seewhy.show.cam_show`."""
    cv2 = cv2_module()
    dark = _in_three(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)).astype(np.uint16)
    if is_flat(map):
        return np.asarray(dark // 2, np.uint8)
    known = map[np.isfinite(map)] if np.isnan(map).any() else map
    (low, high) = (float(known.min()), float(known.max()))
    levels = _levels(map, (low, high), signed=False)
    levels[map < low + np.float32(0.2 * (high - low))] = 0
    total = cv2.add(dark // 2, cv2.LUT(_in_three(levels), _glow()).astype(np.uint16))
    (darkest, lightest) = (float(total.min()), float(total.max()))
    scale = 255 / max(lightest - darkest, 1)
    return np.asarray(cv2.convertScaleAbs(total, alpha=scale, beta=-darkest * scale), np.uint8)


def _levels(map: Map, limits: Limits, signed: bool) -> Pixels:
    """The map as 0 to 255 from one end of the scale to the other; the neutral level where there is no scale, or no map."""
    (low, high) = limits
    neutral = LEVELS // 2 if signed else 0
    if not high > low:
        return np.full(map.shape, neutral, np.uint8)
    part = (map - np.float32(low)) * np.float32((LEVELS - 1) / (high - low))
    part += np.float32(0.5)
    np.clip(part, 0, LEVELS - 1, out=part)
    cv2_module().patchNaNs(part, neutral)
    return np.asarray(part, np.uint8)


@lru_cache(maxsize=2)
def _parts(signed: bool) -> tuple[Pixels, Pixels, Pixels]:
    """What a level's colour is made of, ``(1, 256, 3)`` each: ``base + by_grey * grey / 255 + by_pixel * pixel / 255``."""
    ramp = np.linspace(0, 1, LEVELS)
    colours = 255 * table(signed=signed)
    colours = colours[np.minimum((ramp * len(colours)).astype(int), len(colours) - 1)]  # (256, 3)
    strength = np.abs(2 * ramp - 1) if signed else ramp
    opacity = (OPACITY * strength**RISE)[:, None]
    (lift, light) = SEEN
    parts = (
        (1 - opacity) * lift + opacity * colours * (1 - GRAIN * EVEN),
        255 * (1 - opacity) * light * (1 - COLOUR_LEFT) + opacity * colours * GRAIN,
        np.broadcast_to(255 * (1 - opacity) * light * COLOUR_LEFT, colours.shape),
    )
    return tuple(_table(part) for part in parts)  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _glow() -> Pixels:
    glow = jet() * (np.arange(255) / 254)[:, None]
    return _table(255 * np.concatenate([glow, glow[-1:]]))


def _table(values: npt.NDArray[np.float64]) -> Pixels:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)[None]


def _in_three(plane: Any) -> Any:
    cv2 = cv2_module()
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)
