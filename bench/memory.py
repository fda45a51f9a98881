"""Whether memory stays flat: the process's size after 1,000 and after 10,000 explanations of the demo network."""

from __future__ import annotations

import gc

import psutil

import seewhy
from bench.timing import Figure, options, save, show_figures

GOAL = 10.0  # MB; a leak of one map (12×16 floats) an explanation would be 7
STEP = 1.0  # MB; the allocator takes and gives back that much at a time
MEBI = 2.0**20


def measure(first: int = 1_000, last: int = 10_000) -> list[Figure]:
    """MB: the resident size at both counts, and the growth between them."""
    clf = seewhy.load("demo:honest")
    photos = [scene.photo for scene in seewhy.demo.scenes(8)]
    sizes = {}
    for count in range(1, last + 1):
        seewhy.explain(clf, photos[count % len(photos)], target="top3")
        if count in (first, last):
            gc.collect()
            sizes[count] = psutil.Process().memory_info().rss / MEBI
    growth = sizes[last] - sizes[first]
    return [
        *(Figure(f"memory/after {count:,}", size, size, size, "MB") for count, size in sizes.items()),
        Figure("memory/growth", growth, growth - STEP, growth + STEP, "MB", GOAL),
    ]


def main() -> None:
    args = options(__doc__).parse_args()
    figures = measure(100, 1_000) if args.quick else measure()
    show_figures("Memory", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
