"""Panels on a sheet of matplotlib: sizes, places and wrapped text, in inches. No pyplot, no screen."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seewhy.show.panel import Bar, Panel

if TYPE_CHECKING:  # matplotlib takes longer to import than all the rest of seewhy
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 3.1  # of a square picture; others get the same area
WIDEST, TALLEST, NARROWEST = 7.2, 5.0, 1.9
MARGIN, GAP = 0.22, 0.24
BAR, BAR_GAP = 0.13, 0.1  # thickness of a colour bar, and its distance from the picture
BAR_ROOM = 0.83  # for a colour bar with its numbers and label beside a picture; more where they are long
TICK, PAD = 6 / 72, 4 / 72  # a tick with its distance from the number; from there to the label
LOW = 1.15  # below this height a colour bar lies under its picture
TITLE, CAPTION, FOOTER, HEADING = 10.0, 8.0, 7.0, 14.0  # points
WIDER = 1.03  # than its outline: how a line of small letters comes out on pixels
BOLD = 1.15  # how much wider bold letters are than those that text is wrapped by
LINE = 1.32 / 72  # inches per point of a line of text
INK, GREY, EDGE = "#1a1a1a", "#6f6f6f", "#cccccc"


@dataclass
class _Cell:
    """A panel with its size in inches and its texts broken into lines."""

    panel: Panel
    width: float
    height: float
    title: str
    caption: str
    bar: Bar | None

    @property
    def beside(self) -> bool:
        return self.bar is not None and self.height >= LOW

    @property
    def label(self) -> str:
        """What stands along the colour bar, in lines that are no longer than the bar."""
        if self.bar is None:
            return ""
        return wrapped(self.bar.label, self.height if self.beside else self.width, CAPTION)

    @property
    def gutter(self) -> float:
        """The room that the colour bar needs beside the picture, by the measured length of its numbers."""
        if self.bar is None or not self.beside:
            return 0.0
        numbers = max(inches(text, CAPTION) for _, text in self.bar.marks)
        label = PAD + LINE * CAPTION * (self.label.count("\n") + 1) if self.label else 0.0
        return max(BAR_ROOM + BAR_GAP, BAR_GAP + BAR + TICK + numbers + label)

    @property
    def above(self) -> float:
        return LINE * TITLE * (self.title.count("\n") + 1) + 0.04 if self.title else 0.0

    @property
    def below(self) -> float:
        text = LINE * CAPTION * (self.caption.count("\n") + 1) + 0.06 if self.caption else 0.0
        return text + (BAR + 0.42 if self.bar is not None and not self.beside else 0.0)


def wrapped(text: str, width: float, size: float) -> str:
    """The text in lines of at most ``width`` inches at ``size`` points. Breaks after ``;`` first, then at spaces."""
    lines = []
    for paragraph in text.split("\n"):
        parts = [part + ";" for part in paragraph.split("; ")]
        parts[-1] = parts[-1][:-1]
        line = ""
        for part in parts:
            if not line or inches(f"{line} {part}", size) <= width:
                line = f"{line} {part}".strip()
            else:
                (*full, line) = _words(line, width, size)
                lines += full
                if full and inches(f"{line} {part}", size) <= width:  # the rest of a part that was broken has room
                    line = f"{line} {part}"
                else:
                    lines.append(line)
                    line = part
        lines += _words(line, width, size)
    return "\n".join(lines)


def _words(text: str, width: float, size: float) -> list[str]:
    if inches(text, size) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and inches(f"{line} {word}", size) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
        while len(line) > 1 and inches(line, size) > width:  # one word wider than the line
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or inches(line[:n], size) <= width)
            cut = max(line.rfind(mark, 1, cut) + 1 for mark in "-_/.") or cut
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def inches(text: str, size: float) -> float:
    """How long a line of text is at ``size`` points, at most: small letters are set on whole pixels, which makes them wider."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with without_warnings():
        return WIDER * float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0]) / 72


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps a library's warnings to itself (a font without a class name's letters): a person can do nothing about them here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def compose(rows: Sequence[Sequence[Panel]], *, title: str = "", footer: str = "") -> Figure:
    """Rows of panels as one figure: titles above, captions below, colour bars beside, a heading and a footer line.

    Neighbours that share one ``Bar`` object get one bar between them.
    """
    from matplotlib.figure import Figure

    table = [[_cell(rows, r, c) for c in range(len(row))] for r, row in enumerate(rows)]
    columns = max(len(row) for row in table)
    widths, gutters = [], []
    for c in range(columns):
        column = [row[c] for row in table if len(row) > c]
        widths.append(max(max(cell.width, NARROWEST) for cell in column))
        gutters.append(max(cell.gutter for cell in column))
    width = 2 * MARGIN + sum(widths) + sum(gutters) + GAP * (columns - 1)

    heading = wrapped(title, (width - 2 * MARGIN) / BOLD, HEADING) if title else ""
    top = MARGIN + (LINE * HEADING * (heading.count("\n") + 1) + 0.12 if heading else 0.0)
    foot = wrapped(footer, width - 2 * MARGIN, FOOTER) if footer else ""
    bottom = (LINE * FOOTER * (foot.count("\n") + 1) + 0.12 if foot else 0.0) + 0.6 * MARGIN
    heads = [max(cell.above for cell in row) for row in table]
    bodies = [max(cell.height for cell in row) for row in table]
    tails = [max(cell.below for cell in row) for row in table]
    height = top + sum(heads) + sum(bodies) + sum(tails) + GAP * (len(table) - 1) + bottom

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    if heading:
        _write(figure, MARGIN / width, 1 - MARGIN / height, heading, size=HEADING, weight="bold", va="top")
    y = top
    for row, head, body, tail in zip(table, heads, bodies, tails, strict=True):
        x = MARGIN
        for cell, column_width, gutter in zip(row, widths, gutters, strict=False):
            left = x + (column_width - cell.width) / 2
            lower = height - (y + head + cell.height)
            _place(figure, cell, left, lower)
            x += column_width + gutter + GAP
        y += head + body + tail + GAP
    if foot:
        _write(figure, MARGIN / width, 0.6 * MARGIN / height, foot, size=FOOTER, color=GREY, va="bottom")
    return figure


