"""Does an explanation belong to this classifier? What measures it must know the photo as the network saw it."""

from __future__ import annotations

import numpy as np

from seewhy.classifier import Classifier, check_photos
from seewhy.errors import OptionError, TargetError
from seewhy.explanation import Explanation
from seewhy.records import Photo


def checked_maps(clf: Classifier, explanation: Explanation) -> Photo:
    """The explanation's photo, as this classifier sees it.

    Raises OptionError: no explanation, another network, other weights, another preparation; TargetError: maps of a function.
    """
    if isinstance(explanation, (list, tuple)) and any(isinstance(item, Explanation) for item in explanation):
        raise OptionError(f"This is a list of {len(explanation)} explanations, not one: call it for each of them.")
    if not isinstance(explanation, Explanation):
        raise OptionError(
            f"This is a {type(explanation).__name__}, not an explanation: give seewhy.explain(clf, photo), or a map of your own "
            "as seewhy.Explanation.from_map(clf, photo, map, target)."
        )
    check_photos(clf, "Measuring a map")
    photo = explanation.photo
    own = clf.read(photo)
    if own.pixels.shape != photo.pixels.shape:
        raise OptionError(
            f"The explanation's photo went into its network as {_size(photo)}, this classifier takes {_size(own)}: explain it "
            "with this classifier."
        )
    clf = clf.beside(own)
    if clf.is_module:
        clf.executor.planned(clf.executor.pixels([own]))
    weights = clf.executor.weights_hash()
    if explanation.weights and weights and explanation.weights != weights:
        raise OptionError(
            f"The explanation is of '{explanation.model}' (weights {explanation.weights}), this classifier is '{clf.name}' "
            f"(weights {weights}): explain the photo with this classifier."
        )
    functions = [target.name for target in explanation.targets if target.index is None]
    if functions:
        raise TargetError(f"The map of '{functions[0]}' explains a function, not a class: its score cannot be taken again.")
    if not np.isfinite(explanation.maps).all():
        raise OptionError("The map holds values that are not finite (NaN or infinity): there is no order of its pixels.")
    return own


def _size(photo: Photo) -> str:
    (channels, rows, columns) = photo.pixels.shape
    return f"{rows}×{columns} pixels of {channels} channel{'s' * (channels != 1)}"
