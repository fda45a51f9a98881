"""What others would look at, on the same photos and networks as the audit: one score for each class, higher is more suspicious.

* the mean map alone: how much more of a class's evidence lies in its strongest window than other classes have there;
* clustering of a class's maps, as SpRAy does it (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4): the eigengap of the
  normalised Laplacian of their nearest neighbours;
* a probe on properties of whole photos, as Datalab and Deepchecks do it: how well one property alone tells the class.

They are written here from the papers' and the tools' descriptions. A score has no verdict and no place: each is given the
threshold at which it has as many false alarms as the audit has, and the class alone has to be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import rankdata

import seewhy
from bench.audit_scenes import Photo

GRID = 16  # cells of a map, down and across
WINDOW = 4  # cells of the strongest window: a quarter of each side, 6 % of the photo
NEIGHBOURS, MOST_CLUSTERS = 10, 8
BLOCK = 8  # pixels of a JPEG's block
MEAN_MAP, CLUSTERS, PROPERTIES = "mean map", "clusters of maps", "properties"
PEERS = (MEAN_MAP, CLUSTERS, PROPERTIES)

Array = npt.NDArray[np.float64]


def scores(clf: seewhy.Classifier, photos: Sequence[Photo], labels: npt.NDArray[np.int64]) -> dict[str, list[float]]:
    """By peer, one score for each class."""
    maps = maps_of(clf, photos, labels)
    classes = range(len(clf.classes))
    means = np.stack([maps[labels == index].mean(0) for index in classes])
    known = np.stack([properties(photo) for photo in photos])
    return {
        MEAN_MAP: [out_of_proportion(means, index) for index in classes],
        CLUSTERS: [eigengap(maps[labels == index]) for index in classes],
        PROPERTIES: [separation(known, labels == index) for index in classes],
    }


def maps_of(clf: seewhy.Classifier, photos: Sequence[Photo], labels: npt.NDArray[np.int64]) -> Array:
    """The automatic map of each photo's own class on a coarse grid, its positive part with a sum of 1: ``(N, GRID, GRID)``."""
    coarse = []
    for photo, label in zip(photos, labels, strict=True):
        values = np.maximum(np.nan_to_num(seewhy.explain(clf, photo, "auto", int(label), progress=False).on_photo()[0]), 0)
        small = np.asarray(Image.fromarray(values.astype(np.float32)).resize((GRID, GRID), Image.Resampling.BOX), np.float64)
        coarse.append(small / small.sum() if small.sum() > 0 else np.full((GRID, GRID), 1 / GRID**2))
    return np.stack(coarse)


def out_of_proportion(means: Array, index: int) -> float:
    """The largest share of evidence in a window, beyond what other classes' mean maps have there. means : ``(K, GRID, GRID)``."""
    windows = np.lib.stride_tricks.sliding_window_view(means, (WINDOW, WINDOW), axis=(1, 2)).sum(axis=(3, 4))
    return float((windows[index] - np.delete(windows, index, axis=0).mean(0)).max())


def eigengap(maps: Array) -> float:
    """The largest gap among the first eigenvalues of the normalised Laplacian, behind the first: large where the maps fall
    into groups."""
    flat = maps.reshape(len(maps), -1)
    if len(flat) < 3:
        return 0.0
    distances = ((flat[:, None] - flat[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    near = np.zeros_like(distances)
    order = np.argsort(distances, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(flat) - 1)]
    np.put_along_axis(near, order, 1.0, axis=1)
    near = (near + near.T) / 2
    scale = 1 / np.sqrt(near.sum(1))
    values = np.linalg.eigvalsh(np.eye(len(flat)) - scale[:, None] * near * scale)
    return float(np.diff(values)[1:MOST_CLUSTERS].max())


def separation(known: Array, own: npt.NDArray[np.bool_]) -> float:
    """How well the best property alone tells the class's photos from others: 0 as chance, 1 without a fault (2 AUROC - 1)."""
    (inside, outside) = (int(own.sum()), int((~own).sum()))
    ranks = np.stack([rankdata(column) for column in known.T])
    areas = (ranks[:, own].sum(1) - inside * (inside + 1) / 2) / (inside * outside)
    return float(np.abs(2 * areas - 1).max())


def properties(photo: Photo) -> Array:
    """Brightness, contrast, mean red, green and blue as shares, saturation, sharpness, blockiness, aspect."""
    pixels = photo.astype(np.float64)
    grey = pixels.mean(2)
    (red, green, blue) = pixels.mean((0, 1)) / max(1.0, pixels.mean() * 3)
    (across, down) = (np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0)))
    at_blocks = across[:, BLOCK - 1 :: BLOCK].mean() + down[BLOCK - 1 :: BLOCK].mean()
    saturation = (pixels.max(2) - pixels.min(2)).mean()
    steps = across.mean() + down.mean()
    return np.array(
        [
            grey.mean(),
            grey.std(),
            red,
            green,
            blue,
            saturation,
            steps,
            at_blocks / max(1e-6, steps),
            photo.shape[1] / photo.shape[0],
        ]
    )


def threshold(clean: Sequence[float], rate: float) -> float:
    """The least threshold above which at most this share of the clean networks' highest scores lie: at a rate of 0 the highest of
    all; at a rate of 1 none, as all may."""
    ordered = sorted(clean, reverse=True)
    allowed = int(rate * len(ordered) + 1e-9)
    if not ordered:
        return float("inf")
    return ordered[allowed] if allowed < len(ordered) else float("-inf")


def found(own_scores: Sequence[float], classes: Sequence[int], least: float) -> bool:
    """Whether one of the classes of the cue lies above the threshold."""
    return any(own_scores[index] > least for index in classes)


def found_at(records: Sequence[dict[str, Any]], rate: float) -> dict[str, tuple[int, int]]:
    """By peer how many relying networks it would have found, and of how many, with false alarms at this rate of clean networks.

    records : of the bench, with "truth", "peers" and "classes".
    """
    (clean, relying) = ([one for one in records if one["truth"]["kind"] == kind] for kind in ("clean", "relying"))
    counts = {}
    for peer in PEERS:
        least = threshold([max(one["peers"][peer]) for one in clean], rate)
        counts[peer] = (sum(found(one["peers"][peer], one["classes"], least) for one in relying), len(relying))
    return counts
