"""What can be said of y in any form: that a mask hides some of it, or that it holds dates."""

from typing import Any

import numpy as np

from emkit.data.containers import array_of, has_masked
from emkit.data.numbers import refuse_date_types

__all__ = ["check_responses"]


def check_responses(y: Any) -> Any:
    """y as it is, or as an array where it has a mask that hides nothing, or is a tensor.

    ValueError where rows are masked, and for dates and durations by the type of y or its columns.
    """
    refuse_date_types(y, "y")
    if not isinstance(y, np.ndarray) and hasattr(y, "__dlpack__"):
        y = array_of(y, "y")
    return _without_mask(y)


def _without_mask(y: Any) -> Any:
    if isinstance(y, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(y)
        hidden = [mask[name] for name in mask.dtype.names] if mask.dtype.names else [mask]
        masked: Any = np.any([part.reshape(len(y), -1).any(axis=1) for part in hidden], axis=0)
        y = y.data
    elif isinstance(y, list | tuple):
        masked = np.array([has_masked(row) for row in y])
    else:
        return y
    rows = np.flatnonzero(masked)
    if len(rows):
        raise ValueError(
            f"y is masked in row {rows[0]} ({len(rows)} such row(s)). Drop rows whose response is "
            "not known at all, or make them [-inf, inf] in a two-column y."
        )
    return y
