"""The classical deep dream: the pyramid's arithmetic, tiles, sizes, what rises, what must not be disturbed, what is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from small_nets import Planted, SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.features import pyramid
from seewhy.features.deep_dream import Dream, _generator, deep_dream
from seewhy.features.objective import Objective

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def classifier(network: Any, size: int | tuple[int, int] = 16, **settings: Any) -> seewhy.Classifier:
    return seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=size, mean=MEAN, std=STD), **settings)


def objective(clf: seewhy.Classifier, layer: str | None = None) -> Objective:
    return Objective.of(clf, layer, None)


class PixelWise(nn.Module):
    """Every place for itself: 1×1 convolutions with a smooth bend between them, and the mean."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 6, 1)
            self.second = nn.Conv2d(6, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x))).mean((2, 3))


# -- the pyramid's arithmetic -----------------------------------------------------------------------------------------------


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
    made = pyramid.normalise(torch.full((1, 3, *size), value))
    torch.testing.assert_close(made, torch.full((1, 3, *size), math.copysign(1, value)), atol=0.05, rtol=0)


def test_nothing_stays_nothing() -> None:
    assert not pyramid.normalise(torch.zeros(1, 3, 20, 20)).any()


def test_every_band_of_a_normalised_field_has_the_same_strength() -> None:
    x = 1e-4 * noise(2, 3, 64, 64)
    x[1] *= 1000  # each picture for itself
    made = [band / pyramid._rms(band) for band in pyramid.split(x)]
    torch.testing.assert_close(pyramid.normalise(x), pyramid.merge(made))
    for band in made:
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


# -- tiles --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 48), (16, 48), (40, 30)])
def test_tiles_of_a_pixelwise_model_give_the_whole_gradient_up_to_the_factor(size: tuple[int, int]) -> None:
    (large, tiled) = (objective(classifier(PixelWise(), size)), objective(classifier(PixelWise(), 16)))
    pictures = 100 + 50 * noise(2, 3, *size)
    wanted = torch.tensor([0, 3])
    (values, gradient) = pyramid.tiled_gradient(tiled, pictures, wanted, [(5, 16), (1, 9)])
    (whole_values, whole) = large.gradient(pictures, wanted)
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
    made = deep_dream(clf, channels=2, iterations=2, seed=4, scaling="none")
    mean = torch.tensor(MEAN)[:, None, None] * 255
    generator = _generator(4, 2)
    start = mean + torch.randn((3, 16, 16), generator=generator)
    expected = slow_dream(small, 2, start, generator, 16, 2, 3)
    assert made.images.shape == (1, 30, 30, 3)
    np.testing.assert_allclose(255 * made.images[0], expected.numpy().transpose(1, 2, 0), atol=0.02)


# -- the dream ----------------------------------------------------------------------------------------------------------------


def test_the_value_rises_on_a_planted_net(planted: Planted) -> None:
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16, mean=0.5, std=0.25))
    made = deep_dream(clf, "conv", channels=[0, 2], levels=1, iterations=40, step=2.0, scaling="none")
    assert made.objectives.shape == (2, 40)
    assert (np.diff(made.objectives, axis=1) > 0).all()
    for n, channel in enumerate(made.channels):  # channel k sees colour k alone: nothing else moves
        means = made.images[n].mean((0, 1))
        assert means.argmax() == channel
        np.testing.assert_allclose(np.delete(means, channel), 0.5, atol=0.01)


def test_images_reach_from_0_to_1(small: SmallNet) -> None:
    made = deep_dream(classifier(small), channels=[0, 1], iterations=2)
    assert made.images.dtype == np.float32
    assert made.images.shape == (2, 30, 30, 3)
    np.testing.assert_array_equal(made.images.min((1, 2, 3)), 0)
    np.testing.assert_array_equal(made.images.max((1, 2, 3)), 1)
    assert made.names == ["class 0", "class 1"]
    assert [prediction.index for prediction in made.predictions] == [
        int(clf_row.argmax()) for clf_row in classifier(small).scores([np.uint8(255 * i + 0.5) for i in made.images])
    ]


