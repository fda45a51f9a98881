"""``seewhy show``, and stores in place of photos."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hand_made_store import HandMadeRow, hand_made, spot
from PIL import Image
from stores import stored_answers

import seewhy
from seewhy.cli.showing import stores_of
from seewhy.errors import OptionError

Run = Callable[..., tuple[int, str, str]]

ANSWERS = [("cow", "cow"), ("cow", "bear"), ("bear", "bear"), ("sheep", "bear"), (None, "cow"), ("cow", "bear")]
NAMES = [f"{letter}/{number}.png" for number, letter in enumerate("aabbcc")]  # scores 0.500 to 0.505


@pytest.fixture
def store(tmp_path: Path) -> seewhy.Store:
    return stored_answers(tmp_path / "store", ANSWERS, NAMES)


def test_a_table_says_how_to_get_the_maps(run: Run, store: seewhy.Store) -> None:
    (code, out, _) = run("show", store.path, "--where", "wrong and score > 0.502")
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 0
    assert [line.split() for line in lines[:3]] == [
        ["photo", "label", "predicted", "score"],
        ["c/5.png", "cow", "bear", "0.505"],
        ["b/3.png", "sheep", "bear", "0.503"],
    ]
    assert lines[3:] == [
        "2 of 6 photos: wrong and score > 0.502",
        "Their maps: -o store.html writes one page, -o maps/ a picture of each.",
        "Model store-net; preprocessing: as they are",
    ]
    (_, out, _) = run("show", store.path, "--limit", 2, "--sort", "path")
    assert [line.split()[0] for line in out.splitlines()[1:3]] == NAMES[:2]
    assert "6 of 6 photos; these are 2 of them, sorted by path" in out
    assert run("show", store.path, "--where", "score > 1")[1].splitlines()[0] == "0 of 6 photos: score > 1"


def test_pictures_lie_as_the_photos_do(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    (code, out, _) = run("show", store.path, "--where", "label = cow and predicted = bear", "-o", "maps/", "--json")
    record = json.loads(out)
    assert (code, record["rows"], record["where"], record["model"]) == (0, 2, "label = cow and predicted = bear", "store-net")
    assert [photo["output"] for photo in record["photos"]] == ["maps/c/5.png", "maps/a/1.png"]
    assert [photo["score"] for photo in record["photos"]] == pytest.approx([0.505, 0.501])
    for photo in record["photos"]:
        with Image.open(tmp_path / photo["output"]) as picture:
            assert np.asarray(picture.convert("L")).std() > 10
    (code, _, _) = run("show", store.path, "--limit", 1, "-o", "one.npz")
    assert code == 0
    saved = seewhy.Explanation.load(tmp_path / "one.npz")
    assert np.array_equal(saved.maps, store[5].maps)
    assert saved.notes[0] == "true class: cow"


def test_one_page_of_all(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    (code, out, _) = run("show", store.path, "--where", "wrong", "-o", "wrong.html")
    page = (tmp_path / "wrong.html").read_text()
    assert (code, out.splitlines()[0]) == (0, "3 of 6 photos: wrong → wrong.html")
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        "c/5.png: cow, called bear (0.50)",
        "b/3.png: sheep, called bear (0.50)",
        "a/1.png: cow, called bear (0.50)",
    ]
    assert "<h1>wrong</h1>" in page
    assert "3 of 6 photos in the store ‘store’" in page
    assert "<title>wrong</title>" in page
    assert "<li>true class: sheep</li>" in page
    assert "another one" not in page  # the heading says so
    assert "0.png" not in page


def test_a_run_that_has_not_ended_says_so(run: Run, tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 0, 0.9999, {0: spot(1, 1)}), HandMadeRow(1, 0, 0.25, {0: spot(1, 1)})]
    hand_made(tmp_path / "part", rows, listed=6, shard_size=2)
    (_, out, _) = run("show", "part", "--where", "wrong")
    assert [line.rstrip() for line in out.splitlines()[2:4]] == ["1 of 2 photos: wrong", "2 of 6 photos; the run has not ended"]
    (_, out, _) = run("show", "part")
    assert [line.split()[-1] for line in out.splitlines()[1:3]] == ["1.000", "0.250"]
    (_, out, _) = run("show", "part", "-o", "part.html")
    assert "2 of 6 photos; the run has not ended" in out.splitlines()
    page = (tmp_path / "part.html").read_text()
    assert "<h1>All photos</h1>" in page
    assert "<p>2 of 2 photos in the store ‘part’. 2 of 6 photos; the run has not ended.</p>" in page
    assert json.loads(run("show", "part", "--json")[1])["complete"] is False
    hand_made(tmp_path / "whole", rows)
    assert "has not ended" not in run("show", "whole")[1]


def test_a_table_as_a_file(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    run("show", store.path, "--sort", "path", "-o", "rows.csv")
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["path"] for row in rows] == NAMES
    assert [row["label"] for row in rows] == ["cow", "cow", "bear", "sheep", "", "cow"]
    (code, out, _) = run("show", store.path, "--where", "wrong", "--sort", "path", "-o", "rows.json")
    assert (code, out.splitlines()[0]) == (0, "3 of 6 photos: wrong → rows.json")
    records = json.loads((tmp_path / "rows.json").read_text())
    assert [(one["path"], one["label"], one["predicted"], one["wrong"]) for one in records] == [
        ("a/1.png", "cow", "bear", True),
        ("b/3.png", "sheep", "bear", True),
        ("c/5.png", "cow", "bear", True),
    ]
    assert list(records[0]) == list(rows[0])


def test_what_cannot_be_shown(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    for arguments, message in (
        (["--where", "label = caw"], "This network has no class 'caw'. Did you mean 'cow' (1)? It has: bear, cow, sheep.\n"),
        (["--where", "scor > 1"], "--where 'scor > 1': 'scor' is no column. Did you mean 'score'?"),
        (["--sort", "skore"], "--sort skore: rows are sorted by number, path"),
        (["-m", "lime", "-o", "x.html"], "--method lime: the store has maps by grad_cam."),
        (["-o", "x.png"], "-o x.png: for 6 photos write .html, .csv, .json, or a folder.\n"),
        (["-o", "x.docx", "--limit", "1"], "-o x.docx: '.docx' is not one of"),
    ):
        (code, out, err) = run("show", store.path, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {message}")
        assert len(err.splitlines()) == 1
    (tmp_path / "empty").mkdir()
    assert run("show", "empty")[2].startswith("Error: There is no store in 'empty'")


def test_a_folder_of_photos_is_no_store(run: Run, store: seewhy.Store) -> None:
    error = (
        "Error: 'photos' is a folder of photos, not a store: seewhy run photos -o STORE makes one of them. Stores beside it: "
        "store.\n"
    )
    assert run("show", "photos", "--where", "wrong") == run("report", "photos") == (2, "", error)


def test_no_photo_is_written_over(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "photos").rglob("*.png")}
    (code, _, _) = run("show", store.path, "-o", "photos/")
    assert code == 0
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (tmp_path / "photos" / "a" / "0-2.png").is_file()


def test_photos_that_have_moved(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    notes = []
    for flags in ([], ["--photos", "elsewhere"]):
        run("show", store.path, "--limit", 1, "-o", "one.npz", *flags)
        notes.append(seewhy.Explanation.load(tmp_path / "one.npz").notes)
    assert [len(of_one) for of_one in notes] == [2, 1]
    assert notes[0][1] == "the photo is not there any more: its thumbnail from the store is shown"


def test_the_confusion_of_a_store(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    (code, out, _) = run("confusion", store.path, "-o", "confusion.json")
    record = json.loads((tmp_path / "confusion.json").read_text())
    assert (code, record["matrix"], record["unlabelled"]) == (0, [[1, 0, 0], [2, 1, 0], [1, 0, 0]], 1)
    lines = out.splitlines()
    assert lines[0] == "2 of 5 photos right (40 %). Left out: 1 without a label."
    assert f"Their maps: seewhy show {store.path} --where 'label = cow and predicted = bear' -o maps.html" in lines
    assert run("confusion", store.path)[0] == 0
    (code, out, _) = run("confusion", store.path, "--cell", "sheep,2")
    show = f"seewhy show {store.path} --where 'label = sheep and predicted = sheep' -o maps.html"
    assert (code, f"sheep recognised: 0 photos. Their maps: {show}" in out.splitlines()) == (0, True)
    assert "cow taken for bear: 2 photos." in run("confusion", store.path, "--cell", "cow,bear")[1]
    assert (tmp_path / "confusion.png").stat().st_size > 5000


def test_stores_before_and_after(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    stored_answers(tmp_path / "after", [(label, "cow") for label, _ in ANSWERS], NAMES, seed=1)
    (code, out, _) = run("compare", "store/", "after/", "-o", "change.csv")
    assert code == 0
    assert (
        "Right on 5 photos with a label: store 40 %, after 60 %; 1 was right and is wrong, 2 were wrong and are right, 1 is "
        in out
    )
    assert "gained: a/1.png (store bear | after cow): store bear (0.50); after cow (0.50); likeness of the maps –" in out
    assert out.splitlines()[-1].startswith("Models store-net and after-net; preprocessing: as they are")
    assert "both wrong: b/3.png (store bear | after cow): store bear (0.50); after cow (0.50); likeness of the maps –" in out
    assert "a/0.png" not in out  # nothing changed there
    assert "... and 2 more photos: a table (-o changes.csv) has them all" in out
    assert len((tmp_path / "change.csv").read_text().splitlines()) == 7
    (code, out, _) = run("compare", "store/", "after/", "--json", "-o", "change.json")
    record = json.loads(out)
    assert (record["columns"], record["change"]["gained"]) == (["store", "after"], [1, 5])


def test_of_many_photos_the_first_lines_are_printed(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        stored_answers(tmp_path / name, [("cow", "cow")] * 23)
    (_, out, _) = run("compare", "one", "two", "-o", "x.csv")
    assert sum(": one cow" in line for line in out.splitlines()) == 20
    assert "... and 3 more photos: a table (-o changes.csv) has them all" in out


def test_rows_of_a_store_are_chosen(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    assert run("confusion", "store", "--where", "path contains 'a/'")[1].startswith("1 of 2 photos right (50 %).")
    stored_answers(tmp_path / "after", ANSWERS, NAMES)
    (_, out, _) = run("compare", "store", "after", "--where", "path contains 'a/'", "-o", "x.csv")
    assert out.startswith("Right on 2 photos with a label: store 50 %, after 50 %;")
    error = "Error: --where wrong: rows are chosen of a store; these are photos.\n"
    assert run("confusion", "photos", "--where", "wrong") == run("compare", "photos", "--where", "wrong") == (2, "", error)


def test_an_embedding_of_a_store(run: Run, tmp_path: Path) -> None:
    for i, scene in enumerate(seewhy.demo.scenes(6, seed=2)):
        path = tmp_path / "photos" / scene.label / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path)
    assert run("run", "photos", "--model", "demo:honest", "--labels", "folders", "-m", "cam")[0] == 0
    (code, out, _) = run("embed", "store", "-o", "points.html")
    assert code == 0
    assert out.startswith("<Embedding tsne of 6 photos at block4: ")
    assert "What speaks for" in (tmp_path / "points.html").read_text()
    (_, out, _) = run("embed", "store", "--where", "number < 4", "-m", "pca", "-o", "points.json")
    assert "of 4 photos at block4" in out
    assert run("embed", "store", "-m", "pca", "-o", "points.json")[0] == 0
    assert len(json.loads((tmp_path / "points.json").read_text())["points"]) == 6


def test_what_is_said_beside_a_store(run: Run, store: seewhy.Store, tmp_path: Path) -> None:
    for arguments, message in (
        (
            ["embed", "store", "--model", "resnet50"],
            "--model: a store is read without the network, as it was made: leave it",
        ),
        (["embed", "store", "--no-crop"], "--crop: a store is read without the network"),
        (["embed", "store", "--layer", "relu"], "--layer: a store is read without"),
        (["confusion", "store", "--cell", "cow"], "--cell cow: write two classes, the true one and the predicted one: cow,bear."),
        (["confusion", "store", "--cell", "cow,bear", "--cell-output", "x"], "--cell-output: a store is read without"),
        (["compare", "store", "store", "-t", "cow"], "--target: a store is read without"),
        (["compare", "store", "store", "-m", "cam", "-m", "lime"], "2 --method: of stores the maps of one method are compared."),
        (["compare", "store"], "Stores are compared with stores"),
        (["confusion", "store", "store"], "2 stores: name one. seewhy compare takes several."),
        (["compare", "store", "photos"], "'store' is a store and 'photos' is none: name stores alone, or photos alone."),
    ):
        (code, _, err) = run(*arguments)
        assert code == 2
        assert err.startswith(f"Error: {message}"), err


def test_a_mistyped_store_is_named_before_a_network_is_loaded(
    run: Run, store: seewhy.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seewhy.load", None)
    for arguments in (["embed", "storr", "-o", "x.html"], ["confusion", "storr"], ["compare", "store", "storr"]):
        error = "Error: There is no photo, folder or store 'storr'. Did you mean 'store'?\n"
        assert run(*arguments) == (2, "", error)


def test_what_is_a_store(store: seewhy.Store, tmp_path: Path) -> None:
    assert [found.path for found in stores_of([str(store.path)])] == [store.path]
    assert stores_of([str(tmp_path / "photos"), "photo.jpg"]) == []
    with pytest.raises(OptionError, match=r"is a store and 'photo\.jpg' is none"):
        stores_of([str(store.path), "photo.jpg"])


def test_what_was_changed_is_shown_where_it_is_asked_for(run: Run, tmp_path: Path) -> None:
    red = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1, 0, 0))
    stored_answers(tmp_path / "store", [("cow", "cow"), ("cow", "bear"), ("cow", "bear"), ("cow", "sheep")], edits=(None, red))
    (_, out, _) = run("show", "store", "--sort", "path")
    lines = out.splitlines()
    assert lines[0] == "Left out: 2 rows of photos with something changed (--where 'edit is not null')."
    assert [line.split() for line in lines[2:4]] == [["0.png", "cow", "cow", "0.500"], ["1.png", "cow", "bear", "0.502"]]
    assert lines[4] == "2 of 2 photos"
    assert "2 of 4 rows: edit is not null" in run("show", "store", "--where", "edit is not null")[1]
    (_, out, _) = run("confusion", "store")
    assert "Their maps: seewhy show store --where 'label = cow and predicted = bear and edit is null' -o maps.html" in out
    assert out.startswith("1 of 2 photos right (50 %).")
    (_, out, _) = run("report", "store")
    assert out == "2 photos → report.html, report.json\n"
    numbers = json.loads((tmp_path / "report.json").read_text())
    assert (numbers["photos"], numbers["listed"], numbers["labelled"], numbers["right"]) == (2, 2, 2, 1)
    assert numbers["condition"] == "each photo once, as it is or with the first edit"
    run("report", "store", "--where", "predicted = sheep")
    assert json.loads((tmp_path / "report.json").read_text())["photos"] == 1


def test_the_rows_of_a_cell_are_those_that_were_counted(run: Run, tmp_path: Path) -> None:
    edits = [seewhy.edits.Fill(box=(0, 0, 1, 1), colour=colour) for colour in ((1, 0, 0), (0, 1, 0))]
    answers = [("cow", "cow"), ("cow", "bear"), ("cow", "bear"), ("cow", "bear")]
    store = stored_answers(tmp_path / "store", answers, edits=tuple(edits))
    (_, out, _) = run("confusion", "store")
    assert out.startswith("1 of 2 photos right (50 %).")
    (line,) = (line for line in out.splitlines() if "Their maps: " in line)
    condition = shlex.split(line)[shlex.split(line).index("--where") + 1]
    (row,) = store.where(condition).to_arrow(["path", "edit"]).to_pylist()
    assert (row["path"], json.loads(row["edit"])) == ("1.png", json.loads(json.dumps(edits[0].record())))


def test_pictures_of_somebody_else_s_store_stay_in_the_folder(
    run: Run, store: seewhy.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ["../../up/0.png", f"{tmp_path}/absolute/1.png", "a/../../2.png"]
    read = seewhy.Store.to_arrow

    def changed(of: seewhy.Store) -> pa.Table:
        rows = read(of)
        return rows.set_column(rows.column_names.index("path"), "path", pa.array([*paths, *NAMES[3:]]))

    monkeypatch.setattr(seewhy.Store, "to_arrow", changed)
    before = set(tmp_path.rglob("*"))
    (code, _, _) = run("show", store.path, "--sort", "number", "--ascending", "--limit", 3, "-o", tmp_path / "deep" / "maps")
    assert code == 0
    maps = tmp_path / "deep" / "maps"
    written = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert written == {maps / "up/0.png", Path(f"{maps}{tmp_path}/absolute/1.png"), maps / "a/2.png"}
