r"""Model-based agglomeration: from one cluster a row to one in all, by a likelihood.

Each merge is the one that raises least

.. math:: \sum_k n_k \log\Bigl( \Bigl|\frac{W_k}{n_k}\Bigr|
          + \frac{\operatorname{tr} W_k + \alpha}{n_k} \Bigr),

:math:`W_k` being the scatter of a cluster about its mean and :math:`n_k` its rows: minus twice the
classification log-likelihood of normal clusters that differ in size, shape and orientation, with a
trace that keeps it finite where a cluster has no volume; :math:`\alpha` is the mean variance of a
column. One tree holds a partition for every number of clusters.

Rows are taken in columns of unit variance, turned to their principal axes, each divided by the
square root of its singular value: half-way to sphered, so that clusters along an axis of little
variance count, and noise along it does not drown all else.

References
----------
Fraley, C. (1998). Algorithms for model-based Gaussian hierarchical clustering. SIAM Journal on
Scientific Computing 20, 270-281. doi:10.1137/S1064827596311451

Scrucca, L. & Raftery, A. E. (2015). Improved initialisation of model-based clustering using
Gaussian hierarchical partitions. Advances in Data Analysis and Classification 9, 447-460.
doi:10.1007/s11634-015-0220-z
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.constants import EPS

__all__ = ["Merges", "agglomerate", "half_sphered", "sphered"]

#: Determinant, beside that of the diagonal, below which a matrix is not divided by.
FLAT_DETERMINANT = 1e-10


@dataclass(frozen=True)
class Merges:
    """A tree of clusters.

    Attributes
    ----------
    leaves : ndarray of shape (n_samples,)
        First cluster of each row: rows that are equal share one.
    pairs : ndarray of shape (n_leaves - 1, 2)
        Clusters that become one, step by step; the first number goes on to stand for both.
    rises : ndarray of shape (n_leaves - 1,)
        By how much each merge raises the criterion.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.agglomeration import agglomerate
    >>> x = np.array([[0.0, 0.1], [0.1, 0.0], [0.2, 0.2], [8.0, 8.1], [8.2, 8.0], [8.0, 8.4]])
    >>> tree = agglomerate(x)
    >>> tree.labels(2)
    array([0, 0, 0, 1, 1, 1])
    """

    leaves: NDArray[np.intp]
    pairs: NDArray[np.intp]
    rises: Array

    def labels(self, n_clusters: int) -> NDArray[np.intp]:
        """Partition of the rows into so many clusters, or into as many as there are distinct rows.

        Parameters
        ----------
        n_clusters : int
            Number of clusters, at least 1.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from 0, in the order in which clusters first appear.
        """
        stands_for = np.arange(len(self.pairs) + 1)
        kept = max(len(stands_for) - n_clusters, 0)
        for first, second in self.pairs[:kept][::-1]:
            stands_for[second] = stands_for[first]
        clusters = stands_for[self.leaves]
        _, appears, labels = np.unique(clusters, return_index=True, return_inverse=True)
        rank = np.empty(len(appears), dtype=np.intp)
        rank[appears.argsort()] = np.arange(len(appears))
        return rank[labels]


def agglomerate(x: Array, sample_weight: Array | None = None) -> Merges:
    """Agglomerate rows that are scaled already (see `half_sphered`).

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Rows, complete.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights as frequencies, above 0; their unit does not matter.

    Returns
    -------
    Merges
        The tree. Time and memory go with the square of the number of rows.
    """
    rows, leaves = np.unique(x, axis=0, return_inverse=True)
    leaves = leaves.ravel()
    # In the order in which they come, as ties go to the first.
    _, appears = np.unique(leaves, return_index=True)
    order = appears.argsort()
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    weights = np.bincount(leaves, sample_weight)[order].astype(float)
    forest = _Forest(rows[order].T.copy(), weights / np.median(weights))
    pairs = np.empty((len(rows) - 1, 2), dtype=np.intp)
    rises = np.empty(len(rows) - 1)
    for step in range(len(rows) - 1):
        pairs[step], rises[step] = forest.merge()
    return Merges(rank[leaves], pairs, rises)


def sphered(x: Array, sample_weight: Array | None = None) -> Array:
    """Rows along their principal axes, each of unit variance; arguments as `half_sphered`."""
    return _along_axes(x, sample_weight, 0.5)


def half_sphered(x: Array, sample_weight: Array | None = None) -> Array:
    """Rows along their principal axes, each divided by the square root of its singular value.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Rows, complete, in any units: each column is brought to unit variance first.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights as frequencies.

    Returns
    -------
    ndarray of shape (n_samples, rank)
        The rows; directions without variance are left out, and one that is 0 stands in for all.
    """
    return _along_axes(x, sample_weight, 0.25)


def _along_axes(x: Array, sample_weight: Array | None, power: float) -> Array:
    """Rows along their principal axes, divided by a power of the eigenvalues."""
    weights = np.ones(len(x)) if sample_weight is None else sample_weight / np.median(sample_weight)
    x = x - weights @ x / weights.sum()
    peak = np.abs(x).max(axis=0)
    x = x[:, peak > 0.0] / peak[peak > 0.0]
    x /= np.sqrt(weights @ x**2 / max(weights.sum() - 1.0, 0.5))
    if x.shape[1] == 0:
        return np.zeros((len(x), 1))
    values, axes = np.linalg.eigh(x.T @ (x * weights[:, None]))
    kept = values > EPS * len(x) * values[-1]
    rotated: Array = x @ axes[:, kept][:, ::-1] / values[kept][::-1] ** power
    return rotated


class _Forest:
    """Clusters so far, features first, and what merging any two of them would cost."""

    def __init__(self, x: Array, weights: Array):
        d, n = x.shape
        self.name = np.arange(n)
        self.size = np.ones(n)  # distinct rows: up to d of them have no volume
        self.n = weights
        self.mean = x
        self.scatter = np.zeros((d, d, n))
        centre = x @ weights / weights.sum()
        total = float(((x - centre[:, None]) ** 2 @ weights).sum())
        self.alpha = max(total / (weights.sum() * d), EPS)
        self.trace = np.zeros(n)
        self.term = _term(weights, 0.0, self.trace, self.alpha)
        self.cost = np.empty((n, n))
        for i in range(n):
            self.cost[i] = self._costs(i)
        np.fill_diagonal(self.cost, np.inf)
        self.nearest = self.cost.argmin(axis=1)
        self.least = self.cost[np.arange(n), self.nearest]
        self.n_left = n

    def merge(self) -> tuple[tuple[int, int], float]:
        """Merge the two that cost least: their names and the cost."""
        i = int(self.least.argmin())
        i, j = sorted((i, int(self.nearest[i])))
        pair, rise = (int(self.name[i]), int(self.name[j])), float(self.cost[i, j])
        self._join(i, j)
        self.n_left -= 1
        self._forget(j)
        costs = self._costs(i)
        costs[i] = np.inf
        costs[self.n == 0.0] = np.inf
        self.cost[i] = self.cost[:, i] = costs
        self._find_nearest(i, j, costs)
        if 2 * self.n_left <= len(self.n):
            self._compact()
        return pair, rise

    def _join(self, i: int, j: int) -> None:
        n = self.n[i] + self.n[j]
        apart = self.mean[:, j] - self.mean[:, i]
        self.scatter[..., i] += self.scatter[..., j]
        self.scatter[..., i] += self.n[i] * self.n[j] / n * np.outer(apart, apart)
        self.mean[:, i] += self.n[j] / n * apart
        self.trace[i] = np.trace(self.scatter[..., i])
        self.term[i] += self.term[j] + self.cost[i, j]
        self.n[i] = n
        self.size[i] += self.size[j]

    def _forget(self, j: int) -> None:
        self.n[j] = self.size[j] = 0.0
        self.cost[j] = self.cost[:, j] = np.inf
        self.least[j] = np.inf

    def _costs(self, i: int) -> Array:
        """What the criterion rises by where cluster i takes in each of the others."""
        n = self.n[i] + self.n
        share = self.n[i] * self.n / n
        apart = self.mean - self.mean[:, i, None]
        trace = self.trace[i] + self.trace + share * np.einsum("ij,ij->j", apart, apart)
        volume = self._volumes(i, apart * np.sqrt(share / n), n)
        joint: Array = _term(n, volume, trace, self.alpha)
        return joint - self.term[i] - self.term

    def _volumes(self, i: int, apart: Array, n: Array) -> Array:
        """Determinants of the covariances of cluster i with each of the others."""
        d, own = len(self.mean), self.scatter[..., i]
        volume = np.zeros(len(n))
        solid = (self.size[i] + self.size > d) & (self.size > 0.0)
        determinant = np.linalg.det(own / self.n[i]) if self.size[i] > d else 0.0
        if determinant > FLAT_DETERMINANT * (own.diagonal() / self.n[i]).prod():
            # A single row adds a matrix of rank one.
            alone = np.flatnonzero(self.size == 1.0)
            y = apart[:, alone]
            stretch = 1.0 + n[alone] * np.einsum("ij,ij->j", y, np.linalg.solve(own, y))
            volume[alone] = determinant * (self.n[i] / n[alone]) ** d * stretch
            solid &= self.size > 1.0
        rest = np.flatnonzero(solid)
        if len(rest):
            y = apart[:, rest]
            scatter = (self.scatter[..., rest] + own[..., None]) / n[rest]
            volume[rest] = _determinants(scatter + y[:, None] * y)
        return volume

    def _find_nearest(self, i: int, j: int, costs: Array) -> None:
        """Keep for every cluster which other one it costs least to merge with."""
        lost = np.flatnonzero(((self.nearest == i) | (self.nearest == j)) & (self.n > 0.0))
        closer = costs < self.least
        self.nearest[closer] = i
        self.least[closer] = costs[closer]
        lost = np.append(lost[~closer[lost] & (lost != i)], i)
        rows = self.cost[lost]
        self.nearest[lost] = rows.argmin(axis=1)
        self.least[lost] = rows.min(axis=1)

    def _compact(self) -> None:
        """Hold no more than the clusters that are left."""
        left = np.flatnonzero(self.n > 0.0)
        place = np.zeros(len(self.n), dtype=np.intp)
        place[left] = np.arange(len(left))
        for attribute in ("name", "size", "n", "trace", "term", "least"):
            setattr(self, attribute, getattr(self, attribute)[left])
        self.nearest = place[self.nearest[left]]
        self.mean, self.scatter = self.mean[:, left], self.scatter[..., left]
        self.cost = self.cost[np.ix_(left, left)]


def _term(n: Array, volume: Any, trace: Array, alpha: float) -> Any:
    """A cluster's part in the criterion."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return n * np.log(volume + (trace + alpha) / n)


def _determinants(a: Array) -> Array:
    """Determinants of positive semidefinite matrices (d, d, m), by elimination in place."""
    d = len(a)
    out = np.ones(a.shape[-1])
    for k in range(d):
        pivot = np.maximum(a[k, k], 0.0)
        out *= pivot
        if k + 1 < d:
            factor = a[k, k + 1 :] / np.where(pivot > 0.0, pivot, np.inf)
            a[k + 1 :, k + 1 :] -= factor[:, None] * a[k, k + 1 :]
    return out
