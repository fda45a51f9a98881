"""Rectangles in a kept map: which outputs they reach, windows around them, and the whole maps put together again."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from masked_photos import by_hand, patched

from seewhy.engine.patched import KeptMap, Patched, cut, reach, window


def test_reach_finds_every_output_that_reads_the_rectangle_and_no_more_than_needed() -> None:
    trials = 0
    for kernel, stride, dilation in itertools.product(range(1, 8), range(1, 5), range(1, 4)):
        spread = (kernel - 1) * dilation
        for padding, inside in itertools.product({0, 1, spread // 2, spread}, (9, 14)):
            count = (inside + 2 * padding - spread - 1) // stride + 1
            if inside + 2 * padding <= spread:
                continue
            reads = np.arange(count)[:, None] * stride - padding + np.arange(kernel) * dilation  # by each output
            for length in (1, 2, 3, 5, 9):
                first = np.arange(inside - length + 1)
                (start, many) = reach(first, length, count, kernel, stride, padding, dilation)
                spans = []
                for f, s in zip(first, start, strict=True):
                    (sees,) = np.nonzero(((reads >= f) & (reads < f + length)).any(axis=1))
                    assert s >= 0
                    assert s + many <= count
                    assert set(sees) <= set(range(s, s + many))
                    spans.append(sees[-1] - sees[0] + 1 if len(sees) else 0)
                    trials += 1
                # All get one number, which the farthest-spread position anywhere in a long map would need.
                longest = max(min(count, (length - 1 + spread) // stride + 1), 1)
                assert max(spans) <= many <= longest
    assert trials > 20_000


def test_reach_takes_the_fewest_outputs_that_any_position_needs() -> None:
    for kernel, stride, dilation, length in itertools.product(range(1, 8), range(1, 5), (1, 2), range(1, 6)):
        spread = (kernel - 1) * dilation
        first = np.arange(40, 40 + 12)  # far from both edges
        (_, many) = reach(first, length, 100, kernel, stride, 0, dilation)
        ends = [(f + length - 1) // stride - -((-(f - spread)) // stride) + 1 for f in first]
        assert many == max(1, max(ends))


def test_reach_grows_to_one_side_only_where_all_lie_at_an_edge() -> None:
    for first, starts in (([0, 0], [0, 0]), ([36, 36], [35, 35]), ([0, 36], [0, 35])):
        (start, many) = reach(np.array(first), 4, 40, 3, 1, 1, 1)
        assert (start.tolist(), many) == (starts, 5)
    (start, many) = reach(np.array([0, 20, 36]), 4, 40, 3, 1, 1, 1)  # one in the middle: all are as large as its
    assert (start.tolist(), many) == ([0, 19, 34], 6)


def test_put_together_puts_each_rectangle_in_its_own_place() -> None:
    for seed, size in enumerate([(1, 1), (3, 2), (7, 1), (1, 9), (7, 9)]):
        x = patched(seed, size=size)
        assert torch.equal(x.put_together(), by_hand(x))


def test_put_together_keeps_the_order_in_memory_of_the_kept_map() -> None:
    x = patched()
    assert x.put_together().is_contiguous()
    x = patched()
    x = Patched(x.patch, x.rows, x.columns, x.base.contiguous(memory_format=torch.channels_last))
    assert x.put_together().is_contiguous(memory_format=torch.channels_last)


def test_windows_over_the_edge_are_filled_outside() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        x = patched(seed)
        size = (int(rng.integers(1, 12)), int(rng.integers(1, 12)))
        (rows, columns) = (rng.integers(-6, 9, 3), rng.integers(-6, 11, 3))
        expected = torch.full((3, 4, *size), -7.0)
        whole = by_hand(x)
        for i, r, c in itertools.product(range(3), range(size[0]), range(size[1])):
            (row, column) = (rows[i] + r, columns[i] + c)
            if 0 <= row < 7 and 0 <= column < 9:
                expected[i, :, r, c] = whole[i, :, row, column]
        assert torch.equal(window(x, rows, columns, size, -7.0), expected)


def test_the_window_of_the_rectangles_is_the_rectangles() -> None:
    x = patched()
    assert window(x, x.rows, x.columns, x.extent) is x.patch


def test_windows_at_the_rectangles_own_places_need_no_copy() -> None:
    x = patched()
    assert window(x, x.rows.copy(), x.columns.copy(), x.extent) is x.patch


def test_what_lies_outside_of_a_kept_map_is_the_last_row_of_its_table() -> None:
    values = torch.rand(1, 4, 2, 3)
    kept = KeptMap(values)
    for outside in (0.0, float("-inf")):
        assert torch.equal(kept.table(outside)[:-1].view(2, 3, 4), values[0].permute(1, 2, 0))
        assert kept.table(outside)[-1].tolist() == [outside] * 4
        assert kept.table(outside) is kept.table(outside)  # made once


def test_cut_takes_a_window_for_each_place() -> None:
    features = torch.rand(1, 4, 7, 9)
    (rows, columns) = (np.array([0, 4, 2]), np.array([7, 0, 3]))
    expected = torch.stack([features[0, :, r : r + 3, c : c + 2] for r, c in zip(rows, columns, strict=True)])
    assert torch.equal(cut(features, rows, columns, (3, 2)), expected)
