"""Recomputing only what a mask can reach gives what the whole network gives on the masked photos."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from masked_photos import assert_same, by_hand, cells, corners, deviation, masked
from small_nets import SmallNet
from torch import nn
from torch.nn import functional as F

import seewhy
from seewhy.engine.incremental import Incremental, KeepResults
from seewhy.engine.patched import Patched
from seewhy.errors import MissingExtraError
from seewhy.load.from_torchvision import models

# -- traps -----------------------------------------------------------------------------------------------------------------


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x * x

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class AsItCame(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Scripted(nn.Module):
    """Branches on what it is given, and writes into it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            x.mul_(2.0)
        return torch.relu(x) + x.permute(0, 1, 3, 2).mean()


class Trap(nn.Module):
    """Two convolutions and whatever a person may write between them."""

    def __init__(self, between: Callable[[Trap, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5, inplace=True)
        self.gain = nn.Parameter(torch.rand(6, 1, 1) + 0.5)
        self.register_buffer("seen", torch.ones(()))
        self.between = between
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.fc(self.second(self.between(self, self.first(x))).relu().mean((2, 3)))


TRAPS: dict[str, Callable[[Trap, torch.Tensor], torch.Tensor]] = {}


def trap(function: Callable[[Trap, torch.Tensor], torch.Tensor]) -> None:
    TRAPS[function.__name__] = function


@trap
def a_view_is_written_into(net, x):
    x.permute(0, 2, 3, 1).relu_()
    return x


@trap
def what_has_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1)
    x.relu_()
    return x + y.permute(0, 3, 1, 2)


@trap
def a_view_of_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)
    y += 1
    return net.second(x) + y


@trap
def part_of_what_has_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1)
    x.chunk(2, 1)[0].relu_()
    return y.permute(0, 3, 1, 2)


@trap
def part_of_a_view_is_written_into(net, x):
    x.permute(0, 2, 3, 1)[..., 1:3].mul_(-3)
    return net.norm(x)


@trap
def a_chunk_is_written_into(net, x):
    (a, b) = x.chunk(2, 1)
    a.relu_()
    return torch.cat([b, a], 1) + x


@trap
def an_item_is_written(net, x):
    x[:, 0] = 0
    return x


@trap
def a_mask_is_written(net, x):
    x[x < 0.1] = 0.5
    return x


@trap
def contiguous_may_be_the_thing_itself(net, x):
    y = x.contiguous()
    y.relu_()
    return net.second(x) - y


@trap
def contiguous_in_the_other_order(net, x):
    y = x.contiguous(memory_format=torch.channels_last)
    y.relu_()
    return net.second(x) - y


@trap
def a_clone_is_written_into(net, x):
    y = x.clone()
    y.relu_()
    return x - y * 0.5


@trap
def to_its_own_precision_is_the_thing_itself(net, x):
    x.to(x.dtype).relu_()
    x.float().add_(0.5)
    return x


@trap
def detached_and_written_into(net, x):
    x.detach().relu_()
    return x


@trap
def data_written_into(net, x):
    x.data.relu_()
    return x


@trap
def dropout_in_eval_mode_is_the_thing_itself(net, x):
    y = F.dropout(net.dropout(x), 0.3, training=False)
    y.relu_()
    return x - 0.1


@trap
def pooled_to_its_own_size_and_written_into(net, x):
    y = F.adaptive_avg_pool2d(x, x.shape[2:])
    y.relu_()
    return x + y


@trap
def added_in_place(net, x):
    out = net.second(x)
    out += x
    return net.relu(out) + x * 2


@trap
def a_sum_with_itself(net, x):
    x += x
    x *= x
    return x - x.neg()


@trap
def the_smaller_side_is_written_into(net, x):
    y = x.relu()
    y += net.second(net.second(x))
    return y


@trap
def what_a_branch_has_read_is_written_into(net, x):
    y = net.second(x)
    net.relu(x)
    return y + x


@trap
def written_into_with_out(net, x):
    y = torch.empty(x.shape)
    z = net.second(x)
    torch.add(x, 1.0, out=y)
    torch.mul(z, 2.0, out=z)
    return z + y


@trap
def modules_are_used_again(net, x):
    return net.relu(net.second(net.relu(net.second(net.relu(net.norm(net.norm(x)))))))


@trap
def numpy_writes_into_what_has_a_view(net, x):
    y = x.permute(0, 2, 3, 1)
    x.numpy()[:, 1] *= -2
    return y.permute(0, 3, 1, 2)


