"""ONNX files: exported from torch, or made by hand, run by onnxruntime."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_photo_nets import FORMS, OnePhoto
from PIL import Image
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.errors import MissingExtraError, ModelError, OptionError, OutputError, StoreError
from seewhy.load import from_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
MEANS = np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32)  # (C, K): each class's score is a mean over channels


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A network of torch, exported with a free batch axis."""
    network = SmallNet().eval()
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own parts
        torch.onnx.export(
            *(network, (torch.zeros(2, 3, 24, 24),), path),
            input_names=["photo"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    return path, network


def made(
    path: Path,
    shape: list[Any],
    kind: int = 1,
    outputs: tuple[str, ...] = ("scores",),
    names: dict[str, str] | None = None,
    extra: tuple[str, ...] = (),
) -> Path:
    """A file by hand: the mean over space of each channel, times MEANS. kind : of the numbers it reads, as ONNX counts them."""
    (helper, numbers) = (onnx.helper, onnx.TensorProto)
    is_last = shape[-1] == 3 and shape[1] != 3
    steps = [helper.make_node("Cast", ["photo"], ["floats"], to=numbers.FLOAT)]
    steps.append(helper.make_node("Transpose", ["floats"], ["first"], perm=[0, 3, 1, 2] if is_last else [0, 1, 2, 3]))
    steps.append(helper.make_node("GlobalAveragePool", ["first"], ["means"]))
    steps.append(helper.make_node("Flatten", ["means"], ["rows"]))
    tables = []
    for output in outputs:
        steps.append(helper.make_node("MatMul", ["rows", "weights"], [output]))
        tables.append(helper.make_tensor_value_info(output, numbers.FLOAT, [shape[0], 2]))
    if extra:
        steps.append(helper.make_node("Identity", ["first"], [extra[0]]))
        tables.append(helper.make_tensor_value_info(extra[0], numbers.FLOAT, None))
    graph = helper.make_graph(
        steps,
        "by hand",
        [helper.make_tensor_value_info("photo", kind, shape)],
        tables,
        [onnx.numpy_helper.from_array(MEANS, "weights")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    for key, text in (names or {}).items():
        entry = model.metadata_props.add()
        (entry.key, entry.value) = (key, text)
    onnx.save(model, path)
    return path


def expected(clf: seewhy.Classifier, photo: Any) -> np.ndarray[Any, Any]:
    pixels = clf.read(photo).pixels / 255
    return pixels.mean(axis=(1, 2)) @ MEANS


def test_an_exported_network_gives_the_same_maps(exported: tuple[Path, nn.Module]) -> None:
    (path, network) = exported
    clf = seewhy.load(path).with_preprocess(mean=0.5, std=0.25)
    own = seewhy.Classifier(network, seewhy.Preprocess(24, mean=0.5, std=0.25))
    assert not clf.is_module
    assert clf.input_size == (24, 24)
    assert clf.name == "net.onnx"
    np.testing.assert_allclose(clf.logits([PHOTO] * 3), own.logits([PHOTO] * 3), atol=1e-5)
    for method, settings in {"occlusion": {"mask_size": 8, "stride": 4}, "lime": {"samples": 128, "features": 9}}.items():
        pair = [seewhy.explain(c, PHOTO, method, target=2, score="logit", **settings) for c in (clf, own)]
        assert np.ptp(pair[1].maps) > 0.01
        np.testing.assert_allclose(pair[0].maps, pair[1].maps, atol=1e-4)
        assert pair[0].notes == []


def test_what_is_said_of_an_onnx_network(exported: tuple[Path, nn.Module]) -> None:
    clf = seewhy.load(exported[0])
    assert message(seewhy.SeewhyError, lambda: seewhy.explain(clf, PHOTO, "grad_cam")) == (
        "This is an ONNX model: its inside cannot be watched, so methods that use layers or gradients are not possible. Working "
        "now: occlusion, lime or rise. For CAM and Grad-CAM give the original nn.Module (torch.compile, DataParallel are "
        "unwrapped)."
    )
    assert message(seewhy.SeewhyError, clf.layers) == (
        "This is an ONNX model: its inside cannot be watched, so it has no layers. Give the nn.Module itself."
    )
    explanation = seewhy.explain(clf, PHOTO, budget=20)
    assert explanation.notes[0] == (
        "net.onnx says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the training did more, "
        "say mean= and std="
    )
    assert explanation.notes[-1] == "method='auto' took occlusion: this is an ONNX model, whose inside cannot be watched"
    assert explanation.details["plan"] == "an ONNX model"


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
def test_batches_and_layouts(batch: str | int, layout: str, tmp_path: Path) -> None:
    shape = [batch, 3, 8, 10] if layout == "channels first" else [batch, 8, 10, 3]
    clf = seewhy.load(made(tmp_path / "net.onnx", shape), head="none")
    assert clf.input_size == (8, 10)
    photos = [np.roll(PHOTO, step, axis=0) // (step + 1) for step in range(6)]
    np.testing.assert_allclose(clf.scores(photos), [expected(clf, photo) for photo in photos], rtol=1e-5)


def test_a_free_size_is_asked_for(tmp_path: Path) -> None:
    path = made(tmp_path / "net.onnx", ["N", 3, "rows", "columns"])
    assert seewhy.load(path).preprocess is None
    clf = seewhy.load(path, preprocess=seewhy.Preprocess(size=(6, 9)), head="none")
    np.testing.assert_allclose(clf.scores(PHOTO), [expected(clf, PHOTO)], rtol=1e-5)
    other = seewhy.load(path, head="none").with_preprocess(size=12)
    np.testing.assert_allclose(other.scores(PHOTO), [expected(other, PHOTO)], rtol=1e-5)


def test_whole_numbers_are_0_to_255(tmp_path: Path) -> None:
    clf = seewhy.load(made(tmp_path / "net.onnx", ["N", 8, 10, 3], kind=onnx.TensorProto.UINT8), head="none")
    pixels = np.round(clf.read(PHOTO).pixels)
    np.testing.assert_allclose(clf.scores(PHOTO), [pixels.mean(axis=(1, 2)) @ MEANS], rtol=1e-5)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("names", "{0: 'cat', 1: 'dog'}"),
        ("classes", json.dumps(["cat", "dog"])),
        ("id2label", json.dumps({"0": "cat", "1": "dog"})),
        ("labels", "cat, dog"),
        ("class_names", "cat\ndog\n"),
    ],
)
def test_class_names_of_the_metadata(key: str, text: str, tmp_path: Path) -> None:
    path = made(tmp_path / "net.onnx", ["N", 3, 8, 8], names={key: text})
    assert seewhy.load(path).classes == ["cat", "dog"]
    assert seewhy.load(path, classes=["a", "b"]).classes == ["a", "b"]


def test_metadata_that_names_other_classes_is_left_alone(tmp_path: Path) -> None:
    for text in ("{0: 'cat'}", "['a', 'b', 'c']", "{'x': 'cat'}", "3", "{0: 'a', 2: 'b'}"):
        clf = seewhy.load(made(tmp_path / "net.onnx", ["N", 3, 8, 8], names={"names": text}))
        assert clf.classes == ["class 0", "class 1"], text


def test_several_outputs(tmp_path: Path) -> None:
    path = made(tmp_path / "net.onnx", ["N", 3, 8, 8], extra=("features",))
    clf = seewhy.load(path, head="none")
    np.testing.assert_allclose(clf.scores(PHOTO), [expected(clf, PHOTO)], rtol=1e-5)
    path = made(tmp_path / "two.onnx", ["N", 3, 8, 8], outputs=("main", "aux"))
    assert message(OutputError, lambda: seewhy.load(path).scores(PHOTO)) == (
        "The network returned dict: main (1, 2), aux (1, 2). Expected class scores (N, classes): say which entry holds them with "
        "output='main'."
    )
    picked = seewhy.load(path, output="aux", head="none")
    np.testing.assert_allclose(picked.scores(PHOTO), [expected(picked, PHOTO)], rtol=1e-5)


def test_files_that_are_none(tmp_path: Path, exported: tuple[Path, nn.Module]) -> None:
    missing = tmp_path / "missing.onnx"
    assert message(ModelError, lambda: seewhy.load(missing)) == f"There is no file '{missing}'."
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    assert message(ModelError, lambda: seewhy.load(tmp_path / "junk.onnx")).startswith(
        f"'{tmp_path / 'junk.onnx'}' cannot be read by onnxruntime: "
    )
    assert message(ModelError, lambda: seewhy.load(exported[0], weights={"a": torch.ones(1)})) == (
        "An ONNX file brings its own weights: leave weights= out."
    )
    flat = tmp_path / "flat.onnx"
    helper = onnx.helper
    entries = [helper.make_tensor_value_info(name, 1, ["N", 4]) for name in ("rows", "same")]
    graph = helper.make_graph([helper.make_node("Identity", ["rows"], ["same"])], "flat", entries[:1], entries[1:])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), flat)
    assert message(ModelError, lambda: seewhy.load(flat)) == (
        f"'{flat}' reads rows (N, 4): it must read photos alone, (N, channels, rows, columns)."
    )
    words = made(tmp_path / "words.onnx", ["N", 3, 8, 8], kind=onnx.TensorProto.INT64)
    assert message(ModelError, lambda: seewhy.load(words)) == (
        f"'{words}' reads tensor(int64): it must read photos as one of float, float16, double, uint8."
    )


def test_another_size_is_one_line(exported: tuple[Path, nn.Module]) -> None:
    clf = seewhy.load(exported[0]).with_preprocess(size=20)
    assert message(ModelError, lambda: clf.scores(PHOTO)) == (
        "'net.onnx' cannot take an input of shape (3, 20, 20): the file takes (3, 24, 24)."
    )


def test_devices(exported: tuple[Path, nn.Module], tmp_path: Path) -> None:
    assert seewhy.load(exported[0], device="cpu").device == torch.device("cpu")
    if "CUDAExecutionProvider" not in from_onnx.onnxruntime().get_available_providers():
        text = message(OptionError, lambda: seewhy.load(exported[0], device="cuda"))
        assert text.startswith("device='cuda' cannot be used: this onnxruntime has ")
        assert text.endswith("; onnxruntime-gpu has it.")


def test_threads_are_torch_s(exported: tuple[Path, nn.Module]) -> None:
    session = seewhy.load(exported[0]).network._session
    assert session.get_session_options().intra_op_num_threads == torch.get_num_threads()


def test_without_onnxruntime(exported: tuple[Path, nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    from_onnx.onnxruntime.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert message(MissingExtraError, lambda: seewhy.load(exported[0])) == (
        "ONNX files are run by onnxruntime, which is not installed: pip install 'seewhy[onnx]'."
    )
    monkeypatch.undo()
    from_onnx.onnxruntime.cache_clear()


def test_a_suffix_in_capitals(exported: tuple[Path, nn.Module], tmp_path: Path) -> None:
    shutil.copy(exported[0], tmp_path / "NET.ONNX")
    assert seewhy.load(tmp_path / "NET.ONNX").input_size == (24, 24)


@pytest.mark.parametrize("form", FORMS)
def test_a_free_batch_axis_with_one_photo_written_inside(form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One photo at a time, then; and onnxruntime does not print what was tried."""
    (helper, numbers) = (onnx.helper, onnx.TensorProto)
    network = OnePhoto(form)
    weight = network.weight.detach().numpy()
    node = helper.make_node
    steps = {
        "refuses": [node("Reshape", ["photo", "row"], ["rows"]), node("MatMul", ["rows", "weight"], ["scores"])],
        "one row": [
            node("Reshape", ["photo", "table"], ["rows"]),
            node("MatMul", ["rows", "weight"], ["each"]),
            node("ReduceMean", ["each"], ["scores"], axes=[1], keepdims=0),
        ],
        "mixes": [
            node("ReduceMean", ["photo"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
            node("Mul", ["photo", "mean"], ["scaled"]),
            node("Flatten", ["scaled"], ["rows"]),
            node("MatMul", ["rows", "weight"], ["scores"]),
        ],
    }[form]
    constants = {"weight": weight, "row": np.array([1, len(weight)]), "table": np.array([1, -1, len(weight)])}
    graph = helper.make_graph(
        steps,
        form,
        [helper.make_tensor_value_info("photo", numbers.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("scores", numbers.FLOAT, ["M", 4])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "net.onnx")
    clf = seewhy.load(tmp_path / "net.onnx")
    photos = [np.roll(PHOTO, step, axis=0) // (step + 1) for step in range(4)]
    inputs = [torch.from_numpy(clf.read(photo).pixels[None] / 255) for photo in photos]
    rows = torch.cat([network(photo) for photo in inputs]).detach().numpy()
    assert np.ptp(rows[:, 0]) > 0.01
    np.testing.assert_allclose(clf.logits(photos), rows, atol=1e-5)
    for method, settings in {"occlusion": {"mask_size": 2, "stride": 2}, "lime": {"samples": 40, "features": 9}}.items():
        (map_, expected) = (
            seewhy.explain(clf, PHOTO, method, target=1, score="logit", batch_size=size, **settings).maps for size in (None, 1)
        )
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(map_, expected, atol=1e-5)
    assert capfd.readouterr().err == ""


def test_a_run_does_not_mix_two_files(tmp_path: Path) -> None:
    """Of one name and of one shape; they differ in what is written beside the network."""
    Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    (first, again, other) = (
        seewhy.load(made(tmp_path / "net.onnx", ["N", 3, 8, 8], names={"names": text}), classes=["hare", "owl"], head="none")
        for text in ("hare, owl", "hare, owl", "owl, hare")
    )
    for clf in (first, again):
        assert len(seewhy.run(clf, [tmp_path / "photo.png"], tmp_path / "store", "occlusion")) == 1
    with pytest.raises(StoreError, match=r'another run: the hash of the model\'s file "\w{16}" there, "\w{16}" here\. Write'):
        seewhy.run(other, [tmp_path / "photo.png"], tmp_path / "store", "occlusion")
