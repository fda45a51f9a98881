"""One moment as a picture."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.errors import OptionError
from seewhy.formatting import format_number
from seewhy.live import screen as screen_module
from seewhy.live.loop import Moment
from seewhy.live.recording import GROUND
from seewhy.live.screen import ACCENT, GAP, LINE, Screen, screen_for
from seewhy.live.sources import Frames, Photos
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
    assert 640 in (picture.shape[0] - 5 * LINE - 3 * GAP, (picture.shape[1] - 3 * GAP) // 2)


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


def test_another_method_has_a_scale_of_its_own(photo: np.ndarray) -> None:
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
    assert (np.abs(hinted[-70:-35, -120:].astype(int) - ACCENT).sum(axis=2) < 30).any()
    assert not (np.abs(plain[-70:-35, -120:].astype(int) - ACCENT).sum(axis=2) < 30).any()


def test_an_unknown_look() -> None:
    with pytest.raises(OptionError, match="look='sepia': write one of overlay, cam_show"):
        Screen("sepia")


def lit(strip: np.ndarray) -> np.ndarray:
    """The columns in which something is written."""
    return np.flatnonzero((np.abs(strip.astype(int) - GROUND).sum(axis=2) > 60).any(axis=0))


def test_the_scale_stands_below_the_map_and_says_what_its_ends_mean(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    ink = screen_module._ink
    monkeypatch.setattr(screen_module, "_ink", lambda text: texts.append(text) or ink(text))
    moment = moment_of(photo)
    picture = Screen().compose(moment)
    end = f"{format_number(float(np.abs(moment.explanation.maps).max()))} for"
    assert [text for text in texts if text.endswith("for") or "against" in text] == [end, f"against −{end[:-4]}"]
    assert f"cam of '{moment.explanation.targets[0].name}' ({moment.explanation.targets[0].scores_text})" in texts
    bar = picture[-LINE - GAP + 11]
    assert lit(bar[None])[-1] > picture.shape[1] // 2
    texts.clear()
    Screen().compose(moment_of(photo, 0.0))
    assert "the map shows nothing" in texts
    texts.clear()
    Screen("cam_show").compose(moment)
    assert not [text for text in texts if text.endswith("for")]


def test_a_scale_that_single_pixels_leave_is_open(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    ink = screen_module._ink
    monkeypatch.setattr(screen_module, "_ink", lambda text: texts.append(text) or ink(text))
    moment = moment_of(photo, method="input_x_gradient")
    maps = np.full_like(moment.explanation.maps, 0.01)
    maps[0, 3, 3] = 1.0  # one value that towers above all others; the scale ends at a fifth of it
    Screen().compose(replace(moment, explanation=replace(moment.explanation, maps=maps)))
    assert [text for text in texts if "0.2" in text and ("for" in text or "against" in text)] == ["≥ 0.2 for", "against ≤ −0.2"]


def test_a_narrow_picture_cuts_words_and_lays_none_over_another(photo: np.ndarray) -> None:
    narrow = np.ascontiguousarray(np.kron(photo, np.ones((5, 5, 1), np.uint8))[:420, :200])
    long = replace(moment_of(narrow), dropped=92)
    target = replace(long.explanation.targets[0], name="a very long name of a class that says more than there is room for")
    long = replace(long, explanation=replace(long.explanation, targets=[target]))
    (plain, marked) = (Screen().compose(long), Screen().compose(long, mark="saved as seewhy-live-20260101"))
    status = slice(-2 * LINE - GAP, -LINE - GAP)
    assert lit(plain[status])[-1] < plain.shape[1] - GAP
    accent = np.abs(marked[status].astype(int) - ACCENT).sum(axis=2) < 60
    first = np.flatnonzero(accent.any(axis=0))[0]
    soft = lit(marked[status])
    assert soft[soft < first - 3][-1] <= first - GAP // 2  # the mark's own edges are paler than it


def test_how_fast_it_goes_is_said_where_it_is_live(photo: np.ndarray) -> None:
    moment = moment_of(photo)
    left = (slice(-LINE - GAP, None), slice(0, 200))
    assert lit(Screen().compose(moment)[left]).size
    for picture in (Screen(speed=False).compose(moment), Screen().compose(moment, mark="frozen")):
        assert not lit(picture[left]).size


def test_photos_have_a_scale_each_and_frames_of_a_film_share_one(photo: np.ndarray) -> None:
    for source, is_shared in ((Photos([photo], "photos"), False), (Frames(iter([photo])), True)):
        screen = screen_for(source, "overlay")
        screen.compose(moment_of(photo))
        weak = moment_of(photo, 0.1)
        assert np.array_equal(screen.compose(weak)[120:-80], Screen().compose(weak)[120:-80]) is not is_shared
