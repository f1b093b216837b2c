"""EMCensoredRegressor against reference answers, independent likelihoods, and its laws."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.optimize import approx_fprime, minimize
from scipy.stats import gumbel_l, kstest, logistic, norm, t
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_laws import generalized_gamma

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning
from emkit.models.laws.law import SymmetricLaw
from emkit.models.laws.registry import LAWS

POSITIVE = {name for name in LAWS if LAWS[name].link.positive}
#: Symmetric laws of y itself: shifting, scaling and reflecting y does the same to the fit.
SYMMETRIC = {name for name in LAWS if isinstance(LAWS[name].law, SymmetricLaw)} - POSITIVE
each_distribution = pytest.mark.parametrize("distribution", LAWS)
#: Laws whose scale is estimated: only such a one can go to 0, or to infinity.
FREE = [name for name in LAWS if LAWS[name].scale is None]
#: To the optimum, as near as rounding lets it.
EXACT = {"tol": 1e-12, "max_iter": 5000}


def sample(n=80, d=2, seed=0, positive=False):
    """X and [lower, upper] of exact, right-, left- and interval-censored rows, on a coarse grid."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, d)) * 1024) / 1024
    y = 1.0 + X @ np.linspace(1.0, -0.5, d) + 0.7 * rng.standard_t(8, size=n)
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.5, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-np.inf, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [np.inf, y + gap[1], y + gap[1]], y)
    Y = np.column_stack([low, high])
    return X, (np.exp(Y) if positive else np.round(Y * 1024) / 1024)


def data_of(distribution, **options):
    return sample(positive=distribution in POSITIVE, **options)


def fitted(X, y, sample_weight=None, **options):
    """A fit with all shape parameters given."""
    return EMCensoredRegressor(**{**EXACT, "shape": 0.6, **options}).fit(X, y, sample_weight)


def parameters(model):
    return np.r_[model.intercept_, model.coef_, np.log(model.scale_)]


def n_estimated(model):
    """How many of `parameters` are estimated: all, or all but a scale that is part of the law."""
    return len(parameters(model)) - (LAWS[model.distribution].scale is not None)


# The likelihood by its definition, in SciPy


def errors_of(model):
    errors = {
        "Normal": norm,
        "Logistic": logistic,
        "GumbelMin": gumbel_l,
        "StudentT": t,
        "GeneralizedGamma": generalized_gamma,
    }
    shapes = [getattr(model, f"{name}_") for name in LAWS[model.distribution].law.shapes]
    return errors[type(LAWS[model.distribution].law).__name__](*shapes)


def row_likelihood(theta, X, y, errors, log_scale_of_y=False):
    """Log-likelihood of each row at (intercept, coef, log scale)."""
    low, high = y.T
    exact = low == high
    jacobian = -np.log(low[exact]) if log_scale_of_y else 0.0
    if log_scale_of_y:
        low, high = (np.log(np.maximum(bound, 1e-300)) for bound in (low, high))
    line, scale = theta[0] + X @ theta[1:-1], np.exp(theta[-1])
    a, b = (low - line) / scale, (high - line) / scale
    right = a > 0.0
    mass = np.where(right, errors.sf(a) - errors.sf(b), errors.cdf(b) - errors.cdf(a))
    out = np.log(np.where(exact, 1.0, mass))
    out[exact] = errors.logpdf(a[exact]) - theta[-1] + jacobian
    return out


