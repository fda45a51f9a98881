"""What scenes are drawn with: curves through their points, colours, pens that are moved and turned, and layers with relief."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo.brush import SUPER, Layer, Light, Pen, mix, rgb, smooth, soften, tube

SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def test_a_smooth_curve_passes_through_its_points() -> None:
    curve = smooth(SQUARE)
    assert curve.shape == (20, 2)
    np.testing.assert_allclose(curve[::5], SQUARE, atol=1e-12)
    # Half way along a side the curve bulges out: Catmull-Rom, (-p0 + 9 p1 + 9 p2 - p3) / 16, at t = 0.4 and 0.6 on either side.
    np.testing.assert_allclose(curve[2] + curve[3], [1.0, -0.24], atol=1e-12)


def test_a_tube_is_as_wide_as_it_is_told() -> None:
    outline = tube([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)], (0.4, 0.4, 0.4))
    assert outline.shape == (22, 2)
    (left, right) = (outline[:11], outline[11:][::-1])
    np.testing.assert_allclose(left[:, 1], 0.2, atol=1e-12)
    np.testing.assert_allclose(right[:, 1], -0.2, atol=1e-12)
    np.testing.assert_allclose(left[:, 0], right[:, 0], atol=1e-12)
    np.testing.assert_allclose(left[[0, 5, 10], 0], [0, 1, 2], atol=1e-12)


def test_mixed_colours() -> None:
    assert mix((0, 100, 200), (100, 0, 200), 0.25) == (25, 75, 200)
    assert mix((10, 10, 10), (20, 20, 20), -1) == (0, 0, 0)
    assert rgb((1, 2, 3)).dtype == np.float32
    assert rgb((1, 2, 3)).tolist() == [1, 2, 3]


def test_softening_keeps_the_mean_and_spreads_a_point() -> None:
    values = np.zeros((30, 40), np.float32)
    values[15, 20] = 100
    soft = soften(values, 5)
    assert soft.shape == (30, 40)
    assert soft.mean() == pytest.approx(values.mean(), rel=0.1)
    assert soft.max() < 10
    assert soften(values, 1) is values


def test_a_pen_s_units() -> None:
    layer = Layer(40, 60)
    pen = Pen.on(layer, row=30, column=20, unit=10)
    assert pen.place([(0, 0), (1, 0), (0, 1)]).tolist() == [[40, 60], [60, 60], [40, 40]]  # large pixels (x, y), y downwards
    mirrored = Pen.on(layer, 30, 20, 10, mirrored=True)
    assert mirrored.place((1, 1)).tolist() == [20, 40]
    part = pen.at(1, 1, turn=np.pi / 2, scale=0.5)  # nose up: its x is the pen's y
    np.testing.assert_allclose(part.place([(0, 0), (1, 0)]), [[60, 40], [60, 30]], atol=1e-9)


def drawn(height: int | None = 200) -> tuple[np.ndarray, np.ndarray]:
    """A square of 10 × 10 pixels in red on a grey photo, and its opacity."""
    layer = Layer(40, 60)
    pen = Pen.on(layer, 30, 20, 10)
    pen.shape([(0, 0), (0.999, 0), (0.999, 0.999), (0, 0.999)], (200, 0, 0), height)
    photo = np.full((40, 60, 3), 100, np.float32)
    return photo, layer.lay_over(photo, Light(0.5, 1.0))


def test_a_layer_covers_what_was_drawn_and_nothing_else() -> None:
    (photo, opacity) = drawn()
    assert opacity[22:29, 22:29].min() == 1
    assert opacity.sum() == pytest.approx(100, abs=15)
    assert (photo[opacity == 0] == 100).all()
    middle = photo[22:29, 22:29]
    assert (middle[..., 0] > 120).all()
    assert (middle[..., 1:] < 30).all()


def test_without_relief_nothing_is_laid_over() -> None:
    (photo, opacity) = drawn(height=None)
    assert not opacity.any()
    assert (photo == 100).all()


def test_light_comes_from_above() -> None:
    layer = Layer(60, 60)
    Pen.on(layer, 30, 30, 20).oval(0, 0, 1, 1, (120, 120, 120), 220)
    photo = np.zeros((60, 60, 3), np.float32)
    layer.lay_over(photo, Light(0.0, 1.0))
    assert photo[13:20, 28:32].mean() > photo[40:47, 28:32].mean() + 5


def test_a_stain_stays_within_the_outline() -> None:
    layer = Layer(20, 20)
    within = np.array([[4, 4], [20, 4], [20, 20], [4, 20]], np.float64)
    layer.stain([np.array([[12, 12], [39, 12], [39, 39], [12, 39]], np.float64)], (0, 255, 0), within)
    (rows, columns) = np.nonzero(np.asarray(layer.colours)[..., 1])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 20, 12, 20)
    assert layer.colours.size == (20 * SUPER, 20 * SUPER)
