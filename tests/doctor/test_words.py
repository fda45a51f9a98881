"""Every fault has its words, in whole sentences, with the settings spelled as each door spells them."""

from __future__ import annotations

import pytest

from seewhy.doctor import Certainty, Fault, Finding, Unknown, words

COMPARED = {"photos": 12, "gap": [0.84, 0.006], "believed": "ImageNet's mean and std", "as_good": ["CLIP's mean and std"]}
MOVED = {"photos": 20, "right": 3, "right_then": 19, "moved": [["bear", "cow"], ["cow", "bear"]]}
EVIDENCE = {
    Fault.ALREADY_NORMALISED: {"low": -2.1, "high": 2.6},
    Fault.VALUE_RANGE: {"believed": "values 0-255"},
    Fault.CHANNEL_ORDER: {"photos": 20, "labelled": 20, "accuracy": [0.55, 0.9]},
    Fault.INPUT_SIZE: {"size": [96, 96], "works": [[64, 64], [224, 320]], "error": "mat1 and mat2"},
    Fault.RESIZE: {"says": [0.4, 0.9]},
    Fault.DOUBLE_SOFTMAX: {"largest": 0.57, "inner": 0.99, "by": "values"},
    Fault.DOUBLE_SIGMOID: {"closing": ["sigmoid", "sigmoid"], "by": "trace"},
    Fault.HEAD: {"given": "softmax", "seen": "sigmoid", "several": 0.3, "photos": 40, "by": "values"},
    Fault.TRAIN_MODE: {"batch_norms": 2, "dropouts": 1, "photos": 8, "changed": 3},
    Fault.RANDOM_OUTPUT: {"deviation": 0.5},
    Fault.CLASS_COUNT: {"names": 1001, "outputs": 1000, "background": "background", "photos": 9, "end": "first"}
    | {"right_first": 8, "right_last": 0},
    Fault.CLASSES_SHIFTED: MOVED,
    Fault.CLASSES_SWAPPED: MOVED,
    Fault.CLASS_ORDER: MOVED,
    Fault.NOT_FINITE: {"tensors": ["conv.weight"], "of": 12},
    Fault.NOT_LOADED: {"layers": 20, "as_initialised": 20, "weights": 1000},
    Fault.HEAD_NOT_LOADED: {"layer": "fc", "weights": 5000, "probability": 0.35, "classes": 3},
    Fault.STATISTICS_NOT_LOADED: {"norms": 7},
    Fault.CONSTANT_OUTPUT: {"inputs": 7, "layer": "relu"},
}


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_words(fault: Fault) -> None:
    finding = Finding(fault, Certainty.LIKELY, EVIDENCE.get(fault, COMPARED), {"mean": (0.5, 0.5, 0.4)})
    text = words.sentences(finding)
    assert words.title(fault)
    assert text.endswith("Write mean=(0.5, 0.5, 0.4).")
    assert text.spelled(lambda name, value: f"--{name} {value}").endswith("Write --mean (0.5, 0.5, 0.4).")
    assert "  " not in text


def test_the_numbers_stand_in_the_sentences() -> None:
    text = words.sentences(Finding(Fault.MEAN_STD, Certainty.CERTAIN, COMPARED, {"std": 0.5}))
    assert text == (
        "Another mean and std fit the network better: ImageNet's mean and std. What the BatchNorms read differs from "
        "what they expect by 0.84 nats a channel now, by 0.006 then (12 photos). As good by these numbers: CLIP's mean and std. "
        "Write std=0.5."
    )
    assert "3 of 20 labelled photos are right; with the names in another order 19 are ('bear' is 'cow', 'cow' is 'bear')" in (
        words.sentences(Finding(Fault.CLASSES_SWAPPED, Certainty.CERTAIN, MOVED, {"classes": ["cow", "bear"]}))
    )


def test_what_does_not_fit_fully_is_the_best_of_the_lists_and_no_more() -> None:
    remains = {**COMPARED, "gap": [1.01, 0.0834], "fits_fully": False}
    assert words.sentences(Finding(Fault.NOT_NORMALISED, Certainty.CERTAIN, remains, {"std": 0.5})) == (
        "The network gets values of 0 to 1, but it learned from others. The best fit of the lists that are known, but not"
        " certain: ImageNet's mean and std. What the BatchNorms read differs from what they expect by 1.01 nats a channel"
        " now, by 0.0834 then (12 photos). Sound networks leave 0.002 to 0.03, so it does not fit fully: the training may"
        " have used others yet. Few photos, or ones unlike those of the training, leave more, too. As good by these "
        "numbers: CLIP's mean and std. Look the values up in the code of the training; until then write std=0.5."
    )


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (
            {"names": 2, "outputs": 3},
            "The class list has 2 names, the network gives 3 scores: 1 name is missing. Give one name for each score, in the "
            "order of the training.",
        ),
        (
            {"names": 5, "outputs": 3},
            "The class list has 5 names, the network gives 3 scores: 2 names are too many. Give one name for each score, in the "
            "order of the training.",
        ),
        (
            {"names": 4, "outputs": 3, "photos": 9, "end": "first", "right_first": 8, "right_last": 0},
            "The class list has 4 names, the network gives 3 scores: 1 name is too many. Without the first name 8 of 9 labelled "
            "photos are right, without the last one 0.",
        ),
        (
            {"names": 2, "outputs": 3, "photos": 9, "end": "first", "right_first": 8, "right_last": 0},
            "The class list has 2 names, the network gives 3 scores: 1 name is missing. With a name before the first one 8 of 9 "
            "labelled photos are right, with one behind the last 0. A first class 'background' is usual.",
        ),
    ],
)
def test_another_number_of_names_says_what_to_do(evidence: dict[str, object], text: str) -> None:
    assert words.sentences(Finding(Fault.CLASS_COUNT, Certainty.CERTAIN, evidence)) == text


@pytest.mark.parametrize("unknown", Unknown)
def test_what_is_not_known_is_a_sentence(unknown: Unknown) -> None:
    assert words.unknown_message(unknown).endswith(".")
