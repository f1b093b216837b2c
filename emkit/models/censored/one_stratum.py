"""Rows of one stratum: their scale may go to 0 about a line on its own."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, Prepared, Responses
from emkit.models.censored.residuals import ExactSums
from emkit.models.censored.standardised import Standardised
from emkit.models.censored.strata import Strata

__all__ = ["OneStratum", "exact_of_strata"]


class OneStratum(NamedTuple):
    """Data in blocks, with the rows of one stratum alone: `Blockwise`."""

    data: Blockwise
    strata: Strata
    number: int

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        return self.data.map(partial(_of_part, self.strata, self.number, function), *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        return self.data.sum(partial(_of_part, self.strata, self.number, step))


def _of_part(
    strata: Strata, number: int, function: Callable[..., Any], rows: Responses, *values: Any
) -> Any:
    """What a function gives for the rows of a block that are of a stratum."""
    chosen = strata.codes(rows.X) == number
    X, low, high, *more = (None if part is None else part[chosen] for part in rows)
    assert X is not None and low is not None and high is not None
    return function(Responses(X, low, high, *more), *values)


class _Sums(NamedTuple):
    """`ExactSums` of every stratum (m,)."""

    weight: Array
    gram: Array
    cross: Array
    squares: Array


def exact_of_strata(data: Blockwise, prepared: Prepared, strata: Strata) -> list[ExactSums]:
    """Sums over the exact rows of every stratum."""
    sums, _ = data.sum(partial(_sums, prepared.units, strata))
    return [
        ExactSums(float(weight), gram, cross, float(squares))
        for weight, gram, cross, squares in zip(*sums, strict=True)
    ]


def _sums(units: Standardised, strata: Strata, rows: Responses) -> tuple[_Sums, float]:
    m, q, codes = len(strata.labels), len(units.line), strata.codes(rows.X)
    sums = _Sums(np.zeros(m), np.zeros((m, q, q)), np.zeros((m, q)), np.zeros(m))
    for k in range(m):
        chosen = np.flatnonzero((codes == k) & rows.exact)
        design = units.design(rows.X[chosen])
        weight = np.ones(len(chosen)) if rows.weight is None else rows.weight[chosen]
        residual = units.response(rows.low[chosen]) - design @ units.line
        sums.weight[k], sums.squares[k] = weight.sum(), weight @ residual**2
        sums.gram[k], sums.cross[k] = (design.T * weight) @ design, (weight * residual) @ design
    return sums, 0.0
