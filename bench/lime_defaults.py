"""Which settings make LIME's simple model explain samples that it has not seen? ``python -m bench.lime_defaults``.

For each photo and segmentation the network scores random on-off photos once; score, model and number of samples are then only
fits to the same scores. What counts is R² on 256 samples that no fit has seen; beside it stand how far the maps of two
halves of the samples agree, and the share of the map's positive mass inside the object's box. The scores are kept in a folder,
so that a run that was stopped goes on.

With ``../shared/data`` beside the repository: SqueezeNet 1.0 on 24 of the photos with boxes. Without it: the demo network on
drawn scenes. The class explained is the most probable one. The passes are run in bfloat16: on four photos that moved R² by up to
0.005, that of trees of the probability by up to 0.03, and by 0.18 where it was negative.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import seewhy
from bench.pointing import boxed_photos, drawn_scenes
from bench.timing import DATA, ROOT, Figure, console, options, quartiles, save, table
from seewhy.evaluate import energy
from seewhy.methods.lime import Lime
from seewhy.methods.surrogate import MODELS, learner

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SCORES = ("probability", "logit", "log_odds")
BLOCK = 256  # samples that are run and kept together; the first block is never learnt from
PHOTOS = 24
FOLDER = ROOT / "out" / "lime_defaults"
GOOD = 0.5


@dataclass(frozen=True)
class Segmentation:
    """How photos are cut, and what a segment that is off shows: the settings of LIME that need runs of their own."""

    segments: str
    features: int
    fill: str = "mean"

    def __str__(self) -> str:
        return f"{self.segments} {self.features}" + ("" if self.fill == "mean" else f", fill {self.fill}")


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    segmentation: Segmentation
    score: str
    model: str
    samples: int


@dataclass(frozen=True, eq=False)
class BoxedPhoto:
    """A photo and where its object is: bool ``(h, w)`` of the network's input. name : of its files."""

    name: str
    photo: npt.NDArray[np.uint8]
    mask: Mask


@dataclass(frozen=True, eq=False)
class Runs:
    """What the network said. labels : ``(h, w)``, 0 to d - 1. untouched : ``(3,)``, one per score.
    bits : ``(blocks, BLOCK, d)``. values : ``(blocks, BLOCK, 3)``."""

    labels: npt.NDArray[np.int64]
    untouched: Values
    bits: Mask
    values: Values


@dataclass(frozen=True)
class Grade:
    """One photo, one setting. r2 : on unseen samples. agreement : correlation of the importances learnt from the first and from
    the second half of the samples. energy : share of the map's positive mass in the box."""

    r2: float
    agreement: float
    energy: float


Grades = dict[Setting, list[Grade]]

LIME = Lime()
DEFAULT = Setting(Segmentation(LIME.segments, LIME.features), LIME.score, LIME.model, LIME.samples)
MATLAB = Setting(Segmentation("superpixels", 49), "probability", "tree", 2048)
SETTINGS = (
    DEFAULT,
    *(replace(MATLAB, score=score, model=model) for score in SCORES for model in MODELS),
    *(replace(MATLAB, samples=samples) for samples in (512, 1024)),
    *(Setting(MATLAB.segmentation, "logit", "linear", samples) for samples in (256, 512, 1024)),
    *(replace(DEFAULT, segmentation=Segmentation("superpixels", features), samples=512) for features in (16, 25, 36)),
    replace(DEFAULT, segmentation=Segmentation("superpixels", 36, "blur"), samples=512),
    Setting(Segmentation("grid", 49), "logit", "linear", 512),
)
QUICK = (replace(MATLAB, samples=256), replace(DEFAULT, samples=256))


def boxed(count: int = PHOTOS) -> tuple[seewhy.Classifier, list[BoxedPhoto]]:
    """The real SqueezeNet and every second photo with a box; or the demo network and scenes."""
    if DATA.is_dir():
        (_, cases) = boxed_photos()
        (weights, classes) = (DATA / "squeezenet1_0_imagenet.safetensors", DATA / "imagenet_synsets.txt")
        clf = seewhy.load("squeezenet1_0", weights=weights, classes=classes, precision="fast")
        cases = cases[::2]
    else:
        (clf, cases) = drawn_scenes(count)
    kind = "photo" if DATA.is_dir() else "scene"
    photos = []
    for number, case in enumerate(cases[:count]):
        mask = clf.read(np.repeat(case.mask[..., None] * np.uint8(255), 3, axis=2)).pixels[0] > 127
        photos.append(BoxedPhoto(f"{kind}{number:02d}", case.photo, mask))
    return clf, photos


def measure(count: int = PHOTOS, settings: Sequence[Setting] = SETTINGS, folder: Path | None = None) -> Grades:
    """Every setting on every photo. folder : where the scores are kept; None keeps none."""
    (clf, photos) = boxed(count)
    grades: Grades = {setting: [] for setting in settings}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if folder is None else folder
        folder.mkdir(parents=True, exist_ok=True)
        for segmentation in dict.fromkeys(setting.segmentation for setting in settings):
            same_runs = [setting for setting in settings if setting.segmentation == segmentation]
            blocks = 1 + math.ceil(max(setting.samples for setting in same_runs) / BLOCK)
            console.print(f"[dim]lime, {segmentation}, {len(photos)} × {blocks * BLOCK:,} passes ...[/dim]", highlight=False)
            for photo in photos:
                photo_runs = runs(clf, photo, segmentation, blocks, folder)
                for setting in same_runs:
                    grades[setting].append(grade(photo_runs, photo.mask, setting.score, setting.model, setting.samples))
    return grades


