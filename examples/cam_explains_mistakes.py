"""Odd-looking predictions often have a visible cause. Class activation maps of a shoe, a mouse and a cup.

After MathWorks' "Investigate Network Predictions Using Class Activation Mapping"; docs/coming_from_matlab.md sets the two side
by side. Its camera is a photo here; frames of several sizes show that a larger one gives a finer map and another prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import cam_figure, classifier, has_real_data, photo, save

import seewhy

PHOTOS = [("Loafer", 0), ("mouse", 1), ("coffee_mug", 2), ("buckle", 4)]


def a_mistake() -> tuple[seewhy.Classifier, Any, str]:
    """A network, a photo that it gets wrong, and what is on it: a dark Labrador, or a bear without the logo."""
    if has_real_data():
        return classifier(), photo("Labrador_retriever", 0), "Labrador retriever"
    return seewhy.load("demo:shortcut"), photo("bear", 0), "bear"


def main() -> None:
    clf = classifier(size=227, resize="shorter", crop=False)
    for number, (name, scene) in enumerate(PHOTOS, start=1):
        frame = photo(name, scene)
        print(f"{frame.stem if has_real_data() else f'scene {scene}'}: {'; '.join(str(p) for p in clf.classify(frame))}")
        save(cam_figure(clf, frame), f"cam_{name.lower()}" if has_real_data() else f"cam_scene_{number}")

    # On a mistake, compare the map of the true class with that of the prediction: both from one forward pass.
    (wrong, mistaken, truth) = a_mistake()
    e = seewhy.explain(wrong, mistaken, method="cam", target=["top1", truth])
    print(f"prediction {e.targets[0]}, truth {e.targets[1]}: rank {e.targets[1].rank}")
    save(e.image(), "cam_prediction_and_truth", shown=True)

    # The identity that makes it exact: mean(M) + b = logit.
    gap = e.maps.mean(axis=(1, 2)) + e.details["bias"] - wrong.logits(mistaken)[0][[t.index for t in e.targets]]
    print(f"mean(M) + b - logit: {np.abs(gap).max():.1e}")
    mouse = photo("mouse", 1)

    for side in (160, 227, 320, 448):
        larger = classifier().with_preprocess(size=side, resize="shorter", crop=False)
        e = seewhy.explain(larger, mouse, method="cam")
        print(f"shorter side {side}: frame {e.photo.geometry.input}, map {e.maps.shape[1:]}, {e.predictions[0]}")


if __name__ == "__main__":
    main()
