"""The command line: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import heads
import numpy as np
import pytest
import tifffile
from PIL import Image
from safetensors.torch import save_file
from small_nets import DATA
from small_volumes import BOX, SIDES, planted_volume

import seewhy
from seewhy.cli import settings
from seewhy.errors import MethodError, setting
from seewhy.records import Note

MODEL = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
"""


def test_explain_alone_works_and_says_what_it_uses(run, photos: Path) -> None:
    code, out, err = run("explain", photos / "a.png")
    assert code == 0
    assert err == (
        "No --model given: demo:honest is used. It knows drawings only, of bear | cow | sheep; what it says of a real photo "
        "means nothing. Name your own network: --model resnet50, --model my.py:build.\n"
    )
    predicted = seewhy.load("demo:honest").classify(photos / "a.png")[0].name
    assert f"→ a-grad_cam-{predicted}.png" in out
    assert "Model demo:honest; preprocessing: stretched to 96×128 (rows × columns), RGB, values 0-1, mean 0.52" in out
    with Image.open(f"a-grad_cam-{predicted}.png") as picture:
        assert picture.width > 600
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 1000


UNUSED = ("torchvision", "torch._dynamo", "torch.onnx", "sympy", "scipy", "sklearn", "skimage", "openTSNE", "pandas", "jinja2")
UNUSED_PARTS = ("matplotlib.pyplot", "seewhy.demo.story", "seewhy.demo.train", "rich.progress")


def test_explain_imports_only_what_it_uses(photos: Path) -> None:
    code = (
        "import sys\nfrom seewhy import cli\ntry:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([name for name in {UNUSED + UNUSED_PARTS} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "explain", str(photos / "a.png"), "-o", str(photos / "why.png")]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "[]"
    assert (photos / "why.png").is_file()


def test_classify_prints_the_top_classes(run, photos: Path) -> None:
    code, out, _ = run("classify", photos / "a.png", "--model", "demo:honest", "-k", 2)
    clf = seewhy.load("demo:honest")
    expected = "; ".join(str(p) for p in clf.classify(photos / "a.png", k=2))
    assert code == 0
    assert out.splitlines()[0] == f"{photos / 'a.png'}: {expected}"


def test_what_nobody_has_said_of_a_network_of_ones_own_is_told(run, photos: Path) -> None:
    Path("own.py").write_text("import seewhy\n\n\ndef build():\n    return seewhy.Classifier(lambda x: x.mean(dim=(2, 3)))\n")
    note = (
        "  note: --size says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the training did "
        "more, say --mean and --std"
    )
    arguments = (photos / "a.png", photos / "deeper" / "a.png", "--model", "own.py:build", "--size", "32")
    _, out, _ = run("classify", *arguments)
    assert out.splitlines()[2:-1] == [note]  # once, behind the photos
    _, out, _ = run("evaluate", *arguments, "-m", "rise", "--metric", "deletion", "--steps", "2")
    assert out.splitlines().count(note) == 1
    Path("labels.txt").write_text("class 0\nclass 1\n")
    _, out, _ = run("confusion", *arguments, "--labels", "labels.txt")
    assert out.splitlines().count(note) == 1
    _, out, _ = run("classify", *arguments, "--json")
    (plain,) = json.loads(out)["notes"]
    assert plain == re.sub(r"--(size|mean|std)", r"\1=", note.removeprefix("  note: "))
    for said in (("--mean", "0"), ("--range", "255")):
        _, out, _ = run("classify", *arguments, *said)
        assert "note:" not in out


def test_classify_tells_how_a_photo_was_read(run) -> None:
    Path("own.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n"
    )
    np.save("deep.npy", np.full((8, 8), 3999, np.uint16))
    np.save("flat.npy", np.full((8, 8), 60000, np.uint16))
    arguments = ("classify", "deep.npy", "flat.npy", "--model", "own.py:build", "--size", "8", "--mean", "0")
    (_, out, _) = run(*arguments)
    note = (
        "16 bits a pixel: 0-65535 became 0-1, and this photo reaches 3999; if the network was trained on another range as 0-1, "
        "write that: --range 4095 for 12 bits"
    )
    lines = out.splitlines()
    assert lines[1] == f"  note: {note}"
    assert "60000" in lines[3]
    (_, out, _) = run(*arguments, "--json")
    (deep, flat) = json.loads(out)["photos"]
    assert deep["notes"][0] == note.replace("--range 4095", "range=4095")
    assert "bits" in flat["notes"][0]


def test_a_value_that_a_shell_cut_off_its_option(run, photos: Path) -> None:
    (code, _, err) = run("explain", photos / "a.png", "--mean", "0.485", "0.456", "0.406", "-o", "x.png")
    assert (code, err) == (2, "Error: -o x.png: for 3 photos ('0.456' is no file) write a folder.\n")


def test_a_batch_skips_the_bad_file_and_says_so(run, photos: Path) -> None:
    code, out, err = run("explain", photos, "--model", "demo:honest", "-o", "maps")
    assert code == 2
    assert sorted(path.as_posix() for path in Path("maps").rglob("*.png")) == ["maps/a.png", "maps/deeper/a.png"]
    assert f"Skipped {photos / 'broken.jpg'}:" in err
    assert err.endswith("1 of 3 photos were skipped, all others are done.\n")
    assert [line.split("→ ")[1] for line in out.splitlines() if "→" in line] == ["maps/a.png", "maps/deeper/a.png"]


def test_a_folder_of_numbers_is_what_its_photos_are_one_by_one(run, photos: Path) -> None:
    code, out, err = run("explain", photos, "--model", "demo:honest", "-o", "maps", "--format", "npz", "-t", "top2")
    assert code == 2
    assert err.endswith("1 of 3 photos were skipped, all others are done.\n")
    assert [line.split("→ ")[1] for line in out.splitlines() if "→" in line] == ["maps/a.npz", "maps/deeper/a.npz"]
    assert sorted(path.as_posix() for path in Path("maps").rglob("*.*")) == ["maps/a.npz", "maps/deeper/a.npz"]
    clf = seewhy.load("demo:honest")
    for name in ("a", "deeper/a"):
        alone = seewhy.explain(clf, photos / f"{name}.png", target="top2")
        saved = seewhy.Explanation.load(f"maps/{name}.npz")
        np.testing.assert_allclose(saved.maps, alone.maps, rtol=1e-5, atol=1e-6)
        assert [target.name for target in saved.targets] == [target.name for target in alone.targets]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_in_a_folder_leaves_whole_files(photos: Path, tmp_path: Path) -> None:
    import signal
    import subprocess
    import time

    for i in range(3000):
        (photos / f"{i:04}.png").hardlink_to(photos / "a.png")
    command = [sys.executable, "-m", "seewhy", "explain", str(photos), "--model", "demo:honest", "-o", "maps", "--format", "npz"]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests in the background are started deaf to it
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=tmp_path, text=True, preexec_fn=heed, **pipes)
    maps = tmp_path / "maps"
    limit = time.monotonic() + 60  # it does not get far meanwhile: nobody reads the lines that it prints
    while process.poll() is None and not list(maps.glob("0*.npz")) and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    (_, err) = process.communicate(timeout=60)
    assert process.returncode == 130, err[-2000:]
    assert "Traceback" not in err
    files = [path for path in maps.rglob("*") if path.is_file()]
    assert 1 <= len(files) < 3000
    # Where it comes while a line is printed, nothing is counted.
    assert err.splitlines()[-1] in ("Interrupted.", f"Interrupted: {len(files)} of 3003 photos are whole.")
    assert {path.suffix for path in files} == {".npz"}
    assert all(seewhy.Explanation.load(path).maps.shape == (1, 12, 16) for path in files)


