r"""The flat that all rows of a table lie in, where columns are constant or follow from others.

Of the columns those are kept that do not follow from the ones before them, in an order that
`find_flat` chooses; every other is

.. math:: x_j = c_j + \sum_i b_{ji} x_i \qquad \text{over the kept columns } i,

with :math:`b_j = 0` for a constant one. Beyond the kept columns the rows have no density: these
alone have a likelihood, parameters that count, and rows that tell something.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.checks import has_missing, rows_that_count, rows_with_value
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds
from emkit.numerics.covariance import Layout

__all__ = ["Flat"]

#: What a column varies by beyond what it follows from, as part of its spread or value, in
#: covariances that are published: enough for their inverses to be finite.
PUBLISHED_DEVIATION = 1e-6
#: Largest product of a slope and a unit: beyond it nothing can be told in doubles.
LARGEST = 1e300
#: Smallest unit of a column, in square roots of reg_covar.
LEAST = 1e-20
#: A cell is determined by others if a projection on what they tell of leaves that part of it.
DETERMINED = 1e-8
#: A row leaves the flat where it is off by that part of a column's spread or value.
OFF_THE_FLAT = 1e-6


class Flat(NamedTuple):
    """Which columns are kept, and how the others follow from them.

    Indices are of the user's columns, ascending; m are kept, q follow from these.
    """

    kept: NDArray[np.intp]  #: (m,)
    constant: NDArray[np.intp]  #: (p,)
    values: Array  #: (p,) of the constant columns
    related: NDArray[np.intp]  #: (q,)
    slopes: Array  #: (q, m)
    offsets: Array  #: (q,)
    spread: Array  #: (d,) standard deviations of all columns

    @property
    def n_features(self) -> int:
        """Columns of the user's table."""
        return len(self.spread)

    # Rows

    def reduce(self, X: Array) -> Array:
        """The kept columns of rows (n, d), with cells that the other columns determine."""
        out = X[:, self.kept]
        involved = np.flatnonzero(self.slopes.any(axis=0))
        if len(involved) and has_missing(out[:, involved]):
            self._determine(X, out)
        return out

    def reduce_rows(self, rows: Rows) -> Rows:
        """The same with the bounds of cells that are not determined.

        Of a column that follows from one other its bounds go over to that.
        """
        X, bounds = self.reduce(rows.X), rows.bounds
        if bounds is not None:
            bounds = CellBounds.of(self._reduce_bounds(bounds.table(self.n_features), np.isnan(X)))
        return rows._replace(X=X, bounds=bounds)

    def _reduce_bounds(self, bounds: Array, unknown: NDArray[np.bool_]) -> Array:
        """Bounds (2, n, m) of the kept columns, NaN where a cell is known; from (2, n, d)."""
        out = bounds[:, :, self.kept]
        for j, slopes, offset in zip(self.related, self.slopes, self.offsets, strict=True):
            uses = np.flatnonzero(slopes)
            if len(uses) == 1:
                (i,) = uses
                low, high = np.sort((bounds[:, :, j] - offset) / slopes[i], axis=0)
                both = np.stack([np.fmax(out[0, :, i], low), np.fmin(out[1, :, i], high)])
                out[:, :, i] = np.where(both[0] < both[1], both, out[:, :, i])
        return np.where(unknown, out, np.nan)

    def _determine(self, X: Array, out: Array) -> None:
        """Fill missing cells of ``out`` that observed columns determine, pattern by pattern."""
        known = ~np.isnan(X[:, self.related])
        rows = np.flatnonzero(np.isnan(out).any(axis=1) & known.any(axis=1))
        patterns, which = np.unique(
            np.hstack([np.isnan(out[rows]), known[rows]]), axis=0, return_inverse=True
        )
        slopes = self.slopes * self.spread[self.kept] / self.spread[self.related][:, None]
        for number, pattern in enumerate(patterns):
            mine = rows[which.ravel() == number]
            missing, told = np.split(pattern, [len(self.kept)])
            x = np.where(missing, 0.0, out[mine])
            rest = X[np.ix_(mine, self.related[told])] - self.offsets[told]
            rest -= x @ self.slopes[told].T
            inverse = np.linalg.pinv(slopes[told][:, missing], rcond=DETERMINED)
            clear = np.diag(inverse @ slopes[told][:, missing]) > 1.0 - DETERMINED
            cells = np.flatnonzero(missing)[clear]
            found = (rest / self.spread[self.related[told]]) @ inverse[clear].T
            out[np.ix_(mine, cells)] = found * self.spread[self.kept[cells]]

    def terms(self, largest: Array) -> Array:
        """How large the numbers are that missing cells of the kept columns (m,) are made of.

        In units of the cells, 0 where there are none; ``largest`` are the sizes of the columns.
        """
        slopes = np.abs(self.slopes)
        with np.errstate(over="ignore", divide="ignore"):
            size = (slopes @ largest + np.abs(self.offsets))[:, None] / slopes
        return np.where(slopes > 0.0, size, 0.0).max(axis=0, initial=0.0)

    def told_more(self, X: Array, kept: Array) -> NDArray[np.intp]:
        """Rows of which a column that is not kept tells something beyond the ``kept`` ones."""
        missing = np.isnan(kept).astype(float) @ (self.slopes != 0.0).T > 0.0
        return np.flatnonzero((missing & ~np.isnan(X[:, self.related])).any(axis=1))

    def expand(self, x: Array) -> Array:
        """Rows (n, d) from their kept columns (n, m)."""
        out = np.empty((len(x), self.n_features), x.dtype)
        out[:, self.kept] = x
        out[:, self.constant] = self.values
        with np.errstate(over="ignore", invalid="ignore"):  # of columns in units far apart
            related = x @ self.slopes.T + self.offsets
        largest = np.finfo(x.dtype).max
        out[:, self.related] = np.where(np.isnan(related), related, related.clip(-largest, largest))
        return out

    def counted(self, rows: Rows) -> Rows:
        """The rows that tell something, in the kept columns."""
        kept = self.reduce_rows(rows)
        return rows_with_value(kept.X, kept.sample_weight, kept.bounds)

    def which_count(self, rows: Rows) -> Any:
        """As a mask, or None for all."""
        kept = self.reduce_rows(rows)
        return rows_that_count(kept.X, kept.sample_weight, has_missing(kept.X), kept.bounds)

    def strays(self, rows: Rows) -> NDArray[np.bool_]:
        """Which columns of the user's some rows leave the flat in; (d,)."""
        X = rows.X
        with np.errstate(invalid="ignore"):  # of cells that are missing
            away = np.abs(X - self.expand(X[:, self.kept]))
            return np.asarray(
                (away > OFF_THE_FLAT * np.maximum(self.spread, np.abs(X))).any(axis=0)
            )

    # Parameters, in the user's units

    def lift(
        self, layout: Layout, covariances: Array, factor: Array, scale: Array, reg_covar: float
    ) -> tuple[Array, Array, Array]:
        """Covariances and whitening factor of all columns, with their units, from the kept ones'.

        What the others vary by beyond these is reg_covar, or enough for inverses to be finite.
        """
        units = np.zeros(self.n_features)
        units[self.kept] = scale
        slopes = np.abs(self.slopes) * np.minimum(
            scale, LARGEST / np.abs(self.slopes).max(initial=1)
        )
        units[self.related] = np.maximum(self.spread[self.related], slopes.max(axis=1, initial=0.0))
        units[self.related] = np.maximum(units[self.related], LEAST * reg_covar**0.5)
        own = np.zeros(self.n_features)  # standard deviations beyond the kept columns, in units
        own[self.related] = np.maximum(reg_covar**0.5 / units[self.related], PUBLISHED_DEVIATION)
        size = np.where(self.values == 0.0, 1.0, np.abs(self.values))
        own[self.constant] = 1.0
        units[self.constant] = reg_covar**0.5 if reg_covar > 0.0 else PUBLISHED_DEVIATION * size
        if not layout.ndim:  # all columns have one unit
            units[:] = scale[0] if len(scale) else units.max()
        maps = None
        if len(self.related):
            maps = np.zeros((self.n_features, len(self.kept)))
            maps[self.kept, np.arange(len(self.kept))] = 1.0
            maps[self.related] = np.sign(self.slopes) * slopes / units[self.related][:, None]
        return *layout.lift(covariances, factor, self.kept, maps, own**2), units

    def expand_errors(self, errors: Array) -> Array:
        """Standard errors (K, d) of means: 0 of constants, NaN of what follows from others."""
        out = np.zeros((len(errors), self.n_features))
        out[:, self.kept] = errors
        out[:, self.related] = np.nan
        return out
