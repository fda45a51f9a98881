"""What forward writes down is as it was before each pass: the same call gives the same map, and the network comes back."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.engine.own_state import Written, from_its_state, watched

PHOTO = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(0)) + 1


class Remembers(nn.Module):
    """A running mean of its photos, in one of several forms, is taken off them."""

    def __init__(self, form: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(8, 4)
        self.form = form
        self.register_buffer("mean", torch.zeros(()))
        self.number = 0.0
        self.seen: list[torch.Tensor] = []
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = x
        if self.form == "replaced":
            self.mean = self.mean * 0.9 + x.mean() * 0.1
        elif self.form == "in place":
            self.mean.mul_(0.9).add_(x.mean() * 0.1)
        elif self.form == "number":
            self.number = self.number * 0.9 + float(x.detach().mean()) * 0.1
        else:
            self.seen.append(x.mean() * 0.1)
        shift = self.mean + self.number + sum(self.seen)
        return self.fc(self.features(x - shift * 3).mean((2, 3)))


FORMS = ["replaced", "in place", "number", "list"]


@pytest.mark.parametrize("as_is", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["grad_cam", "gradient", "occlusion"])
def test_the_same_call_gives_the_same_map(method: str, form: str, as_is: bool) -> None:
    network = Remembers(form).eval()
    if as_is:
        network.lock = threading.Lock()
    clf = seewhy.Classifier(network)
    (first, second) = (seewhy.explain(clf, PHOTO, method, target=1).maps for _ in range(2))
    assert clf.executor.planned().plan.as_is == as_is
    assert np.ptp(first) > 0
    assert np.array_equal(first, second)
    with torch.no_grad():
        np.testing.assert_allclose(clf.logits(PHOTO), Remembers(form).eval()(PHOTO[None]), atol=1e-5)
    assert (float(network.mean), network.number, network.seen, network.calls) == (0, 0, [], 0)
    assert not hasattr(network, "last")


@pytest.mark.parametrize("form", FORMS)
def test_masked_copies_know_nothing_of_each_other(form: str) -> None:
    clf = seewhy.Classifier(Remembers(form).eval())
    (one, many) = (seewhy.explain(clf, PHOTO, "occlusion", target=1, batch_size=size).maps for size in (1, 16))
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_pass_is_watched_and_leaves_nothing(form: str) -> None:
    network = Remembers(form).eval()
    mean = network.mean
    with watched(network) as written:
        network(PHOTO[None])
    changed = {
        "replaced": Written("", "mean", True, False),
        "in place": Written("", "mean", True, True),
        "number": Written("", "number", False, False),
        "list": Written("", "seen", False, True),
    }[form]
    assert set(written) == {changed, Written("", "calls", False, False), Written("", "last", False, False)}
    assert network.mean is mean
    assert (float(mean), network.number, network.seen, network.calls) == (0, 0, [], 0)


def test_the_state_comes_back_after_an_error_and_inside_each_other() -> None:
    network = Remembers("in place").eval()
    written = (Written("", "mean", True, True), Written("", "calls", False, False), Written("gone", "mean", True, True))
    mean = network.mean
    with from_its_state(network, written):
        network(PHOTO[None])
        assert network.calls == 1
        inner = network.mean
        with from_its_state(network, written):
            network(PHOTO[None])
        assert network.mean is inner
    with pytest.raises(RuntimeError, match="channels"), from_its_state(network, written):
        network(PHOTO[None, :2])
    assert network.mean is mean
    assert (float(mean), mean._version, network.calls) == (0, 0, 0)


def test_a_gradient_goes_through_what_was_written_into() -> None:
    """The pass's own numbers stay: what comes after it must not write into them."""
    network = Remembers("in place").eval()
    photo = PHOTO.clone().requires_grad_()
    scores = network(photo[None])
    (expected,) = torch.autograd.grad(scores[0, 1], photo)
    maps = seewhy.explain(seewhy.Classifier(Remembers("in place").eval()), PHOTO, "gradient", target=1, signed=True).maps
    np.testing.assert_allclose(maps[0], expected.sum(0), rtol=1e-4, atol=1e-6)
