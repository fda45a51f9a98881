"""What others would look at, on maps and photos made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from bench import audit_peers as peers

import seewhy

EVEN = np.full((peers.GRID, peers.GRID), 1 / peers.GRID**2)


def corner_map() -> np.ndarray:
    values = np.zeros((peers.GRID, peers.GRID))
    values[-4:, :4] = 1 / 16
    return values


def test_evidence_out_of_proportion() -> None:
    means = np.stack([corner_map(), EVEN, EVEN])
    assert peers.out_of_proportion(means, 0) == pytest.approx(1 - 1 / 16)
    assert peers.out_of_proportion(means, 1) == pytest.approx(1 / 32)  # beyond the corner, where half of the others have as much
    same = np.stack([corner_map()] * 3)
    assert peers.out_of_proportion(same, 2) == pytest.approx(0)


def test_maps_that_fall_into_two_groups_have_a_gap() -> None:
    random = np.random.default_rng(0)
    noise = random.random((40, peers.GRID, peers.GRID)) / peers.GRID**2
    grouped = noise.copy()
    grouped[:20] += corner_map()
    grouped[20:] += corner_map()[::-1]
    assert peers.eigengap(grouped) > 2 * peers.eigengap(noise)
    assert peers.eigengap(noise[:2]) == 0


def test_one_property_tells_the_class() -> None:
    own = np.array([True, True, False, False])
    assert peers.separation(np.array([[1.0, 5], [2, 5], [3, 5], [4, 5]]), own) == 1
    assert peers.separation(np.array([[1.0], [4], [2], [3]]), own) == 0
    assert peers.separation(np.array([[5.0], [5], [5], [5]]), own) == 0


def test_the_properties_of_a_photo() -> None:
    grey = np.full((16, 32, 3), 100, np.uint8)
    assert list(peers.properties(grey)[[0, 1, 5, 6, 8]]) == [100, 0, 0, 0, 2]
    assert peers.properties(grey)[2:5] == pytest.approx([1 / 3] * 3)
    red = grey.copy()
    red[..., 0] = 200
    assert peers.properties(red)[2:6] == pytest.approx([0.5, 0.25, 0.25, 100])
    blocks = grey.copy()
    blocks[:, 8:16] = 150
    assert peers.properties(blocks)[7] > 3


def test_maps_are_those_of_the_photos_own_class() -> None:
    scenes = seewhy.demo.scenes(3, logo=True, seed=4)
    maps = peers.maps_of(seewhy.load("demo:shortcut"), [scene.photo for scene in scenes], np.array([0, 1, 2]))
    assert maps.shape == (3, peers.GRID, peers.GRID)
    assert maps.sum(axis=(1, 2)) == pytest.approx([1, 1, 1])
    assert maps[0, -4:, :6].sum() > 0.5  # the bear's, on its logo


def test_the_threshold_lets_as_many_pass_as_it_should() -> None:
    clean = [0.1, 0.5, 0.3, 0.2]
    assert peers.threshold(clean, 0) == 0.5
    assert peers.threshold(clean, 0.25) == 0.3
    assert sum(one > peers.threshold(clean, 0.5) for one in clean) == 2
    assert sum(one > peers.threshold(clean, 0) for one in clean) == 0
    assert peers.threshold([0.5, 0.5, 0.1], 1 / 3) == 0.5  # of two equal ones both would pass
    assert peers.threshold(clean, 1) == float("-inf")
    assert peers.threshold([], 0.5) == float("inf")


def test_found_at_the_same_rate_of_false_alarms() -> None:
    def record(kind: str, scores: list[float], classes: list[int]) -> dict[str, object]:
        return {"truth": {"kind": kind}, "peers": dict.fromkeys(peers.PEERS, scores), "classes": classes}

    records = [
        record("clean", [0.1, 0.4], []),
        record("clean", [0.3, 0.2], []),
        record("relying", [0.5, 0.1], [0]),
        record("relying", [0.5, 0.1], [1]),  # the wrong class
        record("relying", [0.35, 0.1], [0]),
        record("between", [0.9, 0.9], [0]),
    ]
    assert peers.found_at(records, 0.0) == dict.fromkeys(peers.PEERS, (1, 3))
    assert peers.found_at(records, 0.5) == dict.fromkeys(peers.PEERS, (2, 3))
    assert peers.found_at(records, 1.0) == dict.fromkeys(peers.PEERS, (3, 3))
    assert peers.found_at(records[:2], 0.0) == dict.fromkeys(peers.PEERS, (0, 0))
