"""The pointing bench: seewhy beside captum on photos with boxes and on drawn scenes."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from seewhy.evaluate import hits

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("captum.attr")
    monkeypatch.syspath_prepend(ROOT)
    import bench.pointing as module

    return module


def test_a_box_marks_every_pixel_that_it_touches(bench: ModuleType) -> None:
    mask = bench.box_mask([[0.25, 0.3, 0.75, 0.55], [0.9, 0.9, 1, 1]], (10, 4))
    assert mask[3:6, 1:3].all()
    assert mask[9, 3]
    assert mask.sum() == 7


def test_the_centre_is_a_hit_where_the_object_is_in_the_middle(bench: ModuleType) -> None:
    for size in ((5, 7), (6, 8)):
        mask = np.zeros(size, dtype=bool)
        mask[size[0] // 2 - 1 : size[0] // 2 + 1, size[1] // 2 - 1 : size[1] // 2 + 1] = True
        assert hits(bench.centre(size), mask)
        assert not hits(bench.centre(size), ~mask)


def _share(results: list[object], hard: bool) -> tuple[float, float]:
    """Percent of hits and of energy."""
    rows = [row for row in results if not hard or row.hard]  # type: ignore[attr-defined]
    return 100 * float(np.mean([row.hit for row in rows])), 100 * float(np.mean([row.energy for row in rows]))  # type: ignore[attr-defined]


def test_maps_point_at_the_object_on_photos_with_boxes(bench: ModuleType) -> None:
    if not bench.DATA.is_dir():
        pytest.skip("../shared/data is not here: the drawn scenes stand in for its photos")
    (clf, cases) = bench.boxed_photos()
    assert (len(cases), sum(case.hard for case in cases)) == (50, 18)
    results = bench.results(clf, cases)
    for hard, centre in ((False, 84), (True, 56)):
        assert _share(results[bench.CENTRE], hard)[0] == pytest.approx(centre, abs=0.5)
        (hit, mass) = _share(results[bench.CAPTUM], hard)
        assert _share(results["grad_cam"], hard) == (pytest.approx(hit, abs=2), pytest.approx(mass, abs=2))
    for method in bench.METHODS:
        assert _share(results[method], True)[0] >= 70
        assert _share(results[method], False)[0] > 84  # always the centre


def test_maps_point_at_the_animal_on_drawn_scenes(bench: ModuleType) -> None:
    (clf, cases) = bench.drawn_scenes(45)
    bears = [case for case in cases if case.target == "bear"]
    results = bench.results(clf, bears)
    (hit, mass) = _share(results[bench.CAPTUM], False)
    assert _share(results["grad_cam"], False) == (pytest.approx(hit, abs=2), pytest.approx(mass, abs=2))
    covered = 100 * float(np.mean([case.mask.mean() for case in bears]))
    for method in bench.METHODS:
        (hit, mass) = _share(results[method], False)
        assert hit >= 70
        assert mass > 2 * covered


def test_a_figure_carries_its_standard_error(bench: ModuleType) -> None:
    results = [bench.Result(True, 0.5, False), bench.Result(False, 0.5, True), bench.Result(True, 0.5, False)]
    figures = {figure.name: figure for figure in bench.figures_of("grad_cam", results, "photos")}
    hit = figures["pointing/photos/all 3/grad_cam/hits"]
    assert hit.value == pytest.approx(200 / 3)
    assert hit.high - hit.value == pytest.approx(100 * math.sqrt(2) / 3 / math.sqrt(3))
    assert figures["pointing/photos/hard 1/grad_cam/hits"].value == 0
    assert not figures["pointing/photos/hard 1/grad_cam/hits"].reached
    assert figures["pointing/photos/all 3/grad_cam/energy"].value == 50
