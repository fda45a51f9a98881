"""Colour tables: ours, the classical jet, and any that matplotlib knows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, did_you_mean, listed

Floats = npt.NDArray[np.float64]

# Rows of our own tables. Odd, so that zero in the middle of a signed scale has a row of its own.
ROWS = 255
# Lightness rises from row to row; positions and sRGB. Dark violet, magenta, red, orange, light yellow.
_EMBER = ((0.0, "#2b0a4a"), (0.25, "#7a1466"), (0.5, "#cf2f3c"), (0.75, "#fb8a13"), (1.0, "#ffee5c"))
# Light at both ends, neutral and darkest in the middle. Blue against orange can be told apart with any colour vision.
_ICE = ((0.0, "#a6f3ff"), (0.125, "#5cc9f5"), (0.25, "#2595ea"), (0.375, "#2b55b8"), (0.5, "#3a3a3a"))
_FIRE = ((0.5, "#3a3a3a"), (0.625, "#a52c2e"), (0.75, "#e85d13"), (0.875, "#fda421"), (1.0, "#ffe95e"))
_OWN = {"ember": _EMBER, "ember_ice": _ICE + _FIRE[1:]}
# For maps of single pixels, drawn opaque: white paper is nothing, black ink the most; signed, blue speaks against and red for.
_INK = {"white_black": ("#ffffff", "#000000"), "blue_white_red": ("#08306b", "#2f7fc1", "#ffffff", "#d3402f", "#67000d")}
DEFAULT = {False: "ember", True: "ember_ice"}  # by signed


def jet(rows: int = 255) -> Floats:
    """The classical jet table ``(rows, 3)``, sRGB in [0, 1], dark blue to dark red.

    Three trapezoids: with n = rows/4 rounded up, ``u(k) = min(k, n, 3n - k) / n`` for 0 < k < 3n, else 0; the row i,
    counted from 1, is ``u(i - 3n/2), u(i - n/2), u(i + n/2)``. Its ends are dark, so the largest value is not the
    brightest: it is here to reproduce pictures, not to make new ones. (matplotlib's own differs by up to 0.12.)
    """
    n = -(-rows // 4)
    i = np.arange(1, rows + 1)
    k = np.stack([i - n - n // 2, i - n // 2, i + n - n // 2], axis=1)  # (rows, 3)
    return np.where((k > 0) & (k < 3 * n), np.minimum(np.minimum(k, n), 3 * n - k) / n, 0.0)


def table(cmap: Any = None, *, signed: bool = False) -> Floats:
    """A colour table ``(m, 3)``, sRGB in [0, 1].

    cmap : None (ours: "ember", for signed maps "ember_ice"), "jet" (the classical formula), any name that matplotlib
        knows, a matplotlib colormap, or a table of your own.
    """
    if cmap is None:
        cmap = DEFAULT[signed]
    if isinstance(cmap, str):
        return _named(cmap)
    if callable(cmap) and hasattr(cmap, "N"):
        return np.asarray(cmap(np.arange(cmap.N)), dtype=np.float64)[:, :3]
    own = np.asarray(cmap)
    if own.ndim != 2 or own.shape[1] != 3 or not len(own) or own.dtype.kind not in "fiu":
        raise OptionError(f"A colour table has shape (rows, 3), this one {own.shape}: write a name such as 'viridis'.")
    own = own / 255.0 if own.dtype == np.uint8 else own.astype(np.float64)
    if not (own.min() >= 0 and own.max() <= 1):
        raise OptionError(f"A colour table lies in [0, 1], this one reaches from {own.min():g} to {own.max():g}.")
    return own


@lru_cache(maxsize=32)
def _named(name: str) -> Floats:
    if name in _OWN:
        colours = _blend(_OWN[name])
    elif name in _INK:
        colours = _straight(_INK[name])
    elif name == "jet":
        colours = jet()
    else:
        import matplotlib

        known = matplotlib.colormaps
        if name not in known:
            near = (
                did_you_mean(name, [*_OWN, *_INK, *known]) or f" Some that it knows: {listed([*_OWN, *_INK, 'viridis', 'jet'])}."
            )
            raise OptionError(f"There is no colour table '{name}'.{near}")
        colours = np.asarray(known[name](np.arange(known[name].N)), dtype=np.float64)[:, :3]
    colours.flags.writeable = False  # one array serves every caller
    return colours


def _straight(colours: Sequence[str]) -> Floats:
    """A table of :data:`ROWS` rows, evenly from one colour to the next, in sRGB: half way from white to black is mid grey."""
    anchors = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    at = np.linspace(0, len(colours) - 1, ROWS)
    return np.stack([np.interp(at, np.arange(len(colours)), channel) for channel in anchors.T], axis=1)


def _blend(anchors: Sequence[tuple[float, str]]) -> Floats:
    """A smooth table through a few colours, mixed in Oklab (Ottosson 2020), where equal steps look equal."""
    to_lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                       [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    to_lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                       [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    colours = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for _, colour in anchors])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ to_lms.T) @ to_lab.T
    positions = [position for position, _ in anchors]
    lab = np.stack([np.interp(np.linspace(0, 1, ROWS), positions, channel) for channel in lab.T], axis=1)
    linear = np.clip((lab @ np.linalg.inv(to_lab).T) ** 3 @ np.linalg.inv(to_lms).T, 0, 1)
    mixed: Floats = np.clip(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1)
    return mixed
