from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
import pyarrow.parquet
import pytest

import seewhy
from seewhy.edits import Fill
from seewhy.errors import OptionError, StoreError
from seewhy.store.places import LocalFolder


def test_what_it_says_of_itself(store: seewhy.Store, tmp_path: Path) -> None:
    assert (len(store), store.complete, store.unread, store.notes) == (10, True, [], [])
    assert (store.classes, store.methods) == (["red", "green", "blue"], ["grad_cam", "occlusion"])
    assert repr(store) == f"<Store {tmp_path / 'store'}: 10 rows, grad_cam, occlusion>"


def test_opened_it_is_the_same(store: seewhy.Store, folder: Path, tmp_path: Path) -> None:
    opened = seewhy.Store.open(tmp_path / "store")
    assert [e.photo.name for e in opened] == [path.name for path in sorted(folder.rglob("*.png"))]
    assert np.array_equal(opened[3].maps, store[3].maps)
    assert opened[-1].photo.name == opened[9].photo.name
    with pytest.raises(IndexError, match=r"The store has 10 rows\."):
        opened[10]
    with pytest.raises(StoreError, match="There is no store in"):
        seewhy.Store.open(tmp_path)
    wrong: Any
    for wrong in (None, "", 3):
        with pytest.raises(OptionError, match=r"^path=.*: write the folder that seewhy\.run has written, or its URL\.$"):
            seewhy.Store.open(wrong)
    for wrong in (slice(0, 2), "0", 1.0, None):
        with pytest.raises(OptionError, match=r"^i=.*: write the place of one row; store\.where\(\.\.\.\) takes some of them\.$"):
            opened[wrong]


def test_photos_and_store_may_move(store: seewhy.Store, folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    assert "is not there any more" in seewhy.Store.open(store.path)[0].notes[-1]
    found = seewhy.Store.open(store.path, photos=moved)[0]
    assert not any("thumbnail" in note for note in found.notes)
    together = tmp_path / "together"
    together.mkdir()
    moved.rename(together / "photos")
    store.path.rename(together / "store")
    assert not any("thumbnail" in note for note in seewhy.Store.open(together / "store")[0].notes)


def test_the_thumbnail_alone_does_not_look_at_the_photo(store: seewhy.Store, folder: Path) -> None:
    (whole, small) = (store.explanations(2), store.explanations(2, thumbnail=True))
    folder.rename(folder.with_name("away"))
    again = store.explanations(2, thumbnail=True)
    assert [e.notes for e in again] == [e.notes for e in small] == [e.notes for e in whole]
    for kept, read in zip(small, whole, strict=True):
        assert np.array_equal(kept.maps, read.maps)
        assert kept.photo.geometry.input == read.photo.geometry.input
        assert (kept.photo.rebuilt, read.photo.rebuilt) == (True, False)


def test_sorted_by_a_column(store: seewhy.Store) -> None:
    frame = store.to_pandas()
    scores = frame["score"].to_numpy()
    assert scores[store.order()].tolist() == sorted(scores, reverse=True)
    assert store.order(ascending=True)[0] == int(np.argmin(scores))
    assert store.order("path") == list(range(10))
    assert store.order("path", ascending=False) == list(range(9, -1, -1))
    assert store.order("label") == list(range(10))  # equal ones in the order of their paths
    reds = store.where("label = red")
    assert [reds.to_pandas()["number"][place] for place in reds.order("number", ascending=True)] == sorted(
        frame["number"][frame["label"] == "red"]
    )
    with pytest.raises(OptionError, match=r"by='skore': rows are sorted by number, path, .*Did you mean 'score'"):
        store.order("skore")


def test_which_folders_are_stores(store: seewhy.Store, folder: Path) -> None:
    assert seewhy.Store.is_at(store.path)
    assert seewhy.Store.is_at(f"file://{store.path}")
    assert seewhy.Store.is_at("memory://store")
    assert not seewhy.Store.is_at(f"file://{folder}")
    (folder / "manifest.json").write_text("{}")
    assert not seewhy.Store.is_at(folder)


def test_a_folder_that_may_not_be_looked_into_is_no_store(store: seewhy.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: LocalFolder, name: str) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalFolder, "is_file", refused)
    assert not seewhy.Store.is_at(store.path)


