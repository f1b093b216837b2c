"""Rows of a table as data of a model: in memory or not, with weights, with missing cells."""

import mmap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.gaussian import Units
from emkit.numerics.patterns import Group, group_rows

__all__ = ["BLOCK_ROWS", "RowBlocks", "Rows", "Source", "measure_spread"]

#: Rows of a block: many tiles, and few beside large data.
BLOCK_ROWS = 65_536


class Source:
    """Rows that need not fit in memory, read slice by slice: a memory map, a data set in a file.

    Parameters
    ----------
    array : object
        Two-dimensional, with shape, dtype, and slices of rows.
    """

    def __init__(self, array: Any):
        self.array = array
        self.shape = tuple(array.shape)
        single = np.dtype(array.dtype) == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.has_missing = False  #: whether any cell is NaN; who checks the blocks says so

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> Array:
        """Some rows as an array of their own: a slice, or the numbers of rows, ascending."""
        if isinstance(rows, slice):
            block = np.array(self.array[rows], dtype=self.dtype)
        else:
            picked = [
                self[start : start + BLOCK_ROWS][rows[low:high] - start]
                for start in range(0, len(self), BLOCK_ROWS)
                for low, high in [np.searchsorted(rows, [start, start + BLOCK_ROWS])]
                if high > low
            ]
            block = np.concatenate(picked)
        self._forget()
        return block

    def _forget(self) -> None:
        """Give the pages of a memory map back, which would else count as memory of the process."""
        base = self.array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
            base.madvise(mmap.MADV_DONTNEED)


class Rows(NamedTuple):
    """A block of data: rows (n, d) as the user holds them, NaN where a cell is missing."""

    X: Any  #: array or `Source`
    sample_weight: Array | None = None
    groups: tuple[Group, ...] | None = None  #: rows by what they miss; None for complete data

    @classmethod
    def of(cls, X: Any, sample_weight: Array | None = None) -> "Rows":
        """Rows with their groups, where anything is missing."""
        if isinstance(X, Source):  # grouped block by block
            return cls(X, sample_weight, () if X.has_missing else None)
        return cls(X, sample_weight, group_rows(X) if np.isnan(X.min(initial=0.0)) else None)

    @property
    def incomplete(self) -> bool:
        return self.groups is not None

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.sample_weight is None else self.sample_weight.sum())

    @property
    def whole(self) -> "Rows":
        """The rows that starts are drawn from."""
        return self

    def blocks(self) -> "RowBlocks | None":
        """The rows in blocks, to read or for threads to share; None where that is not worth it."""
        many = isinstance(self.X, Source) or len(self.X) >= 2 * BLOCK_ROWS
        return RowBlocks(self) if many else None

    def take(self, rows: slice | NDArray[np.intp]) -> "Rows":
        """Some of the rows, in tiles; a group is worked on by what is NaN in it."""
        weights = self.sample_weight
        if isinstance(rows, slice) or isinstance(self.X, Source):
            X = self.X[rows]
        else:
            X = np.take(self.X, rows, axis=0)
        return Rows(X, None if weights is None else weights[rows])


class RowBlocks(Sequence[Rows]):
    """Rows in blocks: views of an array, which is not held twice, or read from a source."""

    def __init__(self, rows: Rows):
        self.rows = rows
        self._groups: dict[int, tuple[Group, ...]] = {}

    def __len__(self) -> int:
        return -(-len(self.rows.X) // BLOCK_ROWS)

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        block = self.rows.take(slice(i * BLOCK_ROWS, (i + 1) * BLOCK_ROWS))
        if not self.rows.incomplete:
            return block
        groups = self._groups.get(i)
        if groups is None:
            groups = group_rows(block.X)
            if not isinstance(self.rows.X, Source):  # they would fill the memory
                self._groups[i] = groups
        return block._replace(groups=groups)


def measure_spread(data: Rows) -> Units:
    """Mean and standard deviation of every column, to rounding; 0 for a constant column.

    Spread is measured relative to the largest deviation from the first row, so that no square
    overflows or drowns.
    """
    n, d = data.X.shape
    origin = _first_values(data)
    peak = np.zeros(d)
    for rows in _steps(n):
        # fmax: a cell that is missing does not count
        np.fmax(peak, np.fmax.reduce(np.abs(data.X[rows] - origin), axis=0), out=peak)
    unit = np.where(peak > 0.0, peak, 1.0)
    total, first, second = np.zeros(d), np.zeros(d), np.zeros(d)
    for rows in _steps(n):
        deviation = (data.X[rows] - origin) / unit
        weights = data.take(rows).sample_weight
        ones = np.ones(len(deviation)) if weights is None else weights
        if data.incomplete:
            missing = np.isnan(deviation)
            deviation[missing] = 0.0
            total += ones @ ~missing
        else:
            total += ones.sum()
        first += ones @ deviation
        second += ones @ np.square(deviation, out=deviation)
    first /= total
    scale = unit * np.sqrt(np.maximum(second / total - first**2, 0.0))
    return Units(origin + first * unit, scale)


def _first_values(data: Rows) -> Array:
    """The first value of every column; NaN where a column has none."""
    values = data.X[:1][0].astype(float)
    for rows in _steps(len(data.X)):
        if not np.isnan(values).any():
            break
        X = data.X[rows]
        first = np.isfinite(X).argmax(axis=0)
        values = np.where(np.isnan(values), X[first, np.arange(len(values))], values)
    return values


def _steps(n: int, step: int = 8192) -> Iterator[slice]:
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
