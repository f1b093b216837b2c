"""Tables computed of the blocks of an iterable, of slices, or of Dask, when they are read."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from emkit.data.lazy import LazyBlocks
from emkit.data.opened import is_dask
from emkit.data.reading import read_blocks
from emkit.data.source import is_sliceable
from emkit.models.rows import BLOCK_ROWS

__all__ = ["each_table"]

#: From a table in memory and its number to the table in its place.
Compute = Callable[[Any, int], Any]


class LazyTables(LazyBlocks):
    """Tables computed of those that X is read in, but for empty ones, whenever it is iterated.

    Parameters
    ----------
    X : object
        An iterable of tables, or what has slices of rows.
    compute : callable
        From a table and its number to the one in its place.
    """

    def __init__(self, X: Any, compute: Compute):
        self._tables, self._of_table = X, compute

    def __iter__(self) -> Iterator[Any]:
        tables = enumerate(read_blocks("X", self._slices()))
        return (self._of_table(table, number) for number, table in tables if len(table))

    def _slices(self) -> Iterator[Any]:
        X = self._tables
        if not is_sliceable(X):
            return iter(X)
        return (X[start : start + BLOCK_ROWS] for start in range(0, len(X), BLOCK_ROWS))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, computed when read>"


def each_table(X: Any, compute: Compute) -> Any:
    """What is computed of each block and its number, when it is read: `LazyTables`, or of Dask."""
    if not is_dask(X):
        return LazyTables(X, compute)
    if hasattr(X, "dtypes"):
        nothing = compute(X._meta_nonempty, 0).iloc[:0]
        return X.map_partitions(partial(_of_partition, compute, nothing), meta=nothing)
    X = X.rechunk({1: -1})
    like = compute(np.full((1, X.shape[1]), np.nan), 0)
    chunks = X.chunks[0], like.shape[1:]
    return X.map_blocks(partial(_of_chunk, compute, like[:0]), chunks=chunks, meta=like[:0])


def _of_partition(
    compute: Compute, nothing: Any, X: Any, partition_info: dict[str, Any] | None = None
) -> Any:
    number = 0 if partition_info is None else partition_info["number"]
    return compute(X, number) if len(X) else nothing


def _of_chunk(compute: Compute, nothing: Any, X: Any, block_id: Any = None) -> Any:
    return compute(X, block_id[0]) if len(X) else nothing
