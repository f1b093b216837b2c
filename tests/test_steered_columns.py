"""Mixtures of columns that reg_covar or single precision hides, beside others that it does not."""

import warnings

import numpy as np
import pytest
from fit_laws import judge
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from random_fits import Case

from emkit import EMGaussianMixture
from emkit.exceptions import DataWarning
from emkit.models.mixture.starts import STARTS
from emkit.numerics.covariance import NAMES, STRUCTURES

MATRICES = sorted({s.name for s in STRUCTURES.values() if not s.layout.independent})
some = settings(derandomize=True, deadline=None, max_examples=60)


def two_clusters(seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, 40), rng.normal(8, 1, 30)])


def quietly(mixture, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return mixture.fit(X)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("power", [-5, -30, -150])
def test_a_copy_in_units_that_reg_covar_hides_hides_nothing(kind, place, power):
    """A column in volts, copied in teravolts: its variance is reg_covar, and says nothing."""
    x = two_clusters()
    other = np.random.default_rng(1).normal(size=len(x))
    plain = quietly(EMGaussianMixture(2, covariance_type=kind, random_state=0), np.c_[x, other])
    X = np.insert(np.c_[x, other], place, x * 10.0**power, axis=1)
    mixture = quietly(EMGaussianMixture(2, covariance_type=kind, random_state=0), X)
    assert_array_equal(mixture.predict(X), plain.predict(np.c_[x, other]))
    assert_allclose(mixture.lower_bound_, plain.lower_bound_, rtol=1e-9)
    kept = [j for j in range(3) if j != place]
    assert_allclose(mixture.means_[:, kept], plain.means_, rtol=1e-9)


@pytest.mark.parametrize("kind", sorted({"full", "tied", "diag", "EEI"}))
@pytest.mark.parametrize("start", sorted(set(STARTS) - {"sphered_kmeans"}))  # sees another plane
@pytest.mark.parametrize("power", [-5, -30, -150])
@pytest.mark.parametrize("missing", [False, True])
def test_a_column_that_reg_covar_hides_disturbs_no_start(kind, start, power, missing):
    x, noise = two_clusters(), np.random.default_rng(1).normal(size=(70, 2))
    X = np.c_[x, x + noise[:, 0], noise[:, 1] * 10.0**power]
    if missing:
        X[::7, 1] = np.nan
    options = {"covariance_type": kind, "init_params": start, "random_state": 0}
    mixture = quietly(EMGaussianMixture(2, **options), X)
    assert mixture.converged_
    plain = quietly(EMGaussianMixture(2, **options), X[:, :2])
    assert_array_equal(np.sort(mixture.weights_.round(3)), np.sort(plain.weights_.round(3)))
    assert (mixture.covariances_[..., :2] < 3.0 * X[:, 0].var()).all()


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_factors_are_triangular_wherever_the_copy_stands(kind, place):
    x = two_clusters()
    other = np.random.default_rng(1).normal(size=len(x))
    X = np.insert(np.c_[x, other], place, 0.01 * x - 1e-3 * other, axis=1)
    # A copy that reg_covar steers is left out even where it comes first.
    options = {"covariance_type": kind, "reg_covar": 1e-2, "random_state": 0}
    mixture = quietly(EMGaussianMixture(2, **options), X)
    d, k = 3, 2
    factor = np.broadcast_to(mixture.precisions_cholesky_, (k, d, d))
    covariances = np.broadcast_to(mixture.covariances_, (k, d, d))
    assert_array_equal(factor, np.triu(factor))
    assert (factor.diagonal(axis1=1, axis2=2) > 0.0).all()
    assert_allclose(factor @ factor.mT, np.broadcast_to(mixture.precisions_, (k, d, d)), rtol=1e-9)
    assert_allclose(covariances @ (factor @ factor.mT), np.tile(np.eye(d), (k, 1, 1)), atol=1e-6)


@some
@given(
    seed=st.integers(0, 10_000),
    powers=st.lists(st.integers(-150, 149), min_size=3, max_size=3),
    kind=st.sampled_from(NAMES),
    follows=st.sampled_from(["copies", "sum", "nothing"]),
    reg_covar=st.sampled_from([0.0, 1e-6, 1.0]),
    k=st.integers(1, 3),
)
def test_relations_across_any_units_keep_all_laws(seed, powers, kind, follows, reg_covar, k):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 3))
    if follows == "copies":
        X[:] = X[:, :1]
    elif follows == "sum":
        X[:, 2] = X[:, 0] + X[:, 1]
    mixture = EMGaussianMixture(k, covariance_type=kind, reg_covar=reg_covar, random_state=0)
    assert judge(Case(mixture, X * 10.0 ** np.array(powers))).violations == []


@some
@given(
    seed=st.integers(0, 10_000),
    powers=st.lists(st.integers(-27, 15), min_size=3, max_size=3),
    kind=st.sampled_from(NAMES),
    reg_covar=st.sampled_from([0.0, 1e-6]),
)
def test_single_precision_loses_no_variance(seed, powers, kind, reg_covar):
    X = np.random.default_rng(seed).normal(size=(30, 3)) * 10.0 ** np.array(powers)
    mixture = EMGaussianMixture(2, covariance_type=kind, reg_covar=reg_covar, random_state=0)
    assert judge(Case(mixture, X.astype(np.float32))).violations == []


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("fullest", [0, 1, 2])
def test_of_constant_columns_the_one_that_is_known_best_is_kept(kind, fullest):
    X = np.full((6, 3), np.nan)
    X[0] = X[:, fullest] = 7.0
    mixture = quietly(EMGaussianMixture(2, covariance_type=kind, random_state=0), X)
    assert_allclose(mixture.means_, 7.0)
    assert mixture.n_samples_seen_ == 6.0
