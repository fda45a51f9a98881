"""The camera demo of the sources: a webcam, and what the network looks at, in a loop of four lines.

``python examples/live_cam.py`` looks at drawn animals that walk by, ``python examples/live_cam.py 0`` through a camera, and a
video, a folder or a still photo may stand there as well. With ``--keep`` the walk becomes docs/pictures/live.gif. ``seewhy live``
needs no program at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from common import KEEP, PICTURES, classifier, has_real_data, photo, save
from PIL import Image

import seewhy

STEPS = 14  # frames for each drawn scene
SHIFT = 6  # pixels from frame to frame
MOST = 300  # frames of a camera, which never ends
WIDE = 440


def walking(count: int = 3) -> list[np.ndarray]:
    """Drawn animals that walk through the picture."""
    scenes = seewhy.demo.scenes(count, seed=2)
    return [np.roll(scene.photo, SHIFT * (step - STEPS // 2), axis=1) for scene in scenes for step in range(STEPS)]


def watch(clf: seewhy.Classifier, source: Any) -> Iterator[np.ndarray]:
    """The frame beside the glow of its map, ``(H, 2 W, 3)``; the first choices are printed."""
    for number, (frame, explanation) in enumerate(seewhy.live(clf, source)):
        print("   ".join(str(prediction) for prediction in explanation.predictions[:3]))
        yield np.concatenate([frame, seewhy.show.cam_show(frame, explanation.on_photo()[0])], axis=1)
        if number + 1 == MOST:
            return


def animated(pictures: Sequence[np.ndarray], path: Any) -> None:
    """An animated picture."""
    images = [Image.fromarray(picture) for picture in pictures]
    small = [image.resize((WIDE, image.height * WIDE // image.width)).quantize(64) for image in images]
    small[0].save(path, save_all=True, append_images=small[1:], duration=120, loop=0, optimize=True)


def main(source: Any = None) -> None:
    still = photo("mouse", 1) if has_real_data() else walking(1)[0]
    for picture in watch(classifier(), still):  # a still photo in the camera's place: one argument
        save(picture, "live_still_photo")
    pictures = list(watch(seewhy.load("demo:honest"), walking() if source is None else source))
    save(pictures[-1], "live_last_frame")
    if KEEP:
        animated(pictures, PICTURES / "live.gif")


if __name__ == "__main__":
    main(next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None))
