"""The columns of categories of a mixture: learned in a fit, numbered in every method."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.names import column_names, listed
from emkit.data.categories import Category, Coding
from emkit.data.category_columns import is_named
from emkit.data.frames import table_of
from emkit.data.limited_table import refuse_limits_in_blocks
from emkit.data.listed_levels import (
    IN_BATCHES,
    coding_of_blocks,
    in_blocks,
    require_listed,
)
from emkit.data.opened import Coder
from emkit.data.tables import Filling
from emkit.exceptions import DataWarning, warn
from emkit.models.mixed.starts import counts_of

__all__ = [
    "Numbered",
    "as_it_came",
    "as_table",
    "coder_of",
    "coding_of",
    "container_of",
    "encode",
    "learn",
    "listed_by_types",
    "number_names",
    "numbers_of",
    "refuse_categories",
    "require_first_batch",
    "with_seen_levels",
]


def learn(mixture: Any, X: Any) -> Coding | None:
    """How a fit is to number the columns of X; None where all are numbers.

    By type they are those of a frame that scikit-learn's mixture would not read, or has a type that
    is for categories: where all that there is besides numbers are truth values, these are numbers
    to it, and stay numbers. In arrays and lists, which have one type, words are refused as it
    refuses them, unless columns are named.
    """
    given = mixture.categorical_features
    named = is_named(given)
    if not named and not container_of(X):
        return None
    coding, table = Coding.of(X, categorical=given), table_of(X)
    _keep_types(mixture, coding, table)
    if coding is None or table is None or named:
        return coding
    truths = [
        table.kind(j) != "category" and all(isinstance(v, bool) for v in category.levels)
        for j, category in coding.categories.items()
    ]
    return None if all(truths) else coding


def _keep_types(mixture: Any, coding: Coding | None, table: Any) -> None:
    """Remember which of the columns of categories have types for them."""
    columns = () if coding is None or table is None else coding.categories
    mixture._listed = {j: table.levels(j) for j in columns if table.kind(j) == "category"}


class Numbered(NamedTuple):
    """Batches put together, whose categories are numbered already."""

    cells: Array
    coding: Coding


def require_first_batch(mixture: Any, X: Any) -> None:
    """ValueError for a first batch in memory with categories whose types do not list the levels."""
    given = mixture.categorical_features
    if is_named(given) or container_of(X):
        coding_of_blocks(IN_BATCHES, X, given)


def listed_by_types(mixture: Any) -> Coding:
    """The coding of a fit with all levels that the types of its table listed, seen or not."""
    categories = dict(mixture._coding.categories)
    for j, levels in mixture._listed.items():
        if levels is not None:
            categories[j] = replace(categories[j], levels=tuple(levels))
    return replace(mixture._coding, categories=categories)


def coder_of(mixture: Any, X: Any, *, fitting: bool, listed: Coding | None) -> Coder:
    """What makes numbers of the categories of X, of which it knows the first block.

    In a fit it learns them of that, as `learn` does of a whole table. Types of the blocks must list
    the levels of a fit, or those that are ``listed``.
    """

    def coder(first: Any) -> Any:
        given, required = mixture.categorical_features, listed
        if fitting:
            refuse_limits_in_blocks(mixture, X, first)
        if fitting and (is_named(given) or container_of(first)):
            required = mixture._coding = coding_of_blocks(in_blocks(X), first, given)
            mixture._container = container_of(first)
            _keep_types(mixture, mixture._coding, table_of(first))
        coding = coding_of(mixture)
        if coding is None:
            return None
        if not fitting:
            coding.table(first, mixture)
        return partial(_encode_block, coding, required)

    return coder


def _encode_block(coding: Coding, listed: Coding | None, X: Any) -> Any:
    if listed is not None:
        require_listed(coding.table(X), listed)
    return _encode(coding, X)


def coding_of(mixture: Any) -> Coding | None:
    """That of the fit; None where all columns were numbers."""
    coding: Coding | None = getattr(mixture, "_coding", None)
    return coding


def encode(
    mixture: Any, X: Any, coding: Coding, *, fitting: bool = False, listed: Coding | None = None
) -> Any:
    """X with categories as numbers and NaN in missing cells, with its names."""
    if listed is not None:
        require_listed(coding.table(X, mixture), listed)
    return _encode(coding, X, None if fitting else mixture)


def _encode(coding: Coding, X: Any, fitted: Any = None) -> Any:
    encoded = coding.encode(X, handle_unknown="ignore", estimator=fitted)
    missing = np.isnan(np.asarray(encoded.X))
    columns = coding.columns
    if missing[:, columns].any():
        unknown = (missing & ~encoded.missing).any(axis=0)
        names = [coding.names[j] for j in columns[unknown[columns]]]
        if names:
            warn(
                f"Column(s) {listed(names)} of X hold levels that no row of the fit had: such "
                "cells count as missing.",
                DataWarning,
            )
    return encoded.X


def with_seen_levels(coding: Coding, data: Any) -> tuple[Coding, Any]:
    """The coding with the levels of the rows that count alone, and the rows in its codes.

    A level without a row has probability 0 in every class, and is no parameter.
    """
    counts = counts_of(data, [len(category.levels) for category in coding.categories.values()])
    categories, maps = {}, []
    for (j, category), of_level in zip(coding.categories.items(), counts, strict=True):
        seen = np.flatnonzero(of_level)
        levels = tuple(category.levels[code] for code in seen)
        n = len(levels)
        categories[j] = Category(levels, tuple(range(n)), (1.0,) * n, category.ordered)
        maps.append(np.cumsum(of_level > 0.0) - 1)
    return replace(coding, categories=categories), data.recoded(maps)


def numbers_of(mixture: Any, n_features: int) -> NDArray[np.intp]:
    """Which columns are numbers."""
    coding, columns = coding_of(mixture), np.arange(n_features)
    return columns if coding is None else np.setdiff1d(columns, coding.columns)


def number_names(mixture: Any) -> Any:
    """Names of the columns of numbers, which ``means_`` are of."""
    names = column_names(mixture)
    return names[numbers_of(mixture, len(names))]


def refuse_categories(mixture: Any, coding: Coding | None, what: str, remedy: str) -> None:
    """ValueError for what takes columns of numbers alone."""
    if coding is None:
        return
    names = [coding.names[j] for j in coding.categories]
    raise ValueError(
        f"{what} is for columns of numbers alone, and column(s) {listed(names)} are categories. "
        f"{remedy}"
    )


def container_of(X: Any) -> str:
    """The package of a frame; empty for an array."""
    package = type(X).__module__.partition(".")[0]
    return package if package in {"pandas", "polars"} else ""


def as_table(mixture: Any, numbers: Array, codes: NDArray[np.intp]) -> Any:
    """Numbers (n, p) and codes (n, q) in a table of the kind that was fitted."""
    coding = mixture._coding
    names = column_names(mixture)
    columns: list[Any] = [None] * len(names)
    for j, x in zip(numbers_of(mixture, len(names)), numbers.T, strict=True):
        columns[j] = x
    for (j, category), c in zip(coding.categories.items(), codes.T, strict=True):
        levels = np.empty(len(category.levels), dtype=object)
        levels[:] = category.levels
        columns[j] = levels[c]
    if mixture._container == "pandas":
        import pandas as pd

        for j in mixture._listed:
            category = coding.categories[j]
            columns[j] = pd.Categorical(columns[j], category.levels, ordered=category.ordered)
        frame = pd.DataFrame(dict(enumerate(columns))).infer_objects()
        return frame.set_axis(list(coding.names), axis=1)
    if mixture._container == "polars":
        import polars as pl

        types: list[Any] = [None] * len(names)
        for j in mixture._listed:
            category = coding.categories[j]
            types[j] = pl.Enum(category.levels) if category.ordered else pl.Categorical
        of_all = zip(coding.names, columns, types, strict=True)
        return pl.DataFrame([pl.Series(n, c.tolist(), dtype=of) for n, c, of in of_all])
    return np.stack([c.astype(object) for c in columns], axis=1)


def as_it_came(coding: Coding, X: Any, filled: Array) -> Any:
    """X with its missing cells filled, in a table of its own kind.

    ``filled`` has numbers and codes in every cell.
    """
    given = coding.encode(X, handle_unknown="ignore")
    fillings = {}
    for j in range(len(coding.names)):
        category, where = coding.categories.get(j), given.missing[:, j]
        values: list[Any] = filled[where, j].tolist()
        if category is not None:
            values = [category.levels[int(v)] for v in values]
        fillings[j] = Filling(where, values)
    return given.table.filled(range(len(coding.names)), fillings, {})
