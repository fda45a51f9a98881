"""scikit-learn's classifiers as networks: rows of pixels in, probabilities out."""

from __future__ import annotations

import types
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


def _labels() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows of PHOTO's size, and two labels of each: whether the value 90 is above a half; in which third the value 40 lies."""
    rows = np.random.default_rng(1).random((60, 96))
    return rows, np.stack([rows[:, 90] > 0.5, np.floor(3 * rows[:, 40])], axis=1).astype(int)


@pytest.mark.parametrize("kind", ["MultiOutputClassifier", "DecisionTreeClassifier"])
def test_several_labels_at_once_are_explained_one_at_a_time(kind: str) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.tree import DecisionTreeClassifier

    estimator = MultiOutputClassifier(LogisticRegression()) if kind == "MultiOutputClassifier" else DecisionTreeClassifier()
    model = estimator.fit(*_labels())  # tables of two and of three columns
    with pytest.raises(ModelError) as error:
        seewhy.explain(seewhy.Classifier(model), PHOTO, "occlusion")
    assert str(error.value) == (
        f"predict_proba of {kind} gives 2 tables of probabilities, one for each label it was fitted on: explain one label at a "
        "time, the first as seewhy.Classifier(types.SimpleNamespace(predict_proba=lambda rows: model.predict_proba(rows)[0]))."
    )
    cure = str(error.value).split("the first as ")[1].removesuffix(".")
    clf = eval(cure, {"seewhy": seewhy, "types": types, "model": model})
    row = PHOTO.transpose(1, 2, 0).reshape(1, -1)
    np.testing.assert_allclose(clf.scores(PHOTO), model.predict_proba(row)[0], atol=1e-6)


@pytest.mark.parametrize(("shape", "count", "first"), [((3, 1, 2), "3 tables", "[0]"), ((1, 3, 2), "3 tables", "[:, 0]")])
def test_an_array_of_several_tables_is_named(shape: tuple[int, ...], count: str, first: str) -> None:
    class Tables(Brightness):
        def predict_proba(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return np.full(shape, 0.5)

    with pytest.raises(ModelError) as error:
        seewhy.Classifier(Tables()).scores(PHOTO)
    assert f"gives {count} of probabilities" in str(error.value)
    assert str(error.value).endswith(f"model.predict_proba(rows){first})).")


def test_a_plain_list_of_rows_is_one_table() -> None:
    class Rows(Brightness):
        def predict_proba(self, rows: np.ndarray[Any, Any]) -> Any:
            return super().predict_proba(rows).tolist()

    np.testing.assert_allclose(seewhy.Classifier(Rows()).scores(PHOTO), seewhy.Classifier(Brightness()).scores(PHOTO))


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
