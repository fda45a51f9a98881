import subprocess
import sys

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.geometry import Geometry
from seewhy.show import Panel, figure, image, plot_maps, sheet
from seewhy.show.layout import wrapped

BLOB = [[0, 0, 0], [0, 4, 0], [0, 0, 2]]


def texts(drawn):
    return [text.get_text() for text in drawn.texts]


def test_the_parts_of_a_figure(explained):
    drawn = figure(explained([BLOB, BLOB]), upsample="nearest")
    (photo, first, second, bar) = drawn.axes
    assert photo.get_title() == "coyote (0.61); bear (0.30); sheep (0.09)"
    assert [first.get_title(), second.get_title()] == ["coyote (0.61)", "bear (0.30)"]
    assert bar.get_ylabel() == "logit"
    assert bar.get_ylim() == (0, 4)
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0", "2", "4"]
    assert "toy  ·  grad_cam  ·  features.12 3×3  ·  centre crop 60×60" in texts(drawn)
    assert "The network's choice number 2." in texts(drawn)


def test_each_map_with_its_own_bar(explained):
    drawn = figure(explained([BLOB, 2 * np.array(BLOB)]), shared=False, upsample="nearest")
    assert len(drawn.axes) == 5
    assert [ax.get_ylim() for ax in drawn.axes if ax.get_ylabel()] == [(0, 4), (0, 8)]


def test_the_bar_of_an_empty_map_is_one_neutral_colour_with_a_zero(explained):
    (_, _, bar) = figure(explained([np.zeros((3, 3))])).axes
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0"]


@pytest.mark.parametrize(("targets", "across"), [(1, 2), (3, 4), (4, 3), (5, 3)])
def test_panels_wrap_after_four(explained, targets, across):
    drawn = figure(explained([BLOB] * targets))
    pictures = [ax for ax in drawn.axes if ax.images]
    assert len(pictures) == targets + 1
    top = max(ax.get_position().y0 for ax in pictures)
    assert sum(abs(ax.get_position().y0 - top) < 1e-6 for ax in pictures) == across


def test_wide_photos_stand_below_each_other_with_a_level_bar(explained):
    drawn = figure(explained([BLOB], size=(60, 400)))
    (photo, overlay, bar) = drawn.axes
    assert photo.get_position().y0 > overlay.get_position().y1
    assert bar.get_xlabel() == "logit"
    assert bar.get_position().y1 < overlay.get_position().y0


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (30, 400), (400, 30), (60, 60)])
@pytest.mark.parametrize("targets", [1, 3, 6])
def test_nothing_overlaps_and_nothing_leaves_the_sheet(explained, size, targets):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from seewhy.records import Prediction, Target

    name = "bighorn, bighorn sheep, cimarron, Rocky_Mountain_bighorn-with-a-very-long-name, Ovis canadensis"
    e = explained(
        [BLOB] * targets,
        size=size,
        targets=[Target(f"{name} {i}", i, 0.5, i + 1) for i in range(targets)],
        predictions=[Prediction(f"{name} {i}", i, 0.5) for i in range(3)],
    )
    drawn = figure(e)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in drawn.texts]
    for ax in drawn.axes:  # a title may be wider than its picture: they are looked at apart
        if ax.images:
            boxes += [ax.get_window_extent(renderer), ax.title.get_window_extent(renderer)]
        else:
            boxes.append(ax.get_tightbbox(renderer))
    (width, height) = canvas.get_width_height()
    for i, a in enumerate(boxes):
        assert a.x0 >= -1
        assert a.y0 >= -1
        assert a.x1 <= width + 1
        assert a.y1 <= height + 1
        for b in boxes[i + 1 :]:
            overlap = (min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))
            assert min(overlap) <= 3, overlap


def test_into_axes_of_ones_own(explained):
    from matplotlib.figure import Figure

    mine = Figure()
    (left, right) = mine.subplots(1, 2)
    assert figure(explained([BLOB, BLOB], notes=["About it."]), ax=right, upsample="nearest") is mine
    assert right.get_title() == "coyote (0.61)"
    assert not left.images
    assert mine.axes[2].get_ylim() == (0, 4)
    inner = mine.subfigures(1, 1).subplots()
    assert figure(explained(), ax=inner) is mine


def test_the_image_is_deterministic_and_rgb(explained):
    (a, b) = (image(explained()), image(explained()))
    assert a.mode == "RGB"
    assert a.tobytes() == b.tobytes()


def test_dollars_and_other_signs_in_class_names(explained):
    from seewhy.records import Prediction, Target

    e = explained(targets=[Target("$x^$ <b>_{&", 0, 0.5, 1)], predictions=[Prediction("$x^$", 0, 0.5)])
    assert figure(e).axes[1].get_title() == "$x^$ <b>_{& (0.50)"
    image(e)


