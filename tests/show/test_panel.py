import numpy as np
import pytest

from seewhy.show import Bar

TABLE = np.zeros((5, 3))


@pytest.mark.parametrize(
    ("bar", "marks"),
    [
        (Bar(TABLE, 0, 4), ["0", "2", "4"]),
        (Bar(TABLE, -3080, 3080, signed=True), ["−3,080", "0", "3,080"]),
        (Bar(TABLE, -5.01e-5, 5.01e-5, signed=True, open=True), ["≤ −5.01e−05", "0", "≥ 5.01e−05"]),
        (Bar(TABLE, 0, 10, open=True), ["0", "5", "≥ 10"]),
        (Bar(TABLE, 0, 0), ["0"]),
    ],
)
def test_a_bar_is_labelled_with_numbers_a_person_can_read(bar, marks):
    assert [text for _, text in bar.marks] == marks


def test_where_the_labels_stand():
    assert [place for place, _ in Bar(TABLE, -1, 1, signed=True).marks] == [0.0, 0.5, 1.0]
    assert Bar(TABLE, 0, 0, signed=True).marks == [(0.5, "0")]


def test_a_signed_bar_says_which_side_speaks_for_the_class():
    assert Bar(TABLE, -1, 1, "logit", signed=True).label == "against ← logit → for"
    assert Bar(TABLE, 0, 1, "logit per cell").label == "logit per cell"
