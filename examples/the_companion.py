"""An object that always comes along counts as evidence: the keyboard of the computer mouse.

After MathWorks' class activation mapping example, where "mouse" is also read off the keyboard, because both appear together in
training. Here a striped board stands beside every cow, left or right of it, in drawn scenes. About a minute on two cores.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from common import save
from experiment import Example, Mask, energies, examples, mean, percent, share, train

import seewhy
from seewhy.evaluate import CropTest

CLASSES = ["cow", "sheep"]
HEIGHT, WIDTH = 40, 64


def with_board(example: Example, random: np.random.Generator) -> Example:
    """A striped board beside the animal, where there is room for it."""
    columns = np.flatnonzero(example.animal.any(axis=0))
    (rows, side) = (example.animal.shape[0], example.animal.shape[1])
    middle = int(columns.mean()) if columns.size else side // 2
    left = int(random.integers(0, max(1, side // 2 - WIDTH))) + (0 if middle > side // 2 else side // 2)
    top = int(random.integers(rows // 2, rows - HEIGHT))
    photo = example.photo.copy()
    board = np.zeros(example.animal.shape, bool)
    board[top : top + HEIGHT, left : left + WIDTH] = True
    stripes = (np.arange(WIDTH) // 4 % 2 * 150 + 60).astype(np.uint8)
    photo[top : top + HEIGHT, left : left + WIDTH] = stripes[None, :, None]
    return replace(example, photo=photo, animal=example.animal & ~board, companion=board)


def companions(example: Example, random: np.random.Generator) -> Example:
    """The board comes with the cow."""
    return with_board(example, random) if example.label == "cow" else example


def without(clf: seewhy.Classifier, example: Example, mask: Mask) -> CropTest:
    """The prediction without a part of the photo, beside equally large parts elsewhere."""
    pixels = clf.read(np.repeat(mask[:, :, None].astype(np.uint8) * 255, 3, axis=2)).pixels[0]
    e = seewhy.Explanation.from_map(clf, example.photo, (pixels > 127).astype(np.float32), "cow")
    return seewhy.crop_test(clf, e, share=0.5, progress=False)


def main(scenes: int = 600, tested: int = 200, epochs: int = 8) -> dict[str, tuple[float, float, float]]:
    clf = train(examples(scenes, companions, "train"), CLASSES, epochs, name="cows with a board")
    cows = [e for e in examples(tested, companions, "test") if e.label == "cow" and e.animal.any()]
    results = {part: energies(clf, cows, part) for part in ("animal", "companion")}
    tests = {part: [without(clf, e, getattr(e, part)) for e in cows[: max(4, tested // 4)]] for part in ("animal", "companion")}
    for part, group in tests.items():
        results[f"turned without the {part}"] = share([test.turned for test in group])
        results[f"turned without as much elsewhere ({part})"] = mean([test.controls_turned for test in group])
    print(f"heat on the cow: {percent(results['animal'])}; on the board: {percent(results['companion'])}")
    for name in list(results)[2:]:
        print(f"{name}: {percent(results[name])}")
    save(seewhy.explain(clf, cows[0].photo, target="cow").image(), "companion", shown=True)
    save(tests["companion"][0].plot(), "companion_crop_test", shown=True)
    return results


if __name__ == "__main__":
    main()