def test_each_photo_counts_once(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    (red, pasted) = (Fill(box=(0, 0, 1, 1), colour=(1, 0, 0)), Fill(box=(0, 0, 0.5, 1)))

    def stored(name: str, edits: Any) -> seewhy.Store:
        return seewhy.run(clf, folder, tmp_path / name, "grad_cam", edits=edits, shard_size=4)

    both = stored("both", [red, None])
    once = both.each_photo_once()
    assert once.to_arrow(["number", "edit"]).to_pydict() == {"number": list(range(1, 20, 2)), "edit": [None] * 10}
    assert both.places_of(once) == list(range(1, 20, 2))
    assert once.each_photo_once() is once
    assert [e.photo.name for e in once] == [path.name for path in sorted(folder.rglob("*.png"))]
    chosen = both.where("number > 7")
    assert chosen.each_photo_once() is chosen
    none_as_it_is = stored("none", [pasted, red]).each_photo_once()
    assert none_as_it_is.to_arrow(["number"])["number"].to_pylist() == list(range(0, 20, 2))
    for single in (stored("plain", ()), stored("single", [red])):
        assert single.each_photo_once() is single
        assert single.places_of(single) == list(range(10))


def test_what_is_not_asked_for_is_not_read(store: seewhy.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters and frames take columns without maps; going through the rows opens each shard once."""
    opened: list[str] = []
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        opened.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    few = seewhy.Store.open(store.path).where("score > 0.1 and right")
    assert len(few) == len(few.to_pandas()) == len(few.order()) == 10
    assert opened == ["manifest.json"]  # whole shards are read for maps alone
    assert len(list(few)) == 10
    assert [name for name in opened if name.endswith(".parquet")] == ["000000.parquet", "000001.parquet", "000002.parquet"]


def test_where_gives_a_store_of_these_rows(store: seewhy.Store) -> None:
    reds = store.where("label = red")
    frame = reds.to_pandas()
    assert frame["label"].tolist() == ["red"] * 4
    assert len(reds) == 4
    assert [e.predictions[0].name for e in reds] == ["red"] * 4
    assert [reds[i].photo.name for i in range(4)] == [Path(path).name for path in frame["path"]]
    few = reds.where("number > 7 or path contains 'фото 0'")
    assert few.to_pandas()["number"].tolist() == sorted({*frame["number"][frame["number"] > 7], 6})
    assert len(store.where("wrong")) == 0
    assert list(store.where("wrong")) == []
    assert len(store) == 10


def test_frames_have_the_plain_columns_or_those_that_are_named(store: seewhy.Store) -> None:
    assert store.to_pandas().columns.tolist()[:4] == ["number", "path", "edit", "sha256"]
    frame = store.to_pandas(["predicted", "embedding"])
    assert frame.columns.tolist() == ["predicted", "embedding"]
    brightest = [int(np.argmax(embedding)) for embedding in frame["embedding"]]
    assert [store.classes[index] for index in brightest] == frame["predicted"].tolist()
    with pytest.raises(OptionError, match=r"A store has no column 'predictd'. Did you mean 'predicted'"):
        store.to_pandas(["predictd"])


def test_the_dataset_is_pyarrow_s(store: seewhy.Store) -> None:
    counted = store.dataset().to_table().group_by("label").aggregate([("score", "count")]).sort_by("label").to_pydict()
    assert counted == {"label": ["blue", "green", "red"], "score_count": [3, 3, 4]}
    assert store.where("label = blue").dataset().count_rows() == 3
    assert store.dataset().count_rows(filter=pyarrow.compute.field("label") == "red") == 4


def test_a_broken_shard_is_said_when_it_is_read(store: seewhy.Store) -> None:
    path = store.path / "shards" / "000001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    opened = seewhy.Store.open(store.path)
    opened[0]
    with pytest.raises(StoreError) as refused:
        opened[5]
    assert str(refused.value) == f"'{path}' is broken: it is not what was written. The run, started again, makes it anew."
    with pytest.raises(StoreError, match=r"store' is broken: .*000001.parquet"):
        opened.to_pandas()
    path.unlink()
    with pytest.raises(StoreError, match=r"000001.parquet' cannot be opened: No such file or directory\."):
        opened[5]


def test_a_shard_that_arrow_cannot_read_is_said(store: seewhy.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*of_table: Any, **settings: Any) -> None:
        raise pyarrow.ArrowNotImplementedError("Nested data conversions not implemented for chunked array outputs")

    opened = seewhy.Store.open(store.path)
    monkeypatch.setattr(pyarrow.parquet, "read_table", too_much)
    with pytest.raises(StoreError, match=r"000000\.parquet' cannot be read: Nested data conversions not implemented"):
        opened[0]
    monkeypatch.setattr(opened, "dataset", too_much)
    with pytest.raises(StoreError, match=r"store' is broken: Nested data conversions not implemented"):
        opened.to_pandas()


def test_of_a_run_that_has_not_begun_to_finish(store: seewhy.Store) -> None:
    store._manifest.shards.clear()
    store._manifest.write(store.path)
    opened = seewhy.Store.open(store.path)
    assert (len(opened), opened.complete, list(opened)) == (0, False, [])
    assert len(opened.to_pandas()) == 0
    assert len(opened.where("wrong")) == 0
    assert repr(opened).endswith("0 rows (of 10 photos: not finished), grad_cam, occlusion>")


@pytest.mark.parametrize(("copied", "over"), [(0, 1), (1, 0), (0, 2)])
def test_a_whole_shard_in_the_place_of_another_is_seen(store: seewhy.Store, copied: int, over: int) -> None:
    """Also where no checksum is looked at."""
    shards = store.path / "shards"
    (shards / f"00000{over}.parquet").write_bytes((shards / f"00000{copied}.parquet").read_bytes())
    message = f"is broken: '{shards / f'00000{over}.parquet'}' holds other rows than were written. The run, started again, makes"
    opened = seewhy.Store.open(store.path)
    for read in (
        opened.to_pandas,
        opened.order,
        opened.dataset,
        lambda: len(opened.where("right")),
        lambda: opened.known_features(9),
    ):
        with pytest.raises(StoreError, match=re.escape(message)):
            read()


def test_a_shard_with_fewer_rows_is_seen(store: seewhy.Store) -> None:
    shard = store.path / "shards" / "000001.parquet"
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(shard).slice(0, 3), shard)
    with pytest.raises(StoreError, match=r"000001\.parquet' holds other rows than were written\."):
        seewhy.Store.open(store.path).to_arrow()


def test_other_classes_than_the_rows_name_are_seen(store: seewhy.Store, tmp_path: Path) -> None:
    store._manifest.model["classes"] = ["red", "green"]
    store._manifest.write(store.path)
    (shard, manifest) = (store.path / "shards" / "000000.parquet", store.path / "manifest.json")
    opened = seewhy.Store.open(store.path)
    for read in (opened.to_pandas, lambda: opened.report(tmp_path / "report.html"), lambda: len(opened.where("right"))):
        with pytest.raises(StoreError) as refused:
            read()
        assert str(refused.value) == f"'{shard}' and '{manifest}' have other classes."


def test_a_shard_without_rows_is_nothing_wrong(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    for path in sorted(folder.rglob("*.png"))[:4]:
        path.write_bytes(b"half")
    store = seewhy.run(clf, folder, tmp_path / "few", "grad_cam", shard_size=4)
    assert store.to_arrow()["number"].to_pylist() == [4, 5, 6, 7, 8, 9]
