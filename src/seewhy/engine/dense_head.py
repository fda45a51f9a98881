"""Does the network average a tensor over space and apply one dense layer? Found by values, not by names of modules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from seewhy.engine.steps import INPUT, JOINS, MOVES, DenseHead, Step, is_feature

_ACTIVATIONS = {"softmax": "softmax", "sigmoid": "sigmoid", "special_expit": "sigmoid"}
_SHAPE_ONLY = frozenset(["flatten", "view", "reshape", "squeeze", "squeeze_", "__getitem__", "contiguous", "unflatten"])
_SAME_VALUES = _SHAPE_ONLY | frozenset(
    ["clone", "detach", "unsqueeze", "transpose", "t", "permute", "__get__", "float", "double", "half", "bfloat16", "to", "type"]
)
# What may stand between a network's own sigmoid or softmax and what it returns: other shapes and precisions, limits.
_KEEPS_VALUES = _SAME_VALUES | frozenset(["clamp", "clamp_", "clamp_min", "clamp_max", "clip"])
_MOVES = MOVES | _SAME_VALUES
# Of which an average over space is made. A sum is one where its quotient is: that is seen by the values.
_AVERAGES = frozenset(["mean", "sum", "div", "div_", "true_divide", "__truediv__", "mul", "mul_", "__mul__", "__rmul__"])


def find_dense_head(
    steps: Sequence[Step], output: int | None, value: Callable[[int], torch.Tensor | None], shapes: dict[str, tuple[int, ...]]
) -> DenseHead | None:
    """Back from the scores to a tensor whose mean over space is what the dense layer reads; None for other heads.

    output : the step of the scores. value : what a step gave, None where that has been overwritten. shapes : of the weights.
    """

    def back(number: int | None) -> Iterator[Step]:
        while number is not None and number != INPUT:
            step = steps[number]
            yield step
            number = step.inputs[0] if len(set(step.inputs)) == 1 else None

    path = list(back(output))
    ending = next((i for i, step in enumerate(path) if step.op not in _SHAPE_ONLY), 0)
    activated = bool(path) and path[ending].op in (*_ACTIVATIONS, "log_softmax")
    behind = path[:ending] if activated else []
    path = path[ending + 1 :] if activated else path
    if not path:
        return None
    (logits, weight, bias) = (path[0].number, None, None)
    dense = next((i for i, step in enumerate(path) if step.op in ("linear", "conv2d", "conv3d")), len(path))
    if dense < len(path) and path[dense].parameters and not _has_cells(path[dense]):
        (weight, bias) = (*path[dense].parameters, None)[:2]
        behind += path[:dense]  # only changes of shape may follow the dense layer
        rows = math.prod(path[dense].shape)
        path = path[dense + 1 :]
        if not path or any(step.op not in _SHAPE_ONLY for step in behind):
            return None
        # Not the bias of a weight that is computed, nor groups; a 1×1 convolution of the average is a matrix, too.
        (matrix, sides) = (shapes[str(weight)][:2], shapes[str(weight)][2:])
        if matrix != (rows, math.prod(path[0].shape)) or math.prod(sides) != 1:
            return None
    if not all(_takes_all(step, value) for step in behind):
        return None  # a class's score is another row of the dense layer
    pooled = value(path[0].number)
    candidates: list[Step] = []
    for step in path:
        features = value(step.number)
        if step.grid is not None and step.grid.has_cells and features is not None:
            mean = step.grid.read(features).mean(dim=step.grid.spatial).flatten()
            varies = bool((features != features.flatten()[0]).any())  # a constant tensor's mean is also its maximum
            if pooled is None or not varies or mean.shape != pooled.flatten().shape:
                break
            if not bool(mean.isfinite().all()):
                break  # broken weights; what the scores are is said where they are read
            if not torch.allclose(mean, pooled.flatten().to(mean.dtype), rtol=1e-4, atol=1e-6 * float(mean.abs().max())):
                break
            candidates.append(step)
        if not _may_average(step):
            break  # a ReLU that changes nothing here may change the average of another photo
    if not candidates:
        return None
    # Pooling in two stages has the same mean before the first one, on a finer grid.
    features_step = next((step for step in candidates if is_feature(step)), candidates[0])
    return DenseHead(features_step.number, weight, bias, logits, activated)


def _has_cells(step: Step) -> bool:
    return step.grid is not None and step.grid.has_cells


def _may_average(step: Step) -> bool:
    """True for what moves values, averages them, or multiplies them with a number; a network may also join a single tensor."""
    return step.op in _MOVES | _AVERAGES | JOINS or "avg_pool" in step.op


def _takes_all(step: Step, value: Callable[[int], torch.Tensor | None]) -> bool:
    """False where an index leaves values out, or orders them anew; every other change of shape keeps all of them."""
    if step.op != "__getitem__":
        return True
    (source, taken) = (value(step.inputs[0]), value(step.number))
    if source is None or taken is None or source.numel() != taken.numel():
        return False
    return source.data_ptr() == taken.data_ptr()  # slices look at the same memory in its order, lists of indices copy


def closing_activations(steps: Sequence[Step], output: int | None) -> tuple[str, ...]:
    """The softmaxes and sigmoids that end the pass, the last one first, only changes of shape between them: ("softmax",)."""
    kinds: list[str] = []
    number = output
    while number is not None and number != INPUT:
        step = steps[number]
        kind = _ACTIVATIONS.get(step.op.rstrip("_"), "")
        if len(set(step.inputs)) != 1 or not (kind or step.op in _KEEPS_VALUES):
            break
        kinds += [kind] * bool(kind)
        number = step.inputs[0]
    return tuple(kinds)


def last_activation(steps: Sequence[Step], output: int | None) -> str:
    """The last operation that changes values, where it is a softmax or a sigmoid: "softmax" or "sigmoid"; "" for any other."""
    return next(iter(closing_activations(steps, output)), "")


def describe_operations(steps: Iterable[Step]) -> str:
    """``"avg_pool2d → layer_norm → linear → index"``: the operations in words, changes of shape left out."""
    silent = (_SHAPE_ONLY | {"permute", "__get__", "dropout"}) - {"__getitem__"}
    names = ["index" if step.op == "__getitem__" else step.op.strip("_") for step in steps if step.op not in silent]
    return " → ".join(names) if names else "nothing"
