"""Labels beside predictions, given photo by photo or stored, as a confusion matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from seewhy.classes import ClassNames
from seewhy.confusion.confusion import Confusion
from seewhy.errors import OptionError, TargetError
from seewhy.label_classes import class_indices
from seewhy.labels import refuse_photos, value_list
from seewhy.records import Prediction
from seewhy.store import Store


def confusion(labels: Any, predictions: Any = None, classes: Any = None) -> Confusion:
    """Count how often each class was taken for each other one; ``confusion(store)`` counts what is stored.

    labels : a :class:`seewhy.Store`, whose labels and predictions are taken, each photo once (see
        :meth:`seewhy.Store.each_photo_once`); :meth:`Confusion.cell` then gives the places of its rows. Or the true class of each
        photo, a name or an index (a list, an array, a tensor); None or NaN where it is not known.
    predictions : the predicted classes in the same order, None where nothing was predicted; or what ``clf.classify(photos)``
        returns, whose first choices are taken.
    classes : the names in index order, or a file with them: ``clf.classes``.

    Raises TargetError: labels and predictions are swapped, or not equally many; what is no class (which, how many); nothing left.
    """
    if isinstance(labels, Store):
        return _of_store(labels, predictions, classes)
    if predictions is None or classes is None:
        raise OptionError("Write seewhy.confusion(labels, predictions, clf.classes), or seewhy.confusion(store).")
    names = ClassNames.read(classes)
    if _holds_predictions(labels):
        raise TargetError("Labels and predictions are swapped: write seewhy.confusion(labels, predictions, clf.classes).")
    refuse_photos(labels, "labels", "give each photo's class, its name or its index")
    refuse_photos(predictions, "predictions", "for photos write clf.classify(photos), for scores their argmax")
    (given, choices) = (value_list(labels, "labels"), [_first_choice(value) for value in value_list(predictions, "predictions")])
    if len(given) != len(choices):
        raise TargetError(f"{len(given)} labels but {len(choices)} predictions: give one of each per photo, in the same order.")
    (true, predicted) = (class_indices(names, given, "labels"), class_indices(names, choices, "predictions"))
    return _counted(names, true, predicted)


def _of_store(store: Store, predictions: Any, classes: Any) -> Confusion:
    """Row by row, without maps or photos."""
    if predictions is not None or classes is not None:
        raise OptionError("A store brings its labels, predictions and classes: write seewhy.confusion(store).")
    once = store.each_photo_once()
    columns = once.to_arrow(["label_index", "predicted_index"])
    true: list[int | None] = columns["label_index"].to_pylist()
    if true and all(label is None for label in true):
        raise TargetError(f"The store '{store.path}' has no labels: they are given when it is made, as in labels='folders'.")
    counted = _counted(ClassNames.read(store.classes), true, columns["predicted_index"].to_pylist())
    return counted if once is store else replace(counted, places=store.places_of(once))


def _counted(names: ClassNames, true: list[int | None], predicted: list[int | None]) -> Confusion:
    pairs = [(i, j) for i, j in zip(true, predicted, strict=True) if i is not None and j is not None]
    if not pairs:
        raise TargetError(
            "There are no photos: labels and predictions are empty."
            if not true
            else f"None of the {len(true)} photos has both a label and a prediction: there is nothing to compare."
        )
    matrix = np.zeros((len(names), len(names)), np.int64)
    np.add.at(matrix, tuple(np.array(pairs).T), 1)
    return Confusion(matrix, names, true, predicted)


def _holds_predictions(values: Any) -> bool:
    """True for what ``clf.classify`` returns."""
    values = values if isinstance(values, (list, tuple)) else []
    return any(_first_choice(value) is not value for value in values)


def _first_choice(prediction: Any) -> Any:
    if isinstance(prediction, (list, tuple)) and prediction and isinstance(prediction[0], Prediction):
        prediction = prediction[0]
    return prediction.index if isinstance(prediction, Prediction) else prediction
