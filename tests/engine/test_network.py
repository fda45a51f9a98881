"""A planned network: its layers by name, its automatic choice, which shapes and which changes it stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from attending_nets import SmallViT
from small_nets import Planted, SmallNet
from torch import nn

import seewhy
from seewhy.engine.network import PlannedNetwork
from seewhy.errors import GradientError, LayerError, ModelError
from seewhy.head import Head
from seewhy.records import FeatureLayer


def planned(network: nn.Module, *size: int) -> PlannedNetwork:
    trial = torch.rand(2, *(size or (3, 4, 6)), generator=torch.Generator().manual_seed(0))
    return PlannedNetwork(network, trial, lambda output: output, "exact", type(network).__name__)


def test_layers_and_the_automatic_choice(planted: Planted) -> None:
    network = planned(planted)
    assert network.layers() == [
        FeatureLayer("conv", "Conv2d", (4, 6), 3, False),
        FeatureLayer("relu", "ReLU", (4, 6), 3, True),
    ]
    assert network.find_layer(None) is network.feature_step
    assert network.trace.name(network.feature_step) == "relu"
    assert network.find_layer(planted.conv) is network.find_layer("conv")
    assert network.best_layers() == "relu 4×6, conv 4×6"
    assert network.bytes_each == 4 * 4 * 3 * 4 * 6


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("relo", "This network has no layer 'relo'. Did you mean 'relu'? Usable layers, best first: relu 4×6, conv 4×6."),
        ("fc", "Layer 'fc' gives (1, 3): no rows and columns. Usable layers, best first: relu 4×6, conv 4×6."),
        (7, "layer=7: write a layer's name (clf.layers() lists them) or the module itself."),
        (nn.ReLU(), "This ReLU is not a layer of the network Planted."),
    ],
)
def test_layers_that_do_not_exist(planted: Planted, layer: object, message: str) -> None:
    with pytest.raises(LayerError) as error:
        planned(planted).find_layer(layer)
    assert str(error.value) == message


def test_a_step_s_result_for_any_size(planted: Planted) -> None:
    network = planned(planted)
    inputs = torch.rand(1, 3, 5, 9)
    torch.testing.assert_close(network.run_until(inputs, network.feature_step), (inputs - 0.5).clamp_min(0))
    torch.testing.assert_close(network.forward(inputs).output, (inputs - 0.5).clamp_min(0).mean((2, 3)))
    assert network.suits((3, 5, 9))


def test_the_network_s_complaint_is_one_line(planted: Planted) -> None:
    with pytest.raises(ModelError, match=r"^The network cannot take an input of shape \(4, 4, 6\) in layer 'conv': .+$"):
        planned(planted).forward(torch.rand(1, 4, 4, 6))


def test_it_is_fresh_until_the_network_changes(small: SmallNet) -> None:
    network = planned(small, 3, 20, 28)
    assert network.is_fresh()
    small.train()
    assert network.is_fresh()
    small.fc.bias.data[1] += 1
    assert not network.is_fresh()


def test_the_first_layer_with_values_that_are_not_finite(small: SmallNet) -> None:
    photos = torch.rand(1, 3, 20, 28)
    assert planned(small, 3, 20, 28).first_broken(photos) is None
    small.features[4].bias.data[0] = float("inf")
    assert planned(small, 3, 20, 28).first_broken(photos) == "features.4"


def test_what_a_head_reads(planted: Planted) -> None:
    assert planned(planted).head(Head("softmax")).kind == "softmax"
    logits = torch.rand(2, 3)
    ends_in_softmax = planned(nn.Sequential(planted, nn.Softmax(1))).head(Head("softmax"))
    torch.testing.assert_close(ends_in_softmax.scores(logits.softmax(1)).float(), logits.softmax(1))


def test_no_layer_is_chosen_where_no_gradient_arrives() -> None:
    class Cut(Planted):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.relu(self.conv(x)).amax((2, 3)).detach())

    with pytest.raises(GradientError, match=r"^No gradient reaches any layer of Cut \(best candidate: 'relu'\)"):
        _ = planned(Cut()).feature_step


class Arranged(nn.Module):
    """A convolution whose channels go through ``inner``, which ``arrange`` lays out, then a mean over places and a dense head."""

    def __init__(self, arrange: Callable[[torch.Tensor], torch.Tensor], axes: tuple[int, ...], inner: nn.Module) -> None:
        super().__init__()
        (self.arrange, self.axes, self.inner) = (arrange, axes, inner)
        (self.conv, self.fc) = (nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.fc(torch.relu(self.inner(self.arrange(self.conv(x)))).mean(self.axes))
        return scores


class SelfAttention(nn.Module):
    """Places look at each other, and lie as rows and columns again afterwards."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2).mT
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).mT.reshape(x.shape)


