"""How a bear, a cow and a sheep are drawn, from the far legs to the nose; the coyote and the dog are in canines.py.

All animals face right in their own units: the ground is y = 0, a body is about 1 long, the pen mirrors and scales.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from seewhy.demo.brush import Colour, Pen, mix, smooth

BLACK: Colour = (24, 22, 22)


class Pose(NamedTuple):
    """How an animal stands; chosen before it is known which animal it will be.

    head: 1 (high) to 0 (grazing). stride: how far each leg swings, radians, in the order far hind, far front,
    near hind, near front. tail: -1 to 1. eye: its colour, which shines at night.
    """

    head: float
    stride: tuple[float, float, float, float]
    tail: float
    eye: Colour


def leg(
    pen: Pen,
    hip: tuple[float, float],
    swing: float,
    widths: Sequence[float],
    colours: tuple[Colour, Colour],
    height: int,
    bend: float = 0.0,
    foot: tuple[float, float] = (0.05, 0.05),
) -> None:
    """A leg from the hip to the ground: hip, knee (pushed forward by `bend`), ankle, and a foot (length, height)."""
    x, y = hip
    step = np.sin(swing) * y
    ankle = foot[1] * 0.8
    knee = (x + 0.45 * step + bend, ankle + (y - ankle) * 0.48)
    fur, hoof = colours
    front = x + step + foot[0] * 0.25
    pen.oval(front, foot[1] * 0.52, foot[0], foot[1] * 0.55, hoof, height)
    pen.limb([(x, y), knee, (x + step, ankle)], widths, fur, height)


def eye(pen: Pen, x: float, y: float, radius: float, colour: Colour) -> None:
    """A dark eye with a glint, or one that shines back at the camera's flash."""
    shines = sum(colour) > 300
    pen.oval(x, y, radius, radius, BLACK)
    if shines:
        pen.oval(x, y, 0.75 * radius, 0.75 * radius, colour)
    else:
        pen.oval(x + 0.3 * radius, y + 0.35 * radius, 0.35 * radius, 0.35 * radius, (230, 230, 225))


def bear(pen: Pen, pose: Pose, rng: np.random.Generator) -> None:
    """Heavy, humped and flat-footed, with small round ears and a pale muzzle."""
    coats: tuple[Colour, ...] = ((42, 36, 34), (92, 60, 38), (122, 82, 48), (70, 46, 32), (52, 42, 38))
    fur = mix(coats[rng.integers(len(coats))], (100, 74, 50), rng.uniform(0, 0.25))
    far, dark, light = mix(fur, BLACK, 0.42), mix(fur, BLACK, 0.3), mix(fur, (214, 176, 128), rng.uniform(0.5, 0.75))
    thick = rng.uniform(0.95, 1.1)
    paws = (0.1, 0.075)
    for hip, swing, widths, bend in (
        ((-0.3, 0.42), pose.stride[0], (0.3, 0.19, 0.13), -0.01),
        ((0.34, 0.45), pose.stride[1], (0.26, 0.18, 0.14), 0.0),
    ):
        leg(pen, hip, swing + 0.1, widths, (far, mix(far, BLACK, 0.3)), 95, bend, paws)
    pen.oval(-0.56, 0.56, 0.05, 0.045, dark, 120)
    back = 0.02 * rng.uniform(-1, 1)
    pen.blob(
        [(-0.57, 0.45), (-0.55, 0.62), (-0.4, 0.735), (-0.12, 0.715 + back), (0.12, 0.765), (0.28, 0.81),
         (0.44, 0.75), (0.55, 0.58), (0.5, 0.34), (0.28, 0.22 / thick), (-0.1, 0.19 / thick), (-0.42, 0.23)],
        fur, 175,
    )  # fmt: skip
    for hip, swing, widths, bend in (
        ((-0.37, 0.42), pose.stride[2], (0.37, 0.22, 0.15), 0.02),
        ((0.32, 0.43), pose.stride[3], (0.28, 0.2, 0.16), 0.0),
    ):
        leg(pen, hip, swing, widths, (fur, dark), 186, bend, paws)
    pen.oval(0.3, 0.52, 0.16, 0.2, fur, 190, 0.2)  # the shoulder, so that the leg grows out of the body

    x, y = 0.76 + 0.02 * (1 - pose.head), 0.3 + 0.42 * pose.head
    pen.limb([(0.34, 0.62), (0.54, 0.47 + 0.2 * pose.head), (x - 0.02, y)], (0.44, 0.38, 0.27), fur, 200)
    head = pen.at(x, y, -0.75 + 0.62 * pose.head, 1.12)
    head.oval(0.06, 0.145, 0.058, 0.062, dark, 185)
    head.blob(
        [(-0.16, 0.0), (-0.1, 0.125), (0.02, 0.15), (0.11, 0.1), (0.16, 0.0), (0.1, -0.12), (-0.06, -0.14)],
        fur, 225,
    )  # fmt: skip
    head.blob(
        [(0.07, 0.045), (0.18, 0.03), (0.27, 0.01), (0.285, -0.06), (0.22, -0.105), (0.1, -0.12),
         (0.04, -0.04)],
        light, 235,
    )  # fmt: skip
    head.limb([(0.15, -0.085), (0.25, -0.075)], (0.012, 0.012), mix(light, BLACK, 0.65))
    head.oval(0.275, -0.005, 0.034, 0.03, BLACK, 245, -0.3)
    head.oval(-0.06, 0.135, 0.072, 0.075, fur, 245)
    head.oval(-0.055, 0.135, 0.042, 0.045, mix(fur, (190, 150, 120), 0.35))
    eye(head, 0.085, 0.05, 0.021, pose.eye)


