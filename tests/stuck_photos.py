"""Drawn scenes with a cue that somebody stuck on them, anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

import seewhy
from seewhy.audit.boxes import overlap
from seewhy.audit.candidates import Candidate
from seewhy.audit.free_place import FreePlace
from seewhy.audit.moving import moving_cues
from seewhy.audit.photos import AuditedPhoto
from seewhy.edits import Box

CLASSES = ("bear", "cow", "sheep")
EACH = 40  # photos of a class, half of them for discovery
Scenes = dict[str, list[np.ndarray]]


def drawn_scenes() -> Scenes:
    drawn = seewhy.demo.scenes(3 * EACH, "test", False, seed=0)
    return {name: [scene.photo for scene in drawn if scene.label == name] for name in CLASSES}


def saved(picture: np.ndarray, quality: int) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer


def photo_of(picture: np.ndarray, number: int, label: int) -> AuditedPhoto:
    """As a run reads and stores it: a JPEG of the camera, a thumbnail of it."""
    with Image.open(saved(picture, 90)) as opened:
        opened.thumbnail((96, 96), Image.Resampling.BILINEAR)
        thumbnail = saved(np.asarray(opened), 85).getvalue()
    return AuditedPhoto(number, f"{label}/{number}.jpg", f"{number:064x}", label, label, thumbnail)


def sticker(width: int) -> np.ndarray:
    """Orange, a white cross on it; square."""
    picture = np.full((width, width, 3), (235, 120, 20), np.uint8)
    (near, far) = (round(0.36 * width), round(0.64 * width))
    (picture[near:far, 3:-3], picture[3:-3, near:far]) = (250, 250)
    return picture


def stuck(picture: np.ndarray, cue: np.ndarray, place: tuple[int, int], opacity: float = 1.0) -> tuple[np.ndarray, Box]:
    """A photo with the cue at a pixel; and where it is."""
    changed = picture.copy()
    ((height, width), (top, left)) = (cue.shape[:2], place)
    inside = changed[top : top + height, left : left + width]
    inside[:] = np.rint((1 - opacity) * inside + opacity * cue)
    (rows, columns) = picture.shape[:2]
    return changed, (top / rows, left / columns, (top + height) / rows, (left + width) / columns)


class Planted:
    """Photos of three classes, the cue in a share of one's, or of all; and where it is, by number."""

    def __init__(
        self,
        scenes: Scenes,
        cue: np.ndarray | None = None,
        share: float = 1.0,
        opacity: float = 1.0,
        fixed: bool = False,
        every_class: bool = False,
    ) -> None:
        random = np.random.default_rng(3)
        self.boxes: dict[int, Box] = {}
        self.photos: dict[int, list[AuditedPhoto]] = {}
        for label, name in enumerate(CLASSES):
            self.photos[label] = []
            for place, scene in enumerate(scenes[name]):
                (number, picture) = (1000 * label + place, scene)
                if cue is not None and (label == 0 or every_class) and place // 2 % 10 < round(10 * share):
                    free = (int(random.integers(240 - cue.shape[0])), int(random.integers(320 - cue.shape[1])))
                    (picture, self.boxes[number]) = stuck(picture, cue, (180, 250) if fixed else free, opacity)
                self.photos[label].append(photo_of(picture, number, label))
        self.own = self.photos[0][::2]
        self.unseen = self.photos[0][1::2]
        self.others = [*self.photos[1][::2], *self.photos[2][::2]]

    def found(self) -> list[FreePlace]:
        return moving_cues(0, self.own, self.others, {})

    def well_placed(self, candidate: Candidate, carriers: Sequence[AuditedPhoto]) -> float:
        """The share of the carriers in which it lies where it was stuck."""
        boxes = [(candidate.box_in(photo), self.boxes.get(photo.number)) for photo in carriers]
        return float(np.mean([own is not None and true is not None and overlap(own, true) >= 0.5 for own, true in boxes]))
