"""The crop test on the two networks that predict alike: without the logo one of them changes its mind, the other one does not.

Drawn bears with a trail-camera logo. What is taken away: the logo, whose place is known, and the strongest tenth of each
network's own map, as a person would do who knows nothing of logos.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import save
from experiment import mean, percent, share

import seewhy


def over_the_logo(clf: seewhy.Classifier, scene: seewhy.demo.Scene) -> seewhy.Explanation:
    """A map that marks the logo and nothing else."""
    pixels = clf.read(np.repeat(scene.logo[:, :, None].astype(np.uint8) * 255, 3, axis=2)).pixels[0]
    return seewhy.Explanation.from_map(clf, scene.photo, (pixels > 127).astype(np.float32), "bear")


def main(count: int = 200) -> dict[str, Any]:
    scenes = seewhy.demo.scenes(count, logo=True, labels=["bear"], seed=1)
    results: dict[str, Any] = {}
    for name in ("demo:honest", "demo:shortcut"):
        clf = seewhy.load(name)
        bears = [scene for scene in scenes if clf.classify(scene.photo)[0].name == "bear"]
        makers = {
            "the logo": lambda scene, clf=clf: over_the_logo(clf, scene),
            "its strongest tenth": lambda scene, clf=clf: seewhy.explain(clf, scene.photo, target="bear", progress=False),
        }
        for what, explain in makers.items():
            tests = [seewhy.crop_test(clf, explain(scene), progress=False) for scene in bears]
            results[f"{name} without {what}"] = share([test.turned for test in tests])
            elsewhere = mean([test.controls_turned for test in tests])
            results[f"{name} without as much elsewhere ({what})"] = elsewhere
            print(
                f"{name}, {len(tests)} bears: without {what} {percent(results[f'{name} without {what}'])} are no bears any more; "
            )
            print(f"  without as much elsewhere {percent(elsewhere)}")
            if name == "demo:shortcut":
                save(tests[0].plot(), f"crop_test_{'logo' if what == 'the logo' else 'own_map'}", shown=True)
    return results


if __name__ == "__main__":
    main()
