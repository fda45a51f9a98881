"""The illustration on real photos: which classes are animals, and what the groups answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench import audit_real
from torch import nn


def test_a_group_is_as_probable_as_its_classes_together() -> None:
    network = nn.Linear(4, 5)
    pixels = torch.randn(3, 4)
    probabilities = network(pixels).softmax(1)
    grouped = audit_real.Grouped(network, [[0, 3], [1]])(pixels)
    sums = torch.stack([probabilities[:, 0] + probabilities[:, 3], probabilities[:, 1]], 1)
    assert torch.allclose(grouped.softmax(1), sums / sums.sum(1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize(
    ("wnid", "group"),
    [("n01440764", "animal"), ("n02655020", "animal"), ("n02666196", "artefact"), ("n04613696", "artefact"), ("n07742313", None)],
)  # a tench and a puffer; an abacus and a yurt; an apple
def test_animals_and_artefacts_are_told_by_their_nouns(wnid: str, group: str | None) -> None:
    assert audit_real.group_of(wnid) == group


def test_of_the_real_classes_398_are_animals(tmp_path: Path, real_photos: Path) -> None:
    wnids = [line.split()[0] for line in audit_real.SYNSETS.read_text().splitlines()]
    assert [audit_real.group_of(wnid) for wnid in wnids[:400]] == ["animal"] * 398 + ["artefact"] * 2
    assert audit_real.photos_in(tmp_path) == 36 + 36
    assert (tmp_path / "animal" / "n02132136_brown_bear.JPEG").samefile(real_photos / "n02132136_brown_bear.JPEG")
