"""What the engine works on in a censored regression: residuals, kept, worked out anew, far away."""

from functools import partial

import numpy as np

from emkit.censored.rows import LocalBlocks, ResponseStream
from emkit.data.dask_blocks import Chunks
from emkit.engine.blocks import read
from emkit.models.censored.data import ResidualBlocks, Residuals, thinned

__all__ = ["data_of", "line_within", "sample_of"]

#: Rows that a start looks at: a tenth of them, within this range.
SAMPLE_ROWS = 2000, 4000


class WorkedOut(LocalBlocks):
    """Residuals that are worked out for every E-step."""

    def summaries(self):
        # What the engine asks of them does not depend on the rows: no pass is spent on it.
        return iter((self.start_data,))


class ResidualStream(WorkedOut):
    """Residuals of the rows of a source, read for every E-step too."""

    pinned = True

    def __init__(self, rows, prepared):
        super().__init__(rows)
        self._prepared = prepared

    def __iter__(self):
        return read(self._residuals())

    def _residuals(self):
        for i, rows in enumerate(self._blocks):
            yield self._prepared.residuals(rows, with_sums=i == 0)


def data_of(rows, prepared):
    """What the engine works on: blocks of residuals, kept or worked out anew."""
    if isinstance(rows, Chunks):
        return rows.map(prepared.residuals, [i == 0 for i in range(len(rows))])
    if isinstance(rows, ResponseStream):
        loaded = rows.loaded()
        if loaded is None:
            return ResidualStream(rows, prepared)
        return WorkedOut(ResidualBlocks(loaded, prepared))
    blocks = ResidualBlocks(rows, prepared)
    if len(rows) == 1:
        only = blocks[0]
        return LocalBlocks([only], start_data=only)
    # Kept, those of rows in single precision would take twice the memory of X.
    return LocalBlocks(list(blocks)) if rows[0].X.dtype == np.float64 else WorkedOut(blocks)


def sample_of(data, prepared):
    """Some rows of the data, and how many of them all each stands for."""
    n = sum(prepared.counts)
    every = max(n // int(np.clip(n // 10, *SAMPLE_ROWS)), 1)
    sample = thinned(data, prepared.counts, every)
    if data.start_data is None:
        data.start_data = sample  # where a search draws starts
    return sample, every


def line_within(data, prepared, params):
    """Whether the line passes within the bounds of every response, none being exact."""
    if prepared.exact.weight > 0.0:
        return False
    # One row outside decides, and as a rule it is in the first block.
    return all(data.gather(partial(Residuals.encloses, coef=params.coef)))
