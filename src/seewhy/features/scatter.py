"""An embedding as a picture: points with a colour and a shape for each class, misclassified photos in a ring."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import SeewhyError
from seewhy.features.embedding import EmbeddingRecord, ranked
from seewhy.formatting import as_sentences, format_number, shortened
from seewhy.photo import open_picture
from seewhy.show import Panel, displayable, sheet
from seewhy.show.layout import CAPTION, GREY, INK, TITLE, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

Corners = list[tuple[float, float]]

# Twelve colours that stay apart with any colour vision as far as twelve can, and are seen on white and on dark ground: after
# Okabe and Ito (2008), with five more. What two eyes confuse differs in shape, too.
COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#cc79a7",
    "#8a63d2",
    "#a6761d",
    "#8fbc3b",
    "#e0457b",
    "#4a7f8c",
    "#d9c22e",
)
OTHER = "#9a968f"  # rare classes, and photos whose class is not known
LONGEST = 480  # pixels of a photo in a sheet
_SIDE, _LEGEND = 5.6, 2.1  # inches


def _regular(corners: int, turn: float = 0.0, inner: float = 1.0, size: float = 1.0) -> Corners:
    """A polygon around the origin, y upwards; ``inner`` below 1 makes every second corner a notch."""
    angles = [math.tau * (i / corners + turn) for i in range(corners)]
    radii = [size * (inner if i % 2 else 1.0) for i in range(corners)]
    return [(radius * math.sin(angle), radius * math.cos(angle)) for radius, angle in zip(radii, angles, strict=True)]


def _box(width: float, height: float) -> Corners:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


_CROSS: Corners = [(x, y) for x, y in ((-1, 3), (1, 3), (1, 1), (3, 1), (3, -1), (1, -1), (1, -3), (-1, -3), (-1, -1), (-3, -1),
                                      (-3, 1), (-1, 1))]  # fmt: skip
# All of about the same area.
SHAPES: tuple[Corners, ...] = (
    _regular(24),  # a disc
    _box(0.88, 0.88),
    _regular(3, size=1.35),
    _regular(4, size=1.25),
    _regular(3, turn=0.5, size=1.35),
    [(0.38 * x, 0.38 * y) for x, y in _CROSS],
    _regular(10, inner=0.45, size=1.4),
    _regular(3, turn=0.25, size=1.35),
    _regular(3, turn=0.75, size=1.35),
    _box(0.55, 1.3),
    _box(1.3, 0.55),
    _regular(8, inner=0.45, size=1.4),
)


@dataclass(frozen=True)
class Group:
    """Points that look alike. name : of the class or group. shape : corners in units of the marker's radius, y upwards."""

    name: str
    colour: str
    shape: Corners
    members: list[int]


def grouping(embedding: EmbeddingRecord) -> list[Group]:
    """The groups with their colours, in class order (groups that are no classes: by name); of more than twelve the most frequent,
    then all others in grey."""
    names = embedding.groups
    order = ranked(names)
    coloured = order[: len(COLOURS)]
    if embedding.grouped:
        places = {name: place for place, name in enumerate(sorted(order))}
    else:
        places = {}
        for name, label, prediction in zip(names, embedding.label_indices, embedding.predictions, strict=True):
            places.setdefault(name or "", prediction.index if label is None else label)
    members: dict[str | None, list[int]] = {}
    for i, name in enumerate(names):
        key = name if name in coloured else None if name is None else ""
        members.setdefault(key, []).append(i)
    groups = [
        Group(name, COLOURS[place], SHAPES[place], members[name])
        for place, name in enumerate(sorted(coloured, key=lambda name: places[name]))
    ]
    if "" in members:
        kind = "groups" if embedding.grouped else "classes"
        groups.append(Group(f"{len(order) - len(coloured)} other {kind}", OTHER, SHAPES[0], members[""]))
    if None in members:
        groups.append(Group("group not known" if embedding.grouped else "class not known", OTHER, _regular(6), members[None]))
    return groups


def heading(embedding: EmbeddingRecord) -> str:
    """What is shown, in a few words."""
    return f"{len(embedding):,} photos as {embedding.model or 'the network'} sees them at {embedding.layer}"


def caption(embedding: EmbeddingRecord) -> str:
    """How it was made and how to read it."""
    details = embedding.details
    colour = "group" if embedding.grouped else "true class" if embedding.labelled else "predicted class"
    sentences = [f"Colour: {colour}."]
    count = len(ranked(embedding.groups))
    if count > len(COLOURS):
        kind = "groups" if embedding.grouped else "classes"
        sentences.append(f"{len(COLOURS)} of {count} {kind} have one, the most frequent first.")
    if embedding.compared:
        known = sum(label is not None for label in embedding.labels)
        sentences.append(f"Ring: misclassified ({int(embedding.wrong.sum()):,} of {known:,}).")
    columns = embedding.features.shape[1]
    of = "class logits" if embedding.layer == "scores" else "features"
    pooled = ", averaged over space" if embedding.settings.get("pool") == "mean" and embedding.layer != "scores" else ""
    if embedding.method == "tsne":
        first = f" (PCA to {embedding.settings['pca']} first)" if "explained_variance" in details else ""
        sentences.append(
            f"t-SNE of {columns:,} {of}{pooled}{first}, perplexity {details['perplexity']:.3g}, seed {embedding.seed}. Near "
            "points are alike. The distance between groups and their size mean little."
        )
    else:
        shares = " and ".join(f"{100 * share:.0f} %" for share in details["explained_variance"])
        sentences.append(f"The first two principal components of {columns:,} {of}{pooled}: {shares} of the variance.")
    return " ".join(filter(None, (*sentences, as_sentences(embedding.notes))))


