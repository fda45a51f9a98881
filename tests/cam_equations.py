"""The CAM family: an equation written a second time, beside the method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from small_nets import SmallNet

import seewhy


def features_and_gradient(network: SmallNet, split: int, photo: torch.Tensor, target: int) -> tuple[Any, Any]:
    """A and g = ∂z/∂A as float64 arrays ``(c, h, w)``, with plain autograd."""
    network.eval()
    with torch.no_grad():
        features = network.features[:split](photo[None]).clone()
    features.requires_grad_()
    score = network.fc(network.features[split:](features.clone()).mean((2, 3)))[0, target]
    (gradient,) = torch.autograd.grad(score, features)
    return features.detach()[0].double().numpy(), gradient[0].double().numpy()


LAYERS = [(3, "features.2"), (5, "features.4"), (7, "features")]  # how many modules come before, and the layer's name


def assert_equation(
    method: str, equation: Callable[[Any, Any], Any], split: int, name: str, small: SmallNet, small_photos: torch.Tensor
) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos[:2]:
        expected = equation(*features_and_gradient(small, split, photo, 2))
        signed = seewhy.explain(clf, photo, method=method, target=2, layer=name, relu=False)
        np.testing.assert_allclose(signed.maps[0], expected, rtol=1e-3, atol=2e-5 * np.abs(expected).max())
        whole = seewhy.explain(clf, photo, method=method, target=2, layer=name)
        np.testing.assert_array_equal(whole.maps, np.clip(signed.maps, 0, None))
        assert whole.layer == name
        assert not whole.signed
