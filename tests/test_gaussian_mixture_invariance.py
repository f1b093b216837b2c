"""Laws of EMGaussianMixture: what must not change an answer, and data with nothing to spare."""

import warnings
from functools import cache

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from structures import OF_EACH_LAYOUT, dense, in_shape, unit

from emkit import EMGaussianMixture
from emkit.exceptions import DataWarning
from emkit.models.mixture.starts import STARTS
from emkit.numerics.covariance import NAMES, STRUCTURES

MATRICES = [kind for kind in NAMES if STRUCTURES[kind].layout.ndim == 2]
INITS = list(STARTS)
FITTED = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]

each_kind = pytest.mark.parametrize("kind", NAMES)
each_layout = pytest.mark.parametrize("kind", OF_EACH_LAYOUT)


CENTRES = np.array([[0.0, 0.0, 0.0], [2.5, 0.0, 1.0], [0.0, 2.5, -2.0]])
SHAPES = np.array([[[1, 0, 0], [1, 1, 0], [0, 0, 1]], 0.7 * np.eye(3), np.diag([1.5, 0.8, 1.0])])


def clusters(n_samples=150, seed=0):
    """Three overlapping clusters, on a grid so coarse that adding 1e6 is exact."""
    labels = np.arange(n_samples) % 3
    rows = np.random.default_rng(seed).normal(size=(n_samples, 3))
    rows = np.einsum("na,nab->nb", rows, SHAPES[labels]) + CENTRES[labels]
    return np.round(rows * 1024) / 1024


X = clusters()
LABELS = np.arange(len(X)) % 3
RESP = np.random.default_rng(1).dirichlet(np.ones(3), size=len(X))
STARTS = {
    "labels": {"resp_init": LABELS},
    "responsibilities": {"resp_init": RESP},
    "means": {"means_init": CENTRES + 0.5},
    "random": {"random_state": 0},
}
each_start = pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)


def steps(n, kind, **arguments):
    """A mixture that takes n plain EM steps."""
    arguments = {"n_components": 3, **arguments}
    return EMGaussianMixture(
        covariance_type=kind, tol=0.0, max_iter=n, acceleration=None, **arguments
    )


