"""The one place where a container becomes floats, with NaN where a cell is missing.

scikit-learn's checks make numbers of dates, drop masks, and name no column. What they would take
for a number and is none is honoured here as missing (a mask, ``pandas.NA``, a marker), or refused.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

from emkit._typing import Array
from emkit.base.estimator import FLOATS, is_pandas_na, is_scalar_nan, mask_of
from emkit.data.containers import Column, array_of, columns_of, narrow_floats, split_mask
from emkit.data.refusals import (
    Found,
    column,
    refuse_complex,
    refuse_dates,
    refuse_objects,
    require_finite,
)

__all__ = [
    "NUMERIC",
    "Numbers",
    "argument_of",
    "numbers_of",
    "read_table",
    "refuse_date_types",
    "takes_nan",
]

#: Kinds of NumPy's types that are numbers; complex ones are refused by scikit-learn.
NUMERIC = "biuf"
#: Types of objects that are numbers, or words that may be.
PLAIN = (float, int, str, bytes, np.floating, np.integer, np.bool_, Decimal, Fraction, type(None))
#: Types of dates; numpy.timedelta64 calls itself an integer.
DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
#: Types, by name, of what stands for a missing cell in pandas; NaT calls itself a date.
ABSENT = {"NAType", "NaTType"}


class Numbers(NamedTuple):
    """What scikit-learn can make floats of, without taking for a number what is none."""

    values: Any  #: an array, or a frame whose columns are all of numbers
    missing: NDArray[np.bool_] | None = None  #: cells that are masked or marked; their value is 0


def takes_nan(missing_values: Any) -> bool:
    """Whether NaN is what marks a missing cell."""
    return bool(is_scalar_nan(missing_values) or is_pandas_na(missing_values))


def read_table(
    X: Any,
    missing_values: Any = np.nan,
    *,
    complete: str = "",
    columns: Sequence[Column] | None = None,
    ensure_min_samples: int = 1,
    ensure_min_features: int = 1,
    estimator: Any = None,
) -> Array:
    """X as floats (n_samples, n_features), NaN where a cell is missing.

    Parameters
    ----------
    X : array-like
        In memory. What is of float32 stays so, and all else becomes double.
    missing_values : object, default=nan
        What marks a missing cell, besides a mask. NaN stands for None, pandas.NA and NaT too.
    complete : str, default=""
        What to do about missing cells, where there must be none.
    columns : sequence of Column, optional
        Names and types, where X is an array that was a frame.
    ensure_min_samples, ensure_min_features, estimator : optional
        As of `sklearn.utils.check_array`.

    Raises
    ------
    ValueError
        For dates, durations and text, infinity, NaN that marks nothing, and what is no table.
    TypeError
        For other objects, and sparse matrices.
    """
    shape = getattr(X, "shape", ())
    if ensure_min_features == 0 and shape[1:] == (0,):
        X = np.empty(shape)  # as a frame it would be refused
    columns = columns_of(X) or columns
    names = None if columns is None else [name for name, _ in columns]
    if _is_plain(X, ensure_min_samples, ensure_min_features):
        array, missing = X, None
    else:
        values, missing = numbers_of(X, "X", missing_values, names)
        array = check_array(
            values,
            dtype=FLOATS,
            ensure_all_finite=False,
            input_name="X",
            ensure_min_samples=ensure_min_samples,
            ensure_min_features=ensure_min_features,
            estimator=estimator,
        )
    no_nan = complete
    if not takes_nan(missing_values):
        no_nan = f"Here missing_values={missing_values!r} alone marks a missing cell."
        mark = _number_of(missing_values)
        if mark is not None:
            missing = _marked(array, narrow_floats(X, columns), mark, missing)
    if missing is not None and complete:
        array, missing = np.where(missing, np.nan, array), None
    require_finite(array, names, no_nan)
    return array if missing is None else np.where(missing, np.nan, array)


def _is_plain(X: Any, ensure_min_samples: int, ensure_min_features: int) -> bool:
    """Whether X is a table of floats already, in which scikit-learn would find nothing to do."""
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype.char not in "df":
        return False
    n, d = X.shape
    return n >= ensure_min_samples and d >= ensure_min_features and X.dtype.isnative


def _marked(
    X: Array, narrow: Sequence[Any], mark: Any, missing: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Cells that are missing or equal the mark, in the precision of either; None without such."""
    found = np.zeros(X.shape, dtype=bool) if missing is None else missing.copy()
    with np.errstate(over="ignore"):
        for number in _precisions(mark):
            found |= number == X
            for dtype, columns in narrow:
                found[:, columns] |= X[:, columns] == float(dtype.type(number))
    return found if found.any() else None


