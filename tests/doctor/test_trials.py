"""What BatchNorms read, against the same sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor.trials import PrivateCopy, batch_norms
from seewhy.errors import OutputError


def test_moments_and_outputs_photo_by_photo(small, small_photos) -> None:
    clf = seewhy.Classifier(small, None)
    own = PrivateCopy(clf)
    trial = own.run(list(small_photos))
    with torch.no_grad():
        small.eval()
        np.testing.assert_allclose(trial.outputs, small(small_photos).numpy(), atol=1e-5)
    read = []
    handle = batch_norms(small)[0][1].register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    small(small_photos)
    handle.remove()
    moments = trial.moments[0]
    np.testing.assert_allclose(moments.mean, read[0].mean((2, 3)).detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(moments.square, (read[0] ** 2).mean((2, 3)).detach().numpy(), atol=1e-5)
    assert own.passes == 5
    assert own.network is not small


def test_statistics_that_fit_leave_no_gap() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, momentum=None), nn.Flatten(), nn.Linear(6 * 36, 2))
    photos = torch.rand(64, 3, 8, 8)
    network.train()(photos)
    clf = seewhy.Classifier(network.eval(), None)
    assert PrivateCopy(clf).run(list(photos)).gap()[0] < 1e-4
    assert PrivateCopy(clf).run(list(photos + 1)).gap()[0] > 0.1


def test_a_layer_that_runs_twice_is_not_counted() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.norm(x)).mean((2, 3))

    assert PrivateCopy(seewhy.Classifier(Twice().eval(), None)).run([torch.rand(3, 4, 4)]).moments == ()


def test_an_output_of_another_form_is_named() -> None:
    with pytest.raises(OutputError, match=r"^The network returned a tensor \(1, 3, 4, 4\)\. Expected class scores"):
        PrivateCopy(seewhy.Classifier(nn.Identity(), None)).run([torch.rand(3, 4, 4)])
