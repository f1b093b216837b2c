"""Rows with missing cells, grouped so that each group can be worked on as one array."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Group", "group_rows"]

#: A pattern is a group of its own, and its matrices are made once, when so many rows share it: a
#: group costs as much as the matrices of SHARED / m^2 rows that miss m cells.
SHARED = 4096
LEAST_SHARED = 16


class Group(NamedTuple):
    """Rows that miss the same number of cells, or, where many do, the same cells."""

    n_missing: int
    rows: NDArray[np.intp]


def group_rows(X: Array) -> tuple[Group, ...]:
    """Groups of the rows of X (n, d) by what is NaN in them; rows ascend within a group."""
    words = _patterns(X)
    order = np.lexsort(words.T)
    new = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1, [len(order)]])
    counts = np.diff(starts)
    n_missing = np.bitwise_count(words[order[starts[:-1]]]).sum(axis=1, dtype=np.intp)
    enough = np.maximum(SHARED / np.maximum(n_missing, 1) ** 2, LEAST_SHARED)
    alone = (n_missing == 0) | (counts >= enough)
    groups = [
        Group(int(n_missing[i]), order[starts[i] : starts[i + 1]]) for i in np.flatnonzero(alone)
    ]
    few = np.sort(order[np.repeat(~alone, counts)])
    missing = np.bitwise_count(words[few]).sum(axis=1, dtype=np.intp)
    groups += [Group(int(m), few[missing == m]) for m in np.unique(missing)]
    return tuple(groups)


def _patterns(X: Array, step: int = 8192) -> NDArray[np.uint64]:
    """One bit a cell, set where it is NaN, in words of 64."""
    n, d = X.shape
    bits = np.zeros((n, -(-d // 64) * 8), dtype=np.uint8)
    for start in range(0, n, step):
        packed = np.packbits(np.isnan(X[start : start + step]), axis=1)
        bits[start : start + step, : packed.shape[1]] = packed
    return bits.view(np.uint64)