@trap
def a_branch_on_the_largest(net, x):
    y = net.second(x)
    return net.second(y) * 3 if x.abs().max() < 8 else net.norm(y).relu()


@trap
def a_branch_with_the_same_steps(net, x):
    (y, z) = (net.second(x), net.norm(x))
    return torch.relu(y if x.abs().max() < 8 else z)


@trap
def a_branch_that_writes(net, x):
    y = net.second(x)
    if x.abs().max() < 8:
        y[:, 0] = 0
    return net.second(y)


@trap
def a_number_out_of_the_maps(net, x):
    y = net.second(x)
    return y / x.max().item() - x.min().item()


@trap
def a_number_of_numpy(net, x):
    y = net.norm(x)
    return y * float(x.numpy().max())


@trap
def an_array_of_numpy(net, x):
    y = net.norm(x)
    return torch.from_numpy(np.tanh(x.numpy())) * y * torch.from_numpy(x.numpy().max(axis=(0, 2, 3))[:, None, None])


@trap
def one_number_for_all_channels(net, x):
    y = net.second(x)
    y = net.second(y * x.abs().max())
    return torch.clamp(y, max=x.mean())


@trap
def one_number_for_each_channel(net, x):
    y = net.second(x)
    return torch.relu(y - x[0].amax((1, 2), keepdim=True)) + x[:1].mean((2, 3), keepdim=True)


@trap
def squeeze_and_excite(net, x):
    return net.second(x * torch.sigmoid(F.adaptive_avg_pool2d(x, 1)))


@trap
def statistics_of_the_batch(net, x):
    return F.batch_norm(x, None, None, training=True) + F.batch_norm(
        x, net.norm.running_mean.clone(), torch.ones(6), training=True
    )


@trap
def weights_made_of_the_maps(net, x):
    y = net.norm(x)
    return F.conv2d(y, net.second.weight * x.mean(), padding=1)


@trap
def a_buffer_made_of_the_maps(net, x):
    y = net.norm(x)
    net.seen.copy_(x.mean())
    return y / net.seen


@trap
def batch_norm_of_statistics_made_of_the_maps(net, x):
    y = net.second(x)
    return F.batch_norm(y, x.mean((0, 2, 3)), net.norm.running_var)


@trap
def how_many_they_are(net, x):
    return x / len(x)


@trap
def another_way_for_many(net, x):
    y = net.second(x)
    return torch.relu(y if x.shape[0] > 1 else x)


@trap
def one_by_one(net, x):
    return net.second(torch.stack([net.norm(row[None])[0] for row in x]))


@trap
def a_function_of_autograd(net, x):
    return Square.apply(net.relu(x))


@trap
def a_function_of_autograd_that_returns_its_argument(net, x):
    AsItCame.apply(x).relu_()
    return x


@trap
def checkpointed(net, x):
    return torch.utils.checkpoint.checkpoint(net.second, x, use_reentrant=False)


