r"""Probabilities of boxes under normal vectors, by separation of variables (Genz 1992).

With the Cholesky factor :math:`L` of the covariance the mass is that of one number after the other,
each given those before it (q of them):

.. math:: P = \int_{[0,1]^{q-1}} \prod_j P(a_j < z_j < b_j \mid z_1, \dots, z_{j-1})\, du,

where :math:`z_j` is the quantile :math:`u_j` of its part. The mean is over Sobol's points, the same
for all boxes, so that answers repeat and are smooth in mean and covariance.

References
----------
Genz, A. (1992). Numerical computation of multivariate normal probabilities. Journal of
Computational and Graphical Statistics 1, 141-149. doi:10.1080/10618600.1992.10477010
"""

import numpy as np
from scipy.stats.qmc import Sobol

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.boxes import widened
from emkit.numerics.gaussian import tile_rows
from emkit.numerics.truncated_normal import draw_between, truncated_normal

__all__ = ["log_masses"]

#: Points, a power of 2. Logarithms of masses of up to six numbers are off by 1e-4 and less, of
#: twenty at a correlation of 1/2 by 4e-3.
POINTS = 1024


def log_masses(
    mean: Array, covariance: Array, lower: Array, upper: Array, width: Array | None = None
) -> Array:
    """Log-probabilities (n,) of boxes with ends (q, n) under N(mean, covariance).

    Means are (q, n), q > 1, and covariances (q, q, n) or (q, q, 1). ``width`` is upper - lower,
    where it is known better than from rounded ends.
    """
    q, n = mean.shape
    scale = np.sqrt(np.einsum("iin->in", covariance))
    low, high = (lower - mean) / scale, (upper - mean) / scale
    width = (upper - lower if width is None else width) / scale
    # The least likely first: the part of those that follow varies less.
    order = np.argsort(truncated_normal(low, high, width).log_mass, axis=0, kind="stable")
    rows = np.arange(n)
    low, high = low[order, rows], high[order, rows]
    correlation = np.broadcast_to(covariance / (scale[:, None] * scale), (q, q, n))
    factor = triangular.cholesky(correlation[order[:, None], order, rows])
    points = Sobol(q - 1, scramble=False).random(POINTS) + 0.5 / POINTS
    low, high, log_part = widened(low, high, width[order, rows], np.einsum("iin->in", factor))
    result = np.empty(n)
    step = tile_rows(POINTS * q, least=1)
    for start in range(0, n, step):
        part = slice(start, start + step)
        result[part] = _of_tile(factor[:, :, part], low[:, part], high[:, part], points)
    return result + log_part.sum(axis=0)


def _of_tile(factor: Array, low: Array, high: Array, points: Array) -> Array:
    q, n = low.shape
    drawn, log_mass = np.zeros((q, n, len(points))), np.zeros((n, len(points)))
    for j in range(q):
        shift = np.einsum("kn,knp->np", factor[j, :j], drawn[:j])
        a = (low[j, :, None] - shift) / factor[j, j, :, None]
        b = (high[j, :, None] - shift) / factor[j, j, :, None]
        if j < q - 1:
            drawn[j], part = draw_between(a, b, np.broadcast_to(points[:, j], a.shape))
        else:
            part = truncated_normal(a, b).log_mass
        log_mass += part
    most = log_mass.max(axis=1, keepdims=True)
    result: Array = most[:, 0] + np.log(np.exp(log_mass - most).mean(axis=1))
    return result
