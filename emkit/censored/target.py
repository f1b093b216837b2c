"""How responses come in that are only known to lie in an interval."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from emkit._typing import Array
from emkit.censored.entry import as_entries, entries_of, refuse_late
from emkit.censored.event_columns import tell_events
from emkit.censored.frames import as_array, as_records
from emkit.censored.limits import Limit, limited, refuse_limits
from emkit.censored.roles import Field, recognise
from emkit.censored.scipy_data import bounds_by_kind, in_order, is_scipy, order_lost
from emkit.censored.values import as_bounds, as_events, as_numbers
from emkit.exceptions import DataWarning, warn

__all__ = ["Target", "censored_target", "load_target"]

#: A bound as large as this stands for infinity.
INFINITE = 1e300


class Target(NamedTuple):
    """Responses as their bounds, and when they came under observation."""

    low: Array  #: (n,) -inf where open
    high: Array  #: (n,) equal to low where exact, inf where open
    #: (n,) A response is known to be larger than its entry, as it would not have been seen
    #: otherwise; -inf where there is none, and None in a form without entries.
    entry: Array | None = None


def censored_target(
    y: Any,
    event: ArrayLike | None = None,
    *,
    left: Limit = None,
    right: Limit = None,
    entry: float | ArrayLike | None = None,
) -> Array:
    """Responses as ``[lower, upper]`` or ``[lower, upper, entry]``, which any split keeps together.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, 2) or (n_samples, 3), structured, frame or \
