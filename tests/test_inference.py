"""Standard errors: against closed forms, published values and Hessians of independent densities."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from scipy import stats
from structures import dense
from systems import (
    Linkage,
    LinkageVariant,
    Normals,
    Poisson,
    Rates,
    Rotated,
    ScoredRotated,
    Theta,
    death_notices,
)

from emkit import EMGaussianMixture, EMImputer
from emkit.engine import Blocks, EMModel, fit_em, soft, standard_errors
from emkit.exceptions import DataWarning, ModelError
from emkit.models.censored.first_line import prepare
from emkit.models.censored.normal import CensoredNormal
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.prior import Prior
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

METHODS = ["oakes", "sem"]
TYPES = NAMES
CLOSED = [name for name in NAMES if STRUCTURES[name].closed]


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in tree])


# Models of a few lines


class Coins(NamedTuple):
    a: float
    b: float
    difference: float  # says nothing new


class Tosses(NamedTuple):
    heads: np.ndarray
    tails: np.ndarray


class TwoCoins(EMModel):
    """Which of two coins was tossed ten times is missing, one as likely as the other."""

    def initialize(self, heads, rng):
        return Coins(0.6, 0.5, 0.1)

    def e_step(self, heads, params):
        p = np.array([params.a, params.b])[:, None]
        resp, values = soft(np.log(0.5) + heads * np.log(p) + (10 - heads) * np.log(1 - p))
        return Tosses(resp @ heads, resp @ (10 - heads)), values.sum()

    def m_step(self, stats, params):
        a, b = stats.heads / (stats.heads + stats.tails)
        return Coins(a, b, a - b)

    def complete_score(self, stats, params):
        p = np.array([params.a, params.b])
        return Coins(*(stats.heads / p - stats.tails / (1 - p)), 0.0)

    def is_feasible(self, params):
        return 0 < params.a < 1 and 0 < params.b < 1


class Partners(NamedTuple):
    p: np.ndarray


class Together(NamedTuple):
    n: np.ndarray


class Outings(EMModel):
    """A man, and the women of whom one is his partner: p(woman | man)."""

    def initialize(self, outings, rng):
        return Partners(np.full((3, 3), 1 / 3))

    def e_step(self, outings, params):
        n, log_likelihood = np.zeros((3, 3)), 0.0
        for man, women in outings:
            chance = params.p[man, women]
            n[man, women] += chance / chance.sum()
            log_likelihood += np.log(chance.sum())
        return Together(n), log_likelihood

    def m_step(self, stats, params):
        return Partners(stats.n / stats.n.sum(axis=1, keepdims=True))

    def complete_score(self, stats, params):
        return Partners(stats.n / params.p)

    def is_feasible(self, params):
        return bool((params.p >= 0).all())


OUTINGS = [(0, [0, 1]), (1, [0, 2]), (1, [2, 1]), (2, [1])]


@pytest.fixture(scope="module")
def deaths():
    return death_notices()


@pytest.fixture(scope="module")
def two_rates(deaths):
    start = Rates(np.array([0.36, 0.64]), np.array([1.25, 2.66]))
    return fit_em(Poisson(), deaths, start=start, tol=1e-9)


# Published values and closed forms


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model, name", [(Linkage(), "classic"), (LinkageVariant(), "variant")])
def test_linkage(golden, model, name, method):
    case = golden("linkage.json")[f"linkage_{name}"]
    counts = np.array(case["data"])
    result = fit_em(model, counts, start=Theta(0.5), tol=1e-13)
    errors = standard_errors(model, counts, result, method=method)
    assert isinstance(errors, Theta)
    assert errors.t == pytest.approx(float(case["se"]), rel=5e-8)


@pytest.mark.parametrize("method", METHODS)
def test_two_coins(golden, method):
    case = golden("two_coin.json")
    heads = np.array(case["heads"], dtype=float)
    model = TwoCoins()
    result = fit_em(model, heads, start=Coins(0.6, 0.5, 0.1), tol=1e-13)
    errors = standard_errors(model, heads, result, method=method)
    np.testing.assert_allclose([errors.a, errors.b], case["se"], rtol=2e-7)
    # What a redundant parameter says is the covariance of those that it is made of.
    variance = sum(np.square(case["se"])) - 2.0 * case["covariance_AB"]
    assert errors.difference == pytest.approx(np.sqrt(variance), rel=2e-7)


def mixture_information(table, weight, rates):
    """Observed information of (w, l1, l2) of a Poisson mixture, by hand."""
    x, n = table.T
    p = stats.poisson.pmf(x, rates[:, None])
    score = x / rates[:, None] - 1.0
    first = np.array([p[0] - p[1], weight * p[0] * score[0], (1 - weight) * p[1] * score[1]])
    bend = p * (score**2 - x / rates[:, None] ** 2)
    second = np.zeros((3, 3, len(x)))
    second[1, 1], second[2, 2] = weight * bend[0], (1 - weight) * bend[1]
    second[0, 1] = second[1, 0] = p[0] * score[0]
    second[0, 2] = second[2, 0] = -p[1] * score[1]
    total = weight * p[0] + (1 - weight) * p[1]
    return (n * (first[:, None] * first / total**2 - second / total)).sum(axis=2)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_death_notices(deaths, two_rates, method):
    (weight, _), rates = two_rates.params
    exact = np.sqrt(np.diag(np.linalg.inv(mixture_information(deaths, weight, rates))))
    errors = standard_errors(Poisson(), deaths, two_rates, method=method)
    np.testing.assert_allclose(errors.weights, exact[0], rtol=1e-6)
    np.testing.assert_allclose(errors.rates, exact[1:], rtol=1e-6)


# Curved families


def rotations(angles):
    return np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])


def rotated(free, n_classes):
    """The parameters of `Rotated` in numbers that are free of each other."""
    logits, means, logs, angles = np.split(free, np.cumsum([n_classes - 1, 2 * n_classes, 2]))
    weights = np.exp([*logits, 0.0])
    axes = rotations(angles)
    covariances = (axes * np.exp(logs)) @ axes.swapaxes(1, 2)
    return Normals(weights / weights.sum(), means.reshape(-1, 2), covariances)


def free_numbers(params):
    values, axes = np.linalg.eigh(params.covariances)
    logits = np.log(params.weights[:-1] / params.weights[-1])
    angles = np.arctan2(axes[:, 1, 0], axes[:, 0, 0])
    return np.concatenate([logits, params.means.ravel(), np.log(values[0]), angles])


def hessian(function, at, step):
    """By central differences, extrapolated to steps of length 0."""
    units = step * np.eye(len(at))

    def second(a, b):
        return (function(at + a + b) - function(at + a - b)
                - function(at - a + b) + function(at - a - b)) / (4 * step**2)  # fmt: skip

    wide = np.array([[second(a, b) for b in units] for a in units])
    half = np.array([[4 * second(a / 2, b / 2) for b in units] for a in units])
    return (4 * half - wide) / 3


@pytest.fixture(scope="module", params=[2, 3])
def turned(request):
    """Normals of one shape, turned, and data whose shapes differ: the family does not hold."""
    k, rng = request.param, np.random.default_rng(3)
    means = np.array([[0.0, 0.0], [2.5, 0.5], [-1.0, 3.0]])[:k]
    axes = rotations([0.4, 1.9, 2.8])[:k]
    rows = [
        rng.normal(size=(250, 2)) * [0.5 + 0.1 * i, 1.4 - 0.2 * i] @ axes[i].T + means[i]
        for i in range(k)
    ]
    X = np.concatenate(rows)
    covariances = (axes * [0.3, 1.5]) @ axes.swapaxes(1, 2)
    start = Normals(np.full(k, 1 / k), means, covariances)
    result = fit_em(Rotated(k), X, start=start, tol=1e-10, max_iter=3000)
    at = free_numbers(result.params)
    information = -hessian(lambda free: Rotated(k).e_step(X, rotated(free, k))[1], at, 1e-2)
    ways = 1e-5 * np.eye(len(at))
    slopes = [flat(rotated(at + w, k)) - flat(rotated(at - w, k)) for w in ways]
    slopes = np.transpose(slopes) / 2e-5
    exact = np.sqrt(np.diag(slopes @ np.linalg.inv(information) @ slopes.T))
    return k, X, result, exact


@pytest.mark.parametrize(
    ("family", "method"),
    [(Rotated, "auto"), (ScoredRotated, "auto"), (ScoredRotated, "oakes"), (ScoredRotated, "sem")],
)
def test_standard_errors_within_a_family_that_affine_combinations_leave(turned, family, method):
    k, X, result, exact = turned
    errors = standard_errors(family(k), X, result, method=method)
    np.testing.assert_allclose(flat(errors), exact, rtol=1e-4)


def test_a_rough_retraction_costs_digits_and_no_more(turned):
    class Rough(ScoredRotated):
        """As if it iterated to a tolerance, as the search for a common orientation does."""

        def retract(self, params):
            inside = super().retract(params)
            return inside._replace(covariances=inside.covariances.round(9))

    k, X, result, exact = turned
    errors = standard_errors(Rough(k), X, result)
    np.testing.assert_allclose(flat(errors), exact, rtol=1e-3)


def test_a_family_that_is_not_curved_may_have_a_retraction(deaths, two_rates):
    class Normalised(Poisson):
        def retract(self, params):
            return params._replace(weights=params.weights / params.weights.sum())

    errors = standard_errors(Normalised(), deaths, two_rates)
    np.testing.assert_allclose(
        flat(errors), flat(standard_errors(Poisson(), deaths, two_rates)), rtol=1e-9
    )


def test_blocks_and_bare_parameters(deaths, two_rates):
    whole = standard_errors(Poisson(), deaths, two_rates)
    blocks = Blocks([deaths[:3], deaths[3:]])
    np.testing.assert_allclose(
        flat(standard_errors(Poisson(), blocks, two_rates.params)), flat(whole), rtol=1e-7
    )


def test_complete_normal():
    X = np.random.default_rng(0).multivariate_normal([5, -3], [[2, 1], [1, 3]], 200)
    n, s = len(X), np.cov(X.T, bias=True)
    variance = (np.outer(np.diag(s), np.diag(s)) + s**2) / n
    mixture = EMGaussianMixture(reg_covar=0.0).fit(X).standard_errors(X)
    imputer = EMImputer(shrinkage=0.0).fit(X).standard_errors(X)
    assert mixture.weights == [0.0]  # a single weight is 1
    np.testing.assert_allclose(mixture.means[0], np.sqrt(np.diag(s) / n), rtol=1e-7)
    np.testing.assert_allclose(mixture.covariances[0], np.sqrt(variance), rtol=1e-7)
    np.testing.assert_allclose(imputer.location, mixture.means[0], rtol=1e-7)
    np.testing.assert_allclose(imputer.covariance, mixture.covariances[0], rtol=1e-7)


def test_normal_with_one_column_partly_missing():
    """Anderson (1957): the likelihood factors into a normal and a regression."""
    rng = np.random.default_rng(1)
    X = rng.multivariate_normal([1.0, 2.0], [[1.0, 0.8], [0.8, 2.0]], 90)
    X[50:, 1] = np.nan
    errors = EMImputer(shrinkage=0.0, tol=1e-11).fit(X).standard_errors(X)
    x, (z, y) = X[:, 0], X[:50].T
    design = np.column_stack([np.ones(50), z])
    coef = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = np.mean((y - design @ coef) ** 2)
    at = np.array([1.0, x.mean()])
    variance = residual * at @ np.linalg.solve(design.T @ design, at) + coef[1] ** 2 * x.var() / 90
    np.testing.assert_allclose(errors.location, np.sqrt([x.var() / 90, variance]), rtol=1e-6)
    assert errors.covariance[0, 0] == pytest.approx(x.var() * np.sqrt(2 / 90), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_censored_regression(alpha):
    """A model that knows its second derivatives, and whose statistics vanish at the maximum."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((150, 2)) * [1, 100] + [0, 1e3]
    y = X @ [1.0, 0.02] + rng.standard_normal(150)
    low, high = y.copy(), y.copy()
    high[y > np.median(y)] = np.inf
    low[y > np.median(y)] = np.median(y)
    data, units, gram = prepare(X, low, high, None, True)
    model = CensoredNormal(units.line, gram, alpha, True)
    result = fit_em(model, data, random_state=0, tol=1e-10)
    covariance = np.linalg.inv(model.observed_information(data, result.params))
    errors = standard_errors(model, data, result)
    np.testing.assert_allclose(flat(errors), np.sqrt(np.diag(covariance)), rtol=1e-6)


