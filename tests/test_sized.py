"""A preparation of which only the size was said, or not even that, tells so, until somebody says more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.errors import Message
from seewhy.photo import Picture
from seewhy.sized import SizedPreprocess, sized

PICTURE = Picture(np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8))
UNSAID = (
    "size= says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the training did more, say "
    "mean= and std="
)
NOTHING_SAID = (
    "nobody has said how photos are prepared: 224×224 pixels are assumed, and values scaled to 0-1; if the training did "
    "otherwise, say size=, mean= and std="
)


def notes_of(clf: seewhy.Classifier) -> list[str]:
    """Of a photo, which are those of the network's input."""
    notes = [str(Message(note)) for note in clf.read(PICTURE.values).notes]
    assert notes == [str(Message(note)) for note in clf.input_notes()]
    return notes


def test_a_file_that_says_the_size_alone() -> None:
    prepare = sized((8, 12), 3, "net.onnx")
    assert prepare is not None
    assert prepare.input_size == (8, 12)
    (pixels, geometry, notes) = prepare.apply(PICTURE)
    (expected, own, _) = seewhy.Preprocess(size=(8, 12)).apply(PICTURE)
    np.testing.assert_array_equal(pixels, expected)
    assert geometry == own
    assert [str(Message(note)) for note in notes] == [UNSAID.replace("size=", "net.onnx")]
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), prepare)
    for changes in ({"mean": 0.5}, {"std": 0.25}):
        assert notes_of(clf.with_preprocess(**changes)) == []
    assert notes_of(clf.with_preprocess(crop=False)) == [UNSAID.replace("size=", "net.onnx")]
    assert notes_of(clf.with_preprocess(size=10)) == [UNSAID]  # the file has said another


def test_files_that_leave_the_size_free() -> None:
    assert sized(("rows", 8), 3, "net.onnx") is None
    assert sized((None, None), 3, "net.onnx") is None
    assert sized((8, 8), None, "net.onnx") == SizedPreprocess(size=8, source="net.onnx")
    grey = sized((8, 8), 1, "net.onnx")
    assert grey is not None
    assert grey.channels == 1


def test_a_size_that_nobody_has_said_is_an_assumption() -> None:
    clf = seewhy.Classifier(SmallNet())
    for changes in ({"crop": False}, {"order": "BGR"}):
        changed = clf.with_preprocess(**changes)
        assert notes_of(changed) == [NOTHING_SAID]
        assert notes_of(changed.with_preprocess(size=32)) == [UNSAID]
    scaled = clf.with_preprocess(mean=0.5)
    assert notes_of(scaled) == [
        "nobody has said how large photos are: 224×224 pixels are assumed; if the training had others, say size="
    ]
    assert notes_of(scaled.with_preprocess(size=32)) == []


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
