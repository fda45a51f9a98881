"""Networks of timm: weights, preprocessing, names. Nothing is fetched: weights are random, or lie in a cache made here."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_hub import offline, put
from PIL import Image
from safetensors.torch import save_file

import seewhy
from seewhy.errors import MissingExtraError, ModelError, WeightsError
from seewhy.load import from_timm, from_torchvision

if importlib.util.find_spec("timm") is None:
    pytest.skip("timm is not installed", allow_module_level=True)
timm: Any = from_timm.timm()

PHOTO = seewhy.demo.scenes(1, seed=2)[0].photo
NAME = "resnet10t"  # small, and its classifier is drawn, not zero


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return timm.create_model(NAME, num_classes=5).eval()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", "in a checkpoint"])
def test_own_weights(suffix: str, network: Any, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix if suffix.startswith('.') else '.ckpt'}"
    if suffix == ".safetensors":
        save_file(network.state_dict(), path)
    elif suffix == ".pth":
        torch.save(network.state_dict(), path)
    else:
        torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
    before = torch.get_rng_state()
    clf = seewhy.load(f"timm:{NAME}", weights=path, classes=list("abcde"))
    assert torch.equal(torch.get_rng_state(), before)
    assert clf.name == f"timm:{NAME}"
    own = seewhy.Classifier(network, clf.preprocess, list("abcde"))
    np.testing.assert_allclose(clf.logits(PHOTO), own.logits(PHOTO), atol=1e-5)
    assert seewhy.explain(clf, PHOTO).method == "grad_cam"


@pytest.mark.parametrize(
    "name",
    [
        "resnet10t",
        "vit_tiny_patch16_224",
        "convnext_atto",
        "test_resnet",
        "resnetv2_50x1_bit.goog_in21k_ft_in1k",
        "eva02_base_patch14_448.mim_in22k_ft_in1k",
    ],
)
@pytest.mark.parametrize("size", [(451, 300), (240, 517)])
def test_the_preprocessing_is_timm_s_own(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = timm.create_model(name)
    image = Image.fromarray(PHOTO).resize(size, Image.Resampling.BICUBIC)
    own = from_timm._preprocess(network)
    assert isinstance(own, seewhy.Preprocess), "a Preprocess says it exactly"
    expected = timm.data.create_transform(**timm.data.resolve_data_config(model=network), is_training=False)(image)
    clf = seewhy.Classifier(torch.nn.Conv2d(3, 2, 1), own)
    inputs = own.normalise(torch.from_numpy(clf.read(image).pixels)[None])[0]
    torch.testing.assert_close(inputs, expected, rtol=0, atol=2e-6)


def test_a_configuration_without_words_is_timm_s_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        network = timm.create_model("resnet10t")
    network.pretrained_cfg |= {"crop_mode": "squash", "crop_pct": 0.8}
    prepare = from_timm._preprocess(network)
    assert not isinstance(prepare, seewhy.Preprocess)
    clf = seewhy.Classifier(torch.nn.Conv2d(3, 2, 1), prepare)
    photo = clf.read(PHOTO)
    inputs = clf.preprocess.normalise(torch.from_numpy(photo.pixels)[None])[0]
    torch.testing.assert_close(inputs, prepare(Image.fromarray(PHOTO)), rtol=0, atol=1e-4)


def test_published_weights_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    network = timm.create_model(NAME).eval()
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    put(tmp_path / "cache", f"timm/{NAME}.c3_in1k", tmp_path / "model.safetensors")
    offline(monkeypatch, tmp_path / "cache")
    clf = seewhy.load(f"timm:{NAME}")
    assert len(clf.classes) == 1000
    assert clf.classes[1] == "goldfish"
    assert clf.class_names().index("n01443537") == clf.class_names().index("Carassius auratus") == 1
    own = seewhy.Classifier(network, clf.preprocess)
    np.testing.assert_allclose(clf.logits(PHOTO), own.logits(PHOTO), atol=1e-4)
    tagged = seewhy.load(f"timm:{NAME}.c3_in1k")
    np.testing.assert_array_equal(tagged.logits(PHOTO), clf.logits(PHOTO))


class Running:
    """Unpickled, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return (os.mkdir, (str(self.folder),))


def test_published_weights_that_would_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why pyproject asks for timm 1.0.26: older ones unpickle such a file."""
    torch.save({"fc.weight": Running(tmp_path / "made")}, tmp_path / "pytorch_model.bin")
    put(tmp_path / "cache", f"timm/{NAME}.c3_in1k", tmp_path / "pytorch_model.bin")
    offline(monkeypatch, tmp_path / "cache")
    text = message(ModelError, lambda: seewhy.load(f"timm:{NAME}"))
    assert "weights_only" in text
    assert "\n" not in text
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    text = message(ModelError, lambda: seewhy.load(f"timm:{NAME}"))
    assert text.startswith(
        f"'timm:{NAME}' is not in the cache '{tmp_path}' and cannot be fetched from http://127.0.0.1:9/timm/{NAME}"
    )
    assert "\n" not in text


def test_names(network: Any) -> None:
    text = message(ModelError, lambda: seewhy.load("timm:resnet5O"))
    assert text.startswith("There is no network 'resnet5O' in timm. Did you mean 'resnet50'")
    assert text.endswith(f"seewhy models resn --source timm searches its {len(from_timm.names())} names.")
    assert message(ModelError, lambda: seewhy.load(f"timm:{NAME}.mine")) == (
        f"timm has no weights 'mine' of {NAME}: it has {NAME}.c3_in1k."
    )
    other = timm.create_model("test_vit", num_classes=5).state_dict()
    assert message(WeightsError, lambda: seewhy.load(f"timm:{NAME}", weights=other)).startswith(
        f"The weights do not fit {NAME}: there is no 'fc.weight' in the file"
    )


def test_own_names_for_another_count_of_classes(network: Any) -> None:
    assert seewhy.load(f"timm:{NAME}", weights=network.state_dict()).classes[:2] == ["class 0", "class 1"]


@pytest.mark.parametrize("missing", ["timm", "torchvision"])
def test_without_timm(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from_timm.timm.cache_clear()
    from_torchvision.models.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert message(MissingExtraError, lambda: seewhy.load(f"timm:{NAME}")) == (
        "timm:NAME needs timm, which is not installed: pip install 'seewhy[timm]'."
    )
    monkeypatch.undo()
    from_timm.timm.cache_clear()
    from_torchvision.models.cache_clear()
    from_timm.timm()


@pytest.mark.parametrize("version", ["1.0.25", "0.9.16", "1.0.9", "0.12.0.dev0"])
def test_an_older_timm_is_not_used(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would unpickle weights."""
    monkeypatch.setattr(timm, "__version__", version)
    from_timm.timm.cache_clear()
    try:
        assert message(MissingExtraError, lambda: seewhy.load(f"timm:{NAME}")) == (
            f"timm:NAME needs timm 1.0.26 or newer, and {version} is installed: pip install 'seewhy[timm]'."
        )
        for enough in ("1.0.26", "1.1.0", "2.0", "1.0.100.dev0"):
            monkeypatch.setattr(timm, "__version__", enough)
            from_timm.timm.cache_clear()
            assert from_timm.timm() is timm
    finally:
        from_timm.timm.cache_clear()


def test_the_oldest_timm_is_the_one_that_is_asked_for() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'"timm>=([\d.]+)"', project) == [from_timm.OLDEST] * 2
