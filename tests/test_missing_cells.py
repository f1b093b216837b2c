"""The E-step with missing cells against conditioning row by row, and its groups of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from structures import dense, in_shape, random_covariances

from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics import triangular
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling
from emkit.numerics.patterns import GROUP_COST, group_rows


def random_params(name, k, d, rng):
    covariances = random_covariances(name, k, d, rng)
    means = rng.normal(scale=2.0, size=(k, d))
    return STRUCTURES[name], MixtureParams(rng.dirichlet(np.ones(k)), means, covariances)


def conditioned(x, mean, covariance):
    """Log-density of the observed cells, completed row and its conditional covariance."""
    o, m = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
    log_density = 0.0
    if len(o):
        log_density = multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(x[o])
    completed, spread = np.where(np.isnan(x), mean, x), np.zeros_like(covariance)
    gain = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
    completed[m] += gain @ (x[o] - mean[o])
    spread[np.ix_(m, m)] = covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]
    return log_density, completed, spread


def holes(X, share, rng):
    X = X.copy()
    X[rng.random(X.shape) < share] = np.nan
    return X


def statistics_row_by_row(name, params, X, weights):
    """n, first moments and scatter about the means, and the log-likelihood, by definition."""
    k, d = params.means.shape
    covariances = dense(name, params.covariances, k, d)
    n, first, scatter, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
    for x, w in zip(X, weights, strict=True):
        parts = [conditioned(x, *p) for p in zip(params.means, covariances, strict=True)]
        log_joint = np.log(params.weights) + [part[0] for part in parts]
        total += w * logsumexp(log_joint)
        resp = w * np.exp(log_joint - logsumexp(log_joint))
        for j, (r, (_, completed, spread)) in enumerate(zip(resp, parts, strict=True)):
            z = completed - params.means[j]
            n[j] += r
            first[j] += r * z
            scatter[j] += r * (np.outer(z, z) + spread)
    return n, first, in_shape(name, scatter), total


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    d=st.integers(1, 6),
    k=st.integers(1, 3),
    share=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_e_step_is_that_of_conditioning_row_by_row(name, seed, d, k, share):
    rng = np.random.default_rng(seed)
    structure, params = random_params(name, k, d, rng)
    X = holes(rng.normal(scale=2.0, size=(30, d)), share, rng)
    weights = rng.uniform(0.0, 3.0, len(X))
    scale = structure.common_scale(rng.uniform(0.5, 2.0, d))
    units = Scaling(rng.normal(size=d), scale)
    model = GaussianMixtureModel(structure, units, total_weight=weights.sum(), incomplete=True)
    stats, log_likelihood = model.e_step(Rows.of(X, weights), params)

    internal = (X - units.shift) / units.scale
    n, first, scatter, total = statistics_row_by_row(name, params, internal, weights)
    jacobian = -weights @ (~np.isnan(X) @ np.log(scale))
    np.testing.assert_allclose(log_likelihood, total + jacobian, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(stats.n, n, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(stats.first, first, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(stats.scatter, scatter, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_shared_patterns_and_complete_rows_take_the_same_answer(name):
    """Many rows with one pattern, a few with others and complete ones: as one by one.

    Rows are repeated, so that the definition need look at each of them once.
    """
    rng = np.random.default_rng(3)
    structure, params = random_params(name, 2, 5, rng)
    distinct = rng.normal(size=(140, 5))
    distinct[:50, [1, 3]] = np.nan
    distinct[50:90] = holes(distinct[50:90], 0.4, rng)
    alone = GROUP_COST // 2**2  # so many rows that miss the same two cells are a group
    counts = np.repeat([alone // 50 + 1, 1, GROUP_COST // 50], [50, 40, 50])
    X = np.repeat(distinct, counts, axis=0)
    rng.shuffle(X)
    model = GaussianMixtureModel(structure, Scaling(np.zeros(5), np.ones(5)), incomplete=True)
    stats, log_likelihood = model.e_step(Rows.of(X), params)
    n, first, scatter, total = statistics_row_by_row(name, params, distinct, counts)
    np.testing.assert_allclose(log_likelihood, total, rtol=1e-11)
    np.testing.assert_allclose(stats.n, n, rtol=1e-10)
    np.testing.assert_allclose(stats.first, first, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(stats.scatter, scatter, rtol=1e-9, atol=1e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), d=st.sampled_from([1, 3, 8, 64, 65, 130]))
def test_groups_hold_every_row_once_and_agree_on_what_is_missing(seed, d):
    rng = np.random.default_rng(seed)
    X = holes(rng.normal(size=(700, d)), rng.choice([0.02, 0.5]), rng)
    X[rng.permutation(700)[:300]] = X[0]
    groups = group_rows(X)
    assert sorted(np.concatenate([g.rows for g in groups])) == list(range(700))
    missing = np.isnan(X)
    for n_missing, rows, absent, counts in groups:
        assert missing[rows].sum(axis=1).max() == n_missing
        assert (n_missing == 0) == (not missing[rows].any(axis=1).all())
        same = (missing[rows[1:]] == missing[rows[:-1]]).all(axis=1)  # side by side, and ascending
        assert np.count_nonzero(~same) + 1 == len(np.unique(missing[rows], axis=0)) == len(counts)
        for pattern, row in zip(absent.T, rows[np.cumsum(counts) - 1], strict=True):
            np.testing.assert_array_equal(pattern[pattern < d], np.flatnonzero(missing[row]))
        assert (np.diff(rows)[same] > 0).all()
    if 300 * missing[0].sum() ** 2 >= GROUP_COST:
        first = next(g for g in groups if 0 in g.rows)
        assert (missing[first.rows] == missing[0]).all()


@pytest.mark.parametrize("m", [1, 2, 5, 17])
@pytest.mark.parametrize("n", [1, 40])
def test_batched_triangular_algebra_is_that_of_lapack(m, n):
    rng = np.random.default_rng(m)
    root = rng.normal(size=(n, m, m + 2))
    matrices = root @ root.transpose(0, 2, 1)
    right = rng.normal(size=(m, n))
    lower = triangular.cholesky(matrices.transpose(1, 2, 0).copy())
    half = triangular.solve_lower(lower, right)
    x = triangular.solve_upper(lower, half)
    np.testing.assert_allclose(np.einsum("nij,jn->in", matrices, x), right, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose((half**2).sum(axis=0), (x * right).sum(axis=0), rtol=1e-7)
    inverse = triangular.inverse(lower).transpose(2, 0, 1)
    np.testing.assert_allclose(np.tril(inverse), np.tril(np.linalg.inv(matrices)), rtol=1e-6)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    matrices = np.eye(2)[:, :, None] * np.array([1.0, -1.0])
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        triangular.cholesky(matrices)
