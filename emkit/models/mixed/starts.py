"""Where classes with local dependence start: at no effects, from a random partition of the rows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.agglomeration import sphered
from emkit.models.emissions.categorical import Categorical, CategoricalParams
from emkit.models.emissions.partition import kmeans_partition
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.rows import CodedRows
from emkit.models.mixture.gaussian import MixtureParams
from emkit.models.mixture.labelled_starts import Views, best_start, with_all_labels
from emkit.models.mixture.partitions import views_of
from emkit.models.mixture.single_normal import Pairwise, complete_rows
from emkit.models.mixture.single_normal import normal_start as start_of_numbers
from emkit.models.mixture.starts import sample_size
from emkit.numerics.gaussian import Moments, moments_about

__all__ = [
    "counts_of",
    "draw_labelled_start",
    "draw_start",
    "normal_start",
    "shares_of",
    "start_from",
    "with_drawn_numbers",
]

#: Part of every row that a start shares out among all classes.
SHARED_PART = 0.1
#: Length of the indicators of a column of categories beside a column of numbers of variance 1.
OF_CATEGORIES = 0.7
#: Levels at most of a column that starts look at: of more EM alone takes account.
MOST_LEVELS = 30
#: Part of the variance of all rows that a class has besides its own.
OF_ALL = 0.1
#: Rows that every level has in the shares about which priors lie, seen or not.
OF_LEVELS = 0.5


class LevelCounts(NamedTuple):
    counts: Array  #: weight of each level of each column, side by side


def counts_of(data: Any, n_levels: Sequence[int]) -> list[Array]:
    """Weights of the levels of each column, of `CodedRows` or blocks of them."""
    (counts,), _ = data.sum(partial(_count, tuple(n_levels)))
    return np.split(counts, np.cumsum(n_levels)[:-1])


def _count(n_levels: tuple[int, ...], rows: CodedRows) -> tuple[LevelCounts, float]:
    weights = np.ones(len(rows)) if rows.sample_weight is None else rows.sample_weight
    columns = zip(rows.codes.T, n_levels, strict=True)
    counts = [np.bincount(codes + 1, weights, n + 1)[1:] for codes, n in columns]
    return LevelCounts(np.concatenate(counts)), 0.0


def shares_of(counts: Sequence[Array]) -> list[Array]:
    """Shares of the levels of each column, none of them 0, from their weights."""
    more = [of_column + OF_LEVELS for of_column in counts]
    return [of_column / of_column.sum() for of_column in more]


def draw_start(model: LocalDependence, data: CodedRows, rng: np.random.Generator) -> LocalParams:
    """Parameters from k-means on numbers and indicators, missing numbers drawn from a normal."""
    data = with_drawn_numbers(model, data, rng)
    K = model.n_classes
    resp: Array = np.ones((1, len(data)))
    if K > 1:
        places = np.hstack([_internal(model, data).T, _indicators(model, data)])
        if np.ptp(places, axis=0).any():
            resp = kmeans_partition(places, K, rng, data.sample_weight)
        else:  # there is nothing to look at: any partition
            resp = (rng.integers(K, size=len(data)) == np.arange(K)[:, None]).astype(float)
        resp = (1.0 - SHARED_PART) * resp + SHARED_PART / K
    return start_from(model, data, resp)


def draw_labelled_start(
    model: LocalDependence, data: CodedRows, rng: np.random.Generator
) -> LocalParams:
    """Parameters that keep to the labels of rows, as `LabelledStart` draws them for numbers."""
    rows = with_all_labels(data, sample_size(model.n_classes, data.shape[1]), rng)
    rows = with_drawn_numbers(model, rows, rng)

    def see(weights: Array) -> Views:
        indicators = _indicators(model, rows)
        if model.normal is None:
            return [indicators], indicators
        seen = *views_of(rows.X, rng, weights), sphered(rows.X, weights)
        *views, axes = (np.hstack([_scaled(view), indicators]) for view in seen)
        return views, axes

    def start(resp: Array) -> LocalParams:
        params = start_from(model, rows, resp)
        # What is smoothed is where rows may go; where labels say it all, one step is the maximum.
        told = rows.labels is not None and rows.labels.is_complete
        return model.m_step(model.e_step(rows, params)[0], params) if told else params

    return model.retract(best_start(model, rows, see, start, rng))


def with_drawn_numbers(
    model: LocalDependence, data: CodedRows, rng: np.random.Generator
) -> CodedRows:
    """The rows with missing numbers drawn from a normal fitted to all of them."""
    if model.normal is None or not data.incomplete:
        return data
    return replace(data, X=complete_rows(model.normal, data.numbers, rng).X)


def _internal(model: LocalDependence, data: CodedRows) -> Array:
    """Numbers (p, n) in internal units."""
    if model.normal is None:
        return np.empty((0, len(data)))
    return model.normal.units.load(data.X, np.empty(data.X.shape[::-1]))


def _indicators(model: LocalDependence, data: CodedRows) -> Array:
    """Indicators (n, T) of columns of few levels, as long as they are to be beside numbers."""
    few = [j for j, n_levels in enumerate(model.levels.n_levels) if n_levels <= MOST_LEVELS]
    if not few:
        return np.zeros((len(data), 1))
    tables = Categorical(model.n_classes, [model.levels.n_levels[j] for j in few])
    return OF_CATEGORIES * tables.embed(data.codes[:, few])


def _scaled(view: Array) -> Array:
    """Columns (n, d) whose mean variance is 1."""
    return view / np.sqrt(view.var(axis=0).mean() or 1.0)


def start_from(model: LocalDependence, data: CodedRows, resp: Array) -> LocalParams:
    """Parameters from rows whose numbers are complete, and responsibilities (K, n)."""
    numbers = _internal(model, data)
    if data.sample_weight is not None:
        resp = resp * data.sample_weight
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