def test_no_pyplot_and_no_global_state():
    code = """
import sys, numpy as np
from seewhy.show import plot_maps, cam_show
assert "matplotlib" not in sys.modules and "jinja2" not in sys.modules, "importing show is light"
plot_maps(np.zeros((4, 4), np.uint8), [np.eye(2)], ["a"]).savefig("/dev/null", format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plot_maps_is_one_figure_with_the_photo_first():
    photo = np.full((40, 60, 3), 100, dtype=np.uint8)
    drawn = plot_maps(photo, [np.eye(3), -np.eye(5)], ["Occlusion\n(default)", "LIME (bear)"])
    (first, second, third) = drawn.axes
    np.testing.assert_array_equal(first.images[0].get_array(), photo)
    assert [ax.get_title() for ax in drawn.axes] == ["", "Occlusion\n(default)", "LIME (bear)"]
    tops = {round(ax.get_position().y1, 6) for ax in (first, second, third)}
    assert len(tops) == 1
    assert "0 to 1" in texts(drawn)[0]


def test_plot_maps_blends_and_gives_each_map_its_own_range():
    photo = np.full((2, 2), 100, dtype=np.uint8)
    map = np.array([[-4.0, 0], [0, 4]])
    dark_red = np.floor(0.5 * 100 + 0.5 * 255 * np.array([0.515625, 0, 0]) + 0.5)
    drawn = plot_maps(photo, [map, 0.5 * map], ["a", "b"])
    for ax in drawn.axes[1:]:
        np.testing.assert_array_equal(ax.images[0].get_array()[1, 1], dark_red)
    drawn = plot_maps(photo, [map, 0.5 * map], ["a", "b"], shared=True)
    np.testing.assert_array_equal(drawn.axes[1].images[0].get_array()[1, 1], dark_red)
    assert np.abs(drawn.axes[2].images[0].get_array()[1, 1] - dark_red).max() > 50
    assert texts(drawn) == ["−4 to 4", "−4 to 4"]


def test_plot_maps_of_a_flat_map_shows_no_peak():
    drawn = plot_maps(np.full((2, 2), 100, np.uint8), [np.full((2, 2), 3)], ["flat"])
    blue = np.floor(0.5 * 100 + 0.5 * 255 * np.array([0, 0, 0.515625]) + 0.5)
    assert np.all(drawn.axes[1].images[0].get_array() == blue)


def test_plot_maps_wants_a_title_for_each_map():
    with pytest.raises(OptionError, match=r"^2 maps were given and 1 titles: give one title for each map\.$"):
        plot_maps(np.zeros((4, 4), np.uint8), [np.eye(2), np.eye(2)], ["a"])


def test_an_unknown_colour_table(explained):
    with pytest.raises(OptionError, match=r"^There is no colour table 'virids'\. Did you mean 'viridis'"):
        figure(explained(), cmap="virids")


def test_a_sheet_of_panels():
    panel = Panel("a title", np.full((30, 40, 3), 60, dtype=np.uint8), "a caption")
    one = sheet([[panel]])
    many = sheet([[panel, panel], [], [panel]], title="Heading", footer="where it came from")
    assert many.width > one.width
    assert many.height > 2 * one.height - 100
    with pytest.raises(OptionError, match=r"^There is nothing to show"):
        sheet([[]])


def test_words_are_wrapped():
    assert wrapped("short", 3, 10) == "short"
    assert wrapped("a\nb", 3, 10) == "a\nb"
    assert wrapped("coyote (0.61); bear (0.30); sheep (0.09)", 2.2, 10) == "coyote (0.61); bear (0.30);\nsheep (0.09)"
    assert wrapped("one-two", 0.4, 10) == "one-\ntwo"
    lines = wrapped("x" * 60, 1, 10).split("\n")
    assert "".join(lines) == "x" * 60
    assert len(lines) > 3


def test_a_tensor_photo_without_preprocessing(explained):
    from dataclasses import replace

    e = explained()
    original = np.random.default_rng(0).normal(size=(60, 90, 1)).astype(np.float32)
    e = replace(e, photo=replace(e.photo, original=original, geometry=Geometry.whole((60, 90))))
    assert image(e).size[0] > 400


def test_plot_maps_of_single_pixels_ends_where_few_lie_beyond():
    values = np.linspace(0, 1, 400).reshape(20, 20)
    values[3, 5] = 100
    photo = np.full((20, 20, 3), 200, np.uint8)
    drawn = plot_maps(photo, [values], ["gradient"], alpha=1.0, cmap="white_black", spikes=True)
    assert drawn.texts[-1].get_text().startswith("0 to ≥ 20")  # never below a fifth of the largest
    plain = plot_maps(photo, [values], ["gradient"], alpha=1.0, cmap="white_black")
    assert plain.texts[-1].get_text() == "0 to 100"
    signed = plot_maps(photo, [values - 0.5], ["x"], alpha=1.0, cmap="blue_white_red", signed=True)
    assert signed.texts[-1].get_text() == "−99.5 to 99.5"
