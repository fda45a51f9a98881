"""Runs one network: on which device, in which precision, through which planned copy, and how its output is read."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.engine import runner
from seewhy.engine.first_layer import (
    CONVOLUTIONS,
    FirstLayer,
    first_convolution,
    first_layer,
    has_int8_convolution,
    other_dimensions,
)
from seewhy.engine.form import Form, form_of
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.output import NotingPicker, OutputPicker
from seewhy.engine.plan import unwrap
from seewhy.engine.probe import ForwardPass
from seewhy.engine.several_inputs import CallForm, Inputs, OneInput, in_words, key_of, several_required, signature_of
from seewhy.engine.shared_pass import current as current_shared_pass
from seewhy.engine.state import without_autocast
from seewhy.engine.steps import Step
from seewhy.errors import LayerError, MethodError, ModelError, OptionError, OutputError, listed, setting
from seewhy.head import Head, with_batch_axis
from seewhy.records import Photo


class Executor:
    """A network and everything that it takes to run it.

    network : an ``nn.Module`` (wrappers are taken off) or a callable. pick : takes the class scores out of what it returns.
    head : what a person says the outputs mean. normalise : pixels to the network's inputs, differentiable; None where the pixels
    are the inputs. blank : makes a blank photo of the network's input size; None where that is not known. device, precision : as
    in ``Classifier``. form, inputs : how a network of several inputs takes them, and those that are not explained.
    """

    def __init__(
        self,
        network: Any,
        pick: OutputPicker,
        head: Head,
        normalise: Callable[[torch.Tensor], torch.Tensor] | None,
        blank: Callable[[], Photo] | None,
        device: str | torch.device | None,
        precision: str,
        form: CallForm | None = None,
        inputs: Inputs = MappingProxyType({}),
    ) -> None:
        self.network = unwrap(network)
        self.inputs = inputs
        self._runs = self.network if form is None else OneInput(self.network, form, inputs)
        self._relatives: dict[Any, PlannedNetwork] = {}  # planned for other inputs; by their form
        self.pick = NotingPicker(pick)
        self.precision = precision
        self.name = type(self.network).__name__ if self.is_module else str(getattr(network, "__name__", "function"))
        self._declared_head = head
        self._normalise = normalise
        self._blank = blank
        self._lock = threading.RLock()
        self._planned: PlannedNetwork | None = None
        self._first_layers: dict[tuple[int, ...], FirstLayer] = {}
        if device is not None and self.is_module:
            try:
                self.network.to(device)
            except (RuntimeError, AssertionError) as error:
                raise OptionError(f"{setting('device', str(device))} cannot be used: {str(error).splitlines()[0]}") from error
        self._device = None if device is None else torch.device(device)

    @property
    def is_module(self) -> bool:
        """False for a callable: only its output can be seen."""
        return isinstance(self.network, nn.Module)

    @property
    def runs_a_copy(self) -> bool:
        """True where the network was planned, and what runs is a private copy of it."""
        return self._planned is not None and not self._planned.plan.as_is

    @functools.cached_property
    def _form_as_given(self) -> Form:
        return form_of(self.network)  # looked up once: GoogLeNet has 225 modules

    @property
    def form(self) -> Form:
        """What can be seen of the network; once it is planned, also whether it mixes photos that go through it together."""
        mixes = self._planned is not None and self._planned.plan.one_at_a_time
        return replace(self._form_as_given, one_at_a_time=True) if mixes else self._form_as_given

    @property
    def is_closed(self) -> bool:
        """True for a module whose operations cannot be watched, such as TorchScript."""
        return self.is_module and not self.form.layers

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        if self._device is not None:
            return self._device
        return next((tensor.device for _, tensor in self.named_tensors()), torch.device("cpu"))

    @property
    def pixels_are_bytes(self) -> bool:
        """True where pixels are 0 to 255; False where they are the network's inputs, in units of their own."""
        return self._normalise is not None

    # -- photos to inputs, and gradients back -----------------------------------------------------------------------------

    def pixels(self, photos: Sequence[Photo]) -> torch.Tensor:
        """The photos' pixels, ``(N, C, h, w)`` or ``(N, C, D, h, w)``, on the network's device, not yet normalised."""
        if isinstance(self._runs, OneInput) and any(key_of(photo.inputs) != key_of(self.inputs) for photo in photos):
            raise ModelError(
                f"These photos bring other inputs than {in_words(self.inputs) or 'none'}: take clf.with_inputs(...) for each."
            )
        shared = current_shared_pass()
        if shared is not None and shared.pixels is not None and shared.is_of(photos):
            return shared.pixels
        arrays = [photo.pixels for photo in photos]
        # One photo is not copied: nothing writes into pixels.
        is_shared = len(arrays) == 1 and arrays[0].flags.writeable
        pixels = torch.from_numpy(arrays[0][None] if is_shared else np.stack(arrays))
        pixels = pixels.to(self.device, torch.float64 if self._dtype == torch.float64 else torch.float32)
        if shared is not None and shared.is_of(photos):
            shared.pixels = pixels
        return pixels

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels to what the network was trained on; differentiable."""
        return pixels if self._normalise is None else self._normalise(pixels)

    def network_inputs(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels normalised, without graph, and in the precision of a network that has been made half as wide."""
        with torch.inference_mode(False), torch.no_grad():
            pixels = pixels.detach()
            inputs = self.normalise(pixels)
            if inputs.data_ptr() == pixels.data_ptr():
                inputs = inputs.clone()  # a network may write into its input
            return inputs.to(self._dtype) if self._dtype in (torch.float16, torch.bfloat16) else inputs

    def pixel_gradient(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """A gradient with respect to the network's inputs, ``(N, C, h, w)``, as one with respect to the pixels, float32."""
        if self._normalise is None:
            return gradient.float()
        with torch.inference_mode(False), torch.enable_grad():
            leaf = pixels.detach().clone().requires_grad_()
            (at_pixels,) = torch.autograd.grad(self.normalise(leaf), leaf, gradient.to(leaf.dtype))
        return at_pixels.float()

    # -- running ----------------------------------------------------------------------------------------------------------

    def planned(self, pixels: torch.Tensor | None = None) -> PlannedNetwork:
        """The network ready to be run and looked into; planned anew whenever it has changed.

        pixels : ``(N, C, h, w)``, for their shape; None takes the last shape, or that of a blank photo.
        Raises MethodError for a callable, LayerError where no shape is known.
        """
        if not self.is_module:
            raise MethodError(
                f"This is {self.form.name}: its inside cannot be watched, so it has no layers. Give the nn.Module itself."
            )
        with self._lock:
            planned = self._planned
            if planned is not None and (pixels is None or planned.suits(pixels.shape[1:])) and planned.is_fresh():
                return planned
            if pixels is None:
                if self._blank is None:
                    raise LayerError("The layers' grids depend on the photo: ask clf.layers(photo) first.")
                pixels = self.pixels([self._blank()])
            # Noise: on a real photo a head could average by chance, on a blank one every head would.
            count = 1 if self.form.one_at_a_time else 2
            noise = torch.rand((count, *pixels.shape[1:]), generator=torch.Generator().manual_seed(0)).to(pixels)
            trial = self.network_inputs(noise * 255 if self.pixels_are_bytes else noise * 4 - 2)
            self._planned = self._plan(trial)
            return self._planned

    def _plan(self, trial: torch.Tensor) -> PlannedNetwork:
        """For ``(2, C, H, W)`` inputs, from the plan of a relative where there is one that still holds."""
        if isinstance(self._runs, OneInput):
            relative = self._relatives.get(signature_of(self.inputs))
            if relative is not None and relative.shape == trial.shape[1:] and relative.is_fresh():
                assert isinstance(relative.network, OneInput)
                self._runs = relative.network.beside(self.inputs)
                return relative.beside(self._runs)
        try:
            planned = self._planned_as_given(trial)
        except ModelError as error:
            dimensions = trial.ndim - 2
            misfit = other_dimensions(self.network, dimensions)
            if misfit is not None:
                inputs = "volumes (C, D, H, W): write" if dimensions == 2 else "photos (C, H, W): leave out"
                raise ModelError(
                    f"The network cannot take an input of shape {tuple(trial.shape[1:])}: its layer '{misfit}' is a "
                    f"convolution of {inputs} {setting('dimensions', 3)}."
                ) from error
            names = [] if isinstance(self._runs, OneInput) else several_required(self.network)
            if not names:
                raise
            others = ", ".join(f"{name!r}: ..." for name in names[1:])
            raise ModelError(
                f"The network's forward takes {listed(names)}: say which one is the photo, and fix the others: "
                f"Classifier(network, explain={names[0]!r}, inputs={{{others}}}, ...)."
            ) from error
        if isinstance(self._runs, OneInput):
            self._relatives[signature_of(self.inputs)] = planned
        return planned

    def check_dimensions(self) -> None:
        """Raises ModelError where a blank photo shows that the network is made for inputs of other dimensions."""
        if self._blank is not None and other_dimensions(self.network, 2) is not None:
            self.planned()

    def _planned_as_given(self, trial: torch.Tensor) -> PlannedNetwork:
        """With the other inputs as for one photo; where the network refuses them so, with a leading 1 as their batch axis."""
        try:
            return PlannedNetwork(self._runs, trial, self.pick, self.precision, self.name)
        except ModelError:
            other = self._runs.with_batch_axes() if isinstance(self._runs, OneInput) else None
            if other is None:
                raise
            try:
                planned = PlannedNetwork(other, trial, self.pick, self.precision, self.name)
            except ModelError:
                planned = None
            if planned is None:
                raise  # what it said first
            self._runs = other
            return planned

    def set_blank(self, blank: Callable[[], Photo] | None) -> None:
        """See ``blank`` of the constructor."""
        self._blank = blank

    def beside(self, inputs: Inputs) -> Executor:
        """The same network with other inputs beside the one that is explained. Their plans are shared."""
        other = copy.copy(self)
        (other.inputs, other._planned) = (inputs, None)
        assert isinstance(self._runs, OneInput)
        other._runs = self._runs.beside(inputs)
        return other

    def planned_for(self, pixels: torch.Tensor) -> PlannedNetwork:
        """Planned for exactly this shape, because the grids of the layers depend on it."""
        with self._lock:
            if self._planned is not None and self._planned.shape != pixels.shape[1:]:
                self._planned = None
            return self.planned(pixels)

    def forward(
        self,
        pixels: torch.Tensor,
        steps: tuple[Step, ...] = (),
        graph: bool = False,
        planned: PlannedNetwork | None = None,
    ) -> ForwardPass:
        """Normalise ``(N, C, h, w)`` pixels, run the network and take the results of ``steps`` (see ``engine.probe``).

        planned : what :meth:`planned` gave a moment ago; looking for changes once per call is enough.
        """
        inputs = self.network_inputs(pixels)
        if self.is_module:
            planned = planned or self.planned(pixels)
            shared = current_shared_pass()
            run = None if shared is None else shared.forward(planned, pixels, inputs, steps, graph)
            return run or planned.forward(inputs, steps, graph)
        return ForwardPass(self.call(inputs), ())

    def call(self, inputs: torch.Tensor) -> Any:
        """What a callable gives for ``(N, C, h, w)`` of its own inputs."""
        with torch.no_grad(), without_autocast():
            output = self.pick(self._runs(inputs))
        if not isinstance(output, (np.ndarray, list, float, np.number)):
            return with_batch_axis(output)
        try:
            return with_batch_axis(torch.from_numpy(np.asarray(output, dtype=np.float32)))
        except (ValueError, TypeError) as error:  # rows of different lengths, text
            raise OutputError(f"The network returned a {type(output).__name__} that is no table of numbers: {error}.") from error

    # -- reading the output -----------------------------------------------------------------------------------------------

    def head(self, planned: PlannedNetwork | None, output: Any) -> Head:
        """What the outputs mean, decided once: for a module when it is planned, for a callable by what it gives for the photo.

        Raises OutputError where the network ends in an activation that contradicts the head that was given.
        """
        if planned is not None:
            return planned.head(self._declared_head)
        declared = self._declared_head
        rows = declared.check(output)
        if declared.look_like_probabilities(rows):
            return declared.ending_in("softmax")
        return declared.ending_in("sigmoid" if self.form.probabilities else "")

    def class_scores(self, output: Any, photos: int, pixels: torch.Tensor | None = None) -> torch.Tensor:
        """The picked output of so many photos as class scores ``(N, K)``. Raises OutputError, ModelError (not finite).

        pixels : of the photos, ``(N, C, h, w)``; with them the layer is named from which on values are not finite.
        """
        if isinstance(output, torch.Tensor) and output.ndim == 1 and len(output) != photos:
            raise OutputError(
                f"The network returned {tuple(output.shape)} for {photos} photos: one "
                "row of scores per photo. It drops the batch axis "
                "of a single photo: remove squeeze() from its forward."
            )
        rows = self._declared_head.check(output, self.pick.returned)
        if len(rows) != photos:
            raise OutputError(f"The network returned {len(rows)} rows of scores for {photos} photos: one row per photo.")
        if not bool(torch.isfinite(rows).all()):
            raise ModelError(self._not_finite(pixels))
        return rows

    def _not_finite(self, pixels: torch.Tensor | None) -> str:
        """Where scores that are not finite come from, in words."""
        broken = [name for name, value in self.named_tensors() if not bool(torch.isfinite(value).all())]
        where = f" (weights that are not finite: {listed(broken, 3)})" if broken else ""
        if not broken and pixels is not None and self._planned is not None and self._planned.plan.trace is not None:
            layer = self._planned.first_broken(self.network_inputs(pixels))
            where = "" if layer is None else f" (they begin in '{layer}')"
        return f"The network gives scores that are not finite{where}: {self.finite_again}."

    @property
    def finite_again(self) -> str:
        """What to do where a network leaves the numbers of its precision."""
        if self.precision == "fast":
            return f"run again with {setting('precision', 'exact')}"
        if self._dtype in (torch.float16, torch.bfloat16):
            return f"it is in {str(self._dtype).removeprefix('torch.')}; give it in float32, network.float()"
        return "its weights or its precision are broken"

    # -- facts for records and batches ------------------------------------------------------------------------------------

    def weights_hash(self) -> str:
        """Sixteen digits that stand for the weights; empty for a callable."""
        return self._planned.plan.weights if self._planned is not None else ""

    def batch_size(
        self, batch_size: int | None, planned: PlannedNetwork | None, photos: int, needs_backward: bool = False
    ) -> int:
        """Photos at once: the batch size that a person gave, else what fits the free memory.

        needs_backward : a gradient goes back to the pixels.
        """
        if (batch_size is None and photos == 1) or self.form.one_at_a_time:
            return 1
        bytes_each = 1 if planned is None else planned.bytes_each
        if needs_backward:
            most = min(runner.MOST_BACKWARD, max(1, int(runner.MAPS_BACKWARD / (bytes_each / 4 + 1))))
            return runner.batch_size(batch_size, 3 * bytes_each, self.device, most_on_cpu=most)
        most = min(runner.MOST_ON_CPU, max(1, int(runner.WORKING_SET / max(1, bytes_each))))
        return runner.batch_size(batch_size, bytes_each, self.device, most_on_cpu=most)

    def named_tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Parameters and buffers; none for a callable."""
        if self.is_module:
            yield from self.network.named_parameters()
            yield from self.network.named_buffers()

    def first_layer(self, shape: tuple[int, ...]) -> tuple[str, int] | None:
        """The layer that a photo ``(C, H, W)``, or a volume ``(C, D, H, W)``, meets first, and how many channels it takes; None
        where that cannot be told.

        By what is called, since layers may be registered in any order; where the pass does not come that far, because the
        network itself refuses the photo, it is the convolution that is registered first.
        """
        if not self.is_module:
            return None
        if self.form.quantised is not None and has_int8_convolution(self.network, shape):
            return first_convolution(self.network, shape)
        kind: Any = CONVOLUTIONS[len(shape) - 1]
        convolutions = ((name, module.in_channels) for name, module in self.network.named_modules() if isinstance(module, kind))
        convolution = next(convolutions, None)
        if convolution is not None and convolution[1] == shape[0]:
            return convolution
        known = self._first_layers.get(shape)
        if known is None or all(known.weight is not tensor for _, tensor in self.named_tensors()):
            known = None if self.is_closed else first_layer(self.network, shape)
            if known is not None:
                self._first_layers = {shape: known}  # of the last size alone
        if known is not None:
            return known.name, known.channels
        return convolution

    def input_channels(self, shape: tuple[int, ...]) -> int | None:
        """How many channels the network reads, as its file or its first layer says; None where that is not known.

        shape : of a photo ``(C, H, W)`` that it is tried with.
        """
        first = None if self.form.channels is not None else self.first_layer(shape)
        return self.form.channels if first is None else first[1]

    @property
    def _dtype(self) -> torch.dtype:
        return next((tensor.dtype for _, tensor in self.named_tensors() if tensor.is_floating_point()), torch.float32)
