"""Occlusion sensitivity: a mask moves over the photo, and the score tells what it hid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine.grouping import alike_together
from seewhy.engine.patched import Positions, Size
from seewhy.engine.runner import MOST_IN_SWEEP
from seewhy.engine.sweep import Copies, Indices
from seewhy.errors import OptionError, is_whole_number, setting
from seewhy.formatting import format_sides
from seewhy.geometry import Array, SampleGrid, VolumeSampleGrid
from seewhy.methods.anytime import CoarseToFine
from seewhy.methods.anytime_volume import CoarseToFineVolume
from seewhy.methods.base import Attribution
from seewhy.methods.perturbation import Estimator, PerturbationMethod, PerturbedPhoto
from seewhy.records import Ending, Note

PART = (0.2, 0.1)  # mask and stride, of the input's sides
STRETCH = 4 * MOST_IN_SWEEP  # masks that are put in order together, where no budget ends the work
Sides = tuple[int, ...]  # (rows, columns), of a volume (slices, rows, columns)
PATIENCE = 5.0  # seconds; nobody looks at a map that is there so soon before it is complete


@dataclass(frozen=True, kw_only=True)
class Occlusion(PerturbationMethod):
    """``S(i, j) = f(X) - f(X with a mask at (i, j))`` (Zeiler and Fergus 2014, arXiv:1311.2901).

    mask_size : int or (rows, columns), in pixels of the network's input; None takes 20 % of each side. stride : likewise; 10 %.
        Of a volume (slices, rows, columns): masks are boxes.
    clip : True: the first mask has its centre on the first pixel, and masks are cut at the edges, so that the map reaches every
        edge. False: whole masks only, the first one in the corner.
    fill : what the mask shows: None (the photo's mean of each channel), a number or one per channel, "black", "blur", "noise".
    reduce : "center": one value per mask, at its centre. "average": one value per pixel, the mean over the masks that cover it;
        masks begin in the corner and the last ones are cut off.
    align : "centers": values are drawn where their masks lay. "image": the map is enlarged as if it covered the photo evenly, as
        other tools do; with the defaults that moves values by up to ten pixels.
    """

    volumes: ClassVar[bool] = True

    name: ClassVar[str] = "occlusion"
    title: ClassVar[str] = "Occlusion"
    summary: ClassVar[str] = (
        "Hides one part of the photo after the other behind a mask and records how much the class's score falls: positive where "
        "the hidden part spoke for the class, negative where it spoke against it. It needs nothing but scores, so it works on "
        "any classifier, and what it says is what was measured. A small mask with a small stride shows detail, and is noisier "
        "and slower; a mask is also an unusual thing to see, and the network may react to the mask itself (compare another fill)."
    )
    source: ClassVar[str] = "Zeiler and Fergus 2014, arXiv:1311.2901"
    cost: ClassVar[str] = (
        "1 forward pass per mask (121 by default), of each only what the mask can reach; all classes in one sweep"
    )

    mask_size: int | tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    clip: bool = True
    fill: Any = None
    reduce: str = field(default="center", metadata={"choices": ("center", "average")})
    align: str = field(default="centers", metadata={"choices": ("centers", "image")})

    def estimator(self, photo: PerturbedPhoto) -> Estimator:
        """Coarse masks first, so that there is a map of the whole photo whenever it is stopped."""
        return _OcclusionMap(self, photo)


class _OcclusionMap(Estimator):
    """Values at the masks' places, interpolated where they are not measured yet."""

    unit = "masks"

    def __init__(self, method: Occlusion, photo: PerturbedPhoto) -> None:
        self._method = method
        self._photo = photo
        self.copies: _Masks = _Masks.of(photo.size, method.mask_size, method.stride, method.clip, method.reduce)
        self.count = self.passes = self.copies.count
        plan: Any = CoarseToFine if len(photo.size) == 2 else CoarseToFineVolume
        self._coarse_to_fine = plan(self.copies.grid, len(photo.targets), photo.seed)
        self._scores = photo.score_table(self.count)
        photo.hide_behind(method.fill)

    def orders(self) -> Iterator[Indices]:
        """Coarse to fine; at once where that takes no time and nobody looks.

        Without a budget masks that lie alike are together within every ``STRETCH``: their rectangles are then no larger than they
        have to be.
        """
        if self._photo.is_limited:
            yield from self._coarse_to_fine.orders()
            return
        at_once = not self._photo.is_watched and self.count * self._photo.seconds_each(self.copies) < PATIENCE
        for order in [np.arange(self.count)] if at_once else self._coarse_to_fine.orders(STRETCH):
            yield np.concatenate([self._alike_together(order[i : i + STRETCH]) for i in range(0, len(order), STRETCH)])

    def _alike_together(self, indices: Indices) -> Indices:
        boxes = self.copies.bounding_boxes(indices)
        (rows, columns) = self.copies.photo[-2:]
        return indices if boxes is None else indices[alike_together(*boxes, (rows, columns), MOST_IN_SWEEP)]

    @property
    def reached(self) -> int:
        """Masks that have been measured."""
        reached: int = self._coarse_to_fine.reached
        return reached

    def progress(self) -> str:
        """How far off the map is."""
        text: str = self._coarse_to_fine.describe_error(recent=True)
        return text

    def update(self, indices: Indices, values: Array, scores: Array | None) -> None:
        """The score's fall at the masks' places."""
        self._coarse_to_fine.put(indices, self._photo.values - values)
        if self._scores is not None and scores is not None:
            self._scores[indices] = scores

    def attribution(self, ending: Ending) -> Attribution:
        """The map, with the estimated error of what is interpolated."""
        (method, photo, masks, plan) = (self._method, self._photo, self.copies, self._coarse_to_fine)
        values = plan.values()  # (K, rows, columns), of a volume (K, slices, rows, columns)
        maps = values if method.reduce == "center" else masks.averaged(values)
        partial = plan.reached < masks.count
        notes = photo.flat_notes(maps, "try a larger mask_size") if not partial or plan.reached > 8 else []
        notes += photo.coarse_notes(maps)
        if partial:
            progress = f"{ending.text} after {plan.reached:,} of {masks.count:,} masks"
            notes.append(Note(f"{progress}: the rest is interpolated, {plan.describe_error()}"))
        details: dict[str, Any] = {
            "masks": masks.count,
            "masks_done": plan.reached,
            "mask_size": masks.size,
            "stride": masks.stride,
            **masks.starts,
            "values": values.reshape(len(values), -1),
            "estimated_error": plan.error().tolist(),
        }
        if partial:
            details["measured"] = plan.measured.copy()
        if self._scores is not None:
            details["scores"] = self._scores.copy() if ending is Ending.RUNNING else self._scores
        return photo.attribution(
            maps,
            ending if partial else Ending.COMPLETE,
            notes=notes,
            details=details,
            sample_grid=masks.sample_grid if (method.reduce, method.align) == ("center", "centers") else None,
        )


@dataclass(frozen=True, eq=False)
class _Masks(Copies):
    """Rectangles on a grid of places, boxes in a volume. corners : ``(axes, masks)``, the first pixel of every mask, also outside
    of the photo, where it is cut off there."""

    photo: Sides
    size: Sides
    stride: Sides
    grid: Sides
    corners: npt.NDArray[np.int64]
    sample_grid: SampleGrid

    @classmethod
    def of(cls, photo: Sides, mask_size: Any, stride: Any, clip: bool, reduce: str) -> _Masks:
        size = _sides("mask_size", mask_size, photo, PART[0])
        step = _sides("stride", stride, photo, PART[1])
        for mask, side in zip(size, photo, strict=True):
            if mask > side:
                raise OptionError(
                    f"{setting('mask_size', mask_size)}: larger than the network's input "
                    f"({format_sides(photo)} pixels): write a smaller one."
                )
        starts, axes = [], []
        for side, mask, s in zip(photo, size, step, strict=True):
            if reduce == "average":
                if s > mask:
                    raise OptionError(
                        f"{setting('stride', s)} is larger than {setting('mask_size', mask)}: with "
                        f"{setting('reduce', 'average')} some pixels have no mask."
                    )
                (first, count) = (0, -((mask - side) // s) + 1)
            elif clip:
                (first, count) = (-((mask - 1) // 2), -(-side // s))
            else:
                (first, count) = (0, (side - mask) // s + 1)
            starts.append(first + s * np.arange(count, dtype=np.int64))
            axes.append((first + mask / 2, float(s)))
        corners = np.stack([grid.ravel() for grid in np.meshgrid(*starts, indexing="ij")])
        grid = tuple(len(start) for start in starts)
        sample_grid = SampleGrid(*axes) if len(axes) == 2 else VolumeSampleGrid(axes[1], axes[2], slices=axes[0])
        return cls(photo, size, step, grid, corners, sample_grid)

    @property
    def count(self) -> int:
        return len(self.corners[0])

    @property
    def starts(self) -> dict[str, npt.NDArray[np.int64]]:
        """For the record: the first rows and columns of all masks, of a volume their first slices, too."""
        names = ("mask_slices", "mask_rows", "mask_columns")[-len(self.corners) :]
        return dict(zip(names, self.corners, strict=True))

    def bounding_boxes(self, indices: Indices) -> tuple[Positions, Positions, Size] | None:
        """The masks, pushed into the photo where they reach over its edge. Volumes are run as a whole."""
        if len(self.photo) != 2:
            return None
        (height, width) = self.size
        (rows, columns) = (
            np.clip(starts[indices], 0, side - length)
            for starts, side, length in zip(self.corners, self.photo, self.size, strict=True)
        )
        return rows, columns, (height, width)

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Sides) -> torch.Tensor:
        windows = (rows, columns) if len(size) == 2 else (np.zeros_like(rows), rows, columns)
        hidden = np.ones((len(indices), *[1] * len(size)), dtype=bool)
        for axis, (starts, window, mask, length) in enumerate(zip(self.corners, windows, self.size, size, strict=True)):
            inside = window[:, None] + np.arange(length) - starts[indices][:, None]
            shape = (len(indices), *(length if other == axis else 1 for other in range(len(size))))
            hidden = hidden & ((inside >= 0) & (inside < mask)).reshape(shape)
        return torch.from_numpy(~hidden)

    def averaged(self, values: Array) -> Array:
        """``(K, rows, columns)`` of the masks to ``(K, H, W)``: the mean over the masks that cover a pixel; of a volume a third
        axis before them."""
        covers = []
        for axis, (mask, side, count) in enumerate(zip(self.size, self.photo, self.grid, strict=True)):
            first = np.unique(self.corners[axis])
            assert len(first) == count
            inside = np.arange(side)[None] - first[:, None]
            covers.append(((inside >= 0) & (inside < mask)).astype(np.float64))  # (positions, pixels)
        total = covers[-2].T @ values.astype(np.float64) @ covers[-1]
        counts = np.outer(covers[-2].sum(0), covers[-1].sum(0))
        if len(covers) == 3:
            total = np.einsum("sd,ksrc->kdrc", covers[0], total)
            counts = covers[0].sum(0)[:, None, None] * counts
        averaged: Array = (total / counts).astype(np.float32)
        return averaged


def _sides(name: str, value: Any, photo: Sides, share: float) -> Sides:
    """``None``, a number or (rows, columns) as (rows, columns); of a volume (slices, rows, columns)."""
    if value is None:
        return tuple(max(1, int(share * side + 0.5)) for side in photo)
    sides = tuple(value) if isinstance(value, (tuple, list)) else (value,) * len(photo)
    if len(sides) != len(photo) or not all(is_whole_number(side) and side > 0 for side in sides):
        axes = "(rows, columns)" if len(photo) == 2 else "(slices, rows, columns)"
        raise OptionError(f"{setting(name, value)}: write pixels of the network's input, a whole number above 0, or {axes}.")
    return tuple(int(side) for side in sides)
