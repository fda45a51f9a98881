"""What makes a run that run: its network, settings and photos, as plain values that stand in the manifest and can be compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine.fingerprint import weights_hash
from seewhy.engine.plan import unwrap
from seewhy.errors import OptionError, PhotoError, StoreError, setting
from seewhy.geometry import Array
from seewhy.load.from_onnx import OnnxNetwork
from seewhy.preprocess import Preprocess
from seewhy.store.manifest import Manifest
from seewhy.store.opening import printable
from seewhy.store.photos import ListedPhotos
from seewhy.store.places import Folder, seen_from
from seewhy.store.reading import preprocess_record
from seewhy.store.shard import RunSpec
from seewhy.store.store import Store

_PROBES = 4  # pictures whose scores tell two functions apart
_FIRST = 5  # classes of each picture whose scores are kept
_SUMS = 8  # of all scores, with random weights: the first classes alone may be the same
_CLOSE = 1e-3  # scores of the same function on other cores, or on another device, differ by less
_CLOSE_SUMS = 3e-3  # of the size of what is summed; with 11 bits instead of 24 the same function differs by up to 5e-4
_LEAST = 1e-12  # probabilities are told apart down to this one


def manifest_of(clf: Classifier, spec: RunSpec, listed_photos: ListedPhotos, folder: Folder, own_edits: bool = False) -> Manifest:
    """How a run would be recorded, before any shard. own_edits : each row has an edit of its own, which a hash stands for; else
    every photo stands there once for each of the same edits.

    Raises OptionError for a setting that cannot be recorded.
    """
    methods = [
        {"name": name, **{key: plain(key, value, clf.network) for key, value in own.items()}} for name, own in spec.methods
    ]
    return Manifest(
        model={
            "name": clf.name,
            "weights": weights_hash(clf.network) if clf.is_module else "",
            "file": clf.network.sha256 if isinstance(clf.network, OnnxNetwork) else None,
            "answers": answers(clf),
            "classes": clf.classes,
            "head": clf.head.kind,
            "output": f"the function {_name_of(clf.output)}" if callable(clf.output) else clf.output,
            "preprocessing": clf.describe_input(),
            "precision": clf.precision,
            "display": plain("display", clf.display),
            "dimensions": clf.dimensions,
            "explain": clf.explain,
            "inputs": plain("inputs", clf.inputs),
        },
        settings={
            "methods": methods,
            "target": plain("target", spec.target),
            "against": plain("against", spec.against),
            "seed": plain("seed", spec.seed),
            "budget": plain("budget", spec.budget),
            "batch_size": spec.batch_size,
            "copies": spec.copies,
            "shard_size": spec.shard_size,
            "embedding": spec.embedding,
        },
        photos={
            "root": seen_from(listed_photos.root, folder),
            "count": len(spec.paths),
            "edits": [] if own_edits else plain("edits", spec.edits[: len(spec.edits) // len(listed_photos.paths)]),
            **({"own_edits": _edits_hash(spec.edits)} if own_edits else {}),
            "paths": listed_photos.paths_hash,
            "labels": listed_photos.labels_hash,
        },
        preprocess=preprocess_record(clf.preprocess),
        notes=[str(note) for note in listed_photos.notes],
    )


def _edits_hash(edits: Sequence[Mapping[str, Any] | None]) -> str:
    return hashlib.sha256(json.dumps(list(edits), sort_keys=True).encode()).hexdigest()[:16]


def plain(name: str, value: Any, network: Any = None) -> Any:
    """A setting's value as it is read back from JSON, equal for equal values: layers by their names, arrays by their hash.

    Raises OptionError for what cannot be compared, such as a function.
    """
    if isinstance(value, (np.ndarray, torch.Tensor)):
        value = value.detach().cpu() if isinstance(value, torch.Tensor) else np.ascontiguousarray(value)
        if value.ndim:
            return _array_record(value)
    if isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such numbers, and nan is not equal to itself
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(name, one, network) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(name, one, network) for key, one in value.items()}
    if isinstance(value, nn.Module) and isinstance(network, nn.Module):
        layer = next((path for path, module in network.named_modules() if module is unwrap(value)), None)
        if layer is not None:
            return layer
        raise OptionError(f"{setting(name, type(value).__name__)} is no layer of this network: write its name.")
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()[:16]}
    raise OptionError(
        f"{setting(name)}: a run stores what was asked for, and cannot store a {type(value).__name__}: write names, numbers or "
        "arrays."
    )


def _array_record(array: np.ndarray[Any, Any] | torch.Tensor) -> dict[str, Any]:
    if isinstance(array, torch.Tensor):  # bfloat16, too, which numpy does not have
        (kind, content) = (str(array.dtype).removeprefix("torch."), array.contiguous().reshape(-1).view(torch.uint8).numpy())
    elif array.dtype.hasobject:
        raise OptionError("An array of objects cannot be stored with a run: write one of numbers.")
    else:
        (kind, content) = (str(array.dtype), array.reshape(-1).view(np.uint8))
    return {"shape": list(array.shape), "dtype": kind, "sha256": hashlib.sha256(content.data).hexdigest()[:16]}


def _name_of(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


def answers(clf: Classifier) -> list[dict[str, Any]] | None:
    """What fixed pictures are taken for, where a function belongs to the network: neither its name nor its place say what it
    does. See :func:`_answers_in`.

    None where everything is recorded otherwise, where no picture fits whatever the function wants, and for a function that does
    not answer twice the same.
    """
    functions = (
        not clf.is_module or callable(clf.output) or not (clf.preprocess is None or isinstance(clf.preprocess, Preprocess))
    )
    if not functions or clf.input_size is None:
        return None
    (height, width) = clf.input_size
    channels = getattr(clf.preprocess, "channels", 3)
    random = np.random.default_rng(0)
    pictures = []
    for number in range(_PROBES):  # from fine to coarse
        side = 4**number
        cells = random.integers(0, 256, (-(-height // side), -(-width // side), channels), np.uint8)
        picture = cells.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
        pictures.append(picture[:, :, 0] if channels == 1 else picture)
    try:
        (first, second) = (_answers_in(clf.scores(pictures, batch_size=1), clf.head.kind) for _ in range(2))
    except PhotoError:  # another reader, other inputs that each photo brings itself
        return None
    if not all(map(_same_first, first, second)):
        return None
    # The logarithms of small scores may jitter where the large ones stand still.
    return [answer if _same_sums(answer, again) else answer | {"sums": None} for answer, again in zip(first, second, strict=True)]


def _answers_in(scores: Array, head: str) -> list[dict[str, Any]]:
    """Of each picture the first classes with their scores; and ``sums``, with random weights, of the log-odds of all scores, with
    the size of these.

    Of a softmax that is sure nearly all scores are next to nothing, whichever function it is: log-odds tell them apart.
    """
    values = scores.astype(np.float64)
    if head != "none":
        probabilities = values.clip(_LEAST, 1 - 1e-4)  # float32 has no more digits below 1
        values = np.log(probabilities / (1 - probabilities))
    weights = np.random.default_rng(1).uniform(-1, 1, (_SUMS, scores.shape[1]))
    found = []
    for row, made_of in zip(scores, values, strict=True):
        first = np.argsort(-row, kind="stable")[:_FIRST]
        found.append(
            {
                "classes": first.tolist(),
                "scores": [_rounded(row[number]) for number in first],
                "sums": [_rounded(sum) for sum in weights @ made_of / len(made_of) ** 0.5],
                "size": _rounded(np.sqrt(np.mean(made_of**2))),
            }
        )
    return found


def _rounded(number: float) -> float:
    return float(f"{number:.6g}")


def differences_of(manifest: Manifest, wanted: Manifest, folder: Folder, paths: Sequence[str]) -> list[str]:
    """What makes the wanted run another one than the store's, in words. paths : of the photos that are wanted."""
    wanted = dataclasses.replace(wanted, model=dict(wanted.model), photos=dict(wanted.photos))
    if _same_answers(manifest.model.get("answers"), wanted.model["answers"]):
        wanted.model["answers"] = manifest.model.get("answers")
    named = ""
    if manifest.photos.get("paths") != wanted.photos["paths"] and (named := _other_photos(folder, manifest, paths)):
        wanted.photos["paths"] = manifest.photos.get("paths")  # two hashes say less than two names
    return manifest.differences(wanted) + [named] * bool(named)


