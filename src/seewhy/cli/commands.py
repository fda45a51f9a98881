"""The commands. ``explain``'s flags come from the methods' fields, so a new method needs nothing here."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.confusion import LABELS_HELP
from seewhy.cli.examining import Examined, explain_by_methods, refuse_beside_methods, refuse_for_volumes
from seewhy.cli.files import NUMBERS, TABLES, Batch, Names, check_output, expand, safe_name, write_table
from seewhy.cli.options import (
    AsJson,
    ModelOptions,
    Output,
    Photos,
    err,
    out,
    size_of,
    spread,
    targets_of,
)
from seewhy.cli.report import Report, print_explanation
from seewhy.cli.settings import ExplainCommand, MethodOptions, settings_of, settings_of_any, with_default
from seewhy.cli.showing import WhereOfStore, refuse_for_stores, refuse_several, stores_of
from seewhy.compare import Comparison
from seewhy.errors import Message, OptionError
from seewhy.features import Activations, Dream, Embedding, Extremes
from seewhy.methods.auto import AUTO, TAKEN

_KNOW_WHEN_STABLE = ", ".join(name for name, method in seewhy.METHODS.items() if method.knows_when_stable)


@app.command()
@spread
def classify(
    photos: Photos,
    options: ModelOptions,
    k: Annotated[int, Option("--top", "-k", help="How many classes.")] = 3,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What is it? The most probable classes of each photo. -o writes a table (.csv or .json)."""
    files = expand(photos)
    table = None if output is None else check_output(Path(output), TABLES)
    clf = options.load()
    with Report(clf, json_, len(files)) as report:
        rows = report.record["photos"] = []
        of_all = [Message(note) for note in clf.input_notes()]

        def answer(path: Path) -> tuple[Any, list[seewhy.Prediction]]:
            photo = clf.read(path)
            return photo, clf.classify(photo, k=k)

        for path, (photo, predictions) in Batch(clf, list(files), report).each(answer):
            notes = [Message(note) for note in photo.notes if note not in of_all]
            rows.append({"photo": str(path), "predictions": [dataclasses.asdict(p) for p in predictions], "notes": notes})
            report.line(f"{path}: {'; '.join(str(p) for p in predictions)}")
            report.notes(notes)
        report.record["notes"] = of_all
        report.notes(of_all)
        if table is not None:
            write_table(table, report.record)


