"""Random partitions of rows, to start from."""

import numpy as np

from emkit._typing import Array
from emkit.engine.posterior import hard
from emkit.models.kmeans import KMeans, Points

__all__ = ["kmeans_partition", "standardise"]

#: Rows that k-means looks at; of longer data it takes a random sample.
SAMPLE_ROWS = 25_000
#: Steps of k-means: a start need not have converged.
STEPS = 20


def kmeans_partition(
    x: Array, n_classes: int, rng: np.random.Generator, sample_weight: Array | None = None
) -> Array:
    """Responsibilities (K, n), 1 for the nearest centre of a run of k-means on x (n, p)."""
    rows = rng.choice(len(x), SAMPLE_ROWS) if len(x) > 2 * SAMPLE_ROWS else slice(None)
    points = Points(x[rows], None if sample_weight is None else sample_weight[rows])
    kmeans = KMeans(n_classes)
    centres = kmeans.initialize(points, rng)
    for _ in range(STEPS):
        previous, centres = centres, kmeans.m_step(kmeans.e_step(points, centres, hard)[0], centres)
        if np.array_equal(previous.centers, centres.centers):
            break
    labels = kmeans.labels(Points(x), centres)
    return (labels == np.arange(n_classes)[:, None]).astype(float)


def standardise(x: Array) -> Array:
    """Columns (n, d) with mean 0 and variance 1; 0 for a missing cell and a constant column."""
    x = np.array(x, dtype=float)
    missing = np.isnan(x)
    n = np.maximum((~missing).sum(axis=0), 1)
    x -= np.where(missing, 0.0, x).sum(axis=0) / n
    x[missing] = 0.0
    scale = np.sqrt((x**2).sum(axis=0) / n)
    return x / np.where(scale > 0.0, scale, 1.0)
