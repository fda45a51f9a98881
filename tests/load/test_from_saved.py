"""Whole networks in files of torch, told apart by what is in them."""

from __future__ import annotations

import importlib
import io
import struct
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from attending_nets import FORMS as ATTENDING
from attending_nets import SmallViT
from one_photo_nets import FORMS as ONE_PHOTO
from one_photo_nets import OnePhoto
from safetensors.torch import save_file
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.errors import ModelError
from seewhy.load.from_saved import FixedBatch

PREPARE = seewhy.Preprocess(24, mean=0.5, std=0.25)
PHOTOS = [np.random.default_rng(n).integers(0, 256, (30, 40, 3), np.uint8) for n in range(3)]


def message(call: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as error:
        call()
    return str(error.value)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network in all forms, each under a name that says nothing."""
    folder = tmp_path_factory.mktemp("saved")
    network = SmallNet().eval()
    photo = torch.zeros(1, 3, 24, 24)
    torch.save(network, folder / "module.pth")
    torch.save({"epoch": 3, "model": network}, folder / "checkpoint.pth")
    torch.save(network.state_dict(), folder / "state.pt")
    torch.save(network, folder / "old.pt", _use_new_zipfile_serialization=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of TorchScript, and its exporter warns of itself
        torch.jit.trace(network, photo, check_trace=False).save(folder / "traced.pth")
        torch.export.save(torch.export.export(network, (photo,)), folder / "one.pt2")
        torch.export.save(torch.export.export(network, (photo.repeat(4, 1, 1, 1),)), folder / "four.pt2")
        free = torch.export.export(network, (photo.repeat(2, 1, 1, 1),), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.export.save(free, folder / "free.pt2")
        (folder / "free.pth").write_bytes((folder / "free.pt2").read_bytes())
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def own() -> seewhy.Classifier:
    return seewhy.Classifier(SmallNet(), PREPARE)


@pytest.mark.parametrize(
    "file", ["module.pth", "checkpoint.pth", "old.pt", "traced.pth", "one.pt2", "four.pt2", "free.pt2", "free.pth"]
)
def test_each_form_gives_the_network_s_scores(file: str, files: dict[str, Path], own: seewhy.Classifier) -> None:
    clf = seewhy.load(files[file], preprocess=PREPARE, trust=file != "traced.pth")
    assert clf.name == file
    assert clf.is_module
    np.testing.assert_allclose(clf.logits(PHOTOS), own.logits(PHOTOS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", ["module.pth", "one.pt2", "free.pt2"])
@pytest.mark.parametrize(
    "method", ["cam", "grad_cam", "score_cam", "gradient", "guided_backprop", "guided_grad_cam", "occlusion"]
)
def test_every_method_works_where_the_inside_can_be_watched(
    file: str, method: str, files: dict[str, Path], own: seewhy.Classifier
) -> None:
    clf = seewhy.load(files[file], preprocess=PREPARE, trust=True)
    pairs = zip(*(seewhy.explain(c, PHOTOS[:2], method, target=1) for c in (clf, own)), strict=True)
    for explanation, expected in pairs:
        assert np.ptp(expected.maps) > 0
        np.testing.assert_allclose(explanation.maps, expected.maps, rtol=1e-3, atol=1e-4 * np.abs(expected.maps).max())
    assert seewhy.explain(clf, PHOTOS[0]).method == "grad_cam"


@pytest.mark.parametrize(("file", "kind"), [("traced.pth", "TorchScript"), ("four.pt2", "a torch.export program for 4 photos")])
def test_where_only_gradients_flow(file: str, kind: str, files: dict[str, Path], own: seewhy.Classifier) -> None:
    clf = seewhy.load(files[file], preprocess=PREPARE, trust=True)
    pair = [seewhy.explain(c, PHOTOS[0], "gradient", target=1).maps for c in (clf, own)]
    np.testing.assert_allclose(pair[0], pair[1], rtol=1e-3, atol=1e-4 * np.abs(pair[1]).max())
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, PHOTOS[0], "grad_cam")
    assert str(error.value) == (
        f"This is {kind}: its inside cannot be watched, so methods that use layers or ReLUs are not possible. Working now: "
        "occlusion, lime, rise, gradient, input_x_gradient, integrated_gradients or smooth_grad. For CAM and Grad-CAM give the "
        "original nn.Module (torch.compile, DataParallel are unwrapped)."
    )
    assert seewhy.explain(clf, PHOTOS[0], budget=30).notes[-1] == (
        f"method='auto' took occlusion: this is {kind}, whose inside cannot be watched"
    )


@pytest.mark.parametrize("form", ATTENDING)
def test_the_attention_of_a_program_can_be_followed(form: str, tmp_path: Path) -> None:
    network = SmallViT(form).eval()
    photo = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(0))
    torch.export.save(torch.export.export(network, (photo[None],)), tmp_path / "vit.pt2")
    (program, own) = (seewhy.load(tmp_path / "vit.pt2", trust=True), seewhy.Classifier(network))
    for method in ("attention_rollout", "grad_attention_rollout"):
        (map_, expected) = (seewhy.explain(clf, photo, method, target=1).maps for clf in (program, own))
        assert expected.max() > 0
        np.testing.assert_allclose(map_, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("form", ONE_PHOTO)
def test_a_file_traced_with_one_photo(form: str, tmp_path: Path) -> None:
    network = OnePhoto(form).eval()
    torch.jit.trace(network, torch.zeros(1, 3, 8, 8), check_trace=False).save(tmp_path / "net.pt")
    clf = seewhy.load(tmp_path / "net.pt", preprocess=seewhy.Preprocess(8))
    inputs = [torch.from_numpy(clf.read(photo).pixels[None] / 255) for photo in PHOTOS]
    rows = torch.cat([network(photo) for photo in inputs]).softmax(1).detach().numpy()
    assert np.ptp(rows) > 0.01
    np.testing.assert_allclose(clf.scores(PHOTOS), rows, atol=1e-6)
    best = [predictions[0].index for predictions in clf.classify(PHOTOS)]
    assert best == rows.argmax(1).tolist()
    maps = [seewhy.explain(clf, PHOTOS, "occlusion", target=1, batch_size=size) for size in (None, 1)]
    for explanation, expected in zip(*maps, strict=True):
        assert np.ptp(expected.maps) > 0
        np.testing.assert_allclose(explanation.maps, expected.maps, atol=1e-6)


def test_a_program_knows_its_size(files: dict[str, Path]) -> None:
    clf = seewhy.load(files["free.pt2"], trust=True)
    assert clf.input_size == (24, 24)
    assert seewhy.load(files["traced.pth"]).preprocess is None
    assert seewhy.explain(clf, PHOTOS[0]).notes[0].startswith("free.pt2 says how large a photo is")


def test_what_could_run_code_needs_trust(files: dict[str, Path]) -> None:
    for file in ("module.pth", "old.pt"):
        assert message(lambda file=file: seewhy.load(files[file])) == (
            f"'{files[file]}' holds a whole pickled network, and reading it could run code: if you trust its author, say "
            "trust=True; else write a function that builds it, and give path/model.py:build with weights=."
        )
    assert message(lambda: seewhy.load(files["free.pth"])) == (
        "'free.pth' is a program of torch.export, and torch's reader of it could run code: if you trust its author, say "
        "trust=True; or export the network to .onnx."
    )


class Shouting(nn.Module):
    """What ordinary TorchScript code may say: words in strings and comments, quotes, an attribute called save or ops."""

    def __init__(self) -> None:
        super().__init__()
        self.save = 2
        self.ops = nn.ModuleList([nn.AdaptiveAvgPool2d(1), nn.Flatten()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] == 0:
            raise ValueError('don\'t use torch.save() or "from_file" # here\\')
        for layer in self.ops:
            x = layer(x)
        return x * self.save


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripted") / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Shouting()).save(path)
    return path


def test_ordinary_torchscript_needs_no_trust(scripted: Path) -> None:
    clf = seewhy.load(scripted, preprocess=seewhy.Preprocess(8), head="none")
    means = [clf.read(photo).pixels.mean(axis=(1, 2)) / 255 for photo in PHOTOS]
    np.testing.assert_allclose(clf.scores(PHOTOS), 2 * np.array(means), rtol=1e-5)


OTHERWISE = {"torch": "says 'torch' in another way than in torch.NAME", "ops": "says 'ops' in another way than in ops.SPACE.NAME"}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('torch.save([1], "made")', "calls torch.save"),
        ('y = torch.from_file("made", True, 4)', "calls torch.from_file"),
        ('(torch . save)([1], "made")', "calls torch.save"),
        ('ops.aten.save([1], "made")', "calls ops.aten.save"),
        ('torch.autograd.save([1], "made")', "calls torch.autograd.save"),
        ('torch.autograd.autograd . save([1], "made")', "calls torch.autograd.autograd.save"),
        ('ops.aten.autograd.save([1], "made")', "calls ops.aten.autograd.save"),
        ('y = torch.autograd.from_file("made", True, 4)', "calls torch.autograd.from_file"),
        ('(torch.autograd).save([1], "made")', "names torch.autograd"),
        ('t = ops.aten.autograd; t.save([1], "made")', "names ops.aten.autograd"),
        ("y = torch.autograd.relu(x)", OTHERWISE["torch"]),
        ("y = ops.aten.autograd.relu(x)", OTHERWISE["ops"]),
        ('x = "a\\\nb"; torch.save([1], "made"); z = "c"', "calls torch.save"),
        ('ops.image.write_file("made", x)', "calls ops.image.write_file"),
        ('t = torch; t.save([1], "made")', OTHERWISE["torch"]),
        ('getattr(torch, "sa" "ve")([1], "made")', OTHERWISE["torch"]),
        ('getattr(ops.aten, "sa\\166e")([1], "made")', OTHERWISE["ops"]),
        ("ops = 1", OTHERWISE["ops"]),
        ("torch = self.torch", OTHERWISE["torch"]),  # what torch writes for a module with an attribute of this name
        ('z = """ " """;t.save([1], "made")  # "', "holds a text in three quotes, which torch does not write"),
    ],
)
def test_torchscript_that_touches_files_needs_trust(line: str, named: str, scripted: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(with_lines(scripted, line.split("; ")))
    assert message(lambda: seewhy.load(path)) == (
        f"The TorchScript code in 'net.pt' {named}, and running it could write files: if you trust its author, say trust=True."
    )


def with_lines(scripted: Path, lines: list[str], others: Mapping[str, bytes] | None = None) -> bytes:
    """The archive with ``lines`` at the end of its forward, and with other entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(scripted) as archive, zipfile.ZipFile(buffer, "w") as changed:
        for entry in archive.infolist():
            content = archive.read(entry)
            if b"def forward" in content and b"class Shouting" in content:
                content += "".join(f"    {line}\n" for line in lines).encode()
            changed.writestr(zipfile.ZipInfo(entry.filename), content)
        for name, content in (others or {}).items():
            changed.writestr(zipfile.ZipInfo(f"net/{name}"), content)
    return buffer.getvalue()


def test_the_code_that_is_checked_is_the_code_that_torch_reads(scripted: Path, tmp_path: Path) -> None:
    """Two archives in one file: its end says where the first table of contents lies, and zipfile takes the last one."""
    (writes, harmless) = (with_lines(scripted, [line]) for line in ('torch.save([1], "made")', 'print("made", x, 1)    '))
    ends = [archive.rindex(b"PK\5\6") for archive in (writes, harmless)]
    (count, size, start) = struct.unpack("<HII", writes[ends[0] + 10 : ends[0] + 20])
    assert struct.unpack("<HI", harmless[ends[1] + 10 : ends[1] + 16]) == (count, size)
    table = bytearray(harmless[ends[1] - size : ends[1]])
    at = 0
    while at < size:  # zipfile adds to each place how far the table lies behind the place that the end gives
        struct.pack_into("<I", table, at + 42, struct.unpack_from("<I", table, at + 42)[0] + start + size - ends[0])
        at += 46 + sum(struct.unpack_from("<HHH", table, at + 28))
    path = tmp_path / "net.pt"
    path.write_bytes(writes[: ends[0]] + harmless[: ends[1] - size] + bytes(table) + writes[ends[0] :])
    assert message(lambda: seewhy.load(path)).startswith("The TorchScript code in 'net.pt' calls torch.save, and")


def test_code_that_torch_finds_under_other_names(scripted: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(with_lines(scripted, [], {"CODE/more.PY": b"torch.save"}))
    assert message(lambda: seewhy.load(path)).startswith("The TorchScript code in 'net.pt' calls torch.save, and")
    both = {"code/more.py": b"", "CODE/more.PY": b""}
    for others, reason in ((both, "two of its entries have the same name"), ({f"code/{'a' * 600}.py": b"torch.save"}, "")):
        path.write_bytes(with_lines(scripted, [], others))
        assert message(lambda: seewhy.load(path)).startswith(f"'{path}' is no whole TorchScript archive: {reason}")


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
def test_torchscript_that_writes_a_file_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With trust it does, so that what is refused is what would happen."""

    class Writing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.number = 1

        @torch.jit.export
        def __getstate__(self) -> tuple[int, bool]:
            return (self.number, self.training)

        @torch.jit.export
        def __setstate__(self, state: tuple[int, bool]) -> None:
            self.number = state[0]
            self.training = state[1]
            torch.save([1], "made")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) * self.number

    monkeypatch.chdir(tmp_path)
    torch.jit.script(Writing()).save("net.pt")
    assert message(lambda: seewhy.load("net.pt")).startswith("The TorchScript code in 'net.pt' calls torch.save, and")
    assert not Path("made").exists()
    clf = seewhy.load("net.pt", preprocess=seewhy.Preprocess(8), head="none", trust=True)
    assert Path("made").exists()
    np.testing.assert_allclose(clf.scores(PHOTOS[0])[0], clf.read(PHOTOS[0]).pixels.mean(axis=(1, 2)) / 255, rtol=1e-5)


