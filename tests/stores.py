"""What stores of the same photos must have in common."""

from __future__ import annotations

from typing import Any


def timeless(rows: Any) -> list[dict[str, Any]]:
    """The rows without what they cost: seconds, and the trials of the first photo after a start."""
    plain = rows.to_pylist()
    for row in plain:
        for explanation in row["explanations"]:
            del explanation["cost"]
    return plain
