"""Wildlife photos drawn from a seed, each with the exact mask of its animal and of the logo, if it carries one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.demo.animals import Pose, bear, cow, sheep
from seewhy.demo.brush import Colour, Floats, Layer, Light, Pen, rgb
from seewhy.demo.canines import coyote, dog
from seewhy.demo.clutter import behind, front
from seewhy.demo.grounds import GROUNDS, HEIGHT, WIDTH, hour, landscape
from seewhy.demo.logo import corner, plate
from seewhy.errors import OptionError

ANIMALS = {"bear": bear, "cow": cow, "sheep": sheep, "coyote": coyote, "dog": dog}
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Scene:
    """One photo and what is known about it.

    photo: (240, 320, 3) uint8. label: the animal's name. animal: (240, 320) bool, the animal's visible pixels, without
    what grass, stones or the logo cover. logo: (240, 320) bool, the logo's pixels. A mask is all False where there is
    nothing to mark.
    """

    photo: NDArray[np.uint8]
    label: str
    animal: NDArray[np.bool_]
    logo: NDArray[np.bool_]


def scenes(
    n: int,
    split: str = "test",
    logo: bool | Literal["all"] = False,
    seed: int = 0,
    labels: Sequence[str] = ("bear", "cow", "sheep"),
) -> list[Scene]:
    """Photos with a known answer, to try an explanation on: n scenes, the labels taking turns.

    n: how many; scene i is the same whatever n is. split: "train", "validation" or "test", which never share a scene.
    logo: True puts the trail-camera logo on the bears, "all" on everything, False on nothing; no other pixel changes.
    seed: another seed gives other scenes. labels: which animals, out of bear, cow, sheep, coyote and dog; the demo
    networks never saw a coyote or a dog.

    Raises: OptionError for a negative n or seed, and for an unknown split, logo or label.
    """
    if n < 0:
        raise OptionError(f"n = {n}: the number of scenes must be 0 or more")
    if seed < 0:
        raise OptionError(f"seed = {seed}: the seed must be 0 or more")
    if split not in SPLITS:
        raise OptionError(f"split = {split!r} is unknown: write one of {', '.join(map(repr, SPLITS))}")
    if logo not in (True, False, "all"):
        raise OptionError(f"logo = {logo!r} is unknown: write True (on the bears), False (on nothing) or 'all'")
    if isinstance(labels, str):
        raise OptionError(f"labels = {labels!r} is one word: write a list of labels, such as [{labels!r}]")
    unknown = [label for label in labels if label not in ANIMALS]
    if unknown or not labels:
        problem = f"label {unknown[0]!r} is unknown" if unknown else "labels is empty"
        raise OptionError(f"{problem}: choose from {', '.join(map(repr, ANIMALS))}")
    drawn = [labels[i % len(labels)] for i in range(n)]
    return [
        draw_scene(i, split, seed, label, logo=logo == "all" or (bool(logo) and label == "bear")) for i, label in enumerate(drawn)
    ]


def draw_scene(index: int, split: str, seed: int, label: str, logo: bool = False, animal: bool = True) -> Scene:
    """One scene. animal=False draws the very same place without its animal, whatever the label.

    Where, how large, how lit and how posed comes from generators that never see the label.
    """
    root = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))
    place, around, ahead, coat, camera = (np.random.default_rng(child) for child in root.spawn(5))

    ground = GROUNDS[place.integers(len(GROUNDS))]
    light = hour(place)
    side, strength = place.choice((-1, 1)) * place.uniform(0.4, 0.9), place.uniform(0.7, 1.05)
    sun = Light(float(side), 0.6 if light.infrared else strength)
    horizon = int(place.integers(*ground.horizon))
    near = place.uniform()
    feet = 168 + 50 * near
    unit = (78 + 42 * near) * place.uniform(0.88, 1.12)
    tail, nose = 0.8 * unit, 1.24 * unit  # room for the longest animal, whichever it is
    column = place.uniform(tail, WIDTH - nose)
    mirrored = bool(place.integers(2))
    column = WIDTH - column if mirrored else column
    grazing = place.uniform() < 0.3
    stride = place.uniform(-0.28, 0.28, 4)
    pose = Pose(
        head=place.uniform(0, 0.2) if grazing else place.uniform(0.55, 1),
        stride=(stride[0], stride[1], stride[2], stride[3]),
        tail=place.uniform(-1, 1),
        eye=(255, 255, 250) if light.infrared else (30, 24, 22),
    )

    photo = landscape(ground, light, horizon, place)
    things = Layer(HEIGHT, WIDTH)
    behind(things, ground, horizon, feet, around)
    things.lay_over(photo, sun, 1.3, 8)
    if light.infrared:
        photo *= 0.65  # the flash fades with distance
    photo *= 1 - _shadow(feet, column, unit, sun)[..., None] * (0.25 if light.infrared else 0.45)

    cover = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    if animal:
        body = Layer(HEIGHT, WIDTH)
        ANIMALS[label](Pen.on(body, feet, column, unit, mirrored), pose, coat)
        cover = body.lay_over(photo, sun, 1.15, max(6, round(unit / 8)), _fur(coat))

    blades = Layer(HEIGHT, WIDTH)
    front(blades, ground, horizon, feet, (column - 0.75 * unit, column + 0.75 * unit), ahead)
    visible = cover * (1 - blades.lay_over(photo, sun, 0.9, 6)) >= 0.02

    pixels = _expose(photo, light.tint, light.infrared, camera)
    stamped = np.zeros((HEIGHT, WIDTH), dtype=bool)
    if logo:
        stamped[corner(HEIGHT)] = True
        pixels[corner(HEIGHT)] = plate()
    return Scene(pixels, label, visible & ~stamped, stamped)


def _shadow(feet: float, column: float, unit: float, sun: Light) -> Floats:
    """How much of the light an animal of this size keeps from the ground, (H, W) from 0 to 1."""
    rows = (np.arange(HEIGHT, dtype=np.float32)[:, None] - feet) / (0.085 * unit)
    columns = (np.arange(WIDTH, dtype=np.float32)[None, :] - column + 0.12 * sun.side * unit) / (0.62 * unit)
    return np.asarray(np.clip(1.25 - rows**2 - columns**2, 0, 1), dtype=np.float32)


def _fur(rng: np.random.Generator) -> Floats:
    """Short hairs that hang: noise around 1, stretched downwards, (H, W)."""
    hairs = rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32)
    hairs[1:] += hairs[:-1]
    return 1 + 0.032 * hairs


def _expose(photo: Floats, tint: Colour, infrared: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the camera makes of the light: the hour's tint, grey under its own infrared flash, grain, dark corners."""
    rows = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    fall_off = 1 - (0.3 if infrared else 0.1) * (rows**2 + columns**2)
    photo = photo * rgb(tint)
    if infrared:
        grey = photo @ np.array([[0.4], [0.4], [0.2]], dtype=np.float32)
        photo = np.repeat(255 * (1 - np.exp(grey / -150)), 3, axis=2)  # the flash must not burn out snow and wool
    grain = rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32) * (5 if infrared else 2.5)
    photo = photo * fall_off[..., None] + grain[..., None]
    return np.asarray(np.clip(photo, 0, 255), dtype=np.uint8)
