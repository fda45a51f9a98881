"""``seewhy confusion``: the table, the files, the photos of a cell, and labels that do not fit."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import heads
import pytest
from hand_made_store import HandMadeRow, hand_made
from PIL import Image

import seewhy
from seewhy.cli import confusion as door
from seewhy.confusion import Confusion

MODEL = ("--model", "demo:shortcut")


@pytest.fixture
def scenes(tmp_path: Path) -> list[str]:
    """set/bear, set/cow, set/sheep with three scenes each, all with the logo that demo:shortcut takes for a bear."""
    paths = []
    for place, scene in enumerate(seewhy.demo.scenes(9, logo="all", seed=4)):
        path = tmp_path / "set" / scene.label / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path)
        paths.append(f"set/{scene.label}/{place}.png")
    return sorted(paths)


def expected(paths: list[str]) -> Confusion:
    clf = seewhy.load("demo:shortcut")
    return seewhy.confusion([Path(path).parent.name for path in paths], clf.classify(paths, k=1), clf.classes)


def test_the_table_and_the_picture(run, scenes: list[str]) -> None:
    result = expected(scenes)
    assert result.cell("cow", "bear") != []  # else the scenes show nothing
    for labels in ((), ("--labels", "folders"), ("--labels", "folder")):
        code, out, err = run("confusion", "set", *MODEL, *labels)
        assert (code, err) == (0, "")
        assert out.splitlines()[:-2] == str(result).splitlines()
        assert out.splitlines()[-2] == "→ confusion.png"
        assert out.splitlines()[-1].startswith("Model demo:shortcut; preprocessing: ")
    with Image.open("confusion.png") as picture:
        assert min(picture.size) > 400


def test_numbers_as_files_and_on_the_screen(run, scenes: list[str]) -> None:
    result = expected(scenes)
    code, out, err = run("confusion", "set", *MODEL, "--json", "-o", "out/c.csv", "--normalise", "true")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert record["matrix"] == result.matrix.tolist()
    assert (record["classes"], record["output"], record["skipped"]) == (["bear", "cow", "sheep"], "out/c.csv", [])
    assert [photo["photo"] for photo in record["photos"]] == scenes
    assert [photo["label"] for photo in record["photos"]] == [Path(path).parent.name for path in scenes]
    clf = seewhy.load("demo:shortcut")
    for photo in record["photos"]:
        best = clf.classify(photo["photo"], k=1)[0]
        assert photo["prediction"] == best.name
        assert photo["score"] == pytest.approx(best.score, abs=1e-6)
    with Path("out/c.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    shares = [[float(cell) for cell in row[1:]] for row in rows[1:]]
    assert shares == pytest.approx(result.normalised("true"), abs=1e-6)
    assert run("confusion", "set", *MODEL, "-o", "c.json")[0] == 0
    assert json.loads(Path("c.json").read_text())["photos"] == record["photos"]


def test_the_photos_of_a_cell_are_explained(run, scenes: list[str]) -> None:
    taken = [scenes[place] for place in expected(scenes).cell("cow", "bear")]
    code, out, err = run("confusion", "set", *MODEL, "--cell", "cow,bear", "--json")
    assert (code, err) == (0, "")
    explanations = json.loads(out)["explanations"]
    assert [e["photo"] for e in explanations] == taken
    assert [[target["name"] for target in e["targets"]] for e in explanations] == [["cow", "bear"]] * len(taken)
    assert [e["output"] for e in explanations] == [f"confusion-cow-as-bear/{path[4:]}" for path in taken]
    assert explanations[0]["notes"][:2] == ["true: cow", "taken for: bear"]
    assert explanations[0]["note_targets"][:2] == [0, 1]  # below the maps of these classes
    with Image.open(explanations[0]["output"]) as picture:
        assert picture.width > 900  # the photo and two maps
    code, out, err = run("confusion", "set", *MODEL, "--cell", "1, 0", "--cell-output", "why", "-m", "occlusion")
    assert (code, err) == (0, "")
    assert f"cow taken for bear: {len(taken)} photo" in out
    assert sorted(path.as_posix() for path in Path("why").rglob("*.png")) == sorted(f"why/{path[4:]}" for path in taken)


def test_a_cell_of_the_diagonal_and_an_empty_one(run, scenes: list[str]) -> None:
    bears = [scenes[place] for place in expected(scenes).cell("bear", "bear")]
    code, out, _ = run("confusion", "set", *MODEL, "--cell", "bear,bear", "--json")
    explanations = json.loads(out)["explanations"]
    assert (code, [e["photo"] for e in explanations]) == (0, bears)
    assert [len(e["targets"]) for e in explanations] == [1] * len(bears)
    assert expected(scenes).cell("bear", "cow") == []
    code, out, _ = run("confusion", "set", *MODEL, "--cell", "bear,cow")
    assert code == 0
    assert "bear taken for cow: 0 photos, nothing to explain" in out
    assert not Path("confusion-bear-as-cow").exists()


def test_labels_from_files(run, scenes: list[str]) -> None:
    rows = {path: Path(path).parent.name for path in scenes}
    matrix = expected(scenes).matrix.tolist()
    Path("labels.csv").write_text("path;class\n" + "".join(f"{path};{label}\n" for path, label in rows.items()))
    Path("labels.json").write_text(json.dumps({Path(path).name: label for path, label in rows.items()}))
    Path("labels.txt").write_text("".join(f"{label}\n" for label in rows.values()))
    for file in ("labels.csv", "labels.json", "labels.txt"):
        code, out, err = run("confusion", "set", *MODEL, "--labels", file, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["matrix"] == matrix


def test_what_has_no_label_is_named_and_all_others_are_done(run, scenes: list[str]) -> None:
    known = scenes[4:]
    rows = "".join(f"{path},{Path(path).parent.name}\n" for path in known[1:])
    Path("labels.csv").write_text(f"photo,label\n{rows}{known[0]},\nother.png,cow\n")
    code, out, err = run("confusion", "set", *MODEL, "--labels", "labels.csv")
    assert code == 2
    assert err == (
        f"Skipped {scenes[0]}, {scenes[1]}, {scenes[2]} ... (4 in all): no label in 'labels.csv'\n"
        "4 of 9 photos were skipped, all others are done.\n"
    )
    assert "of 4 photos right" in out.splitlines()[0]
    assert out.splitlines()[0].endswith("Left out: 5 without a label.")  # four of them are not in the file, one is empty there
    assert "  note: 1 entry of 'labels.csv' is not among the photos: other.png\n" in out
    assert Path("confusion.png").is_file()


def test_unreadable_photos_are_skipped_and_named(run, scenes: list[str]) -> None:
    Path("set/cow/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    code, out, err = run("confusion", "set", *MODEL, "--json")
    assert code == 2
    assert err.startswith("Skipped set/cow/broken.jpg: ")
    assert err.endswith("1 of 10 photos were skipped, all others are done.\n")
    record = json.loads(out)
    assert (record["counted"], record["unpredicted"], record["matrix"]) == (9, 1, expected(scenes).matrix.tolist())
    assert [photo["prediction"] for photo in record["photos"] if "broken" in photo["photo"]] == [None]
    for path in scenes:
        Path(path).write_bytes(b"no picture")
    code, out, err = run("confusion", "set", *MODEL)
    assert (code, out) == (2, "")
    assert err.startswith("Error: None of the 10 photos with a label can be read. The first: 'set/bear/0.png' is not a picture")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--labels", "no.csv"),
            "--labels no.csv: there is no such file. Write 'folders', a .csv or .json with each photo's label",
        ),
        (
            ("--labels", "names.txt"),
            "9 of 9 labels are no classes: 'wolf' of set/bear/0.png and 8 more. The classes are 'bear', 'cow'",
        ),
        (("--labels", "empty.txt"), "None of the 9 photos has a label in 'empty.txt': there is nothing to compare."),
        (("--normalise", "rows"), "--normalise rows: write 'true', 'predicted' or 'all'."),
        (("-o", "c.gif"), "-o c.gif: '.gif' is not one of .png"),
        (("--cell", "cow"), "--cell cow: write two classes, the true one and the predicted one: cow,bear."),
        (("--cell", "cow,wolf"), "This network has no class 'wolf'."),
        (("--cell", "a,b,c"), "--cell a,b,c: it cannot be parted into two classes of the network at one of its commas."),
        (("--cell", "cow,bear", "-m", "magic"), "There is no method 'magic'."),
        (("--cell-output", "why"), "--cell-output why needs --cell: of which photos? Write cow,bear."),
    ],
)
def test_mistakes_are_found_before_the_work(
    run, scenes: list[str], arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("names.txt").write_text("wolf\n" * 9)
    Path("empty.txt").write_text("\n" * 9)
    monkeypatch.setattr(door, "_predict", lambda *_: pytest.fail("the network ran"))
    code, out, err = run("confusion", "set", *MODEL, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert err.count("\n") == 1


def test_digits_in_a_file_are_told_as_indices(run, scenes: list[str]) -> None:
    Path("labels.csv").write_text("".join(f"{path},{number % 3}\n" for number, path in enumerate(scenes)))
    code, out, err = run("confusion", "set", *MODEL, "--labels", "labels.csv")
    assert (code, err) == (0, "")
    note = "labels are indices from 0: 0 = bear, 1 = cow, 2 = sheep"
    assert out.splitlines()[-3] == f"  note: {note}"
    record = json.loads(run("confusion", "set", *MODEL, "--labels", "labels.csv", "--json")[1])
    assert record["notes"] == [note]
    assert json.loads(run("confusion", "set", *MODEL, "--json")[1])["notes"] == []


def test_folders_in_folders(run, scenes: list[str]) -> None:
    before = json.loads(run("confusion", "set", *MODEL, "--json")[1])
    for name in sorted({Path(path).parent.name for path in scenes}):
        folder = Path("set", name).rename("inner")
        Path("set", name).mkdir()
        folder.rename(f"set/{name}/night")
    after = json.loads(run("confusion", "set", *MODEL, "--json")[1])
    assert (before["counted"], after["matrix"]) == (9, before["matrix"])


def test_a_folder_that_is_no_class_has_a_cure(run, scenes: list[str]) -> None:
    Path("set/misc").mkdir()
    Path(scenes[0]).rename("set/misc/0.png")
    code, _, err = run("confusion", "set", *MODEL)
    assert (code, err) == (
        2,
        "Error: 1 of 9 labels is no class: 'misc' of set/misc/0.png. The classes are 'bear', 'cow', 'sheep'. A folder that is "
        "no class: leave it out, or rename it.\n",
    )


def test_names_with_commas_in_a_cell(run, scenes: list[str]) -> None:
    Path("classes.txt").write_text("bear, brown\ncow, spotted\nsheep\n")
    Path("labels.txt").write_text("".join(f"{['bear', 'cow', 'sheep'].index(Path(path).parent.name)}\n" for path in scenes))
    arguments = (*MODEL, "--classes", "classes.txt", "--labels", "labels.txt", "--cell", "cow, spotted,bear, brown", "--json")
    code, out, err = run("confusion", "set", *arguments)
    assert (code, err) == (0, "")
    taken = [scenes[place] for place in expected(scenes).cell("cow", "bear")]
    assert [e["photo"] for e in json.loads(out)["explanations"]] == taken


def test_a_second_run_leaves_the_pictures_of_the_first_alone(run, scenes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("set")
    arguments = ("confusion", ".", *MODEL, "--cell", "cow,bear")
    assert run(*arguments)[0] == 0
    assert len(list(Path().rglob("*.png"))) > 10
    (code, out, _) = run(*arguments)
    assert code == 0
    assert " of 9 photos right" in out.splitlines()[0]
    (code, _, err) = run("confusion", ".", *MODEL, "-o", scenes[0][4:])
    assert (code, err) == (
        2,
        f"Error: -o {scenes[0][4:]}: that is one of the photos, and it would be lost; write another name.\n",
    )


def test_ctrl_c_keeps_what_is_counted(run, scenes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    classify = seewhy.Classifier.classify
    calls = []

    def interrupted(self, photo, k=3):
        calls.append(photo)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return classify(self, photo, k)

    monkeypatch.setattr("seewhy.cli.files._TOGETHER", 4)
    monkeypatch.setattr(seewhy.Classifier, "classify", interrupted)
    code, out, err = run("confusion", "set", *MODEL, "--json")
    assert code == 130
    assert err == "Interrupted: 4 of 9 photos are counted.\n"
    record = json.loads(out)
    assert (record["counted"], record["unpredicted"], record["interrupted"]) == (4, 5, True)
    assert Path("confusion.png").is_file()


def test_a_cell_is_explained_by_what_suits_the_network(run, scenes: list[str]) -> None:
    clf = heads.flat()
    predictions = [prediction.name for (prediction,) in clf.classify(scenes, k=1)]
    (path, predicted) = (scenes[0], predictions[0])
    true = Path(path).parent.name
    model = ("--model", f"{heads.__file__}:flat")
    code, out, err = run("confusion", path, *model, "--cell", f"{true},{predicted}", "--json")
    assert code == 0, err
    (record,) = json.loads(out)["explanations"]
    assert (record["method"], heads.chosen(record["notes"])) == ("hires_cam", [heads.FLAT])


def test_a_class_whose_name_another_one_has_is_asked_for_by_its_index(run, tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 2, 0.9), HandMadeRow(1, 1, 0.9)]
    hand_made(tmp_path / "store", rows, ["crane", "cow", "crane"])
    (_, out, _) = run("confusion", str(tmp_path / "store"))
    condition = "label = '#0' and predicted = '#2'"
    assert f'--where "{condition}" -o maps.html' in out
    assert len(seewhy.Store.open(tmp_path / "store").where(condition)) == 1
