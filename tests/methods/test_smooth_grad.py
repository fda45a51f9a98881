"""SmoothGrad: the mean over noisy copies, and the gradient without noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gradient_nets import plain_gradient
from small_nets import SmallNet

import seewhy


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
