"""What hidden places show: every kind by hand, in the units of the photo."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch

import seewhy
from seewhy.methods.fills import fill_image


def photo(channels: int = 3, size: tuple[int, int] = (12, 17), seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Every channel has a mean and a spread of its own; 0 to 255."""
    rng = np.random.default_rng(seed)
    means = 60 + 40 * np.arange(channels)[:, None, None]
    return np.clip(means + 25 * rng.standard_normal((channels, *size)), 0, 255).astype(np.float32)


def blurred(channel: np.ndarray[Any, Any], sigma: float) -> np.ndarray[Any, Any]:
    """A Gaussian out to four deviations, pixel by pixel; beyond the border the photo goes on as its mirror image."""
    reach = int(4 * sigma + 0.5)
    kernel = np.array([math.exp(-0.5 * (k / sigma) ** 2) for k in range(-reach, reach + 1)])
    kernel /= kernel.sum()
    wide = np.pad(channel.astype(np.float64), reach, mode="symmetric")
    output = np.zeros(channel.shape)
    for row in range(channel.shape[0]):
        for column in range(channel.shape[1]):
            window = wide[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
            output[row, column] = kernel @ window @ kernel
    return output


def hidden_by(clf_inputs: list[torch.Tensor], untouched: torch.Tensor) -> torch.Tensor:
    """``(C, H, W)``: what the copies showed where they were not the photo; NaN where nothing was ever hidden."""
    hidden = torch.full(untouched.shape, float("nan"))
    for copy in torch.cat(clf_inputs[1:]):
        different = copy != untouched
        hidden[different] = copy[different]
    return hidden


def seen(photo: Any, fill: Any, **settings: Any) -> torch.Tensor:
    """The fill as the network gets it."""
    inputs: list[torch.Tensor] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x.clone())
        return x.mean(dim=(2, 3))

    clf = seewhy.Classifier(scores, head="none", **settings)
    seewhy.explain(clf, photo, method="occlusion", mask_size=4, stride=4, clip=False, fill=fill, seed=5)
    return hidden_by(inputs, inputs[0][0])


