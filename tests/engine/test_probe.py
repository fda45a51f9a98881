"""Single steps of a forward pass: what they give, gradients that start there, passes that end there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from planned_networks import planned
from small_nets import Planted, SmallNet
from torch import nn
from torch.utils.checkpoint import checkpoint

import seewhy
from seewhy.engine.plan import Plan, plain_plan
from seewhy.engine.probe import first_broken, forward_with_taps, pull_back, run_until
from seewhy.engine.steps import Step
from seewhy.errors import GradientError, LayerError

INPUTS = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))
FEATURES = (INPUTS - 0.5).clamp_min(0)  # what the ReLU of Planted gives


def same(output: torch.Tensor) -> torch.Tensor:
    return output


@pytest.fixture
def plan(planted: Planted) -> Plan:
    return planned(planted, size=(3, 4, 6))


def step_of(plan: Plan, op: str) -> Step:
    assert plan.trace is not None
    (step,) = (step for step in plan.trace.steps if step.op == op)
    return step


def test_a_tap_gives_the_step_and_leaves_the_output(plan: Plan) -> None:
    (relu, mean) = (step_of(plan, "relu"), step_of(plan, "mean"))
    with torch.no_grad():
        result = forward_with_taps(plan, INPUTS, same, (relu, mean))
        plain = forward_with_taps(plan, INPUTS, same)
    torch.testing.assert_close(result.taps[0], FEATURES)
    torch.testing.assert_close(result.taps[1], FEATURES.mean((2, 3)))
    torch.testing.assert_close(result.output, FEATURES.mean((2, 3)))
    assert torch.equal(result.output, plain.output)
    assert plain.taps == ()
    assert not result.output.requires_grad


def test_gradients_start_at_the_step(plan: Plan) -> None:
    """Class k is the mean of channel k: every place of that channel counts 1 / 24, the others nothing."""
    with torch.no_grad():
        forward_pass = forward_with_taps(plan, INPUTS, same, (step_of(plan, "relu"),), graph=True)
    (features,) = forward_pass.taps
    assert features is not None
    assert features.is_leaf
    seeds = torch.eye(3)[:, None].expand(3, 2, 3)
    gradients = pull_back(forward_pass.output, seeds, features)
    assert gradients is not None
    expected = torch.eye(3)[:, None, :, None, None].expand(3, 2, 3, 4, 6) / 24
    torch.testing.assert_close(gradients, expected)
    torch.testing.assert_close(pull_back(forward_pass.output, seeds[1:2], features), expected[1:2])


def test_what_is_cut_off_has_no_gradient(plan: Plan) -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert pull_back(torch.ones(1, 2), torch.ones(1, 1, 2), leaf) is None
    other = torch.ones(2, requires_grad=True)
    assert pull_back(other * 2, torch.ones(1, 2), leaf) is None


def test_a_pass_ends_at_the_step(plan: Plan) -> None:
    relu = step_of(plan, "relu")
    torch.testing.assert_close(run_until(plan, INPUTS, same, relu), FEATURES)
    torch.testing.assert_close(run_until(plan, INPUTS, same), FEATURES.mean((2, 3)))
    outputs = []
    plan.network.fc.register_forward_hook(lambda module, args, output: outputs.append(output))
    run_until(plan, INPUTS, same, relu)
    assert outputs == []


def test_it_is_differentiable_where_the_inputs_ask_for_it(plan: Plan) -> None:
    inputs = INPUTS.clone().requires_grad_()
    run_until(plan, inputs, same, step_of(plan, "relu")).sum().backward()
    torch.testing.assert_close(inputs.grad, (INPUTS > 0.5).float())
    assert not run_until(plan, INPUTS, same, step_of(plan, "relu")).requires_grad


def test_the_first_broken_step_is_found(planted: Planted, plan: Plan) -> None:
    assert first_broken(plain_plan(plan, planted), INPUTS) is None
    planted.fc.weight.data[0, 0] = float("nan")
    step = first_broken(plain_plan(planned(planted, size=(3, 4, 6)), planted), INPUTS)
    assert step is not None
    assert step.op == "linear"


def test_one_step_that_a_module_returns_is_taken_by_a_hook_on_the_private_copy() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    plan = planned(network, size=(3, 8, 8))
    photos = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        features = network[:2](photos)
    step = step_of(plan, "relu")
    for _ in range(2):
        result = forward_with_taps(plan, photos, same, (step,))
        torch.testing.assert_close(result.taps[0], features, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(result.output, features.mean((2, 3)), rtol=1e-5, atol=1e-6)
    assert len(plan.network[1]._forward_hooks) == 1
    assert not network[1]._forward_hooks


def test_a_hook_takes_nothing_of_another_threads_pass() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    plan = planned(network, size=(3, 8, 8))
    step = step_of(plan, "relu")
    photos = torch.randn(6, 3, 8, 8)
    with torch.no_grad():
        expected = network[:2](photos)

    def tapped(number: int) -> torch.Tensor | None:
        result = None
        for _ in range(50):
            result = forward_with_taps(plan, photos[number : number + 1], same, (step,), graph=number % 2 == 1).taps[0]
        return result

    with ThreadPoolExecutor(6) as pool:
        features = list(pool.map(tapped, range(6)))
    for number, feature in enumerate(features):
        assert feature is not None
        torch.testing.assert_close(feature.detach(), expected[number : number + 1], rtol=1e-5, atol=1e-6)


class ReadsWhatItReturns(nn.Module):
    """Its block hands on what it has already used itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.block = KeepsItsMean()
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.block(x)
        scores: torch.Tensor = self.head(features.mean((2, 3)) + self.block.mean)
        return scores


class KeepsItsMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.mean = torch.zeros(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.conv(x).relu()
        self.mean = features.amax((2, 3))
        return features


def test_gradients_count_what_a_module_did_with_the_tensor_before_it_returned_it() -> None:
    network = ReadsWhatItReturns()
    clf = seewhy.Classifier(network, preprocess=None)
    photo = torch.rand(3, 6, 6)
    explanation = seewhy.explain(clf, photo, "hires_cam", target=1, layer="block", relu=False)
    features = network.block.conv(photo[None]).relu().detach().requires_grad_()
    score = network.head(features.mean((2, 3)) + features.amax((2, 3)))[0, 1]
    (gradient,) = torch.autograd.grad(score, features)
    np.testing.assert_allclose(explanation.maps[0], (features * gradient).sum(1)[0].detach(), atol=1e-6)


# What is made under inference_mode can stand in no graph; what is made of it afterwards can.
@pytest.mark.parametrize(("mode", "layer"), [(torch.no_grad, "relu"), (torch.no_grad, None), (torch.inference_mode, None)])
def test_a_backbone_that_is_run_without_gradients_is_no_obstacle(mode, layer: str | None) -> None:
    """Frozen as people freeze it: the map is made at its end, and what follows has its gradient."""

    class Frozen(Planted):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with mode():
                features = self.relu(self.conv(x))
            return self.fc(features.clone().amax((2, 3)).square())

    class Open(Frozen):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.relu(self.conv(x)).amax((2, 3)).square())

    photo = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(1))
    (own, expected) = (
        seewhy.explain(seewhy.Classifier(network), photo, "hires_cam", target=1, layer=layer).maps
        for network in (Frozen(), Open())
    )
    assert expected.max() > 0
    np.testing.assert_allclose(own, expected, rtol=1e-5)


class Brighter(nn.Module):
    """Bright photos go through one ReLU more. halves : the layers have different sizes."""

    def __init__(self, halves: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 8, 3, 2 if halves else 1, 1)
        self.fc = nn.Linear(8 * 64 * (1 if halves else 4), 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        is_bright = x.mean() > 5
        x = torch.relu(self.first(x))
        if is_bright:
            x = torch.relu(x - 0.2)
        return self.fc(torch.relu(self.second(x)).flatten(1))


@pytest.mark.parametrize(("halves", "side"), [(True, 8), (False, 16)])
def test_a_forward_that_goes_another_way_is_refused(halves: bool, side: int) -> None:
    clf = seewhy.Classifier(Brighter(halves).eval())
    photo = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(0))
    assert seewhy.explain(clf, photo, "hires_cam", target=1).maps.shape == (1, side, side)
    with pytest.raises(LayerError) as error:
        seewhy.explain(clf, photo + 20, "hires_cam", target=1)
    assert str(error.value) == (
        "Layer 'relu():2' cannot be found again: the forward goes another way for this photo (relu() ran 3 times, and 2 times "
        "when the network was looked at). Name a module, layer='name', or use method='occlusion', which looks at the scores "
        "alone."
    )
    named = seewhy.explain(clf, photo + 20, "hires_cam", target=1, layer="second")
    assert named.maps.shape == (1, side, side)
    assert seewhy.explain(clf, photo + 20, "occlusion", target=1).maps.any()


def test_a_step_of_another_shape_is_refused() -> None:
    clf = seewhy.Classifier(Brighter(True).eval())
    photo = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    planned = clf.executor.planned(photo)
    step = planned.find_layer("relu():2")
    assert planned.run_until(photo, step).shape == (1, 8, 8, 8)
    with pytest.raises(
        LayerError, match=r"there it gives \(1, 8, 16, 16\), and gave \(1, 8, 8, 8\) when the network was looked at"
    ):
        planned.run_until(photo + 20, step)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_checkpoint_that_knows_backward_alone_is_named(small: SmallNet, small_photos: torch.Tensor) -> None:
    class Checkpointed(SmallNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(super().forward, x, use_reentrant=self.reentrant)

    network = Checkpointed().eval()
    network.reentrant = True
    with pytest.raises(GradientError) as error:
        seewhy.explain(seewhy.Classifier(network), small_photos[0], "gradient", target=1)
    assert str(error.value) == (
        "The forward uses torch.utils.checkpoint with use_reentrant=True, through which no gradient of a photo or a layer can "
        "be asked for: write use_reentrant=False there."
    )
    network.reentrant = False
    maps = seewhy.explain(seewhy.Classifier(network), small_photos[0], "gradient", target=1).maps
    expected = seewhy.explain(seewhy.Classifier(SmallNet()), small_photos[0], "gradient", target=1).maps
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-7)