CensoredData
        Responses in any form below. With an event or limits, numbers, one a row: where the event
        was not seen, the last time at which it had not happened.
    event : array-like of bool of shape (n_samples,), default=None
        Whether the response is exact. False: it is larger than ``y`` (right-censored).
    left : float or array-like of shape (n_samples,), default=None
        Limit of detection below: responses at or below it lie anywhere below.
    right : float or array-like of shape (n_samples,), default=None
        Limit above: responses at or above it lie anywhere above.
    entry : float or array-like of shape (n_samples,), default=None
        Delayed entry (left truncation): when the row came under observation, in the unit of
        ``y``. It would not be among the rows, had its response been no larger. -inf, or missing:
        it was under observation from the first.

    Returns
    -------
    target : ndarray of shape (n_samples, 2) or (n_samples, 3)
        Lower and upper bound of each response; equal where it is exact, infinite where it is open.
        With an ``entry``, or entries in y, these are the third column, -inf where there is none.

    Raises
    ------
    ValueError
        For a y of which it does not show what it means, what is missing or no number, events that
        are not 0 and 1, lengths that differ, or ``event`` together with a limit. For an entry that
        is not below the time of an event or of its end, or above the lower bound of an interval.

    Warns
    -----
    DataWarning
        Where y may mean something else: see below.

    Notes
    -----
    Every method and score that takes censored responses reads them so:

    - One number a row: the exact response, unless limits are given. Text may be as laboratories
      report it: ``"<0.25"`` lies below 0.25, ``">8"`` above 8, ``"0.1..0.3"`` between; ``<=``,
      ``>=`` are taken alike.
    - An array with two columns: ``[lower, upper]``, equal where exact, -inf or inf (or 1e300 and
      more) where open. R's ``Surv(type="interval2")`` has NA there; NaN is refused. Lower bounds
      of 0 and 1 alone, with many upper ones, are warned of, as they look like events.
    - An array with three columns: ``[lower, upper, entry]``. The third is when the row came under
      observation: its likelihood is that of the response given that it is larger. -inf (or -1e300
      and less) or NaN where there is no entry; of positive responses an entry of 0 is none. A
      response must lie beyond its entry, an interval may begin at it: ``[entry, upper, entry]``
      is what happened at some time from entry to upper, where ``[-inf, upper, entry]`` is refused.
    - Two fields of a structured array, or two columns of a frame (pandas, polars, Arrow), in
      either order; or three, with an entry. A boolean one is the event, True where it was seen,
      beside its time, as ``sksurv.util.Surv`` has it. Otherwise the words of its name tell what a
      field is, the first line of the table below that has one of them. Events may then be 0 and 1
      of any type, and beside a time an event may have any name. Two names that say nothing are
      ``[lower, upper]`` by place; where one holds only 0 and 1, they are refused.
    - A `scipy.stats.CensoredData` keeps its rows by kind, uncensored, left, right, interval, and
      not in the order in which they were given. Here it comes in that order, with a warning where
      there is more than one kind: X must be in the same. Elsewhere it is then refused.

    ========= ======================================================================
    field     words of its name, in any case (a letter where it is the whole name)
    ========= ======================================================================
    entry     entry, or a word that ends so; entered, enter, start, begin, tstart,
              truncation; beside two others
    lower     lower, low, lo, left, lb, minimum, L
    upper     upper, high, hi, right, ub, maximum, U, R
    time      time, times, or a word that ends so; duration, durations, days, weeks,
              months, years, hours, minutes, seconds, day, week, month, year, hour,
              stop, tstop, exit, age, tenure, followup, T
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
    >>> censored_target([70.0, 81.5], event=[True, False], entry=[60.0, 72.0])
    array([[70. , 70. , 60. ],
           [81.5,  inf, 72. ]])
    """
    if is_scipy(y):
        refuse_limits("CensoredData", event=event, left=left, right=right, entry=entry)
        kinds = bounds_by_kind(y)
        if len(kinds) > 1:
            warn(f"{order_lost(kinds)} The rows of X must be in this order.", DataWarning)
        return in_order(kinds)
    target = _load(y, left, right) if event is None else _of_events(y, event, left, right)
    if entry is not None:
        if target.entry is not None:
            raise ValueError("y holds entries already: leave out entry.")
        target = _entered(target._replace(entry=entries_of(entry, target.low)))
    return np.column_stack([part for part in target if part is not None])


def _of_events(time: Any, event: Any, left: Limit, right: Limit) -> Target:
    """Bounds of times at which the event was seen, or had not happened."""
    if left is not None or right is not None:
        raise ValueError(
            "event and limits say the same thing in two ways: give event, or left and right."
        )
    time = _finite(as_numbers(time, "y"))
    seen = as_events(event, "event")
    check_consistent_length(time, seen)
    return Target(time, np.where(seen, time, np.inf))


def load_target(y: Any, left: Limit = None, right: Limit = None, *, whole: bool = True) -> Target:
    """Bounds of the responses, and entries where there are any, from any form of `censored_target`.

    ``whole`` says that they are all there are, and not a block of them. One column is warned of as
    scikit-learn's regressors do.
    """
    return _load(y, left, right, whole=whole, warn_column=True)


def _load(y: Any, left: Limit, right: Limit, **options: bool) -> Target:
    low, high, entry = (
        None if part is None else _opened(part) for part in _read(y, left, right, **options)
    )
    assert low is not None and high is not None
    wrong = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if len(wrong):
        _refuse_row(low, high, wrong)
    return _entered(Target(low, high, entry))


def _opened(bound: Array) -> Array:
    """Bounds, infinite where a number stands for it."""
    endless = (bound >= INFINITE) | (bound <= -INFINITE)
    if np.count_nonzero(endless) == np.count_nonzero(np.isinf(bound)):
        return bound
    return np.where(endless, np.copysign(np.inf, bound), bound)


def _entered(target: Target) -> Target:
    """The responses, each beyond its entry; one that may lie anywhere needs none."""
    if target.entry is None:
        return target
    anywhere = (target.low == -np.inf) & (target.high == np.inf)
    entry = np.where(anywhere, -np.inf, _opened(target.entry))
    refuse_late(target.low, target.high, entry)
    return target._replace(entry=entry)


def _read(
    y: Any, left: Limit, right: Limit, whole: bool = True, warn_column: bool = False
) -> Target:
    """Bounds and entries as they stand in y."""
    if is_scipy(y):
        refuse_limits("CensoredData", left=left, right=right)
        kinds = bounds_by_kind(y)
        if len(kinds) > 1:
            raise ValueError(
                f"{order_lost(kinds)} Those of X do not. Build y of the arrays that it was made "
                "of, as by censored_target(x, event=~censored) for right_censored(x, censored)."
            )
        return Target(*in_order(kinds).T)
    array = as_array(as_records(y))
    names = array.dtype.names or ()
    if len(names) > 1:
        refuse_limits("structured y", left=left, right=right)
        return _from_fields([Field(n, f"Field {n!r} of y", array[n]) for n in names], whole)
    if names:
        array = array[names[0]].reshape(len(array), -1)
    if array.ndim == 2 and array.shape[1] in (2, 3):
        refuse_limits(f"y of {array.shape[1]} columns", left=left, right=right)
        columns = [Field(None, f"Column {j} of y", values) for j, values in enumerate(array.T)]
        return _from_fields(columns, whole)
    if array.ndim == 2 and array.shape[1] > 3:
        raise ValueError(_too_wide(array.shape))
    low, high = as_bounds(column_or_1d(array, warn=warn_column), "y")
    if (low < high).any():
        refuse_limits("y with < and >", left=left, right=right)
        _finite(np.where(low < high, 0.0, low))
        return Target(low, high)
    return Target(*limited(_finite(low), left, right))


def _from_fields(fields: list[Field], whole: bool) -> Target:
    """Bounds of two fields, and entries of a third, whatever they are."""
    of = recognise(fields, whole=whole)
    entry = as_entries(of["entry"].values, of["entry"].label) if "entry" in of else None
    if "event" in of:
        time = as_numbers(of["time"].values, of["time"].label)
        wrong = np.flatnonzero(~np.isfinite(time))
        if len(wrong):
            raise ValueError(
                f"Input y contains NaN or infinity in its times: {of['time'].label} is "
                f"{time[wrong[0]]} in row {wrong[0]} ({len(wrong)} such row(s)). Where the event "
                "was not seen, the time is the last at which it had not happened."
            )
        seen = as_events(of["event"].values, of["event"].label)
        return Target(time, np.where(seen, time, np.inf), entry)
    low, high = (as_numbers(of[end].values, of[end].label) for end in ("lower", "upper"))
    if whole and fields[0].name is None:
        tell_events(low, high, entry)
    return Target(low, high, entry)


def _too_wide(shape: tuple[int, ...]) -> str:
    told = (
        f"y should be a 1d array, or have two columns, [lower, upper], or three, [lower, upper, "
        f"entry]. Got an array of shape {shape}."
    )
    if shape[0] in (2, 3):
        told += (
            " It looks like columns that are put on top of each other: numpy.column_stack puts them"
            " side by side, and times with events go through censored_target(time, event=event)."
        )
    return told


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
