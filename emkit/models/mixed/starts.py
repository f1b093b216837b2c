"""Where classes with local dependence start: at no effects, from a random partition of the rows."""

import numpy as np

from emkit._typing import Array
from emkit.models.emissions.categorical import CategoricalParams
from emkit.models.emissions.partition import kmeans_partition
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.rows import CodedRows
from emkit.models.mixture.gaussian import MixtureParams
from emkit.models.mixture.single_normal import Pairwise, complete_rows
from emkit.models.mixture.single_normal import normal_start as start_of_numbers
from emkit.numerics.gaussian import Moments, moments_about

__all__ = ["draw_start", "normal_start", "shares_of", "start_from"]

#: Part of every row that a start shares out among all classes.
SHARED_PART = 0.1
#: Length of the indicators of a column of categories beside a column of numbers of variance 1.
OF_CATEGORIES = 0.7
#: Part of the variance of all rows that a class has besides its own.
OF_ALL = 0.1
#: Rows that every level has in the shares about which priors lie, seen or not.
OF_LEVELS = 0.5


def shares_of(data: CodedRows, n_levels: tuple[int, ...]) -> list[Array]:
    """Shares of the levels of each column, none of them 0."""
    weights = np.ones(len(data)) if data.sample_weight is None else data.sample_weight
    shares = []
    for codes, n in zip(data.codes.T, n_levels, strict=True):
        counts = np.bincount(codes + 1, weights, n + 1)[1:] + OF_LEVELS
        shares.append(counts / counts.sum())
    return shares


def draw_start(model: LocalDependence, data: CodedRows, rng: np.random.Generator) -> LocalParams:
    """Parameters from k-means on numbers and indicators, missing numbers drawn from a normal."""
    numbers: Array = np.empty((0, len(data)))
    if model.normal is not None:
        rows = data.numbers
        if rows.incomplete:
            rows = complete_rows(model.normal, rows, rng)
        numbers = model.normal.units.load(rows.X, np.empty(rows.X.shape[::-1]))
    K = model.n_classes
    resp: Array = np.ones((1, len(data)))
    if K > 1:
        places = np.hstack([numbers.T, OF_CATEGORIES * model.tables.embed(data.codes)])
        resp = kmeans_partition(places, K, rng, data.sample_weight)
        resp = (1.0 - SHARED_PART) * resp + SHARED_PART / K
    if data.sample_weight is not None:
        resp = resp * data.sample_weight
    return start_from(model, data, numbers, resp)


def start_from(model: LocalDependence, data: CodedRows, numbers: Array, resp: Array) -> LocalParams:
    """Parameters from complete numbers (p, n), in internal units, and weighted responsibilities."""
    K, p = model.n_classes, len(numbers)
    n = resp.sum(axis=1)
    everywhere = np.tile(np.concatenate(model.shares), (K, 1))
    counts = model.tables.statistics(data.codes, resp, [])
    tables = model.tables.m_step(
        counts._replace(counts=counts.counts + everywhere), CategoricalParams(everywhere)
    ).probabilities
    weights = n / n.sum()
    effects = np.zeros((model.design.size, p))
    if model.normal is None:
        return LocalParams(weights, np.zeros((K, 0)), np.zeros((K, 0)), effects, tables)
    layout = model.normal.layout
    total = resp.sum(axis=0)
    centre = numbers @ total / total.sum()
    spread = (numbers - centre[:, None]) ** 2 @ total / total.sum()
    moments = moments_about(layout, numbers, resp, np.tile(centre, (K, 1)))
    scatter = np.array(moments.scatter)
    for k in range(K):
        more = OF_ALL * n[k] * spread
        layout.add_conditional_covariance(scatter, k, more if layout.independent else np.diag(more))
    here = MixtureParams(weights, np.tile(centre, (K, 1)), layout.identity(K, p))
    _, means, covariances = model.normal.m_step(Moments(n, moments.first, scatter), here)
    return LocalParams(weights, means, covariances, effects, tables)


def normal_start(model: LocalDependence, pairwise: Pairwise | None) -> LocalParams:
    """Parameters of one class from the observed cells: pairs of numbers, shares of levels."""
    tables = np.concatenate(model.shares)[None]
    if model.normal is None or pairwise is None:
        nothing = np.zeros((1, 0))
        return LocalParams(np.ones(1), nothing, nothing, np.zeros((0, 0)), tables)
    _, means, covariances = start_of_numbers(model.normal, pairwise)
    effects = np.zeros((model.design.size, means.shape[1]))
    return LocalParams(np.ones(1), means, covariances, effects, tables)
