"""Data larger than memory: what is read slice by slice, and checked on the way."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from emkit._estimator import check_n_features
from emkit.models.rows import BLOCK_ROWS, Source

__all__ = ["is_source", "load_source"]

#: Bytes from which a memory map is read block by block: a smaller one may as well be an array.
LARGE = 2**28


def is_source(X):
    """Whether X is read by slices of rows: a memory map, or no array but like one."""
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap) and X.nbytes >= LARGE
    foreign = hasattr(X, "__array_interface__") or hasattr(X, "__dlpack__") or issparse(X)
    sliceable = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__", "__len__"))
    return sliceable and isinstance(X.dtype, np.dtype) and not foreign and not hasattr(X, "iloc")


def load_source(estimator, X, *, reset, min_samples=1, allow_nan=True):
    """X as a `Source`, every block of it checked once; an error names the block."""
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D array, got an array of shape {tuple(X.shape)} instead.")
    if len(X) < min_samples:
        raise ValueError(
            f"Found array with {len(X)} sample(s) (shape={tuple(X.shape)}) while a minimum of "
            f"{min_samples} is required by {type(estimator).__name__}."
        )
    check_n_features(estimator, X, reset=reset)
    source = Source(X)
    empty = np.ones(source.shape[1], dtype=bool)
    for number, start in enumerate(range(0, len(source), BLOCK_ROWS)):
        try:
            block = source[start : start + BLOCK_ROWS]
            check_array(block, ensure_all_finite="allow-nan" if allow_nan else True)
        except ValueError as error:
            where = f"That is in block {number} of X, from row {start}."
            raise ValueError(f"{error}\n{where}") from error
        missing = np.isnan(block)
        empty &= missing.all(axis=0)
        source.has_missing |= bool(missing.any())
        nothing = np.flatnonzero(missing.all(axis=1))
        if len(nothing):
            raise ValueError(
                f"Nothing is observed in row {start + nothing[0]} of X, in block {number}: such "
                "rows must be left out of data that are read block by block."
            )
    if empty.any():
        raise ValueError(
            f"Nothing is observed in column(s) {np.flatnonzero(empty).tolist()} of X: nothing can "
            "be learned of them. Drop them."
        )
    return source
