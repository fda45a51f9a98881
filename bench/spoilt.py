"""Small networks trained in a minute, and ways to spoil one of them: what ``python -m bench.doctor`` is judged on.

Networks learn from drawn scenes (bear, cow, sheep) or from scikit-learn's digits. Each architecture, its true preparation and
its seeds are one :class:`Recipe`; nothing here looks at what the doctor does.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

import seewhy
from bench.timing import ROOT

PLACE = ROOT / "out" / "doctor"  # the trained networks
SCENES = 600  # that each learns from
LEARNED = 0.7  # of its answers must be right: what a network that guesses is fed cannot be told
ANIMALS = ("bear", "cow", "sheep")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CLIP: dict[str, Any] = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
MNIST: dict[str, Any] = {"mean": 0.1307, "std": 0.3081}
HALF: dict[str, Any] = {"mean": 0.5, "std": 0.5}
Photos = list[npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Recipe:
    """A network to be trained.

    build : makes it from nothing. data : "scenes" or "digits". preparation : as it is trained.
    names : of the animals, in the order of the outputs. seed : of its weights and of the scenes that it learns from. many :
    several labels a photo (sigmoid): the animal, and whether it carries the logo.
    """

    name: str
    build: Callable[[], nn.Module]
    preparation: seewhy.Preprocess
    names: tuple[str, ...] = ANIMALS
    data: str = "scenes"
    seed: int = 0
    many: bool = False
    epochs: int = 10
    rate: float = 4e-3

    @property
    def classes(self) -> tuple[str, ...]:
        if self.data == "digits":
            return DIGITS
        return (*self.names, "logo") if self.many else self.names

    @property
    def classifier(self) -> seewhy.Classifier:
        """The trained network with everything as it should be."""
        return seewhy.Classifier(trained(self), self.preparation, list(self.classes), self.head)

    @property
    def head(self) -> str:
        """How the outputs are read."""
        return "sigmoid" if self.many else "softmax"

    def photos(self, split: str, count: int = 120, seed: int = 0) -> tuple[Photos, list[str]]:
        """Photos that it has not learned from, and their labels."""
        if self.data == "digits":
            (photos, labels) = digit_photos(split)
            return photos[:count], labels[:count]
        return scene_photos(count, split, seed, self.many)


@lru_cache(maxsize=8)
def scene_photos(count: int, split: str, seed: int, many: bool = False) -> tuple[Photos, list[str]]:
    """Scenes and their labels; with ``many`` every second one carries the logo ("bear+logo")."""
    drawn = [
        scene
        for number, logo in enumerate((False, "all") if many else (False,))
        for scene in seewhy.demo.scenes(count // (2 if many else 1), split, logo, seed + 1000 * number)
    ]
    return [s.photo for s in drawn], [s.label + ("+logo" if s.logo.any() else "") for s in drawn]


def digit_photos(part: str) -> tuple[Photos, list[str]]:
    """Grey 8-bit digits, 32×32: of every five, three to learn from ("train"), one to tune on, one to judge on."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    fifth = np.random.default_rng(0).permutation(len(digits.target)) % 5
    chosen = np.flatnonzero({"train": fifth < 3, "validation": fifth == 3, "test": fifth == 4}[part])
    pictures = [Image.fromarray((digits.images[i] * 15.9375).astype(np.uint8)).resize((32, 32), 2) for i in chosen]
    return [np.asarray(picture) for picture in pictures], [DIGITS[digits.target[i]] for i in chosen]


@lru_cache(maxsize=32)
def trained(recipe: Recipe, scenes: int = SCENES) -> nn.Module:
    """The network of a recipe, in eval mode; its weights are kept, so that a bench that is cut off need not train it again."""
    network = recipe.build()
    path = PLACE / f"{recipe.name}, {_digest(recipe, network, scenes)}.pt"
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()
    network = _train(recipe, scenes)
    share = _right(recipe, network)
    if scenes == SCENES and share < LEARNED:
        raise RuntimeError(
            f"'{recipe.name}' has not learned: {share:.0%} of its answers are right, and nothing can be seen in it."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)
    return network


