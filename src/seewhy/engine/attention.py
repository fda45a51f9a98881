"""Which token looked at which: the attention of a pass, also where one fused operation hides it.

Found by operations: a softmax whose result is a table of tokens by tokens, ``scaled_dot_product_attention``, and
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
from seewhy.engine.steps import Grid, Step, Trace
from seewhy.errors import MethodError, setting

_FUSED = "scaled_dot_product_attention"
_WHOLE = "multi_head_attention_forward"  # with its projections: what nn.MultiheadAttention calls
OPERATIONS = ("softmax", _FUSED, _WHOLE)


@dataclass(frozen=True)
class Attention:
    """The attention blocks of a network, one after the other.

    steps : the operations. tokens : a step behind the last one whose tokens are those of the attention. grid : how a row of a
    table ``(N, tokens, 1)`` lies over the photo. length : the number of tokens.
    """

    steps: tuple[Step, ...]
    tokens: Step
    grid: Grid
    length: int


def find_attention(trace: Trace) -> Attention | str:
    """The attention of a pass; in words, why there is none that could be multiplied from block to block."""
    steps = [step for step in trace.path if is_attention(step)]
    if not steps:
        return "no operation of it is an attention of tokens to tokens"
    length = _tokens_of(steps[-1])
    for step in steps:
        if step.op != _WHOLE and (step.shape[0] != 1 or len(step.shape) > 4):
            return f"the attention in '{step.module}' looks at windows of the photo, each by itself"
        if (side := _tokens_of(step)) != length:
            return f"the attention in '{step.module}' is {side}×{side}, and the last one {length}×{length}"
    for tokens in reversed(trace.path):
        grid = tokens.grid
        if tokens.number < steps[-1].number or grid is None or grid.layout != "tokens" or grid.axes > 1:
            continue
        if tokens.shape[1 - grid.batch_axis] == length:
            return Attention(tuple(steps), tokens, replace(grid, batch_axis=0), length)
    return f"behind its last attention there are no {length} tokens with rows and columns"


def _tokens_of(step: Step) -> int:
    """The number of tokens that look: of ``(N, heads, tokens, ...)``, or of ``(tokens, N, channels)``."""
    return step.shape[0] if step.op == _WHOLE else step.shape[-2]


def is_attention(step: Step) -> bool:
    """Not any softmax: a table of tokens by tokens."""
    if step.op not in OPERATIONS:
        return False
    return step.op != "softmax" or (len(step.shape) > 2 and step.shape[-1] == step.shape[-2] > 1)


class _InTheOpen(OperationMode):
    """Does the attention of some addresses so that its tables can be seen.

    graph : the tables stand in an autograd graph that begins with the first of them.
    """

    def __init__(self, addresses: frozenset[Address], graph: bool) -> None:
        super().__init__(frozenset(OPERATIONS))
        (self._addresses, self._graph) = (addresses, graph)
        self.tables: list[torch.Tensor] = []

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if address not in self._addresses:
            return func(*args, **kwargs)
        if self._graph and not self.tables:
            torch.set_grad_enabled(True)  # from here on; the caller's no_grad() puts it back
            query = args[0] if args else kwargs["input" if address.name == "softmax" else "query"]
            leaf = query.detach().requires_grad_()
            args = tuple(leaf if argument is query else argument for argument in args)
            kwargs = {name: leaf if argument is query else argument for name, argument in kwargs.items()}
        if address.name == "softmax":
            table = func(*args, **kwargs)
            return self._kept(table)
        if address.name == _FUSED:
            return self._fused(*args, **kwargs)
        return self._whole(*args, **kwargs)

    def _kept(self, table: torch.Tensor) -> torch.Tensor:
        self.tables.append(table if table.ndim == 4 else table[:, None])  # one head may have no axis
        return table.clone()  # what follows may write into the copy

    def _fused(
        self,
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
        return self._kept(logits.softmax(-1)) @ value

    def _whole(
        self,
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
        read = self._kept(table) @ values
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

    graph : the output, and each table, depend on the first table through autograd.
    """
    opened = _InTheOpen(frozenset(step.address for step in steps), graph)
    with plan.ready(), opened:
        output = pick(plan.network(plan.prepare(inputs.detach())))
    return output, opened.tables
