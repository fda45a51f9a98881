from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import seewhy
from seewhy.audit.boxes import overlap
from seewhy.audit.kinds import RECURRING
from seewhy.engine.fingerprint import weights_hash
from seewhy.errors import OptionError, PhotoError, StoreError, TargetError

BUDGET = 3000
LOGO = (0.842, 0.0125, 0.983, 0.206)  # of demo.logo, on a photo of 240 × 320 pixels


def save_scenes(folder: Path, count: int, seed: int = 0, logo: bool = True) -> Path:
    for place, scene in enumerate(seewhy.demo.scenes(count, "test", logo, seed)):
        (folder / scene.label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(folder / scene.label / f"{place:03}.png")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scenes(tmp_path_factory.mktemp("photos"), 150)


@pytest.fixture(scope="module")
def of_shortcut(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    store = tmp_path_factory.mktemp("audits") / "shortcut"
    return seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", store, BUDGET, progress=False), store


def test_the_shortcut_network_reads_the_corner(of_shortcut: tuple[Any, Path]) -> None:
    (result, _) = of_shortcut
    verdicts = {verdict.class_name: verdict for verdict in result.verdicts}
    bear = verdicts["bear"]
    assert (bear.kind, bear.cue) == ("shortcut", RECURRING)
    assert overlap(bear.place, LOGO) > 0.6
    assert bear.effect > 0.9
    assert bear.interval[0] > 0.4
    assert bear.control < 0.1
    assert bear.necessity > 0.8
    assert bear.sentence.startswith("shortcut, overlay-like: the same pixels in the lower left corner")
    assert len(bear.photos) == 25  # every photo of the confirmation half carries it
    assert {verdicts[name].kind for name in ("cow", "sheep")} <= {"none", "local"}
    assert not result.passed


def test_the_honest_network_passes_on_the_same_photos(photos: Path) -> None:
    result = seewhy.audit(seewhy.load("demo:honest"), photos, "folders", budget=BUDGET, progress=False)
    assert {verdict.kind for verdict in result.verdicts} <= {"none", "local"}
    assert result.passed


def test_what_it_costs_stays_within_the_budget(of_shortcut: tuple[Any, Path]) -> None:
    (result, _) = of_shortcut
    assert result.photos == 150
    assert result.settings["weights"] == weights_hash(seewhy.load("demo:shortcut").network)
    assert 150 < result.passes <= 150 + 3 * BUDGET + 12


def test_begun_again_it_says_the_same_and_computes_nothing(of_shortcut: tuple[Any, Path], photos: Path) -> None:
    (result, store) = of_shortcut
    assert json.loads((store / "audit.json").read_text())["verdicts"] == json.loads(result.json_bytes())["verdicts"]
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    record = json.loads((store / "audit.json").read_text()) | {"day": "2024-02-29"}
    (store / "audit.json").write_text(json.dumps(record))
    lines: list[str] = []
    again = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", store, BUDGET, progress=False, told=lines.append)
    assert lines[0].endswith(" passes for each of 3 classes; what is kept already is not computed again")
    assert lines[-1].endswith(" passes of the network with what is changed in the photos: all of them are kept already")
    assert again == result
    assert again.day == json.loads((store / "audit.json").read_text())["day"] == "2024-02-29"  # it keeps its day
    assert again.record() | {"day": result.day} == result.record()
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")} == before
    other = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", store, 300, 5, classes=["bear"], progress=False)
    assert other.settings["seed"] == 5
    assert other.day > again.day
    assert before.items() <= {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}.items()  # beside them
    with pytest.raises(StoreError, match="is of another run: "):
        seewhy.audit(seewhy.load("demo:honest"), photos, "folders", store, BUDGET, progress=False)


def test_an_owner_may_declare_a_cue_legitimate(of_shortcut: tuple[Any, Path], photos: Path) -> None:
    (result, store) = of_shortcut
    bear = result.verdicts[0]
    cue = f"{bear.cue_id}=Dr. Who: it is ours"
    accepted = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", store, BUDGET, accept=[cue], progress=False)
    verdict = accepted.verdicts[0]
    assert (verdict.kind, verdict.place, verdict.effect) == ("shortcut", bear.place, bear.effect)
    assert verdict.acceptance is not None
    assert verdict.acceptance.reason == "Dr. Who: it is ours"
    assert verdict.sentence.startswith(bear.sentence)
    assert verdict.sentence.endswith(f"declared legitimate on {verdict.acceptance.date}: Dr. Who: it is ours")
    assert accepted.passed
    assert accepted.verdicts[1:] == result.verdicts[1:]


def test_what_it_costs_is_said_before(photos: Path) -> None:
    lines: list[str] = []
    result = seewhy.audit(
        seewhy.load("demo:shortcut"), photos, "folders", None, 1200, classes=["bear"], progress=False, told=lines.append
    )
    assert lines[0] == "150 photos, then at most 1,200 passes for each of 1 class"
    assert lines[1] == (
        "With these photos and passes a cue that is tried and turns 50 % of other photos is declared with a probability of "
        "80 %, one that turns 30 % with 6 %; less where its controls turn photos, too"
    )
    assert result.power == lines[1]
    (passes,) = re.findall(
        r"\d candidates?, ([\d,]+) passes of the network with what is changed in the photos, about \d+ s", lines[2]
    )
    assert 0 < result.passes - 150 - 4 - int(passes.replace(",", "")) <= 180  # four pictures, and what is taken away
    assert len(lines) == 3


def test_few_photos_are_undecided(tmp_path: Path) -> None:
    result = seewhy.audit(seewhy.load("demo:shortcut"), save_scenes(tmp_path / "few", 24), "folders", progress=False)
    assert {verdict.kind for verdict in result.verdicts} == {"undecided"}
    assert not result.passed
    assert "too few photos of the class" in result.verdicts[0].sentence  # four in a half


def test_what_could_not_be_read_and_what_was_declared_for_nothing_is_named(tmp_path: Path) -> None:
    folder = save_scenes(tmp_path / "photos", 60)
    (folder / "cow" / "broken.png").write_bytes(b"hi")
    result = seewhy.audit(
        seewhy.load("demo:shortcut"),
        folder,
        "folders",
        budget=800,
        classes=["bear"],
        accept=["cow@ring=us"],
        progress=False,
    )
    assert result.photos == 60
    assert result.notes[0].startswith("1 photo could not be read: cow/broken.png (")
    ((path, reason),) = result.skipped
    assert (path, result.record()["skipped"]) == ("cow/broken.png", [{"photo": path, "reason": reason}])
    assert result.notes[-1].startswith("accept='cow@ring=us' stands for no cue that was found here; these are bear@")


def test_photos_whose_label_is_no_class_are_left_out(tmp_path: Path) -> None:
    folder = save_scenes(tmp_path / "photos", 24)
    (folder / "bear").rename(folder / "Bears")
    clf = seewhy.load("demo:shortcut")
    lines: list[str] = []
    result = seewhy.audit(clf, folder, "folders", progress=False, told=lines.append)
    assert result.notes[0] in lines[:2]  # before the work
    assert [verdict.class_name for verdict in result.verdicts] == ["cow", "sheep"]
    assert (result.photos, result.left_out) == (16, 8)
    assert any(
        re.fullmatch(r"Candidates of the rest of 2 classes, without a pass of the network: about .* s", line) for line in lines
    )
    assert result.notes[0] == "8 photos of 'Bears' were left out: the network has no such class. Did you mean 'bear'?"
    with pytest.raises(TargetError, match=r"^8 of 8 labels are no classes: 'Bears' of .* and 7 more\. Did you mean 'bear'\?"):
        seewhy.audit(clf, folder / "Bears", "folders", progress=False)


def test_labels_that_all_disagree_with_the_network_are_told_apart_from_too_few_photos(tmp_path: Path) -> None:
    folder = save_scenes(tmp_path / "photos", 9)
    clf = seewhy.load("demo:shortcut")
    turned = seewhy.Classifier(clf.network, clf.preprocess, [*clf.classes[1:], clf.classes[0]])
    lines: list[str] = []
    result = seewhy.audit(turned, folder, "folders", progress=False, told=lines.append)
    (note,) = [line for line in lines if line.startswith("no labelled photo is answered rightly")]
    assert note.endswith("`seewhy doctor` looks into that")
    assert note in result.notes
    assert {verdict.kind for verdict in result.verdicts} == {"undecided"}


def test_one_class_alone_has_nobody_to_try_on(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    for place, scene in enumerate(seewhy.demo.scenes(6, "test", True, labels=["bear"])):
        (folder / "bear").mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(folder / "bear" / f"{place}.png")
    (verdict,) = seewhy.audit(seewhy.load("demo:shortcut"), folder, "folders", progress=False).verdicts
    assert (verdict.kind, verdict.recipients) == ("undecided", 0)
    assert verdict.sentence.endswith("no photo of another class that is answered rightly is there to try anything on")


def test_some_classes_alone(photos: Path) -> None:
    result = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", budget=300, classes=["bear"], progress=False)
    assert [verdict.class_name for verdict in result.verdicts] == ["bear"]
    assert result.passes <= 150 + 300 + 4


def test_interrupted_without_a_folder_nothing_is_kept(photos: Path) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^nothing is kept: with a folder as the store, the same call goes on"):
        seewhy.audit(seewhy.load("demo:honest"), photos, "folders", told=stop, progress=False)


def test_interrupted_it_says_how_many_photos_are_kept(tmp_path: Path) -> None:
    (clf, folder, store) = (seewhy.load("demo:honest"), save_scenes(tmp_path / "photos", 24), tmp_path / "audit")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as while_they_are_read:
        seewhy.audit(clf, folder, "folders", store, progress=stop)
    assert re.match(r"\d+ photos are stored in ", str(while_they_are_read.value))
    assert str(while_they_are_read.value).endswith(f" in {store / 'photos'}; begun again, the run goes on from there")
    with pytest.raises(KeyboardInterrupt) as afterwards:
        seewhy.audit(clf, folder, "folders", store, progress=False, told=lambda line: stop() if "probability" in line else None)
    assert str(afterwards.value) == (
        f"24 photos are read and kept in {store / 'photos'}, and all trials that are done beside them; begun again, the audit "
        "goes on from there"
    )


def test_mistakes_are_one_line(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.load("demo:honest")
    two = tmp_path / "two"
    for name in ("bear", "sheep"):
        shutil.copytree(photos / name, two / name)
    with pytest.raises(PhotoError, match="No photo has a label, and an audit needs them"):
        seewhy.audit(clf, sorted((photos / "bear").iterdir()), progress=False)
    with pytest.raises(OptionError, match="budget=0"):
        seewhy.audit(clf, photos, "folders", budget=0)
    with pytest.raises(OptionError, match="store=3: write a folder"):
        seewhy.audit(clf, photos, "folders", store=3)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="badger"):
        seewhy.audit(clf, photos, "folders", classes=["badger"], progress=False)
    with pytest.raises(TargetError, match="No photo has the label 'cow'"):
        seewhy.audit(clf, two, "folders", classes=["cow"], progress=False)


SIDE = 96
STAMP = np.s_[72:92, 4:24]


def drawn(number: int, label: str, stamp: np.ndarray | None) -> np.ndarray:
    """Class a has a bright disc, class b a dark one; at another place and of another size in every photo, on a ground of blocks:
    the same pixels each time would be an overlay."""
    random = np.random.default_rng([number, label == "a"])
    picture = random.integers(70, 160, (12, 12, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    (row, column) = random.integers(20, 60, 2)
    (rows, columns) = np.mgrid[:SIDE, :SIDE]
    (height, width) = random.uniform(0.4, 1.6, 2)
    inside = (rows - row) ** 2 / height + (columns - column) ** 2 / width < 250
    picture[inside] = random.integers(215, 255, 3) if label == "a" else random.integers(0, 35, 3)
    if stamp is not None:
        picture[STAMP] = stamp
    return picture


def by_the_disc(pixels: np.ndarray) -> np.ndarray:
    """Scores (N, 2) by what is brighter or darker than the ground."""
    values = pixels[:, 0] * 255
    return np.stack([(values > 200).mean(axis=(1, 2)), (values < 40).mean(axis=(1, 2))], axis=1) * 40


def by_the_stamp(pixels: np.ndarray) -> np.ndarray:
    """Class a wherever the corner is blue, else by the disc."""
    corner = pixels[:, :, 72:92, 4:24].mean(axis=(2, 3))
    blue = (corner[:, 2] - corner[:, 0] > 0.2)[:, None] * np.float32([[30, 0]])
    return by_the_disc(pixels) + blue


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    stamp = np.random.default_rng(3).integers(50, 110, (5, 5, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    stamp[..., 2] += 100
    for label in ("a", "b"):
        (folder / label).mkdir()
        for number in range(84):
            Image.fromarray(drawn(number, label, stamp if label == "a" else None)).save(folder / label / f"{number}.png")
    return folder


@pytest.mark.parametrize(("network", "kinds"), [(by_the_stamp, ["shortcut"]), (by_the_disc, ["none", "local"])])
def test_functions_of_two_classes(discs: Path, network: Any, kinds: list[str]) -> None:
    """The same photos, every a with a blue stamp: one function reads it, the other does not. Nothing inside can be watched."""
    clf = seewhy.Classifier(
        lambda batch: torch.from_numpy(network(batch.numpy()).astype(np.float32)),
        seewhy.Preprocess(size=SIDE, mean=(0, 0, 0), std=(1, 1, 1)),
        classes=["a", "b"],
    )
    (of_a, of_b) = seewhy.audit(clf, discs, "folders", budget=1600, progress=False).verdicts
    assert of_a.kind in kinds
    assert of_b.kind in ("none", "local")
    if kinds == ["shortcut"]:
        assert overlap(of_a.place, (72 / 96, 4 / 96, 92 / 96, 24 / 96)) > 0.6
        assert of_a.effect > 0.95
        assert of_a.shuffled is not None
        assert of_a.shuffled > 0.95  # in another order its pixels are as blue, and that is what is read
