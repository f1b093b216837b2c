"""EMCensoredRegressor: units, and what stands for infinity, never decide."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from emkit import EMCensoredRegressor, censored_target
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

POSITIVE = {name for name in LAWS if LAWS[name].link.positive}
each_distribution = pytest.mark.parametrize("distribution", LAWS)
#: To the optimum, as near as rounding lets it.
EXACT = {"tol": 1e-12, "max_iter": 5000}
some = settings(derandomize=True, deadline=None, max_examples=40)


def table(seed, n=50, d=2, noise=0.3):
    """X and [lower, upper] with exact, right- and left-censored rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = 1.0 + X @ np.linspace(1.0, -0.5, d) + noise * rng.standard_t(8, size=n)
    kind = rng.integers(4, size=n)
    low = np.where(kind == 2, -np.inf, y - noise * (kind == 3))
    return X, np.column_stack([low, np.where(kind == 3, np.inf, y + noise * (kind == 2))])


def fitted(X, y, weight=None, **options):
    return EMCensoredRegressor(**{**EXACT, **options}).fit(X, y, weight)


def estimates(model):
    return np.r_[model.intercept_, model.coef_, np.log(model.scale_)]


@each_distribution
@pytest.mark.parametrize("bound", [1e6, 1e8, 1e12, 1e30, 1e299])
def test_a_large_number_for_infinity_changes_nothing(distribution, bound):
    X, y = table(0)
    if distribution in POSITIVE:
        y = np.exp(y)
    regressor = EMCensoredRegressor(distribution=distribution, shape=0.5)
    model, other = clone(regressor).fit(X, y), regressor.fit(X, np.clip(y, -bound, bound))
    # Of log y, 1e6 is 14 and says a little where errors are as large as that: here it does not.
    assert_allclose(estimates(other), estimates(model), rtol=1e-7, atol=1e-9)
    assert_allclose(other.log_likelihood_, model.log_likelihood_, rtol=1e-9)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-6)
    assert other.n_iter_ <= model.n_iter_ + 3


@some
@given(
    seed=st.integers(0, 10_000),
    distribution=st.sampled_from(sorted(set(LAWS) - POSITIVE)),
    bound=st.floats(4.0, 30.0),
    unit=st.floats(-100.0, 100.0),
    column=st.floats(-100.0, 100.0),
    shift=st.sampled_from([0.0, 1e3, -1e5]),
    intercept=st.booleans(),
    alpha=st.sampled_from([0.0, 1.0]),
    weighted=st.booleans(),
)
def test_standardised_results_are_those_in_good_units(
    seed, distribution, bound, unit, column, shift, intercept, alpha, weighted
):
    assume(abs(unit - column) <= 150.0)  # of coefficients, so that their variances are doubles
    X, y = table(seed)
    weight = np.random.default_rng(seed).uniform(0.2, 3.0, len(X)) if weighted else None
    options = {"distribution": distribution, "fit_intercept": intercept, "alpha": alpha}
    shift = shift * intercept
    model = fitted(X, y, weight, **options)
    unit, column, bound = 10.0**unit, 10.0**column, 10.0**bound
    moved = np.clip(y + shift, -bound - abs(shift), bound + abs(shift)) * unit
    other = fitted(X * column, moved, weight, **options)
    precision = 1e-6 + 1e-11 * abs(shift)
    assert_allclose(other.coef_ * (column / unit), model.coef_, rtol=precision, atol=precision)
    assert_allclose(other.scale_ / unit, model.scale_, rtol=precision)
    assert_allclose(other.intercept_ / unit - shift, model.intercept_, rtol=0, atol=precision)
    n_exact = (y[:, 0] == y[:, 1]) @ (np.ones(len(X)) if weight is None else weight)
    jacobian = n_exact * np.log(unit)
    assert_allclose(other.log_likelihood_ + jacobian, model.log_likelihood_, rtol=0, atol=1e-5)
    errors = other.standard_errors_[int(intercept) : -1] * (column / unit)
    assert_allclose(errors, model.standard_errors_[int(intercept) : -1], rtol=1e-5)


@pytest.mark.parametrize("distribution", sorted(set(LAWS) - POSITIVE))
def test_rows_that_say_nothing_change_nothing(distribution):
    X, y = table(1)
    model = fitted(X, y, distribution=distribution)
    nothing = np.array([[-99999999.0, np.inf], [-np.inf, 1e20], [-1e8, 1e30]])
    more = fitted(np.vstack([X, X[:3]]), np.vstack([y, nothing]), distribution=distribution)
    assert_allclose(estimates(more), estimates(model), rtol=1e-6, atol=1e-7)
    assert_allclose(more.log_likelihood_, model.log_likelihood_, rtol=1e-9)


