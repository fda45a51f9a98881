"""The classical deep dream's arithmetic: the pyramid, tiles, sizes, and the whole algorithm written once more."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dream_networks import MEAN, STD, PixelWise, classifier, noise, objective
from small_nets import SmallNet
from torch import nn

from seewhy.features import pyramid
from seewhy.features.deep_dream import _generator, deep_dream


@pytest.mark.parametrize("size", [(7, 7), (32, 32), (33, 47), (3, 50), (2, 9), (64, 21)])
def test_what_is_split_is_merged_again(size: tuple[int, int]) -> None:
    x = noise(2, 3, *size)
    torch.testing.assert_close(pyramid.merge(pyramid.split(x)), x, atol=1e-5, rtol=0)


def test_a_level_with_a_side_below_three_is_not_reduced() -> None:
    assert [tuple(band.shape[2:]) for band in pyramid.split(noise(1, 3, 7, 7))] == [(7, 7), (4, 4), (2, 2)]
    assert [tuple(band.shape[2:]) for band in pyramid.split(noise(1, 3, 64, 48))] == [
        (64, 48),
        (32, 24),
        (16, 12),
        (8, 6),
        (4, 3),
    ]


def test_reduce_and_expand_are_the_equations() -> None:
    """Slowly: kernel [1 4 6 4 1]/16 along both axes, the border reflected with and without its edge sample."""
    w = np.array([1, 4, 6, 4, 1]) / 16
    x = noise(1, 1, 5, 6)[0, 0].numpy().astype(np.float64)
    padded = np.pad(x, 2, mode="symmetric")
    full = np.array([[w @ padded[r : r + 5, c : c + 5] @ w for c in range(6)] for r in range(5)])
    np.testing.assert_allclose(pyramid.reduce(torch.tensor(x)[None, None])[0, 0].numpy(), full[::2, ::2], atol=1e-12)

    spread = np.zeros((10, 12))
    spread[::2, ::2] = x
    padded = np.pad(spread, 2, mode="reflect")
    full = np.array([[4 * w @ padded[r : r + 5, c : c + 5] @ w for c in range(12)] for r in range(10)])
    expanded = pyramid.expand(torch.tensor(x)[None, None], (10, 12))[0, 0].numpy()
    np.testing.assert_allclose(expanded, full, atol=1e-12)
    smaller = F.interpolate(torch.tensor(full)[None, None], size=(9, 11), mode="bilinear", align_corners=False)
    torch.testing.assert_close(pyramid.expand(torch.tensor(x)[None, None], (9, 11)), smaller, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", [(32, 32), (31, 45), (7, 7)])
@pytest.mark.parametrize("value", [1.0, -2.5, 0.3, -1e-4])
def test_a_constant_normalises_to_its_sign(size: tuple[int, int], value: float) -> None:
    field = pyramid.normalise(torch.full((1, 3, *size), value))
    torch.testing.assert_close(field, torch.full((1, 3, *size), math.copysign(1, value)), atol=0.05, rtol=0)


def test_nothing_stays_nothing() -> None:
    assert not pyramid.normalise(torch.zeros(1, 3, 20, 20)).any()


def test_every_band_of_a_normalised_field_has_the_same_strength() -> None:
    x = 1e-4 * noise(2, 3, 64, 64)
    x[1] *= 1000  # each picture for itself
    bands = [band / pyramid._rms(band) for band in pyramid.split(x)]
    torch.testing.assert_close(pyramid.normalise(x), pyramid.merge(bands))
    for band in bands:
        torch.testing.assert_close(band.square().mean((1, 2, 3)), torch.ones(2))


@pytest.mark.parametrize(
    ("start", "scale", "expected"),
    [
        (224, 1.4, [224, 313, 438, 613]),
        (299, 1.4, [299, 418, 585, 819]),
        (227, 1.4, [227, 317, 443, 620]),
        (7, 1.4, [7, 9, 12, 16]),
        (20, 1.15, [20, 23, 26, 29]),
    ],
)
def test_the_sizes_of_the_levels(start: int, scale: float, expected: list[int]) -> None:
    assert pyramid.sizes((start, start), 4, scale) == [(side, side) for side in expected]


def test_how_many_tiles() -> None:
    sizes = pyramid.sizes((224, 224), 4, 1.4)
    assert [pyramid.tiles_of(size, (224, 224)) for size in sizes] == [1, 4, 4, 9]


@pytest.mark.parametrize("size", [(32, 48), (16, 48), (40, 30)])
def test_tiles_of_a_pixelwise_model_give_the_whole_gradient_up_to_the_factor(size: tuple[int, int]) -> None:
    (large, tiled) = (objective(classifier(PixelWise(), size)), objective(classifier(PixelWise(), 16)))
    pictures = 100 + 50 * noise(2, 3, *size)
    channels = torch.tensor([0, 3])
    (values, gradient) = pyramid.tiled_gradient(tiled, pictures, channels, [(5, 16), (1, 9)])
    (whole_values, whole) = large.gradient(pictures, channels)
    factor = size[0] * size[1] / (16 * 16)
    torch.testing.assert_close(gradient, whole * factor, rtol=1e-3, atol=1e-7)
    if size[0] % 16 == size[1] % 16 == 0:  # no padding: the mean over the tiles is the mean over the picture
        torch.testing.assert_close(values, whole_values, rtol=1e-4, atol=1e-5)


def test_a_picture_that_fits_is_taken_whole() -> None:
    aim = objective(classifier(PixelWise(), 16))
    pictures = 100 + 50 * noise(1, 3, 9, 16)
    (_, gradient) = pyramid.tiled_gradient(aim, pictures, torch.tensor([1]), [(3, 3)])
    torch.testing.assert_close(gradient, aim.gradient(pictures, torch.tensor([1]))[1])


def slow_dream(
    network: nn.Module, channel: int, picture: torch.Tensor, generator: torch.Generator, size: int, iterations: int, levels: int
) -> torch.Tensor:
    """The algorithm once more, one picture and one tile at a time, through the whole network in plain torch."""
    (mean, std) = (torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None])
    for level in range(levels):
        if level:
            sides = [int(1.4 * side) for side in picture.shape[1:]]
            picture = F.interpolate(picture[None], size=sides, mode="bilinear", align_corners=False)[0]
        for _ in range(iterations):
            shift = [int(torch.randint(1, size + 1, (), generator=generator)) for _ in range(2)]
            (height, width) = picture.shape[1:]
            fits = height <= size and width <= size
            rolled = picture if fits else torch.roll(picture, shift, (1, 2))
            padded = rolled if fits else F.pad(rolled, (0, -width % size, 0, -height % size))
            gradient = torch.zeros_like(padded)
            for r in range(0, padded.shape[1], size):
                for c in range(0, padded.shape[2], size):
                    tile = padded[:, r : r + size, c : c + size].clone().requires_grad_()
                    network(((tile / 255 - mean) / std)[None])[0, channel].backward()
                    gradient[:, r : r + size, c : c + size] = tile.grad
            gradient = gradient[:, :height, :width]
            gradient = gradient if fits else torch.roll(gradient, [-s for s in shift], (1, 2))
            picture = picture + pyramid.normalise(gradient[None])[0]
    return picture


def test_it_is_the_algorithm_written_once_more(small: SmallNet) -> None:
    clf = classifier(small.eval(), 16)
    dream = deep_dream(clf, channels=2, iterations=2, seed=4, scaling="none")
    mean = torch.tensor(MEAN)[:, None, None] * 255
    generator = _generator(4, 2)
    start = mean + torch.randn((3, 16, 16), generator=generator)
    expected = slow_dream(small, 2, start, generator, 16, 2, 3)
    assert dream.images.shape == (1, 30, 30, 3)
    np.testing.assert_allclose(255 * dream.images[0], expected.numpy().transpose(1, 2, 0), atol=0.02)
