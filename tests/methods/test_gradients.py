"""Gradient methods: hand-made numbers, the equations a second time, identities, errors. Peers: test_gradient_parity.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn
from torch.nn import functional as F

import seewhy
from seewhy.load.from_torchvision import models
from seewhy.methods.integrated_gradients import _spread

ALL = ("gradient", "input_x_gradient", "integrated_gradients", "smooth_grad", "guided_backprop", "deconvnet", "guided_grad_cam")


class Toy(nn.Module):
    """The net of small numbers: 3×3 convolution of ones with biases -50 and -75, ReLU, a dense layer of ±1, ReLU."""

    def __init__(self, style: str = "module") -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(8, 4, bias=False)
        self.relu = nn.ReLU(inplace=style == "in place")
        self.style = style
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([1.0, 1, 1, 1, 1, -1, -1, -1]).expand(4, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        relu = F.relu if self.style == "functional" else self.relu  # the module is used twice
        return relu(self.fc(relu(self.conv(x)).flatten(1)))


X0 = torch.arange(16.0).reshape(1, 4, 4)
X1 = X0 + 1
NUMBERS = {
    ("gradient", 0): [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    ("gradient", 1): [[1, 2, 2, 1], [1, 2, 2, 1], [1, 2, 2, 1], [0, 0, 0, 0]],
    ("guided_backprop", 0): [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    ("guided_backprop", 1): [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]],
    ("deconvnet", 0): [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
    ("deconvnet", 1): [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
}


@pytest.mark.parametrize("style", ["module", "in place", "functional"])
@pytest.mark.parametrize(("method", "which"), NUMBERS)
def test_hand_made_numbers(method: str, which: int, style: str) -> None:
    clf = seewhy.Classifier(Toy(style), head="none")
    photo = (X0, X1)[which]
    e = seewhy.explain(clf, photo, method=method, target=0, signed=True)
    assert e.maps[0].tolist() == NUMBERS[method, which]
    assert clf.scores(photo)[0, 0] == (54, 67)[which]
    assert e.raw is not None
    assert e.raw.shape == (1, 1, 4, 4)


def plain_gradient(network: nn.Module, photo: torch.Tensor, target: int) -> torch.Tensor:
    """∂z/∂X by plain autograd, ``(C, H, W)``."""
    x = photo[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.eval()(x)[0, target], x)
    return gradient[0]


def test_the_gradient_and_its_two_sums(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos[:2]:
        expected = plain_gradient(small, photo, 2).numpy()
        e = seewhy.explain(clf, photo, method="gradient", target=2)
        signed = seewhy.explain(clf, photo, method="gradient", target=2, signed=True)
        np.testing.assert_allclose(e.raw[0], expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(e.maps[0], np.abs(expected).sum(axis=0), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(signed.maps[0], expected.sum(axis=0), rtol=1e-4, atol=1e-7)
        assert (e.signed, signed.signed) == (False, True)
        times = seewhy.explain(clf, photo, method="input_x_gradient", target=2)
        np.testing.assert_allclose(times.raw[0], photo.numpy() * expected, rtol=1e-4, atol=1e-7)
        assert (e.cost.forward, e.cost.backward) == (1, 1)


def test_finite_differences() -> None:
    """A smooth network in double precision: (y(X + h) - y(X - h)) / 2h at every pixel."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Softplus(), nn.Flatten(), nn.Linear(3 * 20, 2)).double()
    photo = torch.rand(2, 4, 5, dtype=torch.float64)
    e = seewhy.explain(seewhy.Classifier(network), photo, method="gradient", target=1, signed=True)
    h = 1e-4
    for place in np.ndindex(2, 4, 5):
        (up, down) = (photo.clone(), photo.clone())
        up[place] += h
        down[place] -= h
        with torch.no_grad():
            slope = float((network(up[None]) - network(down[None]))[0, 1]) / (2 * h)
        assert e.raw[0][place] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_gradients_are_with_respect_to_the_pixels(small: SmallNet) -> None:
    """With a preparation they are the tensor's divided by 255 · std of the channel."""
    (mean, std) = ([0.4, 0.5, 0.6], [0.1, 0.2, 0.4])
    photo = (255 * np.random.default_rng(0).random((20, 28, 3))).astype(np.uint8)
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=(20, 28), resize="stretch", mean=mean, std=std))
    e = seewhy.explain(clf, photo, method="gradient", target=1)
    tensor = (torch.from_numpy(photo).permute(2, 0, 1) / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[
        :, None, None
    ]
    expected = plain_gradient(small, tensor, 1) / (255 * torch.tensor(std)[:, None, None])
    np.testing.assert_allclose(e.raw[0], expected, rtol=1e-3, atol=1e-8)
    assert e.units == "logit per grey level"


def test_probability_is_log_odds_times_p_1_minus_p(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.double())
    photo = small_photos[0]
    found = {
        score: seewhy.explain(clf, photo, method="gradient", target=1, score=score, signed=True)
        for score in ("probability", "log_odds")
    }
    p = float(clf.scores(photo)[0, 1])
    np.testing.assert_allclose(found["probability"].maps, p * (1 - p) * found["log_odds"].maps, rtol=1e-4, atol=1e-9)


def test_a_sure_network_has_a_gradient_in_log_odds_only(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.weight.mul_(3000)
    clf = seewhy.Classifier(small)
    dead = seewhy.explain(clf, small_photos[0], method="gradient", score="probability")
    alive = seewhy.explain(clf, small_photos[0], method="gradient", score="log_odds")
    assert not dead.maps.any()
    assert "The map is empty: no pixel moves the probability of" in dead.notes[0]
    assert "score='log_odds'" in dead.notes[0]
    assert alive.maps.any()
    assert np.isfinite(alive.maps).all()


# -- integrated gradients ---------------------------------------------------------------------------------------------


def by_midpoints(network: nn.Module, photo: torch.Tensor, start: torch.Tensor, target: int, steps: int) -> torch.Tensor:
    total = torch.zeros_like(photo)
    for k in range(1, steps + 1):
        total += plain_gradient(network, start + (k - 0.5) / steps * (photo - start), target)
    return (photo - start) * total / steps


def test_integrated_gradients_by_midpoints(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for steps, baseline in ((5, 0), (16, [0.5, -1.0, 2.0]), (7, small_photos[1])):
        e = seewhy.explain(clf, small_photos[0], method="integrated_gradients", target=3, steps=steps, baseline=baseline)
        start = torch.as_tensor(baseline, dtype=torch.float32)
        start = (start[:, None, None] if start.ndim == 1 else start).expand(small_photos[0].shape)
        expected = by_midpoints(small, small_photos[0], start, 3, steps)
        np.testing.assert_allclose(e.raw[0], expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(e.maps[0], expected.sum(dim=0), rtol=1e-3, atol=1e-5)
        logits = [float(clf.logits(x)[0, 3]) for x in (small_photos[0], start)]
        assert e.details["difference"][0] == pytest.approx(logits[0] - logits[1], abs=1e-5)
        gap = abs(e.maps.sum() - (logits[0] - logits[1])) / abs(logits[0] - logits[1])
        assert e.details["completeness_gap"][0] == pytest.approx(gap, abs=1e-3)


def test_the_points_lie_evenly_on_the_straight_way() -> None:
    seen: list[torch.Tensor] = []

    def remember(output: torch.Tensor) -> torch.Tensor:
        seen.append(output.detach().clone())
        return output[:, 0]

    photo = torch.tensor([2.0, 4.0]).reshape(2, 1, 1).expand(2, 3, 3).contiguous()
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # the scores are the means themselves
    seewhy.explain(
        seewhy.Classifier(network, head="none"),
        photo,
        method="integrated_gradients",
        target=remember,
        steps=10,
        baseline=1,
        batch_size=4,
    )
    rows = torch.cat(seen)
    way = rows[(rows[:, 0] > 1) & (rows[:, 0] < 2)]
    shares = sorted(way[:, 0].sub(1).tolist())
    np.testing.assert_allclose(shares, (np.arange(10) + 0.5) / 10, atol=1e-6)
    np.testing.assert_allclose((way[:, 1] - 1) / 3, way[:, 0] - 1, atol=1e-6)


class Cube(nn.Module):
    """``Σ x³`` and ``Σ x``: the integral is known, and the midpoint rule's gap, too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x**3).sum((1, 2, 3)), x.sum((1, 2, 3))], dim=1)


def test_steps_double_until_the_gap_is_small() -> None:
    photo = torch.full((1, 2, 2), 2.0)
    clf = seewhy.Classifier(Cube(), head="none")
    e = seewhy.explain(clf, photo, method="integrated_gradients", target=[0, 1])
    assert e.details["steps"] == 64
    # ∫ 3x² by m midpoints misses x³ by the share 1 / (4 m²).
    assert e.details["completeness_gap"][0] == pytest.approx(1 / (4 * 64**2), rel=1e-2)
    np.testing.assert_allclose(e.maps[1], 2.0, rtol=1e-6)
    few = seewhy.explain(clf, photo, method="integrated_gradients", target=0, steps=2)
    assert few.details["completeness_gap"][0] == pytest.approx(1 / 16, rel=1e-3)
    assert "misses the difference of the scores by 6.2% (more steps= bring it closer)" in " ".join(few.notes)


class Fence(nn.Module):
    """A score with teeth so narrow that few steps miss them: ``y = x`` up to half of the way, and a jump of slope behind."""

    def __init__(self, teeth: int) -> None:
        super().__init__()
        self.teeth = teeth

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.mean((1, 2, 3))
        return torch.stack([y + torch.sin(2 * torch.pi * self.teeth * y) / 6 + (y - 0.501).clamp_min(0) * 30, y], dim=1)


def test_it_goes_on_doubling_and_says_where_it_ends() -> None:
    photo = torch.ones(1, 2, 2)
    e = seewhy.explain(seewhy.Classifier(Fence(64), head="none"), photo, method="integrated_gradients", target=0)
    assert e.details["steps"] > 64
    assert e.details["completeness_gap"][0] < 0.01
    stuck = seewhy.explain(seewhy.Classifier(Fence(1024), head="none"), photo, method="integrated_gradients", target=0)
    assert stuck.details["steps"] == 1024
    assert stuck.cost.forward == 64 + 128 + 256 + 512 + 1024 + 2
    assert stuck.details["completeness_gap"][0] > 0.01
    assert "(even with 1024 steps)" in " ".join(stuck.notes)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 100])
def test_every_beginning_of_the_order_is_spread_out(count: int) -> None:
    order = _spread(count)
    assert sorted(order) == list(range(count))
    for n in (8, 16, 32):
        if n <= count:
            mean = (np.array(order[:n]) + 0.5).mean() / count
            assert abs(mean - 0.5) < 0.12


@pytest.mark.parametrize("baseline", ["mean", "blur", "noise", "black", None])
def test_baselines_by_name(small: SmallNet, baseline: Any) -> None:
    photo = (255 * np.random.default_rng(0).random((20, 28, 3))).astype(np.uint8)
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=(20, 28), resize="stretch"))
    e = seewhy.explain(clf, photo, method="integrated_gradients", target=1, baseline=baseline, seed=5)
    assert e.details["completeness_gap"][0] < 0.01
    if baseline == "black":
        zero = seewhy.explain(clf, photo, method="integrated_gradients", target=1)
        assert np.array_equal(zero.maps, e.maps)
    another = seewhy.explain(clf, photo, method="integrated_gradients", target=1, baseline=photo[::-1].copy())
    assert not np.allclose(another.maps, e.maps)


# -- SmoothGrad -------------------------------------------------------------------------------------------------------


def test_without_noise_it_is_the_gradient(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for signed in (False, True):
        smooth = seewhy.explain(clf, small_photos[0], method="smooth_grad", samples=3, noise=0.0, signed=signed)
        plain = seewhy.explain(clf, small_photos[0], method="gradient", signed=signed)
        np.testing.assert_allclose(smooth.maps, plain.maps, rtol=1e-4, atol=1e-7)


def test_smooth_grad_is_the_mean_over_noisy_copies(small: SmallNet, small_photos: torch.Tensor) -> None:
    (photo, generator) = (small_photos[0], torch.Generator().manual_seed(11))
    sigma = 0.2 * float(photo.max() - photo.min())
    total = torch.zeros_like(photo)
    for _ in range(6):
        total += plain_gradient(small, photo + sigma * torch.randn(photo.shape, generator=generator), 1)
    clf = seewhy.Classifier(small)
    for batch_size in (1, 4):
        e = seewhy.explain(
            clf, photo, method="smooth_grad", target=1, samples=6, noise=0.2, seed=11, signed=True, batch_size=batch_size
        )
        np.testing.assert_allclose(e.raw[0], total / 6, rtol=1e-3, atol=1e-6)
    assert e.details["sigma"] == pytest.approx(sigma)
    other = seewhy.explain(clf, photo, method="smooth_grad", target=1, samples=6, noise=0.2, seed=12)
    assert not np.allclose(other.raw, e.raw)


# -- guided Grad-CAM --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upsample", ["bicubic", "nearest"])
def test_guided_grad_cam_is_the_product(small: SmallNet, small_photos: torch.Tensor, upsample: str) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[:2], method="guided_grad_cam", target="top3", upsample=upsample)
    guided = seewhy.explain(clf, small_photos[:2], method="guided_backprop", target="top3")
    cams = seewhy.explain(clf, small_photos[:2], target="top3")
    for made, g, cam in zip(e, guided, cams, strict=True):
        large = cam.on_input(upsample)
        np.testing.assert_allclose(made.raw, g.raw * large[:, None], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(made.maps, (g.raw * large[:, None]).sum(axis=1), rtol=1e-4, atol=1e-6)
        assert made.layer == cam.layer


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
        f"{title} changes ReLU and ReLU6; this model has none (2 silu), so the result would be the plain gradient. "
        "Use method='gradient', or method='integrated_gradients' for shares of the score."
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
    assert str(error.value).startswith(
        f"{method} needs a gradient, but the score for 'class 1' is cut off from the photo: remove "
    )
    assert str(error.value).endswith("or use a method that needs none, such as method='occlusion'.")


@pytest.mark.parametrize("method", ALL)
def test_a_function_has_no_gradient(method: str) -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)))
    with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
        seewhy.explain(clf, torch.rand(3, 9, 9), method=method)


@pytest.mark.parametrize(
    ("method", "settings", "words"),
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
def test_bad_settings(method: str, settings: dict[str, Any], words: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    with pytest.raises(seewhy.SeewhyError, match=words):
        seewhy.explain(seewhy.Classifier(small), small_photos[0], method=method, **settings)


class Sharp(nn.Module):
    """A square root has no slope at zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x.clamp_min(0).sqrt().sum((1, 2, 3)), x.sum((1, 2, 3))], dim=1)


def test_gradients_that_are_not_finite() -> None:
    with pytest.raises(seewhy.SeewhyError, match="Non-finite gradients at the photo"):
        seewhy.explain(seewhy.Classifier(Sharp(), head="none"), torch.zeros(1, 3, 3), method="gradient", target=0)


@pytest.mark.parametrize("method", ["integrated_gradients", "smooth_grad"])
def test_a_budget_leaves_a_partial_map(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method=method, budget=12, batch_size=4, target=1)
    assert e.partial
    assert e.cost.forward <= 12
    assert "stopped by the budget after" in " ".join(e.notes)
    whole = seewhy.explain(clf, small_photos[0], method=method, target=1)
    assert not whole.partial
    assert np.corrcoef(whole.maps.ravel(), e.maps.ravel())[0, 1] > 0.7
    seen: list[tuple[int, int, Any]] = []
    seewhy.explain(
        clf,
        small_photos[0],
        method=method,
        target=1,
        batch_size=4,
        progress=lambda done, total, part: seen.append((done, total, part)),
    )
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert seen[0][2].partial
    assert seen[0][2].maps.shape == whole.maps.shape


@pytest.mark.parametrize("method", ["integrated_gradients", "smooth_grad"])
def test_ctrl_c_keeps_what_there_is(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    def press(done: int, total: int, partial: Any) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method=method, batch_size=4, progress=press)
    assert e.partial
    assert e.details["stopped"] == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        seewhy.explain(clf, small_photos[:2], method=method, batch_size=4, progress=press)


def test_memory_holds_one_block_only(small: SmallNet, small_photos: torch.Tensor) -> None:
    """However many steps: no more photos than a block go through at once."""
    blocks: list[int] = []
    small.features.register_forward_pre_hook(lambda module, args: blocks.append(len(args[0])))
    seewhy.explain(seewhy.Classifier(small), small_photos[0], method="integrated_gradients", steps=100, batch_size=8)
    assert max(blocks) == 8
    assert sum(blocks) >= 100


def test_a_dog_counts_more_than_what_is_behind_it(real_squeezenet: seewhy.Classifier, real_photos: Any) -> None:
    """Dog pixels count much more than the background (a box drawn by hand)."""
    photo = next(real_photos.glob("*golden_retriever*"))
    for method in ("gradient", "guided_backprop", "smooth_grad"):
        settings = {"samples": 10} if method == "smooth_grad" else {}
        heat = np.abs(seewhy.explain(real_squeezenet, photo, method=method, **settings).on_photo("nearest")[0])
        (rows, columns) = ((np.arange(side) + 0.5) / side for side in heat.shape)
        dog = ((rows > 0.245) & (rows < 0.81))[:, None] & ((columns > 0.155) & (columns < 0.6))[None]
        assert np.nanmean(heat[dog]) > 1.5 * np.nanmean(heat[~dog])
