"""What the estimators share; the only file that touches scikit-learn's private API."""

import mmap
import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._mask import _get_mask
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils._param_validation import Interval, MissingValues, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    validate_data,
)

from emkit.engine import Acceleration, Blocks, EMResult, StopReason
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.search import SEARCHES

__all__ = [
    "EM_CONSTRAINTS",
    "FLOATS",
    "MissingValues",
    "StrOptions",
    "above",
    "at_least",
    "between",
    "check_weights",
    "rows_that_count",
    "feature_names_in",
    "fit_context",
    "has_missing",
    "is_private",
    "map_of",
    "output_container",
    "in_blocks",
    "load_pandas",
    "load_with_missing",
    "mark_missing",
    "refuse_empty_columns",
    "takes_nan",
    "warn_unconverged",
]


#: Floating types that stay as they are; everything else becomes the first.
FLOATS = [np.float64, np.float32]


def at_least(kind, low):
    """Constraint on a number: an Integral or a Real not below ``low``."""
    return Interval(kind, low, None, closed="left")


def above(kind, low):
    """Constraint on a number: larger than ``low``, and finite."""
    return Interval(kind, low, None, closed="neither")


def between(kind, low, high):
    """Constraint on a number: from ``low`` to ``high``, both included."""
    return Interval(kind, low, high, closed="both")


#: Constraints of the arguments that every estimator has.
EM_CONSTRAINTS = {
    "tol": [at_least(Real, 0.0)],
    "max_iter": [at_least(Integral, 0)],
    "n_init": [at_least(Integral, 1)],
    "n_jobs": [Integral, None],
    "search": [StrOptions(set(SEARCHES)), callable],
    "acceleration": [StrOptions(set(ACCELERATIONS)), Acceleration, None],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}

#: Decorator of ``fit``: checks the constructor's arguments before any work.
fit_context = _fit_context(prefer_skip_nested_validation=True)


def check_weights(sample_weight, X):
    """Sample weights as float64, or None; ValueError where they are negative or all zero."""
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one positive number. Got zeros only: no row "
            "would count. Leave sample_weight out to weigh all rows alike."
        )
    return weights.copy() if is_private(weights) else weights


def takes_nan(missing_values):
    """Whether NaN is what marks a missing cell."""
    return is_scalar_nan(missing_values) or is_pandas_na(missing_values)


def load_with_missing(estimator, X, missing_values, *, reset):
    """`mark_missing` of X, number and names of its features set or checked."""
    return mark_missing(X, missing_values, partial(validate_data, estimator, reset=reset))


def mark_missing(X, missing_values, check):
    """X as floats with NaN where a cell is missing; ValueError for NaN that marks nothing.

    ``check`` is `check_array` or the like, with what it takes besides types and finiteness.
    """
    allowed = "allow-nan" if takes_nan(missing_values) else True
    objects = is_pandas_na(missing_values) or not isinstance(missing_values, Real)
    if not objects:
        X = check(X, dtype=FLOATS, ensure_all_finite=allowed)
        if is_scalar_nan(missing_values):
            return X
        return np.where(X == missing_values, X.dtype.type(np.nan), X)
    # A mark that is no number: find it before the rest is made numbers.
    X = check(X, dtype=None, ensure_all_finite=allowed)
    if X.dtype.kind == "f":
        return X.astype(X.dtype if X.dtype in FLOATS else np.float64, copy=False)
    missing = _get_mask(X, missing_values)
    numbers = np.where(missing, np.nan, X.astype(object))
    try:
        numbers = numbers.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X must hold numbers besides missing_values={missing_values!r}: {error}."
        ) from error
    if not np.isfinite(numbers[~missing]).all():
        raise ValueError(
            f"Input X contains NaN or infinity besides missing_values={missing_values!r}."
        )
    return numbers


def feature_names_in(estimator, input_features):
    """Names of the features of X, those given or those seen in fit."""
    return _check_feature_names_in(estimator, input_features)


def is_private(array):
    """Whether an array is of a memory map that other processes would not read alike.

    Its changes are this one's alone, or it runs backwards, which joblib cannot send.
    """
    source = map_of(array)
    backwards = any(step < 0 for step in array.strides)
    return source is not None and (source.mode == "c" or backwards)


def map_of(array):
    """The memory map that an array is a view of, or None."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
            return array
        array = array.base
    return None


def has_missing(X):
    """Whether any cell is NaN."""
    return bool(np.isnan(X.min(initial=0.0)))


def rows_that_count(X, weights, incomplete):
    """Which rows tell something: of positive weight, with a value; None where all do."""
    kept = np.ones(len(X), dtype=bool) if weights is None else weights > 0.0
    if incomplete:
        kept &= ~np.isnan(X).all(axis=1)
    return None if kept.all() else kept


def refuse_empty_columns(estimator, empty):
    """ValueError where columns (a mask) have no value in the rows that count."""
    if empty.any():
        names = getattr(estimator, "feature_names_in_", np.arange(len(empty)))
        raise ValueError(
            f"Nothing is observed in column(s) {', '.join(str(name) for name in names[empty])} of "
            "X (in rows of positive weight): nothing can be learned of them. Drop them."
        )


def in_blocks(data):
    """Data in blocks for threads to share, where there are enough of them."""
    if isinstance(data, Blocks):
        return data
    if is_private(data.X):
        data = data._replace(X=data.X.copy())
    blocks = data.blocks()
    return data if blocks is None else Blocks(blocks, start_data=data)


def load_pandas(caller):
    """Pandas, or an ImportError that says how to get it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"{caller} makes a pandas.DataFrame, and pandas is not installed. "
            'Install it with: pip install "emkit[pandas]"'
        ) from error
    return pd


def output_container(estimator):
    """What `set_output` asked for: "default" or a kind of frame."""
    return _get_output_config("transform", estimator)["dense"]


def warn_unconverged(result: EMResult, max_iter: int, remedy: str, stacklevel: int = 4) -> None:
    """Warn when the best run did not converge, unless no iteration was asked for."""
    if result.converged or max_iter == 0:
        return
    message = (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data."
    )
    if result.reason is StopReason.INFEASIBLE:
        message += (
            " Every start collapsed on a singular covariance; the last point before is kept. "
            f"{remedy} or decrease n_components."
        )
    elif result.reason is StopReason.DECREASE:
        message += (
            " The objective fell beyond rounding: the data are too ill-conditioned for double "
            f"precision. Scale the columns or {remedy[0].lower()}{remedy[1:]}."
        )
    warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel)