def objective(theta, X, y, model, sample_weight=None, alpha=0.0):
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    rows = row_likelihood(theta, X, y, errors_of(model), model.distribution in POSITIVE)
    spread2 = np.average((X - np.average(X, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    return weight @ rows - 0.5 * alpha * np.exp(-2 * theta[-1]) * spread2 @ theta[1:-1] ** 2


def hessian(function, x, h=2e-3):
    """Second derivatives by differences of fourth order."""
    at = np.arange(-2, 3) * h
    slope = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * h)
    out = np.empty((len(x), len(x)))
    second = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12.0 * h * h)
    axes = np.eye(len(x))
    for i, e in enumerate(axes):
        out[i, i] = second @ [function(x + s * e) for s in at]
        for j in range(i):
            cross = [[function(x + s * e + r * axes[j]) for r in at] for s in at]
            out[i, j] = out[j, i] = slope @ np.array(cross) @ slope
    return out


# Reference answers

NAMES = {"gaussian": "normal", "lognormal": "lognormal", "t": "student_t"}
CASES = ["motorette_gaussian", "motorette_lognormal", "motorette_t5", "motorette_counts_weighted",
         "tobin_gaussian", "synthetic_mixed_gaussian", "cars_uncensored"]  # fmt: skip


def test_all_cases_are_run(golden):
    assert [case["id"] for case in golden("censored.json")["cases"]] == CASES


@pytest.mark.parametrize("case_id", CASES)
def test_reference_answers(golden, case_id):
    case = next(case for case in golden("censored.json")["cases"] if case["id"] == case_id)
    X = np.array(case["X"])
    low, high = (np.array(case[side], dtype=float) for side in ("lower", "upper"))
    y = np.column_stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
    weight = case["sample_weight"]
    distribution = NAMES[case["distribution"]]
    options = {"df": case["df"]} if case["df"] else {}
    model = EMCensoredRegressor(distribution=distribution, **options).fit(X, y, weight)
    expected = case["expected"]
    for name in ("coef", "intercept", "scale"):
        assert_allclose(getattr(model, name + "_"), expected[name], rtol=1e-6)
    total = len(X) if weight is None else sum(weight)
    assert_allclose(model.log_likelihood_, expected["loglik"], rtol=0, atol=1e-9 * total)
    assert_allclose(model.score(X, y, weight) * total, expected["loglik"], atol=1e-9 * total)
    errors = [expected["se_intercept"], *expected["se_coef"], expected["se_log_scale"]]
    assert_allclose(model.standard_errors_, errors, rtol=1e-5)
    size = np.outer(errors, errors)
    assert_allclose(model.cov_params_ / size, expected["vcov"] / size, atol=2e-5)
    if "conditional_mean" in expected and distribution == "normal":
        assert_allclose(model.impute(X, y), expected["conditional_mean"], rtol=1e-6)


# The maximum


@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("distribution", ["normal", "lognormal"])
def test_without_censoring_it_is_ridge_regression(distribution, weighted, alpha):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)) * [1.0, 20.0, 0.1] + [0.0, 3.0, 5.0]
    y = X @ [1.0, 0.1, 5.0] + rng.normal(size=40)
    weight = rng.uniform(0.1, 3.0, 40) if weighted else np.ones(40)
    lognormal = distribution == "lognormal"
    model = fitted(X, np.exp(y) if lognormal else y, weight, distribution=distribution, alpha=alpha)
    ridge = make_pipeline(StandardScaler(), Ridge(alpha, solver="svd"))
    ridge.fit(X, y, standardscaler__sample_weight=weight, ridge__sample_weight=weight)
    fit = np.log(model.predict_quantile(X)) if lognormal else model.predict(X)
    assert_allclose(fit, ridge.predict(X), rtol=1e-9)
    squares = weight @ (y - fit) ** 2 + alpha * np.sum(ridge[-1].coef_ ** 2)
    assert_allclose(model.scale_**2, squares / weight.sum(), rtol=1e-9)


@each_distribution
@pytest.mark.parametrize("acceleration", ["anderson", "squarem", None])
@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_history_never_falls_and_every_road_leads_to_the_maximum(distribution, acceleration, alpha):
    X, y = data_of(distribution, seed=1)
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(X))
    options = {"distribution": distribution, "alpha": alpha}
    model = fitted(X, y, weight, acceleration=acceleration, **options)
    assert (np.diff(model.history_) >= 0.0).all() and model.converged_
    best = fitted(X, y, weight, **options)
    assert_allclose(model.history_[-1], best.history_[-1], rtol=0, atol=1e-8)
    assert_allclose(parameters(model), parameters(best), atol=1e-4)
    assert_allclose(model.history_[-1], objective(parameters(model), X, y, model, weight, alpha))
    assert_allclose(model.log_likelihood_, objective(parameters(model), X, y, model, weight))


