"""All benches: ``python -m bench``. Writes out/bench.json and says what got worse than ``bench/recorded.json``."""

from __future__ import annotations

import warnings
from pathlib import Path

from bench import anytime, dream, embed, gradcam, gradients, imports, lime_defaults, memory, perturbation, pointing, sanity
from bench.timing import ROOT, Figure, console, machine, options, read, save, show_figures, table

RECORDED = Path(__file__).with_name("recorded.json")
LATEST = ROOT / "out" / "bench.json"


def measure(quick: bool) -> list[Figure]:
    """Every bench, one after the other, each with its table."""
    imported = imports.measure(3) if quick else imports.measure()
    show_figures("Imports", imported)
    # Before the large networks: what they leave free in the process would hide a leak.
    kept = memory.measure(100, 1_000) if quick else memory.measure()
    show_figures("Memory", kept)
    pointed = pointing.measure(8 if quick else None)
    show_figures("Pointing", pointed)
    rows = gradcam.measure(("squeezenet1_0", "resnet18"), 3) if quick else gradcam.measure()
    gradcam.show(rows)
    hidden = perturbation.measure(**perturbation.QUICK) if quick else perturbation.measure()
    perturbation.show(hidden)
    stated = anytime.measure(1)
    anytime.show(stated)
    fitted = lime_defaults.measure(2, lime_defaults.QUICK)
    lime_defaults.show(fitted)
    pulled = gradients.measure(("squeezenet1_0",), 3) if quick else gradients.measure()
    gradients.show(pulled)
    sanity.show(sanity.measure(*sanity.subjects(quick)))
    dreamed = dream.measure(("resnet18",), 1, 2) if quick else dream.measure()
    dream.show(dreamed)
    embedded = embed.measure(2, 20) if quick else embed.measure()
    embed.show(embedded)
    explained = [*(figure for row in rows for figure in row.figures()), *(figure for row in hidden for figure in row.figures)]
    inside = [*(figure for row in pulled for figure in row.figures), *(figure for row in dreamed for figure in row.figures())]
    return [*imported, *kept, *pointed, *explained, *stated, *lime_defaults.figures_of(fitted), *inside, *embedded]


def compare(figures: list[Figure], recorded: Path = RECORDED) -> list[Figure]:
    """Print what got worse than the record: by more than 15 %, and outside the spread of both."""
    if not recorded.exists():
        console.print("There is no recorded table to compare with yet: python -m bench --record writes it.")
        return []
    (where, before) = read(recorded)
    here = machine()
    if where["machine"] != here["machine"]:
        console.print(f"Recorded on another machine ({where['machine']}): compare ratios, not seconds.", highlight=False)
    known = [figure for figure in figures if figure.name in before]
    worse = [figure for figure in known if figure.worse_than(before[figure.name])]
    console.print(f"{len(known)} figures compared with the record of {where['date']}: {len(worse)} got worse.", highlight=False)
    if worse:
        made = table("Worse than recorded", ("figure", "recorded", "now", "unit"))
        for figure in worse:
            made.add_row(figure.name, str(before[figure.name]), str(figure), figure.unit)
        console.print(made)
    return worse


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--record", action="store_true", help="keep this run as the table to compare with")
    given = parser.parse_args()
    figures = measure(given.quick)
    missed = [figure for figure in figures if not figure.reached]
    console.print(f"{len(missed)} of {sum(f.goal is not None for f in figures)} goals not reached", highlight=False)
    if missed:
        show_figures("Not reached", missed)
    compare(figures)
    for path in filter(None, (LATEST, given.json, RECORDED if given.record else None)):
        save(path, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
