"""Activations: what a layer gives, exactly; montages on one scale, the strongest channel, larger photos, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.load.from_torchvision import models


def test_a_layers_values_right_after_it(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    with torch.no_grad():
        x = small_photos[:1]
        for number, module in enumerate(small.eval().features):
            x = module(x.clone())
            activations = seewhy.activations(clf, small_photos[0], f"features.{number}")
            np.testing.assert_allclose(activations.values, x[0], rtol=1e-4, atol=1e-5)
            assert activations.values.dtype == np.float32
            assert activations.layer.startswith("features")
    assert (seewhy.activations(clf, small_photos[0], "features.1").values < 0).any()  # not yet through the in-place ReLU


def test_an_in_place_relu_behind_does_not_reach_back() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
        network[0].bias.zero_()
    photo = torch.tensor([[[1.0, 2], [3, 4]]])
    clf = seewhy.Classifier(network)
    assert seewhy.activations(clf, photo, "0").values.tolist() == [[[1, 2], [3, 4]], [[-1, -2], [-3, -4]]]
    assert seewhy.activations(clf, photo, network[1]).values.tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 0]]]


class Strong(nn.Module):
    """Channel 0: a large mean; channel 1: one spike; channel 2 the same spike again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.cat([x[:, :1] + 5, x[:, 1:]], dim=1)).mean((2, 3))


def test_one_spike_beats_a_large_mean() -> None:
    photo = torch.zeros(3, 6, 8)
    photo[1, 4, 1] = photo[2, 0, 0] = 9
    activations = seewhy.activations(seewhy.Classifier(Strong(), head="none"), photo)
    assert activations.values.shape == (3, 6, 8)
    assert activations.values.reshape(3, -1).mean(axis=1).argmax() == 0
    assert activations.strongest() == 1  # the first one on a tie
    beside = activations.beside()
    assert beside.shape == (6, 16, 3)
    assert beside[4, 9].tolist() == [255, 255, 255]
    assert (beside[:, 8:] == 255).sum() == 3
    assert activations.beside(0)[4, 9].tolist() == [0, 0, 0]  # flat: there is nothing to point at


def test_a_montage_has_one_scale_for_all() -> None:
    photo = torch.zeros(3, 4, 4)
    photo[1, :2] = 10
    photo[2, 2:] = 5
    network = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    activations = seewhy.activations(seewhy.Classifier(network), photo, "0")
    picture = activations.montage(grid=(1, 3))
    assert picture.dtype == np.uint8
    assert picture.shape == (4, 12)
    assert not picture[:, :4].any()
    assert (picture[:2, 4:8] == 255).all()
    assert (picture[2:, 8:] == 128).all()
    assert activations.montage(1).shape == (4, 4)
    assert (activations.montage([2])[2:] == 255).all()  # alone it has the whole scale


@pytest.mark.parametrize(("channels", "grid"), [(12, (3, 4)), (48, (7, 7)), (64, (8, 8)), (25, (5, 5))])
def test_montage_grids(channels: int, grid: tuple[int, int]) -> None:
    network = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    activations = seewhy.activations(seewhy.Classifier(network), torch.rand(3, 10, 10), "1")
    assert activations.montage(channels).shape == (10 * grid[0], 10 * grid[1])
    if channels == 48:
        assert (activations.montage(48)[60:, 60:] == 60).all()  # one empty cell


def test_a_histogram_counts_every_value(small: SmallNet, small_photos: torch.Tensor) -> None:
    activations = seewhy.activations(seewhy.Classifier(small), small_photos[0], "features.2")
    (counts, edges) = activations.histogram(10)
    assert counts.sum() == activations.values.size
    assert (counts[0], edges[0], edges[-1]) == ((activations.values <= edges[1]).sum(), 0, activations.values.max())


def test_sizes_of_googlenet() -> None:
    network = models().get_model("googlenet", weights=None, init_weights=False)
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=224))
    photo = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    sizes = {layer: seewhy.activations(clf, photo, layer).values.shape for layer in ("conv2", "conv3", "inception5b")}
    assert sizes == {"conv2": (64, 56, 56), "conv3": (192, 56, 56), "inception5b": (1024, 7, 7)}


