"""The columns that a picture of a mixture can show: those of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.numbers import read_table
from emkit.plotting.common import choose_features, feature_names, listed

__all__ = ["among_numbers", "columns_of_numbers", "most_separated"]

#: Features of a grid of pairs that nobody chose.
GRID_FEATURES = 5


def columns_of_numbers(estimator: Any, X: Any) -> tuple[Array, NDArray[np.intp], NDArray[Any], str]:
    """Numbers of X, which columns they are, their names, and those of categories in words."""
    names, coding = feature_names(estimator), getattr(estimator, "_coding", None)
    if coding is None:
        return np.asarray(read_table(X), dtype=float), np.arange(len(names)), names, ""
    is_number = np.array([j not in coding.categories for j in range(len(names))])
    numbers = np.flatnonzero(is_number)
    if not len(numbers):
        raise ValueError(
            "MixtureDisplay draws columns of numbers, and all columns of the fit are categories. "
            "tables_ has the probabilities of their levels in each component."
        )
    cells = np.asarray(read_table(coding.table(X).select(numbers.tolist())), dtype=float)
    return cells, numbers, names[numbers], listed(names[~is_number])


def among_numbers(
    features: Any, numbers: NDArray[np.intp], names: NDArray[Any]
) -> NDArray[np.intp]:
    """Places among the columns of numbers of features given by index or name."""
    chosen = choose_features(features, names)
    words = ~np.isin(chosen, numbers)
    if words.any():
        raise ValueError(
            f"MixtureDisplay draws columns of numbers, and {listed(names[chosen[words]])} are "
            "categories. tables_ has the probabilities of their levels in each component."
        )
    return np.searchsorted(numbers, chosen)


def most_separated(weights: Array, means: Array, covariances: Array) -> Any:
    """The features, at most `GRID_FEATURES`, in which the components differ most."""
    between = weights @ (means - weights @ means) ** 2
    within = weights @ np.diagonal(covariances, axis1=1, axis2=2)
    return np.sort(np.argsort(-between / (between + within), kind="stable")[:GRID_FEATURES])
