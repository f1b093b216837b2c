"""Rows that a fit goes over: residuals about a first line, those of a kind one after the other."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.strata import Codes
from emkit.numerics.gaussian import tile_rows

__all__ = [
    "BETWEEN",
    "EXACT",
    "LEFT",
    "RIGHT",
    "ExactSums",
    "Groups",
    "Residuals",
    "Tile",
    "grouped",
    "least_within",
]

#: Kinds of responses: censored on the right, exact, between two bounds, censored on the left.
RIGHT, EXACT, BETWEEN, LEFT = range(4)
#: Number of a group, which tells kind, entry and stratum of its rows.
Groups = NDArray[np.integer]


def grouped(kind: Groups, entered: NDArray[np.bool_] | None, stratum: Codes | None) -> Groups:
    """Numbers of the groups of rows (n,): by stratum, in it by kind, and those with an entry last.

    They take a byte a row where there are no strata.
    """
    group = 2 * kind if entered is None else 2 * kind + entered
    return group if stratum is None else group + 8 * stratum


class Tile(NamedTuple):
    """Rows of one group that are worked on at a time, so that the arrays of a step stay in the
    cache."""

    rows: slice
    kind: int
    entered: bool  #: whether they have entries
    stratum: int  #: number of their scale


def least_within(low: Array, high: Array, entry: Array | None) -> Array:
    """Lower bounds (n,), -inf where an interval begins at its entry.

    Such a response is sure to lie above it: as the scale goes to 0 about a line anywhere below the
    upper bound, that it lies within the interval becomes certain.
    """
    if entry is None:
        return low
    return np.where((low == entry) & (low < high), -np.inf, low)


class ExactSums(NamedTuple):
    """Sums over the exact rows, of residuals about the first line."""

    weight: float  #: total weight
    gram: Array  #: (q, q)
    cross: Array  #: (q,) design' response
    squares: float  #: sum of squares of the responses

    @classmethod
    def none(cls, q: int) -> "ExactSums":
        return cls(0.0, np.zeros((q, q)), np.zeros(q), 0.0)

    def part(self, every: int) -> "ExactSums":
        """The sums of one row in ``every``, as if all rows were alike."""
        weight, gram, cross, squares = self
        return ExactSums(weight / every, gram / every, cross / every, squares / every)


class Residuals(NamedTuple):
    """A block of the data of a fit, about the first line and in units of the spread about it."""

    design: Any  #: (m, q) of the rows that an E-step goes over, kept or worked out (`design`)
    point: Array  #: (m,) response, or the bound of one censored on a side, or the lower of two
    upper: Array | None  #: (m,) upper bound of those between two; None where there are none at all
    width: Array | None  #: (m,) upper less lower bound, where these would cancel; likewise
    group: Groups  #: (m,) number of the group, ascending
    weight: Array | None  #: (m,)
    exact: ExactSums
    entry: Array | None = None  #: (m,) -inf where there is none

    @property
    def kind(self) -> Groups:
        """Kind of every row (m,)."""
        return self.group // 2 % 4

    @property
    def stratum(self) -> Groups:
        """Number of the scale of every row (m,)."""
        return self.group // 8

    def bounds(self, rows: slice = slice(None)) -> tuple[Array, Array, Array]:
        """Lower and upper bounds of some rows, infinite where open, and what lies between them."""
        kind, point = self.group[rows] // 2 % 4, self.point[rows]
        low = np.where(kind == LEFT, -np.inf, point)
        high = np.where(kind == RIGHT, np.inf, point)
        width = np.where(kind == EXACT, 0.0, np.inf)
        if self.upper is not None and self.width is not None:
            between = kind == BETWEEN
            high[between], width[between] = self.upper[rows][between], self.width[rows][between]
        return low, high, width

    def encloses(self, coef: Array) -> NDArray[np.bool_]:
        """Rows (m,) within whose bounds a line passes."""
        fitted = self.design @ coef
        return (self.least < fitted) & (fitted < self.bounds()[1])

    @property
    def least(self) -> Array:
        """What a line must not lie below to be within the bounds (m,); see `least_within`."""
        return least_within(*self.bounds()[:2], self.entry)

    def take(self, rows: slice | NDArray[np.bool_]) -> "Residuals":
        """Copies of some of the rows: views would keep the whole block."""
        return self._replace(**{name: part[rows].copy("K") for name, part in self._of_rows.items()})

    def joined(self, others: Sequence["Residuals"]) -> "Residuals":
        """With the rows of other blocks, those of a group one after the other."""
        blocks = self, *others
        rows: dict[str, Any] = {
            name: np.concatenate([getattr(block, name) for block in blocks])
            for name in self._of_rows
        }
        order = np.argsort(rows["group"], kind="stable")
        return self._replace(**{name: part[order] for name, part in rows.items()})

    def tiles(self) -> Iterator[Tile]:
        """The rows, group by group."""
        starts = np.flatnonzero(self.group[1:] != self.group[:-1]) + 1
        step = tile_rows(self.design.shape[1])
        for start, stop in pairwise([0, *starts.tolist(), len(self.group)]):
            if start == stop:  # there are no rows
                return
            group = int(self.group[start])
            for first in range(start, stop, step):
                rows = slice(first, min(first + step, stop))
                yield Tile(rows, group // 2 % 4, bool(group % 2), group // 8)

    @property
    def _of_rows(self) -> dict[str, Any]:
        """Arrays with an entry a row, by name."""
        parts = self._asdict().items()
        return {name: part for name, part in parts if name != "exact" and part is not None}
