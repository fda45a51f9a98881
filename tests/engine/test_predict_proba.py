"""scikit-learn's classifiers as networks: rows of pixels in, probabilities out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import seewhy
from seewhy.engine.predict_proba import PredictProba
from seewhy.errors import ModelError, OutputError


class Brightness:
    """Class 1 is how bright the one place (2, 5) of an (4, 8, 3) photo is in green; without it the two are even."""

    classes_ = np.array(["dark", "bright"])
    n_features_in_ = 4 * 8 * 3

    def predict_proba(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.rows = rows
        bright = 0.5 + 0.4 * rows.reshape(len(rows), 4, 8, 3)[:, 2, 5, 1]
        return np.stack([1 - bright, bright], axis=1)


PHOTO = np.random.default_rng(0).random((3, 4, 8)).astype(np.float32)


def test_rows_are_the_photo_in_order() -> None:
    estimator = Brightness()
    clf = seewhy.Classifier(estimator)
    assert clf.classes == ["dark", "bright"]
    assert clf.name == "Brightness"
    assert not clf.is_module
    scores = clf.scores(PHOTO)
    np.testing.assert_allclose(estimator.rows, PHOTO.transpose(1, 2, 0).reshape(1, -1))
    np.testing.assert_allclose(scores, [[0.5 - 0.4 * PHOTO[1, 2, 5], 0.5 + 0.4 * PHOTO[1, 2, 5]]], rtol=1e-6)


def test_the_map_shows_the_one_pixel_that_counts() -> None:
    explanation = seewhy.explain(
        seewhy.Classifier(Brightness()), PHOTO, "occlusion", target="bright", mask_size=1, stride=1, fill=0.0
    )
    expected = np.zeros((4, 8))
    expected[2, 5] = 0.4 * PHOTO[1, 2, 5]
    np.testing.assert_allclose(explanation.maps[0], expected, atol=1e-6)
    assert (
        "the network returns probabilities already: no softmax was added, and a logit means their logarithm" in explanation.notes
    )


def test_several_labels_are_probabilities_too() -> None:
    class Labels(Brightness):
        def predict_proba(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return np.tile([0.9, 0.8], (len(rows), 1))

    np.testing.assert_allclose(seewhy.Classifier(Labels(), head="sigmoid").scores(PHOTO), [[0.9, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(seewhy.Classifier(Labels(), head="none").scores(PHOTO), [[0.9, 0.8]], rtol=1e-6)
    with pytest.raises(OutputError, match="head='sigmoid'"):
        seewhy.Classifier(Labels()).scores(PHOTO)


def test_mistakes_are_one_line() -> None:
    with pytest.raises(ModelError) as error:
        seewhy.Classifier(Brightness()).scores(PHOTO[:, :3])
    assert str(error.value) == (
        "Brightness reads 96 numbers per photo, and an input of 3×8 pixels with 3 channels has 72: prepare photos as in its "
        "training, Preprocess(size=..., channels=...)."
    )

    class Unfitted:
        def predict_proba(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            raise ValueError("call fit first")

    with pytest.raises(ModelError) as error:
        seewhy.Classifier(Unfitted()).scores(PHOTO)
    assert str(error.value) == "predict_proba of Unfitted failed: ValueError: call fit first"
    with pytest.raises(seewhy.SeewhyError, match="This is an object with predict_proba: its inside cannot be watched"):
        seewhy.explain(seewhy.Classifier(Brightness()), PHOTO, "gradient")


def test_classes_of_several_outputs_name_nobody() -> None:
    class Several(Brightness):
        classes_ = (["a", "b"], ["c", "d"])

    assert PredictProba(Several()).classes is None
    assert seewhy.Classifier(Several(), classes=["x", "y"]).classes == ["x", "y"]


def test_digits_with_planted_evidence() -> None:
    """scikit-learn's own digits, 8×8 and 0 to 16: in the corner of each zero a bright spot is planted, and the map finds it."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    digits = load_digits()
    images = digits.images.copy()
    images[digits.target == 0, 0, 7] = 16.0
    estimator = LogisticRegression(max_iter=300).fit(images.reshape(len(images), -1) / 16, digits.target)
    clf = seewhy.Classifier(estimator, preprocess=seewhy.Preprocess(size=8, channels=1))
    assert clf.classes == [str(digit) for digit in range(10)]
    zeros = np.flatnonzero(digits.target == 0)[:20]
    peaks = []
    for index in zeros:
        photo = np.round(images[index] * 255 / 16).astype(np.uint8)
        assert clf.classify(photo)[0].name == "0"
        map_ = seewhy.explain(clf, photo, "occlusion", target="0", mask_size=1, stride=1, fill="black", score="log_odds").maps[0]
        peaks.append(np.unravel_index(map_.argmax(), map_.shape))
    assert sum(peak == (0, 7) for peak in peaks) >= 19
    raw = torch.from_numpy(images[zeros[0]][None].astype(np.float32) / 16)
    np.testing.assert_allclose(seewhy.Classifier(estimator).scores(raw), estimator.predict_proba(raw.reshape(1, -1)), atol=1e-6)
