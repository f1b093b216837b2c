"""Linear relations that hold exactly among the columns: copies of a column in other units, sums.

A prior that draws covariances to independence would break them, and fill cells that are determined
by the others of their row with something else. Its target is therefore independence within them.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling, tile_rows

__all__ = ["Relations", "exact_relations"]

#: Part of a variance that is left where a relation holds exactly: rounding of sums of squares.
EXACT = 1e-10
#: Rows that must bear a relation out, beyond those that it takes to have one at all.
WITNESSES = 3


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
    leaders, slopes, intercepts = _copies(data.sum(partial(_sums, units))[0])
    counted = slopes != 0.0
    ratios = np.where(counted, variances[:, None] / np.where(counted, slopes, 1.0) ** 2, 0.0)
    deviations = np.sqrt(ratios.sum(axis=0) / counted.sum(axis=0))
    plane = _plane(data.sum(partial(_complete, units, leaders))[0], deviations)
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


def _plane(sums: Complete, deviations: Array) -> tuple[Array, Array] | None:
    """Directions (g, r) in which complete rows vary, orthonormal in these units, and their mean.

    None where they fill the space, or are too few to tell.
    """
    n, first, cross = sums
    if n < WITNESSES:
        return None
    mean = first / n
    correlation = (cross / n - np.outer(mean, mean)) / np.outer(deviations, deviations)
    values, vectors = np.linalg.eigh(correlation)
    free = vectors[:, values > EXACT]
    # Of r + 1 rows or fewer any r directions make a plane.
    told = 0 < free.shape[1] < len(mean) and n >= free.shape[1] + 1 + WITNESSES
    return (free, mean) if told else None


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
