r"""Where the likelihood of censored times can put mass: Turnbull's maximal intersections.

A time is known to lie in (lower, upper], or to be equal to both, and to have been seen only as it
lies beyond its entry. Mass is worth most where a lower end is followed by an upper end or an entry,
with no other end between: moved to the right it would leave an interval or come under observation
by one more row, moved to the left it would leave an interval or be in the way of one more. Entries
end cells too (Frydman 1994).

References
----------
Turnbull, B. W. (1976). The empirical distribution function with arbitrarily grouped, censored and
truncated data. Journal of the Royal Statistical Society B 38, 290-295.

Frydman, H. (1994). A note on nonparametric estimation of the distribution function from
interval-censored and truncated observations. Journal of the Royal Statistical Society B 56, 71-74.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.runs import Index, Runs, merged, ranks

__all__ = ["Cells", "Places", "Times"]


class Times(NamedTuple):
    """Times known to lie in an interval, and beyond an entry; ends belong to intervals."""

    first: Array  #: (n,) the first double of the interval
    last: Array  #: (n,) the last one, inf where it is open
    enter: Array | None  #: (n,) the first double beyond the entry; None where there are no entries
    weight: Array  #: (n,) not negative

    @classmethod
    def of(cls, low: Array, high: Array, entry: Array | None, weight: Array) -> "Times":
        """Times in (low, high], exactly there where both are equal, and beyond their entry."""
        first = np.where(low == high, low, _beyond(low))
        return cls(first, high, None if entry is None else _beyond(entry), weight)


class Places(NamedTuple):
    """Where rows lie among cells."""

    enter: Index  #: (n,) first cell beyond the entry
    runs: Runs  #: cells of the interval

    def merged(self, weight: Array) -> tuple["Places", Array]:
        """Those that differ, and the sums of their weights."""
        if not self.enter.any():
            runs, weight = merged(self.runs, weight)
            return Places(np.zeros_like(runs.first), runs), weight
        columns = self.enter, self.runs.first, self.runs.stop
        order = np.lexsort(columns[::-1])
        enter, first, stop = (column[order] for column in columns)
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(enter) != 0) | (np.diff(first) != 0) | (np.diff(stop) != 0)
        at = np.flatnonzero(new)
        places = Places(enter[at], Runs(first[at], stop[at], self.runs.n_cells))
        return places, np.add.reduceat(weight[order], at)


class Cells(NamedTuple):
    """Maximal intersections, in order."""

    start: Array  #: (m,) first double that belongs to the cell
    stop: Array  #: (m,) last one

    @classmethod
    def of(cls, times: Times) -> "Cells":
        """Those that the interval of a row covers: any other would be of no use."""
        first, last = _distinct(times.first), _distinct(times.last)
        if times.enter is not None:
            last = np.union1d(last, _before(times.enter))
        # The last start at or before each end; of ends with the same one, the first.
        start = np.searchsorted(first, last, "right") - 1
        new = start >= 0
        new[1:] &= start[1:] != start[:-1]
        cells = cls(first[start[new]], last[new])
        if times.enter is None:
            return cells
        covered = cells.places(times).runs.covering(np.ones(len(times.first))) > 0.5
        return cls(cells.start[covered], cells.stop[covered])

    def places(self, times: Times) -> Places:
        """Where rows lie, whose intervals hold a cell or more."""
        first = ranks(self.start, times.first, equal=False)
        stop = ranks(self.stop, times.last, equal=True)
        enter = np.zeros_like(first)
        if times.enter is not None:
            enter = ranks(self.start, times.enter, equal=False)
        return Places(enter, Runs(first, stop, len(self.start)))

    @property
    def intervals(self) -> Array:
        """Ends (m, 2): a cell lies in (left, right], or is the one number that both are."""
        left = np.where(self.start == self.stop, self.stop, _before(self.start))
        return np.column_stack([left, self.stop])


def _beyond(ends: Array) -> Array:
    """The next double of each, so that (end, ...] is [_beyond(end), ...]."""
    with np.errstate(over="ignore"):
        following: Array = np.nextafter(ends, np.inf)
    return following


def _before(starts: Array) -> Array:
    with np.errstate(over="ignore"):
        before: Array = np.nextafter(starts, -np.inf)
    return before


def _distinct(values: Array) -> Array:
    """The values in order, each once."""
    values = np.sort(values)
    new = np.ones(len(values), dtype=bool)
    new[1:] = values[1:] != values[:-1]
    return values[new]
