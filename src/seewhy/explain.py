"""The one pipeline that every door uses: photos in, explanations out."""

from __future__ import annotations

import dataclasses
import functools
import operator
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seewhy.classifier import Classifier, is_many, photo_list
from seewhy.engine import runner
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.state import random_state
from seewhy.errors import MethodError, ModelError, OptionError, did_you_mean, listed
from seewhy.explanation import Explanation, versions
from seewhy.methods import METHODS, Heat, Method, Subject
from seewhy.records import Cost, Photo
from seewhy.targets import PRESENT, Wish, wishes


def explain(
    clf: Classifier,
    photo: Any,
    method: str | Method = "grad_cam",
    target: Any = "top1",
    *,
    batch_size: int | None = None,
    seed: int = 0,
    progress: bool | runner.ProgressCallback | None = None,
    budget: int | float | str | None = None,
    **settings: Any,
) -> Any:
    """Where did the network look? One :class:`~seewhy.Explanation` for a photo, a list of them for several.

    photo : a path, bytes, a PIL image, a uint8 array ``(H, W, 3)``, a float tensor ``(C, H, W)``; or a list of these, or a
        batch tensor ``(N, C, H, W)``: then the result is a list, also for N = 1.
    method : one of ``seewhy.METHODS``. Its settings are keyword arguments (``layer="layer4"``, ``relu=False``).
    target : a class name, an index, "top1", "top3", "present" (every label above 0.5), a function of the output ``(N, ...)`` ->
        ``(N,)``, or a list: all of them for every photo; a list of lists: one list per photo.
    batch_size : photos at once; None chooses by the free memory. seed : for everything random, recorded.
    progress : None (a bar after a second, in a terminal), False, or ``callback(done, total, partial)``.
    budget : what one photo may cost: forward passes (int) or seconds (float or "20s"); "auto" ends LIME when its ranking is
        stable. A map that the budget stops is ``partial``, and its notes say how far it came.

    Ctrl-C: occlusion, LIME and RISE of a single photo return what they have, ``partial``; otherwise it is raised.

    Raises a child of ``SeewhyError`` for every mistake: unknown class, layer, method or setting, unreadable photo, ...
    """
    made = make_method(method, settings)
    limit = runner.Budget.of(budget)
    if limit.passes is not None and limit.passes < 1:
        raise OptionError(f"budget={budget}: one photo takes at least 1 forward pass.")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise OptionError(f"seed={seed!r}: write a whole number.")
    if seed < 0:
        raise OptionError(f"seed={seed}: write a whole number, 0 or more.")
    if not isinstance(clf, Classifier):
        raise ModelError(
            f"The first argument is a {type(clf).__name__}: wrap the network as seewhy.Classifier(network, preprocess=...), or "
            "load one with seewhy.load(...)."
        )
    photos = photo_list(photo)
    wanted = wishes(target, len(photos))
    read = [clf.read(one) for one in photos]
    explanations: list[Explanation] = []
    if read:
        asked = list(zip(read, wanted, strict=True))
        with random_state(seed), runner.Progress(progress, len(read), made.title, limit.seconds) as bar:
            inside = clf.planned(clf.inputs(read[:1])) if clf.is_module else None
            work = _Work(clf, inside, made, seed, batch_size, limit, bar, not is_many(photo))
            size = 1 if made.sweeps else clf.batch_size(batch_size, inside, len(read), made.backward)
            for count, batch in runner.in_batches(asked, size, lambda item: item[0].pixels.shape, work):
                explanations.extend(batch)
                if made.sweeps:
                    bar.finish_photo(round(batch[-1].cost.forward))
                else:
                    bar.advance(count, functools.partial(operator.itemgetter(-1), batch))
    return explanations if is_many(photo) else explanations[0]


