"""The page of an audit: the sentence and its proof, names that stay texts, nothing fetched, and an end of its bytes."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from seewhy.audit import Audit, Verdict
from seewhy.audit import page as pages
from seewhy.audit.accepting import Acceptance
from seewhy.audit.calibration import Calibration
from seewhy.audit.exhibits import CONTROL, ORIGINAL, WITHOUT, Exhibit
from seewhy.audit.groups import PhotoGroup
from seewhy.audit.kinds import CUE, LOCAL, NONE, SHORTCUT, SURROUNDINGS, UNDECIDED
from seewhy.audit.page import NEXT, UNCALIBRATED, overall
from seewhy.audit.planted import PlantedCue
from seewhy.audit.result import TriedCue

BOX = (0.8, 0.0, 1.0, 0.25)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 18), (90, 40, 10)).save(buffer, "JPEG")
    return buffer.getvalue()


FOUR = [
    Exhibit(ORIGINAL, "A photo of bear", picture(), "bear", 0.95, BOX),
    Exhibit(WITHOUT, "The same without the cue", picture(), "cow", 0.46, BOX),
    Exhibit(CUE, "The cue on a photo of cow", picture(), "bear", 0.72, BOX),
    Exhibit(CONTROL, "Control: another part of the cue's photo", picture(), "cow", 0.99, BOX),
]


def verdict(kind: str, name: str = "bear", effect: float = 0.9, interval: tuple[float, float] = (0.5, 1.0)) -> Verdict:
    if kind == UNDECIDED:
        return Verdict(name, kind, "undecided: too few photos", 0.0, (-1.0, 1.0), 0.0, None, "", [])
    shown = FOUR if kind in (SHORTCUT, LOCAL) else []
    found = Verdict(
        name, kind, f"{kind}: said of {name}, 40 % of it", effect, interval, 0.02, BOX, "recurring", ["a/1.jpg", "a/2.jpg"]
    )
    return dataclasses.replace(found, necessity=0.3, share=0.85, limit=0.4, candidates=4, recipients=29, exhibits=shown)


def audit(*verdicts: Verdict, model: str = "net") -> Audit:
    settings = {"seed": 0, "budget": 7000, "tolerated": 0.1, "false_discoveries": 0.05, "weights": "0123abcd"}
    return Audit(
        list(verdicts), model, "as it is", 120, 2730, settings, ["cues that move", "a border"], ["a note"], day="2024-02-29"
    )


def text_of(found: Audit) -> str:
    return found.html_bytes().decode().replace("\u00a0", " ").replace("&nbsp;", " ")


def test_a_shortcut_is_shown_by_four_pictures(tmp_path: Path) -> None:
    text = text_of(audit(verdict(SHORTCUT)))
    assert re.findall(r'alt="([^"]*)"', text) == [
        "A photo of bear: the network says bear",
        "The same without the cue: the network says cow",
        "The cue on a photo of cow: the network says bear",
        "Control: another part of the cue&#39;s photo: the network says cow",
    ]
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', text)
    assert [base64.b64decode(source) for source in sources] == [picture()] * 4
    assert text.count('class="frame" style="inset: 80.00% 75.00% 0.00% 0.00%"') == 4
    assert re.findall(r'<b class="turned">(\w+)</b>', text) == ["cow", "bear"]  # what the network should not say
    assert "<b>cow</b> (0.99)" in text


def test_the_figures_stand_beside_the_sentence() -> None:
    text = text_of(audit(verdict(SHORTCUT)))
    assert "<h1>Audit of net on 120 photos</h1>" in text
    assert "<b>Not passed.</b> 1 of 1 class leans on a shortcut: bear." in text
    assert '<p class="said">shortcut: said of bear, 40 % of it</p>' in text
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))
    assert facts["effect [95 % interval]"] == "90 % [50 %, 100 %]"
    assert facts["answers that change when it is taken away, beyond controls"] == "30 %"
    assert facts["photos of the class kept for the trials that show it"] == "85 %"
    assert facts["photos that matched controls turn"] == "2 %"
    assert facts["photos that it turns, controls not subtracted"] == "92 % (27 of 29)"
    assert facts["why it was tried"] == "the same pixels recur there"
    assert (facts["candidates tried"], facts["photos of other classes that it was tried on"]) == ("4", "29")
    assert "<summary>2 photos that show the cue, of those kept for the trials</summary>" in text
    assert "<li>a/1.jpg</li><li>a/2.jpg</li>" in text
    assert "<li>cues that move</li><li>a border</li>" in text
    settings = dict(re.findall(r"<tr><th>([^<]*)</th><td>([^<]*)</td></tr>", text))
    assert settings["a cue is declared where its effect surely exceeds"] == "10 %"
    assert settings["passes for a class, at most"] == "7,000"
    assert settings["the same pixels: at least"] == "10 % of the class's photos, 3 times as often as in others".replace(
        "'", "&#39;"
    )
    assert (settings["made on"], settings["model"]) == ("2024-02-29", "net")
    assert settings["weights, by the first digits of their SHA-256"] == "0123abcd"
    assert "torch" in settings
    assert "a note" in text


def test_photos_with_the_cue_and_those_without_stand_beside_each_other_wrong_ones_first() -> None:
    many = [f"c/{number}.jpg" for number in range(200)]
    one = dataclasses.replace(verdict(SHORTCUT), carrying=PhotoGroup(40, 39, ["b/1.jpg"]), others=PhotoGroup(600, 300, many))
    text = text_of(audit(one))
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))
    assert facts["answered rightly, of all that show it"] == "98 % of 40 photos"
    assert facts["answered rightly, of all that do not"] == "50 % of 600 photos"
    assert re.findall(r"<summary>([^<]*)</summary>", text)[:3] == [
        "1 photo answered wrongly, of those that show the cue",
        "300 photos answered wrongly, of those that do not show it",
        "2 photos that show the cue, of those kept for the trials",
    ]
    assert text.count("<li>c/") == 200
    assert "And 100 others." in text
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text_of(audit(dataclasses.replace(one, others=PhotoGroup())))))
    assert facts["answered rightly, of all that do not"] == "there is none"


def test_all_that_was_tried_is_listed_the_strongest_first() -> None:
    cues = [
        TriedCue(
            "evidence", "bear@0.10,0.10,0.20,0.20", "what lies in the middle", (0.1, 0.1, 0.2, 0.2), 0.02, 0.4, 30, 1.0, False
        ),
        TriedCue("recurring", "bear@0.80,0.00,1.00,0.25", "the same pixels in the corner", BOX, 0.9, 0.0, 29, 0.8, True),
    ]
    text = text_of(audit(dataclasses.replace(verdict(SHORTCUT), tried=cues, shuffled=0.25)))
    table = text.partition('<table class="tried">')[2].partition("</table>")[0]
    assert "<summary>2 candidates tried</summary>" in text
    assert re.findall(r"<td[^>]*>([^<]*)</td>", table) == [
        *("the same pixels in the corner", "90 %", "0 %", "29", "more than is tolerated"),
        *("what lies in the middle", "2 %", "40 %", "30", ""),
    ]
    assert "<dt>photos that its pixels turn in another order</dt><dd>25 %</dd>" in text


def test_cues_of_the_whole_photo_have_their_effect_and_no_place() -> None:
    ring = dataclasses.replace(verdict(SURROUNDINGS), place=None, cue="ring", exhibits=[])
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text_of(audit(ring))))
    assert facts["effect [95 % interval]"] == "90 % [50 %, 100 %]"
    assert facts["why it was tried"] == "it is the outer ring of the photos"
    assert "that show the cue, of those kept for the trials" not in text_of(audit(ring))
    dark = dataclasses.replace(ring, cue="brightness")
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text_of(audit(dark))))
    assert facts["why it was tried"] == "it sets the class apart from others"
    assert "2 photos that show the cue, of those kept for the trials" in text_of(audit(dark))


def test_a_cue_can_be_declared_legitimate_and_whoever_did_stands_there() -> None:
    one = dataclasses.replace(verdict(SHORTCUT), cue_id="bear@0.80,0.00,1.00,0.25")
    assert "<dt>for its owner, to declare it legitimate</dt><dd>--accept &#39;bear@0.80,0.00,1.00,0.25&#39;</dd>" in text_of(
        audit(one)
    )
    accepted = dataclasses.replace(one, acceptance=Acceptance(0, BOX, "", "Dr. Who", "2026-11-23"))
    text = text_of(audit(accepted))
    assert "<dt>declared legitimate</dt><dd>2026-11-23: Dr. Who</dd>" in text
    assert "<b>Passed.</b>" in text
    assert "1 of 1 class leans on a shortcut that is declared legitimate: bear." in text


def test_classes_stand_by_what_was_found_and_by_effect() -> None:
    found = [verdict(NONE, "newt", 0.01, (-0.2, 0.3)), verdict(LOCAL, "lark"), verdict(UNDECIDED, "urchin")]
    found += [verdict(SHORTCUT, "snail", 0.4), verdict(SHORTCUT, "shark", 0.8)]
    text = text_of(audit(*found))
    names = ["shark", "snail", "lark", "urchin", "newt"]
    assert re.findall(r'<a href="#class-\d">(\w+)</a>', text) == names
    assert re.findall(r"<header><h2>(\w+)</h2>", text) == names
    assert text.count("<img") == 12  # the class of which nothing was found has none
    assert text.count("no effect is stated") == 1
    # An effect below zero: the scale has two sides.
    assert re.findall(r'<span style="left: (\d+)%">([^<]*)</span>', text)[:3] == [("0", "−100 %"), ("25", "−50 %"), ("50", "0 %")]
    assert "<dt>the strongest candidate&#39;s effect [95 % interval]</dt><dd>1 % [−20 %, 30 %]</dd>" in text
    assert 'aria-label="Effect 1 %, interval −20 % to 30 %"' in text
    assert '<i class="none" style="left: 40.00%; right: 35.00%"></i><b style="left: 50.50%"></b>' in text


def test_without_an_effect_below_zero_the_scale_begins_there() -> None:
    text = text_of(audit(verdict(SHORTCUT, effect=0.9, interval=(0.5, 1.0))))
    assert re.findall(r'<span style="left: (\d+)%">([^<]*)</span>', text)[:2] == [("0", "0 %"), ("25", "25 %")]
    assert '<i class="shortcut" style="left: 50.00%; right: 0.00%"></i><b style="left: 90.00%"></b>' in text


@pytest.mark.parametrize(
    ("kinds", "title", "words"),
    [
        ((NONE, LOCAL), "Passed.", "None of the classes was found to lean on an overlay"),
        ((NONE,), "Passed.", "The class was not found to lean on an overlay"),
        (
            (SHORTCUT, SHORTCUT, NONE),
            "Not passed.",
            "2 of 3 classes lean on a shortcut: class 0, class 1. Nothing was found of 1 class; that does not clear it.",
        ),
        (
            (UNDECIDED, NONE),
            "Not passed.",
            "1 of 2 classes is undecided: class 0. Nothing was found of 1 class; that does not clear it.",
        ),
        (
            (UNDECIDED,) * 9,
            "Not passed.",
            "9 of 9 classes are undecided: class 0, class 1, class 2, class 3, class 4, class 5 and 3",
        ),
    ],
)
def test_the_overall_line_never_says_that_there_is_none(kinds: tuple[str, ...], title: str, words: str) -> None:
    found = audit(*(verdict(kind, f"class {number}") for number, kind in enumerate(kinds)))
    (first, rest) = overall(found.record())
    assert first == title
    assert rest.startswith(words)
    assert "clean" not in text_of(found)
    if title == "Passed.":
        assert rest.endswith("What was not tried may exist.")


def test_nothing_is_fetched_and_names_stay_texts(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\n&<img src=x>"
    one = dataclasses.replace(
        verdict(SHORTCUT, evil), photos=[f"{evil}.jpg"], exhibits=[dataclasses.replace(FOUR[0], title=evil)]
    )
    path = audit(one, model="/home/ann/secret/net.py:build").save(tmp_path / "x.html")
    text = path.read_text()
    assert "<script" not in text
    assert "<img src=x>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "http" not in text.replace("http-equiv", "")
    assert not re.search(r"@import|url\(", text)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    for private in ("/home", "secret", str(tmp_path), "GPS"):
        assert private not in text
    assert "net.py:build" in text


def test_it_has_a_dark_dress_a_narrow_one_and_one_for_paper() -> None:
    text = text_of(audit(verdict(SHORTCUT)))
    assert text.count("@media (prefers-color-scheme: dark)") == 3  # the base's, the sheet's and its own
    narrow = text[text.index("@media (max-width: 30rem)") : text.index("@media print")]
    assert ".tried tr { display: grid;" in narrow  # five columns beside each other leave two letters for each
    assert "@media print" in text


def test_the_record_lies_beside_the_page(tmp_path: Path) -> None:
    found = audit(verdict(SHORTCUT), verdict(NONE, "cow"))
    assert found.save(tmp_path / "x.html") == tmp_path / "x.html"
    assert (tmp_path / "x.json").read_bytes() == found.json_bytes()
    record: dict[str, Any] = json.loads((tmp_path / "x.json").read_text())
    assert [one["class_name"] for one in record["verdicts"]] == ["bear", "cow"]
    assert "exhibits" not in record["verdicts"][0]


def test_its_bytes_have_an_end_and_the_largest_effects_keep_their_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    found = audit(*(verdict(SHORTCUT, f"class {number}", number / 10) for number in range(10)))
    whole = found.html_bytes()
    assert whole.count(b"<img") == 40
    monkeypatch.setattr(pages, "MOST_BYTES", len(whole) - 5000)
    fewer = found.html_bytes()
    assert len(fewer) <= len(whole) - 5000
    assert 0 < fewer.count(b"<img") < 40
    kept = [
        name for name in range(10) if b"<img" in fewer.partition(f"<h2>class {name}</h2>".encode())[2].partition(b"</section>")[0]
    ]
    assert kept == list(range(10 - len(kept), 10))


def test_a_thousand_classes_are_one_page() -> None:
    found = audit(*(verdict(SHORTCUT, f"class {number}", number / 1000) for number in range(1001)))
    text = text_of(found)
    assert len(text.encode()) <= pages.MOST_BYTES
    assert text.count('<section class="card class"') == pages.MOST_CARDS
    assert "200 of 1,001 classes have a card, shortcuts first." in text
    assert "1000 of 1,001 classes; the JSON file has all." in text


def test_what_became_of_planted_cues_is_a_table_of_its_own() -> None:
    cues = [
        PlantedCue("bear <b>", "logo", 0.6, 0.92, True, SHORTCUT, True, BOX, "said so"),
        PlantedCue("cow", "sticker", 1.0, 0.8, False, NONE, False, None, "said so"),
        PlantedCue("cow", "date stamp", 1.0, 0.3, True, LOCAL, True, BOX, "said so"),
    ]
    text = text_of(dataclasses.replace(audit(verdict(NONE)), planted=cues))
    assert "On your photos, 1 of 2 planted cues were found, 1 as a shortcut (sensitivity only, for clear" in text
    table = text[text.index('<table class="planted">') :]
    rows = [re.findall(r"<td[^>]*>(?:<span[^>]*>)?([^<]*)", row) for row in table.split("<tr>")[2:5]]
    assert rows == [
        ["bear &lt;b&gt;", "logo", "60 %", "92 %", "taught", "shortcut", "found"],
        ["cow", "sticker", "100 %", "80 %", "", "none found", "missed"],
        ["cow", "date stamp", "100 %", "30 %", "taught", "local reliance", "not learned"],
    ]
    assert "<b>Passed.</b>" in text
    assert "Planted cues" not in text_of(audit(verdict(NONE)))
    nothing = text_of(dataclasses.replace(audit(verdict(NONE)), planted=[]))
    assert "Nothing could be planted" in nothing
    assert '<table class="planted">' not in nothing


def test_clean_networks_of_ours_stand_beside_the_effect() -> None:
    def facts(one: Verdict) -> dict[str, str]:
        return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text_of(audit(one))))

    name = "clean networks of ours that reach its score, the lower end of a 95 % interval"
    shortcut = verdict(SHORTCUT)
    assert name not in facts(shortcut)
    for calibration, said in (
        (Calibration("overlay", 0.81, 0, 61), "0 of 61 (score 81 %)"),
        (Calibration("overlay", 0.81, 2, 61, "too few"), "2 of 61 (score 81 %), outside their range"),
    ):
        assert facts(dataclasses.replace(shortcut, calibration=calibration))[name] == said
    assert name not in facts(dataclasses.replace(shortcut, calibration=Calibration("overlay", 0.81, 0, 0)))


def test_a_class_with_none_shows_no_photos_of_a_cue_that_was_not_found() -> None:
    text = text_of(audit(verdict(NONE), verdict(SHORTCUT, "cow")))
    assert re.findall(r"<summary>([^<]*)</summary>", text) == [
        "2 photos that show the cue, of those kept for the trials",
        "All figures of cow",
        "All figures of bear",
        "Settings, thresholds and versions",
    ]


def test_a_cue_that_classes_share_is_named_with_them() -> None:
    cue = TriedCue("moving", "bear@moving", "the same pixels", None, 0.5, 0.1, 40, 0.9, True, ["cow", "sheep"])
    assert "<td>the same pixels, shared with cow, sheep</td>" in text_of(audit(dataclasses.replace(verdict(LOCAL), tried=[cue])))


def test_what_a_person_may_do_next_stands_with_each_kind_that_decides() -> None:
    calibration = Calibration("overlay", 0.81, 2, 61)
    unsure = dataclasses.replace(verdict(LOCAL), calibration=calibration, uncalibrated=calibration.uncalibrated)
    accepted = dataclasses.replace(verdict(SHORTCUT), acceptance=Acceptance(0, None, "moving", "ours", "2024-01-01"))
    by_verdict = [
        (verdict(SHORTCUT), SHORTCUT),
        (unsure, UNCALIBRATED),
        (verdict(LOCAL), LOCAL),
        (verdict(SURROUNDINGS), SURROUNDINGS),
        (accepted, None),
        (verdict(NONE), None),
        (verdict(UNDECIDED), None),
    ]
    for one, state in by_verdict:
        expected = [] if state is None else [NEXT[state]]
        assert re.findall(r"<p><b>What now:</b> ([^<]*)</p>", text_of(audit(one))) == expected


def test_an_overlay_whose_score_is_uncalibrated_is_for_a_person_to_judge() -> None:
    calibration = Calibration("overlay", 0.81, 2, 61)
    unsure = dataclasses.replace(verdict(LOCAL), calibration=calibration, uncalibrated=calibration.uncalibrated)
    assert overall(audit(unsure, verdict(NONE, "cow")).record()) == (
        "Not passed.",
        "1 of 2 classes relies on an overlay whose score is uncalibrated: bear. You judge that. "
        "Nothing was found of 1 class; that does not clear it.",
    )
    accepted = dataclasses.replace(unsure, acceptance=Acceptance(0, None, "moving", "ours", "2024-01-01"))
    (state, words) = overall(audit(accepted, dataclasses.replace(accepted, class_name="cow")).record())
    assert state == "Passed."
    assert words.startswith(
        "2 of 2 classes rely on an overlay whose score is uncalibrated, declared legitimate: bear, cow. No oth"
    )
