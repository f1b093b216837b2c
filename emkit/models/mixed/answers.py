"""What a fitted model says of the cells that are missing: expectations, probabilities, draws."""

from collections.abc import Container
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixed.binding import NEVER, Bound
from emkit.models.mixed.completions import Slots, places_of, sum_levels
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams, Work
from emkit.models.mixed.rows import CodedRows, Codes, Tile

__all__ = ["draw", "expect", "score_samples"]


@unbuffered()
def score_samples(model: LocalDependence, data: CodedRows, params: LocalParams) -> Array:
    """Log-likelihood of the observed cells of each row."""
    bound, out = model.bind(params), np.empty(len(data))
    for rows, tile in data.tiles(model.levels, bound.tile_rows):
        out[rows] = soft(model.log_joint(tile, bound)[0])[1]
    return out


@unbuffered()
def expect(
    model: LocalDependence,
    data: CodedRows,
    params: LocalParams,
    wanted: Container[int] | None = None,
) -> tuple[Array, list[Array]]:
    """Conditional means of the numbers (n, p), and probabilities (n, L) of each column's levels.

    What is observed is as it was, with probability 1. Of columns of categories that are not wanted
    there are no probabilities, but an array without rows.
    """
    bound, numbers = model.bind(params), data.X.copy()
    n_levels = model.levels.n_levels
    wanted = range(len(n_levels)) if wanted is None else wanted
    proba: list[Array] = [
        np.zeros((len(data) if j in wanted else 0, L)) for j, L in enumerate(n_levels)
    ]
    tables = np.split(params.tables, np.cumsum(model.levels.n_levels)[:-1], axis=1)
    for rows, tile in data.tiles(model.levels, bound.tile_rows):
        log_joint, work = model.log_joint(tile, bound)
        resp = soft(log_joint)[0].reshape(model.n_classes, tile.slots.n_combinations, -1)
        for j, table in enumerate(tables):
            if j not in wanted:
                continue
            codes = tile.codes[:, j]
            known = (codes[:, None] == np.arange(table.shape[1])).astype(float)
            proba[j][rows] = np.where((codes < 0)[:, None], resp.sum(axis=1).T @ table, known)
        single = sum_levels(tile.slots.sizes, resp.sum(axis=0)[None])[0][0]
        places = places_of(tile.slots.sizes)
        for columns, place in zip(tile.slots.columns, places, strict=True):
            for column in np.unique(columns[columns >= 0]):
                if column in wanted:
                    mine = np.flatnonzero(columns == column)
                    of_levels = single[place, mine][: n_levels[column]]
                    proba[column][rows[mine]] = of_levels.T
        if work is not None and np.isnan(tile.X).any():
            mean = _mean(bound, work, resp)
            numbers[rows] = np.where(np.isnan(tile.X), mean, tile.X)
    return numbers, proba


def _mean(bound: Bound, work: Work, resp: Array) -> Array:
    """Conditional means (n, p) over classes and combinations (K, M, n), in the user's units."""
    n = resp.shape[-1]
    rows, kernel, of_kernel, z, known, terms = work
    resp = resp.reshape(len(z), -1, len(rows.codes))
    of_normal = resp.sum(axis=1)
    mean = kernel.completed(of_kernel, of_normal)
    mean += bound.moved(rows, known) * of_normal.sum(axis=0)
    if terms is not None:
        mean += terms.filled(sum_levels(terms.sizes, resp)[0], len(mean))
    shift, scale = bound.units
    result: Array = mean.reshape(len(mean), -1, n).sum(axis=1).T * scale + shift
    return result


