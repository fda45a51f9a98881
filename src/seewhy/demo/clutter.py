"""What stands around an animal: trees, rocks, bushes and fences behind it, tufts and stones in front of its feet."""

from __future__ import annotations

import numpy as np

from seewhy.demo.brush import Colour, Layer, Pen, mix
from seewhy.demo.grounds import HEIGHT, WIDTH, Ground

DARK: Colour = (18, 22, 18)


def behind(layer: Layer, ground: Ground, horizon: int, feet: float, rng: np.random.Generator) -> None:
    """Things between the horizon and the row of the animal's feet, the farthest first."""
    plants = {
        "meadow": (_broadleaf, _bush, _bush, _fence, _rock),
        "forest": (_trunk, _trunk, _conifer, _bush, _log),
        "snow": (_conifer, _conifer, _fence, _rock, _bush),
        "steppe": (_bush, _bush, _rock, _fence, _rock),
        "rocks": (_rock, _rock, _conifer, _bush, _rock),
    }[ground.name]
    count = int(rng.integers(4, 9)) if ground.name == "forest" else int(rng.integers(1, 6))
    grass = int(rng.integers(15, 36))
    rows = np.concatenate([rng.uniform(horizon + 3, feet - 6, count), rng.uniform(horizon + 8, feet - 2, grass)])
    fenced = False
    for k in np.argsort(rows):
        draw = plants[rng.integers(len(plants))] if k < count else _tuft
        if draw is _fence and fenced:
            continue
        fenced |= draw is _fence
        draw(_pen(layer, rows[k], horizon, rng), ground, rng)


def front(layer: Layer, ground: Ground, horizon: int, feet: float, spot: tuple[float, float], rng: np.random.Generator) -> None:
    """Tufts and stones nearer than the animal; in half of the scenes it stands in grass that hides a part of its legs.

    spot: the columns between which the animal stands. Legs that are often hidden cannot be all that tells the animals
    apart: without this grass, maps of an honest network are hottest in the gap between the legs.
    """
    if rng.uniform() < 0.55:
        for row in np.sort(rng.uniform(feet + 1, feet + 12, int(rng.integers(16, 30)))):
            pen = _pen(layer, row, horizon, rng, spot)
            _tuft(pen.at(0.0, 0.0, 0.0, rng.uniform(1.0, 1.9)), ground, rng)
    stones = int(rng.integers(1, 4)) if ground.name == "rocks" or rng.uniform() < 0.15 else 0
    for row in np.sort(rng.uniform(feet + 3, HEIGHT + 8, int(rng.integers(12, 32)))):
        _tuft(_pen(layer, row, horizon, rng), ground, rng)
    for row in np.sort(rng.uniform(feet + 6, HEIGHT, stones)):
        pen = _pen(layer, row, horizon, rng)
        _rock(pen.at(0.0, 0.0, 0.0, rng.uniform(0.2, 0.45)), ground, rng)


def _pen(
    layer: Layer, row: float, horizon: int, rng: np.random.Generator, across: tuple[float, float] = (-10, WIDTH + 10)
) -> Pen:
    """A pen that stands on this row, anywhere between these columns; nearer rows draw larger."""
    near = (row - horizon) / (HEIGHT - horizon)
    return Pen.on(layer, row, rng.uniform(*across), 26 + 105 * near)


