"""Labels from folders, tables, JSON, text and lists, and which photo an entry means."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, TargetError
from seewhy.labels import read_labels, refuse_photos, value_list

CLASSES = ClassNames(["red", "green", "blue"])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """set/red/1.jpg, set/red/2.jpg, set/blue/1.jpg, from the current folder; one name twice."""
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    return [Path("set/red/1.jpg"), Path("set/red/2.jpg"), Path("set/blue/1.jpg")]


def write(place: str, text: str) -> str:
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_bytes(text.encode())
    return place


@pytest.mark.parametrize("word", ["folders", "folder"])
def test_folders(photos: list[Path], word: str) -> None:
    labels = read_labels(word, photos)
    assert labels.values == ["red", "red", "blue"]
    assert labels.indices(CLASSES) == [0, 0, 2]
    assert labels.names == ["set/red/1.jpg", "set/red/2.jpg", "set/blue/1.jpg"]
    assert read_labels(word, [Path("0/a.jpg"), Path("2/a.jpg")]).indices(CLASSES) == [0, 2]
    with pytest.raises(TargetError, match=r"^labels='folders' needs files, but 'photo 2' is none: give a list with one label"):
        read_labels("folders", [photos[0], None])


ROWS = (("set/red/1.jpg", "red"), ("set/red/2.jpg", "green"), ("set/blue/1.jpg", ""))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("head", ["photo{}label", "path{}class", "File{} TRUE ", "filename{}label", "Picture{}Species", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables(photos: list[Path], delimiter: str, head: str, end: str) -> None:
    lines = [head.format(delimiter)] * bool(head) + [delimiter.join(row) for row in ROWS]
    labels = read_labels(write("labels.csv", end.join(lines) + end), photos)
    assert labels.values == ["red", "green", None]
    assert (labels.missing, labels.unmatched, labels.source) == ([], [], "'labels.csv'")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # Excel's mark, an empty line, spaces
        ("\ufeffphoto,label\nset/red/1.jpg,red\n\n  set/red/2.jpg , green \nset/blue/1.jpg,2\n", ["red", "green", "2"]),
        ('id,label,photo,camera\n7,"a, b",set/red/1.jpg,x\n8,blue,set/red/2.jpg,y\n9,0,set/blue/1.jpg\n', ["a, b", "blue", "0"]),
        ("red,set/red/1.jpg\nblue,set/red/2.jpg\ngreen,set/blue/1.jpg\n", ["red", "blue", "green"]),  # the photos stand second
        ("set/red/1.jpg,true\nset/red/2.jpg,label\nset/blue/1.jpg,false\n", ["true", "label", "false"]),  # that is no head
        ("set/red/1.jpg;tench, Tinca\nset/red/2.jpg;a\nset/blue/1.jpg;b, c\n", ["tench, Tinca", "a", "b, c"]),
        ("label\nred\nblue\ngreen\n", ["red", "blue", "green"]),
        ("red\nblue\nlabel\n", ["red", "blue", "label"]),
    ],
)  # fmt: skip
def test_tables_that_need_care(photos: list[Path], text: str, values: list[str]) -> None:
    assert read_labels(write("labels.csv", text), photos).values == values
    assert read_labels(write("labels.tsv", text), photos).values == values


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"set/red/1.jpg": "red", "set/red/2.jpg": 1, "set/blue/1.jpg": None}, ["red", 1, None]),
        (
            [
                {"photo": "set/red/1.jpg", "label": "red"},
                {"File": "set/red/2.jpg", "Class": "1"},
                {"filename": "set/blue/1.jpg", "true": ""},
            ],
            ["red", "1", None],
        ),
        (["red", 1, None], ["red", 1, None]),
    ],
)
def test_json(photos: list[Path], content: Any, values: list[Any]) -> None:
    assert read_labels(write("labels.json", json.dumps(content)), photos).values == values


def test_a_text_file_has_one_label_a_line(photos: list[Path]) -> None:
    labels = read_labels(write("labels.txt", "\ufeffred\n two words, one comma \n\n\n\n"), photos)
    assert (labels.values, labels.written, labels.missing) == (["red", "two words, one comma", None], True, [])
    message = (
        "'labels.txt' has 2 labels for 3 photos: write one a line, an empty line where it is not known, or a .csv with the "
        "columns photo,label."
    )
    with pytest.raises(TargetError, match=f"^{re.escape(message)}$"):
        read_labels(write("labels.txt", "red\nblue\n"), photos)


def test_dictionaries_and_lists(photos: list[Path]) -> None:
    labels = read_labels({"set/red/1.jpg": 0, "2.jpg": np.int64(2), "blue/1.jpg": float("nan")}, photos)
    assert labels.values == [0, 2, None]
    assert labels.indices(CLASSES) == [0, 2, None]
    assert read_labels(np.array([2, 0, 1]), photos).indices(CLASSES) == [2, 0, 1]
    assert read_labels(["red", None, 1.0], photos).indices(CLASSES) == [0, None, 1]  # 1.0: of a column with gaps
    with pytest.raises(TargetError, match=r"^3 photos but 2 labels: give one label per photo, None where it is not known\.$"):
        read_labels(["red", "red"], photos)


# -- which photo is meant -----------------------------------------------------------------------------------------------


def test_paths_from_the_label_file_s_folder_come_first(photos: list[Path]) -> None:
    file = write("set/labels.csv", "red/1.jpg,a\nred/2.jpg,b\nblue/1.jpg,c\n")
    assert read_labels(file, photos).values == ["a", "b", "c"]
    file = write("elsewhere/labels.csv", "set/red/1.jpg,a\n../set/red/2.jpg,b\nset\\blue\\1.jpg,c\n")  # then the current one's
    assert read_labels(file, photos).values == ["a", "b", "c"]
    file = write("elsewhere/labels.csv", f"{photos[0].absolute()},a\n")
    assert read_labels(file, photos).values == ["a", None, None]


def test_the_end_of_a_path_or_a_name_where_only_one_photo_has_it(photos: list[Path]) -> None:
    file = write("elsewhere/labels.csv", "red/1.jpg,a\nsomewhere/else/2.jpg,b\nblue/1.jpg,c\n")
    assert read_labels(file, photos).values == ["a", "b", "c"]
    labels = read_labels(write("elsewhere/labels.csv", "1.jpg,a\n2.jpg,b\n"), photos)  # there are two 1.jpg
    assert (labels.values, labels.missing, labels.unmatched) == ([None, "b", None], [0, 2], ["1.jpg"])
    labels = read_labels(write("elsewhere/labels.csv", "x/2.jpg,a\ny/2.jpg,b\nred/1.jpg,c\n"), photos)  # two entries for 2.jpg
    assert (labels.values, labels.unmatched) == (["c", None, None], ["x/2.jpg", "y/2.jpg"])


def test_what_does_not_fit_is_named_and_counted(photos: list[Path]) -> None:
    rows = "".join(f"photo{i}.jpg,red\n" for i in range(5))
    labels = read_labels(write("labels.csv", f"{rows}2.jpg,red\n"), photos)
    assert labels.missing_note == ["'labels.csv' has no label for 2 of 3 photos: set/red/1.jpg, set/blue/1.jpg"]
    assert labels.unmatched_note == ["5 entries of 'labels.csv' are not among the photos: photo0.jpg, photo1.jpg, photo2.jpg ..."]
    labels = read_labels(write("labels.csv", "2.jpg,red\nred/1.jpg,red\nblue/1.jpg,\n"), photos)
    assert (labels.missing_note, labels.unmatched_note) == ([], [])


def test_a_photo_that_was_given_twice_has_its_label_twice(photos: list[Path]) -> None:
    assert read_labels({"2.jpg": "red"}, [photos[1], photos[0], photos[1]]).values == ["red", None, "red"]


def test_many_photos_of_one_name_take_no_time(tmp_path: Path) -> None:
    photos = [tmp_path / f"{i}" / "image.jpg" for i in range(20_000)]
    labels = read_labels({f"{i}/image.jpg": i for i in range(20_000)}, photos)
    assert labels.values == list(range(20_000))


# -- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "kind", "message"),
    [
        ("x.csv", "photo,label\n2.jpg,red\nset/red/2.jpg,red\nred/2.jpg,blue\n", TargetError,
         "'x.csv' has two labels for set/red/2.jpg: 'red' (line 3) and 'blue' (line 4)."),
        ("x.csv", "photo,label\na.jpg,red\nb.jpg,red\nc.jpg,red\nd.jpg,red\n", TargetError,
         "'x.csv' has a label for none of the 3 photos (set/red/1.jpg, set/red/2.jpg, set/blue/1.jpg): it names a.jpg, b.jpg, "
         "c.jpg ...; write paths from its own folder or from the current one, or names that only one photo has."),
        ("x.csv", "id,species,camera\n1,red,x\n", OptionError,
         "'x.csv' has the columns id, species, camera: name that of the photos 'photo' and that of their classes 'label' in "
         "the first line."),
        ("x.csv", "photo,label\n2.jpg,red\n,blue\n", OptionError, "'x.csv', line 3: it names no photo."),
        ("x.csv", "", TargetError, "'x.csv' has 0 labels for 3 photos: write one a line"),
        ("x.json", "{", OptionError, "'x.json' is no whole JSON file: Expecting property name"),
        ("x.json", "3", OptionError, "'x.json' holds 3: write {\"photo.jpg\": \"class\"}, or a list of records."),
        ("x.json", '{"red": ["1.jpg"]}', OptionError, "'x.json' has [\"1.jpg\"] for 'red': write a class's name or its index."),
        ("x.json", '[{"photo": "a.jpg", "label": 1}, {"photo": "b.jpg", "kind": 1}]', OptionError,
         '\'x.json\', record 2: write {"photo": "a.jpg", "label": "class"}, not {"photo": "b.jpg", "kind": 1}.'),
    ],
)  # fmt: skip
def test_mistakes_in_a_file(photos: list[Path], file: str, text: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        read_labels(write(file, text), photos)


def test_files_that_cannot_be_read(photos: list[Path]) -> None:
    message = (
        "labels='no.csv': there is no such file. Write 'folders', a .csv or .json with each photo's label, or a text file with "
        "one label a line."
    )
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        read_labels("no.csv", photos)
    with pytest.raises(
        OptionError, match=r"^labels='elsewhere': that is a folder\. Where each photo's folder is its label, write"
    ):
        read_labels(Path("elsewhere"), photos)
    Path("photo.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(OptionError, match=r"^labels='photo\.csv': it cannot be read as text \("):
        read_labels("photo.csv", photos)
    with pytest.raises(TargetError, match=r"^'x\.csv' needs files, but 'photo 1' is none"):
        read_labels(write("x.csv", "a.jpg,red\n"), [None])


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ({"a.txt": "1\n\n2\n"}, "labels"),
        ({"a.txt": "1\nred\n2\n"}, "digits among the labels"),
        ({"a.json": "[1, null, 2]"}, "labels"),
        ({"a.json": "[true, null, 2]"}, "digits among the labels"),
        ({"a.txt": "red\n\nblue\n"}, None),
    ],
)
def test_how_digits_in_a_file_were_read_is_told(photos: list[Path], labels: dict[str, str], what: str | None) -> None:
    ((file, text),) = labels.items()
    note = [f"{what} are indices from 0: 0 = red, 1 = green, 2 = blue"] if what else []
    assert read_labels(write(file, text), photos).index_note(CLASSES) == note


def test_what_is_no_index_in_a_file_is_not_told_as_one(photos: list[Path]) -> None:
    assert read_labels(write("a.txt", "1\n2\n1\n"), photos).index_note(ClassNames(["2", "1"])) == []
    assert read_labels([0, 1, 2], photos).index_note(CLASSES) == []
    many = ClassNames([f"class {number}" for number in range(9)])
    assert read_labels(write("a.txt", "1\n2\n1\n"), photos).index_note(many) == [
        "labels are indices from 0: 0 = class 0, 1 = class 1, 2 = class 2, 3 = class 3, 4 = class 4 ... (9 in all)"
    ]


def test_an_index_that_does_not_exist_and_a_folder_that_is_no_class(photos: list[Path]) -> None:
    with pytest.raises(TargetError) as error:
        read_labels(write("a.txt", "1\n2\n3\n"), photos).indices(CLASSES)
    assert str(error.value) == (
        "1 of 3 labels is no class: '3' of set/blue/1.jpg. The classes are 'red', 'green', 'blue'. Indices count from 0: "
        "0 = red, 1 = green, 2 = blue."
    )
    with pytest.raises(TargetError) as error:
        read_labels("folders", [*photos, Path("set/rest/1.jpg")]).indices(CLASSES)
    assert str(error.value) == (
        "1 of 4 labels is no class: 'rest' of set/rest/1.jpg. The classes are 'red', 'green', 'blue'. A folder that is no "
        "class: leave it out, or rename it."
    )


def test_a_network_without_names_of_classes_is_to_be_given_them(photos: list[Path]) -> None:
    with pytest.raises(TargetError) as error:
        read_labels("folders", photos[:2]).indices(ClassNames.numbered(2))
    assert str(error.value) == (
        "2 of 2 labels are no classes: 'red' of set/red/1.jpg and 1 more. The classes are 'class 0', 'class 1'. The "
        "network brought no names of its classes: give them, classes='classes.txt'. A folder that is no class: leave it out, or "
        "rename it."
    )
    with pytest.raises(TargetError) as error:  # names would not help
        read_labels(write("a.txt", "0\n2\n1\n"), photos).indices(ClassNames.numbered(2))
    assert str(error.value) == (
        "1 of 3 labels is no class: '2' of set/red/2.jpg. The classes are 'class 0', 'class 1'. Indices count from 0: "
        "0 = class 0, 1 = class 1."
    )


def test_of_folders_in_folders_the_nearest_that_is_a_class_counts(photos: list[Path]) -> None:
    deep = [Path(f"set/{name}/1.jpg") for name in ("red/night/new", "blue/7", "blue/1", "red/green", "green")]
    labels = read_labels("folders", deep)
    assert labels.indices(CLASSES) == [0, 2, 2, 1, 1]
    assert labels.index_note(CLASSES) == []
    assert read_labels("folders", [Path("set/a/1/x/1.jpg"), Path("set/2/1.jpg")]).indices(CLASSES) == [1, 2]
    with pytest.raises(TargetError, match=r"^1 of 2 labels is no class: 'new' of set/rest/new/1\.jpg\."):
        read_labels("folders", [Path("set/rest/new/1.jpg"), photos[0]]).indices(CLASSES)
    # The photos' root and what is above it say nothing of a photo.
    night = [Path("red/set/night/1.jpg"), Path("red/set/blue/1.jpg")]
    with pytest.raises(TargetError, match=r"^1 of 2 labels is no class: 'night'"):
        read_labels("folders", night).indices(CLASSES)
    assert read_labels("folders", [Path("set/red/night/1.jpg")], root=Path("set")).indices(CLASSES) == [0]


def test_photos_in_the_place_of_classes_are_named_without_their_pixels() -> None:
    refuse_photos(["red", 1], "labels", "give classes")
    with pytest.raises(TargetError, match=r"^The labels hold no classes but ndarray of shape \(4, 5, 3\): give classes\.$"):
        refuse_photos([np.zeros((4, 5, 3))], "labels", "give classes")


def test_values_one_by_one() -> None:
    assert value_list(torch.tensor([1, 2]), "labels") == [1, 2]
    assert value_list(np.array([1.0, np.nan]), "labels") == [1.0, None]
    assert value_list((name for name in ("a", None)), "labels") == ["a", None]
    with pytest.raises(
        TargetError, match=r"^The predictions have the shape \(2, 3\): give one class per photo \(of scores, scores"
    ):
        value_list(np.zeros((2, 3)), "predictions")
    for wrong in ("red", b"red", {"a.jpg": "red"}, 3):
        with pytest.raises(TargetError, match=r"^labels=.*: give a list with one class per photo\.$"):
            value_list(wrong, "labels")


def test_photos_whose_label_is_no_class_can_be_left_out(photos: list[Path]) -> None:
    labels = read_labels("folders", [*photos, Path("set/greens/1.jpg"), Path("set/Red/7.jpg")])
    indices = labels.indices(ClassNames([*CLASSES.names, "greens"]))
    assert labels.known_indices(CLASSES) == (
        [*indices[:-2], None, 0],
        [len(photos)],
        ["1 photo of 'greens' was left out: the network has no such class. Did you mean 'green'?"],
    )
    assert read_labels("folders", photos).known_indices(CLASSES) == (indices[:-2], [], [])


def test_where_no_label_is_a_class_it_is_refused(photos: list[Path]) -> None:
    with pytest.raises(
        TargetError, match=r"^2 of 2 labels are no classes: 'a' of x/a/1\.jpg, 'b' of x/b/1\.jpg\. The classes are 'red'"
    ):
        read_labels("folders", [Path("x/a/1.jpg"), Path("x/b/1.jpg")]).known_indices(CLASSES)
    assert read_labels([None, None], photos[:2]).known_indices(CLASSES) == ([None, None], [], [])


def test_indices_that_do_not_exist_are_refused_all_the_same(photos: list[Path]) -> None:
    for labels in (read_labels(write("a.txt", "1\n2\n3\n"), photos), read_labels([1, 2, 3], photos)):
        with pytest.raises(TargetError, match=r"^1 of 3 labels is no class: '?3'? of .* Indices count from 0: 0 = red"):
            labels.known_indices(CLASSES)