def test_weights_alone(files: dict[str, Path], tmp_path: Path) -> None:
    save_file(SmallNet().state_dict(), tmp_path / "w.safetensors")
    torch.save({"state_dict": OrderedDict(a=torch.ones(1)), "settings": seewhy.Preprocess()}, tmp_path / "w.ckpt")
    for path in (files["state.pt"], tmp_path / "w.safetensors", tmp_path / "w.ckpt"):
        assert message(lambda path=path: seewhy.load(path)) == (
            f"'{path}' holds weights, and weights alone do not say which network they belong to: name it beside weights='{path}'."
        )


def test_own_weights_for_a_saved_network(files: dict[str, Path]) -> None:
    other = SmallNet(seed=5)
    clf = seewhy.load(files["module.pth"], weights=other.state_dict(), preprocess=PREPARE, trust=True)
    np.testing.assert_allclose(clf.logits(PHOTOS), seewhy.Classifier(other, PREPARE).logits(PHOTOS), atol=1e-5)
    assert message(lambda: seewhy.load(files["traced.pth"], weights=other.state_dict())) == (
        "'traced.pth' brings its own weights: leave weights= out."
    )


def saved_with_code(folder: Path, network: Path, bias: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled network whose class lies in ``folder / their_networks.py``; forgotten again."""
    folder.mkdir()
    (folder / "their_networks.py").write_text(
        f"from torch import nn\n\n\nclass Theirs(nn.Module):\n    def forward(self, x):\n        return x.mean((2, 3)) + {bias}\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.invalidate_caches()
        import their_networks

        torch.save(their_networks.Theirs(), network)
    del sys.modules["their_networks"]


def test_code_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_with_code(tmp_path / "theirs", tmp_path / "net.pt", 0, monkeypatch)
    assert message(lambda: seewhy.load(tmp_path / "net.pt", trust=True)) == (
        f"'{tmp_path / 'net.pt'}' was saved with code of the module 'their_networks', which cannot be imported here (No module "
        "named 'their_networks'): start from its folder, or give path/model.py:build with weights=."
    )


SCRIPT = """
import sys
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.conv(x).mean((2, 3))


if __name__ == "__main__":
    net = Net()
    torch.save(net, sys.argv[1])
    torch.save(net.state_dict(), sys.argv[2])
"""


def test_code_of_the_script_that_saved_it(tmp_path: Path) -> None:
    """Training scripts define the network themselves: its class is then ``__main__.Net``, wherever the file goes."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    (network, state) = (tmp_path / "net.pt", tmp_path / "state.pt")
    subprocess.run([sys.executable, script, network, state], check=True)
    assert message(lambda: seewhy.load(network, trust=True)) == (
        f"'{network}' was saved by the script that defines 'Net' itself: give path/script.py:Net with weights={str(network)!r}."
    )
    clf = seewhy.load(f"{script}:Net", weights=network, preprocess=PREPARE)
    weights = torch.load(state, weights_only=True)
    assert all(torch.equal(value, weights[name]) for name, value in clf.network.state_dict().items())


def test_code_beside_the_file_or_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the program that a shell starts is the one it is installed in, not the one where a person stands."""
    saved_with_code(tmp_path / "here", tmp_path / "net.pt", 1, monkeypatch)
    saved_with_code(tmp_path / "beside", tmp_path / "beside" / "net.pt", 2, monkeypatch)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry and Path(entry) != Path.cwd()])
    before = list(sys.path)
    prepare = seewhy.Preprocess(8)
    assert "reading it could run code" in message(lambda: seewhy.load(tmp_path / "net.pt"))
    assert "their_networks" not in sys.modules
    for path, bias in ((tmp_path / "net.pt", 1), (tmp_path / "beside" / "net.pt", 2)):  # beside comes before where one stands
        clf = seewhy.load(path, preprocess=prepare, head="none", trust=True)
        means = clf.read(PHOTOS[0]).pixels.mean(axis=(1, 2)) / 255
        np.testing.assert_allclose(clf.scores(PHOTOS[0])[0], means + bias, rtol=1e-5)
    assert sys.path == before
    sys.modules.pop("their_networks")


def test_files_that_hold_no_network(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    assert message(lambda: seewhy.load(tmp_path / "list.pt")) == (
        f"'{tmp_path / 'list.pt'}' holds a list, no network: save the nn.Module, or write path/model.py:build."
    )
    (tmp_path / "junk.pt").write_bytes(b"junk")
    (tmp_path / "half.pt").write_bytes(b"PK\x03\x04 no more")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / "empty.pt").touch()
    assert message(lambda: seewhy.load(tmp_path / "half.pt")).startswith(f"'{tmp_path / 'half.pt'}' holds no network that can be")
    for file in ("junk.pt", "names.txt", "config.json", "empty.pt"):
        for trust in (False, True):
            assert message(lambda file=file, trust=trust: seewhy.load(tmp_path / file, trust=trust)) == (
                f"'{tmp_path / file}' is no file that torch.save wrote, and holds no network"
                f"{f': give its folder {str(tmp_path)!r}' * (file == 'config.json')}."
            )
    assert message(lambda: seewhy.load(tmp_path / "none.pt")) == f"There is no file '{tmp_path / 'none.pt'}'."


def test_a_fixed_batch_joins_what_networks_return() -> None:
    class Several(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, object]:
            assert len(x) == 2
            return {"mean": x.mean((1, 2, 3)), "pair": (x.amax((1, 2, 3)), 7)}

    photos = torch.randn(5, 3, 4, 4)
    out = FixedBatch(Several(), 2)(photos)
    torch.testing.assert_close(out["mean"], photos.mean((1, 2, 3)))
    torch.testing.assert_close(out["pair"][0], photos.amax((1, 2, 3)))
    assert out["pair"][1] == 7


class Trained(nn.Module):
    """Everything that behaves otherwise in train mode."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.5))
        self.instance = nn.InstanceNorm2d(8, track_running_stats=True)
        self.rest = nn.Sequential(nn.RReLU(), nn.Dropout(0.5), nn.AlphaDropout(0.2), nn.Linear(8, 4))
        for module in (self.conv[1], self.instance):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.instance(self.conv(x)).flatten(2).mT
        dropout = 0.5 if self.training else 0.0
        return self.rest(nn.functional.scaled_dot_product_attention(tokens, tokens, tokens, dropout_p=dropout).mean(1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Trained().train(), (torch.zeros(1, 3, 24, 24),))
        torch.export.save(program, folder / "train.pt2")
        torch.export.save(program.run_decompositions(), folder / "apart.pt2")
    return folder


def test_a_program_exported_in_train_mode_is_in_eval_mode(trained: Path) -> None:
    clf = seewhy.load(str(trained / "train.pt2"), preprocess=PREPARE, trust=True)
    expected = seewhy.Classifier(Trained().eval(), PREPARE)
    for _ in range(2):
        np.testing.assert_allclose(clf.logits(PHOTOS), expected.logits(PHOTOS), rtol=1e-4, atol=1e-5)
    maps = seewhy.explain(clf, PHOTOS[0], "gradient", target=1).maps
    np.testing.assert_allclose(maps, seewhy.explain(expected, PHOTOS[0], "gradient", target=1).maps, rtol=1e-3, atol=1e-7)


def test_dropouts_that_were_taken_apart_are_refused(trained: Path) -> None:
    assert message(lambda: seewhy.load(str(trained / "apart.pt2"), preprocess=PREPARE, trust=True)) == (
        "'apart.pt2' draws at random, as a program does that was exported in train mode: export it again after network.eval()."
    )
