"""Photos and volumes for networks without preprocessing: tensors of the network's own input, used as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy import rasters
from seewhy.bands import Shown, shown_bands, shown_volume
from seewhy.errors import PhotoError
from seewhy.geometry import Array, Geometry
from seewhy.rasters import NamedFile
from seewhy.records import Photo


def read_tensor(
    photo: Any,
    dimensions: int,
    display: tuple[int, ...] | None,
    preprocessing: str,
    check_channels: Callable[[tuple[int, ...]], None],
) -> Photo:
    """A float tensor or array as a photo ``(C, H, W)``; of three dimensions as a volume.

    A volume is ``(C, D, H, W)``, or ``(D, H, W)`` of one channel, also in a .npy, .npz or .tif file; D are its slices.
    display, preprocessing : of the classifier. check_channels : raises PhotoError for a shape that the network does not take.

    Raises PhotoError: something else, another number of axes, values that are not finite.
    """
    if isinstance(photo, Photo):
        photo = photo.pixels
    (values, name) = (
        _volume(photo) if dimensions == 3 else (_photo(photo), photo.path.name if isinstance(photo, NamedFile) else "tensor")
    )
    if not np.isfinite(values).all():
        raise PhotoError("The tensor holds values that are not finite (NaN or infinity): repair them first.")
    check_channels(values.shape)
    bands = np.moveaxis(values, 0, -1)
    if dimensions == 3:
        view = shown_volume(bands, display)
    else:
        many = len(values) > 3 or (display is not None and len(values) > 1)
        view = shown_bands(bands, None, display) if many else Shown(bands)
    geometry = Geometry.whole((values.shape[-2], values.shape[-1]))
    return Photo(view.original, values, geometry, name, preprocessing, view.notes, raw=view.raw, display=view.display)


def _photo(photo: Any) -> Array:
    if isinstance(photo, NamedFile) and photo.path.suffix.lower() in rasters.ARRAY_SUFFIXES:
        photo = rasters.read_array(photo)
    if not _is_tensor(photo) or photo.dtype in (torch.uint8, np.uint8):
        what = (
            "a uint8 picture" if _is_tensor(photo) else "a file" if isinstance(photo, NamedFile) else f"a {type(photo).__name__}"
        )
        raise PhotoError(
            "This classifier has no preprocessing, so it takes float tensors (C, H, W) of the network's own input, not "
            f"{what}: build it with preprocess=seewhy.Preprocess(size=..., mean=..., std=...)."
        )
    values = _floats(photo)
    if values.ndim != 3 or 0 in values.shape:
        raise PhotoError(f"The tensor has shape {tuple(values.shape)}: one photo is (C, H, W).")
    return values


def _volume(photo: Any) -> tuple[Array, str]:
    """``(C, D, H, W)``, and a name."""
    name = "volume"
    if isinstance(photo, (str, os.PathLike)):
        path = Path(photo)
        (photo, name) = (_file(path), path.name)
    if not _is_tensor(photo):
        raise PhotoError(
            f"A volume cannot be a {type(photo).__name__}: give a float tensor or array (C, D, H, W), or a .npy file of one."
        )
    kind = str(photo.dtype).removeprefix("torch.")
    if kind == "uint8" or "complex" in kind or (isinstance(photo, np.ndarray) and photo.dtype.kind not in "biuf"):
        raise PhotoError(f"The volume holds {kind}: give floats as the network was trained on them (volume / 255, or as it was).")
    values = _floats(photo)
    if values.ndim not in (3, 4) or 0 in values.shape:
        raise PhotoError(
            f"The volume has shape {tuple(values.shape)}: one volume is (C, D, H, W), or (D, H, W) of one channel; a batch is "
            "(N, C, D, H, W)."
        )
    return (values[None] if values.ndim == 3 else values), name


def _file(path: Path) -> npt.NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix in rasters.ARRAY_SUFFIXES:
        return rasters.read_array(path)
    if suffix in rasters.TIFF_SUFFIXES:
        return rasters.read_stack(path)
    raise PhotoError(f"'{path}' cannot be read as a volume: give a .npy, .npz or .tif file, or the array (C, D, H, W) itself.")


def _is_tensor(photo: Any) -> bool:
    return isinstance(photo, (torch.Tensor, np.ndarray))


def _floats(photo: Any) -> npt.NDArray[np.float32]:
    return np.array(photo.detach().cpu().float().numpy() if isinstance(photo, torch.Tensor) else photo, dtype=np.float32)
