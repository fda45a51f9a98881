"""An explanation as a figure: for the screen, for a file, or inside a figure of your own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError
from seewhy.records import Explanation
from seewhy.show import colour, layout
from seewhy.show.overlay import one_map, overlay
from seewhy.show.panel import Panel, panels, spelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

ACROSS = 4  # panels in a row
WIDE = 2.4  # photos wider than this stand below each other


def figure(
    explanation: Explanation,
    ax: Axes | None = None,
    cmap: Any = None,
    alpha: float | None = None,
    shared: bool = True,
    upsample: str = "bicubic",
) -> Figure:
    """The photo with the network's first choices, and one overlay per target, with a colour bar in raw numbers.

    ax : draw the first target's overlay, with its colour bar, into these axes instead; returns the figure they are in.
    cmap, alpha, shared, upsample : see ``panels``.

    A footer names the model, the method, the layer with its grid, and the preprocessing. Nothing is opened on a screen.
    """
    shown = panels(explanation, cmap, alpha, shared, upsample)
    if ax is None:
        return layout.compose(rows_of(shown), footer=provenance(explanation))
    return layout.compose_into(ax, shown[1])


def image(explanation: Explanation, **look: Any) -> Image.Image:
    """The figure as a PIL image. ``look``: cmap, alpha, shared, upsample."""
    return _pixels(figure(explanation, **look))


def sheet(rows: Sequence[Sequence[Panel]], title: str = "", footer: str = "") -> Image.Image:
    """Rows of panels as one picture, each with its title, caption and colour bar; for galleries and comparisons."""
    rows = [list(row) for row in rows if len(row)]
    if not rows:
        raise OptionError("There is nothing to show: sheet needs at least one panel.")
    return _pixels(layout.compose(rows, title=title, footer=footer))


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

    photo : uint8 ``(H, W)`` or ``(H, W, 3)``, floats in [0, 1], a PIL image or a seewhy Photo.
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
    shown = [Panel("", pixels)]
    ranges = colour.span(large, shared=shared)
    if signed or spikes:
        ranges = colour.limits(large, signed=signed, shared=shared, spikes=spikes)
    for values, title, (low, high) in zip(large, titles, ranges, strict=True):
        scale = max(abs(low), abs(high))
        drawn = overlay(pixels, values, cmap, alpha, (low, high), signed)
        beyond = spikes and bool(np.nanmax(np.abs(values)) > high)
        shown.append(Panel(title, drawn, f"{spelled(low, scale)} to {'≥ ' * beyond}{spelled(high, scale)}"))
    return layout.compose([shown])


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
    return np.asarray(_pixels(drawn))


def rows_of(shown: list[Panel]) -> list[list[Panel]]:
    """Panels of one photo in rows: four across, wide photos below each other."""
    (height, width) = shown[0].pixels.shape[:2]
    most = ACROSS if width <= WIDE * height else 1 if len(shown) <= ACROSS else 2
    across = -(-len(shown) // -(-len(shown) // most))  # as even as the number of rows allows
    return [shown[start : start + across] for start in range(0, len(shown), across)]


def provenance(explanation: Explanation) -> str:
    """Model, method, layer with its grid, and preprocessing in one line."""
    (rows, columns) = explanation.maps.shape[-2:]
    layer = f"{explanation.layer} {rows}×{columns}" if explanation.layer else f"{rows}×{columns}"
    parts = (explanation.model, explanation.method, layer, explanation.photo.preprocessing)
    return "  ·  ".join(part for part in parts if part)


def _pixels(drawn: Figure) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(drawn)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy())
