"""What the audit says of networks trained to rely on a cue, or not: ``python -m bench.audit_networks --half tuned --most 20``.

``bench/audit_specs.py`` is the table of networks, in a half that is tuned on and one that is counted once. Each network is
trained, asked by an oracle what it leans on (``audit_oracle.py``), audited, and looked at as others would
(``audit_peers.py``). All is kept under ``out/audits``, each part by what it depends on: a run that is cut off goes on, and a
changed audit needs no training. ``--only`` takes part of a name; ``--part 0/2`` every second network, so that two processes
share the work; ``--no-audit`` trains and asks the oracle alone. ``--keep`` writes what was measured into
``bench/audit_records.jsonl`` (``audit_records.py``), ``--recorded`` shows what stands there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import seewhy
from bench import audit_effects, audit_oracle, audit_peers, audit_records, audit_table
from bench.audit_specs import BANK, HALVES, Spec, specs
from bench.audit_training import RECIPE, audited, classifier, write
from bench.timing import ROOT, Figure, console, options, save, show_figures
from seewhy.audit import calibration
from seewhy.audit.calibration import Bank
from seewhy.files import write_whole

PLACE = ROOT / "out" / "audits"
PER_CLASS = 80  # photos that are audited
BUDGET = 3_300  # passes for a class: 10,000 for a network
QUICK: dict[str, Any] = {
    "half": "tuned",
    "most": 3,
    "only": "demo:honest",
    "per_class": 24,
    "budget": 400,
}  # only heads are trained
# Of the audit: these say or draw what was decided, or plant cues of their own; no kind, place or interval depends on them.
SHOWING = ("accepting", "drawn_cues", "exhibits", "groups", "heads", "page", "planted", "planting", "sentences")

Record = dict[str, Any]


def record(spec: Spec, audit: bool = True, per_class: int = PER_CLASS, budget: int = BUDGET, beside_peers: bool = True) -> Record:
    """All that is known of one network: its line of ``audit_records.jsonl``, or each part out of its file, where it was measured
    before."""
    places = _places(spec, per_class, budget, beside_peers)
    if not audit:
        truth = _kept(places["truth"], lambda: _truth(spec))
        return dict(json.loads(json.dumps(asdict(spec) | {"truth": truth})))  # as it is read from a file: no tuples
    conditions = audit_records.conditions(spec, sources_of(spec.half), per_class, budget)
    recorded = audit_records.recorded(spec, conditions, beside_peers)
    if recorded is not None:
        return recorded
    parts = {"truth": _kept(places["truth"], lambda: _truth(spec))}
    parts |= _kept(places["audit"], lambda: _audit(spec, per_class, budget))
    if beside_peers:
        parts["peers"] = _kept(places["peers"], lambda: _peers(spec, per_class))
    return audit_records.reduced(spec, conditions, parts)


def kept(spec: Spec, per_class: int = PER_CLASS, budget: int = BUDGET, beside_peers: bool = True) -> Record | None:
    """The record of a network of which every part was measured on this machine, with the audit as it is; else None."""
    if not all(place.is_file() for place in _places(spec, per_class, budget, beside_peers).values()):
        return None
    return record(spec, True, per_class, budget, beside_peers)


def _places(spec: Spec, per_class: int, budget: int, beside_peers: bool) -> dict[str, Path]:
    (folder, settings) = (PLACE / spec.digest, f"recipe {RECIPE}, {per_class} photos")
    places = {
        "truth": folder / f"oracle, recipe {RECIPE}.json",
        "audit": folder / f"audit with fresh photos {sources_of(spec.half)}, {settings}, budget {budget}.json",
    }
    return places | ({"peers": folder / f"peers, {settings}.json"} if beside_peers else {})


def _kept(path: Path, measure: Callable[[], Record]) -> Record:
    if not path.is_file():
        start = time.perf_counter()
        measured = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = {f"seconds of {path.name.split(',')[0].split()[0]}": round(time.perf_counter() - start, 1)}
        write_whole(path, json.dumps(measured | seconds, indent=1).encode())
    return dict(json.loads(path.read_text()))


def sources_of(half: str) -> str:
    """Eight digits that stand for the audit, what it does to photos, and how its effects are measured again on fresh ones: a
    changed one is measured again. The bank's numbers are a part of it but for the bank, which is measured without any."""
    digest = hashlib.sha256()
    root = Path(seewhy.__file__).parent
    sources = [path for folder in ("audit", "edits", "properties") for path in (root / folder).glob("*.py")]
    for path in sorted([*sources, *((root / "audit").glob("*.json") if half != BANK else ())]):
        if path.stem not in SHOWING:
            digest.update(path.read_bytes())
    if half != BANK:  # of which no effect is measured again
        digest.update(Path(audit_effects.__file__).read_bytes())
    return digest.hexdigest()[:8]


