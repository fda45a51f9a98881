"""An embedding as one interactive page: its own script, pictures inside, nothing fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.classifier import Classifier
from seewhy.errors import MethodError, OptionError, SeewhyError, listed
from seewhy.explain import explain, make_method
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import drawable
from seewhy.explanation.notes import notes_by_map
from seewhy.features.embedding import EmbeddingRecord
from seewhy.features.folder import listing, reduced
from seewhy.features.known import KnowsFeatures
from seewhy.features.scatter import caption, grouping, heading, marks
from seewhy.formatting import as_sentences, format_score
from seewhy.geometry import map_on_photo
from seewhy.methods.auto import AUTO
from seewhy.records import Photo
from seewhy.show import overlay
from seewhy.show.colour import limits
from seewhy.show.html import environment, joined_script, jpeg_uri, source_hash

MOST_EXPLAINED = 300  # about 10 MB of pictures
MOST_LISTED = 60  # misclassified photos below the plot
NEAR = 5
LONGEST = 360  # pixels of an explained photo
BATCH = 16
_MARGIN = 40.0  # of the plot's 1000 units across
_LOWEST = 600.0
_HERE = Path(__file__).parent


def page(
    embedding: EmbeddingRecord,
    clf: Classifier | KnowsFeatures | None = None,
    method: str = AUTO,
    photos: Any = None,
    title: str | None = None,
    **settings: Any,
) -> str:
    """The page as text.

    clf : the network, to put an explanation behind every point: for the predicted class, and where that is wrong for the true
        one, too. Photos are read again for it. Of more than 300 photos the misclassified ones come first, and the page says so.
        Of an embedding of a store that store: what it explained is shown, by ``method`` where it has several.
    method, settings : of ``seewhy.explain``. photos : in the order of ``embed``, for files that have moved
        since; else each photo is read from its file, or taken as it was given.
    """
    explained: dict[int, list[dict[str, str]]] = {}
    unread = 0
    if isinstance(clf, KnowsFeatures):
        if photos is not None or settings:
            raise OptionError(f"{listed(['photos', *settings])}: a store is shown as it is; only method= chooses among its maps.")
        explained = _stored(embedding, clf, method)
    elif clf is not None:
        (explained, unread) = _explained(embedding, clf, method, photos, settings)
    script = joined_script(_HERE / "templates" / "scatter.js")
    thumbs = [jpeg_uri(thumbnail, 80) for thumbnail in embedding.thumbnails]
    wrong = [int(i) for i in np.flatnonzero(embedding.wrong)]
    (places, height) = _places(embedding.points)
    notes = [caption(embedding)]
    if clf is not None and len(explained) < len(embedding):
        left = "" if not unread else f"; {unread} could not be read again"
        notes.append(f"Explanations are in for {len(explained)} of {len(embedding)} photos, misclassified ones first{left}.")
    none = "No explanation is in the page for this photo." if clf is not None else "The page was saved without explanations."
    return (
        environment(_HERE / "templates")
        .get_template("scatter.html")
        .render(
            title=title or heading(embedding),
            provenance="  ·  ".join(filter(None, (embedding.model, embedding.layer, embedding.method, embedding.preprocessing))),
            caption=" ".join(notes),
            promise="its explanation, and the photos nearest to it." if explained else "the photo, and the photos nearest to it.",
            policy="default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src {source_hash(script)}; base-uri 'none'; form-action 'none'",
            count=len(embedding),
            wrong=len(wrong),
            known=sum(label is not None for label in embedding.labels),
            label_kind="group" if embedding.grouped else "true class",
            mistakes=[
                {
                    "number": i,
                    "thumb": thumbs[i],
                    "label": embedding.labels[i],
                    "prediction": embedding.predictions[i].name,
                    "name": embedding.names[i],
                }
                for i in wrong[:MOST_LISTED]
            ],
            skipped=embedding.skipped,
            rows=[
                {"name": name, "label": label, "prediction": prediction.name, "score": format_score(prediction.score)}
                for name, label, prediction in zip(embedding.names, embedding.labels, embedding.predictions, strict=True)
            ],
            data=_data(embedding, places, thumbs, explained, none),
            height=round(height),
            script=script,
        )
    )


def _data(
    embedding: EmbeddingRecord,
    places: npt.NDArray[np.float64],
    thumbs: list[str],
    explained: dict[int, list[dict[str, str]]],
    none: str,
) -> dict[str, Any]:
    """The data of the page's script."""
    groups = grouping(embedding)
    group_of = {i: number for number, group in enumerate(groups) for i in group.members}
    (features, pixels) = (embedding.nearest(NEAR, "features"), embedding.nearest(NEAR, "pixels"))
    count = len(embedding)
    photos = []
    for i, prediction in enumerate(embedding.predictions):
        label = embedding.label_indices[i]
        photos.append(
            {
                "x": round(float(places[i, 0]), 1),
                "y": round(float(places[i, 1]), 1),
                "name": embedding.names[i],
                "label": embedding.labels[i],
                "own": ""
                if label is None or np.isnan(embedding.scores[i, label])
                else format_score(float(embedding.scores[i, label])),
                "prediction": prediction.name,
                "score": format_score(prediction.score),
                "wrong": bool(embedding.wrong[i]),
                "group": group_of[i],
                "thumb": thumbs[i],
                "features": features[i].tolist(),
                "pixels": pixels[i].tolist(),
                "explained": explained.get(i, []),
            }
        )
    return {
        "photos": photos,
        "groups": [
            {"name": group.name, "colour": group.colour, "shape": shape, "count": len(group.members)}
            for group, shape in zip(groups, marks(embedding), strict=True)
        ],
        "layer": embedding.layer,
        "radius": round(float(np.clip(160 / count**0.5, 3.5, 10)), 1),
        "side": round(float(np.clip(520 / count**0.5, 14, 90)), 1),
        "none": none,
    }


