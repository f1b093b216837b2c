"""Which containers are tables whose columns have types, and how one becomes another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.containers import split_mask
from emkit.data.object_table import NumberTable, ObjectTable
from emkit.data.tables import Table, can_hold

__all__ = ["in_container", "number_table", "table_of"]

FLOAT = np.dtype(float)


def table_of(X: Any) -> Table | None:
    """A frame of pandas or polars, or an array of objects; None for what is no such table."""
    package = type(X).__module__.partition(".")[0]
    if package == "pandas" and hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:
        from emkit.data.pandas_table import PandasTable

        return PandasTable(X)
    if package == "polars" and hasattr(X, "get_columns"):
        from emkit.data.polars_table import PolarsTable

        return PolarsTable(X)
    if isinstance(X, list | tuple) and X and isinstance(X[0], list | tuple | np.ndarray):
        X = _as_objects(X)
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind in "OUS" and X.ndim == 2:
        X = _unmasked(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "OUST" and X.ndim == 2:
        return ObjectTable(X.astype(object))
    return None


def number_table(X: Any) -> Table | None:
    """An array of numbers as a table, NaN where it is masked; None for what is none."""
    array, masked = split_mask(X if isinstance(X, np.ndarray) else np.asarray(X))
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        return None
    return NumberTable(array if masked is None else np.where(masked, np.nan, array))


def _unmasked(X: Any) -> NDArray[Any]:
    """An array of objects, None where it is masked."""
    out: NDArray[Any] = X.data.astype(object)
    out[np.ma.getmaskarray(X)] = None
    return out


def _as_objects(rows: Sequence[Any]) -> Any:
    """Rows of a list as an array of objects where one is a word; else as they are."""
    if len({len(row) for row in rows}) != 1:
        return rows
    if not any(isinstance(cell, str) for row in rows for cell in row):
        return rows
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        out[i] = list(row)
    return out


def in_container(X: Any, container: str) -> Any:
    """A table as a frame of pandas or polars, column by column, where another kind is asked for."""
    package = type(X).__module__.partition(".")[0]
    if container == "default" or package == container:
        return X
    table = table_of(X)
    if table is None:  # an array of numbers
        return X
    return _as_pandas(table) if container == "pandas" else _as_polars(table)


def _as_pandas(table: Table) -> Any:
    import pandas as pd

    columns: list[Any] = []
    for j in range(len(table.names)):
        if table.kind(j) == "category":
            codes, found = table.factor(j)
            levels = table.levels(j) or sorted(found)
            place = {level: i for i, level in enumerate(levels)}
            codes = np.array([*(place[level] for level in found), -1])[codes]
            part = pd.Categorical.from_codes(codes, levels, ordered=table.is_ordered(j))
            columns.append(pd.Series(part))
        else:
            columns.append(pd.Series(table.cells(j)).infer_objects())
    return pd.concat(columns, axis=1).set_axis(table.names, axis=1)


def _as_polars(table: Table) -> Any:
    import polars as pl

    columns = []
    for j, name in enumerate(table.names):
        dtype: Any = None
        if table.kind(j) == "category":
            levels = table.levels(j) or [None]
            if all(isinstance(level, str) for level in levels):
                dtype = pl.Enum(levels) if table.is_ordered(j) else pl.Categorical
        columns.append(_polars_series(str(name), table.cells(j), dtype))
    return pl.DataFrame(columns)


def _polars_series(name: str, cells: NDArray[Any], dtype: Any) -> Any:
    """Objects that have no type of polars in common become text."""
    import polars as pl

    if cells.dtype != object:
        return pl.Series(name, cells)
    if dtype is None and {float, np.float64} & set(map(type, cells)) and can_hold(FLOAT, cells):
        return pl.Series(name, cells.astype(float))  # integers among floats
    try:
        return pl.Series(name, cells.tolist(), dtype=dtype)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if c is None else str(c) for c in cells], dtype=pl.String)
