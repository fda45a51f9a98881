"""Every contender in a fresh process, as a person would run it: nobody finds a heap that another one has warmed.

``python -m bench.fresh bench.gradcam:contender '{"name": "captum", ...}' 5`` builds one contender, runs it and prints seconds and
page faults as JSON; :func:`in_fresh_processes` does that for several, round by round.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.timing import ROOT, console, seconds_of
from seewhy.engine.memory import VARIABLES

Work = Callable[[], object]
_UNSET = (*VARIABLES, "GLIBC_TUNABLES")  # what a person's shell does not have set; the bench's own shell may


@dataclass(frozen=True)
class Contender:
    """function : "module:name" of what builds the work; arguments : for it, as JSON. calls : to time, after one that warms up;
    none where only the results are asked for."""

    function: str
    arguments: dict[str, Any]
    calls: int = 5


@dataclass
class Measured:
    """seconds, faults : of one call, the median of a process, one value for each round. results : what the contender
    told in the last round; told : in every one."""

    seconds: list[float] = field(default_factory=list)
    faults: list[float] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def results(self) -> dict[str, Any]:
        return self.told[-1] if self.told else {}


def in_fresh_processes(
    contenders: Mapping[str, Contender], rounds: int, keep: bool = False, seed: int = 0
) -> dict[str, Measured]:
    """Each contender ``rounds`` times, in a new order every round, each time in a process of its own.

    keep : every process keeps the memory that it frees (``seewhy.engine.memory.keep_always``), the peers' too.
    """
    measured = {name: Measured() for name in contenders}
    order = list(contenders)
    shuffle = random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            result = _run(contenders[name], keep)
            if result["seconds"]:
                measured[name].seconds.append(median(result["seconds"]))
                measured[name].faults.append(median(result["faults"]))
            measured[name].told.append(result["results"])
    return measured


def _run(contender: Contender, keep: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.fresh", contender.function, json.dumps(contender.arguments), str(contender.calls)]
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    process = subprocess.run(command + ["--keep"] * keep, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        console.print(process.stderr[-2000:], markup=False)
        raise RuntimeError(f"{contender} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", help="module:name of what builds the work")
    parser.add_argument("arguments", type=json.loads, help="JSON")
    parser.add_argument("calls", type=int)
    parser.add_argument("--keep", action="store_true", help="keep the memory that is freed")
    args = parser.parse_args()
    if args.keep:
        from seewhy.engine.memory import keep_always

        keep_always()
    (module, _, name) = args.function.partition(":")
    work: Any = getattr(importlib.import_module(module), name)(**args.arguments)
    (seconds, faults) = ([], [])
    for call in range(-1, args.calls):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        duration = seconds_of(work)
        if call >= 0:
            seconds.append(duration)
            faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(json.dumps({"seconds": seconds, "faults": faults, "results": getattr(work, "results", {})}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
