from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made_store import HandMadeRow, hand_made, spot
from PIL import Image

from seewhy.store.report import pictures


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def red_side(uri: str) -> tuple[bool, bool]:
    """Whether the hottest place lies below, and to the left."""
    pixels = np.asarray(decoded(uri).convert("RGB")).astype(float)
    warmth = pixels[..., 0] - pixels[..., 2]
    (row, column) = np.unravel_index(warmth.argmax(), warmth.shape)
    return bool(row > warmth.shape[0] / 2), bool(column < warmth.shape[1] / 2)


def test_a_mistake_has_the_map_of_both_classes(tmp_path: Path) -> None:
    rows = [HandMadeRow(1, 0, 0.93, {0: spot(7, 0), 1: spot(0, 7)}), HandMadeRow(0, 0, 0.5, {0: spot(0, 0)})]
    (wrong, right) = pictures.cards(hand_made(tmp_path / "store", rows).dataset(), [1, 0])
    assert (wrong.number, right.number) == (0, 1)
    said = {name: wrong.record[name] for name in ("label", "predicted", "score", "wrong", "name")}
    assert said == {"label": "cow", "predicted": "bear", "score": "0.93", "wrong": True, "name": "0.jpg"}
    assert [map_["role"] for map_ in wrong.record["maps"]] == ["predicted", "true"]
    assert [red_side(map_["picture"]) for map_ in wrong.record["maps"]] == [(True, True), (False, False)]
    assert [map_["role"] for map_ in right.record["maps"]] == ["predicted"]


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        (HandMadeRow(1, 0, 0.9, {2: spot(0, 0)}), ["other"]),
        (HandMadeRow(1, 0, 0.9, {2: spot(0, 0)}, by_class=False), ["none"]),
        (HandMadeRow(1, 0, 0.9, {}), []),
        (HandMadeRow(1, 0, 0.9, {0: spot(0, 0)}), ["predicted"]),
    ],
)
def test_what_is_stored_is_shown(tmp_path: Path, row: HandMadeRow, roles: list[str]) -> None:
    (card,) = pictures.cards(hand_made(tmp_path / "store", [row]).dataset(), [0])
    assert [map_["role"] for map_ in card.record["maps"]] == roles


def test_pictures_hold_nothing_of_a_camera(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(1, 0, 0.93, {0: spot(7, 0)})])
    (stored,) = store.dataset().to_table(columns=["thumbnail"])["thumbnail"].to_pylist()
    assert b"GPS of a camera" in stored
    (card,) = pictures.cards(store.dataset(), [0])
    tiny = pictures.sampled(store.dataset(), [0]).records[0]["thumb"]
    for uri in (card.record["photo"], card.record["maps"][0]["picture"], tiny):
        assert not decoded(uri).getexif()
        assert b"GPS" not in base64.b64decode(uri.partition(",")[2])
    assert max(decoded(tiny).size) <= pictures.TINY


def test_sampled_photos_have_a_mean_for_each_predicted_class(tmp_path: Path) -> None:
    rows = [HandMadeRow(None, n % 2, 0.5, {}) for n in range(4)]
    found = pictures.sampled(hand_made(tmp_path / "store", rows).dataset(), [0, 1, 2, 3])
    assert sorted(found.means) == [0, 1]
    assert found.means[0].shape == (64, 64, 3)
    assert abs(float(found.means[1][..., 1].mean()) - 90) < 3
    assert found.records[3]["path"] == "3.jpg"


def test_a_flat_mean_is_not_stretched_and_a_corner_is_seen() -> None:
    flat = np.full((64, 64), 1 / 4096)
    corner = np.zeros((64, 64))
    corner[48:, :16] = 1 / 256
    assert pictures.scale_of([flat]) == 3.0
    assert pictures.scale_of([]) == 3.0
    assert pictures.scale_of([flat, corner]) == pytest.approx(16)
    picture = pictures.mean_picture(corner, 16, 4 / 3, None)
    assert decoded(picture).size == (300, 225)
    assert red_side(picture) == (True, True)
    shown: Any = np.asarray(decoded(pictures.mean_picture(flat, 3, 4 / 3, None))).astype(int)
    assert np.ptp(shown, axis=(0, 1)).max() <= 3
