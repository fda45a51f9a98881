"""CAM: the identity, its four networks, the heads that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet
from torch import nn
from torch.nn import functional as F

import seewhy
from seewhy.load.from_torchvision import models

# name, input side, frame, grid of the frame, layer, grid at the native size
FOUR = [
    ("squeezenet1_1", 227, (227, 303), (14, 18), "classifier.2", (14, 14), 1000),
    ("googlenet", 224, (224, 299), (7, 9), "inception5b", (7, 7), 1024),
    ("resnet18", 224, (224, 299), (7, 10), "layer4", (7, 7), 512),
    ("mobilenet_v2", 224, (224, 299), (7, 10), "features", (7, 7), 1280),
]


def network_of(name: str) -> nn.Module:
    """With random weights that give every class a say (a fresh SqueezeNet's last ReLU is mostly dead)."""
    settings = {"init_weights": False} if name == "googlenet" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = models().get_model(name, weights=None, **settings).eval()
        if name.startswith("squeezenet"):
            nn.init.normal_(network.classifier[1].weight, std=0.05)
    return network


def by_loops(features: torch.Tensor, weight: torch.Tensor, target: int) -> np.ndarray:
    """Zhou et al.'s equation 2, a channel at a time."""
    cam = torch.zeros(features.shape[1:])
    for k in range(len(features)):
        cam += weight[target, k] * features[k]
    return cam.numpy()


def test_the_maps_mean_and_the_bias_are_the_logit(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    with torch.no_grad():
        features = small.eval().features(small_photos)
    for n, photo in enumerate(small_photos):
        e = seewhy.explain(clf, photo, method="cam", target=[0, 1, 2, 3])
        for k in range(4):
            np.testing.assert_allclose(e.maps[k], by_loops(features[n], small.fc.weight.detach(), k), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(e.maps.mean(axis=(1, 2)) + e.details["bias"], clf.logits(photo)[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(e.details["bias"], small.fc.bias.detach())
        assert e.signed
        assert (e.maps < 0).any()


@pytest.mark.parametrize(("name", "side", "frame", "grid", "layer", "native", "channels"), FOUR)
def test_the_four_networks(
    name: str, side: int, frame: tuple[int, int], grid: tuple[int, int], layer: str, native: tuple[int, int], channels: int
) -> None:
    clf = seewhy.Classifier(network_of(name))
    photo = torch.randn(3, *frame, generator=torch.Generator().manual_seed(0))
    e = seewhy.explain(clf, photo, method="cam", target="top3")
    assert e.layer == layer
    assert e.maps.shape == (3, *grid)
    logits = clf.logits(photo)[0][[t.index for t in e.targets]]
    np.testing.assert_allclose(e.maps.mean(axis=(1, 2)) + e.details["bias"], logits, rtol=1e-4, atol=1e-4)
    square = seewhy.explain(clf, photo[:, :side, :side], method="cam")
    assert square.maps.shape == (1, *native)
    (automatic,) = [candidate for candidate in clf.layers(photo[:, :side, :side]) if candidate.automatic]
    assert (automatic.name, automatic.grid, automatic.channels) == (layer, native, channels)


def test_squeezenets_form() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    clf = seewhy.Classifier(network)
    photo = torch.randn(3, 12, 15)
    e = seewhy.explain(clf, photo, method="cam", target=[4, 1])
    with torch.no_grad():
        features = torch.relu(network[0](photo[None]))[0]
    np.testing.assert_allclose(e.maps, features[[4, 1]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(e.maps.mean(axis=(1, 2)), clf.logits(photo)[0][[4, 1]], rtol=1e-5)
    assert (e.maps >= 0).all()
    assert e.details["bias"] == [0.0, 0.0]


def test_pooled_channels_would_mislead() -> None:
    """The strongest channel belongs to class 0, the dense layer turns it round: class 1 wins, and its map is explained."""
    network = Planted(2)
    with torch.no_grad():
        network.fc.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    photo = torch.zeros(2, 6, 6)
    photo[0, 1:4, 1:4] = 3  # channel 0 is the strongest
    e = seewhy.explain(seewhy.Classifier(network), photo, method="cam")
    assert e.targets[0].index == 1
    assert e.maps[0, 2, 2] == pytest.approx(2.5)
    assert e.maps[0, 5, 5] == 0


def test_two_planted_classes(planted: Planted) -> None:
    photo = torch.zeros(3, 8, 12)
    photo[0, 1:3, 1:3] = 2
    photo[2, 5:7, 8:11] = 1
    e = seewhy.explain(seewhy.Classifier(planted, classes=["mug", "plate", "iPod"]), photo, method="cam", target=["mug", "iPod"])
    assert np.argwhere(e.maps[0] > 0).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert np.argwhere(e.maps[1] > 0).tolist() == [[r, c] for r in (5, 6) for c in (8, 9, 10)]


def test_every_class_of_a_small_net(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small, classes=["ant", "bee", "cat", "dog"])
    e = seewhy.explain(clf, small_photos[0], method="cam", target=clf.classes)
    assert [t.name for t in e.targets] == clf.classes
    assert sorted(t.rank for t in e.targets) == [1, 2, 3, 4]
    for a in range(4):
        for b in range(a):
            assert not np.allclose(e.maps[a], e.maps[b])


def test_the_scores_come_with_the_map(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    with torch.no_grad():
        small.fc.weight.mul_(300)  # large logits must not overflow
    e = seewhy.explain(clf, small_photos[0], method="cam")
    z = clf.logits(small_photos[0])[0].astype(np.float64)
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    assert [q.index for q in e.predictions[:3]] == np.argsort(-p)[:3].tolist()
    assert [q.score for q in e.predictions] == pytest.approx(sorted(p, reverse=True), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "alexnet",
            "The head of AlexNet is max_pool2d → adaptive_avg_pool2d → linear → relu → linear → relu → linear: it has 3 dense ",
        ),
        ("vgg11", "it has 3 dense layers ('classifier.0', 'classifier.3', 'classifier.6'). Use method='grad_cam'."),
        ("mobilenet_v3_small", "it has 2 dense layers ('classifier.0', 'classifier.3'). Use method='grad_cam'."),
        (
            "convnext_tiny",
            "layer_norm → linear: something stands between the average and the dense layer. Use method='grad_cam'.",
        ),
    ],
)
def test_heads_that_do_not_fit_are_refused(name: str, reason: str) -> None:
    clf = seewhy.Classifier(models().get_model(name, weights=None))
    photo = torch.rand(3, 96, 96)
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, photo, method="cam")
    assert str(error.value).startswith(
        "CAM needs a head that averages the feature maps and applies one dense layer. The head of "
    )
    assert reason in str(error.value)
    assert seewhy.explain(clf, photo, relu=False).maps.any()  # the cure that the message names


def test_a_flatten_head_is_refused(small_photos: torch.Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18 * 26, 2))
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(seewhy.Classifier(network), small_photos[0], method="cam")
    assert str(error.value) == (
        "CAM needs a head that averages the feature maps and applies one dense layer. The head of Sequential is linear: its "
        "dense layer ('3') reads every place by itself instead of their average. Use method='grad_cam', or 'hires_cam' where "
        "each place has its own weight."
    )


def test_the_layer_before_the_relu_is_refused() -> None:
    clf = seewhy.Classifier(network_of("resnet18"))
    photo = torch.randn(3, 96, 96, generator=torch.Generator().manual_seed(0))
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, photo, method="cam", layer="layer4.1.bn2")
    assert str(error.value).startswith("At layer 'layer4.1.bn2' the map's mean plus the bias is ")
    assert "this is not the tensor that the head averages (that is 'layer4')" in str(error.value)
    with pytest.raises(seewhy.SeewhyError, match="Layer 'layer3' has 256 channels, the head reads 512: CAM needs 'layer4'"):
        seewhy.explain(clf, photo, method="cam", layer="layer3")
    automatic = seewhy.explain(clf, photo, method="cam")
    for alias in ("layer4", "layer4.1", "layer4.1.relu:2"):
        assert np.array_equal(seewhy.explain(clf, photo, method="cam", layer=alias).maps, automatic.maps)


def test_functional_relus_and_pools_are_seen() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3)
            self.fc = nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.conv(x), inplace=True)
            return self.fc(F.avg_pool2d(x, x.shape[2:]).flatten(1))

    network = Functional()
    clf = seewhy.Classifier(network)
    photo = torch.randn(3, 10, 14)
    e = seewhy.explain(clf, photo, method="cam", target=2)
    assert (e.layer, e.maps.shape) == ("relu()", (1, 8, 12))
    assert e.maps[0].mean() + e.details["bias"][0] == pytest.approx(clf.logits(photo)[0, 2], abs=1e-5)


def test_real_photos(real_squeezenet: seewhy.Classifier, real_photos: Path) -> None:
    clf = real_squeezenet.with_preprocess(size=227, resize="shorter", crop=False)
    for file, name, top in (
        ("n03680355_Loafer.JPEG", "Loafer", 0.9),
        ("n07720875_bell_pepper.JPEG", "bell pepper", 0.9),
        ("n03063599_coffee_mug.JPEG", "coffee mug", 0.5),
    ):
        e = seewhy.explain(clf, real_photos / file, method="cam")
        assert e.targets[0].name == name
        assert e.targets[0].score > top
        assert min(e.photo.geometry.input) == 227
        logit = clf.logits(real_photos / file)[0, e.targets[0].index]
        assert e.maps[0].mean() == pytest.approx(logit, rel=1e-4)


def test_against_another_class_both_maps_are_subtracted(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos[:2]:
        each = seewhy.explain(clf, photo, method="cam", target=[0, 1, 2])
        e = seewhy.explain(clf, photo, method="cam", target=[0, 1], against=2)
        np.testing.assert_array_equal(e.maps, each.maps[:2] - each.maps[2])
        logits = clf.logits(photo)[0]
        np.testing.assert_allclose(e.maps.mean(axis=(1, 2)) + e.details["bias"], logits[:2] - logits[2], rtol=1e-4, atol=1e-5)


def test_against_another_class_without_a_dense_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    photo = torch.randn(3, 12, 15)
    e = seewhy.explain(seewhy.Classifier(network), photo, method="cam", target=4, against=1)
    with torch.no_grad():
        features = torch.relu(network[0](photo[None]))[0]
    np.testing.assert_allclose(e.maps[0], features[4] - features[1], rtol=1e-5, atol=1e-6)
    assert e.details["bias"] == [0.0]


def test_against_the_other_side_of_one_logit(small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(SmallNet(classes=1), head="binary", classes=["healthy", "ill"])
    for side, other in (("healthy", "ill"), ("ill", "healthy")):
        plain = seewhy.explain(clf, small_photos[0], method="cam", target=side)
        e = seewhy.explain(clf, small_photos[0], method="cam", target=side, against=other)
        np.testing.assert_array_equal(e.maps, 2 * plain.maps)
        assert e.details["bias"] == [2 * plain.details["bias"][0]]
