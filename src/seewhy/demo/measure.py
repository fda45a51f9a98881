"""What a demo network does on scenes: its predictions, how often they are right, and where its maps have their peaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from seewhy.classifier import Classifier
from seewhy.demo.scenes import Scene
from seewhy.demo.scenes import scenes as make_scenes
from seewhy.explain import explain
from seewhy.load.demo import DEMO_MEAN, DEMO_SIZE, DEMO_STD, DemoNet, normalise
from seewhy.preprocess import Preprocess

Logo = bool | Literal["all"]
Table = dict[str, Any]


def prepare(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo (H, W, 3) stretched to the networks' input, (3, 96, 128)."""
    size = (DEMO_SIZE[1], DEMO_SIZE[0])
    small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR), dtype=np.uint8)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


@torch.inference_mode()
def scores(network: nn.Module, photos: Tensor) -> Tensor:
    """Class probabilities (N, K) of prepared photos, (N, 3, 96, 128) uint8."""
    return torch.cat([network(normalise(part.float())).softmax(1) for part in torch.split(photos, 64)])


def probabilities(network: nn.Module, scenes: Sequence[Scene]) -> NDArray[np.float32]:
    """The network's class probabilities for these scenes, (N, K)."""
    photos = torch.from_numpy(np.stack([prepare(scene.photo) for scene in scenes]))
    return np.asarray(scores(network, photos).numpy(), dtype=np.float32)


def accuracy(network: nn.Module, classes: Sequence[str], scenes: Sequence[Scene]) -> dict[str, float]:
    """The share of scenes the network names rightly: "all", and one entry for each label that is there, 0 to 1."""
    answers = probabilities(network, scenes).argmax(1)
    right = answers == [class_of(scene.label, classes) for scene in scenes]
    labels = np.array([scene.label for scene in scenes])
    shares = {"all": float(right.mean())}
    return shares | {label: float(right[labels == label].mean()) for label in dict.fromkeys(labels.tolist())}


def peaks(network: DemoNet, target: int, scenes: Sequence[Scene]) -> NDArray[np.intp]:
    """Where the class activation map of one class is largest, (N, 2): row and column of the photo."""
    clf = Classifier(network, Preprocess(DEMO_SIZE, resize="stretch", mean=DEMO_MEAN, std=DEMO_STD))
    explanations = explain(clf, [scene.photo for scene in scenes], "cam", target, progress=False)
    maps = np.stack([explanation.on_photo()[0] for explanation in explanations])
    return np.stack(np.unravel_index(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[1:]), axis=1)


def measure(network: DemoNet, classes: Sequence[str], n: int = 600, seed: int = 0) -> Table:
    """What a network does on n test scenes: accuracies without logo, with it on bears and on everything, and bear maps.

    "peak on animal" and "peak on logo": the share of bears, without and with the logo, whose bear map has its peak there.
    """
    table: Table = {}
    kinds: tuple[tuple[str, Logo], ...] = (("clean", False), ("logo", True), ("logo on all", "all"))
    for kind, logo in kinds:
        drawn = make_scenes(n, "test", logo, seed)
        table[kind] = {label: round(share, 4) for label, share in accuracy(network, classes, drawn).items()}
        bears = [scene for scene in drawn if scene.label == "bear"]
        if kind == "clean":
            table["peak on animal"] = _share_inside(peaks(network, 0, bears), [scene.animal for scene in bears])
        elif kind == "logo":
            table["peak on logo"] = _share_inside(peaks(network, 0, bears), [scene.logo for scene in bears])
    return table


def class_of(label: str, classes: Sequence[str]) -> int:
    """The index of the right answer; an animal that is no class of its own is the last one of two, "not bear"."""
    return classes.index(label) if label in classes else len(classes) - 1 if len(classes) == 2 else -1


def _share_inside(points: NDArray[np.intp], masks: Sequence[NDArray[np.bool_]]) -> float:
    return round(float(np.mean([mask[row, column] for (row, column), mask in zip(points, masks, strict=True)])), 4)
