"""EMGaussianMixture: golden numbers, agreement with scikit-learn, laws of its methods."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from structures import dense

from emkit import EMGaussianMixture
from emkit.engine import Anderson, ShortRuns, StopReason
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES, SCIKIT_LEARN, STRUCTURES

MODELS = ["VVV", "EEE", "VVI", "VII", "EEI", "EII", "VEV", "EVV"]  # that mclust fits with weights


def clusters(seed=0, n=400, d=3, k=3, separation=2.0):
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(k, d))
    shapes = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
    labels = np.arange(n) % k
    return means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(n, d))), labels


# Golden numbers


@pytest.mark.parametrize("acceleration", ["anderson", "squarem", "louis", None])
def test_mclust_maxima_from_its_own_starts(golden, acceleration):
    """R mclust 6.0.0, me() from hierarchical labels, to 1e-4 in the total log-likelihood."""
    reference = golden("mixture.json")
    for case in reference["cases"]:
        if acceleration == "louis" and case["G"] > 2:
            continue  # it takes an E-step a parameter
        X = np.array(reference["datasets"][case["dataset"]]["X"])
        labels = np.array(reference["init_labels"][case["dataset"]][str(case["G"])]) - 1
        mixture = EMGaussianMixture(
            case["G"],
            covariance_type=case["model"],
            resp_init=labels,
            reg_covar=0,
            tol=1e-9,
            max_iter=5000,
            acceleration=acceleration,
        ).fit(X)
        assert mixture._n_parameters() == case["df"]
        assert mixture.covariance_type_ == case["model"]
        if "stationary_loglik" in case:  # mclust stops short; other maxima may be higher
            assert mixture.lower_bound_ * len(X) >= case["stationary_loglik"] - 1e-4, case
            continue
        assert mixture.lower_bound_ * len(X) == pytest.approx(case["loglik"], abs=1e-4), case
        assert mixture.bic(X) == pytest.approx(case["bic"], abs=2e-4)
        assert mixture.aic(X) == pytest.approx(case["aic"], abs=2e-4)


@pytest.mark.parametrize(("search", "n_init"), [("restarts", 10), ("short_runs", 40)])
def test_many_starts_reach_the_best_known(golden, search, n_init):
    reference = golden("mixture.json")
    for case in reference["cases"]:
        share = 0.9 if search == "restarts" else 0.3
        if case["G"] > 3 or case["starts_at_best"] < share * case["starts"]:
            continue
        X = np.array(reference["datasets"][case["dataset"]]["X"])
        mixture = EMGaussianMixture(
            case["G"],
            covariance_type=case["model"],
            reg_covar=0,
            tol=1e-7,
            max_iter=2000,
            n_init=n_init,
            search=search,
            random_state=0,
        ).fit(X)
        assert mixture.lower_bound_ * len(X) >= case["best_loglik"] - 1e-3, case


def test_k_means_starts_differ_enough_for_a_maximum_that_few_find(golden):
    """Of columns of very different spread k-means would see one, and find few partitions."""
    reference = golden("mixture.json")
    (case,) = (
        case
        for case in reference["cases"]
        if (case["dataset"], case["G"], case["model"]) == ("faithful", 5, "VII")
    )
    X = np.array(reference["datasets"]["faithful"]["X"])
    options = {"covariance_type": "spherical", "reg_covar": 0, "tol": 1e-7, "max_iter": 2000}
    mixture = EMGaussianMixture(5, n_init=60, random_state=0, **options).fit(X)
    assert mixture.lower_bound_ * len(X) >= case["best_loglik"] - 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_weighted_fits_are_those_of_mclust(golden, model):
    reference = golden("mixture.json")
    case = reference["weighted_faithful"]
    X, weights = np.array(reference["datasets"]["faithful"]["X"]), np.array(case["weights"])
    mixture = EMGaussianMixture(
        2,
        covariance_type=model,
        resp_init=np.array(case["init_labels"]) - 1,
        reg_covar=0,
        tol=1e-11,
        max_iter=2000,
    ).fit(X, sample_weight=weights)
    fit = case["fits"][model]
    assert mixture.lower_bound_ * weights.sum() == pytest.approx(fit["weighted_loglik"], abs=1e-5)
    np.testing.assert_allclose(mixture.weights_, fit["pro"], atol=1e-5)
    np.testing.assert_allclose(mixture.means_, fit["means"], rtol=1e-5)


def test_two_normals():
    """Published to five decimals with the project's plan; scikit-learn's default stops short."""
    rng = np.random.RandomState(0)  # noqa: NPY002 (the data are defined by the legacy stream)
    x = np.concatenate([rng.normal(0, 1, 300), rng.normal(5, 1.5, 700)])[:, None]
    mixture = EMGaussianMixture(2, tol=1e-12, max_iter=1000).fit(x)
    order = mixture.means_[:, 0].argsort()
    np.testing.assert_allclose(mixture.means_[order, 0], [0.00786, 4.87587], atol=1e-5)
    np.testing.assert_allclose(mixture.covariances_[order, 0, 0], [0.96987, 2.17287], atol=1e-5)
    np.testing.assert_allclose(mixture.weights_[order], [0.29743, 0.70257], atol=1e-5)


def test_concentric_clusters():
    rng = np.random.RandomState(0)  # noqa: NPY002
    X = np.vstack([rng.normal(0, sd, (200, 2)) for sd in (1, 2, 3)])
    mixture = EMGaussianMixture(3, tol=1e-8, max_iter=2000, n_init=20, random_state=0).fit(X)
    assert mixture.lower_bound_ * 600 >= -2523.55


# Beside scikit-learn


@pytest.mark.parametrize("covariance_type", SCIKIT_LEARN)
@pytest.mark.parametrize("tol", [1e-3, 0.0])
def test_same_start_same_steps_as_scikit_learn(covariance_type, tol):
    X, _ = clusters(n=2000)
    init = EMGaussianMixture(3, covariance_type=covariance_type, max_iter=0, random_state=0).fit(X)
    arguments = {
        "covariance_type": covariance_type,
        "reg_covar": 0.0,
        "tol": tol,
        "max_iter": 60 if tol else 7,
        "weights_init": init.weights_,
        "means_init": init.means_,
        "precisions_init": init.precisions_,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = EMGaussianMixture(3, acceleration="anderson" if tol else None, **arguments).fit(X)
        theirs = GaussianMixture(3, **arguments).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-9)
    assert ours.lower_bound_ == pytest.approx(theirs.score(X), rel=1e-9)
    if hasattr(theirs, "lower_bounds_"):  # new in scikit-learn 1.7
        assert len(ours.lower_bounds_) == len(theirs.lower_bounds_)
        # Theirs are of the parameters before each M-step, ours of those after.
        np.testing.assert_allclose(ours.lower_bounds_[:-1], theirs.lower_bounds_[1:], rtol=1e-9)
    for method in ("predict", "predict_proba", "score_samples", "score", "aic", "bic"):
        np.testing.assert_allclose(
            getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_prior_is_scikit_learns_regularisation_for_one_component(covariance_type):
    X, _ = clusters()
    ours = EMGaussianMixture(1, covariance_type=covariance_type, reg_covar=1e-3).fit(X)
    theirs = GaussianMixture(1, covariance_type=covariance_type, reg_covar=1e-3).fit(X)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_)


@pytest.mark.parametrize("covariance_type", NAMES)
def test_hand_set_attributes_are_enough_to_predict(covariance_type):
    X, _ = clusters()
    kind = GaussianMixture if covariance_type in SCIKIT_LEARN else EMGaussianMixture
    fitted = kind(3, covariance_type=covariance_type, random_state=0).fit(X)
    ours = EMGaussianMixture(3, covariance_type=covariance_type)
    ours.weights_, ours.means_ = fitted.weights_, fitted.means_
    ours.precisions_cholesky_ = fitted.precisions_cholesky_
    np.testing.assert_allclose(ours.score_samples(X), fitted.score_samples(X))
    assert ours.sample(5, random_state=0)[0].shape == (5, 3)


# Laws


@pytest.mark.parametrize("covariance_type", NAMES)
def test_gradient_is_zero_at_the_optimum(covariance_type):
    X, _ = clusters(n=200, d=2, k=2)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    reg = 1e-2
    mixture = EMGaussianMixture(
        2, covariance_type=covariance_type, tol=1e-13, max_iter=5000, reg_covar=reg, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # reg_covar is large here
        mixture.fit(X, sample_weight=weights)

    def objective(mean_step, covariance_step):
        covariances = STRUCTURES[covariance_type].retract(
            mixture.covariances_ + covariance_step, mixture.weights_
        )
        matrices = dense(covariance_type, covariances, 2, 2)
        density = sum(
            w * multivariate_normal(m, c).pdf(X)
            for w, m, c in zip(mixture.weights_, mixture.means_ + mean_step, matrices, strict=True)
        )
        penalty = sum(np.trace(np.linalg.inv(c)) for c in matrices)
        return weights @ np.log(density) - weights.sum() * reg / 4 * penalty

    assert objective(0.0, 0.0) / weights.sum() == pytest.approx(mixture.history_[-1], rel=1e-10)
    step = 1e-5
    for index in np.ndindex(mixture.means_.shape):
        move = np.zeros_like(mixture.means_)
        move[index] = step
        slope = (objective(move, 0.0) - objective(-move, 0.0)) / (2 * step)
        assert abs(slope) < 1e-3
    for index in np.ndindex(mixture.covariances_.shape):
        move = np.zeros_like(mixture.covariances_)
        move[index] = step
        if move.ndim > 1 and move.shape[-1] == move.shape[-2]:
            move = 0.5 * (move + np.swapaxes(move, -1, -2))
        slope = (objective(0.0, move) - objective(0.0, -move)) / (2 * step)
        assert abs(slope) < 1e-3


@pytest.mark.parametrize("covariance_type", NAMES)
def test_accelerated_and_plain_meet(covariance_type):
    X, _ = clusters(seed=3)
    fits = [
        EMGaussianMixture(
            3,
            covariance_type=covariance_type,
            acceleration=acceleration,
            tol=1e-11,
            max_iter=10_000,
            random_state=0,
        ).fit(X)
        for acceleration in (None, "anderson", "squarem", Anderson(order=3))
    ]
    for fit in fits:
        assert fit.converged_ and (np.diff(fit.history_) >= 0).all()
        assert fit.lower_bound_ == pytest.approx(fits[0].lower_bound_, abs=1e-7)
    assert fits[1].runs_[0].n_evaluations <= fits[0].runs_[0].n_evaluations


def test_default_tolerance_is_plain_em():
    X, _ = clusters(separation=0.7)
    default = EMGaussianMixture(3, random_state=0).fit(X)
    plain = EMGaussianMixture(3, random_state=0, acceleration=None).fit(X)
    assert default.n_iter_ == plain.n_iter_
    np.testing.assert_array_equal(default.means_, plain.means_)


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_starts_of_every_kind(covariance_type, init_params):
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 3
    X = 10 * np.eye(3)[labels] + rng.normal(size=(400, 3))
    mixture = EMGaussianMixture(
        3,
        covariance_type=covariance_type,
        init_params=init_params,
        n_init=5,
        max_iter=500,
        tol=1e-6,
        random_state=1,
    ).fit(X)
    assert len(mixture.runs_) == 5
    assert adjusted_rand_score(labels, mixture.predict(X)) > 0.9


def test_random_rows_are_the_means_of_their_start():
    X, _ = clusters()
    for init_params in ("random_from_data", "k-means++"):
        start = EMGaussianMixture(3, init_params=init_params, max_iter=0, random_state=0).fit(X)
        distance = np.abs(start.means_[:, None] - X[None]).max(axis=2).min(axis=1)
        np.testing.assert_allclose(distance, 0.0, atol=1e-12)


def test_large_data_start_from_a_sample_in_proportion_to_weight():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (60_000, 1)), rng.normal(20, 1, (60_000, 1))])
    weights = np.repeat([1.0, 9.0], 60_000)
    start = EMGaussianMixture(2, max_iter=0, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(sorted(start.weights_), [0.1, 0.9], atol=0.01)
    whole = EMGaussianMixture(2, max_iter=0, random_state=0).fit(X)
    np.testing.assert_allclose(whole.weights_, 0.5, atol=0.02)


def test_a_start_of_a_sample_is_refined():
    """The first EM step on the data has little left to gain; after k-means alone it has much."""
    X, _ = clusters(n=120_000, separation=1.0)
    first_gain = {}
    for n in (120_000, 40_000):  # above and below the size from which a sample is taken
        history = EMGaussianMixture(3, random_state=0).fit(X[:n]).history_
        first_gain[n] = history[1] - history[0]
    assert first_gain[120_000] < 1e-3 < 1e-2 < first_gain[40_000]


def test_resp_init_as_labels_and_as_responsibilities():
    X, labels = clusters()
    by_label = EMGaussianMixture(3, resp_init=labels).fit(X)
    by_resp = EMGaussianMixture(3, resp_init=np.eye(3)[labels]).fit(X)
    np.testing.assert_allclose(by_label.means_, by_resp.means_)
    start = EMGaussianMixture(3, resp_init=labels, max_iter=0).fit(X)
    for k in range(3):
        np.testing.assert_allclose(start.means_[k], X[labels == k].mean(axis=0))
    assert start.n_iter_ == 0 and not start.converged_


def test_warm_start_goes_on():
    X, _ = clusters(separation=1.0)
    arguments = {"tol": 0.0, "acceleration": None, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = EMGaussianMixture(3, max_iter=6, **arguments).fit(X)
        parts = EMGaussianMixture(3, max_iter=3, warm_start=True, **arguments).fit(X).fit(X)
        np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-9)
        with pytest.raises(ValueError, match="warm_start goes on from"):
            parts.set_params(n_components=2).fit(X)


def test_collapse_keeps_the_last_feasible_point_with_a_warning():
    X = np.concatenate([np.random.default_rng(0).normal(size=(30, 1)), [[9.0], [9.001]]])
    resp = np.repeat([0, 1], [30, 2])
    resp[29] = 1  # not singular at the start
    with pytest.warns(ConvergenceWarning, match="collapsed on a singular covariance"):
        mixture = EMGaussianMixture(
            2, resp_init=resp, reg_covar=0, init_params="kmeans", max_iter=500, tol=0
        ).fit(np.where(X > 8.5, 9.0, X))
    assert mixture.runs_[0].reason == StopReason.INFEASIBLE and not mixture.converged_
    assert np.isfinite(mixture.covariances_).all() and (mixture.covariances_ > 0).all()


def test_prior_that_steers_is_warned_of():
    X, _ = clusters()
    with pytest.warns(DataWarning, match=r"reg_covar=1e-06 exceeds 1 % .* 1 column\(s\) \(1\)"):
        EMGaussianMixture(2, random_state=0).fit(X * [1.0, 1e-4, 1.0])


# Methods


@pytest.mark.parametrize("covariance_type", NAMES)
def test_draws_have_the_moments_of_the_mixture(covariance_type):
    X, _ = clusters()
    mixture = EMGaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    drawn, labels = mixture.sample(200_000, random_state=1)
    np.testing.assert_allclose(np.bincount(labels) / len(labels), mixture.weights_, atol=0.01)
    expected = mixture.weights_ @ mixture.means_
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.05)
    again = mixture.sample(5)[0]
    np.testing.assert_array_equal(again, mixture.sample(5)[0])
    assert not np.array_equal(again, mixture.sample(5, random_state=1)[0])


def test_criteria_count_weights_as_rows():
    X, _ = clusters()
    counts = np.random.default_rng(0).integers(1, 4, len(X))
    mixture = EMGaussianMixture(3, random_state=0).fit(X, sample_weight=counts)
    repeated = np.repeat(X, counts, axis=0)
    for method in ("score", "aic", "bic", "icl"):
        weighted = getattr(mixture, method)(X, sample_weight=counts)
        assert weighted == pytest.approx(getattr(mixture, method)(repeated), rel=1e-10)
    assert mixture.score(X, sample_weight=counts) == pytest.approx(mixture.lower_bound_, rel=1e-9)
    entropy_bound = -2 * np.log(mixture.predict_proba(X).max(axis=1)).sum()
    assert mixture.icl(X) == pytest.approx(mixture.bic(X) + entropy_bound)


def test_far_away_rows_have_finite_probabilities():
    X, _ = clusters()
    mixture = EMGaussianMixture(3, random_state=0).fit(X)
    far = np.full((1, 3), 1e30)
    resp = mixture.predict_proba(far)
    assert np.isfinite(resp).all() and resp.sum() == pytest.approx(1.0)
    assert -np.inf < mixture.score_samples(far)[0] < -1e50


def test_search_and_acceleration_objects_are_arguments():
    X, _ = clusters()
    mixture = EMGaussianMixture(
        3, n_init=4, search=ShortRuns(n_iter=2), acceleration=Anderson(order=2), random_state=0
    )
    assert mixture.fit(X).converged_
    assert mixture.get_params()["search"] == ShortRuns(n_iter=2)


def test_model_selection_in_a_pipeline():
    X, _ = clusters(separation=6.0)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), EMGaussianMixture(random_state=0)),
        {"emgaussianmixture__n_components": [1, 3, 6]},
        cv=3,
    ).fit(X)
    assert search.best_params_ == {"emgaussianmixture__n_components": 3}


def test_weights_are_routed():
    """Rows of weight 0 have a cluster of their own, which a routed fit and score do not see."""
    X, _ = clusters(separation=6.0)
    X = np.concatenate([X, X[:100] + 100])
    weights = np.repeat([1.0, 0.0], [400, 100])
    with config_context(enable_metadata_routing=True):
        mixture = EMGaussianMixture(random_state=0).set_fit_request(sample_weight=True)
        mixture.set_score_request(sample_weight=True)
        search = GridSearchCV(
            mixture, {"n_components": [2, 3]}, cv=KFold(3, shuffle=True, random_state=0)
        )
        search.fit(X, sample_weight=weights)
    assert search.best_params_ == {"n_components": 3}
    assert search.best_estimator_.means_.max() < 50
