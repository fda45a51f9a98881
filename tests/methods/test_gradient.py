"""The gradient: hand-made numbers, plain autograd, and its two sums over the channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gradient_nets import STYLES, assert_numbers, plain_gradient
from small_nets import SmallNet
from torch import nn

import seewhy

NUMBERS = [
    [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    [[1, 2, 2, 1], [1, 2, 2, 1], [1, 2, 2, 1], [0, 0, 0, 0]],
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("index", [0, 1])
def test_hand_made_numbers(index: int, style: str) -> None:
    assert_numbers("gradient", index, style, NUMBERS[index])


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


class Sharp(nn.Module):
    """A square root has no slope at zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x.clamp_min(0).sqrt().sum((1, 2, 3)), x.sum((1, 2, 3))], dim=1)


def test_gradients_that_are_not_finite() -> None:
    with pytest.raises(seewhy.SeewhyError, match="Non-finite gradients at the photo"):
        seewhy.explain(seewhy.Classifier(Sharp(), head="none"), torch.zeros(1, 3, 3), method="gradient", target=0)
