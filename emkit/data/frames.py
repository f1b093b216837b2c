"""Columns of a frame or of an array of objects, one by one, and the same with cells filled."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit.data.containers import Column

__all__ = [
    "Filling",
    "ObjectTable",
    "PandasTable",
    "PolarsTable",
    "Table",
    "in_container",
    "table_of",
]

Mask = NDArray[np.bool_]


class Filling(NamedTuple):
    """What a column is to have in some of its cells."""

    where: Mask
    values: Sequence[Any]  #: one for each such cell, in the types of Python


class Table(ABC):
    """A table whose columns have types of their own."""

    def __init__(self, X: Any):
        self.X = X

    @property
    @abstractmethod
    def names(self) -> list[Any]:
        """Names of the columns; their numbers, where they have none."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.X)

    @abstractmethod
    def kind(self, j: int) -> str:
        """What the type of a column says that it is.

        "category" (its type may list the levels), "boolean", "text", "integer", "number", "date",
        or "object" where only the cells can tell.
        """

    def levels(self, j: int) -> list[Any] | None:
        """The levels that a type lists, in its order; None where it lists none."""
        return None

    def is_ordered(self, j: int) -> bool:
        """Whether the order of the levels means something."""
        return False

    @abstractmethod
    def cells(self, j: int) -> NDArray[Any]:
        """The cells (n,) as objects, None where the container calls them missing."""

    @abstractmethod
    def select(self, columns: Sequence[int]) -> Any:
        """Some of the columns, in a container of the same kind."""

    @abstractmethod
    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, Mask],
    ) -> Any:
        """Some of the columns with cells filled, of their types, and more of truth values."""

    @abstractmethod
    def renumbered(self, values: NDArray[Any]) -> Any:
        """A table of floats with the names that this one has."""


class PandasTable(Table):
    """A DataFrame of pandas."""

    @property
    def names(self) -> list[Any]:
        return list(self.X.columns)

    def _dtype(self, j: int) -> Any:
        return self.X.dtypes.iloc[j]

    def kind(self, j: int) -> str:
        dtype = self._dtype(j)
        column = Column(None, dtype)
        if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
            of_levels = Column(None, dtype.categories.dtype)
            return "date" if of_levels.kind in "Mm" else "category"
        told = str(dtype).lower()
        if column.kind in "Mm" or told.startswith("interval"):
            return "date" if column.kind in "Mm" else "category"
        if told.startswith(("bool",)):
            return "boolean"
        if told.startswith(("str", "string", "large_string")):
            return "text"
        if told.startswith("dictionary"):
            return "category"
        if column.kind == "O":
            return "number" if told.startswith("decimal") else "object"
        return "integer" if told.startswith(("int", "uint")) else "number"

    def levels(self, j: int) -> list[Any] | None:
        categories = getattr(self._dtype(j), "categories", None)
        return None if categories is None else list(categories)

    def is_ordered(self, j: int) -> bool:
        return bool(getattr(self._dtype(j), "ordered", False))

    def cells(self, j: int) -> NDArray[Any]:
        column = self.X.iloc[:, j]
        out = np.array(column.array.astype(object), dtype=object)
        out[column.isna().to_numpy()] = None
        return out

    def select(self, columns: Sequence[int]) -> Any:
        return self.X.iloc[:, list(columns)]

    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, Mask],
    ) -> Any:
        import pandas as pd

        parts = [
            _fill_pandas(self.X.iloc[:, j], fillings[j]) if j in fillings else self.X.iloc[:, j]
            for j in columns
        ]
        parts += [pd.Series(mask, index=self.X.index, name=name) for name, mask in more.items()]
        if not parts:
            return self.X.iloc[:, :0].copy()
        out = pd.concat(parts, axis=1)
        names = [self.X.columns[j] for j in columns] + list(more)
        out.columns = (
            pd.Index(names, tupleize_cols=False) if more else self.X.columns[list(columns)]
        )
        return out

    def renumbered(self, values: NDArray[Any]) -> Any:
        import pandas as pd

        return pd.DataFrame(values, columns=self.X.columns, copy=False)


def _fill_pandas(column: Any, filling: Filling) -> Any:
    """A column with cells filled, of its type but where that cannot hold them."""
    import pandas as pd

    where, values = filling
    dtype = column.dtype
    if not where.any():
        return column
    if str(dtype).startswith(("str", "large_string")):
        values = [str(v) for v in values]  # numbers that were text
    elif hasattr(dtype, "categories"):
        strange = [v for v in dict.fromkeys(values) if v not in dtype.categories]
        if strange:  # of the fit, where this table's type does not list them
            column = column.cat.add_categories(strange)
    elif "int" in str(dtype).lower() and any(v != int(v) for v in values):
        wide = "Float64" if getattr(dtype, "na_value", None) is pd.NA else "float64"
        column = column.astype(wide)
    out = column.copy()
    out.iloc[np.flatnonzero(where)] = list(values)
    return out


