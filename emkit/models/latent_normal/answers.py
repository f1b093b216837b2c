"""What a fitted latent normal says of the cells that are missing: expectations, draws."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from emkit._typing import Array
from emkit.models.latent_normal.chances import Mirrored, RowChances
from emkit.models.latent_normal.columns import LatentColumns, Nominal, Number, Ordinal
from emkit.models.latent_normal.gibbs import LatentParams, Normal, Swept, sweep
from emkit.models.latent_normal.model import as_chances
from emkit.models.latent_normal.rows import LatentRows

__all__ = ["draw", "expect"]

#: Moves of a chain before one that is drawn.
BURN_IN = 10
#: Moves of each of two chains before the first that counts in a mean, and those that do.
BEFORE, MOVES = 5, 15
#: Rows that are worked on together.
STEP = 8192
#: Moves that a row of shares weighs as much as, in probabilities of nominal levels.
OF_SHARES = 0.2


def expect(columns: LatentColumns, params: LatentParams, X: Array) -> tuple[Array, list[Array]]:
    """X with missing numbers at their means, and probabilities (n, L) of each column's levels.

    The latter are in the order of the columns in the table; observed levels have probability 1.
    What is expected of a row depends on that row alone.
    """
    out, proba = X.copy(), _known(columns, X)
    for start in range(0, len(X), STEP):
        part = slice(start, start + STEP)
        data = LatentRows.of(columns, X[part])
        for column, rows, expected in _expected(columns, params, data):
            if isinstance(column, Number):
                out[part][rows, column.column] = expected
            else:
                proba[column.column][part][rows] = expected
    return out, [proba[j] for j in sorted(proba)]


def _known(columns: LatentColumns, X: Array) -> dict[int, Array]:
    """Probabilities of the levels: 1 of observed ones, else the shares."""
    out = {}
    for column, shares in columns.shares():
        known = (X[:, column, None] == np.arange(len(shares))).astype(float)
        out[column] = np.where(np.isnan(X[:, column])[:, None], shares, known)
    return out


def _expected(
    columns: LatentColumns, params: LatentParams, data: LatentRows
) -> Iterator[tuple[Number | Ordinal | Nominal, NDArray[np.intp], Array]]:
    """Every column with the rows that miss it, and what is expected of these."""
    normal = Normal.of(params, data)
    deviations = np.sqrt(_variances(normal, data))
    asked = [(c, np.flatnonzero(data.missing[c.at])) for c in columns.latent]
    totals: list[Any] = [0.0] * len(asked)
    sampled = any(len(rows) and isinstance(c, Nominal) for c, rows in asked)
    moves = 0
    for expected, drawn in _moves(normal, data, sampled):
        moves += 1
        for i, (c, rows) in enumerate(asked):
            if isinstance(c, Nominal):
                totals[i] += _largest(c, normal, drawn[:, rows])
                continue
            mean, deviation = expected[c.at, rows], deviations[c.at, rows]
            if isinstance(c, Number):
                totals[i] += c.margin.expect(mean, deviation)
            else:
                totals[i] += _between(c, mean, deviation)
    for (c, rows), total in zip(asked, totals, strict=True):
        if isinstance(c, Nominal):
            total += OF_SHARES * c.shares
            yield c, data.order[rows], total / total.sum(axis=1, keepdims=True)
        else:
            yield c, data.order[rows], total / moves


def _moves(normal: Normal, data: LatentRows, sampled: bool) -> Iterator[Swept]:
    """Moves that count; one is enough where nothing but numbers is known, and asked for.

    They are of two chains, the second by the mirror images of the chances of the first (antithetic
    variates): what one draws too large the other draws too small, so that their means have the
    error of several times as many.
    """
    chances = RowChances(np.vstack([data.z, data.missing]))
    if data.is_exact and not sampled:
        yield sweep(data, normal, data.z, chances)
        return
    first = second = data.z
    for t in range(0 if data.is_exact else -BEFORE, MOVES):
        drawn = Mirrored(chances)
        moved = sweep(data, normal, first, drawn)
        mirrored = sweep(data, normal, second, drawn.mirror())
        first, second = moved.drawn, mirrored.drawn
        if t >= 0:
            yield from (moved, mirrored)


def _variances(normal: Normal, data: LatentRows) -> Array:
    """Conditional variances (d, n) of the missing cells, 0 of others."""
    out: Array = np.zeros(data.z.shape)
    for factored in normal.factored:
        out[:, factored.pattern.part] = factored.variances()
    return out


def _between(column: Ordinal, mean: Array, deviation: Array) -> Array:
    """Probabilities (n, L) of the intervals between the cuts."""
    result: Array = np.diff(ndtr((column.cuts - mean[:, None]) / deviation[:, None]), axis=1)
    return result


def _largest(column: Nominal, normal: Normal, z: Array) -> Array:
    """Probabilities (n, L) of the largest utility, each given all other latent cells (d, n).

    Of one row they need not sum to 1; their means over the draws do.
    """
    places, precision = column.places, normal.precision
    away = z - normal.mean[:, None]
    utilities = z[places]
    pivots = np.diag(precision)[places][:, None]
    centre = utilities - precision[places] @ away / pivots
    out = np.empty((len(places) + 1, z.shape[1]))
    last = np.zeros(z.shape[1])
    for i in range(len(places)):
        others = np.delete(utilities, i, axis=0).max(axis=0, initial=-np.inf)
        root = np.sqrt(pivots[i])
        out[i] = ndtr((centre[i] - np.maximum(others, 0.0)) * root)
        last += np.where(others < 0.0, ndtr(-centre[i] * root), 0.0)
    out[-1] = last / len(places)
    return out.T


def draw(
    columns: LatentColumns,
    params: LatentParams,
    X: Array,
    rng: np.random.Generator,
    limits: Array | None = None,
) -> Array:
    """X with what is missing drawn given what is observed: jointly in a row.

    Numbers are drawn within ``limits`` (2, d). What is drawn for a row depends on its place.
    """
    out = X.copy()
    for start in range(0, len(X), STEP):
        part = slice(start, start + STEP)
        data = LatentRows.of(columns, X[part], None, limits)
        normal, z, chances = Normal.of(params, data), data.z, as_chances(rng)
        for _ in range(BURN_IN + 1 if not data.is_exact else 1):
            _, z = sweep(data, normal, z, chances)
        _write_drawn(columns, z, out[part], data.order)
    for column, shares in columns.tables:
        missing = np.flatnonzero(np.isnan(X[:, column]))
        out[missing, column] = rng.choice(len(shares), len(missing), p=shares)
    return out


def _write_drawn(columns: LatentColumns, z: Array, out: Array, order: NDArray[np.intp]) -> None:
    """What latent cells (d, n) stand for, in the missing cells of a table."""
    drawn = out[order]
    for column, at, margin in columns.numbers:
        drawn[:, column] = margin.quantiles(z[at])
    for column, at, cuts in columns.ordinals:
        drawn[:, column] = np.searchsorted(cuts[1:-1], z[at])
    for nominal in columns.nominals:
        utilities = np.vstack([z[nominal.places], np.zeros(z.shape[1])])
        drawn[:, nominal.column] = utilities.argmax(axis=0)
    out[order] = np.where(np.isnan(out[order]), drawn, out[order])
