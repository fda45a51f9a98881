"""A whole folder of photos as points in the plane: near each other where the network's features are alike."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy.classes import ClassNames
from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.engine.state import random_state
from seewhy.errors import LayerError, MethodError, OptionError, RecordError, TargetError, did_you_mean, listed, whole_number
from seewhy.features.folder import Source, Watch, listing, walk
from seewhy.geometry import Array
from seewhy.records import Prediction, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

ALGORITHMS = ("tsne", "pca")
POOLS = ("mean", "flatten")
SPACES = ("points", "features", "pixels")
COLUMNS = 50  # what PCA leaves for t-SNE
PERPLEXITY = 30.0  # where there are photos enough
THUMBNAIL = 64  # pixels, the longer side
TINY = 16  # rows and columns of the photo in pixel space
MOST_BYTES = 2**30  # of features
_SAME = 1e-5  # features that differ by less than this part of their size are the same: batches alone make about 1e-6
_EXACT = 2e9  # multiply-adds up to which PCA is computed in full (under a second)


@dataclass(frozen=True, eq=False)
class Embedding:
    """N photos placed in the plane by what one layer of a network says of them.

    points : float32 ``(N, 2)``; only nearness means something, the axes have no units.
    features : float32 ``(N, D)``, what the layer gave (averaged over space unless ``pool="flatten"``).
    scores : float32 ``(N, K)``, the network's probabilities. predictions : the first choice for each photo.
    labels : the true class of each photo, None where it is not known. label_indices : the same as class indices.
    names, paths : of the photos; a path is None for what was no file. numbers : their places in what was given.
    thumbnails : uint8 ``(h, w, 3)`` each, at most 64 pixels a side.
    pixels : float32 ``(N, C, 16, 16)``, the network's input made tiny: what "near in pixel space" compares.
    layer : "scores" for the class logits. method : "tsne" or "pca". settings, seed : enough to repeat it.
    notes : diagnoses in words. skipped : (path, reason) of photos that could not be read.
    details : "perplexity", "kl_divergence" (t-SNE's loss), "explained_variance" (the share of the variance that PCA kept).
    """

    points: Array
    features: Array
    scores: Array
    predictions: list[Prediction]
    labels: list[str | None]
    label_indices: list[int | None]
    names: list[str]
    paths: list[Path | None]
    numbers: list[int]
    thumbnails: list[npt.NDArray[np.uint8]]
    pixels: Array
    layer: str
    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    weights: str = ""
    preprocessing: str = ""

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".npz", ".json", ".html")  # that :meth:`save` can write

    def __len__(self) -> int:
        return len(self.points)

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """``(N,)``: the true class is known, and the network's first choice is another one."""
        pairs = zip(self.label_indices, self.predictions, strict=True)
        return np.array([label is not None and label != prediction.index for label, prediction in pairs])

    @property
    def groups(self) -> list[str | None]:
        """What the points are coloured by: the true classes, or the predicted ones where no true class is known."""
        if any(label is not None for label in self.labels):
            return list(self.labels)
        return [prediction.name for prediction in self.predictions]

    def neighbours(self, i: int, k: int = 5, space: str = "features") -> list[tuple[int, float]]:
        """The k photos nearest to photo i with their Euclidean distances, nearest first; all others where there are fewer.

        space : "features" (as the network sees them), "pixels" (16×16 input pixels) or "points" (in the plane).
        """
        rows = self._space(space)
        if isinstance(i, bool) or not isinstance(i, (int, np.integer)) or not 0 <= i < len(self):
            raise OptionError(f"i={i!r}: the {len(self)} photos are numbered 0 to {len(self) - 1}.")
        distances = np.sqrt(((rows - rows[i]).astype(np.float64) ** 2).sum(axis=1))
        order = [int(j) for j in np.argsort(distances, kind="stable") if j != i]
        return [(j, float(distances[j])) for j in order[: whole_number("k", k)]]

    def purity(self, k: int = 5, space: str = "points") -> float:
        """The share of the k nearest neighbours that are of a photo's own class, averaged over the photos; 1 at best.

        The class is the true one, the predicted one where no true class is known; photos without one do not count. Classes that
        lie apart are near 1; where the place says nothing it is about the chance to draw a photo of the same class.
        """
        groups = self.groups
        known = np.array([group is not None for group in groups])
        if known.sum() < 2:
            raise TargetError("Purity needs at least two photos whose class is known.")
        names = np.array([group for group in groups if group is not None])
        rows = self._space(space)[known]
        near = _nearest(rows, min(whole_number("k", k), len(rows) - 1))  # (n, k)
        return float((names[near] == names[:, None]).mean())

    def nearest(self, k: int, space: str) -> npt.NDArray[np.intp]:
        """``(N, k)``: the k nearest photos of every photo, nearest first."""
        return _nearest(self._space(space), min(k, len(self) - 1))

    def _space(self, space: str) -> Array:
        if space not in SPACES:
            raise OptionError(f"space={space!r}: write one of {listed(map(repr, SPACES))}.")
        rows: Array = {"points": self.points, "features": self.features, "pixels": self.pixels}[space]
        return rows.reshape(len(rows), -1)

    def plot(self, ax: Any = None) -> Figure:
        """A matplotlib figure: the points coloured by class, a ring around each misclassified one. See ``features.scatter``."""
        from seewhy.features import scatter

        return scatter.figure(self, ax)

    def image(self) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        from seewhy.features import scatter

        return scatter.image(self)

    def neighbour_picture(self, i: int, k: int = 5) -> Image.Image:
        """Photo i beside its k nearest in feature space (first row) and in pixel space (second row)."""
        from seewhy.features import scatter

        return scatter.neighbour_picture(self, i, k)

    def page(self, clf: Classifier | None = None, method: str = "grad_cam", photos: Any = None, **look: Any) -> str:
        """One self-contained interactive page: hover for the photo, click for its explanation. See ``features.scatter_page``."""
        from seewhy.features import scatter_page

        return scatter_page.page(self, clf, method, photos, **look)

    def save(self, path: str | os.PathLike[str], **look: Any) -> Path:
        """Write a picture (.png), the numbers (.npz, .json) or one interactive page (.html). All or nothing.

        look : for .html, what :meth:`page` takes: ``clf=`` puts the explanations in.
        """
        path = Path(path)
        kind = path.suffix.lower()
        if kind not in (".png", ".npz", ".json", ".html"):
            raise RecordError(f"'{path.name}' cannot be written: '{path.suffix}' is not one of .png, .npz, .json, .html.")
        if look and kind != ".html":
            raise OptionError(f"{listed(look)}: only the page (.html) takes settings.")
        if kind == ".html":
            content = self.page(**look).encode()
        elif kind == ".json":
            arrays = {"points": self.points.tolist(), "features": self.features.tolist(), "scores": self.scores.tolist()}
            content = (json.dumps(self.record() | arrays, indent=1, ensure_ascii=False) + "\n").encode()
        else:
            buffer = io.BytesIO()
            if kind == ".png":
                self.image().save(buffer, "PNG")
            else:
                numbers = {"points": self.points, "features": self.features, "scores": self.scores, "pixels": self.pixels}
                record = np.array(json.dumps(self.record()))
                np.savez_compressed(buffer, record=record, wrong=self.wrong, **numbers)  # type: ignore[arg-type]
            content = buffer.getvalue()
        return write_whole(path, content)

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        return {
            "method": self.method,
            "layer": self.layer,
            "settings": self.settings,
            "seed": self.seed,
            "details": self.details,
            "notes": self.notes,
            "skipped": [{"photo": photo, "reason": reason} for photo, reason in self.skipped],
            "model": self.model,
            "weights": self.weights,
            "preprocessing": self.preprocessing,
            "photos": [
                {"name": name, "number": number, "label": label, "prediction": prediction.name, "score": prediction.score}
                for name, number, label, prediction in zip(self.names, self.numbers, self.labels, self.predictions, strict=True)
            ],
        }

    def __repr__(self) -> str:
        known = any(label is not None for label in self.labels)
        said = f"{int(self.wrong.sum())} misclassified" if known else "no labels"
        return f"<Embedding {self.method} of {len(self)} photos at {self.layer}: {said}>"


def embed(
    clf: Classifier,
    photos: Any,
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

    photos : a folder (with all folders below it), a pattern ("photos/*/*.jpg"), or a list of paths, arrays, PIL images, tensors.
        They are read in the background while the network runs; what cannot be read is skipped and listed in ``.skipped``.
    layer : a name, a module, None (the automatic feature layer) or "scores" (the class logits). Early layers group by colour
        and texture, late ones by class.
    labels : the true classes, names or indices, one per photo (None: not known); "folder" takes the name of each photo's folder.
    method : "tsne" (van der Maaten and Hinton 2008), after PCA to 50 columns; "pca": the first two components.
    pool : "mean" averages each channel over space; "flatten" keeps every place.
    perplexity : about how many neighbours each photo has; None takes ``min(ceil(N / 2), 30)``, always below N / 3.
    most : of more photos an even sample is taken, class by class where there are labels, and ``.notes`` says so.

    Same call, same points. Raises a child of ``SeewhyError``: too few photos, unknown layer, label or method, perplexity too
    large, no readable photo, features that are all the same or not finite.
    """
    _check(method, pool, perplexity)
    (seed, most) = (whole_number("seed", seed, 0), whole_number("most", most))
    given = listing(photos)
    with random_state(seed), runner.Progress(progress, min(len(given), most), "Embedding") as bar:
        watch = Watch(clf, layer, given)
        classes = None if labels is None else _label_indices(clf.class_names(), labels, given)
        sources = given if len(given) <= most else [given[i] for i in sample(classes, len(given), most)]
        _check_number(len(sources), method, perplexity)  # before the work; photos that cannot be read may make it fewer
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
        perplexity = _check_number(count, method, perplexity)
        _check_differ(features, watch.name)
        (points, details) = place(features, method, perplexity, seed)

    of_photos = [None if classes is None else classes[source.number] for source in kept.sources]
    scores = np.concatenate(kept.scores)
    names = clf.class_names().names
    notes = []
    if len(sources) < len(given):
        how = "evenly" if classes is None else "evenly from every class"
        notes.append(f"{len(sources):,} of {len(given):,} photos were taken, {how}: most={most} allows no more")
    if skipped:
        notes.append(f"{len(skipped)} of {len(sources)} photos could not be read and are not shown: .skipped lists them")
    if method == "tsne" and count < 15:
        notes.append(f"{count} photos are few for t-SNE: their places say little")
    return Embedding(
        points=points,
        features=features,
        scores=scores,
        predictions=[clf.predictions(row, 1)[0] for row in scores],
        labels=[None if index is None else names[index] for index in of_photos],
        label_indices=of_photos,
        names=[source.name for source in kept.sources],
        paths=[source.path for source in kept.sources],
        numbers=[source.number for source in kept.sources],
        thumbnails=kept.thumbnails,
        pixels=np.concatenate(kept.pixels),
        layer=watch.name,
        method=method,
        settings={"pool": pool, "perplexity": perplexity, "most": most} | ({"pca": COLUMNS} if method == "tsne" else {}),
        seed=seed,
        notes=notes,
        skipped=skipped,
        details=details,
        model=clf.name,
        weights=clf.executor.weights_hash(),
        preprocessing=clf.describe_input(),
    )


class _Kept:
    """What stays of the photos that went through."""

    def __init__(self, pool: str, expected: int) -> None:
        (self.pool, self.expected, self.done) = (pool, expected, 0)
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
                    f"{4 * self.expected * columns / 2**30:.1f} GB. Write pool='mean', a later layer, or most={fit}."
                )
            self.rows = np.empty((self.expected, columns), np.float32)
        if rows.shape[1] != self.rows.shape[1]:
            raise OptionError(
                f"Layer '{layer}' gives {rows.shape[1]:,} values for one photo and {self.rows.shape[1]:,} for another of a "
                "different size: write pool='mean', or a preprocessing with one input size."
            )
        self.rows[self.done : self.done + len(rows)] = rows.cpu().numpy()
        self.done += len(rows)
        self.pixels.append(nn.functional.adaptive_avg_pool2d(pixels, TINY).float().cpu().numpy())

    def features(self) -> Array:
        assert self.rows is not None
        return self.rows if self.done == len(self.rows) else self.rows[: self.done].copy()


def _check(method: str, pool: str, perplexity: float | None) -> None:
    if method not in ALGORITHMS:
        near = did_you_mean(str(method), ALGORITHMS)
        raise MethodError(f"There is no embedding method {method!r}.{near} Known: {listed(ALGORITHMS)}.")
    if pool not in POOLS:
        raise OptionError(f"pool={pool!r}: write 'mean' or 'flatten'.")
    if perplexity is None:
        return
    if method != "tsne":
        raise OptionError(f"perplexity={perplexity!r} belongs to method='tsne': leave it out.")
    numeric = isinstance(perplexity, (int, float, np.number)) and not isinstance(perplexity, bool)
    if not numeric or not 1 < perplexity < math.inf:
        raise OptionError(f"perplexity={perplexity!r}: write a number above 1, or None.")


def _check_number(count: int, method: str, perplexity: float | None) -> float | None:
    """The perplexity for so many photos. Raises PhotoError or OptionError for too few."""
    if method == "pca":
        if count < 2:
            raise OptionError(f"{count} photo: method='pca' needs at least 2.")
        return None
    if count < 4:
        instead = "method='pca' needs 2" if count > 1 else "method='pca' needs 2, and seewhy.explain explains a single photo"
        raise OptionError(f"{count} {'photo' if count == 1 else 'photos'}: t-SNE needs at least 4 ({instead}).")
    if perplexity is None:
        whole = min(math.ceil(count / 2), PERPLEXITY, (count - 1) // 3)
        return float(whole) if whole > 1 else round(0.95 * count / 3, 2)  # 4 to 6 photos: a perplexity of 1 is no neighbour
    if perplexity >= count / 3:
        largest = math.floor(10 * count / 3 - 1e-9) / 10
        raise OptionError(
            f"perplexity={perplexity:g} is too large for {count} photos: it must be below a third of them, {largest:.1f} at most."
        )
    return float(perplexity)


def _check_differ(features: Array, layer: str) -> None:
    if np.ptp(features, axis=0).max() <= _SAME * np.abs(features).max():
        raise LayerError(
            f"Layer '{layer}' gives the same {features.shape[1]:,} values for all {len(features)} photos, so none is nearer than "
            "another: check that the photos differ, or choose another layer."
        )


def _label_indices(classes: ClassNames, labels: Any, sources: Sequence[Source]) -> list[int | None]:
    """The class index of every photo given, None where it is not known."""
    if isinstance(labels, str):
        if labels != "folder":
            raise TargetError(f"labels={labels!r}: write a list with one class per photo, or 'folder'.")
        missing = next((source.name for source in sources if source.path is None), None)
        if missing is not None:
            raise TargetError(f"labels='folder' needs files, but '{missing}' is none: give a list with one class per photo.")
        labels = [source.path.absolute().parent.name for source in sources if source.path is not None]
    labels = labels.tolist() if isinstance(labels, (np.ndarray, torch.Tensor)) else list(labels)
    if len(labels) != len(sources):
        raise TargetError(
            f"{len(sources)} photos but {len(labels)} labels: give one label per photo, None where it is not known."
        )
    known: dict[Any, int | None] = {None: None}
    for label, source in zip(labels, sources, strict=True):
        if label not in known:
            try:
                known[label] = classes.index(label)
            except TargetError as error:
                raise TargetError(f"Label {label!r} of '{source.name}': {error.line}") from None
    return [known[label] for label in labels]


def sample(classes: Sequence[int | None] | None, count: int, most: int) -> list[int]:
    """Which ``most`` of ``count`` photos: of every class its share (largest remainders), evenly spread, in order."""
    strata: dict[int | None, list[int]] = {}
    for number in range(count):
        strata.setdefault(None if classes is None else classes[number], []).append(number)
    exact = {key: most * len(members) / count for key, members in strata.items()}
    least = 1 if len(strata) <= most else 0  # no class is lost where there is room for all
    share = {key: max(least, int(value)) for key, value in exact.items()}
    while sum(share.values()) < most:
        share[max(strata, key=lambda key: exact[key] - share[key])] += 1
    while sum(share.values()) > most:
        share[max((key for key in strata if share[key] > least), key=lambda key: share[key] - exact[key])] -= 1
    picked = []
    for key, members in strata.items():
        picked += [members[int((i + 0.5) * len(members) / share[key])] for i in range(share[key])]
    return sorted(picked)


def place(features: Array, method: str, perplexity: float | None, seed: int) -> tuple[Array, dict[str, Any]]:
    """Points ``(N, 2)`` for features ``(N, D)``, and what is worth knowing about them."""
    if method == "pca":
        (points, explained) = _pca(features, 2, seed)
        if points.shape[1] < 2:  # one column: a line
            points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        return points, {"explained_variance": explained}
    details: dict[str, Any] = {"perplexity": perplexity}
    rows = features
    if features.shape[1] > COLUMNS:
        (rows, explained) = _pca(features, COLUMNS, seed)
        details["explained_variance"] = float(sum(explained))
    from openTSNE import TSNE

    # Exact neighbours and one thread: the same points on every run.
    made = TSNE(
        perplexity=perplexity,
        random_state=seed,
        n_jobs=1,
        neighbors="exact",
        initialization="pca" if rows.shape[1] > 1 else "random",
    ).fit(rows.astype(np.float64))
    details["kl_divergence"] = float(made.kl_divergence)
    return np.array(made, dtype=np.float32), details


def _pca(features: Array, columns: int, seed: int) -> tuple[Array, list[float]]:
    """The first principal components ``(N, c)`` and their shares of the variance."""
    from sklearn.decomposition import PCA

    columns = min(columns, *features.shape)
    small = features.size * min(features.shape) <= _EXACT
    pca = PCA(columns, svd_solver="full" if small else "randomized", random_state=seed)
    rows = pca.fit_transform(features.astype(np.float64) if small else features)
    return np.ascontiguousarray(rows, dtype=np.float32), [float(share) for share in pca.explained_variance_ratio_]


def _nearest(rows: Array, k: int) -> npt.NDArray[np.intp]:
    from sklearn.neighbors import NearestNeighbors

    found: npt.NDArray[np.intp] = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors(return_distance=False)
    return found


def ranked(names: Sequence[str | None]) -> list[str]:
    """The classes from the most frequent to the rarest, ties in order of appearance."""
    return [name for name, _ in Counter(name for name in names if name is not None).most_common()]
