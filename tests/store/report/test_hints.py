from __future__ import annotations

import numpy as np
import pytest

from seewhy.store.report.hints import LEAST_PHOTOS, Hint, hints
from seewhy.store.report.regions import BORDER, CORNER, SIDE
from seewhy.store.report.tally import Tally, Where


def counted(share: float, region: str, photos: int = LEAST_PHOTOS) -> Where:
    """A class with so much of its evidence, evenly, in a region, and the rest in the very middle."""
    inside = np.zeros((SIDE, SIDE), bool)
    if region == "border":
        inside[:BORDER] = inside[-BORDER:] = inside[:, :BORDER] = inside[:, -BORDER:] = True
    else:
        inside[:CORNER, -CORNER:] = True
    evidence = share * inside / inside.sum()
    evidence[SIDE // 2, SIDE // 2] = 1 - share
    where = Where()
    for _ in range(photos):
        where.add((evidence.astype(np.float32), np.ones((SIDE, SIDE), bool)))
    return where


@pytest.mark.parametrize(
    ("share", "region", "photos", "found"),
    [
        (0.42, "upper right corner", 10, True),
        (0.38, "upper right corner", 10, False),
        (0.9, "upper right corner", 9, False),
        (0.5, "border", 10, True),
        (0.44, "border", 10, False),  # more than 40 %, but not twice an even spread
    ],
)
def test_a_hint_needs_photos_a_share_and_a_multiple(share: float, region: str, photos: int, found: bool) -> None:
    every = hints(Tally(where=[("grad_cam", {3: counted(share, region, photos)})]))
    assert bool(every) is found
    for hint in every:
        area = 1 / 16 if region != "border" else 1 - (7 / 8) ** 2
        assert (hint.index, hint.method, hint.region) == (3, 0, region)
        assert (hint.share, hint.times) == (pytest.approx(share, abs=1e-4), pytest.approx(share / area, rel=1e-4))


def test_each_class_has_one_hint_and_the_strongest_comes_first() -> None:
    corner = "upper right corner"
    first = {0: counted(0.5, corner), 1: counted(0.2, corner), 2: counted(0.7, corner)}
    second = {0: counted(0.9, corner), 1: counted(0.8, corner)}
    found = hints(Tally(where=[("grad_cam", first), ("occlusion", second)]))
    assert [(hint.index, hint.method) for hint in found] == [(1, 1), (2, 0), (0, 0)]
    assert hints(Tally()) == []
    assert isinstance(found[0], Hint)
