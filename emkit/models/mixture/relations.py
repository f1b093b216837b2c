"""Linear relations that hold exactly among the columns: copies of a column in other units, sums.

A prior that draws covariances to independence would break them, and fill cells that are determined
by the others of their row with something else. Its target is therefore independence within them.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from emkit._typing import Array
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling, tile_rows

__all__ = ["Relations", "exact_relations"]

#: Part of a variance that is left where a relation holds exactly: rounding of sums of squares.
EXACT = 1e-10
#: Rows that must bear a relation out, beyond those that it takes to have one at all.
WITNESSES = 3
#: Variance of a column in some rows, as part of that in all, with which these stand for them.
VARIES = 0.1


class Relations(NamedTuple):
    """The plane that all rows lie in, in internal units."""

    covariance: Array  #: (d, d) of columns as independent, and as wide, as the relations let them
    mean: Array  #: (d,) the point of the plane that is next to the observed means


class Sums(NamedTuple):
    """Over the rows that hold both of two columns, all counted once."""

    n: Array  #: (d, d)
    first: Array  #: (d, d) of column i over the rows that hold column j
    square: Array  #: (d, d)
    cross: Array  #: (d, d) of products


class Complete(NamedTuple):
    """Sums over the rows that hold all of some columns, all counted once."""

    n: Array  #: ()
    first: Array  #: (g,)
    cross: Array  #: (g, g)


class Copies(NamedTuple):
    """Columns in groups of which one, the leader, determines the others."""

    leaders: NDArray[np.intp]  #: (g,) a column of every group
    slopes: Array  #: (d, g) of every column on the leader of its group; 0 for other groups
    intercepts: Array  #: (d,)


def exact_relations(data: Any, units: Scaling, variances: Array) -> Relations | None:
    """Relations among the columns that hold in all rows; None where none does.

    ``variances`` (d,) are those of the columns; ``units`` have their means as shift.
    """
    sums = data.sum(partial(_sums, units))[0]
    leaders, slopes, intercepts = _copies(sums)
    counted = slopes != 0.0
    ratios = np.where(counted, variances[:, None] / np.where(counted, slopes, 1.0) ** 2, 0.0)
    deviations = np.sqrt(ratios.sum(axis=0) / counted.sum(axis=0))
    plane = _plane(data, units, leaders, deviations, sums.n.diagonal())
    free, through = (np.eye(len(leaders)), np.zeros(len(leaders))) if plane is None else plane
    if plane is None and len(leaders) == len(variances):
        return None
    root = slopes * deviations @ free
    covariance: Array = root @ root.T * (len(leaders) / free.shape[1])
    point = intercepts + slopes @ through
    scale = np.sqrt(variances)[:, None]
    nearest = np.linalg.lstsq(root / scale, -point / scale[:, 0], rcond=None)[0]
    return Relations(covariance, point + root @ nearest)


def _copies(sums: Sums) -> Copies:
    """Columns that go with another one exactly, in every row that holds both."""
    rows = np.maximum(sums.n, 1.0)
    mean = sums.first / rows
    variance = sums.square / rows - mean**2
    covariance = sums.cross / rows - mean * mean.T
    both = variance * variance.T
    exact = (sums.n >= 2 + WITNESSES) & (both > 0.0) & (covariance**2 >= (1.0 - EXACT) * both)
    slope = covariance / np.where(variance.T > 0.0, variance.T, 1.0)  # of column i on column j
    d = len(rows)
    group, slopes, intercepts = np.full(d, -1), np.ones(d), np.zeros(d)
    leaders: list[int] = []
    for start in range(d):
        if group[start] >= 0:
            continue
        group[start] = len(leaders)
        leaders.append(start)
        found = [start]
        for j in found:
            new = np.flatnonzero(exact[:, j] & (group < 0))
            group[new], slopes[new] = group[j], slope[new, j] * slopes[j]
            intercepts[new] = mean[new, j] + slope[new, j] * (intercepts[j] - mean[j, new])
            found.extend(new.tolist())
    of_group = group[:, None] == np.arange(len(leaders))
    return Copies(np.array(leaders), np.where(of_group, slopes[:, None], 0.0), intercepts)


def _plane(
    data: Any, units: Scaling, leaders: NDArray[np.intp], deviations: Array, held: Array
) -> tuple[Array, Array] | None:
    """Directions (g, r) of the plane of all rows, orthonormal in units of these deviations, and a
    point of it; None where rows fill the space, or are too few to tell.

    Each column is tried on those that others follow from, by all rows that hold both: few rows need
    be complete, and what few rows show by chance is not told. Which columns these may be is seen
    in the rows that hold as many columns as enough of them do; where none follows there, none is
    looked for.
    """
    g = len(leaders)
    order = np.argsort(-held[leaders], kind="stable")
    n = data.sum(partial(_held_together, leaders[order]))[0].n
    enough = np.flatnonzero(n >= np.arange(1, g + 1) + 1 + WITNESSES)
    if not len(enough):
        return None
    most = order[: enough[-1] + 1]
    basis = _independent(data.sum(partial(_complete, units, leaders[most]))[0], deviations[most])
    basis = most[basis].tolist()
    if len(basis) == len(most):
        return None
    slopes, through = np.zeros((g, g)), np.zeros(g)  # on the columns of the basis; of all at 0
    for j in [column for column in order if column not in basis]:
        columns = [*basis, j]
        found = data.sum(partial(_complete, units, leaders[columns]))[0]
        own = _slopes(found, deviations[columns])
        if own is None:
            basis.append(j)
            continue
        slopes[j, basis] = own
        mean = found.first / found.n / deviations[columns]
        through[j] = (mean[-1] - own @ mean[:-1]) * deviations[j]
    slopes[basis, basis] = 1.0
    if len(basis) == g:
        return None
    return np.linalg.qr(slopes[:, basis])[0], through


def _independent(sums: Complete, deviations: Array) -> NDArray[np.intp]:
    """Columns that all others follow from, in some rows."""
    values, vectors = np.linalg.eigh(_correlation(sums, deviations))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    triangle, order = qr(root, mode="r", pivoting=True)
    return order[np.abs(np.diag(triangle)) > np.sqrt(EXACT)]


def _slopes(sums: Complete, deviations: Array) -> Array | None:
    """Slopes of the last column on the others, by which it follows from them; None where not.

    All must vary in these rows nearly as in others: one that is 0 but for a few rows is not told.
    """
    correlation = _correlation(sums, deviations)
    if sums.n < len(deviations) + WITNESSES or correlation.diagonal().min() < VARIES:
        return None
    slopes = np.linalg.lstsq(correlation[:-1, :-1], correlation[:-1, -1], rcond=EXACT)[0]
    left = float(correlation[-1, -1] - slopes @ correlation[:-1, -1])
    return slopes if left <= EXACT else None


def _correlation(sums: Complete, deviations: Array) -> Array:
    mean = sums.first / sums.n
    covariance = sums.cross / sums.n - np.outer(mean, mean)
    correlation: Array = covariance / np.outer(deviations, deviations)
    return correlation


class _Held(NamedTuple):
    n: Array  #: (g,) rows that hold the first so many columns


def _held_together(columns: NDArray[np.intp], data: Rows) -> tuple[_Held, float]:
    """How many rows hold the first 1, 2, ... of some columns."""
    observed = ~np.isnan(data.X[:, columns])
    return _Held(np.logical_and.accumulate(observed, axis=1).sum(axis=0, dtype=float)), 0.0


def _sums(units: Scaling, data: Rows) -> tuple[Sums, float]:
    d = len(units.shift)
    sums = np.zeros((4, d, d))
    for x, observed in _tiles(units, data):
        for total, (left, right) in zip(
            sums, ((observed, observed), (x, observed), (x * x, observed), (x, x)), strict=True
        ):
            total += left @ right.T
    return Sums(*sums), 0.0


def _complete(units: Scaling, columns: NDArray[np.intp], data: Rows) -> tuple[Complete, float]:
    g = len(columns)
    n, first, cross = 0, np.zeros(g), np.zeros((g, g))
    for x, observed in _tiles(units, data):
        rows = x[np.ix_(columns, np.flatnonzero(observed[columns].all(axis=0)))]
        n += rows.shape[1]
        first += rows.sum(axis=1)
        cross += rows @ rows.T
    return Complete(np.array(float(n)), first, cross), 0.0


def _tiles(units: Scaling, data: Rows) -> Any:
    """Rows in internal units, features first, with 0 for missing cells, and which are not."""
    step = tile_rows(3 * len(units.shift))
    for start in range(0, len(data.X), step):
        X = data.X[start : start + step]
        x = units.load(X, np.empty(X.shape[::-1]))
        observed = np.isfinite(x).astype(float)
        yield np.where(observed > 0.0, x, 0.0), observed
