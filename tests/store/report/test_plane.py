from __future__ import annotations

import numpy as np
import pytest

from seewhy.store.report.plane import plane


def test_two_groups_stay_apart_within_the_plot() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 12)
    features = (rng.normal(size=(24, 8)) + 40 * groups[:, None]).astype(np.float32)
    placed = plane([(100 + n, row) for n, row in enumerate(features)])
    assert placed is not None
    assert placed.numbers == list(range(100, 124))
    assert placed.points.min() >= -1e-6
    assert placed.points.max() <= 1 + 1e-6
    centres = [placed.points[groups == group].mean(axis=0) for group in (0, 1)]
    spread = max(float(placed.points[groups == group].std()) for group in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread


def test_without_features_or_with_three_photos_there_is_no_plane() -> None:
    alike = np.ones(4, np.float32)
    assert plane([]) is None
    assert plane([(n, None) for n in range(9)]) is None
    assert plane([(n, n * alike) for n in range(3)]) is None
    assert plane([(n, alike) for n in range(9)]) is None


@pytest.mark.parametrize(("count", "perplexity"), [(4, 1.0), (5, 4 / 3), (6, 5 / 3), (7, 2.0), (100, 30.0)])
def test_the_perplexity_is_one_that_so_few_photos_have(count: int, perplexity: float, caplog: pytest.LogCaptureFixture) -> None:
    features = np.random.default_rng(0).normal(size=(count, 6)).astype(np.float32)
    placed = plane(list(enumerate(features)))
    assert placed is not None
    assert placed.perplexity == pytest.approx(perplexity)
    assert len(np.unique(placed.points, axis=0)) == count
    assert not caplog.records  # the library has nothing to say of it
