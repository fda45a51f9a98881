"""One moment as a picture."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.errors import OptionError
from seewhy.live.loop import Moment
from seewhy.live.screen import ACCENT, GAP, LINE, Screen
from seewhy.show.colour import limits


def moment_of(photo: np.ndarray, scale: float = 1.0, method: str = "cam") -> Moment:
    explanation = seewhy.explain(seewhy.load("demo:honest"), photo, method)
    explanation = replace(explanation, maps=scale * explanation.maps)
    return Moment(photo, explanation, 3, 7, time.monotonic(), 0.01, 25.0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return seewhy.demo.scenes(1, labels=["bear"])[0].photo


def test_the_frame_stands_left_and_the_map_right(photo: np.ndarray) -> None:
    large = np.kron(photo, np.ones((5, 5, 1), np.uint8))[:480, :640]
    picture = Screen().compose(moment_of(large))
    assert picture.dtype == np.uint8
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
    (height, width) = large.shape[:2]
    top = 3 * LINE + int(1.5 * GAP)
    np.testing.assert_array_equal(picture[top : top + height, GAP : GAP + width], large)
    right = picture[top : top + height, 2 * GAP + width : 2 * GAP + 2 * width]
    assert np.abs(right.astype(int) - large).mean() > 20


def test_small_photos_are_enlarged_and_large_ones_reduced(photo: np.ndarray) -> None:
    assert Screen().compose(moment_of(photo)).shape[1] == 2 * 360 + 3 * GAP
    huge = np.kron(photo, np.ones((16, 16, 1), np.uint8))
    assert Screen().compose(moment_of(huge)).shape[1] == 2 * 640 + 3 * GAP


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1)])
def test_a_line_of_pixels_stays_one(size: tuple[int, int]) -> None:
    line = np.full((*size, 3), 200, np.uint8)
    picture = Screen().compose(moment_of(line))
    assert 640 in (picture.shape[0] - 4 * LINE - 3 * GAP, (picture.shape[1] - 3 * GAP) // 2)


def test_the_explained_class_is_in_colour(photo: np.ndarray) -> None:
    picture = Screen().compose(moment_of(photo))
    rows = [picture[GAP // 2 + row * LINE : GAP // 2 + (row + 1) * LINE] for row in range(3)]
    coloured = [bool((np.abs(row.astype(int) - ACCENT).sum(axis=2) < 30).any()) for row in rows]
    assert coloured == [True, False, False]


def test_weak_evidence_looks_weak_beside_the_frames_before(photo: np.ndarray) -> None:
    (screen, strong, weak) = (Screen(), moment_of(photo), moment_of(photo, 0.1))
    alone = Screen().compose(weak)
    screen.compose(strong)
    beside = screen.compose(weak)
    ground = screen.compose(moment_of(photo, 0.0))
    right = (slice(3 * LINE + 2 * GAP, -2 * LINE), slice(2 * GAP + 360, -GAP))
    difference = [np.abs(picture[right].astype(int) - ground[right]).max() for picture in (alone, beside)]
    assert difference[0] > 3 * difference[1] > 0


def test_a_map_that_shows_nothing_has_no_colour_whatever_came_before(photo: np.ndarray) -> None:
    (screen, moment) = (Screen(), moment_of(photo))
    ground = screen.compose(moment_of(photo, 0.0))[120:-60]
    for scale in (1.0, 0.01):
        screen.compose(moment_of(photo, scale))
        flat = replace(moment.explanation, maps=np.full_like(moment.explanation.maps, 3.0))
        faint = replace(moment.explanation, maps=np.float32(1e-6) * moment.explanation.maps, units="probability")
        for nothing in (flat, faint):
            np.testing.assert_array_equal(screen.compose(replace(moment, explanation=nothing))[120:-60], ground)


def test_single_pixels_end_the_scale_where_they_do_on_the_page(photo: np.ndarray) -> None:
    """A few pixels of a gradient tower above all others."""
    moment = moment_of(photo, method="gradient")
    explanation = moment.explanation
    ((_, high),) = limits(list(explanation.maps), signed=explanation.signed, spikes=True)
    assert high < explanation.maps.max()
    cut = replace(explanation, maps=np.minimum(explanation.maps, np.float32(high)))
    screens = [Screen().compose(replace(moment, explanation=drawn))[120:-60] for drawn in (explanation, cut)]
    assert np.abs(screens[0].astype(int) - screens[1]).mean() < 0.2


def test_another_class_has_a_scale_of_its_own(photo: np.ndarray) -> None:
    screen = Screen()
    screen.compose(moment_of(photo))
    weak = moment_of(photo, 0.1, "grad_cam")
    assert np.array_equal(screen.compose(weak)[120:-60], Screen().compose(weak)[120:-60])


def test_cam_show_hints_and_marks(photo: np.ndarray) -> None:
    moment = moment_of(photo)
    (screen, plain) = (Screen("cam_show"), Screen("cam_show").compose(moment))
    assert not np.array_equal(plain, Screen().compose(moment))
    hinted = screen.compose(moment, ["q   end"], "frozen")
    assert not np.array_equal(hinted[100:120, :300], plain[100:120, :300])
    assert (np.abs(hinted[-40:, -120:].astype(int) - ACCENT).sum(axis=2) < 30).any()
    assert not (np.abs(plain[-40:, -120:].astype(int) - ACCENT).sum(axis=2) < 30).any()


def test_an_unknown_look() -> None:
    with pytest.raises(OptionError, match="look='sepia': write one of overlay, cam_show"):
        Screen("sepia")
