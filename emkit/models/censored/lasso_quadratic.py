"""A quadratic with absolute values, at its best exactly: the step of proximal Newton methods.

Coordinate descent (Friedman, Hastie & Tibshirani, 2010) finds which coordinates are 0 and the signs
of the others. Given these, the best point solves a linear system; where that would change a sign,
the coefficient becomes 0 (Osborne, Presnell & Turlach, 2000).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.constants import EPS

__all__ = ["LassoQuadratic"]

#: Most rounds of coordinate descent. What is reached then is downhill, if not the minimum.
MOST_ROUNDS = 1000
#: Part of a gradient that rounding may add to it.
ROUNDING = 1e-12


class LassoQuadratic(NamedTuple):
    r"""An objective at z: :math:`g'd - \tfrac12 d'Hd - \sum_j w_j |z_j|`, d being z - start."""

    curvature: Array  #: H (k, k), positive definite
    gradient: Array  #: g (k,)
    start: Array  #: (k,)
    weight: Array  #: w (k,), at least 0; coordinates of weight 0 are free

    def gain(self, z: Array) -> float:
        """At z, beside that at the start."""
        step = z - self.start
        smooth = self.gradient @ step - 0.5 * step @ self.curvature @ step
        return float(smooth - self.weight @ (np.abs(z) - np.abs(self.start)))

    def best(self) -> Array:
        """The z (k,) of the largest gain, with exact zeros."""
        curvature, gradient, start, weight = self
        free, bound = np.flatnonzero(weight == 0.0), np.flatnonzero(weight > 0.0)
        # Free coordinates follow the others: what is left is a problem in those alone.
        between = curvature[np.ix_(free, bound)]
        followed = np.linalg.solve(
            curvature[np.ix_(free, free)], np.column_stack([gradient[free], between])
        )
        inner = curvature[np.ix_(bound, bound)] - between.T @ followed[:, 1:]
        linear = gradient[bound] - between.T @ followed[:, 0] + inner @ start[bound]
        z = start.copy()
        z[bound] = _least(inner, linear, weight[bound], start[bound])
        z[free] += followed[:, 0] - followed[:, 1:] @ (z[bound] - start[bound])
        return z

    def best_with(self, fixed: NDArray[np.intp], values: Array) -> Array:
        """That where some coordinates have given values."""
        rest, z = np.delete(np.arange(len(self.start)), fixed), self.start.copy()
        z[fixed] = values
        pulled = self.gradient - self.curvature @ (z - self.start)
        inner = self.curvature[np.ix_(rest, rest)]
        z[rest] = LassoQuadratic(inner, pulled[rest], z[rest], self.weight[rest]).best()
        return z


def _least(inner: Array, linear: Array, weight: Array, z: Array) -> Array:
    """Where z' inner z / 2 - linear' z + weight' |z| is least."""
    z = z.copy()
    for _ in range(MOST_ROUNDS):
        before = z.copy()
        for j, row in enumerate(inner):
            pull = linear[j] - row @ z + row[j] * z[j]
            z[j] = np.sign(pull) * max(abs(pull) - weight[j], 0.0) / row[j]
        z, reached = _least_of_signs(inner, linear - weight * np.sign(z), z)
        if reached and _is_optimal(inner, linear, weight, z):
            break
        if (np.abs(z - before) <= EPS * np.abs(z)).all():
            break
    return z


def _least_of_signs(inner: Array, linear: Array, z: Array) -> tuple[Array, bool]:
    """The least with the signs of z, or as far that way as they stay, and whether it is reached.

    Columns that are all but copies of others would take coordinate descent for ever.
    """
    some, there = np.flatnonzero(z), np.zeros(len(z))
    there[some] = np.linalg.solve(inner[np.ix_(some, some)], linear[some])
    crossing = some[np.sign(there[some]) != np.sign(z[some])]
    if not len(crossing):
        return there, True
    parts = z[crossing] / (z[crossing] - there[crossing])
    z = z + parts.min() * (there - z)
    z[crossing[parts.argmin()]] = 0.0
    return z, False


def _is_optimal(inner: Array, linear: Array, weight: Array, z: Array) -> bool:
    """Whether none of the coordinates that are 0 would rather be another number."""
    slope = np.abs(linear - inner @ z)
    allowed = weight + ROUNDING * (np.abs(linear) + np.abs(inner) @ np.abs(z))
    return bool((slope <= allowed)[z == 0.0].all())
