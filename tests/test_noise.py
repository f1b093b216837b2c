"""Noise beside the components of a mixture: one more class, of constant density."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris
from structures import dense

from emkit import EMGaussianMixture, EMGaussianMixtureIC, MixturePrior
from emkit.datasets import load_faithful
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.checking import check_model
from emkit.exceptions import DataWarning
from emkit.models.mixture.clutter import find_clutter
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.hypervolume import log_hypervolume
from emkit.models.mixture.noise import NoisyMixture, NoisyParams
from emkit.models.mixture.prior import Prior
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES

TABLES = {"faithful": load_faithful().data, "iris": load_iris().data}
EXACT = {"reg_covar": 0.0, "tol": 1e-12, "max_iter": 20_000}
each_structure = pytest.mark.parametrize("name", NAMES)
few = settings(max_examples=15, deadline=None, derandomize=True)


GOLDEN = json.loads((Path(__file__).parent / "golden" / "noise.json").read_text())
#: Cases of the structures that there are.
CASES = [case for case in GOLDEN["cases"] if case["model"] in STRUCTURES]


def with_extra_rows(name):
    """A table with the uniform rows that the golden cases add to it."""
    rows = GOLDEN["extra_rows"][name]
    return np.concatenate([TABLES[name.partition("+")[0]], rows])


@pytest.fixture(scope="module")
def X():
    return with_extra_rows("faithful+40")


def clusters(seed=0, n=200, noise=40, d=2, apart=8.0):
    """Two clusters, and rows anywhere."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) + apart * rng.integers(0, 2, (n, 1))
    return np.concatenate([rows, rng.uniform(-apart, 2.0 * apart, (noise, d))])


def fitted(X, K=2, **options):
    return EMGaussianMixture(K, **{"noise": True, "random_state": 0, **options}).fit(X)


def log_likelihood_of(mixture, X):
    """By definition, row by row."""
    K, d = mixture.means_.shape
    covariances = dense(mixture.covariance_type, mixture.covariances_, K, d)
    normals = [
        w * multivariate_normal(m, c).pdf(X)
        for w, m, c in zip(mixture.weights_, mixture.means_, covariances, strict=True)
    ]
    return np.log(sum(normals) + mixture.noise_weight_ / mixture.noise_volume_)


# Against other programs


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['data']}-{case['G']}-{case['model']}"
)
def test_log_likelihood_from_the_given_start(case):
    """mclust's and another EM's, which agree but for VVE, where mclust stops below."""
    X = with_extra_rows(case["data"])
    start = GOLDEN["starts"][f"{case['data']}_G{case['G']}"]
    mixture = EMGaussianMixture(
        case["G"], covariance_type=case["model"], noise=True, resp_init=start["labels"], **EXACT
    ).fit(X)
    assert mixture.noise_volume_ == pytest.approx(1.0 / start["Vinv"], rel=1e-12)
    gain = mixture.score(X) * len(X) - case["loglik"]
    assert gain >= -1e-6 and (case["model"] == "VVE" or gain <= 1e-6)
    assert mixture._n_parameters() == case["df_mclust"]


def test_weights_and_means_of_a_golden_case(X):
    (case,) = (c for c in CASES if (c["data"], c["G"], c["model"]) == ("faithful+40", 2, "VVV"))
    mixture = fitted(X, **EXACT)
    order = np.argsort(mixture.means_[:, 0])
    theirs = np.argsort(np.array(case["means"])[:, 0])
    assert_allclose(mixture.means_[order], np.array(case["means"])[theirs], rtol=1e-5)
    assert_allclose(mixture.weights_[order], np.array(case["weights"])[theirs], rtol=1e-5)
    assert mixture.noise_weight_ == pytest.approx(case["weights"][-1], rel=1e-5)


# What it is


