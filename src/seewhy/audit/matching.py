"""Where a template lies in photos, wherever that is: all its places at once, by their concordance."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from seewhy.audit.photos import AuditedPhoto

CELLS = 96  # rows and columns of a picture, whatever the photo's proportions: as many as the longer side of a thumbnail
_AT_ONCE = 8  # templates: so many sums over all places fit into memory
_TINY = 1e-6

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Matches:
    """The best place of each of k templates in each of n pictures. scores : ``(k, n)``, 1 for the same pixels. tops, lefts :
    ``(k, n)``, of the template's first cell."""

    scores: Floats
    tops: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.int64]


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
    """Photos as templates are looked for in them. values : ``(n, 3, CELLS, CELLS)``. spectra, squared : of them, and of their
    squares."""

    values: Floats
    spectra: torch.Tensor
    squared: torch.Tensor

    def every(self, step: int) -> Pictures:
        """Each so many-th of them."""
        return Pictures(self.values[::step], self.spectra[::step], self.squared[::step])


def pictures_of(photos: Sequence[AuditedPhoto]) -> Pictures:
    """Each photo's picture, and what each search needs of it."""
    if not photos:
        nothing = torch.zeros((0, 3, CELLS, CELLS))
        return Pictures(nothing.numpy(), nothing, nothing[:, 0])
    values = np.stack([picture_of(photo) for photo in photos])
    seen = torch.from_numpy(values)
    return Pictures(values, torch.fft.rfft2(seen), torch.fft.rfft2((seen**2).sum(1)))


def best_matches(pictures: Pictures, templates: Floats, mask: npt.NDArray[np.bool_]) -> Matches:
    """Each template ``(k, 3, h, w)`` at its best place in each picture, by its cells in the mask alone.

    Scores are Lin's concordance: a correlation that a difference in brightness, contrast or colour lowers, too. With M(t) the
    mean over the cells, and sums over the channels: 2 · cov(p, t) / (var p + var t + (M(p) - M(t))²).
    """
    (count, photos, cells) = (len(templates), len(pictures.values), int(mask.sum()))
    if not photos or not count:
        nothing = np.zeros((count, photos), np.int64)
        return Matches(nothing.astype(np.float32), nothing, nothing)
    weights = torch.from_numpy(mask.astype(np.float32) / np.float32(cells))
    size = (weights.shape[0], weights.shape[1])
    means = _sums(pictures.spectra, weights, size)  # (n, 3, places)
    squared_means = (means**2).sum(1)
    variances = (_sums(pictures.squared, weights, size) - squared_means).clamp(min=0)

    wanted = torch.from_numpy(templates)
    own_means = (wanted * weights).sum((2, 3))
    centred = (wanted - own_means[..., None, None]) * weights
    own_variances = (centred * (wanted - own_means[..., None, None])).sum((1, 2, 3))

    (scores, places) = ([], [])
    for start in range(0, count, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        kernels = torch.fft.rfft2(centred[part], s=(CELLS, CELLS)).conj()
        products = torch.einsum("nchw,kchw->knhw", pictures.spectra, kernels)
        covariances = _valid(torch.fft.irfft2(products, s=(CELLS, CELLS)), size)
        apart = squared_means - 2 * torch.einsum("nchw,kc->knhw", means, own_means[part])
        apart += (own_means[part] ** 2).sum(1)[:, None, None, None]
        concordances = 2 * covariances / (apart + variances + own_variances[part, None, None, None]).clamp(min=_TINY)
        (best, place) = concordances.flatten(2).max(2)
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
