"""The help is true for every method, and follows from the methods' fields alone."""

from __future__ import annotations

import dataclasses
import re
from typing import ClassVar

import pytest

import seewhy
from seewhy.cli import settings


def plain(text: str) -> str:
    return " ".join(text.split())


def section(text: str, title: str) -> str:
    """The lines below a heading, up to the next one."""
    return re.split(r"\n(?=\S)", text[text.index(title) :])[0]


def test_the_help_of_explain_lists_every_method_with_its_own_defaults(run) -> None:
    table: dict[str, list[str]] = {}
    for line in section(run("explain", "--help")[1], "Settings of each method").splitlines():
        row = re.match(rf"  ({'|'.join(seewhy.METHODS)})  ", line)
        if row or table:  # a long row goes on in the next line
            tokens = line.split()
            table.setdefault(row[1] if row else list(table)[-1], []).extend(tokens[1:] if row else tokens)
    assert list(table) == list(seewhy.METHODS)
    for name, method in seewhy.METHODS.items():
        flags = " ".join(table[name])
        for field in dataclasses.fields(method):
            flag = settings.flag_of(name, field.name)
            if isinstance(field.default, bool):
                assert (flag if field.default else f"--no-{flag[2:]}") in table[name]
            else:
                assert (f"[{flag}]" if field.default is None else f"{flag} {field.default}") in flags
    assert "--samples 50" in " ".join(table["smooth_grad"])
    assert "--no-signed" in table["gradient"]
    assert "--signed" in table["deconvnet"]


@pytest.mark.parametrize(
    "arguments",
    [("--method", "lime", "--help"), ("--help", "--method", "lime"), ("x.jpg", "-m", "lime", "--help"), ("--help", "-mlime")],
)
def test_the_help_of_one_method_has_its_flags_and_no_others(run, arguments: tuple[str, ...]) -> None:
    (code, out, err) = run("explain", *arguments)
    text = section(out, "Settings of lime (LIME):")
    lime = seewhy.METHODS["lime"]
    assert (code, err) == (0, "")
    assert set(re.findall(r"--[a-z-]+", text)) >= {settings.flag_of("lime", name) for name in lime.setting_names()}
    assert not {"--mask-size", "--relu", "--noise", "--model"} & set(re.findall(r"--[a-z-]+", text))
    for field in dataclasses.fields(lime):
        assert field.default is None or f"[default: {field.default}]" in plain(text)
    assert "Settings of each method" not in out
    assert plain(lime.summary) in plain(text)


def test_the_help_says_what_the_command_line_takes_and_what_only_python_does(run) -> None:
    text = plain(run("explain", "--method", "lime", "--help")[1])
    taken = '"superpixels" (SLIC with an adaptive compactness) or "grid"; in Python also labels (H, W) on the network\'s input'
    assert f"--segments <str> {taken}" in text


def test_booleans_and_choices_in_the_help(run) -> None:
    text = plain(section(run("explain", "-m", "smooth_grad", "--help")[1], "Settings of smooth_grad"))
    assert "--signed / --no-signed" in text
    assert "[default: off]" in text
    assert "[default: 50]" in text
    assert plain(section(run("explain", "-m", "cam", "--help")[1], "Settings of cam (CAM)")).count("--") == 1


def test_the_help_for_a_method_that_does_not_exist_lists_all(run) -> None:
    (code, out, _) = run("explain", "--method", "gradcam", "--help")
    assert code == 0
    assert "Settings of each method" in out


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base:
    """What they share.

    layer : name or module; None takes the
        last one. relu : leave out what is below zero.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Own(Base):
    """``a / b``: an equation.

    a : of the equation. relu : ``True`` here, too.

    Another paragraph.
    """

    layer: str | None = None
    relu: bool = True
    undescribed: int = 3
    name: ClassVar[str] = "own"

    @classmethod
    def setting_names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls)]


def test_descriptions_come_from_the_docstrings() -> None:
    assert settings._descriptions(Own) == {"layer": "name or module; None takes the last one", "relu": "True here, too"}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("45,30", "", (45, 30)),
        ("45", "", 45),
        ("0.5", "", 0.5),
        ("0.5, x", "", (0.5, "x")),
        ("tree", "", "tree"),
        ("3", "layer", "3"),
        (True, "", True),
    ],
)
def test_values(text: str | bool, name: str, value: object) -> None:
    assert settings.value_of(text, name) == value