@unbuffered()
def draw(
    model: LocalDependence,
    data: CodedRows,
    params: LocalParams,
    rng: np.random.Generator,
    limits: Array | None = None,
    candidates: int = 1,
) -> tuple[Array, Codes]:
    """Numbers and levels with what is missing drawn given what is observed: jointly in a row.

    A class and a combination first, then the numbers. Within ``limits`` (2, p) on the numbers one
    of several candidates is taken in proportion to the probability that it had to lie within.
    """
    n, p = data.X.shape
    q = data.codes.shape[1]
    choice = rng.random((n,))
    of_label = rng.random((candidates, n))
    of_number, of_level = rng.random((candidates, n, p)), rng.random((candidates, n, q))
    bound, numbers, codes = model.bind(params), data.X.copy(), data.codes.copy()
    for rows, tile in data.tiles(model.levels, bound.tile_rows):
        resp = soft(model.log_joint(tile, bound)[0])[0].cumsum(axis=0)
        drawn = [
            _draw_one(model, bound, tile, resp, *chances, limits)
            for chances in zip(
                of_label[:, rows], of_number[:, rows], of_level[:, rows], strict=True
            )
        ]
        taken = np.zeros(len(rows), dtype=np.intp)
        if candidates > 1:
            share = soft(np.array([log_mass for _, _, log_mass in drawn]))[0]
            taken = (share.cumsum(axis=0) < choice[rows]).sum(axis=0)
            taken = np.minimum(taken, candidates - 1)
        each = np.arange(len(rows))
        numbers[rows] = np.stack([x for x, _, _ in drawn])[taken, each]
        codes[rows] = np.stack([c for _, c, _ in drawn])[taken, each]
    return numbers, codes


def _draw_one(
    model: LocalDependence,
    bound: Bound,
    tile: Tile,
    cumulative: Array,
    of_label: Array,
    of_number: Array,
    of_level: Array,
    limits: Array | None,
) -> tuple[Array, Codes, Array]:
    """Numbers (n, p) and levels (n, q) of a tile, and log-probability of the limits."""
    n, M = len(tile.codes), tile.slots.n_combinations
    label = (cumulative < of_label * cumulative[-1]).sum(axis=0)
    label = np.minimum(label, len(cumulative) - 1)
    k, m = label // M, label % M
    codes = tile.codes.copy()
    for columns, levels in zip(tile.slots.columns, tile.slots.levels(m), strict=True):
        part = np.flatnonzero(columns >= 0)
        codes[part, columns[part]] = levels[part]
    numbers = tile.X
    log_mass: Array = np.zeros(n)
    if model.normal is not None and np.isnan(tile.X).any():
        # Left-out cells stay missing here: they enter by their shares, as in the fit.
        chosen = Tile(tile.X, codes, None, Slots.none(n, tile.slots.left_out))
        numbers, log_mass = _draw_numbers(model, bound, chosen, k, of_number, limits)
    tables = np.split(bound.params.tables, np.cumsum(model.levels.n_levels)[:-1], axis=1)
    for j, table in enumerate(tables):
        part = np.flatnonzero(codes[:, j] < 0)
        cumulated = table[k[part]].cumsum(axis=1)
        level = (cumulated < (of_level[part, j] * cumulated[:, -1])[:, None]).sum(axis=1)
        codes[part, j] = np.minimum(level, table.shape[1] - 1)
    return numbers, codes, log_mass


def _draw_numbers(
    model: LocalDependence,
    bound: Bound,
    tile: Tile,
    k: Any,
    chance: Array,
    limits: Array | None,
) -> tuple[Array, Array]:
    """Numbers (n, p) of rows whose class k and categories are known, and as `_draw_one`."""
    shift, scale = bound.units
    known = model.design.indicators(tile.codes)
    moved = bound.moved(tile, known)
    if bound.n_class_levels:  # all are of one normal, moved by their class
        moved += bound.of_levels[model.design.n_levels + k].T
        k = np.zeros_like(k)
    within = None if limits is None else ((limits - shift) / scale)[:, :, None] - moved
    _, kernel, work = bound.log_density(bound.residuals(tile, moved))
    numbers, log_mass = tile.X.copy(), np.zeros(len(k))
    for label in np.unique(k):
        mine = np.flatnonzero(k == label)
        x, mass = kernel.draw(work, int(label), chance.T, within)
        filled = ((x + moved)[:, mine]).T * scale + shift
        numbers[mine] = np.where(np.isnan(tile.X[mine]), filled, tile.X[mine])
        log_mass[mine] = mass[mine]
    return numbers, np.maximum(log_mass, NEVER)
