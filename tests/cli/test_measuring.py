"""``seewhy evaluate`` and ``seewhy compare``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import heads
import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import save_file
from torch import nn

import seewhy
from seewhy.cli.measuring import _preprocessing, _tables
from seewhy.evaluate import METRICS


def test_evaluate_prints_a_table_beside_noise_and_a_blob(run, photos: Path) -> None:
    code, out, err = run("evaluate", photos / "a.png", "-m", "grad_cam", "-m", "hires_cam", "--steps", 6)
    assert code == 0, err
    assert "1 photo: the map (random map, centre blob)" in out
    assert "deletion area" in out
    assert "less is better" in out
    lines = [line for line in out.splitlines() if line.strip().startswith(("grad_cam", "hires_cam"))]
    clf = seewhy.load("demo:honest")
    value = seewhy.evaluate(clf, seewhy.explain(clf, photos / "a.png"), steps=6).values["deletion"]
    assert f"{value:.3g}" in lines[0]


def test_evaluate_writes_means_over_photos_and_names_what_it_skipped(run, photos: Path) -> None:
    code, out, err = run("evaluate", photos, "--metric", "deletion", "--steps", 4, "-o", "t.csv", "--json")
    assert code == 2
    assert "broken.jpg" in err
    record = json.loads(out)
    (row,) = csv.DictReader(Path("t.csv").read_text().splitlines())
    _, text, _ = run("evaluate", photos, "--metric", "deletion", "--steps", 4)
    assert text.startswith("2 photos: the map ± standard error of the mean (random map, centre blob)\n")
    values = [photo["values"]["deletion"] for photo in record["evaluations"]]
    assert len(values) == 2
    assert float(row["map"]) == pytest.approx(np.mean(values))
    assert float(row["standard_error"]) == pytest.approx(np.std(values, ddof=1) / 2**0.5)
    assert (row["method"], row["metric"], row["photos"]) == ("grad_cam", "deletion", "2")


def test_evaluate_says_how_long_all_maps_take_and_not_how_long_each(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seewhy.engine.runner._LONG", 0)
    command = ("evaluate", photos / "a.png", "-m", "grad_cam", "--steps", 2)
    assert "Evaluation: 9 forward passes, about" in run(*command)[2]
    (code, _, err) = run(*command, "-m", "gradient")
    assert code == 0
    assert "Evaluation of maps: 1 of 2 are done, all of them take about" in err
    assert "forward passes" not in err


def test_evaluate_with_masks(run, photos: Path) -> None:
    (scene, *_) = seewhy.demo.scenes(2, seed=11)
    Path("masks").mkdir()
    Image.fromarray((scene.animal * 255).astype(np.uint8)).save("masks/a.png")
    code, out, _ = run("evaluate", photos / "a.png", "--masks", "masks", "--metric", "energy", "--metric", "pointing", "--json")
    if not scene.animal.any():
        assert code == 2
        return
    assert code == 0
    (row,) = json.loads(out)["evaluations"]
    clf = seewhy.load("demo:honest")
    expected = seewhy.evaluate(clf, seewhy.explain(clf, photos / "a.png"), ["energy"], mask=scene.animal).values["energy"]
    assert row["values"]["energy"] == pytest.approx(expected, abs=1e-6)
    code, _, err = run("evaluate", photos / "a.png", "--masks", "nowhere", "--metric", "energy")
    assert code == 2
    assert err == "Error: --masks nowhere: there is no such folder; it holds a .png for each photo, white on the object.\n"


def with_masks(folder: Path, names: Sequence[str]) -> list[seewhy.demo.Scene]:
    """Photos with an animal each in the folder, and their masks in mk."""
    scenes = [scene for scene in seewhy.demo.scenes(20, seed=3) if scene.animal.any()][: len(names)]
    for name, scene in zip(names, scenes, strict=True):
        for place, pixels in ((folder / name, scene.photo), (Path("mk") / name, scene.animal.astype(np.uint8) * 255)):
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place)
    return scenes


def test_a_photo_whose_mask_cannot_be_used_is_skipped(run) -> None:
    scenes = with_masks(Path("meadow"), ["a.png", "b.png", "c.png", "d.png", "e.png"])
    Image.fromarray(np.zeros_like(scenes[1].photo)).save("mk/b.png")
    Image.fromarray(np.full((4, 5), 255, np.uint8)).save("mk/c.png")
    Path("mk/d.png").unlink()
    Path("mk/e.png").write_bytes(b"no picture")
    code, out, err = run("evaluate", "meadow", "--metric", "energy", "--masks", "mk", "--json")
    assert code == 2
    record = json.loads(out)
    assert [row["photo"] for row in record["evaluations"]] == ["meadow/a.png"]
    assert record["summary"][0]["photos"] == 1
    reasons = {file["photo"]: file["reason"] for file in record["skipped"]}
    (height, width) = scenes[2].animal.shape
    assert reasons == {
        "meadow/b.png": "--masks: 'mk/b.png': The mask is empty: every map would score the same. Mark the object, and nothing "
        "else.",
        "meadow/c.png": f"--masks: 'mk/c.png' has 5×4 pixels, its photo {width}×{height}: make it {width}×{height} pixels "
        "(width × height).",
        "meadow/d.png": "--masks: 'mk/d.png' cannot be read (No such file or directory): one .png for each photo.",
        "meadow/e.png": "--masks: 'mk/e.png' cannot be read (no picture): one .png for each photo.",
    }
    assert err.endswith("4 of 5 photos were skipped, all others are done.\n")


def test_photos_of_one_name_have_masks_of_their_own(run) -> None:
    scenes = with_masks(Path("meadow"), ["a.png", "deeper/a.png"])
    clf = seewhy.load("demo:honest")
    expected = [seewhy.evaluate(clf, seewhy.explain(clf, s.photo), ["energy"], mask=s.animal).values["energy"] for s in scenes]
    for photos in (["meadow"], ["meadow/a.png", "meadow/deeper/a.png"]):
        code, out, err = run("evaluate", *photos, "--metric", "energy", "--masks", "mk", "--json")
        assert code == 0, err
        assert [row["values"]["energy"] for row in json.loads(out)["evaluations"]] == pytest.approx(expected, abs=1e-6)
    Path("mk/deeper/a.png").unlink()
    code, _, err = run("evaluate", "meadow", "--metric", "energy", "--masks", "mk", "--model", "nowhere")
    assert code == 2
    assert err == (
        "Error: --masks mk: 'meadow/a.png' and 'meadow/deeper/a.png' would share 'mk/a.png': put each mask into a folder named "
        "like its photo's, or rename a photo.\n"
    )


def test_what_is_named_twice_counts_once(run, photos: Path) -> None:
    metrics = ("--metric", "deletion", "--metric", "deletion")
    code, out, err = run("evaluate", photos / "a.png", "-m", "grad_cam", "-m", "grad_cam", *metrics, "--steps", 4)
    assert code == 0, err
    assert out.startswith("1 photo: the map")
    assert out.count("deletion area") == 1
    assert "±" not in out


def test_the_table_is_named_where_it_is_written(run, photos: Path) -> None:
    code, out, err = run("evaluate", photos / "a.png", "--metric", "deletion", "--steps", 2, "-o", "ev.csv")
    assert code == 0, err
    assert out.splitlines()[-2] == "→ ev.csv"
    assert Path("ev.csv").exists()
    _, help_, _ = run("evaluate", "--help")
    assert "One table of all photos, .csv or .json" in " ".join(help_.replace("│", " ").split())
    run("evaluate", photos / "broken.jpg", "-o", "none.csv")
    assert not Path("none.csv").exists()


def test_metrics_are_refused_before_the_network_is_loaded(run, photos: Path) -> None:
    for metric, message in (
        ("energy", "--metric energy needs --masks FOLDER: a .png for each photo, white on the object."),
        ("energi", f"--metric energi: write some of {', '.join(METRICS)}. Did you mean 'energy'?"),
    ):
        code, _, err = run("evaluate", photos, "--metric", metric, "--model", "nowhere")
        assert (code, err) == (2, f"Error: {message}\n")


def test_a_fill_that_does_not_hide_the_class_is_told_once(run) -> None:
    scenes = with_masks(Path("meadow"), ["a.png", "b.png"])
    clf = seewhy.load("demo:honest")
    evaluations = [seewhy.evaluate(clf, seewhy.explain(clf, s.photo, "grad_cam"), ["insertion"], 2, "blur") for s in scenes]
    count = sum(not e.hides for e in evaluations)
    assert count == 1  # else another seed
    _, out, _ = run("evaluate", "meadow", "-m", "grad_cam", "-m", "gradient", "--metric", "insertion", "--steps", 2)
    (line,) = (line for line in out.splitlines() if "hidden" in line)
    assert line == (
        "  note: with everything hidden (blur) the class keeps more than half of its score on 1 of 2 photos: try another fill"
    )
    (name, evaluation) = next((n, e) for n, e in zip("ab", evaluations, strict=True) if not e.hides)
    _, out, _ = run("evaluate", f"meadow/{name}.png", "-m", "grad_cam", "-m", "gradient", "--metric", "insertion", "--steps", 2)
    assert [line for line in out.splitlines() if "hidden" in line] == [f"  note: {evaluation.notes[0]}"]


def test_no_line_of_a_cell_is_broken_in_a_narrow_terminal() -> None:
    numbers = {"map": 0.123456, "standard_error": 0.0456, "random": 0.345, "centre": 0.456}
    rows = [numbers | {"method": m, "metric": n} for m in ("grad_cam", "integrated_gradients") for n in METRICS]
    text = io.StringIO()
    for table in _tables(rows, list(METRICS), 3):
        Console(file=text, width=80).print(table)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].rstrip() == "3 photos: the map ± standard error of the mean (random map, centre blob)"
    assert lines[1:5] == [line.ljust(len(lines[1])) for line in lines[1:5]]
    assert sum(line.count("0.123 ± 0.046") for line in lines) == len(rows)
    assert sum(line.count("(0.345, 0.456)") for line in lines) == len(rows)


def test_compare_two_networks(run, photos: Path) -> None:
    code, out, err = run("compare", "--model", "demo:honest", "--model", "demo:shortcut", photos, "-o", "c.html")
    assert code == 2  # the broken photo
    assert "broken.jpg" in err
    assert "demo:honest and demo:shortcut give the same answer on" in out
    assert {line.split(" (")[0] for line in out.splitlines()[:2]} == {str(photos / "a.png"), str(photos / "deeper/a.png")}
    assert "broken" not in out  # told once
    assert err.count("Skipped ") == 1
    assert "1 of 3 photos were skipped, all others are done." in err
    assert out.splitlines()[-2] == "→ c.html"
    assert out.splitlines()[-1].startswith("Models demo:honest and demo:shortcut; preprocessing: stretched to 96×128")
    assert "where they differ" in Path("c.html").read_text()


def test_compare_against_another_class(run, photos: Path) -> None:
    """A photo whose first choice is that class itself is skipped, and the message names the flag."""
    clf = seewhy.load("demo:honest")
    paths = [photos / "a.png", photos / "deeper/a.png"]
    (first, second) = clf.classify(paths[0], 3)[0].name, clf.classify(paths[0], 3)[1].name
    flags = ("-m", "grad_cam", "-m", "hires_cam", "--json", "-o", "c.json")
    code, out, err = run("compare", paths[0], *flags, "-t", first, "--against", second)
    assert code == 0, err
    (row,) = seewhy.compare(clf, paths[0], ["grad_cam", "hires_cam"], first, against=second).explanations
    assert row[0].targets[0].against.name == second
    assert (
        json.loads(out)["agreement"]
        == seewhy.compare(clf, paths[0], ["grad_cam", "hires_cam"], against=second).record()["agreement"]
    )
    code, _, err = run("compare", *paths, *flags, "-t", first, "--against", first)
    assert code == 2
    assert f"None of 2 photos could be compared: --against {first} is the target itself" in err


def test_ctrl_c_saves_what_is_compared(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = seewhy.Classifier.read

    def interrupted(clf: seewhy.Classifier, photo: object) -> object:
        if str(photo).endswith("deeper/a.png"):
            raise KeyboardInterrupt
        return read(clf, photo)

    monkeypatch.setattr(seewhy.Classifier, "read", interrupted)
    code, out, err = run("compare", photos / "a.png", photos / "deeper/a.png", "-m", "grad_cam", "-m", "cam", "-o", "c.json")
    assert code == 130
    assert "Interrupted: 1 of 2 photos are compared." in err
    assert "interrupted" not in out
    record = json.loads(Path("c.json").read_text())
    assert (record["partial"], len(record["photos"])) == (True, 1)


def test_compare_two_methods_as_json(run, photos: Path) -> None:
    code, out, err = run("compare", photos / "a.png", "-m", "grad_cam", "-m", "gradient", "--json", "-o", "c.json")
    assert code == 0, err
    record = json.loads(out)
    assert record["columns"] == ["grad_cam", "gradient"]
    assert json.loads(Path("c.json").read_text())["columns"] == record["columns"]


def test_a_picture_of_several_photos_says_which_one_it_shows(run, photos: Path) -> None:
    _, out, _ = run("compare", "--model", "demo:honest", "--model", "demo:shortcut", photos, "-o", "c.png")
    assert out.splitlines()[-2] == "→ c.png: the 1 of 2 photos whose maps are least alike; .html holds all"


def test_methods_of_one_network_print_its_prediction_once(run, photos: Path) -> None:
    code, out, err = run("compare", photos / "a.png", "-m", "grad_cam", "-m", "gradient", "-m", "cam")
    assert code == 0, err
    (best,) = seewhy.load("demo:honest").classify(photos / "a.png", k=1)
    assert out.startswith(f"{photos / 'a.png'} ({best.name}): {best}; likeness of the maps (mean over pairs) ")
    assert out.count(str(best)) == 1


def test_several_classes_are_refused(run, photos: Path) -> None:
    code, _, err = run("compare", photos, "--model", "demo:honest", "--model", "demo:shortcut", "-t", "top3")
    assert (code, err) == (2, "Error: --target top3: one class for each photo is compared: its name, its index, or 'top1'.\n")


NET = (
    "from torch import nn\n\n\ndef build():\n"
    "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))\n"
)


def network(favourite: int = 1) -> nn.Sequential:
    """What NET builds, which always gives one class."""
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        layers[3].bias.copy_(torch.eye(3)[favourite] * 50)
    return layers


def test_one_network_before_and_after(run, photos: Path) -> None:
    """Two weight files for one architecture, in order; networks that are prepared alike say so once."""
    Path("net.py").write_text(NET)
    for number, name in enumerate(("before", "after")):
        save_file(network(number).state_dict(), f"{name}.safetensors")
    files = ("--weights", "before.safetensors", "--weights", "after.safetensors")
    code, out, err = run("compare", photos / "a.png", "--model", "net.py:build", *files, "--size", 32, "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["columns"] == ["net.py:build before.safetensors", "net.py:build after.safetensors"]
    assert [prediction["index"] for prediction in record["photos"][0]["predictions"]] == [0, 1]
    assert record["preprocessing"].count("32") == 3


def test_networks_that_are_prepared_differently_each_say_how() -> None:
    networks = [seewhy.Classifier(nn.Flatten(), preprocess=seewhy.Preprocess(size=size)) for size in (8, 9)]
    assert _preprocessing(networks, ["a", "b"]) == f"a: {networks[0].describe_input()}; b: {networks[1].describe_input()}"
    assert _preprocessing(networks[:1] * 2, ["a", "b"]) == networks[0].describe_input()


def test_compare_needs_two_of_something(run, photos: Path) -> None:
    code, _, err = run("compare", photos / "a.png")
    assert code == 2
    assert "1 network and 1 method: compare several networks with one method" in err
    code, _, err = run(
        "compare", photos / "a.png", "--model", "a", "--model", "b", "--weights", "x", "--weights", "y", "--weights", "z"
    )
    assert code == 2
    message = (
        "Error: 2 --model and {} --weights: write one --weights for each --model, in the same order; --weights none for a model "
        "that brings its own.\n"
    )
    assert err == message.format(3)
    code, _, err = run("compare", photos / "a.png", "--model", "demo:honest", "--model", "net.py:build", "--weights", "x")
    assert (code, err) == (2, message.format(1))


def test_a_model_that_brings_its_own_weights_beside_one_that_does_not(run, photos: Path) -> None:
    Path("net.py").write_text(NET)
    save_file(network().state_dict(), "w.safetensors")
    models = ("--model", "demo:honest", "--model", "net.py:build", "--weights", "none", "--weights", "w.safetensors")
    Path("classes.txt").write_text("bear\ncow\nsheep\n")
    code, out, err = run("compare", photos / "a.png", *models, "--classes", "classes.txt", "--size", 32, "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["columns"] == ["demo:honest", "net.py:build w.safetensors"]
    (photo,) = record["photos"]
    assert photo["predictions"][1]["index"] == 1


def test_where_a_result_goes_is_told_in_the_help_and_in_the_message(run, photos: Path) -> None:
    endings = ".png, .jpg, .jpeg, .pdf, .svg, .html, .csv, .json"
    for output, message in (
        ("ca", f"-o ca has no ending: write ca.html; known are {endings}."),
        ("photos", "-o photos: that is a folder; write a file in it."),
        ("c.gif", f"-o c.gif: '.gif' is not one of {endings}."),
    ):
        code, _, err = run("compare", photos, "-m", "grad_cam", "-m", "cam", "-o", output)
        assert (code, err) == (2, f"Error: {message}\n")
    for command, text in (
        ("compare", "One file: .html with all photos, .png with the one whose maps differ most, .csv or .json."),
        ("confusion", "One file: a picture (.png, .pdf ...), or the numbers (.csv, .json)."),
    ):
        _, help_, _ = run(command, "--help")
        assert text in " ".join(help_.replace("│", " ").split())


def test_compare_tells_each_photo_s_notes_below_its_line(run, photos: Path) -> None:
    files = (photos / "a.png", photos / "deeper/a.png")
    code, out, err = run("compare", *files, "-m", "grad_cam", "-m", "lime", "--json", "-o", "c.csv")
    assert code == 0, err
    comparison = seewhy.compare(seewhy.load("demo:honest"), list(map(str, files)), ["grad_cam", "lime"])
    notes = [comparison.notes_of(number) for number in comparison.order()]
    assert [photo["notes"] for photo in json.loads(out)["photos"]] == [comparison.notes_of(number) for number in range(2)]
    _, out, _ = run("compare", *files, "-m", "grad_cam", "-m", "lime")
    expected = [
        line
        for number, own in zip(comparison.order(), notes, strict=True)
        for line in (f"{files[number]} (", *(f"  note: {note}" for note in own))
    ]
    lines = out.splitlines()[: len(expected)]
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


@pytest.mark.parametrize(("model", "method"), [("flat", "hires_cam"), ("table", "occlusion")])
def test_without_a_method_evaluate_takes_what_suits_the_network(run, photos: Path, model: str, method: str) -> None:
    options = ("--model", f"{heads.__file__}:{model}", "--steps", 2)
    code, out, err = run("evaluate", photos / "a.png", photos / "deeper/a.png", *options, "--json")
    assert code == 0, err
    rows = json.loads(out)["evaluations"]
    clf = heads.BUILDERS[model]()
    explanation = seewhy.explain(clf, photos / "a.png")
    expected = seewhy.evaluate(clf, explanation, steps=2)
    assert [row["method"] for row in rows] == [method] * 2
    assert rows[0]["values"] == pytest.approx(expected.values)
    (why,) = heads.chosen(explanation.notes)
    assert [heads.chosen(row["notes"]) for row in rows] == [[why]] * 2
    for several in ((), (photos / "deeper/a.png", "-m", "auto", "-m", method)):
        _, out, _ = run("evaluate", photos / "a.png", *several, *options)
        assert out.startswith("2 photos: " if several else "1 photo: ")  # not two maps of each
        assert out.count(f"note: --method auto took {why}") == 1


def test_without_a_method_compare_takes_what_suits_each_network(run, photos: Path) -> None:
    models = ("--model", "demo:honest", "--model", f"{heads.__file__}:flat")
    code, out, err = run("compare", photos / "a.png", photos / "deeper/a.png", *models, "-t", "bear", "-o", "c.html")
    assert code == 0, err
    assert out.count(f"--method auto took {heads.FLAT}") == 1
    assert out.count("demo:honest: --method auto took grad_cam: the head averages") == 1
