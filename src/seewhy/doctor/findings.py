"""What the doctor finds, as records: which fault, how sure, the numbers, what to write. The words are in ``words.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Fault(str, Enum):
    """What can be wrong. The values are what ``.json`` and ``--json`` hold."""

    ALREADY_NORMALISED = "already normalised"  # the photos that were given, not the preprocessing
    CHANNEL_ORDER = "channel order"
    NOT_NORMALISED = "not normalised"
    NORMALISED_TWICE = "normalised twice"
    VALUE_RANGE = "value range"
    MEAN_STD = "mean and std"
    INPUT_SIZE = "input size"
    RESIZE = "resize"
    DOUBLE_SOFTMAX = "double softmax"
    DOUBLE_SIGMOID = "double sigmoid"
    HEAD = "head"
    TRAIN_MODE = "train mode"
    RANDOM_OUTPUT = "random output"
    CLASS_COUNT = "number of classes"
    CLASSES_SHIFTED = "classes shifted"
    CLASSES_SWAPPED = "classes swapped"
    CLASS_ORDER = "order of classes"
    NOT_FINITE = "weights not finite"
    NOT_LOADED = "weights not loaded"
    HEAD_NOT_LOADED = "head not loaded"
    STATISTICS_NOT_LOADED = "statistics not loaded"
    CONSTANT_OUTPUT = "constant output"


class Certainty(str, Enum):
    """How sure a finding is."""

    CERTAIN = "certain"  # seen in the network itself, or beyond reasonable chance
    LIKELY = "likely"  # by the numbers, from weaker evidence


class Basis(str, Enum):
    """Where the evidence on the preparation came from, the strongest first."""

    LABELS = "labels"  # accuracy and likelihood of the true classes
    STATISTICS = "statistics"  # what BatchNorm layers expect, beside what they read
    CONFIDENCE = "confidence"  # how much the predictions say, and whether they survive a small cut


class Unknown(str, Enum):
    """What could not be decided."""

    CLASSES = "classes"  # no labels: names and their order were not examined
    PREPARATION = "preparation"  # neither labels nor BatchNorms: only gross faults of the preparation show
    COLOURS = "order of colours"  # with red and blue swapped the photos fit as well
    FEW_PHOTOS = "few photos"  # too few for an interval
    LOOKS_WRONG = "looks wrong"  # so few photos are far from what the BatchNorms expect, and cannot tell why
    UNFIT = "unfit"  # the photos are far from what the BatchNorms expect, and no usual preparation mends it
    GUESSING = "guessing"  # labels say nothing, for the network is right no more often than by guessing, however it is fed
    BEHIND = "behind"  # a finding kept the rest from being examined
    INSIDE = "inside"  # the network cannot be looked into


@dataclass(frozen=True)
class Finding:
    """One fault.

    fault, certainty : which, and how sure. evidence : numbers and names, by what they are. settings : what to write, as keyword
    arguments of ``Classifier`` and ``Preprocess`` (``seewhy`` flags of the same names); empty where that cannot be set. ends :
    nothing that comes behind can be examined before this is mended.
    """

    fault: Fault
    certainty: Certainty
    evidence: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    ends: bool = False

    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "fault": self.fault.value,
            "certainty": self.certainty.value,
            "evidence": dict(self.evidence),
            "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in self.settings.items()},
        }


@dataclass(frozen=True)
class Attempt:
    """One preparation that was tried.

    text : in words. gap : how far the photos are from what the BatchNorms expect, in nats. likelihood, accuracy : of the true
    classes (mean log-likelihood at the temperature that suits, within a factor of 3). information : what a photo's
    prediction tells of that of a cut of it, in nats, minus how far the two are apart. None where there is no such evidence.
    refused : the network cannot take it.
    """

    text: str
    gap: float | None = None
    likelihood: float | None = None
    accuracy: float | None = None
    information: float | None = None
    refused: bool = False
    current: bool = False
    chosen: bool = False
