"""Which part of the photo decided? A class activation map in a few lines, for the first class and for the second.

After MathWorks' "Deep Learning Visualizations: CAM Visualization"; docs/coming_from_matlab.md sets the two side by side. The
frame keeps the photo's shape (no crop), its shorter side is the network's input size, and the map follows.
"""

from __future__ import annotations

from common import cam_figure, classifier, photo, save

import seewhy


def main() -> None:
    clf = classifier(size=227, resize="shorter", crop=False)

    e = seewhy.explain(clf, photo("bell_pepper", 2), method="cam")
    print(f"{e.photo.name}: frame {e.photo.geometry.input}, map {e.maps.shape[1:]}, {[str(p) for p in e.predictions[:3]]}")
    save(cam_figure(clf, photo("bell_pepper", 2)), "cam_still_photo", shown=True)

    # A mug is rightly called a mug. What speaks for the runner-up?
    mug = photo("coffee_mug", 1)
    (first, second) = clf.classify(mug, k=2)
    save(cam_figure(clf, mug, target=first.index), "cam_first_class", shown=True)
    save(cam_figure(clf, mug, target=second.index), "cam_second_class")
    print(f"first: {first}, second: {second}")

    # Any class of the network can be asked for, also the last one in the list.
    e = seewhy.explain(clf, mug, method="cam", target=len(clf.classes) - 1)
    print(f"{e.targets[0].name}: rank {e.targets[0].rank} of {len(clf.classes)}")


if __name__ == "__main__":
    main()
