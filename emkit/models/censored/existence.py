"""Whether the likelihood has a finite maximum.

As the scale goes to 0 about a fixed line, an exact response on the line adds -log(scale) to the
log-likelihood, while a censored one whose bounds the line keeps adds nothing. So the likelihood has
no finite maximum where some line passes through every exact response and within the (closed) bounds
of all others. Least squares of the exact rows shows whether there is one through these; among all
such lines, one within the bounds is a question of linear programming. A ridge penalty grows as
scale**-2: under one, the line must have no penalised coefficient.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from emkit._typing import Array
from emkit.models.censored.data import OPEN_BOUND, Blockwise, Prepared, Responses
from emkit.models.censored.gram import pseudo_inverse
from emkit.models.censored.line import FLOOR
from emkit.models.censored.residuals import EXACT, Residuals
from emkit.models.censored.standardised import Standardised
from emkit.numerics.constants import EPS

__all__ = ["Fitted", "collapsing_line", "free_columns"]

#: A response is on a line, or a bound kept, within so many roundings.
ROUNDINGS = 16.0
#: Least squares of the exact rows below this part of their squares: there may be a line through all
#: of them. Sums over rows show no less.
SUSPICIOUS_SQUARES = 1e-9
#: Most programs that are solved, each with the rows that the last line does not keep within bounds.
MOST_PROGRAMS = 50
#: Most rows of a block that are added to a program.
MOST_CUTS = 100
#: Where no response is exact, the line must keep so far within bounds, in units of the fit: on a
#: bound, the likelihood does not grow to the end.
BOUND_MARGIN = 1e-6
#: Least violation of the bounds that a program can tell from none, beside their size.
FEASIBLE_VIOLATION = 1e-8
#: As the user holds them, or about the first line.
Rows = Responses | Residuals


class Fitted(NamedTuple):
    """Rows beside a line whose coefficients are all of the design, none about the first line."""

    design: Array  #: (n, q)
    low: Array  #: (n,) of the response in units of the fit
    high: Array  #: (n,)
    value: Array  #: (n,) of the line
    size: Array  #: (n,) of the numbers that the value is a sum of
    exact: NDArray[np.bool_]  #: (n,) whether low is high
    weight: Array  #: (n,)

    @classmethod
    def of(cls, units: Standardised, rows: Rows, line: Array, margin: float = 0.0) -> "Fitted":
        """Bounds are drawn in by a margin, part of their distance and of the unit."""
        low: Array
        high: Array
        if isinstance(rows, Residuals):
            # Row by row, what a row says depends on no other, not even by rounding.
            design, exact = np.ascontiguousarray(rows.design), rows.kind == EXACT
            low, high = (end + design @ units.line for end in (rows.least, rows.bounds()[1]))
        else:
            design, exact = units.design(rows.X), rows.exact
            low, high = units.response(rows.least), units.response(rows.high)
        # What rounding is to the least scale is nothing.
        size = np.abs(design) @ np.abs(line) + abs(units.centre) / units.spread + FLOOR
        if margin:
            inwards = margin * np.minimum(high - low, 1.0)
            low, high = low + inwards, high - inwards
        weight = np.ones(len(design)) if rows.weight is None else rows.weight
        return cls(design, low, high, design @ line, size, exact, weight)

    def outer(self, roundings: float) -> tuple[Array, Array]:
        """Bounds (n,) as far out as so many roundings may have moved them."""
        part = roundings * EPS
        low = self.low - part * (self.size + np.abs(np.maximum(self.low, -OPEN_BOUND)))
        return low, self.high + part * (self.size + np.abs(np.minimum(self.high, OPEN_BOUND)))

    @property
    def excess(self) -> Array:
        """By how much the line leaves the bounds, beyond rounding (n,); 0 where it keeps them."""
        low, high = self.outer(ROUNDINGS)
        return np.maximum(np.maximum(low - self.value, self.value - high), 0.0)


class Cuts(NamedTuple):
    """Rows of a block whose bounds a line leaves most."""

    design: Array  #: (m, q)
    low: Array  #: (m,) further out by some roundings
    high: Array  #: (m,) likewise

    @classmethod
    def of(cls, units: Standardised, line: Array, margin: float, rows: Rows) -> "Cuts":
        beside = Fitted.of(units, rows, line, margin)
        worst = np.argsort(-beside.excess, kind="stable")[:MOST_CUTS]
        worst = worst[beside.excess[worst] > 0.0]
        # Half-way out: what rounding leaves of a program's line keeps the bounds further out.
        low, high = beside.outer(0.5 * ROUNDINGS)
        return cls(beside.design[worst], low[worst], high[worst])


def free_columns(units: Standardised, penalised: bool) -> slice:
    """Columns of the design whose coefficients a penalty leaves free."""
    return slice(int(units.intercept) if penalised else len(units.line))


def collapsing_line(data: Blockwise, prepared: Prepared, penalised: bool) -> Array | None:
    """Coefficients (q,), none about the first line, of a line on which the likelihood is endless.

    Without exact responses, the likelihood grows towards 1 where the line lies within all bounds.
    """
    units, exact = prepared.units, prepared.exact
    free = free_columns(units, penalised)
    line = np.zeros_like(units.line) if penalised else units.line.copy()
    if exact.weight == 0.0:
        return _within_bounds(data, units, line, free, BOUND_MARGIN)
    cross = exact.cross + exact.gram @ (units.line - line)
    squares = exact.squares + float((units.line - line) @ (exact.cross + cross))
    inverse = pseudo_inverse(exact.gram[free, free])[0]
    step = inverse @ cross[free]
    least = squares - float(cross[free] @ step)
    rounding = exact.weight * (4.0 * prepared.resolution) ** 2
    if least > SUSPICIOUS_SQUARES * squares + rounding:
        return None
    line[free] += step
    # Once more, about that line: what is left is small, and so are its roundings.
    line[free] += inverse @ data.sum(partial(_cross, units, line))[0].cross[free]
    return _within_bounds(data, units, line, free, 0.0)


class _Cross(NamedTuple):
    cross: Array


def _cross(units: Standardised, line: Array, rows: Rows) -> tuple[_Cross, float]:
    """Design' residuals of the exact rows of a block."""
    beside = Fitted.of(units, rows, line)
    exact = beside.exact
    residual = beside.low[exact] - beside.value[exact]
    return _Cross((beside.weight[exact] * residual) @ beside.design[exact]), 0.0


