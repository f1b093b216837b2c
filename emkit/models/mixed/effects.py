r"""The M-step of effects: regression of numbers on categories, the classes' means free.

It maximises, given precisions :math:`P_k`,

.. math:: -\tfrac12 \sum_k \sum_i r_{ki} (e_i - \delta_k - D^\top u_i)^\top P_k
          (e_i - \delta_k - D^\top u_i) - \tfrac{\rho}{2} \lVert B + D \rVert^2

over the steps D of the effects and :math:`\delta_k` of the means.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Moments

__all__ = ["Curvature", "move"]

#: Iterations of conjugate gradients, of which every one raises what is maximised.
STEPS = 30
#: Rows of a class below which it tells nothing; the reciprocal of fewer overflows.
LEAST_ROWS = 1e-300
#: Part of the gradient that may be left.
GRADIENT_LEFT = 1e-8


class Curvature(NamedTuple):
    """Sums over rows that the step is made of; the last axes are those of u and of the numbers."""

    n: Array  #: (K,)
    design: Array  #: (K, U) sum of r u
    gram: Array  #: (K or 1, U, U) sum of r u u'
    first: Array  #: (K, p) sum of r e
    cross: Array  #: (K or 1, U, p) sum of r u e'

    def centred(self) -> tuple[Array, Array]:
        """Gram matrix and cross products about the classes' means."""
        n = np.where(self.n > LEAST_ROWS, self.n, np.inf)
        of_gram = np.einsum("ku,kv,k->kuv", self.design, self.design, 1.0 / n)
        of_cross = np.einsum("ku,kp,k->kup", self.design, self.first, 1.0 / n)
        if len(self.gram) < len(self.n) or len(self.n) == 1:
            of_gram, of_cross = of_gram.sum(axis=0)[None], of_cross.sum(axis=0)[None]
        return self.gram - of_gram, self.cross - of_cross

    def step(self, precisions: Array, ridge: float, effects: Array) -> Array:
        """D (U, p), from the precisions (K, p, p) and where the effects are."""
        gram, cross = self.centred()
        precisions = precisions[: len(gram)]
        right = (cross @ precisions).sum(axis=0) - ridge * effects
        share = self.n / self.n.sum()
        average = np.tensordot(share, precisions, 1) if len(gram) > 1 else precisions[0]
        close = Separable(gram.sum(axis=0), average, ridge)
        if len(gram) == 1:
            return close.solve(right)

        def curve(step: Array) -> Array:
            result: Array = (gram @ step @ precisions).sum(axis=0) + ridge * step
            return result

        return conjugate_gradients(curve, right, close.solve)


def conjugate_gradients(
    curve: Callable[[Array], Array], right: Array, precondition: Callable[[Array], Array]
) -> Array:
    """About the solution of ``curve(x) = right``, every step of which is closer to it.

    SciPy's divides by a curvature of 0, which an effect without rows has.
    """
    x, residual = np.zeros_like(right), right.copy()
    direction = improved = precondition(residual)
    gain = first = float((residual * improved).sum())
    for _ in range(STEPS):
        bent = curve(direction)
        curvature = float((direction * bent).sum())
        if not (gain > GRADIENT_LEFT**2 * first and curvature > 0.0):
            break
        x += gain / curvature * direction
        residual -= gain / curvature * bent
        improved = precondition(residual)
        gain, before = float((residual * improved).sum()), gain
        direction = improved + gain / before * direction
    return x


class Separable:
    """Solver of G D P + ridge D = R; what G does not determine stays as it is."""

    def __init__(self, gram: Array, precision: Array, ridge: float):
        of_gram, self.left = np.linalg.eigh(gram)
        of_precision, self.right = np.linalg.eigh(precision)
        values = np.outer(of_gram, of_precision)
        floor = len(gram) * EPS * max(float(of_gram[-1]), 0.0) * of_precision
        known = values > np.where(ridge > 0.0, -np.inf, floor)
        self.inverse = np.where(
            known, 1.0 / np.where(known, np.maximum(values, 0.0) + ridge, 1.0), 0.0
        )

    def solve(self, right: Array) -> Array:
        return self.left @ (self.inverse * (self.left.T @ right @ self.right)) @ self.right.T


def move(layout: Layout, moments: Moments, sums: Curvature, step: Array) -> Moments:
    """Moments about means that have moved with the effects by a step."""
    n, first, scatter = moments
    scatter = np.array(scatter)
    for k, (gram, cross) in enumerate(zip(sums.gram, sums.cross, strict=True)):
        back = cross.T @ step
        change = step.T @ gram @ step - back - back.T
        layout.add_conditional_covariance(
            scatter, k, np.diag(change) if layout.independent else change
        )
    return Moments(n, first - sums.design @ step, scatter)
