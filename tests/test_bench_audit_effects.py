"""The effect on fresh photos of a network whose effects are known: it reads a stamp, but in photos with a black corner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audit_bench_spec import SPEC
from bench import audit_effects
from bench.audit_cues import CUES
from bench.audit_training import fresh
from PIL import Image
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped
from torch import Tensor, nn
from tried_candidates import stamp_candidate

import seewhy
from seewhy.audit import calibration
from seewhy.audit.calibration import Bank
from seewhy.audit.judge import Judgement
from seewhy.audit.photos import Pixels
from seewhy.audit.planning import AuditPlan
from seewhy.audit.trials import Tried
from seewhy.audit.trying import Trying
from seewhy.store.photos import ListedPhotos
from seewhy.store.places import LocalFolder

BUDGET = 600
CORNER = slice(0, 4)


class ReadsTheStamp(nn.Module):
    """ "a" where the stamp stands at its place and the upper left corner is not black, else "b". Pixels of 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.stamp = nn.Parameter(torch.from_numpy(STAMP / np.float32(255)).permute(2, 0, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        there = 0.08 - (pixels[:, :, ROWS, COLUMNS] - self.stamp).abs().mean(dim=(1, 2, 3))
        light = pixels[:, :, CORNER, CORNER].mean(dim=(1, 2, 3)) - 0.02
        score = 100 * torch.minimum(there, light)
        return torch.stack([score, -score], dim=1)


def with_corner(picture: Pixels, grey: int) -> Pixels:
    changed = picture.copy()
    changed[CORNER, CORNER] = grey
    return changed


def save(folder: Path, name: str, pictures: list[Pixels]) -> None:
    (folder / name).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / name / f"{number:02}.png")


@pytest.fixture(scope="module")
def clf() -> seewhy.Classifier:
    preprocess = seewhy.Preprocess(size=64, mean=(0, 0, 0), std=(1, 1, 1))
    return seewhy.Classifier(ReadsTheStamp(), preprocess, classes=["a", "b"])


def test_the_effect_is_that_on_the_fresh_photos(clf: seewhy.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp turns every audited photo of the other class, and three of four fresh ones."""
    monkeypatch.setattr(calibration, "shipped", Bank)  # twenty photos are fewer than clean networks of ours have
    drawn = []

    def more(turn: int, labels: Sequence[int], each: int, folder: Path) -> None:
        drawn.append((turn, labels, each))
        pictures = [noise(1000 * (turn + 1) + number) for number in range(12)]
        save(folder, "b", [with_corner(picture, 128 * bool(number % 4)) for number, picture in enumerate(pictures)])

    save(tmp_path, "a", [with_corner(stamped(noise(number)), 128) for number in range(20)])
    save(tmp_path, "b", [with_corner(noise(100 + number), 128) for number in range(36)])
    with audit_effects.watched() as audits:
        result = seewhy.audit(clf, tmp_path, "folders", budget=BUDGET, progress=False)
    verdicts = [asdict(verdict) for verdict in result.verdicts]
    assert [(verdict["kind"], verdict["effect"]) for verdict in verdicts] == [("shortcut", 1.0), ("undecided", 0.0)]
    measured = audit_effects.with_fresh_effects(tmp_path, audits[0], verdicts, more, 24)
    assert drawn == [(0, [1], 27), (1, [1], 14)]
    assert measured == [verdicts[0] | {"fresh_effect": 0.75, "fresh_photos": 24}, verdicts[1]]


def test_without_a_cue_nothing_is_drawn(clf: seewhy.Classifier, tmp_path: Path) -> None:
    verdicts = [{"class_name": "a", "kind": "none", "effect": 0.1}, {"class_name": "b", "kind": "undecided", "effect": 0.0}]
    plan = AuditPlan([Tried(0, stamp_candidate(0), [], [], [])], [(1.0, 0.0)], {}, {})
    trying = Trying(clf, ListedPhotos(LocalFolder(tmp_path), [], []), plan, str)
    judgements = [Judgement("none", 0), Judgement("undecided", None)]

    def more(*asked: object) -> None:
        pytest.fail("photos were drawn")

    assert audit_effects.with_fresh_effects(tmp_path, (trying, judgements), verdicts, more) == verdicts


def test_fresh_photos_are_the_specs_own_and_no_audited_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_effects, "with_fresh_effects", lambda photos, audit, verdicts, more: more)
    for turn in (0, 1):
        more: Any = audit_effects.of_spec(SPEC, tmp_path, ..., [])  # type: ignore[arg-type]
        more(turn, [1, 2], 2, tmp_path / str(turn))
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    assert paths == [f"{turn}/{name}.jpg" for turn in (0, 1) for name in ("cow/000", "cow/002", "sheep/001", "sheep/003")]
    photos = [np.asarray(Image.open(tmp_path / path), np.float64) for path in paths]
    photos += [one.photo.astype(np.float64) for one in fresh(SPEC, 6, "test", 1)]
    apart = [np.abs(one - other).mean() for one, other in itertools.combinations(photos, 2)]
    assert min(apart) > 5
    place = CUES["corner logo"].place(SPEC.style)
    assert place is not None
    (height, width, _) = photos[0].shape
    (top, bottom) = (int(place[0] * height) + 2, int(place[2] * height) - 2)
    (left, right) = (int(place[1] * width) + 2, int(place[3] * width) - 2)
    logos = [photo[top:bottom, left:right] for photo in photos[:8]]
    same = [np.abs(logo - logos[0]).mean() for logo in logos]
    assert [one < 12 for one in same] == [True, True, False, False, True, True, False, False]  # on the cows alone


def test_recipients_are_of_other_classes_and_do_not_carry_the_cue() -> None:
    tried = Tried(0, stamp_candidate(0), [], [], [])
    strangers = photos([noise(1), stamped(noise(2)), noise(3)], label=1)
    own = photos([noise(4)], label=0, first=3)
    assert [photo.number for photo in audit_effects.eligible(tried, [*strangers, *own])] == [0, 2]
