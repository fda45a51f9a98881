"""Rows of features as points: t-SNE that repeats itself, and principal components against their definition."""

from __future__ import annotations

import numpy as np

from seewhy.features.placing import place


def blobs(groups: int = 3, each: int = 20, columns: int = 5, apart: float = 8.0) -> np.ndarray:
    """Gaussian groups, one after the other."""
    random = np.random.default_rng(0)
    centres = apart * random.normal(size=(groups, columns))
    return (centres.repeat(each, axis=0) + random.normal(size=(groups * each, columns))).astype(np.float32)


def test_the_same_seed_gives_the_same_points() -> None:
    rows = blobs()
    np.testing.assert_array_equal(place(rows, "tsne", 15, 3)[0], place(rows, "tsne", 15, 3)[0])


def test_principal_components_are_the_directions_of_the_largest_variance() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(200, 4)) * (10, 1, 5, 0.1)
    (points, details) = place(rows.astype(np.float32), "pca", None, 0)
    centred = rows - rows.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose((points.astype(np.float64) ** 2).sum(axis=0), values[:2], rtol=1e-4)
    np.testing.assert_allclose(details["explained_variance"], values[:2] / values.sum(), rtol=1e-5)


def test_one_column_is_a_line() -> None:
    (points, _) = place(np.arange(6, dtype=np.float32)[:, None], "pca", None, 0)
    assert points.shape == (6, 2)
    assert not points[:, 1].any()
    assert np.isfinite(place(np.arange(9, dtype=np.float32)[:, None], "tsne", 2.0, 0)[0]).all()
