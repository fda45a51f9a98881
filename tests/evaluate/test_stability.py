"""Maps of photos with a little noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.stability import NOISE


def test_a_linear_networks_map_does_not_change_and_a_steep_ones_does() -> None:
    weight = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    class Linear(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            value = (x * weight).sum(dim=(1, 2, 3))
            return torch.stack([value, -value], dim=1)

    clf = seewhy.Classifier(Linear(), preprocess=None)
    photo = torch.rand(3, 16, 16)
    constant = seewhy.explain(clf, photo, "gradient", 0, signed=True)
    assert seewhy.evaluate(clf, constant, ["stability"]).values["stability"] == pytest.approx(0, abs=1e-6)
    moving = seewhy.explain(clf, photo, "input_x_gradient", 0)  # weight · photo: it moves with the photo
    result = seewhy.evaluate(clf, moving, ["stability"])
    assert 0.2 * NOISE < result.values["stability"] < 4 * NOISE
    assert result.random["stability"] > 0.3
    assert result.centre["stability"] == 0


def test_a_picture_is_changed_by_a_few_grey_levels(small: SmallNet) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=seewhy.Preprocess(size=(20, 28)))
    photo = np.random.default_rng(0).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    e = seewhy.explain(clf, photo, relu=False)
    assert 0 < seewhy.evaluate(clf, e, ["stability"]).values["stability"] < 1
