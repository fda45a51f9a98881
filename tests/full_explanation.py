"""An explanation with every field filled, and how two of them are compared."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from seewhy import Explanation, Prediction, Target
from seewhy.geometry import Geometry
from seewhy.records import Cost, Photo


def photo() -> Photo:
    rng = np.random.default_rng(0)
    return Photo(
        original=rng.integers(0, 256, (12, 20, 3), np.uint8),
        pixels=rng.random((3, 8, 8)).astype(np.float32) * 255,
        geometry=Geometry.resized((12, 20), (8, 13), (0, 2), (8, 8)),
        name="bär.jpg",
        preprocessing="shorter side 8",
        notes=("a note",),
    )


def explanation(**changes: Any) -> Explanation:
    """Every field filled with something that is not its default."""
    rng = np.random.default_rng(1)
    values: dict[str, Any] = {
        "maps": rng.normal(size=(2, 4, 4)).astype(np.float32),
        "signed": True,
        "targets": [Target("Bär", 1, 0.75, 1), Target("function", None, -3.5, None)],
        "method": "grad_cam",
        "photo": photo(),
        "settings": {"layer": None, "relu": False, "steps": 3, "size": [4, 5]},
        "layer": "layer4",
        "seed": 7,
        "units": "logit",
        "partial": True,
        "cost": Cost(1.0, 2.0, 0.25),
        "notes": ["one", "zwei ✓"],
        "details": {"segments": rng.integers(0, 9, (8, 8)), "r2": 0.5, "nested": {"a": [1, 2]}},
        "raw": rng.normal(size=(2, 3, 8, 8)).astype(np.float32),
        "predictions": [Prediction("Bär", 1, 0.75), Prediction("Kuh", 0, 0.25)],
        "model": "SmallNet",
        "weights": "0123456789abcdef",
        "versions": {"seewhy": "0.1.0", "torch": "2"},
    }
    return Explanation(**values | changes)


def assert_same(a: Any, b: Any, path: str = "") -> None:
    assert type(a) is type(b), path
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name), f"{path}.{field.name}")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, path
        np.testing.assert_array_equal(a, b, err_msg=path)
    elif isinstance(a, dict):
        assert list(a) == list(b) or set(a) == set(b), path
        for key, value in a.items():
            assert_same(value, b[key], f"{path}[{key}]")
    else:
        assert a == b, path