def cow(pen: Pen, pose: Pose, rng: np.random.Generator) -> None:
    """Square and long-legged, patched, with horns, a broad pink muzzle, an udder and a tasselled tail."""
    white: Colour = (232, 226, 214)
    dyes: tuple[Colour, ...] = ((36, 34, 36), (36, 34, 36), (122, 66, 36), (150, 92, 52))
    dye = dyes[rng.integers(len(dyes))]
    kind = rng.uniform()
    coat, patch = (white, dye) if kind < 0.75 else (dye, white) if kind < 0.9 else (dye, mix(dye, BLACK, 0.25))
    far = mix(coat, BLACK, 0.36)
    pink: Colour = (222, 164, 150)
    hoof: Colour = (52, 44, 40)
    foot = (0.05, 0.075)
    for hip, swing, widths, bend in (
        ((-0.33, 0.42), pose.stride[0], (0.2, 0.095, 0.07), -0.04),
        ((0.35, 0.44), pose.stride[1], (0.17, 0.095, 0.075), 0.01),
    ):
        leg(pen, hip, swing * 0.8 + 0.08, widths, (far, hoof), 95, bend, foot)
    if rng.uniform() < 0.75:
        pen.oval(-0.22, 0.29, 0.12, 0.08, pink, 150)
        pen.limb([(-0.2, 0.23), (-0.195, 0.18)], (0.035, 0.022), mix(pink, BLACK, 0.12), 140)
        pen.limb([(-0.27, 0.23), (-0.272, 0.18)], (0.035, 0.022), mix(pink, BLACK, 0.12), 140)
    outline = [(-0.56, 0.55), (-0.56, 0.72), (-0.46, 0.795), (-0.2, 0.765), (0.1, 0.765), (0.34, 0.8), (0.48, 0.74),
               (0.55, 0.55), (0.46, 0.37), (0.15, 0.285), (-0.15, 0.295), (-0.42, 0.38)]  # fmt: skip
    body = pen.blob(outline, coat, 180)
    spots = []
    for _ in range(int(rng.integers(4, 7))):
        u, v, r = rng.uniform(-0.55, 0.5), rng.uniform(0.38, 0.8), rng.uniform(0.1, 0.19)
        a = np.linspace(0, 2 * np.pi, 7, endpoint=False)
        radii = r * rng.uniform(0.65, 1.3, 7)
        spots.append(pen.place(smooth(np.stack([u + radii * np.cos(a), v + 0.8 * radii * np.sin(a)], axis=1))))
    pen.layer.stain(spots, patch, body)
    tip = (-0.6 - 0.07 * pose.tail, 0.3)
    hang = [(-0.53, 0.75), (-0.61, 0.66), (-0.6 - 0.03 * pose.tail, 0.48), tip]
    pen.limb(hang, (0.05, 0.04, 0.03, 0.03), mix(coat, BLACK, 0.12), 170)
    pen.limb([tip, (tip[0] - 0.01, 0.24), (tip[0] - 0.015, 0.16)], (0.035, 0.075, 0.02), mix(dye, BLACK, 0.2), 185)
    for hip, swing, widths, bend in (
        ((-0.42, 0.44), pose.stride[2], (0.27, 0.11, 0.08), -0.05),
        ((0.38, 0.42), pose.stride[3], (0.17, 0.105, 0.085), 0.015),
    ):
        leg(pen, hip, swing * 0.8, widths, (coat, hoof), 188, bend, foot)

    x, y = 0.77 + 0.06 * (1 - pose.head), 0.31 + 0.59 * pose.head
    face = dye if rng.uniform() < 0.75 else coat
    neck = coat if rng.uniform() < 0.5 else face
    pen.limb([(0.4, 0.62), (0.58, 0.46 + 0.28 * pose.head), (x - 0.02, y)], (0.34, 0.28, 0.2), neck, 195)
    head = pen.at(x, y, -0.95 + 0.55 * pose.head, 1.08)
    horn: Colour = (226, 214, 184)
    if rng.uniform() < 0.85:
        head.limb([(-0.02, 0.08), (0.04, 0.17), (0.01, 0.25)], (0.06, 0.045, 0.014), mix(horn, BLACK, 0.2), 190)
        head.limb([(-0.07, 0.08), (-0.06, 0.18), (-0.12, 0.27)], (0.065, 0.05, 0.014), horn, 235)
    head.blob(
        [(-0.13, 0.02), (-0.09, 0.105), (0.02, 0.105), (0.17, 0.06), (0.31, 0.035), (0.33, -0.06),
         (0.2, -0.105), (0.02, -0.125), (-0.1, -0.09)],
        face, 225,
    )  # fmt: skip
    if face != white and rng.uniform() < 0.6:
        head.blob([(-0.04, 0.105), (0.1, 0.085), (0.24, 0.05), (0.22, 0.01), (0.08, 0.03)], white)
    head.blob([(0.24, 0.05), (0.33, 0.045), (0.375, -0.01), (0.35, -0.08), (0.26, -0.11), (0.22, -0.03)], pink, 238)
    head.oval(0.335, 0.005, 0.017, 0.013, (90, 52, 48))
    head.limb([(0.26, -0.07), (0.345, -0.05)], (0.011, 0.011), (130, 84, 78))
    head.blob(
        [(-0.07, 0.06), (-0.13, 0.085), (-0.22, 0.055), (-0.25, 0.01), (-0.17, -0.005)],
        mix(face, BLACK, 0.12), 240,
    )  # fmt: skip
    head.blob([(-0.11, 0.05), (-0.17, 0.055), (-0.22, 0.025), (-0.16, 0.015)], mix(pink, face, 0.3))
    eye(head, 0.07, 0.045, 0.021, pose.eye)


