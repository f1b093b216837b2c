r"""A mixture given the observed cells of a row: again a mixture, of what is missing.

.. math:: p(x_m \mid x_o) = \sum_k r_k(x_o)\; N\bigl(x_m;\; \mu_m - P_{mm}^{-1} P_{mo}
          (x_o - \mu_o),\; P_{mm}^{-1}\bigr), \qquad P = C_k^{-1},

with the responsibilities of the observed cells for weights. Rows that miss the same cells share the
covariances.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.constants import LOG_ROOT_2PI

__all__ = ["Given", "condition", "log_weights_of"]


class Given(NamedTuple):
    """Rows that miss the same cells, and the mixture of these, in the units of the data."""

    rows: NDArray[np.intp]  #: (n,) their numbers
    missing: NDArray[np.intp]  #: (m,) columns
    means: Array  #: (K, n, m)
    covariances: Array  #: (K, m, m)
    #: Of ``missing`` those that have a density, by place; others follow from them, or are constant.
    free: NDArray[np.intp]
    #: (K, f, f) lower, L L' being the inverse covariance of the free ones; None where they are
    #: bound beyond it.
    roots: Array | None

    def log_density(self, x: Array, log_weights: Array) -> Array:
        """Log-density (n,) of completed cells x (n, m), with log weights (n, K)."""
        assert self.roots is not None
        centred = x[:, self.free] - self.means[:, :, self.free]
        white = np.einsum("knf,kfg->kng", centred, self.roots)
        log_det = np.log(np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)
        log_joint = -0.5 * (white**2).sum(axis=2) + log_det[:, None] + log_weights.T
        return soft(log_joint)[1] - len(self.free) * LOG_ROOT_2PI

    def overall(self, weights: Array) -> tuple[Array, Array]:
        """Mean (n, m) and covariance (n, m, m) over the components of weights (n, K)."""
        mean = np.einsum("nk,knm->nm", weights, self.means)
        away = self.means - mean
        covariance = np.einsum("nk,kij->nij", weights, self.covariances)
        covariance += np.einsum("nk,kni,knj->nij", weights, away, away)
        return mean, covariance


@unbuffered()
def log_weights_of(model: GaussianMixtureModel, X: Array, params: MixtureParams) -> Array:
    """Logarithms (n, K) of the responsibilities of rows by their observed cells."""
    data, out = Rows.of(X), np.empty((len(X), len(params.means)))
    model.incomplete = data.incomplete
    kernel = model.bind(params)
    for some in kernel.pieces(len(X), data.groups):
        log_joint = model.log_joint(data.take(some), kernel)[0]
        out[some] = (log_joint - soft(log_joint.copy())[1]).T
    return out


def condition(model: GaussianMixtureModel, X: Array, params: MixtureParams) -> list[Given]:
    """The mixtures of the missing cells of rows, pattern by pattern.

    Parameters
    ----------
    model : GaussianMixtureModel
        Of the columns of X.
    X : ndarray of shape (n, d)
        Rows, NaN where a cell is missing.
    params : MixtureParams
        The parameters.

    Returns
    -------
    list of Given
        Without rows that miss nothing.
    """
    (n_components, d), (shift, scale) = params.means.shape, model.units
    precisions = model.layout.dense(model.components(params).precisions, n_components, d)
    holes = np.isnan(X)
    patterns, which = np.unique(holes, axis=0, return_inverse=True)
    found = []
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(which.ravel() == number)
        m, o = np.flatnonzero(pattern), np.flatnonzero(~pattern)
        away = (X[np.ix_(rows, o)] - shift[o]) / scale[o] - params.means[:, None, o]
        of_missing = precisions[:, m[:, None], m]
        push = np.einsum("kni,kim->knm", away, precisions[:, o[:, None], m])
        moved = np.swapaxes(np.linalg.solve(of_missing, np.swapaxes(push, 1, 2)), 1, 2)
        means = (params.means[:, None, m] - moved) * scale[m] + shift[m]
        covariances = np.linalg.inv(of_missing) * np.outer(scale[m], scale[m])
        roots = np.linalg.cholesky(of_missing) / scale[m][:, None]
        found.append(Given(rows, m, means, covariances, np.arange(len(m)), roots))
    return found
