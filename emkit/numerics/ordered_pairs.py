"""Weights of pairs that are in order in two ways at once, without a look at every pair.

Elements stand in a row by the first key. Halves of the row, halves of these and so on are compared
by the second: every pair is once in two halves of one block. Blocks of all sizes go from the order
by the second key to that by the first by stable partitions, so that n elements take n log n steps.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Side", "pairs", "pairs_in_order"]


class Side(NamedTuple):
    """Elements that are the smaller ones of pairs, or the larger ones."""

    key: NDArray[np.intp]  #: (n,) of the first order; none of one side is one of the other
    value: Array  #: (n,) of the second
    weight: Array  #: (n,)


def pairs(smaller: Side, larger: Side) -> float:
    """Weight of all pairs of which the one has the smaller key; a product of the two for each."""
    at = np.argsort(np.concatenate([smaller.key, larger.key]))
    left = np.concatenate([smaller.weight, np.zeros(len(larger.key))])[at]
    right = np.concatenate([np.zeros(len(smaller.key)), larger.weight])[at]
    return float(right @ np.cumsum(left))


def pairs_in_order(smaller: Side, larger: Side) -> float:
    """Weight of those pairs of which the one has the smaller value too; half where it is equal."""
    by_key = np.argsort(np.concatenate([smaller.key, larger.key]), kind="stable")
    weight = np.zeros((2, len(by_key)))  # as the smaller one and as the larger
    weight[0, : len(smaller.key)], weight[1, len(smaller.key) :] = smaller.weight, larger.weight
    rank = np.unique(np.concatenate([smaller.value, larger.value]), return_inverse=True)[1]
    place = np.empty_like(by_key)
    place[by_key] = np.arange(len(by_key))
    order = np.argsort(rank, kind="stable")
    place, rank, weight = place[order], rank[order], weight[:, order]
    ordered = 0.0
    for bit in reversed(range(max(len(by_key) - 1, 0).bit_length())):
        right = (place >> bit & 1).astype(bool)
        block = place >> (bit + 1)
        ordered += _across(block, rank, np.where(right, 0.0, weight[0]), weight[1] * right)
        order = _parted(block << (bit + 1), right, 1 << bit)
        place, rank, weight = place[order], rank[order], weight[:, order]
    return ordered


def _across(block: NDArray[np.intp], rank: NDArray[np.intp], left: Array, right: Array) -> float:
    """Weight of pairs of one block with the smaller rank on the left; half of it where equal."""
    new_block = np.flatnonzero(np.diff(block, prepend=-1))
    new = np.flatnonzero(np.diff(block, prepend=-1) | np.diff(rank, prepend=-1))
    before = np.append(0.0, np.cumsum(left))
    ends = np.append(new[1:], len(block))
    in_block = before[new_block][np.searchsorted(new_block, new, "right") - 1]
    smaller = 0.5 * ((before[new] - in_block) + (before[ends] - in_block))
    return float(np.add.reduceat(right, new) @ smaller)


def _parted(start: NDArray[np.intp], right: NDArray[np.bool_], half: int) -> NDArray[np.intp]:
    """Order in which the left half of every block comes before the right one."""
    so_far = np.append(0, np.cumsum(right))
    on_right = so_far[:-1] - so_far[start]
    at = np.arange(len(start))
    order = np.empty_like(at)
    order[np.where(right, start + half + on_right, at - on_right)] = at
    return order
