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
from emkit.numerics.runs import Index, Runs, merged

__all__ = ["Cells", "Places", "Times", "beyond"]


class Times(NamedTuple):
    """Times known to lie in (low, high], exactly where equal, and beyond their entry."""

    low: Array  #: (n,) -inf where open
    high: Array  #: (n,) inf where open
    entry: Array | None  #: (n,) -inf where there is none
    weight: Array  #: (n,) positive


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


def beyond(ends: Array) -> Array:
    """The next double, so that (end, ...] is [beyond(end), ...]."""
    with np.errstate(over="ignore"):
        following: Array = np.nextafter(ends, np.inf)
    return following


class Cells(NamedTuple):
    """Maximal intersections, in order."""

    start: Array  #: (m,) first double that belongs to the cell
    stop: Array  #: (m,) last one

    @classmethod
    def of(cls, times: Times) -> "Cells":
        """Those that the interval of a row covers: any other would be of no use."""
        first = np.unique(_first(times))
        last = np.unique(_ends(times))
        # The last start at or before each end; of ends with the same one, the first.
        start = np.searchsorted(first, last, "right") - 1
        new = start >= 0
        new[1:] &= start[1:] != start[:-1]
        cells = cls(first[start[new]], last[new])
        if times.entry is None:
            return cells
        runs = cells.places(times).runs
        covered = runs.covering(np.ones(len(times.low))) > 0.5
        return cls(cells.start[covered], cells.stop[covered])

    def places(self, times: Times) -> Places:
        """Where rows lie; a run is empty where a row's interval holds no cell."""
        first = np.searchsorted(self.start, _first(times))
        stop = np.maximum(np.searchsorted(self.stop, times.high, "right"), first)
        if times.entry is None:
            enter = np.zeros_like(first)
        else:
            enter = np.searchsorted(self.start, beyond(times.entry))
        return Places(enter, Runs(first, stop, len(self.start)))

    @property
    def intervals(self) -> Array:
        """Ends (m, 2): a cell lies in (left, right], or is the one number that both are."""
        with np.errstate(over="ignore"):
            left = np.nextafter(self.start, -np.inf)
        return np.column_stack([np.where(self.start == self.stop, self.stop, left), self.stop])


def _first(times: Times) -> Array:
    """First double of each interval."""
    return np.where(times.low == times.high, times.low, beyond(times.low))


def _ends(times: Times) -> Array:
    """Upper ends, and entries after which there are others."""
    if times.entry is None:
        return times.high
    return np.concatenate([times.high, times.entry])
