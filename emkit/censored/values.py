"""The entries of a response: numbers, events, and what a laboratory reports below a limit."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.containers import has_masked
from emkit.data.limit_text import bounds_of

__all__ = ["as_bounds", "as_events", "as_numbers", "is_boolean", "refuse_dates", "refuse_masked"]

_BOOLEANS = {bool, np.bool_}
_NUMBERS = {int, float}
#: NumPy's durations count as its integers, and NaT of pandas as a date.
_DATES = date, timedelta, np.datetime64, np.timedelta64


def as_numbers(values: Any, label: str) -> Array:
    """Numbers as float64, NaN where one is missing; ValueError for all that is no number."""
    low, high = as_bounds(values, label)
    marked = np.flatnonzero(low < high)
    if len(marked):
        i = marked[0]
        raise ValueError(
            f"{label} holds {values[i]!r} in row {i}. Limits written so are read where they are a "
            "one-dimensional y and nothing goes with them; see censored_target."
        )
    return low


def as_bounds(values: Any, label: str) -> tuple[Array, Array]:
    """Lower and upper bounds of numbers, and of text as ``"<0.25"``; NaN where one is missing."""
    values = _one_dimensional(values, label)
    refuse_dates(values, label)
    if values.dtype.kind in "iuf" or _kinds(values) <= _NUMBERS:
        with suppress(OverflowError):  # told by row below
            numbers = values.astype(np.float64, copy=False)
            return numbers, numbers
    if is_boolean(values):
        raise ValueError(
            f"{label} holds booleans, which are no numbers. An event goes beside its time: fields "
            "(event, time), or censored_target(time, event=event)."
        )
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported. {label} has dtype {values.dtype}.")
    bounds = [_entry(value, label, i) for i, value in enumerate(values.tolist())]
    low, high = np.array(bounds, dtype=np.float64).reshape(-1, 2).T
    return low, high


def _entry(value: Any, label: str, row: int) -> tuple[float, float]:
    """Bounds of one entry of an array of objects."""
    if _is_missing(value):
        return np.nan, np.nan
    if isinstance(value, str):
        return _reported(value, label, row)
    try:
        if type(value) in _BOOLEANS:
            raise TypeError("a boolean")
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{label} must hold numbers. Got {value!r} in row {row}, {type(value).__name__}."
        ) from error
    return number, number


def _reported(text: str, label: str, row: int) -> tuple[float, float]:
    """Bounds of a value as a laboratory reports it."""
    bounds = bounds_of(text)
    if bounds is None:
        comma = " Write decimals with a point." if "," in text else ""
        raise ValueError(
            f"{label} must hold numbers, or text as '0.25', '<0.25', '>8', '0.1..0.3'. Got "
            f"{text!r} in row {row}.{comma} Below a limit that is not written there, give the "
            "limit: '<LIMIT'."
        )
    if bounds[0] > bounds[1]:
        raise ValueError(f"{label} holds {text!r} in row {row}. Write the lower limit first.")
    return bounds


def as_events(values: Any, label: str) -> NDArray[np.bool_]:
    """Whether each event was seen, from booleans or 0 and 1; ValueError for all else."""
    values = _one_dimensional(values, label)
    if values.dtype.kind == "b":
        return values
    if is_boolean(values):
        values = np.array([np.nan if _is_missing(v) else v for v in values], dtype=np.float64)
    elif values.dtype.kind in "UST" or str in _kinds(values):
        found = sorted(set(map(str, values.tolist())))
        raise ValueError(
            f"{label} must be True where the event was seen, and False where not (or 1 and 0). "
            f"Got text: {_some(found)}. Pass values == TEXT, TEXT being that of an event."
        )
    codes = as_numbers(values, label)
    _refuse_missing(codes, label)
    other = np.flatnonzero((codes != 0.0) & (codes != 1.0))
    if len(other):
        _refuse_codes(codes, label, int(other[0]))
    return codes == 1.0


def _refuse_missing(codes: Array, label: str) -> None:
    missing = np.flatnonzero(np.isnan(codes))
    if len(missing):
        raise ValueError(
            f"{label} is missing (NaN) in row {missing[0]} ({len(missing)} such row(s)). Whether "
            "the event was seen must be known: leave such rows out of X and y, or, where the time "
            "is one at which it had not happened yet, put False."
        )


def _refuse_codes(codes: Array, label: str, row: int) -> None:
    """ValueError for codes of which some are not 0 or 1, with the coding that they look like."""
    found = np.unique(codes)
    if np.isin(found, (1.0, 2.0)).all():
        told = "1 and 2 look like R's coding, 2 being an event. If so, pass values == 2."
    elif np.isin(found, (-1.0, 1.0)).all():
        told = "If 1 is an event and -1 none, pass values == 1."
    else:
        told = "Say which is an event, as by values == 1."
    raise ValueError(
        f"{label} must be True where the event was seen, and False where not (or 1 and 0). Got "
        f"{_some(found)} ({codes[row]:g} in row {row}). {told}"
    )


def is_boolean(values: NDArray[Any]) -> bool:
    """Whether all entries are booleans, but for what is missing."""
    if values.dtype.kind != "O":
        return values.dtype.kind == "b"
    known = (type(value) in _BOOLEANS or _is_missing(value) for value in values.ravel())
    return bool(_kinds(values) & _BOOLEANS) and all(known)


def _kinds(values: NDArray[Any]) -> set[type]:
    """Types of the entries."""
    if values.dtype.kind != "O":
        return {values.dtype.type}
    return set(map(type, values.ravel().tolist()))


def _is_missing(value: Any) -> bool:
    """Whether it is None, NaN or pandas' NA, told without importing pandas."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, Real) and value != value


