"""Units and first line of a censored regression: what is known of the rows before the first step.

All of it is gathered from blocks or summed over them, so that rows in memory, rows that are read
anew at every pass, and rows on a cluster go the same way.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import (
    Blockwise,
    ExactSums,
    Prepared,
    Residuals,
    Responses,
    Standardised,
    pseudo_inverse,
    steps,
)
from emkit.models.rows import Rows, measure_scaling, pool
from emkit.numerics.gaussian import Scaling

__all__ = ["prepare", "prepare_blocks"]

#: Spread about the first line, beside that of the responses, that is nothing but rounding.
EXACT_FIT = 1e-13


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


def prepare_blocks(data: Blockwise, intercept: bool, *, summarise: bool = True) -> Prepared:
    """Units, first line and sums of all rows (blocks of `Responses`), in three passes.

    The first line is least squares with each censored response at its finite bound, or in the
    middle of its two. Exact rows are summed up, or, where ``summarise`` is False, kept.
    """
    summaries = list(data.map(ResponseSummary.of))
    units = _first_units(summaries, intercept)
    (gram, cross), total = data.sum(partial(_normal_equations, units))
    units = units._replace(line=pseudo_inverse(gram)[0] @ cross)
    # About that line, the sums over the exact rows are of small numbers.
    sums, squares = data.sum(partial(_sums_about_line, units))
    # A line through every response leaves no spread: their own takes its place.
    root = np.sqrt(squares / total)
    root = root if root > EXACT_FIT else 1.0
    units = units._replace(line=units.line / root, spread=units.spread * float(root))
    exact = ExactSums(sums.weight, sums.gram, sums.cross / root, sums.squares / root**2)
    counts = tuple(part.n_censored if summarise else part.n for part in summaries)
    return Prepared(units, gram, exact, sums.total, counts, summarise)


class ResponseSummary(NamedTuple):
    """What a block contributes to the units."""

    n: int
    n_censored: int
    weight: float
    columns: Scaling  #: mean and standard deviation of each
    mean: float  #: of the stand-ins of the responses
    ends: tuple[float, float]  #: smallest and largest of them

    @classmethod
    def of(cls, rows: Responses) -> "ResponseSummary":
        response, weight = rows.stand_in, rows.total_weight
        mean = response.mean() if rows.weight is None else rows.weight @ response / weight
        return cls(
            len(response),
            int(np.count_nonzero(rows.low < rows.high)),
            weight,
            measure_scaling(Rows(rows.X, rows.weight)),
            float(mean),
            (float(response.min()), float(response.max())),
        )


class NormalEquations(NamedTuple):
    """Least squares of the stand-ins of the responses."""

    gram: Array  #: (q, q)
    cross: Array  #: (q,)


class LineSums(NamedTuple):
    """`ExactSums`, and the weighted sum of the exact responses."""

    weight: float
    gram: Array
    cross: Array
    squares: float
    total: float  #: on the scale of the line


def _first_units(summaries: list[ResponseSummary], intercept: bool) -> Standardised:
    """Units with a first line of zeros."""
    weights = np.array([part.weight for part in summaries])
    shift, scale = _pooled(weights, [part.columns for part in summaries])
    if not intercept:  # about 0
        shift, scale = np.zeros_like(shift), np.hypot(shift, scale)
    means = [part.mean for part in summaries]
    centre = float(np.dot(weights, means) / weights.sum()) if intercept else 0.0
    peak = float(np.abs(np.array([part.ends for part in summaries]) - centre).max())
    line = np.zeros(len(shift) + int(intercept))
    scale = np.where(scale > 0.0, scale, 1.0)
    return Standardised(shift, scale, line, centre, peak or 1.0, intercept)


def _normal_equations(units: Standardised, rows: Responses) -> tuple[NormalEquations, float]:
    """Normal equations of a block, and its total weight."""
    q = len(units.line)
    gram, cross = np.zeros((q, q)), np.zeros(q)
    response = units.response(rows.stand_in)
    for part in steps(len(response)):
        design = units.design(rows.X[part])
        weighted = design if rows.weight is None else design * rows.weight[part, None]
        gram += weighted.T @ design
        cross += response[part] @ weighted
    return NormalEquations(gram, cross), rows.total_weight


def _sums_about_line(units: Standardised, rows: Responses) -> tuple[LineSums, float]:
    """Sums over the exact rows of a block, and the weighted squares of all, at their stand-ins."""
    line, q = units.line, len(units.line)
    weight, total, squares, squares_of_all = 0.0, 0.0, 0.0, 0.0
    gram, cross = np.zeros((q, q)), np.zeros(q)
    stand_in, exact = rows.stand_in, rows.low == rows.high
    for part in steps(len(exact)):
        design = units.design(rows.X[part])
        residual = units.response(stand_in[part]) - design @ line
        w = np.ones(len(design)) if rows.weight is None else rows.weight[part]
        squares_of_all += float(w @ residual**2)
        w = w * exact[part]
        weight += float(w.sum())
        total += float(w @ stand_in[part])
        share = np.sqrt(w)  # 0 for censored rows
        design *= share[:, None]
        residual *= share
        gram += design.T @ design
        cross += residual @ design
        squares += float(residual @ residual)
    return LineSums(weight, gram, cross, squares, total), squares_of_all


def _pooled(weights: Array, columns: list[Scaling]) -> Scaling:
    if len(columns) == 1:
        return columns[0]
    mean, spread = (np.array(values) for values in zip(*columns, strict=True))
    return pool(np.repeat(weights[:, None], mean.shape[1], axis=1), mean, spread)
