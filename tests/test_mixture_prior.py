"""MixturePrior: mclust's answers, the density written out, brute force, and limits."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import logsumexp, multigammaln, softmax
from scipy.stats import invgamma, invwishart, multivariate_normal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from structures import dense, unit

from emkit import EMGaussianMixture, EMGaussianMixtureIC, MixturePrior
from emkit.engine import StopReason
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES, STRUCTURES

MODELS = ["VVV", "EEE", "VVI", "VII"]  # whose M-step in mclust is that of the density
FLAT = MixturePrior(mean_precision=0.0, degrees_of_freedom=0.0)


def clusters(seed=0, n=60, d=2, k=3):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return 2.0 * rng.normal(size=(k, d))[labels] + rng.normal(size=(n, d)), labels


def holes(X, seed=0, share=0.2):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def full_prior(name, d, **changes):
    """A prior with nothing left to the data."""
    scale = {2: np.eye(d) + 0.5, 1: np.arange(1.0, d + 1.0), 0: 1.5}
    given = {
        "weight_concentration": 2.5,
        "mean_precision": 0.7,
        "mean": np.linspace(-1.0, 1.0, d),
        "degrees_of_freedom": d + 3.5,
        "covariance": scale[STRUCTURES[name].layout.ndim],
    }
    return MixturePrior(**(given | changes))


# The objective written out, in the user's units and up to a constant


def matrices(mixture):
    return dense(mixture.covariance_type, mixture.covariances_, *mixture.means_.shape)


def log_normal(X, mean, covariance):
    """As SciPy has it, without its checks, which would be most of a search by brute force."""
    root = np.linalg.cholesky(covariance)
    size = np.square(np.linalg.solve(root, (X - mean).T)).sum(axis=0)
    return -0.5 * (size + len(mean) * np.log(2.0 * np.pi)) - np.log(np.diag(root)).sum()


def log_inverse_wishart(covariance, dof, scale):
    d = len(covariance)
    dets = np.linalg.slogdet([scale, covariance])[1]
    value = dof * dets[0] - (dof + d + 1) * dets[1] - dof * d * np.log(2.0)
    return 0.5 * (value - np.trace(np.linalg.solve(covariance, scale))) - multigammaln(dof / 2, d)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_densities_written_out_are_those_of_scipy(d):
    rng = np.random.default_rng(d)
    scale, covariance = (root @ root.T for root in rng.normal(size=(2, d, d)))
    X, mean = rng.normal(size=(7, d)), rng.normal(size=d)
    for rows in (X, X[0]):
        expected = multivariate_normal.logpdf(rows, mean, covariance)
        assert_allclose(log_normal(rows, mean, covariance), expected, rtol=1e-10)
    expected = invwishart.logpdf(covariance, d + 3.5, scale)
    assert log_inverse_wishart(covariance, d + 3.5, scale) == pytest.approx(expected, rel=1e-10)


def log_likelihood(X, sample_weight, weights, means, covariances):
    total = 0.0
    patterns, group = np.unique(np.isfinite(X), axis=0, return_inverse=True)
    for g, seen in enumerate(patterns):
        rows = group.ravel() == g
        log_joint = [
            np.log(w) + log_normal(X[rows][:, seen], m[seen], C[np.ix_(seen, seen)])
            for w, m, C in zip(weights, means, covariances, strict=True)
        ]
        total += sample_weight[rows] @ np.atleast_1d(logsumexp(log_joint, axis=0))
    return total


def log_prior(prior, name, weights, means, covariances):
    value = (prior.weight_concentration - 1.0) * np.log(weights).sum()
    for mean, covariance in zip(means, covariances, strict=True):
        spread = covariance / prior.mean_precision
        value += log_normal(mean, prior.mean, spread)
    dof, scale = prior.degrees_of_freedom, prior.covariance
    layout = STRUCTURES[name].layout
    for covariance in covariances[:1] if layout.shared else covariances:
        if layout.ndim == 2:
            value += log_inverse_wishart(covariance, dof, scale)
        else:
            variances = np.diag(covariance) if layout.ndim == 1 else covariance[0, 0]
            value += invgamma.logpdf(variances, dof / 2.0, scale=np.divide(scale, 2.0)).sum()
    return value


def objective(X, sample_weight, name, prior, reg_covar, params):
    weights, means, covariances = params
    ridge = sum(np.trace(np.linalg.inv(C)) for C in covariances) / len(weights)
    return (
        log_likelihood(X, sample_weight, *params)
        + log_prior(prior, name, *params)
        - 0.5 * sample_weight.sum() * reg_covar * ridge
    )


# An unconstrained vector for weights, means and covariances


def unpack(theta, name, k, d):
    structure = STRUCTURES[name]
    logits, means, rest = np.split(theta, [k, k + k * d])
    weights = softmax(logits)
    if structure.layout.independent:
        covariances = np.exp(rest).reshape(structure.layout.shape(k, d))
    else:
        rest = rest.reshape(-1, d * (d + 1) // 2)
        lower = np.zeros((len(rest), d, d))
        lower[:, *np.tril_indices(d)] = rest
        diagonal = np.arange(d)
        lower[:, diagonal, diagonal] = np.exp(lower[:, diagonal, diagonal])
        covariances = (lower @ np.swapaxes(lower, 1, 2)).reshape(structure.layout.shape(k, d))
    covariances = structure.retract(covariances, weights)
    return weights, means.reshape(k, d), dense(name, covariances, k, d)


def pack(mixture):
    d = mixture.n_features_in_
    if STRUCTURES[mixture.covariance_type].layout.independent:
        rest = np.log(mixture.covariances_)
    else:
        lower = np.linalg.cholesky(mixture.covariances_.reshape(-1, d, d))
        diagonal = np.arange(d)
        lower[:, diagonal, diagonal] = np.log(lower[:, diagonal, diagonal])
        rest = lower[:, *np.tril_indices(d)]
    return np.concatenate([np.log(mixture.weights_), mixture.means_.ravel(), rest.ravel()])


def gradient(function, theta, step=1e-5):
    sides = np.eye(len(theta)) * step
    return np.array([function(theta + h) - function(theta - h) for h in sides]) / (2.0 * step)


# What mclust finds


def assert_fit_is(mixture, X, fit):
    assert mixture.lower_bound_ * len(X) == pytest.approx(fit["loglik_at_map"], abs=1e-6)
    assert mixture.score(X) == pytest.approx(mixture.lower_bound_, rel=1e-12)
    assert_allclose(mixture.weights_, fit["weights"], rtol=1e-7)
    assert_allclose(mixture.means_, fit["means"], rtol=1e-7)
    assert_allclose(matrices(mixture), fit["covariances"], rtol=1e-7)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("acceleration", ["anderson", None])
@pytest.mark.parametrize("case", ["faithful", "singleton"])
def test_mclust_finds_the_same(golden, model, acceleration, case):
    """By maximum likelihood the singleton collapses, unless one covariance is for both."""
    reference = golden("mixture_prior.json")[case]
    faithful = golden("mixture.json")["datasets"]["faithful"]["X"]
    X = np.array(reference.get("X", faithful))
    mixture = EMGaussianMixture(
        reference["G"],
        covariance_type=model,
        prior="mclust",
        reg_covar=0.0,
        tol=1e-14 if acceleration is None else 1e-12,
        max_iter=1000,
        resp_init=np.array(reference["init_labels"]) - 1,
        acceleration=acceleration,
    ).fit(X)
    assert mixture.converged_
    assert_fit_is(mixture, X, reference["fits"][model])
    if case == "singleton" and model != "EEE":
        with pytest.raises(ValueError, match="ill-defined"):
            clone(mixture).set_params(prior=None).fit(X)


@pytest.mark.parametrize("model", ["VVV", "EEE"])
def test_the_name_is_the_prior_that_mclust_prints(golden, model):
    reference = golden("mixture_prior.json")["faithful"]
    X = np.array(golden("mixture.json")["datasets"]["faithful"]["X"])
    prior = MixturePrior(
        mean_precision=reference["prior"]["shrinkage"],
        mean=reference["prior"]["mean"],
        degrees_of_freedom=reference["prior"]["dof"],
        covariance=reference["prior"]["scale"],
    )
    mixture = EMGaussianMixture(
        2,
        covariance_type=model,
        prior=prior,
        reg_covar=0.0,
        tol=1e-12,
        resp_init=np.array(reference["init_labels"]) - 1,
    ).fit(X)
    assert_fit_is(mixture, X, reference["fits"][model])
    named = clone(mixture).set_params(prior="mclust").fit(X)
    assert_allclose(named.covariances_, mixture.covariances_, rtol=1e-9)
    default = clone(mixture).set_params(prior=MixturePrior()).fit(X)
    assert_array_equal(default.covariances_, named.covariances_)


# The maximum of the density written out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("k", "weighted", "missing"),
    [(1, False, False), (1, True, True), (2, True, False), (3, False, True), (4, True, True)],
)
def test_the_gradient_of_the_objective_is_zero(name, k, weighted, missing):
    X, _ = clusters(n=40, k=max(k, 2))
    X = holes(X) if missing else X
    X = X[np.isfinite(X).any(axis=1)]
    sample_weight = np.linspace(0.5, 2.5, len(X)) if weighted else np.ones(len(X))
    prior, reg_covar = full_prior(name, 2), 1e-2
    mixture = EMGaussianMixture(
        k,
        covariance_type=name,
        prior=prior,
        reg_covar=reg_covar,
        tol=1e-15,
        max_iter=5000,
        random_state=0,
        init_params="random_from_data",  # the default start is nearly there
    )
    at_start = clone(mixture).set_params(max_iter=0).fit(X, sample_weight=sample_weight)
    mixture.fit(X, sample_weight=sample_weight)

    def value(theta):
        params = unpack(theta, name, k, 2)
        return objective(X, sample_weight, name, prior, reg_covar, params)

    top, bottom = value(pack(mixture)), value(pack(at_start))
    assert np.abs(gradient(value, pack(mixture))).max() < 1e-5
    if k > 1 or missing:
        assert np.abs(gradient(value, pack(at_start))).max() > 1e-2
    risen = sample_weight.sum() * (mixture.history_[-1] - at_start.history_[-1])
    assert risen == pytest.approx(top - bottom, rel=1e-9, abs=1e-9)
    plain = mixture.lower_bound_ * sample_weight.sum()
    params = unpack(pack(mixture), name, k, 2)
    assert plain == pytest.approx(log_likelihood(X, sample_weight, *params), rel=1e-10)


@pytest.mark.parametrize("name", ["full", "tied", "spherical", "EEI", "EEV"])
def test_brute_force_finds_nothing_higher(name):
    X, _ = clusters(seed=3, n=14, k=2)
    ones, prior = np.ones(len(X)), full_prior(name, 2, weight_concentration=3.0)
    mixture = EMGaussianMixture(
        2, covariance_type=name, prior=prior, reg_covar=0.0, tol=1e-13, n_init=10, random_state=0
    ).fit(X)

    def fall(theta):
        try:
            return -objective(X, ones, name, prior, 0.0, unpack(theta, name, 2, 2))
        except np.linalg.LinAlgError:  # a long step of the line search
            return 1e10

    rng = np.random.default_rng(0)
    size = len(pack(mixture))
    found = min((minimize(fall, rng.normal(size=size)) for _ in range(5)), key=lambda r: r.fun)
    assert fall(pack(mixture)) == pytest.approx(found.fun, abs=1e-6)
    weights, means, covariances = unpack(found.x, name, 2, 2)
    order, own = weights.argsort(), mixture.weights_.argsort()
    assert_allclose(weights[order], mixture.weights_[own], atol=1e-4)
    assert_allclose(means[order], mixture.means_[own], atol=1e-3)
    assert_allclose(covariances[order], matrices(mixture)[own], atol=1e-3)


def test_one_component_in_closed_form():
    """The posterior mode of a normal, as textbooks have it; here with no more rows than columns."""
    X, _ = clusters(n=4, d=4)
    n, d = X.shape
    mixture = EMGaussianMixture(1, prior="mclust", reg_covar=0.0).fit(X)
    variances = np.diag(X.var(axis=0, ddof=1))
    assert_allclose(mixture.means_[0], X.mean(axis=0), atol=1e-12)
    scatter = (n - 1) * np.cov(X.T) + variances
    assert_allclose(mixture.covariances_[0], scatter / (n + d + 2 + d + 2), rtol=1e-10)

    prior = full_prior("full", d)
    mixture.set_params(prior=prior).fit(X)
    kappa, away = prior.mean_precision, X.mean(axis=0) - prior.mean
    mean = (n * X.mean(axis=0) + kappa * prior.mean) / (n + kappa)
    assert_allclose(mixture.means_[0], mean, atol=1e-12)
    scatter = (n - 1) * np.cov(X.T) + prior.covariance
    scatter += kappa * n / (kappa + n) * np.outer(away, away)
    rows = n + prior.degrees_of_freedom + d + 2
    assert_allclose(mixture.covariances_[0], scatter / rows, rtol=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    k=st.integers(1, 4),
    seed=st.integers(0, 2**16),
    concentration=st.sampled_from([1.0, 1.1, 20.0]),
    mean_precision=st.sampled_from([0.0, 1e-3, 5.0]),
    degrees_of_freedom=st.sampled_from([0.0, 2.5, 40.0]),
    missing=st.booleans(),
    weighted=st.booleans(),
)
def test_the_objective_never_falls(
    name, k, seed, concentration, mean_precision, degrees_of_freedom, missing, weighted
):
    """A plain step that fell would end the run; the engine would name it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 2)) * 10.0 ** rng.integers(0, 4, 2) + 5.0 * rng.normal(size=2)
    X = holes(X, seed) if missing else X
    prior = MixturePrior(
        weight_concentration=concentration,
        mean_precision=mean_precision,
        degrees_of_freedom=degrees_of_freedom,
    )
    mixture = EMGaussianMixture(
        k,
        covariance_type=name,
        prior=prior,
        tol=1e-3,
        max_iter=2000,
        acceleration=None,
        init_params="random_from_data",
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of few rows a component may collapse
        mixture.fit(X, sample_weight=rng.uniform(0.1, 3.0, len(X)) if weighted else None)
    assert mixture.converged_ and np.isfinite(mixture.means_).all()
    history = mixture.history_
    assert (np.diff(history) >= -1e-13 * np.abs(history[1:])).all()


# Laws


@pytest.mark.parametrize("name", NAMES)
def test_the_named_prior_follows_the_units(name):
    """Each column its own unit; variances take mclust's one number for all."""
    X, labels = clusters(n=90, d=3)
    structure = STRUCTURES[name]
    common = structure.layout.independent or not structure.scale_invariant
    scale = np.full(3, 1e3) if common else np.array([1e-3, 1.0, 1e4])
    shift = np.array([1e3, -5.0, 1e6])
    mixture = EMGaussianMixture(
        3, covariance_type=name, prior="mclust", reg_covar=0.0, tol=1e-11, resp_init=labels
    ).fit(X)
    moved = clone(mixture).fit(X * scale + shift)
    assert_allclose(moved.weights_, mixture.weights_, rtol=1e-6)
    assert_allclose((moved.means_ - shift) / scale, mixture.means_, rtol=1e-6, atol=1e-6)
    assert_allclose(
        matrices(moved) / np.outer(scale, scale), matrices(mixture), rtol=1e-5, atol=1e-8
    )
    jacobian = np.log(scale).sum()
    assert moved.lower_bound_ == pytest.approx(mixture.lower_bound_ - jacobian, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", [False, True])
def test_integer_weights_are_repeated_rows(name, missing):
    X, labels = clusters()
    X = holes(X, seed=2, share=0.1) if missing else X
    counts = 1 + np.arange(len(X)) % 3
    mixture = EMGaussianMixture(
        3, covariance_type=name, prior="mclust", tol=1e-12, max_iter=2000
    ).set_params(means_init=[X[labels == c][:4].mean(axis=0) for c in range(3)])
    if missing:
        mixture.set_params(means_init=np.nan_to_num(mixture.means_init))
        mixture.set_params(weights_init=[0.3, 0.3, 0.4], precisions_init=unit(name, 3, 2))
    weighted = clone(mixture).fit(X, sample_weight=counts)
    repeated = clone(mixture).fit(np.repeat(X, counts, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-10)
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-5, atol=1e-6)
    assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_prior_is_none(name):
    X, labels = clusters()
    mixture = EMGaussianMixture(3, covariance_type=name, resp_init=labels).fit(X)
    flat = clone(mixture).set_params(prior=FLAT).fit(X)
    assert_array_equal(flat.covariances_, mixture.covariances_)
    assert_array_equal(flat.history_, mixture.history_)


@pytest.mark.parametrize("name", NAMES)
def test_many_rows_outweigh_the_prior(name):
    """The distance to maximum likelihood is of the order 1 / n."""
    X, labels = clusters(n=30, k=2)
    mixture = EMGaussianMixture(
        2, covariance_type=name, reg_covar=0.0, tol=1e-14, max_iter=2000, resp_init=labels
    )
    likeliest = clone(mixture).fit(X)
    mixture.set_params(prior=full_prior(name, 2))
    apart = [
        np.abs(clone(mixture).fit(X, sample_weight=np.full(30, c)).means_ - likeliest.means_).max()
        for c in (1e3, 1e5)
    ]
    assert 0.0 < apart[0] < 1e-2
    assert apart[1] == pytest.approx(apart[0] / 100.0, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_a_prior_without_doubt_is_the_answer(name):
    X, labels = clusters()
    dof = 1e9
    scale = np.array([[2.0, 0.5], [0.5, 1.0]])
    scale = {2: scale, 1: np.array([2.0, 1.0]), 0: 2.0}[STRUCTURES[name].layout.ndim]
    prior = MixturePrior(
        weight_concentration=1e9,
        mean_precision=1e9,
        mean=[3.0, -4.0],
        degrees_of_freedom=dof,
        covariance=dof * scale,
    )
    mixture = EMGaussianMixture(3, covariance_type=name, prior=prior, resp_init=labels).fit(X)
    assert_allclose(mixture.weights_, 1.0 / 3.0, rtol=1e-6)
    assert_allclose(mixture.means_, [[3.0, -4.0]] * 3, rtol=1e-5)
    assert_allclose(mixture.covariances_, np.broadcast_to(scale, mixture.covariances_.shape), 1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("concentration", [1.0, 2.0])
def test_an_empty_component_goes_where_the_prior_has_it(name, concentration):
    X, _ = clusters(k=2)
    prior = full_prior(name, 2, weight_concentration=concentration)
    mixture = EMGaussianMixture(
        3, covariance_type=name, prior=prior, reg_covar=0.0, resp_init=np.arange(len(X)) % 2
    )
    start = clone(mixture).set_params(max_iter=0).fit(X)
    assert_allclose(start.means_[2], prior.mean)
    dof, scale = prior.degrees_of_freedom, np.asarray(prior.covariance)
    structure = STRUCTURES[name]
    if structure.closed and not structure.layout.shared:
        rows = {2: dof + 4.0, 1: dof + 3.0, 0: dof + 4.0}[structure.layout.ndim]
        assert_allclose(start.covariances_[2], scale / rows)
    mixture.fit(X)
    assert (mixture.weights_[2] > 0.0) == (concentration > 1.0)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_missing_cells_leave_the_named_prior_to_the_others(name):
    X, labels = clusters(n=80, d=3)
    X = holes(X)
    seen = np.isfinite(X).any(axis=1)
    X, labels = X[seen], labels[seen]
    n, d = X.shape
    covariance = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            both = np.isfinite(X[:, [i, j]]).all(axis=1)
            covariance[i, j] = np.cov(X[both][:, [i, j]].T, ddof=0)[0, 1]
    covariance *= n / (n - 1.0) / 3.0 ** (2.0 / d)
    explicit = MixturePrior(mean=np.nanmean(X, axis=0), covariance=covariance)
    mixture = EMGaussianMixture(3, covariance_type=name, tol=1e-10, resp_init=labels, max_iter=999)
    named = clone(mixture).set_params(prior="mclust").fit(X)
    spelled = clone(mixture).set_params(prior=explicit).fit(X)
    assert_allclose(named.means_, spelled.means_, rtol=1e-6, atol=1e-6)
    assert_allclose(named.covariances_, spelled.covariances_, rtol=1e-6, atol=1e-6)


def test_a_start_of_weight_zero_recovers():
    X, _ = clusters(k=2)
    mixture = EMGaussianMixture(
        2,
        prior=MixturePrior(weight_concentration=2.0),
        weights_init=[1.0, 0.0],
        means_init=[X[0], X[1]],
    ).fit(X)
    assert mixture.converged_ and (mixture.weights_ > 1.0 / (len(X) + 2.0) - 1e-9).all()


# In scikit-learn's hands


@pytest.mark.parametrize("prior", [None, "mclust", full_prior("full", 2)])
def test_it_clones_and_pickles(prior):
    X, labels = clusters()
    mixture = EMGaussianMixture(3, prior=prior, resp_init=labels).fit(X)
    assert mixture.get_params()["prior"] is prior
    again = clone(pickle.loads(pickle.dumps(mixture))).fit(X)
    assert_array_equal(again.covariances_, mixture.covariances_)
    assert mixture.prior is prior


def test_a_grid_search_chooses_a_prior():
    X = np.random.default_rng(0).normal(size=(30, 4))
    grid = {"prior": [FLAT, None, "mclust", MixturePrior(weight_concentration=2.0)]}
    search = GridSearchCV(EMGaussianMixture(8, random_state=0), grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # without a prior components collapse
        search.fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[1] < scores[2]


def test_a_warm_start_goes_on_where_it_was():
    X, labels = clusters()
    mixture = EMGaussianMixture(
        3, prior="mclust", tol=1e-10, max_iter=1000, resp_init=labels, warm_start=True
    ).fit(X)
    means = mixture.means_
    mixture.fit(X)
    assert mixture.n_iter_ <= 3
    assert_allclose(mixture.means_, means, rtol=1e-4, atol=1e-4)
    assert mixture.runs_[0].reason == StopReason.TOLERANCE


# Errors


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("weight_concentration", 0.5, "no mode"),
        ("weight_concentration", np.nan, "finite number"),
        ("weight_concentration", "1", "finite number"),
        ("mean_precision", -1.0, "0 or more"),
        ("mean_precision", np.inf, "finite number"),
        ("degrees_of_freedom", -3, "0 or more"),
        ("degrees_of_freedom", True, "finite number"),
        ("mean", 3.0, "vector"),
        ("mean", [0.0, np.nan], "finite"),
        ("mean", ["a", "b"], "hold numbers"),
        ("covariance", [[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        ("covariance", [[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        ("covariance", [[1.0, 0.0]], "positive definite"),
        ("covariance", [1.0, 0.0], "positive"),
        ("covariance", 0.0, "positive"),
        ("covariance", np.ones((2, 2, 2)), "positive definite"),
        ("covariance", np.inf, "positive"),
    ],
)
def test_what_no_prior_has(argument, value, message):
    with pytest.raises(ValueError, match=f"{argument} of the prior.*{message}.*Got"):
        MixturePrior(**{argument: value})


def test_what_contradicts_itself():
    with pytest.raises(ValueError, match="mean is given, but mean_precision=0"):
        MixturePrior(mean_precision=0, mean=[0.0])
    with pytest.raises(ValueError, match="covariance is given, but degrees_of_freedom=0"):
        MixturePrior(degrees_of_freedom=0, covariance=1.0)
    with pytest.raises(AttributeError):
        MixturePrior().mean = 3.0


@pytest.mark.parametrize(
    ("name", "prior", "message"),
    [
        ("full", MixturePrior(degrees_of_freedom=1.0), "degrees_of_freedom .* more than 1 .*1.0"),
        ("tied", MixturePrior(mean=[0.0]), r"mean of the prior .* \(2,\) .* Got \(1,\)"),
        ("full", MixturePrior(covariance=1.0), r"covariance of the prior .* \(2, 2\) .* Got \(\)"),
        ("diag", MixturePrior(covariance=np.eye(2)), r"shape \(2,\) .* Got \(2, 2\)"),
        ("spherical", MixturePrior(covariance=[1.0, 1.0]), r"shape \(\) .* Got \(2,\)"),
        ("full", "bayes", "'prior' parameter"),
        ("full", 0.01, "'prior' parameter"),
    ],
)
def test_what_does_not_go_with_the_data(name, prior, message):
    X, _ = clusters()
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(2, covariance_type=name, prior=prior).fit(X)


def test_weights_that_are_no_counts_have_no_covariance_with_divisor_n_minus_1():
    X, _ = clusters()
    shares = np.full(len(X), 1.0 / len(X))
    with pytest.raises(ValueError, match="Weights are frequencies"):
        EMGaussianMixture(2, prior="mclust").fit(X, sample_weight=shares)
    mixture = EMGaussianMixture(2, prior=full_prior("full", 2), reg_covar=0.0)
    with pytest.warns(DataWarning, match="these sum to 1, less than the 60 rows"):
        mixture.fit(X, sample_weight=shares)


@pytest.mark.parametrize("name", ["diag", "VVI"])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_components_that_the_prior_widens_are_not_small(name, seed):
    """One of hardly a row has the variance of the prior: reg_covar was said to be half of it."""
    rng = np.random.default_rng(seed)
    X = np.vstack([rng.normal(size=(60, 2)), 30.0 + 1e-3 * rng.normal(size=(5, 2))])
    mixture = EMGaussianMixture(4, covariance_type=name, prior="mclust", random_state=0)
    assert mixture.fit(X).covariances_.max() > 1.0
    assert mixture.weights_.min() < 1e-3


def test_no_message_asks_for_what_is_set():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(50, 2)), [[40.0, 40.0]]])
    of_weights = MixturePrior(degrees_of_freedom=0.0, mean_precision=0.0)
    asked = {
        None: "set prior='mclust'",
        of_weights: "set a MixturePrior of more degrees_of_freedom",
    }
    for prior, remedy in asked.items():
        mixture = EMGaussianMixture(2, prior=prior, random_state=0)
        with pytest.warns(DataWarning, match=f"singular but for .* or {remedy}"):
            mixture.fit(X)
    grid = EMGaussianMixtureIC(max_components=1, covariance_type="full", prior="mclust")
    with pytest.warns(DataWarning, match="free parameters, .* set a MixturePrior of more"):
        grid.fit(rng.normal(size=(9, 6)))
