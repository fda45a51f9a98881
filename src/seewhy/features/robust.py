"""Deep dream for pictures worth looking at: the optimum must hold up while the picture is moved, turned and resized.

Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, doi:10.23915/distill.00007: the picture is a Fourier
spectrum in decorrelated colours (preconditioning), and the objective is seen through random transformations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from seewhy.features.objective import Objective, Size
from seewhy.features.pyramid import without_gradient

# Opponent colours (Ruderman, Cronin and Chiao 1998): light, yellow-blue, red-green; and how far they spread. In photographs the
# second has 0.3 of the first's spread; so much lets networks paint everything violet.
AXES = ((1 / 3**0.5, 1 / 3**0.5, 1 / 3**0.5), (1 / 6**0.5, 1 / 6**0.5, -2 / 6**0.5), (1 / 2**0.5, -1 / 2**0.5, 0.0))
SPREAD = (1.0, 0.12, 0.2)
UNITLESS = (-2.0, 2.0)  # what black and white stand for where there is no preprocessing


@dataclass(frozen=True)
class Recipe:
    """How a robust dream is made.

    copies : views per step. canvas : side of the picture over that of the network's input, so that views can move.
    rate : of AdamW at the first step, in units of the spectrum's spread; it falls to 0 along a cosine.
    prior : AdamW's weight decay, towards the flat picture: contrast that the objective does not ask for fades.
    contrast : spread of the start, in logits of a pixel. decay : power of the frequency by which fine detail is held back.
    zoom : least and most picture pixels per input pixel. turn : degrees to either side.
    """

    steps: int = 128
    copies: int = 2
    canvas: float = 8 / 7
    rate: float = 0.08
    prior: float = 0.1
    contrast: float = 0.2
    decay: float = 1.2
    zoom: tuple[float, float] = (0.8, 1.2)
    turn: float = 15.0


def dream(
    objective: Objective, channels: Sequence[int], generators: Sequence[torch.Generator], recipe: Recipe
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """After every step the pictures ``(n, C, H, W)`` in raw pixels, the mean values ``(n,)`` of the views it was made from, and
    which pictures are dead: no gradient at the start ``(n,)``.

    generators : one for each channel, so that they do not disturb each other. A class's logit is taken minus the mean of all:
    what excites every class is no picture of one.

    Raises GradientError where all are dead.
    """
    objective = replace(objective, centred=True)
    colour = objective.mean_colour()
    (height, width) = (math.ceil(recipe.canvas * side) for side in objective.size)
    size = (height, width)
    weights = frequency_weights(size, recipe.decay).to(colour).repeat(len(colour), 1, 1)  # (C, H, W // 2 + 1)
    if len(weights) == 3 and objective.step is None:
        weights[1:, 0, 0] = 0  # the picture of a class has no tint as a whole: networks would gladly give it one
    drawn = [torch.randn((*weights.shape, 2), generator=generator) for generator in generators]
    spectrum = (recipe.contrast * torch.stack(drawn).to(colour)).requires_grad_()  # (n, C, H, W // 2 + 1, 2)
    optimiser = torch.optim.AdamW([spectrum], eps=1e-12, weight_decay=recipe.prior, maximize=True)
    indices = torch.tensor(list(channels), device=colour.device)
    dead = torch.zeros(len(spectrum), dtype=torch.bool, device=colour.device)
    for step in range(1, recipe.steps + 1):
        grids = torch.cat([transformations(generator, recipe, size, objective.size) for generator in generators]).to(colour)
        with torch.enable_grad():
            seen = transformed(painted(objective, spectrum, weights, size), grids)  # (n * copies, C, h, w)
        (values, outer) = objective.gradient(seen, indices.repeat_interleave(recipe.copies))
        (spectrum.grad,) = torch.autograd.grad(seen, spectrum, outer)
        if step == 1:
            dead = without_gradient(objective, spectrum.grad, channels)
        optimiser.param_groups[0]["lr"] = recipe.rate * (1 + math.cos(math.pi * (step - 1) / recipe.steps)) / 2
        optimiser.step()
        yield painted(objective, spectrum.detach(), weights, size), values.reshape(-1, recipe.copies).mean(1), dead


def frequency_weights(size: Size, decay: float) -> torch.Tensor:
    """``(H, W // 2 + 1)``: ``1 / frequency ** decay``, as in photographs; a spectrum of spread 1 gives pixels of spread 1."""
    (rows, columns) = (torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None])
    frequency = (rows.square() + columns.square()).sqrt().clamp_min(1 / max(size))
    weights = frequency**-decay
    scaled: torch.Tensor = weights / weights.square().mean().sqrt()
    return scaled


def painted(objective: Objective, spectrum: torch.Tensor, weights: torch.Tensor, size: Size) -> torch.Tensor:
    """``(n, C, H, W // 2 + 1, 2)`` to pictures ``(n, C, H, W)`` in raw pixels; differentiable."""
    waves = torch.view_as_complex(spectrum.contiguous()) * weights
    planes = torch.fft.irfft2(waves, s=size, norm="ortho")
    if planes.shape[1] == 3:
        mixing = torch.tensor(AXES, dtype=planes.dtype, device=planes.device) * planes.new_tensor(SPREAD)[:, None]
        planes = torch.einsum("nahw,ac->nchw", planes, 3**0.5 * mixing)
    (low, high) = (0.0, 255.0) if objective.clf.preprocess is not None else UNITLESS
    base = torch.logit((objective.mean_colour() - low) / (high - low))
    pictures: torch.Tensor = low + (high - low) * (base + planes).sigmoid()
    return pictures


def transformations(generator: torch.Generator, recipe: Recipe, size: Size, seen: Size) -> torch.Tensor:
    """``(copies, h, w, 2)``: where each view, as large as the network's input, reads the picture (see ``grid_sample``).

    Turned by up to ``turn`` degrees, resized by ``zoom`` and moved as far as the picture reaches.
    """
    (a, b, c, d) = torch.rand((4, recipe.copies), generator=generator)
    (least, most) = recipe.zoom
    zoom = least * (most / least) ** a  # (copies,)
    angle = (2 * b - 1) * math.radians(recipe.turn)
    theta = torch.zeros((recipe.copies, 2, 3))
    for axis, (free, side, own) in enumerate(((d, size[1], seen[1]), (c, size[0], seen[0]))):  # columns, rows
        part = zoom * own / side
        theta[:, axis, axis] = part * angle.cos()
        theta[:, axis, 1 - axis] = (-1, 1)[axis] * zoom * seen[axis] / side * angle.sin()
        theta[:, axis, 2] = (2 * free - 1) * (1 - part).clamp_min(0)
    return F.affine_grid(theta, [recipe.copies, 1, *seen], align_corners=False)


def transformed(pictures: torch.Tensor, grids: torch.Tensor) -> torch.Tensor:
    """``(n, C, H, W)`` pictures as ``(n * copies, C, h, w)`` transformed views; what lies outside is reflected."""
    copied = pictures.repeat_interleave(len(grids) // len(pictures), 0)
    return F.grid_sample(copied, grids, mode="bilinear", padding_mode="reflection", align_corners=False)
