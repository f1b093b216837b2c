r"""Axes that covariance matrices have in common.

The axes D and variances c that maximise :math:`-\sum_k (n_k \log|C_k| + \operatorname{tr}
(S_k C_k^{-1})) / 2` with :math:`C_k = D \operatorname{diag}(c_k) D^\top` have no formula. For
given variances, turning two axes by an angle t changes :math:`A \cos 2t + B \sin 2t`, whose minimum
has one; the pairs of a round are disjoint, and turned at once. Rotations of pairs are those of
Flury, B. & Gautschi, W. (1986). An algorithm for simultaneous orthogonal transformation of several
positive definite symmetric matrices to nearly diagonal form. SIAM Journal on Scientific and
Statistical Computing 7, 169-184. doi:10.1137/0907013
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.covariance.axes import principal_axes
from emkit.numerics.covariance.side_by_side import ONE, SideBySide

__all__ = ["along", "common_axes", "turned"]

#: A variance so small stands in for 0 where it is divided by.
TINY = 1e-200
#: Part of two deviations that a covariance between common axes may leave.
DIAGONAL = 1e-9
#: Sweeps that find axes in common, where matrices have them.
SWEEPS = 3

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def common_axes(matrices: Array, mixtures: SideBySide = ONE) -> Array:
    """The axes (m, d, d), in columns, of matrices (K, d, d) of mixtures that have them in common,
    or nearly."""
    k, d = matrices.shape[:2]
    # In a sum with irregular weights, axes that differ in any of the matrices differ.
    weights = 1.0 + 0.37 * np.sin(1.0 + 2.0 * mixtures.numbers(k))
    sizes = np.maximum(np.trace(matrices, axis1=1, axis2=2), TINY)
    axes: Array = principal_axes(mixtures.sum((weights / sizes)[:, None, None] * matrices))
    for _ in range(SWEEPS):
        turn = along(axes, matrices, mixtures)
        variances = np.maximum(turn.diagonal(axis1=1, axis2=2), TINY)
        deviations = np.sqrt(variances)
        between = np.abs(turn) - DIAGONAL * deviations[:, :, None] * deviations[:, None]
        between.reshape(k, -1)[:, :: d + 1] = 0.0
        if not (between > 0.0).any():
            break
        axes = axes @ turned(turn, variances, mixtures)
    return axes


def along(axes: Array, matrices: Array, mixtures: SideBySide) -> Array:
    """Matrices D'SD (K, d, d) for the axes D (m, d, d) of their mixtures."""
    each = mixtures.spread(axes)
    turned: Array = each.mT @ matrices @ each
    return turned


def turned(matrices: Array, variances: Array, mixtures: SideBySide = ONE) -> Array:
    """Rotations D (m, d, d) that lower sum(D'S_kD / c_k) over the diagonals; one sweep over pairs.

    ``matrices`` S (K, d, d) are overwritten by D'SD, ``variances`` c are (K, d).
    """
    d = variances.shape[1]
    precisions = 1.0 / np.maximum(variances, TINY)
    rotation: Any = np.eye(d)
    for i, j in _rounds(d):
        apart = precisions[:, i] - precisions[:, j]
        diagonals = matrices.diagonal(axis1=1, axis2=2)
        cosine = 0.5 * mixtures.sum(apart * (diagonals[:, i] - diagonals[:, j]))
        sine = mixtures.sum(apart * matrices[:, i, j])
        angles = 0.5 * np.arctan2(-sine, 0.0 - cosine)
        turn = np.zeros((len(angles), d, d))
        turn[...] = np.eye(d)
        turn[:, i, i] = turn[:, j, j] = np.cos(angles)
        turn[:, j, i] = np.sin(angles)
        turn[:, i, j] = -turn[:, j, i]
        matrices[...] = along(turn, matrices, mixtures)
        rotation = rotation @ turn
    return np.broadcast_to(rotation, (len(mixtures.sum(variances)), d, d))


@lru_cache(maxsize=8)
def _rounds(d: int) -> tuple[Pairs, ...]:
    """All pairs of d axes in rounds of disjoint ones: a tournament, in which one stays seated."""
    players = d + d % 2
    seats = np.arange(players)
    rounds = []
    for _ in range(players - 1):
        one, other = np.sort([seats[: players // 2], seats[players // 2 :][::-1]], axis=0)
        met = other < d
        rounds.append((one[met], other[met]))
        seats[1:] = np.roll(seats[1:], 1)
    return tuple(rounds)
