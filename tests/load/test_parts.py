"""What a loader hands over: the class list must fit the outputs."""

from __future__ import annotations

import pytest

from seewhy.classes import ClassNames
from seewhy.errors import ClassesError
from seewhy.load.parts import Parts


@pytest.mark.parametrize(
    ("outputs", "names", "binary"), [(None, 7, False), (3, 3, False), (2, 2, False), (1, 2, True), (1, 1, False)]
)
def test_lists_that_fit(outputs: int | None, names: int, binary: bool) -> None:
    Parts(None, "net", outputs=outputs).check_count(ClassNames([f"c{i}" for i in range(names)]), binary)


@pytest.mark.parametrize(("outputs", "names", "classes"), [(3, 4, 3), (3, 2, 3), (1, 1, 2), (1, 3, 2)])
def test_lists_that_do_not(outputs: int, names: int, classes: int) -> None:
    with pytest.raises(ClassesError) as error:
        Parts(None, "net", outputs=outputs).check_count(ClassNames([f"c{i}" for i in range(names)]), binary=outputs == 1)
    assert str(error.value) == (
        f"The class list has {names} name{'s' if names > 1 else ''}, but the network net has {classes} classes: give one name "
        "for each class, in index order."
    )
