"""A simple model of the network around one photo: on-off vectors, their weights, the fit, and how far it can be trusted.

n : samples; d : segments; K : targets. A vector holds one bit per segment: True where the segment is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, did_you_mean, is_number, is_whole_number, setting

Bits = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
# What a model learnt: the importance (d, K), and its prediction (n, K) for bits (n, d).
Learnt = tuple[Values, Callable[[Values], Values]]
# Learns from bits (n, d), scores (n, K) and weights (n,).
Learner = Callable[[Values, Values, Values], Learnt]

MODELS = ("tree", "linear", "ridge")
FOLDS = 5
ENUMERABLE = 20  # segments of which all 2^d vectors may be drawn
RESOLUTION = 5e-7  # relative: scores that differ by less are equal in float32
MINOR = 0.05  # of the strongest segment: below it no eye sees the colour


@dataclass(frozen=True, eq=False)
class Fit:
    """What the surrogate says, one column per target.

    importance : ``(d, K)``. "linear", "ridge": the segment's coefficient, in the score's units. "tree": the drop in squared
        error that the segment's splits bring, divided by the number of all splits, in squared units, with the effect's sign.
    effect : ``(d, K)``, mean score with the segment minus mean score without it, weighted; in the score's units.
    r2 : ``(K,)``, the share of the score's weighted variance that is explained on samples not learnt from: five fits, each
        without every fifth sample. It can be negative. Where ``complete``, it is ``r2_fit``.
    r2_fit : ``(K,)``, the same on the samples learnt from.
    standard_error : ``(d, K)``, how far the importance would move with other random vectors; NaN where there are too few
        samples to tell, 0 where ``complete``.
    flat : bool ``(K,)``. The score is the same for all vectors: importance, effect and standard error are 0, both R² NaN.
    complete : every one of the 2^d vectors was drawn once. Nothing is left to chance.
    """

    importance: Values
    effect: Values
    r2: Values
    r2_fit: Values
    standard_error: Values
    flat: Bits
    complete: bool


def draw(segments: int, samples: int, seed: int) -> Bits:
    """On-off vectors ``(n, d)``; the first row keeps all segments. Each bit is on with probability 0.5.

    segments : d, at least 1. samples : n, at least 2. seed : of a generator of its own.

    Fewer samples are the first rows of more samples. Where ``samples`` reaches 2^d (d up to 20) each vector comes exactly once,
    in random order: n = 2^d, and a sweep that is stopped early is still a random draw.

    Raises OptionError: samples below 2.
    """
    if not is_whole_number(samples) or samples < 2:
        raise OptionError(
            f"{setting('samples', samples)}: write an integer of at least 2 (about 10 per segment, here {10 * segments})."
        )
    rng = np.random.default_rng(seed)
    bits: Bits
    if segments <= ENUMERABLE and samples >= 2**segments:
        untouched = 2**segments - 1
        codes = np.concatenate([[untouched], rng.permutation(untouched)])
        bits = (codes[:, None] >> np.arange(segments)) & 1 == 1
    else:
        bits = rng.integers(0, 2, (samples, segments), dtype=np.uint8) == 1
        bits[0] = True
    return bits


def sample_weights(bits: Bits, width: float | None) -> Values:
    """``exp(-D² / width²)`` of each vector, ``(n,)``, in (0, 1]; ones where ``width`` is None.

    D = 1 - √(bits on / d) : cosine distance to the vector of ones; 1 for the vector of zeros.

    Ribeiro et al. 2016, arXiv:1602.04938, section 3.4. The lime package takes the square root of this kernel: its width w is
    √2 · w here (its default 0.25 is 0.354).

    Raises OptionError: a width that is not a positive number, or so small that hardly a sample counts (Kish's effective
    number of samples, (Σw)² / Σw², below 10).
    """
    count = len(bits)
    if width is None:
        return np.ones(count)
    if not is_number(width) or width <= 0:
        raise OptionError(
            f"{setting('kernel', width)}: write a positive width (the lime package's default is 0.354 here), or None."
        )
    distance = 1 - np.sqrt(bits.mean(axis=1))
    weights: Values = np.exp(-((distance / width) ** 2))
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    if effective < min(10, count / 4):
        raise OptionError(
            f"{setting('kernel', width)} leaves {effective:.1f} of {count} samples that count: write a larger width, or None."
        )
    return weights


def fit(bits: Bits, values: npt.ArrayLike, model: str, weights: Values | None = None) -> Fit:
    """Explain the scores of switched photos by which segments were on.

    bits : ``(n, d)``. values : ``(n, K)``, finite scores. weights : ``(n,)``, not negative; None is 1 each.
    model :
        "linear" : min_β  Σ w (ŷ - bβ)² / (2 Σ w) + |β|₁ / n, where ŷ is the score divided by its standard deviation (Tibshirani
            1996). So the penalty does not depend on the score's units: a class at 0.01 gets the same picture as one at 0.9.
        "ridge" : min_β  Σ w (y - bβ)² + |β|₂². That is the lime package's default.
        "tree" : regression tree (Breiman et al. 1984), grown until a node has under 10 samples.
    The intercept is free of penalty. Where every one of the 2^d vectors is there once, nothing is left to chance and nothing is
    shrunk: "linear" and "ridge" are then the least squares, min_β  Σ w (y - bβ)².

    Standard errors: linear and ridge by the sandwich formula with leave-one-out residuals (HC3; MacKinnon & White 1985), the
    lasso's as if it were not penalised. The tree's come from the jackknife over the five fits of ``r2``: rough, and in our
    simulations 1.3 to 2.3 times too large.

    Raises OptionError: an unknown model.
    """
    complete = _complete(bits)
    learn = learner(model, complete)
    (x, y) = (bits.astype(np.float64), np.asarray(values, dtype=np.float64))
    count = len(x)
    w = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    # No weight is quite zero, so that no group of samples has none at all. A float32 score can't show the difference.
    w = np.maximum(w, 1e-12 * w.max())

    flat = np.ptp(y, axis=0) <= RESOLUTION * np.abs(y).max(axis=0)
    (importance, predict) = learn(x, y, w)
    predicted = predict(x)
    (r2, r2_fit) = (np.full(y.shape[1], np.nan), _r2(y, predicted, w))
    error = np.full(importance.shape, np.nan)
    if complete:
        (r2, error) = (r2_fit.copy(), np.zeros(importance.shape))
    elif count >= 2 * FOLDS:
        (r2, parts) = _held_out(x, y, w, learn)
        if model == "tree":
            error = np.sqrt((FOLDS - 1) * parts.var(axis=0))
        else:
            error = _sandwich(x, y - predicted, w, 1.0 if model == "ridge" else 0.0)
    r2[flat] = r2_fit[flat] = np.nan
    effect = _effect(x, y, w)
    importance[:, flat] = effect[:, flat] = error[:, flat] = 0
    return Fit(importance, effect, r2, r2_fit, error, flat, complete)


def learner(model: str, complete: bool = False) -> Learner:
    """The function that learns a model; see :func:`fit`. complete : all 2^d vectors are there, each once.

    Raises OptionError: an unknown model.
    """
    if not isinstance(model, str) or model not in MODELS:
        raise OptionError(f"{setting('model', model)}: write 'tree', 'linear' or 'ridge'.{did_you_mean(str(model), MODELS)}")
    if model == "tree":
        return _tree
    if complete:
        return _least_squares
    return _lasso if model == "linear" else _ridge


def is_stable(fit: Fit, top: int = 5) -> bool:
    """True when more samples would hardly change which segments matter most. For samples that come in portions of about 128.

    Each importance is redrawn 400 times from a normal distribution with its standard error. Stable means: in at least 95 % of
    the draws four fifths of the ``top`` segments (largest absolute importance; all of them where they are fewer than 5) stay
    among the top with the same sign; and that holds for every target. Segments below a twentieth of the strongest count as
    nothing, and nothing that stays nothing is stable too: else a photo with one area that decides would never end.

    A complete fit and a flat score are stable. A fit without standard errors is not. Deterministic.
    """
    (importance, error) = (fit.importance[:, ~fit.flat].T, fit.standard_error[:, ~fit.flat].T)
    if fit.complete or not importance.size:
        return True
    if not np.isfinite(error).all():
        return False
    top = min(top, importance.shape[1])
    noise = np.random.default_rng(0).standard_normal((400, importance.shape[1]))
    return all(
        np.mean(_kept(value, value + noise * spread, top) >= math.ceil(0.8 * top)) >= 0.95
        for value, spread in zip(importance, error, strict=True)
    )


def _kept(one: Values, many: Values, top: int) -> npt.NDArray[np.int64]:
    """How many of the top segments of ``one`` ``(d,)`` each row of ``many`` ``(m, d)`` keeps, ``(m,)``; see ``is_stable``."""
    (signs, ours) = _signs_and_top(one[None], top)
    (many_signs, theirs) = _signs_and_top(many, top)
    kept: npt.NDArray[np.int64] = (ours & (many_signs == signs) & (theirs | (signs == 0))).sum(axis=1)
    return kept


def _signs_and_top(importance: Values, top: int) -> tuple[Values, Bits]:
    """Of each row: signs, 0 for what counts as nothing, and which segments are the top ones; both ``(m, d)``."""
    size = np.abs(importance)
    signs = np.where(size < MINOR * size.max(axis=1, keepdims=True), 0, np.sign(importance))
    first = np.zeros(importance.shape, dtype=bool)
    np.put_along_axis(first, np.argsort(-size, axis=1, kind="stable")[:, :top], True, axis=1)
    return signs, first


def _complete(bits: Bits) -> bool:
    """Whether every vector stands in ``bits`` exactly once."""
    (count, d) = bits.shape
    if d > ENUMERABLE or count != 2**d:
        return False
    return bool(np.unique(bits @ (1 << np.arange(d))).size == count)


def _centred(x: Values, y: Values, w: Values) -> tuple[Values, Values, Values, Values]:
    """Both minus their weighted means, and the means ``(d,)`` and ``(K,)``: the intercept is gone."""
    (x_mean, y_mean) = (np.average(a, axis=0, weights=w) for a in (x, y))
    return x - x_mean, y - y_mean, x_mean, y_mean


def _least_squares(x: Values, y: Values, w: Values) -> Learnt:
    (xc, yc, x_mean, y_mean) = _centred(x, y, w)
    root = np.sqrt(w)[:, None]
    beta = np.asarray(np.linalg.lstsq(xc * root, yc * root)[0], dtype=np.float64)
    return beta, lambda bits: y_mean + (bits - x_mean) @ beta


def _ridge(x: Values, y: Values, w: Values) -> Learnt:
    (xc, yc, x_mean, y_mean) = _centred(x, y, w)
    root = np.sqrt(w)[:, None]
    xw = xc * root
    beta = np.linalg.solve(xw.T @ xw + np.eye(x.shape[1]), xw.T @ (yc * root))
    return beta, lambda bits: y_mean + (bits - x_mean) @ beta


def _lasso(x: Values, y: Values, w: Values) -> Learnt:
    from sklearn.linear_model import Lasso

    (xc, yc, x_mean, y_mean) = _centred(x, y, w)
    count = len(x)
    unit = _deviation(yc, w)
    root = np.sqrt(w * (count / w.sum()))[:, None]
    xw = xc * root
    # As many rounds as it takes: a few dozen where the samples suffice, about a thousand where they are fewer than the segments.
    solver = Lasso(alpha=1 / count, fit_intercept=False, precompute=xw.T @ xw, tol=1e-10, max_iter=100_000)
    beta: Values = solver.fit(xw, yc / unit * root).coef_.reshape(-1, x.shape[1]).T * unit
    return beta, lambda bits: y_mean + (bits - x_mean) @ beta


def _tree(x: Values, y: Values, w: Values) -> Learnt:
    from sklearn.tree import DecisionTreeRegressor

    (_, yc, _, y_mean) = _centred(x, y, w)
    # sklearn takes a variance below 2e-16 for none: in their own units, small probabilities would give no tree.
    unit = _deviation(yc, w)
    trees = [DecisionTreeRegressor(min_samples_split=10, random_state=0).fit(x, one, w) for one in (yc / unit).T]
    drops = np.stack([_drop_per_split(tree.tree_, x.shape[1]) for tree in trees], axis=1) * unit**2
    importance = np.where(_effect(x, y, w) < 0, -1, 1) * drops + 0.0  # no -0.0
    return importance, lambda bits: y_mean + np.stack([tree.predict(bits) for tree in trees], axis=1) * unit


def _drop_per_split(tree: Any, d: int) -> Values:
    """``(d,)``: what each feature's splits take off the squared error, weighted by the nodes' shares, over all splits."""
    share = tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    error = share * tree.impurity
    inner = np.flatnonzero(tree.children_left >= 0)
    (left, right) = (tree.children_left[inner], tree.children_right[inner])
    drop = np.maximum(error[inner] - error[left] - error[right], 0)
    importance: Values = np.bincount(tree.feature[inner], weights=drop, minlength=d) / max(len(inner), 1)
    return importance


def _effect(x: Values, y: Values, w: Values) -> Values:
    """Weighted mean where the bit is on, minus that where it is off; 0 where the bit never changes."""
    (on, off) = (x * w[:, None], (1 - x) * w[:, None])
    (n_on, n_off) = (on.sum(axis=0)[:, None], off.sum(axis=0)[:, None])
    both = (n_on > 0) & (n_off > 0)
    effect: Values = np.where(both, on.T @ y / np.where(both, n_on, 1) - off.T @ y / np.where(both, n_off, 1), 0)
    return effect


def _deviation(yc: Values, w: Values) -> Values:
    """``(K,)`` weighted standard deviation of centred scores; 1 where there is none, as it is divided by."""
    deviation: Values = np.sqrt(np.average(yc**2, axis=0, weights=w))
    return np.where(deviation > 0, deviation, 1)


def _r2(y: Values, predicted: Values, w: Values) -> Values:
    """``(K,)``; 1 - squared error over variance. NaN where there is no variance."""
    (total, left) = (w @ (y - np.average(y, axis=0, weights=w)) ** 2, w @ (y - predicted) ** 2)
    return np.where(total > 0, 1 - left / np.where(total > 0, total, 1), np.nan)


def _held_out(x: Values, y: Values, w: Values, learn: Learner) -> tuple[Values, Values]:
    """R² ``(K,)`` of samples that were not learnt from, and the importance ``(5, d, K)`` of the five fits."""
    (predicted, parts) = (np.empty_like(y), [])
    for fold in range(FOLDS):
        out = np.arange(len(x)) % FOLDS == fold
        (importance, predict) = learn(x[~out], y[~out], w[~out])
        predicted[out] = predict(x[out])
        parts.append(importance)
    return _r2(y, predicted, w), np.stack(parts)


def _sandwich(x: Values, residual: Values, w: Values, penalty: float) -> Values:
    """Standard errors ``(d, K)`` of ``(XᵀWX + penalty)⁻¹ XᵀWy``; NaN where the samples do not tell all segments apart.

    The residuals are the network's bends, which no straight model follows, not noise of one size: hence the sandwich.
    """
    (count, d) = x.shape
    xw = np.sqrt(w)[:, None] * (x - np.average(x, axis=0, weights=w))
    gram = xw.T @ xw
    if count <= d + 1 or np.linalg.matrix_rank(gram, hermitian=True) < d:
        return np.full((d, residual.shape[1]), np.nan)
    rows = xw @ np.linalg.inv(gram + penalty * np.eye(d))
    leverage = (rows * xw).sum(axis=1) + w / w.sum()
    left_out = np.sqrt(w)[:, None] * residual / np.maximum(1 - leverage, 1e-9)[:, None]
    error: Values = np.sqrt((rows**2).T @ left_out**2)
    return error
