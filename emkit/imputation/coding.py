"""The columns of categories of an imputer: learned in a fit, numbered in every method."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit.data.blocks_of_numbers import refuse_categories_of, refuse_names_for, require_memory
from emkit.data.categories import Coding, Encoded, integer_columns, positions_in
from emkit.data.coded import publish_levels
from emkit.data.frames import table_of
from emkit.data.limits import read_limits
from emkit.data.opened import place_of

__all__ = ["coding_of", "encode", "encoded_table", "learn", "publish_kinds", "refuse_in_blocks"]


def learn(imputer: Any, X: Any, sample_weight: Any = None) -> Coding | None:
    """What a fit is to know of the columns of X; it is kept with the imputer."""
    categorical = imputer.categorical_features
    explicit = categorical is not None and not isinstance(categorical, str)
    imputer._coding = None
    if not place_of(X).in_memory:
        if explicit or imputer.ordinal_features is not None:
            refuse_names_for(X, "categorical_features and ordinal_features")
        if hasattr(X, "_meta"):  # of a Dask collection
            refuse_in_blocks(imputer, X, X._meta)
        return None
    imputer._coding = Coding.of(
        X,
        categorical=categorical,
        ordinal=imputer.ordinal_features,
        missing_values=imputer.missing_values,
        min_frequency=imputer.min_frequency,
        sample_weight=sample_weight,
        only_seen=imputer.shrinkage == 0.0,  # without a prior nothing tells of the others
    )
    return imputer._coding


def refuse_in_blocks(imputer: Any, X: Any, first: Any) -> None:
    """ValueError where the first of the rows that are not in memory has categories."""
    table = table_of(first)
    if table is not None and read_limits(table, imputer.missing_values) is not None:
        raise ValueError(
            f"X is read block by block ({type(X).__name__}), which takes numbers alone, and holds "
            "cells that are known to an interval, as '<0.05'. Fit a sample of the rows in memory."
        )
    if imputer.categorical_features is not None:
        refuse_categories_of(X, first, imputer.missing_values)


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


def encode(imputer: Any, X: Any, coding: Coding, *, fitting: bool = False) -> Encoded:
    """X with categories as numbers and NaN in missing cells, with its names."""
    require_memory(X, "imputer")
    if fitting:
        return coding.encode(X, handle_unknown="ignore")
    return coding.encode(X, handle_unknown=imputer.handle_unknown, estimator=imputer)


def encoded_table(imputer: Any, X: Any) -> Encoded | None:
    """X as `encode` makes it, once for all that follows; None where the fit had numbers alone."""
    coding = coding_of(imputer)
    if coding is None or isinstance(X, Encoded):
        return X if coding is not None else None
    return encode(imputer, X, coding)
