"""The one pipeline that every door uses: photos in, explanations out."""

from __future__ import annotations

import dataclasses
import functools
import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.state import random_state, without_autocast
from seewhy.engine.threads import on_one_thread
from seewhy.errors import (
    GradientError,
    LayerError,
    MethodError,
    ModelError,
    OptionError,
    OutputError,
    alternatives,
    did_you_mean,
    listed,
    setting,
    whole_number,
)
from seewhy.explanation import Explanation, Explanations, versions
from seewhy.methods import METHODS, Attribution, Method, Needs, Request
from seewhy.methods.auto import AUTO, Choice, choose, mixed_notes
from seewhy.methods.hiding import held_against_hiding, is_coarse
from seewhy.methods.occlusion import Occlusion
from seewhy.reading import is_many, photo_list
from seewhy.records import Cost, Note, Photo
from seewhy.targets import PRESENT, RequestedTarget, requested_against, requested_targets


@overload
def explain(
    clf: Classifier,
    photo: list[Any] | tuple[Any, ...],
    method: str | Method | Choice = ...,
    target: Any = ...,
    *,
    against: str | int | None = ...,
    batch_size: int | None = ...,
    seed: int = ...,
    progress: bool | runner.ProgressCallback | None = ...,
    budget: int | float | str | None = ...,
    **settings: Any,
) -> Explanations: ...


@overload
def explain(
    clf: Classifier,
    photo: Any,
    method: str | Method | Choice = ...,
    target: Any = ...,
    *,
    against: str | int | None = ...,
    batch_size: int | None = ...,
    seed: int = ...,
    progress: bool | runner.ProgressCallback | None = ...,
    budget: int | float | str | None = ...,
    **settings: Any,
) -> Explanation: ...


def explain(
    clf: Classifier,
    photo: Any,
    method: str | Method | Choice = AUTO,
    target: Any = "top1",
    *,
    against: str | int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    progress: bool | runner.ProgressCallback | None = None,
    budget: int | float | str | None = None,
    **settings: Any,
) -> Any:
    """Where did the network look? One :class:`~seewhy.Explanation` for a photo, a list of them for several.

    photo : a path, bytes, a PIL image, a uint8 array ``(H, W, 3)``, a float tensor ``(C, H, W)``; or a list of these, or a
        batch tensor ``(N, C, H, W)``: then the result is a list, also for N = 1. With ``Classifier(dimensions=3)`` a float tensor
        ``(C, D, H, W)`` or ``(D, H, W)``, or a batch ``(N, C, D, H, W)``.
    method : one of ``seewhy.METHODS``; its settings are keyword arguments (``layer="layer4"``, ``relu=False``). "auto" takes
        Grad-CAM where the network's head averages, HiResCAM where it reads each place by itself, and occlusion with a budget of
        200 passes where the network cannot be watched; the notes say which, and why. Behind attention, tokens or a grid of three
        rows or fewer the map is checked by hiding parts of the photo (about 64 passes), and occlusion is taken where it points
        elsewhere; settings of a method leave the check out. Its occlusion is measured in log-odds, of ``predict_proba`` in
        probability.
    target : a class name, an index, "top1", "top3", "present" (every label above 0.5), a function of the output ``(N, ...)`` ->
        ``(N,)``, or a list: all of them for every photo; a list of lists: one list per photo.
    against : why the target and not this class? The difference of the two classes' values is explained. A class name, an index,
        or "top2", the second choice of each photo; None compares with nothing.
    batch_size : photos at once; None chooses by the free memory. seed : for everything random, recorded.
    progress : None (a line before work above two seconds, and in a terminal a bar), False, or ``callback(done, total, partial)``.
    budget : what one photo may cost: forward passes (int) or seconds (float or "20s"); "auto" ends LIME when its ranking is
        stable. A map that the budget stops is ``partial``, and its notes say how far it came.

    Ctrl-C: methods that take many passes return what they have for a single photo, ``partial``; otherwise it is raised.

    Raises a child of ``SeewhyError`` for every mistake: unknown class, layer, method or setting, unreadable photo, a target that
    is compared with itself, ...
    """
    check_classifier(clf)
    photos = photo_list(photo, clf.dimensions)
    (choice, first, held) = (None, [], False)
    asked_budget = budget
    if isinstance(method, Choice):
        choice = method
        method = choice.method
    elif isinstance(method, str) and method == AUTO:
        first = [clf.read(item) for item in photos[:1]]
        choice = automatic_choice(clf, first, settings)
        held = choice.method != Occlusion.name and not settings and clf.dimensions == 2
        method = choice.method
    if choice is not None and budget is None:
        budget = choice.passes
    if choice is not None and choice.method == Occlusion.name and not clf.executor.form.probabilities:
        # A probability of nearly 1 hardly falls, and maps come out flat; votes of 0, as predict_proba may give, have no log-odds.
        settings = {"score": "log_odds"} | settings
    configured = make_method(method, settings)
    limit = runner.Budget.of(budget)
    if limit.passes is not None and limit.passes < 1:
        raise OptionError(f"{setting('budget', budget)}: one photo takes at least 1 forward pass.")
    if limit.auto and configured.sweeps and not configured.knows_when_stable:
        raise OptionError(
            f"{setting('budget', 'auto')}: {configured.name} does not know when it has seen enough; write forward passes (200) "
            "or seconds ('20s')."
        )
    whole_number("seed", seed, 0)
    _check_needs(clf, configured, photos)
    targets = requested_targets(target, len(photos))
    against = requested_against(against, targets)
    notes = _unused_notes(configured, None if held else budget, targets, against)
    chosen: list[Note] = [] if choice is None else [choice.note]
    read = [*first, *(clf.read(item) for item in photos[len(first) :])]
    explanations: list[Explanation] = []
    if read:
        clf = clf.beside(read[0])
        executor = clf.executor
        bar = runner.Progress(progress, len(read), configured.title, limit.seconds)
        with memory.kept(), random_state(seed), on_one_thread(executor.form.own_threads), bar:
            planned = executor.planned(executor.pixels(read[:1])) if clf.is_module else None
            notes += [] if planned is None else map(Note, planned.plan.notes)
            if planned is not None and not held and clf.dimensions == 2:
                notes += mixed_notes(planned, configured)
            explain_batch = _ExplainBatch(
                clf,
                planned,
                configured,
                against if configured.by_class else None,
                seed,
                batch_size,
                limit,
                bar,
                not is_many(photo, clf.dimensions),
                notes,
                chosen,
            )
            size = 1 if configured.sweeps else executor.batch_size(batch_size, planned, len(read), configured.backward)
            pairs = list(zip(read, targets, strict=True))
            other = _lighter(planned) if configured.backward else ""
            for count, batch in runner.in_batches(pairs, size, lambda pair: clf.alike(pair[0]), explain_batch, bar.shrink, other):
                explanations.extend(batch)
                if configured.sweeps:
                    bar.finish_photo(round(batch[-1].cost.forward))
                else:
                    bar.advance(count, functools.partial(operator.itemgetter(-1), batch))
    if held:
        mixed = choice is not None and choice.mixed
        given = {"against": against, "batch_size": batch_size, "seed": seed}
        explanations = _checked(clf, explanations, mixed, is_many(photo, clf.dimensions), asked_budget, progress, given)
    return Explanations(explanations) if is_many(photo, clf.dimensions) else explanations[0]


