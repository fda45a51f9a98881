"""Messages: one first line, settings that every door spells its own way, errors that are the built-in ones, too."""

from __future__ import annotations

import copy
import pickle

import pytest

from seewhy import errors
from seewhy.errors import Message, MethodError, MissingExtraError, OptionError, SeewhyError, setting, whole_number
from seewhy.records import Note


def as_flag(name: str, value: str) -> str:
    return f"<{name}|{value}>"


@pytest.mark.parametrize(
    ("text", "python", "other"),
    [
        (f"use {setting('method', 'hires_cam')}.", "use method='hires_cam'.", "use <method|'hires_cam'>."),
        (f"{setting('relu', False)} shows more", "relu=False shows more", "<relu|False> shows more"),
        (f"{setting('mask_size', (4, 5))}", "mask_size=(4, 5)", "<mask_size|(4, 5)>"),
        (f"say {setting('output')} a key", "say output= a key", "say <output|> a key"),
        (f"{setting('layer', None)}, {setting('seed', 1)}", "layer=None, seed=1", "<layer|None>, <seed|1>"),
        ("no setting, but a=1", "no setting, but a=1", "no setting, but a=1"),
    ],
)
def test_a_setting_is_spelled_by_the_door(text: str, python: str, other: str) -> None:
    for message in (Message(text), OptionError(text).message, Note(text, 1), Message(Message(text))):
        assert message == python
        assert f"{message}" == python
        assert message.spelled(as_flag) == other
    assert (str(OptionError(text)), OptionError(text).line, OptionError(text).args) == (python, python, (python,))


def test_messages_survive_a_copy() -> None:
    error = MethodError(f"use {setting('method', 'cam')}")
    note = Note(f"use {setting('method', 'cam')}", 2)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(again), again.message.spelled(as_flag)) == ("use method='cam'", "use <method|'cam'>")
    for again in (copy.copy(note), pickle.loads(pickle.dumps(note))):
        assert (again, again.target, again.spelled(as_flag)) == ("use method='cam'", 2, "use <method|'cam'>")


def test_the_first_line_is_the_useful_one() -> None:
    assert OptionError("first\nsecond").line == "first"
    assert OptionError().line == "OptionError"


def test_every_error_is_a_seewhy_error_and_a_built_in_one() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in kinds:
        assert issubclass(kind, SeewhyError)
        assert kind is SeewhyError or len({ValueError, RuntimeError, ImportError} & set(kind.__mro__)) == 1
    assert str(MissingExtraError("pip install it")) == "pip install it"


@pytest.mark.parametrize(
    ("value", "least", "message"),
    [
        (0, 1, "k=0: write a whole number above 0."),
        (1.5, 1, "k=1.5: write a whole number above 0."),
        (True, 1, "k=True: write a whole number above 0."),
        (-1, 0, "k=-1: write a whole number, 0 or more."),
    ],
)
def test_whole_numbers(value: object, least: int, message: str) -> None:
    with pytest.raises(OptionError) as error:
        whole_number("k", value, least)
    assert str(error.value) == message
    assert error.value.message.spelled(as_flag).startswith(f"<k|{value!r}>")
