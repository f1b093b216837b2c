"""Columns without names that are read as bounds or entries, and look like events."""

import numpy as np

from emkit._typing import Array
from emkit.exceptions import DataWarning, warn

__all__ = ["tell_events"]

#: Other values beside which 0 and 1 alone look like events.
MANY = 10


def tell_events(low: Array, high: Array, entry: Array | None) -> None:
    """DataWarning where bounds or entries without names look like events and times.

    What is no interval is refused elsewhere, by row.
    """
    _tell_for_bounds(low, high)
    if entry is not None and _look_like(entry, high) and (low <= high).all():
        warn(
            "Column 2 of y holds only 0 and 1, as events do, and is read as entries. If y has "
            "(start, stop, event), pass censored_target(y[:, 1], event=y[:, 2], entry=y[:, 0]); if "
            "it has bounds and entries, give its columns the names (lower, upper, entry), and "
            "this is not said.",
            DataWarning,
        )


def _tell_for_bounds(low: Array, high: Array) -> None:
    """Intervals that all begin at 0 or 1 have few ends: these are values at which others begin."""
    for i, (codes, times) in enumerate(((low, high), (high, low))):
        if _look_like(codes, times) and (low <= high).all():
            warn(
                f"Column {i} of y holds only 0 and 1, as events do, and is read as "
                f"{('lower', 'upper')[i]} bounds. If y has events and times, pass "
                f"censored_target(y[:, {1 - i}], event=y[:, {i}]); if it has bounds, give its "
                "columns the names (lower, upper), and this is not said.",
                DataWarning,
            )
            return


def _look_like(codes: Array, times: Array) -> bool:
    """Whether columns look like events, of which some were seen, and times."""
    few = codes[:MANY]  # they tell nearly all other columns
    if not (((few == 0.0) | (few == 1.0)).all() and codes.any()):
        return False
    coded = ((codes == 0.0) | (codes == 1.0)).all() and np.isfinite(times).all()
    return bool(coded and len(np.unique(times)) > MANY)
