"""The bank of clean networks that the audit's scores are set beside: ``python -m bench.audit_bank`` measures it and writes it.

Every network of ``specs(BANK)`` is trained, asked by the oracle whether it is clean (accuracy at least 0.9, a cue turns at most
0.1), and audited with the budget of a person's audit on more or fewer photos, which take turns. All is kept under ``out/audits``:
a run that is cut off goes on. ``--part 0/2`` and ``--most`` measure a part and write nothing; the whole is written to
``src/seewhy/audit/bank.json`` where at least 59 turn out clean. ``--out`` writes whatever there is to another place; ``--keep``
writes the records themselves into ``bench/audit_records.jsonl``.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from bench.audit_networks import chosen, in_a_line, keep, kept, record, sources_of
from bench.audit_oracle import SOUND
from bench.audit_specs import ALIGNED, BANK, Spec
from bench.audit_training import RECIPE
from bench.timing import console
from seewhy.audit import calibration
from seewhy.audit.audit import BUDGET
from seewhy.audit.calibration import Bank, CleanNetwork
from seewhy.files import write_whole

PHOTOS = (30, 50, 80, 140)  # of a class; more than 128 are not used
LEAST = 59  # clean networks: none of so many above a threshold means at most 5 %, at 95 % confidence

Record = dict[str, Any]


def photos_of(spec: Spec) -> int:
    """Of each class that is audited: other numbers for each backbone, and for each turn of them."""
    number = spec.seed % 1000
    return PHOTOS[(number + number // 8) % len(PHOTOS)]


def settings_of(spec: Spec, budget: int = BUDGET) -> dict[str, Any]:
    return {"per_class": photos_of(spec), "budget": budget, "beside_peers": False}


def records(specs: Iterable[Spec], budget: int = BUDGET) -> list[Record]:
    measured = []
    for number, spec in enumerate(specs, start=1):
        measured.append(record(spec, **settings_of(spec, budget)))
        console.print(f"{number} {in_a_line(measured[-1])}", highlight=False)
    return measured


def clean_network(record: Record) -> CleanNetwork:
    """Of the record of one."""
    verdicts = record["verdicts"]
    used = [verdict["right"] for verdict in verdicts]
    recipients = [verdict["recipients"] for verdict in verdicts]
    scores = {stratum: max(verdict["scores"][stratum] for verdict in verdicts) for stratum in calibration.STRATA.values()}
    return CleanNetwork(
        name=record["name"],
        setup=record["setup"],
        backbone=record["backbone"],
        layout="aligned" if record["setup"] == ALIGNED else "wild",
        classes=len(verdicts),
        photos=(min(used), max(used)),
        recipients=(min(recipients), max(recipients)),
        **scores,
    )


def bank_of(measured: Iterable[Record], budget: int = BUDGET) -> Bank:
    """The clean ones of them, by name, with what they were measured with."""
    networks = [clean_network(one) for one in measured if one["truth"]["kind"] == SOUND]
    conditions = {"audit": sources_of(BANK), "recipe": RECIPE, "budget": budget, "alpha": calibration.ALPHA}
    return Bank(sorted(networks, key=lambda network: network.name), conditions)


def place_for(bank: Bank, out: Path | None, whole: bool) -> Path | None:
    """Where it is written; None: nowhere, and the one that comes with seewhy stays."""
    return out or (calibration.PLACE if whole and len(bank.networks) >= LEAST else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, help="networks, from the table's beginning")
    parser.add_argument("--only", default="", help="those whose names contain this")
    parser.add_argument("--part", default="0/1", help="1/2: of two processes, the second's share")
    parser.add_argument("--out", type=Path, help="another place for the numbers, however few")
    parser.add_argument("--keep", action="store_true", help="measure nothing: write what was into audit_records.jsonl")
    args = parser.parse_args()
    torch.set_num_threads(1)
    own = chosen(BANK, args.most, args.only, args.part)
    if args.keep:
        keep(kept(spec, **settings_of(spec)) for spec in own)
        return
    bank = bank_of(records(own))
    place = place_for(bank, args.out, own == chosen(BANK))
    console.print(f"{len(bank.networks)} of {len(own)} are clean. {bank.words}", highlight=False)
    for network in bank.networks:
        said = f"overlay {network.overlay:+.2f}, surroundings {network.surroundings:+.2f}"
        console.print(f"  {network.name}: {said}", highlight=False)
    if place is None:
        console.print(f"Nothing is written: it takes all of them, and {LEAST} clean ones.", highlight=False)
        return
    write_whole(place, bank.as_json())
    console.print(f"Written to {place}", highlight=False)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
