"""Units and first line of a censored regression: what is known of the rows before the first step.

All of it is gathered from blocks or summed over them, so that rows in memory, rows that are read
anew at every pass, and rows on a cluster go the same way.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.basis import Turn, principal, settled, without_constants
from emkit.models.censored.data import (
    Blockwise,
    ExactSums,
    Prepared,
    Residuals,
    Responses,
    Standardised,
    pseudo_inverse,
    steps,
    whitening,
)
from emkit.models.censored.strata import Strata
from emkit.models.censored.units import ResponseRange, ResponseSample
from emkit.models.rows import Rows, measure_scaling, pool
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import Scaling

__all__ = ["Undivided", "prepare", "prepare_blocks"]

#: A response is known to so many roundings of it.
ROUNDINGS = 8.0
#: A row is sharp where its bounds are so near, in deviations of the responses, or one and the same.
SHARP_WIDTH = 1e-3
#: Sharp rows alone show the line where they see every direction at least so well as all rows.
SEEN_PART = 1e-8
#: Squares about a line, as part of those about 0, from which on their difference has its digits.
KEPT_SQUARES = 1e-3


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
    columns = None if strata is None else strata.line
    summaries = list(data.map(partial(ResponseSummary.of, strata)))
    delayed = any(part.delayed for part in summaries)
    summarise = summarise and not delayed and strata is None
    sample = ResponseSample.pooled([part.responses for part in summaries])
    where = ResponseRange.of(sample)
    units = _first_units(summaries, where, intercept, heavy_tails, columns)
    target = Target(where, heavy_tails)
    equations, units, turned, weight = _equations(data, units, target, penalised, turn)
    lines = equations.lines()
    units = units._replace(line=lines[-1])
    about = None if summarise else equations.about(lines)
    if about is None:
        about, _ = data.sum(partial(_sums_about_lines, units, lines, target))
    sums, squares, sharp = about
    spreads = np.sqrt(squares / weight)
    rounding = ROUNDINGS * EPS * (1.0 + abs(where.centre) / units.spread)
    # A line through every response leaves no spread: their own takes its place.
    shown = np.sqrt(sharp[0] / sharp[1]) if equations.shows_line else 0.0
    root = next((float(spread) for spread in (shown, spreads[-1]) if spread > rounding), 1.0)
    starts = tuple(
        ((line - units.line) / root, float(np.log(spread / root)) if spread > rounding else 0.0)
        for line, spread in zip(lines[:-1], spreads, strict=False)
        if np.isfinite(spread)
    )
    return Prepared(
        units._replace(line=units.line / root, spread=units.spread * root),
        equations.gram,
        turned.rank,
        turned.unseen,
        starts,
        sum(part.n for part in summaries),
        weight,
        rounding / root,
        ExactSums(sums.weight, sums.gram, sums.cross / root, sums.squares / root**2),
        sums.total,
        tuple(part.n_censored if summarise else part.n for part in summaries),
        summarise,
        delayed,
        strata,
        sum(part.of_strata for part in summaries) / weight,
        (sample.lowest_high, sample.highest_low),
    )


class ResponseSummary(NamedTuple):
    """What a block contributes to the units."""

    n: int
    n_censored: int
    weight: float
    columns: Scaling  #: mean and standard deviation of each
    responses: ResponseSample
    delayed: bool  #: whether some rows have an entry
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
            measure_scaling(Rows(rows.X, rows.weight)),
            ResponseSample.of(rows.low, rows.high, rows.weight),
            rows.entry is not None,
            of_strata,
        )


class Target(NamedTuple):
    """What least squares takes for the responses."""

    where: ResponseRange
    drawn_in: bool  #: whether outliers are drawn in

    def values(self, units: Standardised, rows: Responses) -> tuple[Array, Array]:
        """Stand-ins of the responses, and these drawn in if they are to be, in units."""
        plain = self.where.stand_in(rows.low, rows.high)
        values = units.response(plain)
        if not self.drawn_in:
            return values, values
        return values, units.response(np.clip(plain, *self.where.fence))

    def sharp(self, rows: Responses) -> NDArray[np.bool_]:
        """Rows that show where the line is."""
        with np.errstate(invalid="ignore"):  # inf - inf
            return rows.exact | (rows.high - rows.low <= SHARP_WIDTH * self.where.deviation)


class Moments(NamedTuple):
    """Sums of the responses alone, with weights."""

    squares: Array  #: () of the stand-ins of all rows
    sharp_squares: Array  #: () of the sharp rows
    sharp: Array  #: () weight of these
    narrow: Array  #: () weight of those of them that are not exact
    total: Array  #: () sum of the exact responses, on the scale of the line


class NormalEquations(NamedTuple):
    """Least squares of the stand-ins of the responses, of all rows and of the sharp ones."""

    gram: Array  #: (q, q)
    cross: Array  #: (q,)
    drawn_in: Array  #: (q,) cross of responses drawn in
    sharp_gram: Array  #: (q, q)
    sharp_cross: Array  #: (q,) of responses drawn in
    moments: Moments

    def changed(self, change: Array) -> "NormalEquations":
        """Those of combinations of columns."""
        turned = (change.T @ part for part in self[:-1])
        parts: list[Any] = [part @ change if part.ndim == 2 else part for part in turned]
        return NormalEquations._make([*parts, self.moments])

    @property
    def shows_line(self) -> bool:
        """Whether the sharp rows see every direction that all rows see."""
        white = whitening(self.gram)
        values = np.linalg.eigvalsh(white.T @ self.sharp_gram @ white)
        return bool(len(values) and values[0] > SEEN_PART * values[-1])

    def lines(self) -> list[Array]:
        """Where to start, and at last the line that residuals are taken about."""
        inverse = pseudo_inverse(self.gram)[0]
        lines = [inverse @ self.cross]
        if not np.array_equal(self.cross, self.drawn_in):
            lines.append(inverse @ self.drawn_in)
        sharp = pseudo_inverse(self.sharp_gram)[0] @ self.sharp_cross
        return [*lines, sharp if self.shows_line else lines[-1]]

    def about(self, lines: list[Array]) -> "AboutLines | None":
        """Sums about the lines, where these sums show them: without a pass over the rows.

        Differences of squares must keep their digits, the exact rows be the sharp ones, and no
        response be drawn in.
        """
        moments = self.moments
        if len(lines) > 2 or moments.narrow > 0.0:
            return None
        squares = [_about(line, self.gram, self.cross, moments.squares) for line in lines]
        left = _about(lines[-1], self.sharp_gram, self.sharp_cross, moments.sharp_squares)
        if min(squares) < KEPT_SQUARES * moments.squares or (
            left < KEPT_SQUARES * moments.sharp_squares
        ):
            return None
        cross = self.sharp_cross - self.sharp_gram @ lines[-1]
        weight, total = float(moments.sharp), float(moments.total)
        exact = LineSums(weight, self.sharp_gram, cross, left, total)
        return AboutLines(exact, np.array(squares), np.array([left, weight]))


class AboutLines(NamedTuple):
    """Sums of squares about some lines."""

    exact: "LineSums"
    squares: Array  #: (k,) of all stand-ins, about each line
    sharp: Array  #: (2,) of the sharp rows about the last line, and their weight


class LineSums(NamedTuple):
    """`ExactSums`, and the weighted sum of the exact responses."""

    weight: float
    gram: Array  #: (q, q)
    cross: Array  #: (q,)
    squares: float
    total: float  #: on the scale of the line


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
    equations, weight = data.sum(partial(_normal_equations, units, target))
    turn = without_constants(units, equations.gram)
    if len(turn.change) > turn.rank:
        units, equations = units.turned(turn.change), equations.changed(turn.change)
    directions = principal(units, equations.gram / weight) if may_turn else None
    if directions is not None:
        units = units.turned(directions)
        equations, weight = data.sum(partial(_normal_equations, units, target))
        turn = settled(units, equations.gram / weight, penalised)
        units, equations = units.turned(turn.change), equations.changed(turn.change)
    return equations, units, turn, weight


def _normal_equations(
    units: Standardised, target: Target, rows: Responses
) -> tuple[NormalEquations, float]:
    """Normal equations of a block, and its total weight."""
    q = len(units.line)
    gram, sharp_gram = np.zeros((2, q, q))
    cross, drawn_in, sharp_cross = np.zeros((3, q))
    moments = np.zeros(len(Moments._fields))
    for part in steps(len(rows.X)):
        tile = rows.part(part)
        plain, near = target.values(units, tile)
        design, sharp = units.design(tile.X), target.sharp(tile)
        weighted = design if tile.weight is None else design * tile.weight[:, None]
        cross += plain @ weighted
        if target.drawn_in:
            drawn_in += near @ weighted
        sharp_cross += np.where(sharp, near, 0.0) @ weighted
        # Every row in one of two products: the Gram matrix of all rows is their sum.
        for chosen, into in (np.flatnonzero(sharp), sharp_gram), (np.flatnonzero(~sharp), gram):
            if len(chosen):
                few = np.take(design, chosen, axis=0)
                into += (few if tile.weight is None else np.take(weighted, chosen, axis=0)).T @ few
        moments += _moments(tile, plain, near, sharp)
    if not target.drawn_in:
        drawn_in = cross.copy()
    sums = Moments(*map(np.asarray, moments))
    equations = NormalEquations(gram + sharp_gram, cross, drawn_in, sharp_gram, sharp_cross, sums)
    return equations, rows.total_weight


def _moments(
    rows: Responses, plain: Array, near: Array, sharp: NDArray[np.bool_]
) -> tuple[Any, ...]:
    """What some rows add to the `Moments`."""
    exact = rows.exact
    w = np.ones(len(plain)) if rows.weight is None else rows.weight
    of_sharp, of_exact = w * sharp, w * exact
    with np.errstate(over="ignore"):
        squares = w @ plain**2, of_sharp @ near**2
    narrow = w @ (sharp & ~exact)
    return *squares, of_sharp.sum(), narrow, of_exact @ np.where(exact, rows.low, 0.0)


def _about(line: Array, gram: Array, cross: Array, squares: Array) -> float:
    """Sum of squares about a line."""
    return float(squares - line @ (2.0 * cross - gram @ line))


def _sums_about_lines(
    units: Standardised, lines: list[Array], target: Target, rows: Responses
) -> tuple[AboutLines, float]:
    """Sums over the exact rows of a block, and weighted squares of all about each of the lines.

    Those about the first line are of the stand-ins themselves, all others of those drawn in.
    """
    q = len(units.line)
    weight, total, squares, of_all = 0.0, 0.0, 0.0, np.zeros(len(lines))
    gram, cross, of_sharp = np.zeros((q, q)), np.zeros(q), np.zeros(2)
    plain, near = target.values(units, rows)
    all_sharp = target.sharp(rows)
    for part in steps(len(plain)):
        design = units.design(rows.X[part])
        w = np.ones(len(design)) if rows.weight is None else rows.weight[part]
        away = (
            np.stack([plain[part], *[near[part]] * (len(lines) - 1)]) - np.stack(lines) @ design.T
        )
        with np.errstate(over="ignore"):
            of_all += away**2 @ w
        residual, exact = away[-1], rows.exact[part]
        of_sharp += [(w * all_sharp[part]) @ residual**2, w @ all_sharp[part]]
        w = w * exact
        weight += float(w.sum())
        total += float(w[exact] @ rows.low[part][exact])
        share = np.sqrt(w)  # 0 for censored rows
        design *= share[:, None]
        residual = residual * share
        gram += design.T @ design
        cross += residual @ design
        squares += float(residual @ residual)
    return AboutLines(LineSums(weight, gram, cross, squares, total), of_all, of_sharp), 0.0


def _pooled(weights: Array, columns: list[Scaling]) -> Scaling:
    if len(columns) == 1:
        return columns[0]
    mean, spread = (np.array(values) for values in zip(*columns, strict=True))
    return pool(np.repeat(weights[:, None], mean.shape[1], axis=1), mean, spread)
