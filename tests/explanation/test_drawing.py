from dataclasses import replace

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.explanation import figure, image, panels
from seewhy.geometry import Geometry
from seewhy.records import Note, Prediction, Target
from seewhy.show import Bar

BLOB = [[0, 0, 0], [0, 4, 0], [0, 0, 2]]


def texts(drawing):
    return [text.get_text() for text in drawing.texts]


def test_titles(explained):
    all_panels = panels(explained([BLOB, BLOB]))
    assert [panel.title for panel in all_panels] == [
        "coyote (0.61); bear (0.30); sheep (0.09)",
        "coyote (0.61)",
        "bear (0.30)",
    ]


def test_the_title_names_both_classes(explained):
    e = explained(targets=[Target("bear", 1, 0.3, 2, Prediction("coyote", 0, 0.61))])
    assert panels(e)[1].title == "bear, not coyote (0.30 against 0.61)"
    assert panels(replace(e, by_class=False))[1].title == "no class: what the layer reacts to"


def test_without_predictions_the_photo_is_called_by_its_name(explained):
    assert panels(explained(predictions=[]))[0].title == "photo.jpg"


def test_the_photo_comes_first_with_its_crop_framed(explained):
    (photo, _) = panels(explained(size=(400, 600)))
    assert photo.bar is None
    assert photo.caption == "The network saw what is framed."
    assert photo.pixels.shape == (400, 600, 3)
    assert np.all(photo.pixels[:, :90] == 128)
    assert photo.pixels[:, 90:120].max() == 255
    (photo, _) = panels(explained(size=(400, 600), crop=False))
    assert photo.caption == ""
    assert np.all(photo.pixels == 128)


def test_the_hottest_pixel_lies_where_the_map_says(explained):
    peak = np.zeros((4, 4))
    peak[1, 3] = 5
    (_, panel) = panels(explained([peak], size=(400, 600)))
    light = panel.pixels.astype(int).sum(axis=2)
    (row, column) = np.unravel_index(light.argmax(), light.shape)
    assert 100 <= row < 200
    assert 400 <= column < 500  # the crop's last quarter: 100 + 3 * 100 and on
    assert np.ptp(panel.pixels[:, :99].astype(int), axis=2).max() == 0  # nothing outside the crop


def test_captions_carry_rank_and_reason(explained):
    e = explained([BLOB, np.zeros((3, 3)), np.full((3, 3), 2.5)])
    e = replace(e, notes=[Note("All evidence is negative: try relu=False.", 1), Note("The seed does not matter.")])
    all_panels = panels(e)
    assert [panel.caption for panel in all_panels] == [
        "The network saw what is framed. The seed does not matter.",
        "",
        "The network's choice number 2. All evidence is negative: try relu=False.",
        "The network's choice number 3. Flat map: 2.5 everywhere, so it points nowhere.",
    ]
    assert panels(e, notes=False)[0].caption == "The network saw what is framed."


def test_a_single_target_carries_all_notes(explained):
    e = explained(notes=["One of a kind."], partial=True)
    assert panels(e)[1].caption == "One of a kind. Not complete."


def test_a_target_without_rank(explained):
    from seewhy.records import Target

    e = explained(targets=[Target("my function", None, 3.5, None)])
    assert panels(e)[1].title == "my function (3.50)"
    assert panels(e)[1].caption == ""


def test_one_scale_for_all_or_one_for_each(explained):
    weak = 0.25 * np.array(BLOB)
    e = explained([BLOB, weak])
    (_, strong_panel, weak_panel) = panels(e, upsample="nearest")
    assert strong_panel.bar is weak_panel.bar
    assert (strong_panel.bar.low, strong_panel.bar.high, strong_panel.bar.label) == (0, 4, "logit")
    assert weak_panel.pixels.astype(int).sum(axis=2).max() < strong_panel.pixels.astype(int).sum(axis=2).max() - 100
    (_, strong_panel, weak_panel) = panels(e, upsample="nearest", shared=False)
    assert (weak_panel.bar.low, weak_panel.bar.high) == (0, 1)
    np.testing.assert_array_equal(weak_panel.pixels, strong_panel.pixels)


def test_signed_maps_have_a_symmetric_scale(explained):
    (_, panel) = panels(explained([[[-1.0, 0.5], [0, 2.0]]], signed=True), upsample="nearest")
    assert (panel.bar.low, panel.bar.high) == (-2, 2)
    assert panel.bar.label == "against ← logit → for"
    assert panel.bar.marks == [(0.0, "−2"), (0.5, "0"), (1.0, "2")]


def test_an_empty_map_has_an_empty_scale(explained):
    (_, panel) = panels(explained([np.zeros((3, 3))]))
    assert panel.bar.marks == [(0.0, "0")]
    assert np.ptp(panel.pixels.astype(int), axis=2).max() == 0
    assert Bar(panel.bar.table, 0, 0, signed=True).marks == [(0.5, "0")]


