"""What was measured of the audit's bench and stays with the project: ``audit_records.jsonl``, one network a line, by name.

A line holds what the tables and the bank need of a network, and what it was measured with. Where that is what would be measured
now, the line is taken instead. ``python -m bench.audit_networks --half counted --keep`` (and ``bench.audit_bank --keep``) writes
what lies under ``out/audits`` into the file; several machines may each add theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.audit_specs import Spec
from bench.audit_table import is_by_photo
from bench.audit_training import RECIPE
from seewhy.files import write_whole

PLACE = Path(__file__).with_name("audit_records.jsonl")
OF_SPEC = ("name", "half", "setup", "backbone", "animals", "cue", "style", "prevalence", "classes", "redundant")
OF_VERDICT = (
    *("class_name", "kind", "uncalibrated", "cue", "effect", "interval", "place", "right", "recipients", "scores"),
    *("fresh_effect", "fresh_photos"),
)
ROUNDED = {"effect": 4, "interval": 4, "fresh_effect": 4, "place": 3}  # digits; the bank has its scores whole

Record = dict[str, Any]


def conditions(spec: Spec, audit: str, per_class: int, budget: int) -> Record:
    """What a network is measured with. audit : its digest."""
    return {"spec": spec.digest, "recipe": RECIPE, "audit": audit, "per_class": per_class, "budget": budget}


def reduced(spec: Spec, conditions: Record, parts: Record) -> Record:
    """A line. parts : "truth", "verdicts", "passes", "boxes", and "peers" where they were measured."""
    own = asdict(spec)
    line = {name: own[name] for name in OF_SPEC} | conditions
    line |= {"truth": _rounded(parts["truth"], 4), "passes": parts["passes"]}
    line["verdicts"] = [_verdict(line, verdict) for verdict in parts["verdicts"]]
    named = {path for verdict in line["verdicts"] for path in verdict.get("boxes", ())}
    line["boxes"] = {path: _rounded(box, 3) for path, box in parts["boxes"].items() if path in named}
    if "peers" in parts:
        line["peers"] = {peer: _rounded(parts["peers"][peer], 6) for peer in parts["peers"] if not peer.startswith("seconds")}
    return dict(json.loads(json.dumps(line)))  # as it is read from the file: no tuples


def _verdict(line: Record, verdict: Record) -> Record:
    kept = {name: verdict[name] for name in OF_VERDICT if name in verdict}
    kept |= {name: _rounded(kept[name], digits) for name, digits in ROUNDED.items() if name in kept}
    if verdict.get("boxes") and is_by_photo(line, verdict):
        kept["boxes"] = {path: _rounded(box, 3) for path, box in verdict["boxes"].items()}
    return kept


def _rounded(value: Any, digits: int) -> Any:
    """With every number in it rounded."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, Mapping):
        return {name: _rounded(one, digits) for name, one in value.items() if not name.startswith("seconds")}
    return [_rounded(one, digits) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def read() -> dict[str, Record]:
    """All lines by name; none where there is no file."""
    if not PLACE.is_file():
        return {}
    lines = [json.loads(line) for line in PLACE.read_text().splitlines()]
    return {line["name"]: line for line in lines}


def recorded(spec: Spec, conditions: Record, beside_peers: bool) -> Record | None:
    """The line of a network that was measured with the same; None where none was."""
    line = read().get(spec.name)
    if line is None or any(line[name] != value for name, value in conditions.items()):
        return None
    return line if "peers" in line or not beside_peers else None


def keep(records: Iterable[Record]) -> int:
    """The lines are put beside those of other networks and in place of older ones, and the file is written whole or not at all.
    Returns how many there are then."""
    lines = read() | {record["name"]: record for record in records}
    texts = [json.dumps(lines[name], ensure_ascii=False, separators=(",", ":"), allow_nan=False) for name in sorted(lines)]
    write_whole(PLACE, "".join(f"{text}\n" for text in texts).encode())
    return len(lines)
