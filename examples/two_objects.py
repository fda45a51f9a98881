"""Two objects in one photo: each class's map lies on its own object, and taking the winner away lets the other one win.

After MathWorks' class activation mapping example (a coffee cup that is called a buckle, because a watch lies beside it).
Two drawn scenes side by side, a cow and a sheep; the demo network was trained on one animal at a time.
"""

from __future__ import annotations

import numpy as np
from common import save
from experiment import Mask, Pixels, mean, percent, share

import seewhy
from seewhy.evaluate import energy


def pairs(count: int) -> list[tuple[Pixels, dict[str, Mask]]]:
    """Photos twice as wide, and the mask of each animal."""
    drawn = seewhy.demo.scenes(2 * count, labels=["cow", "sheep"], seed=7)
    photos = []
    for number in range(count):
        scenes = drawn[2 * number : 2 * number + 2]
        scenes = scenes if number % 2 == 0 else scenes[::-1]
        photo = np.concatenate([scene.photo for scene in scenes], axis=1)
        masks = {}
        for place, scene in enumerate(scenes):
            nothing = np.zeros_like(scene.animal)
            masks[scene.label] = np.concatenate([scene.animal, nothing] if place == 0 else [nothing, scene.animal], axis=1)
        photos.append((photo, masks))
    return photos


def main(count: int = 200) -> dict[str, tuple[float, float, float]]:
    clf = seewhy.load("demo:honest").with_preprocess(size=(96, 256))
    own: list[float] = []
    others: list[float] = []
    wins: list[bool] = []
    elsewhere: list[float] = []
    for photo, masks in pairs(count):
        e = seewhy.explain(clf, photo, target=["cow", "sheep"], progress=False)
        maps = dict(zip(("cow", "sheep"), e.on_photo(), strict=True))
        own += [energy(maps[name], masks[name]) for name in maps]
        others += [energy(maps[name], masks[other]) for name, other in (("cow", "sheep"), ("sheep", "cow"))]
        winner = e.predictions[0].name
        if winner in masks:
            test = seewhy.crop_test(clf, seewhy.explain(clf, photo, target=winner, progress=False), progress=False)
            wins.append(test.prediction_after.name in masks and test.turned)
            elsewhere.append(test.controls_turned)
    results = {
        "heat on the own animal": mean(own),
        "heat on the other animal": mean(others),
        f"without the winner's strongest tenth the other one wins ({len(wins)} photos)": share(wins),
        "without as much elsewhere another one wins": mean(elsewhere),
    }
    for name, numbers in results.items():
        print(f"{name}: {percent(numbers)}")
    (photo, masks) = pairs(1)[0]
    e = seewhy.explain(clf, photo, target=["cow", "sheep"])
    save(e.image(), "two_objects", shown=True)
    winner = seewhy.explain(clf, photo, target=e.predictions[0].name)
    save(seewhy.crop_test(clf, winner).plot(), "two_objects_crop_test", shown=True)
    return results


if __name__ == "__main__":
    main()