def _truth(spec: Spec) -> Record:
    start = time.perf_counter()
    clf = classifier(spec)
    trained = time.perf_counter() - start
    return asdict(audit_oracle.truth(spec, lambda photos: clf.scores(list(photos)).argmax(1))) | {
        "seconds of training": round(trained, 1)
    }


def _audit(spec: Spec, per_class: int, budget: int) -> Record:
    with tempfile.TemporaryDirectory() as folder:
        written = write(spec, audited(spec, per_class), Path(folder))
        with audit_effects.watched() as audits, _without_bank(spec.half == BANK):
            result = seewhy.audit(classifier(spec), folder, "folders", budget=budget, seed=spec.seed, progress=False)
        verdicts = result.record()["verdicts"]
        if spec.half != BANK:  # which is not counted
            verdicts = audit_effects.of_spec(spec, Path(folder), audits[0], verdicts)
    boxes = {path: one.box for path, one in written.items() if one.carries and one.box is not None}
    return {"verdicts": verdicts, "passes": result.passes, "boxes": boxes}


def _without_bank(wanted: bool) -> contextlib.AbstractContextManager[Any]:
    """Networks of the bank are not set beside those of an earlier one."""
    return mock.patch.object(calibration, "shipped", Bank) if wanted else contextlib.nullcontext()


def _peers(spec: Spec, per_class: int) -> Record:
    examples = audited(spec, per_class)
    labels = np.array([one.label for one in examples])
    return audit_peers.scores(classifier(spec), [one.photo for one in examples], labels)


def measured(
    half: str, most: int | None = None, only: str = "", part: str = "0/1", audit: bool = True, **settings: int
) -> Iterator[Record]:
    """The records of a half, in the table's order."""
    own = chosen(half, most, only, part)
    for number, spec in enumerate(own):
        one = record(spec, audit, **settings)
        console.print(f"{number + 1}/{len(own)} {in_a_line(one)}", highlight=False)
        yield one


def chosen(half: str, most: int | None = None, only: str = "", part: str = "0/1") -> list[Spec]:
    (turn, turns) = (int(number) for number in part.split("/"))
    return [spec for spec in specs(half) if only in spec.name][:most][turn::turns]


def in_a_line(record: Record) -> str:
    kinds = ", ".join(verdict["kind"] for verdict in record.get("verdicts", ()))
    truth = record["truth"]
    return f"{record['name']}: {truth['kind']}, turned {truth['turned']:.2f}, accuracy {truth['accuracy']:.2f}; {kinds}"


def keep(records: Iterable[Record | None]) -> None:
    """Those that were measured on this machine stay with the project."""
    found = [one for one in records if one is not None]
    lines = audit_records.keep(found)
    console.print(f"{len(found)} networks kept; {audit_records.PLACE.name} holds {lines}", highlight=False)


def recorded(half: str, only: str = "") -> list[Record]:
    """What stays with the project of a half, whatever it was measured with; that is said."""
    lines = [line for line in audit_records.read().values() if line["half"] == half and only in line["name"]]
    if half != BANK:  # what is drawn may have become less
        drawn = {spec.name for spec in specs(half)}
        lines = [line for line in lines if line["name"] in drawn]
    counts = Counter(f"audit {line['audit']}, recipe {line['recipe']}" for line in lines)
    words = "; ".join(f"{count} with {name}" for name, count in counts.most_common())
    console.print(f"{len(lines)} networks are recorded{f': {words}' if lines else ''}", highlight=False)
    return lines


def measure(half: str = "counted", most: int | None = None, **settings: Any) -> list[Figure]:
    """The main numbers of a half."""
    return audit_table.figures(list(measured(half, most, **settings)))


def show(figures: Sequence[Figure]) -> None:
    show_figures("The audit on trained networks", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--half", choices=(*HALVES, BANK), default="tuned", help="the bank is shown alone: audit_bank.py measures it"
    )
    parser.add_argument("--most", type=int, help="networks, from the table's beginning")
    parser.add_argument("--only", default="", help="those whose names contain this")
    parser.add_argument("--part", default="0/1", help="1/2: of two processes, the second's share")
    parser.add_argument("--no-audit", action="store_true", help="train, and ask the oracle")
    parser.add_argument("--keep", action="store_true", help="measure nothing: write what was into audit_records.jsonl")
    parser.add_argument("--recorded", action="store_true", help="measure nothing: show what stands there")
    args = parser.parse_args()
    if args.half == BANK and not args.recorded:
        parser.error("--half bank: it is measured and kept by python -m bench.audit_bank; here it is shown with --recorded")
    torch.set_num_threads(1)
    if args.keep:
        keep(map(kept, chosen(args.half, args.most, args.only, args.part)))
        return
    settings = {"half": args.half, "most": args.most, "only": args.only, "part": args.part, "audit": not args.no_audit}
    settings |= QUICK if args.quick else {}
    records = recorded(args.half, args.only) if args.recorded else list(measured(**settings))
    if args.no_audit:
        return
    audit_table.show(records)
    figures = audit_table.figures(records)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
