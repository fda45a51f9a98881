"""Deep dream: pictures that a channel, or a class, of the network likes best."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy import show
from seewhy.classifier import Classifier, check_photos
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import ModelError, OptionError, is_number, setting, whole_number
from seewhy.features import pyramid, robust
from seewhy.features.objective import Objective
from seewhy.files import npz_content, png_bytes, save_as, write_whole
from seewhy.geometry import Array
from seewhy.photo import Picture
from seewhy.records import Prediction
from seewhy.show.colour import bands_shown, to_bytes
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render, rows_of
from seewhy.show.layout import compose

if TYPE_CHECKING:  # drawn only when options for
    from matplotlib.figure import Figure
    from PIL import Image

STYLES = ("pyramid", "robust")
SCALINGS = ("linear", "none")
PER_LEVEL = 10  # iterations of a pyramid's level
EVERY = 5.0  # seconds between two previews
SMALL = 128  # pictures below this side are enlarged for a sheet, their pixels kept square


@dataclass(frozen=True, eq=False)
class Dream:
    """Pictures that channels, or classes, of a network respond to most: one per channel.

    images : float32 ``(n, H, W, 3)`` in [0, 1] (with scaling="none": raw pixel values over 255, which may lie outside).
    channels, names : the channels by number and by name: class names or "features.3 channel 7".
    layer : its name, None for class scores. style, settings, seed : what was computed, enough to repeat it.
    objectives : float32 ``(n, steps)``, the value J of the picture that each step began with (robust: the mean over its views);
        of pyramids the size changes from level to level.
    predictions : for classes, what the network takes each finished picture for, through its own preprocessing; else empty.
    notes : diagnoses, for people. model : the network's name.
    """

    images: Array
    channels: list[int]
    names: list[str]
    layer: str | None
    style: str
    settings: dict[str, Any]
    seed: int
    objectives: Array
    notes: list[str] = field(default_factory=list)
    model: str = ""
    predictions: list[Prediction] = field(default_factory=list)

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".npz")  # that :meth:`save` can write

    def montage(self, grid: tuple[int | None, int | None] | None = None) -> Array:
        """The pictures side by side, float32 ``(rows * H, columns * W, 3)`` in [0, 1]. grid : (rows, columns)."""
        side_by_side: Array = show.montage(np.clip(self.images, 0, 1), grid)
        return side_by_side

    def plot(self) -> Figure:
        """A matplotlib figure: every picture under its name."""
        return compose(self._panels(), footer=self._footer())

    def image(self) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        return render(self.plot())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a picture (.png, .jpg, .pdf, .svg: the figure of :meth:`plot`) or the numbers (.npz). All or nothing."""
        arrays = {"images": self.images, "objectives": self.objectives}
        return save_as(path, {**picture_writers(self.plot), ".npz": lambda: npz_content(self.record(), arrays)})

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        rest = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("images", "objectives")}
        return rest | {"predictions": [dataclasses.asdict(prediction) for prediction in self.predictions]}

    def _panels(self) -> list[list[show.Panel]]:
        seen = [f"Seen as {prediction}" for prediction in self.predictions] or [""] * len(self.names)
        panels = []
        for name, image, caption in zip(self.names, self.images, seen, strict=True):
            pixels = to_bytes(255 * image)
            times = -(-SMALL // min(pixels.shape[:2]))
            panels.append(show.Panel(name, pixels.repeat(times, 0).repeat(times, 1) if times > 1 else pixels, caption))
        return rows_of(panels)

    def _footer(self) -> str:
        (height, width) = self.images.shape[1:3]
        parts = (self.model, f"deep dream, {self.style}", self.layer or "class scores", f"{height}×{width}", f"seed {self.seed}")
        return "  ·  ".join((*filter(None, parts), *self.notes))

    def _repr_png_(self) -> bytes:
        return png_bytes(self.image())

    def __repr__(self) -> str:
        (height, width) = self.images.shape[1:3]
        return f"<Dream {self.style}: {', '.join(self.names[:5])}{' ...' * (len(self.names) > 5)}; {height}×{width}>"


def deep_dream(
    clf: Classifier,
    layer: str | nn.Module | None = None,
    channels: Any = None,
    style: str = "pyramid",
    iterations: int | None = None,
    levels: int = 3,
    scale: float = 1.4,
    step: float = 1.0,
    start: Any = None,
    seed: int = 0,
    *,
    scaling: str = "linear",
    progress: bool | runner.ProgressCallback | None = None,
    preview: str | os.PathLike[str] | None = None,
) -> Dream:
    """What makes a channel, or a class, as large as possible? One picture for each, several at once.

    layer : a layer's name or module; None: class scores (logits). Only the network up to it is run. Channels of a layer directly
        behind a ReLU may be dead: take the layer before.
    channels : an index or a list of them; for class scores names, too.
    style : "pyramid": the classical algorithm, detail on three sizes; the picture is often faint, and on more sizes the network
        itself may no longer recognise it (``levels=2`` gives a bear where 3 give a sheep; ``.predictions`` tell).
        "robust": a picture that keeps its value while it is moved, turned and resized; worth looking at.
    iterations : None: 10 on every level of a pyramid, and for "robust" as many steps as its recipe has.
    levels, scale, step : of a pyramid: how many sizes, each ``scale`` times the one before (more and larger: finer detail, longer
        work); how far an iteration moves, in raw pixel values (0-255; the tensor's own units without preprocessing).
    start : a photo to begin with instead of noise (pyramid only). Noise is as large as what one cell of the layer sees, at
        most the network's input.
    scaling : "linear" stretches each picture of a pyramid to [0, 1], "none" leaves raw pixel values over 255.
    progress : None (a bar after a second, in a terminal), False, or ``callback(done, total, dream_so_far)``.
    preview : a .png file for the pictures so far, written anew every few seconds.

    The same seed gives the same pictures on one machine with the same number of threads, whichever others are dreamed beside
    them; elsewhere a long ascent makes the last digit of a gradient visible.

    Raises OptionError, TargetError, LayerError for what does not exist; MethodError for a callable; GradientError ("No gradient")
    where nothing in the start picture wakes the channels; ModelError for values that are not finite.
    """
    options = _Options(style, iterations, levels, scale, step, seed, scaling, preview)
    options.check(start)
    check_photos(clf, "deep_dream")
    if not isinstance(clf, Classifier):
        raise ModelError(f"The first argument is a {type(clf).__name__}: wrap the network as seewhy.Classifier(network, ...).")
    with memory.kept(), random_state(seed), torch.inference_mode(False), torch.no_grad():
        first = None if start is None else clf.read(start)
        clf = clf if first is None else clf.beside(first)
        pixels = None if first is None else clf.executor.pixels([first])
        objective = Objective.of(clf, layer, pixels)
        run = options.begin(objective, objective.indices(channels), pixels)
        if objective.before is not None:
            run.settings["redirected_to"] = objective.planned.trace.name(objective.before)
        with runner.Progress(progress, run.total, "Deep dream") as bar:
            run.work(bar)
        return run.dream(finished=True)


@dataclass(frozen=True)
class _Options:
    """The settings, checked before any work."""

    style: str
    iterations: int | None
    levels: int
    scale: float
    step: float
    seed: int
    scaling: str
    preview: str | os.PathLike[str] | None

    def check(self, start: Any) -> None:
        for name, value, known in (("style", self.style, STYLES), ("scaling", self.scaling, SCALINGS)):
            if value not in known:
                raise OptionError(f"{setting(name, value)}: write {' or '.join(repr(k) for k in known)}.")
        for name, number, least in (("iterations", self.iterations, 1), ("levels", self.levels, 1), ("seed", self.seed, 0)):
            if number is None and name == "iterations":
                continue
            whole_number(name, number, least)
        for name, size, above in (("scale", self.scale, 1), ("step", self.step, 0)):
            if not is_number(size) or size <= above:
                raise OptionError(f"{setting(name, size)}: write a number above {above}.")
        if self.style == "robust":
            pyramid_only = {
                "levels": (self.levels, 3),
                "scale": (self.scale, 1.4),
                "step": (self.step, 1.0),
                "start": (start, None),
            }
            for name, (value, default) in pyramid_only.items():
                if value is not default and not (default is not None and value == default):
                    raise OptionError(
                        f"{setting(name)} belongs to {setting('style', 'pyramid')}: "
                        f"leave it out with {setting('style', 'robust')}."
                    )
        if self.preview is not None and Path(self.preview).suffix.lower() != ".png":
            raise OptionError(f"{setting('preview', str(self.preview))}: name a .png file.")

    def begin(self, objective: Objective, channels: list[int], start: torch.Tensor | None) -> _Run:
        """The run with everything that is random prepared, one generator for each channel."""
        generators = [_generator(self.seed, channel) for channel in channels]
        if self.style == "robust":
            recipe = robust.Recipe() if self.iterations is None else robust.Recipe(steps=int(self.iterations))
            settings = {"iterations": recipe.steps, **dataclasses.asdict(recipe)}
            del settings["steps"]
            moments = robust.dream(objective, channels, generators, recipe)
            return _Run(self, objective, channels, settings, moments, [recipe.copies * len(channels)] * recipe.steps)
        iterations = PER_LEVEL if self.iterations is None else int(self.iterations)
        pictures = self._noise(objective, generators) if start is None else start.repeat(len(channels), 1, 1, 1)
        size = (pictures.shape[2], pictures.shape[3])
        (levels, scale, step) = (int(self.levels), float(self.scale), float(self.step))
        settings = {"iterations": iterations, "levels": levels, "scale": scale, "step": step, "scaling": self.scaling}
        settings |= {"start": "noise" if start is None else "photo", "start_size": size}
        moments = pyramid.dream(objective, pictures, channels, generators, iterations, levels, scale, step)
        passes = [
            pyramid.tiles_of(size_of_level, objective.size)
            for size_of_level in pyramid.sizes(size, levels, scale)
            for _ in range(iterations)
        ]
        return _Run(self, objective, channels, settings, moments, [len(channels) * tiles for tiles in passes])

    def _noise(self, objective: Objective, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """``(n, C, h, w)``: the mean colour with a little noise, as large as what one cell sees."""
        colour = objective.mean_colour()
        field = objective.receptive_field()
        if field != objective.size:
            try:
                objective.values(colour.expand(1, -1, *field), torch.zeros(1, dtype=torch.long, device=colour.device))
            except ModelError:
                field = objective.size  # a layer in between cannot work on so little
        drawn = torch.stack([torch.randn((len(colour), *field), generator=generator) for generator in generators])
        return colour + drawn.to(colour)


@dataclass(eq=False)
class _Run:
    """A dream while it is computed. passes : pictures through the network in each step."""

    options: _Options
    objective: Objective
    channels: list[int]
    settings: dict[str, Any]
    moments: Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
    passes: list[int]
    values: list[torch.Tensor] = field(default_factory=list)
    pictures: torch.Tensor | None = None
    dead: torch.Tensor | None = None

    @property
    def total(self) -> int:
        return sum(self.passes)

    def work(self, bar: runner.Progress) -> None:
        """All steps, with progress, and the preview at the first, at the last, and every few seconds."""
        last_shown = -math.inf
        for (pictures, values, dead), passes in zip(self.moments, self.passes, strict=True):
            (self.pictures, self.dead) = (pictures, dead)
            self.values.append(values.cpu())
            last = len(self.values) == len(self.passes)
            if self.options.preview is not None and (last or time.monotonic() - last_shown > EVERY):
                self._show()
                last_shown = time.monotonic()
            bar.advance(passes, functools.partial(self.dream, finished=False))

    def _show(self) -> None:
        from PIL import Image

        picture = Image.fromarray(to_bytes(255 * self.dream(finished=False).montage()))
        assert self.options.preview is not None
        write_whole(Path(self.options.preview), png_bytes(picture))

    def dream(self, finished: bool) -> Dream:
        """The record of what there is. finished : classify it, too."""
        (clf, layer) = (self.objective.clf, self.objective.layer)
        assert self.pictures is not None
        assert self.dead is not None
        images = np.stack([self._image(picture) for picture in self.pictures.float().cpu().numpy().transpose(0, 2, 3, 1)])
        names = [self.objective.name(channel) for channel in self.channels]
        notes = []
        for n in np.flatnonzero(self.dead.cpu().numpy()):
            images[n] = 0.5
            notes.append(f"no gradient for {names[n]}: its picture is left grey (behind a ReLU, name the layer before it)")
        if (channels := self.pictures.shape[1]) > 3:
            shown = ", ".join(map(str, bands_shown(channels, clf.display)))
            notes.append(f"the input has {channels} channels: {shown} are shown (counted from 0)")
        predictions = []
        if finished and layer is None and clf.preprocess is not None:
            pictures = self.pictures.float().cpu().numpy().transpose(0, 2, 3, 1)
            for row in clf.scores([self._photo(*pair) for pair in zip(pictures, images, strict=True)]):
                predictions += clf.predictions(row, 1)
        return Dream(
            images=images,
            channels=self.channels,
            names=names,
            layer=layer,
            style=self.options.style,
            settings=self.settings,
            seed=int(self.options.seed),
            objectives=torch.stack(self.values, 1).numpy().astype(np.float32),
            notes=notes,
            model=clf.name,
            predictions=predictions,
        )

    def _photo(self, picture: Any, image: Array) -> Any:
        """The picture as a photo that can be classified: its image, or where that does not show all of it, its values."""
        ends = self.objective.clf.preprocess.ends if self.objective.clf.preprocess is not None else None
        if picture.shape[2] <= 3 and ends is None:
            return to_bytes(255 * image)
        (low, high) = ends or (0.0, 1.0)
        return Picture((low + (high - low) * np.clip(self._unit(picture), 0, 1)).astype(np.float32))

    def _image(self, picture: Any) -> Array:
        """``(h, w, C)`` raw pixels as ``(h, w, 3)``."""
        unit = self._unit(picture)
        if unit.shape[2] == 2:
            unit = unit.mean(axis=2, keepdims=True)
        if unit.shape[2] > 3:
            unit = unit[:, :, list(bands_shown(unit.shape[2], self.objective.clf.display))]
        colours: Array = np.broadcast_to(unit, (*unit.shape[:2], 3)).astype(np.float32)
        return colours

    def _unit(self, picture: Any) -> Any:
        """``(h, w, C)`` raw pixels as they are shown, 0 to 1."""
        if self.options.scaling == "none":
            unit = picture / 255 if self.objective.clf.preprocess is not None else picture
        elif self.options.style == "pyramid":
            unit = show.min_max(picture)
        else:
            (low, high) = (0.0, 255.0) if self.objective.clf.preprocess is not None else robust.UNITLESS
            unit = (picture - low) / (high - low)
        return unit


def _generator(seed: int, channel: int) -> torch.Generator:
    """Of a channel alone, so that what is dreamed beside it does not matter."""
    mixed = np.random.SeedSequence([int(seed), channel]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