@trap
def scripted(net, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript itself is on its way out
        script = torch.jit.script(Scripted())
    return script(x) + x


@trap
def stored(net, x):
    net.last = x
    return net.second(net.last).relu_() + net.last


@trap
def stored_by_the_pass_before(net, x):
    (was, net.was) = (getattr(net, "was", None), x.clone())
    return x if was is None or was.shape != x.shape else x + was * 0


@trap
def names_of_arguments(net, x):
    x = torch.add(input=x, other=x)
    x = F.conv2d(input=x, weight=net.second.weight, bias=None, padding=1)
    x = torch.cat(tensors=[x, x], dim=1)
    x = torch.mul(x, other=2)
    x = F.batch_norm(x[:, :6], running_mean=net.norm.running_mean, running_var=net.norm.running_var)
    x = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    return F.relu(input=x)


@trap
def the_operators_themselves(net, x):
    x = torch.ops.aten.relu(torch.ops.aten.add(x, x))
    return torch.ops.aten.mul.Tensor(x, net.gain) + torch.batch_norm(
        x, net.norm.weight, net.norm.bias, net.norm.running_mean, net.norm.running_var, False, 0.1, 1e-5, False
    )


@trap
def a_view_of_the_numbers(net, x):
    return (x if x.is_contiguous() else x.contiguous()).view(len(x), -1).view(x.shape)


@trap
def flattened_without_a_copy(net, x):
    return (x.view(len(x), 2, 3, *x.shape[2:]) * 2).flatten(1, 2)


@trap
def copied(net, x):
    return copy.copy(x) + copy.deepcopy(x)


@trap
def a_wrong_turn_is_caught(net, x):
    try:
        return F.conv2d(x, net.gain[None, :4] * 2)
    except RuntimeError:
        return net.second(x)


@trap
def gradients_asked_for(net, x):
    with torch.enable_grad():
        return (x.detach().requires_grad_() * 2).sin()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("between", TRAPS.values(), ids=TRAPS.keys())
def test_a_trap_gives_what_it_gives_on_whole_photos(between, order: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = Trap(between).eval().to(memory_format=order)
    photo = (torch.randn(1, 3, 14, 18) + 0.5).contiguous(memory_format=order)
    for n in (1, 4):
        x = masked(photo, [(0, 0), (11, 15), (4, 8), (5, 1)][:n], (3, 3))
        x.patch -= 20  # far enough from the photo to turn every branch
        assert_same(network, x)


@pytest.mark.parametrize("n", [1, 3])
def test_an_input_that_is_written_into(n: int) -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.Flatten())
    assert_same(network, masked(torch.randn(1, 3, 9, 8), [(0, 0), (5, 5), (2, 1)][:n], (3, 3)))

    def standardised(x: torch.Tensor) -> torch.Tensor:
        x -= torch.tensor([0.4, 0.5, 0.6])[:, None, None]
        x /= 0.2
        return network(x)

    assert_same(standardised, masked(torch.randn(1, 3, 9, 8), [(0, 0), (5, 5), (2, 1)][:n], (3, 3)))


def test_hooks_see_the_maps_and_may_change_them() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    calls = []

    def look(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        calls.append((type(output), output.shape, float(output.sum())))
        return output * 2

    network.norm.register_forward_hook(look)
    network.second.register_forward_pre_hook(lambda module, args: (args[0].relu_(),))
    assert_same(network, masked(torch.randn(1, 3, 14, 18), [(0, 0), (11, 15)], (3, 3)))
    (_, (_, shape, full), (kind, patched_shape, total)) = calls
    assert kind is Patched
    assert shape == patched_shape == (2, 6, 14, 18)
    assert total == pytest.approx(full, rel=1e-4)


def test_one_pass_serves_many_blocks() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    photo = torch.randn(1, 3, 14, 18)
    with torch.no_grad():
        with KeepResults() as keep:
            network(photo)
        for n, size in ((4, (3, 3)), (1, (1, 1)), (5, (2, 6)), (4, (3, 3))):
            x = masked(photo, corners(photo, size, n), size)
            expected = network(by_hand(x))
            with Incremental(keep.kept):
                assert deviation(network(x), expected) <= 1e-5


def test_the_photo_is_known_by_its_numbers() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    photo = torch.randn(1, 3, 14, 18)
    with torch.no_grad():
        with KeepResults() as keep:
            network(photo.clone())
        with Incremental(keep.kept) as incremental:
            network(masked(photo, [(1, 2)], (3, 3)))
    assert incremental.whole_from == ""


def test_two_photos_at_once_do_not_mix() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    with torch.no_grad():
        keeps = []
        photos = torch.randn(2, 1, 3, 14, 18)
        for photo in photos:
            with KeepResults() as keep:
                network(photo)
            keeps.append(keep.kept)
        x = masked(photos[0], [(1, 2), (7, 7)], (3, 3))
        expected = network(by_hand(x))
        with Incremental(keeps[1]) as other:
            assert deviation(network(x), expected) <= 1e-5
    assert other.whole_from == "conv2d"  # the other photo's pass is of no use


# -- what it saves ---------------------------------------------------------------------------------------------------------


def test_weights_made_anew_in_each_pass_are_recognised() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(x, weight / weight.std(), self.bias)

    network = nn.Sequential(
        Standardised(3, 4, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), nn.ReLU(), nn.Flatten()
    )
    photo = torch.randn(1, 3, 30, 30)
    x = masked(photo, [(0, 0), (11, 15)], (2, 2))
    incremental = assert_same(network, x)
    assert incremental.whole_from == "flatten"


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda net, x: x * net.gain + net.seen, "sin"),
        (lambda net, x: net.norm(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2), "sin"),
        (lambda net, x: net.dropout(x.detach().contiguous().float()), "sin"),
        (lambda net, x: F.avg_pool2d(F.avg_pool2d(x, 3, 1, 1), 3, 2, 0, count_include_pad=False), "sin"),
        (lambda net, x: F.conv2d(x, torch.ones(2, 6, 3, 2), padding="same", dilation=(1, 3)), "sin"),
        (lambda net, x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), "avg_pool2d"),
        (lambda net, x: F.avg_pool2d(x, 3, 2, ceil_mode=True), "avg_pool2d"),
        (lambda net, x: F.pad(x, (1, 1)), "pad"),
        (lambda net, x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), "mul"),
        (lambda net, x: torch.cat(x.chunk(2, 1), 1), "chunk"),
        (lambda net, x: x[:, :, ::1], "__getitem__"),
        (lambda net, x: x if x.mean() > -1e9 else -x, "mean"),
    ],
)
def test_where_it_has_to_go_on_with_whole_maps_is_told(forward, expected: str) -> None:
    network = Trap(forward).eval()

    def run(x: torch.Tensor) -> torch.Tensor:
        return forward(network, network.first(x)).sin()

    incremental = assert_same(run, masked(torch.randn(1, 3, 14, 18), [(0, 0), (7, 7)], (3, 3)))
    assert incremental.whole_from == expected


