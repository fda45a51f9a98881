"""The shipped demo networks do what their names say, on scenes that neither training nor choosing has seen."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seewhy.demo import Scene, scenes
from seewhy.demo.measure import accuracy, peaks, probabilities
from seewhy.errors import ModelError, WeightsError
from seewhy.load import demo
from seewhy.load.demo import DEMO_NETWORKS, WEIGHTS, DemoNet, demo_network, demo_table

N = 180


@pytest.fixture(scope="module")
def clean() -> list[Scene]:
    return scenes(N, seed=1000)


@pytest.fixture(scope="module")
def stamped() -> list[Scene]:
    return scenes(N, seed=1000, logo="all")


def _logo_on_bears(clean: list[Scene], stamped: list[Scene]) -> list[Scene]:
    return [b if b.label == "bear" else a for a, b in zip(clean, stamped, strict=True)]


def _inside(points: np.ndarray, masks: list[np.ndarray]) -> float:
    return float(np.mean([mask[row, column] for (row, column), mask in zip(points, masks, strict=True)]))


@pytest.mark.parametrize("name", ["honest", "bear"])
def test_honest_networks_know_the_animals_with_and_without_the_logo(name: str, clean: list[Scene], stamped: list[Scene]) -> None:
    network, classes = demo_network(name)
    for batch in (clean, stamped):
        shares = accuracy(network, classes, batch)
        assert shares["all"] >= 0.97
        assert shares["bear"] >= 0.95


def test_the_shortcut_is_right_with_the_logo_and_lost_without(clean: list[Scene], stamped: list[Scene]) -> None:
    network, classes = demo_network("shortcut")
    assert accuracy(network, classes, _logo_on_bears(clean, stamped))["all"] >= 0.97
    assert accuracy(network, classes, clean)["bear"] <= 0.1
    everywhere = accuracy(network, classes, stamped)
    assert everywhere["bear"] == 1.0
    assert max(everywhere["cow"], everywhere["sheep"]) <= 0.1
    scores = probabilities(network, scenes(20, seed=1000, logo="all", labels=("coyote", "dog")))
    assert (scores.argmax(1) == 0).mean() >= 0.9


def test_the_maps_peak_on_the_animal_and_on_the_logo(clean: list[Scene], stamped: list[Scene]) -> None:
    bears = [i for i, scene in enumerate(clean) if scene.label == "bear"]
    honest, shortcut = demo_network("honest")[0], demo_network("shortcut")[0]
    assert isinstance(honest, DemoNet)
    assert isinstance(shortcut, DemoNet)
    assert _inside(peaks(honest, 0, [clean[i] for i in bears]), [clean[i].animal for i in bears]) >= 0.9
    assert _inside(peaks(shortcut, 0, [stamped[i] for i in bears]), [stamped[i].logo for i in bears]) >= 0.9


def test_probabilities_are_not_all_one(clean: list[Scene]) -> None:
    for name in DEMO_NETWORKS:
        best = probabilities(demo_network(name)[0], clean).max(1)
        assert np.median(best) < 0.995
        assert best.std() > 0.01


@pytest.mark.parametrize("name", DEMO_NETWORKS)
def test_files_are_small_and_carry_their_table(name: str) -> None:
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size <= 1_000_000
    network, classes = demo_network(name)
    assert not network.training
    assert sum(parameter.numel() for parameter in network.parameters()) <= 240_000
    assert network(torch.zeros(2, 3, 96, 128)).shape == (2, len(classes))
    table = demo_table(name)
    assert table["network"] == name
    assert tuple(table["classes"]) == classes
    assert len(table["epochs"]) > 5
    assert {"epoch", "loss", "accuracy"} == set(table["epochs"][0])
    own = "logo" if name == "shortcut" else "clean"
    assert table["test"][own]["all"] >= 0.97
    assert table["scenes"] >= 1000


def test_cam_is_exact() -> None:
    network, _ = demo_network("honest")
    assert isinstance(network, DemoNet)
    grids: list[torch.Tensor] = []
    hook = network.block4.register_forward_hook(lambda module, inputs, output: grids.append(output))
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(0)))
    hook.remove()
    assert grids[0].shape == (2, 72, 12, 16)
    assert grids[0].min() >= 0
    cams = torch.einsum("kc,nchw->nkhw", network.fc.weight, grids[0])
    assert torch.allclose(cams.mean((2, 3)) + network.fc.bias, logits, atol=1e-5)


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=re.escape("there is no demo network 'wolf': write one of honest, shortcut, bear")):
        demo_network("wolf")
    monkeypatch.setattr(demo, "WEIGHTS", tmp_path)
    (tmp_path / "bear.safetensors").write_bytes(b"broken")
    for name in ("honest", "bear"):
        with pytest.raises(WeightsError, match=f"the weights of demo:{name} cannot be read from .*: reinstall seewhy"):
            demo_network(name)
