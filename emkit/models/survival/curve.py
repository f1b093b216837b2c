"""A distribution with its mass in intervals, at whose upper ends it counts."""

from typing import NamedTuple, Self

import numpy as np

from emkit._typing import Array
from emkit.models.survival.cells import Times
from emkit.numerics.runs import Index, Runs

__all__ = ["Curve"]

#: Rounding of a probability: a quantile is where so much less than its probability has fallen.
ROUNDING = 1e-10


class Curve(NamedTuple):
    """Cumulative hazards of cells, and the curve that follows from them."""

    stop: Array  #: (m,) upper ends, ascending
    hazard: Array  #: (m,) infinite where nobody lives through a cell
    survived: Array  #: (m + 1,) probability to live past so many cells

    @classmethod
    def of(cls, stop: Array, hazard: Array) -> Self:
        return cls(stop, hazard, np.exp(-np.append(0.0, np.cumsum(hazard))))

    @property
    def masses(self) -> Array:
        """Probability (m,) of each cell."""
        masses: Array = self.survived[:-1] * -np.expm1(-self.hazard)
        return masses

    def survival(self, times: Array, given: Array | None = None) -> Array:
        """P(T > time), continuous from the right; P(T > time | T > given) where that is given."""
        at = self.passed(times)
        if given is None:
            return self.survived[at]
        passed = self.passed(given)
        survival: Array = np.exp(-self._total(passed, np.maximum(at, passed)))
        return survival

    def cumulative_hazard(self, times: Array) -> Array:
        """Minus the logarithm of the curve, infinite where that is 0."""
        at = self.passed(times)
        return self._total(np.zeros_like(at), at)

    def quantile(self, q: Array, given: Array | None = None) -> Array:
        """The first time by which a share q has failed; infinite beyond the last finite end."""
        return self.stop[self.cell_of_quantile(q, given)]

    def cell_of_quantile(self, q: Array, given: Array | None = None) -> Index:
        """The first cell by which a share q has failed, of whoever lives past ``given``."""
        certain = np.isinf(self.hazard)
        total = np.append(0.0, np.cumsum(np.where(certain, 0.0, self.hazard)))
        passed = np.zeros((), dtype=np.intp) if given is None else self.passed(given)
        enough = total[passed] - np.log1p(ROUNDING - q)
        at = np.maximum(np.searchsorted(total[1:], enough), passed)
        ends = np.flatnonzero(certain)  # nobody lives through the last cell
        return np.minimum(at, ends[np.searchsorted(ends, passed)])

    def passed(self, times: Array) -> Index:
        """Number of cells that whoever lives past a time has lived through."""
        return np.searchsorted(self.stop, times, "right")

    def log_probability(self, times: Times) -> Array:
        """Logarithm (n,) of the probability of each interval, given that it lies beyond its entry.

        Of an exact time it is that of its mass, minus infinity where there is none.
        """
        begin = np.searchsorted(self.stop, times.first)
        end = np.maximum(np.searchsorted(self.stop, times.last, "right"), begin)
        enter = np.zeros_like(begin)
        if times.enter is not None:
            enter = np.searchsorted(self.stop, times.enter)
        lived, failed = self._total(enter, begin), self._total(begin, end)
        with np.errstate(divide="ignore"):
            log_probability: Array = np.log(-np.expm1(-failed)) - lived
        return log_probability

    def _total(self, first: Index, stop: Index) -> Array:
        """Cumulative hazard of runs of cells."""
        certain = np.isinf(self.hazard)
        total = Runs(first, stop, len(self.hazard)).totals(np.where(certain, 0.0, self.hazard))
        passed = np.append(0, np.cumsum(certain))
        return np.where(passed[stop] > passed[first], np.inf, total)