@each_structure
def test_all_methods_tell_of_the_same_density(name, X):
    mixture = fitted(X, covariance_type=name)
    log_density = log_likelihood_of(mixture, X)
    assert_allclose(mixture.score_samples(X), log_density, rtol=1e-9)
    assert mixture.score(X) == pytest.approx(log_density.mean(), rel=1e-12)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-9)
    proba, labels = mixture.predict_proba(X), mixture.predict(X)
    assert proba.shape == (len(X), 3)
    assert_allclose(proba.sum(axis=1), 1.0)
    log_noise = np.log(mixture.noise_weight_ / mixture.noise_volume_)
    assert_allclose(proba[:, -1], np.exp(log_noise - log_density), rtol=1e-9)
    assert_array_equal(labels, np.where(proba.argmax(axis=1) == 2, -1, proba.argmax(axis=1)))
    assert set(labels) == {-1, 0, 1} and labels.dtype == np.int64
    assert mixture.weights_.sum() == pytest.approx(1.0 - mixture.noise_weight_, abs=1e-15)
    p, log_n = mixture._n_parameters(), np.log(len(X))
    assert mixture.bic(X) == pytest.approx(-2.0 * log_density.sum() + p * log_n)
    assert p == clone(mixture).set_params(noise=False).fit(X)._n_parameters() + 2
    certain = proba.max(axis=1)
    assert mixture.icl(X) == pytest.approx(mixture.bic(X) - 2.0 * np.log(certain).sum())


def test_without_noise_nothing_is_noise(X):
    mixture = fitted(X, noise=False)
    assert not (hasattr(mixture, "noise_weight_") or hasattr(mixture, "noise_volume_"))
    assert mixture.predict_proba(X).shape == (len(X), 2) and mixture.predict(X).min() == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_the_two_clusters_of_faithful_are_found_in_uniform_noise(seed, share):
    """Means within two standard errors or so of those without any noise, whatever the share."""
    rows, rng = TABLES["faithful"], np.random.default_rng(seed)
    low, high = rows.min(axis=0), rows.max(axis=0)
    low, high = low - 0.3 * (high - low), high + 0.3 * (high - low)
    extra = rng.uniform(low, high, (int(share * len(rows)), 2))
    mixture = fitted(np.concatenate([rows, extra]), tol=1e-6, max_iter=500)
    order = mixture.means_[:, 0].argsort()
    assert_allclose(mixture.means_[order], [[2.04, 54.5], [4.29, 80.0]], rtol=0.05)
    assert mixture.noise_weight_ == pytest.approx(share / (1.0 + share), abs=0.06)


@each_structure
@pytest.mark.parametrize("acceleration", [None, *ACCELERATIONS])
def test_the_objective_never_falls_whatever_the_acceleration(name, acceleration, X):
    options = {"covariance_type": name, "tol": 1e-9, "max_iter": 5000}
    mixture = fitted(X, acceleration=acceleration, **options)
    assert mixture.converged_ and (np.diff(mixture.history_) >= 0.0).all()
    plain = fitted(X, acceleration=None, **options)
    assert mixture.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"search": "genetic", "n_init": 4},
        {"search": "annealing"},
        {"search": "simulated_annealing"},
        {"search": "short_runs", "n_init": 5},
        {"n_init": 4, "n_jobs": 2},
        {"algorithm": "cem"},
        {"algorithm": "sem"},
        {"prior": "mclust"},
        {"prior": MixturePrior(weight_concentration=3.0)},
        *({"init_params": kind, "n_init": 3} for kind in ("random", "quantiles", "hierarchical")),
    ],
    ids=str,
)
def test_every_search_and_form_takes_noise(options, X):
    mixture = fitted(X, tol=1e-6, max_iter=1000, **options)
    assert mixture.score(X) >= fitted(X, tol=1e-8, max_iter=1000).score(X) - 0.06
    assert mixture.weights_.sum() + mixture.noise_weight_ == pytest.approx(1.0)
    assert_allclose(mixture.predict_proba(X).sum(axis=1), 1.0)


@each_structure
def test_the_model_keeps_the_contract_of_the_engine(name, X):
    """The score is the gradient, steps climb, statistics add up; with a prior on the weights."""
    rows = Rows(X)
    units = rows.scaling()
    prior = Prior(np.full(2, 1e-3), strength=1e-3, concentration=3.0)
    alone = GaussianMixtureModel(
        STRUCTURES[name], units, total_weight=rows.total_weight, prior=prior
    )
    model = NoisyMixture(alone, log_hypervolume(rows))
    means = (np.array([[2.0, 55.0], [4.3, 80.0]]) - units.shift) / units.scale
    covariances = 0.2 * STRUCTURES[name].layout.identity(2, 2)
    start = NoisyParams(MixtureParams(np.array([0.5, 0.3]), means, covariances), 0.2)
    check_model(model, rows, start=start)


