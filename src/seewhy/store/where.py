"""Which rows are meant: ``wrong and score > 0.9``, read by a grammar of its own and never run as code.

    expression  = conjunction ("or" conjunction)*
    conjunction = part ("and" part)*
    part        = "not" part | "(" expression ")" | comparison
    comparison  = COLUMN                                        a column that is true or false: wrong, right
                | COLUMN ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains") VALUE
                | COLUMN ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") COLUMN    two numbers, or label and predicted
                | COLUMN "in" "(" VALUE ("," VALUE)* ")"
                | COLUMN "is" ["not"] "null"

A value is a number, a text in quotes, or a word without them; a word that is a class's name is that class, and other digits
without quotes are its index. Classes are compared by their indices, since two of them may share a name. What is not known (a
photo without a label) is neither so nor not so.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, did_you_mean, listed, setting

if TYPE_CHECKING:
    from pyarrow.compute import Expression

NUMBERS = ("number", "height", "width", "label_index", "predicted_index", "score")
TEXTS = ("path", "edit", "sha256", "label", "predicted")
TRUTHS = ("wrong", "right")
OF_CLASSES = {"label": "label_index", "predicted": "predicted_index"}  # and what tells classes of one name apart

_TOKEN = re.compile(r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<sign><=|>=|==|!=|[=<>(),])|(?P<word>[^\s<>=!(),"']+))""")
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse(text: str, classes: ClassNames) -> Expression:
    """The condition as an expression of pyarrow over a store's columns. classes : that labels and predictions may name.

    Raises OptionError, which shows the place, for what the grammar does not know; TargetError for a class that there is not.
    """
    if not isinstance(text, str) or not text.strip():
        raise OptionError(f"{setting('where', text)}: write a condition, such as 'wrong and score > 0.9'.")
    try:
        return _Parser(text, classes).whole()
    except RecursionError:
        raise OptionError("The condition of where is nested too deeply.") from None


class _Parser:
    """Reads the tokens from the left to the right."""

    def __init__(self, text: str, classes: ClassNames) -> None:
        (self._text, self._classes, self._place) = (text, classes, 0)
        self._tokens: list[tuple[str, str]] = []  # kind, as written
        end = 0
        while text[end:].strip():
            match = _TOKEN.match(text, end)
            if match is None:
                self._fail(f"{text[end:].strip()[0]!r} cannot be read")
            end = match.end()
            self._tokens.append((str(match.lastgroup), str(match[str(match.lastgroup)])))

    def whole(self) -> Expression:
        expression = self._expression()
        if self._place < len(self._tokens):
            self._fail(f"after {self._before()!r} 'and', 'or' or the end is expected, not {self._next()[1]!r}")
        return expression

    def _expression(self) -> Expression:
        parts = [self._conjunction()]
        while self._takes("or"):
            parts.append(self._conjunction())
        return functools.reduce(operator.or_, parts)

    def _conjunction(self) -> Expression:
        parts = [self._part()]
        while self._takes("and"):
            parts.append(self._part())
        return functools.reduce(operator.and_, parts)

    def _part(self) -> Expression:
        if self._takes("not"):
            return ~self._part()
        if self._takes("("):
            expression = self._expression()
            self._expect(")")
            return expression
        return self._comparison()

    def _comparison(self) -> Expression:
        from pyarrow import compute

        (kind, word) = self._next()
        column = word.lower()
        if kind != "word" or column not in (*NUMBERS, *TEXTS, *TRUTHS):
            known = (*TRUTHS, "score", "label", "predicted", "path", "edit", "number", "height", "width")
            near = did_you_mean(word, known) if kind == "word" else ""
            self._fail(
                f"{word!r} is no column.{near} There are {listed(known)}" if word else "it ends where a column is expected"
            )
        self._place += 1
        value = ~compute.field("wrong") if column == "right" else compute.field(column)
        if self._takes("is"):
            negated = self._takes("not")
            self._expect("null")
            return value.is_valid() if negated else value.is_null()
        if self._takes("in"):
            self._expect("(")
            values = [self._value(column)]
            while self._takes(","):
                values.append(self._value(column))
            self._expect(")")
            return _indexed(column).isin(values)
        if column in TRUTHS:
            return value
        if self._takes("contains"):
            if column not in TEXTS:
                self._fail(f"{column!r} is a number, which contains nothing")
            return compute.match_substring(value, str(self._text_value()))
        (_, sign) = self._next()
        if sign not in _COMPARISONS:
            self._fail(
                f"after {self._before()!r} a comparison is expected (=, !=, <, >, in, contains), not {sign or 'the end'!r}"
            )
        self._place += 1
        other = self._other_column(column)
        return _COMPARISONS[sign](_indexed(column), self._value(column) if other is None else _indexed(other))

    def _other_column(self, column: str) -> str | None:
        """The next token where it is a column that this one can be compared with: height > width, label = predicted."""
        (kind, word) = self._next()
        alike = next((group for group in (NUMBERS, OF_CLASSES) if column in group), ())
        if kind != "word" or word.lower() not in alike or (column in OF_CLASSES and word in self._classes):
            return None
        self._place += 1
        return word.lower()

    def _value(self, column: str) -> Any:
        """The next token as a value of the column, or of the one with the classes' indices."""
        if column in NUMBERS:
            (kind, word) = self._next()
            try:
                if kind != "word":
                    raise ValueError
                number = float(word)
            except ValueError:
                self._fail(f"after {self._before()!r} a number is expected, not {word or 'the end'!r}")
            self._place += 1
            return number
        if column in TRUTHS:
            self._fail(f"{column!r} is true or false: write {column} or not {column}")
        (kind, _) = self._next()
        text = self._text_value()
        if column not in OF_CLASSES:
            return text
        is_index = kind == "word" and text.isdecimal() and text not in self._classes
        return self._classes.index(int(text) if is_index else text, asked=False)

    def _text_value(self) -> str:
        (kind, word) = self._next()
        if kind not in ("word", "text"):
            self._fail(f"after {self._before()!r} a text is expected, not {word or 'the end'!r}")
        self._place += 1
        return word[1:-1] if kind == "text" else word

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _before(self) -> str:
        return " ".join(word for _, word in self._tokens[: self._place])

    def _takes(self, word: str) -> bool:
        """Goes on where the next token is this word or sign."""
        (kind, written) = self._next()
        taken = kind != "text" and written.lower() == word
        self._place += taken
        return taken

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            self._fail(f"after {self._before()!r} {word!r} is expected, not {self._next()[1] or 'the end'!r}")

    def _fail(self, reason: str) -> NoReturn:
        raise OptionError(f"{setting('where', self._text)}: {reason}.")


def _indexed(column: str) -> Expression:
    """The column, of classes that with their indices."""
    from pyarrow import compute

    return compute.field(OF_CLASSES.get(column, column))
