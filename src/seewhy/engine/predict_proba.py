"""Objects in the manner of scikit-learn, which read rows of numbers and give probabilities, as a function of photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from seewhy.engine.form import Form
from seewhy.errors import ModelError


class PredictProba:
    """``(N, C, H, W)`` network inputs -> the ``(N, K)`` probabilities of an object with ``predict_proba``.

    Each photo becomes one row: its values in the order of an ``(H, W, C)`` array, ``photo.reshape(-1)``, as scikit-learn's own
    image sets have them.
    """

    form = Form("an object with predict_proba", probabilities=True)

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.__name__ = type(estimator).__name__

    @property
    def classes(self) -> list[str] | None:
        """The names of its classes; None where it has none, or a list for each of several outputs."""
        classes = getattr(self.estimator, "classes_", None)
        if classes is None or any(isinstance(name, (list, np.ndarray)) for name in classes):
            return None
        return [str(name) for name in classes]

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.detach().cpu().movedim(1, -1).flatten(1).double().numpy()  # (N, H W C)
        expected = getattr(self.estimator, "n_features_in_", rows.shape[1])
        if expected != rows.shape[1]:
            (channels, height, width) = inputs.shape[1:]
            raise ModelError(
                f"{self.__name__} reads {expected} numbers per photo, and an input of {height}×{width} pixels with {channels} "
                f"channel{'s' * (channels != 1)} has {rows.shape[1]}: prepare photos as in its training, Preprocess(size=..., "
                "channels=...)."
            )
        try:
            returned = self.estimator.predict_proba(rows)
        except Exception as error:  # not fitted, a step of its pipeline that fails ...
            raise ModelError(f"predict_proba of {self.__name__} failed: {type(error).__name__}: {error}") from error
        self._check_one_table(returned, len(rows))
        return torch.from_numpy(np.asarray(returned, dtype=np.float64))

    def _check_one_table(self, returned: Any, photos: int) -> None:
        """Raises ModelError for a table ``(N, K)`` for each of several labels, as scikit-learn gives them."""
        is_list = isinstance(returned, (list, tuple)) and any(np.ndim(table) == 2 for table in returned)
        if not is_list and np.ndim(returned) != 3:
            return
        first = "[0]" if is_list or len(returned) != photos else "[:, 0]"
        count = len(returned) if first == "[0]" else np.shape(returned)[1]
        raise ModelError(
            f"predict_proba of {self.__name__} gives {count} table{'s' * (count != 1)} of probabilities, one for each label it "
            "was fitted on: explain one label at a time, the first as "
            f"seewhy.Classifier(types.SimpleNamespace(predict_proba=lambda rows: model.predict_proba(rows){first}))."
        )
