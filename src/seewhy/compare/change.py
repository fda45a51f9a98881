"""What of several networks' answers was right, photo by photo, and which photos changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seewhy.formatting import format_share

Right = Sequence[bool | None]


@dataclass(frozen=True, eq=False)
class Change:
    """Between the first and the last of C networks, on N photos.

    columns : C names. labels : the true class of each photo, None where it is not known. right : N rows of C truth values, None
    where the label is not known. only : for each column the paths of photos that not all of them have.
    """

    columns: list[str]
    labels: list[str | None]
    right: list[list[bool | None]]
    only: list[list[str]]

    @property
    def lost(self) -> list[int]:
        """The numbers of the photos that were right and are wrong."""
        return [number for number, right in enumerate(self.right) if is_lost(right)]

    @property
    def gained(self) -> list[int]:
        """The numbers of the photos that were wrong and are right."""
        return [number for number, right in enumerate(self.right) if is_gained(right)]

    @property
    def accuracies(self) -> list[float | None]:
        """The share of right answers of each column, of the photos whose label all of them know; None without such photos."""
        known = self._known
        return [sum(bool(right[c]) for right in known) / len(known) if known else None for c in range(len(self.columns))]

    @property
    def _known(self) -> list[list[bool | None]]:
        return [right for right in self.right if None not in right]

    @property
    def sentence(self) -> str:
        """How right each of them is, and how many photos changed; empty where no label is known."""
        if not self._known:
            return ""
        shares = [
            f"{column} {format_share(share)}"
            for column, share in zip(self.columns, self.accuracies, strict=True)
            if share is not None
        ]
        count = len(self._known)
        (lost, gained) = (len(self.lost), len(self.gained))
        return (
            f"Right on {count} photo{'s' * (count != 1)} with a label: {', '.join(shares)}; {lost} {_were(lost)} right and "
            f"{_are(lost)} wrong, {gained} {_were(gained)} wrong and {_are(gained)} right."
        )

    def text(self, number: int) -> str:
        """What became of one photo: "right, then wrong"; empty where it is not known."""
        right = self.right[number]
        return "" if None in right else ", then ".join("right" if one else "wrong" for one in (right[0], right[-1]))

    def rank(self, number: int) -> int:
        """In which order a person wants to see the photos: those that were lost, those that were gained, all others."""
        return 0 if is_lost(self.right[number]) else 1 if is_gained(self.right[number]) else 2

    def record(self) -> dict[str, Any]:
        """Plain JSON values."""
        only = dict(zip(self.columns, self.only, strict=True))
        accuracies = dict(zip(self.columns, self.accuracies, strict=True))
        return {"accuracies": accuracies, "lost": self.lost, "gained": self.gained, "only": only}


def is_lost(right: Right) -> bool:
    """True for what the first one was right on, and the last one is wrong."""
    return right[0] is True and right[-1] is False


def is_gained(right: Right) -> bool:
    """True for what the first one was wrong on, and the last one is right."""
    return right[0] is False and right[-1] is True


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
