"""What methods on feature maps have in common: the laws between them, their notes, and the records of a method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.head import Head
from seewhy.methods.base import output_gradients
from seewhy.records import Prediction, Target
from seewhy.targets import ResolvedTarget

FAMILY = ("grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam", "eigen_cam")


def test_mean_and_dense_layer_make_them_one(small: SmallNet, small_photos: torch.Tensor) -> None:
    """HiResCAM = Grad-CAM = CAM / (h w)."""
    clf = seewhy.Classifier(small)
    for photo in small_photos:
        cam = seewhy.explain(clf, photo, method="cam", target=[0, 1, 2, 3])
        for method in ("grad_cam", "hires_cam"):
            explanation = seewhy.explain(clf, photo, method=method, target=[0, 1, 2, 3], relu=False)
            np.testing.assert_allclose(explanation.maps * explanation.maps[0].size, cam.maps, rtol=1e-4, atol=1e-5)


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
    map_ = seewhy.explain(real_squeezenet, photo, method=method, progress=False).on_photo()[0]
    (rows, columns) = ((np.arange(side) + 0.5) / side for side in map_.shape)
    dog = ((rows > 0.245) & (rows < 0.81))[:, None] & ((columns > 0.155) & (columns < 0.6))[None]  # a box drawn by hand
    assert np.nanmean(map_[dog]) > 1.5 * np.nanmean(map_[~dog])


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "none"])
def test_a_logits_gradient_is_one_at_its_class(kind: str) -> None:
    """In closed form, and by autograd, which a function of the output beside it asks for."""

    def of_class(index: int) -> ResolvedTarget:
        return ResolvedTarget(Target(str(index), index, 0.0, 1))

    output = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], requires_grad=True)
    targets = [[of_class(2), of_class(0)], [of_class(1)]]  # the second photo's one target fills its second place
    (seeds, values) = output_gradients(Head(kind), output, targets, "logit")
    assert seeds.tolist() == [[[0, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]]]
    assert values.tolist() == [[3.0, 5.0], [1.0, 5.0]]
    assert not values.requires_grad
    function = ResolvedTarget(Target("sum", None, 0.0, None), lambda rows: rows.sum(dim=1))
    (by_autograd, _) = output_gradients(Head(kind), output.detach(), [[*targets[0], function], targets[1]], "logit")
    assert torch.equal(by_autograd[:2], seeds)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "none"])
def test_a_comparison_s_gradient_is_one_at_its_class_and_minus_one_at_the_other(kind: str) -> None:
    """In closed form; and by autograd of the same values, which another score has with "none"."""

    def against(index: int, other: int) -> ResolvedTarget:
        return ResolvedTarget(Target(str(index), index, 0.0, 1, Prediction(str(other), other, 0.0)))

    output = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
    targets = [[against(2, 1), against(0, 1)], [against(1, 0)]]
    (seeds, values) = output_gradients(Head(kind), output, targets, "logit")
    assert seeds.tolist() == [[[0, -1, 1], [-1, 1, 0]], [[1, -1, 0], [-1, 1, 0]]]
    assert values.tolist() == [[1.0, 1.0], [-1.0, 1.0]]
    if kind == "none":
        (by_autograd, same) = output_gradients(Head(kind), output, targets, "probability")
        assert torch.equal(by_autograd, seeds)
        assert torch.equal(same, values)


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam"])
@pytest.mark.parametrize("layer", ["features", "features.4"])  # in closed form, and by a backward pass
def test_the_map_against_a_class_is_the_difference_of_two(
    method: str, layer: str, small: SmallNet, small_photos: torch.Tensor
) -> None:
    clf = seewhy.Classifier(small)

    def maps(target: int, **settings: Any) -> np.ndarray[Any, Any]:
        return seewhy.explain(clf, small_photos[0], method, target, layer=layer, **settings).maps

    (one, other) = (maps(1, relu=False), maps(2, relu=False))
    against = maps(1, against=2, relu=False)
    np.testing.assert_allclose(against, one - other, atol=1e-5 * np.abs(one).max())
    np.testing.assert_allclose(maps(2, against=1, relu=False), -against, atol=1e-6)
    np.testing.assert_array_equal(maps(1, against=2), np.clip(against, 0, None))  # the ReLU comes last
    assert not np.allclose(maps(1, against=2), maps(1) - maps(2), atol=1e-2 * np.abs(one).max())
