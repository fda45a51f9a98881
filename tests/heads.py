"""Networks whose head asks for another method than the usual one, as classifiers and as a file for ``--model``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import seewhy

CLASSES = ["bear", "cow", "sheep"]
SIZE = 16
FLAT = "hires_cam: the head reads each place of '1' by itself"
FUNCTION = "occlusion: this is a function, whose inside cannot be watched"


def flat_network() -> nn.Module:
    """A head that reads each place by itself: Grad-CAM would average what differs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        layers = (nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4 * 4 * 4, 3))
        return nn.Sequential(*layers).eval()


class Table:
    """What scikit-learn's classifiers offer, by the same network."""

    def __init__(self) -> None:
        self.network = flat_network()
        self.classes_ = np.array(CLASSES)

    def predict_proba(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        photos = torch.from_numpy(np.asarray(rows, np.float32)).reshape(-1, SIZE, SIZE, 3).permute(0, 3, 1, 2)
        with torch.no_grad():
            probabilities: npt.NDArray[np.float32] = self.network(photos).softmax(1).numpy()
        return probabilities


def flat() -> seewhy.Classifier:
    return seewhy.Classifier(flat_network(), preprocess=seewhy.Preprocess(size=SIZE), classes=CLASSES)


def function() -> seewhy.Classifier:
    network = flat_network()

    def scores(photos: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = network(photos)
        return result

    return seewhy.Classifier(scores, preprocess=seewhy.Preprocess(size=SIZE), classes=CLASSES)


def table() -> seewhy.Classifier:
    return seewhy.Classifier(Table(), preprocess=seewhy.Preprocess(size=SIZE))


BUILDERS: dict[str, Callable[[], seewhy.Classifier]] = {"flat": flat, "function": function, "table": table}


def chosen(notes: list[str]) -> list[str]:
    """What the notes say that "auto" took, and why."""
    return [note.partition("auto' took ")[2] for note in map(str, notes) if "auto' took " in note]
