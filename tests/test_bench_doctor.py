"""The doctor's bench, smaller: one trained network, spoilt in some ways, and how the table is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import doctor, spoilt
from bench.small_networks import Plain
from bench.spoilt import HALF, WAYS, Recipe
from torch import nn

import seewhy
from seewhy.doctor.trials import PrivateCopy

DIGITS = Recipe(
    "digits",
    partial(Plain, 10, 1, nn.BatchNorm2d, (16, 32, 48)),
    seewhy.Preprocess(32, channels=1, **HALF),
    data="digits",
    seed=5,
)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing is left under ``out``."""
    folder = tmp_path_factory.mktemp("doctor")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spoilt, "PLACE", folder)
        patched.setattr(doctor, "PLACE", folder)
        yield folder


def verdict(way: str, fault: str, *named: str, network: str = "a", with_labels: bool = True) -> doctor.Verdict:
    return doctor.Verdict(network, way, fault, with_labels, named)


def test_the_fault_and_nothing_else_is_right() -> None:
    assert verdict("", "").is_right
    assert not verdict("", "", "resize").is_right
    assert verdict("swapped", "channel order", "channel order").is_right
    assert not verdict("swapped", "channel order", "channel order", "head").is_right
    assert not verdict("swapped", "channel order").is_right


def test_the_twelve_take_turns() -> None:
    verdicts = [
        verdict(way.name, way.fault, network=network, with_labels=with_labels)
        for network in "abc"
        for way in WAYS
        for with_labels in (False, True)
    ]
    chosen = doctor.the_twelve(verdicts)
    assert [v.way for v in chosen] == [way.name for way in doctor.THE_TWELVE]
    assert [v.network for v in chosen] == list("abc") * 4
    assert all(v.with_labels for v in chosen)


def test_figures_are_shares_with_wilson_s_interval() -> None:
    verdicts = [verdict("", "")] + [verdict(w.name, w.fault, *([w.fault] * (w.name != "values 0-255"))) for w in WAYS[:12]]
    figures = {figure.name: figure for figure in doctor.figures_of(verdicts)}
    assert figures["doctor/one way each, 12 networks"].value == pytest.approx(100 * 11 / 12)
    assert figures["doctor/one way each, 12 networks"].reached
    assert figures["doctor/sound, labels, 1 networks"].value == 100


def test_verdicts_are_kept_for_these_sources(place: Path) -> None:
    first = doctor.kept("a", lambda: [verdict("swapped", "classes swapped", "classes swapped", "head")])
    assert doctor.kept("a", list) == first
    assert first[0].named == ("classes swapped", "head")
    (path,) = place.glob("verdicts/*/a.json")
    path.unlink()
    assert doctor.kept("a", list) == []


def test_passes_that_were_made_are_not_made_again() -> None:
    clf = seewhy.load("demo:honest")
    photos = [scene.photo for scene in seewhy.demo.scenes(3)]
    run = PrivateCopy.run
    with doctor.remembered():
        (first, second) = (seewhy.doctor(clf, photos, progress=False) for _ in range(2))
        other = seewhy.doctor(clf.with_preprocess(order="BGR"), photos, progress=False)
    assert first.cost.forward > other.cost.forward > second.cost.forward == 0
    assert first.table() == second.table()
    assert PrivateCopy.run is run


def test_a_trained_network_is_kept_and_one_that_has_not_learned_refused(place: Path) -> None:
    network = spoilt.trained(DIGITS)
    (path,) = place.glob("digits, *.pt")
    weights = torch.load(path, weights_only=True)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    spoilt.trained.cache_clear()
    assert all(torch.equal(value, weights[name]) for name, value in spoilt.trained(DIGITS).state_dict().items())
    with pytest.raises(RuntimeError, match=r"^'digits' has not learned: \d+% of its answers are right"):
        spoilt.trained(replace(DIGITS, rate=1e-7, epochs=1))


def test_what_is_judged_was_not_tuned_on() -> None:
    assert not {recipe.name for recipe in doctor.TUNING} & {recipe.name for recipe in doctor.JUDGED}
    assert not {(recipe.data, recipe.seed) for recipe in doctor.TUNING} & {(r.data, r.seed) for r in doctor.JUDGED}
    (tuned, judged) = (spoilt.digit_photos(part)[0] for part in ("validation", "test"))
    assert not {photo.tobytes() for photo in tuned} & {photo.tobytes() for photo in judged}


def test_a_trained_network_spoilt_in_each_way() -> None:
    """Grey digits: every way that such a network can be spoilt in, with labels; and sound, nothing."""
    verdicts = [v for v in doctor.judge([DIGITS], count=80) if v.with_labels]
    assert {v.way for v in verdicts} >= {"", "not normalised", "normalised twice", "values 0-255", "weights never loaded"}
    assert [v for v in verdicts if not v.is_right] == []
    assert len(verdicts) == 17
    (photos, labels) = DIGITS.photos("test", 80)
    answers = [predictions[0].name for predictions in DIGITS.classifier.classify(photos)]
    assert np.mean(np.array(answers) == labels) >= 0.9
