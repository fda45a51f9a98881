"""What a loader hands over: a network, and what it knows about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seewhy.classes import ONE_EACH, ClassNames
from seewhy.classifier import Classifier
from seewhy.errors import ClassesError


@dataclass(frozen=True, eq=False)
class Parts:
    """``classes``, ``outputs``, ``head``: None where the loader does not know. ``classifier``: one built by a person."""

    network: Any
    name: str
    preprocess: Any = None
    classes: Any = None
    outputs: int | None = None
    classifier: Classifier | None = None
    head: str | None = None

    def check_count(self, names: ClassNames, binary: bool) -> None:
        """The class list must have one name per output (two for a single logit, ``binary``)."""
        expected = 2 if binary and self.outputs == 1 else self.outputs
        if expected is not None and len(names) != expected:
            count = f"{len(names)} name{'s' * (len(names) != 1)}"
            classes = f"{expected} class{'es' * (expected != 1)}"
            raise ClassesError(f"The class list has {count}, but the network {self.name} has {classes}: {ONE_EACH}.")