def test_same_seed_same_picture_and_another_seed_another(small: SmallNet) -> None:
    clf = classifier(small)
    first = deep_dream(clf, "features.4", channels=[3], iterations=2, seed=7)
    again = deep_dream(clf, "features.4", channels=[3], iterations=2, seed=7)
    other = deep_dream(clf, "features.4", channels=[3], iterations=2, seed=8)
    np.testing.assert_array_equal(first.images, again.images)
    assert np.abs(first.images - other.images).max() > 0.05


@pytest.mark.parametrize("layer", ["features.4", None])
def test_channels_together_are_the_channels_alone(small: SmallNet, layer: str | None) -> None:
    clf = classifier(small)
    together = deep_dream(clf, layer, channels=[0, 2, 3], iterations=3)
    for n, channel in enumerate(together.channels):
        alone = deep_dream(clf, layer, channels=channel, iterations=3)
        np.testing.assert_allclose(together.images[n], alone.images[0], atol=1e-3)
        np.testing.assert_allclose(together.objectives[n], alone.objectives[0], rtol=1e-3, atol=1e-5)


def test_a_photo_to_begin_with(small: SmallNet) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    made = deep_dream(classifier(small), channels=1, levels=1, iterations=1, start=Image.fromarray(photo), scaling="none")
    assert np.abs(255 * made.images[0] - photo).max() < 10  # one step away
    assert np.abs(255 * made.images[0] - photo).max() > 0.5
    assert made.settings["start"] == "photo"


def test_only_the_part_up_to_the_layer_is_run(small: SmallNet) -> None:
    """A head that cannot run on a small picture does not matter."""

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small.features
            self.fc = nn.Linear(16 * 8 * 8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.body(x).flatten(1))

    made = deep_dream(classifier(Fixed()), "body.0", channels=[1, 5], levels=1)
    assert made.images.shape == (2, 3, 3, 3)
    assert made.names == ["body.0 channel 1", "body.0 channel 5"]
    assert made.predictions == []


# -- the size of the start ----------------------------------------------------------------------------------------------------


