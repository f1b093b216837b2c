"""The mixture of rows with cells that are known to an interval: the model, before any estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from structures import OF_EACH_LAYOUT

from emkit.engine import fit_em
from emkit.mixture.initial import NO_PARTS, RandomStart
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import (
    IntervalMixtureModel,
    draw_bounded,
    filled_by_columns,
    impute_bounded,
)
from emkit.models.mixture.single_normal import normal_start, pairwise_moments
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

each_structure = pytest.mark.parametrize(
    "structure", [STRUCTURES[name] for name in OF_EACH_LAYOUT], ids=OF_EACH_LAYOUT
)
NAMES = ("one_limit_2d", "two_limits_3d", "tobit_1d", "bands_only_2d")


def table_of(case):
    """Rows of a golden case; what has no cell at all is left out."""
    if "rows" in case:
        rows, weights = case["rows"], None
    else:
        edges = [[None, *ends, None] for ends in case["edges"]]
        counts = np.array(case["counts"])
        bands = [[list(pair) for pair in zip(e[:-1], e[1:], strict=True)] for e in edges]
        rows = [[a, b] for a in bands[0] for b in bands[1]]
        weights = counts.ravel().astype(float)
    X = np.full((len(rows), len(rows[0])), np.nan)
    bounds = np.full((2, *X.shape), np.nan)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if isinstance(cell, list):
                bounds[0, i, j] = -np.inf if cell[0] is None else cell[0]
                bounds[1, i, j] = np.inf if cell[1] is None else cell[1]
            elif cell is not None:
                X[i, j] = cell
    there = ~(np.isnan(X) & np.isnan(bounds[0])).all(axis=1)
    weights = None if weights is None else weights[there]
    return Rows.of(X[there], weights, CellBounds.of(bounds[:, there])), np.flatnonzero(there)


def one_normal(data, **options):
    """A fit of one normal, and its model, mean and covariance in the units of the data."""
    filled = filled_by_columns(data)
    units = filled.scaling()
    model = IntervalMixtureModel(
        STRUCTURES["full"],
        units,
        total_weight=data.total_weight,
        incomplete=True,
        accelerate_below=np.inf,
    )
    start = model.from_normal(normal_start(model.normal, pairwise_moments(filled, units)))
    options = {"tol": 1e-12, "max_iter": 2000, "acceleration": "anderson", **options}
    result = fit_em(model, data, start=start, **options)
    mean = result.params.means[0] * units.scale + units.shift
    return model, result, mean, result.params.covariances[0] * np.outer(units.scale, units.scale)


def clusters(n=120, d=4, seed=0, below=0.25):
    """Rows of two clusters with cells that are missing or below a limit, and the whole of them."""
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(n, d)) * np.where(rng.random(n) < 0.5, 1.0, 0.6)[:, None]
    whole[n // 2 :] += 2.5
    limits = np.quantile(whole, below, axis=0)
    cut, missing = whole < limits, rng.random((n, d)) < 0.1
    missing[missing.all(axis=1)] = False
    X = np.where(cut | missing, np.nan, whole)
    bounds = np.full((2, n, d), np.nan)
    bounds[0][cut & ~missing], bounds[1][cut & ~missing] = -np.inf, 0.0
    bounds[1] += limits
    return Rows.of(X, None, CellBounds.of(bounds)), whole


def mixture(structure, data, kind=IntervalMixtureModel, n_components=2):
    """A model of a table, with a weak prior."""
    filled = filled_by_columns(data)
    units = filled.scaling()
    return kind(
        structure,
        Scaling(units.shift, structure.common_scale(units.scale)),
        np.full(data.shape[1], 1e-2),
        data.total_weight,
        strength=1e-2,
        incomplete=True,
        draw_start=RandomStart("kmeans", n_components, NO_PARTS, len(data.X)),
    )


def assert_same_step(one, other):
    """Statistics and log-likelihoods of two E-steps."""
    assert_allclose(one[1], other[1], rtol=1e-12)
    for ours, theirs in zip(one[0], other[0], strict=True):
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_maximum_is_that_of_direct_maximisation(golden, name):
    case = golden("detection_limits.json")["cases"][name]
    data, there = table_of(case)
    model, result, mean, covariance = one_normal(data)
    assert_allclose(result.log_likelihood, case["loglik"], rtol=0, atol=1e-6)
    assert_allclose(model.log_likelihood(data, result.params), case["loglik"], rtol=0, atol=1e-6)
    assert_allclose(mean, case["mean"], rtol=0, atol=1e-5)
    assert_allclose(covariance, case["cov"], rtol=0, atol=1e-5)
    filled = impute_bounded(model, data, result.params)
    for row, column, expected, *_ in case.get("interval_cells", []):
        assert_allclose(filled[np.searchsorted(there, row), column], expected, rtol=0, atol=1e-6)


@each_structure
def test_the_objective_never_falls(structure):
    data, _ = clusters()
    model = mixture(structure, data)
    result = fit_em(model, data, tol=1e-6, max_iter=3000, random_state=0)
    assert result.converged
    assert np.diff(result.history).min() >= -1e-9 * abs(result.objective)


@each_structure
def test_whole_weights_are_rows_that_repeat(structure):
    data, _ = clusters(60)
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 4, 60)
    again = np.repeat(np.arange(60), weights)
    repeated = Rows.of(data.X[again], None, data.bounds.take(again))
    weighted = Rows.of(data.X, weights.astype(float), data.bounds)
    model = mixture(structure, weighted)
    start = model.initialize(weighted, rng)
    one, other = (model.e_step(rows, start) for rows in (weighted, repeated))
    assert_same_step(one, other)


@each_structure
def test_an_interval_of_the_whole_line_is_a_missing_cell(structure):
    data, _ = clusters(60)
    ends = np.broadcast_to([[-np.inf], [np.inf]], data.bounds.ends.shape)
    model, plain = (
        mixture(structure, data, kind) for kind in (IntervalMixtureModel, GaussianMixtureModel)
    )
    start = model.initialize(data, np.random.default_rng(0))
    one = model.e_step(data._replace(bounds=data.bounds._replace(ends=ends)), start)
    other = plain.e_step(Rows.of(data.X), start)
    assert_same_step(one, other)


@each_structure
def test_columns_that_are_mirrored_and_scaled_change_nothing_but_units(structure):
    data, _ = clusters(60)
    factor = np.array([-1.0, -1.0, -1.0, -1.0]) * (3.0 if structure.scale_invariant else 1.0)
    ends = data.bounds.ends[::-1] * factor[data.bounds.columns]
    other = Rows.of(data.X * factor, None, data.bounds._replace(ends=ends))
    models = [mixture(structure, rows) for rows in (data, other)]
    start = models[0].initialize(data, np.random.default_rng(0))
    mirrored = start._replace(means=-start.means)
    scores = [
        model.e_step(rows, params)[1]
        for model, rows, params in zip(models, (data, other), (start, mirrored), strict=True)
    ]
    n_observed = (~np.isnan(data.X)).sum(axis=0)
    assert_allclose(scores[1] + n_observed @ np.log(abs(factor)), scores[0], rtol=1e-9)


@each_structure
def test_filled_and_drawn_cells_lie_within_their_bounds(structure):
    data, _ = clusters()
    model = mixture(structure, data)
    params = model.initialize(data, np.random.default_rng(0))
    cells = data.bounds.rows, data.bounds.columns
    filled = impute_bounded(model, data, params)
    drawn = draw_bounded(model, data, params, np.random.default_rng(0))
    assert not np.isnan(filled).any()
    for table in (filled, drawn):
        assert (table[cells] <= data.bounds.ends[1]).all()
        seen = ~np.isnan(data.X)
        assert_array_equal(table[seen], data.X[seen])
    assert_array_equal(np.isnan(drawn), np.isnan(data.X) & ~data.bounds.mask(4))


def test_draws_are_spread_as_by_rejection():
    rng, n = np.random.default_rng(0), 4000
    covariance = np.array([[1.0, 0.7, 0.5], [0.7, 1.0, 0.6], [0.5, 0.6, 1.0]])
    units = Scaling(np.zeros(3), np.ones(3))
    model = IntervalMixtureModel(STRUCTURES["full"], units, total_weight=n, incomplete=True)
    params = MixtureParams(np.ones(1), np.zeros((1, 3)), covariance[None])
    bounds = np.full((2, n, 3), np.nan)
    bounds[:, :, 0], bounds[:, :, 1] = [[-np.inf], [-0.5]], [[-1.0], [0.5]]
    X = np.full((n, 3), np.nan)
    X[:, 2] = 0.8
    drawn = draw_bounded(model, Rows.of(X, None, CellBounds.of(bounds)), params, rng)[:, :2]
    given = covariance[:2, 2]
    free = rng.multivariate_normal(given * 0.8, covariance[:2, :2] - np.outer(given, given), 10**6)
    free = free[(free[:, 0] < -0.5) & (np.abs(free[:, 1] + 0.25) < 0.75)]
    assert_allclose(drawn.mean(axis=0), free.mean(axis=0), atol=0.03)
    assert_allclose(np.cov(drawn.T), np.cov(free.T), atol=0.03)
