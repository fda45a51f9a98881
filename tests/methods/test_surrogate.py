"""The surrogate: every equation a second time, slowly; numbers by hand; simulations; the lime package beside it."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from seewhy.errors import OptionError
from seewhy.methods.surrogate import MODELS, Fit, draw, fit, is_stable, sample_weights

Table = np.ndarray[Any, np.dtype[np.float64]]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def curved(bits: Any, targets: int = 1, seed: int = 0) -> Table:
    """Scores ``(n, K)`` of a network whose evidence adds up and saturates."""
    strength = np.random.default_rng(seed).normal(size=(bits.shape[1], targets))
    return np.asarray(sigmoid((bits - 0.5) @ strength))


def weighted_r2(y: Table, predicted: Table, w: Table) -> float:
    mean = float((w * y).sum() / w.sum())
    return 1 - float((w * (y - predicted) ** 2).sum() / (w * (y - mean) ** 2).sum())


# -- drawing ----------------------------------------------------------------------------------------------------------


def test_first_row_is_the_untouched_photo_and_bits_are_even() -> None:
    bits = draw(49, 4000, 0)
    assert bits.shape == (4000, 49)
    assert bits.dtype == np.bool_
    assert bits[0].all()
    assert bits[1:].mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(4000 * 49))
    assert np.abs(bits[1:].mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(4000)
    assert np.abs(np.corrcoef(bits[1:].T) - np.eye(49)).max() < 5 / math.sqrt(4000)


def test_fewer_samples_are_the_first_of_more() -> None:
    for d in (3, 13, 49):
        many = draw(d, 999 if d > 3 else 7, 5)
        for m in (2, 3, 5, 127, 128):
            if m < 2**d:
                assert np.array_equal(draw(d, m, 5), many[:m]), (d, m)


def test_same_seed_same_bits() -> None:
    state = np.random.get_state()[1]
    for samples in (50, 4096):  # drawn, enumerated
        assert np.array_equal(draw(12, samples, 3), draw(12, samples, 3))
        assert not np.array_equal(draw(12, samples, 3), draw(12, samples, 4))
    assert np.array_equal(state, np.random.get_state()[1])


@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_all_vectors_once_where_there_are_enough_samples(d: int) -> None:
    for samples in (2**d, 2**d + 77):
        bits = draw(d, samples, 1)
        assert bits[0].all()
        assert sorted(map(tuple, bits.tolist())) == list(itertools.product([False, True], repeat=d))
    if d > 1:
        assert len(draw(d, 2**d - 1, 1)) == 2**d - 1


def test_enumeration_comes_in_random_order() -> None:
    bits = draw(10, 1024, 0)
    assert np.abs(bits[:256].mean(axis=0) - 0.5).max() < 0.15  # counting up would leave the last two segments untouched


@pytest.mark.parametrize("samples", [1, 0, -5, True, 20.0])
def test_too_few_samples(samples: Any) -> None:
    message = f"samples={samples!r}: write an integer of at least 2 (about 10 per segment, here 490)."
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        draw(49, samples, 0)


# -- kernel -----------------------------------------------------------------------------------------------------------


def test_kernel_by_hand() -> None:
    bits = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    assert sample_weights(bits, None).tolist() == [1, 1, 1, 1]
    # cosines: 1, 1/2, none (distance 1 by definition), 1/√2
    expected = [1, math.exp(-0.25 / 0.64), math.exp(-1 / 0.64), math.exp(-((1 - 1 / math.sqrt(2)) ** 2) / 0.64)]
    assert sample_weights(bits, 0.8) == pytest.approx(expected, rel=1e-12)


def test_kernel_a_second_time() -> None:
    bits = draw(9, 100, 0)
    bits[7] = False
    weights = sample_weights(bits, 0.5)
    for row, weight in zip(bits.astype(float), weights, strict=True):
        length = math.sqrt(sum(b * b for b in row)) * math.sqrt(9)
        distance = 1 - sum(row) / length if length else 1.0
        assert weight == pytest.approx(math.exp(-(distance**2) / 0.25), rel=1e-12)


@pytest.mark.parametrize("width", [0, -1.0, math.inf, math.nan, True, "0.25"])
def test_kernel_errors(width: Any) -> None:
    message = f"kernel={width!r}: write a positive width (the lime package's default is 0.354 here), or None."
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        sample_weights(draw(5, 20, 0), width)


def test_a_kernel_that_leaves_one_sample() -> None:
    message = "kernel=0.01 leaves 1.0 of 500 samples that count: write a larger width, or None."
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        sample_weights(draw(49, 500, 0), 0.01)


# -- linear and ridge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["linear", "ridge"])
@pytest.mark.parametrize("width", [None, 0.8])
def test_all_vectors_recover_a_linear_score(model: str, width: float | None) -> None:
    """Nothing is left to chance, so nothing is shrunk, whatever the weights."""
    strength = np.array([[0.3, 0.1], [-0.2, 0.0], [0.0, 0.05], [0.1, -0.4], [0.02, 0.2]])
    bits = draw(5, 32, 0)
    complete = fit(bits, 0.25 + bits @ strength, model, sample_weights(bits, width))
    assert complete.importance == pytest.approx(strength, abs=1e-12)
    assert complete.complete
    assert complete.r2 == pytest.approx([1, 1], abs=1e-12)
    assert np.array_equal(complete.r2, complete.r2_fit)
    assert not complete.standard_error.any()
    assert is_stable(complete)
    if width is None:
        assert complete.effect == pytest.approx(strength, abs=1e-12)


@pytest.mark.parametrize("model", ["linear", "ridge"])
def test_three_regions_by_hand(model: str) -> None:
    bits = draw(3, 2048, 0)
    assert len(bits) == 8
    values = 1 + bits @ np.array([[3.0], [5.0], [0.0]])
    assert fit(bits, values, model).importance[:, 0] == pytest.approx([3, 5, 0], abs=1e-12)
    # One vector less, or one twice, is a sample again: the penalty pulls.
    assert (fit(bits[:7], values[:7], model).importance[:2, 0] < [2.9, 4.9]).all()
    again = np.concatenate([bits[:7], bits[:1]])
    assert (fit(again, 1 + again @ np.array([[3.0], [5.0], [0.0]]), model).importance[:2, 0] < [2.9, 4.9]).all()


@pytest.mark.parametrize("model", ["linear", "ridge"])
def test_all_vectors_of_a_bent_score_are_weighted_least_squares(model: str) -> None:
    bits = draw(6, 64, 0)
    (values, w) = (curved(bits, 2), sample_weights(bits, 0.5))
    beta = fit(bits, values, model, w).importance
    for k in range(2):
        intercept = sum(w[i] * (values[i, k] - bits[i] @ beta[:, k]) for i in range(64)) / w.sum()
        residual = values[:, k] - intercept - bits @ beta[:, k]
        for j in range(6):
            assert sum(w[i] * bits[i, j] * residual[i] for i in range(64)) == pytest.approx(0, abs=1e-10)


def test_order_and_sign_of_a_linear_score() -> None:
    strength = np.random.default_rng(3).normal(size=(20, 1)) * 0.05
    bits = draw(20, 600, 1)
    for model in MODELS:
        result = fit(bits, 0.5 + bits @ strength, model)
        top = np.argsort(-np.abs(strength[:, 0]))[:3]
        assert np.array_equal(np.argsort(-np.abs(result.importance[:, 0]))[:3], top)
        assert np.array_equal(np.sign(result.importance[top]), np.sign(strength[top]))
        if model != "tree":
            assert np.abs(result.importance - strength).max() < 0.01 * np.abs(strength).max() + 4 / 600 * 0.2
            assert result.r2_fit[0] > 0.999
            assert result.r2[0] > 0.999


@pytest.mark.parametrize("width", [None, 0.35])
@pytest.mark.parametrize(("n", "d"), [(200, 9), (30, 7), (20, 30)])
def test_ridge_normal_equations(n: int, d: int, width: float | None) -> None:
    bits = draw(d, n, 0)
    (values, w) = (curved(bits, 2), sample_weights(bits, width))
    beta = fit(bits, values, "ridge", w).importance
    for k in range(2):
        # the intercept's equation gives it; each coefficient's own must then hold
        intercept = sum(w[i] * (values[i, k] - bits[i] @ beta[:, k]) for i in range(n)) / w.sum()
        for j in range(d):
            slope = sum(w[i] * bits[i, j] * (values[i, k] - intercept - bits[i] @ beta[:, k]) for i in range(n))
            assert slope == pytest.approx(beta[j, k], abs=1e-9)


@pytest.mark.parametrize("width", [None, 0.35])
@pytest.mark.parametrize(("n", "d"), [(200, 9), (60, 40), (20, 30), (10, 49)])
def test_lasso_optimality(n: int, d: int, width: float | None) -> None:
    bits = draw(d, n, 0)
    (values, w) = (curved(bits, 2), sample_weights(bits, width))
    beta = fit(bits, values, "linear", w).importance
    zeros = 0
    for k in range(2):
        mean = (w * values[:, k]).sum() / w.sum()
        unit = math.sqrt((w * (values[:, k] - mean) ** 2).sum() / w.sum())
        (scaled, b) = (values[:, k] / unit, beta[:, k] / unit)
        intercept = sum(w[i] * (scaled[i] - bits[i] @ b) for i in range(n)) / w.sum()
        for j in range(d):
            slope = sum(w[i] * bits[i, j] * (scaled[i] - intercept - bits[i] @ b) for i in range(n)) / w.sum()
            if b[j] == 0:
                zeros += 1
                assert abs(slope) <= 1 / n + 1e-6
            else:
                assert slope == pytest.approx(math.copysign(1 / n, b[j]), abs=1e-6)
    assert zeros > 0 or n >= 100
    assert zeros < 2 * d


@pytest.mark.parametrize("model", MODELS)
def test_units_of_the_score_do_not_matter(model: str) -> None:
    bits = draw(12, 300, 0)
    values = curved(bits)
    power = 2 if model == "tree" else 1
    first = fit(bits, values, model)
    for scale in (1e-6, 1e4):
        other = fit(bits, values * scale, model)
        assert other.importance == pytest.approx(first.importance * scale**power, rel=1e-6, abs=1e-12 * scale**power)
        assert other.standard_error == pytest.approx(first.standard_error * scale**power, rel=1e-6, abs=1e-12 * scale**power)
        assert other.r2 == pytest.approx(first.r2)


# -- tree -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [None, 0.35])
def test_tree_importance_from_its_nodes(width: float | None) -> None:
    from sklearn.tree import DecisionTreeRegressor

    bits = draw(9, 150, 0)
    (values, w) = (curved(bits, 2), sample_weights(bits, width))
    result = fit(bits, values, "tree", w)
    for k in range(2):
        y = values[:, k]
        tree = DecisionTreeRegressor(min_samples_split=10, random_state=0).fit(bits, y, w).tree_
        nodes: dict[int, Any] = {0: np.arange(150)}
        (drop, splits) = (np.zeros(9), 0)

        def error(rows: Any, y: Table = y) -> float:
            mean = (w[rows] * y[rows]).sum() / w[rows].sum()
            return float((w[rows] * (y[rows] - mean) ** 2).sum() / w.sum())

        for node in range(tree.node_count):
            rows = nodes[node]
            assert len(rows) >= 1
            if tree.children_left[node] < 0:
                assert len(rows) < 10 or np.ptp(bits[rows], axis=0).max() == 0
                continue
            on = bits[rows, tree.feature[node]]
            nodes[tree.children_left[node]] = rows[~on]
            nodes[tree.children_right[node]] = rows[on]
            drop[tree.feature[node]] += error(rows) - error(rows[~on]) - error(rows[on])
            splits += 1
        for j in range(9):
            (on, off) = (bits[:, j], ~bits[:, j])
            effect = (w * y)[on].sum() / w[on].sum() - (w * y)[off].sum() / w[off].sum()
            assert result.effect[j, k] == pytest.approx(effect, abs=1e-12)
            assert result.importance[j, k] == pytest.approx(math.copysign(drop[j] / splits, effect), abs=1e-9)


def test_tree_by_hand() -> None:
    # y = 4 b0 - 2 b1: one split of b0 takes off 4, two splits of b1 take off 1 together; three splits in all.
    bits = np.tile(draw(2, 4, 0), (10, 1))
    result = fit(bits, bits @ np.array([[4.0], [-2.0]]), "tree")
    assert result.importance[:, 0] == pytest.approx([4 / 3, -1 / 3])
    assert result.effect[:, 0] == pytest.approx([4, -2])
    assert result.r2 == pytest.approx([1])
    assert result.standard_error == pytest.approx(0, abs=1e-12)


def test_tree_standard_error_is_the_jackknife_of_five() -> None:
    bits = draw(6, 60, 0)
    values = curved(bits)
    parts = [fit(*(a[np.arange(60) % 5 != fold] for a in (bits, values)), "tree").importance for fold in range(5)]
    mean = sum(parts) / 5
    assert fit(bits, values, "tree").standard_error == pytest.approx(np.sqrt(4 / 5 * sum((p - mean) ** 2 for p in parts)))


# -- how far it can be trusted ----------------------------------------------------------------------------------------


def test_r2_a_second_time() -> None:
    bits = draw(6, 50, 0)
    (values, w) = (curved(bits) + np.random.default_rng(0).normal(size=(50, 1)) * 0.1, sample_weights(bits, 0.5))
    x = np.hstack([np.ones((50, 1)), bits])
    penalty = np.diag([0.0] + [1.0] * 6)

    def ridge(rows: Any) -> Table:
        a = x[rows]
        return np.asarray(np.linalg.solve(a.T @ np.diag(w[rows]) @ a + penalty, a.T @ (w[rows] * values[rows, 0])))

    everything = x @ ridge(np.arange(50))
    held_out = np.array([x[i] @ ridge(np.arange(50)[np.arange(50) % 5 != i % 5]) for i in range(50)])
    result = fit(bits, values, "ridge", w)
    assert result.r2_fit[0] == pytest.approx(weighted_r2(values[:, 0], everything, w))
    assert result.r2[0] == pytest.approx(weighted_r2(values[:, 0], held_out, w))
    assert result.r2[0] < result.r2_fit[0]


@pytest.mark.parametrize("model", MODELS)
def test_noise_is_not_explained_on_samples_held_out(model: str) -> None:
    bits = draw(40, 100, 0)
    result = fit(bits, np.random.default_rng(0).random((100, 1)), model)
    assert result.r2_fit[0] > 0.3
    assert result.r2[0] < 0
    assert not is_stable(result)


@pytest.mark.parametrize("width", [None, 0.35])
@pytest.mark.parametrize("model", ["linear", "ridge"])
def test_standard_error_against_a_simulation(model: str, width: float | None) -> None:
    fits = []
    for seed in range(150):
        bits = draw(8, 200, seed)
        fits.append(fit(bits, sigmoid(curved(bits) * 8 - 4), model, sample_weights(bits, width)))
    spread = np.std([f.importance[:, 0] for f in fits], axis=0)
    stated = np.sqrt(np.mean([f.standard_error[:, 0] ** 2 for f in fits], axis=0))
    assert stated / spread == pytest.approx(np.ones(8), abs=0.25)
    assert np.mean(stated / spread) == pytest.approx(1.03, abs=0.1)


def test_standard_error_a_second_time() -> None:
    bits = draw(4, 13, 0)
    (values, w) = (curved(bits), sample_weights(bits, 0.5))
    x = np.hstack([np.ones((13, 1)), bits])
    bread = np.linalg.inv(x.T @ np.diag(w) @ x + np.diag([0.0, 1, 1, 1, 1]))
    beta = bread @ x.T @ (w * values[:, 0])
    meat = np.zeros((5, 5))
    for i in range(13):
        left_out = (values[i, 0] - x[i] @ beta) / (1 - w[i] * x[i] @ bread @ x[i])
        meat += w[i] ** 2 * left_out**2 * np.outer(x[i], x[i])
    expected = np.sqrt(np.diag(bread @ meat @ bread))[1:]
    assert fit(bits, values, "ridge", w).standard_error[:, 0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("model", ["linear", "ridge"])
def test_too_few_samples_have_no_standard_error(model: str) -> None:
    bits = draw(30, 31, 0)
    result = fit(bits, curved(bits), model)
    assert np.isnan(result.standard_error).all()
    assert np.isfinite(result.importance).all()
    assert not is_stable(result)
    never_off = draw(5, 25, 0)
    never_off[:, 2] = True
    assert np.isnan(fit(never_off, curved(never_off), model).standard_error).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n", [2, 3, 5, 9, 10, 11])
def test_a_handful_of_samples(model: str, n: int) -> None:
    bits = draw(30, n, 0)
    result = fit(bits, curved(bits, 3), model)
    assert result.importance.shape == result.standard_error.shape == result.effect.shape == (30, 3)
    assert np.isfinite(result.importance).all()
    assert np.isnan(result.r2).all() == (n < 10)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("samples", [4, 40, 2048])
def test_a_flat_score_is_all_zeros(model: str, samples: int) -> None:
    bits = draw(11, samples, 0)
    noise = np.random.default_rng(0).random(len(bits)) * 1e-8
    values = np.stack([np.full(len(bits), 0.1), np.zeros(len(bits)), 0.3 + noise, curved(bits)[:, 0]], axis=1)
    result = fit(bits, values, model)
    assert result.flat.tolist() == [True, True, True, False]
    for table in (result.importance, result.effect, result.standard_error):
        assert not table[:, :3].any()
    assert np.isnan(result.r2[:3]).all()
    assert np.isnan(result.r2_fit[:3]).all()
    assert result.importance[:, 3].any() == (samples > 4 or model != "tree")  # a tree does not split fewer than ten
    assert is_stable(fit(bits, values[:, :3], model))


@pytest.mark.parametrize("model", MODELS)
def test_targets_do_not_disturb_each_other(model: str) -> None:
    bits = draw(10, 80, 0)
    values = curved(bits, 3)
    together = fit(bits, values, model)
    for k in range(3):
        alone = fit(bits, values[:, k : k + 1], model)
        for f in fields(Fit):
            if f.name != "complete":
                assert getattr(together, f.name)[..., k] == pytest.approx(getattr(alone, f.name)[..., 0], abs=1e-12)
    again = fit(bits, values, model)
    assert np.array_equal(again.importance, together.importance)
    assert np.array_equal(again.standard_error, together.standard_error)


def test_a_kernel_that_all_but_silences_most_samples() -> None:
    bits = draw(4, 16, 0)
    for model in MODELS:
        result = fit(bits[:15], curved(bits[:15]), model, np.array([1.0] + [0.0] * 14))
        assert np.isfinite(result.importance).all()


def test_unknown_model() -> None:
    for model, message in [
        ("lasso", "model='lasso': write 'tree', 'linear' or 'ridge'."),
        ("trees", "model='trees': write 'tree', 'linear' or 'ridge'. Did you mean 'tree'?"),
        (None, "model=None: write 'tree', 'linear' or 'ridge'."),
    ]:
        with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
            fit(draw(3, 6, 0), np.zeros((6, 1)), model)  # type: ignore[arg-type]


# -- when to stop -----------------------------------------------------------------------------------------------------


def made(importance: list[float], error: float | list[float]) -> Fit:
    """A fit with the standard errors that one says."""
    column = np.array(importance)[:, None]
    spread = np.broadcast_to(np.reshape(error, (-1, 1)), column.shape)
    none = np.array([np.nan])
    return Fit(column, column, none, none, spread, np.array([False]), False)


def test_stable_by_hand() -> None:
    clear = [9.0, -8, 7, 6, 5, 1, 1, 1]
    assert is_stable(made(clear, 0.1))
    assert not is_stable(made(clear, 5.0))
    assert not is_stable(made([1.0] * 8, 0.1))  # all alike: nobody knows the first five
    assert is_stable(made([9.0, 8, 7, 6, 1, 1, 1, 1], 0.1))  # one of five may change
    assert not is_stable(made([9.0, 8, 7, 1, 1, 1, 1, 1], 0.1))
    assert not is_stable(made(clear, math.nan))
    assert is_stable(replace(made(clear, 5.0), complete=True))
    assert is_stable(made([1.0, -1], 0.1))
    assert not is_stable(made([1.0, -0.5], [0.1, 0.5]))  # its sign is open
    assert is_stable(made([*clear, 1, 1, 1, 1], 0.1))
    assert not is_stable(made([*clear, 1, 1, 1, 1], 0.1), top=7)  # two of the seven are any


def test_what_is_nothing_and_stays_nothing_is_stable() -> None:
    assert is_stable(made([9.0, 0.1, -0.1, 0, 0, 0.05, 0, 0], 0.05))
    assert is_stable(made([9.0, 0, 0, 0, 0, 0, 0, 0], 0.0))
    assert not is_stable(made([9.0, 0.1, -0.1, 0, 0, 0.05, 0, 0], 0.5))


def test_all_targets_must_be_stable() -> None:
    (good, bad) = (made([9.0, 8, 7, 6, 5, 1, 1], 0.1), made([1.0] * 7, 0.1))
    both = [np.hstack([getattr(each, name) for each in (good, bad)]) for name in ("importance", "effect", "standard_error")]
    none = np.array([np.nan, np.nan])
    assert not is_stable(Fit(both[0], both[1], none, none, both[2], np.array([False, False]), False))
    assert is_stable(Fit(both[0], both[1], none, none, both[2], np.array([False, True]), False))


@pytest.mark.parametrize("model", MODELS)
def test_stable_means_that_more_samples_agree(model: str) -> None:
    agreements = []
    for seed in range(8):
        bits = draw(25, 8000, seed)
        values = curved(bits, seed=seed)
        for n in range(128, 1025, 128):
            result = fit(bits[:n], values[:n], model)
            if is_stable(result):
                more = fit(bits, values, model) if model != "tree" else fit(bits[:4000], values[:4000], model)
                (top, top_of_more) = (set(np.argsort(-np.abs(f.importance[:, 0]))[:5]) for f in (result, more))
                agreements.append(len(top & top_of_more))
                break
    assert len(agreements) >= 5
    assert np.mean(np.array(agreements) >= 4) >= 0.9


# -- peer -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0.25, 0.6])
def test_like_the_lime_package(width: float) -> None:
    pytest.importorskip("lime")
    from lime.lime_base import LimeBase
    from sklearn.metrics import pairwise_distances

    bits = draw(15, 300, 0)
    bits[5] = False
    values = curved(bits, 2)
    data = bits.astype(np.int64)
    distances = pairwise_distances(data, data[:1], metric="cosine").ravel()

    def kernel(d: Table) -> Table:  # as lime.lime_image has it
        return np.asarray(np.sqrt(np.exp(-(d**2) / width**2)))

    w = sample_weights(bits, width * math.sqrt(2))
    assert np.abs(w - kernel(distances)).max() < 1e-12
    result = fit(bits, values, "ridge", w)
    for k in range(2):
        (_, coefficients, r2, _) = LimeBase(kernel).explain_instance_with_data(
            data, values, distances, k, 15, feature_selection="none"
        )
        for segment, coefficient in coefficients:
            assert result.importance[segment, k] == pytest.approx(coefficient, abs=1e-6)
        assert result.r2_fit[k] == pytest.approx(r2)
