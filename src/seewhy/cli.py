"""The command line: ``seewhy classify | explain | layers | methods | demo``. It parses and prints; the surface does the work."""

from __future__ import annotations

import csv
import dataclasses
import glob
import inspect
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

import seewhy
from seewhy.errors import LayerError, MethodError, ModelError, OptionError, PhotoError, SeewhyError, TargetError, listed
from seewhy.photo import PHOTO_SUFFIXES
from seewhy.records import write_whole

DEFAULT_MODEL = "demo:honest"
_TOGETHER = 16  # photos explained in one go
_FOR_ALL = (OptionError, TargetError, LayerError, MethodError)  # mistakes that every photo of a batch would repeat

app = typer.Typer(
    help="Shows why an image classifier decided what it did.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


# -- options that several commands share ------------------------------------------------------------------------------

Photos = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Files, globs or folders.")]
Model = Annotated[str | None, typer.Option(help="resnet50, path/model.py:build, demo:honest ... Default: the embedded demo.")]
Weights = Annotated[str | None, typer.Option(help="Your own .safetensors or .pth for that architecture.")]
Classes = Annotated[str | None, typer.Option(help="Class names, a file with one a line.")]
Size = Annotated[str | None, typer.Option(help="The network's input: 224, or ROWS,COLUMNS.")]
Mean = Annotated[str | None, typer.Option(help="Subtracted, in units of 0-1: 0.5, or one per channel: 0.485,0.456,0.406.")]
Std = Annotated[str | None, typer.Option(help="Divided by, like --mean.")]
Resize = Annotated[str | None, typer.Option(help="shorter, stretch, or the shorter side's pixels before the crop.")]
Crop = Annotated[bool | None, typer.Option("--crop/--no-crop", help="Cut the centre out, or keep the whole photo.")]
Head = Annotated[str | None, typer.Option(help="softmax, sigmoid (several labels), binary (one logit), none.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")]
Precision = Annotated[str, typer.Option(help="exact, or fast (bfloat16; the deviation is stated).")]
Trust = Annotated[bool, typer.Option("--trust", help="Unpickle weights that could run code. Only for files you trust.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Output = Annotated[str | None, typer.Option("-o", "--output", help="A file for one photo, a folder for several.")]


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """What says which network, and how photos are prepared for it."""

    model: str | None
    weights: str | None
    classes: str | None
    size: str | None
    mean: str | None
    std: str | None
    resize: str | None
    crop: bool | None
    head: str | None
    device: str | None
    precision: str
    trust: bool

    def load(self) -> seewhy.Classifier:
        """The classifier, its preparation changed where the options say so."""
        if self.model is None:
            if self.weights is not None:
                raise ModelError("--weights needs --model: of which architecture are they?")
            err.print(Text(f"No --model given: using the embedded demo network {DEFAULT_MODEL} (bear | cow | sheep)."))
        clf = seewhy.load(
            self.model or DEFAULT_MODEL,
            weights=self.weights,
            classes=self.classes,
            head=self.head,
            device=self.device,
            precision=self.precision,
            trust=self.trust,
        )
        given: dict[str, Any] = {
            "size": _size(self.size),
            "mean": _numbers("mean", self.mean),
            "std": _numbers("std", self.std),
            "resize": self._resize(),
            "crop": self.crop,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if changes:
            return clf.with_preprocess(**changes)
        if clf.preprocess is None:
            raise OptionError("The model brings no preprocessing: say --size 224, and --mean and --std as in its training.")
        return clf

    def _resize(self) -> str | int | None:
        return int(self.resize) if self.resize is not None and self.resize.isdigit() else self.resize


def _numbers(name: str, text: str | None) -> float | list[float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"--{name} {text}: write a number, or one per channel with commas between.") from None
    return numbers if len(numbers) > 1 else numbers[0]


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        raise OptionError(f"--size {text}: write 224, or ROWS,COLUMNS.") from None
    return sides[0] if len(sides) == 1 else (sides[0], sides[-1])


# -- commands -----------------------------------------------------------------------------------------------------------


@app.command()
def classify(
    photos: Photos,
    model: Model = None,
    weights: Weights = None,
    classes: Classes = None,
    top: Annotated[int, typer.Option("--top", "-k", help="How many classes.")] = 3,
    size: Size = None,
    mean: Mean = None,
    std: Std = None,
    resize: Resize = None,
    crop: Crop = None,
    head: Head = None,
    device: Device = None,
    precision: Precision = "exact",
    trust: Trust = False,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What is it? The most probable classes of each photo. -o writes a table (.csv or .json)."""
    clf = ModelOptions(model, weights, classes, size, mean, std, resize, crop, head, device, precision, trust).load()
    files = expand(photos)
    batch = Batch(clf, files)
    rows = []
    for path, photo in batch.read():
        predictions = clf.classify(photo, k=top)
        rows.append({"photo": str(path), "predictions": [dataclasses.asdict(p) for p in predictions]})
        if not json_:
            out.print(Text(f"{path}: " + "; ".join(str(p) for p in predictions)))
    record = {"model": clf.name, "preprocessing": clf.describe_input(), "photos": rows}
    if output is not None:
        _write_table(Path(output), record)
    _print_end(record if json_ else None, clf)
    batch.finish()


def explain(**options: Any) -> None:
    """Why? A picture per photo: the original beside a map for each target."""
    own = {name: options.pop(name) for name in list(options) if name in _METHOD_SETTINGS}
    (photos, method, target, layer, seed, budget, json_, output, cmap, alpha) = (
        options.pop(name)
        for name in ("photos", "method", "target", "layer", "seed", "budget", "json_", "output", "cmap", "alpha")
    )
    clf = ModelOptions(**options).load()
    settings = {name: value if isinstance(value, bool) else _value(value) for name, value in own.items() if value is not None}
    if layer is not None:
        settings["layer"] = layer
    targets = [int(one) if one.isdigit() else one for one in target] or "top1"
    files = expand(photos)
    batch = Batch(clf, files)
    names = Names(files, output, method)
    look = {"cmap": cmap, "alpha": alpha}
    records = []
    for path, explanation in batch.explain(method=method, target=targets, seed=seed, budget=budget, **settings):
        place = explanation.save(
            names.of(path), **{k: v for k, v in look.items() if v is not None and names.suffix in (".png", ".html")}
        )
        records.append(explanation.record() | {"photo": str(path), "output": str(place)})
        if not json_:
            _print_explanation(path, explanation, place)
    record = {"model": clf.name, "preprocessing": clf.describe_input(), "explanations": records}
    _print_end(record if json_ else None, clf)
    batch.finish()


@app.command()
def layers(
    photo: Annotated[str | None, typer.Argument(help="A photo, where the grids depend on it.")] = None,
    model: Model = None,
    weights: Weights = None,
    classes: Classes = None,
    size: Size = None,
    mean: Mean = None,
    std: Std = None,
    resize: Resize = None,
    crop: Crop = None,
    head: Head = None,
    device: Device = None,
    precision: Precision = "exact",
    trust: Trust = False,
    json_: AsJson = False,
) -> None:
    """Which layers can be explained, and which one is taken when none is named."""
    clf = ModelOptions(model, weights, classes, size, mean, std, resize, crop, head, device, precision, trust).load()
    found = clf.layers(photo)
    if json_:
        print(json.dumps([dataclasses.asdict(layer) for layer in found], indent=1))
        return
    table = Table(
        Column("layer", no_wrap=True, overflow="fold"), "kind", "rows × columns", "channels", "", box=None, pad_edge=False
    )
    for layer in found:
        grid = f"{layer.grid[0]} × {layer.grid[1]}"
        style = "bold" if layer.automatic else None
        table.add_row(
            Text(layer.name), layer.kind, grid, str(layer.channels), "← automatic" if layer.automatic else "", style=style
        )
    out.print(table)


@app.command()
def methods(json_: AsJson = False) -> None:
    """What every method computes, what it costs, and its settings."""
    known = [_describe(method) for method in seewhy.METHODS.values()]
    if json_:
        print(json.dumps(known, indent=1))
        return
    for method in known:
        out.print(Text(f"{method['name']}  {method['title']}", style="bold"))
        out.print(Text(f"  {method['summary']}"))
        out.print(Text(f"  Cost: {method['cost']}. Source: {method['source']}."))
        settings = ", ".join(f"{name}={default!r}" for name, default in method["settings"].items())
        out.print(Text(f"  Settings: {settings}\n"))


@app.command()
def demo(
    output: Annotated[str, typer.Option("-o", "--output", help="Where the page is written.")] = "seewhy-demo.html",
    seed: Annotated[int, typer.Option(help="Which scenes are drawn.")] = 0,
) -> None:
    """A page that tells the story: networks that answer alike, and one of them only looks into a corner."""
    from seewhy.demo.story import page

    path = write_whole(Path(output), page(seed=seed).encode())
    out.print(Text(f"The story of three networks: {path.resolve()}"))


# -- explain's flags come from the methods' fields -------------------------------------------------------------------------


def _fields_of_methods() -> dict[str, list[tuple[str, dataclasses.Field[Any]]]]:
    """Each setting with the methods that have it; ``layer`` is a flag of its own."""
    found: dict[str, list[tuple[str, dataclasses.Field[Any]]]] = {}
    for name, method in seewhy.METHODS.items():
        for field in dataclasses.fields(method):
            if field.name != "layer":
                found.setdefault(field.name, []).append((name, field))
    return found


_METHOD_SETTINGS = _fields_of_methods()


def _explain_signature() -> inspect.Signature:
    """``explain``'s parameters: the shared ones, and one flag per setting of any method."""
    text = str | None
    own: dict[str, tuple[Any, Any]] = {
        "photos": (Photos, inspect.Parameter.empty),
        "method": (Annotated[str, typer.Option("--method", "-m", help=f"One of {', '.join(seewhy.METHODS)}.")], "grad_cam"),
        "target": (
            Annotated[list[str], typer.Option("--target", "-t", help="Class name, index, top1, top3, present. Repeatable.")],
            [],
        ),
        "layer": (Annotated[text, typer.Option(help="A layer's name; see `seewhy layers`.")], None),
    }
    for name, users in _METHOD_SETTINGS.items():
        field = users[0][1]
        flag = "--" + name.replace("_", "-")
        help_ = f"{', '.join(user for user, _ in users)}; default {field.default}."
        if isinstance(field.default, bool):
            option = typer.Option(f"{flag}/--no-{flag[2:]}", help=help_)
            own[name] = (Annotated[bool | None, option], None)
        else:
            own[name] = (Annotated[text, typer.Option(flag, help=help_)], None)
    own |= {
        "model": (Model, None),
        "weights": (Weights, None),
        "classes": (Classes, None),
        "size": (Size, None),
        "mean": (Mean, None),
        "std": (Std, None),
        "resize": (Resize, None),
        "crop": (Crop, None),
        "head": (Head, None),
        "device": (Device, None),
        "precision": (Precision, "exact"),
        "trust": (Trust, False),
        "seed": (Annotated[int, typer.Option(help="For everything random.")], 0),
        "budget": (Annotated[text, typer.Option(help="Per photo: forward passes (200) or seconds (20s).")], None),
        "cmap": (Annotated[text, typer.Option(help="A colormap, such as jet.")], None),
        "alpha": (Annotated[float | None, typer.Option(help="Opacity of the map, 0 to 1.")], None),
        "json_": (AsJson, False),
        "output": (Output, None),
    }
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=default, annotation=note) for name, (note, default) in own.items()]
    )


def _register_explain() -> None:
    signature = _explain_signature()
    explain.__signature__ = signature  # type: ignore[attr-defined]
    explain.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    app.command()(explain)


_register_explain()


def _value(text: str) -> Any:
    """``45,30`` -> (45, 30); ``0.5`` -> 0.5; anything else stays text."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1:
        return tuple(_value(part) for part in parts)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _describe(method: Any) -> dict[str, Any]:
    settings = {field.name: field.default for field in dataclasses.fields(method)}
    return {name: getattr(method, name) for name in ("name", "title", "summary", "cost", "source")} | {"settings": settings}


# -- photos in, files out ---------------------------------------------------------------------------------------------------


def expand(patterns: Sequence[str]) -> list[Path]:
    """The files that paths, globs and folders stand for, folders with all that is below them, each file once."""
    found: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and p.is_file())
            if not inside:
                raise PhotoError(f"There is no photo in the folder '{pattern}' ({listed(PHOTO_SUFFIXES, 20)}).")
            found.extend(inside)
        elif not path.exists() and any(mark in pattern for mark in "*?["):
            matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True) if not os.path.isdir(match))
            if not matches:
                raise PhotoError(f"No file matches '{pattern}'.")
            found.extend(matches)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


@dataclasses.dataclass
class Batch:
    """Photos one after the other: a bad one is skipped and named at the end, all others are done."""

    clf: seewhy.Classifier
    files: list[Path]
    bad: list[tuple[Path, SeewhyError]] = dataclasses.field(default_factory=list)

    def read(self) -> Iterator[tuple[Path, Any]]:
        """Every photo that can be read."""
        for path in self.files:
            try:
                photo = self.clf.read(path)
            except PhotoError as error:
                self._skip(path, error)
            else:
                yield path, photo

    def explain(self, **wanted: Any) -> Iterator[tuple[Path, seewhy.Explanation]]:
        """Every photo that can be explained, several at once."""
        waiting: list[tuple[Path, Any]] = []
        for item in self.read():
            waiting.append(item)
            if len(waiting) == _TOGETHER:
                yield from self._explain_some(waiting, wanted)
                waiting = []
        yield from self._explain_some(waiting, wanted)

    def _explain_some(self, some: list[tuple[Path, Any]], wanted: dict[str, Any]) -> Iterator[tuple[Path, seewhy.Explanation]]:
        if not some:
            return
        try:
            explanations = seewhy.explain(self.clf, [photo for _, photo in some], **wanted)
        except _FOR_ALL:
            raise
        except SeewhyError as error:
            if len(some) == 1:
                self._skip(some[0][0], error)
                return
            for item in some:  # one of them is at fault: find out which
                yield from self._explain_some([item], wanted)
            return
        yield from zip((path for path, _ in some), explanations, strict=True)

    def _skip(self, path: Path, error: SeewhyError) -> None:
        if len(self.files) == 1:
            raise error
        self.bad.append((path, error))

    def finish(self) -> None:
        """Name what was skipped; the exit code says so, too."""
        for path, error in self.bad:
            err.print(Text(f"Skipped {path}: {error.line}"))
        if self.bad:
            err.print(Text(f"{len(self.bad)} of {len(self.files)} photos were skipped, all others are done."))
            raise typer.Exit(2)


class Names:
    """Where each result goes: the file that was asked for, a folder, or beside the photo's name in the current folder."""

    def __init__(self, files: Sequence[Path], output: str | None, method: str) -> None:
        place = Path("." if output is None else output)
        self._single = None
        self.suffix = ".png"
        if output is not None and place.suffix and not place.is_dir() and not output.endswith(os.sep):
            if len(files) > 1:
                raise OptionError(f"-o {output}: for {len(files)} photos write a folder.")
            self._single = place
            self.suffix = place.suffix.lower()
        self._folder = place
        self._ending = f"-{method}" if output is None else ""
        self._taken: set[str] = set()

    def of(self, photo: Path) -> Path:
        """A name of its own for every photo; the second of the same name gets a number."""
        if self._single is not None:
            return self._single
        (stem, number) = (photo.stem + self._ending, 2)
        while stem in self._taken:
            stem = f"{photo.stem}{self._ending}-{number}"
            number += 1
        self._taken.add(stem)
        return self._folder / f"{stem}{self.suffix}"


def _write_table(path: Path, record: dict[str, Any]) -> None:
    if path.suffix.lower() == ".json":
        write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    elif path.suffix.lower() == ".csv":
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["photo", "rank", "index", "class", "score", "model", "preprocessing"])
        for row in record["photos"]:
            for rank, p in enumerate(row["predictions"], start=1):
                table.writerow(
                    [row["photo"], rank, p["index"], p["name"], f"{p['score']:.6f}", record["model"], record["preprocessing"]]
                )
        write_whole(path, text.getvalue().encode())
    else:
        raise OptionError(f"-o {path}: a table is written as .csv or .json.")


def _print_explanation(path: Path, explanation: seewhy.Explanation, place: Path) -> None:
    predictions = "; ".join(str(p) for p in explanation.predictions[:3])
    (rows, columns) = explanation.maps.shape[-2:]
    where = f" at {explanation.layer}, {rows}×{columns}" if explanation.layer else ""
    out.print(Text(f"{path}: {predictions}"))
    out.print(Text(f"  {explanation.method}{where} of {'; '.join(str(t) for t in explanation.targets)} → {place}"))
    for note in explanation.notes:
        out.print(Text(f"  note: {note}"))


def _print_end(record: dict[str, Any] | None, clf: seewhy.Classifier) -> None:
    if record is not None:
        print(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        out.print(Text(f"Model {clf.name}; preprocessing: {clf.describe_input()}"))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: one line and exit code 2 for every mistake."""
    command: Callable[..., Any] = typer.main.get_command(app)
    try:
        code = command(args=argv, standalone_mode=False, prog_name="seewhy")
    except SeewhyError as error:
        err.print(Text(f"Error: {error.line}"))
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        err.print(Text(f"Error: {error.format_message()}"))  # the parser's own: unknown option, missing argument
        code = 2
    if code == 130:  # some versions of the parser turn Ctrl-C into this code themselves
        err.print("Interrupted.")
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
