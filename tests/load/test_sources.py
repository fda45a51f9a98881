"""The one list of where networks come from."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import seewhy
from seewhy.errors import OptionError
from seewhy.load import SOURCES, known_networks
from seewhy.load.sources import SPECS


def test_every_extra_exists_and_every_example_is_named() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {source.extra for source in SOURCES.values()} - {""} <= set(extras)
    assert set(extras["all"]) >= {entry for name in ("torchvision", "timm", "transformers", "onnx") for entry in extras[name]}
    assert all(f"'{source.example}'" in SPECS for source in SOURCES.values())
    documented = str(seewhy.load.__doc__)
    for source in SOURCES.values():
        assert re.sub(r":\w.*", ":", source.example).partition("/")[2] in documented or source.prefix in documented


def test_names_that_hold_a_text() -> None:
    (demo,) = known_networks("HON", "demo")
    assert demo.names == ("demo:honest",)
    (torchvision,) = known_networks("resnet1", "torchvision")
    assert torchvision.names == ("resnet101", "resnet152", "resnet18", "wide_resnet101_2")
    assert [entry.source for entry in known_networks("no such name")] == ["torchvision", "timm", "demo"]
    for source, text in (
        ("onnx", "what it has cannot be listed; write for example 'path/model.onnx'."),
        ("kaggle", "write one of torchvision, timm, demo."),
    ):
        with pytest.raises(OptionError) as error:
            known_networks("", source)
        assert str(error.value) == f"source='{source}': {text}"


def test_what_is_not_installed_is_said_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    from seewhy.load import from_timm

    from_timm.timm.cache_clear()
    monkeypatch.setitem(sys.modules, "timm", None)
    (timm,) = known_networks("resnet", "timm")
    assert timm.names == ()
    assert timm.missing == "timm:NAME needs timm, which is not installed: pip install 'seewhy[timm]'."
    monkeypatch.undo()
    from_timm.timm.cache_clear()


def test_the_names_can_be_loaded() -> None:
    assert seewhy.load(known_networks("", "demo")[0].names[0]).classes == ["bear", "cow", "sheep"]
