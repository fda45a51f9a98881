import subprocess
import sys

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.show import Panel, plot_maps, sheet


def texts(figure):
    return [text.get_text() for text in figure.texts]


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
    figure = plot_maps(photo, [np.eye(3), -np.eye(5)], ["Occlusion\n(default)", "LIME (bear)"])
    (first, second, third) = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), photo)
    assert [ax.get_title() for ax in figure.axes] == ["", "Occlusion\n(default)", "LIME (bear)"]
    tops = {round(ax.get_position().y1, 6) for ax in (first, second, third)}
    assert len(tops) == 1
    assert "0 to 1" in texts(figure)[0]


def test_plot_maps_blends_and_gives_each_map_its_own_range():
    photo = np.full((2, 2), 100, dtype=np.uint8)
    map = np.array([[-4.0, 0], [0, 4]])
    dark_red = np.floor(0.5 * 100 + 0.5 * 255 * np.array([0.515625, 0, 0]) + 0.5)
    figure = plot_maps(photo, [map, 0.5 * map], ["a", "b"])
    for ax in figure.axes[1:]:
        np.testing.assert_array_equal(ax.images[0].get_array()[1, 1], dark_red)
    figure = plot_maps(photo, [map, 0.5 * map], ["a", "b"], shared=True)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array()[1, 1], dark_red)
    assert np.abs(figure.axes[2].images[0].get_array()[1, 1] - dark_red).max() > 50
    assert texts(figure) == ["−4 to 4", "−4 to 4"]


def test_plot_maps_of_a_flat_map_shows_no_peak():
    figure = plot_maps(np.full((2, 2), 100, np.uint8), [np.full((2, 2), 3)], ["flat"])
    blue = np.floor(0.5 * 100 + 0.5 * 255 * np.array([0, 0, 0.515625]) + 0.5)
    assert np.all(figure.axes[1].images[0].get_array() == blue)


def test_plot_maps_wants_a_title_for_each_map():
    with pytest.raises(OptionError, match=r"^2 maps were given and 1 titles: give one title for each map\.$"):
        plot_maps(np.zeros((4, 4), np.uint8), [np.eye(2), np.eye(2)], ["a"])


def test_a_sheet_of_panels():
    panel = Panel("a title", np.full((30, 40, 3), 60, dtype=np.uint8), "a caption")
    single = sheet([[panel]])
    many = sheet([[panel, panel], [], [panel]], title="Heading", footer="where it came from")
    assert many.width > single.width
    assert many.height > 2 * single.height - 100
    with pytest.raises(OptionError, match=r"^There is nothing to show"):
        sheet([[]])


def test_plot_maps_of_single_pixels_ends_where_few_lie_beyond():
    values = np.linspace(0, 1, 400).reshape(20, 20)
    values[3, 5] = 100
    photo = np.full((20, 20, 3), 200, np.uint8)
    figure = plot_maps(photo, [values], ["gradient"], alpha=1.0, cmap="white_black", spikes=True)
    assert figure.texts[-1].get_text().startswith("0 to ≥ 20")  # never below a fifth of the largest
    plain = plot_maps(photo, [values], ["gradient"], alpha=1.0, cmap="white_black")
    assert plain.texts[-1].get_text() == "0 to 100"
    signed = plot_maps(photo, [values - 0.5], ["x"], alpha=1.0, cmap="blue_white_red", signed=True)
    assert signed.texts[-1].get_text() == "−99.5 to 99.5"
