"""Grad-CAM: the equation a second time, its layers, the older recipe. Parity with peers is in test_parity.py."""

from __future__ import annotations

import numpy as np
import torch
from small_nets import SmallNet
from torch import nn

import seewhy


def by_autograd(network: nn.Module, split: int, photo: torch.Tensor, target: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features behind ``network.features[:split]`` and the gradient of a logit there, with plain autograd and loops."""
    network.eval()
    with torch.no_grad():
        features = network.features[:split](photo[None]).clone()
    features.requires_grad_()
    score = network.fc(network.features[split:](features.clone()).mean((2, 3)))[0, target]
    (gradient,) = torch.autograd.grad(score, features)
    return features.detach()[0], gradient[0]


def test_the_equation_in_loops(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for split, layer in ((3, "features.2"), (4, "features.3"), (7, "features")):
        for photo in small_photos[:2]:
            (features, gradient) = by_autograd(small, split, photo, 2)
            cam = torch.zeros(features.shape[1:])
            for k in range(len(features)):
                alpha = 0.0
                for value in gradient[k].flatten():
                    alpha += float(value) / gradient[k].numel()
                cam += alpha * features[k]
            signed = seewhy.explain(clf, photo, target=2, layer=layer, relu=False)
            np.testing.assert_allclose(signed.maps[0], cam, rtol=1e-3, atol=1e-5 * float(cam.abs().max()))
            np.testing.assert_array_equal(seewhy.explain(clf, photo, target=2, layer=layer).maps, np.clip(signed.maps, 0, None))


def test_the_older_recipe(small: SmallNet, small_photos: torch.Tensor) -> None:
    """Summed gradients, no ReLU, rescaled to [0, 1], then bicubic to the input: as the source writes it."""
    (features, gradient) = by_autograd(small, 3, small_photos[0], 1)
    expected = (gradient.sum((1, 2), keepdim=True) * features).sum(0)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    e = seewhy.explain(seewhy.Classifier(small), small_photos[0], target=1, layer="features.2", relu=False)
    cam = seewhy.show.min_max(e.maps[0] * e.maps[0].size)
    np.testing.assert_allclose(cam, expected, atol=1e-4)


def test_without_relu_it_is_cam_over_the_number_of_cells(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos:
        cam = seewhy.explain(clf, photo, method="cam", target=[0, 1, 2, 3])
        grad = seewhy.explain(clf, photo, target=[0, 1, 2, 3], relu=False)
        np.testing.assert_allclose(grad.maps * grad.maps[0].size, cam.maps, rtol=1e-4, atol=1e-5)
        assert grad.cost.backward == 0


def test_no_graph_before_the_layer_and_no_weight_gradient(small: SmallNet, small_photos: torch.Tensor) -> None:
    """Watched from inside: what runs before the layer does not require a gradient, what runs behind it does."""
    flags: dict[str, bool] = {}

    class Watched(SmallNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for i, layer in enumerate(self.features):
                x = layer(x)
                flags[f"features.{i}"] = x.requires_grad
            return self.fc(x.mean((2, 3)))

    network = Watched()
    seewhy.explain(seewhy.Classifier(network), small_photos[0], layer="features.3")
    assert flags == {f"features.{i}": i >= 3 for i in range(7)}
    assert all(parameter.grad is None for parameter in network.parameters())


def test_an_early_layer_outlines_edges() -> None:
    """A network whose first layer is an edge filter: the early map follows the square's outline, not its inside."""
    network = nn.Sequential(
        nn.Conv2d(1, 1, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(1, 1, 7, padding=3, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1, 2),
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]])[None, None])
        network[2].weight.fill_(1 / 49)
        network[6].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    photo = torch.zeros(1, 20, 20)
    photo[0, 5:15, 5:15] = 1
    clf = seewhy.Classifier(network)
    edge = torch.zeros(20, 20, dtype=torch.bool)
    edge[5:15, 5:15] = True
    edge[6:14, 6:14] = False
    early = seewhy.explain(clf, photo, target=0, layer="1")
    assert (early.maps[0] > 0).tolist() == edge.tolist()
    late = seewhy.explain(clf, photo, target=0)
    assert late.maps[0][edge.numpy()].sum() < 0.5 * late.maps[0].sum()


def test_transformers_are_explained_on_their_patches() -> None:
    """The automatic layer lies before the last mixing: behind it only the class token counts, and its gradient is zero."""
    from seewhy.load.from_torchvision import models

    torch.manual_seed(0)
    vision = models().vision_transformer.VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5
    )
    nn.init.normal_(vision.heads.head.weight)
    clf = seewhy.Classifier(vision)
    photo = torch.randn(3, 32, 32)
    e = seewhy.explain(clf, photo, "grad_cam", relu=False)
    assert e.layer == "encoder.layers.encoder_layer_2.ln_1"
    assert e.maps.shape == (1, 4, 4)
    assert e.maps.any()
    with torch.no_grad():
        outputs = []
        handle = vision.encoder.layers[2].ln_1.register_forward_hook(lambda m, a, out: outputs.append(out))
        vision.eval()(photo[None])
        handle.remove()
    leaf = outputs[0].clone().requires_grad_()
    handle = vision.encoder.layers[2].ln_1.register_forward_hook(lambda m, a, out: leaf)
    (gradient,) = torch.autograd.grad(vision(photo[None])[0, e.targets[0].index], leaf)
    handle.remove()
    cam = (gradient[0, 1:].mean(0) * leaf[0, 1:]).sum(-1).reshape(4, 4)
    np.testing.assert_allclose(e.maps[0], cam.detach(), rtol=1e-3, atol=1e-6)


def test_channels_last_networks_are_explained() -> None:
    from seewhy.load.from_torchvision import models

    torch.manual_seed(0)
    swin = models().swin_transformer.SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[1, 1], num_heads=[2, 2], window_size=[4, 4], num_classes=5
    )
    clf = seewhy.Classifier(swin)
    photo = torch.randn(3, 32, 32)
    e = seewhy.explain(clf, photo, relu=False)
    assert (e.layer, e.maps.shape) == ("permute", (1, 4, 4))
    inner = seewhy.explain(clf, photo, layer="features.0", relu=False)
    assert inner.maps.shape == (1, 8, 8)
    assert inner.maps.any()