def figure(embedding: EmbeddingRecord, ax: Any = None) -> Figure:
    """The scatter with its legend and caption; with ``ax`` drawn into these axes, without the caption."""
    from matplotlib.figure import Figure

    if ax is not None:
        _draw(embedding, ax)
        whole: Figure = ax.figure.figure
        return whole
    width = _SIDE + _LEGEND + 0.4
    text = wrapped(caption(embedding), width - 0.4, CAPTION)
    below = 0.16 * (text.count("\n") + 1) + 0.2
    height = _SIDE + 0.5 + below
    drawn = Figure(figsize=(width, height), dpi=150, facecolor="white")
    axes = drawn.add_axes((0.2 / width, (below + 0.05) / height, _SIDE / width, _SIDE / height))
    _draw(embedding, axes)
    drawn.text(
        0.2 / width, (below - 0.06) / height, text, fontsize=CAPTION, color=GREY, va="top", parse_math=False, linespacing=1.25
    )
    return drawn


def _draw(embedding: EmbeddingRecord, axes: Any) -> None:
    area = float(np.clip(9000 / len(embedding), 14, 70))  # square points of a marker
    handles, names = [], []
    for group in grouping(embedding):
        (x, y) = embedding.points[group.members].T
        fitted = max(abs(part) for corner in group.shape for part in corner)  # matplotlib fits every shape into one square
        style = {"s": area * fitted**2, "c": group.colour, "marker": group.shape, "zorder": 2 if group.colour == OTHER else 3}
        handles.append(axes.scatter(x, y, edgecolors="white", linewidths=0.4, alpha=0.9, **style))
        names.append(f"{shortened(group.name)} ({len(group.members):,})")
    wrong = np.flatnonzero(embedding.wrong)
    if len(wrong):
        (x, y) = embedding.points[wrong].T
        handles.append(axes.scatter(x, y, s=3.2 * area, facecolors="none", edgecolors=INK, linewidths=1.0, zorder=4))
        names.append(f"misclassified ({len(wrong):,})")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    for spine in axes.spines.values():
        spine.set(color="#cccccc", linewidth=0.6)
    axes.set_title(wrapped(heading(embedding), _SIDE, TITLE), fontsize=TITLE, color=INK, loc="left", parse_math=False)
    # Placeholders first: matplotlib drops names that begin with "_" and reads "$" as mathematics.
    legend = axes.legend(
        handles,
        ["."] * len(names),
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=CAPTION,
        borderaxespad=0,
        handletextpad=0.3,
        labelspacing=0.55,
    )
    if len(wrong):
        legend.legend_handles[-1].set_sizes([1.6 * area])  # its full size would cover the line above
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def neighbour_picture(embedding: EmbeddingRecord, i: int, k: int = 5) -> Image.Image:
    """Photo i, its k nearest in feature space, and below its 16×16 pixels and the k nearest in pixel space."""
    rows = []
    for space, first in (("features", _photo(embedding, i)), ("pixels", _tiny(embedding, i))):
        where = f"nearest at {embedding.layer}:" if space == "features" else "nearest in 16×16 pixels:"
        row = [Panel(shortened(embedding.names[i], 30), first, f"{verdict(embedding, i)}\n{where}")]
        for j, distance in embedding.neighbours(i, k, space):
            text = f"{verdict(embedding, j)}\ndistance {format_number(distance)}"
            row.append(Panel(shortened(embedding.names[j], 30), _photo(embedding, j), text))
        rows.append(row)
    return sheet(rows, footer=f"{heading(embedding)}. Distances are Euclidean; those of the two rows have different units.")


def verdict(embedding: EmbeddingRecord, i: int) -> str:
    """``"bear (0.93)"``, or ``"cow, taken for bear (0.61)"``."""
    (label, prediction) = (embedding.labels[i], embedding.predictions[i])
    if embedding.wrong[i]:
        return f"{label}, taken for {prediction}"
    if embedding.grouped and label is not None:
        return f"{label}; predicted: {prediction}"
    return str(prediction) if label is not None else f"predicted: {prediction}"


def _photo(embedding: EmbeddingRecord, i: int) -> npt.NDArray[np.uint8]:
    """The photo itself where the file is still there, else its thumbnail; enlarged smoothly."""
    from PIL import Image

    path = embedding.paths[i]
    pixels: Any = embedding.thumbnails[i]
    if path is not None:
        with contextlib.suppress(SeewhyError):
            values = open_picture(path).values
            pixels = displayable(values) if values.dtype == np.uint8 else pixels  # bands and bits are seen in the thumbnail
    picture = Image.fromarray(pixels)
    scale = LONGEST / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def _tiny(embedding: EmbeddingRecord, i: int) -> npt.NDArray[np.uint8]:
    """What is compared in pixel space, as square blocks."""
    values = embedding.pixels[i].transpose(1, 2, 0)
    if values.min() >= 0 and values.max() <= 255 and values.max() > 1:
        values = np.floor(values + 0.5).astype(np.uint8)
    pixels: npt.NDArray[np.uint8] = displayable(values).repeat(LONGEST // 16, axis=0).repeat(LONGEST // 16, axis=1)
    return pixels


def marks(embedding: EmbeddingRecord) -> Sequence[str]:
    """The markers as SVG paths in units of their radius, y downwards."""
    return ["M" + "L".join(f"{x:.2f} {-y:.2f}" for x, y in group.shape) + "Z" for group in grouping(embedding)]
