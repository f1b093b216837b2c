"""Principal axes of covariance matrices."""

import numpy as np

from emkit._typing import Array

__all__ = ["principal_axes", "variances_along"]


def principal_axes(matrices: Array) -> Array:
    """Eigenvectors of matrices (K, d, d), in columns, by ascending eigenvalues.

    They are right to working precision for columns of very different scale too: LAPACK's
    eigenvectors are, where large columns come last and the upper triangle is reduced (Barlow, J. &
    Demmel, J. (1990). Computing accurate eigensystems of scaled diagonally dominant matrices. SIAM
    Journal on Numerical Analysis 27, 762-791. doi:10.1137/0727045), but not its eigenvalues.
    """
    order = np.argsort(np.diagonal(matrices, axis1=1, axis2=2).sum(axis=0))
    axes = np.empty_like(matrices)
    axes[:, order] = np.linalg.eigh(matrices[:, order[:, None], order], UPLO="U")[1]
    ascending = np.argsort(variances_along(axes, matrices), axis=1)
    return np.take_along_axis(axes, ascending[:, None], axis=2)


def variances_along(axes: Array, matrices: Array) -> Array:
    """Diagonals (K, d) of D'SD for axes D and matrices S."""
    return (axes * (matrices @ axes)).sum(axis=1)
