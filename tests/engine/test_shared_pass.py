from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.engine.shared_pass import SharedPass, current, means_of, sharing


def passes_of(network: torch.nn.Module, counts: list[int]) -> None:
    network.register_forward_pre_hook(lambda module, inputs: counts.append(len(inputs[0])))


@pytest.fixture
def clf(small: SmallNet) -> seewhy.Classifier:
    return seewhy.Classifier(small, seewhy.Preprocess(size=16))


@pytest.fixture
def photos(clf: seewhy.Classifier) -> list[Any]:
    rng = np.random.default_rng(0)
    return [clf.read(rng.integers(0, 256, (20, 24, 3), np.uint8)) for _ in range(3)]


def shared_of(clf: seewhy.Classifier, photos: list[Any]) -> SharedPass:
    planned = clf.executor.planned(clf.executor.pixels(photos[:1]))
    return SharedPass(photos, planned, planned.feature_step)


def test_one_pass_gives_the_map_and_the_means(clf: seewhy.Classifier, photos: list[Any]) -> None:
    alone = seewhy.explain(clf, photos, "grad_cam")
    shared = shared_of(clf, photos)
    forwards: list[tuple[int, int]] = []
    real = shared.planned.forward

    def counted(inputs: torch.Tensor, steps: Any = (), graph: bool = False) -> Any:
        forwards.append((len(inputs), len(steps)))
        return real(inputs, steps, graph)

    shared.planned.forward = counted  # type: ignore[method-assign]
    with sharing(shared):
        assert current() is shared
        together = seewhy.explain(clf, photos, "grad_cam")
    assert current() is None
    assert forwards == [(3, 1)]
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.maps, b.maps)
    run = real(clf.executor.network_inputs(clf.executor.pixels(photos)), (shared.step,))
    assert run.taps[0] is not None
    assert shared.means is not None
    np.testing.assert_array_equal(shared.means, run.taps[0].flatten(2).mean(dim=2))


@pytest.mark.parametrize("method", ["occlusion", "gradient", "eigen_cam", "grad_cam", "guided_backprop"])
def test_no_value_of_a_method_is_changed_by_it(clf: seewhy.Classifier, photos: list[Any], method: str) -> None:
    alone = seewhy.explain(clf, photos, method, seed=1)
    shared = shared_of(clf, photos)
    with sharing(shared):
        together = seewhy.explain(clf, photos, method, seed=1)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.maps, b.maps)
        assert a.targets == b.targets


def test_other_photos_and_masked_copies_are_not_taken_for_them(clf: seewhy.Classifier, photos: list[Any]) -> None:
    shared = shared_of(clf, photos)
    with sharing(shared):
        seewhy.explain(clf, photos[:2], "grad_cam")
        assert shared.means is None
        seewhy.explain(clf, photos, "occlusion")  # one photo at a time
        assert shared.means is None
        clf.scores(photos)
    assert shared.means is not None
    assert shared.means.shape == (3, shared.step.shape[1])


def test_means_are_over_the_grid_or_the_values_themselves(clf: seewhy.Classifier, photos: list[Any]) -> None:
    step = shared_of(clf, photos).step
    tap = torch.arange(2 * step.shape[1] * 4.0).reshape(2, step.shape[1], 2, 2)
    np.testing.assert_array_equal(means_of(step, tap)[0, :2], [1.5, 5.5])
