"""Draws of missing cells that keep to a range."""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.missing_cells import draw

__all__ = ["draw_within"]

#: Draws to try before a row is drawn cell by cell, and the candidates for it then.
TRIES, CANDIDATES = 30, 64


def draw_within(
    model: GaussianMixtureModel,
    params: MixtureParams,
    X: Array,
    limits: Array,
    rng: np.random.Generator,
) -> Array:
    """X with its missing cells drawn given the observed ones and limits (2, d) in X's units.

    Rows are drawn again until they keep to the limits, which is exact; rows for which that is
    hopeless are drawn cell by cell within them.
    """
    out = draw(model, X, params, rng)
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
        out[left] = draw(model, X[left], params, rng)
        left = outside(left)
    if len(left):
        drawn = draw(model, X[left], params, rng, limits, CANDIDATES)
        # Rounding in the units of the fit may lie beyond by as much.
        out[left] = np.where(missing[left], np.clip(drawn, *limits), drawn)
    return out
