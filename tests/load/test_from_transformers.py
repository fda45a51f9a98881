"""Classifiers of Hugging Face: folders, a cache made here, their own image processors. Nothing is fetched."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_hub import offline, put
from PIL import Image
from torch import nn

import seewhy
from seewhy.errors import Message, MissingExtraError, ModelError, WeightsError
from seewhy.load import from_transformers

if importlib.util.find_spec("transformers") is None:
    pytest.skip("transformers is not installed", allow_module_level=True)
transformers: Any = from_transformers.transformers()

PHOTO = seewhy.demo.scenes(1, seed=2)[0].photo
PETS = {0: "cat", 1: "dog", 2: "tortoise"}


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def resnet(labels: dict[int, str] | None = None, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=labels or PETS, label2id=None
    )
    return transformers.ResNetForImageClassification(config).eval()


def vit(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        image_size=32,
        patch_size=8,
        id2label=PETS,
    )
    return transformers.ViTForImageClassification(config).eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small ResNet as save_pretrained writes it."""
    place = tmp_path / "pets"
    with from_transformers._quiet():
        resnet().save_pretrained(place)
    transformers.ConvNextImageProcessor(size={"shortest_edge": 48}, crop_pct=0.875).save_pretrained(place)
    return place


@pytest.mark.parametrize("name", ["/no/such", "./my/modle/x", "a/b/c", "bert base"])
def test_a_mistyped_folder_is_one_line(name: str) -> None:
    text = message(ModelError, lambda: seewhy.load(f"hf:{name}"))
    assert text == f"There is no folder '{name}', and it is no name on the hub (owner/name)."


def test_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    offline(monkeypatch, folder)
    clf = seewhy.load(folder)
    assert clf.classes == ["cat", "dog", "tortoise"]
    assert clf.name == "pets"
    assert clf.input_size == (48, 48)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pixels = processor(images=Image.fromarray(PHOTO), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = resnet()(pixels).logits.numpy()
    np.testing.assert_allclose(clf.logits(PHOTO), expected, atol=1e-3)
    np.testing.assert_array_equal(seewhy.load(f"hf:{folder}").logits(PHOTO), clf.logits(PHOTO))
    explanation = seewhy.explain(clf, PHOTO, target="dog")
    assert explanation.method == "grad_cam"
    assert np.ptp(explanation.maps) > 0
    assert "Loading weights" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("problem", "classes", "head"),
    [
        (None, 3, "softmax"),
        ("single_label_classification", 3, "softmax"),
        ("multi_label_classification", 3, "sigmoid"),
        ("multi_label_classification", 1, "binary"),
        ("regression", 3, "none"),
    ],
)
def test_the_head_is_what_the_network_was_trained_for(tmp_path: Path, problem: str | None, classes: int, head: str) -> None:
    network = resnet({number: f"label {number}" for number in range(classes)})
    network.config.problem_type = problem
    with from_transformers._quiet():
        network.save_pretrained(tmp_path)
    clf = seewhy.load(tmp_path, preprocess=seewhy.Preprocess(48))
    assert clf.head.kind == head
    assert seewhy.load(tmp_path, preprocess=seewhy.Preprocess(48), head="none").head.kind == "none"
    if head == "sigmoid":
        np.testing.assert_allclose(clf.scores(PHOTO), 1 / (1 + np.exp(-clf.logits(PHOTO).astype(float))), rtol=1e-5)


def test_a_name_in_the_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cache", "ours/pets", *folder.iterdir())
    offline(monkeypatch, tmp_path / "cache")
    clf = seewhy.load("hf:ours/pets")
    assert clf.name == "hf:ours/pets"
    np.testing.assert_array_equal(clf.logits(PHOTO), seewhy.load(folder).logits(PHOTO))


def test_a_name_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    text = message(ModelError, lambda: seewhy.load("hf:ours/nothing"))
    assert text.startswith(
        f"'hf:ours/nothing' is not in the cache '{tmp_path}' and cannot be fetched from http://127.0.0.1:9/ours/"
    )
    assert "\n" not in text


