"""Rows with missing cells, grouped so that each group can be worked on as one array."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Group", "columns_of", "group_bounded_rows", "group_rows"]

#: A group costs as much as the matrices of GROUP_COST / m^2 rows that miss m cells. So a pattern
#: is a group of its own, and its matrices are made once, when that many rows share it, and at
#: least FEWEST_ROWS; and small groups are worked on with larger ones.
GROUP_COST = 16384
FEWEST_ROWS = 16


class Group(NamedTuple):
    """Rows that miss about the same number of cells, or, where many do, the same cells."""

    n_missing: int  #: at most
    rows: NDArray[np.intp]  #: those of a pattern side by side
    #: (m, u) columns that each of the patterns misses, ascending; padding columns d, d + 1, ...
    #: make up for those that miss fewer than m
    missing: NDArray[np.int16] | None = None
    counts: NDArray[np.intp] | None = None  #: (u,) rows of each pattern


def group_rows(X: Array) -> tuple[Group, ...]:
    """Groups of the rows of X (n, d) by what is NaN in them; rows of a pattern ascend."""
    order, words = _by_pattern(_patterns(X))
    new = (words[1:] != words[:-1]).any(axis=1)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    counts = np.diff(starts, append=len(order))
    absent = np.unpackbits(words[starts].view(np.uint8), axis=1, count=X.shape[1]).astype(bool)
    del words, new  # they are as long as the data
    n_missing = absent.sum(axis=1)
    enough = np.maximum(GROUP_COST / np.maximum(n_missing, 1) ** 2, FEWEST_ROWS)
    alone = (n_missing == 0) | (counts >= enough)
    groups = [
        _group(order[starts[i] : starts[i] + counts[i]].copy(), absent[[i]], counts[[i]])
        for i in np.flatnonzero(alone)
    ]
    for least, most in _bands(n_missing[~alone], counts[~alone]):
        within = ~alone & (n_missing >= least) & (n_missing <= most)
        rows = order[np.repeat(within, counts)]
        groups.append(_group(rows, absent[within], counts[within]))
    return tuple(groups)


def group_bounded_rows(X: Array, bounded: NDArray[np.bool_]) -> tuple[Group, ...]:
    """As `group_rows`, where of some of the cells that are NaN bounds are known.

    Rows of a group have as many such cells, and the same ones where they miss the same.
    """
    counts, groups = bounded.sum(axis=1), []
    for n_bounded in np.unique(counts):
        rows = np.flatnonzero(counts == n_bounded)
        holes = X[rows] if n_bounded == 0 else np.hstack([X[rows], _nan_where(bounded[rows])])
        for n_missing, some, *_ in group_rows(holes):
            groups.append(Group(n_missing - int(n_bounded), rows[some]))
    return tuple(groups)


def _nan_where(mask: NDArray[np.bool_]) -> Array:
    return np.where(mask, np.nan, 0.0)


def _group(rows: NDArray[np.intp], absent: NDArray[np.bool_], counts: NDArray[np.intp]) -> Group:
    missing, _ = columns_of(absent)
    return Group(len(missing), rows, missing.astype(np.int16), counts)


def columns_of(absent: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """Columns (m, n) that n rows (n, d) miss, as in `Group`, and d with what makes up."""
    n, d = absent.shape
    cells, width = np.flatnonzero(absent), d
    columns = _columns(cells, n, d) if len(cells) % n == 0 else None
    if columns is None or columns.min(initial=0) < 0 or columns.max(initial=0) >= d:
        # Some rows miss fewer cells than others.
        counts = absent.sum(axis=1)
        most = counts.max()
        width += int(most - counts.min())
        more = np.arange(width - d) < (most - counts)[:, None]
        columns = _columns(np.flatnonzero(np.hstack([absent, more])), n, width)
    return np.ascontiguousarray(columns.T), width


def _columns(cells: NDArray[np.intp], n: int, width: int) -> NDArray[np.intp]:
    """Columns (n, m) of cells counted through a table of n rows."""
    return cells.reshape(n, -1) - np.arange(0, n * width, width)[:, None]


def parts(group: Group, most: int) -> Iterator[Group]:
    """Parts of a group of about so many rows; a pattern is split only where there is no other."""
    n_missing, rows, missing, counts = group
    assert missing is not None
    assert counts is not None
    n_parts = round(len(rows) / most)
    if n_parts <= 1:
        yield group
        return
    if len(counts) == 1:
        for part in np.array_split(rows, n_parts):
            yield Group(n_missing, part, missing, np.array([len(part)]))
        return
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, len(rows) * np.arange(1, n_parts) / n_parts) + 1
    of_patterns = np.split(missing, cuts, axis=1), np.split(counts, cuts)
    for part, columns, n in zip(np.split(rows, ends[cuts - 1]), *of_patterns, strict=True):
        if len(part):
            yield Group(n_missing, part, columns, n)


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
