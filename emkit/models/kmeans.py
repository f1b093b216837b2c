r"""K-means: hard EM of a mixture with equal spherical covariances and equal weights.

With those, the classification likelihood is, up to constants, minus the sum of squares

.. math:: \sum_i s_i \min_k \lVert x_i - c_k \rVert^2 .

What EM adds to it are responsibilities instead of labels, and clusters that differ in size, shape
and weight.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import LatentClassModel
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import tile_rows

__all__ = ["KMeans", "KMeansParams", "Points", "distant_rows"]


class KMeansParams(NamedTuple):
    """Parameters of k-means.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features)
        Centres of the clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.kmeans import KMeansParams
    >>> start = KMeansParams(np.array([[0.0], [1.0]]))  # for fit_em(..., start=start)
    """

    centers: Array


class KMeansStats(NamedTuple):
    """Weighted counts (K,) and sums (K, d) of the clusters, and the sum of all distances."""

    n: Array
    sums: Array
    distance: float


class Points(NamedTuple):
    """Data of k-means.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; a tile of them is transposed.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights as frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.kmeans import Points
    >>> Points(np.array([[0.0], [1.0]])).sample_weight is None
    True
    """

    X: Array
    sample_weight: Array | None = None


#: What the steps of k-means are measured by, from one point of the run to the next.
STOPS = ("mse", "mae", "shift")
#: As many rows as there may be, to bound the rounding of their sum of squares.
MANY_ROWS = 1e9
#: Numbers of all centres from which on a product of matrices is faster than their differences.
MIN_PRODUCT = 16
#: Part of the squared lengths below which a difference of them has lost digits.
CANCELLING = 1e-2


class KMeans(LatentClassModel):
    r"""K-means as a model with latent classes: climb it with hard assignments.

    .. math:: \max_c\; -\sum_i s_i \min_k \lVert x_i - c_k \rVert^2

    The objective is minus the sum of squares, so ``-result.history`` is how that falls. Data are
    `Points`. A cluster that loses its last row keeps its centre.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    stop : {'mse', 'mae', 'shift'}, default='mse'
        What ``tol`` is compared with: the fall of the mean squared distance, the change of the
        mean distance, or the squared length of the step of all centres together.

    References
    ----------
    Lloyd, S. P. (1982). Least squares quantization in PCM. IEEE Transactions on Information
    Theory 28, 129-137. doi:10.1109/TIT.1982.1056489

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models.kmeans import KMeans, KMeansParams, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> start = KMeansParams(np.array([[0.0], [1.0]]))
    >>> result = fit_em(KMeans(2), data, start=start, algorithm="cem")
    >>> result.params.centers.ravel()
    array([ 0.5, 10.5])
    >>> -result.history[[0, -1]]
    array([181.,   1.])
    """

    def __init__(self, n_clusters: int, *, stop: str = "mse"):
        if n_clusters < 1:
            raise ValueError(f"n_clusters must be at least 1. Got {n_clusters!r}.")
        if stop not in STOPS:
            raise ValueError(f"stop must be one of {STOPS}. Got {stop!r}.")
        self.n_clusters = n_clusters
        self.stop = stop

    def initialize(self, data: Points, rng: np.random.Generator) -> KMeansParams:
        rows = distant_rows(np.asarray(data.X, float).T, self.n_clusters, rng, data.sample_weight)
        return KMeansParams(np.asarray(data.X[rows], float))

    def tiles(self, data: Points, params: KMeansParams) -> Iterator[Points]:
        n, d = data.X.shape
        step = tile_rows(2 * d + self.n_clusters)
        for start in range(0, n, step):
            rows = slice(start, start + step)
            weights = data.sample_weight
            x = np.array(data.X[rows].T, dtype=float, order="C")
            yield Points(x, None if weights is None else weights[rows])

    def weights(self, tile: Points) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: Points, params: KMeansParams) -> tuple[Array, Any]:
        log_joint = -squared_distances(tile.X, params.centers)
        # The posterior overwrites them, so that the distances are taken here if they are wanted.
        distance = np.sqrt(-log_joint.max(axis=0)) if self.stop == "mae" else None
        return log_joint, (tile.X, distance)

    def statistics(self, tile: Points, resp: Array, work: Any, params: KMeansParams) -> KMeansStats:
        x, distance = work
        n = resp.sum(axis=1)
        total = 0.0 if distance is None else float(distance @ resp.sum(axis=0))
        return KMeansStats(n, resp @ x.T, total)

    def m_step(self, stats: KMeansStats, params: KMeansParams) -> KMeansParams:
        n = stats.n[:, None]
        means = stats.sums / np.where(n > 0.0, n, 1.0)
        return KMeansParams(np.where(n > 0.0, means, params.centers))

    def objective_rounding(self, params: KMeansParams, objective: float) -> float:
        # A mean is known to rounding, which is all that is left where rows coincide with centres.
        of_a_row = (4.0 * EPS) ** 2 * float((params.centers**2).sum(axis=1).max())
        return max(super().objective_rounding(params, objective), MANY_ROWS * of_a_row)

    def progress(self, before: Any, after: Any) -> float:
        if self.stop == "shift":
            return float(((after.params.centers - before.params.centers) ** 2).sum())
        n = after.stats.n.sum()
        if self.stop == "mae":
            return abs(after.stats.distance - before.stats.distance) / n
        return (after.objective - before.objective) / n

    def labels(self, data: Points, params: KMeansParams) -> NDArray[np.intp]:
        """Nearest centre of each row.

        Parameters
        ----------
        data : Points
            The rows.
        params : KMeansParams
            The centres.

        Returns
        -------
        ndarray of shape (n_samples,)
            Indices of centres.
        """
        tiles = self.tiles(data, params)
        return np.concatenate(
            [squared_distances(tile.X, params.centers).argmin(axis=0) for tile in tiles]
        )


def squared_distances(x: Array, centers: Array, out: Array | None = None) -> Array:
    """Squared distances (K, n) of x (d, n) from the centres (K, d), nothing cancelling.

    By one product of matrices; those small beside what they are the difference of, over again.
    """
    out = np.empty((len(centers), x.shape[1])) if out is None else out
    if centers.size < MIN_PRODUCT:
        return _differences(x, centers, out)
    middle = centers.mean(axis=0)
    away, about = x - middle[:, None], centers - middle
    squares, norms = np.einsum("dn,dn->n", away, away), np.einsum("kd,kd->k", about, about)
    np.matmul(-2.0 * about, away, out=out)
    out += squares
    out += norms[:, None]
    cells = np.flatnonzero(out < CANCELLING * (squares + norms.max()))
    if 8 * len(cells) > out.size:
        return _differences(x, centers, out)
    k, i = np.divmod(cells, x.shape[1])
    apart = np.take(x, i, axis=1) - np.take(centers.T, k, axis=1)
    out.flat[cells] = np.einsum("dm,dm->m", apart, apart)
    return out


def _differences(x: Array, centers: Array, out: Array) -> Array:
    apart = np.empty_like(x)
    for k, center in enumerate(centers):
        np.subtract(x, center[:, None], out=apart)
        np.einsum("ij,ij->j", apart, apart, out=out[k])
    return out


def distant_rows(
    x: Array, n_clusters: int, rng: np.random.Generator, sample_weight: Array | None = None
) -> NDArray[np.intp]:
    """Rows far from each other, by greedy k-means++.

    Each is the best of some candidates drawn in proportion to the squared distance from those
    chosen before.

    Parameters
    ----------
    x : ndarray of shape (n_features, n_samples)
        Rows, transposed.
    n_clusters : int
        How many rows to choose.
    rng : numpy.random.Generator
        Source of randomness.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights as frequencies.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Indices of rows.

    References
    ----------
    Arthur, D. & Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    Proceedings of the 18th Annual ACM-SIAM Symposium on Discrete Algorithms, 1027-1035.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.kmeans import distant_rows
    >>> x = np.array([[0.0, 1.0, 100.0, 101.0]])
    >>> rows = distant_rows(x, 2, np.random.default_rng(0))
    >>> np.sort(rows // 2)  # one of each pair
    array([0, 1])
    """
    n = x.shape[1]
    weights = np.ones(n) if sample_weight is None else sample_weight
    last = n - 1 if sample_weight is None else int(np.flatnonzero(weights)[-1])
    n_candidates = 2 + int(np.log(n_clusters))
    chosen = np.empty(n_clusters, dtype=np.intp)
    nearest = np.ones(n)
    distances = np.empty((n_candidates, n))  # once: large arrays are dear to come by
    for k in range(n_clusters):
        mass = np.cumsum(weights * nearest)
        drawn = rng.random(n_candidates if k else 1) * mass[-1]
        # Where no mass is left, rows equal to those chosen, but none of weight 0.
        candidates = np.minimum(np.searchsorted(mass, drawn, side="right"), last)
        near = squared_distances(x, x[:, candidates].T, distances[: len(candidates)])
        if k:
            np.minimum(near, nearest, out=near)
        best = int((near @ weights).argmin())
        chosen[k] = candidates[best]
        nearest[:] = near[best]
    return chosen
