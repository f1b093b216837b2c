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

    def survival(self, times: Array) -> Array:
        """P(T > time), continuous from the right."""
        return self.survived[np.searchsorted(self.stop, times, "right")]

    def quantile(self, q: Array) -> Array:
        """The first time by which a share q has failed; infinite beyond the last finite end."""
        failed = 1.0 - self.survived[1:]
        at = np.searchsorted(failed, q - ROUNDING)
        return self.stop[np.minimum(at, len(self.stop) - 1)]

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
