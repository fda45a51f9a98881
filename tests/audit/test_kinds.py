from __future__ import annotations

from seewhy.audit import kinds
from seewhy.audit.accepting import BY_NAME
from seewhy.properties import PROPERTIES


def test_no_word_means_two_things() -> None:
    words = [value for name, value in vars(kinds).items() if name.isupper() and isinstance(value, str)]
    assert len(words) == len(set(words))
    assert not set(words) & set(PROPERTIES)  # these are reasons of candidates, too


def test_what_decides() -> None:
    assert kinds.SHUFFLED not in kinds.DECIDING  # a coloured patch is a cue
    assert kinds.OTHER_PLACE not in kinds.DECIDING  # of what was taken away
    assert kinds.KINDS.index(kinds.SHORTCUT) < kinds.KINDS.index(kinds.SURROUNDINGS) < kinds.KINDS.index(kinds.LOCAL)
    assert {"moving", "ring", "brightness", "sharpness"} <= set(BY_NAME)
