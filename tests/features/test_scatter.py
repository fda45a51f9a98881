"""The scatter: groups and their colours, names as they are, and its captions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from embeddings import blobs, made

from seewhy.features.scatter import COLOURS, grouping


def test_more_classes_than_colours() -> None:
    labels = [i for i in range(15) for _ in range(3 if i < 2 else 2)]
    groups = grouping(made(np.zeros((len(labels), 2)), labels))
    assert [group.name for group in groups] == [f"class {i}" for i in range(12)] + ["3 other classes"]
    assert len({group.colour for group in groups}) == len(COLOURS) + 1
    assert sum(len(group.members) for group in groups) == len(labels)
    mixed = grouping(made(np.zeros((3, 2)), [4, None, 2]))
    assert [group.name for group in mixed] == ["class 2", "class 4", "class not known"]


def test_the_figure_names_odd_classes_as_they_are() -> None:
    embedding = made(blobs(2, 3, 2), [0, 2, 1, 1, 1, 1], [0, 2, 1, 1, 1, 0])
    embedding = replace(embedding, labels=["_hidden", "$x^2", *["class 1"] * 4])
    figure = embedding.plot()
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["_hidden (1)", "class 1 (4)", "$x^2 (1)", "misclassified (1)"]
    assert np.asarray(embedding.image()).std() > 5


def test_plot_into_axes() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    assert made(blobs(2, 3, 2)).plot(figure.add_subplot()) is figure
