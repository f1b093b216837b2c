"""Mixtures of Student's t: other programs' answers, densities, and laws of every structure."""

import json
import pickle
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, multivariate_t
from sklearn.base import clone
from sklearn.datasets import load_iris
from structures import dense

from emkit import EMGaussianMixture, EMGaussianMixtureIC, EMImputer
from emkit.engine import Blocks, check_model, fit_em
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.student_t import StudentTMixtureModel
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling
from emkit.numerics.student_t_kernel import log_constant
from emkit.plotting import MixtureDisplay

HERE = Path(__file__).parent / "golden"
GOLDEN = json.loads((HERE / "student_t.json").read_text())
NORMAL = json.loads((HERE / "mixture.json").read_text())

each_structure = pytest.mark.parametrize("name", NAMES)
few = settings(max_examples=15, deadline=None, derandomize=True)


def tails(seed=0, n=300):
    """Two clusters in three columns, one of heavy tails."""
    rng = np.random.default_rng(seed)
    heavy = multivariate_t([0.0, 0.0, 0.0], np.diag([1.0, 2.0, 0.5]), df=3)
    light = multivariate_t([8.0, -6.0, 7.0], np.eye(3) + 0.5, df=15)
    parts = [heavy.rvs(2 * n // 3, random_state=rng), light.rvs(n // 3, random_state=rng)]
    return np.concatenate(parts)


def holes(X, seed=1, part=0.15):
    """X with cells missing at random."""
    X = X.copy()
    X[np.random.default_rng(seed).random(X.shape) < part] = np.nan
    return X


def mixture(n_components=2, **options):
    options = {"tol": 1e-9, "reg_covar": 0.0, "max_iter": 500, "random_state": 0} | options
    return EMGaussianMixture(n_components, distribution="student_t", **options)


def log_density(fitted, X):
    """By scipy, of the observed cells of each row."""
    k, d = fitted.means_.shape
    scales = dense(fitted.covariance_type, fitted.scales_, k, d)
    out = np.zeros(len(X))
    for i, x in enumerate(X):
        seen = np.flatnonzero(~np.isnan(x))
        if len(seen):
            each = [
                weight * multivariate_t(mean[seen], scale[np.ix_(seen, seen)], df).pdf(x[seen])
                for weight, mean, scale, df in zip(
                    fitted.weights_, fitted.means_, scales, fitted.df_, strict=True
                )
            ]
            out[i] = np.log(np.sum(each))
    return out


# Other programs


def golden_case(case):
    name = case["data"].partition("+")[0]
    X = np.array(NORMAL["datasets"][name]["X"])
    if case["start"] == "init_labels":
        labels = np.array(NORMAL["init_labels"][name][str(case["G"])]) - 1
    else:
        X = np.concatenate([X, GOLDEN["extra_rows"][case["data"]]])
        labels = np.array(GOLDEN["labels"][case["start"].partition(":")[2]])
    return X, labels


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda c: f"{c['data']}-{c['G']}-{c['model']}-{c['df_mode']}"
)
def test_maxima_of_another_program(case):
    """Of ECM and of direct maximisation, which plain EM takes up to 4001 E-steps for."""
    X, labels = golden_case(case)
    fitted = mixture(
        case["G"],
        covariance_type=case["model"],
        df=case["df_mode"],
        tol=1e-12,
        resp_init=labels,
    ).fit(X)
    there, infinite = case["from_start"], case["from_start"]["df_infinite"]
    reached = fitted.score(X) * len(X)
    if infinite:
        assert reached > there["loglik"] - 1e-5
    else:
        assert_allclose(reached, there["loglik"], rtol=0.0, atol=1e-6)
    order = [int(np.abs(fitted.means_ - mean).sum(axis=1).argmin()) for mean in there["means"]]
    df = np.array([np.inf if value is None else value for value in there["df"]])
    assert_array_equal(np.isinf(fitted.df_[order]), np.isinf(df))
    # Where the likelihood is flat towards infinity the reference is known less well.
    assert_allclose(fitted.df_[order], df, rtol=1e-3 if infinite else 1e-4)
    assert fitted.n_iter_ < 100
    assert fitted._n_parameters() == case["n_parameters"]


# The density


def test_the_constant_is_the_ratio_of_gamma_functions_and_its_derivatives():
    d = np.arange(12)
    for epsilon in (0.004, 0.05, 0.3, 2.0):
        step = 1e-4 * epsilon
        value, first, second = log_constant(np.array([epsilon]), d)
        ratio = multivariate_t([0.0], [[1.0]], 1.0 / epsilon).logpdf(0.0) + 0.5 * np.log(2 * np.pi)
        assert_allclose(value[0, 1], ratio, rtol=1e-9)
        above, below = (log_constant(np.array([epsilon + e]), d) for e in (step, -step))
        assert_allclose((above[0] - below[0]) / (2 * step), first, rtol=1e-6, atol=1e-9)
        # Which is a difference of numbers that are exact to 1e-11.
        assert_allclose((above[1] - below[1]) / (2 * step), second, rtol=1e-5, atol=1e-6)


@given(st.floats(0.001, 0.05), st.integers(1, 60))
@few
def test_the_constant_is_smooth_where_its_series_ends(part, d):
    """On both sides of the epsilon at which the series gives way to the closed form."""
    epsilon = 0.05 / (d + 2.0)
    near, far = (log_constant(np.array([epsilon * f]), np.array([d])) for f in (1 - 1e-9, 1 + 1e-9))
    assert_allclose(near[0], far[0], rtol=1e-7, atol=1e-12)
    assert_allclose(near[1], far[1], rtol=1e-6)
    assert_allclose(near[2], far[2], rtol=1e-4)


@each_structure
@pytest.mark.parametrize("missing", [False, True])
def test_rows_have_the_density_of_student_t(name, missing):
    X = holes(tails()) if missing else tails()
    fitted = mixture(covariance_type=name).fit(X)
    assert_allclose(fitted.score_samples(X), log_density(fitted, X), rtol=1e-9, atol=1e-9)


@each_structure
def test_covariances_follow_from_scales(name):
    X = tails()
    for df in (1.5, 3.0, np.inf):
        fitted = mixture(covariance_type=name, df=df).fit(X)
        ratio = 1.0 if df == np.inf else df / (df - 2.0)
        expected = ratio * fitted.scales_ + 0 * fitted.covariances_ if df > 2.0 else np.inf
        assert_array_equal(
            fitted.covariances_, np.broadcast_to(expected, fitted.covariances_.shape)
        )
        assert len(fitted.covariances_) == 2
    scales = dense(name, fitted.scales_, 2, 3)
    precisions = dense(name, fitted.precisions_, 2, 3)
    assert_allclose(scales @ precisions, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-9)


@each_structure
def test_infinite_df_is_the_normal(name):
    X = holes(tails())
    options = {"covariance_type": name, "random_state": 0, "tol": 1e-10, "max_iter": 500}
    heavy = mixture(df=np.inf, **options).fit(X)
    normal = EMGaussianMixture(2, reg_covar=0.0, **options).fit(X)
    assert_allclose(heavy.score(X), normal.score(X), rtol=1e-7)
    order = np.argsort(heavy.means_[:, 0]), np.argsort(normal.means_[:, 0])
    assert_allclose(heavy.means_[order[0]], normal.means_[order[1]], atol=1e-3)


# The maximum


@each_structure
@pytest.mark.parametrize("df", ["free", "common", 4.0])
@pytest.mark.parametrize("options", [{}, {"prior": "mclust"}, {"reg_covar": 0.1}])
def test_fits_climb_to_a_maximum(name, df, options):
    """The history never falls, and no parameter can be moved to where the objective is higher."""
    X, weights = holes(tails()), np.random.default_rng(2).integers(1, 4, 300)
    fitted = mixture(covariance_type=name, df=df, **options).fit(X, sample_weight=weights)
    assert fitted.converged_
    assert (np.diff(fitted.history_) >= -1e-12).all()
    if options:
        return
    best = fitted.score(X, sample_weight=weights)
    for attribute in ("weights_", "means_", "precisions_cholesky_"):
        for factor in (0.99, 1.01):
            moved = deepcopy(fitted)
            values = getattr(moved, attribute).copy()
            if attribute == "precisions_cholesky_":
                values *= factor  # which every structure allows
            else:
                values[..., 0] *= factor
            setattr(moved, attribute, values / values.sum() if attribute == "weights_" else values)
            assert moved.score(X, sample_weight=weights) < best


@each_structure
@pytest.mark.parametrize("df", ["free", "common", 5.0])
def test_the_model_keeps_the_contract(name, df):
    X = holes(tails(n=90))
    structure, data = STRUCTURES[name], Rows.of(X)
    shift, scale = data.scaling()
    model = StudentTMixtureModel(
        structure,
        Scaling(shift, structure.common_scale(scale)),
        np.full(3, 1e-4),
        90.0,
        df=df,
        incomplete=True,
    )
    complete = Rows(np.where(np.isnan(X), 0.0, X))
    labels = np.arange(90) // 60
    model.draw_start = lambda model, data, rng: model.normal.from_partition(
        complete, 2, one_hot(labels, 2)
    )
    start = model.from_normal(model.draw_start(model, data, None))
    fit_em(model, data, start=start, tol=1e-10)
    halves = Rows.of(X[:40]), Rows.of(X[40:])
    check_model(model, data, start=start, split=lambda rows: halves)


# Laws


@each_structure
@pytest.mark.parametrize("df", ["free", 4.0])
def test_weights_are_repeated_rows(name, df):
    X, weights = holes(tails()), np.random.default_rng(0).integers(0, 4, 300)
    options = {"covariance_type": name, "df": df, "means_init": [[0, 0, 0], [8, -6, 7]]}
    weighted = mixture(**options).fit(X, sample_weight=weights)
    repeated = mixture(**options).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-9)
    # Where the objective is flat, as towards infinity, the ends are apart by more.
    assert_allclose(1.0 / weighted.df_, 1.0 / repeated.df_, atol=1e-4)
    assert_allclose(weighted.scales_, repeated.scales_, rtol=1e-3, atol=1e-3)


