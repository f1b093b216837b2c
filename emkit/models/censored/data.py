r"""Data of a censored regression: rows with bounds, the first line, and residuals about it.

Everything known of the rows before the first step is told of blocks of them, or summed over these,
so that rows in memory, of which there may be one block, rows that are read anew at every pass, and
rows on a cluster go the same way.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from emkit._typing import Array
from emkit.models.rows import Rows, measure_scaling, pool
from emkit.numerics.gaussian import Scaling

__all__ = [
    "Blockwise",
    "ExactSums",
    "Prepared",
    "Residuals",
    "Responses",
    "Standardised",
    "prepare",
    "prepare_blocks",
    "pseudo_inverse",
    "steps",
    "thinned",
]

#: Eigenvalues of the Gram matrix this small beside the largest are rounding: the column is a
#: combination of others.
RANK = 1e-13
#: Spread about the first line, beside that of the responses, that is nothing but rounding.
EXACT_FIT = 1e-13
#: Rows worked on at a time, so that the arrays of a step stay in the cache.
STEP = 4096


class Responses(NamedTuple):
    """A block of rows, with bounds of their responses on the scale of the line."""

    X: Array  #: (n, p) as the user holds them
    low: Array  #: (n,)
    high: Array  #: (n,) equal to low where the response is exact
    weight: Array | None = None

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.weight is None else self.weight.sum())

    @property
    def stand_in(self) -> Array:
        """Exact responses; of censored ones the finite bound, or the middle of the two."""
        low, high = self.low, self.high
        return np.where(np.isinf(low), high, np.where(np.isinf(high), low, 0.5 * (low + high)))


class Blockwise(Protocol):
    """Data in blocks, wherever these lie."""

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        """What a function gives for every block, and one of each of the values, in order."""

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        """Sum over the blocks of the statistics and numbers that a step gives."""


class Undivided(NamedTuple):
    """Data in one block, as such in several."""

    block: Any

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        return map(function, (self.block,), *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        return step(self.block)


class Standardised(NamedTuple):
    """Units of the fit: columns centred and scaled, responses about a first line."""

    shift: Array  #: (p,) of the columns
    scale: Array  #: (p,)
    line: Array  #: (q,) first coefficients, of standardised columns, in units of ``spread``
    centre: float  #: of the responses
    spread: float  #: of the responses about the first line
    intercept: bool

    def design(self, X: Array) -> Array:
        """Standardised columns (n, q), with ones in front if there is an intercept."""
        out = np.empty((len(X), len(self.line)))
        lead = int(self.intercept)
        out[:, :lead] = 1.0
        np.subtract(X, self.shift, out=out[:, lead:])
        out[:, lead:] /= self.scale
        return out

    def response(self, values: Array) -> Array:
        """Responses in units of the fit, the first line not taken off."""
        return (values - self.centre) / self.spread

    def to_user(self, coef: Array, log_scale: Array) -> tuple[Array, float, float]:
        """Coefficients (p,), intercept and scale in the user's units."""
        lead = int(self.intercept)
        coef = self.spread * (self.line + coef)
        slopes = coef[lead:] / self.scale
        intercept = self.centre - float(slopes @ self.shift)
        if lead:
            intercept += float(coef[0])
        return slopes, intercept, self.spread * float(np.exp(log_scale))


class ExactSums(NamedTuple):
    """What exact rows say of the line, about the first one."""

    weight: float  #: total weight
    gram: Array  #: (q, q)
    cross: Array  #: (q,) design' response
    squares: float  #: sum of squares of the responses

    @classmethod
    def none(cls, q: int) -> "ExactSums":
        return cls(0.0, np.zeros((q, q)), np.zeros(q), 0.0)

    def part(self, every: int) -> "ExactSums":
        """As of one row in so many."""
        weight, gram, cross, squares = self
        return ExactSums(weight / every, gram / every, cross / every, squares / every)


class Residuals(NamedTuple):
    """A block of the data of a fit, about the first line and in units of the spread about it."""

    design: Array  #: (m, q) of the censored rows
    low: Array  #: (m,)
    high: Array  #: (m,)
    width: Array  #: (m,) high - low, where these two would cancel
    weight: Array | None  #: (m,)
    exact: ExactSums

    def encloses(self, coef: Array) -> bool:
        """Whether a line passes within all bounds."""
        fitted = self.design @ coef
        return bool(((self.low < fitted) & (fitted < self.high)).all())

    def take(self, rows: slice) -> "Residuals":
        """Copies of some of the censored rows: views would keep the whole block."""
        return self._replace(
            design=self.design[rows].copy(),
            low=self.low[rows].copy(),
            high=self.high[rows].copy(),
            width=self.width[rows].copy(),
            weight=None if self.weight is None else self.weight[rows].copy(),
        )


class Prepared(NamedTuple):
    """What is known of all rows before the first step."""

    units: Standardised
    gram: Array  #: (q, q) Gram matrix
    exact: ExactSums
    exact_total: float  #: weighted sum of the exact responses, on the scale of the line
    counts: tuple[int, ...]  #: rows of every block that an E-step goes over
    summarise: bool  #: whether exact rows are no more than their sums

    def residuals(self, rows: Responses, with_sums: bool = True) -> Residuals:
        """Data of a block, with the sums of all exact rows, which one block must have, or none."""
        units, exact = self.units, self.exact
        kept = np.flatnonzero(rows.low < rows.high) if self.summarise else np.arange(len(rows.X))
        # Sorted by kind: a tile of one kind goes the shorter way.
        kind = np.isinf(rows.low[kept]).astype(np.int8) - np.isinf(rows.high[kept])
        kept = kept[np.argsort(kind, kind="stable")]
        design = np.empty((len(kept), len(units.line)))
        for part in steps(len(kept)):
            design[part] = units.design(np.take(rows.X, kept[part], axis=0))
        low, high = rows.low[kept], rows.high[kept]
        fitted = design @ units.line
        return Residuals(
            design,
            units.response(low) - fitted,
            units.response(high) - fitted,
            (high - low) / units.spread,
            None if rows.weight is None else rows.weight[kept],
            exact if with_sums else ExactSums.none(len(units.line)),
        )


def thinned(data: Blockwise, counts: Sequence[int], every: int) -> Residuals:
    """One row of so many, with as large a part of the exact rows' sums."""
    starts = (every // 2 - np.cumsum([0, *counts[:-1]])) % every
    parts = list(data.map(partial(_thinned, every), starts.tolist()))
    first = parts[0]
    if len(parts) == 1:
        return first._replace(exact=first.exact.part(every))
    return Residuals(
        np.concatenate([part.design for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.width for part in parts]),
        None if first.weight is None else np.concatenate([part.weight for part in parts]),
        first.exact.part(every),
    )


def _thinned(every: int, block: Residuals, start: int) -> Residuals:
    return block.take(slice(start, None, every))


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
    """What is known of all rows, blocks of `Responses`, before the first step, in three passes.

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
    """What the units are made of, of a block."""

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
    """Units without a line as yet."""
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
    """And the total weight."""
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
    """And the weighted sum of all squares, at their stand-ins."""
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


def steps(n: int) -> Iterator[slice]:
    return (slice(start, min(start + STEP, n)) for start in range(0, n, STEP))


def pseudo_inverse(gram: Array) -> tuple[Array, int]:
    """Inverse of a Gram matrix over the directions that it sees, and their number."""
    values, vectors = np.linalg.eigh(gram)
    seen = values > RANK * max(values[-1], np.finfo(float).tiny)
    vectors = vectors[:, seen]
    return (vectors / values[seen]) @ vectors.T, int(seen.sum())
