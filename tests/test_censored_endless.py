"""No finite maximum: the scale goes to infinity, or to 0 about a line that is hard to find."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import norm

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

inf = np.inf
#: Only a scale that is estimated has an end to go to.
FREE = [name for name in LAWS if LAWS[name].scale is None]
each_distribution = pytest.mark.parametrize("name", FREE)


def one_sided(seed, n=30, exchanged=False):
    """Whether y exceeds a limit of its own is all that is known of each y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1))
    above = X[:, 0] + rng.normal(size=n) > (limit := rng.normal(size=n))
    limit = -limit if exchanged else limit
    return X, np.column_stack([np.where(above, limit, -inf), np.where(above, inf, limit)])


def on_scale(name, Y):
    return np.exp(Y) if LAWS[name].link.positive else Y


@each_distribution
@pytest.mark.parametrize("options", [{}, {"alpha": 1.0}, {"fit_intercept": False}], ids=str)
def test_it_is_told_finite_and_at_once(name, options):
    X, Y = one_sided(0, exchanged=True)
    Y = on_scale(name, Y)
    with pytest.warns(DataWarning, match="as the scale goes to infinity"):
        model = EMCensoredRegressor(distribution=name, **options).fit(X, Y)
    assert model.n_iter_ <= 100 and not model.converged_
    for value in (model.coef_, model.scale_, model.log_likelihood_, model.score(X, Y)):
        assert np.isfinite(value).all()
    assert np.isnan(model.standard_errors_).all()
    # No fit at a scale that is a number is likelier.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lower, upper = Y.T
        with_an_exact_row = np.vstack([Y, on_scale(name, np.zeros((1, 2)))])
        bounded = EMCensoredRegressor(distribution=name, **options)
        bounded.fit(np.vstack([X, [[0.0]]]), with_an_exact_row)
    assert bounded.score(X, Y) < model.score(X, Y) or options


@each_distribution
@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_bounds_that_tell_the_scale_give_no_alarm(name, unit):
    X, Y = one_sided(1)
    Y = Y * unit if not LAWS[name].link.positive else np.exp(Y) * unit
    model = EMCensoredRegressor(distribution=name, shape=0.6).fit(X, Y)  # a warning is an error
    assert model.converged_ and np.isfinite(model.standard_errors_).all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), n=st.integers(8, 40), exchanged=st.booleans())
def test_it_is_told_just_where_the_concave_likelihood_peaks_at_an_infinite_scale(
    seed, n, exchanged
):
    """In (b, t) = (coefficients, 1) / scale it is concave: a peak at t = 0 is no scale."""
    X, Y = one_sided(seed, n, exchanged)
    above = np.isinf(Y[:, 1])
    if above.all() or not above.any():
        return
    sign, limit = np.where(above, 1.0, -1.0), np.where(above, *Y.T)
    design = np.column_stack([np.ones(n), X, -limit])

    def loss(at):
        z = sign * (design @ at)
        return -norm.logcdf(z).sum(), -(sign * np.exp(norm.logpdf(z) - norm.logcdf(z))) @ design

    bounds = [(None, None)] * 2 + [(0.0, None)]
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000}
    best = minimize(loss, np.zeros(3), jac=True, bounds=bounds, options=options)
    if best.fun < 1e-3 or 1e-9 < best.x[2] < 1e-3:
        return  # all rows are told apart; or no more than rounding decides
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = EMCensoredRegressor().fit(X, Y)
    told = any("goes to infinity" in str(warning.message) for warning in seen)
    assert told == (best.x[2] <= 1e-9)
    assert_allclose(model.log_likelihood_, -best.fun, rtol=1e-5)
    if told:
        assert model.n_iter_ <= 100


@pytest.mark.parametrize("name", ["normal", "logistic", "student_t"])
def test_without_an_intercept_all_may_be_censored_on_one_side(name):
    """y < c at x says as much as y > -c at -x, under a symmetric law."""
    X, Y = one_sided(1)
    below = np.isinf(Y[:, 0])
    mirrored = np.where(below[:, None], -Y[:, ::-1], Y)
    expected = EMCensoredRegressor(distribution=name, fit_intercept=False).fit(X, Y)
    model = EMCensoredRegressor(distribution=name, fit_intercept=False)
    model.fit(np.where(below[:, None], -X, X), mirrored)
    assert_allclose(model.log_likelihood_, expected.log_likelihood_, rtol=1e-7)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-3)
    assert_allclose(model.scale_, expected.scale_, rtol=1e-3)
    with pytest.raises(ValueError, match="censored on the right"):
        EMCensoredRegressor(distribution=name).fit(X, mirrored)


@each_distribution
@pytest.mark.parametrize("limit", [0.0, 0.7])
def test_one_limit_for_all_is_flat_and_not_endless(name, limit):
    X, Y = one_sided(2)
    Y = on_scale(name, np.where(np.isinf(Y), Y, limit))
    with pytest.warns(DataWarning, match="the likelihood is flat there"):
        EMCensoredRegressor(distribution=name, shape=0.6).fit(X, Y)


# As the scale goes to 0: what only just is a line through everything


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("seed", range(4))
def test_a_line_on_all_bounds_is_found_to_rounding(name, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 1)) * rng.normal(size=5)  # of rank one
    y = 1.0 + 1e-3 * X @ rng.normal(size=5)
    Y = np.column_stack([y, np.where(np.arange(30) == seed, y, inf)])
    with pytest.warns(DataWarning, match="the scale goes to 0"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Columns of X")
        model = EMCensoredRegressor(distribution=name).fit(X, on_scale(name, Y))
    assert model.n_iter_ <= 100 and (np.diff(model.history_) >= 0.0).all()


@pytest.mark.parametrize("away", [1e3, 1e6])
@pytest.mark.parametrize("seed", range(4))
def test_a_copy_of_a_column_far_from_0_is_seen_without_an_intercept(away, seed):
    rng = np.random.default_rng(seed)
    X = away + rng.standard_cauchy((60, 5))
    y = X @ rng.normal(size=5) / away + 100.0 * rng.normal(size=60)
    expected = EMCensoredRegressor(fit_intercept=False).fit(X, y)
    with pytest.warns(DataWarning, match="do not determine 'x0', 'x5'"):
        model = EMCensoredRegressor(fit_intercept=False).fit(X[:, [0, 1, 2, 3, 4, 0]], y)
    assert model.rank_ == 5
    assert_allclose(model.log_likelihood_, expected.log_likelihood_, rtol=1e-8)


@pytest.mark.parametrize("df", [0.5, 1.0, 4.0])
def test_a_heavy_line_through_bounds_is_told_at_once(df):
    """One row misses the line; just more than df are exact on it, and the others hold it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    on = X @ [1.0, -2.0] + 0.5
    n_off = 1
    n_exact = int(np.ceil(df * n_off)) + 1
    kinds = np.arange(12)
    low = np.where(kinds < n_exact, on, on - 1e-3 * rng.exponential(size=12))
    high = np.where(kinds < n_exact, on, on + 1e-3 * rng.exponential(size=12))
    low[-n_off:], high[-n_off:] = on[-n_off:] + 5.0, on[-n_off:] + 6.0
    with pytest.warns(DataWarning, match="no finite maximum"):
        model = EMCensoredRegressor(distribution="student_t", df=df).fit(
            X, np.column_stack([low, high])
        )
    assert model.n_iter_ <= 100 and np.isfinite(model.coef_).all()