def automatic_choice(clf: Classifier, first: Sequence[Photo], settings: Mapping[str, Any] | None = None) -> Choice:
    """What "auto" takes, by the first photo; where there is none, nothing is explained. settings : those that were given."""
    settings = settings or {}
    if not first or not clf.is_module:
        return choose(clf, None, settings)
    with memory.kept(), without_autocast():  # what is planned here is used again
        executor = clf.beside(first[0]).executor
        return choose(clf, executor.planned(executor.pixels(first)), settings)


def _checked(
    clf: Classifier,
    explanations: Sequence[Explanation],
    mixed: bool,
    many: bool,
    budget: int | float | str | None,
    progress: bool | runner.ProgressCallback | None,
    given: Mapping[str, Any],
) -> list[Explanation]:
    """Those whose layer mixes places, or is coarse, held against what hiding takes. budget : for the map and its check.
    given : for the occlusion.

    Of a list the photos are counted that are done, of a photo the passes; a callback is told of them behind what it was told.
    """
    count = len(explanations)
    limit = runner.Budget.of(budget)
    told = progress
    if callable(progress):
        callback = progress

        def told(done: int, total: int, partial: Any) -> None:
            callback(count + done, count + total, partial)

    def hide(photo: Photo, targets: list[int], spent: Cost, **settings: Any) -> Explanation:
        asked: Any = [photo] if many else photo  # in a list Ctrl-C is raised
        left = limit.after(spent.forward, spent.seconds)
        told_of = False if many else told
        answer = explain(clf, asked, Occlusion.name, targets, budget=left, progress=told_of, **given, **settings)
        hidden: Explanation = answer[0] if many else answer
        return hidden

    to_check = [number for number, explanation in enumerate(explanations) if mixed or is_coarse(explanation)]
    checked = list(explanations)
    with runner.Progress(told if many else False, len(to_check), "Check by hiding") as bar:
        for number in to_check:
            checked[number] = held_against_hiding(explanations[number], clf.head, hide, clf.executor.pixels_are_bytes)
            bar.advance(1, functools.partial(checked.__getitem__, number))
    return checked