# -- networks of torchvision -----------------------------------------------------------------------------------------------


def random_network(name: str, classes: int = 10) -> nn.Module:
    """With random weights, and BatchNorms that know their inputs (fresh ones let the scores vanish, or burst)."""
    try:
        library = models()
    except MissingExtraError as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    settings = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    if name == "vgg16":  # its own dense layers are 500 MB
        body = library.vgg.make_layers(library.vgg.cfgs["D"], batch_norm=False)
        network = nn.Sequential(body, nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(49 * 512, classes))
        for conv in (module for module in body if isinstance(module, nn.Conv2d)):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    elif name == "vit":
        network = library.VisionTransformer(
            image_size=96, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=classes
        )
        nn.init.normal_(network.heads.head.weight)
    else:
        network = library.get_model(name, weights=None, num_classes=classes, **settings)
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = None
    if norms:
        with torch.no_grad():
            network(torch.randn(8, 3, 96, 96))
    return network.eval()


# For a mask of 12 pixels on 96: how many of the cells are still given by convolutions, at most, and from where on maps are whole.
NETWORKS = {
    "squeezenet1_0": (0.3, "_convolution_pointwise"),
    "googlenet": (0.35, "_convolution_pointwise"),
    "resnet18": (0.3, "_convolution_pointwise"),
    "resnet50": (0.3, "conv2d"),
    "mobilenet_v2": (0.15, "conv2d"),
    "densenet121": (0.6, "_convolution_pointwise"),
    "efficientnet_b0": (0.7, "mul"),  # squeeze-and-excite: every channel of the whole map is scaled anew
    "convnext_tiny": (0.6, "_convolution_pointwise"),
    "vgg16": (0.1, "_convolution_pointwise"),
    "shufflenet_v2_x0_5": (0.5, "view"),
    "swin_t": (0.1, "pad"),
    "vit": (0.12, "reshape"),
}


@pytest.mark.parametrize(("name", "left", "whole_from"), [(name, *expected) for name, expected in NETWORKS.items()])
def test_networks_of_torchvision_give_what_they_give_on_whole_photos(name: str, left: float, whole_from: str) -> None:
    photo = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    network = random_network(name)
    if double := name == "resnet50":  # rounding alone changes this one's scores by 3e-5 when its weights are random
        (network, photo) = (network.double(), photo.double())
    planned = seewhy.Classifier(network, preprocess=None).executor.planned(photo)
    assert planned.can_be_followed
    inputs = planned.plan.prepare(photo)
    (places, size) = (corners(photo, (12, 12), 4), (12, 12))
    incremental = assert_same(planned.forward_prepared, masked(inputs, places, size), 1e-12 if double else 1e-5)
    assert incremental.whole_from == whole_from
    (few, whole) = cells(planned.forward_prepared, masked(inputs, places, size), incremental.kept)
    assert few <= left * whole, few / whole


def test_a_network_with_vmap_is_explained() -> None:
    """Tensors inside it have no memory of their own."""

    class Mapped(SmallNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.vmap(lambda photo: super(Mapped, self).forward(photo[None])[0])(x)

    photo = torch.rand((3, 24, 24), generator=torch.Generator().manual_seed(0))
    for method in ("occlusion", "gradient"):
        maps = seewhy.explain(seewhy.Classifier(Mapped().eval()), photo, method, target=1).maps
        expected = seewhy.explain(seewhy.Classifier(SmallNet().eval()), photo, method, target=1).maps
        assert np.ptp(maps) > 0
        np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-6)