# Volume


def test_the_volume_is_that_of_the_smaller_box():
    x = np.random.default_rng(0).normal(size=(50, 3)) @ np.array(
        [[1, 2, 0], [0, 1, 1], [0, 0, 0.1]]
    )
    box = np.ptp(x, axis=0).prod()
    axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2]
    turned = np.ptp(x @ axes.T, axis=0).prod()
    assert turned < box
    assert np.exp(log_hypervolume(Rows(x))) == pytest.approx(turned, rel=1e-10)
    assert fitted(x, 1).noise_volume_ == pytest.approx(turned, rel=1e-10)
    wide = x[:2].T[:, :, None].repeat(3, axis=2).reshape(3, 6) + np.arange(18.0).reshape(3, 6) ** 2
    assert np.exp(log_hypervolume(Rows(wide))) == pytest.approx(np.ptp(wide, axis=0).prod())
    one = x[:, :1]
    assert fitted(one, 1).noise_volume_ == pytest.approx(np.ptp(one), rel=1e-12)


def test_a_given_volume_is_in_the_units_of_the_rows(X):
    mixture = fitted(X)
    same = fitted(X, noise=mixture.noise_volume_)
    assert_allclose(same.predict_proba(X), mixture.predict_proba(X), atol=1e-12)
    assert fitted(X, noise=500).noise_volume_ == 500.0
    assert fitted(X, noise=np.bool_(True)).noise_volume_ == mixture.noise_volume_
    assert not hasattr(fitted(X, noise=np.bool_(False)), "noise_volume_")


@few
@given(
    powers=st.lists(st.integers(-8, 8), min_size=2, max_size=2),
    shift=st.integers(-100, 100),
    given_volume=st.booleans(),
)
def test_columns_in_other_units_have_the_same_fit(powers, shift, given_volume):
    """V is in their units; where it is taken of the rows, if all columns change by one factor."""
    X, scale = clusters(), 10.0 ** np.array(powers if given_volume else powers[:1] * 2)
    volume = 400.0 if given_volume else True
    one = fitted(X, noise=volume, reg_covar=0.0)
    there = scale * (X + shift)
    other = fitted(there, noise=volume * scale.prod() if given_volume else True, reg_covar=0.0)
    assert other.noise_volume_ == pytest.approx(one.noise_volume_ * scale.prod(), rel=1e-9)
    assert other.noise_weight_ == pytest.approx(one.noise_weight_, rel=1e-6)
    assert_allclose(other.means_, scale * (one.means_ + shift), rtol=1e-6)
    assert other.score(there) == pytest.approx(one.score(X) - np.log(scale).sum(), abs=1e-6)


def test_units_beyond_those_of_a_volume_in_doubles():
    X = clusters(d=3)
    one, other = fitted(X, reg_covar=0.0), fitted(1e120 * X, reg_covar=0.0)
    assert other.noise_volume_ == np.finfo(float).max
    assert_allclose(other.predict_proba(1e120 * X), one.predict_proba(X), atol=1e-6)
    errors = other.standard_errors(1e120 * X)
    assert errors.noise_weight == pytest.approx(one.standard_errors(X).noise_weight, rel=1e-3)


# Weights


@each_structure
@pytest.mark.parametrize("noise", [True, 900.0])
def test_integer_weights_are_rows_that_stand_as_often(name, noise):
    X, rng = clusters(n=120, noise=30), np.random.default_rng(1)
    weights = rng.integers(0, 4, len(X))
    options = {"covariance_type": name, "noise": noise, "random_state": 0, "tol": 1e-9}
    options["max_iter"] = 2000
    one = EMGaussianMixture(2, **options).fit(X, sample_weight=weights)
    other = EMGaussianMixture(2, **options).fit(np.repeat(X, weights, axis=0))
    assert one.noise_volume_ == pytest.approx(other.noise_volume_, rel=1e-10)
    assert one.noise_weight_ == pytest.approx(other.noise_weight_, rel=1e-4)
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, abs=1e-7)


