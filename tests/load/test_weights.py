"""Weights files are read without running code, fit by name and shape, and fetched whole or not at all."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import random
import re
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.errors import ModelError, WeightsError
from seewhy.load import from_torchvision
from seewhy.load.weights import fetch, fit, read_weights


class OwnNet(nn.Module):
    """Stands at the top of this file, so that a pickle can find it again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.norm = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 4)


class Wrapped(nn.Module):
    """Its own names begin like a wrapper's."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3))


STATE = OwnNet().state_dict()


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def assert_own(state: dict[str, torch.Tensor]) -> None:
    assert list(state) == list(STATE)
    for name, value in STATE.items():
        assert torch.equal(state[name], value), name


# -- reading ------------------------------------------------------------------------------------------------------------


def test_both_formats_give_the_same(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    assert {k: v.tolist() for k, v in read_weights(tmp_path / "w.safetensors").items()} == {
        k: v.tolist() for k, v in STATE.items()
    }
    assert_own(read_weights(saved(STATE, tmp_path / "w.pth")))
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_own(read_weights(str(tmp_path / "old.pth")))


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "model.module.", "net."])
@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict", "ema"])
def test_prefixes_and_checkpoint_dictionaries(tmp_path: Path, prefix: str, key: str | None) -> None:
    state = {prefix + name: value for name, value in STATE.items()}
    content = state if key is None else {"epoch": 7, key: state, "optimizer": {"lr": 0.1}}
    assert_own(read_weights(saved(content, tmp_path / "w.pth")))


def test_a_prefix_that_not_every_name_has_stays(tmp_path: Path) -> None:
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert list(read_weights(saved(state, tmp_path / "w.pth"))) == ["module.a", "b"]


def test_numbers_become_float32_and_counters_stay(tmp_path: Path) -> None:
    state = {"a": torch.ones(2).half(), "b": torch.ones(2).double(), "c": torch.tensor(5)}
    weights = read_weights(saved(state, tmp_path / "w.pth"))
    assert [value.dtype for value in weights.values()] == [torch.float32, torch.float32, torch.int64]


class Guarded(OwnNet):
    """Runs code when it is unpickled."""

    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.again = self.fc

    def __setstate__(self, state: dict[str, Any]) -> None:
        Guarded.runs += 1
        super().__setstate__(state)


@pytest.mark.parametrize("inside", [False, True])
def test_the_weights_of_a_whole_module_are_read_without_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    own = Guarded()
    path = saved({"epoch": 3, "model": own} if inside else own, tmp_path / "m.pth")
    expected = own.state_dict()
    assert "passing" not in expected
    assert "again.weight" in expected
    Guarded.runs = 0
    read = [read_weights(path)]
    assert Guarded.runs == 0
    read.append(read_weights(path, trust=True))
    assert Guarded.runs > 0, "the file does run code when it is trusted: the test can fail"
    monkeypatch.delitem(globals(), "Guarded")  # as where the script that saved it defines it
    read += [read_weights(path), read_weights(path, trust=True)]
    for weights in read:
        assert list(weights) == list(expected)
        assert all(torch.equal(weights[name], value) for name, value in expected.items())


class Evil:
    """Runs code when it is unpickled."""

    ran = False

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (setattr, (Evil, "ran", True))


def test_nothing_runs_without_trust(tmp_path: Path) -> None:
    path = saved({"weight": torch.ones(1), "extra": Evil()}, tmp_path / "evil.pth")
    assert message(WeightsError, lambda: read_weights(path)).startswith("'evil.pth' holds more than tensors")
    assert not Evil.ran
    read_weights(path, trust=True)
    assert Evil.ran, "the file does run code when it is trusted: the test can fail"


class Odd:
    """No part of a network."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Odd, ())


def test_code_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved([Odd()], tmp_path / "m.pth")
    monkeypatch.delitem(globals(), "Odd")
    text = message(WeightsError, lambda: read_weights(path, trust=True))
    assert text.startswith("'m.pth' was saved with code that cannot be imported here (Can't get attribute 'Odd' on <module ")
    assert text.endswith("): save model.state_dict() instead.")


