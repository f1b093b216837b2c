"""Frames that are computed of those of an iterable, or of a Dask DataFrame, when they are read."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from emkit.data.lazy import LazyBlocks
from emkit.data.opened import is_dask
from emkit.data.reading import read_blocks

__all__ = ["each_frame"]


class LazyFrames(LazyBlocks):
    """Frames computed of those of an iterable, but for empty ones, whenever it is iterated.

    Parameters
    ----------
    frames : iterable
        What is read.
    compute : callable
        From a frame and its number to the frame in its place.
    """

    def __init__(self, frames: Iterable[Any], compute: Callable[[Any, int], Any]):
        self._frames, self._of_frame = frames, compute

    def __iter__(self) -> Iterator[Any]:
        frames = enumerate(read_blocks("X", self._frames))
        return (self._of_frame(X, number) for number, X in frames if len(X))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, computed when read>"


def each_frame(X: Any, compute: Callable[[Any, int], Any]) -> Any:
    """What is computed of each frame and its number, when it is read: `LazyFrames`, or of Dask."""
    if is_dask(X):
        nothing = compute(X._meta_nonempty, 0).iloc[:0]
        return X.map_partitions(partial(_of_partition, compute, nothing), meta=nothing)
    return LazyFrames(X, compute)


def _of_partition(
    compute: Callable[[Any, int], Any],
    nothing: Any,
    X: Any,
    partition_info: dict[str, Any] | None = None,
) -> Any:
    if not len(X):
        return nothing
    return compute(X, 0 if partition_info is None else partition_info["number"])
