"""Many rows of a table as one: loops over rows of few columns cost more than what they do."""

from collections.abc import Iterator

import numpy as np

from emkit._typing import Array

__all__ = ["in_long_rows", "repeated"]

#: Rows that are taken together.
TOGETHER = 32


def in_long_rows(table: Array) -> Iterator[tuple[Array, int]]:
    """Views (m, r d) of the rows of a contiguous table (n, d), r at a time, with the r of each.

    Together they have every row once: as many as can be in long rows, and the few that are left.
    """
    n, d = table.shape
    m = n // TOGETHER
    long = m * TOGETHER
    if m:
        yield table[:long].reshape(m, TOGETHER * d), TOGETHER
    if long < n:
        yield table[long:], 1


def repeated(row: Array, times: int) -> Array:
    """What goes with a long row as ``row`` (d,) does with one."""
    return row if times == 1 else np.tile(row, times)
