"""Moments of rows that are assigned to components, from which a start is made by an M-step.

An assignment is a function from a slice of the rows to their responsibilities (K, n).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.rows import Rows
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Moments, Scaling, moments_about, tile_rows

__all__ = ["nearest_moments", "assigned_moments", "one_hot", "shares_and_means"]

Assignment = Callable[[slice], Array]


def one_hot(labels: NDArray[np.integer], n_components: int) -> Assignment:
    """Responsibilities (K, n) of a slice of the rows from their labels."""
    classes = np.arange(n_components)[:, None]
    return lambda rows: (labels[rows] == classes).astype(float)


def shares_and_means(
    units: Scaling, data: Rows, n_components: int, assign: Assignment
) -> tuple[Array, Array]:
    """Share (K,) and mean (K, d) of every part.

    An empty one waits at the centre of the data, at weight 0.
    """
    n, first = np.zeros(n_components), np.zeros((n_components, len(units.shift)))
    for x, resp in _assigned(units, data, assign):
        n += resp.sum(axis=1)
        first += resp @ x.T
    return n / n.sum(), first / np.where(n > 0.0, n, np.inf)[:, None]


def assigned_moments(
    layout: Layout, units: Scaling, data: Rows, assign: Assignment, means: Array
) -> Moments:
    """Moments about the means: a pass of its own, so that no digit is lost beside the distance
    between clusters."""
    total: Moments | None = None
    for x, resp in _assigned(units, data, assign):
        more = moments_about(layout, x, resp, means)
        total = more if total is None else Moments(*map(np.add, total, more))
    assert total is not None  # there are rows
    return total


def nearest_moments(
    layout: Layout, units: Scaling, means: Array, data: Rows
) -> tuple[Moments, float]:
    """Moments about the nearest of some means; the 0 makes it a step that blocks can sum."""
    half_norm = 0.5 * (means**2).sum(axis=1)[:, None]
    labels = np.concatenate(
        [(means @ x - half_norm).argmax(axis=0) for x, _ in _loaded(units, data)]
    )
    assign = one_hot(labels, len(means))
    return assigned_moments(layout, units, data, assign, means), 0.0


def _loaded(units: Scaling, data: Rows) -> Iterator[tuple[Array, slice]]:
    """Tiles in internal units, features first, with where they lie."""
    n, d = data.X.shape
    step = tile_rows(d)
    buffer = np.empty((d, min(step, n)))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        yield units.load(data.X[rows], buffer[:, : rows.stop - start]), rows


def _assigned(units: Scaling, data: Rows, assign: Assignment) -> Iterator[tuple[Array, Array]]:
    """Tiles with their weighted responsibilities."""
    for x, rows in _loaded(units, data):
        resp = assign(rows)
        weights = data.sample_weight
        yield x, resp if weights is None else resp * weights[rows]
