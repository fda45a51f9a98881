from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_made_store import HandMadeRow, hand_made, spot

from seewhy.store.report import tally as counting
from seewhy.store.report.tally import Largest, count, examples, interval

CORNER, MIDDLE = spot(7, 0), spot(4, 4)


def rows_of_three_classes() -> list[HandMadeRow]:
    """Bears by a corner, cows by the middle; two cows and a sheep are called bears."""
    return [
        *(HandMadeRow(0, 0, 0.9, {0: CORNER, 1: 0 * CORNER}) for _ in range(6)),
        HandMadeRow(1, 0, 0.6, {0: CORNER, 1: MIDDLE}),
        HandMadeRow(1, 0, 0.99, {0: MIDDLE, 1: MIDDLE}),  # odd among the bears
        HandMadeRow(2, 0, 0.8, {0: CORNER}),
        *(HandMadeRow(1, 1, 0.7, {1: (1 + n) * MIDDLE}) for n in range(4)),
        HandMadeRow(None, 1, 0.5, {1: -MIDDLE}),
    ]


def test_answers_and_mistakes_are_counted(tmp_path: Path) -> None:
    tally = count(hand_made(tmp_path / "store", rows_of_three_classes(), shard_size=4).dataset(), ["grad_cam"])
    assert (tally.photos, tally.labelled, tally.right) == (14, 13, 10)
    assert dict(tally.cells) == {(0, 0): 6, (1, 0): 2, (2, 0): 1, (1, 1): 4}
    assert dict(tally.called) == {0: 9, 1: 5}
    assert tally.mistakes == [7, 8, 6]  # the surest first
    assert tally.unsure == [13]
    assert tally.true_maps == 2
    assert (tally.methods, tally.layers) == ([{"grad_cam"}], {"block4"})


def test_the_mean_map_lies_where_the_maps_lie(tmp_path: Path) -> None:
    tally = count(hand_made(tmp_path / "store", rows_of_three_classes()).dataset(), ["grad_cam"])
    (bears, cows) = (tally.where[0][1][0], tally.where[0][1][1])
    assert (bears.photos, bears.empty, cows.photos, cows.empty) == (9, 0, 4, 1)
    assert bears.mean.sum() == pytest.approx(1, abs=1e-5)
    regions = bears.regions()
    assert regions["lower left corner"]["evidence"] == pytest.approx(8 / 9, abs=0.01)
    assert regions["lower left corner"]["area"] == 1 / 16
    assert regions["centre"]["evidence"] == pytest.approx(1 / 9, abs=0.01)
    assert (bears.densest(), cows.densest()) == ("lower left corner", "centre")
    # A map four times as strong counts no more than another: the mean is that of one of them.
    np.testing.assert_allclose(cows.mean.max(), count_of_one(tmp_path).max(), rtol=1e-5)
    assert cows.concentration > 0.9
    assert counting.Where().concentration == 0


def count_of_one(tmp_path: Path) -> np.ndarray:
    store = hand_made(tmp_path / "one", [HandMadeRow(1, 1, 0.7, {1: MIDDLE})])
    return count(store.dataset(), ["grad_cam"]).where[0][1][1].mean


def test_an_even_map_has_no_preference(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(0, 0, 0.9, {0: np.ones((8, 8), np.float32)})])
    where = count(store.dataset(), ["grad_cam"]).where[0][1][0]
    for region in where.regions().values():
        assert region["evidence"] == pytest.approx(region["area"], abs=1e-5)
    assert where.concentration == pytest.approx(0.05, abs=1e-3)


def test_typical_and_odd_photos_and_those_of_the_cells(tmp_path: Path) -> None:
    tenth = HandMadeRow(0, 0, 0.2, {0: CORNER})
    store = hand_made(tmp_path / "store", [*rows_of_three_classes(), tenth])
    tally = count(store.dataset(), ["grad_cam"])
    found = examples(store.dataset(), tally, [0, 1], [0, 1])
    assert found.typical[0] == [0, 1, 2, 3]
    assert found.odd[0][0] == 7
    assert not set(found.typical[0]) & set(found.odd[0])
    assert found.overlaps[7] == pytest.approx(1 / 10, abs=0.01)
    assert found.overlaps[0] == pytest.approx(9 / 10, abs=0.01)
    assert found.cells == {(0, 0): [0, 1, 2, 3, 4, 5, 14], (1, 0): [7, 6], (1, 1): [9, 10, 11, 12]}
    assert len(found.typical[0]) == len(found.odd[0]) == 4
    assert list(found.typical) == list(found.odd) == [0]
    assert found.taken == {1: [9, 10, 11, 12, 13]}


def test_of_fewer_than_ten_photos_none_is_typical_and_wrong_ones_come_first(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", rows_of_three_classes())
    found = examples(store.dataset(), count(store.dataset(), ["grad_cam"]), [], [0])
    assert found.taken == {0: [7, 8, 6, 0, 1, 2, 3, 4, 5]}
    assert (found.typical, found.odd, found.overlaps) == ({}, {}, {})


def test_a_class_whose_map_was_not_asked_for_has_none(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(1, 1, 0.9, {0: CORNER}), HandMadeRow(0, 0, 0.9, {0: CORNER})])
    tally = count(store.dataset(), ["grad_cam"])
    assert list(tally.where[0][1]) == [0]
    assert tally.where[0][1][0].photos == 1


def test_photos_for_the_plane_are_spread_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_PLACED", 4)
    rows = [HandMadeRow(0, 0, 0.9, {0: CORNER}, embedding=[float(n), 1.0]) for n in range(10)]
    tally = count(hand_made(tmp_path / "store", rows, shard_size=3).dataset(), ["grad_cam"])
    assert [number for number, _ in tally.sampled] == [0, 3, 6, 9]
    assert [values.tolist() for _, values in tally.sampled if values is not None] == [[n, 1.0] for n in (0.0, 3.0, 6.0, 9.0)]


def test_the_largest_are_kept_and_of_equal_ones_the_first() -> None:
    largest = Largest(3)
    assert [largest.add(key, number) for number, key in enumerate([1, 5, 5, 0, 5, 5])] == [True, True, True, False, True, False]
    assert largest.numbers() == [1, 2, 4]


def test_the_interval_holds_the_share_itself() -> None:
    for of in range(1, 501):
        for right in (0, of):
            (low, high) = interval(right, of)
            assert low <= right / of <= high
        assert interval(of, of)[1] == 1.0
        assert interval(0, of)[0] == 0.0


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(0, 0, 0.0, 1.0), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_wilson_s(right: int, of: int, low: float, high: float) -> None:
    """The last one is Newcombe's (1998) example, the others follow from the equation."""
    assert interval(right, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
