"""What the cells of a table tell of every column: its range, what is missing, whether it varies."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds

__all__ = ["Cells"]

#: Rows that are looked at together, so that no mask is as long as the data.
STEP = 8192
#: Values whose squares, and sums of these, are doubles.
LARGEST = 1e150
#: Bounds of no rows.
NO_BOUNDS = CellBounds(np.zeros(1, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros((2, 0)))


class Cells(NamedTuple):
    """What the cells tell of every column of a table, or of some of its rows."""

    n: int  #: rows of positive weight
    weight: float  #: of all rows
    missing: Array  #: (n_features,) weight of the rows that miss it
    low: Array  #: (n_features,) smallest value in rows of positive weight, NaN where it has none
    high: Array
    within: Array  #: (n_features,) weight of the rows that know an interval alone
    extremes: Array  #: (4, n_features) of the intervals, as `CellBounds.extremes`

    @classmethod
    def of(cls, rows: Rows) -> "Cells":
        starts = range(0, max(len(rows.X), 1), STEP)
        return cls.total([cls._of_tile(rows.take(slice(i, i + STEP))) for i in starts])

    @classmethod
    def _of_tile(cls, rows: Rows) -> "Cells":
        if rows.sample_weight is not None and not rows.sample_weight.all():
            rows = rows.take(np.flatnonzero(rows.sample_weight > 0.0))
        X, weights, bounds = rows.X, rows.sample_weight, rows.bounds
        missing = np.isnan(X)
        within: Array = np.zeros(X.shape[1])
        extremes = NO_BOUNDS.extremes(X.shape[1])
        if bounds is not None:
            known = bounds.mask(X.shape[1])
            missing &= ~known
            within = known.sum(axis=0) if weights is None else weights @ known
            extremes = bounds.extremes(X.shape[1])
        # The initial value is one that does not count: there may be no rows.
        with np.errstate(invalid="ignore"):
            low, high = (f.reduce(X, axis=0, initial=np.nan) for f in (np.fmin, np.fmax))
        ends = low, high, within, extremes
        if weights is None:
            return cls(len(X), float(len(X)), np.count_nonzero(missing, axis=0), *ends)
        return cls(len(X), float(weights.sum()), weights @ missing, *ends)

    @classmethod
    def total(cls, parts: "list[Cells]") -> "Cells":
        """Of several parts together."""
        n, weight, missing, low, high, within, extremes = zip(*parts, strict=True)
        return cls(
            sum(n),
            sum(weight),
            np.sum(missing, axis=0, dtype=float),
            np.fmin.reduce(low).astype(float),
            np.fmax.reduce(high).astype(float),
            np.sum(within, axis=0, dtype=float),
            np.where([[True], [False]] * 2, np.max(extremes, axis=0), np.min(extremes, axis=0)),
        )

    @property
    def constants(self) -> Array:
        """The value of a column that need not vary, NaN of all others.

        It is the only number observed, which lies in all intervals. Without a number it is what
        all intervals have in common, the limit if they are open on one side; or the middle of the
        gap where they only say on which side of one a cell lies.
        """
        floor, ceiling, below, above = self.extremes
        only = np.where(self.low == self.high, self.low, np.nan)
        only[~((floor <= only) & (only <= ceiling))] = np.nan
        unseen = np.isnan(self.low) & (self.within > 0.0)
        with np.errstate(invalid="ignore"):
            inner = np.where(np.isfinite(floor), floor, ceiling) / 2.0
            inner += np.where(np.isfinite(ceiling), ceiling, floor) / 2.0
            gap = np.where(below <= above, below / 2.0 + above / 2.0, np.nan)
        return np.where(unseen, np.where(floor <= ceiling, inner, gap), only)

    @property
    def without_number(self) -> NDArray[np.bool_]:
        """Columns of which intervals alone are known, which leave no scale to estimate."""
        return np.isnan(self.low) & (self.within > 0.0) & ~np.isnan(self.constants)

    @property
    def missing_fraction(self) -> Array:
        return self.missing / self.weight

    @property
    def limited_fraction(self) -> Array:
        return self.within / self.weight

    def require_squares(self, estimator: Any) -> None:
        """ValueError where a value is so large that no variance of it can be given."""
        far = np.where(np.abs(self.low) > np.abs(self.high), self.low, self.high)
        for j in np.flatnonzero((np.abs(far) > LARGEST) & (self.low < self.high))[:1]:
            names = getattr(estimator, "feature_names_in_", np.arange(len(far)))
            raise ValueError(
                f"Column {names[j]!s} of X holds {far[j]:g}, whose square leaves the range of "
                "doubles, so that its variance cannot be given. If it stands for a missing cell, "
                "make it NaN or say so by missing_values; otherwise divide the column by a unit."
            )
