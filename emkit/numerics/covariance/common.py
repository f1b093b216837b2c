r"""Axes that the covariances of all components have in common.

The axes D and variances c that minimise :math:`\sum_k (n_k \log|C_k| + \operatorname{tr}
(S_k C_k^{-1}))` with :math:`C_k = D \operatorname{diag}(c_k) D^\top` have no formula. Sweeps of
rotations lead near them, Newton's method in the :math:`d(d-1)/2` angles to them: with the best c
for every D, and :math:`D e^A` for a skew A near D, so that the scatters :math:`T_k = D^\top S_k D`
become :math:`e^{-A} T_k e^A`. The components may be those of several mixtures, each with axes of
its own.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.covariance.rotations import turned
from emkit.numerics.covariance.rules import Rule
from emkit.numerics.covariance.side_by_side import ONE, SideBySide

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
#: Most steps; most sweeps where there are many columns, and steps where more M-steps follow anyway:
#: they raise the objective all the same.
STEPS, FEW_STEPS, ROUGH_STEPS = 100, 5, 2


class Orientation(NamedTuple):
    """Axes of mixtures, and what there is along them."""

    axes: Array  #: (m, d, d), in columns
    scatter: Array  #: (K, d, d), along the axes
    variances: Array  #: (K, d), the best for these axes
    value: Array  #: (m,), what is minimised

    def where(
        self, these: NDArray[np.bool_], others: "Orientation", mixtures: SideBySide
    ) -> "Orientation":
        """That of these mixtures, and others of the others."""
        if these.all():
            return self
        of, each = these[:, None, None], mixtures.spread(these)
        masks = of, each[:, None, None], each[:, None], these
        return Orientation(*map(np.where, masks, self, others))


class _Turn(NamedTuple):
    """Newton's step of every mixture."""

    rotation: Array  #: (m, d, d)
    promise: Array  #: (m,) what the whole of it promises
    exists: NDArray[np.bool_]  #: (m,)


def nearest_orientation(
    here: Orientation,
    at: Callable[[Array], Orientation],
    counts: Array,
    rule: Rule,
    mixtures: SideBySide = ONE,
) -> Orientation:
    """The minimum that is next to an orientation; ``at`` makes one of axes."""
    m, d = here.axes.shape[:2]
    total, limit = mixtures.sum(counts), np.full(m, LARGEST_ANGLE)
    spread = here.scatter.diagonal(axis1=1, axis2=2)
    singular = mixtures.sum(spread.any(axis=1) & (spread <= LEAST).any(axis=1)) > 0
    few = singular | (d > MANY_COLUMNS) | (rule.curvature is None)
    going_on = np.full(m, d > 1)
    for n_steps in range(1, (STEPS if mixtures.thorough else ROUGH_STEPS) + 1):
        if not going_on.any():
            break
        there, last, left = here, np.zeros(m, dtype=bool), going_on
        if not few.all():
            turn = _newton(here, counts, rule, mixtures, limit)
            there = at(here.axes @ turn.rotation)
            exists = turn.exists & ~few
            # Nearer than values can tell.
            last = going_on & exists & (turn.promise < SMALL_GAIN * total)
            left = going_on & ~last & ~(exists & (there.value < here.value + NONE * total))
        limit = np.where(left, SHORTER * limit, np.minimum(2.0 * limit, LARGEST_ANGLE))
        if left.any():
            rotation = turned(here.scatter.copy(), here.variances, mixtures)
            there = at(here.axes @ rotation).where(left, there, mixtures)
        gain = here.value - there.value
        here = there.where(going_on & (last | (gain > 0.0)), here, mixtures)
        going_on = going_on & ~last & (gain > NONE * total) & ~(few & (n_steps >= FEW_STEPS))
    return here


