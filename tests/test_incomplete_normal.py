"""One normal with missing cells: its E-step, its longer steps, what it says is left to gain."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import emkit.models.rows
from emkit.engine import EMModel, check_model, fit_em
from emkit.exceptions import ModelError
from emkit.models.mixture.incomplete_normal import IncompleteNormalModel
from emkit.models.mixture.single_normal import normal_start, pairwise_moments
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def independent(X, rng):
    return rng.random(X.shape) < 0.3


def nested(X, rng):
    return np.arange(X.shape[1]) >= rng.integers(1, X.shape[1] + 1, len(X))[:, None]


def together(X, rng):
    return (rng.random((len(X), 1)) < 0.6) & (np.arange(X.shape[1]) >= X.shape[1] // 2)


def unequal(X, rng):
    return rng.random(X.shape) < np.linspace(0.0, 0.7, X.shape[1])


PATTERNS = [independent, nested, together, unequal]
each_pattern = pytest.mark.parametrize("hide", PATTERNS)


def incomplete(n, d, hide, seed):
    """Correlated rows with a value each, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    missing = hide(X, rng)
    missing[missing.all(axis=1), 0] = False
    return np.where(missing, np.nan, X), rng.uniform(0.5, 2.0, n)


def problem(n, d, hide, seed, strength=0.0):
    """Rows, the model of a prior that is worth so much of them, and a start."""
    data = Rows.of(*incomplete(n, d, hide, seed))
    units = data.scaling()
    ridge = strength * np.ones(d)
    model = IncompleteNormalModel(
        STRUCTURES["full"], units, ridge, data.total_weight, strength=strength, incomplete=True
    )
    return data, model, normal_start(model, pairwise_moments(data, units))


@some
@given(seed=seeds, d=st.sampled_from([1, 2, 7, 33]), hide=st.sampled_from(PATTERNS))
def test_the_e_step_is_that_of_a_mixture_of_one(seed, d, hide):
    data, model, params = problem(300, d, hide, seed)
    stats, log_likelihood = model.e_step(data, params)
    expected, total = model.mixture.e_step(data, params)
    assert_allclose(log_likelihood, total, rtol=1e-11)
    for ours, theirs in zip(stats, expected, strict=False):
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    observed = (~np.isnan(data.X)).sum(axis=1)
    products = data.sample_weight @ (observed * (observed + 1) / 2)
    assert_allclose(stats.n_products, products, rtol=1e-12)


def test_complete_rows_miss_nothing():
    rng = np.random.default_rng(0)
    data, model, params = problem(50, 3, independent, 0)
    complete = Rows(rng.normal(size=(50, 3)))
    stats, log_likelihood = model.e_step(complete, params)
    assert_allclose(log_likelihood, model.mixture.e_step(complete, params)[1], rtol=1e-12)
    assert_array_equal(stats.unknown, np.zeros((3, 3)))


@each_pattern
@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_steps_beyond_the_em_image_climb_higher_and_stand_still_where_em_does(hide, strength):
    data, model, start = problem(2000, 6, hide, 1, strength)
    stats, _ = model.e_step(data, start)
    image = model.m_step(stats.moments, start)
    further = model.beyond(stats, start, image)
    gained = [objective(model, data, params) for params in (start, image, further)]
    assert gained[0] < gained[1] < gained[2]
    top = fit_em(model, data, start=start, tol=1e-11, max_iter=500).params
    stats, _ = model.e_step(data, top)
    still = model.beyond(stats, top, model.m_step(stats.moments, top))
    assert_allclose(still.means, top.means, atol=1e-7)
    assert_allclose(still.covariances, top.covariances, atol=1e-7)


def objective(model, data, params):
    return model.e_step(data, params)[1] + model.log_prior(params)


@each_pattern
@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_no_more_is_left_to_gain_than_is_said(hide, strength):
    data, model, start = problem(2000, 6, hide, 2, strength)
    top = fit_em(model, data, start=start, tol=1e-10, max_iter=500).objective
    near = fit_em(model, data, start=start, tol=1e-3, max_iter=500).params
    for params in (start, near):
        told = model.remaining_gain(model.e_step(data, params)[0], params)
        left = top - objective(model, data, params)
        assert left <= told
        assert told <= 200.0 * left or left < 1e-6  # there it is silent


@each_pattern
def test_longer_steps_take_fewer_e_steps(hide):
    data, model, start = problem(2000, 6, hide, 3)
    ours, plain = (
        fit_em(each, data, start=start, tol=1e-4, max_iter=500) for each in (model, model.mixture)
    )
    assert_allclose(ours.objective, plain.objective, atol=1e-2)
    assert ours.n_evaluations < plain.n_evaluations


def test_groups_of_a_large_table_lie_in_its_blocks(monkeypatch):
    monkeypatch.setattr(emkit.models.rows, "BLOCK_ROWS", 64)
    data, model, params = problem(300, 4, unequal, 4)
    whole = Rows(data.X, data.sample_weight, emkit.models.rows.group_rows(data.X))
    blocks = data.blocks()
    assert len(blocks) == 5
    for i, block in enumerate(blocks):
        assert_array_equal(block.X, data.X[64 * i : 64 * (i + 1)])
        rows = np.concatenate([group.rows for group in block.groups])
        assert_array_equal(np.sort(rows), np.arange(len(block.X)))
    parts = [model.e_step(block, params)[1] for block in blocks]
    assert_allclose(sum(parts), model.e_step(whole, params)[1], rtol=1e-12)
    assert_allclose(sum(parts), model.e_step(data, params)[1], rtol=1e-12)


class Mean(NamedTuple):
    mean: np.ndarray


class Sums(NamedTuple):
    n: np.ndarray
    total: np.ndarray


class Slow(EMModel):
    """The mean of normals, to which a step goes a tenth of the way."""

    def initialize(self, data, rng):
        return Mean(np.array(5.0))

    def e_step(self, data, params):
        apart = data - params.mean
        stats = Sums(np.array(float(len(data))), np.array(apart.sum()))
        return stats, -0.5 * float(apart @ apart)

    def m_step(self, stats, params):
        return Mean(params.mean + 0.1 * stats.total / stats.n)


class Further(Slow):
    def beyond(self, stats, params, image):
        return Mean(params.mean + 10.0 * (image.mean - params.mean))


def test_an_acceleration_goes_by_the_step_beyond():
    data = np.random.default_rng(0).normal(size=100)
    check_model(Further(), data)
    runs = [fit_em(model(), data, tol=1e-6, max_iter=500) for model in (Slow, Further)]
    assert_allclose(runs[1].params.mean, data.mean(), atol=1e-9)
    assert runs[1].n_evaluations < runs[0].n_evaluations
    assert fit_em(Further(), data, tol=1e-6, max_iter=500, acceleration=None).n_evaluations > 20


def test_a_step_beyond_is_of_the_parameters():
    class Wrong(Slow):
        def beyond(self, stats, params, image):
            return Mean(np.zeros(2))

    with pytest.raises(ModelError, match="beyond"):
        fit_em(Wrong(), np.ones(3))
    with pytest.raises(ModelError, match="beyond"):
        check_model(Wrong(), np.ones(3))