@each_distribution
@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_a_general_maximiser_finds_the_same(distribution, alpha):
    X, y = data_of(distribution, seed=2)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, len(X))
    model = fitted(X, y, weight, distribution=distribution, alpha=alpha)

    def loss(theta):
        return -objective(np.r_[theta, scale], X, y, model, weight, alpha)

    at, n = parameters(model), n_estimated(model)
    at, scale = at[:n], at[n:]
    slope = [(loss(at + h) - loss(at - h)) / 2e-5 for h in 1e-5 * np.eye(len(at))]
    assert_allclose(slope, 0.0, atol=1e-5)
    with np.errstate(all="ignore"):  # of points far out that it tries
        found = minimize(loss, np.zeros(len(at)), method="BFGS", options={"gtol": 1e-5})
    assert_allclose(at, found.x, atol=1e-5)
    assert loss(at) <= found.fun + 1e-9
    cov = np.linalg.inv(hessian(loss, at))
    assert_allclose(model.cov_params_, cov, atol=1e-5 * np.abs(cov).max())
    assert_allclose(model.standard_errors_, np.sqrt(np.diag(cov)), rtol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from(list(LAWS)), st.integers(1, 3))
def test_the_gradient_vanishes_whatever_the_data(seed, distribution, d):
    X, y = data_of(distribution, n=40, d=d, seed=seed)
    model = fitted(X, y, distribution=distribution)
    theta, n = parameters(model), n_estimated(model)
    loss = objective(theta, X, y, model)
    slope = approx_fprime(
        theta[:n], lambda x: objective(np.r_[x, theta[n:]], X, y, model) - loss, 1e-7
    )
    assert_allclose(slope, 0.0, atol=2e-4)
    assert_allclose(model.log_likelihood_, loss, rtol=1e-10)


def test_student_t_is_near_the_normal_for_many_degrees_of_freedom():
    X, y = sample()
    near = fitted(X, y, distribution="student_t", df=1e6)
    assert_allclose(parameters(near), parameters(fitted(X, y)), atol=1e-4)
    assert near.df_ == 1e6


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_rounding_refuses_no_last_step_of_a_student_t(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1000, 1))
    y = X[:, 0] + rng.standard_t(4, size=1000)
    model = EMCensoredRegressor(distribution="student_t", right=1.0).fit(X, y)
    z, exact = (np.minimum(y, 1.0) - model.predict(X)) / model.scale_, y < 1.0
    slope = np.where(exact, 5.0 * z / (4.0 + z**2), t.pdf(z, 4) / t.sf(z, 4))
    score = np.array([slope.sum(), slope @ X[:, 0], (slope @ z - exact.sum()) * model.scale_])
    assert_allclose(score / model.scale_ * model.standard_errors_, 0.0, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 2, 4, 8])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_standard_errors_of_a_student_t_are_those_at_the_maximum(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(15, 1))
    y = X[:, 0] + rng.standard_t(4, size=15)
    model = EMCensoredRegressor(distribution="student_t", right=1.0, warm_start=True).fit(X, y)
    errors = model.standard_errors_
    model.set_params(tol=0.0, max_iter=50).fit(X, y)  # goes on to the last digit
    assert_allclose(model.standard_errors_, errors, rtol=1e-7)


def test_estimated_degrees_of_freedom_are_the_likeliest():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 1))
    y = X[:, 0] + rng.standard_t(3, size=400)
    options = {"distribution": "student_t", "right": 1.5}
    best = fitted(X, y, df="estimate", **options)
    assert 1.0 < best.df_ < 15.0
    for df in (4.0, 10.0, 0.97 * best.df_, 1.03 * best.df_):
        assert fitted(X, y, df=df, **options).log_likelihood_ < best.log_likelihood_
    other = fitted(X, y, df=best.df_, **options)
    assert_allclose(parameters(other), parameters(best), atol=1e-5)
    assert_allclose(best.aic(X, y) - other.aic(X, y), 2.0, atol=1e-6)


# What weights and units mean


@each_distribution
def test_integer_weights_are_repeated_rows_and_zeros_dropped_ones(distribution):
    X, y = data_of(distribution, seed=3)
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    options = {"distribution": distribution, "alpha": 1.0}
    weighted = fitted(X, y, weight, **options)
    repeated = fitted(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0), **options)
    assert_allclose(parameters(weighted), parameters(repeated), rtol=1e-6, atol=1e-8)
    assert_allclose(weighted.log_likelihood_, repeated.log_likelihood_, rtol=1e-9)
    assert_allclose(weighted.cov_params_, repeated.cov_params_, rtol=1e-5, atol=1e-9)
    X[weight == 0], y[weight == 0] = 1e6, 1e3  # whatever they hold
    assert_allclose(parameters(fitted(X, y, weight, **options)), parameters(weighted), rtol=1e-9)


