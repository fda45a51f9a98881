from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from seewhy.errors import OptionError, PhotoError
from seewhy.store.places import folder_at
from seewhy.store.tables import columns_of


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("path,label\na.jpg,cow\n", ["path", "label"], [["a.jpg"], ["cow"]]),
        ("\ufeffpath;label\r\na.jpg;cow\r\n\r\n", ["path", "label"], [["a.jpg"], ["cow"]]),
        ('path, label\n"a, ""b"".jpg", "c\nd"\n', ["path", "label"], [['a, "b".jpg'], ["c\nd"]]),
        ("path\tlabel\na, b.jpg\t cow\n", ["path", "label"], [["a, b.jpg"], [" cow"]]),
        ("path\na;b.jpg\n", ["path"], [["a;b.jpg"]]),
        ("path,label\na.jpg\nb.jpg,,c\n", ["path", "label"], [["a.jpg", "b.jpg"], [None, ""]]),
        ("path,label\n", ["path", "label"], [[], []]),
        ("", [], []),
    ],
)
def test_text_is_parted_as_spreadsheets_write_it(tmp_path: Path, text: str, names: list[str], rows: list[list[str]]) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode())
    (found, column, _) = columns_of(folder_at(tmp_path), "a.csv")
    assert (found, [column(name) for name in found]) == (names, rows)


def test_of_parquet_only_the_columns_that_are_asked_for_are_read(memory: None, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"path": ["a.jpg", None], "number": [1, 2]}), tmp_path / "a.PARQUET")
    folder_at("memory://bucket").write("a.parquet", (tmp_path / "a.PARQUET").read_bytes())
    for place, name in ((tmp_path, "a.PARQUET"), ("memory://bucket", "a.parquet")):
        (names, column, texts) = columns_of(folder_at(place), name)
        assert texts == ["path"]
        assert (names, column("path"), column("number")) == (["path", "number"], ["a.jpg", None], [1, 2])


def test_what_is_no_table_is_one_line(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    with pytest.raises(PhotoError, match=r"There is no file '.*none\.csv'\."):
        columns_of(folder, "none.csv")
    folder.write("a.csv", b"path\n\xff\xfe.jpg\n")
    with pytest.raises(OptionError, match=r"a\.csv' cannot be read as a table \('utf-8' codec"):
        columns_of(folder, "a.csv")
    folder.write("b.csv", b'path\n"a.jpg\n')
    with pytest.raises(OptionError, match=r"b\.csv' cannot be read as a table \(unexpected end of data\)"):
        columns_of(folder, "b.csv")
    folder.write("c.parquet", b"no table")
    with pytest.raises(OptionError, match=r"c\.parquet' cannot be read as a table \(Parquet magic bytes not found"):
        columns_of(folder, "c.parquet")
