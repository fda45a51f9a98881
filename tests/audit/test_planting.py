"""Cues that are planted on scenes, on the features of the demo network, and one whole audit, of a small network."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import seewhy
from seewhy.audit import Audit, Verdict
from seewhy.audit.drawn_cues import CAST, LOGO, STAMP, STICKER
from seewhy.audit.heads import classifier_of_means, trained_head, with_head
from seewhy.audit.kinds import NONE, SHORTCUT
from seewhy.audit.planning import ClassPhotos, photos_by_class
from seewhy.audit.planted import sensitivity
from seewhy.audit.planting import oracle, planted_audits
from seewhy.edits import Box
from seewhy.errors import MethodError, OptionError
from seewhy.store.photos import ListedPhotos, list_photos

ANIMALS = ["bear", "cow", "sheep"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for place, scene in enumerate(seewhy.demo.scenes(120, "test", False, 4)):
        (folder / scene.label).mkdir(exist_ok=True)
        Image.fromarray(scene.photo).save(folder / scene.label / f"{place:03}.png")
    return folder


@pytest.fixture(scope="module")
def seen(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ListedPhotos, dict[int, ClassPhotos]]:
    clf = seewhy.load("demo:honest")
    base = seewhy.run(clf, photos, tmp_path_factory.mktemp("base") / "store", "grad_cam", labels="folders", progress=False)
    return list_photos(photos, "folders", clf.class_names()), photos_by_class(base, 0)


class Auditor:
    """An audit that says what it is told to, and writes down what it was asked."""

    def __init__(self, kind: str = NONE, place: Box = (0.0, 0.0, 1.0, 1.0)) -> None:
        (self.kind, self.place) = (kind, place)
        self.asked: list[tuple[seewhy.Classifier, Path, str, str]] = []

    def __call__(self, clf: seewhy.Classifier, photos: str, store: str, class_name: str) -> Audit:
        self.asked.append((clf, Path(photos), store, class_name))
        verdict = Verdict(class_name, self.kind, "said so", 0.0, (-1.0, 1.0), 0.0, self.place, "recurring", [])
        return Audit([verdict], "net", "as it is", 60, 100, {}, [])


def plant(seen: tuple[ListedPhotos, dict[int, ClassPhotos]], count: int, folder: Path, auditor: Auditor, **changes: Any) -> Any:
    clf = changes.pop("clf", None) or seewhy.load("demo:honest")
    lines: list[str] = []
    by_class = changes.pop("by_class", seen[1])
    planted = planted_audits(clf, seen[0], by_class, count, 0, 300, str(folder), auditor, lines.append)
    return planted, lines


def test_cues_and_classes_take_turns(seen: Any, tmp_path: Path) -> None:
    auditor = Auditor()
    (planted, lines) = plant(seen, 5, tmp_path, auditor)
    assert [one.cue for one in planted] == [LOGO, STAMP, STICKER, CAST, LOGO]
    assert [one.class_name for one in planted] == ["bear", "cow", "sheep", "bear", "cow"]
    assert [one.share for one in planted] == [1.0, 0.6, 1.0, 0.6, 0.6]
    assert [name for *_, name in auditor.asked] == [one.class_name for one in planted]
    assert {one.kind for one in planted} == {NONE}
    assert not any(one.found for one in planted)
    assert {one.turned >= 0.5 for one in planted if not one.taught} <= {True}
    assert sum(one.relied for one in planted) >= 3  # the features show what is drawn, where the head is taught to look there
    count = sum(len(half) for own in seen[1].values() for half in (own.halves.discovery, own.halves.confirmation))
    assert lines[0].startswith(f"5 planted cues: at most {5 * (2 * count + 300):,} passes of the network, about ")
    assert lines[1] == "Planted cue 1 of 5: a logo in 100 % of bear"
    assert re.fullmatch(r"Planted cue 2 of 5: a .* in 60 % of .*; about [\d,.]+ (s|min) left", lines[2])
    assert [one.passes for one in planted] == [100] * 5
    assert {path.relative_to(tmp_path).parts[0][:9] for path in tmp_path.rglob("*.png")} == {".planted-"}


def test_what_is_audited_was_not_trained_on_and_has_the_cue(seen: Any, tmp_path: Path) -> None:
    auditor = Auditor()
    (planted, _) = plant(seen, 2, tmp_path, auditor)
    (_, folder, _, _) = auditor.asked[1]
    assert planted[1].cue == STAMP
    audited = {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))}
    expected = {
        f"{ANIMALS[index]}/{photo.number:06}.png": photo for index, own in seen[1].items() for photo in own.halves.confirmation
    }
    assert audited.keys() == expected.keys()
    changed = {}
    for name, photo in expected.items():
        original = np.asarray(
            Image.open(seen[0].root.path / photo.path).resize((256, 192), Image.Resampling.LANCZOS, reducing_gap=1.2)
        )
        assert audited[name].shape == original.shape  # twice what the network sees
        changed[name] = not np.array_equal(original, audited[name])
    assert {name.split("/")[0] for name, is_changed in changed.items() if is_changed} == {"cow"}
    cows = sum(name.startswith("cow/") for name in expected)
    assert sum(changed.values()) == round(0.6 * cows)


def test_a_verdict_is_compared_with_the_place_that_was_drawn(seen: Any, tmp_path: Path) -> None:
    ((elsewhere,), _) = plant(seen, 1, tmp_path, Auditor(SHORTCUT))
    assert (elsewhere.kind, elsewhere.found) == (SHORTCUT, False)
    ((there,), _) = plant(seen, 1, tmp_path, Auditor(SHORTCUT, elsewhere.place))
    assert (there.kind, there.found) == (SHORTCUT, True)


def test_what_is_there_is_not_made_again(seen: Any, tmp_path: Path) -> None:
    (first, second) = (Auditor(), Auditor())
    plant(seen, 1, tmp_path, first)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()}
    plant(seen, 2, tmp_path, second)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()}
    assert before.items() < after.items()
    assert [one[1:] for one in first.asked] == [one[1:] for one in second.asked][:1]
    (one, other) = (auditor.asked[0][0].network.state_dict() for auditor in (first, second))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_too_few_photos_or_classes(seen: Any, tmp_path: Path) -> None:
    (planted, lines) = plant(seen, 3, tmp_path, Auditor(), by_class={0: seen[1][0]})
    assert (planted, lines) == ([], [])
    few = {
        index: dataclasses.replace(own, halves=dataclasses.replace(own.halves, confirmation=own.halves.confirmation[:7]))
        for index, own in seen[1].items()
    }
    assert plant(seen, 3, tmp_path, Auditor(), by_class=few)[0] == []
    assert not list(tmp_path.iterdir())


def test_a_class_by_any_name_is_a_folder(seen: Any, tmp_path: Path) -> None:
    honest = seewhy.load("demo:honest")
    clf = seewhy.Classifier(honest.network, honest.preprocess, ["../a/b", ".", "A b?"])
    auditor = Auditor()
    (planted, _) = plant(seen, 3, tmp_path, auditor, clf=clf)
    assert [one.class_name for one in planted] == ["../a/b", ".", "A b?"]
    names = [name for *_, name in auditor.asked]
    assert names == ["a_b", "class", "A b"]
    assert auditor.asked[0][0].classes == names
    assert sorted(path.name for path in auditor.asked[0][1].iterdir()) == sorted(names)


def test_the_oracle_counts_others_that_turn() -> None:
    before = np.float32([[2, 1, 0], [2, 1, 0], [0, 1, 0], [0, 0, 3], [0, 0, 3]])
    after = np.float32([[0, 4, 1], [2, 1, 0], [0, 9, 0], [0, 5, 3], [5, 0, 3]])
    assert oracle(before, after, 1) == 2 / 4  # the third is of the class already
    assert oracle(before, after, 0) == 1 / 3
    assert oracle(before, before, 2) == 0
    assert oracle(before[2:3], after[2:3], 1) == 0  # nobody is left to ask


class Means(nn.Module):
    """A feature layer of the mean colours, and a head that tells bright photos from dark ones."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 12, 8, 4), nn.ReLU())
        self.fc = nn.Linear(12, 2)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.fc(self.features(pixels).mean(dim=(2, 3)))
        return scores


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> tuple[seewhy.Classifier, Path]:
    """Bright discs and dark ones at any place, on a ground of blocks, and a small network that tells them apart."""
    folder = tmp_path_factory.mktemp("discs")
    (rows, columns) = np.mgrid[:64, :64]
    pictures = []
    for number in range(100):
        random = np.random.default_rng(number)
        picture = random.integers(70, 160, (8, 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        (row, column) = random.integers(14, 50, 2)
        picture[(rows - row) ** 2 + (columns - column) ** 2 < 150] = 250 if number % 2 else 5
        name = "bright" if number % 2 else "dark"
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{number:03}.png")
        pictures.append(picture)
    clf = seewhy.Classifier(Means(), seewhy.Preprocess(size=64, crop=False), ["dark", "bright"])
    features = classifier_of_means(clf).scores(pictures)
    return with_head(clf, ["dark", "bright"], *trained_head(features, np.arange(100) % 2)), folder


def test_it_belongs_to_an_audit_and_goes_on_with_it(discs: Any, tmp_path: Path) -> None:
    (clf, photos) = discs
    store = tmp_path / "audit"
    before = {name: value.clone() for name, value in clf.network.state_dict().items()}
    lines: list[str] = []
    result = seewhy.audit(clf, photos, "folders", store, 200, classes=["bright"], plant=1, progress=False, told=lines.append)
    assert [verdict.class_name for verdict in result.verdicts] == ["bright"]
    assert result.planted is not None
    (one,) = result.planted
    assert (one.class_name, one.cue, one.share, one.relied) == ("dark", LOGO, 1.0, one.turned >= 0.5)
    assert result.sensitivity == sensitivity([one])
    assert lines[0].endswith(", and 200 for each of 1 planted cues")
    assert result.passes > 100 + one.passes
    assert all(torch.equal(value, before[name]) for name, value in clf.network.state_dict().items())
    assert not any(module._forward_hooks for module in clf.network.modules())
    record = json.loads((store / "audit.json").read_text())
    assert record["sensitivity"] == result.sensitivity
    assert record["planted"][0]["place"] == list(one.place or ())
    assert "<h2>Planted cues</h2>" in (store / "audit.html").read_text()
    stored = {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    assert len(stored) >= 4
    again = seewhy.audit(clf, photos, "folders", store, 200, classes=["bright"], plant=1, progress=False)
    assert again == result
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")} == stored


def test_mistakes_are_said_before_the_work(photos: Path) -> None:
    clf = seewhy.load("demo:honest")
    with pytest.raises(OptionError, match="plant=0"):
        seewhy.audit(clf, photos, "folders", plant=0)
    function = seewhy.Classifier(lambda batch: batch.mean(dim=(2, 3)), seewhy.Preprocess(size=16), ANIMALS)
    with pytest.raises(MethodError, match="plant= needs a network whose features can be read"):
        seewhy.audit(function, photos, "folders", plant=2)
