"""Score-CAM: the equation a second time, constant channels, a budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy


def test_score_cam_a_second_time(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    photo = small_photos[0]
    e = seewhy.explain(clf, photo, method="score_cam", target=[1, 3], layer="features.2", relu=False)
    with torch.no_grad():
        A = small.eval().features[:3](photo[None])[0]
        black = small(torch.zeros_like(photo)[None])[0]
        rises = []
        for channel in A:
            H = torch.from_numpy(seewhy.Explanation.from_map(clf, photo, channel, 0).on_input()[0])
            H = (H - H.min()) / (H.max() - H.min())
            rises.append(small((photo * H)[None])[0] - black)
        weights = torch.softmax(torch.stack(rises), dim=0)  # (c, classes)
    expected = torch.einsum("ck,chw->khw", weights[:, [1, 3]], A)
    np.testing.assert_allclose(e.maps, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(e.details["weights"], weights[:, [1, 3]].T, rtol=1e-3)
    np.testing.assert_allclose(e.details["weights"].sum(axis=1), 1, rtol=1e-5)
    assert e.cost.forward == 1 + 1 + 1 + len(A)  # the layer, the photo, black, and every channel
    assert e.cost.backward == 0
    assert e.details["constant_channels"] == 0


def test_score_cam_leaves_constant_channels_out(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.features[1].weight[2] = 0  # BatchNorm: the channel is its bias everywhere
    e = seewhy.explain(seewhy.Classifier(small), small_photos[0], method="score_cam", layer="features.2")
    assert e.details["constant_channels"] == 1
    assert e.details["weights"][0, 2] == 0
    assert e.details["weights"].sum() == pytest.approx(1, rel=1e-5)


def test_score_cam_stopped_early(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="score_cam", layer="features.2", budget=7, batch_size=1)
    assert e.partial
    assert "of 8 channels" in e.notes[0]
    assert e.details["weights"].sum() == pytest.approx(1, rel=1e-5)
    with pytest.raises(seewhy.SeewhyError, match="The budget was used up before the first of 8 channels"):
        seewhy.explain(clf, small_photos[0], method="score_cam", layer="features.2", budget=2, batch_size=1)
    with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
        seewhy.explain(seewhy.Classifier(lambda x: x.mean((2, 3))), torch.rand(3, 8, 8), method="score_cam")
