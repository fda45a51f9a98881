"""The network's input: bit for bit the library's own, of bounded size, and with the way back to the photo."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.errors import OptionError, PhotoError
from seewhy.load import from_torchvision
from seewhy.photo import Picture, open_picture
from seewhy.preprocess import MOST_PIXELS, Preprocess, TransformPreprocess, as_preprocess, with_channels
from seewhy.records import Note

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo with structure at every scale, so that a shift of a pixel shows."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(coarse, np.int16) + rng.integers(-30, 31, (height, width, 3)), 0, 255).astype(np.uint8)


def prepared(preprocess: Any, photo: Any) -> torch.Tensor:
    """The normalised input ``(C, h, w)``."""
    (pixels, _, _) = preprocess.apply(open_picture(photo))
    return preprocess.normalise(torch.from_numpy(pixels)[None])[0]


# -- as the library does ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["squeezenet1_0", "resnet50", "mobilenet_v2", "inception_v3", "vit_b_16", "efficientnet_b4", "convnext_tiny", "swin_v2_t"],
)
@pytest.mark.parametrize("size", [(333, 500), (500, 301), (120, 90), (256, 256)])
def test_bit_for_bit_torchvisions_own(name: str, size: tuple[int, int]) -> None:
    published = from_torchvision.models().get_model_weights(name).DEFAULT
    preprocess = from_torchvision._preprocess(published)
    photo = Image.fromarray(noise(*size))
    reference = published.transforms()(photo)
    inputs = prepared(preprocess, photo)
    assert torch.equal(inputs, reference), f"largest difference {(inputs - reference).abs().max()}"


# -- sizes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo", "size"),
    [
        ((720, 1280), (227, 404)),
        ((480, 640), (227, 303)),
        ((384, 512), (227, 303)),
        ((640, 480), (303, 227)),
        ((300, 300), (227, 227)),
        ((10, 40), (227, 908)),
    ],
)
def test_without_a_crop_the_shorter_side_is_set_and_the_longer_rounded_up(photo: tuple[int, int], size: tuple[int, int]) -> None:
    picture = Picture(np.zeros((*photo, 3), np.uint8))
    (pixels, geometry, _) = Preprocess(size=227, crop=False).apply(picture)
    assert pixels.shape == (3, *size)
    assert (geometry.photo, geometry.input) == (photo, size)
    assert not geometry.cropped


def test_shorter_and_crop_cut_the_middle_out() -> None:
    (pixels, geometry, _) = Preprocess(size=50).apply(open_picture(noise(100, 300)))
    whole = np.asarray(Image.fromarray(noise(100, 300)).resize((150, 50), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(pixels, whole[:, 50:100].transpose(2, 0, 1))
    assert geometry.frame == (0.0, 100.0, 100.0, 200.0)
    assert geometry.cropped


def test_a_number_is_the_shorter_side_before_the_crop() -> None:
    (pixels, geometry, _) = Preprocess(size=224, resize=256).apply(open_picture(noise(300, 400)))
    assert pixels.shape == (3, 224, 224)
    (scale, rescale) = (300 / 256, 400 / 341)  # 256 * 400 / 300 = 341.3
    assert geometry.frame == pytest.approx((16 * scale, 58 * rescale, 240 * scale, 282 * rescale))


def test_stretch_loses_the_aspect_and_nothing_else() -> None:
    (pixels, geometry, _) = Preprocess(size=(30, 50), resize="stretch").apply(open_picture(noise(100, 60)))
    whole = np.asarray(Image.fromarray(noise(100, 60)).resize((50, 30), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(pixels, whole.transpose(2, 0, 1))
    assert geometry.frame == pytest.approx((0, 0, 100, 60))


@pytest.mark.parametrize(
    ("photo", "frame"),
    [((100, 100), (25.0, 0.0, 75.0, 100.0)), ((100, 400), (0.0, 100.0, 100.0, 300.0)), ((50, 100), (0.0, 0.0, 50.0, 100.0))],
)
def test_a_wide_input_is_just_covered(photo: tuple[int, int], frame: tuple[float, ...]) -> None:
    (pixels, geometry, _) = Preprocess(size=(20, 40)).apply(open_picture(noise(*photo)))
    assert pixels.shape == (3, 20, 40)
    assert geometry.frame == pytest.approx(frame)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_interpolations(interpolation: str) -> None:
    photo = noise(31, 31)
    (pixels, _, _) = Preprocess(size=20, interpolation=interpolation).apply(open_picture(photo))
    kind = Image.Resampling[interpolation.upper()]
    np.testing.assert_array_equal(pixels, np.asarray(Image.fromarray(photo).resize((20, 20), kind)).transpose(2, 0, 1))


def test_of_a_very_thin_photo_only_the_crop_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo of 1 × 20000 pixels would become 256 × 5,120,000."""
    areas: list[int] = []
    resize = Image.Image.resize

    def counted(self: Image.Image, size: tuple[int, int], *rest: Any) -> Image.Image:
        areas.append(size[0] * size[1])
        return resize(self, size, *rest)

    monkeypatch.setattr(Image.Image, "resize", counted)
    line = np.repeat(np.linspace(0, 255, 20000).round().astype(np.uint8)[None, :, None], 3, axis=2)
    for photo, turned in ((line, False), (line.transpose(1, 0, 2), True)):
        (pixels, geometry, _) = Preprocess(size=224, resize=256).apply(open_picture(photo))
        assert pixels.shape == (3, 224, 224)
        np.testing.assert_allclose(pixels, 127.5, atol=1, err_msg="the middle of the ramp")
        frame = geometry.frame if not turned else (geometry.frame[1], geometry.frame[0], geometry.frame[3], geometry.frame[2])
        assert frame == pytest.approx((16 / 256, 10000 - 112 / 256, 240 / 256, 10000 + 112 / 256))
    assert max(areas) == 224 * 224


