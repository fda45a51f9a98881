"""A network of small numbers whose gradients are known by hand, and gradients by plain autograd."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import seewhy


class Toy(nn.Module):
    """The net of small numbers: 3×3 convolution of ones with biases -50 and -75, ReLU, a dense layer of ±1, ReLU."""

    def __init__(self, style: str = "module") -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(8, 4, bias=False)
        self.relu = nn.ReLU(inplace=style == "in place")
        self.style = style
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([1.0, 1, 1, 1, 1, -1, -1, -1]).expand(4, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        relu = F.relu if self.style == "functional" else self.relu  # the module is used twice
        return relu(self.fc(relu(self.conv(x)).flatten(1)))


X0 = torch.arange(16.0).reshape(1, 4, 4)


X1 = X0 + 1


def plain_gradient(network: nn.Module, photo: torch.Tensor, target: int) -> torch.Tensor:
    """∂z/∂X by plain autograd, ``(C, H, W)``."""
    x = photo[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.eval()(x)[0, target], x)
    return gradient[0]


STYLES = ("module", "in place", "functional")


def assert_numbers(method: str, index: int, style: str, expected: list[list[float]]) -> None:
    """The signed map of class 0 for the photo ``X0`` or ``X1``."""
    clf = seewhy.Classifier(Toy(style), head="none")
    photo = (X0, X1)[index]
    e = seewhy.explain(clf, photo, method=method, target=0, signed=True)
    assert e.maps[0].tolist() == expected
    assert clf.scores(photo)[0, 0] == (54, 67)[index]
    assert e.raw is not None
    assert e.raw.shape == (1, 1, 4, 4)
