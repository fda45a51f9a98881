"""The crop test: on planted networks, on the demo networks, and what its region and its controls are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.planted import planted

import seewhy
from seewhy.evaluate.crop_test import CropTest, edit, regions_elsewhere, strongest_region


@pytest.fixture
def clf() -> seewhy.Classifier:
    return planted("square")


@pytest.fixture
def photo() -> torch.Tensor:
    """Faint noise with a red square of 14×14, 4.8 % of the photo."""
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    photo[0, 8:22, 10:24] = 0.9
    return photo


def test_without_its_evidence_the_network_changes_its_mind(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:24] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")
    np.testing.assert_array_equal(result.region, map_ > 0)
    edited = photo.clone()
    edited[:, 8:22, 10:24] = 0
    assert result.before == pytest.approx(clf.scores(photo)[0, 1], abs=1e-6)
    assert result.after == pytest.approx(clf.scores(edited)[0, 1], abs=1e-6)
    assert (result.prediction.name, result.prediction_after.name) == ("yes", "no")
    assert result.turned
    assert result.controls_turned == 0
    assert result.p == 1 / 25
    assert result.matters
    assert result.decides
    (low, high) = result.interval
    assert low < result.drop - result.control_drop < high
    assert result.share == pytest.approx(14 * 14 / 64**2)
    assert result.sentence.startswith("Without the strongest 5 % of the photo 'yes' falls from ")
    assert result.verdict == "this place decides"
    assert result.sentence.endswith("leave 'yes' at 0.97 on average and turn the prediction in 0 of 24. This place decides.")


def test_a_place_that_counts_but_does_not_turn_the_prediction_does_not_decide(
    clf: seewhy.Classifier, photo: torch.Tensor
) -> None:
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:24] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")
    stays = replace(result, after=result.before - 0.2, prediction_after=result.prediction)
    assert stays.matters
    assert not stays.decides
    assert stays.sentence.endswith("This place counts for more than any other tried, but does not decide.")
    hardly = replace(stays, after=result.before - 0.009)  # a fall below 0.01 is none
    assert not hardly.matters
    assert hardly.sentence.endswith("The score of 'yes' hardly falls.")
    assert replace(hardly, head="none").matters  # values of any size


def test_where_more_than_one_in_twenty_of_the_controls_turn_the_prediction_no_place_decides(
    clf: seewhy.Classifier, photo: torch.Tensor
) -> None:
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:24] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")

    def with_turned(count: int) -> CropTest:
        return replace(result, control_predictions=[result.prediction_after] * count + [result.prediction] * (24 - count))

    assert with_turned(1).decides
    assert not with_turned(1).fragile
    fragile = with_turned(15)
    assert fragile.fragile
    assert fragile.matters
    assert fragile.turned
    assert not fragile.decides
    assert with_turned(2).fragile
    assert fragile.verdict == "the score falls most here, but the prediction is fragile: 15 of 24 other places turn it, too"
    one = replace(
        fragile, controls=result.controls[:12], control_predictions=[result.prediction_after, *[result.prediction] * 11]
    )
    assert one.verdict == "the score falls most here, but the prediction is fragile: 1 of 12 other places turns it, too"


def test_a_place_that_overlaps_it_is_no_chance(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    """The red lies to the right of what the map marks: the next place, 13 columns on, takes more of it away."""
    photo = photo.clone()
    photo[0, 8:22] = 0.1
    photo[0, 8:22, 18:38] = 0.9
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:30] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")
    assert result.p == 2 / 25
    assert len(result.controls) + len(result.overlapping) == 24
    assert (result.controls > result.after + 0.05).all()
    assert int((result.overlapping <= result.after).sum()) == 1
    assert not result.matters
    more = "this place counts for more than any apart from it, but a place that overlaps it does as much"
    assert result.verdict == more
    assert "hance" not in result.sentence
    twice = replace(result, p=3 / 25, overlapping=np.full(3, result.after))
    assert twice.verdict.endswith("but 3 places that overlap it do as much")
    widely = np.linspace(result.after + 0.001, result.before, len(result.controls))
    assert replace(result, controls=widely).verdict == more.replace("more", "hardly more")


def test_chance_is_where_the_controls_do_as_much(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:24] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")
    (one, three) = (
        replace(result, p=(1 + count) / 25, controls=np.array([result.after] * count + [result.before] * (24 - count)))
        for count in (1, 3)
    )
    assert one.verdict == "this may be chance: 1 of 24 other places does as much"
    assert three.verdict == "this may be chance: 3 of 24 other places do as much"
    assert three.sentence.endswith(". This may be chance: 3 of 24 other places do as much.")


@pytest.fixture
def colours() -> seewhy.Classifier:
    """The class of the colour that there is most of."""
    return seewhy.Classifier(lambda x: 40 * x.mean((2, 3)), preprocess=None, classes=["red", "green", "blue"])


@pytest.fixture
def colourful() -> torch.Tensor:
    """More red than green: the first choice is red, the second green."""
    photo = torch.zeros(3, 60, 60)
    photo[0, 5:20, 5:20] = 1
    photo[1, 40:54, 40:54] = 1
    return photo


def test_of_a_class_that_is_not_the_first_choice_it_says_which_choice_stays(
    colours: seewhy.Classifier, colourful: torch.Tensor
) -> None:
    e = seewhy.Explanation.from_map(colours, colourful, colourful[1].numpy(), "green")
    result = seewhy.crop_test(colours, e, fill="black")
    assert result.target.rank == 2
    assert not result.chosen
    assert not result.turned
    assert result.matters
    assert result.sentence == (
        "Without the strongest 5 % of the photo 'green' falls from 0.40 to 0.07 and the first choice stays 'red'. Equally large "
        "regions elsewhere leave 'green' at 0.42 on average and turn that choice in 3 of 24. This place counts for more than any "
        "other tried, but 'green' is not the first choice."
    )
    turned = replace(result, prediction_after=replace(result.prediction, name="blue", index=2))
    assert turned.turned
    assert not turned.decides
    assert "and the first choice turns from 'red' to 'blue'. Equally" in turned.sentence


def test_compared_with_another_class_it_says_what_the_score_is(colours: seewhy.Classifier, colourful: torch.Tensor) -> None:
    e = seewhy.Explanation.from_map(colours, colourful, colourful[0].numpy(), "red")
    test = seewhy.crop_test(colours, e, fill="black")
    other = seewhy.explain(colours, colourful, "occlusion", target="red", against="green", mask_size=15, stride=15)
    compared = seewhy.crop_test(colours, other, fill="black")
    (red, green) = colours.scores(colourful)[0, :2]
    assert test.before == pytest.approx(red, abs=1e-6)
    assert compared.before == pytest.approx(red / (red + green), abs=1e-6)
    assert " of the photo 'red' falls from " in test.sentence
    assert " of the photo 'red, not green' (its share of the two probabilities) falls from 0.58 to " in compared.sentence
    assert compared.panels()[1].caption.startswith("'red, not green' (its share of the two probabilities): 0.58 → ")


def test_of_several_labels_it_asks_whether_the_class_is_still_reported(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    labels = seewhy.Classifier(clf.network, preprocess=None, classes=["other", "square"], head="sigmoid")
    map_ = np.zeros((64, 64), np.float32)
    map_[8:22, 10:24] = 1
    result = seewhy.crop_test(labels, seewhy.Explanation.from_map(labels, photo, map_, "square"), fill="black")
    assert result.before > 0.5 > result.after
    assert result.turned
    assert "and the report turns. Equally large regions elsewhere leave 'square' at" in result.sentence
    wrong = np.zeros((64, 64), np.float32)
    wrong[40:54, 40:54] = 1
    result = seewhy.crop_test(labels, seewhy.Explanation.from_map(labels, photo, wrong, "square"), fill="black")
    assert not result.turned
    assert "and the report stays. " in result.sentence


def test_the_note_stands_at_its_own_map(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    e = seewhy.explain(clf, photo, target=["no", "yes"], relu=False)
    result = seewhy.crop_test(clf, e, number=1)
    assert result.number == 1
    assert [note.target for note in result.noted(e).notes if str(note).startswith("Without")] == [1]


def test_the_wrong_place_decides_nothing(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    map_ = np.zeros((64, 64), np.float32)
    map_[40:54, 40:54] = 1
    result = seewhy.crop_test(clf, seewhy.Explanation.from_map(clf, photo, map_, "yes"), fill="black")
    assert not result.turned
    assert not result.decides
    assert result.sentence.endswith("The score of 'yes' does not fall.")


def test_the_region_is_the_strongest_share_and_only_what_is_positive() -> None:
    map_ = np.arange(100, dtype=np.float32).reshape(10, 10) - 95
    assert strongest_region(map_, 0.03, 0).ravel().nonzero()[0].tolist() == [97, 98, 99]
    assert strongest_region(map_, 0.5, 0).ravel().nonzero()[0].tolist() == [96, 97, 98, 99]


def test_the_controls_have_the_same_shape_elsewhere() -> None:
    region = np.zeros((40, 60), bool)
    region[5:15, 10:22] = True
    (regions, apart) = regions_elsewhere(region)
    assert len({control.tobytes() for control in regions}) == 24
    assert (regions.sum(axis=(1, 2)) == region.sum()).all()
    overlaps = (regions & region).sum(axis=(1, 2)) / region.sum()
    np.testing.assert_array_equal(apart, overlaps <= 0.1 + region.mean())
    assert overlaps.max() > 0.1  # the neighbours touch it: they count for p, and not among the controls
    assert apart.sum() >= 16


def test_a_region_without_an_elsewhere_is_refused() -> None:
    scattered = np.zeros((20, 20), bool)
    scattered[:, ::4] = True  # each move by a fifth, which is four pixels, lays it on itself
    scattered[::4] = True
    with pytest.raises(
        seewhy.SeewhyError, match=r"spread so widely that no equally large region lies elsewhere: a smaller share="
    ):
        regions_elsewhere(scattered)


@pytest.mark.parametrize("fill", ["mean", "black", "blur", "noise", "inpaint", 0.5])
def test_what_is_edited_is_the_region_alone(clf: seewhy.Classifier, photo: torch.Tensor, fill: object) -> None:
    mask = np.zeros((64, 64), bool)
    mask[8:22, 10:24] = True
    edited = edit(clf, photo.numpy(), mask, fill, 0)
    np.testing.assert_array_equal(edited[:, ~mask], photo.numpy()[:, ~mask])
    assert np.isfinite(edited).all()
    assert edited[0, mask].mean() < (0.7 if fill == "blur" else 0.55)  # the red is gone, or spread
    if fill == "inpaint":  # continued from the border, which is faint noise
        assert edited[0, mask].mean() == pytest.approx(0.15, abs=0.1)
        assert 0 <= edited[:, mask].min() <= edited[:, mask].max() <= 0.3


def test_what_it_refuses(clf: seewhy.Classifier, photo: torch.Tensor) -> None:
    e = seewhy.Explanation.from_map(clf, photo, -np.ones((8, 8)), "yes")
    with pytest.raises(seewhy.SeewhyError, match="The map of 'yes' is positive nowhere: there is no evidence"):
        seewhy.crop_test(clf, e)
    even = seewhy.Explanation.from_map(clf, photo, np.ones((8, 8)), "yes")
    with pytest.raises(seewhy.SeewhyError, match="The map of 'yes' is the same everywhere: there is no evidence"):
        seewhy.crop_test(clf, even)
    with pytest.raises(seewhy.SeewhyError, match=r"share=1e-09 of 64×64 pixels is less than one: write a larger share"):
        seewhy.crop_test(clf, seewhy.explain(clf, photo, target="yes"), share=1e-9)
    with pytest.raises(seewhy.SeewhyError, match=r"share=0\.9: write a share of the photo above 0, up to 0.5"):
        seewhy.crop_test(clf, e, share=0.9)
    with pytest.raises(seewhy.SeewhyError, match=r"fill='gone': write a number, .* own units, .*'noise', 'inpaint'"):
        seewhy.crop_test(clf, seewhy.explain(clf, photo, target="yes"), fill="gone")
    with pytest.raises(seewhy.SeewhyError, match="number=1: the explanation has 1 maps"):
        seewhy.crop_test(clf, e, number=1)


def test_colours_of_a_photo_are_0_to_255() -> None:
    clf = seewhy.load("demo:honest")
    scene = seewhy.demo.scenes(1, labels=["bear"])[0]
    e = seewhy.explain(clf, scene.photo)
    with pytest.raises(seewhy.SeewhyError, match=r"^fill=0\.5: colours are 0 to 255; write fill=128\.$"):
        seewhy.crop_test(clf, e, fill=0.5)
    with pytest.raises(seewhy.SeewhyError, match=r"fill='gone': write a number, or one per channel, from 0 to 255 .*'inpaint'"):
        seewhy.crop_test(clf, e, fill="gone")


def test_it_is_saved_noted_and_drawn(clf: seewhy.Classifier, photo: torch.Tensor, tmp_path: Path) -> None:
    e = seewhy.explain(clf, photo, target="yes")
    result = seewhy.crop_test(clf, e)
    record = json.loads(result.save(tmp_path / "c.json").read_text())
    assert record["after"] == pytest.approx(result.after)
    assert record["turned"] is result.turned
    assert len(record["controls"]) == len(result.control_regions) >= 10
    assert result.save(tmp_path / "c.png").stat().st_size > 10_000
    (original, without, control) = result.panels()
    assert without.pixels.shape == control.pixels.shape == (64, 64, 3)
    assert original.pixels.shape == (576, 576, 3)  # larger squares, so that the line around the region is thin
    noted = result.noted(e)
    assert [test["p"] for test in noted.details["crop_test"]] == [result.p]
    assert record["overlapping"] == pytest.approx(result.overlapping.tolist())
    assert (record["fragile"], record["verdict"]) == (result.fragile, result.verdict)
    assert result.sentence.rstrip(".") in noted.notes


def test_the_shortcut_network_turns_without_the_logo_and_the_honest_one_does_not() -> None:
    """The story of the two networks in numbers; over 200 scenes with intervals in examples/the_logo.py."""
    scenes = [scene for scene in seewhy.demo.scenes(60, logo=True, seed=5) if scene.label == "bear"][:12]
    for name, expected in (("demo:shortcut", True), ("demo:honest", False)):
        clf = seewhy.load(name)
        turned, controls = [], []
        for scene in scenes:
            if clf.classify(scene.photo)[0].name != "bear":
                continue
            logo = scene.logo.astype(np.float32)
            e = seewhy.Explanation.from_map(clf, scene.photo, _on_input(clf, scene.photo, logo), "bear")
            result = seewhy.crop_test(clf, e)
            assert result.decides is result.turned  # where it turns, no other place does as much
            turned.append(result.turned)
            controls.append(result.controls_turned)
        assert len(turned) >= 8
        assert bool(np.mean(turned) > 0.6) is expected
        assert np.mean(controls) < 0.2


def _on_input(clf: seewhy.Classifier, photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A mask of the photo on the network's input."""
    pixels = clf.read(np.repeat((mask[:, :, None] * 255).astype(np.uint8), 3, axis=2)).pixels
    return pixels[0] / 255
