"""Tables that list photos: .csv, .tsv and .parquet, column by column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from seewhy.errors import OptionError, PhotoError
from seewhy.store.places import Folder

TABLES = (".csv", ".tsv", ".parquet")
_DELIMITERS = "\t;,"

Columns = tuple[list[str], Callable[[str], list[Any]], list[str]]  # names, what a column holds, those of text alone


def columns_of(folder: Folder, name: str) -> Columns:
    """The columns of a table. Raises PhotoError where there is no such file, OptionError for what is no table."""
    shown = folder.shown(name)
    try:
        content = folder.read(name)
        return _of_parquet(content, shown) if name.lower().endswith(".parquet") else _of_text(content)
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{shown}'.") from None
    except OSError as error:
        raise PhotoError(f"'{shown}' cannot be opened: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"'{shown}' cannot be read as a table ({error}).") from None


def _of_parquet(content: bytes, shown: str) -> Columns:
    import pyarrow
    import pyarrow.parquet

    def read(columns: list[str] | None) -> Any:
        try:
            return file.read(columns)
        except (pyarrow.ArrowException, OSError) as error:
            raise OptionError(f"'{shown}' cannot be read as a table ({error}).") from None

    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise OptionError(f"'{shown}' cannot be read as a table ({error}).") from None
    schema = file.schema_arrow
    texts = [field.name for field in schema if pyarrow.types.is_string(field.type) or pyarrow.types.is_large_string(field.type)]
    return list(schema.names), lambda name: read([name])[name].to_pylist(), texts


def _of_text(content: bytes) -> Columns:
    text = content.decode("utf-8-sig")
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)

    def reader() -> Iterator[list[str]]:
        skips = delimiter != "\t"
        return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=skips, strict=True)

    rows = (cells for cells in reader() if any(cells))
    names = next(rows, [])
    for _ in rows:  # so that a broken line shows now
        pass

    def column(name: str) -> list[Any]:
        """Read again: the cells of a million lines take more memory than all else about them."""
        place = names.index(name)
        rows = (cells for cells in reader() if any(cells))
        next(rows)
        return [cells[place] if place < len(cells) else None for cells in rows]

    return names, column, names
