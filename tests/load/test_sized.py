"""A preparation of which a file says the size only."""

from __future__ import annotations

import numpy as np

import seewhy
from seewhy.errors import Message
from seewhy.load.sized import sized
from seewhy.photo import Picture
from seewhy.sized import SizedPreprocess

PICTURE = Picture(np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8))


def test_what_nobody_has_said_is_told() -> None:
    prepare = sized((8, 12), 3, "net.onnx")
    assert prepare is not None
    assert prepare.input_size == (8, 12)
    (pixels, geometry, notes) = prepare.apply(PICTURE)
    (expected, own, _) = seewhy.Preprocess(size=(8, 12)).apply(PICTURE)
    np.testing.assert_array_equal(pixels, expected)
    assert geometry == own
    assert [str(Message(note)) for note in notes] == [
        "net.onnx says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the training did more, "
        "say mean= and std="
    ]
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), prepare)
    for changes in ({"mean": 0.5}, {"std": 0.25}):
        assert clf.with_preprocess(**changes).read(PICTURE.values).notes == ()
    assert len(clf.with_preprocess(size=10).read(PICTURE.values).notes) == 1


def test_sizes_that_are_free() -> None:
    assert sized(("rows", 8), 3, "net.onnx") is None
    assert sized((None, None), 3, "net.onnx") is None
    assert sized((8, 8), None, "net.onnx") == SizedPreprocess(size=8, source="net.onnx")
    grey = sized((8, 8), 1, "net.onnx")
    assert grey is not None
    assert grey.channels == 1
