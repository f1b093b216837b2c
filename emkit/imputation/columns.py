"""The columns of a table to be imputed: which are modelled, constant, empty, dropped."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_labels
from emkit.data.by_column import as_mapping, numbers_by_column
from emkit.data.checks import rows_with_value
from emkit.models.rows import Rows

__all__ = ["Cells", "Columns", "check_limits"]

#: Rows that are looked at together, so that no mask is as long as the data.
STEP = 8192
#: Values whose squares, and sums of these, are doubles.
LARGEST = 1e150


class Cells(NamedTuple):
    """What the cells tell of every column of a table, or of some of its rows."""

    n: int  #: rows of positive weight
    weight: float  #: of all rows
    missing: Array  #: (n_features,) weight of the rows that miss it
    low: Array  #: (n_features,) smallest value in rows of positive weight, NaN where it has none
    high: Array

    @classmethod
    def of(cls, rows: Rows) -> "Cells":
        starts = range(0, max(len(rows.X), 1), STEP)
        return cls.total([cls._of_tile(rows.take(slice(i, i + STEP))) for i in starts])

    @classmethod
    def _of_tile(cls, rows: Rows) -> "Cells":
        X, weights, *_ = rows
        if weights is not None and not weights.all():
            kept = weights > 0.0
            X, weights = X[kept], weights[kept]
        missing = np.isnan(X)
        # The initial value is one that does not count: there may be no rows.
        with np.errstate(invalid="ignore"):
            low, high = (f.reduce(X, axis=0, initial=np.nan) for f in (np.fmin, np.fmax))
        if weights is None:
            return cls(len(X), float(len(X)), np.count_nonzero(missing, axis=0), low, high)
        return cls(len(X), float(weights.sum()), weights @ missing, low, high)

    @classmethod
    def total(cls, parts: "list[Cells]") -> "Cells":
        """Of several parts together."""
        n, weight, missing, low, high = zip(*parts, strict=True)
        bounds = np.fmin.reduce(low).astype(float), np.fmax.reduce(high).astype(float)
        return cls(sum(n), sum(weight), np.sum(missing, axis=0, dtype=float), *bounds)

    @property
    def missing_fraction(self) -> Array:
        return self.missing / self.weight

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

    @classmethod
    def of(cls, cells: Cells, keep_empty: bool) -> "Columns":
        low, high = cells.low, cells.high
        empty = np.isnan(low)
        constants = np.where(low == high, low, np.nan)
        constants[empty] = 0.0
        kept = np.ones(len(low), dtype=bool) if keep_empty else ~empty
        modelled, returned, without = map(np.flatnonzero, (np.isnan(constants), kept, empty))
        return cls(modelled, returned, without, constants)

    @classmethod
    def all(cls, n_features: int) -> "Columns":
        """As they are where every column varies."""
        modelled = np.arange(n_features)
        return cls(modelled, modelled, modelled[:0], np.full(n_features, np.nan))

    @property
    def modelled_in_output(self) -> NDArray[np.intp]:
        """Where the modelled columns are among those that are kept."""
        return np.searchsorted(self.kept, self.modelled)

    def take_modelled(self, X: Array) -> Array:
        """The modelled columns of X; X itself where that is all."""
        return X if len(self.modelled) == X.shape[1] else X[:, self.modelled]

    def rows(self, rows: Rows) -> Rows:
        """Those of positive weight that have a value in the modelled columns, and these alone."""
        return rows_with_value(self.take_modelled(rows.X), rows.sample_weight)

    def spread_means(self, means: Array) -> Array:
        """Means (K, n_modelled) beside the values of the other columns that are kept."""
        out = np.tile(self.constants[self.kept], (len(means), 1))
        out[:, self.modelled_in_output] = means
        return out

    def changed(self, cells: Cells) -> NDArray[np.intp]:
        """Columns that vary now and are not modelled."""
        fixed = ~np.isnan(self.constants)
        empty = np.isin(np.arange(len(fixed)), self.empty)
        same = (cells.low == self.constants) & (cells.high == self.constants) & ~empty
        return np.flatnonzero(fixed & ~np.isnan(cells.low) & ~same)

    def fill_constants(self, X: Array, limits: Array) -> Array:
        """The kept columns, those filled that are not modelled."""
        out = X[:, self.kept]
        constants = self.constants[self.kept]
        for j in np.flatnonzero(np.isfinite(constants)):
            low, high = limits[:, self.kept[j]]
            out[np.isnan(out[:, j]), j] = np.clip(constants[j], low, high)
        return out


def check_limits(imputer: Any, n_features: int) -> Array:
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
