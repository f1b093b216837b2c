"""Starts of a mixture of regressions: lines through a few rows, and those of a partition."""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.pseudo_inverse import solve_symmetric

__all__ = ["draw_lines"]

#: Rounds in which rows go to the nearest line, and lines to their rows.
ROUNDS = 10
#: Draws of few rows of which the best is taken, and part of the starts that are clusters instead.
TRIALS, PARTITIONS = 4, 0.25
#: Rows at most that a start looks at.
MOST_ROWS = 5_000
#: Part of the weight of all rows that every line sees, so that one through few rows is defined.
SHARED_PART = 1e-3


def draw_lines(
    z: Array, y: Array, sample_weight: Array | None, n_lines: int, rng: np.random.Generator
) -> tuple[Array, Array, float]:
    """Lines drawn at random, and improved by a few rounds of hard assignment.

    Most are the best of several draws of few rows for each line, some the lines of clusters of rows
    in columns and response together.

    Parameters
    ----------
    z : ndarray of shape (n, q)
        Rows in standard units.
    y : ndarray of shape (n,)
        Responses in standard units.
    sample_weight : ndarray of shape (n,) or None
        Weights as frequencies: the draw is that of repeated rows, in any order.
    n_lines : int
        Number of lines.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    coef : ndarray of shape (n_lines, q)
        The lines.
    shares : ndarray of shape (n_lines,)
        Parts of the weight that are nearest to each.
    variance : float
        Mean square of the distances to the nearest line.
    """
    z, y, weights = _in_order(z, y, sample_weight, rng)
    if rng.random() < PARTITIONS:
        drawn = [_partition(z, y, weights, n_lines, rng)]
    else:
        drawn = [_few_rows(z, y, weights, n_lines, rng) for _ in range(TRIALS)]
    drawn = [_improved(z, y, weights, coef) for coef in drawn]
    mean_squares = [weights @ _distances(z, y, coef).min(axis=0) for coef in drawn]
    best = int(np.argmin(mean_squares))
    labels = _distances(z, y, drawn[best]).argmin(axis=0)
    shares = np.bincount(labels, weights, n_lines) / weights.sum()
    return drawn[best], 0.9 * shares + 0.1 / n_lines, float(mean_squares[best] / weights.sum())


def _few_rows(z: Array, y: Array, weights: Array, n_lines: int, rng: np.random.Generator) -> Array:
    """Least squares through a few rows for each line, one more than it has coefficients."""
    several = _draw(weights, n_lines * (z.shape[1] + 1), rng).reshape(n_lines, -1)
    return _lines(
        z, y, [np.bincount(rows, minlength=len(y)).astype(float) for rows in several], weights
    )


def _partition(z: Array, y: Array, weights: Array, n_lines: int, rng: np.random.Generator) -> Array:
    """The lines of clusters in columns and response together, by k-means from drawn rows."""
    points = np.column_stack([z, y])
    centres = points[_draw(weights, n_lines, rng)]
    for _ in range(ROUNDS):
        labels = ((points - centres[:, None]) ** 2).sum(axis=2).argmin(axis=0)
        for k in np.unique(labels):
            centres[k] = np.average(points[labels == k], axis=0, weights=weights[labels == k])
    return _lines(z, y, [weights * (labels == k) for k in range(n_lines)], weights)


def _improved(z: Array, y: Array, weights: Array, coef: Array) -> Array:
    """The lines after some rounds of hard assignment."""
    for _ in range(ROUNDS):
        labels, before = _distances(z, y, coef).argmin(axis=0), coef
        coef = _lines(z, y, [weights * (labels == k) for k in range(len(coef))], weights)
        if np.array_equal(before, coef):
            break
    return coef


def _distances(z: Array, y: Array, coef: Array) -> Array:
    """Squares (K, n) of the distances of responses to lines."""
    squares: Array = (y - coef @ z.T) ** 2
    return squares


def _in_order(
    z: Array, y: Array, sample_weight: Array | None, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Rows in an order of their own, equal ones as one of their weight; a sample of many."""
    weights = np.ones(len(y)) if sample_weight is None else sample_weight
    order = np.lexsort((*z.T, y))
    if len(order) > MOST_ROWS:
        order = order[np.unique(_draw(weights[order], MOST_ROWS, rng))]
    z, y, weights = z[order], y[order], weights[order]
    new = np.ones(len(y), dtype=bool)
    new[1:] = (y[1:] != y[:-1]) | (z[1:] != z[:-1]).any(axis=1)
    return z[new], y[new], np.add.reduceat(weights, np.flatnonzero(new))


def _draw(weights: Array, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows drawn in proportion to weight."""
    below = np.cumsum(weights)
    return np.searchsorted(below[:-1], rng.random(size) * below[-1], side="right")


def _lines(z: Array, y: Array, of_lines: list[Array], weights: Array) -> Array:
    """Least squares by weights of the rows in each line, with a little of all rows in every one."""
    lines = []
    for own in of_lines:
        together = own + SHARED_PART * weights * max(own.sum(), 1.0) / weights.sum()
        weighted = z * together[:, None]
        lines.append(solve_symmetric(weighted.T @ z, (weighted.T @ y)[:, None])[:, 0])
    return np.array(lines)
