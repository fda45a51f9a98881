import numpy as np
import pytest

from seewhy.show import Bar, Panel
from seewhy.show.layout import compose, wrapped

TABLE = np.linspace(0, 1, 15).reshape(5, 3)


@pytest.mark.parametrize("value", [5.01e-5, 1.5, 12345.0])
@pytest.mark.parametrize("units", ["logit", "logit per cell", "log-odds per pixel value"])
@pytest.mark.parametrize("shape", [(60, 90), (60, 60), (36, 250), (20, 240), (90, 30)])
def test_the_unit_beside_a_colour_bar_is_never_cut_off(value, units, shape):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    bars = [Bar(TABLE, -value, value, units, signed=True, open=True) for _ in range(2)]
    panels = [Panel("a title", np.full((*shape, 3), 99, np.uint8), "a caption", bar) for bar in bars]
    figure = compose([panels])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (width, height) = canvas.get_width_height()
    boxes = [axes.get_tightbbox(canvas.get_renderer()) for axes in figure.axes]
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    (first_bar, second_picture) = (boxes[1], boxes[2])
    beside = min(first_bar.y1, second_picture.y1) - max(first_bar.y0, second_picture.y0) > 1
    assert not beside or first_bar.x1 < second_picture.x0
    labels = (figure.axes[1].get_xlabel(), figure.axes[1].get_ylabel())
    assert "".join(labels).replace("\n", " ") == f"against ← {units} → for"


def test_text_is_wrapped():
    assert wrapped("short", 3, 10) == "short"
    assert wrapped("a\nb", 3, 10) == "a\nb"
    assert wrapped("coyote (0.61); bear (0.30); sheep (0.09)", 2.2, 10) == "coyote (0.61); bear (0.30);\nsheep (0.09)"
    long = "values from low to high are black to white; all else stays"  # the rest of a part that was broken has room
    assert wrapped(long, 2.2, 10) == "values from low to high are\nblack to white; all else stays"
    assert wrapped("one-two", 0.4, 10) == "one-\ntwo"
    lines = wrapped("x" * 60, 1, 10).split("\n")
    assert "".join(lines) == "x" * 60
    assert len(lines) > 3
