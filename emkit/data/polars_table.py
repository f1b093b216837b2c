"""The columns of a frame of polars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.tables import Factor, Filling, Mask, Table, can_hold, factor_of, plain

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
        if self.kind(j) == "object" or told.startswith(("Null", "Decimal")):
            return factor_of(column.to_list()).marked(None)
        if told.startswith("Categorical"):
            column = column.cast(pl.String)
        values = column.unique(maintain_order=True).drop_nulls()
        new = pl.Series(range(len(values)), dtype=pl.Int64)
        codes = column.replace_strict(values, new, default=-1, return_dtype=pl.Int64).to_numpy()
        return Factor(codes.astype(np.intp), list(map(plain, values.to_list())))

    def with_numbers(self, columns: Mapping[int, NDArray[Any]]) -> Any:
        import polars as pl

        parts = self.X.get_columns()
        for j, cells in columns.items():
            # No column has words among numbers here.
            values = list(map(str, cells)) if cells.dtype == object else cells
            parts[j] = pl.Series(self.names[j], values)
        return pl.DataFrame(parts)

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


def _fill(column: Any, filling: Filling) -> Any:
    """A column with cells filled, of its type but where that cannot hold them."""
    import polars as pl

    where, values = filling
    if not where.any():
        return column
    dtype = _holding(column, values, all_new=bool(where.all()))
    if dtype != column.dtype:
        through = pl.String if str(column.dtype).startswith("Enum") else dtype
        column = column.cast(through).cast(dtype)
    told, kind = str(dtype), dtype
    if told.startswith(("String", "Categorical", "Enum")):
        values, kind = list(map(str, values)), pl.String
    elif dtype.is_numeric() and not dtype.is_integer():
        kind = pl.Float64
    cells = np.empty(len(column), dtype=object)
    cells[where] = values
    new = pl.Series(column.name, cells.tolist(), dtype=kind, strict=False)
    if told.startswith("Categorical"):  # as text, of which no two have numbers of their own
        return column.cast(kind).zip_with(pl.Series(~where), new).cast(dtype)
    return column.zip_with(pl.Series(~where), new.cast(dtype))


def _holding(column: Any, values: Sequence[Any], *, all_new: bool) -> Any:
    """The type of a column, or the next that holds the values too."""
    import polars as pl

    dtype = column.dtype
    if str(dtype).startswith("Enum"):
        # Levels of the fit, where this table's type does not list them.
        strange = [v for v in dict.fromkeys(map(str, values)) if v not in dtype.categories]
        return pl.Enum([*dtype.categories, *strange]) if strange else dtype
    if str(dtype).startswith("Null"):
        return pl.Series(list(values), strict=False).dtype
    if not (dtype.is_numeric() or dtype == pl.Boolean):
        return dtype
    if dtype.is_float() or dtype.is_decimal():
        kinds = [(dtype, np.dtype(float))]
    else:
        name = {"Boolean": "bool", "Int128": "int64"}.get(str(dtype), str(dtype).lower())
        kinds = [(dtype, np.dtype(name)), (pl.Int64, np.dtype(int)), (pl.Float64, np.dtype(float))]
    fits = next((of for of, kind in kinds if can_hold(kind, values)), None)
    if fits is not None:
        return fits
    return pl.Series(list(values), strict=False).dtype if all_new else pl.String
