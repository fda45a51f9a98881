"""evaluate(): every metric beside a random map and a centre blob, what it refuses, what it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import heads
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image
from small_nets import SmallNet, assert_same_state, state_of

import seewhy
from seewhy.evaluate import METRICS
from seewhy.evaluate.masked import MaskedPhoto


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


def test_progress_counts_the_photos_that_go_through(small: SmallNet, small_photos: torch.Tensor) -> None:
    """So that work of minutes is told, and moves, whatever is measured."""
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0], target="top2")
    heard: list[tuple[int, int]] = []
    names = [name for name in METRICS if not METRICS[name].needs_mask]
    result = seewhy.evaluate(clf, e, names, 20, progress=lambda done, total, _: heard.append((done, total)))
    assert heard[0] == (1, result.cost)
    assert heard[-1] == (result.cost, result.cost)
    assert result.cost == 1 + 2 * (58 + 58 + 3 + 3 + 100 + 4 + 1)
    steps = np.diff([done for done, _ in heard])
    assert steps.min() > 0
    assert steps.max() <= 32


def test_long_work_says_how_long(
    small: SmallNet, small_photos: torch.Tensor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0])
    monkeypatch.setattr(MaskedPhoto, "seconds_each", 0.1)
    seewhy.evaluate(clf, e, ["deletion"], steps=20)
    assert capsys.readouterr() == ("", "Evaluation: 59 forward passes, about 6 s\n")


def test_a_fill_that_does_not_hide_the_class_is_named(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    e = seewhy.explain(clf, small_photos[0], "grad_cam", target=[0, 1])
    own = e.photo.pixels
    result = seewhy.evaluate(clf, e, ["insertion", "deletion"], steps=2, fill="mean")
    result = replace(result, ends={"insertion": np.array([[0.9, 0.44], [0.9, 0.46]], np.float32)})
    assert not result.hides
    assert result.notes == ["with everything hidden (mean) 'class 1' still scores 0.46: try another fill"]
    assert result.notes[0].target == 1
    assert result.record()["notes"] == [str(result.notes[0])]
    assert replace(result, ends={}).hides
    for name, edge in (("deletion", [0, -1]), ("insertion", [-1, 0])):
        result = seewhy.evaluate(
            clf, replace(e, maps=e.maps[:1], targets=e.targets[:1]), [name], 2, own.mean(axis=(1, 2)).tolist()
        )
        np.testing.assert_allclose(result.ends[name], [result.curves[name][edge]])
        np.testing.assert_allclose(result.ends[name][0, 0], e.targets[0].score, atol=1e-5)


def test_the_picture_says_of_what_and_how(clf: seewhy.Classifier, scene: seewhy.demo.Scene, tmp_path: Path) -> None:
    Image.fromarray(scene.photo).save(tmp_path / "meadow.png")
    e = seewhy.explain(clf, tmp_path / "meadow.png")
    result = seewhy.evaluate(clf, e, ["deletion"], steps=4, fill=(1, 2, 3), seed=5)
    figure = result.plot()
    texts = [" ".join(text.get_text().split()) for text in figure.findobj(Text)]  # without the ends of lines
    assert f"meadow.png: grad_cam of {e.targets[0].name} by demo:honest" in texts
    (footer,) = (text for text in texts if "hidden pixels" in text)
    assert "hidden pixels: 1, 2, 3 · 4 steps · seed 5 demo:honest · grad_cam · " in footer
    assert e.photo.preprocessing in footer
    assert result.record()["photo"] == "meadow.png"


def test_it_says_what_auto_took(scene: seewhy.demo.Scene) -> None:
    clf = heads.flat()
    result = seewhy.evaluate(clf, seewhy.explain(clf, scene.photo), steps=4)
    assert (result.method, heads.chosen(result.notes)) == ("hires_cam", [heads.FLAT])
    assert heads.FLAT in " ".join(result.record()["notes"])
    named = seewhy.evaluate(clf, seewhy.explain(clf, scene.photo, "hires_cam"), steps=4)
    assert (named.values, heads.chosen(named.notes)) == (result.values, [])
