from __future__ import annotations

import pytest

import seewhy
from seewhy.demo import verdicts


@pytest.fixture(scope="module")
def networks() -> list[seewhy.Classifier]:
    return [seewhy.load("demo:shortcut"), seewhy.load("demo:honest")]


def test_the_audit_tells_the_two_networks_apart(networks: list[seewhy.Classifier]) -> None:
    audits = verdicts.audited(networks, seed=2001)
    (of_shortcut, of_honest) = audits
    kinds = {verdict.class_name: verdict.kind for verdict in of_shortcut.verdicts}
    assert kinds["bear"] == "shortcut"
    assert not of_shortcut.passed
    assert of_honest.passed
    assert {one.photos for one in audits} == {verdicts.SCENES}
    assert max(one.passes for one in audits) <= verdicts.SCENES + 3 * verdicts.BUDGET + 20  # the pictures
    section = verdicts.section(networks, audits)
    assert "demo:shortcut does not pass and demo:honest passes" in section.text
    assert section.table is not None
    assert section.table[1][:2] == ["demo:shortcut", "bear"]
    assert str(section.table[1][2]).startswith("shortcut, overlay-like: the same pixels in the lower left corner")
    assert [panel.title for panel in section.panels][:2] == ["A photo of bear", "The same without the cue"]
    assert section.panels[0].pixels.shape == (180, 240, 3)
    assert section.panels[0].caption.startswith("the network says bear (")
