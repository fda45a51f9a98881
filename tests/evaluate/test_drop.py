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
    """Both of its metrics on the same maps, without ties. The steps divide the pixels: else torchcam's last one is shorter."""
    metrics = pytest.importorskip("torchcam.metrics")
    methods = pytest.importorskip("torchcam.methods")

    class Given(methods.GradCAM):  # type: ignore[misc, name-defined]
        def __call__(self, *arguments: object, **settings: object) -> list[torch.Tensor]:
            return [map_]

    clf = seewhy.Classifier(small.eval(), preprocess=None)
    for number, photo in enumerate(small_photos):
        map_ = torch.rand((1, 20, 28), generator=torch.Generator().manual_seed(number))
        map_ = (map_ - map_.min()) / (map_.max() - map_.min())
        index = int(clf.scores(photo).argmax())
        with Given(small, "features.2") as extractor:
            seen_through = metrics.ClassificationMetric(extractor, lambda logits: logits.softmax(dim=1))
            areas = metrics.DeletionInsertionMetric(extractor, lambda logits: logits.softmax(dim=1), steps=20)
            for metric in (seen_through, areas):
                metric.update(photo[None], index)
        own = seewhy.Explanation.from_map(clf, photo, map_[0], index)
        names = ["average_drop", "increase", "deletion", "insertion"]
        values = seewhy.evaluate(clf, own, names, steps=20, fill="black").values
        theirs = {**seen_through.summary(), **areas.summary()}
        expected = [theirs[name] for name in ("avg_drop", "conf_increase", "deletion_auc", "insertion_auc")]
        np.testing.assert_allclose([values[name] for name in names], expected, atol=1e-5)


def test_a_score_that_is_not_above_zero_has_no_share_to_lose() -> None:
    """It concerns one photo: a folder goes on without it."""
    clf = seewhy.Classifier(lambda x: -x.mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["dark"], head="none")
    own = seewhy.Explanation.from_map(clf, torch.full((1, 2, 2), 0.5), [[1.0, 0.0], [0.0, 0.0]], 0)
    with pytest.raises(seewhy.errors.PhotoError, match=r"score of .dark. is -0\.50: it needs one"):
        seewhy.evaluate(clf, own, ["average_drop"], fill="black")
