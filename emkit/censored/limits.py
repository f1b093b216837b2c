"""Limits of detection: exact responses at or beyond them are only known to lie there."""

from typing import Any, TypeAlias

import numpy as np

from emkit._typing import Array
from emkit.censored.values import as_numbers

__all__ = ["Limit", "limited", "refuse_limits"]

#: Limit of detection: a number, or an array with one for each row, or None.
Limit: TypeAlias = Any


def limited(y: Array, left: Limit, right: Limit) -> tuple[Array, Array]:
    """Bounds of responses that are exact between the limits."""
    low, high = y.copy(), y.copy()
    below, above = _of_rows(left, "left", len(y)), _of_rows(right, "right", len(y))
    if below is not None and above is not None and (below >= above).any():
        i = int(np.argmax(below >= above))
        raise ValueError(
            f"left must lie below right. Got left={below[i]} and right={above[i]} in row {i}."
        )
    if below is not None:
        low[y <= below] = -np.inf
        high = np.maximum(high, below)
    if above is not None:
        high[y >= above] = np.inf
        low = np.minimum(low, above)
    return low, high


def _of_rows(limit: Limit, name: str, n: int) -> Array | None:
    """A limit for each row."""
    if limit is None:
        return None
    single = np.ndim(limit) == 0
    limits = as_numbers(np.atleast_1d(limit) if single else limit, name)
    if not single and len(limits) != n:
        raise ValueError(
            f"{name} must be a number, or have one for each row of y. Got {len(limits)} for {n} "
            "rows."
        )
    missing = np.flatnonzero(np.isnan(limits))
    if len(missing):
        where = "" if single else f" in row {missing[0]} ({len(missing)} such row(s))"
        raise ValueError(
            f"{name} must be a number. Got NaN{where}. Where there is no limit, give "
            f"{'-inf' if name == 'left' else 'inf'}."
        )
    return np.broadcast_to(limits, n)


def refuse_limits(form: str, **given: Any) -> None:
    """ValueError where limits, or events, go with a form of y that says itself what is censored."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ValueError(
            f"{' and '.join(names)} must not be given with {form}, which says itself what is "
            "censored. Leave them out, or pass a one-dimensional y of exact responses."
        )
