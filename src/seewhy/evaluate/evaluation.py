"""Every measure of a map beside the same measure of a random map and of a centre blob."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import OptionError, did_you_mean, setting, whole_number
from seewhy.evaluate.belonging import checked_maps
from seewhy.evaluate.masked import MaskedPhoto
from seewhy.evaluate.metric import CENTRE, MAP, RANDOM, Measurement, Metric, Subject
from seewhy.evaluate.metrics import METRICS
from seewhy.evaluate.pointing import checked_mask
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import provenance
from seewhy.files import json_bytes, save_as
from seewhy.formatting import as_sentences, format_number, format_score
from seewhy.geometry import Array
from seewhy.methods.auto import choice_notes
from seewhy.records import Note
from seewhy.show import Panel, layout, lines
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MOST_STEPS = 10_000  # of a curve
HIDES = 0.5  # of the class's score: with everything hidden, no more than this share of it may be left


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a map holds: each measure for the map, for a random map and for a centre blob.

    values, random, centre : metric -> number; the mean over the explanation's targets. "energy" and "pointing", which cost no
    passes, are the mean of 100 random maps: a single one either hits or misses.
    curves, random_curves, centre_curves : metric -> scores ``(steps + 1,)``, for metrics that are areas. shares : metric -> the
        share of the pixels changed at each of them.
    targets : class names. by_target : metric -> ``(K, 3)``: of every target, map, random and centre.
    method, model, steps, fill, seed : what was measured, and how. cost : photos through the network. photo : the file's name.
    ends : metric -> ``(K, 2)``, for metrics that are areas: the class's score for the whole photo, and with everything hidden.
    footer : model, method, layer and preprocessing in one line. choice : which method "auto" took for the map, and why.
    """

    values: dict[str, float]
    random: dict[str, float]
    centre: dict[str, float]
    curves: dict[str, Array]
    random_curves: dict[str, Array]
    centre_curves: dict[str, Array]
    shares: dict[str, Array]
    targets: list[str]
    by_target: dict[str, Array]
    method: str
    model: str
    steps: int
    fill: Any
    seed: int
    cost: int = 0
    photo: str = ""
    ends: dict[str, Array] = field(default_factory=dict)
    footer: str = ""
    choice: Sequence[Note] = ()

    suffixes: ClassVar = (*PICTURE_SUFFIXES, ".json")  # that :meth:`save` can write

    @property
    def hides(self) -> bool:
        """False where a class keeps more than half of its score with everything hidden: then the curves say little about it."""
        return not self._left()

    @property
    def notes(self) -> list[Note]:
        """What a person should know of it."""
        return [*self.choice, *self._hidden_notes()]

    def _hidden_notes(self) -> list[Note]:
        return [
            Note(
                f"with everything hidden ({self._fill_text}) '{self.targets[number]}' still scores {format_score(score)}: "
                "try another fill",
                number,
            )
            for number, score in self._left().items()
        ]

    def _left(self) -> dict[int, float]:
        """Which targets keep too much of their score, and how much."""
        ends = next(iter(self.ends.values()), ())  # the same for all curves
        return {number: float(hidden) for number, (whole, hidden) in enumerate(ends) if hidden > HIDES * whole > 0}

    @property
    def _fill_text(self) -> str:
        if isinstance(self.fill, (str, type(None))):
            return self.fill or "mean"
        return ", ".join(f"{value:g}" for value in np.ravel(self.fill))

    def better_than(self, reference: str = "random") -> dict[str, bool]:
        """Metric -> whether the map does better than the "random" map, or the "centre" blob."""
        others = {"random": self.random, "centre": self.centre}.get(reference)
        if others is None:
            raise OptionError(f"{setting('reference', reference)}: write 'random' or 'centre'.")
        return {name: is_better(METRICS[name], value, others[name]) for name, value in self.values.items()}

    def record(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        curves = {"curves": self.curves, "random_curves": self.random_curves, "centre_curves": self.centre_curves}
        arrays = {**curves, "shares": self.shares, "by_target": self.by_target, "ends": self.ends}
        return {
            **{name: getattr(self, name) for name in ("photo", "method", "model", "targets", "steps", "seed", "cost")},
            "fill": self.fill
            if isinstance(self.fill, (str, int, float, type(None)))
            else [float(v) for v in np.ravel(self.fill)],
            "values": self.values,
            "random": self.random,
            "centre": self.centre,
            "notes": [str(note) for note in self.notes],
            **{name: {metric: a.tolist() for metric, a in group.items()} for name, group in arrays.items()},
        }

    def plot(self) -> Figure:
        """The curves of the map, of a random map and of the centre blob, with their areas.

        Raises OptionError where no metric is a curve.
        """
        if not self.curves:
            raise OptionError(
                f"None of {', '.join(self.values)} is a curve: evaluate {setting('metrics', 'deletion')} to draw one."
            )
        return layout.compose([[self._panel(name) for name in self.curves]], title=self._title(), footer=self._footer())

    def _panel(self, name: str) -> Panel:
        """The curves of one metric."""
        curves = {
            f"{label}: {format_number(area)}": curve[name]
            for label, area, curve in (
                ("the map", self.values[name], self.curves),
                ("centre blob", self.centre[name], self.centre_curves),
                ("random map", self.random[name], self.random_curves),
            )
        }
        changed = "shown" if METRICS[name].more_is_better else "hidden"
        picture = lines(self.shares[name], curves, f"share of the photo {changed}, strongest first", "score")
        reading = "More is better." if METRICS[name].more_is_better else "Less is better."
        return Panel(METRICS[name].title, picture, reading)

    def _title(self) -> str:
        return f"{self.photo}: {self.method} of {', '.join(self.targets)} by {self.model}"

    def _footer(self) -> str:
        how = f"hidden pixels: {self._fill_text}  ·  {self.steps} steps  ·  seed {self.seed}"
        return "\n".join(filter(None, (as_sentences(self.notes), how, self.footer)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the curves as a picture, or the numbers (.json). All or nothing."""
        return save_as(path, {**picture_writers(self.plot), ".json": lambda: json_bytes(self.record())})

    def rows(self) -> list[tuple[str, ...]]:
        """A table as text: metric, map, random, centre, how to read it."""
        return [
            (
                METRICS[name].title,
                *(format_number(group[name]) for group in (self.values, self.random, self.centre)),
                "more is better" if METRICS[name].more_is_better else "less is better",
            )
            for name in self.values
        ]

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name} {format_number(value)} (random {format_number(self.random[name])})" for name, value in self.values.items()
        )
        return f"<Evaluation {self.method} of {', '.join(self.targets)}: {values}>"


def is_better(metric: Metric, value: float, other: float) -> bool:
    """Whether ``value`` is the better one of the two."""
    return value > other if metric.more_is_better else value < other


def evaluate(
    clf: Classifier,
    explanation: Explanation,
    metrics: Sequence[str] = ("deletion", "insertion"),
    steps: int = 64,
    fill: Any = "blur",
    *,
    mask: Any = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Evaluation:
    """Does the map hold? Each metric beside the same metric of a random map and of a centre blob.

    explanation : of this classifier, also from ``Explanation.from_map``. metrics : names in ``METRICS`` (``from
    seewhy.evaluate import METRICS``). steps : of the curves. fill : what hidden pixels show, as for occlusion. mask : bool
    ``(H, W)`` of the photo, True on the object, for "energy" and "pointing". seed : of the random map, and of ties.
    progress : counts the photos that go through the network.

    Raises OptionError: an unknown metric, a mask that is missing, empty or covers everything, an explanation of another network
    or preparation; MethodError: a metric that computes the map again, for a map of a person's own.
    """
    names = metric_names(metrics)
    for name in names:
        if METRICS[name].needs_mask and mask is None:
            raise OptionError(
                f"{setting('metrics', name)} needs {setting('mask')}: bool (H, W) of the photo, True on the object."
            )
    steps = whole_number("steps", steps)
    if steps > MOST_STEPS:
        raise OptionError(f"{setting('steps', steps)}: write at most {MOST_STEPS:,}; 64 are usual.")
    seed = whole_number("seed", seed, 0)
    photo = checked_maps(clf, explanation)
    if mask is not None:
        mask = checked_mask(mask, photo.geometry.photo)
    measured: dict[str, list[Measurement]] = {name: [] for name in names}
    total = 1 + len(explanation.maps) * sum(METRICS[name].passes(explanation, steps) for name in names)
    with memory.kept(), random_state(seed), runner.Progress(progress, 1, "Evaluation") as bar:
        masked = MaskedPhoto(clf, photo, fill, seed, batch_size, bar.advance)
        bar.expect(total, total * masked.seconds_each)
        bar.advance(1)  # the photo itself
        for number in range(len(explanation.maps)):
            subject = Subject(clf, explanation, number, masked, steps, seed, mask)
            for name in names:
                measured[name].append(METRICS[name].measure(subject))
    passes = masked.passes + sum(round(m.passes) for group in measured.values() for m in group)
    return _evaluation(explanation, measured, steps, fill, seed, passes)


def _evaluation(
    explanation: Explanation, measured: dict[str, list[Measurement]], steps: int, fill: Any, seed: int, cost: int
) -> Evaluation:
    by_target = {name: np.stack([m.values for m in group]).astype(np.float32) for name, group in measured.items()}
    means = {name: values.mean(axis=0) for name, values in by_target.items()}
    curves = {
        name: np.stack([m.curves for m in group if m.curves is not None]).mean(axis=0)
        for name, group in measured.items()
        if group[0].curves is not None
    }
    (values, random, centre) = ({name: float(mean[which]) for name, mean in means.items()} for which in (MAP, RANDOM, CENTRE))
    (own, of_random, of_centre) = ({name: curve[which] for name, curve in curves.items()} for which in (MAP, RANDOM, CENTRE))
    return Evaluation(
        values=values,
        random=random,
        centre=centre,
        curves=own,
        random_curves=of_random,
        centre_curves=of_centre,
        shares={name: group[0].shares for name, group in measured.items() if group[0].shares is not None},
        targets=[target.name for target in explanation.targets],
        by_target=by_target,
        method=explanation.method,
        model=explanation.model,
        steps=steps,
        fill=fill,
        seed=seed,
        cost=cost,
        photo=explanation.photo.name,
        ends={name: np.stack([_ends(name, m.curves) for m in measured[name] if m.curves is not None]) for name in curves},
        footer=provenance(explanation),
        choice=choice_notes(explanation.notes),
    )


def _ends(name: str, curves: Array) -> Array:
    """The scores for the whole photo, and with everything hidden; the same for all three maps."""
    ends = curves[MAP, [0, -1]]
    return ends[::-1] if METRICS[name].more_is_better else ends


def metric_names(metrics: Sequence[str]) -> list[str]:
    """The names, each once. Raises OptionError for one that is unknown, and for none."""
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in METRICS:
            raise OptionError(
                f"{setting('metrics', name)}: write some of {', '.join(METRICS)}.{did_you_mean(str(name), list(METRICS))}"
            )
    if not names:
        raise OptionError(f"{setting('metrics', names)}: write some of {', '.join(METRICS)}.")
    return list(dict.fromkeys(names))