def _tuft(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    leaf = mix(ground.leaf, mix(ground.near, (236, 226, 150), 0.3), rng.uniform(0, 0.6))
    size, lean = rng.uniform(0.06, 0.15), rng.uniform(-0.25, 0.25)
    count = int(rng.integers(4, 9)) if ground.name != "snow" else int(rng.integers(3, 6))
    foot, high = rng.uniform(-0.5, 0.5, count), rng.uniform(0.5, 1.25, count)
    tip = 1.5 * foot + lean + rng.uniform(-0.2, 0.2, count)
    bend, low = 1.1 * foot + 0.3 * lean, np.full(count, -0.05)
    columns = np.stack([foot - 0.07, bend - 0.06, tip, bend + 0.06, foot + 0.07], axis=1)
    blades = np.stack([columns, np.stack([low, 0.5 * high, high, 0.5 * high, low], axis=1)], axis=2)  # (count, 5, 2)
    shades = rng.uniform(0, 0.35, count)
    for blade, shade in zip(pen.place(size * blades), shades, strict=True):
        pen.layer.polygon(blade, mix(leaf, DARK, shade), 130)
    if ground.name == "meadow" and rng.uniform() < 0.3:
        petals: tuple[Colour, ...] = ((240, 236, 226), (236, 202, 66), (196, 120, 186))
        pen.oval(size * lean, size * rng.uniform(0.9, 1.2), 0.14 * size, 0.12 * size, petals[rng.integers(3)], 190)


def _conifer(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    needles = mix((48, 84, 52), (70, 96, 78), rng.uniform())
    snowy = ground.name == "snow"
    pen.shape([(-0.05, 0.0), (0.05, 0.0), (0.04, 0.4), (-0.04, 0.4)], (74, 56, 42), 120)
    tall = rng.uniform(1.5, 2.4)
    for k in range(7):
        low, share = 0.22 + (tall - 0.5) * k / 7, 1 - k / 8
        wide, high = 0.46 * share * rng.uniform(0.9, 1.1), low + tall * 0.28 * (0.5 + 0.5 * share)
        drop = 0.07 * share
        corners = [(-wide, low), (-0.45 * wide, low - drop * 0.2), (-0.3 * wide, low - drop),
                   (0.1 * wide, low + drop * 0.2), (0.4 * wide, low - drop), (wide, low),
                   (0.012, high), (-0.012, high)]  # fmt: skip
        pen.shape(corners, mix(needles, DARK, 0.3 - 0.04 * k), 120 + 14 * k)
        if snowy:
            rise = high - low
            pen.shape([(-0.62 * wide, low + 0.35 * rise), (-0.2 * wide, low + 0.3 * rise),
                       (0.3 * wide, low + 0.42 * rise), (0.012, high), (-0.012, high)], (232, 238, 246))  # fmt: skip


def _broadleaf(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    crown = mix((84, 122, 58), (126, 140, 62), rng.uniform())
    pen.limb([(0.0, 0.0), (0.02, 0.5), (0.0, 1.0)], (0.17, 0.12, 0.08), (94, 74, 56), 120)
    angles, reach = rng.uniform(0, 2 * np.pi, 40), np.sqrt(rng.uniform(0, 1, 40))
    for x, y in zip(0.6 * reach * np.cos(angles), 0.45 * reach * np.sin(angles), strict=True):
        tone = mix(crown, DARK, 0.22 - 0.5 * y + rng.uniform(-0.1, 0.1))
        pen.oval(x, 1.25 + y, 0.17, 0.13, tone, int(rng.integers(90, 210)), rng.uniform(-0.5, 0.5))


def _trunk(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    bark = mix((96, 78, 62), (132, 120, 104), rng.uniform())
    thick = rng.uniform(0.14, 0.3)
    pen.shape([(-0.85 * thick, -0.02), (0.85 * thick, -0.02), (0.5 * thick, 0.3), (0.42 * thick, 6), (-0.42 * thick, 6),
               (-0.5 * thick, 0.3)], bark, 160)  # fmt: skip
    for x, y in zip(rng.uniform(-0.35, 0.35, 14), rng.uniform(0.1, 3.5, 14), strict=True):
        pen.limb([(x * thick, y), (x * thick, y + 0.2)], (0.02, 0.015), mix(bark, DARK, rng.uniform(0.2, 0.5)))


def _bush(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    leaf = mix(ground.leaf, (64, 84, 52), rng.uniform(0.1, 0.7))
    angles, reach = rng.uniform(0, np.pi, 30), np.sqrt(rng.uniform(0, 1, 30))
    for x, y in zip(0.42 * reach * np.cos(angles), 0.34 * reach * np.sin(angles), strict=True):
        tone = mix(leaf, DARK, 0.45 - 1.1 * y + rng.uniform(-0.12, 0.12))
        pen.oval(x, y + 0.02, 0.085, 0.065, tone, int(rng.integers(90, 200)), rng.uniform(-0.6, 0.6))
        if ground.name == "snow" and y > 0.2:
            pen.oval(x, y + 0.05, 0.075, 0.03, (234, 240, 248), 200)


def _rock(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    stone = mix((132, 128, 122), ground.dirt, rng.uniform(0, 0.5))
    angles = np.linspace(0, np.pi, 6) + rng.uniform(-0.15, 0.15, 6)
    radii = rng.uniform(0.22, 0.38, 6)
    wide = rng.uniform(0.9, 1.5)
    edge = np.stack([wide * radii * np.cos(angles), 0.9 * radii * np.sin(angles)], axis=1)
    pen.shape([(edge[0, 0], -0.03), *edge.tolist(), (edge[-1, 0], -0.03)], stone, 150)
    facet = edge * 0.75 + (-0.05, 0.05)
    pen.shape(facet[1:5].tolist(), mix(stone, (236, 232, 224), 0.16), 200)
    if ground.name == "snow":
        pen.shape((edge[1:5] * 1.02).tolist(), (234, 240, 248), 200)


def _log(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    bark = mix((92, 70, 50), (120, 106, 88), rng.uniform())
    long, lift = rng.uniform(0.5, 0.9), rng.uniform(-0.08, 0.08)
    pen.limb([(-long, 0.08), (0.0, 0.1), (long, 0.1 + lift)], (0.2, 0.19, 0.17), bark, 160)
    pen.oval(long, 0.1 + lift, 0.05, 0.085, (178, 146, 104), 170)
    for x in rng.uniform(-long, long, 4):
        pen.oval(x, 0.17, 0.12, 0.04, mix(ground.leaf, DARK, 0.2), 175)


def _fence(pen: Pen, ground: Ground, rng: np.random.Generator) -> None:
    wood = mix((128, 104, 80), (158, 150, 138), rng.uniform())
    span = 0.9
    for y in (0.28, 0.52):
        pen.limb([(-9.0, y), (0.0, y + 0.01), (9.0, y)], (0.06, 0.06, 0.06), wood, 150)
    for k in range(-9, 10):
        top = 0.68 + 0.03 * np.sin(5.0 * k)
        left, right = k * span - 0.05, k * span + 0.05
        pen.shape([(left, -0.03), (right, -0.03), (right, top), (left, top)], mix(wood, DARK, 0.12), 190)
