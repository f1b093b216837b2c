r"""Log-densities and moments over the combinations of missing categories, level by level.

With e the effects of the levels that a combination has, z what is left of a row without them and
Q the precision of its observed numbers, the squared distance is

.. math:: (z - \textstyle\sum_s e_s)^\top Q\, (z - \sum_s e_s)
          = z^\top Q z + \sum_s (e_s - 2 z)^\top Q\, e_s + 2 \sum_{s < t} e_s^\top Q\, e_t:

a term of the row, of each level, and of each pair of levels. A row that misses numbers m has

.. math:: Q = P - P_{\cdot m} P_{mm}^{-1} P_{m \cdot}, \qquad
          E[x \mid x_o, c] - E[x \mid x_o] = \textstyle\sum_s (e_s - J e_s), \qquad
          (J e)_m = e_m - P_{mm}^{-1} P_{m \cdot} e,

so with :math:`P_{mm} = L L^\top` all that it takes is :math:`h = L^{-1} P_{m \cdot} e` of each
level. Nothing is as large as combinations by numbers.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixed.binding import Bound
from emkit.models.mixed.completions import Codes, Slots, combine
from emkit.numerics import triangular
from emkit.numerics.conditional import Completed
from emkit.numerics.missing_blocks import find_missing, gather

__all__ = ["Gaps", "Terms"]


class Gaps(NamedTuple):
    """The missing numbers of rows, under one precision."""

    missing: NDArray[np.intp]  #: (m, n or 1), as in `Completed`
    n_numbers: int
    width: int  #: columns of numbers, and what makes up for fewer that are missing
    factor: Array  #: L (m, m, n or 1)
    white: Array  #: h (m, sum of L, n) of the levels

    @classmethod
    def of(cls, missing: NDArray[np.intp], factor: Array, weighted: Array, levels: Codes) -> "Gaps":
        """From the factor of the missing block, and the effects times the precision (T + 2, p)."""
        n_levels, p = weighted.shape
        width = max(int(missing.max(initial=0)) + 1, p)
        products = np.zeros((width, n_levels))
        products[:p] = weighted.T
        white = np.take(products, missing[:, None] * n_levels + levels, mode="clip")
        for i in range(len(white)):
            for j in range(i):
                white[i] -= factor[i, j] * white[j]
            white[i] *= 1.0 / factor[i, i]
        return cls(missing, p, width, factor, white)

    def fillings(self) -> Array:
        """What levels add to the conditional means of the missing numbers (m, sum of L, n)."""
        v = self.white.copy()
        for i in range(len(v) - 1, -1, -1):
            v[i] *= 1.0 / self.factor[i, i]
            for j in range(i):
                v[j] -= self.factor[i, j] * v[i]
        return v

    def place(self, values: Array) -> Array:
        """Values (m, n) in the columns (p, n) that are missing, and 0 elsewhere."""
        out: Array = np.zeros((self.width, values.shape[1]))
        out[self.missing, np.arange(values.shape[1])] = values
        return out[: self.n_numbers]


def _gaps(x: Array, work: Any, bound: Bound, levels: Codes) -> list[Gaps]:
    """Of rows (n, p) some of which miss numbers, under each precision."""
    if isinstance(work, Completed):
        missing, factors = work.missing, work.factors
    else:
        missing, width = find_missing(x)
        p, factors = x.shape[1], []
        for of_numbers in bound.precisions:
            precision = np.eye(width)
            precision[:p, :p] = of_numbers
            factors.append(triangular.cholesky(gather(precision, missing)))
    return [
        Gaps.of(missing, factor, weighted, levels)
        for factor, weighted in zip(factors, bound.weighted, strict=True)
    ]


class Terms(NamedTuple):
    """The levels in the slots of a tile, and what they need."""

    slots: Slots
    levels: Codes  #: (sum of L, n) numbers of the levels, as in `Design.numbers`
    flat: Codes  #: their cells in an array (T + 2, n)
    pairs: list[Codes]  #: (L, L', n) cells of each pair in an array (T + 2, T + 2)
    gaps: list[Gaps]  #: for each precision; none where no number is missing

    @classmethod
    def of(cls, slots: Slots, x: Array, work: Any, bound: Bound) -> "Terms":
        """Of residuals (n, p), of which the work of their kernel is given."""
        levels, n_levels = bound.design.numbers(slots), len(bound.effects)
        n, places = len(x), slots.places
        pairs = [
            levels[places[s], None] * n_levels + levels[None, places[t]] for s, t in slots.pairs
        ]
        gaps = _gaps(x, work, bound, levels) if np.isnan(x).any() else []
        return cls(slots, levels, levels * n + np.arange(n), pairs, gaps)

    def log_joint(self, base: Array, kernel: Any, work: Any, bound: Bound) -> Array:
        """Of every class and combination (K, M, n), from that of the row without them."""
        single = self._singles(kernel, work, bound)
        places, of_pair = self.slots.places, []
        for (s, t), cells in zip(self.slots.pairs, self.pairs, strict=True):
            term = np.empty((len(bound.products), *cells.shape))
            for k, products in enumerate(bound.products):
                np.take(products, cells, out=term[k], mode="clip")
                np.negative(term[k], out=term[k])
                if self.gaps:
                    white = self.gaps[k].white
                    term[k] += np.einsum("man,mbn->abn", white[:, places[s]], white[:, places[t]])
            of_pair.append(term)
        return combine(self.slots, base, single, of_pair)

    def _singles(self, kernel: Any, work: Any, bound: Bound) -> Array:
        """Terms (K, sum of L, n) of the levels."""
        K = len(bound.of_single)
        single = np.empty((K, *self.levels.shape))
        for k, constants in enumerate(bound.of_single):
            weighted = bound.weighted[min(k, len(bound.weighted) - 1)]
            of_all = weighted @ kernel.residuals(work, k)
            of_all += constants[:, None]
            np.take(of_all, self.flat, out=single[k], mode="clip")
        for k, gaps in enumerate(self.gaps):
            half = 0.5 * np.einsum("mln,mln->ln", gaps.white, gaps.white)
            if len(self.gaps) == K:
                single[k] += half
            else:
                single += half
        return single

    def filled(self, single: Array) -> Array | float:
        """What the levels add to the conditional means (p, n), from sums (K, sum of L, n)."""
        total: Array | float = 0.0
        for k, gaps in enumerate(self.gaps):
            of_precision = single[k] if len(self.gaps) == len(single) else single.sum(axis=0)
            total = total + gaps.place(np.einsum("mln,ln->mn", gaps.fillings(), of_precision))
        return total
