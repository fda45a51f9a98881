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
    """The page's text with plain spaces, the data of its script, and the numbers beside it."""
    path = store.report(folder / "report.html")
    text = path.read_text().replace("\u00a0", " ").replace("&nbsp;", " ")
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
    (text, data, numbers) = written(store, tmp_path)
    assert (
        "The run has not ended: the first 10 of 900 photos, by their paths, are explained so far. No photo of sheep yet." in text
    )
    assert "9 of 10 photos, of the first 10 of 900 photos, by their paths" in text
    assert "photos like these" not in text
    assert not re.search("95 % (confidence|interval)", text)
    assert numbers["interval"] is None
    assert [one["recall_interval"] for one in numbers["classes"]] == [None, None]
    assert numbers["unfinished"] == {"photos": 10, "first": True, "classes_without_photo": ["sheep"]}
    (text, data, numbers) = written(hand_made(tmp_path / "none", []), tmp_path)
    assert "There is no photo in it." in text
    assert (numbers["photos"], data["photos"]) == (0, {})
    (text, data, numbers) = written(store.where("wrong"), tmp_path)
    assert (numbers["photos"], list(data["photos"])) == (1, ["0"])
    assert numbers["unfinished"] == {"photos": 10, "first": True, "classes_without_photo": None}
    assert "Only a part of the store: wrong</p>" in text
    assert "Every photo that was tried could be read, in the whole store." in text
    nothing = store.where("score > 2")
    assert written(nothing, tmp_path)[2]["photos"] == 0


def test_a_part_says_its_condition_as_it_was_written(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", mixed(10), unread=[UnreadPhoto("cow/x.jpg", "is no picture")])
    part = store.where("path contains 'cow' or label = bear").where("score > 0.5")
    (text, _, numbers) = written(part, tmp_path)
    assert numbers["condition"] == "(path contains 'cow' or label = bear) and (score > 0.5)"
    assert len(store.where(numbers["condition"])) == len(part) == numbers["photos"] == 9
    assert "Only a part of the store: (path contains &#39;cow&#39; or label = bear) and (score &gt; 0.5)</p>" in text
    assert "1 could not be read in the whole store</a>" in text
    (text, _, numbers) = written(store, tmp_path)
    assert numbers["condition"] is None
    assert "1 could not be read</a>" in text


def test_where_no_class_has_ten_photos_the_mistakes_have_the_first_screen(tmp_path: Path) -> None:
    def places(text: str) -> list[int]:
        parts = ('data-list="mistakes"', '<table class="matrix', "Where the evidence lies, on average")
        assert [text.count(part) for part in parts] == [1, 1, 1]
        return [text.index(part) for part in parts]

    (text, data, numbers) = written(hand_made(tmp_path / "few", mixed(14)), tmp_path)  # 9 bears, 5 cows
    assert places(text) == sorted(places(text))
    assert "<summary>Where the evidence lies, on average: no class has ten photos, too few to say</summary>" in text
    assert data["lists"]["taken-0"] == numbers["classes"][0]["taken"] == [10, 0, 13, 11, 9, 7, 5, 3, 1]
    assert [kind in text for kind in ("Typical", "Its photos</h3>", "Mean map of 9 photos: too few to say")] == [
        False,
        True,
        True,
    ]
    (mistakes, matrix, means) = places(written(hand_made(tmp_path / "enough", mixed(20)), tmp_path)[0])
    assert means < mistakes < matrix
    right = hand_made(tmp_path / "right", [HandMadeRow(0, 0, 0.9, {0: MIDDLE})] * 9)  # nothing else is there to be shown
    assert "<h2>Where the evidence lies, on average</h2>" in written(right, tmp_path)[0]
    (text, _, _) = written(hand_made(tmp_path / "none", [HandMadeRow(None, 0, 0.9, {0: MIDDLE})] * 9), tmp_path)
    assert text.index('data-list="unsure"') < text.index("Where the evidence lies, on average")


def test_its_photos_are_counted_where_not_all_of_them_are_shown(tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 0, n / 20, {0: MIDDLE if n < 2 else -MIDDLE}) for n in range(15)]
    (text, data, _) = written(hand_made(tmp_path / "store", rows), tmp_path)
    assert "<h3>Its photos: 9 of 15</h3>" in text
    assert data["lists"]["taken-0"] == [14, 13, 12, 11, 10, 9, 8, 7, 6]


