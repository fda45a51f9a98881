"""All benches: ``python -m bench``. Writes out/bench.json and says what got worse than ``bench/recorded.json``.

It takes over an hour; a run that is cut off goes on where it stopped (``bench/blocks.py``), ``--again`` measures all anew.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from bench.blocks import measure
from bench.timing import ROOT, Figure, console, machine, options, read, save, show_figures, table

RECORDED = Path(__file__).with_name("recorded.json")
LATEST = ROOT / "out" / "bench.json"


def compare(figures: list[Figure], recorded: Path = RECORDED) -> list[Figure]:
    """Print what got worse than the record: by more than 15 %, and outside the spread of both."""
    if not recorded.exists():
        console.print("There is no recorded table to compare with yet: python -m bench --record writes it.")
        return []
    (header, before) = read(recorded)
    this_machine = machine()
    if header["machine"] != this_machine["machine"]:
        console.print(f"Recorded on another machine ({header['machine']}): compare ratios, not seconds.", highlight=False)
    compared = [figure for figure in figures if figure.name in before]
    worse = [figure for figure in compared if figure.worse_than(before[figure.name])]
    console.print(
        f"{len(compared)} figures compared with the record of {header['date']}: {len(worse)} got worse.", highlight=False
    )
    if worse:
        report = table("Worse than recorded", ("figure", "recorded", "now", "unit"))
        for figure in worse:
            report.add_row(figure.name, str(before[figure.name]), str(figure), figure.unit)
        console.print(report)
    return worse


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--record", action="store_true", help="keep this run as the table to compare with")
    parser.add_argument("--again", action="store_true", help="measure what these sources were measured for already, too")
    parser.add_argument("--rounds", type=int, default=1, help="processes for each contender; one round takes over an hour")
    args = parser.parse_args()
    figures = measure(args.quick, args.again, args.rounds)
    unreached = [figure for figure in figures if not figure.reached]
    console.print(f"{len(unreached)} of {sum(f.goal is not None for f in figures)} goals not reached", highlight=False)
    if unreached:
        show_figures("Not reached", unreached)
    compare(figures)
    for path in filter(None, (LATEST, args.json, RECORDED if args.record else None)):
        save(path, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
