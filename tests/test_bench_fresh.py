"""Contenders in processes of their own: what comes back, and what happens to one that fails."""

from __future__ import annotations

import pytest
from bench.fresh import Contender, in_fresh_processes


def test_every_round_is_a_process_and_results_come_back() -> None:
    contender = Contender("unittest.mock:Mock", {"return_value": 1, "results": {"r2": 0.5}}, calls=3)
    measured = in_fresh_processes({"mock": contender}, rounds=2)["mock"]
    assert len(measured.seconds) == len(measured.faults) == 2
    assert all(0 < seconds < 1 for seconds in measured.seconds)
    assert measured.results == {"r2": 0.5}


def test_a_contender_that_fails_is_named() -> None:
    with pytest.raises(RuntimeError, match="no_such_module"):
        in_fresh_processes({"missing": Contender("no_such_module:contender", {})}, rounds=1)
