"""What a command has done: lines for people or one JSON object, and the files that were skipped."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
import typer

import seewhy
from seewhy.cli.report import Report, quoted
from seewhy.errors import PhotoError


@pytest.fixture
def clf() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def test_lines_for_people_end_with_the_model(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    with Report(clf, as_json=False) as report:
        report.line("first")
        report.notes(["the map is small"])
    assert printed(capsys) == (
        ["first", "  note: the map is small", f"Model {clf.name}; preprocessing: {clf.describe_input()}"],
        [],
    )


def test_control_characters_do_not_reach_the_terminal(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(clf, as_json=False)
    report.line("a\x1b[31m.jpg\u00a0%")
    report.skip("b\x1b]0;title\x07.jpg", "broken\x9b2J")
    with pytest.raises(typer.Exit):
        report.__exit__(None, None, None)
    (lines, errors) = printed(capsys)
    assert lines[0] == r"a\x1b[31m.jpg" + "\u00a0%"
    assert errors[0] == r"Skipped b\x1b]0;title\x07.jpg: broken\x9b2J"


def test_several_models_are_named_in_words(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    for names, text in ((["a"], "Model a;"), (["a", "b"], "Models a and b;"), (["a", "b", "c"], "Models a, b and c;")):
        with Report(clf, as_json=False) as report:
            report.record["model"] = names
        assert printed(capsys) == ([f"{text} preprocessing: {clf.describe_input()}"], [])


def test_json_is_one_object_and_nothing_else(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    with Report(clf, as_json=True) as report:
        report.line("first")
        report.record["photos"] = ["ä"]
    (out, err) = printed(capsys)
    assert json.loads("\n".join(out)) == {
        "model": clf.name,
        "preprocessing": clf.describe_input(),
        "photos": ["ä"],
        "skipped": [],
    }
    assert err == []


@pytest.mark.parametrize("as_json", [False, True])
def test_skipped_files_are_named_and_end_with_2(clf: Any, capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    report = Report(clf, as_json, files=3)
    report.skip("a.jpg", PhotoError("It is broken.\nA second line."))
    report.skip("b.jpg", "no photo")
    with pytest.raises(typer.Exit) as end, report:
        pass
    assert end.value.exit_code == 2
    (out, err) = printed(capsys)
    assert err == [
        "Skipped a.jpg: It is broken.",
        "Skipped b.jpg: no photo",
        "2 of 3 photos were skipped, all others are done.",
    ]
    if as_json:
        assert json.loads("\n".join(out))["skipped"] == [
            {"photo": "a.jpg", "reason": "It is broken."},
            {"photo": "b.jpg", "reason": "no photo"},
        ]


def test_where_all_are_skipped_no_others_are_done(clf: Any, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(clf, as_json=False, files=2)
    for name in ("a.jpg", "b.jpg"):
        report.skip(name, "broken")
    with pytest.raises(typer.Exit), report:
        pass
    assert printed(capsys)[1] == ["Skipped a.jpg, b.jpg: broken", "2 of 2 photos were skipped."]


def test_photos_that_are_skipped_for_one_reason_share_a_line(clf: Any, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(clf, as_json=False, files=9)
    assert report.first_reason == ""
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        report.skip(name, "no label")
    report.skip("e.jpg", "broken")
    assert report.first_reason == "no label"
    with pytest.raises(typer.Exit), report:
        pass
    assert printed(capsys)[1] == [
        "Skipped a.jpg, b.jpg, c.jpg ... (4 in all): no label",
        "Skipped e.jpg: broken",
        "5 of 9 photos were skipped, all others are done.",
    ]


def test_after_ctrl_c_json_is_printed_all_the_same(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(clf, as_json=True)
    report.skip("a.jpg", "no photo")
    with pytest.raises(KeyboardInterrupt), report:
        raise KeyboardInterrupt
    (out, err) = printed(capsys)
    assert json.loads("\n".join(out))["interrupted"] is True
    assert err == ["Skipped a.jpg: no photo"]


def test_an_error_prints_nothing_of_the_report(clf: seewhy.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PhotoError), Report(clf, as_json=True):
        raise PhotoError("It is broken.")
    assert printed(capsys) == ([], [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("store", "store"),
        ("label = cow", "'label = cow'"),
        ("label = 'two words'", "\"label = 'two words'\""),
        ("it's $HOME", shlex.quote("it's $HOME")),  # double quotes would let the shell put something in its place
        ("a `b` 'c'", shlex.quote("a `b` 'c'")),
        ("a \\ 'c'", shlex.quote("a \\ 'c'")),
    ],
)
def test_a_part_of_a_command_can_be_read_and_copied(text: str, shown: str) -> None:
    assert quoted(text) == shown
    assert shlex.split(quoted(text)) == [text]
