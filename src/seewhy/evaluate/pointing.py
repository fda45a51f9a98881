"""Does the map point at the object? For photos on which it is known where the object is."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy.errors import OptionError, setting
from seewhy.geometry import Array, peak

Mask = npt.NDArray[np.bool_]


def hits(map: Array, mask: Mask) -> bool:
    """True when the map's peak lies on the object: one round of the pointing game.

    map : ``(H, W)``, NaN where the network did not see the photo (``explanation.on_photo()[k]``); only its order counts.
    mask : bool ``(H, W)``, True on the object.

    Of several equal peaks the one nearest to their mean place counts (``geometry.peak``). A map that is the same everywhere
    points nowhere: False.
    Zhang et al. 2016, arXiv:1608.00507, section 4.1; they also count a peak up to 15 pixels beside the object, we do not.

    Raises OptionError: shapes that differ, a mask that is not bool, a map of NaN only.
    """
    seen = _checked(map, mask)
    if map[seen].min() == map[seen].max():
        return False
    return bool(mask[peak(map)])


def energy(map: Array, mask: Mask) -> float:
    """The share of the map's positive mass that lies on the object, from 0 to 1.

    map : ``(H, W)``, NaN where the network did not see the photo; what is negative (speaks against the class) is left out.
    mask : bool ``(H, W)``, True on the object.

    A map without positive mass puts none of it on the object: 0. A map that is the same everywhere scores the share of the
    seen photo that the object covers: that is the value to compare with. The share is that of Wang et al. 2020,
    arXiv:1910.01279, section 4.3 ("energy-based pointing game"); they take a min-max scaled map, we the raw one.

    Raises OptionError: shapes that differ, a mask that is not bool, a map of NaN only.
    """
    seen = _checked(map, mask)
    mass = np.where(seen, np.maximum(map, 0), 0).astype(np.float64)
    total = float(mass.sum())
    return float(mass[mask].sum()) / total if total > 0 else 0.0


def checked_mask(mask: Any, photo: tuple[int, int]) -> Mask:
    """A mask as bool ``(H, W)`` of the photo. Raises OptionError: another shape, no bool, empty, or all True."""
    try:
        values = np.asarray(mask.detach().cpu().numpy() if isinstance(mask, torch.Tensor) else mask)
    except ValueError:  # rows of different lengths
        values = np.asarray(None)
    if values.ndim == 0:
        text = f"{setting('mask', os.fspath(mask))}" if isinstance(mask, (str, os.PathLike)) else f"A {type(mask).__name__}"
        raise OptionError(
            f"{text} is no mask: give bool (H, W) of the photo, True on the object, of a file "
            "np.asarray(PIL.Image.open(file).convert('L')) > 127."
        )
    if values.shape != photo:
        raise OptionError(f"The mask is {values.shape}, the photo {photo}: give (H, W) of the photo as a person sees it.")
    if values.dtype != np.bool_:
        raise OptionError(f"The mask holds {values.dtype}: give bool, True on the object (mask > 0).")
    if values.all() or not values.any():
        what = "covers the whole photo" if values.all() else "is empty"
        raise OptionError(f"The mask {what}: every map would score the same. Mark the object, and nothing else.")
    return values


def _checked(map: Array, mask: Mask) -> Mask:
    """Where the map has a value."""
    if map.ndim != 2 or map.shape != mask.shape:
        raise OptionError(f"The map is {map.shape} and the mask {mask.shape}: both must be (H, W) of the photo.")
    if mask.dtype != np.bool_:
        raise OptionError(f"The mask holds {mask.dtype}: give bool, True on the object (mask > 0).")
    seen: Mask = ~np.isnan(map)
    if not seen.any():
        raise OptionError("The map is NaN everywhere: there is no place that it could point at.")
    return seen
