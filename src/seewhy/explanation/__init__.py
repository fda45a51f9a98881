"""Explanations: the record of what a method says about a photo, and how it is drawn, saved and read back."""

from seewhy.explanation.drawing import figure, image, panels
from seewhy.explanation.explanation import Explanation, Explanations
from seewhy.explanation.notes import LEAST, LOG_ODDS, Ranking, empty_notes, is_saturated, value_in_words
from seewhy.explanation.pages import page, snippet
from seewhy.explanation.record import versions

__all__ = [
    "LEAST",
    "LOG_ODDS",
    "Explanation",
    "Explanations",
    "Ranking",
    "empty_notes",
    "figure",
    "image",
    "is_saturated",
    "page",
    "panels",
    "snippet",
    "value_in_words",
    "versions",
]
