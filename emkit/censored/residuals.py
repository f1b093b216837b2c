"""What the engine works on in a censored regression: residuals about the first line."""

from functools import partial

import numpy as np

from emkit.data.blocks import DataBlocks
from emkit.engine import Blocks
from emkit.models.censored.data import Prepared, Residuals, thinned
from emkit.models.censored.normal import LineParams

__all__ = ["data_of", "line_within", "on_and_off", "sample_of"]

#: Distances from the line, in scales, up to which an exact row is on it, from which any is off it.
ON, OFF = 1e-2, 1e2
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


def on_and_off(data: Blocks, params: LineParams) -> tuple[float, float]:
    """Weight of the exact rows on a line, and of the rows that it misses, in scales."""
    parts = list(data.map(partial(_on_and_off, params=params)))
    return sum(on for on, _ in parts), sum(off for _, off in parts)


def _on_and_off(block: Residuals, params: LineParams) -> tuple[float, float]:
    fitted, scale = block.design @ params.coef, np.exp(params.log_scale)
    away = np.maximum(block.low - fitted, fitted - block.high) / scale
    weight = np.ones(len(away)) if block.weight is None else block.weight
    on = (block.width == 0.0) & (away < ON)
    return float(weight[on].sum()), float(weight[away > OFF].sum())
