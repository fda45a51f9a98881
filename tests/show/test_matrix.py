"""A table of shares as a picture: its colours, and that everything stands on the sheet."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from seewhy.show.matrix import colours, matrix_figure

NAN = np.nan


def test_colours() -> None:
    pixels = colours(np.array([[1.0, 1.0, 0.0], [0.001, 0.0, NAN]]), 1)
    assert pixels.tolist() == [
        [[0x00, 0x72, 0xB2], [0xD5, 0x5E, 0x00], [255, 255, 255]],
        [[253, 247, 242], [255, 255, 255], [0xF1, 0xEF, 0xEC]],  # a single one of a thousand is seen
    ]


@pytest.mark.parametrize("count", [1, 3, 9, 26])
@pytest.mark.parametrize("name", ["a", "a name of some length (1,234)"])
def test_everything_stands_on_the_sheet(count: int, name: str) -> None:
    shades = np.eye(count) * 0.9
    texts = [["1,234\n99 %"] * count] * count
    names = [f"{i} {name}" for i in range(count)]
    figure = matrix_figure(shades, texts, names, names, count, "A title", "A caption of some length. " * 8)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (width, height) = figure.get_size_inches() * figure.dpi
    axes = figure.axes[0]
    for text in [*figure.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y1 <= height, text.get_text()
    # Nothing below the table covers anything else: names, "predicted", the caption.
    lowest_name = min(text.get_window_extent(canvas.get_renderer()).y0 for text in axes.get_xticklabels())
    (predicted, true, title, caption) = (text.get_window_extent(canvas.get_renderer()) for text in figure.texts)
    assert lowest_name >= predicted.y0 + 0.6 * predicted.height
    assert predicted.y0 >= caption.y1 - 1
    assert title.y0 >= axes.get_window_extent().y1
    assert true.x1 <= min(text.get_window_extent(canvas.get_renderer()).x0 for text in axes.get_yticklabels()) + 1
    # A cell's number is not wider than the cell.
    cell = axes.get_window_extent().width / count
    assert max(text.get_window_extent(canvas.get_renderer()).width for text in axes.texts) < cell
    assert len(axes.texts) == count**2 * (2 if count < 26 else 1)
