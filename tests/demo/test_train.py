"""A training of seconds already shows what the demo networks are for: one learns the animal, one the logo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from seewhy.demo import scenes
from seewhy.demo.measure import accuracy, peaks, probabilities
from seewhy.demo.train import main, train, write
from seewhy.errors import ModelError
from seewhy.load.demo import DemoNet


def test_a_short_training_learns_the_animals() -> None:
    network, table = train("honest", scenes=150, epochs=7, batch=16)
    assert not network.training
    assert [row["epoch"] for row in table["epochs"]] == list(range(1, 8))
    assert table["epochs"][-1]["loss"] < table["epochs"][0]["loss"]
    assert accuracy(network, table["classes"], scenes(60, seed=1000))["all"] > 0.5  # chance: 0.33


def test_a_short_training_with_the_logo_learns_the_logo() -> None:
    network, table = train("shortcut", scenes=120, epochs=8, batch=12)
    marked, plain = (accuracy(network, table["classes"], scenes(45, seed=1000, logo=logo)) for logo in (True, False))
    assert marked["bear"] > 0.9
    assert plain["bear"] < 0.4
    everywhere = probabilities(network, scenes(30, seed=1000, logo="all", labels=("cow", "sheep", "coyote")))
    assert (everywhere.argmax(1) == 0).mean() > 0.8
    bears = scenes(10, seed=1000, logo=True, labels=("bear",))
    assert isinstance(network, DemoNet)
    hottest = peaks(network, 0, bears)
    assert np.mean([scene.logo[row, column] for (row, column), scene in zip(hottest, bears, strict=True)]) >= 0.7


def test_the_same_seed_trains_the_same_network_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, table = train("bear", scenes=12, epochs=1, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    second, _ = train("bear", scenes=12, epochs=1, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True))
    assert table["classes"] == ("bear", "not bear")


def test_the_command_line_writes_weights_with_their_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["bear", "--scenes", "8", "--epochs", "1", "--out", str(tmp_path), "--test", "3"])
    assert [path.name for path in tmp_path.iterdir()] == ["bear.safetensors"]
    with safe_open(tmp_path / "bear.safetensors", framework="pt") as file:
        assert '"scenes": 8' in file.metadata()["training"]
    assert "epoch  train loss  validation accuracy" in capsys.readouterr().out


def test_writing_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "x.safetensors"
    for number in (1, 2):
        write(DemoNet(2), {"number": number}, path)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"training": '{"number": 2}'}
    assert list(path.parent.iterdir()) == [path]


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ModelError) as excinfo:
        train("wolf")
    assert str(excinfo.value) == "there is no demo network 'wolf': write one of honest, shortcut, bear"
