"""What variance of a component the data resolve: less is that of equal rows, in any units.

Without a prior a component whose rows agree in some direction shrinks until its covariance is
singular. Where cells are missing EM may stop before, at what rounding leaves; such a fit is no
maximum, and the resolution of the data tells it from one with a small component.
"""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["are_resolved", "is_resolved", "resolved_variances"]

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
    layout, weights, means = model.layout, params.weights, params.means
    dense = layout.dense(params.covariances, *means.shape)
    mixtures = SideBySide(np.array([len(means)]))
    return bool(are_resolved(np.array([layout.ndim]), weights, means, dense, least, mixtures)[0])


def are_resolved(
    n_axes: NDArray[np.intp],
    weights: Array,
    means: Array,
    covariances: Array,
    least: Array,
    mixtures: SideBySide,
) -> NDArray[np.bool_]:
    """As `is_resolved`, for each of several mixtures.

    Parameters
    ----------
    n_axes : ndarray of shape (n_mixtures,)
        Of a covariance in the layout of each.
    weights, means, covariances : ndarray of shape (n_components, ...)
        Parameters, covariances as matrices (n_features, n_features).
    least : ndarray of shape (n_features,)
        `resolved_variances`, in the same units.
    mixtures : SideBySide
        Which components are those of one mixture.
    """
    below = covariances.diagonal(axis1=1, axis2=2) < least
    # One variance for all columns is no less than that of any of them.
    narrow = np.where(mixtures.spread(n_axes) == 0, below.all(axis=1), below.any(axis=1))
    centre = mixtures.spread(mixtures.sum(weights[:, None] * means))
    apart = means - centre
    spread = covariances + apart[:, :, None] * apart[:, None]
    whole = mixtures.sum(weights[:, None, None] * spread)
    flattest = np.linalg.eigvalsh(_correlations(whole))[:, 0]
    flat = np.linalg.eigvalsh(_correlations(covariances))[:, 0]
    matrix = mixtures.spread(n_axes) == 2
    narrow |= matrix & ~(flat > SINGULAR * mixtures.spread(flattest))
    resolved: NDArray[np.bool_] = mixtures.sum(narrow) == 0
    return resolved


def _correlations(covariances: Array) -> Array:
    variances = covariances.diagonal(axis1=1, axis2=2)
    root = np.sqrt(np.where(variances > 0.0, variances, 1.0))
    return covariances / (root[:, :, None] * root[:, None])
