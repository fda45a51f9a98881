"""Deep dreams: what rises, where they begin, what must not be disturbed, what is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dream_networks import classifier
from PIL import Image
from small_nets import Planted, SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.features.deep_dream import Dream, deep_dream

# -- the dream ----------------------------------------------------------------------------------------------------------------


def test_the_value_rises_on_a_planted_net(planted: Planted) -> None:
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16, mean=0.5, std=0.25))
    dream = deep_dream(clf, "conv", channels=[0, 2], levels=1, iterations=40, step=2.0, scaling="none")
    assert dream.objectives.shape == (2, 40)
    assert (np.diff(dream.objectives, axis=1) > 0).all()
    for n, channel in enumerate(dream.channels):  # channel k sees colour k alone: nothing else moves
        means = dream.images[n].mean((0, 1))
        assert means.argmax() == channel
        np.testing.assert_allclose(np.delete(means, channel), 0.5, atol=0.01)


def test_images_reach_from_0_to_1(small: SmallNet) -> None:
    dream = deep_dream(classifier(small), channels=[0, 1], iterations=2)
    assert dream.images.dtype == np.float32
    assert dream.images.shape == (2, 30, 30, 3)
    np.testing.assert_array_equal(dream.images.min((1, 2, 3)), 0)
    np.testing.assert_array_equal(dream.images.max((1, 2, 3)), 1)
    assert dream.names == ["class 0", "class 1"]
    assert [prediction.index for prediction in dream.predictions] == [
        int(clf_row.argmax()) for clf_row in classifier(small).scores([np.uint8(255 * i + 0.5) for i in dream.images])
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
    dream = deep_dream(classifier(small), channels=1, levels=1, iterations=1, start=Image.fromarray(photo), scaling="none")
    assert np.abs(255 * dream.images[0] - photo).max() < 10  # one step away
    assert np.abs(255 * dream.images[0] - photo).max() > 0.5
    assert dream.settings["start"] == "photo"


def test_only_the_part_up_to_the_layer_is_run(small: SmallNet) -> None:
    """A head that cannot run on a small picture does not matter."""

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small.features
            self.fc = nn.Linear(16 * 8 * 8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.body(x).flatten(1))

    dream = deep_dream(classifier(Fixed()), "body.0", channels=[1, 5], levels=1)
    assert dream.images.shape == (2, 3, 3, 3)
    assert dream.names == ["body.0 channel 1", "body.0 channel 5"]
    assert dream.predictions == []


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
    reports: list[tuple[int, int, Dream]] = []
    file = tmp_path / "so far.png"

    def tell(done: int, total: int, partial: Any) -> None:
        reports.append((done, total, partial))
        assert file.is_file()

    dream = deep_dream(classifier(small), channels=[0, 1], iterations=2, progress=tell, preview=file)
    # 16 and 22 and 30 pixels: 1, 4 and 4 tiles of 16; two iterations; two channels
    assert [done for done, _, _ in reports] == [2, 4, 12, 20, 28, 36]
    assert {total for _, total, _ in reports} == {36}
    assert reports[0][2].images.shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(reports[-1][2].images, dream.images)
    with Image.open(file) as picture:
        assert picture.size == (60, 30)


def test_without_preprocessing(planted: Planted) -> None:
    clf = seewhy.Classifier(planted, preprocess=None)
    start = 0.6 * torch.ones(3, 8, 12)
    dream = deep_dream(clf, "relu", channels=1, levels=1, iterations=3, step=0.1, start=start, scaling="none")
    # the gradient has one colour of three: divided by its root mean square, a step is 0.1 · √3 there
    np.testing.assert_allclose(dream.images[0, 4, 6], [0.6, 0.6 + 0.3 * 3**0.5, 0.6], atol=0.01)
    clf.classify(start)
    assert deep_dream(clf, "conv", channels=1, levels=2, scale=2.0).images.shape == (1, 2, 2, 3)


def test_a_grey_network() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    clf = seewhy.Classifier(net, preprocess=seewhy.Preprocess(size=12, channels=1, mean=0.5, std=0.5))
    for style in ("pyramid", "robust"):
        dream = deep_dream(clf, channels=[0, 1], style=style, iterations=2)
        assert dream.images.shape[-1] == 3
        np.testing.assert_array_equal(dream.images[..., 0], dream.images[..., 2])


def test_a_network_with_one_logit_dreams_of_both_sides() -> None:
    net = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0, 0.0])[None, :, None, None])
    clf = seewhy.Classifier(net, preprocess=seewhy.Preprocess(size=8, mean=0.5), head="binary", classes=["no", "yes"])
    dream = deep_dream(clf, channels=["no", "yes"], levels=1, scaling="none")
    (no, yes) = dream.images.mean((1, 2))
    assert yes[0] > no[0] + 0.03
    assert yes[1] < no[1] - 0.03


def test_the_record(small: SmallNet, tmp_path: Path) -> None:
    dream = deep_dream(classifier(small, classes=["a", "b", "c", "d"]), channels=["b", 3], iterations=1, levels=2)
    assert (dream.channels, dream.names, dream.layer, dream.style, dream.seed) == ([1, 3], ["b", "d"], None, "pyramid", 0)
    assert dream.settings["iterations"] == 1
    assert dream.settings["levels"] == 2
    assert deep_dream(classifier(small), channels=0, levels=1).settings["iterations"] == 10
    assert dream.montage().shape == (22, 44, 3)
    assert dream.montage((2, 1)).shape == (44, 22, 3)
    with np.load(dream.save(tmp_path / "dream.npz")) as file:
        np.testing.assert_array_equal(file["images"], dream.images)
        assert '"names": ["b", "d"]' in str(file["record"])
    with Image.open(dream.save(tmp_path / "dream.png")) as picture:
        assert picture.size == dream.image().size
    assert dream.plot().axes
    with pytest.raises(
        seewhy.SeewhyError,
        match=re.escape("'dream.gif' cannot be written: '.gif' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz."),
    ):
        dream.save(tmp_path / "dream.gif")


# -- what is refused ----------------------------------------------------------------------------------------------------------


def refused(message: str, *args: Any, **settings: Any) -> None:
    with pytest.raises(seewhy.SeewhyError) as excinfo:
        deep_dream(*args, **settings)
    assert str(excinfo.value).splitlines()[0] == message


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
    refused("iterations=0: write a whole number above 0.", clf, channels=0, iterations=0)
    refused("levels=0: write a whole number above 0.", clf, channels=0, levels=0)
    refused("levels=True: write a whole number above 0.", clf, channels=0, levels=True)
    refused("scale=1: write a number above 1.", clf, channels=0, scale=1)
    refused("scale=nan: write a number above 1.", clf, channels=0, scale=math.nan)
    refused("step=0: write a number above 0.", clf, channels=0, step=0)
    refused("seed=-1: write a whole number, 0 or more.", clf, channels=0, seed=-1)
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
    dream = deep_dream(clf, "relu", channels=[0, 1], style=style, iterations=2)
    assert dream.notes == ["no gradient for relu channel 1: its picture is left grey (behind a ReLU, name the layer before it)"]
    np.testing.assert_array_equal(dream.images[1], 0.5)
    assert dream.images[0].std() > 0 or style == "pyramid"
    assert deep_dream(clf, "conv", channels=1, style=style, iterations=2).notes == []


def test_a_class_behind_a_last_relu_is_woken_by_what_comes_before_it() -> None:
    """Sleeping's scores are averages behind a ReLU: class 1 begins at 0 everywhere, and rises nevertheless."""
    net = Sleeping()
    with torch.no_grad():
        net.conv.bias.copy_(torch.tensor([5.0, -0.05]))
    dream = deep_dream(classifier(net), channels=[0, 1], levels=1, iterations=40, step=5.0)
    assert dream.notes == []
    assert dream.settings["redirected_to"] == "conv"
    assert dream.objectives[1, 0] == 0
    assert dream.objectives[1, -1] > 0
    alone = deep_dream(classifier(net), channels=[1], levels=1, iterations=40, step=5.0)
    np.testing.assert_allclose(alone.images[0], dream.images[1], atol=1e-3)


def test_a_graph_that_is_cut_is_reported(small: SmallNet) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = small

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.detach())

    refused(
        "No gradient reaches the picture from the class scores. First step without gradient: 'detach()'. To have one, remove "
        "detach() from Cut.forward.",
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
