"""Whether numbers of float32 or float16 are fine enough for what varies in their columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.data.containers import Column, columns_of, narrow_floats
from emkit.exceptions import DataWarning, warn

__all__ = ["warn_of_rounding", "warn_of_rounding_in", "warn_of_rounding_in_responses"]

#: Spacing of numbers, beside the standard deviation of a column, from which on it is told.
#: Rounding then adds 1e-3 of the variance, and the column has some sixty values.
COARSE_SPACING = 0.1
#: Rows that tell whether a column may be coarse, and columns that are named.
SAMPLE, SHOWN = 1024, 5
#: Values that are all multiples of so many spacings were not rounded: their steps are their own.
EXACT_SPACINGS = 8


class _Coarse(NamedTuple):
    number: int
    dtype: np.dtype[Any]
    mean: float
    spread: float
    spacing: float


def warn_of_rounding(given: Any, mean: Array, spread: Array) -> None:
    """Warn of columns, of which mean and standard deviation are known, that are coarse.

    Parameters
    ----------
    given : object
        X as it was given, for the types and names of its columns; or a block of it.
    mean, spread : ndarray of shape (n_features,)
        Of the columns.
    """
    columns = columns_of(given)
    _warn(_coarse(narrow_floats(given, columns), mean, spread), columns)


def warn_of_rounding_in_responses(y: Any) -> None:
    """As `warn_of_rounding_in`, of y, its finite bounds alone, where it is of a narrow type."""
    if y is not None and narrow_floats(y, columns_of(y)):
        values = np.asarray(y, dtype=float).reshape(len(y), -1)
        warn_of_rounding_in(y, np.where(np.isfinite(values), values, np.nan), "y")


def warn_of_rounding_in(given: Any, X: Array, name: str = "X") -> None:
    """As `warn_of_rounding`, of rows in memory (n_samples, n_features), from some of them."""
    columns = columns_of(given)
    narrow = narrow_floats(given, columns)
    if not narrow or not len(X):
        return
    # What may be coarse by a sample is looked at as a whole.
    suspects = _coarse(narrow, *_moments(X[:: -(-len(X) // SAMPLE)]), COARSE_SPACING / 2)
    found = []
    for j, dtype, *_ in suspects:
        x = X[:, j : j + 1].astype(float)
        mean, spread = (np.full(X.shape[1], value[0]) for value in _moments(x))
        for one in _coarse([(dtype, [j])], mean, spread):
            values = x[~np.isnan(x)]
            found += [one] * bool(np.remainder(values, EXACT_SPACINGS * one.spacing).any())
    _warn(found, columns, name)


def _moments(X: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the columns; 0 where there is no value."""
    seen = ~np.isnan(X)
    n = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, X, 0.0).sum(axis=0, dtype=float) / n
    apart = np.where(seen, X - mean, 0.0)
    return mean, np.sqrt(np.square(apart).sum(axis=0) / n)


def _coarse(
    narrow: Sequence[Any], mean: Array, spread: Array, threshold: float = COARSE_SPACING
) -> list[_Coarse]:
    """Columns whose numbers lie far apart beside their spread; constant ones are no matter here."""
    found = []
    for dtype, columns in narrow:
        for j in np.arange(len(mean))[columns]:
            with np.errstate(over="ignore"):
                spacing = float(np.spacing(np.abs(mean[j]).astype(dtype)))
            if spacing > threshold * spread[j]:
                found.append(_Coarse(int(j), dtype, float(mean[j]), float(spread[j]), spacing))
    return found


def _warn(found: Sequence[_Coarse], columns: Sequence[Column] | None, name: str = "X") -> None:
    of = " of y" * (name == "y")
    found = [one for one in found if one.spread > 0.0]
    if not found:
        return
    shown = ", ".join(
        f"column {columns[j].name if columns else j!r}{of} (numbers of {dtype} are "
        f"{spacing:.2g} apart at {mean:.7g}, the standard deviation is {spread:.2g})"
        for j, dtype, mean, spread, spacing in found[:SHOWN]
    )
    more = f" and {len(found) - SHOWN} more column(s)" if len(found) > SHOWN else ""
    warn(
        f"Rounding shows in what varies in {shown}{more}. Keep such columns in float64 from where "
        "they are read or computed (a later cast does not bring digits back), or subtract a "
        "constant before they are made narrower.",
        DataWarning,
    )
