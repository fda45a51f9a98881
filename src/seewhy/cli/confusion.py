"""``seewhy confusion``: which classes are taken for which, and why the photos of one pair are."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.files import Batch, Names, check_output, expand, safe_name, write_table
from seewhy.cli.options import AsJson, ModelOptions, Photos, err, spread
from seewhy.cli.report import Report, print_explanation, quoted
from seewhy.cli.showing import WhereOfStore, refuse_for_stores, refuse_several, stores_of
from seewhy.confusion import Confusion, check_normalise
from seewhy.errors import Message, OptionError, PhotoError, SeewhyError, TargetError, setting
from seewhy.label_classes import class_index
from seewhy.labels import read_labels
from seewhy.methods.auto import AUTO

LABELS_HELP = (
    "folders (each photo's folder is its class), or a file: .csv or .json with each photo's class, else one class a line."
)

_PICTURE = "confusion.png"


@app.command()
@spread
def confusion(
    photos: Photos,
    *,
    labels: Annotated[str, Option(help=LABELS_HELP)] = "folders",
    normalise: Annotated[
        str | None,
        Option(help="true, predicted or all: also shares, of each true class's photos, of each predicted one's, or of all."),
    ] = None,
    cell: Annotated[
        str | None, Option(metavar="TRUE,PREDICTED", help="Explain the photos of TRUE that were taken for PREDICTED: cow,bear.")
    ] = None,
    cell_output: Annotated[
        str | None, Option(metavar="FOLDER", help="Where these maps are written. Default: confusion-TRUE-as-PREDICTED.")
    ] = None,
    where: WhereOfStore = None,
    method: Annotated[str, Option("--method", "-m", help="Of these maps, as in seewhy explain.")] = AUTO,
    options: ModelOptions,
    json_: AsJson = False,
    output: Annotated[
        str, Option("-o", "--output", "--out", help="One file: a picture (.png, .pdf ...), or the numbers (.csv, .json).")
    ] = _PICTURE,
) -> None:
    """Which classes are taken for which? A table, and a picture; with --cell, maps of the photos of one confusion. A store is
    counted without the network."""
    place = check_output(Path(output), Confusion.suffixes)
    if normalise is not None:
        check_normalise(normalise)
    if cell_output is not None and cell is None:
        raise OptionError(f"{setting('cell_output', cell_output)} needs {setting('cell')}: of which photos? Write cow,bear.")
    if stores := stores_of(photos, where):
        refuse_for_stores(options, {"labels": None if labels == "folders" else labels, "cell_output": cell_output})
        (store,) = refuse_several(stores)
        with Report(store, json_) as report:
            result = seewhy.confusion(store)
            asked = None if cell is None else _pair(result.class_names, cell)
            report.record |= {"output": str(place)} | result.record(normalise)
            _write(report, result, place, normalise, f"{store.model}  ·  {store.preprocessing}")
            pairs = [(one.true_index, one.predicted_index) for one in result.worst(1)] if asked is None else [asked]
            for true_class, predicted_class in pairs:
                cell_rows = _condition(store, true_class, predicted_class)
                condition = quoted(cell_rows if where is None else f"({where}) and {cell_rows}")
                names_of_cell = (store.classes[true_class], store.classes[predicted_class])
                what = "" if asked is None else f"{_cell_text(*names_of_cell, len(result.cell(*asked)))}. "
                report.line(f"{what}Their maps: seewhy show {quoted(photos[0])} --where {condition} -o maps.html")
            report.line(f"→ {place}")
        return
    files = _without_picture(expand(photos), output)
    paths = list(files)
    given = read_labels(labels, paths, root=_root(files))
    clf = options.load()
    true = given.indices(clf.class_names())
    labelled = [path for path, label in zip(paths, true, strict=True) if label is not None]
    if not labelled:
        raise TargetError(f"None of the {len(paths)} photos has a label in {given.source}: there is nothing to compare.")
    pair = None if cell is None else _pair(clf.class_names(), cell)
    names = None
    if pair is not None:
        seewhy.explain(clf, [], method=method)  # a method that does not fit is named before the work
        (first, second) = (clf.classes[index] for index in pair)
        folder = cell_output or f"confusion-{safe_name(first)}-as-{safe_name(second)}"
        names = Names(files, folder + os.sep, seewhy.Explanation.suffixes)

    with Report(clf, json_, len(files)) as report:
        for i in given.missing:
            report.skip(paths[i], f"no label in {given.source}")
        choices: dict[Path, seewhy.Prediction] = {}
        interrupt = _predict(Batch(clf, labelled, report), choices)
        if not choices:
            if interrupt is not None:
                raise interrupt
            raise PhotoError(f"None of the {len(labelled)} photos with a label can be read. The first: {report.first_reason}")
        predicted = [choices[path].index if path in choices else None for path in paths]
        result = seewhy.confusion(true, predicted, clf.class_names())
        report.record |= {"output": str(place), "labels": labels} | result.record(normalise)
        notes = [*given.unmatched_note, *given.index_note(clf.class_names()), *map(Message, clf.input_notes())]
        report.record["notes"] = notes
        report.record["photos"] = [
            {"photo": str(path), "label": None if label is None else clf.classes[label]} | _choice(choices.get(path))
            for path, label in zip(paths, true, strict=True)
        ]
        _write(report, result, place, normalise, f"{clf.name}  ·  {clf.describe_input()}")
        report.notes(notes)
        report.line(f"→ {place}")
        if interrupt is not None:
            raise KeyboardInterrupt(f": {len(choices)} of {len(labelled)} photos are counted")
        if pair is not None and names is not None:
            _explain_cell(report, clf, result, [paths[i] for i in result.cell(*pair)], pair, names, method)


def _root(files: dict[Path, Path]) -> Path:
    """The deepest folder that all places which were named lie in. files : with each its folder below the place."""
    return Path(os.path.commonpath([path.absolute().parents[len(folder.parts)] for path, folder in files.items()]))


def _condition(store: seewhy.Store, true: int, predicted: int) -> str:
    """Of seewhy show, for the photos of one cell: each once, as it was counted."""
    once = store.each_photo_once()
    kind = ""
    if 0 < len(once) < len(store):
        edit = once.to_arrow(["edit"])["edit"][0].as_py()
        kind = " and edit is null" if edit is None else f" and edit = '{edit}'"
    (label, choice) = (_quoted(store.classes, index) for index in (true, predicted))
    return f"label = {label} and predicted = {choice}{kind}"


def _quoted(names: Sequence[str], index: int) -> str:
    """A class in a condition of seewhy show, by its index where another one has its name."""
    name = names[index] if names.count(names[index]) == 1 else f"#{index}"
    return name if re.fullmatch(r"\w+", name) else f"'{name}'" if "'" not in name else f'"{name}"'


def _without_picture(files: dict[Path, Path], output: str) -> dict[Path, Path]:
    """The photos without the picture of an earlier run. Raises OptionError where a photo would be overwritten."""
    others = {path: folder for path, folder in files.items() if os.path.abspath(path) != os.path.abspath(output)}
    if len(others) < len(files) and (output != _PICTURE or not others):
        raise OptionError(f"-o {output}: that is one of the photos, and it would be lost; write another name.")
    return others


def _write(report: Report, result: Any, place: Path, normalise: str | None, footer: str) -> None:
    """The table as a picture, or its record, in its file; and its lines."""
    if place.suffix.lower() == ".json":
        write_table(place, report.record)
    else:
        result.save(place, normalise, footer=footer)
    for line in str(result).splitlines():
        report.line(line)


def _predict(batch: Batch, choices: dict[Path, seewhy.Prediction]) -> KeyboardInterrupt | None:
    """Fill ``choices`` with the network's first choice for every photo that can be read. Ctrl-C ends that, and is returned."""
    count = len(batch.files)
    try:
        # A terminal shows how far it is, anything else nothing.
        with err.status(f"0 of {count} photos") as status, contextlib.closing(batch.classify(1)) as classified:
            for path, predictions in classified:
                choices[path] = predictions[0]
                status.update(f"{len(choices)} of {count} photos")
    except KeyboardInterrupt as interrupt:
        return interrupt
    return None


