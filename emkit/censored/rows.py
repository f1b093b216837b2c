"""What a censored regression says of its rows: predictors, and bounds of the responses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_consistent_length

from emkit._typing import Array
from emkit.censored.frames import as_records
from emkit.censored.target import load_target
from emkit.data.blocks import DataBlocks
from emkit.data.checks import load_with_missing, part_of
from emkit.data.opened import Opened, open_data
from emkit.data.reader import Reader
from emkit.models.censored.data import Responses

__all__ = ["ResponseReader", "load_rows", "open_rows", "read_predictors", "require_y"]


@dataclass(frozen=True)
class ResponseReader(Reader[Responses]):
    """Reader of rows with their responses, which have no bounds where y was not given."""

    #: From bounds on the scale of y to such on that of the line.
    to_line: Callable[[Array, Array], tuple[Array, Array]]
    left: float | None
    right: float | None

    fitted: ClassVar[str] = "coef_"
    complete: ClassVar[str] = (
        "EMCensoredRegressor takes no missing cells in X: fill them first, as by "
        "make_pipeline(EMImputer(), EMCensoredRegressor()), or drop such rows."
    )
    counting: ClassVar[str] = "of positive weight, with a bound on the response"

    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> Responses:
        if y is None:
            return Responses(X, None, None, sample_weight)  # type: ignore[arg-type]
        if not len(X):
            return Responses(X, np.empty(0), np.empty(0), sample_weight)
        low, high = load_target(y, self.left, self.right, whole=whole)
        check_consistent_length(X, low)
        return Responses(X, *self.to_line(low, high), sample_weight)

    def counted(self, rows: Responses) -> Responses:
        """Those of positive weight with a response that may not lie anywhere."""
        kept = np.isfinite(rows.low) | np.isfinite(rows.high)
        if rows.weight is not None:
            kept &= rows.weight > 0.0
        return rows if kept.all() else part_of(rows, kept)

    def weights(self, rows: Responses) -> tuple[Array | None, float]:
        return rows.weight, rows.total_weight


def open_rows(
    regressor: Any, X: Any, y: Any = None, sample_weight: Any = None, *, reset: bool = False
) -> Opened[Responses]:
    """Rows that were given to a method of a regressor, wherever they lie."""
    reader = ResponseReader(regressor._distribution.to_line, regressor.left, regressor.right)
    # Where rows are cut into blocks, a frame would lose the names and types of its columns.
    y = as_records(y)
    return open_data(regressor, X, reader, y=y, sample_weight=sample_weight, reset=reset)


def read_predictors(regressor: Any, X: Any) -> Array:
    """X in memory as doubles, as a fitted regressor takes it."""
    complete = ResponseReader.complete
    X = load_with_missing(regressor, X, np.nan, reset=False, complete=complete)
    return np.asarray(X, dtype=float)


def require_y(regressor: Any, y: Any) -> None:
    """ValueError where there are no responses."""
    if y is None:
        raise ValueError(
            f"{type(regressor).__name__} requires y to be passed, but the target y is None"
        )


def load_rows(opened: Opened[Responses]) -> DataBlocks:
    """Rows that count, in blocks that can be asked as often as needed, checked."""
    rows, sides = opened.blocks(_sides)
    _refuse_one_sided(opened.reader, sides)
    return rows


# What cannot be had


def _sides(rows: Responses) -> tuple[int, bool, bool]:
    """Number of rows, and whether all are open on the left, on the right."""
    return len(rows.X), bool(np.isinf(rows.low).all()), bool(np.isinf(rows.high).all())


def _refuse_one_sided(reader: Reader[Responses], sides: Any) -> None:
    """ValueError where there are no rows, or all are open on one side."""
    n, left, right = 0, True, True
    for n_here, left_here, right_here in sides:
        n, left, right = n + n_here, left and left_here, right and right_here
        if n and not (left or right):
            return
    reader.require(n, 1)
    raise ValueError(
        f"Every response is censored on the {'left' if left else 'right'}: the likelihood grows "
        "without bound as the line moves away. There must be exact responses, or bounds on the "
        "other side."
    )
