"""multiple_impute: rare values, weights, new rows, and the spread that it is there for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

from emkit import EMImputer, pool_estimates
from emkit.imputation.multiple import bootstrap_weights

few = settings(max_examples=20, deadline=None, derandomize=True)


def table(n=120, seed=0, share=0.2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) @ (np.eye(3) + 0.5 * rng.normal(size=(3, 3))) + [0.0, 5.0, -3.0]
    X[rng.random(X.shape) < share] = np.nan
    return X


X = table()


def multiple(X, n=4, *, imputer=None, **arguments):
    imputer = EMImputer(random_state=0) if imputer is None else imputer
    return imputer.multiple_impute(X, n, **arguments)


# Weights


@given(st.integers(0, 10**6), st.sampled_from(["ones", "counts", "reals"]))
@few
def test_weights_keep_their_sum_and_every_row(seed, kind):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    s = {"ones": np.ones(n), "counts": rng.integers(0, 5, n), "reals": rng.exponential(size=n)}
    frequencies = np.asarray(s[kind], dtype=float) + (np.arange(n) == 0)
    weights = bootstrap_weights(frequencies, rng)
    assert_allclose(weights.sum(), frequencies.sum(), rtol=1e-12)
    assert_array_equal(weights > 0.0, frequencies > 0.0)


def test_weights_are_a_dirichlet_draw():
    """The share of a row that stands for a of n rows is Beta(a, n - a)."""
    rng = np.random.default_rng(0)
    frequencies = np.array([1.0, 3.0, 2.5, 0.0])
    shares = np.array([bootstrap_weights(frequencies, rng) for _ in range(4000)]) / 6.5
    for share, a in zip(shares.T[:3], frequencies, strict=False):
        assert kstest(share, "beta", (a, 6.5 - a)).pvalue > 1e-3
    assert not shares[:, 3].any()


# Rare values


@pytest.mark.parametrize("n_rare", [1, 10, 30])
def test_columns_with_a_single_one_are_imputed_with_the_rest(n_rare):
    cells = table(200, share=0.1)
    rare = np.zeros((200, n_rare))
    rare[np.arange(n_rare), np.arange(n_rare)] = 1.0
    rare[100:110] = np.nan
    whole = np.hstack([cells, rare])
    tables = multiple(whole)
    for filled in tables:
        assert np.isfinite(filled).all()
        assert_array_equal(filled[~np.isnan(whole)], whole[~np.isnan(whole)])
    assert (np.std(tables, axis=0)[np.isnan(whole)] > 0.0).all()


# Which rows are fitted


def test_new_rows_are_imputed_under_fits_to_others():
    new = table(5, seed=1, share=0.5)
    tables = multiple(new, 8, X_fit=X)
    assert {filled.shape for filled in tables} == {new.shape}
    assert (np.std(tables, axis=0)[np.isnan(new)] > 0.0).all()
    for filled in tables:
        assert_array_equal(filled[~np.isnan(new)], new[~np.isnan(new)])
    other = new.copy()
    other[1:] += 100.0  # the other new rows tell nothing
    for ours, theirs in zip(tables, multiple(other, 8, X_fit=X), strict=True):
        assert_array_equal(ours[0], theirs[0])


def test_rows_to_fit_may_be_the_rows_to_impute():
    for ours, theirs in zip(multiple(X, X_fit=X), multiple(X), strict=True):
        assert_array_equal(ours, theirs)


def test_a_row_of_weight_0_is_imputed_and_not_fitted():
    new = table(5, seed=1, share=0.5)
    weight = np.r_[np.ones(len(X)), np.zeros(5)]
    tables = multiple(np.vstack([X, new]), sample_weight=weight)
    other = multiple(np.vstack([X, 10.0 * new]), sample_weight=weight)
    for ours, theirs in zip(tables, other, strict=True):
        assert_array_equal(ours[:-5], theirs[:-5])
        assert np.isfinite(ours).all()


def test_a_new_row_is_drawn_with_the_variance_of_fits_and_residuals():
    """The predictive variance of a regression, approximately (X determines it but for the fits)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = 2.0 * x + rng.normal(size=40)
    new = np.array([[3.0, np.nan]])
    drawn = np.array(multiple(new, 400, X_fit=np.c_[x, y]))[:, 0, 1]
    design = np.c_[np.ones(40), x]
    line, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    far = 1.0 + np.array([1.0, 3.0]) @ np.linalg.inv(design.T @ design) @ [1.0, 3.0]
    assert_allclose(drawn.mean(), line @ [1.0, 3.0], atol=0.25)
    assert_allclose(drawn.var(), residual[0] / 38 * far, rtol=0.25)


