"""Limits of whole columns, and columns whose logarithms are modelled: what a number in them is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_labels
from emkit.data.by_column import numbers_by_column
from emkit.data.containers import columns_of, narrow_floats
from emkit.data.refusals import column

__all__ = ["has_limits", "limits_by_column", "log_of", "require_positive", "with_bounds"]


def has_limits(estimator: Any) -> bool:
    """Whether an estimator was given limits of columns."""
    return estimator.lower_limits is not None or estimator.upper_limits is not None


def limits_by_column(estimator: Any, n_features: int) -> Array:
    """``lower_limits`` and ``upper_limits`` as (2, n_features), infinite where there are none."""
    low = numbers_by_column(estimator, "lower_limits", -np.inf, n_features)
    high = numbers_by_column(estimator, "upper_limits", np.inf, n_features)
    low = np.where(np.isfinite(low), low, -np.inf)
    high = np.where(np.isfinite(high), high, np.inf)
    for j in np.flatnonzero(low > high):
        where = column(int(j), column_labels(estimator))
        raise ValueError(
            f"The limits of {where} cross: lower_limits has {low[j]:g} and upper_limits "
            f"{high[j]:g}, so that no number between them could be observed. Likely they are the "
            "wrong way round, or in other units."
        )
    return np.stack([low, high])


def with_bounds(
    X: Array, limits: Array, own: Array | None = None, given: Any = None
) -> tuple[Array, Array | None]:
    """X (n, d) with NaN in cells at their limits or beyond, and bounds (2, n, d) of the intervals.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Numbers, NaN where there is none.
    limits : ndarray of shape (2, d)
        A cell at the lower limit or below lies in (-inf, limit], one at the upper limit or above
        in [limit, inf).
    own : ndarray of shape (2, n, d), default=None
        Bounds of cells that hold an interval themselves, which stays as it is.
    given : object, default=None
        What X was read from: its numbers may be of float32, in which a limit is another number.

    Returns
    -------
    X, bounds : ndarray
        Bounds are None where no cell is an interval; X is not changed in place.
    """
    (low, high), (least, most) = limits, _rounded(limits, X, given)
    below, above = least >= X, most <= X
    at_limit = below != above  # at both it is the one number between them
    bounds = np.full((2, *X.shape), np.nan, X.dtype) if own is None else own.astype(X.dtype)
    if at_limit.any():
        bounds[0] = np.where(at_limit, np.where(below, -np.inf, high), bounds[0])
        bounds[1] = np.where(at_limit, np.where(below, low, np.inf), bounds[1])
        X = np.where(at_limit, np.nan, X).astype(X.dtype, copy=False)
    return X, None if np.isnan(bounds[0]).all() else bounds


def _rounded(limits: Array, X: Array, given: Any) -> tuple[Array, Array]:
    """The limits, moved out to the nearest number of a type in which columns were rounded."""
    least, most = limits[0].copy(), limits[1].copy()
    narrow = narrow_floats(given if hasattr(given, "dtype") else X, columns_of(given))
    with np.errstate(over="ignore"):
        for dtype, columns in narrow:
            rounded = limits[:, columns].astype(dtype).astype(float)
            least[columns] = np.maximum(least[columns], rounded[0])
            most[columns] = np.minimum(most[columns], rounded[1])
    return least, most


def require_positive(
    X: Array, bounds: Array | None, logs: NDArray[np.intp], names: Sequence[Any]
) -> None:
    """ValueError where a cell of a column whose logarithm is modelled has none."""
    wrong = X[:, logs] <= 0.0
    if bounds is not None:
        wrong |= bounds[1][:, logs] <= 0.0
    if not wrong.any():
        return
    i, at = np.argwhere(wrong)[0].tolist()
    j = int(logs[at])
    where = column(j, names)
    what = f"{X[i, j]:g}"
    if np.isnan(X[i, j]):
        assert bounds is not None
        what = f"an interval from {bounds[0, i, j]:g} to {bounds[1, i, j]:g}"
    raise ValueError(
        f"{where[0].upper()}{where[1:]} of X holds {what} in row {i} ({int(wrong.sum())} such "
        "cell(s) in all), which has no logarithm, and log names the column. If it stands for a "
        "value below detection, give the limit: lower_limits, or '<LIMIT' in the cell; if for a "
        "missing one, make it NaN; else leave the column out of log."
    )


def log_of(X: Array, bounds: Array | None, logs: NDArray[np.intp]) -> tuple[Array, Array | None]:
    """X and bounds with logarithms in some of the columns; what tells nothing of them is missing.

    A lower bound of 0 or less is none, and an interval of all positive numbers is no evidence.
    """
    if not len(logs):
        return X, bounds
    X = X.copy()
    X[:, logs] = np.log(X[:, logs])
    if bounds is not None:
        bounds = bounds.copy()
        with np.errstate(divide="ignore"):
            of_logs = np.log(np.maximum(bounds[:, :, logs], 0.0))
        of_logs[:, (of_logs[0] == -np.inf) & (of_logs[1] == np.inf)] = np.nan
        bounds[:, :, logs] = of_logs
    return X, bounds
