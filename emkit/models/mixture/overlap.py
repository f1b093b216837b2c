"""How far apart components are: whether two of them are one and the same so far."""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import Layout
from emkit.numerics.covariance.side_by_side import SideBySide
from emkit.numerics.gaussian import Components

__all__ = [
    "ALIKE",
    "ONE",
    "divergences",
    "least_divergence",
    "least_divergences",
    "one_and_the_same",
]

#: Divergence, in nats, below which two components are all but one.
ONE = 0.1
#: Divergence, in nats, below which two components are one.
ALIKE = 5e-5


def least_divergence(layout: Layout, components: Components) -> float:
    """Smallest divergence of two components, in nats; those of weight 0 do not count."""
    return float(divergences(layout, components).min(initial=np.inf))


def one_and_the_same(apart: Array) -> list[int]:
    """Components of which there is another all but like them, by their `divergences`."""
    return np.flatnonzero((apart < ONE).any(axis=0)).tolist()


def divergences(layout: Layout, components: Components) -> Array:
    r"""Symmetric Kullback-Leibler divergence of any two components, in nats.

    .. math:: J_{kl} = \frac12 \bigl( (m_k - m_l)^\top (P_k + P_l) (m_k - m_l)
              + \operatorname{tr} P_k C_l + \operatorname{tr} P_l C_k \bigr) - d

    inf of a component with itself, and with those of weight 0.
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
    apart = counted[:, None] & counted & ~np.eye(n_components, dtype=bool)
    return np.where(apart, 0.5 * total, np.inf)


def least_divergences(means: Array, covariances: Array, mixtures: SideBySide) -> Array:
    """Smallest divergence of two components, in nats, of each of several mixtures.

    Parameters
    ----------
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
        Positive definite.
    mixtures : SideBySide
        Which components are those of one mixture.
    """
    a, b = mixtures.pairs()
    precisions, apart = np.linalg.inv(covariances), means[a] - means[b]
    products = np.einsum("pij,pij->p", precisions[a], covariances[b])
    products += np.einsum("pij,pij->p", precisions[b], covariances[a])
    squares = np.einsum("pi,pij,pj->p", apart, precisions[a] + precisions[b], apart)
    least = np.full(len(mixtures.sizes), np.inf)
    np.minimum.at(least, mixtures.mixture[a], 0.5 * (products + squares) - means.shape[1])
    return least
