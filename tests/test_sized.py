"""A preparation of which only the size was said tells so, until somebody says more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.errors import Message
from seewhy.photo import Picture
from seewhy.sized import SizedPreprocess

PICTURE = Picture(np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8))
UNSAID = (
    "size= says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the training did more, say "
    "mean= and std="
)


def test_bytes() -> None:
    prepare = SizedPreprocess(size=8).in_bytes()
    torch.testing.assert_close(
        prepare.normalise(torch.tensor([0.0, 51.0, 255.0])[None, :, None, None]).flatten(), torch.tensor([0.0, 51.0, 255.0])
    )
    assert prepare.apply(PICTURE)[2] == ()


def test_a_size_alone_leaves_the_values_unsaid() -> None:
    clf = seewhy.Classifier(SmallNet()).with_preprocess(size=32)
    assert seewhy.explain(clf, PICTURE.values, "grad_cam").notes == [UNSAID]
    assert [str(Message(note)) for note in clf.input_notes()] == [UNSAID]
    pixels = seewhy.Preprocess(size=32).apply(PICTURE)[0]
    np.testing.assert_array_equal(clf.read(PICTURE.values).pixels, pixels)
    cut = clf.with_preprocess(crop=False)  # says nothing of the values
    assert [str(Message(note)) for note in cut.read(PICTURE.values).notes] == [UNSAID]


@pytest.mark.parametrize("said", [{"mean": 0}, {"std": 0.25}, {"range": 255}])
def test_what_is_said_ends_the_note(said: dict[str, float]) -> None:
    for clf in (
        seewhy.Classifier(SmallNet()).with_preprocess(size=32, **said),
        seewhy.Classifier(SmallNet()).with_preprocess(size=32).with_preprocess(**said),
    ):
        assert clf.read(PICTURE.values).notes == ()
        assert clf.input_notes() == ()


def test_a_preprocess_that_was_given_is_meant() -> None:
    clf = seewhy.Classifier(SmallNet(), preprocess=seewhy.Preprocess())
    for meant in (clf, clf.with_preprocess(size=32)):
        assert meant.read(PICTURE.values).notes == ()
        assert meant.input_notes() == ()
