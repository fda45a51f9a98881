"""What of several networks' answers was right, photo by photo, and which photos changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seewhy.formatting import format_share
from seewhy.records import Prediction

Right = Sequence[bool | None]
LOST, GAINED, ANOTHER, BOTH_WRONG, BOTH_RIGHT = KINDS = ("lost", "gained", "another answer", "both wrong", "both right")


@dataclass(frozen=True, eq=False)
class Change:
    """Between the first and the last of C networks, on N photos.

    columns : C names. labels : the true class of each photo, None where it is not known. right : N rows of C truth values, None
    where the label is not known. only : for each column the paths of photos that not all of them have. predictions : N rows of C,
    the first choices.
    """

    columns: list[str]
    labels: list[str | None]
    right: list[list[bool | None]]
    only: list[list[str]]
    predictions: list[list[Prediction]]

    @property
    def lost(self) -> list[int]:
        """The numbers of the photos that were right and are wrong."""
        return self.of_kind(LOST)

    @property
    def gained(self) -> list[int]:
        """The numbers of the photos that were wrong and are right."""
        return self.of_kind(GAINED)

    @property
    def both_wrong(self) -> list[int]:
        """The numbers of the photos that were wrong and still are, those that both networks are sure of first: there the label
        may be wrong."""
        return sorted(self.of_kind(BOTH_WRONG), key=lambda number: -self.sureness(number))

    def kind(self, number: int) -> str:
        """What became of one photo: one of KINDS; "" where its label is not known and the answer is the same."""
        (first, last) = (self.right[number][0], self.right[number][-1])
        if first is None or last is None:
            (before, after) = self._ends(number)
            return ANOTHER if before.name != after.name else ""
        if first:
            return BOTH_RIGHT if last else LOST
        return GAINED if last else BOTH_WRONG

    def of_kind(self, kind: str) -> list[int]:
        """The numbers of its photos."""
        return [number for number in range(len(self.right)) if self.kind(number) == kind]

    def sureness(self, number: int) -> float:
        """The lower score of the two answers."""
        return min(prediction.score for prediction in self._ends(number))

    def doubt(self, number: int) -> str:
        """A question, where both networks give the same answer and the label is another class; else empty."""
        (before, after) = self._ends(number)
        if self.kind(number) != BOTH_WRONG or before.name != after.name:
            return ""
        return f"both networks say {after.name}: is the label right?"

    def _ends(self, number: int) -> tuple[Prediction, Prediction]:
        return self.predictions[number][0], self.predictions[number][-1]

    @property
    def accuracies(self) -> list[float | None]:
        """The share of right answers of each column, of the photos whose label all of them know; None without such photos."""
        known = self.known
        return [sum(bool(right[c]) for right in known) / len(known) if known else None for c in range(len(self.columns))]

    @property
    def known(self) -> list[list[bool | None]]:
        """The rows of ``right`` of the photos whose label all of them know."""
        return [right for right in self.right if None not in right]

    @property
    def sentence(self) -> str:
        """How right each of them is, and how many photos changed; empty where no label is known."""
        if not self.known:
            return ""
        shares = [
            f"{column} {format_share(share)}"
            for column, share in zip(self.columns, self.accuracies, strict=True)
            if share is not None
        ]
        count = len(self.known)
        (lost, gained, wrong) = (len(self.lost), len(self.gained), len(self.both_wrong))
        return (
            f"Right on {count} photo{'s' * (count != 1)} with a label: {', '.join(shares)}; {lost} {_were(lost)} right and "
            f"{_are(lost)} wrong, {gained} {_were(gained)} wrong and {_are(gained)} right, {wrong} {_are(wrong)} wrong in both."
        )

    def text(self, number: int) -> str:
        """What became of one photo: "right, then wrong"; empty where it is not known."""
        right = self.right[number]
        return "" if None in right else ", then ".join("right" if one else "wrong" for one in (right[0], right[-1]))

    def is_told(self, number: int) -> bool:
        """True for a photo that changed, or that both are wrong on."""
        return self.kind(number) not in ("", BOTH_RIGHT)

    def rank(self, number: int) -> int:
        """In which order a person wants to see the photos: those that were lost, those that were gained, those without a label
        that get another answer, those that are wrong in both, all others."""
        return KINDS.index(self.kind(number) or BOTH_RIGHT)

    def record(self) -> dict[str, Any]:
        """Plain JSON values."""
        only = dict(zip(self.columns, self.only, strict=True))
        accuracies = dict(zip(self.columns, self.accuracies, strict=True))
        numbers = {"lost": self.lost, "gained": self.gained, "both_wrong": self.both_wrong}
        return {"accuracies": accuracies} | numbers | {"only": only}


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
