"""Mean and standard deviation of columns in one pass over the rows."""

import numpy as np

from emkit._typing import Array
from emkit.models.rows import Rows, measure_scaling
from emkit.numerics.gaussian import Scaling, tile_rows
from emkit.numerics.long_rows import in_long_rows, repeated

__all__ = ["column_scaling"]

#: Mean squares between these have lost no summand of any account, and overflow nowhere.
SQUARES = 1e-200, 1e200


def column_scaling(data: Rows) -> Scaling:
    """As `measure_scaling`, of complete rows, to rounding.

    That one goes over the rows twice, so that squares of any size will do.
    """
    found = _in_one_pass(data) if data.X.flags.c_contiguous and len(data.X) else None
    return measure_scaling(data) if found is None else found


def _in_one_pass(data: Rows) -> Scaling | None:
    """From sums about the heaviest row, of squares as they are; None where they would not do."""
    weights = data.sample_weight
    origin = data.X[0 if weights is None else int(np.argmax(weights))].astype(float)
    (n, d), step = data.X.shape, tile_rows(data.X.shape[1])
    ones, away = np.ones(min(step, n)), np.empty((min(step, n), d))
    total, first, second = 0.0, np.zeros(d), np.zeros(d)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, step):
            X, some, *_ = data.take(slice(start, start + step))
            x = away[: len(X)]
            _subtract(X, origin, x)
            w = ones[: len(X)] if some is None else some
            total += float(w.sum())
            first += w @ x
            second += w @ np.square(x, out=x)
        first, second = first / total, second / total
    if not ((second > SQUARES[0]) & (second < SQUARES[1])).all():
        return None
    return Scaling(origin + first, np.sqrt(np.maximum(second - first**2, 0.0)))


def _subtract(rows: Array, origin: Array, out: Array) -> None:
    for (some, times), (into, _) in zip(in_long_rows(rows), in_long_rows(out), strict=True):
        np.subtract(some, repeated(origin, times), out=into)