@app.command(cls=ExplainCommand)
@spread
def explain(
    photos: Photos,
    *,
    method: Annotated[
        list[str] | None,
        Option(
            "--method",
            "-m",
            help=f"One of {', '.join(seewhy.METHODS)}, or auto, the default: what suits the network. Repeated: side by side.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        Option("--target", "-t", help="A class, an index (3, or #3 where a class is called 3), top1, top3, present. Repeatable."),
    ] = None,
    against: Annotated[
        str | None, Option(help="Why the target and not this class? A class, an index, or top2: each photo's second choice.")
    ] = None,
    settings: MethodOptions,  # type: ignore[valid-type]
    options: ModelOptions,
    check: Annotated[bool, Option("--check", help="Does the map hold? A test of a few seconds, told in the notes.")] = False,
    crop_test: Annotated[
        bool,
        Option(
            "--crop-test", help="Take the strongest evidence away and classify again; a second picture shows the first target."
        ),
    ] = False,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    budget: Annotated[
        str | None, Option(help=f"Per photo: forward passes (200), seconds (20s), or auto ({_KNOW_WHEN_STABLE}).")
    ] = None,
    cmap: Annotated[str | None, Option(help="A colormap, such as jet.")] = None,
    alpha: Annotated[float | None, Option(help="Opacity of the map, 0 to 1.")] = None,
    form: Annotated[
        str | None, Option("--format", help="Of the files in a folder: png (default), npz, json, html, jpg, pdf, svg.")
    ] = None,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """Why? A picture per photo: the original beside a map for each target."""
    files = expand(photos)
    if method and len(method) > 1:
        names = Names(files, output, Comparison.suffixes, form)
        refuse_beside_methods({"check": check, "crop_test": crop_test, "cmap": cmap, "alpha": alpha})
        clf = options.load()
        refuse_for_volumes(clf, {"method": method})
        other = None if against is None else targets_of(clf, [against])[0]
        shared = {"seed": seed, "budget": budget, "against": other}
        explain_by_methods(files, names, method, target or ["top1"], settings_of_any(method, settings) | shared, clf, json_)
        return
    (name,) = method or [AUTO]
    method_settings = settings_of_any(TAKEN, settings) if name == AUTO else settings_of(name, settings)
    names = Names(files, output, seewhy.Explanation.suffixes, form)
    style = {name: value for name, value in (("cmap", cmap), ("alpha", alpha)) if value is not None}
    style = {} if names.suffix in NUMBERS else style
    clf = options.load()
    refuse_for_volumes(clf, {"check": check, "crop_test": crop_test})
    targets = targets_of(clf, target) if target else "top1"
    other = None if against is None else targets_of(clf, [against])[0]
    with Report(clf, json_, len(files)) as report:
        explanations = report.record["explanations"] = []
        batch = Batch(clf, list(files), report)
        examined = Examined(clf, check, crop_test, seed)
        common = {"target": targets, "against": other, "seed": seed, "budget": budget}
        explained = batch.explain(names, style, name, examined.one, **common, **method_settings)
        with contextlib.closing(explained):
            for path, explanation, place in explained:
                if json_:  # else nobody reads them, however many photos there are
                    explanations.append(explanation.record() | {"photo": str(path), "output": str(place)})
                print_explanation(report, path, explanation, place)
                examined.save(place, report)


@app.command()
@spread
def layers(
    options: ModelOptions,
    photo: Annotated[str | None, typer.Argument(help="A photo, where the grids depend on it.")] = None,
    json_: AsJson = False,
) -> None:
    """Which layers can be explained, and which one is taken when none is named."""
    clf = options.load()
    if photo is None and clf.input_size is None:
        raise OptionError("The layers' grids depend on the volume: name one, as in seewhy layers scan.npy.")
    all_layers = clf.layers(photo)
    if json_:
        print(json.dumps([dataclasses.asdict(layer) for layer in all_layers], indent=1))
        return
    sides = "slices × rows × columns" if clf.dimensions == 3 else "rows × columns"
    table = Table(Column("layer", no_wrap=True, overflow="fold"), "kind", sides, "channels", "", box=None, pad_edge=False)
    for layer in all_layers:
        grid = " × ".join(map(str, layer.grid))
        style = "bold" if layer.automatic else None
        table.add_row(
            Text(layer.name), layer.kind, grid, str(layer.channels), "← automatic" if layer.automatic else "", style=style
        )
    with Report(clf, json_):
        out.print(table)


@app.command()
@spread
def activations(
    photos: Photos,
    *,
    layer: Annotated[str | None, Option(help="A layer's name (seewhy layers lists them). Default: the automatic one.")] = None,
    channel: Annotated[int | None, Option(help="Of several photos: which of them excite this channel most, and least.")] = None,
    target: Annotated[
        str | None, Option("--target", "-t", help="Of several photos: which have the highest and lowest scores of this class.")
    ] = None,
    k: Annotated[int, Option("--count", "-k", help="With --channel or --target: how many photos of each.")] = 5,
    at: Annotated[str | None, Option(help="photo (its own size) or ROWS,COLUMNS: larger inputs give larger grids.")] = None,
    options: ModelOptions,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """What does a layer see? Its channels as one picture; with --channel, the photos of a folder that excite it most."""
    files = expand(photos)
    if channel is not None or target is not None:
        place = Path(output or (f"channel-{channel}.png" if target is None else f"class-{safe_name(target)}.png"))
        check_output(place, Extremes.suffixes)
        clf = options.load()
        with Report(clf, json_, len(files)) as report:
            of_class = None if target is None else targets_of(clf, [target])[0]
            extremes = seewhy.extremes(clf, list(files), layer=layer, channel=channel, k=k, target=of_class)
            report.record |= {"output": str(extremes.save(place))} | extremes.record()
            for name, reason in extremes.skipped:
                report.skip(name, reason)
            report.line(f"{extremes} → {place}")
        return
    names = Names(files, output, Activations.suffixes)
    size = at if at == "photo" else size_of(at, "--at", "photo, ")
    clf = options.load()
    with Report(clf, json_, len(files)) as report:
        rows = report.record["activations"] = []
        batch = Batch(clf, list(files), report)
        for path, seen in batch.each(lambda path: seewhy.activations(clf, path, layer, size=size)):
            picture = seen.save(names.of(path, "activations", seen.layer))
            strongest = seen.strongest()
            (channels, height, width) = seen.values.shape
            rows.append(
                {"photo": str(path), "layer": seen.layer, "channels": channels, "grid": [height, width], "strongest": strongest}
                | {"largest": float(seen.values.max()), "output": str(picture)}
            )
            report.line(f"{path}: {seen.layer}, {channels} channels of {height}×{width}; strongest {strongest} → {picture}")


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
    place = check_output(Path(output or "dream.png"), Dream.suffixes)
    clf = options.load()
    numbers = [int(text) if text.isdecimal() else text for text in channels]
    with Report(clf, json_) as report:
        pictures = seewhy.deep_dream(
            clf,
            layer,
            channels=targets_of(clf, channels) if layer is None else numbers,
            style=style,
            iterations=iterations,
            levels=levels,
            scale=scale,
            step=step,
            start=start,
            seed=seed,
            preview=place if place.suffix.lower() == ".png" else None,
        )
        report.record |= {"output": str(pictures.save(place))} | pictures.record()
        seen_as = [f", seen as {prediction}" for prediction in pictures.predictions] or [""] * len(pictures.names)
        for name, objective, prediction in zip(pictures.names, pictures.objectives, seen_as, strict=True):
            report.line(f"{name}: {objective[0]:.3g} → {objective[-1]:.3g}{prediction}")
        report.notes(pictures.notes)
        report.line(f"→ {place}")


@app.command()
@spread
def embed(
    photos: Photos,
    *,
    layer: Annotated[str | None, Option(help="A layer's name, or scores. Default: the automatic layer.")] = None,
    labels: Annotated[str | None, Option(help=LABELS_HELP)] = None,
    method: Annotated[str, Option("--method", "-m", help="tsne or pca.")] = "tsne",
    perplexity: Annotated[float | None, Option(help="Of t-SNE: how many neighbours count.")] = None,
    explain_with: Annotated[str, Option(help="The method of the explanations on an .html page.")] = AUTO,
    where: WhereOfStore = None,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    options: ModelOptions,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """How are photos arranged in the network's feature space? A map of a folder, or of a store without the network; -o page.html
    is a page to click through."""
    place = check_output(Path(output or "embedding.png"), Embedding.suffixes)
    if stores := stores_of(photos, where):
        refuse_for_stores(options, {"layer": layer, "labels": labels})
        (store,) = refuse_several(stores)
        with Report(store, json_) as report:
            embedding = seewhy.embed(store, method=method, perplexity=perplexity, seed=seed)
            _save_embedding(report, embedding, place, store, explain_with)
        return
    files = expand(photos)
    clf = options.load()
    with Report(clf, json_, len(files)) as report:
        embedding = seewhy.embed(clf, list(files), layer, labels=labels, method=method, perplexity=perplexity, seed=seed)
        _save_embedding(report, embedding, place, clf, explain_with)
        for name, reason in embedding.skipped:
            report.skip(name, reason)


def _save_embedding(report: Report, embedding: Embedding, place: Path, source: Any, method: str) -> None:
    """source : of the explanations on a page, the network or a store."""
    if place.suffix.lower() == ".html":
        embedding.save(place, clf=source, method=method)
    else:
        embedding.save(place)
    report.record |= {"output": str(place)} | embedding.record()
    report.line(f"{embedding} → {place}")
    report.notes(embedding.notes)


@app.command()
@spread
def methods(json_: AsJson = False) -> None:
    """What every method computes, what it costs, and its settings."""
    if json_:
        print(json.dumps([_describe(method) for method in seewhy.METHODS.values()], indent=1))
        return
    for name, method in seewhy.METHODS.items():
        out.print(Text(f"{name}  {method.title}", style="bold"))
        out.print(Text(f"  {method.summary}"))
        out.print(Text(f"  Cost: {method.cost}. Source: {method.source}."))
        out.print(Text(f"  Settings: {' '.join(with_default(name, field) for field in dataclasses.fields(method))}\n"))


@app.command()
@spread
def demo(
    output: Annotated[str, Option("-o", "--output", "--out", help="Where the page is written.")] = "seewhy-demo.html",
    seed: Annotated[int | None, Option(help="Which scenes are drawn.")] = None,
) -> None:
    """A page that tells the story: networks that answer alike, and one of them only looks into a corner."""
    place = check_output(Path(output), (".html",))
    err.print("Drawing scenes and asking three networks: about half a minute ...")
    out.print(Text(f"The story of three networks: {seewhy.demo.write_story(place, seed).resolve()}"))


def _describe(method: Any) -> dict[str, Any]:
    settings = {field.name: field.default for field in dataclasses.fields(method)}
    return {name: getattr(method, name) for name in ("name", "title", "summary", "cost", "source")} | {"settings": settings}