@pytest.mark.parametrize(
    ("arrange", "axes", "inner", "mixes"),
    [
        (lambda x: x, (2, 3), nn.Conv2d(6, 6, 3, padding=1), False),
        (lambda x: x, (2, 3), nn.Conv2d(6, 6, 3, padding=1, groups=6), False),
        (lambda x: x, (2, 3), SelfAttention(), True),
        (lambda x: x.permute(0, 2, 3, 1), (1, 2), nn.Linear(6, 6), True),
        (lambda x: x.flatten(2).mT, (1,), nn.Linear(6, 6), True),
        (lambda x: x[:, :, 2:, 2:], (2, 3), nn.Conv2d(6, 6, 3, padding=1), True),
    ],
    ids=["convolution", "depthwise", "attention", "channels last", "tokens", "crop"],
)
def test_what_may_carry_a_thing_to_another_place(
    arrange: Callable[[torch.Tensor], torch.Tensor], axes: tuple[int, ...], inner: nn.Module, mixes: bool
) -> None:
    clf = seewhy.Classifier(Arranged(arrange, axes, inner).eval())
    planned = clf.executor.planned(torch.zeros(1, 3, 32, 32))
    assert planned.mixes_places(planned.feature_step) == mixes


class Weighted(nn.Module):
    """One logit: the mean of a ReLU over places that count differently by at most a twentieth."""

    def __init__(self) -> None:
        super().__init__()
        (self.conv, self.fc) = (nn.Conv2d(3, 4, 4, 4), nn.Linear(4, 1))
        self.counts = nn.Parameter(1 + torch.linspace(-0.05, 0.05, 64).reshape(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(torch.relu(self.conv(x)))
        return scores

    def head(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.einsum("nchw,hw->nc", features, self.counts) / 64)


@pytest.mark.parametrize("counts", ["a little differently", "alike"])
def test_places_that_count_a_little_differently_do_not_count_alike(counts: str) -> None:
    torch.manual_seed(0)
    network = Weighted().eval()
    if counts == "alike":
        nn.init.ones_(network.counts)
    watched = planned(network, 3, 32, 32)
    (relu,) = (step for step in watched.trace.steps if step.op == "relu")
    assert watched.averages(relu) == (counts == "alike")
    photo = torch.rand(3, 32, 32)
    explanation = seewhy.explain(seewhy.Classifier(network, head="binary"), photo, target=1, layer="relu()", relu=False)
    features = torch.relu(network.conv(photo[None])).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(features).sum(), features)
    gradient = gradient.mean((2, 3), keepdim=True) if counts == "alike" else gradient
    torch.testing.assert_close(torch.from_numpy(explanation.maps), (gradient * features).sum(1).detach(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("token", [False, True], ids=["photo alone", "class token, too"])
def test_of_the_tokens_that_the_scores_read_those_of_the_photo_share_evenly(token: bool) -> None:
    class Pooled(SmallViT):
        """The photo's tokens count from 0 to 1, the class token as much as all of them, or not at all."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.tokens(x)
            for block in self.blocks:
                tokens = block(tokens)
            counts = torch.cat([torch.tensor([12.0 * token]), torch.linspace(0, 1, 24)])  # the 24 have a sum of 12
            return self.fc(counts @ self.norm(tokens))

    read = planned(Pooled().eval(), 3, 16, 24).read_tokens
    expected = torch.tensor([0.0] + [1 / 24] * 24)
    if token:
        expected = torch.tensor([12.0] + [0.5] * 24) / 24
    torch.testing.assert_close(read, expected)
