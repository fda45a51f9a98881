from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from reduced_photos import noise, photos

from seewhy.audit.candidates import RECURRING, Candidate
from seewhy.audit.photos import SIDE
from seewhy.audit.trials import CONTROL, CUE, FILLED, REPLACED, mirrored, put_on, salient_boxes, taken_away
from seewhy.edits import Inpaint, Paste

CORNER = (0.75, 0.0, 1.0, 0.25)


def candidate(box: tuple[float, float, float, float] = CORNER) -> Candidate:
    return Candidate(0, RECURRING, box, np.zeros((1, 1, 3), np.float32), np.ones((1, 1), bool))


def test_a_cue_is_put_on_each_photo_beside_six_controls() -> None:
    donors = photos([noise(n) for n in range(2)])
    recipients = photos([noise(10 + n) for n in range(3)], label=1, first=10)
    thirds = [*recipients, *photos([noise(20 + n) for n in range(3)], label=2, first=20)]
    salient = [(0.0, 0.0, 0.25, 0.25), (0.0, 0.5, 0.25, 0.75)]
    trials = list(put_on(7, candidate(), donors, recipients, thirds, salient))
    assert Counter(trial.photo for trial in trials) == {0: 7, 1: 7, 2: 7}
    assert {trial.candidate for trial in trials} == {7}
    cues = [trial for trial in trials if trial.role == CUE]
    assert [(trial.path, trial.number) for trial in cues] == [("1/10.png", 10), ("1/11.png", 11), ("1/12.png", 12)]
    assert [trial.edit for trial in cues] == [Paste(source=f"0/{n}.png", box=CORNER) for n in (0, 1, 0)]
    controls = [trial.edit for trial in trials if trial.role == CONTROL and trial.photo == 0]
    assert controls == [
        *(Paste(source="0/0.png", box=CORNER, source_box=box) for box in salient),
        *(Paste(source=f"2/{n}.png", box=CORNER) for n in (20, 21)),  # of a class that is neither
        *(Paste(source="0/0.png", box=CORNER, shuffle=seed) for seed in (0, 1)),
    ]


def test_of_two_classes_there_is_no_third() -> None:
    donors = photos([noise(0)])
    recipients = photos([noise(10 + n) for n in range(3)], label=1, first=10)
    trials = list(put_on(0, candidate(), donors, recipients, recipients, []))
    foreign = {trial.edit.source for trial in trials if trial.photo == 0 and trial.edit.sources[0].startswith("1/")}
    assert foreign == {"1/11.png", "1/12.png"}  # not the photo itself


def test_a_cue_is_taken_away_in_two_ways_and_so_are_its_controls() -> None:
    carriers = photos([noise(0)])
    third = photos([noise(5)], label=1, first=5)
    trials = list(taken_away(3, candidate(), carriers, third))
    assert Counter((trial.role, trial.control) for trial in trials) == {
        **{(role, False): 1 for role in (FILLED, REPLACED)},
        **{(role, True): 3 for role in (FILLED, REPLACED)},
    }
    assert [trial.edit for trial in trials if not trial.control] == [
        Inpaint(box=CORNER),
        Paste(source="1/5.png", box=CORNER),
    ]
    assert {trial.path for trial in trials} == {"0/0.png"}
    assert {trial.role for trial in taken_away(3, candidate(), carriers, [])} == {FILLED}


def test_a_corner_is_mirrored_three_times_and_the_middle_never() -> None:
    assert mirrored(CORNER) == [(0.0, 0.0, 0.25, 0.25), (0.75, 0.75, 1.0, 1.0), (0.0, 0.75, 0.25, 1.0)]
    assert mirrored((0.25, 0.25, 0.75, 0.75)) == []
    assert mirrored((0.75, 0.25, 1.0, 0.75)) == [(0.0, 0.25, 0.25, 0.75)]  # its own mirror image sideways


def test_other_places_are_the_strongest_that_do_not_meet() -> None:
    mean_map = np.zeros((SIDE, SIDE))
    mean_map[0:16, 0:16] = 1
    mean_map[30:46, 40:56] = 3
    mean_map[48:64, 0:16] = 9  # the cue's own
    boxes = salient_boxes(CORNER, mean_map)
    assert boxes == [(30 / SIDE, 40 / SIDE, 46 / SIDE, 56 / SIDE), (0.0, 0.0, 0.25, 0.25)]
    assert len(salient_boxes(CORNER, None)) == 2
    assert salient_boxes((0.0, 0.0, 1.0, 1.0), None) == []


@pytest.mark.parametrize("box", [CORNER, (0.1, 0.1, 0.9, 0.9)])
def test_controls_have_the_size_of_the_cue(box: tuple[float, float, float, float]) -> None:
    for other in [*mirrored(box), *salient_boxes(box, None)]:
        assert other[2] - other[0] == pytest.approx(box[2] - box[0], abs=1 / SIDE)
        assert other[3] - other[1] == pytest.approx(box[3] - box[1], abs=1 / SIDE)
