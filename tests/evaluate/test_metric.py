"""What a metric is given."""

from __future__ import annotations

import numpy as np
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.masked import MaskedPhoto
from seewhy.evaluate.metric import CENTRE, MAP, RANDOM, Subject, explained_again
from seewhy.evaluate.references import centre_map


def test_the_maps_and_the_map_made_again(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0], target=["top1", "top2"], relu=False)
    masked = MaskedPhoto(clf, e.photo, "mean")
    subject = Subject(clf, e, 1, masked, 4, 0)
    assert subject.index == e.targets[1].index
    np.testing.assert_array_equal(subject.maps[MAP], e.on_input()[1])
    np.testing.assert_array_equal(subject.maps[CENTRE], centre_map((20, 28)))
    assert np.ptp(subject.maps[RANDOM]) > 0.3
    np.testing.assert_allclose(explained_again(e, 1, clf, e.photo), e.maps[1], atol=1e-6)