def test_photos_larger_than_the_input() -> None:
    """Only the part up to the layer runs, so a Flatten head is no hindrance."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 2))
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=16))
    photo = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    assert seewhy.activations(clf, photo, "0").values.shape == (4, 8, 8)
    activations = seewhy.activations(clf, photo, "0", size="photo")
    assert activations.values.shape == (4, 30, 40)
    assert not activations.photo.geometry.cropped
    with torch.no_grad():
        expected = network[0](torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)[0]
    np.testing.assert_allclose(activations.values, expected, rtol=1e-3, atol=1e-4)
    assert seewhy.activations(clf, photo, "0", size=(20, 50)).values.shape == (4, 10, 25)
    with pytest.raises(seewhy.SeewhyError, match="size='huge': write 'photo', a number or"):
        seewhy.activations(clf, photo, "0", size="huge")
    with pytest.raises(seewhy.SeewhyError, match="cannot be multiplied"):
        seewhy.activations(clf, photo, "3", size="photo")


def test_a_layer_without_rows_and_columns(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    activations = seewhy.activations(clf, small_photos[0], "fc")
    np.testing.assert_allclose(activations.values[:, 0, 0], clf.logits(small_photos[0])[0], rtol=1e-5)
    assert activations.values.shape == (4, 1, 1)
    with pytest.raises(seewhy.SeewhyError, match="Layer 'fc' gives 4 numbers without rows and columns"):
        activations.montage()
    assert activations.image().size[0] > 100  # the photo and the histogram


def test_many_photos_give_a_list(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    batch = seewhy.activations(clf, small_photos[:3], "features.3")
    assert len(batch) == 3
    for activations, photo in zip(batch, small_photos, strict=False):
        np.testing.assert_array_equal(activations.values, seewhy.activations(clf, photo, "features.3").values)


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x * 2


class Forked(SmallNet):
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (a, b) = self.pair(self.features(x))
        return self.fc((a + b).mean((2, 3)))


def test_what_can_go_wrong(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)

    def error(*arguments: Any, of: seewhy.Classifier = clf) -> str:
        with pytest.raises(seewhy.SeewhyError) as excinfo:
            seewhy.activations(of, small_photos[0], *arguments)
        return str(excinfo.value)

    assert error("featurs.2").startswith("This network has no layer 'featurs.2'. Did you mean 'features.2'")
    assert "Layer 'pair' returns a tuple of 2: name the layer inside" in error("pair", of=seewhy.Classifier(Forked()))
    activations = seewhy.activations(clf, small_photos[0], "features.2")
    for channels, message in (([8], "has 8 channels, 0 to 7"), ([-1], "0 to 7"), ([1.5], "write a whole number"), (9, "has 8")):
        with pytest.raises(seewhy.SeewhyError, match=message):
            activations.montage(channels)
    with pytest.raises(
        seewhy.SeewhyError, match=r"'x.gif' cannot be written: '.gif' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz"
    ):
        activations.save("x.gif")
    with torch.no_grad():
        small.features[4].weight[3] = float("nan")
    assert error("features.6") == (
        "Layer 'features' gives values that are not finite (NaN or infinity): they begin in 'features.4'."
    )
    function = seewhy.Classifier(lambda x: x.mean((2, 3)))
    assert error(of=function).startswith("This is a function: its inside cannot be watched")


def test_the_network_comes_back_as_it_was(small_photos: torch.Tensor) -> None:
    network = SmallNet().train()
    clf = seewhy.Classifier(network)
    before = state_of(network)
    with torch.no_grad():
        seewhy.activations(clf, small_photos[0], "features.2")
    with torch.inference_mode():
        seewhy.activations(clf, small_photos[0].clone(), "features.2")
    assert_same_state(before, state_of(network))


def test_it_is_drawn_and_saved(small: SmallNet, small_photos: torch.Tensor, tmp_path: Path) -> None:
    activations = seewhy.activations(seewhy.Classifier(small), small_photos[0], "features.2")
    assert activations.save(tmp_path / "x.png").stat().st_size > 5_000
    with np.load(activations.save(tmp_path / "x.npz")) as file:
        assert np.array_equal(file["values"], activations.values)
        assert str(file["layer"]) == "features.2"
    assert activations._repr_png_().startswith(b"\x89PNG")
    assert "features.2: 8 channels, 20×28" in repr(activations)
    assert len(activations.plot().axes) >= 4


def test_some_early_channel_sees_the_eyes_and_nose(real_squeezenet: seewhy.Classifier, real_photos: Path) -> None:
    """With a real network: the strongest channel of the deep layer lies on the dog, edges light up early."""
    photo = next(real_photos.glob("*golden_retriever*"))
    early = seewhy.activations(real_squeezenet, photo, "features.3")
    assert early.montage(12).shape == (3 * 54, 4 * 54)
    deep = seewhy.activations(real_squeezenet, photo)
    best = deep.values[deep.strongest()]
    (row, column) = np.unravel_index(best.argmax(), best.shape)
    assert 0.15 < (row + 0.5) / best.shape[0] < 0.85
    assert 0.15 < (column + 0.5) / best.shape[1] < 0.85
