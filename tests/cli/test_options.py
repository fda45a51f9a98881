"""The options that commands share, and how messages spell them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

import seewhy
from seewhy.cli import commands, options, running
from seewhy.cli.options import InterruptedCommandError, ModelOptions, as_flag, flags_of, spread, targets_of
from seewhy.errors import ModelError, OptionError


def test_options_change_how_photos_are_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    clf = ModelOptions(model="demo:honest", size="30x40", mean="0.5", std="0.1,0.2,0.3", resize="stretch").load()
    assert clf.preprocess == seewhy.Preprocess(size=(30, 40), mean=0.5, std=[0.1, 0.2, 0.3], resize="stretch")
    assert capsys.readouterr().err == ""
    assert ModelOptions(model="demo:honest", size="64").load().input_size == (64, 64)


def test_without_a_model_the_demo_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert ModelOptions().load().classes == ["bear", "cow", "sheep"]
    assert capsys.readouterr().err.startswith("No --model given: demo:honest is used. It knows drawings only, of bear | cow")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"weights": "x.pth"}, ModelError, "--weights needs --model: of which architecture are they?"),
        ({"size": "large"}, OptionError, "--size large: write 224, or ROWS,COLUMNS."),
        ({"size": "32,7,16"}, OptionError, "--size 32,7,16: write 224, or ROWS,COLUMNS."),
        ({"size": "32x"}, OptionError, "--size 32x: write 224, or ROWS,COLUMNS."),
        ({"mean": "0.5;0.4"}, OptionError, "--mean 0.5;0.4: write a number, or one per channel with commas between."),
        ({"std": "x"}, OptionError, "--std x: write a number, or one per channel with commas between."),
    ],
)
def test_options_that_are_wrong(settings: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as excinfo:
        ModelOptions(**({} if "weights" in settings else {"model": "demo:honest"}) | settings).load()
    assert str(excinfo.value) == message


def test_digits_are_an_index_unless_a_class_is_called_so() -> None:
    clf = seewhy.load("demo:honest")
    assert targets_of(clf, ["bear", "2", "top2", "#1"]) == ["bear", "#2", "top2", "#1"]
    digits = seewhy.Classifier(clf.network, clf.preprocess, classes=["0", "1", "3"])
    assert targets_of(digits, ["1", "2"]) == ["1", "#2"]


def test_a_dataclass_becomes_a_flag_for_each_field() -> None:
    calls: list[Any] = []

    @spread
    def command(photo: str, model: ModelOptions, verbose: bool = False) -> None:
        calls.append((photo, model, verbose))

    names = list(inspect.signature(command).parameters)
    assert names == ["photo", *inspect.signature(ModelOptions).parameters, "verbose"]
    fields = {name: p.default for name, p in inspect.signature(ModelOptions).parameters.items()}
    command(photo="x.jpg", verbose=True, **(fields | {"size": "64"}))
    assert calls == [("x.jpg", ModelOptions(size="64"), True)]


def test_ctrl_c_is_carried_through_the_parser() -> None:
    @spread
    def command() -> None:
        raise KeyboardInterrupt("half of it is done")

    with pytest.raises(InterruptedCommandError, match=r"^half of it is done$"):
        command()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mask_size", "", "--mask-size"),
        ("mask_size", "(4, 5)", "--mask-size 4,5"),
        ("model", "'two words'", "--model 'two words'"),
        ("relu", "True", "--relu"),
        ("relu", "False", "--no-relu"),
        ("relu", "None", "no --relu"),
        ("model", "<odd>", "--model '<odd>'"),
        ("classes", "['a', 'b, c']", "--classes FILE, a file of the lines a, b, c"),
        ("other", "3", "other=3 in Python"),
        ("other", "", "other= in Python"),
        (
            "explain",
            "'image'",
            "seewhy.Classifier(network, explain='image'), returned by the function in --model file.py:function",
        ),
    ],
)
def test_settings_in_messages(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str) -> None:
    monkeypatch.setattr(
        options, "FLAGS", {"mask_size": "--mask-size", "model": "--model", "relu": "--relu", "classes": "--classes"}
    )
    assert as_flag(name, value) == expected


def test_a_message_names_no_flag_that_the_command_lacks() -> None:
    assert running.app is commands.app  # both have told it their commands
    program = typer.main.get_command(commands.app)
    for arguments, expected in (
        (["run", "photos", "--budget", "20"], ("--batch-size 8", "--no-relu", "at='3' in Python", "--output there")),
        (["explain", "photo.png"], ("batch_size=8 in Python", "--no-relu", "at='3' in Python", "--output there")),
        (
            ["classify", "-k", "3", "a.png"],
            ("batch_size=8 in Python", "relu=False in Python", "at='3' in Python", "--output there"),
        ),
        (["models", "vit"], ("--batch-size 8", "--no-relu", "--at 3", "--output there")),  # speaks of other commands
        (["activations", "a.png"], ("batch_size=8 in Python", "relu=False in Python", "--at 3", "--output there")),
    ):
        with flags_of(program, arguments):
            told = [as_flag(*one) for one in (("batch_size", "8"), ("relu", "False"), ("at", "'3'"), ("store", "'there'"))]
        assert tuple(told) == expected
    assert as_flag("batch_size", "8") == "--batch-size 8"  # outside of a command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("activations", "p.png", "--at", "wide"), "--at wide: write photo, 224, or ROWS,COLUMNS."),
        (("embed", "p.png", "p2.png", "p3.png"), "3 photos: t-SNE needs at least 4 (--method pca needs 2)."),
        (("embed", "p.png"), "1 photo: t-SNE needs at least 4 (--method pca needs 2, and explain explains a single photo)."),
        (("activations", "p.png", "--channel", "1", "--target", "bear"), "both are given: write --channel (with --layer) for a"),
        (("explain", "p.png", "-m", "rise", "--grid", "400"), "--grid 400: the network's input has 96×128 pixels only: write"),
        (("explain", "p.png", "--alpha", "3"), "--alpha 3.0 is not between 0 (photo only) and 1 (colours only)."),
        (("classify", "low.npy"), "or build the classifier with preprocess=None in Python."),
    ],
)
def test_messages_speak_of_the_commands_own_flags(run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    for name in ("p.png", "p2.png", "p3.png"):
        Image.new("RGB", (40, 30), (90, len(name), 0)).save(tmp_path / name)
    np.save(tmp_path / "low.npy", np.linspace(-2, 2, 3 * 20 * 30, dtype=np.float32).reshape(3, 20, 30))
    code, _, err = run(*arguments, "--model", "demo:honest")
    assert code == 2
    assert said in err
