from __future__ import annotations

import pickle

import pytest

from seewhy.store.sequences import Cycled, Repeated, repeated


def test_each_value_a_few_times() -> None:
    values = Repeated(["a", "b", "c"], 2)
    assert (list(values), len(values), values[-1], values[1:4]) == (["a", "a", "b", "b", "c", "c"], 6, "c", ["a", "b", "b"])
    with pytest.raises(IndexError):
        values[6]
    assert pickle.loads(pickle.dumps(values)) == values


def test_all_values_a_few_times() -> None:
    values = Cycled([None, "x"], 3)
    assert (list(values), len(values), values[3], values[:2]) == ([None, "x"] * 3, 6, "x", [None, "x"])


def test_once_are_the_values_themselves() -> None:
    values = ["a", "b"]
    assert repeated(values, 1) is values
    assert list(repeated(values, 2)) == ["a", "a", "b", "b"]
