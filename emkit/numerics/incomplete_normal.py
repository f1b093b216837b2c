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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.constants import LOG_ROOT_2PI
from emkit.numerics.gaussian import Components, Scaling, tile_rows
from emkit.numerics.missing_blocks import block_inverses, find_missing, sum_of_blocks
from emkit.numerics.patterns import Group

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

    def tiles(self, n: int, groups: Sequence[Group] | None) -> Iterator[slice | NDArray[np.intp]]:
        """Which of n rows to add at once: they miss nothing, or about as many cells."""
        d = len(self._first)
        for n_missing, rows in groups or [Group(0, np.arange(n))]:
            most = 3 * tile_rows(max(n_missing**2, 3 * d), least=512)
            yield from np.array_split(rows, max(round(len(rows) / most), 1))

    def add(self, rows: Array, weights: Array | None) -> None:
        """Add rows (n, d) of one tile."""
        n, d = rows.shape
        w = np.ones(n) if weights is None else weights
        incomplete = np.isnan(rows[0]).any()
        missing, width = find_missing(rows) if incomplete else (np.empty((0, 1), np.intp), d)
        z = np.zeros((width, n))
        self._units.load(rows, z[:d])
        z[:d] -= self._mean
        if incomplete:
            self._complete(z, missing, w)
        else:
            self._n_products += 0.5 * d * (d + 1) * float(w.sum())
        z = z[:d]
        self._n += float(w.sum())
        self._first += z @ w
        self._scatter += (z if weights is None else z * w) @ z.T

    def _complete(self, z: Array, missing: NDArray[np.intp], weights: Array) -> None:
        """Fill what is missing in z (width, n) by its conditional mean."""
        (width, n), d = z.shape, len(self._first)
        precision, root = np.eye(width), np.eye(width)
        precision[:d, :d], root[:d, :d] = self._precision, self._root
        first = _first_of_runs(missing)
        patterns, counts = missing[:, first], np.add.reduceat(weights, first)
        inverses, log_dets = block_inverses(precision, root, patterns, self._space(patterns))
        cells = missing * n + np.arange(n)
        z.reshape(-1)[cells] = 0.0
        right = np.take(precision @ z, cells)
        if 1 < len(first) < n:
            runs = np.repeat(np.arange(len(first)), np.diff(first, append=n))
            inverses_of_rows = np.take(inverses, runs, axis=2)
        else:
            inverses_of_rows = inverses
        z.reshape(-1)[cells] = -np.einsum("ijn,jn->in", inverses_of_rows, right)
        self._unknown += sum_of_blocks(patterns, inverses, counts, d)
        n_observed = d - np.count_nonzero(patterns < d, axis=0)
        self._n_products += float(0.5 * n_observed * (n_observed + 1) @ counts)
        of_cell = np.zeros(width)
        of_cell[:d] = self._of_cell
        self._log_constants -= float((log_dets + of_cell[patterns].sum(axis=0)) @ counts)

    def _space(self, patterns: NDArray[np.intp]) -> Array:
        """Memory (m, m, n) that tiles take in turn: that of large arrays is dear to come by."""
        m, n = patterns.shape
        if m * m * n > self._memory.size:
            self._memory = np.empty(m * m * n)
        return self._memory[: m * m * n].reshape(m, m, n)


def _first_of_runs(missing: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first of all columns in a row that are equal."""
    new = (missing[:, 1:] != missing[:, :-1]).any(axis=0)
    return np.concatenate([[0], np.flatnonzero(new) + 1])