# The Gaussian mixture, against Hessians of its density written down anew


def objective(X, weights, structure, reg_covar, n_components):
    """The objective of EMGaussianMixture from (weights, means, covariances), by scipy."""
    patterns = [
        (np.flatnonzero(seen), np.flatnonzero((~np.isnan(X) == seen).all(axis=1)))
        for seen in np.unique(~np.isnan(X), axis=0)
    ]

    def evaluate(params):
        covariances = structure.retract(params.covariances, params.weights)
        covariances = dense(structure.name, covariances, *params.means.shape)
        value = 0.0
        for columns, rows in patterns:
            x, part = X[np.ix_(rows, columns)], np.ix_(columns, columns)
            density = sum(
                w * stats.multivariate_normal.pdf(x, m[columns], c[part])
                for w, m, c in zip(params.weights, params.means, covariances, strict=True)
            )
            value += weights[rows] @ np.log(density)
        traces = sum(np.trace(np.linalg.inv(c)) for c in covariances)
        return value - 0.5 * weights.sum() * reg_covar / n_components * traces

    return evaluate


def directions(params, structure):
    """One direction for each free parameter of a mixture, (q, P)."""
    sizes = [np.size(leaf) for leaf in params]
    unit = np.eye(sum(sizes))
    first = sizes[0] + sizes[1]
    out = [*(unit[: sizes[0] - 1] - unit[sizes[0] - 1]), *unit[sizes[0] : first]]
    if not structure.closed:
        along = tangent_of(structure, params)
        return np.vstack([out, np.hstack([np.zeros((len(along), first)), along])])
    shape = np.shape(params.covariances)
    place = np.arange(sizes[2]).reshape(shape)
    for at in np.ndindex(shape):
        across = at if structure.layout.independent else (*at[:-2], at[-1], at[-2])
        if place[at] <= place[across]:
            both = {first + place[at], first + place[across]}
            out.append(unit[sorted(both)].sum(axis=0))
    return np.array(out)


