"""Which token looked at which: the attention of a pass, also where one fused operation hides it.

Found by operations: a softmax of a product of tokens with tokens, ``scaled_dot_product_attention``, and
``multi_head_attention_forward``. The fused ones are done in the open for one pass: softmax(q·kᵀ / √d), then times v.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from seewhy.engine.operations import Address, OperationMode
from seewhy.engine.plan import Plan
from seewhy.engine.steps import Grid, Looks, Step, Trace
from seewhy.errors import MethodError, setting

_FUSED = "scaled_dot_product_attention"
_WHOLE = "multi_head_attention_forward"  # with its projections: what nn.MultiheadAttention calls
OPERATIONS = ("softmax", _FUSED, _WHOLE)
_SWITCH = "_set_grad_enabled"  # what no_grad(), enable_grad() and set_grad_enabled() call


@dataclass(frozen=True)
class Attention:
    """The attention blocks of a network, one after the other.

    blocks : the operations of each; those that run side by side (``t + a(t) + b(t)``) are of one block. tokens : a step behind
    the last one whose tokens are those of the attention. grid : how a row of a table ``(N, tokens, 1)`` lies over the photo.
    length : the number of tokens.
    """

    blocks: tuple[tuple[Step, ...], ...]
    tokens: Step
    grid: Grid
    length: int

    @property
    def steps(self) -> tuple[Step, ...]:
        """The operations, in order."""
        return tuple(step for block in self.blocks for step in block)


def find_attention(trace: Trace) -> Attention | str:
    """The attention of a pass; in words, why there is none that could be multiplied from block to block."""
    steps = []
    for step in trace.path:
        if isinstance(step.looks, str):
            return f"the attention in '{step.module}' {step.looks}"
        if step.looks is not None:
            steps.append(step)
    if not steps:
        return "no operation of it is an attention of tokens to tokens"
    last = steps[-1].looks
    assert isinstance(last, Looks)
    for step in steps:
        assert isinstance(step.looks, Looks)
        if (side := step.looks.tokens) != last.tokens:
            return f"the attention in '{step.module}' is {side}×{side}, and the last one {last.tokens}×{last.tokens}"
        if (step.looks.sides, step.looks.indices) != (last.sides, last.indices):
            return f"the attention in '{step.module}' has its tokens in another order than the last one"
    reached = _reached(trace, steps)
    blocks = [[steps[0]]]
    for step in steps[1:]:
        read = reached[step.number]
        if read >= _numbers(blocks[-1]):
            blocks.append([step])
        elif read & _numbers(blocks[-1]) or (len(blocks) > 1 and not read >= _numbers(blocks[-2])):
            return f"the attention in '{step.module}' runs beside others, in a branch of its own"
        else:
            blocks[-1].append(step)
    for tokens in reversed(trace.path):
        grid = tokens.grid
        if tokens.number < steps[-1].number or grid is None or grid.layout != "tokens" or grid.axes > 1:
            continue
        same_tokens = (grid.sides, tuple(grid.indices)) == (last.sides, last.indices)
        if same_tokens and tokens.shape[1 - grid.batch_axis] == last.tokens and reached[tokens.number] >= _numbers(blocks[-1]):
            return Attention(tuple(map(tuple, blocks)), tokens, replace(grid, batch_axis=0), last.tokens)
    return f"behind its last attention there are no {last.tokens} tokens with rows and columns"


def _reached(trace: Trace, steps: list[Step]) -> dict[int, frozenset[int]]:
    """Of every step on the path, which of the given steps it depends on, or is."""
    numbers = _numbers(steps)
    reached: dict[int, frozenset[int]] = {}
    for step in trace.path:
        own = numbers & {step.number}
        reached[step.number] = own.union(*(reached.get(number, frozenset()) for number in step.inputs))
    return reached


def _numbers(steps: list[Step]) -> frozenset[int]:
    return frozenset(step.number for step in steps)


def is_attention(step: Step) -> bool:
    """Not any softmax: a square table, be it of tokens or of channels."""
    if step.op not in OPERATIONS:
        return False
    return step.op != "softmax" or (len(step.shape) > 2 and step.shape[-1] == step.shape[-2] > 1)


class _InTheOpen(OperationMode):
    """Does the attention of some steps so that its tables can be seen.

    size : of the batch. graph : every table is a leaf of the autograd graph, or depends on those before it. What the network
    itself says of gradients, as in a ``no_grad()`` around its backbone, does not count then. alone : the tables of the first
    photo by itself, where they are needed to tell how heads are folded into the batch axis.
    """

    def __init__(self, steps: tuple[Step, ...], size: int, graph: bool, alone: list[torch.Tensor] | None = None) -> None:
        super().__init__(frozenset([*OPERATIONS, _SWITCH] if graph else OPERATIONS))
        self._looks = {step.address: step.looks for step in steps}
        (self._size, self._graph, self._alone) = (size, graph, alone)
        self.tables: list[torch.Tensor] = []

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if address.name == _SWITCH:
            return None
        looks = self._looks.get(address)
        if not isinstance(looks, Looks):
            return func(*args, **kwargs)
        if address.name == "softmax":
            table = func(*args, **kwargs)
            return self._kept(table.mT, looks).mT if looks.transposed else self._kept(table, looks)
        if address.name == _FUSED:
            return self._fused(looks, *args, **kwargs)
        return self._whole(looks, *args, **kwargs)

    def _kept(self, table: torch.Tensor, looks: Looks) -> torch.Tensor:
        """Keeps ``(N, heads, tokens, tokens)``; returns it in the table's own shape."""
        shape = table.shape
        flat = table.reshape(-1, *shape[-2:])
        heads_first = not looks.batch_first and self._has_heads_first(flat)
        kept = (
            flat.reshape(-1, self._size, *shape[-2:]).transpose(0, 1)
            if heads_first
            else flat.reshape(self._size, -1, *shape[-2:])
        )
        if self._graph and not kept.requires_grad and not torch.is_inference_mode_enabled():
            torch.set_grad_enabled(True)  # from here on; the caller's no_grad() puts it back
            kept = kept.clone().detach().requires_grad_()
        self.tables.append(kept)
        flat = kept.transpose(0, 1).flatten(0, 1) if heads_first else kept.flatten(0, 1)
        return flat.reshape(shape).clone()  # what follows may write into the copy

    def _has_heads_first(self, flat: torch.Tensor) -> bool:
        """True where the first photo's heads do not stand one after the other."""
        if self._alone is None:
            return False
        alone = self._alone[len(self.tables)][0]
        (one_by_one, apart) = (flat[: len(alone)], flat[:: self._size])
        return bool((apart - alone).abs().max() < (one_by_one - alone).abs().max())

    def _fused(
        self,
        looks: Looks,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        """torch's definition of the operation, without its dropout: the network is in eval mode."""
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            (key, value) = (tensor.repeat_interleave(groups, -3) for tensor in (key, value))
        logits = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, float("-inf"))
        elif attn_mask is not None:
            logits = logits + attn_mask
        return self._kept(logits.softmax(-1), looks) @ value

    def _whole(
        self,
        looks: Looks,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        embed_dim_to_check: int,
        num_heads: int,
        in_proj_weight: torch.Tensor | None,
        in_proj_bias: torch.Tensor | None,
        bias_k: Any,
        bias_v: Any,
        add_zero_attn: bool,
        dropout_p: float,
        out_proj_weight: torch.Tensor,
        out_proj_bias: torch.Tensor | None,
        **others: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """torch's definition, ``(tokens, N, channels)``."""
        if bias_k is not None or add_zero_attn or query.ndim != 3:
            raise MethodError(
                "The network's attention has keys that are no tokens (bias_k, add_zero_attn): it cannot be followed from block "
                f"to block. Use {setting('method', 'grad_cam')}."
            )
        if in_proj_weight is None:
            weights = tuple(others[f"{name}_proj_weight"] for name in "qkv")
        else:
            weights = in_proj_weight.chunk(3)
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        parts = []
        for inputs, weight, bias in zip((query, key, value), weights, biases, strict=True):
            projected = functional.linear(inputs, weight, bias)  # (tokens, N, channels)
            parts.append(projected.reshape(*projected.shape[:-1], num_heads, -1).permute(1, 2, 0, 3))
        (queries, keys, values) = parts
        logits = queries @ keys.mT / math.sqrt(queries.shape[-1])
        if (mask := others.get("attn_mask")) is not None:  # (tokens, tokens), or one for each head of each photo
            logits = _masked(logits, mask.reshape(logits.shape) if mask.ndim == 3 else mask)
        if (padding := others.get("key_padding_mask")) is not None:
            logits = _masked(logits, padding[:, None, None])
        table = logits.softmax(-1)
        read = self._kept(table, looks) @ values
        out = functional.linear(read.permute(2, 0, 1, 3).flatten(2), out_proj_weight, out_proj_bias)
        if not others.get("need_weights", True):
            return out, None
        return out, table.mean(1) if others.get("average_attn_weights", True) else table


def _masked(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """nn.MultiheadAttention's masks: True leaves out."""
    return logits.masked_fill(mask, float("-inf")) if mask.dtype == torch.bool else logits + mask


def forward_with_attention(
    plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], steps: tuple[Step, ...], graph: bool
) -> tuple[Any, list[torch.Tensor]]:
    """The picked output for ``(N, C, H, W)`` inputs, and the tables ``(N, heads, tokens, tokens)`` of the steps, in order.

    graph : the output depends on each table through autograd, and each table on those before it.
    """
    alone = None
    if len(inputs) > 1 and any(isinstance(step.looks, Looks) and not step.looks.batch_first for step in steps):
        (_, alone) = forward_with_attention(plan, inputs[:1], pick, steps, graph=False)
    opened = _InTheOpen(steps, len(inputs), graph, alone)
    with plan.ready(), opened:
        output = pick(plan.network(plan.prepare(inputs.detach())))
    return output, opened.tables
