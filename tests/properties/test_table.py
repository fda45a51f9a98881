from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measured_scenes import SCENES, jpeg, noisy
from PIL import Image, ImageFilter

from seewhy.properties import PROPERTIES, measured, places


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("brightness", [SCENES[0] // 4, SCENES[0] // 2, SCENES[0]]),
        ("contrast", [SCENES[0] // 4 + 90, SCENES[0] // 2 + 60, SCENES[0]]),
        (
            "saturation",
            [SCENES[1].mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8), SCENES[1] // 2 + 60, SCENES[1]],
        ),
        ("sharpness", [np.asarray(Image.fromarray(SCENES[0]).filter(ImageFilter.GaussianBlur(n))) for n in (4, 2, 1, 0)]),
        ("noise", [noisy(SCENES[0], strength) for strength in (0, 5, 10, 20)]),
        ("blockiness", [jpeg(SCENES[0], quality) for quality in (95, 60, 30, 15, 8)]),
    ],
)
def test_what_has_more_of_it_measures_more(name: str, steps: list[Any]) -> None:
    values = [float(PROPERTIES[name].measure(step)[0]) for step in steps]
    assert values == sorted(set(values))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("name", "by", "tolerance"),
    [
        ("colour cast", (0.2, -0.3), 0.02),
        ("brightness", (0.15,), 0.005),
        ("contrast", (-0.1,), 0.01),
        ("contrast", (0.08,), 0.01),
        ("saturation", (0.1,), 0.01),
        ("saturation", (-0.1,), 0.01),
        ("sharpness", (-0.4, None, None, None, None), 0.02),  # blurred: the others follow
        ("sharpness", (None, 0.6, 0.5, 0.3, 0.1), 0.06),
        ("noise", (0.03,), 0.003),
        ("noise", (-0.005,), 0.001),
        ("blockiness", (0.6,), 0.2),
        ("ground colour", (0.2, -0.3), 0.05),
        ("ground brightness", (-0.1,), 0.02),
    ],
)
def test_what_is_asked_for_is_measured_afterwards(name: str, by: tuple[float | None, ...], tolerance: float, dtype: Any) -> None:
    kind = PROPERTIES[name]
    for scene in SCENES[:2]:
        values = {np.uint8: scene, np.uint16: scene.astype(np.uint16) * 257, np.float32: scene.astype(np.float32) / 255}[dtype]
        before = values.copy()
        goal = kind.measure(values) + np.array([1.0 if step is None else step for step in by], np.float32)
        edited = kind.adjusted(values, goal)
        assert (edited.dtype, edited.shape) == (values.dtype, values.shape)
        asked = [step is not None for step in by]
        np.testing.assert_allclose(kind.measure(edited)[asked], goal[asked], atol=tolerance)
        np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(
    "values",
    [
        np.full((1, 1, 3), 7, np.uint8),
        np.full((40, 1), 7, np.uint8),
        np.zeros((20, 20, 3), np.uint8),
        np.full((20, 20, 5), 9, np.uint16),
        SCENES[0][..., :1],
        np.linspace(-1000, 3000, 1200, dtype=np.float32).reshape(20, 20, 3),
    ],
    ids=["a pixel", "a column", "black", "five bands", "one channel", "any range"],
)
def test_unusual_photos(name: str, values: Any) -> None:
    kind = PROPERTIES[name]
    assert np.isfinite(kind.measure(values)).all()
    for goal in (-1, 1):
        edited = kind.adjusted(values, np.full(kind.size, goal, np.float32))
        assert (edited.dtype, edited.shape) == (values.dtype, values.shape)
        assert np.isfinite(edited.astype(np.float64)).all()


@pytest.mark.parametrize("name", ["sharpness", "noise", "brightness"])
def test_a_large_photo_is_measured_and_edited_as_it_is_shown(name: str) -> None:
    kind = PROPERTIES[name]
    large = np.asarray(Image.fromarray(SCENES[0]).resize((1280, 960), Image.Resampling.NEAREST))
    small = np.asarray(Image.fromarray(large).resize((341, 256), Image.Resampling.BOX))
    np.testing.assert_allclose(kind.measure(large), kind.measure(small), atol=0.002)
    goal = kind.measure(large) + np.float32({"sharpness": -0.4, "noise": 0.03, "brightness": 0.1}[name])
    np.testing.assert_allclose(kind.measure(kind.adjusted(large, goal))[0], goal[0], atol=0.08 if name == "sharpness" else 0.005)


def test_all_of_a_photo_in_one_vector() -> None:
    vector = measured(SCENES[0])
    assert vector.dtype == np.float32
    assert vector.shape == (15,)
    for name, place in places().items():
        np.testing.assert_array_equal(vector[place], PROPERTIES[name].measure(SCENES[0]))
