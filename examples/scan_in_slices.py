"""A volume of 32 slices: a network finds a nodule in a drawn scan, and the map shows on which slices, and where.

The scans are drawn, not measured: two dark lungs in a grey body, vessels that run through the slices, a bright spine; half of the
scans have a nodule, a small ball in one lung. A network of three-dimensional convolutions is trained for about a minute.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from common import save
from torch import nn

import seewhy

DEPTH, SIZE = 32, 48
RADIUS = 4.0  # of a nodule, in voxels
Scan = npt.NDArray[np.float32]


def scan(ill: bool, seed: int) -> tuple[Scan, tuple[float, float, float]]:
    """``(32, 48, 48)`` in thousands of Hounsfield units: air is -1, water 0; and the nodule's slice, row and column."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng([seed, ill])
    (slices, rows, columns) = np.mgrid[:DEPTH, :SIZE, :SIZE].astype(np.float32)
    (down, across) = ((rows - SIZE / 2) / SIZE, (columns - SIZE / 2) / SIZE)
    inwards = (slices - DEPTH / 2) / DEPTH
    values = np.full(rows.shape, -1.0, np.float32)
    values[(down / 0.36) ** 2 + (across / 0.46) ** 2 < 1] = 0.04
    values[(down / 0.31) ** 2 + (across / 0.41) ** 2 < 1] = -0.08
    lungs = [((down + 0.02) / 0.24) ** 2 + ((across - side) / 0.145) ** 2 + (inwards / 0.56) ** 2 < 1 for side in (-0.215, 0.215)]
    for lung in lungs:
        values[lung] = -0.82
    values[((down - 0.24) / 0.07) ** 2 + (across / 0.06) ** 2 < 1] = 0.45
    values[((down + 0.05) / 0.14) ** 2 + (across / 0.09) ** 2 + ((inwards - 0.2) / 0.3) ** 2 < 1] = 0.06
    for _ in range(16):  # vessels: thin, and they go on from slice to slice
        (start, drift) = (random.uniform(0.16, 0.84, 2) * SIZE, random.uniform(-0.5, 0.5, 2))
        away = np.hypot(rows - start[0] - drift[0] * (slices - DEPTH / 2), columns - start[1] - drift[1] * (slices - DEPTH / 2))
        values[(away < random.uniform(0.6, 1.1)) & (lungs[0] | lungs[1])] = 0.0
    lung = lungs[random.integers(2)]
    inner = np.argwhere(lung & (np.abs(inwards) < 0.33) & (np.abs(down + 0.02) < 0.15))
    place = inner[random.integers(len(inner))]
    if ill:
        far = np.sqrt(((np.stack([slices, rows, columns], axis=-1) - place) ** 2).sum(axis=-1))
        values[(far < RADIUS) & lung] = 0.03
    values = gaussian_filter(values, (0.5, 0.6, 0.6)) + random.normal(0, 0.04, values.shape)
    return values.astype(np.float32), (float(place[0]), float(place[1]), float(place[2]))


def trained(scans: int = 320, rounds: int = 10) -> seewhy.Classifier:
    """A network of three convolutions that tells scans with a nodule from those without."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            *(nn.Conv3d(1, 12, 3, stride=2, padding=1), nn.BatchNorm3d(12), nn.ReLU()),
            *(nn.Conv3d(12, 24, 3, padding=1), nn.BatchNorm3d(24), nn.ReLU(), nn.MaxPool3d(2)),
            *(nn.Conv3d(24, 24, 3, padding=1), nn.BatchNorm3d(24), nn.ReLU()),
            *(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 2)),
        )
    truth = torch.arange(scans) % 2
    inputs = torch.stack([torch.from_numpy(scan(bool(truth[k]), k)[0])[None] for k in range(scans)])
    optimiser = torch.optim.Adam(net.parameters(), 4e-3)
    order = torch.Generator().manual_seed(0)
    net.train()
    for _ in range(rounds):
        for batch in torch.randperm(scans, generator=order).split(16):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), truth[batch]).backward()
            optimiser.step()
    for norm in (layer for layer in net if isinstance(layer, nn.BatchNorm3d)):
        (norm.momentum, _) = (None, norm.reset_running_stats())  # means over all scans, by the final weights
    with torch.no_grad():
        for batch in torch.arange(scans).split(16):
            net(inputs[batch])
    net.eval()
    return seewhy.Classifier(net, classes=["clear", "nodule"], dimensions=3)


def main(scans: int = 320, rounds: int = 10) -> None:
    """One scan with a nodule: the network's evidence slice by slice, and what speaks against it, too."""
    clf = trained(scans, rounds)
    (volume, place) = scan(True, 9001)
    print(f"the nodule's middle is in slice {place[0] + 1:.0f}, row {place[1]:.0f}, column {place[2]:.0f}")
    for name, relu in (("grad_cam", True), ("for_and_against", False)):
        e = seewhy.explain(clf, volume, "grad_cam", target="nodule", relu=relu)
        (depth, row, column) = np.unravel_index(int(e.on_input()[0].argmax()), volume.shape)
        print(f"{name}: {e.targets[0]}, strongest in slice {depth + 1}, row {row}, column {column}")
        save(e.plot(), f"scan_in_slices_{name}", shown=relu)


if __name__ == "__main__":
    main()
