"""What can be named: the networks that can be loaded, and the classes that one of them tells apart."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text
from typer import Option

from seewhy.cli.app import app
from seewhy.cli.options import AsJson, ModelOptions, as_flag, out, spread
from seewhy.errors import Message, ModelError, TargetError, did_you_mean
from seewhy.load import SOURCES, known_networks

_FEW = 12  # names of a source that are shown where nobody has asked for them all


@app.command()
@spread
def models(
    text: Annotated[str | None, typer.Argument(help="A part of a name: resnet.")] = None,
    source: Annotated[str | None, Option(help="Only torchvision, timm or demo, with all names.")] = None,
    json_: AsJson = False,
) -> None:
    """Which networks can be loaded: every form with an example, and the names that are known. seewhy models resnet searches."""
    known = known_networks(text or "", source)
    if text and not any(entry.names for entry in known):
        missing = " ".join(entry.missing for entry in known if entry.missing)
        every = [name for entry in known_networks("", source) for name in entry.names]
        raise ModelError(f"No network that is known has '{text}' in its name.{did_you_mean(text, every)} {missing}".strip())
    if json_:
        forms = [
            {"name": form.name, "example": form.example, "about": _about(form.about), "extra": form.extra}
            for form in SOURCES.values()
        ]
        print(json.dumps({"forms": forms, "networks": [dataclasses.asdict(entry) for entry in known]}, indent=1))
        return
    if not text and source is None:
        _print_forms()
    for entry in known:
        if not entry.missing and not entry.names:
            continue
        out.print(Text(entry.source, style="bold"))
        if entry.missing:
            out.print(Text(f"  {entry.missing}"))
        elif text or source:
            for name in entry.names:
                out.print(Text(f"  {name}"))
        else:
            more = f" ... ({len(entry.names)} in all: seewhy models --source {entry.source})"
            out.print(Text(f"  {'  '.join(entry.names[:_FEW])}{more * (len(entry.names) > _FEW)}"))


def _print_forms() -> None:
    table = Table(Column("--model", no_wrap=True), "what it is", Column("needs", no_wrap=True), box=None, pad_edge=False)
    for form in SOURCES.values():
        table.add_row(Text(form.example), Text(_about(form.about)), Text(f"seewhy[{form.extra}]" if form.extra else ""))
    out.print(table)
    out.print()


def _about(text: str) -> str:
    return Message(text).spelled(as_flag)


@app.command()
@spread
def classes(
    text: Annotated[str | None, typer.Argument(help="A part of a name, a synonym or a wnid: cat.")] = None,
    *,
    options: ModelOptions,
    json_: AsJson = False,
) -> None:
    """Which classes a network knows: index, name, and what else finds each. seewhy classes cat --model resnet50 searches."""
    clf = options.load(for_photos=False)
    names = clf.class_names()
    indices = names.containing(text or "")
    if not indices:
        raise TargetError(
            f"None of the {len(names)} classes has '{text}' in its name.{did_you_mean(text or '', names.names)} seewhy classes "
            "without it lists them all."
        )
    if json_:
        rows = [{"index": i, "name": names.names[i], "other_names": list(names.other_names(i))} for i in indices]
        print(json.dumps({"model": clf.name, "classes": rows}, indent=1, ensure_ascii=False))
        return
    for index in indices:
        others = ", ".join(names.other_names(index))
        out.print(Text(f"{index:>5}  {names.names[index]}{f'  ({others})' if others else ''}"))
