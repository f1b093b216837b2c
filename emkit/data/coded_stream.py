"""Rows of numbers and categories in blocks, wherever they lie: to a model what `CodedRows` are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.blocks import SummarisedRows
from emkit.engine import Blocks
from emkit.models.mixed.rows import CodedRows, Codes
from emkit.models.rows import Rows, Summary
from emkit.numerics.gaussian import Scaling

__all__ = ["CodedStream", "coded"]


def coded(
    rows: Any, numbers: NDArray[np.intp], categories: NDArray[np.intp], sample_size: int
) -> Any:
    """Rows of numbers and codes, in memory or in blocks, taken apart by columns.

    Starts are drawn from a sample of rows that are in blocks.
    """
    if isinstance(rows, Rows):
        return CodedRows.of(rows, numbers, categories)
    return CodedStream(rows, partial(_apart, numbers, categories), numbers, sample_size)


def _apart(numbers: NDArray[np.intp], categories: NDArray[np.intp], rows: Rows) -> CodedRows:
    return CodedRows.of(rows, numbers, categories)


class CodedStream(Blocks):
    """Blocks of `CodedRows` that are made of blocks of rows.

    Parameters
    ----------
    rows : SummarisedRows
        Numbers and codes.
    apart : callable
        From `Rows` to `CodedRows`.
    numbers : ndarray
        Columns of numbers.
    size : int
        Rows that starts are drawn from.
    """

    pinned = True

    def __init__(
        self,
        rows: SummarisedRows,
        apart: Callable[[Rows], CodedRows],
        numbers: NDArray[np.intp],
        size: int,
    ):
        self._made = rows.convert(apart)
        super().__init__(self._made)
        self._rows, self._apart, self._numbers, self._size = rows, apart, numbers, size
        self.shape, self.total_weight = rows.shape, rows.total_weight
        self.incomplete, self.dtype = rows.incomplete, np.dtype(float)

    def start_block(self, rng: np.random.Generator) -> CodedRows:
        rows: Any = self._rows.start_data
        return self._apart(rows if isinstance(rows, Rows) else rows.sample(self._size, rng))

    def map(self, function: Callable[..., Any], *values: Iterable[Any]) -> Iterable[Any]:
        return self._made.map(function, *values)

    def sum(self, step: Callable[[Any], tuple[Any, float]], together: bool = True) -> Any:
        return self._made.sum(step, together)

    def summaries(self) -> Iterator[Summary]:
        return self._rows.summaries()

    @property
    def numbers(self) -> SummarisedRows:
        """The numbers alone, as rows."""
        return self._rows.of_columns(self._numbers)

    def scaling(self) -> Scaling:
        """Mean and standard deviation of the numbers."""
        shift, scale = self._rows.scaling()
        return Scaling(shift[self._numbers], scale[self._numbers])

    def recoded(self, maps: Sequence[Codes]) -> "CodedStream":
        """As of `CodedRows`."""
        apart = partial(_recoded, self._apart, maps)
        return CodedStream(self._rows, apart, self._numbers, self._size)


def _recoded(apart: Callable[[Rows], CodedRows], maps: Sequence[Codes], rows: Rows) -> CodedRows:
    return apart(rows).recoded(maps)
