"""Where the responses of a regression lie and how far apart, whatever stands for infinity there.

The centre is a median and the unit a median distance, so that neither bounds that say nothing
(1e8 for infinity) nor single outliers move them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["NEAR_BOUNDS", "Location", "ResponseRange", "ResponseSample", "stand_in"]

Counts = NDArray[np.intp]
#: Rows from which medians are told; of fewer, all.
MOST_ROWS = 1024

#: Two bounds at most this many deviations apart stand for their middle.
NEAR_BOUNDS = 8.0
#: Responses of a law with heavy tails are drawn in to this many deviations from the median: what
#: lies beyond would leave the first line, and so all residuals, without digits.
FENCE_DEVIATIONS = 100.0


class Location(NamedTuple):
    """Of some responses: all are elements of them or differences of two, so nothing overflows."""

    weight: float
    middle: float  #: the lower median
    deviation: float  #: median of the distances from it that are not 0

    @classmethod
    def of(cls, values: Array, weight: Array, middle: float | None = None) -> "Location":
        if not len(values):
            return cls(0.0, 0.0 if middle is None else middle, 0.0)
        middle = _lower_median(values, weight) if middle is None else middle
        away = np.abs(values - middle)
        apart = away > 0.0
        deviation = _lower_median(away[apart], weight[apart]) if apart.any() else 0.0
        return cls(float(weight.sum()), middle, deviation)


class ResponseSample(NamedTuple):
    """Rows of a block, or of all blocks, from which centre and spread are told.

    Of many rows it holds those whose bounds have the smallest hashes: they are the same however
    the rows are cut into blocks, as is what is worked out from them.
    """

    hashes: NDArray[np.uint64]  #: ascending, each once
    low: Array
    high: Array
    counts: Counts  #: how many rows have these bounds
    weight: Array  #: of these rows
    highest_low: float  #: of all rows
    lowest_high: float

    @classmethod
    def of(cls, low: Array, high: Array, weight: Array | None) -> "ResponseSample":
        low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        weight = np.ones(len(low)) if weight is None else weight
        hashes = _hashes(low, high)
        ends = low.max(initial=-np.inf), high.min(initial=np.inf)
        if len(low) > MOST_ROWS:
            kept = hashes <= np.partition(hashes, MOST_ROWS - 1)[MOST_ROWS - 1]
            hashes, low, high, weight = hashes[kept], low[kept], high[kept], weight[kept]
        return cls._united(hashes, low, high, np.ones(len(low), dtype=np.intp), weight, *ends)

    @classmethod
    def pooled(cls, parts: Sequence["ResponseSample"]) -> "ResponseSample":
        """Of all blocks."""
        rows: list[Any] = [np.concatenate(some) for some in list(zip(*parts, strict=True))[:5]]
        ends = max(part.highest_low for part in parts), min(part.lowest_high for part in parts)
        of_all = cls._united(*rows, *ends)
        kept = slice(int(np.searchsorted(np.cumsum(of_all.counts), MOST_ROWS)) + 1)
        return cls(
            of_all.hashes[kept],
            of_all.low[kept],
            of_all.high[kept],
            of_all.counts[kept],
            of_all.weight[kept],
            *ends,
        )

    @classmethod
    def _united(
        cls, hashes: Any, low: Any, high: Any, counts: Any, weight: Any, *ends: float
    ) -> "ResponseSample":
        """Rows of the same bounds as one with their number, in the order of their hashes."""
        hashes, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        counts = np.bincount(group, counts, len(first)).astype(np.intp)
        weight = np.bincount(group, weight, len(first))
        return cls(hashes, low[first], high[first], counts, weight, *map(float, ends))


class ResponseRange(NamedTuple):
    """Centre and spread of responses."""

    exact: Location  #: of exact responses
    bounds: Location  #: of the bounds of the others
    peak: float  #: largest distance of a response, or of the bound nearest to it, from the centre

    @classmethod
    def of(cls, sample: ResponseSample) -> "ResponseRange":
        low, high, weight = sample.low, sample.high, sample.weight
        censored = low < high
        exact = Location.of(low[~censored], weight[~censored])
        ends = np.concatenate([low[censored], high[censored]])
        twice, finite = np.tile(weight[censored], 2), np.isfinite(ends)
        bounds = Location.of(ends[finite], twice[finite])
        centre = exact.middle if exact.weight else bounds.middle
        nearest = np.minimum(np.abs(low - centre), np.abs(high - centre))[censored]
        # The other bound of a row may say nothing: it is not to count for the spread.
        told = np.isfinite(nearest)
        bounds = Location.of(centre + nearest[told], weight[censored][told], centre)
        return cls(
            exact, bounds, max(sample.highest_low - centre, centre - sample.lowest_high, 0.0)
        )

    @property
    def centre(self) -> float:
        return self.exact.middle if self.exact.weight else self.bounds.middle

    @property
    def deviation(self) -> float:
        """How far responses lie from the centre, as a rule; 1 where all are one number."""
        return self.exact.deviation or self.bounds.deviation or self.peak or 1.0

    def stand_in(self, low: Array, high: Array, fenced: bool = False) -> Array:
        """Exact responses; of censored ones the middle of near bounds, or the nearest point."""
        point = stand_in(low, high, self.centre, NEAR_BOUNDS * self.deviation)
        return point if not fenced else np.clip(point, *self.fence)

    @property
    def fence(self) -> tuple[float, float]:
        """Ends of the range that a law with heavy tails starts from."""
        reach = FENCE_DEVIATIONS * self.deviation
        return self.centre - reach, self.centre + reach


def stand_in(low: Array, high: Array, centre: float, near: float) -> Array:
    """Exact responses; of censored ones the middle of near bounds, or the point next to a centre.

    So a bound that is far off, such as 1e8 for infinity, counts for nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # inf - inf
        width = high - low
        narrow = np.flatnonzero((width > 0.0) & (width <= near))
    point = np.clip(centre, low, high)
    point[narrow] = low[narrow] + 0.5 * width[narrow]
    return point


def _lower_median(values: Array, weight: Array) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])


def _hashes(low: Array, high: Array) -> NDArray[np.uint64]:
    """A number for every pair of bounds that says nothing of where they lie (splitmix64)."""
    return _mixed(_mixed((low + 0.0).view(np.uint64)) + (high + 0.0).view(np.uint64))


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
