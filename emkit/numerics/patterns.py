"""Rows with missing cells, grouped so that each group can be worked on as one array."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Group", "group_rows"]

#: A group costs as much as the matrices of GROUP_COST / m^2 rows that miss m cells. So a pattern
#: is a group of its own, and its matrices are made once, when that many rows share it, and at
#: least FEWEST_ROWS; and small groups are worked on with larger ones.
GROUP_COST = 16384
FEWEST_ROWS = 16


class Group(NamedTuple):
    """Rows that miss about the same number of cells, or, where many do, the same cells."""

    n_missing: int  #: at most
    rows: NDArray[np.intp]


def group_rows(X: Array) -> tuple[Group, ...]:
    """Groups of the rows of X (n, d) by what is NaN in them.

    Rows of a pattern stand side by side, ascending.
    """
    order, words = _by_pattern(_patterns(X))
    new = (words[1:] != words[:-1]).any(axis=1)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    counts = np.diff(starts, append=len(order))
    n_missing = np.bitwise_count(words[starts]).sum(axis=1, dtype=np.intp)
    del words, new  # they are as long as the data
    enough = np.maximum(GROUP_COST / np.maximum(n_missing, 1) ** 2, FEWEST_ROWS)
    alone = (n_missing == 0) | (counts >= enough)
    groups = [
        Group(int(n_missing[i]), order[starts[i] : starts[i] + counts[i]])
        for i in np.flatnonzero(alone)
    ]
    for least, most in _bands(n_missing[~alone], counts[~alone]):
        within = ~alone & (n_missing >= least) & (n_missing <= most)
        groups.append(Group(most, order[np.repeat(within, counts)]))
    return tuple(groups)


def _bands(missing: NDArray[np.intp], counts: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Ranges of the number missing, each from a large one down to what joins it for little."""
    rows = np.bincount(missing, counts)
    bands: list[tuple[int, int]] = []
    for m in np.flatnonzero(rows)[::-1].tolist():
        if bands and rows[m] * (bands[-1][1] ** 2 - m**2) < GROUP_COST:
            bands[-1] = (m, bands[-1][1])
        else:
            bands.append((m, m))
    return bands


def _by_pattern(words: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """Numbers of the rows, sorted by their words (n, w), and the words in that order."""
    n, bits = len(words), np.uint64(len(words).bit_length())
    if words.shape[1] > 1 or (words.max(initial=0) >> (np.uint64(64) - bits)).any():
        order = np.lexsort(words.T)
        return order, words[order]
    # A sort of numbers takes a tenth of the time of one that gives their order.
    words <<= bits
    words |= np.arange(n, dtype=np.uint64)[:, None]
    words.sort(axis=0)
    order = (words[:, 0] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.intp)
    words >>= bits
    return order, words


def _patterns(X: Array, step: int = 8192) -> NDArray[np.uint64]:
    """One bit a cell, set where it is NaN, in words of 64."""
    n, d = X.shape
    bits = np.zeros((n, -(-d // 64) * 8), dtype=np.uint8)
    for start in range(0, n, step):
        packed = np.packbits(np.isnan(X[start : start + step]), axis=1)
        bits[start : start + step, : packed.shape[1]] = packed
    return bits.view(np.uint64)