def runs(clf: seewhy.Classifier, photo: BoxedPhoto, segmentation: Segmentation, blocks: int, folder: Path) -> Runs:
    """The scores of ``blocks`` blocks of samples; those that the folder holds already are not run again."""
    path = folder / f"{photo.name}-{segmentation.segments}-{segmentation.features}-{segmentation.fill}.npz"
    arrays = dict(np.load(path)) if path.is_file() else {}
    for number in range(len(arrays["bits"]) if arrays else 0, blocks):
        block = _block(clf, photo, segmentation, number)
        for name in ("bits", "values"):
            block[name] = np.concatenate([arrays[name], block[name]]) if arrays else block[name]
        arrays = block
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(unfinished, path)
    return Runs(arrays["labels"].astype(np.int64), arrays["untouched"], arrays["bits"][:blocks], arrays["values"][:blocks])


def _block(clf: seewhy.Classifier, photo: BoxedPhoto, segmentation: Segmentation, number: int) -> dict[str, Any]:
    top = int(clf.scores(photo.photo).argmax())

    def probability(output: torch.Tensor) -> torch.Tensor:
        return output.float().softmax(dim=1)[:, top]

    def logit(output: torch.Tensor) -> torch.Tensor:
        return output.float()[:, top]

    def log_odds(output: torch.Tensor) -> torch.Tensor:
        rows = output.float().clone()
        rows[:, top] = -torch.inf
        return logit(output) - rows.logsumexp(dim=1)

    e = seewhy.explain(
        clf,
        photo.photo,
        method="lime",
        target=[probability, logit, log_odds],
        segments=segmentation.segments,
        features=segmentation.features,
        fill=segmentation.fill,
        samples=BLOCK + 1,
        model="ridge",
        seed=number,
        progress=False,
    )
    (bits, values) = (e.details["bits"], e.details["values"].T)
    labels = np.searchsorted(e.details["names"], e.details["segments"])
    # The first sample of every draw is the untouched photo.
    return {"labels": labels.astype(np.int16), "untouched": values[0], "bits": bits[None, 1:], "values": values[None, 1:]}


def grade(photo_runs: Runs, mask: Mask, score: str, model: str, samples: int) -> Grade:
    """Learn from the untouched photo and the samples behind the first block; predict the first block."""
    column = SCORES.index(score)
    segments = photo_runs.bits.shape[2]
    bits = np.concatenate([np.ones((1, segments)), photo_runs.bits[1:].reshape(-1, segments)])[:samples]
    values = np.concatenate([photo_runs.untouched[None], photo_runs.values[1:].reshape(-1, len(SCORES))])[:samples, [column]]
    if len(bits) < samples:
        raise ValueError(f"{samples} samples need {math.ceil(samples / BLOCK) + 1} blocks, and there are {len(photo_runs.bits)}.")
    values = values.astype(np.float64)
    learn = learner(model)
    (importance, predict) = learn(bits, values, np.ones(samples))
    unseen = photo_runs.values[0][:, column].astype(np.float64)
    residual = unseen - predict(photo_runs.bits[0].astype(np.float64))[:, 0]
    r2 = 1 - float((residual**2).sum() / ((unseen - unseen.mean()) ** 2).sum())
    half = samples // 2
    halves = [learn(bits[part], values[part], np.ones(half))[0][:, 0] for part in (slice(half), slice(half, 2 * half))]
    return Grade(r2, float(np.corrcoef(halves)[0, 1]), energy(importance[photo_runs.labels, 0], mask))


def figures_of(grades: Grades) -> list[Figure]:
    """Per setting: R² with its quartiles over the photos, and the share of photos that a fit is good for."""
    figures = []
    for setting, rows in grades.items():
        name = (
            f"lime defaults/{len(rows)} photos/{setting.segmentation}/{setting.samples} samples/{setting.model}, {setting.score}"
        )
        r2 = [row.r2 for row in rows]
        figures.append(Figure.of(f"{name}/R2 on unseen samples", r2, "", more_is_better=True))
        good = 100 * float(np.mean([value >= GOOD for value in r2]))
        figures.append(Figure(f"{name}/R2 of {GOOD} or more", good, good, good, "% of photos", more_is_better=True))
    return figures


def show(grades: Grades) -> None:
    """A line for each setting."""
    columns = ("segments", "samples", "model", "score", "R²", "quartiles", f"R² ≥ {GOOD}", "halves agree", "mass in the box")
    lines = table("LIME: R² on samples that no fit has seen, median over the photos", columns)
    for setting, rows in grades.items():
        (low, middle, high) = quartiles([row.r2 for row in rows])
        good = sum(row.r2 >= GOOD for row in rows)
        agreement = float(np.median([row.agreement for row in rows]))
        mass = 100 * float(np.mean([row.energy for row in rows]))
        labels = (str(setting.segmentation), f"{setting.samples:,}", setting.model, setting.score)
        lines.add_row(
            *labels, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{good} of {len(rows)}", f"{agreement:.2f}", f"{mass:.0f} %"
        )
    console.print(lines)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the scores are kept; an empty one measures anew")
    arguments = parser.parse_args()
    grades = measure(2, QUICK) if arguments.quick else measure(arguments.photos, SETTINGS, arguments.folder)
    show(grades)
    if arguments.json:
        save(arguments.json, figures_of(grades))


if __name__ == "__main__":
    main()
