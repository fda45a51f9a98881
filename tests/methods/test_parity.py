"""Grad-CAM and CAM against their equations: written a second time, in closed form, and as other libraries compute them."""

from __future__ import annotations

import copy
import importlib
import itertools
import random
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.load.from_torchvision import models

EXACT = 1e-5  # largest difference over the largest value

Maps = np.ndarray[Any, np.dtype[np.float32]]


def assert_close(output: Any, expected: Any, largest: float | None = None, tolerance: float = EXACT) -> None:
    """Equal within ``tolerance`` of the largest value, which must not be zero: two empty maps prove nothing."""
    (output, expected) = (np.asarray(a.detach() if isinstance(a, torch.Tensor) else a) for a in (output, expected))
    largest = float(np.abs(expected).max()) if largest is None else largest
    assert output.shape == expected.shape
    assert largest > 0
    assert float(np.abs(output - expected).max()) <= tolerance * largest


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -- small networks: features(x), then head(features) -----------------------------------------------------------------


class Small(nn.Module):
    """Three classes, six channels on an 8×10 grid; drawn from a fixed seed."""

    layer: str | None = None  # what seewhy is asked for; None: its own choice, which must be the tensor of features()
    named = "conv2"  # a module that captum can be asked for

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv1 = nn.Conv2d(3, 5, 3, padding=1)
            self.conv2 = nn.Conv2d(5, 6, 3, padding=1)
            self.build()

    def build(self) -> None:
        self.relu = nn.ReLU()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.relu(self.conv2(torch.tanh(self.conv1(x))))
        return out

    def head(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(features.mean(dim=(2, 3)))
        return out

    def alpha(self, features: torch.Tensor) -> torch.Tensor:
        """The channel weights of every class in closed form, ``(3, c)``, for features ``(c, h, w)``."""
        return self.fc.weight / features[0].numel()


class Pooled(Small):
    named = "relu"


class Flattened(Small):
    named = "relu"

    def build(self) -> None:
        self.relu = nn.ReLU()
        self.fc = nn.Linear(6 * 8 * 10, 3)

    def head(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(features.flatten(1))
        return out

    def alpha(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc.weight.reshape(3, *features.shape).mean(dim=(2, 3))


class SqueezeForm(Small):
    """The last convolution gives one channel per class, and their means are the scores."""

    named = "relu"

    def build(self) -> None:
        self.conv2 = nn.Conv2d(5, 3, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def head(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.pool(features).flatten(1)
        return out

    def alpha(self, features: torch.Tensor) -> torch.Tensor:
        return torch.eye(3) / features[0].numel()


class InPlaceBehind(Small):
    """Asked at the convolution: the in-place ReLU behind it overwrites what was there."""

    layer = "conv2"

    def build(self) -> None:
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 3)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv2(torch.tanh(self.conv1(x)))
        return out

    def head(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.relu(features.clone() if features.is_leaf else features).mean(dim=(2, 3)))
        return out

    def alpha(self, features: torch.Tensor) -> torch.Tensor:
        # The ReLU lets the gradient through where the feature is positive.
        return self.fc.weight * (features > 0).sum(dim=(1, 2)) / features[0].numel() ** 2


class FunctionalReLU(Small):
    """No ReLU module: nothing that a hook could be put on."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu(self.conv2(torch.tanh(self.conv1(x))))


class ReusedReLU(Small):
    """One ReLU module, called twice."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.relu(self.conv2(self.relu(self.conv1(x))))
        return out


SMALL = (Pooled, Flattened, SqueezeForm, InPlaceBehind, FunctionalReLU, ReusedReLU)


def small(kind: type[Small]) -> tuple[Small, seewhy.Classifier, torch.Tensor]:
    network = kind().eval()
    return network, seewhy.Classifier(network, preprocess=None), noise(3, 8, 10)


def by_loops(features: torch.Tensor, gradients: torch.Tensor) -> Maps:
    """The second writing: Σ_k α_k A^k, place by place. ``(c, h, w)``, ``(c, h, w)`` -> ``(h, w)``."""
    (channels, rows, columns) = features.shape
    (a, g) = (features.tolist(), gradients.tolist())
    cam = np.zeros((rows, columns), np.float32)
    for k in range(channels):
        alpha = sum(g[k][i][j] for i in range(rows) for j in range(columns)) / (rows * columns)
        for i in range(rows):
            for j in range(columns):
                cam[i, j] += alpha * a[k][i][j]
    return cam


def captum_maps(network: nn.Module, layer: str, photo: torch.Tensor, indices: list[int], relu: bool = False) -> torch.Tensor:
    """captum's Grad-CAM of some classes, ``(K, h, w)``."""
    attr = pytest.importorskip("captum.attr")
    method = attr.LayerGradCam(network, network.get_submodule(layer))
    inputs = photo[None].clone().requires_grad_()  # captum asks for it itself, with a warning
    attributions = [method.attribute(inputs, target=index, relu_attributions=relu) for index in indices]
    return torch.stack([attribution[0, 0].detach() for attribution in attributions])


@pytest.mark.parametrize("kind", SMALL)
def test_grad_cam_is_its_equation_in_loops_and_in_closed_form(kind: type[Small]) -> None:
    (network, clf, photo) = small(kind)
    settings = {} if network.layer is None else {"layer": network.layer}
    signed = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], relu=False, **settings).maps
    positive = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], **settings).maps
    features = network.features(photo[None]).detach().requires_grad_()
    score = network.head(features)[0]
    closed = torch.einsum("kc,chw->khw", network.alpha(features.detach()[0]), features.detach()[0])
    for k in range(3):
        (gradient,) = torch.autograd.grad(score[k], features, retain_graph=True)
        expected = by_loops(features[0], gradient[0])
        assert_close(signed[k], expected)
        assert_close(positive[k], np.maximum(expected, 0), float(np.abs(expected).max()))
    assert_close(signed, closed)


