"""Failures of whoever reads a source, told as such, with the block and its rows."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from emkit.data.lazy import LazyBlocks
from emkit.engine.blocks import PASSED_ERRORS
from emkit.exceptions import DataReadError

__all__ = ["place", "read_blocks", "reading"]


def place(name: str, number: int, start: int, stop: int | None = None) -> str:
    """A block in words; an iterable does not tell how many rows it would have."""
    rows = f"from row {start}" if stop is None else f"rows {start} to {stop - 1}"
    return f"Block {number} of {name}, {rows},"


@contextmanager
def reading(source: Any, where: str) -> Iterator[None]:
    """What is raised inside as a `DataReadError` that says where; want of memory is no failure.

    Rows that are computed of those of another source tell what is wrong with these themselves.
    """
    try:
        yield
    except PASSED_ERRORS:
        raise
    except Exception as error:
        if isinstance(source, LazyBlocks):
            raise
        told = f"{type(error).__name__}: {error}"
        raise DataReadError(f"{where} could not be read: {told}") from error


def read_blocks(name: str, blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks of an iterable, one after the other; its failures name the block."""
    number, start, end = 0, 0, object()
    with reading(blocks, place(name, 0, 0)):
        iterator = iter(blocks)
    while True:
        with reading(blocks, place(name, number, start)):
            block = next(iterator, end)
        if block is end:
            return
        yield block
        number, start = number + 1, start + _length(block)


def _length(block: Any) -> int:
    """Rows of a block, if it is one: what it is, is checked by whoever takes it."""
    shape = getattr(block, "shape", None)
    if shape is None:
        return len(block) if hasattr(block, "__len__") else 0
    return int(shape[0]) if len(shape) else 0
