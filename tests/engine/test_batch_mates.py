"""Networks that mix the photos of a batch run one at a time; all others as ever, with no pass more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.engine.batch_mates import mixes_photos

PHOTOS = [torch.randn((3, 32, 32), generator=torch.Generator().manual_seed(n)) * (n + 1) + n for n in range(3)]
METHODS = ["grad_cam", "eigen_cam", "gradient", "integrated_gradients", "smooth_grad", "occlusion", "lime", "rise", "score_cam"]


class Mixing(nn.Module):
    """Two convolutions and an average; before them, or between them, something of the whole batch."""

    def __init__(self, prepare: Callable[[torch.Tensor], torch.Tensor] = lambda x: x, track: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.prepare = prepare
        norm = nn.BatchNorm2d(8, track_running_stats=track)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), norm, nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(8, 4)
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        return self.fc(self.features(self.prepare(x)).mean((2, 3)))


def own_min_max(x: torch.Tensor) -> torch.Tensor:
    (low, high) = (x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True))
    return (x - low) / (high - low)


def decided(x: torch.Tensor) -> torch.Tensor:
    return x * 3 if x.mean() > 1.5 else x


MIXING: dict[str, Callable[[], Mixing]] = {
    "features.1": lambda: Mixing(track=False),
    "mean()": lambda: Mixing(lambda x: x - x.mean()),
    "max()": lambda: Mixing(lambda x: x / x.abs().max()),
    "min()": lambda: Mixing(lambda x: (x - x.min()) / (x.max() - x.min())),
    "std()": lambda: Mixing(lambda x: x / x.std((0, 2, 3), keepdim=True)),
    "softmax()": lambda: Mixing(lambda x: x * x.mean((2, 3), keepdim=True).softmax(0)),
    "flip()": lambda: Mixing(lambda x: x + x.flip(0) / 2),
    "matmul()": lambda: Mixing(lambda x: x + (x.flatten(1) @ x.flatten(1).T).mean(1)[:, None, None, None] / 1e4),
    "gt()": lambda: Mixing(decided),
}


@pytest.mark.parametrize("kind", MIXING)
@pytest.mark.parametrize("method", ["grad_cam", "gradient", "occlusion"])
def test_a_list_equals_one_by_one(kind: str, method: str) -> None:
    clf = seewhy.Classifier(MIXING[kind]().eval())
    together = seewhy.explain(clf, PHOTOS, method, target=1)
    for photo, explanation in zip(PHOTOS, together, strict=True):
        alone = seewhy.explain(seewhy.Classifier(MIXING[kind]().eval()), photo, method, target=1, batch_size=1)
        assert np.ptp(alone.maps) > 0
        np.testing.assert_allclose(explanation.maps, alone.maps, rtol=1e-4, atol=1e-5 * np.abs(alone.maps).max())
    assert any("change each other's scores" in note for note in together[0].notes)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_such_a_network_one_photo_at_a_time(method: str) -> None:
    """The network itself, asked for one photo after the other, is the truth."""
    settings: dict[str, Any] = {"lime": {"samples": 60}, "rise": {"masks": 60}, "smooth_grad": {"samples": 5}}.get(method, {})
    clf = seewhy.Classifier(Mixing(track=False).eval())
    alone = seewhy.explain(clf, PHOTOS[1], method, target=1, batch_size=1, **settings)
    usual = seewhy.explain(clf, PHOTOS[1], method, target=1, **settings)
    assert np.ptp(alone.maps) > 0
    np.testing.assert_allclose(usual.maps, alone.maps, rtol=1e-4, atol=1e-5 * np.abs(alone.maps).max())
    note = (
        "photos that go through this network together change each other's scores (at 'features.1'): it is run one photo at a time"
    )
    assert note in usual.notes


def test_occlusion_is_what_the_network_gives_for_each_copy_alone() -> None:
    network = Mixing(track=False).eval()
    explanation = seewhy.explain(
        seewhy.Classifier(network), PHOTOS[0], "occlusion", target=1, score="logit", mask_size=16, stride=16, clip=False, fill=0.0
    )
    with torch.no_grad():
        base = network(PHOTOS[0][None])[0, 1]
        for row in range(2):
            for column in range(2):
                hidden = PHOTOS[0].clone()
                hidden[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 0
                np.testing.assert_allclose(explanation.maps[0, row, column], base - network(hidden[None])[0, 1], atol=1e-5)


def test_integrated_gradients_are_complete() -> None:
    network = Mixing(track=False).eval()
    explanation = seewhy.explain(seewhy.Classifier(network), PHOTOS[0], "integrated_gradients", target=1, steps=256)
    with torch.no_grad():
        difference = float(network(PHOTOS[0][None])[0, 1] - network(torch.zeros(1, 3, 32, 32))[0, 1])
    assert abs(float(explanation.maps.sum()) - difference) < 0.05 * abs(difference)


def test_scores_and_activations_too() -> None:
    network = Mixing(track=False).eval()
    clf = seewhy.Classifier(network)
    with torch.no_grad():
        rows = torch.cat([network(photo[None]) for photo in PHOTOS])
    np.testing.assert_allclose(clf.logits(PHOTOS), rows, atol=1e-5)
    assert clf.executor.form.one_at_a_time
    planned = clf.executor.planned()
    step = planned.find_layer("features.3")
    taps = planned.forward(torch.stack(PHOTOS), (step,)).taps[0]
    assert taps is not None
    with torch.no_grad():
        expected = torch.cat([network.features[:4](photo[None]) for photo in PHOTOS])
    np.testing.assert_allclose(taps, expected, atol=1e-5)
    np.testing.assert_allclose(planned.run_until(torch.stack(PHOTOS), step), expected, atol=1e-5)


def test_other_inputs_stay_beside_it() -> None:
    class Two(Mixing):
        def forward(self, image: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
            return super().forward(image) * age[:, None]

    clf = seewhy.Classifier(Two(track=False).eval(), explain="image", inputs={"age": 2.0})
    np.testing.assert_allclose(clf.with_inputs(age=4.0).logits(PHOTOS), 2 * clf.logits(PHOTOS), rtol=1e-5)
    alone = np.concatenate([clf.logits(photo) for photo in PHOTOS])
    np.testing.assert_allclose(clf.with_inputs(age=4.0).logits(PHOTOS), 2 * alone, rtol=1e-4)


@pytest.mark.parametrize("network", [Mixing(), Mixing(own_min_max), Mixing(lambda x: x - x.mean((1, 2, 3), keepdim=True))])
def test_an_ordinary_network_is_run_once_and_in_batches(network: Mixing) -> None:
    clf = seewhy.Classifier(network.eval())
    seewhy.explain(clf, PHOTOS[0], "grad_cam", target=1)
    planned = clf.executor.planned()
    assert not planned.plan.one_at_a_time
    assert not clf.executor.form.one_at_a_time
    assert planned.plan.notes == []


def test_planning_costs_an_ordinary_network_no_pass_more() -> None:
    sizes: list[int] = []

    def prepare(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return x

    class Plain(Mixing):  # a function that is not copied, so that the calls of all copies are counted
        def __init__(self) -> None:
            super().__init__()
            self.prepare = prepare

    clf = seewhy.Classifier(Plain().eval())
    clf.executor.planned(torch.stack(PHOTOS[:1]))
    assert sizes == [1, 1], "traced, and compared with the planned copy"


def test_what_could_mix_and_does_not_runs_in_batches() -> None:
    """A number of the whole batch that does nothing to the scores."""

    class Watching(Mixing):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + 0 * x.mean()

    clf = seewhy.Classifier(Watching().eval())
    clf.logits(PHOTOS)
    assert not clf.executor.planned().plan.one_at_a_time


def test_a_loop_over_photos_goes_one_at_a_time() -> None:
    """Its operations run once for each photo: a layer of the second one would not be found."""

    class Loop(Mixing):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([super(Loop, self).forward(photo[None])[0] for photo in x])

    clf = seewhy.Classifier(Loop().eval())
    together = seewhy.explain(clf, PHOTOS, "grad_cam", target=1)
    for photo, explanation in zip(PHOTOS, together, strict=True):
        np.testing.assert_allclose(explanation.maps, seewhy.explain(clf, photo, "grad_cam", target=1).maps, atol=1e-6)


def test_photos_are_compared_in_their_own_range() -> None:
    """Below 100 this network shows nothing of the photo."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        shown = torch.relu(x - 100)
        return shown.mean((2, 3)) - shown.mean()

    assert mixes_photos(forward, lambda output: output, torch.rand(1, 3, 8, 8) * 255)
    assert not mixes_photos(lambda x: torch.relu(x - 100).mean((2, 3)), lambda output: output, torch.rand(1, 3, 8, 8) * 255)


def test_a_small_network_is_no_suspect(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(24))
    assert not clf.executor.planned().plan.one_at_a_time
