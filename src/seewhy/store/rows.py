"""A photo with its explanations as one row of a table."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seewhy.errors import StoreError
from seewhy.explanation import Explanation
from seewhy.geometry import Array, Geometry
from seewhy.methods.auto import ChoiceNote
from seewhy.records import Photo, Prediction
from seewhy.store.maps import PackedMaps

if TYPE_CHECKING:
    import pyarrow

THUMBNAIL = 96  # pixels, the longer side
MOST_BYTES = 2**28  # of rows that are written and read together, unless one alone has more
_MOST_OF_ROW = 2**31 - 2**20  # bytes of maps
# Columns of one number, text or truth value, which filters can name.
PLAIN = (
    *("number", "path", "edit", "sha256", "height", "width", "label", "label_index"),
    *("predicted", "predicted_index", "score", "wrong"),
)

OWN = {"number", "sha256", "thumbnail", "explanations"}  # columns of every shard, of whichever version of seewhy


@functools.cache
def schema() -> pyarrow.Schema:
    """Of every shard.

    number : the photo's place in the sorted list. path : from the photos' root. edit : what was changed in it, as JSON (see
    ``seewhy.edits``); null for the photo as it is. sha256 : of the photo's file. source_sha256 : of the files of the edit's
    ``sources``. height, width : of the photo, upright. label, predicted : classes; wrong : null where the label is not known.
    score : of the predicted class. predictions : the first five. geometry : what the network saw of the photo. thumbnail : a
    JPEG. embedding : the mean over space of the feature layer. explanations : one for each method; their maps are ``values``
    (float16) times ``scales``, and ``choice_note`` is the place of the note on what "auto" took.
    """
    import pyarrow as pa

    prediction = pa.struct([("name", pa.string()), ("index", pa.int32()), ("score", pa.float32())])
    target = pa.struct(
        [*(("name", pa.string()), ("index", pa.int32()), ("score", pa.float32()), ("rank", pa.int32())), ("against", prediction)]
    )
    cost = pa.struct([(name, pa.float64()) for name in ("forward", "backward", "seconds")])
    geometry = pa.struct(
        [(name, pa.list_(pa.int32())) for name in ("photo", "input")]
        + [(name, pa.list_(pa.float64())) for name in ("rows", "columns")]
    )
    explanation = pa.struct(
        [
            ("method", pa.string()),
            ("targets", pa.list_(target)),
            ("values", pa.binary()),
            ("scales", pa.list_(pa.float32())),
            ("grid", pa.list_(pa.int32())),
            ("signed", pa.bool_()),
            ("units", pa.string()),
            ("layer", pa.string()),
            ("by_class", pa.bool_()),
            ("partial", pa.bool_()),
            ("settings", pa.string()),
            ("seed", pa.int64()),
            ("cost", cost),
            ("notes", pa.list_(pa.string())),
            ("note_targets", pa.list_(pa.int32())),
            ("choice_note", pa.int32()),
            ("details", pa.string()),
            ("sample_grid", pa.string()),
        ]
    )
    return pa.schema(
        [
            ("number", pa.int64()),
            ("path", pa.string()),
            ("edit", pa.string()),
            ("sha256", pa.string()),
            ("source_sha256", pa.list_(pa.string())),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("label", pa.string()),
            ("label_index", pa.int32()),
            ("predicted", pa.string()),
            ("predicted_index", pa.int32()),
            ("score", pa.float32()),
            ("wrong", pa.bool_()),
            ("predictions", pa.list_(prediction)),
            ("geometry", geometry),
            ("thumbnail", pa.binary()),
            ("embedding", pa.list_(pa.float32())),
            ("explanations", pa.list_(explanation)),
        ]
    )


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """What a row keeps of a photo beside its explanations.

    number : its place in the list. sha256 : of its file. edit : what was changed in it, None for nothing. geometry : of the whole
    photo. thumbnail : a JPEG. label : an index, None where it is not known. source_sha256 : of the files that the edit takes
    something from.
    """

    number: int
    path: str
    edit: dict[str, Any] | None
    sha256: str
    geometry: Geometry
    thumbnail: bytes
    label: int | None = None
    source_sha256: Sequence[str | None] = ()


def row(
    photo: StoredPhoto,
    classes: Sequence[str],
    predictions: Sequence[Prediction],
    explanations: Sequence[Explanation],
    embedding: Array | None,
) -> dict[str, Any]:
    """A photo as a row of :func:`schema`."""
    records = [explanation.record() for explanation in explanations]
    first = vars(predictions[0]) if predictions else {"name": None, "index": None, "score": None}
    label = photo.label
    return {
        "number": photo.number,
        "path": photo.path,
        "edit": None if photo.edit is None else json.dumps(photo.edit, ensure_ascii=False),
        "sha256": photo.sha256,
        "source_sha256": list(photo.source_sha256),
        "height": photo.geometry.photo[0],
        "width": photo.geometry.photo[1],
        "label": None if label is None else classes[label],
        "label_index": label,
        "predicted": first["name"],
        "predicted_index": first["index"],
        "score": first["score"],
        "wrong": None if label is None or first["index"] is None else label != first["index"],
        "predictions": [vars(prediction) for prediction in predictions],
        "geometry": asdict(photo.geometry),
        "thumbnail": photo.thumbnail,
        "embedding": embedding,
        "explanations": [_columns(e, record) for e, record in zip(explanations, records, strict=True)],
    }


def _columns(explanation: Explanation, record: dict[str, Any]) -> dict[str, Any]:
    packed = PackedMaps.of(explanation.maps)
    record["details"].pop("estimate", None)  # of the time, before the work: the cost is known now
    same = ("method", "targets", "signed", "units", "layer", "by_class", "partial", "seed", "cost", "notes", "note_targets")
    texts = ("settings", "details", "sample_grid")
    return {
        **{name: record[name] for name in same},
        **{name: None if record[name] is None else json.dumps(record[name], ensure_ascii=False) for name in texts},
        "choice_note": next((place for place, note in enumerate(explanation.notes) if isinstance(note, ChoiceNote)), None),
        **vars(packed),
    }


def thumbnail(photo: Photo) -> bytes:
    """A JPEG of what a photo shows, which was reduced before."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(photo.original)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def table(rows: Sequence[dict[str, Any]]) -> pyarrow.Table:
    """Rows as a table of :func:`schema`. Raises StoreError for a photo with more maps than a row can hold."""
    import pyarrow as pa

    sizes = [sum(len(explanation["values"]) for explanation in row.get("explanations") or ()) for row in rows]
    largest = max(range(len(rows)), key=sizes.__getitem__, default=0)
    if rows and sizes[largest] > _MOST_OF_ROW:
        raise StoreError(
            f"The maps of '{rows[largest]['path']}' take {sizes[largest] / 1e9:.1f} GB, and a row of a table holds "
            f"{_MOST_OF_ROW / 1e9:.1f}: ask for fewer classes, or for methods in several stores."
        )
    parts = [pa.RecordBatch.from_pylist(rows[part.start : part.stop], schema=schema()) for part in _parts(sizes)]
    return pa.Table.from_batches(parts, schema=schema())