def _number_of(mark: Any) -> Any:
    """The number that a mark is, or that text reads as; None where there is none.

    A table of numbers holds -1 where its file has the text "-1".
    """
    if isinstance(mark, Real):
        return mark
    with suppress(TypeError, ValueError):
        number = float(mark)
        return number if isfinite(number) else None
    return None


def _precisions(mark: Any) -> set[float]:
    """The numbers that a mark may have become, or come from, by way of float32."""
    try:
        numbers = {float(mark)}
    except OverflowError:
        return set()
    if isinstance(mark, np.floating):  # 0.1 of float32 is 0.1, as it is written
        numbers.add(float(str(mark)))
    # What was float32 before it became double; never another whole number, which may be a value.
    return numbers | {cast for cast in map(float, map(np.float32, numbers)) if cast % 1.0}


# Containers


def numbers_of(
    given: Any, name: str, mark: Any = np.nan, names: Sequence[Any] | None = None
) -> Numbers:
    """What is given as numbers, 0 where it is masked or marked; what is none is refused by column.

    Parameters
    ----------
    given : array-like
        X, or a vector such as weights.
    name : str
        Of the argument.
    mark : object, default=nan
        What marks a missing cell: words and None are looked for here, numbers among objects alone.
    names : sequence, optional
        Names of the columns.
    """
    if type(given) is np.ndarray and given.dtype.kind in NUMERIC:
        return Numbers(given)
    refuse_date_types(given, name)
    if issparse(given) or _is_numeric(given):
        return Numbers(given)  # as it is, for what scikit-learn says of it
    array = array_of(given, name)
    refuse_date_types(array, name, names)
    if array.dtype.names:
        raise ValueError(
            f"{name} is an array of records with the fields {array.dtype.names}, and must be one "
            "of numbers. Make it so, as by numpy.lib.recfunctions.structured_to_unstructured."
        )
    array, masked = split_mask(array)
    if array.dtype.kind not in "OUST":
        return Numbers(array, masked)
    return _of_objects(array.astype(object), masked, name, mark, names)


def argument_of(given: Any, name: str) -> Any:
    """An argument of numbers, such as times, without a mask.

    ValueError or TypeError, which name it, for dates, text, other objects, complex numbers, masks.
    """
    array = array_of(given, name)
    refuse_date_types(array, name)
    values, missing = split_mask(array)
    if array.dtype.kind in "OUST":
        cells = values.astype(object)
        missing = _mask(cells, lambda cell: cell is np.ma.masked) if missing is None else missing
        _refuse_no_numbers(cells[~missing], name)
    if array.dtype.kind == "c":
        refuse_complex(name, [("", str(array.dtype))])
    if missing is not None and missing.any():
        first = tuple(np.argwhere(missing)[0].tolist())
        where = f" at {first}" if first else ""
        raise ValueError(f"{name} is masked{where}: there must be a number.")
    return values if isinstance(given, np.ma.MaskedArray) else given


def _refuse_no_numbers(cells: NDArray[Any], name: str) -> None:
    """An error where an object is no number; None becomes NaN, which whoever takes it refuses."""
    refuse_dates(name, _types(_found(cells, None, _is_date)))
    refuse_complex(name, _types(_found(cells, None, _is_complex)))
    refused = _found(cells, None, lambda cell: isinstance(cell, str | bytes) or _is_no_number(cell))
    if refused:
        refuse_objects(name, refused, "", TypeError("there must be a number in each place."))


