from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import buckets
import numpy as np
import pytest
from PIL import Image
from stores import stored_answers

import seewhy
from seewhy.cli.running import summary_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Six scenes in the folders of their classes."""
    for i, scene in enumerate(seewhy.demo.scenes(6, seed=2)):
        path = tmp_path / "photos" / scene.label / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path)
    return tmp_path / "photos"


def test_a_folder_into_a_store(run: Run, folders: Path, tmp_path: Path) -> None:
    flags = (
        "--model",
        "demo:honest",
        "--labels",
        "folders",
        "-m",
        "cam",
        "-m",
        "grad_cam",
        "--no-relu",
        "-t",
        "1",
        "-o",
        "kept/",
    )
    (code, out, _) = run("run", folders, *flags)
    store = seewhy.Store.open(tmp_path / "kept")
    right = len(store.where("right"))
    assert code == 0
    assert out.splitlines()[:3] == [
        "6 photos explained by cam, grad_cam",
        f"{right} of 6 with a label are right ({100 * right / 6:.0f} %)",
        "→ kept",
    ]
    assert (len(store), store.complete) == (6, True)
    clf = seewhy.load("demo:honest")
    fresh = seewhy.explain(clf, sorted(folders.rglob("*.png"))[2], "grad_cam", 1, relu=False)
    stored = store.explanations(2)[1]
    assert (stored.targets, stored.settings["relu"]) == (fresh.targets, False)
    np.testing.assert_allclose(stored.maps, fresh.maps, rtol=2**-11, atol=2**-23 * np.abs(fresh.maps).max())
    again = out.replace("grad_cam\n", "grad_cam; none of 6 rows computed now\n")
    assert run("run", folders, *flags)[:2] == (0, again)


def test_what_cannot_be_read_is_named_and_tried_again(run: Run, photos: Path, tmp_path: Path) -> None:
    flags = ("--model", "demo:honest", "-m", "cam")
    (code, out, err) = run("run", photos, *flags)
    assert code == 2
    assert out.splitlines()[0] == "2 photos explained by cam"
    assert "Skipped broken.jpg: 'broken.jpg' cannot be read to its end" in err
    assert err.splitlines()[-1] == "1 of 3 photos were skipped, all others are done."
    Image.fromarray(seewhy.demo.scenes(1)[0].photo).save(photos / "broken.jpg")
    assert run("run", photos, *flags)[0] == 2
    (code, out, _) = run("run", photos, *flags, "--retry", "--json")
    record = json.loads(out)
    assert code == 0
    assert {name: record[name] for name in ("output", "photos", "methods", "right", "wrong", "skipped")} == {
        "output": "store",
        "photos": 3,
        "methods": ["cam"],
        "right": 0,
        "wrong": 0,
        "skipped": [],
    }


def test_one_photo_is_one(run: Run, photos: Path) -> None:
    (_, out, _) = run("run", photos / "a.png", "--model", "demo:honest", "-m", "cam")
    assert out.splitlines()[0] == "1 photo explained by cam"


def test_another_run_is_refused_in_the_command_line_s_own_words(run: Run, folders: Path) -> None:
    run("run", folders, "--model", "demo:honest", "-m", "cam")
    (code, _, err) = run("run", folders, "--model", "demo:shortcut", "-m", "cam")
    assert code == 2
    assert err.startswith(
        'Error: The store \'store\' is of another run: the model "demo:honest" there, "demo:shortcut" here. Write'
    )
    assert len(err.splitlines()) == 1
    (code, _, err) = run("run", folders, "--model", "demo:honest", "-m", "cam", "--mask-size", "3", "-o", "other")
    assert (code, err) == (2, "Error: --mask-size is a flag of none of cam.\n")


def test_several_places_are_one_list(run: Run, folders: Path, tmp_path: Path) -> None:
    (first, second, *_) = sorted(path for path in folders.iterdir())
    (code, _, _) = run("run", first, second, "--model", "demo:honest", "-m", "cam")
    assert code == 0
    paths = seewhy.Store.open(tmp_path / "store").to_pandas()["path"].tolist()
    assert paths == sorted(path.relative_to(folders).as_posix() for place in (first, second) for path in place.iterdir())


def test_ctrl_c_says_how_many_are_kept(run: Run, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("run", folders, "--model", "demo:honest", "-m", "cam")

    def interrupted(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt("6 photos are stored in store; begun again, the run goes on from there")

    monkeypatch.setattr("seewhy.run", interrupted)
    (code, _, err) = run("run", folders, "--model", "demo:honest", "-m", "cam")
    assert code == 130
    assert err.splitlines()[-1] == "Interrupted: 6 photos are stored in store; begun again, the run goes on from there."

    def at_once(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt  # while the photos are listed

    monkeypatch.setattr("seewhy.run", at_once)
    (code, _, err) = run("run", folders, "--model", "demo:honest", "-m", "cam", "-o", "other")
    assert (code, err.splitlines()[-1]) == (130, "Interrupted.")


def test_urls_and_tars_go_through(run: Run, folders: Path, tmp_path: Path) -> None:
    files = {path.relative_to(folders).as_posix(): path.read_bytes() for path in sorted(folders.rglob("*.png"))}
    buckets.put({f"/seewhy-cli/photos/{name}": content for name, content in files.items()})
    buckets.put_tar(tmp_path / "photos.tar", files)
    flags = ("--model", "demo:honest", "-m", "cam", "--labels", "folders")
    (url, output) = ("memory://seewhy-cli/photos", "memory://seewhy-cli/store")
    (code, out, _) = run("run", url, *flags, "-o", output)
    assert code == 0
    assert f"→ {output}" in out.splitlines()
    assert seewhy.Store.open(output).to_pandas()["path"].tolist() == list(files)
    (code, _, _) = run("run", "photos.tar", *flags)
    assert code == 0
    store = seewhy.Store.open("store")
    assert store.to_pandas()["path"].tolist() == [f"photos.tar/{name}" for name in files]
    classes = sorted({name.split("/")[0] for name in files})[:2]
    (code, _, _) = run("run", *(f"{url}/{name}" for name in classes), *flags, "-o", "two")
    assert code == 0
    paths = seewhy.Store.open("two").to_pandas()["path"].tolist()
    assert paths == [name for name in files if name.split("/")[0] in classes]
    (code, _, err) = run("run", "s4://bucket/photos", *flags, "-o", "other")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("Error: 's4://bucket/photos' cannot be reached: nothing is known of 's4://'.")


def test_what_is_no_cluster_is_said_in_the_command_line_s_own_words(run: Run, folders: Path) -> None:
    pytest.importorskip("ray")
    (code, _, err) = run("run", folders, "--model", "demo:honest", "-m", "cam", "--ray", "yes")
    assert code == 2
    assert err.startswith("Error: --ray yes: write 'auto', or a cluster's address ('ray://head:10001', '192.168.0.5:6379').")


def test_the_second_time_it_says_that_nothing_was_left_to_do(run: Run, folders: Path) -> None:
    (folders / "bear" / "of a phone.HEIC").touch()
    (code, out, err) = run("run", folders, "--model", "demo:honest", "-m", "cam")
    assert (code, "computed now" in out) == (0, False), err
    assert "left out, as such files are not read: 1 .heic: save them as .jpg or .png" in out
    count = len(seewhy.Store.open("store"))
    (code, out, err) = run("run", folders, "--model", "demo:honest", "-m", "cam")
    assert code == 0, err
    assert f"{count} photos explained by cam; none of {count} rows computed now\n" in out


def test_a_summary_counts_each_photo_once(tmp_path: Path) -> None:
    red = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1, 0, 0))
    store = stored_answers(tmp_path / "store", [("cow", "cow"), ("cow", "bear")] * 3, edits=(None, red))
    summary = summary_of(store)
    assert (summary["photos"], summary["right"], summary["wrong"]) == (3, 3, 0)


def test_a_store_of_a_network_with_a_size_of_its_own_is_read_back(run: Run, folders: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))\n"
    )
    flags = ("--model", f"{tmp_path / 'mine.py'}:build", "--size", "32", "--mean", "0.5", "--std", "0.25", "-m", "grad_cam")
    (code, _, err) = run("run", folders, *flags)
    assert code == 0, err
    e = seewhy.Store.open("store")[0]
    assert e.photo.pixels.shape == (3, 32, 32)
    assert not any("thumbnail" in note for note in e.notes)
    (code, _, err) = run("show", "store", "-o", "page.html")
    assert code == 0, err