def tangent_of(structure, params):
    """Directions along a curved structure: where retraction leads from beside it."""
    moves = np.random.default_rng(0).normal(
        size=(3 * np.size(params.covariances), *params[2].shape)
    )
    if structure.layout.ndim == 2:
        moves = moves + np.swapaxes(moves, -1, -2)
    # In units of the columns: a step that is small beside every variance.
    deviations = np.sqrt(structure.layout.diagonals(params.covariances, params.means.shape))
    unit = deviations[:, :, None] * deviations[:, None]
    unit = unit if structure.layout.ndim == 2 else unit.diagonal(axis1=1, axis2=2)
    moves = 1e-5 * moves * unit
    ends = [
        [structure.retract(params.covariances + sign * move, params.weights) for move in moves]
        for sign in (1, -1)
    ]
    changes = (np.subtract(*ends) / unit).reshape(len(moves), -1)
    _, sizes, along = np.linalg.svd(changes / np.abs(changes).max())
    q = structure.n_parameters(*params.means.shape)
    assert sizes[q - 1] > 1e-3 * sizes[0] and (sizes[q:] < 1e-4 * sizes[0]).all()
    return along[:q] * unit.reshape(-1)


def restore(vector, like):
    splits = np.cumsum([np.size(leaf) for leaf in like])[:-1]
    parts = np.split(vector, splits)
    return type(like)(*(a.reshape(np.shape(b)) for a, b in zip(parts, like, strict=True)))


