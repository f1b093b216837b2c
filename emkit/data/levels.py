"""The levels of a column of categories, as a fit learns them, and what codes they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.refusals import column
from emkit.data.tables import Factor, Table, is_mark, plain

__all__ = ["Category", "factor_in", "grouped", "learn", "shown"]

#: Columns and levels that are named in a message.
MOST_SHOWN = 5


@dataclass(frozen=True)
class Category:
    """A column of categories: code l stands for the l-th group of levels.

    A group has one level, but for the last where rare levels are pooled. A level of no group, -1,
    is one that nothing is learned of: its cells are no evidence.
    """

    levels: tuple[Any, ...]  #: all, in the order of their type, or sorted
    group: tuple[int, ...]  #: code of each level
    shares: tuple[float, ...]  #: of each level within its group
    ordered: bool = False

    @property
    def n_groups(self) -> int:
        """How many codes there are."""
        return max(self.group, default=-1) + 1

    def positions(self, cells: Factor) -> tuple[NDArray[np.intp], list[Any]]:
        """Places of the cells among the levels (n,), -1 where missing or unknown; unknown levels.

        Levels are known by what they are, whatever their order in the type of a table.
        """
        place = {level: i for i, level in enumerate(self.levels)}
        of_values = np.array([*(place.get(value, -1) for value in cells.values), -1])
        return of_values[cells.codes], [value for value in cells.present if value not in place]

    def codes(self, positions: NDArray[np.intp]) -> Array:
        """Codes (n,) of levels at these places, NaN for -1."""
        codes: Array = np.array([*self.group, np.nan])[positions]
        return codes

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


def shown(items: Sequence[Any]) -> str:
    """The first of some columns or levels, in words."""
    more = f" and {len(items) - MOST_SHOWN} more" if len(items) > MOST_SHOWN else ""
    return ", ".join(map(repr, items[:MOST_SHOWN])) + more


def factor_in(table: Table, j: int, missing_values: Any) -> Factor:
    """The cells of a column of categories; ValueError where they are neither numbers nor names."""
    try:
        return table.factor(j).marked(missing_values)
    except TypeError:
        kinds = (type(cell) for cell in table.cells(j))
        kind = next((kind.__name__ for kind in kinds if kind.__hash__ is None), "no hash")
        raise ValueError(
            f"{column(j, table.names).capitalize()} of X holds objects of type {kind}, which are "
            "neither numbers nor names of levels. Drop the column, or make it text."
        ) from None


def learn(
    table: Table,
    j: int,
    order: tuple[Any, ...] | None,
    missing_values: Any,
    min_frequency: Any,
    weights: Array | None,
    only_seen: bool = False,
) -> Category:
    """Levels of a column: those of its order, of its type, or those that were seen, sorted.

    Rows of weight 0 are not there; a weight of 2 is a row that stands twice. Where ``only_seen``,
    levels without a row are of no group.
    """
    cells = factor_in(table, j, missing_values)
    counts: dict[Any, float] = {}
    for value, n in zip(cells.values, cells.counts(weights).tolist(), strict=True):
        if n > 0:
            counts[value] = counts.get(value, 0.0) + n
    levels = order if order is not None else table.levels(j)
    if levels is None and table.kind(j) == "boolean":
        levels = [False, True]
    ordered = order is not None or table.is_ordered(j)
    if levels is None:
        levels = _sorted(counts)
    levels = [plain(level) for level in levels if not is_mark(level, missing_values)]
    known = set(levels)
    strange = [cell for cell in counts if cell not in known]
    if strange:
        raise ValueError(
            f"ordinal_features lists the levels of {column(j, table.names)}, and X holds others: "
            f"{shown(strange)}. List all of them."
        )
    return grouped(levels, counts, ordered, min_frequency, only_seen)


def grouped(
    levels: Sequence[Any],
    counts: Mapping[Any, float],
    ordered: bool,
    min_frequency: Any,
    only_seen: bool,
) -> Category:
    """A category of levels of which rows have so many; see `learn`."""
    category = _pooled(levels, counts, ordered, min_frequency)
    return _of_seen(category, counts) if only_seen and counts else category


def _sorted(counts: Mapping[Any, float]) -> list[Any]:
    try:
        return sorted(counts)
    except TypeError:
        return sorted(counts, key=lambda cell: (type(cell).__name__, str(cell)))


def _of_seen(category: Category, counts: Mapping[Any, float]) -> Category:
    """The category with groups of the levels that some row has alone."""
    seen = [level in counts for level in category.levels]
    _, codes = np.unique(np.array(category.group)[seen], return_inverse=True)
    group, shares = np.full(len(seen), -1), np.where(seen, category.shares, 0.0)
    group[seen] = codes
    return replace(category, group=tuple(group.tolist()), shares=tuple(shares.tolist()))


def _pooled(
    levels: Sequence[Any], counts: Mapping[Any, float], ordered: bool, min_frequency: Any
) -> Category:
    """A category whose rare levels share the last code, if there are two or more of them.

    Where all are rare there is nothing to tell them from, and they stay apart.
    """
    least = 0.0 if min_frequency is None else float(min_frequency)
    if isinstance(min_frequency, Real) and not isinstance(min_frequency, Integral):
        least *= sum(counts.values())
    rare = [i for i, level in enumerate(levels) if 0 < counts.get(level, 0) < least]
    common = sorted(set(range(len(levels))).difference(rare))
    if ordered or len(rare) < 2 or not common:
        n_levels = len(levels)
        return Category(tuple(levels), tuple(range(n_levels)), (1.0,) * n_levels, ordered)
    group = np.empty(len(levels), dtype=int)
    group[common], group[rare] = np.arange(len(common)), len(common)
    shares = np.ones(len(levels))
    of_rare = np.array([counts[levels[i]] for i in rare], dtype=float)
    shares[rare] = of_rare / of_rare.sum()
    return Category(tuple(levels), tuple(group.tolist()), tuple(shares.tolist()), ordered)
