"""Activations: what a layer gives for a photo, channel by channel."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy import show
from seewhy.classifier import Classifier, check_photos
from seewhy.engine import memory
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.state import random_state
from seewhy.errors import LayerError, ModelError, OptionError, is_whole_number, setting
from seewhy.features.channels import channel_numbers, channels_of
from seewhy.files import npz_content, png_bytes, save_as
from seewhy.formatting import format_number, format_share
from seewhy.geometry import Array, map_on_photo
from seewhy.reading import is_many, photo_list
from seewhy.records import Photo
from seewhy.show import layout
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

SHOWN = 64  # channels in the picture of a layer


@dataclass(frozen=True, eq=False)
class Activations:
    """What layer ``layer`` gives for a photo.

    values : float32 ``(C, h, w)``, raw; a layer without rows and columns gives ``(C, 1, 1)``.
    layer, kind : its name and its operation. photo : as the network saw it. model : the network's name.
    """

    values: Array
    layer: str
    kind: str
    photo: Photo
    model: str = ""
    notes: list[str] = field(default_factory=list)

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".npz")  # that :meth:`save` can write

    def strongest(self) -> int:
        """The channel that holds the largest single value, the first one on ties."""
        return int(self.values.reshape(len(self.values), -1).max(axis=1).argmax())

    def montage(
        self, channels: Any = None, grid: tuple[int | None, int | None] | None = None, thumb: Any = None, border: int = 0
    ) -> npt.NDArray[np.uint8]:
        """Channels side by side as one grey picture, uint8 ``(H, W)``, all on one common scale from black to white.

        channels : how many of the first ones, or a list of numbers; None shows all. grid, thumb, border : see ``show.montage``;
        a tile is as large as the layer's grid unless ``thumb`` says otherwise.
        """
        self._need_grid()
        count = len(self.values)
        if is_whole_number(channels):
            if not 1 <= channels <= count:
                raise OptionError(f"{setting('channels', channels)}: layer '{self.layer}' has {count} channels.")
            channels = range(channels)
        numbers = range(count) if channels is None else channel_numbers(channels, count, self.layer)
        tiles = (255 * show.min_max(self.values[list(numbers)]) + 0.5).astype(np.uint8)
        picture: npt.NDArray[np.uint8] = show.montage(tiles, grid=grid, thumb=thumb, border=border, background=(60, 60, 60))
        return picture if picture.ndim == 2 else picture[:, :, 0]

    def beside(self, channel: int | None = None) -> npt.NDArray[np.uint8]:
        """The photo and one channel next to each other, uint8 ``(H, 2 W, 3)``: the channel grey on its own scale, enlarged to the
        photo; dark where the network did not see it. None takes the strongest one."""
        self._need_grid()
        numbers = [self.strongest()] if channel is None else channel_numbers(channel, len(self.values), self.layer)
        original = show.displayable(self.photo.original)
        large = map_on_photo(self.values[numbers], self.photo.geometry)[0]
        grey = np.nan_to_num(show.min_max(large)) * 255
        grey = np.broadcast_to((grey + 0.5).astype(np.uint8)[:, :, None], original.shape)
        return np.concatenate([original, grey], axis=1)

    def histogram(self, bins: int = 50) -> tuple[npt.NDArray[np.int64], Array]:
        """How often which values occur: counts ``(bins,)`` and the bins' edges ``(bins + 1,)``."""
        (counts, edges) = np.histogram(self.values, bins=bins)
        return counts.astype(np.int64), edges.astype(np.float32)

    def plot(self) -> Figure:
        """One figure: the photo, the channels, the strongest one on the photo, and the histogram."""
        return layout.compose([self._panels()], title=self._title(), footer=self._footer())

    def image(self) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        return render(self.plot())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture (.png, .jpg, .pdf, .svg) or the numbers (.npz). All or nothing."""
        record = {"layer": self.layer, "kind": self.kind, "model": self.model, "notes": self.notes}
        arrays = {"values": self.values, "layer": np.array(self.layer), "model": np.array(self.model)}
        return save_as(path, {**picture_writers(self.plot), ".npz": lambda: npz_content(record, arrays)})

    def _repr_png_(self) -> bytes:
        return png_bytes(self.image())

    def __repr__(self) -> str:
        (count, rows, columns) = self.values.shape
        (low, high) = (format_number(float(self.values.min())), format_number(float(self.values.max())))
        return f"<Activations {self.layer}: {count} channels, {rows}×{columns}, {low} to {high}>"

    def _panels(self) -> list[show.Panel]:
        """What the figure shows."""
        (count, rows, columns) = self.values.shape
        panels = [show.Panel(self.photo.name, show.frame(show.displayable(self.photo.original), self.photo.geometry))]
        if rows * columns > 1:
            count_shown = min(count, SHOWN)
            tile = max(1, round(480 / (max(rows, columns) * count_shown**0.5)))
            thumb = (rows * tile, columns * tile)
            picture = self.montage(count_shown, thumb=thumb, border=1)
            black = "zero" if self.values.min() == 0 else format_number(float(self.values.min()))
            scale = f"Black is {black}, white {format_number(float(self.values.max()))}, on one scale for all."
            title = f"all {count} channels" if count_shown == count else f"the first {count_shown} of {count} channels"
            panels.append(show.Panel(title, np.repeat(picture[:, :, None], 3, axis=2), scale))
            best = self.strongest()
            width = show.displayable(self.photo.original).shape[1]
            panels.append(show.Panel(f"strongest: channel {best}", self.beside(best)[:, width:], "On its own scale."))
        zero = float((self.values == 0).mean())
        caption = f"{format_share(zero)} of {self.values.size:,} values are exactly zero."
        panels.append(show.Panel("all values", show.histogram(self.values), caption))
        return panels

    def _title(self) -> str:
        (count, rows, columns) = self.values.shape
        return f"{self.layer}: {count} channels of {rows}×{columns}"

    def _footer(self) -> str:
        return "  ·  ".join(filter(None, (self.model, self.kind, self.photo.preprocessing, *self.notes)))

    def _need_grid(self) -> None:
        if self.values.shape[1:] == (1, 1):
            raise LayerError(
                f"Layer '{self.layer}' gives {len(self.values)} numbers without rows and columns: there is nothing to lay on a "
                "photo. Its values are in .values; clf.layers() lists the layers with a grid."
            )


InputSize = str | int | tuple[int, int] | None  # what ``size=`` takes


@overload
def activations(
    clf: Classifier, photo: list[Any] | tuple[Any, ...], layer: str | nn.Module | None = ..., *, size: InputSize = ...
) -> list[Activations]: ...


@overload
def activations(clf: Classifier, photo: Any, layer: str | nn.Module | None = ..., *, size: InputSize = ...) -> Activations: ...


def activations(clf: Classifier, photo: Any, layer: str | nn.Module | None = None, *, size: InputSize = None) -> Any:
    """What a layer gives for a photo: its values right after it, in eval mode. A list of photos gives a list.

    photo : as for :func:`seewhy.explain`. layer : a name or a module; None takes the automatic one. Where a module runs several
    times name the call ("layer4.1.relu:2").
    size : None prepares the photo as usual; "photo" uses it at its own size, (H, W) or one number stretches it to that: larger
    inputs give larger grids, because only the part of the network up to the layer runs.

    Raises LayerError: unknown, not reached, several tensors, no channels; ModelError: values that are not finite.
    """
    check_photos(clf, "activations")
    with memory.kept(), random_state(0):
        results = [_of_photo(clf, single, layer, size) for single in photo_list(photo)]
    return results if is_many(photo) else results[0]


def _of_photo(clf: Classifier, photo: Any, layer: str | nn.Module | None, size: Any) -> Activations:
    read = clf.read(photo) if size is None else _resized(clf, photo, size)
    clf = clf.beside(read)
    pixels = clf.executor.pixels([read])
    # Traced at the usual size: behind the layer a larger photo may not fit.
    planned = clf.executor.planned(pixels if size is None or clf.input_size is None else None)
    step = planned.find_layer(layer, grid=False)
    name = planned.trace.name(step)
    inputs = clf.executor.network_inputs(pixels)
    value = planned.run_until(inputs, step)
    values = channels_of(step, name, value)[0].float().cpu().numpy()
    values = values[:, None, None] if values.ndim == 1 else values
    check_finite(values, planned, inputs, name)
    return Activations(np.ascontiguousarray(values), name, planned.trace.kind(step), read, clf.name, list(read.notes))


def check_finite(values: Array, planned: PlannedNetwork, inputs: torch.Tensor, name: str) -> None:
    """Raises ModelError for values that are not finite, with the layer where they begin."""
    if not np.isfinite(values).all():
        first = planned.first_broken(inputs)
        where = f"they begin in '{first}'" if first else "the photo brings them"
        raise ModelError(f"Layer '{name}' gives values that are not finite (NaN or infinity): {where}.")


def _resized(clf: Classifier, photo: Any, size: Any) -> Photo:
    """The photo stretched to ``size`` instead of the usual preparation."""
    if clf.input_size is None:
        raise OptionError(
            f"This classifier has no preprocessing: give the tensor at the size you want instead of {setting('size')}."
        )
    if size == "photo":
        size = clf.picture(photo).size
    elif isinstance(size, str):
        raise OptionError(f"{setting('size', size)}: write 'photo', a number or (rows, columns).")
    (rows, columns) = (size, size) if isinstance(size, int) else size
    other = clf.with_preprocess(size=(int(rows), int(columns)), resize="stretch", crop=False)
    return other.read(photo)
