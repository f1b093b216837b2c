"""Rows of one stratum: their scale may go to 0 about a line on its own."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, ExactSums, Prepared, Responses, Standardised
from emkit.models.censored.strata import Strata

__all__ = ["OneStratum", "exact_of_strata"]


class OneStratum(NamedTuple):
    """Data in blocks, with the rows of one stratum alone: `Blockwise`."""

    data: Blockwise
    strata: Strata
    number: int

    def map(self, function: Callable[..., Any], *values: Any) -> Iterable[Any]:
        return self.data.map(partial(self._of_part, function), *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]]) -> tuple[Any, float]:
        return self.data.sum(partial(self._of_part, step))

    def _of_part(self, function: Callable[..., Any], rows: Responses, *values: Any) -> Any:
        chosen = self.strata.codes(rows.X) == self.number
        return function(
            Responses(*(None if part is None else part[chosen] for part in rows)),  # type: ignore[arg-type]
            *values,
        )


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
