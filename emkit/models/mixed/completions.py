"""Rows grouped so that the combinations of their missing categories are one array.

The missing cells of a row that are summed over stand in slots, those of the most levels first. Rows
whose slots have about as many levels are worked on together: what a row is short of is there, and
never happens. So the combinations of a tile of n rows are an array (L_1, ..., L_S, n).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = [
    "Codes",
    "Levels",
    "Slots",
    "combine",
    "group_slots",
    "pairs_of",
    "places_of",
    "sum_levels",
]

Codes = NDArray[np.intp]

#: A group costs as much as that many combinations of rows.
GROUP_COST = 4096


@dataclass(frozen=True)
class Levels:
    """What is known of the columns of categories before any row is seen.

    Parameters
    ----------
    n_levels : tuple of int
        Levels of each column.
    moves : tuple of bool
        Whether the numbers depend on the column, so that its missing cells are summed over.
    most : int
        Combinations of the missing categories of a row, at most.
    """

    n_levels: tuple[int, ...]
    moves: tuple[bool, ...]
    most: int = 64

    @property
    def order(self) -> list[int]:
        """Columns whose missing cells are summed over, those of the fewest levels first.

        Of a single level there is nothing to sum over.
        """
        moving = [j for j, moves in enumerate(self.moves) if moves and self.n_levels[j] > 1]
        return sorted(moving, key=lambda j: self.n_levels[j])

    def summed(self, codes: Codes) -> NDArray[np.bool_]:
        """Which cells of rows (n, q) are summed over."""
        summed, size = np.zeros(codes.shape, dtype=bool), np.ones(len(codes), dtype=np.intp)
        for j in self.order:
            more = size * self.n_levels[j]
            summed[:, j] = (codes[:, j] < 0) & (more <= self.most)
            size = np.where(summed[:, j], more, size)
        return summed


class Slots(NamedTuple):
    """Where the missing cells stand that are summed over."""

    sizes: tuple[int, ...]  #: levels that there is room for in each slot
    columns: Codes  #: (S, n) the column whose cell stands there; -1 for none
    #: (A,) levels of these columns, among those of all columns that move numbers; the first level
    #: of each column after all others
    active: Codes
    #: (sum of L, n) which of these stand in the slots; A: there is no cell, A + 1: no such level
    numbers: Codes
    #: (n, columns that move numbers) the missing cells that enter by their shares; None: none do
    left_out: NDArray[Any] | None

    @property
    def n_combinations(self) -> int:
        return prod(self.sizes)

    @classmethod
    def none(cls, n: int, left_out: NDArray[Any] | None) -> "Slots":
        """Of n rows, in which nothing is summed over."""
        empty = np.empty((0, n), dtype=np.intp)
        return cls((), empty, empty[:, 0], empty, left_out)

    def take(self, rows: slice | Codes) -> "Slots":
        """Those of some of the rows."""
        left_out = self.left_out
        return self._replace(
            columns=self.columns[:, rows],
            numbers=self.numbers[:, rows].astype(np.intp),
            left_out=None if left_out is None else left_out[rows].astype(float),
        )

    def levels(self, combination: Codes) -> Codes:
        """Levels (S, n) in a combination of each row."""
        if not self.sizes:
            return self.columns
        return np.array(np.unravel_index(combination, self.sizes), dtype=np.intp)


def group_slots(codes: Codes, levels: Levels) -> list[tuple[Codes, Slots]]:
    """Groups of the rows of a table of codes (n, q): which, and their slots."""
    summed = levels.summed(codes)
    columns, left_out = _columns(summed, levels), ((codes < 0) & ~summed)[:, list(levels.moves)]
    sizes = np.append(levels.n_levels, 1)[columns].astype(np.intp)  # none at -1
    shapes, of_row = np.unique(sizes, axis=0, return_inverse=True)
    of_row = of_row.reshape(-1)  # NumPy 2.0 gives a column
    groups = []
    for members in _merge(shapes, np.bincount(of_row, minlength=len(shapes))):
        rows = np.flatnonzero(np.isin(of_row, members))
        room = shapes[members].max(axis=0)
        used = room > 1
        room, of_slots = room[used].tolist(), np.ascontiguousarray(columns[rows][:, used].T)
        shares = left_out[rows] if left_out[rows].any() else None
        slots = Slots(tuple(room), of_slots, *_numbers(room, of_slots, levels), shares)
        groups.append((rows, slots))
    return groups


def _numbers(sizes: Sequence[int], columns: Codes, levels: Levels) -> tuple[Codes, Codes]:
    """`Slots.active` and `Slots.numbers` of columns (S, n) in slots of these sizes."""
    n_levels, moves = np.array(levels.n_levels, dtype=np.intp), np.array(levels.moves, dtype=bool)
    ends = np.where(moves, n_levels, 0).cumsum()
    here = np.unique(columns[columns >= 0])
    first = ends[here] - n_levels[here]
    others = [np.arange(ends[j] - n_levels[j] + 1, ends[j]) for j in here]
    active = np.concatenate([*others, first, np.empty(0, dtype=np.intp)])
    end, n_others = len(active), len(active) - len(here)
    small = np.int16 if end < 2**15 - 2 else np.intp  # as many as rows by levels are kept
    table = np.full((max([1, *sizes]), len(n_levels) + 1), end + 1, dtype=small)
    table[0, -1] = end
    table[0, here] = np.arange(n_others, end)
    for j, stop in zip(here, (n_levels[here] - 1).cumsum(), strict=True):
        table[1 : n_levels[j], j] = np.arange(stop - n_levels[j] + 1, stop)
    numbers = [
        np.take(table[:size], of_slot, axis=1, mode="wrap")
        for size, of_slot in zip(sizes, columns, strict=True)
    ]
    return active, np.concatenate([*numbers, np.empty((0, columns.shape[1]), dtype=small)])


def _columns(summed: NDArray[np.bool_], levels: Levels) -> Codes:
    """Columns (n, S) of the cells of each row that are summed over, of the most levels first."""
    count = summed.sum(axis=1)
    columns = np.full((len(summed), int(count.max(initial=0))), -1, dtype=np.intp)
    taken = np.zeros(len(summed), dtype=np.intp)
    for j in reversed(levels.order):
        rows = np.flatnonzero(summed[:, j])
        columns[rows, taken[rows]] = j
        taken[rows] += 1
    return columns


def _merge(shapes: Codes, counts: Codes) -> list[list[int]]:
    """Shapes (s, S) that are worked on together: each joins a larger one where that is cheap."""
    n_of = shapes.prod(axis=1)
    groups: list[tuple[Codes, int, list[int]]] = []
    for i in np.argsort(-n_of, kind="stable").tolist():
        best, least = -1, GROUP_COST
        for at, (room, n, _) in enumerate(groups):
            joint = int(np.maximum(room, shapes[i]).prod())
            added = n * (joint - int(room.prod())) + int(counts[i]) * (joint - int(n_of[i]))
            if added < least:
                best, least = at, added
        if best < 0:
            groups.append((shapes[i], int(counts[i]), [i]))
        else:
            room, n, members = groups[best]
            groups[best] = np.maximum(room, shapes[i]), n + int(counts[i]), [*members, i]
    return [members for *_, members in groups]


@lru_cache
def places_of(sizes: tuple[int, ...]) -> tuple[slice, ...]:
    """Of the levels of each slot, slot after slot."""
    ends = accumulate(sizes)
    return tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))


@lru_cache
def pairs_of(sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Slots taken two at a time."""
    return tuple(combinations(range(len(sizes)), 2))


