"""The columns of categories of an imputer: learned in a fit, numbered in every method."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit.data.categories import Coding, integer_columns
from emkit.data.coded import publish_levels
from emkit.data.opened import place_of

__all__ = ["coding_of", "encode", "learn"]


def learn(imputer: Any, X: Any) -> Coding | None:
    """What a fit is to know of the columns of X; it is kept with the imputer."""
    categorical = imputer.categorical_features
    explicit = categorical is not None and not isinstance(categorical, str)
    imputer._coding, imputer._integers = None, np.arange(0)
    if not place_of(X).in_memory:
        if explicit or imputer.ordinal_features is not None:
            raise ValueError(
                "categorical_features and ordinal_features name columns of a table in memory, and "
                f"X is read block by block ({type(X).__name__}). Number the levels first, or fit a "
                "sample of the rows."
            )
        return None
    imputer._coding = Coding.of(
        X,
        categorical=categorical,
        ordinal=imputer.ordinal_features,
        missing_values=imputer.missing_values,
        min_frequency=imputer.min_frequency,
    )
    imputer._integers = _whole_numbers(imputer, X)
    publish_levels(imputer, imputer._coding, np.shape(X)[1] if np.ndim(X) == 2 else 0)
    return imputer._coding


def _whole_numbers(imputer: Any, X: Any) -> Any:
    """Columns whose missing cells are filled with whole numbers."""
    given = imputer.discrete_features
    if given is None:
        return np.arange(0)
    if isinstance(given, str):
        columns = integer_columns(X)
    else:
        from emkit.data.categories import positions_in

        columns = np.array(positions_in(X, given, "discrete_features"), dtype=np.intp)
    coding = imputer._coding
    return columns if coding is None else np.setdiff1d(columns, coding.columns)


def coding_of(imputer: Any) -> Coding | None:
    """That of the fit."""
    check_is_fitted(imputer, "weights_")
    coding: Coding | None = imputer._coding
    return coding


def encode(imputer: Any, X: Any, coding: Coding) -> Any:
    """X with categories as numbers and NaN in missing cells, with its names."""
    if not place_of(X).in_memory:
        raise ValueError(
            f"The imputer was fitted to a table with categories, and X ({type(X).__name__}) is "
            "read block by block. Give a table in memory."
        )
    return coding.encode(X, handle_unknown=imputer.handle_unknown).X
