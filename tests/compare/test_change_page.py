"""The page of stores beside each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from stores import stored_answers

import seewhy
from seewhy.compare import change_page

BEFORE = [("cow", "cow"), ("cow", "bear"), ("bear", "bear"), ("sheep", "sheep"), (None, "cow"), ("bear", "cow")]
AFTER = [("cow", "bear"), ("cow", "cow"), ("bear", "bear"), ("sheep", "sheep"), (None, "bear"), ("bear", "cow")]


@pytest.fixture
def comparison(tmp_path: Path) -> seewhy.Comparison:
    return seewhy.compare([stored_answers(tmp_path / "old", BEFORE), stored_answers(tmp_path / "new", AFTER, seed=1)])


def large(page: str) -> list[tuple[str, str]]:
    """The numbers in large letters, and what they count."""
    return [(value, re.sub("<.*?>", "", text)) for value, text in re.findall(r"<div><b>(.*?)</b>(.*?)</div>", page)]


def groups(page: str) -> dict[str, list[str]]:
    """The sections' titles, and the photos of each."""
    return {
        re.findall("<h2>(.*?)</h2>", section)[0]: re.findall("<h3>(.*?)</h3>", section)
        for section in re.findall("<section.*?</section>", page, re.DOTALL)
    }


def test_the_result_comes_first(comparison: seewhy.Comparison) -> None:
    page = comparison.page()
    space = change_page.NO_BREAK
    assert large(page) == [
        ("1", "repaired"),
        ("1", "lost"),
        (f"60{space}%{space}→{space}60{space}%", "right, of 5 photos with a label: old, then new"),
        ("1", "wrong in both"),
    ]
    assert "<h1>From old to new</h1>" in page
    assert re.findall('class="source">(.*?)</p>', page)[0] == "6 photos  ·  old: old-net  ·  new: new-net"
    assert "<li>The maps are the stored ones, by grad_cam; likeness is measured on thumbnails.</li>" in page


def test_photos_that_changed_are_cards_and_the_others_are_folded(comparison: seewhy.Comparison) -> None:
    page = comparison.page()
    assert groups(page) == {
        "Lost: right in old, wrong in new (1)": ["0.png"],
        "Repaired: wrong in old, right in new (1)": ["1.png"],
        "Another answer, on photos without a label (1)": ["4.png"],
        "Wrong in both (1)": ["5.png"],
    }
    assert "<p>Label: cow; old says cow (0.50); new says bear (0.50).</p>" in page
    assert "<p>old says cow (0.50); new says bear (0.50).</p>" in page  # of 4.png, whose label is not known
    assert "<p>Both networks say cow: is the label right?</p>" in page
    (likeness, table) = re.findall("<details>(.*?)</details>", page, re.DOTALL)
    assert sorted(re.findall("<h3>(.*?)</h3>", likeness)) == ["2.png", "3.png"]
    assert "On 6 photos: old and new give the same answer on 50 % of them" in likeness
    assert "<summary>All 6 photos</summary>" in table
    assert table.count("<tr>") == 7
    assert page.count("as they are") == 1  # how the maps were made is told once


def test_without_labels_the_answers_that_changed_are_counted(tmp_path: Path) -> None:
    (before, after) = ([(None, name) for _, name in answers] for answers in (BEFORE, AFTER))
    page = seewhy.compare([stored_answers(tmp_path / "old", before), stored_answers(tmp_path / "new", after)]).page()
    assert large(page) == [("3", "answers changed")]
    assert list(groups(page)) == ["Another answer, on photos without a label (3)"]


def test_where_nothing_changed_the_likeness_is_open(tmp_path: Path) -> None:
    same = [("cow", "cow")] * 3
    page = seewhy.compare([stored_answers(tmp_path / "old", same), stored_answers(tmp_path / "new", same)]).page()
    assert large(page)[:2] == [("0", "repaired"), ("0", "lost")]
    assert groups(page) == {}
    assert "<p>No answer changed, and none is known to be wrong.</p>" in page
    assert page.count("<details open>") == 1


def test_of_very_many_the_page_says_where_the_others_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_page, "MOST_CARDS", 2)
    monkeypatch.setattr(change_page, "MOST_ROWS", 4)
    (before, after) = ([("cow", name)] * 5 for name in ("bear", "cow"))
    page = seewhy.compare([stored_answers(tmp_path / "old", before), stored_answers(tmp_path / "new", after)]).page()
    assert [len(photos) for photos in groups(page).values()] == [2]
    assert '<p class="source">2 of 5 are shown; the table (.csv) has them all.</p>' in page
    assert "<summary>The first 4 of 5 photos; the table (.csv) has them all</summary>" in page
    assert page.count("<tr>") == 5
