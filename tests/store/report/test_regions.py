from __future__ import annotations

import numpy as np
import pytest
from hand_made_store import spot

from seewhy.geometry import Geometry, resize_map
from seewhy.store.report.regions import CORNERS, REGIONS, SIDE, evidence_on_photo, overlap, region_masks, shares

WHOLE = Geometry.whole((64, 64))


def test_the_regions_have_the_areas_that_the_page_says() -> None:
    areas = dict(zip(REGIONS, region_masks().mean(axis=(1, 2)), strict=True))
    assert areas == {"corners": 0.25, "border": 1 - (7 / 8) ** 2, "centre": 0.25} | dict.fromkeys(CORNERS, 1 / 16)
    (upper_left, upper_right, lower_left, _) = region_masks()[3:]
    assert upper_left[0, 0]
    assert upper_right[0, -1]
    assert lower_left[-1, 0]
    assert not region_masks()[2][:, 0].any()


def test_evidence_is_what_speaks_for_the_class_with_a_sum_of_one() -> None:
    map_ = 7 * spot(7, 0) - 3 * spot(0, 7)
    (evidence, seen) = evidence_on_photo(map_, WHOLE, None, "") or (None, None)
    assert evidence is not None
    assert seen is not None
    assert float(evidence.sum()) == pytest.approx(1, abs=1e-5)
    assert evidence.min() == 0
    assert seen.all()
    (share, area) = shares(evidence, seen)
    named = dict(zip(REGIONS, share, strict=True))
    assert named["lower left corner"] > 0.95  # an enlarged cell is a little wider than itself
    assert named["centre"] < 0.001
    assert area.tolist() == pytest.approx([0.25, 0.234375, 0.25, *[0.0625] * 4])
    twice = evidence_on_photo(2 * map_, WHOLE, None, "")
    assert twice is not None
    np.testing.assert_allclose(twice[0], evidence, rtol=1e-5, atol=1e-9)  # a stronger map counts no more


def test_a_map_without_evidence_is_none() -> None:
    assert evidence_on_photo(-spot(1, 1), WHOLE, None, "") is None
    assert evidence_on_photo(0 * spot(1, 1), WHOLE, None, "") is None


def test_what_the_network_did_not_see_has_no_area() -> None:
    right_half = Geometry((64, 128), (64, 64), (1.0, 0.0), (1.0, 64.0))
    found = evidence_on_photo(spot(7, 0), right_half, None, "")
    assert found is not None
    (evidence, seen) = found
    assert seen[:, : SIDE // 2].sum() == 0
    assert seen[:, SIDE // 2 :].all()
    (share, area) = shares(evidence, seen)
    named = dict(zip(REGIONS, zip(share, area, strict=True), strict=True))
    assert named["lower left corner"] == (0, 0)
    assert named["lower right corner"][1] == pytest.approx(1 / 8)  # of what was seen
    row_means = evidence.sum(axis=0)
    assert SIDE // 2 <= int(row_means.argmax()) < SIDE // 2 + 8  # the map's first column lies in the photo's middle


def test_overlap_goes_from_nothing_to_all() -> None:
    (one, other) = (resize_map(spot(*place), (SIDE, SIDE), "nearest") / 64 for place in ((0, 0), (7, 7)))
    assert overlap(one, one.astype(np.float64)) == pytest.approx(1)
    assert overlap(one, other.astype(np.float64)) == 0
    assert overlap(one, (one + other) / 2) == pytest.approx(0.5)