@pytest.mark.parametrize("fill", [None, "mean"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_mean_is_every_channels_own(fill: str | None, channels: int) -> None:
    pixels = photo(channels)
    image = fill_image(pixels, fill, 0, True)
    assert image.shape == pixels.shape
    assert image.dtype == np.float32
    for k in range(channels):
        total = 0.0
        for value in pixels[k].ravel():
            total += float(value)
        np.testing.assert_allclose(image[k], total / pixels[k].size, rtol=1e-6)
    if channels > 1:
        assert abs(image[0, 0, 0] - image[1, 0, 0]) > 20


def test_black_is_zero() -> None:
    image = fill_image(photo(), "black", 0, True)
    assert image.shape == (3, 12, 17)
    assert not image.any()


@pytest.mark.parametrize("value", [128, 7.5, np.float32(7.5), np.int64(128), torch.tensor(3.0), 0, 255])
def test_a_number_is_that_number(value: Any) -> None:
    image = fill_image(photo(), value, 0, True)
    assert image.dtype == np.float32
    assert np.unique(image).tolist() == [float(value)]


@pytest.mark.parametrize("values", [[1, 20, 255], (1.0, 20.0, 255.0), np.array([1, 20, 255]), torch.tensor([1.0, 20.0, 255.0])])
def test_a_list_has_one_number_for_each_channel(values: Any) -> None:
    image = fill_image(photo(), values, 0, True)
    assert [np.unique(channel).tolist() for channel in image] == [[1.0], [20.0], [255.0]]


@pytest.mark.parametrize("size", [(20, 31), (60, 44), (41, 100)])
def test_blur_a_second_time(size: tuple[int, int]) -> None:
    """Deviation: 5 % of the shorter side."""
    pixels = photo(2, size)
    image = fill_image(pixels, "blur", 0, True)
    assert image.dtype == np.float32
    for k in range(2):
        np.testing.assert_allclose(image[k], blurred(pixels[k], 0.05 * min(size)), rtol=1e-4)
    assert image.std() < 0.95 * pixels.std()
    np.testing.assert_allclose(image.mean(axis=(1, 2)), pixels.mean(axis=(1, 2)), rtol=0.01)


def test_noise_by_hand() -> None:
    pixels = photo()
    image = fill_image(pixels, "noise", 3, True)
    noise = np.random.default_rng(3).standard_normal(pixels.shape)
    for k in range(3):
        mean = sum(float(v) for v in pixels[k].ravel()) / pixels[k].size
        deviation = math.sqrt(sum((float(v) - mean) ** 2 for v in pixels[k].ravel()) / pixels[k].size)
        np.testing.assert_allclose(image[k], np.clip(mean + deviation * noise[k], 0, 255), rtol=1e-5, atol=1e-4)


def test_noise_has_the_photos_means_and_deviations() -> None:
    pixels = photo(size=(150, 150))
    image = fill_image(pixels, "noise", 0, True)
    np.testing.assert_allclose(image.mean(axis=(1, 2)), pixels.mean(axis=(1, 2)), atol=1.0)
    np.testing.assert_allclose(image.std(axis=(1, 2)), pixels.std(axis=(1, 2)), rtol=0.03)
    assert abs(np.corrcoef(image[0].ravel(), image[1].ravel())[0, 1]) < 0.03
    assert not np.array_equal(image, fill_image(pixels, "noise", 1, True))
    assert np.array_equal(image, fill_image(pixels, "noise", 0, True))


def test_noise_stays_within_the_range_of_the_pixels() -> None:
    pixels = np.where(np.random.default_rng(0).random((1, 40, 40)) < 0.5, 0, 255).astype(np.float32)
    image = fill_image(pixels, "noise", 0, True)
    assert (image.min(), image.max()) == (0.0, 255.0)
    own = pixels / 100 - 1  # a tensor's own units: nothing beyond what it holds
    image = fill_image(own, "noise", 0, False)
    assert (image.min(), image.max()) == (own.min(), own.max())
    assert image.min() == -1


def test_the_units_are_those_of_the_tensor_where_there_is_no_preprocessing() -> None:
    own = torch.from_numpy(photo()) / 50 - 2
    np.testing.assert_allclose(seen(own, 1.5)[:, :12, :16], 1.5)
    np.testing.assert_allclose(seen(own, [1.5, -1, 0.25])[:, 0, 0], [1.5, -1, 0.25])
    np.testing.assert_allclose(seen(own, None)[:, 0, 0], own.mean(dim=(1, 2)), rtol=1e-5)
    assert not seen(own, "black")[:, :12, :16].any()


def test_the_units_are_0_to_255_where_there_is_preprocessing() -> None:
    """The network's normalisation comes behind the fill."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    (mean, std) = (np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.25, 0.5]))
    preprocess = seewhy.Preprocess(size=(12, 16), mean=mean.tolist(), std=std.tolist())

    def normalised(values: Any) -> Any:
        return (np.asarray(values, dtype=np.float64) / 255 - mean) / std

    for fill, expected in (
        (128, normalised([128, 128, 128])),
        ([255, 0, 100], normalised([255, 0, 100])),
        ("black", normalised([0, 0, 0])),
        (None, normalised(pixels.reshape(-1, 3).mean(axis=0))),
    ):
        hidden = seen(pixels, fill, preprocess=preprocess)
        for k in range(3):
            values = hidden[k][~hidden[k].isnan()]
            assert len(values) > 180
            np.testing.assert_allclose(values, expected[k], atol=1e-5)


def test_noise_is_drawn_once_for_an_explanation() -> None:
    """A place that several masks hide shows the same in all of them; the seed is the explanation's."""
    own = torch.from_numpy(photo(1, (12, 12)))
    inputs: list[torch.Tensor] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x.clone())
        return x.mean(dim=(2, 3))

    clf = seewhy.Classifier(scores, head="none")
    seewhy.explain(clf, own, method="occlusion", mask_size=6, stride=2, fill="noise", seed=9)
    expected = torch.from_numpy(fill_image(own.numpy(), "noise", 9, False))
    copies = torch.cat(inputs[1:])
    hidden = copies != own
    assert int(hidden[:, 0, 5, 5].sum()) == 9
    for copy, off in zip(copies, hidden, strict=True):
        assert torch.equal(copy[off], expected[off])


@pytest.mark.parametrize("method", ["occlusion", "lime", "rise"])
def test_all_methods_take_the_same_fills(method: str) -> None:
    """A fill that is the photo itself hides nothing."""
    own = torch.full((2, 14, 14), 3.0)
    own[1] = -1.0
    settings = {"lime": {"segments": "grid", "features": 9, "samples": 30}, "rise": {"masks": 30}}.get(method, {})
    clf = seewhy.Classifier(lambda x: (x**2).mean(dim=(2, 3)), head="none")
    for fill in ([3.0, -1.0], "mean", "blur", "noise"):
        e = seewhy.explain(clf, own, method=method, target=0, fill=fill, **settings)
        np.testing.assert_allclose(e.maps, 0, atol=1e-6)
        assert e.details["base"] == pytest.approx([9.0])
    assert np.abs(seewhy.explain(clf, own, method=method, target=0, fill=[0.0, -1.0], **settings).maps).max() > 0.1
    assert np.abs(seewhy.explain(clf, own, method=method, target=0, fill=[3.0, 0.0], **settings).maps).max() < 1e-6


WORDS = "write a number, or one per channel, in the tensor's own units, or one of 'mean', 'black', 'blur', 'noise'."


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        ("grey", f"fill='grey': {WORDS}"),
        ("", f"fill='': {WORDS}"),
        (True, f"fill=True: {WORDS}"),
        (float("nan"), f"fill=nan: {WORDS}"),
        ([1.0, float("inf"), 2.0], f"fill=[1.0, inf, 2.0]: {WORDS}"),
        ([None, 1, 2], f"fill=[None, 1, 2]: {WORDS}"),
        ([[1, 2, 3]], f"fill=[[1, 2, 3]]: {WORDS}"),
        ([[1], [1, 2]], f"fill=[[1], [1, 2]]: {WORDS}"),
        ({"r": 1}, f"fill={{'r': 1}}: {WORDS}"),
        ([1, 2], "fill has 2 values, but the photo has 3 channels: write one number, or one for each."),
        ([], "fill has 0 values, but the photo has 3 channels: write one number, or one for each."),
    ],
)
@pytest.mark.parametrize("method", ["occlusion", "lime", "rise"])
def test_fills_that_are_none(method: str, fill: Any, message: str) -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), head="none")
    with pytest.raises(seewhy.errors.OptionError, match=f"^{re.escape(message)}$"):
        seewhy.explain(clf, torch.from_numpy(photo()), method=method, fill=fill)


