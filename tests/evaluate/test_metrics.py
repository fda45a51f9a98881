"""The table of measures."""

from __future__ import annotations

from seewhy.evaluate import METRICS


def test_each_says_what_it_is_and_where_it_comes_from() -> None:
    assert list(METRICS)[:2] == ["deletion", "insertion"]
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)
    assert all("arXiv" in metric.source for metric in METRICS.values())
    assert {name for name, metric in METRICS.items() if metric.needs_mask} == {"energy", "pointing"}
    assert {name for name, metric in METRICS.items() if metric.more_is_better} == {"insertion", "increase", "energy", "pointing"}
