"""Take the strongest evidence away, classify again, and do the same with equally large regions elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import OptionError, is_number, setting, whole_number
from seewhy.evaluate.belonging import checked_maps
from seewhy.evaluate.masked import ranks_of, subject_of, target_values
from seewhy.evaluate.pointing import Mask
from seewhy.evaluate.references import laid_elsewhere
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import provenance
from seewhy.files import json_bytes, save_as
from seewhy.formatting import format_move, format_score, format_share, format_size
from seewhy.geometry import Array, map_on_photo
from seewhy.inpainting import inpaint
from seewhy.methods.fills import FILLS, fill_image, unknown_fill
from seewhy.records import Note, Photo, Prediction, Target
from seewhy.show import Panel, displayable, frame, layout, outline
from seewhy.show.colour import is_flat, stretched
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, rows_of
from seewhy.targets import PRESENT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 0.1  # of the network's input that is taken away
SURE = 0.05
LEAST = 0.01  # of a probability: a smaller fall is none that counts
FRAGILE = 0.05  # of the controls: where more of them turn the prediction, too, no place decides it
OVERLAP = 0.1  # of a control region that may lie on the evidence, beyond what chance puts there
INPAINT = "inpaint"
LEGIBLE = 600  # pixels of the longer side, in which an outline is drawn


@dataclass(frozen=True, eq=False)
class CropTest:
    """What the network says without the strongest evidence, and without equally large regions elsewhere.

    target : the class whose evidence was taken away, with its score for the whole photo. before, after : its score with and
    without it; compared with another class (``against``), the probability of the one among the two.
    prediction, prediction_after : the network's first choice before and after. region : bool ``(H, W)`` on the network's input.
    control_regions : bool ``(n, H, W)``: the region moved by fifths of each side, where it hardly touches the evidence; what
    leaves at one edge comes in at the other one. controls : float32 ``(n,)``, the class's score without each of them.
    control_predictions : n first choices. overlapping : float32 ``(m,)``, the class's score without each of the other places,
    which lie on more of the evidence.
    p : the share of all 25 such places, the region's own among them, without which the score falls at least as far. A place
    drawn at random is the worst of them once in 25 times.
    fill, seed : how it was done. number : which map of the explanation. head : how scores are read; with several labels
    ("sigmoid") what turns is whether the class is reported.
    drop : by how much the class's score fell, control_drop : on average without a control region. interval : where
    ``drop - drop of one more control region`` lies in 95 %, from the controls' spread.
    """

    target: Target
    before: float
    after: float
    prediction: Prediction
    prediction_after: Prediction
    controls: Array
    control_predictions: list[Prediction]
    overlapping: Array
    region: Mask
    control_regions: npt.NDArray[np.bool_]
    photo: Photo
    edited: Array
    edited_control: Array
    p: float
    fill: Any
    seed: int
    number: int = 0
    head: str = "softmax"
    footer: str = ""
    notes: list[str] = field(default_factory=list)

    suffixes: ClassVar = (*PICTURE_SUFFIXES, ".json")  # that :meth:`save` can write

    @property
    def labels(self) -> bool:
        """The network reports several labels, each above one half."""
        return self.head == "sigmoid"

    @property
    def drop(self) -> float:
        return self.before - self.after

    @property
    def control_drop(self) -> float:
        return self.before - float(self.controls.mean())

    @property
    def turned(self) -> bool:
        """Without the evidence the network's first choice is another one; of several labels, the class is no longer reported."""
        if self.labels:
            return (self.before > PRESENT) != (self.after > PRESENT)
        return self.prediction_after.index != self.prediction.index

    @property
    def controls_turned(self) -> float:
        """The share of the control regions without which it turns."""
        if self.labels:
            return float(np.mean((self.controls > PRESENT) != (self.before > PRESENT)))
        return float(np.mean([p.index != self.prediction.index for p in self.control_predictions]))

    @property
    def interval(self) -> tuple[float, float]:
        from scipy.stats import t

        difference = self.drop - self.control_drop
        count = len(self.controls)
        if count < 2:
            return -float("inf"), float("inf")
        half = float(t.ppf(0.975, count - 1)) * float(self.controls.std(ddof=1)) * (1 + 1 / count) ** 0.5
        return difference - half, difference + half

    @property
    def falls(self) -> bool:
        """The score falls, a probability by 0.01 or more."""
        return self.drop > 0 and (self.head == "none" or self.drop >= LEAST)

    @property
    def matters(self) -> bool:
        """The score falls, and by more than without an equally large region at any other place."""
        return self.falls and self.p <= SURE

    @property
    def fragile(self) -> bool:
        """The prediction turns without more than one in twenty of the control regions, too: almost anything turns it."""
        return self.controls_turned > FRAGILE

    @property
    def chosen(self) -> bool:
        """The target is the network's first choice, so that what turns is about it. Several labels stand each for itself."""
        return self.labels or self.target.index == self.prediction.index

    @property
    def decides(self) -> bool:
        """The place matters, without it the prediction turns away from the target, and hardly any control region turns it:
        at most one in twenty."""
        return self.matters and self.chosen and self.turned and not self.fragile

    @property
    def share(self) -> float:
        """Of the network's input that was taken away."""
        return float(self.region.mean())

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        count = len(self.controls)
        if not self.falls:
            return f"the score of '{self.target.text}' {'hardly falls' if self.drop > 0 else 'does not fall'}"
        if self.matters:
            counts = "this place counts for more than any other tried"
            if not self.chosen:
                return f"{counts}, but '{self.target.name}' is not the first choice"
            if not self.turned:
                return f"{counts}, but does not decide"
            if self.fragile:
                what = "report" if self.labels else "prediction"
                others = _of_places(round(self.controls_turned * count), count, "turn")
                return f"the score falls most here, but the {what} is fragile: {others} it, too"
            return "this place decides"
        if equal := int((self.controls <= self.after).sum()):
            return f"this may be chance: {_of_places(equal, count, 'do')} as much"
        equal = int((self.overlapping <= self.after).sum())
        beside = "a place that overlaps it does as much" if equal == 1 else f"{equal} places that overlap it do as much"
        clearly = self.interval[0] > 0
        return f"this place counts for {'more' if clearly else 'hardly more'} than any apart from it, but {beside}"

    @property
    def sentence(self) -> str:
        """The result, for people."""
        count = len(self.controls)
        if self.labels:
            (what, turned) = ("the report", "the report turns" if self.turned else "the report stays")
        elif self.chosen:
            what = "the prediction"
            turned = f"the prediction turns to '{self.prediction_after.name}'" if self.turned else "the prediction stays"
        else:
            (what, before) = ("that choice", f"'{self.prediction.name}'")
            to = f"turns from {before} to '{self.prediction_after.name}'" if self.turned else f"stays {before}"
            turned = f"the first choice {to}"
        return (
            f"Without the strongest {format_share(self.share)} of the photo {self._subject} "
            f"{format_move(self.before, self.after)} and {turned}. Equally large regions elsewhere leave '{self.target.text}' at "
            f"{format_score(float(self.controls.mean()))} on average and turn {what} in "
            f"{round(self.controls_turned * count)} of {count}. {self._title}"
        )

    @property
    def _title(self) -> str:
        return f"{self.verdict[:1].upper()}{self.verdict[1:]}."

    @property
    def _subject(self) -> str:
        return subject_of(self.target.text, self.target.against is not None, self.head)

    def record(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        facts = (
            "number",
            "head",
            "before",
            "after",
            "drop",
            "control_drop",
            "turned",
            "controls_turned",
            "p",
            "interval",
            "matters",
            "fragile",
            "chosen",
            "decides",
            "share",
            "verdict",
            "sentence",
        )
        return {
            "photo": self.photo.name,
            "target": vars(self.target),
            "prediction": vars(self.prediction),
            "prediction_after": vars(self.prediction_after),
            "controls": self.controls.tolist(),
            "control_predictions": [prediction.name for prediction in self.control_predictions],
            "overlapping": self.overlapping.tolist(),
            "fill": self.fill
            if isinstance(self.fill, (str, int, float, type(None)))
            else [float(v) for v in np.ravel(self.fill)],
            "seed": self.seed,
            "notes": [str(note) for note in self.notes],
            **{name: getattr(self, name) for name in facts},
        }

    def noted(self, explanation: Explanation) -> Explanation:
        """The explanation with the sentence among its notes and the numbers in its details, after those of other maps."""
        note = Note(self.sentence.rstrip("."), self.number if len(explanation.maps) > 1 else None)
        record = {name: value for name, value in self.record().items() if name != "photo"}
        records = [*explanation.details.get("crop_test", []), record]
        return replace(explanation, notes=[*explanation.notes, note], details=explanation.details | {"crop_test": records})

    def panels(self) -> list[Panel]:
        """The photo with the region, the photo without it, and the photo without a usual control region."""
        (pixels, region) = _enlarged(displayable(self.photo.original), self._on_photo(self.region))
        usual = int(np.argsort(self.controls)[len(self.controls) // 2])
        return [
            Panel(str(self.prediction), self._framed(outline(pixels, region)), "The strongest evidence, outlined."),
            Panel(
                f"without it: {self.prediction_after}",
                self._framed(self._edited_photo(self.edited, self.region)),
                f"{self._subject}: {format_score(self.before)} → {format_score(self.after)}",
            ),
            Panel(
                f"control: {self.control_predictions[usual]}",
                self._framed(self._edited_photo(self.edited_control, self.control_regions[usual])),
                f"'{self.target.text}': {format_score(float(self.controls[usual]))}, the middle one of {len(self.controls)}. "
                "The same shape elsewhere: what leaves at one edge comes in at the other one.",
            ),
        ]

    def plot(self) -> Figure:
        """The panels, with the verdict above and the sentence below."""
        footer = "\n".join(filter(None, (self.sentence, self.footer)))
        return layout.compose(rows_of(self.panels()), title=self._title, footer=footer)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, or the numbers (.json). All or nothing."""
        return save_as(path, {**picture_writers(self.plot), ".json": lambda: json_bytes(self.record())})

    def _framed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """With a line around what the network saw, where that is not all."""
        return frame(pixels, self.photo.geometry)

    def _on_photo(self, mask: Mask) -> Mask:
        on_photo = map_on_photo(mask.astype(np.float32)[None], self.photo.geometry, "nearest")[0]
        inside: Mask = np.nan_to_num(on_photo) > 0.5
        return inside

    def _edited_photo(self, edited: Array, mask: Mask) -> npt.NDArray[np.uint8]:
        """The photo with the edit laid on it, where it was made."""
        original = self.photo.original
        is_picture = original.dtype == np.uint8
        photo = displayable(original) if is_picture else original  # (H, W, C)
        where = self._on_photo(mask)
        display = self.photo.display
        if display is not None and max(display.bands) < len(edited):  # as the photo's own picture was made
            bands = np.moveaxis(edited[list(display.bands)], 0, -1)
            edited = np.moveaxis(stretched(bands, display.limits), -1, 0).astype(np.float32)
        if len(edited) not in (1, photo.shape[2]):
            return outline(displayable(original), where)
        on_photo = np.nan_to_num(np.moveaxis(map_on_photo(edited, self.photo.geometry), 0, -1))
        composed = np.where(where[:, :, None], on_photo, photo)
        return displayable(np.clip(np.round(composed), 0, 255).astype(np.uint8) if is_picture else composed.astype(np.float32))

    def __repr__(self) -> str:
        return f"<CropTest {self.sentence}>"


def crop_test(
    clf: Classifier,
    explanation: Explanation,
    *,
    share: float = SHARE,
    fill: Any = "mean",
    number: int = 0,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> CropTest:
    """Take the strongest evidence away and classify again; equally large regions elsewhere are the control.

    explanation : of this classifier; also a map of your own. share : of the network's input that is taken away, the strongest
    first; less where the map is positive on less. fill : what is seen instead: "mean", "black" (cut out), "blur", "noise",
    "inpaint" (continued smoothly from the border, never beyond its colours), a number or one per channel, from 0 to 255 (with
    ``preprocess=None`` in the tensor's own units).
    number : which map of the explanation. The controls are the same shape at up to 24 places, by fifths of each side.

    Raises OptionError: a map that is positive nowhere or the same everywhere, a share of less than a pixel, an explanation of
    another network; TargetError: the map of a function.
    """
    photo = checked_maps(clf, explanation)
    if not is_number(share) or not 0 < share <= 0.5:
        raise OptionError(
            f"{setting('share', share)}: write a share of the photo above 0, up to 0.5: elsewhere as much must be left."
        )
    seed = whole_number("seed", seed, 0)
    if not 0 <= number < len(explanation.maps):
        raise OptionError(f"{setting('number', number)}: the explanation has {len(explanation.maps)} maps, the first is 0.")
    map = explanation.on_input()[number]
    target = explanation.targets[number]
    if share * map.size < 1:
        raise OptionError(f"{setting('share', share)} of {format_size(map.shape)} pixels is less than one: write a larger share.")
    region = strongest_region(map, share, seed)
    if not region.any() or is_flat(map):
        what = "the same everywhere" if region.any() else "positive nowhere"
        raise OptionError(f"The map of '{target.name}' is {what}: there is no evidence that could be taken away.")
    (elsewhere, apart) = regions_elsewhere(region)
    regions = np.stack([region, *elsewhere])
    with memory.kept(), random_state(seed), runner.Progress(progress, len(regions) + 1, "Crop test") as bar:
        pixels = [photo.pixels, *(edit(clf, photo.pixels, mask, fill, seed) for mask in regions)]
        (scores, values, head) = _scores(clf, photo, pixels, target, batch_size, bar)
    first = [clf.predictions(row, 1)[0] for row in scores]
    controls = 2 + np.flatnonzero(apart)
    usual = int(controls[np.argsort(values[controls], kind="stable")[len(controls) // 2]])
    assert target.index is not None
    return CropTest(
        target=replace(target, score=float(scores[0, target.index])),
        before=float(values[0]),
        after=float(values[1]),
        prediction=first[0],
        prediction_after=first[1],
        controls=values[controls],
        control_predictions=[first[place] for place in controls],
        overlapping=values[2 + np.flatnonzero(~apart)],
        region=region,
        control_regions=regions[controls - 1],
        photo=photo,
        edited=pixels[1],
        edited_control=pixels[usual],
        p=float((values[1:] <= values[1]).mean()),
        fill=fill,
        seed=seed,
        number=number,
        head=head,
        footer=provenance(explanation),
    )


def _of_places(places: int, count: int, verb: str) -> str:
    """Some of the other places as the subject of a verb: "1 of 20 other places turns", "3 of 20 other places do"."""
    one = {"do": "does"}.get(verb, f"{verb}s")
    return f"{places} of {count} other places {one if places == 1 else verb}"


def _enlarged(pixels: npt.NDArray[np.uint8], mask: Mask) -> tuple[npt.NDArray[np.uint8], Mask]:
    """A small picture and its mask in larger squares, so that the line around the mask is thin beside what it surrounds."""
    times = max(1, LEGIBLE // max(mask.shape))
    return tuple(array.repeat(times, axis=0).repeat(times, axis=1) for array in (pixels, mask))  # type: ignore[return-value]


def strongest_region(map: Array, share: float, seed: int) -> Mask:
    """The strongest pixels of a map ``(H, W)``, as many as ``share`` of all, and only positive ones."""
    most = max(1, round(share * map.size))
    region: Mask = (ranks_of(map, seed) < most) & (map > 0)
    return region


def regions_elsewhere(region: Mask) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The same shape at 24 other places ``(24, H, W)``, and which of them hardly touch the region ``(24,)``.

    Raises OptionError where none of them does.
    """
    moved = laid_elsewhere(region)
    touched = (moved & region).sum(axis=(1, 2)) / region.sum()
    apart: npt.NDArray[np.bool_] = touched <= OVERLAP + region.mean()  # scattered regions meet by chance
    if not apart.any():
        raise OptionError(
            f"The evidence covers {format_share(float(region.mean()))} of the photo, and is spread so widely that no equally "
            f"large region lies elsewhere: a smaller {setting('share')}."
        )
    return moved, apart


def edit(clf: Classifier, pixels: Array, mask: Mask, fill: Any, seed: int) -> Array:
    """Pixels ``(C, H, W)`` of the network's input with the masked ones replaced. Raises OptionError for an unknown fill."""
    bytes_range = clf.executor.pixels_are_bytes
    if isinstance(fill, str) and fill not in (*FILLS, INPAINT):
        raise unknown_fill("fill", fill, bytes_range, (*FILLS, INPAINT))
    if isinstance(fill, str) and fill == INPAINT:
        return inpaint(pixels, mask)
    hidden = fill_image(pixels, fill, seed, bytes_range)
    return np.where(mask, hidden, pixels).astype(np.float32)


def _scores(
    clf: Classifier, photo: Photo, pixels: Sequence[Array], target: Target, batch_size: int | None, bar: runner.Progress
) -> tuple[Array, Array, str]:
    """The scores ``(n, classes)`` and the target's values ``(n,)`` of pixels that are the network's input already; the head."""
    clf = clf.beside(photo)
    executor = clf.executor
    copies = [replace(photo, pixels=values) for values in pixels]
    planned = executor.planned(executor.pixels(copies[:1])) if clf.is_module else None
    kind = ""

    def rows_of_batch(batch: Sequence[Photo]) -> tuple[Array, Array]:
        nonlocal kind
        output = executor.forward(executor.pixels(batch), planned=planned).output
        rows = clf.class_scores(output, len(batch))
        head = executor.head(planned, output)
        kind = head.kind
        bar.advance(len(batch))
        return head.scores(rows).float().cpu().numpy(), target_values(head, rows, target, "probability")

    size = executor.batch_size(batch_size, planned, len(copies))
    blocks = [block for _, block in runner.in_batches(copies, size, lambda p: p.pixels.shape, rows_of_batch)]
    (scores, values) = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return scores, values, kind