@pytest.mark.parametrize("kind", SMALL)
def test_grad_cam_is_that_of_captum(kind: type[Small]) -> None:
    (network, clf, photo) = small(kind)
    reference = captum_maps(network, network.named, photo, [0, 1, 2])
    assert_close(seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=network.named, relu=False).maps, reference)
    positive = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=network.named).maps
    assert_close(positive, captum_maps(network, network.named, photo, [0, 1, 2], relu=True), float(reference.abs().max()))


@pytest.mark.parametrize("kind", [Pooled, FunctionalReLU, ReusedReLU])
def test_the_automatic_layer_is_what_the_head_averages(kind: type[Small]) -> None:
    (network, clf, photo) = small(kind)
    explanation = seewhy.explain(clf, photo, "cam", [0, 1, 2])
    assert_close(explanation.maps, torch.einsum("kc,chw->khw", network.fc.weight, network.features(photo[None])[0]))


# -- architectures of torchvision -------------------------------------------------------------------------------------

# Name -> the module that captum is asked for; None: the layer that seewhy chooses by itself.
FAMILIES = {
    "alexnet": None,
    "convnext_tiny": None,
    "densenet121": "features.norm5",  # its last ReLU is a function call
    "efficientnet_b0": None,
    "googlenet": None,
    "mnasnet0_5": None,
    "mobilenet_v2": None,
    "mobilenet_v3_small": None,
    "regnet_x_400mf": None,
    "resnet18": None,
    "shufflenet_v2_x0_5": None,
    "squeezenet1_1": None,
    "vgg11": None,
}
PICKED = random.Random(20).sample(sorted(FAMILIES), 5)


