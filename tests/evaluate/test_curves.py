"""Deletion and insertion: reference values by hand, perfect cases, and the equation written a second time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.curves import area, counts_of, passes
from seewhy.geometry import Array

SUM = seewhy.Classifier(lambda x: x.sum(dim=(1, 2, 3))[:, None], preprocess=None, classes=["sum"], head="none")


def of_map(clf: seewhy.Classifier, photo: torch.Tensor, map_: object, target: object = 0) -> seewhy.Explanation:
    return seewhy.Explanation.from_map(clf, photo, map_, target)


def test_the_reference_values() -> None:
    photo = torch.tensor([[[0.4, 0.3], [0.2, 0.1]]])
    result = seewhy.evaluate(SUM, of_map(SUM, photo, photo[0]), steps=2, fill="black")
    assert result.values["deletion"] == pytest.approx(0.4, abs=1e-6)
    assert result.values["insertion"] == pytest.approx(0.6, abs=1e-6)
    np.testing.assert_allclose(result.curves["deletion"], [1.0, 0.3, 0.0], atol=1e-6)
    np.testing.assert_allclose(result.curves["insertion"], [0.0, 0.7, 1.0], atol=1e-6)
    np.testing.assert_allclose(result.shares["deletion"], [0, 0.5, 1])


def test_a_step_more_than_there_are_pixels_changes_one_pixel_at_a_time() -> None:
    photo = torch.tensor([[[0.4, 0.3], [0.2, 0.1]]])
    result = seewhy.evaluate(SUM, of_map(SUM, photo, photo[0]), steps=64, fill="black")
    np.testing.assert_allclose(result.curves["deletion"], [1.0, 0.6, 0.3, 0.1, 0.0], atol=1e-6)
    assert result.values["deletion"] == pytest.approx((0.5 + 0.6 + 0.3 + 0.1) / 4, abs=1e-6)


def test_perfect_maps_come_within_half_a_step_of_the_ends() -> None:
    """The score is 1 while one pixel is as it was, else 0: the map that marks it deletes at once and inserts at once."""
    network = seewhy.Classifier(lambda x: (x[:, 0, 3, 5] > 0.5).float()[:, None], preprocess=None, classes=["pixel"], head="none")
    photo = torch.ones(1, 8, 8)
    map_ = torch.zeros(8, 8)
    map_[3, 5] = 1
    result = seewhy.evaluate(network, of_map(network, photo, map_), steps=16, fill="black")
    assert result.values["deletion"] <= 1 / (2 * 16)
    assert result.values["insertion"] >= 1 - 1 / (2 * 16)
    worst = seewhy.evaluate(network, of_map(network, photo, -map_), steps=16, fill="black")
    assert worst.values["deletion"] >= 1 - 1 / (2 * 16)
    assert worst.values["insertion"] <= 1 / (2 * 16)


def test_the_curves_are_those_of_photos_masked_by_hand(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small, preprocess=None)
    e = seewhy.explain(clf, small_photos[0], "grad_cam", "top1", relu=False)
    result = seewhy.evaluate(clf, e, steps=7, fill=0.25)
    map_ = e.on_input()[0]
    ordered = np.argsort(-map_, axis=None, kind="stable")
    for metric, start, end in (("deletion", small_photos[0], 0.25), ("insertion", torch.tensor(0.25), small_photos[0])):
        scores = []
        for count in counts_of(map_.size, 7):
            photo = torch.broadcast_to(start, small_photos[0].shape).clone().reshape(3, -1)
            source = torch.broadcast_to(torch.as_tensor(end), small_photos[0].shape).reshape(3, -1)
            photo[:, ordered[:count].copy()] = source[:, ordered[:count].copy()]
            scores.append(clf.scores(photo.reshape(small_photos[0].shape))[0, e.targets[0].index])
        np.testing.assert_allclose(result.curves[metric], scores, atol=2e-6)
        assert result.values[metric] == pytest.approx(by_trapezoids(counts_of(map_.size, 7) / map_.size, scores), abs=1e-6)


def by_trapezoids(shares: Array, scores: list[float]) -> float:
    pairs = zip(shares[:-1], shares[1:], scores[:-1], scores[1:], strict=True)
    return float(sum((right - left) * (low + high) / 2 for left, right, low, high in pairs))


def test_the_area_counts_the_true_share() -> None:
    assert area([0, 0.25, 1], [1, 1, 0]) == pytest.approx(0.25 + 0.375)


def test_every_step_is_there_once() -> None:
    assert counts_of(4, 2).tolist() == [0, 2, 4]
    assert counts_of(4, 64).tolist() == [0, 1, 2, 3, 4]
    assert counts_of(50_176, 64)[[0, -1]].tolist() == [0, 50_176]
    assert len(counts_of(50_176, 64)) == 65


def test_equal_places_are_taken_in_random_order_not_from_one_corner() -> None:
    """A map that is the same everywhere: half of the photo is gone after half of the steps, wherever one looks."""
    clf = seewhy.Classifier(
        lambda x: x[:, :, :4].mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["upper half"], head="none"
    )
    photo = torch.ones(1, 8, 64)
    result = seewhy.evaluate(clf, of_map(clf, photo, torch.zeros(8, 64)), steps=2, fill="black")
    assert result.curves["deletion"][1] == pytest.approx(0.5, abs=0.1)


def test_each_copy_goes_through_the_network_once() -> None:
    photos: list[int] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        photos.append(len(x))
        return x.mean(dim=(1, 2, 3))[:, None]

    clf = seewhy.Classifier(network, preprocess=None, classes=["mean"], head="none")
    photo = torch.rand(1, 16, 16)
    e = of_map(clf, photo, torch.rand(4, 4))
    photos.clear()
    result = seewhy.evaluate(clf, e, steps=10)
    # 9 steps between the ends, of three maps, two ways; the untouched photo, and all of it hidden, once for each way.
    assert sum(photos) == result.cost == 2 * (3 * 9 + 1) + 1


@pytest.mark.filterwarnings("ignore")  # quantus' own
def test_the_same_deletion_as_quantus() -> None:
    """Its pixel flipping orders the values of all channels, so that only photos of one channel are the same."""
    quantus = pytest.importorskip("quantus")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(1600, 3)
    )
    (photos, maps) = (torch.rand(2, 1, 20, 20), torch.rand(2, 20, 20))
    clf = seewhy.Classifier(network.eval(), preprocess=None)
    indices = clf.scores(photos).argmax(axis=1)
    metric = quantus.PixelFlipping(
        features_in_step=20, perturb_baseline=0.0, normalise=False, abs=False, disable_warnings=True, return_auc_per_sample=False
    )
    theirs = metric(network, photos.numpy(), indices, maps[:, None].numpy(), softmax=True)
    for photo, map_, index, curve in zip(photos, maps, indices, theirs, strict=True):
        result = seewhy.evaluate(clf, of_map(clf, photo, map_, int(index)), ["deletion"], steps=20, fill="black")
        np.testing.assert_allclose(result.curves["deletion"][1:], curve, atol=1e-6)  # theirs leaves out the photo itself
        assert result.curves["deletion"][0] == pytest.approx(float(clf.scores(photo)[0, index]), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 560, 1000])
def test_what_a_curve_costs_is_known_before(small: SmallNet, small_photos: torch.Tensor, steps: int) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0])  # 20×28 pixels
    assert passes(e, steps) == seewhy.evaluate(clf, e, ["deletion"], steps, progress=False).cost - 1
