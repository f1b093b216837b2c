r"""How covariances lie in an array: what the kernels need to know of a structure, and all of it.

A layout is (shared by the components, or one for each) x (a variance, variances, a matrix). The
base class knows sharing, its subclasses in `layouts` the three forms. Arrays are features first: x
is (d, n), responsibilities are (K, n). Written K for components, d for features, C for covariances,
P for their inverses, W for factors that whiten: :math:`W^\top W = P`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["COLLAPSED", "Layout", "broadcast"]

#: A variance this small, in units of the data's own spread, is below what doubles resolve.
COLLAPSED = 1e-30


@dataclass(frozen=True)
class Layout(ABC):
    """Shape and arithmetic of the covariances of K components.

    Parameters
    ----------
    shared : bool, default=False
        Whether all components have one covariance; else each has its own, along the first axis.
    """

    shared: bool = False

    #: Axes of one covariance.
    ndim: ClassVar[int]

    # Sharing

    @property
    def axes(self) -> tuple[str, ...]:
        """What the axes of the covariances are."""
        return ("n_components",) * (not self.shared) + ("n_features",) * self.ndim

    @property
    def independent(self) -> bool:
        """Whether the columns are independent within a component."""
        return self.ndim < 2

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of the covariances, as in scikit-learn where it has them."""
        return (n_components,) * (not self.shared) + self.shape_of_one(n_features)

    def shape_of_one(self, n_features: int) -> tuple[int, ...]:
        """Shape of one covariance, and of what a prior adds to its scatter."""
        return (n_features,) * self.ndim

    def n_covariances(self, n_components: int) -> int:
        """How many covariances there are."""
        return 1 if self.shared else n_components

    def counts(self, n: Array, n_features: int) -> Array:
        """How many squares each scatter sums: n rows a component, times the columns where one
        variance stands for all of them."""
        total = np.sum(n) if self.shared else n
        return np.asarray(total * self.columns(n_features))

    def align(self, counts: Array) -> Array:
        """A number for each covariance, shaped to multiply them."""
        return counts.reshape(counts.shape + (1,) * self.ndim)

    def pool(self, scatter: Array) -> Array:
        """Scatter shared out evenly among the components."""
        return scatter if self.shared else np.broadcast_to(scatter.mean(axis=0), scatter.shape)

    def _place(self, k: int) -> Any:
        """Index of the covariance of component k."""
        return ... if self.shared else k

    # One covariance, or an array of them

    @abstractmethod
    def columns(self, n_features: int) -> int:
        """Columns that one stored variance stands for."""

    @abstractmethod
    def n_numbers(self, n_features: int) -> int:
        """Free numbers of a covariance."""

    @abstractmethod
    def identity(self, n_components: int, n_features: int) -> Array:
        """Unit covariances."""

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
        """W from the inverse covariances."""

    def transpose(self, factor: Array) -> Array:
        """W' of each component, contiguous: scikit-learn's ``precisions_cholesky_``."""
        return factor

    @abstractmethod
    def precisions(self, factor: Array) -> Array:
        """P = W'W."""

    @abstractmethod
    def covariances(self, factor: Array) -> Array:
        """C = inv(W'W)."""

    @abstractmethod
    def check_precisions(self, precisions: Array, name: str) -> None:
        """ValueError unless every precision is symmetric and positive definite."""

    @abstractmethod
    def log_det(self, factor: Array, n_features: int) -> Array:
        """log|W| of each covariance, shape (K,) or ()."""

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
    def lift(
        self,
        covariances: Array,
        factor: Array,
        columns: NDArray[np.intp],
        maps: Array | None,
        noise: Array,
    ) -> tuple[Array, Array]:
        """Covariances and whitening factor of more features, of which ``columns`` have these.

        The others follow from features before them: ``maps`` (d, m) leads from these to all, None
        where the others are constants; what remains of them is ``noise`` (d,), 0 for the columns.
        """

    @abstractmethod
    def marginal(self, covariances: Array, columns: NDArray[np.intp]) -> Array:
        """Covariances of some of the features."""

    @abstractmethod
    def apply(self, matrices: Array, vectors: Array) -> Array:
        """Product of each component's matrix with its row of ``vectors`` (K, d)."""

    def whiten(self, factor: Array, k: int, centred: Array) -> Array:
        """W_k times ``centred`` (d, n), which is overwritten."""
        return self._multiply(factor[self._place(k)], centred)

    @abstractmethod
    def _multiply(self, factor: Array, x: Array) -> Array:
        """One factor times x (d, n), which is overwritten."""

    def draw(self, factor: Array, k: int, normal: Array) -> Array:
        """Rows of covariance C_k from rows of standard normals."""
        return self._divide(normal, factor[self._place(k)])

    @abstractmethod
    def _divide(self, rows: Array, factor: Array) -> Array:
        """Rows (n, d) times the inverse of one factor."""

    # The log-density as a linear function of features: 1, x, and quadratic ones. Those of shared
    # covariances are one feature, |Wx|^2, the same for every component.

    def n_quadratic(self, n_features: int) -> int:
        """How many quadratic features there are."""
        return 1 if self.shared else self._n_products(n_features)

    def quadratic(self, x: Array, factor: Array, out: Array) -> None:
        """Quadratic features of x (d, n) into out (n_quadratic, n)."""
        if self.shared:
            white = self._multiply(factor, x.copy())
            np.square(white, out=white)
            white.sum(axis=0, out=out[0])
        else:
            self._products(x, out)

    def coefficients(self, precisions: Array, n_components: int) -> Array:
        """Coefficients (K, n_quadratic) that make them -x'Px / 2."""
        if self.shared:
            return np.full((n_components, 1), -0.5)
        return self._coefficients(precisions)

    @abstractmethod
    def _n_products(self, n_features: int) -> int:
        """How many products of columns a form x'Px needs."""

    @abstractmethod
    def _products(self, x: Array, out: Array) -> None:
        """These products."""

    @abstractmethod
    def _coefficients(self, precisions: Array) -> Array:
        """Their coefficients in -x'Px / 2."""

    # Second moments, raw (about zero) and about given means: the scatter has the shape of the
    # covariances.

    def raw_moments(self, features: Array, x: Array, resp: Array) -> tuple[Array, Array]:
        """Sums of the features (1, x) as (1 + d, K), and raw second moments for `unpack`."""
        split = 1 + len(x)
        if self.shared:
            return features[:split] @ resp.T, self._scatter(x, resp.sum(axis=0))
        sums = features @ resp.T
        return sums[:split], sums[split:]

    def unpack(self, raw: Array, n_features: int) -> Array:
        """Raw second moments in the shape of the covariances."""
        return raw if self.shared else self._unpack(raw, n_features)

    @abstractmethod
    def _unpack(self, raw: Array, n_features: int) -> Array:
        """Sums of products (n_products, K) in the shape of the covariances."""

    def centre(self, raw: Array, n: Array, first: Array, means: Array) -> Array:
        """Scatter about ``means`` from unpacked raw moments: counts n, sums ``first`` (K, d)."""
        return raw - self.outer(means, 2.0 * first - n[:, None] * means)

    @abstractmethod
    def outer(self, a: Array, b: Array) -> Array:
        """What the products a_k b_k' of rows (K, d) add to the scatter, made symmetric."""

    def add_scatter(self, scatter: Array, k: int, x: Array, resp: Array) -> None:
        """Add the scatter of x (d, n) about zero to component k."""
        scatter[self._place(k)] += self._scatter(x, resp)

    @abstractmethod
    def _scatter(self, x: Array, resp: Array) -> Array:
        """Weighted scatter of x (d, n) about zero."""

    def add_conditional_covariance(self, scatter: Array, k: int, covariance: Array) -> None:
        """Add to component k what cells that are missing may lie about their conditional means:
        (d, d), or (d,) where columns are independent."""
        scatter[self._place(k)] += self._fold(covariance)

    def _fold(self, covariance: Array) -> Array:
        """A covariance (d, d), or (d,) where columns are independent, as a scatter."""
        return covariance

    @abstractmethod
    def gradient(self, scatter: Array, counts: Array, precisions: Array) -> Array:
        """Derivative of -(n_k log|C_k| + tr(P_k S_k)) / 2, summed over k, by the covariances."""

    # The conjugate prior of a covariance: inverse-Wishart, or inverse-gamma on every variance.

    @abstractmethod
    def prior_from_diagonal(self, diagonal: Array) -> Array:
        """Scatter of a diagonal matrix, given by its diagonal (d,), for one covariance."""

    @abstractmethod
    def prior_rows(self, degrees_of_freedom: float, n_features: int) -> float:
        """Rows that the prior stands for: twice the exponent of 1/|C| in its density."""


def broadcast(array: Array, shape: tuple[int, int]) -> Array:
    """The array in a shape; it mostly has it, and NumPy takes microseconds to see that."""
    return array if array.shape == shape else np.broadcast_to(array, shape)