def covariance_by_hessian(evaluate, params, along):
    """Inverse observed information by second differences, extrapolated, in steps of 0.05 and
    0.025 standard errors."""
    centre = flat(params)

    def f(step):
        return evaluate(restore(centre + step, params))

    middle = f(0.0 * centre)
    curvatures = [(2.0 * middle - f(1e-3 * d) - f(-1e-3 * d)) / 1e-6 for d in along]
    along = along / np.sqrt(curvatures)[:, None]
    hessians = []
    for h in (0.05, 0.025):
        ends = [(f(h * d), f(-h * d)) for d in along]
        q = len(along)
        hessian = np.empty((q, q))
        for i in range(q):
            for j in range(i + 1):
                if i == j:
                    cross = sum(ends[i]) - 2.0 * middle
                else:
                    both = f(h * (along[i] + along[j])) + f(-h * (along[i] + along[j]))
                    cross = 0.5 * (both + 2.0 * middle - sum(ends[i]) - sum(ends[j]))
                hessian[i, j] = hessian[j, i] = cross / h**2
        hessians.append(hessian)
    information = (hessians[0] - 4.0 * hessians[1]) / 3.0
    return along.T @ np.linalg.inv(information) @ along


def clusters(n, d, missing, seed):
    rng = np.random.default_rng(seed)
    apart = 3.0 * (rng.random(n) < 0.4)
    X = rng.standard_normal((n, d)) * [1.0, 20.0][:d] + apart[:, None] * [1.0, 20.0][:d]
    X[rng.random((n, d)) < missing] = np.nan
    return X[~np.isnan(X).all(axis=1)]


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("d, missing, weighted", [(1, 0.0, True), (2, 0.0, False), (2, 0.2, True)])
def test_mixture_against_hessian(covariance_type, d, missing, weighted):
    X = clusters(120, d, missing, seed=d)
    weights = np.ones(len(X))
    if weighted:
        weights = np.random.default_rng(3).integers(1, 4, len(X)).astype(float)
    mixture = EMGaussianMixture(
        2, covariance_type=covariance_type, reg_covar=0.01, tol=1e-12, max_iter=5000, random_state=0
    )
    mixture.fit(X, sample_weight=weights)
    assert mixture.converged_
    structure = STRUCTURES[covariance_type]
    params = MixtureParams(mixture.weights_, mixture.means_, mixture.covariances_)
    evaluate = objective(X, weights, structure, 0.01, 2)
    covariance = covariance_by_hessian(evaluate, params, directions(params, structure))
    errors = mixture.standard_errors(X, sample_weight=weights)
    rtol = 2e-5 if structure.closed else 1e-3
    np.testing.assert_allclose(flat(errors), np.sqrt(np.diag(covariance)), rtol=rtol)


