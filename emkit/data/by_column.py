"""Arguments with an entry for each column: one for all, by place, or by name."""

from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from emkit._typing import Array
from emkit.base.names import column_labels
from emkit.data.category_columns import positions
from emkit.data.numbers import argument_of

__all__ = ["as_mapping", "mask_by_column", "numbers_by_column"]


def numbers_by_column(estimator: Any, argument: str, default: float, n_features: int) -> Array:
    """A number for every column, from an argument of an estimator that knows its columns."""
    value = as_mapping(estimator, getattr(estimator, argument))
    if isinstance(value, Mapping):
        return _by_name(estimator, argument, value, default, n_features)
    value = default if value is None else value
    if np.ndim(value):
        value = check_array(
            argument_of(value, argument),
            dtype=np.float64,
            ensure_2d=False,
            ensure_all_finite=False,
            input_name=argument,
        )
    else:
        value = _number(value, argument)
    if np.shape(value) not in {(), (n_features,)}:
        raise ValueError(
            f"{argument} should be a number or have the shape ({n_features},), one a feature, or "
            f"be a dict by names of features. Got shape {np.shape(value)}."
        )
    return np.broadcast_to(np.asarray(value, dtype=np.float64), n_features)


def mask_by_column(estimator: Any, argument: str, n_features: int) -> NDArray[np.bool_]:
    """Which columns an argument names: all, none, or by a mask, by numbers or by names."""
    given = getattr(estimator, argument)
    if given is None or isinstance(given, bool | np.bool_):
        return np.full(n_features, bool(given))
    named: NDArray[np.bool_] = np.zeros(n_features, dtype=bool)
    named[positions(given, column_labels(estimator), argument)] = True
    return named


def as_mapping(estimator: Any, value: Any) -> Any:
    """A series of pandas as a dict where its labels are names of features; all else as it is.

    Labels that only count leave its values to their places, as do words where X has no names.
    """
    if not (hasattr(value, "index") and hasattr(value, "to_dict")):
        return value
    labels, names = list(value.index), column_labels(estimator)
    counted = labels == list(range(len(labels)))
    words = isinstance(names[0], str)
    return value.to_dict() if not counted and isinstance(labels[0], str) == words else value


def _number(value: Any, what: str) -> float:
    if isinstance(value, Real) and not isinstance(value, np.timedelta64):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"{what} should be a number. Got {value!r}.")


def _by_name(
    estimator: Any, argument: str, given: Mapping[Any, Any], default: float, n_features: int
) -> Array:
    """One number for every feature: that given for its name, or the default."""
    names = column_labels(estimator)
    strange = [key for key in given if key not in names]
    if strange:
        raise ValueError(
            f"{argument} names features that X does not have: {strange}. It has {names}."
        )
    numbers = np.full(n_features, default)
    for key, value in given.items():
        if value is not None:
            numbers[names.index(key)] = _number(value, f"{argument}[{key!r}]")
    return numbers