@each_structure
@given(st.floats(-150, 150), st.floats(-6, 6))
@few
def test_other_units_change_nothing(name, power, shift):
    X, scale = tails(), np.full(3, 10.0**power)
    if STRUCTURES[name].scale_invariant:
        scale = scale * [1.0, 1e3, 1e-4]
    labels = (X[:, 0] > 4.0).astype(int)
    before = mixture(covariance_type=name, resp_init=labels).fit(X)
    after = mixture(covariance_type=name, resp_init=labels).fit((X + shift) * scale)
    assert_allclose(after.df_, before.df_, rtol=1e-4)
    assert_allclose(after.means_ / scale - shift, before.means_, atol=1e-4)
    jacobian = np.log(scale).sum()
    assert_allclose(after.lower_bound_ + jacobian, before.lower_bound_, rtol=1e-8)


@each_structure
def test_blocks_are_all_rows(name):
    X = holes(tails())
    options = {"covariance_type": name, "means_init": [[0, 0, 0], [8, -6, 7]]}
    whole, parts = mixture(**options).fit(X), mixture(**options).fit(Blocks([X[:100], X[100:]]))
    assert_allclose(parts.lower_bound_, whole.lower_bound_, rtol=1e-9)
    assert_allclose(1.0 / parts.df_, 1.0 / whole.df_, atol=1e-4)


