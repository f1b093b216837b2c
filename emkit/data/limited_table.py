"""Which cells of a table hold limits, for an estimator that may have categories beside."""

from typing import Any

import numpy as np

from emkit.data.categories import Encoded
from emkit.data.category_columns import chosen, is_named, orders, positions
from emkit.data.frames import table_of
from emkit.data.limits import Limited, read_limits
from emkit.data.numbers import NUMERIC
from emkit.data.opened import place_of

__all__ = ["limited_table", "refuse_limits_in_blocks"]


def limited_table(estimator: Any, X: Any, *, fitting: bool = False) -> Limited | None:
    """The limits that the cells of X hold themselves; None where there are none.

    ``fitting`` says that columns may turn out to be categories; else those of the fit are.
    """
    if isinstance(X, Limited):
        return X
    if isinstance(X, np.ndarray) and X.dtype.kind in NUMERIC:
        return None
    if isinstance(X, Encoded) or not place_of(X).in_memory:
        return None
    table = table_of(X)
    if table is None:
        return None
    named, mark = estimator.categorical_features, getattr(estimator, "missing_values", np.nan)
    apart: set[int] = set()
    if fitting:
        if is_named(named):
            apart.update(positions(named, table.names, "categorical_features"))
        apart.update(orders(table, getattr(estimator, "ordinal_features", None)))
    elif (coding := getattr(estimator, "_coding", None)) is not None:
        apart.update(coding.categories)
    by_type = fitting and isinstance(named, str)
    found = read_limits(table, mark, apart=apart, by_type=by_type)
    if found is None or not by_type:
        return found
    typed = {j for j in found.columns if table.intervals(j) is not None}
    if typed and (apart or _has_categories(named, mark, found)):
        return read_limits(table, mark, apart=apart | typed)
    return found


def refuse_limits_in_blocks(estimator: Any, X: Any, first: Any) -> None:
    """ValueError in a fit to rows that are not in memory, the first of which hold limits."""
    if limited_table(estimator, first, fitting=True) is not None:
        raise ValueError(
            f"X is read block by block ({type(X).__name__}), and holds cells that are known to an "
            "interval, as '<0.05', which are for tables in memory. Fit a sample of the rows."
        )


def _has_categories(named: Any, mark: Any, found: Limited) -> bool:
    """Whether there are categories beside limits: intervals by type are then categories too."""
    others = table_of(found.X)
    assert others is not None  # as it came from one
    return bool(chosen(others, named, mark))
