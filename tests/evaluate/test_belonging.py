"""An explanation that does not belong to the classifier is refused, with what was seen; see also test_evaluation.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.belonging import checked_maps


def test_its_photo_comes_back_as_this_classifier_sees_it(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0])
    np.testing.assert_array_equal(checked_maps(clf, e).pixels, small_photos[0].numpy())


def test_weights_that_were_trained_on_are_other_weights(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0])
    with torch.no_grad():
        small.fc.weight += 1
    with pytest.raises(seewhy.SeewhyError, match="explain the photo with this classifier"):
        checked_maps(clf, e)


def test_a_map_that_is_not_finite(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0])
    broken = replace(e, maps=np.full_like(e.maps, np.nan))
    with pytest.raises(seewhy.SeewhyError, match="values that are not finite"):
        checked_maps(clf, broken)


@pytest.mark.parametrize("several", [list, tuple, seewhy.explanation.Explanations])
def test_a_list_of_explanations(small: SmallNet, small_photos: torch.Tensor, several: type) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    both = several([seewhy.explain(clf, small_photos[0])] * 2)
    with pytest.raises(seewhy.SeewhyError, match=r"^This is a list of 2 explanations, not one: call it for each of them\.$"):
        checked_maps(clf, both)
