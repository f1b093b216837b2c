"""Squared extrapolation after every two EM steps."""

import numpy as np

from emkit._typing import Array
from emkit.engine.acceleration.base import Acceleration, above_zero

__all__ = ["Squarem"]


class Squarem(Acceleration):
    r"""SQUAREM, step length 3: one squared extrapolation after every two EM steps.

    With :math:`r = x_1 - x_0` and :math:`v = (x_2 - x_1) - r` it proposes
    :math:`x_0 - 2 a r + a^2 v`, :math:`a = -\lVert r\rVert / \lVert v\rVert`.

    Parameters
    ----------
    below : float, default=inf
        Gain of a plain step, in nats, below which the scheme begins.

    References
    ----------
    Varadhan, R. & Roland, C. (2008). Simple and globally convergent methods for accelerating the
    convergence of any EM algorithm. Scandinavian Journal of Statistics 35, 335-353.
    doi:10.1111/j.1467-9469.2007.00585.x

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Squarem
    >>> X = load_iris().data
    >>> mixture = EMGaussianMixture(4, tol=1e-8, acceleration=None, random_state=0)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Squarem()).fit(X).n_iter_ < plain
    True
    """

    def __init__(self, below: float = np.inf) -> None:
        self.below = above_zero(below)
        self._base: tuple[Array, Array] | None = None
        self._stabilise = False

    def propose(self, point: Array, image: Array) -> Array | None:
        if self._stabilise:  # the image of a proposal is the base of the next cycle
            self._stabilise = False
            return None
        if self._base is None:
            self._base = (point, image)
            return None
        x0, x1 = self._base
        self._base = None
        r = x1 - x0
        v = (image - x1) - r
        length = np.linalg.norm(v)
        if length == 0.0:
            return None
        a = -max(float(np.linalg.norm(r) / length), 1.0)
        return x0 - 2.0 * a * r + a * a * v

    def feedback(self, better: bool) -> None:
        self._stabilise = better
