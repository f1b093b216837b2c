r"""Covariance structures: everything that depends on how components share and shape covariances.

A structure is one class. It knows the shape in which scikit-learn stores its covariances, the
factor :math:`W` that whitens (:math:`W^\top W = C^{-1}`), the quadratic features that make the
log-density linear, the scatter that its M-step needs, and its count of parameters. Nothing else
in emkit branches on the covariance type.

Arrays are features first: x is (d, n), responsibilities are (K, n). Written K for components, d
for features, C for covariances, P for their inverses.
"""

from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri

from emkit._typing import Array

__all__ = ["STRUCTURES", "Diagonal", "Full", "Spherical", "Structure", "Tied"]


#: A variance, or one given the columns before it, this small beside its own column's is rounding.
SINGULAR = 1e-14
#: A variance this small, in units of the data's own spread, is below what doubles resolve.
COLLAPSED = 1e-30
#: Columns from which half the multiplications are worth a triangular product.
FEW_COLUMNS = 16


class Structure(ABC):
    """Shape and sharing of the component covariances."""

    name: str
    #: Whether the columns are independent within a component.
    independent = False

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of the covariances, as in scikit-learn."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances."""

    def n_covariances(self, n_components: int) -> int:
        """How many covariances there are. Default: each component has its own."""
        return n_components

    def common_scale(self, scale: Array) -> Array:
        """Units of the columns that keep the structure. Default: each column its own."""
        return scale

    @abstractmethod
    def rescale(self, covariances: Array, scale: Array) -> Array:
        """Covariances of columns multiplied by ``scale``."""

    @abstractmethod
    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        """Whitening factor of columns multiplied by ``scale``."""

    @abstractmethod
    def whitening(self, covariances: Array) -> Array:
        """Lower triangular W of each covariance with W C W' = 1; LinAlgError when singular."""

    @abstractmethod
    def whitening_from_precisions(self, precisions: Array) -> Array:
        """The same W from the inverse covariances."""

    def transpose(self, factor: Array) -> Array:
        """W' of each component, contiguous: scikit-learn's ``precisions_cholesky_``."""
        return factor

    @abstractmethod
    def precisions(self, factor: Array) -> Array:
        """P = W'W in scikit-learn's shape."""

    @abstractmethod
    def covariances(self, factor: Array) -> Array:
        """C = inv(W'W) in scikit-learn's shape."""

    @abstractmethod
    def log_det(self, factor: Array, n_features: int) -> Array:
        """log|W| of each component, shape (K,) or ()."""

    @abstractmethod
    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        """Diagonals of covariances or precisions, broadcast to (K, d)."""

    @abstractmethod
    def dense(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """Covariance matrices (K, d, d)."""

    @abstractmethod
    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        """Covariances of more features, of which ``columns`` have these and the others 0."""

    @abstractmethod
    def apply(self, matrices: Array, vectors: Array) -> Array:
        """Product of each component's matrix with its row of ``vectors`` (K, d)."""

    @abstractmethod
    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        """W_k times ``centred`` (d, n), which is overwritten."""

    # The log-density as a linear function of features: 1, x, and these.

    @abstractmethod
    def n_quadratic(self, n_features: int) -> int:
        """How many quadratic features there are."""

    @abstractmethod
    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        """Quadratic features of x (d, n) into out (n_quadratic, n)."""

    @abstractmethod
    def coefficients(self, precisions: Array, n_components: int) -> Array:
        """Coefficients (K, n_quadratic) that make them -x'Px / 2."""

    # Second moments, raw (about zero) and about given means: the scatter has the shape of the
    # covariances.

    @abstractmethod
    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        """Sums of the features (1, x) as (1 + d, K), and raw second moments."""

    def unpack(self, raw: Array, n_features: int) -> Array:
        """Raw second moments in the shape of the covariances. Default: they have it."""
        return raw

    @abstractmethod
    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        """Scatter about ``means`` from unpacked raw moments: counts n, sums ``first`` (K, d)."""

    @abstractmethod
    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        """Add the scatter of x (d, n) about zero to component k."""

    @abstractmethod
    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        """Add to component k what cells that are missing may lie about their conditional means:
        (d, d), or (d,) where columns are independent."""

    @abstractmethod
    def estimate(self, scatter: Array, n: Array, delta: Array, prior: Array, count: float) -> Array:
        """Maximising covariances, the means moved by ``delta`` (K, d).

        ``prior`` is what the prior adds to the scatter of each covariance, in `prior_shape`, and
        ``count`` the rows that it stands for beside those in n. What is returned where there are
        no rows at all means nothing, but is finite.
        """

    @abstractmethod
    def gradient(self, scatter: Array, n: Array, precisions: Array, n_features: int) -> Array:
        """Derivative of -(n_k log|C_k| + tr(P_k S_k)) / 2, summed over k, by the covariances."""

    # The conjugate prior of a covariance: inverse-Wishart, or inverse-gamma on every variance.

    @abstractmethod
    def prior_shape(self, n_features: int) -> tuple[int, ...]:
        """Shape of what the prior adds to the scatter of a covariance: that of one covariance."""

    @abstractmethod
    def prior_from_diagonal(self, diagonal: Array) -> Array:
        """A diagonal matrix, given by its diagonal (d,), in that shape."""

    @abstractmethod
    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        """Rows that the prior stands for: twice the exponent of 1/|C| in its density."""

    @abstractmethod
    def pool(self, scatter: Array, n_components: int) -> Array:
        """Scatter shared out evenly among the components."""

    @abstractmethod
    def identity(self, n_components: int, n_features: int) -> Array:
        """Unit covariances."""

    @abstractmethod
    def keep(self, estimate: Array, previous: Array, empty: NDArray[np.bool_]) -> Array:
        """The estimate, with the previous covariances of components that are empty."""

    @abstractmethod
    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        """Rows of covariance C_k from rows of standard normals."""

    @abstractmethod
    def check_precisions(self, precisions: Array) -> None:
        """ValueError unless every precision is symmetric and positive definite."""


class _Matrices(Structure):
    """What full and tied share: matrices, in an array (..., d, d)."""

    def identity(self, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(np.eye(n_features), self.shape(n_components, n_features))

    def rescale(self, covariances: Array, scale: Array) -> Array:
        return covariances * np.outer(scale, scale)

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
        return np.ascontiguousarray(np.swapaxes(factor, -1, -2))

    def precisions(self, factor: Array) -> Array:
        return np.swapaxes(factor, -1, -2) @ factor

    def covariances(self, factor: Array) -> Array:
        lower = _invert_lower(factor)
        return lower @ np.swapaxes(lower, -1, -2)

    def log_det(self, factor: Array, n_features: int) -> Array:
        return np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)

    def dense(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(covariances, (n_components, n_features, n_features))

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        out = np.zeros((*covariances.shape[:-2], n_features, n_features))
        out[..., columns[:, None], columns] = covariances
        return out

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return (matrices @ vectors[..., None])[..., 0]

    def prior_shape(self, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return np.diag(diagonal)

    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        return degrees_of_freedom + n_features + 1.0

    def check_precisions(self, precisions: Array) -> None:
        for precision in precisions.reshape(-1, *precisions.shape[-2:]):
            symmetric = np.allclose(precision, precision.T)
            if not (symmetric and (np.linalg.eigvalsh(precision) > 0.0).all()):
                raise ValueError(f"'{self.name} precision' should be symmetric, positive-definite")


class Full(_Matrices):
    """Each component its own covariance matrix: (K, d, d)."""

    name = "full"

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return np.diagonal(matrices, axis1=1, axis2=2)

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        return _multiply_lower(factor[k], centred)

    def n_quadratic(self, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        row = 0
        for i in range(len(x)):
            stop = row + len(x) - i
            np.multiply(x[i], x[i:], out=out[row:stop])
            row = stop

    def coefficients(self, precisions: Array, n_components: int) -> Array:
        rows, columns, halves = _upper(precisions.shape[-1])
        return halves * precisions[:, rows, columns]

    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        sums = features @ resp.T
        split = 1 + len(x)
        return sums[:split], sums[split:]

    def unpack(self, raw: Array, n_features: int) -> Array:
        rows, columns, _ = _upper(n_features)
        dense = np.empty((raw.shape[1], n_features, n_features))
        dense[:, rows, columns] = raw.T
        dense[:, columns, rows] = raw.T
        return dense

    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        cross = means[:, :, None] * (first - 0.5 * n[:, None] * means)[:, None, :]
        return raw - cross - np.swapaxes(cross, 1, 2)

    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        scatter[k] += _scatter(x, resp)

    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        scatter[k] += covariance

    def estimate(self, scatter: Array, n: Array, delta: Array, prior: Array, count: float) -> Array:
        moved = n[:, None, None] * delta[:, :, None] * delta[:, None, :]
        return (scatter - moved + prior) / _positive(n + count)[:, None, None]

    def gradient(self, scatter: Array, n: Array, precisions: Array, n_features: int) -> Array:
        return 0.5 * (precisions @ scatter @ precisions - n[:, None, None] * precisions)

    def pool(self, scatter: Array, n_components: int) -> Array:
        return np.broadcast_to(scatter.mean(axis=0), scatter.shape)

    def keep(self, estimate: Array, previous: Array, empty: NDArray[np.bool_]) -> Array:
        return np.where(empty[:, None, None], previous, estimate)

    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        return normal @ _invert_lower(factor[k]).T


class Tied(_Matrices):
    """All components one covariance matrix: (d, d).

    The quadratic term is the same for every component: one feature, |Wx|^2.
    """

    name = "tied"

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return np.tile(np.diagonal(matrices), (shape[0], 1))

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def n_covariances(self, n_components: int) -> int:
        return 1

    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        return _multiply_lower(factor, centred)

    def n_quadratic(self, n_features: int) -> int:
        return 1

    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        white = factor @ x
        np.square(white, out=white)
        white.sum(axis=0, out=out[0])

    def coefficients(self, precisions: Array, n_components: int) -> Array:
        return np.full((n_components, 1), -0.5)

    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        sums = features[: 1 + len(x)] @ resp.T
        return sums, (x * resp.sum(axis=0)) @ x.T

    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        cross = means.T @ (first - 0.5 * n[:, None] * means)
        return raw - cross - cross.T

    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        scatter += _scatter(x, resp)

    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        scatter += covariance

    def estimate(self, scatter: Array, n: Array, delta: Array, prior: Array, count: float) -> Array:
        return (scatter - (n * delta.T) @ delta + prior) / (n.sum() + count)

    def gradient(self, scatter: Array, n: Array, precisions: Array, n_features: int) -> Array:
        return 0.5 * (precisions @ scatter @ precisions - n.sum() * precisions)

    def pool(self, scatter: Array, n_components: int) -> Array:
        return scatter

    def keep(self, estimate: Array, previous: Array, empty: NDArray[np.bool_]) -> Array:
        return estimate

    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        return normal @ _invert_lower(factor).T


class _Variances(Structure):
    """What diagonal and spherical share: variances, and factors that are their inverse roots."""

    independent = True

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

    def dense(self, covariances: Array, n_components: int, n_features: int) -> Array:
        variances = self.diagonals(covariances, (n_components, n_features))
        return variances[:, :, None] * np.eye(n_features)

    def check_precisions(self, precisions: Array) -> None:
        if (precisions <= 0.0).any():
            raise ValueError(f"'{self.name} precision' should be positive")


class Diagonal(_Variances):
    """Each component its own diagonal covariance: (K, d)."""

    name = "diag"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    def rescale(self, covariances: Array, scale: Array) -> Array:
        return covariances * scale**2

    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        return factor / scale

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        out = np.zeros((len(covariances), n_features))
        out[:, columns] = covariances
        return out

    def log_det(self, factor: Array, n_features: int) -> Array:
        return np.log(factor).sum(axis=1)

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return matrices

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return matrices * vectors

    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        return np.multiply(factor[k][:, None], centred, out=centred)

    def n_quadratic(self, n_features: int) -> int:
        return n_features

    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        np.square(x, out=out)

    def coefficients(self, precisions: Array, n_components: int) -> Array:
        return -0.5 * precisions

    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        sums = features @ resp.T
        split = 1 + len(x)
        return sums[:split], sums[split:].T

    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        return raw - means * (2.0 * first - n[:, None] * means)

    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        scatter[k] += np.square(x) @ resp

    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        scatter[k] += covariance

    def estimate(self, scatter: Array, n: Array, delta: Array, prior: Array, count: float) -> Array:
        return (scatter - n[:, None] * delta**2 + prior) / _positive(n + count)[:, None]

    def gradient(self, scatter: Array, n: Array, precisions: Array, n_features: int) -> Array:
        return 0.5 * precisions * (precisions * scatter - n[:, None])

    def prior_shape(self, n_features: int) -> tuple[int, ...]:
        return (n_features,)

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return diagonal

    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        return degrees_of_freedom + 2.0

    def pool(self, scatter: Array, n_components: int) -> Array:
        return np.broadcast_to(scatter.mean(axis=0), scatter.shape)

    def keep(self, estimate: Array, previous: Array, empty: NDArray[np.bool_]) -> Array:
        return np.where(empty[:, None], previous, estimate)

    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        return normal / factor[k]


class Spherical(_Variances):
    """Each component one variance for all features: (K,)."""

    name = "spherical"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def common_scale(self, scale: Array) -> Array:
        return np.full_like(scale, np.sqrt(np.mean(scale**2)))

    def rescale(self, covariances: Array, scale: Array) -> Array:
        return covariances * scale[0] ** 2

    def rescale_factor(self, factor: Array, scale: Array) -> Array:
        return factor / scale[0]

    def embed(self, covariances: Array, columns: NDArray[np.intp], n_features: int) -> Array:
        return covariances

    def log_det(self, factor: Array, n_features: int) -> Array:
        return n_features * np.log(factor)

    def diagonals(self, matrices: Array, shape: tuple[int, int]) -> Array:
        return np.repeat(matrices[:, None], shape[1], axis=1)

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return matrices[:, None] * vectors

    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        return np.multiply(factor[k], centred, out=centred)

    def n_quadratic(self, n_features: int) -> int:
        return 1

    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        np.einsum("ij,ij->j", x, x, out=out[0])

    def coefficients(self, precisions: Array, n_components: int) -> Array:
        return -0.5 * precisions[:, None]

    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        sums = features @ resp.T
        return sums[:-1], sums[-1]

    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        return raw - (means * (2.0 * first - n[:, None] * means)).sum(axis=1)

    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        scatter[k] += (np.square(x) @ resp).sum()

    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        scatter[k] += covariance.sum()

    def estimate(self, scatter: Array, n: Array, delta: Array, prior: Array, count: float) -> Array:
        total = scatter - n * (delta**2).sum(axis=1) + prior
        return total / (_positive(n + count) * delta.shape[1])

    def gradient(self, scatter: Array, n: Array, precisions: Array, n_features: int) -> Array:
        return 0.5 * precisions * (precisions * scatter - n * n_features)

    def prior_shape(self, n_features: int) -> tuple[int, ...]:
        return ()

    def prior_from_diagonal(self, diagonal: Array) -> Array:
        return diagonal.sum()

    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        return (degrees_of_freedom + 2.0) / n_features

    def pool(self, scatter: Array, n_components: int) -> Array:
        return np.broadcast_to(scatter.mean(), scatter.shape)

    def keep(self, estimate: Array, previous: Array, empty: NDArray[np.bool_]) -> Array:
        return np.where(empty, previous, estimate)

    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        return normal / factor[k]


STRUCTURES: dict[str, Structure] = {s.name: s for s in (Full(), Tied(), Diagonal(), Spherical())}


@lru_cache(maxsize=8)
def _upper(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rows and columns of the upper triangle, and the coefficients of -x'Px / 2 over it."""
    rows, columns = np.triu_indices(d)
    return rows, columns, np.where(rows == columns, -0.5, -1.0)


def _scatter(x: Array, resp: Array) -> Array:
    """Weighted cross-products (d, d) of x (d, n)."""
    scaled = x if (resp == 1.0).all() else x * np.sqrt(resp)
    return scaled @ scaled.T


def _positive(n: Array) -> Array:
    """Counts to divide by; an empty component's is 1."""
    return np.where(n > 0.0, n, 1.0)


def _multiply_lower(lower: Array, x: Array) -> Array:
    """Product of a lower triangular matrix and x (d, n), in place where x is contiguous."""
    if len(lower) < FEW_COLUMNS:
        return lower @ x  # BLAS starts threads for the smallest triangular product
    # BLAS is column-major: transposes of row-major arrays cost no copy.
    return dtrmm(1.0, lower.T, x.T, side=1, lower=0, overwrite_b=1).T


def _invert_lower(matrices: Array) -> Array:
    """Inverses of lower triangular matrices (..., d, d)."""
    inverses = np.empty_like(matrices)
    for index in np.ndindex(matrices.shape[:-2]):
        upper, info = dtrtri(matrices[index].T, lower=0)
        if info:
            raise np.linalg.LinAlgError("singular triangular factor")
        inverses[index] = upper.T
    return inverses
