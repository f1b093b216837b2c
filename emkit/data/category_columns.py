"""Which columns of a table are categories, which have an order, which are whole numbers."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from emkit.data.containers import columns_of
from emkit.data.frames import table_of
from emkit.data.levels import shown
from emkit.data.limit_text import is_limit
from emkit.data.refusals import column
from emkit.data.tables import Table

__all__ = [
    "chosen",
    "integer_columns",
    "is_named",
    "is_text",
    "orders",
    "positions",
    "positions_in",
    "refuse_words",
]

TRUTHS, WORDS = (bool, np.bool_), (str, bytes)
#: What to do about text, and about limits, in columns that a fit with categories has as numbers.
MAKE_NUMBERS = (
    "Make it numbers, as by pd.to_numeric(column, errors='coerce'), or fit with it as a category."
)
NO_LIMITS = (
    "Cells that are known to an interval, as '<0.05', do not go beside categories: leave these "
    "out, or number them (OneHotEncoder, and categorical_features=None)."
)


def is_named(categorical: Any) -> bool:
    """Whether columns are named, and not left to their types."""
    return categorical is not None and not isinstance(categorical, str)


def chosen(table: Table, categorical: Any, missing_values: Any) -> list[int]:
    """Which columns are categories."""
    if categorical is None:
        return []
    if isinstance(categorical, str):
        if categorical != "from_dtype":
            raise ValueError(
                "categorical_features must be 'from_dtype', None, or a mask, numbers or names of "
                f"columns. Got {categorical!r}."
            )
        return [j for j in range(len(table.names)) if _is_category(table, j, missing_values)]
    found = positions(categorical, table.names, "categorical_features")
    for j in set(range(len(table.names))).difference(found):
        if table.kind(j) != "boolean" and _is_category(table, j, missing_values):
            words = [v for v in table.factor(j).marked(missing_values).present if is_word(v)]
            if words:
                raise ValueError(
                    f"X holds text in {column(j, table.names)} ({words[0]!r}), which "
                    "categorical_features does not name: could not convert string to float: "
                    f"{words[0]!r}. Name it too, or leave categorical_features at 'from_dtype'."
                )
    return found


def is_word(value: Any) -> bool:
    """Whether a level is text that is no number."""
    return isinstance(value, WORDS) and not _reads_as_number(value)


def _is_category(table: Table, j: int, missing_values: Any) -> bool:
    """Whether the type of a column, or what all of its cells are, makes it one of categories."""
    kind = table.kind(j)
    if kind not in ("text", "object"):
        return kind in ("category", "boolean")
    if kind == "object" and not any(issubclass(found, WORDS + TRUTHS) for found in table.types(j)):
        return False
    try:
        values = table.factor(j).marked(missing_values).present
    except TypeError:  # lists and the like, which are refused as they are read
        return False
    words = [value for value in values if isinstance(value, WORDS)]
    if len(words) == len(values):
        return kind == "text" and not words or not all(map(_reads_as_number, words))
    if words and not all(map(_reads_as_number, words)):
        _refuse_mixed(table, j, words, values, missing_values)
    return bool(values) and all(isinstance(value, TRUTHS) for value in values)


def _reads_as_number(cell: str | bytes) -> bool:
    """Whether text is a number, as scikit-learn reads it; a code such as "01067" is none."""
    digits = (cell if isinstance(cell, str) else cell.decode("latin-1")).strip().lstrip("+-")
    if digits[:1] == "0" and digits[1:2].isdigit():
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def refuse_words(table: Table, columns: Sequence[int], missing_values: Any) -> None:
    """ValueError where columns that a fit has as numbers hold text that is no number."""
    for j in columns:
        if table.kind(j) not in ("text", "object", "category"):
            continue
        try:
            values = table.factor(j).marked(missing_values).present
        except TypeError:  # lists and the like, which are refused as they are read
            continue
        for word in (value for value in values if isinstance(value, WORDS)):
            try:
                float(word)
            except ValueError as error:
                raise ValueError(
                    f"X holds text in {column(j, table.names)} ({word!r}), which the fit has as "
                    f"numbers: {error}. {NO_LIMITS if is_limit(word) else MAKE_NUMBERS}"
                ) from None


def is_text(table: Table, j: int, missing_values: Any) -> bool:
    """Whether a column of numbers has them as text."""
    if table.kind(j) not in ("text", "object"):
        return False
    values = table.factor(j).marked(missing_values).present
    return bool(values) and all(isinstance(value, str) for value in values)


def _refuse_mixed(
    table: Table, j: int, words: Sequence[Any], values: Sequence[Any], mark: Any
) -> NoReturn:
    word = next(word for word in words if not _reads_as_number(word))
    other = next(value for value in values if not isinstance(value, WORDS))
    where = column(j, table.names)
    must = f"X must hold numbers besides missing_values={mark!r}. " if isinstance(mark, str) else ""
    raise ValueError(
        f"{must}{where[0].upper()}{where[1:]} of X holds text among other objects ({word!r}, and "
        f"{other!r} of type {type(other).__name__}): could not convert string to float: {word!r}. "
        f"If the text marks missing cells, say missing_values={word!r}; if all are levels, name "
        "the column in categorical_features; if all are numbers, take pd.to_numeric(column, "
        "errors='coerce')."
    )


def positions(given: Any, names: Sequence[Any], argument: str) -> list[int]:
    """Numbers of columns that are given by a mask, by numbers or by names."""
    several = np.ndim(given) != 0 or isinstance(given, list | tuple | set | frozenset)
    items = list(given) if several else [given]
    n = len(names)
    if items and all(isinstance(item, TRUTHS) for item in items):
        if len(items) != n:
            raise ValueError(
                f"{argument} is a mask of {len(items)} columns, and X has {n}. Give one truth "
                "value for each column, or the names of columns."
            )
        return [j for j, item in enumerate(items) if item]
    counted = names == list(range(n))
    out: list[int] = []
    for item in items:
        is_number = isinstance(item, Integral) and not isinstance(item, bool)
        found = [j for j, name in enumerate(names) if _same(name, item)]
        if found and not (is_number and counted):
            out += found
        elif is_number and -n <= item < n:
            out.append(int(item) % n)
        else:
            raise ValueError(
                f"{argument} names a column that X does not have: {item!r}. It has {shown(names)}."
            )
    return out


def _same(name: Any, item: Any) -> bool:
    return type(name) is type(item) and bool(name == item) or bool(np.all(name == item))


def orders(table: Table, ordinal: Any) -> dict[int, tuple[Any, ...] | None]:
    """Columns whose order means something, with their levels in it; None: that of the type."""
    if ordinal is None:
        return {}
    given: dict[int, tuple[Any, ...] | None] = {}
    if not isinstance(ordinal, Mapping):
        given = dict.fromkeys(positions(ordinal, table.names, "ordinal_features"))
    else:
        for name, levels in ordinal.items():
            for j in positions([name], table.names, "ordinal_features"):
                given[j] = None if levels is None else _in_order(levels, name)
    for j, levels in given.items():
        if levels is None and not _has_order(table, j):
            raise ValueError(
                f"ordinal_features names {column(j, table.names)}, whose type does not say in "
                "which order its levels are, and names do not either. Give them: "
                "ordinal_features={name: [lowest, ..., highest]}."
            )
        if levels is not None and len(set(levels)) != len(levels):
            raise ValueError(f"ordinal_features lists a level of {column(j, table.names)} twice.")
    return given


def _in_order(levels: Any, name: Any) -> tuple[Any, ...]:
    if isinstance(levels, str | set | frozenset | Mapping) or not isinstance(levels, Iterable):
        raise ValueError(
            f"ordinal_features must list the levels of {name!r}, lowest first. Got {levels!r}, "
            f"which is {type(levels).__name__} and has no order of levels."
        )
    return tuple(levels)


def _has_order(table: Table, j: int) -> bool:
    """Whether the type of a column says in which order its levels are, or they are numbers."""
    if table.is_ordered(j) or table.kind(j) in ("integer", "number", "boolean"):
        return True
    return all(isinstance(level, Real) for level in table.levels(j) or [""])


def positions_in(X: Any, given: Any, argument: str, n_features: int) -> list[int]:
    """Numbers of the columns of X that are given by a mask, by numbers or by names."""
    names = [of.name for of in columns_of(X) or ()] or list(range(n_features))
    return positions(given, names, argument)


def integer_columns(X: Any) -> NDArray[np.intp]:
    """Columns of a table whose types, or all of whose cells, are integers."""
    table = table_of(X)
    if table is None:
        return np.arange(0)
    return np.flatnonzero([_is_whole(table, j) for j in range(len(table.names))])


def _is_whole(table: Table, j: int) -> bool:
    if table.kind(j) != "object":
        return table.kind(j) == "integer"
    try:
        values = table.factor(j).present
    except TypeError:
        return False
    whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
    return bool(values) and whole