@each_distribution
def test_order_of_rows_and_columns_does_not_matter(distribution):
    X, y = data_of(distribution, d=3, seed=4)
    model = fitted(X, y, distribution=distribution)
    rows, columns = np.random.default_rng(0).permutation(len(X)), [2, 0, 1]
    other = fitted(X[rows][:, columns], y[rows], distribution=distribution)
    assert_allclose(other.coef_, model.coef_[columns], rtol=1e-6)
    assert_allclose(other.log_likelihood_, model.log_likelihood_, rtol=1e-11)


@each_distribution
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_shifted_and_scaled_columns_change_units_only(distribution, alpha):
    X, y = data_of(distribution, seed=5)
    options = {"distribution": distribution, "alpha": alpha}
    model = fitted(X, y, **options)
    shift, unit = np.array([1e8, 0.0]), np.array([1.0, 2.0**-30])
    moved = fitted((X + shift) * unit, y, **options)
    assert_allclose(moved.coef_ * unit, model.coef_, rtol=1e-6)
    assert_allclose(moved.scale_, model.scale_, rtol=1e-7)
    assert_allclose(moved.log_likelihood_, model.log_likelihood_, rtol=1e-10)
    assert_allclose(moved.predict((X + shift) * unit), model.predict(X), atol=1e-6)
    assert_allclose(moved.standard_errors_[1:3] * unit, model.standard_errors_[1:3], rtol=1e-6)


@pytest.mark.parametrize("distribution", sorted(set(LAWS) - POSITIVE))
@pytest.mark.parametrize(("shift", "unit"), [(0.0, 1e12), (0.0, 1e-12), (2.0**26, 1.0)])
def test_units_of_the_response_change_units_only(distribution, shift, unit):
    X, y = sample(seed=6)
    options = {"distribution": distribution, "alpha": 2.0}
    model, moved = fitted(X, y, **options), fitted(X, (y + shift) * unit, **options)
    assert_allclose(moved.coef_, model.coef_ * unit, rtol=1e-6)
    assert_allclose(moved.intercept_, (model.intercept_ + shift) * unit, rtol=1e-6)
    assert_allclose(moved.scale_, model.scale_ * unit, rtol=1e-6)
    n_exact = np.sum(y[:, 0] == y[:, 1])
    expected = model.log_likelihood_ - n_exact * np.log(unit)
    assert_allclose(moved.log_likelihood_, expected, rtol=0, atol=1e-9 * len(X))
    assert_allclose(moved.standard_errors_[:-1], unit * model.standard_errors_[:-1], rtol=1e-5)
    assert_allclose(moved.standard_errors_[-1], model.standard_errors_[-1], rtol=1e-5)