def sheep(pen: Pen, pose: Pose, rng: np.random.Generator) -> None:
    """A cloud of wool on thin legs; rams carry curled horns."""
    wools: tuple[Colour, ...] = ((226, 218, 200), (206, 196, 174), (186, 168, 140), (236, 232, 222))
    wool = wools[rng.integers(len(wools))]
    skin: Colour = (44, 40, 40) if rng.uniform() < 0.5 else mix((206, 176, 148), wool, 0.12)
    far = mix(skin, BLACK, 0.4)
    hoof: Colour = (40, 36, 34)
    foot = (0.042, 0.06)
    for hip, swing, widths, bend in (
        ((-0.27, 0.38), pose.stride[0], (0.1, 0.065, 0.055), -0.02),
        ((0.26, 0.38), pose.stride[1], (0.1, 0.065, 0.055), 0.0),
    ):
        leg(pen, hip, swing * 0.8 + 0.07, widths, (far, hoof), 80, bend, foot)
    for hip, swing, widths, bend in (
        ((-0.34, 0.38), pose.stride[2], (0.12, 0.075, 0.06), -0.02),
        ((0.32, 0.38), pose.stride[3], (0.11, 0.075, 0.06), 0.0),
    ):
        leg(pen, hip, swing * 0.8, widths, (skin, hoof), 110, bend, foot)
    pen.oval(-0.53, 0.5, 0.06, 0.12, mix(wool, BLACK, 0.08), 120, 0.25)
    pen.oval(0.0, 0.545, 0.46, 0.255, mix(wool, BLACK, 0.14), 140)
    # Locks from the outline inwards: each one overlaps the last, so the relief shows curls.
    rings = ((1.0, 26, 0.072, 150), (0.72, 20, 0.085, 170), (0.42, 13, 0.09, 185), (0.12, 5, 0.09, 195))
    for reach, count, size, height in rings:
        start = rng.uniform(0, 2 * np.pi)
        angles = start + np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(-0.1, 0.1, count)
        for angle in angles:
            u, v = 0.46 * reach * np.cos(angle), 0.55 + 0.235 * reach * np.sin(angle)
            r = size * rng.uniform(0.8, 1.2)
            _lock(pen, u, v, r, wool, height, rng)

    x, y = 0.62 + 0.06 * (1 - pose.head), 0.22 + 0.56 * pose.head
    for share in (0.0, 0.3, 0.6, 0.85):
        u, v = 0.36 + (x - 0.4) * share, 0.58 + (y - 0.6) * share
        r = 0.2 - 0.09 * share
        for du, dv in ((-0.03, 0.04), (0.03, 0.02), (0.0, -0.05)):
            _lock(pen, u + du, v + dv, r * rng.uniform(0.8, 1), wool, 200, rng)
    head = pen.at(x, y, -0.95 + 0.5 * pose.head, 1.12)
    head.blob(
        [(-0.1, -0.02), (-0.07, 0.08), (0.03, 0.09), (0.13, 0.045), (0.22, 0.01), (0.235, -0.045),
         (0.18, -0.085), (0.04, -0.1), (-0.06, -0.09)],
        skin, 230,
    )  # fmt: skip
    head.oval(0.218, -0.012, 0.02, 0.016, mix(skin, BLACK, 0.55), None)
    head.limb([(0.16, -0.06), (0.215, -0.05)], (0.01, 0.01), mix(skin, BLACK, 0.5))
    horned = rng.uniform() < 0.45
    for _ in range(6):
        u, v = rng.uniform(-0.12, 0.0), rng.uniform(0.05, 0.12)
        head.oval(u, v, 0.055, 0.045, mix(wool, BLACK, rng.uniform(0, 0.08)), 235)
    eye(head, 0.065, 0.035, 0.019, pose.eye)
    if horned:
        horn: Colour = (176, 148, 104)
        turn = np.linspace(0.9, 0.9 + 1.75 * np.pi, 12)
        radius = np.linspace(0.1, 0.13, 12)
        curl = np.stack([-0.07 + radius * np.cos(turn), -0.02 + radius * np.sin(turn)], axis=1)
        thick = np.linspace(0.11, 0.02, 12)
        head.limb(curl, thick.tolist(), mix(horn, BLACK, 0.1), 250)
        along = curl[1:] - curl[:-1]
        sides = 0.5 * thick[:-1, None] * along[:, ::-1] * (-1, 1) / np.hypot(along[:, 0], along[:, 1])[:, None]
        for middle, side in zip(curl[:10], sides[:10], strict=True):
            head.limb([middle - side, middle + side], (0.012, 0.012), mix(horn, BLACK, 0.38))
    else:
        head.blob(
            [(-0.05, 0.05), (-0.1, 0.06), (-0.19, 0.02), (-0.2, -0.03), (-0.12, -0.02)],
            mix(skin, BLACK, 0.15), 245,
        )  # fmt: skip
        head.blob([(-0.09, 0.035), (-0.16, 0.015), (-0.17, -0.01), (-0.12, 0.0)], mix(skin, (220, 160, 150), 0.4))


def _lock(pen: Pen, x: float, y: float, radius: float, wool: Colour, height: int, rng: np.random.Generator) -> None:
    """One lock of wool: a bright curl on its own shadow."""
    tone = mix(wool, BLACK, rng.uniform(0, 0.08))
    pen.oval(x, y, radius, radius * 0.9, mix(tone, (70, 62, 60), 0.3), height + int(rng.integers(-20, 21)))
    pen.oval(x, y + 0.16 * radius, radius * 0.86, radius * 0.74, tone)


Draw = Callable[[Pen, Pose, np.random.Generator], None]
