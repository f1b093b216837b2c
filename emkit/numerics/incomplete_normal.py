r"""The E-step of one normal with missing cells, as sums over tiles of rows.

With :math:`P = C^{-1}`, a row :math:`z = x - \mu` whose missing cells are 0 and :math:`y = P z`,

.. math:: z_m \mid z_o \sim N\bigl(-P_{mm}^{-1} y_m,\; P_{mm}^{-1}\bigr), \qquad
          \log|C_{oo}| = \log|C| + \log|P_{mm}|,

as in `conditional`. Here no component has to be told from another, row by row, so squared distances
are wanted in sum alone: the trace of P times the scatter of the completed rows. And what belongs to
a pattern is worked out once for the rows of a tile that share it, which lie side by side
(`group_rows`).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.constants import LOG_ROOT_2PI
from emkit.numerics.gaussian import Components, Scaling, tile_rows
from emkit.numerics.missing_blocks import block_inverses, sum_of_blocks
from emkit.numerics.patterns import Group, parts

__all__ = ["IncompleteNormal", "NormalSums"]


class NormalSums(NamedTuple):
    """Sums over rows, as deviations from the mean of the normal."""

    n: float  #: weight
    first: Array  #: (d,) of the completed rows
    scatter: Array  #: (d, d) of the completed rows
    unknown: Array  #: (d, d) conditional covariances of their missing cells
    n_products: float  #: of two observed cells of a row, or of one with itself
    log_likelihood: float


class IncompleteNormal:
    """One normal, and what was summed over the rows that were added."""

    def __init__(self, components: Components, units: Scaling):
        d = components.means.shape[1]
        self._mean, self._units = components.means[0][:, None], units
        self._precision = components.precisions.reshape(d, d)
        self._root = components.factor.reshape(d, d)
        self._n, self._first = 0.0, np.zeros(d)
        self._scatter, self._unknown = np.zeros((2, d, d))
        self._n_products = 0.0
        self._memory = np.empty(0)
        #: Of log-densities, what is no squared distance; and what an observed cell adds to it.
        self._log_constants = 0.0
        self._of_cell = -np.log(units.scale) - LOG_ROOT_2PI

    @property
    def sums(self) -> NormalSums:
        """Over the rows so far."""
        of_complete = np.log(self._root.diagonal()).sum() + self._of_cell.sum()
        distances = float((self._precision * self._scatter).sum())
        log_likelihood = self._n * of_complete + self._log_constants - 0.5 * distances
        sums = self._n, self._first, self._scatter, self._unknown, self._n_products
        return NormalSums(*sums, float(log_likelihood))

    def tiles(self, n: int, groups: Sequence[Group] | None) -> Iterator[Group]:
        """Parts of the groups, or of n complete rows, to add at once."""
        d = len(self._first)
        complete = Group(0, np.arange(n), np.empty((0, 1), np.int16), np.array([n]))
        for group in [complete] if groups is None else groups:
            yield from parts(group, 3 * tile_rows(max(group.n_missing**2, 3 * d), least=512))

    def add(self, rows: Array, weights: Array | None, tile: Group) -> None:
        """Add the rows (n, d) of a tile."""
        n, d = rows.shape
        w = np.ones(n) if weights is None else weights
        assert tile.missing is not None
        missing = tile.missing.astype(np.intp)
        z = np.zeros((max(d, int(missing.max(initial=0)) + 1), n))
        self._units.load(rows, z[:d])
        z[:d] -= self._mean
        if len(missing):
            self._complete(z, w, missing, tile.counts)
        else:
            self._n_products += 0.5 * d * (d + 1) * float(w.sum())
        z = z[:d]
        self._n += float(w.sum())
        self._first += z @ w
        self._scatter += (z if weights is None else z * w) @ z.T

    def _complete(self, z: Array, weights: Array, missing: NDArray[np.intp], counts: Any) -> None:
        """Fill what is missing in z (width, n), by pattern (m, u), by its conditional mean."""
        (width, n), d = z.shape, len(self._first)
        precision, root = np.eye(width), np.eye(width)
        precision[:d, :d], root[:d, :d] = self._precision, self._root
        inverses, log_dets = block_inverses(precision, root, missing, self._space(missing))
        pattern = np.repeat(np.arange(len(counts)), counts)  # of each row
        cells = np.take(missing, pattern, axis=1) * n + np.arange(n)
        z.reshape(-1)[cells] = 0.0
        right = np.take(precision @ z, cells)
        of_rows = np.take(inverses, pattern, axis=2) if 1 < len(counts) < n else inverses
        z.reshape(-1)[cells] = -np.einsum("ijn,jn->in", of_rows, right)
        of_patterns = np.add.reduceat(weights, np.cumsum(counts) - counts)
        self._unknown += sum_of_blocks(missing, inverses, of_patterns, d)
        of_cell = np.zeros(width)
        of_cell[:d] = self._of_cell
        log_constants = log_dets + of_cell[missing].sum(axis=0)
        self._log_constants -= float(log_constants @ of_patterns)
        n_observed = d - np.count_nonzero(missing < d, axis=0)
        self._n_products += 0.5 * float(n_observed * (n_observed + 1) @ of_patterns)

    def _space(self, missing: NDArray[np.intp]) -> Array:
        """Memory (m, m, u) that tiles take in turn: that of large arrays is dear to come by."""
        m, n = missing.shape
        if m * m * n > self._memory.size:
            self._memory = np.empty(m * m * n)
        return self._memory[: m * m * n].reshape(m, m, n)
