"""The score of a class beside those of clean networks of ours: "k of n clean networks of ours reach this score".

``bank.json`` holds the numbers; ``python -m bench.audit_bank`` measures them again. They are never a p-value of the network that
is audited: it is not one of ours, and the largest score of a network grows with its classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from seewhy.audit import statistics
from seewhy.audit.kinds import OVERLAY, SHORTCUT, SURROUNDINGS

PLACE = Path(__file__).with_name("bank.json")
STRATA = {SHORTCUT: OVERLAY, SURROUNDINGS: SURROUNDINGS}  # by kind of candidate; parts of objects have none
ALPHA = statistics.FALSE_DISCOVERIES  # of a score: the same however many candidates there are
NOTHING = -1.0  # the score of a class without a candidate of the stratum, below that of every other


@dataclass(frozen=True)
class CleanNetwork:
    """overlay, surroundings : the largest score of its classes. classes : how many. photos : that were used, answered rightly and
    each scene once, of the class with the fewest and of the one with the most; recipients : of other classes, that cues were
    tried on, likewise. layout : "wild", or "aligned" where the objects
    stand all alike. setup, backbone : of ``bench/audit_specs.py``."""

    name: str
    setup: str
    backbone: str
    layout: str
    classes: int
    photos: tuple[int, int]
    recipients: tuple[int, int]
    overlay: float
    surroundings: float

    def score(self, stratum: str) -> float:
        return self.overlay if stratum == OVERLAY else self.surroundings


@dataclass(frozen=True)
class Calibration:
    """stratum : OVERLAY or SURROUNDINGS, by the verdict. score : of the class. reached : how many clean networks of ours have at
    least that. networks : of how many. outside : what of the audit lies outside their range; empty where nothing does."""

    stratum: str
    score: float
    reached: int
    networks: int
    outside: str = ""

    @property
    def is_above(self) -> bool:
        """True where the score lies above that of every clean network, and can be compared with them."""
        return self.networks > 0 and not self.reached and not self.outside

    @property
    def words(self) -> str:
        """Empty where no clean network was measured."""
        if not self.networks:
            return ""
        outside = f", outside their range: {self.outside}" if self.outside else ""
        return f"{self.reached} of {self.networks} clean networks of ours reach this score{outside}"

    @property
    def uncalibrated(self) -> str:
        """Why an overlay is not called a shortcut; empty where it may be. Without a clean network nothing speaks against it."""
        return "" if self.stratum != OVERLAY or not self.networks or self.is_above else self.words


@dataclass(frozen=True)
class Bank:
    """conditions : what the networks were measured with."""

    networks: list[CleanNetwork] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def most_classes(self) -> int:
        return max((network.classes for network in self.networks), default=0)

    @property
    def photos(self) -> tuple[int, int]:
        """Of a class, the fewest and the most."""
        return _range(network.photos for network in self.networks)

    @property
    def recipients(self) -> tuple[int, int]:
        """Photos that a cue was tried on, the fewest and the most: an interval narrows with them."""
        return _range(network.recipients for network in self.networks)

    @property
    def words(self) -> str:
        if not self.networks:
            return "none was measured: no score is calibrated"
        aligned = sum(network.layout == "aligned" for network in self.networks)
        (fewest, most) = self.photos
        return (
            f"{len(self.networks)}, {aligned} of them with aligned objects; of at most {self.most_classes} classes, with "
            f"{fewest} to {most} used photos of each"
        )

    def beside(self, kind: str, scores: Mapping[str, float], classes: int, photos: int, recipients: int) -> Calibration | None:
        """The score of a class with a verdict of this kind; None for kinds without a stratum. classes : that photos are used of.
        photos : that are used of this class. recipients : that its cue was tried on."""
        stratum = STRATA.get(kind)
        if stratum is None:
            return None
        score = scores[stratum]
        reached = sum(network.score(stratum) >= score for network in self.networks)
        return Calibration(stratum, score, reached, len(self.networks), self._outside(classes, photos, recipients))

    def _outside(self, classes: int, photos: int, recipients: int) -> str:
        """Fewer classes than ours have a smaller largest score: they are inside."""
        if not self.networks:
            return ""
        parts = []
        if classes > self.most_classes:
            parts.append(f"photos of {classes:,} classes are used, theirs are of at most {self.most_classes}")
        (fewest, most) = self.photos
        if not fewest <= photos <= most:
            parts.append(f"{photos:,} photos of the class are used, of theirs {fewest} to {most}")
        (fewest, most) = self.recipients
        if not fewest <= recipients <= most:
            parts.append(f"it is tried on {recipients:,} photos, theirs on {fewest} to {most}")
        return " and ".join(parts)

    def as_json(self) -> bytes:
        networks = [vars(network) for network in self.networks]
        return (json.dumps({"conditions": self.conditions, "networks": networks}, indent=1, ensure_ascii=False) + "\n").encode()


def _range(ranges: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The least and the most; nothing of no network."""
    known = list(ranges)
    return (min(low for low, _ in known), max(high for _, high in known)) if known else (0, 0)


def largest(lower_ends: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The scores of a class, by stratum: the largest lower end of the interval of an effect. lower_ends : with the kind of each
    candidate that was tried."""
    scores = {OVERLAY: NOTHING, SURROUNDINGS: NOTHING}
    for kind, low in lower_ends:
        if kind in STRATA:
            scores[STRATA[kind]] = max(scores[STRATA[kind]], low)
    return scores


def read(content: bytes) -> Bank:
    """What :meth:`Bank.as_json` has written."""
    stored = json.loads(content)
    networks = [
        CleanNetwork(**network | {name: tuple(network[name]) for name in ("photos", "recipients")})
        for network in stored["networks"]
    ]
    return Bank(networks, stored["conditions"])


@lru_cache(maxsize=1)
def shipped() -> Bank:
    """The bank that comes with seewhy."""
    return read(PLACE.read_bytes())
