from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import noise, photos

from seewhy.audit.matching import CELLS, Floats, best_matches, least_score, pictures_of
from seewhy.audit.photos import SIDE


def by_loops(picture: Floats, template: Floats, mask: np.ndarray) -> np.ndarray:
    """The score at every place, term by term."""
    (height, width) = mask.shape
    scores = np.zeros((CELLS - height + 1, CELLS - width + 1))
    wanted = template[:, mask].astype(np.float64)
    for top in range(scores.shape[0]):
        for left in range(scores.shape[1]):
            seen = picture[:, top : top + height, left : left + width][:, mask].astype(np.float64)
            scores[top, left] = 2 * (seen * wanted).sum() / ((seen**2).sum() + (wanted**2).sum())
    return scores


def test_the_best_place_is_that_of_a_slower_writing() -> None:
    seen = pictures_of(photos([noise(0), noise(1)]))
    random = np.random.default_rng(2)
    mask = random.random((7, 10)) < 0.7
    templates = random.random((3, 3, 7, 10)).astype(np.float32)
    found = best_matches(seen, templates, mask)
    for number, template in enumerate(templates):
        for place, picture in enumerate(seen.details):
            scores = by_loops(picture, template, mask)
            assert found.scores[number, place] == pytest.approx(scores.max(), abs=1e-4)
            assert scores[found.tops[number, place], found.lefts[number, place]] == pytest.approx(scores.max(), abs=1e-4)


def test_what_was_cut_out_is_found_where_it_was() -> None:
    seen = pictures_of(photos([noise(n) for n in range(4)]))
    template = seen.details[2:3, :, 83:95, 5:17]
    found = best_matches(seen, template, np.ones((12, 12), bool))
    assert found.scores[0, 2] == pytest.approx(1, abs=1e-4)
    assert (found.tops[0, 2], found.lefts[0, 2]) == (83, 5)
    assert found.scores[0, [0, 1, 3]].max() < 0.75


def test_fainter_details_are_not_the_same_and_what_the_mask_leaves_out_does_not_count() -> None:
    seen = pictures_of(photos([noise(5)]))
    template = seen.details.copy()
    whole = np.ones((CELLS, CELLS), bool)
    assert best_matches(seen, 0.5 * template, whole).scores[0, 0] == pytest.approx(2 * 0.5 / (1 + 0.5**2), abs=1e-3)
    template[:, :, 60:] = 1
    mask = whole.copy()
    mask[60:] = False
    assert best_matches(seen, template, whole).scores[0, 0] < 0.9
    assert best_matches(seen, template, mask).scores[0, 0] == pytest.approx(1, abs=1e-4)


def test_details_leave_out_what_is_large() -> None:
    """A ground's own brightness, and a slow change of it."""
    fine = np.indices((SIDE, SIDE)).sum(axis=0)[..., None] // 3 % 2 * np.full(3, 80)
    (dark, light) = pictures_of(photos([(20 + fine).astype(np.uint8), (150 + fine).astype(np.uint8)])).details
    assert np.abs(dark - light).max() < 0.02
    assert np.abs(pictures_of(photos([np.full((SIDE, SIDE, 3), 90, np.uint8)])).details).max() < 1e-4
    (down,) = pictures_of(
        photos([np.linspace(0, 255, SIDE)[:, None, None].repeat(SIDE, 1).repeat(3, 2).astype(np.uint8)])
    ).details
    assert np.abs(down[:, 8:-8]).max() < 0.02


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
    assert np.array_equal(seen.every(2).details, seen.details[[0, 2, 4]])
    assert len(seen.every(2).squared) == 3


def test_fewer_cells_have_to_be_more_alike() -> None:
    assert least_score(np.ones((8, 8), bool)) == pytest.approx(0.825)
    mask = np.ones((26, 52), bool)
    mask[:, 26:] = False
    assert least_score(mask) == pytest.approx(0.6)
