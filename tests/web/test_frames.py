"""What the page and the server send each other: read strictly, and answered with all that drawing needs."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import map_of, message, picture, unpack

import seewhy
from seewhy.errors import OptionError, PhotoError
from seewhy.geometry import Geometry, SampleGrid, map_on_photo, sample_weights
from seewhy.methods import METHODS
from seewhy.web import frames
from seewhy.web.frames import FrameRequest, answer, axis_of, read_message, read_picture, refusal


def test_a_message_is_read() -> None:
    content = message({"sequence": 7, "target": 2, "method": "grad_cam"}, b"photo")
    assert read_message(content, 3, METHODS) == (FrameRequest(7, 2, "grad_cam"), b"photo")
    assert read_message(message({"sequence": 0}, b""), 3, METHODS) == (FrameRequest(0), b"")
    assert read_message(message({"sequence": 9, "keep": ".npz"}), 3, METHODS) == (FrameRequest(9, keep=".npz"), b"")


NO_HEAD = "The message has no head: write its length in 4 bytes, little endian, then JSON, then the picture."
NO_OBJECT = "The message's head is no JSON object with sequence, target, method and keep."
NO_SEQUENCE = "The message has no sequence: write a whole number, 0 or more."
NO_CLASS = "The message's target is not one of the network's 3 classes: write an index, or null."
NO_METHOD = "The message's method is not one that seewhy knows."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", NO_HEAD),
        (b"abc", NO_HEAD),
        (struct.pack("<I", 0), NO_HEAD),
        (struct.pack("<I", 5) + b"{}", NO_HEAD),
        (struct.pack("<I", 2**32 - 1) + b"{}", NO_HEAD),
        (message('{"sequence": 1' + " " * 2000 + "}"), NO_HEAD),
        (message("{"), NO_OBJECT),
        (message("[1]"), NO_OBJECT),
        (message("[" * 1000), NO_OBJECT),
        (struct.pack("<I", 2) + b"\xff\xfe", NO_OBJECT),
        (message({"sequence": 1, "path": "/etc/passwd"}), NO_OBJECT),
        (message({}), NO_SEQUENCE),
        (message({"sequence": -1}), NO_SEQUENCE),
        (message({"sequence": True}), NO_SEQUENCE),
        (message({"sequence": 1.5}), NO_SEQUENCE),
        (message('{"sequence": 1e999}'), NO_SEQUENCE),
        (message({"sequence": 2**53}), NO_SEQUENCE),
        (message({"sequence": "1"}), NO_SEQUENCE),
        (message({"sequence": 1, "target": 3}), NO_CLASS),
        (message({"sequence": 1, "target": -1}), NO_CLASS),
        (message({"sequence": 1, "target": "bear"}), NO_CLASS),
        (message({"sequence": 1, "target": False}), NO_CLASS),
        (message({"sequence": 1, "method": "no_cam"}), NO_METHOD),
        (message({"sequence": 1, "method": ["cam"]}), NO_METHOD),
        (message({"sequence": 1, "keep": "../x.npz"}), "The message's keep is not one of .npz, .json."),
        (message({"sequence": 1, "keep": None}), "The message's keep is not one of .npz, .json."),
    ],
)
def test_what_is_no_message_is_refused_in_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        read_message(content, 3, METHODS)
    assert str(error.value) == sentence


def test_a_message_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_BYTES", 1000)
    with pytest.raises(OptionError) as error:
        read_message(b"x" * 1001, 3, METHODS)
    assert str(error.value) == "The message has 1,001 bytes: at most 1,000 are read."


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_read(format: str) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    values = read_picture(picture(pixels, format)).values
    assert values.shape == (20, 30, 3)
    assert np.abs(values.astype(int) - pixels).max() <= 4


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that says it has side × side pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This is not a picture that can be read: JPEG, PNG and WebP can."),
        (b"just a text file\n" * 50, "This is not a picture that can be read: JPEG, PNG and WebP can."),
        (picture(np.zeros((8, 8, 3), np.uint8), "GIF"), "This is not a picture that can be read: JPEG, PNG and WebP can."),
        (picture(np.zeros((8, 8, 3), np.uint8), "TIFF"), "This is not a picture that can be read: JPEG, PNG and WebP can."),
        (bomb(5000), "The picture has 5,000 × 5,000 pixels: at most 16,000,000 are read. Reduce it first."),
        (bomb(12000), "The picture has 12,000 × 12,000 pixels: at most 16,000,000 are read. Reduce it first."),
        (bomb(60000), "The picture says that it is far larger than 16,000,000 pixels."),
    ],
)
def test_what_is_no_picture_is_refused_before_it_is_decoded(
    content: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "open_picture", lambda content: pytest.fail("it is decoded"))
    with pytest.raises(PhotoError) as error:
        read_picture(content)
    assert str(error.value) == sentence


def test_a_truncated_picture_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    content = picture(noise, "JPEG")
    with pytest.raises(PhotoError, match="cannot be read to its end"):
        read_picture(content[: len(content) // 2])


def test_an_upright_photo_is_turned() -> None:
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "JPEG", exif=exif)
    assert read_picture(buffer.getvalue()).size == (30, 20)


def test_an_answer_holds_the_raw_map_and_what_it_means(honest: seewhy.Classifier, scene: Any) -> None:
    explanation = seewhy.explain(honest, scene, "cam", 1)
    (head, content) = unpack(answer(FrameRequest(5, 1), explanation, methods=("cam",)))
    np.testing.assert_array_equal(map_of(head, content), explanation.maps[0])
    target = explanation.targets[0]
    assert (head["kind"], head["sequence"], head["methods"]) == ("map", 5, ["cam"])
    assert (head["target"]["index"], head["target"]["name"]) == (1, target.name)
    assert [entry["index"] for entry in head["predictions"]] == [entry.index for entry in explanation.predictions]
    assert [entry["score"] for entry in head["predictions"]] == [entry.score for entry in explanation.predictions]
    assert (head["units"], head["signed"], head["layer"]) == ("logit", True, explanation.layer)
    assert head["high"] == -head["low"] == pytest.approx(np.abs(explanation.maps).max())
    assert (head["open"], head["partial"], head["photo"]) == (False, False, [240, 320])


def test_a_map_without_evidence_has_no_scale(honest: seewhy.Classifier, scene: Any) -> None:
    from dataclasses import replace

    explanation = seewhy.explain(honest, scene, "cam")
    (head, _) = unpack(answer(FrameRequest(0), replace(explanation, maps=0 * explanation.maps)))
    assert (head["low"], head["high"]) == (0, 0)
    flat = replace(explanation, maps=explanation.maps * np.float32(1e-9), units="probability")
    (head, _) = unpack(answer(FrameRequest(0), flat))  # a probability that hardly moves is drawn without colour
    assert (head["low"], head["high"]) == (0, 0)


def test_a_map_of_single_pixels_says_that_its_scale_is_open(honest: seewhy.Classifier, scene: Any) -> None:
    explanation = seewhy.explain(honest, scene, "gradient")
    (head, _) = unpack(answer(FrameRequest(0), explanation))
    assert head["open"]
    assert 0 < head["high"] < explanation.maps.max()


def test_a_refusal() -> None:
    assert unpack(refusal(None, "Nein, 'é'."))[0] == {"kind": "refusal", "sequence": None, "reason": "Nein, 'é'."}


@pytest.mark.parametrize("grid", [None, SampleGrid((10.0, 9.0), (7.5, 15.0))])
def test_an_axis_lies_on_the_photo_as_python_lays_it(grid: SampleGrid | None) -> None:
    """The page's arithmetic, written down once more: the same values as map_on_photo."""
    geometry = Geometry((60, 90), (64, 64), (0.75, 6.0), (0.9, 16.2))
    map = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    expected = map_on_photo(map, geometry, sample_grid=grid)
    weights = []
    for axis, (count, length) in enumerate(zip(map.shape, geometry.photo, strict=True)):
        place = axis_of(geometry, axis, count, grid)
        part = (np.arange(length) + 0.5) / length
        sample = place["scale"] * part + place["offset"]
        if place["clamp"]:
            sample = np.clip(sample, 0.5, count - 0.5)
        weights.append(sample_weights(count, sample, place["scale"] / length, "bicubic"))
        seen = (part >= place["from"]) & (part <= place["to"])
        np.testing.assert_array_equal(seen, np.isfinite(expected).any(axis=1 - axis))
    seen = np.isfinite(expected)
    assert seen.any()
    assert not seen.all()
    drawn = np.clip(weights[0] @ map @ weights[1].T, map.min(), map.max())
    np.testing.assert_allclose(drawn[seen], expected[seen], atol=1e-6)
