"""Columns of categories as numbers, and back: which they are, their levels, what is unknown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import is_scalar_nan
from emkit.data.frames import Filling, Table, table_of
from emkit.data.numbers import read_table, takes_nan
from emkit.data.refusals import column, refuse_dates
from emkit.exceptions import DataWarning, warn

__all__ = ["Category", "Coding", "Encoded", "integer_columns", "positions_in"]

#: Columns and levels that are named in a message.
SHOWN = 5


@dataclass(frozen=True)
class Category:
    """A column of categories: code l stands for the l-th group of levels.

    A group has one level, but for the last where rare levels are pooled.
    """

    levels: tuple[Any, ...]  #: all, in the order of their type, or sorted
    group: tuple[int, ...]  #: code of each level
    shares: tuple[float, ...]  #: of each level within its group
    ordered: bool = False

    @property
    def n_groups(self) -> int:
        """How many codes there are."""
        return max(self.group, default=-1) + 1

    def codes(self, cells: NDArray[Any]) -> tuple[Array, list[Any]]:
        """Codes (n,), NaN where a cell is missing or of no known level, and the unknown levels."""
        known: dict[Any, float] = dict(zip(self.levels, map(float, self.group), strict=True))
        known[None] = np.nan
        strange: dict[Any, None] = {}
        out = np.empty(len(cells))
        for i, cell in enumerate(cells):
            code = known.get(cell)
            if code is None:
                strange[cell] = None
                code = np.nan
            out[i] = code
        return out, list(strange)

    def positions(self, cells: NDArray[Any]) -> Array:
        """Places of the cells among the levels (n,), NaN where missing or unknown."""
        known: dict[Any, float] = {level: float(i) for i, level in enumerate(self.levels)}
        return np.array([known.get(cell, np.nan) for cell in cells])

    def representative(self, codes: Array) -> NDArray[np.intp]:
        """Places among the levels of what codes stand for: of a group its most frequent level."""
        place = np.zeros(max(self.n_groups, 1), dtype=np.intp)
        for i in np.argsort(self.shares, kind="stable"):
            place[self.group[i]] = i
        return place[codes.astype(np.intp)]

    def spread(self, of_groups: Array) -> Array:
        """Probabilities (n, levels) from those of the groups (n, groups)."""
        result: Array = of_groups[..., list(self.group)] * np.array(self.shares)
        return result


class Encoded(NamedTuple):
    """A table as numbers."""

    X: Any  #: floats, with the names of the table where it has such; NaN where a cell is missing
    table: Table


@dataclass(frozen=True)
class Coding:
    """How the columns of a table are numbered; `of` learns it from a table."""

    names: tuple[Any, ...]
    categories: Mapping[int, Category]
    missing_values: Any

    @classmethod
    def of(
        cls,
        X: Any,
        *,
        categorical: Any = "from_dtype",
        ordinal: Any = None,
        missing_values: Any = np.nan,
        min_frequency: Any = None,
    ) -> "Coding | None":
        """Of a table that a fit was given; None where all of its columns are numbers."""
        table = table_of(X)
        if table is None and _is_named(categorical):
            table = _of_numbers(X, categorical)
        if table is None:
            return None
        names = table.names
        columns = _chosen(table, categorical, missing_values)
        orders = _orders(table, ordinal)
        columns = sorted({*columns, *orders})
        if not columns:
            return None
        _refuse_dates(table, columns)
        categories = {
            j: _learn(table, j, orders.get(j), missing_values, min_frequency) for j in columns
        }
        return cls(tuple(names), categories, missing_values)

    @property
    def columns(self) -> NDArray[np.intp]:
        """The columns of categories."""
        return np.array(list(self.categories), dtype=np.intp)

    def table(self, X: Any) -> Table:
        """X as a table, with as many columns as the one that was learned from."""
        table = table_of(X)
        if table is None:
            table = _of_numbers(X, list(self.categories))
        if len(table.names) != len(self.names):
            raise ValueError(
                f"X has {len(table.names)} features, but the imputer is expecting "
                f"{len(self.names)} features as input."
            )
        return table

    def cells(self, table: Table, j: int) -> NDArray[Any]:
        """The cells of a column, None where they are missing."""
        return _marked(table.cells(j), self.missing_values)

    def missing(self, table: Table) -> NDArray[np.bool_]:
        """Which cells of the categories are missing; a level that is not known is not."""
        out = np.zeros((table.n_rows, len(self.names)), dtype=bool)
        for j in self.categories:
            out[:, j] = [cell is None for cell in self.cells(table, j)]
        return out

    def encode(self, X: Any, *, handle_unknown: str = "missing", told: bool = False) -> Encoded:
        """The table as numbers.

        Parameters
        ----------
        X : table
            With the columns of the one that was learned from.
        handle_unknown : {"missing", "error"}
            What a level is that was not seen.
        told : bool
            Whether there is nothing to warn of.

        Raises
        ------
        ValueError
            For another kind of table, dates, text among the numbers, and unknown levels.
        """
        table = self.table(X)
        numbers = [j for j in range(len(self.names)) if j not in self.categories]
        _refuse_dates(table, list(range(len(self.names))))
        out, strange = np.full((table.n_rows, len(self.names)), np.nan), {}
        if numbers:
            out[:, numbers] = read_table(
                table.select(numbers), self.missing_values, ensure_min_samples=0
            )
        for j, category in self.categories.items():
            out[:, j], unknown = category.codes(self.cells(table, j))
            if unknown:
                strange[table.names[j]] = unknown
        if strange:
            _tell(strange, handle_unknown, told)
        return Encoded(table.renumbered(out), table)

    def packed(self) -> dict[str, Any]:
        """The coding as text, numbers and tuples, in which no class of ours is kept."""
        columns = [(j, *astuple(category)) for j, category in self.categories.items()]
        return {"names": self.names, "columns": columns, "missing_values": self.missing_values}

    @classmethod
    def unpacked(cls, kept: Mapping[str, Any]) -> "Coding":
        """The coding that `packed` made this of."""
        categories = {j: Category(*map(_as_tuple, parts)) for j, *parts in kept["columns"]}
        return cls(tuple(kept["names"]), categories, kept["missing_values"])


# What is learned


def _is_named(categorical: Any) -> bool:
    return categorical is not None and not isinstance(categorical, str)


class _NumberTable(Table):
    """An array of numbers of which some columns are categories."""

    @property
    def names(self) -> list[Any]:
        return list(range(self.X.shape[1]))

    def kind(self, j: int) -> str:
        return "number"

    def cells(self, j: int) -> NDArray[Any]:
        column = self.X[:, j]
        out = np.empty(len(column), dtype=object)
        out[:] = column.tolist()
        if column.dtype.kind == "f":
            out[np.isnan(column)] = None
        return out

    def select(self, columns: Sequence[int]) -> Any:
        return self.X[:, list(columns)]

    def filled(
        self,
        columns: Sequence[int],
        fillings: Mapping[int, Filling],
        more: Mapping[str, NDArray[np.bool_]],
    ) -> Any:
        out = self.select(columns).astype(np.result_type(self.X.dtype, np.float32))
        for at, j in enumerate(columns):
            if j in fillings:
                out[fillings[j].where, at] = fillings[j].values
        return np.column_stack([out, *more.values()]) if more else out

    def renumbered(self, values: NDArray[Any]) -> Any:
        return values


def _of_numbers(X: Any, categorical: Any) -> Table:
    array = np.asarray(X)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"categorical_features={categorical!r} names columns of a table, and X is "
            f"{type(X).__name__} of shape {array.shape}. Give a frame, or an array (n, d)."
        )
    return _NumberTable(array)


def _chosen(table: Table, categorical: Any, missing_values: Any) -> list[int]:
    """Which columns are categories."""
    names = table.names
    if categorical is None:
        return []
    if isinstance(categorical, str):
        if categorical != "from_dtype":
            raise ValueError(
                "categorical_features must be 'from_dtype', None, or a mask, numbers or names of "
                f"columns. Got {categorical!r}."
            )
        return [j for j in range(len(names)) if _is_category(table, j, missing_values)]
    return _positions(categorical, names, "categorical_features")


def _positions(given: Any, names: Sequence[Any], argument: str) -> list[int]:
    """Numbers of columns that are given by a mask, by numbers or by names."""
    items = list(np.asarray(given, dtype=object).ravel())
    n = len(names)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        if len(items) != n:
            raise ValueError(
                f"{argument} is a mask of {len(items)} columns, and X has {n}. Give one truth "
                "value for each column, or the names of columns."
            )
        return [j for j, item in enumerate(items) if item]
    out = []
    for item in items:
        if item in names and not (isinstance(item, Integral) and names != list(range(n))):
            out.append(list(names).index(item))
        elif isinstance(item, int | np.integer) and not isinstance(item, bool) and -n <= item < n:
            out.append(int(item) % n)
        else:
            raise ValueError(
                f"{argument} names a column that X does not have: {item!r}. It has {_some(names)}."
            )
    return out


def _some(items: Sequence[Any]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(map(repr, items[:SHOWN])) + more


def _is_category(table: Table, j: int, missing_values: Any) -> bool:
    """Whether the type of a column, or what all of its cells are, makes it one of categories."""
    kind = table.kind(j)
    if kind in ("category", "boolean"):
        return True
    if kind not in ("text", "object"):
        return False
    cells = [c for c in _marked(table.cells(j), missing_values) if c is not None]
    if not cells:
        return kind == "text"
    words = [isinstance(cell, str) for cell in cells]
    if all(words):
        return not all(map(_reads_as_number, cells))  # else numbers, as scikit-learn reads them
    return all(isinstance(cell, bool | np.bool_) for cell in cells)


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _marked(cells: NDArray[Any], missing_values: Any) -> NDArray[Any]:
    """Cells, None where they equal the mark of a missing cell."""
    if takes_nan(missing_values) or missing_values is None:
        return cells
    same_kind = isinstance(missing_values, str) or isinstance(missing_values, Real)
    if same_kind:
        cells = cells.copy()
        cells[[not isinstance(c, bool) and c == missing_values for c in cells]] = None
    return cells


def _orders(table: Table, ordinal: Any) -> dict[int, tuple[Any, ...] | None]:
    """Columns whose order means something, with their levels in it; None: that of the type."""
    if ordinal is None:
        return {}
    given: dict[int, tuple[Any, ...] | None] = {}
    if not isinstance(ordinal, Mapping):
        given = dict.fromkeys(_positions(ordinal, table.names, "ordinal_features"))
    else:
        for name, levels in ordinal.items():
            [j] = _positions([name], table.names, "ordinal_features")
            given[j] = None if levels is None else tuple(levels)
    for j, levels in given.items():
        if (
            levels is None
            and table.levels(j) is None
            and table.kind(j)
            not in (
                "integer",
                "number",
                "boolean",
            )
        ):
            raise ValueError(
                f"ordinal_features names {column(j, table.names)}, whose type does not say in "
                "which order its levels are, and names do not either. Give them: "
                "ordinal_features={name: [lowest, ..., highest]}."
            )
        if levels is not None and len(set(levels)) != len(levels):
            raise ValueError(f"ordinal_features lists a level of {column(j, table.names)} twice.")
    return given


def _learn(
    table: Table, j: int, order: tuple[Any, ...] | None, missing_values: Any, min_frequency: Any
) -> Category:
    """Levels of a column: those of its order, of its type, or those that were seen, sorted."""
    cells = [_plain(c) for c in _marked(table.cells(j), missing_values) if c is not None]
    try:
        counts = Counter(cells)
    except TypeError:
        kind = next(type(c).__name__ for c in cells if not _hashable(c))
        raise ValueError(
            f"{column(j, table.names).capitalize()} of X holds objects of type {kind}, which are "
            "neither numbers nor names of levels. Drop the column, or make it text."
        ) from None
    levels = order if order is not None else table.levels(j)
    if levels is None and table.kind(j) == "boolean":
        levels = [False, True]
    ordered = order is not None or table.is_ordered(j)
    if levels is None:
        levels = _sorted(counts)
    levels = [_plain(level) for level in levels if not is_scalar_nan(level)]
    strange = [cell for cell in counts if cell not in set(levels)]
    if strange:
        raise ValueError(
            f"ordinal_features lists the levels of {column(j, table.names)}, and X holds others: "
            f"{_some(strange)}. List all of them."
        )
    return _pooled(levels, counts, ordered, min_frequency)


def _pooled(
    levels: Sequence[Any], counts: Mapping[Any, int], ordered: bool, min_frequency: Any
) -> Category:
    """A category whose rare levels share the last code, if there are two or more of them."""
    n = sum(counts.values())
    least = 0.0 if min_frequency is None else float(min_frequency)
    if isinstance(min_frequency, Real) and not isinstance(min_frequency, Integral):
        least *= n
    rare = [i for i, level in enumerate(levels) if 0 < counts.get(level, 0) < least]
    if ordered or len(rare) < 2:
        n_levels = len(levels)
        return Category(tuple(levels), tuple(range(n_levels)), (1.0,) * n_levels, ordered)
    common = [i for i in range(len(levels)) if i not in set(rare)]
    group = np.empty(len(levels), dtype=int)
    group[common], group[rare] = np.arange(len(common)), len(common)
    shares = np.ones(len(levels))
    of_rare = np.array([counts[levels[i]] for i in rare], dtype=float)
    shares[rare] = of_rare / of_rare.sum()
    return Category(tuple(levels), tuple(group.tolist()), tuple(shares.tolist()), ordered)


def _plain(cell: Any) -> Any:
    """A cell in the type of Python, so that it is equal wherever it comes from."""
    return cell.item() if isinstance(cell, np.generic) else cell


def _hashable(cell: Any) -> bool:
    try:
        hash(cell)
    except TypeError:
        return False
    return True


def _sorted(counts: Mapping[Any, int]) -> list[Any]:
    try:
        return sorted(counts)
    except TypeError:
        return sorted(counts, key=lambda cell: (type(cell).__name__, str(cell)))


def _refuse_dates(table: Table, columns: Sequence[int]) -> None:
    dates = [j for j in columns if table.kind(j) == "date"]
    refuse_dates("X", [(column(j, table.names), "a date") for j in dates])


def _tell(strange: Mapping[Any, Sequence[Any]], handle_unknown: str, told: bool) -> None:
    """Of levels that were not seen in the fit."""
    where = "; ".join(f"{name!r} ({_some(levels)})" for name, levels in strange.items())
    what = f"X holds levels that were not seen in fit, in column(s) {where}"
    if handle_unknown == "error":
        raise ValueError(
            f"{what}. Fit with them, list them in the type of the column, or let them be missing: "
            "handle_unknown='missing'."
        )
    if not told:
        warn(
            f"{what}. They count as missing where other cells are imputed, and stay as they are. "
            "handle_unknown='error' refuses them.",
            DataWarning,
        )


def _as_tuple(part: Any) -> Any:
    return tuple(part) if isinstance(part, list) else part


def positions_in(X: Any, given: Any, argument: str) -> list[int]:
    """Numbers of the columns of X that are given by a mask, by numbers or by names."""
    table = table_of(X)
    n = np.shape(X)[1] if table is None else 0
    return _positions(given, list(range(n)) if table is None else table.names, argument)


def integer_columns(X: Any) -> NDArray[np.intp]:
    """Columns of a frame whose types are of integers."""
    table = table_of(X)
    if table is None:
        return np.arange(0)
    kinds = [table.kind(j) for j in range(len(table.names))]
    return np.flatnonzero([kind == "integer" for kind in kinds])
