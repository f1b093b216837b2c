r"""Expected statistics of rows whose missing categories are summed over, level by level.

Written r for responsibilities, u for the indicators of the levels that a row is known to have, y
for those of a combination, E for the effects of all levels, z for the residual of a row without the
combination's, and V y for what it adds to the conditional means of the missing numbers
(`Gaps.fillings`), the residual of a row in a combination is :math:`z - E^\top y + V y`. So all sums
over combinations are made of :math:`\sum r y` and :math:`\sum r y y^\top` of the row.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixed.binding import Bound
from emkit.models.mixed.completions import sum_pairs
from emkit.models.mixed.terms import Gaps, Terms

__all__ = ["LevelSums"]


class LevelSums:
    """Sums over the rows of a tile as `LocalStats` has them, categories by their levels.

    Those of products are for each class, or for all together where they share a covariance.

    Parameters
    ----------
    bound : Bound
        The model at some parameters.
    z : sequence of ndarray of shape (p, n)
        Under each class, residuals of the rows without what is summed over.
    known : ndarray of shape (T, n)
        Indicators of the known levels, or the shares of a column's.
    resp : ndarray of shape (K, n)
        Responsibilities.
    """

    def __init__(self, bound: Bound, z: Sequence[Array], known: Array, resp: Array):
        self.bound, self.z, self.known = bound, z, known
        self.shared = len(bound.precisions) < len(resp)
        (T, p), K = bound.of_levels.shape, len(resp)
        self.counts: Array = np.zeros((K, T))  #: of the levels that are summed over
        self.first: Array = np.zeros((K, p))  #: what these change
        self.scatter: Array = np.zeros((len(bound.precisions), p, p))  #: what these change
        self.design: Array = resp @ known.T
        weighed = [r * z_k for r, z_k in zip(resp, z, strict=True)]
        if self.shared:
            weighed, resp = [reduce(np.add, weighed)], resp.sum(axis=0)[None]
        self._weighed = weighed  #: for each precision (p, n), whose products with u are due
        self._rest: Array = np.zeros((len(bound.precisions), T, p))  #: what else cross has
        roots = (known * r for r in np.sqrt(resp))
        self.gram = np.array([root @ root.T for root in roots])  # half the work: it is symmetric

    @property
    def cross(self) -> Array:
        """Sums (K or 1, T, p) of the levels of a row by its residuals."""
        return self._rest + np.array([self.known @ of_rows.T for of_rows in self._weighed])

    def add(self, terms: Terms, resp: Array, single: Array) -> None:
        """Add what is summed over, from responsibilities (K, M, n) and their sums by levels."""
        A, n, active = len(terms.active), resp.shape[-1], terms.active
        E, (P, T, p), K = self.bound.of_levels[active], self._rest.shape, len(resp)
        counts, yz, yu = np.empty((K, A)), np.zeros((P, A, p)), np.empty((P, A, T))
        ones, buffer = np.ones(n), np.zeros((A + 2, n))
        for k, z in enumerate(self.z):
            y = terms.spread(single[k], buffer)
            counts[k] = y @ ones
            yz[0 if self.shared else k] += y @ z.T
            if not self.shared:
                yu[k] = y @ self.known.T
        if self.shared:
            yu[0] = terms.spread(single.sum(axis=0), buffer) @ self.known.T
            resp = resp.sum(axis=0)[None]
        pairs = sum_pairs(terms.slots, resp)
        yy = _joint(terms, pairs, counts.sum(axis=0)[None] if self.shared else counts)
        back = yz.mT @ E
        self.counts[:, active] += counts
        self.first -= counts @ E
        self.scatter += E.T @ yy @ E - back - back.mT
        self.gram[:, active] += yu
        self.gram[:, :, active] += yu.mT
        self.gram[:, active[:, None], active] += yy
        self._rest[:, active] += yz - yy @ E
        self._rest -= yu.mT @ E
        if terms.gaps is not None:
            self._fill(terms, terms.gaps, pairs, single)
        self.design += self.counts

    def _fill(self, terms: Terms, gaps: Gaps, pairs: Sequence[Array], single: Array) -> None:
        """Add what combinations add to the conditional means of the missing numbers."""
        A, p = len(terms.active), self.first.shape[1]
        v, places = gaps.fillings(), terms.slots.places
        filling = gaps.place(np.einsum("kmln,kln->kmn", v, single), p)
        self.first += filling @ np.ones(filling.shape[-1])
        zv = np.array([z @ of_class.T for z, of_class in zip(self.z, filling, strict=True)])
        if self.shared:
            zv, filling, single = (a.sum(axis=0)[None] for a in (zv, filling, single))
        weighed = v * single[:, None]
        for (s, t), resp in zip(terms.slots.pairs, pairs, strict=True):
            weighed[:, :, places[s]] += np.einsum("kmbn,kabn->kman", v[:, :, places[t]], resp)
            weighed[:, :, places[t]] += np.einsum("kman,kabn->kmbn", v[:, :, places[s]], resp)
        vy = sums_at(gaps.missing[:, None], terms.levels, weighed, (p, A))
        square = np.einsum("kiln,kjln->kijn", weighed, v)
        vv = sums_at(gaps.missing[:, None], gaps.missing, square, (p, p))
        back = vy @ self.bound.of_levels[terms.active]
        self.scatter += vv + zv + zv.mT - back - back.mT
        for of_rows, more in zip(self._weighed, filling, strict=True):
            of_rows += more
        self._rest[:, terms.active] += vy.mT


def _joint(terms: Terms, pairs: Sequence[Array], counts: Array) -> Array:
    """Sums (K or 1, A, A) of r y y', from those of pairs and of levels (K or 1, A)."""
    A = counts.shape[1]
    total = np.zeros((len(counts), (A + 2) ** 2))
    for cells, of_pair in zip(terms.pairs, pairs, strict=True):
        for out, resp in zip(total, of_pair, strict=True):
            out += np.bincount(cells.ravel(), resp.ravel(), len(out))
    joint = total.reshape(-1, A + 2, A + 2)[:, :-2, :-2]
    joint = joint + joint.mT
    joint[:, np.arange(A), np.arange(A)] += counts
    return joint


def sums_at(
    rows: NDArray[np.intp], columns: NDArray[np.intp], values: Array, shape: tuple[int, int]
) -> Array:
    """Sums (K, *shape) of values (K, a, b, n) by rows and columns; those beyond are left out."""
    height = max(int(rows.max(initial=0)) + 1, shape[0])
    width = max(int(columns.max(initial=0)) + 1, shape[1])
    cells = np.broadcast_to(rows * width + columns, values.shape[1:]).ravel()
    sums = np.array([np.bincount(cells, of.ravel(), height * width) for of in values])
    return sums.reshape(-1, height, width)[:, : shape[0], : shape[1]]
