"""Exact marginals of a mixture as they are drawn: curves of density, and ellipses.

Of components that are normal, or Student's t with so many degrees of freedom.
"""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.numerics.student_t import log_density

__all__ = ["axis_range", "densities", "ellipses"]


def axis_range(x: Array, weights: Array, mean: Array, variance: Array, level: float) -> Any:
    """Limits of an axis that hold the data and the ellipses."""
    used = weights > 0.0
    half = _radius(level) * np.sqrt(variance[used])
    all_of_it = np.concatenate([x, mean[used] - half, mean[used] + half])
    low, high = np.nanmin(all_of_it), np.nanmax(all_of_it)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def densities(
    weights: Array, mean: Array, variance: Array, limits: Any, df: Array
) -> tuple[Array, Array]:
    """Points along a feature and the weighted density of each component (K, m) there."""
    mean, scale = mean[:, None], np.sqrt(variance)[:, None]
    low, high = limits
    # Steps that show the narrowest component as well as the widest.
    own = (mean + scale * np.linspace(-4.0, 4.0, 65)).ravel()
    grid = np.unique(np.concatenate([np.linspace(low, high, 257), own]))
    grid = grid[(grid >= low) & (grid <= high)]
    z = (grid - mean) / scale
    each = [np.exp(log_density(one, nu)) for one, nu in zip(z, df, strict=True)]
    return grid, weights[:, None] * np.array(each) / scale


def ellipses(mean: Array, covariance: Array, levels: Array, df: float = np.inf) -> list[Array]:
    """Outlines (2, m) within which a component has probabilities of ``levels``."""
    angle = np.linspace(0.0, 2.0 * np.pi, 121)
    scale = np.sqrt(np.diag(covariance))
    rho = np.clip(covariance[0, 1] / scale.prod(), -1.0, 1.0)
    circle = (np.cos(angle), rho * np.cos(angle) + np.sqrt(1.0 - rho**2) * np.sin(angle))
    return [mean[:, None] + _radius(level, df) * scale[:, None] * circle for level in levels]


def _radius(level: float, df: float = np.inf) -> float:
    """Mahalanobis radius of the ellipse that holds a probability in two dimensions."""
    tail = -2.0 * np.log1p(-level)
    return np.sqrt(tail if df == np.inf else df * np.expm1(tail / df))