def test_a_row_said_to_be_anywhere_tells_nothing():
    X = tails()
    labels = (X[:, 0] > 4.0).astype(int)
    fitted = mixture(resp_init=labels).fit(X)
    empty = np.concatenate([X, np.full((5, 3), np.nan)])
    again = mixture(resp_init=np.append(labels, np.zeros(5, int))).fit(empty)
    assert_allclose(again.df_, fitted.df_, rtol=1e-6)
    assert_allclose(fitted.score_samples(empty)[-1], 0.0, atol=1e-12)


@pytest.mark.parametrize("acceleration", [None, "squarem", "louis", "anderson"])
@pytest.mark.parametrize("df", ["free", "common"])
def test_every_acceleration_ends_at_the_same_maximum(acceleration, df):
    X = holes(tails())
    best = mixture(df=df, tol=1e-12).fit(X)
    fitted = mixture(df=df, tol=1e-11, acceleration=acceleration).fit(X)
    assert_allclose(fitted.lower_bound_, best.lower_bound_, rtol=1e-8)


@pytest.mark.parametrize("options", [{"algorithm": "cem"}, {"algorithm": "sem"}, {"n_jobs": 2}])
def test_forms_and_processes(options):
    X = tails()
    fitted = mixture(n_init=2, **options).fit(X)
    assert_allclose(np.sort(fitted.means_[:, 0]), [0.0, 8.0], atol=0.3)


