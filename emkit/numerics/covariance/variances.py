"""Covariances of independent columns: a variance for each, or one for all."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.covariance.layout import COLLAPSED, Layout, broadcast

__all__ = ["Scalar", "Vector"]


class _Variances(Layout):
    """What vectors and scalars share: variances, and factors that are their inverse roots."""

    def identity(self, n_components: int, n_features: int) -> Array:
        return np.ones(self.shape(n_components, n_features))

    def whitening(self, covariances: Array) -> Array:
        if not (covariances > COLLAPSED).all():
            raise np.linalg.LinAlgError("singular covariance")
        return 1.0 / np.sqrt(covariances)

    def whitening_from_precisions(self, precisions: Array) -> Array:
        return np.sqrt(precisions)

    def precisions(self, factor: Array) -> Array:
        return factor**2

    def covariances(self, factor: Array) -> Array:
        return 1.0 / factor**2

    def check_precisions(self, precisions: Array, name: str) -> None:
        if (precisions <= 0.0).any():
            raise ValueError(f"'{name} precision' should be positive")

    def dense(self, covariances: Array, n_components: int, n_features: int) -> Array:
        variances = self.diagonals(covariances, (n_components, n_features))
        return variances[:, :, None] * np.eye(n_features)

    def gradient(self, scatter: Array, counts: Array, precisions: Array) -> Array:
        return 0.5 * precisions * (precisions * scatter - self.align(counts))

    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        return (degrees_of_freedom + 2.0) / self.columns(n_features)


class Vector(_Variances):
    """A variance for each column (..., d)."""

    ndim: ClassVar[int] = 1

    def columns(self, n_features: int) -> int:
        return 1

    def n_numbers(self, n_features: int) -> int:
        return n_features

    def rescale(self, covariances: Array, scale: Array) -> Array:
        return covariances * scale * scale

    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        return factor / scale

    def log_det(self, factor: Array, n_features: int) -> Array:
        return np.log(factor).sum(axis=-1)

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return broadcast(matrices, shape)

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        out = np.zeros((*covariances.shape[:-1], n_features))
        out[..., columns] = covariances
        return out

    def lift(
        self,
        covariances: Array,
        factor: Array,
        columns: NDArray[np.intp],
        maps: Array | None,
        noise: Array,
    ) -> tuple[Array, Array]:
        lifted = self.embed(covariances, columns, len(noise))
        if maps is not None:
            lifted = covariances @ np.square(maps).T
        lifted = lifted + noise
        return lifted, 1.0 / np.sqrt(lifted)

    def marginal(self, covariances: Array, columns: NDArray[np.intp]) -> Array:
        return covariances[..., columns]

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return matrices * vectors

    def _multiply(self, factor: Array, x: Array) -> Array:
        return np.multiply(factor[:, None], x, out=x)

    def _divide(self, rows: Array, factor: Array) -> Array:
        return rows / factor

    def _n_products(self, n_features: int) -> int:
        return n_features

    def _products(self, x: Array, out: Array) -> None:
        np.square(x, out=out)

    def _coefficients(self, precisions: Array) -> Array:
        return -0.5 * precisions

    def _unpack(self, raw: Array, n_features: int) -> Array:
        return raw.T

    def outer(self, a: Array, b: Array) -> Array:
        product = a * b
        return product.sum(axis=0) if self.shared else product

    def _scatter(self, x: Array, resp: Array) -> Array:
        return np.square(x) @ resp

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return diagonal


class Scalar(_Variances):
    """One variance for all columns: (K,) or ()."""

    ndim: ClassVar[int] = 0

    def columns(self, n_features: int) -> int:
        return n_features

    def n_numbers(self, n_features: int) -> int:
        return 1

    def rescale(self, covariances: Array, scale: Array) -> Array:
        return covariances * scale[0] * scale[0]

    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        return factor / scale[0]

    def log_det(self, factor: Array, n_features: int) -> Array:
        return n_features * np.log(factor)

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return broadcast(matrices[..., None], shape)

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        return covariances

    def lift(
        self,
        covariances: Array,
        factor: Array,
        columns: NDArray[np.intp],
        maps: Array | None,
        noise: Array,
    ) -> tuple[Array, Array]:
        return covariances, factor

    def marginal(self, covariances: Array, columns: NDArray[np.intp]) -> Array:
        return covariances

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return matrices[..., None] * vectors

    def _multiply(self, factor: Array, x: Array) -> Array:
        return np.multiply(factor, x, out=x)

    def _divide(self, rows: Array, factor: Array) -> Array:
        return rows / factor

    def _n_products(self, n_features: int) -> int:
        return 1

    def _products(self, x: Array, out: Array) -> None:
        np.einsum("ij,ij->j", x, x, out=out[0])

    def _coefficients(self, precisions: Array) -> Array:
        return -0.5 * precisions[:, None]

    def _unpack(self, raw: Array, n_features: int) -> Array:
        return raw[0]

    def outer(self, a: Array, b: Array) -> Array:
        product = (a * b).sum(axis=1)
        return product.sum() if self.shared else product

    def _scatter(self, x: Array, resp: Array) -> Array:
        return (np.square(x) @ resp).sum()

    def _fold(self, covariance: Array) -> Array:
        return covariance.sum()

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return diagonal.sum()