def test_globs_and_several_targets(run, photos: Path) -> None:
    code, out, _ = run(
        "explain", str(photos / "**" / "a.png"), "--model", "demo:honest", "-t", "cow", "-t", "0", "--json", "-o", "out"
    )
    record = json.loads(out)
    assert code == 0
    assert record["preprocessing"].startswith("stretched to 96×128 (rows × columns)")
    assert [[t["name"] for t in e["targets"]] for e in record["explanations"]] == [["cow", "bear"]] * 2
    assert all(Path(e["output"]).is_file() for e in record["explanations"])


@pytest.mark.parametrize("against", ["bear", "0"])
def test_why_this_and_not_that(run, photos: Path, against: str) -> None:
    photo = photos / "a.png"
    code, out, _ = run("explain", photo, "--model", "demo:honest", "-t", "cow", "--against", against, "--no-relu", "--json")
    (record,) = json.loads(out)["explanations"]
    clf = seewhy.load("demo:honest")
    expected = seewhy.explain(clf, photo, target="cow", against="bear", relu=False).targets[0]
    assert code == 0
    assert record["targets"] == [json.loads(json.dumps(dataclasses.asdict(expected)))]
    assert record["targets"][0]["against"]["name"] == "bear"
    assert Path("a-grad_cam-cow-not_bear.png").is_file()
    _, out, _ = run("explain", photo, "--model", "demo:honest", "-t", "cow", "--against", against)
    assert f" of {expected} → a-grad_cam-cow-not_bear.png" in out
    _, out, _ = run("explain", photo, "--model", "demo:honest", "-m", "eigen_cam", "--against", against)
    assert "note: --against changes nothing: the map of eigen_cam belongs to the photo, not to a class" in out


def test_a_photo_whose_first_class_is_the_one_compared_with_is_skipped(run, tmp_path: Path) -> None:
    clf = seewhy.load("demo:honest")
    pictures = {clf.classify(scene.photo)[0].name: scene.photo for scene in seewhy.demo.scenes(12, seed=1)}
    (tmp_path / "in").mkdir()
    for name in ("bear", "cow"):
        Image.fromarray(pictures[name]).save(tmp_path / "in" / f"{name}.png")
    code, out, err = run("explain", "in", "--model", "demo:honest", "--against", "bear", "-o", "out")
    assert code == 2
    assert [path.name for path in Path("out").iterdir()] == ["cow.png"]
    skipped = "Skipped in/bear.png: --against bear is the target itself: write another class, such as '"
    assert err.splitlines()[0].startswith(skipped)
    assert err.splitlines()[1:] == ["1 of 2 photos were skipped, all others are done."]
    assert "cow, not bear (" in out


@pytest.mark.parametrize("suffix", ["png", "npz", "json", "html"])
def test_o_is_a_file_for_one_photo(run, photos: Path, suffix: str) -> None:
    code, _, _ = run("explain", photos / "a.png", "--model", "demo:honest", "--method", "cam", "-o", f"new/why.{suffix}")
    assert code == 0
    file = Path(f"new/why.{suffix}")
    assert file.stat().st_size > 1000
    if suffix == "npz":
        e = seewhy.Explanation.load(file)
        assert (e.method, e.maps.shape) == ("cam", (1, 12, 16))


def test_the_methods_own_fields_are_flags(run, photos: Path) -> None:
    for arguments, expected in (
        (("--no-relu", "--score", "log_odds", "--layer", "block2"), {"relu": False, "score": "log_odds", "layer": "block2"}),
        (("--relu",), {"relu": True, "score": "logit", "layer": None}),
    ):
        _, out, _ = run("explain", photos / "a.png", "--model", "demo:honest", "--json", *arguments)
        assert json.loads(out)["explanations"][0]["settings"] == expected
    _, text, _ = run("explain", "--help")
    for method in seewhy.METHODS.values():
        for field in dataclasses.fields(method):
            assert settings.flag_of(method.name, field.name) in text