def _right(recipe: Recipe, network: nn.Module) -> float:
    """The share of right answers on photos that serve for nothing else; of several labels, each counts."""
    (photos, labels) = recipe.photos("validation", 60, 555)
    scores = seewhy.Classifier(network, recipe.preparation, list(recipe.classes), recipe.head).scores(photos)
    true = np.array([[name in label.split("+") for name in recipe.classes] for label in labels])
    if recipe.many:
        return float(((scores > 0.5) == true).mean())
    return float(true[np.arange(len(true)), scores.argmax(1)].mean())


def _digest(recipe: Recipe, network: nn.Module, scenes: int) -> str:
    """Sixteen digits that stand for all that a trained network depends on."""
    settings = (recipe.preparation, recipe.classes, recipe.data, recipe.seed, recipe.many, recipe.epochs, recipe.rate, scenes)
    sources = (inspect.getsource(_train), inspect.getsource(type(network)))
    return hashlib.sha256(repr((settings, network, *sources)).encode()).hexdigest()[:16]


def _train(recipe: Recipe, scenes: int) -> nn.Module:
    photos, labels = digit_photos("train") if recipe.data == "digits" else scene_photos(scenes, "train", recipe.seed, recipe.many)
    preprocess = recipe.preparation
    reader = seewhy.Classifier(nn.Flatten(), preprocess)
    pixels = torch.from_numpy(np.stack([reader.read(photo).pixels for photo in photos]))
    truth = torch.tensor([[float(name in label.split("+")) for name in recipe.classes] for label in labels])
    generator = torch.Generator().manual_seed(recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = recipe.build()
        batch = 32
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02)
        steps = recipe.epochs * -(-len(photos) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, steps, pct_start=0.25)
        network.train()
        for _ in range(recipe.epochs):
            for indices in torch.split(torch.randperm(len(photos), generator=generator), batch):
                light = 1 + 0.15 * torch.randn((len(indices), 1, 1, 1), generator=generator)
                noise = 3 * torch.randn(pixels[indices].shape, generator=generator)
                inputs = preprocess.normalise((pixels[indices] * light + noise).clamp(0, 255))
                logits = network(inputs)
                if recipe.many:
                    loss = nn.functional.binary_cross_entropy_with_logits(logits, truth[indices])
                else:
                    loss = nn.functional.cross_entropy(logits, truth[indices].argmax(1), label_smoothing=0.03)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return network.eval()


