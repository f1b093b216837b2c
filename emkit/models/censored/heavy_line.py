r"""A line that many rows lie on, and a law with heavy tails that does not mind the others.

With a density that falls as :math:`|z|^{-(\nu + 1)}`, such as Student's t, a row off the line costs
:math:`\nu \log(1/s)` as the scale s goes to 0, and an exact row on it gains :math:`\log(1/s)`. So
the likelihood has no finite maximum where the rows on some line weigh more than :math:`\nu` times
those that it misses: more than :math:`\nu / (1 + \nu)` of both. Such a line is looked for through
few rows drawn at random (Fischler & Bolles, 1981): where it is to be feared, few draws find it.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, Prepared, Responses, Standardised
from emkit.models.censored.existence import Fitted, free_columns

__all__ = ["HeavyLine", "heaviest_line", "weigh"]

#: Chance to miss a line that matters, and most lines that are drawn.
MISSED, MOST_DRAWS = 1e-6, 500
#: Exact rows that lines are drawn through.
SAMPLE = 2000
#: Distance from a line drawn through few rows, in units of the fit, at which a row may lie on it.
NEAR = 1e-7


class HeavyLine(NamedTuple):
    """A line, and how it divides the rows."""

    line: Array  #: (q,) all of its coefficients, none about the first line
    ratio: float  #: weight of the exact rows on it, over that of the rows that it misses


class Sample(NamedTuple):
    """Exact rows of a block."""

    design: Array  #: (m, q)
    response: Array  #: (m,)
    weight: Array  #: (m,)

    @classmethod
    def of(cls, units: Standardised, size: int, rows: Responses) -> "Sample":
        exact = np.flatnonzero(rows.exact)
        chosen = exact[:: max(len(exact) // size, 1)]
        weight = np.ones(len(chosen)) if rows.weight is None else rows.weight[chosen]
        return cls(units.design(rows.X[chosen]), units.response(rows.low[chosen]), weight)


def heaviest_line(
    data: Blockwise, prepared: Prepared, penalised: bool, tail: float
) -> HeavyLine | None:
    """A line with more than ``tail`` times the weight of what it misses, where there is one."""
    units = prepared.units
    share = max(SAMPLE // max(len(prepared.counts), 1), 1)
    parts = list(data.map(partial(Sample.of, units, share)))
    sample = Sample(*map(np.concatenate, zip(*parts, strict=True)))
    line = np.zeros_like(units.line) if penalised else units.line.copy()
    free = free_columns(units, penalised)
    if not len(sample.weight):
        return None
    line[free] += _drawn(
        sample.design[:, free], sample.response - sample.design @ line, sample.weight, tail
    )
    found = HeavyLine(line, weigh(data, units, line))
    return found if found.ratio > tail else None


def weigh(data: Blockwise, units: Standardised, line: Array) -> float:
    """Weight of the exact rows on a line, over that of the rows that it misses."""
    on, off = 0.0, 0.0
    for part_on, part_off in data.map(partial(_weights, units, line)):
        on, off = on + part_on, off + part_off
    return on / off if off > 0.0 else np.inf if on > 0.0 else 0.0


def _weights(units: Standardised, line: Array, rows: Responses) -> tuple[float, float]:
    kept = Fitted.of(units, rows, line).excess == 0.0
    weight = np.ones(len(kept)) if rows.weight is None else rows.weight
    return float(weight[kept & rows.exact].sum()), float(weight[~kept].sum())


def _drawn(design: Array, response: Array, weight: Array, tail: float) -> Array:
    """Coefficients of the line that most weight of a sample lies near, settled on these rows."""
    q = design.shape[1]
    if not q:
        return np.zeros(0)
    chance = max((tail / (1.0 + tail)) ** q, 1e-12)
    n_draws = int(np.clip(np.log(MISSED) / np.log1p(-min(chance, 0.99)), 3, MOST_DRAWS))
    rng = np.random.default_rng(0)
    cumulated = np.cumsum(weight)
    drawn = np.searchsorted(cumulated, rng.random((n_draws, q)) * cumulated[-1], side="right")
    drawn = np.minimum(drawn, len(weight) - 1)
    lines = (np.linalg.pinv(design[drawn], rcond=1e-10) @ response[drawn][..., None])[..., 0]
    near = np.abs(response - lines @ design.T) <= NEAR
    heaviest = int(np.argmax(near @ weight))
    line, rows = lines[heaviest], near[heaviest]
    for _ in range(2):  # the second about the first, so that less is rounded
        left = response[rows] - design[rows] @ line
        line = line + np.linalg.lstsq(design[rows], left, rcond=1e-13)[0]
    return line