@pytest.mark.parametrize("name", [name for name in TYPES if not STRUCTURES[name].closed])
def test_structures_of_diabetes_against_hessian(golden, name):
    X = np.array(golden("selection_mclust.json")["diabetes"]["X"])
    labels = np.array(golden("structures.json")["labels"]["diabetes"]["2"]) - 1
    mixture = EMGaussianMixture(
        2, covariance_type=name, reg_covar=0.0, tol=1e-12, max_iter=5000, resp_init=labels
    ).fit(X)
    structure = STRUCTURES[name]
    params = MixtureParams(mixture.weights_, mixture.means_, mixture.covariances_)
    evaluate = objective(X, np.ones(len(X)), structure, 0.0, 2)
    covariance = covariance_by_hessian(evaluate, params, directions(params, structure))
    errors = flat(mixture.standard_errors(X))
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-4)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_imputer_of_two_components_against_hessian(covariance_type):
    """Mean and covariance of the whole, by the delta method."""
    X = clusters(120, 2, 0.2, seed=5) / [1.0, 20.0]
    structure = STRUCTURES[covariance_type]
    imputer = EMImputer(
        2, covariance_type=covariance_type, shrinkage=0.0, tol=1e-10, max_iter=5000, random_state=0
    ).fit(X)
    params = MixtureParams(imputer.weights_, imputer.means_, imputer.covariances_)
    evaluate = objective(X, np.ones(len(X)), structure, 0.0, 2)
    covariance = covariance_by_hessian(evaluate, params, directions(params, structure))

    def moments(vector):
        weights, means, covariances = restore(vector, params)
        matrices = dense(covariance_type, structure.retract(covariances, weights), *means.shape)
        second = np.tensordot(weights, means[:, :, None] * means[:, None] + matrices, 1)
        mean = weights @ means
        return np.append(mean, second - np.outer(mean, mean))

    centre, step = flat(params), 1e-5
    jacobian = np.array(
        [
            (moments(centre + e) - moments(centre - e)) / (2 * step)
            for e in step * np.eye(len(centre))
        ]
    )
    exact = np.sqrt(np.diag(jacobian.T @ covariance @ jacobian))
    rtol = 2e-5 if structure.closed else 1e-3
    np.testing.assert_allclose(flat(imputer.standard_errors(X)), exact, rtol=rtol)


PRIOR = Prior(
    np.array([0.02, 0.05]),
    0.1,
    rows=6.0,
    mean=np.array([0.3, 0.1]),
    mean_precision=0.5,
    concentration=3.0,
)


def mixture_model(covariance_type, X, weights, prior):
    structure = STRUCTURES[covariance_type]
    data = Rows.of(X, weights)
    if prior is PRIOR:
        prior = PRIOR._replace(scatter=structure.layout.prior_from_diagonal(np.array([2.0, 3.0])))
    units = Scaling(np.array([1.0, 20.0]), np.array([2.0, 40.0]))
    model = GaussianMixtureModel(
        structure,
        units,
        total_weight=data.total_weight,
        prior=Prior(np.zeros(2)) if prior is None else prior,
        incomplete=data.incomplete,
    )
    start = MixtureParams(
        np.array([0.6, 0.4]),
        np.array([[-0.5, -0.5], [1.0, 1.0]]),
        0.3 * structure.layout.identity(2, 2),
    )
    return model, data, start


@pytest.mark.parametrize("covariance_type", CLOSED)
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("prior", [None, PRIOR], ids=["ml", "map"])
def test_methods_agree_on_mixtures(covariance_type, missing, prior):
    X = clusters(150, 2, missing, seed=7)
    model, data, start = mixture_model(covariance_type, X, None, prior)
    result = fit_em(model, data, start=start, tol=1e-10, max_iter=5000)
    oakes, sem = (standard_errors(model, data, result, method=m) for m in METHODS)
    assert np.isfinite(flat(oakes)).all()
    np.testing.assert_allclose(flat(sem), flat(oakes), rtol=1e-5)


@pytest.mark.parametrize("covariance_type", CLOSED)
@pytest.mark.parametrize("prior", [None, PRIOR], ids=["ml", "map"])
def test_score_is_the_gradient_anywhere(covariance_type, prior):
    """Fisher's identity."""
    X = clusters(60, 2, 0.2, seed=8)
    weights = np.random.default_rng(8).uniform(0.5, 2.0, len(X))
    model, data, params = mixture_model(covariance_type, X, weights, prior)

    def evaluate(vector):
        there = restore(vector, params)
        return model.e_step(data, there)[1] + model.log_prior(there)

    score = flat(model.complete_score(model.e_step(data, params)[0], params))
    for direction in directions(params, STRUCTURES[covariance_type]):
        step = 1e-5 * direction
        slope = (evaluate(flat(params) + step) - evaluate(flat(params) - step)) / 2e-5
        assert score @ direction == pytest.approx(slope, rel=1e-6, abs=1e-5)


# Laws


