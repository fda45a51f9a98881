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


def fill_image(pixels: Array, fill: Any, seed: int, bytes_range: bool) -> Array:
    """The whole photo hidden, ``(C, H, W)`` like ``pixels``.

    fill : None or "mean" (each channel's mean over the pixels), "black" (0), a number or one per channel, "blur" (Gaussian, 5 %
        of the shorter side, the border reflected), "noise" (normal, with each channel's mean and deviation, cut at the range).
    bytes_range : pixels, and the numbers of ``fill``, are 0 to 255; else they are in a tensor's own units, and noise stays in the
        photo's own range.

    Raises OptionError for any other fill, and for numbers beyond 0 to 255.
    """
    if fill is None or isinstance(fill, str):
        name = "mean" if fill is None else fill
        if name not in FILLS:
            raise _no_fill(fill, bytes_range)
        if name == "black":
            return np.zeros_like(pixels)
        if name == "blur":
            return _blurred(pixels)
        means = pixels.mean(axis=(1, 2), dtype=np.float64)[:, None, None]
        if name == "mean":
            return np.broadcast_to(means, pixels.shape).astype(np.float32)
        deviations = pixels.std(axis=(1, 2), dtype=np.float64)[:, None, None]
        noise = means + deviations * np.random.default_rng(seed).standard_normal(pixels.shape)
        (low, high) = (0, 255) if bytes_range else (pixels.min(), pixels.max())
        limited: Array = np.clip(noise, low, high).astype(np.float32)
        return limited
    try:
        values = fill.detach().cpu().numpy() if isinstance(fill, torch.Tensor) else np.asarray(fill)
    except ValueError:  # rows of different lengths
        values = np.asarray(None)
    is_numbers = values.dtype.kind in "iuf" and values.ndim <= 1 and np.isfinite(values).all()
    if not is_numbers or (bytes_range and not ((values >= 0) & (values <= 255)).all()):
        raise _no_fill(fill, bytes_range)
    if values.ndim == 1 and len(values) != len(pixels):
        raise OptionError(
            f"fill has {len(values)} values, but the photo has {len(pixels)} channels: write one number, or one for each."
        )
    return np.broadcast_to(values.reshape(-1, 1, 1), pixels.shape).astype(np.float32)


def _no_fill(fill: Any, bytes_range: bool) -> OptionError:
    units = f"from 0 to 255 ({setting('fill', (255, 0, 0))} is red)" if bytes_range else "in the tensor's own units"
    known = ", ".join(repr(name) for name in FILLS)
    return OptionError(f"{setting('fill', fill)}: write a number, or one per channel, {units}, or one of {known}.")


def _blurred(pixels: Array) -> Array:
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * min(pixels.shape[1:])
    blurred: Array = gaussian_filter(pixels, (0, sigma, sigma), mode="reflect")
    return blurred.astype(np.float32)
