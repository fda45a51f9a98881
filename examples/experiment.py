"""What the experiments share: drawn scenes made unfair on purpose, a small network trained on them, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import seewhy
from seewhy.evaluate import energy

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
PREPROCESS = seewhy.Preprocess(size=(96, 128), resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@dataclass(frozen=True, eq=False)
class Example:
    """A photo, its class, and where its animal and its companion (or logo) lie."""

    photo: Pixels
    label: str
    animal: Mask
    companion: Mask


def examples(
    count: int, change: Callable[[Example, np.random.Generator], Example], split: str, labels: Sequence[str] = ("cow", "sheep")
) -> list[Example]:
    """Drawn scenes, the labels taking turns, each changed with a generator of its own."""
    drawn = seewhy.demo.scenes(count, split=split, labels=labels)
    plain = (Example(scene.photo, scene.label, scene.animal, np.zeros_like(scene.animal)) for scene in drawn)
    return [change(example, np.random.default_rng([number, len(split)])) for number, example in enumerate(plain)]


def tinted(example: Example, colour: tuple[int, int, int], strength: float = 0.6) -> Example:
    """The ground, which is all but the animal, in a colour."""
    photo = example.photo * (1 - strength) + strength * np.array(colour)
    return replace(example, photo=np.where(example.animal[:, :, None], example.photo, photo).astype(np.uint8))


def network(classes: int) -> nn.Module:
    """Four convolutions, a mean over the grid, one dense layer."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 48), (48, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        if after < 64:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def train(data: Sequence[Example], classes: Sequence[str], epochs: int = 8, seed: int = 0, name: str = "") -> seewhy.Classifier:
    """A classifier for these examples, trained from nothing. The caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(len(classes))
        clf = seewhy.Classifier(model, preprocess=PREPROCESS, classes=classes)
        clf.name = name or "trained here"
        pixels = torch.from_numpy(np.stack([clf.read(example.photo).pixels for example in data]))
        labels = torch.tensor([classes.index(example.label) for example in data])
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
        steps = epochs * -(-len(data) // 32)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=steps)
        model.train()
        for _ in range(epochs):
            for indices in torch.split(torch.randperm(len(data)), 32):
                inputs = PREPROCESS.normalise(pixels[indices].clone())
                loss = nn.functional.cross_entropy(model(inputs), labels[indices], label_smoothing=0.05)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    model.eval()
    return clf


def accuracy(clf: seewhy.Classifier, data: Sequence[Example]) -> tuple[float, float, float]:
    """The share of right predictions with its 95 % interval."""
    predictions = clf.scores([example.photo for example in data]).argmax(axis=1)
    right = [clf.classes[index] == example.label for index, example in zip(predictions, data, strict=True)]
    return share(right)


def energies(clf: seewhy.Classifier, data: Sequence[Example], part: str) -> tuple[float, float, float]:
    """The mean share of the map's positive mass on the ``animal`` or the ``companion``, with its 95 % interval."""
    explanations = seewhy.explain(
        clf, [example.photo for example in data], target=[[example.label] for example in data], progress=False
    )
    values = [energy(e.on_photo()[0], getattr(example, part)) for e, example in zip(explanations, data, strict=True)]
    return mean(values)


def share(hits: Sequence[bool]) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson 1927)."""
    (count, z) = (len(hits), 1.96)
    p = sum(hits) / count
    centre = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (p * (1 - p) / count + z**2 / (4 * count**2)) ** 0.5
    return p, max(0.0, centre - half), min(1.0, centre + half)


def mean(values: Sequence[float]) -> tuple[float, float, float]:
    """A mean and its 95 % interval (bootstrap, 2,000 draws)."""
    array = np.asarray(values)
    draws = array[np.random.default_rng(0).integers(0, len(array), (2000, len(array)))].mean(axis=1)
    return float(array.mean()), *(float(end) for end in np.quantile(draws, [0.025, 0.975]))


def percent(numbers: tuple[float, float, float]) -> str:
    """ "62 % (58 to 66)"."""
    (middle, low, high) = (100 * number for number in numbers)
    return f"{middle:.0f} % ({low:.0f} to {high:.0f})"
