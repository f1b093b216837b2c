"""Statistics of classes with local dependence in online EM: moved with the means, and made up."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.mixed.design import Design
from emkit.models.mixed.effects import Curvature, move
from emkit.models.mixed.parameters import LocalParams, LocalStats, normals
from emkit.numerics.gaussian import Moments

__all__ = ["implied_statistics", "recentred"]


def recentred(model: Any, stats: LocalStats, before: LocalParams, after: LocalParams) -> LocalStats:
    """Statistics about the means of a row ``before``, about those ``after``."""
    if model.normal is None:
        return stats
    step, moved = after.effects - before.effects, after.means - before.means
    sums = Curvature(stats.n, stats.design, stats.gram, stats.first, stats.cross)
    moments = move(model.normal.layout, Moments(stats.n, stats.first, stats.scatter), sums, step)
    moments = model.normal.recentre(moments, normals(before), normals(after))
    of_means = np.einsum("ku,kp->kup", stats.design, moved)
    if len(stats.cross) < len(of_means):
        of_means = of_means.sum(axis=0)[None]
    cross = stats.cross - stats.gram @ step - of_means
    return stats._replace(first=moments.first, scatter=moments.scatter, cross=cross)


def implied_statistics(model: Any, params: LocalParams, total: float) -> LocalStats:
    """Statistics of complete data of a total weight, drawn from the model, whose M-step it is."""
    n = params.weights * (total / params.weights.sum())
    first = scatter = np.zeros((len(n), 0))
    if model.normal is not None:
        n, first, scatter = model.normal.implied_statistics(normals(params), total)
    counts = _table_counts(model, params.tables, n)
    if model.normal is None:
        none = np.zeros((1, 0, 0))
        return LocalStats(n, first, scatter, counts, np.zeros((len(n), 0)), none, none)
    shared = model.normal.layout.shared
    design, gram = _regressor_sums(model.design, params.tables, n, shared)
    covariances = model.normal.layout.dense(params.covariances, *params.means.shape)
    # What the prior of the effects weighs against, beside what the means of the classes have.
    cross = (n / n.sum())[:, None, None] * (model.ridge * params.effects @ covariances)
    cross += np.einsum("ku,kp->kup", design, first / np.where(n > 0.0, n, np.inf)[:, None])
    if shared:
        cross = cross.sum(axis=0)[None]
    return LocalStats(n, first, scatter, counts, design, gram, cross)


def _table_counts(model: Any, tables: Array, n: Array) -> Array:
    """Counts (K, T) from which the tables are estimated with their prior."""
    pseudo = model.tables.pseudo_counts
    sizes = np.array(model.levels.n_levels)
    of_columns = np.add.reduceat(pseudo, np.cumsum(sizes) - sizes)
    counts: Array = tables * (n[:, None] + np.repeat(of_columns, sizes)) - pseudo
    return np.maximum(counts, 0.0)


def _regressor_sums(design: Design, tables: Array, n: Array, shared: bool) -> tuple[Array, Array]:
    """Sums (K, U) of the contrasts u of levels, and (K or 1, U, U) of their products.

    Of two columns the mean product is that of the means, as they are independent; of one its own.
    """
    t = tables[:, design.of_tables]
    mean = t @ design.contrasts
    gram: Array = np.einsum("k,ku,kv->uv" if shared else "k,ku,kv->kuv", n, mean, mean)
    gram, start = (gram[None] if shared else gram), 0
    for place in design.places.values():
        own = slice(start, start + place.stop - place.start - 1)
        levels, contrasts = t[:, place], design.contrasts[place, own]
        squares = np.einsum("k,kl,lu,lv->kuv", n, levels, contrasts, contrasts)
        squares -= np.einsum("k,ku,kv->kuv", n, mean[:, own], mean[:, own])
        gram[:, own, own] += squares.sum(axis=0)[None] if shared else squares
        start = own.stop
    return n[:, None] * mean, gram
