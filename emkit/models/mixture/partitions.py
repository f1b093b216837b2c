"""Partitions that a mixture may start from: k-means in columns seen in several ways, and intervals.

None of them depends on the units of the columns. Where scale carries meaning, as in principal
components, it shows in how far apart rows are within small clusters: columns that part the rows
are narrow there. Where one column by its unit outweighs all others, k-means divides that column
alone: so every single column is divided too, and the mixture says which of them tells most.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.agglomeration import half_sphered
from emkit.numerics.gaussian import tile_rows

__all__ = ["interval_partitions", "kmeans_partitions", "views_of"]

Labels = NDArray[np.intp]

#: Small clusters within which columns are measured, rows at least for each, and rounds of k-means
#: that make them.
FINE_CLUSTERS, FINE_ROWS, FINE_ROUNDS = 10, 4, 4
#: Part of a column's variance that it has within them at least.
LEAST_WITHIN = 1e-2
#: Variance that stands in for none.
TINY = 1e-300
#: Shrinkage of correlations within them.
SHRINKAGE = 1e-3
#: Most rounds of k-means, and the squared step of all centres, in mean variances of a column, that
#: ends it: what is left to do EM does better.
ROUNDS, SMALL_SHIFT = 30, 1e-4
#: Centres at most that are few: a product of matrices then takes less time than labels do.
FEW = 32
#: Columns at most that are divided one by one, and groups of neighbouring rows that stay together.
COLUMNS, GROUPS = 5, 32


def views_of(x: Array, rng: np.random.Generator, sample_weight: Array | None = None) -> list[Array]:
    """The rows (n, d) in columns as they are within small clusters, and as they are in all rows.

    Those are each column in units of its spread within the clusters, and all of them sphered by
    their covariance there; rows sphered by the covariance of all, and rows half-way to that. One
    column looks the same in any view.
    """
    if x.shape[1] == 1:
        return [x]
    weights = np.ones(len(x)) if sample_weight is None else sample_weight
    spread = np.sqrt(weights @ (x - weights @ x / weights.sum()) ** 2 / weights.sum())
    standard = x / np.where(spread > 0.0, spread, 1.0)
    within = _covariance_within(standard, rng, weights)
    scale = np.sqrt(np.maximum(within.diagonal(), LEAST_WITHIN))
    within = within * (1.0 - SHRINKAGE) + np.diag(SHRINKAGE * scale**2)
    whitening = np.linalg.inv(np.linalg.cholesky(within)).T
    along = half_sphered(x, sample_weight)
    sphered = along / np.sqrt(weights @ along**2 / weights.sum() + TINY)
    return [standard / scale, standard @ whitening, sphered, along]


def interval_partitions(
    x: Array, n_clusters: int, rng: np.random.Generator, sample_weight: Array | None = None
) -> Labels:
    """Labels (m, n) of the rows, each by intervals of one column with the least sum of squares.

    Columns are drawn at random, at most `COLUMNS` and all but one, so that starts differ; left out
    are those that have fewer values than there are clusters. Exact but for rows that stay together.

    References
    ----------
    Fisher, W. D. (1958). On grouping for maximum homogeneity. Journal of the American Statistical
    Association 53, 789-798. doi:10.1080/01621459.1958.10501479
    """
    (n, d), starts = x.shape, _group_starts(len(x))
    if n_clusters > len(starts):
        return np.empty((0, n), dtype=np.intp)
    drawn = rng.permutation(d)[: max(min(COLUMNS, d - 1), 1)]
    columns = np.ascontiguousarray(x.T[drawn])
    if sample_weight is None:
        ordered = np.sort(columns, axis=1)
        weights = np.ones_like(ordered)
    else:
        order = np.argsort(columns, axis=1)
        ordered, weights = np.take_along_axis(columns, order, axis=1), sample_weight[order]
    sums = np.zeros((3, len(columns), len(starts) + 1))
    powers = weights * np.stack([np.ones_like(ordered), ordered, ordered**2])
    np.cumsum(np.add.reduceat(powers, starts, axis=2), axis=2, out=sums[..., 1:])
    borders = _borders(_sums_of_squares(*sums), n_clusters)
    middles = 0.5 * (ordered[:, starts] + ordered[:, np.maximum(starts - 1, 0)])
    cuts = np.take_along_axis(middles, borders, axis=1)
    labels = np.stack([np.searchsorted(*pair) for pair in zip(cuts, columns, strict=True)])
    resp = (labels[:, None] == np.arange(n_clusters)[:, None]).astype(float)
    filled = resp.sum(axis=2) if sample_weight is None else resp @ sample_weight
    return labels[(filled > 0.0).all(axis=1)]


def _group_starts(n: int) -> NDArray[np.intp]:
    """First of the sorted rows of each group; groups are shorter towards long tails."""
    if n <= GROUPS:
        return np.arange(n)
    spaced = np.sin(0.5 * np.pi * np.arange(GROUPS) / GROUPS) ** 2
    return np.unique((n * spaced).astype(np.intp))


def _sums_of_squares(n: Array, first: Array, second: Array) -> Array:
    """Of the groups from a to b - 1 about their mean (d, a, b), from sums of those before each."""
    n, first, second = (part[:, None, :] - part[:, :, None] for part in (n, first, second))
    squares = np.full(n.shape, np.inf)
    np.divide(first**2, n, out=squares, where=n > 0.0)
    return np.where(n > 0.0, second - squares, np.inf)


def _borders(cost: Array, n_intervals: int) -> NDArray[np.intp]:
    """First groups (d, n_intervals - 1) of the intervals but the first, by dynamic programming."""
    least, last = cost[:, 0], []
    for _ in range(n_intervals - 1):
        total = least[:, :, None] + cost
        last.append(total.argmin(axis=1))
        least = total.min(axis=1)
    end = np.full((len(cost), 1), cost.shape[1] - 1)
    borders = []
    for begin in reversed(last):
        end = np.take_along_axis(begin, end, axis=1)
        borders.append(end)
    return np.hstack(borders[::-1])


def kmeans_partitions(
    views: list[Array],
    n_clusters: int,
    rng: np.random.Generator,
    sample_weight: Array | None = None,
) -> NDArray[np.intp]:
    """Labels (n_views, n) of one run of k-means in each view of the same rows."""
    n, d = len(views[0]), max(view.shape[1] for view in views)
    x = np.zeros((len(views), n, d + 1))
    x[..., d] = 1.0  # takes the lengths of centres in
    for i, view in enumerate(views):
        x[i, :, : view.shape[1]] = (view - view.mean(axis=0)) / np.sqrt(
            view.var(axis=0).mean() or 1.0
        )
    weights = np.ones(n) if sample_weight is None else sample_weight
    return _lloyd(x, _distant(x, n_clusters, rng, weights), weights, ROUNDS)


def _distant(x: Array, n_clusters: int, rng: np.random.Generator, weights: Array) -> Array:
    """Rows far from each other in every view, by greedy k-means++ (see `distant_rows`)."""
    n_views, n, d = x.shape
    n_candidates, views = 2 + int(np.log(n_clusters)), np.arange(n_views)
    last = int(np.flatnonzero(weights)[-1])
    lengths = np.einsum("vnd,vnd->vn", x, x)
    # One product with (x, x'x) and (-2 c, 1) is |x - c|^2 but for |c|^2, which is put in place of
    # the column of ones.
    columns = np.concatenate([x, lengths[..., None]], axis=2).transpose(0, 2, 1)
    columns = np.ascontiguousarray(columns, _precision(n_clusters))
    nearest, weights = np.ones((n_views, n), columns.dtype), weights.astype(columns.dtype)
    chosen = np.empty((n_views, n_clusters), dtype=np.intp)
    for k in range(n_clusters):
        mass = np.cumsum(weights * nearest, axis=1, dtype=float)
        drawn = rng.random((n_views, n_candidates if k else 1)) * mass[:, -1:]
        places = [np.searchsorted(m, u, side="right") for m, u in zip(mass, drawn, strict=True)]
        candidates = np.minimum(places, last)
        slopes = np.ones((*candidates.shape, d + 1), columns.dtype)
        slopes[..., :d] = -2.0 * x[views[:, None], candidates]
        slopes[..., d - 1] += lengths[views[:, None], candidates]
        near = slopes @ columns
        if k:
            np.minimum(near, nearest[:, None], out=near)
        best = (near @ weights).argmin(axis=1)
        chosen[:, k] = candidates[views, best]
        nearest = np.maximum(near[views, best], 0.0)
    return x[views[:, None], chosen]


def _lloyd(x: Array, centers: Array, weights: Array, rounds: int) -> Labels:
    """Labels (n_views, n) after some rounds; a centre that loses its last row stays.

    The last column of rows and centres is 1: it counts rows, and takes the lengths of centres in.
    """
    columns = np.ascontiguousarray(x.transpose(0, 2, 1), _precision(centers.shape[1]))
    weighted = x * weights[:, None]
    labels = np.empty(x.shape[:2], dtype=np.intp)
    left = np.arange(len(x))  # views in which centres still move
    for last in range(rounds - 1, -1, -1):
        nearest = _nearest(columns, centers)
        if last:
            sums = _sums(weighted, nearest, centers.shape[1])
            counts = sums[..., -1:]
            moved = np.divide(sums, counts, out=centers.copy(), where=counts > 0.0)
            moving = ((moved - centers) ** 2).sum(axis=(1, 2)) > SMALL_SHIFT
        if not last or not moving.all():
            ended = ~moving if last else np.ones(len(left), dtype=bool)
            labels[left[ended]] = _labels(nearest[ended])
            if ended.all():
                break
            left, moved, columns, weighted = (
                part[~ended] for part in (left, moved, columns, weighted)
            )
        centers = moved
    return labels


def _precision(n_clusters: int) -> Any:
    """Single precision for many centres, in half the time: who is nearer by less has no say."""
    return np.float64 if n_clusters <= FEW else np.float32


def _nearest(columns: Array, centers: Array) -> NDArray[Any]:
    """Labels (n_views, n) of the rows by the nearest of many centres.

    Of few it is quicker to mark the nearest (n_views, n_clusters, n); equal ones share their rows.
    """
    slopes = centers.copy()
    slopes[..., -1] = -0.5 * (np.einsum("vkd,vkd->vk", centers, centers) - 1.0)
    # The nearest centre is that of the largest x'c - c'c / 2.
    if centers.shape[1] <= FEW:
        nearness = slopes @ columns
        return (nearness == nearness.max(axis=1, keepdims=True)).astype(float)
    n_views, _, n = columns.shape
    slopes = slopes.astype(columns.dtype)
    labels, step = np.empty((n_views, n), dtype=np.intp), tile_rows(centers.shape[1])
    for view, x, c in zip(labels, columns, slopes, strict=True):
        for start in range(0, n, step):
            rows = slice(start, start + step)
            np.argmax(x[:, rows].T @ c.T, axis=1, out=view[rows])
    return labels


def _sums(weighted: Array, nearest: NDArray[Any], n_clusters: int) -> Array:
    """Sums (n_views, n_clusters, d) of the rows by the nearest centre."""
    if nearest.ndim == 3:
        return np.asarray(nearest @ weighted)
    pairs = zip(weighted, nearest, strict=True)
    columns = [[np.bincount(of, w, n_clusters) for w in rows.T] for rows, of in pairs]
    return np.array(columns).transpose(0, 2, 1)


def _labels(nearest: NDArray[Any]) -> Labels:
    return np.asarray(nearest.argmax(axis=1) if nearest.ndim == 3 else nearest)


def _covariance_within(x: Array, rng: np.random.Generator, weights: Array) -> Array:
    """Pooled covariance of some small clusters."""
    k = max(min(FINE_CLUSTERS, len(x) // FINE_ROWS), 1)
    rows = np.column_stack([x, np.ones(len(x))])[None]
    start = rows[:, rng.choice(len(x), k, replace=False)]
    labels = _lloyd(rows, start, weights, FINE_ROUNDS)[0]
    resp = (labels == np.arange(k)[:, None]) * weights
    n = resp.sum(axis=1)
    apart = x - (resp @ x / np.where(n > 0.0, n, 1.0)[:, None])[labels]
    covariance: Array = apart.T @ (apart * weights[:, None]) / n.sum()
    return covariance
