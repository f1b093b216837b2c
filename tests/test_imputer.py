"""EMImputer against reference answers, its laws, its draws, and data with nothing to spare."""

import warnings
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import kstest, multivariate_normal, norm, truncnorm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from structures import dense

from emkit import EMGaussianMixture, EMImputer, pool_estimates
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES, STRUCTURES

ACCELERATIONS = ["anderson", "squarem", None]
#: To the optimum, as near as rounding lets it.
EXACT = {"tol": 1e-12, "max_iter": 5000}

each_kind = pytest.mark.parametrize("kind", NAMES)


def punched(X, share, seed=0):
    """X with so many cells missing, no row and no column without a value."""
    rng = np.random.default_rng(seed)
    X = np.array(X, dtype=float)
    holes = rng.random(X.shape) < share
    holes[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = False
    X[holes] = np.nan
    return X


def complete_table(n=60, d=3, seed=0):
    """Rows of a correlated normal, on a grid so coarse that adding 1e6 is exact."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d))) + np.arange(d)
    return np.round(rows * 1024) / 1024


N = complete_table()
X = punched(N, 0.25)
#: Two clusters, columns in units of their own.
Y = punched(N + 5.0 * (np.arange(60) % 2)[:, None] * [1.0, -1.0, 0.0], 0.2) * [1.0, 20.0, 0.3]
MISSING = np.isnan(X)


def fit_quietly(imputer, X, sample_weight=None):
    """Fit; only the two warnings that data may deserve are allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataWarning)
        return imputer.fit(X, sample_weight=sample_weight)


# The model by its definition, in NumPy and SciPy


def matrices(imputer):
    """Covariances as (K, d, d), whatever the structure."""
    return dense(imputer.covariance_type, imputer.covariances_, *imputer.means_.shape)


def conditional(x, mean, covariance):
    """Mean and covariance of the missing cells of a row given the others."""
    o, m = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
    gain = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, m)]).T
    centre = mean[m] + gain @ (x[o] - mean[o])
    return centre, covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]


def log_joint(X, weights, means, covariances):
    """Log of component weight times density of the observed cells, (K, n).

    In units of the standard deviations: SciPy's eigenvalues lose the small ones beside columns in
    other units.
    """
    out = np.tile(np.log(weights)[:, None], len(X))
    patterns, labels = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    for label, seen in enumerate(patterns):
        rows = labels.ravel() == label
        for k in range(len(weights)) if seen.any() else ():
            covariance = covariances[k][np.ix_(seen, seen)]
            sd = np.sqrt(np.diag(covariance))
            part = multivariate_normal(means[k, seen] / sd, covariance / np.outer(sd, sd))
            out[k, rows] += part.logpdf(X[rows][:, seen] / sd) - np.log(sd).sum()
    return out


def conditional_mean(X, weights, means, covariances):
    """X filled with conditional means, row by row."""
    resp = softmax(log_joint(X, weights, means, covariances), axis=0)
    out = np.where(np.isnan(X), 0.0, X)
    for i, x in enumerate(X):
        parts = [conditional(x, *part)[0] for part in zip(means, covariances, strict=True)]
        out[i, np.isnan(x)] = resp[:, i] @ parts
    return out


def of(imputer):
    """Arguments of the three above."""
    return imputer.weights_, imputer.means_, matrices(imputer)


def observed_variances(X, sample_weight):
    weights = np.where(np.isnan(X), 0.0, sample_weight[:, None])
    filled = np.where(np.isnan(X), 0.0, X)
    mean = (weights * filled).sum(axis=0) / weights.sum(axis=0)
    return (weights * (filled - mean) ** 2).sum(axis=0) / weights.sum(axis=0)


def objective(X, weights, means, covariances, shrinkage, sample_weight=None):
    """The penalised log-likelihood, its prior 0 where every covariance is D."""
    sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
    total = sample_weight @ logsumexp(log_joint(X, weights, means, covariances), axis=0)
    k, d = means.shape
    variances = observed_variances(X, sample_weight) / k ** (2.0 / d)
    strength = shrinkage / (1.0 - shrinkage) * sample_weight.sum() / k
    for covariance in covariances:
        relative = covariance / np.sqrt(np.outer(variances, variances))
        log_det, trace = np.linalg.slogdet(relative)[1], np.trace(np.linalg.inv(relative))
        total -= 0.5 * strength * (log_det + trace - d)
    return total


def assert_same_fit(imputer, other, rtol=1e-9):
    """The same distribution, in units of its standard deviations."""
    spread = np.sqrt(np.diag(other.covariance_))
    assert_allclose(imputer.location_ / spread, other.location_ / spread, rtol, rtol)
    unit = np.outer(spread, spread)
    assert_allclose(imputer.covariance_ / unit, other.covariance_ / unit, rtol, rtol)
    assert_allclose(imputer.log_likelihood_, other.log_likelihood_, rtol, rtol)
    assert_allclose(imputer.shrinkage_, other.shrinkage_, rtol)


# Reference answers

CASES = ["airquality", "draper_smith", "syn_mcar20", "syn_mar_monotone"]


def test_every_golden_case_is_tested(golden):
    assert [case["name"] for case in golden("imputer.json")["cases"]] == CASES


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
@pytest.mark.parametrize("index", range(len(CASES)), ids=CASES)
def test_maximum_likelihood_is_that_of_the_reference(index, acceleration, golden):
    case = golden("imputer.json")["cases"][index]
    data = np.array(case["X"], dtype=float)
    imputer = EMImputer(shrinkage=0.0, acceleration=acceleration, **EXACT).fit(data)
    spread = np.sqrt(np.diag(case["cov"]))
    assert_allclose((imputer.location_ - case["mean"]) / spread, 0.0, atol=1e-6)
    error = (imputer.covariance_ - case["cov"]) / np.outer(spread, spread)
    assert_allclose(error, 0.0, atol=1e-6)
    assert_allclose(imputer.log_likelihood_, case["loglik"], rtol=0.0, atol=1e-6)

    rows, columns, means, deviations = np.array(case["imputed"]).T
    rows, columns = rows.astype(int), columns.astype(int)
    assert_array_equal(np.argwhere(np.isnan(data)), np.c_[rows, columns])
    error = (imputer.transform(data)[rows, columns] - means) / spread[columns]
    assert_allclose(error, 0.0, atol=1e-6)
    variances = [np.diag(conditional(x, imputer.location_, imputer.covariance_)[1]) for x in data]
    error = (np.sqrt(np.concatenate(variances)) - deviations) / spread[columns]
    assert_allclose(error, 0.0, atol=1e-6)


