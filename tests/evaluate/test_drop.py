"""Average drop and increase, by hand and beside torchcam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy


def test_both_by_hand() -> None:
    """The score is the mean; seen through the map [[1, 0.5], [0, 0]] on black, the photo [[1, 1], [0, 0]] keeps 0.75 of it."""
    clf = seewhy.Classifier(lambda x: x.mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["mean"], head="none")
    photo = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    own = seewhy.Explanation.from_map(clf, photo, [[3.0, 2.0], [1.0, 1.0]], 0)
    result = seewhy.evaluate(clf, own, ["average_drop", "increase"], fill="black")
    assert result.values["average_drop"] == pytest.approx(0.25, abs=1e-6)
    assert result.values["increase"] == 0
    darker = seewhy.Classifier(lambda x: 1 - x.mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["dark"], head="none")
    result = seewhy.evaluate(
        darker, seewhy.Explanation.from_map(darker, photo, [[3.0, 2.0], [1.0, 1.0]], 0), ["increase"], fill="black"
    )
    assert result.values["increase"] == 1


def test_the_same_as_torchcam(small: SmallNet, small_photos: torch.Tensor) -> None:
    metrics = pytest.importorskip("torchcam.metrics")
    methods = pytest.importorskip("torchcam.methods")
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    (drops, rises) = ([], [])
    for photo in small_photos:
        with methods.GradCAM(small, "features.2") as extractor:
            metric = metrics.ClassificationMetric(extractor, lambda logits: logits.softmax(dim=1))
            index = int(small(photo[None]).argmax())
            metric.update(photo[None], index)
            extractor._hooks_enabled = True
            scores = small(photo[None].requires_grad_())
            (cam,) = extractor(index, scores)
        assert cam.shape[-2:] == photo.shape[1:]  # enlarged ones differ: torchcam scales before, we behind
        own = seewhy.Explanation.from_map(clf, photo, cam.reshape(photo.shape[1:]), index)
        values = seewhy.evaluate(clf, own, ["average_drop", "increase"], fill="black").values
        summary = metric.summary()
        drops.append((values["average_drop"], summary["avg_drop"]))
        rises.append((values["increase"], summary["conf_increase"]))
    np.testing.assert_allclose(*np.array(drops).T, atol=1e-4)
    np.testing.assert_allclose(*np.array(rises).T, atol=1e-4)
