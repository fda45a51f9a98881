"""A class is found by its name, synonym, wnid or index; what cannot be found is answered with the nearest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seewhy.classes import ClassNames
from seewhy.errors import ClassesError, TargetError

LINES = [
    "n02099601 golden retriever",
    "n02012849 crane",
    "n03126707 crane",
    "n02123159 tiger cat",
    "n02123045 tabby, tabby cat",
    "n03992509 potter's wheel",
    "n03970156 plunger, plumber's helper",
]
SYNSETS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "imagenet_synsets.txt"


@pytest.fixture
def names() -> ClassNames:
    return ClassNames.read(LINES)


@pytest.mark.parametrize(
    ("target", "index"),
    [
        ("golden retriever", 0),
        ("Golden Retriever", 0),
        (" golden retriever ", 0),
        ("n02099601", 0),
        ("N02099601", 0),
        ("tabby", 4),
        ("tabby cat", 4),
        ("tabby, tabby cat", 4),
        ("plumber's helper", 6),
        (5, 5),
        (0, 0),
    ],
)
def test_found(names: ClassNames, target: str | int, index: int) -> None:
    assert names.index(target) == index


def test_what_is_shown_is_the_first_name(names: ClassNames) -> None:
    assert names.names[4] == "tabby"
    assert names.names[0] == "golden retriever"
    assert len(names) == 7


def test_a_plain_line_with_a_comma_is_one_name_and_two_synonyms() -> None:
    names = ClassNames.read(["cat, domestic", "dog"])
    assert names.names == ("cat, domestic", "dog")
    assert [names.index(name) for name in ("cat, domestic", "cat", "domestic")] == [0, 0, 0]


def test_a_shared_name_is_an_error_that_lists_both(names: ClassNames) -> None:
    with pytest.raises(TargetError) as error:
        names.index("crane")
    assert str(error.value) == "2 classes are called 'crane': 1 and 2. Say which one by its index: '#1'."


def test_three_of_the_same_name() -> None:
    with pytest.raises(TargetError) as error:
        ClassNames.read(["a", "b", "a", "A", "a"]).index("a")
    assert str(error.value) == "3 classes are called 'a': 0 and 2 and 4. Say which one by its index: '#0'."


def test_names_that_differ_in_case_are_told_apart_when_written_exactly() -> None:
    names = ClassNames.read(["n02113186 Cardigan, Cardigan Welsh corgi", "n02963159 cardigan", "other"])
    assert (names.index("Cardigan"), names.index("cardigan")) == (0, 1)
    with pytest.raises(TargetError, match=r"^2 classes are called 'CARDIGAN': 0 and 1\. Say which one by its index: '#0'\.$"):
        names.index("CARDIGAN")


def test_an_unknown_name_is_answered_with_the_nearest(names: ClassNames) -> None:
    with pytest.raises(TargetError) as error:
        names.index("tiger-cat")
    assert str(error.value) == (
        "This network has no class 'tiger-cat'. Did you mean 'tiger cat' (3)? It has: golden retriever, crane, crane, tiger cat, "
        "tabby, potter's wheel, plunger. Any class can be asked for, not only the predicted one."
    )


def test_the_nearest_may_be_a_synonym_and_keep_its_case() -> None:
    names = ClassNames.read(["n01534433 Junco, snowbird", "n00000002 Xylophone, marimba", "n00000003 third"])
    with pytest.raises(TargetError, match=r"Did you mean 'snowbird' \(0\)\?"):
        names.index("snowbrd")
    with pytest.raises(TargetError, match=r"Did you mean 'Xylophone' \(1\)\?"):
        names.index("xilophone")


def test_names_with_apostrophes_are_suggested_too(names: ClassNames) -> None:
    with pytest.raises(TargetError) as error:
        names.index("potters wheel")
    assert 'Did you mean "potter\'s wheel" (5)?' in str(error.value)
    with pytest.raises(TargetError, match=r"Did you mean \"a's bb\" \(0\) or \"a's bc\" \(1\)\?"):
        ClassNames.read(["a's bb", "a's bc", "zzz"]).index("as bb")


def test_nothing_near(names: ClassNames) -> None:
    with pytest.raises(TargetError) as error:
        names.index("xyzzy")
    assert str(error.value) == (
        "This network has no class 'xyzzy'. It has: golden retriever, crane, crane, tiger cat, tabby, potter's wheel, plunger. "
        "Any class can be asked for, not only the predicted one."
    )


def test_two_classes_are_both_named() -> None:
    with pytest.raises(TargetError) as error:
        ClassNames.read(["negative", "positive"]).index("maybe")
    assert str(error.value) == "This network has no class 'maybe'. It has two: 'negative' (0) and 'positive' (1)."


@pytest.mark.parametrize("index", [7, -1, 1000])
def test_an_index_out_of_range(names: ClassNames, index: int) -> None:
    with pytest.raises(TargetError) as error:
        names.index(index)
    assert str(error.value) == f"This network has no class {index}: its 7 classes are numbered 0 to 6."


def test_numbered() -> None:
    assert ClassNames.numbered(3).names == ("class 0", "class 1", "class 2")
    assert ClassNames.numbered(3).index("Class 2") == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
def test_a_file_with_or_without_byte_order_mark_and_last_line(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(("bär\n kuh \nschaf" + end).encode(encoding))
    assert ClassNames.read(path).names == ("bär", "kuh", "schaf")
    assert ClassNames.read(str(path)).index("BÄR") == 0


@pytest.mark.parametrize(
    "text",
    [
        "0 ring\n1 disc\n2 full cross\n",
        "0: ring\n1: disc\n2: full cross",
        "0,ring\n1,disc\n2,full cross",
        "- ring\n- disc\n- full cross",
    ],
)
def test_lines_that_begin_with_their_index_or_a_dash(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.txt").write_text(text)
    assert ClassNames.read(tmp_path / "names.txt").names == ("ring", "disc", "full cross")


@pytest.mark.parametrize("text", ["0 ring\n2 disc", "1 dollar\n2 dollars", "0ring\n1disc", "- ring\ndisc", "0 ring"])
def test_numbers_that_belong_to_the_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.txt").write_text(text)
    assert ClassNames.read(tmp_path / "names.txt").names == tuple(text.splitlines())


def test_sequences_of_anything() -> None:
    assert ClassNames.read(("a", "b")).names == ("a", "b")
    assert ClassNames.read(np.array([3, 5])).names == ("3", "5")
    names = ClassNames.read(["x"])
    assert ClassNames.read(names) is names


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "gap.txt").write_text("a\n\nb\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    messages = {
        tmp_path / "no.txt": f"There is no class list '{tmp_path / 'no.txt'}': give a file with one name a line, or a list.",
        tmp_path / "empty.txt": f"'{tmp_path / 'empty.txt'}' is empty: it needs one name per class.",
        tmp_path / "gap.txt": f"'{tmp_path / 'gap.txt'}' has no name in line 2: every class needs one.",
    }
    for path, message in messages.items():
        with pytest.raises(ClassesError) as error:
            ClassNames.read(path)
        assert str(error.value) == message
    with pytest.raises(ClassesError, match=r"binary\.txt' cannot be read as a class list, one name a line: 'utf-8' codec"):
        ClassNames.read(tmp_path / "binary.txt")
    with pytest.raises(ClassesError, match=f"^'{tmp_path}' cannot be read as a class list"):
        ClassNames.read(tmp_path)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "The class list is empty: it needs one name per class."),
        (["a", " "], "The class list has no name in line 2: every class needs one."),
        (5, "classes=5: give names in index order, or a file with one name a line."),
        ({}, "The class list is empty: it needs one name per class."),
        ({0: "a", 2: "b"}, "The class list has no name for class 1: it needs exactly one for each index from 0 to 2."),
        ({1: "a", 2: "b"}, "The class list has no name for class 0: it needs exactly one for each index from 0 to 2."),
        ({"a": "b"}, "The class list has the key 'a': write indices as keys and names as values."),
        ({0: {"name": "a"}}, "The class list has the entry {'name': 'a'}: write a name."),
        ([["a", "b", "c"]], "The class list has the entry ['a', 'b', 'c']: write a name, or a pair of wnid and name."),
        ([None], "The class list has the entry None: write a name."),
    ],
)
def test_what_is_no_list_of_names(classes: object, message: str) -> None:
    with pytest.raises(ClassesError) as error:
        ClassNames.read(classes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "content",
    [
        ["tench", "goldfish", "3"],
        [["n01440764", "tench"], ["n01443537", "goldfish"], "3"],
        {"0": "tench", "1": "goldfish", "2": "3"},
        {"2": "3", "0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]},
        {"tench": 0, "3": 2, "goldfish": 1},
        {"id2label": {"0": "tench", "1": "goldfish", "2": "3"}, "label2id": {"tench": 0}},
    ],
)
def test_json_and_dictionaries(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(content))
    for source in (path, str(path), *([content] if "id2label" not in content else [])):
        names = ClassNames.read(source)
        assert names.names == ("tench", "goldfish", "3")
        assert names.index("3") == names.index("#2") == 2
    assert ClassNames.read({0: "tench", 1: "goldfish"}).names == ("tench", "goldfish")
    if "n01440764" in path.read_text():
        assert ClassNames.read(path).index("n01443537") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "'names.json' is no whole JSON file: Expecting property name"),
        ("", "'names.json' is no whole JSON file: Expecting value"),
        ("5", "'names.json' holds a int: write a list of names, or an object from index to name."),
        ("[]", "'names.json' is empty: it needs one name per class."),
        ('{"0": "a", "2": "b"}', "'names.json' has no name for class 1: it needs exactly one for each index from 0 to 2."),
    ],
)
def test_json_that_is_no_class_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.json").write_text(text)
    with pytest.raises(ClassesError) as error:
        ClassNames.read("names.json")
    assert str(error.value).startswith(message)


def test_one_name_is_enough_for_one_logit() -> None:
    assert ClassNames.read(["defect"], binary=True).names == ("not defect", "defect")
    assert ClassNames.read(ClassNames(["defect"]), binary=True).names == ("not defect", "defect")
    assert ClassNames.read(["sound", "defect"], binary=True).names == ("sound", "defect")
    assert ClassNames.read(["defect"]).names == ("defect",)


DIGITS = ["1", "2", "3", "4", "#0", "0"]


@pytest.mark.parametrize(("target", "index"), [("3", 2), ("0", 5), ("#3", 3), ("#0", 4), ("#5", 5), (3, 3), (" #1 ", 1)])
def test_a_name_is_that_class_and_a_number_sign_is_an_index(target: str | int, index: int) -> None:
    assert ClassNames(DIGITS).index(target) == index


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("3", "This network has no class called '3'. For the index 3 write 3 or '#3'."),
        ("12", "This network has no class '12'. It has: golden retriever, crane"),
        ("#12", "This network has no class 12: its 7 classes are numbered 0 to 6."),
        ("#", "This network has no class '#'. It has: golden retriever, "),
        ("-1", "This network has no class '-1'. It has: golden retriever, "),
    ],
)
def test_digits_that_are_no_name(names: ClassNames, target: str, message: str) -> None:
    with pytest.raises(TargetError) as error:
        names.index(target)
    assert str(error.value).startswith(message)


def test_which_strings_are_names(names: ClassNames) -> None:
    assert [name in names for name in ("Crane", "n02099601", " tabby ", "3", "#3", 3)] == [True, True, True, False, False, False]


@pytest.mark.skipif(not SYNSETS.is_file(), reason=f"{SYNSETS.name} is not in ../shared/data")
def test_imagenet() -> None:
    names = ClassNames.read(SYNSETS)
    assert len(names) == 1000
    assert names.index("golden retriever") == names.index("n02099601") == 207
    assert (names.names[282], names.index("tiger cat"), names.index("French horn")) == ("tiger cat", 282, 566)
    with pytest.raises(TargetError, match=r"^2 classes are called 'crane': 134 and 517\."):
        names.index("crane")
    with pytest.raises(TargetError, match=r"Did you mean 'tiger cat' \(282\)"):
        names.index("tiger-cat")
    for index in range(1000):
        assert names.index(index) == index


def test_all_names_of_a_class_and_those_that_hold_a_text() -> None:
    names = ClassNames.read(["n02123045 tabby, tabby cat", "n02123159 tiger cat", "Chihuahua"])
    assert [names.other_names(index) for index in range(3)] == [("tabby cat", "n02123045"), ("n02123159",), ()]
    assert names.containing("CAT") == [0, 1]
    assert names.containing("n02123159") == [1]
    assert names.containing("") == [0, 1, 2]
    assert names.containing("dog") == []
    assert names.both_sides() is names


def test_the_sides_of_one_output_are_named() -> None:
    sides = ClassNames.read(["defect"], binary=True)
    for target, named in ((2, "2"), ("defct", "'defct'")):
        with pytest.raises(TargetError) as error:
            sides.index(target)
        assert str(error.value) == (
            f"This network has no class {named}. Its one output has two sides: 'not defect' (0) and 'defect' (1)."
        )
    with pytest.raises(TargetError, match=r"^This network has no class 2\. It has two: 'cat' \(0\) and 'dog' \(1\)\.$"):
        ClassNames.read(["cat", "dog"]).index(2)
    pair = ClassNames.read(["n02123045 tabby, tabby cat", "dog"])
    assert pair.both_sides().index("tabby cat") == 0
    assert (pair.are_sides, pair.both_sides().are_sides) == (False, True)


def test_many_classes_are_counted_and_not_listed() -> None:
    names = ClassNames.read([f"n{index:08d} kind number {index}" for index in range(1000)])
    with pytest.raises(TargetError) as error:
        names.index("kind nmber 282")
    assert str(error.value).startswith("This network has no class 'kind nmber 282'. Did you mean 'kind number 282' (282)")
    assert str(error.value).endswith(
        "? It has 1000 classes: clf.classes, or 'seewhy classes', lists them. Any class can be asked for, not only the predicted "
        "one."
    )
    assert len(str(error.value)) < 300


def test_of_folders_the_first_that_is_a_class() -> None:
    names = ClassNames(["bear", "cow"])
    assert names.first_known(["night", "1", "Bear", "cow"]) == "Bear"
    assert names.first_known(["night", "7", "1"]) == "1"
    assert names.first_known(["night", "7"]) == "night"
