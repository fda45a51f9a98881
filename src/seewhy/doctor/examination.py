"""One examination: a classifier, photos, perhaps their true classes; what checks ask for is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from seewhy.classifier import Classifier
from seewhy.doctor.findings import Attempt
from seewhy.doctor.preparations import Normalisation, PhotoFit, current_normalisation, with_fit
from seewhy.doctor.trials import Doubles, PrivateCopy, Trial
from seewhy.engine.dense_head import closing_activations
from seewhy.engine.network import MISFITS
from seewhy.errors import LayerError, MethodError, ModelError, OptionError, OutputError
from seewhy.head import Head
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess
from seewhy.records import Photo

MOST_PHOTOS = 64  # of more, so many spread over all
AGAIN = 16  # photos that go through again, to see whether the answer is the same
CUT = 1 / 16  # of each side, for the second look at a photo


class Examination:
    """What is examined.

    photos : read by ``clf``. true : their classes, None where not known. advance : hears how many photos went through.
    """

    def __init__(
        self,
        clf: Classifier,
        photos: Sequence[Photo],
        true: Sequence[int | None] | None = None,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.clf = clf
        self.photos = list(photos)
        self.true: npt.NDArray[np.intp] | None = None
        self.labelled: npt.NDArray[np.intp] = np.arange(len(photos))
        if true is not None:
            self.labelled = np.array([i for i, label in enumerate(true) if label is not None], dtype=np.intp)
            if len(self.labelled):
                self.true = np.array([label for label in true if label is not None], dtype=np.intp)
        self.subject = PrivateCopy(clf)
        self.attempts: list[Attempt] = []
        self.chosen: tuple[Normalisation | None, PhotoFit | None] | None = None  # the preparation that is believed
        self.colours_open = False  # whether red comes first or blue could not be told
        self.rival: dict[str, object] | None = None  # names in another order that explain the labels as well as a preparation
        self._advance = advance
        self._trials: dict[tuple[Normalisation | None, PhotoFit | None, bool], Trial | None] = {}
        self._pixels: dict[PhotoFit | None, list[torch.Tensor] | None] = {}

    # -- the network ------------------------------------------------------------------------------------------------------

    @cached_property
    def closing(self) -> tuple[str, ...]:
        """The softmaxes and sigmoids at the network's end, the last one first; empty where it cannot be watched."""
        if not self.clf.is_module:
            return ()
        try:
            trace = self.clf.executor.planned(self.clf.executor.pixels(self.photos[:1])).trace
        except (MethodError, OutputError, LayerError):
            return ()
        return closing_activations(trace.steps, trace.output)

    @property
    def outputs(self) -> Doubles:
        """``(N, K)`` of the photos as they are prepared now, as the network returned them. Raises ModelError, OutputError."""
        return self._needed(self.trial()).outputs

    @cached_property
    def ends_in_probabilities(self) -> bool:
        """True where outputs are probabilities of a softmax already, by the trace or by their values."""
        if self.closing[:1] == ("softmax",):
            return True
        head = Head("softmax")
        probes = torch.rand((2, *self.photos[0].pixels.shape), generator=torch.Generator().manual_seed(0)) * 4 - 2
        return not self.closing and all(
            head.look_like_probabilities(torch.from_numpy(rows)) and rows.shape[1] > 1
            for rows in (self.outputs, self.subject.run(probes).outputs)
        )

    def logits(self, trial: Trial) -> Doubles:
        """``(N, K)``: of probabilities their logarithm, of one logit the two sides."""
        rows = trial.outputs
        if self.closing[:2] == ("softmax", "softmax"):
            return np.log(np.maximum(inner_probabilities(rows), 1e-7))  # single precision leaves no smaller ones
        if self.ends_in_probabilities:
            return np.log(np.maximum(rows, 1e-30))
        if self.closing[:1] == ("sigmoid",):
            clipped = np.clip(rows, 1e-12, 1 - 1e-12)
            rows = np.log(clipped) - np.log1p(-clipped)
        return np.concatenate([-rows / 2, rows / 2], axis=1) if rows.shape[1] == 1 else rows

    def rename(self, places: npt.NDArray[np.intp]) -> None:
        """The true classes as outputs of the network, now that it is known which output has which name.

        places : for each name of the list, its output.
        """
        if self.true is not None:
            self.true = places[self.true]

    def shift(self, places: int) -> None:
        """The true classes so many outputs later: -1 where the list of names begins with one that has no output, 1 where the
        first output has no name. A photo of a name without an output counts as unlabelled."""
        if self.true is not None:
            moved = self.true + places
            self.labelled = self.labelled[moved >= 0]
            self.true = moved[moved >= 0]

    # -- preparations -----------------------------------------------------------------------------------------------------

    @cached_property
    def channels(self) -> int:
        """Of the input."""
        return int(self.photos[0].pixels.shape[0])

    @cached_property
    def is_tensor(self) -> bool:
        """True where photos are the network's own input."""
        return self.clf.preprocess is None

    @cached_property
    def pixel_scale(self) -> float:
        """By how much the photos' values are multiplied so that they are pixels of 0-255."""
        return 255.0 if self.is_tensor else 1.0

    @cached_property
    def normalisation(self) -> Normalisation:
        """The current one."""
        if self.clf.preprocess is None:
            return Normalisation("as it is now", (0.0,) * self.channels, (1.0,) * self.channels)
        return current_normalisation(self.clf.preprocess, self.channels)

    @cached_property
    def unit(self) -> tuple[float, float] | None:
        """Of pixels / 255 what black and white would be without the range; None where none is set, or photos differ in type."""
        ends = self.clf.preprocess.ends if isinstance(self.clf.preprocess, Preprocess) else None
        whites = {Picture(photo.original if photo.raw is None else photo.raw).full for photo in self.photos}
        if ends is None or len(whites) != 1:
            return None
        (low, high) = ends
        return -low / (high - low), (whites.pop() - low) / (high - low)

    @property
    def fit(self) -> PhotoFit | None:
        """How photos are laid into the input now; None where that cannot be changed."""
        return PhotoFit.of(self.clf.preprocess) if isinstance(self.clf.preprocess, Preprocess) else None

    def trial(self, normalisation: Normalisation | None = None, fit: PhotoFit | None = None, cut: bool = False) -> Trial | None:
        """The photos under a preparation (None: the current one), or a cut of each; None where the network refuses it.

        Raises what the network raises under the current preparation.
        """
        key = (normalisation, fit, cut)
        if key not in self._trials:
            pixels = self._pixels_at(fit)
            if pixels is None:
                self._trials[key] = None
            else:
                values = (normalisation or self.normalisation).apply
                inputs = [values(_cut(one[None]) if cut else one[None])[0] for one in pixels]
                try:
                    self._trials[key] = self._run(inputs)
                except (ModelError, OutputError):
                    if (normalisation, fit) == (None, None):
                        raise
                    self._trials[key] = None
                self._advance(len(inputs))
        return self._trials[key]

    def takes(self, fit: PhotoFit) -> bool:
        """Whether the network can run at a fit; the first photo tells."""
        try:
            photo = self._laid_in(self.photos[0], fit)
            self._run([self.normalisation.apply(torch.from_numpy(photo.pixels)[None].float() * self.pixel_scale)[0]])
        except (ModelError, OutputError, OptionError):
            return False
        self._advance(1)
        return True

    def _needed(self, trial: Trial | None) -> Trial:
        assert trial is not None
        return trial

    def _pixels_at(self, fit: PhotoFit | None) -> list[torch.Tensor] | None:
        """Each photo ``(C, h, w)``, 0-255; None where they cannot be laid in so."""
        if fit not in self._pixels:
            try:
                photos = self.photos if fit is None else [self._laid_in(photo, fit) for photo in self.photos]
                self._pixels[fit] = [torch.from_numpy(photo.pixels).float() * self.pixel_scale for photo in photos]
            except OptionError:
                self._pixels[fit] = None
        return self._pixels[fit]

    def some_pixels(self, most: int) -> list[torch.Tensor]:
        """The first photos ``(C, h, w)``, 0-255, as they are laid in now."""
        pixels = self._pixels_at(None)
        assert pixels is not None
        return pixels[:most]

    def repeated(self, seed: int) -> Doubles:
        """The outputs for the first photos once more, everything random in the network drawn from ``seed``."""
        inputs = [self.normalisation.apply(one[None])[0] for one in self.some_pixels(AGAIN)]
        return self._run(inputs, seed).outputs

    def _run(self, inputs: Sequence[torch.Tensor], seed: int = 0) -> Trial:
        """Raises ModelError for whatever the network says of an input that it cannot take."""
        try:
            return self.subject.run(inputs, seed)
        except (ModelError, OutputError):
            raise
        except MISFITS as error:
            raise ModelError(next(iter(str(error).strip().splitlines()), repr(error))) from error

    def _laid_in(self, photo: Photo, fit: PhotoFit) -> Photo:
        assert isinstance(self.clf.preprocess, Preprocess)
        values = photo.original if photo.raw is None else photo.raw
        (pixels, geometry, notes) = with_fit(self.clf.preprocess, fit).apply(Picture(values))
        return Photo(photo.original, pixels, geometry, photo.name, fit.text, notes, raw=photo.raw)

    @cached_property
    def photos_mean_std(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Of the photos' pixels, per channel, in units of [0, 1]."""
        pixels = self._pixels_at(None)
        assert pixels is not None
        unit = torch.cat([one.flatten(1).double() / 255 for one in pixels], dim=1)
        return tuple(unit.mean(1).tolist()), tuple(unit.std(1).tolist())

    def picture(self, photo: int, fit: PhotoFit | None) -> Photo:
        """One photo as the network would see it at a fit."""
        return self.photos[photo] if fit is None else self._laid_in(self.photos[photo], fit)


def inner_probabilities(rows: Doubles) -> Doubles:
    """What the softmax of a softmax was taken of: p = softmax(q) has q = log p + c, and q sums to 1."""
    logs = np.log(np.maximum(rows, 1e-30))
    inner: Doubles = logs + (1 - logs.sum(axis=1, keepdims=True)) / rows.shape[1]
    return inner


def _cut(pixels: torch.Tensor) -> torch.Tensor:
    """The middle of each photo, a sixteenth cut off at every side, enlarged again."""
    (height, width) = pixels.shape[2:]
    (rows, columns) = (max(1, round(height * CUT)), max(1, round(width * CUT)))
    inner = pixels[:, :, rows : height - rows, columns : width - columns]
    return torch.nn.functional.interpolate(inner, size=(height, width), mode="bilinear", align_corners=False)


def spread(count: int, most: int = MOST_PHOTOS) -> list[int]:
    """At most so many places of a list, spread over all of it."""
    return list(range(count)) if count <= most else [int(i) for i in np.linspace(0, count - 1, most)]