class PolarsTable(Table):
    """A DataFrame of polars."""

    @property
    def names(self) -> list[Any]:
        return list(self.X.columns)

    def kind(self, j: int) -> str:
        dtype = self.X.dtypes[j]
        told = str(dtype).lower()
        if told.startswith(("categorical", "enum")):
            return "category"
        if told.startswith(("string", "utf8")):
            return "text"
        if told.startswith("bool"):
            return "boolean"
        if dtype.is_integer():
            return "integer"
        if dtype.is_numeric() or told.startswith("null"):
            return "number"
        return "date" if dtype.is_temporal() else "object"

    def levels(self, j: int) -> list[Any] | None:
        dtype = self.X.dtypes[j]
        return list(dtype.categories) if str(dtype).startswith("Enum") else None

    def is_ordered(self, j: int) -> bool:
        return str(self.X.dtypes[j]).startswith("Enum")

    def cells(self, j: int) -> NDArray[Any]:
        out = np.empty(len(self.X), dtype=object)
        out[:] = self.X[:, j].to_list()
        if self.X.dtypes[j].is_float():
            out[self.X[:, j].is_nan().fill_null(False).to_numpy()] = None
        return out

    def select(self, columns: Sequence[int]) -> Any:
        return self.X[:, list(columns)]

    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, Mask],
    ) -> Any:
        import polars as pl

        parts = [
            _fill_polars(self.X[:, j], fillings[j]) if j in fillings else self.X[:, j]
            for j in columns
        ]
        parts += [pl.Series(name, mask) for name, mask in more.items()]
        return pl.DataFrame(parts)

    def renumbered(self, values: NDArray[Any]) -> Any:
        import polars as pl

        return pl.DataFrame(values, schema=self.names)


def _fill_polars(column: Any, filling: Filling) -> Any:
    import polars as pl

    where, values = filling
    if not where.any():
        return column
    dtype, cells = column.dtype, np.empty(len(column), dtype=object)
    cells[where] = values
    if dtype.is_integer() and any(v != int(v) for v in values):
        dtype = pl.Float64
        column = column.cast(dtype)
    if str(dtype).startswith("Enum"):
        strange = [v for v in dict.fromkeys(values) if v not in dtype.categories]
        if strange:
            dtype = pl.Enum([*dtype.categories, *strange])
            column = column.cast(pl.String).cast(dtype)
    plain = str(dtype).startswith(("Categorical", "Enum"))
    if str(dtype) == "String":
        cells[where] = [str(v) for v in values]  # numbers that were text
    new = pl.Series(column.name, cells.tolist(), dtype=pl.String if plain else None, strict=False)
    return column.zip_with(pl.Series(~where), new.cast(dtype))


class ObjectTable(Table):
    """An array of objects, or lists that make one."""

    @property
    def names(self) -> list[Any]:
        return list(range(self.X.shape[1]))

    def kind(self, j: int) -> str:
        return "object"

    def cells(self, j: int) -> NDArray[Any]:
        out: NDArray[Any] = self.X[:, j].copy()
        out[[_is_missing(cell) for cell in out]] = None
        return out

    def select(self, columns: Sequence[int]) -> Any:
        return self.X[:, list(columns)]

    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, Mask],
    ) -> Any:
        out = np.empty((len(self.X), len(columns) + len(more)), dtype=object)
        out[:, : len(columns)] = self.X[:, list(columns)]
        for at, j in enumerate(columns):
            if j in fillings:
                out[fillings[j].where, at] = fillings[j].values
        for at, mask in enumerate(more.values(), start=len(columns)):
            out[:, at] = mask
        return out

    def renumbered(self, values: NDArray[Any]) -> Any:
        return values


def _is_missing(cell: Any) -> bool:
    if cell is None or cell is np.ma.masked:
        return True
    if type(cell).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(cell, float | np.floating) and cell != cell


def table_of(X: Any) -> Table | None:
    """A frame of pandas or polars, or an array of objects; None for what is no such table."""
    package = type(X).__module__.partition(".")[0]
    if package == "pandas" and hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:
        return PandasTable(X)
    if package == "polars" and hasattr(X, "get_columns"):
        return PolarsTable(X)
    if isinstance(X, list | tuple) and X and isinstance(X[0], list | tuple | np.ndarray):
        X = _as_objects(X)
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind == "O" and X.ndim == 2:
        X = _unmasked(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "OUS" and X.ndim == 2:
        return ObjectTable(X.astype(object))
    return None


def _unmasked(X: Any) -> Any:
    """An array of objects, None where it is masked."""
    out = X.data.copy()
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
    if container == "default" or package == container or isinstance(X, np.ndarray):
        return X
    table = table_of(X)
    assert table is not None  # a frame
    return _as_pandas(table) if container == "pandas" else _as_polars(table)


def _as_pandas(table: Table) -> Any:
    import pandas as pd

    columns = {}
    for j, name in enumerate(table.names):
        cells, kind = table.cells(j), table.kind(j)
        if kind == "category":
            levels = table.levels(j) or sorted({c for c in cells if c is not None})
            columns[name] = pd.Categorical(cells, levels, ordered=table.is_ordered(j))
        else:
            columns[name] = pd.Series(cells).infer_objects()
    return pd.DataFrame(columns)


def _as_polars(table: Table) -> Any:
    import polars as pl

    columns = []
    for j, name in enumerate(table.names):
        dtype: Any = None
        if table.kind(j) == "category":
            levels = table.levels(j) or [None]
            if all(isinstance(level, str) for level in levels):
                dtype = pl.Enum(levels) if table.is_ordered(j) else pl.Categorical
        columns.append(pl.Series(str(name), table.cells(j).tolist(), dtype=dtype))
    return pl.DataFrame(columns)
