from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seewhy.audit.kinds import CUE, OPPOSITE, OTHER_PLACE, REPLACED, SURROUNDINGS, THIRD
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.whole_photo import properties_of, whole_photo_candidates
from seewhy.edits import Match
from seewhy.properties import PROPERTIES, places

OWN, OTHERS = 40, 80
SEED = 2


def photo(number: int, label: int, properties: np.ndarray | None) -> AuditedPhoto:
    return AuditedPhoto(number, f"{label}/{number}.png", str(number), label, label, b"", properties)


def photos(
    seed: int, name: str = "brightness", share: float = 0.0, by: float = 4.0
) -> tuple[list[AuditedPhoto], list[AuditedPhoto]]:
    """Normal numbers; a property of so much of class 0 moved by so many standard deviations. Others of classes 1 and 2."""
    values = np.random.default_rng(seed).standard_normal((15, OWN + OTHERS)).T.astype(np.float32)
    values[: round(share * OWN), places()[name].start] += by
    own = [photo(n, 0, values[n]) for n in range(OWN)]
    return own, [photo(n, 1 + n % 2, values[n]) for n in range(OWN, OWN + OTHERS)]


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
@pytest.mark.parametrize("name", PROPERTIES)
def test_a_planted_property_is_proposed(name: str, share: float) -> None:
    (own, others) = photos(SEED, name, share)
    (candidate, *_) = whole_photo_candidates(0, own, others)
    assert (candidate.why, candidate.kind, candidate.box) == (name, SURROUNDINGS, None)
    carriers = {one.number for one in candidate.carriers(own)}
    assert candidate.share_of(own) == pytest.approx(share, abs=0.12)
    assert len(carriers & set(range(round(share * OWN)))) >= 0.9 * share * OWN
    assert candidate.share_of(others) <= 0.1
    assert {one.number for one in candidate.donors} == carriers


def test_its_words_say_which_way() -> None:
    words = []
    for by in (4.0, -4.0):
        (candidate, *_) = whole_photo_candidates(0, *photos(SEED, "sharpness", 1.0, by))
        words.append(candidate.words)
    assert words == ["the sharpness of the whole photo", "the blur of the whole photo"]
    (candidate, *_) = whole_photo_candidates(0, *photos(SEED, "colour cast", 1.0))
    assert candidate.words == "the reddish cast of the whole photo"


def test_noise_proposes_seldom() -> None:
    """Of 100 classes without any difference; at ten directions and two tests of .005 each, a few; with another class, fewer."""
    proposed = [whole_photo_candidates(0, *photos(seed)) for seed in range(100)]
    alone = sum(any(not one.shared for one in candidates) for candidates in proposed)
    shared = sum(any(one.shared for one in candidates) for candidates in proposed)
    assert 0 < alone <= 12
    assert shared <= 4  # the two are compared with the same rest


def test_at_most_three_properties_the_surest_first() -> None:
    (own, others) = photos(SEED)
    for one in own:
        assert one.properties is not None
        one.properties[:] += np.array([0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)
    candidates = whole_photo_candidates(0, own, others)
    assert [candidate.why for candidate in candidates] == ["sharpness", "saturation", "contrast"]


def test_what_the_ground_has_is_tried_beside_what_the_whole_photo_has() -> None:
    """A tinted ground tints the photo, too, and neither takes the other's place."""
    (own, others) = photos(SEED)
    for one in own:
        assert one.properties is not None
        one.properties[:] += np.array([3, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0], np.float32)
    candidates = whole_photo_candidates(0, own, others)
    assert [candidate.why for candidate in candidates][3:] == ["ground colour"]
    assert candidates[3].words == "the reddish ground"
    assert {candidate.why for candidate in candidates[:3]} < {"colour cast", "brightness", "contrast", "saturation"}


def test_without_differences_there_is_none() -> None:
    same = np.zeros(15, np.float32)
    (own, others) = ([photo(n, 0, same) for n in range(20)], [photo(n, 1, same) for n in range(20, 60)])
    assert whole_photo_candidates(0, own, others) == []
    assert whole_photo_candidates(0, [], others) == []


def test_a_property_that_two_of_three_classes_have_is_tried_as_theirs() -> None:
    (own, others) = photos(SEED, "brightness", 1.0)
    for other in others:
        assert other.properties is not None
        other.properties[places()["brightness"]] += 4.0 * (other.label == 1)
    candidates = [one for one in whole_photo_candidates(0, own, others) if one.shared]
    assert [(one.why, one.shared, one.classes) for one in candidates] == [("brightness", {1}, {0, 1})]
    carrying = [one.label for one in candidates[0].carriers(others)]
    assert carrying.count(1) >= 36
    assert carrying.count(2) <= 4


def test_photos_that_were_not_measured_are_left_out() -> None:
    (own, others) = photos(SEED, share=1.0)
    unread = [photo(900 + n, 0, None) for n in range(5)]
    (candidate,) = whole_photo_candidates(0, [*unread, *own], [*others, photo(999, 1, None)])
    assert not {one.number for one in candidate.donors} & {one.number for one in unread}
    assert candidate.carriers(unread) == []
    assert whole_photo_candidates(0, unread, others) == []


def test_a_property_on_another_photo_and_taken_away() -> None:
    (own, others) = photos(SEED, "brightness", 1.0)
    (candidate, *_) = whole_photo_candidates(0, own, others)
    (recipient, thirds) = (others[0], [one for one in others if one.label == 2])
    changes = candidate.put_on(recipient, 3, thirds)
    assert [(change.role, change.control) for change in changes] == [(CUE, ""), (CUE, THIRD), (CUE, THIRD), (CUE, OPPOSITE)]
    donor = candidate.donors[3].path
    assert changes[0].edit == Match(source=donor, property="brightness")
    assert changes[3].edit == Match(source=donor, property="brightness", opposite=True)
    unread = replace(thirds[0], properties=None)
    changes = [change for place in range(40) for change in candidate.put_on(recipient, place, [unread, *thirds[1:]])[1:3]]
    assert {change.edit.sources[0] for change in changes} == {one.path for one in thirds[1:]}
    away = candidate.taken_away(own[0], 1, thirds)
    assert [(change.role, change.control) for change in away] == [(REPLACED, ""), (REPLACED, OTHER_PLACE)]
    assert away[0].edit.sources[0].startswith("2/")
    assert away[1].edit == Match(source=candidate.donors[1].path, property="brightness")
    assert candidate.taken_away(own[0], 1, []) == []


def test_what_is_measured_of_a_photo() -> None:
    values = properties_of(np.full((20, 30, 3), 51, np.uint8))
    assert (values.shape, values.dtype) == ((15,), np.float32)
    assert values[places()["brightness"]][0] == pytest.approx(0.2)
