r"""Log-densities and moments of Gaussian components: two kernels, tile by tile.

Both take rows as they lie in memory (any float type or order), shift and scale them while they
copy a tile features first, and give for component k

.. math:: L_{ki} = a_k + \log N(x_i; m_k, C_k), \qquad
          n_k = \sum_i r_{ki}, \quad f_k = \sum_i r_{ki}(x_i - m_k), \quad
          S_k = \sum_i r_{ki}(x_i - m_k)(x_i - m_k)^\top .

`FeatureKernel` writes every log-density as a linear function of (1, x, products): all components
are one matrix product. It squares uncentred numbers, so `choose_complete` takes it only while that
costs no accuracy. `WhiteningKernel` centres first and is right for any means.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.constants import EPS, LOG_ROOT_2PI
from emkit.numerics.covariance import Layout
from emkit.numerics.patterns import Group

__all__ = [
    "FEATURE_ERROR",
    "NEGLIGIBLE",
    "Components",
    "FeatureKernel",
    "Kernel",
    "Moments",
    "Scaling",
    "WhiteningKernel",
    "aligned",
    "chosen",
    "moments_about",
    "moments_of",
    "rows_that_count",
    "tile_rows",
]


#: Error of a log-density, and of a covariance relative to its smallest eigenvalue, at which
#: features give way to whitening.
FEATURE_ERROR = 1e-11
#: Weighted responsibilities below this part of the largest add nothing to a scatter in doubles.
NEGLIGIBLE = 1e-20


class Moments(NamedTuple):
    """Weighted moments of the components about their current means."""

    n: Array  #: (K,) sum of responsibilities
    first: Array  #: (K, d) sum of r (x - m)
    scatter: Array  #: sum of r (x - m)(x - m)', in the shape of the covariances


class Scaling(NamedTuple):
    """Shift and scale of the columns: the kernels work on (x - shift) / scale."""

    shift: Array
    scale: Array

    @property
    def log_jacobian(self) -> float:
        """log |dx_internal / dx|."""
        return -float(np.log(self.scale).sum())

    def load(self, rows: Array, out: Array) -> Array:
        """Rows (n, d), transposed, shifted and scaled into out (d, n)."""
        np.subtract(rows.T, self.shift[:, None], out=out)
        out *= (1.0 / self.scale)[:, None]
        return out


def tile_rows(n_numbers: int, least: int = 768, most: int = 8192) -> int:
    """Rows of a tile that stays in the cache, for so many numbers a row; at least 8."""
    rows = max(min(max(2**17 // max(n_numbers, 1), least), 8192, most) // 8 * 8, 8)
    return rows - 8 if rows % 512 == 0 else rows  # rows of 512 doubles collide in the cache


def aligned(rows: int, columns: int, dtype: Any = float) -> Array:
    """Uninitialised array on a cache line: unaligned, the vector units take up to twice as long."""
    line = 64 // np.dtype(dtype).itemsize
    raw = np.empty(rows * columns + line, dtype)
    start = -raw.ctypes.data // raw.itemsize % line
    return raw[start : start + rows * columns].reshape(rows, columns)


class Components(NamedTuple):
    """Gaussian components in the units of the kernels, and how exactly each kernel sees them."""

    log_weights: Array  #: (K,) log a_k; -inf for a component of weight 0
    means: Array  #: (K, d)
    covariances: Array
    factor: Array  #: W of the layout
    precisions: Array  #: W'W
    raw_error: float  #: of the log-density of a row, from features
    centred_error: float  #: and from centred rows

    @classmethod
    def of(
        cls,
        layout: Layout,
        log_weights: Array,
        means: Array,
        covariances: Array,
        factor: Array,
    ) -> "Components":
        precisions = layout.precisions(factor)
        precision = layout.diagonals(precisions, means.shape)
        variance = layout.diagonals(covariances, means.shape)
        raw = EPS * float((precision * (means**2 + variance)).sum(axis=1).max())
        # A row is rounded beside its mean before it is centred.
        beside = np.sqrt(precision) * np.abs(means)
        centred = EPS * float((precision * variance + beside).sum(axis=1).max())
        return cls(log_weights, means, covariances, factor, precisions, raw, centred)


class Kernel:
    """Components bound to one set of parameters, with the buffers of a tile."""

    rows: int

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        d = components.means.shape[1]
        self.layout, self.components, self.units = layout, components, units
        # A component of weight 0 gets a number so low that it never counts, not -inf.
        self.constants = np.maximum(components.log_weights, -1e300) + (
            layout.log_det(components.factor, d) - d * LOG_ROOT_2PI + units.log_jacobian
        )

    def pieces(self, n: int, groups: Sequence[Group] | None) -> Iterator[slice | NDArray[np.intp]]:
        """Tiles of n rows, with the buffers for them; groups are of rows with missing cells."""
        self.reserve(min(self.rows, n))
        for start in range(0, n, self.rows):
            yield slice(start, min(start + self.rows, n))

    def reserve(self, rows: int) -> None:
        """Make ready for tiles of so many rows."""
        self.rows = max(rows, 1)
        self._allocate()

    def offsets(self, work: Any) -> tuple[Array, Any]:
        """What L is besides minus half the squared distances, (K, 1) or (K, n), and how many cells
        of the rows are observed, one number or (n,)."""
        return self.constants[:, None], self.components.means.shape[1]

    def _centre(self, raw: Moments) -> Moments:
        """Moments about the means from raw ones."""
        n, first, scatter = raw
        means = self.components.means
        scatter = self.layout.centre(scatter, n, first, means)
        return Moments(n, first - n[:, None] * means, scatter)

    def _allocate(self) -> None:
        """Buffers for a tile. Default: none."""

    def from_tile_sums(self, moments: Moments) -> Moments:
        """Moments about the means from the sum over the tiles. Default: they are."""
        return moments


class FeatureKernel(Kernel):
    """All components as one product of coefficients and features; moments are taken raw."""

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        n_components, d = components.means.shape
        n_features = 1 + d + layout.n_quadratic(d)
        linear = layout.apply(components.precisions, components.means)
        self._coefficients = np.empty((n_components, n_features))
        self._coefficients[:, 0] = self.constants - 0.5 * (components.means * linear).sum(axis=1)
        self._coefficients[:, 1 : 1 + d] = linear
        self._coefficients[:, 1 + d :] = layout.coefficients(components.precisions, n_components)
        # OpenBLAS multiplies up to a million triples without packing copies: twice as fast here.
        unpacked = 1_000_000 // (n_features * n_components)
        most = unpacked if unpacked >= 384 else 8192
        self.rows = tile_rows(n_features + n_components, most=most)

    def _allocate(self) -> None:
        n_components, n_features = self._coefficients.shape
        self._features = aligned(n_features, self.rows)
        self._features[0] = 1.0
        self._log_joint = aligned(n_components, self.rows)

    def log_joint(self, rows: Array) -> tuple[Array, Array]:
        """L (K, n) and the features; both live in buffers until the next tile."""
        n, d = rows.shape
        features = self._features[:, :n]
        x = features[1 : 1 + d]
        self._load(rows, x)
        self.layout.quadratic(x, self.components.factor, features[1 + d :])
        return np.matmul(self._coefficients, features, out=self._log_joint[:, :n]), features

    def _load(self, rows: Array, out: Array) -> None:
        """Rows in units of the kernel, features first, into out (d, n)."""
        self.units.load(rows, out)

    def residuals(self, features: Array, k: int) -> Array:
        """x - m_k (d, n) of the tile whose work this is."""
        means = self.components.means
        return features[1 : 1 + means.shape[1]] - means[k][:, None]

    def moments(self, features: Array, resp: Array, of_missing: Array | None = None) -> Moments:
        """Raw moments; `from_tile_sums` centres their sum."""
        x = features[1 : 1 + self.components.means.shape[1]]
        sums, raw = self.layout.raw_moments(features, x, resp)
        return Moments(sums[0], sums[1:].T, raw)

    def from_tile_sums(self, raw: Moments) -> Moments:
        scatter = self.layout.unpack(raw.scatter, self.components.means.shape[1])
        return self._centre(raw._replace(scatter=scatter))


class WhiteningKernel(Kernel):
    """One component after the other, the rows centred before they are squared.

    Where nothing would cancel, the moments are taken raw, which saves a pass over the rows.
    """

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        n_components, d = components.means.shape
        self.rows = tile_rows(2 * d + n_components)
        self._raw = components.raw_error <= FEATURE_ERROR

    def _allocate(self) -> None:
        n_components, d = self.components.means.shape
        self._x, self._centred = aligned(d, self.rows), aligned(d, self.rows)
        self._log_joint = aligned(n_components, self.rows)

    def log_joint(self, rows: Array) -> tuple[Array, Array]:
        """L (K, n) and x; both live in buffers until the next tile."""
        n = len(rows)
        x = self.units.load(rows, self._x[:, :n])
        centred = self._centred.ravel()[: x.size].reshape(x.shape)
        log_joint = self._log_joint[:, :n]
        for k, mean in enumerate(self.components.means):
            np.subtract(x, mean[:, None], out=centred)
            white = self.layout.whiten(self.components.factor, k, centred)
            np.square(white, out=white)
            white.sum(axis=0, out=log_joint[k])
        log_joint *= -0.5
        log_joint += self.constants[:, None]
        return log_joint, x

    def residuals(self, x: Array, k: int) -> Array:
        """As `FeatureKernel.residuals`."""
        return x - self.components.means[k][:, None]

    def moments(self, x: Array, resp: Array, of_missing: Array | None = None) -> Moments:
        """Moments about the means; raw ones, a pass cheaper, where nothing cancels."""
        return moments_about(self.layout, x, resp, None if self._raw else self.components.means)

    def from_tile_sums(self, moments: Moments) -> Moments:
        return self._centre(moments) if self._raw else moments


def moments_about(layout: Layout, x: Array, resp: Array, means: Array | None) -> Moments:
    """Moments of x (d, n) under responsibilities (K, n), about ``means`` or, raw, about zero."""

    def centred(k: int, rows: NDArray[np.intp] | None) -> Array:
        part = chosen(x, rows)
        if means is None:
            return part
        return np.subtract(part, means[k][:, None], out=None if rows is None else part)

    return moments_of(layout, centred, resp, len(x))


def moments_of(
    layout: Layout,
    centred: Callable[[int, NDArray[np.intp] | None], Array],
    resp: Array,
    n_features: int,
    *,
    sparse: bool = True,
) -> Moments:
    """Moments of rows that are centred for each component, under responsibilities (K, n).

    ``centred`` gives the rows (d, m) of component k that are asked for by their numbers, or all n;
    a sparse sum leaves out those that add nothing.
    """
    first = np.zeros((len(resp), n_features))
    scatter = np.zeros(layout.shape(*first.shape))
    floor = NEGLIGIBLE * resp.max(initial=0.0)
    for k, r in enumerate(resp):
        rows = rows_that_count(r, floor) if sparse else None
        z, r = centred(k, rows), r if rows is None else r[rows]
        first[k] = z @ r
        layout.add_scatter(scatter, k, z, r)
    return Moments(resp.sum(axis=1), first, scatter)


def rows_that_count(resp: Array, floor: float) -> NDArray[np.intp] | None:
    """Numbers of the rows above the floor; None, for all, where most are and no copy would pay."""
    rows = np.flatnonzero(resp > floor)
    return rows if len(rows) < 0.8 * len(resp) else None


def chosen(x: Array, rows: NDArray[np.intp] | None) -> Array:
    """Some of the rows of x (d, n), or x itself for all."""
    return x if rows is None else np.take(x, rows, axis=1)
