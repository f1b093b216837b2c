"""The columns of a frame of pandas."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.containers import Column
from emkit.data.tables import Factor, Filling, Mask, Table, plain

__all__ = ["PandasTable"]


class PandasTable(Table):
    """A DataFrame of pandas."""

    @property
    def names(self) -> list[Any]:
        return list(self.X.columns)

    def _dtype(self, j: int) -> Any:
        return self.X.dtypes.iloc[j]

    def type_name(self, j: int) -> str:
        return str(self._dtype(j))

    def kind(self, j: int) -> str:
        dtype = self._dtype(j)
        column, told = Column(None, dtype), str(dtype).lower()
        if _lists_levels(dtype):
            return "date" if Column(None, dtype.categories.dtype).kind in "Mm" else "category"
        if column.kind in "Mm":
            return "date"
        if told.startswith(("interval", "dictionary")):
            return "category"
        if told.startswith("bool"):
            return "boolean"
        if told.startswith(("str", "large_string")) and not told.startswith("struct"):
            return "text"
        if column.kind == "O":
            return "number" if told.startswith("decimal") else "object"
        return "integer" if told.startswith(("int", "uint")) else "number"

    def levels(self, j: int) -> list[Any] | None:
        dtype = self._dtype(j)
        return dtype.categories.tolist() if _lists_levels(dtype) else None

    def is_ordered(self, j: int) -> bool:
        return bool(getattr(self._dtype(j), "ordered", False))

    def cells(self, j: int) -> NDArray[Any]:
        column = self.X.iloc[:, j]
        missing = column.isna().to_numpy()
        kind: Any = getattr(column.dtype, "numpy_dtype", column.dtype)
        if not missing.any() and isinstance(kind, np.dtype) and kind.kind in "biuf":
            return np.asarray(column.to_numpy(kind))
        out = np.array(column.array.astype(object), dtype=object)
        out[missing] = None
        return out

    def factor(self, j: int) -> Factor:
        import pandas as pd

        column = self.X.iloc[:, j]
        if _lists_levels(column.dtype):
            return Factor(column.cat.codes.to_numpy(np.intp), column.dtype.categories.tolist())
        if str(column.dtype).startswith("dictionary"):
            column = column.astype(object)
        codes, found = pd.factorize(column)
        return Factor(codes, list(map(plain, found.tolist())))

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
            _fill(self.X.iloc[:, j], fillings[j]) if j in fillings else self.X.iloc[:, j]
            for j in columns
        ]
        parts += [pd.Series(mask, index=self.X.index, name=name) for name, mask in more.items()]
        if not parts:
            return self.X.iloc[:, :0].copy()
        out = _beside(parts, self.X.index)
        names = self.X.columns[list(columns)]
        if more:
            out.columns = pd.Index([*names, *more], tupleize_cols=False)
        else:
            out.columns = names
        return out

    def emptied(
        self, where: Mapping[int, Mask], absent: Sequence[int], names: Sequence[Any]
    ) -> Any:
        parts = {j: self.X.iloc[:, at].mask(mask) for at, (j, mask) in enumerate(where.items())}
        for j in absent:
            parts[j] = self.X.iloc[:, 0].astype(object).mask(np.ones(self.n_rows, dtype=bool))
        return _beside([parts[j] for j in sorted(parts)], self.X.index).set_axis(names, axis=1)

    def renumbered(self, values: NDArray[Any]) -> Any:
        import pandas as pd

        return pd.DataFrame(values, columns=self.X.columns, copy=False)


def _beside(columns: Sequence[Any], index: Any) -> Any:
    """A frame of columns, by place: an index may hold a label twice, which pandas cannot align."""
    import pandas as pd

    out = pd.concat([column.set_axis(range(len(column))) for column in columns], axis=1)
    return out.set_axis(index, axis=0)


def _lists_levels(dtype: Any) -> bool:
    return hasattr(dtype, "categories") and hasattr(dtype, "ordered")


def _fill(column: Any, filling: Filling) -> Any:
    """A column with cells filled, of its type but where that cannot hold them."""
    import pandas as pd

    where, values = filling
    if not where.any():
        return column
    told = str(column.dtype).lower()
    if _lists_levels(column.dtype):
        strange = [v for v in dict.fromkeys(values) if v not in column.dtype.categories]
        if strange and all(isinstance(v, float) for v in strange):  # it was read as numbers
            column = column.astype("float64")
        elif strange:  # of the fit, where this table's type does not list them
            column = column.cat.add_categories(strange)
    elif told.startswith(("dictionary", "interval")):
        return _with_entries(column, where, values)
    elif told.startswith(("int", "uint", "bool")) and any(v != int(v) for v in values):
        nullable = getattr(column.dtype, "na_value", None) is pd.NA
        column = column.astype(_wide(told) if nullable else "float64")
    dtype, out = column.dtype, column.copy()
    new: Any = list(values)
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        new = np.array(values, dtype)  # else pandas widens the column
    elif told.startswith("decimal"):
        unit = Decimal(1).scaleb(-dtype.pyarrow_dtype.scale)
        new = [Decimal(v).quantize(unit) for v in values]
    out.iloc[np.flatnonzero(where)] = new
    return out


def _wide(told: str) -> str:
    return "double[pyarrow]" if told.endswith("[pyarrow]") else "Float64"


def _with_entries(column: Any, where: Mask, values: Sequence[Any]) -> Any:
    """A column of an Arrow dictionary or of intervals with cells filled."""
    import pandas as pd

    cells = np.array(column.array.astype(object), dtype=object)
    cells[where] = list(values)
    return pd.Series(pd.array(cells, dtype=column.dtype), index=column.index, name=column.name)
