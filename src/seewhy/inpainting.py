"""What the surroundings of a region make of it: colours that run smoothly from border to border."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array


def inpaint(pixels: Array, mask: npt.NDArray[np.bool_]) -> Array:
    """Pixels ``(C, H, W)`` in any units, those of ``mask (H, W)`` continued from its border; float32.

    The harmonic function, ``Σ (neighbour - pixel) = 0`` over the four neighbours (Laplace's equation): each pixel is the mean of
    its neighbours, at the photo's edge of those that it has. So no channel leaves the range of the region's border (the maximum
    principle), and a linear ramp around a region within the photo goes on through it. At least one pixel is not masked.
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    count = int(mask.sum())
    filled: Array = pixels.astype(np.float32)
    if not count:
        return filled
    unknown = np.full(mask.shape, -1)
    unknown[mask] = np.arange(count)
    neighbours = np.zeros(mask.shape)
    known = np.zeros(pixels.shape)  # the sum of the neighbours that are not masked
    border = np.zeros(mask.shape, bool)
    (rows, columns) = ([np.arange(count)], [np.arange(count)])
    for here, there in _adjacent():
        neighbours[here] += 1
        outwards = mask[here] & ~mask[there]
        border[there] |= outwards
        known[:, here[0], here[1]] += np.where(outwards, pixels[:, there[0], there[1]], 0)
        inwards = mask[here] & mask[there]
        rows.append(unknown[here][inwards])
        columns.append(unknown[there][inwards])
    values = np.concatenate([neighbours[mask], -np.ones(sum(map(len, rows)) - count)])
    laplacian = csc_matrix((values, (np.concatenate(rows), np.concatenate(columns))), shape=(count, count))
    # It is symmetric and its diagonal outweighs its rows: no pivoting, and an ordering of its graph, which has half the fill-in.
    factors = splu(laplacian, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    continued = factors.solve(np.ascontiguousarray(known[:, mask].T)).T
    edge = pixels[:, border].astype(np.float64)
    filled[:, mask] = continued.clip(edge.min(axis=1, keepdims=True), edge.max(axis=1, keepdims=True))  # of rounding alone
    return filled


def _adjacent() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Pixels that have a neighbour, and that neighbour, for each of the four directions."""
    (all_, first, last) = (slice(None), slice(None, -1), slice(1, None))
    pairs = [((first, all_), (last, all_)), ((all_, first), (all_, last))]
    return pairs + [(there, here) for here, there in pairs]