def combine(sizes: tuple[int, ...], base: Array, single: Array, of_pair: Sequence[Array]) -> Array:
    """Sums (K, M, n) over every combination of a term of the row, of its levels, of their pairs.

    ``base`` is (K, n), ``single`` (K, sum of L, n), and those of `pairs_of` (K, L, L', n).
    """
    K, n = base.shape
    pairs = dict(zip(pairs_of(sizes), of_pair, strict=True))
    total = base[:, None]
    for t, (place, size) in enumerate(zip(places_of(sizes), sizes, strict=True)):
        own = single[:, None, place]
        for s in range(t - 1, -1, -1):  # from the last, while there are few of them
            own = own[:, None] + pairs[s, t][:, :, None]
            own = own.reshape(K, -1, size, n)
        total = (own + total[:, :, None]).reshape(K, -1, n)
    return total


def sum_levels(sizes: tuple[int, ...], resp: Array) -> tuple[Array, list[Array]]:
    """Sums of (K, M, n) over the combinations that have a level, and over those that have two.

    The former are (K, sum of L, n), the latter (K, L, L', n) for each pair of slots.
    """
    K, _, n = resp.shape
    single, pairs = np.empty((K, sum(sizes), n)), {}
    for t in range(len(sizes) - 1, 0, -1):
        each = rest = resp.reshape(K, -1, sizes[t], n)
        for s in range(t - 1):  # slots before s are summed over
            rest = rest.reshape(K, sizes[s], -1, sizes[t], n)
            pairs[s, t] = rest.sum(axis=2)
            rest = rest.sum(axis=1)
        pairs[t - 1, t] = rest
        resp = each.sum(axis=2)
    for t, place in enumerate(places_of(sizes)):
        if t:
            pairs[0, t].sum(axis=1, out=single[:, place])
        else:
            single[:, place] = resp
    return single, [pairs[pair] for pair in pairs_of(sizes)]
