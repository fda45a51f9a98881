"""Slices of a volume: which are shown, and the picture of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_volumes import SIDES, PlantedVolume, noise, planted_volume

import seewhy
from seewhy.explanation.slices import chosen_slices, slice_of_photo, slices_of_map
from seewhy.geometry import VolumeSampleGrid
from seewhy.records import Photo, Target


def of_volume(maps: np.ndarray, sides: tuple[int, int, int], signed: bool = False, **fields: object) -> seewhy.Explanation:
    clf = seewhy.Classifier(PlantedVolume(1), dimensions=3)
    photo = clf.read(np.random.default_rng(0).random(sides, dtype=np.float32))
    targets = [Target(f"class {k}", k, 0.5, k + 1) for k in range(len(maps))]
    return seewhy.Explanation(maps.astype(np.float32), signed, targets, "mine", photo, units="value", **fields)


@pytest.mark.parametrize("depth", [1, 2, 11, 12, 40, 300])
def test_slices_are_spread_evenly_and_the_strongest_is_among_them(depth: int) -> None:
    for strongest in {0, depth // 3, depth - 1}:
        numbers = chosen_slices(depth, strongest)
        assert len(numbers) == min(depth, 11)
        assert numbers == sorted(set(numbers))
        assert strongest in numbers
        steps = np.diff([-1, *numbers, depth])
        assert steps.max() <= 2 * -(-depth // len(numbers))
    assert chosen_slices(40, 23, most=4) == [5, 15, 23, 35]


def test_the_strongest_slice_is_that_of_the_enlarged_map() -> None:
    maps = np.random.default_rng(1).normal(size=(1, 5, 3, 4))
    e = of_volume(maps, (40, 12, 16), signed=True)
    slices = slices_of_map(e, 0)
    heights = np.abs(e.on_input()[0]).max(axis=(1, 2))
    assert heights[slices.numbers[slices.strongest]] >= 0.99 * heights.max()
    for n, map in zip(slices.numbers, slices.maps, strict=True):
        np.testing.assert_allclose(seewhy.geometry.resize_map(map, (12, 16)), e.on_input()[0, n], atol=1e-6)


def test_of_slices_that_are_as_high_the_one_with_most_evidence_is_the_strongest() -> None:
    maps = np.zeros((1, 8, 3, 4))
    maps[0, 2, 1, 1] = maps[0, 6, 1, 1] = 1
    maps[0, 6, 1, 2] = 0.5
    slices = slices_of_map(of_volume(maps, (8, 12, 16)), 0)
    assert slices.numbers[slices.strongest] == 6


def test_an_empty_map_has_no_strongest_slice() -> None:
    e = of_volume(np.zeros((1, 5, 3, 4)), (40, 12, 16))
    slices = slices_of_map(e, 0)
    assert slices.numbers[slices.strongest] == 20
    panels = e.panels()
    assert all("strongest" not in panel.title for panel in panels)
    assert panels[1].caption == "Empty map: zero everywhere."


def test_a_slice_is_a_photo() -> None:
    photo = seewhy.Classifier(PlantedVolume(), dimensions=3).read(noise(channels=2)[0])
    single = slice_of_photo(photo, 4)
    np.testing.assert_array_equal(single.pixels, photo.pixels[:, 4])
    np.testing.assert_array_equal(single.original, photo.original[4])
    assert isinstance(single, Photo)
    assert single.depth is None


def test_the_picture_of_a_volume() -> None:
    clf = seewhy.Classifier(PlantedVolume(), classes=["none", "lesion"], dimensions=3)
    e = seewhy.explain(clf, planted_volume(), target="lesion")
    panels = e.panels()
    assert [panel.title for panel in panels] == [
        "lesion (0.50); none (0.50)\nslice 4 of 6, without map",
        "lesion (0.50)\nslice 1 of 6",
        "slice 2 of 6",
        "slice 3 of 6",
        "slice 4 of 6, strongest",
        "slice 5 of 6",
        "slice 6 of 6",
    ]
    (bar,) = [panel.bar for panel in panels if panel.bar is not None]
    assert (bar.low, bar.units) == (0.0, "logit per cell")
    np.testing.assert_allclose(bar.high, 0.5 / np.prod(SIDES), rtol=1e-5)
    coloured = [np.ptp(panel.pixels.astype(int), axis=2).max() > 40 for panel in panels]
    assert coloured == [False, False, False, False, True, True, False]
    # Rows 2 to 6 and columns 14 to 20, on a picture of 16 × 24 pixels that is enlarged evenly.
    (rows, columns) = np.nonzero(np.ptp(panels[4].pixels.astype(int), axis=2) > 40)
    scale = panels[4].pixels.shape[0] / 16
    assert panels[4].pixels.shape == (16 * scale, 24 * scale, 3)
    np.testing.assert_allclose([rows.min() / scale, rows.max() / scale], [2, 6], atol=0.6)
    np.testing.assert_allclose([columns.min() / scale, columns.max() / scale], [14, 20], atol=0.6)


def test_each_target_has_its_own_slices_and_all_share_a_scale() -> None:
    maps = np.zeros((2, 40, 3, 4))
    (maps[0, 7], maps[1, 31]) = (1.0, 0.05)
    e = of_volume(maps, (40, 12, 16))
    panels = e.panels()
    assert len(panels) == 24
    assert panels[0].title.endswith("\nslice 8 of 40, without map")
    assert panels[12].title == "slice 32 of 40, without map"
    assert panels[13].title.startswith("class 1 (0.50)\nslice ")
    assert panels[13].caption == ("The network's choice number 2. Hardly visible on the common scale: 5 % of the strongest map.")
    bars = [panel.bar for panel in panels if panel.bar is not None]
    assert len(bars) == 2
    assert bars[0] is bars[1]
    own = [panel.bar for panel in e.panels(shared=False) if panel.bar is not None]
    assert [round(bar.high, 6) for bar in own] == [1.0, 0.05]
    # A slice that is the same everywhere is drawn as strong as it is.
    strongest = next(panel for panel in panels if panel.title.endswith("slice 8 of 40, strongest"))
    assert np.ptp(strongest.pixels.astype(int), axis=2).min() > 40


def test_a_sample_grid_moves_the_map_along_all_axes() -> None:
    maps = np.zeros((1, 4, 2, 2))
    maps[0, 3, 1, 0] = 1
    grid = VolumeSampleGrid((4.0, 4.0), (4.0, 8.0), slices=(2.5, 1.0))
    e = of_volume(maps, (9, 12, 16), sample_grid=grid)
    place = np.unravel_index(int(e.on_input()[0].argmax()), (9, 12, 16))
    assert place == (5, 8, 0)  # the last sample lies at slice 5.5 and row 8, the first at column 4; they go on beyond
    slices = slices_of_map(e, 0)
    assert slices.numbers[slices.strongest] == 5
    np.testing.assert_allclose(e.on_input("nearest")[0, 5, 8:, :8], 1)


def test_it_is_saved_in_every_form(tmp_path: Path) -> None:
    clf = seewhy.Classifier(PlantedVolume(), classes=["none", "lesion"], dimensions=3)
    e = seewhy.explain(clf, planted_volume(), target="lesion", method="grad_cam")
    page = e.save(tmp_path / "e.html").read_text()
    assert page.count("<figure>") == 7
    assert "slice 4 of 6, strongest" in page
    assert "6×16×24" in page
    assert "\x01" not in page
    record = json.loads(e.save(tmp_path / "e.json").read_text())
    assert np.shape(record["maps"]) == (1, *SIDES)
    assert e.save(tmp_path / "e.png").stat().st_size > 10_000
    assert e.image().size[0] > 1000
    assert "slice 4 of 6, strongest" in e._repr_html_()
    assert repr(e) == "<Explanation grad_cam at relu: lesion (0.50); 6×16×24>"


def test_the_strongest_slice_goes_into_axes_of_ones_own() -> None:
    axes = Figure().subplots()
    e = seewhy.explain(seewhy.Classifier(PlantedVolume(), dimensions=3), planted_volume(), target=1)
    figure = e.plot(axes)
    assert axes.get_title() == "slice 4 of 6, strongest"
    assert len(figure.axes) == 2  # and the colour bar
