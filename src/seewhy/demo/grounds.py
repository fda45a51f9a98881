"""Where the animals stand: five kinds of ground with their sky, what grows there, and the light of the hour.

Nothing in this file knows which animal will stand there, so no ground can give a class away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy.demo.brush import Colour, Floats, mix, rgb, soften

HEIGHT, WIDTH = 240, 320
_BANK = 512
_MELT = np.array([[0.75], [0.5], [0.25]])  # the foot of a ridge goes over into the soil within three rows


class Ground(NamedTuple):
    """The colours of one kind of ground. far and near: the soil; dirt: its bare places; leaf: what grows there."""

    name: str
    far: Colour
    near: Colour
    dirt: Colour
    leaf: Colour
    rough: float  # how strongly the soil's texture shows
    horizon: tuple[int, int]  # rows between which the horizon may lie
    hills: tuple[Colour, ...]  # from the farthest ridge to the nearest


GROUNDS = (
    Ground("meadow", (152, 168, 100), (112, 142, 70), (146, 126, 78), (92, 132, 54), 0.2, (72, 112),
           ((150, 172, 186), (112, 146, 128), (78, 112, 70))),
    Ground("forest", (116, 116, 76), (130, 112, 78), (98, 82, 58), (84, 116, 60), 0.3, (86, 122),
           ((96, 116, 96), (60, 82, 58), (42, 60, 42))),
    Ground("snow", (222, 230, 238), (238, 242, 248), (196, 208, 224), (156, 146, 112), 0.07, (70, 112),
           ((186, 200, 216), (150, 166, 182), (92, 112, 110))),
    Ground("steppe", (206, 184, 126), (180, 154, 92), (158, 130, 84), (176, 158, 84), 0.22, (80, 116),
           ((178, 172, 180), (182, 156, 128), (166, 146, 98))),
    Ground("rocks", (158, 152, 140), (140, 132, 118), (116, 112, 102), (122, 126, 78), 0.34, (62, 106),
           ((168, 178, 190), (142, 142, 140), (118, 116, 104))),
)  # fmt: skip


class Hour(NamedTuple):
    """The light of a scene: what it multiplies colours by, its sky, and whether the infrared flash is on."""

    tint: Colour
    sky: tuple[Colour, Colour]  # zenith, horizon
    infrared: bool


def hour(rng: np.random.Generator) -> Hour:
    """Day mostly, dusk now and then, and one night in eight, which the camera sees in grey."""
    kind = rng.uniform()
    bright = rng.uniform(0.9, 1.08)
    if kind < 0.66:
        warm = rng.uniform(-0.04, 0.06)
        zenith: Colour = mix((104, 156, 214), (178, 192, 206), rng.uniform())
        return Hour((bright * (1 + warm), bright, bright * (1 - warm)), (zenith, (216, 228, 236)), False)
    if kind < 0.87:
        zenith = mix((92, 96, 146), (130, 104, 130), rng.uniform())
        return Hour((1.02 * bright, 0.84 * bright, 0.74 * bright), (zenith, (250, 186, 128)), False)
    return Hour((1.25 * bright,) * 3, ((16, 17, 18), (34, 35, 36)), True)


@lru_cache(maxsize=1)
def _bank() -> Floats:
    """Endless cloudy noise, (512, 512), mean 0 and deviation 1: made once, each scene reads another part of it."""
    rng = np.random.default_rng(7)
    waves = np.fft.rfft2(rng.standard_normal((_BANK, _BANK)))
    rows, columns = np.fft.fftfreq(_BANK)[:, None], np.fft.rfftfreq(_BANK)[None, :]
    clouds = np.fft.irfft2(waves / np.maximum(np.hypot(rows, columns), 2 / _BANK) ** 1.1)
    return np.asarray((clouds - clouds.mean()) / clouds.std(), dtype=np.float32)


def noise(rng: np.random.Generator, height: int, width: int, stretch: tuple[float, float] = (1.0, 1.0)) -> Floats:
    """Cloudy noise (height, width), mean about 0, deviation about 1; stretch: texels a pixel, down and across."""
    top, left = rng.integers(_BANK, size=2)
    rows = (top + np.arange(height) * stretch[0]).astype(np.intp) % _BANK
    columns = (left + np.arange(width) * stretch[1]).astype(np.intp) % _BANK
    return np.asarray(_bank()[rows[:, None], columns[None, :]])


def landscape(ground: Ground, light: Hour, horizon: int, rng: np.random.Generator) -> Floats:
    """Sky, ridges and soil without anything standing on it: (240, 320, 3), about 0 to 255, before the hour's tint."""
    photo = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
    _sky(photo, light, horizon, rng)
    if ground.name == "forest":
        photo[:horizon] = photo[:horizon] * 0.45 + (0.15 if light.infrared else 0.55) * rgb(ground.hills[0])
    photo[horizon:] = _soil(ground, horizon, rng)
    _ridges(photo, ground, light, horizon, rng)
    if ground.name == "forest":
        _canopy(photo, light, horizon, rng)
    return photo


