"""Guided Grad-CAM is the product of its two factors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy


@pytest.mark.parametrize("upsample", ["bicubic", "nearest"])
def test_guided_grad_cam_is_the_product(small: SmallNet, small_photos: torch.Tensor, upsample: str) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[:2], method="guided_grad_cam", target="top3", upsample=upsample)
    guided = seewhy.explain(clf, small_photos[:2], method="guided_backprop", target="top3")
    cams = seewhy.explain(clf, small_photos[:2], target="top3")
    for explanation, g, cam in zip(e, guided, cams, strict=True):
        large = cam.on_input(upsample)
        np.testing.assert_allclose(explanation.raw, g.raw * large[:, None], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(explanation.maps, (g.raw * large[:, None]).sum(axis=1), rtol=1e-4, atol=1e-6)
        assert explanation.layer == cam.layer
