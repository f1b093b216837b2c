r"""Means and covariances of the numbers behind which a latent normal stands.

With :math:`g_i` the quantiles of a column, :math:`h_k` the normalised Hermite polynomials and
:math:`e` a standard normal (Mehler's formula),

.. math:: \operatorname{cov}(g_i, g_j) = \sum_{k \ge 1} c_{ik} c_{jk} r_{ij}^k, \qquad
          c_{ik} = \operatorname{E} g_i(\mu_i + \sigma_i e)\, h_k(e).
"""

import numpy as np

from emkit._typing import Array
from emkit.models.latent_normal.columns import LatentColumns
from emkit.models.latent_normal.gibbs import LatentParams

__all__ = ["moments", "scaled"]

#: Terms of the series, and nodes of the quadrature.
TERMS = 30
NODES = np.linspace(-8.0, 8.0, 2001)
WEIGHTS = np.exp(-0.5 * NODES**2)
WEIGHTS /= WEIGHTS.sum()


def moments(columns: LatentColumns, params: LatentParams) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of the numbers."""
    at = [number.at for number in columns.numbers]
    correlation = scaled(params.covariance[np.ix_(at, at)])
    deviations = np.sqrt(np.diag(params.covariance)[at])
    values = np.array(
        [
            number.margin.quantiles(params.mean[number.at] + deviation * NODES)
            for number, deviation in zip(columns.numbers, deviations, strict=True)
        ]
    ).reshape(len(at), len(NODES))
    mean = values @ WEIGHTS
    values = values - mean[:, None]
    covariance, before, now = np.zeros((len(at), len(at))), np.ones_like(NODES), NODES
    for k in range(1, TERMS + 1):
        coefficients = values @ (WEIGHTS * now)
        covariance += np.outer(coefficients, coefficients) * correlation**k
        before, now = now, (NODES * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    np.fill_diagonal(covariance, values**2 @ WEIGHTS)
    return mean, covariance


def scaled(covariance: Array) -> Array:
    """The correlations."""
    deviation = np.sqrt(np.diag(covariance))
    correlation: Array = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    return correlation