@pytest.mark.parametrize(("units", "coloured"), [("probability", False), ("logit per cell", True)])
def test_less_than_a_millionth_of_a_score_gets_no_colour(explained, units, coloured):
    e = explained([1e-7 * np.array(BLOB), BLOB], units=units)
    (_, tiny, _) = panels(e, shared=False, upsample="nearest")
    assert bool(np.ptp(tiny.pixels.astype(int), axis=2).max() > 50) is coloured
    assert tiny.bar.high == (pytest.approx(4e-7) if coloured else 0)
    flat = "Flat map: below a millionth everywhere, so it points nowhere."
    assert tiny.caption == ("" if coloured else flat)
    (_, tiny, strong) = panels(e, upsample="nearest")
    assert (flat in tiny.caption, strong.bar.high) == (not coloured, 4)


def test_single_spikes_of_a_pixel_map_open_the_scale(explained):
    spiky = np.random.default_rng(0).random((60, 60))
    spiky[30, 30] = 50
    (_, panel) = panels(explained([spiky]), upsample="nearest")
    assert panel.bar.open
    assert panel.bar.high == 10
    assert panel.bar.marks[2] == (1.0, "≥ 10")
    peak = np.zeros((13, 13))
    peak[6, 6] = 50
    (_, panel) = panels(explained([peak]), upsample="nearest")
    assert panel.bar.marks[2] == (1.0, "50")  # a coarse map is never cut


def test_large_photos_are_reduced_and_tiny_ones_enlarged(explained):
    (photo, overlay) = panels(explained(size=(1500, 3000)))
    assert photo.pixels.shape == overlay.pixels.shape == (500, 1000, 3)
    (photo, overlay) = panels(explained(size=(20, 30)))
    assert photo.pixels.shape == overlay.pixels.shape == (280, 420, 3)


