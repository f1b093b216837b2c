"""Columns of categories as numbers: how a table is numbered in a fit, and after it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import check_feature_names, check_n_features
from emkit.data.category_columns import (
    chosen,
    integer_columns,
    is_named,
    orders,
    positions_in,
    refuse_words,
)
from emkit.data.containers import columns_of
from emkit.data.frames import number_table, table_of
from emkit.data.levels import Category, factor_in, learn, shown
from emkit.data.numbers import read_table
from emkit.data.refusals import column, refuse_dates
from emkit.data.tables import Table
from emkit.exceptions import DataWarning, warn

__all__ = ["Category", "Coding", "Encoded", "integer_columns", "positions_in"]


class Encoded(NamedTuple):
    """A table as numbers."""

    X: Any  #: floats, with the names of the table where it has such; NaN where a cell is missing
    table: Table
    missing: NDArray[np.bool_]  #: (n, d) cells to be filled; a level that is not known is none
    positions: Mapping[int, NDArray[np.intp]]  #: places of levels by column, -1 without one


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
        sample_weight: Any = None,
        only_seen: bool = False,
    ) -> "Coding | None":
        """Of a table that a fit was given; None where all of its columns are numbers."""
        table = table_of(X)
        if table is None and (is_named(categorical) or ordinal is not None):
            table = _of_numbers(
                X, "categorical_features" if ordinal is None else "ordinal_features"
            )
        if table is None:
            _refuse_arrow(X)
            return None
        _refuse_dates(table)
        ordered = orders(table, ordinal)
        columns = sorted({*chosen(table, categorical, missing_values), *ordered})
        if not columns:
            return None
        _refuse_repeated(table.names)
        weights = _weights(sample_weight, table.n_rows)
        categories = {
            j: learn(table, j, ordered.get(j), missing_values, min_frequency, weights, only_seen)
            for j in columns
        }
        return cls(tuple(table.names), categories, missing_values)

    @property
    def columns(self) -> NDArray[np.intp]:
        """The columns of categories."""
        return np.array(list(self.categories), dtype=np.intp)

    def table(self, X: Any, estimator: Any = None) -> Table:
        """X as a table; with the columns of the one that was learned from, to a fitted estimator.

        What is wrong with the columns is told in scikit-learn's words.
        """
        table = table_of(X)
        if table is None:
            table = _of_numbers(X, "The fit")
        if estimator is not None:
            named = all(isinstance(name, str) for name in (*self.names, *table.names))
            if named and table.names != list(self.names):
                check_feature_names(estimator, X, reset=False)
            check_n_features(estimator, np.empty((1, len(table.names))), reset=False)
        return table

    def encode(self, X: Any, *, handle_unknown: str = "missing", estimator: Any = None) -> Encoded:
        """The table as numbers.

        Parameters
        ----------
        X : table
            With the columns of the one that was learned from.
        handle_unknown : {"missing", "error", "ignore"}
            What a level is that was not seen; in a fit, of rows without weight, nothing is told.
        estimator : object, optional
            The one that was fitted, where X is not the table that was learned from.

        Raises
        ------
        ValueError
            For another kind of table, dates, text among the numbers, and unknown levels.
        """
        table = self.table(X, estimator)
        _refuse_dates(table)
        numbers = [j for j in range(len(self.names)) if j not in self.categories]
        out = np.full((table.n_rows, len(self.names)), np.nan)
        if numbers:
            refuse_words(table, numbers, self.missing_values)
            out[:, numbers] = read_table(
                table.select(numbers), self.missing_values, ensure_min_samples=0
            )
        missing = np.isnan(out)
        positions, strange = {}, {}
        for j, category in self.categories.items():
            cells = factor_in(table, j, self.missing_values)
            missing[:, j] = cells.codes < 0
            positions[j], unknown = category.positions(cells)
            out[:, j] = category.codes(positions[j])
            if unknown:
                strange[table.names[j]] = unknown
        if strange and handle_unknown != "ignore":
            _tell(strange, handle_unknown)
        return Encoded(table.renumbered(out), table, missing, positions)

    def packed(self) -> dict[str, Any]:
        """The coding as text, numbers and tuples, in which no class of ours is kept."""
        columns = [(j, *astuple(category)) for j, category in self.categories.items()]
        return {"names": self.names, "columns": columns, "missing_values": self.missing_values}

    @classmethod
    def unpacked(cls, kept: Mapping[str, Any]) -> "Coding":
        """The coding that `packed` made this of."""
        categories = {
            j: Category(tuple(levels), tuple(group), tuple(shares), ordered)
            for j, levels, group, shares, ordered in kept["columns"]
        }
        return cls(tuple(kept["names"]), categories, kept["missing_values"])


def _of_numbers(X: Any, who: str) -> Table:
    table = number_table(X)
    if table is None:
        raise ValueError(
            f"{who} names columns of a table, and X is {type(X).__name__} of shape {np.shape(X)}. "
            "Give a frame, or an array (n, d)."
        )
    return table


def _weights(given: Any, n: int) -> Array | None:
    """Weights that can be read; what is wrong with others is told as they are checked."""
    try:
        weights: Array = np.ma.filled(np.ma.asarray(given, dtype=float), 0.0)
    except (TypeError, ValueError):
        return None
    fine = weights.shape == (n,) and bool(np.all(weights >= 0.0)) and np.isfinite(weights).all()
    return weights if given is not None and fine else None


def _refuse_arrow(X: Any) -> None:
    """ValueError for a table of pyarrow with text, which is read as numbers alone."""
    words = ("string", "large_string", "dictionary")
    package = type(X).__module__.partition(".")[0]
    columns = columns_of(X) if package == "pyarrow" else None
    names = [of.name for of in columns or () if str(of.dtype).startswith(words)]
    if names:
        raise ValueError(
            f"X is a table of pyarrow with categories in column(s) {shown(names)}. Give it as a "
            "frame, which comes back as one: X.to_pandas(), or polars.from_arrow(X)."
        )


def _refuse_repeated(names: Sequence[Any]) -> None:
    """ValueError where names do not tell columns apart, by which tables and levels are told."""
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(
            f"X has several columns of the name(s) {shown(twice)}, and columns of categories are "
            "told by their names. Rename them."
        )


def _refuse_dates(table: Table) -> None:
    dates = [j for j in range(len(table.names)) if table.kind(j) == "date"]
    refuse_dates("X", [(column(j, table.names), table.type_name(j)) for j in dates])


def _tell(strange: Mapping[Any, Sequence[Any]], handle_unknown: str) -> None:
    """Of levels that were not seen in the fit."""
    where = "; ".join(f"{name!r} ({shown(levels)})" for name, levels in strange.items())
    what = f"X holds levels that were not seen in fit, in column(s) {where}"
    if handle_unknown == "error":
        raise ValueError(
            f"{what}. Fit with them, list them in the type of the column, or let them be missing: "
            "handle_unknown='missing'."
        )
    warn(
        f"{what}. They count as missing where other cells are imputed, and stay as they are. "
        "handle_unknown='error' refuses them.",
        DataWarning,
    )
