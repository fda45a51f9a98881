"""The small records in words."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.records import Cost, FeatureLayer, Note, Prediction, Target


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.614, "0.61"), (1.0, "1.00"), (0.0, "0.00"), (0.004, "0.004"), (0.00002, "2e-05"), (-3.5, "-3.50"), (1540.2, "1,540")],
)
def test_scores_in_words(score: float, text: str) -> None:
    assert str(Prediction("coyote", 272, score)) == f"coyote ({text})"
    assert str(Target("coyote", 272, score, 1)) == f"coyote ({text})"


def test_a_target_and_what_it_is_compared_with() -> None:
    cow = Target("cow", 1, 0.9, 1, against=Prediction("bear", 0, 0.004))
    assert (cow.text, cow.scores_text, str(cow)) == ("cow, not bear", "0.90 against 0.004", "cow, not bear (0.90 against 0.004)")
    assert cow.scores == (0.9, 0.004)
    assert (Target("cow", 1, 0.9, 1).text, Target("cow", 1, 0.9, 1).scores) == ("cow", (0.9,))


def test_a_layer_in_words() -> None:
    assert str(FeatureLayer("layer4", "relu", (7, 9), 512)) == "layer4 7×9"


def test_a_note_is_its_text_and_knows_its_map() -> None:
    assert Note("empty", 2) == "empty"
    assert (Note("empty", 2).target, Note("empty").target) == (2, None)


def test_costs_add_up() -> None:
    assert Cost(1, 2, 0.5) + Cost(64, 0, 1.5) == Cost(65, 2, 2.0)


def test_notes_of_a_photo_spell_settings_as_python_does() -> None:
    clf = seewhy.Classifier(lambda x: x.flatten(1)[:, :3], preprocess=seewhy.Preprocess(size=8, channels=1))
    photo = clf.read(np.full((8, 8), 4000, np.uint16))
    assert photo.notes[0].endswith("if the network was trained on another range as 0-1, write that: range=4095 for 12 bits")
    assert seewhy.explain(clf, photo, "occlusion", 0).notes[0] == photo.notes[0]