# The optimum


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, d = draw(st.integers(15, 60)), draw(st.integers(1, 4))
    data = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 10.0 ** rng.integers(-2, 3, d)
    data += rng.normal(scale=3.0 * data.std(axis=0), size=(2, d))[rng.integers(0, 2, n)]
    data[rng.random((n, d)) < draw(st.sampled_from([0.0, 0.1, 0.4]))] = np.nan
    weights = draw(st.sampled_from(["none", "counts", "reals"]))
    sample_weight = {
        "none": None,
        "counts": rng.integers(0, 4, n) + (np.arange(n) < 8),
        "reals": rng.exponential(size=n),
    }[weights]
    imputer = EMImputer(
        draw(st.integers(1, 3)),
        covariance_type=draw(st.sampled_from(NAMES)),
        shrinkage=draw(st.sampled_from([0.1, "auto"])),
        acceleration=draw(st.sampled_from(ACCELERATIONS)),
        tol=draw(st.sampled_from([1e-4, 1e-9])),
        random_state=0,
    )
    return imputer, data, sample_weight


@given(problems())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_objective_never_falls_and_is_the_penalised_likelihood(problem):
    imputer, data, sample_weight = problem
    fit_quietly(imputer, data, sample_weight)
    history = imputer.history_
    assert (np.diff(history) >= -1e-12 * np.abs(history[1:])).all()
    counted = ~np.isnan(data).all(axis=1)
    weights = np.ones(len(data)) if sample_weight is None else sample_weight
    data, weights = data[counted], weights[counted]
    densities = logsumexp(log_joint(data, *of(imputer)), axis=0)
    assert_allclose(imputer.log_likelihood_, weights @ densities, rtol=1e-8, atol=1e-8)
    total = objective(data, *of(imputer), imputer.shrinkage_, weights)
    assert_allclose(history[-1], total, rtol=1e-8, atol=1e-8)


def unpack(vector, k, d):
    """Weights, means and covariances from unbounded numbers."""
    logits, means, roots = np.split(vector, [k, k + k * d])
    lower = np.zeros((k, d, d))
    lower[:, *np.tril_indices(d)] = roots.reshape(k, -1)
    return softmax(logits), means.reshape(k, d), lower @ lower.transpose(0, 2, 1)


def pack(imputer):
    k, d = imputer.means_.shape
    lower = np.linalg.cholesky(matrices(imputer))[:, *np.tril_indices(d)]
    return np.concatenate([np.log(imputer.weights_), imputer.means_.ravel(), lower.ravel()])


def slope(f, at, step=1e-5):
    """Gradient by central differences."""
    steps = step * np.eye(len(at))
    return np.array([f(at + h) - f(at - h) for h in steps]) / (2.0 * step)


@pytest.mark.parametrize("shrinkage", [0.0, 0.2])
@pytest.mark.parametrize("n_components", [1, 2])
def test_the_gradient_at_the_optimum_is_zero(n_components, shrinkage):
    data = Y / [1.0, 20.0, 0.3]
    imputer = EMImputer(n_components, shrinkage=shrinkage, random_state=0, **EXACT).fit(data)

    def f(vector):
        return objective(data, *unpack(vector, n_components, 3), shrinkage)

    optimum = pack(imputer)
    assert np.abs(slope(f, optimum)).max() < 1e-4
    assert np.abs(slope(f, 1.01 * optimum)).max() > 1e-2


@pytest.mark.parametrize("shrinkage", [0.0, 0.1])
def test_no_optimiser_finds_a_higher_point(shrinkage):
    data = punched(complete_table(12, 2, seed=3), 0.2)
    imputer = EMImputer(shrinkage=shrinkage, **EXACT).fit(data)

    def f(vector):
        return -objective(data, *unpack(np.r_[0.0, vector], 1, 2), shrinkage)

    best = minimize(f, [0.5, 0.5, 2.0, 0.0, 2.0], method="BFGS", options={"gtol": 1e-7})
    _, means, covariances = unpack(np.r_[0.0, best.x], 1, 2)
    assert_allclose(imputer.history_[-1], -best.fun, rtol=1e-10)
    assert_allclose(imputer.location_, means[0], rtol=1e-5, atol=1e-5)
    assert_allclose(imputer.covariance_, covariances[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, "auto"])
def test_with_nothing_missing_it_is_the_mean_and_the_shrunk_covariance(shrinkage):
    imputer = EMImputer(shrinkage=shrinkage).fit(N)
    sample, s = np.cov(N.T, ddof=0), imputer.shrinkage_
    assert_allclose(imputer.location_, N.mean(axis=0), rtol=1e-12)
    expected = (1.0 - s) * sample + s * np.diag(np.diag(sample))
    assert_allclose(imputer.covariance_, expected, rtol=1e-11, atol=1e-12)
    assert_array_equal(imputer.transform(N), N)


def test_all_shrinkage_leaves_the_variances():
    imputer = EMImputer(shrinkage=1.0).fit(N)
    assert_allclose(imputer.covariance_, np.diag(N.var(axis=0)), rtol=1e-7, atol=1e-7)
    assert imputer.shrinkage_ == 1.0


def test_a_monotone_pattern_has_the_closed_form_of_a_regression():
    data = complete_table(80, 2, seed=1)
    data[data[:, 0] > 0.5, 1] = np.nan
    x, y = data[~np.isnan(data[:, 1])].T
    slope = np.cov(x, y, ddof=0)[0, 1] / x.var()
    residual = np.var(y - slope * x)
    mean, variance = data[:, 0].mean(), data[:, 0].var()
    imputer = EMImputer(shrinkage=0.0, **EXACT).fit(data)
    location = [mean, y.mean() + slope * (mean - x.mean())]
    assert_allclose(imputer.location_, location, rtol=1e-8)
    covariance = [[variance, slope * variance], [slope * variance, residual + slope**2 * variance]]
    assert_allclose(imputer.covariance_, covariance, rtol=1e-7)


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_history_ends_at_the_likelihood_where_nothing_is_shrunk(kind, n_components):
    imputer = EMImputer(n_components, covariance_type=kind, shrinkage=0.0, random_state=0).fit(Y)
    assert imputer.history_[-1] == imputer.log_likelihood_
    assert_allclose(imputer.score_samples(Y).sum(), imputer.log_likelihood_, rtol=1e-12)


