"""Statistics of classes with local dependence in online EM: laws over random models and tables."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from structures import random_covariances

from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.rows import CodedRows, Levels
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.prior import Prior
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

N_LEVELS, K, P = (3, 2, 4), 2, 3
each_structure = pytest.mark.parametrize("name", [None, *NAMES])
both = pytest.mark.parametrize("moves", [False, True])


def random_model(name, moves, *, informative=False):
    """With priors of all kinds; without numbers where it has no structure."""
    rng = np.random.default_rng(0)
    normal = None
    if name is not None:
        layout = STRUCTURES[name].layout
        prior = Prior(np.full(P, 0.01))
        if informative:
            scatter = layout.prior_from_diagonal(np.array([0.3, 0.1, 0.2]))
            prior = prior._replace(scatter=scatter, rows=5.0, mean=0.4, mean_precision=2.0)
        units = Scaling(np.zeros(P), np.ones(P))
        normal = GaussianMixtureModel(STRUCTURES[name], units, prior=prior, incomplete=True)
    shares = [rng.dirichlet(np.full(n, 5.0)) for n in N_LEVELS]
    levels = Levels(N_LEVELS, (name is not None and moves,) * len(N_LEVELS))
    return LocalDependence(normal, K, levels, shares, pseudo_counts=1.5, ridge=0.7)


def random_params(model, seed):
    rng = np.random.default_rng(seed)
    tables = np.hstack([rng.dirichlet(np.full(n, 3.0), K) for n in N_LEVELS])
    weights, nothing = rng.dirichlet(np.full(K, 5.0)), np.zeros((K, 0))
    if model.normal is None:
        return LocalParams(weights, nothing, nothing, np.zeros((0, 0)), tables)
    covariances = random_covariances(model.normal.structure.name, K, P, rng)
    effects = 0.3 * rng.normal(size=(model.design.size, P))
    return LocalParams(weights, rng.normal(size=(K, P)), covariances, effects, tables)


def random_rows(model, n=60):
    rng = np.random.default_rng(1)
    codes = np.column_stack([rng.integers(0, levels, n) for levels in N_LEVELS])
    codes[rng.random(codes.shape) < 0.3] = -1
    X = rng.normal(size=(n, P if model.normal is not None else 0))
    X[rng.random(X.shape) < 0.3] = np.nan
    return CodedRows(X, codes, rng.uniform(0.5, 2.0, n))


def close(one, two, tol=1e-9):
    for a, b in zip(one, two, strict=True):
        assert_allclose(a, b, rtol=tol, atol=tol)


@each_structure
@both
def test_implied_statistics_have_the_parameters_as_their_m_step(name, moves):
    model = random_model(name, moves, informative=True)
    params = random_params(model, 0)
    close(model.m_step(model.implied_statistics(params, 90.0), params), params)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_implied_statistics_are_of_independent_categories(name):
    """Those of all combinations of levels, by how probable they are in the class."""
    model = random_model(name, moves=True)
    model.tables.pseudo_counts = 0.0 * model.tables.pseudo_counts
    params = random_params(model, 0)._replace(weights=np.array([1.0, 0.0]))
    codes = np.array(list(product(*map(range, N_LEVELS))))
    tables = np.split(params.tables[0], np.cumsum(N_LEVELS)[:-1])
    chances = np.prod([t[c] for t, c in zip(tables, codes.T, strict=True)], axis=0)
    stats, _ = model.e_step(CodedRows(np.zeros((len(codes), P)), codes, 90.0 * chances), params)
    implied = model.implied_statistics(params, 90.0)
    for part in ("n", "counts", "design", "gram"):
        assert_allclose(getattr(implied, part), getattr(stats, part), atol=1e-9, err_msg=part)


@each_structure
@both
def test_recentring_there_and_back_changes_nothing(name, moves):
    model = random_model(name, moves)
    here, there = random_params(model, 0), random_params(model, 1)
    stats, _ = model.e_step(random_rows(model), here)
    moved = model.recentre(stats, here, there)
    close(model.recentre(moved, there, here), stats)
    assert name is None or not np.allclose(moved.first, stats.first)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
@both
def test_recentred_statistics_are_those_of_complete_rows(name, moves):
    """With responsibilities that stay: of one class all rows are its own."""
    model = random_model(name, moves)
    rows = random_rows(model)
    complete = CodedRows(np.nan_to_num(rows.X), np.maximum(rows.codes, 0), rows.sample_weight)
    of_one = [random_params(model, seed)._replace(weights=np.array([1.0, 0.0])) for seed in (0, 1)]
    stats, there = (model.e_step(complete, params)[0] for params in of_one)
    close(model.recentre(stats, *of_one), there)


@pytest.mark.parametrize("name", [name for name in NAMES if STRUCTURES[name].layout.shared])
def test_an_m_step_does_not_mind_about_which_means_its_statistics_are(name):
    """Where classes share a covariance, effects are solved for, wherever they are."""
    model = random_model(name, moves=True)
    here, there = random_params(model, 0), random_params(model, 1)
    there = there._replace(covariances=here.covariances)
    stats, _ = model.e_step(random_rows(model), here)
    close(model.m_step(model.recentre(stats, here, there), there), model.m_step(stats, here), 1e-7)
