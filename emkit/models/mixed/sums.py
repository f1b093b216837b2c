r"""Expected statistics of rows whose missing categories are summed over, level by level.

Written r for responsibilities, u for the indicators of the levels that a row is known to have, y
for those of a combination, E for the effects of all levels, z for the residual of a row without the
combination's, and V y for what it adds to the conditional means of the missing numbers
(`Gaps.fillings`), the residual of a row in a combination is :math:`z - E^\top y + V y`. So all sums
over combinations are made of :math:`\sum r y` and :math:`\sum r y y^\top` of the row.
"""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.mixed.binding import Bound
from emkit.models.mixed.completions import sum_pairs, sum_singles
from emkit.models.mixed.parameters import LocalStats
from emkit.models.mixed.terms import Gaps, Terms

__all__ = ["LevelSums"]


class LevelSums:
    """Statistics of a tile, those of categories by levels.

    Parameters
    ----------
    bound : Bound
        The model at some parameters.
    kernel, work : object
        The kernel of the residuals of the rows without what is summed over, and its work.
    known : ndarray of shape (T, n)
        Indicators of the known levels, or the shares of a column's.
    terms : Terms or None
        The levels that are summed over; None if there are none.
    """

    def __init__(self, bound: Bound, kernel: Any, work: Any, known: Array, terms: Terms | None):
        self.bound, self.kernel, self.work = bound, kernel, work
        self.known, self.terms = known, terms

    def __call__(self, resp: Array) -> tuple[LocalStats, Array]:
        """The statistics, with counts of the levels summed over, from (K, M, n)."""
        of_class = resp.sum(axis=1) if resp.shape[1] > 1 else resp[:, 0]
        n, first, scatter = self.kernel.from_tile_sums(self.kernel.moments(self.work, of_class))
        (K, p), T, shared = first.shape, len(self.known), self.bound.layout.shared
        n_precisions = 1 if shared else K
        gram, cross = np.empty((n_precisions, T, T)), np.empty((n_precisions, T, p))
        z = [self.kernel.residuals(self.work, k) for k in range(K)]
        single = None if self.terms is None else sum_singles(self.terms.slots, resp)
        counts = np.zeros((K, T))
        for at in range(n_precisions):
            mine = slice(None) if shared else slice(at, at + 1)
            r = of_class[mine]
            weighed = sum(r_k * z_k for r_k, z_k in zip(r, z[mine], strict=True))
            total = r.sum(axis=0) if shared else r[0]
            gram[at] = (self.known * total) @ self.known.T
            cross[at] = self.known @ weighed.T
            if single is not None:
                change = self._summed(at, resp[mine], single[mine], z[mine])
                counts[mine], of_first, of_scatter, of_gram, of_cross = change
                first[mine] += of_first
                gram[at] += of_gram
                cross[at] += of_cross
                layout = self.bound.layout
                layout.add_conditional_covariance(
                    scatter, at, np.diag(of_scatter) if layout.independent else of_scatter
                )
        design = of_class @ self.known.T + counts
        return LocalStats(n, first, scatter, counts, design, gram, cross), counts

    def _summed(self, at: int, resp: Array, single: Array, z: list[Array]) -> tuple[Array, ...]:
        """What the levels summed over change in the sums of the classes of a precision."""
        terms, E, n = self.terms, self.bound.of_levels, resp.shape[2]
        assert terms is not None
        T, p = E.shape
        y, yz, total = np.empty((len(z), T)), np.zeros((T, p)), np.zeros((T + 2, n))
        spread = np.zeros((T + 2, n))
        for k, z_k in enumerate(z):
            spread[...] = 0.0
            np.put(spread, terms.flat, single[k], mode="clip")
            y[k] = spread[:T].sum(axis=1)
            yz += spread[:T] @ z_k.T
            total += spread
        yu = total[:T] @ self.known.T
        pairs = sum_pairs(terms.slots, resp.sum(axis=0)[None])
        yy = self._joint(pairs) + np.diag(y.sum(axis=0))
        first = -(y @ E)
        back = yz.T @ E
        scatter = E.T @ yy @ E - back - back.T
        gram = yu + yu.T + yy
        cross = yz - (yu.T + yy) @ E
        if terms.gaps:
            filled = self._filled(terms.gaps[at], pairs, single, z)
            first += filled[0]
            scatter += filled[1]
            cross += filled[2]
        return y, first, scatter, gram, cross

    def _joint(self, pairs: list[Array]) -> Array:
        """Sum (T, T) of r y y' off its diagonal."""
        assert self.terms is not None
        n_levels = len(self.bound.effects)
        total = np.zeros(n_levels * n_levels)
        for cells, resp in zip(self.terms.pairs, pairs, strict=True):
            total += np.bincount(cells.ravel(), resp.ravel(), len(total))
        joint = total.reshape(n_levels, n_levels)[:-2, :-2]
        return joint + joint.T

    def _filled(
        self, gaps: Gaps, pairs: list[Array], single: Array, z: list[Array]
    ) -> tuple[Array, Array, Array]:
        """What the combinations' part in the conditional means changes in first, scatter, cross."""
        terms, E, v = self.terms, self.bound.of_levels, gaps.fillings()
        assert terms is not None
        (T, p), (m, _, n) = E.shape, v.shape
        missing = np.broadcast_to(gaps.missing, (m, n))
        first, zv, total = np.empty((len(z), p)), np.zeros((p, p)), np.zeros((p, n))
        for k, z_k in enumerate(z):
            filling = gaps.place(np.einsum("mln,ln->mn", v, single[k]))
            first[k] = filling.sum(axis=1)
            zv += z_k @ filling.T
            total += filling
        uv = self.known @ total.T
        weighed = v * single.sum(axis=0)
        places = terms.slots.places
        for (s, t), resp in zip(terms.slots.pairs, pairs, strict=True):
            weighed[:, places[s]] += np.einsum("mbn,abn->man", v[:, places[t]], resp[0])
            weighed[:, places[t]] += np.einsum("man,abn->mbn", v[:, places[s]], resp[0])
        cells = missing[:, None] * (T + 2) + terms.levels
        vy = np.bincount(cells.ravel(), weighed.ravel(), gaps.width * (T + 2))
        vy = vy.reshape(gaps.width, T + 2)[:p, :T]
        square = np.einsum("iln,jln->ijn", weighed, v)
        cells = missing[:, None] * gaps.width + missing
        vv = np.bincount(cells.ravel(), square.ravel(), gaps.width**2)
        vv = vv.reshape(gaps.width, gaps.width)[:p, :p]
        back = vy @ E
        return first, vv + zv + zv.T - back - back.T, uv + vy.T
