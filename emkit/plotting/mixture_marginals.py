"""Exact marginals of a Gaussian mixture as they are drawn: curves of density, and ellipses."""

from typing import Any

import numpy as np

from emkit._typing import Array

__all__ = ["axis_range", "densities", "ellipses"]


def axis_range(x: Array, weights: Array, mean: Array, variance: Array, level: float) -> Any:
    """Limits of an axis that hold the data and the ellipses."""
    used = weights > 0.0
    half = _radius(level) * np.sqrt(variance[used])
    all_of_it = np.concatenate([x, mean[used] - half, mean[used] + half])
    low, high = np.nanmin(all_of_it), np.nanmax(all_of_it)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def densities(weights: Array, mean: Array, variance: Array, limits: Any) -> tuple[Array, Array]:
    """Points along a feature and the weighted density of each component (K, m) there."""
    mean, scale = mean[:, None], np.sqrt(variance)[:, None]
    low, high = limits
    # Steps that show the narrowest component as well as the widest.
    own = (mean + scale * np.linspace(-4.0, 4.0, 65)).ravel()
    grid = np.unique(np.concatenate([np.linspace(low, high, 257), own]))
    grid = grid[(grid >= low) & (grid <= high)]
    z = (grid - mean) / scale
    return grid, weights[:, None] * np.exp(-0.5 * z**2) / (scale * np.sqrt(2.0 * np.pi))


def ellipses(mean: Array, covariance: Array, levels: Array) -> list[Array]:
    """Outlines (2, m) within which a component has probabilities of ``levels``."""
    angle = np.linspace(0.0, 2.0 * np.pi, 121)
    scale = np.sqrt(np.diag(covariance))
    rho = np.clip(covariance[0, 1] / scale.prod(), -1.0, 1.0)
    circle = (np.cos(angle), rho * np.cos(angle) + np.sqrt(1.0 - rho**2) * np.sin(angle))
    return [mean[:, None] + _radius(level) * scale[:, None] * circle for level in levels]


def _radius(level: float) -> float:
    """Mahalanobis radius of the ellipse that holds a probability of a normal in two dimensions."""
    return np.sqrt(-2.0 * np.log1p(-level))
