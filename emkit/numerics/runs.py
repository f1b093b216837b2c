"""Sums over runs of consecutive cells, and over the runs that cover a cell.

A run is all cells from ``first`` up to ``stop``, which is not among them. Both kinds of sums take
time in proportion to the number of runs and cells, as no run is gone through cell by cell.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Index", "Runs", "covering", "decaying_sums", "merged", "prefix_sums", "ranks"]

Index = NDArray[np.intp]
#: Runs are sorted, rather than counted in a table, where the table had this many times more cells.
SPARSE = 4
#: Most that sums may decay by, as a logarithm, before they are begun anew.
MOST_DECAY = 500.0


class Runs(NamedTuple):
    """Runs of consecutive cells, none empty."""

    first: Index  #: (n,)
    stop: Index  #: (n,)
    n_cells: int

    def totals(self, values: Array) -> Array:
        """Sum (n,) over each run of the values (n_cells,) of its cells, to working precision."""
        level, rest = prefix_sums(values)
        total = level[self.stop] - level[self.first]
        total += rest[self.stop] - rest[self.first]
        return total

    def beginning(self, values: Array | None) -> Array:
        """Sum (n_cells + 1,) of the values (n,) of runs that begin at a cell; None counts them."""
        return _sums(self.first, values, self.n_cells + 1)

    def ending(self, values: Array | None) -> Array:
        """Sum (n_cells + 1,) of the values (n,) of the runs that end before a cell."""
        return _sums(self.stop, values, self.n_cells + 1)

    def covering(self, values: Array, turn: int = 0) -> Array:
        """Sum (n_cells,) of the values (n,) of the runs that cover a cell.

        It is taken forwards before the cell ``turn`` and backwards from there on. Rounding is then
        that of sums on the same side: choose the cell whose sum is largest.
        """
        return covering(self.beginning(values), self.ending(values), turn)

    def among(self, kept: Index) -> "Runs":
        """The runs of those cells alone, in order; some may be empty."""
        before = np.zeros(self.n_cells + 1, dtype=np.intp)
        before[kept + 1] = 1
        np.cumsum(before, out=before)
        return Runs(before[self.first], before[self.stop], len(kept))


def covering(beginning: Array, ending: Array, turn: int) -> Array:
    """As `Runs.covering`, from what begins and ends (n_cells + 1,)."""
    change = beginning - ending
    sums = np.empty(len(change) - 1)
    sums[:turn] = np.cumsum(change[:turn])
    sums[turn:] = -np.cumsum(change[:turn:-1])[::-1]
    return sums


def merged(runs: Runs, weight: Array) -> tuple[Runs, Array]:
    """The runs without those that are empty or equal to others, and the sums of their weights."""
    full = runs.stop > runs.first
    first, stop, weight = runs.first[full], runs.stop[full], weight[full]
    table = runs.n_cells + 1
    key = first * table + stop
    if table * table <= SPARSE * len(key):
        sums = _sums(key, weight, table * table)
        found = np.flatnonzero(sums)
        return Runs(*np.divmod(found, table), runs.n_cells), sums[found]
    order = np.argsort(key)
    key = key[order]
    new = np.ones(len(key), dtype=bool)
    new[1:] = key[1:] != key[:-1]
    start = np.flatnonzero(new)
    sums = np.add.reduceat(weight[order], start) if len(start) else weight
    return Runs(*np.divmod(key[start], table), runs.n_cells), sums


def _sums(groups: Index, values: Array | None, n_groups: int) -> Array:
    """Sum of the values of each group, or its count."""
    sums: Any = np.bincount(groups, values, n_groups)
    return sums


def prefix_sums(values: Array) -> tuple[Array, Array]:
    """Sums (n + 1,) of the values before each, and what rounding took from them.

    A difference of sums can so be had to the precision of the difference, not of the sums (Knuth's
    exact error of an addition, summed up).
    """
    level = np.zeros(len(values) + 1)
    np.cumsum(values, out=level[1:])
    before, after = level[:-1], level[1:]
    added = after - before
    rest = np.zeros(len(values) + 1)
    np.cumsum((before - (after - added)) + (values - added), out=rest[1:])
    return level, rest


def decaying_sums(inflow: Array, decay: Array) -> Array:
    """Sums (n,) with s[k] = s[k - 1] exp(-decay[k - 1]) + inflow[k]."""
    level = np.append(0.0, np.cumsum(decay[:-1]))[: len(decay)]
    sums = np.empty(len(inflow))
    start, carried = 0, 0.0
    while start < len(sums):
        stop = int(np.searchsorted(level, level[start] + MOST_DECAY, "right"))
        growth = np.exp(level[start:stop] - level[start])
        sums[start:stop] = (carried + np.cumsum(inflow[start:stop] * growth)) / growth
        if stop < len(sums):
            carried = sums[stop - 1] * np.exp(level[stop - 1] - level[stop])
        start = stop
    return sums


def ranks(ends: Array, values: Array, *, equal: bool) -> Index:
    """How many of the ends, in order, are below each of the values (n,), or equal where counted.

    As `numpy.searchsorted`, but of sorted values: looked up in any order they would miss the cache.
    """
    order = np.argsort(values)
    at = np.searchsorted(values[order], ends, "left" if equal else "right")
    found = np.empty(len(values), dtype=np.intp)
    found[order] = np.cumsum(np.bincount(at, minlength=len(values) + 1)[:-1])
    return found