@pytest.mark.parametrize("distribution", sorted(POSITIVE))
def test_unit_of_a_positive_response_moves_the_intercept(distribution):
    X, y = sample(seed=6, positive=True)
    options = {"distribution": distribution, "alpha": 2.0}
    model, moved = fitted(X, y, **options), fitted(X, y * 1e12, **options)
    shift = np.r_[np.log(1e12), 0.0, 0.0, 0.0]
    assert_allclose(parameters(moved), parameters(model) + shift, atol=1e-6)
    assert_allclose(moved.predict(X), 1e12 * model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("distribution", sorted(SYMMETRIC))
def test_left_mirrors_right(distribution):
    X, y = sample(seed=7)
    model = fitted(X, y, distribution=distribution)
    mirrored = fitted(X, -y[:, ::-1], distribution=distribution)
    sign = np.array([-1.0, -1.0, -1.0, 1.0])
    assert_allclose(parameters(mirrored), sign * parameters(model), atol=1e-7)
    assert_allclose(mirrored.log_likelihood_, model.log_likelihood_, rtol=1e-12)


def test_lognormal_is_the_normal_of_the_logarithm():
    X, y = sample(seed=8, positive=True)
    y[y[:, 0] == 0.0, 0] = -3.0  # all that is not positive is a bound at 0
    with np.errstate(divide="ignore"):
        of_log = fitted(X, np.log(np.maximum(y, 0.0)))
    model = fitted(X, y, distribution="lognormal")
    assert_allclose(parameters(model), parameters(of_log), atol=1e-12)
    jacobian = -np.log(y[y[:, 0] == y[:, 1], 0]).sum()
    assert_allclose(model.log_likelihood_, of_log.log_likelihood_ + jacobian, rtol=1e-12)


@each_distribution
def test_without_intercept_a_column_of_ones_takes_its_place(distribution):
    X, y = data_of(distribution, seed=9)
    model = fitted(X, y, distribution=distribution)
    ones = np.column_stack([np.ones(len(X)), X])
    other = fitted(ones, y, distribution=distribution, fit_intercept=False)
    assert other.intercept_ == 0.0
    assert_allclose(np.r_[other.coef_, np.log(other.scale_)], parameters(model), atol=1e-6)
    assert_allclose(other.cov_params_, model.cov_params_, atol=1e-6)
    assert list(other.summary().index) == ["x0", "x1", "x2", "log(scale)"][: n_estimated(model)]
    assert_allclose(other.bic(ones, y), model.bic(X, y), rtol=1e-9)


# Starts


def test_several_starts_find_no_less():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1))
    y = np.where(np.arange(30) % 3 > 0, 3.0 * X[:, 0], 10.0 - 3.0 * X[:, 0])
    y += 0.1 * rng.normal(size=30)
    options = {"distribution": "student_t", "df": 1.0, "random_state": 0}
    one, several = fitted(X, y, **options), fitted(X, y, n_init=8, **options)
    assert len(one.runs_) == 1 and len(several.runs_) == 8
    assert several.log_likelihood_ >= one.log_likelihood_ - 1e-9
    best = max(run.log_likelihood for run in several.runs_)
    assert_allclose(several.log_likelihood_, best, rtol=1e-12)
    assert_array_equal(parameters(several), parameters(fitted(X, y, n_init=8, **options)))


@each_distribution
def test_warm_start_goes_on(distribution):
    X, y = data_of(distribution, seed=10)
    whole = fitted(X, y, distribution=distribution)
    model = EMCensoredRegressor(
        distribution=distribution, warm_start=True, max_iter=2, tol=1e-12, shape=0.6
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    reached = model.history_[-1]
    model.set_params(max_iter=5000).fit(X, y)
    assert_allclose(model.history_[0], reached, rtol=1e-12)
    assert_allclose(parameters(model), parameters(whole), atol=1e-6)
    assert model.set_params(tol=1e-6).fit(X, y).n_iter_ <= 3
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :1], y)


# Prediction, against SciPy

NEW = np.array([[0.0, 0.0], [1.0, 2.0], [-2.0, 0.5]])


def line_of(model):
    return NEW @ model.coef_ + model.intercept_


@each_distribution
def test_the_prediction_is_the_mean_of_all_quantiles(distribution):
    model = fitted(*data_of(distribution), distribution=distribution)
    means = [
        quad(lambda q, row=row: model.predict_quantile(row[None], q)[0], 0.0, 1.0)[0] for row in NEW
    ]
    assert_allclose(model.predict(NEW), means, rtol=1e-6)
    if distribution in SYMMETRIC:
        assert_allclose(model.predict(NEW), line_of(model))


@each_distribution
def test_quantiles_intervals_and_survival(distribution):
    model = fitted(*data_of(distribution), distribution=distribution)
    errors, line = errors_of(model), line_of(model)
    q = np.array([0.01, 0.5, 0.9])
    expected = line[:, None] + model.scale_ * errors.ppf(q)
    times = np.array([0.5, 2.0, 30.0])
    z = times
    if distribution in POSITIVE:
        expected, z = np.exp(expected), np.log(times)
        assert_array_equal(model.predict_survival_function(NEW, [-1.0, 0.0]), 1.0)
    assert_allclose(model.predict_quantile(NEW, q), expected, rtol=1e-10)
    assert_allclose(model.predict_quantile(NEW), expected[:, 1], rtol=1e-10)
    survival = errors.sf((z - line[:, None]) / model.scale_)
    assert_allclose(model.predict_survival_function(NEW, times), survival, rtol=1e-10)
    assert_allclose(model.predict_survival_function(NEW, 2.0), survival[:, 1], rtol=1e-10)
    bounds = model.predict_interval(NEW, 0.8)
    for i, tail in ((0, 0.9), (1, 0.1)):
        at = model.predict_survival_function(NEW, bounds[:, i])
        assert_allclose(np.diag(at), tail, rtol=1e-10)
    for bad in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="q must"):
            model.predict_quantile(NEW, bad)
        with pytest.raises(ValueError, match="level must"):
            model.predict_interval(NEW, bad)


