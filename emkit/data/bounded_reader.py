"""How rows are read of which cells may be known to an interval."""

from dataclasses import dataclass, replace
from typing import Any, Self

from emkit._typing import Array
from emkit.data.checks import in_context, rows_with_value
from emkit.data.limits_by_column import has_limits, limits_by_column, with_bounds
from emkit.data.reader import Reader
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds

__all__ = ["BoundedReader"]


@dataclass(frozen=True)
class BoundedReader(Reader[Rows]):
    """Reader of rows, all columns as they were given, with the bounds of their cells."""

    own: Array | None = None  #: bounds (2, n, d) of cells that hold an interval themselves
    limits: Array | None = None  #: (2, n_features) of columns, once their names are known

    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> Rows:
        return Rows(X, sample_weight)

    def counted(self, rows: Rows) -> Rows:
        return rows_with_value(rows.X, rows.sample_weight, rows.bounds)

    def read_all(self, estimator: Any, X: Any, sample_weight: Any, y: Any, *, reset: bool) -> Rows:
        rows = super().read_all(estimator, X, sample_weight, y, reset=reset)
        return self.of_columns_of(estimator, rows.X.shape[1], reset=reset).bounded(rows, X)

    def read_block(
        self, X: Any, sample_weight: Any, y: Any, context: str, context_of_y: str
    ) -> Rows:
        rows = super().read_block(X, sample_weight, y, context, context_of_y)
        with in_context(context):
            return self.bounded(rows, X)

    def of_columns_of(self, estimator: Any, n_features: int, *, reset: bool) -> Self:
        """The reader that knows what the estimator says of its columns, by their names."""
        if not has_limits(estimator):
            return self
        return replace(self, limits=limits_by_column(estimator, n_features))

    def bounded(self, rows: Rows, given: Any = None) -> Rows:
        """Rows with the bounds of cells that are known to an interval."""
        if self.limits is not None:
            X, bounds = with_bounds(rows.X, self.limits, self.own, given)
        elif self.own is not None:
            X, bounds = rows.X, CellBounds.of(self.own)
        else:
            return rows
        return rows._replace(X=X, bounds=bounds)