def test_integer_weights_are_repeated_rows():
    X = clusters(80, 2, 0.1, seed=9)
    times = np.random.default_rng(9).integers(0, 4, len(X))
    mixture = EMGaussianMixture(2, tol=1e-11, max_iter=5000, random_state=0, reg_covar=1e-4)
    mixture.fit(X, sample_weight=times)
    np.testing.assert_allclose(
        flat(mixture.standard_errors(X, sample_weight=times)),
        flat(mixture.standard_errors(np.repeat(X, times, axis=0))),
        rtol=1e-6,
    )
    imputer = EMImputer(tol=1e-9).fit(X, sample_weight=times)
    np.testing.assert_allclose(
        flat(imputer.standard_errors(X, sample_weight=times)),
        flat(imputer.standard_errors(np.repeat(X, times, axis=0))),
        rtol=1e-6,
    )


@settings(max_examples=15, deadline=None)
@given(
    exponents=st.tuples(*[st.integers(-9, 9)] * 2),
    shift=st.floats(-1e4, 1e4),
    missing=st.sampled_from([0.0, 0.2]),
)
def test_units_of_the_columns(exponents, shift, missing):
    X = clusters(60, 2, missing, seed=10) / [1.0, 20.0]
    scale = 10.0 ** np.array(exponents)
    moved = (X + shift) * scale
    before = EMImputer(shrinkage=0.0, tol=1e-9).fit(X).standard_errors(X)
    after = EMImputer(shrinkage=0.0, tol=1e-9).fit(moved).standard_errors(moved)
    np.testing.assert_allclose(after.location, before.location * scale, rtol=1e-5)
    factor = np.outer(scale, scale)
    np.testing.assert_allclose(after.covariance, before.covariance * factor, rtol=1e-5)


class Shifted(Poisson):
    """Rates about ``origin`` in units of ``unit``."""

    def __init__(self, origin, unit):
        self.origin, self.unit = origin, unit

    def inner(self, params):
        return Rates(params.weights, self.origin + self.unit * params.rates)

    def outer(self, params):
        return Rates(params.weights, (params.rates - self.origin) / self.unit)

    def bind(self, params):
        return self.inner(params)

    def m_step(self, stats, params):
        return self.outer(super().m_step(stats, params))

    def complete_score(self, stats, params):
        score = super().complete_score(stats, self.inner(params))
        return Rates(score.weights, score.rates * self.unit)

    def is_feasible(self, params):
        return super().is_feasible(self.inner(params))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("centred", [False, True])
def test_units_of_a_parameter(deaths, two_rates, unit, centred, method):
    """The engine knows nothing of sizes: a parameter at zero is as good as any other."""
    plain = standard_errors(Poisson(), deaths, two_rates)
    model = Shifted(two_rates.params.rates if centred else 0.0, unit)
    errors = standard_errors(model, deaths, model.outer(two_rates.params), method=method)
    np.testing.assert_allclose(errors.rates * unit, plain.rates, rtol=1e-5)
    np.testing.assert_allclose(errors.weights, plain.weights, rtol=1e-5)


def test_m_step_that_only_climbs(deaths, two_rates):
    """The EM map of a GEM algorithm has other eigenvectors than the information."""

    class Slow(Poisson):
        def m_step(self, stats, params):
            weights, rates = super().m_step(stats, params)
            return Rates(weights, params.rates + [0.3, 0.8] * (rates - params.rates))

    np.testing.assert_allclose(
        flat(standard_errors(Slow(), deaths, two_rates, method="sem")),
        flat(standard_errors(Poisson(), deaths, two_rates)),
        rtol=1e-5,
    )


def test_conditional_step():
    """ECME: what the M-step leaves to a conditional step is a parameter too."""

    class Normal(NamedTuple):
        mean: float
        variance: float

    class Sums(NamedTuple):
        n: float
        total: float

    class Ecme(EMModel):
        def initialize(self, x, rng):
            return Normal(0.0, 1.0)

        def e_step(self, x, params):
            z = x[~np.isnan(x)]
            total = z.sum() + (len(x) - len(z)) * params.mean
            density = stats.norm.logpdf(z, params.mean, np.sqrt(params.variance))
            return Sums(float(len(x)), total), density.sum()

        def m_step(self, stats, params):
            return Normal(stats.total / stats.n, params.variance)

        def conditional_step(self, x, params):
            return Normal(params.mean, np.nanmean((x - params.mean) ** 2))

        def is_feasible(self, params):
            return params.variance > 0.0

    x = np.append(np.random.default_rng(11).normal(7.0, 3.0, 50), np.full(20, np.nan))
    result = fit_em(Ecme(), x, start=Normal(0.0, 1.0), tol=1e-12)
    errors = standard_errors(Ecme(), x, result)
    variance = result.params.variance
    assert errors.mean == pytest.approx(np.sqrt(variance / 50), rel=1e-6)
    assert errors.variance == pytest.approx(variance * np.sqrt(2 / 50), rel=1e-6)


# What has no standard error