def architecture(name: str, classes: int = 10) -> nn.Module:
    """A network of torchvision with random weights, its BatchNorms set as if it had been trained: with untouched ones the
    activations die out on the way, and all that is left is the last bias."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    settings: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "vgg11") else {}
    settings |= {"aux_logits": False} if name == "googlenet" else {}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network: nn.Module = models().get_model(name, weights=None, num_classes=classes, **settings)
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = None  # the plain average
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.2, 0.4)
        if norms:
            with torch.no_grad():
                network.train()(noise(4, 3, 96, 96, seed=2))
    return network.eval()


@pytest.mark.parametrize("name", PICKED)
def test_architectures_of_torchvision_agree_with_captum(name: str) -> None:
    """In float64 to the last digits that matter; in float32 seewhy is as near to those maps as the plain network is."""
    network = architecture(name)
    photo = noise(3, 96, 96)
    clf = seewhy.Classifier(network, preprocess=None)
    best = [prediction.index for prediction in clf.classify(photo, 2)]
    layer = FAMILIES[name] or clf.feature_layer
    double = copy.deepcopy(network).double()
    exact = captum_maps(double, layer, photo.double(), best)
    twin = seewhy.Classifier(double, preprocess=None)
    signed = seewhy.explain(twin, photo.double(), "grad_cam", best, layer=layer, relu=False)
    assert_close(signed.maps, exact)
    largest = float(exact.abs().max())
    positive = seewhy.explain(twin, photo.double(), "grad_cam", best, layer=layer)
    assert_close(positive.maps, captum_maps(double, layer, photo.double(), best, relu=True), largest)
    eager = float((captum_maps(network, layer, photo, best) - exact).abs().max()) / largest
    explanation = seewhy.explain(clf, photo, "grad_cam", best, layer=layer, relu=False)
    assert_close(explanation.maps, exact, largest, max(EXACT, 2 * eager))


FRAMES = {  # network -> (frame, grid) at its own size and at a wider one
    "squeezenet1_1": (((227, 227), (14, 14)), ((227, 303), (14, 18))),
    "googlenet": (((224, 224), (7, 7)), ((224, 299), (7, 9))),
    "resnet18": (((224, 224), (7, 7)), ((224, 299), (7, 10))),
    "mobilenet_v2": (((224, 224), (7, 7)), ((224, 299), (7, 10))),
}


@pytest.mark.parametrize("name", FRAMES)
def test_cam_adds_up_to_the_logit_at_any_frame_size(name: str) -> None:
    """mean(M) + b = logit, and CAM = h·w × Grad-CAM without its ReLU."""
    network = architecture(name, classes=20)
    clf = seewhy.Classifier(network, preprocess=None)
    for (height, width), grid in FRAMES[name]:
        photo = noise(3, height, width)
        cam = seewhy.explain(clf, photo, "cam", ["top1", 7])
        assert cam.maps.shape[1:] == grid
        with torch.no_grad():
            logits = network(photo[None])[0]
        for k, target in enumerate(cam.targets):
            assert target.index is not None
            logit = float(logits[target.index])
            assert float(cam.maps[k].mean()) + _bias(network, target.index) == pytest.approx(logit, abs=1e-4 * (1 + abs(logit)))
        weights = seewhy.explain(clf, photo, "grad_cam", ["top1", 7], relu=False)
        assert_close(weights.maps * (grid[0] * grid[1]), cam.maps)


def _bias(network: nn.Module, index: int) -> float:
    dense = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return dense[-1].bias[index].item() if dense else 0.0


# -- other libraries that rescale what they found ---------------------------------------------------------------------


def min_max(map_: Any) -> Maps:
    map_ = np.asarray(map_)
    return (map_ - map_.min()) / (map_.max() - map_.min())


def test_grad_cam_is_that_of_torchcam_after_min_max() -> None:
    if find_spec("torchcam") is None:
        pytest.skip("torchcam is not installed")
    models()  # makes torchvision, which it imports, loadable beside a CPU torch
    methods = importlib.import_module("torchcam.methods")
    (network, clf, photo) = small(Pooled)
    explanation = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2])
    with methods.GradCAM(network, "relu") as peer_cam:
        for k in range(3):
            assert_close(min_max(explanation.maps[k]), peer_cam(k, network(photo[None]))[0][0])


def test_grad_cam_is_that_of_pytorch_grad_cam_after_min_max() -> None:
    if find_spec("pytorch_grad_cam") is None:
        pytest.skip("pytorch_grad_cam is not installed")
    models()
    peer = importlib.import_module("pytorch_grad_cam")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    (network, clf, photo) = small(Pooled)  # its grid is as large as the photo: the other's resizing changes nothing
    explanation = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2])
    with peer.GradCAM(model=network, target_layers=[network.relu]) as peer_cam:
        for k in range(3):
            assert_close(min_max(explanation.maps[k]), peer_cam(photo[None], [targets.ClassifierOutputTarget(k)])[0])


# -- numbers by hand --------------------------------------------------------------------------------------------------


class ByHand(nn.Module):
    """Two channels of 3×3 sums with biases -50 and -75, ReLU, a dense layer, ReLU; small enough for pencil and paper."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu1 = nn.ReLU()
        self.fc = nn.Linear(8, 4, bias=False)
        self.relu2 = nn.ReLU()
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([1.0, 1, 1, 1, 1, -1, -1, -1]).expand(4, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.relu2(self.fc(self.relu1(self.conv(x)).flatten(1)))
        return out


@pytest.mark.parametrize(
    ("first", "score", "at_conv", "at_relu"),
    [
        (0, 54, [[11.25, 13.5], [20.25, 22.5]], [[0, 4], [28, 32.5]]),
        (1, 67, [[14.5, 19], [32.5, 37]], [[4, 13], [32.5, 37]]),
    ],
)
def test_the_numbers_of_the_four_by_four_photo(
    first: int, score: float, at_conv: list[list[float]], at_relu: list[list[float]]
) -> None:
    clf = seewhy.Classifier(ByHand().eval(), preprocess=None)
    photo = torch.arange(16.0).reshape(1, 4, 4) + first
    assert clf.logits(photo)[0, 0] == score
    np.testing.assert_allclose(seewhy.explain(clf, photo, "grad_cam", 0, layer="conv", relu=False).maps[0], at_conv)
    np.testing.assert_allclose(seewhy.explain(clf, photo, "grad_cam", 0, layer="relu1").maps[0], at_relu)
    assert clf.feature_layer == "relu1"


# -- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SMALL)
def test_several_classes_in_one_sweep_are_each_by_itself(kind: type[Small]) -> None:
    (_, clf, photo) = small(kind)
    for score in ("logit", "log_odds"):
        together = seewhy.explain(clf, photo, "grad_cam", [2, 0, 1], layer=kind.layer, relu=False, score=score)
        alone = [seewhy.explain(clf, photo, "grad_cam", k, layer=kind.layer, relu=False, score=score).maps[0] for k in (2, 0, 1)]
        assert_close(together.maps, np.stack(alone), tolerance=1e-6)


@pytest.mark.parametrize("kind", SMALL)
def test_the_probability_map_is_the_log_odds_map_times_p_one_minus_p(kind: type[Small]) -> None:
    (_, clf, photo) = small(kind)
    p = clf.scores(photo)[0]
    probability = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=kind.layer, relu=False, score="probability").maps
    log_odds = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=kind.layer, relu=False, score="log_odds").maps
    assert_close(probability, (p * (1 - p))[:, None, None] * log_odds)


