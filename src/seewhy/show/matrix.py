"""A square table of numbers as a picture: what is right on its diagonal, what is wrong beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.show.colour import Floats, Pixels, to_bytes
from seewhy.show.layout import CAPTION, GREY, INK, LINE, MARGIN, TITLE, inches, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RIGHT, WRONG = "#0072b2", "#d55e00"  # of a share of 1; after Okabe and Ito (2008), told apart with any colour vision
EMPTY, FAINT = "#f1efec", "#b8b4ad"  # of a row without numbers; of a zero
LEAST = 0.05  # the colour of the smallest share: a single photo is seen
# Up to so many rows: the inches of a cell, and the points of the numbers in it.
SIZES = ((4, 0.95, 13.0), (8, 0.72, 11.0), (14, 0.54, 9.0), (26, 0.4, 7.5))
SMALL = 0.5  # inches: cells below it have no room for a second line, and zeros would crowd the picture
NARROWEST = 3.6  # inches that the title and the caption have
AXIS = 0.26  # inches for "true" and "predicted"


def matrix_figure(
    shades: Floats,
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    diagonal: int,
    title: str,
    caption: str,
    axes_titles: tuple[str, str] = ("true", "predicted"),
) -> Figure:
    """The table with names beside its rows and below its columns, a title and a caption.

    shades : ``(R, C)``, how dark each cell is, in [0, 1]; NaN where there is nothing to tell.
    texts : what stands in it; after a line break in small letters, where there is room.
    diagonal : how many cells of the diagonal are right; all others are wrong.
    """
    from matplotlib.figure import Figure

    (height, width) = shades.shape
    (_, side, size) = next((entry for entry in SIZES if max(height, width) <= entry[0]), SIZES[-1])
    lengths = [inches(name, CAPTION + 1) for name in columns]
    slanted = max(lengths) > side - 0.08
    # Slanted by 45 degrees, a name reaches as far down as to the left.
    below = AXIS + 0.12 + (max(lengths) * 0.71 + 0.12 if slanted else LINE * (CAPTION + 1))
    overhang = max(length * 0.71 - (place + 0.5) * side for place, length in enumerate(lengths)) if slanted else 0.0
    left = MARGIN + AXIS + 0.1 + max(max(inches(name, CAPTION + 1) for name in rows), overhang - AXIS)
    whole = max(left + width * side + MARGIN, NARROWEST)
    heading = wrapped(title, whole - 2 * MARGIN, TITLE)
    foot = wrapped(caption, whole - 2 * MARGIN, CAPTION)
    above = MARGIN + LINE * TITLE * (heading.count("\n") + 1) + 0.1
    under = 0.1 + LINE * CAPTION * (foot.count("\n") + 1) + 0.6 * MARGIN
    tall = above + height * side + below + under

    figure = Figure(figsize=(whole, tall), dpi=150, facecolor="white")
    axes = figure.add_axes((left / whole, (under + below) / tall, width * side / whole, height * side / tall))
    axes.imshow(colours(shades, diagonal), aspect="auto", interpolation="nearest")
    _write_cells(axes, shades, texts, diagonal, size, crowded=side < SMALL)
    _name_sides(axes, rows, columns, slanted)
    middle = (left + width * side / 2) / whole
    figure.text(middle, (under + 0.06) / tall, axes_titles[1], fontsize=TITLE, color=INK, ha="center", va="bottom")
    up = (under + below + height * side / 2) / tall
    figure.text(MARGIN / whole, up, axes_titles[0], fontsize=TITLE, color=INK, ha="left", va="center", rotation=90)
    figure.text(
        MARGIN / whole, 1 - MARGIN / tall, heading, fontsize=TITLE, color=INK, va="top", parse_math=False, linespacing=1.15
    )
    figure.text(
        MARGIN / whole,
        under / tall - 0.1 / tall,
        foot,
        fontsize=CAPTION,
        color=GREY,
        va="top",
        parse_math=False,
        linespacing=1.25,
    )
    return figure


def colours(shades: Floats, diagonal: int) -> Pixels:
    """``(R, C, 3)``: white for 0, the full colour for 1, blue on the diagonal, orange beside it, light grey for NaN."""
    right = np.zeros(shades.shape, dtype=bool)
    right[np.arange(diagonal), np.arange(diagonal)] = True
    full = np.where(right[..., None], _rgb(RIGHT), _rgb(WRONG))
    depth = np.where(shades > 0, LEAST + (1 - LEAST) * np.nan_to_num(shades), 0.0)[..., None]
    mixed = 1 - depth * (1 - full)
    return to_bytes(255 * np.where(np.isnan(shades)[..., None], _rgb(EMPTY), mixed))


def _rgb(colour: str) -> npt.NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _write_cells(axes: Axes, shades: Floats, texts: Sequence[Sequence[str]], diagonal: int, size: float, crowded: bool) -> None:
    for (row, column), shade in np.ndenumerate(shades):
        (large, _, small) = texts[row][column].partition("\n")
        if large == "0" and crowded:
            continue
        dark = shade > (0.8 if row == column < diagonal else 0.95)  # where white has more contrast; blue is the darker of the two
        ink = "white" if dark else INK if shade > 0 else FAINT
        both = bool(small) and not crowded
        middle: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False}
        axes.text(column, row - 0.13 * both, large, fontsize=size, color=ink, **middle)
        if both:
            axes.text(column, row + 0.22, small, fontsize=0.68 * size, color=GREY if shade < 0.3 else ink, **middle)


def _name_sides(axes: Axes, rows: Sequence[str], columns: Sequence[str], slanted: bool) -> None:
    """Names without ticks, white lines between the cells."""
    style: dict[str, Any] = {"fontsize": CAPTION + 1, "color": INK, "parse_math": False}
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "va": "top", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(len(columns)), columns, **style, **slant)
    axes.set_yticks(range(len(rows)), rows, **style)
    axes.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0)
    axes.tick_params(which="major", pad=4)
    for spine in axes.spines.values():
        spine.set(color="#cccccc", linewidth=0.6)