@pytest.mark.parametrize("photo", [(3, 19999), (7, 50000), (13, 40001), (49999, 11), (20000, 1)])
@pytest.mark.parametrize("resize", ["shorter", 256])
def test_thin_photos_of_every_size_fit(photo: tuple[int, int], resize: str | int) -> None:
    (pixels, _, _) = Preprocess(size=49, resize=resize).apply(Picture(np.full((*photo, 3), 7, np.uint8)))
    np.testing.assert_array_equal(pixels, np.full((3, 49, 49), 7))


def test_the_shortcut_for_thin_photos_gives_the_same_as_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = open_picture(noise(30, 400))
    (long_way, geometry, _) = Preprocess(size=64).apply(picture)
    monkeypatch.setattr("seewhy.preprocess.MOST_PIXELS", 64 * 64)
    (short_way, same, _) = Preprocess(size=64).apply(picture)
    np.testing.assert_allclose(short_way, long_way, atol=1)
    assert geometry == same


def test_a_thin_photo_without_a_crop_is_refused() -> None:
    with pytest.raises(PhotoError) as error:
        Preprocess(size=224, crop=False).apply(Picture(np.zeros((1, 20000, 3), np.uint8)))
    assert str(error.value) == (
        "The photo has 1×20000 (rows × columns) pixels: without a crop its input would have 224×4480000 (rows × "
        "columns). Use crop=True or resize='stretch'."
    )
    assert MOST_PIXELS < 4480000 * 224


# -- channels -----------------------------------------------------------------------------------------------------------


def test_a_grey_network_gets_brightness() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    (values, notes) = with_channels(colours, 1)
    np.testing.assert_array_equal(values[0, :, 0], [76, 150, 29, 18])
    assert notes == ("the network is grey: the colours were turned to brightness",)
    (unit, _) = with_channels((colours / 255).astype(np.float32), 1)
    np.testing.assert_allclose(unit[0, :, 0], [0.299, 0.587, 0.114, (2.99 + 11.74 + 3.42) / 255], atol=1e-6)


def test_a_grey_photo_is_repeated_for_a_colour_network() -> None:
    grey = noise(20, 20)[..., 0]
    (pixels, _, notes) = Preprocess(size=20).apply(open_picture(grey))
    np.testing.assert_array_equal(pixels, np.stack([grey] * 3))
    assert notes == ("1 channel given, the network wants 3: the grey channel was repeated",)


