"""A covariance that is a matrix, of which any that is positive definite is allowed."""

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri

from emkit._typing import Array
from emkit.numerics.covariance.layout import COLLAPSED, Layout, broadcast

__all__ = ["Matrix"]

#: A variance given the columns before it, this small beside its own column's, is rounding.
SINGULAR = 1e-14
#: Columns from which half the multiplications are worth a triangular product.
FEW_COLUMNS = 16


class Matrix(Layout):
    """Covariance matrices (..., d, d)."""

    ndim: ClassVar[int] = 2

    def columns(self, n_features: int) -> int:
        return 1

    def n_numbers(self, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def identity(self, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(np.eye(n_features), self.shape(n_components, n_features))

    def rescale(self, covariances: Array, scale: Array) -> Array:
        # One after the other: squares may overflow, or be nothing.
        return covariances * scale * scale[:, None]

    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        return factor / scale

    def whitening(self, covariances: Array) -> Array:
        lower: Array = np.linalg.cholesky(covariances)
        pivots = np.diagonal(lower, axis1=-2, axis2=-1) ** 2
        variances = np.diagonal(covariances, axis1=-2, axis2=-1)
        if (pivots <= SINGULAR * variances).any() or (variances <= COLLAPSED).any():
            raise np.linalg.LinAlgError("singular covariance")
        return _invert_lower(lower)

    def whitening_from_precisions(self, precisions: Array) -> Array:
        # P = W'W with W lower triangular is a Cholesky factorisation read from the last column.
        flipped: Array = np.linalg.cholesky(precisions[..., ::-1, ::-1])
        return self.transpose(flipped[..., ::-1, ::-1])

    def transpose(self, factor: Array) -> Array:
        return np.ascontiguousarray(factor.mT)

    def precisions(self, factor: Array) -> Array:
        return factor.mT @ factor

    def covariances(self, factor: Array) -> Array:
        lower = _invert_lower(factor)
        return lower @ lower.mT

    def check_precisions(self, precisions: Array, name: str) -> None:
        for precision in precisions.reshape(-1, *precisions.shape[-2:]):
            # As for columns of one unit: with others, sums lose the smallest.
            diagonal = precision.diagonal()
            unit = self.rescale(precision, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)))
            symmetric = np.allclose(unit, unit.T)
            if not (symmetric and (np.linalg.eigvalsh(unit) > 0.0).all()):
                raise ValueError(f"'{name} precision' should be symmetric, positive-definite")

    def log_det(self, factor: Array, n_features: int) -> Array:
        return np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return broadcast(matrices.diagonal(axis1=-2, axis2=-1), shape)

    def dense(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(covariances, (n_components, n_features, n_features))

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        out = np.zeros((*covariances.shape[:-2], n_features, n_features))
        out[..., columns[:, None], columns] = covariances
        return out

    def lift(
        self,
        covariances: Array,
        factor: Array,
        columns: NDArray[np.intp],
        maps: Array | None,
        noise: Array,
    ) -> tuple[Array, Array]:
        d = len(noise)
        others = np.flatnonzero(noise)
        root = 1.0 / np.sqrt(noise[others])
        lifted = self.embed(covariances, columns, d)
        white = self.embed(factor, columns, d)
        if maps is not None:
            lifted = maps @ covariances @ maps.T
            white[..., others[:, None], columns] = -root[:, None] * maps[others]
        lifted[..., others, others] += noise[others]
        white[..., others, others] = root
        # A column that comes before those that it follows from stands above the diagonal.
        return lifted, _lower_triangular(white) if np.triu(white, 1).any() else white

    def marginal(self, covariances: Array, columns: NDArray[np.intp]) -> Array:
        return covariances[..., columns[:, None], columns]

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return (matrices @ vectors[..., None])[..., 0]

    def _multiply(self, factor: Array, x: Array) -> Array:
        if len(factor) < FEW_COLUMNS:
            return factor @ x  # BLAS starts threads for the smallest triangular product
        # BLAS is column-major: transposes of row-major arrays cost no copy.
        return dtrmm(1.0, factor.T, x.T, side=1, lower=0, overwrite_b=1).T

    def _divide(self, rows: Array, factor: Array) -> Array:
        return rows @ _invert_lower(factor).T

    def _n_products(self, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def _products(self, x: Array, out: Array) -> None:
        row = 0
        for i in range(len(x)):
            stop = row + len(x) - i
            np.multiply(x[i], x[i:], out=out[row:stop])
            row = stop

    def _coefficients(self, precisions: Array) -> Array:
        rows, columns, halves = _upper(precisions.shape[-1])
        return halves * precisions[:, rows, columns]

    def _unpack(self, raw: Array, n_features: int) -> Array:
        rows, columns, _ = _upper(n_features)
        dense = np.empty((raw.shape[1], n_features, n_features))
        dense[:, rows, columns] = raw.T
        dense[:, columns, rows] = raw.T
        return dense

    def outer(self, a: Array, b: Array) -> Array:
        product = a.T @ b if self.shared else a[:, :, None] * b[:, None, :]
        return 0.5 * (product + product.mT)

    def _scatter(self, x: Array, resp: Array) -> Array:
        scaled = x if (resp == 1.0).all() else x * np.sqrt(resp)
        return scaled @ scaled.T

    def gradient(self, scatter: Array, counts: Array, precisions: Array) -> Array:
        return 0.5 * (precisions @ scatter @ precisions - self.align(counts) * precisions)

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return np.diag(diagonal)

    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        return degrees_of_freedom + n_features + 1.0


@lru_cache(maxsize=8)
def _upper(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rows and columns of the upper triangle, and the coefficients of -x'Px / 2 over it."""
    rows, columns = np.triu_indices(d)
    return rows, columns, np.where(rows == columns, -0.5, -1.0)


def _lower_triangular(factor: Array) -> Array:
    """Lower triangular L (..., d, d) with L'L = W'W."""
    largest = np.abs(factor).max(axis=-1, keepdims=True)
    # Rows may be of sizes far apart: a reflection keeps the digits of all if large ones come first.
    rows = np.take_along_axis(factor, np.argsort(-largest, axis=-2), axis=-2)
    upper: Any = np.linalg.qr(rows[..., ::-1], mode="r")
    lower: Array = upper[..., ::-1, ::-1]
    return lower * np.sign(lower.diagonal(axis1=-2, axis2=-1))[..., None]


def _invert_lower(matrices: Array) -> Array:
    """Inverses of lower triangular matrices (..., d, d)."""
    inverses = np.empty(matrices.shape)
    d = matrices.shape[-1]
    for matrix, inverse in zip(matrices.reshape(-1, d, d), inverses.reshape(-1, d, d), strict=True):
        upper, info = dtrtri(matrix.T, lower=0)
        if info:
            raise np.linalg.LinAlgError("singular triangular factor")
        inverse[...] = upper.T
    return inverses