def _newton(
    here: Orientation, counts: Array, rule: Rule, mixtures: SideBySide, limit: Array
) -> _Turn:
    """The rotations of Newton's steps up to an angle; none where there is no such step."""
    assert rule.curvature is not None
    d = here.variances.shape[1]
    spread = here.scatter.diagonal(axis1=1, axis2=2)
    some: Any = spread.any(axis=1)  # the others have no part in it
    exists: Any = mixtures.sum(some & ~(spread > LEAST).all(axis=1)) == 0
    spread = np.where(spread > LEAST, spread, 1.0)
    precisions = np.where(some[:, None], 1.0 / here.variances, 0.0)
    i, j = _angles(d)
    between = 2.0 * here.scatter[:, i, j]
    pairs = np.arange(len(i))
    moves = np.zeros((*spread.shape, len(i)))  # first derivatives of the spread by the angles
    moves[:, j, pairs], moves[:, i, pairs] = between, -between
    slope = mixtures.sum((precisions[:, :, None] * moves).sum(axis=1))
    counts = np.where(some, counts, 0.0)
    curvature = rule.curvature(spread, counts, precisions, moves, slope, mixtures)
    curvature += _second_order(here.scatter, precisions, mixtures)
    unit = np.sqrt(np.abs(curvature.diagonal(axis1=1, axis2=2)))
    exists &= (unit > 0.0).all(axis=1) & np.isfinite(unit).all(axis=1)
    of = exists[:, None, None]
    unit = np.where(of[:, 0], unit, 1.0)
    curvature = np.where(of, curvature / unit[:, None] / unit[:, :, None], np.eye(len(i)))
    step = -_solved(curvature, np.where(of[:, 0], slope, 0.0) / unit) / unit
    promise = -(slope * step).sum(axis=1)
    step *= (limit / np.maximum(np.abs(step).max(axis=1), limit))[:, None]
    half = np.zeros((len(step), d, d))
    half[:, i, j], half[:, j, i] = 0.5 * step, -0.5 * step
    one = np.eye(d)
    return _Turn(np.linalg.solve(one - half, one + half), promise, exists)


def _solved(curvature: Array, slope: Array) -> Array:
    """Newton's directions; of a curvature that is not positive definite, down along its axes."""
    try:
        np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(curvature)
        largest = np.abs(values).max(axis=1, keepdims=True)
        definite = (values[:, :1] > 0.0).all(axis=1, keepdims=True)
        sizes = np.where(definite, values, np.maximum(np.abs(values), FLAT * largest))
        return (vectors @ ((vectors.mT @ slope[:, :, None]) / sizes[:, :, None]))[:, :, 0]
    step: Array = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return step


def _second_order(scatter: Array, precisions: Array, mixtures: SideBySide) -> Array:
    """Second derivatives of sum(T_k / c_k) over the diagonals by the angles, (m, pairs, pairs)."""
    k, d = precisions.shape
    weighted = mixtures.sum_of_products(precisions[:, None], scatter.reshape(k, 1, -1))
    weighted = weighted.reshape(-1, d, d, d)  # sum_k T_k / c_kl, by l
    rows = np.einsum("mjji->mji", weighted)
    blocks = 2.0 * weighted - (rows + rows.mT)[:, None]
    i, j, a, b, equal = _pairs(d)
    out = np.where(equal[0], blocks[:, j, i, a], 0.0) - np.where(equal[1], blocks[:, j, i, b], 0.0)
    out += np.where(equal[2], blocks[:, i, j, b], 0.0) - np.where(equal[3], blocks[:, i, j, a], 0.0)
    return out


@lru_cache(maxsize=4)
def _angles(d: int) -> tuple[NDArray[np.intp], ...]:
    """Pairs of axes i < j, in each of whose planes there is an angle."""
    return np.triu_indices(d, 1)


@lru_cache(maxsize=4)
def _pairs(d: int) -> tuple[NDArray[np.intp], ...]:
    """Indices of pairs (i, j) by pairs (a, b), and which of them are equal."""
    i, j = a, b = _angles(d)
    i, j = i[:, None], j[:, None]
    return i, j, a, b, np.array([j == b, j == a, i == a, i == b])
