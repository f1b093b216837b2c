"""Draws of missing cells that keep to a range."""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.missing_cells import Cells

__all__ = ["draw_within"]

#: Draws to try before a row is drawn cell by cell, and the candidates for it then.
TRIES, CANDIDATES = 30, 64


def draw_within(cells: Cells, X: Array, limits: Array, rng: np.random.Generator) -> Array:
    """X with its missing cells drawn given the observed ones and limits (2, d) in X's units.

    Rows are drawn again until they keep to the limits, which is exact; rows for which that is
    hopeless are drawn cell by cell within them.
    """
    out = cells.draw(X, rng)
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
