"""What is asked of rows before they are worked on: types, weights, missing cells, memory maps."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import check_feature_names, check_n_features, check_sample_weight
from emkit.base.weights import few_rows
from emkit.data.numbers import numbers_of, read_table, takes_nan
from emkit.engine import Blocks
from emkit.exceptions import DataWarning, warn
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds

__all__ = [
    "check_block_weights",
    "check_weights",
    "has_missing",
    "in_blocks",
    "in_context",
    "is_private",
    "load_with_missing",
    "map_of",
    "part_of",
    "refuse_empty_columns",
    "rows_that_count",
    "rows_with_value",
    "takes_nan",
    "warn_of_small_weights",
]

#: Between these lies the sum of weights that sums of squares can be taken with.
LEAST_WEIGHT, MOST_WEIGHT = 1e-300, 1e300

# Weights

#: Part of their sum by which weights that were divided and multiplied may miss it.
ROUNDING = 1e-6


def check_weights(sample_weight: Any, X: Array) -> Array | None:
    """Sample weights as float64, 0 where they are masked, or None.

    ValueError where they are negative, all zero, or too large or small to add up.
    """
    if sample_weight is None:
        return None
    weights = _read_weights(sample_weight, X)
    with np.errstate(over="ignore"):
        total = weights.sum()
    if total == 0.0:
        raise ValueError(
            "Sample weights must contain at least one positive number. Got zeros only: no row "
            "would count. Leave sample_weight out to weigh all rows alike."
        )
    if not LEAST_WEIGHT <= total <= MOST_WEIGHT:
        raise ValueError(
            f"sample_weight sums to {total:g}, up to {weights.max():g} a row: weights count rows, "
            "and such sums leave the range of floating-point numbers. Divide them by their mean."
        )
    return weights.copy() if is_private(weights) else weights


def _read_weights(sample_weight: Any, X: Array) -> Array:
    if _is_plain(sample_weight, len(X)):
        return sample_weight
    numbers = numbers_of(sample_weight, "sample_weight").values
    if isinstance(sample_weight, Number):
        numbers = np.full(len(X), numbers)
    weights: Array = check_sample_weight(numbers, X, dtype=np.float64, ensure_non_negative=True)
    return weights


def _is_plain(weights: Any, n: int) -> bool:
    """Whether they are doubles in which scikit-learn would find nothing wrong."""
    if type(weights) is not np.ndarray or weights.dtype.char != "d" or weights.shape != (n,):
        return False
    if not (weights.flags.c_contiguous and weights.dtype.isnative):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(weights.sum()) and weights.min(initial=0.0) >= 0.0)


def warn_of_small_weights(opened: Any, read_by: str) -> None:
    """Warn of weights that sum to less than the rows that they weigh, and so are no counts.

    Parameters
    ----------
    opened : Opened
        The rows, those of weight 0 among them.
    read_by : str
        What takes the weights for counts, and how: "Information criteria read".
    """
    if opened.sample_weight is None:
        return
    n, total = opened.sum(_per_weight)
    if total < n * (1.0 - ROUNDING):
        warn(few_rows(total, n, read_by), DataWarning)


def _per_weight(rows: Any) -> Array:
    """What adds up, weighted, to the number of rows that weigh something."""
    weights: Array = rows.sample_weight
    return np.divide(1.0, weights, out=np.zeros(len(weights)), where=weights > 0.0)


def check_block_weights(sample_weight: Any, X: Array) -> Array | None:
    """As `check_weights`, but all may be zero in a block."""
    if sample_weight is None:
        return None
    given = numbers_of(sample_weight, "sample_weight").values
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (len(X),):
        raise ValueError(
            f"sample_weight must have shape ({len(X)},), one number a row. Got {weights.shape}."
        )
    return check_weights(weights, X) if weights.any() else weights


# Cells


def has_missing(X: Array) -> bool:
    """Whether any cell is NaN."""
    return bool(np.isnan(X.min(initial=0.0)))


def load_with_missing(
    estimator: Any, X: Any, missing_values: Any, *, reset: bool, **checks: Any
) -> Array:
    """X as of `read_table`, number and names of its features set or checked."""
    # An array has no names, and tells so at some length.
    if type(X) is not np.ndarray or hasattr(estimator, "feature_names_in_"):
        check_feature_names(estimator, X, reset=reset)
    array = read_table(X, missing_values, estimator=estimator, **checks)
    check_n_features(estimator, array, reset=reset)
    return array


# Rows and columns that tell something


def rows_that_count(
    X: Array, weights: Array | None, incomplete: bool, bounds: CellBounds | None = None
) -> NDArray[np.bool_] | None:
    """Which rows tell something: of positive weight, with a value or bounds; None where all do."""
    kept = np.ones(len(X), dtype=bool) if weights is None else weights > 0.0
    if incomplete:
        with_value = ~np.isnan(X).all(axis=1)
        if bounds is not None:
            with_value |= bounds.counts > 0
        kept &= with_value
    return None if kept.all() else kept


def rows_with_value(
    X: Array, sample_weight: Array | None, bounds: CellBounds | None = None
) -> Rows:
    """`Rows` of those that count: of positive weight, with a value or bounds in some cell."""
    incomplete = has_missing(X)
    kept = rows_that_count(X, sample_weight, incomplete, bounds)
    if kept is not None:
        X, sample_weight = X[kept], None if sample_weight is None else sample_weight[kept]
        bounds = None if bounds is None else bounds.take(np.flatnonzero(kept))
    if not incomplete:
        return Rows(X, sample_weight)
    if bounds is not None and not len(bounds.columns):
        bounds = None
    return Rows.of(X, sample_weight, bounds)


def part_of(rows: Any, chosen: Any) -> Any:
    """Some of the rows, by a mask or slice, of a NamedTuple of arrays with an entry a row."""
    return type(rows)(*(None if part is None else part[chosen] for part in rows))


def refuse_empty_columns(data: Any, names: Any) -> None:
    """ValueError where a column has no value in the rows of a fit, which are those that count."""
    if not data.incomplete:
        return
    if isinstance(data, Rows):
        empty: Any = np.isnan(data.X).all(axis=0)
        if data.bounds is not None:
            empty[data.bounds.columns] = False
    else:
        empty = data.summary.observed == 0.0
    if empty.any():
        raise ValueError(
            f"Nothing is observed in column(s) {', '.join(str(name) for name in names[empty])} of "
            "X (in rows of positive weight): nothing can be learned of them. Drop them."
        )


# Memory


def in_blocks(data: Any) -> Any:
    """Data in blocks for processes to share, where there are enough of them."""
    if isinstance(data, Blocks):
        return data
    if is_private(data.X):
        data = data._replace(X=data.X.copy())
    blocks = data.blocks()
    return data if blocks is None else Blocks(blocks, start_data=data)


def is_private(array: Any) -> bool:
    """Whether an array is of a memory map that other processes would not read alike.

    Its changes are this one's alone, or it runs backwards, which joblib cannot send.
    """
    source = map_of(array)
    if source is None:
        return False
    return source.mode == "c" or any(step < 0 for step in array.strides)


def map_of(array: Any) -> Any:
    """The memory map that an array is a view of, or None."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
            return array
        array = array.base
    return None


# Errors


@contextmanager
def in_context(context: str | None) -> Iterator[None]:
    """Append a text, which names the block that was read, to any ValueError raised inside."""
    try:
        yield
    except ValueError as error:
        if context is None:
            raise
        raise ValueError(f"{error}\n{context}") from error
