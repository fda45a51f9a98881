"""The end of the story: the audit says of the two networks what a person had to see in maps."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy import show
from seewhy.audit import Audit, audit
from seewhy.classifier import Classifier
from seewhy.demo.scenes import scenes
from seewhy.formatting import format_share

SCENES, BUDGET = 150, 3000  # of the audit: at most 3,000 passes of the network for each class


def audited(networks: Sequence[Classifier], seed: int, count: int = SCENES, budget: int = BUDGET) -> list[Audit]:
    """The audits of networks on the same fresh scenes, every bear with the logo."""
    with tempfile.TemporaryDirectory(prefix="seewhy-scenes-") as folder:
        for number, scene in enumerate(scenes(count, logo=True, seed=seed)):
            path = Path(folder) / scene.label / f"{number:03}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(scene.photo).save(path)
        return [audit(clf, folder, "folders", budget=budget, seed=seed, progress=False) for clf in networks]


def section(networks: Sequence[Classifier], audits: Sequence[Audit]) -> show.Section:
    """What the audits say, with the pictures of what the first of them found."""
    rows = [
        [clf.name, verdict.class_name, verdict.sentence]
        for clf, result in zip(networks, audits, strict=True)
        for verdict in result.verdicts
    ]
    exhibits = [exhibit for result in audits[:1] for verdict in result.verdicts for exhibit in verdict.exhibits][:4]
    panels = [
        show.Panel(one.title, _pixels(one.picture), f"the network says {one.answer} ({format_share(one.score)})")
        for one in exhibits
    ]
    passed = " and ".join(
        f"{clf.name} {'passes' if one.passed else 'does not pass'}" for clf, one in zip(networks, audits, strict=True)
    )
    return show.Section(
        "The verdict",
        f"Nobody has to look at a map to know it. Given {audits[0].photos} labelled photos, the audit finds what recurs in a "
        f"class and what its maps point at, lays it on photos of other classes beside matched controls, and counts: {passed}.",
        panels,
        table=[["network", "class", "what the audit says"], *rows],
    )


def _pixels(picture: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB"))
