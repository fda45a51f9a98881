"""The commands. ``explain``'s flags come from the methods' fields, so a new method needs nothing here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.files import Batch, Names, expand, finish_skipped, read_lines, write_table
from seewhy.cli.options import AsJson, ModelOptions, Output, Photos, err, out, spread
from seewhy.files import write_whole

app = typer.Typer(
    help="Shows why an image classifier decided what it did.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_TAKEN = {field.name for field in dataclasses.fields(ModelOptions)}


def _flag_name(method: str, setting: str) -> str:
    """The setting's own name; where that is a flag of every command, the method's name stands before it (--lime-model)."""
    return f"{method}_{setting}" if setting in _TAKEN else setting


def _method_options() -> type:
    """A dataclass of every setting of every method, as flags. ``layer`` stands among them: any method may have it."""
    users: dict[str, list[tuple[str, dataclasses.Field[Any]]]] = {}
    for name, method in seewhy.METHODS.items():
        for field in dataclasses.fields(method):
            users.setdefault(_flag_name(name, field.name), []).append((name, field))
    flags = []
    for name, found in users.items():
        (flag, default) = ("--" + name.replace("_", "-"), found[0][1].default)
        about = f"Of {', '.join(user for user, _ in found)}; default {default}."
        if isinstance(default, bool):
            kind: Any = Annotated[bool | None, Option(f"{flag}/--no-{flag[2:]}", help=about)]
        else:
            kind = Annotated[str | None, Option(flag, help=about)]
        flags.append((name, kind, dataclasses.field(default=None)))
    return dataclasses.make_dataclass("MethodOptions", flags, frozen=True)


MethodOptions = _method_options()


@app.command()
@spread
def classify(
    photos: Photos,
    options: ModelOptions,
    top: Annotated[int, Option("--top", "-k", help="How many classes.")] = 3,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What is it? The most probable classes of each photo. -o writes a table (.csv or .json)."""
    clf = options.load()
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
        write_table(Path(output), record)
    _print_end(record if json_ else None, clf)
    batch.finish()


