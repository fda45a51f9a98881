"""A network from a person's own Python file, and the demo networks by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy import Preprocess
from seewhy.errors import ClassesError, ModelError, WeightsError
from seewhy.load import demo

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
SMALL = Preprocess(size=8)
HEAD = "import torch\nfrom torch import nn\n"
NETWORK = "nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, {classes}))"


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def model(folder: Path, text: str, name: str = "model.py") -> str:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(HEAD + text, encoding="utf-8")
    return str(folder / name)


def building(classes: int = 3, before: str = "") -> str:
    return f"def build():\n{before}    return {NETWORK.format(classes=classes)}\n"


def test_a_function_that_builds(tmp_path: Path) -> None:
    file = model(tmp_path, "torch.manual_seed(0)\n" + building(3))
    clf = seewhy.load(f"{file}:build", preprocess=SMALL, classes=["a", "b", "c"])
    torch.manual_seed(0)
    same = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    np.testing.assert_allclose(clf.logits(PHOTO), seewhy.Classifier(same, SMALL).logits(PHOTO), atol=1e-6)
    assert clf.classes == ["a", "b", "c"]
    assert clf.name == "model.py:build"
    assert clf.feature_layer == "1"


def test_a_network_from_a_file_is_in_eval_mode(tmp_path: Path) -> None:
    """Its constructor leaves train mode behind, which is no fault of the person's."""
    file = model(
        tmp_path,
        "import seewhy\n"
        + building(3)
        + "def wrapped():\n    return seewhy.Classifier(build(), seewhy.Preprocess(size=8))\n"
        + "def exported():\n    return torch.export.export(build().eval(), (torch.zeros(1, 3, 8, 8),)).module()\n",
    )
    for function in ("build", "wrapped"):
        clf = seewhy.load(f"{file}:{function}", preprocess=SMALL)
        assert not any(module.training for module in clf.network.modules())
    assert seewhy.load(f"{file}:exported", preprocess=SMALL).network is not None


def test_a_path_object_and_a_name_with_colon(tmp_path: Path) -> None:
    file = model(tmp_path, building(3))
    assert seewhy.load(Path(f"{file}:build"), preprocess=SMALL).scores(PHOTO).shape == (1, 3)


def test_a_class_is_a_function_that_builds(tmp_path: Path) -> None:
    file = model(
        tmp_path, f"class Net(nn.Sequential):\n    def __init__(self):\n        super().__init__(*{NETWORK.format(classes=2)})\n"
    )
    assert seewhy.load(f"{file}:Net", preprocess=SMALL).scores(PHOTO).shape == (1, 2)


def test_it_imports_from_its_own_folder(tmp_path: Path) -> None:
    file = model(
        tmp_path, "from parts_of_mine import K\n" + building(3, "    import more_of_mine\n    assert more_of_mine.K == 4\n")
    )
    (tmp_path / "parts_of_mine.py").write_text("K = 3\n")
    (tmp_path / "more_of_mine").mkdir()
    (tmp_path / "more_of_mine" / "__init__.py").write_text("K = 4\n")
    before = list(sys.path)
    clf = seewhy.load(f"{file}:build", preprocess=SMALL)
    assert clf.scores(PHOTO).shape == (1, 3)
    assert sys.path == before


def test_two_folders_with_helpers_of_the_same_name(tmp_path: Path) -> None:
    classes = {}
    for folder, count in (("a", 3), ("b", 5), ("a", 3)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "same_name_helper.py").write_text(f"K = {count}\n")
        file = model(
            tmp_path / folder, f"from same_name_helper import K\ndef build():\n    return {NETWORK.format(classes='K')}\n"
        )
        classes[folder] = seewhy.load(f"{file}:build", preprocess=SMALL).scores(PHOTO).shape[1]
    assert classes == {"a": 3, "b": 5}


