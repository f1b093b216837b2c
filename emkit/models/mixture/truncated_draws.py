"""Draws of missing cells that keep to a range."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.bounds import CellBounds

__all__ = ["draw_within"]

#: Draws to try before a row is drawn cell by cell, and the candidates for it then.
TRIES, CANDIDATES = 30, 64


def draw_within(
    cells: Any, X: Array, limits: Array, rng: np.random.Generator, bounds: CellBounds | None = None
) -> Array:
    """X with its missing cells drawn given the observed ones and limits (2, d) in X's units.

    Rows are drawn again until they keep to the limits, which is exact; rows for which that is
    hopeless are drawn cell by cell within them. Where some cells have bounds of their own,
    limits are bounds of the other missing ones, and of these where they leave something.
    """
    if bounds is not None:
        n_columns = X.shape[1]
        own = bounds.mask(n_columns)
        within = CellBounds.of(_both(X, bounds.table(n_columns), limits))
        assert within is not None
        drawn = cells.draw(cells.draw_bounded(X, within, rng), rng)
        return np.where(np.isnan(X) & ~own, np.clip(drawn, *limits.astype(X.dtype)), drawn)
    out: Array = cells.draw(X, rng)
    if not np.isfinite(limits).any():
        return out
    missing = np.isnan(X)

    def outside(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        beyond = (out[rows] < limits[0]) | (out[rows] > limits[1])
        return rows[(beyond & missing[rows]).any(axis=1)]

    left = outside(np.arange(len(X)))
    for _ in range(TRIES):
        if not len(left):
            return out
        out[left] = cells.draw(X[left], rng)
        left = outside(left)
    if len(left):
        drawn = cells.draw(X[left], rng, limits, CANDIDATES)
        # Rounding in the units of the fit may lie beyond by as much.
        out[left] = np.where(missing[left], np.clip(drawn, *limits), drawn)
    return out


def _both(X: Array, bounds: Array, limits: Array) -> Array:
    """Bounds of all missing cells, NaN of those that have none: their own, within the limits."""
    own = np.isnan(bounds[0])
    low, high = np.fmax(bounds[0], limits[0]), np.fmin(bounds[1], limits[1])
    kept = (low < high) & np.isnan(X) & (np.isfinite(low) | np.isfinite(high))
    return np.where(kept, np.stack([low, high]), np.where(own, np.nan, bounds))
