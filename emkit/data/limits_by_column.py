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
from emkit.numerics.bounds import CellBounds

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
) -> tuple[Array, CellBounds | None]:
    """X (n, d) with NaN in cells at their limits or beyond, and the bounds of the intervals.

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
    X : ndarray of shape (n, d)
        Another array, where it differs.
    bounds : CellBounds or None
        None where no cell is an interval.
    """
    (low, high), (least, most) = limits, _rounded(limits, X, given)
    below, above = least >= X, most <= X
    at_limit = below != above  # at both it is the one number between them
    bounds = np.full((2, *X.shape), np.nan, X.dtype) if own is None else own.astype(X.dtype)
    if at_limit.any():
        bounds[0] = np.where(at_limit, np.where(below, -np.inf, high), bounds[0])
        bounds[1] = np.where(at_limit, np.where(below, low, np.inf), bounds[1])
        X = np.where(at_limit, np.nan, X).astype(X.dtype, copy=False)
    return X, CellBounds.of(bounds)


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
    X: Array, bounds: CellBounds | None, logs: NDArray[np.intp], names: Sequence[Any]
) -> None:
    """ValueError where a cell of a column whose logarithm is modelled has none."""
    wrong = np.zeros(X.shape, dtype=bool)
    wrong[:, logs] = X[:, logs] <= 0.0
    if bounds is not None:
        below = (bounds.ends[1] <= 0.0) & np.isin(bounds.columns, logs)
        wrong[bounds.rows[below], bounds.columns[below]] = True
    if not wrong.any():
        return
    i, j = np.argwhere(wrong)[0].tolist()
    what = f"{X[i, j]:g}"
    if np.isnan(X[i, j]):
        assert bounds is not None
        low, high = bounds.table(X.shape[1])[:, i, j]
        what = f"an interval from {low:g} to {high:g}"
    where = column(j, names)
    raise ValueError(
        f"{where[0].upper()}{where[1:]} of X holds {what} in row {i} ({int(wrong.sum())} such "
        "cell(s) in all), which has no logarithm, and log names the column. If it stands for a "
        "value below detection, give the limit: lower_limits, or '<LIMIT' in the cell; if for a "
        "missing one, make it NaN; else leave the column out of log."
    )


def log_of(
    X: Array, bounds: CellBounds | None, logs: NDArray[np.intp]
) -> tuple[Array, CellBounds | None]:
    """X and bounds with logarithms in some of the columns; what tells nothing of them is missing.

    A lower bound of 0 or less is none, and an interval of all positive numbers is no evidence.
    """
    if not len(logs):
        return X, bounds
    X = X.copy()
    X[:, logs] = np.log(X[:, logs])
    if bounds is None:
        return X, None
    of_logs = np.isin(bounds.columns, logs)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(of_logs, np.log(np.maximum(bounds.ends, 0.0)), bounds.ends)
    telling = np.isfinite(ends[0]) | np.isfinite(ends[1])
    return X, bounds._replace(ends=ends).where(telling)