@pytest.mark.parametrize("kind", SMALL)
def test_frozen_weights_and_switched_off_gradients_change_nothing(kind: type[Small]) -> None:
    (network, clf, photo) = small(kind)
    plain = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=kind.layer).maps
    frozen = seewhy.Classifier(copy.deepcopy(network).requires_grad_(False), preprocess=None)
    map_list = [seewhy.explain(frozen, photo, "grad_cam", [0, 1, 2], layer=kind.layer).maps]
    for switched_off, classifier in itertools.product((torch.no_grad, torch.inference_mode), (clf, frozen)):
        with switched_off():
            map_list.append(seewhy.explain(classifier, photo, "grad_cam", [0, 1, 2], layer=kind.layer).maps)
            new = seewhy.Classifier(copy.deepcopy(network), preprocess=None)  # traced and planned inside, too
            map_list.append(seewhy.explain(new, photo.clone(), "grad_cam", [0, 1, 2], layer=kind.layer).maps)
    assert plain.any()
    for maps in map_list:
        np.testing.assert_array_equal(maps, plain)


@pytest.mark.parametrize("kind", SMALL)
def test_a_batch_is_its_photos_one_by_one(kind: type[Small]) -> None:
    (_, clf, _) = small(kind)
    photos = noise(5, 3, 8, 10)
    targets: list[list[int | str]] = [[0], [1, 2], ["top1"], [2, 0, 1], ["top2"]]
    together = seewhy.explain(clf, photos, "grad_cam", targets, layer=kind.layer, relu=False)
    for photo, target, explanation in zip(photos, targets, together, strict=True):
        alone = seewhy.explain(clf, photo, "grad_cam", target, layer=kind.layer, relu=False)
        assert [t.index for t in explanation.targets] == [t.index for t in alone.targets]
        assert_close(explanation.maps, alone.maps, tolerance=1e-6)


