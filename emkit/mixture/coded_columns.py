"""The columns of a table with categories that a fit keeps, and its rows taken apart by kind."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.checks import has_missing, rows_that_count, rows_with_value
from emkit.mixture.coding import coding_of, numbers_of
from emkit.mixture.flat import Flat
from emkit.models.mixed.rows import CodedRows
from emkit.models.rows import Rows

__all__ = ["CodedColumns"]


class CodedColumns(NamedTuple):
    """What is kept of rows: numbers as of a `Flat`, then categories. It reads rows as a `Flat`."""

    numbers: NDArray[np.intp]  #: columns of the user's table
    categories: NDArray[np.intp]
    flat: Flat | None = None  #: of the numbers, where not all are kept

    @classmethod
    def of(cls, mixture: Any, flat: Flat | None = None) -> "CodedColumns | None":
        """Those of a fit; None where there are no categories."""
        coding = coding_of(mixture)
        if coding is None:
            return None
        return cls(numbers_of(mixture, len(coding.names)), coding.columns, flat)

    @property
    def order(self) -> NDArray[np.intp]:
        """The user's columns in the order in which they are kept, those that are not among them."""
        return np.concatenate([self.numbers, self.categories])

    @property
    def order_of_kept(self) -> NDArray[np.intp]:
        """The same of those that are kept."""
        kept = slice(None) if self.flat is None else self.flat.kept
        return np.concatenate([self.numbers[kept], self.categories])

    @property
    def n_numbers(self) -> int:
        """Numbers that are kept."""
        return len(self.numbers if self.flat is None else self.flat.kept)

    def reduce(self, X: Array) -> Array:
        """What is kept of rows (n, d)."""
        numbers = X[:, self.numbers]
        if self.flat is not None:
            numbers = self.flat.reduce(numbers)
        return np.hstack([numbers, X[:, self.categories]])

    def reduce_rows(self, rows: Rows) -> Rows:
        """The same of rows, whose cells have no bounds: beside categories these are refused."""
        return rows._replace(X=self.reduce(rows.X))

    def counted(self, rows: Rows) -> Rows:
        """The rows that tell something, of what is kept."""
        return rows_with_value(self.reduce(rows.X), rows.sample_weight)

    def which_count(self, rows: Rows) -> Any:
        """As a mask, or None for all."""
        X = self.reduce(rows.X)
        return rows_that_count(X, rows.sample_weight, has_missing(X))

    def strays(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of the columns of numbers leave their flat in some rows."""
        assert self.flat is not None
        return self.flat.strays(Rows(rows.X[:, self.numbers]))

    def apart(self, rows: Rows) -> CodedRows:
        """Rows of what is kept, as numbers and codes."""
        p, q = self.n_numbers, len(self.categories)
        return CodedRows.of(rows, np.arange(p), np.arange(p, p + q))