def test_a_persons_own_model_file(run, photos: Path) -> None:
    Path("my_model.py").write_text(MODEL)
    Path("names.txt").write_text("one\ntwo\nthree\n")
    code, _, err = run("explain", photos / "a.png", "--model", "my_model.py:build")
    assert (code, err) == (
        2,
        "Error: The model brings no preprocessing: say --size 224, and --mean and --std as in its training; for a network of "
        "volumes --dimensions 3.\n",
    )
    code, out, _ = run(
        "explain", photos / "a.png", "--model", "my_model.py:build", "--size", "30,40", "--classes", "names.txt", "-t", "two"
    )
    assert code == 0
    assert "of two (0." in out
    assert "resized to cover 30×40 (rows × columns), centre crop, grey, values 0-1" in out
    code, _, err = run("classify", photos / "a.png", "--model", "my_model.py:biuld", "--size", "30")
    assert (code, err) == (2, "Error: 'my_model.py' has no function 'biuld'. Did you mean 'build'? It has: build.\n")


def test_a_persons_own_weights(run, photos: Path) -> None:
    from seewhy.load.from_torchvision import models

    network = models().get_model("squeezenet1_1", weights=None, num_classes=3)
    save_file(network.state_dict(), "mine.safetensors")
    Path("names.txt").write_text("one\ntwo\nthree\n")
    own = ("--model", "squeezenet1_1", "--weights", "mine.safetensors", "--classes", "names.txt")
    code, out, _ = run("explain", photos / "a.png", *own, "--target", "top3", "--no-crop", "-o", "x.png")
    assert code == 0
    assert "grad_cam at classifier.2, 15×" in out
    code, _, err = run("classify", photos / "a.png", "--weights", "mine.safetensors")
    assert (code, err) == (2, "Error: --weights needs --model: of which architecture are they?\n")


def test_layers_marks_the_automatic_choice(run) -> None:
    code, out, _ = run("layers", "--model", "demo:honest")
    (row,) = [line for line in out.splitlines() if "automatic" in line]
    assert code == 0
    assert row.split()[:1] == ["block4"]
    assert "12 × 16" in row
    _, out, _ = run("layers", "--model", "demo:honest", "--json")
    assert [layer["name"] for layer in json.loads(out) if layer["automatic"]] == ["block4"]


def test_methods_lists_every_method_with_its_settings(run) -> None:
    _, out, _ = run("methods", "--json")
    assert [m["name"] for m in json.loads(out)] == list(seewhy.METHODS)
    _, out, _ = run("methods")
    for method in seewhy.METHODS.values():
        assert method.summary in out
        assert method.source in out


