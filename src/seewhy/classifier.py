"""A network with everything that belongs to it: preprocessing, class names, the meaning of its output."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np
import torch

from seewhy.bands import checked_display
from seewhy.classes import ONE_EACH, ClassNames
from seewhy.engine import memory, runner, several_inputs
from seewhy.engine.executor import Executor
from seewhy.engine.output import OutputPicker
from seewhy.engine.plan import unwrap
from seewhy.engine.predict_proba import PredictProba
from seewhy.engine.several_inputs import CallForm, as_input, key_of
from seewhy.errors import ClassesError, ModelError, OptionError, PhotoError, did_you_mean, listed, setting, whole_number
from seewhy.geometry import Array
from seewhy.head import Head
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess, as_preprocess
from seewhy.reading import Reader, is_many, photo_list
from seewhy.records import FeatureLayer, Photo, Prediction
from seewhy.sized import SizedPreprocess
from seewhy.targets import rank_order

PRECISIONS = ("exact", "fast")
_MOST_KIN = 8  # classifiers that differ in the other inputs alone, kept for the next photo that brings the same
_FIXED = (
    "network",
    "preprocess",
    "head",
    "output",
    "precision",
    "device",
    "display",
    "explain",
    "inputs",
    "dimensions",
    "executor",
)


class Classifier:
    """A classifier that can be asked: what is it (``classify``), and through ``seewhy.explain``, why.

    network : an ``nn.Module``, or any callable ``(N, C, H, W)`` float tensor -> ``(N, K)`` tensor or array (black-box
        methods only), or an object with ``predict_proba`` (scikit-learn: a row is a photo's ``(H, W, C)`` values in order; its
        ``classes_`` name the classes). Wrappers (DataParallel, torch.compile) are taken off. It is never changed.
    preprocess : ``seewhy.Preprocess``, a torchvision, timm or Hugging Face transform, or None: photos are then tensors of
        the network's own input, used as they are.
    classes : names in index order, a list, a dictionary ``{0: name}`` or a file (one a line, or .json). None: "class 0" ...
    head : "softmax"; "sigmoid" (several labels); "binary" (one logit: class 0 is its negative side, class 1 its positive one, and
        the name of class 1 is enough: ``["defect"]`` is "not defect", "defect"); "none" (outputs are scores already). A network
        that ends in a sigmoid itself is read as it is with "sigmoid" and "binary".
    output : key, index or function that picks the class scores out of what the network returns.
    device : where to run, e.g. "cuda"; moves the network. None: where its weights are.
    precision : "exact", or "fast" (bfloat16 where it pays; the deviation is recorded).
    display : of photos with many bands, the ones that pictures show as red, green and blue, or the one they show in grey; counted
        from 0. The network sees all of them. None: the first three, and a note says so.
    explain : for a network of several inputs, the one that is the photo: the name of an argument of its forward, the key of the
        dictionary that it takes, or a number where it takes a tuple. inputs : the others, as for one photo, without batch axis;
        for photos that do not bring their own as {"image": photo, "age": 63.0} does.
    dimensions : 3 for networks of volumes: a photo is then a float tensor ``(C, D, H, W)``, or ``(D, H, W)`` of one channel, a
        batch has five axes, and maps are ``(K, d, h, w)``. They are used as they are: preprocess is None.

    ``executor`` runs the network; see ``seewhy.engine.executor``.
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
        display: int | Sequence[int] | None = None,
        explain: str | int | None = None,
        inputs: Mapping[str | int, Any] | None = None,
        dimensions: int = 2,
    ) -> None:
        if isinstance(network, type):
            raise ModelError(f"{network.__name__} is a class: write {network.__name__}().")
        if not callable(network) and hasattr(network, "predict_proba"):
            network = PredictProba(network)
            classes = network.classes if classes is None else classes
        if not callable(network):
            raise ModelError(f"A network cannot be a {type(network).__name__}: {_instead_of(network)}.")
        if precision not in PRECISIONS:
            raise OptionError(f"{setting('precision', precision)}: write 'exact' or 'fast'.")
        if dimensions not in (2, 3):
            raise OptionError(f"{setting('dimensions', dimensions)}: write 2 for photos or 3 for volumes.")
        if dimensions == 3 and preprocess is not None:
            raise OptionError(f"{setting('dimensions', 3)}: volumes are used as they are: leave {setting('preprocess')} out.")
        self.dimensions = dimensions
        self.preprocess = as_preprocess(preprocess)
        self.head = Head(head)
        self.output = output
        self.display = checked_display(display)
        self._reader = Reader(self.preprocess, self.display, dimensions, self._first_layer)
        self._form = None if explain is None else CallForm.of(unwrap(network), explain)
        self.explain = None if self._form is None else self._form.explained
        if explain is None and inputs:
            raise OptionError(
                f"{setting('inputs')} are beside the photo: say which input that is, {setting('explain', 'image')}."
            )
        self._names_known: dict[str, ClassNames | None] = {}  # shared by all that differ in the other inputs alone
        self._kin: dict[Any, Classifier] = {}
        self.inputs: dict[str | int, Any] = self._other_inputs(inputs or {}, complete=False)
        self._device = device
        normalise = None if self.preprocess is None else self.preprocess.normalise
        blank = None if self.input_size is None else self._blank_photo
        self.executor = Executor(
            network, OutputPicker(output), self.head, normalise, blank, device, precision, self._form, self.inputs
        )
        self._names = None if classes is None else ClassNames.read(classes, binary=head == "binary")
        self._numbered = classes is None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "executor" in vars(self):
            raise OptionError(
                f"clf.{name} cannot be changed afterwards: build a new Classifier({name}=...), or take clf.with_preprocess(...)."
            )
        super().__setattr__(name, value)

    @property
    def _names(self) -> ClassNames | None:
        return self._names_known.get("names")

    @_names.setter
    def _names(self, names: ClassNames | None) -> None:
        self._names_known["names"] = names

    # -- what it is -------------------------------------------------------------------------------------------------------

    @property
    def network(self) -> Any:
        """The network itself, without wrappers."""
        return self.executor.network

    @property
    def name(self) -> str:
        """The network's name, for records and pictures."""
        return self.executor.name

    @name.setter
    def name(self, name: str) -> None:
        self.executor.name = name

    @property
    def precision(self) -> str:
        """ "exact" or "fast"."""
        return self.executor.precision

    @property
    def is_module(self) -> bool:
        """False for a callable: only its scores can be seen."""
        return self.executor.is_module

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.executor.device

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(H, W) of the network's input, None where photos are used as they are."""
        return self._reader.input_size

    @property
    def classes(self) -> list[str]:
        """The class names in index order."""
        return list(self.class_names().names)

    @property
    def given_classes(self) -> ClassNames | None:
        """The names somebody gave; None where they are numbered."""
        return None if self._numbered else self._names

    @property
    def feature_layer(self) -> str:
        """The layer that is explained when none is named. See :meth:`layers`."""
        planned = self.executor.planned()
        return planned.trace.name(planned.feature_step)

    def layers(self, photo: Any = None) -> list[FeatureLayer]:
        """The layers that can be explained, in the network's order, the automatic choice marked.

        photo : for networks without preprocessing, whose grids depend on the photo.
        """
        if photo is None:
            return self.executor.planned().layers()
        read = self.read(photo)
        executor = self.beside(read).executor
        return executor.planned_for(executor.pixels([read])).layers()

    def class_names(self) -> ClassNames:
        """The names; counted on a blank input where nobody has given any."""
        if self._names is None:
            if self.input_size is None:
                raise ClassesError(
                    f"The number of classes is not known before the first photo: give their names, {setting('classes')}, or "
                    "classify a photo first."
                )
            self.scores(self._blank_photo())
        assert self._names is not None
        return self._names

    def describe_input(self) -> str:
        """The preprocessing in words."""
        return self._reader.describe()

    def input_notes(self) -> tuple[str, ...]:
        """What nobody has said of the preprocessing, as notes: the same for every photo, and among each one's notes."""
        return self.preprocess.notes if isinstance(self.preprocess, SizedPreprocess) else ()

    def with_preprocess(self, **changes: Any) -> Classifier:
        """The same network with another preparation: ``clf.with_preprocess(crop=False)``. Takes Preprocess's fields.

        A network without one gets one; as long as nobody says the size, or mean, std or range, every photo has a note on that.
        """
        if self.dimensions == 3:
            raise OptionError(f"Volumes are used as they are: leave {listed(map(setting, changes))} out, and prepare the file.")
        known = [field.name for field in dataclasses.fields(Preprocess)]
        unknown = next((name for name in changes if name not in known), None)
        if unknown is not None:
            raise OptionError(f"Preprocess has no '{unknown}'.{did_you_mean(unknown, known)} It has {listed(known)}.")
        if self.preprocess is not None and not isinstance(self.preprocess, Preprocess):
            raise OptionError(f"The preprocessing is {self.describe_input()}: it cannot be changed piece by piece.")
        preprocess = dataclasses.replace(self.preprocess or SizedPreprocess(source=""), **changes)
        if isinstance(preprocess, SizedPreprocess) and "size" in changes:
            preprocess = dataclasses.replace(preprocess, source=setting("size"))
        if self.preprocess is None and "channels" not in changes:
            channels = self.executor.input_channels((preprocess.channels, *preprocess.input_size))
            preprocess = preprocess if channels is None else dataclasses.replace(preprocess, channels=channels)
        return self._changed(self.network, preprocess)

    def with_network(self, network: Any) -> Classifier:
        """Another network behind the same preprocessing, with the same classes: trained on, or damaged on purpose."""
        return self._changed(network, self.preprocess)

    def _changed(self, network: Any, preprocess: Any) -> Classifier:
        changed = Classifier(
            network,
            preprocess=preprocess,
            classes=self.given_classes,
            head=self.head.kind,
            output=self.output,
            device=self._device,
            precision=self.precision,
            display=self.display,
            explain=self.explain,
            inputs=self.inputs,
            dimensions=self.dimensions,
        )
        changed.name = self.name
        return changed

    def __repr__(self) -> str:
        count = "?" if self._names is None else len(self._names)
        return f"<Classifier {self.name}: {count} classes, {self.describe_input()}>"

    # -- other inputs beside the photo ------------------------------------------------------------------------------------

    def with_inputs(self, inputs: Mapping[str | int, Any] | None = None, **named: Any) -> Classifier:
        """The same network with other inputs beside the photo: ``clf.with_inputs(age=63.0)``; those that are not named stay.

        Raises OptionError for an input that the network does not have.
        """
        if self._form is None:
            raise OptionError(
                f"This classifier has no other inputs: for several write Classifier(..., {setting('explain', 'image')})."
            )
        changes: dict[str | int, Any] = dict(inputs or {})
        changes.update(named)
        return self._with(self.inputs | self._other_inputs(changes, complete=False))

    def beside(self, photo: Photo) -> Classifier:
        """This classifier with the other inputs that a photo, read by it, brings; itself where these are its own."""
        return self if self._form is None else self._with(photo.inputs)

    def alike(self, photo: Photo) -> Any:
        """Equal for photos that can go through the network together: of one size, with the same other inputs."""
        return photo.pixels.shape if self._form is None else (photo.pixels.shape, key_of(photo.inputs))

    def _with(self, inputs: dict[str | int, Any]) -> Classifier:
        key = key_of(inputs)
        if key == key_of(self.inputs):
            return self
        if key not in self._kin:
            while len(self._kin) >= _MOST_KIN:
                self._kin.pop(next(iter(self._kin)))
            other = copy.copy(self)
            vars(other).update(inputs=inputs, executor=self.executor.beside(inputs))
            other.executor.set_blank(other._blank_photo if self.input_size is not None else None)
            self._kin[key] = other
        return self._kin[key]

    def _other_inputs(self, inputs: Mapping[str | int, Any], complete: bool = True) -> dict[str | int, Any]:
        """The other inputs as they are kept. Raises OptionError for what the network does not have, or misses."""
        if self._form is None:
            return {}
        fault = self._form.check(inputs, complete)
        if fault:
            raise OptionError(fault)
        return {name: as_input(self._reader.as_network_input(value)) for name, value in inputs.items()}

    def _taken_apart(self, photo: Any) -> tuple[Any, dict[str | int, Any]]:
        """The photo alone, and the other inputs beside it."""
        if self._form is None:
            if isinstance(photo, dict):
                raise PhotoError(several_inputs.no_form(photo))
            return photo, {}
        (photo, own) = self._form.split(photo)
        before = photo.inputs if isinstance(photo, Photo) and photo.inputs else self.inputs
        inputs = {**before, **self._other_inputs(own, complete=False)}
        if fault := self._form.check(inputs):
            raise PhotoError(fault)
        return photo, inputs

    # -- photos in, scores out --------------------------------------------------------------------------------------------

    def read(self, photo: Any) -> Photo:
        """The photo as the network sees it, and where that lies on the original.

        Raises PhotoError for what cannot be read or does not fit (see ``seewhy.photo.open_picture``).
        """
        (photo, inputs) = self._taken_apart(photo)
        try:
            read = self._reader.read(photo)
        except PhotoError:
            if self.preprocess is not None and self.is_module:
                self.executor.check_dimensions()
            raise
        if self._form is None or key_of(read.inputs) == key_of(inputs):
            return read
        kept = (note for note in read.notes if note != self._form.note(read.inputs))
        return dataclasses.replace(read, inputs=inputs, notes=(*kept, self._form.note(inputs)))

    def picture(self, photo: Any) -> Picture:
        """The photo opened, before it is prepared. Raises PhotoError."""
        return self._reader.picture(photo)

    def read_all(self, photos: Any) -> list[Photo]:
        """A photo, a list of photos, or a batch tensor ``(N, C, H, W)``, read; of volumes ``(N, C, D, H, W)``."""
        return [self.read(photo) for photo in photo_list(photos, self.dimensions)]

    def scores(self, photos: Any, batch_size: int | None = None) -> Array:
        """``(N, K)`` probabilities (with head "none": the values themselves); (1, K) for one photo."""
        return self._rows(photos, batch_size, Head.scores)

    def logits(self, photos: Any, batch_size: int | None = None) -> Array:
        """``(N, K)``, what the probabilities are made of; for one logit, minus it and it."""
        return self._rows(photos, batch_size, Head.logits)

    def _rows(self, photos: Any, batch_size: int | None, convert: Callable[[Head, torch.Tensor], torch.Tensor]) -> Array:
        read = self.read_all(photos)
        if not read:
            return np.zeros((0, len(self.class_names())), np.float32)
        executor = self.beside(read[0]).executor
        planned = executor.planned(executor.pixels(read[:1])) if self.is_module else None

        def rows_of(batch: Sequence[Photo]) -> Array:
            (own, plan) = (self.executor, planned)
            if batch[0].inputs:
                own = self.beside(batch[0]).executor
                plan = own.planned(own.pixels(batch[:1])) if self.is_module else None
            pixels = own.pixels(batch)
            output = own.forward(pixels, planned=plan).output
            class_scores = self.class_scores(output, len(batch), pixels)
            rows: Array = convert(own.head(plan, output), class_scores).float().cpu().numpy()
            return rows

        size = executor.batch_size(batch_size, planned, len(read))
        with memory.kept():
            return np.concatenate([rows for _, rows in runner.in_batches(read, size, self.alike, rows_of)])

    @overload
    def classify(self, photo: list[Any] | tuple[Any, ...], k: int = 3) -> list[list[Prediction]]: ...

    @overload
    def classify(self, photo: Any, k: int = 3) -> list[Prediction]: ...

    def classify(self, photo: Any, k: int = 3) -> Any:
        """The k most probable classes of a photo, best first; for a list of photos, a list of such lists."""
        whole_number("k", k)
        rows = [self.predictions(row, k) for row in self.scores(photo)]
        return rows if is_many(photo, self.dimensions) else rows[0]

    def predictions(self, scores: Array, k: int) -> list[Prediction]:
        """The k largest of one row of scores, ties in class order."""
        names = self.class_names().names
        return [Prediction(names[i], int(i), float(scores[i])) for i in rank_order(scores)[:k]]

    def class_scores(self, output: Any, photos: int, pixels: torch.Tensor | None = None) -> torch.Tensor:
        """The output of so many photos as class scores ``(N, K)``, its classes counted and compared with the names.

        Raises OutputError for another form, ClassesError for another count, ModelError for values that are not finite (pixels :
        see ``Executor.class_scores``).
        """
        rows = self.executor.class_scores(output, photos, pixels)
        count = self.head.count(rows)
        if self._names is None or (self._numbered and len(self._names) != count):
            sides = ClassNames(["negative", "positive"]).both_sides()
            self._names = sides if self.head.kind == "binary" else ClassNames.numbered(count)
        if len(self._names) != count:
            names = f"{len(self._names)} name{'s' * (len(self._names) != 1)}"
            if self.head.kind == "binary":
                hint = "give one, of what a large number means, or one for each side"
                raise ClassesError(f"The class list has {names}, but the network gives one number, yes or no: {hint}.")
            raise ClassesError(f"The class list has {names}, but the network gives {count} scores: {ONE_EACH}.")
        return rows

    def _blank_photo(self) -> Photo:
        return self.read(self._reader.blank())

    def _first_layer(self, shape: tuple[int, ...]) -> tuple[str, int] | None:
        return self.executor.first_layer(shape)


def check_photos(clf: Any, name: str) -> None:
    """Raises ModelError for a classifier of volumes, where ``name`` knows photos alone."""
    if isinstance(clf, Classifier) and clf.dimensions == 3:
        raise ModelError(f"{name} works on photos, and this classifier is one of volumes: seewhy.explain works there.")


def _instead_of(content: Any) -> str:
    """What to give in place of something that is no network."""
    if isinstance(content, (str, os.PathLike)):
        return f"write seewhy.load({os.fspath(content)!r})"
    if isinstance(content, Mapping):
        return "these are weights; load them into the network (load_state_dict), and give that"
    if hasattr(content, "fit"):
        return "it has no predict_proba (of SVC probability=True, of others CalibratedClassifierCV brings it)"
    return "give an nn.Module or a function"
