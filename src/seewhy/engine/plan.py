"""A plan: a private copy of the network that gives the same scores faster, and the knowledge when it has gone stale.

The person's network is never touched: the copy is in eval mode, its weights ask for no gradient, its BatchNorms are folded
into the convolutions before them, and it runs channels_last. What the copy gives is compared with the plain copy when it is
made; a network whose deviation is too large, or that refuses the memory format, is run plainly. A network with hooks of its
own, or one that cannot be copied, runs as it is.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

import torch
from torch import nn

from seewhy.engine.any_batch import AnyBatch
from seewhy.engine.batch_mates import OneAtATime, mixes_photos, suspicious
from seewhy.engine.batch_norm import OrderedGradients
from seewhy.engine.faster import fold, pack
from seewhy.engine.fingerprint import has_hooks, weights_hash
from seewhy.engine.form import TORCHSCRIPT, form_of
from seewhy.engine.own_state import Written, from_its_state, watched
from seewhy.engine.state import without_autocast
from seewhy.engine.steps import Step, Trace
from seewhy.engine.trace import trace

CLOSE = 5e-2  # the same between two ways to run bfloat16
EXACT = 1e-5  # largest difference over largest output that precision="exact" allows
_lock = threading.RLock()  # held while a network that cannot be copied is in eval mode


def unwrap(network: Any) -> Any:
    """The network inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        if isinstance(network, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            network = network.module
        elif isinstance(network, nn.Module) and isinstance(getattr(network, "_orig_mod", None), nn.Module):
            network = network._orig_mod
        else:
            return network


@dataclass(frozen=True, eq=False)
class Plan:
    """How a network is run.

    network : what is run. trace : the plain forward pass. folded : steps that do not exist in ``network`` any more, or whose
    values differ there. recounted : operations that are called less often than in the trace. deviation : largest difference to
    the plain network over its largest output. description : for the record. trial_output : what the plain network gave for the
    trial photo, None where it was not run. counts : how often each operation ran then. shape : of the trial photo. written : what
    a pass changes in the network itself. one_at_a_time : the network mixes photos that go through it together; mixing : where.
    """

    network: Any
    trace: Trace | None
    folded: frozenset[int]
    memory_format: torch.memory_format
    dtype: torch.dtype
    deviation: float
    description: str
    weights: str
    recounted: frozenset[str] = frozenset()
    as_is: bool = False
    trial_output: Any = None
    counts: Mapping[str, int] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    written: tuple[Written, ...] = ()
    mixing: str = ""

    @property
    def one_at_a_time(self) -> bool:
        """True where photos that go through the network together would have a say in each other's scores."""
        return bool(self.mixing)

    @property
    def notes(self) -> list[str]:
        """What a person should know of the way in which the network is run."""
        if not self.one_at_a_time:
            return []
        return [
            "photos that go through this network together change each other's scores "
            f"(at '{self.mixing}'): it is run one photo at a time"
        ]

    def has(self, step: Step) -> bool:
        """True where the step can be found in ``network``, with the value that it has in the plain one."""
        return step.number not in self.folded and step.op not in self.recounted

    @contextmanager
    def ready(self) -> Iterator[None]:
        """In eval mode, without graph or autocast, from the network's own state; everything back as it was afterwards."""
        evaluated = eval_mode(self.network) if self.as_is else nullcontext()
        ordered = OrderedGradients() if self.memory_format == torch.preserve_format else nullcontext()
        from_start = from_its_state(self.network, self.written)
        with torch.inference_mode(False), torch.no_grad(), without_autocast(), evaluated, from_start, ordered:
            yield

    def prepare(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs in the plan's precision and memory format."""
        inputs = inputs.to(self.dtype)
        return inputs.contiguous(memory_format=self.memory_format) if inputs.ndim == 4 else inputs


@contextmanager
def eval_mode(network: Any) -> Iterator[None]:
    if not isinstance(network, nn.Module) or not any(module.training for module in network.modules()):
        yield
        return
    with _lock:
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def make_plan(network: nn.Module, inputs: torch.Tensor, pick: Callable[[Any], Any], precision: str) -> Plan:
    """Trace the network and choose how to run it.

    inputs : ``(1, C, H, W)``, of the shape that will come; volumes ``(1, C, D, H, W)`` run plainly. pick : takes the class scores
    out of the network's output.
    precision : "exact" or "fast" (bfloat16; its deviation is measured and recorded).
    """
    with torch.inference_mode(False), torch.no_grad(), without_autocast():
        inputs = inputs.clone()
        weights = weights_hash(network)
        form = form_of(network)
        if not form.layers:
            description = f"{form.name}, as it is"
            runs = closed(network)
            return Plan(runs, None, frozenset(), torch.preserve_format, inputs.dtype, 0.0, description, weights, as_is=True)
        copied = None if has_hooks(network) else _copied(network)
        runs = network if copied is None else copied
        with eval_mode(runs), watched(runs) as written, suspicious(runs) as suspicion:
            (forward_trace, output) = trace(runs, inputs, pick)
        description = "the network as it is (it has hooks of its own, or cannot be copied)" if copied is None else "plain"
        plan = Plan(runs, forward_trace, frozenset(), torch.preserve_format, inputs.dtype, 0.0, description, weights)
        plan = replace(plan, as_is=copied is None, trial_output=output, counts=suspicion.counts)
        plan = replace(plan, shape=tuple(inputs.shape[1:]), written=tuple(written))
        if copied is not None:
            plan = _fastest(plan, inputs, pick, precision)
        suspect = None if form.one_at_a_time else suspicion.first(forward_trace)
        if suspect is None or not (suspicion.is_certain(forward_trace) or _mixes(plan, inputs, pick)):
            return plan
        return replace(plan, network=OneAtATime(plan.network, plan.written), mixing=forward_trace.name(suspect))


def _fastest(plain: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], precision: str) -> Plan:
    """The planned copy that changes most and still gives what the plain one gives."""
    if not isinstance(plain.trial_output, torch.Tensor) or inputs.ndim != 4 or not any(p.ndim == 4 for p in _weights(plain)):
        return plain
    for folding, packing in ((True, True), (True, False), (False, False)):
        faster = _faster(plain, folding, packing, inputs, pick, precision)
        if faster is not None:
            return faster
    return plain


def _weights(plan: Plan) -> Iterator[torch.Tensor]:
    parameters: Iterator[torch.Tensor] = plan.network.parameters()
    return parameters


def _mixes(plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any]) -> bool:
    """True where two photos together give something else than each alone."""

    def forward(photos: torch.Tensor) -> Any:
        with plan.ready():
            return plan.network(plan.prepare(photos))

    return mixes_photos(forward, pick, inputs)


