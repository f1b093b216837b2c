"""How responses come in that are only known to lie in an interval."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from emkit._typing import Array
from emkit.censored.frames import as_array, as_records
from emkit.censored.limits import Limit, limited, refuse_limits
from emkit.censored.roles import Field, recognise
from emkit.censored.values import as_bounds, as_events, as_numbers
from emkit.exceptions import DataWarning, warn

__all__ = ["censored_target", "load_target"]

#: A bound as large as this stands for infinity.
INFINITE = 1e300
#: Other values beside which bounds of 0 and 1 alone look like events.
MANY_OTHERS = 10


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
    y : array-like of shape (n_samples,) or (n_samples, 2), structured, frame or CensoredData
        Responses in any form below. With an event or limits, numbers, one a row: where the event
        was not seen, the last time at which it had not happened.
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
        For a y of which it does not show what it means, what is missing or no number, events that
        are not 0 and 1, lengths that differ, or ``event`` together with a limit.

    Warns
    -----
    DataWarning
        Where y may mean something else: see below.

    Notes
    -----
    Every method and score that takes censored responses reads them so:

    - One number a row: the exact response, unless limits are given. Text may be as laboratories
      report it: ``"<0.25"`` lies below 0.25, ``">8"`` above 8; ``<=``, ``>=`` are taken alike.
    - An array with two columns: ``[lower, upper]``, equal where exact, -inf or inf (or 1e300 and
      more) where open. R's ``Surv(type="interval2")`` has NA there; NaN is refused. Lower bounds
      of 0 and 1 alone, with many upper ones, are warned of, as they look like events.
    - Two fields of a structured array, or two columns of a frame (pandas, polars, Arrow), in
      either order. A boolean one is the event, True where it was seen, beside its time, as
      ``sksurv.util.Surv`` has it. Otherwise the words of its name tell what a field is, the first
      line of the table below that has one of them. Events may then be 0 and 1 of any type, and
      beside a time an event may have any name. Two names that say nothing are ``[lower, upper]``
      by place; where one holds only 0 and 1, they are refused.
    - A `scipy.stats.CensoredData` keeps its rows by kind, uncensored, left, right, interval, and
      not in the order in which they were given. Here it comes in that order, with a warning where
      there is more than one kind: X must be in the same. Elsewhere it is then refused.

    ========= ======================================================================
    field     words of its name, in any case (a letter where it is the whole name)
    ========= ======================================================================
    (entry)   entry, entered, enter, start, begin, truncation: refused
    lower     lower, low, lo, left, lb, minimum, L
    upper     upper, high, hi, right, ub, maximum, U, R
    time      time, times, or a word that ends so; duration, durations, days, weeks,
              months, years, hours, minutes, seconds, day, week, month, year, hour,
              stop, exit, age, tenure, followup, T
    (event)   censored, alive, living, survived, suspended, suspension, lost:
              the opposite of an event, refused
    (event)   censoring, censor, cens, C: in use for both; a boolean is taken for
              the event, with a warning, all else is refused
    event     event, events, status, dead, death, deaths, died, deceased, observed,
              uncensored, failed, failure, failures, fail, relapse, relapsed,
              recurrence, progression, churn, churned, delta, E, D
    time      survival
    ========= ======================================================================

    Meta-estimators of scikit-learn that look into y themselves refuse infinity (`RFE`) or fields
    (`RFECV`): give them ``np.clip(target, -1e300, 1e300)``, and `RFECV` besides
    ``scoring=emkit.metrics.concordance_scorer``, as its own, r squared, takes no intervals.

    Examples
    --------
    >>> from emkit import censored_target
    >>> censored_target([3.0, 5.0], event=[True, False])
    array([[ 3.,  3.],
           [ 5., inf]])
    >>> censored_target([0.1, 0.7], left=0.1)
    array([[-inf,  0.1],
           [ 0.7,  0.7]])
    >>> censored_target(["<0.1", "0.7"])
    array([[-inf,  0.1],
           [ 0.7,  0.7]])
    >>> import numpy as np
    >>> y = np.array([(5.0, 0), (3.0, 1)], dtype=[("days", float), ("status", int)])
    >>> censored_target(y)
    array([[ 5., inf],
           [ 3.,  3.]])
    """
    if _is_scipy(y):
        refuse_limits("CensoredData", event=event, left=left, right=right)
        kinds = _from_scipy(y)
        if len(kinds) > 1:
            warn(f"{_order_lost(kinds)} The rows of X must be in this order.", DataWarning)
        return _in_order(kinds)
    if event is None:
        return np.column_stack(_load(y, left, right))
    if left is not None or right is not None:
        raise ValueError(
            "event and limits say the same thing in two ways: give event, or left and right."
        )
    time = _finite(as_numbers(y, "y"))
    seen = as_events(event, "event")
    check_consistent_length(time, seen)
    return np.column_stack([time, np.where(seen, time, np.inf)])


def load_target(
    y: Any, left: Limit = None, right: Limit = None, *, whole: bool = True
) -> tuple[Array, Array]:
    """Lower and upper bounds of the responses from any form of `censored_target`.

    ``whole`` says that they are all there are, and not a block of them. One column is warned of as
    scikit-learn's regressors do.
    """
    return _load(y, left, right, whole=whole, warn_column=True)


def _load(y: Any, left: Limit, right: Limit, **options: bool) -> tuple[Array, Array]:
    low, high = (
        np.where(np.abs(bound) >= INFINITE, np.copysign(np.inf, bound), bound)
        for bound in _read(y, left, right, **options)
    )
    wrong = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if len(wrong):
        _refuse_row(low, high, wrong)
    return low, high


