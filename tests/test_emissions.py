"""Emissions: what classes say of their columns, alone, in products and beside each other."""

import pickle
import subprocess
import sys
from decimal import Decimal, localcontext
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from scipy import stats

from emkit.engine import Blocks, OnlineEM, fit_em, standard_errors
from emkit.engine.tree import add, flatten, leaves
from emkit.exceptions import DataError, InfeasibleError
from emkit.models import (
    Categorical,
    CategoricalParams,
    Classes,
    Columns,
    Emission,
    Gaussian,
    GaussianParams,
    LatentClasses,
    LatentClassParams,
    Poisson,
    PoissonParams,
    Product,
    Uniform,
)
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.prior import Prior
from emkit.models.rows import Rows
from emkit.numerics import poisson
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

LEVELS = [3, 2]


def three_groups(n=300, missing=0.0, seed=0):
    """Rows of two classes: two normal columns, two counts and two categories; some cells NaN."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < 0.4
    normal = rng.normal(size=(n, 2)) @ [[1.0, 0.5], [0.0, 1.0]] + 2.0 * late[:, None]
    counts = rng.poisson(np.where(late[:, None], [1.0, 6.0], [4.0, 5.0])).astype(float)
    chances = np.where(late[:, None], [0.2, 0.5, 0.3], [0.6, 0.4, 0.6])
    yes = rng.random((n, 3)) < chances
    codes = np.stack([yes[:, :2].sum(axis=1), yes[:, 2]], axis=1).astype(float)
    for table in (normal, counts, codes):
        table[rng.random(table.shape) < missing] = np.nan
    return normal, counts, codes


def three_parts(n_classes=2, covariance_type="full"):
    return Product(
        [Gaussian(n_classes, covariance_type), Poisson(n_classes), Categorical(n_classes, LEVELS)]
    )


def random_start(model, data, seed=0):
    resp = np.random.default_rng(seed).dirichlet(np.ones(model.emission.n_classes), len(data)).T
    return model.start(data, resp)


def permuted(params, order):
    """Parameters of the classes in another order; all have a row for each class."""
    if isinstance(params, tuple):
        return type(params)(*(permuted(value, order) for value in params))
    return params[order]


# Densities


@pytest.mark.parametrize("covariance_type", NAMES)
def test_normal_densities_are_those_of_the_observed_cells(covariance_type):
    normal, _, _ = three_groups(60, missing=0.3)
    emission = Gaussian(2, covariance_type)
    params = emission.start(normal, np.random.default_rng(1).dirichlet([1, 1], 60).T)
    dense = emission.layout.dense(params.covariances, 2, 2)
    expected = np.zeros((2, 60))
    for k, i in np.ndindex(2, 60):
        seen = ~np.isnan(normal[i])
        if seen.any():
            law = stats.multivariate_normal(params.means[k][seen], dense[k][np.ix_(seen, seen)])
            expected[k, i] = law.logpdf(normal[i][seen])
    bound = emission.bind(params)
    np.testing.assert_allclose(emission.log_density(normal, bound), expected, atol=1e-10)
    whole = ~np.isnan(normal).any(axis=1)  # another kernel
    log_density = emission.log_density(normal[whole], bound)
    np.testing.assert_allclose(log_density, expected[:, whole], atol=1e-10)


@pytest.mark.parametrize("dtype", [float, np.float32, int, np.int8])
def test_densities_of_counts(dtype):
    counts = np.array([[0, 3], [2000 if dtype is int else 100, 1]], dtype=dtype)
    params = PoissonParams(np.array([[1.0, 2.5], [50.0, 0.1]]))
    expected = stats.poisson.logpmf(counts, params.rates[:, None]).sum(axis=2)
    np.testing.assert_allclose(Poisson(2).log_density(counts, params), expected, rtol=1e-12)


@cache
def log_factorial(count, digits=60):
    with localcontext() as context:
        context.prec = digits
        return sum((Decimal(i).ln() for i in range(1, count + 1)), Decimal(0))


@pytest.mark.parametrize("count", [1, 7, 15, 16, 40, 2000, 12_345])
@pytest.mark.parametrize("ratio", [1e-3, 0.8, 0.82, 0.99, 1.0 - 1e-9, 1.0 + 1e-7, 1.1, 1.23, 50.0])
def test_no_digits_of_a_count_cancel(count, ratio):
    rate = count * ratio
    with localcontext() as context:
        context.prec = 60
        exact = count * Decimal(rate).ln() - Decimal(rate) - log_factorial(count)
        deviance = count * (Decimal(count) / Decimal(rate)).ln() - count + Decimal(rate)
    density = Poisson(1).log_density(np.array([count]), PoissonParams(np.array([[rate]])))
    assert density[0, 0] == pytest.approx(float(exact), rel=1e-14, abs=0.0)
    half = poisson.deviance(np.array([float(count)]), np.array([rate]))
    assert half[0] == pytest.approx(float(deviance), rel=1e-14, abs=0.0)


@pytest.mark.parametrize("rate", [10.0, 300.0, 1e4, 1e9])
@pytest.mark.parametrize("acceleration", [None, "anderson"])
def test_counts_of_any_size_converge(rate, acceleration):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = np.concatenate([rng.poisson(rate + more * rate**0.5, 60) for more in (0.0, 3.0)])
        model, options = LatentClasses(Poisson(2)), {"acceleration": acceleration, "tol": 1e-6}
        assert fit_em(model, Columns(x), random_state=seed, **options).converged


@pytest.mark.parametrize("rate", [1.0, 1e4, 1e9])
def test_the_standard_error_of_a_rate(rate):
    data, model = Columns(np.random.default_rng(0).poisson(rate, 50)), LatentClasses(Poisson(1))
    result = fit_em(model, data)
    estimate, error = result.params, standard_errors(model, data, result)
    expected = np.sqrt(estimate.emission.rates / 50)
    np.testing.assert_allclose(error.emission.rates, expected, rtol=1e-6)


def test_missing_counts_and_categories_add_nothing():
    _, counts, codes = three_groups(50, missing=0.3)
    rates = PoissonParams(np.array([[1.0, 2.0], [3.0, 4.0]]))
    each = stats.poisson.logpmf(np.nan_to_num(counts), rates.rates[:, None])
    expected = np.where(np.isnan(counts), 0.0, each).sum(axis=2)
    np.testing.assert_allclose(Poisson(2).log_density(counts, rates), expected, rtol=1e-12)
    tables = np.array([[0.2, 0.3, 0.5, 0.9, 0.1], [0.6, 0.4, 0.0, 0.5, 0.5]])
    emission = Categorical(2, LEVELS)
    bound = emission.bind(CategoricalParams(tables))
    log_density = emission.log_density(codes, bound)
    for i, (a, b) in enumerate(codes):
        first = 1.0 if np.isnan(a) else tables[:, int(a)]
        second = 1.0 if np.isnan(b) else tables[:, 3 + int(b)]
        np.testing.assert_allclose(np.exp(log_density[:, i]), first * second, rtol=1e-12)
    whole_numbers = np.where(np.isnan(codes), -1, codes).astype(np.int8)
    np.testing.assert_array_equal(emission.log_density(whole_numbers, bound), log_density)


def test_a_rate_or_a_probability_of_zero():
    log_density = Poisson(2).log_density(np.array([0, 1]), PoissonParams(np.array([[0.0], [1.0]])))
    assert log_density[0, 0] == 0.0 and log_density[0, 1] < -500.0
    emission = Categorical(1, 2)
    bound = emission.bind(CategoricalParams(np.array([[1.0, 0.0]])))
    np.testing.assert_array_equal(emission.log_density(np.array([0, 1]), bound), [[0.0, -np.inf]])


# One class: closed forms


@pytest.mark.parametrize("covariance_type", NAMES)
def test_one_class_has_its_closed_form(covariance_type):
    normal, counts, codes = three_groups()
    weights = np.random.default_rng(3).uniform(0.5, 2.0, len(normal))
    data = Columns((normal, counts, codes), weights)
    result = fit_em(LatentClasses(three_parts(1, covariance_type)), data, tol=1e-12)
    gaussian, poisson, categorical = result.params.emission
    whole = np.cov(normal.T, aweights=weights, ddof=0)
    variances = np.diag(whole)
    layout = STRUCTURES[covariance_type].layout
    expected = {2: whole, 1: np.diag(variances), 0: variances.mean() * np.eye(2)}[layout.ndim]
    np.testing.assert_allclose(layout.dense(gaussian.covariances, 1, 2)[0], expected)
    np.testing.assert_allclose(gaussian.means[0], np.average(normal, axis=0, weights=weights))
    np.testing.assert_allclose(poisson.rates[0], np.average(counts, axis=0, weights=weights))
    shares = [np.bincount(c.astype(int), weights) / weights.sum() for c in codes.T]
    np.testing.assert_allclose(categorical.probabilities[0], np.concatenate(shares))


def test_one_class_with_a_prior_has_its_closed_form():
    normal, _, codes = three_groups()
    n, scatter, pseudo = len(normal), np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1, 2, 3, 0, 5])
    gaussian = Gaussian(1, prior=Prior(np.zeros(2), scatter=scatter, rows=7.0))
    emission = Product([gaussian, Categorical(1, LEVELS, pseudo_counts=pseudo)])
    result = fit_em(LatentClasses(emission), Columns((normal, codes)), tol=1e-12)
    first, second = result.params.emission
    expected = (n * np.cov(normal.T, ddof=0) + scatter) / (n + 7.0)
    np.testing.assert_allclose(first.covariances[0], expected)
    counts = np.concatenate([np.bincount(c.astype(int)) for c in codes.T]) + pseudo
    np.testing.assert_allclose(second.probabilities[0], counts / np.repeat([n + 6, n + 5], LEVELS))


# The three-part mixture


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_every_acceleration_ends_at_one_maximum(missing):
    data = Columns(three_groups(missing=missing))
    model = LatentClasses(three_parts())
    start = random_start(model, data)
    plain, *fast = (
        fit_em(model, data, start=start, acceleration=a, tol=1e-10)
        for a in (None, "anderson", "squarem")
    )
    assert plain.converged
    for result in fast:
        assert result.converged and result.n_evaluations < plain.n_evaluations
        assert result.objective == pytest.approx(plain.objective, abs=1e-7)
        np.testing.assert_allclose(flatten(result.params), flatten(plain.params), atol=1e-4)


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_blocks_and_workers_change_nothing(missing):
    groups = three_groups(missing=missing)
    data, model = Columns(groups), LatentClasses(three_parts())
    blocks = Blocks([data.take(slice(i, i + 70)) for i in range(0, 300, 70)])
    start = random_start(model, data)
    whole = fit_em(model, data, start=start)
    parts = fit_em(model, blocks, start=start)
    np.testing.assert_allclose(flatten(parts.params), flatten(whole.params), rtol=1e-6, atol=1e-8)
    assert parts.objective == pytest.approx(whole.objective, abs=1e-9)


@cut_short
def test_restarts_in_processes_are_those_in_this_one():
    data, model = Columns(three_groups(missing=0.1)), LatentClasses(three_parts())
    alone, side_by_side = (
        fit_em(model, data, n_init=2, n_jobs=n_jobs, random_state=0, max_iter=5)
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(flatten(side_by_side.params), flatten(alone.params), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", NAMES)
def test_a_weight_is_so_many_rows(covariance_type):
    groups, times = three_groups(80, missing=0.2), np.random.default_rng(5).integers(0, 4, 80)
    model = LatentClasses(three_parts(2, covariance_type))
    weighted = Columns(groups, times.astype(float))
    repeated = Columns(tuple(np.repeat(table, times, axis=0) for table in groups))
    start = random_start(model, weighted)
    pairs = [model.e_step(data, start) for data in (weighted, repeated)]
    assert pairs[0][1] == pytest.approx(pairs[1][1], rel=1e-12)
    np.testing.assert_allclose(flatten(pairs[0][0]), flatten(pairs[1][0]), rtol=1e-10, atol=1e-9)


def test_the_order_of_rows_and_classes_does_not_matter():
    groups, rng = three_groups(missing=0.2), np.random.default_rng(7)
    model, order = LatentClasses(three_parts(3)), rng.permutation(300)
    data = Columns(groups)
    start = random_start(model, data)
    stats, log_likelihood = model.e_step(data, start)
    shuffled = Columns(tuple(table[order] for table in groups))
    others = model.e_step(shuffled, start), model.e_step(data, permuted(start, [2, 0, 1]))
    for other, classes in zip(others, ([0, 1, 2], [2, 0, 1]), strict=True):
        assert other[1] == pytest.approx(log_likelihood, rel=1e-12)
        np.testing.assert_allclose(
            flatten(other[0]), flatten(permuted(stats, classes)), rtol=1e-9, atol=1e-9
        )
    np.testing.assert_allclose(
        model.posterior(shuffled, start), model.posterior(data, start)[:, order]
    )


def simple_log_likelihood(theta, x, y, c):
    """Normal x Poisson x three categories, two classes; ten numbers."""
    w = [theta[0], 1.0 - theta[0]]
    p = 0.0
    for k in range(2):
        mean, variance, rate, a, b = theta[1 + 5 * k : 6 + 5 * k]
        table = np.array([a, b, 1.0 - a - b])
        law = stats.norm.pdf(x, mean, np.sqrt(variance)) * stats.poisson.pmf(y, rate)
        p = p + w[k] * law * table[c]
    return np.log(p).sum()


def hessian(function, theta, steps):
    size = len(theta)
    out = np.empty((size, size))
    for i, j in np.ndindex(size, size):
        a, b = np.eye(size)[i] * steps[i], np.eye(size)[j] * steps[j]
        corners = [function(theta + s * a + t * b) * s * t for s in (-1, 1) for t in (-1, 1)]
        out[i, j] = sum(corners) / (4.0 * steps[i] * steps[j])
    return out


@pytest.mark.parametrize("method", ["oakes", "sem"])
def test_standard_errors_are_those_of_the_hessian(method):
    normal, counts, codes = three_groups(400, seed=2)
    x, y, c = normal[:, 0], counts[:, 0], codes[:, 0].astype(int)
    model = LatentClasses(Product([Gaussian(2), Poisson(2), Categorical(2, 3)]))
    data = Columns((x, y, c))
    result = fit_em(model, data, n_init=3, random_state=0, tol=1e-11)
    errors = standard_errors(model, data, result, method=method)

    def free(params):
        (means, covariances), (rates,), (tables,) = params.emission
        classes = zip(means[:, 0], covariances[:, 0, 0], rates[:, 0], tables, strict=True)
        return np.concatenate(
            [params.weights[:1], *([m, v, r, t[0], t[1]] for m, v, r, t in classes)]
        )

    theta = free(result.params)
    assert simple_log_likelihood(theta, x, y, c) == pytest.approx(result.log_likelihood, abs=1e-8)
    information = -hessian(lambda t: simple_log_likelihood(t, x, y, c), theta, 3e-3 * free(errors))
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(free(errors), expected, rtol=1e-3)
    assert errors.weights[0] == pytest.approx(errors.weights[1], rel=1e-6)


@pytest.mark.parametrize("covariance_type", NAMES)
def test_standard_errors_do_not_depend_on_the_method(covariance_type):
    model, data = LatentClasses(three_parts(2, covariance_type)), Columns(three_groups(400, 0.1))
    result = fit_em(model, data, random_state=0, tol=1e-11)
    errors = standard_errors(model, data, result)
    assert all((leaf > 0.0).all() for leaf in leaves(errors) if leaf.ndim < 3)
    if model.complete_score is not None:
        again = standard_errors(model, data, result, method="sem")
        np.testing.assert_allclose(flatten(errors), flatten(again), rtol=2e-3, atol=1e-12)


@pytest.mark.parametrize("search", ["short_runs", "annealing", "simulated_annealing", "genetic"])
def test_every_search_climbs_it(search):
    groups = three_groups(150, missing=0.1)
    model = LatentClasses(Product([Gaussian(3, "tied"), Poisson(3), Categorical(3, LEVELS)]))
    result = fit_em(model, Columns(groups), n_init=3, search=search, random_state=0, tol=1e-3)
    covariance = result.params.emission[0].covariances
    np.testing.assert_allclose(covariance, covariance.T)
    assert model.is_feasible(result.params) and np.isfinite(result.objective)


@pytest.mark.parametrize("algorithm", ["cem", "sem"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_every_algorithm_climbs_it(algorithm, missing):
    model = LatentClasses(three_parts())
    data = Columns(three_groups(150, missing=missing))
    result = fit_em(model, data, algorithm=algorithm, random_state=0, max_iter=300)
    assert model.is_feasible(result.params) and np.isfinite(result.log_likelihood)
    if algorithm == "cem":
        assert (np.diff(result.history) >= -1e-9 * abs(result.objective)).all()


def test_online_em_gets_near_the_maximum():
    groups = three_groups(4000)
    model, data = LatentClasses(three_parts()), Columns(groups)
    best = fit_em(model, data, random_state=0)
    state = OnlineEM.start(best.params._replace(weights=np.array([0.5, 0.5])))
    for i in range(0, 4000, 200):
        state = OnlineEM().update(model, state, data.take(slice(i, i + 200)))
    gap = best.log_likelihood - model.e_step(data, state.params)[1]
    assert 0.0 <= gap < 40.0  # a few standard errors in each of 17 parameters


def test_statistics_in_terms_of_other_parameters_lead_to_the_same_m_step():
    data, model = Columns(three_groups(missing=0.2)), LatentClasses(three_parts())
    before, after = random_start(model, data, 0), random_start(model, data, 1)
    stats, _ = model.e_step(data, before)
    moved = model.m_step(model.recentre(stats, before, after), after)
    np.testing.assert_allclose(flatten(moved), flatten(model.m_step(stats, before)), rtol=1e-10)


# Laws for random tables


@st.composite
def problems(draw):
    """A random table of random kinds, and a model of it."""
    seed = draw(st.integers(0, 2**32 - 1))
    n, n_classes = draw(st.integers(12, 60)), draw(st.integers(1, 3))
    rng = np.random.default_rng(seed)
    missing = draw(st.sampled_from([0.0, 0.2, 0.5]))
    kinds = draw(st.lists(st.sampled_from("gpc"), min_size=1, max_size=3))
    tables, parts = [], []
    for kind in kinds:
        d = draw(st.integers(1, 3))
        if kind == "g":
            table = rng.normal(draw(st.sampled_from([0.0, 1e3])), rng.uniform(0.1, 10.0, d), (n, d))
            prior = Prior(np.zeros(d), scatter=0.1, rows=1.0)
            structure = STRUCTURES[draw(st.sampled_from(NAMES))]
            prior = prior._replace(scatter=structure.layout.prior_from_diagonal(0.1 * np.ones(d)))
            parts.append(Gaussian(n_classes, structure, prior=prior))
        elif kind == "p":
            table = rng.poisson(rng.uniform(0.0, 8.0, d), (n, d)).astype(float)
            parts.append(Poisson(n_classes))
        else:
            levels = rng.integers(1, 5, d)
            table = rng.integers(0, levels, (n, d)).astype(float)
            pseudo = draw(st.sampled_from([0.0, 0.5]))
            parts.append(Categorical(n_classes, levels, pseudo_counts=pseudo))
        table[rng.random(table.shape) < missing] = np.nan
        tables.append(table)
    weights = rng.uniform(0.0, 2.0, n) if draw(st.booleans()) else None
    emission, groups = Product(parts), tuple(tables)
    return LatentClasses(emission, total_weight=2.0 * n), Columns(groups, weights), seed


@cut_short
@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([None, "anderson", "squarem"]))
def test_the_objective_never_falls(problem, acceleration):
    model, data, seed = problem
    result = fit_em(
        model,
        data,
        start=random_start(model, data, seed % 1000),
        acceleration=acceleration,
        max_iter=60,
    )
    size = np.maximum(1.0, np.abs(result.history[:-1]))
    assert (np.diff(result.history) >= -1e-11 * size).all()


@settings(max_examples=30, deadline=None)
@given(problems())
def test_statistics_of_halves_add_up(problem):
    model, data, seed = problem
    params = random_start(model, data, seed % 1000)
    half = len(data) // 2
    stats, log_likelihood = model.e_step(data, params)
    parts = [model.e_step(data.take(rows), params) for rows in (slice(half), slice(half, None))]
    assert parts[0][1] + parts[1][1] == pytest.approx(log_likelihood, rel=1e-9, abs=1e-9)
    total = flatten(add(parts[0][0], parts[1][0]))
    np.testing.assert_allclose(total, flatten(stats), rtol=1e-7, atol=1e-7)


# Beside reference answers


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("covariance_type", NAMES)
def test_normal_columns_alone_are_the_gaussian_mixture(covariance_type, missing):
    normal = three_groups(200, missing=missing)[0]
    emission = Gaussian(3, covariance_type)
    model, data = LatentClasses(emission), Columns(normal)
    params = random_start(model, data)
    mixture = GaussianMixtureModel(
        STRUCTURES[covariance_type],
        Scaling(np.zeros(2), np.ones(2)),
        incomplete=missing > 0.0,
    )
    start = MixtureParams(params.weights, *params.emission)
    for _ in range(30):
        params = model.m_step(model.e_step(data, params)[0], params)
        start = mixture.m_step(mixture.e_step(Rows.of(normal), start)[0], start)
    theirs = mixture.e_step(Rows.of(normal), start)[1]
    assert model.e_step(data, params)[1] == pytest.approx(theirs, abs=1e-10)
    np.testing.assert_allclose(flatten(params), flatten(start), rtol=1e-9, atol=1e-11)


def test_categories_alone_are_latent_class_analysis(golden):
    reference = golden("emissions.json")["latent_classes"]
    rows = np.array([[np.nan if c == "." else int(c) for c in row] for row in reference["rows"]])
    for case in reference["cases"]:
        model = LatentClasses(Categorical(case["K"], reference["levels"]))
        result = fit_em(model, Columns(rows), n_init=20, random_state=0, tol=1e-8, max_iter=3000)
        assert result.log_likelihood == pytest.approx(case["log_likelihood"], abs=1e-5)


@pytest.mark.parametrize("steps", ["0", "1", "10", "100"])
def test_latent_class_analysis_step_by_step(golden, steps):
    reference = golden("emissions.json")["latent_classes"]
    rows = np.array([[np.nan if c == "." else int(c) for c in row] for row in reference["rows"]])
    tables = [
        [row / row.sum() for row in np.array([np.linspace(1, 2, n), np.linspace(2, 1, n)])]
        for n in reference["levels"]
    ]
    start = LatentClassParams(np.array([0.6, 0.4]), CategoricalParams(np.hstack(tables)))
    model, data = LatentClasses(Categorical(2, reference["levels"])), Columns(rows)
    for _ in range(int(steps)):
        start = model.m_step(model.e_step(data, start)[0], start)
    expected = reference["from_start"]["log_likelihood_after_steps"][steps]
    assert model.e_step(data, start)[1] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("case", [0, 1])
def test_enough_classes_are_the_saturated_table(golden, case):
    reference = golden("emissions.json")["saturated"]["cases"][case]
    rows = [[np.nan if c == "." else int(c) for c in row] for row in reference["counts"]]
    data = Columns(np.array(rows), np.array([*reference["counts"].values()], dtype=float))
    model = LatentClasses(Categorical(max(reference["levels"]), reference["levels"]))
    result = fit_em(model, data, n_init=5, random_state=0, tol=1e-9, max_iter=3000)
    assert result.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-6)


def test_normal_columns_and_categories_with_missing_cells(golden):
    reference = golden("emissions.json")["two_classes"]
    rows = np.array(reference["rows"], dtype=float)
    model = LatentClasses(Product([Gaussian(2), Categorical(2, [3, 2])]))
    data = Columns((rows[:, :2], rows[:, 2:]))
    result = fit_em(model, data, n_init=4, random_state=0, tol=1e-9, max_iter=3000)
    assert result.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-5)
    order = np.argsort(result.params.emission[0].means[:, 0])
    weights, (gaussian, categorical) = permuted(result.params, order)
    np.testing.assert_allclose(weights, reference["weights"], atol=1e-3)
    np.testing.assert_allclose(gaussian.means, reference["means"], atol=1e-3)
    np.testing.assert_allclose(gaussian.covariances, reference["covariances"], atol=1e-3)
    np.testing.assert_allclose(categorical.probabilities, np.hstack(reference["tables"]), atol=1e-3)


def noisy(golden, name):
    reference = golden("emissions.json")["noise"]
    original = golden("mixture.json")["datasets"][name.split("+")[0]]["X"]
    return np.array(original + reference["extra_rows"][name])


@pytest.mark.parametrize("acceleration", [None, "anderson", "squarem"])
@pytest.mark.parametrize("covariance_type", NAMES)
def test_noise_is_mclusts(golden, covariance_type, acceleration):
    reference = golden("emissions.json")["noise"]
    structure = STRUCTURES[covariance_type]
    letters = {structure.name, *structure.aliases}
    cases = [case for case in reference["cases"] if case["model"] in letters]
    assert len(cases) == (0 if "VVE" in letters else 3)
    for case in cases:
        data, n_clusters = Columns(noisy(golden, case["data"])), case["G"]
        given = reference["starts"][f"{case['data']}_G{n_clusters}"]
        labels = np.array(given["labels"]) % (n_clusters + 1)  # noise, -1, is the last class
        emission = Classes([Gaussian(n_clusters, covariance_type), Uniform(1.0 / given["Vinv"])])
        model = LatentClasses(emission)
        start = model.start(data, labels == np.arange(n_clusters + 1)[:, None])
        options = {"acceleration": acceleration, "tol": 1e-9, "max_iter": 3000}
        result = fit_em(model, data, start=start, **options)
        assert result.log_likelihood == pytest.approx(case["loglik"], abs=1e-6)


# Classes beside each other


def test_classes_of_one_kind_are_one_group_of_classes():
    normal, _, _ = three_groups(missing=0.2)
    data = Columns(normal)
    together = LatentClasses(Gaussian(3))
    apart = LatentClasses(Classes([Gaussian(1), Gaussian(2)]))
    resp = np.random.default_rng(0).dirichlet(np.ones(3), len(normal)).T
    results = [
        fit_em(model, data, start=model.start(data, resp), tol=1e-9) for model in (together, apart)
    ]
    assert results[0].objective == pytest.approx(results[1].objective, abs=1e-7)
    assert together.n_parameters(results[0].params) == apart.n_parameters(results[1].params)


def test_a_product_of_concatenated_classes():
    normal, counts, _ = three_groups()
    emission = Product([Classes([Gaussian(2), Uniform([20.0, 20.0])]), Poisson(3)])
    result = fit_em(LatentClasses(emission), Columns((normal, counts)), random_state=0)
    assert result.converged and len(result.params.weights) == 3


def test_standard_errors_beside_noise(golden):
    X = noisy(golden, "faithful+40")
    model, data = LatentClasses(Classes([Gaussian(2), Uniform(np.ptp(X, axis=0))])), Columns(X)
    result = fit_em(model, data, n_init=5, random_state=0, tol=1e-10)
    both = [standard_errors(model, data, result, method=method) for method in ("oakes", "sem")]
    np.testing.assert_allclose(flatten(both[0]), flatten(both[1]), rtol=1e-3)


@pytest.mark.parametrize("search", ["genetic", "short_runs"])
def test_noise_takes_part_in_a_search(golden, search):
    X = noisy(golden, "faithful+40")
    model = LatentClasses(Classes([Gaussian(3, "tied"), Uniform(np.ptp(X, axis=0))]))
    result = fit_em(model, Columns(X), n_init=4, search=search, random_state=0, tol=1e-3)
    assert result.params.weights.sum() == pytest.approx(1.0)
    assert model.is_feasible(result.params)


def test_noise_with_missing_cells():
    normal, _, _ = three_groups(missing=0.3)
    width = np.array([10.0, 5.0])
    log_density = Uniform(width).log_density(normal, None)
    np.testing.assert_allclose(log_density[0], -(~np.isnan(normal) @ np.log(width)))
    model = LatentClasses(Classes([Gaussian(2), Uniform(50.0)]))
    with pytest.raises(DataError, match="width of each column"):
        fit_em(model, Columns(normal), random_state=0)


# An emission of a user's own


class Rates(NamedTuple):
    rates: np.ndarray


class Sums(NamedTuple):
    n: np.ndarray
    total: np.ndarray


class Exponential(Emission):
    """Without any of the optional methods."""

    def log_density(self, times, params):
        density = np.log(params.rates)[:, None] - params.rates[:, None] * times
        return np.where(np.isnan(times), 0.0, density)

    def statistics(self, times, resp, params):
        return Sums(resp @ ~np.isnan(times), resp @ np.nan_to_num(times))

    def m_step(self, sums, params):
        return Rates(sums.n / sums.total)


def test_an_emission_of_three_methods():
    normal, counts, _ = three_groups()
    times = np.random.default_rng(0).exponential(np.where(normal[:, 0] > 1.0, 1.0, 4.0))
    model = LatentClasses(Product([Exponential(2), Gaussian(2), Poisson(2)]))
    data = Columns((times, normal, counts))
    result = fit_em(model, data, random_state=0, tol=1e-10)
    assert result.converged and model.complete_score is None
    errors = standard_errors(model, data, result)
    assert (np.array([*map(np.min, leaves(errors))]) > 0.0).all()
    alone = fit_em(LatentClasses(Exponential(1)), Columns(times))
    assert alone.params.emission.rates[0] == pytest.approx(1.0 / times.mean())
    fit_em(model, data, n_init=2, search="genetic", random_state=0, tol=1e-3)
    mixed = LatentClasses(Classes([Exponential(2), Uniform(np.ptp(times))]))
    assert fit_em(mixed, Columns(times), random_state=0).n_evaluations > 1


# Forms and messages


@cut_short
def test_models_and_results_pickle():
    data, model = Columns(three_groups(60, missing=0.2)), LatentClasses(three_parts())
    result = fit_em(model, data, random_state=0, max_iter=3)
    again, params, rows = pickle.loads(pickle.dumps((model, result.params, data)))
    assert again.e_step(rows, params)[1] == model.e_step(data, result.params)[1]
    assert type(params.emission) is type(result.params.emission)


def test_long_data_are_partitioned_from_a_sample():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60_000)
    data = Columns(rng.normal(10.0 * labels))
    resp = LatentClasses(Gaussian(2)).emission.draw_partition(data.groups, rng)
    assert abs((resp[0] == labels).mean() - 0.5) > 0.499


def test_far_clusters_converge_where_the_weight_is_known():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2)) + 1e6 * rng.integers(0, 2, (300, 1))
    result = fit_em(LatentClasses(Gaussian(2), total_weight=300.0), Columns(X), random_state=0)
    assert result.converged


def test_parameters_are_counted():
    data = Columns(three_groups())
    for emission, number in [
        (three_parts(2, "full"), 1 + 2 * (2 + 3) + 4 + 2 * 3),
        (three_parts(3, "tied"), 2 + 3 * 2 + 3 + 6 + 3 * 3),
        (three_parts(1, "spherical"), 2 + 1 + 2 + 3),
    ]:
        model = LatentClasses(emission)
        assert model.n_parameters(random_start(model, data)) == number


def test_importing_the_models_brings_no_scikit_learn():
    code = (
        "import sys; from emkit.models import *; LatentClasses(Gaussian(2)); "
        "print([name for name in ('sklearn', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Poisson(0), ValueError, "n_classes must be an int, 1 or more. Got 0"),
        (lambda: Poisson(2.0), ValueError, r"n_classes .* Got 2.0"),
        (lambda: Poisson(True), ValueError, "n_classes must be an int, 1 or more. Got True"),
        (lambda: Gaussian(2, ["full"]), ValueError, r"covariance_type must be .* \['full'\]"),
        (lambda: Categorical(2, [[2, 2]]), ValueError, r"n_levels must be ints.* \[\[2, 2\]\]"),
        (
            lambda: Categorical(2, 3, pseudo_counts=[1, 2]),
            ValueError,
            r"pseudo_counts must be .* 3 in all. Got \[1, 2\]",
        ),
        (lambda: Categorical(2, 3, pseudo_counts=np.inf), ValueError, "pseudo_counts .* inf"),
        (lambda: Uniform([]), ValueError, r"volume must be above 0 .* \[\]"),
        (lambda: Uniform(np.ones((2, 7))), ValueError, "volume must be above 0"),
        (lambda: Uniform([1e-200, 1e-200]), ValueError, "volume .* Got .1e-200, 1e-200"),
        (lambda: Product(Gaussian(2)), TypeError, "list of emissions.*gaussian.Gaussian"),
        (lambda: LatentClasses(Poisson(2), total_weight="a"), TypeError, "total_weight .* 'a'"),
        (lambda: LatentClasses(Poisson(2), total_weight=-1), ValueError, "total_weight .* -1"),
        (lambda: Columns(np.ones(2), np.array([1, np.inf])), ValueError, "Got inf for row 1"),
        (lambda: Columns(np.ones(2), np.array([1, np.nan])), ValueError, "Got nan for row 1"),
        (lambda: Columns(np.ones(2), "ab"), TypeError, "sample_weight .* 'ab'"),
        (lambda: Columns(np.ones(2), np.ones((2, 1))), ValueError, r"sample_weight .* \(2, 1\)"),
        (lambda: Columns(np.array(1.0)), ValueError, r"shape \(n,\) or .* Got shape \(\)"),
        (lambda: Columns(()), ValueError, r"groups .* Got \(\)"),
        (lambda: Columns(np.ma.array(["a"], mask=[1])), TypeError, "masked array .* <U1"),
        (lambda: Gaussian(2, "round"), ValueError, "covariance_type must be one of .* 'round'"),
        (lambda: Gaussian(2, prior=Prior(np.ones(2))), ValueError, "Give scatter and rows"),
        (lambda: Categorical(2, [2, 0]), ValueError, r"n_levels must be ints.* \[2, 0\]"),
        (lambda: Categorical(2, 2.5), ValueError, "n_levels must be ints.* 2.5"),
        (lambda: Categorical(2, 2, pseudo_counts=-1.0), ValueError, "pseudo_counts .* -1.0"),
        (lambda: Uniform(0.0), ValueError, "volume must be above 0 .* 0.0"),
        (lambda: Uniform([1.0, np.inf]), ValueError, "volume must be above 0"),
        (lambda: Product([Poisson(2), Poisson(3)]), ValueError, r"same n_classes. Got \[2, 3\]"),
        (lambda: Product([]), TypeError, "at least one"),
        (lambda: Classes([Poisson]), TypeError, "list of emissions"),
        (lambda: LatentClasses(Poisson), TypeError, "emission must be an Emission"),
        (lambda: Columns((np.ones(2), np.ones(3))), ValueError, r"number of rows. Got \[2, 3\]"),
        (lambda: Columns(np.ones(2), np.ones(3)), ValueError, r"Got \[2, 3\]"),
        (lambda: Columns(np.ones(2), -np.ones(2)), ValueError, "sample_weight must be 0 or more"),
        (lambda: Columns([np.ones(2)]), TypeError, "tuple of ndarrays.* Got list"),
        (lambda: Columns(np.ones((2, 2, 2))), ValueError, r"shape \(n,\) or \(n, d\)"),
        (
            lambda: LatentClasses(Poisson(2)).start(Columns(np.ones(3)), np.ones((3, 2))),
            ValueError,
            r"resp must have shape \(2, 3\).* Got \(3, 2\)",
        ),
    ],
)
def test_wrong_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("emission", "groups", "message"),
    [
        (Poisson(1), np.array([1.0, -2.0]), "Column 0 must be counts.* Got -2.0 in row 1"),
        (Poisson(1), np.array([[1, 5], [4, -2]]), "Column 1 must be counts.* Got -2 in row 1"),
        (Poisson(1), np.array([1.0, np.inf]), "Column 0 must be finite. Got inf in row 1"),
        (Gaussian(1), np.array([[0.0, -np.inf]]), "Column 1 must be finite. Got -inf in row 0"),
        (Exponential(1), np.array([1.0, np.inf]), "Column 0 must be finite"),
        (Poisson(1), np.array([1, 2], dtype=object), "must be numbers. Got dtype object"),
        (Exponential(1), np.array(["a", "b"]), "must be numbers. Got dtype <U1"),
        (Gaussian(1), np.array(["2020-01-01"], dtype="M8[D]"), "must be numbers. Got dtype dat"),
        (Categorical(1, 3), np.array(["0", "1"]), "Got dtype <U1.* number the levels"),
        (Uniform([1.0]), np.array([1 + 1j]), "must be numbers. Got dtype complex"),
        (Gaussian(1), (np.ones(3), np.ones(3)), "Got a tuple of 2. Make a Product"),
        (Uniform([1.0, 2.0, 3.0]), np.ones((3, 2)), "each of 3 columns. Got 2 columns"),
        (Uniform(5.0), np.array([1.0, np.nan]), "width of each column"),
        (Poisson(1), np.ones(0), "must have rows"),
        (Categorical(1, 3), np.array([0, 0.5]), "Column 0 has 3 levels.* Got 0.5 in row 1"),
        (Categorical(1, 3), np.array([2**64 - 1], dtype=np.uint64), "Got 18446744073709551615"),
        (Categorical(1, 3), np.array([0, -2]), "Got -2 in row 1. Number the levels"),
        (Product([Gaussian(1), Poisson(1)]), (np.ones(2), -np.ones(2)), "In group 1 .* Got -1.0"),
        (Classes([Gaussian(1), Poisson(1)]), -np.ones(2), "must be counts"),
        (Categorical(1, 3), np.array([0, 3]), "Column 0 has 3 levels, coded 0 to 2.* Got 3"),
        (Categorical(1, [3, 2]), np.array([0, 2]), "n_levels is of 2 columns. Got 1"),
        (Product([Poisson(1)]), np.ones(3), "a tuple of as many groups. Got ndarray"),
        (Product([Poisson(1)]), (np.ones(3), np.ones(3)), "of 1 emissions .* Got 2"),
    ],
)
def test_wrong_columns_are_named(emission, groups, message):
    model, data = LatentClasses(emission), Columns(groups)
    steps = [
        lambda: fit_em(model, data),
        lambda: fit_em(model, Blocks([data])),
        lambda: model.start(data, np.ones((emission.n_classes, len(data)))),
        lambda: model.posterior(data, None),
    ]
    for step in steps:
        with pytest.raises(DataError, match=message):
            step()


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        *({"algorithm": name} for name in ("em", "cem", "sem", "mcem")),
        *({"search": name, "n_init": 2} for name in ("short_runs", "annealing", "genetic")),
        {"n_init": 2, "n_jobs": 2},
    ],
    ids=str,
)
def test_faults_of_data_are_those_of_no_model(options, given):
    model, good, wrong = LatentClasses(Poisson(2)), np.arange(9), np.array([3, 1, -1, 4])
    start = model.start(Columns(good), np.random.default_rng(0).dirichlet([1, 1], 9).T)
    if given:
        options = {name: value for name, value in options.items() if name != "n_init"}
    with pytest.raises(DataError, match="must be counts.* Got -1 in row 2"):
        fit_em(model, Columns(wrong), start=start if given else None, **options)


IMPOSSIBLE = {
    "p": (Poisson(2), np.array([1.0, 3, 9, 2, 8, 7]), -1.0),
    "c": (Categorical(2, 3), np.array([0, 1, 2, 1, 0, 2]), 7),
    "g": (
        Gaussian(2, prior=Prior(np.zeros(1), scatter=np.eye(1), rows=1.0)),
        np.arange(6.0),
        np.inf,
    ),
    "e": (Exponential(2), np.arange(1.0, 7.0), -np.inf),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_a_row_without_weight_is_as_if_it_were_not_there(kind):
    emission, table, value = IMPOSSIBLE[kind]
    table = np.append(table, [value]).astype(table.dtype)
    weights = np.array([1.0, 2, 1, 1, 3, 1, 0])
    model, without = LatentClasses(emission), Columns(table[:-1], weights[:-1])
    data = Columns(table, weights)
    results = [fit_em(model, x, random_state=0, max_iter=200, tol=1e-5) for x in (data, without)]
    np.testing.assert_array_equal(*(flatten(result.params) for result in results))
    resp = np.random.default_rng(0).dirichlet([1, 1], 7).T
    starts = model.start(data, resp), model.start(without, resp[:, :-1])
    np.testing.assert_array_equal(*map(flatten, starts))
    with pytest.raises(DataError, match="Column 0"):  # but it has no probabilities
        model.posterior(data, starts[0])


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_a_masked_cell_is_missing(kind):
    emission, table, value = IMPOSSIBLE[kind]
    table = np.append(table, [value]).astype(table.dtype)
    masked = np.ma.masked_array(table, mask=[0, 0, 0, 0, 0, 0, 1])
    missing = np.append(table[:-1].astype(float), np.nan)
    model, resp = LatentClasses(emission), np.random.default_rng(0).dirichlet([1, 1], 7).T
    starts = [model.start(Columns(x), resp) for x in (masked, missing)]
    np.testing.assert_array_equal(*map(flatten, starts))
    assert type(Columns((masked,)).groups[0]) is np.ndarray


def test_data_without_weight_are_refused():
    data, model = Columns(np.arange(3), np.zeros(3)), LatentClasses(Poisson(2))
    start = model.start(Columns(np.arange(3)), np.full((2, 3), 0.5))
    for options in ({}, {"start": start}):
        with pytest.raises(DataError, match="All rows have weight 0"):
            fit_em(model, data, **options)


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize(
    "table", [np.full((20, 1), 0.1), np.ones((1, 1)), np.full((9, 1), np.nan)], ids=str
)
def test_why_normal_columns_are_singular(covariance_type, table):
    for emission in (Gaussian(1, covariance_type), Gaussian(2, covariance_type)):
        with pytest.raises(InfeasibleError, match="column 0 has no variance in any class"):
            fit_em(LatentClasses(emission), Columns(table), random_state=0)


def test_rows_that_are_no_columns_are_refused():
    start = LatentClassParams(np.ones(1), PoissonParams(np.ones((1, 1))))
    for options in ({"start": start}, {}):
        with pytest.raises(DataError, match="must be Columns. Got ndarray"):
            fit_em(LatentClasses(Poisson(1)), np.ones(3), **options)


def test_negative_rates_and_shares_are_not_feasible():
    assert not Poisson(1).is_feasible(PoissonParams(np.array([[-1.0]])))
    assert not Categorical(1, 2).is_feasible(CategoricalParams(np.array([[1.1, -0.1]])))
    params = LatentClassParams(np.array([1.5, -0.5]), PoissonParams(np.ones((2, 1))))
    assert not LatentClasses(Poisson(2)).is_feasible(params)
    singular = GaussianParams(np.zeros((1, 2)), np.zeros((1, 2, 2)))
    with pytest.raises(np.linalg.LinAlgError):
        Gaussian(1).bind(singular)


def test_a_class_without_rows_keeps_its_parameters():
    data, model = Columns(three_groups(50)), LatentClasses(three_parts())
    params = random_start(model, data)
    params = params._replace(weights=np.array([1.0, 0.0]))
    image = model.m_step(model.e_step(data, params)[0], params)
    for before, after in zip(leaves(params.emission), leaves(image.emission), strict=True):
        np.testing.assert_array_equal(after[1], before[1])
