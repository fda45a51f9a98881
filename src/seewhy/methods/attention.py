"""What the methods on attention have in common: the tables of all blocks, multiplied from the first to the last."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from seewhy.engine.attention import Attention
from seewhy.engine.network import PlannedNetwork
from seewhy.errors import GradientError, MethodError, OptionError, alternatives, setting
from seewhy.explanation import empty_notes
from seewhy.methods.base import OTHER_METHOD, Attribution, Method, Request, output_gradients, plan_details, with_values

# (N, heads, tokens, tokens) over its heads.
FUSIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda table: table.mean(1),
    "max": lambda table: table.amax(1),
    "min": lambda table: table.amin(1),
}


@dataclass(frozen=True, kw_only=True)
class AttentionMethod(Method):
    """Methods that follow the attention of a transformer from its last block back to its tokens.

    Per block ``Â = ½ (A + I)``, rows divided by their sums, where A is the attention fused over its heads; the product
    ``Â_B ··· Â_1`` says how much of each token at the end came from which token at the start. Its rows of the tokens that the
    scores read (the class token, or all that are averaged) are averaged, and their columns of the photo's tokens are the map.
    """

    with_kept: ClassVar[bool] = True  # what a token keeps for itself past all blocks, through I alone, counts

    @property
    def weighting_score(self) -> str | None:
        """Whose gradient weights the tables; None where none does."""
        return None

    @abstractmethod
    def fuse(self, table: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
        """``(N, heads, tokens, tokens)`` to ``(N, tokens, tokens)``, not negative. gradient : of the score, of the same shape."""

    def attribute(self, request: Request) -> Attribution:
        """The maps of a batch, raw, on the grid of the tokens."""
        planned = request.network
        attention = planned.attention
        if isinstance(attention, str):
            raise _unfit(self.name, planned, attention)
        score = self.weighting_score
        inputs = request.clf.executor.network_inputs(request.pixels)
        (output, tables) = planned.forward_with_attention(inputs, graph=score is not None)
        with torch.inference_mode(False):
            (head, scores) = request.read(output.detach())  # a trace that can be followed ends in a tensor
            resolved = request.resolve(scores)
            (seeds, values) = output_gradients(head, output.detach(), resolved, score or "logit")
            counts = [len(row) for row in resolved]
            if score is None:
                maps = self._rollout(attention, planned, tables, None)[:, None].expand(-1, len(seeds), -1, -1)
            else:
                seeds = seeds.to(output.dtype)
                gradients = [self._gradients(planned, attention, inputs, output, seed, tables) for seed in seeds]
                maps = torch.stack([self._rollout(attention, planned, tables, of_target) for of_target in gradients], dim=1)
            arrays = maps.detach().float().cpu().numpy()
        layer = planned.trace.name(attention.steps[-1])
        targets = with_values(resolved, values)
        kept = [np.ascontiguousarray(rows[:count]) for rows, count in zip(arrays, counts, strict=True)]
        blocks = {"blocks": len(attention.blocks), "heads": sum(table.shape[1] for table in tables[: len(attention.blocks[0])])}
        return Attribution(
            maps=kept,
            targets=targets,
            scores=scores,
            signed=False,
            units="share of attention",
            layer=layer,
            notes=[
                empty_notes(own, row, layer, OTHER_METHOD, ranking=ranking)
                for own, row, ranking in zip(kept, targets, request.rankings(scores), strict=True)
            ],
            details=[plan_details(planned) | blocks for _ in counts],
            forward=1.0,
            backward=0.0 if score is None else float(max(counts)),
            head=head,
        )

    def _gradients(
        self,
        planned: PlannedNetwork,
        attention: Attention,
        inputs: torch.Tensor,
        output: torch.Tensor,
        seed: torch.Tensor,
        tables: list[torch.Tensor],
    ) -> list[torch.Tensor]:
        """Of one target's score with respect to every table. Raises GradientError where none reaches one of them."""
        gradients: list[torch.Tensor | None] = [None] * len(tables)
        if output.requires_grad and all(table.requires_grad for table in tables):
            gradients = list(torch.autograd.grad(output, tables, seed, allow_unused=True, retain_graph=True))
        reached = [gradient for gradient in gradients if gradient is not None]
        if len(reached) < len(tables):
            others = alternatives(setting("method", name) for name in ("attention_rollout", "occlusion"))
            step = next(
                step for step, gradient in zip(reversed(attention.steps), reversed(gradients), strict=True) if gradient is None
            )
            raise GradientError(
                f"{self.title}: the scores are cut off from the attention.{planned.where_cut(inputs[:1], step, others)}"
            )
        return reached

    def _rollout(
        self,
        attention: Attention,
        planned: PlannedNetwork,
        tables: list[torch.Tensor],
        gradients: list[torch.Tensor] | None,
    ) -> torch.Tensor:
        """``(N, rows, columns)``."""
        rolled = planned.read_tokens.to(tables[0].device).expand(len(tables[0]), 1, -1)  # (N, 1, tokens)
        kept = rolled
        eye = torch.eye(attention.length, device=tables[0].device)
        # From the last block to the first: a row is carried through, not a table.
        end = len(tables)
        for block in reversed(attention.blocks):
            of_block = slice(end - len(block), end)
            end -= len(block)
            table = _side_by_side(tables[of_block])
            gradient = None if gradients is None else _side_by_side(gradients[of_block])
            mixed = (self.fuse(table, gradient) + eye) / 2
            total = mixed.sum(-1, keepdim=True)
            rolled = rolled @ (mixed / total)
            kept = kept * 0.5 / total.mT
        rolled = rolled if self.with_kept else rolled - kept
        return attention.grid.read(rolled.mT)[:, 0]


def _side_by_side(tables: list[torch.Tensor]) -> torch.Tensor:
    """One table ``(N, heads, tokens, tokens)`` for a block: attentions that run side by side stand there as heads do."""
    parts = [table.detach().float() for table in tables]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _unfit(method: str, planned: PlannedNetwork, reason: str) -> MethodError:
    others = alternatives([setting("method", "grad_cam"), setting("method", "occlusion")])
    return MethodError(f"{method} does not fit {planned.name}: {reason}. Use {others}.")


def without_smallest(table: torch.Tensor, share: float) -> torch.Tensor:
    """``(N, tokens, tokens)`` with the smallest ``share`` of each photo's entries set to 0."""
    if not share:
        return table
    values = table.flatten(1)
    places = values.argsort(dim=1)[:, : round(share * values.shape[1])]
    return values.scatter(1, places, 0.0).reshape(table.shape)


def check_share(discard: float) -> None:
    """Raises OptionError."""
    if not isinstance(discard, (int, float)) or isinstance(discard, bool) or not 0 <= discard < 1:
        raise OptionError(f"{setting('discard', discard)}: it is the share of the attention that is left out: write 0.0 to 0.99.")
