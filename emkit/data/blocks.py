"""Blocks of rows, wherever they lie, and what is made of them block by block."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.engine import Blocks
from emkit.models.rows import Rows, Summary, summarise
from emkit.numerics.gaussian import Scaling

__all__ = ["Converted", "DataBlocks", "MemoryBlocks", "SummarisedRows", "WorkedOut", "of_columns"]


class DataBlocks(Blocks):
    """Blocks of rows of one floating type, of which blocks of something else can be made."""

    dtype: np.dtype[Any]

    def convert(self, function: Callable[..., Any], *values: Sequence[Any]) -> Blocks:
        """The blocks that a function makes of these, and one of each of the values, in order.

        Parameters
        ----------
        function : callable
            From a block and values to a block.
        *values : sequence
            One for each block.
        """
        raise NotImplementedError


class SummarisedRows(DataBlocks):
    """Blocks of `Rows` of which a summary is known: to a model what `Rows` are."""

    def __init__(self, summaries: Sequence[Summary]):
        self._summaries = summaries
        self.summary = summarise(summaries)
        self.shape = self.summary.n, len(self.summary.mean)
        self.incomplete = self.summary.incomplete
        self.total_weight = self.summary.total_weight

    def __len__(self) -> int:
        return len(self._summaries)

    def summaries(self) -> Iterator[Summary]:
        return iter(self._summaries)

    def scaling(self) -> Scaling:
        """Mean and standard deviation of every column, from those of the blocks."""
        return Scaling(self.summary.mean, self.summary.spread)

    def of_columns(self, columns: NDArray[np.intp]) -> "SummarisedRows":
        """The same rows of some of the columns."""
        raise NotImplementedError


class MemoryBlocks(DataBlocks):
    """Blocks of rows in memory."""

    def __init__(self, blocks: Sequence[Any]):
        super().__init__(blocks)
        self.dtype = blocks[0].X.dtype

    def convert(self, function: Callable[..., Any], *values: Sequence[Any]) -> Blocks:
        kept = list(Converted(list(self), function, values))
        return Blocks(kept, start_data=kept[0] if len(kept) == 1 else None)


class Converted(Sequence[Any]):
    """Blocks that are made of others whenever they are asked for."""

    def __init__(
        self, blocks: Sequence[Any], function: Callable[..., Any], values: Sequence[Sequence[Any]]
    ):
        self.blocks, self.function, self.values = blocks, function, values

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.function(self.blocks[i], *(some[i] for some in self.values))


def of_columns(columns: NDArray[np.intp], rows: Rows) -> Rows:
    """The same rows of some of the columns."""
    return Rows.of(rows.X[:, columns], rows.sample_weight)


class WorkedOut(Blocks):
    """Blocks that are worked out for every E-step."""

    def summaries(self) -> Iterator[Any]:
        # What the engine asks of blocks that are no rows does not depend on them, so that a sample
        # will do: no pass is spent on it.
        return iter((self.start_data,))
