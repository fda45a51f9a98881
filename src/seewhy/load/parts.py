"""What a loader hands over: a network, and what it knows about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seewhy.classes import ONE_EACH, ClassNames
from seewhy.classifier import Classifier
from seewhy.errors import ClassesError


@dataclass(frozen=True, eq=False)
class Parts:
    """``classes``, ``outputs``: None where the loader does not know. ``classifier``: where a person's function built one."""

    network: Any
    name: str
    preprocess: Any = None
    classes: Any = None
    outputs: int | None = None
    classifier: Classifier | None = None

    def check_count(self, names: ClassNames) -> None:
        """The class list must have one name per output (two for a single logit)."""
        expected = None if self.outputs is None else max(2, self.outputs)
        if expected is not None and len(names) != expected:
            count = f"{len(names)} name{'s' * (len(names) != 1)}"
            raise ClassesError(f"The class list has {count}, but the network {self.name} has {expected} classes: {ONE_EACH}.")