def _within_bounds(
    data: Blockwise, units: Standardised, line: Array, free: slice, margin: float
) -> Array | None:
    """The line, moved in its free coefficients until it keeps all bounds; None where it cannot.

    Rows go into a linear program as a line leaves their bounds: few of them decide. Each program
    is in units of what the last line left, so that in the end nothing but rounding is.
    """
    cuts = Cuts(np.empty((0, len(line))), np.empty(0), np.empty(0))
    for _ in range(MOST_PROGRAMS):
        found = list(data.map(partial(Cuts.of, units, line, margin)))
        if not sum(len(cut.low) for cut in found):
            return line
        cuts = Cuts(*map(np.concatenate, zip(cuts, *found, strict=True)))
        step = _least_violation(cuts, line, free)
        if step is None:
            return None
        line = line.copy()
        line[free] += step
    return None


def _least_violation(cuts: Cuts, line: Array, free: slice) -> Array | None:
    """Step of the free coefficients to bounds that can all be kept; None where they cannot."""
    value, columns = cuts.design @ line, cuts.design[:, free]
    if not columns.shape[1]:
        return None
    low, high = cuts.low - value, cuts.high - value
    unit = float(np.maximum(low, -high).max())
    if unit <= 0.0:
        return np.zeros(columns.shape[1])
    sides = [(low, -columns), (-high, columns)]  # -columns @ step <= -low, columns @ step <= high
    right = np.concatenate([-bound[np.isfinite(bound)] for bound, _ in sides]) / unit
    left = np.concatenate([part[np.isfinite(bound)] for bound, part in sides]) / unit
    size = np.maximum(np.abs(right), 1.0)
    reach = np.abs(left).max() or 1.0
    left = np.column_stack([left / reach, -size]) / size[:, None]
    k = columns.shape[1]
    found = linprog(
        np.append(np.zeros(k), 1.0),
        A_ub=left,
        b_ub=right / size,
        bounds=[(None, None)] * k + [(0.0, None)],
    )
    if found.x is None or found.x[-1] > FEASIBLE_VIOLATION:
        return None
    return found.x[:-1] / reach
