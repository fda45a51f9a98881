"""Many photos through a network, one after the other: read in threads, and only what is needed is kept."""

from __future__ import annotations

import glob
import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.engine.executor import Executor
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.steps import Step
from seewhy.errors import LayerError, MethodError, ModelError, OutputError, PhotoError, SeewhyError, listed, setting
from seewhy.geometry import Array
from seewhy.head import Head
from seewhy.photo import PHOTO_SUFFIXES, photos_below
from seewhy.pipeline import ReadAhead, in_parts
from seewhy.reading import photo_list
from seewhy.records import Photo
from seewhy.show import displayable

SCORES = "scores"  # the layer's name that stands for the class logits


@dataclass(frozen=True, eq=False)
class Source:
    """A photo as a person hands it over. number : its place among them. name : for people. path : None where it is no file."""

    number: int
    photo: Any
    name: str
    path: Path | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """Photos that went through the network together.

    photos : their ``original`` reduced to a thumbnail. pixels : ``(N, C, h, w)``, before normalisation. values : what the layer
    gave, float32 ``(N, C, rows, columns)`` where it has a grid, else ``(N, D)``. output : ``(N, K)``, as the network gave it.
    scores : ``(N, K)`` probabilities (head "none": the values themselves). head : what the output means.
    """

    sources: list[Source]
    photos: list[Photo]
    pixels: torch.Tensor
    values: torch.Tensor
    output: torch.Tensor
    scores: Array
    head: Head


def listing(photos: Any) -> list[Source]:
    """The photos of a folder and all folders below it (hidden ones left out), of a pattern ("photos/*/*.jpg"), or of a list.

    Raises PhotoError where there is none.
    """
    if isinstance(photos, (str, os.PathLike)):
        return _from_path(Path(photos))
    if isinstance(photos, (torch.Tensor, np.ndarray)) or hasattr(photos, "read") or not isinstance(photos, Iterable):
        many = photo_list(photos)
    else:
        many = [photos] if isinstance(photos, (bytes, bytearray, memoryview)) else list(photos)
    if not many:
        raise PhotoError("There are no photos: the list, or the pattern it came from, is empty.")
    paths = [Path(one) if isinstance(one, (str, os.PathLike)) else None for one in many]
    names = [path.name for path in paths if path is not None]
    unique = len(set(names)) == len(names)  # else the folders belong to the names
    return [
        Source(i, one, _name(one, i) if path is None else _printable(path.name if unique else path.as_posix()), path)
        for i, (one, path) in enumerate(zip(many, paths, strict=True))
    ]


def _from_path(root: Path) -> list[Source]:
    if root.is_dir():
        paths = photos_below(root)
        if not paths:
            raise PhotoError(f"The folder '{root}' holds no photo ({listed(PHOTO_SUFFIXES, 20)}).")
        return [Source(i, path, _printable(path.relative_to(root).as_posix()), path) for i, path in enumerate(paths)]
    if root.exists():
        return [Source(0, root, _printable(root.name), root)]
    if glob.has_magic(str(root)):
        paths = [path for path in map(Path, sorted(glob.glob(str(root), recursive=True))) if path.is_file()]
        if not paths:
            raise PhotoError(f"No file matches '{root}'.")
        return listing(paths)
    raise PhotoError(f"There is no folder '{root}'.")


def _name(photo: Any, number: int) -> str:
    return photo.name if isinstance(photo, Photo) and photo.name not in ("photo", "tensor") else f"photo {number + 1}"


def _printable(name: str) -> str:
    """The name as text that can be written: bytes that are no UTF-8 show as a replacement sign."""
    return os.fsencode(name).decode("utf-8", "replace")


