"""Small matrices by the thousand, one for each row of a tile, with the rows along the last axis.

A batch of LAPACK calls spends most of its time between the calls. Here the loops run over the m
rows and columns of the matrices, and every operation over all matrices at once: ten times as fast
at m = 4, still ahead at m = 60. Arrays are (m, m, n), or (m, m, 1) for one matrix that n rows
share; only the lower triangles of matrices are read and written.
"""

import numpy as np
from scipy.linalg import solve_triangular

from emkit._typing import Array

__all__ = ["cholesky", "inverse", "solve_lower", "solve_upper", "symmetric"]


def cholesky(matrices: Array) -> Array:
    """Lower L with L L' the matrices, in place; LinAlgError unless all are positive definite."""
    for j, column in enumerate(matrices.swapaxes(0, 1)):
        if j:
            column[j:] -= np.einsum("ikn,kn->in", matrices[j:, :j], matrices[j, :j])
        pivot = column[j]
        if not pivot.min() > 0.0:
            raise np.linalg.LinAlgError("a matrix is not positive definite")
        np.sqrt(pivot, out=pivot)
        column[j + 1 :] /= pivot
    return matrices


def solve_lower(lower: Array, right: Array) -> Array:
    """Solutions (m, n) of L x = right."""
    if lower.shape[2] == 1:
        return solve_triangular(lower[:, :, 0], right, lower=True, check_finite=False)
    x = np.empty_like(right)
    for i, row in enumerate(lower):
        x[i] = right[i]
        if i:
            x[i] -= np.einsum("kn,kn->n", row[:i], x[:i])
        x[i] /= row[i]
    return x


def solve_upper(lower: Array, right: Array) -> Array:
    """Solutions (m, n) of L' x = right."""
    if lower.shape[2] == 1:
        return solve_triangular(lower[:, :, 0], right, lower=True, trans="T", check_finite=False)
    x = right.copy()
    for i in range(len(lower) - 1, -1, -1):
        x[i] /= lower[i, i]
        x[:i] -= lower[i, :i] * x[i]
    return x


def inverse(lower: Array, overwrite: bool = False) -> Array:
    """Inverses of L L', lower triangles; in place of L where that may be overwritten."""
    out = lower if overwrite else lower.copy()
    for i in range(len(out)):  # inv(L)
        out[i, i + 1 :] = 0.0
        np.reciprocal(out[i, i], out=out[i, i])
        if i:
            row = np.einsum("kn,kjn->jn", out[i, :i], out[:i, :i])
            np.multiply(row, -out[i, i], out=out[i, :i])
    for i in range(len(out)):  # inv(L)' inv(L), of which rows from i on are left
        out[i, : i + 1] = np.einsum("kn,kjn->jn", out[i:, i], out[i:, : i + 1])
    return out


def symmetric(lower: Array) -> Array:
    """Symmetric matrices from their lower triangles, in place."""
    for i in range(len(lower)):
        lower[:i, i] = lower[i, :i]
    return lower
