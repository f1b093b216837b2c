r"""Student t components: a Gaussian kernel whose squared distances are read with heavier tails.

With the squared Mahalanobis distance :math:`\delta` of the d observed cells of a row, and
:math:`\varepsilon = 1/\nu` for :math:`\nu` degrees of freedom,

.. math:: \log t = \log\frac{w\, |W|}{(2\pi)^{d/2}} + a(\varepsilon, d)
                   - \tfrac12 (1/\varepsilon + d) \log(1 + \varepsilon\delta), \qquad
          u = \frac{1 + \varepsilon d}{1 + \varepsilon\delta},

where u is what is expected of the row's precision: given it, the row is normal with covariance
C/u. All this is analytic in :math:`\varepsilon` down to 0, the normal, where :math:`a = 0` and
:math:`u = 1`. Means and scales are learned from moments that are weighted by r u for
responsibilities r, degrees of freedom from the derivatives of :math:`\log t` by
:math:`\varepsilon`.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli, binom, digamma, gammaincinv, gammaln, zeta

from emkit._typing import Array
from emkit.numerics.complete import CompleteKernel
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel
from emkit.numerics.gaussian import Moments
from emkit.numerics.patterns import Group

__all__ = ["StudentTKernel", "StudentTMoments", "log_constant"]

#: Terms of the series of a in epsilon, and up to which epsilon (d + 2) it is exact to rounding.
TERMS, SERIES_REACH = 14, 0.05
#: An epsilon this small needs the logarithm of 1 + epsilon delta to more digits than 1 + has.
LIGHT = 1e-3


class StudentTMoments(NamedTuple):
    """Weighted moments of the components about their current means, and of their tails."""

    n: Array  #: (K,) sum of responsibilities
    precision: Array  #: (K,) sum of r u
    first: Array  #: (K, d) sum of r u (x - m)
    scatter: Array  #: sum of r u (x - m)(x - m)', in the shape of the covariances
    slope: Array  #: (K,) sum of r times the derivative of log t by 1/df
    bend: Array  #: (K,) and of r times the second derivative


class Work(NamedTuple):
    """What a tile leaves for its moments."""

    inner: Any  #: of the Gaussian kernel
    growth: Array  #: (K, n) log(1 + epsilon delta); delta itself where epsilon is 0
    precision: Array  #: (K, n) u
    observed: Any  #: cells observed, one number or (n,)


class StudentTKernel:
    """A kernel of Gaussian components with the degrees of freedom of Student t ones.

    Parameters
    ----------
    kernel : Kernel
        For rows as they are, complete or not.
    inverse_df : ndarray of shape (K,)
        1/df, 0 for a component that is normal.
    learns : bool
        Whether `moments` say how the density changes with it.
    """

    def __init__(
        self,
        kernel: CompleteKernel | ConditionalKernel | MaskedKernel,
        inverse_df: Array,
        learns: bool,
    ):
        self.kernel, self.inverse_df, self.learns = kernel, inverse_df, learns
        # By the number of cells observed, of which complete rows have the last.
        d = kernel.components.means.shape[1]
        complete = isinstance(kernel, CompleteKernel)
        observed = np.arange(d if complete else 0, d + 1)
        epsilon = inverse_df[:, None]
        self._tailed = inverse_df > 0.0
        self._normal = np.flatnonzero(~self._tailed)
        counted = kernel.components.log_weights > -np.inf
        self._light = np.flatnonzero((inverse_df < LIGHT) & counted)
        self._slope = np.where(counted, -2.0 * inverse_df, 0.0)[:, None]
        self._gain = 1.0 + epsilon * observed
        self._power = -0.5 * np.where(
            epsilon > 0.0, self._gain / np.where(epsilon > 0.0, epsilon, 1.0), 1.0
        )
        self._constant, *self._derivatives = log_constant(inverse_df, observed)
        self._buffers = np.empty((2, 0))

    def pieces(self, n: int, groups: Sequence[Group] | None) -> Iterator[slice | NDArray[np.intp]]:
        """Tiles of n rows, as of the Gaussian kernel."""
        yield from self.kernel.pieces(n, groups)

    def log_joint(self, rows: Array) -> tuple[Array, Work]:
        """L (K, n); it and the work live in buffers until the next tile."""
        kernel: Any = self.kernel  # whose work is its own
        log_joint, inner = kernel.log_joint(rows)
        offset, observed = kernel.offsets(inner)
        growth, precision = self._two_buffers(log_joint.shape)
        np.multiply(log_joint, self._slope, out=precision)
        precision += 1.0 - self._slope * offset
        np.log(precision, out=growth)
        for k in self._light.tolist():  # whose growth would be lost beside 1
            distance = -2.0 * (log_joint[k] - offset[k])
            epsilon = self.inverse_df[k]
            growth[k] = np.log1p(epsilon * distance) if epsilon > 0.0 else distance
        np.divide(_at(self._gain, observed), precision, out=precision)
        np.multiply(growth, _at(self._power, observed), out=log_joint)
        log_joint += _at(self._constant, observed) + offset
        return log_joint, Work(inner, growth, precision, observed)

    def _two_buffers(self, shape: tuple[int, int]) -> tuple[Array, Array]:
        size = shape[0] * shape[1]
        if self._buffers.shape[1] < size:
            self._buffers = np.empty((2, size))
        growth, precision = self._buffers[:, :size].reshape(2, *shape)
        return growth, precision

    def moments(self, work: Work, resp: Array) -> StudentTMoments:
        """Sums over a tile under responsibilities (K, n); they overwrite the work."""
        inner, growth, precision, observed = work
        slope, bend = np.zeros((2, len(resp)))
        n: Array = resp @ np.ones(resp.shape[1])
        grown = _dot(resp, growth) if self.learns else n
        for k in self._normal.tolist() if self.learns else ():
            slope[k], bend[k] = self._at_normal(k, growth[k], resp[k], observed)
        weighted = np.multiply(resp, precision, out=growth)
        moments = self.kernel.moments(inner, weighted, resp)
        if self.learns and self._tailed.any():
            sums = (n, grown, moments.n), (resp, weighted, precision)
            derivatives = self._derivative_sums(*sums, observed)
            slope[self._tailed], bend[self._tailed] = derivatives[:, self._tailed]
        return StudentTMoments(n, *moments, slope, bend)

    def _derivative_sums(
        self,
        sums: tuple[Array, Array, Array],
        rows: tuple[Array, Array, Array],
        observed: Any,
    ) -> Array:
        """Sums of r times first and second derivative of log t by epsilon, where it is not 0.

        ``sums`` are those of r, of r times the growth, of r u; ``rows`` have r, r u and u.
        """
        n, grown, weight = sums
        resp, weighted, precision = rows
        epsilon = np.where(self._tailed, self.inverse_df, 1.0)
        square, cube = 1.0 / epsilon[:, None] ** 2, 1.0 / epsilon[:, None] ** 3
        first, second = self._derivatives
        gain = self._gain
        of_rows = first - 0.5 * gain * square, second + (1.0 + 0.5 * gain) * cube
        of_weighted = (1.0 + 1.0 / gain) * cube
        slope: Array
        bend: Array
        squares: Array
        if isinstance(observed, int):
            slope, bend = (table[:, -1] * n for table in of_rows)
            bend -= of_weighted[:, -1] * weight
            squares = _dot(weighted, precision) / gain[:, -1]
        else:
            slope, bend = (_dot(table[:, observed], resp) for table in of_rows)
            bend -= _dot(of_weighted[:, observed], weighted)
            squares = _dot(weighted, precision / gain[:, observed])
        slope += 0.5 * (grown + weight) * square[:, 0]
        bend += (0.5 * squares - grown) * cube[:, 0]
        return np.array([slope, bend])

    def _at_normal(
        self, k: int, distance: Array, resp: Array, observed: Any
    ) -> tuple[float, float]:
        """The same of component k, whose epsilon is 0."""
        at = -1 if isinstance(observed, int) else observed
        first, second = (derivative[k, at] for derivative in self._derivatives)
        slope = distance * (0.25 * distance - 0.5 * observed) + first
        bend = distance**2 * (0.5 * observed - distance / 3.0) + second
        return float(resp @ slope), float(resp @ bend)

    def from_tile_sums(self, moments: StudentTMoments) -> StudentTMoments:
        """As of the Gaussian kernel."""
        inner = Moments(moments.precision, moments.first, moments.scatter)
        precision, first, scatter = self.kernel.from_tile_sums(inner)
        return moments._replace(precision=precision, first=first, scatter=scatter)

    # Missing cells

    def completed(self, work: Work, resp: Array) -> Array:
        """Conditional means (d, n) of the rows under the mixture, which are those of normals."""
        assert not isinstance(self.kernel, CompleteKernel)
        return self.kernel.completed(work.inner, resp)

    def draw(self, work: Work, k: int, chance: Array, limits: Array | None) -> tuple[Array, Array]:
        """Rows drawn from component k given their observed cells, as of the Gaussian kernel.

        ``chance`` (d + 1, n) has one number more a row: the precision u of a row of which d cells
        are observed is of a gamma distribution with shape (df + d) / 2.
        """
        assert not isinstance(self.kernel, CompleteKernel)
        precision = work.precision[k]
        if self._tailed[k]:
            shape = 0.5 * self._gain[k, work.observed] / self.inverse_df[k]
            precision = precision * gammaincinv(shape, chance[-1]) / shape
        return self.kernel.draw(work.inner, k, chance[:-1], limits, precision)


def _at(table: Array, observed: Any) -> Array:
    """Columns (K, n) of a table by the number of cells observed; (K, 1) where all are."""
    return table[:, -1:] if isinstance(observed, int) else table[:, observed]


def _dot(a: Array, b: Array) -> Array:
    """Sum of products over rows, (K,)."""
    return (a[:, None] @ b[:, :, None])[:, 0, 0]


def log_constant(inverse_df: Array, d: NDArray[np.integer]) -> tuple[Array, Array, Array]:
    r"""The part of log t that no distance is in, beside the normal's, and two derivatives by 1/df.

    .. math:: a(\varepsilon, d) = \log\Gamma(x + h) - \log\Gamma(x) - h \log x,
              \qquad x = \frac{1}{2\varepsilon}, \; h = \frac d2

    Parameters
    ----------
    inverse_df : ndarray of shape (K,)
        1/df, from 0 on.
    d : ndarray of shape (m,)
        Numbers of columns.

    Returns
    -------
    a, first, second : ndarray of shape (K, m)
        The value and its derivatives.
    """
    epsilon = inverse_df[:, None]
    small = epsilon * (d + 2.0) <= SERIES_REACH
    if small.all():
        return _series(inverse_df, d)
    h, x = 0.5 * d, 0.5 / np.where(epsilon > 0.0, epsilon, 1.0)
    digammas = digamma(x + h) - digamma(x) - h / x
    trigammas = zeta(2.0, x + h) - zeta(2.0, x) + h / x**2
    value: Array = gammaln(x + h) - gammaln(x) - h * np.log(x)
    first: Array = -2.0 * x**2 * digammas
    second: Array = 8.0 * x**3 * digammas + 4.0 * x**4 * trigammas
    if small.any():
        series = _series(inverse_df, d)
        value, first, second = (
            np.where(small, near, far)
            for near, far in zip(series, (value, first, second), strict=True)
        )
    return value, first, second


def _series(epsilon: Array, d: NDArray[np.integer]) -> tuple[Array, Array, Array]:
    """The same from an asymptotic series, for small epsilon; anything for others."""
    k = np.arange(1.0, TERMS + 1)
    terms = _coefficients(tuple(d.tolist()))
    powers: Array = np.minimum(epsilon, SERIES_REACH)[:, None] ** np.arange(TERMS + 1)
    first: Array = terms * k[:, None]
    second: Array = first * (k - 1.0)[:, None]
    return powers[:, 1:] @ terms, powers[:, :-1] @ first, powers[:, :-2] @ second[1:]


@lru_cache(maxsize=32)
def _coefficients(d: tuple[int, ...]) -> Array:
    """Of the powers of epsilon (TERMS, m): Bernoulli polynomials of h, without their constants."""
    h, numbers = 0.5 * np.array(d), bernoulli(TERMS + 1)
    out = np.empty((TERMS, len(h)))
    for k in range(1, TERMS + 1):
        powers = np.arange(1, k + 2)
        polynomial = h[:, None] ** powers @ (binom(k + 1, powers) * numbers[k + 1 - powers])
        out[k - 1] = -((-2.0) ** k) / (k * (k + 1)) * polynomial
    return out