@pytest.mark.parametrize(
    "search", ["restarts", "short_runs", "annealing", "simulated_annealing", "genetic"]
)
def test_searches(search):
    X = tails()
    fitted = mixture(n_init=3, search=search).fit(X)
    assert_allclose(fitted.lower_bound_, mixture().fit(X).lower_bound_, rtol=1e-5)


# Robustness


@pytest.mark.parametrize("distance", [20.0, 1e3, 1e6])
@pytest.mark.parametrize("d", [1, 2, 6])
def test_outliers_do_not_move_the_means(distance, d):
    rng = np.random.default_rng(d)
    X = np.concatenate([rng.normal(0, 1, (150, d)), rng.normal(9, 1, (150, d))])
    far = rng.uniform(-distance, distance, (15, d))
    clean = mixture(df="common").fit(X)
    fitted = mixture(df="common").fit(np.concatenate([X, far]))
    order, usual = np.argsort(fitted.means_[:, 0]), np.argsort(clean.means_[:, 0])
    assert_allclose(fitted.means_[order], clean.means_[usual], atol=0.25)
    if distance > 100.0:
        normal = EMGaussianMixture(2, random_state=0).fit(np.concatenate([X, far]))
        assert np.abs(np.sort(normal.means_[:, 0]) - [0.0, 9.0]).max() > 1.0


def test_normal_data_are_found_to_be_normal():
    infinite = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        fitted = mixture(1).fit(rng.uniform(size=(200, 2)))  # tails lighter than a normal's
        infinite += np.isinf(fitted.df_[0])
        assert_allclose(fitted.covariances_, fitted.scales_)
    assert infinite == 10


# Draws and missing cells


def test_draws_have_the_distribution_of_the_fit():
    fitted = mixture(df=3.0).fit(tails())
    X, labels = fitted.sample(4000)
    for k, (mean, scale) in enumerate(zip(fitted.means_, fitted.scales_, strict=True)):
        z = (X[labels == k, 0] - mean[0]) / np.sqrt(scale[0, 0])
        assert kstest(z, "t", args=(3.0,)).pvalue > 1e-3


@each_structure
def test_missing_cells_are_filled_with_their_conditional_means(name):
    X = tails()
    fitted = mixture(covariance_type=name).fit(X)
    rows = np.array([[0.5, np.nan, 1.0], [7.5, -7.0, np.nan], [np.nan, np.nan, 6.0]])
    filled = fitted.impute(rows)
    scales = dense(name, fitted.scales_, 2, 3)
    resp = fitted.predict_proba(rows)
    for x, r, out in zip(rows, resp, filled, strict=True):
        seen, gone = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
        expected = sum(
            r[k]
            * (
                mean[gone]
                + scale[np.ix_(gone, seen)]
                @ np.linalg.solve(scale[np.ix_(seen, seen)], x[seen] - mean[seen])
            )
            for k, (mean, scale) in enumerate(zip(fitted.means_, scales, strict=True))
        )
        assert_allclose(out[gone], expected, rtol=1e-8, atol=1e-8)


# Standard errors


def log_likelihood(theta, X, free):
    """Of two components in two columns; ``free`` makes their scales of the last parameters."""
    weight, means, epsilon = theta[0], theta[1:5].reshape(2, 2), theta[5:7]
    parts = zip((weight, 1.0 - weight), means, free(theta[7:]), epsilon, strict=True)
    each = [w * multivariate_t(mean, scale, 1.0 / e).pdf(X) for w, mean, scale, e in parts]
    return float(np.log(np.sum(each, axis=0)).sum())


def hessian(function, theta, steps):
    """By differences of the second order."""
    ways = np.diag(steps)
    out = np.empty((len(theta), len(theta)))
    for i, a in enumerate(ways):
        for j, b in enumerate(ways):
            around = [function(theta + p * a + q * b) * p * q for p in (1, -1) for q in (1, -1)]
            out[i, j] = sum(around) / (4.0 * steps[i] * steps[j])
    return out


def matrix(a, b, c):
    return np.array([[a, b], [b, c]])