@each_distribution
@pytest.mark.parametrize(("left", "right"), [(0.8, None), (None, 2.5), (0.8, 2.5)])
def test_observed_mean_is_the_integral_of_the_survival_function(distribution, left, right):
    X, y = data_of(distribution)
    y = np.where(np.isfinite(y).all(axis=1) & (y[:, 0] != 0.0), y[:, 0], 1.5)
    model = fitted(X, y, distribution=distribution, left=left, right=right)
    low = 0.0 if distribution in POSITIVE else -np.inf

    def observed(row):
        def survival(x):
            return model.predict_survival_function(row[None], x)[0]

        pivot = right if left is None else left  # E = pivot + what lies above - what lies below
        above = 0.0 if left is None else quad(survival, left, right or np.inf)[0]
        below = quad(lambda x: 1.0 - survival(x), low, right)[0] if left is None else 0.0
        return pivot + above - below

    expected = [observed(row) for row in NEW]
    assert_allclose(model.predict_observed(NEW), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="limits"):
        fitted(X, y, distribution=distribution).predict_observed(NEW)


@each_distribution
def test_imputed_means_are_integrals_and_draws_follow_the_distribution(distribution):
    X, y = data_of(distribution, n=60)
    model = fitted(X, y, distribution=distribution)
    low, high = y.T
    exact, positive = low == high, distribution in POSITIVE
    errors, user = errors_of(model), np.exp if positive else (lambda value: value)
    with np.errstate(divide="ignore"):
        bounds = np.log(y) if positive else y
    line = X @ model.coef_ + model.intercept_
    part = errors.cdf((bounds - line[:, None]) / model.scale_).T
    filled = model.impute(X, y)
    assert_array_equal(filled[exact], low[exact] if not positive else filled[exact])
    assert_allclose(filled[exact], low[exact], rtol=1e-14)
    for i in np.flatnonzero(~exact):
        limits = (bounds[i] - line[i]) / model.scale_
        far = (-40.0, 80.0) if positive else (-60.0, 60.0)  # of the law of an exponential tail
        limits = limits if distribution == "student_t" else np.clip(limits, *far)

        def integrand(z, i=i):
            return user(line[i] + model.scale_ * z) * errors.pdf(z)

        middle = np.clip(np.array([-3.0, 3.0]), *limits)
        pieces = [*zip([limits[0], *middle], [*middle, limits[1]], strict=True)]
        total = sum(quad(integrand, *piece, epsabs=0, limit=200)[0] for piece in pieces)
        mean = total / (part[1, i] - part[0, i])
        assert_allclose(filled[i], mean, rtol=1e-6)
    draws = np.array([model.impute(X, y, sample=True, random_state=s) for s in range(40)])
    assert ((low <= draws) & (draws <= high)).all()
    inner = np.log(draws) if positive else draws
    chance = (errors.cdf((inner - line) / model.scale_) - part[0]) / (part[1] - part[0] + exact)
    assert kstest(chance[:, ~exact].ravel(), "uniform").pvalue > 0.01
    assert_array_equal(draws[3], model.impute(X, y, sample=True, random_state=3))
    assert_array_equal(draws[3], model.set_params(random_state=3).impute(X, y, sample=True))


