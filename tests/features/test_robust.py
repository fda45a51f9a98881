"""The robust deep dream: its spectrum, its looks, what it reaches, and that it can be repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet

import seewhy
from seewhy.features import robust
from seewhy.features.deep_dream import deep_dream
from seewhy.features.objective import Objective
from seewhy.show.colour import to_bytes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_spectrum_of_spread_one_gives_pixels_of_spread_one() -> None:
    for decay in (0.0, 1.0, 1.5):
        weights = robust.frequency_weights((48, 64), decay)
        assert weights.shape == (48, 33)
        spectrum = torch.randn((256, 48, 33, 2), generator=generator())
        planes = torch.fft.irfft2(torch.view_as_complex(spectrum) * weights, s=(48, 64), norm="ortho")
        # A complex number has two parts; the slowest waves have one, or a partner in the half that is left out.
        assert 1.1 < float(planes.std()) < 1.5


def test_fine_detail_is_held_back() -> None:
    weights = robust.frequency_weights((64, 64), 1.0)
    assert float(weights[0, 4] / weights[0, 8]) == pytest.approx(2)
    assert float(weights[8, 0] / weights[16, 0]) == pytest.approx(2)
    assert float(weights[0, 0]) == float(weights[0, 1])  # the mean colour is no better than the slowest wave


def test_the_colours_are_opponent() -> None:
    """Three axes at right angles; the first one is grey."""
    axes = np.array(robust.AXES)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes[0], axes[0][0])


def recipe(zoom: tuple[float, float] = (1.0, 1.0), turn: float = 0.0, copies: int = 3) -> robust.Recipe:
    return robust.Recipe(copies=copies, zoom=zoom, turn=turn)


def test_a_look_without_room_is_the_picture() -> None:
    pictures = torch.rand((1, 3, 10, 14), generator=generator())
    grids = robust.transformations(generator(), recipe(), (10, 14), (10, 14))
    assert grids.shape == (3, 10, 14, 2)
    torch.testing.assert_close(robust.transformed(pictures, grids), pictures.expand(3, -1, -1, -1), atol=1e-5, rtol=0)


def test_looks_move_but_stay_on_the_picture() -> None:
    (rows, columns) = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    coordinates = torch.stack([rows, columns])[None]  # a picture of its own coordinates
    looks = robust.transformed(coordinates, robust.transformations(generator(), recipe(copies=200), (20, 30), (10, 14)))
    torch.testing.assert_close(looks[:, 0, 1:] - looks[:, 0, :-1], torch.ones(200, 9, 14), atol=1e-3, rtol=0)
    torch.testing.assert_close(looks[:, 1, :, 1:] - looks[:, 1, :, :-1], torch.ones(200, 10, 13), atol=1e-3, rtol=0)
    first = looks[:, :, 0, 0]
    assert (first >= -1e-3).all()
    assert (first <= torch.tensor([10.0, 16.0]) + 1e-3).all()
    assert (first.amin(0) < 0.5).all()
    assert (first.amax(0) > torch.tensor([9.5, 15.5])).all()


def test_looks_turn_and_resize_without_shearing() -> None:
    """On a picture that is not square and an input that is not either, a step to the right and one down stay equally long."""
    (rows, columns) = torch.meshgrid(torch.arange(60.0), torch.arange(90.0), indexing="ij")
    coordinates = torch.stack([rows, columns])[None]
    looks = robust.transformed(
        coordinates, robust.transformations(generator(), recipe((0.5, 1.5), 20.0, 100), (60, 90), (20, 28))
    )
    middle = looks[:, :, 9:11, 13:15].double()
    (right, down) = (middle[:, :, 0, 1] - middle[:, :, 0, 0], middle[:, :, 1, 0] - middle[:, :, 0, 0])  # (100, 2)
    torch.testing.assert_close(right.norm(dim=1), down.norm(dim=1), atol=1e-3, rtol=0)
    assert float((right * down).sum(1).abs().max()) < 1e-3
    zoom = right.norm(dim=1)
    assert 0.5 - 1e-3 <= zoom.min() < 0.6
    assert 1.4 < zoom.max() <= 1.5 + 1e-3
    angles = torch.atan2(right[:, 0], right[:, 1])
    assert math.radians(17) < angles.abs().max() <= math.radians(20) + 1e-3


def test_pictures_are_pixels(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16))
    weights = robust.frequency_weights((19, 19), 1.0)
    spectrum = 30 * torch.randn((2, 3, 19, 10, 2), generator=generator())
    pictures = robust.painted(Objective.of(clf, None, None), spectrum, weights, (19, 19))
    assert pictures.shape == (2, 3, 19, 19)
    assert 0 <= pictures.min() < 1
    assert 254 < pictures.max() <= 255


def test_it_reaches_its_class() -> None:
    clf = seewhy.load("demo:honest")
    dream = deep_dream(clf, channels=["bear", "sheep"], style="robust", iterations=64, seed=1)
    assert dream.images.min() >= 0
    assert dream.images.max() <= 1
    for name, image, prediction in zip(dream.names, dream.images, dream.predictions, strict=True):
        row = clf.scores(to_bytes(255 * image))[0]
        assert row[clf.classes.index(name)] > 0.9
        assert (prediction.name, prediction.score) == (name, pytest.approx(float(row.max()), abs=1e-5))
    assert (dream.objectives[:, -5:].mean(1) > dream.objectives[:, :5].mean(1)).all()
    assert dream.settings["iterations"] == 64
    assert dream.settings["canvas"] == robust.Recipe().canvas


def test_it_can_be_repeated_alone_and_beside_others() -> None:
    clf = seewhy.load("demo:honest")
    together = deep_dream(clf, channels=["bear", "sheep"], style="robust", iterations=8, seed=1)
    alone = deep_dream(clf, channels="sheep", style="robust", iterations=8, seed=1)
    again = deep_dream(clf, channels="sheep", style="robust", iterations=8, seed=1)
    other = deep_dream(clf, channels="sheep", style="robust", iterations=8, seed=2)
    np.testing.assert_array_equal(again.images, alone.images)
    np.testing.assert_allclose(together.images[1], alone.images[0], atol=5e-3)  # batches round differently
    assert np.abs(other.images - alone.images).max() > 0.1


def test_the_picture_of_a_class_has_no_tint_as_a_whole(planted: Planted) -> None:
    """In logits of a pixel its mean colour is the network's own mean colour, lighter or darker."""
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16, mean=0.5, std=0.25))
    image = deep_dream(clf, channels=1, style="robust", iterations=10).images[0].astype(np.float64)
    (red, green, blue) = np.log(image / (1 - image)).mean((0, 1))
    assert green == pytest.approx(red, abs=1e-3)
    assert green == pytest.approx(blue, abs=1e-3)


