"""Partitions that a mixture may start from: k-means in columns seen in several ways, at once.

None of them depends on the units of the columns. Where scale carries meaning, as in principal
components, it shows in how far apart rows are within small clusters: columns that part the rows
are narrow there.
"""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.agglomeration import sphered

__all__ = ["kmeans_partitions", "views_of"]

Labels = NDArray[np.intp]

#: Small clusters within which columns are measured, rows at least for each, and rounds of k-means
#: that make them.
FINE_CLUSTERS, FINE_ROWS, FINE_ROUNDS = 10, 4, 4
#: Part of a column's variance that it has within them at least.
LEAST_WITHIN = 1e-2
#: Shrinkage of correlations within them.
SHRINKAGE = 1e-3
#: Most rounds of k-means, and the squared step of all centres, in mean variances of a column, that
#: ends it: what is left to do EM does better.
ROUNDS, SMALL_SHIFT = 30, 1e-4


def views_of(x: Array, rng: np.random.Generator, sample_weight: Array | None = None) -> list[Array]:
    """The rows (n, d) as they come, and in columns as they are within small clusters.

    Those are each column in units of its spread within the clusters, and all of them sphered by
    their covariance there; last, rows sphered by the covariance of all. One column looks the same
    in any view.
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
    return [x, standard / scale, standard @ whitening, sphered(x, sample_weight)]


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
    n_views, n, _ = x.shape
    n_candidates, views = 2 + int(np.log(n_clusters)), np.arange(n_views)
    last = int(np.flatnonzero(weights)[-1])
    lengths = np.einsum("vnd,vnd->vn", x, x)
    nearest = np.ones((n_views, n))
    chosen = np.empty((n_views, n_clusters), dtype=np.intp)
    for k in range(n_clusters):
        mass = np.cumsum(weights * nearest, axis=1)
        drawn = rng.random((n_views, n_candidates if k else 1)) * mass[:, -1:]
        places = [np.searchsorted(m, u, side="right") for m, u in zip(mass, drawn, strict=True)]
        candidates = np.minimum(places, last)
        centers = x[views[:, None], candidates]
        near = lengths[:, None] - 2.0 * centers @ x.transpose(0, 2, 1)
        near += lengths[views[:, None], candidates][..., None]
        np.maximum(near, 0.0, out=near)
        if k:
            np.minimum(near, nearest[:, None], out=near)
        best = (near @ weights).argmin(axis=1)
        chosen[:, k], nearest = candidates[views, best], near[views, best]
    return x[views[:, None], chosen]


def _lloyd(x: Array, centers: Array, weights: Array, rounds: int) -> NDArray[np.intp]:
    """Labels (n_views, n) after some rounds; a centre that loses its last row stays.

    The last column of rows and centres is 1: it counts rows, and takes the lengths of centres in.
    """
    columns = np.ascontiguousarray(x.transpose(0, 2, 1))
    weighted = x * weights[:, None]
    labels = np.empty(x.shape[:2], dtype=np.intp)
    left = np.arange(len(x))  # views in which centres still move
    for last in range(rounds - 1, -1, -1):
        slopes = centers.copy()
        slopes[..., -1] = -0.5 * (np.einsum("vkd,vkd->vk", centers, centers) - 1.0)
        # The nearest centre is that of the largest x'c - c'c / 2.
        nearness = slopes @ columns
        if last:
            # Centres that are equal share their rows, and stay equal.
            sums = (nearness == nearness.max(axis=1, keepdims=True)).astype(float) @ weighted
            counts = sums[..., -1:]
            moved = np.divide(sums, counts, out=centers.copy(), where=counts > 0.0)
            moving = ((moved - centers) ** 2).sum(axis=(1, 2)) > SMALL_SHIFT
        if not last or not moving.all():
            ended = ~moving if last else np.ones(len(left), dtype=bool)
            labels[left[ended]] = nearness[ended].argmax(axis=1)
            if ended.all():
                break
            left, moved, columns, weighted = (
                part[~ended] for part in (left, moved, columns, weighted)
            )
        centers = moved
    return labels


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
