from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet, assert_same_state, state_of

import seewhy
from seewhy.engine.fingerprint import weights_hash
from seewhy.errors import ModelError
from seewhy.load import from_torchvision
from seewhy.store.travel import classifier_from, sent_classifier

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

PREPARE = seewhy.Preprocess(size=16)
READ = """
import pickle, sys
sys.path = [path for path in sys.path if not path.endswith("tests")]
from pathlib import Path
import numpy as np
from seewhy.store.travel import classifier_from
clf = classifier_from(pickle.loads(Path(sys.argv[1]).read_bytes()))
assert "small_nets" not in sys.modules
np.save(sys.argv[2], clf.scores(np.load(sys.argv[3])))
"""


@pytest.fixture
def photo() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)


def test_it_arrives_as_it_was(photo: np.ndarray[Any, Any]) -> None:
    network = SmallNet(3).train()
    clf = seewhy.Classifier(network, PREPARE, ["a", "b", "c"], "sigmoid", precision="fast", display=0)
    clf.name = "mine"
    scores = clf.scores(photo)
    before = state_of(network)
    arrived = classifier_from(sent_classifier(clf))
    assert_same_state(before, state_of(network))
    assert weights_hash(arrived.network) == weights_hash(network)
    assert (arrived.name, arrived.classes, arrived.head.kind, arrived.precision, arrived.display, arrived.preprocess) == (
        *("mine", ["a", "b", "c"], "sigmoid", "fast"),
        *(clf.display, clf.preprocess),
    )
    assert arrived.network.training
    np.testing.assert_array_equal(arrived.scores(photo), scores)


def test_a_persons_own_code_travels_to_where_its_files_are_not(photo: np.ndarray[Any, Any], tmp_path: Path) -> None:
    clf = seewhy.Classifier(SmallNet(3), PREPARE, output=lambda output: output * 2)
    (tmp_path / "classifier").write_bytes(pickle.dumps(sent_classifier(clf)))
    np.save(tmp_path / "photo.npy", photo)
    files = [tmp_path / name for name in ("classifier", "scores.npy", "photo.npy")]
    subprocess.run([sys.executable, "-c", READ, *files], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), clf.scores(photo))


def test_functions_scripts_and_estimators_travel(photo: np.ndarray[Any, Any]) -> None:
    class Estimator:
        classes_ = ("dark", "light")

        def predict_proba(self, rows: Any) -> Any:
            light = rows.mean(axis=1) / 255
            return np.stack([1 - light, light], axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch advises against TorchScript
        script = torch.jit.trace(Planted().eval(), torch.rand(1, 3, 16, 16))
    for given in (lambda photos: photos.mean(dim=(2, 3)), Estimator(), script):
        clf = seewhy.Classifier(given, PREPARE)
        arrived = classifier_from(sent_classifier(clf))
        np.testing.assert_array_equal(arrived.scores(photo), clf.scores(photo))
        assert arrived.classes == clf.classes


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_networks_of_torchvision_arrive_in_a_fresh_process(photo: np.ndarray[Any, Any], tmp_path: Path) -> None:
    network = from_torchvision.models().squeezenet1_1(num_classes=3)
    clf = seewhy.Classifier(network, seewhy.Preprocess(size=32))
    (tmp_path / "classifier").write_bytes(pickle.dumps(sent_classifier(clf)))
    np.save(tmp_path / "photo.npy", photo)
    files = [tmp_path / name for name in ("classifier", "scores.npy", "photo.npy")]
    subprocess.run([sys.executable, "-c", READ, *files], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), clf.scores(photo))


def test_other_inputs_travel(photo: np.ndarray[Any, Any]) -> None:
    class Beside(torch.nn.Module):
        def forward(self, image: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
            return image.mean(dim=(2, 3)) * age.reshape(-1, 1)

    clf = seewhy.Classifier(Beside(), PREPARE, ["a", "b", "c"], explain="image", inputs={"age": 0.5})
    arrived = classifier_from(sent_classifier(clf))
    assert (arrived.explain, arrived.inputs) == (clf.explain, clf.inputs)
    np.testing.assert_array_equal(arrived.scores(photo), clf.scores(photo))


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed")
def test_an_onnx_file_travels_with_what_it_holds(photo: np.ndarray[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(Planted().eval(), (torch.rand(1, 3, 16, 16),), str(path), dynamo=False, input_names=["photo"])
    clf = seewhy.load(path, preprocess=PREPARE)
    scores = clf.scores(photo)
    content = sent_classifier(clf)
    path.unlink()
    np.testing.assert_array_equal(classifier_from(content).scores(photo), scores)


def test_what_cannot_travel_is_one_line(tmp_path: Path) -> None:
    class Holding(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = (row for row in [1])

        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            return photos.mean(dim=(2, 3))

    with pytest.raises(ModelError) as refused:
        sent_classifier(seewhy.Classifier(Holding(), PREPARE))
    assert str(refused.value) == (
        "Holding cannot be sent to other processes (TypeError: cannot pickle 'generator' object): leave ray= out, or load the "
        "network from a file (seewhy.load)."
    )


def test_other_weights_than_were_sent_are_refused(monkeypatch: pytest.MonkeyPatch, planted: Planted) -> None:
    content = sent_classifier(seewhy.Classifier(planted, PREPARE))
    monkeypatch.setattr("seewhy.store.travel.weights_hash", lambda network: "0" * 16)
    with pytest.raises(ModelError, match=r"^The weights of Planted arrived as others than were sent\.$"):
        classifier_from(content)
