"""The columns of a table to be imputed: which are modelled, constant, empty, dropped."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_labels
from emkit.data.by_column import as_mapping, numbers_by_column
from emkit.data.checks import rows_with_value
from emkit.data.limits_by_column import log_of
from emkit.engine import EMResult
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds

__all__ = ["Cells", "Columns", "check_limits", "keep_within"]

#: Rows that are looked at together, so that no mask is as long as the data.
STEP = 8192
#: Values whose squares, and sums of these, are doubles.
LARGEST = 1e150
#: Bounds of no rows.
NO_BOUNDS = CellBounds(np.zeros(1, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros((2, 0)))
#: No columns.
NONE = np.arange(0)


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

    def require_squares(self, imputer: Any) -> None:
        """ValueError where a value is so large that no variance of it can be given."""
        far = np.where(np.abs(self.low) > np.abs(self.high), self.low, self.high)
        for j in np.flatnonzero((np.abs(far) > LARGEST) & (self.low < self.high))[:1]:
            names = getattr(imputer, "feature_names_in_", np.arange(len(far)))
            raise ValueError(
                f"Column {names[j]!s} of X holds {far[j]:g}, whose square leaves the range of "
                "doubles, so that its variance cannot be given. If it stands for a missing cell, "
                "make it NaN or say so by missing_values; otherwise divide the column by a unit."
            )


class Columns(NamedTuple):
    """What becomes of each column; indices are of the columns of fit."""

    modelled: NDArray[np.intp]  #: those that vary
    kept: NDArray[np.intp]  #: those that are returned
    empty: NDArray[np.intp]  #: those without a value
    constants: Array  #: (n_features,) the value of a constant column, 0 of an empty one, else NaN
    logs: NDArray[np.intp] = NONE  #: those whose logarithm is modelled

    @classmethod
    def of(cls, cells: Cells, keep_empty: bool, logs: NDArray[np.intp] = NONE) -> "Columns":
        empty = np.isnan(cells.low) & (cells.within == 0.0)
        constants = cells.constants
        constants[empty] = 0.0
        kept = np.ones(len(empty), dtype=bool) if keep_empty else ~empty
        modelled, returned, without = map(np.flatnonzero, (np.isnan(constants), kept, empty))
        return cls(modelled, returned, without, constants, logs)

    @classmethod
    def all(cls, n_features: int, logs: NDArray[np.intp] = NONE) -> "Columns":
        """As they are where every column varies."""
        modelled = np.arange(n_features)
        return cls(modelled, modelled, modelled[:0], np.full(n_features, np.nan), logs)

    @property
    def modelled_in_output(self) -> NDArray[np.intp]:
        """Where the modelled columns are among those that are kept."""
        return np.searchsorted(self.kept, self.modelled)

    @property
    def modelled_logs(self) -> NDArray[np.intp]:
        """Where among the modelled columns those are of which the logarithm is."""
        return np.flatnonzero(np.isin(self.modelled, self.logs))

    def take_modelled(self, X: Array) -> Array:
        """The modelled columns of X; X itself where that is all."""
        return X if len(self.modelled) == X.shape[1] else X[:, self.modelled]

    def as_modelled(self, rows: Rows) -> Rows:
        """The modelled columns of rows, with bounds, in logarithms where these are modelled."""
        X, bounds = self.take_modelled(rows.X), rows.bounds
        if bounds is not None and len(self.modelled) < rows.X.shape[1]:
            bounds = bounds.keep(self.modelled, rows.X.shape[1])
        X, bounds = log_of(X, bounds, self.modelled_logs)
        return Rows(X, rows.sample_weight, bounds=bounds)

    def rows(self, rows: Rows) -> Rows:
        """Those of positive weight that tell something of the modelled columns, and these alone."""
        part = self.as_modelled(rows)
        return rows_with_value(part.X, part.sample_weight, part.bounds)

    def log_volumes(self, modelled: Rows) -> Array:
        """What log-densities of rows, as they are modelled, have more than those of the numbers.

        The density of x is that of log x over x, in observed cells: the sum of their logarithms.
        """
        sums: Array = np.nansum(modelled.X[:, self.modelled_logs], axis=1, dtype=float)
        return sums

    def of_numbers(self, result: EMResult, modelled: Any) -> EMResult:
        """A result whose objectives are of the numbers, where logarithms were modelled."""
        return result.rescaled(plus=-self.log_volume(modelled)) if len(self.logs) else result

    def log_volume(self, modelled: Any) -> float:
        """The sum of `log_volumes` over rows, by weight; 0 without logarithms."""
        if not len(self.modelled_logs):
            return 0.0
        volumes, weights = self.log_volumes(modelled), modelled.sample_weight
        return float(volumes.sum() if weights is None else weights @ volumes)

    def spread_means(self, means: Array) -> Array:
        """Means (K, n_modelled) beside the values of the other columns that are kept.

        They are of logarithms where these are modelled.
        """
        constants = self.constants.copy()
        positive = self.logs[constants[self.logs] > 0.0]
        constants[positive] = np.log(constants[positive])
        out = np.tile(constants[self.kept], (len(means), 1))
        out[:, self.modelled_in_output] = means
        return out

    def changed(self, cells: Cells) -> NDArray[np.intp]:
        """Columns that vary now and are not modelled."""
        fixed = ~np.isnan(self.constants)
        empty = np.isin(np.arange(len(fixed)), self.empty)
        same = (cells.low == self.constants) & (cells.high == self.constants) & ~empty
        return np.flatnonzero(fixed & ~np.isnan(cells.low) & ~same)

    def fill_constants(self, rows: Rows, limits: Array) -> Array:
        """The kept columns, those filled that are not modelled."""
        out = rows.X[:, self.kept]
        constants = self.constants[self.kept]
        for j in np.flatnonzero(np.isfinite(constants)):
            low, high = limits[:, self.kept[j]]
            out[np.isnan(out[:, j]), j] = np.clip(constants[j], low, high)
            if rows.bounds is not None:
                within = rows.bounds.columns == self.kept[j]
                out[rows.bounds.rows[within], j] = constants[j]
        if rows.bounds is not None:
            keep_within(out, rows.bounds.keep(self.kept, rows.X.shape[1]))
        return out


def keep_within(filled: Array, bounds: CellBounds | None) -> None:
    """Move filled cells that have bounds into them."""
    if bounds is not None:
        cells = bounds.rows, bounds.columns
        filled[cells] = np.clip(filled[cells], *bounds.ends)


def check_limits(imputer: Any, n_features: int, logs: NDArray[np.intp] = NONE) -> Array:
    """min_value and max_value as an array (2, n_features)."""
    _refuse_limits_of_categories(imputer)
    low = numbers_by_column(imputer, "min_value", -np.inf, n_features)
    high = numbers_by_column(imputer, "max_value", np.inf, n_features)
    wrong = ~(low <= high) | (low == np.inf) | (high == -np.inf)
    whole = imputer._integers
    wrong[whole] |= np.ceil(low[whole]) > np.floor(high[whole])
    for j in np.flatnonzero(wrong):
        number = "whole number" if j in whole else "number"
        raise ValueError(
            f"min_value should not exceed max_value, nor leave no {number} between them. Got "
            f"{low[j]} and {high[j]} for feature {_name(imputer, int(j))}."
        )
    for j in logs[high[logs] <= 0.0]:
        raise ValueError(
            f"max_value should be positive where the logarithm is modelled. Got {high[j]} for "
            f"feature {_name(imputer, int(j))}, which log names."
        )
    return np.stack([low, high])


def _name(imputer: Any, feature: int) -> Any:
    return column_labels(imputer)[feature]


def _refuse_limits_of_categories(imputer: Any) -> None:
    """ValueError where a limit is given by name to a column of categories."""
    categories = np.flatnonzero(getattr(imputer, "is_categorical_", []))
    names = [_name(imputer, int(j)) for j in categories]
    for argument in ("min_value", "max_value"):
        given = as_mapping(imputer, getattr(imputer, argument))
        wrong = [key for key in given if key in names] if isinstance(given, Mapping) else []
        if wrong:
            raise ValueError(
                f"{argument} names {wrong[0]!r}, which is a column of categories: limits are of "
                "numbers. Leave it out, or see categorical_features."
            )
