"""Which classes are taken for which, and by what: the confusion chart, and beside it a mistake with a map for either class.

The chart says how often a network errs; the maps say whether it looks at the right things. `demo:shortcut` has learned from
bears with a trail-camera logo. Here cows and sheep carry it, too.
"""

from __future__ import annotations

from common import save

import seewhy


def main(count: int = 60) -> None:
    clf = seewhy.load("demo:shortcut")
    scenes = seewhy.demo.scenes(count, logo=True, seed=1) + seewhy.demo.scenes(count, logo="all", seed=2)
    photos = [scene.photo for scene in scenes]
    confusion = seewhy.confusion([scene.label for scene in scenes], clf.classify(photos), clf.classes)
    print(confusion)
    save(confusion.plot(), "confusion", shown=True)

    worst = confusion.worst(1)[0]
    mistake = photos[confusion.cell(worst.true, worst.predicted)[0]]
    e = seewhy.explain(clf, mistake, target=[worst.true, worst.predicted])
    save(confusion.with_roles(e, worst.true, worst.predicted).image(), "confusion_why", shown=True)


if __name__ == "__main__":
    main()
