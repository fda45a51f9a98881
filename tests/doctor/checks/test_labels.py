"""Orders of names, by hand-made answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor import Certainty, Fault
from seewhy.doctor.checks import labels
from seewhy.doctor.examination import Examination

NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]


def answers(order: list[int], count: int = 60, right: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a network whose output i means class order[i], and the true classes."""
    rng = np.random.default_rng(seed)
    true = np.arange(count) % len(order)
    output = np.argsort(order)[true]
    output = np.where(rng.random(count) < right, output, rng.integers(0, len(order), count))
    return 4 * np.eye(len(order))[output] + rng.normal(0, 0.5, (count, len(order))), true


def test_orders_are_told_apart() -> None:
    for order, fault in (
        ([1, 2, 3, 4, 5, 0], Fault.CLASSES_SHIFTED),
        ([5, 0, 1, 2, 3, 4], Fault.CLASSES_SHIFTED),
        ([0, 2, 1, 3, 4, 5], Fault.CLASSES_SWAPPED),
        ([3, 5, 1, 0, 2, 4], Fault.CLASS_ORDER),
    ):
        (found, best, right) = labels._best_order(*answers(order, right=0.9), NAMES)
        assert found is fault
        assert best.tolist() == order
        assert right > 0.85
    assert labels._best_order(*answers([0, 1, 2, 3, 4, 5], right=0.7), NAMES)[0] is None


def test_a_list_in_another_order_than_the_alphabet_s() -> None:
    names = ["one", "two", "three", "four", "five", "six"]
    order = np.argsort(names).tolist()
    (found, best, _) = labels._best_order(*answers(order), names)
    assert (found, best.tolist()) == (Fault.CLASS_ORDER, order)


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 0, 1]])
def test_a_cycle_of_three_names_is_found_by_the_likelihoods_of_few_photos(order: list[int]) -> None:
    """Seven photos that change sides are chance to a test of sides; their likelihoods, of a clear network, are not."""
    (logits, true) = answers(order, count=7)
    assert labels.better_by_chance(7, 0) > labels.LEVEL / 6
    (found, best, right) = labels._best_order(logits, true, ["ant", "bee", "cat"])
    assert (found, right) == (Fault.CLASSES_SHIFTED, 1.0)
    assert best.tolist() == order


def test_chance_does_not_convict() -> None:
    convicted = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        convicted += labels._best_order(rng.normal(size=(40, 6)), rng.integers(0, 6, 40), NAMES)[0] is not None
    assert convicted == 0


def test_a_name_too_many_is_found_at_its_end(honest, scene_photos) -> None:
    true = [0, 1, 2] * 4
    for names, end in ((["background", "bear", "cow", "sheep"], "first"), (["bear", "cow", "sheep", "rest"], "last")):
        clf = seewhy.Classifier(honest.network, honest.preprocess, names)
        examination = Examination(clf, honest.read_all(scene_photos), [t + (end == "first") for t in true])
        (finding,) = labels.check(examination)
        assert finding.fault is Fault.CLASS_COUNT
        assert finding.evidence["end"] == end
        assert finding.settings == {"classes": ["bear", "cow", "sheep"]}
        assert examination.true.tolist() == true  # as outputs, for what is examined next


def test_photos_of_a_name_without_an_output_count_as_unlabelled(honest, scene_photos) -> None:
    examination = Examination(honest, honest.read_all(scene_photos[:4]), [0, 1, None, 3])
    examination.shift(-1)
    assert (examination.true.tolist(), examination.labelled.tolist()) == ([0, 2], [1, 3])


class Brightest(nn.Module):
    """The class is the colour that is strongest, the first one in doubt."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 60 * x.mean((2, 3)) + torch.tensor([-17.0, -20.0, -20.0])


def coloured(doubtful: int = 0, count: int = 30) -> tuple[list[np.ndarray], list[str]]:
    """Red, green and blue photos; so many of the blue ones are nearly as red."""
    names = ["red", "green", "blue"]
    photos = []
    for i in range(count):
        photo = np.full((8, 8, 3), 60, np.uint8)
        photo[..., i % 3] = 180
        if i % 3 == 2 and i // 3 < doubtful:
            photo[..., 0] = 175
        photos.append(photo)
    return photos, [names[i % 3] for i in range(count)]


@pytest.mark.parametrize(
    ("doubtful", "fault", "instead", "right"),
    [(1, Fault.CLASSES_SWAPPED, "channel order", 29), (0, Fault.CHANNEL_ORDER, "classes swapped", 30)],
    ids=["names are a little better", "both alike"],
)
def test_names_and_colours_that_explain_the_labels_alike_are_both_named(
    doubtful: int, fault: Fault, instead: str, right: int
) -> None:
    clf = seewhy.Classifier(Brightest().eval(), seewhy.Preprocess(8, order="BGR"), ["red", "green", "blue"])
    diagnosis = seewhy.doctor(clf, *coloured(doubtful), progress=False)
    (finding,) = diagnosis.findings
    assert (finding.fault, finding.certainty) == (fault, Certainty.LIKELY)
    written = {"channel order": {"order": "RGB"}, "classes swapped": {"classes": ["blue", "green", "red"]}}
    assert finding.evidence["instead"] == {"faults": [instead], "right": right, "labelled": 30, "settings": written[instead]}
    assert f"then {right} of 30 labelled photos are right. One of the two is to be mended, not both" in str(diagnosis)
    titles = {"channel order": "red and blue are swapped", "classes swapped": "class names are swapped"}
    assert diagnosis.heading.endswith(f", or: {titles[instead]}")