def test_rows_of_no_weight_have_no_part_in_the_volume():
    X = clusters()
    far = np.concatenate([X, [[1e4, -1e4]]])
    weights = np.append(np.ones(len(X)), 0.0)
    mark = np.append(X.max(axis=1) > 10.0, True)
    options = {"noise": True, "tol": 1e-10, "max_iter": 1000, "random_state": 0}
    one = EMGaussianMixture(2, noise_init=mark, **options).fit(far, sample_weight=weights)
    other = EMGaussianMixture(2, noise_init=mark[:-1], **options).fit(X)
    assert one.noise_volume_ == other.noise_volume_
    assert_allclose(*(np.sort(mixture.means_, axis=0) for mixture in (one, other)), atol=1e-5)


def test_sparse_rows_are_the_same_by_weights_and_by_repetition():
    X, rng = clusters(n=120, noise=30), np.random.default_rng(2)
    weights = rng.integers(1, 4, len(X))
    by_weight = find_clutter(Rows(X, weights.astype(float)), 2)
    assert_array_equal(
        np.repeat(by_weight, weights), find_clutter(Rows(np.repeat(X, weights, axis=0)), 2)
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3))
def test_copies_fare_alike_and_leave_most_rows(seed, values, d):
    """Rows of a few whole numbers, with many at each distance from their neighbours."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, values, (rng.integers(20, 150), d)).astype(float)
    sparse = find_clutter(Rows(X), 2)
    assert sparse.mean() <= 0.8
    for row in np.unique(X, axis=0):
        assert len(np.unique(sparse[(X == row).all(axis=1)])) == 1


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("copies", [10, 30])
def test_rows_that_all_have_copies_may_have_noise(copies):
    X = np.repeat(clusters(n=4, noise=1), copies, axis=0)
    mixture = EMGaussianMixture(2, noise=True, random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bound_)
    assert (np.diff(mixture.history_) >= -1e-9).all()


@each_structure
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("noise", [True, 1e-30])
def test_noise_may_take_every_row(name, noise):
    X = 1e-9 * clusters(n=60, noise=5)  # of which reg_covar makes components far too wide
    mixture = EMGaussianMixture(2, covariance_type=name, noise=noise, random_state=0).fit(X)
    assert_allclose(mixture.noise_weight_ + mixture.weights_.sum(), 1.0)
    assert np.isfinite(mixture.lower_bound_)
    assert (np.diff(mixture.history_) >= -1e-9 * abs(mixture.lower_bound_)).all()


# Starts


def test_starts_that_say_what_is_noise_agree(X):
    noise = np.arange(len(X)) >= 272
    labels = (X[:, 0] > 3.0).astype(int)
    whole = np.where(noise, -1, labels)
    resp = np.eye(3)[whole]
    ways = [
        {"resp_init": whole},
        {"resp_init": resp},
        {"resp_init": labels, "noise_init": noise},
        {"resp_init": resp[:, :2] + resp[:, 2:] * [1.0, 0.0], "noise_init": noise.tolist()},
    ]
    first = fitted(X, max_iter=0, **ways[0])
    assert first.noise_weight_ == pytest.approx(noise.mean())
    assert_allclose(first.means_[0], X[whole == 0].mean(axis=0))
    for way in ways[1:]:
        assert_allclose(fitted(X, max_iter=0, **way).means_, first.means_, rtol=1e-12)


def test_weights_that_sum_to_less_than_one_leave_the_rest_to_noise(X):
    means, precisions = [[2.0, 55.0], [4.0, 80.0]], [np.diag([10.0, 0.03])] * 2
    options = {"means_init": means, "precisions_init": precisions, "max_iter": 0}
    mixture = fitted(X, weights_init=[0.4, 0.3], **options)
    assert_allclose(mixture.weights_, [0.4, 0.3])
    assert mixture.noise_weight_ == pytest.approx(0.3)
    mixture = fitted(X, weights_init=[0.6, 0.4], noise_init=np.arange(len(X)) >= 272, **options)
    assert mixture.noise_weight_ == pytest.approx(40 / 312)
    assert mixture.weights_[0] / mixture.weights_[1] == pytest.approx(1.5)
    by_means = fitted(X, means_init=means)
    drawn = fitted(X).means_
    assert_allclose(by_means.means_, drawn[drawn[:, 0].argsort()], rtol=0.02)


def test_a_warm_start_goes_on_with_the_noise(X):
    mixture = EMGaussianMixture(2, noise=True, warm_start=True, max_iter=3, random_state=0)
    with pytest.warns(match="did not converge"):
        mixture.fit(X)
    before = mixture.lower_bound_
    mixture.set_params(max_iter=0).fit(X)
    assert mixture.lower_bound_ == pytest.approx(before, rel=1e-12)
    with pytest.raises(ValueError, match="warm_start goes on .* noise = True; now they are False"):
        mixture.set_params(noise=False).fit(X)


# Around it


@each_structure
def test_standard_errors_are_those_of_the_hessian(name, X):
    """Of the weights, along which the log-likelihood is differentiated twice by differences."""
    mixture = fitted(X, covariance_type=name, tol=1e-12, max_iter=5000, reg_covar=0.0)
    errors = mixture.standard_errors(X)
    assert np.isfinite(errors.means).all() and np.isfinite(errors.noise_weight)
    assert errors.covariances.shape == mixture.covariances_.shape
    doubled = mixture.standard_errors(np.repeat(X, 2, axis=0))
    assert doubled.noise_weight * np.sqrt(2.0) == pytest.approx(errors.noise_weight, rel=1e-3)
    summary = mixture.summary(X)
    assert_allclose(summary["se_weight"], errors.weights)


def test_standard_errors_of_one_column_by_differences():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=300), rng.uniform(-30.0, 30.0, 60)])[:, None]
    mixture = fitted(x, 1, tol=1e-13, max_iter=5000, reg_covar=0.0)
    errors = mixture.standard_errors(x)

    def log_likelihood(theta):
        w, m, v = theta
        normal = w * np.exp(-0.5 * (x - m) ** 2 / v) / np.sqrt(2.0 * np.pi * v)
        return np.log(normal + (1.0 - w) / mixture.noise_volume_).sum()

    here = np.array([mixture.weights_[0], mixture.means_[0, 0], mixture.covariances_[0, 0, 0]])
    h, hessian = 1e-4, np.empty((3, 3))
    for i, j in np.ndindex(3, 3):
        a, b = h * np.eye(3)[[i, j]]
        hessian[i, j] = sum(
            s * t * log_likelihood(here + s * a + t * b) for s in (1, -1) for t in (1, -1)
        ) / (4.0 * h * h)
    expected = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    found = [errors.weights[0], errors.means[0, 0], errors.covariances[0, 0, 0]]
    assert_allclose(found, expected, rtol=1e-3)
    assert errors.noise_weight == pytest.approx(errors.weights[0], rel=1e-6)


def test_a_grid_has_noise_in_all_its_fits(X):
    choice = EMGaussianMixtureIC(1, 4, noise=True, random_state=0).fit(X)
    assert choice.best_params_["n_components"] in {2, 3}
    assert (choice.results_["failure"] == "").all()
    assert choice.bic(X) == pytest.approx(choice.best_criterion_)
    assert choice.noise_weight_ == choice.best_estimator_.noise_weight_ > 0.05
    assert choice.predict(X).min() == -1
    without = EMGaussianMixtureIC(1, 4, random_state=0).fit(X)
    assert choice.best_criterion_ < without.best_criterion_


def test_a_grid_takes_every_structure(X):
    choice = EMGaussianMixtureIC(
        2, 2, covariance_type=list(NAMES), noise=True, noise_init=np.arange(len(X)) >= 272
    ).fit(X)
    assert np.isfinite(choice.criterion_).all()


@pytest.mark.parametrize("noise", [True, 600.0])
def test_a_stream_has_the_noise_of_its_first_batch(noise):
    rng = np.random.default_rng(0)
    X = rng.permutation(clusters(n=4000, noise=800))
    mixture = EMGaussianMixture(2, noise=noise, random_state=0)
    for batch in np.split(X, 24):
        mixture = pickle.loads(pickle.dumps(mixture.partial_fit(batch)))
    assert mixture.noise_volume_ == pytest.approx(
        np.exp(log_hypervolume(Rows(X[:200]))) if noise is True else noise
    )
    whole = fitted(X, noise=mixture.noise_volume_, tol=1e-6, max_iter=500)
    assert mixture.score(X) >= whole.score(X) - 0.01
    assert mixture.noise_weight_ == pytest.approx(whole.noise_weight_, abs=0.02)
    with pytest.raises(ValueError, match="partial_fit goes on .* noise = True; now they are False"):
        mixture.set_params(noise=False).partial_fit(X[:50])
    missing = np.where(rng.random(X[:50].shape) < 0.1, np.nan, X[:50])
    with pytest.raises(ValueError, match="missing cells"):
        mixture.set_params(noise=noise).partial_fit(missing)


def test_copies_are_as_good(X):
    mixture = fitted(X)
    for other in (pickle.loads(pickle.dumps(mixture)), clone(mixture).fit(X)):
        assert_array_equal(other.predict_proba(X), mixture.predict_proba(X))
    assert clone(mixture).get_params()["noise"] is True


def test_attributes_set_by_hand_are_taken_as_they_are(X):
    mixture = fitted(X)
    proba = mixture.predict_proba(X)
    mixture.means_ = mixture.means_.copy()
    mixture.means_[0] += 1e-12
    assert_allclose(mixture.predict_proba(X), proba, atol=1e-6)
    mixture.noise_weight_, mixture.weights_ = 0.5, mixture.weights_ * 0.5 / mixture.weights_.sum()
    assert_allclose(mixture.score_samples(X), log_likelihood_of(mixture, X), rtol=1e-9)
    mixture.noise_volume_ = 100.0
    assert_allclose(mixture.score_samples(X), log_likelihood_of(mixture, X), rtol=1e-9)


def test_single_precision(X):
    mixture = fitted(X.astype(np.float32))
    assert mixture.weights_.dtype == mixture.predict_proba(X.astype(np.float32)).dtype == np.float32
    exact = fitted(X)
    assert_allclose(mixture.means_, exact.means_, rtol=1e-4)
    assert mixture.noise_weight_ == pytest.approx(exact.noise_weight_, rel=1e-3)
    sums = mixture.weights_.sum() + mixture.noise_weight_
    assert sums == pytest.approx(1.0, abs=1e-6)


def test_rows_are_drawn_of_the_components_alone(X):
    mixture = fitted(X)
    rows, labels = mixture.sample(2000, random_state=0)
    assert set(labels) == {0, 1}
    shares = np.bincount(labels) / 2000
    assert_allclose(shares, mixture.weights_ / mixture.weights_.sum(), atol=0.05)


def test_columns_that_follow_from_others(X):
    """The volume is of the columns that are kept."""
    with pytest.warns(DataWarning, match="constant"):
        mixture = fitted(np.column_stack([X, np.full(len(X), 3.0)]))
    alone = fitted(X)
    assert mixture.noise_volume_ == pytest.approx(alone.noise_volume_)
    assert mixture.noise_weight_ == pytest.approx(alone.noise_weight_, rel=1e-6)
    with pytest.raises(ValueError, match=r"volume over all columns, and column\(s\) 2"):
        fitted(np.column_stack([X, np.full(len(X), 3.0)]), noise=300.0)


@pytest.mark.parametrize("features", [None, [1]])
def test_a_display_tells_what_is_noise(X, features):
    pytest.importorskip("matplotlib")
    from emkit.plotting import MixtureDisplay

    display = MixtureDisplay.from_estimator(fitted(X), X, features=features)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    if features is None:
        assert "noise" in texts
        noise = fitted(X).predict(X) == -1
        colours = display.points_[0].get_facecolors()[noise, :3]
        assert np.ptp(colours, axis=1).max() < 0.2  # grey or nearly so
    else:
        assert "mixture but for noise" in texts


def test_a_display_of_one_feature_has_the_density_of_noise(X):
    pytest.importorskip("matplotlib")
    from emkit.plotting import MixtureDisplay

    mixture = fitted(X[:, :1])
    display = MixtureDisplay.from_estimator(mixture, X[:, :1])
    grid, density = display.density_lines_[0].get_data()
    assert_allclose(density, np.exp(mixture.score_samples(grid[:, None])), rtol=1e-6)


# Bad input


@pytest.mark.parametrize("noise", [0, 0.0, -1.0, np.nan, np.inf, "True", None, [1.0], 1j])
def test_what_is_no_volume_is_refused(noise, X):
    with pytest.raises(ValueError, match="'noise' parameter"):
        EMGaussianMixture(2, noise=noise).fit(X)
    with pytest.raises(ValueError, match="'noise' parameter"):
        EMGaussianMixtureIC(2, 2, noise=noise).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": False, "noise_init": np.ones(312, dtype=bool)}, "noise=False"),
        ({"noise_init": np.ones(311, dtype=bool)}, r"shape of \(312,\)"),
        ({"noise_init": np.ones((312, 1), dtype=bool)}, r"shape of \(312,\)"),
        ({"noise_init": np.arange(312)}, "boolean mask"),
        ({"noise_init": np.zeros(312, dtype=bool)}, "marks no row"),
        ({"noise_init": np.ones(312, dtype=bool)}, "takes 312 of 312 rows"),
        ({"noise_init": np.arange(312) > 0}, "n_components=2 need a row each"),
        ({"resp_init": np.full(312, -1)}, "takes 312 of 312 rows"),
        ({"resp_init": np.full(312, -2)}, "-1 is noise"),
        ({"noise": False, "resp_init": np.full(312, -1)}, "Count labels from 0"),
        ({"weights_init": [0.7, 0.7]}, "normalized"),
        ({"noise": False, "weights_init": [0.3, 0.3]}, "normalized"),
    ],
)
def test_starts_that_make_no_sense_are_refused(options, message, X):
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(2, **{"noise": True, **options}).fit(X)


def test_missing_cells_are_refused_with_the_reason(X):
    missing = X.copy()
    missing[3, 1] = np.nan
    with pytest.raises(ValueError, match="volume does not say"):
        fitted(missing)
    mixture = fitted(X)
    for method in (mixture.predict, mixture.predict_proba, mixture.score_samples, mixture.score):
        with pytest.raises(ValueError, match="volume does not say"):
            method(missing)
    with pytest.raises(ValueError, match="volume does not say"):
        mixture.impute(missing)
    assert_array_equal(mixture.impute(X), X)


def test_what_has_no_noise_is_refused(X):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"x": X[:, 0], "kind": pd.Categorical(["a", "b"] * 156)})
    with pytest.raises(ValueError, match="noise=True.*categories"):
        fitted(table)
    with pytest.raises(ValueError, match="noise"):
        fitted(X).to_sklearn()


def test_noise_that_has_no_rows_is_told_of():
    X = np.random.default_rng(0).normal(size=(200, 2))
    with pytest.warns(DataWarning, match="No row is noise"):
        mixture = fitted(X, 1, noise=1e12, tol=1e-9)
    alone = EMGaussianMixture(1).fit(X)
    assert_allclose(mixture.means_, alone.means_, atol=1e-6)


def test_noise_that_takes_all_rows_is_told_of(X):
    with pytest.warns(DataWarning, match="Noise takes all rows"):
        mixture = fitted(X, noise=1e-9, tol=1e-9, max_iter=1000)
    assert np.isfinite(mixture.means_).all() and np.isfinite(mixture.score(X))
    assert (mixture.predict(X) == -1).all()


@pytest.mark.parametrize("covariance_type", ["full", "diag", "tied"])
def test_rows_with_a_label_are_no_noise(covariance_type):
    rng = np.random.default_rng(3)
    X = np.vstack([
        rng.normal(size=(60, 2)), rng.normal(8.0, 1.0, (60, 2)), rng.uniform(-5, 13, (30, 2))
    ])  # fmt: skip
    labels = np.full(150, -1)
    labels[[0, 1, 2]], labels[[60, 61, 62]] = 1, 0
    options = {"covariance_type": covariance_type, "tol": 1e-9, "max_iter": 2000}
    mixture = EMGaussianMixture(2, noise=True, random_state=0, **options).fit(X, labels=labels)
    assert (np.diff(mixture.history_) > -1e-9).all()
    joint = np.column_stack([
        multivariate_normal(mean, covariance).logpdf(X) + np.log(weight)
        for mean, covariance, weight in zip(
            mixture.means_, dense(covariance_type, mixture.covariances_, 2, 2), mixture.weights_,
            strict=True,
        )
    ])  # fmt: skip
    noise = np.log(mixture.noise_weight_) - np.log(mixture.noise_volume_)
    rows = np.logaddexp(np.logaddexp(*joint.T), noise)
    known = np.flatnonzero(labels >= 0)
    rows[known] = joint[known, labels[known]]
    assert_allclose(mixture.lower_bound_, rows.mean(), rtol=1e-6)  # with the prior of reg_covar
    assert_allclose(mixture.means_[:, 0], [8.0, 0.0], atol=0.6)
