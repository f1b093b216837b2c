"""The columns of a table to be imputed: which are modelled, constant, empty, dropped."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from emkit._typing import Array

__all__ = ["Columns", "check_limits"]


class Columns(NamedTuple):
    """What becomes of each column; indices are of the columns of fit."""

    modelled: NDArray[np.intp]  #: those that vary
    kept: NDArray[np.intp]  #: those that are returned
    empty: NDArray[np.intp]  #: those without a value
    constants: Array  #: (n_features,) the value of a constant column, 0 of an empty one, else NaN

    @classmethod
    def of(cls, X, keep_empty):
        with np.errstate(invalid="ignore"):
            low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
        empty = np.isnan(low)
        constants = np.where(low == high, low, np.nan)
        constants[empty] = 0.0
        kept = np.ones(len(low), dtype=bool) if keep_empty else ~empty
        return cls(*map(np.flatnonzero, (np.isnan(constants), kept, empty)), constants)

    @property
    def modelled_in_output(self):
        """Where the modelled columns are among those that are kept."""
        return np.searchsorted(self.kept, self.modelled)

    def take_modelled(self, X):
        """The modelled columns of X; X itself where that is all."""
        return X if len(self.modelled) == X.shape[1] else X[:, self.modelled]

    def spread_means(self, means):
        """Means (K, n_modelled) beside the values of the other columns that are kept."""
        out = np.tile(self.constants[self.kept], (len(means), 1))
        out[:, self.modelled_in_output] = means
        return out

    def fill_constants(self, X, limits):
        """The kept columns, those filled that are not modelled."""
        out = X[:, self.kept]
        constants = self.constants[self.kept]
        for j in np.flatnonzero(np.isfinite(constants)):
            low, high = limits[:, self.kept[j]]
            out[np.isnan(out[:, j]), j] = np.clip(constants[j], low, high)
        return out


def check_limits(imputer, n_features):
    """min_value and max_value as an array (2, n_features)."""
    limits = []
    for name, default in (("min_value", -np.inf), ("max_value", np.inf)):
        value = getattr(imputer, name)
        value = default if value is None else value
        value = (
            check_array(
                value, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, input_name=name
            )
            if np.ndim(value)
            else np.float64(value)
        )
        if np.shape(value) not in {(), (n_features,)}:
            raise ValueError(
                f"{name} should be a number or have the shape ({n_features},), one for each "
                f"feature. Got shape {np.shape(value)}."
            )
        limits.append(np.broadcast_to(value, n_features))
    low, high = limits
    wrong = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if len(wrong):
        j = wrong[0]
        raise ValueError(
            "min_value should not exceed max_value, nor leave no number between them. Got "
            f"{low[j]} and {high[j]} for feature {j}."
        )
    return np.stack(limits)