@each_distribution
def test_scores_criteria_and_summary(distribution):
    pd = pytest.importorskip("pandas")
    X, y = data_of(distribution)
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(X))
    model = fitted(pd.DataFrame(X, columns=["a", "b"]), y, weight, distribution=distribution)
    table = model.summary(level=0.9)
    n = n_estimated(model)
    assert list(table.index) == ["intercept", "a", "b", "log(scale)"][:n]
    X = pd.DataFrame(X, columns=["a", "b"])
    rows = row_likelihood(
        parameters(model), X.to_numpy(), y, errors_of(model), distribution in POSITIVE
    )
    assert_allclose(model.score_samples(X, y), rows, rtol=1e-9, atol=1e-11)
    assert_allclose(model.score(X, y), rows.mean(), rtol=1e-10)
    assert_allclose(model.score(X, y, weight), np.average(rows, weights=weight), rtol=1e-10)
    total = weight @ rows
    assert_allclose(model.log_likelihood_, total, rtol=1e-10)
    assert_allclose(model.aic(X, y, weight), 2.0 * n - 2.0 * total, rtol=1e-10)
    assert_allclose(model.bic(X, y, weight), n * np.log(weight.sum()) - 2 * total, rtol=1e-10)
    assert_allclose(table["estimate"], parameters(model)[:n])
    assert_allclose(table["z"] * table["std_error"], table["estimate"])
    assert_allclose(table["p_value"], 2.0 * norm.sf(table["z"].abs()), rtol=1e-8)
    assert_allclose(norm.cdf((table["upper"] - table["estimate"]) / table["std_error"]), 0.95)
    assert_allclose(table["upper"] + table["lower"], 2.0 * table["estimate"])


# Data with nothing to spare


def all_finite(model, X):
    values = np.r_[parameters(model), model.log_likelihood_, model.predict(X)]
    return np.isfinite(values).all() and model.scale_ > 0.0


@each_distribution
@pytest.mark.parametrize("side", ["left", "right"])
def test_all_censored_on_one_side(distribution, side):
    X, y = data_of(distribution)
    low = 0.1 + np.abs(np.where(np.isfinite(y[:, 0]), y[:, 0], 1.0))
    inf = np.full(len(X), np.inf)
    y = np.column_stack([low, inf] if side == "right" else [-inf, low])
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        fitted(X, y, distribution=distribution)
    X, y = np.vstack([X, X[:1]]), np.vstack([y, [1.0, 1.0]])
    with pytest.raises(ValueError, match=f"censored on the {side}"):
        fitted(X, y, np.r_[np.ones(len(X) - 1), 0.0], distribution=distribution)


X0 = np.array([[0.0], [1.0], [2.0], [3.0]])
INF = np.inf
NO_MAXIMUM = {
    "perfect fit": (X0, [[1, 1], [3, 3], [5, 5], [7, 7]]),
    "perfect fit, one above": (X0, [[1, 1], [3, 3], [5, 5], [2, INF]]),
    "line through every interval": (X0, [[1, 2], [2, 4], [3, 9], [1, INF]]),
    "constant response": (X0, [[2, 2], [2, 2], [2, 2], [2, 2]]),
    "one row": (X0[:1], [[2, 2]]),
    "one interval": (X0[:1], [[2, 3]]),
    "separated": (X0, [[-INF, 2], [-INF, 2], [2, INF], [2, INF]]),
}


