"""Which tokens of the photo look at which in an attention: read off the places of those that look and those that are looked at.

Sizes would not do: a table of 16 channels by 16 channels is as large as one of 16 tokens by 16 tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from seewhy.engine.places import Places, row_by_row
from seewhy.engine.steps import Looks

_FUSED = frozenset(["scaled_dot_product_attention", "multi_head_attention_forward"])
_NO_TOKENS = "is none of the photo's tokens to each other"
_WINDOWS = "looks at windows of the photo, each by itself"
_VERSIONS = "looks at versions of the photo, each by itself"
_UNKNOWN = "reads tokens whose places on the photo are not known"


def looks_of(places: Places, name: str, args: Any, kwargs: dict[str, Any], output: torch.Tensor) -> Looks | str | None:
    """Which tokens look at which in an operation that has just been done; None where it is no attention, in words where it
    is none of tokens to tokens."""
    if name == "softmax":
        return _looks_of_softmax(places, args, kwargs, output)
    if name not in _FUSED:
        return None
    given = dict(zip(("query", "key"), args, strict=False)) | kwargs
    (queries, keys) = (places.of_rows(given[side]) for side in ("query", "key"))
    if queries is None or keys is None:
        return _UNKNOWN
    if queries.ndim < 3 or keys.ndim < 3:
        return _NO_TOKENS
    (queries, keys) = (queries.select(-1, 0), keys.select(-1, 0))  # channels have one place
    if name == "multi_head_attention_forward":
        return _looks_between(queries.mT, keys.mT, batch_first=True)
    return _looks_between(queries, keys, batch_first=_batch_first(output.shape[:-2]))


def _looks_of_softmax(places: Places, args: Any, kwargs: dict[str, Any], output: torch.Tensor) -> Looks | str | None:
    (rows, columns) = (places.of_rows(output), places.of_columns(output))
    if output.ndim < 3:
        return None
    if rows is not None and columns is None and output.shape[-1] == output.shape[-2] and _same_rows(rows.flatten(0, -2)):
        (rows, columns) = (rows.mT, rows)  # no product: what is looked at is the same for all, and so are they
    if rows is None or columns is None:  # no product, so no table; or one whose places were lost before
        return _UNKNOWN if rows is None and output.shape[-1] == output.shape[-2] > 1 else None
    axis = kwargs.get("dim", next((argument for argument in args if isinstance(argument, int)), None))
    if axis is None or axis % output.ndim < output.ndim - 2:
        return "sums to 1 over neither its rows nor its columns"
    transposed = axis % output.ndim == output.ndim - 2  # who looks stands in the columns
    sides = (rows.select(-1, 0), columns.select(-2, 0))
    (queries, keys) = reversed(sides) if transposed else sides
    return _looks_between(queries, keys, _batch_first(output.shape[:-2]), transposed)


def _looks_between(queries: torch.Tensor, keys: torch.Tensor, batch_first: bool, transposed: bool = False) -> Looks | str:
    """queries, keys : the places of those that look, and are looked at, ``(..., tokens)``."""
    cells = []
    for side in (queries, keys):
        parts = side.reshape(-1, side.shape[-1])
        if not _same_rows(parts):
            return _VERSIONS if _same_cells(parts) else _WINDOWS  # heads would have the same places
        cells.append(row_by_row(parts[0].contiguous().numpy().tobytes(), parts.dtype == torch.complex128))
    if sum(side > 1 for side in queries.shape[:-1]) > 1:
        return _VERSIONS  # more than the axis of heads
    if queries.shape[-1] != keys.shape[-1]:
        (count, others) = (queries.shape[-1], keys.shape[-1])
        return f"has {count} token{'s' * (count != 1)} that look{'s' * (count == 1)} at {others}"
    (of_queries, of_keys) = cells
    if of_queries is None or of_keys is None or len(of_queries[1]) == 1:
        return _NO_TOKENS
    if of_queries != of_keys:
        return "has tokens that look at others, in another order"
    (sides, indices, _) = of_queries
    return Looks(queries.shape[-1], sides, indices, batch_first, transposed)


def _batch_first(outer: torch.Size) -> bool:
    """Of a table's axes before its rows, in a pass of one photo: False where heads stand in the first of them."""
    return outer[0] == 1


def _same_cells(places: torch.Tensor) -> bool:
    """The same places in each row, in whatever order."""
    ordered = np.sort(places.numpy().round(3), axis=1)
    return bool((ordered == ordered[:1]).all())


def _same_rows(places: torch.Tensor) -> bool:
    return bool((places.numpy() == places[:1].numpy()).all())
