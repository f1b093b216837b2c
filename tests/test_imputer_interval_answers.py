"""EMImputer on cells known to an interval: direct maximisation, and tobit regressions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emkit import EMCensoredRegressor, EMImputer

NAMES = ("one_limit_2d", "two_limits_3d", "tobit_1d", "bands_only_2d")


def tightly(**arguments):
    return EMImputer(shrinkage=0.0, tol=1e-12, max_iter=2000, **arguments)


def as_text(cell):
    """A cell of a golden table, as a laboratory writes it."""
    if isinstance(cell, list):
        low, high = cell
        return f"<{high}" if low is None else f">{low}" if high is None else f"{low}..{high}"
    return None if cell is None else str(cell)


def table_of(case):
    """Rows as text, and their weights."""
    if "rows" in case:
        rows, counts = case["rows"], None
    else:
        ends = [[None, *edges, None] for edges in case["edges"]]
        bands = [list(map(list, zip(e[:-1], e[1:], strict=True))) for e in ends]
        rows = [[first, second] for first in bands[0] for second in bands[1]]
        counts = np.ravel(case["counts"])
    return np.array([[as_text(cell) for cell in row] for row in rows], dtype=object), counts


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_direct_maximisation(golden, name):
    case = golden("detection_limits.json")["cases"][name]
    X, counts = table_of(case)
    imputer = tightly().fit(X, sample_weight=counts)
    assert_allclose(imputer.log_likelihood_, case["loglik"], rtol=0, atol=1e-6)
    assert_allclose(imputer.location_, case["mean"], rtol=0, atol=1e-5)
    assert_allclose(imputer.covariance_, case["cov"], rtol=0, atol=1e-5)
    n = len(X) if counts is None else counts.sum()
    assert_allclose(imputer.score(X, sample_weight=counts) * n, case["loglik"], atol=1e-6)
    filled = imputer.transform(X)
    for row, column, mean, *_ in [*case.get("interval_cells", []), *case.get("missing_cells", [])]:
        assert_allclose(filled[row, column], mean, rtol=0, atol=1e-5)
    errors = imputer.standard_errors(X, sample_weight=counts)
    assert_allclose(errors.location, case["se_mean"], rtol=1e-3)
    lower = np.tril_indices(X.shape[1])
    assert_allclose(errors.covariance[lower], case["se_cov_lower"], rtol=1e-3)


def test_one_column_is_a_censored_regression_on_nothing(golden):
    X, _ = table_of(golden("detection_limits.json")["cases"]["tobit_1d"])
    y = X[[cell is not None for cell in X[:, 0]], 0]
    regressor = EMCensoredRegressor(tol=1e-14).fit(np.empty((len(y), 0)), y)
    imputer = tightly().fit(X)
    assert_allclose(imputer.location_, regressor.intercept_, rtol=1e-7)
    assert_allclose(np.sqrt(imputer.covariance_[0, 0]), regressor.scale_, rtol=1e-7)
    assert_allclose(imputer.log_likelihood_, regressor.log_likelihood_, rtol=1e-10)


@pytest.mark.parametrize("log", [False, True])
def test_two_columns_of_which_one_is_complete_are_a_tobit_regression(log):
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    latent = 0.5 + 0.8 * x + rng.normal(size=80)
    X = np.column_stack([x, np.exp(latent) if log else latent])
    limit = np.quantile(X[:, 1], 0.4)
    imputer = tightly(lower_limits=[np.nan, limit], log=[False, log]).fit(X)
    y, left = (np.log(X[:, 1]), np.log(limit)) if log else (X[:, 1], limit)
    regressor = EMCensoredRegressor(left=left, tol=1e-14).fit(x[:, None], np.maximum(y, left))
    (mean, intercept), covariance = imputer.location_, imputer.covariance_
    slope = covariance[0, 1] / covariance[0, 0]
    assert_allclose(slope, regressor.coef_[0], rtol=1e-5)
    assert_allclose(intercept - slope * mean, regressor.intercept_, rtol=1e-5)
    residual = covariance[1, 1] - slope * covariance[0, 1]
    assert_allclose(np.sqrt(residual), regressor.scale_, rtol=1e-5)


def test_draws_are_on_average_what_is_filled_in():
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal(np.zeros(3), 0.3 * np.eye(3) + 0.7, 200)
    imputer = EMImputer(2, lower_limits=[-0.3, -0.3, np.nan], random_state=0).fit(X)
    rows = np.array([[-1.0, -1.0, 0.5], [-1.0, np.nan, np.nan], [-1.0, 2.0, np.nan]])
    means = imputer.transform(rows)
    drawn = imputer.set_params(sample_posterior=True).transform(np.repeat(rows, 1500, axis=0))
    drawn = drawn.reshape(3, 1500, 3)
    error = drawn.std(axis=1) / np.sqrt(1500.0)
    assert (np.abs(drawn.mean(axis=1) - means) <= 4.5 * error + 1e-12).all()
