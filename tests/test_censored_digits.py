"""EMCensoredRegressor: what it reports is of the fit, whatever digits units and penalty leave."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

ON_THE_LINE = sorted(name for name in LAWS if not LAWS[name].link.positive)
each_law = pytest.mark.parametrize("distribution", ON_THE_LINE)
some = settings(derandomize=True, deadline=None, max_examples=40)


def cases(seed, n=12, d=2, noise=1.0):
    """X, and rows [lower, upper] of which a third is exact."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X.sum(axis=1) + noise * rng.normal(size=n)
    away = noise * rng.exponential(size=(n, 2)) * (rng.integers(3, size=(n, 1)) > 0)
    return X, np.column_stack([y - away[:, 0], y + away[:, 1]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Standard errors of:emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore:The data do not determine:emkit.exceptions.DataWarning")
@some
@given(
    seed=st.integers(0, 10_000),
    # Hazards of 'extreme' are exponentials, of which rounding far out is not small.
    distribution=st.sampled_from([name for name in ON_THE_LINE if name != "extreme"]),
    alpha=st.sampled_from([1e-3, 1.0, 100.0]),
    heavy=st.sampled_from([1.0, 1e3, 1e6]),
    max_iter=st.sampled_from([0, 1, 3, 1000]),
)
def test_the_likelihood_is_that_of_the_penalised_fit(seed, distribution, alpha, heavy, max_iter):
    X, y = cases(seed)
    weight = np.random.default_rng(seed).choice([1e-3, 1.0, heavy], len(X))
    model = EMCensoredRegressor(distribution=distribution, alpha=alpha, max_iter=max_iter)
    model.fit(X, y, sample_weight=weight)
    rows = model.score_samples(X, y)
    # A step of no more than rounding of the objective is much more of the likelihood alone.
    size = max(float(weight @ np.abs(rows)), 1.0)
    assert_allclose(model.log_likelihood_, weight @ rows, rtol=0.0, atol=1e-9 * size)


@each_law
@pytest.mark.parametrize("offset", [1e6, -1e9, 1e12])
@pytest.mark.parametrize("noise", [1e-3, 1e-6])
def test_columns_far_from_0_keep_their_digits(distribution, offset, noise):
    """As time stamps are: the terms of x'b are far larger than the errors."""
    X, y = cases(0, n=30, noise=noise)
    far = X + offset
    X = far - offset  # what is left of it
    near = EMCensoredRegressor(distribution=distribution).fit(X, y)
    model = EMCensoredRegressor(distribution=distribution).fit(far, y)
    assert_allclose(model.coef_, near.coef_, rtol=1e-9)
    assert_allclose(model.score_samples(far, y), near.score_samples(X, y), rtol=1e-6, atol=1e-6)
    assert_allclose(model.predict(far), near.predict(X), rtol=0.0, atol=1e-6 * near.scale_)
    assert_allclose(model.score_samples(far, y).sum(), model.log_likelihood_, rtol=1e-6)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(far), model.predict(far))
    more = model.set_params(warm_start=True, max_iter=0).fit(far, y)
    assert_allclose(more.log_likelihood_, near.log_likelihood_, rtol=1e-6)


def test_coefficients_that_are_set_by_hand_are_taken():
    X, y = cases(0, noise=1e-6)
    model = EMCensoredRegressor().fit(X + 1e9, y)
    model.coef_ = np.array([2.0, 0.0])
    model.intercept_ = 1.0
    np.testing.assert_array_equal(model.predict(X), 2.0 * X[:, 0] + 1.0)


@each_law
@some
@given(
    seed=st.integers(0, 10_000),
    unit=st.floats(-20.0, 20.0),
    noise=st.sampled_from([0.0, 1e-14, 1e-9, 1e-6]),
)
def test_a_penalised_fit_starts_where_the_penalty_lets_it(distribution, seed, unit, noise):
    """With next to no errors about the first line, the penalty over their square would be all."""
    X, y = cases(seed, noise=noise)
    y *= 10.0**unit
    start = EMCensoredRegressor(distribution=distribution, alpha=1e-3, max_iter=0).fit(X, y)
    end = EMCensoredRegressor(distribution=distribution, alpha=1e-3).fit(X, y)
    assert end.history_[-1] - start.history_[-1] < 10.0 * len(X)


@each_law
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_errors_within_the_rounding_of_y_are_told(distribution, unit):
    X, _ = cases(0, n=30, d=1)
    y = (1.0 + 1e-12 * X[:, 0]) * unit
    model = EMCensoredRegressor(distribution=distribution, alpha=1e-9)
    with pytest.warns(DataWarning, match="rounding of the responses"):
        model.fit(X, y)
