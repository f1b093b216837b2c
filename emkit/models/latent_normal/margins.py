r"""Numbers and the normal behind them: scores of their ranks, and quantiles back.

With F the shares of the values of a column, a value v has the score :math:`\Phi^{-1}` of the
middle of :math:`(F(v-), F(v))`. A value that many rows have, such as the zeros of a cost, tells an
interval alone: that between the normal quantiles of the two.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from emkit._typing import Array

__all__ = ["Margin"]

#: Share of the rows from which on a value that several rows have is an interval.
REPEATED = 0.05
#: Scores of no number of rows lie beyond.
FARTHEST = 8.3
#: Nodes of the quadrature of a conditional mean.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Margin(NamedTuple):
    """A column of numbers by its values."""

    values: Array  #: (k,) ascending, all different
    low: Array  #: (k,) normal quantiles between which each lies
    high: Array
    score: Array  #: (k,)
    repeated: NDArray[np.bool_]  #: (k,) whether a value stands for all of its interval

    @classmethod
    def of(cls, x: Array, weights: Array) -> "Margin":
        """From the observed cells and the weights of their rows, all above 0."""
        values, place, counts = np.unique(x, return_inverse=True, return_counts=True)
        total = np.bincount(place, weights)
        share = total / total.sum()
        above = share.cumsum()
        below = np.concatenate([[0.0], above[:-1]])
        above[-1] = 1.0
        low, score, high = ndtri(below), ndtri(0.5 * (below + above)), ndtri(above)
        # Of a row that stands for several, by its weight, the value is repeated too.
        repeated = (share >= REPEATED) & ((counts > 1) | (total >= 2.0))
        return cls(values, low, high, score, repeated)

    def scores(self, x: Array) -> Array:
        """Scores of any numbers; those not seen lie between the seen ones, or are the outermost."""
        result: Array = np.interp(x, self.values, self.score)
        return result

    def intervals(self, x: Array) -> tuple[Array, Array]:
        """Where repeated values lie, NaN for others."""
        at = np.minimum(np.searchsorted(self.values, x), len(self.values) - 1)
        known = (self.values[at] == x) & self.repeated[at]
        return np.where(known, self.low[at], np.nan), np.where(known, self.high[at], np.nan)

    def within(self, low: float, high: float) -> tuple[float, float]:
        """Between which scores the quantiles lie from low to high."""
        z, v = self.knots()
        first = int(np.searchsorted(v, low, "left"))
        last = int(np.searchsorted(v, high, "right")) - 1
        least, most = np.interp([low, high], v, z)
        if first < len(v) and v[first] == low:
            least = z[first]
        if last >= 0 and v[last] == high:
            most = z[last]
        return float(least if first else -np.inf), float(most if last < len(v) - 1 else np.inf)

    def knots(self) -> tuple[Array, Array]:
        """Scores and values between which the quantiles are linear."""
        both = np.where(self.repeated, self.low, self.score)
        scores = np.stack([both, np.where(self.repeated, self.high, self.score)], axis=1).ravel()
        kept = np.stack([np.ones(len(both), dtype=bool), self.repeated], axis=1).ravel()
        values = np.repeat(self.values, 2)[kept]
        return np.clip(scores[kept], -FARTHEST, FARTHEST), values

    def quantiles(self, z: Array) -> Array:
        """Numbers at scores."""
        result: Array = np.interp(z, *self.knots())
        return result

    def expect(self, mean: Array, deviation: Array) -> Array:
        """Means (n,) of the numbers whose scores are normal."""
        z = mean[:, None] + deviation[:, None] * NODES
        result: Array = self.quantiles(z) @ WEIGHTS
        return result
