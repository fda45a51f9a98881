"""An audit as one page: the sentence first, and beside it what was done to which photos. No script, and nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE
from seewhy.audit.exhibits import WITHOUT, Exhibit
from seewhy.audit.judge import LEAST_EFFECT
from seewhy.audit.kinds import (
    BORDER,
    CORNER,
    CUE,
    EVIDENCE,
    LOCAL,
    MOVING,
    NONE,
    RECURRING,
    RING,
    SHORTCUT,
    SURROUNDINGS,
    UNDECIDED,
)
from seewhy.audit.planted import LEAST_TURNED
from seewhy.edits import Box
from seewhy.formatting import format_score, format_share, shortened
from seewhy.show.html import environment
from seewhy.store.report.heading import photos_in_words
from seewhy.store.report.record import without_folders

MOST_BYTES = 10_000_000
MOST_CARDS = 200
MOST_LISTED = 1000  # rows of the table of classes
MOST_PATHS = 200  # of a class
MOST_NOTES = 20
LONGEST_NAME = 60  # letters of a class
LONGEST_PATH = 200
NO_BREAK = "\u00a0"
KIND_NAMES = {
    SHORTCUT: "shortcut",
    SURROUNDINGS: "surroundings",
    LOCAL: "local reliance",
    UNDECIDED: "undecided",
    NONE: "none found",
}
ORDER = tuple(KIND_NAMES)  # of the cards
UNCALIBRATED = "uncalibrated"
_WHY = {
    RECURRING: "the same pixels recur there",
    EVIDENCE: "the maps are brightest there",
    CORNER: "it is a corner; no other place was known of the class",
    MOVING: "the same pixels recur, elsewhere in each photo",
    BORDER: "some photos of the class have the same border",
    RING: "it is the outer ring of the photos",
}
NEXT = {
    SHORTCUT: "take it off the photos that the network is trained on, or add photos of this class without it; train, and audit "
    "again. If the cue is what the class is, its owner may declare it legitimate.",
    UNCALIBRATED: "look at the pictures. If it is part of the object, or what the class is, its owner may declare it legitimate; "
    "if it has no business there, treat it as a shortcut.",
    SURROUNDINGS: "will photos of this class look like that where the network is used? If not, train with photos of the class "
    "that do not, and audit again.",
    LOCAL: "look at the pictures. If what lies there is the object, that is what a network should look at; a corner, a date or a "
    "mark is not.",
}  # what a person may do about it
_HERE = Path(__file__).parent


def page(record: Mapping[str, Any], exhibits: Sequence[Sequence[Exhibit]]) -> str:
    """The page as text, at most MOST_BYTES long in UTF-8. record : of an audit. exhibits : of each of its verdicts."""
    verdicts = list(zip(record["verdicts"], exhibits, strict=True))
    verdicts.sort(key=lambda pair: (ORDER.index(pair[0]["kind"]), -pair[0]["effect"]))
    lowest = -1.0 if any(_is_measured(one) and min(one["effect"], one["interval"][0]) < 0 for one, _ in verdicts) else 0.0
    rows = [_row(one, number if number < MOST_CARDS else None) for number, (one, _) in enumerate(verdicts)]
    cards = [
        row | {"shots": _shots(shown, one), "facts": _figures(one), "paths": _paths(one), "tried": _tried(one)}
        for row, (one, shown) in list(zip(rows, verdicts, strict=True))[:MOST_CARDS]
    ]
    model = shortened(without_folders(record["model"]), LONGEST_NAME)
    context = {
        "title": f"Audit of {model or 'the network'} on {photos_in_words(record['photos'])}",
        "about": [without_folders(record["preprocessing"]), f"{record['passes']:,} passes of the network"],
        "record": dict(record) | {"notes": [without_folders(note) for note in record["notes"]]},
        "overall": overall(record),
        "listed": rows[:MOST_LISTED],
        "cards": cards,
        "kinds": KIND_NAMES,
        "planted": _planted(record["planted"] or []),
        "facts": _settings(record),
        "marks": [_percent(share) for share in ((-1.0, -0.5, 0.0, 0.5, 1.0) if lowest else (0.0, 0.25, 0.5, 0.75, 1.0))],
        "place": lambda share: f"{_along(share, lowest):.2f}",
        "right": lambda share: f"{100 - _along(share, lowest):.2f}",
        "most_notes": MOST_NOTES,
    }
    template = environment(_HERE / "templates").get_template("audit.html")
    while True:
        text = template.render(context)
        excess = len(text.encode()) - MOST_BYTES
        pictured = [card for card in cards if card["shots"]]
        if excess <= 0 or not pictured:
            return text
        while pictured and excess > 0:  # the pictures of the classes with the least effects go
            excess -= sum(len(shot["source"]) for shot in pictured[-1]["shots"])
            pictured.pop()["shots"] = []


def overall(record: Mapping[str, Any]) -> tuple[str, str]:
    """Whether the audit is passed, and what that means. Never that there is no shortcut."""
    count = len(record["verdicts"])

    def names(kind: str, accepted: bool = False) -> list[str]:
        own = [one for one in record["verdicts"] if _state(one) == kind and (one["acceptance"] is not None) == accepted]
        return [shortened(one["class_name"], LONGEST_NAME) for one in own]

    (found, unsure, legitimate) = (names(SHORTCUT), names(UNDECIDED), names(SHORTCUT, accepted=True))
    (uncalibrated, declared) = (names(UNCALIBRATED), names(UNCALIBRATED, accepted=True))
    around = names(SURROUNDINGS)
    of_all = f"of {count:,} class{'' if count == 1 else 'es'}"
    parts = []
    if found:
        parts.append(f"{len(found):,} {of_all} lean{'s' * (len(found) == 1)} on a shortcut: {_named(found)}.")
    if uncalibrated:
        parts.append(f"{len(uncalibrated):,} {of_all} {_rely(uncalibrated)}: {_named(uncalibrated)}. You judge that.")
    if around:
        their = "its" if len(around) == 1 else "their"
        parts.append(
            f"{len(around):,} {of_all} lean{'s' * (len(around) == 1)} on {their} surroundings: {_named(around)}. You judge that."
        )
    if unsure:
        parts.append(f"{len(unsure):,} {of_all} {'is' if len(unsure) == 1 else 'are'} undecided: {_named(unsure)}.")
    if legitimate:
        leans = f"lean{'s' * (len(legitimate) == 1)} on a shortcut that is declared legitimate"
        parts.append(f"{len(legitimate):,} {of_all} {leans}: {_named(legitimate)}.")
    if declared:
        parts.append(f"{len(declared):,} {of_all} {_rely(declared)}, declared legitimate: {_named(declared)}.")
    if not record["passed"]:
        nothing = len(names(NONE))
        if nothing:
            (classes, them) = ("class", "it") if nothing == 1 else ("classes", "them")
            parts.append(f"Nothing was found of {nothing:,} {classes}; that does not clear {them}.")
        return "Not passed.", " ".join(parts)
    others = "No other class was" if legitimate or declared else "None of the classes was" if count != 1 else "The class was not"
    return "Passed.", " ".join(
        [
            *parts,
            f"{others} found to lean on an overlay. What was not tried may exist.",
        ]
    )


def _state(verdict: Mapping[str, Any]) -> str:
    return UNCALIBRATED if verdict["uncalibrated"] else str(verdict["kind"])


def _rely(names: Sequence[str]) -> str:
    return f"rel{'ies' if len(names) == 1 else 'y'} on an overlay whose score is uncalibrated"


def _named(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} others" if len(names) > most else "")


def _is_measured(verdict: Mapping[str, Any]) -> bool:
    return verdict["kind"] != UNDECIDED and bool(verdict["cue"])


def _row(verdict: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """A class as the template sees it. number : of its card."""
    (low, high) = (max(verdict["interval"][0], -1.0), min(verdict["interval"][1], 1.0))
    figures = f"{_percent(verdict['effect'])} [{_percent(low)}, {_percent(high)}]"
    return {
        "name": shortened(verdict["class_name"].replace("\n", " "), LONGEST_NAME),
        "anchor": "" if number is None else f"class-{number}",
        "kind": verdict["kind"],
        "sentence": verdict["sentence"].replace(" %", f"{NO_BREAK}%"),
        "effect": verdict["effect"],
        "low": low,
        "high": high,
        "measured": _is_measured(verdict),
        "next": "" if verdict["acceptance"] is not None else NEXT.get(_state(verdict), ""),
        "in_figures": figures,
        "in_words": f"Effect {_percent(verdict['effect'])}, interval {_percent(low)} to {_percent(high)}",
    }


def _shots(exhibits: Sequence[Exhibit], verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "title": one.title,
            "source": f"data:image/jpeg;base64,{base64.b64encode(one.picture).decode('ascii')}",
            "answer": shortened(one.answer, LONGEST_NAME),
            "score": f" ({format_score(one.score)})",
            "turned": (one.role == CUE) == (one.answer == verdict["class_name"]) and one.role in (CUE, WITHOUT),
            "frame": "" if one.frame is None else _inset(one.frame),
        }
        for one in exhibits
    ]


def _inset(box: Box) -> str:
    """A box as the distances from the four sides of a picture, in CSS."""
    (top, left, bottom, right) = box
    return " ".join(f"{100 * side:.2f}%" for side in (top, 1 - right, 1 - bottom, left))


def _figures(verdict: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of a class, by name."""
    (share, necessity) = (verdict["share"], verdict["necessity"])
    (measured, decided) = (_is_measured(verdict), verdict["kind"] != NONE)
    effect = "effect [95 % interval]" if decided else "the strongest candidate's effect [95 % interval]"
    figures = {
        effect: _row(verdict, None)["in_figures"] if measured else "",
        "photos that it turns, controls not subtracted": _turned(verdict) if measured else "",
        "photos that matched controls turn": _percent(verdict["control"]) if measured else "",
        "answers that change when it is taken away, beyond controls": "" if necessity is None else _percent(necessity),
        "no candidate turns more, beyond its controls, than": _percent(verdict["limit"])
        if verdict["limit"] < 1 and verdict["kind"] in (NONE, UNDECIDED)
        else "",
        "clean networks of ours that reach its score, the lower end of a 95 % interval": _reached(verdict["calibration"]),
        "candidates tried": f"{verdict['candidates']:,}",
        "photos of other classes that it was tried on": f"{verdict['recipients']:,}",
        "photos of the class kept for the trials that show it": ""
        if share is None or verdict["cue"] not in (RECURRING, MOVING)
        else _percent(share),
        "photos that its pixels turn in another order": ""
        if verdict["shuffled"] is None or not decided
        else _percent(verdict["shuffled"]),
        "answered rightly, of all that show it": _accuracy(verdict["carrying"]),
        "answered rightly, of all that do not": _accuracy(verdict["others"]),
        "why it was tried": _WHY.get(verdict["cue"], "it sets the class apart from others") if verdict["cue"] else "",
        "photos of the class": f"{verdict['labelled']:,}",
        "of these used: answered rightly, a burst counted once": f"{verdict['right']:,}",
        "near-copies of them left out": f"{verdict['copies']:,}",
        "for its owner, to declare it legitimate": f"--accept '{shortened(verdict['cue_id'], LONGEST_PATH)}'"
        if verdict["cue_id"]
        else "",
        "declared legitimate": "" if verdict["acceptance"] is None else _acceptance(verdict["acceptance"]),
    }
    return [(name, value) for name, value in figures.items() if value]


