"""All benches: ``python -m bench``. Writes out/bench.json and says what got worse than ``bench/recorded.json``."""

from __future__ import annotations

import warnings
from pathlib import Path

from bench import (
    anytime,
    command,
    dream,
    embed,
    folder,
    gradcam,
    gradients,
    imports,
    integrated,
    lime_defaults,
    memory,
    perturbation,
    pointing,
    sanity,
)
from bench.timing import ROOT, Figure, console, machine, options, read, save, show_figures, table

RECORDED = Path(__file__).with_name("recorded.json")
LATEST = ROOT / "out" / "bench.json"


def measure(quick: bool) -> list[Figure]:
    """Every bench, one after the other, each with its table."""
    import_figures = imports.measure(3) if quick else imports.measure()
    show_figures("Imports", import_figures)
    command_figures = command.measure(3) if quick else command.measure()
    show_figures("Command", command_figures)
    # Before the large networks: what they leave free in the process would hide a leak.
    memory_figures = memory.measure(100, 1_000) if quick else memory.measure()
    show_figures("Memory", memory_figures)
    pointing_figures = pointing.measure(8 if quick else None)
    show_figures("Pointing", pointing_figures)
    gradcam_rows = gradcam.measure(("squeezenet1_0", "resnet18"), 1) if quick else gradcam.measure()
    gradcam.show(gradcam_rows)
    perturbation_rows = perturbation.measure(**perturbation.QUICK) if quick else perturbation.measure()
    perturbation.show(perturbation_rows)
    kept_figures = [] if quick else _kept_by_all()
    anytime_figures = anytime.measure(1 if quick else anytime.photos_kept())
    anytime.show(anytime_figures)
    lime_grades = lime_defaults.measure(2, lime_defaults.QUICK)
    lime_defaults.show(lime_grades)
    gradient_rows = gradients.measure(("squeezenet1_0",), 1) if quick else gradients.measure()
    gradients.show(gradient_rows)
    integrated_figures = integrated.measure(3) if quick else integrated.measure()
    integrated.show(integrated_figures)
    sanity.show(sanity.measure(*sanity.subjects(quick)))
    dream_rows = dream.measure(("resnet18",), 1, 2) if quick else dream.measure()
    dream.show(dream_rows)
    embed_figures = embed.measure(2, 20) if quick else embed.measure()
    embed.show(embed_figures)
    folder_figures = folder.measure(folder.NETWORKS[:1], 2, 40) if quick else folder.measure()
    folder.show(folder_figures)
    map_figures = [
        *(figure for row in gradcam_rows for figure in row.figures()),
        *(figure for row in perturbation_rows for figure in row.figures),
    ]
    inner_figures = [
        *(figure for row in gradient_rows for figure in row.figures),
        *integrated_figures,
        *(figure for row in dream_rows for figure in row.figures()),
    ]
    return [
        *import_figures,
        *command_figures,
        *memory_figures,
        *pointing_figures,
        *map_figures,
        *kept_figures,
        *anytime_figures,
        *lime_defaults.figures_of(lime_grades),
        *inner_figures,
        *embed_figures,
        *folder_figures,
    ]


def _kept_by_all() -> list[Figure]:
    """The second column: the peers keep the memory that they free, too."""
    gradcam_rows = gradcam.measure(rounds=1, keep=True)
    gradcam.show(gradcam_rows)
    perturbation_rows = perturbation.measure(("occlusion", "lime"), rounds=1, samples=300, keep=True)
    perturbation.show(perturbation_rows)
    gradient_rows = gradients.measure(rounds=1, keep=True)
    gradients.show(gradient_rows)
    return [
        *(figure for row in gradcam_rows for figure in row.figures()),
        *(figure for row in perturbation_rows for figure in row.figures),
        *(figure for row in gradient_rows for figure in row.figures),
    ]


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
    args = parser.parse_args()
    figures = measure(args.quick)
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