def with_warnings(*args, **options):
    """Standard errors with the messages of the warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        errors = standard_errors(*args, **options)
    assert all(issubclass(w.category, DataWarning) for w in seen)
    return errors, [str(w.message) for w in seen]


@pytest.mark.parametrize("method", METHODS)
def test_ridge_and_boundary_of_the_outings(method):
    model = Outings()
    result = fit_em(model, OUTINGS, tol=1e-8)
    errors, (message,) = with_warnings(model, OUTINGS, result, method=method)
    assert np.isnan(errors.p).all()
    ridge, boundary = message.split("No standard errors for ")[1:]
    assert ridge.startswith("p[0, 0], p[0, 1]: not determined")
    assert boundary.startswith("p[0, 2], p[1], p[2]: at the boundary")


@pytest.mark.parametrize("method", METHODS)
def test_ridge_does_not_touch_the_others(method):
    outings = [*OUTINGS, *[(1, [woman]) for woman in (0, 0, 1, 2, 2)], (2, [0]), (2, [2]), (2, [2])]
    model = Outings()
    result = fit_em(model, outings, tol=1e-13)
    errors, (message,) = with_warnings(model, outings, result, method=method)
    assert message.startswith("No standard errors for p[0, 0], p[0, 1]: not determined")
    assert np.isnan(errors.p[0]).all()
    # Four outings of the third man tell his partner: a multinomial.
    p = np.array([1.0, 1.0, 2.0]) / 4
    np.testing.assert_allclose(errors.p[2], np.sqrt(p * (1 - p) / 4), rtol=1e-6)
    alone = [outing for outing in outings if outing[0] == 1] + [(0, [0, 1]), (2, [1])]
    again, _ = with_warnings(model, alone, fit_em(model, alone, tol=1e-13), method=method)
    np.testing.assert_allclose(errors.p[1], again.p[1], rtol=1e-6)


class Three(NamedTuple):
    a: float
    b: float
    c: float


class OnlyTheSum(EMModel):
    """Two numbers about a + b and c, of variance 1: a ridge along no axis."""

    def initialize(self, x, rng):
        return Three(*rng.standard_normal(3))

    def e_step(self, x, params):
        first, second = x[0] - params.a - params.b, x[1] - params.c
        return Three(first / 2, first / 2, second), -0.5 * (first**2 + second**2)

    def m_step(self, stats, params):
        return Three(*(p + s for p, s in zip(params, stats, strict=True)))


def test_ridge_along_no_axis():
    errors, (message,) = with_warnings(OnlyTheSum(), [3.0, 3.0], Three(1.0, 2.0, 3.0))
    assert np.isnan([errors.a, errors.b]).all()
    assert errors.c == pytest.approx(1.0, rel=1e-6)
    assert message.startswith("No standard errors for a, b: not determined")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_component_of_weight_zero(method, covariance_type):
    X = clusters(100, 2, 0.0, seed=12)
    model, data, start = mixture_model(covariance_type, X, None, None)
    two = fit_em(model, data, start=start, tol=1e-10, max_iter=5000)
    covariances = two.params.covariances
    three = MixtureParams(
        np.append(two.params.weights, 0.0),
        np.vstack([two.params.means, [9.0, 9.0]]),
        np.concatenate([covariances, covariances[:1]]),
    )
    errors, (message,) = with_warnings(model, data, three, method=method)
    expected = standard_errors(model, data, two, method=method)
    for some, all_ in zip(expected, errors, strict=True):
        np.testing.assert_allclose(all_[:2], some, rtol=1e-6)
    assert np.isnan(errors.weights[2]) and np.isnan(errors.means[2]).all()
    assert "weights[2], means[2], covariances[2" in message
    assert "boundary" in message


def test_equal_components_are_a_saddle(deaths):
    mean = deaths[:, 0] @ deaths[:, 1] / deaths[:, 1].sum()
    params = Rates(np.array([0.3, 0.7]), np.array([mean, mean]))
    for method in METHODS:
        errors, (message,) = with_warnings(Poisson(), deaths, params, method=method)
        assert np.isnan(flat(errors)).all()
        assert "for weights, rates: not determined" in message


@cut_short
def test_result_short_of_the_maximum(deaths, two_rates):
    start = Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    result = fit_em(Poisson(), deaths, start=start, acceleration=None, max_iter=5)
    errors, (message,) = with_warnings(Poisson(), deaths, result)
    assert np.isnan(flat(errors)).all()
    assert message.startswith("The result did not converge (max_iter).")
    assert "away from where the objective has its maximum" in message
    # Not converged by the letter, but there: a word and the numbers.
    again = fit_em(Poisson(), deaths, start=two_rates.params, max_iter=0)
    errors, (message,) = with_warnings(Poisson(), deaths, again)
    np.testing.assert_allclose(flat(errors), flat(standard_errors(Poisson(), deaths, two_rates)))
    assert message == "The result did not converge (max_iter)."


def test_m_step_that_divides_by_a_known_total(deaths, two_rates):
    class Known(Poisson):
        def m_step(self, stats, params):
            return Rates(stats.n / deaths[:, 1].sum(), stats.events / stats.n)

    errors, (message,) = with_warnings(Known(), deaths, two_rates)
    assert np.isnan(errors.weights).all()
    exact = standard_errors(Poisson(), deaths, two_rates)
    np.testing.assert_allclose(errors.rates, exact.rates, rtol=1e-5)
    assert "weights: where the objective rises although EM stands still" in message


def test_one_class():
    class One(Poisson):
        def initialize(self, table, rng):
            return Rates(np.ones(1), np.ones(1))

    table = np.array([[0.0, 10.0], [1.0, 12.0], [2.0, 8.0]])
    result = fit_em(One(), table)
    for method in METHODS:
        errors = standard_errors(One(), table, result, method=method)
        assert errors.weights == [0.0]
        assert errors.rates[0] == pytest.approx(np.sqrt(28 / 30 / 30), rel=1e-7)


def test_a_loose_fit_is_climbed_to_its_maximum_first():
    X = clusters(200, 2, 0.0, seed=13)
    loose = EMGaussianMixture(2, random_state=0, acceleration=None).fit(X)
    tight = EMGaussianMixture(2, random_state=0, tol=1e-12, max_iter=10_000).fit(X)
    assert abs(loose.means_ - tight.means_).max() > 1e-4
    for a, b in zip(loose.standard_errors(X), tight.standard_errors(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3)


def test_imputer_with_constant_and_empty_columns():
    X = clusters(60, 2, 0.2, seed=14)
    alone = EMImputer(tol=1e-9).fit(X).standard_errors(X)
    wide = np.column_stack([np.full(len(X), 4.0), X[:, 0], np.full(len(X), np.nan), X[:, 1]])
    imputer = EMImputer(tol=1e-9, keep_empty_features=True)
    with pytest.warns(DataWarning, match="Nothing is observed"):
        imputer.fit(wide)
    errors = imputer.standard_errors(wide)
    np.testing.assert_array_equal(errors.location[[0, 2]], 0.0)
    np.testing.assert_array_equal(errors.covariance[[0, 2]], 0.0)
    np.testing.assert_allclose(errors.location[[1, 3]], alone.location, rtol=1e-6)
    np.testing.assert_allclose(errors.covariance[np.ix_([1, 3], [1, 3])], alone.covariance, 1e-6)
    constant = EMImputer().fit(np.ones((5, 2)))
    assert not flat(constant.standard_errors(np.ones((5, 2)))).any()


# Wrong use


def test_arguments(deaths, two_rates):
    with pytest.raises(ValueError, match=r"method must be one of .* Got 'louis'"):
        standard_errors(Poisson(), deaths, two_rates, method="louis")
    with pytest.raises(TypeError, match="Got dict"):
        standard_errors(Poisson(), deaths, {"rates": [1.0, 2.0]})

    class Plain(Poisson):
        def complete_score(self, stats, params):
            return None

    with pytest.raises(ValueError, match="complete_score, which Plain does not offer"):
        standard_errors(Plain(), deaths, two_rates, method="oakes")

    class Noisy(Poisson):
        exact = False

    with pytest.raises(ValueError, match="Noisy has no exact E-step"):
        standard_errors(Noisy(), deaths, two_rates)
    outside = Rates(np.array([0.5, 0.5]), np.array([-1.0, 2.0]))
    with pytest.raises(ValueError, match="not defined at the result"):
        standard_errors(Poisson(), deaths, outside)


def test_wrong_score(deaths, two_rates):
    class Doubled(Poisson):
        def complete_score(self, stats, params):
            score = super().complete_score(stats, params)
            return Rates(score.weights, 2.0 * score.rates)

    class Short(Poisson):
        def complete_score(self, stats, params):
            return Rates(super().complete_score(stats, params).weights, np.zeros(1))

    with pytest.raises(ModelError, match="complete_score is not the gradient"):
        standard_errors(Doubled(), deaths, two_rates)
    with pytest.raises(ModelError, match=r"complete_score returned rates of shape \(1,\)"):
        standard_errors(Short(), deaths, two_rates)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_as_many_classes_as_columns(name, k):
    """Sums about the means are then a square table of zeros, and no symmetric matrix for that."""
    for seed in range(4 if k < 4 else 1):  # the rotations of four classes take a second
        rng = np.random.default_rng(seed)
        X = np.concatenate([rng.normal(size=(30, k)) + 20.0 * j for j in range(k)])
        mixture = EMGaussianMixture(k, covariance_type=name, random_state=0, tol=1e-10).fit(X)
        variances = np.diagonal(dense(name, mixture.covariances_, k, k), axis1=1, axis2=2)
        expected = np.sqrt(variances / (mixture.weights_[:, None] * len(X)))
        np.testing.assert_allclose(mixture.standard_errors(X).means, expected, rtol=1e-3)
