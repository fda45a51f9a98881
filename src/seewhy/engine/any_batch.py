"""Networks that were read from a file, and may have been written down for one photo: several go through one at a time there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

ROUNDING = {torch.bfloat16: 5e-2, torch.float16: 5e-3}  # of a score's size: what a batch may change by it
USUAL_ROUNDING = 1e-5
APART = 1e-3  # of a score's difference between two photos: more than that, and one photo has had a say in the other's scores


class AnyBatch(nn.Module):
    """``network``, which takes (1, C, H, W), as one that takes any number of photos.

    A trace writes the sizes down that it saw: such a network may refuse several photos, give one row for all of them, or mix
    them. So before the first batch of several photos of a size, two of noise go through together and alone. A network that gives
    the same both ways runs in batches of that size from then on; any other, and one of which this cannot be told, one photo at a
    time. Gradients flow.
    """

    def __init__(self, network: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.training = False  # nothing here knows of it; the network keeps its own mode
        self.network = network
        self._in_batches: dict[torch.Size, bool] = {}  # by the shape of one photo

    def forward(self, x: torch.Tensor) -> Any:
        """The outputs of all photos, one behind the other."""
        if len(x) <= 1:
            return self.network(x)
        shape = x.shape[1:]
        if shape not in self._in_batches:
            same = gives_the_same(self.network, two_photos(x))
            if same is None:
                return _one_by_one(self.network, x)
            self._in_batches[shape] = same
        return self.network(x) if self._in_batches[shape] else _one_by_one(self.network, x)


@torch.no_grad()
def gives_the_same(network: Callable[[torch.Tensor], Any], photos: torch.Tensor) -> bool | None:
    """True where the outputs of these two are those of each alone; None where one alone fails, or its scores are not finite."""
    try:
        alone = _one_by_one(network, photos)
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception:  # whatever a reader of files raises
        return None
    expected = list(_tensors(alone))
    if not all(bool(torch.isfinite(table).all()) for table in expected):
        return None
    try:
        tables = list(_tensors(network(photos)))
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception:
        return False
    return len(tables) == len(expected) and all(map(_alike, tables, expected))


def joined(outputs: list[Any], count: int | None) -> Any:
    """Outputs of several batches as one, a tensor, or a tuple, dictionary or dataclass of them; cut to ``count`` photos."""
    (first, kind) = (outputs[0], type(outputs[0]))
    if isinstance(first, torch.Tensor):
        return torch.cat(outputs)[:count] if first.ndim else torch.stack(outputs)
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in dataclasses.fields(first) if field.init]
        return dataclasses.replace(first, **{n: joined([getattr(output, n) for output in outputs], count) for n in names})
    if isinstance(first, Mapping):
        return {key: joined([output[key] for output in outputs], count) for key in first}
    if isinstance(first, (tuple, list)):
        entries = [joined(list(entries), count) for entries in zip(*outputs, strict=True)]
        return kind(*entries) if hasattr(first, "_fields") else kind(entries)
    return first


def _one_by_one(network: Callable[[torch.Tensor], Any], x: torch.Tensor) -> Any:
    return joined([network(photo) for photo in torch.split(x, 1)], None)


def two_photos(x: torch.Tensor) -> torch.Tensor:
    """A dark one of little contrast and a light one of noise, in the range of these: any network that tells photos apart tells
    these. Around 0, too, they differ in their mean, their spread and their largest number without its sign."""
    (low, high) = (float(x.detach().min()), float(x.detach().max()))
    noise = torch.rand((2, *x.shape[1:]), generator=torch.Generator().manual_seed(0)).to(x) / 2
    noise[0] = noise[0] / 2 + 0.25
    noise[1] += 0.5
    return low + noise * ((high - low) or 1.0)


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    """The tensors of an output, in its order."""
    if isinstance(output, torch.Tensor):
        yield output
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        for field in dataclasses.fields(output):
            yield from _tensors(getattr(output, field.name))
    elif isinstance(output, Mapping):
        for entry in output.values():
            yield from _tensors(entry)
    elif isinstance(output, (tuple, list)):
        for entry in output:
            yield from _tensors(entry)


def _alike(together: torch.Tensor, alone: torch.Tensor) -> bool:
    """True where both hold the same numbers; a network may drop the batch axis of a single photo."""
    if together.shape != alone.shape and not (
        len(together.shape[:1]) and len(together) == 2 and together.numel() == alone.numel()
    ):
        return False
    if not alone.numel() or alone.numel() % 2:
        return torch.equal(together.flatten(), alone.flatten())
    rounding = ROUNDING.get(alone.dtype, USUAL_ROUNDING)
    (together, alone) = (table.double().reshape(2, -1) for table in (together, alone))
    allowed = APART * (alone[0] - alone[1]).abs() + rounding * alone.abs().amax(0)  # for each score, whatever the others' sizes
    return bool(((together - alone).abs() <= allowed).all())
