r"""Expected statistics of rows whose missing categories are summed over, level by level.

Written r for responsibilities, u for the indicators of the levels that a row is known to have, y
for those of a combination, E for the effects of all levels, z for the residual of a row without the
combination's, and V y for what it adds to the conditional means of the missing numbers
(`Gaps.fillings`), the residual of a row in a combination is :math:`z - E^\top y + V y`. So all sums
over combinations are made of :math:`\sum r y` and :math:`\sum r y y^\top` of the row.
"""

import numpy as np

from emkit._typing import Array
from emkit.models.mixed.binding import Bound
from emkit.models.mixed.completions import sum_pairs
from emkit.models.mixed.terms import Gaps, Terms

__all__ = ["LevelSums"]


class LevelSums:
    """Sums over the rows of a tile, categories by their levels, as `LocalStats` has them.

    Those of products are for each class, or for all together where they share a covariance.

    Parameters
    ----------
    bound : Bound
        The model at some parameters.
    z : list of ndarray of shape (p, n)
        Under each class, residuals of the rows without what is summed over.
    known : ndarray of shape (T, n)
        Indicators of the known levels, or the shares of a column's.
    resp : ndarray of shape (K, n)
        Responsibilities.
    """

    def __init__(self, bound: Bound, z: list[Array], known: Array, resp: Array):
        (T, p), K = bound.of_levels.shape, len(resp)
        self.bound, self.z, self.known = bound, z, known
        n_precisions = len(bound.precisions)
        #: the classes of each precision
        self.shared = n_precisions < K
        self.counts = np.zeros((K, T))  #: of the levels summed over
        self.design = resp @ known.T
        self.first = np.zeros((K, p))  #: what those change
        self.scatter = np.zeros((n_precisions, p, p))  #: what those change
        if self.shared:
            weighed = [sum(r * z_k for r, z_k in zip(resp, z, strict=True))]
            resp = resp.sum(axis=0)[None]
        else:
            weighed = [r * z_k for r, z_k in zip(resp, z, strict=True)]
        self.gram = np.array([(known * r) @ known.T for r in resp])
        self.cross = np.array([known @ of_class.T for of_class in weighed])

    def add(self, terms: Terms, resp: Array, single: Array) -> None:
        """Add what is summed over, from responsibilities (K, M, n) and their sums by levels."""
        T, n = self.known.shape
        E, K = self.bound.of_levels, len(resp)
        yz, yu = np.zeros_like(self.cross), np.zeros_like(self.gram)
        spread = np.empty((T + 2, n))
        total: Array = np.zeros((T, n))
        for k in range(K):
            spread[...] = 0.0
            np.put(spread, terms.flat, single[k], mode="clip")
            y, at = spread[:T], 0 if self.shared else k
            self.counts[k] = y.sum(axis=1)
            yz[at] += y @ self.z[k].T
            if self.shared:
                total += y
            else:
                yu[at] = y @ self.known.T
        if self.shared:
            yu[0] = total @ self.known.T
            resp, single = resp.sum(axis=0)[None], single
        pairs = sum_pairs(terms.slots, resp)
        yy = self._joint(terms, pairs)
        self.design += self.counts
        self.first -= self.counts @ E
        back = yz.mT @ E
        self.scatter += E.T @ yy @ E - back - back.mT
        self.gram += yu + yu.mT + yy
        self.cross += yz - (yu.mT + yy) @ E
        if terms.gaps is not None:
            self._fill(terms, terms.gaps, pairs, single)

    def _joint(self, terms: Terms, pairs: list[Array]) -> Array:
        """Sums (K or 1, T, T) of r y y'."""
        n_levels = len(self.bound.effects)
        counts = self.counts.sum(axis=0)[None] if self.shared else self.counts
        total = np.zeros((len(counts), n_levels * n_levels))
        for cells, of_pair in zip(terms.pairs, pairs, strict=True):
            flat = cells.ravel()
            for k, resp in enumerate(of_pair):
                total[k] += np.bincount(flat, resp.ravel(), n_levels * n_levels)
        joint = total.reshape(-1, n_levels, n_levels)[:, :-2, :-2]
        joint = joint + joint.mT
        each = np.arange(joint.shape[1])
        joint[:, each, each] += counts
        return joint

    def _fill(self, terms: Terms, gaps: Gaps, pairs: list[Array], single: Array) -> None:
        """Add what combinations add to the conditional means of the missing numbers."""
        T, p = self.bound.of_levels.shape
        v = gaps.fillings()
        filling = gaps.place(np.einsum("kmln,kln->kmn", v, single), p)
        self.first += filling.sum(axis=2)
        zv = np.array([z @ f.T for z, f in zip(self.z, filling, strict=True)])
        if self.shared:
            zv, filling, single = (a.sum(axis=0)[None] for a in (zv, filling, single))
        places, weighed = terms.slots.places, v * single[:, None]
        for (s, t), resp in zip(terms.slots.pairs, pairs, strict=True):
            weighed[:, :, places[s]] += np.einsum("kmbn,kabn->kman", v[:, :, places[t]], resp)
            weighed[:, :, places[t]] += np.einsum("kman,kabn->kmbn", v[:, :, places[s]], resp)
        vy = sums_at(gaps.missing[:, None], terms.levels, weighed, (p, T))
        square = np.einsum("kiln,kjln->kijn", weighed, v)
        vv = sums_at(gaps.missing[:, None], gaps.missing, square, (p, p))
        back = vy @ self.bound.of_levels
        self.scatter += vv + zv + zv.mT - back - back.mT
        self.cross += np.array([self.known @ f.T for f in filling]) + vy.mT


def sums_at(rows: Array, columns: Array, values: Array, shape: tuple[int, int]) -> Array:
    """Sums (K, *shape) of values (K, a, b, n) by their rows and columns, of which more may be."""
    height = max(int(rows.max(initial=0)) + 1, shape[0])
    width = max(int(columns.max(initial=0)) + 1, shape[1])
    cells = np.broadcast_to(rows * width + columns, values.shape[1:]).ravel()
    out = np.array([np.bincount(cells, of.ravel(), height * width) for of in values])
    return out.reshape(-1, height, width)[:, : shape[0], : shape[1]]
