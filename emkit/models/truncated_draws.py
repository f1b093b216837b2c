"""Draws of missing cells that keep to a range."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from emkit._typing import Array
from emkit.models.gaussian_mixture import GaussianMixtureModel, MixtureParams

__all__ = ["draw_within"]

#: Draws to try before a row is handed to the Gibbs sampler, and sweeps of that.
TRIES, SWEEPS = 30, 20


def draw_within(
    model: GaussianMixtureModel,
    params: MixtureParams,
    X: Array,
    limits: Array,
    rng: np.random.Generator,
) -> Array:
    """X with its missing cells drawn given the observed ones and limits (2, d) in X's units.

    Rows are drawn again until they keep to the limits, which is exact; rows for which that is
    hopeless are drawn cell by cell, each given all the others (Gibbs sampling).
    """
    out = model.draw(X, params, rng)
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
        out[left] = model.draw(X[left], params, rng)
        left = outside(left)
    if len(left):
        out[left] = _gibbs(model, params, X[left], limits, rng)
    return out


def _gibbs(
    model: GaussianMixtureModel,
    params: MixtureParams,
    X: Array,
    limits: Array,
    rng: np.random.Generator,
) -> Array:
    """The same by Gibbs sampling; a row stays in the component that it was drawn from."""
    n_components, d = params.means.shape
    shift, scale = model.units
    missing = np.isnan(X)
    labels = model.draw_labels(X, params, rng)
    covariances = model.structure.dense(params.covariances, n_components, d)
    precisions = np.linalg.inv(covariances)
    mean = params.means[labels] * scale + shift
    out = np.where(missing, np.clip(mean, *limits), X)
    for _ in range(SWEEPS):
        for j in np.flatnonzero(missing.any(axis=0)):
            rows = np.flatnonzero(missing[:, j])
            precision = precisions[labels[rows], j]
            deviation = (out[rows] - mean[rows]) / scale
            pull = (precision * deviation).sum(axis=1) / precision[:, j]
            centre = out[rows, j] - scale[j] * pull
            spread = scale[j] / np.sqrt(precision[:, j])
            low, high = (limits[:, j, None] - centre) / spread
            drawn = truncnorm.rvs(low, high, random_state=rng)
            out[rows, j] = np.clip(centre + spread * drawn, *limits[:, j])
    return out
