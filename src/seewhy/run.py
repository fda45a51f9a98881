"""A folder of photos of any size through a network, into a store: interrupted at any moment, it goes on where it was."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.classes import ClassNames
from seewhy.classifier import Classifier, check_photos
from seewhy.edits import Edit
from seewhy.engine import runner
from seewhy.errors import OptionError, PhotoError, did_you_mean, is_whole_number, listed, setting, whole_number
from seewhy.explain import check_classifier, explain, make_method
from seewhy.methods import METHODS, Method
from seewhy.methods.auto import AUTO, TAKEN
from seewhy.store import Store
from seewhy.store.filling import fill
from seewhy.store.identity import manifest_of
from seewhy.store.on_ray import check_address
from seewhy.store.photos import ListedPhotos, list_photos
from seewhy.store.places import Folder, folder_at
from seewhy.store.sequences import Cycled, repeated
from seewhy.store.shard import MOST_PHOTOS, RunSpec, embedding_layer, requested_of
from seewhy.store.sources import check_sources
from seewhy.targets import LABEL, check_classes, resolve

if TYPE_CHECKING:
    pass

FEW_PHOTOS = 32  # of a shard, by methods that take many passes
# Bytes of a batch, counted generously. Memory is kept throughout a run, so that a large batch costs no pages.
_WORKING_SET = 400e6
_MAPS_OF_SHARD = 200e6  # bytes
_LARGE_PHOTO = (2048, 2048)  # where photos are used as they are
_OF_A_LAYER = 16  # pixels of the input for a cell of a layer's map, at least, but for the first layers
_MOST_PRESENT = 8  # labels of a photo that are counted on


def run(
    clf: Classifier,
    photos: Any,
    store: str | os.PathLike[str],
    method: str | Method | Sequence[str | Method] = AUTO,
    target: Any = None,
    labels: Any = None,
    *,
    against: str | int | None = None,
    seed: int = 0,
    budget: int | float | str | None = None,
    batch_size: int | None = None,
    shard_size: int | None = None,
    edits: Sequence[Edit | None] = (),
    retry: bool = False,
    ray: str | None = None,
    progress: bool | runner.ProgressCallback | None = None,
    **settings: Any,
) -> Store:
    """Explain every photo, and store what was found. Killed at any moment, the same call goes on with the shard that it was at.

    photos : a folder (with all folders below it), a pattern ("photos/*/*.jpg"), a list of files, tar files ("shards/*.tar"), or a
        table (.csv, .tsv, .parquet) with a column path and maybe one label. Each may be a URL that fsspec knows ("s3://...").
        A ``ListedPhotos`` stands for its photos with their labels.
    store : a folder or a URL, new or of the same run. It holds ``manifest.json`` and Parquet files of ``shard_size`` photos.
    method, target, against, seed, budget : as for :func:`seewhy.explain`. target may also be "label", each photo's true class
        where no other target is that class; None: the predicted class, and with labels the true one. Of several methods each
        takes those of ``settings`` that it has; all of them see a photo that is read once.
    labels : the true classes: "folders", a file, a dictionary or a list (see ``seewhy.labels.read_labels``), or a table's column.
    batch_size : photos at once, of methods that take many passes masked copies. It is fixed, so that the same call gives the same
        numbers whatever memory is free.
    edits : what is changed in the photos (see ``seewhy.edits``): every photo stands in the store once for each of them, None for
        the photo as it is. The column ``edit`` says which row is which.
    ray : the machines that do it. None: this process; "auto": a Ray cluster that is running here, else a Ray of this machine
        alone; or a cluster's address ("ray://head:10001", "192.168.0.5:6379"). The rows are the same.
    shard_size : photos in a file, which is what a kill costs; None: 256, of methods that take many passes 32, of large maps as
        many as take 200 MB.
    retry : photos that could not be read are tried again. progress : as for :func:`seewhy.explain`, in photos, those of before
        among them; where stderr is no terminal, a line every half a minute.

    What is stored is not computed again, but for a shard that is broken, or of photos that were replaced since. Photos that
    cannot be read are listed in ``.unread``.
    Raises StoreError: the store belongs to another run (and in what it differs), another run is writing it, the disk is full;
    PhotoError: no photo, or none that can be read; what :func:`seewhy.explain` raises for a target, method or setting.
    """
    check_classifier(clf)
    check_photos(clf, "run")
    folder = _folder(store)
    if shard_size is not None and whole_number("shard_size", shard_size) > MOST_PHOTOS:
        raise OptionError(f"{setting('shard_size', shard_size)}: a shard has at most {MOST_PHOTOS} photos.")
    methods = _methods(method, settings)
    _check_target(target, against, clf.class_names())
    if ray is not None:
        check_address(ray)
    for name, own in methods:  # a mistake is named before the work
        checked = {} if name == AUTO else own  # "auto" needs a photo to choose by
        explain(
            clf,
            [],
            name,
            requested_of("top1" if target is None else target, 0),
            against=against,
            seed=seed,
            budget=budget,
            batch_size=batch_size,
            **checked,
        )
    batch_size = None if batch_size is None else whole_number("batch_size", batch_size)
    changes = _edit_records(edits)
    listed_photos = photos if isinstance(photos, ListedPhotos) else list_photos(photos, labels, clf.class_names())
    check_sources(listed_photos.root, listed_photos.paths, changes)
    spec = RunSpec(
        root=listed_photos.root.address,
        paths=repeated(listed_photos.paths, len(changes)),
        labels=repeated(listed_photos.labels, len(changes)),
        edits=[] if changes == [None] else Cycled(changes, len(listed_photos.paths)),
        methods=methods,
        target=_target(target, listed_photos, against),
        against=against,
        seed=seed,
        budget=budget,
        batch_size=batch_size or _batch_size(clf),
        copies=batch_size,
        shard_size=shard_size or _shard_size(clf, [name for name, _ in methods], _target(target, listed_photos, against)),
        embedding=embedding_layer(clf),
        members=None if listed_photos.members is None else repeated(listed_photos.members, len(changes)),
        queries=None if listed_photos.queries is None else repeated(listed_photos.queries, len(changes)),
    )
    wanted = manifest_of(clf, spec, listed_photos, folder)
    automatic = [name for name, asked in (("batch_size", batch_size), ("shard_size", shard_size)) if asked is None]
    (manifest, computed) = fill(clf, spec, wanted, folder, automatic, retry=retry, progress=progress, ray=ray)
    result = Store(folder, manifest, listed_photos.root)
    result.computed = computed
    if not len(result) and result.unread:
        raise PhotoError(f"None of the {len(spec.paths)} photos can be read. The first: {result.unread[0].reason}")
    return result


def _folder(store: Any) -> Folder:
    if not isinstance(store, (str, os.PathLike)) or not str(store):
        raise OptionError(f"{setting('store', store)}: write a folder.")
    return folder_at(store)


def _methods(method: Any, settings: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Names with their own settings. Raises OptionError for settings that none of them has."""
    named = list(method) if isinstance(method, (list, tuple)) else [method]
    if not named:
        raise OptionError("The list of methods is empty: name one, or leave it out.")
    for one in named:
        if not isinstance(one, (str, Method)):
            make_method(one, {})  # says what there is
    requested = list({_known_by(one): one for one in named}.values())
    methods: list[tuple[str, dict[str, Any]]] = []
    known: set[str] = set()
    for one in requested:
        if isinstance(one, Method):
            methods.append((one.name, {name: getattr(one, name) for name in one.setting_names()}))
            continue
        kinds = [METHODS[name] for name in (TAKEN if one == AUTO else (one,)) if name in METHODS]
        own = {name for kind in kinds for name in kind.setting_names()}
        known |= own if kinds else set(settings)  # explain names an unknown method
        methods.append((one, {name: value for name, value in settings.items() if name in own}))
    unknown = next((name for name in settings if name not in known), None)
    if unknown is not None:
        raise OptionError(
            f"None of {listed(name for name, _ in methods)} has a setting '{unknown}'.{did_you_mean(unknown, known)} They have "
            f"{listed(sorted(known), 20)}."
        )
    return methods


