"""Principal axes of covariance matrices."""

import numpy as np

from emkit._typing import Array

__all__ = ["principal_axes", "variances_along"]

#: Largest ratio of the variances of columns at which LAPACK's eigenvectors are right.
GRADED = 1e24
#: Part of two deviations that a covariance between them may leave, and sweeps to get there.
TURNED, SWEEPS = 1e-15, 60


def principal_axes(matrices: Array) -> Array:
    """Eigenvectors of matrices (K, d, d), in columns, by ascending eigenvalues.

    They are right to working precision for columns of very different scale too: LAPACK's
    eigenvectors are, where large columns come last and the upper triangle is reduced (Barlow, J. &
    Demmel, J. (1990). Computing accurate eigensystems of scaled diagonally dominant matrices. SIAM
    Journal on Numerical Analysis 27, 762-791. doi:10.1137/0727045), but not its eigenvalues. Where
    scales are further apart, they are those of Jacobi's method.
    """
    variances = np.diagonal(matrices, axis1=1, axis2=2)
    positive = variances[variances > 0.0]
    if positive.size and positive.max() / GRADED > positive.min():
        return _ascending(_jacobi(matrices), matrices)
    order = np.argsort(variances.sum(axis=0))
    axes = np.empty_like(matrices)
    axes[:, order] = np.linalg.eigh(matrices[:, order[:, None], order], UPLO="U")[1]
    return _ascending(axes, matrices)


def _ascending(axes: Array, matrices: Array) -> Array:
    order = np.argsort(variances_along(axes, matrices), axis=1)
    return np.take_along_axis(axes, order[:, None], axis=2)


def _jacobi(matrices: Array) -> Array:
    """Eigenvectors by plane rotations, every entry right beside the scales of its columns.

    Demmel, J. & Veselic, K. (1992). Jacobi's method is more accurate than QR. SIAM Journal on
    Matrix Analysis and Applications 13, 1204-1245. doi:10.1137/0613074
    """
    rest, d = matrices.copy(), matrices.shape[1]
    axes = np.tile(np.eye(d), (len(matrices), 1, 1))
    for _ in range(SWEEPS):
        turned = [_turn(rest, axes, i, j) for j in range(d) for i in range(j)]
        if not any(turned):
            break
    return axes


def _turn(rest: Array, axes: Array, i: int, j: int) -> bool:
    """Rotate columns i and j of the axes so that their covariance is none; whether there was."""
    a, b, c = rest[:, i, i].copy(), rest[:, j, j].copy(), rest[:, i, j].copy()
    least = TURNED * np.sqrt(np.maximum(a, 0.0)) * np.sqrt(np.maximum(b, 0.0))
    some = np.abs(c) > least
    if not some.any():
        return False
    with np.errstate(over="ignore"):
        ratio = (0.5 * b - 0.5 * a) / np.where(some, c, 1.0)
        tangent = np.copysign(1.0, ratio) / (np.abs(ratio) + np.hypot(1.0, ratio))
    tangent[~some] = 0.0
    cosine = 1.0 / np.hypot(1.0, tangent)
    sine = tangent * cosine
    for columns in (axes, rest, rest.mT):  # views, which are written into
        left, right = columns[:, :, i].copy(), columns[:, :, j].copy()
        columns[:, :, i] = cosine[:, None] * left - sine[:, None] * right
        columns[:, :, j] = sine[:, None] * left + cosine[:, None] * right
    rest[:, i, i], rest[:, j, j] = a - tangent * c, b + tangent * c
    rest[some, i, j] = rest[some, j, i] = 0.0
    return True


def variances_along(axes: Array, matrices: Array) -> Array:
    """Diagonals (K, d) of D'SD for axes D and matrices S."""
    return (axes * (matrices @ axes)).sum(axis=1)