def fit_quietly(mixture, X, sample_weight=None):
    """Fit; only the two warnings that data may deserve are allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataWarning)
        return mixture.fit(X, sample_weight=sample_weight)


def matrices(mixture):
    """Covariances as (K, d, d), whatever the structure."""
    return dense(mixture.covariance_type, mixture.covariances_, *mixture.means_.shape)


def assert_same_fit(mixture, other, rtol=1e-10):
    for name in ["weights_", "means_", "covariances_", "precisions_", "history_"]:
        ours, theirs = getattr(mixture, name), getattr(other, name)
        assert_allclose(ours, theirs, rtol, rtol * np.abs(theirs).max(), err_msg=name)
    assert_allclose(mixture.lower_bound_, other.lower_bound_, rtol)
    assert mixture.n_iter_ == other.n_iter_


# An oracle: the textbook's EM in long double, all covariances as matrices.


def structured(covariances, n, kind):
    k, d = covariances.shape[:2]
    if kind == "tied":
        covariances[:] = np.einsum("k,kij->ij", n, covariances) / n.sum()
    elif kind == "diag":
        covariances *= np.eye(d)
    elif kind == "spherical":
        covariances = np.einsum("kii->k", covariances)[:, None, None] * np.eye(d) / d
    elif kind != "full":  # in double
        structure, scatter = STRUCTURES[kind], (n[:, None, None] * covariances).astype(float)
        counts = structure.layout.counts(n.astype(float), d)
        estimate = structure.estimate(in_shape(kind, scatter), counts, unit(kind, k, d))
        covariances = dense(kind, estimate, k, d).astype(np.longdouble)
    return covariances


def log_normal(X, mean, covariance):
    """Log-density by elimination of one column after the other."""
    rows, rest = (X - mean).copy(), covariance.copy()
    log_density = np.full(len(X), -0.5 * len(mean) * np.log(2 * np.pi), dtype=np.longdouble)
    for j in range(len(mean)):
        variance, slope = rest[j, j], rest[j] / rest[j, j]
        log_density -= 0.5 * (np.log(variance) + rows[:, j] ** 2 / variance)
        rows = rows - rows[:, j, None] * slope
        rest = rest - variance * np.outer(slope, slope)
    return log_density


def oracle(X, resp, kind, n_steps, reg_covar=0.0):
    """Weights, means, covariances and log-likelihood per row after so many steps."""
    X, resp = X.astype(np.longdouble), resp.astype(np.longdouble)
    unit = np.eye(X.shape[1])
    for _ in range(n_steps + 1):
        n = resp.sum(axis=0)
        means = (resp.T @ X) / n[:, None]
        prior = reg_covar * len(X) / (len(n) * n)
        centred = X - means[:, None]
        scatter = np.einsum("ik,kia,kib->kab", resp, centred, centred)
        covariances = structured(scatter / n[:, None, None] + prior[:, None, None] * unit, n, kind)
        log_joint = np.stack(
            [np.log(n[k] / len(X)) + log_normal(X, means[k], covariances[k]) for k in range(len(n))]
        )
        top = log_joint.max(axis=0)
        resp = np.exp(log_joint - top).T
        log_likelihood = (top + np.log(resp.sum(axis=1))).mean()
        resp /= resp.sum(axis=1, keepdims=True)
    return n / len(X), means, covariances, log_likelihood


def assert_is_oracle(mixture, X, resp, rtol):
    """The fit is the oracle's; covariances are measured in units of the oracle's spreads."""
    weights, means, covariances, log_likelihood = oracle(
        X, resp, mixture.covariance_type, mixture.n_iter_, mixture.reg_covar
    )
    spread = np.sqrt(np.einsum("kii->ki", covariances))
    assert_allclose(mixture.weights_, weights.astype(float), rtol)
    error = np.abs(mixture.means_ - means) / (spread + np.finfo(float).eps / rtol * np.abs(means))
    assert error.max() <= rtol
    error = (matrices(mixture) - covariances) / (spread[:, :, None] * spread[:, None, :])
    assert np.abs(error).max() <= rtol
    assert_allclose(mixture.lower_bound_, float(log_likelihood), rtol, rtol)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6, 0.5])
@each_kind
def test_oracle(kind, reg_covar):
    mixture = fit_quietly(steps(12, kind, resp_init=RESP, reg_covar=reg_covar), X)
    assert_is_oracle(mixture, X, RESP, rtol=1e-11)


@pytest.mark.parametrize("reg_covar", [1e-6, 0.5])
@each_kind
def test_history_ends_at_the_objective(kind, reg_covar):
    mixture = fit_quietly(steps(5, kind, resp_init=RESP, reg_covar=reg_covar), X)
    traces = np.einsum("kii->", np.linalg.inv(matrices(mixture)))
    objective = mixture.score(X) - reg_covar / (2 * len(mixture.means_)) * traces
    assert_allclose(mixture.history_[-1], objective, rtol=1e-12)


# Units

POWERS = np.array([-20, 0, 20])


def change_of_units(name, kind):
    """Scale and shift of Y = scale (X + shift); all of it is exact in doubles."""
    powers = POWERS if STRUCTURES[kind].scale_invariant else np.full(3, 20)
    scale = np.ones(3) if name == "shift" else 2.0**powers
    if name == "far apart":
        scale = scale**2
    shift = np.zeros(3) if name in {"scale", "far apart"} else np.array([1e6, -1e6, 3e5])
    return scale, shift


@pytest.mark.parametrize("change", ["shift", "scale", "both", "far apart"])
@each_start
@each_kind
def test_units_do_not_matter(kind, start, change):
    scale, shift = change_of_units(change, kind)
    arguments = {"covariance_type": kind, "reg_covar": 0.0, "tol": 1e-5, **start}
    plain = EMGaussianMixture(3, **arguments).fit(X)
    if "means_init" in start:
        arguments["means_init"] = scale * (start["means_init"] + shift)
    other = EMGaussianMixture(3, **arguments).fit(scale * (X + shift))
    assert plain.converged_ and other.converged_
    assert other.n_iter_ == plain.n_iter_
    jacobian = -np.log(scale).sum()
    assert_allclose(other.lower_bound_, plain.lower_bound_ + jacobian, rtol=1e-9)
    assert_allclose(other.history_, plain.history_ + jacobian, rtol=1e-9)
    assert_allclose(other.means_ / scale - shift, plain.means_, rtol=1e-8, atol=1e-8)
    back = matrices(other) / np.outer(scale, scale)
    assert_allclose(back, matrices(plain), rtol=1e-8, atol=1e-8)
    assert_allclose(other.predict_proba(scale * (X + shift)), plain.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize("init_params", INITS)
@each_layout
def test_units_do_not_matter_to_any_random_start(kind, init_params):
    scale, shift = change_of_units("both", kind)
    mixture = steps(0, kind, reg_covar=0.0, init_params=init_params, random_state=3)
    plain = mixture.fit(X)
    means, covariances = plain.means_, matrices(plain)
    other = mixture.fit(scale * (X + shift))
    assert_allclose(other.means_ / scale - shift, means, rtol=1e-8, atol=1e-8)
    assert_allclose(matrices(other) / np.outer(scale, scale), covariances, rtol=1e-8, atol=1e-8)


@each_kind
def test_shift_does_not_matter_to_the_prior(kind):
    mixture = steps(10, kind, resp_init=RESP, reg_covar=0.01)
    covariances = matrices(fit_quietly(mixture, X))
    bound = mixture.lower_bound_
    shifted = fit_quietly(mixture, X + 1e6)
    assert_allclose(matrices(shifted), covariances, rtol=1e-9, atol=1e-9)
    assert_allclose(shifted.lower_bound_, bound, rtol=1e-9)


@each_kind
def test_far_from_zero_and_thin(kind):
    Y = X.copy()
    Y[:, 1] = 1e6 + 1e-3 * X[:, 1] / X[:, 1].std()
    mixture = fit_quietly(steps(12, kind, resp_init=RESP, reg_covar=0.0), Y)
    assert_is_oracle(mixture, Y, RESP, rtol=1e-7)
    assert_allclose(mixture.score(Y), mixture.lower_bound_, rtol=1e-6)


@each_start
@each_kind
def test_units_of_picometres_and_terametres(kind, start):
    scale = np.array([1e-12, 1.0, 1e12])
    start = {name: v * scale if name == "means_init" else v for name, v in start.items()}
    mixture = EMGaussianMixture(3, covariance_type=kind, max_iter=1000, **start)
    with pytest.warns(DataWarning) as told:
        # With one unit for all columns the ridge is at the least that doubles resolve: where
        # components may differ in it, one falls below, and the columns are named.
        if kind in ("EVE", "VEV", "VVE"):
            with pytest.raises(ValueError, match=rf"{kind}.* 0 .* 2 .*too far apart"):
                mixture.fit(X * scale)
        else:
            mixture.fit(X * scale)
            assert_is_sound(mixture, X * scale)
    assert "1 column(s) (0)" in str(told[0].message)


@pytest.mark.parametrize("start", [STARTS["random"], STARTS["labels"]], ids=["random", "labels"])
@each_kind
def test_clusters_a_million_deviations_apart(kind, start):
    Y = clusters(seed=5) + 1e6 * np.array([[0, 0, 0], [1, -1, 0], [-1, 0, 2]])[LABELS]
    mixture = EMGaussianMixture(3, covariance_type=kind, reg_covar=0.0, **start).fit(Y)
    labels = mixture.predict(Y)
    for k in range(3):
        assert len(set(LABELS[labels == k])) == 1
    assert_is_oracle(mixture, Y, np.eye(3)[labels], rtol=1e-6)
    if kind == "full":
        for k in range(3):
            own = Y[labels == k]
            assert_allclose(mixture.means_[k], own.mean(axis=0), rtol=1e-6)
            assert_allclose(mixture.covariances_[k], np.cov(own.T, ddof=0), rtol=1e-6)


# Rows and columns


@each_kind
def test_order_of_rows_does_not_matter(kind):
    order = np.random.default_rng(2).permutation(len(X))
    mixture = steps(15, kind, resp_init=RESP)
    permuted = steps(15, kind, resp_init=RESP[order])
    assert_same_fit(fit_quietly(permuted, X[order]), fit_quietly(mixture, X))
    assert_allclose(permuted.predict_proba(X[order]), mixture.predict_proba(X)[order], atol=1e-10)


@each_kind
def test_order_of_columns_does_not_matter(kind):
    order = [2, 0, 1]
    mixture = fit_quietly(steps(15, kind, resp_init=RESP), X)
    permuted = fit_quietly(steps(15, kind, resp_init=RESP), X[:, order])
    assert_allclose(permuted.means_, mixture.means_[:, order], rtol=1e-10)
    expected = matrices(mixture)[:, order][:, :, order]
    assert_allclose(matrices(permuted), expected, rtol=1e-10, atol=1e-10)
    assert_allclose(permuted.history_, mixture.history_, rtol=1e-10)


@each_kind
def test_order_of_components_does_not_matter(kind):
    order = [2, 0, 1]
    mixture = fit_quietly(steps(15, kind, resp_init=RESP), X)
    permuted = fit_quietly(steps(15, kind, resp_init=RESP[:, order]), X)
    assert_allclose(permuted.means_, mixture.means_[order], rtol=1e-10)
    assert_allclose(matrices(permuted), matrices(mixture)[order], rtol=1e-10, atol=1e-10)


# Sample weights

COUNTS = np.random.default_rng(4).integers(1, 4, len(X))
WITH_ZEROS = COUNTS * (np.arange(len(X)) % 5 > 0)
GIVEN = {name: start for name, start in STARTS.items() if name != "random"}
each_given_start = pytest.mark.parametrize("start", GIVEN.values(), ids=GIVEN)


def of_rows(start, rows):
    """The start of the same components on some of the rows."""
    return {name: v[rows] if name == "resp_init" else v for name, v in start.items()}


@pytest.mark.parametrize("counts", [COUNTS, WITH_ZEROS], ids=["positive", "with zeros"])
@each_given_start
@each_kind
def test_weights_are_counts(kind, start, counts):
    rows = np.repeat(np.arange(len(X)), counts)
    weighted = fit_quietly(steps(15, kind, **start), X, sample_weight=counts)
    repeated = fit_quietly(steps(15, kind, **of_rows(start, rows)), X[rows])
    assert_same_fit(weighted, repeated)
    for name in ["score", "aic", "bic", "icl"]:
        ours, theirs = getattr(weighted, name)(X, sample_weight=counts), getattr(repeated, name)
        assert_allclose(ours, theirs(X[rows]), rtol=1e-10, err_msg=name)


@each_start
@each_kind
def test_weight_zero_is_no_row(kind, start):
    kept = WITH_ZEROS > 0
    Y = np.where(kept[:, None], X, 1e9)
    weighted = fit_quietly(steps(15, kind, **start), Y, sample_weight=WITH_ZEROS)
    dropped = fit_quietly(
        steps(15, kind, **of_rows(start, kept)), X[kept], sample_weight=WITH_ZEROS[kept]
    )
    assert_same_fit(weighted, dropped)


def scaled_and_plain(power, **arguments):
    """Fits with weights times a power of 2: no rounding, so even accelerated runs are the same."""
    mixture = EMGaussianMixture(3, tol=1e-5, max_iter=300, **arguments)
    plain = clone(mixture).fit(X, sample_weight=COUNTS)
    return fit_quietly(mixture, X, sample_weight=2.0**power * COUNTS), plain


@pytest.mark.parametrize("power", [-80, -50, -10, 3, 80])
@pytest.mark.parametrize("start", [STARTS["random"], STARTS["labels"]], ids=["random", "labels"])
@each_layout
def test_unit_of_weights_does_not_matter(kind, start, power):
    scaled, plain = scaled_and_plain(power, covariance_type=kind, **start)
    assert_same_fit(scaled, plain)
    assert_allclose(scaled.runs_[0].objective, plain.runs_[0].objective)


@pytest.mark.parametrize("power", [-10, 3, 20])
@each_layout
def test_unit_of_weights_does_not_change_the_winner(kind, power):
    scaled, plain = scaled_and_plain(power, covariance_type=kind, n_init=4, random_state=0)
    assert_same_fit(scaled, plain)


@each_start
@each_kind
def test_equal_weights_are_no_weights(kind, start):
    weighted = fit_quietly(steps(15, kind, **start), X, sample_weight=np.ones(len(X)))
    assert_same_fit(weighted, fit_quietly(steps(15, kind, **start), X))


@pytest.mark.parametrize("search", ["restarts", "short_runs"])
@pytest.mark.parametrize("init_params", INITS)
@each_layout
def test_weights_with_every_random_start(kind, init_params, search):
    weights = WITH_ZEROS * np.random.default_rng(6).exponential(size=len(X))
    mixture = EMGaussianMixture(
        3, covariance_type=kind, init_params=init_params, n_init=3, search=search, random_state=0
    )
    mixture = fit_quietly(mixture, X, sample_weight=weights)
    assert len(mixture.runs_) == 3
    assert_is_sound(mixture, X)
    assert_allclose(mixture.score(X, sample_weight=weights), mixture.lower_bound_, rtol=1e-10)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data"])
@each_layout
def test_light_rows_do_not_draw_a_start(kind, init_params):
    data = np.random.default_rng(9).normal(size=(60, 2)) + 8.0 * (np.arange(60) % 2)[:, None]
    data[:20] += 100.0
    weights = np.where(np.arange(60) < 20, 1e-12, 1.0)
    mixture = steps(0, kind, n_components=2, init_params=init_params, random_state=0)
    assert (mixture.fit(data, sample_weight=weights).means_ < 50.0).all()


# Degenerate data


def correlations(covariances):
    spread = np.sqrt(np.einsum("...ii->...i", covariances))
    return covariances / (spread[..., :, None] * spread[..., None, :])


def assert_is_sound(mixture, X):
    """Every answer is finite, and a mixture of proper normals."""
    for name in [*FITTED, "lower_bound_", "history_"]:
        assert np.isfinite(getattr(mixture, name)).all(), name
    assert np.isfinite(mixture.score_samples(X)).all()
    proba = mixture.predict_proba(X)
    assert np.isfinite(proba).all() and (proba >= 0.0).all()
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
    assert_array_equal(mixture.predict(X), proba.argmax(axis=1))
    assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-12)
    assert (mixture.weights_ >= 0.0).all()
    covariances = matrices(mixture)
    assert (np.einsum("kii->ki", covariances) > 0.0).all()
    # A determinant of 1e-13 among unit variances is all that rounding leaves of definiteness.
    assert (np.linalg.eigvalsh(correlations(covariances)) > -1e-13).all()
    assert np.isfinite(mixture.sample(5, random_state=0)[0]).all()


normal = np.random.default_rng(7).normal
DEGENERATE = {
    "one row repeated": (np.tile([1.0, -2.0, 1e5], (12, 1)), 2),
    "zeros": (np.zeros((6, 2)), 2),
    "two rows repeated": (np.tile([[0.0, 1.0], [1.0, 3.0]], (6, 1)), 3),
    "constant column": (np.c_[normal(size=(20, 2)), np.full(20, 7.0)], 2),
    "constant column far out": (np.c_[normal(size=(20, 2)), np.full(20, 1e9)], 2),
    "equal columns": (np.repeat(normal(size=(20, 1)), 3, axis=1), 2),
    "rank one": (normal(size=(20, 1)) * [1.0, 1e3, 1e-3], 3),
    "as many components as rows": (normal(size=(6, 2)), 6),
    "two rows": (np.array([[0.0, 1.0], [2.0, 5.0]]), 1),
    "two rows, two components": (np.array([[0.0, 1.0], [2.0, 5.0]]), 2),
    "one feature": (normal(size=(20, 1)), 3),
    "two values": (np.repeat([[0.0], [1.0]], 10, axis=0), 2),
    "more features than rows": (normal(size=(6, 15)), 2),
    "integers": (np.random.default_rng(8).integers(0, 2, (30, 4)).astype(float), 4),
    "one outlier": (np.r_[normal(size=(20, 2)), [[1e6, 1e6]]], 2),
}
each_degenerate = pytest.mark.parametrize(
    ("data", "n_components"), DEGENERATE.values(), ids=DEGENERATE
)


@pytest.mark.parametrize(
    ("kind", "init_params"),
    [
        *((kind, "kmeans") for kind in NAMES),
        *((kind, init) for kind in OF_EACH_LAYOUT for init in INITS if init != "kmeans"),
    ],
)
@each_degenerate
def test_degenerate_data(kind, data, n_components, init_params):
    mixture = EMGaussianMixture(
        n_components, covariance_type=kind, init_params=init_params, random_state=0
    )
    mixture = fit_quietly(mixture, data)
    assert_is_sound(mixture, data)
    assert (np.diff(mixture.history_) >= 0.0).all()


@pytest.mark.parametrize(
    ("data", "n_components"),
    [case for case in DEGENERATE.values() if len(case[0]) > case[1]],
    ids=[name for name, case in DEGENERATE.items() if len(case[0]) > case[1]],
)
@each_kind
def test_degenerate_data_with_a_component_that_starts_empty(kind, data, n_components):
    labels = np.arange(len(data)) % n_components
    mixture = EMGaussianMixture(n_components + 1, covariance_type=kind, resp_init=labels)
    mixture = fit_quietly(mixture, data)
    assert mixture.weights_[-1] == 0.0
    assert_is_sound(mixture, data)


@each_kind
def test_two_components_for_three_clusters_far_apart(kind):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        data = rng.normal(size=(20, 5)) + 1e6 * rng.integers(0, 3, (20, 1))
        mixture = EMGaussianMixture(
            2, covariance_type=kind, init_params="random_from_data", random_state=seed
        )
        assert_is_sound(fit_quietly(mixture, data), data)


@pytest.mark.parametrize("tol", [0.0, 1e-10])
@each_kind
def test_clusters_a_hundred_deviations_apart_converge(kind, tol):
    for seed in range(6):
        data = np.random.default_rng(seed).normal(size=(60, 3))
        data[:30] += 100.0
        mixture = EMGaussianMixture(2, covariance_type=kind, tol=tol, max_iter=1000, random_state=0)
        # That it did not converge would be a warning, which is an error here.
        assert mixture.fit(data).converged_


def test_constant_columns_are_named_in_the_warning():
    data, n_components = DEGENERATE["constant column"]
    with pytest.warns(DataWarning, match=r"Column\(s\) 2 are constant"):
        EMGaussianMixture(n_components, random_state=0).fit(data)


SINGULAR = [
    *[("one row repeated", kind) for kind in NAMES],
    *[("zeros", kind) for kind in NAMES],
    *[("as many components as rows", kind) for kind in NAMES],
    *[("two rows repeated", kind) for kind in NAMES],
    *[("two rows, two components", kind) for kind in NAMES],
    *[("two values", kind) for kind in NAMES],
    *[("more features than rows", kind) for kind in MATRICES],
    ("two rows", "full"),
    ("two rows", "tied"),
    ("one outlier", "full"),
    ("one outlier", "diag"),
    ("one outlier", "spherical"),
]


@pytest.mark.parametrize(("name", "kind"), SINGULAR)
def test_singular_data_without_prior(name, kind):
    data, n_components = DEGENERATE[name]
    mixture = EMGaussianMixture(n_components, covariance_type=kind, reg_covar=0.0, random_state=0)
    with pytest.raises(ValueError, match="some components have ill-defined empirical covariance"):
        mixture.fit(data)


# The same seed


@pytest.mark.parametrize("init_params", INITS)
@each_layout
def test_fit_twice_is_fit_once(kind, init_params):
    mixture = EMGaussianMixture(
        3, covariance_type=kind, init_params=init_params, n_init=2, random_state=0
    )
    first = {name: getattr(fit_quietly(mixture, X), name) for name in [*FITTED, "history_"]}
    fit_quietly(mixture, X[::-1] + 5.0)
    fit_quietly(mixture, X)
    for name, value in first.items():
        assert_array_equal(getattr(mixture, name), value, err_msg=name)


@cache
def three_starts(kind, n_jobs, search="restarts"):
    return EMGaussianMixture(
        4,
        covariance_type=kind,
        n_init=3,
        n_jobs=n_jobs,
        search=search,
        init_params="random_from_data",
        random_state=0,
        max_iter=1000,
    ).fit(X)


@pytest.mark.parametrize("search", ["restarts", "short_runs"])
@each_layout
def test_processes_do_not_matter(kind, search):
    assert_same_fit(three_starts(kind, 2, search), three_starts(kind, 1, search))
    for ours, theirs in zip(
        three_starts(kind, 2, search).runs_, three_starts(kind, 1, search).runs_, strict=True
    ):
        assert ours.n_iter == theirs.n_iter
        assert_allclose(ours.objective, theirs.objective, rtol=1e-10)


@each_kind
def test_threads_do_not_matter(kind):
    with joblib.parallel_config("threading"):
        threaded = three_starts.__wrapped__(kind, 2)
    assert_same_fit(threaded, three_starts(kind, 1))


@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("seed", range(2))
@each_layout
def test_more_starts_are_never_worse(kind, init_params, seed):
    arguments = {"covariance_type": kind, "init_params": init_params, "random_state": seed}
    one = fit_quietly(EMGaussianMixture(4, **arguments), X)
    three = fit_quietly(EMGaussianMixture(4, n_init=3, **arguments), X)
    assert three.runs_[0] == one.runs_[0]
    assert three.history_[-1] >= one.history_[-1] - three.tol
    assert three.history_[-1] >= max(run.objective for run in three.runs_) - three.tol


# Any data


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_samples, d = draw(st.integers(8, 40)), draw(st.integers(1, 4))
    X = rng.normal(size=(n_samples, d)) * 10.0 ** rng.integers(-1, 3, d)
    X += draw(st.sampled_from([0.0, 5.0, 1e3])) * rng.integers(0, 2, (n_samples, 1))
    if draw(st.booleans()):
        X = np.round(X)
    weights = draw(st.sampled_from(["none", "counts", "reals"]))
    sample_weight = {
        "none": None,
        "counts": np.r_[np.ones(4, dtype=int), rng.integers(0, 4, n_samples - 4)],
        "reals": rng.exponential(size=n_samples),
    }[weights]
    mixture = EMGaussianMixture(
        draw(st.integers(1, 4)),
        covariance_type=draw(st.sampled_from(NAMES)),
        reg_covar=draw(st.sampled_from([1e-6, 1e-2])),
        init_params=draw(st.sampled_from(INITS)),
        acceleration=draw(st.sampled_from([None, "anderson", "squarem"])),
        tol=draw(st.sampled_from([1e-3, 1e-8])),
        random_state=0,
    )
    return mixture, X, sample_weight


@given(problems())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_fit(problem):
    mixture, X, sample_weight = problem
    fit_quietly(mixture, X, sample_weight)
    assert_is_sound(mixture, X)
    history = mixture.history_
    assert (np.diff(history) >= -1e-12 * np.maximum(1.0, np.abs(history[1:]))).all()
    assert len(mixture.lower_bounds_) == mixture.n_iter_ >= len(history) - 1
    score = mixture.score(X, sample_weight=sample_weight)
    assert_allclose(mixture.lower_bound_, score, rtol=1e-9, atol=1e-9)
