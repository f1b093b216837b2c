"""Categories of rows that come in blocks: their levels are those that the types of columns list."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit.data.categories import Coding
from emkit.data.category_columns import chosen, is_named, orders
from emkit.data.frames import table_of
from emkit.data.levels import Category, shown
from emkit.data.refusals import column
from emkit.data.tables import Table, is_mark

__all__ = ["IN_BATCHES", "coding_of_blocks", "in_blocks", "require_listed"]

#: Columns that are named in a message.
SHOWN = 5
#: What Dask has for levels that it does not know.
UNKNOWN = "__UNKNOWN_CATEGORIES__"
#: What to do about levels that no type lists.
LIST = (
    "Give the column a type that lists its levels, the same in every block: "
    "astype(pandas.CategoricalDtype(levels)), cast(polars.Enum(levels)), categorize() of Dask"
)


def in_blocks(X: Any) -> str:
    """How X comes, where it does in blocks, for `coding_of_blocks`."""
    return f"is read block by block ({type(X).__name__}), and "


#: And in batches.
IN_BATCHES = "comes in batches, and "


def coding_of_blocks(
    how: str,
    first: Any,
    categorical: Any,
    ordinal: Any = None,
    missing_values: Any = np.nan,
) -> Coding | None:
    """How columns of categories are numbered, told by the first block of X alone.

    ``how`` says in words how X comes. None where all columns are numbers, which truth values are as
    well unless there are categories beside them. ValueError for categories whose levels nothing
    lists.
    """
    named = is_named(categorical) or ordinal is not None
    table = None if categorical is None and not named else table_of(first)
    if table is None:
        if named:
            raise ValueError(
                "categorical_features and ordinal_features name columns whose levels must be "
                f"known before all rows are: X {how}has no types that list them. Give frames, or "
                "number the levels."
            )
        return None
    ordered = orders(table, ordinal)
    columns = {*chosen(table, categorical, missing_values), *ordered}
    if not is_named(categorical):
        columns = {j for j in columns if _may_have_levels(table, j)}
    known = {j for j in columns if ordered.get(j) is not None or _levels(table, j) is not None}
    refuse_unlisted(how, table, sorted(columns - known))
    if not named and all(table.kind(j) == "boolean" for j in known):
        return None
    mask = [j in known for j in range(len(table.names))]
    return Coding.of(first, categorical=mask, ordinal=ordinal, missing_values=missing_values)


def refuse_unlisted(how: str, table: Table, columns: Sequence[int]) -> None:
    """ValueError where there are categories whose levels no type lists.

    ``how`` says how X comes, or nothing.
    """
    if columns:
        names = ", ".join(f"{table.names[j]!r} ({table.type_name(j)})" for j in columns[:SHOWN])
        raise ValueError(
            f"X {how}holds categories in column(s) {names}, whose type does not list their levels: "
            f"they must be known before all rows are. {LIST}; or leave such columns out."
        )


def require_listed(table: Table, coding: Coding, ordinal: Any = None) -> None:
    """ValueError where the types of a block do not list the levels that are numbered.

    They need not where ``ordinal``, as of a fit, does.
    """
    given = [j for j, levels in orders(table, ordinal).items() if levels is not None]
    words = set(chosen(table, "from_dtype", coding.missing_values)).difference(coding.categories)
    words = {j for j in words if table.kind(j) in ("text", "object")}
    refuse_unlisted("", table, sorted(j for j in words if _may_have_levels(table, j)))
    for j, category in coding.categories.items():
        levels = category.levels if j in given else _levels(table, j)
        if levels is None:
            raise ValueError(
                f"{column(j, table.names).capitalize()} of X is of type {table.type_name(j)} here, "
                f"which does not list its levels. {LIST}."
            )
        _require_same(table, j, levels, category, coding.missing_values)


def _require_same(
    table: Table, j: int, levels: Sequence[Any], category: Category, missing_values: Any
) -> None:
    """ValueError where a type lists other levels than those that are numbered."""
    here = [level for level in levels if not is_mark(level, missing_values)]
    more = [level for level in here if level not in category.levels]
    less = [level for level in category.levels if level not in here]
    if more or less:
        told = [f"lists {shown(more)}"] * bool(more) + [f"does not list {shown(less)}"] * bool(less)
        raise ValueError(
            f"The type of {column(j, table.names)} of X {' and '.join(told)} here, where the first "
            f"rows had the levels {shown(category.levels)}. {LIST}."
        )


def _levels(table: Table, j: int) -> list[Any] | None:
    """The levels of a column, where its type tells them."""
    if table.kind(j) == "boolean":
        return [False, True]
    levels = table.levels(j)
    return None if levels is None or UNKNOWN in levels else levels


def _may_have_levels(table: Table, j: int) -> bool:
    """Whether a column that looks like one of categories is to be one in blocks.

    Objects that are truth values are numbers there. Text that is in none of the rows that are here
    is left to the reading of the others.
    """
    if table.kind(j) in ("category", "boolean"):
        return True
    return bool(table.n_rows and not {bool, np.bool_} & table.types(j))
