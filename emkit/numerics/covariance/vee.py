r"""VEE: matrices in proportion.

:math:`C_k = \lambda_k B` with :math:`|B| = 1`. For given :math:`\lambda` the best B is in
proportion to :math:`\sum_k S_k / \lambda_k`; with it, the function of :math:`a = \log \lambda` is
convex: :math:`\sum_k n_k \log|\sum_k e^{-a_k} S_k| + d \sum_k n_k a_k`, as the determinant is a sum
of exponentials of a with coefficients that are not negative. Newton's method finds its minimum.
"""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.rules import SMALL_GAIN, STEPS, TINY, damped
from emkit.numerics.covariance.structure import Structure
from emkit.numerics.covariance.volumes import in_own_units, log_volumes

#: Part of a variance with less of which left of its column, given those before, it is singular.
SINGULAR = 1e-14


class VEE(Structure):
    """Own volume, shared shape and orientation."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components - 1 + super().n_parameters(1, n_features)

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        unit = in_own_units(scatter.sum(axis=0))[0]
        unit = np.where(unit > 0.0, unit, 1.0)
        scaled, before = (_per_unit(matrices, unit) for matrices in (scatter, previous))
        try:
            matrices = _proportional(scaled, counts, before)
        except np.linalg.LinAlgError:  # no maximum, and then each scatter is singular by itself
            return super().estimate(scatter, counts, previous)
        return matrices * unit * unit[:, None]


def _per_unit(matrices: Array, unit: Array) -> Array:
    return matrices / unit / unit[:, None]


def _proportional(scatter: Array, counts: Array, previous: Array) -> Array:
    some = (counts > 0.0) & (np.trace(scatter, axis1=1, axis2=2) > 0.0)
    if not some.any():
        raise np.linalg.LinAlgError("no scatter")
    volumes = log_volumes(previous)
    shape = _shape(scatter[some], counts[some], volumes[some])
    sizes = _traces(scatter, shape) / (shape.shape[0] * np.maximum(counts, TINY))
    for k in np.flatnonzero(counts <= 0.0):
        # Without rows, a penalty stays as it is, and without that the volume.
        if scatter[k].any():
            sizes[k] = _traces(scatter[k], shape) / _traces(scatter[k], previous[k])
        else:
            sizes[k] = np.exp(volumes[k])
    matrices: Array = sizes[:, None, None] * shape
    return matrices


def _traces(scatter: Array, matrix: Array) -> Array:
    """tr(S C^-1) of scatters (..., d, d)."""
    return np.trace(np.linalg.solve(matrix, scatter), axis1=-2, axis2=-1)


def _shape(scatter: Array, counts: Array, volumes: Array) -> Array:
    """B of the maximum, first sought from some :math:`a`; LinAlgError if there is none."""
    try:
        return _newton(scatter, counts, volumes)
    except np.linalg.LinAlgError:  # far from the maximum, no curvature may be left
        own = np.log(np.trace(scatter, axis1=1, axis2=2) / counts)
        return _newton(scatter, counts, own)


def _newton(scatter: Array, counts: Array, volumes: Array) -> Array:
    """B by Newton's method; LinAlgError where the function is not seen to be convex."""
    (k, d), total = scatter.shape[:2], counts.sum()
    if not np.isfinite(volumes).all():
        raise np.linalg.LinAlgError("no start")
    for _ in range(STEPS):
        weighted = np.exp(volumes.mean() - volumes)[:, None, None] * scatter
        pooled = weighted.sum(axis=0)
        lower = np.linalg.cholesky(pooled)
        if (lower.diagonal() ** 2 <= SINGULAR * pooled.diagonal()).any():
            raise np.linalg.LinAlgError("no variance is left in a direction")
        root = np.linalg.inv(lower)
        turned = (root @ weighted @ root.T).reshape(k, -1)
        traces = turned[:, :: d + 1].sum(axis=1)
        if not (traces > 0.0).all():
            raise np.linalg.LinAlgError("a scatter that is none")
        slope = d * counts - total * traces
        curvature = total / k - total * (turned @ turned.T)  # the first for a sum, which is free
        curvature.flat[:: k + 1] += total * traces
        step = np.linalg.solve(curvature, slope)
        gain = slope @ step
        if gain < -SMALL_GAIN * total:
            raise np.linalg.LinAlgError("linear but for rounding")
        volumes = volumes - damped(step, d) * step
        if gain <= SMALL_GAIN * total:
            matrix = np.tensordot(np.exp(volumes.mean() - volumes), scatter, 1)
            shape: Array = matrix * np.exp(-log_volumes(matrix[None])[0])
            return shape
    raise np.linalg.LinAlgError("no minimum")


STRUCTURE = VEE(
    name="VEE",
    aliases=("proportional",),
    description="each component its own multiple of the same matrix",
    layout=Matrix(),
    closed=False,
)
