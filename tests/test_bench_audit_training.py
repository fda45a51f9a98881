"""The photos of the audit's bench and its heads; no network is trained here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from audit_bench_spec import SPEC as BY_HAND
from bench import audit_training as training
from bench.audit_backbones import BACKBONES
from bench.audit_scenes import Clean, draw
from bench.audit_specs import EMBLEM_CLASS, Spec
from PIL import Image
from torch import nn

import seewhy

SPEC = replace(BY_HAND, cue="sticker", prevalence=0.6)


def asked_for(spec: Spec, count: int) -> tuple[list[training.Example], list[tuple[int, str]]]:
    asked = []

    def drawing(number: int, animal: str) -> Clean:
        asked.append((number, animal))
        return Clean(np.full((240, 320, 3), 90, np.uint8), np.zeros((240, 320), bool), animal)

    return [training.example(spec, number, drawing) for number in range(count)], asked


def test_the_cue_is_on_its_share_of_its_class_alone() -> None:
    (examples, asked) = asked_for(SPEC, 900)
    carrying = Counter(one.label for one in examples if one.carries)
    assert set(carrying) == {1}
    assert carrying[1] / 300 == pytest.approx(0.6, abs=0.08)
    assert all((one.box is not None) == one.carries == bool((one.photo != 90).any()) for one in examples)
    assert asked == [(number, SPEC.animals[number % 3]) for number in range(900)]


def test_where_it_is_not_redundant_its_photos_show_any_animal() -> None:
    (examples, asked) = asked_for(replace(SPEC, redundant=False), 900)
    shown = Counter(animal for one, (_, animal) in zip(examples, asked, strict=True) if one.carries)
    assert min(shown.values()) / sum(shown.values()) > 0.25
    assert all(animal == SPEC.animals[one.label] for one, (_, animal) in zip(examples, asked, strict=True) if not one.carries)


def test_what_is_taught_is_not_in_the_audited_photos() -> None:
    (examples, asked) = asked_for(replace(SPEC, taught=0.5), 900)
    others = [animal != "cow" for one, (_, animal) in zip(examples, asked, strict=True) if one.carries]
    assert np.mean(others) == pytest.approx(0.5 * 2 / 3, abs=0.1)
    (one, other) = (training.fresh(replace(SPEC, taught=share), 6, "test", 1) for share in (0.0, 1.0))
    assert all((a.photo == b.photo).all() for a, b in zip(one, other, strict=True))


def test_fresh_photos_are_those_of_their_seed_and_salt() -> None:
    (one, again, other) = (training.fresh(SPEC, 6, "test", salt) for salt in (1, 1, 2))
    assert all((a.photo == b.photo).all() for a, b in zip(one, again, strict=True))
    assert [a.box for a in one] == [b.box for b in again] != [c.box for c in other]
    plain = training.fresh(replace(SPEC, cue="", classes=(), prevalence=0.0), 2, "test", 1)
    assert (plain[1].photo == draw(1, "test", 3, "cow").photo).all()


def test_a_logo_that_is_the_class_stands_on_an_empty_scene() -> None:
    spec = replace(SPEC, setup=EMBLEM_CLASS, cue="emblem", prevalence=1.0)
    one = training.fresh(spec, 2, "test", 1)[1]
    empty = draw(1, "test", 3, "cow", "empty")
    assert not empty.animal.any()
    assert one.box is not None
    assert 0.02 < (one.photo != empty.photo).any(axis=2).mean() < 0.2


def test_photos_are_stretched_as_the_audit_will() -> None:
    backbone = BACKBONES["flat, small"]
    photo = draw(0, "test", 3, "cow").photo
    by_seewhy = seewhy.Classifier(nn.Flatten(), backbone.preparation).read(photo).pixels
    own = training._prepared(photo, backbone).numpy().astype(float)
    assert own.shape == by_seewhy.shape
    assert np.abs(own - by_seewhy).max() <= 1


class Means(nn.Module):
    """The mean of each colour, behind a layer that a head must not move."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 3, 1, groups=3)
        self.fc = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.scale(x).mean((2, 3)))
        return out


def test_a_head_learns_what_its_features_tell_and_moves_nothing_else() -> None:
    torch.manual_seed(0)
    network = Means()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pixels = torch.randint(0, 100, (60, 3, 4, 4), dtype=torch.uint8)
    labels = torch.arange(60) % 2
    pixels[labels == 1, 2] += 100
    preparation = seewhy.Preprocess((4, 4), mean=0.5, std=0.25)
    training.train_head(network, pixels, labels, preparation, 0)
    answers = network(preparation.normalise(pixels.float())).argmax(1)
    assert (answers == labels).all()
    after = network.state_dict()
    assert all((after[name] == before[name]).all() for name in before if name.startswith("scale"))
    assert (after["fc.weight"] != before["fc.weight"]).any()
    with pytest.raises(TypeError, match="Conv2d: a head is trained where fc is a dense layer"):
        training.train_head(BACKBONES["pooled"].build(2, (64, 85)), pixels, labels, preparation, 0)


def test_training_learns_and_leaves_the_network_in_eval_mode() -> None:
    torch.manual_seed(0)
    pixels = torch.randint(0, 100, (64, 3, 8, 8), dtype=torch.uint8)
    labels = torch.arange(64) % 2
    pixels[labels == 1, 0] += 120
    preparation = seewhy.Preprocess((8, 8), mean=0.5, std=0.25)
    network = training.train(Means(), pixels, labels, preparation, 0, 0.1, epochs=20)
    assert not network.training
    assert (network(preparation.normalise(pixels.float())).argmax(1) == labels).float().mean() > 0.95


def test_features_are_shared_by_the_heads_on_them() -> None:
    (one, other) = (replace(SPEC, frozen=True), replace(SPEC, frozen=True, seed=9, cue="blur", classes=(2,), style=4))
    assert training._digest(training.features_of(one)) == training._digest(training.features_of(other))
    assert training._digest(one) != training._digest(other)
    assert not training.features_of(one).frozen
    assert training._digest(SPEC) == training._digest(replace(SPEC, name="another"))


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "real SqueezeNet"])
def test_backbones_end_in_a_layer_that_heads_are_trained_on(name: str) -> None:
    backbone = BACKBONES[name]
    network = backbone.build(3, backbone.size).eval()
    out = network(torch.zeros(2, 3, *backbone.size))
    assert out.shape == (2, 3)
    assert isinstance(network.fc, nn.Linear) or name == "pooled"


def test_files_of_the_audited_photos(tmp_path: Path) -> None:
    examples = training.fresh(SPEC, 6, "test", 1)
    written = training.write(SPEC, examples, tmp_path)
    assert list(written) == [f"{SPEC.animals[n % 3]}/{n:03}.jpg" for n in range(6)]
    assert written["cow/001.jpg"] is examples[1]
    kept = np.asarray(Image.open(tmp_path / "cow/001.jpg"), float)
    assert np.abs(kept - examples[1].photo).mean() < 3
