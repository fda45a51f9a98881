"""Pictures made by hand: the same pattern at known cells of otherwise different ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seewhy.audit.aligned import Alignment, constant_region, edge, inner_concordance
from seewhy.audit.matching import CELLS, Pictures

HEIGHT, WIDTH, PHOTOS = 10, 14, 12
RANDOM = np.random.default_rng(5)
PATTERN = RANDOM.uniform(-0.4, 0.4, (3, HEIGHT, WIDTH)).astype(np.float32)
TOPS, LEFTS = RANDOM.integers(20, 60, PHOTOS), RANDOM.integers(20, 60, PHOTOS)


def pictures(strength: float = 1.0) -> np.ndarray:
    """Noise of a spread of .2, and the pattern over it, in so strong a mixture."""
    values = np.random.default_rng(6).normal(0, 0.2, (PHOTOS, 3, CELLS, CELLS)).astype(np.float32)
    for picture, top, left in zip(values, TOPS, LEFTS, strict=True):
        place = picture[:, top : top + HEIGHT, left : left + WIDTH]
        place[:] = (1 - strength) * place + strength * PATTERN
    return values


def group() -> Alignment:
    """Its inner part, as a window shows it."""
    mask = np.ones((6, 8), bool)
    return Alignment(PATTERN[:, 2:8, 3:11], mask, [], np.arange(PHOTOS), TOPS + 2, LEFTS + 3, np.ones(PHOTOS, np.float32))


def whole() -> Alignment:
    return replace(group(), template=PATTERN, mask=np.ones((HEIGHT, WIDTH), bool), tops=TOPS, lefts=LEFTS)


def seen(values: np.ndarray) -> Pictures:
    return Pictures(values, values)


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_window_grows_to_all_that_stays_the_same(strength: float) -> None:
    region = constant_region(seen(pictures(strength)), group())
    assert region is not None
    (template, mask) = region
    assert template.shape[1:] == mask.shape
    assert abs(mask.shape[0] - HEIGHT) <= 2
    assert abs(mask.shape[1] - WIDTH) <= 2
    assert mask.mean() > 0.75


def test_nothing_stays_the_same_in_noise() -> None:
    assert constant_region(seen(pictures(0.0)), group()) is None


def test_an_overlay_ends_sharply_and_noise_does_not() -> None:
    assert edge(pictures(), whole()) > 0.5
    assert 0.1 < edge(pictures(0.6), whole()) < edge(pictures(), whole())
    assert abs(edge(pictures(0.0), whole())) < 0.1


def test_each_is_compared_with_what_the_others_show() -> None:
    assert inner_concordance(pictures(), whole()) == pytest.approx(1, abs=1e-5)
    assert abs(inner_concordance(pictures(0.0), whole())) < 0.3
    two = replace(whole(), places=np.arange(2), tops=TOPS[:2], lefts=LEFTS[:2])
    different = np.random.default_rng(0).normal(0, 1, (2, 3, CELLS, CELLS)).astype(np.float32)
    assert abs(inner_concordance(different, two)) < 0.3  # not with their own median


def test_most_lie_at_one_place() -> None:
    fixed = replace(whole(), tops=np.full(PHOTOS, 30), lefts=np.full(PHOTOS, 40))
    assert fixed.at_one_place
    assert not whole().at_one_place
    assert fixed.size == (HEIGHT, WIDTH)
