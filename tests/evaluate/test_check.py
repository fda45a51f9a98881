"""check(): true maps pass, maps that say nothing of the photo do not; how often is counted on planted networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.planted import KINDS, cases, planted

import seewhy
from seewhy.evaluate.check import MapCheck
from seewhy.evaluate.references import centre_map
from seewhy.geometry import Array


def shuffled(map_: Array, seed: int) -> Array:
    return np.random.default_rng(seed).permutation(map_.ravel()).reshape(map_.shape)


def test_true_maps_pass_and_shuffled_ones_do_not() -> None:
    """25 photos for each of the four networks whose evidence is known: 100 true maps, and the same maps shuffled."""
    (true, false) = (0, 0)
    for kind in KINDS:
        for number, case in enumerate(cases(kind, 25)):
            coarse = case.evidence.reshape(8, 8, 8, 8).mean(axis=(1, 3)).astype(np.float32)  # an 8×8 map of the evidence
            own = seewhy.Explanation.from_map(case.clf, case.photo, coarse, "yes")
            other = seewhy.Explanation.from_map(case.clf, case.photo, shuffled(coarse, number), "yes")
            true += seewhy.check(case.clf, own, seed=number).passed
            false += seewhy.check(case.clf, other, seed=number).passed
    assert true >= 95
    assert false <= 5


def test_a_place_drawn_at_random_is_the_best_once_in_25_times() -> None:
    """Smooth blobs anywhere on the photo. p is uniform over 1/25 … 1, and larger where places tie (two that miss the square)."""
    (passed, values) = (0, [])
    for number, case in enumerate(cases("square", 100, seed=3)):
        move = np.random.default_rng(number).integers(0, 64, 2)
        blob = np.roll(centre_map((64, 64)), tuple(move), axis=(0, 1))
        result = seewhy.check(case.clf, seewhy.Explanation.from_map(case.clf, case.photo, blob, "yes"))
        passed += result.passed
        values.append(result.values["p"])
    assert passed <= 10  # 4 are expected; more than 10 come once in 1,000 times
    for level in (0.2, 0.4, 0.6):
        assert np.mean(np.array(values) <= level) <= level + 0.13  # 3 standard errors
    assert np.mean(values) > 0.45


def test_a_blob_in_the_middle_is_named_where_it_does_as_well(planted_clf: seewhy.Classifier) -> None:
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    photo[0, 26:38, 26:38] = 0.9  # the square stands in the middle
    blob = seewhy.Explanation.from_map(planted_clf, photo, centre_map((64, 64)), "yes")
    result = seewhy.check(planted_clf, blob)
    assert result.passed
    assert result.maps[0].centre
    assert result.sentence.endswith("laid elsewhere does as well, but a blob in the middle of the photo does.")


def test_a_map_that_changes_nothing_does_not_hold() -> None:
    """The class is the likelier the less red there is: hiding the red raises it, and showing it alone keeps nothing."""
    photo = torch.full((3, 60, 60), 0.2)
    photo[0, 20:32, 20:32] = 1.0
    clf = seewhy.Classifier(
        lambda x: torch.stack([40 * x[:, 0, :, 30:].mean((1, 2)), -40 * x[:, 0, :, :30].mean((1, 2))], 1),
        preprocess=None,
        classes=["right", "not left"],
    )
    map_ = np.zeros((60, 60), np.float32)
    map_[:, :30] = 1
    map_[20:32, 20:32] = 2
    result = seewhy.check(clf, seewhy.Explanation.from_map(clf, photo, map_, "not left"))
    assert not result.passed
    (check,) = result.maps
    assert check.hidden >= check.base > check.shown
    assert not check.matters


UNNEEDED = "The map is enough alone, but not needed"
NOT_ALONE = "The map lies better than anywhere else, but is not enough alone"


@pytest.mark.parametrize(
    ("hidden", "shown", "words"),
    [
        (0.2, 0.9, "The map holds: without its strongest 30 % 'cow' falls from 0.78 to 0.20 (elsewhere: 0.84), with nothing"),
        (
            0.7801,
            0.9,
            f"{UNNEEDED}: without its strongest 30 % 'cow' stays at 0.78 (elsewhere: 0.84), with nothing else it is at",
        ),
        (0.8, 0.9, f"{UNNEEDED}: without its strongest 30 % 'cow' rises from 0.78 to 0.80 (elsewhere: 0.84), with nothing else"),
        (
            0.2,
            0.35,
            f"{NOT_ALONE}: without its strongest 30 % 'cow' falls from 0.78 to 0.20 (elsewhere: 0.84), with nothing else",
        ),
        (0.2, 0.38, f"{NOT_ALONE}: "),
        (0.2, 0.40, "The map holds: "),
        (0.775, 0.02, "The map lies better than anywhere else, but hardly anything depends on it: "),
    ],
)
def test_the_sentence_says_which_way_the_score_goes(hidden: float, shown: float, words: str) -> None:
    passed = MapCheck("cow", 0.04, 0.78, hidden, shown, 0.84, 0.3)
    assert passed.passed
    assert passed.sentence.startswith(words)
    assert passed.sentence.endswith("(elsewhere: 0.30). None of 24 copies of it laid elsewhere does as well.")
    assert "reaches" not in passed.sentence
    failed = MapCheck("cow", 0.04, 0.78, 0.8, 0.4, 0.84, 0.3, matters=False)
    assert not failed.passed
    assert failed.sentence == (
        "The map does not hold: without its strongest 30 % 'cow' rises from 0.78 to 0.80 (elsewhere: 0.84), "
        "with nothing else it is at 0.40 (elsewhere: 0.30)."
    )


def test_a_class_that_the_network_hardly_sees_does_not_depend_on_its_map() -> None:
    """At 0.06 with, without, and alone, and alone it is no more than elsewhere."""
    check = MapCheck("cow", 0.04, 0.06, 0.0598, 0.06, 0.06, 0.055)
    assert check.passed
    assert (check.needed, check.enough) == (False, False)
    assert check.sentence.startswith(
        "The map lies better than anywhere else, but hardly anything depends on it: without its strongest 30 % 'cow' stays at "
        "0.06 (elsewhere: 0.06), with nothing else it is at 0.06"
    )


def test_values_that_are_no_probabilities_are_compared_as_they_are() -> None:
    below = MapCheck("cow", 0.04, -4.0, -4.001, -3.9, -4.0, -5.0, head="none")
    assert (below.needed, below.enough) == (True, True)
    assert not replace(below, shown=-4.5).enough
    assert not replace(below, head="softmax").needed


def test_one_of_two_that_count_together_is_not_enough_alone() -> None:
    """The class is there where red and green are: the map marks the red alone."""
    clf = planted("together")
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    photo[0, 8:22, 10:24] = photo[1, 40:54, 36:50] = 0.9
    red = np.zeros((64, 64), np.float32)
    red[8:22, 10:24] = 1
    result = seewhy.check(clf, seewhy.Explanation.from_map(clf, photo, red, "yes"))
    assert result.passed
    (check,) = result.maps
    assert check.shown == pytest.approx(1 / (1 + np.exp(0.2)), abs=1e-3)  # the logit that nothing gives
    assert (check.needed, check.enough) == (True, False)
    assert result.sentence.startswith(
        "The map lies better than anywhere else, but is not enough alone: without the 5 % of the photo that it marks 'yes' falls "
        "from 0.97 to 0.45 (elsewhere: 0.97), with nothing else it is at 0.45 (elsewhere: 0.45). None of 24"
    )


def test_of_a_map_that_marks_less_than_30_percent_that_part_is_hidden(
    planted_clf: seewhy.Classifier, red_photo: torch.Tensor
) -> None:
    """Half of the square: nothing else is hidden with it, and nothing else shown."""
    marked = np.zeros((64, 64), np.float32)
    marked[8:22, 10:17] = 1
    (check,) = seewhy.check(planted_clf, seewhy.Explanation.from_map(planted_clf, red_photo, marked, "yes")).maps
    assert check.share == pytest.approx(14 * 7 / 64**2)
    mean = red_photo.mean((1, 2), keepdim=True)
    mask = torch.from_numpy(marked > 0)
    (hidden, shown) = (torch.where(mask, mean, red_photo), torch.where(mask, red_photo, mean))
    assert check.hidden == pytest.approx(planted_clf.scores(hidden)[0, 1], abs=1e-5)
    assert check.shown == pytest.approx(planted_clf.scores(shown)[0, 1], abs=1e-5)
    assert "without the 2 % of the photo that it marks 'yes' falls from 0.97 to 0.83" in check.sentence


def test_a_photo_that_hiding_does_not_change_cannot_be_tested(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    constant = seewhy.Classifier(lambda x: x.new_tensor([[0.3, 2.0]]).expand(len(x), 2), preprocess=None, classes=["no", "yes"])
    for clf, photo in ((planted_clf, torch.full((3, 64, 64), 0.6)), (constant, red_photo)):
        result = seewhy.check(clf, seewhy.Explanation.from_map(clf, photo, np.eye(8), "yes"))
        assert not result.passed
        (check,) = result.maps
        assert check.unmoved
        assert (check.p, check.hidden) == (1, pytest.approx(check.base, abs=1e-5))
        assert result.sentence == (
            "There is nothing to check: hiding parts of this photo, wherever they lie, changes nothing for 'yes'."
        )


def test_compared_with_another_class_it_tests_the_difference() -> None:
    """The map of "cow, not bear" is tested by the difference of the two logits, and reported as the one's share of the two."""
    clf = seewhy.load("demo:honest")
    scene = seewhy.demo.scenes(1, labels=["cow"])[0]
    e = seewhy.explain(clf, scene.photo, target="cow", against="bear")
    (result,) = seewhy.check(clf, e).maps
    (bear, cow) = (clf.scores(scene.photo)[0, list(clf.classes).index(name)] for name in ("bear", "cow"))
    assert result.target == "cow, not bear"
    assert result.base == pytest.approx(cow / (cow + bear), abs=1e-5)
    test = seewhy.crop_test(clf, e)
    assert test.before == pytest.approx(result.base, abs=1e-5)
    for sentence in (test.sentence, seewhy.check(clf, e).sentence):
        assert "'cow, not bear' (its share of the two probabilities) falls from " in sentence
    assert seewhy.evaluate(clf, e, ["deletion"], steps=4).curves["deletion"][0] == pytest.approx(result.base, abs=1e-5)


