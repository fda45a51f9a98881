from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped

from seewhy.audit.candidates import RECURRING, SAME, SIMILAR, Candidate, box_of, cells_of, normalised, resembles


def stamp_candidate() -> Candidate:
    template = (STAMP / 255).astype(np.float32)
    return Candidate(0, RECURRING, box_of(ROWS, COLUMNS), template, np.ones(template.shape[:2], bool))


def test_a_box_is_its_cells() -> None:
    assert cells_of(box_of(ROWS, COLUMNS)) == (ROWS, COLUMNS)
    assert cells_of((0.5, 0.5, 0.501, 0.501)) == (slice(32, 33), slice(32, 33))


def test_carriers_show_the_template() -> None:
    pictures = [stamped(noise(0)), noise(1), stamped(noise(2))]
    assert [photo.number for photo in stamp_candidate().carriers(photos(pictures))] == [0, 2]


def test_what_is_behind_a_cue_does_not_count() -> None:
    """A round logo in a square box: the mask leaves the corners out."""
    mask = np.zeros((10, 14), bool)
    mask[2:8, 3:11] = True
    pictures = []
    for seed in range(4):
        picture = stamped(noise(seed))
        background = noise(seed + 10)[ROWS, COLUMNS]
        picture[ROWS, COLUMNS] = np.where(mask[:, :, None], STAMP, background)
        pictures.append(picture)
    template = (STAMP / 255).astype(np.float32)
    with_mask = Candidate(0, RECURRING, box_of(ROWS, COLUMNS), template, mask)
    assert len(with_mask.carriers(photos(pictures))) == 4
    assert len(stamp_candidate().carriers(photos(pictures))) == 0


def test_dark_and_light_copies_of_a_pattern_differ_and_flat_ones_are_like_nothing() -> None:
    template = np.tile(np.float32([[0.1], [0.2]]), (4, 4, 1)).repeat(3, axis=2)
    patches = np.stack([template, template + 0.5, np.full_like(template, 0.15)])
    assert resembles(patches, template, SAME).tolist() == [True, False, False]
    assert resembles(patches[:0], template, SAME).tolist() == []


def test_similar_is_not_the_same() -> None:
    template = np.random.default_rng(0).random((10, 10, 3)).astype(np.float32) / 2
    patch = (template + 0.05)[None]
    assert (resembles(patch, template, SIMILAR).tolist(), resembles(patch, template, SAME).tolist()) == ([True], [False])


def test_normalised_rows_multiply_to_their_correlation() -> None:
    (first, second) = np.random.default_rng(0).random((2, 50)).astype(np.float32)
    unit = normalised(np.stack([first, second]))
    assert float(unit[0] @ unit[1]) == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-5)
    assert float(unit[0] @ unit[0]) == pytest.approx(1, abs=1e-5)
