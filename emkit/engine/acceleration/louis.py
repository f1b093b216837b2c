"""Newton's step on the EM map, whose derivative is taken by differences."""

import numpy as np

from emkit._typing import Array
from emkit.engine.acceleration.base import Acceleration, EMMap, Pause, above_zero

__all__ = ["Louis"]

#: Step of a difference, relative.
DIFFERENCE = 1e-6
#: A derivative is worth keeping while it makes steps shorter by that factor, and steps below that
#: part of the parameters are too close to rounding for a new one.
SHRINKING, TINY = 0.1, 1e-12
#: Newton's step is halved down to that part before plain EM takes over.
SMALLEST_PART = 0.25


class Louis(Acceleration):
    r"""Newton's step on the EM map: for few parameters, near the maximum.

    With :math:`J` the derivative of the EM map :math:`M`, it proposes

    .. math:: \theta + (1 - J)^{-1} (M(\theta) - \theta), \qquad 1 - J = I_c^{-1} I,

    where :math:`I_c` is the information of the complete data and :math:`I` the observed one. The
    derivative costs one E-step a parameter; it is taken again where steps no longer shrink
    tenfold. Monte Carlo EM takes it from the draws, which costs nothing.

    Parameters
    ----------
    below : float, default=0.1
        Gain of a plain step, in nats, below which the scheme begins.

    References
    ----------
    Louis, T. A. (1982). Finding the observed information matrix when using the EM algorithm.
    Journal of the Royal Statistical Society B 44, 226-233. doi:10.1111/j.2517-6161.1982.tb01203.x

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Louis
    >>> X = load_iris().data[:, :2]
    >>> mixture = EMGaussianMixture(3, tol=1e-9, max_iter=500, random_state=0, acceleration=None)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Louis()).fit(X).n_iter_ < plain
    True
    """

    def __init__(self, below: float = 0.1):
        self.below = above_zero(below)
        self._em_map: EMMap | None = None
        self._jacobian: Array | None = None
        self._length = np.inf
        self._part = 1.0  # of Newton's step to take
        self._pause = Pause()

    def attach(self, em_map: EMMap) -> None:
        self._em_map = em_map

    def propose(self, point: Array, image: Array) -> Array | None:
        if self._pause.goes_on():
            return None
        step = image - point
        length = float(np.linalg.norm(step))
        whole = self._part == 1.0
        worn = self._jacobian is None or (whole and length > SHRINKING * self._length)
        if worn and length > TINY * np.linalg.norm(point):
            self._jacobian = self._differentiate(point, image)
        self._length = length
        if self._jacobian is None:
            self._rest()
            return None
        # A direction in which nothing is known of a parameter makes 1 - J singular.
        newton = np.linalg.lstsq(np.eye(len(step)) - self._jacobian, step)[0]
        proposal: Array = point + self._part * newton
        return proposal

    def _differentiate(self, point: Array, image: Array) -> Array | None:
        """Derivative of the EM map by forward differences."""
        assert self._em_map is not None
        jacobian = np.empty((len(point), len(point)))
        size = max(np.abs(point).max(), np.abs(image).max())
        steps = DIFFERENCE * (np.abs(point) + 1e-2 * size)
        for j, value in enumerate(point):
            moved = point.copy()
            moved[j] += steps[j]
            there = self._em_map(moved)
            if there is None:
                return None
            jacobian[:, j] = (there - image) / (moved[j] - value)
        return jacobian if np.isfinite(jacobian).all() else None

    def feedback(self, better: bool) -> None:
        if better:
            self._pause = Pause()
            if self._part < 1.0:
                self._jacobian = None
                self._part *= 2.0
        elif self._part > SMALLEST_PART:
            self._part *= 0.5  # too far along a direction that may be right
        else:
            self._rest()

    def _rest(self) -> None:
        """Leave the next steps to plain EM."""
        self._jacobian, self._part = None, 1.0
        self._pause.begin()
