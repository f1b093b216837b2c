"""What a table is asked for whose columns have types of their own."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit.base.estimator import is_scalar_nan
from emkit.data.numbers import takes_nan

__all__ = [
    "Factor",
    "Filling",
    "Mask",
    "Table",
    "can_hold",
    "factor_of",
    "is_mark",
    "is_missing",
    "plain",
]

Mask = NDArray[np.bool_]


class Filling(NamedTuple):
    """What a column is to have in some of its cells."""

    where: Mask
    values: Sequence[Any]  #: one for each such cell, in the types of Python


class Factor(NamedTuple):
    """The cells of a column as numbers of its distinct values."""

    codes: NDArray[np.intp]  #: (n,) place among the values, -1 where the cell is missing
    values: list[Any]  #: distinct, in the types of Python; some may be in no cell

    def marked(self, mark: Any) -> "Factor":
        """The same with the cells missing that are NaN, or equal the mark of a missing cell."""
        marked = np.array([*(is_mark(value, mark) for value in self.values), False])
        return Factor(np.where(marked[self.codes], -1, self.codes), self.values)

    def counts(self, weights: NDArray[Any] | None = None) -> NDArray[Any]:
        """How many cells have each of the values, or the sum of their weights."""
        present = self.codes >= 0
        given = None if weights is None else weights[present]
        return np.bincount(self.codes[present], given, len(self.values))

    @property
    def present(self) -> list[Any]:
        """The values that some cell has."""
        return [value for value, n in zip(self.values, self.counts(), strict=True) if n]


def is_mark(value: Any, mark: Any) -> bool:
    """Whether a cell is missing, by itself or by the mark."""
    if is_missing(value):
        return True
    if takes_nan(mark) or not isinstance(mark, str | Real):
        return False
    return isinstance(value, bool) == isinstance(mark, bool) and bool(value == mark)


def is_missing(cell: Any) -> bool:
    """Whether an object stands for a missing cell, in NumPy or in pandas."""
    if cell is None or cell is np.ma.masked:
        return True
    return type(cell).__name__ in {"NAType", "NaTType"} or bool(is_scalar_nan(cell))


def plain(cell: Any) -> Any:
    """A cell in the type of Python, so that it is equal wherever it comes from."""
    return cell.item() if isinstance(cell, np.generic) else cell


def factor_of(cells: Iterable[Hashable]) -> Factor:
    """Of objects one by one; TypeError where one, such as a list, has no hash."""
    index: dict[Hashable, int] = {}
    codes = np.array([index.setdefault(cell, len(index)) for cell in cells], dtype=np.intp)
    return Factor(codes, [plain(cell) for cell in index])


def can_hold(kind: np.dtype[Any], values: Sequence[Any] | NDArray[Any]) -> bool:
    """Whether values are numbers of a type: floats of any precision hold all that there are."""
    if not all(isinstance(value, Real | Decimal | np.bool_) for value in values):
        return False
    if kind.kind == "f":
        return True
    with np.errstate(invalid="ignore"):
        return all(bool(np.asarray(value).astype(kind) == value) for value in set(values))


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
        """The cells (n,), of a type of numbers or as objects, None where they are missing."""

    def types(self, j: int) -> set[type]:
        """Types of the cells of a column of objects."""
        return set(map(type, self.cells(j)))

    def type_name(self, j: int) -> str:
        """The type of a column as messages name it."""
        return str(self.X.dtypes[j])

    @abstractmethod
    def factor(self, j: int) -> Factor:
        """The cells as numbers of their distinct values; TypeError where one has no hash."""

    def intervals(self, j: int) -> NDArray[Any] | None:
        """Lower and upper bounds (2, n) where the type of a column is one of intervals of numbers.

        NaN where a cell is missing; None for all other types.
        """
        return None

    @abstractmethod
    def with_numbers(self, columns: Mapping[int, NDArray[Any]]) -> Any:
        """A table of the same kind with other cells in some of the columns.

        They are floats, or objects where words mark missing cells among them.
        """

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
    def emptied(
        self, where: Mapping[int, Mask], absent: Sequence[int], names: Sequence[Any]
    ) -> Any:
        """The first columns with cells that are missing, and columns without a cell among them.

        Parameters
        ----------
        where : mapping from int to ndarray
            The columns that there are, by their place in the result, and cells to be emptied.
        absent : sequence of int
            Places of the columns that have no cell.
        names : sequence
            Of all columns of the result.
        """

    @abstractmethod
    def renumbered(self, values: NDArray[Any]) -> Any:
        """A table of floats with the names that this one has."""
