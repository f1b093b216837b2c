r"""A mixture given the observed cells of a row: again a mixture, of what is missing.

.. math:: p(x_m \mid x_o) = \sum_k r_k(x_o)\; N\bigl(x_m;\; \mu_m - P_{mm}^{-1} P_{mo}
          (x_o - \mu_o),\; P_{mm}^{-1}\bigr), \qquad P = C_k^{-1},

with the responsibilities of the observed cells for weights. Rows that miss the same cells share the
covariances. A component that is Student's t is one again, with p degrees of freedom more for p
observed cells, and its scale matrix grows with their squared distance from the component:

.. math:: x_m \mid x_o \sim t_{\nu + p}\bigl(\cdot\;;\; \tfrac{\nu + \delta_k(x_o)}{\nu + p}\,
          P_{mm}^{-1}\bigr).
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
from emkit.numerics.student_t_kernel import log_constant

__all__ = ["Given", "condition", "log_weights_of"]


class Given(NamedTuple):
    """Rows that miss the same cells, and the mixture of these, in the units of the data."""

    rows: NDArray[np.intp]  #: (n,) their numbers
    missing: NDArray[np.intp]  #: (m,) columns
    means: Array  #: (K, n, m)
    scales: Array  #: (K, m, m) covariances of normals, scale matrices of Student's t
    #: Of ``missing`` those that have a density, by place; others follow from them, or are constant.
    free: NDArray[np.intp]
    #: (K, f, f) lower, L L' being the inverse covariance of the free ones; None where they are
    #: bound beyond it.
    roots: Array | None
    inverse_df: Array  #: (K,) one over the degrees of freedom given the row, 0 of normals
    growth: Array  #: (K, n) by what scales are multiplied in a row, 1 of normals

    def log_density(self, x: Array, log_weights: Array) -> Array:
        """Log-density (n,) of completed cells x (n, m), with log weights (n, K)."""
        assert self.roots is not None
        f, epsilon = len(self.free), self.inverse_df[:, None]
        centred = x[:, self.free] - self.means[:, :, self.free]
        distance = (np.einsum("knf,kfg->kng", centred, self.roots) ** 2).sum(axis=2) / self.growth
        tailed = np.where(epsilon > 0.0, epsilon, 1.0)
        far = np.where(epsilon > 0.0, (1.0 / tailed + f) * np.log1p(tailed * distance), distance)
        log_det = np.log(np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)[:, None]
        constant = log_det + log_constant(self.inverse_df, np.array([f]))[0]
        log_joint = constant - 0.5 * (f * np.log(self.growth) + far) + log_weights.T
        return soft(log_joint)[1] - f * LOG_ROOT_2PI

    def overall(self, weights: Array) -> tuple[Array, Array]:
        """Mean (n, m) and covariance (n, m, m) over the components of weights (n, K).

        Where Student's t has no covariance (two degrees of freedom or less) it is infinite.
        """
        mean = np.einsum("nk,knm->nm", weights, self.means)
        away = self.means - mean
        there = self.inverse_df < 0.5
        spread = self.growth / np.where(there, 1.0 - 2.0 * self.inverse_df, 1.0)[:, None]
        covariance = np.einsum("nk,kn,kij->nij", weights, spread, self.scales)
        covariance += np.einsum("nk,kni,knj->nij", weights, away, away)
        covariance[(weights[:, ~there] > 0.0).any(axis=1)] = np.inf
        return mean, covariance

    def draw(self, which: NDArray[np.intp], rng: np.random.RandomState) -> Array:
        """Cells (s, n, m) drawn from the components ``which`` (s, n)."""
        # The roots of scales that may be singular, where a cell follows from another.
        values, vectors = np.linalg.eigh(self.scales)
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        normal = rng.standard_normal((*which.shape, len(self.missing)))
        rows = np.arange(len(self.rows))
        squared, epsilon = self.growth[which, rows], self.inverse_df[which]
        if (tailed := epsilon > 0.0).any():
            df = 1.0 / epsilon[tailed]
            squared[tailed] *= df / rng.chisquare(df)
        noise = np.einsum("snij,snj->sni", roots[which], normal)
        return self.means[which, rows] + np.sqrt(squared)[:, :, None] * noise


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
    components = model.components(params)
    precisions = model.layout.dense(components.precisions, n_components, d)
    inverse_df: Array = getattr(params, "inverse_df", np.zeros(n_components))
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
        scales = np.linalg.inv(of_missing) * np.outer(scale[m], scale[m])
        roots = np.linalg.cholesky(of_missing) / scale[m][:, None]
        gain = 1.0 + inverse_df * len(o)
        growth = np.ones(means.shape[:2])
        for k in np.flatnonzero(inverse_df).tolist():
            centred = np.empty((d, len(rows)))
            centred[o], centred[m] = away[k].T, -moved[k].T
            white = model.layout.whiten(components.factor, k, centred)
            growth[k] = (1.0 + inverse_df[k] * (white**2).sum(axis=0)) / gain[k]
        free = np.arange(len(m))
        found.append(Given(rows, m, means, scales, free, roots, inverse_df / gain, growth))
    return found
