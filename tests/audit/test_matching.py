from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import noise, photos

from seewhy.audit.matching import CELLS, Floats, best_matches, pictures_of


def by_loops(picture: Floats, template: Floats, mask: np.ndarray) -> np.ndarray:
    """Lin's concordance at every place, term by term."""
    (height, width) = mask.shape
    scores = np.zeros((CELLS - height + 1, CELLS - width + 1))
    wanted = template[:, mask].astype(np.float64)
    for top in range(scores.shape[0]):
        for left in range(scores.shape[1]):
            seen = picture[:, top : top + height, left : left + width][:, mask].astype(np.float64)
            (own, other) = (wanted - wanted.mean(axis=1, keepdims=True), seen - seen.mean(axis=1, keepdims=True))
            apart = ((wanted.mean(axis=1) - seen.mean(axis=1)) ** 2).sum()
            scores[top, left] = 2 * (own * other).mean(axis=1).sum() / ((own**2 + other**2).mean(axis=1).sum() + apart)
    return scores


def test_the_best_place_is_that_of_a_slower_writing() -> None:
    seen = pictures_of(photos([noise(0), noise(1)]))
    random = np.random.default_rng(2)
    mask = random.random((7, 10)) < 0.7
    templates = random.random((3, 3, 7, 10)).astype(np.float32)
    found = best_matches(seen, templates, mask)
    for number, template in enumerate(templates):
        for place, picture in enumerate(seen.values):
            scores = by_loops(picture, template, mask)
            assert found.scores[number, place] == pytest.approx(scores.max(), abs=1e-4)
            assert scores[found.tops[number, place], found.lefts[number, place]] == pytest.approx(scores.max(), abs=1e-4)


def test_what_was_cut_out_is_found_where_it_was() -> None:
    seen = pictures_of(photos([noise(n) for n in range(4)]))
    template = seen.values[2:3, :, 83:95, 5:17]
    found = best_matches(seen, template, np.ones((12, 12), bool))
    assert found.scores[0, 2] == pytest.approx(1, abs=1e-4)
    assert (found.tops[0, 2], found.lefts[0, 2]) == (83, 5)
    assert found.scores[0, [0, 1, 3]].max() < 0.75


def test_another_brightness_is_not_the_same_and_what_the_mask_leaves_out_does_not_count() -> None:
    seen = pictures_of(photos([noise(5)]))
    template = seen.values.copy()
    whole = np.ones((CELLS, CELLS), bool)
    variance = template[0].var(axis=(1, 2)).sum()
    lighter = best_matches(seen, template + np.float32(0.3), whole).scores[0, 0]
    assert lighter == pytest.approx(2 * variance / (2 * variance + 3 * 0.3**2), abs=1e-3)
    template[:, :, 60:] = 1
    mask = whole.copy()
    mask[60:] = False
    assert best_matches(seen, template, whole).scores[0, 0] < 0.9
    assert best_matches(seen, template, mask).scores[0, 0] == pytest.approx(1, abs=1e-4)


def test_without_photos_or_templates_nothing_is_found() -> None:
    mask = np.ones((4, 4), bool)
    assert best_matches(pictures_of([]), np.ones((2, 3, 4, 4), np.float32), mask).scores.shape == (2, 0)
    assert best_matches(pictures_of(photos([noise(0)])), np.ones((0, 3, 4, 4), np.float32), mask).tops.shape == (0, 1)


def test_pictures_have_one_size_whatever_the_proportions() -> None:
    flat = np.full((48, 96, 3), (255, 51, 0), np.uint8)
    (picture,) = pictures_of(photos([flat])).values
    assert picture.shape == (3, CELLS, CELLS)
    assert np.allclose(picture.reshape(3, -1).T, (1, 0.2, 0), atol=1e-6)


def test_each_so_many_th() -> None:
    seen = pictures_of(photos([noise(n) for n in range(5)]))
    assert np.array_equal(seen.every(2).values, seen.values[[0, 2, 4]])
    assert len(seen.every(2).squared) == 3