def test_a_saved_explanation_is_no_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", maps=np.zeros(3))
    assert message(WeightsError, lambda: read_weights(tmp_path / "x.npz")) == (
        "'x.npz' holds no PyTorch weights: save model.state_dict(). An explanation saved as .npz is read with "
        "seewhy.Explanation.load('x.npz')."
    )
    assert message(ModelError, lambda: seewhy.load(tmp_path / "x.npz")) == (
        f"'{tmp_path / 'x.npz'}' is no network: an explanation saved as .npz is read with "
        f"seewhy.Explanation.load('{tmp_path / 'x.npz'}')."
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.script(nn.Conv2d(3, 4, 1)).save(tmp_path / "ts.pt")
    assert message(WeightsError, lambda: read_weights(tmp_path / "ts.pt")) == (
        "'ts.pt' is a TorchScript archive, not weights alone: save model.state_dict(), or say trust=True."
    )
    assert list(read_weights(tmp_path / "ts.pt", trust=True)) == ["weight", "bias"]


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    whole = saved(STATE, tmp_path / "whole.pth").read_bytes()
    save_file(STATE, tmp_path / "whole.safetensors")
    contents = {
        "half.pth": whole[: len(whole) // 2],
        "half.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:-9],
        "text.safetensors": b"hello",
        "empty.safetensors": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        text = message(WeightsError, lambda name=name: read_weights(tmp_path / name))
        assert text.startswith(f"'{name}' "), text
        assert "broken or" in text
        assert "\n" not in text
        assert len(text) < 200
    for content, kind in (([1, 2], "list"), ({"epoch": 1}, "dict"), ({}, "dict"), (torch.ones(2), "Tensor")):
        path = saved(content, tmp_path / "other.pth")
        assert message(WeightsError, lambda path=path: read_weights(path)) == (
            f"'other.pth' holds no weights that can be read ({kind}): save model.state_dict()."
        )
    nowhere = tmp_path / "no.pth"
    assert message(WeightsError, lambda: read_weights(nowhere)) == f"There is no weights file '{nowhere}'."
    assert message(WeightsError, lambda: read_weights(tmp_path)) == f"'{tmp_path}' is a folder: give the weights file in it."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><title>404</title></html>", "looks like a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "is broken or something else"),
        (bytes(500), "is broken or something else"),
        (b"J" + bytes(3), "is broken or something else"),  # the pickle module asks for four bytes and has three
    ],
)
def test_files_that_are_no_pickle(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "junk.pth").write_bytes(content)
    for trust in (False, True):
        assert message(WeightsError, lambda trust=trust: read_weights(tmp_path / "junk.pth", trust)) == (
            f"'junk.pth' holds no PyTorch weights: it {reason}. Save model.state_dict(), or download it again."
        )


def test_whatever_reading_a_damaged_file_raises_is_one_line(tmp_path: Path) -> None:
    """Bytes changed and files cut at random places: torch's readers end in a dozen kinds of errors."""
    rng = random.Random(0)
    save_file(STATE, tmp_path / "whole.safetensors")
    old = io.BytesIO()
    torch.save(STATE, old, _use_new_zipfile_serialization=False)
    wholes = {
        "pickle.pth": old.getvalue(),
        "zip.pth": saved(STATE, tmp_path / "whole.pth").read_bytes(),
        "x.safetensors": (tmp_path / "whole.safetensors").read_bytes(),
    }
    messages = []
    for name, whole in wholes.items():
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(4):
                damaged[rng.randrange(1, min(len(damaged), 400))] = rng.randrange(256)
            (tmp_path / name).write_bytes(damaged[: rng.randrange(2, 2 * len(damaged))])
            try:
                read_weights(tmp_path / name, trust=False)
            except WeightsError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert not [text for text in messages if "\n" in text or not re.match(r"'(pickle|zip)\.pth' |'x\.safetensors' ", text)]


def test_a_dictionary_in_memory() -> None:
    state = {"module." + name: value for name, value in STATE.items()}
    for weights in (STATE, state, {"state_dict": state, "epoch": 3}, OrderedDict(state)):
        assert_own(read_weights(weights))
    network = OwnNet().half()
    tensors = read_weights(dict(network.named_parameters()))
    assert {value.dtype for value in tensors.values()} == {torch.float32}
    assert not any(value.requires_grad for value in tensors.values())
    for weights, text in (
        ({}, "The dictionary of weights holds no weights that can be read (dict): give model.state_dict()."),
        ({"a": 1}, "The dictionary of weights holds no weights that can be read (dict): give model.state_dict()."),
        (5, "Weights cannot be a int: give a file, or a dictionary of tensors."),
    ):
        assert message(WeightsError, lambda weights=weights: read_weights(weights)) == text


# -- fitting ------------------------------------------------------------------------------------------------------------


def test_fit_puts_every_weight_in_place() -> None:
    network = OwnNet()
    fit(network, STATE, "it")
    assert_own(network.state_dict())


def test_old_files_have_no_batch_counters() -> None:
    network = OwnNet()
    fit(network, {k: v for k, v in STATE.items() if not k.endswith("num_batches_tracked")}, "it")
    assert_own(network.state_dict())


