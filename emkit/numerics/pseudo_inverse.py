"""Symmetric systems that may be singular."""

import numpy as np

from emkit._typing import Array
from emkit.numerics.constants import EPS

__all__ = ["solve_symmetric"]


def solve_symmetric(matrix: Array, right: Array) -> Array:
    """The shortest solution of systems with positive semidefinite matrices.

    Parameters
    ----------
    matrix : ndarray of shape (..., d, d)
        Such as Gram matrices. Directions in which one is nothing but rounding are left out.
    right : ndarray of shape (..., d, m)
        Right-hand sides.

    Returns
    -------
    ndarray of shape (..., d, m)
        Solutions, 0 in the directions that are left out.
    """
    values, vectors = np.linalg.eigh(matrix)
    least = EPS * 10.0 * matrix.shape[-1] * values[..., -1:]
    resolved = values > np.maximum(least, np.finfo(float).tiny)
    inverse = np.where(resolved, 1.0 / np.where(resolved, values, 1.0), 0.0)
    turned = np.swapaxes(vectors, -1, -2) @ right
    solution: Array = vectors @ (inverse[..., None] * turned)
    return solution