def _choice(prediction: seewhy.Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"prediction": None, "score": None}
    return {"prediction": prediction.name, "score": prediction.score}


def _pair(names: Any, text: str) -> tuple[int, int]:
    """``cow,bear`` as two classes of ``names``, which may hold commas. Raises OptionError, TargetError."""
    parts = text.split(",")
    if len(parts) < 2:
        raise OptionError(f"{setting('cell', text)}: write two classes, the true one and the predicted one: cow,bear.")
    for cut in range(1, len(parts)):
        (true, predicted) = (",".join(parts[:cut]).strip(), ",".join(parts[cut:]).strip())
        try:
            return class_index(names, true, written=True), class_index(names, predicted, written=True)
        except SeewhyError:
            if len(parts) == 2:
                raise
    raise TargetError(f"{setting('cell', text)}: it cannot be parted into two classes of the network at one of its commas.")


def _cell_text(true: str, predicted: str, count: int) -> str:
    what = f"{true} taken for {predicted}" if true != predicted else f"{true} recognised"
    return f"{what}: {count} photo{'s' * (count != 1)}"


def _explain_cell(
    report: Report,
    clf: seewhy.Classifier,
    result: Confusion,
    paths: Sequence[Path],
    pair: tuple[int, int],
    names: Names,
    method: str,
) -> None:
    """A map for the true and one for the predicted class of every photo."""
    (true, predicted) = (clf.classes[index] for index in pair)
    explanations = report.record["explanations"] = []
    report.line(f"{_cell_text(true, predicted, len(paths))}{'' if paths else ', nothing to explain'}")
    batch = Batch(clf, paths, report)

    def with_roles(explanation: seewhy.Explanation) -> seewhy.Explanation:
        return result.with_roles(explanation, *pair)

    with contextlib.closing(batch.explain(names, {}, method, with_roles, target=list(dict.fromkeys(pair)))) as explained:
        for path, explanation, place in explained:
            if report.as_json:
                explanations.append(explanation.record() | {"photo": str(path), "output": str(place)})
            print_explanation(report, path, explanation, place)
