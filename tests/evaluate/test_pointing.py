"""Pointing game and energy on maps made by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from seewhy.errors import OptionError
from seewhy.evaluate import checked_mask, energy, hits

NAN = float("nan")

MASK = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]], dtype=bool)


def heat(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_a_peak_on_the_object_is_a_hit_wherever_the_rest_lies() -> None:
    assert hits(heat([5, 5, 5, 5], [5, 0, 5.1, 5], [5, 5, 5, 5]), MASK)
    assert not hits(heat([0, 0, 0, 1.1], [0, 1, 1, 0], [0, 1, 1, 0]), MASK)


def test_only_the_order_counts_for_a_hit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        map_ = rng.normal(size=MASK.shape).astype(np.float32)
        assert hits(map_, MASK) == hits(np.exp(3 * map_ - 7), MASK) == (map_[MASK].max() > map_[~MASK].max())


def test_what_the_network_did_not_see_is_no_peak() -> None:
    assert hits(heat([NAN, NAN, NAN, NAN], [NAN, -3, -1, -2], [NAN, NAN, NAN, NAN]), MASK)
    assert not hits(heat([NAN, NAN, NAN, NAN], [NAN, -3, -1, 0], [NAN, NAN, NAN, NAN]), MASK)


def test_of_equal_peaks_the_middle_one_counts() -> None:
    assert hits(heat([0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0]), MASK)
    assert not hits(heat([0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]), MASK)  # of two the first one
    area = np.zeros((40, 40), np.float32)
    area[20:, :20] = 1  # an area of LIME's, whose upper edge lies beside the object
    (object_, edge) = np.zeros((2, 40, 40), bool)
    object_[25:35, 5:15] = True
    edge[20:22] = True
    assert hits(area, object_)
    assert not hits(area, edge)
    area[0, 39] = 1  # a single pixel far away does not move it out of the area
    assert hits(area, object_)


def test_a_flat_map_points_nowhere() -> None:
    everywhere = np.ones_like(MASK)
    assert not hits(np.zeros(MASK.shape, np.float32), everywhere)
    assert not hits(heat([NAN, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]), everywhere)


def test_energy_is_the_share_of_the_positive_mass() -> None:
    assert energy(heat([1, 0, 0, 0], [0, 3, 0, 0], [0, 0, 0, 0]), MASK) == pytest.approx(0.75)
    assert energy(heat([0, 0, 0, 0], [0, 3, 1, 0], [0, 0, 0, 0]), MASK) == 1
    assert energy(heat([2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]), MASK) == 0


def test_energy_leaves_out_what_is_negative_or_unseen() -> None:
    assert energy(heat([1, -9, NAN, NAN], [NAN, 3, -5, NAN], [0, 0, 0, 0]), MASK) == pytest.approx(0.75)


def test_energy_of_an_even_map_is_the_share_of_the_object() -> None:
    even = np.full(MASK.shape, 0.5, np.float32)
    assert energy(even, MASK) == pytest.approx(4 / 12)
    even[0] = NAN
    assert energy(even, MASK) == pytest.approx(4 / 8)


def test_energy_of_a_map_without_positive_mass_is_zero() -> None:
    assert energy(np.zeros(MASK.shape, np.float32), MASK) == 0
    assert energy(np.full(MASK.shape, -1, np.float32), MASK) == 0


def test_energy_does_not_change_with_the_unit() -> None:
    map_ = np.random.default_rng(0).normal(size=MASK.shape).astype(np.float32)
    assert energy(map_ * 1e-30, MASK) == pytest.approx(energy(map_, MASK)) == pytest.approx(energy(map_ * 1e30, MASK))


@pytest.mark.parametrize("measure", [hits, energy])
def test_mistakes_are_named(measure: object) -> None:
    assert callable(measure)
    for map_, mask, message in (
        (np.zeros((2, 4), np.float32), MASK, "The map is (2, 4) and the mask (3, 4): both must be (H, W) of the photo."),
        (
            np.zeros((1, 3, 4), np.float32),
            MASK[None],
            "The map is (1, 3, 4) and the mask (1, 3, 4): both must be (H, W) of the photo.",
        ),
        (np.zeros((3, 4), np.float32), MASK.astype(int), "The mask holds int64: give bool, True on the object (mask > 0)."),
        (np.full((3, 4), np.nan), MASK, "The map is NaN everywhere: there is no place that it could point at."),
    ):
        with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
            measure(map_, mask)


@pytest.mark.filterwarnings("ignore")  # quantus' own
def test_the_same_as_quantus() -> None:
    quantus = pytest.importorskip("quantus")
    random = np.random.default_rng(0)
    (maps, masks) = (random.random((6, 1, 12, 16)).astype(np.float32), np.zeros((6, 1, 12, 16), bool))
    masks[:, :, 2:10, 4:14] = True
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12 * 16, 2))
    arrays = (network, np.zeros_like(maps), np.zeros(6, int), maps, masks)
    settings = {"abs": False, "normalise": False, "disable_warnings": True}
    theirs = quantus.PointingGame(**settings)(*arrays)
    assert 0 < sum(theirs) < 6
    assert [hits(map_[0], mask[0]) for map_, mask in zip(maps, masks, strict=True)] == theirs
    shares = quantus.RelevanceMassAccuracy(**settings)(*arrays)
    ours = [energy(map_[0], mask[0]) for map_, mask in zip(maps, masks, strict=True)]
    np.testing.assert_allclose(ours, shares, rtol=1e-6)


@pytest.mark.parametrize(
    ("mask", "seen"), [("nomask.png", "mask='nomask.png'"), ([[True], [True, False]], "A list"), (3, "A int")]
)
def test_what_is_no_mask_is_named(mask: object, seen: str) -> None:
    advice = "give bool (H, W) of the photo, True on the object, of a file np.asarray(PIL.Image.open(file).convert('L')) > 127."
    with pytest.raises(OptionError, match=f"^{re.escape(f'{seen} is no mask: {advice}')}$"):
        checked_mask(mask, (3, 4))
