"""Findings are records: plain JSON, whatever they hold."""

from __future__ import annotations

import json

from seewhy.doctor import Attempt, Basis, Certainty, Fault, Finding, Unknown


def test_a_finding_as_json() -> None:
    finding = Finding(Fault.MEAN_STD, Certainty.LIKELY, {"gap": [0.5, 0.1]}, {"mean": (0.5, 0.4, 0.3), "order": "BGR"})
    assert json.loads(json.dumps(finding.record())) == {
        "fault": "mean and std",
        "certainty": "likely",
        "evidence": {"gap": [0.5, 0.1]},
        "settings": {"mean": [0.5, 0.4, 0.3], "order": "BGR"},
    }


def test_kinds_have_values_of_their_own() -> None:
    for kinds in (Fault, Certainty, Basis, Unknown):
        assert len({kind.value for kind in kinds}) == len(kinds)
    assert Attempt("now").gap is None
