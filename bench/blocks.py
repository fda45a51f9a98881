"""What ``python -m bench`` measures, in blocks: a run that is cut off goes on where it stopped.

Every block's figures are kept under ``out/bench`` as soon as it is measured, for as long as the sources are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench import (
    anytime,
    audit,
    audit_kills,
    audit_networks,
    checking,
    command,
    doctor,
    dream,
    embed,
    evaluation,
    folder,
    forms,
    gradcam,
    gradients,
    imports,
    integrated,
    kills,
    lime_defaults,
    live,
    mask_and_stride,
    memory,
    perturbation,
    pointing,
    run,
    sanity,
)
from bench.timing import ROOT, Figure, read, save, show_figures, sources

BLOCKS = ROOT / "out" / "bench"

Measure = Callable[[], list[Figure]]


def blocks(quick: bool, rounds: int = 1) -> dict[str, Measure]:
    """What is measured, by name, in order. Each shows its table. rounds : processes for each contender."""
    networks = ("squeezenet1_0",) if quick else gradcam.NETWORKS
    return {
        "imports": lambda: _shown(imports.measure(3 if quick else 9), partial(show_figures, "Imports")),
        "command": lambda: _shown(command.measure(3 if quick else 9), partial(show_figures, "Command")),
        "forms": lambda: _shown(forms.measure(*((3, 100) if quick else ())), partial(show_figures, "Forms")),
        "memory": lambda: _shown(memory.measure(*((100, 1_000) if quick else (1_000, 10_000))), partial(show_figures, "Memory")),
        "audit": lambda: _shown(audit.measure(*((1, 90, 400) if quick else ())), audit.show),
        "audit/networks": lambda: _shown(audit_networks.measure(**(audit_networks.QUICK if quick else {})), audit_networks.show),
        "pointing": lambda: _shown(pointing.measure(8 if quick else None), partial(show_figures, "Pointing")),
        **{f"gradcam/{network}": partial(_gradcam, network, rounds) for network in networks},
        **{f"gradcam/{network}/kept by all": partial(_gradcam, network, 1, True) for network in networks if not quick},
        **_perturbation(quick, rounds),
        "lime defaults": _lime_defaults,
        **{f"gradients/{network}": partial(_gradients, network, rounds) for network in networks if network in gradients.NETWORKS},
        **{
            f"gradients/{network}/kept by all": partial(_gradients, network, 1, True)
            for network in gradients.NETWORKS
            if not quick
        },
        "gradients/path": _gradients_path,
        "sanity": lambda: _sanity(quick),
        **{f"dream/{network}": partial(_dream, network, quick) for network in dream.NETWORKS[: 1 if quick else None]},
        "embed": lambda: _shown(embed.measure(*((2, 20) if quick else ())), embed.show),
        **{f"folder/{network}": partial(_folder, network, quick) for network in folder.NETWORKS[: 1 if quick else None]},
        "run": lambda: _shown(run.measure(*((run.PARTS, 1, 64, 256, 32) if quick else ())), run.show),
        "audit/kills": lambda: _shown(audit_kills.measure(*((2, 60, 600, ("",)) if quick else ())), audit_kills.show),
        "kills": lambda: _shown(kills.measure(*((2, 2) if quick else ())), kills.show),
        "integrated": lambda: _shown(integrated.measure(3 if quick else integrated.PHOTOS), integrated.show),
        "evaluation": lambda: _shown(evaluation.measure(*((evaluation.NETWORKS[:1], 1) if quick else ())), evaluation.show),
        "doctor": lambda: _shown(doctor.measure(quick), doctor.show),
        "checking": lambda: _shown(checking.measure(*((4, 2) if quick else ())), checking.show),
        "live": lambda: _shown(live.measure(**(live.QUICK if quick else {})), partial(show_figures, "Live")),
        "live/memory": lambda: _shown(
            live.memory_figures(*((live.QUICK_MANY,) if quick else ())), partial(show_figures, "Live, memory")
        ),
        "mask and stride": lambda: _shown(
            mask_and_stride.measure(*(((0.35,), (0.2,), 2) if quick else ())), mask_and_stride.show
        ),
        "anytime": lambda: _shown(anytime.measure(1 if quick else anytime.PHOTOS), anytime.show),
    }


def _shown(figures: list[Figure], show: Callable[[Sequence[Figure]], object]) -> list[Figure]:
    show(figures)
    return figures


def _gradcam(network: str, rounds: int, keep: bool = False) -> list[Figure]:
    rows = gradcam.measure((network,), rounds, keep=keep)
    gradcam.show(rows)
    return [figure for row in rows for figure in row.figures()]


def _perturbation(quick: bool, rounds: int) -> dict[str, Measure]:
    """A block for each part of each network; the peers keep their memory, too, in a second one (the second column)."""

    def measure(part: str, network: str, **settings: Any) -> list[Figure]:
        rows = perturbation.measure((part,), (network,), **settings)
        perturbation.show(rows)
        return [figure for row in rows for figure in row.figures]

    quick_settings = {name: value for name, value in perturbation.QUICK.items() if name != "networks"}
    settings: dict[str, Any] = quick_settings if quick else {"rounds": rounds}
    networks = perturbation.QUICK["networks"] if quick else tuple(perturbation.OCCLUSION_GOALS)
    pairs = [
        (part, network) for part in perturbation.PARTS for network in networks if network in perturbation.NETWORKS_OF_PART[part]
    ]
    first = {f"{part}/{network}": partial(measure, part, network, **settings) for part, network in pairs}
    kept_by_all = {
        f"{part}/{network}/kept by all": partial(measure, part, network, rounds=1, samples=150, keep=True)
        for part, network in pairs
        if part in ("occlusion", "lime") and not quick
    }
    return first | kept_by_all


def _lime_defaults() -> list[Figure]:
    grades = lime_defaults.measure(2, lime_defaults.QUICK)
    lime_defaults.show(grades)
    return lime_defaults.figures_of(grades)


def _gradients(network: str, rounds: int, keep: bool = False) -> list[Figure]:
    rows = gradients.measure((network,), rounds, keep=keep)
    gradients.show(rows)
    return [figure for row in rows for figure in row.figures]


def _gradients_path() -> list[Figure]:
    rows = gradients.measure_path()
    gradients.show(rows)
    return [figure for row in rows for figure in row.figures]


def _sanity(quick: bool) -> list[Figure]:
    sanity.show(sanity.measure(*sanity.subjects(quick)))
    return []


def _dream(network: str, quick: bool) -> list[Figure]:
    rows = dream.measure((network,), **(dream.QUICK if quick else {}))
    dream.show(rows)
    return [figure for row in rows for figure in row.figures()]


def _folder(network: str, quick: bool) -> list[Figure]:
    return _shown(folder.measure((network,), *((2, 40) if quick else ())), folder.show)


def measure(quick: bool, again: bool = False, rounds: int = 1) -> list[Figure]:
    """Every block, one after the other; those measured with these sources already are read from their files."""
    figures = []
    place = BLOCKS / ("quick" if quick else f"rounds {rounds}") / sources()
    for name, measure_block in blocks(quick, rounds).items():
        path = place / f"{name.replace('/', ', ')}.json"
        if path.is_file() and not again:
            (header, known) = read(path)
            show_figures(f"{name}, measured on {header['date']}", known.values())
            figures += known.values()
            continue
        measured = measure_block()
        save(path, measured)
        figures += measured
    return figures
