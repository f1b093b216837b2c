"""Bounds of the cells of a table that are known to an interval alone, a row after the other."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["CellBounds", "keep_within"]


class CellBounds(NamedTuple):
    """Cells of n rows, those of row i from ``starts[i]`` to ``starts[i + 1]``."""

    starts: NDArray[np.intp]  #: (n + 1,)
    columns: NDArray[np.intp]  #: (c,) ascending within a row
    ends: Array  #: (2, c) lower and upper bounds

    @classmethod
    def of(cls, bounds: Array) -> "CellBounds | None":
        """From a table (2, n, d) of bounds, NaN in other cells; None where there are none."""
        known = ~np.isnan(bounds[0])
        if not known.any():
            return None
        starts = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        return cls(starts, np.nonzero(known)[1], bounds[:, known])

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many such cells each of the rows has."""
        result: NDArray[np.intp] = np.diff(self.starts)
        return result

    @property
    def rows(self) -> NDArray[np.intp]:
        """Row of each of the cells."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts)

    def mask(self, n_columns: int) -> NDArray[np.bool_]:
        """Which cells of the table they are, (n, d)."""
        out = np.zeros((len(self.starts) - 1, n_columns), dtype=bool)
        out[self.rows, self.columns] = True
        return out

    def take(self, rows: slice | NDArray[np.intp]) -> "CellBounds":
        """Those of some of the rows."""
        first, last = self.starts[:-1][rows], self.starts[1:][rows]
        counts = last - first
        starts = np.concatenate([[0], np.cumsum(counts)])
        if len(counts) and (counts == counts[0]).all():  # as in a tile
            cells = (first[:, None] + np.arange(counts[0])).ravel()
        else:
            cells = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
        return CellBounds(starts, self.columns[cells], np.take(self.ends, cells, axis=1))

    def keep(self, columns: NDArray[np.intp], n_columns: int) -> "CellBounds | None":
        """Those in some of the columns, which are ascending, by their places among these."""
        place = np.full(n_columns, -1)
        place[columns] = np.arange(len(columns))
        some = self.where(place[self.columns] >= 0)
        return None if some is None else some._replace(columns=place[some.columns])

    def where(self, kept: NDArray[np.bool_]) -> "CellBounds | None":
        """Those of some of the cells; None where there are none."""
        if not kept.any():
            return None
        counts = np.bincount(self.rows[kept], minlength=len(self.starts) - 1)
        starts = np.concatenate([[0], np.cumsum(counts)])
        return CellBounds(starts, self.columns[kept], self.ends[:, kept])

    def table(self, n_columns: int) -> Array:
        """As a table (2, n, d), NaN in other cells."""
        out = np.full((2, len(self.starts) - 1, n_columns), np.nan)
        out[:, self.rows, self.columns] = self.ends
        return out

    def extremes(self, n_columns: int) -> Array:
        """Of every column (4, d): the largest lower and the smallest upper bound, and sides.

        These are the largest upper bound of what is open below, and the smallest lower bound of
        what is open above, with the other infinity where an interval is not open.
        """
        (low, high), out = self.ends, np.tile([[-np.inf], [np.inf]], (2, n_columns))
        np.maximum.at(out[0], self.columns, low)
        np.minimum.at(out[1], self.columns, high)
        np.maximum.at(out[2], self.columns, np.where(high < np.inf, high, -np.inf))
        np.minimum.at(out[3], self.columns, np.where(low > -np.inf, low, np.inf))
        bounded = self.columns[np.isfinite(self.ends).all(axis=0)]
        out[2, bounded], out[3, bounded] = np.inf, -np.inf
        return out


def keep_within(filled: Array, bounds: CellBounds | None) -> None:
    """Move those of filled cells (n, d) that have bounds into them."""
    if bounds is not None:
        cells = bounds.rows, bounds.columns
        filled[cells] = np.clip(filled[cells], *bounds.ends)
