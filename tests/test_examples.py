"""The examples run as they stand: on the demo networks here, and on real photos where they lie beside the project."""

from __future__ import annotations

import importlib
from pathlib import Path

import common
import numpy as np
import pytest
from PIL import Image

import seewhy

EXAMPLES = sorted(p.stem for p in Path(common.__file__).parent.glob("*.py") if p.stem != "common")


@pytest.fixture
def to_tmp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pictures go to a folder of the test's own; the printed paths are relative to it."""
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
    importlib.import_module(name).main()
    pictures = sorted(to_tmp.glob("*.png"))
    assert len(pictures) >= 2
    for path in pictures:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 10, f"{path.name} is blank"


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
    kept = {}
    module = importlib.import_module("explore_predictions")
    monkeypatch.setattr(module, "save", lambda picture, name: kept.update({name: picture}))
    module.main()
    axes = kept["002_deep_and_shallow"].axes
    assert [a.get_title() for a in axes] == ["", "Deep Layer", "Shallow Layer"]


def test_the_mistake_is_one_and_its_two_maps_differ(to_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("cam_explains_mistakes")
    for real in (False, True):
        if real and not common.has_real_data():
            continue
        with monkeypatch.context() as patched:
            if not real:
                patched.setattr(common, "DATA", to_tmp / "nothing")
            (clf, taken, truth) = module.a_mistake()
            e = seewhy.explain(clf, taken, method="cam", target=["top1", truth])
        assert e.targets[0].name != truth == e.targets[1].name
        assert not np.allclose(e.maps[0], e.maps[1])
