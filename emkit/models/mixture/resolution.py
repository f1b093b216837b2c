"""What variance of a component the data resolve: less is that of equal rows, in any units.

Without a prior a component whose rows agree in some direction shrinks until its covariance is
singular. Where cells are missing EM may stop before, at what rounding leaves; such a fit is no
maximum, and the resolution of the data tells it from one with a small component.
"""

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows

__all__ = ["is_resolved", "resolved_variances"]

#: Rows at least that show the resolution of their columns.
SHOWN_ROWS = 2_000
#: Values closer than that part of the largest are equal.
EQUAL = 1e-12
#: A variance below that part of the square of the smallest distance between values of a column is
#: that of rows of which all but one in a thousand are equal.
OF_STEP = 1e-3
#: A variance, in units of the column's, that doubles do not resolve.
NOTHING = 1e-26
#: A smallest eigenvalue of a correlation matrix, beside that of all rows, that is nothing.
SINGULAR = 1e-8


def resolved_variances(model: GaussianMixtureModel, rows: Rows) -> Array:
    """Smallest variance of each column that is not that of equal rows, in internal units; (d,).

    Parameters
    ----------
    model : GaussianMixtureModel
        For its units.
    rows : Rows
        Of many a sample is looked at, always the same.
    """
    x = np.sort(rows.sample(SHOWN_ROWS, np.random.default_rng(0)).X, axis=0)
    steps = np.diff(x, axis=0) / model.units.scale
    least = EQUAL * np.fmax.reduce(np.abs(x), axis=0, initial=0.0) / model.units.scale
    step = np.where(steps > least, steps, np.inf).min(axis=0, initial=np.inf)
    return np.maximum(OF_STEP * np.where(np.isfinite(step), step, 0.0) ** 2, NOTHING)


def is_resolved(model: GaussianMixtureModel, params: MixtureParams, least: Array) -> bool:
    """Whether no component is one of rows that are equal in some direction.

    Parameters
    ----------
    model : GaussianMixtureModel
        Whose layout tells how covariances lie.
    params : MixtureParams
        Where a fit ended.
    least : ndarray of shape (d,)
        `resolved_variances`.
    """
    layout, (k, d) = model.layout, params.means.shape
    below = layout.diagonals(params.covariances, (k, d)) < least
    # One variance for all columns is no less than that of any of them.
    if (below.all(axis=1) if layout.ndim == 0 else below.any(axis=1)).any():
        return False
    if layout.independent:
        return True
    dense = layout.dense(params.covariances, k, d)
    apart = params.means - params.weights @ params.means
    whole = np.einsum("k,kij->ij", params.weights, dense + apart[:, :, None] * apart[:, None])
    smallest = np.linalg.eigvalsh(np.array([_correlation(c) for c in (whole, *dense)]))[:, 0]
    return bool((smallest[1:] > SINGULAR * smallest[0]).all())


def _correlation(covariance: Array) -> Array:
    root = np.sqrt(covariance.diagonal())
    return covariance / np.outer(root, root)
