"""Categories where rows are read block by block, or lie on a cluster: numbers alone are taken."""

from typing import Any

import numpy as np

from emkit.data.category_columns import chosen
from emkit.data.frames import table_of
from emkit.data.opened import place_of
from emkit.data.tables import Table

__all__ = ["refuse_categories_of", "refuse_names_for", "require_memory"]

#: Columns that are named in a message.
SHOWN = 5
#: What to do where rows are too many for memory.
SAMPLE = "Fit a sample of the rows as a frame in memory, and give the others frame by frame"


def refuse_names_for(X: Any, arguments: str) -> None:
    """ValueError for arguments that name columns of a table in memory, where X is none."""
    raise ValueError(
        f"By {arguments} columns of a table in memory are named, and X is read block by block "
        f"({type(X).__name__}), which takes numbers alone. {SAMPLE}."
    )


def refuse_categories_of(X: Any, first: Any, missing_values: Any = np.nan) -> None:
    """ValueError where the first of the rows of X, which are not in memory, has categories."""
    table = table_of(first)
    if table is None:
        return
    found = [j for j in chosen(table, "from_dtype", missing_values) if _has_levels(table, j)]
    if found:
        names = ", ".join(f"{table.names[j]!r} ({table.type_name(j)})" for j in found[:SHOWN])
        raise ValueError(
            f"X is read block by block ({type(X).__name__}), which takes numbers alone, and holds "
            f"categories in column(s) {names}. {SAMPLE}; or leave such columns out."
        )


def _has_levels(table: Table, j: int) -> bool:
    """Whether a column is not of truth values, which are numbers in rows that are read in blocks.

    Text that is in none of the rows that are here is left to the reading of the others.
    """
    if table.kind(j) in ("category", "boolean"):
        return bool(table.kind(j) == "category")
    return bool(table.n_rows and not {bool, np.bool_} & table.types(j))


def require_memory(X: Any, what: str) -> None:
    """ValueError for rows that are not in memory, to what was fitted to a table of categories."""
    if not place_of(X).in_memory:
        raise ValueError(
            f"The {what} was fitted to a table with categories, and X ({type(X).__name__}) is "
            "read block by block. Give its frames one by one, each of which is in memory."
        )