@app.command()
@spread
def explain(
    photos: Photos,
    *,
    method: Annotated[str, Option("--method", "-m", help=f"One of {', '.join(seewhy.METHODS)}.")] = "grad_cam",
    target: Annotated[
        list[str] | None, Option("--target", "-t", help="A class, an index, top1, top3, present. Repeatable.")
    ] = None,
    settings: MethodOptions,  # type: ignore[valid-type]
    options: ModelOptions,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    budget: Annotated[str | None, Option(help="Per photo: forward passes (200), seconds (20s), or auto (lime).")] = None,
    cmap: Annotated[str | None, Option(help="A colormap, such as jet.")] = None,
    alpha: Annotated[float | None, Option(help="Opacity of the map, 0 to 1.")] = None,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """Why? A picture per photo: the original beside a map for each target."""
    clf = options.load()
    given = {name.removeprefix(f"{method}_"): _value(name, value) for name, value in vars(settings).items() if value is not None}
    targets = [int(one) if one.isdigit() else one for one in target or ()] or "top1"
    files = expand(photos)
    batch = Batch(clf, files)
    names = Names(files, output, method)
    look = {"cmap": cmap, "alpha": alpha}
    records = []
    for path, explanation in batch.explain(method=method, target=targets, seed=seed, budget=budget, **given):
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
@spread
def layers(
    options: ModelOptions,
    photo: Annotated[str | None, typer.Argument(help="A photo, where the grids depend on it.")] = None,
    json_: AsJson = False,
) -> None:
    """Which layers can be explained, and which one is taken when none is named."""
    clf = options.load()
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
    _print_end(None, clf)


@app.command()
@spread
def activations(
    photos: Photos,
    *,
    layer: Annotated[str | None, Option(help="A layer's name (seewhy layers lists them). Default: the automatic one.")] = None,
    channel: Annotated[int | None, Option(help="Of several photos: which of them excite this channel most, and least.")] = None,
    count: Annotated[int, Option("--count", "-k", help="With --channel: how many photos of each.")] = 5,
    at: Annotated[str | None, Option(help="photo (its own size) or ROWS,COLUMNS: larger inputs give larger grids.")] = None,
    options: ModelOptions,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What does a layer see? Its channels as one picture; with --channel, the photos of a folder that excite it most."""
    clf = options.load()
    files = expand(photos)
    if channel is not None:
        found = seewhy.extremes(clf, files, layer=layer, channel=channel, k=count)
        place = found.save(output or f"channel-{channel}.png")
        record = {"model": clf.name, "preprocessing": clf.describe_input(), "output": str(place)} | found.record()
        if not json_:
            out.print(Text(f"{found} → {place}"))
        _print_end(record if json_ else None, clf)
        finish_skipped(found.skipped, len(files))
        return
    size = None if at is None else at if at == "photo" else _value("at", at)
    batch = Batch(clf, files)
    names = Names(files, output, "activations")
    records = []
    for path, photo in batch.each(lambda photo: seewhy.activations(clf, photo, layer, size=size)):
        place = photo.save(names.of(path))
        strongest = photo.strongest()
        (channels, rows, columns) = photo.values.shape
        records.append(
            {"photo": str(path), "layer": photo.layer, "channels": channels, "grid": [rows, columns], "strongest": strongest}
            | {"largest": float(photo.values.max()), "output": str(place)}
        )
        if not json_:
            out.print(Text(f"{path}: {photo.layer}, {channels} channels of {rows}×{columns}; strongest {strongest} → {place}"))
    record = {"model": clf.name, "preprocessing": clf.describe_input(), "activations": records}
    _print_end(record if json_ else None, clf)
    batch.finish()


@app.command()
@spread
def dream(
    channels: Annotated[
        list[str], typer.Argument(metavar="CHANNEL", help="Class names or numbers; of a layer, its channels' numbers.")
    ],
    *,
    layer: Annotated[str | None, Option(help="A layer's name. Default: the class scores.")] = None,
    style: Annotated[str, Option(help="pyramid (as the plain algorithm gives it) or robust (worth looking at).")] = "pyramid",
    iterations: Annotated[int | None, Option(help="Steps at each level; robust: in all.")] = None,
    levels: Annotated[int, Option(help="Sizes, each larger than the one before.")] = 3,
    scale: Annotated[float, Option(help="From one size to the next.")] = 1.4,
    step: Annotated[float, Option(help="Length of a step, in grey levels.")] = 1.0,
    start: Annotated[str | None, Option(help="A photo to begin with instead of noise.")] = None,
    seed: Annotated[int, Option(help="For the noise.")] = 0,
    options: ModelOptions,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What does the network dream of? A picture that excites each class, or each channel of a layer, as much as possible."""
    clf = options.load()
    wanted = [int(one) if one.isdigit() else one for one in channels]
    place = Path(output or "dream.png")
    made = seewhy.deep_dream(
        clf,
        layer,
        channels=wanted,
        style=style,
        iterations=iterations,
        levels=levels,
        scale=scale,
        step=step,
        start=start,
        seed=seed,
        preview=place if place.suffix.lower() == ".png" else None,
    )
    made.save(place)
    record = {"model": clf.name, "preprocessing": clf.describe_input(), "output": str(place)} | made.record()
    if not json_:
        seen = [f", seen as {prediction}" for prediction in made.predictions] or [""] * len(made.names)
        for name, objective, said in zip(made.names, made.objectives, seen, strict=True):
            out.print(Text(f"{name}: {objective[0]:.3g} → {objective[-1]:.3g}{said}"))
        for note in made.notes:
            out.print(Text(f"  note: {note}"))
        out.print(Text(f"→ {place}"))
    _print_end(record if json_ else None, clf)


@app.command()
@spread
def embed(
    photos: Photos,
    *,
    layer: Annotated[str | None, Option(help="A layer's name, or scores. Default: the automatic layer.")] = None,
    labels: Annotated[
        str | None, Option(help="folder (each photo's folder is its class), or a file with one class a line.")
    ] = None,
    method: Annotated[str, Option("--method", "-m", help="tsne or pca.")] = "tsne",
    perplexity: Annotated[float | None, Option(help="Of t-SNE: how many neighbours count.")] = None,
    explain_with: Annotated[str, Option(help="The method of the explanations on an .html page.")] = "grad_cam",
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    options: ModelOptions,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """How do the photos lie in the network's feature space? A map of a folder; -o page.html makes it a page to click through."""
    clf = options.load()
    files = expand(photos)
    given = labels if labels in (None, "folder") else read_lines(labels)
    made = seewhy.embed(clf, files, layer, labels=given, method=method, perplexity=perplexity, seed=seed)
    place = Path(output or "embedding.png")
    if place.suffix.lower() == ".html":
        made.save(place, clf=clf, method=explain_with)
    else:
        made.save(place)
    record = {"model": clf.name, "preprocessing": clf.describe_input(), "output": str(place)} | made.record()
    if not json_:
        out.print(Text(f"{made} → {place}"))
        for note in made.notes:
            out.print(Text(f"  note: {note}"))
    _print_end(record if json_ else None, clf)
    finish_skipped(made.skipped, len(files))


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
    output: Annotated[str, Option("-o", "--output", help="Where the page is written.")] = "seewhy-demo.html",
    seed: Annotated[int | None, Option(help="Which scenes are drawn.")] = None,
) -> None:
    """A page that tells the story: networks that answer alike, and one of them only looks into a corner."""
    from seewhy.demo.story import SEED, page

    err.print("Drawing scenes and asking three networks: about half a minute ...")
    path = write_whole(Path(output), page(SEED if seed is None else seed).encode())
    out.print(Text(f"The story of three networks: {path.resolve()}"))


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


def _value(name: str, text: str | bool) -> Any:
    """``45,30`` -> (45, 30); ``0.5`` -> 0.5; anything else, and a layer's name, stays text."""
    if isinstance(text, bool) or name == "layer":
        return text
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1:
        return tuple(_value(name, part) for part in parts)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _describe(method: Any) -> dict[str, Any]:
    settings = {field.name: field.default for field in dataclasses.fields(method)}
    return {name: getattr(method, name) for name in ("name", "title", "summary", "cost", "source")} | {"settings": settings}
