"""A network that learns the ground instead of the animal, seen in its maps; then fair data, and training again.

After MathWorks' "Investigate Network Predictions Using Class Activation Mapping": cats that were photographed on red grounds,
dogs on green ones. Here cows stand on red ground and sheep on green, in drawn scenes. It takes about two minutes on two cores.
"""

from __future__ import annotations

import numpy as np
from common import save
from experiment import Example, accuracy, energies, examples, percent, tinted, train

import seewhy

RED, GREEN = (190, 60, 50), (60, 150, 60)
CLASSES = ["cow", "sheep"]


def unfair(example: Example, random: np.random.Generator) -> Example:
    """Cows on red, sheep on green."""
    return tinted(example, RED if example.label == "cow" else GREEN)


def fair(example: Example, random: np.random.Generator) -> Example:
    """Either on either."""
    return tinted(example, RED if random.random() < 0.5 else GREEN)


def main(scenes: int = 600, tested: int = 200, epochs: int = 8) -> dict[str, tuple[float, float, float]]:
    test = {name: examples(tested, change, "test") for name, change in (("unfair", unfair), ("fair", fair))}
    first = train(examples(scenes, unfair, "train"), CLASSES, epochs, name="red cows, green sheep")
    second = train(examples(scenes, fair, "train"), CLASSES, epochs, name="mixed grounds")
    results = {}
    for name, clf in (("before", first), ("after", second)):
        results[f"{name}, unfair photos"] = accuracy(clf, test["unfair"])
        results[f"{name}, fair photos"] = accuracy(clf, test["fair"])
        results[f"{name}, heat on the animal"] = energies(clf, test["fair"], "animal")
    for name, numbers in results.items():
        print(f"{name}: {percent(numbers)}")

    # A cow that the first network takes for a sheep: it stands on green ground, which it has never seen under a cow.
    cows = [e for e in test["fair"] if e.label == "cow"]
    odd = next((e for e in cows if first.classify(e.photo)[0].name == "sheep"), cows[0])
    comparison = seewhy.compare([first, second], [odd.photo], target="cow", relu=False)
    save(comparison.plot(), "grounds_before_and_after", shown=True)
    rows = [[seewhy.show.Panel(e.label, e.photo) for e in test[name][:4]] for name in ("unfair", "fair")]
    save(seewhy.show.sheet(rows), "grounds_unfair_and_fair", shown=True)
    return results


if __name__ == "__main__":
    main()
