"""The columns of a table to be imputed: which are modelled, constant, empty, dropped."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_labels
from emkit.data.by_column import as_mapping, numbers_by_column
from emkit.data.cells import Cells
from emkit.data.checks import rows_with_value
from emkit.data.limits_by_column import log_of
from emkit.engine import EMResult
from emkit.models.rows import Rows
from emkit.numerics.bounds import keep_within

__all__ = ["NONE", "Columns", "check_limits"]

#: No columns.
NONE = np.arange(0)


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
