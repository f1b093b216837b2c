"""How rows of a mixture of regressions are read: complete predictors, one response each."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import assert_all_finite

from emkit._typing import Array
from emkit.data.checks import part_of
from emkit.data.opened import Opened, open_data
from emkit.data.reader import Reader
from emkit.models.regression_mixture import RegressionRows

__all__ = ["RegressionReader", "open_rows", "require_y"]


@dataclass(frozen=True)
class RegressionReader(Reader[RegressionRows]):
    """Reader of rows with their responses, None where y was not given."""

    n_components: int = 1

    fitted: ClassVar[str] = "coef_"
    complete: ClassVar[str] = (
        "EMRegressionMixture takes no missing cells in X: fill them first, as by "
        "make_pipeline(EMImputer(), EMRegressionMixture()), or drop such rows."
    )

    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> RegressionRows:
        if y is None:
            return RegressionRows(X, None, sample_weight)  # type: ignore[arg-type]
        return RegressionRows(X, _responses(X, y), sample_weight)

    def counted(self, rows: RegressionRows) -> RegressionRows:
        if rows.sample_weight is None or rows.sample_weight.all():
            return rows
        return part_of(rows, rows.sample_weight > 0.0)


def _responses(X: Array, y: Any) -> Array:
    """Responses (n,) as doubles; ValueError where they are none."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(
            f"y must have one response a row. Got shape {y.shape}. EMMixtureRegressor takes "
            "several."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "c":
        raise ValueError("y holds complex numbers. EMRegressionMixture takes real ones.")
    y = y.astype(np.float64)
    assert_all_finite(y, input_name="y")
    check_consistent_length(X, y)
    return y


def open_rows(
    regressor: Any, X: Any, y: Any = None, sample_weight: Any = None, *, reset: bool = False
) -> Opened[RegressionRows]:
    """Rows that were given to a method of a regressor, wherever they lie."""
    reader = RegressionReader(regressor.n_components if reset else 1)
    return open_data(regressor, X, reader, y=y, sample_weight=sample_weight, reset=reset)


def require_y(regressor: Any, y: Any) -> None:
    """ValueError where there are no responses."""
    if y is None:
        raise ValueError(
            f"{type(regressor).__name__} requires y to be passed, but the target y is None"
        )
