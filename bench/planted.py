"""Networks set by hand whose true evidence is known exactly, and photos for them.

Each photo is faint noise with bright squares, red, green and blue. ``kind`` says what the network's class "yes" reads:

* "square": the red square.
* "together": the red and the green square, only when both are there.
* "distractor": the red square; the blue one is brighter and counts for nothing.
* "for and against": the red square speaks for it, the green one against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import seewhy

KINDS = ("square", "together", "distractor", "for and against")
SIDE = 64
_ALONE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])  # class "yes" by the mean red, green and blue
_AGAINST = torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.25, 0.0]])
_STEEP = 150.0  # from the mean brightness to a logit

Mask = npt.NDArray[np.bool_]


class ReadsColours(nn.Module):
    """A logit of how much of the photo is red (green, blue): 1×1 convolution, ReLU, mean over space, dense.

    together : the logit moves only as far as red and green are both there: ``min(red, green)``.
    """

    def __init__(self, weights: torch.Tensor, together: bool = False) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.together = together
        self.head = nn.Linear(3, 2)
        with torch.no_grad():
            convolution = self.features[0]
            assert isinstance(convolution, nn.Conv2d)
            convolution.weight.copy_(torch.eye(3)[:, :, None, None])
            torch.nn.init.constant_(convolution.bias, -0.4)  # type: ignore[arg-type]  # noise stays below
            self.head.weight.copy_(_STEEP * weights)
            self.head.bias.copy_(torch.tensor([0.0, -0.2]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        colours = self.pool(self.features(x)).flatten(1)
        if self.together:
            both = colours[:, :2].min(dim=1, keepdim=True).values
            colours = torch.cat([both, colours[:, 1:]], dim=1)
        logits: torch.Tensor = self.head(colours)
        return logits


@dataclass(frozen=True, eq=False)
class PlantedCase:
    """A network, a photo ``(3, 64, 64)`` in [0, 1], and where the evidence for "yes" lies: bool ``(64, 64)``."""

    kind: str
    clf: seewhy.Classifier
    photo: torch.Tensor
    evidence: Mask
    against: Mask


def planted(kind: str) -> seewhy.Classifier:
    """The network of one kind, with the classes "no" and "yes"."""
    weights = _AGAINST if kind == "for and against" else _ALONE
    network = ReadsColours(weights, together=kind == "together").eval()
    clf = seewhy.Classifier(network, preprocess=None, classes=["no", "yes"])
    clf.name = f"planted: {kind}"
    return clf


def cases(kind: str, count: int, seed: int = 0) -> Iterator[PlantedCase]:
    """Photos with squares of other sizes at other places, for the network of one kind."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    clf = planted(kind)
    for _ in range(count):
        photo = random.uniform(0, 0.3, (3, SIDE, SIDE)).astype(np.float32)
        masks: list[Mask] = []
        for channel in range(3):
            masks.append(_square(random, masks))
            brightness = 0.8 if channel < 2 else 1.0
            if channel < 2 or kind == "distractor":
                photo[channel][masks[-1]] = brightness
        (red, green, _) = masks
        evidence = red | green if kind == "together" else red
        against = green if kind == "for and against" else np.zeros_like(red)
        yield PlantedCase(kind, clf, torch.from_numpy(photo), evidence, against)


def _square(random: np.random.Generator, others: list[Mask]) -> Mask:
    """A square that touches none of the others."""
    while True:
        side = int(random.integers(9, 16))
        (top, left) = (int(random.integers(SIDE - side)) for _ in range(2))
        mask = np.zeros((SIDE, SIDE), bool)
        mask[top : top + side, left : left + side] = True
        if not any((mask & other).any() for other in others):
            return mask