def refuse_date_types(given: Any, name: str, names: Sequence[Any] | None = None) -> None:
    """ValueError where a type says that it is one of dates: of a column, a field, or all cells."""
    columns = columns_of(given)
    if columns is None:
        dtype: Any = getattr(given, "dtype", None)
        fields: Any = getattr(dtype, "fields", None) or {}
        columns = [Column(field, fields[field][0]) for field in fields]
        if Column(None, dtype).kind in "Mm":
            if len(given.shape) != 2:
                refuse_dates(name, [("", str(dtype))])
            columns = [Column(of, dtype) for of in names or range(given.shape[1])]
    dates = [of for of in columns if of.kind in "Mm"]
    refuse_dates(name, [(f"column {of.name!r}", str(of.dtype)) for of in dates])


def _is_numeric(given: Any) -> bool:
    """Whether it is a frame, or a series of pandas, whose types are all of numbers."""
    columns = columns_of(given)
    if columns is None and hasattr(given, "iloc"):
        columns = [Column(None, given.dtype)]
    return columns is not None and all(of.kind in NUMERIC for of in columns)


# Objects


def _of_objects(
    cells: NDArray[Any],
    masked: NDArray[np.bool_] | None,
    name: str,
    mark: Any,
    names: Sequence[Any] | None,
) -> Numbers:
    """Numbers among objects, an array of which is changed."""
    missing = np.zeros(cells.shape, dtype=bool) if masked is None else masked.copy()
    kinds = set(map(type, cells.flat))
    if np.timedelta64 in kinds or not all(issubclass(kind, PLAIN) for kind in kinds):
        missing |= _mask(cells, lambda cell: cell is np.ma.masked)
        cells[missing] = 0
        cells[_mask(cells, _is_absent)] = np.nan
        refuse_dates(name, _types(_found(cells, names, _is_date)))
        refuse_complex(name, _types(_found(cells, names, _is_complex)))
    is_word = not (takes_nan(mark) or isinstance(mark, Real))
    if is_word:
        missing |= mask_of(cells, mark)
        cells[missing] = 0
    try:
        values = cells.astype(np.float64)
    except (TypeError, ValueError) as error:
        must = f"{name} must hold numbers besides missing_values={mark!r}. " if is_word else ""
        refuse_objects(name, _found(cells, names, _is_no_number), must, error)
    if not is_word and not takes_nan(mark):
        missing |= cells == mark  # a float32 among objects is compared as such
    return Numbers(values, missing if missing.any() else None)


def _mask(cells: NDArray[Any], test: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Which of the objects pass a test."""
    return np.fromiter(map(test, cells.flat), bool, cells.size).reshape(cells.shape)


def _columns(
    cells: NDArray[Any], names: Sequence[Any] | None
) -> Iterator[tuple[str, NDArray[Any]]]:
    """The columns of a table with their places; a vector alone, without one."""
    if cells.ndim != 2:
        return iter([("", cells.ravel())])
    return ((column(j, names), cells[:, j]) for j in range(cells.shape[1]))


def _found(
    cells: NDArray[Any], names: Sequence[Any] | None, test: Callable[[Any], bool]
) -> list[Found]:
    """The first object of every column that passes a test."""
    found: list[Found] = []
    for where, values in _columns(cells, names):
        found += [(where, cell) for cell in [next(filter(test, values), None)] if cell is not None]
    return found


def _types(found: Sequence[Found]) -> list[tuple[str, str]]:
    return [(where, type(cell).__name__) for where, cell in found]


def _is_absent(cell: Any) -> bool:
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    return type(cell).__name__ in ABSENT


def _is_date(cell: Any) -> bool:
    return isinstance(cell, DATES) or type(cell).__name__ == "Period"


def _is_complex(cell: Any) -> bool:
    return isinstance(cell, complex | np.complexfloating)


def _is_no_number(cell: Any) -> bool:
    try:
        float(np.nan if cell is None else cell)
    except (TypeError, ValueError):
        return True
    return False
