r"""Axes that the covariances of all components have in common.

The axes D and variances c that minimise :math:`\sum_k (n_k \log|C_k| + \operatorname{tr}
(S_k C_k^{-1}))` with :math:`C_k = D \operatorname{diag}(c_k) D^\top` have no formula. Sweeps of
rotations lead near them, Newton's method in the :math:`d(d-1)/2` angles to them: with the best c
for every D, and :math:`D e^A` for a skew A near D, so that the scatters :math:`T_k = D^\top S_k D`
become :math:`e^{-A} T_k e^A`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.covariance.rotations import turned
from emkit.numerics.covariance.rules import Rule

__all__ = ["Orientation", "nearest_orientation"]

#: Gain in nats per row that is none, and that with which a Newton step is the last.
NONE, SMALL_GAIN = 1e-15, 1e-10
#: Part of the largest curvature that one counts as at least, where some are negative.
FLAT = 1e-3
#: The largest angle of a Newton step, and the part of it that is left after one that leads up.
LARGEST_ANGLE, SHORTER = 0.5, 0.2
#: A scatter no larger along an axis is singular: there are no second derivatives.
LEAST = 1e-60
#: Columns beyond which it takes more time than it saves.
MANY_COLUMNS = 20
#: Most steps; most sweeps where there are many columns, which raise the objective all the same.
STEPS, FEW_STEPS = 100, 5


class Orientation(NamedTuple):
    """Axes, and what there is along them."""

    axes: Array  #: (d, d), in columns
    scatter: Array  #: (K, d, d), along the axes
    variances: Array  #: (K, d), the best for these axes
    value: float  #: what is minimised


def nearest_orientation(
    here: Orientation, at: Callable[[Array], Orientation], counts: Array, rule: Rule
) -> Orientation:
    """The minimum that is next to an orientation; ``at`` makes one of axes."""
    total, limit = counts.sum(), LARGEST_ANGLE
    spread = here.scatter.diagonal(axis1=1, axis2=2)
    singular = (spread.any(axis=1) & (spread <= LEAST).any(axis=1)).any()
    few = singular or len(here.axes) > MANY_COLUMNS
    for _ in range(0 if len(here.axes) == 1 else FEW_STEPS if few else STEPS):
        there = None
        if not few:
            rotation, promise = _newton(here, counts, rule, limit)
            there = None if rotation is None else at(here.axes @ rotation)
            if there is not None and promise < SMALL_GAIN * total:
                return there  # which is nearer than values can tell
        if there is None or not there.value < here.value + NONE * total:
            limit *= SHORTER
            there = at(here.axes @ turned(here.scatter.copy(), here.variances))
        else:
            limit = min(2.0 * limit, LARGEST_ANGLE)
        gain = here.value - there.value
        if gain > 0.0:
            here = there
        if not gain > NONE * total:
            break
    return here


def _newton(
    here: Orientation, counts: Array, rule: Rule, limit: float
) -> tuple[Array | None, float]:
    """The rotation of Newton's step up to an angle, and what the whole promises; None if none."""
    some = here.scatter.any(axis=(1, 2))
    counts, scatter, precisions = counts[some], here.scatter[some], 1.0 / here.variances[some]
    spread = scatter.diagonal(axis1=1, axis2=2)
    k, d = spread.shape
    if rule.curvature is None or not len(spread) or not (spread > LEAST).all():
        return None, np.inf
    i, j = np.triu_indices(d, 1)
    between = 2.0 * scatter[:, i, j]
    pairs = np.arange(len(i))
    moves = np.zeros((k, d, len(i)))  # first derivatives of the spread by the angles
    moves[:, j, pairs], moves[:, i, pairs] = between, -between
    slope = (precisions[:, :, None] * moves).sum(axis=(0, 1))
    curvature = rule.curvature(spread, counts, precisions, moves, slope)
    curvature += _second_order(scatter, precisions)
    unit = np.sqrt(np.abs(curvature.diagonal()))
    if not (unit > 0.0).all():
        return None, np.inf
    step = -_solved(curvature / unit / unit[:, None], slope / unit) / unit
    promise = -float(slope @ step)
    step *= limit / np.abs(step).max(initial=limit)
    half = np.zeros((d, d))
    half[i, j], half[j, i] = 0.5 * step, -0.5 * step
    one = np.eye(d)
    return np.linalg.solve(one - half, one + half), promise


def _solved(curvature: Array, slope: Array) -> Array:
    """Newton's direction; of a curvature that is not positive definite, down along its axes."""
    try:
        np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(curvature)
        sizes = np.maximum(np.abs(values), FLAT * np.abs(values).max())
        return vectors @ (vectors.T @ slope / sizes)
    step: Array = np.linalg.solve(curvature, slope)
    return step


def _second_order(scatter: Array, precisions: Array) -> Array:
    """Second derivatives of sum(T_k / c_k) over the diagonals by the angles, (pairs, pairs)."""
    k, d = precisions.shape
    weighted = (precisions.T @ scatter.reshape(k, -1)).reshape(d, d, d)  # sum_k T_k / c_kl, by l
    rows = np.einsum("jji->ji", weighted)
    blocks = 2.0 * weighted - (rows + rows.T)
    i, j, a, b, equal = _pairs(d)
    out = np.where(equal[0], blocks[j, i, a], 0.0) - np.where(equal[1], blocks[j, i, b], 0.0)
    out += np.where(equal[2], blocks[i, j, b], 0.0) - np.where(equal[3], blocks[i, j, a], 0.0)
    return out


@lru_cache(maxsize=4)
def _pairs(d: int) -> tuple[NDArray[np.intp], ...]:
    """Indices of pairs (i, j) by pairs (a, b), and which of them are equal."""
    i, j = np.triu_indices(d, 1)
    a, b = i, j
    i, j = i[:, None], j[:, None]
    return i, j, a, b, np.array([j == b, j == a, i == a, i == b])
