"""Numbers, sizes and notes as a person reads them: the one place that decides how many digits are shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_SETTING = re.compile(r"\w+=")


def format_number(value: float, scale: float = 0.0) -> str:
    """Three digits: "12.3", "−0.00012", "1,540"; from ten millions on, and below a ten-thousandth, with an exponent.

    scale : the largest number beside it; digits below a thousandth of it are left out: 1e-9 beside 12.3 is "0".
    """
    if not math.isfinite(value):
        return str(value).replace("-", "−")
    if scale and math.isfinite(scale):
        value = round(value, 2 - math.floor(math.log10(abs(scale)))) + 0.0  # no minus before a zero
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e7 else f"{rounded:.3g}"
    return text.replace("-", "−")


def format_score(score: float) -> str:
    """A score with two decimals, below a hundredth with one digit, so that only a zero looks like one: "0.61", "0.004", "2e-05".

    From a thousand on (values of a person's own target function) as :func:`format_number`.
    """
    if abs(score) >= 1000 and math.isfinite(score):
        return format_number(score)
    return f"{score:.2f}" if score == 0 or not abs(score) < 0.01 else f"{score:.1g}"


def format_move(before: float, after: float) -> str:
    """How a score moved, in words: "falls from 0.93 to 0.20", "stays at 0.92" where both read alike."""
    (first, last) = (format_score(before), format_score(after))
    if first == last:
        return f"stays at {first}"
    return f"{'falls' if after < before else 'rises'} from {first} to {last}"


def format_correlation(correlation: float) -> str:
    """Two decimals, for more would say nothing: "0.31", "−0.82"; "–" where there is none (NaN)."""
    return f"{round(correlation, 2) + 0.0:.2f}".replace("-", "−") if math.isfinite(correlation) else "–"


def format_share(share: float) -> str:
    """A share from 0 to 1 in percent: "0.2 %", "45 %", "99.6 %"; only the whole is "100 %"."""
    percent = 100 * share
    if 0 < percent < 0.01:
        return "less than 0.01 %"
    if 99.5 <= percent < 100:
        return f"{min(round(percent, 1), 99.9):g} %"
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1g} %"


def format_size(size: tuple[int, int]) -> str:
    """(rows, columns) as "224×224"; where they differ it says which is which: "96×128 (rows × columns)"."""
    (rows, columns) = size
    return f"{rows}×{columns}" + (" (rows × columns)" if rows != columns else "")


def shortened(name: str, most: int = 26) -> str:
    """A name of at most ``most`` letters, with dots in place of what is left out."""
    return name if len(name) <= most else name[: most - 1] + "…"


def as_sentences(notes: Iterable[str]) -> str:
    """Notes one after the other, each with its full stop, and with its capital where it does not begin with a setting."""
    capitals = (note if _SETTING.match(note) else note[:1].upper() + note[1:] for note in notes)
    return " ".join(note + ("" if note.endswith((".", "!", "?")) else ".") for note in capitals)


def format_sides(sides: Iterable[int]) -> str:
    """ "7×7": rows × columns, of a volume slices × rows × columns."""
    return "×".join(map(str, sides))
