"""Data of a censored regression: rows with bounds, and what is known of all of them."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.design import WorkedOutDesign
from emkit.models.censored.residuals import (
    BETWEEN,
    EXACT,
    LEFT,
    RIGHT,
    ExactSums,
    Residuals,
    grouped,
    least_within,
)
from emkit.models.censored.standardised import Standardised
from emkit.models.censored.strata import Strata

__all__ = ["Blockwise", "Prepared", "Responses", "thinned"]

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


class Blockwise(Protocol):
    """Data in blocks, wherever these lie."""

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        """What a function gives for every block, and one of each of the values, in order."""

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        """Sum over the blocks of the statistics and numbers that a step gives."""


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
    between: bool  #: whether some responses are known to lie between two bounds
    strata: Strata | None  #: which rows have which scale; None where all have one
    shares: Array  #: (m,) part of the weight that each scale has
    reach: tuple[float, float]  #: least upper and largest lower bound, on the scale of the line

    def residuals(
        self, rows: Responses, with_sums: bool = True, keep_design: bool = True
    ) -> Residuals:
        """Residuals of a block; one block carries the sums of all exact rows, the others none.

        Where the design is not kept, it is worked out from X whenever it is asked for.
        """
        units, exact = self.units, rows.exact
        low, high = units.response(rows.low), units.response(rows.high)
        left, right = (low < -OPEN_BOUND) & ~exact, (high > OPEN_BOUND) & ~exact
        # Sums, as choices row by row would take longer than all else here.
        kind = BETWEEN + (EXACT - BETWEEN) * exact.astype(np.int8)
        kind += (LEFT - BETWEEN) * left + (RIGHT - BETWEEN) * right
        width = None
        if self.between:
            with np.errstate(over="ignore", invalid="ignore"):
                width = (rows.high - rows.low) / units.spread
            kind[width == 0.0] = EXACT  # to rounding
        entry = None
        if self.delayed:
            entry = np.full(len(low), -np.inf) if rows.entry is None else units.response(rows.entry)
            entry[entry < -OPEN_BOUND] = -np.inf
        entered = None if entry is None else np.isfinite(entry)
        group = grouped(kind, entered, self.strata and self.strata.codes(rows.X))
        kept = np.argsort(group, kind="stable")
        left_out = left & right
        if self.summarise:
            left_out |= exact
        if left_out.any():
            kept = kept[~left_out[kept]]
        design: Any = WorkedOutDesign(rows.X, kept, self.units)
        if keep_design:
            design = design.kept()
        fitted = design @ self.units.line
        return Residuals(
            design,
            np.where(left, high, low)[kept] - fitted,
            None if width is None else high[kept] - fitted,
            None if width is None else width[kept],
            group[kept],
            None if rows.weight is None else rows.weight[kept],
            self.exact if with_sums else ExactSums.none(len(units.line)),
            None if entry is None else entry[kept] - fitted,
        )


def thinned(data: Blockwise, counts: Sequence[int], every: int) -> Residuals:
    """One row in ``every`` of all blocks, with as large a part of the exact rows' sums."""
    starts = (every // 2 - np.cumsum([0, *counts[:-1]])) % every
    parts = list(data.map(partial(_thinned, every), starts.tolist()))
    first = parts[0] if len(parts) == 1 else parts[0].joined(parts[1:])
    return first._replace(exact=first.exact.part(every))


def _thinned(every: int, block: Residuals, start: int) -> Residuals:
    return block.take(slice(start, None, every))
