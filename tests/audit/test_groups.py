from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow
import pyarrow.dataset
import pytest
from PIL import Image

from seewhy.audit import groups as module
from seewhy.audit.groups import PhotoGroup, groups
from seewhy.audit.kinds import RECURRING
from seewhy.audit.matching import CELLS, pictures_of
from seewhy.audit.photos import SIDE, audited
from seewhy.audit.recurring import RecurringPlace

BEAR, COW = 0, 1
ROWS, COLUMNS = slice(48, 64), slice(0, 16)
BOX = (0.75, 0.0, 1.0, 0.25)
CUE = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((4, 4)))[..., None] * np.array([1.0, 0.8, 0.6])


def row(number: int, label: int | None, predicted: int | None, carries: bool) -> dict[str, Any]:
    pixels = np.random.default_rng(number).uniform(90, 130, (SIDE, SIDE, 3))
    if carries:
        pixels[ROWS, COLUMNS] = 255 * CUE
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    known = {"label_index": label, "predicted_index": predicted, "thumbnail": buffer.getvalue()}
    return {"number": number, "path": f"{number}.jpg", "sha256": str(number), **known}


def rows_of(*rows: tuple[int | None, int | None, bool]) -> pyarrow.dataset.Dataset:
    return pyarrow.dataset.dataset(pyarrow.Table.from_pylist([row(number, *one) for number, one in enumerate(rows)]))


def candidate(index: int) -> RecurringPlace:
    details = pictures_of([audited(row(99, index, index, True))]).details[0]
    (rows, columns) = (slice(round(CELLS * BOX[0]), round(CELLS * BOX[2])), slice(round(CELLS * BOX[1]), round(CELLS * BOX[3])))
    template = details[:, rows, columns]
    corner = (rows.start, columns.start)
    mask = np.ones(template.shape[1:], bool)
    return RecurringPlace(index, RECURRING, [], BOX, [], corner=corner, template=template, mask=mask, variation=0.0, spread=0.2)


def test_photos_fall_by_what_they_carry() -> None:
    rows = rows_of(
        (BEAR, BEAR, True),
        (BEAR, BEAR, True),
        (BEAR, COW, True),
        (BEAR, COW, False),
        (BEAR, BEAR, False),
        (BEAR, COW, False),
        (COW, COW, True),
        (None, BEAR, True),
        (BEAR, None, True),
    )
    assert groups(rows, {BEAR: candidate(BEAR)}) == {BEAR: (PhotoGroup(3, 2, ["2.jpg"]), PhotoGroup(3, 1, ["3.jpg", "5.jpg"]))}


def test_each_class_has_its_own_cue() -> None:
    rows = rows_of((BEAR, BEAR, True), (COW, COW, False), (COW, BEAR, True))
    found = groups(rows, {BEAR: candidate(BEAR), COW: candidate(COW)})
    assert found[BEAR] == (PhotoGroup(1, 1), PhotoGroup())
    assert found[COW] == (PhotoGroup(1, 0, ["2.jpg"]), PhotoGroup(1, 1))
    assert groups(rows, {}) == {}


def test_of_many_wrong_photos_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WRONG", 2)
    (_, others) = groups(rows_of(*[(BEAR, COW, False)] * 5), {BEAR: candidate(BEAR)})[BEAR]
    assert (others.photos, others.right, others.wrong) == (5, 0, ["0.jpg", "1.jpg"])
