"""Uniform numbers that depend on what stands in a row alone.

So that what is expected of a row is the same in any table, in any order and at every call, while
the errors of different rows are independent. The generator is SplitMix64.

References
----------
Steele, G. L., Lea, D. & Flood, C. H. (2014). Fast splittable pseudorandom number generators.
OOPSLA 2014, 453-472. doi:10.1145/2660193.2660195
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Mirrored", "RowChances"]

Words = NDArray[np.uint64]

#: The increment of SplitMix64, and the multipliers and shifts of its mixing function.
INCREMENT = np.uint64(0x9E3779B97F4A7C15)
MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
LAST, UNUSED = np.uint64(31), np.uint64(11)


class RowChances:
    """A generator for every row.

    Parameters
    ----------
    cells : ndarray of shape (d, n)
        What stands in the rows.
    """

    def __init__(self, cells: Array):
        self.state = np.zeros(cells.shape[1], dtype=np.uint64)
        for column in cells + 0.0:  # of which -0 and 0 are the same
            bits = np.ascontiguousarray(column).view(np.uint64)
            self.state = _mixed((self.state + INCREMENT) ^ bits)

    def __call__(self, shape: tuple[int, int]) -> Array:
        """Uniform numbers (d, n) between 0 and 1."""
        steps = np.arange(shape[0] + 1, dtype=np.uint64)[:, None] * INCREMENT
        words = _mixed(self.state + steps[1:])
        self.state = self.state + steps[-1]
        result: Array = ((words >> UNUSED).astype(float) + 0.5) * 2.0**-53
        return result


class Mirrored:
    """Uniform numbers as they come, and then, once more, what each leaves of 1."""

    def __init__(self, chances: RowChances):
        self.chances = chances
        self.drawn: list[Array] = []

    def __call__(self, shape: tuple[int, int]) -> Array:
        self.drawn.append(self.chances(shape))
        return self.drawn[-1]

    def mirror(self) -> "Mirror":
        """The same numbers of calls, in the same order, mirrored."""
        return Mirror(iter(self.drawn))


class Mirror(NamedTuple):
    """What numbers that were drawn leave of 1."""

    drawn: Iterator[Array]

    def __call__(self, shape: tuple[int, int]) -> Array:
        mirrored: Array = 1.0 - next(self.drawn)
        return mirrored


def _mixed(words: Words) -> Words:
    for shift, factor in MIXING:
        words = (words ^ (words >> shift)) * factor
    return words ^ (words >> LAST)
