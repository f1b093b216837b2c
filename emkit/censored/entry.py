"""When rows came under observation: delayed entry, by which their responses are truncated."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from emkit._typing import Array
from emkit.censored.values import as_numbers

__all__ = ["as_entries", "entries_of", "refuse_late"]


def as_entries(values: Any, label: str) -> Array:
    """Entries as numbers, -inf where there is none: where one is missing."""
    entry = as_numbers(values, label)
    return np.where(np.isnan(entry), -np.inf, entry)


def entries_of(entry: Any, low: Array) -> Array:
    """An entry for each row, of an array with one for each, or of one number for all."""
    if np.ndim(entry) == 0:
        return np.repeat(as_entries(np.atleast_1d(entry), "entry"), len(low))
    entries = as_entries(entry, "entry")
    check_consistent_length(low, entries)
    return entries


def refuse_late(low: Array, high: Array, entry: Array) -> None:
    """ValueError where a response does not lie beyond its entry, with the row and its values.

    An interval may begin at the entry. Below an upper bound alone, an entry of 0 or less passes: of
    a positive response it says nothing, and what the response is, is known later.
    """
    late = entry > low
    late |= (entry == low) & (entry > -np.inf) & ((low == high) | (high == np.inf))
    late &= ~((low == -np.inf) & (high < np.inf) & (entry <= 0.0))
    wrong = np.flatnonzero(late)
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"Row {i} of y {_told(low[i], high[i])}, and came under observation at {entry[i]} "
            f"({len(wrong)} such row(s)). {_remedy(low, high, entry, wrong)}"
        )


def _told(low: float, high: float) -> str:
    """What is known of a response."""
    if low == high:
        return f"is {low}"
    if high == np.inf:
        return f"is larger than {low}"
    return f"lies in [{low}, {high}]"


def _remedy(low: Array, high: Array, entry: Array, wrong: NDArray[np.intp]) -> str:
    i = wrong[0]
    if low[i] < entry[i] < high[i] < np.inf:
        return (
            "Such a response cannot lie below its entry: set lower to the entry; or give -inf for "
            "the entry where there was none."
        )
    return (
        "A response must lie beyond its entry: likely times and entries are exchanged, or in "
        "different units. Leave out rows that were not observed beyond their entry: they say "
        "nothing."
    )
