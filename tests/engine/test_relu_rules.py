"""The ReLU rules: hand-made numbers for every way to write a ReLU, in place, reused, in two threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from seewhy.engine.relu_rules import ReluRule

X = [-1.0, 2.0, 3.0, 7.0, -5.0]
G = [1.0, -1.0, 1.0, 1.0, -1.0]
# What arrives at X from G: x > 0; both; g > 0.
OPEN = {"plain": [0, -1, 1, 1, 0], "guided": [0, 0, 1, 1, 0], "deconvnet": [1, 0, 1, 1, 0]}
LIMITED = {"plain": [0, -1, 1, 0, 0], "guided": [0, 0, 1, 0, 0], "deconvnet": [1, 0, 1, 1, 0]}


def statement(x: torch.Tensor) -> torch.Tensor:
    """In place, its result thrown away: what reads x afterwards must see it."""
    x.relu_()
    return x


RELUS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "functional": F.relu,
    "functional in place": lambda x: F.relu(x, inplace=True),
    "functional in place by position": lambda x: F.relu(x, True),
    "functional with underscore": F.relu_,
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": lambda x: x.relu(),
    "statement": statement,
    "clamp": lambda x: x.clamp(min=0),
    "clamp by position": lambda x: torch.clamp(x, 0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clamp_min in place": lambda x: x.clamp_min_(0.0),
}
LIMITS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "relu6": F.relu6,
    "hardtanh from 0": nn.Hardtanh(0, 6),
    "clip": lambda x: torch.clip(x, 0, 6),
}
OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "leaky ReLU": F.leaky_relu,
    "GELU": F.gelu,
    "SiLU": F.silu,
    "hardtanh": F.hardtanh,
    "clamp from -1": lambda x: x.clamp(-1, 1),
    "clamp from above": lambda x: x.clamp(max=2),
}


def through(relu: Callable[[torch.Tensor], torch.Tensor], rule: str) -> tuple[list[float], list[float], int]:
    """The result, the gradient at X, and how many ReLUs there were."""
    x = torch.tensor(X, requires_grad=True)
    with ReluRule(rule) as mode:
        y = relu(x * 1.0)
        (gradient,) = torch.autograd.grad((y * torch.tensor(G)).sum(), x)
    return y.tolist(), gradient.tolist(), mode.seen


@pytest.mark.parametrize("rule", OPEN)
@pytest.mark.parametrize("name", RELUS)
def test_every_relu_goes_back_by_the_rule(name: str, rule: str) -> None:
    assert through(RELUS[name], rule) == ([0.0, 2.0, 3.0, 7.0, 0.0], OPEN[rule], 1)


@pytest.mark.parametrize("rule", LIMITED)
@pytest.mark.parametrize("name", LIMITS)
def test_relu6_is_a_relu_with_a_gate_between_0_and_6(name: str, rule: str) -> None:
    assert through(LIMITS[name], rule) == ([0.0, 2.0, 3.0, 6.0, 0.0], LIMITED[rule], 1)


@pytest.mark.parametrize("name", OTHERS)
def test_other_functions_are_untouched(name: str) -> None:
    (expected, guided) = (through(OTHERS[name], rule) for rule in ("plain", "guided"))
    assert guided == expected
    assert guided[2] == 0


def test_a_reused_relu_counts_each_time() -> None:
    relu = nn.ReLU(inplace=True)
    (y, gradient, count) = through(lambda x: relu(relu(x) - 2.5), "guided")
    assert y == [0.0, 0.0, 0.5, 4.5, 0.0]
    assert gradient == [0, 0, 1, 1, 0]
    assert count == 2


def test_nothing_is_left_behind() -> None:
    relu = nn.ReLU()
    before = dict(vars(relu))
    with pytest.raises(RuntimeError, match="must match the size"), ReluRule("guided"):
        relu(torch.ones(2, requires_grad=True) * 1) + torch.ones(3)
    assert vars(relu) == before
    x = torch.tensor(X, requires_grad=True)
    (gradient,) = torch.autograd.grad((relu(x) * torch.tensor(G)).sum(), x)
    assert gradient.tolist() == OPEN["plain"]


def test_a_rule_is_local_to_its_thread() -> None:
    gradients: dict[str, list[list[float]]] = {rule: [] for rule in OPEN}
    barrier = threading.Barrier(len(OPEN))
    relu = nn.ReLU()

    def work(rule: str) -> None:
        barrier.wait()
        for _ in range(50):
            gradients[rule].append(through(relu, rule)[1])

    threads = [threading.Thread(target=work, args=(rule,)) for rule in OPEN]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(row == OPEN[rule] for rule, rows in gradients.items() for row in rows)
    assert all(len(rows) == 50 for rows in gradients.values())
