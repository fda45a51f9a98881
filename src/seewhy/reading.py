"""Anything that a person calls a photo, as one network takes it: prepared, or a tensor that is used as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from seewhy.bands import shown
from seewhy.errors import PhotoError
from seewhy.photo import ANYTHING, Picture, open_picture
from seewhy.preprocess import Preprocess
from seewhy.records import Photo
from seewhy.tensors import read_tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Reader:
    """Opens and prepares the photos of one classifier.

    preprocess, display, dimensions : of the classifier. first_layer : of a shape ``(C, H, W)``, the layer that such a photo meets
    first and how many channels that takes; None where it cannot be known.
    """

    preprocess: Any
    display: tuple[int, ...] | None
    dimensions: int
    first_layer: Callable[[tuple[int, ...]], tuple[str, int] | None]

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(H, W) of the network's input, None where photos are used as they are."""
        return None if self.preprocess is None else self.preprocess.input_size

    def describe(self) -> str:
        """The preprocessing in words."""
        if self.preprocess is None:
            return f"none: the {'volume' if self.dimensions == 3 else 'tensor'} is used as it is"
        words: str = self.preprocess.describe()
        return words

    def read(self, photo: Any) -> Photo:
        """The photo as the network sees it, and where that lies on the original. Raises PhotoError."""
        comparable = self.preprocess is None or isinstance(self.preprocess, Preprocess)  # by description; transforms are not
        if isinstance(photo, Photo) and comparable and not photo.rebuilt and photo.preprocessing == self.describe():
            return photo  # read already, by this reader or one that prepares alike
        if self.preprocess is None:
            return read_tensor(photo, self.dimensions, self.display, self.describe(), self._check_channels)
        picture = self.picture(photo)
        (pixels, geometry, notes) = self.preprocess.apply(picture)
        self._check_channels(pixels.shape)
        view = shown(picture, self.preprocess.ends, self.display)
        notes = (*picture.notes, *notes, *view.notes)
        return Photo(view.original, pixels, geometry, picture.name, self.describe(), notes, raw=view.raw, display=view.display)

    def picture(self, photo: Any) -> Picture:
        """The photo opened, before it is prepared. Raises PhotoError."""
        return open_picture(photo, ANYTHING if self.preprocess is None else self.preprocess.expected)

    def as_network_input(self, value: Any) -> Any:
        """A second photo (a PIL image, a ``Path``, bytes ``(H, W, 3)``) is prepared as the first one is; all else as it is."""
        is_bytes = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3
        if self.preprocess is None or not (is_bytes or isinstance(value, (Image.Image, Path))):
            return value
        pixels = torch.from_numpy(self.preprocess.apply(self.picture(value))[0])
        return self.preprocess.normalise(pixels[None])[0]

    def blank(self) -> Photo:
        """A black photo, to look at the network with; there must be an ``input_size``."""
        assert self.input_size is not None
        channels = self.preprocess.expected.channels or 3
        return dataclasses.replace(self.read(Picture(np.zeros((*self.input_size, channels), np.uint8))), notes=())

    def _check_channels(self, shape: tuple[int, ...]) -> None:
        (channels, first) = (shape[0], self.first_layer(shape))
        if first is not None and first[1] != channels:
            expected = first[1]
            if self.preprocess is None and len(shape) == 3 and shape[2] == expected:
                raise PhotoError(
                    f"The picture has shape {shape}: this is rows × columns × channels. Give preprocess=seewhy.Preprocess("
                    "size=..., mean=..., std=...), or a tensor (C, H, W) of the network's own input."
                )
            hint = f"Preprocess(channels={expected})" if self.preprocess is not None else "a tensor of that many channels"
            number = f"{channels} channel{'s' * (channels != 1)}"
            raise PhotoError(f"{number} given, but the network's first layer '{first[0]}' wants {expected}: use {hint}.")


def is_many(photos: Any, dimensions: int = 2) -> bool:
    """True for a list of photos or a batch ``(N, C, H, W)``; of three dimensions ``(N, C, D, H, W)``."""
    is_tensor = isinstance(photos, (torch.Tensor, np.ndarray))
    return isinstance(photos, (list, tuple)) or (is_tensor and photos.ndim == dimensions + 2)


def photo_list(photos: Any, dimensions: int = 2) -> list[Any]:
    """The photos one by one."""
    return list(photos) if is_many(photos, dimensions) else [photos]
