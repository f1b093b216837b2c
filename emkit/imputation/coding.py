"""The columns of categories of an imputer: learned in a fit, numbered in every method."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.names import listed
from emkit.data.categories import Coding, Encoded, integer_columns, positions_in
from emkit.data.coded import publish_levels
from emkit.data.levels import grouped
from emkit.data.limited_table import refuse_limits_in_blocks
from emkit.data.listed_levels import (
    IN_BATCHES,
    coding_of_blocks,
    in_blocks,
    require_listed,
)
from emkit.data.opened import Coder, Opened, place_of
from emkit.exceptions import DataWarning, warn
from emkit.models.mixed.rows import CodedRows
from emkit.models.mixed.starts import counts_of
from emkit.models.rows import Rows

__all__ = [
    "coder_of",
    "coding_of",
    "encode",
    "encoded_table",
    "learn",
    "publish_kinds",
    "regroup",
    "require_first_batch",
]


def learn(imputer: Any, X: Any, sample_weight: Any = None) -> Coding | None:
    """What a fit is to know of the columns of a table in memory; it is kept with the imputer."""
    imputer._coding = Coding.of(
        X,
        categorical=imputer.categorical_features,
        ordinal=imputer.ordinal_features,
        missing_values=imputer.missing_values,
        min_frequency=imputer.min_frequency,
        sample_weight=sample_weight,
        only_seen=is_without_prior(imputer),
    )
    return imputer._coding


def is_without_prior(imputer: Any) -> bool:
    """Whether nothing tells of levels that no row has."""
    return bool(imputer.shrinkage == 0.0)


def require_first_batch(imputer: Any, X: Any) -> None:
    """ValueError for a first batch in memory with categories whose types do not list the levels."""
    given = imputer.categorical_features, imputer.ordinal_features
    coding_of_blocks(IN_BATCHES, X, *given, imputer.missing_values)


def coder_of(imputer: Any, X: Any, *, fitting: bool, batch: bool = False) -> Coder:
    """What makes numbers of the categories of X, of which it knows the first block.

    In a fit it learns them of that, if they are not known, as `learn` does of a whole table.
    """

    def coder(first: Any) -> Any:
        if fitting:
            refuse_limits_in_blocks(imputer, X, first)
        if fitting and imputer._coding is None:
            given = imputer.categorical_features, imputer.ordinal_features
            imputer._coding = coding_of_blocks(in_blocks(X), first, *given, imputer.missing_values)
        if fitting:
            publish_kinds(imputer, first, np.shape(first)[1])
        coding = imputer._coding
        if coding is None:
            return None
        if not fitting:
            coding.table(first, imputer)
        if not (fitting or batch):
            return partial(_encode_block, coding, imputer.handle_unknown)
        return partial(_encode_listed, coding, imputer.ordinal_features)

    return coder


def _encode_block(coding: Coding, handle_unknown: str, X: Any) -> Any:
    return coding.encode(X, handle_unknown=handle_unknown).X


def _encode_listed(coding: Coding, ordinal: Any, X: Any) -> Any:
    require_listed(coding.table(X), coding, ordinal)
    encoded = coding.encode(X, handle_unknown="error")
    _tell_of_new(coding, encoded)
    return encoded.X


def _tell_of_new(coding: Coding, encoded: Encoded) -> None:
    """Warn of levels in a batch that are of no group, as no row had them that the fit learned of.

    In a fit to blocks all of them are counted before, and there are none.
    """
    of_no_group = (np.asarray(encoded.X)[:, coding.columns] < 0.0).any(axis=0)
    names = [coding.names[j] for j in coding.columns[of_no_group]]
    if names:
        warn(
            f"Column(s) {listed(names)} of X hold levels that no row of the first batch had, of "
            "which nothing is learned with shrinkage=0: such cells count as missing.",
            DataWarning,
        )


def regroup(imputer: Any, opened: Opened[Rows]) -> bool:
    """Pool or leave out levels of a fit to rows in blocks by how many rows have them, if any are.

    Whether there was anything to do, so that the blocks are to be read in other codes.
    """
    coding, only_seen = imputer._coding, is_without_prior(imputer)
    if imputer.min_frequency is None and not only_seen:
        return False
    n_levels = [len(category.levels) for category in coding.categories.values()]
    look = partial(_count_levels, coding.columns, n_levels)
    counts = np.sum(opened.survey(look), axis=0)
    categories = {}
    of_columns = np.split(counts, np.cumsum(n_levels)[:-1])
    for (j, category), of_levels in zip(coding.categories.items(), of_columns, strict=True):
        seen = {v: n for v, n in zip(category.levels, of_levels.tolist(), strict=True) if n > 0.0}
        known = category.levels, seen, category.ordered
        categories[j] = grouped(*known, imputer.min_frequency, only_seen)
    imputer._coding = replace(coding, categories=categories)
    return True


def _count_levels(columns: NDArray[np.intp], n_levels: Sequence[int], rows: Rows) -> Array:
    coded = CodedRows.of(rows, columns[:0], columns)
    return np.concatenate(counts_of(coded, n_levels))


def publish_kinds(imputer: Any, X: Any, n_features: int) -> None:
    """Which features of the X of a fit are categories, and of what levels, and whole numbers."""
    imputer._integers = _whole_numbers(imputer, X, n_features)
    publish_levels(imputer, imputer._coding, n_features)


def _whole_numbers(imputer: Any, X: Any, n_features: int) -> Any:
    """Columns whose missing cells are filled with whole numbers."""
    given = imputer.discrete_features
    if given is None:
        return np.arange(0)
    if isinstance(given, str):
        if imputer._coding is None:  # numbers alone are filled as ever, whatever their types
            return np.arange(0)
        columns = integer_columns(X)
    else:
        found = positions_in(X, given, "discrete_features", n_features)
        columns = np.array(found, dtype=np.intp)
    coding = imputer._coding
    return columns if coding is None else np.setdiff1d(columns, coding.columns)


def coding_of(imputer: Any) -> Coding | None:
    """That of the fit."""
    check_is_fitted(imputer, "weights_")
    coding: Coding | None = imputer._coding
    return coding


def encode(
    imputer: Any, X: Any, coding: Coding, *, fitting: bool = False, batch: bool = False
) -> Encoded:
    """X with categories as numbers and NaN in missing cells, with its names."""
    if batch:
        require_listed(coding.table(X, imputer), coding, imputer.ordinal_features)
        encoded = coding.encode(X, handle_unknown="error")
        _tell_of_new(coding, encoded)
        return encoded
    if fitting:
        return coding.encode(X, handle_unknown="ignore")
    return coding.encode(X, handle_unknown=imputer.handle_unknown, estimator=imputer)


def encoded_table(imputer: Any, X: Any) -> Encoded | None:
    """X as `encode` makes it, once for all that follows; None of numbers alone, or of blocks."""
    coding = coding_of(imputer)
    if coding is None or not place_of(X).in_memory:
        return None
    return X if isinstance(X, Encoded) else encode(imputer, X, coding)
