"""Frames and lists of responses as arrays that keep the names and types of their columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from emkit.censored.values import refuse_masked

__all__ = ["as_array", "as_records"]


def as_records(y: Any) -> Any:
    """A frame as an array of records, a list as one of objects; anything else as it is.

    So what is sliced of them keeps its names and types. A frame of Dask becomes an array of Dask.
    Columns of one type that have numbers for names are those of an array without names. What is
    masked is refused.
    """
    if isinstance(y, Mapping):
        raise TypeError(
            f"y is a {type(y).__name__}, whose rows cannot be chosen. Make it a frame: "
            "pandas.DataFrame(y)."
        )
    refuse_masked(y, "y")
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
    columns = list(map(np.asarray, taken))
    if len(columns) < 2 or (unnamed and len({column.dtype for column in columns}) == 1):
        return np.column_stack(columns) if columns else np.empty((len(y), 0))
    dtype = [(label, column.dtype) for label, column in zip(labels, columns, strict=True)]
    records: NDArray[Any] = np.empty(len(y), dtype=dtype)
    for label, column in zip(labels, columns, strict=True):
        records[label] = column
    return records


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