def test_auto_shrinkage_is_gone_at_20_rows_for_every_column():
    assert EMImputer().fit(N).shrinkage_ == 0.0
    assert 0.0 < EMImputer().fit(N[:-1]).shrinkage_ <= 1.0 / 60.0
    more = np.tile(N, (2, 1))[:80]
    more[np.arange(36), np.repeat([0, 1, 2], 12)] = np.nan
    assert 0.0 < EMImputer().fit(more).shrinkage_ < 1.0  # 56 rows hold both of a pair
    assert EMImputer().fit(X, sample_weight=np.full(60, 4.0)).shrinkage_ == 0.0
    few, enough = (fit_quietly(EMImputer(k, random_state=0), np.r_[N, N]) for k in (3, 2))
    assert few.shrinkage_ > 0.01 > 1e-6 >= enough.shrinkage_
    collinear = np.tile(np.c_[N, N[:, 0]], (2, 1))
    assert 0.0 < EMImputer().fit(collinear).shrinkage_ <= 1e-6


@pytest.mark.parametrize("kind", [n for n in NAMES if STRUCTURES[n].layout.independent])
def test_a_run_ends_where_only_rounding_moves(kind):
    for seed in range(20):
        data = punched(complete_table(40, 3, seed), 0.25, seed)
        imputer = exact(data, covariance_type=kind, acceleration=None)
        assert imputer.converged_ and imputer.n_iter_ < imputer.max_iter


@pytest.mark.parametrize("holes", ["everywhere", "in one cluster"])
@pytest.mark.parametrize("distance", [40.0, 1e3, 1e6])
def test_clusters_far_apart_are_fitted_each_for_itself(distance, holes):
    near, far = X, (X if holes == "everywhere" else N) + distance
    both = np.r_[near, far]
    imputer = EMImputer(2, shrinkage=0.0, random_state=0, **EXACT).fit(both)
    assert_allclose(imputer.weights_, 0.5, rtol=1e-9)
    order = np.argsort(imputer.means_[:, 0])
    for k, cluster in zip(order, (near, far), strict=True):
        alone = exact(cluster)
        assert_allclose(imputer.means_[k], alone.location_, rtol=1e-6, atol=1e-6)
        assert_allclose(imputer.covariances_[k], alone.covariance_, rtol=1e-5, atol=1e-5)
        filled = imputer.transform(cluster)
        assert_allclose(filled, alone.transform(cluster), rtol=1e-6, atol=1e-5)


def test_several_starts_are_never_worse_than_one():
    one = fit_quietly(EMImputer(3, random_state=0), X)
    three = fit_quietly(EMImputer(3, n_init=3, random_state=0), X)
    assert len(three.runs_) == 3
    assert three.history_[-1] >= one.history_[-1] - three.tol


def test_a_warm_start_goes_on_from_the_last_fit():
    imputer = EMImputer(2, tol=1e-9, max_iter=1000, warm_start=True, random_state=0).fit(Y)
    objective = imputer.history_[-1]
    assert imputer.fit(Y).n_iter_ <= 2
    assert_allclose(imputer.history_[0], objective, rtol=1e-12)
    imputer.set_params(n_components=3)
    with pytest.raises(ValueError, match="warm_start goes on from the last fit"):
        imputer.fit(Y)


def test_a_warm_start_after_constant_columns_starts_anew():
    imputer = EMImputer(warm_start=True).fit(np.ones((4, 3)))
    assert_same_fit(imputer.fit(X), EMImputer().fit(X))


# What must not change an answer

COUNTS = np.random.default_rng(4).integers(1, 4, len(X))
WITH_ZEROS = COUNTS * (np.arange(len(X)) % 5 > 0)
each_shrinkage = pytest.mark.parametrize("shrinkage", [0.0, "auto"])


def exact(X, shrinkage=0.0, sample_weight=None, **arguments):
    return EMImputer(shrinkage=shrinkage, **EXACT, **arguments).fit(X, sample_weight=sample_weight)


@each_shrinkage
@each_kind
def test_weights_are_counts(kind, shrinkage):
    weighted = exact(X, shrinkage, WITH_ZEROS, covariance_type=kind)
    repeated = exact(np.repeat(X, WITH_ZEROS, axis=0), shrinkage, covariance_type=kind)
    assert_same_fit(weighted, repeated, rtol=1e-7)
    assert_allclose(
        weighted.score(X, sample_weight=WITH_ZEROS),
        repeated.score(np.repeat(X, WITH_ZEROS, axis=0)),
        rtol=1e-9,
    )


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_weight_zero_is_no_row(kind, n_components):
    kept = WITH_ZEROS > 0
    data = np.where(kept[:, None], X, 1e9)
    imputer = EMImputer(n_components, covariance_type=kind, random_state=0)
    weighted = fit_quietly(clone(imputer), data, WITH_ZEROS)
    dropped = fit_quietly(clone(imputer), X[kept], WITH_ZEROS[kept])
    assert_array_equal(weighted.history_, dropped.history_)
    assert_array_equal(weighted.means_, dropped.means_)
    assert_array_equal(weighted.covariances_, dropped.covariances_)


def test_rows_with_nothing_observed_change_nothing():
    data = np.insert(X, [0, 7, 7, len(X)], np.nan, axis=0)
    plain, imputer = EMImputer().fit(X), EMImputer().fit(data)
    assert_array_equal(imputer.history_, plain.history_)
    assert_array_equal(imputer.covariance_, plain.covariance_)
    assert imputer.shrinkage_ == plain.shrinkage_
    filled = imputer.transform(data)
    assert_allclose(filled[[0, 8, 9, -1]], np.tile(imputer.location_, (4, 1)), rtol=1e-12)


