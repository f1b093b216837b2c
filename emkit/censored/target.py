"""How responses come in that are only known to lie in an interval."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from emkit._typing import Array

__all__ = ["censored_target", "load_target"]

#: Limit of detection: a number, or an array with one for each row.
Limit: TypeAlias = Any
#: A bound as large as this stands for infinity.
INFINITE = 1e300


def censored_target(
    y: Any,
    event: ArrayLike | None = None,
    *,
    left: Limit = None,
    right: Limit = None,
) -> Array:
    """Responses as intervals ``[lower, upper]``, the form that model selection can split.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or scipy.stats.CensoredData
        Responses; where the event was not seen, the last time at which it had not happened.
        A `CensoredData` holds them by kind: uncensored, left, right, interval; so must X.
    event : array-like of bool of shape (n_samples,), default=None
        Whether the response is exact. False: it is larger than ``y`` (right-censored).
    left : float or array-like of shape (n_samples,), default=None
        Limit of detection below: responses at or below it lie anywhere below.
    right : float or array-like of shape (n_samples,), default=None
        Limit above: responses at or above it lie anywhere above.

    Returns
    -------
    target : ndarray of shape (n_samples, 2)
        Lower and upper bound of each response; equal where it is exact, infinite where it is open.

    Raises
    ------
    ValueError
        For NaN, lengths that differ, or ``event`` together with a limit.

    Examples
    --------
    >>> from emkit import censored_target
    >>> censored_target([3.0, 5.0], event=[True, False])
    array([[ 3.,  3.],
           [ 5., inf]])
    >>> censored_target([0.1, 0.7], left=0.1)
    array([[-inf,  0.1],
           [ 0.7,  0.7]])
    """
    if hasattr(y, "_uncensored") and hasattr(y, "_interval"):
        return _from_scipy(y, event, left, right)
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    y = column_or_1d(y)
    if event is None:
        return np.column_stack(_limited(y, left, right))
    if left is not None or right is not None:
        raise ValueError(
            "event and limits say the same thing in two ways: give event, or left and right."
        )
    seen = np.asarray(event)
    check_consistent_length(y, seen)
    if seen.dtype != bool and not np.isin(seen, (0, 1)).all():
        raise ValueError(f"event must hold True and False (or 1 and 0). Got {np.unique(seen)}.")
    return np.column_stack([y, np.where(seen.astype(bool), y, np.inf)])


def load_target(y: Any, left: Limit = None, right: Limit = None) -> tuple[Array, Array]:
    """Lower and upper bounds of the responses from any form that a regressor takes."""
    if getattr(getattr(y, "dtype", None), "names", None):
        low, high = _from_structured(y, left, right)
    else:
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y"
        )
        if y.ndim == 2 and y.shape[1] == 2:
            _refuse_limits(left, right, "two-column y")
            low, high = y.T
        else:
            y = column_or_1d(y, warn=True)
            if not np.isfinite(y).all():
                kind = "NaN" if np.isnan(y).any() else "infinity"
                raise ValueError(
                    f"Input y contains {kind}. A response that is not known exactly goes in as "
                    "a row [lower, upper] of a two-column y; see censored_target."
                )
            low, high = _limited(y, left, right)
    low, high = (
        np.where(np.abs(bound) >= INFINITE, np.copysign(np.inf, bound), bound)
        for bound in (low, high)
    )
    wrong = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"Row {i} of y is no interval: lower {low[i]!s}, upper {high[i]!s} ({len(wrong)} such "
            "row(s)). Bounds must not be NaN, and lower must not exceed upper."
        )
    return low, high


def _limited(y: Array, left: Limit, right: Limit) -> tuple[Array, Array]:
    low, high = y.copy(), y.copy()
    for limit, name in ((left, "left"), (right, "right")):
        if limit is not None and np.isnan(limit).any():
            raise ValueError(f"{name} must be a number. Got NaN.")
    if left is not None and right is not None and np.any(np.asarray(left) >= right):
        raise ValueError(f"left must lie below right. Got {left!r} and {right!r}.")
    if left is not None:
        low[y <= left] = -np.inf
        high = np.maximum(high, left)
    if right is not None:
        high[y >= right] = np.inf
        low = np.minimum(low, right)
    return low, high


def _from_structured(y: NDArray[Any], left: Limit, right: Limit) -> tuple[Array, Array]:
    _refuse_limits(left, right, "structured y")
    names = y.dtype.names
    if names is None or len(names) != 2:
        raise ValueError(
            f"Structured y should have two fields, (event, time) or (lower, upper). Got {names}."
        )
    first, second = (y[name] for name in names)
    second = second.astype(np.float64)
    if first.dtype.kind in "biu" and np.isin(first, (0, 1)).all():
        first = first.astype(bool)
        if not np.isfinite(second).all():
            raise ValueError("Input y contains NaN or infinity in its times.")
        return second, np.where(first, second, np.inf)
    return first.astype(np.float64), second


def _refuse_limits(left: Limit, right: Limit, form: str) -> None:
    if left is not None or right is not None:
        raise ValueError(
            f"left={left!r} and right={right!r} are limits of exact responses, but {form} says "
            "itself what is censored. Leave them out, or pass a one-dimensional y."
        )


def _from_scipy(y: Any, event: Any, left: Limit, right: Limit) -> Array:
    if event is not None or left is not None or right is not None:
        raise ValueError("CensoredData says itself what is censored: leave event and limits out.")
    parts = [
        np.column_stack([y._uncensored, y._uncensored]),
        np.column_stack([np.full(len(y._left), -np.inf), y._left]),
        np.column_stack([y._right, np.full(len(y._right), np.inf)]),
        np.reshape(y._interval, (-1, 2)),
    ]
    return np.concatenate(parts)