def _turned(verdict: Mapping[str, Any]) -> str:
    """The share, and how many of how many photos that is."""
    (share, recipients) = (verdict["effect"] + verdict["control"], verdict["recipients"])
    return f"{_percent(share)} ({round(share * recipients):,} of {recipients:,})"


def _reached(calibration: Mapping[str, Any] | None) -> str:
    """Beside the score itself: the lower end of an interval."""
    if calibration is None or not calibration["networks"]:
        return ""
    outside = ", outside their range" if calibration["outside"] else ""
    return f"{calibration['reached']:,} of {calibration['networks']:,} (score {_percent(calibration['score'])}){outside}"


def _acceptance(acceptance: Mapping[str, Any]) -> str:
    return f"{acceptance['date']}: {shortened(acceptance['reason'] or 'by nobody who is named', LONGEST_PATH)}"


def _tried(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    """All candidates of a class, the strongest first."""
    return [
        {
            "words": _shared(one["words"], one["shared_with"]),
            "effect": _percent(one["effect"]),
            "control": _percent(one["control"]),
            "recipients": f"{one['recipients']:,}",
            "declared": "more than is tolerated" if one["declared"] else "",
        }
        for one in sorted(verdict["tried"], key=lambda one: -one["effect"])
    ]


def _shared(words: str, names: Sequence[str]) -> str:
    return f"{words}, shared with {_named([shortened(name, LONGEST_NAME) for name in names])}" if names else words


def _planted(planted: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The cues that were planted, as the template sees them."""
    return [
        {
            "name": shortened(one["class_name"].replace("\n", " "), LONGEST_NAME),
            "cue": one["cue"],
            "share": _percent(one["share"]),
            "turned": _percent(one["turned"]),
            "taught": "taught" if one["taught"] else "",
            "kind": one["kind"],
            "found": "not learned" if one["turned"] < LEAST_TURNED else "found" if one["found"] else "missed",
        }
        for one in planted
    ]


def _accuracy(group: Mapping[str, Any] | None) -> str:
    if group is None:
        return ""
    if not group["photos"]:
        return "there is none"
    return f"{_percent(group['right'] / group['photos'])} of {photos_in_words(group['photos'])}"


def _paths(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists of photos, the wrong ones first."""
    lists = []
    for group, words in ((verdict["carrying"], "show the cue"), (verdict["others"], "do not show it")):
        wrong = 0 if group is None else group["photos"] - group["right"]
        if wrong:
            lists.append((wrong, f"answered wrongly, of those that {words}", group["wrong"]))
    if verdict["photos"] and verdict["kind"] != NONE and verdict["cue"] not in (EVIDENCE, CORNER, RING):  # each has its own there
        lists.append((len(verdict["photos"]), "that show the cue, of those kept for the trials", verdict["photos"]))
    return [
        {
            "title": f"{photos_in_words(count)} {words}",
            "paths": [shortened(path, LONGEST_PATH) for path in paths[:MOST_PATHS]],
            "left_out": max(0, count - MOST_PATHS),
        }
        for count, words, paths in lists
    ]


def _settings(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = {
        "made on": record["day"],
        "model": without_folders(record["model"]),
        "preprocessing": without_folders(record["preprocessing"]),
        "passes of the network": f"{record['passes']:,}",
        **{_NAMES.get(name, name.replace("_", " ")): _word(name, value) for name, value in record["settings"].items()},
        "the same pixels: at least": f"{_percent(LEAST_SHARE)} of the class's photos, {LEAST_LIFT:g} times as often as in others",
        "undecided": f"where a candidate may turn more than {_percent(LEAST_EFFECT)} of other photos",
        "photos that would do": "if what may turn the most went on as it began",
        **record["versions"],
    }
    return list(settings.items())


_NAMES = {
    "tolerated": "a cue is declared where its effect surely exceeds",
    "false_discoveries": "expected share of false ones among the declared, at most",
    "budget": "passes for a class, at most",
    "clean_networks": "clean networks of ours that a score is set beside; never a p-value of this one",
    "weights": "weights, by the first digits of their SHA-256",
    "trials": "the trials' folder ends with",
}
_SHARES = ("tolerated", "false_discoveries")


def _word(name: str, value: Any) -> str:
    if name in _SHARES:
        return _percent(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and name != "seed" else str(value)


def _along(share: float, lowest: float) -> float:
    """Where a share lies on the scale, in percent."""
    return 100 * min(1.0, max(0.0, (share - lowest) / (1 - lowest)))


def _percent(share: float) -> str:
    """A share in percent, with a minus where it is one."""
    text = format_share(abs(share)).replace(" ", NO_BREAK)
    return f"−{text}" if share < 0 and text != f"0{NO_BREAK}%" else text
