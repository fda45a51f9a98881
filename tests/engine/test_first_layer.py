"""The layer that a photo meets first, found by what is called."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.engine.first_layer import first_convolution, first_layer, other_dimensions
from seewhy.errors import PhotoError


class Later(nn.Module):
    """Its stem is registered last."""

    def __init__(self, channels: int = 5) -> None:
        super().__init__()
        self.neck = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 3)
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.stem = nn.Conv2d(channels, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.neck(self.stem(x))).mean(dim=(2, 3)))


class Patches(nn.Module):
    """Patches of 4×4 flattened, then a dense layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(16 * channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.embed(x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(3)).mean(dim=(1, 2))


NETWORKS = {
    "registered last": (Later(5), "stem", 5),
    "dense": (nn.Sequential(nn.Flatten(), nn.Linear(2 * 64, 4)), "1", 2),
    "dense, grey": (nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 2)), "1", 1),
    "patches": (Patches(7), "embed", 7),
    "grouped": (nn.Sequential(nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 2, 1)), "0", 6),
    "norm": (nn.Sequential(nn.BatchNorm2d(9), nn.Conv2d(9, 2, 1)), "0", 9),
    "norm without weights": (nn.Sequential(nn.BatchNorm2d(9, affine=False), nn.Conv2d(9, 2, 1)), "0", 9),
    "up": (nn.Sequential(nn.ConvTranspose2d(4, 2, 2), nn.Conv2d(2, 2, 1)), "0", 4),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("channels", [1, 3, 13])
def test_whatever_is_tried_the_layer_is_found(name: str, channels: int) -> None:
    (network, layer, expected) = NETWORKS[name]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    first = first_layer(network, (channels, 8, 8))
    assert first is not None
    assert (first.name, first.channels) == (layer, expected)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())  # nothing was counted


def test_where_it_cannot_be_told() -> None:
    assert first_layer(nn.Flatten(), (3, 4, 4)) is None
    assert first_layer(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 2)), (3, 4, 4)) is None
    assert first_layer(nn.Sequential(nn.Flatten(), nn.Linear(50, 2)), (3, 4, 4)) is None  # 50 values are no channels of 16


@pytest.mark.parametrize("name", NETWORKS)
def test_the_preparation_takes_the_channels_from_it(name: str) -> None:
    (network, _, expected) = NETWORKS[name]
    clf = seewhy.Classifier(network.eval()).with_preprocess(size=8)
    assert clf.preprocess.channels == expected
    assert clf.with_preprocess(mean=0.5).preprocess.channels == expected


def test_a_network_whose_stem_is_registered_last_is_not_refused() -> None:
    clf = seewhy.Classifier(Later(5).eval(), seewhy.Preprocess(size=16, channels=5))
    assert clf.scores(torch.rand(5, 16, 16)).shape == (1, 3)


def test_a_mismatch_names_the_layer_that_is_called() -> None:
    clf = seewhy.Classifier(Later(5).eval(), seewhy.Preprocess(size=16, channels=3))
    with pytest.raises(PhotoError) as error:
        clf.scores(torch.rand(3, 16, 16))
    assert str(error.value) == "3 channels given, but the network's first layer 'stem' wants 5: use Preprocess(channels=5)."
    dense = seewhy.Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)).eval(), seewhy.Preprocess(size=8))
    with pytest.raises(PhotoError) as error:
        dense.scores(torch.rand(3, 8, 8))
    assert str(error.value) == "3 channels given, but the network's first layer '1' wants 1: use Preprocess(channels=1)."
    # The layer is replaced: what was known of it holds no more.
    dense.network[1] = nn.Linear(3 * 64, 4)
    assert dense.scores(torch.rand(3, 8, 8)).shape == (1, 4)


def test_the_first_layer_of_a_network_of_volumes() -> None:
    network = nn.Sequential(nn.BatchNorm3d(2), nn.Conv3d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 2 * 4 * 6, 2))
    first = first_layer(network, (2, 4, 6, 8))
    assert first is not None
    assert (first.name, first.channels) == ("0", 2)
    grouped = first_layer(nn.Sequential(nn.Conv3d(6, 6, 1, groups=3)), (6, 4, 6, 8))
    assert grouped is not None
    assert grouped.channels == 6
    flat = first_layer(nn.Sequential(nn.Flatten(), nn.Linear(3 * 24, 2)), (2, 2, 3, 4))
    assert flat is not None
    assert flat.channels == 3
    assert first_layer(nn.Sequential(nn.Conv3d(2, 4, 1)), (2, 6, 8)) is None  # a photo


@pytest.mark.parametrize(
    ("network", "dimensions", "layer"),
    [
        (nn.Sequential(nn.Conv3d(1, 1, 1)), 2, "0"),
        (nn.Sequential(nn.Conv3d(1, 1, 1)), 3, None),
        (nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1)), 3, "1"),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv3d(1, 1, 1)), 2, None),
        (nn.Sequential(nn.Linear(1, 1)), 3, None),
    ],
)
def test_a_network_made_for_other_dimensions(network: nn.Module, dimensions: int, layer: str | None) -> None:
    assert other_dimensions(network, dimensions) == layer


class Steps(nn.Module):
    """Two convolutions, registered in either order, for one channel; some of them in int8."""

    def __init__(self, int8: str, repeats: bool = False) -> None:
        super().__init__()
        from torch.ao import quantization

        self.int8 = int8
        self.repeats = repeats
        self.quant = quantization.QuantStub()
        self.later = nn.Conv2d(6, 6, 3)
        self.first = nn.Conv2d(3 if repeats else 1, 6, 3)
        self.dequant = quantization.DeQuantStub()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.repeat(1, 3, 1, 1) if self.repeats else x
        x = torch.relu(self.first(x if self.int8 == "later" else self.quant(x)))
        if self.int8 == "first":
            return self.later(self.dequant(x)).mean((2, 3))
        out: torch.Tensor = self.dequant(self.later(self.quant(x) if self.int8 == "later" else x)).mean((2, 3))
        return out


def in_int8(int8: str, repeats: bool = False) -> nn.Module:
    from torch.ao import quantization

    network = Steps(int8, repeats).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this package
        network.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
        for other in {"first": ["later"], "later": ["first"], "both": []}[int8]:
            getattr(network, other).qconfig = None
        prepared = quantization.prepare(network)
        prepared(torch.randn(8, 1, 24, 24, generator=torch.Generator().manual_seed(0)))
        return quantization.convert(prepared)


@pytest.mark.parametrize("int8", ["first", "later", "both"])
def test_a_network_of_one_channel_in_int8(int8: str) -> None:
    network = in_int8(int8)
    assert first_convolution(network, (1, 24, 24)) == ("first", 1)
    clf = seewhy.Classifier(network).with_preprocess(size=24)
    assert clf.preprocess.channels == 1
    photo = np.random.default_rng(0).integers(0, 256, (24, 24), np.uint8)
    with torch.no_grad():
        expected = network(torch.from_numpy(photo)[None, None] / 255).numpy()
    np.testing.assert_allclose(clf.logits(photo), expected, atol=1e-6)
    assert np.ptp(expected) > 0


def test_int8_behind_channels_that_are_repeated() -> None:
    network = in_int8("both", repeats=True)
    assert first_convolution(network, (1, 24, 24)) is None
    assert seewhy.Classifier(network).scores(torch.rand(1, 24, 24)).shape == (1, 6)
    assert first_convolution(nn.Linear(3, 2), (1, 24, 24)) is None