def test_panels_are_the_same_each_time(explained):
    for a, b in zip(panels(explained()), panels(explained()), strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize("size", [(1000, 2000), (2000, 1000), (20, 40), (40, 20)])
def test_the_crop_keeps_its_place_when_the_photo_is_resized(explained, size):
    (photo, overlay) = panels(explained([np.arange(9).reshape(3, 3)], size=size))
    long_axis = int(size[0] > size[1])  # turn portraits: the crop is the middle half of the longer side
    line = (np.swapaxes(photo.pixels, 0, 1) if long_axis else photo.pixels)[photo.pixels.shape[long_axis] // 2, :, 0]
    length = len(line)
    assert np.flatnonzero(line != 128)[[0, -1]].tolist() == [length // 4, 3 * length // 4 - 1]
    pixels = np.swapaxes(overlay.pixels, 0, 1) if long_axis else overlay.pixels
    light = pixels.astype(int).sum(axis=2)[2]
    assert np.all(light[: length // 4] == light[0])
    assert light[length // 4] > light[0] + 60
    assert light[3 * length // 4 - 1] > light[-1] + 60
    assert np.all(light[3 * length // 4 :] == light[0])


def test_the_parts_of_a_figure(explained):
    drawing = figure(explained([BLOB, BLOB]), upsample="nearest")
    (photo, first, second, bar) = drawing.axes
    assert photo.get_title() == "coyote (0.61); bear (0.30); sheep (0.09)"
    assert [first.get_title(), second.get_title()] == ["coyote (0.61)", "bear (0.30)"]
    assert bar.get_ylabel() == "logit"
    assert bar.get_ylim() == (0, 4)
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0", "2", "4"]
    assert "toy  ·  grad_cam  ·  features.12 3×3  ·  centre crop 60×60" in texts(drawing)
    assert "The network's choice number 2." in texts(drawing)


def test_each_map_with_its_own_bar(explained):
    drawing = figure(explained([BLOB, 2 * np.array(BLOB)]), shared=False, upsample="nearest")
    assert len(drawing.axes) == 5
    assert [ax.get_ylim() for ax in drawing.axes if ax.get_ylabel()] == [(0, 4), (0, 8)]


def test_the_bar_of_an_empty_map_is_one_neutral_colour_with_a_zero(explained):
    (_, _, bar) = figure(explained([np.zeros((3, 3))])).axes
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0"]


@pytest.mark.parametrize(("targets", "across"), [(1, 2), (3, 4), (4, 3), (5, 3)])
def test_panels_wrap_after_four(explained, targets, across):
    drawing = figure(explained([BLOB] * targets))
    pictures = [ax for ax in drawing.axes if ax.images]
    assert len(pictures) == targets + 1
    top = max(ax.get_position().y0 for ax in pictures)
    assert sum(abs(ax.get_position().y0 - top) < 1e-6 for ax in pictures) == across


def test_wide_photos_stand_below_each_other_with_a_level_bar(explained):
    drawing = figure(explained([BLOB], size=(60, 400)))
    (photo, overlay, bar) = drawing.axes
    assert photo.get_position().y0 > overlay.get_position().y1
    assert bar.get_xlabel() == "logit"
    assert bar.get_position().y1 < overlay.get_position().y0


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (30, 400), (400, 30), (60, 60)])
@pytest.mark.parametrize("targets", [1, 3, 6])
def test_nothing_overlaps_and_nothing_leaves_the_sheet(explained, size, targets):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    name = "bighorn, bighorn sheep, cimarron, Rocky_Mountain_bighorn-with-a-very-long-name, Ovis canadensis"
    e = explained(
        [BLOB] * targets,
        size=size,
        targets=[Target(f"{name} {i}", i, 0.5, i + 1) for i in range(targets)],
        predictions=[Prediction(f"{name} {i}", i, 0.5) for i in range(3)],
    )
    drawing = figure(e)
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in drawing.texts]
    for ax in drawing.axes:  # a title may be wider than its picture: they are looked at apart
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

    own_figure = Figure()
    (left, right) = own_figure.subplots(1, 2)
    assert figure(explained([BLOB, BLOB], notes=["About it."]), ax=right, upsample="nearest") is own_figure
    assert right.get_title() == "coyote (0.61)"
    assert not left.images
    assert own_figure.axes[2].get_ylim() == (0, 4)
    inner = own_figure.subfigures(1, 1).subplots()
    assert figure(explained(), ax=inner) is own_figure


def test_the_image_is_deterministic_and_rgb(explained):
    (a, b) = (image(explained()), image(explained()))
    assert a.mode == "RGB"
    assert a.tobytes() == b.tobytes()


def test_dollars_and_other_signs_in_class_names(explained):

    e = explained(targets=[Target("$x^$ <b>_{&", 0, 0.5, 1)], predictions=[Prediction("$x^$", 0, 0.5)])
    assert figure(e).axes[1].get_title() == "$x^$ <b>_{& (0.50)"
    image(e)


def test_an_unknown_colour_table(explained):
    with pytest.raises(OptionError, match=r"^There is no colour table 'virids'\. Did you mean 'viridis'"):
        figure(explained(), cmap="virids")


def test_a_tensor_photo_without_preprocessing(explained):
    from dataclasses import replace

    e = explained()
    original = np.random.default_rng(0).normal(size=(60, 90, 1)).astype(np.float32)
    e = replace(e, photo=replace(e.photo, original=original, geometry=Geometry.whole((60, 90))))
    assert image(e).size[0] > 400


def test_a_note_goes_to_its_map_whatever_its_sentence_names(explained):
    """The name of class 1 also stands in a sentence about class 10."""
    targets = [Target("class 1", 1, 0.6, 1), Target("class 10", 10, 0.3, 2)]
    e = explained([BLOB, BLOB], targets=targets, crop=False, notes=[Note("nothing speaks for 'class 10'", 1)])
    assert [panel.caption for panel in panels(e)] == ["", "", "The network's choice number 2. Nothing speaks for 'class 10'."]


def test_a_note_of_the_photo_is_told_once(explained):
    e = explained(crop=False, notes=["grey was repeated", "a note"])
    e = replace(e, photo=replace(e.photo, notes=("grey was repeated",)))
    assert [panel.caption for panel in panels(e)] == ["Grey was repeated.", "A note."]


def test_a_map_that_belongs_to_no_class_is_drawn_once(explained):
    e = explained([BLOB, BLOB, BLOB], by_class=False, notes=["For the photo."])
    all_panels = panels(e)
    assert [panel.title for panel in all_panels[1:]] == ["no class: what the layer reacts to"]
    assert all_panels[1].caption == "For the photo."


def test_eigen_cam_of_three_targets_is_one_panel():
    import seewhy

    e = seewhy.explain(seewhy.load("demo:honest"), seewhy.demo.scenes(1, seed=3)[0].photo, "eigen_cam", "top3")
    assert (e.maps.shape[0], e.by_class) == (3, False)
    assert [panel.title for panel in e.panels()][1:] == ["no class: what the layer reacts to"]
    assert seewhy.explain(seewhy.load("demo:honest"), seewhy.demo.scenes(1, seed=3)[0].photo).by_class


@pytest.mark.parametrize(("strength", "share"), [(0.002, "0.2 %"), (0.06, "6 %")])
def test_a_map_too_weak_to_be_seen_says_so(explained, strength, share):
    e = explained([BLOB, strength * np.array(BLOB)], crop=False)
    weak = f"The network's choice number 2. Hardly visible on the common scale: {share} of the strongest map."
    assert [panel.caption for panel in panels(e)] == ["", "", weak]
    assert panels(e, shared=False)[2].caption == "The network's choice number 2."


def test_a_map_that_can_be_seen_or_is_empty_is_not_called_weak(explained):
    e = explained([BLOB, 0.11 * np.array(BLOB), np.zeros((3, 3))], crop=False)
    captions = [panel.caption for panel in panels(e)]
    assert captions[2:] == ["The network's choice number 2.", "The network's choice number 3. Empty map: zero everywhere."]


def test_class_names_in_letters_that_the_font_lacks_warn_of_nothing(explained):
    image(explained(targets=[Target("犬 🐻", 0, 0.5, 1)], predictions=[Prediction("犬", 0, 0.5)]))
