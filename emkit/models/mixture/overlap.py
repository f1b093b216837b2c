"""How far apart components are: whether two of them are one and the same so far."""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Components

__all__ = ["least_divergence"]


def least_divergence(layout: Layout, components: Components) -> float:
    r"""Smallest symmetric Kullback-Leibler divergence of two components, in nats.

    .. math:: J_{kl} = \frac12 \bigl( (m_k - m_l)^\top (P_k + P_l) (m_k - m_l)
              + \operatorname{tr} P_k C_l + \operatorname{tr} P_l C_k \bigr) - d

    Components of weight 0 do not count.
    """
    means = components.means
    n_components, d = means.shape
    squares = np.array(
        [
            (layout.whiten(components.factor, k, (means - mean).T.copy()) ** 2).sum(axis=0)
            for k, mean in enumerate(means)
        ]
    )
    total: Array = squares + squares.T
    if not layout.shared:
        flat = (n_components, -1)
        traces = components.precisions.reshape(flat) @ components.covariances.reshape(flat).T
        total += (traces + traces.T) * (d if layout.ndim == 0 else 1) - 2.0 * d
    counted = components.log_weights > -np.inf
    apart = total[np.triu_indices(n_components, 1)][
        (counted[:, None] & counted)[np.triu_indices(n_components, 1)]
    ]
    return 0.5 * float(apart.min(initial=np.inf))
