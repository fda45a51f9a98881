"""A plan: a private copy of the network that gives the same scores faster, and the knowledge when it has gone stale.

The person's network is never touched: the copy is in eval mode, its weights ask for no gradient, its BatchNorms are folded
into the convolutions before them, and it runs channels_last. What the copy gives is compared with the plain copy when it is
made; a network whose deviation is too large, or that refuses the memory format, is run plainly. A network with hooks of its
own, or one that cannot be copied, runs as it is.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seewhy.engine.steps import INPUT, Trace
from seewhy.engine.trace import trace

EXACT = 1e-5  # largest difference over largest output that precision="exact" allows
_SAMPLES = 1024  # values looked at per tensor, at most, to notice edits through .data
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


def is_closed(network: Any) -> bool:
    """True for what cannot be watched inside: TorchScript."""
    return any(isinstance(module, torch.jit.ScriptModule) for module in network.modules())


def hooks_of(module: nn.Module) -> list[int]:
    """The keys of the hooks that somebody has put on the module."""
    return [*module._forward_hooks, *module._forward_pre_hooks, *module._backward_hooks, *module._backward_pre_hooks]


def has_hooks(network: nn.Module) -> bool:
    """True when somebody has put hooks on the network."""
    return any(hooks_of(module) for module in network.modules())


class Fingerprint:
    """The state of a network at one moment: modules and their settings, every weight's identity and version, and a sample
    of the values (an edit through ``.data`` changes neither identity nor version)."""

    def __init__(self, network: nn.Module) -> None:
        self._modules = list(network.modules())
        self._structure = [_structure(module) for module in self._modules]
        self._tensors = [*network.parameters(), *network.buffers()]
        self._versions = [_version(tensor) for tensor in self._tensors]
        self._views = [_spread(tensor.detach()) for tensor in self._tensors]
        self._values = self._sample()
        self._network = network

    def holds(self, network: nn.Module) -> bool:
        """True when nothing has changed since. Costs about a millisecond for a hundred layers."""
        return (
            network is self._network
            # The modules known then, each with the children it has now: a replaced one shows in its parent.
            and all(_structure(module) == known for module, known in zip(self._modules, self._structure, strict=True))
            and [_version(tensor) for tensor in self._tensors] == self._versions
            and all(torch.equal(a, b) for a, b in zip(self._sample(), self._values, strict=True))
        )

    def _sample(self) -> list[torch.Tensor]:
        groups: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
        for view in self._views:
            groups.setdefault((view.device, view.dtype), []).append(view)
        with torch.inference_mode(False), torch.no_grad():
            joined = [torch.cat(views) for views in groups.values()]
        # Compared as bits, so that a NaN equals itself.
        return [t.view(torch.int32) if t.dtype == torch.float32 else t.nan_to_num() for t in joined]


def _structure(module: nn.Module) -> list[Any]:
    """A module's children, weights and hooks by identity, its plain settings and replaced functions by value.

    Train or eval mode does not matter: the copy is in eval mode anyway.
    """
    own = vars(module)
    parts = [id(part) for kind in _PARTS for part in own.get(kind, {}).values()]  # TorchScript keeps them elsewhere
    settings = [v for k, v in own.items() if k[0] != "_" and k != "training" and isinstance(v, _SETTINGS)]
    return [parts, hooks_of(module), settings]


_PARTS = ("_modules", "_parameters", "_buffers")
_SETTINGS = (int, float, str, tuple, type(len), type(unwrap), type(Fingerprint.holds))


def _version(tensor: torch.Tensor) -> tuple[int, int]:
    return (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)


def _spread(tensor: torch.Tensor) -> torch.Tensor:
    """A view of values spread over the tensor: all of a small one, else at least one of every row, each in another column."""
    if tensor.numel() <= _SAMPLES or not tensor.is_contiguous():
        return tensor.reshape(-1)[:_SAMPLES]
    row = tensor[0].numel()
    return tensor.view(-1)[:: max(row - 1, tensor.numel() // _SAMPLES, 1)]


@dataclass(frozen=True, eq=False)
class Plan:
    """How a network is run.

    network : what is run. trace : the plain forward pass. folded : steps that do not exist in ``network`` any more, or whose
    values differ there. deviation : largest difference to the plain network over its largest output. words : for the record.
    """

    network: Any
    trace: Trace | None
    folded: frozenset[int]
    memory_format: torch.memory_format
    dtype: torch.dtype
    deviation: float
    words: str
    weights: str
    as_is: bool = False

    @contextmanager
    def ready(self) -> Iterator[None]:
        """In eval mode, without graph; everything back as it was afterwards."""
        grounds = torch.inference_mode(False), torch.no_grad()
        with grounds[0], grounds[1], _eval_mode(self.network) if self.as_is else nullcontext():
            yield

    def prepare(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs in the plan's precision and memory format."""
        inputs = inputs.to(self.dtype)
        return inputs.contiguous(memory_format=self.memory_format) if inputs.ndim == 4 else inputs