def test_a_module_that_asks_for_the_version_of_its_weights() -> None:
    """As torchvision's MNASNet does: files that hold tensors alone know no versions."""

    class Versioned(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *others: Any) -> None:
            if metadata.get("version") not in (1, 2):
                raise ValueError(f"version shouldn't be {metadata.get('version')}")
            super()._load_from_state_dict(state, prefix, metadata, *others)

    network = nn.Sequential(Versioned(2, 1))
    fit(network, {"0.weight": torch.tensor([[1.0, 2.0]]), "0.bias": torch.tensor([3.0])}, "it")
    assert network[0].weight.tolist() == [[1, 2]]
    assert network[0].bias.tolist() == [3]


def test_names_that_begin_like_a_wrappers(tmp_path: Path) -> None:
    """Reading takes "net." off; a network whose own names begin so gets it back."""
    (own, other) = (Wrapped(), Wrapped())
    for content in (own.state_dict(), {"module." + k: v for k, v in own.state_dict().items()}):
        fit(other, read_weights(saved(content, tmp_path / "w.pth")), "it")
        assert torch.equal(other.net[0].weight, own.net[0].weight)
        nn.init.zeros_(other.net[0].weight)


def test_what_does_not_fit_is_named_in_full() -> None:
    wrong = {k: v for k, v in STATE.items() if not k.startswith("fc")} | {
        "conv.weight": torch.zeros(5, 3, 1, 1),
        "head": torch.zeros(1),
    }
    network = OwnNet()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert message(WeightsError, lambda: fit(network, wrong, "OwnNet with 4 classes")) == (
        "The weights do not fit OwnNet with 4 classes: 'conv.weight' is (5, 3, 1, 1) in the file and (2, 3, 1, 1) in the "
        "network; missing in the file: fc.weight, fc.bias; unknown to the network: head."
    )
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), "a file that does not fit changes nothing"


def test_of_many_names_the_first_three() -> None:
    extra = STATE | {f"x{n}": torch.zeros(1) for n in range(9)}
    assert message(WeightsError, lambda: fit(OwnNet(), extra, "it")) == (
        "The weights do not fit it: unknown to the network: x0, x1, x2 ... (9 in all)."
    )


def test_a_network_without_weights_takes_none() -> None:
    assert message(WeightsError, lambda: fit(nn.ReLU(), {"a": torch.ones(1)}, "it")).endswith("unknown to the network: a.")


# -- fetching -----------------------------------------------------------------------------------------------------------


class Server:
    """Serves one content on a local port; ``cut`` bytes are promised and not sent."""

    def __init__(self) -> None:
        (self.content, self.cut, self.status, self.asked) = (b"", 0, 200, 0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content[: len(outer.content) - outer.cut])

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/models/{name}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    instance = Server()
    buffer = io.BytesIO()
    torch.save(STATE, buffer)
    instance.content = buffer.getvalue()
    yield instance
    instance.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache, empty."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def name_of(content: bytes) -> str:
    return f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"


def test_fetched_whole_and_once(server: Server, cache: Path) -> None:
    name = name_of(server.content)
    path = fetch(server.url(name))
    assert path == cache / name
    assert path.read_bytes() == server.content
    assert_own(read_weights(path))
    assert fetch(server.url(name)) == path
    assert server.asked == 1, "the second time it comes from the cache"
    assert [p.name for p in cache.iterdir()] == [name]


def test_what_is_in_the_cache_is_not_asked_for(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "net-01234567.pth").write_bytes(b"mine")
    assert fetch("http://127.0.0.1:9/net-01234567.pth") == cache / "net-01234567.pth"


@pytest.mark.parametrize("cut", [1, 500])
def test_a_truncated_answer_leaves_no_file(server: Server, cache: Path, cut: int) -> None:
    name = name_of(server.content)
    server.cut = cut
    text = message(ModelError, lambda: fetch(server.url(name)))
    assert text.startswith(f"The weights '{name}' are not in the cache '{cache}' and cannot be fetched from {server.url(name)} (")
    assert list(cache.iterdir()) == []
    server.cut = 0
    assert fetch(server.url(name)).read_bytes() == server.content


def test_a_file_with_another_hash_is_refused(server: Server, cache: Path) -> None:
    text = message(ModelError, lambda: fetch(server.url("net-00000000.pth")))
    assert "invalid hash value" in text
    assert list(cache.iterdir()) == []


def test_an_answer_that_says_no(server: Server, cache: Path) -> None:
    server.status = 404
    url = server.url("net-01234567.pth")
    assert message(ModelError, lambda: fetch(url)) == (
        f"The weights 'net-01234567.pth' are not in the cache '{cache}' and cannot be fetched from {url} (Not Found). Put the "
        "file into that folder, or give your own with weights=."
    )


