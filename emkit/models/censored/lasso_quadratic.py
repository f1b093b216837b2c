"""A quadratic with absolute values, at its best exactly: the step of proximal Newton methods.

Coordinate descent (Friedman, Hastie & Tibshirani, 2010) finds which coordinates are 0 and the signs
of the others. Given these, the best point solves a linear system, and the conditions of an optimum
say whether they are the right ones.
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
        exact = _of_signs(inner, linear, weight, np.sign(z))
        if exact is not None:
            return exact
        if (np.abs(z - before) <= EPS * np.abs(z)).all():
            break
    return z


def _of_signs(inner: Array, linear: Array, weight: Array, signs: Array) -> Array | None:
    """The minimiser, if its signs are these; None otherwise."""
    z, some = np.zeros(len(signs)), signs != 0.0
    z[some] = np.linalg.solve(inner[np.ix_(some, some)], (linear - weight * signs)[some])
    slope = np.abs(linear - inner @ z)
    allowed = weight + ROUNDING * (np.abs(linear) + np.abs(inner) @ np.abs(z))
    right = np.array_equal(np.sign(z), signs) and (slope[~some] <= allowed[~some]).all()
    return z if right else None
