from __future__ import annotations

from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

from seewhy.audit.kinds import LOCAL, SHORTCUT


def test_donors_take_turns() -> None:
    candidate = stamp_candidate(donors=photos([noise(0), noise(1)], first=5))
    assert [candidate.donor(place).number for place in range(3)] == [5, 6, 5]


def test_what_it_is_called_follows_from_its_pixels() -> None:
    assert stamp_candidate().kind == SHORTCUT
    assert stamp_candidate(constant=False).kind == LOCAL


def test_a_share_of_no_photos_is_none() -> None:
    assert stamp_candidate().share_of([]) == 0
    assert stamp_candidate().share_of(photos([noise(0)])) == 0