# -- ways to spoil one -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to spoil a sound classifier.

    fault : what a doctor should call it. spoil : the spoilt classifier, None where that cannot be done to this network.
    needs_labels : it cannot be seen without them.
    """

    name: str
    fault: str
    spoil: Callable[[Recipe], seewhy.Classifier | None]
    needs_labels: bool = False


def _prepared(recipe: Recipe, **changes: Any) -> seewhy.Classifier:
    clf = recipe.classifier
    return seewhy.Classifier(clf.network, replace(recipe.preparation, **changes), clf.classes, clf.head.kind)


def _with(recipe: Recipe, change: Callable[[nn.Module], nn.Module | None]) -> seewhy.Classifier:
    clf = recipe.classifier
    network = copy.deepcopy(clf.network)
    return seewhy.Classifier(change(network) or network, recipe.preparation, clf.classes, clf.head.kind)


def _named(recipe: Recipe, order: Callable[[list[str]], list[str]]) -> seewhy.Classifier | None:
    clf = recipe.classifier
    names = order(list(recipe.classes))
    if names == list(recipe.classes) or recipe.many:
        return None
    return seewhy.Classifier(clf.network, recipe.preparation, names, clf.head.kind)


def _is_normalised(recipe: Recipe) -> bool:
    return recipe.preparation.mean is not None and float(np.mean(recipe.preparation.std or 1.0)) > 0.01


def _other_colours(recipe: Recipe) -> seewhy.Classifier | None:
    order = "BGR" if recipe.preparation.order == "RGB" else "RGB"
    return _prepared(recipe, order=order) if recipe.preparation.channels == 3 else None


def _plain_values(recipe: Recipe) -> seewhy.Classifier | None:
    return _prepared(recipe, mean=None, std=None) if _is_normalised(recipe) else None


def _twice(recipe: Recipe) -> seewhy.Classifier | None:
    if not _is_normalised(recipe):
        return None
    (mean, std) = (np.asarray(part, dtype=float) * np.ones(recipe.preparation.channels) for part in _mean_std(recipe))
    return _prepared(recipe, mean=tuple(mean + mean * std), std=tuple(std**2))


def _mean_std(recipe: Recipe) -> tuple[Any, Any]:
    return recipe.preparation.mean, recipe.preparation.std


def _bytes(recipe: Recipe) -> seewhy.Classifier | None:
    return _prepared(recipe, mean=0.0, std=1 / 255) if float(np.mean(recipe.preparation.std or 1.0)) > 0.01 else None


def _other_mean_std(recipe: Recipe) -> seewhy.Classifier | None:
    if not _is_normalised(recipe):
        return None
    other = (
        HALF if float(np.mean(recipe.preparation.std or 1.0)) < 0.45 else MNIST if recipe.preparation.channels == 1 else IMAGENET
    )
    return _prepared(recipe, **other)


def _other_size(recipe: Recipe) -> seewhy.Classifier | None:
    (height, width) = recipe.preparation.input_size
    resize = recipe.preparation.resize
    return _prepared(recipe, size=(2 * height, 2 * width), resize=2 * resize if isinstance(resize, int) else resize)


def _head_reset(network: nn.Module) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)
        network.fc.reset_parameters()  # type: ignore[union-attr, operator]


def _never_loaded(recipe: Recipe) -> seewhy.Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(78)
        return _with(recipe, lambda network: recipe.build().eval())


def _without_statistics(recipe: Recipe) -> seewhy.Classifier | None:
    norms = [m for m in trained(recipe).modules() if isinstance(m, nn.BatchNorm2d)]

    def change(network: nn.Module) -> None:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()

    return _with(recipe, change) if norms else None


def _in_train_mode(recipe: Recipe) -> seewhy.Classifier | None:
    modes = any(isinstance(m, nn.BatchNorm2d) or getattr(m, "p", 0.0) > 0 for m in trained(recipe).modules())
    return _with(recipe, lambda network: network.train()) if modes else None


def _dead(network: nn.Module) -> None:
    with torch.no_grad():
        network.fc.weight.zero_()  # type: ignore[union-attr, operator]


def _broken(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = float("nan")


def _as_softmax(recipe: Recipe) -> seewhy.Classifier | None:
    clf = recipe.classifier
    return seewhy.Classifier(clf.network, recipe.preparation, clf.classes, "softmax") if recipe.many else None


def _two_softmaxes(recipe: Recipe) -> seewhy.Classifier | None:
    return None if recipe.many else _with(recipe, lambda network: nn.Sequential(network, nn.Softmax(1), nn.Softmax(1)))


def _swapped(names: list[str]) -> list[str]:
    return [names[1], names[0], *names[2:]]


def _alphabetical(recipe: Recipe) -> seewhy.Classifier | None:
    return _named(recipe, sorted) if len(recipe.classes) > 3 else None  # of three names, two would be swapped


WAYS = (
    Way("colours in the other order", "channel order", _other_colours),
    Way("not normalised", "not normalised", _plain_values),
    Way("normalised twice", "normalised twice", _twice),
    Way("values 0-255", "value range", _bytes),
    Way("another mean and std", "mean and std", _other_mean_std),
    Way("twice the size", "input size", _other_size),
    Way("two names swapped", "classes swapped", lambda r: _named(r, _swapped), needs_labels=True),
    Way("names shifted by one", "classes shifted", lambda r: _named(r, lambda n: [n[-1], *n[:-1]]), needs_labels=True),
    Way("a softmax of a softmax", "double softmax", _two_softmaxes),
    Way("head as initialised", "head not loaded", lambda r: _with(r, _head_reset)),
    Way("weights never loaded", "weights not loaded", _never_loaded),
    Way("sigmoid read as softmax", "head", _as_softmax),
    # Beyond the twelve.
    Way("names in alphabetical order", "order of classes", _alphabetical, needs_labels=True),
    Way("a name too many", "number of classes", lambda r: _named(r, lambda n: ["background", *n])),
    Way("statistics never loaded", "statistics not loaded", _without_statistics),
    Way("train mode", "train mode", _in_train_mode),
    Way("weights not finite", "weights not finite", lambda r: _with(r, _broken)),
    Way("the same for every photo", "constant output", lambda r: _with(r, _dead)),
)