@dataclasses.dataclass(frozen=True)
class _Work:
    """A batch of photos of one size, explained."""

    clf: Classifier
    inside: PlannedNetwork | None
    method: Method
    seed: int
    batch_size: int | None
    budget: runner.Budget
    bar: runner.Progress
    alone: bool

    def __call__(self, batch: Sequence[tuple[Photo, list[Wish]]]) -> list[Explanation]:
        start = time.perf_counter()
        photos = [photo for photo, _ in batch]
        wanted = [wishes_of_one for _, wishes_of_one in batch]

        def report(count: int, sketch: Callable[[], Heat], said: str) -> None:
            self.bar.advance(count, lambda: self._one(photos[0], sketch(), 0, time.perf_counter() - start, wanted[0]), said)

        subject = Subject(
            self.clf,
            self.inside,
            self.clf.inputs(photos),
            wanted,
            self.seed,
            batch_size=self.batch_size,
            budget=self.budget,
            interruptible=self.alone,
            expect=self.bar.expect,
            report=report,
        )
        heat = self.method.heat(subject)
        seconds = (time.perf_counter() - start) / len(batch)
        return [self._one(photo, heat, n, seconds, wanted[n]) for n, photo in enumerate(photos)]

    def _one(self, photo: Photo, heat: Heat, n: int, seconds: float, wanted: Sequence[Wish]) -> Explanation:
        clf = self.clf
        return Explanation(
            maps=np.ascontiguousarray(heat.maps[n], dtype=np.float32),
            signed=heat.signed,
            targets=heat.chosen[n],
            method=self.method.name,
            photo=photo,
            settings=self.method.settings(),
            layer=heat.layer,
            seed=self.seed,
            units=heat.units,
            partial=heat.partial,
            sample_grid=heat.sample_grid,
            raw=None if heat.raw is None else heat.raw[n],
            cost=Cost(heat.forward, heat.backward, seconds),
            notes=[*photo.notes, *_reading_notes(clf, heat, n, wanted), *heat.notes[n]],
            details=heat.details[n],
            predictions=[] if heat.scores is None else clf.predictions(heat.scores[n], 5),
            model=clf.name,
            weights=clf.weights_hash(),
            versions=versions(),
            by_class=self.method.by_class,
        )


def _reading_notes(clf: Classifier, heat: Heat, n: int, wanted: Sequence[Wish]) -> list[str]:
    """How the output was read, where that is not the obvious way."""
    notes = []
    if "present" in wanted and heat.scores is not None and not (heat.scores[n] > PRESENT).any():
        notes.append(f"no class is above {PRESENT}: the strongest one is explained")
    if clf.head.kind == "none" or any(target.index is None for target in heat.chosen[n]):
        notes.append("the value itself is explained, not a logit or a probability")
    if clf.returns_probabilities:
        notes.append("the network returns probabilities already: no softmax was added, and a logit means their logarithm")
    deviation = heat.details[n].get("deviation", 0.0)
    if clf.precision == "fast":
        notes.append(f"precision='fast': the scores deviate from the exact network by {deviation:.1e} of the largest")
    return notes


def make_method(method: str | Method, settings: dict[str, Any]) -> Method:
    """The method with its settings. Raises MethodError for an unknown name, OptionError for an unknown setting."""
    if isinstance(method, Method):
        if settings:
            raise OptionError(f"The method is made already: {listed(settings)} cannot be given beside it.")
        _check(type(method), {name: getattr(method, name) for name in method.setting_names()})
        return method
    kind = METHODS.get(method) if isinstance(method, str) else None
    if kind is None:
        raise MethodError(f"There is no method {method!r}.{did_you_mean(str(method), METHODS)} Known: {listed(METHODS, 30)}.")
    known = kind.setting_names()
    for name in settings:
        if name not in known:
            raise OptionError(
                f"{kind.name} has no setting '{name}'.{did_you_mean(name, known)} It has {listed(known)}; every method takes "
                "batch_size, seed, progress and budget."
            )
    _check(kind, settings)
    return kind(**settings)


def _check(kind: type[Method], settings: dict[str, Any]) -> None:
    """Raises OptionError for a value that a setting cannot take."""
    for field in dataclasses.fields(kind):
        choices = field.metadata.get("choices")
        if choices and field.name in settings and settings[field.name] not in choices:
            raise OptionError(f"{field.name}={settings[field.name]!r}: write one of {listed(repr(c) for c in choices)}.")
        if isinstance(field.default, bool) and field.name in settings and not isinstance(settings[field.name], bool):
            raise OptionError(f"{field.name}={settings[field.name]!r}: write True or False.")
