"""EMGaussianMixture where cells are missing: the observed cells are used exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score
from structures import dense, unit

from emkit import EMGaussianMixture, EMImputer
from emkit.mixture.evaluated import fitted_model
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import FeatureKernel, WhiteningKernel


def clusters(n=400, d=4, k=3, share=0.25, seed=0, apart=4.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    X = rng.normal(scale=apart, size=(k, d))[labels] + rng.normal(size=(n, d))
    X[rng.random(X.shape) < share] = np.nan
    return X, labels


def joint(mixture, X):
    """log w_k + log p(observed cells | k), row by row."""
    k, d = mixture.means_.shape
    covariances = dense(mixture.covariance_type, mixture.covariances_, k, d)
    out = np.zeros((len(X), k))
    for i, x in enumerate(X):
        o = np.flatnonzero(~np.isnan(x))
        for j in range(k):
            out[i, j] = np.log(mixture.weights_[j])
            if len(o):
                normal = multivariate_normal(mixture.means_[j, o], covariances[j][np.ix_(o, o)])
                out[i, j] += normal.logpdf(x[o])
    return out


@pytest.mark.parametrize("name", NAMES)
def test_methods_use_the_observed_cells_exactly(name):
    X, _ = clusters(60, seed=1)
    X[3] = np.nan
    mixture = EMGaussianMixture(2, covariance_type=name, random_state=0).fit(X)
    log_joint = joint(mixture, X)
    log_density = logsumexp(log_joint, axis=1)
    np.testing.assert_allclose(mixture.score_samples(X), log_density, rtol=1e-9, atol=1e-9)
    resp = np.exp(log_joint - log_density[:, None])
    np.testing.assert_allclose(mixture.predict_proba(X), resp, rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(mixture.predict(X), log_joint.argmax(axis=1))
    total = log_density.sum()
    n = (~np.isnan(X).all(axis=1)).sum()  # a row with nothing observed is no sample
    np.testing.assert_allclose(mixture.score(X), total / n)
    np.testing.assert_allclose(mixture.lower_bound_, total / n)
    p = mixture._n_parameters()
    np.testing.assert_allclose(mixture.bic(X), -2.0 * total + p * np.log(n))
    np.testing.assert_allclose(mixture.aic(X), -2.0 * total + 2.0 * p)


# Of three components in two clusters two may be one, or small beside reg_covar: that is told.
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 3),
    reg_covar=st.sampled_from([1e-6, 0.005]),
    share=st.sampled_from([0.05, 0.4]),
    weighted=st.booleans(),
)
def test_the_objective_never_falls(name, seed, k, reg_covar, share, weighted):
    """And it comes to an end: beside a saddle, where it hardly rises, after a thousand steps."""
    rng = np.random.default_rng(seed)
    X, _ = clusters(80, 3, 2, share, seed, apart=2.0)
    weights = rng.uniform(0.5, 3.0, len(X)) if weighted else None
    mixture = EMGaussianMixture(
        k, covariance_type=name, reg_covar=reg_covar, tol=1e-5, max_iter=3000, random_state=seed
    ).fit(X, sample_weight=weights)
    assert (np.diff(mixture.history_) >= -1e-13 * np.abs(mixture.history_[:-1])).all()
    assert mixture.converged_


def test_the_gradient_vanishes_at_the_maximum():
    X, _ = clusters(150, 2, 2, 0.3, seed=3)
    mixture = EMGaussianMixture(2, tol=1e-13, reg_covar=0.0, random_state=0, max_iter=2000).fit(X)
    X = X[~np.isnan(X).all(axis=1)]
    d, k = 2, 2
    lower = np.tril_indices(d)

    def log_likelihood(theta):
        trial = EMGaussianMixture(k)
        trial.weights_ = np.array([theta[0], 1.0 - theta[0]])
        trial.means_ = theta[1:5].reshape(k, d)
        roots = np.zeros((k, d, d))
        roots[:, *lower] = theta[5:].reshape(k, 3)
        trial.covariances_ = roots @ roots.transpose(0, 2, 1)
        return logsumexp(joint(trial, X), axis=1).mean()

    roots = np.linalg.cholesky(mixture.covariances_)
    theta = np.concatenate([mixture.weights_[:1], mixture.means_.ravel(), roots[:, *lower].ravel()])
    gradient = approx_fprime(theta, log_likelihood, 1e-6)
    assert np.abs(gradient).max() < 2e-5
    elsewhere = approx_fprime(theta + 0.01, log_likelihood, 1e-6)
    assert np.abs(elsewhere).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_frequencies(name):
    X, labels = clusters(120, seed=5)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    arguments = {"covariance_type": name, "reg_covar": 1e-6, "tol": 1e-9, "max_iter": 1000}
    start = EMGaussianMixture(3, means_init=[X_mean(X, labels == j) for j in range(3)], **arguments)
    # Completing rows for a start draws by row, so both start from the same parameters.
    start.set_params(weights_init=np.full(3, 1 / 3), precisions_init=unit(name, 3, X.shape[1]))
    weighted = start.fit(X, sample_weight=weights)
    means, covariances = weighted.means_.copy(), weighted.covariances_.copy()
    repeated = start.fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(repeated.means_, means, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(repeated.covariances_, covariances, rtol=1e-7, atol=1e-7)


def X_mean(X, rows):
    return np.nanmean(X[rows], axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_rows_with_nothing_observed_change_nothing(name):
    X, _ = clusters(100, seed=6)
    X = X[~np.isnan(X).all(axis=1)]
    empty = np.full((7, X.shape[1]), np.nan)
    mixture = EMGaussianMixture(2, covariance_type=name, random_state=0)
    alone = mixture.fit(X)
    means, bound, score = alone.means_.copy(), alone.lower_bound_, alone.score(X)
    more = np.vstack([empty[:3], X, empty[3:]])
    beside = mixture.fit(more)
    np.testing.assert_array_equal(beside.means_, means)
    assert beside.lower_bound_ == bound
    np.testing.assert_allclose(beside.score(more), score, rtol=1e-14)
    np.testing.assert_allclose(beside.predict_proba(empty), np.tile(beside.weights_, (7, 1)))
    np.testing.assert_allclose(beside.impute(empty), np.tile(beside.weights_ @ means, (7, 1)))


@pytest.mark.parametrize("name", ["full", "diag"])
def test_one_component_is_the_imputer_without_shrinkage(name):
    X, _ = clusters(200, seed=7)
    mixture = EMGaussianMixture(
        1, covariance_type=name, reg_covar=0.0, tol=1e-14, max_iter=2000
    ).fit(X)
    imputer = EMImputer(covariance_type=name, shrinkage=0.0, tol=1e-12, max_iter=2000).fit(X)
    np.testing.assert_allclose(mixture.means_, imputer.means_, rtol=1e-6)
    np.testing.assert_allclose(mixture.covariances_, imputer.covariances_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mixture.impute(X), imputer.transform(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_works_with_missing_cells(name, init_params):
    X, _ = clusters(150, seed=8)
    mixture = EMGaussianMixture(
        3, covariance_type=name, init_params=init_params, random_state=0, max_iter=500
    ).fit(X)
    assert mixture.converged_
    assert np.isfinite(mixture.means_).all()
    assert mixture.score(X) > EMGaussianMixture(1, covariance_type=name).fit(X).score(X)


def test_given_starts_work_with_missing_cells():
    X, labels = clusters(150, seed=9)
    means = np.array([X_mean(X, labels == j) for j in range(3)])
    from_means = EMGaussianMixture(3, means_init=means).fit(X)
    from_labels = EMGaussianMixture(3, resp_init=labels).fit(X)
    np.testing.assert_allclose(from_means.means_, from_labels.means_, atol=0.2)
    again = EMGaussianMixture(3, resp_init=labels).fit(X)
    np.testing.assert_array_equal(again.means_, from_labels.means_)
    warm = EMGaussianMixture(3, resp_init=labels, warm_start=True).fit(X).fit(X)
    assert warm.lower_bound_ >= from_labels.lower_bound_ - 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_clusters_are_found_though_few_rows_are_complete(name):
    X, labels = clusters(600, 6, 3, 0.4, seed=10)
    assert np.isfinite(X).all(axis=1).mean() < 0.1
    arguments = {"covariance_type": name, "tol": 1e-6, "max_iter": 500}
    found = EMGaussianMixture(3, n_init=3, random_state=0, **arguments).fit(X)
    told = EMGaussianMixture(3, resp_init=labels, **arguments).fit(X)
    assert found.lower_bound_ > told.lower_bound_ - 1e-4
    assert adjusted_rand_score(labels, found.predict(X)) > 0.85


def test_a_long_table_is_started_from_a_sample():
    X, labels = clusters(60_000, 3, 3, 0.2, seed=11)
    mixture = EMGaussianMixture(3, random_state=0).fit(X)
    assert mixture.n_iter_ <= 10
    assert adjusted_rand_score(labels, mixture.predict(X)) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_shift_and_scale_change_only_the_units(name):
    X, labels = clusters(150, 3, 2, seed=12)
    scale = np.array([1e-9, 1.0, 1e6]) if STRUCTURES[name].scale_invariant else np.full(3, 1e6)
    shift = np.array([5.0, 1e6, -1e3]) * scale
    arguments = {"covariance_type": name, "reg_covar": 0.0, "tol": 1e-8, "resp_init": labels}
    plain = EMGaussianMixture(2, **arguments).fit(X)
    moved = EMGaussianMixture(2, **arguments).fit(X * scale + shift)
    np.testing.assert_allclose((moved.means_ - shift) / scale, plain.means_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        moved.predict_proba(X * scale + shift), plain.predict_proba(X), atol=1e-5
    )
    jacobian = (~np.isnan(X) @ np.log(scale)).sum() / (~np.isnan(X).all(axis=1)).sum()
    np.testing.assert_allclose(moved.lower_bound_ + jacobian, plain.lower_bound_, rtol=1e-7)


def test_a_column_without_a_value_is_an_error_that_names_it():
    pd = pytest.importorskip("pandas")
    X, _ = clusters(30, 3)
    X[:, 1] = np.nan
    frame = pd.DataFrame(X, columns=["height", "weight", "age"])
    with pytest.raises(ValueError, match=r"Nothing is observed in column\(s\) weight"):
        EMGaussianMixture().fit(frame)
    X[0, 1] = 1.0
    with pytest.raises(ValueError, match=r"column\(s\) 1 .*positive weight"):
        EMGaussianMixture().fit(X, sample_weight=np.r_[0.0, np.ones(29)])


def test_complete_data_take_the_fast_way():
    X, _ = clusters(100, share=0.0)
    data = Rows.of(X)
    assert data.groups is None
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    model, params = fitted_model(mixture, incomplete=False)
    assert isinstance(model.bind(params), FeatureKernel | WhiteningKernel)
    assert isinstance(model, GaussianMixtureModel)
    np.testing.assert_array_equal(mixture.impute(X), X)
    # What is missing later, but was not at fit, is no trouble.
    X[0, 0] = np.nan
    np.testing.assert_allclose(mixture.score_samples(X), logsumexp(joint(mixture, X), axis=1))


def test_single_precision_stays_single():
    X, _ = clusters(100, seed=13)
    mixture = EMGaussianMixture(2, random_state=0).fit(X.astype(np.float32))
    assert mixture.means_.dtype == mixture.impute(X.astype(np.float32)).dtype == np.float32
    double = EMGaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_allclose(mixture.score(X.astype(np.float32)), double.score(X), rtol=1e-4)


def test_observed_cells_are_not_touched_and_missing_ones_are_filled():
    X, _ = clusters(200, seed=14)
    filled = EMGaussianMixture(3, random_state=0).fit(X).impute(X)
    observed = ~np.isnan(X)
    np.testing.assert_array_equal(filled[observed], X[observed])
    assert np.isfinite(filled).all()


def test_nullable_frames_are_read():
    pd = pytest.importorskip("pandas")
    X = np.round(clusters(80, seed=15)[0])
    frame = pd.DataFrame(X).astype("Int64")
    mixture = EMGaussianMixture(2, random_state=0)
    np.testing.assert_array_equal(mixture.fit(frame).predict(frame), mixture.fit(X).predict(X))


def test_infinity_is_still_an_error():
    X, _ = clusters(30)
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        EMGaussianMixture().fit(X)