def test_effects_of_categories_cost_degrees_of_freedom():
    """The predictive variance of an analysis of variance: of n rows, L were spent on the means."""
    rng = np.random.default_rng(0)
    n, L = 120, 12
    level = np.arange(n) % L
    y = 10.0 * rng.normal(size=L)[level] + rng.normal(size=n)
    means = np.array([y[level == k].mean() for k in range(L)])
    variance = ((y - means[level]) ** 2).sum() / (n - L)
    names = np.array([f"L{k:02d}" for k in range(L)])
    frame = pd.DataFrame({"c": names[level], "y": y})
    new = pd.DataFrame({"c": names, "y": np.full(L, np.nan)})
    tables = multiple(new, 200, X_fit=frame)
    drawn = np.array([filled["y"] for filled in tables])
    spread = ((drawn - drawn.mean(axis=0)) ** 2).sum() / (len(drawn) - 1) / L
    assert_allclose(spread, variance * (1.0 + L / n), rtol=0.07)


def test_frequencies_are_rows_that_stand_several_times():
    """Estimates and their spread are those of the repeated table, up to what is random."""
    rng = np.random.default_rng(0)
    column = rng.normal(size=(40, 1))
    column[::2] = np.nan
    counts = np.tile([1, 1, 3, 3], 10)
    repeated = np.repeat(column, counts, axis=0)
    observed = repeated[~np.isnan(repeated)]

    def pooled(tables):
        estimates = [np.average(t[:, 0], weights=counts) for t in tables]
        return pool_estimates(estimates, np.full(len(tables), observed.var() / counts.sum()))

    weighted = pooled(multiple(column, 300, sample_weight=counts))
    assert_allclose(weighted.estimate, observed.mean(), atol=0.05)
    unweighted = pooled(multiple(column, 300))
    assert abs(weighted.estimate - observed.mean()) < abs(unweighted.estimate - observed.mean())


def test_frames_go_in_and_come_out():
    frame = pd.DataFrame(X, columns=list("abc"))
    new = pd.DataFrame(table(4, 1, 0.5), index=list("wxyz"), columns=list("abc"))
    imputer = EMImputer(random_state=0).set_output(transform="pandas")
    for filled in multiple(new, imputer=imputer, X_fit=frame):
        assert filled.index.equals(new.index)
        assert filled.columns.equals(new.columns)


class Slices:
    """Rows that are read by slices."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __getitem__(self, rows):
        return self.X[rows]

    def __len__(self):
        return len(self.X)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_new_rows_may_lie_anywhere(n_jobs):
    new = table(50, seed=1, share=0.5)
    imputer = EMImputer(random_state=0, n_jobs=n_jobs)
    tables = multiple(Slices(new), 2, imputer=imputer, X_fit=X)
    for filled, inside in zip(tables, multiple(new, 2, X_fit=X), strict=True):
        assert_array_equal(np.asarray(filled[:])[~np.isnan(new)], new[~np.isnan(new)])
        assert_array_equal(np.asarray(filled[:]), np.asarray(filled[:]))
        assert np.asarray(filled[:]).shape == inside.shape
    assert (np.asarray(tables[0][:]) != np.asarray(tables[1][:]))[np.isnan(new)].all()


# Arguments


def test_m_is_another_name():
    assert len(EMImputer().multiple_impute(X, m=3)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_fit": X[:, :2]}, "X has 3 features, but EMImputer is expecting 2"),
        ({"X_fit": Slices(X)}, "X_fit must be in memory. Got Slices"),
        ({"sample_weight": np.ones(3)}, r"sample_weight.shape == \(3,\)"),
        ({"sample_weight": -np.ones(len(X))}, "Negative values"),
        ({"m": 0}, "n_imputations must be an int, at least 1. Got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EMImputer().multiple_impute(X, **arguments)