def check_classifier(clf: Any) -> None:
    """Raises ModelError for anything else, such as the network itself."""
    if not isinstance(clf, Classifier):
        raise ModelError(
            f"The first argument is a {type(clf).__name__}: wrap the network as seewhy.Classifier(network, preprocess=...), or "
            "load one with seewhy.load(...)."
        )


@dataclasses.dataclass(frozen=True)
class _ExplainBatch:
    """Explains a batch of photos of one size."""

    clf: Classifier
    planned: PlannedNetwork | None
    method: Method
    against: str | int | None
    seed: int
    batch_size: int | None
    budget: runner.Budget
    bar: runner.Progress
    alone: bool
    notes: list[Note]  # of the call
    chosen: list[Note]  # what "auto" took, and why

    def __call__(self, batch: Sequence[tuple[Photo, list[RequestedTarget]]]) -> list[Explanation]:
        clf = self.clf.beside(batch[0][0])
        if clf is not self.clf:
            planned = clf.executor.planned(clf.executor.pixels([batch[0][0]])) if clf.is_module else None
            return dataclasses.replace(self, clf=clf, planned=planned)(batch)
        start = time.perf_counter()
        photos = [photo for photo, _ in batch]
        targets = [targets_of_photo for _, targets_of_photo in batch]

        def report(count: int, sketch: Callable[[], Attribution], progress: str) -> None:
            def partial() -> Explanation:
                return self._explanation(photos[0], sketch(), 0, time.perf_counter() - start, request)

            self.bar.advance(count, partial, progress)

        request = Request(
            self.clf,
            self.planned,
            self.clf.executor.pixels(photos),
            targets,
            self.seed,
            against=self.against,
            batch_size=self.batch_size,
            budget=self.budget,
            interruptible=self.alone,
            watched=self.bar.has_callback,
            expect=self.bar.expect,
            report=report,
            smaller=self.bar.shrink,
        )
        attribution = self.method.attribute(request)
        seconds = (time.perf_counter() - start) / len(batch)
        return [self._explanation(photo, attribution, n, seconds, request) for n, photo in enumerate(photos)]

    def _explanation(self, photo: Photo, attribution: Attribution, n: int, seconds: float, request: Request) -> Explanation:
        clf = self.clf
        return Explanation(
            maps=np.ascontiguousarray(attribution.maps[n], dtype=np.float32),
            signed=attribution.signed,
            targets=attribution.targets[n],
            method=self.method.name,
            photo=photo,
            settings=self.method.settings(),
            layer=attribution.layer,
            seed=self.seed,
            units=attribution.units,
            partial=attribution.partial,
            sample_grid=attribution.sample_grid,
            raw=None if attribution.raw is None else attribution.raw[n],
            cost=Cost(attribution.forward, attribution.backward, seconds),
            notes=[
                *map(Note, photo.notes),
                *self.notes,
                *_output_notes(clf, attribution, n, request.targets[n]),
                *(request.remarks[n] if self.method.by_class and request.remarks else []),
                *attribution.notes[n],
                *self.chosen,
            ],
            details=attribution.details[n],
            predictions=[] if attribution.scores is None else clf.predictions(attribution.scores[n], 5),
            model=clf.name,
            weights=clf.executor.weights_hash(),
            versions=versions(),
            by_class=self.method.by_class,
        )


def _lighter(planned: PlannedNetwork | None) -> str:
    """Where a gradient through the whole network does not fit: a method that keeps one layer alone, and what that takes."""
    needs = "" if planned is None else f" (needs about {planned.bytes_each / 2**30:.1g} GiB)"
    return f"{setting('method', 'grad_cam')}{needs}"


def _check_needs(clf: Classifier, method: Method, photos: Sequence[Any]) -> None:
    """Raises MethodError for a method that has to see more of the network than can be seen, or that knows photos alone;
    GradientError where that is int8."""
    if clf.dimensions == 3 and not method.volumes:
        working = alternatives(setting("method", name) for name, known in METHODS.items() if known.volumes)
        raise MethodError(f"{method.title} explains photos, and this classifier is one of volumes. Working there: {working}.")
    form = clf.executor.form
    visible = [Needs.SCORES, *[Needs.LAYERS] * form.layers, *[Needs.GRADIENTS] * form.gradients]
    if form.is_open or method.needs in visible:
        return
    if form.quantised is not None and not _has_feature_layers(clf, photos):
        visible.remove(Needs.LAYERS)
    fitting = (name for name, known in METHODS.items() if known.needs in visible and (known.volumes or clf.dimensions == 2))
    working = alternatives(fitting)
    if form.quantised is not None:
        raise GradientError(
            f"{method.title} needs gradients or plain weights, but the score is cut off from both. First step without gradient: "
            f"'{form.quantised}' (quantised to int8). Use a method that needs none: {working}; or give the network as it was "
            "before it was quantised."
        )
    missing = "methods that use layers or ReLUs" if form.gradients else "methods that use layers or gradients"
    raise MethodError(
        f"This is {form.name}: its inside cannot be watched, so {missing} are not possible. Working now: {working}. For CAM and "
        "Grad-CAM give the original nn.Module (torch.compile, DataParallel are unwrapped)."
    )


