"""The CAM family: every equation a second time, the laws between them, peers where they compute the same thing."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy

FAMILY = ("grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam", "eigen_cam")


def features_and_gradient(network: SmallNet, split: int, photo: torch.Tensor, target: int) -> tuple[Any, Any]:
    """A and g = ∂z/∂A as float64 arrays ``(c, h, w)``, with plain autograd."""
    network.eval()
    with torch.no_grad():
        features = network.features[:split](photo[None]).clone()
    features.requires_grad_()
    score = network.fc(network.features[split:](features.clone()).mean((2, 3)))[0, target]
    (gradient,) = torch.autograd.grad(score, features)
    return features.detach()[0].double().numpy(), gradient[0].double().numpy()


def plus_plus(A: Any, g: Any) -> Any:
    heat = np.zeros(A.shape[1:])
    for k in range(len(A)):
        weight = 0.0
        for i, j in np.ndindex(*A.shape[1:]):
            below = 2 * g[k, i, j] ** 2 + A[k].sum() * g[k, i, j] ** 3
            alpha = g[k, i, j] ** 2 / below if below != 0 else 0.0
            weight += alpha * max(g[k, i, j], 0.0)
        heat += weight * A[k]
    return heat


def layer(A: Any, g: Any) -> Any:
    heat = np.zeros(A.shape[1:])
    for k, i, j in np.ndindex(*A.shape):
        heat[i, j] += max(g[k, i, j], 0.0) * A[k, i, j]
    return heat


def eigen(A: Any, g: Any) -> Any:
    """By the covariance matrix of the channels instead of a decomposition of the values."""
    rows = A.reshape(len(A), -1).T
    covariance = np.cov(rows, rowvar=False)
    (_, vectors) = np.linalg.eigh(covariance)
    heat = rows @ vectors[:, -1]
    sign = np.sign(np.corrcoef(heat, rows.sum(axis=1))[0, 1])
    return (sign * heat).reshape(A.shape[1:])


EQUATIONS = {"grad_cam_plus_plus": plus_plus, "layer_cam": layer, "eigen_cam": eigen}


@pytest.mark.parametrize(("split", "name"), [(3, "features.2"), (5, "features.4"), (7, "features")])
@pytest.mark.parametrize("method", EQUATIONS)
def test_the_equation_in_loops(method: str, split: int, name: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos[:2]:
        expected = EQUATIONS[method](*features_and_gradient(small, split, photo, 2))
        signed = seewhy.explain(clf, photo, method=method, target=2, layer=name, relu=False)
        np.testing.assert_allclose(signed.maps[0], expected, rtol=1e-3, atol=2e-5 * np.abs(expected).max())
        whole = seewhy.explain(clf, photo, method=method, target=2, layer=name)
        np.testing.assert_array_equal(whole.maps, np.clip(signed.maps, 0, None))
        assert whole.layer == name
        assert not whole.signed


def test_mean_and_dense_layer_make_them_one(small: SmallNet, small_photos: torch.Tensor) -> None:
    """HiResCAM = Grad-CAM = CAM / (h w)."""
    clf = seewhy.Classifier(small)
    for photo in small_photos:
        cam = seewhy.explain(clf, photo, method="cam", target=[0, 1, 2, 3])
        for method in ("grad_cam", "hires_cam"):
            made = seewhy.explain(clf, photo, method=method, target=[0, 1, 2, 3], relu=False)
            np.testing.assert_allclose(made.maps * made.maps[0].size, cam.maps, rtol=1e-4, atol=1e-5)


def test_with_positive_gradients_layer_cam_is_hires_cam(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.weight.abs_()
    clf = seewhy.Classifier(small)
    (a, b) = (seewhy.explain(clf, small_photos[0], method=m, target=[0, 1], relu=False).maps for m in ("layer_cam", "hires_cam"))
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_layer_cam_leaves_out_what_speaks_against(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="layer_cam", target=[0, 1, 2, 3], relu=False, layer="features.2")
    assert (e.maps >= 0).all()  # the layer is behind a ReLU


def test_grad_cam_plus_plus_counts_two_objects_alike() -> None:
    """One channel, two squares of very different size: the map holds both, and its weight is the sum over the places."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    with torch.no_grad():
        network[0].weight.fill_(1)
        network[0].bias.zero_()
        network[3].weight.fill_(0.5)
        network[3].bias.zero_()
    photo = torch.zeros(1, 8, 8)
    photo[0, :4, :4] = 1
    photo[0, 6, 6] = 1
    e = seewhy.explain(seewhy.Classifier(network), photo, method="grad_cam_plus_plus", target=0)
    weight = 64 * 0.5**2 / (2 * 0.5**2 + 17 * 0.5**3) * 0.5
    np.testing.assert_allclose(e.maps[0], weight * photo[0], rtol=1e-5)