#: Scale matrices from free numbers, and the numbers from the attribute.
FREE = {
    "full": (
        lambda s: [matrix(*s[:3]), matrix(*s[3:])],
        lambda c: c[:, [0, 0, 1], [0, 1, 1]].ravel(),
    ),
    "tied": (lambda s: [matrix(*s)] * 2, lambda c: c[[0, 0, 1], [0, 1, 1]]),
    "diag": (lambda s: [np.diag(s[:2]), np.diag(s[2:])], np.ravel),
    "spherical": (lambda s: [s[0] * np.eye(2), s[1] * np.eye(2)], np.ravel),
}


@pytest.mark.parametrize("name", FREE)
def test_standard_errors_are_those_of_the_inverse_hessian(name):
    X = tails(n=600)[:, :2]
    fitted = mixture(covariance_type=name, tol=1e-13).fit(X)
    free, numbers = FREE[name]
    scales = numbers(fitted.scales_)
    parts = [fitted.weights_[:1], fitted.means_.ravel(), 1.0 / fitted.df_, scales]
    theta = np.concatenate(parts)
    steps = np.concatenate(
        [[1e-3], np.full(4, 1e-2), 1e-2 / fitted.df_, np.full(len(scales), 3e-3)]
    )
    information = -hessian(lambda t: log_likelihood(t, X, free), theta, steps)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    errors = fitted.standard_errors(X)
    found = [errors.weights[:1], errors.means.ravel(), errors.df / fitted.df_**2]
    assert_allclose(np.concatenate([*found, numbers(errors.scales)]), expected, rtol=3e-3)


def test_what_is_given_or_infinite_has_no_standard_error():
    X = tails()
    assert_array_equal(mixture(df=4.0).fit(X).standard_errors(X).df, 0.0)
    flat = np.random.default_rng(0).uniform(size=(200, 2))
    with pytest.warns(UserWarning, match="boundary"):
        errors = mixture(1).fit(flat).standard_errors(flat)
    assert np.isnan(errors.df).all()
    assert np.isfinite(errors.means).all()


# The estimator


def test_parameters_are_counted():
    X = tails()
    counts = {df: mixture(df=df).fit(X)._n_parameters() for df in ("free", "common", 4.0)}
    assert counts["free"] - counts["common"] == 1
    assert counts["common"] - counts[4.0] == 1
    fitted = mixture(df="common").fit(X)
    free = -2.0 * fitted.score(X) * 300 + np.log(300) * fitted._n_parameters()
    assert_allclose(fitted.bic(X), free)


def test_summary_and_display_tell_of_degrees_of_freedom():
    pytest.importorskip("matplotlib").use("Agg")
    X = tails()
    fitted = mixture(df=1.5).fit(X)
    table = fitted.summary(X)
    assert_array_equal(table["df"], [1.5, 1.5])
    assert_array_equal(table["se_df"], [0.0, 0.0])
    assert "df" not in EMGaussianMixture(2, random_state=0).fit(X).summary()
    display = MixtureDisplay.from_estimator(fitted, X[:, :3], features=[0], levels=0.9)
    grid, curve = display.density_lines_[0].get_data()
    marginal = sum(
        weight * multivariate_t(mean[:1], scale[:1, :1], 1.5).pdf(grid[:, None])
        for weight, mean, scale in zip(fitted.weights_, fitted.means_, fitted.scales_, strict=True)
    )
    assert_allclose(curve, marginal, rtol=1e-9)
    display = MixtureDisplay.from_estimator(fitted, X, features=[0, 1], levels=0.9)
    draws, labels = fitted.sample(20000)
    for k, outline in enumerate(display.ellipses_):
        edge = np.array(outline.get_data()).T[0] - fitted.means_[k, :2]
        inverse = np.linalg.inv(fitted.scales_[k, :2, :2])
        z = draws[labels == k, :2] - fitted.means_[k, :2]
        within = np.einsum("ni,ij,nj->n", z, inverse, z) < edge @ inverse @ edge
        assert_allclose(within.mean(), 0.9, atol=0.015)


