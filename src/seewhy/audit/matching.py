"""Where a template lies in photos, wherever that is: all its places at once, by what differs from its surroundings there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from seewhy.audit.photos import AuditedPhoto

CELLS = 96  # rows and columns of a picture, whatever the photo's proportions: as many as the longer side of a thumbnail
LEAST_CELLS = 24  # of a cue; less shows nothing
_AT_ONCE = 8  # templates: so many sums over all places fit into memory
_FINE = 2.0  # cells; what is larger than that is the ground's own brightness and colour, which shines through a translucent mark
_CARRIED, _BY_CHANCE = 0.5, 2.6  # other photos reach 0.77 with 8 × 8 cells, 0.5 with 18 × 18 (99 %, measured)
_TINY = 1e-6

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Matches:
    """The best place of each of k templates in each of n pictures. scores : ``(k, n)``, 1 for the same pixels. tops, lefts :
    ``(k, n)``, of the template's first cell."""

    scores: Floats
    tops: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.int64]


def least_score(mask: npt.NDArray[np.bool_]) -> float:
    """Of a photo that carries a template: fewer cells are alike by chance more often."""
    return float(_CARRIED + _BY_CHANCE / np.sqrt(mask.sum()))


def picture_of(photo: AuditedPhoto) -> Floats:
    """``(3, CELLS, CELLS)``, shares of white; smoothed a little, as the same pixels fall on other cells in another photo."""
    with Image.open(io.BytesIO(photo.thumbnail)) as picture:
        stretched = picture.convert("RGB").resize((CELLS, CELLS), Image.Resampling.BILINEAR)
    values = np.pad(np.asarray(stretched, np.float32) / np.float32(255), ((1, 1), (1, 1), (0, 0)), "edge")
    values = (values[:-2] + 2 * values[1:-1] + values[2:]) / 4
    values = (values[:, :-2] + 2 * values[:, 1:-1] + values[:, 2:]) / 4
    return np.ascontiguousarray(values.transpose(2, 0, 1))


@dataclass(frozen=True, eq=False)
class Pictures:
    """Photos as templates are looked for in them. values : ``(n, 3, CELLS, CELLS)``. details : what in them differs from its
    surroundings, the same shape."""

    values: Floats
    details: Floats

    @cached_property
    def spectra(self) -> torch.Tensor:
        """Of the details."""
        spectra: torch.Tensor = torch.fft.rfft2(torch.from_numpy(self.details))
        return spectra

    @cached_property
    def squared(self) -> torch.Tensor:
        """The spectra of the squares of the details."""
        spectra: torch.Tensor = torch.fft.rfft2((torch.from_numpy(self.details) ** 2).sum(1))
        return spectra

    def every(self, step: int) -> Pictures:
        """Each so many-th of them."""
        return Pictures(self.values[::step], self.details[::step])


def pictures_of(photos: Sequence[AuditedPhoto]) -> Pictures:
    """Each photo's picture and its details."""
    from scipy.ndimage import gaussian_filter

    if not photos:
        nothing = np.zeros((0, 3, CELLS, CELLS), np.float32)
        return Pictures(nothing, nothing)
    values = np.stack([picture_of(photo) for photo in photos])
    return Pictures(values, values - gaussian_filter(values, (0, 0, _FINE, _FINE), mode="nearest"))


def best_matches(pictures: Pictures, templates: Floats, mask: npt.NDArray[np.bool_]) -> Matches:
    """Each template ``(k, 3, h, w)`` of details at its best place in each picture, by its cells in the mask alone.

    A score is 2 · Σ p · t / (Σ p² + Σ t²): 1 for the same details, and less where they are fainter or stronger, too.
    """
    if not len(pictures.details) or not len(templates):
        nothing = np.zeros((len(templates), len(pictures.details)), np.int64)
        return Matches(nothing.astype(np.float32), nothing, nothing)
    weights = torch.from_numpy(mask.astype(np.float32))
    size = (weights.shape[0], weights.shape[1])
    strengths = _sums(pictures.squared, weights, size)  # (n, places)
    wanted = torch.from_numpy(templates) * weights
    own_strengths = (wanted**2).sum((1, 2, 3))

    (scores, places) = ([], [])
    for start in range(0, len(templates), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        kernels = torch.fft.rfft2(wanted[part], s=(CELLS, CELLS)).conj()
        products = torch.einsum("nchw,kchw->knhw", pictures.spectra, kernels)
        common = _valid(torch.fft.irfft2(products, s=(CELLS, CELLS)), size)
        alike = 2 * common / (strengths + own_strengths[part, None, None, None]).clamp(min=_TINY)
        (best, place) = alike.flatten(2).max(2)
        scores.append(best)
        places.append(place)
    (all_scores, all_places) = (torch.cat(scores).numpy(), torch.cat(places).numpy())
    across = CELLS - size[1] + 1
    return Matches(all_scores, all_places // across, all_places % across)


def _sums(spectra: torch.Tensor, weights: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The weighted sums at every place."""
    kernel = torch.fft.rfft2(weights, s=(CELLS, CELLS)).conj()
    return _valid(torch.fft.irfft2(spectra * kernel, s=(CELLS, CELLS)), size)


def _valid(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Without the places at which a template would go round the picture's end."""
    return planes[..., : CELLS - size[0] + 1, : CELLS - size[1] + 1]
