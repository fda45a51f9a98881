"""The explanation itself: its record with everything that a person does with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from seewhy.classifier import Classifier
from seewhy.engine.state import random_state
from seewhy.errors import OptionError, TargetError
from seewhy.explanation.drawing import figure, image, panels
from seewhy.explanation.notes import empty_notes
from seewhy.explanation.pages import snippet
from seewhy.explanation.record import ExplanationRecord, versions
from seewhy.explanation.saving import read_npz, writers
from seewhy.files import save_as
from seewhy.geometry import Array, Size
from seewhy.records import Cost, Note
from seewhy.show import Panel
from seewhy.show.figures import PICTURE_SUFFIXES
from seewhy.targets import requested_targets, resolve

if TYPE_CHECKING:  # drawn only when asked for, so that reading a record needs no matplotlib
    from matplotlib.figure import Figure
    from PIL import Image


_OBLONG = 1.2  # the longer side over the shorter one


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(ExplanationRecord):
    """Why the network gave a photo these scores: one map per target, in raw numbers.

    maps : float32 ``(K, h, w)`` on the method's own grid, which covers the network's input; of a volume ``(K, d, h, w)``.
        Positive speaks for the target; where that is compared with another class, negative speaks for the other.
    signed : False where negative values cannot occur.
    targets : K targets, in the order of the maps.
    predictions : the network's first choices (at most 5), whatever the targets were.
    method, settings, layer, seed : what was computed, enough to repeat it.
    units : what the numbers are ("logit", "probability", ...).
    partial : True when it was interrupted and shows what was reached.
    cost : passes and seconds. notes : diagnoses, for people (see ``records.Note``). details : what else the method computed.
    raw : gradient methods only, ``(K, C, H, W)``.
    model, weights, versions : the network's name, a hash of its weights, and the versions of seewhy and torch.
    sample_grid : where the maps' samples lie on the network's input (occlusion: the centres of the masks); None where they
        cover it evenly.
    by_class : False where the map belongs to the photo and is the same for every target (EigenCAM).
    """

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".npz", ".json", ".html")  # that :meth:`save` can write

    @classmethod
    def from_map(cls, clf: Classifier, photo: Any, map: npt.ArrayLike, target: Any = "top1") -> Explanation:
        """A map of your own, ``(h, w)`` or ``(K, h, w)`` over the network's input, as an explanation of ``photo``; of a volume
        ``(d, h, w)`` or ``(K, d, h, w)``.

        It can then be drawn, saved and compared like any other. ``target`` says what the map speaks for; one per map.

        Raises OptionError: a map of another shape, or without finite numbers; TargetError: a function, another count.
        A note asks whether a map that is upright where the network's input is wide, or the other way round, is transposed.
        """
        read = clf.read(photo)
        maps = _checked_maps(map, clf.dimensions)
        requested = requested_targets(target, 1)[0]
        if any(callable(item) for item in requested):
            raise TargetError("A map of your own speaks for a class: give its name or index as the target.")
        with random_state(0):
            scores = clf.scores(read)[0]
        targets = [item.target for item in resolve(requested, scores, clf.class_names())]
        if len(targets) != len(maps):
            if maps.ndim == 3 and maps.shape[2] in (3, 4):
                raise OptionError(
                    f"The map has shape {maps.shape}, which looks like a colour picture: give (h, w), a number a place."
                )
            counts = [f"{len(items)} {name}{'s' * (len(items) != 1)}" for items, name in ((maps, "map"), (targets, "target"))]
            raise TargetError(f"{counts[0]} but {counts[1]}: give one target per map.")
        return cls(
            maps=maps,
            signed=bool((maps < 0).any()),
            targets=targets,
            method="from_map",
            photo=read,
            units="value",
            cost=Cost(1.0, 0.0, 0.0),
            notes=[
                *(Note(note) for note in read.notes),
                *_transposed(maps, read.geometry.input),
                *empty_notes(maps, targets, None),
            ],
            predictions=clf.predictions(scores, 5),
            model=clf.name,
            weights=clf.executor.weights_hash(),
            versions=versions(),
        )

    def panels(self, **style: Any) -> list[Panel]:
        """The photo, then one overlay per target, ready to be shown. See ``seewhy.explanation.panels`` for the style."""
        return panels(self, **style)

    def plot(self, ax: Any = None, **style: Any) -> Figure:
        """A matplotlib figure: the photo, then one overlay per target with its colour bar. Of a volume: for each target up to
        eleven slices, and the strongest of them without map.

        With ``ax`` only the first target's overlay is drawn, into that axes. style : cmap, alpha, shared, upsample; see
        ``seewhy.explanation.panels``.
        """
        return figure(self, ax, **style)

    def image(self, **style: Any) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        return image(self, **style)

    def save(self, path: str | os.PathLike[str], **style: Any) -> Path:
        """Write a picture (.png, .jpg, .pdf, .svg), the numbers (.npz, .json) or one page (.html). All or nothing."""
        return save_as(path, writers(self, style))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Explanation:
        """Read back what :meth:`save` wrote as .npz. The network is not needed."""
        return read_npz(cls, Path(path))

    def _repr_html_(self) -> str:
        return snippet(self)


def _checked_maps(map: Any, dimensions: int) -> Array:
    """float32 ``(K, h, w)``, of three dimensions ``(K, d, h, w)``. Raises OptionError: another shape, no numbers, or some that
    are not finite."""
    sides = "h, w" if dimensions == 2 else "d, h, w"
    expected = f"give finite numbers, ({sides}), or (K, {sides}) for K targets."
    try:
        values = np.asarray(map.detach().float().cpu().numpy() if isinstance(map, torch.Tensor) else map)
        maps: Array = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        seen = (
            repr(map) if isinstance(map, str) else f"A {type(map).__name__} that holds something else, or rows of several lengths"
        )
        raise OptionError(f"{seen} is no map: {expected}") from None
    maps = maps[None] if maps.ndim == dimensions else maps
    if maps.ndim != dimensions + 1 or 0 in maps.shape:
        raise OptionError(f"The map has shape {maps.shape}: {expected}")
    if not np.isfinite(maps).all():
        raise OptionError(f"The map holds {'NaN' if np.isnan(maps).any() else 'infinity'}: {expected}")
    return maps


def _transposed(maps: Array, input: Size) -> list[Note]:
    """A note where the maps are clearly upright and the network's input clearly wide, or the other way round."""
    (rows, columns) = maps.shape[-2:]
    (tall, wide) = (("taller than wide", "wider"), ("wider than tall", "taller"))[columns > rows]
    ratios = (max(rows, columns) / min(rows, columns), max(input) / min(input))
    if min(ratios) < _OBLONG or (rows > columns) == (input[0] > input[1]):
        return []
    return [Note(f"the map is {rows}×{columns}, {tall}, the network's input {input[0]}×{input[1]} is {wide}: is it transposed?")]


class Explanations(list[Explanation]):
    """The explanations of several photos: a list that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return "\n".join(snippet(explanation) for explanation in self)