def test_classes_without_photos_have_no_row_and_those_never_said_no_column(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", [HandMadeRow(0, 1, 0.9), HandMadeRow(0, 1, 0.8), HandMadeRow(2, 1, 0.7)])
    (text, _, _) = written(store, tmp_path)
    table = text[text.index('<table class="matrix') :].partition("</table>")[0]
    assert re.findall(r'<th scope="row"><span>(.*?)</span>', table) == ["bear (2)", "sheep (1)"]
    assert re.findall(r'<th scope="col"><span>(.*?)</span>', table) == ["cow"]
    assert re.findall(r'data-cell="(.*?)" data-count="(.*?)"', table) == [("0,1", "2"), ("2,1", "1")]
    assert " turned" not in table


def test_no_percent_sign_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    rows = [HandMadeRow(int(n % 7 == 0), n % 2, 0.9, {n % 2: MIDDLE}) for n in range(40)]
    (_, data, _) = written(hand_made(tmp_path / "store", rows), tmp_path)
    page = (tmp_path / "report.html").read_text().partition("<main>")[2].partition("<script")[0]
    assert page.count("\u00a0%") > 20
    assert " %" not in page
    assert set(data["overlaps"].values()) == {"99.9\u00a0%"}


def test_it_says_where_the_true_class_has_no_map(tmp_path: Path) -> None:
    rows = [HandMadeRow(0, 1, 0.9, {1: MIDDLE}), HandMadeRow(1, 1, 0.9, {1: MIDDLE})]
    assert "The store holds no map of the true class." in written(hand_made(tmp_path / "store", rows), tmp_path)[0]
    of_none = [HandMadeRow(0, 1, 0.9, {2: MIDDLE})]
    text = written(hand_made(tmp_path / "other", of_none), tmp_path)[0]
    assert "No map of a predicted class is stored" in text


def test_gaps_between_the_finished_shards_are_not_called_the_first_photos(tmp_path: Path) -> None:
    classes = [f"class {n}" for n in range(30)]
    store = hand_made(tmp_path / "store", [HandMadeRow(0, 0, 0.9)] * 6, classes, listed=90, shard_size=2)
    del store._manifest.shards[1]
    (text, _, numbers) = written(store, tmp_path)
    assert numbers["unfinished"]["first"] is False
    assert "The run has not ended: 4 of 90 photos, by their paths, are explained so far." in text
    assert "29 of the network&#39;s 30 classes have no photo yet." in text


def test_the_first_screen_says_where_to_look_and_shows_the_place(tmp_path: Path) -> None:
    rows = [HandMadeRow(n % 2, n % 2, 0.9, {n % 2: MIDDLE if n % 2 else CORNER}) for n in range(40)]
    (text, _, numbers) = written(hand_made(tmp_path / "store", rows), tmp_path)
    (hint,) = numbers["hints"]
    assert (hint["class"], hint["method"], hint["region"], hint["photos"]) == ("bear", "grad_cam", "lower left corner", 20)
    said = re.sub(r"<.*?>", "", text[text.index("Look at") :].partition("</p>")[0])
    assert (
        said
        == f"Look at bear: {100 * hint['evidence']:.0f} % of its evidence lies in the lower left corner, 16 times an even spread."
    )
    assert hint["times"] == pytest.approx(hint["evidence"] * 16)
    assert '<i class="frame lower left corner">' in text
    assert 'href="#class-0"' in text
    assert 'id="class-0"' in text
    honest = [HandMadeRow(0, 0, 0.9, {0: MIDDLE})] * 20
    (text, _, numbers) = written(hand_made(tmp_path / "honest", honest), tmp_path)
    assert numbers["hints"] == []
    assert "Look at" not in text


def test_a_class_of_few_photos_sets_no_scale_and_says_so(tmp_path: Path) -> None:
    even = np.ones((8, 8), np.float32)
    rows = [*[HandMadeRow(0, 0, 0.9, {0: even})] * 12, *[HandMadeRow(1, 1, 0.9, {1: CORNER})] * 4]
    (text, _, numbers) = written(hand_made(tmp_path / "store", rows), tmp_path)
    assert text.count("<b>4 photos: too few to say</b>") == 2
    assert "<b>3 ×</b>" in text  # an even class is not stretched, and the corner of four photos is left out
    assert numbers["hints"] == []
    (few, _, _) = written(hand_made(tmp_path / "few", rows[-4:]), tmp_path)
    assert "<b>3 ×</b>" not in few  # where no class has more, they have the scale for themselves


def test_without_a_mistake_there_is_no_section_of_mistakes(tmp_path: Path) -> None:
    (text, _, _) = written(hand_made(tmp_path / "store", [HandMadeRow(0, 0, 0.9, {0: MIDDLE})]), tmp_path)
    assert "The surest mistakes" not in text
    assert "No photo is wrong." in text
    assert "1 of 1 photo;" in text
    (text, _, _) = written(hand_made(tmp_path / "unlabelled", [HandMadeRow(None, 0, 0.9, {0: MIDDLE})]), tmp_path)
    for one in (text, "1 photos"):
        assert ("1 photos" in one) == (one == "1 photos")
    assert '<p class="big">1 photo</p>' in text


def test_the_title_can_be_given_and_the_line_below_says_which_network(tmp_path: Path) -> None:
    store = hand_made(tmp_path / "store", mixed(8))
    (text, _, numbers) = written(store, tmp_path)
    assert "<h1>8 photos as demo:shortcut sees them</h1>" in text
    assert '<p class="source">folder photos  ·  demo:shortcut, weights abc  ·  Grad-CAM at layer block4' in text
    assert numbers["title"] == "8 photos as demo:shortcut sees them"
    path = store.report(tmp_path / "named.html", title="Bears & <cows>")
    assert "<h1>Bears &amp; &lt;cows&gt;</h1>" in path.read_text()
    assert json.loads(path.with_suffix(".json").read_text())["title"] == "Bears & <cows>"


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


def test_cards_stand_in_equal_columns_that_fill_the_row(opened: Browser) -> None:
    boxes = "[...document.querySelectorAll('[data-list=mistakes] .shot')].map((e) => e.getBoundingClientRect())"
    widths = opened.value(f"{boxes}.map((box) => Math.round(box.width))")
    assert (len(widths), len(set(widths))) == (6, 1)
    right = "document.querySelector('[data-list=mistakes]').getBoundingClientRect().right"
    assert opened.value(f"{right} - Math.max(...{boxes}.map((box) => box.right))") == pytest.approx(0, abs=1)
    views = "(e) => e.getBoundingClientRect().right - e.querySelector('span:last-child').getBoundingClientRect().right"
    assert opened.value(f"[...document.querySelectorAll('[data-list=mistakes] .views')].map({views})") == pytest.approx(
        [0] * 6, abs=1
    )


def test_names_beside_a_wide_table_are_whole_and_stay_in_sight_when_narrow(tmp_path: Path) -> None:
    classes = ["chiton", "Labrador retriever", "desktop computer", "American egret", "hamper", "isopod"]
    rows = [HandMadeRow(n % 6, (n + n // 6) % 6, 0.9, {(n + n // 6) % 6: MIDDLE}) for n in range(72)]
    path = hand_made(tmp_path / "store", rows, classes).report(tmp_path / "report.html")
    with Browser(tmp_path / "profile", tmp_path / "no_camera.mjpeg") as browser:
        browser.size(390, 844, mobile=True)
        browser.open(path.as_uri())
        browser.wait_for("document.readyState === 'complete' && document.querySelectorAll('.shot').length > 0")
        lines = "(e) => { const r = document.createRange(); r.selectNodeContents(e); return r.getClientRects().length; }"
        names = "[...document.querySelectorAll('.matrix th[scope=row] span')]"
        assert max(browser.value(f"{names}.map({lines})")) <= 2  # at a space
        assert browser.value("document.querySelector('.matrix').getBoundingClientRect().height") < 600
        assert browser.value("document.querySelector('.matrix').classList.contains('turned')") is True
        over = "[...document.querySelectorAll('.matrix th[scope=col] span')].map((e) => e.getBoundingClientRect())"
        assert browser.value(f"{over}.every((box) => box.width < 30 && box.height > box.width)")
        scroll = "document.querySelector('.scroll:has(.matrix)')"
        assert browser.value(f"{scroll}.scrollWidth > {scroll}.clientWidth")
        left = "document.querySelector('.matrix th[scope=row]').getBoundingClientRect().left"
        before = browser.value(left)
        browser.value(f"{scroll}.scrollLeft = 100")
        assert browser.value(f"{scroll}.scrollLeft") == 100
        assert browser.value(left) == pytest.approx(before, abs=2)  # the space between two cells
        cells = "[...document.querySelectorAll('table.sticky:not(.matrix) td:first-child span')]"
        assert max(browser.value(f"{cells}.map({lines})")) == 1


def test_each_class_by_its_own_scale_is_chosen_by_the_keyboard_without_a_script(opened: Browser) -> None:
    shown = "[...document.querySelectorAll('.means img')].filter((i) => i.getClientRects().length).map((i) => i.className)"
    assert opened.value(shown) == ["common", "common"]
    opened.value("document.getElementById('scale-common').focus()")
    opened.key("ArrowRight")
    assert opened.value("document.activeElement.id") == "scale-own"
    assert opened.value(shown) == ["own", "own"]
    assert opened.value("getComputedStyle(document.querySelector('.bar span')).display") == "none"
    opened.key("ArrowLeft")
    assert opened.value(shown) == ["common", "common"]


def test_photos_in_the_plane_are_framed_where_they_are_wrong(opened: Browser) -> None:
    visible = "(kind) => [...document.querySelectorAll(`#plane ${kind}`)].filter((e) => e.getClientRects().length).length"
    pressed = "[...document.querySelectorAll('#points, #photos')].map((b) => b.getAttribute('aria-pressed'))"
    assert [opened.value(f"({visible})('{kind}')") for kind in (".ring", ".edge", "image")] == [6, 0, 0]
    opened.value("document.getElementById('photos').click()")
    assert [opened.value(f"({visible})('{kind}')") for kind in (".ring", ".edge", "image")] == [0, 6, 60]
    assert opened.value(pressed) == ["false", "true"]
    same = "(e) => ['x', 'y', 'width', 'height'].every((n) => e.getAttribute(n) === e.previousSibling.getAttribute(n))"
    assert opened.value(f"[...document.querySelectorAll('#plane .edge')].every({same})")
    opened.value("document.getElementById('points').click()")
    assert [opened.value(f"({visible})('{kind}')") for kind in (".ring", ".edge", "image")] == [6, 0, 0]
    assert opened.value(pressed) == ["true", "false"]


def test_the_plane_is_walked_through_by_arrow_keys(opened: Browser) -> None:
    opened.value("document.getElementById('plane').focus()")
    opened.key("ArrowRight")
    opened.key("ArrowDown")
    assert opened.value("document.getElementById('tip').style.display") == "flex"
    said = opened.value("document.querySelector('#tip b').textContent")
    assert re.fullmatch(r"(bear|cow|cow, called bear) \([01]\.\d\d\)", said)
    opened.key("Escape")
    assert opened.value("document.getElementById('tip').style.display") == "none"
