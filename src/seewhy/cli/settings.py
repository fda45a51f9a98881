"""Every setting of every method as a flag, and the help that explains them. All of it follows from the methods' fields."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
from collections.abc import Sequence
from typing import Annotated, Any

from typer import Option
from typer.core import TyperCommand

import seewhy
from seewhy.cli.options import FLAGS, ModelOptions
from seewhy.errors import OptionError, listed

_TAKEN = {field.name for field in dataclasses.fields(ModelOptions)}


def _option_name(method: str, setting: str) -> str:
    """The setting's own name; where that is a flag of every command, the method's name stands before it (--lime-model)."""
    return f"{method}_{setting}" if setting in _TAKEN else setting


def flag_of(method: str, setting: str) -> str:
    """How a setting of a method is written: "--mask-size", "--lime-model"."""
    return "--" + _option_name(method, setting).replace("_", "-")


def _method_options() -> type:
    """A dataclass of every setting of every method, as flags. ``layer`` stands among them: any method may have it."""
    fields: dict[str, tuple[str, Any, Any]] = {}
    for name, method in seewhy.METHODS.items():
        for field in dataclasses.fields(method):
            flag = flag_of(name, field.name)
            if isinstance(field.default, bool):
                kind: Any = Annotated[bool | None, Option(f"{flag}/--no-{flag[2:]}", hidden=True)]
            else:
                kind = Annotated[str | None, Option(flag, hidden=True)]
            option = _option_name(name, field.name)
            fields[option] = (option, kind, dataclasses.field(default=None))
            FLAGS[field.name] = flag
    return dataclasses.make_dataclass("MethodOptions", fields.values(), frozen=True)


MethodOptions = _method_options()


def settings_of(method: str, options: Any) -> dict[str, Any]:
    """The settings that were given, by the names of the method's fields; as they are for a method that does not exist.

    Raises OptionError for a flag of another method.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    if method not in seewhy.METHODS:
        return {}
    own = {_option_name(method, setting): setting for setting in seewhy.METHODS[method].setting_names()}
    for option in given:
        if option not in own:
            users = [
                name
                for name, kind in seewhy.METHODS.items()
                if option in {_option_name(name, setting) for setting in kind.setting_names()}
            ]
            flags = listed((flag_of(method, setting) for setting in own.values()), 20)
            flag = "--" + option.replace("_", "-")
            flag = f"{flag}/--no-{flag[2:]}" if isinstance(given[option], bool) else flag
            raise OptionError(f"{flag} is a flag of {listed(users)}; {method} has {flags}.")
    return {own[option]: value_of(value, own[option]) for option, value in given.items()}


def settings_of_any(methods: Sequence[str], options: Any) -> dict[str, Any]:
    """The settings that were given, each for the methods that have it. Raises OptionError for a flag that none of them has."""
    known = [method for method in methods if method in seewhy.METHODS]
    own = {_option_name(method, setting) for method in known for setting in seewhy.METHODS[method].setting_names()}
    given = {name: value for name, value in vars(options).items() if value is not None}
    for option in given:
        if known and option not in own:
            raise OptionError(f"--{option.replace('_', '-')} is a flag of none of {listed(known)}.")
    settings: dict[str, Any] = {}
    for method in known:
        for setting in seewhy.METHODS[method].setting_names():
            if (option := _option_name(method, setting)) in given:
                settings[setting] = value_of(given[option], setting)
    return settings


def value_of(text: str | bool, name: str = "") -> Any:
    """``45,30`` -> (45, 30); ``0.5`` -> 0.5; anything else, and a layer's name, stays text."""
    if isinstance(text, bool) or name == "layer":
        return text
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1:
        return tuple(value_of(part) for part in parts)
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def with_default(method: str, field: dataclasses.Field[Any]) -> str:
    """``--samples 2048``, ``--no-signed``; in brackets what is chosen when it is not given: ``[--layer]``."""
    flag = flag_of(method, field.name)
    if field.default is None:
        return f"[{flag}]"
    if isinstance(field.default, bool):
        return flag if field.default else f"--no-{flag[2:]}"
    return f"{flag} {field.default}"


def _descriptions(method: Any) -> dict[str, str]:
    """What the docstrings of the method and its bases say of each setting (``name : what it is``)."""
    names = "|".join(method.setting_names())
    texts: dict[str, str] = {}
    for kind in reversed(method.__mro__):
        parts = re.split(rf"\b({names}) : ", inspect.cleandoc(kind.__doc__ or "")) if names else []
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            texts[name] = " ".join(text.split("\n\n")[0].replace("``", "").split()).rstrip(" .;")
    return texts


_ARGUMENTS = "seewhy.arguments"


class ExplainCommand(TyperCommand):
    """``explain``: its help lists every method's flags with that method's defaults, and describes those of ``--method``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        method = self._method(ctx)
        if method in seewhy.METHODS:
            self._format_one(method, formatter)
        else:
            self._format_all(formatter)

    def _method(self, ctx: Any) -> Any:
        """The method that was named beside --help, before or after it."""
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        with contextlib.suppress(Exception):  # a flag without its value: the help does not need it
            return (parser.parse_args(list(ctx.meta.get(_ARGUMENTS, ())))[0].get("method") or [None])[-1]
        return None

    @staticmethod
    def _format_one(name: str, formatter: Any) -> None:
        method = seewhy.METHODS[name]
        texts = _descriptions(method)
        rows = []
        for field in dataclasses.fields(method):
            flag = flag_of(name, field.name)
            text = texts.get(field.name, "")
            choices = [choice for choice in field.metadata.get("choices", ()) if choice not in text]
            if choices:
                text = f"{text}{' ' * bool(text)}({', '.join(field.metadata['choices'])})"
            if isinstance(field.default, bool):
                rows.append((f"{flag} / --no-{flag[2:]}", f"{text}  [default: {'on' if field.default else 'off'}]"))
            else:
                rows.append((f"{flag} <str>", text if field.default is None else f"{text}  [default: {field.default}]"))
        with formatter.section(f"Settings of {name} ({method.title})"):
            formatter.write_text(method.summary)
            formatter.write_paragraph()
            formatter.write_dl(rows or [("", "It has none.")])

    @staticmethod
    def _format_all(formatter: Any) -> None:
        rows = [
            (name, " ".join(with_default(name, field) for field in dataclasses.fields(method)))
            for name, method in seewhy.METHODS.items()
        ]
        with formatter.section("Settings of each method, with its defaults"):
            formatter.write_text(
                "In brackets: chosen for the photo when not given. `seewhy explain --method lime --help` describes those of lime."
            )
            formatter.write_paragraph()
            formatter.write_dl(rows)
