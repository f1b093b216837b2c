r"""One normal seen through the observed cells of rows whose pattern stays while they change.

As in `conditional`: with P the precision and z the deviation from the mean, what is missing is
:math:`z_m \mid z_o \sim N(-P_{mm}^{-1} P_{mo} z_o, P_{mm}^{-1})`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.gaussian import tile_rows
from emkit.numerics.missing_blocks import expected_spread, find_missing, gather
from emkit.numerics.patterns import group_rows

__all__ = ["Factored", "Pattern", "patterns"]


class Pattern(NamedTuple):
    """What is missing in some rows, one after the other in their table."""

    part: slice  #: which rows
    missing: NDArray[np.intp]  #: (m, n), or (m, 1) where all rows miss the same, as in `Completed`
    width: int  #: columns, with those that fill up rows that miss fewer than m

    @property
    def n_rows(self) -> int:
        """How many rows."""
        return self.part.stop - self.part.start

    def at(self, precision: Array) -> "Factored":
        """With the precision (d, d) of all columns."""
        wide = np.eye(self.width)
        wide[: len(precision), : len(precision)] = precision
        return Factored(self, wide, triangular.cholesky(gather(wide, self.missing)), len(precision))


class Factored(NamedTuple):
    """A pattern under a normal distribution; deviations from its mean are (d, n)."""

    pattern: Pattern
    precision: Array  #: (width, width)
    factor: Array  #: Cholesky factors of P_mm (m, m, n or 1)
    d: int

    @property
    def cells(self) -> NDArray[np.intp]:
        """Where the missing cells (m, n) lie in an array (width, n), flat."""
        n = self.pattern.n_rows
        result: NDArray[np.intp] = self.pattern.missing * n + np.arange(n)
        return result

    def expect(self, z: Array) -> Array:
        """Deviations with conditional means in missing cells, whatever is there."""
        wide = np.zeros((self.pattern.width, z.shape[1]))
        wide[: self.d] = z
        wide.reshape(-1)[self.cells] = 0.0
        right = np.take(self.precision @ wide, self.cells)
        means = triangular.solve_upper(self.factor, triangular.solve_lower(self.factor, right))
        wide.reshape(-1)[self.cells] = -means
        return wide[: self.d]

    def add_noise(self, z: Array, normals: Array) -> Array:
        """Draws, from what is expected and standard normals (d, n)."""
        wide = np.zeros((self.pattern.width, z.shape[1]))
        wide[: self.d] = normals
        noise = triangular.solve_upper(self.factor, np.take(wide, self.cells))
        wide[: self.d] = z
        wide.reshape(-1)[self.cells] += noise
        return wide[: self.d]

    def variances(self) -> Array:
        """Conditional variances (d, n), 0 of observed cells."""
        covariances = triangular.inverse(self.factor)
        wide = np.zeros((self.pattern.width, self.pattern.n_rows))
        m = np.arange(len(covariances))
        wide.reshape(-1)[self.cells] = covariances[m, m]
        return wide[: self.d]

    def spread(self, weights: Array) -> Array:
        """Weighted sum (d, d) of the conditional covariances."""
        return expected_spread(self.pattern.missing, self.factor, weights, 0.0, self.d)


def patterns(X: Array) -> tuple[NDArray[np.intp], list[Pattern]]:
    """An order of the rows of X (n, d) in which those that miss about the same are together.

    Returns
    -------
    order : ndarray of shape (n,)
        Numbers of the rows in it.
    patterns : list of Pattern
        Of the rows that miss something, in that order.
    """
    if not np.isnan(X).any():
        return np.arange(len(X)), []
    groups = sorted(group_rows(X), key=lambda group: group.n_missing)
    order = np.concatenate([group.rows for group in groups])
    found, start = [], 0
    for n_missing, rows, *_ in groups:
        most = tile_rows(max(n_missing**2, 2 * X.shape[1]), least=256)
        for part in np.array_split(rows, -(-len(rows) // most)):
            if n_missing:
                missing, width = find_missing(X[part])
                found.append(Pattern(slice(start, start + len(part)), missing, width))
            start += len(part)
    return order, found
