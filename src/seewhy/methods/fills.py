"""What a hidden part of the photo shows instead, in pixel space: before the network's normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from seewhy.errors import OptionError, setting
from seewhy.geometry import Array

FILLS = ("mean", "black", "blur", "noise")
BLUR = 0.05  # of the shorter side
Fill = float | Sequence[float] | str | None


def fill_image(pixels: Array, fill: Any, seed: int, bytes_range: bool, name: str = "fill") -> Array:
    """The whole photo hidden, ``(C, H, W)`` like ``pixels``; of a volume ``(C, D, H, W)``.

    fill : None or "mean" (each channel's mean over the pixels), "black" (0), a number or one per channel, "blur" (Gaussian, 5 %
        of the shorter side, the border reflected), "noise" (normal, with each channel's mean and deviation, cut at the range).
    bytes_range : pixels, and the numbers of ``fill``, are 0 to 255; else they are in a tensor's own units, and noise stays in the
        photo's own range.
    name : of the setting, for the error.

    Raises OptionError for any other fill, for numbers beyond 0 to 255, and for a colour that is meant as 0 to 1: none of its
        numbers above 1, and one that is not whole.
    """
    if fill is None or isinstance(fill, str):
        kind = "mean" if fill is None else fill
        if kind not in FILLS:
            raise unknown_fill(name, fill, bytes_range)
        if kind == "black":
            return np.zeros_like(pixels)
        if kind == "blur":
            return _blurred(pixels)
        axes = tuple(range(1, pixels.ndim))
        means = pixels.mean(axis=axes, dtype=np.float64, keepdims=True)
        if kind == "mean":
            return np.broadcast_to(means, pixels.shape).astype(np.float32)
        deviations = pixels.std(axis=axes, dtype=np.float64, keepdims=True)
        noise = means + deviations * np.random.default_rng(seed).standard_normal(pixels.shape)
        (low, high) = (pixels.min(), pixels.max())
        if bytes_range:  # numbers beyond the range of the preprocessing are not cut off
            (low, high) = (min(0, low), max(255, high))
        limited: Array = np.clip(noise, low, high).astype(np.float32)
        return limited
    try:
        values = fill.detach().cpu().numpy() if isinstance(fill, torch.Tensor) else np.asarray(fill)
    except ValueError:  # rows of different lengths
        values = np.asarray(None)
    is_numbers = values.dtype.kind in "iuf" and values.ndim <= 1 and np.isfinite(values).all()
    if not is_numbers or (bytes_range and not ((values >= 0) & (values <= 255)).all()):
        raise unknown_fill(name, fill, bytes_range)
    if bytes_range and (values <= 1).all() and (values % 1).any():
        colour = tuple(np.round(255 * values).astype(int).tolist()) if values.ndim else round(255 * float(values))
        raise OptionError(f"{setting(name, fill)}: colours are 0 to 255; write {setting(name, colour)}.")
    if values.ndim == 1 and len(values) != len(pixels):
        raise OptionError(
            f"{name} has {len(values)} values, but the photo has {len(pixels)} channels: write one number, or one for each."
        )
    return np.broadcast_to(values.reshape(-1, *[1] * (pixels.ndim - 1)), pixels.shape).astype(np.float32)


def unknown_fill(name: str, fill: Any, bytes_range: bool, known: Sequence[str] = FILLS) -> OptionError:
    """The error that names what a fill may be. name : of the setting. known : the fills that have a name."""
    units = f"from 0 to 255 ({setting(name, (255, 0, 0))} is red)" if bytes_range else "in the tensor's own units"
    names = ", ".join(map(repr, known))
    return OptionError(f"{setting(name, fill)}: write a number, or one per channel, {units}, or one of {names}.")


def _blurred(pixels: Array) -> Array:
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * min(pixels.shape[1:])
    blurred: Array = gaussian_filter(pixels, (0, *[sigma] * (pixels.ndim - 1)), mode="reflect")
    return blurred.astype(np.float32)
