from __future__ import annotations

from collections import Counter

from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

from seewhy.audit.kinds import CUE, FILLED, REPLACED, THIRD
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.trials import Tried

RECIPIENTS = photos([noise(10 + n) for n in range(3)], label=1, first=10)
CARRIERS = photos([noise(30 + n) for n in range(2)], first=30)
THIRDS = [*photos([noise(20 + n) for n in range(2)], label=2, first=20), *photos([noise(25)], label=1, first=25)]


def tried(recipients: list[AuditedPhoto] = RECIPIENTS, thirds: list[AuditedPhoto] = THIRDS) -> Tried:
    return Tried(7, stamp_candidate(), recipients, CARRIERS, thirds)


def test_each_photo_has_its_cue_and_its_controls() -> None:
    (trials, removals) = (list(tried().trials()), list(tried().removals()))
    assert {trial.candidate for trial in (*trials, *removals)} == {7}
    cues = [(trial.path, trial.number, trial.photo) for trial in trials if (trial.role, trial.control) == (CUE, "")]
    assert cues == [("1/10.png", 10, 0), ("1/11.png", 11, 1), ("1/12.png", 12, 2)]
    assert Counter(trial.photo for trial in trials) == {0: 5, 1: 5, 2: 5}
    assert {trial.role for trial in trials} == {CUE}
    assert Counter(trial.role for trial in removals) == {FILLED: 8, REPLACED: 8}
    assert {trial.number for trial in removals} == {30, 31}
    assert tried().passes() == len(trials)


def test_a_third_class_is_neither_the_cues_nor_the_photos() -> None:
    sources = {source for trial in tried().trials() if trial.control == THIRD for source in trial.change.edit.sources}
    assert sources == {"2/20.png", "2/21.png"}


def test_of_two_classes_there_is_no_third() -> None:
    others = photos([noise(20), noise(21)], label=1, first=20)
    sources = {
        source for trial in tried(thirds=others).trials() if trial.control == THIRD for source in trial.change.edit.sources
    }
    assert sources == {"1/20.png", "1/21.png"}
    alone = tried(recipients=others[:1], thirds=others[:1])
    assert [trial.control for trial in alone.trials() if trial.control == THIRD] == []  # not the photo itself


def test_passes_bound_the_photos() -> None:
    recipients = photos([noise(n) for n in range(100)], label=1, first=100)
    whole = tried(recipients)
    assert whole.within(10_000, 1000).passes() == whole.passes() == 100 * 5
    fewer = whole.within(104, 15)  # five each; eight for each carrier
    assert (len(fewer.recipients), len(fewer.carriers)) == (20, 1)
    assert (len(whole.within(1, 0).recipients), len(whole.within(1, 0).carriers)) == (1, 0)
