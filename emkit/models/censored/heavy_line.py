r"""A line that many rows lie on, and a law with heavy tails that does not mind the others.

With a density that falls as :math:`|z|^{-(\nu + 1)}`, such as Student's t, a row off the line costs
:math:`\nu \log(1/s)` as the scale s goes to 0, and an exact row on it gains :math:`\log(1/s)`. So
the likelihood has no finite maximum where the rows on some line weigh more than :math:`\nu` times
those that it misses: more than :math:`\nu / (1 + \nu)` of both. Such a line is looked for through
few rows drawn at random (Fischler & Bolles, 1981): where it is to be feared, few draws find it.
Where they do not, as with many columns, a climb that goes there shows which rows are on it.
A row that came under observation above the line costs nothing: given that, its tail is a power law.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, Prepared, Responses
from emkit.models.censored.existence import Fitted, Rows, collapsing_line, free_columns
from emkit.models.censored.line import LineParams
from emkit.models.censored.residuals import EXACT, ExactSums, Residuals
from emkit.models.censored.standardised import Standardised

__all__ = ["HeavyLine", "heaviest_line", "heavy_line_near", "weigh"]

#: Chance to miss a line that matters, and most lines that are drawn.
MISSED_CHANCE, MOST_DRAWS = 1e-6, 500
#: Exact rows, and censored ones, that lines are drawn through and judged by.
SAMPLE_ROWS = 2000
#: Makes a row come after all others, whatever their weights are.
SET_BACK = 1e4
#: Distance from a line drawn through few rows, in units of the fit, at which a row may lie on it.
ON_LINE = 1e-7
#: Rows within so many scales of a line are those that may lie on one beside it.
REACHES = (0.3, 3.0)


class HeavyLine(NamedTuple):
    """A line, and how it divides the rows."""

    line: Array  #: (q,) all of its coefficients, none about the first line
    ratio: float  #: weight of the exact rows on it, over that of the rows that it misses


class Sample(NamedTuple):
    """Some rows of a block."""

    design: Array  #: (m, q)
    low: Array  #: (m,)
    high: Array  #: (m,) equal to low where the response is exact
    weight: Array  #: (m,)
    entry: Array  #: (m,) -inf where there is none

    @classmethod
    def of(cls, units: Standardised, size: int, rows: Responses) -> "Sample":
        kinds = np.flatnonzero(rows.exact), np.flatnonzero(~rows.exact)
        chosen = np.concatenate([kind[:: max(len(kind) // size, 1)] for kind in kinds])
        weight = np.ones(len(chosen)) if rows.weight is None else rows.weight[chosen]
        low, high = units.response(rows.least[chosen]), units.response(rows.high[chosen])
        entry = np.full(len(low), -np.inf)
        if rows.entry is not None:
            entry = units.response(rows.entry[chosen])
        return cls(units.design(rows.X[chosen]), low, high, weight, entry)

    @property
    def exact(self) -> NDArray[np.bool_]:
        return self.low == self.high

    def about(self, line: Array, free: slice) -> "Sample":
        """In the free coefficients alone, about a line."""
        value = self.design @ line
        ends = self.low - value, self.high - value
        return Sample(self.design[:, free], *ends, self.weight, self.entry - value)


def heaviest_line(
    data: Blockwise, prepared: Prepared, penalised: bool, tail: float
) -> HeavyLine | None:
    """A line with more than ``tail`` times the weight of what it misses, where there is one."""
    units = prepared.units
    share = max(SAMPLE_ROWS // max(len(prepared.counts), 1), 1)
    parts = list(data.map(partial(Sample.of, units, share)))
    sample = Sample(*map(np.concatenate, zip(*parts, strict=True)))
    line = np.zeros_like(units.line) if penalised else units.line.copy()
    free = free_columns(units, penalised)
    if not sample.exact.any():
        return None
    line[free] += _drawn(sample.about(line, free), tail)
    found = HeavyLine(line, weigh(data, units, line))
    return found if found.ratio > tail else None


def weigh(data: Blockwise, units: Standardised, line: Array) -> float:
    """Weight of the exact rows on a line, over that of the rows that it misses."""
    on, off = 0.0, 0.0
    for part_on, part_off in data.map(partial(_weights, units, line)):
        on, off = on + part_on, off + part_off
    return on / off if off > 0.0 else np.inf if on > 0.0 else 0.0


def _weights(units: Standardised, line: Array, rows: Rows) -> tuple[float, float]:
    beside = Fitted.of(units, rows, line)
    kept = beside.excess == 0.0
    missed = ~kept
    if rows.entry is not None:
        entry = rows.entry
        if isinstance(rows, Residuals):
            entry = entry + rows.design @ units.line
        else:
            entry = units.response(entry)
        missed &= beside.value >= entry
    on, off = beside.weight[kept & beside.exact], beside.weight[missed]
    return float(on.sum()), float(off.sum())


def heavy_line_near(
    data: Blockwise, prepared: Prepared, penalised: bool, params: LineParams
) -> HeavyLine | None:
    """The heaviest line through all rows that are few scales from another one, if there is any.

    A climb shows which rows these are long before its scale is nothing. Data are residuals.
    """
    lines = (
        _line_through(_NearRows(data, params, reach), prepared, penalised) for reach in REACHES
    )
    found = [
        HeavyLine(line, weigh(data, prepared.units, line)) for line in lines if line is not None
    ]
    return max(found, key=lambda heavy: heavy.ratio, default=None)


class _NearRows(NamedTuple):
    """Residuals, without those of rows that are far from a line."""

    data: Blockwise
    params: LineParams
    reach: float  #: in scales

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        return self.data.map(partial(_of_near, self.params, self.reach, function), *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        return self.data.sum(partial(_of_near, self.params, self.reach, step))


def _of_near(
    params: LineParams, reach: float, function: Callable[..., Any], block: Residuals, *values: Any
) -> Any:
    """What a function gives for the rows of a block that are near the line."""
    fitted, width = block.design @ params.coef, reach * np.exp(params.log_scale)
    low, high, _ = block.bounds()
    near = (low - width <= fitted) & (fitted <= high + width)
    return function(block.take(near), *values)


def _line_through(near: _NearRows, prepared: Prepared, penalised: bool) -> Array | None:
    """A line through all of some rows, within their bounds where they are not exact."""
    exact = near.sum(_exact_sums)[0]
    if exact.weight == 0.0:
        return None
    return collapsing_line(near, prepared._replace(exact=exact), penalised)


def _exact_sums(block: Residuals) -> tuple[ExactSums, float]:
    exact = block.kind == EXACT
    design, response = block.design[exact], block.point[exact]
    weight = np.ones(len(design)) if block.weight is None else block.weight[exact]
    weighted = design * weight[:, None]
    sums = weighted.T @ design, response @ weighted, float(weight @ response**2)
    return ExactSums(float(weight.sum()), *sums), 0.0


def _drawn(sample: Sample, tail: float) -> Array:
    """Coefficients of the likeliest of some lines drawn at random, settled on its rows."""
    q = sample.design.shape[1]
    if not q:
        return np.zeros(0)
    n_draws, rng = _n_draws(int(sample.exact.sum()), q, tail), np.random.default_rng(0)
    rows = _rows_drawn(sample, q, n_draws, rng)
    if (sample.entry > -np.inf).any():  # one early response may be all that its line has to keep
        early = np.flatnonzero(sample.exact)[np.argsort(sample.low[sample.exact])][:n_draws]
        rows = np.concatenate([rows, np.repeat(early[:, None], rows.shape[1], axis=1)])
    # Through an exact response, or through a bound: a line may lie as far out as that.
    ends = np.where(np.isfinite(sample.low), sample.low, sample.high)
    other = (rng.random(rows.shape) < 0.5) & np.isfinite(sample.high[rows])
    points = np.where(other, sample.high[rows], ends[rows])
    design = sample.design[rows]
    lines = (np.linalg.pinv(design, rcond=1e-10) @ points[..., None])[..., 0]
    fitted = lines @ sample.design.T
    kept = (fitted >= sample.low - ON_LINE) & (fitted <= sample.high + ON_LINE)
    on = kept[:, sample.exact] @ sample.weight[sample.exact]
    missed = ~kept & (fitted >= sample.entry)
    best = int(np.argmax(on / tail - missed @ sample.weight))
    near = kept[best] & sample.exact
    design = np.concatenate([sample.design[near], design[best]])
    points, line = np.concatenate([sample.low[near], points[best]]), lines[best]
    for _ in range(2):  # the second about the first, so that less is rounded
        line = line + np.linalg.lstsq(design, points - design @ line, rcond=1e-13)[0]
    return line


def _n_draws(n: int, q: int, tail: float) -> int:
    """Draws of which one has, as good as surely, q of the rows on a line that matters, of n exact.

    Every other draw is of exact rows.
    """
    left = np.arange(min(q, n))
    on = max(np.floor(tail / (1.0 + tail) * n) + 1.0, len(left))
    chance = float(np.prod((on - left) / (n - left)))
    return int(np.clip(2.0 * np.log(MISSED_CHANCE) / np.log1p(-min(chance, 0.99)), 20, MOST_DRAWS))


def _rows_drawn(sample: Sample, q: int, n_draws: int, rng: np.random.Generator) -> Any:
    """Rows (draws, q) that lines are drawn through, each once, heavy ones more often.

    In half of the draws exact ones come first, in the others bounds are as welcome.
    """
    q = min(q, len(sample.weight))
    with np.errstate(divide="ignore"):
        keys = np.log(sample.weight) + rng.gumbel(size=(n_draws, len(sample.weight)))
    keys[::2, ~sample.exact] -= SET_BACK
    return np.argpartition(-keys, q - 1, axis=1)[:, :q]
