"""Starts from mixtures of one component more or fewer, in their statistics.

Sums of rows add up: two components become one whose statistics are the sum of theirs. A component
becomes two that together have its mean and its covariance.
"""

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.many_mixtures import Features

__all__ = ["merged", "parted"]

#: Standard deviations of its longest axis by which the halves of a component are off its mean.
OFF_CENTRE = 0.8


def merged(features: Features, statistics: Array) -> Array:
    """Statistics (K - 1, n_features) with the two components as one that lose least by it.

    What they lose is in squared distances of their means, by the sum of their covariances.
    """
    n, means, scatter = features.moments(statistics)
    covariances = scatter / n[:, None, None]
    a, b = np.triu_indices(len(n), 1)
    apart, within = means[a] - means[b], covariances[a] + covariances[b]
    distances = (apart * _solved(within, apart)).sum(axis=1)
    first, second = (
        int(part[np.argmin(n[a] * n[b] / (n[a] + n[b]) * distances)]) for part in (a, b)
    )
    sums = statistics.copy()
    sums[first] += sums[second]
    return np.delete(sums, second, axis=0)


def parted(features: Features, statistics: Array) -> Array:
    """Statistics (K + 1, n_features) with the component of the largest scatter as two along its
    longest axis."""
    n, means, scatter = features.moments(statistics)
    k = int(np.trace(scatter, axis1=1, axis2=2).argmax())
    values, axes = np.linalg.eigh(scatter[k] / n[k])
    step = OFF_CENTRE * np.sqrt(max(values[-1], 0.0)) * axes[:, -1]
    i, j = features.pairs
    d = len(step)
    moved = np.zeros(statistics.shape[1])  # what a row about the mean has more, moved by the step
    moved[1 : 1 + d] = step
    moved[1 + d :] = means[k, i] * step[j] + step[i] * means[k, j]
    halves = 0.5 * (statistics[k] + n[k] * np.stack([moved, -moved]))
    return np.concatenate([np.delete(statistics, k, axis=0), halves])


def _solved(matrices: Array, vectors: Array) -> Array:
    solved: Array = (np.linalg.pinv(matrices, hermitian=True) @ vectors[:, :, None])[:, :, 0]
    return solved
