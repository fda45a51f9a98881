"""Points in the plane for rows of features: t-SNE, or the first two principal components."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from seewhy.errors import LayerError, MethodError, OptionError, did_you_mean, is_number, listed, setting
from seewhy.geometry import Array

ALGORITHMS = ("tsne", "pca")
COLUMNS = 50  # what PCA leaves for t-SNE
PERPLEXITY = 30.0  # where there are photos enough
_SAME = 1e-5  # features that differ by less than this part of their size are the same: batches alone make about 1e-6
_EXACT = 2e9  # multiply-adds up to which PCA is computed in full (under a second)


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
    tsne = TSNE(
        perplexity=perplexity,
        random_state=seed,
        n_jobs=1,
        neighbors="exact",
        initialization="pca" if rows.shape[1] > 1 else "random",
    )
    with warnings.catch_warnings():  # what it and its libraries warn of is their own: every input was checked before
        warnings.simplefilter("ignore")
        layout = tsne.fit(rows.astype(np.float64))
    details["kl_divergence"] = float(layout.kl_divergence)
    return np.array(layout, dtype=np.float32), details


def _pca(features: Array, columns: int, seed: int) -> tuple[Array, list[float]]:
    """The first principal components ``(N, c)`` and their shares of the variance."""
    from sklearn.decomposition import PCA

    columns = min(columns, *features.shape)
    small = features.size * min(features.shape) <= _EXACT
    pca = PCA(columns, svd_solver="full" if small else "randomized", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = pca.fit_transform(features.astype(np.float64) if small else features)
    return np.ascontiguousarray(rows, dtype=np.float32), [float(share) for share in pca.explained_variance_ratio_]


def check_options(method: str, perplexity: float | None) -> None:
    """Raises MethodError for an unknown method, OptionError for a perplexity that cannot be one."""
    if method not in ALGORITHMS:
        near = did_you_mean(str(method), ALGORITHMS)
        raise MethodError(f"There is no embedding method {method!r}.{near} Known: {listed(ALGORITHMS)}.")
    if perplexity is None:
        return
    if method != "tsne":
        raise OptionError(f"{setting('perplexity', perplexity)} belongs to {setting('method', 'tsne')}: leave it out.")
    if not is_number(perplexity) or perplexity <= 1:
        raise OptionError(f"{setting('perplexity', perplexity)}: write a number above 1, or None.")


def check_number(count: int, method: str, perplexity: float | None) -> float | None:
    """The perplexity for so many photos. Raises PhotoError or OptionError for too few."""
    if method == "pca":
        if count < 2:
            raise OptionError(f"{count} photo: {setting('method', 'pca')} needs at least 2.")
        return None
    if count < 4:
        instead = (
            f"{setting('method', 'pca')} needs 2"
            if count > 1
            else f"{setting('method', 'pca')} needs 2, and explain explains a single photo"
        )
        raise OptionError(f"{count} {'photo' if count == 1 else 'photos'}: t-SNE needs at least 4 ({instead}).")
    if perplexity is None:
        whole = min(PERPLEXITY, (count - 1) // 3)
        return float(whole) if whole > 1 else (count - 1) / 3  # of 4 to 6 photos what openTSNE takes at most
    if perplexity > (count - 1) / 3:  # three times as many neighbours are looked for
        largest = math.floor(10 * (count - 1) / 3) / 10
        raise OptionError(
            f"{setting('perplexity', perplexity)} is too large for {count} photos: it must be at most a third "
            f"of the others, {largest:.1f}."
        )
    return float(perplexity)


def check_differ(features: Array, layer: str) -> None:
    """Raises LayerError for features that are the same for all photos."""
    if np.ptp(features, axis=0).max() <= _SAME * np.abs(features).max():
        raise LayerError(
            f"Layer '{layer}' gives the same {features.shape[1]:,} values for all {len(features)} photos, so none is nearer than "
            "another: check that the photos differ, or choose another layer."
        )
