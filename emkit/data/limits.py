"""Cells of a table that hold an interval themselves: text such as "<0.05", and intervals of pandas.

A column whose cells are all numbers and limits is one of numbers. What cannot be read is refused
where numbers stand beside limits; text bands alone ("<18", "18-30", ">30") may be categories.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from numbers import Real
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.limit_text import bounds_of, is_marked, is_number_with_unit
from emkit.data.numbers import takes_nan
from emkit.data.refusals import column
from emkit.data.tables import Factor, Table

__all__ = ["Limited", "read_limits"]


class Limited(NamedTuple):
    """A table with cells that hold an interval."""

    X: Any  #: the table with floats in the columns of limits, missing where a cell is an interval
    bounds: Array  #: (2, n, d) lower and upper bounds of the intervals, NaN in all other cells
    columns: list[int]  #: the columns of limits


class _Column(NamedTuple):
    """A column of limits."""

    numbers: Array  #: (n,) NaN where a cell is missing or an interval
    bounds: Array  #: (2, n)


def read_limits(
    table: Table, missing_values: Any = np.nan, *, apart: Collection[int] = (), by_type: bool = True
) -> Limited | None:
    """The limits in the cells of a table; None where there are none.

    Parameters
    ----------
    table : Table
        As of `emkit.data.frames.table_of`; arrays of numbers hold no limits.
    missing_values : object, default=nan
        What marks a missing cell.
    apart : collection of int, default=()
        Columns that are categories, whatever their cells say.
    by_type : bool, default=True
        Whether columns of text may be categories, if they hold no numbers.

    Raises
    ------
    ValueError
        For text beside numbers and limits that is neither, and for bounds that cross, by column,
        row and value.
    """
    found = {}
    for j in sorted(set(range(len(table.names))).difference(apart)):
        read = _read_column(table, j, missing_values, by_type)
        if read is not None:
            found[j] = read
    if not found:
        return None
    bounds = np.full((2, table.n_rows, len(table.names)), np.nan)
    for j, of in found.items():
        bounds[:, :, j] = of.bounds
    numbers = {j: _marked(of.numbers, missing_values) for j, of in found.items()}
    return Limited(table.with_numbers(numbers), bounds, list(found))


def _marked(numbers: Array, mark: Any) -> NDArray[Any]:
    """Numbers with the mark of a missing cell where they are NaN, which otherwise is none."""
    if takes_nan(mark):
        return numbers
    kind = float if isinstance(mark, Real) else object
    return np.where(np.isnan(numbers), mark, numbers.astype(kind))


def _read_column(table: Table, j: int, mark: Any, by_type: bool) -> _Column | None:
    intervals = table.intervals(j)
    if intervals is not None:
        return _split(table, j, intervals)
    if table.kind(j) not in ("text", "object"):
        return None
    if table.kind(j) == "object" and not any(issubclass(of, str) for of in table.types(j)):
        return None
    try:
        cells = table.factor(j).marked(mark)
    except TypeError:  # lists and the like, which are refused as they are read
        return None
    if not any(isinstance(value, str) and is_marked(value) for value in cells.present):
        return None
    bounds, used = [_bounds(value) for value in cells.values], cells.counts() > 0
    strange = [i for i, of in enumerate(bounds) if of is None and used[i]]
    if strange:
        known = [of for of, there in zip(bounds, used, strict=True) if there and of]
        if by_type and not _has_numbers(known, [cells.values[i] for i in strange]):
            return None
        _refuse(table, j, cells, strange)
    of_values = [of or (np.nan, np.nan) for of in bounds]
    low, high = np.array([*of_values, (np.nan, np.nan)], dtype=float).T
    return _split(table, j, np.stack([low[cells.codes], high[cells.codes]]))


def _bounds(value: Any) -> tuple[float, float] | None:
    """Lower and upper bound of a cell; NaN for text that reads as NaN, None for what is neither."""
    if isinstance(value, str):
        found = bounds_of(value)
        if found is not None:
            return found
    elif isinstance(value, bool | np.bool_ | bytes):
        return None
    with suppress(TypeError, ValueError, OverflowError):
        return float(value), float(value)
    return None


def _has_numbers(known: Sequence[tuple[float, float]], strange: Sequence[Any]) -> bool:
    """Whether numbers stand in a column, with units or without."""
    units = (isinstance(value, str) and is_number_with_unit(value) for value in strange)
    return any(low == high for low, high in known) or any(units)


def _refuse(table: Table, j: int, cells: Factor, strange: Sequence[int]) -> NoReturn:
    """ValueError for the first cell of a column of numbers and limits that is neither."""
    wrong = np.isin(cells.codes, strange)
    row = int(np.argmax(wrong))
    cell = cells.values[cells.codes[row]]
    where = column(j, table.names)
    hint = ""
    if isinstance(cell, str):
        body = cell.lstrip(" <>=≤≥")
        if is_number_with_unit(body):
            hint = " Strip the unit, which is to be the same in the whole column."
            if "," in body:
                hint = " Write decimals with a point."
    raise ValueError(
        f"{where[0].upper()}{where[1:]} of X holds numbers and limits, and {cell!r} in row {row}, "
        f"which is neither ({int(wrong.sum())} such cell(s) in all).{hint} Limits are written "
        "'<0.05', '>10' or '0.1..0.3'. If the text marks missing cells, make them NaN, or say so "
        "by missing_values where the estimator has it; if all are levels, name the column in "
        "categorical_features."
    )


def _split(table: Table, j: int, bounds: Array) -> _Column:
    """Numbers where both bounds are one, intervals elsewhere; the whole line tells nothing."""
    low, high = bounds
    crossed = np.flatnonzero(low > high)
    if len(crossed):
        row = int(crossed[0])
        where = column(j, table.names)
        raise ValueError(
            f"{where[0].upper()}{where[1:]} of X holds an interval from {low[row]:g} to "
            f"{high[row]:g} in row {row}: its limits cross. Write the lower one first."
        )
    between = (low < high) & (np.isfinite(low) | np.isfinite(high))
    numbers = np.where(low == high, low, np.nan)
    return _Column(numbers, np.where(between, bounds, np.nan))
