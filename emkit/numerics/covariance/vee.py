r"""VEE: matrices in proportion.

:math:`C_k = \lambda_k B` with :math:`|B| = 1`. For given :math:`\lambda` the best B is in
proportion to :math:`\sum_k S_k / \lambda_k`; with it, the function of :math:`a = \log \lambda` is
convex: :math:`\sum_k n_k \log|\sum_k e^{-a_k} S_k| + d \sum_k n_k a_k`, as the determinant is a sum
of exponentials of a with coefficients that are not negative. Newton's method finds its minimum.
"""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.rules import SMALL_GAIN, STEPS, TINY, damped, small_gain
from emkit.numerics.covariance.side_by_side import ONE, SideBySide
from emkit.numerics.covariance.structure import Structure
from emkit.numerics.covariance.volumes import in_own_units, log_volumes

#: Part of a variance with less of which left of its column, given those before, it is singular.
SINGULAR = 1e-14


class VEE(Structure):
    """Own volume, shared shape and orientation."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components - 1 + super().n_parameters(1, n_features)

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        try:
            return _estimate(scatter, counts, previous, ONE)
        except np.linalg.LinAlgError:  # no maximum, and then each scatter is singular by itself
            return super().estimate(scatter, counts, previous)

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        try:
            return _estimate(scatter, counts, previous, mixtures)
        except np.linalg.LinAlgError:  # one by one, which tells which it is
            return super().estimate_each(scatter, counts, previous, mixtures)


def _estimate(scatter: Array, counts: Array, previous: Array, mixtures: SideBySide) -> Array:
    """Matrices of the maximum; LinAlgError if there is none."""
    unit = in_own_units(mixtures.sum(scatter))[0]
    unit = mixtures.spread(np.where(unit > 0.0, unit, 1.0))
    scaled, before = (_per_unit(matrices, unit) for matrices in (scatter, previous))
    matrices = _proportional(scaled, counts, before, mixtures)
    return matrices * unit[:, None] * unit[:, :, None]


def _per_unit(matrices: Array, unit: Array) -> Array:
    return matrices / unit[:, None] / unit[:, :, None]


def _proportional(scatter: Array, counts: Array, previous: Array, mixtures: SideBySide) -> Array:
    some = (counts > 0.0) & (np.trace(scatter, axis1=1, axis2=2) > 0.0)
    if not some.all() and (mixtures is not ONE or not some.any()):
        raise np.linalg.LinAlgError("no scatter")
    volumes = log_volumes(previous)
    shape = mixtures.spread(_shape(scatter[some], counts[some], volumes[some], mixtures))
    sizes = _traces(scatter, shape) / (scatter.shape[1] * np.maximum(counts, TINY))
    for k in np.flatnonzero(counts <= 0.0):
        # Without rows, a penalty stays as it is, and without that the volume.
        if scatter[k].any():
            sizes[k] = _traces(scatter[k], shape[0]) / _traces(scatter[k], previous[k])
        else:
            sizes[k] = np.exp(volumes[k])
    matrices: Array = sizes[:, None, None] * shape
    return matrices


def _traces(scatter: Array, matrix: Array) -> Array:
    """tr(S C^-1) of scatters (..., d, d)."""
    return np.trace(np.linalg.solve(matrix, scatter), axis1=-2, axis2=-1)


def _shape(scatter: Array, counts: Array, volumes: Array, mixtures: SideBySide) -> Array:
    """B (m, d, d) of the maximum, first sought from some a; LinAlgError if there is none."""
    try:
        return _newton(scatter, counts, volumes, mixtures)
    except np.linalg.LinAlgError:  # far from the maximum, no curvature may be left
        own = np.log(np.trace(scatter, axis1=1, axis2=2) / counts)
        return _newton(scatter, counts, own, mixtures)


def _newton(scatter: Array, counts: Array, volumes: Array, mixtures: SideBySide) -> Array:
    """B by Newton's method; LinAlgError where the function is not seen to be convex."""
    d, total = scatter.shape[1], mixtures.sum(counts)
    sizes = mixtures.sum(np.ones(len(counts)))
    of = mixtures.spread(total)
    going_on = np.ones(len(total), dtype=bool)
    if not np.isfinite(volumes).all():
        raise np.linalg.LinAlgError("no start")
    for _ in range(STEPS):
        level = mixtures.spread(mixtures.sum(volumes) / sizes)
        weighted = np.exp(level - volumes)[:, None, None] * scatter
        pooled = mixtures.sum(weighted)
        lower = np.linalg.cholesky(pooled)
        diagonals = (part.diagonal(axis1=1, axis2=2) for part in (lower, pooled))
        if (next(diagonals) ** 2 <= SINGULAR * next(diagonals)).any():
            raise np.linalg.LinAlgError("no variance is left in a direction")
        root = mixtures.spread(np.linalg.inv(lower))
        turned = root @ weighted @ root.mT
        traces = np.trace(turned, axis1=1, axis2=2)
        if not (traces > 0.0).all():
            raise np.linalg.LinAlgError("a scatter that is none")
        slope = d * counts - of * traces
        step = mixtures.unpadded(_step(slope, of * traces, turned, total, sizes, mixtures))
        gain = mixtures.sum(slope * step)
        if (gain < -SMALL_GAIN * total).any():
            raise np.linalg.LinAlgError("linear but for rounding")
        part = np.where(going_on, damped(mixtures.padded(step), d), 0.0)
        volumes = volumes - mixtures.spread(part) * step
        going_on &= gain > small_gain(mixtures) * total
        if not going_on.any():
            level = mixtures.spread(mixtures.sum(volumes) / sizes)
            matrix = mixtures.sum(np.exp(level - volumes)[:, None, None] * scatter)
            shape: Array = matrix * np.exp(-log_volumes(matrix))[:, None, None]
            return shape
    raise np.linalg.LinAlgError("no minimum")


def _step(
    slope: Array, diagonal: Array, turned: Array, total: Array, sizes: Array, mixtures: SideBySide
) -> Array:
    """Newton's steps of the volumes (m, largest size)."""
    flat = mixtures.padded(turned.reshape(len(turned), -1))
    total, sizes = total[:, None, None], sizes[:, None, None]
    there = mixtures.padded(np.ones_like(slope))
    # The first for a sum, which is free.
    curvature = total / sizes * there[:, :, None] * there[:, None] - total * (flat @ flat.mT)
    k = np.arange(curvature.shape[1])
    curvature[:, k, k] += mixtures.padded(diagonal) + (1.0 - there)
    step: Array = np.linalg.solve(curvature, mixtures.padded(slope)[:, :, None])[:, :, 0]
    return step


STRUCTURE = VEE(
    name="VEE",
    aliases=("proportional",),
    description="each component its own multiple of the same matrix",
    layout=Matrix(),
    closed=False,
)
