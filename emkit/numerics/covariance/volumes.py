"""Volumes of covariance matrices, and matrices in units of their columns."""

import numpy as np

from emkit._typing import Array

__all__ = ["in_own_units", "log_volumes"]


def log_volumes(matrices: Array) -> Array:
    """log|C| / d of matrices (K, d, d); -inf of one that is not positive definite."""
    scale, correlations = in_own_units(matrices)
    sign, logs = np.linalg.slogdet(correlations)
    with np.errstate(divide="ignore"):
        means = logs / matrices.shape[-1] + 2.0 * np.log(scale).mean(axis=-1)
    return np.where((sign > 0.0) & (scale > 0.0).all(axis=-1), means, -np.inf)


def in_own_units(matrices: Array) -> tuple[Array, Array]:
    """Deviations (..., d) of the columns, and matrices (..., d, d) divided by them."""
    scale = np.sqrt(np.maximum(matrices.diagonal(axis1=-2, axis2=-1), 0.0))
    unit = np.where(scale > 0.0, scale, 1.0)
    return scale, matrices / unit[..., None, :] / unit[..., :, None]
