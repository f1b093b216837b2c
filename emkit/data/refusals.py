"""In which words dates, text and other objects are refused, and infinity, and missing cells."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

from emkit._typing import Array
from emkit.data.limit_text import is_limit

__all__ = [
    "Found",
    "column",
    "refuse_cells",
    "refuse_complex",
    "refuse_dates",
    "refuse_objects",
    "refuse_vanishing",
    "require_finite",
]

#: Columns that are named in a message, and rows that are looked at together.
SHOWN, STEP = 5, 8192
#: Rows that are looked at first, and the largest value of a column that may not vary enough there.
SAMPLE, MAY_VANISH = 1024, 1e-290
#: What to do with words in X.
ENCODE = (
    "Make such columns numbers first, as by ColumnTransformer([('words', OneHotEncoder(), "
    "columns)], remainder='passthrough'), drop them, or name them in categorical_features, where "
    "the estimator has it."
)

#: What to do with cells that hold an interval.
FILL = (
    "Cells that are known to an interval, as '<0.05', are filled by EMImputer, which takes them in "
    "tables in memory: put it first, as by make_pipeline(EMImputer(), ...)."
)

#: Where a cell is ("column 2", or nothing in a vector), and what it is, or its type.
Found = tuple[str, Any]


def column(j: int, names: Sequence[Any] | None) -> str:
    """A column by its name, or by its number where it has none."""
    return f"column {j if names is None else names[j]!r}"


def _listed(found: Sequence[tuple[str, str]]) -> str:
    if not found or not found[0][0]:
        return "".join(f" ({what})" for _, what in found)
    shown = ", ".join(f"{where} ({what})" for where, what in found[:SHOWN])
    more = len(found) - SHOWN
    return f" in {shown}" + f" and {more} more column(s)" * (more > 0)


def refuse_dates(name: str, found: Sequence[tuple[str, str]]) -> None:
    """ValueError where there are dates or durations, of which the type was found."""
    if not found:
        return
    periods = any("period" in kind.lower() for _, kind in found)
    raise ValueError(
        f"{name} holds dates or durations{_listed(found)}, which are no numbers until they have a "
        "unit. State one, as by (x - x.min()) / pd.Timedelta('1D') for dates in days, or "
        "x / pd.Timedelta('1D') for durations; NaT becomes NaN by that."
        + " Periods become dates by x.dt.to_timestamp()."
        * periods
    )


def refuse_complex(name: str, found: Sequence[tuple[str, str]]) -> None:
    """ValueError where there are complex numbers."""
    if found:
        raise ValueError(
            f"Complex data not supported. Got {name} with complex numbers{_listed(found)}."
        )


def refuse_objects(name: str, found: Sequence[Found], must: str, error: Exception) -> NoReturn:
    """What was raised for cells that are words, or else objects, with the first of each column.

    ``must`` says what there must be, or nothing.
    """
    words = [(where, repr(cell)) for where, cell in found if isinstance(cell, str | bytes)]
    limits = [cell for _, cell in found if is_limit(cell)]
    if words:
        remedy = ENCODE if name == "X" else "There must be numbers."
        raise ValueError(
            f"{must}{name} holds text{_listed(words)}: could not convert string to float: "
            f"{words[0][1]}. {FILL if name == 'X' and limits else remedy}"
        ) from error
    kind = TypeError if isinstance(error, TypeError) else ValueError
    others = _listed([(where, type(cell).__name__) for where, cell in found])
    told = f"{must}{name} holds objects that are no numbers{others}: {error}"
    if name == "X":
        remedy = FILL if limits else "Drop such columns, or make them numbers or text."
        told = f"{told.rstrip('.')}. {remedy}"
    raise kind(told) from error


def require_finite(X: Array, names: Sequence[Any] | None, no_nan: str = "") -> None:
    """ValueError for infinity, and for NaN where ``no_nan`` says what to do about it.

    The words are scikit-learn's, with column, row and remedy.
    """
    if get_config()["assume_finite"]:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):
            return
    if no_nan:
        refuse_cells(X, names, np.isnan, "NaN", no_nan)
    infinity = f"infinity or a value too large for {X.dtype!r}"
    remedy = "Clip it" if no_nan else "Make it NaN if it stands for a missing value, or clip it"
    refuse_cells(X, names, np.isinf, infinity, f"{remedy}, as by X.clip(-1e9, 1e9).")


def refuse_vanishing(X: Array, names: Sequence[Any] | None) -> None:
    """ValueError where a column varies by less than doubles hold in full: no unit is left for it.

    Zeros are no matter, nor are constant columns.
    """
    if X.dtype != np.float64:
        return
    top = np.fmax.reduce(np.abs(X[:: -(-len(X) // SAMPLE)]), axis=0, initial=0.0)
    for j in np.flatnonzero(top < MAY_VANISH):
        low, high = np.fmin.reduce(X[:, j]), np.fmax.reduce(X[:, j])
        if 0.0 < high - low < np.finfo(float).tiny:
            where = column(int(j), names)
            raise ValueError(
                f"{where[0].upper()}{where[1:]} of X varies from {low:g} to {high:g}, by less than "
                f"the smallest number that doubles hold in full ({np.finfo(float).tiny:.2g}). "
                "Multiply it by a power of ten, or drop it if it is to be 0."
            )


def refuse_cells(
    X: Array,
    names: Sequence[Any] | None,
    wrong: Callable[[Array], NDArray[np.bool_]],
    what: str,
    remedy: str,
) -> None:
    """ValueError for cells that are ``wrong``, which names the first of them."""
    n, first = 0, None
    for start in range(0, len(X), STEP):  # no mask is as long as the data
        mask = wrong(X[start : start + STEP])
        if not mask.any():
            continue
        if first is None:
            i, j = np.argwhere(mask)[0].tolist()
            first = start + i, j
        n += int(mask.sum())
    if first is None:
        return
    i, j = first
    where = column(j, names)
    raise ValueError(
        f"Input X contains {what}.\n{where[0].upper()}{where[1:]} holds {X[i, j]!s} in row {i} "
        f"({n} such cell(s) in all). {remedy}"
    )
