r"""A kernel for matrices of many columns: all components as products of their stacked factors.

With :math:`W_k` lower triangular, rows s to e of :math:`W_k(x - m_k)` need the columns up to e
only. Those rows of all components, one below the other, are one product

.. math:: \begin{pmatrix} -(W_1 m_1)_{s:e} & (W_1)_{s:e,\,:e} \\ \vdots & \vdots \\
          -(W_K m_K)_{s:e} & (W_K)_{s:e,\,:e} \end{pmatrix}
          \begin{pmatrix} 1 \\ x_{:e} \end{pmatrix},

and the same rows of :math:`\sum_i r_{ki} x_i (1, x_i^\top)` are another. BLAS multiplies so at
nearly the rate of the machine; its triangular and symmetric products of one component with a tile
run at half of that rate, which is what they save.
"""

from itertools import pairwise

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import (
    NEGLIGIBLE,
    Components,
    Kernel,
    Moments,
    Scaling,
    aligned,
    moments_about,
    tile_rows,
)

__all__ = ["StackedKernel"]

#: Rows of each factor that go into one product: more waste zeros, fewer hold up BLAS.
BLOCK = 8
#: Part of the responsibilities that count, below which it pays to pick the rows that they are of.
SPARSE = 0.6


class StackedKernel(Kernel):
    """Every component has a matrix of its own; rows and moments are raw, not centred."""

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        n_components, d = components.means.shape
        self.rows = tile_rows(d + (BLOCK + 1) * n_components)
        shifted = -layout.apply(components.factor, components.means)[..., None]
        factors = np.concatenate([shifted, components.factor], axis=2)
        self._blocks = [
            (start, stop, factors[:, start:stop, : 1 + stop].reshape(-1, 1 + stop))
            for start, stop in pairwise([*range(0, d, BLOCK), d])
        ]

    def _allocate(self) -> None:
        n_components, d = self.components.means.shape
        self._features = aligned(1 + d, self.rows)
        self._features[0] = 1.0
        self._block = aligned(BLOCK * n_components, self.rows).ravel()
        self._log_joint = aligned(n_components, self.rows)

    def _rows_of_block(self, n_rows: int, n: int) -> Array:
        """Buffer for so many rows of a block of every component, (K, n_rows, n)."""
        shape = len(self.components.means), n_rows, n
        return self._block[: shape[0] * n_rows * n].reshape(shape)

    def log_joint(self, rows: Array) -> tuple[Array, Array]:
        """L (K, n) and (1, x); both live in buffers until the next tile."""
        n = len(rows)
        features, log_joint = self._features[:, :n], self._log_joint[:, :n]
        self.units.load(rows, features[1:])
        log_joint[...] = self.constants[:, None]
        for start, stop, factors in self._blocks:
            white = self._rows_of_block(stop - start, n)
            np.matmul(factors, features[: 1 + stop], out=white.reshape(-1, n))
            np.square(white, out=white)
            log_joint += np.full(stop - start, -0.5) @ white
        return log_joint, features

    def residuals(self, features: Array, k: int) -> Array:
        """As `FeatureKernel.residuals`."""
        return features[1:] - self.components.means[k][:, None]

    def moments(self, features: Array, resp: Array, of_missing: Array | None = None) -> Moments:
        """Raw moments, those of second order block by block; `from_tile_sums` unpacks their sum."""
        if np.count_nonzero(resp > NEGLIGIBLE * resp.max(initial=0.0)) < SPARSE * resp.size:
            n, first, scatter = moments_about(self.layout, features[1:], resp, None)
            parts = [
                scatter[:, :stop, start:stop].transpose(1, 0, 2).ravel()
                for start, stop, _ in self._blocks
            ]
            return Moments(n, first, np.concatenate(parts))
        first, parts = np.empty_like(self.components.means), []
        for start, stop, _ in self._blocks:
            weighted = self._rows_of_block(stop - start, resp.shape[1])
            np.multiply(resp[:, None], features[1 + start : 1 + stop], out=weighted)
            sums = features[: 1 + stop] @ weighted.reshape(-1, resp.shape[1]).T
            first[:, start:stop] = sums[0].reshape(len(resp), -1)
            parts.append(sums[1:].ravel())
        return Moments(resp.sum(axis=1), first, np.concatenate(parts))

    def from_tile_sums(self, raw: Moments) -> Moments:
        n_components, d = self.components.means.shape
        scatter = np.empty((n_components, d, d))
        ends = np.cumsum([stop * len(factors) for _, stop, factors in self._blocks])
        for (start, stop, _), part in zip(self._blocks, np.split(raw.scatter, ends), strict=False):
            block = part.reshape(stop, n_components, -1).transpose(1, 0, 2)
            scatter[:, :stop, start:stop] = block
            scatter[:, start:stop, :stop] = block.mT
        return self._centre(raw._replace(scatter=scatter))
