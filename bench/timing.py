"""What the benches share: timing in turns, figures with their spread, and how they are printed and kept."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"  # photos and weights that are not part of the repository
VERSIONS = ("seewhy", "torch", "torchvision", "numpy", "captum", "grad-cam", "torchcam", "lime", "quantus")

console = Console()
if not console.is_terminal:
    console = Console(width=240, color_system=None)  # a file has no edge: nothing is wrapped


@dataclass(frozen=True)
class Figure:
    """One measured number.

    name : "gradcam/resnet18/batch 1/one class", the same in every run. low, high : the quartiles over the repeats (the value
    itself where there is nothing to repeat). goal : None, or the worst value that is good enough.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    goal: float | None = None
    more_is_better: bool = False

    @classmethod
    def of(cls, name: str, values: Sequence[float], unit: str, goal: float | None = None, more_is_better: bool = False) -> Figure:
        """The median of several values and their quartiles."""
        (low, middle, high) = quartiles(values)
        return cls(name, middle, low, high, unit, goal, more_is_better)

    @property
    def reached(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal

    def worse_than(self, before: Figure, tolerance: float = 0.15) -> bool:
        """More than ``tolerance`` worse, and outside both spreads."""
        if self.more_is_better:
            return self.value < before.value * (1 - tolerance) and self.high < before.low
        return self.value > before.value * (1 + tolerance) and self.low > before.high

    def __str__(self) -> str:
        spread = f" ({self.low:.2f}-{self.high:.2f})" if self.high > self.low else ""
        return f"{self.value:.2f}{spread}"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The first quartile, the median and the third quartile."""
    if len(values) < 2:
        return (values[0],) * 3
    (low, middle, high) = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def in_turns(contenders: Mapping[str, Callable[[], object]], repeats: int, device: str = "cpu") -> dict[str, list[float]]:
    """Seconds of every contender, ``repeats`` values each.

    They take turns, in a new order every round, so that what disturbs the machine disturbs all alike; value r of one belongs
    beside value r of another. Two rounds warm up.
    """
    durations: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    for turn in range(-2, repeats):
        shuffle(order)
        for name in order:
            seconds = seconds_of(contenders[name], device)
            if turn >= 0:
                durations[name].append(seconds)
    return durations


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """How long one call takes, until a GPU has really finished it."""
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def ratios(values: Sequence[float], to: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(values, to, strict=True)]


def table(title: str, columns: Sequence[str]) -> Table:
    """An empty table: lines in a terminal, plain text in a file."""
    result = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for column in columns:
        result.add_column(column, justify="left" if column == columns[0] else "right")
    return result


def show_figures(title: str, figures: Iterable[Figure]) -> None:
    """One figure a line, with its goal."""
    report = table(title, ("figure", "value", "unit", "goal", ""))
    for figure in figures:
        sign = "≥" if figure.more_is_better else "≤"
        goal = "" if figure.goal is None else f"{sign} {figure.goal:g}"
        report.add_row(figure.name, str(figure), figure.unit, goal, "" if figure.reached else "not reached")
    console.print(report)


def machine(device: str = "cpu") -> dict[str, Any]:
    """Where and when this was measured, and with what."""
    versions = {}
    for package in VERSIONS:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    name = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else _processor()
    return {"machine": name, "threads": torch.get_num_threads(), "date": time.strftime("%Y-%m-%d"), "versions": versions}


def sources() -> str:
    """Sixteen digits that stand for all that is measured, for what measures it, and for where."""
    place = {name: value for name, value in machine().items() if name != "date"}
    digest = hashlib.sha256(json.dumps(place).encode())
    for folder_name in ("src", "bench"):
        for path in sorted((ROOT / folder_name).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for path in sorted((ROOT / "src").rglob("*.json")):  # numbers that verdicts depend on
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def save(path: Path, figures: Iterable[Figure], device: str = "cpu") -> None:
    """The figures as JSON, with the machine they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**machine(device), "figures": [asdict(figure) for figure in figures]}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, Any], dict[str, Figure]]:
    """What :func:`save` wrote: the machine, and the figures by name."""
    record = json.loads(path.read_text(encoding="utf-8"))
    figures = [Figure(**figure) for figure in record.pop("figures")]
    return record, {figure.name: figure for figure in figures}


def options(summary: str | None) -> argparse.ArgumentParser:
    """What every bench takes."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    return parser
