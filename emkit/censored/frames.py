"""Frames and lists of responses as arrays that keep the names and types of their columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from emkit.censored.values import refuse_masked
from emkit.data.containers import columns_of

__all__ = ["as_array", "as_records"]

#: Types of cells that are those of an array, and not of its objects.
PLAIN = {bool, int, float, str}


def as_records(y: Any) -> Any:
    """A frame as an array of records, a list as one of objects; anything else as it is.

    So what is sliced of them keeps its names and types. A frame of Dask becomes an array of Dask.
    Columns of one type that have numbers for names are those of an array without names. The fields
    of structs, and the keys of dictionaries, one a row, are columns with these names. What is
    masked is refused, as is a query of polars, which has no rows yet.
    """
    columns_of(y)
    if isinstance(y, Mapping):
        raise TypeError(
            f"y is a {type(y).__name__}, whose rows cannot be chosen. Make it a frame: "
            "pandas.DataFrame(y)."
        )
    refuse_masked(y, "y")
    y = _unnested(y)
    if isinstance(y, list | tuple):
        of_records = len(y) > 0 and isinstance(y[0], np.void)
        return np.array(y, dtype=None if of_records else object)
    names = _names(y)
    if names is None:
        return y
    if hasattr(y, "map_partitions"):
        return y.map_partitions(as_records, meta=as_records(y._meta), enforce_metadata=False)
    unnamed = all(isinstance(name, int | np.integer) for name in names)
    labels = list(map(str, names))
    if len(set(labels)) < len(labels):
        raise ValueError(f"The columns of y must have names of their own. Got {labels}.")
    taken = (y.iloc[:, j] if hasattr(y, "iloc") else y[name] for j, name in enumerate(names))
    columns = list(map(np.asarray, map(_unnested, taken)))
    if len(columns) == 1 and columns[0].dtype.names:  # a frame of nothing but structs
        return columns[0]
    if len(columns) < 2 or (unnamed and len({column.dtype for column in columns}) == 1):
        return np.column_stack(columns) if columns else np.empty((len(y), 0))
    return _records(labels, columns)


def _records(labels: Sequence[str], columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """An array of records with such fields."""
    dtype = [(label, column.dtype) for label, column in zip(labels, columns, strict=True)]
    records: NDArray[Any] = np.empty(len(columns[0]), dtype=dtype)
    for label, column in zip(labels, columns, strict=True):
        records[label] = column
    return records


def _unnested(y: Any) -> Any:
    """Structs of polars or Arrow, and dictionaries, as an array of records; all else as it is.

    NumPy would make numbers of structs of polars, without the names of their fields.
    """
    if type(getattr(y, "dtype", None)).__name__ == "Struct":
        fields = y.struct.unnest()
        return _records(fields.columns, [column.to_numpy() for column in fields])
    rows = _objects(y)
    named = rows is not None and len(rows) > 0 and isinstance(rows[0], Mapping)
    return _of_dictionaries(rows) if named else y


def _objects(y: Any) -> Any:
    """Rows that may be dictionaries: a list, or a vector of objects; None for all else."""
    is_series = hasattr(y, "iloc") and getattr(y, "ndim", 2) == 1
    is_arrow = hasattr(y, "to_pylist") and not hasattr(y, "column_names")
    if isinstance(y, list | tuple) or hasattr(y, "__dask_graph__"):
        return y if isinstance(y, list | tuple) else None
    rows = np.asarray(y) if is_series or is_arrow else y
    vector = isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind == "O"
    return rows if vector else None


def _of_dictionaries(rows: Any) -> NDArray[Any]:
    """Records of dictionaries, which must have the same keys."""
    names = list(rows[0])
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != set(names):
            raise ValueError(
                f"Row 0 of y is a dictionary with the keys {names}, and row {i} is {row!r}. Give "
                "every row the same keys, or make y a frame."
            )
    refuse_masked([list(row.values()) for row in rows], "y")
    return _records(list(map(str, names)), [_column([row[n] for row in rows]) for n in names])


def _column(cells: list[Any]) -> NDArray[Any]:
    """An array with one entry a row: of their type if they have one in common."""
    kinds = set(map(type, cells))
    return np.array(cells) if len(kinds) == 1 and kinds <= PLAIN else np.array(cells, dtype=object)


def _names(y: Any) -> list[Any] | None:
    """Names of the columns of a frame of pandas, polars, Arrow or Dask; None of anything else."""
    if isinstance(y, np.ndarray) or getattr(y, "ndim", 2) != 2:
        return None
    names = getattr(y, "columns", None) if hasattr(y, "iloc") else None
    if names is None:
        names = getattr(y, "column_names", getattr(y, "columns", None))
    return None if names is None or callable(names) else list(names)


def as_array(y: Any) -> NDArray[Any]:
    """What `as_records` gives as an array of one or two dimensions, of any type."""
    if hasattr(y, "__dask_graph__"):
        y = np.asarray(y)
    if getattr(getattr(y, "dtype", None), "names", None):
        return np.asarray(y)
    checked: NDArray[Any] = check_array(
        y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y"
    )
    return checked
