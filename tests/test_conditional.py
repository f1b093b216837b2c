"""Conditional distributions of a fitted mixture: the closed form, `impute`, draws."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import load_iris
from structures import dense

from emkit import EMGaussianMixture
from emkit.engine import Blocks
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES

GOLDEN = json.loads((Path(__file__).parent / "golden" / "regressions.json").read_text())
X = load_iris().data
each_structure = pytest.mark.parametrize("name", NAMES)


def with_holes(data, seed=0, share=0.4):
    rows = data.copy()
    rows[np.random.default_rng(seed).random(rows.shape) < share] = np.nan
    return rows


def closed_form(weights, means, covariances, row):
    """Weights, mean, covariance of the missing cells of a row, by covariances of all cells."""
    m, o = np.isnan(row), ~np.isnan(row)
    log_r, centres, spreads = [], [], []
    for weight, mean, c in zip(weights, means, covariances, strict=True):
        slope = c[np.ix_(m, o)] @ np.linalg.inv(c[np.ix_(o, o)])
        centres.append(mean[m] + slope @ (row[o] - mean[o]))
        spreads.append(c[np.ix_(m, m)] - slope @ c[np.ix_(o, m)])
        density = multivariate_normal(mean[o], c[np.ix_(o, o)]).logpdf(row[o]) if o.any() else 0.0
        log_r.append(np.log(weight) + density)
    r = np.exp(np.array(log_r) - logsumexp(log_r))
    mean = r @ np.array(centres)
    away = np.array(centres) - mean
    covariance = np.einsum("k,kij->ij", r, np.array(spreads)) + (r[:, None] * away).T @ away
    return r, centres, spreads, mean, covariance


@pytest.mark.parametrize("case", GOLDEN["conditional"]["cases"], ids=lambda case: case["data"])
def test_other_programs_say_the_same(case):
    seen, asked = case["x"], case["y"]
    mixture = EMGaussianMixture(case["G"], random_state=0)
    mixture.fit(np.random.default_rng(0).normal(size=(50, len(seen) + len(asked))))
    mixture.weights_, mixture.means_ = np.array(case["weights"]), np.array(case["means"])
    mixture.covariances_ = np.array(case["covariances"])
    mixture.precisions_cholesky_ = np.array(
        [np.linalg.inv(np.linalg.cholesky(c)).T for c in mixture.covariances_]
    )
    rows = np.full((len(case["query"]), len(seen) + len(asked)), np.nan)
    rows[:, seen] = case["query"]
    conditional = mixture.conditional(rows)
    assert_allclose(conditional.weights, case["resp"], rtol=1e-9, atol=1e-12)
    assert_allclose(conditional.mean[:, asked], case["mean"], rtol=1e-9)
    assert_allclose(
        conditional.covariance[:, np.array(asked)[:, None], asked], case["cov"], rtol=1e-9
    )
    rows[:, asked] = case["y_query"]
    assert_allclose(conditional.log_density(rows), case["log_density"], rtol=1e-9, atol=1e-9)


@each_structure
def test_it_is_the_closed_form(name):
    mixture = EMGaussianMixture(3, covariance_type=name, random_state=0).fit(X)
    covariances = dense(name, mixture.covariances_, 3, 4)
    rows = with_holes(X)[:40]
    conditional = mixture.conditional(rows)
    log_density = conditional.log_density(X[:40])
    for i, row in enumerate(rows):
        m = np.isnan(row)
        r, centres, spreads, mean, covariance = closed_form(
            mixture.weights_, mixture.means_, covariances, row
        )
        assert_allclose(conditional.weights[i], r, rtol=1e-9, atol=1e-12)
        assert_allclose(conditional.mean[i, m], mean, rtol=1e-9)
        assert_allclose(conditional.component_means[i][:, m], centres, rtol=1e-9)
        assert_allclose(conditional.covariance[i][np.ix_(m, m)], covariance, rtol=1e-9, atol=1e-12)
        assert not conditional.covariance[i][~m].any()
        if not m.any():
            assert log_density[i] == 0.0
            continue
        joint = [
            np.log(w) + multivariate_normal(c, s).logpdf(X[i, m])
            for w, c, s in zip(r, centres, spreads, strict=True)
            if w > 0.0
        ]
        assert_allclose(log_density[i], logsumexp(joint), rtol=1e-9, atol=1e-9)


@each_structure
def test_it_agrees_with_impute_and_with_likelihoods(name):
    redundant = np.column_stack([X, X[:, 0] + 2.0 * X[:, 1], np.full(len(X), 3.0)])
    for data in (X, redundant):
        rows = with_holes(data, share=0.15)
        mixture = EMGaussianMixture(2, covariance_type=name, random_state=0)
        if data is redundant:
            with pytest.warns(DataWarning):
                mixture.fit(data)
        else:
            mixture.fit(data)
        conditional = mixture.conditional(rows)
        assert_allclose(conditional.mean, mixture.impute(rows), rtol=1e-9)
        if data is X:
            told = mixture.score_samples(data) - mixture.score_samples(rows)
            assert_allclose(conditional.log_density(data), told, rtol=1e-9, atol=1e-9)


def with_tails(name="full", df=4.0):
    return EMGaussianMixture(
        2, covariance_type=name, distribution="student_t", df=df, random_state=0
    ).fit(X)


@each_structure
@pytest.mark.parametrize("df", ["free", 0.5])
def test_with_tails_it_agrees_with_impute_and_with_likelihoods(name, df):
    mixture, rows = with_tails(name, df), with_holes(X)
    rows[0] = np.nan
    conditional = mixture.conditional(rows)
    assert_allclose(conditional.mean, mixture.impute(rows), rtol=1e-9)
    told = mixture.score_samples(X) - mixture.score_samples(rows)
    assert_allclose(conditional.log_density(X), told, rtol=1e-9, atol=1e-9)


def test_with_tails_draws_and_covariance_are_those_of_the_closed_form():
    # Ding (2016), On the conditional distribution of the multivariate t distribution.
    mixture, row = with_tails(df=3.0), X[:1].copy()
    row[0, 1:3] = np.nan
    m, o = np.isnan(row[0]), ~np.isnan(row[0])
    conditional = mixture.conditional(row)
    expected, centres = np.zeros((2, 2)), conditional.component_means[0][:, m]
    for k, weight in enumerate(conditional.weights[0]):
        mean, scale = mixture.means_[k], mixture.scales_[k]
        inverse = np.linalg.inv(scale[np.ix_(o, o)])
        away = (row[0] - mean)[o]
        schur = scale[np.ix_(m, m)] - scale[np.ix_(m, o)] @ inverse @ scale[np.ix_(o, m)]
        of_component = schur * (3.0 + away @ inverse @ away) / (3.0 + 2.0) * 5.0 / (5.0 - 2.0)
        apart = centres[k] - conditional.mean[0, m]
        expected += weight * (of_component + np.outer(apart, apart))
    assert_allclose(conditional.covariance[0][np.ix_(m, m)], expected, rtol=1e-9)
    draws = conditional.sample(100_000, random_state=0)[:, 0, m]
    assert_allclose(np.cov(draws.T), expected, rtol=0.03)


def test_without_a_variance_it_is_infinite_and_what_is_observed_makes_it_finite():
    rows = np.full((2, 4), np.nan)
    rows[1, :2] = X[0, :2]
    covariance = with_tails(df=1.5).conditional(rows).covariance
    assert np.isinf(covariance[0]).all() and np.isfinite(covariance[1]).all()


def test_tails_that_end_are_the_normal():
    rows = with_holes(X)
    normal, with_no_tails = with_tails(df=1e12), with_tails(df=np.inf)
    a, b = normal.conditional(rows), with_no_tails.conditional(rows)
    assert_allclose(a.covariance, b.covariance, rtol=1e-6, atol=1e-9)
    assert_allclose(a.log_density(X), b.log_density(X), rtol=1e-6, atol=1e-6)


def test_far_from_all_components_no_digit_is_lost():
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    row = np.array([[1e5, np.nan, 2.0, np.nan]])
    _, centres, spreads, mean, _ = closed_form(
        mixture.weights_, mixture.means_, mixture.covariances_, row[0]
    )
    conditional = mixture.conditional(row)
    k = conditional.weights[0].argmax()
    row[0, [1, 3]] = np.array(centres[k]) + 0.1
    density = multivariate_normal(centres[k], spreads[k]).logpdf(row[0, [1, 3]])
    assert_allclose(conditional.log_density(row), density, rtol=1e-6)
    assert_allclose(conditional.mean[0, [1, 3]], mean, rtol=1e-9)


def test_draws_have_the_mean_and_the_covariance():
    mixture = EMGaussianMixture(3, random_state=0).fit(X)
    rows = with_holes(X)[:6]
    conditional = mixture.conditional(rows)
    draws = conditional.sample(20_000, random_state=0)
    assert draws.shape == (20_000, 6, 4)
    assert_allclose(draws.mean(axis=0), conditional.mean, atol=0.03)
    away = draws - conditional.mean
    covariance = np.einsum("sni,snj->nij", away, away) / len(draws)
    assert_allclose(covariance, conditional.covariance, atol=0.05)
    assert_allclose(conditional.sample(3, random_state=1), conditional.sample(3, random_state=1))


def test_what_is_asked_wrongly_is_refused():
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    rows = with_holes(X)
    conditional = mixture.conditional(rows)
    with pytest.raises(ValueError, match="must have shape"):
        conditional.log_density(X[:3])
    with pytest.raises(ValueError, match="must be complete"):
        conditional.log_density(rows)
    with pytest.raises(ValueError, match="differs from what was observed"):
        conditional.log_density(X + 1.0)
    with pytest.raises(ValueError, match="in memory"):
        mixture.conditional(Blocks([X]))
    noisy = EMGaussianMixture(2, random_state=0, noise=True).fit(X)
    for some in (rows, X):
        with pytest.raises(ValueError, match="not offered with noise.*missing cells"):
            noisy.conditional(some)
    for n_samples, error in [(0, ValueError), (-1, ValueError), (1.5, TypeError)]:
        with pytest.raises(error, match="n_samples"):
            conditional.sample(n_samples)
