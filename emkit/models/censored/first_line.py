"""Units and first line of a censored regression: what is known of the rows before the first step.

All of it is gathered from blocks or summed over them, so that rows in memory, rows that are read
anew at every pass, and rows on a cluster go the same way.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.basis import Turn, principal, settled, without_constants
from emkit.models.censored.column_scaling import column_scaling
from emkit.models.censored.data import Blockwise, Prepared, Responses
from emkit.models.censored.normal_equations import (
    NormalEquations,
    Target,
    normal_equations,
    sums_about_lines,
)
from emkit.models.censored.residuals import ExactSums, Residuals
from emkit.models.censored.standardised import Standardised
from emkit.models.censored.strata import Strata
from emkit.models.censored.units import ResponseRange, ResponseSample
from emkit.models.rows import Rows, pool
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import Scaling

__all__ = ["Undivided", "prepare", "prepare_blocks"]

#: A response is known to so many roundings of it.
ROUNDINGS = 8.0


class Undivided(NamedTuple):
    """Data in one block, with the methods of `Blockwise`."""

    block: Any

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        return map(function, (self.block,), *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        return step(self.block)


def prepare(
    X: Array,
    low: Array,
    high: Array,
    weight: Array | None,
    intercept: bool,
    *,
    summarise: bool = True,
) -> tuple[Residuals, Standardised, Array]:
    """Data and units of a fit to one block of rows, and the Gram matrix (q, q) of all rows."""
    rows = Responses(X, low, high, weight)
    prepared = prepare_blocks(Undivided(rows), intercept, summarise=summarise)
    return prepared.residuals(rows), prepared.units, prepared.gram


def prepare_blocks(
    data: Blockwise,
    intercept: bool,
    *,
    summarise: bool = True,
    heavy_tails: bool = False,
    penalised: bool = False,
    turn: bool = True,
    strata: Strata | None = None,
) -> Prepared:
    """Units, first line and sums of all rows (blocks of `Responses`), in two or three passes.

    The first line, about which all is measured, is least squares of the exact and other sharp rows
    where these show it, and otherwise of all rows, censored ones at their stand-ins (see `units`).
    A climb starts at least squares of all rows; under ``heavy_tails`` also at that of responses
    drawn in towards their median, which outliers hardly move. Exact rows are summed up, or kept:
    where ``summarise`` is False, some rows have entries, or there are ``strata``. Columns that
    depend on others take one more pass, after which combinations stand for them, unless ``turn`` is
    False; where coefficients are ``penalised``, combinations that no row sees stay.
    """
    summaries = list(data.map(partial(ResponseSummary.of, strata)))
    delayed = any(part.delayed for part in summaries)
    summarise = summarise and not delayed and strata is None
    sample = ResponseSample.pooled([part.responses for part in summaries])
    where = ResponseRange.of(sample)
    columns = None if strata is None else strata.line
    units = _first_units(summaries, where, intercept, heavy_tails, columns)
    target = Target(where, heavy_tails)
    equations, units, turned, weight = _equations(data, units, target, penalised, turn)
    lines = equations.lines()
    units = units._replace(line=lines[-1])
    shown = None if summarise else equations.about(lines)
    about = shown or data.sum(partial(sums_about_lines, units, lines, target))[0]
    sums, squares, sharp = about
    spreads = np.sqrt(squares / weight)
    rounding = ROUNDINGS * EPS * (1.0 + abs(where.centre) / units.spread)
    # A line through every response leaves no spread: their own takes its place.
    of_sharp = np.sqrt(sharp[0] / sharp[1]) if equations.shows_line else 0.0
    root = next((float(spread) for spread in (of_sharp, spreads[-1]) if spread > rounding), 1.0)
    return Prepared(
        units._replace(line=units.line / root, spread=units.spread * root),
        equations.gram,
        turned.rank,
        turned.unseen,
        tuple(_starts(units, lines[:-1], spreads, root, rounding)),
        sum(part.n for part in summaries),
        weight,
        rounding / root,
        ExactSums(sums.weight, sums.gram, sums.cross / root, sums.squares / root**2),
        sums.total,
        tuple(part.n_censored if summarise else part.n for part in summaries),
        summarise,
        delayed,
        any(part.between for part in summaries),
        strata,
        sum(part.of_strata for part in summaries) / weight,
        (sample.lowest_high, sample.highest_low),
    )


def _starts(
    units: Standardised, lines: list[Array], spreads: Array, root: float, rounding: float
) -> Iterator[tuple[Array, float]]:
    """Lines about the first and logarithms of scales, in units of ``root``."""
    for line, spread in zip(lines, spreads, strict=False):
        if np.isfinite(spread):
            log_scale = float(np.log(spread / root)) if spread > rounding else 0.0
            yield (line - units.line) / root, log_scale


class ResponseSummary(NamedTuple):
    """What a block contributes to the units."""

    n: int
    n_censored: int
    weight: float
    columns: Scaling  #: mean and standard deviation of each
    responses: ResponseSample
    delayed: bool  #: whether some rows have an entry
    between: bool  #: whether some responses lie between two bounds
    of_strata: Array  #: (m,) weight of each, of all rows where there are none

    @classmethod
    def of(cls, strata: Strata | None, rows: Responses) -> "ResponseSummary":
        of_strata = np.array([rows.total_weight])
        if strata is not None:
            of_strata = np.bincount(strata.codes(rows.X), rows.weight, len(strata.labels))
        return cls(
            len(rows.X),
            int(np.count_nonzero(~rows.exact)),
            rows.total_weight,
            column_scaling(Rows(rows.X, rows.weight)),
            ResponseSample.of(rows.low, rows.high, rows.weight),
            rows.entry is not None,
            bool((np.isfinite(rows.low) & np.isfinite(rows.high) & ~rows.exact).any()),
            of_strata,
        )


def _first_units(
    summaries: list[ResponseSummary],
    where: ResponseRange,
    intercept: bool,
    drawn_in: bool,
    columns: tuple[int, ...] | None,
) -> Standardised:
    """Units with a first line of zeros."""
    weights = np.array([part.weight for part in summaries])
    shift, scale = _pooled(weights, [part.columns for part in summaries])
    if columns is not None:
        shift, scale = shift[list(columns)], scale[list(columns)]
    if not intercept:  # about 0
        shift, scale = np.zeros_like(shift), np.hypot(shift, scale)
    centre = where.centre if intercept else 0.0
    peak = where.peak
    if drawn_in:
        peak = min(peak, where.fence[1] - where.centre)
    peak += abs(where.centre - centre)
    line = np.zeros(len(shift) + int(intercept))
    scale = np.where(scale > 0.0, scale, 1.0)
    return Standardised(shift, scale, line, centre, peak or 1.0, intercept, columns=columns)


def _equations(
    data: Blockwise, units: Standardised, target: Target, penalised: bool, may_turn: bool
) -> tuple[NormalEquations, Standardised, Turn, float]:
    """Normal equations, the units and columns that these are of, and the total weight."""
    equations, weight = data.sum(partial(normal_equations, units, target))
    turn = without_constants(units, equations.gram)
    if len(turn.change) > turn.rank:
        units, equations = units.turned(turn.change), equations.changed(turn.change)
    directions = principal(units, equations.gram / weight) if may_turn else None
    if directions is not None:
        units = units.turned(directions)
        equations, weight = data.sum(partial(normal_equations, units, target))
        turn = settled(units, equations.gram / weight, penalised)
        units, equations = units.turned(turn.change), equations.changed(turn.change)
    return equations, units, turn, weight


def _pooled(weights: Array, columns: list[Scaling]) -> Scaling:
    if len(columns) == 1:
        return columns[0]
    mean, spread = (np.array(values) for values in zip(*columns, strict=True))
    return pool(np.repeat(weights[:, None], mean.shape[1], axis=1), mean, spread)