def _places(points: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], float]:
    """The points in a plot 1000 units wide, y downwards, the aspect kept; and its height."""
    (low, high) = (points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64))
    scale = (1000 - 2 * _MARGIN) / max(float((high - low).max()), 1e-12)
    height = max(_LOWEST, float(high[1] - low[1]) * scale + 2 * _MARGIN)
    placed: npt.NDArray[np.float64] = (500, height / 2) + (points - (low + high) / 2) * scale * (1, -1)
    return placed, height


def _explained(
    embedding: EmbeddingRecord, clf: Classifier, method: str, photos: Any, settings: dict[str, Any]
) -> tuple[dict[int, list[dict[str, str]]], int]:
    """The explanations' pictures by photo, and how many photos could not be read again."""
    by_class = method == AUTO or make_method(method, settings).by_class  # a wrong name is said before the work
    if len(clf.class_names()) != embedding.scores.shape[1]:
        raise OptionError(
            f"This network has {len(clf.class_names())} classes, the embedding was made by one with {embedding.scores.shape[1]}: "
            "give the same one."
        )
    again = None if photos is None else listing(photos)
    wrong = embedding.wrong
    order = _chosen(wrong)
    pictures: dict[int, list[dict[str, str]]] = {}
    unread = 0
    for start in range(0, len(order), BATCH):
        chunk: list[tuple[int, Photo]] = []
        for i in order[start : start + BATCH]:
            try:
                source = _source(embedding, i) if again is None else again[embedding.numbers[i]].photo
                chunk.append((i, clf.read(source)))
            except (SeewhyError, IndexError):
                unread += 1
        targets = [[embedding.predictions[i].index, *([embedding.label_indices[i]] if wrong[i] else [])] for i, _ in chunk]
        target = targets if by_class else "top1"
        explanations = explain(clf, [photo for _, photo in chunk], method, target, progress=False, **settings) if chunk else []
        for (i, _), explanation in zip(chunk, explanations, strict=True):
            pictures[i] = _pictures(explanation, embedding.predictions[i].index, bool(wrong[i]))
    return pictures, unread


def _chosen(wrong: npt.NDArray[np.bool_]) -> list[int]:
    """The photos that are explained: misclassified ones first, of the others an even sample."""
    rest = np.flatnonzero(~wrong)
    more = max(0, MOST_EXPLAINED - int(wrong.sum()))
    if len(rest) > more:
        rest = rest[np.linspace(0, len(rest) - 1, more).astype(int)] if more else rest[:0]
    return [int(i) for i in [*np.flatnonzero(wrong)[:MOST_EXPLAINED], *rest]]


def _stored(embedding: EmbeddingRecord, store: KnowsFeatures, method: str) -> dict[int, list[dict[str, str]]]:
    """The pictures of explanations that were made before, by photo. Raises MethodError for a method that is not among them."""
    pictures = {}
    for i in sorted(_chosen(embedding.wrong)):  # in the store's order: each of its parts is read once
        explanations = store.explanations(embedding.numbers[i])
        explanation = next((e for e in explanations if method in (AUTO, e.method)), None)
        if explanation is None:
            raise MethodError(f"The store has no map by {method!r}, but by {listed(e.method for e in explanations)}.")
        pictures[i] = _pictures(explanation, embedding.predictions[i].index, bool(embedding.wrong[i]))
    return pictures


def _source(embedding: EmbeddingRecord, i: int) -> Any:
    """What photo i is read from: its file, or what was given."""
    path = embedding.paths[i]
    return embedding.sources[i] if path is None and embedding.sources is not None else path


def _pictures(explanation: Explanation, predicted: int, wrong: bool) -> list[dict[str, str]]:
    """One overlay for each target, all on one colour scale; a single one where the map does not depend on the target."""
    photo = reduced(explanation.photo, LONGEST)
    count = len(explanation.maps) if explanation.by_class else 1
    on_photo = map_on_photo(explanation.maps[:count], photo.geometry, sample_grid=explanation.sample_grid)
    maps = [drawable(values, explanation.units) for values in on_photo]
    ranges = limits(maps, signed=explanation.signed)
    (own, general) = notes_by_map(explanation)
    pictures = []
    for target, values, span, notes in zip(explanation.targets, maps, ranges, own, strict=False):
        pixels = overlay(photo.original, values, limits=span, signed=explanation.signed)
        which = "" if not wrong else ", the prediction" if target.index == predicted else ", the true class"
        title = (
            f"What speaks for {target}{which}: {explanation.method}."
            if explanation.by_class
            else f"{explanation.method}, no class."
        )
        title = " ".join(filter(None, (title, as_sentences([*notes, *general]))))
        pictures.append({"title": title, "picture": jpeg_uri(pixels, 82)})
    return pictures
