"""The page of a store: its numbers are those of the JSON, its bytes have an end, and no name or folder gets out of its place."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
import pyarrow.parquet
import pytest
from browser import Browser
from hand_made_store import HandMadeRow, hand_made, spot

import seewhy
from seewhy.errors import RecordError
from seewhy.store.manifest import UnreadPhoto, shard_file
from seewhy.store.report import page as pages
from seewhy.store.report.page import drawn_classes, priority
from seewhy.store.report.tally import Examples, Tally

CORNER, MIDDLE = spot(7, 0), spot(4, 4)


def mixed(count: int = 40) -> list[HandMadeRow]:
    """Bears by a corner, cows by the middle; every fifth cow is called a bear."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(count):
        (label, predicted) = (0, 0) if n % 2 else (1, 0 if n % 10 == 0 else 1)
        maps = {0: CORNER + 0.01 * n * MIDDLE, 1: MIDDLE + 0.01 * n * spot(3, 3)}
        embedding = (rng.normal(size=6) + 9 * predicted).tolist()
        rows.append(HandMadeRow(label, predicted, 0.5 + n / 100, maps, f"{'bear' if n % 2 else 'cow'}/{n}.jpg", embedding))
    return rows


def written(store: seewhy.Store, folder: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The page's text, the data of its script, and the numbers beside it."""
    path = store.report(folder / "report.html")
    text = path.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return text, json.loads(found[1]), json.loads((folder / "report.json").read_text())


def test_the_page_says_the_numbers_of_the_json(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", mixed(), unread=[UnreadPhoto("cow/x.jpg", "is no picture")])
    (text, data, numbers) = written(store, tmp_path)
    assert (numbers["photos"], numbers["right"], numbers["accuracy"]) == (40, 36, 0.9)
    assert "90 % right" in text
    assert f"{100 * numbers['interval'][0]:.0f} % to {100 * numbers['interval'][1]:.0f} % of photos like these" in text
    assert "<small>4 of 20 (20 %)</small>" in text
    bear = numbers["classes"][0]["maps"][0]["regions"]["lower left corner"]
    assert f"<b>{100 * bear['evidence']:.0f} %</b> in the lower left corner, 6 % of the area" in text
    assert data["lists"]["mistakes"] == numbers["mistakes"] == [30, 20, 10, 0]
    assert data["cells"]["1,0"] == [30, 20, 10, 0]
    assert [map_["role"] for map_ in data["photos"]["30"]["maps"]] == ["predicted", "true"]
    for one in numbers["classes"]:
        for kind in ("typical", "odd"):
            assert data["lists"][f"{kind}-{one['index']}"] == one[kind] != []
    assert len(data["plane"]["points"]) == 40
    assert [group["count"] for group in data["plane"]["groups"]] == [20, 20]
    assert "cow/x.jpg" in text
    assert "The store holds no map of the true class" not in text
    assert not re.search(r"The run has not ended", text)


def test_the_policy_lets_only_its_own_script_run_and_nothing_is_fetched(tmp_path: Path) -> None:
    (text, _, _) = written(hand_made(tmp_path / "store", mixed(8)), tmp_path)
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{digest}" in text.replace("&#43;", "+")
    assert "default-src 'none'; img-src data:" in text.replace("&#39;", "'")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", text)


def test_names_stay_texts_and_no_folder_of_the_machine_is_in_it(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>\n&"
    rows = [HandMadeRow(n % 2, 0, 0.9, {0: CORNER, 1: MIDDLE}, f"{evil}{n}.jpg", [float(n), 1, n % 3]) for n in range(12)]
    unread = [UnreadPhoto(f"{evil}.png", "'/home/ann/secret/x.png' is no picture")]
    store = hand_made(
        tmp_path / "store", rows, (evil, "<img src=x>", "cow"), unread=unread, model="/home/ann/secret/net.py:build", notes=[evil]
    )
    (text, data, numbers) = written(store, tmp_path)
    assert "alert(1)</script>" not in text
    assert "<img src=x>" not in text
    assert text.count("<script") == 2
    assert data["photos"]["1"]["name"] == f"{evil}1.jpg"
    assert numbers["classes"][0]["name"] == evil
    for written_text in (text, json.dumps(numbers)):
        for private in ("/home", "secret", "somebody", str(tmp_path), str(Path.cwd()), "GPS"):
            assert private not in written_text
    assert "net.py:build" in text


def test_the_bytes_have_an_end_and_the_surest_mistakes_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = hand_made(tmp_path / "store", mixed(120))
    (whole, data, numbers) = written(store, tmp_path)
    assert len(data["photos"]) > 40
    for limit in (len(whole.encode()) - 30_000, 250_000):
        monkeypatch.setattr(pages, "MOST_BYTES", limit)
        (text, fewer, same) = written(store, tmp_path)
        assert len(text.encode()) <= limit
        assert 0 < len(fewer["photos"]) < len(data["photos"])
        assert fewer["lists"]["mistakes"][:3] == numbers["mistakes"][:3]
        assert same == numbers
        shown = {str(number) for numbers_of in (*fewer["lists"].values(), *fewer["cells"].values()) for number in numbers_of}
        assert shown <= set(fewer["photos"])


def test_twenty_thousand_rows_stay_within_ten_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty classes that are all mistaken for each other; the plane is tested elsewhere, and takes long."""
    monkeypatch.setattr(pages, "plane", lambda sampled: None)
    classes = [f"class {n}" for n in range(40)]
    few = [HandMadeRow(n % 40, (n * n + n // 40) % 40, (n % 97) / 97, {(n * n + n // 40) % 40: CORNER}) for n in range(1000)]
    store = hand_made(tmp_path / "store", few, classes, shard_size=250)
    manifest = store._manifest
    for number in range(4, 80):  # the same four shards again and again, under their own numbers
        rows = pyarrow.parquet.read_table(tmp_path / "store" / shard_file(number % 4))
        moved = pyarrow.compute.add(rows["number"], 250 * (number - number % 4))
        pyarrow.parquet.write_table(rows.set_column(0, "number", moved), tmp_path / "store" / shard_file(number))
        manifest.shards[number] = dataclasses.replace(manifest.shards[number % 4], file=shard_file(number))
    (text, data, numbers) = written(store, tmp_path)
    assert numbers["photos"] == 20_000
    assert sum(cell["count"] for cell in numbers["cells"]) == 20_000
    assert len(text.encode()) <= 10_000_000
    assert len(data["photos"]) > 100
    assert text.count("data-cell=") <= pages.MOST_DRAWN**2 + 5
    assert "others are together in the last row and column" in text
    assert text.count('class="card looks"') == pages.MOST_CLASSES


def test_without_labels_it_says_what_labels_would_add(tmp_path: Path) -> None:
    rows = [HandMadeRow(None, n % 2, 0.9 - n / 50, {0: CORNER, 1: MIDDLE}) for n in range(6)]
    (text, data, numbers) = written(hand_made(tmp_path / "store", rows), tmp_path)
    assert "None has a label, so nothing here says what is right." in text
    assert (numbers["accuracy"], numbers["interval"], numbers["cells"]) == (None, None, [])
    assert data["lists"]["unsure"] == [5, 4, 3, 2, 1, 0]
    assert "of the area" in text
    assert '<table class="matrix">' not in text


def test_a_run_that_has_not_ended_an_empty_store_and_a_part_say_so(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "open", mixed(10), listed=900)
    assert "The run has not ended: 10 of 900 photos are explained so far." in written(store, tmp_path)[0]
    (text, data, numbers) = written(hand_made(tmp_path / "none", []), tmp_path)
    assert "There is no photo in it." in text
    assert (numbers["photos"], data["photos"]) == (0, {})
    (text, data, numbers) = written(store.where("wrong"), tmp_path)
    assert (numbers["photos"], list(data["photos"])) == (1, ["0"])
    assert "Only a part of the store: " in text
    nothing = store.where("score > 2")
    assert written(nothing, tmp_path)[2]["photos"] == 0


def test_it_says_where_the_true_class_has_no_map(tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 1, 0.9, {1: MIDDLE}), HandMadeRow(1, 1, 0.9, {1: MIDDLE})]
    assert "The store holds no map of the true class." in written(hand_made(tmp_path / "store", rows), tmp_path)[0]
    of_none = [HandMadeRow(0, 1, 0.9, {2: MIDDLE})]
    text = written(hand_made(tmp_path / "other", of_none), tmp_path)[0]
    assert "No map of a predicted class is stored" in text


def test_several_methods_have_a_mean_each_and_a_switch(tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 0, 0.9, [{0: CORNER}, {0: MIDDLE}]) for _ in range(3)]
    (text, _, numbers) = written(hand_made(tmp_path / "store", rows, methods=("cam", "occlusion")), tmp_path)
    densest = [(one["method"], one["densest"]) for one in numbers["classes"][0]["maps"]]
    assert densest == [("cam", "lower left corner"), ("occlusion", "centre")]
    assert text.count("data-method-switch=") == 2
    assert '<div data-method="1" hidden>' in text


def test_only_a_page_can_be_written(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", mixed(4))
    with pytest.raises(RecordError, match=r"'report.pdf' cannot be written: a report is one .html file"):
        store.report(tmp_path / "report.pdf")
    assert not list(tmp_path.glob("report*"))


def test_of_very_many_classes_those_of_the_largest_confusions_are_drawn() -> None:
    tally = Tally()
    tally.cells.update({(n, n): 5 for n in range(30)})
    assert drawn_classes(tally) == list(range(14))
    tally.cells.update({(20, 29): 9, (29, 3): 4, (1, 2): 1})
    assert drawn_classes(tally) == [1, 2, 3, 20, 29]
    assert drawn_classes(Tally()) == []


def test_mistakes_come_first_and_every_cell_has_its_turn() -> None:
    tally = Tally(mistakes=[9, 8])
    tally.cells.update({(0, 0): 50, (0, 1): 2, (1, 0): 3})
    found = Examples({(0, 0): [1, 2, 3], (0, 1): [8, 7], (1, 0): [9, 6]}, typical={0: [1]}, odd={0: [4]})
    assert priority(tally, found) == [9, 8, 1, 4, 6, 7, 2, 3]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("report")
    rows = mixed(60)
    rows[3].path = "bear/<b>three</b>\n.jpg"
    path = hand_made(folder / "store", rows).report(folder / "report.html")
    with Browser(folder / "profile", folder / "no_camera.mjpeg") as browser:
        browser.size(1280, 900)
        browser.open(path.as_uri())
        browser.wait_for("document.readyState === 'complete' && document.querySelectorAll('.shot').length > 0")
        yield browser


def test_a_cell_opens_its_photos_by_the_keyboard_and_escape_closes_it(opened: Browser) -> None:
    assert opened.errors == []
    opened.value("document.querySelector('.matrix [data-cell=\"1,0\"]').focus()")
    opened.key("Enter")
    opened.wait_for("document.getElementById('cell').open")
    assert opened.value("document.getElementById('cell-title').textContent") == "cow, called bear: 6"
    assert opened.value("document.querySelectorAll('#cell-photos .shot').length") == 6
    views = "[...document.querySelector('#cell-photos .shot').querySelectorAll('small')].map((s) => s.textContent)"
    assert opened.value(views) == ["photo", "for bear", "for cow"]
    pictures = "[...document.querySelectorAll('#cell-photos img')].every((i) => i.complete && i.naturalWidth > 0)"
    opened.wait_for(pictures)
    opened.key("Escape")
    opened.wait_for("!document.getElementById('cell').open")
    assert opened.value("document.activeElement.dataset.cell") == "1,0"
    assert opened.errors == []


def test_the_mean_maps_are_on_the_first_screen_and_nothing_is_cut_when_narrow(opened: Browser) -> None:
    bottom = "document.querySelector('.means img').getBoundingClientRect().bottom + scrollY"
    assert opened.value(bottom) < 900
    opened.size(360, 800, mobile=True)
    try:
        beyond = "e => !e.closest('.scroll') && e.getBoundingClientRect().right > 361"
        assert opened.value(f"[...document.querySelectorAll('main *')].filter({beyond}).map((e) => e.outerHTML)") == []
        assert opened.value("document.documentElement.scrollWidth") == 360
        assert opened.value(bottom) < 800
    finally:
        opened.size(1280, 900)


def test_the_plane_is_walked_through_by_arrow_keys(opened: Browser) -> None:
    opened.value("document.getElementById('plane').focus()")
    opened.key("ArrowRight")
    opened.key("ArrowDown")
    assert opened.value("document.getElementById('tip').style.display") == "flex"
    said = opened.value("document.querySelector('#tip b').textContent")
    assert re.fullmatch(r"(bear|cow|cow, called bear) \([01]\.\d\d\)", said)
    opened.key("Escape")
    assert opened.value("document.getElementById('tip').style.display") == "none"
