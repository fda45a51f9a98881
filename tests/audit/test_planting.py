"""Cues that are planted on scenes, on the features of the demo network; two real audits, small ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import seewhy
from seewhy.audit import Audit, Verdict
from seewhy.audit.drawn_cues import CAST, LOGO, STAMP, STICKER, DrawnCue
from seewhy.audit.kinds import NONE, SHORTCUT
from seewhy.audit.planning import ClassPhotos, photos_by_class
from seewhy.audit.planting import PlantedClass, Planting, oracle, planted_audits
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

    def __init__(self, kind: str = NONE, right_place: bool = True) -> None:
        (self.kind, self.right_place) = (kind, right_place)
        self.asked: list[tuple[seewhy.Classifier, Path, str, str]] = []

    def __call__(self, clf: seewhy.Classifier, photos: str, store: str, class_name: str) -> Audit:
        self.asked.append((clf, Path(photos), store, class_name))
        verdict = Verdict(class_name, self.kind, "said so", 0.0, (-1.0, 1.0), 0.0, (0.0, 0.0, 1.0, 1.0), "recurring", [])
        return Audit([verdict], "net", "as it is", 60, 100, {}, [])


def plant(seen: tuple[ListedPhotos, dict[int, ClassPhotos]], count: int, folder: Path, auditor: Auditor, **changes: Any) -> Any:
    clf = changes.pop("clf", None) or seewhy.load("demo:honest")
    lines: list[str] = []
    by_class = changes.pop("by_class", seen[1])
    planted = planted_audits(clf, seen[0], by_class, count, 0, 300, 0.0, str(folder), auditor, lines.append)
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
    assert sum(one.relied for one in planted) >= 4  # the features of a small network show what is drawn
    assert lines[0].startswith("5 planted cues: at most 2,300 passes")  # 2 · 60 photos, 300 passes, 40 features each
    assert lines[1] == "Planted cue 1 of 5: a logo in 100 % of bear"
    assert [one.passes for one in planted] == [100 + 40] * 5
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
        original = np.asarray(Image.open(seen[0].root.path / photo.path))
        assert original.shape == audited[name].shape == (240, 320, 3)  # at most twice what the network sees would be 256
        changed[name] = not np.array_equal(original, audited[name])
    assert {name.split("/")[0] for name, is_changed in changed.items() if is_changed} == {"cow"}
    cows = sum(name.startswith("cow/") for name in expected)
    assert sum(changed.values()) == round(0.6 * cows)


def test_a_wrong_place_is_not_found(seen: Any, tmp_path: Path) -> None:
    (planted, _) = plant(seen, 1, tmp_path, Auditor(SHORTCUT))
    assert (planted[0].kind, planted[0].found) == (SHORTCUT, False)


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


class ByCorner(nn.Module):
    """The second class where the lower left corner is white, else the first."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        white = (pixels[:, :, -2:, :2].mean(dim=(1, 2, 3)) > 0.9).float()
        return torch.stack([0.5 - white, white - 0.5], dim=1)


class Corner(DrawnCue):
    def on(self, pixels: Any, key: str) -> Any:
        drawn = pixels.copy()
        drawn[-4:, :4] = 255
        return drawn


def test_the_oracle_draws_the_cue_on_others() -> None:
    clf = seewhy.Classifier(ByCorner(), seewhy.Preprocess(size=16, mean=(0, 0, 0), std=(1, 1, 1)), ["a", "b"])
    black = np.zeros((16, 16, 3), np.uint8)
    white = np.full((16, 16, 3), 255, np.uint8)
    classes = [PlantedClass("a", {}, {"a/1": black, "a/2": black, "a/3": white}), PlantedClass("b", {}, {"b/1": black})]
    assert oracle(clf, Planting(0, 1, Corner(LOGO, 0), 1.0), classes) == (1.0, 2)  # the white one is of class b already
    assert oracle(clf, Planting(0, 0, Corner(LOGO, 0), 1.0), classes) == (0.0, 1)  # it never turns one into class a


def test_a_planted_logo_is_found_by_the_audit_itself(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.load("demo:honest")
    hooks = [len(module._forward_hooks) for module in clf.network.modules()]
    store = tmp_path / "audit"
    result = seewhy.audit(clf, photos, "folders", store, 400, classes=["sheep"], plant=1, progress=False)
    assert [verdict.class_name for verdict in result.verdicts] == ["sheep"]
    assert result.planted is not None
    (one,) = result.planted
    assert (one.class_name, one.cue, one.share) == ("bear", LOGO, 1.0)
    assert one.turned > 0.9
    assert (one.kind, one.found) == (SHORTCUT, True)
    assert result.sensitivity == (
        "On your photos, 1 of 1 planted cues were found, 1 as a shortcut (sensitivity only: it says nothing about false alarms)"
    )
    assert [len(module._forward_hooks) for module in clf.network.modules()] == hooks
    record = json.loads((store / "audit.json").read_text())
    assert record["sensitivity"] == result.sensitivity
    assert record["planted"][0]["place"] == list(one.place or ())
    assert "<h2>Planted cues</h2>" in (store / "audit.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    again = seewhy.audit(clf, photos, "folders", store, 400, classes=["sheep"], plant=1, progress=False)
    assert again == result
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")} == before


def test_mistakes_are_said_before_the_work(photos: Path) -> None:
    clf = seewhy.load("demo:honest")
    with pytest.raises(OptionError, match="plant=0"):
        seewhy.audit(clf, photos, "folders", plant=0)
    function = seewhy.Classifier(lambda batch: batch.mean(dim=(2, 3)), seewhy.Preprocess(size=16), ANIMALS)
    with pytest.raises(MethodError, match="plant= needs a network whose features can be read"):
        seewhy.audit(function, photos, "folders", plant=2)
