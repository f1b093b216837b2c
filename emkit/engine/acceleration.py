"""Extrapolation of the EM map: Anderson, SQUAREM, Louis.

An acceleration sees each accepted point beside its EM image and may propose a better point. The
loop evaluates a proposal, takes it only when the objective rises, and else takes the image, so
an acceleration can be bold: it costs E-steps when it is wrong, never the maximum.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature

import numpy as np

from emkit._typing import Array
from emkit.engine.arguments import require_integer, require_number

__all__ = ["ACCELERATIONS", "Acceleration", "Anderson", "Louis", "Squarem", "resolve"]

#: The EM map of a run on flat parameters; None where the model is not defined.
EMMap = Callable[[Array], Array | None]


class Acceleration(ABC):
    """Extrapolation scheme; the engine works on a copy for each run.

    Examples
    --------
    Overrelaxation goes half as far again as EM does.

    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Acceleration
    >>> class Overrelaxation(Acceleration):
    ...     def propose(self, point, image):
    ...         return point + 1.5 * (image - point)
    ...     def feedback(self, better):
    ...         pass
    >>> X = load_iris().data
    >>> mixture = EMGaussianMixture(3, tol=1e-8, acceleration=None, random_state=0)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Overrelaxation()).fit(X).n_iter_ < plain
    True
    """

    #: Gain of a plain step (nats) below which the scheme begins: far from a maximum plain EM is
    #: quick, and an extrapolation can lead to a worse one. A model may ask for a smaller gain.
    below = np.inf

    def attach(self, em_map: EMMap) -> None:  # noqa: B027
        """Hear of the EM map. Default: not needed.

        Parameters
        ----------
        em_map : callable
            From flat parameters to their EM image, at the cost of an E-step; None where the model
            is not defined.
        """

    @abstractmethod
    def propose(self, point: Array, image: Array) -> Array | None:
        """A point to try instead of the EM image.

        Parameters
        ----------
        point : ndarray of shape (n_params,)
            Parameters of the last accepted iterate, flat.
        image : ndarray of shape (n_params,)
            Where a plain EM step takes them.

        Returns
        -------
        ndarray of shape (n_params,) or None
            None takes the plain step.
        """

    @abstractmethod
    def feedback(self, better: bool) -> None:
        """Hear what became of the last proposal.

        Parameters
        ----------
        better : bool
            Whether the objective rose and the run went there.
        """

    def __repr__(self) -> str:
        names = [name for name in signature(type(self)).parameters if hasattr(self, name)]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({values})"


#: Singular values of the differences that count, relative: smaller ones are rounding, and would
#: multiply that of constraints which an affine combination keeps, such as weights that sum to 1.
CUT = 1e-10
#: Change of the log odds of the damping fraction after a success or a failure.
LOG_ODDS_STEP = 0.18
#: Step of a difference, relative.
DIFFERENCE = 1e-6
#: A derivative is worth keeping while it makes steps shorter by that factor, and steps below that
#: part of the parameters are too close to rounding for a new one.
SHRINKING, TINY = 0.1, 1e-12
#: Newton's step is halved down to that part before plain EM takes over.
SMALLEST_PART = 0.25


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
        self.below = _above_zero(below)
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
        keep = s > s[0] * CUT
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
    >>> mixture = EMGaussianMixture(3, tol=1e-8, acceleration=None, random_state=0)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Squarem()).fit(X).n_iter_ < plain
    True
    """

    def __init__(self, below: float = np.inf) -> None:
        self.below = _above_zero(below)
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
    >>> mixture = EMGaussianMixture(2, tol=1e-9, random_state=0, acceleration=None)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Louis()).fit(X).n_iter_ < plain
    True
    """

    def __init__(self, below: float = 0.1):
        self.below = _above_zero(below)
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


class Pause:
    """Plain steps to wait after one failure after the other: 1, 3, 7, 7, ..."""

    def __init__(self) -> None:
        self.n_failures = self.left = 0

    def begin(self) -> None:
        self.n_failures = min(self.n_failures + 1, 3)
        self.left = 2**self.n_failures - 1

    def goes_on(self) -> bool:
        """Whether this step is one to wait."""
        self.left -= 1
        return self.left >= 0


def _above_zero(below: float) -> float:
    require_number("below", below)
    if not below > 0.0:
        raise ValueError(f"below must be a gain in nats above 0. Got {below!r}.")
    return below


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
        ridge += norm / slope * (np.sqrt(norm / target) - 1.0)
    return ridge


#: Schemes by the names that `fit_em` takes.
ACCELERATIONS: dict[str, type[Acceleration]] = {
    "anderson": Anderson,
    "louis": Louis,
    "squarem": Squarem,
}


def resolve(acceleration: "str | Acceleration | None") -> Acceleration | None:
    """The scheme meant by a name, an object or None."""
    if acceleration is None or isinstance(acceleration, Acceleration):
        return acceleration
    if isinstance(acceleration, str) and acceleration in ACCELERATIONS:
        return ACCELERATIONS[acceleration]()
    raise ValueError(
        f"acceleration must be one of {sorted(ACCELERATIONS)}, None or an Acceleration object. "
        f"Got {acceleration!r}."
    )
