"""What the engine works on in a censored regression: residuals about the first line."""

from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.blocks import DataBlocks, MemoryBlocks
from emkit.engine import Blocks
from emkit.models.censored.data import Prepared
from emkit.models.censored.normal import LineParams
from emkit.models.censored.residuals import BETWEEN, EXACT, Residuals

__all__ = ["Boundaries", "data_of", "line_within", "rows_for_one"]

Mask: TypeAlias = NDArray[np.bool_]
#: Scale, in units of the fit, that is on its way to infinity.
ENDLESS = 1e4
#: Rows that a start looks at: a tenth of them, within this range, and of many one in so many.
SAMPLE_ROWS, ONE_IN = (2000, 4000), 64


def data_of(rows: DataBlocks, prepared: Prepared) -> Blocks:
    """What the engine works on: blocks of residuals."""
    with_sums = [i == 0 for i in range(len(prepared.counts))]
    # Beside X in memory, the design of many rows would be another X; a cluster need not keep both.
    keep_design = len(with_sums) == 1 or not isinstance(rows, MemoryBlocks)
    return rows.convert(partial(prepared.residuals, keep_design=keep_design), with_sums)


def rows_for_one(prepared: Prepared) -> int:
    """How many rows each of a sample stands for, from which a climb sets out."""
    n = sum(prepared.counts)
    return max(n // max(int(np.clip(n // 10, *SAMPLE_ROWS)), n // ONE_IN), 1)


def line_within(data: Blocks, prepared: Prepared, params: LineParams) -> bool:
    """Whether the line passes within the bounds of every response, none being exact."""
    if prepared.exact.weight > 0.0:
        return False
    # One row outside decides, and as a rule it is in the first block.
    return all(within.all() for within in data.map(partial(Residuals.encloses, coef=params.coef)))


class Boundaries(NamedTuple):
    """Strata whose scales have no finite estimate, beside the others (m,)."""

    vanishing: Mask  #: the line passes within all bounds: the scale goes to 0
    endless: Mask  #: all responses are bounded on one side, and the scale goes to infinity

    @classmethod
    def of(cls, data: Blocks, params: LineParams) -> "Boundaries":
        looked_at = list(data.map(partial(_kept, coef=params.coef, m=params.log_scale.size)))
        within, one_sided = (np.all(some, axis=0) for some in zip(*looked_at, strict=True))
        return cls(within, one_sided & ~within & (params.log_scale > np.log(ENDLESS)))

    @property
    def any(self) -> Mask:
        return self.vanishing | self.endless


def _kept(block: Residuals, coef: Array, m: int) -> tuple[Mask, Mask]:
    """Strata of which no row in a block lies outside of its bounds, or has bounds on both sides."""
    within, one_sided = np.ones((2, m), dtype=bool)
    within[block.stratum[~block.encloses(coef)]] = False
    both = (block.kind == EXACT) | (block.kind == BETWEEN)
    one_sided[block.stratum[both]] = False
    return within, one_sided