def test_a_channel_of_a_layer(planted: Planted) -> None:
    """The picture takes the channel's colour."""
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16))
    dream = deep_dream(clf, "conv", channels=[1], style="robust", iterations=60)
    (red, green, blue) = dream.images[0].mean((0, 1))
    assert green > max(red, blue) + 0.03
    assert dream.names == ["conv channel 1"]


def test_the_canvas_has_room_around_the_input(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=(16, 24)))
    dream = deep_dream(clf, channels=[1], style="robust", iterations=1)
    expected = tuple(math.ceil(robust.Recipe().canvas * side) for side in (16, 24))
    assert dream.images.shape[1:3] == expected
    assert dream.settings["iterations"] == 1


def test_without_preprocessing_pictures_are_in_the_networks_units(planted: Planted) -> None:
    clf = seewhy.Classifier(planted, preprocess=None)
    clf.classify(torch.rand(3, 12, 12))
    dream = deep_dream(clf, "conv", channels=0, style="robust", iterations=40)
    assert dream.images[0].mean((0, 1)).argmax() == 0
    assert dream.objectives[0, -1] > dream.objectives[0, 0]


def test_the_real_network_recognises_a_robust_dream(real_squeezenet: seewhy.Classifier) -> None:
    dream = deep_dream(real_squeezenet, channels="goldfish", style="robust", iterations=64)
    row = real_squeezenet.scores(to_bytes(255 * dream.images[0]))[0]
    assert row[dream.channels[0]] >= 0.9
