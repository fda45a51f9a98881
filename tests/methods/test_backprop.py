"""What gradient methods have in common: scores, networks without ReLU, errors, budgets. Peers: test_gradient_parity.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.load.from_torchvision import models

ALL = ("gradient", "input_x_gradient", "integrated_gradients", "smooth_grad", "guided_backprop", "deconvnet", "guided_grad_cam")


def test_probability_is_log_odds_times_p_1_minus_p(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.double())
    photo = small_photos[0]
    explanations = {
        score: seewhy.explain(clf, photo, method="gradient", target=1, score=score, signed=True)
        for score in ("probability", "log_odds")
    }
    p = float(clf.scores(photo)[0, 1])
    np.testing.assert_allclose(
        explanations["probability"].maps, p * (1 - p) * explanations["log_odds"].maps, rtol=1e-4, atol=1e-9
    )


def test_a_sure_network_has_a_gradient_in_log_odds_only(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.weight.mul_(3000)
    clf = seewhy.Classifier(small)
    dead = seewhy.explain(clf, small_photos[0], method="gradient", score="probability")
    alive = seewhy.explain(clf, small_photos[0], method="gradient", score="log_odds")
    assert not dead.maps.any()
    assert "The map is empty: no pixel moves the probability of" in dead.notes[0]
    assert dead.notes[0].endswith(": score='log_odds' does not vanish where the network is sure")
    cam = seewhy.explain(clf, small_photos[0], method="grad_cam", score="probability")
    assert cam.notes[1] == "score='log_odds' does not vanish where the network is sure"
    small.features[0].weight.data.zero_()
    unmoved = seewhy.explain(clf, small_photos[0], method="gradient")
    assert unmoved.notes[0].endswith(": method='occlusion' hides the photo's parts and looks at the score alone")
    assert alive.maps.any()
    assert np.isfinite(alive.maps).all()


@pytest.mark.parametrize("method", ["gradient", "input_x_gradient", "integrated_gradients", "smooth_grad"])
def test_the_map_against_a_class_is_the_difference_of_two(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    settings = {"signed": True, "score": "logit"} | {"integrated_gradients": {"steps": 8}, "smooth_grad": {"samples": 4}}.get(
        method, {}
    )
    (one, other) = (seewhy.explain(clf, small_photos[0], method, target, **settings).maps for target in (1, 2))
    e = seewhy.explain(clf, small_photos[0], method, 1, against=2, **settings)
    np.testing.assert_allclose(e.maps, one - other, atol=1e-5 * np.abs(one).max())
    assert e.units == ("logit" if method.startswith("in") else "logit per unit")


def test_shares_against_a_class_add_up_to_the_difference_of_the_differences(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], "integrated_gradients", 1, against=2)
    (photo, black) = (clf.logits(x)[0] for x in (small_photos[0], torch.zeros_like(small_photos[0])))
    difference = (photo[1] - photo[2]) - (black[1] - black[2])
    assert e.details["difference"] == [pytest.approx(difference, abs=1e-5)]
    assert e.maps.sum() == pytest.approx(difference, rel=0.011)
    assert e.details["completeness_gap"][0] < 0.01


def test_a_sure_network_s_difference_of_probabilities_is_empty_and_says_why(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.weight.mul_(3000)
    clf = seewhy.Classifier(small, classes=["ant", "bee", "cat", "dog"])
    (first, second) = clf.classify(small_photos[0], k=2)
    e = seewhy.explain(clf, small_photos[0], "gradient", against="top2", score="probability")
    assert not e.maps.any()
    assert e.notes == [
        f"The map is empty: no pixel moves the probability of '{first.name}' (1.00) minus that of '{second.name}' (0.00): "
        "score='log_odds' does not vanish where the network is sure"
    ]
    assert seewhy.explain(clf, small_photos[0], "gradient", against="top2", score="log_odds").maps.any()


# -- networks of torchvision ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["googlenet", "mobilenet_v2"])
def test_functional_relus_and_relu6_are_reached(name: str) -> None:
    settings = {"init_weights": False} if name == "googlenet" else {}
    clf = seewhy.Classifier(models().get_model(name, weights=None, **settings))
    photo = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, guided, deconv = (
        seewhy.explain(clf, photo, method=method, signed=True).maps for method in ("gradient", "guided_backprop", "deconvnet")
    )
    scale = np.abs(plain).max()
    assert np.abs(guided - plain).max() > 0.1 * scale
    assert np.abs(deconv - guided).max() > 0.1 * np.abs(guided).max()


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet", "guided_grad_cam"])
def test_a_network_without_relu_is_refused(method: str) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(seewhy.Classifier(network), torch.rand(3, 9, 9), method=method)
    title = seewhy.METHODS[method].title
    assert str(error.value) == (
        f"{title} changes ReLU and ReLU6; this model has none (2 SiLU), so the result would be the plain gradient. "
        "Use method='gradient', method='integrated_gradients' or method='smooth_grad'."
    )
    for other in ("gradient", "integrated_gradients", "smooth_grad"):
        assert seewhy.explain(seewhy.Classifier(network), torch.rand(3, 9, 9), method=other).maps.any()


# -- what can go wrong ------------------------------------------------------------------------------------------------


class Cut(SmallNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x).detach().mean(dim=(2, 3)))


@pytest.mark.parametrize("method", [m for m in ALL if m != "guided_grad_cam"])
def test_a_score_that_is_cut_off(method: str, small_photos: torch.Tensor) -> None:
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(seewhy.Classifier(Cut()), small_photos[0], method=method, target=1)
    assert str(error.value) == (
        f"{seewhy.METHODS[method].title} needs a gradient, but the score for 'class 1' is cut off from the photo. First step "
        "without gradient: 'detach()'. Use a method that needs none: method='occlusion', method='lime' or method='rise'; or "
        "remove detach() from Cut.forward."
    )


@pytest.mark.parametrize("method", ALL)
def test_a_function_has_no_gradient(method: str) -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)))
    with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
        seewhy.explain(clf, torch.rand(3, 9, 9), method=method)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("integrated_gradients", {"steps": 0}, "steps=0: write a whole number above 0."),
        ("integrated_gradients", {"steps": 2.5}, "steps=2.5: write a whole number above 0."),
        ("integrated_gradients", {"baseline": [1, 2]}, "has 2 values, but the photo has 3 channels"),
        ("integrated_gradients", {"baseline": torch.zeros(3, 5, 5)}, r"The baseline is \(3, 5, 5\) for the network, the photo"),
        ("smooth_grad", {"samples": 0}, "samples=0: write a whole number above 0."),
        ("smooth_grad", {"noise": -0.1}, "noise=-0.1: write a share of the photo's range, such as 0.15."),
        ("smooth_grad", {"noise": float("nan")}, "noise=nan: write a share"),
        ("gradient", {"signed": "yes"}, "signed='yes': write True or False."),
        ("gradient", {"score": "logits"}, "score='logits': write one of"),
        ("guided_grad_cam", {"upsample": "linear"}, "upsample='linear': write one of 'bicubic', 'nearest'."),
        ("guided_grad_cam", {"layer": "fc"}, "Layer 'fc' gives"),
    ],
)
def test_bad_settings(method: str, settings: dict[str, Any], message: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    with pytest.raises(seewhy.SeewhyError, match=message):
        seewhy.explain(seewhy.Classifier(small), small_photos[0], method=method, **settings)


@pytest.mark.parametrize(("method", "budget"), [("integrated_gradients", 6), ("smooth_grad", 12)])
def test_a_budget_leaves_a_partial_map(method: str, budget: int, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method=method, budget=budget, batch_size=4, target=1)
    assert e.partial
    assert e.cost.forward <= budget
    assert "stopped by the budget after" in " ".join(e.notes)
    whole = seewhy.explain(clf, small_photos[0], method=method, target=1)
    assert not whole.partial
    assert np.corrcoef(whole.maps.ravel(), e.maps.ravel())[0, 1] > 0.7
    reports: list[tuple[int, int, Any]] = []
    seewhy.explain(
        clf,
        small_photos[0],
        method=method,
        target=1,
        batch_size=4,
        progress=lambda done, total, part: reports.append((done, total, part)),
    )
    assert [done for done, _, _ in reports] == sorted(done for done, _, _ in reports)
    assert reports[0][2].partial
    assert reports[0][2].maps.shape == whole.maps.shape


@pytest.mark.parametrize("method", ["integrated_gradients", "smooth_grad"])
def test_ctrl_c_keeps_what_there_is(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    def press(done: int, total: int, partial: Any) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method=method, batch_size=4, progress=press)
    assert e.partial
    assert e.details["stopped"] == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        seewhy.explain(clf, small_photos[:2], method=method, batch_size=4, progress=press)


def test_a_dog_counts_more_than_what_is_behind_it(real_squeezenet: seewhy.Classifier, real_photos: Any) -> None:
    """Dog pixels count much more than the background (a box drawn by hand)."""
    photo = next(real_photos.glob("*golden_retriever*"))
    for method in ("gradient", "guided_backprop", "smooth_grad"):
        settings = {"samples": 10} if method == "smooth_grad" else {}
        map_ = np.abs(seewhy.explain(real_squeezenet, photo, method=method, **settings).on_photo("nearest")[0])
        (rows, columns) = ((np.arange(side) + 0.5) / side for side in map_.shape)
        dog = ((rows > 0.245) & (rows < 0.81))[:, None] & ((columns > 0.155) & (columns < 0.6))[None]
        assert np.nanmean(map_[dog]) > 1.5 * np.nanmean(map_[~dog])
