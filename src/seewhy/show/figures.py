"""Panels as figures: for the screen, and for files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError
from seewhy.files import png_bytes
from seewhy.formatting import format_number
from seewhy.show import colour, layout
from seewhy.show.overlay import one_map, overlay
from seewhy.show.panel import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

ACROSS = 4  # panels in a row
WIDE = 2.4  # photos wider than this stand below each other


def sheet(rows: Sequence[Sequence[Panel]], title: str = "", footer: str = "") -> Image.Image:
    """Rows of panels as one picture, each with its title, caption and colour bar; for galleries and comparisons."""
    rows = [list(row) for row in rows if len(row)]
    if not rows:
        raise OptionError("There is nothing to show: sheet needs at least one panel.")
    return render(layout.compose(rows, title=title, footer=footer))


def plot_maps(
    photo: Any,
    maps: Sequence[npt.ArrayLike],
    titles: Sequence[str],
    alpha: float | None = 0.5,
    cmap: Any = "jet",
    shared: bool = False,
    signed: bool = False,
    spikes: bool = False,
) -> Figure:
    """One figure of 1 x (1 + n): the photo, then the photo under each map. The classical way to compare two maps.

    photo : a file's name, uint8 ``(H, W)`` or ``(H, W, 3)``, floats in [0, 1], a PIL image or a seewhy Photo.
    maps : n maps ``(h, w)`` of any size. titles : one for each; may hold line breaks.
    alpha : 0 shows the photo alone, 1 the colours alone; None lets the opacity grow with the values.
    signed : True puts zero in the middle of the colours. spikes : True for maps of single pixels (gradients): the colours end
        where one pixel in 200 lies beyond, marked with "≥"; else a few values would leave the picture empty. They begin at 0.
    shared : one range for all maps. False stretches each from its own minimum to its own maximum, so that the colours
        of two maps must not be compared; the range stands under each map.
    """
    if len(maps) != len(titles):
        raise OptionError(f"{len(maps)} maps were given and {len(titles)} titles: give one title for each map.")
    pixels = colour.as_pixels(photo)
    size = (pixels.shape[0], pixels.shape[1])
    large = [one_map(values, size) for values in maps]
    panels = [Panel("", pixels)]
    ranges = colour.span(large, shared=shared)
    if signed or spikes:
        ranges = colour.limits(large, signed=signed, shared=shared, spikes=spikes)
    for values, title, (low, high) in zip(large, titles, ranges, strict=True):
        scale = max(abs(low), abs(high))
        drawn = overlay(pixels, values, cmap, alpha, (low, high), signed)
        beyond = spikes and bool(np.nanmax(np.abs(values)) > high)
        panels.append(Panel(title, drawn, f"{format_number(low, scale)} to {'≥ ' * beyond}{format_number(high, scale)}"))
    return layout.compose([panels])


def histogram(values: npt.ArrayLike, bins: int = 50) -> npt.NDArray[np.uint8]:
    """How often which values occur, as a small picture uint8 ``(H, W, 3)``; the counts on a logarithmic scale."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(3.1, 3.1), dpi=150, facecolor="white", layout="constrained")
    axes = drawn.add_subplot()
    axes.hist(np.asarray(values, dtype=np.float64).ravel(), bins=bins, color="#7a1466", log=True)
    axes.set_xlabel("value", fontsize=layout.CAPTION)
    axes.set_ylabel("how often", fontsize=layout.CAPTION)
    axes.tick_params(labelsize=layout.CAPTION)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return np.asarray(render(drawn))


_INKS = ("#7a1466", "#3f7f93", "#9a9a9a")  # of up to three lines; the first is the one that matters


def lines(x: npt.ArrayLike, curves: Mapping[str, npt.ArrayLike], x_label: str, y_label: str) -> npt.NDArray[np.uint8]:
    """Curves over a common ``x`` ``(n,)`` as a picture uint8 ``(H, W, 3)``; their names are the legend, the first one stands out.

    curves : name -> ``(n,)``, at most three.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(4.2, 3.1), dpi=150, facecolor="white", layout="constrained")
    axes = drawn.add_subplot()
    for number, (name, values) in reversed(list(enumerate(curves.items()))):
        style: dict[str, Any] = {
            "color": _INKS[number],
            "linewidth": 2.2 if number == 0 else 1.4,
            "linestyle": ("-", "--", ":")[number],
        }
        axes.plot(np.asarray(x), np.asarray(values), label=name, **style)
    axes.set_xlabel(x_label, fontsize=layout.CAPTION)
    axes.set_ylabel(y_label, fontsize=layout.CAPTION)
    axes.tick_params(labelsize=layout.CAPTION)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=min(0.0, *(float(np.min(values)) for values in curves.values())))
    (handles, names) = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], fontsize=layout.CAPTION, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return np.asarray(render(drawn))


def rows_of(panels: list[Panel]) -> list[list[Panel]]:
    """Panels of one photo in rows: four across, wide photos below each other."""
    (height, width) = panels[0].pixels.shape[:2]
    most = ACROSS if width <= WIDE * height else 1 if len(panels) <= ACROSS else 2
    across = -(-len(panels) // -(-len(panels) // most))  # as even as the number of rows allows
    return [panels[start : start + across] for start in range(0, len(panels), across)]


def render(figure: Figure) -> Image.Image:
    """A matplotlib figure as a PIL image, RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    with layout.without_warnings():
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy())


PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")  # that every picture can be saved with


def picture_writers(plot: Callable[[], Figure]) -> dict[str, Callable[[], bytes]]:
    """How a figure becomes a file, by suffix; drawn only when one of them is called. The same figure gives the same bytes."""
    return {
        ".png": lambda: png_bytes(render(plot())),
        ".jpg": lambda: _jpeg(plot()),
        ".jpeg": lambda: _jpeg(plot()),
        ".pdf": lambda: _vector(plot(), "pdf", {"CreationDate": None}),
        ".svg": lambda: _vector(plot(), "svg", {"Date": None}),
    }


def _jpeg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    render(figure).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def _vector(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with layout.without_warnings(), matplotlib.rc_context({"svg.hashsalt": "seewhy"}):
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