def test_a_grey_photo_for_a_grey_network_needs_nothing() -> None:
    grey = noise(20, 20)[..., 0]
    (pixels, _, notes) = Preprocess(size=20, channels=1, mean=0.5, std=0.25).apply(open_picture(grey))
    np.testing.assert_array_equal(pixels, grey[None])
    assert notes == ()


def test_the_fourth_channel_of_a_float_photo_is_left_out() -> None:
    (values, notes) = with_channels(np.ones((2, 2, 4), np.float32), 3)
    assert values.shape == (2, 2, 3)
    assert notes == ("the fourth channel was left out",)


def test_channels_that_do_not_fit() -> None:
    with pytest.raises(PhotoError) as error:
        with_channels(np.zeros((4, 4, 2), np.uint8), 3)
    assert str(error.value) == (
        "The photo has 2 channels, the preprocessing takes 3: give a photo of 3, or, in Python, write Preprocess(channels=2) if "
        "the network was trained on 2."
    )


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_a_grey_photo_is_not_repeated_for_bands(channels: int) -> None:
    with pytest.raises(PhotoError) as error:
        with_channels(np.zeros((4, 4), np.uint8), channels)
    assert str(error.value) == (
        f"The photo has 1 channel, the preprocessing takes {channels}: give a photo of {channels} (an array, or a TIFF of "
        f"{channels} bands or pages), or, in Python, write Preprocess(channels=1) if the network was trained on 1."
    )


def test_many_bands() -> None:
    bands = np.random.default_rng(0).random((6, 9, 9)).astype(np.float32)
    (pixels, _, notes) = Preprocess(size=9, channels=6).apply(open_picture(bands))
    np.testing.assert_allclose(pixels, bands * 255, atol=1e-3)
    assert notes == ()


def test_a_float_photo_is_resized_without_rounding() -> None:
    photo = noise(40, 40)
    (exact, _, _) = Preprocess(size=20).apply(open_picture((photo / 255).astype(np.float32).transpose(2, 0, 1)))
    (rounded, _, _) = Preprocess(size=20).apply(open_picture(photo))
    assert np.abs(exact - rounded).max() < 1.01  # 8 bits are rounded twice, along rows and along columns
    assert not np.array_equal(exact, exact.round())
    assert exact.dtype == rounded.dtype == np.float32


# -- normalisation ------------------------------------------------------------------------------------------------------