def test_a_grid_of_student_t():
    X = tails()
    chosen = EMGaussianMixtureIC(
        max_components=3,
        covariance_type=["diag", "spherical"],
        distribution="student_t",
        df="common",
        random_state=0,
        n_init=2,
    ).fit(X)
    assert chosen.best_params_ == {"n_components": 2, "covariance_type": "diag"}
    assert_array_equal(chosen.df_, chosen.best_estimator_.df_)
    normal = chosen.set_params(distribution="normal").fit(X)
    assert not hasattr(normal, "df_")


def test_attributes_set_by_hand_are_taken_as_they_are():
    X = holes(tails())
    fitted = mixture().fit(X)
    by_hand = clone(fitted)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "df_"):
        setattr(by_hand, name, getattr(fitted, name))
    assert_allclose(by_hand.score_samples(X), fitted.score_samples(X), rtol=1e-9, atol=1e-12)
    fitted.df_ = np.array([2.0, 2.0])
    assert_allclose(fitted.score_samples(X), log_density(fitted, X), rtol=1e-9, atol=1e-12)


def test_the_same_start_without_tails_as_of_normals():
    options = {"covariance_type": "diag", "reg_covar": 0.0, "random_state": 0, "max_iter": 0}
    normal = EMGaussianMixture(3, **options).fit(load_iris().data)
    without = mixture(3, df=np.inf, **options).fit(load_iris().data)
    assert_allclose(without.means_, normal.means_, rtol=1e-12)


@pytest.mark.parametrize("estimator", [EMGaussianMixture, EMImputer])
def test_a_warm_start_from_another_distribution_says_so(estimator):
    fitted = estimator(2, warm_start=True, random_state=0).fit(tails())
    with pytest.raises(ValueError, match=r"warm_start goes on from .* had \(distribution, df\)"):
        fitted.set_params(distribution="student_t").fit(tails())


def test_warm_starts_pickles_and_single_precision():
    X = tails()
    fitted = mixture(warm_start=True).fit(X)
    first, df = fitted.n_iter_, fitted.df_
    assert fitted.fit(X).n_iter_ < first
    assert_allclose(fitted.df_, df, rtol=1e-3)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    single = mixture(tol=1e-5).fit(X.astype(np.float32))
    assert single.df_.dtype == single.scales_.dtype == np.float32
    normal = fitted.set_params(distribution="normal", warm_start=False).fit(X)
    assert not hasattr(normal, "df_")
    assert not hasattr(normal, "scales_")


def test_another_distribution_than_that_of_the_fit_is_refused():
    X = tails()
    for change in ({"df": 3.0}, {"distribution": "normal"}):
        fitted = mixture().fit(X).set_params(**change)
        with pytest.raises(ValueError, match="Fit again, or set them back"):
            fitted.predict(X)
        with pytest.raises(ValueError, match="warm_start goes on|Fit again"):
            fitted.set_params(warm_start=True).fit(X)


@pytest.mark.parametrize("df", [0, -1.0, np.nan, 1e-9, "estimate", None, [3.0]])
def test_bad_degrees_of_freedom_are_refused(df):
    with pytest.raises(ValueError, match="'df' parameter of EMGaussianMixture must be"):
        mixture(df=df).fit(tails())


def test_what_normals_alone_have_is_refused_with_the_reason():
    X = tails()
    with pytest.raises(ValueError, match="'distribution' parameter"):
        mixture().set_params(distribution="cauchy").fit(X)
    for kind in (ValueError, AttributeError):
        with pytest.raises(kind, match="partial_fit has no distribution='student_t'"):
            mixture().partial_fit(X)
    assert hasattr(EMGaussianMixture(), "partial_fit")
    assert not hasattr(mixture(), "partial_fit")
    with pytest.raises(ValueError, match="scikit-learn has no distribution='student_t'"):
        mixture().fit(X).to_sklearn()
    table = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(["u", "v"] * 150)})
    with pytest.raises(ValueError, match="b are categories"):
        mixture().fit(table)


@pytest.mark.parametrize(
    ("options", "labels"), [({"noise": True}, None), ({"noise": 10.0}, None), ({}, [0, 1] * 20)]
)
def test_what_is_not_offered_with_student_t_is_refused(options, labels):
    X = np.random.default_rng(0).normal(size=(40, 2))
    mixture = EMGaussianMixture(2, distribution="student_t", **options)
    with pytest.raises(ValueError, match="not offered with"):
        mixture.fit(X, labels=labels)
