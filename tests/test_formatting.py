"""How many digits a person gets to see."""

from __future__ import annotations

import pytest

from seewhy.formatting import (
    as_sentences,
    format_correlation,
    format_move,
    format_number,
    format_score,
    format_share,
    format_sides,
    shortened,
)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (1e-9, 12.3, "0"),
        (12.34, 12.34, "12.3"),
        (-0.0001234, 0.0005, "−0.000123"),
        (-1e-9, 1, "0"),
        (0, 0, "0"),
        (1543.7, 0, "1,540"),
        (-999.9, 0, "−1,000"),
        (1234567, 0, "1,230,000"),
        (5.01e-5, 0, "5.01e−05"),
        (float("nan"), 1, "nan"),
        (float("-inf"), 1, "−inf"),
    ],
)
def test_numbers(value: float, scale: float, text: str) -> None:
    assert format_number(value, scale) == text


@pytest.mark.parametrize(
    ("correlation", "text"),
    [(0.30512, "0.31"), (-0.8221, "−0.82"), (-0.000246, "0.00"), (1, "1.00"), (float("nan"), "–")],
)
def test_correlations(correlation: float, text: str) -> None:
    assert format_correlation(correlation) == text


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.996, "1.00"), (0.01, "0.01"), (0.0099, "0.01"), (0.0012, "0.001"), (-0.0012, "-0.001"), (float("nan"), "nan")],
)
def test_scores(score: float, text: str) -> None:
    assert format_score(score) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.00231, "0.2 %"),
        (0.456, "46 %"),
        (249 / 250, "99.6 %"),
        (299 / 300, "99.7 %"),
        (0.99999, "99.9 %"),
        (1.0, "100 %"),
        (1e-6, "less than 0.01 %"),
    ],
)
def test_shares(share: float, text: str) -> None:
    assert format_share(share) == text


def test_long_names_are_cut() -> None:
    assert shortened("golden retriever") == "golden retriever"
    assert shortened("golden retriever", 8) == "golden …"


def test_notes_become_sentences() -> None:
    assert as_sentences(["one", "Did you mean 'two'?", "three."]) == "One. Did you mean 'two'? Three."
    assert as_sentences([]) == ""
    assert as_sentences(["method='auto' took cam: it does", "a = b"]) == "method='auto' took cam: it does. A = b."


def test_how_a_score_moved() -> None:
    assert format_move(0.93, 0.2) == "falls from 0.93 to 0.20"
    assert format_move(0.78, 0.8) == "rises from 0.78 to 0.80"
    assert format_move(0.921, 0.919) == "stays at 0.92"


def test_sides_of_a_grid() -> None:
    assert format_sides((7, 9)) == "7×9"
    assert format_sides((3, 7, 9)) == "3×7×9"
