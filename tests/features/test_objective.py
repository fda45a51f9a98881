"""What a dream makes large: values and gradients by hand, the mean colour, and what a cell of a layer sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from dream_networks import MEAN, STD, classifier, noise, objective
from small_nets import Planted, SmallNet
from torch import nn

import seewhy
from seewhy.features.objective import Objective


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


def test_values_and_gradients_by_hand(planted: Planted) -> None:
    """conv gives value - 0.5 in the network's units: the mean of channel k rises by 1 / (h w) with every pixel of colour k."""
    clf = seewhy.Classifier(planted, preprocess=None)
    pixels = noise(2, 3, 4, 6)
    aim = Objective.of(clf, "conv", pixels[:1])
    assert (aim.size, aim.shape, aim.count) == ((4, 6), (3, 4, 6), 3)
    (values, gradient) = aim.gradient(pixels, torch.tensor([0, 2]))
    torch.testing.assert_close(values, torch.stack([pixels[0, 0].mean(), pixels[1, 2].mean()]) - 0.5)
    expected = torch.zeros(2, 3, 4, 6)
    expected[0, 0] = expected[1, 2] = 1 / 24
    torch.testing.assert_close(gradient, expected)
    assert aim.name(2) == "conv channel 2"


def test_the_gradient_is_one_with_respect_to_pixels(planted: Planted) -> None:
    clf = classifier(planted, (4, 6))
    (_, gradient) = objective(clf, "conv").gradient(torch.full((1, 3, 4, 6), 100.0), torch.tensor([1]))
    torch.testing.assert_close(gradient[0, 1], torch.full((4, 6), 1 / (24 * 255 * STD[1])))
    assert not gradient[0, [0, 2]].any()


def test_a_class_s_value_is_its_logit_or_what_it_has_more_than_the_mean(small: SmallNet) -> None:
    clf = classifier(small, (20, 28), classes=["a", "b", "c", "d"])
    aim = objective(clf)
    pixels = 255 * torch.rand(3, 3, 20, 28)
    logits = torch.from_numpy(clf.logits([photo.permute(1, 2, 0).numpy() / 255 for photo in pixels]))
    channels = torch.tensor([3, 0, 1])
    class_logits = logits[torch.arange(3), channels]
    torch.testing.assert_close(aim.values(pixels, channels).detach(), class_logits, rtol=1e-3, atol=1e-4)
    centred = replace(aim, centred=True).values(pixels, channels).detach()
    torch.testing.assert_close(centred, class_logits - logits.mean(1), rtol=1e-3, atol=1e-4)
    assert (aim.count, aim.name(3), aim.indices(["d", 0])) == (4, "d", [3, 0])


def test_the_mean_colour_is_what_becomes_zero(small: SmallNet, planted: Planted) -> None:
    colour = objective(classifier(small)).mean_colour()
    torch.testing.assert_close(colour[:, 0, 0], 255 * torch.tensor(MEAN), rtol=1e-4, atol=1e-3)
    without_mean = objective(seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=8)))
    assert without_mean.mean_colour().flatten().tolist() == [127.5] * 3  # black is where ReLUs are dead
    as_it_is = Objective.of(seewhy.Classifier(SmallNet(), preprocess=None), None, noise(1, 3, 8, 8))
    assert as_it_is.mean_colour().flatten().tolist() == [0] * 3
