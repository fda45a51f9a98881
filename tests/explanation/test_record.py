"""The record of an explanation, as plain values and in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from full_explanation import explanation
from torch import nn


def test_record_is_plain(tmp_path: Path) -> None:
    record = explanation(settings={"layer": nn.ReLU(), "size": (1, 2), "n": np.int64(5)}).record()
    assert record == json.loads(json.dumps(record))
    assert record["settings"] == {"layer": "ReLU()", "size": [1, 2], "n": 5}
    assert "segments" not in record["details"], "arrays go beside the record"


def test_in_words() -> None:
    assert repr(explanation()) == "<Explanation grad_cam at layer4: Bär (0.75); function (-3.50); 4×4>"
    assert repr(explanation(layer=None)) == "<Explanation grad_cam: Bär (0.75); function (-3.50); 4×4>"
