"""What can be said of y in any form: that a mask hides some of it, or that it holds dates."""

from typing import Any

import numpy as np

from emkit.data.containers import array_of, has_masked
from emkit.data.numbers import refuse_date_types

__all__ = ["check_responses"]


def check_responses(y: Any, name: str = "y") -> Any:
    """y as it is, or as an array where it has a mask that hides nothing, or is a tensor.

    ValueError where rows are masked, and for dates and durations by the type of y or its columns.
    """
    if y is None:
        return None
    refuse_date_types(y, name)
    if not isinstance(y, np.ndarray) and hasattr(y, "__dlpack__"):
        y = array_of(y, name)
    return _without_mask(y, name)


def _without_mask(y: Any, name: str) -> Any:
    if isinstance(y, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(y)
        y = y.data
    elif isinstance(y, list | tuple):
        mask = np.array([has_masked(row) for row in y], dtype=bool)
    elif isinstance(y, np.ndarray) and y.dtype.kind == "O":
        mask = np.reshape([cell is np.ma.masked for cell in y.flat], y.shape)
    else:
        return y
    fields = mask.dtype.names
    parts = [mask[name] for name in fields] if fields else [mask]
    masked: Any = np.any([np.reshape(part, (len(y), -1)).any(axis=1) for part in parts], axis=0)
    rows = np.flatnonzero(masked)
    if len(rows):
        raise ValueError(
            f"{name} is masked in row {rows[0]} ({len(rows)} such row(s)): nothing is known there. "
            "Drop such rows; of an estimator they may be [-inf, inf] in a two-column y."
        )
    return y
