"""Rows of a table as what they tell of the latent normal: scores, intervals, chosen levels."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from emkit._typing import Array
from emkit.models.latent_normal.columns import LatentColumns
from emkit.numerics.incomplete_rows import Pattern, patterns

__all__ = ["Chosen", "Interval", "LatentRows"]

#: Where utilities begin: that of the level taken, and those of others.
TAKEN_UTILITY = 0.7


class Interval(NamedTuple):
    """Rows in which one latent cell is known to lie in an interval."""

    at: int
    rows: NDArray[np.intp]
    low: Array
    high: Array


class Chosen(NamedTuple):
    """Rows in which a nominal level is observed: its utility is the largest."""

    places: NDArray[np.intp]  #: of the utilities
    rows: NDArray[np.intp]
    level: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LatentRows:
    """Rows in an order in which those that miss about the same are together.

    Parameters
    ----------
    order : ndarray of shape (n,)
        Numbers of the rows in their table.
    z : ndarray of shape (d, n)
        Scores, where intervals and utilities may begin, 0 where missing.
    missing : ndarray of shape (d, n)
        Which latent cells are missing.
    intervals, chosen : list
        What else is known.
    patterns : list of Pattern
        What is missing, by parts of the rows.
    weights : ndarray of shape (n,)
        Of the rows.
    """

    order: NDArray[np.intp]
    z: Array
    missing: NDArray[np.bool_]
    intervals: list[Interval]
    chosen: list[Chosen]
    patterns: list[Pattern]
    weights: Array

    def __len__(self) -> int:
        return len(self.order)

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())

    @property
    def is_exact(self) -> bool:
        """Whether every latent cell that is not missing is known."""
        return not (self.intervals or self.chosen)

    @classmethod
    def of(
        cls,
        columns: LatentColumns,
        X: Array,
        weights: Array | None = None,
        limits: Array | None = None,
    ) -> "LatentRows":
        """Of a table (n, d) in which categories are numbered, NaN where missing.

        Within ``limits`` (2, d) a missing number is known to lie.
        """
        z, low, high = (np.full((columns.size, len(X)), np.nan) for _ in range(3))
        for column, at, margin in columns.numbers:
            x = X[:, column]
            z[at] = np.where(np.isnan(x), np.nan, margin.scores(x))
            low[at], high[at] = margin.intervals(x)
            if limits is not None and np.isfinite(limits[:, column]).any():
                inside = np.isnan(x)
                low[at, inside], high[at, inside] = margin.within(*limits[:, column])
        for column, at, cuts in columns.ordinals:
            observed = ~np.isnan(X[:, column])
            level = X[observed, column].astype(np.intp)
            low[at, observed], high[at, observed] = cuts[level], cuts[level + 1]
        between = ~np.isnan(low)
        z[between] = ndtri(0.5 * (ndtr(low[between]) + ndtr(high[between])))
        for nominal in columns.nominals:
            level = X[:, nominal.column]
            taken = level == np.arange(len(nominal.places))[:, None]
            start = np.where(taken, TAKEN_UTILITY, -TAKEN_UTILITY)
            z[nominal.places] = np.where(np.isnan(level), np.nan, start)
        order, missing = patterns(z.T)
        intervals, chosen = [], []
        for i in np.flatnonzero(between.any(axis=1)):
            rows = np.flatnonzero(between[i, order])
            intervals.append(Interval(int(i), rows, low[i, order[rows]], high[i, order[rows]]))
        for nominal in columns.nominals:
            level = X[order, nominal.column]
            rows = np.flatnonzero(~np.isnan(level))
            if len(rows):
                chosen.append(Chosen(nominal.places, rows, level[rows].astype(np.intp)))
        z, weights = z[:, order], np.ones(len(X)) if weights is None else weights
        absent = np.isnan(z)
        z[absent] = 0.0
        return cls(order, z, absent, intervals, chosen, missing, weights[order])
