from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hand_made_store import HandMadeRow, hand_made, spot

Run = Callable[..., tuple[int, str, str]]


def test_one_command_writes_the_page_and_its_numbers(run: Run, tmp_path: Path) -> None:
    rows = [HandMadeRow(n % 2, 0, 0.9, {0: spot(7, 0)}) for n in range(6)]
    hand_made(tmp_path / "store", rows)
    assert run("report", "store", "-o", "out/page.html")[:2] == (0, "6 photos → out/page.html, out/page.json\n")
    assert (tmp_path / "out" / "page.html").read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / "out" / "page.json").read_text())["right"] == 3
    (code, out, _) = run("report", "store", "--where", "wrong", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"output": "report.html", "numbers": "report.json", "photos": 3, "complete": True},
    )
    assert json.loads((tmp_path / "report.json").read_text())["photos"] == 3
    (code, out, _) = run("report", "store", "--where", "number = 0", "--title", "One bear")
    assert (code, out) == (0, "1 photo → report.html, report.json\n")
    assert "<h1>One bear</h1>" in (tmp_path / "report.html").read_text()


def test_a_run_that_has_not_ended_is_said(run: Run, tmp_path: Path) -> None:
    hand_made(tmp_path / "store", [HandMadeRow(0, 0, 0.9, {0: spot(7, 0)})], listed=900)
    (code, out, _) = run("report", "store")
    assert (code, out.splitlines()[0]) == (0, "The run has not ended; the page says how far it is.")


def test_mistakes_are_one_line(run: Run, tmp_path: Path) -> None:
    hand_made(tmp_path / "store", [HandMadeRow(0, 0, 0.9, {0: spot(7, 0)})])
    (code, _, err) = run("report", "nowhere")
    assert (code, err) == (2, "Error: There is no store in 'nowhere': 'seewhy run PHOTOS -o nowhere' makes one.\n")
    (code, _, err) = run("report", "store", "-o", "report.png")
    assert (code, err.splitlines()[0][:39]) == (2, "Error: 'report.png' cannot be written: ")
    assert not list(tmp_path.glob("report.*"))
