"""How much longer ``import seewhy`` takes than ``import torch``, in fresh processes that take turns."""

from __future__ import annotations

import subprocess
import sys

from bench.timing import Figure, options, save, show_figures

GOAL = 0.5  # seconds
_TIMED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def measure(repeats: int = 9) -> list[Figure]:
    """Seconds: both imports, and their difference round by round."""
    seconds: dict[str, list[float]] = {"torch": [], "seewhy": []}
    for turn in range(-1, repeats):  # the first round fills the file cache
        for package, values in seconds.items():
            process = subprocess.run([sys.executable, "-c", _TIMED.format(package)], capture_output=True, text=True, check=True)
            if turn >= 0:
                values.append(float(process.stdout))
    more = [own - base for own, base in zip(seconds["seewhy"], seconds["torch"], strict=True)]
    return [
        Figure.of("imports/torch", seconds["torch"], "s"),
        Figure.of("imports/seewhy", seconds["seewhy"], "s"),
        Figure.of("imports/seewhy minus torch", more, "s", GOAL),
    ]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    figures = measure(3 if args.quick else args.repeats)
    show_figures("Imports", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
