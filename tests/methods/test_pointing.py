"""Pointing game and energy: on maps made by hand, then seewhy beside captum on photos with boxes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.evaluate import energy, hits

ROOT = Path(__file__).resolve().parents[2]
NAN = float("nan")

MASK = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]], dtype=bool)


def heat(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_a_peak_on_the_object_is_a_hit_wherever_the_rest_lies() -> None:
    assert hits(heat([5, 5, 5, 5], [5, 0, 5.1, 5], [5, 5, 5, 5]), MASK)
    assert not hits(heat([0, 0, 0, 1.1], [0, 1, 1, 0], [0, 1, 1, 0]), MASK)


def test_only_the_order_counts_for_a_hit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        made = rng.normal(size=MASK.shape).astype(np.float32)
        assert hits(made, MASK) == hits(np.exp(3 * made - 7), MASK) == (made[MASK].max() > made[~MASK].max())


def test_what_the_network_did_not_see_is_no_peak() -> None:
    assert hits(heat([NAN, NAN, NAN, NAN], [NAN, -3, -1, -2], [NAN, NAN, NAN, NAN]), MASK)
    assert not hits(heat([NAN, NAN, NAN, NAN], [NAN, -3, -1, 0], [NAN, NAN, NAN, NAN]), MASK)


def test_of_equal_peaks_the_first_counts() -> None:
    assert hits(heat([0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0]), MASK)
    assert not hits(heat([0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]), MASK)


def test_a_flat_map_points_nowhere() -> None:
    everywhere = np.ones_like(MASK)
    assert not hits(np.zeros(MASK.shape, np.float32), everywhere)
    assert not hits(heat([NAN, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]), everywhere)


def test_energy_is_the_share_of_the_positive_mass() -> None:
    assert energy(heat([1, 0, 0, 0], [0, 3, 0, 0], [0, 0, 0, 0]), MASK) == pytest.approx(0.75)
    assert energy(heat([0, 0, 0, 0], [0, 3, 1, 0], [0, 0, 0, 0]), MASK) == 1
    assert energy(heat([2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]), MASK) == 0


def test_energy_leaves_out_what_is_negative_or_unseen() -> None:
    assert energy(heat([1, -9, NAN, NAN], [NAN, 3, -5, NAN], [0, 0, 0, 0]), MASK) == pytest.approx(0.75)


def test_energy_of_an_even_map_is_the_share_of_the_object() -> None:
    even = np.full(MASK.shape, 0.5, np.float32)
    assert energy(even, MASK) == pytest.approx(4 / 12)
    even[0] = NAN
    assert energy(even, MASK) == pytest.approx(4 / 8)


def test_energy_of_a_map_without_positive_mass_is_zero() -> None:
    assert energy(np.zeros(MASK.shape, np.float32), MASK) == 0
    assert energy(np.full(MASK.shape, -1, np.float32), MASK) == 0


def test_energy_does_not_change_with_the_unit() -> None:
    made = np.random.default_rng(0).normal(size=MASK.shape).astype(np.float32)
    assert energy(made * 1e-30, MASK) == pytest.approx(energy(made, MASK)) == pytest.approx(energy(made * 1e30, MASK))


@pytest.mark.parametrize("measure", [hits, energy])
def test_mistakes_are_named(measure: object) -> None:
    assert callable(measure)
    for given, mask, message in (
        (np.zeros((2, 4), np.float32), MASK, "The map is (2, 4) and the mask (3, 4): both must be (H, W) of the photo."),
        (
            np.zeros((1, 3, 4), np.float32),
            MASK[None],
            "The map is (1, 3, 4) and the mask (1, 3, 4): both must be (H, W) of the photo.",
        ),
        (np.zeros((3, 4), np.float32), MASK.astype(int), "The mask holds int64: give bool, True on the object (mask > 0)."),
        (np.full((3, 4), np.nan), MASK, "The map is NaN everywhere: there is no place that it could point at."),
    ):
        with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
            measure(given, mask)


# -- the bench --------------------------------------------------------------------------------------------------------


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


def _share(found: list[object], hard: bool) -> tuple[float, float]:
    """Percent of hits and of energy."""
    rows = [row for row in found if not hard or row.hard]  # type: ignore[attr-defined]
    return 100 * float(np.mean([row.hit for row in rows])), 100 * float(np.mean([row.energy for row in rows]))  # type: ignore[attr-defined]


def test_maps_point_at_the_object_on_photos_with_boxes(bench: ModuleType) -> None:
    if not bench.DATA.is_dir():
        pytest.skip("../shared/data is not here: the drawn scenes stand in for its photos")
    (clf, cases) = bench.boxed_photos()
    assert (len(cases), sum(case.hard for case in cases)) == (50, 18)
    found = bench.results(clf, cases)
    for hard, centre in ((False, 84), (True, 56)):
        assert _share(found[bench.CENTRE], hard)[0] == pytest.approx(centre, abs=0.5)
        (hit, mass) = _share(found[bench.CAPTUM], hard)
        assert _share(found["grad_cam"], hard) == (pytest.approx(hit, abs=2), pytest.approx(mass, abs=2))
    for method in bench.METHODS:
        assert _share(found[method], True)[0] >= 70
        assert _share(found[method], False)[0] > 84  # always the centre


def test_maps_point_at_the_animal_on_drawn_scenes(bench: ModuleType) -> None:
    (clf, cases) = bench.drawn_scenes(45)
    bears = [case for case in cases if case.target == "bear"]
    found = bench.results(clf, bears)
    (hit, mass) = _share(found[bench.CAPTUM], False)
    assert _share(found["grad_cam"], False) == (pytest.approx(hit, abs=2), pytest.approx(mass, abs=2))
    covered = 100 * float(np.mean([case.mask.mean() for case in bears]))
    for method in bench.METHODS:
        (hit, mass) = _share(found[method], False)
        assert hit >= 70
        assert mass > 2 * covered


def test_a_figure_carries_its_standard_error(bench: ModuleType) -> None:
    found = [bench.Result(True, 0.5, False), bench.Result(False, 0.5, True), bench.Result(True, 0.5, False)]
    figures = {figure.name: figure for figure in bench.figures_of("grad_cam", found, "photos")}
    hit = figures["pointing/photos/all 3/grad_cam/hits"]
    assert hit.value == pytest.approx(200 / 3)
    assert hit.high - hit.value == pytest.approx(100 * math.sqrt(2) / 3 / math.sqrt(3))
    assert figures["pointing/photos/hard 1/grad_cam/hits"].value == 0
    assert not figures["pointing/photos/hard 1/grad_cam/hits"].reached
    assert figures["pointing/photos/all 3/grad_cam/energy"].value == 50
