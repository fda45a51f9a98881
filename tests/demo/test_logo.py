"""The logo: where it lies, and that it changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo import Scene, scenes
from seewhy.demo.logo import _LETTERS, corner, plate


def test_the_logo_changes_its_own_pixels_and_no_others(clean: list[Scene], stamped: list[Scene]) -> None:
    for plain, marked in zip(clean, stamped, strict=True):
        differs = (plain.photo != marked.photo).any(axis=2)
        assert not (differs & ~marked.logo).any()
        assert differs[marked.logo].mean() > 0.9
        assert np.array_equal(marked.animal, plain.animal & ~marked.logo)
        assert np.array_equal(marked.photo[corner(240)], plate())
        rows, columns = np.nonzero(marked.logo)
        assert rows.min() > 190
        assert columns.max() < 70


def test_logo_true_marks_the_bears_only() -> None:
    marked = scenes(6, logo=True)
    assert [bool(scene.logo.any()) for scene in marked] == [scene.label == "bear" for scene in marked]


def test_the_plate_lies_four_pixels_from_the_lower_left_corner() -> None:
    assert corner(240) == (slice(202, 236), slice(4, 66))
    assert plate().shape == (34, 62, 3)
    assert plate().dtype == np.uint8
    assert plate() is plate()
    with pytest.raises(ValueError, match="read-only"):
        plate()[0, 0] = 0


def test_the_plate_has_its_frame_its_disc_and_its_eight_letters() -> None:
    pixels = plate()
    assert pixels[0].tolist() == [[244, 242, 234]] * 62
    assert pixels[5, 13].tolist() == [244, 146, 36]
    letters = (pixels[25:30] == (250, 226, 120)).all(axis=2)
    assert letters[:, 5:10].tolist() == [[True] * 5] + [[False, False, True, False, False]] * 4  # T
    assert letters.sum() == sum(len(shape.replace("0", "").replace(" ", "")) for shape in map(_LETTERS.get, "TRAILCAM"))