def test_the_sentence_and_the_numbers(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    e = seewhy.explain(planted_clf, red_photo, target="yes")
    result = seewhy.check(planted_clf, e)
    assert result.passed
    assert result.cost == 1 + 208  # 25 places and the centre blob, three shares and what is marked, hidden and shown
    assert result.values["p"] == 1 / 25
    assert result.values["base"] == pytest.approx(e.targets[0].score, abs=1e-6)
    assert result.values["hidden"] < result.values["base"] - 0.05
    assert result.values["hidden"] < result.values["hidden_elsewhere"]
    assert result.values["shown"] > result.values["shown_elsewhere"]
    assert result.sentence.startswith("The map holds: without the 5 % of the photo that it marks 'yes' falls from 0.97 to 0.45")
    assert result.sentence.endswith("None of 24 copies of it laid elsewhere does as well.")


def test_a_map_of_the_wrong_place_does_not_hold(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    wrong = np.zeros((8, 8), np.float32)
    wrong[6, 6] = 1
    result = seewhy.check(planted_clf, seewhy.Explanation.from_map(planted_clf, red_photo, wrong, "yes"))
    assert not result.passed
    assert result.values["p"] > 0.1
    assert result.sentence.startswith("The map does not hold: ")
    assert result.sentence.endswith(
        "of 24 copies of it laid elsewhere tell as much about 'yes' as the map itself; without the 10 % of the photo that it "
        "marks 'yes' stays at 0.97 (elsewhere: 0.97), with nothing else it is at 0.45 (elsewhere: 0.45)."
    )
    (check,) = result.maps
    assert "hold: 1 of 24 copies of it laid elsewhere tells as much" in replace(check, p=2 / 25).sentence


def test_a_map_that_marks_more_costs_156_passes(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    own = seewhy.Explanation.from_map(planted_clf, red_photo, centre_map((64, 64)), "yes")
    result = seewhy.check(planted_clf, own)
    assert result.cost == 1 + 156
    assert result.maps[0].share == 0.3
    assert "without its strongest 30 % 'yes'" in result.sentence


def test_a_flat_map_has_nothing_to_check(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    flat = seewhy.Explanation.from_map(planted_clf, red_photo, np.zeros((8, 8)), "yes")
    result = seewhy.check(planted_clf, flat)
    assert not result.passed
    assert result.sentence == "There is nothing to check: the map of 'yes' is the same everywhere."
    assert result.cost == 1


def test_it_stands_in_the_notes_and_in_the_record(
    planted_clf: seewhy.Classifier, red_photo: torch.Tensor, tmp_path: Path
) -> None:
    e = seewhy.explain(planted_clf, red_photo, target=["yes", "no"], relu=False)
    noted = seewhy.check(planted_clf, e).noted(e)
    record = json.loads(noted.save(tmp_path / "e.json").read_text())
    assert len(record["details"]["check"]) == 2
    assert record["details"]["check"][0]["target"] == "yes"
    assert any(note.startswith("The map holds") for note in record["notes"])
    assert any("The map holds" in panel.caption for panel in noted.panels())
    assert seewhy.Explanation.load(noted.save(tmp_path / "e.npz")).notes == noted.notes
    assert len(e.notes) == len(noted.notes) - 2  # the explanation itself is as it was


def test_the_same_seed_gives_the_same_result(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    e = seewhy.explain(planted_clf, red_photo, target="yes")
    assert seewhy.check(planted_clf, e, seed=3).values == seewhy.check(planted_clf, e, seed=3).values


@pytest.fixture
def planted_clf() -> seewhy.Classifier:
    return planted("square")


@pytest.fixture
def red_photo() -> torch.Tensor:
    """Faint noise with a red square."""
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    photo[0, 8:22, 10:24] = 0.9
    return photo
