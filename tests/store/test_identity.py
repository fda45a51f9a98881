from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from embeddings import colours
from PIL import Image
from torch import nn

import seewhy
from seewhy.engine.several_inputs import as_input
from seewhy.errors import OptionError, StoreError
from seewhy.store.identity import answers, plain

CLASSES = ["red", "green", "blue"]
SMALL = seewhy.Preprocess(size=16)
OCCLUSION = {"method": "occlusion", "mask_size": 8, "stride": 8}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, photo in enumerate(colours(6)):
        Image.fromarray(photo).save(folder / f"{i}.png")
    return folder


class Fixed:
    """An estimator that says the same of every photo."""

    classes_ = np.array(CLASSES)

    def __init__(self, first: float) -> None:
        self.row = [first, 1 - first, 0.0]

    def predict_proba(self, rows: Any) -> Any:
        return np.tile(self.row, (len(rows), 1))


def brightness(offset: float) -> Any:
    def scores(inputs: torch.Tensor) -> torch.Tensor:
        means = inputs.mean(dim=(2, 3))
        return means + offset * torch.tensor([1.0, -1.0, 0.0])

    return scores


@pytest.mark.parametrize("make", [lambda first: Fixed(0.1 + first), brightness], ids=["estimator", "function"])
def test_another_function_of_the_same_name_is_refused(make: Any, photos: Path, tmp_path: Path) -> None:
    (one, same, other) = (seewhy.Classifier(make(offset), SMALL, CLASSES) for offset in (0.0, 0.0, 0.5))
    assert one.name == other.name
    seewhy.run(one, photos, tmp_path / "store", **OCCLUSION)
    assert len(seewhy.run(same, photos, tmp_path / "store", **OCCLUSION)) == 6
    with pytest.raises(StoreError, match=r"another run: what the model answers to pictures made for that \[\["):
        seewhy.run(other, photos, tmp_path / "store", **OCCLUSION)


def test_a_function_that_answers_otherwise_each_time_is_not_compared(photos: Path, tmp_path: Path) -> None:
    def scores(inputs: torch.Tensor) -> torch.Tensor:
        return torch.rand(len(inputs), 3)

    clf = seewhy.Classifier(scores, SMALL, CLASSES)
    assert answers(clf) is None
    seewhy.run(clf, photos, tmp_path / "store", **OCCLUSION)
    assert len(seewhy.run(clf, photos, tmp_path / "store", **OCCLUSION)) == 6


def test_a_network_whose_parts_are_recorded_is_not_asked(photos: Path) -> None:
    assert answers(seewhy.Classifier(Branches(), SMALL, CLASSES, output="a")) is None
    probed = answers(seewhy.Classifier(Branches(), SMALL, CLASSES, output=lambda returned: returned["a"]))
    assert np.shape(probed) == (4, 3)
    assert np.sum(probed, axis=1) == pytest.approx([1, 1, 1, 1], abs=1e-5)


