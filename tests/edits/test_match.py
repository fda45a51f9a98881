from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seewhy.edits import Match
from seewhy.errors import OptionError


def grey(level: int) -> Any:
    return np.full((16, 16, 3), level, np.uint8)


def test_the_other_photos_brightness_and_as_far_the_other_way() -> None:
    match = Match(source="donor.png", property="brightness")
    assert abs(int(match.apply(grey(100), lambda path: grey(150)).mean()) - 150) <= 1
    away = Match(source="donor.png", property="brightness", opposite=True)
    assert abs(int(away.apply(grey(100), lambda path: grey(150)).mean()) - 50) <= 1
    assert match.sources == ("donor.png",)
    assert match.words == "its brightness moved to that of 'donor.png'"
    assert away.words == "its brightness moved away from that of 'donor.png'"


def test_a_photo_of_other_channels_and_another_type_has_the_property_too() -> None:
    donor = np.full((5, 9), 0.25, np.float32)
    edited = Match(source="donor.png", property="brightness").apply(grey(100), lambda path: donor)
    assert (edited.dtype, edited.shape) == (np.uint8, (16, 16, 3))
    assert abs(edited.mean() - 64) <= 1


def test_what_it_does_not_take() -> None:
    with pytest.raises(OptionError, match=r"property='contrasts': there is no such property\. Did you mean 'contrast' or"):
        Match(source="donor.png", property="contrasts")
    with pytest.raises(OptionError, match="opposite=1: write True or False"):
        Match(source="donor.png", property="contrast", opposite=1)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="write a path from the photos' folder"):
        Match(source="../donor.png", property="contrast")