def test_without_a_network_the_message_names_file_folder_and_address(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/net-01234567.pth"  # nobody listens there
    text = message(ModelError, lambda: fetch(url))
    assert text.startswith(f"The weights 'net-01234567.pth' are not in the cache '{cache}' and cannot be fetched from {url} (")
    assert text.endswith(" Connection refused). Put the file into that folder, or give your own with weights=.")


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "file"))
    text = message(ModelError, lambda: fetch("http://127.0.0.1:9/net-01234567.pth"))
    assert text.startswith(f"The weights 'net-01234567.pth' are not in the cache '{tmp_path / 'file' / 'checkpoints'}'")


# -- checkpoints of PyTorch Lightning -------------------------------------------------------------------------------------


class Settings:
    """What a person hands to save_hyperparameters()."""

    def __init__(self) -> None:
        self.rate = 0.1


def lightning(path: Path, own: nn.Module, prefix: str, **beside: object) -> Path:
    """A .ckpt as Lightning's trainer writes it: tensors in a dictionary of their own, beside everything else."""
    state = {f"{prefix}{name}": value for name, value in own.state_dict().items()}
    content = {"epoch": 3, "global_step": 100, "pytorch-lightning_version": "2.6.0", "state_dict": OrderedDict(state)}
    content |= {"optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}], "loops": {}}
    return saved(content | beside, path)


@pytest.mark.parametrize("prefix", ["model.", "net.", "", "network."])
def test_a_lightning_checkpoint(prefix: str, tmp_path: Path) -> None:
    own = OwnNet()
    path = lightning(tmp_path / "last.ckpt", own, prefix, hyper_parameters={"lr": 0.1})
    assert torch.equal(read_weights(path)["fc.weight"], own.fc.weight)


def test_settings_of_any_class_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnNet()
    beside = {
        "hyper_parameters": argparse.Namespace(lr=0.1, data=Path("data"), own=Settings(), share=np.float64(0.5)),
        "callbacks": {"checkpoint": {"best": np.arange(3), "kinds": {1, 2}, "why": Settings}},
    }
    path = lightning(tmp_path / "last.ckpt", own, "model.", **beside)
    monkeypatch.delitem(globals(), "Settings")  # also where their code is not there
    allowed = set(map(str, torch.serialization.get_safe_globals()))
    state = read_weights(path)
    assert {name: tuple(value.shape) for name, value in state.items()} == {
        name: tuple(value.shape) for name, value in own.state_dict().items()
    }
    assert torch.equal(state["fc.weight"], own.fc.weight)
    assert set(map(str, torch.serialization.get_safe_globals())) == allowed  # in any order


def test_no_object_of_a_checkpoint_runs(tmp_path: Path) -> None:
    own = OwnNet()
    Evil.ran = False
    path = lightning(tmp_path / "last.ckpt", own, "model.", hyper_parameters={"extra": Evil()})
    assert torch.equal(read_weights(path)["fc.weight"], own.fc.weight)
    assert not Evil.ran
    read_weights(path, trust=True)
    assert Evil.ran, "the file does run code when it is trusted: the test can fail"


def test_a_module_in_a_checkpoint_beside_other_objects(tmp_path: Path) -> None:
    own = OwnNet()
    Evil.ran = False
    path = saved({"epoch": 1, "model": own, "settings": Settings(), "extra": Evil()}, tmp_path / "c.ckpt")
    assert torch.equal(read_weights(path)["fc.weight"], own.fc.weight)
    assert not Evil.ran


def test_a_real_lightning_module(tmp_path: Path) -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    from_torchvision.models()  # which lightning imports
    lightning_package = importlib.import_module("lightning.pytorch")

    class Lit(lightning_package.LightningModule):
        def __init__(self, rate: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.model = SmallNet()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.model(x)
            return out

    lit = Lit()
    photo = torch.rand(3, 16, 16)
    clf = seewhy.Classifier(lit)
    np.testing.assert_allclose(clf.logits(photo), seewhy.Classifier(lit.model).logits(photo), atol=1e-6)
    explanation = seewhy.explain(clf, photo, target=0)
    np.testing.assert_allclose(
        explanation.maps, seewhy.explain(seewhy.Classifier(lit.model), photo, explanation.method, target=0).maps, atol=1e-6
    )
    assert explanation.layer == "model.features"
    path = lightning(tmp_path / "lit.ckpt", lit, "", hyper_parameters=lit.hparams)
    assert torch.equal(read_weights(path)["fc.weight"], lit.model.fc.weight)