def test_normalise_in_units_of_zero_to_one() -> None:
    pixels = torch.tensor([0.0, 127.5, 255.0]).reshape(1, 3, 1, 1)
    plain = Preprocess().normalise(pixels)
    torch.testing.assert_close(plain.flatten(), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(Preprocess(mean=0.5, std=0.5).normalise(pixels).flatten(), torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(Preprocess(mean=(0.5, 0.4, 0.3)).normalise(pixels).flatten(), torch.tensor([-0.5, 0.1, 0.7]))
    torch.testing.assert_close(Preprocess(std=(1, 0.5, 0.25)).normalise(pixels).flatten(), torch.tensor([0.0, 1.0, 4.0]))


def test_normalise_hands_gradients_on() -> None:
    pixels = torch.full((1, 3, 2, 2), 100.0, dtype=torch.float64, requires_grad=True)
    Preprocess(mean=MEAN, std=STD).normalise(pixels).sum().backward()
    torch.testing.assert_close(pixels.grad[0, :, 0, 0], 1 / (255 * torch.tensor(STD, dtype=torch.float64)))


@pytest.mark.parametrize(
    ("settings", "description"),
    [
        ({}, "shorter side 224, centre crop 224×224, RGB, values 0-1"),
        ({"size": (64, 160)}, "resized to cover 64×160 (rows × columns), centre crop, RGB, values 0-1"),
        ({"size": (64, 160), "crop": False}, "resized to cover 64×160 (rows × columns), no crop, RGB, values 0-1"),
        ({"size": (64, 160), "resize": 200}, "shorter side 200, centre crop 64×160 (rows × columns), RGB, values 0-1"),
        ({"size": (96, 128), "resize": "stretch"}, "stretched to 96×128 (rows × columns), RGB, values 0-1"),
        ({"size": 227, "crop": False, "channels": 1}, "shorter side 227, no crop, grey, values 0-1"),
        (
            {"resize": 256, "mean": MEAN, "std": STD, "interpolation": "bicubic"},
            "shorter side 256, centre crop 224×224 (bicubic), RGB, values 0-1, mean 0.485/0.456/0.406, std 0.229/0.224/0.225",
        ),
        ({"channels": 5, "mean": 0.5}, "shorter side 224, centre crop 224×224, 5 channels, values 0-1, mean 0.5"),
    ],
)
def test_in_words(settings: dict[str, Any], description: str) -> None:
    assert Preprocess(**settings).describe() == description


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size=0: write one number or (rows, columns), above 0."),
        ({"size": (1, 2, 3)}, "size=(1, 2, 3): write one number or (rows, columns), above 0."),
        ({"size": 224.0}, "size=224.0: write one number or (rows, columns), above 0."),
        ({"size": None}, "size=None: write one number or (rows, columns), above 0."),
        ({"size": True}, "size=True: write one number or (rows, columns), above 0."),
        ({"resize": "longer"}, "resize='longer': write 'shorter', 'stretch', or the shorter side's pixels before the crop."),
        ({"resize": 1.5}, "resize=1.5: write 'shorter', 'stretch', or the shorter side's pixels before the crop."),
        ({"interpolation": "area"}, "interpolation='area': write one of nearest, bilinear, bicubic, lanczos."),
        ({"channels": 0}, "channels=0: a photo has at least 1."),
        ({"mean": (0.1, 0.2)}, "mean has 2 values for 3 channels: write one number, or 3."),
        ({"mean": "0.5"}, "mean='0.5': write numbers in units of [0, 1]."),
        ({"std": 0}, "std=0: the standard deviation must be above 0."),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Preprocess(**settings)
    assert str(error.value) == message


def test_a_resize_that_is_smaller_than_the_crop() -> None:
    with pytest.raises(OptionError) as error:
        Preprocess(size=224, resize=200).apply(open_picture(noise(300, 400)))
    assert str(error.value) == (
        "resize=200 makes the photo 200×266 (rows × columns), smaller than the input, 224×224: write resize='shorter' "
        "or a larger number."
    )


# -- somebody else's transform ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tv() -> Any:
    from_torchvision.models()
    import torchvision.transforms

    return torchvision.transforms


def fitted(tv: Any) -> Any:
    return tv.Compose([tv.Resize(256), tv.CenterCrop(224), tv.ToTensor(), tv.Normalize(MEAN, STD)])


@pytest.mark.parametrize("size", [(333, 500), (500, 333), (256, 256), (120, 90), (1000, 3000), (2500, 1700)])
def test_a_torchvision_transform_gives_its_own_input_and_its_geometry(tv: Any, size: tuple[int, int]) -> None:
    photo = noise(*size)
    transform = fitted(tv)
    preprocess = as_preprocess(transform)
    assert isinstance(preprocess, TransformPreprocess)
    assert preprocess.input_size == (224, 224)
    torch.testing.assert_close(prepared(preprocess, photo), transform(Image.fromarray(photo)), atol=2e-5, rtol=0)
    (_, geometry, _) = preprocess.apply(open_picture(photo))
    (_, true, _) = Preprocess(size=224, resize=256).apply(open_picture(photo))
    assert (geometry.photo, geometry.input) == (true.photo, true.input)
    for axis in ("rows", "columns"):
        (scale, offset) = getattr(geometry, axis)
        (true_scale, true_offset) = getattr(true, axis)
        ends = [(scale * at + offset - true_scale * at - true_offset) / true_scale for at in (0, 224)]
        assert np.abs(ends).max() < 1.0, f"{axis}: off by {ends} input pixels at the ends"


def test_a_transform_that_stretches(tv: Any) -> None:
    preprocess = as_preprocess(tv.Compose([tv.Resize((96, 128)), tv.ToTensor()]))
    assert preprocess is not None
    (pixels, geometry, _) = preprocess.apply(open_picture(noise(300, 200)))
    assert preprocess.input_size == (96, 128)
    assert geometry.rows == (300 / 96, 0.0)
    assert geometry.columns == (200 / 128, 0.0)
    reference = np.asarray(Image.fromarray(noise(300, 200)).resize((128, 96), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(pixels, reference.transpose(2, 0, 1), atol=1e-3)
    assert preprocess.describe() == "the transform Compose, input 96×128 (rows × columns)"


def test_a_photo_in_other_forms_goes_through_a_transform(tv: Any) -> None:
    preprocess = as_preprocess(fitted(tv))
    grey = noise(250, 250)[..., 0]
    torch.testing.assert_close(prepared(preprocess, grey), prepared(preprocess, np.stack([grey] * 3, axis=-1)))
    unit = torch.from_numpy(noise(250, 250)).permute(2, 0, 1) / 255
    torch.testing.assert_close(prepared(preprocess, unit), prepared(preprocess, noise(250, 250)))


def squeezed(image: Image.Image) -> torch.Tensor:
    values = np.asarray(image.resize((32, 24), Image.Resampling.BILINEAR), np.float32).transpose(2, 0, 1) / 255
    return torch.from_numpy((values - 0.5) / 0.5)


class ImageProcessor:
    """As in transformers: takes ``images=``, gives a mapping with a batch of ``pixel_values``."""

    def __call__(self, images: Image.Image, *, return_tensors: str) -> dict[str, torch.Tensor]:
        assert return_tensors == "pt"  # the fast ones of transformers know nothing else
        return {"pixel_values": squeezed(images)[None]}


class ListImageProcessor:
    """The older ones: keywords in ``**kwargs``, a list of arrays."""

    def __call__(self, images: Image.Image, **kwargs: Any) -> dict[str, list[np.ndarray]]:
        return {"pixel_values": [squeezed(images).numpy()]}


@pytest.mark.parametrize("processor", [ImageProcessor(), ListImageProcessor()])
def test_an_image_processor_of_transformers(processor: Any) -> None:
    preprocess = as_preprocess(processor)
    assert preprocess is not None
    photo = noise(48, 64)
    (_, geometry, _) = preprocess.apply(open_picture(photo))
    assert (preprocess.input_size, geometry.rows, geometry.columns) == ((24, 32), (2.0, 0.0), (2.0, 0.0))
    torch.testing.assert_close(prepared(preprocess, photo), squeezed(Image.fromarray(photo)), atol=1e-5, rtol=0)


RANDOM = "The transform Compose is random: give the one used for evaluation."


def test_random_transforms_are_refused(tv: Any) -> None:
    for own in (tv.RandomCrop(224), tv.RandomHorizontalFlip(), tv.RandomResizedCrop(224), tv.ColorJitter(brightness=0.5)):
        transform = tv.Compose([tv.Resize((256, 256)), own, tv.ToTensor()])
        for _ in range(3):  # a flip that comes in half of the cases must not pass by luck
            with pytest.raises(OptionError) as error:
                as_preprocess(transform)
            assert str(error.value) == RANDOM


def test_a_transform_with_a_random_generator_of_its_own_is_refused() -> None:
    own = random.Random(4)

    def jitter(image: Image.Image) -> np.ndarray:
        left = own.randrange(8)
        return np.asarray(image.crop((left, 0, left + 100, 100)), np.float32).transpose(2, 0, 1)

    with pytest.raises(OptionError, match=r"^The transform jitter is random: give the one used for evaluation\.$"):
        as_preprocess(jitter)


def sheared(image: Image.Image) -> Image.Image:
    """Every sixteen rows a pixel further to the right: what is straight on average, and still is not."""
    return Image.fromarray(np.stack([np.roll(line, row // 16, axis=0) for row, line in enumerate(np.asarray(image))]))


BENT = (
    "The transform Compose flips, turns or bends the picture, so a map could not be laid back on the photo: describe it as "
    "seewhy.Preprocess(...) instead."
)


@pytest.mark.parametrize(
    "own",
    [
        lambda tv: tv.RandomHorizontalFlip(p=1),
        lambda tv: tv.RandomVerticalFlip(p=1),
        lambda tv: tv.Lambda(lambda image: image.transpose(Image.Transpose.ROTATE_90)),
        lambda tv: tv.Lambda(lambda image: image.rotate(20)),
        lambda tv: tv.Lambda(sheared),
    ],
)
def test_transforms_that_flip_or_turn_are_refused(tv: Any, own: Any) -> None:
    preprocess = as_preprocess(tv.Compose([tv.Resize((64, 64)), own(tv), tv.ToTensor()]))
    assert preprocess is not None
    with pytest.raises(OptionError) as error:
        preprocess.apply(open_picture(noise(80, 90)))
    assert str(error.value) == BENT


def raises_type_error(image: Image.Image) -> None:
    raise TypeError("pic should be a Tensor")


def divides_by_zero(image: Image.Image) -> float:
    return image.width / 0


def forgets_to_tensor(image: Image.Image) -> Image.Image:
    return image


def inverts_half(image: Image.Image) -> np.ndarray:
    values = np.asarray(image, np.float32).transpose(2, 0, 1)
    return np.where(values > 128, 255 - values, values)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (5, "preprocess=5: write seewhy.Preprocess(size=..., mean=..., std=...), a transform, or None."),
        (
            raises_type_error,
            "The transform raises_type_error failed on a picture of 256×320 (rows × columns): TypeError: pic should be a Tensor",
        ),
        (
            divides_by_zero,
            "The transform divides_by_zero failed on a picture of 256×320 (rows × columns): ZeroDivisionError: division by zero",
        ),
        (
            forgets_to_tensor,
            "The transform forgets_to_tensor gave Image of shape (256, 320, 3); expected a tensor (3, H, W): end it with "
            "ToTensor().",
        ),
        (
            inverts_half,
            "The transform inverts_half does not treat brightness evenly (black [0. 0. 0.], grey [102. 102. 102.], white "
            "[0. 0. 0.]): describe it as seewhy.Preprocess(size=..., mean=..., std=...) instead.",
        ),
    ],
)
def test_what_cannot_prepare(transform: Any, message: str) -> None:
    with pytest.raises(OptionError) as error:
        as_preprocess(transform)
    assert str(error.value) == message


def test_none_stays_none_and_a_preprocess_itself() -> None:
    own = Preprocess(size=8)
    assert as_preprocess(None) is None
    assert as_preprocess(own) is own


def test_numbers_of_0_to_255_are_refused_as_mean_and_std() -> None:
    for settings, message in (
        ({"mean": [127]}, "mean=[127]: it is in units of [0, 1]; divide numbers of 0-255 by 255."),
        ({"mean": 0.5, "std": 127.5}, "std=127.5: it is in units of [0, 1]; divide numbers of 0-255 by 255."),
    ):
        with pytest.raises(OptionError) as error:
            Preprocess(**settings)
        assert str(error.value) == message


# -- ranges -------------------------------------------------------------------------------------------------------------


def test_sixteen_bits_reach_the_network_in_full() -> None:
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040 + 3  # no two are alike after 8 bits would have cut them
    (pixels, _, notes) = Preprocess(size=8, channels=1).apply(open_picture(values))
    np.testing.assert_allclose(pixels[0] / 255 * 65535, values, rtol=1e-6)
    assert notes == ("16 bits a pixel: 0-65535 became 0-1, and this photo reaches 65523",)
    unit = Preprocess(size=8, channels=1, mean=0.5, std=0.25).normalise(torch.from_numpy(pixels)[None])
    np.testing.assert_allclose(unit[0, 0].numpy(), (values / 65535 - 0.5) / 0.25, atol=1e-5)


def test_a_low_step_of_sixteen_bits_is_not_lost_in_resizing() -> None:
    steps = np.zeros((8, 8), np.uint16)
    steps[:, 4:] = 1
    (pixels, _, _) = Preprocess(size=16, channels=1).apply(open_picture(steps))
    np.testing.assert_allclose(pixels[0, :, -1], 255 / 65535, rtol=1e-6)
    assert (pixels[0, :, 0] == 0).all()


@pytest.mark.parametrize(("most", "bits", "usual"), [(200, 8, 255), (4000, 12, 4095), (1023, 10, 1023), (16000, 14, 16383)])
def test_fewer_bits_in_a_file_of_sixteen_are_named_and_not_guessed(most: int, bits: int, usual: int) -> None:
    values = np.full((8, 8), most, np.uint16)
    (pixels, _, notes) = Preprocess(size=8, channels=1).apply(open_picture(values))
    np.testing.assert_allclose(pixels, 255 * most / 65535, rtol=1e-6)
    assert [str(Note(note)) for note in notes] == [
        f"16 bits a pixel: 0-65535 became 0-1, and this photo reaches {most}; if the network was trained on another range "
        f"as 0-1, write that: range={usual} for {bits} bits"
    ]


def test_a_range_says_what_zero_and_one_are() -> None:
    twelve = np.array([[0, 4095], [819, 2048]], np.uint16)
    preprocess = Preprocess(size=2, channels=1, range=4095)
    (pixels, _, notes) = preprocess.apply(open_picture(twelve, preprocess.expected))
    np.testing.assert_allclose(pixels[0] / 255, twelve / 4095, rtol=1e-6)
    assert notes == ()
    assert preprocess.describe() == "shorter side 2, centre crop 2×2, grey, values 0 to 4095 as 0-1"
    reflectance = np.array([[[-50.0, 10000.0], [5000.0, 12000.0]]] * 2, np.float32)  # two bands
    preprocess = Preprocess(size=2, channels=2, range=(-100, 9900))
    (pixels, _, notes) = preprocess.apply(open_picture(reflectance, preprocess.expected))
    np.testing.assert_allclose(pixels / 255, (reflectance + 100) / 10000, rtol=1e-6)  # above 1, and not cut off
    assert notes == ("the photo's values reach from -50 to 12000, beyond the range -100 to 9900: nothing was cut off",)
    assert preprocess.describe() == "shorter side 2, centre crop 2×2, 2 channels, values -100 to 9900 as 0-1"


def test_numbers_as_they_are() -> None:
    preprocess = Preprocess(size=2, channels=1, range=1, mean=1354.0, std=245.0)
    values = np.array([[1354.0, 1599.0], [1109.0, 0.0]], np.float32)
    (pixels, _, _) = preprocess.apply(open_picture(values, preprocess.expected))
    unit = preprocess.normalise(torch.from_numpy(pixels)[None])
    np.testing.assert_allclose(unit[0, 0].numpy(), [[0, 1], [-1, -1354 / 245]], atol=1e-4)


@pytest.mark.parametrize("range_", [(1, 0), "wide", (0, 1, 2), 0, -3, (0, float("nan")), True])
def test_wrong_ranges(range_: Any) -> None:
    with pytest.raises(OptionError) as error:
        Preprocess(range=range_)
    assert str(error.value) == f"range={range_!r}: write the photo's number that becomes 1, or (low, high)."


def test_a_transform_takes_eight_bits_and_says_so() -> None:
    values = np.full((8, 8, 3), 25700, np.uint16)

    def to_tensor(image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((8, 8))).copy()).permute(2, 0, 1) / 255

    (pixels, _, notes) = as_preprocess(to_tensor).apply(open_picture(values))
    np.testing.assert_allclose(pixels, 100, atol=1e-3)
    assert notes == ("16 bits a pixel were reduced to 8: the transform takes 8-bit pictures",)


def test_a_network_that_reads_bgr_gets_the_channels_turned() -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[..., 0] = 255  # red
    bgr = Preprocess(8, mean=(0.1, 0.2, 0.3), std=0.5, order="BGR")
    (pixels, _, _) = bgr.apply(open_picture(photo))
    assert pixels[:, 0, 0].tolist() == [255, 0, 0]  # photos stay RGB
    values = bgr.normalise(torch.from_numpy(pixels)[None])[0, :, 0, 0]
    assert values.tolist() == pytest.approx([-0.2, -0.4, 1.4])
    assert "BGR" in bgr.describe()
    leaf = torch.from_numpy(pixels)[None].requires_grad_()
    bgr.normalise(leaf)[0, 2].sum().backward()
    assert leaf.grad[0, :, 0, 0].tolist() == pytest.approx([1 / 255 / 0.5, 0, 0])
    with pytest.raises(OptionError, match=r"^order='rgb': write one of RGB, BGR\.$"):
        Preprocess(8, order="rgb")
    with pytest.raises(OptionError, match=r"^order='BGR' is of 3 channels, these photos have 1\.$"):
        Preprocess(8, channels=1, order="BGR")
