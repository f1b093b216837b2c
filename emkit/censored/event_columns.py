"""Columns without names that are read as bounds or entries, and look like events."""

import numpy as np

from emkit._typing import Array
from emkit.exceptions import DataWarning, warn

__all__ = ["tell_events"]

#: Other values beside which 0 and 1 alone look like events.
MANY = 10


def tell_events(low: Array, high: Array, entry: Array | None) -> None:
    """DataWarning where bounds or entries without names look like events and times."""
    if not (low <= high).all():
        return  # refused by row
    _tell_for_bounds(low, high)
    if entry is not None and np.isfinite(high).all():
        _tell_for_entries(high, entry)


def _tell_for_bounds(low: Array, high: Array) -> None:
    """Intervals that all begin at 0 or 1 have few ends: these are values at which others begin."""
    for i, (codes, times) in enumerate(((low, high), (high, low))):
        coded = codes.any() and ((codes == 0.0) | (codes == 1.0)).all()
        if coded and np.isfinite(times).all() and len(np.unique(times)) > MANY:
            warn(
                f"Column {i} of y holds only 0 and 1, as events do, and is read as "
                f"{('lower', 'upper')[i]} bounds. If y has events and times, pass "
                f"censored_target(y[:, {1 - i}], event=y[:, {i}]); if it has bounds, give its "
                "columns the names (lower, upper), and this is not said.",
                DataWarning,
            )
            return


def _tell_for_entries(high: Array, entry: Array) -> None:
    """A third column beside times alone may be their events: (start, stop, event)."""
    coded = (entry == 1.0).any() and ((entry == 0.0) | (entry == 1.0)).all()
    if coded and len(np.unique(high)) > MANY:
        warn(
            "Column 2 of y holds only 0 and 1, as events do, and is read as entries. If y has "
            "(start, stop, event), pass censored_target(y[:, 1], event=y[:, 2], entry=y[:, 0]); if "
            "it has bounds and entries, give its columns the names (lower, upper, entry), and "
            "this is not said.",
            DataWarning,
        )
