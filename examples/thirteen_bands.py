"""Fields photographed in thirteen bands: what tells the watered ones from the dry ones is seen in one band, and not in colours.

Bands are drawn, not measured: 2, 1 and 0 are red, green and blue, 7 is the near infrared, in which a watered patch is bright. A
small network is trained for some seconds; its map marks the patch, in natural colours as well as in false ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from common import save
from torch import nn

import seewhy

BANDS = 13
INFRARED = 7
SIZE = 64
PATCH = 14  # its side
NATURAL, FALSE = (2, 1, 0), (INFRARED, 2, 1)
Scene = npt.NDArray[np.uint16]


def field(watered: bool, seed: int, brightness: float = 1800) -> tuple[Scene, tuple[int, int]]:
    """Reflectances times 10,000, ``(64, 64, 13)``, and the patch's first row and column. A dry field has no patch.

    brightness : of the patch in the near infrared, above the soil around it.
    """
    random = np.random.default_rng([seed, watered])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    furrows = np.sin((rows * np.cos(angle := random.uniform(0, np.pi)) + columns * np.sin(angle)) / random.uniform(1.5, 3))
    plots = random.normal(0, 1, (4, 4)).repeat(SIZE // 4, 0).repeat(SIZE // 4, 1)
    soil = 1500 + 150 * furrows + 130 * plots
    colour = np.interp(np.arange(BANDS), [0, 2, 12], [0.6, 1.0, 1.6])
    scene = soil[..., None] * colour + random.normal(0, 60, (SIZE, SIZE, BANDS))
    corner = tuple(int(place) for place in random.integers(4, SIZE - PATCH - 4, 2))
    if watered:
        inside = np.hypot(rows - corner[0] - PATCH / 2, columns - corner[1] - PATCH / 2) < PATCH / 2
        scene[inside, INFRARED] += brightness
    return scene.clip(0, 10000).astype(np.uint16), (corner[0], corner[1])


def trained(fields: int = 240, rounds: int = 12) -> seewhy.Classifier:
    """A network of three convolutions that tells watered from dry fields."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            *(nn.Conv2d(BANDS, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)),
        )
    preprocess = seewhy.Preprocess(size=SIZE, channels=BANDS, range=10000, mean=0.2, std=0.05)
    clf = seewhy.Classifier(net, preprocess, ["dry", "watered"], display=NATURAL)
    truth = torch.arange(fields) % 2
    pixels = np.stack([clf.read(field(bool(truth[k]), k)[0]).pixels for k in range(fields)])
    inputs = preprocess.normalise(torch.from_numpy(pixels))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(rounds):
        for batch in torch.randperm(fields, generator=order).split(24):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), truth[batch]).backward()
            optimiser.step()
    net.eval()
    return clf


def main(fields: int = 240, rounds: int = 12) -> None:
    """One watered field, in natural and in false colours."""
    clf = trained(fields, rounds)
    scene, _ = field(True, 9004)
    for name, display in (("natural", NATURAL), ("false", FALSE)):
        shown = seewhy.Classifier(clf.network, clf.preprocess, clf.classes, display=display)
        e = seewhy.explain(shown, scene, target="watered")
        print(f"{name} colours: {e.targets[0]}; {e.photo.notes[-1]}")
        save(e.plot(), f"thirteen_bands_{name}", shown=True)


if __name__ == "__main__":
    main()
