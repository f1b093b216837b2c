r"""Weights of the components of a mixture: the same for all rows, or a logit of their columns.

.. math:: \pi_k(z) = w_k \qquad \text{or} \qquad
          \pi_k(z) = \exp(\gamma_k^\top z) \Big/ \sum_l \exp(\gamma_l^\top z),
          \quad \sum_k \gamma_k = 0 .

The logit has no M-step in closed form. Its log-likelihood is at every point at least a parabola of
curvature :math:`\tfrac12 H`, :math:`H = \sum_i s_i z_i z_i^\top` (Boehning & Lindsay 1988), so that

.. math:: \gamma_k \leftarrow \gamma_k + 2 H^{-1} \sum_i s_i \bigl(r_{ki} - \pi_k(z_i)\bigr) z_i

never lowers it, and sums over rows are all that it takes.

References
----------
Boehning, D. & Lindsay, B. G. (1988). Monotonicity of quadratic-approximation algorithms. Annals of
the Institute of Statistical Mathematics 40, 641-663. doi:10.1007/BF00049423
"""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.posterior import soft
from emkit.numerics.pseudo_inverse import solve_symmetric

__all__ = ["Constant", "ConstantParams", "Logit", "LogitParams"]

#: A weight this small stands in for 0, by which nothing can be divided.
TINY = 1e-300


class ConstantParams(NamedTuple):
    """Weights (K,), which sum to 1."""

    weights: Array


class ConstantStats(NamedTuple):
    """Weight of every component (K,)."""

    n: Array


class LogitParams(NamedTuple):
    """Coefficients (K, g) of the columns of the logit, which sum to 0 over the components."""

    gamma: Array


class LogitStats(NamedTuple):
    """Gradient (K, g) of the log-likelihood, and H (g, g)."""

    score: Array
    gram: Array


class Constant:
    """Weights that are the same for all rows."""

    field = "weights"  #: of the parameters, with a row for each component

    def columns(self, z: Array) -> None:
        """Columns that the weights of some rows depend on: none."""

    def log_weights(self, z: None, params: ConstantParams) -> Array:
        """Logarithms (K, 1) of the weights; a number so low that it never counts for 0."""
        # Extrapolated weights sum to 1 only to rounding times the extrapolation.
        weights = params.weights / params.weights.sum()
        return np.log(np.maximum(weights, TINY))[:, None]

    def start(self, shares: Array) -> ConstantParams:
        """Parameters of given shares (K,)."""
        return ConstantParams(shares / shares.sum())

    def statistics(
        self, z: None, resp: Array, sample_weight: Array | None, params: ConstantParams
    ) -> ConstantStats:
        """Sums over rows."""
        return ConstantStats(resp.sum(axis=1))

    def m_step(self, stats: ConstantStats, params: ConstantParams) -> ConstantParams:
        """Their maximum."""
        return ConstantParams(stats.n / stats.n.sum())

    def is_feasible(self, params: ConstantParams) -> bool:
        """Whether they are weights."""
        return bool((params.weights >= 0.0).all() and params.weights.any())

    def score(self, stats: ConstantStats, params: ConstantParams) -> ConstantParams:
        """Gradient of the log-likelihood."""
        n, weights = stats.n, params.weights
        return ConstantParams(n / np.maximum(weights, TINY) - n.sum() / weights.sum())

    def n_parameters(self, params: ConstantParams) -> int:
        """Free parameters."""
        return len(params.weights) - 1


class Logit:
    """Weights by a multinomial logit of some columns, with an intercept.

    Parameters
    ----------
    chosen : ndarray of int
        Columns of the rows that it takes.
    """

    field = "gamma"

    def __init__(self, chosen: Any):
        self.chosen = np.asarray(chosen, dtype=np.intp)

    def columns(self, z: Array) -> Array:
        """Columns (n, g) that the weights of some rows depend on, ones first."""
        return np.column_stack([np.ones(len(z)), z[:, self.chosen]])

    def log_weights(self, z: Array, params: LogitParams) -> Array:
        """Logarithms (K, n) of the weights."""
        eta: Array = params.gamma @ z.T
        eta -= soft(eta.copy())[1]
        return eta

    def start(self, shares: Array) -> LogitParams:
        """Parameters at which the weights are given shares (K,) everywhere."""
        log_shares = np.log(np.maximum(shares / shares.sum(), 1e-3))
        gamma = np.zeros((len(shares), 1 + len(self.chosen)))
        gamma[:, 0] = log_shares - log_shares.mean()
        return LogitParams(gamma)

    def statistics(
        self, z: Array, resp: Array, sample_weight: Array | None, params: LogitParams
    ) -> LogitStats:
        """Sums over rows."""
        prior = np.exp(self.log_weights(z, params))
        weighted = z if sample_weight is None else z * sample_weight[:, None]
        return LogitStats(resp @ z - prior @ weighted, weighted.T @ z)

    def m_step(self, stats: LogitStats, params: LogitParams) -> LogitParams:
        """Where the parabola below the log-likelihood has its maximum."""
        gamma = params.gamma + 2.0 * solve_symmetric(stats.gram, stats.score.T).T
        return LogitParams(gamma - gamma.mean(axis=0))

    def is_feasible(self, params: LogitParams) -> bool:
        """They are wherever they are finite."""
        return True

    def score(self, stats: LogitStats, params: LogitParams) -> LogitParams:
        """Gradient of the log-likelihood."""
        return LogitParams(stats.score)

    def n_parameters(self, params: LogitParams) -> int:
        """Free parameters."""
        n_components, n_columns = params.gamma.shape
        return (n_components - 1) * n_columns