# Kinds of processors, and how a Preprocess says what they do; None where it cannot.
PROCESSORS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "stretched": ("ViTImageProcessor", {"size": {"height": 32, "width": 40}}, "stretched to 32×40"),
    "shorter side and crop": (
        "CLIPImageProcessor",
        {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}},
        "shorter side 40, centre crop 32×32 (bicubic)",
    ),
    "a share, then a crop": (
        "ConvNextImageProcessor",
        {"size": {"shortest_edge": 48}, "crop_pct": 0.875},
        "shorter side 54, centre crop 48×48",
    ),
    "a large one is stretched": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}, "stretched to 384×384"),
    "levit": ("LevitImageProcessor", {}, "shorter side 256, centre crop 224×224 (bicubic)"),
    "blue first": (
        "MobileViTImageProcessor",
        {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}},
        "shorter side 40, centre crop 32×32, BGR",
    ),
    "without mean and std": ("ViTImageProcessor", {"do_normalize": False}, "stretched to 224×224, RGB, values 0-1"),
    "stretched, then cropped": ("DeiTImageProcessor", {}, None),
}


@pytest.mark.parametrize("kind", PROCESSORS)
@pytest.mark.parametrize("size", [(160, 120), (97, 203)])
def test_the_preprocessing_is_the_processor_s_own(kind: str, size: tuple[int, int]) -> None:
    (name, settings, described) = PROCESSORS[kind]
    processor = getattr(transformers, name)(**settings)
    prepare = next(
        (own for own in from_transformers._descriptions(processor) if from_transformers._gives_the_same(own, processor)), None
    )
    if described is None:
        assert prepare is None
    else:
        assert prepare is not None
        text = prepare.describe()
        assert all(part in text for part in described.split(", ")), text
    image = Image.fromarray(PHOTO).resize(size, Image.Resampling.BICUBIC)
    clf = seewhy.Classifier(nn.Conv2d(3, 2, 1), prepare or processor)
    inputs = clf.preprocess.normalise(torch.from_numpy(clf.read(image).pixels)[None])
    exact = getattr(transformers, f"{name}Pil")(**settings)  # the same processor, on pillow instead of torchvision
    # torchvision clips and rounds between rows and columns otherwise than pillow, which shows at hard edges, made smaller.
    for other, most, mean in ((processor, 6.01, 0.25), (exact, 0.01 if described else 1.01, 0.01 if described else 0.5)):
        expected = torch.as_tensor(np.asarray(other(images=image, return_tensors="pt")["pixel_values"]))
        level = 1 / 255 / float(np.min(processor.image_std if processor.do_normalize else 1.0))  # one grey level
        assert float((inputs - expected).abs().max()) <= most * level
        assert float((inputs - expected).abs().mean()) <= mean * level