def closed(network: nn.Module) -> nn.Module:
    """How a network is run whose inside cannot be watched: a TorchScript file may only know one photo at a time."""
    return AnyBatch(network) if form_of(network) == TORCHSCRIPT else network


def _faster(
    plain: Plan,
    folding: bool,
    packing: bool,
    inputs: torch.Tensor,
    pick: Callable[[Any], Any],
    precision: str,
) -> Plan | None:
    """A planned copy, or None when it does not give what the plain one gives."""
    assert plain.trace is not None
    expected: torch.Tensor = plain.trial_output
    network = copy.deepcopy(plain.network)
    folded = fold(network, plain.trace) if folding else frozenset()
    dtype = torch.bfloat16 if precision == "fast" and inputs.dtype == torch.float32 else inputs.dtype
    network = network.to(dtype=dtype, memory_format=torch.channels_last)
    try:
        rectified = pack(network, plain.trace, inputs) if packing else None
        packed = rectified is not None
        recounted = frozenset(["batch_norm"] * bool(folded) + ["conv2d"] * packed)
        changes = ["BatchNorm folded"] * bool(folded) + ["weights packed"] * packed + ["channels_last"]
        changes += ["bfloat16"] * (dtype == torch.bfloat16)
        faster = replace(
            plain,
            network=network,
            folded=folded | (rectified or frozenset()),
            recounted=recounted,
            memory_format=torch.channels_last,
            dtype=dtype,
            description=", ".join(changes),
        )
        with from_its_state(network, plain.written):
            output = pick(network(faster.prepare(inputs))).to(expected.dtype)
    except Exception:  # a view that wants another memory format, a constant in another precision: the next plan, then
        return None
    deviation = float((output - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
    if not deviation <= EXACT and dtype == inputs.dtype:
        return None
    return replace(faster, deviation=deviation)


def plain_plan(plan: Plan, network: nn.Module) -> Plan:
    """The same network unfolded and in its own precision, for looking at what folding has removed."""
    if plan.as_is:
        return plan
    copied = _copied(network)
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), plan.dtype)
    assert copied is not None
    own = OneAtATime(copied, plan.written) if plan.one_at_a_time else copied
    plain = replace(
        plan, network=own, folded=frozenset(), recounted=frozenset(), memory_format=torch.preserve_format, dtype=dtype
    )
    return replace(plain, deviation=0.0, description="plain")


def compiled(
    plan: Plan, network: nn.Module, inputs: torch.Tensor, pick: Callable[[Any], Any]
) -> Callable[[torch.Tensor], Any] | None:
    """The plan's network compiled for prepared inputs of exactly this shape; None where that fails or gives other scores."""
    by_itself = plan.as_is or plan.one_at_a_time or bool(plan.written)
    own: Any = None if by_itself or plan.trace is None else _copied(network)
    if own is None or plan.trace is None:
        return None
    if plan.folded:
        fold(own, plan.trace)
    own = own.to(dtype=plan.dtype, memory_format=torch.channels_last)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    allowed = EXACT if plan.dtype == inputs.dtype == torch.float32 else CLOSE
    try:
        with torch.inference_mode(False), torch.no_grad():
            compiled_network: Callable[[torch.Tensor], Any] = torch.compile(own, dynamic=False, options={"freezing": True})
            (output, expected) = (pick(compiled_network(inputs)), pick(plan.network(inputs)))
            if not float((output - expected).abs().max() / expected.abs().max().clamp_min(1e-30)) <= allowed:
                return None
    except Exception:  # no compiler on this machine, or a forward that cannot be compiled: it goes on without
        return None

    def forward(inputs: torch.Tensor) -> Any:
        with plan.ready():
            return pick(compiled_network(inputs.contiguous(memory_format=torch.channels_last)))

    return forward


def _copied(network: nn.Module) -> nn.Module | None:
    """A private copy in eval mode that asks for no gradients; None if the network cannot be copied."""
    if any(isinstance(vars(module).get("forward"), FunctionType) for module in network.modules()):
        return None  # a function put in the place of forward may hold on to the network itself: its copy would run that
    try:
        with torch.inference_mode(False):  # else the copy's weights could take no part in a backward pass
            own = copy.deepcopy(network)
    except Exception:  # whatever a person's module raises when it is copied, it then runs as it is
        return None
    theirs = {id(part) for part in (*network.modules(), *network.parameters(), *network.buffers())}
    if any(id(part) in theirs for part in (*own.modules(), *own.parameters(), *own.buffers())):
        return None  # a __deepcopy__ of its own that shares: what is done to the copy would be done to the network
    for module in own.modules():
        module._compiled_call_impl = None  # an in-place torch.compile would hide the steps
    for parameter in own.parameters():
        parameter.grad = None
    return own.eval().requires_grad_(False)
