r"""The prior of a Gaussian mixture: Dirichlet on the weights, normal-inverse-Wishart on the rest.

Up to a constant, with :math:`P_k = C_k^{-1}` and the last sum over covariances (one where all
components share it),

.. math:: (\alpha - 1) \sum_k \log w_k
          \;-\; \frac{\kappa}{2} \sum_k (m_k - \mu)^\top P_k (m_k - \mu)
          \;-\; \frac12 \sum_c \bigl( \operatorname{tr}(\Lambda P_c) + \rho \log|C_c| \bigr).

It is conjugate, so the M-step sees it as data: :math:`\kappa` rows at :math:`\mu` in every
component, scatter :math:`\Lambda` that stands for :math:`\rho` rows, and :math:`\alpha - 1` draws
of each label.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Components, Moments

__all__ = ["Prior"]


#: A weight this small stands in for 0, whose logarithm is no number to climb from.
TINY = 1e-300


class Prior(NamedTuple):
    """A conjugate prior in internal units; flat but for the ridge by default.

    What is per unit of total weight grows with the data and is shared out evenly among the
    covariances, as a penalty is; the rest is so many rows, whatever the data.
    """

    #: (d,) diagonal of scatter per unit of total weight; (d, d) all of it, of matrix layouts
    ridge: Array
    strength: float = 0.0  #: rows that it stands for, per unit of total weight
    scatter: Array | float = 0.0  #: scatter of each covariance, in the shape of one covariance
    rows: float = 0.0  #: rows that it stands for, those of the means aside
    mean: Array | float = 0.0  #: (d,) where the means are drawn to
    mean_precision: float = 0.0  #: kappa, in rows
    concentration: float = 1.0  #: alpha of the Dirichlet

    @property
    def is_informative(self) -> bool:
        """Whether there is more to it than what grows with the data."""
        return self.rows > 0.0 or self.mean_precision > 0.0 or self.concentration > 1.0

    @property
    def is_flat(self) -> bool:
        penalty = self.strength > 0.0 or self.ridge.any()
        return not penalty and not self.is_informative

    def scatter_of(self, layout: Layout, n_components: int, total: float) -> Array:
        """Lambda: the scatter that each covariance is given at a total weight."""
        share = total / layout.n_covariances(n_components)
        ridge = self.ridge * share
        return (ridge if ridge.ndim > 1 else layout.prior_from_diagonal(ridge)) + self.scatter

    def rows_of(self, layout: Layout, n_components: int, total: float) -> float:
        """rho: the rows that it stands for."""
        n_covariances = layout.n_covariances(n_components)
        rows = self.strength * total / n_covariances + self.rows
        if self.mean_precision > 0.0:
            rows += n_components / n_covariances  # |C|^-1/2 of every component's normal
        return rows

    def counts(self, layout: Layout, n: Array, total: float, n_features: int) -> Array:
        """`Layout.counts` of n rows a component and of the prior's, those of the means included."""
        rows = self.rows_of(layout, len(n), total)
        return layout.counts(n, n_features) + rows * layout.columns(n_features)

    def observe(self, layout: Layout, stats: Moments, means: Array) -> Moments:
        """Moments about ``means`` with the prior's rows in them."""
        rows, offsets = self.mean_precision, self.mean - means
        scatter = stats.scatter + layout.outer(rows * offsets, offsets)
        return Moments(stats.n + rows, stats.first + rows * offsets, scatter)

    def weights(self, n: Array, total: float) -> Array:
        """Weights that maximise, from counts and their sum."""
        if self.concentration == 1.0:
            return n / total
        draws = self.concentration - 1.0
        return (n + draws) / (total + len(n) * draws)

    def log_density(
        self, layout: Layout, weights: Array, components: Components, total: float
    ) -> float:
        """Log-density up to a constant, which makes a ridge with strength 0 at its mode."""
        n_components, d = components.means.shape
        scatter = self.scatter_of(layout, n_components, total)
        rows = self.rows_of(layout, n_components, total)
        value = -0.5 * float((components.precisions * scatter).sum())
        if rows > 0.0:
            value += rows * float(layout.log_det(components.factor, d).sum())
        if self.strength > 0.0:
            mode = self.ridge / self.strength
            log_det = np.linalg.slogdet(mode)[1] if mode.ndim > 1 else np.log(mode).sum()
            value += 0.5 * self.strength * total * (float(log_det) + d)
        if self.mean_precision > 0.0:
            offsets = components.means - self.mean
            distances = offsets * layout.apply(components.precisions, offsets)
            value -= 0.5 * self.mean_precision * float(distances.sum())
        if self.concentration > 1.0:
            shares = np.maximum(weights / weights.sum(), TINY)
            value += (self.concentration - 1.0) * float(np.log(shares).sum())
        return value
