from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from seewhy.edits import EDITS, Edit, Fill, Inpaint, Match, Paste, Ring, edit_of, place_of
from seewhy.edits.base import in_form_of
from seewhy.errors import OptionError, PhotoError

EXAMPLES: list[Edit] = [
    Fill(box=(0, 0, 0.2, 0.5)),
    Fill(box=(0.5, 0.25, 1, 1), colour=(0, 0.5, 1)),
    Inpaint(box=(0.5, 0, 1, 1)),
    Paste(source="a/b.png", box=(0, 0, 1, 1), shuffle=3),
    Paste(source="ф\n.png", box=(0, 0, 0.5, 0.5), source_box=(0.5, 0.5, 1, 1)),
    Match(source="a.png", property="colour cast", opposite=True),
    Ring(source="a.png", width=0.2),
    Ring(source=None),
]


@pytest.mark.parametrize("edit", EXAMPLES, ids=lambda edit: edit.words)
def test_an_edit_is_data(edit: Edit) -> None:
    assert edit_of(json.loads(json.dumps(edit.record()))) == edit


def test_what_an_edit_takes_from_other_photos_is_known() -> None:
    assert [edit.sources for edit in EXAMPLES] == [(), (), (), ("a/b.png",), ("ф\n.png",), ("a.png",), ("a.png",), ()]


def test_every_edit_is_tried_here() -> None:
    assert {edit.name for edit in EXAMPLES} == set(EDITS)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0, 0, 0.5, 0.25), slice(0, 5), slice(0, 5)),
        ((0.5, 0.5, 1, 1), slice(5, 10), slice(10, 20)),
        ((0, 0, 0.001, 0.001), slice(0, 1), slice(0, 1)),
        ((0.999, 0.999, 1, 1), slice(9, 10), slice(19, 20)),
    ],
)
def test_a_box_is_at_least_a_pixel(box: Any, rows: slice, columns: slice) -> None:
    assert place_of(box, np.zeros((10, 20, 3), np.uint8)) == (rows, columns)


@pytest.mark.parametrize(
    "box", [(0, 0, 1), (0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), "all", "0011", None, (0, 0.6, 1, 0.5)]
)
def test_what_is_no_box(box: Any) -> None:
    with pytest.raises(OptionError, match=r"write \(top, left, bottom, right\) as shares of the photo"):
        Fill(box=box)


def test_an_unknown_edit_or_field() -> None:
    with pytest.raises(OptionError, match=r"There is no edit 'fil'\. Did you mean 'fill'\?"):
        edit_of({"name": "fil"})
    with pytest.raises(OptionError, match="The edit 'fill' does not have these fields: place"):
        edit_of({"name": "fill", "place": [0, 0, 1, 1]})


def test_a_donor_in_the_form_of_the_photo() -> None:
    grey = np.array([[0, 51]], np.uint8)
    photo = np.zeros((3, 4, 3), np.uint16)
    np.testing.assert_array_equal(in_form_of(photo, grey), [[[0, 0, 0], [51 * 257] * 3]])
    coloured = np.array([[[0.5, 0.5, 0.5], [1, 0, 0]]], np.float32)
    np.testing.assert_array_equal(in_form_of(grey, coloured), [[128, 76]])  # 0.5 * 255 and 0.299 * 255
    assert in_form_of(grey[..., None], coloured).shape == (1, 2, 1)
    np.testing.assert_array_equal(in_form_of(grey, grey), grey)
    with pytest.raises(PhotoError, match="A photo of 4 channels has nothing that could be laid on one of 3"):
        in_form_of(photo, np.zeros((2, 2, 4), np.uint8))