def test_a_table_of_answers(run, photos: Path) -> None:
    run("classify", photos / "a.png", photos / "deeper" / "a.png", "--model", "demo:honest", "-o", "answers.csv")
    rows = list(csv.DictReader(Path("answers.csv").read_text().splitlines()))
    assert [(row["rank"], row["photo"]) for row in rows[:4]] == [(str(k), str(photos / "a.png")) for k in (1, 2, 3)] + [
        ("1", str(photos / "deeper" / "a.png"))
    ]
    assert all(row["preprocessing"].startswith("stretched") for row in rows)
    run("classify", photos / "a.png", "--model", "demo:honest", "-o", "answers.json")
    assert json.loads(Path("answers.json").read_text())["model"] == "demo:honest"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explain", "nowhere.jpg"), "There is no file 'nowhere.jpg'."),
        (("explain", "photos/broken.jpg"), "'photos/broken.jpg' cannot be read to its end: "),
        (("explain", "photos/a.png", "--target", "bare"), "This network has no class 'bare'. Did you mean 'bear' (0)?"),
        (("explain", "photos/a.png", "--target", "7"), "This network has no class 7: its 3 classes are numbered 0 to 2."),
        (("explain", "photos/a.png", "--against", "baer"), "This network has no class 'baer'. Did you mean 'bear' (0)?"),
        (("explain", "photos/a.png", "--against", "top4"), "--against top4: this network has 3 classes."),
        (
            ("explain", "photos/a.png", "-t", "cow", "--against", "1"),
            "--against '#1' is the target itself: write another class, such as '",
        ),
        (
            ("explain", "photos/a.png", "-t", "top3", "--against", "cow"),
            "--against cow is 'cow', one of the targets: leave it out.",
        ),
        (("explain", "photos/a.png", "--method", "gradcam"), "There is no method 'gradcam'. Did you mean"),
        (
            ("explain", "photos/a.png", "--method", "cam", "--no-relu"),
            "--relu/--no-relu is a flag of grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, score_cam, eigen_cam; cam has "
            "--layer.",
        ),
        (
            ("explain", "photos/a.png", "--method", "lime", "--mask-size", "9"),
            "--mask-size is a flag of occlusion; lime has --score, --segments, --features, --samples, --lime-model, --kernel, "
            "--fill.",
        ),
        (
            ("explain", "photos/a.png", "--method", "rise", "--lime-model", "tree"),
            "--lime-model is a flag of lime; rise has --score, --masks, --grid, --keep, --fill.",
        ),
        (("explain", "photos/a.png", "-t", "-1"), "This network has no class '-1'. It has: bear, cow, sheep."),
        (("explain", "photos/a.png", "-t", "#3"), "This network has no class 3: its 3 classes are numbered 0 to 2."),
        (("explain", "photos/a.png", "-o", "photos/a.png/x"), "-o photos/a.png/x: 'photos/a.png' is a file, not a folder."),
        (("explain", "photos/a.png", "-o", "photos/a.png/x.png"), "-o photos/a.png/x.png: 'photos/a.png' is a file, not a"),
        (
            ("explain", "photos/a.png", "-o", "-"),
            "-o -: results are files, not a stream: write a file or a folder.",
        ),
        (("classify", "photos/a.png", "-o", "-"), "-o -: results are files, not a stream"),
        (("dream", "bear", "-o", "photos"), "-o photos: that is a folder; write a file in it."),
        (("dream", "bear", "-o", "ca"), "-o ca has no ending: write ca.png; known are .png, .jpg, .jpeg, .pdf, .svg, .npz."),
        (
            ("activations", "photos", "--channel", "3", "-o", "x.npz"),
            "-o x.npz: '.npz' is not one of .png, .jpg, .jpeg, .pdf, .svg, .html, .json.",
        ),
        (("activations", "photos", "-t", "wolf"), "This network has no class 'wolf'."),
        (("activations", "photos/a.png", "--channel", "3", "--count", "0"), "-k 0: write a whole number above 0."),
        (("embed", "photos", "-o", "x.gif"), "-o x.gif: '.gif' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz, .json, .html."),
        (("demo", "-o", "x.png"), "-o x.png: '.png' is not one of .html."),
        (
            ("classify", "photos/a.png", "--model", "demo:honest", "--weights", "w.pth"),
            "The demo networks bring their own weights: leave --weights out.",
        ),
        (("classify", "photos/a.png", "--classes", "no.txt"), "There is no class list 'no.txt': "),
        (("explain", "photos/a.png", "--layer", "blok4"), "This network has no layer 'blok4'. Did you mean 'block4'"),
        (("explain", "photos/a.png", "--model", "demo:honnest"), "there is no demo network 'honnest'"),
        (("explain", "photos/a.png", "--model", "resnet19"), "There is no classification network 'resnet19' in torchvision."),
        (("explain", "photos/a.png", "--size", "big"), "--size big: write 224, or ROWS,COLUMNS."),
        (("explain", "photos/a.png", "--mean", "x"), "--mean x: write a number, or one per channel with commas between."),
        (("explain", "photos/a.png", "photos/deeper/a.png", "-o", "x.png"), "-o x.png: for 2 photos write a folder."),
        (
            ("explain", "photos/a.png", "-o", "x.bmp"),
            "-o x.bmp: '.bmp' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz, .json, .html.",
        ),
        (("explain", "photos/*.webp"), "No file matches 'photos/*.webp'."),
        (("explain", "photos/none"), "There is no file 'photos/none'."),
        (("explain", "photos/a.png", "--budget", "soon"), "--budget soon: write forward passes"),
        (("explain", "photos/a.png", "--device", "gpu9"), "--device gpu9 cannot be used"),
        (("explain", "photos/a.png", "--no-such-flag"), "No such option: --no-such-flag"),
        (("explain",), "Missing argument"),
        (("classify", "photos/a.png", "-o", "x.png"), "-o x.png: '.png' is not one of .csv, .json."),
        (("classify", "photos/a.png", "-k", "0"), "-k 0: write a whole number above 0"),
        (("paint",), "No such command 'paint'."),
    ],
)
def test_every_mistake_is_one_line_and_exit_code_2(run, photos: Path, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(*arguments)
    lines = [line for line in err.splitlines() if not line.startswith("No --model given")]
    assert code == 2
    assert len(lines) == 1, err
    assert lines[0].startswith(f"Error: {message}"), lines[0]
    assert "Traceback" not in out + err
    assert not [*Path().glob("x.*"), *Path().glob("-*")]


def test_ctrl_c_is_no_traceback(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(seewhy, "explain", interrupted)
    code, _, err = run("explain", photos / "a.png", "--model", "demo:honest")
    assert code == 130
    assert err == "Interrupted.\n"


def test_a_model_file_may_import_torchvision(run, photos: Path) -> None:
    """Beside a CPU torch that import fails by itself; in a process of its own, where nobody has repaired it yet."""
    import subprocess

    Path("tv.py").write_text(
        "import torchvision\ndef build():\n    return torchvision.models.squeezenet1_1(weights=None, num_classes=3)\n"
    )
    command = [sys.executable, "-m", "seewhy", "classify", str(photos / "a.png"), "--model", "tv.py:build", "--size", "64"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
    assert "class 0 (0." in process.stdout
    Path("tv.py").write_text(
        "def build():\n    import torchvision\n    return torchvision.models.squeezenet1_1(weights=None, num_classes=3)\n"
    )
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_pictures_of_an_earlier_run_are_no_photos(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert run("explain", "a.png", "--model", "demo:honest", "-t", "bear", "-t", "cow")[0] == 0
    assert Path("a-grad_cam-bear.png").is_file()
    Image.open("a.png").save("sun-rise-1.png")  # a photo, whatever its name
    for names in ("*.png", "."):
        (_, out, _) = run("classify", names, "--model", "demo:honest")
        assert [line.split(":")[0] for line in out.splitlines()[:-1] if "deeper" not in line] == ["a.png", "sun-rise-1.png"]
    assert "a-grad_cam-bear.png: " in run("classify", "a-grad_cam-bear.png", "--model", "demo:honest")[1], "named by itself"


def test_the_demo_page_tells_the_story(run) -> None:
    code, out, _ = run("demo", "-o", "story/demo.html")
    page = Path("story/demo.html").read_text()
    assert code == 0
    assert str(Path("story/demo.html").resolve()) in out
    assert "Right for the wrong reason" in page
    assert page.count("data:image/") >= 30
    assert "http://" not in page
    assert "https://" not in page


def test_the_real_retriever(run, real_squeezenet: seewhy.Classifier, real_photos: Path) -> None:
    code, out, _ = run(
        "explain",
        real_photos / "n02099601_golden_retriever.JPEG",
        *("--model", "squeezenet1_0", "--weights", DATA / "squeezenet1_0_imagenet.safetensors"),
        *("--classes", DATA / "imagenet_synsets.txt", "--target", "top3", "-o", "retriever.png"),
    )
    assert code == 0
    assert ": golden retriever (0.88); Labrador retriever (" in out
    assert Path("retriever.png").stat().st_size > 100_000


def test_python_m_runs_it_too(photos: Path, tmp_path: Path) -> None:
    import subprocess

    process = subprocess.run(
        [sys.executable, "-m", "seewhy", "methods"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "Grad-CAM" in process.stdout


def test_occlusion_with_its_own_flags_and_a_budget(run, photos: Path) -> None:
    arguments = ("--method", "occlusion", "--mask-size", "20", "--stride", "1", "--clip", "--budget", "60", "-o", "x.npz")
    code, out, _ = run("explain", photos / "a.png", *arguments)
    assert code == 0
    e = seewhy.Explanation.load("x.npz")
    assert (e.details["mask_size"], e.details["stride"], e.settings["clip"]) == ([20, 20], [1, 1], True)
    assert e.partial
    assert e.cost.forward == 60
    masks_done = e.details["masks_done"]
    assert f"note: stopped by the budget after {masks_done} of {96 * 128:,} masks: the rest is interpolated" in out
    assert run("explain", photos / "a.png", "-m", "occlusion", "--mask-size", "20,30", "--budget", "2s", "-o", "y.npz")[0] == 0
    assert seewhy.Explanation.load("y.npz").details["mask_size"] == [20, 30]


def test_limes_model_has_a_flag_that_is_not_the_networks(run, photos: Path) -> None:
    arguments = ("-m", "lime", "--model", "demo:shortcut", "--lime-model", "ridge", "--samples", "60", "--segments", "grid")
    code, _, _ = run("explain", photos / "a.png", *arguments, "-o", "x.npz")
    assert code == 0
    e = seewhy.Explanation.load("x.npz")
    assert (e.settings["model"], e.settings["segments"], e.settings["samples"]) == ("ridge", "grid", 60)
    assert e.model == "demo:shortcut"
    code, _, err = run("explain", photos / "a.png", "-m", "occlusion", "--samples", "60")
    assert code == 2
    assert err.splitlines()[-1].startswith(
        "Error: --samples is a flag of lime, smooth_grad; occlusion has --score, --mask-size, "
    )


STOPS = """
import torch
from torch import nn

class Stops(nn.Module):
    calls = 0

    def forward(self, x):
        if len(x) > 2:  # a block of masked copies
            Stops.calls += 1
            if Stops.calls == 2:
                raise KeyboardInterrupt
        red = x[:, 0].mean((1, 2))
        return torch.stack([red, -red], dim=1)

def build():
    return Stops()
"""


def test_ctrl_c_keeps_the_map_that_was_reached(run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "stops.py").write_text(STOPS)
    arguments = ("--model", "stops.py:build", "--size", "64", "-m", "occlusion", "-o", "out")
    code, out, err = run("explain", photos / "a.png", photos / "deeper" / "a.png", *arguments)
    assert code == 130
    (picture,) = (tmp_path / "out").iterdir()
    assert picture.suffix == ".png"
    assert "interrupted after 32 of 121 masks" in out
    assert err.splitlines()[-1] == (f"Interrupted: the map of {photos / 'a.png'} is what was reached; 0 of 2 photos are whole.")


def test_ctrl_c_with_json_prints_what_was_done(run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "stops.py").write_text(STOPS)
    files = (photos / "broken.jpg", photos / "a.png", photos / "deeper" / "a.png")
    arguments = ("--model", "stops.py:build", "--size", "64", "-m", "occlusion", "-o", "out", "--json")
    code, out, err = run("explain", *files, *arguments)
    record = json.loads(out)
    assert code == 130
    assert record["interrupted"] is True
    assert [(e["photo"], e["partial"]) for e in record["explanations"]] == [(str(photos / "a.png"), True)]
    assert Path(record["explanations"][0]["output"]).is_file()
    assert [file["photo"] for file in record["skipped"]] == [str(photos / "broken.jpg")]
    assert err.splitlines()[-1].startswith("Interrupted: the map of ")


@pytest.mark.parametrize("command", ["classify", "activations"])
def test_ctrl_c_with_json_keeps_the_photos_before(run, photos: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    (place, read) = (photos / "deeper" / "a.png", seewhy.Classifier.read)

    def stops_at_the_second(clf: seewhy.Classifier, photo: object) -> object:
        if photo == place:
            raise KeyboardInterrupt
        return read(clf, photo)

    monkeypatch.setattr(seewhy.Classifier, "read", stops_at_the_second)
    code, out, err = run(
        command, photos / "a.png", place, "--model", "demo:honest", "--json", "-o", "x.csv" if command == "classify" else "x"
    )
    rows = json.loads(out)["photos" if command == "classify" else "activations"]
    assert (code, err) == (130, "Interrupted.\n")
    assert [row["photo"] for row in rows] == [str(photos / "a.png")]


def test_how_long_it_takes_is_told_once(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (real, progress_values) = (seewhy.explain, [])
    monkeypatch.setattr(
        seewhy,
        "explain",
        lambda *args, progress, **named: progress_values.append(progress) or real(*args, progress=progress, **named),
    )
    run("explain", photos, "--model", "demo:honest", "-m", "occlusion", "--budget", "3", "-o", "maps")
    assert progress_values == [None, False, False]  # the broken file is tried, too


def test_json_lists_what_was_skipped(run, photos: Path) -> None:
    for command in ("classify", "explain"):
        code, out, err = run(command, photos, "--model", "demo:honest", "--json")
        (entry,) = json.loads(out)["skipped"]
        assert code == 2
        assert entry["photo"] == str(photos / "broken.jpg")
        assert entry["reason"].startswith(f"'{photos / 'broken.jpg'}' cannot be read to its end: ")
        assert f"Skipped {photos / 'broken.jpg'}: " in err
    assert json.loads(run("classify", photos / "a.png", "--model", "demo:honest", "--json")[1])["skipped"] == []


def test_the_version(run) -> None:
    assert run("--version") == (0, f"seewhy {seewhy.__version__}\n", "")


def test_without_a_command_the_help_is_printed(run) -> None:
    (code, out, err) = run()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: seewhy [OPTIONS] COMMAND [ARGS]...")
    assert run("--help")[1].split() == err.split()


def test_three_spellings_of_the_output(run, photos: Path) -> None:
    for flag in ("-o", "--output", "--out"):
        assert run("explain", photos / "a.png", "--model", "demo:honest", flag, f"x{flag}.png")[0] == 0
        assert Path(f"x{flag}.png").is_file()


def test_nothing_is_computed_where_the_result_cannot_be_written(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def computes(*_: object, **__: object) -> None:
        raise AssertionError("it has begun")

    for name in ("load", "explain", "activations", "deep_dream", "embed", "extremes"):
        monkeypatch.setattr(seewhy, name, computes)
    (photos / "closed").touch()
    for arguments in (
        ("explain", "photos/a.png", "-o", "x.gif"),
        ("explain", "photos", "-o", "x.png"),
        ("explain", "photos/a.png", "-o", "photos/closed/x.png"),
        ("explain", "photos", "-o", "photos/closed/maps"),
        ("classify", "photos", "-o", "x.txt"),
        ("activations", "photos/a.png", "-o", "x.json"),
        ("activations", "photos", "--channel", "1", "-o", "photos/closed/x.png"),
        ("dream", "bear", "-o", "x.mp4"),
        ("embed", "photos", "-o", "photos/closed/x.html"),
        ("demo", "-o", "x.pdf"),
    ):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.startswith(f"Error: -o {arguments[-1]}: "), err


DIGITS = [*"1234567890"]


def test_digits_are_an_index_unless_a_class_is_called_so(run, photos: Path) -> None:
    Path("model.py").write_text(MODEL.replace("Linear(8, 3)", "Linear(8, 10)"))
    Path("digits.json").write_text(json.dumps({str(index): name for index, name in enumerate(DIGITS)}))
    model = ("--model", "model.py:build", "--size", "30")

    def targets(*texts: str) -> list[tuple[int, str]]:
        arguments = [part for text in texts for part in ("-t", text)]
        (code, out, err) = run("explain", photos / "a.png", *model, *arguments, "--json", *names)
        assert code == 0, err
        return [(target["index"], target["name"]) for target in json.loads(out)["explanations"][0]["targets"]]

    names = ("--classes", "digits.json")
    assert targets("3", "0", "#3", "#0") == [(2, "3"), (9, "0"), (3, "4"), (0, "1")]
    names = ()
    assert targets("3", "0", "#3") == [(3, "class 3"), (0, "class 0"), (3, "class 3")]
    for classes, names_expected in ((("--classes", "digits.json"), ["3", "4"]), ((), ["class 3", "class 3"])):
        (code, out, err) = run("dream", "3", "#3", *model, *classes, "--levels", 1, "--iterations", 1, "--json", "-o", "d.npz")
        assert (code, json.loads(out)["names"]) == (0, names_expected), err
    for classes, index in ((("--classes", "digits.json"), 2), ((), 3)):
        (code, out, err) = run(
            "activations", photos / "a.png", photos / "deeper" / "a.png", "-t", "3", *model, *classes, "--json"
        )
        assert (code, json.loads(out)["channel"]) == (0, index), err
        assert json.loads(out)["output"] == "class-3.png"


def test_labels_are_classes_where_all_of_them_are(run, tmp_path: Path) -> None:
    for place, scene in enumerate(seewhy.demo.scenes(6, seed=4)):
        Image.fromarray(scene.photo).save(tmp_path / f"{place}.png")
    arguments = ("--method", "pca", "--model", "demo:honest", "--json", "-o", "out/embedding.png")
    for lines, labels in (
        (["bear", "0", "2", "", "#1", "cow"], ["bear", "bear", "sheep", None, "cow", "cow"]),
        (["1", "2", "3", "1", "2", "3"], ["1", "2", "3", "1", "2", "3"]),  # there is no class 3: these are cameras
        (["1", "2", "east", "1", "2", "2"], ["1", "2", "east", "1", "2", "2"]),
    ):
        Path("labels.txt").write_text("\n".join(lines) + "\n")
        code, out, err = run("embed", "*.png", "--labels", "labels.txt", *arguments)
        assert code == 0, err
        assert [photo["label"] for photo in json.loads(out)["photos"]] == labels
    Path("labels.csv").write_text("file;class\n3.png;cow\n1.png;bear\n")
    code, out, err = run("embed", "*.png", "--labels", "labels.csv", *arguments)
    assert code == 0, err
    assert [photo["label"] for photo in json.loads(out)["photos"]] == [None, "bear", None, "cow", None, None]
    assert json.loads(out)["notes"][0] == "'labels.csv' has no label for 4 of 6 photos: 0.png, 2.png, 4.png ..."


def test_one_name_for_one_logit(run, photos: Path) -> None:
    Path("model.py").write_text(MODEL.replace("Linear(8, 3)", "Linear(8, 1)"))
    Path("names.txt").write_text("defect\n")
    arguments = ("--model", "model.py:build", "--size", "30", "--classes", "names.txt", "--head", "binary")
    code, out, err = run("classify", photos / "a.png", *arguments, "--json")
    assert code == 0, err
    assert sorted((p["index"], p["name"]) for p in json.loads(out)["photos"][0]["predictions"]) == [
        (0, "not defect"),
        (1, "defect"),
    ]


def test_a_settings_value_in_an_error_is_a_flag(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MethodError(
            f"use {setting('method', 'hires_cam')}, {setting('relu', False)} or {setting('mask_size', (4, 5))}; "
            f"{setting('layer', 'block 2')}, {setting('model', 'tree')}, {setting('trust', True)}, {setting('batch_size', 2)}, "
            f"{setting('output', 'logits')}, {setting('weights')}, {setting('k', 0)}"
        )

    monkeypatch.setattr(seewhy, "explain", fails)
    code, _, err = run("explain", photos / "a.png", "--model", "demo:honest")
    assert (code, err) == (
        2,
        "Error: use --method hires_cam, --no-relu or --mask-size 4,5; --layer 'block 2', --lime-model tree, --trust, "
        "batch_size=2 in Python, seewhy.Classifier(network, output='logits'), returned by the function in --model "
        "file.py:function, --weights, k=0 in Python\n",  # explain has no such flags
    )


def test_a_note_speaks_of_flags_in_the_terminal_and_of_python_in_the_record(
    run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = seewhy.explain

    def with_note(*arguments: object, **settings: object) -> object:
        explanations = real(*arguments, **settings)
        return [dataclasses.replace(e, notes=[Note(f"{setting('relu', False)} shows more", 0)]) for e in explanations]

    monkeypatch.setattr(seewhy, "explain", with_note)
    assert "  note: --no-relu shows more\n" in run("explain", photos / "a.png", "--model", "demo:honest")[1]
    record = json.loads(run("explain", photos / "a.png", "--model", "demo:honest", "--json")[1])
    assert record["explanations"][0]["notes"] == ["relu=False shows more"]


def test_hidden_files_are_left_alone_and_names_are_safe(run, tmp_path: Path) -> None:
    for place, scene in zip(("set/b/1.png", "set/.cache/1.png", "set/.2.png"), seewhy.demo.scenes(3, seed=4), strict=True):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(place)
    Path("names.txt").write_text("golden retriever\n../etc: a/b\ncow\n")
    for names in ("set", "set/**/*.png"):
        (_, out, _) = run("explain", names, "--model", "demo:honest", "--classes", "names.txt", "-t", "#0", "-m", "hires_cam")
        assert [line.split("→ ")[1] for line in out.splitlines() if "→" in line] == ["1-hires_cam-golden_retriever.png"]
    (_, out, _) = run("explain", "set", "--model", "demo:honest", "--classes", "names.txt", "-t", "#1")
    assert "→ 1-grad_cam-etc_a_b.png" in out
    (_, out, _) = run("explain", "set/*/1.png", "--model", "demo:honest", "-o", "maps")
    assert "→ maps/b/1.png" in out


def test_activations_of_photos(run, photos: Path) -> None:
    code, out, err = run("activations", photos, "--layer", "block1", "-o", "layers")
    assert code == 2  # one file is broken; all others are done
    assert "24 channels of 48×64; strongest " in out
    assert "Skipped" in err
    assert sorted(path.as_posix() for path in Path("layers").rglob("*.png")) == ["layers/a.png", "layers/deeper/a.png"]
    code, out, err = run("activations", photos / "a.png", "--at", "60,80", "--json", "-o", "x.npz")
    record = json.loads(out)["activations"][0]
    with np.load("x.npz") as file:
        assert list(file["values"].shape) == [record["channels"], *record["grid"]]
        assert record["grid"] == [8, 10]
    code, out, err = run("activations", photos / "a.png", "--layer", "block9")
    assert code == 2
    assert err.splitlines()[-1].startswith("Error: This network has no layer 'block9'. Did you mean 'block")


def test_photos_that_excite_a_channel(run, photos: Path) -> None:
    for place, scene in enumerate(seewhy.demo.scenes(4, seed=2)):
        Image.fromarray(scene.photo).save(photos / f"scene{place}.png")
    code, out, err = run("activations", photos, "--layer", "block4", "--channel", 3, "--count", 2, "-o", "channel.png")
    assert code == 2
    assert "channel.png" in out
    assert "broken.jpg" in err
    with Image.open("channel.png") as picture:
        assert min(picture.size) > 300
    code, _, err = run("activations", photos / "a.png", "--layer", "block4", "--channel", 500)
    assert code == 2
    assert "block4" in err
    assert "has 72 channels" in err


def test_dreams_of_classes_and_channels(run) -> None:
    settings = ("--levels", 1, "--iterations", 2)
    code, out, err = run("dream", "bear", 2, *settings, "-o", "two.png")
    assert code == 0, err
    assert [line.split(":")[0] for line in out.splitlines()[:2]] == ["bear", "sheep"]
    assert ", seen as " in out
    with Image.open("two.png") as picture:
        assert min(picture.size) > 200
    code, out, err = run("dream", 0, 5, "--layer", "block1.conv1", *settings, "--json", "-o", "x.npz")
    assert code == 0, err
    assert json.loads(out)["channels"] == [0, 5]
    with np.load("x.npz") as file:
        assert len(file["images"]) == 2
    code, out, err = run("dream", "wolf", *settings)
    assert code == 2
    assert "no class 'wolf'" in err
    code, out, err = run("dream", "bear", "--style", "nice")
    assert code == 2
    assert "Error: --style nice: write 'pyramid' or 'robust'." in err
    assert not Path("dream.png").exists()


def test_a_folder_s_embedding(run, tmp_path: Path) -> None:
    for place, scene in enumerate(seewhy.demo.scenes(12, seed=4)):
        folder = tmp_path / "set" / ("bear", "cow", "sheep")[place % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(folder / f"{place}.png")
    code, out, err = run("embed", "set", "--labels", "folder", "--perplexity", 3, "-o", "map.html")
    assert code == 0, err
    page = Path("map.html").read_text()
    assert page.count("data:image/jpeg") >= 12
    assert "http://" not in page.replace("http://www.w3.org", "")
    code, out, err = run("embed", "set", "--method", "pca", "--json")
    assert code == 0, err
    assert json.loads(out)["output"] == "embedding.png"
    assert Path("embedding.png").stat().st_size > 5_000
    (tmp_path / "labels.txt").write_text("\n".join(["bear", "cow", "sheep"] * 4))
    code, out, err = run("embed", "set", "--labels", "labels.txt", "--method", "pca")
    assert code == 0, err
    for arguments, message in (
        (("set/bear/0.png",), "1 photo"),
        (("set", "--perplexity", 30), "perplexity"),
        (
            ("set", "--labels", "nowhere.txt"),
            "--labels nowhere.txt: there is no such file. Write 'folders', a .csv or .json with each",
        ),
    ):
        code, out, err = run("embed", *arguments)
        assert code == 2
        assert message in err.splitlines()[-1]


# -- volumes ----------------------------------------------------------------------------------------------------------------

VOLUMES = """
import small_volumes

def mean():
    return small_volumes.PlantedVolume()

def flat():
    return small_volumes.SmallVolumeNet("flat")
"""


@pytest.fixture
def scan(tmp_path: Path) -> str:
    np.save(tmp_path / "scan.npy", planted_volume().numpy())
    (tmp_path / "my.py").write_text(VOLUMES)
    return "scan.npy"


def test_a_volume_is_explained_and_its_slices_are_drawn(run, scan: str) -> None:
    options = ("--model", "my.py:mean", "--dimensions", 3)
    code, out, err = run("explain", scan, *options, "--target", 1, "-o", "out.png")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].startswith("  grad_cam at relu, 6×16×24 of class 1 (")
    assert lines[1].endswith(" → out.png")
    assert "  note: --method auto took grad_cam: the head averages 'relu'" in lines
    assert lines[-1] == "Model my.py:mean; preprocessing: none: the volume is used as it is"
    with Image.open("out.png") as picture:
        (width, height) = picture.size  # seven slices: one without map, six with
    assert width > height > 500
    code, out, _ = run("explain", scan, *options, "--target", 1, "-o", "out.npz")
    maps = seewhy.Explanation.load("out.npz").maps
    expected = np.zeros((1, *SIDES), np.float32)
    expected[(0, *BOX)] = 0.5
    np.testing.assert_allclose(maps, expected / np.prod(SIDES), rtol=1e-5)


def test_volumes_in_files_of_every_kind_through_one_command(run, scan: str) -> None:
    volume = np.random.default_rng(0).normal(size=SIDES).astype(np.float32)
    np.save("a.npy", volume)
    np.savez("b.npz", volume)
    tifffile.imwrite("c.tif", volume)
    options = ("--model", "my.py:flat", "--dimensions", 3, "--json")
    code, out, err = run("explain", "a.npy", "b.npz", "c.tif", *options, "-o", "maps")
    assert code == 0, err
    explanations = json.loads(out)["explanations"]
    assert [e["method"] for e in explanations] == ["hires_cam"] * 3
    assert sorted(path.name for path in Path("maps").iterdir()) == ["a.png", "b.png", "c.png"]
    _, out, _ = run("classify", "a.npy", "b.npz", "c.tif", *options)
    predictions = [row["predictions"] for row in json.loads(out)["photos"]]
    assert predictions[0] == predictions[1] == predictions[2]
    code, out, _ = run("layers", "a.npy", *options[:-1])
    assert code == 0
    assert "slices × rows × columns" in out
    assert "3 × 8 × 12" in out


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            ("explain", "--size", 16, "--mean", 0.5),
            "Volumes are used as they are: leave --size, --mean out, and prepare the file.",
        ),
        (("explain", "--check"), "--check measures maps of photos, and this classifier is one of volumes: leave it out."),
        (("explain", "--crop-test"), "--crop-test measures maps of photos, and this classifier is one of volumes: leave it out."),
        (
            ("explain", "-m", "cam", "-m", "occlusion"),
            "Several --method compare maps of photos, and this classifier is one of volumes: name one.",
        ),
        (("explain", "-m", "rise"), "RISE explains photos, and this classifier is one of volumes. Working there: --method cam, "),
        (("evaluate",), "Measuring a map works on photos, and this classifier is one of volumes: "),
        (("activations",), "activations works on photos, and this classifier is one of volumes: "),
        (("embed",), "embed works on photos, and this classifier is one of volumes: "),
        (("doctor",), "doctor works on photos, and this classifier is one of volumes: "),
    ],
)
def test_what_does_not_work_with_volumes_is_one_line(run, scan: str, command: tuple[object, ...], line: str) -> None:
    code, out, err = run(command[0], scan, *command[1:], "--model", "my.py:mean", "--dimensions", 3)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {line}")
    assert err.count("\n") == 1


def test_volumes_need_a_network_of_volumes(run, scan: str) -> None:
    for options, line in (
        (("--dimensions", 3), "--dimensions 3: demo:honest brings the preprocessing of photos; leave it out."),
        (("--model", "my.py:mean", "--dimensions", 4), "--dimensions 4: write 2 for photos or 3 for volumes."),
    ):
        code, _, err = run("explain", scan, *options)
        assert (code, err) == (2, f"Error: {line}\n")
    code, _, err = run("layers", "--model", "my.py:mean", "--dimensions", 3)
    assert (code, err) == (2, "Error: The layers' grids depend on the volume: name one, as in seewhy layers scan.npy.\n")


@pytest.mark.parametrize(("model", "method"), [("flat", "hires_cam"), ("function", "occlusion")])
def test_an_embedding_s_page_takes_what_suits_the_network(run, photos: Path, model: str, method: str) -> None:
    for number, scene in enumerate(seewhy.demo.scenes(3)):
        Image.fromarray(scene.photo).save(photos / f"{number}.png")
    layer = () if model == "flat" else ("--layer", "scores")
    code, _, err = run(
        "embed",
        *sorted(photos.glob("*.png")),
        "--model",
        f"{heads.__file__}:{model}",
        *layer,
        "--method",
        "pca",
        "-o",
        "map.html",
    )
    assert code == 0, err
    text = Path("map.html").read_text()
    assert text.count(f": {method}. ") == 4
    assert text.count(f"took {method}: ") == 4