@pytest.mark.parametrize("name", NO_MAXIMUM)
@pytest.mark.parametrize("distribution", FREE)
@pytest.mark.parametrize("unit", [1.0, 1e9])
def test_no_finite_maximum(name, distribution, unit):
    X, y = NO_MAXIMUM[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = np.exp(y) if distribution in POSITIVE else np.array(y, dtype=float)
        model = EMCensoredRegressor(distribution=distribution).fit(X, unit * y)
    assert {w.category for w in caught} <= {DataWarning, ConvergenceWarning}
    assert any("no finite maximum" in str(w.message) for w in caught)
    assert all_finite(model, X)


@each_distribution
@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_collinear_columns(distribution, unit):
    X, y = data_of(distribution, seed=11)
    model = fitted(X, y, distribution=distribution)
    with pytest.warns(DataWarning, match="collinear"):
        twice = fitted(np.column_stack([X, unit * X[:, 0]]), y, distribution=distribution)
    more = np.column_stack([NEW, unit * NEW[:, 0]])
    assert_allclose(twice.predict(more), model.predict(NEW), rtol=1e-6)
    # Of least norm in standardised columns: both copies share the effect.
    assert_allclose(unit * twice.coef_[2], twice.coef_[0], rtol=1e-5)
    assert all_finite(twice, more)
    unknown = [False, True, False, True, False]
    assert list(np.isnan(twice.standard_errors_)) == unknown[: n_estimated(twice)]
    fitted(np.column_stack([X, unit * X[:, 0]]), y, distribution=distribution, alpha=1.0)


@each_distribution
def test_constant_column(distribution):
    X, y = data_of(distribution, seed=12)
    model = fitted(X, y, distribution=distribution)
    with pytest.warns(DataWarning, match="collinear"):
        other = fitted(np.column_stack([X, np.full(len(X), 7.0)]), y, distribution=distribution)
    assert_allclose(other.coef_, np.r_[model.coef_, 0.0], rtol=1e-6, atol=1e-12)
    assert_allclose(other.intercept_, model.intercept_, rtol=1e-6)


@each_distribution
def test_more_columns_than_rows(distribution):
    X, y = data_of(distribution, n=6, d=9)
    with pytest.warns(DataWarning), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert all_finite(EMCensoredRegressor(distribution=distribution).fit(X, y), X)
    penalised = EMCensoredRegressor(distribution=distribution, alpha=1.0).fit(X, y)
    assert all_finite(penalised, X)


@pytest.mark.parametrize("distribution", sorted(POSITIVE))
@pytest.mark.parametrize("y", [[1.0, 2.0, 0.0, 1.0], [1.0, 2.0, -1.0, 1.0]])
def test_some_laws_ask_for_positive_responses(y, distribution):
    regressor = EMCensoredRegressor(distribution=distribution)
    with pytest.raises(ValueError, match=rf"'{distribution}' is for positive y. Row 2"):
        regressor.fit(X0, y)
    both = np.column_stack([np.minimum(y, 0.0), y])
    with pytest.raises(ValueError, match=r"positive y. Row 2"):
        regressor.fit(X0, both)


@pytest.mark.parametrize("width", [1e-9, 1e-6])
@each_distribution
def test_narrow_intervals_are_exact_responses(width, distribution):
    X, y = data_of(distribution, seed=13)
    exact = y[:, 0] == y[:, 1]
    narrow = y.copy()
    narrow[exact] *= 1.0 + 0.5 * width * np.array([-1.0, 1.0])
    narrow.sort(axis=1)
    regressor = EMCensoredRegressor(distribution=distribution, shape=0.6)
    model, other = (clone(regressor).fit(X, z) for z in (y, narrow))
    assert_allclose(parameters(other), parameters(model), atol=1e-5)
    assert_allclose(other.cov_params_, model.cov_params_, atol=1e-5)


def test_rows_far_out_do_no_harm():
    """Bounds up to 40 standard deviations away, on the side where they say little or all."""
    X, y = sample(seed=14)
    far = np.array([[-40.0, INF], [-INF, 40.0], [-40.0, 41.0], [-INF, INF]])
    model = EMCensoredRegressor().fit(X, y)
    with_far = EMCensoredRegressor().fit(np.vstack([X, X[:4]]), np.vstack([y, far]))
    assert_allclose(parameters(with_far), parameters(model), atol=1e-8)
    X, y = np.vstack([X, X[:2]]), np.vstack([y, [30.0, INF], [40.0, 41.0]])
    wild = EMCensoredRegressor().fit(X, y)
    slope = approx_fprime(parameters(wild), lambda x: objective(x, X, y, wild), 1e-7)
    assert_allclose(slope, 0.0, atol=1e-3)


@each_distribution
def test_far_and_narrow_intervals_are_filled_within_their_bounds(distribution):
    X, y = data_of(distribution)
    model = fitted(X, y, distribution=distribution)
    low = np.array([0.0, 3.0, 3.0, 30.0, 40.0, 1e5, 1e9, 1e9])
    high = np.array([1e-9, 3.0 + 1e-9, 3.0 + 1e-6, 31.0, INF, INF, INF, 1e9 + 1e-3])
    for sign in (1.0, -1.0) if distribution not in POSITIVE else (1.0,):
        bounds = np.sort(sign * np.column_stack([low, high]), axis=1)
        filled = [model.impute(X[:8], bounds)]
        filled += [model.impute(X[:8], bounds, sample=True, random_state=s) for s in range(20)]
        room = 4.0 * np.spacing(np.abs(np.where(np.isfinite(bounds), bounds, 0.0)))
        assert (bounds[:, 0] - room[:, 0] <= filled).all()
        assert (filled <= bounds[:, 1] + room[:, 1]).all()


def test_nothing_is_left_of_another_distribution():
    X, y = sample()
    model = fitted(X, y, distribution="student_t").set_params(distribution="normal").fit(X, y)
    assert not hasattr(model, "df_")


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5])
def test_level_of_a_summary(level):
    pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="level must"):
        fitted(*sample()).summary(level=level)
