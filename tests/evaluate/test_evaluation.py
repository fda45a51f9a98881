"""evaluate(): every metric beside a random map and a centre blob, what it refuses, what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_nets import SmallNet, assert_same_state, state_of

import seewhy
from seewhy.evaluate import METRICS


@pytest.fixture(scope="module")
def clf() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


@pytest.fixture(scope="module")
def scene() -> seewhy.demo.Scene:
    return next(scene for scene in seewhy.demo.scenes(20, seed=3) if scene.animal.any())


@pytest.fixture(scope="module")
def explanation(clf: seewhy.Classifier, scene: seewhy.demo.Scene) -> seewhy.Explanation:
    return seewhy.explain(clf, scene.photo, target=["top1", "top2"], relu=False)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_stands_beside_a_random_map_and_a_blob(
    clf: seewhy.Classifier, scene: seewhy.demo.Scene, explanation: seewhy.Explanation, name: str
) -> None:
    result = seewhy.evaluate(clf, explanation, [name], steps=8, mask=scene.animal)
    assert set(result.values) == set(result.random) == set(result.centre) == {name}
    assert all(np.isfinite([result.values[name], result.random[name], result.centre[name]]))
    assert result.by_target[name].shape == (len(explanation.targets), 3)
    assert result.values[name] == pytest.approx(result.by_target[name][:, 0].mean(), abs=1e-6)
    again = seewhy.evaluate(clf, explanation, [name], steps=8, mask=scene.animal)
    assert again.values == result.values
    assert again.random == result.random
    assert METRICS[name].source
    assert METRICS[name].measure.__doc__


def test_a_true_map_beats_noise(clf: seewhy.Classifier, explanation: seewhy.Explanation) -> None:
    result = seewhy.evaluate(clf, explanation, ["deletion", "insertion"], steps=16)
    assert result.better_than("random") == {"deletion": True, "insertion": True}


def test_it_is_saved_as_numbers_and_as_a_picture(clf: seewhy.Classifier, explanation: seewhy.Explanation, tmp_path: Path) -> None:
    result = seewhy.evaluate(clf, explanation, steps=4)
    record = json.loads(result.save(tmp_path / "e.json").read_text())
    assert record["values"] == pytest.approx(result.values)
    assert record["curves"]["deletion"] == pytest.approx(result.curves["deletion"].tolist())
    assert (record["steps"], record["fill"], record["targets"]) == (4, "blur", [t.name for t in explanation.targets])
    assert result.save(tmp_path / "e.png").stat().st_size > 10_000
    assert [row[0] for row in result.rows()] == ["deletion area", "insertion area"]


def test_what_it_refuses(clf: seewhy.Classifier, scene: seewhy.demo.Scene, explanation: seewhy.Explanation) -> None:
    with pytest.raises(seewhy.SeewhyError, match=r"metrics='deletoin': write some of deletion, .* Did you mean 'deletion'"):
        seewhy.evaluate(clf, explanation, ["deletoin"])
    with pytest.raises(seewhy.SeewhyError, match=r"metrics='energy' needs mask=: bool \(H, W\) of the photo"):
        seewhy.evaluate(clf, explanation, ["energy"])
    with pytest.raises(seewhy.SeewhyError, match="The mask is empty: every map would score the same"):
        seewhy.evaluate(clf, explanation, ["energy"], mask=np.zeros_like(scene.animal))
    with pytest.raises(seewhy.SeewhyError, match="The mask covers the whole photo"):
        seewhy.evaluate(clf, explanation, ["energy"], mask=np.ones_like(scene.animal))
    with pytest.raises(seewhy.SeewhyError, match=r"The mask is \(3, 4\), the photo"):
        seewhy.evaluate(clf, explanation, ["energy"], mask=np.ones((3, 4), bool))
    with pytest.raises(seewhy.SeewhyError, match="steps=0"):
        seewhy.evaluate(clf, explanation, steps=0)
    with pytest.raises(seewhy.SeewhyError, match=r"This is a ndarray, not an explanation: give seewhy\.explain"):
        seewhy.evaluate(clf, np.zeros((3, 3)))  # type: ignore[arg-type]


def test_an_explanation_of_another_network_is_refused(clf: seewhy.Classifier, explanation: seewhy.Explanation) -> None:
    with pytest.raises(
        seewhy.SeewhyError, match=r"The explanation is of 'demo:honest' \(weights .*, this classifier is 'demo:shortcut'"
    ):
        seewhy.evaluate(seewhy.load("demo:shortcut"), explanation)
    with pytest.raises(
        seewhy.SeewhyError, match="went into its network as 96×128 pixels of 3 channels, this classifier takes 48×64"
    ):
        seewhy.evaluate(clf.with_preprocess(size=(48, 64)), explanation)


def test_a_map_of_ones_own_has_no_metric_that_computes_it_again(clf: seewhy.Classifier, scene: seewhy.demo.Scene) -> None:
    own = seewhy.Explanation.from_map(clf, scene.photo, np.random.default_rng(0).random((12, 16)))
    assert seewhy.evaluate(clf, own, ["deletion"], steps=4).values["deletion"] > 0
    with pytest.raises(seewhy.SeewhyError, match="A map of your own cannot be computed again, as the metrics 'stability'"):
        seewhy.evaluate(clf, own, ["stability"])


def test_a_function_as_the_target_is_refused(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small, preprocess=None)
    e = seewhy.explain(clf, small_photos[0], target=lambda output: output[:, 0] - output[:, 1])
    with pytest.raises(seewhy.SeewhyError, match="explains a function, not a class"):
        seewhy.evaluate(clf, e)


def test_the_network_and_the_random_states_come_back(small: SmallNet, small_photos: torch.Tensor) -> None:
    small.train()
    clf = seewhy.Classifier(small, preprocess=None)
    e = seewhy.explain(clf, small_photos[0])
    before = state_of(small)
    seewhy.evaluate(clf, e, ["deletion", "stability", "randomisation"], steps=4)
    assert_same_state(before, state_of(small))
