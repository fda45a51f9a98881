from __future__ import annotations

import pytest

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, TargetError
from seewhy.store.rows import table
from seewhy.store.where import parse

CLASSES = ClassNames(["n00000001 brown bear, bruin", "cow", "and", "7"])
ROWS = [
    {
        "number": 0,
        "path": "night/a.jpg",
        "label": "cow",
        "predicted": "brown bear",
        "score": 0.95,
        "wrong": True,
        "width": 500,
        "height": 90,
    },
    {
        "number": 1,
        "path": "day/b c.jpg",
        "label": "cow",
        "predicted": "cow",
        "score": 0.75,
        "wrong": False,
        "width": 500,
        "height": 90,
    },
    {
        "number": 2,
        "path": "night/d.jpg",
        "label": None,
        "predicted": "cow",
        "score": 0.25,
        "wrong": None,
        "width": 80,
        "height": 90,
    },
    {
        "number": 3,
        "path": 'day/"e".jpg',
        "label": "and",
        "predicted": "7",
        "score": 0.5,
        "wrong": True,
        "width": 500,
        "height": 90,
    },
]


for one in ROWS:
    for name in ("label", "predicted"):
        one[f"{name}_index"] = None if one[name] is None else CLASSES.index(str(one[name]))


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ("wrong", [0, 3]),
        ("right", [1]),
        ("not wrong", [1]),  # without a label neither is known
        ("not not wrong", [0, 3]),
        ("wrong and score > 0.9", [0]),
        ("score>=.75", [0, 1]),
        ("score <= 5e-1", [2, 3]),
        ("score = 0.5 or score == 0.25", [2, 3]),
        ("wrong or right and score < 0.7", [0, 3]),
        ("(wrong or right) and score < 0.7", [3]),
        ("not (wrong or score > 0.9)", [1]),
        ("WRONG AND Score > 0.9", [0]),
        ("label = cow", [0, 1]),
        ("label != cow", [3]),
        ("predicted = bruin", [0]),  # a synonym
        ("predicted = 'brown bear'", [0]),
        ("predicted = n00000001", [0]),
        ('label = cow and predicted = "brown bear"', [0]),
        ("label = and and wrong", [3]),
        ("predicted = 7", [3]),
        ("predicted in (7, cow)", [1, 2, 3]),
        ("number in (0, 2)", [0, 2]),
        ("label is null", [2]),
        ("label is not null and score < 0.7", [3]),
        ("path contains night", [0, 2]),
        ("path = 'day/b c.jpg'", [1]),
        ("path contains '\"e\"'", [3]),
        ("width < 100", [2]),
        ("label = predicted", [1]),
        ("label != Predicted", [0, 3]),
        ("predicted = label and score > 0.5", [1]),
        ("width > height", [0, 1, 3]),
        ("height >= width", [2]),
        ("label_index = predicted_index", [1]),
        ("label = 1", [0, 1]),  # an index
        ("label in (#1, 2)", [0, 1, 3]),
        ("label != 1", [3]),
    ],
)
def test_which_rows_are_meant(condition: str, numbers: list[int]) -> None:
    assert table(ROWS).filter(parse(condition, CLASSES))["number"].to_pylist() == numbers


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "where='': write a condition, such as 'wrong and score > 0.9'."),
        (
            "scor > 1",
            "'scor' is no column. Did you mean 'score'? There are wrong, right, score, label, predicted, path, edit, number "
            "... (10 in all).",
        ),
        ("wrong and", "it ends where a column is expected."),
        ("score", "after 'score' a comparison is expected (=, !=, <, >, in, contains), not 'the end'."),
        ("score >", "after 'score >' a number is expected, not 'the end'."),
        ("score > high", "after 'score >' a number is expected, not 'high'."),
        ("score > '1'", "after 'score >' a number is expected, not \"'1'\"."),
        ("wrong score > 1", "after 'wrong' 'and', 'or' or the end is expected, not 'score'."),
        ("wrong = 1", "after 'wrong' 'and', 'or' or the end is expected, not '='."),
        ("wrong in (1)", "'wrong' is true or false: write wrong or not wrong."),
        ("(wrong", "after '( wrong' ')' is expected, not 'the end'."),
        ("label in cow", "after 'label in' '(' is expected, not 'cow'."),
        ("score contains 1", "'score' is a number, which contains nothing."),
        ("label is cow", "after 'label is' 'null' is expected, not 'cow'."),
        ("label = ", "after 'label =' a text is expected, not 'the end'."),
        ("path = 'open", '"\'" cannot be read.'),
        ("path = label or", "it ends where a column is expected."),  # a path is a text: 'label'
        ("width > label", "after 'width >' a number is expected, not 'label'."),
        ("score > wrong", "after 'score >' a number is expected, not 'wrong'."),
        ("wrong & right", "after 'wrong' 'and', 'or' or the end is expected, not '&'."),
        ("__import__('os').system('true')", "'__import__' is no column."),
    ],
)
def test_what_cannot_be_read_says_where(condition: str, message: str) -> None:
    with pytest.raises(OptionError) as refused:
        parse(condition, CLASSES)
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"where={condition!r}: ")


def test_too_deep_is_an_error_of_ours() -> None:
    with pytest.raises(OptionError, match="nested too deeply"):
        parse("(" * 100_000 + "wrong" + ")" * 100_000, CLASSES)


def test_a_class_that_is_called_like_a_column_is_the_class() -> None:
    classes = ClassNames(["predicted", "cow"])
    rows = table([{"number": i, "label_index": i, "predicted_index": 1} for i in range(2)])
    assert rows.filter(parse("label = predicted", classes))["number"].to_pylist() == [0]


def test_a_class_that_there_is_not() -> None:
    with pytest.raises(TargetError, match=r"This network has no class 'path'"):
        parse("label = path", CLASSES)
    with pytest.raises(TargetError, match=r"This network has no class 'caw'. Did you mean 'cow'"):
        parse("label = caw", CLASSES)
    with pytest.raises(TargetError, match=r"^This network has no class 9: its 4 classes are numbered 0 to 3\.$"):
        parse("label = 9", CLASSES)
    with pytest.raises(TargetError, match=r"no class called '1'\. For the index 1 write 1 or '#1'\.$"):
        parse("label = '1'", CLASSES)


def test_classes_of_one_name_are_told_apart() -> None:
    classes = ClassNames(["crane", "cow", "crane"])
    pairs = [(0, 0), (2, 2), (0, 2), (1, 0)]
    rows = table(
        [
            {"number": n, "label": classes.names[i], "label_index": i, "predicted": classes.names[j], "predicted_index": j}
            for n, (i, j) in enumerate(pairs)
        ]
    )

    def numbers(condition: str) -> list[int]:
        found: list[int] = rows.filter(parse(condition, classes))["number"].to_pylist()
        return found

    assert numbers("predicted = '#0'") == numbers("predicted = 0") == [0, 3]
    assert numbers("predicted in (#2)") == [1, 2]
    assert numbers("label = predicted") == [0, 1]
    assert numbers("label != predicted") == [2, 3]
    assert numbers("label contains crane") == [0, 1, 2]
    with pytest.raises(TargetError, match=r"2 classes are called 'crane': 0 and 2\. Say which one by its index: '#0'"):
        parse("label = crane", classes)