def _parts(sizes: Sequence[int]) -> Iterator[range]:
    """Of rows with so many bytes each, those that are held together: Arrow counts the bytes of a column up to 2 GB."""
    (start, taken) = (0, 0)
    for place, size in enumerate(sizes):
        if place > start and taken + size > MOST_BYTES:
            yield range(start, place)
            (start, taken) = (place, 0)
        taken += size
    if start < len(sizes):
        yield range(start, len(sizes))


def columns_of(file: IO[bytes]) -> list[str] | None:
    """Of a Parquet file; None for another kind of file, and for half of one. Raises OSError where it cannot be read."""
    import pyarrow.parquet

    try:
        names: list[str] = pyarrow.parquet.read_schema(file).names
    except pyarrow.ArrowInvalid:
        return None
    except OSError as error:
        if error.errno is not None:
            raise
        return None  # of pyarrow, on what the file says
    return names


def table_bytes(rows: pyarrow.Table) -> bytes:
    """A table as a Parquet file, in row groups that are read one at a time."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(buffer, rows.schema, compression="zstd") as writer:
        for part in _parts([rows.slice(place, 1).nbytes for place in range(len(rows))]):
            writer.write_table(rows.slice(part.start, len(part)), row_group_size=len(part))
    return buffer.getvalue()
