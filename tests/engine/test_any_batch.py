"""Networks written down for one photo, as ones that take any number."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from one_photo_nets import FORMS, OnePhoto
from torch import nn

import seewhy
from seewhy.engine.any_batch import AnyBatch, joined

PHOTOS = torch.rand((5, 3, 8, 8), generator=torch.Generator().manual_seed(1))


def counted(network: Callable[[torch.Tensor], Any]) -> tuple[AnyBatch, list[int]]:
    """The network, and how many photos each of its calls had."""
    sizes: list[int] = []

    def forward(x: torch.Tensor) -> Any:
        sizes.append(len(x))
        return network(x)

    return AnyBatch(forward), sizes


@pytest.mark.parametrize("form", FORMS)
def test_one_photo_at_a_time_where_a_batch_gives_something_else(form: str) -> None:
    network = OnePhoto(form).eval()
    alone = torch.cat([network(photo) for photo in PHOTOS.split(1)]).detach()
    assert float((alone[0] - alone[1]).abs().max()) > 1e-3
    (any_batch, sizes) = counted(network)
    torch.testing.assert_close(any_batch(PHOTOS), alone, rtol=0, atol=0)
    assert sizes[-5:] == [1] * 5
    assert len(sizes) == 3 + 5
    torch.testing.assert_close(any_batch(PHOTOS), alone, rtol=0, atol=0)
    assert len(sizes) == 3 + 10, "it is tried once"


def test_a_batch_where_it_gives_the_same() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    (any_batch, sizes) = counted(network)
    torch.testing.assert_close(any_batch(PHOTOS[:1]), network(PHOTOS[:1]))
    assert sizes == [1], "nothing is tried for a single photo"
    torch.testing.assert_close(any_batch(PHOTOS), network(PHOTOS))
    assert sizes == [1, 1, 1, 2, 5]


@pytest.mark.parametrize(
    "network",
    [
        lambda x: x.mean((1, 2, 3)).squeeze(),  # one number for one photo
        lambda x: x.mean((2, 3)).squeeze(),  # (3,) for one photo
        lambda x: {"main": x.mean((2, 3)), "all": (x.amax((2, 3)), "text")},
        lambda x: x.mean((2, 3)) > 0.4,
    ],
)
def test_what_is_the_same_in_a_batch(network: Callable[[torch.Tensor], Any]) -> None:
    (any_batch, sizes) = counted(network)
    any_batch(PHOTOS)
    assert sizes == [1, 1, 2, 5]


def test_what_one_photo_alone_cannot_do_is_heard_as_it_is() -> None:
    (any_batch, sizes) = counted(nn.Conv2d(4, 2, 1))
    with pytest.raises(RuntimeError, match="to have 4 channels, but got 3"):
        any_batch(PHOTOS)
    assert sizes == [1, 1]


def test_what_could_not_be_tried_is_tried_again() -> None:
    """A call that fails, or whose scores are not finite, says nothing about the next one."""
    state = {"broken": "fails"}

    def mixing(x: torch.Tensor) -> torch.Tensor:
        if state["broken"] == "fails":
            raise RuntimeError("not now")
        scores = x.mean((2, 3)) * x.mean()
        return scores * float("nan") if state["broken"] == "nan" else scores

    (any_batch, sizes) = counted(mixing)
    with pytest.raises(RuntimeError, match="not now"):
        any_batch(PHOTOS)
    state["broken"] = "nan"
    assert torch.isnan(any_batch(PHOTOS)).all()
    state["broken"] = ""
    expected = torch.cat([mixing(photo) for photo in PHOTOS.split(1)])
    for _ in range(2):
        torch.testing.assert_close(any_batch(PHOTOS), expected, rtol=0, atol=0)
    assert sizes == [1, 1, *[1, 1, *[1] * 5], *[1, 1, 2, *[1] * 5], *[1] * 5]


def test_each_size_is_tried() -> None:
    (any_batch, sizes) = counted(lambda x: x.mean((2, 3)) * (x.mean() if x.shape[-1] == 8 else 1))
    other = torch.rand((3, 3, 6, 6), generator=torch.Generator().manual_seed(2))
    for _ in range(2):
        torch.testing.assert_close(any_batch(other), other.mean((2, 3)))
        alone = torch.cat([photo.mean((2, 3)) * photo.mean() for photo in PHOTOS.split(1)])
        torch.testing.assert_close(any_batch(PHOTOS), alone, rtol=0, atol=0)
    assert sizes == [1, 1, 2, 3, 1, 1, 2, *[1] * 5, 3, *[1] * 5]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_memory_is_no_answer(failing: int) -> None:
    sizes = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        if len(x) == failing and sizes.count(failing) == 1:
            raise torch.cuda.OutOfMemoryError("full")
        return x.mean((2, 3))

    any_batch = AnyBatch(forward)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        any_batch(PHOTOS)
    torch.testing.assert_close(any_batch(PHOTOS), PHOTOS.mean((2, 3)))
    assert sizes[-4:] == [1, 1, 2, 5]


@pytest.mark.parametrize("share", [0.05, 0.005])
@pytest.mark.parametrize("column", [0, 1])
def test_a_little_mixing_is_seen_in_one_score_of_many(share: float, column: int) -> None:
    """The other score is far larger."""
    (scale, own) = (torch.tensor([1.0, 1e5]), torch.eye(2)[column])

    def forward(x: torch.Tensor) -> torch.Tensor:
        scores = x.mean((2, 3))[:, :2] * scale
        return scores + share * own * (scores.mean(0) - scores)

    (any_batch, sizes) = counted(forward)
    alone = torch.cat([forward(photo) for photo in PHOTOS.split(1)])
    torch.testing.assert_close(any_batch(PHOTOS), alone, rtol=0, atol=0)
    assert sizes == [1, 1, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(("dtype", "together"), [(torch.float32, False), (torch.float16, True), (torch.bfloat16, True)])
def test_half_precision_may_round_more(dtype: torch.dtype, together: bool) -> None:
    (any_batch, sizes) = counted(lambda x: (x.mean((2, 3)) * (1 + 0.004 * (len(x) > 1))).to(dtype))
    any_batch(PHOTOS)
    assert sizes == [1, 1, 2, *([5] if together else [1] * 5)]


def test_gradients_flow() -> None:
    network = OnePhoto("refuses")
    photos = PHOTOS.clone().requires_grad_()
    AnyBatch(network)(photos)[:, 1].sum().backward()
    for n in range(5):
        photo = PHOTOS[n : n + 1].clone().requires_grad_()
        network(photo)[:, 1].sum().backward()
        assert float(photo.grad.abs().max()) > 0
        torch.testing.assert_close(photos.grad[n : n + 1], photo.grad)


def test_outputs_are_joined() -> None:
    Pair = namedtuple("Pair", "first second")
    pairs = [Pair(torch.full((2, 3), float(n)), {"number": torch.tensor(n), "text": "same"}) for n in range(3)]
    both = joined(pairs, 5)
    assert isinstance(both, Pair)
    assert both.first[:, 0].tolist() == [0, 0, 1, 1, 2]
    assert both.second["number"].tolist() == [0, 1, 2]
    assert both.second["text"] == "same"
    assert len(joined(pairs, None).first) == 6


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["occlusion", "lime", "gradient"])
def test_torchscript_of_one_photo_is_explained(form: str, method: str) -> None:
    network = OnePhoto(form).eval()
    clf = seewhy.Classifier(torch.jit.trace(network, PHOTOS[:1], check_trace=False))
    settings: dict[str, Any] = {"target": 1, "score": "logit"} | ({"samples": 40} if method == "lime" else {})
    expected = seewhy.explain(clf, PHOTOS[0], method, batch_size=1, **settings)
    explanation = seewhy.explain(clf, PHOTOS[0], method, **settings)
    assert np.ptp(expected.maps) > 0
    np.testing.assert_allclose(explanation.maps, expected.maps, rtol=1e-5, atol=1e-7)
    rows = torch.cat([network(photo) for photo in PHOTOS.split(1)]).detach().numpy()
    np.testing.assert_allclose(clf.logits(PHOTOS), rows, atol=1e-6)
    both = seewhy.explain(clf, PHOTOS[:2], method, **settings)
    np.testing.assert_allclose(both[0].maps, expected.maps, rtol=1e-5, atol=1e-7)