@pytest.mark.parametrize("outlier", [1e3, 1e6, 1e9, 1e12, 1e100])
def test_an_outlier_does_not_move_a_student_t(outlier):
    """A row far out adds about -(df + 1) log of its distance: all far ones have one maximum."""
    X, y = table(2)
    y[0] = outlier
    model = EMCensoredRegressor(distribution="student_t").fit(X, y)
    y[0] = 1e7
    other = EMCensoredRegressor(distribution="student_t").fit(X, y)
    assert model.converged_ and model.n_iter_ <= 60
    assert_allclose(estimates(model), estimates(other), atol=1e-7 + 3.0 / outlier)


@pytest.mark.parametrize("distribution", [name for name in LAWS if LAWS[name].scale is None])
def test_small_noise_beside_a_wide_trend_keeps_its_scale(distribution):
    """Errors of 1e-7 about a line that rises by some units, a third of the rows censored."""
    X, y = table(3, noise=1e-7)
    model = fitted(X, np.exp(y) if distribution in POSITIVE else y, distribution=distribution)
    assert 1e-8 < model.scale_ < 1e-6
    assert_allclose(model.coef_, [1.0, -0.5], atol=1e-6)


@pytest.mark.parametrize("distribution", sorted(set(LAWS) - POSITIVE))
@pytest.mark.parametrize("away", [1e3, 1e6])
def test_without_an_intercept_columns_may_lie_far_from_0(distribution, away):
    """Least squares in extended precision, where nothing is censored and errors are normal."""
    rng = np.random.default_rng(4)
    X = np.round(rng.normal(size=(30, 2)) * 8) / 8 + away
    y = X @ [0.5, -0.5] + rng.normal(size=30)
    model = fitted(X, y, distribution=distribution, fit_intercept=False)
    half = 0.5 * (X[:, 0] - X[:, 1])
    # The same model in well-conditioned columns: their difference and their sum in units of away.
    other = fitted(
        np.column_stack([half, (X[:, 0] + X[:, 1]) / (2 * away)]),
        y,
        distribution=distribution,
        fit_intercept=False,
    )
    assert_allclose(model.log_likelihood_, other.log_likelihood_, rtol=1e-9)
    assert_allclose(model.coef_[0] - model.coef_[1], other.coef_[0], rtol=1e-5)
    assert_allclose(model.scale_, other.scale_, rtol=1e-6)


def test_units_beyond_double_precision_are_refused_by_column():
    X, y = table(5)
    with pytest.raises(ValueError, match="Column 0 of X and y are in units too far apart"):
        EMCensoredRegressor().fit(X * [1e-150, 1.0], y * 1e150)


@pytest.mark.parametrize("weight", [1e308, 1e-310])
def test_weights_beyond_double_precision_are_refused(weight):
    X, y = table(5)
    with pytest.raises(ValueError, match="sample_weight (is too (large|small)|sums to)"):
        EMCensoredRegressor().fit(X, y, np.full(len(X), weight))


@each_distribution
@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e9])
def test_the_unit_of_weights_does_not_decide(distribution, unit):
    X, y = table(6)
    y = np.exp(y) if distribution in POSITIVE else y
    model, other = (
        EMCensoredRegressor(distribution=distribution, shape=0.6).fit(X, y, np.full(len(X), w))
        for w in (1.0, unit)
    )
    assert_allclose(estimates(other), estimates(model), atol=1e-4)


def test_a_student_t_of_endless_degrees_of_freedom_is_the_normal():
    X, y = table(7)
    many = fitted(X, y, distribution="student_t", df=1e308)
    assert_allclose(estimates(many), estimates(fitted(X, y)), atol=1e-5)
    with pytest.raises(ValueError, match="df"):
        fitted(X, y, distribution="student_t", df=5e-324)


@each_distribution
def test_imputed_exact_rows_are_as_they_were(distribution):
    X, y = table(8)
    y = np.exp(y) if distribution in POSITIVE else y
    exact = y[:, 0] == y[:, 1]
    model = EMCensoredRegressor(distribution=distribution).fit(X, y)
    assert_array_equal(model.impute(X, y)[exact], y[exact, 0])
    assert_array_equal(model.impute(X, y, sample=True, random_state=0)[exact], y[exact, 0])