@pytest.mark.parametrize("fill", [300, -1, (255, 256, 0), "red"])
def test_pictures_are_filled_with_0_to_255(fill: Any) -> None:
    message = (
        f"fill={fill!r}: write a number, or one per channel, from 0 to 255 (fill=(255, 0, 0) is red), "
        "or one of 'mean', 'black', 'blur', 'noise'."
    )
    with pytest.raises(seewhy.errors.OptionError, match=f"^{re.escape(message)}$"):
        fill_image(photo(), fill, 0, True)
    if not isinstance(fill, str):  # a tensor's own units have no range
        np.testing.assert_array_equal(fill_image(photo(), fill, 0, False)[:, 0, 0], np.broadcast_to(fill, 3))


@pytest.mark.parametrize(
    ("fill", "colour"), [(0.5, "128"), ((0.485, 0.456, 0.406), "(124, 116, 104)"), (np.array([0, 0.25, 1]), "(0, 64, 255)")]
)
def test_colours_in_units_of_0_to_1_are_refused_for_pictures(fill: Any, colour: str) -> None:
    message = f"fill={fill!r}: colours are 0 to 255; write fill={colour}."
    with pytest.raises(seewhy.errors.OptionError, match=f"^{re.escape(message)}$"):
        fill_image(photo(), fill, 0, True)
    np.testing.assert_array_equal(fill_image(photo(), fill, 0, False)[:, 0, 0], np.broadcast_to(np.float32(fill), 3))


@pytest.mark.parametrize("fill", [0, 1, 1.0, 1.5, (1, 0, 1), (0.5, 200, 3)])
def test_dark_colours_are_taken(fill: Any) -> None:
    np.testing.assert_array_equal(fill_image(photo(), fill, 0, True)[:, 0, 0], np.broadcast_to(np.float32(fill), 3))


def test_the_error_names_the_setting_that_was_written() -> None:
    clf = seewhy.load("demo:honest")
    scene = seewhy.demo.scenes(1)[0].photo
    for method, name in (("occlusion", "fill"), ("integrated_gradients", "baseline")):
        with pytest.raises(seewhy.errors.OptionError, match=rf"^{name}=0\.5: colours are 0 to 255; write {name}=128\.$"):
            seewhy.explain(clf, scene, method=method, **{name: 0.5})


def test_noise_reaches_as_far_as_values_beyond_the_range() -> None:
    hounsfield = np.random.default_rng(0).normal(4000, 300, (1, 40, 40)).astype(np.float32)  # pixels of Preprocess(range=1)
    noise = fill_image(hounsfield, "noise", 0, bytes_range=True)
    assert abs(float(noise.mean()) - 4000) < 50
    assert abs(float(noise.std()) - 300) < 50
    below = fill_image(hounsfield - 5000, "noise", 0, bytes_range=True)
    assert abs(float(below.mean()) + 1000) < 50
    usual = fill_image(np.full((1, 4, 4), 250, np.float32) + np.eye(4, dtype=np.float32) * 5, "noise", 0, bytes_range=True)
    assert usual.max() <= 255
