"""Fits to rows in single precision: those of the same numbers in double, to what it rounds."""

import numpy as np
import pytest
from sklearn.base import clone

from emkit import EMGaussianMixture
from emkit.mixture.fitting import SINGLE_ROWS


def clusters(offset=0.0, unit=1.0, n=SINGLE_ROWS):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) * [0.5, 1.0, 2.0]
    X[::2, 0] += 2.0
    X[::3, 1] -= 4.0
    return (unit * (X + offset)).astype(np.float32)


def both(X, **arguments):
    mixture = EMGaussianMixture(3, random_state=0, **arguments)
    return clone(mixture).fit(X.astype(float)), mixture.fit(X)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical", "tied", "EEV"])
@pytest.mark.parametrize(("offset", "unit"), [(0.0, 1.0), (1e3, 1e-2), (-1e5, 1e9)])
def test_a_fit_is_that_of_doubles(covariance_type, offset, unit):
    options = {"covariance_type": covariance_type, "max_iter": 1000}
    double, single = both(clusters(offset, unit), **options)
    assert single.n_iter_ == double.n_iter_
    X = clusters(offset, unit).astype(float)
    for found in single.lower_bound_, single.score(X):
        assert abs(found - double.lower_bound_) < 1e-6 * abs(double.lower_bound_)


def test_weights_and_searches_know_of_single_precision_too():
    X, weights = clusters(), np.random.default_rng(1).integers(0, 4, SINGLE_ROWS)
    for arguments, unit in (
        ({"n_init": 3, "search": "short_runs"}, 1e-60),
        ({"algorithm": "cem"}, 1.0),
    ):
        mixture = EMGaussianMixture(3, random_state=0, **arguments)
        double = clone(mixture).fit(X.astype(float), sample_weight=unit * weights)
        single = mixture.fit(X, sample_weight=unit * weights)
        assert single.lower_bound_ == pytest.approx(double.lower_bound_, rel=1e-6)


@pytest.mark.parametrize("acceleration", ["anderson", None])
def test_the_last_steps_are_in_double_precision(acceleration):
    """A run goes on in double where single rounds what a step gains: its end is the maximum."""
    double, single = both(clusters(), tol=1e-9, max_iter=2000, acceleration=acceleration)
    assert single.converged_ and double.converged_
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-8)
    assert single.lower_bound_ == pytest.approx(single.score(clusters().astype(float)), rel=1e-12)
    falls = np.diff(single.history_).min()
    assert falls > -1e-5  # where it goes over to double, by what single rounds