def test_a_large_number_for_infinity_as_users_report_it():
    """survreg on the same rows, right-censored: 1.003891, 2.023355, 0.0980387, 34.11372."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 1))
    latent = 1 + 2 * x[:, 0] + 0.1 * rng.normal(size=60)
    limit = rng.uniform(1.5, 3, 60)
    y = censored_target(np.minimum(latent, limit), event=latent <= limit)
    model = EMCensoredRegressor().fit(x, np.where(np.isinf(y), 1e8, y))
    found = [model.intercept_, model.coef_[0], model.scale_, model.log_likelihood_]
    assert_allclose(found, [1.003891, 2.023355, 0.0980387, 34.11372], rtol=1e-6)


@pytest.mark.parametrize(("x_unit", "y_unit"), [(1e-80, 1e80), (1e80, 1e-85), (1.0, 1e160)])
def test_variances_beyond_double_precision_are_told_by_column(x_unit, y_unit):
    X, y = table(3)
    good = fitted(X, y)
    with pytest.warns(DataWarning, match=r"Variances of .*'x0'.* double precision"):
        model = EMCensoredRegressor().fit(X * [x_unit, 1.0], y * y_unit)
    assert_allclose(
        model.standard_errors_[1], good.standard_errors_[1] / x_unit * y_unit, rtol=1e-6
    )
    assert not np.isnan(model.cov_params_).any()
    assert_allclose(model.cov_params_[-1, -1], good.cov_params_[-1, -1], rtol=1e-6)


def test_variances_that_a_double_holds_are_as_in_good_units():
    X, y = table(3)
    good, unit = fitted(X, y), 1e70
    model = fitted(X / unit, y * unit)
    size = np.r_[unit, unit**2, unit**2, 1.0]
    assert_allclose(
        model.cov_params_ / size / size[:, None], good.cov_params_, rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("x_unit", [1e-200, 1e-160, 1e160, 1e200])
@pytest.mark.parametrize("name", LAWS)
def test_columns_in_extreme_units_give_no_warning_of_numpys(name, x_unit):
    X, y = table(5)
    X, y = X * x_unit, np.exp(y) if LAWS[name].link.positive else y
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", DataWarning)
        model = EMCensoredRegressor(distribution=name).fit(X, y)
        assert np.isfinite(model.predict(X)).all() and np.isfinite(model.standard_errors_).all()
        model.predict_interval(X), model.score(X, y), model.impute(X, y), model.summary()


@pytest.mark.parametrize("unit", [1e-100, 1e-10, 1.0, 1e10])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("distribution", ["exponential", "rayleigh"])
def test_a_fixed_scale_far_below_the_distance_of_the_responses_from_every_line(
    distribution, seed, unit
):
    """Without an intercept, in other units: Newton's steps would be one scale each, or endless."""
    rng = np.random.default_rng(seed)
    X, times = rng.normal(size=(12, 2)), rng.exponential(size=12) * unit
    event = np.arange(12) % 3 > 0
    y = censored_target(times, event=event)
    model = EMCensoredRegressor(distribution=distribution, fit_intercept=False, tol=1e-10)
    model.fit(X, y)
    assert model.converged_
    # Cox-Snell residuals balance the events in every direction.
    cumulative = np.exp((np.log(times) - X @ model.coef_) / model.scale_)
    slopes = X * (cumulative - event)[:, None]
    assert_allclose(slopes.sum(axis=0), 0.0, atol=1e-4 * np.abs(slopes).sum(axis=0).max())


@pytest.mark.parametrize("width", [0, 1, 3])
def test_columns_of_zeros_without_an_intercept_leave_a_scale(width):
    lower = np.array([-0.5, 0.5, -1.0, 1.5, -0.8])
    y = np.column_stack([lower, np.where([1, 1, 1, 0, 0], lower, np.inf)])
    model = EMCensoredRegressor(distribution="student_t", fit_intercept=False)
    with pytest.warns(DataWarning) if width else warnings.catch_warnings():
        model.fit(np.zeros((5, width)), y)
    alone = clone(model).fit(np.zeros((5, 0)), y)
    assert_allclose(model.scale_, alone.scale_, rtol=1e-6)
    assert_allclose(model.predict_quantile(np.zeros((1, width)), 0.5), 0.0, atol=1e-12)


def test_errors_within_the_rounding_of_times_are_told_of():
    """Near 1 the logarithm of a time is known to 1e-16, however small it is itself."""
    x = np.arange(1.0, 10.0)[:, None]
    times = np.exp(1e-6 * x[:, 0])
    with pytest.warns(DataWarning, match="rounding of the responses"):
        EMCensoredRegressor(distribution="lognormal").fit(x, times)
