r"""Log-densities and moments over the combinations of missing categories, level by level.

With e the effects of the levels that a combination has, z what is left of a row without them and
Q the precision of its observed numbers, the squared distance is

.. math:: (z - \textstyle\sum_s e_s)^\top Q\, (z - \sum_s e_s)
          = z^\top Q z + \sum_s (e_s - 2 z)^\top Q\, e_s + 2 \sum_{s < t} e_s^\top Q\, e_t:

a term of the row, of each level, and of each pair of levels. Classes that share a covariance are
levels too, of a first slot that every row has, with :math:`e = m_k - m` for some m: one normal is
all that the rows are seen by. The first level of a column moves nothing, so there is nothing to
work out of it. A row that misses numbers m has

.. math:: Q = P - P_{\cdot m} P_{mm}^{-1} P_{m \cdot}, \qquad
          E[x \mid x_o, c] - E[x \mid x_o] = \textstyle\sum_s (e_s - J e_s), \qquad
          (J e)_m = e_m - P_{mm}^{-1} P_{m \cdot} e,

so with :math:`P_{mm} = L L^\top` all that it takes is :math:`h = L^{-1} P_{m \cdot} e` of each
level. Nothing is as large as combinations by numbers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixed.binding import NEVER, Bound
from emkit.models.mixed.completions import Codes, Slots, combine, pairs_of, places_of
from emkit.numerics import triangular
from emkit.numerics.missing_blocks import Completed, find_missing, gather

__all__ = ["Gaps", "Terms"]


class Gaps(NamedTuple):
    """The missing numbers of rows, under each of P normals."""

    missing: NDArray[np.intp]  #: (m, n or 1), as in `Completed`
    factor: Array  #: L (P, m, m, n or 1)
    white: Array  #: h (P, m, D, n) of the levels in `Terms.moving`

    @classmethod
    def of(cls, x: Array, work: Any, levels: Codes, active: Codes, bound: Bound) -> "Gaps":
        """Of residuals (n, p), some of which are missing, and the work of their kernel."""
        if isinstance(work, Completed):
            missing, factors = work.missing, work.factors
        else:
            missing, factors = _factored(x, bound.precisions)
        factor = factors[0][None] if len(factors) == 1 else np.array(factors)
        factor = np.broadcast_to(factor, (len(bound.weighted), *factor.shape[1:]))
        n_precisions, n_levels, p = len(bound.weighted), len(active) + 2, x.shape[1]
        products = np.zeros((n_precisions, max(int(missing.max(initial=0)) + 1, p), n_levels))
        products[:, :p, :-2] = bound.weighted[:, active].mT
        cells = missing[:, None] * n_levels + levels
        white = take_all(products, cells)
        for i in range(len(missing)):
            if i:
                white[:, i] -= np.einsum("kjn,kjln->kln", factor[:, i, :i], white[:, :i])
            white[:, i] *= 1.0 / factor[:, i, i, None]
        return cls(missing, factor, white)

    def fillings(self) -> Array:
        """What levels add to the conditional means of what is missing (P, m, D, n)."""
        v = self.white.copy()
        for i in range(v.shape[1] - 1, -1, -1):
            v[:, i] *= 1.0 / self.factor[:, i, i, None]
            v[:, :i] -= self.factor[:, i, :i, None] * v[:, None, i]
        return v

    def place(self, values: Array, n_numbers: int) -> Array:
        """Values (K, m, n) in the columns (K, p, n) that are missing, and 0 elsewhere."""
        K, _, n = values.shape
        out: Array = np.zeros((K, max(int(self.missing.max(initial=0)) + 1, n_numbers), n))
        cells = self.missing * n + np.arange(n)
        for of_class, placed in zip(values, out, strict=True):
            np.put(placed, cells, of_class, mode="clip")
        return out[:, :n_numbers]


def _factored(x: Array, precisions: Array) -> tuple[NDArray[np.intp], list[Array]]:
    """What is missing in rows (n, p), and the Cholesky factors of its block of each precision."""
    missing, width = find_missing(x)
    p, factors = x.shape[1], []
    for of_numbers in precisions:
        precision = np.eye(width)
        precision[:p, :p] = of_numbers
        factors.append(triangular.cholesky(gather(precision, missing)))
    return missing, factors


class Terms(NamedTuple):
    """The levels in the slots of a tile, and what their terms are taken from.

    Where classes are levels, they are the first slot, and the first of the active levels. Those
    that move the numbers stand before those that do not, the first of each column.
    """

    sizes: tuple[int, ...]  #: levels that there is room for in each slot
    active: Codes  #: (A,) all levels of the columns in the slots
    n_moving: int  #: of these that move the numbers
    levels: Codes  #: (sum of L, n) which of these stand there, as in `Slots.numbers`
    first: tuple[int, ...]  #: in each slot, the first level that moves the numbers
    moving: Codes  #: (D,) places of these among the levels of the slots
    cells: Codes  #: of these in an array (A + 2, n)
    pairs: list[Codes]  #: for each pair of slots (L, L', n) cells in an array (A + 2, A + 2)
    gaps: Gaps | None  #: None where no number is missing

    @classmethod
    def of(cls, slots: Slots, x: Array, work: Any, bound: Bound) -> "Terms":
        """Of residuals (n, p), of which the work of their kernel is given."""
        sizes, _, active, levels, _ = slots
        n, C = len(x), bound.n_class_levels
        if C:
            classes, sizes = np.arange(C), (C, *sizes)
            active = np.concatenate([bound.design.n_levels + classes, active])
            levels = np.concatenate([np.repeat(classes[:, None], n, axis=1), levels + C])
        cells, n_levels, places = levels * n + np.arange(n), len(active) + 2, places_of(sizes)
        pairs = [
            levels[places[s], None] * n_levels + levels[None, places[t]] for s, t in pairs_of(sizes)
        ]
        first = tuple(int(not (C and t == 0)) for t in range(len(sizes)))
        each = np.arange(len(levels))
        moving = np.concatenate([each[at][o:] for at, o in zip(places, first, strict=True)])
        n_moving = C + int(np.count_nonzero(bound.design.place_of[active[C:]] >= 0))
        gaps = None
        if np.isnan(x.min(initial=0.0)):
            gaps = Gaps.of(x, work, levels[moving], active, bound)
        return cls(sizes, active, n_moving, levels, first, moving, cells, pairs, gaps)

    @property
    def moving_places(self) -> tuple[slice, ...]:
        """Of the levels of each slot among those in `moving`."""
        return places_of(tuple(size - o for size, o in zip(self.sizes, self.first, strict=True)))

    def of_moving(self, pairs: Sequence[Array]) -> list[Array]:
        """Of pairs of levels (..., L, L', n) those that both move the numbers."""
        return [
            of_pair[..., self.first[s] :, self.first[t] :, :]
            for (s, t), of_pair in zip(pairs_of(self.sizes), pairs, strict=True)
        ]

    def log_joint(self, base: Array, of_known: Array, z: Sequence[Array], bound: Bound) -> Array:
        """Of every class and combination (K, M, n), from those of the rows without them.

        These are of the normals (P, n), and of the known categories in each class (K, n). Of each
        of ``z`` (p, n) are the residuals under a normal.
        """
        A, n, C = len(self.active), base.shape[1], bound.n_class_levels
        single = np.empty((len(base), *self.levels.shape))
        weighted, constants = bound.weighted[:, self.active], bound.of_single[:, self.active]
        of_all = np.zeros((A + 2, n))
        of_all[-1] = NEVER
        for out, matrix, residuals, of_level in zip(single, weighted, z, constants, strict=True):
            np.matmul(matrix, residuals, out=of_all[:A])
            of_all[:A] += of_level[:, None]
            np.take(of_all, self.cells, out=out, mode="clip")
        if C:
            single[0, :C] += of_known
        else:
            base = base + of_known
        tables = np.zeros((len(base), A + 2, A + 2))
        tables[:, :A, :A] = bound.of_pair[:, self.active[:, None], self.active]
        of_pair = [take_all(tables, cells) for cells in self.pairs]
        if self.gaps is not None:
            white, places = self.gaps.white, self.moving_places
            single[:, self.moving] += 0.5 * np.einsum("kmln,kmln->kln", white, white)
            for (s, t), term in zip(pairs_of(self.sizes), self.of_moving(of_pair), strict=True):
                term += np.einsum("kman,kmbn->kabn", white[:, :, places[s]], white[:, :, places[t]])
        return combine(self.sizes, base, single, of_pair)

    def spread(self, single: Array, out: Array) -> Array:
        """What there is of each level (sum of L, n), at the active levels: (A, n)."""
        out[...] = 0.0
        np.put(out, self.cells, single, mode="clip")
        return out[:-2]

    def filled(self, single: Array, n_numbers: int) -> Array | float:
        """What the levels add to the conditional means (p, n), from sums (P, sum of L, n)."""
        if self.gaps is None:
            return 0.0
        of_rows = np.einsum("kmln,kln->kmn", self.gaps.fillings(), single[:, self.moving])
        result: Array = self.gaps.place(of_rows, n_numbers).sum(axis=0)
        return result


def take_all(tables: Array, cells: NDArray[np.intp]) -> Array:
    """The cells of each table (K, ...), by their numbers in it."""
    out = np.empty((len(tables), *cells.shape))
    for table, values in zip(tables, out, strict=True):
        np.take(table, cells, out=values, mode="clip")  # without a copy, as with an axis
    return out
