r"""Rows that lie sparsely, from which noise starts: nearest-neighbour clutter removal.

Where rows are a Poisson process of some density, the volume of the ball that reaches from a row to
its k-th neighbour is gamma distributed with shape k, and its rate goes with the density. A mixture
of two such gammas, fitted by EM, tells the dense rows from the sparse ones.

References
----------
Byers, S. & Raftery, A. E. (1998). Nearest-neighbor clutter removal for estimating features in
spatial point processes. Journal of the American Statistical Association 93, 577-584.
doi:10.1080/01621459.1998.10473711
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from emkit._typing import Array
from emkit.models.rows import Rows

__all__ = ["find_clutter"]

#: The neighbour that is measured to, or the one at half of the rows where these are few.
NEIGHBOUR = 10
#: Neighbours that are looked for, in that number: rows of small weight count for less than one.
LOOK = 3
#: Steps of EM at most, and change of the shares of the two gammas at which it ends.
STEPS, STILL = 200, 1e-6
#: Part of the weight that is sparse, at least and at most.
LEAST, MOST = 0.02, 0.8
#: Rows of each component, times one more than columns, that are left over at least.
ROWS_LEFT = 2


def find_clutter(data: Rows, n_components: int) -> NDArray[np.bool_]:
    """Which of complete rows lie so sparsely that they may be noise.

    Columns count in units of their standard deviations. Weights are numbers of rows.

    Parameters
    ----------
    data : Rows
        Few enough for their distances.
    n_components : int
        Components that are left rows to start from; where there are too few, none is sparse.
    """
    n, d = data.X.shape
    left = ROWS_LEFT * n_components * (d + 1)
    if n <= left:
        return np.zeros(n, dtype=bool)
    shift, scale = data.scaling()
    x = (data.X - shift) / np.where(scale > 0.0, scale, 1.0)
    weights = np.ones(n) if data.sample_weight is None else data.sample_weight.astype(float)
    counts = weights * max(n / weights.sum(), 1.0)
    distance = np.frombuffer(_neighbour_distances(x.tobytes(), n, counts.tobytes()))
    share = min(max(_sparse_share(d, distance, weights), LEAST), MOST)
    order = np.argsort(-distance, kind="stable")
    beyond = np.cumsum(weights[order]) / weights.sum()
    allowed = np.minimum(beyond <= share, np.arange(n) < n - left)
    last = int(allowed.sum())
    if last == 0:
        return np.zeros(n, dtype=bool)
    # Rows beyond a distance, that rows which are equal fare alike: those all do, or none.
    nearest = distance[order[last - 1]]
    whole = last == n or distance[order[last]] < nearest
    return np.asarray(distance >= nearest if whole else distance > nearest)


@lru_cache(maxsize=2)
def _neighbour_distances(x: bytes, n: int, counts: bytes) -> bytes:
    """Distance of each row to its k-th neighbour; kept, as it serves all starts and fits."""
    from scipy.spatial import cKDTree

    rows, of_row = np.frombuffer(x).reshape(n, -1), np.frombuffer(counts)
    total = of_row.sum()
    k = min(NEIGHBOUR, max(int(total / 2), 1))
    distances, neighbours = cKDTree(rows).query(rows, min(LOOK * k, n))
    # A row is the first of its own neighbours, and no neighbour of itself.
    seen = np.cumsum(of_row[neighbours.reshape(n, -1)], axis=1) - 1.0
    place = np.minimum((seen < k - 1e-9).sum(axis=1), seen.shape[1] - 1)
    distances = distances.reshape(n, -1)
    found: bytes = distances[np.arange(n), place].tobytes()
    return found


def _sparse_share(d: int, distance: Array, weights: Array) -> float:
    """Share of the sparse rows, by EM for two gammas of one shape."""
    k = NEIGHBOUR
    if not distance.any():  # rows that all have copies
        return 0.0
    with np.errstate(divide="ignore"):
        log_volume = d * np.log(distance)
    volume = np.exp(log_volume - log_volume.max())
    total = weights.sum()
    centre = np.sort(volume)[len(volume) // 2]
    sparse = (volume > centre).astype(float)
    share = before = 0.5
    for _ in range(STEPS):
        in_sparse, in_dense = weights * sparse, weights * (1.0 - sparse)
        share = float(in_sparse.sum() / total)
        volumes = np.array([in_dense @ volume, in_sparse @ volume])
        if not (0.0 < share < 1.0 and (volumes > 0.0).all()):
            return 0.0
        rates = k * np.array([in_dense.sum(), in_sparse.sum()]) / volumes
        log_odds = np.log(share / (1.0 - share)) + k * np.log(rates[1] / rates[0])
        sparse = expit(log_odds + (rates[0] - rates[1]) * volume)
        if abs(share - before) < STILL:
            break
        before = share
    return float(weights @ (sparse > 0.5) / total)
