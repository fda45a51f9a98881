from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute
import pytest
from hand_made_store import HandMadeRow, hand_made, spot

from seewhy.errors import StoreError
from seewhy.geometry import Geometry
from seewhy.store.report.scanning import scan


def test_rows_come_one_by_one_with_their_maps(tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 1, 0.5, {1: spot(n, n), 0: 3 * spot(0, n)}, seen=(16, 112)) for n in range(5)]
    store = hand_made(tmp_path / "store", rows, shard_size=2)
    read = list(scan(store.dataset(), ("number", "geometry", "explanations")))
    assert [row["number"] for row in read] == [0, 1, 2, 3, 4]
    assert read[0]["geometry"] == Geometry((96, 128), (64, 64), (1.5, 0.0), (1.5, 16.0))
    for n, row in enumerate(read):
        (stored,) = row["explanations"]
        np.testing.assert_allclose(stored.map_of(1), spot(n, n))
        np.testing.assert_allclose(stored.map_of(0), 3 * spot(0, n))
        assert stored.map_of(2) is None
        assert stored.map_of(None) is None
        assert (stored.has(0), stored.has(2), stored.map_at(2)) == (True, False, None)
    some = scan(store.dataset(), ("number",), pyarrow.compute.field("number").isin([1, 4]))
    assert [row["number"] for row in some] == [1, 4]


def test_a_map_of_no_class_stands_for_any(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(0, 1, 0.5, {0: spot(2, 3)}, by_class=False)])
    (row,) = scan(store.dataset(), ("explanations",))
    np.testing.assert_allclose(row["explanations"][0].map_of(2), spot(2, 3))
    assert not row["explanations"][0].has(0)


def test_a_broken_shard_is_said(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(0, 1, 0.5, {1: spot(0, 0)})])
    (tmp_path / "store" / "shards" / "000000.parquet").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="The run, started again, makes the shard anew"):
        list(scan(store.dataset(), ("number",)))


def test_what_arrow_cannot_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(self: pyarrow.dataset.Dataset, **of_maps: object) -> None:
        raise pyarrow.ArrowNotImplementedError("Nested data conversions not implemented for chunked array outputs.")

    class Rows:
        to_batches = too_much

    with pytest.raises(StoreError, match=r"^The store is broken: Nested data conversions"):
        list(scan(Rows(), ("number",)))  # type: ignore[arg-type]
