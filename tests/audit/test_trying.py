from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped
from tried_candidates import stamp_candidate

import seewhy
from seewhy.audit.answers import answers_of
from seewhy.audit.exhibits import CONTROL, ORIGINAL, WITHOUT
from seewhy.audit.judge import Judgement
from seewhy.audit.kinds import CUE, LOCAL, NONE
from seewhy.audit.photos import AuditedPhoto, Pixels
from seewhy.audit.planning import AuditPlan
from seewhy.audit.trials import Tried
from seewhy.audit.trying import Trying
from seewhy.store.manifest import Manifest
from seewhy.store.photos import list_photos
from seewhy.store.places import LocalFolder

A, B = 0, 1
PICTURES = [*(stamped(noise(n)) for n in range(4)), *(noise(10 + n) for n in range(4))]
PATHS = [f"{'ab'[n // 4]}/{n}.png" for n in range(8)]


def reads_the_stamp(batch: torch.Tensor) -> torch.Tensor:
    """Class a where the stamp stands at its place, else b. Pixels of 0 to 1, (N, 3, 64, 64)."""
    stamp = torch.from_numpy(STAMP / np.float32(255)).permute(2, 0, 1)
    apart = (batch[:, :, ROWS, COLUMNS] - stamp).abs().mean(dim=(1, 2, 3))
    return torch.stack([apart < 0.01, apart >= 0.01], dim=1).float() * 9


def taken(pictures: Sequence[Pixels], first: int, label: int) -> list[AuditedPhoto]:
    return [replace(photo, path=PATHS[photo.number]) for photo in photos(pictures, label, first)]


@pytest.fixture
def trying(tmp_path: Path) -> Trying:
    """The stamp of two photos on two of the other class; it is taken away from two more."""
    for path, picture in zip(PATHS, PICTURES, strict=True):
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "photos" / path)
    preprocess = seewhy.Preprocess(size=64, mean=(0, 0, 0), std=(1, 1, 1))
    clf = seewhy.Classifier(reads_the_stamp, preprocess, classes=["a", "b"])
    (donors, carriers) = (taken(PICTURES[:2], 0, A), taken(PICTURES[2:4], 2, A))
    (recipients, thirds) = (taken(PICTURES[4:6], 4, B), taken(PICTURES[6:], 6, B))
    candidates = [stamp_candidate(A, donors=donors, salient=[(0.0, 0.0, 10 / 64, 14 / 64)]) for _ in range(2)]
    plan = AuditPlan(
        [Tried(number, candidate, recipients, carriers, thirds) for number, candidate in enumerate(candidates)],
        [(1.0, 0.0)] * 2,
        {A: 2},
        {A: 2},
    )
    listed = list_photos(tmp_path / "photos", "folders", clf.class_names())
    return Trying(clf, listed, plan, lambda name: str(tmp_path / name), progress=False)


def test_cues_are_put_on_and_what_decides_is_taken_away(trying: Trying, tmp_path: Path) -> None:
    lines: list[str] = []
    results = trying.put_on(lines.append)
    assert results.passes == 2 * 2 * 6  # candidates, photos, the cue with its five controls
    assert lines[0].startswith("2 candidates, 24 passes of the network with what is changed in the photos, about ")
    for number in (0, 1):
        outcome = results.outcomes[number]
        assert outcome.effects_by_control == {"elsewhere": [1, 1], "third": [1, 1], "covered": [1, 1]}
        assert (outcome.turned, outcome.tried, outcome.shuffled, outcome.necessity) == (2, 2, 0.0, [])
    trying.taken_away([Judgement(LOCAL, 1), Judgement(NONE, 0)], results)
    assert results.outcomes[1].necessity == [1.0, 1.0]
    assert results.outcomes[0].necessity == []
    assert [role for role, _ in results.typical[1]] == [ORIGINAL, WITHOUT, CUE, CONTROL]
    assert [role for role, _ in results.typical[0]] == [CUE, CONTROL]
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "trials", "removals"}
    assert results.notes() == []
    lines.clear()
    assert trying.put_on(lines.append).passes == 24
    assert lines == ["2 candidates, 24 passes of the network with what is changed in the photos: all of them are kept already"]


def test_many_trials_are_run_in_parts(trying: Trying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trying.put_on()
    monkeypatch.setattr(sys.modules[Trying.__module__], "_MOST_TRIALS", 5)
    parts = replace(trying, folder_of=lambda name: str(tmp_path / "parts" / name)).put_on()
    assert (parts.outcomes, parts.passes) == (whole.outcomes, whole.passes)
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"trials", "trials-1"}


def test_interrupted_it_says_how_many_trials_are_kept(trying: Trying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int, partial: object) -> None:
        if done >= limit:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[answers_of.__module__], "MOST_PHOTOS", 4)  # trials in a shard
    limit = 11
    with pytest.raises(KeyboardInterrupt) as interrupt:
        replace(trying, progress=stop).put_on()
    kept = sum(entry.rows for entry in Manifest.read(LocalFolder(tmp_path / "trials")).shards.values())
    assert 4 <= kept <= 12
    assert (
        str(interrupt.value)
        == f"{kept} trials are done and kept in {tmp_path / 'trials'}; begun again, the audit goes on from there"
    )
    lines: list[str] = []
    results = trying.put_on(lines.append)
    assert f"what is changed in the photos, {kept} of them kept already, about " in lines[0]
    assert results.passes == 24
    limit = 1
    with pytest.raises(KeyboardInterrupt, match=r"^24 trials are done and kept in .*removals; begun again, "):
        replace(trying, progress=stop).taken_away([Judgement(LOCAL, 1)], results)


def test_what_could_not_be_made_and_what_cannot_be_seen_is_said(trying: Trying, tmp_path: Path) -> None:
    (tmp_path / "photos" / PATHS[6]).unlink()  # of a third class's photos
    results = trying.put_on()
    assert len(results.outcomes[0].effects) < 2
    assert results.unread > 0
    assert results.notes() == [f"{results.unread} of 24 trials could not be made: There is no file '{PATHS[6]}'."]
    results.unseen = [("a", "the blur of the whole photo", "other photos cannot be given it")] * 12
    assert results.notes()[1:3] == ["not tried for a: the blur of the whole photo: other photos cannot be given it"] * 2
    assert results.notes()[-1] == "and 2 other candidates that could not be tried"
