"""seewhy models and seewhy classes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from seewhy.load import SOURCES, from_timm

LINES = "n02123045 tabby, tabby cat\nn02123159 tiger cat\nn02085620 Chihuahua\n"


@pytest.fixture
def without_timm(monkeypatch: pytest.MonkeyPatch):
    from_timm.timm.cache_clear()
    monkeypatch.setitem(sys.modules, "timm", None)
    yield
    monkeypatch.undo()
    from_timm.timm.cache_clear()


def test_models_lists_every_form(run, without_timm) -> None:
    code, out, err = run("models")
    assert (code, err) == (0, "")
    for source in SOURCES.values():
        assert source.example in out
    assert "--trust" in out
    assert "trust=" not in out
    assert "timm:NAME needs timm, which is not installed: pip install 'seewhy[timm]'." in out
    (few,) = [line for line in out.splitlines() if "80 in all: seewhy models --source torchvision" in line]
    assert few.startswith("  alexnet  ")
    assert out.endswith("demo\n  demo:honest  demo:shortcut  demo:bear\n")


def test_models_searches(run, without_timm) -> None:
    code, out, _ = run("models", "resnet1", "--source", "torchvision")
    assert code == 0
    assert out == "torchvision\n  resnet101\n  resnet152\n  resnet18\n  wide_resnet101_2\n"
    code, out, err = run("models", "squeezenet1_2", "--source", "torchvision")
    assert (code, out) == (2, "")
    assert err == (
        "Error: No network that is known has 'squeezenet1_2' in its name. Did you mean 'squeezenet1_1' or 'squeezenet1_0'?\n"
    )
    code, _, err = run("models", "convmixer")
    assert code == 2
    assert err.endswith("timm:NAME needs timm, which is not installed: pip install 'seewhy[timm]'.\n")
    code, _, err = run("models", "--source", "kaggle")
    assert (code, err) == (2, "Error: --source kaggle: write one of torchvision, timm, demo.\n")


def test_models_as_json(run, without_timm) -> None:
    code, out, _ = run("models", "bear", "--json")
    assert code == 0
    record = json.loads(out)
    assert [form["name"] for form in record["forms"]] == list(SOURCES)
    assert record["networks"][-1] == {"source": "demo", "names": ["demo:bear"], "missing": ""}


@pytest.mark.skipif(not hasattr(from_timm, "timm"), reason="timm is not installed")
def test_models_of_timm(run) -> None:
    pytest.importorskip("torchvision")
    code, out, _ = run("models", "test_resnet", "--source", "timm")
    assert (code, out) == (0, "timm\n  timm:test_resnet\n")


def test_classes(run, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(LINES)
    code, out, err = run("classes", "--model", "demo:honest", "--classes", tmp_path / "classes.txt")
    assert (code, err) == (0, "")
    assert out == "    0  tabby  (tabby cat, n02123045)\n    1  tiger cat  (n02123159)\n    2  Chihuahua  (n02085620)\n"
    code, out, _ = run("classes", "CAT", "--model", "demo:honest", "--classes", tmp_path / "classes.txt")
    assert out.splitlines() == ["    0  tabby  (tabby cat, n02123045)", "    1  tiger cat  (n02123159)"]
    code, out, _ = run("classes", "n02085620", "--model", "demo:honest", "--classes", tmp_path / "classes.txt", "--json")
    assert json.loads(out) == {
        "model": "demo:honest",
        "classes": [{"index": 2, "name": "Chihuahua", "other_names": ["n02085620"]}],
    }
    code, out, err = run("classes", "tigercat", "--model", "demo:honest", "--classes", tmp_path / "classes.txt")
    assert (code, out) == (2, "")
    assert err == (
        "Error: None of the 3 classes has 'tigercat' in its name. Did you mean 'tiger cat'? seewhy classes without it lists them "
        "all.\n"
    )


def test_an_onnx_file_brings_its_size(run, photos: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    ends = [helper.make_tensor_value_info("photo", 1, ["N", 3, 16, 16]), helper.make_tensor_value_info("scores", 1, ["N", 3])]
    steps = [helper.make_node("GlobalAveragePool", ["photo"], ["means"]), helper.make_node("Flatten", ["means"], ["scores"])]
    graph = helper.make_graph(steps, "by hand", ends[:1], ends[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    entry = model.metadata_props.add()
    (entry.key, entry.value) = ("names", "{0: 'red', 1: 'green', 2: 'blue'}")
    onnx.save(model, tmp_path / "net.onnx")
    code, out, _ = run("explain", photos / "a.png", "--model", "net.onnx", "--budget", 30, "-o", "why.png")
    assert code == 0, out
    assert "values 0-1" in out
    assert "if the training did more, say --mean and --std" in out
    assert "this is an ONNX model" in out
    code, out, _ = run("classify", photos / "a.png", "--model", "net.onnx", "--mean", "0.5", "--std", "0.25")
    assert "mean 0.5, std 0.25" in out
    code, out, _ = run("classes", "--model", "net.onnx")
    assert out == "    0  red\n    1  green\n    2  blue\n"
    code, _, err = run("explain", photos / "a.png", "--model", "net.onnx", "--method", "grad_cam")
    assert code == 2
    assert "This is an ONNX model" in err
    assert "occlusion, lime or rise" in err


def test_a_saved_network_wants_trust_and_a_size(run, photos: Path, tmp_path: Path) -> None:
    import torch
    from small_nets import SmallNet

    torch.save(SmallNet(), tmp_path / "net.pt")
    code, _, err = run("explain", photos / "a.png", "--model", "net.pt")
    assert code == 2
    assert "say --trust; else write a function that builds it, and give path/model.py:build with --weights" in err
    code, _, err = run("explain", photos / "a.png", "--model", "net.pt", "--trust")
    assert (code, err) == (
        2,
        "Error: The model brings no preprocessing: say --size 224, and --mean and --std as in its training; for a network of "
        "volumes --dimensions 3.\n",
    )
    code, out, _ = run("explain", photos / "a.png", "--model", "net.pt", "--trust", "--size", "24", "-o", "why.png")
    assert code == 0
    assert "grad_cam at features, 12×12" in out


def test_classes_need_no_preprocessing(run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\n"
        "def build():\n    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    code, out, _ = run("classes", "--model", f"{tmp_path}/net.py:build", "--classes", tmp_path / "two.txt")
    assert (code, out.split()) == (0, ["0", "cat", "1", "dog"])
    code, _, err = run("classes", "--model", f"{tmp_path}/net.py:build")
    assert code == 2
    assert "The number of classes is not known before the first photo: give their names, --classes" in err