# -- Score-CAM --------------------------------------------------------------------------------------------------------


def test_score_cam_a_second_time(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    photo = small_photos[0]
    e = seewhy.explain(clf, photo, method="score_cam", target=[1, 3], layer="features.2", relu=False)
    with torch.no_grad():
        A = small.eval().features[:3](photo[None])[0]
        black = small(torch.zeros_like(photo)[None])[0]
        rises = []
        for channel in A:
            H = torch.from_numpy(seewhy.Explanation.from_map(clf, photo, channel, 0).on_input()[0])
            H = (H - H.min()) / (H.max() - H.min())
            rises.append(small((photo * H)[None])[0] - black)
        weights = torch.softmax(torch.stack(rises), dim=0)  # (c, classes)
    expected = torch.einsum("ck,chw->khw", weights[:, [1, 3]], A)
    np.testing.assert_allclose(e.maps, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(e.details["weights"], weights[:, [1, 3]].T, rtol=1e-3)
    np.testing.assert_allclose(e.details["weights"].sum(axis=1), 1, rtol=1e-5)
    assert e.cost.forward == 1 + 1 + 1 + len(A)  # the layer, the photo, black, and every channel
    assert e.cost.backward == 0
    assert e.details["constant_channels"] == 0


def test_score_cam_leaves_constant_channels_out(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.features[1].weight[2] = 0  # BatchNorm: the channel is its bias everywhere
    e = seewhy.explain(seewhy.Classifier(small), small_photos[0], method="score_cam", layer="features.2")
    assert e.details["constant_channels"] == 1
    assert e.details["weights"][0, 2] == 0
    assert e.details["weights"].sum() == pytest.approx(1, rel=1e-5)


def test_score_cam_stopped_early(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="score_cam", layer="features.2", budget=7, batch_size=1)
    assert e.partial
    assert "of 8 channels" in e.notes[0]
    assert e.details["weights"].sum() == pytest.approx(1, rel=1e-5)
    with pytest.raises(seewhy.SeewhyError, match="The budget was used up before the first of 8 channels"):
        seewhy.explain(clf, small_photos[0], method="score_cam", layer="features.2", budget=2, batch_size=1)
    with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
        seewhy.explain(seewhy.Classifier(lambda x: x.mean((2, 3))), torch.rand(3, 8, 8), method="score_cam")


# -- EigenCAM ---------------------------------------------------------------------------------------------------------


def test_eigen_cam_has_no_class(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="eigen_cam", target="top3")
    assert np.array_equal(e.maps[0], e.maps[1])
    assert np.array_equal(e.maps[0], e.maps[2])
    assert (e.signed, e.units, e.cost.backward) == (False, "activation", 0)
    with torch.no_grad():
        small.features[0].weight.zero_()
    flat = seewhy.explain(clf, small_photos[0], method="eigen_cam", layer="features.0")
    assert not flat.maps.any()
    assert flat.notes[0].startswith("The map is empty")


# -- all of them ------------------------------------------------------------------------------------------------------


class Flat(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))


def test_averaging_methods_say_why_they_are_unreliable_on_a_flatten_head() -> None:
    clf = seewhy.Classifier(Flat())
    photo = torch.rand(3, 8, 8)
    for method in FAMILY:
        notes = " ".join(seewhy.explain(clf, photo, method=method, relu=False).notes)
        warned = "the head flattens the grid, so each place has a gradient of its own, and averaging mixes them up" in notes
        assert warned == (method in ("grad_cam", "grad_cam_plus_plus"))
        if warned:
            assert "use method='hires_cam'" in notes


@pytest.mark.parametrize("method", FAMILY)
def test_on_the_real_network_they_find_the_dog(method: str, real_squeezenet: seewhy.Classifier, real_photos: Any) -> None:
    photo = next(real_photos.glob("*golden_retriever*"))
    heat = seewhy.explain(real_squeezenet, photo, method=method, progress=False).on_photo()[0]
    (rows, columns) = ((np.arange(side) + 0.5) / side for side in heat.shape)
    dog = ((rows > 0.245) & (rows < 0.81))[:, None] & ((columns > 0.155) & (columns < 0.6))[None]  # a box drawn by hand
    assert np.nanmean(heat[dog]) > 1.5 * np.nanmean(heat[~dog])


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
        with getattr(grad_cam, peer)(model=own, target_layers=[own.features[3]]) as made:
            expected = made(input_tensor=small_photos[:1].clone(), targets=[targets.ClassifierOutputTarget(2)])[0]
    found = seewhy.show.min_max(
        torch.nn.functional.interpolate(
            torch.from_numpy(e.maps)[None], size=expected.shape, mode="bilinear", align_corners=False
        )[0, 0].numpy()
    )
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
