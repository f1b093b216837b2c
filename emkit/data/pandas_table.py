"""The columns of a frame of pandas."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.containers import Column
from emkit.data.tables import Factor, Filling, Mask, Table, can_hold, plain

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

    def intervals(self, j: int) -> NDArray[Any] | None:
        dtype, column = self._dtype(j), self.X.iloc[:, j].array
        if not str(dtype).startswith("interval") or not hasattr(column, "left"):
            return None
        if Column(None, dtype.subtype).kind not in "iuf":
            return None
        return np.stack([np.asarray(side, dtype=float) for side in (column.left, column.right)])

    def with_numbers(self, columns: Mapping[int, NDArray[Any]]) -> Any:
        import pandas as pd

        parts = [
            pd.Series(columns[j]) if j in columns else self.X.iloc[:, j]
            for j in range(self.X.shape[1])
        ]
        out = _beside(parts, self.X.index)
        out.columns = self.X.columns
        return out

    def select(self, columns: Sequence[int]) -> Any:
        out = self.X.iloc[:, list(columns)]
        sparse = {name: dtype.subtype for name, dtype in out.dtypes.items() if _is_sparse(dtype)}
        return out.astype(sparse) if sparse else out

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


def _is_sparse(dtype: Any) -> bool:
    return str(dtype).startswith("Sparse")


def _lists_levels(dtype: Any) -> bool:
    return hasattr(dtype, "categories") and hasattr(dtype, "ordered")


def _fill(column: Any, filling: Filling) -> Any:
    """A column with cells filled, of its type but where that cannot hold them."""
    import pandas as pd

    where, values = filling
    if not where.any():
        return column
    if _is_sparse(column.dtype):
        return _fill(column.sparse.to_dense(), filling).astype(column.dtype)
    if _lists_levels(column.dtype):
        column, values = _with_levels(column, values)
    told = str(column.dtype).lower()
    if told.startswith(("dictionary", "interval", "null", "decimal")):
        return _with_entries(column, where, values)
    kind: Any = getattr(column.dtype, "numpy_dtype", column.dtype)
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        return _with_numbers(column, where, values, kind)
    if told.startswith(("str", "large_str")) and not all(isinstance(v, str) for v in values):
        column = column.astype(object)  # levels of the fit that are no text
    out = column.copy()
    out.iloc[np.flatnonzero(where)] = pd.Series(list(values), dtype=out.dtype).array
    return out


def _with_levels(column: Any, values: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """A column whose type lists the values, and these as it has them."""
    known = {level: level for level in column.dtype.categories.tolist()}
    strange = [v for v in dict.fromkeys(values) if v not in known]
    if strange and all(isinstance(v, float) for v in strange):  # it was read as numbers
        return column.astype("float64"), values
    if strange:  # of the fit, where this table's type does not list them
        column = column.cat.add_categories(strange)
    return column, [known.get(v, v) for v in values]


def _with_numbers(column: Any, where: Mask, values: Sequence[Any], kind: np.dtype[Any]) -> Any:
    """A column of numbers or truth values with cells filled, widened for what it cannot hold."""
    import pandas as pd

    wider = kind, np.dtype(np.int64), np.dtype(np.float64)
    fits = next((of for of in wider if can_hold(of, values)), None)
    if fits is None:  # words, where there were numbers or not a cell
        if where.all():
            return pd.Series(list(values), index=column.index, name=column.name)
        return _with_entries(column.astype(object), where, values)
    if fits != kind:
        column = column.astype(_of_kind(column.dtype, fits))
    out = column.copy()
    new = np.array(values, fits)
    # Else pandas widens a column of its own types.
    out.iloc[np.flatnonzero(where)] = new if isinstance(out.dtype, np.dtype) else new.tolist()
    return out


def _of_kind(dtype: Any, kind: np.dtype[Any]) -> Any:
    """The type of numbers of a kind, in the family of another."""
    import pandas as pd

    if str(dtype).endswith("[pyarrow]"):
        return f"{'double' if kind.kind == 'f' else kind}[pyarrow]"
    if getattr(dtype, "na_value", None) is pd.NA:
        return str(kind).capitalize()
    return kind


def _with_entries(column: Any, where: Mask, values: Sequence[Any]) -> Any:
    """A column of objects, decimals, intervals or an Arrow dictionary with cells filled."""
    import pandas as pd

    dtype: Any = column.dtype
    if str(dtype).startswith("decimal") and can_hold(np.dtype(float), values):
        unit = Decimal(1).scaleb(-dtype.pyarrow_dtype.scale)
        values = [Decimal(v).quantize(unit) for v in values]
    cells = np.array(column.array.astype(object), dtype=object)
    cells[where] = list(values)
    try:
        filled = pd.Series(pd.array(cells, dtype=dtype))
    except (TypeError, ValueError, NotImplementedError):  # a type of other things, or of nothing
        filled = pd.Series(cells).infer_objects()
    return filled.set_axis(column.index).rename(column.name)
