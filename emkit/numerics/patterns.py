"""Rows with missing cells, grouped so that each group can be worked on as one array."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Group", "group_bounded_rows", "group_rows"]

#: A group costs as much as the matrices of GROUP_COST / m^2 rows that miss m cells. So a pattern
#: is a group of its own, and its matrices are made once, when that many rows share it, and at
#: least FEWEST_ROWS; and small groups are worked on with larger ones.
GROUP_COST = 8192
FEWEST_ROWS = 16


class Group(NamedTuple):
    """Rows that miss about the same number of cells, or, where many do, the same cells."""

    n_missing: int  #: at most
    rows: NDArray[np.intp]


def group_rows(X: Array) -> tuple[Group, ...]:
    """Groups of the rows of X (n, d) by what is NaN in them; rows ascend within a group."""
    words = _patterns(X)
    order = np.lexsort(words.T)
    new = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1, [len(order)]])
    counts = np.diff(starts)
    n_missing = np.bitwise_count(words[order[starts[:-1]]]).sum(axis=1, dtype=np.intp)
    enough = np.maximum(GROUP_COST / np.maximum(n_missing, 1) ** 2, FEWEST_ROWS)
    alone = (n_missing == 0) | (counts >= enough)
    groups = [
        Group(int(n_missing[i]), order[starts[i] : starts[i + 1]]) for i in np.flatnonzero(alone)
    ]
    few = np.sort(order[np.repeat(~alone, counts)])
    missing = np.bitwise_count(words[few]).sum(axis=1, dtype=np.intp)
    for least, most in _bands(missing):
        groups.append(Group(most, few[(missing >= least) & (missing <= most)]))
    return tuple(groups)


def group_bounded_rows(X: Array, bounded: NDArray[np.bool_]) -> tuple[Group, ...]:
    """As `group_rows`, where of some of the cells that are NaN bounds are known.

    Rows of a group have as many such cells, and the same ones where they miss the same.
    """
    counts, groups = bounded.sum(axis=1), []
    for n_bounded in np.unique(counts):
        rows = np.flatnonzero(counts == n_bounded)
        holes = X[rows] if n_bounded == 0 else np.hstack([X[rows], _nan_where(bounded[rows])])
        for n_missing, some in group_rows(holes):
            groups.append(Group(n_missing - int(n_bounded), rows[some]))
    return tuple(groups)


def _nan_where(mask: NDArray[np.bool_]) -> Array:
    return np.where(mask, np.nan, 0.0)


def _bands(missing: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Ranges of the number missing, each from a large one down to what joins it for little."""
    values, counts = np.unique(missing, return_counts=True)
    bands: list[tuple[int, int]] = []
    for m, n in zip(values[::-1].tolist(), counts[::-1].tolist(), strict=True):
        if bands and n * (bands[-1][1] ** 2 - m**2) < GROUP_COST:
            bands[-1] = (m, bands[-1][1])
        else:
            bands.append((m, m))
    return bands


def _patterns(X: Array, step: int = 8192) -> NDArray[np.uint64]:
    """One bit a cell, set where it is NaN, in words of 64."""
    n, d = X.shape
    bits = np.zeros((n, -(-d // 64) * 8), dtype=np.uint8)
    for start in range(0, n, step):
        packed = np.packbits(np.isnan(X[start : start + step]), axis=1)
        bits[start : start + step, : packed.shape[1]] = packed
    return bits.view(np.uint64)