def test_blue_first_in_the_right_order() -> None:
    prepare = from_transformers.ProcessorPreprocess(size=2, mean=(0.1, 0.2, 0.3), std=1.0, blue_first=True)
    red = torch.tensor([255.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(prepare.normalise(red)[0, :, 0, 0], torch.tensor([-0.1, -0.2, 0.7]))
    assert "BGR" in prepare.describe()


def test_without_a_processor_the_size_is_known(tmp_path: Path) -> None:
    with from_transformers._quiet():
        vit().save_pretrained(tmp_path / "vit")
        resnet().save_pretrained(tmp_path / "resnet")
    clf = seewhy.load(tmp_path / "vit")
    assert clf.input_size == (32, 32)
    assert [str(Message(note)) for note in clf.read(PHOTO).notes] == [
        "config.json (there is no preprocessor_config.json) says how large a photo is, not how its values are prepared: they are "
        "scaled to 0-1; if the training did more, say mean= and std="
    ]
    assert seewhy.load(tmp_path / "resnet").preprocess is None


def test_a_processor_that_cannot_be_fetched_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with from_transformers._quiet():
        vit().save_pretrained(tmp_path / "vit")
    put(tmp_path / "cache", "ours/vit", *(tmp_path / "vit").iterdir())
    offline(monkeypatch, tmp_path / "cache")
    text = message(ModelError, lambda: seewhy.load("hf:ours/vit"))
    assert text.startswith(
        f"'preprocessor_config.json' of 'hf:ours/vit' is not in the cache '{tmp_path / 'cache'}' and cannot be fetched from http:"
    )
    mark = tmp_path / "cache" / "models--ours--vit" / ".no_exist" / ("0" * 40) / "preprocessor_config.json"
    mark.parent.mkdir(parents=True)
    mark.touch()  # the hub said once that there is none
    clf = seewhy.load("hf:ours/vit")
    assert clf.input_size == (32, 32)
    assert [str(Message(note)).split(" says")[0] for note in clf.read(PHOTO).notes] == [
        "config.json (there is no preprocessor_config.json)"
    ]


def test_own_weights(folder: Path, tmp_path: Path) -> None:
    other = resnet({index: f"breed {index}" for index in range(7)}, seed=3)
    torch.save({"state_dict": {f"model.{k}": v for k, v in other.state_dict().items()}}, tmp_path / "w.ckpt")
    clf = seewhy.load(folder, weights=tmp_path / "w.ckpt")
    assert len(clf.classes) == 7
    np.testing.assert_allclose(clf.logits(PHOTO), seewhy.Classifier(other, clf.preprocess).logits(PHOTO), atol=1e-5)
    same = seewhy.load(folder, weights=resnet(seed=4).state_dict())
    assert same.classes == ["cat", "dog", "tortoise"]
    assert message(WeightsError, lambda: seewhy.load(folder, weights={"a": torch.ones(1)})).startswith(
        f"The weights do not fit {folder}: there is no 'classifier.1.weight' in the file (it has a)."
    )


def test_only_safetensors_without_trust(folder: Path) -> None:
    torch.save(resnet().state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    text = message(ModelError, lambda: seewhy.load(folder))
    assert text == (
        f"'{folder}' has no weights in safetensors, and reading others could run code: save it with "
        "save_pretrained(safe_serialization=True), or, if you trust its author, say trust=True."
    )
    clf = seewhy.load(folder, trust=True)
    assert clf.classes == ["cat", "dog", "tortoise"]


def test_code_in_the_folder_is_never_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "theirs"
    config["auto_map"] = {"AutoConfig": "theirs.Config", "AutoModelForImageClassification": "theirs.Net"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    assert message(ModelError, lambda: seewhy.load(folder, trust=True)) == (
        f"'{folder}' brings Python code of its own, which seewhy never runs: write a function that builds it, and give "
        "path/model.py:build."
    )
    assert not (folder / "ran").exists()


def test_folders_that_are_no_classifiers(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert message(ModelError, lambda: seewhy.load(tmp_path / "empty")) == (
        f"The folder '{tmp_path / 'empty'}' has no config.json: give one that save_pretrained of transformers wrote."
    )
    bert = transformers.BertConfig()
    bert.save_pretrained(tmp_path / "bert")
    assert message(ModelError, lambda: seewhy.load(tmp_path / "bert")) == (
        f"'{tmp_path / 'bert'}' is a bert, and transformers has no image classifier of that kind: give one that classifies."
    )
    with from_transformers._quiet():
        resnet().resnet.save_pretrained(tmp_path / "backbone")
    assert message(ModelError, lambda: seewhy.load(tmp_path / "backbone")) == (
        f"'{tmp_path / 'backbone'}' has no weights of classifier.1.bias, classifier.1.weight: it was never trained to "
        "classify. Give a model that was."
    )
    (folder / "config.json").write_text("{")
    assert message(ModelError, lambda: seewhy.load(folder)).startswith(f"'{folder}' cannot be read by transformers: ")


def test_without_transformers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_transformers.transformers.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert message(MissingExtraError, lambda: seewhy.load(folder)) == (
        "Networks of Hugging Face need transformers, which is not installed: pip install 'seewhy[transformers]'."
    )
    monkeypatch.undo()
    from_transformers.transformers.cache_clear()
    from_transformers.transformers()