class Folding(nn.Module):
    """The first BatchNorm can be multiplied into its convolution, the second one cannot."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv1 = nn.Conv2d(3, 5, 3, padding=1)
            self.norm1 = nn.BatchNorm2d(5)
            self.norm2 = nn.BatchNorm2d(5)
            self.fc = nn.Linear(5, 3)
            for norm in (self.norm1, self.norm2):
                nn.init.uniform_(norm.weight, 0.5, 1.5)
                nn.init.uniform_(norm.bias, -0.5, 0.5)
                norm.running_mean.uniform_(-0.5, 0.5)
                norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.norm2(self.norm1(self.conv1(x)).relu()).relu().mean(dim=(2, 3)))
        return out


@pytest.mark.parametrize("layer", ["conv1", "norm1", "norm2"])
def test_folding_batch_norms_moves_no_layer(layer: str) -> None:
    network = Folding().eval()
    clf = seewhy.Classifier(network, preprocess=None)
    photo = noise(3, 8, 10)
    explanation = seewhy.explain(clf, photo, "grad_cam", [0, 1, 2], layer=layer, relu=False)
    assert "BatchNorm folded" in explanation.details["plan"]
    assert_close(explanation.maps, captum_maps(network, layer, photo, [0, 1, 2]))


@pytest.mark.parametrize(
    ("method", "peer", "settings"),
    [("layer_cam", "LayerCAM", {}), ("hires_cam", "HiResCAM", {})],
)
def test_peers_compute_the_same(method: str, peer: str, settings: dict[str, Any], small_photos: torch.Tensor) -> None:
    """grad-cam stretches its maps to [0, 1] with a constant in the denominator: compared after the same stretch, to 1e-3."""
    pytest.importorskip("seewhy.load.from_torchvision").models()  # torchvision's import is mended first
    grad_cam = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    network = SmallNet().eval()
    e = seewhy.explain(seewhy.Classifier(network), small_photos[0], method=method, target=2, layer="features.3")
    own = copy.deepcopy(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with getattr(grad_cam, peer)(model=own, target_layers=[own.features[3]]) as peer_cam:
            expected = peer_cam(input_tensor=small_photos[:1].clone(), targets=[targets.ClassifierOutputTarget(2)])[0]
    map_ = seewhy.show.min_max(
        torch.nn.functional.interpolate(
            torch.from_numpy(e.maps)[None], size=expected.shape, mode="bilinear", align_corners=False
        )[0, 0].numpy()
    )
    assert np.corrcoef(map_.ravel(), expected.ravel())[0, 1] > 0.999