def convolutions(*settings: tuple[int, int, int]) -> nn.Sequential:
    """(kernel, stride, padding) of convolutions with ReLUs between them, and a head."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for kernel, stride, padding in settings:
            layers += [nn.Conv2d(8 if layers else 3, 8, kernel, stride, padding), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("0", 3), ("1", 3), ("2", 7), ("4", 11), ("6", 64), ("8", 64)],
)
def test_a_start_is_as_large_as_what_a_cell_sees(layer: str, expected: int) -> None:
    """Convolutions 3 stride 2, 3, 3 (as in Inception-v3, whose second one sees 7×7): 3, then 3 + 2·2, then 7 + 2·2."""
    clf = classifier(convolutions((3, 2, 0), (3, 1, 0), (3, 1, 1)), 64)
    assert objective(clf, layer).receptive_field() == (expected, expected)


def test_the_field_of_a_layer_that_averages_everything_is_the_input(small: SmallNet) -> None:
    assert objective(classifier(small, (20, 28)), "fc").receptive_field() == (20, 28)
    assert objective(classifier(small, (20, 28))).receptive_field() == (20, 28)


def test_rows_and_columns_are_measured_apart() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, (3, 7)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert objective(classifier(net, (24, 32)), "0").receptive_field() == (3, 7)


def test_inception_v3_sees_seven_pixels_in_its_second_convolution() -> None:
    models = pytest.importorskip("seewhy.load.from_torchvision").models()
    torch.manual_seed(0)
    net = models.get_model("inception_v3", weights=None, init_weights=False, aux_logits=False)
    clf = classifier(net, 299)
    assert objective(clf, "Conv2d_2a_3x3.conv").receptive_field() == (7, 7)


# -- what must not be disturbed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["pyramid", "robust"])
def test_the_network_comes_back_as_it_was(small: SmallNet, style: str) -> None:
    clf = classifier(small.train())
    before = state_of(small)
    deep_dream(clf, channels=[0, 1], style=style, iterations=2)
    deep_dream(clf, "features.4", channels=[0, 1], style=style, iterations=2)
    assert_same_state(before, state_of(small))


@pytest.mark.parametrize("style", ["pyramid", "robust"])
def test_no_grad_inference_mode_and_frozen_weights_change_nothing(small: SmallNet, style: str) -> None:
    clf = classifier(small)
    expected = deep_dream(clf, channels=1, style=style, iterations=2).images
    with torch.no_grad():
        np.testing.assert_array_equal(deep_dream(clf, channels=1, style=style, iterations=2).images, expected)
    with torch.inference_mode():
        fresh = classifier(SmallNet())
        np.testing.assert_array_equal(deep_dream(clf, channels=1, style=style, iterations=2).images, expected)
        np.testing.assert_array_equal(deep_dream(fresh, channels=1, style=style, iterations=2).images, expected)
    small.requires_grad_(False)
    np.testing.assert_array_equal(deep_dream(clf, channels=1, style=style, iterations=2).images, expected)


def test_progress_and_preview(small: SmallNet, tmp_path: Path) -> None:
    seen: list[tuple[int, int, Dream]] = []
    file = tmp_path / "so far.png"

    def tell(done: int, total: int, partial: Any) -> None:
        seen.append((done, total, partial))
        assert file.is_file()

    made = deep_dream(classifier(small), channels=[0, 1], iterations=2, progress=tell, preview=file)
    # 16 and 22 and 30 pixels: 1, 4 and 4 tiles of 16; two iterations; two channels
    assert [done for done, _, _ in seen] == [2, 4, 12, 20, 28, 36]
    assert {total for _, total, _ in seen} == {36}
    assert seen[0][2].images.shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(seen[-1][2].images, made.images)
    with Image.open(file) as picture:
        assert picture.size == (60, 30)


def test_without_preprocessing(planted: Planted) -> None:
    clf = seewhy.Classifier(planted, preprocess=None)
    start = 0.6 * torch.ones(3, 8, 12)
    made = deep_dream(clf, "relu", channels=1, levels=1, iterations=3, step=0.1, start=start, scaling="none")
    # the gradient has one colour of three: divided by its root mean square, a step is 0.1 · √3 there
    np.testing.assert_allclose(made.images[0, 4, 6], [0.6, 0.6 + 0.3 * 3**0.5, 0.6], atol=0.01)
    clf.classify(start)
    assert deep_dream(clf, "conv", channels=1, levels=2, scale=2.0).images.shape == (1, 2, 2, 3)


def test_a_grey_network() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    clf = seewhy.Classifier(net, preprocess=seewhy.Preprocess(size=12, channels=1, mean=0.5, std=0.5))
    for style in ("pyramid", "robust"):
        made = deep_dream(clf, channels=[0, 1], style=style, iterations=2)
        assert made.images.shape[-1] == 3
        np.testing.assert_array_equal(made.images[..., 0], made.images[..., 2])


def test_a_network_with_one_logit_dreams_of_both_sides() -> None:
    net = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0, 0.0])[None, :, None, None])
    clf = seewhy.Classifier(net, preprocess=seewhy.Preprocess(size=8, mean=0.5), head="binary", classes=["no", "yes"])
    made = deep_dream(clf, channels=["no", "yes"], levels=1, scaling="none")
    (no, yes) = made.images.mean((1, 2))
    assert yes[0] > no[0] + 0.03
    assert yes[1] < no[1] - 0.03


def test_the_record(small: SmallNet, tmp_path: Path) -> None:
    made = deep_dream(classifier(small, classes=["a", "b", "c", "d"]), channels=["b", 3], iterations=1, levels=2)
    assert (made.channels, made.names, made.layer, made.style, made.seed) == ([1, 3], ["b", "d"], None, "pyramid", 0)
    assert made.settings["iterations"] == 1
    assert made.settings["levels"] == 2
    assert deep_dream(classifier(small), channels=0, levels=1).settings["iterations"] == 10
    assert made.montage().shape == (22, 44, 3)
    assert made.montage((2, 1)).shape == (44, 22, 3)
    with np.load(made.save(tmp_path / "dream.npz")) as file:
        np.testing.assert_array_equal(file["images"], made.images)
        assert '"names": ["b", "d"]' in str(file["record"])
    with Image.open(made.save(tmp_path / "dream.png")) as picture:
        assert picture.size == made.image().size
    assert made.plot().axes
    with pytest.raises(
        seewhy.SeewhyError,
        match=re.escape("'dream.gif' cannot be written: '.gif' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz."),
    ):
        made.save(tmp_path / "dream.gif")


# -- what is refused ----------------------------------------------------------------------------------------------------------


def refused(message: str, *args: Any, **settings: Any) -> None:
    with pytest.raises(seewhy.SeewhyError) as caught:
        deep_dream(*args, **settings)
    assert str(caught.value).splitlines()[0] == message


def test_channels_that_do_not_exist(small: SmallNet) -> None:
    clf = classifier(small)
    here = "layer 'features.4' has channels 0 to 15."
    refused("channels= is missing: say what to dream of; layer 'features.4' has 16 channels, 0 to 15.", clf, "features.4")
    refused("channels= is missing: name classes to dream of, or give their numbers, 0 to 3.", clf)
    refused("channels= is missing: name classes to dream of, or give their numbers, 0 to 3.", clf, channels=[])
    refused(f"No channel is named: {here}", clf, "features.4", channels=[])
    refused("Channel 16 does not exist: layer 'features.4' has 16 channels, 0 to 15.", clf, "features.4", channels=[0, 16])
    refused("Channel -1 does not exist: layer 'features.4' has 16 channels, 0 to 15.", clf, "features.4", channels=-1)
    refused(f"Channel 1.5: write a whole number; {here}", clf, "features.4", channels=1.5)
    refused(f"Channel True: write a whole number; {here}", clf, "features.4", channels=[True])
    refused(f"Channel 'class 1': write a whole number; {here}", clf, "features.4", channels="class 1")
    refused("This network has no class 4: its 4 classes are numbered 0 to 3.", clf, channels=4)


def test_settings_out_of_range(small: SmallNet) -> None:
    clf = classifier(small)
    refused("style='deep': write 'pyramid' or 'robust'.", clf, channels=0, style="deep")
    refused("scaling='log': write 'linear' or 'none'.", clf, channels=0, scaling="log")
    refused("iterations=0: write a whole number from 1 up.", clf, channels=0, iterations=0)
    refused("levels=0: write a whole number from 1 up.", clf, channels=0, levels=0)
    refused("levels=True: write a whole number from 1 up.", clf, channels=0, levels=True)
    refused("scale=1: write a number above 1.", clf, channels=0, scale=1)
    refused("scale=nan: write a number above 1.", clf, channels=0, scale=math.nan)
    refused("step=0: write a number above 0.", clf, channels=0, step=0)
    refused("seed=-1: write a whole number from 0 up.", clf, channels=0, seed=-1)
    refused("preview='x.jpg': name a .png file.", clf, channels=0, preview="x.jpg")
    refused("levels= belongs to style='pyramid': leave it out with style='robust'.", clf, channels=0, style="robust", levels=2)
    refused("progress='yes': write None, False, or a function (done, total, partial).", clf, channels=0, progress="yes")


def test_layers_that_cannot_be_dreamed(small: SmallNet) -> None:
    refused(
        "This network has no layer 'features.44'. Did you mean 'features.4' or 'features.6' or 'features.5'? Usable layers, best "
        "first: features 8×8, features.2 16×16, features.5 8×8, features.4 8×8.",
        classifier(small),
        "features.44",
        channels=0,
    )

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            (a, b) = self.pair(x)
            return (a + b).mean((2, 3))

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Conv2d(3, 3, 1)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.one(x), x

    with pytest.raises(seewhy.SeewhyError, match="name the layer inside it whose tensor you mean"):
        deep_dream(classifier(Two()), "pair", channels=0)


def test_functions_have_no_gradients() -> None:
    clf = seewhy.Classifier(lambda x: x.mean((2, 3)), preprocess=seewhy.Preprocess(size=8))
    with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
        deep_dream(clf, channels=0)


def test_without_a_size_there_is_no_start(planted: Planted) -> None:
    refused(
        "This classifier has no preprocessing, so the size of its input is not known: give start= a tensor (C, H, W).",
        seewhy.Classifier(planted, preprocess=None),
        channels=0,
    )


class Sleeping(nn.Module):
    """Channel 0 wakes on anything, channel 1 never."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.relu = nn.ReLU()
        with torch.no_grad():
            self.conv.weight.fill_(0.1)
            self.conv.bias.copy_(torch.tensor([5.0, -5.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.conv(x)).mean((2, 3))


@pytest.mark.parametrize("style", ["pyramid", "robust"])
def test_dead_channels_are_reported(style: str) -> None:
    clf = classifier(Sleeping())
    refused(
        "No gradient for relu channel 1: nothing in the start picture wakes it. Directly behind a ReLU or a dropout this "
        "happens: name the layer before it, or give a start= photo.",
        clf,
        "relu",
        channels=1,
        style=style,
    )
    made = deep_dream(clf, "relu", channels=[0, 1], style=style, iterations=2)
    assert made.notes == ["no gradient for relu channel 1: its picture is left grey (behind a ReLU, name the layer before it)"]
    np.testing.assert_array_equal(made.images[1], 0.5)
    assert made.images[0].std() > 0 or style == "pyramid"
    assert deep_dream(clf, "conv", channels=1, style=style, iterations=2).notes == []


def test_a_class_behind_a_last_relu_is_woken_by_what_comes_before_it() -> None:
    """Sleeping's scores are averages behind a ReLU: class 1 begins at 0 everywhere, and rises nevertheless."""
    net = Sleeping()
    with torch.no_grad():
        net.conv.bias.copy_(torch.tensor([5.0, -0.05]))
    made = deep_dream(classifier(net), channels=[0, 1], levels=1, iterations=40, step=5.0)
    assert made.notes == []
    assert made.settings["redirected_to"] == "conv"
    assert made.objectives[1, 0] == 0
    assert made.objectives[1, -1] > 0
    alone = deep_dream(classifier(net), channels=[1], levels=1, iterations=40, step=5.0)
    np.testing.assert_allclose(alone.images[0], made.images[1], atol=1e-3)


def test_a_graph_that_is_cut_is_reported(small: SmallNet) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = small

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.detach())

    refused(
        "No gradient reaches the picture from the class scores: remove @torch.no_grad(), .detach() or argmax from the forward.",
        classifier(Cut()),
        channels=0,
    )


def test_values_that_are_not_finite_are_reported(small: SmallNet) -> None:
    with torch.no_grad():
        small.features[4].bias[2] = math.nan
    with pytest.raises(seewhy.SeewhyError, match=r"layer 'features\.4' gives values that are not finite"):
        deep_dream(classifier(small), "features.4", channels=2)


def test_the_example_becomes_what_it_says() -> None:
    """As in the README and in docs/inside.md: the finished pictures are a bear and a sheep, to the network itself."""
    dream = deep_dream(seewhy.load("demo:honest"), channels=["bear", "sheep"], levels=2, progress=False)
    assert [prediction.name for prediction in dream.predictions] == ["bear", "sheep"]
    assert min(prediction.score for prediction in dream.predictions) > 0.85