@each_shrinkage
@each_kind
def test_the_order_of_rows_and_columns_does_not_matter(kind, shrinkage):
    rows, columns = np.random.default_rng(2).permutation(len(X)), [2, 0, 1]
    plain = exact(X, shrinkage, covariance_type=kind)
    permuted = exact(X[rows][:, columns], shrinkage, covariance_type=kind)
    permuted.location_ = permuted.location_[[1, 2, 0]]
    permuted.covariance_ = permuted.covariance_[[1, 2, 0]][:, [1, 2, 0]]
    assert_same_fit(permuted, plain, rtol=1e-7)
    filled = plain.transform(X)[rows][:, columns]
    assert_allclose(permuted.transform(X[rows][:, columns]), filled, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("n_components", [1, 2])
@each_shrinkage
@each_kind
def test_units_do_not_matter(kind, shrinkage, n_components, shift):
    powers = [-30, 0, 30] if STRUCTURES[kind].scale_invariant else [30, 30, 30]
    scale = 2.0 ** np.array(powers)  # 1e-9, 1 and 1e9, nearly; exact in doubles
    imputer = EMImputer(
        n_components, covariance_type=kind, shrinkage=shrinkage, tol=1e-6, random_state=0
    )
    plain, other = clone(imputer).fit(X), clone(imputer).fit(scale * (X + shift))
    assert other.shrinkage_ == pytest.approx(plain.shrinkage_, rel=1e-9)
    assert_allclose(other.location_ / scale - shift, plain.location_, rtol=1e-6, atol=1e-6)
    back = other.covariance_ / np.outer(scale, scale)
    assert_allclose(back, plain.covariance_, rtol=1e-6, atol=1e-6)
    jacobian = -(~MISSING @ np.log(scale)).sum()
    assert_allclose(other.log_likelihood_, plain.log_likelihood_ + jacobian, rtol=1e-9)
    filled = other.transform(scale * (X + shift)) / scale - shift
    assert_allclose(filled, plain.transform(X), rtol=1e-6, atol=1e-6)


def test_picometres_and_terametres_are_only_units():
    scale = np.array([1e-9, 1.0, 1e9])
    plain, other = exact(X, "auto"), exact(scale * (X + 1e6), "auto")
    assert_allclose(other.location_ / scale - 1e6, plain.location_, rtol=1e-7, atol=1e-7)
    back = other.covariance_ / np.outer(scale, scale)
    assert_allclose(back, plain.covariance_, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_acceleration_does_not_change_the_answer(acceleration):
    assert_same_fit(exact(X, acceleration=acceleration), exact(X), rtol=1e-6)


# Filling


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_missing_cells_are_filled_with_their_conditional_means(kind, n_components):
    imputer = EMImputer(n_components, covariance_type=kind, random_state=0).fit(Y[:40])
    expected = conditional_mean(Y, *of(imputer))
    spread = np.sqrt(np.diag(imputer.covariance_))
    assert_allclose(imputer.transform(Y) / spread, expected / spread, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_a_row_is_filled_alike_alone_and_in_a_table(kind, n_components):
    imputer = EMImputer(n_components, covariance_type=kind, random_state=0).fit(Y)
    alone = np.concatenate([imputer.transform(Y[i : i + 1]) for i in range(len(Y))])
    assert_allclose(alone, imputer.transform(Y), rtol=1e-12, atol=1e-12)
    alone = np.concatenate([imputer.score_samples(Y[i : i + 1]) for i in range(len(Y))])
    assert_allclose(alone, imputer.score_samples(Y), rtol=1e-11, atol=1e-11)


ORDERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
}


@pytest.mark.parametrize("sample_posterior", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ORDERS)
def test_observed_cells_come_back_bit_for_bit(order, dtype, sample_posterior):
    rng = np.random.default_rng(5)
    data = np.where(MISSING, np.nan, rng.normal(size=X.shape) * [1e-20, 1.0, 1e20]).astype(dtype)
    data[rng.random(X.shape) < 0.05] = -0.0
    given = ORDERS[order](data)
    before = given.copy()
    imputer = EMImputer(sample_posterior=sample_posterior, random_state=0)
    out = imputer.fit(given).transform(given)
    assert out.dtype == dtype
    seen = ~np.isnan(data)
    assert out[seen].tobytes() == data[seen].tobytes()
    assert np.isfinite(out).all()
    assert_array_equal(given, before)
    plain = clone(imputer).fit(data).transform(data)
    assert_allclose(out, plain, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_complete_table_comes_back_as_a_copy():
    imputer = EMImputer().fit(X)
    out = imputer.transform(N)
    assert out is not N and not np.shares_memory(out, N)
    assert_array_equal(out, N)


@pytest.mark.parametrize("n_components", [1, 3])
@each_kind
def test_scores_are_log_densities_of_the_observed_cells(kind, n_components):
    imputer = EMImputer(n_components, covariance_type=kind, random_state=0).fit(Y[:40])
    data = np.r_[Y, np.full((1, 3), np.nan)]
    expected = logsumexp(log_joint(data, *of(imputer)), axis=0)
    assert_allclose(imputer.score_samples(data), expected, rtol=1e-8, atol=1e-8)
    assert_allclose(imputer.score(data), expected.mean(), rtol=1e-9)
    weights = np.arange(len(data)) % 3
    expected = np.average(expected, weights=weights)
    assert_allclose(imputer.score(data, sample_weight=weights), expected, rtol=1e-9)
    assert_allclose(imputer.score_samples(data)[-1], 0.0, atol=1e-13)


@each_kind
def test_location_and_covariance_are_the_moments_of_the_mixture(kind):
    imputer = EMImputer(3, covariance_type=kind, random_state=0).fit(Y)
    weights, means, covariances = of(imputer)
    location = weights @ means
    second = covariances + means[:, :, None] * means[:, None, :]
    covariance = np.einsum("k,kij->ij", weights, second) - np.outer(location, location)
    assert_allclose(imputer.location_, location, rtol=1e-12)
    assert_allclose(imputer.covariance_, covariance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_a_mixture_at_the_same_parameters_fills_alike(kind, n_components):
    imputer = EMImputer(n_components, covariance_type=kind, random_state=0).fit(Y)
    independent = STRUCTURES[kind].layout.independent
    precisions = (np.reciprocal if independent else np.linalg.inv)(imputer.covariances_)
    mixture = EMGaussianMixture(
        n_components,
        covariance_type=kind,
        weights_init=imputer.weights_,
        means_init=imputer.means_,
        precisions_init=precisions,
        reg_covar=0.0,
        max_iter=0,
    ).fit(Y)
    assert_allclose(imputer.transform(Y), mixture.impute(Y), rtol=1e-8, atol=1e-8)
    assert_allclose(imputer.score(Y), mixture.score(Y), rtol=1e-10)


# Draws


def drawing(X, seed=0, n_components=1, **arguments):
    imputer = EMImputer(n_components, sample_posterior=True, random_state=seed, **arguments)
    return imputer.fit(X)


@pytest.mark.parametrize("limits", [{}, {"min_value": -0.5, "max_value": 2.5}])
@pytest.mark.parametrize("n_components", [1, 2])
def test_the_same_seed_draws_the_same(n_components, limits):
    imputer = drawing(Y, 0, n_components, **limits)
    first = imputer.transform(Y)
    assert_array_equal(imputer.transform(Y), first)
    assert_array_equal(imputer.fit(Y).transform(Y), first)
    assert_array_equal(clone(imputer).fit_transform(Y), first)
    other = imputer.set_params(random_state=1).transform(Y)
    assert (other != first)[np.isnan(Y)].any()
    assert_array_equal(other[~np.isnan(Y)], Y[~np.isnan(Y)])


def test_no_seed_draws_anew_at_every_call():
    for source in (None, np.random.RandomState(0)):
        imputer = drawing(X, source)
        first, second = imputer.transform(X), imputer.transform(X)
        assert (first != second)[MISSING].all()
        assert_array_equal(first[~MISSING], X[~MISSING])


def assert_same_moments(draws, mean, covariance):
    """Sample moments within five of their standard errors."""
    n, variances = len(draws), np.diag(covariance)
    z = (draws.mean(axis=0) - mean) / np.sqrt(variances / n)
    assert np.abs(z).max() < 5.0
    error = np.sqrt((np.outer(variances, variances) + covariance**2) / n)
    z = (np.atleast_2d(np.cov(draws.T, ddof=0)) - covariance) / error
    assert np.abs(z).max() < 5.0


@each_kind
def test_draws_have_the_moments_of_the_conditional_distribution(kind):
    data = punched(complete_table(80, 4, seed=6), 0.2)
    imputer = drawing(data, covariance_type=kind)
    row = np.array([0.3, np.nan, np.nan, 1.0])
    draws = imputer.transform(np.tile(row, (40_000, 1)))
    mean, covariance = conditional(row, imputer.location_, imputer.covariance_)
    assert_same_moments(draws[:, 1:3], mean, covariance)


def test_few_rows_that_miss_different_numbers_of_cells_are_drawn_together():
    imputer = drawing(punched(complete_table(80, 4, seed=6), 0.2))
    nan = np.nan
    rows = np.array([[0.3, nan, 2.0, 1.0], [nan, 1.0, nan, 1.0], [nan, nan, nan, 1.0]])
    draws = imputer.transform(np.tile(rows, (300, 1)))
    for i, row in enumerate(rows):
        mean, covariance = conditional(row, imputer.location_, imputer.covariance_)
        assert_same_moments(draws[i::3, np.isnan(row)], mean, covariance)


def assert_distributed(draws, cdf):
    """Kolmogorov's distance, which exceeds this once in 100 000 samples."""
    assert kstest(draws, cdf).statistic < 2.5 / np.sqrt(len(draws))


@each_kind
def test_draws_of_a_mixture_have_its_conditional_distribution(kind):
    imputer = drawing(Y, 0, 2, covariance_type=kind)
    row = np.array([2.0, np.nan, 0.5])
    draws = imputer.transform(np.tile(row, (20_000, 1)))[:, 1]
    weights, means, covariances = of(imputer)
    resp = softmax(log_joint(row[None], weights, means, covariances), axis=0)[:, 0]
    parts = [conditional(row, *part) for part in zip(means, covariances, strict=True)]

    centres = np.array([mean[0] for mean, _ in parts])
    deviations = np.sqrt([covariance[0, 0] for _, covariance in parts])
    assert_distributed(draws, lambda x: norm.cdf(x[:, None], centres, deviations) @ resp)


@pytest.mark.parametrize("limits", [(-0.2, 0.3), (2.0, np.inf), (-np.inf, -4.0), (6.0, 6.1)])
def test_draws_of_one_column_are_truncated(limits):
    data = complete_table(60, 1)
    imputer = drawing(data, min_value=limits[0], max_value=limits[1])
    draws = imputer.transform(np.full((10_000, 1), np.nan))[:, 0]
    mean, deviation = imputer.location_[0], np.sqrt(imputer.covariance_[0, 0])
    low, high = (np.array(limits) - mean) / deviation
    assert_distributed(draws, truncnorm(low, high, mean, deviation).cdf)
    assert ((limits[0] <= draws) & (draws <= limits[1])).all()


@pytest.mark.parametrize("correlation", [0.9, 0.999])
def test_draws_of_correlated_columns_are_truncated(correlation):
    """Of (x, y) beyond 3, x has the density of x alone times the chance of y given x."""
    root = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    data = np.random.default_rng(0).normal(size=(2000, 2)) @ root.T
    imputer = drawing(data, shrinkage=0.0, min_value=3.0)
    draws = imputer.transform(np.full((4000, 2), np.nan))
    assert (draws >= 3.0).all()

    (a, b), covariance = imputer.location_, imputer.covariance_
    grid = np.linspace(3.0, 9.0, 20_000)
    slope = covariance[0, 1] / covariance[0, 0]
    rest = np.sqrt(covariance[1, 1] - slope * covariance[0, 1])
    density = norm.pdf(grid, a, np.sqrt(covariance[0, 0]))
    density *= norm.sf(3.0, b + slope * (grid - a), rest)
    total = np.cumsum(density)
    assert_distributed(draws[:, 0], lambda x: np.interp(x, grid, total / total[-1]))


def test_draws_of_a_mixture_are_truncated():
    """Beyond the limit there is nearly only the light component."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(1000, 1)) + 10.0 * (np.arange(1000) % 20 == 0)[:, None]
    imputer = drawing(data, 0, 2, shrinkage=0.0, min_value=8.0)
    draws = imputer.transform(np.full((4000, 1), np.nan))[:, 0]
    weights, means, covariances = of(imputer)
    means, deviations = means[:, 0], np.sqrt(covariances[:, 0, 0])

    def beyond(x):
        return norm.sf(np.expand_dims(x, -1), means, deviations) @ weights

    assert_distributed(draws, lambda x: 1.0 - beyond(x) / beyond(8.0))


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_equal_limits_leave_one_value(sample_posterior):
    imputer = EMImputer(
        sample_posterior=sample_posterior, min_value=1.5, max_value=1.5, random_state=0
    )
    assert_array_equal(imputer.fit_transform(X), np.where(MISSING, 1.5, X))


def test_conditional_means_are_clipped():
    low, high = np.array([0.0, -np.inf, 1.8]), np.array([0.1, 1.0, np.inf])
    plain = EMImputer().fit_transform(X)
    for limits in ((low, high), (low.tolist(), high.tolist())):
        clipped = EMImputer(min_value=limits[0], max_value=limits[1]).fit_transform(X)
        assert_array_equal(clipped, np.where(MISSING, np.clip(plain, low, high), X))
    assert (np.clip(plain, low, high) != plain)[MISSING].any()


def test_draws_keep_to_the_limits_of_their_column():
    low, high = np.array([0.0, -np.inf, 1.8]), np.array([0.1, 1.0, np.inf])
    drawn = drawing(X, min_value=low, max_value=high).transform(X)
    assert ((low <= drawn) & (drawn <= high))[MISSING].all()
    assert_array_equal(drawn[~MISSING], X[~MISSING])
    assert (drawn != EMImputer(min_value=low, max_value=high).fit_transform(X))[MISSING].any()


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("sample_posterior", [False, True])
@pytest.mark.parametrize("column", [np.nan, 7.0])
def test_limits_are_those_of_the_columns_of_fit(column, sample_posterior):
    limits = np.array([[0.0, -np.inf, 1.8], [0.1, 1.0, np.inf]])
    imputer = EMImputer(sample_posterior=sample_posterior, random_state=0)
    plain = clone(imputer).set_params(min_value=limits[0], max_value=limits[1]).fit_transform(X)
    low, high = np.insert(limits, 0, 4.0, axis=1)
    wide = imputer.set_params(min_value=low, max_value=high)
    out = wide.fit_transform(np.insert(X, 0, column, axis=1))
    assert_allclose(out[:, -3:], plain, rtol=1e-9)


def test_a_limit_that_is_none_is_no_limit():
    plain = EMImputer().fit_transform(X)
    assert_array_equal(EMImputer(min_value=None, max_value=None).fit_transform(X), plain)
    drawn = drawing(X).transform(X)
    assert_array_equal(drawing(X, min_value=None, max_value=None).transform(X), drawn)


def test_constant_columns_are_filled_within_the_limits():
    data = np.c_[X, np.where(np.arange(len(X)) % 2, 7.0, np.nan)]
    filled = EMImputer(max_value=[np.inf, np.inf, np.inf, 5.0]).fit_transform(data)
    assert_array_equal(filled[:, 3], np.where(np.arange(len(X)) % 2, 7.0, 5.0))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"min_value": 2.0, "max_value": 1.0}, "min_value should not exceed max_value"),
        ({"min_value": [0, 0, 3], "max_value": 1}, "Got 3.0 and 1.0 for feature 2"),
        ({"max_value": np.nan}, "min_value should not exceed max_value"),
        ({"min_value": [0.0, 1.0]}, r"min_value should be a number or have the shape \(3,\)"),
        ({"max_value": [[0.0], [1.0], [2.0]]}, r"Got shape \(3, 1\)"),
        ({"min_value": "low"}, "'min_value' parameter of EMImputer must be"),
        ({"max_value": ["a", "b", "c"]}, "could not convert string to float"),
    ],
)
def test_bad_limits(limits, message):
    with pytest.raises(ValueError, match=message):
        EMImputer(**limits).fit(X)


def test_bad_limits_are_found_after_fit_too():
    imputer = EMImputer().fit(X).set_params(min_value=[1.0, 2.0])
    with pytest.raises(ValueError, match="min_value should be a number"):
        imputer.transform(X)


# Multiple imputation


def multiple(X, n_imputations=5, **arguments):
    return EMImputer(**{"random_state": 0, **arguments}).multiple_impute(X, n_imputations)


@pytest.mark.parametrize("n_components", [1, 2])
@each_kind
def test_imputations_differ_where_cells_are_missing_and_only_there(kind, n_components):
    tables = multiple(Y, 4, n_components=n_components, covariance_type=kind)
    assert len(tables) == 4
    spread = np.std(tables, axis=0)
    assert (spread[np.isnan(Y)] > 0.0).all()
    for table in tables:
        assert_array_equal(table[~np.isnan(Y)], Y[~np.isnan(Y)])


def test_imputations_leave_the_estimator_alone():
    for imputer in (EMImputer(random_state=0), EMImputer(random_state=0).fit(X[:30])):
        before = joblib.hash(vars(imputer))
        imputer.multiple_impute(X, 2)
        assert joblib.hash(vars(imputer)) == before


def test_imputations_do_not_depend_on_what_was_fitted():
    fitted = EMImputer(random_state=0, warm_start=True).fit(Y)
    for ours, theirs in zip(fitted.multiple_impute(X, 2), multiple(X, 2), strict=True):
        assert_array_equal(ours, theirs)


def test_the_same_seed_imputes_the_same():
    first = multiple(X, 3)
    assert_array_equal(multiple(X, 3), first)
    given = EMImputer(random_state=7).multiple_impute(X, 3, random_state=0)
    assert_array_equal(given, first)
    assert not np.array_equal(multiple(X, 3, random_state=1), first)


def test_processes_impute_the_same():
    alone, together = multiple(X, 3), multiple(X, 3, n_jobs=2)
    assert_allclose(together, alone, rtol=1e-9, atol=1e-9)


def test_threads_impute_the_same_and_leave_the_warnings_on():
    filters = list(warnings.filters)
    alone = multiple(X, 8)
    with joblib.parallel_config("threading"):
        together = multiple(X, 8, n_jobs=4)
    assert_allclose(together, alone, rtol=1e-9, atol=1e-9)
    assert warnings.filters == filters


@pytest.mark.parametrize("n_imputations", [0, -1, 2.0])
def test_the_number_of_imputations_is_positive(n_imputations):
    with pytest.raises(ValueError, match="n_imputations must be an int, at least 1"):
        multiple(X, n_imputations)


def test_imputations_keep_to_the_limits():
    for table in multiple(X, 3, min_value=0.0, max_value=0.5):
        assert ((0.0 <= table) & (table <= 0.5))[MISSING].all()


def test_columns_with_few_values_vary_in_every_fit():
    data = X.copy()
    data[2:, 0] = np.nan
    data[:2, 0] = [1.0, 2.0]
    tables = multiple(data, 8)
    assert np.isfinite(tables).all()
    assert (np.std(tables, axis=0)[2:, 0] > 0.0).all()


def test_as_many_components_as_a_resample_can_bear():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        tables = multiple(X[:20], 4, n_components=12, covariance_type="diag")
    assert np.isfinite(tables).all()


def test_pooled_means_know_how_much_is_missing():
    """With one column the variance of its mean is that of the mean of its observed cells."""
    column = complete_table(100, 1)
    column[::2] = np.nan
    observed = column[1::2, 0]
    tables = np.array(multiple(column, 200))[:, :, 0]
    pooled = pool_estimates(tables.mean(axis=1), tables.var(axis=1, ddof=1) / 100)
    truth = observed.var(ddof=1) / len(observed)
    assert_allclose(pooled.variance, truth, rtol=0.25)
    assert abs(pooled.estimate - observed.mean()) < 5.0 * np.sqrt(truth / 200)
    assert_allclose(pooled.fraction_missing, 0.5, atol=0.15)


# Degenerate data

rng = np.random.default_rng(7)
normal = rng.normal
COLLINEAR = punched(np.c_[N, N @ [1.0, -2.0, 0.5]], 0.15, seed=8)
SPARSE = X.copy()
SPARSE[1:, 0] = np.nan
SPARSE[0, 0] = 3.0
APART = N.copy()
APART[:30, 1] = np.nan
APART[30:, 2] = np.nan
NOTHING = "Nothing is observed in feature"
NO_MAXIMUM = "no finite maximum at shrinkage=0"
NOT_TOGETHER = "never observed together"

#: Data, arguments, and the warning that is due, or None.
DEGENERATE = {
    "constant column": (np.c_[X, np.full(60, 7.0)], {}, None),
    "constant column with holes": (np.c_[X, np.where(X[:, 0] > 0.0, 1e9, np.nan)], {}, None),
    "all constant": (np.full((6, 2), 0.1), {}, None),
    "all constant, two components": (np.full((6, 2), 0.1), {"n_components": 2}, None),
    "empty column": (np.c_[X, np.full(60, np.nan)], {}, rf"{NOTHING}\(s\) 3: they are dropped"),
    "empty column kept": (
        np.c_[X, np.full(60, np.nan)],
        {"keep_empty_features": True},
        rf"{NOTHING}\(s\) 3: they are kept and filled with 0",
    ),
    "empty rows": (np.r_[X, np.full((20, 3), np.nan)], {}, None),
    "duplicate columns": (np.c_[X, X[:, 0]], {}, None),
    "duplicate columns, other holes": (np.c_[X, N[:, 0]], {}, None),
    "duplicate columns unshrunk": (np.c_[X, X[:, 0]], {"shrinkage": 0.0}, NO_MAXIMUM),
    "collinear columns": (COLLINEAR, {}, None),
    "collinear columns unshrunk": (COLLINEAR, {"shrinkage": 0.0}, NO_MAXIMUM),
    "collinear and complete": (np.c_[N, N.sum(axis=1)], {"shrinkage": 0.0}, NO_MAXIMUM),
    "more columns than rows": (punched(normal(size=(20, 50)), 0.1), {}, None),
    "more columns than rows unshrunk": (
        punched(normal(size=(20, 50)), 0.1),
        {"shrinkage": 0.0},
        NO_MAXIMUM,
    ),
    "more columns than rows, diagonal": (
        punched(normal(size=(20, 50)), 0.1),
        {"shrinkage": 0.0, "covariance_type": "diag"},
        None,
    ),
    "more columns than rows, two components": (
        punched(normal(size=(20, 50)), 0.1),
        {"n_components": 2},
        None,
    ),
    "one row": (np.array([[1.0, -2.0, 3.0]]), {}, None),
    "one row with a hole": (np.array([[1.0, np.nan, 3.0]]), {}, NOTHING),
    "two rows": (np.array([[1.0, 2.0], [2.0, 5.0]]), {}, None),
    "two rows unshrunk": (np.array([[1.0, 2.0], [2.0, 5.0]]), {"shrinkage": 0.0}, NO_MAXIMUM),
    "two rows with a hole": (np.array([[1.0, 2.0], [2.0, np.nan]]), {}, None),
    "two rows, two components": (np.array([[1.0, 2.0], [2.0, 5.0]]), {"n_components": 2}, None),
    "nothing missing": (N, {}, None),
    "one feature": (X[:, :1], {}, None),
    "one value in a column": (SPARSE, {}, None),
    "everything missing": (np.full((5, 3), np.nan), {}, rf"{NOTHING}\(s\) 0, 1, 2"),
    "everything missing and kept": (
        np.full((5, 3), np.nan),
        {"keep_empty_features": True},
        rf"{NOTHING}\(s\) 0, 1, 2: they are kept",
    ),
    "columns never together": (APART, {}, rf"1 pair\(s\).*{NOT_TOGETHER}: \(1, 2\)"),
    "columns never together unshrunk": (APART, {"shrinkage": 0.0}, NOT_TOGETHER),
    "columns never together, two components": (APART, {"n_components": 2}, NOT_TOGETHER),
    "as many components as rows": (X[:8], {"n_components": 8}, None),
    "more components than clusters unshrunk": (
        X[:20],
        {"n_components": 6, "shrinkage": 0.0, "covariance_type": "diag"},
        NO_MAXIMUM,
    ),
    "many components": (X, {"n_components": 20}, None),
    "one outlier": (np.r_[X, [[1e6, np.nan, 1e6]]], {"n_components": 2}, None),
    "far from zero and thin": (X * 1e-3 + 1e6, {}, None),
}
each_degenerate = pytest.mark.parametrize(
    ("data", "arguments", "message"), DEGENERATE.values(), ids=DEGENERATE
)


def assert_is_sound(imputer, data):
    """Every answer is finite, and a proper distribution; observed cells are as they were."""
    for name in ["weights_", "means_", "covariances_", "location_", "covariance_", "history_"]:
        assert np.isfinite(getattr(imputer, name)).all(), name
    assert np.isfinite(imputer.log_likelihood_)
    assert np.isfinite(imputer.score_samples(data)).all()
    assert 0.0 <= imputer.shrinkage_ <= 1.0
    assert_allclose(imputer.weights_.sum(), 1.0, rtol=1e-12)
    history = imputer.history_
    assert (np.diff(history) >= -1e-12 * np.abs(history[1:])).all()
    spread = np.sqrt(np.diag(imputer.covariance_))
    spread[spread == 0.0] = 1.0
    correlations = imputer.covariance_ / np.outer(spread, spread)
    assert (np.linalg.eigvalsh(correlations) > -1e-12).all()
    filled = imputer.transform(data)
    assert np.isfinite(filled).all()
    if imputer.keep_empty_features or not np.isnan(data).all(axis=0).any():
        assert_array_equal(filled[~np.isnan(data)], data[~np.isnan(data)])


@each_degenerate
def test_degenerate_data(data, arguments, message):
    imputer = EMImputer(random_state=0, **arguments)
    # Any other warning is an error.
    with pytest.warns(DataWarning, match=message) if message else nullcontext():
        imputer.fit(data)
    assert_is_sound(imputer, data)


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@each_degenerate
def test_draws_from_degenerate_data(data, arguments, message):
    imputer = EMImputer(random_state=0, sample_posterior=True, **arguments).fit(data)
    assert_is_sound(imputer, data)
    imputer.set_params(min_value=np.nan_to_num(np.fmin.reduce(data, axis=None)) - 1.0)
    assert_is_sound(imputer, data)


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_degenerate
def test_multiple_imputations_of_degenerate_data(data, arguments, message):
    imputer = EMImputer(random_state=0, **arguments)
    width = imputer.fit_transform(data).shape
    for table in imputer.multiple_impute(data, 2):
        assert table.shape == width
        assert np.isfinite(table).all()


def test_constant_columns_are_filled_with_their_value():
    data = np.c_[X, np.where(X[:, 0] > 0.0, 7.0, np.nan), np.full(60, 0.1)]
    imputer, plain = EMImputer().fit(data), EMImputer().fit(X)
    filled = imputer.transform(data)
    assert_allclose(filled[:, :3], plain.transform(X), rtol=1e-12)
    assert_array_equal(filled[:, 3:], np.tile([7.0, 0.1], (60, 1)))
    assert_array_equal(imputer.covariance_[3:], 0.0)
    assert_allclose(imputer.covariance_[:3, :3], plain.covariance_, rtol=1e-12)
    assert_allclose(imputer.location_, [*plain.location_, 7.0, 0.1], rtol=1e-12)
    assert_allclose(imputer.log_likelihood_, plain.log_likelihood_, rtol=1e-12)


def test_empty_columns_are_dropped_or_filled_with_zero():
    data = np.insert(X, 1, np.nan, axis=1)
    plain = EMImputer().fit_transform(X)
    with pytest.warns(DataWarning, match=NOTHING):
        dropped = EMImputer().fit_transform(data)
    assert_allclose(dropped, plain, rtol=1e-12)
    with pytest.warns(DataWarning, match=NOTHING):
        kept = EMImputer(keep_empty_features=True).fit_transform(data)
    assert_allclose(kept, np.insert(plain, 1, 0.0, axis=1), rtol=1e-12)


def test_an_empty_column_that_is_kept_may_come_with_values_later():
    data = np.insert(X, 1, np.nan, axis=1)
    with pytest.warns(DataWarning, match=NOTHING):
        imputer = EMImputer(keep_empty_features=True).fit(data)
    later = np.insert(X, 1, 4.0, axis=1)
    assert_array_equal(imputer.transform(later)[:, 1], 4.0)


def test_cells_may_be_missing_at_transform_that_were_not_at_fit():
    imputer = EMImputer(shrinkage=0.0).fit(N)
    expected = conditional_mean(X, np.ones(1), N.mean(axis=0)[None], np.cov(N.T, ddof=0)[None])
    assert_allclose(imputer.transform(X), expected, rtol=1e-9, atol=1e-9)
    assert_allclose(imputer.transform(np.full((1, 3), np.nan))[0], N.mean(axis=0), rtol=1e-12)


def test_collinear_columns_are_filled_from_each_other():
    imputer = EMImputer(shrinkage=1e-9, max_iter=1000).fit(COLLINEAR)
    one = np.isnan(COLLINEAR).sum(axis=1) == 1
    truth = np.c_[N, N @ [1.0, -2.0, 0.5]]
    assert_allclose(imputer.transform(COLLINEAR)[one], truth[one], atol=1e-4)


def test_every_pair_that_is_never_observed_together_is_counted():
    data = np.full((8, 4), np.nan)
    data[np.arange(8), np.arange(8) % 4] = normal(size=8)
    with pytest.warns(DataWarning, match=r"6 pair\(s\).*\(0, 1\), \(0, 2\), \(0, 3\), \.\.\."):
        imputer = EMImputer().fit(data)
    assert_is_sound(imputer, data)


@pytest.mark.parametrize("sample_weight", [None, np.arange(60) < 4])
def test_more_components_than_rows(sample_weight):
    rows = X if sample_weight is not None else X[:4]
    with pytest.raises(ValueError, match=r"n_components = 5, n_samples = 4"):
        EMImputer(5).fit(rows, sample_weight=sample_weight)
    with pytest.raises(ValueError, match=r"n_components = 5, n_samples = 4"):
        EMImputer(5).fit(np.r_[X[:4], np.full((3, 3), np.nan)])


def test_a_fit_that_stops_early_says_so():
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        imputer = EMImputer(max_iter=1, tol=0.0).fit(X)
    assert not imputer.converged_
    assert not EMImputer(max_iter=0).fit(X).converged_


def test_a_collapse_under_hardly_any_shrinkage_is_told_in_terms_of_shrinkage():
    with pytest.warns((ConvergenceWarning, DataWarning)) as record:
        imputer = EMImputer(shrinkage=1e-18).fit(np.c_[X, N[:, 0]])
    assert np.isfinite(imputer.covariance_).all()
    for warning in record:
        assert "reg_covar" not in str(warning.message)  # EMImputer has no such argument


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("empty column", {}),
        ("columns never together", {}),
        ("collinear columns unshrunk", {"shrinkage": 0.0}),
    ],
)
def test_warnings_point_at_the_line_that_fits(name, arguments):
    with pytest.warns(DataWarning) as record:
        EMImputer(**arguments).fit(DEGENERATE[name][0])
    assert record[0].filename == __file__
