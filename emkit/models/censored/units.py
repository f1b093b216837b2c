"""Where the responses of a regression lie and how far apart, whatever stands for infinity there.

The centre is a median and the unit a median distance, so that neither bounds that say nothing
(1e8 for infinity) nor single outliers move them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emkit._typing import Array

__all__ = ["NEAR", "Location", "ResponseRange", "stand_in"]

#: Two bounds at most this many deviations apart stand for their middle.
NEAR = 8.0
#: Responses of a law with heavy tails are drawn in to this many deviations from the median: what
#: lies beyond would leave the first line, and so all residuals, without digits.
FENCE = 100.0


class Location(NamedTuple):
    """Of some responses: all are elements of them or differences of two, so nothing overflows."""

    n: int
    middle: float  #: the lower median
    deviation: float  #: median of the distances from it that are not 0

    @classmethod
    def of(cls, values: Array, middle: float | None = None) -> "Location":
        if not len(values):
            return cls(0, 0.0 if middle is None else middle, 0.0)
        middle = _lower_median(values) if middle is None else middle
        away = np.abs(values - middle)
        away = away[away > 0.0]
        return cls(len(values), middle, _lower_median(away) if len(away) else 0.0)


class ResponseRange(NamedTuple):
    """Centre and spread of the responses of a block, or of all blocks."""

    exact: Location  #: of exact responses
    bounds: Location  #: of the bounds of the others
    peak: float  #: largest distance of a response, or of the bound nearest to it, from the centre

    @classmethod
    def of(cls, low: Array, high: Array) -> "ResponseRange":
        censored = low < high
        exact = Location.of(low[~censored])
        ends = np.concatenate([low[censored], high[censored]])
        bounds = Location.of(ends[np.isfinite(ends)])
        centre = exact.middle if exact.n else bounds.middle
        nearest = np.minimum(np.abs(low - centre), np.abs(high - centre))[censored]
        # The other bound of a row may say nothing: it is not to count for the spread.
        bounds = Location.of(centre + nearest[np.isfinite(nearest)], centre)
        peak = np.abs(np.clip(centre, low, high) - centre).max(initial=0.0)
        return cls(
            exact, bounds, float(max(peak, exact.n and np.abs(low - centre)[~censored].max()))
        )

    @classmethod
    def pooled(cls, parts: Sequence["ResponseRange"]) -> "ResponseRange":
        """Of all blocks: the medians of their medians, each as often as it has rows."""
        exact = _pooled([part.exact for part in parts])
        bounds = _pooled([part.bounds for part in parts])
        centre = exact.middle if exact.n else bounds.middle
        peaks = [part.peak + abs(part.centre - centre) for part in parts]
        return cls(exact, bounds, max(peaks))

    @property
    def centre(self) -> float:
        return self.exact.middle if self.exact.n else self.bounds.middle

    @property
    def deviation(self) -> float:
        """How far responses lie from the centre, as a rule; 1 where all are one number."""
        return self.exact.deviation or self.bounds.deviation or self.peak or 1.0

    def stand_in(self, low: Array, high: Array, fenced: bool = False) -> Array:
        """Exact responses; of censored ones the middle of near bounds, or the nearest point."""
        point = stand_in(low, high, self.centre, NEAR * self.deviation)
        return point if not fenced else np.clip(point, *self.fence)

    @property
    def fence(self) -> tuple[float, float]:
        """Ends of the range that a law with heavy tails starts from."""
        reach = FENCE * self.deviation
        return self.centre - reach, self.centre + reach


def stand_in(low: Array, high: Array, centre: float, near: float) -> Array:
    """Exact responses; of censored ones the middle of near bounds, or the point next to a centre.

    So a bound that is far off, such as 1e8 for infinity, counts for nothing.
    """
    point = np.clip(centre, low, high)
    with np.errstate(over="ignore"):
        close = high - low <= near
    point[close] = low[close] + 0.5 * (high - low)[close]
    return point


def _lower_median(values: Array) -> float:
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def _pooled(parts: Sequence[Location]) -> Location:
    parts = [part for part in parts if part.n] or list(parts[:1])
    n = np.array([part.n for part in parts])

    def median(values: Sequence[float]) -> float:
        order = np.argsort(values)
        reached = np.searchsorted(np.cumsum(n[order]), 0.5 * n.sum())
        return float(np.asarray(values)[order][min(reached, len(order) - 1)])

    deviations = [part.deviation for part in parts if part.deviation > 0.0]
    n_total, middle = int(n.sum()), median([part.middle for part in parts])
    if not deviations:
        return Location(n_total, middle, 0.0)
    return Location(n_total, middle, float(np.median(deviations)))
