"""The pictures of a comparison: one scale where the units allow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.compare import Comparison
from seewhy.compare.drawing import comparison_panels, comparison_rows
from seewhy.compare.likeness import matched_correlations
from seewhy.show import Panel
from seewhy.show.overlay import seen_colours


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return next(scene.photo for scene in seewhy.demo.scenes(10, seed=2) if scene.label == "bear")


def test_two_networks_share_a_scale(photo: np.ndarray) -> None:
    result = seewhy.compare([seewhy.load("demo:honest"), seewhy.load("demo:shortcut")], photo, relu=False)
    (original, first, second, difference) = result.panels()
    np.testing.assert_array_equal(original.pixels, photo)
    assert first.bar.high == second.bar.high
    assert first.bar.high == pytest.approx(max(float(np.nanmax(np.abs(e.on_photo()))) for e in result.explanations[0]))
    assert "Rank correlation with demo:honest: " in second.caption
    assert difference.title == "where they differ"
    assert difference.caption == "Orange and yellow: more in demo:honest. Blue: more in demo:shortcut."
    assert first.pixels.shape == photo.shape


def test_methods_with_other_units_have_scales_of_their_own(photo: np.ndarray) -> None:
    result = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "gradient", "cam"])
    panels = result.panels()
    assert len(panels) == 4  # of three maps no difference is drawn
    assert [len(row) for row in comparison_rows(panels)] == [2, 2]
    assert panels[0].caption == "Each map has its own scale: their units differ."
    assert len({panel.bar.high for panel in panels[1:3]}) == 2


def test_what_auto_took_stands_over_its_map(photo: np.ndarray) -> None:
    result = seewhy.compare(seewhy.load("demo:honest"), photo, ["auto", "grad_cam"])
    assert result.columns == ["grad_cam (auto)", "grad_cam"]
    shown = str(result.explanations[0][0].targets[0])
    (_, auto, named, difference) = result.panels()
    assert [auto.title, named.title] == [f"grad_cam (auto): map of {shown}", f"grad_cam: map of {shown}"]
    assert auto.bar.label == named.bar.label == "logit per cell"
    assert named.caption == "Rank correlation with grad_cam (auto): 1.00."
    assert difference.caption == "Nowhere: the maps are equal."
    # Where it took another method of another photo, the column is "auto", and each photo's panel says which.
    again = comparison_panels(["auto", "grad_cam"], "methods", result.explanations[0], result.correlations[0], result.chosen)
    assert [panel.title for panel in again] == [panel.title for panel in result.panels()]
    assert again[2].caption == named.caption


def test_a_column_that_a_person_calls_auto_keeps_its_name(photo: np.ndarray) -> None:
    result = seewhy.compare(seewhy.load("demo:honest"), photo, ["gradient", "grad_cam"], names=["auto", "mine"])
    assert result.columns == ["auto", "mine"]
    assert [panel.title.split(":")[0] for panel in result.panels()[1:3]] == ["auto", "mine"]


@pytest.fixture(scope="module")
def of_sheep(photo: np.ndarray) -> Comparison:
    """A bear of which both networks explain "sheep"."""
    return seewhy.compare([seewhy.load("demo:honest"), seewhy.load("demo:shortcut")], photo, target="sheep")


def test_a_title_names_what_the_map_explains_and_the_caption_the_prediction(of_sheep: Comparison) -> None:
    assert "bear" in {e.predictions[0].name for e in of_sheep.explanations[0]}
    for e, panel in zip(of_sheep.explanations[0], of_sheep.panels()[1:3], strict=True):
        assert panel.title == f"{e.model}: map of sheep ({e.targets[0].scores_text})"
        assert panel.caption.startswith(f"It predicts {e.predictions[0]}.")


def test_a_map_of_no_class_says_so(photo: np.ndarray) -> None:
    panels = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "eigen_cam"]).panels()
    assert panels[2].title == "eigen_cam: no class: what the layer reacts to"


def test_methods_of_one_network_have_its_prediction_once(photo: np.ndarray) -> None:
    comparison = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "hires_cam"])
    (e, _) = comparison.explanations[0]
    panels = comparison.panels()
    assert panels[0].title == "; ".join(map(str, e.predictions[:3]))
    assert not any("predicts" in panel.caption for panel in panels)
    assert panels[0].caption == "Each map has its own scale: their methods differ."


def test_the_difference_of_comparable_maps_lies_on_their_scale(of_sheep: Comparison) -> None:
    """Each map a tenth of a known one: what differs is small beside the scale that both share."""
    (a, b) = of_sheep.explanations[0]
    maps = np.zeros_like(a.maps)
    maps[0, 3:5, 3:5] = 2.0
    row = [replace(a, maps=maps), replace(b, maps=0.9 * maps)]
    panels = replace(of_sheep, explanations=[row]).panels()
    high = float(np.nanmax(row[0].on_photo()))
    assert [panel.bar.high for panel in panels[1:]] == pytest.approx([high] * 3)
    assert panels[3].bar.low == -panels[3].bar.high
    assert panels[3].bar.label == "difference (logit per cell)"
    (y, x) = np.unravel_index(np.nanargmax(row[0].on_photo()[0]), panels[0].pixels.shape[:2])
    faint = panels[3].pixels[y, x].astype(int) - panels[0].pixels[y, x]
    assert abs(faint).max() < abs(panels[1].pixels[y, x].astype(int) - panels[0].pixels[y, x]).max()


def test_other_maps_differ_by_their_shares(photo: np.ndarray) -> None:
    difference = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "gradient"]).panels()[-1]
    assert difference.caption == (
        "Each map as a share of its own largest value. Orange and yellow: more in grad_cam. Blue: more in gradient."
    )
    assert difference.bar.label == "difference of shares"
    assert 0.5 < difference.bar.high <= 1


def test_equal_maps_differ_nowhere(of_sheep: Comparison) -> None:
    (a, _) = of_sheep.explanations[0]
    difference = replace(of_sheep, explanations=[[a, a]]).panels()[-1]
    assert (difference.caption, difference.bar) == ("Nowhere: the maps are equal.", None)


def test_the_colours_are_called_what_they_are() -> None:
    colours = seen_colours(signed=True)
    for red, green, blue in colours[192:]:  # orange and yellow: red above green above blue
        assert red > green > blue
    for red, _, blue in colours[:64]:
        assert blue > red


def test_a_weak_map_on_a_shared_scale_says_how_weak(of_sheep: Comparison) -> None:
    (a, b) = of_sheep.explanations[0]
    maps = np.ones_like(a.maps)
    maps[0, 0, 0] = 2
    row = [replace(a, maps=8 * maps), replace(b, maps=maps)]
    (_, strong, weak, _) = replace(of_sheep, explanations=[row]).panels()
    (largest, shared) = (float(np.nanmax(e.on_photo())) for e in (row[1], row[0]))
    assert f"Largest value {largest:.3g} of {shared:.3g}." in weak.caption
    assert "Largest value" not in strong.caption


def test_an_empty_map_has_no_rank_correlation(of_sheep: Comparison) -> None:
    (a, b) = of_sheep.explanations[0]
    row = [a, replace(b, maps=0 * b.maps)]
    panel = comparison_panels(of_sheep.columns, "networks", row, matched_correlations(row))[2]
    assert panel.caption.endswith("Empty map: the same everywhere, it points nowhere and has no rank correlation.")


def test_a_map_that_is_not_complete_is_marked(photo: np.ndarray) -> None:
    comparison = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "rise"], budget=30)
    (_, whole, stopped, _) = comparison.panels()
    assert whole.caption == ""
    assert stopped.caption.startswith("Not complete: see its note. Rank correlation with grad_cam: ")
    (a, b) = comparison.explanations[0]
    captions = [panel.caption for panel in replace(comparison, explanations=[[a, replace(b, partial=False)]]).panels()]
    assert captions[2].startswith("See its note. Rank")
    captions = [panel.caption for panel in replace(comparison, explanations=[[a, replace(b, notes=[])]]).panels()]
    assert captions[2].startswith("Not complete. Rank")


def test_each_map_has_the_colours_of_its_own_signs(photo: np.ndarray) -> None:
    methods = ["grad_cam", "gradient", "lime"]
    comparison = seewhy.compare(seewhy.load("demo:honest"), photo, methods, samples=30)
    bars = [panel.bar for panel in comparison.panels()[1:]]
    assert [bar.signed for bar in bars] == [e.signed for e in comparison.explanations[0]] == [False, False, True]
    assert [bar.low for bar in bars] == [0, 0, -bars[2].high]
    np.testing.assert_array_equal(bars[0].table, seen_colours())
    np.testing.assert_array_equal(bars[2].table, seen_colours(signed=True))


@pytest.mark.parametrize(("count", "lengths"), [(3, [3]), (4, [2, 2]), (5, [3, 2]), (6, [3, 3]), (7, [3, 3, 1])])
def test_few_panels_stand_in_a_row(count: int, lengths: list[int]) -> None:
    panels = [Panel("", np.zeros((30, 40, 3), np.uint8))] * count
    assert [len(row) for row in comparison_rows(panels)] == lengths
    wide = [Panel("", np.zeros((30, 100, 3), np.uint8))] * count
    assert max(len(row) for row in comparison_rows(wide)) <= 2
