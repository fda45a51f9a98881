"""A whole folder of photos as points in the plane: near each other where the network's features are alike."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy.classifier import Classifier, check_photos
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import OptionError, listed, setting, whole_number
from seewhy.features import scatter, scatter_page
from seewhy.features.embedding import EmbeddingRecord
from seewhy.features.folder import Source, Watch, listing, walk
from seewhy.features.known import KnownFeatures, KnowsFeatures
from seewhy.features.labels import classes_or_groups, sample
from seewhy.features.placing import COLUMNS, check_differ, check_number, check_options, place
from seewhy.files import json_bytes, npz_content, png_bytes, save_as
from seewhy.geometry import Array
from seewhy.methods.auto import AUTO
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

POOLS = ("mean", "flatten")
THUMBNAIL = 64  # pixels, the longer side
TINY = 16  # rows and columns of the photo in pixel space
MOST_BYTES = 2**30  # of features


@dataclass(frozen=True, eq=False, repr=False)
class Embedding(EmbeddingRecord):
    """N photos placed in the plane by the features that one layer of a network gives for them.

    Its fields are those of :class:`~seewhy.features.embedding.EmbeddingRecord`: points, features, scores, predictions, labels ...
    """

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".npz", ".json", ".html")  # that :meth:`save` can write

    def plot(self, ax: Any = None) -> Figure:
        """A matplotlib figure: the points coloured by label or predicted class, a ring around each misclassified one."""
        return scatter.figure(self, ax)

    def image(self) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        return render(scatter.figure(self))

    def neighbour_picture(self, i: int, k: int = 5) -> Image.Image:
        """Photo i beside its k nearest in feature space (first row) and in pixel space (second row)."""
        return scatter.neighbour_picture(self, i, k)

    def page(self, clf: Classifier | KnowsFeatures | None = None, method: str = AUTO, photos: Any = None, **settings: Any) -> str:
        """One self-contained interactive page: hover for the photo, click for its explanation. See ``features.scatter_page``."""
        return scatter_page.page(self, clf, method, photos, **settings)

    def save(self, path: str | os.PathLike[str], **settings: Any) -> Path:
        """Write a picture (.png, .jpg, .pdf, .svg), the numbers (.npz, .json) or one interactive page (.html). All or nothing.

        settings : for .html, what :meth:`page` takes: ``clf=`` puts the explanations in, of the network or of the store.
        """
        if settings and Path(path).suffix.lower() != ".html":
            raise OptionError(f"{listed(settings)}: only the page (.html) takes settings.")
        numbers = {"points": self.points, "features": self.features, "scores": self.scores}
        scores = [[None if np.isnan(score) else score for score in row] for row in self.scores.tolist()]  # JSON knows no NaN
        return save_as(
            path,
            {
                **picture_writers(self.plot),
                ".npz": lambda: npz_content(self.record(), {**numbers, "pixels": self.pixels, "wrong": self.wrong}),
                ".json": lambda: json_bytes(
                    self.record() | {name: values.tolist() for name, values in numbers.items()} | {"scores": scores}
                ),
                ".html": lambda: self.page(**settings).encode(),
            },
        )

    def _repr_png_(self) -> bytes:
        return png_bytes(self.image())


def embed(
    clf: Classifier | KnowsFeatures,
    photos: Any = None,
    layer: str | nn.Module | None = None,
    labels: Any = None,
    method: str = "tsne",
    seed: int = 0,
    *,
    pool: str = "mean",
    perplexity: float | None = None,
    most: int = 5000,
    batch_size: int | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Embedding:
    """Place photos in the plane so that those which a layer of the network finds alike lie near each other.

    clf : a classifier; or a :class:`seewhy.Store`, whose photos are placed by the features, predictions and labels that are
        stored, without the network: ``photos``, ``layer`` and ``labels`` are then left out.
    photos : a folder (with all folders below it), a pattern ("photos/*/*.jpg"), or a list of paths, arrays, PIL images, tensors.
        They are read by several threads; what cannot be read is skipped and listed in ``.skipped``.
    layer : a name, a module, None (the automatic feature layer) or "scores" (the class logits). Early layers group by colour
        and texture, late ones by class.
    labels : the true classes, names or indices, one per photo (None: not known); "folders" takes the name of each photo's folder;
        or a file or a dictionary with each photo's label (see ``seewhy.labels.read_labels``). Labels that are not all classes of
        the network are taken as groups of any other kind (the camera, the split): the points are coloured by them, and nothing is
        compared with the predictions.
    method : "tsne" (van der Maaten and Hinton 2008), after PCA to 50 columns; "pca": the first two components.
    pool : "mean" averages each channel over space; "flatten" keeps every place.
    perplexity : about how many neighbours each photo has; None takes 30, of fewer photos a third of the others.
    most : of more photos an even sample is taken, label by label where there are any, and ``.notes`` says so.

    Same call, same points. Raises a child of ``SeewhyError``: too few photos, unknown layer or method, perplexity too
    large, no readable photo, features that are all the same or not finite.
    """
    check_options(method, perplexity)
    if pool not in POOLS:
        raise OptionError(f"pool={pool!r}: write 'mean' or 'flatten'.")
    (seed, most) = (whole_number("seed", seed, 0), whole_number("most", most))
    if isinstance(clf, KnowsFeatures):
        _refuse_beside_a_store({"photos": photos, "layer": layer, "labels": labels, "pool": None if pool == "mean" else pool})
        return _placed(clf.known_features(most), method, perplexity, seed, most)
    check_photos(clf, "embed")
    if photos is None:
        raise OptionError("Which photos? Write seewhy.embed(clf, photos), or seewhy.embed(store).")
    listed_photos = listing(photos)
    total = len(listed_photos)
    with memory.kept(), random_state(seed), runner.Progress(progress, min(total, most), "Embedding") as bar:
        watch = Watch(clf, layer, listed_photos)
        known = None if labels is None else classes_or_groups(clf.class_names(), labels, listed_photos)
        sources = listed_photos
        if total > most:
            sources = [listed_photos[i] for i in sample(None if known is None else known.names, total, most)]
        check_number(len(sources), method, perplexity)  # before the work; photos that cannot be read may make it fewer
        skipped: list[tuple[str, str]] = []
        kept = _Kept(pool, len(sources))
        with contextlib.closing(walk(watch, sources, THUMBNAIL, batch_size, bar, skipped)) as seen_in_turn:
            for seen in seen_in_turn:
                kept.add(watch.name, seen.values, seen.pixels)
                kept.sources += seen.sources
                kept.thumbnails += [np.ascontiguousarray(photo.original) for photo in seen.photos]
                kept.scores.append(seen.scores)
        features = kept.features()
        count = len(features)
        perplexity = check_number(count, method, perplexity)
        check_differ(features, watch.name)
        (points, details) = place(features, method, perplexity, seed)

    scores = np.concatenate(kept.scores)
    notes = [] if known is None else list(known.notes)
    if len(sources) < total:
        every = "" if known is None else " from every class" if any(i is not None for i in known.indices) else " from every group"
        notes.append(_sampled_note(len(sources), total, every, most))
    if skipped:
        notes.append(f"{len(skipped)} of {len(sources)} photos could not be read and are not shown: .skipped lists them")
    notes += _few_note(method, count)
    return Embedding(
        points=points,
        features=features,
        scores=scores,
        predictions=[clf.predictions(row, 1)[0] for row in scores],
        labels=[None if known is None else known.names[source.number] for source in kept.sources],
        label_indices=[None if known is None else known.indices[source.number] for source in kept.sources],
        names=[source.name for source in kept.sources],
        paths=[source.path for source in kept.sources],
        numbers=[source.number for source in kept.sources],
        thumbnails=kept.thumbnails,
        pixels=np.concatenate(kept.pixels),
        layer=watch.name,
        method=method,
        settings=_settings(pool, perplexity, most, method),
        seed=seed,
        notes=notes,
        skipped=skipped,
        details=details,
        model=clf.name,
        weights=clf.executor.weights_hash(),
        preprocessing=clf.describe_input(),
        sources=[source.photo if source.path is None else None for source in kept.sources],
    )


def _refuse_beside_a_store(given: dict[str, Any]) -> None:
    """Raises OptionError for what a store has itself. given : None where it is not."""
    for name, value in given.items():
        if value is not None:
            raise OptionError(
                f"{setting(name)}: a store brings its photos, their labels and the mean features of one layer: leave it out. "
                "seewhy.embed(store.where(...)) takes some of the photos, seewhy.embed(clf, photos) other features."
            )


def _placed(known: KnownFeatures, method: str, perplexity: float | None, seed: int, most: int) -> Embedding:
    """Photos that were run before, in the plane."""
    count = len(known.features)
    perplexity = check_number(count, method, perplexity)
    check_differ(known.features, known.layer)
    with random_state(seed):
        (points, details) = place(known.features, method, perplexity, seed)
    notes = list(known.notes)
    if count < known.total:
        every = " from every class" if any(index is not None for index in known.label_indices) else ""
        notes.append(_sampled_note(count, known.total, every, most))
    fields = {name: value for name, value in vars(known).items() if name not in ("total", "notes")}
    return Embedding(
        points=points,
        **fields,
        method=method,
        settings=_settings("mean", perplexity, most, method),
        seed=seed,
        notes=[*notes, *_few_note(method, count)],
        details=details,
    )


def _settings(pool: str, perplexity: float | None, most: int, method: str) -> dict[str, Any]:
    return {"pool": pool, "perplexity": perplexity, "most": most} | ({"pca": COLUMNS} if method == "tsne" else {})


def _sampled_note(count: int, total: int, every: str, most: int) -> str:
    return f"{count:,} of {total:,} photos were taken, evenly{every}: most={most} allows no more"


def _few_note(method: str, count: int) -> list[str]:
    return [f"{count} photos are few for t-SNE: their places say little"] if method == "tsne" and count < 15 else []


class _Kept:
    """What stays of the photos that went through."""

    def __init__(self, pool: str, expected: int) -> None:
        (self.pool, self.expected, self.count) = (pool, expected, 0)
        self.rows: Array | None = None
        self.pixels: list[Array] = []
        self.scores: list[Array] = []
        self.sources: list[Source] = []
        self.thumbnails: list[npt.NDArray[np.uint8]] = []

    def add(self, layer: str, values: torch.Tensor, pixels: torch.Tensor) -> None:
        rows = values.mean(dim=(2, 3)) if values.ndim == 4 and self.pool == "mean" else values.flatten(1)
        if self.rows is None:
            columns = rows.shape[1]
            if 4 * self.expected * columns > MOST_BYTES:
                fit = MOST_BYTES // (4 * columns)
                raise OptionError(
                    f"Layer '{layer}' gives {columns:,} values per photo: for {self.expected:,} photos that is "
                    f"{4 * self.expected * columns / 2**30:.1f} GB. Write {setting('pool', 'mean')}, a later layer, or "
                    f"{setting('most', fit)}."
                )
            self.rows = np.empty((self.expected, columns), np.float32)
        if rows.shape[1] != self.rows.shape[1]:
            raise OptionError(
                f"Layer '{layer}' gives {rows.shape[1]:,} values for one photo and {self.rows.shape[1]:,} for another of a "
                f"different size: write {setting('pool', 'mean')}, or a preprocessing with one input size."
            )
        self.rows[self.count : self.count + len(rows)] = rows.cpu().numpy()
        self.count += len(rows)
        self.pixels.append(nn.functional.adaptive_avg_pool2d(pixels, TINY).float().cpu().numpy())

    def features(self) -> Array:
        assert self.rows is not None
        return self.rows if self.count == len(self.rows) else self.rows[: self.count].copy()
