"""A network with everything that belongs to it: preprocessing, class names, the meaning of its output."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.classes import ClassNames
from seewhy.engine import runner
from seewhy.engine.network import CLOSED, PlannedNetwork
from seewhy.engine.plan import unwrap
from seewhy.engine.probe import Run
from seewhy.engine.steps import Step
from seewhy.errors import (
    ClassesError,
    LayerError,
    MethodError,
    ModelError,
    OptionError,
    OutputError,
    PhotoError,
    did_you_mean,
    listed,
)
from seewhy.geometry import Array, Geometry
from seewhy.head import Head, describe
from seewhy.photo import Picture, open_picture
from seewhy.preprocess import Preprocess, prepares
from seewhy.records import FeatureLayer, Photo, Prediction
from seewhy.targets import rank_order

PRECISIONS = ("exact", "fast")


class Classifier:
    """A classifier that can be asked: what is it (``classify``), and through ``seewhy.explain``, why.

    network : an ``nn.Module``, or any callable ``(N, C, H, W)`` float tensor -> ``(N, K)`` tensor or array (black-box
        methods only). Wrappers (DataParallel, torch.compile) are taken off. It is never changed.
    preprocess : ``seewhy.Preprocess``, a torchvision, timm or Hugging Face transform, or None: photos are then tensors of
        the network's own input, used as they are.
    classes : names in index order, a list or a file with one a line. None: "class 0", "class 1" ...
    head : "softmax", "sigmoid" (several labels), "binary" (one logit, two classes), "none" (outputs are scores already).
    output : key, index or function that picks the class scores out of what the network returns.
    device : where to run, e.g. "cuda"; moves the network. None: where its weights are.
    precision : "exact", or "fast" (bfloat16 where it pays; the deviation is recorded).
    """

    def __init__(
        self,
        network: Any,
        preprocess: Any = None,
        classes: Any = None,
        head: str = "softmax",
        output: str | int | Callable[[Any], Any] | None = None,
        device: str | torch.device | None = None,
        precision: str = "exact",
    ) -> None:
        if not callable(network):
            raise ModelError(f"A network cannot be a {type(network).__name__}: give an nn.Module or a function.")
        if precision not in PRECISIONS:
            raise OptionError(f"precision={precision!r}: write 'exact' or 'fast'.")
        self.network = unwrap(network)
        self.preprocess = prepares(preprocess)
        self.head = Head(head)
        self.precision = precision
        self.name = type(self.network).__name__ if self.is_module else getattr(network, "__name__", "function")
        self.returns_probabilities = False  # seen on the last output: the network ends in a softmax of its own
        self.output = output
        self._names = None if classes is None else ClassNames.read(classes)
        self._numbered = classes is None
        self._lock = threading.RLock()
        self._planned: PlannedNetwork | None = None
        if device is not None and self.is_module:
            try:
                self.network.to(device)
            except (RuntimeError, AssertionError) as error:
                raise OptionError(f"device={str(device)!r} cannot be used: {str(error).splitlines()[0]}") from error
        self._device = None if device is None else torch.device(device)

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def is_module(self) -> bool:
        """False for a callable: only its answers can be seen."""
        return isinstance(self.network, nn.Module)

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(H, W) of the network's input, None where photos are used as they are."""
        return None if self.preprocess is None else self.preprocess.input_size

    @property
    def classes(self) -> list[str]:
        """The class names in index order."""
        return list(self.class_names().names)

    @property
    def given_classes(self) -> ClassNames | None:
        """The names somebody gave; None where they are numbered."""
        return None if self._numbered else self._names

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        if self._device is not None:
            return self._device
        return next((tensor.device for _, tensor in self._named_tensors()), torch.device("cpu"))

    @property
    def feature_layer(self) -> str:
        """The layer that is explained when none is named. See :meth:`layers`."""
        planned = self.planned()
        return planned.trace.name(planned.feature_step())

    def __repr__(self) -> str:
        count = "?" if self._names is None else len(self._names)
        return f"<Classifier {self.name}: {count} classes, {self.describe_input()}>"

    def describe_input(self) -> str:
        """The preprocessing in words."""
        return "none: the tensor is used as it is" if self.preprocess is None else self.preprocess.describe()

    def with_preprocess(self, **changes: Any) -> Classifier:
        """The same network with another preparation: ``clf.with_preprocess(crop=False)``. Takes Preprocess's fields."""
        known = [field.name for field in dataclasses.fields(Preprocess)]
        unknown = next((name for name in changes if name not in known), None)
        if unknown is not None:
            raise OptionError(f"Preprocess has no '{unknown}'.{did_you_mean(unknown, known)} It has {listed(known)}.")
        if self.preprocess is not None and not isinstance(self.preprocess, Preprocess):
            raise OptionError(f"The preprocessing is {self.describe_input()}: it cannot be changed piece by piece.")
        changes = changes if self.preprocess is not None else {"channels": self._first_channels() or 3} | changes
        made = Classifier(
            self.network,
            preprocess=dataclasses.replace(self.preprocess or Preprocess(), **changes),
            classes=self.given_classes,
            head=self.head.kind,
            output=self.output,
            device=self._device,
            precision=self.precision,
        )
        made.name = self.name
        return made

    def class_names(self) -> ClassNames:
        """The names; counted on a blank input where nobody has given any."""
        if self._names is None:
            if self.input_size is None:
                raise ClassesError(
                    "The number of classes is not known before the first photo: give Classifier(classes=[...]), or classify "
                    "a photo first."
                )
            self.scores(Picture(np.zeros((*self.input_size, 3), np.uint8)))
        assert self._names is not None
        return self._names

    # -- photos in, scores out ----------------------------------------------------------------------------------------

    def read(self, photo: Any) -> Photo:
        """The photo as the network sees it, and where that lies on the original.

        Raises PhotoError for what cannot be read or does not fit (see ``seewhy.photo.open_picture``).
        """
        told_apart = self.preprocess is None or isinstance(self.preprocess, Preprocess)  # by their words; transforms are not
        if isinstance(photo, Photo) and told_apart and photo.preprocessing == self.describe_input():
            return photo  # read already, by this classifier or one that prepares alike
        if self.preprocess is None:
            return self._read_tensor(photo)
        picture = open_picture(photo)
        (pixels, geometry, notes) = self.preprocess.apply(picture)
        self._check_channels(pixels.shape[0])
        original = picture.values
        if original.dtype != np.uint8:
            original = np.asarray(picture.image()) if original.shape[2] in (1, 3) else original
        return Photo(original, pixels, geometry, picture.name, self.describe_input(), (*picture.notes, *notes))

    def _read_tensor(self, photo: Any) -> Photo:
        if isinstance(photo, Photo):
            photo = photo.pixels
        if not isinstance(photo, (torch.Tensor, np.ndarray)) or photo.dtype in (torch.uint8, np.uint8):
            what = "a uint8 picture" if isinstance(photo, (torch.Tensor, np.ndarray)) else f"a {type(photo).__name__}"
            raise PhotoError(
                "This classifier has no preprocessing, so it takes float tensors (C, H, W) of the network's own input, not "
                f"{what}: build it with preprocess=seewhy.Preprocess(size=..., mean=..., std=...)."
            )
        values = np.array(photo.detach().cpu().float().numpy() if isinstance(photo, torch.Tensor) else photo, dtype=np.float32)
        if values.ndim != 3 or 0 in values.shape:
            raise PhotoError(f"The tensor has shape {tuple(values.shape)}: one photo is (C, H, W).")
        if not np.isfinite(values).all():
            raise PhotoError("The tensor holds values that are not finite (NaN or infinity): repair them first.")
        self._check_channels(values.shape[0])
        size = (values.shape[1], values.shape[2])
        original = np.ascontiguousarray(values.transpose(1, 2, 0))
        return Photo(original, values, Geometry.whole(size), "tensor", self.describe_input())

    def read_all(self, photos: Any) -> list[Photo]:
        """A photo, a list of photos, or a batch tensor ``(N, C, H, W)``, read."""
        return [self.read(photo) for photo in photo_list(photos)]

    def scores(self, photos: Any, batch_size: int | None = None) -> Array:
        """``(N, K)`` probabilities (with head "none": the values themselves); (1, K) for one photo."""
        return self._answers(photos, batch_size, self.head.scores)

    def logits(self, photos: Any, batch_size: int | None = None) -> Array:
        """``(N, K)``, what the probabilities are made of; for one logit, minus it and it."""
        return self._answers(photos, batch_size, self.head.logits)

    def _answers(self, photos: Any, batch_size: int | None, of: Callable[[torch.Tensor], torch.Tensor]) -> Array:
        read = self.read_all(photos)
        if not read:
            return np.zeros((0, len(self.class_names())), np.float32)

        planned = self.planned(self.inputs(read[:1])) if self.is_module else None

        def work(batch: Sequence[Photo]) -> Array:
            output = self.run(self.inputs(batch), planned=planned).output
            answers: Array = of(self.checked(output)).float().cpu().numpy()
            if len(answers) != len(batch):
                raise OutputError(
                    f"The network returned {len(answers)} rows of scores for {len(batch)} photos: one row per photo."
                )
            return answers

        size = self.batch_size(batch_size, planned, len(read))
        return np.concatenate([rows for _, rows in runner.in_batches(read, size, lambda p: p.pixels.shape, work)])

    def classify(self, photo: Any, k: int = 3) -> Any:
        """The k most probable classes of a photo, best first; for a list of photos, a list of such lists."""
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise OptionError(f"k={k!r}: write how many classes, a whole number above 0.")
        rows = [self.predictions(row, k) for row in self.scores(photo)]
        return rows if is_many(photo) else rows[0]

    def predictions(self, scores: Array, k: int) -> list[Prediction]:
        """The k largest of one row of scores, ties in class order."""
        names = self.class_names().names
        return [Prediction(names[i], int(i), float(scores[i])) for i in rank_order(scores)[:k]]

    # -- running the network --------------------------------------------------------------------------------------------

    def inputs(self, photos: Sequence[Photo]) -> torch.Tensor:
        """The photos' pixels, ``(N, C, h, w)``, on the network's device, not yet normalised."""
        pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos]))
        dtype = next((tensor.dtype for _, tensor in self._named_tensors() if tensor.is_floating_point()), torch.float32)
        return pixels.to(self.device, torch.float64 if dtype == torch.float64 else torch.float32)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels to what the network was trained on; differentiable."""
        return pixels if self.preprocess is None else self.preprocess.normalise(pixels)

    def planned(self, pixels: torch.Tensor | None = None) -> PlannedNetwork:
        """The network ready to be run and looked into; made anew whenever the network has changed.

        pixels : ``(N, C, h, w)``, for their shape; None takes the last shape, or a blank photo of the network's input size.
        Raises MethodError for a callable.
        """
        if not self.is_module:
            raise MethodError(CLOSED.format("a function"))
        with self._lock:
            known = self._planned
            if known is not None and (pixels is None or known.suits(pixels.shape[1:])) and known.is_fresh():
                return known
            if pixels is None:
                if self.input_size is None:
                    raise LayerError("The layers' grids depend on the photo: ask clf.layers(photo) first.")
                pixels = self.inputs([self.read(Picture(np.zeros((*self.input_size, 3), np.uint8)))])
            # Noise: on a real photo a head could average by chance, on a blank one every head would.
            noise = torch.rand((2, *pixels.shape[1:]), generator=torch.Generator().manual_seed(0)).to(pixels)
            trial = self.normalised(noise * 255 if self.preprocess is not None else noise * 4 - 2)
            self._planned = PlannedNetwork(self.network, trial, self.pick, self.precision, self.name)
            return self._planned

    def run(
        self,
        pixels: torch.Tensor,
        steps: tuple[Step, ...] = (),
        graph: bool = False,
        planned: PlannedNetwork | None = None,
    ) -> Run:
        """Normalise ``(N, C, h, w)`` pixels, run the network and take the results of ``steps`` (see ``engine.probe``).

        planned : what :meth:`planned` gave a moment ago; looking for changes once per call is enough.
        """
        if self.is_module:
            return (planned or self.planned(pixels)).run(self.normalised(pixels), steps, graph)
        return Run(self.answer(self.normalised(pixels)), ())

    def answer(self, inputs: torch.Tensor) -> Any:
        """What a callable gives for ``(N, C, h, w)`` of its own inputs."""
        with torch.no_grad():
            output = self.pick(self.network(inputs))
        if not isinstance(output, (np.ndarray, list)):
            return output
        try:
            return torch.from_numpy(np.asarray(output, dtype=np.float32))
        except (ValueError, TypeError) as error:  # rows of different lengths, words
            raise OutputError(f"The network returned a {type(output).__name__} that is no table of numbers: {error}.") from error

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised, and in the precision of a network that has been made half as wide."""
        with torch.inference_mode(False), torch.no_grad():
            inputs = self.normalise(pixels.detach().clone())
            dtype = next((tensor.dtype for _, tensor in self._named_tensors() if tensor.is_floating_point()), inputs.dtype)
            return inputs.to(dtype) if dtype in (torch.float16, torch.bfloat16) else inputs

    def pixel_gradient(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """A gradient with respect to the network's inputs, ``(N, C, h, w)``, as one with respect to the pixels, float32."""
        if self.preprocess is None:
            return gradient.float()
        with torch.inference_mode(False), torch.enable_grad():
            leaf = pixels.detach().clone().requires_grad_()
            (pulled,) = torch.autograd.grad(self.normalise(leaf), leaf, gradient.to(leaf.dtype))
        return pulled.float()

    def pick(self, output: Any) -> Any:
        """The class scores out of what the network returns."""
        if callable(self.output):
            try:
                return self.output(output)
            except Exception as error:
                raise OutputError(
                    f"The network returned {describe(output)}, and the function output= failed on it: {type(error).__name__}: "
                    f"{error}"
                ) from error
        if self.output is not None:
            try:
                if isinstance(output, torch.Tensor) and isinstance(self.output, str):
                    raise KeyError(self.output)  # torch would warn first
                return output[self.output]
            except (KeyError, IndexError, TypeError) as error:
                raise OutputError(f"The network returned {describe(output)}: it has no entry {self.output!r}.") from error
        if isinstance(output, torch.Tensor):
            return output
        scores = getattr(output, "logits", None)
        if scores is None and hasattr(output, "get"):
            scores = output.get("logits")
        if scores is None and isinstance(output, (tuple, list, Mapping)):
            items = output.values() if isinstance(output, Mapping) else output
            rows = [item for item in items if isinstance(item, torch.Tensor) and item.ndim == 2]
            scores = rows[0] if len(rows) == 1 else None
        return output if scores is None else scores

    def checked(self, output: Any) -> torch.Tensor:
        """The output as class scores ``(N, K)``, its classes counted and compared with the names."""
        rows = self.head.check(output)
        count = self.head.count(rows)
        if self._names is None or (self._numbered and len(self._names) != count):
            self._names = ClassNames(["negative", "positive"]) if self.head.kind == "binary" else ClassNames.numbered(count)
        if len(self._names) != count:
            raise ClassesError(f"The class list has {len(self._names)} names, but the network gives {count} scores.")
        if not bool(torch.isfinite(rows).all()):
            bad = [name for name, value in self._named_tensors() if not bool(torch.isfinite(value).all())]
            where = f" (weights that are not finite: {listed(bad, 3)})" if bad else ""
            raise ModelError(f"The network gives scores that are not finite{where}: its weights or its precision are broken.")
        self.returns_probabilities = self.head.gives_probabilities(rows)
        return rows

    def weights_hash(self) -> str:
        """Sixteen digits that stand for the weights; empty for a callable."""
        return self._planned.plan.weights if self._planned is not None else ""

    def batch_size(self, asked: int | None, planned: PlannedNetwork | None, photos: int, backward: bool = False) -> int:
        """Photos at once: what was asked for, else what fits the free memory. backward : a gradient goes back to the pixels."""
        if asked is None and photos == 1:
            return 1
        each = 1 if planned is None else planned.bytes_each
        if backward:
            most = min(runner.MOST_BACKWARD, max(1, int(runner.MAPS_BACKWARD / (each / 4 + 1))))
            return runner.batch_size(asked, 3 * each, self.device, most_on_cpu=most)
        return runner.batch_size(asked, each, self.device)

    def layers(self, photo: Any = None) -> list[FeatureLayer]:
        """The layers that can be explained, in the network's order, the automatic choice marked.

        photo : for networks without preprocessing, whose grids depend on the photo.
        """
        if photo is None:
            return self.planned().layers()
        pixels = self.inputs([self.read(photo)])
        with self._lock:
            if self._planned is not None and self._planned.shape != pixels.shape[1:]:
                self._planned = None  # the grids depend on the photo
            return self.planned(pixels).layers()

    def _named_tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        if self.is_module:
            yield from self.network.named_parameters()
            yield from self.network.named_buffers()

    def _first_conv(self) -> tuple[str, nn.Conv2d] | None:
        modules = self.network.named_modules() if self.is_module else ()
        return next(((name, module) for name, module in modules if isinstance(module, nn.Conv2d)), None)

    def _first_channels(self) -> int | None:
        first = self._first_conv()
        return None if first is None else first[1].in_channels

    def _check_channels(self, given: int) -> None:
        first = self._first_conv()
        if first is not None and first[1].in_channels != given:
            wanted = first[1].in_channels
            hint = f"Preprocess(channels={wanted})" if self.preprocess is not None else "a tensor of that many channels"
            raise PhotoError(f"{given} channels given, but the network's first layer '{first[0]}' wants {wanted}: use {hint}.")


def is_many(photos: Any) -> bool:
    """True for a list of photos or a batch ``(N, C, H, W)``."""
    return isinstance(photos, (list, tuple)) or (isinstance(photos, (torch.Tensor, np.ndarray)) and photos.ndim == 4)


def photo_list(photos: Any) -> list[Any]:
    """The photos one by one."""
    return list(photos) if is_many(photos) else [photos]
