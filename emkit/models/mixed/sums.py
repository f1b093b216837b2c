r"""Expected statistics of rows whose missing categories are summed over, level by level.

Written r for responsibilities, u for the indicators of the levels that a row is known to have and a
constant (`Design.regressors`), y for those of a combination, E for the effects of levels, z for the
residual of a row without the combination's, and V y for what it adds to the conditional means of
the missing numbers (`Gaps.fillings`), the residual of a row in a combination is
:math:`z - E^\top y + V y`. So all sums over combinations are made of :math:`\sum r y` and
:math:`\sum r y y^\top` of the row. Classes that share a covariance are levels too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixed.binding import Bound
from emkit.models.mixed.completions import pairs_of
from emkit.models.mixed.terms import Gaps, Terms

__all__ = ["LevelSums"]


class LevelSums:
    """Sums over the rows of a tile as `LocalStats` has them, categories by their levels.

    They are of each of P normals, and of R regressors: those of `Design`, and classes as levels.

    Parameters
    ----------
    bound : Bound
        The model at some parameters.
    z : sequence of ndarray of shape (p, n)
        Under each normal, residuals of the rows without what is summed over.
    known : ndarray of shape (U + 1, n)
        Regressors of the known levels, or the shares of a column's.
    resp : ndarray of shape (P, n)
        Responsibilities.
    """

    def __init__(self, bound: Bound, z: Sequence[Array], known: Array, resp: Array):
        self.bound, self.z, self.known = bound, z, known
        P, R, p = len(resp), len(known) + bound.n_class_levels, bound.of_levels.shape[1]
        #: (K, T) counts of levels that are summed over
        self.counts: Array = np.zeros((len(bound.log_weights), bound.design.n_levels))
        self.scatter: Array = np.zeros((P, p, p))  #: what these change
        self.gram: Array = np.zeros((P, R, R))
        for gram, r in zip(self.gram, np.sqrt(resp), strict=True):
            root = known * r
            gram[: len(known), : len(known)] = root @ root.T  # half the work: it is symmetric
        self._weighed = [r * of_rows for r, of_rows in zip(resp, z, strict=True)]
        self._rest: Array = np.zeros((P, R, p))  #: what cross has besides their products with known

    @property
    def cross(self) -> Array:
        """Sums (P, R, p) of the regressors of a row by its residuals."""
        cross = self._rest.copy()
        for out, of_rows in zip(cross, self._weighed, strict=True):
            out[: len(self.known)] += self.known @ of_rows.T
        return cross

    def add(self, terms: Terms, single: Array, pairs: Sequence[Array]) -> None:
        """Add what is summed over, from responsibilities of levels and of pairs of levels."""
        (P, R, p), n_known, C = self._rest.shape, len(self.known), self.bound.n_class_levels
        A, D = len(terms.active), terms.n_moving
        moving, E = self._regressors(terms), self.bound.of_levels[terms.active[:D]]
        counts, yz, yu = np.empty((P, A)), np.empty((P, D, p)), np.zeros((P, D, R))
        ones = np.ones(single.shape[-1])
        buffer = np.zeros((A + 2, len(ones)))
        for k, z in enumerate(self.z):
            y = terms.spread(single[k], buffer)
            counts[k] = y @ ones
            np.matmul(y[:D], z.T, out=yz[k])
            yu[k, :, :n_known] = y[:D] @ self.known.T
        joint = _joint(terms, pairs, counts)
        self.counts[:, terms.active[C:]] = joint[0, :C, C:] if C else counts
        yy = joint[:, :D, :D]
        back = yz.mT @ E
        self.scatter += E.T @ yy @ E - back - back.mT
        self.gram[:, moving] += yu
        self.gram[:, :, moving] += yu.mT
        self.gram[:, moving[:, None], moving] += yy
        self._rest[:, moving] += yz - yy @ E
        self._rest -= yu.mT @ E
        if terms.gaps is not None:
            self._fill(terms, terms.gaps, single, pairs)

    def _fill(self, terms: Terms, gaps: Gaps, single: Array, pairs: Sequence[Array]) -> None:
        """Add what combinations add to the conditional means of the missing numbers."""
        D, p = terms.n_moving, self._rest.shape[2]
        v, places, single = gaps.fillings(), terms.moving_places, single[:, terms.moving]
        filling = gaps.place(np.einsum("kmln,kln->kmn", v, single), p)
        zv = np.array([z @ of_rows.T for z, of_rows in zip(self.z, filling, strict=True)])
        weighed = v * single[:, None]
        for (s, t), resp in zip(pairs_of(terms.sizes), terms.of_moving(pairs), strict=True):
            weighed[:, :, places[s]] += np.einsum("kmbn,kabn->kman", v[:, :, places[t]], resp)
            weighed[:, :, places[t]] += np.einsum("kman,kabn->kmbn", v[:, :, places[s]], resp)
        levels = terms.levels[terms.moving]
        vy = sums_at(gaps.missing[:, None], levels, weighed, (p, D))
        square = np.einsum("kiln,kjln->kijn", weighed, v)
        vv = sums_at(gaps.missing[:, None], gaps.missing, square, (p, p))
        back = vy @ self.bound.of_levels[terms.active[:D]]
        self.scatter += vv + zv + zv.mT - back - back.mT
        for of_rows, more in zip(self._weighed, filling, strict=True):
            of_rows += more
        self._rest[:, self._regressors(terms)] += vy.mT

    def _regressors(self, terms: Terms) -> NDArray[np.intp]:
        """Which of R the active levels that move numbers are."""
        C, n_known = self.bound.n_class_levels, len(self.known)
        of_columns = self.bound.design.place_of[terms.active[C : terms.n_moving]]
        result: NDArray[np.intp] = np.concatenate([n_known + np.arange(C), of_columns])
        return result


def _joint(terms: Terms, pairs: Sequence[Array], counts: Array) -> Array:
    """Sums (P, A, A) of r y y', from those of pairs and of levels (P, A)."""
    P, A = counts.shape
    total = np.zeros((P, (A + 2) ** 2))
    for cells, of_pair in zip(terms.pairs, pairs, strict=True):
        for out, resp in zip(total, of_pair, strict=True):
            out += np.bincount(cells.ravel(), resp.ravel(), len(out))
    joint = total.reshape(P, A + 2, A + 2)[:, :-2, :-2]
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