def _canopy(photo: Floats, light: Hour, horizon: int, rng: np.random.Generator) -> None:
    """Leaves that hang into the top of the photo."""
    rows = int(horizon * rng.uniform(0.35, 0.8))
    hang = np.linspace(1.6, -1.6, rows, dtype=np.float32)[:, None]
    for dark, shift in ((0.8, 0.5), (1.0, 0.0), (1.3, -0.5)):
        leaves = np.clip(2.5 * (soften(noise(rng, rows, WIDTH, (3, 3)), 2) + hang + shift), 0, 1)[..., None]
        tone = rgb((62, 88, 50)) * (0.4 if light.infrared else dark)
        photo[:rows] += 0.85 * leaves * (tone - photo[:rows])


def _sky(photo: Floats, light: Hour, horizon: int, rng: np.random.Generator) -> None:
    height = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None] * HEIGHT / max(horizon, 1)
    zenith, low = rgb(light.sky[0]), rgb(light.sky[1])
    photo[:] = zenith + (low - zenith) * np.minimum(height, 1)
    clouds = np.clip(0.8 * soften(noise(rng, horizon, WIDTH, (3, 1)), 3) - rng.uniform(0, 1), 0, 1)[..., None] * 0.8
    cloud = low * 0.5 + rgb((255, 252, 248)) * (0.12 if light.infrared else 0.5)
    photo[:horizon] += clouds * (cloud - photo[:horizon])


def _soil(ground: Ground, horizon: int, rng: np.random.Generator) -> Floats:
    """The soil seen in perspective: the texture shrinks and fades towards the horizon."""
    depth = (np.arange(HEIGHT - horizon, dtype=np.float32) + 6) / (HEIGHT - horizon)  # 0 far, 1 near
    offset = rng.integers(_BANK, size=4)
    across = (np.arange(WIDTH, dtype=np.float32) - WIDTH / 2)[None, :] / depth[:, None] ** 0.8
    away = (-170 * np.log(depth))[:, None]

    def read(zoom: float, start: NDArray[np.int64]) -> Floats:
        rows = (away * zoom + start[0]).astype(np.intp) % _BANK
        columns = (across * zoom + start[1] + _BANK).astype(np.intp) % _BANK
        return np.asarray(_bank()[rows, columns])

    near = np.sqrt(depth)[:, None, None]
    soil = rgb(ground.far) + (rgb(ground.near) - rgb(ground.far)) * near
    bare = np.clip(read(0.35, offset[:2]) * 0.9 - 0.25, 0, 1)[..., None]
    soil = soil + 0.75 * bare * (rgb(ground.dirt) - soil)
    grain = rng.standard_normal((HEIGHT - horizon, WIDTH), dtype=np.float32)
    grain[:, 1:] += 0.6 * grain[:, :-1]
    texture = read(1.0, offset[2:]) * 0.55 + 0.3 * grain * near[..., 0]
    return np.asarray(soil * (1 + ground.rough * 0.8 * texture[..., None] * (0.35 + 0.65 * near)), dtype=np.float32)


def _ridges(photo: Floats, ground: Ground, light: Hour, horizon: int, rng: np.random.Generator) -> None:
    """Two or three ridges between sky and soil, the nearest one jagged with trees where trees grow."""
    wooded = ground.name in ("meadow", "forest", "snow")
    rows = np.arange(HEIGHT)[:, None]
    first = int(rng.integers(0, 2))
    steep = {"rocks": 0.8, "snow": 0.6}.get(ground.name, 0.1)
    for k, colour in enumerate(ground.hills[first:], start=first):
        top = horizon - (32, 18, 6)[k] * (1 + 0.5 * _wave(rng, steep)) * (1.25 if ground.name == "rocks" else 1)
        if k == 2 and wooded:
            top = top - (15 if ground.name == "forest" else 6) * _crowns(rng)
        start, stop = max(0, int(top.min())), horizon + 3
        cover = np.clip(rows[start:stop] - top[None, :], 0, 1)
        cover[horizon - start :] *= _MELT
        shade = 1 + 0.07 * noise(rng, stop - start, WIDTH, (2, 1))
        tone = rgb(colour) * (0.3 if light.infrared else 1.0)
        photo[start:stop] += cover[..., None] * (tone * shade[..., None] - photo[start:stop])


def _wave(rng: np.random.Generator, steep: float) -> NDArray[np.float64]:
    """A ridge line, (320,), about -1 to 1: a few waves; steep folds their valleys into peaks."""
    across = np.linspace(0, 2 * np.pi, WIDTH)
    line = np.zeros(WIDTH)
    for k, high in ((0.7, 0.6), (1.7, 0.4), (4.1, 0.18), (9.3, 0.08)):
        wave = np.sin(k * rng.uniform(0.8, 1.25) * across + rng.uniform(0, 2 * np.pi))
        line += high * ((1 - steep) * wave + steep * (1 - 2 * np.abs(wave)))
    return line


def _crowns(rng: np.random.Generator) -> NDArray[np.float64]:
    """The outline of a row of small firs, (320,), about 0 to 1."""
    columns = np.arange(WIDTH)[:, None]
    tips, high, wide = rng.uniform(0, WIDTH, 60), rng.uniform(0.35, 1, 60), rng.uniform(4, 8, 60)
    outline: NDArray[np.float64] = np.max(high * (1 - np.abs(columns - tips) / wide), axis=1)
    return np.maximum(outline, 0.2)
