"""Checks of the columns that an emission is given: what is wrong, where, and what helps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.exceptions import DataError
from emkit.models.columns import arrays, as_table

__all__ = ["refuse", "require_numbers", "require_table"]


def require_numbers(columns: Any) -> None:
    """DataError unless every cell is a real number, or NaN where it is missing."""
    for x in arrays(columns):
        if x.dtype.kind not in "biuf":
            raise DataError(
                f"Columns must be numbers. Got dtype {x.dtype}. Convert them, such as by "
                "x.astype(float); number the levels of categories: np.unique(x, "
                "return_inverse=True)[1]."
            )
        if x.dtype.kind == "f":
            remedy = "Leave the row out, or set the cell to NaN if it is missing."
            refuse(x, np.isinf(x), "must be finite", remedy)


def require_table(columns: Any) -> Array:
    """The numbers of one group of columns (n, d)."""
    if isinstance(columns, tuple):
        raise DataError(
            f"One group of columns is expected, an array. Got a tuple of {len(columns)}. Make a "
            "Product, with an emission for each group."
        )
    require_numbers(columns)
    return as_table(columns)


def refuse(columns: Array, wrong: NDArray[np.bool_], rule: str, remedy: str) -> None:
    """DataError that names a cell, where any is wrong."""
    if wrong.any():
        i, j = np.argwhere(wrong.reshape(len(wrong), -1))[0]
        value = as_table(columns)[i, j]
        raise DataError(f"Column {j} {rule}. Got {value} in row {i}. {remedy}")
