"""What a metric is given."""

from __future__ import annotations

import numpy as np
import pytest
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
    assert subject.target is e.targets[1]
    np.testing.assert_array_equal(subject.maps[MAP], e.on_input()[1])
    np.testing.assert_array_equal(subject.maps[CENTRE], centre_map((20, 28)))
    assert np.ptp(subject.maps[RANDOM]) > 0.3
    again = explained_again(e, 1, clf, e.photo)
    np.testing.assert_allclose(again.maps[0], e.maps[1], atol=1e-6)
    assert again.cost.forward >= 1


def test_the_random_map_is_another_one_for_each_photo(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)

    def random_of(photo: torch.Tensor, seed: int) -> object:
        e = seewhy.explain(clf, photo)
        return Subject(clf, e, 0, MaskedPhoto(clf, e.photo, "mean"), 4, seed).maps[RANDOM]

    (first, again, other, seeded) = (random_of(small_photos[i], seed) for i, seed in ((0, 0), (0, 0), (1, 0), (0, 1)))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, seeded)


def test_a_map_is_made_again_compared_with_the_same_class(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0], target=1, against=2, relu=False)
    np.testing.assert_allclose(explained_again(e, 0, clf, e.photo).maps, e.maps, atol=1e-6)


def test_a_map_that_a_budget_cut_short_is_not_made_again(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0], "rise", masks=40, budget=10)
    assert e.partial
    with pytest.raises(seewhy.SeewhyError, match="This map was cut short by a budget: the metrics 'stability' and"):
        seewhy.evaluate(clf, e, ["stability"])
