from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.audit import exhibits
from seewhy.audit.candidates import CueChange
from seewhy.audit.exhibits import (
    CONTROL,
    LONGER_SIDE,
    ORIGINAL,
    WITHOUT,
    Exhibit,
    exhibits_of,
    typical_put_on,
    typical_taken_away,
)
from seewhy.audit.judge import Judgement, TrialOutcome
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, FILLED, LOCAL, NONE, OTHER_PLACE, REPLACED, SHORTCUT
from seewhy.audit.trials import AuditTrial
from seewhy.edits import Edit, Inpaint, Paste
from seewhy.store.photos import ListedPhotos, list_photos

BOX = (0.83, 0.0, 1.0, 0.22)  # of the logo
OTHER_BOX = (0.0, 0.5, 0.17, 0.72)
BEAR, COW = 0, 1
PATHS = ["bear/0.png", "bear/1.png", "cow/2.png", "cow/3.png"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bears with the logo and two cows; the camera wrote its place into the first one's file."""
    folder = tmp_path_factory.mktemp("photos")
    scenes = [
        *seewhy.demo.scenes(2, "test", True, labels=["bear"]),
        *seewhy.demo.scenes(2, "test", True, labels=["cow"]),
    ]
    for path, scene in zip(PATHS, scenes, strict=True):
        (folder / path).parent.mkdir(exist_ok=True)
        exif = Image.Exif()
        exif.get_ifd(0x8825)[1] = "N"
        Image.fromarray(scene.photo).resize((640, 480)).save(folder / path, exif=exif)
    return folder


@pytest.fixture(scope="module")
def clf() -> seewhy.Classifier:
    return seewhy.load("demo:shortcut")


def trials() -> list[AuditTrial]:
    """Photo 0, a cow, is turned by the cue alone, photo 1 by its control alone; of the bears the second one holds."""
    (cue, control) = (Paste(source=PATHS[1], box=BOX), Paste(source=PATHS[1], box=BOX, source_box=OTHER_BOX))

    def trial(role: str, photo: int, number: int, edit: Edit, control: str = "") -> AuditTrial:
        return AuditTrial(0, photo, PATHS[number], number, CueChange(role, edit, control))

    return [
        trial(CUE, 1, 3, cue),
        trial(CUE, 1, 3, control, ELSEWHERE),
        trial(CUE, 0, 2, cue),
        trial(CUE, 0, 2, control, ELSEWHERE),
        trial(FILLED, 0, 0, Inpaint(box=BOX)),
        trial(FILLED, 1, 1, Inpaint(box=BOX)),
        trial(FILLED, 0, 0, Inpaint(box=OTHER_BOX), OTHER_PLACE),
        trial(CUE, 0, 2, Inpaint(box=BOX), COVERED),
        trial(REPLACED, 0, 0, Paste(source=PATHS[2], box=BOX)),
    ]


ANSWERS = {0: COW, 1: BEAR, 2: BEAR, 3: COW, 4: COW, 5: COW, 6: BEAR, 7: COW, 8: BEAR}


def typical(effect: float = 1.0, answers: Mapping[int, int] = ANSWERS) -> list[tuple[str, AuditTrial]]:
    outcome = TrialOutcome({ELSEWHERE: [effect], COVERED: [1.5]}, int(effect > 0), 1, [], 1.0, 0.0)
    answered = [(trial, answers[place]) for place, trial in enumerate(trials()) if place in answers]
    (put_on, away) = ([pair for pair in answered if (pair[0].role == CUE) == is_cue] for is_cue in (True, False))
    return [*typical_taken_away(away, BEAR), *typical_put_on(put_on, {BEAR}, outcome)]


def shown(
    clf: seewhy.Classifier,
    photos: Path,
    judgements: Mapping[int, Judgement],
    effects: Sequence[float] = (1.0,),
    answers: Mapping[int, int] = ANSWERS,
    listed: ListedPhotos | None = None,
) -> dict[int, list[Exhibit]]:
    listed = listed or list_photos(photos, "folders", clf.class_names())
    of_each = {number: typical(answers=answers) for number in range(len(effects))}
    outcomes = {number: TrialOutcome({ELSEWHERE: [effect]}, 1, 1, [], 1.0, 0.0) for number, effect in enumerate(effects)}
    return exhibits_of(clf, listed, judgements, outcomes, of_each)


def test_four_pictures_show_what_decided(clf: seewhy.Classifier, photos: Path) -> None:
    four = shown(clf, photos, {BEAR: Judgement(SHORTCUT, 0)})[BEAR]
    assert [one.role for one in four] == [ORIGINAL, WITHOUT, CUE, CONTROL]
    assert [one.title for one in four] == [
        "A photo of bear",
        "The same without the cue",
        "The cue on a photo of cow",
        "Control: another part of the cue's photo",
    ]
    answers = [one.answer for one in four]
    assert answers[1] != "bear"
    assert (answers[0], *answers[2:]) == ("bear", "bear", "cow")
    assert all(0.3 < one.score <= 1 for one in four)
    assert {one.frame for one in four} == {BOX}


def test_the_pictures_are_small_and_hold_nothing_of_the_camera(clf: seewhy.Classifier, photos: Path) -> None:
    four = shown(clf, photos, {BEAR: Judgement(SHORTCUT, 0)})[BEAR]
    opened = [Image.open(io.BytesIO(one.picture)) for one in four]
    assert {(picture.format, picture.size) for picture in opened} == {("JPEG", (LONGER_SIDE, 180))}
    assert all(not picture.getexif() for picture in opened)
    pixels = [np.asarray(picture, np.float64) for picture in opened]
    (rows, columns) = (slice(152, 178), slice(2, 50))
    assert np.abs(pixels[0] - pixels[1])[rows, columns].mean() > 20  # the logo is away
    assert np.abs(pixels[0] - pixels[1])[:145].mean() < 2  # and nothing else changed
    assert np.abs(pixels[0] - pixels[2])[rows, columns].mean() < 5  # the very logo of the first picture
    assert np.abs(pixels[2] - pixels[3])[rows, columns].mean() > 20


@pytest.mark.parametrize(("effect", "other"), [(1.0, PATHS[2]), (-1.0, PATHS[3])])
def test_a_typical_photo_is_chosen_not_the_best(effect: float, other: str) -> None:
    """And the control is one of the strongest kind."""
    roles = [(role, trial.path, trial.control) for role, trial in typical(effect)]
    assert roles == [
        (ORIGINAL, PATHS[0], ""),
        (WITHOUT, PATHS[0], ""),
        (CUE, other, ""),
        (CONTROL, other, ELSEWHERE),
    ]


def test_shortcuts_come_first_and_nothing_is_shown_where_nothing_decides(
    clf: seewhy.Classifier, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhibits, "MOST_CLASSES", 1)
    judgements = {0: Judgement(LOCAL, 0), 1: Judgement(SHORTCUT, 1), 2: Judgement(NONE, 2)}
    assert list(shown(clf, photos, judgements, [0.9, 0.5, 0.0])) == [1]
    assert shown(clf, photos, {2: Judgement(NONE, 2)}, [0.9, 0.5, 0.0]) == {}


def test_trials_without_an_answer_and_photos_that_are_gone_are_left_out(
    clf: seewhy.Classifier, photos: Path, tmp_path: Path
) -> None:
    without_control = {place: answer for place, answer in ANSWERS.items() if place not in (1, 3)}  # of that kind
    two = shown(clf, photos, {BEAR: Judgement(SHORTCUT, 0)}, answers=without_control)[BEAR]
    assert [one.role for one in two] == [ORIGINAL, WITHOUT]
    for path in PATHS[:3]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes((photos / path).read_bytes())
    listed = list_photos(tmp_path, "folders", clf.class_names())
    (tmp_path / PATHS[2]).unlink()
    two = shown(clf, tmp_path, {BEAR: Judgement(SHORTCUT, 0)}, listed=listed)[BEAR]
    assert [one.role for one in two] == [ORIGINAL, WITHOUT]