@contextmanager
def _eval_mode(network: Any) -> Iterator[None]:
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

    inputs : ``(1, C, H, W)``, of the shape that will come. pick : takes the class scores out of the network's output.
    precision : "exact" or "fast" (bfloat16; its deviation is measured and recorded).
    """
    with torch.inference_mode(False), torch.no_grad():
        inputs = inputs.clone()
        weights = _hash(network)
        if is_closed(network):
            words = "TorchScript, as it is"
            return Plan(network, None, frozenset(), torch.preserve_format, inputs.dtype, 0.0, words, weights, as_is=True)
        plain = None if has_hooks(network) else _copied(network)
        if plain is None:
            with _eval_mode(network):
                (traced, _) = trace(network, inputs, pick)
            words = "the network as it is (it has hooks of its own, or cannot be copied)"
            return Plan(network, traced, frozenset(), torch.preserve_format, inputs.dtype, 0.0, words, weights, as_is=True)
        (traced, expected) = trace(plain, inputs, pick)
        done = Plan(plain, traced, frozenset(), torch.preserve_format, inputs.dtype, 0.0, "plain", weights)
        if not isinstance(expected, torch.Tensor) or not any(p.ndim == 4 for p in plain.parameters()):
            return done
        for fold in (True, False):
            faster = _faster(done, fold, inputs, pick, expected, precision)
            if faster is not None:
                return faster
        return done


def _faster(
    plain: Plan, fold: bool, inputs: torch.Tensor, pick: Callable[[Any], Any], expected: torch.Tensor, precision: str
) -> Plan | None:
    """The planned copy, or None when it does not give what the plain one gives."""
    network = copy.deepcopy(plain.network)
    folded = _fold(network, plain.trace) if fold and plain.trace is not None else frozenset()
    dtype = torch.bfloat16 if precision == "fast" and inputs.dtype == torch.float32 else inputs.dtype
    network = network.to(dtype=dtype, memory_format=torch.channels_last)
    words = ["BatchNorm folded"] * bool(folded) + ["channels_last"] + ["bfloat16"] * (dtype == torch.bfloat16)
    made = Plan(network, plain.trace, folded, torch.channels_last, dtype, 0.0, ", ".join(words), plain.weights)
    try:
        output = pick(network(made.prepare(inputs))).to(expected.dtype)
    except Exception:  # a view that wants another memory format, a constant in another precision: run it plainly
        return None
    deviation = float((output - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
    if not deviation <= EXACT and dtype == inputs.dtype:
        return None
    return Plan(network, plain.trace, folded, torch.channels_last, dtype, deviation, made.words, plain.weights)


def plain_plan(plan: Plan, network: nn.Module) -> Plan:
    """The same network unfolded and in its own precision, for looking at what folding has removed."""
    if plan.as_is:
        return plan
    copied = _copied(network)
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), plan.dtype)
    return Plan(copied, plan.trace, frozenset(), torch.preserve_format, dtype, 0.0, "plain", plan.weights)


def _copied(network: nn.Module) -> nn.Module | None:
    """A private copy in eval mode that asks for no gradients; None if the network cannot be copied."""
    if any(isinstance(vars(module).get("forward"), type(unwrap)) for module in network.modules()):
        return None  # a function put in the place of forward may hold on to the network itself: its copy would run that
    try:
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


def _fold(network: nn.Module, traced: Trace) -> frozenset[int]:
    """Multiply each BatchNorm into the convolution before it, where nothing else reads that convolution."""
    modules = dict(network.named_modules())
    readers = Counter(number for step in traced.steps for number in set(step.inputs))
    users = Counter(name for step in traced.steps for name in step.parameters)
    folded: set[int] = set()
    for step in traced.steps:
        norm = modules.get(step.module)
        if step.op != "batch_norm" or len(step.inputs) != 1 or step.inputs[0] == INPUT:
            continue
        before = traced.steps[step.inputs[0]]
        conv = modules.get(before.module)
        once = all(users[name] == 1 for name in (*step.parameters, *before.parameters))
        if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d or readers[before.number] != 1 or not once:
            continue
        if before.op != "conv2d" or norm.running_mean is None or norm.running_var is None or before.number == traced.output:
            continue
        scale = (norm.running_var + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean * scale if norm.bias is None else norm.bias - norm.running_mean * scale
        bias = shift if conv.bias is None else shift + conv.bias * scale
        conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
        conv.bias = nn.Parameter(bias, requires_grad=False)
        (parent, _, name) = step.module.rpartition(".")
        setattr(modules[parent], name, nn.Identity())
        folded |= {before.number, step.number}
    return frozenset(folded)


def _hash(network: nn.Module) -> str:
    """Sixteen hexadecimal digits of the SHA-256 over all weights, for the record."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor):
            plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(plain.numpy().data)
    return digest.hexdigest()[:16]
