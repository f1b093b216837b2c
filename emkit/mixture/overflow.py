"""Rows so far from a fitted mixture that squares of their distances leave doubles: refused."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from emkit._typing import Array
from emkit.base.names import column_names
from emkit.data.refusals import refuse_cells
from emkit.numerics.gaussian import Scaling

__all__ = ["FAR", "without_overflow"]

T = TypeVar("T")
#: Standard deviations of the columns from which on squares of them may overflow.
FAR = 1e140
REMEDY = "Make it NaN if it stands for a missing value, or clip it, as by X.clip(-1e9, 1e9)."


def without_overflow(mixture: Any, X: Array, units: Scaling, compute: Callable[[], T]) -> T:
    """What is computed of rows X; ValueError where that overflows because they lie so far off.

    Parameters
    ----------
    mixture : EMGaussianMixture
        Fitted.
    X : ndarray of shape (n, m)
        Of the columns that the fit kept, or of all.
    units : Scaling
        Of the same columns.
    compute : callable
        Of no arguments.
    """
    try:
        with np.errstate(over="raise", invalid="raise"):
            return compute()
    except FloatingPointError:
        _refuse_far(mixture, X, units)
        return compute()


def _refuse_far(mixture: Any, X: Array, units: Scaling) -> None:
    names, flat = column_names(mixture), getattr(mixture, "_flat", None)
    if flat is not None and X.shape[1] < len(names):
        names = names[flat.kept]

    def far(some: Array) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.abs((some - units.shift) / units.scale) > FAR

    what = "a value so far from the rows of the fit that doubles cannot hold the square of it"
    refuse_cells(X, names.tolist(), far, what, REMEDY)
