"""Data of a censored regression: rows with bounds, and residuals about a first line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.standardised import Standardised
from emkit.models.censored.strata import Codes, Strata

__all__ = [
    "Blockwise",
    "ExactSums",
    "Prepared",
    "Residuals",
    "Responses",
    "least_within",
    "steps",
    "thinned",
]

#: Rows worked on at a time, so that the arrays of a step stay in the cache.
STEP_ROWS = 4096
#: A bound so far out, in units of the fit, is none: its square would overflow.
OPEN_BOUND = 1e100


class Responses(NamedTuple):
    """A block of rows, with bounds of their responses on the scale of the line."""

    X: Array  #: (n, p) as the user holds them
    low: Array  #: (n,)
    high: Array  #: (n,) equal to low where the response is exact
    weight: Array | None = None
    entry: Array | None = None  #: (n,) the response is known to be larger; -inf where there is none

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.weight is None else self.weight.sum())

    @property
    def exact(self) -> NDArray[np.bool_]:
        return self.low == self.high

    def part(self, rows: slice) -> "Responses":
        """Views of some of the rows."""
        return Responses(*(None if of is None else of[rows] for of in self))  # type: ignore[arg-type]

    @property
    def least(self) -> Array:
        """What the line must not lie below to be within the bounds (n,); see `least_within`."""
        return least_within(self.low, self.high, self.entry)


def least_within(low: Array, high: Array, entry: Array | None) -> Array:
    """Lower bounds (n,), -inf where an interval begins at its entry.

    Such a response is sure to lie above it: as the scale goes to 0 about a line anywhere below the
    upper bound, that it lies within the interval becomes certain.
    """
    if entry is None:
        return low
    return np.where((low == entry) & (low < high), -np.inf, low)


class Blockwise(Protocol):
    """Data in blocks, wherever these lie."""

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        """What a function gives for every block, and one of each of the values, in order."""

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        """Sum over the blocks of the statistics and numbers that a step gives."""


class ExactSums(NamedTuple):
    """Sums over the exact rows, of residuals about the first line."""

    weight: float  #: total weight
    gram: Array  #: (q, q)
    cross: Array  #: (q,) design' response
    squares: float  #: sum of squares of the responses

    @classmethod
    def none(cls, q: int) -> "ExactSums":
        return cls(0.0, np.zeros((q, q)), np.zeros(q), 0.0)

    def part(self, every: int) -> "ExactSums":
        """The sums of one row in ``every``, as if all rows were alike."""
        weight, gram, cross, squares = self
        return ExactSums(weight / every, gram / every, cross / every, squares / every)


class Residuals(NamedTuple):
    """A block of the data of a fit, about the first line and in units of the spread about it."""

    design: Array  #: (m, q) of the rows that an E-step goes over
    low: Array  #: (m,)
    high: Array  #: (m,)
    width: Array  #: (m,) high - low, where these two would cancel
    weight: Array | None  #: (m,)
    exact: ExactSums
    entry: Array | None = None  #: (m,) -inf where there is none
    stratum: Codes | None = None  #: (m,) number of the scale, ascending

    def encloses(self, coef: Array) -> NDArray[np.bool_]:
        """Rows (m,) within whose bounds a line passes."""
        fitted = self.design @ coef
        return (self.least < fitted) & (fitted < self.high)

    @property
    def least(self) -> Array:
        """What a line must not lie below to be within the bounds (m,); see `least_within`."""
        return least_within(self.low, self.high, self.entry)

    def take(self, rows: slice | NDArray[np.bool_]) -> "Residuals":
        """Copies of some of the rows: views would keep the whole block."""
        chosen = (None if part is None else part[rows].copy() for part in self._of_rows)
        return self._with(*chosen)

    def joined(self, others: Sequence["Residuals"]) -> "Residuals":
        """With the rows of other blocks, those of a stratum one after the other."""
        parts = [
            None if first is None else np.concatenate([first, *more])
            for first, *more in zip(
                self._of_rows, *(other._of_rows for other in others), strict=True
            )
        ]
        if parts[-1] is not None:
            order = np.argsort(parts[-1], kind="stable")
            parts = [None if part is None else part[order] for part in parts]
        return self._with(*parts)

    def tiles(self) -> Iterator[tuple[int, slice]]:
        """Rows that are worked on at a time, with the number of their scale."""
        if self.stratum is None:
            yield from ((0, rows) for rows in steps(len(self.design)))
            return
        edges = np.flatnonzero(np.diff(self.stratum, prepend=-1, append=-1))
        for start, stop in pairwise(edges.tolist()):
            for rows in steps(stop - start):
                yield int(self.stratum[start]), slice(start + rows.start, start + rows.stop)

    @property
    def _of_rows(self) -> tuple[Any, ...]:
        """Arrays with an entry a row."""
        return self.design, self.low, self.high, self.width, self.weight, self.entry, self.stratum

    def _with(self, *of_rows: Any) -> "Residuals":
        design, low, high, width, weight, entry, stratum = of_rows
        return Residuals(design, low, high, width, weight, self.exact, entry, stratum)


class Prepared(NamedTuple):
    """What is known of all rows before the first step."""

    units: Standardised
    gram: Array  #: (q, q) Gram matrix
    rank: int  #: coefficients that the columns determine, the intercept among them
    unseen: Array  #: (p, k) combinations of standardised columns that are 0 in every row
    starts: tuple[tuple[Array, float], ...]  #: lines (q,) and logarithms of scales to begin from
    n: int  #: rows
    weight: float  #: of all of them
    resolution: float  #: rounding of the responses, in units of the fit
    exact: ExactSums
    exact_total: float  #: weighted sum of the exact responses, on the scale of the line
    counts: tuple[int, ...]  #: rows of every block that an E-step goes over
    summarise: bool  #: whether exact rows are no more than their sums
    delayed: bool  #: whether some rows have an entry
    strata: Strata | None  #: which rows have which scale; None where all have one
    shares: Array  #: (m,) part of the weight that each scale has
    reach: tuple[float, float]  #: least upper and largest lower bound, on the scale of the line

    def residuals(self, rows: Responses, with_sums: bool = True) -> Residuals:
        """Residuals of a block; one block carries the sums of all exact rows, the others none."""
        units, exact = self.units, self.exact
        low, high = units.response(rows.low), units.response(rows.high)
        low = np.where((low < -OPEN_BOUND) & ~rows.exact, -np.inf, low)
        high = np.where((high > OPEN_BOUND) & ~rows.exact, np.inf, high)
        told = np.isfinite(low) | np.isfinite(high)
        if self.summarise:
            told &= ~rows.exact
        # Sorted by kind: a tile of one kind goes the shorter way.
        kind = (low < high).astype(np.int8) + np.isinf(low)
        kind[np.isinf(high)] = -1
        entry = stratum = None
        if self.delayed:
            entry = np.full(len(low), -np.inf) if rows.entry is None else units.response(rows.entry)
            entry[entry < -OPEN_BOUND] = -np.inf
            kind = 2 * kind + np.isfinite(entry)
        if self.strata is not None:
            stratum = self.strata.codes(rows.X)
            kind = kind + 8 * stratum
        kept = np.argsort(kind, kind="stable")
        if not told.all():
            kept = kept[told[kept]]
        with np.errstate(over="ignore", invalid="ignore"):
            width = (rows.high - rows.low) / units.spread
        low, high, width = low[kept], high[kept], width[kept]
        design, fitted = self._design(rows.X, kept)
        low -= fitted
        high -= fitted
        return Residuals(
            design,
            low,
            high,
            width,
            None if rows.weight is None else rows.weight[kept],
            exact if with_sums else ExactSums.none(len(units.line)),
            None if entry is None else entry[kept] - fitted,
            None if stratum is None else stratum[kept],
        )

    def _design(self, X: Array, kept: NDArray[np.intp]) -> tuple[Array, Array]:
        """Standardised columns of some rows, and the first line there."""
        design, fitted = np.empty((len(kept), len(self.units.line))), np.empty(len(kept))
        for part in steps(len(kept)):
            self.units.design(np.take(X, kept[part], axis=0), out=design[part])
            np.matmul(design[part], self.units.line, out=fitted[part])
        return design, fitted


def thinned(data: Blockwise, counts: Sequence[int], every: int) -> Residuals:
    """One row in ``every`` of all blocks, with as large a part of the exact rows' sums."""
    starts = (every // 2 - np.cumsum([0, *counts[:-1]])) % every
    parts = list(data.map(partial(_thinned, every), starts.tolist()))
    first = parts[0] if len(parts) == 1 else parts[0].joined(parts[1:])
    return first._replace(exact=first.exact.part(every))


def _thinned(every: int, block: Residuals, start: int) -> Residuals:
    return block.take(slice(start, None, every))


def steps(n: int) -> Iterator[slice]:
    """Slices of n rows that are worked on at a time."""
    return (slice(start, min(start + STEP_ROWS, n)) for start in range(0, n, STEP_ROWS))
