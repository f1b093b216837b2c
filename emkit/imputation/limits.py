"""Cells of an imputer's table that are known to an interval, and columns that are logarithms."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_labels, listed
from emkit.data.by_column import mask_by_column
from emkit.data.categories import Coding
from emkit.data.limits_by_column import has_limits
from emkit.data.opened import place_of
from emkit.mixture.student_t import refuse_student_t

__all__ = ["check_limits_go", "log_columns"]

#: Why, and what, others do without.
NO_STUDENT_T = "its E-step is of normals alone."
WITHOUT = "takes no cells that are known to an interval (lower_limits, upper_limits, '<0.05')"


def log_columns(imputer: Any, n_features: int) -> NDArray[np.intp]:
    """The columns whose logarithms are modelled; ValueError where one is of categories."""
    found = np.flatnonzero(mask_by_column(imputer, "log", n_features))
    if imputer._coding is None or not len(found):
        return found
    categories = imputer._coding.columns
    wrong = np.intersect1d(found, categories)
    if len(wrong) and not isinstance(imputer.log, bool | np.bool_):
        raise ValueError(
            f"log names {column_labels(imputer)[wrong[0]]!r}, which is a column of categories: "
            "logarithms are of numbers. Leave it out, or see categorical_features."
        )
    return np.setdiff1d(found, categories)


def check_limits_go(imputer: Any, X: Any, own: Array | None, coding: Coding | None) -> None:
    """ValueError in a fit with limits, or logarithms, to what goes without alone.

    ``own`` are bounds of cells that hold an interval themselves.
    """
    limits = own is not None or has_limits(imputer)
    log = imputer.log
    logs = log is not None and not (isinstance(log, bool | np.bool_) and not log)
    if not (limits or logs):
        return
    if not place_of(X).in_memory:
        raise ValueError(
            "lower_limits, upper_limits and log are for tables in memory, and X is read block by "
            f"block ({type(X).__name__}). Fit a sample of the rows."
        )
    if imputer.method != "classes":
        what = WITHOUT if limits else "models no logarithms (log)"
        raise ValueError(
            f"method={imputer.method!r} {what}. Take method='classes'; text that is levels and no "
            "limits is named in categorical_features."
        )
    if not limits:
        return
    refuse_student_t(imputer, "A table with cells that are known to an interval", NO_STUDENT_T)
    if coding is not None:
        names = listed([repr(coding.names[j]) for j in coding.columns])
        raise ValueError(
            f"A table with categories {WITHOUT}, and column(s) {names} are categories. Leave them "
            "out, or number them (OneHotEncoder, and categorical_features=None)."
        )
