"""The columns of a frame of polars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.tables import Factor, Filling, Mask, Table, factor_of, plain

__all__ = ["PolarsTable"]


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
        column = self.X[:, j]
        if not column.null_count() and self.kind(j) in ("integer", "boolean"):
            return np.asarray(column.to_numpy())
        if not column.null_count() and column.dtype.is_float():
            return np.asarray(column.to_numpy())
        out = np.empty(len(self.X), dtype=object)
        out[:] = column.to_list()
        return out

    def factor(self, j: int) -> Factor:
        import polars as pl

        column, told = self.X[:, j], str(self.X.dtypes[j])
        if told.startswith("Enum"):
            codes = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
            return Factor(codes.astype(np.intp), list(column.dtype.categories))
        if self.kind(j) == "object" or told.startswith("Null"):
            return factor_of(column.to_list()).marked(None)
        if told.startswith("Categorical"):
            column = column.cast(pl.String)
        values = column.unique(maintain_order=True).drop_nulls()
        new = pl.Series(range(len(values)), dtype=pl.Int64)
        codes = column.replace_strict(values, new, default=-1, return_dtype=pl.Int64).to_numpy()
        return Factor(codes.astype(np.intp), list(map(plain, values.to_list())))

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
            _fill(self.X[:, j], fillings[j]) if j in fillings else self.X[:, j] for j in columns
        ]
        parts += [pl.Series(name, mask) for name, mask in more.items()]
        return pl.DataFrame(parts)

    def emptied(
        self, where: Mapping[int, Mask], absent: Sequence[int], names: Sequence[Any]
    ) -> Any:
        import polars as pl

        parts = {}
        for at, (j, mask) in enumerate(where.items()):
            column = self.X[:, at]
            parts[j] = column.zip_with(pl.Series(~mask), column.clear(len(column)))
        for j in absent:
            parts[j] = pl.Series([None] * self.n_rows)
        return pl.DataFrame([parts[j].alias(names[j]) for j in sorted(parts)])

    def renumbered(self, values: NDArray[Any]) -> Any:
        import polars as pl

        return pl.DataFrame(values, schema=self.names)


def _is_whole(dtype: Any) -> bool:
    return bool(dtype.is_integer() or str(dtype).startswith("Bool"))


def _fill(column: Any, filling: Filling) -> Any:
    """A column with cells filled, of its type but where that cannot hold them."""
    import polars as pl

    where, values = filling
    if not where.any():
        return column
    dtype, cells = column.dtype, np.empty(len(column), dtype=object)
    cells[where] = values
    told = str(dtype)
    if told.startswith("Null") or (_is_whole(dtype) and any(v != int(v) for v in values)):
        dtype = pl.Float64
        column = column.cast(dtype)
    elif told.startswith("Enum"):
        strange = [v for v in dict.fromkeys(values) if v not in dtype.categories]
        if strange:  # of the fit, where this table's type does not list them
            dtype = pl.Enum([*dtype.categories, *strange])
            column = column.cast(pl.String).cast(dtype)
    of_words = told.startswith(("Categorical", "Enum"))
    new = pl.Series(column.name, cells.tolist(), dtype=pl.String if of_words else None)
    return column.zip_with(pl.Series(~where), new.cast(dtype))
