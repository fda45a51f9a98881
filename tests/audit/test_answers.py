from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

import seewhy
from seewhy.audit.answers import answers_of, is_finished, kept_in, seconds_of_one
from seewhy.audit.candidates import CueChange
from seewhy.audit.kinds import CUE
from seewhy.audit.trials import AuditTrial
from seewhy.edits import Fill, Paste
from seewhy.store.photos import ListedPhotos, list_photos
from seewhy.store.places import folder_at

LOGO = (0.83, 0.0, 1.0, 0.22)
BEAR = 0


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> ListedPhotos:
    folder = tmp_path_factory.mktemp("photos")
    for label in ("bear", "cow", "sheep"):
        (scene,) = seewhy.demo.scenes(1, "test", True, labels=[label])
        (folder / label).mkdir()
        Image.fromarray(scene.photo).save(folder / label / "0.png")
    return list_photos(folder, "folders", seewhy.load("demo:shortcut").class_names())


def trial(number: int, edit: Fill | Paste) -> AuditTrial:
    return AuditTrial(0, 0, ["bear/0.png", "cow/0.png", "sheep/0.png"][number], number, CueChange(CUE, edit))


TRIALS = [
    trial(1, Paste(source="bear/0.png", box=LOGO)),
    trial(0, Fill(box=(0, 0.9, 0.1, 1))),
    trial(2, Paste(source="cow/0.png", box=LOGO)),
    trial(1, Fill(box=(0, 0.9, 0.1, 1))),
]


def test_each_trial_has_its_answer_in_whatever_order_they_run(listed: ListedPhotos, tmp_path: Path) -> None:
    clf = seewhy.load("demo:shortcut")
    answers = answers_of(clf, listed, TRIALS, folder_at(str(tmp_path / "t")), None, None, False)
    assert (answers.predicted, answers.reason) == ({0: BEAR, 1: BEAR, 2: 2, 3: 1}, "")
    assert answers_of(clf, listed, [], folder_at(str(tmp_path / "none")), None, None, False).predicted == {}
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_made_has_none(listed: ListedPhotos, tmp_path: Path) -> None:
    broken = [TRIALS[0], trial(1, Paste(source="cow/gone.png", box=LOGO))]
    answers = answers_of(seewhy.load("demo:shortcut"), listed, broken, folder_at(str(tmp_path / "t")), None, None, False)
    assert answers.predicted == {0: BEAR}
    assert answers.reason == "There is no file 'cow/gone.png'."


def test_how_many_answers_a_folder_keeps(listed: ListedPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int, partial: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[answers_of.__module__], "MOST_PHOTOS", 2)  # trials in a shard
    (clf, folder) = (seewhy.load("demo:shortcut"), folder_at(str(tmp_path / "t")))
    assert (kept_in(folder), is_finished(folder)) == (0, False)
    with pytest.raises(KeyboardInterrupt):
        answers_of(clf, listed, TRIALS, folder, 2, None, stop)
    assert kept_in(folder) < 4
    assert not is_finished(folder)
    answers_of(clf, listed, TRIALS, folder, 2, None, False)
    assert (kept_in(folder), is_finished(folder)) == (4, True)


def test_the_cost_of_one_is_measured(listed: ListedPhotos) -> None:
    clf = seewhy.load("demo:shortcut")
    seconds = seconds_of_one(clf, listed, TRIALS * 40, None)
    assert seconds is not None
    assert 0 < seconds < 5
    assert seconds_of_one(clf, listed, [], None) is None
