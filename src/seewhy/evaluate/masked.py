"""One photo with parts of it hidden, and what the network then says of a class. What hides pixels goes through here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy.classifier import Classifier
from seewhy.engine.patched import Positions, Size
from seewhy.engine.sweep import Copies, Indices, Sweep
from seewhy.geometry import Array
from seewhy.head import Head
from seewhy.methods.fills import fill_image
from seewhy.records import Photo, Target

Ranks = npt.NDArray[np.int32]


class MaskedPhoto:
    """A photo whose masked copies are run through the network, in batches.

    size : (H, W) of the network's input. passes : photos that went through so far, the untouched one included.
    advance : hears of every block how many copies went through; who sends other photos through tells it, too.
    """

    def __init__(
        self,
        clf: Classifier,
        photo: Photo,
        fill: Any,
        seed: int = 0,
        batch_size: int | None = None,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        clf = clf.beside(photo)
        executor = clf.executor
        pixels = executor.pixels([photo])
        planned = executor.planned(pixels) if clf.is_module else None
        self.size: Size = (pixels.shape[2], pixels.shape[3])
        self.advance = advance
        self._clf = clf
        self._sweep = Sweep(
            executor.call if planned is None else planned.forward_prepared,
            planned,
            executor.network_inputs(pixels),
            batch_size=batch_size,
            precision=executor.precision,
        )
        output = self._sweep.untouched()
        self._untouched = clf.class_scores(output, 1)
        self._head = executor.head(planned, output)
        image = fill_image(photo.pixels, fill, seed, bytes_range=executor.pixels_are_bytes)
        self._sweep.fill_with(executor.network_inputs(torch.from_numpy(image)[None].to(pixels)))

    @property
    def passes(self) -> int:
        return self._sweep.spending.passes

    @property
    def seconds_each(self) -> float:
        """What one copy will take, roughly."""
        return self._sweep.guess(MaskCopies(np.ones((1, *self.size), bool)))

    def untouched(self, target: Target, score: str = "probability") -> float:
        """What the network says of the target's class for the photo itself; see :func:`target_values`."""
        return float(target_values(self._head, self._untouched, target, score)[0])

    def values(self, copies: Copies, count: int, target: Target, score: str = "probability") -> Array:
        """``(count,)``: what it says for each copy. score : "probability" or "log_odds"."""
        values = np.full(count, np.nan, np.float32)

        def on_block(indices: Indices, output: Any) -> None:
            values[indices] = target_values(self._head, self._clf.class_scores(output, len(indices)), target, score)
            self.advance(len(indices))

        self._sweep.process(copies, np.arange(count), on_block)
        return values

    @property
    def head_kind(self) -> str:
        """How scores are read: "softmax", "sigmoid", "binary" or "none"."""
        return self._head.kind

    def as_probability(self, log_odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values with score "log_odds" as probabilities; with head "none", whose values are no odds, as they are."""
        if self._head.kind == "none":
            return log_odds
        return 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))


def target_values(head: Head, rows: torch.Tensor, target: Target, score: str) -> Array:
    """``(N,)``: what rows of class scores ``(N, K)`` say of a target. score : "probability" or "log_odds".

    Compared with another class: how much more the network leans to the one than to the other, the difference of their logits as
    log-odds, and as a probability that of the one among the two, ``p_a / (p_a + p_b)`` with softmax. With head "none" the
    difference of the values.
    """

    def value(index: int | None, kind: str) -> torch.Tensor:
        return head.value(rows.float(), torch.full((len(rows),), index or 0, device=rows.device), kind)

    with torch.no_grad():
        if target.against is None:
            values = value(target.index, score)
        else:
            values = value(target.index, "logit") - value(target.against.index, "logit")
            if score == "probability" and head.kind != "none":
                values = values.sigmoid()
    array: Array = values.float().cpu().numpy()
    return array


def subject_of(name: str, compared: bool, head: str) -> str:
    """A target as the subject of a sentence about its values, with what they are where it is compared with another class.

    name : see :attr:`Target.text`. head : the head's kind.
    """
    if not compared:
        return f"'{name}'"
    values = {"sigmoid": "its share of the two odds", "none": "the difference of the two scores"}
    return f"'{name}' ({values.get(head, 'its share of the two probabilities')})"


class RankedCopies(Copies):
    """Copies that hide the strongest pixels of a map, or show nothing else.

    ranks : ``(M, H, W)``, 0 at the strongest pixel of each map; see :func:`ranks_of`. maps : ``(n,)``, which of them each copy
    follows. counts : ``(n,)`` pixels. shown : ``(n,)`` bool: these pixels are shown, and the others hidden; else the other way.
    """

    def __init__(self, ranks: Ranks, maps: npt.ArrayLike, counts: npt.ArrayLike, shown: npt.ArrayLike) -> None:
        self._ranks = torch.from_numpy(ranks)
        (self._maps, self._counts) = (np.asarray(maps), torch.from_numpy(np.asarray(counts, dtype=np.int32)))
        self._shown = torch.from_numpy(np.asarray(shown, dtype=bool))

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        counted = self._ranks[self._maps[indices]] < self._counts[indices, None, None]
        return counted == self._shown[indices, None, None]


class MaskCopies(Copies):
    """Copies that show what their masks show. visible : ``(n, H, W)``, bool, or shares from 0 to 1."""

    def __init__(self, visible: npt.NDArray[Any]) -> None:
        self._visible = torch.from_numpy(visible)

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        return self._visible[indices]


def ranks_of(map: Array, seed: int) -> Ranks:
    """``(H, W)``: 0 for the strongest pixel, 1 for the next; equal ones in a random order, so that no corner is preferred."""
    order = np.lexsort((np.random.default_rng(seed).random(map.size), -map.ravel()))
    ranks = np.empty(map.size, np.int32)
    ranks[order] = np.arange(map.size, dtype=np.int32)
    return ranks.reshape(map.shape)