def compose_into(axes: Axes, panel: Panel) -> Figure:
    """One panel in axes that stand already, its bar beside the picture; returns the whole figure they belong to."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

    place: Any = axes
    width = place.get_window_extent().width / place.figure.dpi
    show_picture(axes, panel, wrapped(panel.title, width, TITLE))
    if panel.caption:
        axes.set_xlabel(wrapped(panel.caption, width, CAPTION), fontsize=CAPTION, color=GREY, parse_math=False)
    if panel.bar is not None:
        beside = make_axes_locatable(axes).append_axes("right", size="4%", pad=0.08)
        draw_bar(place.figure, panel.bar, panel.bar.label, cax=beside)
    whole: Figure = place.figure.figure  # axes of a subfigure know only the subfigure
    return whole


def _cell(rows: Sequence[Sequence[Panel]], r: int, c: int) -> _Cell:
    panel = rows[r][c]
    aspect = panel.pixels.shape[1] / panel.pixels.shape[0]
    (width, height) = (SIDE * math.sqrt(aspect), SIDE / math.sqrt(aspect))
    shrink = min(1.0, WIDEST / width, TALLEST / height)
    (width, height) = (width * shrink, height * shrink)
    # The next panel along the row, or down a single column, may carry the bar for this one too.
    following = rows[r][c + 1 : c + 2] or (rows[r + 1][:1] if len(rows[r]) == 1 and r + 1 < len(rows) else [])
    bar = None if any(panel.bar is other.bar for other in following) else panel.bar
    room = max(width, NARROWEST)
    return _Cell(panel, width, height, wrapped(panel.title, room, TITLE), wrapped(panel.caption, room, CAPTION), bar)


def _place(figure: Figure, cell: _Cell, left: float, lower: float) -> None:
    """Draw one cell with the lower left corner of its picture at (left, lower) inches."""
    (width, height) = figure.get_size_inches()
    axes = figure.add_axes((left / width, lower / height, cell.width / width, cell.height / height))
    show_picture(axes, cell.panel, cell.title)
    if cell.caption:
        middle = (left + cell.width / 2) / width
        _write(figure, middle, (lower - 0.06) / height, cell.caption, size=CAPTION, color=GREY, va="top", ha="center")
    if cell.bar is None:
        return
    if cell.beside:
        box = (left + cell.width + BAR_GAP, lower, BAR, cell.height)
    else:
        text = cell.below - (BAR + 0.42)
        box = (left, lower - text - 0.08 - BAR, cell.width, BAR)
    place = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    draw_bar(figure, cell.bar, cell.label, horizontal=not cell.beside, cax=place)


def show_picture(axes: Axes, panel: Panel, title: str) -> None:
    """The pixels without ticks, the title above. Class names may hold ``$``: nothing is read as mathematics."""
    axes.imshow(panel.pixels, aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=EDGE, linewidth=0.5)
    axes.set_title(title, fontsize=TITLE, color=INK, pad=4, parse_math=False)


def draw_bar(figure: Any, bar: Bar, label: str, *, horizontal: bool = False, **place: Any) -> None:
    """A colour bar with raw numbers at both ends and in the middle; of an empty map the neutral colour and a 0.

    label : the bar's label in lines.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colours, (low, high) = bar.table, (bar.low, bar.high)
    if not high > low:
        neutral = len(colours) // 2 if bar.signed else 0
        colours = colours[neutral : neutral + 1]
        (low, high) = (-1.0, 1.0) if bar.signed else (0.0, 1.0)
    scale = ScalarMappable(Normalize(low, high), ListedColormap(colours.tolist()))
    drawn = figure.colorbar(scale, orientation="horizontal" if horizontal else "vertical", **place)
    drawn.set_ticks([low + part * (high - low) for part, _ in bar.marks], labels=[text for _, text in bar.marks])
    drawn.ax.tick_params(labelsize=CAPTION, length=2.5, width=0.6, color=GREY, labelcolor=INK)
    drawn.set_label(label, fontsize=CAPTION, color=GREY, parse_math=False)
    if len(bar.marks) > 1:  # the outer numbers stay within the bar, clear of what stands beside it
        if horizontal:
            for text, side in zip(drawn.ax.get_xticklabels(), ("left", "center", "right"), strict=True):
                text.set_horizontalalignment(side)
        else:
            for text, side in zip(drawn.ax.get_yticklabels(), ("bottom", "center", "top"), strict=True):
                text.set_verticalalignment(side)
    drawn.outline.set_visible(False)


def _write(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    style = {"color": INK, "ha": "left", "linespacing": 1.15, **style}
    figure.text(x, y, text, parse_math=False, multialignment=style["ha"], **style)
