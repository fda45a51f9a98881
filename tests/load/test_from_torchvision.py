"""Networks by name: with a person's own file, with the published one, and torchvision beside a CPU build of torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import seewhy
from seewhy import Preprocess
from seewhy.errors import ClassesError, ModelError, WeightsError
from seewhy.load import from_torchvision

PHOTO = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
SMALL = Preprocess(size=64)
CLOSED = "http://127.0.0.1:9"  # nobody listens there


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def network(name: str = "squeezenet1_1", classes: int = 5, **settings: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: nn.Module = from_torchvision.models().get_model(name, weights=None, num_classes=classes, **settings)
    return module.eval()


@pytest.fixture(scope="module")
def own() -> nn.Module:
    return network()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Where the published weights of a network would lie in an empty cache; they cannot be fetched."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")

    def place(name: str) -> Path:
        weights = from_torchvision.models().get_model_weights(name).DEFAULT
        file = weights.url.rsplit("/", 1)[-1]
        monkeypatch.setattr(weights.value, "url", f"{CLOSED}/{file}")
        folder = tmp_path / "hub" / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / file

    return place


def expected(own: nn.Module, clf: seewhy.Classifier) -> np.ndarray:
    pixels = torch.from_numpy(clf.read(PHOTO).pixels)[None]
    with torch.no_grad():
        return own(clf.executor.normalise(pixels)).numpy()


# -- a person's own weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("spec", ["squeezenet1_1", "torchvision:squeezenet1_1"])
def test_own_weights_with_another_number_of_classes(tmp_path: Path, own: nn.Module, suffix: str, spec: str) -> None:
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in own.state_dict().items()}}, path)
    else:
        save_file(own.state_dict(), path)
    clf = seewhy.load(spec, weights=path, preprocess=SMALL, classes=list("abcde"))
    logits = clf.logits(PHOTO)
    np.testing.assert_allclose(logits, expected(own, clf), atol=1e-5 * np.abs(logits).max())
    assert clf.classes == list("abcde")
    assert clf.name == "squeezenet1_1"
    assert not clf.network.training


def test_without_names_the_classes_are_numbered(tmp_path: Path, own: nn.Module) -> None:
    torch.save(own.state_dict(), tmp_path / "w.pth")
    clf = seewhy.load("squeezenet1_1", weights=tmp_path / "w.pth")
    assert clf.preprocess == Preprocess(size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), (
        "the library's own preprocessing"
    )
    assert len(clf.scores(PHOTO)[0]) == 5
    assert clf.classes == ["class 0", "class 1", "class 2", "class 3", "class 4"]


def test_a_thousand_classes_have_the_published_names(tmp_path: Path) -> None:
    torch.save(network("shufflenet_v2_x0_5", 1000).state_dict(), tmp_path / "w.pth")
    clf = seewhy.load("shufflenet_v2_x0_5", weights=tmp_path / "w.pth")
    assert (clf.classes[207], clf.classes[282]) == ("golden retriever", "tiger cat")


def test_one_output_is_read_as_yes_or_no(tmp_path: Path) -> None:
    net = network("shufflenet_v2_x0_5", 1)
    torch.save(net.state_dict(), tmp_path / "w.pth")
    clf = seewhy.load("shufflenet_v2_x0_5", weights=tmp_path / "w.pth", preprocess=SMALL, classes=["no", "yes"])
    (logit,) = expected(net, clf)[0]
    np.testing.assert_allclose(clf.logits(PHOTO), [[-logit, logit]], atol=1e-5)
    assert clf.head.kind == "binary"
    assert seewhy.load("shufflenet_v2_x0_5", weights=tmp_path / "w.pth", head="none").head.kind == "none"


def test_a_class_list_of_the_wrong_length(tmp_path: Path, own: nn.Module) -> None:
    torch.save(own.state_dict(), tmp_path / "w.pth")
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    assert message(
        ClassesError, lambda: seewhy.load("squeezenet1_1", weights=tmp_path / "w.pth", classes=tmp_path / "names.txt")
    ) == (
        "The class list has 3 names, but the network squeezenet1_1 has 5 classes: give one name for each class, in index order."
    )


def test_weights_of_another_architecture(tmp_path: Path, own: nn.Module) -> None:
    torch.save(own.state_dict(), tmp_path / "w.pth")
    assert message(WeightsError, lambda: seewhy.load("resnet18", weights=tmp_path / "w.pth")) == (
        "The weights do not fit resnet18: there is no 'fc.weight' in the file (it has features.0.weight, features.0.bias, "
        "features.3.squeeze.weight, features.3.squeeze.bias ... (52 in all)). Of which architecture are they?"
    )
    assert message(WeightsError, lambda: seewhy.load("squeezenet1_0", weights=tmp_path / "w.pth")).startswith(
        "The weights do not fit squeezenet1_0 with 5 classes: 'features.0.weight' is (64, 3, 3, 3) in the file and (96, 3, 7, 7) "
        "in the network; missing in the file: features.5.squeeze.weight, "
    )


@pytest.mark.parametrize("trust", [False, True])
def test_the_weights_of_a_pickled_module(tmp_path: Path, own: nn.Module, trust: bool) -> None:
    torch.save(own, tmp_path / "m.pth")
    clf = seewhy.load("squeezenet1_1", weights=tmp_path / "m.pth", trust=trust, preprocess=SMALL)
    np.testing.assert_allclose(clf.logits(PHOTO), expected(own, clf), atol=1e-5)


def test_loading_draws_no_random_numbers(tmp_path: Path, own: nn.Module) -> None:
    torch.save(own.state_dict(), tmp_path / "w.pth")
    from_torchvision._head_of.cache_clear()
    before = torch.get_rng_state()
    seewhy.load("squeezenet1_1", weights=tmp_path / "w.pth")
    from_torchvision._head_of("swin_t")
    assert torch.equal(torch.get_rng_state(), before)


def test_auxiliary_heads_are_built_where_the_file_has_them() -> None:
    for key, aux in (("aux1.conv.conv.weight", True), ("AuxLogits.fc.bias", True), ("fc.weight", False)):
        net = from_torchvision._network("googlenet", 3, {key: torch.ones(1)}, is_published=False)
        assert (net.aux1 is not None) == aux
        assert not net.transform_input, "own weights were trained on the common normalisation"
    assert from_torchvision._network("googlenet", 3, {}, is_published=True).transform_input


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("squeezenet1_0", "classifier.1.weight"),
        ("googlenet", "fc.weight"),
        ("vgg16", "classifier.6.weight"),
        ("densenet121", "classifier.weight"),
        ("mobilenet_v3_small", "classifier.3.weight"),
        ("convnext_tiny", "classifier.2.weight"),
        ("regnet_y_400mf", "fc.weight"),
        ("vit_b_16", "heads.head.weight"),
        ("swin_t", "head.weight"),
    ],
)
def test_where_the_class_count_is_read(name: str, head: str) -> None:
    assert from_torchvision._head_of(name) == head


def test_the_published_names_of_densenet() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            (self.norm1, self.conv2, self.norm) = (nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))

    old = {"norm.1.weight": 1, "conv.2.bias": 2, "norm.weight": 3, "other": 4}
    state = from_torchvision._renamed(Layer(), old)  # type: ignore[arg-type]
    assert state == {"norm1.weight": 1, "conv2.bias": 2, "norm.weight": 3, "other": 4}


# -- published weights --------------------------------------------------------------------------------------------------


def test_from_the_cache(published: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = published("squeezenet1_1")
    own = network(classes=1000)
    torch.save(own.state_dict(), path)
    (build, is_published) = (from_torchvision._network, [])
    monkeypatch.setattr(
        from_torchvision, "_network", lambda *args, **settings: is_published.append(settings) or build(*args, **settings)
    )
    clf = seewhy.load("squeezenet1_1")
    assert is_published == [{"is_published": True}]
    logits = clf.logits(PHOTO)
    np.testing.assert_allclose(logits, expected(own, clf), atol=1e-5 * np.abs(logits).max())
    assert clf.classes[207] == "golden retriever"
    assert clf.describe_input() == (
        "shorter side 256, centre crop 224×224, RGB, values 0-1, mean 0.485/0.456/0.406, std 0.229/0.224/0.225"
    )
    assert seewhy.load("squeezenet1_1", classes=[f"c{n}" for n in range(1000)]).classes[3] == "c3"


def test_weights_as_a_dictionary(own: nn.Module, tmp_path: Path) -> None:
    save_file(own.state_dict(), tmp_path / "w.safetensors")
    from_file = seewhy.load("squeezenet1_1", weights=tmp_path / "w.safetensors")
    before = {name: value.clone() for name, value in own.state_dict().items()}
    checkpoint = {"state_dict": {"module." + name: value for name, value in before.items()}}
    for weights in (own.state_dict(), dict(own.named_parameters()), checkpoint):
        clf = seewhy.load("squeezenet1_1", weights=weights)
        np.testing.assert_array_equal(clf.logits(PHOTO), from_file.logits(PHOTO))
        assert len(clf.classes) == 5
    with torch.no_grad():
        next(clf.network.parameters()).zero_()
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items()), "the dictionary is not shared"


def test_without_cache_and_network(published: Callable[[str], Path]) -> None:
    path = published("resnet18")
    text = message(ModelError, lambda: seewhy.load("resnet18"))
    assert text.startswith(
        f"The weights '{path.name}' are not in the cache '{path.parent}' and cannot be fetched from {CLOSED}/{path.name} ("
    )
    assert text.endswith("). Put the file into that folder, or give your own with weights=.")
    assert list(path.parent.iterdir()) == []


# -- names --------------------------------------------------------------------------------------------------------------

EXAMPLES = "Examples: squeezenet1_0, googlenet, resnet18, resnet50, mobilenet_v2, vgg16."


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "resnet5O",
            "There is no classification network 'resnet5O' in torchvision. Did you mean 'resnet50' or 'resnet152' or "
            f"'resnet34'? {EXAMPLES}",
        ),
        ("torchvision:xyz", f"There is no classification network 'xyz' in torchvision. {EXAMPLES}"),
        (
            "models/mine",
            "There is no classification network 'models/mine' in torchvision (a file? write its function too: "
            f"'model.py:build'). {EXAMPLES}",
        ),
        (
            "my/w.pth",
            "There is no file 'my/w.pth'.",
        ),
        (
            "ftp:resnet18",
            "The model 'ftp:resnet18' is not known: write 'resnet50', 'timm:convnext_tiny', 'hf:microsoft/resnet-50', "
            "'path/model.py:build', 'path/model.onnx', 'path/net.pt', 'demo:honest'.",
        ),
        (
            nn.ReLU(),
            "A model cannot be loaded from a ReLU: write 'resnet50', 'timm:convnext_tiny', 'hf:microsoft/resnet-50', "
            "'path/model.py:build', 'path/model.onnx', 'path/net.pt', 'demo:honest', or seewhy.Classifier(network).",
        ),
    ],
)
def test_unknown_models(spec: Any, expected: str) -> None:
    assert message(ModelError, lambda: seewhy.load(spec)) == expected


def test_a_module_in_python_s_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "nets.py").touch()
    assert message(ModelError, lambda: seewhy.load("parts.nets:build")) == (
        f"The model 'parts.nets:build' is not known: for the file write '{Path('parts/nets.py')}:build'."
    )


def test_only_classification_networks_are_listed() -> None:
    names = from_torchvision.names()
    assert {"resnet50", "squeezenet1_0", "googlenet", "mobilenet_v2", "vit_b_16"} <= set(names)
    assert not {"fcn_resnet50", "fasterrcnn_resnet50_fpn", "raft_large"} & set(names)


# -- torchvision beside a CPU build of torch -----------------------------------------------------------------------------

DEFINE = """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in {names}:
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
WITHOUT = """
import sys
import seewhy
sys.modules["torchvision"] = None
try:
    seewhy.load("resnet18")
except seewhy.SeewhyError as error:
    print(type(error).__name__, error)
del sys.modules["torchvision"]
"""
USE = """
from seewhy.load import from_torchvision
assert from_torchvision.models() is from_torchvision.models()
from_torchvision.models.cache_clear()
network = from_torchvision.models().get_model("squeezenet1_1", weights=None)
import torchvision.transforms
print("works", type(network).__name__)
"""
MISSING = "MissingExtraError Networks by name come from torchvision, which is not installed: pip install 'seewhy[torchvision]'.\n"


