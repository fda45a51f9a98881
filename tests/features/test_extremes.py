"""The photos of largest and smallest value, on a network whose values are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet, assert_same_state, state_of

import seewhy
from seewhy.errors import OptionError, PhotoError, RecordError, TargetError
from seewhy.features.extremes import extremes


@pytest.fixture
def photos() -> torch.Tensor:
    """(5, 3, 8, 8): photo i has 2, 7, 0, 4, 7 ones in channel 1; each of them gives 0.5 behind the ReLU."""
    batch = torch.zeros(5, 3, 8, 8)
    for photo, ones in zip(batch, (2, 7, 0, 4, 7), strict=True):
        photo[1].view(-1)[:ones] = 1
    return batch


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_a_channel_by_hand(planted: Planted, photos: torch.Tensor, batch_size: int | None) -> None:
    result = extremes(seewhy.Classifier(planted), photos, "relu", 1, k=3, batch_size=batch_size, progress=False)
    assert [(hit.number, hit.value) for hit in result.most] == [(1, 3.5), (4, 3.5), (3, 2.0)]
    assert [(hit.number, hit.value) for hit in result.least] == [(2, 0.0), (0, 1.0), (3, 2.0)]
    np.testing.assert_array_equal(result.values, np.float32([1, 3.5, 0, 2, 3.5]))
    assert result.most[0].map is not None
    np.testing.assert_allclose(result.most[0].map[0], [0.5] * 7 + [0])
    assert (result.layer, result.channel, result.target) == ("relu", 1, None)


def test_a_dense_layer_has_no_maps(planted: Planted, photos: torch.Tensor) -> None:
    result = extremes(seewhy.Classifier(planted), photos, "fc", 1, k=1, progress=False)
    assert result.most[0].map is None
    assert result.most[0].value == pytest.approx(3.5 / 64)
    assert result.units == "value 1"


def test_a_class(planted: Planted, photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(planted, classes=["red", "green", "blue"])
    result = extremes(clf, photos, target="green", k=9, progress=False)
    assert [hit.number for hit in result.most] == [1, 4, 3, 0, 2]
    assert [hit.number for hit in result.least] == [2, 0, 3, 1, 4]
    np.testing.assert_allclose(result.values, clf.scores(photos)[:, 1], atol=1e-6)
    assert result.title == "Class 'green'"
    assert extremes(clf, photos, target=np.int64(1), k=1, progress=False).target == "green"  # type: ignore[arg-type]


def test_scores_that_are_all_one_are_still_ordered(planted: Planted, photos: torch.Tensor) -> None:
    with torch.no_grad():
        planted.fc.bias.copy_(torch.tensor([0.0, 40.0, 0.0]))
    result = extremes(seewhy.Classifier(planted), photos, target=1, k=2, progress=False)
    assert set(result.values) == {1.0}
    assert [hit.number for hit in result.most] == [1, 4]


def test_pictures_and_files(planted: Planted, tmp_path: Path) -> None:
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16), classes=["red", "green", "blue"])
    random = np.random.default_rng(0)
    pictures: list[Any] = list(random.integers(0, 255, (7, 20, 16, 3), dtype=np.uint8))
    result = extremes(clf, [*pictures, "missing.jpg"], channel=0, k=3, progress=False)
    assert [reason.split("'")[0] for _, reason in result.skipped] == ["There is no file "]
    assert "1 of 8 photos could not be read" in result.notes[0]
    assert [len(row) for row in result.panels()] == [3, 3]
    for suffix in (".png", ".html", ".json"):
        assert result.save(tmp_path / f"x{suffix}").stat().st_size > 500
    assert result.plot().axes
    assert json.loads((tmp_path / "x.json").read_text())["most"][0]["value"] == result.most[0].value
    with pytest.raises(RecordError):
        result.save(tmp_path / "x.npz")


def test_the_network_comes_back_as_it_was(small: SmallNet) -> None:
    small.train()
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16))
    before = state_of(small)
    extremes(clf, [np.zeros((16, 16, 3), np.uint8)], channel=15, progress=False)
    assert_same_state(before, state_of(small))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, OptionError, "^neither is given"),
        ({"channel": 0, "target": 0}, OptionError, "^both are given"),
        ({"layer": "relu", "target": 0}, OptionError, "^A class has no layer"),
        ({"channel": 3}, OptionError, "^Channel 3 does not exist: layer 'relu' has 3 channels, 0 to 2"),
        ({"channel": -1}, OptionError, "^Channel -1 does not exist"),
        ({"channel": 1.0}, OptionError, "^channel=1.0: write a whole number"),
        ({"channel": True}, OptionError, "^channel=True: write a whole number"),
        ({"channel": 0, "k": 0}, OptionError, "^k=0"),
        ({"target": "class 5"}, TargetError, "no class 'class 5'"),
    ],
)
def test_mistakes(planted: Planted, photos: torch.Tensor, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        extremes(seewhy.Classifier(planted), photos, **settings, progress=False)


def test_no_photos(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(PhotoError):
        extremes(seewhy.Classifier(planted), tmp_path, channel=0)
