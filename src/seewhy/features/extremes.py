"""The photos of a folder that excite a channel, or a class, the most and the least."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier, check_photos
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import OptionError, is_whole_number, setting, whole_number
from seewhy.features.channels import channel_numbers
from seewhy.features.folder import SCORES, Seen, Watch, listing, walk
from seewhy.files import json_bytes, png_bytes, save_as
from seewhy.formatting import format_number
from seewhy.geometry import Array, map_on_photo
from seewhy.records import Photo, Prediction
from seewhy.show import Bar, Panel, Section, gallery, layout, overlay
from seewhy.show.colour import limits
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render
from seewhy.show.overlay import seen_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

LONGEST = 320  # pixels of a photo in the gallery
ACROSS = 5


@dataclass(frozen=True, eq=False)
class Hit:
    """A photo among the first or the last.

    value : the channel's sum over space, or the class's score. map : the channel ``(h, w)``, None where the layer has no rows and
    columns and for classes. photo : its ``original`` is reduced to at most 320 pixels a side.
    """

    name: str
    path: Path | None
    number: int
    value: float
    prediction: Prediction
    photo: Photo
    map: Array | None = None


@dataclass(frozen=True, eq=False)
class Extremes:
    """The photos with the largest values, largest first, and those with the smallest, smallest first.

    layer, channel : of which the values are; for a class ``layer`` is "scores", ``channel`` its index and ``target`` its name.
    values : float32 ``(N,)`` of all photos read. names : of these photos. units : what a value is.
    """

    most: list[Hit]
    least: list[Hit]
    layer: str
    channel: int
    target: str | None
    units: str
    values: Array
    names: list[str]
    notes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    model: str = ""
    preprocessing: str = ""

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".html", ".json")  # that :meth:`save` can write

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return f"Class '{self.target}'" if self.target is not None else f"Channel {self.channel} of {self.layer}"

    def panels(self) -> list[list[Panel]]:
        """Two rows of pictures, the most and the least; a channel's map lies over its photo, all on one colour scale."""
        maps = [hit.map for hit in [*self.most, *self.least] if hit.map is not None]
        signed = any(float(values.min()) < 0 for values in maps)
        (low, high) = limits(maps, signed=signed)[0] if maps else (0.0, 0.0)
        bar = Bar(seen_colours(None, None, signed), low, high, "activation", signed) if maps else None
        rows = []
        for word, hits in (("most", self.most), ("least", self.least)):
            row = []
            for place, hit in enumerate(hits, 1):
                pixels = hit.photo.original
                if hit.map is not None:
                    large = map_on_photo(hit.map, hit.photo.geometry)
                    pixels = overlay(pixels, large, limits=(low, high), signed=signed)
                caption = f"{hit.name}\npredicted: {hit.prediction}"
                row.append(Panel(f"{word} {place}: {format_number(hit.value)}", pixels, caption, bar))
            rows += [row[start : start + ACROSS] for start in range(0, len(row), ACROSS)]
        return rows

    def plot(self) -> Figure:
        """The labelled gallery as a matplotlib figure."""
        return layout.compose(self.panels(), title=self.title, footer=self._footer())

    def image(self) -> Image.Image:
        """The labelled gallery as a PIL image."""
        return render(self.plot())

    def _footer(self) -> str:
        parts = [f"{len(self.values)} photos, by {self.units}", self.model, self.preprocessing, *self.notes]
        return "  ·  ".join(part for part in parts if part)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a picture (.png, .jpg, .pdf, .svg), a page (.html) or the numbers (.json). All or nothing."""
        writers = {**picture_writers(self.plot), ".html": self._page, ".json": lambda: json_bytes(self.record())}
        return save_as(path, writers)

    def _page(self) -> bytes:
        sections = [Section("", "", row) for row in self.panels()]
        return gallery(self.title, sections, footer=self._footer()).encode()

    def _repr_png_(self) -> bytes:
        return png_bytes(self.image())

    def record(self) -> dict[str, Any]:
        """Everything but the pictures, as plain JSON values."""
        return {
            "layer": self.layer,
            "channel": self.channel,
            "target": self.target,
            "units": self.units,
            "most": [{"name": hit.name, "value": hit.value} for hit in self.most],
            "least": [{"name": hit.name, "value": hit.value} for hit in self.least],
            "photos": [{"name": name, "value": float(value)} for name, value in zip(self.names, self.values, strict=True)],
            "notes": self.notes,
            "skipped": [{"photo": photo, "reason": reason} for photo, reason in self.skipped],
            "model": self.model,
            "preprocessing": self.preprocessing,
        }

    def __repr__(self) -> str:
        (low, high) = (format_number(float(self.values.min())), format_number(float(self.values.max())))
        return f"<Extremes {self.title}: {len(self.values)} photos, {low} to {high}>"


def extremes(
    clf: Classifier,
    photos: Any,
    layer: str | nn.Module | None = None,
    channel: int | None = None,
    k: int = 5,
    target: str | int | None = None,
    *,
    batch_size: int | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Extremes:
    """The k photos that excite a channel most and least (its sum over space), or with a class's highest and lowest scores.

    photos : a folder, a pattern or a list, as for ``embed``. layer : a name, a module, None for the automatic feature layer.
    channel : which of the layer's channels, from 0. target : instead of a channel, a class by name or index.

    Raises a child of ``SeewhyError``: neither or both given, no such channel, class or layer, no readable photo.
    """
    check_photos(clf, "extremes")
    if (channel is None) == (target is None):
        what = "neither is given" if channel is None else "both are given"
        raise OptionError(
            f"{what}: write {setting('channel')} (with {setting('layer')}) for a channel, or {setting('target')} for a class."
        )
    if target is not None and layer is not None:
        raise OptionError(
            f"A class has no layer: leave {setting('layer')} out, or write {setting('channel')} instead of {setting('target')}."
        )
    if channel is not None and not is_whole_number(channel):
        raise OptionError(f"{setting('channel', channel)}: write a whole number, counted from 0.")
    k = whole_number("k", k)
    sources = listing(photos)
    skipped: list[tuple[str, str]] = []
    with memory.kept(), random_state(0), runner.Progress(progress, len(sources), "Extremes") as bar:
        watch = Watch(clf, layer if target is None else SCORES, sources)
        names = clf.class_names()
        which = names.index(target) if target is not None else int(channel or 0)
        ranks: list[float] = []
        values: list[float] = []
        seen_names: list[str] = []
        most: list[tuple[float, Hit]] = []
        least: list[tuple[float, Hit]] = []
        with contextlib.closing(walk(watch, sources, LONGEST, batch_size, bar, skipped)) as seen_in_turn:
            for seen in seen_in_turn:
                (rank, value) = _values(clf, watch.name, seen, which, target is not None)
                ranks += rank
                values += value
                seen_names += [source.name for source in seen.sources]
                hits = [(rank[n], _hit(clf, seen, n, value[n], which, target is None)) for n in range(len(value))]
                most = sorted([*most, *hits], key=lambda pair: -pair[0])[:k]  # stable: of equals the first ones stay
                least = sorted([*least, *hits], key=lambda pair: pair[0])[:k]
    units = f"sum over space of channel {which}" if target is None else clf.head.unit("probability")
    if target is None and most[0][1].map is None:
        units = f"value {which}"
    notes = []
    if skipped:
        notes.append(f"{len(skipped)} of {len(sources)} photos could not be read: .skipped lists them")
    if max(ranks) == min(ranks):
        notes.append("all photos have the same value: the order says nothing")
    return Extremes(
        most=[hit for _, hit in most],
        least=[hit for _, hit in least],
        layer=watch.name,
        channel=which,
        target=None if target is None else names.names[which],
        units=units,
        values=np.array(values, dtype=np.float32),
        names=seen_names,
        notes=notes,
        skipped=skipped,
        model=clf.name,
        preprocessing=clf.describe_input(),
    )


def _values(clf: Classifier, layer: str, seen: Seen, which: int, is_class: bool) -> tuple[list[float], list[float]]:
    """What the photos are ordered by, and the values that are shown."""
    if is_class:
        # Log-odds order as the probabilities do, and go on where these are all 1.
        index = torch.full((len(seen.photos),), which, device=seen.output.device)
        odds = seen.head.value(seen.output.double(), index, "log_odds")
        return odds.tolist(), [float(score) for score in seen.scores[:, which]]
    channels = seen.values.shape[1]
    channel_numbers(which, channels, layer)
    picked = seen.values[:, which].double()
    sums = picked.flatten(1).sum(dim=1).tolist() if picked.ndim > 1 else picked.tolist()
    return sums, sums


def _hit(clf: Classifier, seen: Seen, n: int, value: float, which: int, is_channel: bool) -> Hit:
    has_map = is_channel and seen.values.ndim == 4
    source = seen.sources[n]
    return Hit(
        name=source.name,
        path=source.path,
        number=source.number,
        value=value,
        prediction=clf.predictions(seen.scores[n], 1)[0],
        photo=seen.photos[n],
        map=seen.values[n, which].cpu().numpy().copy() if has_map else None,
    )
