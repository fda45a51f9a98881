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
from seewhy.store.identity import _same_answers, answers, plain

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
    with pytest.raises(StoreError, match=r'another run: what the model answers to pictures made for that \[\{"classes": \['):
        seewhy.run(other, photos, tmp_path / "store", **OCCLUSION)


def test_a_function_that_answers_otherwise_each_time_is_not_compared(photos: Path, tmp_path: Path) -> None:
    def scores(inputs: torch.Tensor) -> torch.Tensor:
        return torch.rand(len(inputs), 3)

    clf = seewhy.Classifier(scores, SMALL, CLASSES)
    assert answers(clf) is None
    seewhy.run(clf, photos, tmp_path / "store", **OCCLUSION)
    assert len(seewhy.run(clf, photos, tmp_path / "store", **OCCLUSION)) == 6


def sure(seed: int, of: int = 1000, change: float = 0.0) -> seewhy.Classifier:
    """A function with many classes, of which its softmax is nearly always sure of one."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(8 * 8 * 3, of, generator=generator)
    weights += change * torch.randn(weights.shape, generator=torch.Generator().manual_seed(9))

    def scores(inputs: torch.Tensor) -> torch.Tensor:
        features = inputs.flatten(1) / 127.5 - 1
        return torch.softmax(12 * features / features.norm(dim=1, keepdim=True) @ weights, dim=1)

    return seewhy.Classifier(scores, seewhy.Preprocess(size=8), [f"k{i}" for i in range(of)])


def test_functions_with_many_classes_are_told_apart_by_all_of_them(photos: Path, tmp_path: Path) -> None:
    (one, other) = (answers(sure(0)), answers(sure(1)))
    assert not _same_answers(one, other)
    assert _same_answers(one, answers(sure(0)))
    assert _same_answers(one, answers(sure(0, change=1e-5)))
    assert not _same_answers(one, answers(sure(0, change=0.03)))
    seewhy.run(sure(0), photos, tmp_path / "store", **OCCLUSION)
    with pytest.raises(StoreError, match="another run: what the model answers"):
        seewhy.run(sure(1), photos, tmp_path / "store", **OCCLUSION)


def answer(classes: list[int], scores: list[float], sums: list[float] | None = None) -> list[dict[str, Any]]:
    return [{"classes": classes, "scores": scores, "sums": sums, "size": 2.0}]


def test_which_answers_are_the_same() -> None:
    one = answer([3, 7], [0.5, 0.2])
    assert _same_answers(one, answer([3, 7], [0.5009, 0.2]))
    assert not _same_answers(one, answer([3, 7], [0.503, 0.2]))
    assert _same_answers(one, answer([3, 8], [0.5, 0.2001]))  # nearly as high, and so it may be the next one there
    assert not _same_answers(one, answer([3, 8], [0.5, 0.25]))
    assert not _same_answers(one, answer([7, 3], [0.5, 0.2]))
    summed = answer([3, 7], [0.5, 0.2], [1.0, 0.0])
    assert _same_answers(one, summed)  # of a function whose small scores jitter
    assert _same_answers(summed, answer([3, 7], [0.5, 0.2], [1.005, 0.0]))
    assert not _same_answers(summed, answer([3, 7], [0.5, 0.2], [1.0, 0.007]))


@pytest.mark.parametrize("before", [None, [[0.5, 0.2]], "answers", [{"classes": [3]}], [3], 4])
def test_what_is_not_known_of_a_network_is_no_difference(before: Any) -> None:
    assert _same_answers(before, answer([3, 7], [0.5, 0.2]))


def test_small_scores_that_jitter_are_left_out() -> None:
    random = np.random.default_rng(0)

    def scores(inputs: torch.Tensor) -> torch.Tensor:
        small = torch.tensor(random.uniform(0, 1e-6, (len(inputs), 40)), dtype=torch.float32)
        return torch.cat([1 - small.sum(dim=1, keepdim=True), small], dim=1)

    probed = answers(seewhy.Classifier(scores, SMALL, [f"k{i}" for i in range(41)]))
    assert probed is not None
    assert [(found["sums"], found["classes"][0], round(found["scores"][0], 3)) for found in probed] == [(None, 0, 1.0)] * 4


def test_values_that_are_no_probabilities_are_compared_as_they_are() -> None:
    def fitted(factor: float) -> seewhy.Classifier:
        return seewhy.Classifier(lambda inputs: factor * inputs.mean(dim=(2, 3))[:, :1], SMALL, ["weight"], head="none")

    small = answers(fitted(-1e-7))
    assert small is not None
    assert all(-3e-5 < found["scores"][0] < 0 for found in small)
    assert [found["size"] for found in small] == pytest.approx([-found["scores"][0] for found in small])
    assert _same_answers(small, answers(fitted(-1e-7)))
    assert not _same_answers(small, answers(fitted(-1.1e-7)))


def test_a_network_whose_parts_are_recorded_is_not_asked(photos: Path) -> None:
    assert answers(seewhy.Classifier(Branches(), SMALL, CLASSES, output="a")) is None
    probed = answers(seewhy.Classifier(Branches(), SMALL, CLASSES, output=lambda returned: returned["a"]))
    assert probed is not None
    assert [sorted(answer["classes"]) for answer in probed] == [[0, 1, 2]] * 4
    assert [sum(answer["scores"]) for answer in probed] == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert [answer["scores"] for answer in probed] == [sorted(answer["scores"], reverse=True) for answer in probed]


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