class Watch:
    """One layer of a network, looked at in the same pass that gives the scores.

    layer : a name, a module, None (the automatic choice) or "scores" (the class logits). sources : for networks without
        preprocessing, whose layers are known only once a photo has been seen.
    """

    def __init__(self, clf: Classifier, layer: str | nn.Module | None, sources: Sequence[Source]) -> None:
        if not isinstance(clf, Classifier):
            raise ModelError(
                f"The first argument is a {type(clf).__name__}: wrap the network as seewhy.Classifier(network, preprocess=...), "
                "or load one with seewhy.load(...)."
            )
        self.clf = clf
        self.layer = layer
        self.planned: PlannedNetwork | None = None
        self.step: Step | None = None
        if not clf.is_module and layer != SCORES:
            raise MethodError(
                f"The network is {clf.executor.form.name}: its layers cannot be watched. Write {setting('layer', 'scores')}."
            )
        first = None if clf.input_size is not None and clf.explain is None else _first_readable(clf, sources)
        if clf.is_module:
            executor = clf.executor if first is None else clf.beside(first).executor
            self._plan(executor, None if first is None else executor.pixels([first]))
        if first is not None:
            clf.scores(first)  # counts the classes
        self.name = SCORES if self.step is None or self.planned is None else self.planned.trace.name(self.step)

    def _plan(self, executor: Executor, pixels: torch.Tensor | None) -> None:
        self.planned = executor.planned(pixels)
        if self.layer != SCORES:
            self.step = self.planned.find_layer(self.layer, grid=False)

    def look(self, executor: Executor, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The layer's values and the network's output ``(N, K)`` for ``(N, C, h, w)`` pixels, in one pass.

        executor : of the classifier with the other inputs that the photos bring.
        """
        new_inputs = self.clf.explain is not None  # beside each photo there may be others
        if self.planned is not None and (new_inputs or not self.planned.suits(pixels.shape[1:])):
            self._plan(executor, pixels)
        steps = () if self.step is None else (self.step,)
        run = executor.forward(pixels, steps, planned=self.planned)
        output = self.clf.head.check(run.output)
        if len(output) != len(pixels):
            raise OutputError(f"The network returned {len(output)} rows of scores for {len(pixels)} photos: one row per photo.")
        if self.step is None:
            return self.clf.executor.head(self.planned, output).logits(output), output
        taken = run.taps[0]
        if taken is None or taken.ndim < 2 or len(taken) != len(pixels):
            raise LayerError(f"Layer '{self.name}' gives no row of values per photo: choose another one.")
        values = taken.float()
        return (values.flatten(1) if self.step.grid is None else self.step.grid.read(values)), output

    def broken_at(self, pixels: torch.Tensor) -> str:
        """In which layer a photo's values stop being finite, in words; empty where that cannot be seen."""
        name = None if self.planned is None else self.planned.first_broken(self.clf.executor.network_inputs(pixels))
        return "" if name is None else f"; the first ones come from layer '{name}'"


def walk(
    watch: Watch,
    sources: Sequence[Source],
    longest: int,
    batch_size: int | None,
    bar: runner.Progress,
    skipped: list[tuple[str, str]],
) -> Generator[Seen, None, None]:
    """Every photo once through the network, read by several threads; in the order that was given. To be closed.

    longest : of the thumbnails, in pixels. skipped : (path or name, reason) of what cannot be read is added here.
    Raises PhotoError where none can be read, ModelError for values that are not finite.
    """
    clf = watch.clf
    size = clf.executor.batch_size(batch_size, watch.planned, len(sources))

    def look(batch: Sequence[tuple[Source, Photo]]) -> Seen:
        executor = clf.beside(batch[0][1]).executor
        pixels = executor.pixels([photo for _, photo in batch])
        (values, output) = watch.look(executor, pixels)
        finite = torch.isfinite(values.flatten(1)).all(dim=1) & torch.isfinite(output).all(dim=1)
        if not bool(finite.all()):
            first = int((~finite).nonzero()[0])
            raise ModelError(
                f"The network's values for '{batch[first][0].name}' are not finite (NaN or infinity)"
                f"{watch.broken_at(pixels[first : first + 1])}: its weights or its precision are broken, or its input is."
            )
        head = clf.executor.head(watch.planned, output)
        scores = head.scores(clf.class_scores(output, len(batch))).float().cpu().numpy()
        return Seen([source for source, _ in batch], [photo for _, photo in batch], pixels, values, output, scores, head)

    any_read = False
    with ReadAhead(in_parts(sources, size), lambda source: reduced(clf.read(source.photo), longest)) as reading:
        while batch := reading.take():
            if clf.device.type != "cpu":
                reading.begin()  # meanwhile; a network on the CPU needs all cores for itself
            chunk = []
            for source, photo in batch:
                if isinstance(photo, SeewhyError):
                    skipped.append((source.name if source.path is None else _printable(str(source.path)), photo.line))
                else:
                    chunk.append((source, photo))
            for count, seen in runner.in_batches(chunk, size, lambda item: clf.alike(item[1]), look):
                any_read = True
                yield seen
                bar.advance(count)
            if len(chunk) < len(batch):
                bar.advance(len(batch) - len(chunk))
    if not any_read:
        raise PhotoError(f"None of the {len(sources)} photos can be read. The first: {skipped[0][1]}")


def _first_readable(clf: Classifier, sources: Sequence[Source]) -> Photo:
    """For a network without preprocessing. Raises PhotoError where none can be read."""
    reason = ""
    for source in sources:
        try:
            return clf.read(source.photo)
        except SeewhyError as error:
            reason = reason or error.line
    raise PhotoError(f"None of the {len(sources)} photos can be read. The first: {reason}")


def reduced(photo: Photo, longest: int) -> Photo:
    """The photo with its original as uint8 ``(H, W, 3)`` of at most ``longest`` pixels a side, its geometry with it."""
    from PIL import Image

    pixels = displayable(photo.original)
    (height, width) = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    if size != (height, width):
        pixels = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS, reducing_gap=1.2))
    return replace(photo, original=pixels, geometry=photo.geometry.at_size(size), raw=None)