def _known_by(method: str | Method) -> Any:
    """What is the same for methods that are named twice; those with arrays among their settings are equal to themselves alone."""
    try:
        hash(method)
    except TypeError:
        return id(method)
    return method


def _edit_records(edits: Any) -> list[dict[str, Any] | None]:
    """The edits as plain data; None alone where there are none."""
    listed_edits = list(edits) if isinstance(edits, (list, tuple)) else [edits]
    wrong = next((edit for edit in listed_edits if edit is not None and not isinstance(edit, Edit)), None)
    if wrong is not None:
        raise OptionError(f"{setting('edits', wrong)}: write a list of edits, such as seewhy.edits.Fill(box=(0, 0, 0.2, 0.5)).")
    twice = [edit for number, edit in enumerate(listed_edits) if edit in listed_edits[:number]]
    if twice:
        words = "None, the photo as it is," if twice[0] is None else f"'{twice[0].words}'"
        raise OptionError(f"{setting('edits')}: {words} stands in the list twice, and so would every photo in the store.")
    return [None if edit is None else edit.record() for edit in listed_edits] or [None]


def _check_target(target: Any, against: str | int | None, classes: ClassNames) -> None:
    """Raises OptionError for what is no class, nor names some: None alone stands for what a run takes by itself; TargetError for
    a class that the network does not have."""
    targets = target if isinstance(target, (list, tuple)) else [] if target is None else [target]
    if target is not None and not (targets and all(isinstance(one, str) or is_whole_number(one) for one in targets)):
        raise OptionError(
            f"{setting('target')}: a run stores what was asked for: write class names, indices, 'top1', 'present' or 'label'."
        )
    check_classes((one for one in targets if one != LABEL), against, classes)


