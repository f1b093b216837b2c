"""What the engine works on in a censored regression: residuals about the first line."""

from functools import partial

import numpy as np

from emkit.data.blocks import DataBlocks
from emkit.engine import Blocks
from emkit.models.censored.data import Prepared, Residuals, thinned
from emkit.models.censored.normal import LineParams

__all__ = ["data_of", "line_within", "sample_of"]

#: Rows that a start looks at: a tenth of them, within this range.
SAMPLE_ROWS = 2000, 4000


def data_of(rows: DataBlocks, prepared: Prepared) -> Blocks:
    """What the engine works on: blocks of residuals, kept or worked out anew."""
    with_sums = [i == 0 for i in range(len(prepared.counts))]
    # Kept, those of many rows in single precision would take twice the memory of X.
    keep = len(with_sums) == 1 or rows.dtype == np.float64
    return rows.convert(prepared.residuals, with_sums, keep=keep)


def sample_of(data: Blocks, prepared: Prepared) -> tuple[Residuals, int]:
    """Some rows of the data, and how many of them all each stands for."""
    n = sum(prepared.counts)
    every = max(n // int(np.clip(n // 10, *SAMPLE_ROWS)), 1)
    sample = thinned(data, prepared.counts, every)
    if data.start_data is None:
        data.start_data = sample  # where a search draws starts
    return sample, every


def line_within(data: Blocks, prepared: Prepared, params: LineParams) -> bool:
    """Whether the line passes within the bounds of every response, none being exact."""
    if prepared.exact.weight > 0.0:
        return False
    # One row outside decides, and as a rule it is in the first block.
    return all(data.map(partial(Residuals.encloses, coef=params.coef)))
