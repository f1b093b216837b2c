r"""Mixtures of numbers and categories: the numbers' mixture times a table a column and component.

.. math:: p(x, c) = \sum_k w_k N(x; m_k, C_k) \prod_j t_{kj}[c_j]

Everything that is said of the numbers is said by the code for numbers alone.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.engine.latent_class import unbuffered
from emkit.models.mixed.answers import expect
from emkit.models.mixed.binding import NEVER
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.parameters import normals
from emkit.models.mixed.rows import CodedRows, Levels
from emkit.models.mixed.starts import (
    counts_of,
    draw_labelled_start,
    draw_start,
    shares_of,
    start_from,
    with_drawn_numbers,
)
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.noise import NoisyMixture, NoisyParams, clusters_of, shared_out
from emkit.models.mixture.overlap import divergences
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Moments

__all__ = [
    "expect_cells",
    "fitted",
    "given_partition",
    "joined",
    "last_tables",
    "mixed_model",
    "numbers_alone",
    "published_tables",
    "reduce_coded",
    "divergences_of",
]

#: Rows of prior for the table of each column and component, where there is a prior at all.
OF_TABLES = 1.0
#: Rows that every component is given of a level that no row has yet.
OF_NEW_LEVELS = 0.5


# The model of a fit


def mixed_model(normal: GaussianMixtureModel | None, mixture: Any, data: Any) -> LocalDependence:
    """The model of a fit, with a prior on tables where the numbers have one.

    Levels that no row has yet, as of a stream, are given part of a row, or none could follow. Where
    weights are shares, of which many make up a row, it is part of their mean.
    """
    n_levels = tuple(category.n_groups for category in mixture._coding.categories.values())
    counts, pseudo_counts = counts_of(data, n_levels), OF_TABLES
    if mixture.prior is None:
        of_row = min(data.total_weight / data.shape[0], 1.0)
        pseudo_counts = OF_NEW_LEVELS * of_row * (np.concatenate(counts) == 0.0)
    return LocalDependence(
        normal,
        mixture.n_components,
        Levels(n_levels, (False,) * len(n_levels)),
        shares_of(counts),
        pseudo_counts=pseudo_counts,
        draw_start=draw_start if getattr(data, "labels", None) is None else draw_labelled_start,
        total_weight=data.total_weight,
    )


def joined(normal: MixtureParams, tables: Array) -> LocalParams:
    """Parameters of the numbers and of the tables; no category moves a number."""
    return LocalParams(*normal, np.zeros((0, normal.means.shape[1])), tables)


def given_partition(model: LocalDependence, data: CodedRows, resp: np.ndarray) -> LocalParams:
    """A start from labels or responsibilities."""
    complete = with_drawn_numbers(model, data, np.random.default_rng(0))
    of_classes: Array = resp.T
    if resp.ndim == 1:
        of_classes = one_hot(resp, model.n_classes)(slice(None))
    return start_from(model, complete, of_classes)


def last_tables(mixture: Any) -> Array:
    """The tables of the last fit, for one that goes on from it."""
    names = "levels of the columns of categories"
    now = [[j, *category.levels] for j, category in mixture._coding.categories.items()]
    require_same("warm_start", names, before=getattr(mixture, "_levels_of_tables", []), now=now)
    return published_tables(mixture)


# The fitted model


def published_tables(mixture: Any) -> Array:
    """The tables of all columns side by side, (K, T)."""
    return np.hstack([np.asarray(table, dtype=float) for table in mixture.tables_.values()])


def fitted(
    mixture: Any, normal: GaussianMixtureModel | None, params: MixtureParams | None
) -> tuple[LocalDependence, LocalParams]:
    """Model and parameters of a fit, from those of its numbers."""
    n_levels = tuple(table.shape[1] for table in mixture.tables_.values())
    K = len(mixture.weights_)
    if params is None:
        nothing = np.zeros((K, 0))
        params = MixtureParams(np.asarray(mixture.weights_, dtype=float), nothing, nothing)
    model = LocalDependence(
        normal,
        K,
        Levels(n_levels, (False,) * len(n_levels)),
        [np.full(n, 1.0 / n) for n in n_levels],
    )
    return model, joined(params, published_tables(mixture))


@unbuffered()
def reduce_coded(
    model: LocalDependence,
    params: LocalParams,
    data: CodedRows,
    compute: Callable[[Array], Any],
    out: Any,
) -> Any:
    """Fill ``out`` with what is computed of the log-joint (K, n) of tile after tile of rows."""
    bound = model.bind(params)
    for some, tile in data.tiles(model.levels, bound.tile_rows):
        out[some] = compute(model.log_joint(tile, bound)[0])
    return out


def expect_cells(
    model: LocalDependence, params: LocalParams, data: CodedRows
) -> tuple[Array, NDArray[np.intp]]:
    """Numbers (n, p) at their conditional means, codes (n, q) at the likeliest level."""
    numbers, proba = expect(model, data, params)
    codes = data.codes.copy()
    for c, p in zip(codes.T, proba, strict=True):
        c[c < 0] = p[c < 0].argmax(axis=1)
    return numbers, codes


# What is judged by the numbers


def numbers_alone(model: Any, params: Any) -> tuple[GaussianMixtureModel | None, MixtureParams]:
    """What a model says of the numbers; its E-step is that of the whole rows."""
    if isinstance(model, NoisyMixture):
        return _without_noise(model, params)
    if not isinstance(model, LocalDependence):
        return model, params
    normal = copy(model.normal)
    if normal is not None:
        tables = params.tables

        def e_step(rows: CodedRows, at: MixtureParams) -> tuple[Moments, float]:
            stats, objective = model.e_step(rows, joined(at, tables))
            return Moments(stats.n, stats.first, stats.scatter), objective

        normal.e_step = e_step  # type: ignore[method-assign,assignment]
    return normal, normals(params)


def _without_noise(
    model: NoisyMixture, params: NoisyParams
) -> tuple[GaussianMixtureModel, MixtureParams]:
    """The components alone, beside noise of a weight that stays as it is."""
    clusters = copy(model.clusters)

    def e_step(rows: Rows, at: MixtureParams) -> tuple[Moments, float]:
        stats, objective = model.e_step(rows, shared_out(at, model.shares(params)[1]))
        return stats.clusters, objective

    clusters.e_step = e_step  # type: ignore[method-assign,assignment]
    return clusters, params.clusters


def divergences_of(model: Any, params: Any) -> Array:
    """Symmetric Kullback-Leibler divergence of any two components, in nats; see `divergences`."""
    if not isinstance(model, LocalDependence):
        model, params = clusters_of(model), clusters_of(params)
        return divergences(model.layout, model.components(params))
    t, some = params.tables, params.weights > 0.0
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(t), NEVER)
    apart: Array = ((t[:, None] - t) * (logs[:, None] - logs)).sum(axis=-1)
    if model.normal is not None:
        of_numbers = model.normal.components(normals(params))
        return apart + divergences(model.normal.layout, of_numbers)
    return np.where(some[:, None] & some & ~np.eye(len(t), dtype=bool), apart, np.inf)
