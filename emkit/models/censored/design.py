"""Standardised columns of some rows, worked out from X when they are asked for.

Kept, they would take as much memory as X. Worked out for rows that stay in the cache, they take
little more time than to read them.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.standardised import Standardised, in_columns

__all__ = ["KEPT", "STEP_ROWS", "Tiles", "WorkedOutDesign", "by_tile", "steps"]

#: Rows worked on at a time, so that the arrays of a step stay in the cache.
STEP_ROWS = 8192
#: Numbers of a buffer that is kept for the next block, 32 MB at most: beside the products of wider
#: rows it takes little to ask for memory anew, and the process would not get that back.
KEPT = 2**22


def steps(n: int) -> list[slice]:
    """Slices of n rows that are worked on at a time."""
    return [slice(start, min(start + STEP_ROWS, n)) for start in range(0, n, STEP_ROWS)]


class WorkedOutDesign:
    """Reads like the array (m, q) of `Standardised.design` of some rows of X.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        As the user holds them.
    rows : ndarray of shape (m,)
        Numbers of the rows, in their order.
    units : Standardised
        Of the columns.
    """

    def __init__(self, X: Array, rows: NDArray[np.integer], units: Standardised):
        self.X, self.units = X, units
        self.rows = rows.astype(np.min_scalar_type(len(X)))  # of a block, in two bytes each
        self.shape = len(rows), len(units.line)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Array:
        return self.units.design(np.take(self.X, self.rows[rows], axis=0))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or float, copy=False)

    def __matmul__(self, coef: Array) -> Array:
        out, tiles = np.empty(len(self)), Tiles(self)
        for part in steps(len(self)):
            np.matmul(tiles(part), coef, out=out[part])
        return out

    def kept(self) -> Array:
        """As an array of which each column lies in one piece."""
        out, tiles = in_columns(*self.shape), Tiles(self)
        for part in steps(len(self)):
            tiles(part, out[part])
        return out


class Tiles:
    """Up to `STEP_ROWS` rows of a design at a time, in a buffer that the next ones take.

    Buffers that are not large outlive it, for the next block: to ask the system for them anew takes
    longer than to fill them.
    """

    _idle: ClassVar[list[Array]] = []

    def __init__(self, design: WorkedOutDesign):
        self.design = design
        most, (p, q) = min(STEP_ROWS, len(design)), (design.X.shape[1], design.shape[1])
        try:  # another thread may take the last one
            room = self._idle.pop()
        except IndexError:
            room = np.empty(0)
        self._room = room if room.size >= most * (p + q) else np.empty(most * (p + q))
        self._taken = self._room[: most * p].view(design.X.dtype)[: most * p].reshape(most, p)
        self._out = self._room[most * p : most * (p + q)].reshape(q, most).T

    def __del__(self) -> None:
        if self._room.size <= KEPT:
            self._idle.append(self._room)

    def __call__(self, part: slice, out: Array | None = None) -> Array:
        rows = self.design.rows[part]
        X = np.take(self.design.X, rows, axis=0, out=self._taken[: len(rows)], mode="clip")
        return self.design.units.design(X, out=self._out[: len(rows)] if out is None else out)


def by_tile(design: Any) -> Callable[[slice], Array]:
    """Slices of up to `STEP_ROWS` rows of a design, kept or worked out; see `Tiles`."""
    return Tiles(design) if isinstance(design, WorkedOutDesign) else design.__getitem__
