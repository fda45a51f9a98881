"""What is tried, as data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench.spoilt import HALF, IMAGENET

import seewhy
from seewhy.doctor.preparations import (
    Normalisation,
    PhotoFit,
    Scale,
    applied_once,
    current_normalisation,
    far_fits,
    fits,
    normalisations,
    scale_of,
    settings_of,
)

PHOTOS = ((0.4, 0.5, 0.6), (0.2, 0.2, 0.2))


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_a_classifier_s_normalisation_is_read_off(order: str) -> None:
    preprocess = seewhy.Preprocess(8, order=order, **IMAGENET)
    pixels = 255 * torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    read = current_normalisation(preprocess, 3)
    torch.testing.assert_close(read.apply(pixels), preprocess.normalise(pixels), atol=1e-5, rtol=1e-5)
    # What it says to write gives the same again.
    written = seewhy.Preprocess(8, **settings_of(read))
    torch.testing.assert_close(written.normalise(pixels), preprocess.normalise(pixels), atol=1e-4, rtol=1e-4)


def test_a_person_s_transform_is_read_off_too() -> None:
    def transform(image):
        return torch.from_numpy(np.array(image.resize((16, 16)))).permute(2, 0, 1).float() / 127.5 - 1

    read = current_normalisation(seewhy.Classifier(torch.nn.Flatten(), transform).preprocess, 3)
    assert read.mean == pytest.approx((0.5,) * 3, abs=1e-6)
    assert read.std == pytest.approx((0.5,) * 3, abs=1e-6)


def test_twice_is_taken_apart() -> None:
    (mean, std) = (np.array(IMAGENET["mean"]), np.array(IMAGENET["std"]))
    twice = Normalisation("", tuple(mean + mean * std), tuple(std**2))
    assert applied_once(twice).name == "ImageNet's mean and std"
    own = Normalisation("", (0.3 + 0.3 * 0.4,), (0.16,))
    once = applied_once(own)
    assert (once.mean, once.std) == (pytest.approx((0.3,)), pytest.approx((0.4,)))
    assert applied_once(Normalisation("", (0.0,), (1.0,))) is None


def test_scales() -> None:
    assert scale_of(Normalisation("", (0.0,) * 3, (1.0,) * 3)) is Scale.UNIT
    assert scale_of(Normalisation("", (0.0,) * 3, (1 / 255,) * 3)) is Scale.BYTES
    assert scale_of(Normalisation("", IMAGENET["mean"], IMAGENET["std"])) is Scale.STANDARD


def test_alternatives_hold_no_copy_of_the_present_one_and_none_twice() -> None:
    current = current_normalisation(seewhy.Preprocess(8, **HALF), 3)
    others = normalisations(current, *PHOTOS)
    assert not any(other.is_like(current) for other in others)
    assert not any(a.is_like(b) for i, a in enumerate(others) for b in others[:i])
    assert others[0].order == "BGR"
    assert {"values 0-1", "ImageNet's mean and std", "values 0-255"} <= {other.name for other in others}
    grey = normalisations(Normalisation("", (0.0,), (1.0,)), (0.3,), (0.3,))
    assert all(len(other.mean) == 1 and other.order == "RGB" for other in grey)


def test_a_range_is_left_out_as_if_it_had_never_been_set() -> None:
    """Ten bits, 64 to 960, of 8-bit photos: the alternative gives what a preprocessing without the range gives."""
    (low, high) = (64, 960)
    current = current_normalisation(seewhy.Preprocess(8, range=(low, high), **IMAGENET), 3)
    unit = (-low / (high - low), (255 - low) / (high - low))
    others = normalisations(current, *PHOTOS, unit)
    same = next(other for other in others if other.text == "the same mean and std, no range")
    photo = 255 * torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    as_read = 255 * (photo - low) / (high - low)
    expected = seewhy.Preprocess(8, **IMAGENET).normalise(photo)
    torch.testing.assert_close(same.apply(as_read), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(same.reversed().apply(as_read), expected.flip(1), atol=1e-4, rtol=1e-4)
    assert settings_of(same) == {"range": None, "order": "RGB"}
    half = next(other for other in others if other.text == "values -1 to 1, no range")
    assert settings_of(half) == {"range": None, "mean": 0.5, "std": 0.5, "order": "RGB"}
    # A range that is the photos' own adds nothing.
    assert normalisations(current, *PHOTOS, (0.0, 1.0)) == normalisations(current, *PHOTOS)


def test_fits_are_near_and_differ() -> None:
    current = PhotoFit((224, 224), 256, True)
    others = fits(current)
    assert current not in others
    assert len(set(others)) == len(others) <= 9
    assert {fit.size[0] for fit in others} >= {112, 192, 256, 299}
    assert next(fit for fit in others if fit.size == (448, 448)).resize == 512  # the margin around the crop is kept
    assert {fit.resize for fit in others if fit.size == (224, 224)} == {"stretch", "shorter"}
    wide = fits(PhotoFit((96, 128), "stretch", True))
    assert (192, 256) in {fit.size for fit in wide}


def test_far_sizes_are_asked_for_the_nearest_first() -> None:
    sizes = [fit.size[0] for fit in far_fits(PhotoFit((96, 96), "shorter", True))]
    assert sizes[:2] == [112, 75]
    assert 28 in sizes
    assert 384 in sizes
    wide = [fit.size for fit in far_fits(PhotoFit((144, 192), "stretch", True))]
    assert {(72, 96), (288, 384), (96, 128), (224, 224)} <= set(wide)
    assert (144, 192) not in wide


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("unit", [None, (-0.1, 1.1)], ids=["no range", "a range"])
def test_each_row_has_a_name_of_its_own(order: str, unit: tuple[float, float] | None) -> None:
    current = current_normalisation(seewhy.Preprocess(8, order=order, mean=(0.3, 0.3, 0.35), std=(0.25, 0.25, 0.2)), 3)
    texts = [one.text for one in (current, *normalisations(current, *PHOTOS, unit))]
    assert len(set(texts)) == len(texts)
    (now, turned, backwards) = texts[:3]
    other = {"RGB": "BGR", "BGR": "RGB"}[order]
    assert now == ("as it is now" if order == "RGB" else "as it is now, BGR")
    assert turned == f"as it is now, {other}"
    assert backwards in ("as it is now, mean and std turned, too, BGR", "as it is now, RGB, mean and std turned, too")
    symmetric = current_normalisation(seewhy.Preprocess(8, order=order, mean=0.3, std=0.25), 3)
    assert sum("as it is now" in one.text for one in normalisations(symmetric, *PHOTOS)) == 1
