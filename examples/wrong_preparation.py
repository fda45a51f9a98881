"""Two faults of the preparation that no error tells: photos that are not normalised, and photos that are normalised twice.

The network answers in both cases, only worse. The doctor finds each by what its BatchNorms expect, and shows the photo as the
network sees it.
"""

from __future__ import annotations

from common import save

import seewhy


def main(count: int = 12) -> None:
    clf = seewhy.load("demo:honest")
    scenes = seewhy.demo.scenes(count)
    (photos, labels) = ([scene.photo for scene in scenes], [scene.label for scene in scenes])
    (mean, std) = (clf.preprocess.mean, clf.preprocess.std)
    twice = {
        "mean": tuple(m + m * s for m, s in zip(mean, std, strict=True)),
        "std": tuple(s * s for s in std),
    }
    for name, changes in (("doctor", {"mean": 0.0, "std": 1.0}), ("doctor_twice", twice)):
        diagnosis = seewhy.doctor(clf.with_preprocess(**changes), photos, labels)
        print(diagnosis)
        save(diagnosis.image(), name, shown=True)


if __name__ == "__main__":
    main()
