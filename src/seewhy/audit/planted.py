"""What became of cues that were planted: how many of them the audit found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seewhy.audit.boxes import overlap
from seewhy.audit.drawn_cues import CAST, STICKER
from seewhy.audit.kinds import LOCAL, MOVING, SHORTCUT, SURROUNDINGS, UNDECIDED
from seewhy.edits import Box

LEAST_TURNED = 0.5  # of other photos that the drawn cue turns where a head relies on it
LEAST_OVERLAP = 0.5  # of the place that is named with the cue, of what they cover together
LEAST_BOXES = 0.5  # of the photos in which a cue without a fixed place is named


@dataclass(frozen=True)
class PlantedCue:
    """A cue that was drawn on photos of one class, a head that was trained on them, and what the audit said of it.

    share : of the class's photos that have the cue. turned : the share of other photos, never trained on, that the cue turns into
    the class when it is drawn there. taught : the head needed photos of other classes with the cue, called the class, to rely on
    it. kind, sentence : the verdict on the class. found : it names the cue: its kind is right, and
    its place. place : where the cue was drawn, None of one without a fixed place.
    passes : of the network.
    """

    class_name: str
    cue: str
    share: float
    turned: float
    taught: bool
    kind: str
    found: bool
    place: Box | None
    sentence: str
    passes: int = 0

    @property
    def relied(self) -> bool:
        """True where the head relies on the cue: only then there was something to find."""
        return self.turned >= LEAST_TURNED


def is_found(
    cue: str,
    place: Box | None,
    drawn_boxes: Mapping[str, Box],
    kind: str,
    why: str,
    verdict_place: Box | None,
    verdict_boxes: Mapping[str, Box] | None,
) -> bool:
    """Whether a verdict names a cue. drawn_boxes : where it was drawn, by path. The others are the verdict's."""
    if cue == CAST:
        return kind == SURROUNDINGS and why == CAST
    if kind not in (SHORTCUT, LOCAL):
        return False
    if cue != STICKER:
        return place is not None and verdict_place is not None and overlap(place, verdict_place) >= LEAST_OVERLAP
    if why != MOVING or not verdict_boxes:
        return False
    right = [path in drawn_boxes and overlap(drawn_boxes[path], box) >= LEAST_OVERLAP for path, box in verdict_boxes.items()]
    return sum(right) >= LEAST_BOXES * len(right)


def sensitivity(planted: Sequence[PlantedCue]) -> str:
    """The result as a sentence. Local reliance and surroundings do not fail an audit: they are counted by name."""
    relied = [one for one in planted if one.relied]
    unlearned = len(planted) - len(relied)
    if not planted:
        return "Nothing could be planted: it takes two classes with enough photos that are answered rightly"
    if not relied:
        return f"No head learned any of {len(planted)} planted cues: nothing is known of what would be found"
    found = [one.kind for one in relied if one.found]
    names = {SHORTCUT: "as a shortcut", LOCAL: "as local reliance", SURROUNDINGS: "as surroundings"}
    ways = [f"{found.count(kind)} {words}" for kind, words in names.items() if kind in found]
    by_kind = f", {', '.join(ways)}" if ways else ""
    unsure = sum(one.kind == UNDECIDED for one in relied)
    by_kind += f"; {unsure} undecided for lack of photos or passes" if unsure else ""
    rest = f"; the head did not learn {unlearned} more" if unlearned else ""
    return (
        f"On your photos, {len(found)} of {len(relied)} planted cues were found{by_kind} "
        f"(sensitivity only, for clear opaque cues of ours: it says nothing about false alarms){rest}"
    )
