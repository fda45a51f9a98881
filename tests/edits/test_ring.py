from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seewhy.edits import Ring
from seewhy.errors import OptionError


def test_the_ring_of_another_photo() -> None:
    (values, donor) = (np.zeros((10, 20, 3), np.uint8), np.full((5, 5, 3), 200, np.uint8))
    edited = Ring(source="donor.png", width=0.2).apply(values, lambda path: donor)
    expected = np.full((10, 20, 3), 200)
    expected[2:8, 4:16] = 0
    np.testing.assert_array_equal(edited, expected)
    assert not values.any()
    assert (donor == 200).all()


def test_a_grey_photo_of_16_bits_is_laid_on_one_of_colours() -> None:
    donor = np.full((10, 20), 200 * 257, np.uint16)
    edited = Ring(source="donor.png", width=0.2).apply(np.zeros((10, 20, 3), np.uint8), lambda path: donor)
    assert edited.dtype == np.uint8
    assert (edited[:2] == 200).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_middle_goes_on_outwards(dtype: Any) -> None:
    values = np.zeros((40, 60, 3), dtype)
    values[10:30, 15:45] = (50, 60, 70)
    edited = Ring(source=None, width=0.25).apply(values, lambda path: pytest.fail("nothing is opened"))
    assert edited.dtype == dtype
    np.testing.assert_allclose(edited, np.broadcast_to((50, 60, 70), edited.shape), atol=1)


def test_its_words_and_what_it_takes() -> None:
    assert Ring(source="a.png").words == "laid on it from 'a.png': the outer ring of 15 %"
    assert Ring(source=None, width=0.1).words == "continued from the middle: the outer ring of 10 %"
    assert (Ring(source="a.png").sources, Ring(source=None).sources) == (("a.png",), ())
    with pytest.raises(OptionError, match="write a path from the photos' folder"):
        Ring(source="/a.png")
    wrong: list[Any] = [0, 0.5, -1, "0.1", None, True, float("nan")]
    for width in wrong:
        with pytest.raises(OptionError, match="write a share of the photo's sides between 0 and a half"):
            Ring(source="a.png", width=width)
