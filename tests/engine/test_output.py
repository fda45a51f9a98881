"""Where the class scores are in what a network returns."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from classifier_networks import PHOTOS, Dressed, message
from small_nets import SmallNet

from seewhy import Classifier, Preprocess
from seewhy.errors import OutputError

Answer = namedtuple("Answer", "logits aux")


@dataclass
class Result:
    scores: Any
    aux: Any = None


@pytest.mark.parametrize(
    ("dress", "output"),
    [
        (lambda y: {"scores": y, "loss": y.sum()}, None),
        (lambda y: OrderedDict(logits=y, hidden=y * 2), None),
        (lambda y: Answer(y, y * 2), None),
        (lambda y: SimpleNamespace(logits=y, hidden=y * 2), None),
        (lambda y: (y, [y]), None),
        (lambda y: (y.sum(), y, y[:, :, None]), None),
        (lambda y: {"a": y * 2, "b": y}, "b"),
        (lambda y: (y * 2, y), 1),
        (lambda y: [y * 2, y], -1),
        (lambda y: {"deep": {"er": y}}, lambda out: out["deep"]["er"]),
        (lambda y: SimpleNamespace(head=y), lambda out: out.head),
        (lambda y: Result(y, y.sum()), None),
        (lambda y: Result(y, y * 2), "scores"),
        (lambda y: Answer(y * 2, y), "aux"),
    ],
)
def test_where_the_scores_are(dress: Callable[[torch.Tensor], Any], output: Any) -> None:
    plain = Classifier(SmallNet(), Preprocess(size=24))
    dressed = Classifier(Dressed(dress), Preprocess(size=24), output=output)
    np.testing.assert_allclose(dressed.logits(PHOTOS), plain.logits(PHOTOS), atol=1e-5)
    assert dressed.feature_layer == plain.feature_layer == "features"


@pytest.mark.parametrize(
    ("dress", "output", "expected"),
    [
        (
            lambda y: {"a": y, "b": y},
            None,
            "The network returned dict: a (1, 4), b (1, 4). Expected class scores (N, classes): say which entry holds them with "
            "output='a'.",
        ),
        (lambda y: {"a": y}, "c", "The network returned dict: a (1, 4): it has no entry 'c'."),
        (lambda y: (y, y), 2, "The network returned tuple: 0 (1, 4), 1 (1, 4): it has no entry 2."),
        (lambda y: y, "logits", "The network returned a tensor (1, 4): it has no entry 'logits'."),
        (
            lambda y: {"a": y},
            lambda out: out["c"],
            "The network returned dict: a (1, 4), and the function output= failed on it: KeyError: 'c'",
        ),
        (
            lambda y: y[:, :, None, None].expand(-1, -1, 5, 6),
            None,
            "The network returned a tensor (1, 4, 5, 6). Expected class scores (N, classes). This looks like segmentation: in "
            "Python pass target=seewhy.targets.segment(12) for the pixels of class 12, or another function of the output.",
        ),
        (
            lambda y: Result(y[:, :, None, None].expand(-1, -1, 5, 6), [y]),
            None,
            "The network returned Result: scores (1, 4, 5, 6), aux list. Expected class scores (N, classes): say which entry "
            "holds them with output='scores'; a function given as the target then gets that entry.",
        ),
        (
            lambda y: Answer(y[:, :, None, None].expand(-1, -1, 5, 6), y),
            None,
            "The network returned Answer: logits (1, 4, 5, 6), aux (1, 4). Expected class scores (N, classes). This looks like "
            "segmentation: in Python pass target=seewhy.targets.segment(12) for the pixels of class 12, another function of the "
            "output, or output='aux' if another entry holds the scores.",
        ),
        (
            lambda y: "text",
            None,
            "The network returned str. Expected class scores (N, classes): say which entry holds them with output='key', an "
            "index, or a function.",
        ),
    ],
)
def test_scores_that_are_not_there(dress: Callable[[torch.Tensor], Any], output: Any, expected: str) -> None:
    clf = Classifier(Dressed(dress), Preprocess(size=24), output=output)
    assert message(OutputError, lambda: clf.scores(PHOTOS[0])) == expected