def test_a_person_s_own_module_outlives_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded first by a file, imported by the person afterwards: it stays the same one, whatever is loaded then."""
    for folder, classes in (("own", 3), ("other", 5)):
        model(tmp_path / folder, f"def net():\n    return {NETWORK.format(classes=classes)}\n", "nets_of_mine.py")
        model(tmp_path / folder, "from nets_of_mine import net\ndef build():\n    return net()\n")
        model(tmp_path / folder, building(2), "alone.py")
    model(tmp_path / "without", building(4))

    def classes_of(file: str) -> int:
        return int(seewhy.load(f"{tmp_path / file}:build", preprocess=SMALL).scores(PHOTO).shape[1])

    monkeypatch.syspath_prepend(tmp_path / "own")
    assert classes_of("own/model.py") == 3
    import nets_of_mine

    for file, classes in (("own/alone.py", 2), ("without/model.py", 4), ("other/model.py", 5), ("own/model.py", 3)):
        assert classes_of(file) == classes
        assert sys.modules["nets_of_mine"] is nets_of_mine
    del sys.modules["nets_of_mine"]


def test_only_a_module_of_the_same_name_is_forgotten(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        model(tmp_path / folder, "import shared_name\nimport own_name_" + folder + "\n" + building())
        for name in ("shared_name", f"own_name_{folder}"):
            (tmp_path / folder / f"{name}.py").write_text(f"FOLDER = '{folder}'\n")
        seewhy.load(f"{tmp_path / folder / 'model.py'}:build", preprocess=SMALL)
        shared = sys.modules["shared_name"]
        assert folder == shared.FOLDER
    assert sys.modules["own_name_one"].FOLDER == "one"
    assert sys.modules["own_name_two"].FOLDER == "two"
    for name in ("shared_name", "own_name_one", "own_name_two"):
        del sys.modules[name]


def test_modules_that_were_there_before_stay(tmp_path: Path) -> None:
    file = model(tmp_path, "import json\n" + building())
    (json_before, torch_before) = (sys.modules.get("json"), sys.modules["torch"])
    seewhy.load(f"{file}:build", preprocess=SMALL)
    seewhy.load(f"{file}:build", preprocess=SMALL)
    assert sys.modules["torch"] is torch_before
    assert json_before is None or sys.modules["json"] is json_before


def test_dataclasses_in_the_file(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n" + HEAD
    text += "@dataclass\nclass Settings:\n    classes: int = 6\n" + building("Settings().classes")  # type: ignore[arg-type]
    (tmp_path / "model.py").write_text(text)
    assert seewhy.load(f"{tmp_path / 'model.py'}:build", preprocess=SMALL).scores(PHOTO).shape == (1, 6)


def test_weights_for_it(tmp_path: Path) -> None:
    file = model(tmp_path, building())
    clf = seewhy.load(f"{file}:build", preprocess=SMALL)
    other = seewhy.load(f"{file}:build", preprocess=SMALL).network
    torch.save({"model": {f"module.{k}": v for k, v in other.state_dict().items()}}, tmp_path / "w.pth")
    loaded = seewhy.load(f"{file}:build", weights=tmp_path / "w.pth", preprocess=SMALL)
    np.testing.assert_array_equal(loaded.logits(PHOTO), seewhy.Classifier(other, SMALL).logits(PHOTO))
    assert not np.allclose(loaded.logits(PHOTO), clf.logits(PHOTO))
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "wrong.pth")
    assert message(WeightsError, lambda: seewhy.load(f"{file}:build", weights=tmp_path / "wrong.pth")) == (
        f"The weights do not fit the network of {file}:build: '0.weight' is (1,) in the file and (4, 3, 3, 3) in the network; "
        "missing in the file: 0.bias, 4.weight, 4.bias."
    )


def test_a_wrapped_network_takes_weights_too(tmp_path: Path) -> None:
    file = model(tmp_path, building() + "def wrapped():\n    return nn.DataParallel(build())\n")
    plain = seewhy.load(f"{file}:build", preprocess=SMALL)
    torch.save(plain.network.state_dict(), tmp_path / "w.pth")
    loaded = seewhy.load(f"{file}:wrapped", weights=tmp_path / "w.pth", preprocess=SMALL)
    np.testing.assert_array_equal(loaded.logits(PHOTO), plain.logits(PHOTO))


def test_a_class_list_of_the_wrong_length_is_found_at_the_first_photo(tmp_path: Path) -> None:
    clf = seewhy.load(f"{model(tmp_path, building(3))}:build", preprocess=SMALL, classes=["a", "b"])
    assert (
        message(ClassesError, lambda: clf.scores(PHOTO)) == "The class list has 2 names, but the network gives 3 scores: "
        "give one name for each class, in index order."
    )


# -- a function that returns a Classifier --------------------------------------------------------------------------------

CLASSIFIER = (
    "import seewhy\n"
    "class Net(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    f"        self.body = {NETWORK.format(classes=1)}\n"
    "    def forward(self, x):\n"
    "        return {'answer': self.body(x), 'other': -self.body(x)}\n"
    "def build():\n"
    "    return seewhy.Classifier(Net(), seewhy.Preprocess(size=8, mean=0.5), classes=['no', 'yes'], head='binary',\n"
    "                             output='answer')\n"
    "def answers():\n"
    "    return seewhy.Classifier(lambda x: x.mean((2, 3)), seewhy.Preprocess(size=8))\n"
)


def test_a_classifier_is_taken_as_it_is(tmp_path: Path) -> None:
    clf = seewhy.load(f"{model(tmp_path, CLASSIFIER)}:build")
    assert clf.classes == ["no", "yes"]
    assert clf.preprocess == Preprocess(size=8, mean=0.5)
    assert clf.scores(PHOTO).sum() == pytest.approx(1)


def test_what_is_said_beside_it_changes_only_that(tmp_path: Path) -> None:
    file = model(tmp_path, CLASSIFIER)
    clf = seewhy.load(f"{file}:build", classes=["nein", "ja"])
    assert (clf.classes, clf.head.kind, clf.preprocess) == (["nein", "ja"], "binary", Preprocess(size=8, mean=0.5))
    assert clf.logits(PHOTO).shape == (1, 2)
    assert seewhy.load(f"{file}:build", head="none", classes=["it"]).scores(PHOTO).shape == (1, 1)
    assert seewhy.load(f"{file}:build", preprocess=Preprocess(size=6)).input_size == (6, 6)
    assert seewhy.load(f"{file}:build", precision="fast").precision == "fast"
    assert str(seewhy.load(f"{file}:build", device="cpu").device) == "cpu"


def test_a_classifier_around_a_function(tmp_path: Path) -> None:
    file = model(tmp_path, CLASSIFIER)
    assert seewhy.load(f"{file}:answers").scores(PHOTO).shape == (1, 3)
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    assert message(WeightsError, lambda: seewhy.load(f"{file}:answers", weights=tmp_path / "w.pth")) == (
        f"The network of {file}:answers is a function: weights cannot be put into it."
    )


# -- files that do not work ----------------------------------------------------------------------------------------------


def test_files_that_do_not_build(tmp_path: Path) -> None:
    file = model(
        tmp_path,
        building() + "def raises():\n    raise ValueError('no')\ndef nothing():\n    pass\ndef leaves():\n    exit(3)\nX = 3\n",
    )
    expected = {
        ":biuld": f"'{file}' has no function 'biuld'. Did you mean 'build'? It has: build, raises, nothing, leaves.",
        ":X": f"'{file}' has no function 'X'. It has: build, raises, nothing, leaves.",
        "": f"'{file}' does not say which function builds the network: write '{file}:build'.",
        ":raises": f"raises() in '{file}' failed: ValueError: no",
        ":leaves": f"leaves() in '{file}' failed: SystemExit: 3",
        ":nothing": f"nothing() in '{file}' returned a NoneType: it must return an nn.Module or a seewhy.Classifier.",
    }
    for end, line in expected.items():
        assert message(ModelError, lambda end=end: seewhy.load(file + end)) == line
    assert message(ModelError, lambda: seewhy.load("no/model.py:build")) == "There is no file 'no/model.py'."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def (", "SyntaxError: invalid syntax (model.py, line 3)"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(2)\n", "SystemExit: 2"),  # a script that reads its command line
    ],
)
def test_files_that_do_not_run(tmp_path: Path, text: str, reason: str) -> None:
    file = model(tmp_path, text)
    before = list(sys.path)
    assert message(ModelError, lambda: seewhy.load(f"{file}:build")) == f"'{file}' cannot be run: {reason}"
    assert sys.path == before
    assert "seewhy_model_model" not in sys.modules


def test_one_output_needs_one_name(tmp_path: Path) -> None:
    file = model(tmp_path, building(1))
    clf = seewhy.load(f"{file}:build", classes=["defect"], head="binary", preprocess=SMALL)
    assert clf.classes == ["not defect", "defect"]
    (not_defect, defect) = clf.scores(PHOTO)[0]
    with torch.no_grad():
        logit = clf.network(clf.executor.normalise(torch.from_numpy(clf.read(PHOTO).pixels)[None]))[0, 0]
    assert (not_defect, defect) == pytest.approx((float(torch.sigmoid(-logit)), float(torch.sigmoid(logit))), abs=1e-6)


# -- demo networks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(demo.DEMO_NETWORKS))
def test_demo_networks_by_name(name: str) -> None:
    if not (demo.WEIGHTS / f"{name}.safetensors").is_file():
        pytest.skip(f"demo:{name} has no weights yet")
    clf = seewhy.load(f"demo:{name}")
    assert clf.classes == list(demo.DEMO_NETWORKS[name].classes)
    assert clf.preprocess == Preprocess(size=demo.DEMO_SIZE, resize="stretch", mean=demo.DEMO_MEAN, std=demo.DEMO_STD)
    assert clf.name == f"demo:{name}"
    pixels = torch.from_numpy(clf.read(PHOTO).pixels)[None]
    torch.testing.assert_close(clf.executor.normalise(pixels), demo.normalise(pixels))
    (automatic_layer,) = [layer for layer in clf.layers() if layer.automatic]
    assert (automatic_layer.name, automatic_layer.grid, automatic_layer.channels) == ("block4", (12, 16), 72)
    assert clf.scores(PHOTO).sum() == pytest.approx(1, abs=1e-5)


def test_demo_networks_bring_their_weights(tmp_path: Path) -> None:
    assert message(ModelError, lambda: seewhy.load("demo:honest", weights="w.pth")) == (
        "The demo networks bring their own weights: leave weights= out."
    )
    assert "honest, shortcut, bear" in message(ModelError, lambda: seewhy.load("demo:honst"))