class Branches(nn.Module):
    """Two tables of scores from two layers that look alike."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.first = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        first = self.first(x)
        return {"a": self.second(first).mean((2, 3)), "b": first.mean((2, 3))}


def test_another_output_is_refused_by_name(photos: Path, tmp_path: Path) -> None:
    seewhy.run(seewhy.Classifier(Branches(), SMALL, CLASSES, output="a"), photos, tmp_path / "store", "grad_cam")
    with pytest.raises(StoreError, match=r'another run: output "a" there, "b" here; embedding "second" there,'):
        seewhy.run(seewhy.Classifier(Branches(), SMALL, CLASSES, output="b"), photos, tmp_path / "store", "grad_cam")


class Aged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        nn.init.ones_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, image: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
        return self.conv(image).relu().mean((2, 3)) + age[:, None]


def test_other_values_beside_the_photo_are_refused(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.Classifier(Aged(), SMALL, CLASSES, explain="image", inputs={"age": 3.0})
    seewhy.run(clf, photos, tmp_path / "store", "grad_cam")
    assert len(seewhy.run(clf.with_inputs(age=3.0), photos, tmp_path / "store", "grad_cam")) == 6
    with pytest.raises(
        StoreError,
        match=r'another run: inputs \{"age": \{"shape": \[1\], "dtype": "float32", "sha256": "ea284.* there, .* here\. Write',
    ):
        seewhy.run(clf.with_inputs(age=4.0), photos, tmp_path / "store", "grad_cam")


def test_layers_that_look_alike_are_two(photos: Path, tmp_path: Path) -> None:
    network = Branches()
    clf = seewhy.Classifier(network, SMALL, CLASSES, output="a")
    seewhy.run(clf, photos, tmp_path / "store", "grad_cam", layer=network.second)
    assert len(seewhy.run(clf, photos, tmp_path / "store", "grad_cam", layer="second")) == 6
    with pytest.raises(StoreError, match=r'method grad_cam \(layer "second"\) there, grad_cam \(layer "first"\) here\.'):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", layer=network.first)


def test_arrays_that_print_alike_are_two() -> None:
    (one, other) = (torch.zeros(3, 64, 64), torch.zeros(3, 64, 64))
    other[1, 30, 30] = 1
    assert str(one) == str(other)
    assert plain("baseline", one) != plain("baseline", other)
    assert plain("baseline", one) == plain("baseline", one.clone())
    assert plain("baseline", one)["shape"] == [3, 64, 64]
    assert plain("baseline", np.zeros((3, 4))[:, ::2]) == plain("baseline", np.zeros((3, 2)))
    assert plain("baseline", torch.ones(2, dtype=torch.bfloat16))["dtype"] == "bfloat16"
    assert plain("inputs", {"words": as_input([1, 2])}) != plain("inputs", {"words": as_input([1, 3])})


def test_numbers_are_equal_whatever_holds_them(photos: Path, tmp_path: Path) -> None:
    assert plain("target", [np.int64(1), (torch.tensor(2), "red")]) == [1, [2, "red"]]
    assert plain("fill", float("nan")) == plain("fill", np.float64("nan")) == "nan"
    assert type(plain("fill", np.float32(0.5))) is float
    clf = seewhy.Classifier(Branches(), SMALL, CLASSES, output="a")
    seewhy.run(clf, photos, tmp_path / "store", "grad_cam", target=np.int64(1))
    assert len(seewhy.run(clf, photos, tmp_path / "store", "grad_cam", target=1)) == 6


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"^segments=: a run stores .* cannot store a function: write names, numbers or arrays\."
    ):
        plain("segments", [brightness(0)])
    with pytest.raises(OptionError, match=r"^layer='Conv2d' is no layer of this network: write its name\.$"):
        plain("layer", nn.Conv2d(3, 3, 1), Branches())
    with pytest.raises(OptionError, match="An array of objects cannot be stored"):
        plain("fill", np.array([object()]))


def test_photos_that_are_gone_or_new_are_named(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.Classifier(Branches(), SMALL, CLASSES, output="a")
    seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2)
    (photos / "2.png").rename(tmp_path / "away.png")
    with pytest.raises(StoreError, match=r"the number of photos 6 there, 5 here; of the photos '2\.png' is only there\. Write"):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2)
    (tmp_path / "away.png").rename(photos / "9.png")
    with pytest.raises(StoreError, match=r"run: of the photos '2\.png' is only there and '9\.png' is only here\. Write"):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2)


def test_of_a_run_that_has_not_ended_only_what_is_known_is_said(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.Classifier(Branches(), SMALL, CLASSES, output="a")

    def two(done: int, total: int, partial: Any) -> None:
        if done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2, progress=two)
    assert len(seewhy.Store.open(tmp_path / "store")) == 2
    (photos / "5.png").rename(photos / "9.png")
    with pytest.raises(StoreError, match=r"run: the hash of the photos' paths \"\w{16}\" there"):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2)
    (photos / "9.png").rename(photos / "00.png")
    with pytest.raises(StoreError, match=r"run: of the photos '00\.png' is only here\. Write"):
        seewhy.run(clf, photos, tmp_path / "store", "grad_cam", shard_size=2)