@pytest.mark.parametrize(
    ("before", "output"),
    [(WITHOUT, MISSING), (DEFINE.format(names=("nms", "qnms")), ""), (DEFINE.format(names=("nms",)), "")],
    ids=["alone", "both registered", "one registered"],
)
def test_torchvision_is_imported_in_every_order(before: str, output: str) -> None:
    """Twice, and where another library (timm, a notebook) has registered the missing operators before."""
    process = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", before + USE], capture_output=True, text=True)
    if "Only a single TORCH_LIBRARY" in process.stderr and before != WITHOUT:
        pytest.skip("this torchvision brings its own operators: nobody can have registered them before")
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{output}works SqueezeNet\n"


# -- the compiler of torch, which torchvision imports and classification does not use --------------------------------------

COMPILER = """
import sys
import seewhy
from seewhy.load import from_torchvision
network = from_torchvision.models().get_model("{name}", weights=None)
seewhy.load("{name}", weights=network.state_dict())
print([name for name in ("torch._dynamo", "torch._dynamo.utils", "torch._inductor", "sympy") if name in sys.modules])
from torchvision.ops import roi_align  # the function, whose module has its name
is_supported = sys.modules["torchvision.ops.roi_align"].is_compile_supported
print(is_supported("cpu") is sys.modules["torch._dynamo.utils"].is_compile_supported("cpu"), is_supported("meta"))
import torch
import torch._dynamo
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""
ANOTHER = """
import sys
from types import ModuleType
from seewhy.load import from_torchvision
with from_torchvision._compiler_later():
    stand_in = sys.modules["torch._dynamo.utils"]
    import torch._dynamo
    from torch._dynamo.utils import counters
module = sys.modules["torch._dynamo.utils"]
print(type(module) is ModuleType, module is not stand_in, counters is module.counters, stand_in.counters is counters)
with from_torchvision._compiler_later():
    print(sys.modules["torch._dynamo.utils"] is module)
print(sys.modules["torch._dynamo.utils"] is module)
"""


def printed(code: str) -> list[str]:
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


@pytest.mark.parametrize("name", ["squeezenet1_0", "resnet18", "vit_b_32"])
def test_torchvision_comes_without_the_compiler_of_torch_which_still_works(name: str) -> None:
    assert printed(COMPILER.format(name=name)) == ["[]", "True False", "2.0"]


def test_who_needs_the_compiler_meanwhile_gets_the_real_one() -> None:
    assert printed(ANOTHER) == ["True True True True", "True", "True"]
