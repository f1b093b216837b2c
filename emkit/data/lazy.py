"""Rows that are computed of those of a source whenever they are read."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit._typing import Array

if TYPE_CHECKING:
    from emkit.data.source import Block, Source

__all__ = ["LazyBlocks", "LazyRows", "gathered", "lazy_rows"]


class LazyBlocks:
    """Rows computed of those of an iterable of blocks whenever it is iterated.

    Parameters
    ----------
    source : Source
        What is read.
    compute : callable
        From a `Block` to the rows in its place.
    n_features : int
        Width of these.
    dtype : dtype
        Their floating type.
    """

    def __init__(
        self, source: "Source", compute: "Callable[[Block], Array]", n_features: int, dtype: Any
    ):
        self._source, self._compute = source, compute
        self._width, self._dtype = n_features, np.dtype(dtype)

    def __iter__(self) -> Iterator[Array]:
        return map(self._compute, self._source)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "These rows come in blocks that are computed when they are iterated; they are no "
            "array. Take them block by block, or all at once: numpy.concatenate(list(rows))."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._width} columns, computed when read>"


class LazyRows(LazyBlocks):
    """Rows computed of those of a source whenever they are sliced, a block at a time.

    It has a shape, a dtype, a length and slices of rows; ``numpy.asarray`` computes all.
    """

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self._width

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    ndim = 2

    def __len__(self) -> int:
        return self._source.n_rows

    def __getitem__(self, rows: slice) -> Any:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(
                f"Rows that are computed when read are taken by slices without a step. Got "
                f"{rows!r}. For others take numpy.asarray of a slice first."
            )
        start, stop, _ = rows.indices(len(self))
        size = self._source.block_rows
        parts: list[Array] = [np.empty((0, self._width), self._dtype)]
        for number in range(start // size, -(-stop // size)):
            first = number * size
            block = self._compute(self._source.block(number))
            parts.append(block[max(start - first, 0) : stop - first])
        return np.concatenate(parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("These rows are computed when read: there is nothing to view.")
        return np.asarray(self[:], dtype=dtype)


def lazy_rows(
    source: "Source", compute: "Callable[[Block], Array]", n_features: int, dtype: Any
) -> LazyBlocks:
    """Rows computed of those of a source: `LazyRows` where it can be sliced."""
    return (LazyRows if source.sliceable else LazyBlocks)(source, compute, n_features, dtype)


def gathered(rows: Any, container: str) -> Any:
    """Rows as ``set_output`` makes one frame of them: lazy ones computed, others as they are."""
    if isinstance(rows, LazyRows):
        return np.asarray(rows)
    if isinstance(rows, LazyBlocks):
        raise ValueError(
            f"set_output(transform={container!r}) makes one frame of all rows, and X is an "
            "iterable of blocks. Use set_output(transform='default') and take block by block."
        )
    return rows