def _has_feature_layers(clf: Classifier, photos: Sequence[Any]) -> bool:
    """True where a layer can be read, as the first photo shows, or a blank one where there is none."""
    read = [clf.read(photo) for photo in photos[:1]]
    executor = clf.beside(read[0]).executor if read else clf.executor
    try:
        return executor.planned(executor.pixels(read) if read else None).has_feature_layers
    except (LayerError, MethodError, OutputError):  # no size for a blank photo, or a pass that cannot be followed
        return False


def _unused_notes(
    method: Method, budget: Any, targets: Sequence[Sequence[RequestedTarget]], against: str | int | None
) -> list[Note]:
    """What was asked for, and has no effect with this method."""
    notes = []
    of_photo = f"changes nothing: the map of {method.name} belongs to the photo, not to a class"
    if not method.by_class and any(target != "top1" for row in targets for target in row):
        notes.append(f"{setting('target')} {of_photo}")
    if not method.by_class and against is not None:
        notes.append(f"{setting('against')} {of_photo}")
    if budget is not None and not method.sweeps:
        notes.append(f"{setting('budget', budget)} limits nothing: {method.name} takes {method.cost}")
    return [Note(note) for note in notes]


def _output_notes(clf: Classifier, attribution: Attribution, n: int, requested: Iterable[RequestedTarget]) -> list[Note]:
    """How the output was read, where that is not the obvious way."""
    notes = []
    if "present" in requested and attribution.scores is not None and not (attribution.scores[n] > PRESENT).any():
        notes.append(f"no class is above {PRESENT}: the strongest one is explained")
    if clf.head.kind == "none" or any(target.index is None for target in attribution.targets[n]):
        compared = any(target.against is not None for target in attribution.targets[n])
        value = "the difference of the values themselves" if compared else "the value itself"
        notes.append(f"{value} is explained, not a logit or a probability")
    if attribution.head.probabilities and attribution.head.kind == "softmax":
        notes.append("the network returns probabilities already: no softmax was added, and a logit means their logarithm")
    elif attribution.head.probabilities:
        notes.append("the network ends in a sigmoid: none was added, and a logit means log-odds")
        if any(abs(score - 0.5) >= 0.5 - 2**-24 for target in attribution.targets[n] for score in target.scores):
            notes.append("the sigmoid is saturated (1 or 0): nothing can move it; give the network without its sigmoid")
    elif _looks_activated_twice(clf, attribution, n):
        notes.append(
            f"all outputs lie between 0 and 1: if the network ends in a sigmoid of its own, write {setting('head', 'none')}"
        )
    if clf.precision == "fast":
        deviation = attribution.details[n]["deviation"]
        notes.append(
            f"{setting('precision', 'fast')}: the scores deviate from the exact network by {deviation:.1e} of the largest"
        )
    return [Note(note) for note in notes]


def _looks_activated_twice(clf: Classifier, attribution: Attribution, n: int) -> bool:
    """True for a network that cannot be watched, whose outputs could be those of a sigmoid: then sigmoids of them are these."""
    if clf.head.kind not in ("sigmoid", "binary") or attribution.scores is None or clf.executor.form.layers:
        return False
    scores = attribution.scores[n][-1:] if clf.head.kind == "binary" else attribution.scores[n]
    return bool(((scores >= 0.5) & (scores <= 0.73106)).all())  # sigmoid(0) to sigmoid(1)


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
                "against, batch_size, seed, progress and budget."
            )
    _check(kind, settings)
    return kind(**settings)


def _check(kind: type[Method], settings: dict[str, Any]) -> None:
    """Raises OptionError for a value that a setting cannot take."""
    for field in dataclasses.fields(kind):
        choices = field.metadata.get("choices")
        if choices and field.name in settings and settings[field.name] not in choices:
            raise OptionError(f"{setting(field.name, settings[field.name])}: write one of {listed(repr(c) for c in choices)}.")
        if isinstance(field.default, bool) and field.name in settings and not isinstance(settings[field.name], bool):
            raise OptionError(f"{setting(field.name, settings[field.name])}: write True or False.")
