r"""Data of a censored regression: rows with bounds, the first line, and residuals about it.

Everything known of the rows before the first step is a sum over blocks of them, so that rows in
memory, of which there may be one block, and rows that are read anew at every pass go the same way.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.rows import Rows, measure_spread, pool
from emkit.numerics.gaussian import Units

__all__ = [
    "ExactSums",
    "Prepared",
    "ResidualBlocks",
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
    n_rows: int  #: rows that an E-step goes over
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


class ResidualBlocks(Sequence[Residuals]):
    """Residuals of blocks of rows in memory, worked out whenever they are asked for."""

    def __init__(self, blocks: Sequence[Responses], prepared: Prepared):
        self.blocks, self.prepared = blocks, prepared

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, i: Any) -> Any:
        return self.prepared.residuals(self.blocks[i], with_sums=i == 0)


def thinned(blocks: Iterable[Residuals], every: int) -> Residuals:
    """One row of so many, with as large a part of the exact rows' sums."""
    parts, start = [], every // 2
    for block in blocks:
        parts.append(block.take(slice(start, None, every)))
        start = (start - len(block.design)) % every
    first = parts[0]
    return Residuals(
        np.concatenate([part.design for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.width for part in parts]),
        None if first.weight is None else np.concatenate([part.weight for part in parts]),
        first.exact.part(every),
    )


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
    prepared = prepare_blocks([rows], intercept, summarise=summarise)
    return prepared.residuals(rows), prepared.units, prepared.gram


def prepare_blocks(
    blocks: Iterable[Responses], intercept: bool, *, summarise: bool = True
) -> Prepared:
    """What is known of all rows before the first step, in three passes.

    The first line is least squares with each censored response at its finite bound, or in the
    middle of its two. Exact rows are summed up, or, where ``summarise`` is False, kept.
    """
    units, total = _first_units(blocks, intercept)
    units, gram = _first_line(blocks, units)
    line, q = units.line, len(units.line)
    # About that line, the sums over the exact rows are of small numbers.
    squares_of_all, exact_total, n_rows = 0.0, 0.0, 0
    weight, gram_exact, cross, squares = 0.0, np.zeros((q, q)), np.zeros(q), 0.0
    for rows in blocks:
        stand_in, exact = rows.stand_in, rows.low == rows.high
        n_rows += len(exact) - int(exact.sum() if summarise else 0)
        for part in steps(len(exact)):
            design = units.design(rows.X[part])
            residual = units.response(stand_in[part]) - design @ line
            w = np.ones(len(design)) if rows.weight is None else rows.weight[part]
            squares_of_all += float(w @ residual**2)
            w = w * exact[part]
            weight += float(w.sum())
            exact_total += float(w @ stand_in[part])
            share = np.sqrt(w)  # 0 for censored rows
            design *= share[:, None]
            residual *= share
            gram_exact += design.T @ design
            cross += residual @ design
            squares += float(residual @ residual)
    # A line through every response leaves no spread: their own takes its place.
    root = np.sqrt(squares_of_all / total)
    root = root if root > EXACT_FIT else 1.0
    units = units._replace(line=line / root, spread=units.spread * float(root))
    sums = ExactSums(weight, gram_exact, cross / root, squares / root**2)
    return Prepared(units, gram, sums, exact_total, n_rows, summarise)


def _first_units(blocks: Iterable[Responses], intercept: bool) -> tuple[Standardised, float]:
    """Units without a line as yet, and the total weight."""
    weights, columns, means, ends = [], [], [], []
    for rows in blocks:
        response, weight = rows.stand_in, rows.total_weight
        weights.append(weight)
        columns.append(measure_spread(Rows(rows.X, rows.weight)))
        means.append(response.mean() if rows.weight is None else rows.weight @ response / weight)
        ends.append((response.min(), response.max()))
    shift, scale = _pooled(np.array(weights), columns)
    if not intercept:  # about 0
        shift, scale = np.zeros_like(shift), np.hypot(shift, scale)
    total = float(np.sum(weights))
    centre = float(np.dot(weights, means) / total) if intercept else 0.0
    peak = float(np.abs(np.array(ends) - centre).max())
    line = np.zeros(len(shift) + int(intercept))
    scale = np.where(scale > 0.0, scale, 1.0)
    return Standardised(shift, scale, line, centre, peak or 1.0, intercept), total


def _pooled(weights: Array, columns: list[Units]) -> Units:
    if len(columns) == 1:
        return columns[0]
    mean, spread = (np.array(values) for values in zip(*columns, strict=True))
    return pool(np.repeat(weights[:, None], mean.shape[1], axis=1), mean, spread)


def _first_line(blocks: Iterable[Responses], units: Standardised) -> tuple[Standardised, Array]:
    """Units with the least-squares line, and the Gram matrix of the rows."""
    q = len(units.line)
    gram, cross = np.zeros((q, q)), np.zeros(q)
    for rows in blocks:
        response = units.response(rows.stand_in)
        for part in steps(len(response)):
            design = units.design(rows.X[part])
            weighted = design if rows.weight is None else design * rows.weight[part, None]
            gram += weighted.T @ design
            cross += response[part] @ weighted
    return units._replace(line=pseudo_inverse(gram)[0] @ cross), gram


def steps(n: int) -> Iterator[slice]:
    return (slice(start, min(start + STEP, n)) for start in range(0, n, STEP))


def pseudo_inverse(gram: Array) -> tuple[Array, int]:
    """Inverse of a Gram matrix over the directions that it sees, and their number."""
    values, vectors = np.linalg.eigh(gram)
    seen = values > RANK * max(values[-1], np.finfo(float).tiny)
    vectors = vectors[:, seen]
    return (vectors / values[seen]) @ vectors.T, int(seen.sum())
