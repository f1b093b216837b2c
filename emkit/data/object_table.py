"""The columns of an array: of objects, or of numbers of which some are categories."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.tables import Factor, Filling, Mask, Table, can_hold, factor_of, is_missing

__all__ = ["NumberTable", "ObjectTable"]


class _ArrayTable(Table):
    """An array, whose columns have numbers for names."""

    @property
    def names(self) -> list[Any]:
        return list(range(self.X.shape[1]))

    def type_name(self, j: int) -> str:
        return str(self.X.dtype)

    def emptied(
        self, where: Mapping[int, Mask], absent: Sequence[int], names: Sequence[Any]
    ) -> Any:
        raise NotImplementedError("Arrays take missing_values as they are.")

    def with_numbers(self, columns: Mapping[int, NDArray[Any]]) -> Any:
        out = self.X.copy()
        for j, cells in columns.items():
            out[:, j] = cells
        return out

    def select(self, columns: Sequence[int]) -> Any:
        return self.X[:, list(columns)]

    def renumbered(self, values: NDArray[Any]) -> Any:
        return values


class ObjectTable(_ArrayTable):
    """An array of objects."""

    def kind(self, j: int) -> str:
        return "object"

    def cells(self, j: int) -> NDArray[Any]:
        out: NDArray[Any] = self.X[:, j].copy()
        out[[is_missing(cell) for cell in out]] = None
        return out

    def types(self, j: int) -> set[type]:
        return set(map(type, self.X[:, j]))

    def factor(self, j: int) -> Factor:
        return factor_of(self.X[:, j].tolist()).marked(None)

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


class NumberTable(_ArrayTable):
    """An array of numbers of which some columns are categories."""

    def kind(self, j: int) -> str:
        return "number"

    def cells(self, j: int) -> NDArray[Any]:
        column: NDArray[Any] = self.X[:, j]
        return column

    def factor(self, j: int) -> Factor:
        values, codes = np.unique(self.X[:, j], return_inverse=True)
        return Factor(codes.astype(np.intp), values.tolist()).marked(None)

    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, Mask],
    ) -> Any:
        new = [value for filling in fillings.values() for value in filling.values]
        words = not can_hold(np.dtype(float), new)  # of a fit to a table of objects
        kind = object if words else np.result_type(self.X.dtype, np.float32)
        out = self.select(columns).astype(kind)
        for at, j in enumerate(columns):
            if j in fillings:
                out[fillings[j].where, at] = fillings[j].values
        return np.column_stack([out, *more.values()]) if more else out
