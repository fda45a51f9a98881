"""The drawn scenes that the audit's bench trains on, audits and asks its oracle about.

Drawing is the cost (15 ms a scene): the scenes that networks learn from are kept under ``out/audits/scenes`` without any cue,
with their masks; cues are drawn on top of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.timing import ROOT
from seewhy.demo.animals import Pose
from seewhy.demo.brush import Layer, Light, Pen
from seewhy.demo.grounds import GROUNDS, HEIGHT, WIDTH, hour, landscape
from seewhy.demo.scenes import ANIMALS, SPLITS, draw_scene

PLACE = ROOT / "out" / "audits" / "scenes"
POOL = 1200  # scenes that a network learns from; each also mirrored

Photo = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Layout = Literal["wild", "aligned", "empty"]  # anywhere, all at the same place in the same pose, without an animal


@dataclass(frozen=True, eq=False)
class Clean:
    """One scene without a cue. photo : ``(240, 320, 3)``. animal : its visible pixels, ``(240, 320)``."""

    photo: Photo
    animal: Mask
    label: str

    def mirrored(self) -> Clean:
        return Clean(np.ascontiguousarray(self.photo[:, ::-1]), np.ascontiguousarray(self.animal[:, ::-1]), self.label)


def draw(index: int, split: str, seed: int, label: str, layout: Layout = "wild") -> Clean:
    """One scene: the same whatever else is drawn."""
    if layout == "aligned":
        return _aligned(index, split, seed, label)
    scene = draw_scene(index, split, seed, label, animal=layout != "empty")
    return Clean(scene.photo, scene.animal, label)


def _aligned(index: int, split: str, seed: int, label: str) -> Clean:
    """The animal stands in the middle, always as large, in the same pose; the landscape and its hour are any."""
    (place, coat, camera) = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed, spawn_key=(9, SPLITS.index(split), index)).spawn(3)
    )
    ground = GROUNDS[place.integers(len(GROUNDS))]
    light = hour(place)
    photo = landscape(ground, light, int(place.integers(*ground.horizon)), place)
    body = Layer(HEIGHT, WIDTH)
    pose = Pose(head=0.8, stride=(0.1, -0.1, 0.15, -0.15), tail=0.0, eye=(30, 24, 22))
    ANIMALS[label](Pen.on(body, 195, 150, 100, False), pose, coat)
    cover = body.lay_over(photo, Light(0.6, 0.9), 1.15, 12)
    pixels = photo * np.asarray(light.tint, np.float32) + camera.normal(0, 2.5, (HEIGHT, WIDTH, 1))
    return Clean(np.asarray(np.clip(pixels, 0, 255), np.uint8), cover >= 0.02, label)


def drawn(count: int, split: str, seed: int, labels: Sequence[str], layout: Layout = "wild") -> list[Clean]:
    """Scenes whose labels take turns."""
    return [draw(index, split, seed, labels[index % len(labels)], layout) for index in range(count)]


def pool(seed: int, labels: Sequence[str], layout: Layout = "wild", count: int = POOL) -> list[Clean]:
    """Scenes to learn from, out of their files where they were drawn before."""
    path = PLACE / f"{layout}, {' '.join(labels)}, {count}, seed {seed}"
    photos, masks = path.with_suffix(".photos.npy"), path.with_suffix(".masks.npy")
    if not masks.is_file():
        PLACE.mkdir(parents=True, exist_ok=True)
        scenes = drawn(count, "train", seed, labels, layout)
        _save(photos, np.stack([scene.photo for scene in scenes]))
        _save(masks, np.packbits(np.stack([scene.animal for scene in scenes]), axis=-1))
    kept = np.load(photos, mmap_mode="r")
    animals = np.unpackbits(np.load(masks), axis=-1).astype(bool)
    return [Clean(kept[i], animals[i], labels[i % len(labels)]) for i in range(count)]


def _save(path: Path, array: Photo) -> None:
    """Whole or not at all: another process may be drawing the same."""
    own = path.with_name(f"{os.getpid()}.{path.name}")
    np.save(own, array)
    own.replace(path)