def refuse_dates(values: NDArray[Any], label: str) -> None:
    """ValueError where an array holds dates or durations, NaT among them."""
    dated = next((kind for kind in _kinds(values) if issubclass(kind, _DATES)), None)
    if dated is None:
        return
    objects = values.dtype.kind == "O"
    held = next(repr(v) for v in values.ravel() if type(v) is dated) if objects else values.dtype
    if issubclass(dated, timedelta | np.timedelta64):
        raise ValueError(
            f"{label} holds durations ({held}), which are numbers only in some unit. Divide by it, "
            "as values / numpy.timedelta64(1, 'D') in days; NaT is then NaN."
        )
    raise ValueError(
        f"{label} holds dates ({held}), which are no numbers. Pass the time since a start in some "
        "unit, as (date - start) / numpy.timedelta64(1, 'D') in days."
    )


def refuse_masked(values: Any, label: str) -> None:
    """ValueError where cells of a masked array, or among those of a list or objects, are masked."""
    rows: Any = ()
    if isinstance(values, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(values)
        columns = [mask[name] for name in mask.dtype.names or ()] or [mask]
        masked = np.concatenate([column.reshape(len(mask), -1) for column in columns], axis=1)
        rows = np.flatnonzero(masked.any(axis=1))
    elif isinstance(values, list | tuple):
        rows = [i for i, row in enumerate(values) if has_masked(row)]
    elif isinstance(values, np.ndarray) and values.dtype.kind == "O" and values.ndim:
        rows = [i for i, row in enumerate(values.tolist()) if has_masked(row)]
    if len(rows):
        raise ValueError(
            f"{label} is masked in row {rows[0]} ({len(rows)} such row(s)): it is not known there. "
            "Leave such rows out, or say what is known of them as [lower, upper]."
        )


def _one_dimensional(values: Any, label: str) -> NDArray[Any]:
    """An array of one dimension without a mask; one column counts as one."""
    refuse_masked(values, label)
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.names:
        found = f"fields {values.dtype.names}" if values.dtype.names else f"shape {values.shape}"
        raise ValueError(f"{label} must have one dimension, an entry a row. Got {found}.")
    return values


def _some(found: Iterable[Any]) -> str:
    """Some values, for a message."""
    told = [f"{v:g}" if isinstance(v, Real) else repr(v) for v in found]
    return ", ".join(told[:4]) + (", ..." if len(told) > 4 else "")