def _same_answers(there: Any, here: Any) -> bool:
    """True where two networks may be the same one: what is not known is no difference."""
    try:
        pairs = list(zip(there, here, strict=True))
        return all(_same_first(old, new) and _same_sums(old, new) for old, new in pairs)
    except (TypeError, KeyError, ValueError):  # None, or answers of another form, as a store of before has them
        return True


def _same_first(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the first classes of two answers have the same scores."""
    (scores, other_scores) = (dict(zip(answer["classes"], answer["scores"], strict=True)) for answer in (one, other))
    (last, other_last) = (min(found.values()) for found in (scores, other_scores))
    for number in {*scores, *other_scores}:
        # A class that only one of them names has in the other no more than the last score there.
        score = scores[number] if number in scores else min(last, other_scores[number])
        other_score = other_scores[number] if number in other_scores else min(other_last, scores[number])
        if not np.isclose(score, other_score, _CLOSE, _CLOSE, equal_nan=True):
            return False
    return True


def _same_sums(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["sums"] is None or other["sums"] is None:
        return True
    size = max(one["size"], other["size"])
    return bool(np.allclose(one["sums"], other["sums"], 0, _CLOSE_SUMS * size, equal_nan=True))


def _other_photos(folder: Folder, manifest: Manifest, paths: Sequence[str]) -> str:
    """The first photo that only the store knows, and the first that only the list knows; empty where that cannot be said."""
    try:
        stored = _stored_paths(folder, manifest)
    except StoreError:  # broken: the hashes are left
        return ""
    (known, listed_paths) = (set(stored), list(map(printable, paths)))
    here = set(listed_paths)
    missing = min((path for path in stored if path not in here), default=None)
    # Of photos behind the last one of the first shards without a gap nobody knows whether they were in the list.
    new = next(
        (path for path in listed_paths if path not in known and (path <= max(stored, default="") or _all_in(manifest))), None
    )
    found = [f"'{path}' is only {where}" for path, where in ((missing, "there"), (new, "here")) if path is not None]
    return f"of the photos {' and '.join(found)}" if found else ""


def _all_in(manifest: Manifest) -> bool:
    return len(manifest.shards) == len(manifest.numbers)


def _stored_paths(folder: Folder, manifest: Manifest) -> list[str]:
    """Of the photos in the first shards, up to the first that is missing. Raises StoreError."""
    first = next((number for number in manifest.numbers if number not in manifest.shards), len(manifest.numbers))
    begun = dataclasses.replace(manifest, shards={number: manifest.shards[number] for number in range(first)})
    store = Store(folder, begun, None)
    return [*store.to_arrow(["path"])["path"].to_pylist(), *(photo.path for photo in store.unread)]