def _target(target: Any, photos: ListedPhotos, against: Any) -> Any:
    """What is asked of every photo."""
    labelled = any(label is not None for label in photos.labels)
    if target is None:
        return ["top1", LABEL] if labelled and against is None else "top1"
    if not labelled and LABEL in (target if isinstance(target, (list, tuple)) else [target]):
        raise OptionError(f"{setting('target', LABEL)}: no photo has a label. Give them: {setting('labels', 'folders')}.")
    return target


def _batch_size(clf: Classifier) -> int:
    """Photos at once, by the network alone: memory that is free today may not be free when the run goes on."""
    if clf.device.type != "cpu":
        return runner.MOST_ON_GPU
    if not clf.is_module or clf.input_size is None:
        return runner.MOST_ON_CPU
    return min(runner.MOST_ON_CPU, max(1, int(_WORKING_SET / max(1, clf.executor.planned().bytes_each))))


def _shard_size(clf: Classifier, names: Sequence[str], target: Any) -> int:
    """Photos in a shard, by what is asked for alone. An interrupted one is computed again: fewer of what takes many passes for
    each. All of its maps are held in memory: fewer of large ones."""
    sweeps = [METHODS[name].sweeps if name in METHODS else not clf.executor.form.is_open for name in names]
    pixels = math.prod(clf.input_size or _LARGE_PHOTO)
    cells = sum(
        pixels if many or (name in METHODS and METHODS[name].backward) else pixels // _OF_A_LAYER
        for name, many in zip(names, sweeps, strict=True)
    )
    classes = clf.class_names()
    scores = np.where(np.arange(len(classes.names)) < _MOST_PRESENT, 1.0, 0.0)
    targets = len(resolve(requested_of(target, len(classes.names) - 1), scores, classes))
    fitting = int(_MAPS_OF_SHARD / max(1, 2 * cells * targets))  # of float16
    return max(1, min(FEW_PHOTOS if any(sweeps) else MOST_PHOTOS, fitting))