def _read(
    y: Any, left: Limit, right: Limit, whole: bool = True, warn_column: bool = False
) -> tuple[Array, Array]:
    """Bounds as they stand in y."""
    if _is_scipy(y):
        refuse_limits("CensoredData", left=left, right=right)
        kinds = _from_scipy(y)
        if len(kinds) > 1:
            raise ValueError(
                f"{_order_lost(kinds)} Those of X do not. Build y of the arrays that it was made "
                "of, as by censored_target(x, event=~censored) for right_censored(x, censored)."
            )
        low, high = _in_order(kinds).T
        return low, high
    array = as_array(as_records(y))
    names = array.dtype.names or ()
    if len(names) > 1:
        refuse_limits("structured y", left=left, right=right)
        return _from_fields([Field(n, f"Field {n!r} of y", array[n]) for n in names], whole)
    if names:
        array = array[names[0]].reshape(len(array), -1)
    if array.ndim == 2 and array.shape[1] == 2:
        refuse_limits("two-column y", left=left, right=right)
        return _from_fields([Field(None, f"Column {j} of y", array[:, j]) for j in (0, 1)], whole)
    low, high = as_bounds(column_or_1d(array, warn=warn_column), "y")
    if (low < high).any():
        refuse_limits("y with < and >", left=left, right=right)
        _finite(np.where(low < high, 0.0, low))
        return low, high
    return limited(_finite(low), left, right)


def _from_fields(fields: list[Field], whole: bool) -> tuple[Array, Array]:
    """Bounds of two fields, whatever they are."""
    of = recognise(fields, whole=whole)
    if "event" in of:
        time = as_numbers(of["time"].values, of["time"].label)
        wrong = np.flatnonzero(~np.isfinite(time))
        if len(wrong):
            raise ValueError(
                f"Input y contains NaN or infinity in its times: {of['time'].label} is "
                f"{time[wrong[0]]} in row {wrong[0]} ({len(wrong)} such row(s)). Where the event "
                "was not seen, the time is the last at which it had not happened."
            )
        return time, np.where(as_events(of["event"].values, of["event"].label), time, np.inf)
    low, high = (as_numbers(of[end].values, of[end].label) for end in ("lower", "upper"))
    if whole and fields[0].name is None:
        _tell_events(low, high)
    return low, high


def _tell_events(low: Array, high: Array) -> None:
    """DataWarning where bounds without names look like events and times.

    Intervals that all begin at 0 or 1 have few ends, as these are values at which others begin.
    """
    if not (low <= high).all():
        return  # refused by row
    for i, (codes, times) in enumerate(((low, high), (high, low))):
        coded = codes.any() and ((codes == 0.0) | (codes == 1.0)).all()
        if coded and np.isfinite(times).all() and len(np.unique(times)) > MANY_OTHERS:
            warn(
                f"Column {i} of y holds only 0 and 1, as events do, and is read as "
                f"{('lower', 'upper')[i]} bounds. If y has events and times, pass "
                f"censored_target(y[:, {1 - i}], event=y[:, {i}]); if it has bounds, give its "
                "columns the names (lower, upper), and this is not said.",
                DataWarning,
            )
            return


def _finite(y: Array) -> Array:
    """Exact responses, or a ValueError where one is not finite."""
    wrong = np.flatnonzero(~np.isfinite(y))
    if len(wrong):
        kind = "NaN" if np.isnan(y).any() else "infinity"
        raise ValueError(
            f"Input y contains {kind}, first in row {wrong[0]}. A response that is not known "
            "exactly goes in as a row [lower, upper] of a two-column y; see censored_target."
        )
    return y


def _refuse_row(low: Array, high: Array, wrong: NDArray[np.intp]) -> None:
    """ValueError for rows that are no intervals."""
    i = wrong[0]
    told = (
        f"Row {i} of y is no interval: lower {low[i]}, upper {high[i]} ({len(wrong)} such row(s))."
    )
    if np.isnan(low[wrong]).any() or np.isnan(high[wrong]).any():
        raise ValueError(
            f"{told} Bounds must not be NaN: an open end is -inf (lower) or inf (upper), where R's "
            "Surv(type='interval2') has NA. If NaN stands for that, put numpy.where(isnan(lower), "
            "-inf, lower) and numpy.where(isnan(upper), inf, upper)."
        )
    raise ValueError(
        f"{told} lower must not exceed upper, and an open end is -inf below, inf above. Events and "
        "times go through censored_target(time, event=event)."
    )


# CensoredData


def _is_scipy(y: Any) -> bool:
    return hasattr(y, "_uncensored") and hasattr(y, "_interval")


def _from_scipy(y: Any) -> dict[str, Array]:
    """Bounds of a `scipy.stats.CensoredData` by kind, of those kinds that there are."""
    kinds = {
        "uncensored": np.column_stack([y._uncensored, y._uncensored]),
        "left": np.column_stack([np.full(len(y._left), -np.inf), y._left]),
        "right": np.column_stack([y._right, np.full(len(y._right), np.inf)]),
        "interval": np.reshape(y._interval, (-1, 2)),
    }
    return {kind: bounds for kind, bounds in kinds.items() if len(bounds)}


def _in_order(kinds: dict[str, Array]) -> Array:
    bounds: Array = np.concatenate([*kinds.values()]) if kinds else np.empty((0, 2))
    return bounds


def _order_lost(kinds: dict[str, Array]) -> str:
    told = ", ".join(f"{len(bounds)} {kind}" for kind, bounds in kinds.items())
    return f"CensoredData does not keep the order of its rows. They come by kind: {told}."
