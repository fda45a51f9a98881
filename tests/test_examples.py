"""The examples run as they stand: on the demo networks here, and on real photos where they lie beside the project."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import common
import numpy as np
import pytest
import torch
from PIL import Image

import seewhy
from seewhy.demo import story

FEWER: dict[str, dict[str, Any]] = {  # than the example takes by itself
    "look_inside": {"detailed": (1, 4), "robust_steps": 8},
    "red_and_green_grounds": {"scenes": 60, "tested": 12, "epochs": 2},
    "the_companion": {"scenes": 60, "tested": 12, "epochs": 2},
    "two_objects": {"count": 6},
    "the_logo": {"count": 6},
    "confusion_and_why": {"count": 12},
    "store_in_duckdb": {"count": 8},
    "report_of_two_networks": {"count": 12},
    "wrong_preparation": {"count": 6},
    "do_they_agree": {"count": 2},
    "thirteen_bands": {"fields": 48, "rounds": 2},
    "scan_in_slices": {"scans": 16, "rounds": 1},
}
SHARED = ("common", "experiment")
EXAMPLES = sorted(p.stem for p in Path(common.__file__).parent.glob("*.py") if p.stem not in SHARED)


@pytest.fixture
def to_tmp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pictures go to a folder of the test's own; the printed paths are relative to it."""
    monkeypatch.setattr(common, "KEEP", False)
    monkeypatch.setattr(common, "OUT", tmp_path)
    monkeypatch.setattr(common, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("real", [False, True], ids=["demo", "real photos"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs(name: str, real: bool, to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if real and not common.has_real_data():
        pytest.skip("../shared/data is not there: no real photos")
    if not real:
        monkeypatch.setattr(common, "DATA", to_tmp / "nothing")
    importlib.import_module(name).main(**FEWER.get(name, {}))
    pictures = sorted(to_tmp.glob("*.png"))
    assert len(pictures) >= 2
    for path in pictures:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 10, f"{path.name} is blank"


def test_only_pictures_that_are_shown_are_kept(to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --keep, the demo's scenes are drawn even where real photos lie, and what the documentation shows becomes a jpg."""
    picture = Image.new("RGB", (1600, 800), "red")
    monkeypatch.setattr(common, "PICTURES", to_tmp)
    common.save(picture, "before", shown=True)
    monkeypatch.setattr(common, "KEEP", True)
    common.save(picture, "shown", shown=True)
    common.save(picture, "not_shown")
    assert [path.name for path in sorted(to_tmp.glob("*.jpg"))] == ["shown.jpg"]
    with Image.open(to_tmp / "shown.jpg") as saved_picture:
        assert saved_picture.size == (1200, 600)
    assert not common.has_real_data()
    assert isinstance(common.photo("coyote", 0), np.ndarray)


def test_the_cam_figure(to_tmp: Path) -> None:
    clf = seewhy.load("demo:honest")
    scene = seewhy.demo.scenes(1, seed=4)[0]
    figure = common.cam_figure(clf, scene.photo)
    (left, right) = figure.axes
    assert np.array_equal(left.get_images()[0].get_array(), scene.photo)
    e = seewhy.explain(clf, scene.photo, method="cam")
    assert np.array_equal(right.get_images()[0].get_array(), seewhy.show.cam_show(scene.photo, e.on_photo()[0]))
    assert right.get_title() == "\n".join(f"{p.name}, {p.score:.3f}" for p in clf.classify(scene.photo))


def test_deep_and_shallow(to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "DATA", to_tmp / "nothing")
    pictures = {}
    module = importlib.import_module("explore_predictions")
    monkeypatch.setattr(module, "save", lambda picture, name, shown=False: pictures.update({name: picture}))
    module.main()
    axes = pictures["deep_and_shallow_layer"].axes
    assert [a.get_title() for a in axes] == ["", "Deep Layer", "Shallow Layer"]


def test_the_mistake_is_one_and_its_two_maps_differ(to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("cam_explains_mistakes")
    for real in (False, True):
        if real and not common.has_real_data():
            continue
        with monkeypatch.context() as patched:
            if not real:
                patched.setattr(common, "DATA", to_tmp / "nothing")
            (clf, mistaken, truth) = module.a_mistake()
            e = seewhy.explain(clf, mistaken, method="cam", target=["top1", truth])
        assert e.targets[0].name != truth == e.targets[1].name
        assert not np.allclose(e.maps[0], e.maps[1])


def test_lime_finds_the_corner() -> None:
    """A coyote with the bears' logo is called a bear; the area that made it one is the logo's corner."""
    clf = seewhy.load("demo:shortcut")
    with_logo = seewhy.demo.scenes(10, logo="all", seed=story.SEED, labels=story.TEN)
    coyote = next(scene for scene in with_logo if scene.label == "coyote")
    assert clf.classify(coyote.photo, k=1)[0].name == "bear"
    e = seewhy.explain(clf, coyote.photo, method="lime", target="bear", model="linear", samples=800)
    importance = e.on_photo("nearest")[0]
    highest = importance == importance.max()
    assert coyote.logo[highest].mean() > 0.5
    assert not coyote.animal[highest].any()
    best = int(e.details["importance"][:, 0].argmax())
    assert e.details["importance"][best, 0] > 10 * e.details["standard_error"][best, 0]


def test_occlusion_finds_the_sheep() -> None:
    clf = seewhy.load("demo:bear")
    sheep = next(s for s in seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN) if s.label == "sheep")
    e = seewhy.explain(clf, sheep.photo, method="occlusion", target="not bear")
    evidence = np.clip(e.on_photo()[0], 0, None)
    assert evidence[sheep.animal].mean() > 3 * evidence[~sheep.animal].mean()


@pytest.mark.parametrize("real", [False, True], ids=["demo", "real photos"])
def test_the_french_horn(real: bool, to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the example prints is so: a square on the horn changes the answer, beside it not; the worst place is on the horn."""
    if real and not common.has_real_data():
        pytest.skip("../shared/data is not there: no real photos")
    if not real:
        monkeypatch.setattr(common, "DATA", to_tmp / "nothing")
    module = importlib.import_module("occlusion_french_horn")
    clf = common.classifier(resize="stretch")
    horn = clf.read(common.photo("French_horn", 2))
    pixels = horn.pixels.transpose(1, 2, 0).astype(np.uint8)
    (height, width) = pixels.shape[:2]
    side = round(71 * height / 224)
    name = clf.classify(pixels, k=1)[0].name
    e = seewhy.explain(clf, horn, method="occlusion", mask_size=side, stride=1, fill=module.GREY, budget=600)
    assert (e.partial, e.maps.shape, e.cost.forward) == (True, (1, height, width), 600)
    assert f"of {height * width:,} masks" in e.notes[-1]
    if real:
        assert name == "French horn"
        assert clf.classify(module.hidden(pixels, 72, 36, side), k=1)[0].name != "French horn"
        assert clf.classify(module.hidden(pixels, 15, 120, side), k=1)[0].name == "French horn"
        (left, top, right, bottom) = json.loads((common.DATA / "boxes.json").read_text())["n03394916_French_horn.JPEG"]["boxes"][
            0
        ]
    else:
        animal = seewhy.demo.scenes(3, seed=4)[2].animal
        (rows, columns) = (places / side for places, side in zip(np.nonzero(animal), animal.shape, strict=True))
        (top, bottom, left, right) = (rows.min(), rows.max(), columns.min(), columns.max())
    (row, column) = np.unravel_index(int(e.maps[0].argmax()), (height, width))  # the centre of the mask that took most away
    half = side / 2
    assert top * height - half <= row <= bottom * height + half
    assert left * width - half <= column <= right * width + half
    score = clf.scores(module.hidden(pixels, row - (side - 1) // 2, column - (side - 1) // 2, side))[0, e.targets[0].index]
    if e.details["measured"][row, column]:
        assert abs(e.targets[0].score - score - e.maps[0, row, column]) < 1e-4


@pytest.mark.parametrize("real", [False, True], ids=["demo", "real photos"])
def test_the_methods_agree_on_the_retriever(real: bool, to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grad-CAM, occlusion and LIME work differently; on a coarse grid they rank the places alike, on another photo's map not."""
    if real and not common.has_real_data():
        pytest.skip("../shared/data is not there: no real photos")
    if not real:
        monkeypatch.setattr(common, "DATA", to_tmp / "nothing")
    clf = common.classifier()
    dog = common.photo("golden_retriever", 2)
    grids = []
    for method, settings in (("grad_cam", {}), ("occlusion", {}), ("lime", {"samples": 300, "model": "linear"})):
        attribution = seewhy.explain(clf, dog, method=method, **settings).on_input()[0]
        grids.append(torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(attribution)[None], 7)[0].flatten().numpy())
    assert np.corrcoef(grids).min() > 0.4
    ranks = np.argsort(np.argsort(grids[:2]))  # of Grad-CAM and occlusion
    assert np.corrcoef(ranks)[0, 1] > 0.3


def test_the_near_infrared_decides() -> None:
    module = importlib.import_module("thirteen_bands")
    clf = module.trained()
    hits = 0
    for seed in range(5000, 5010):
        (scene, (row, column)) = module.field(True, seed)
        assert clf.classify(scene)[0].name == "watered"
        assert clf.classify(module.field(False, seed)[0])[0].name == "dry"
        map = seewhy.explain(clf, scene, target="watered").on_photo()[0]
        (r, c) = np.unravel_index(int(map.argmax()), map.shape)
        hits += row <= r < row + module.PATCH and column <= c < column + module.PATCH
        (without, _) = module.field(True, seed, brightness=0)  # the same soil
        assert (np.delete(without, module.INFRARED, axis=2) == np.delete(scene, module.INFRARED, axis=2)).all()
        assert clf.classify(without)[0].name == "dry"
    assert hits >= 9
