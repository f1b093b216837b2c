"""Damped Anderson acceleration, with SQUAREM where it fails."""

import numpy as np

from emkit._typing import Array
from emkit.engine.acceleration.base import Acceleration, Pause, above_zero
from emkit.engine.acceleration.squarem import Squarem
from emkit.engine.arguments import require_integer, require_number

__all__ = ["Anderson"]

#: Singular values of the differences that count, relative: smaller ones are rounding, and would
#: multiply that of constraints which an affine combination keeps, such as weights that sum to 1.
LEAST_SINGULAR_VALUE = 1e-10
#: Change of the log odds of the damping fraction after a success or a failure.
LOG_ODDS_STEP = 0.18


class Anderson(Acceleration):
    r"""Damped Anderson acceleration with restarts, and SQUAREM where it fails.

    With points :math:`x_j`, images :math:`g_j` and residuals :math:`f_j = g_j - x_j`, differences
    :math:`\Delta` over the last pairs, it proposes :math:`g - \Delta g\,\gamma`, where
    :math:`\gamma` solves the ridge regression of :math:`f` on :math:`\Delta f` whose squared norm
    is a fraction :math:`\delta` of that of least squares. That is fast where the EM map is close to
    linear. A rejected proposal says that it is not: squared extrapolation takes over until it is
    rejected too, and then the scheme waits 1, 3, 7, 7, ... steps.

    Parameters
    ----------
    order : int, default=5
        Differences kept; the history is cleared when it is full.
    damping : float, default=0.5
        First fraction :math:`\delta` in (0, 1]; it rises with every success and falls with every
        failure.
    below : float, default=inf
        Gain of a plain step, in nats, below which the scheme begins.

    References
    ----------
    Henderson, N. C. & Varadhan, R. (2019). Damped Anderson acceleration with restarts and
    monotonicity control for accelerating EM and EM-like algorithms. Journal of Computational and
    Graphical Statistics 28, 834-846. doi:10.1080/10618600.2019.1594835

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Anderson
    >>> mixture = EMGaussianMixture(3, tol=1e-8, acceleration=Anderson(order=3), random_state=0)
    >>> mixture.fit(load_iris().data).converged_
    True
    """

    def __init__(self, order: int = 5, damping: float = 0.5, below: float = np.inf):
        require_integer("order", order)
        require_number("damping", damping)
        if order < 1:
            raise ValueError(f"order must be at least 1. Got {order!r}.")
        if not 0.0 < damping <= 1.0:
            raise ValueError(f"damping must be in (0, 1]. Got {damping!r}.")
        self.order = order
        self.damping = damping
        self.below = above_zero(below)
        self._log_odds = np.log(damping / (1.0 - damping)) if damping < 1.0 else np.inf
        self._pairs: list[tuple[Array, Array]] = []
        self._substitute: Squarem | None = None
        self._pause = Pause()

    def propose(self, point: Array, image: Array) -> Array | None:
        if len(self._pairs) > self.order:
            self._pairs.clear()
        self._pairs.append((point, image))
        if self._substitute is not None:
            return self._substitute.propose(point, image)
        if self._pause.goes_on():
            return None
        if len(self._pairs) < 2:
            return None
        points, images = map(np.array, zip(*self._pairs, strict=True))
        residuals = images - points
        gamma = self._regress(np.diff(residuals, axis=0), residuals[-1])
        return image - gamma @ np.diff(images, axis=0)

    def _regress(self, differences: Array, residual: Array) -> Array:
        """Ridge coefficients with the damped norm."""
        u, s, vt = np.linalg.svd(differences.T, full_matrices=False)
        keep = s > s[0] * LEAST_SINGULAR_VALUE
        u, s, vt = u[:, keep], s[keep], vt[keep]
        along = u.T @ residual
        target = np.sum((along / s) ** 2) / (1.0 + np.exp(-self._log_odds))
        return (s * along / (s**2 + _ridge(along, s, target))) @ vt

    def feedback(self, better: bool) -> None:
        if self._substitute is not None:
            self._substitute.feedback(better)
            if not better:
                self._substitute = None
                self._pause.begin()
        elif better:
            self._log_odds += LOG_ODDS_STEP
            self._pause = Pause()
        else:
            self._log_odds -= LOG_ODDS_STEP
            self._substitute = Squarem()


def _ridge(along: Array, s: Array, target: float) -> float:
    """Ridge at which the squared norm of the coefficients falls to ``target``."""
    ridge = 0.0
    for _ in range(20):
        shrunk = (s * along / (s**2 + ridge)) ** 2
        norm = float(shrunk.sum())
        if norm <= target * (1.0 + 1e-2):
            break
        # Newton on norm**-1/2, which is close to linear in the ridge (as in trust regions).
        slope = float((shrunk / (s**2 + ridge)).sum())
        if slope * target == 0.0:  # they underflow: such coefficients move nothing
            break
        ridge += norm / slope * (np.sqrt(norm / target) - 1.0)
    return ridge
