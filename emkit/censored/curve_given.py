"""Rows of which it is given that their times are larger than something, under a survival curve."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import n_samples_of
from emkit.censored.given import check_given
from emkit.data.numbers import argument_of
from emkit.models.survival.curve import Curve

__all__ = ["for_each_row"]


def for_each_row(
    X: Any, given: Any, curve: Curve, values: Callable[[Array | None], Array], n_axes: int
) -> Array:
    """What ``values`` makes of what is given, for every row of X, once for those given the same.

    It takes None, one number, or numbers (n_given, 1, ..., 1) with so many axes of length 1.
    """
    if X is None:  # of `fit` alone: here X tells how many are asked for
        raise TypeError("X is None: give a row for each prediction, as [[0.0]] for one.")
    n = n_samples_of(X)
    if given is not None:
        given = _read(given, n, curve)
    if given is None or given.ndim == 0:
        value = values(given)
        return np.broadcast_to(value, (n, *np.shape(value)))
    distinct, row = np.unique(given, return_inverse=True)
    return values(distinct.reshape(-1, *[1] * n_axes))[row]


def _read(given: Any, n: int, curve: Curve) -> Array:
    """One number, or one for each of n rows; ValueError where the curve has nobody left."""
    given = np.asarray(argument_of(given, "given"), dtype=float)
    if given.shape not in ((), (n,)):
        raise ValueError(
            f"given must be one number, or one for each row of X, ({n},). Got shape {given.shape}."
        )
    check_given(given)
    late = curve.passed(given) == len(curve.stop)
    if late.any():
        i, end = int(np.argmax(late)), curve.stop[-1]
        where = f" in row {i}" if given.ndim else ""
        raise ValueError(
            f"given is {given.flat[i]:g}{where} ({int(late.sum())} such value(s)), and the curve "
            f"is 0 from {end:g} on: nobody lived past that, so that it says nothing of what is "
            f"left. Give numbers below {end:g}, or fit a law by EMCensoredRegressor."
        )
    return given
