r"""A normal vector in a box: log-mass, mean and covariance, a row at a time by the thousand.

One number is `truncated_normal`. Of two, with correlation :math:`\rho`,

.. math:: p(z_1) \propto \varphi(z_1)\, P(a_2 < z_2 < b_2 \mid z_1), \qquad
          z_2 \mid z_1 \sim N(\rho z_1, 1 - \rho^2),

is log-concave with a curvature of at least 1: Gauss-Legendre on both sides of its mode, as far as
it matters, is exact to about 1e-10. Of more it is expectation propagation (Minka 2001; for boxes
Cunningham, Hennig & Lacoste-Julien 2011): a normal factor for each number, such that taking it
away and truncating instead gives the same mean and variance. Means of correlated numbers are then
off by some 1e-3 standard deviations. Its log-mass is stationary in the factors, so that its
gradient in mean and covariance of the vector is what EM takes it for.

References
----------
Minka, T. P. (2001). Expectation propagation for approximate Bayesian inference. UAI 17, 362-369.

Cunningham, J. P., Hennig, P. & Lacoste-Julien, S. (2011). Gaussian probabilities and expectation
propagation. arXiv:1111.6832.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.constants import EPS, LOG_ROOT_2PI
from emkit.numerics.missing_blocks import log_det_of
from emkit.numerics.truncated_normal import Truncated, truncated_normal

__all__ = ["Boxed", "truncated_vector", "widened"]

#: Of each side of the mode.
NODES, WEIGHTS = leggauss(32)
#: Fall of a log-density beyond which nothing is left of a mass.
DROP = 34.0
#: Steps at most to the mode, which is found to so much of a deviation of the density there; and to
#: where the density has fallen by `DROP`.
STEPS, NEAR, FALLS = 60, 0.02, 4
#: Sweeps of expectation propagation at most, and the change of means and variances, in units of
#: the variances, at which it is there: the mass, stationary in the factors, is then known to 1e-13.
SWEEPS, SETTLED = 100, 1e-7
#: Deviations from a mean beyond which boxes are not told apart: there is nothing left to weigh.
FAR = 1e4
#: What correlations of 1 are short of in a matrix that is to have an inverse.
SLIGHT = 1e-13
#: Least part of a variance that a factor leaves: what is narrower is as good as observed, and the
#: rest would be lost to rounding.
LEAST_VARIANCE = 1e-8
#: Width, in conditional deviations, below which a density does not vary over an interval.
NARROW = 1e-6


class Boxed(NamedTuple):
    """Moments of normal vectors of q numbers given that they lie in boxes, n of them."""

    log_mass: Array  #: (n,) log-probability of the box
    mean: Array  #: (q, n)
    covariance: Array  #: (q, q, n)


def truncated_vector(
    mean: Array, covariance: Array, lower: Array, upper: Array, width: Array | None = None
) -> Boxed:
    """Moments of N(mean, covariance) in boxes.

    Parameters
    ----------
    mean : ndarray of shape (q, n)
        Means.
    covariance : ndarray of shape (q, q, n) or (q, q, 1)
        Covariances, or the one that all share.
    lower, upper : ndarray of shape (q, n)
        Ends of the boxes, infinite or not, lower < upper.
    width : ndarray of shape (q, n), default=None
        upper - lower, where it is known better than from rounded ends.

    Returns
    -------
    Boxed
        Exact for one and two numbers, by expectation propagation for more.
    """
    scale = np.sqrt(np.einsum("iin->in", covariance))
    low, high = (lower - mean) / scale, (upper - mean) / scale
    width = (upper - lower if width is None else width) / scale
    beyond = np.maximum(low - FAR, 0.0) + np.minimum(high + FAR, 0.0)
    if beyond.any():
        mean, low, high = mean + scale * beyond, low - beyond, high - beyond
    correlation = covariance / (scale[:, None] * scale)
    if len(mean) == 1:
        z = truncated_normal(low[0], high[0], width[0])
        boxed = Boxed(z.log_mass, z.mean[None], z.variance[None, None])
    elif len(mean) == 2:
        boxed = _two(correlation[1, 0], low, high, width)
    else:
        shape = *correlation.shape[:2], low.shape[1]
        boxed = _several(np.broadcast_to(correlation, shape), low, high, width)
    log_mass, centre, spread = boxed
    return Boxed(log_mass, mean + scale * centre, spread * (scale[:, None] * scale))


def widened(low: Array, high: Array, width: Array, deviation: Array) -> tuple[Array, Array, Array]:
    """Ends of intervals none of which is so narrow that rounding takes its mass.

    With them what their log-masses are to be raised by, which is below 0.
    """
    least = NARROW * deviation
    narrow = width < least
    with np.errstate(invalid="ignore"):  # whole lines
        middle = 0.5 * (low + high)
    low = np.where(narrow, middle - 0.5 * least, low)
    high = np.where(narrow, middle + 0.5 * least, high)
    return low, high, np.log(np.where(narrow, width / least, 1.0))


# Two numbers


class _Outer(NamedTuple):
    """Log-density of the first number times the mass of the second, and its derivatives."""

    value: Array
    slope: Array
    curvature: Array  #: negative
    inner: Truncated  #: of the second number, in units of its conditional deviation

    @classmethod
    def at(cls, z: Array, second: tuple[Array, ...]) -> "_Outer":
        """At z; the second number is in units of its conditional deviation.

        ``second`` are its regression on z, the ends of its interval and the width of that.
        """
        ratio, low, high, width = second
        shift = ratio * z
        inner = truncated_normal(low - shift, high - shift, np.broadcast_to(width, shift.shape))
        value = inner.log_mass - 0.5 * z * z
        return cls(value, ratio * inner.mean - z, ratio**2 * (inner.variance - 1.0) - 1.0, inner)


def _two(correlation: Array, low: Array, high: Array, width: Array) -> Boxed:
    """Two numbers of variance 1 in intervals of so much width."""
    n = low.shape[1]
    rho = np.broadcast_to(correlation, n)
    deviation = np.sqrt(np.maximum((1.0 - rho) * (1.0 + rho), EPS))
    second = rho / deviation, low[1] / deviation, high[1] / deviation, width[1] / deviation
    left, right, log_part = widened(low[0], high[0], width[0], deviation)
    mode, top = _mode(left, right, second)
    ends = [_fallen(mode, top, end, second) for end in (left, right)]
    half = np.array([mode - ends[0], ends[1] - mode])[:, None] / 2.0
    middle = np.array([ends[0] + mode, mode + ends[1]])[:, None] / 2.0
    z = (middle + half * NODES[:, None]).reshape(-1, n)
    value, _, _, inner = _Outer.at(z, second)
    peak = value.max(axis=0)
    weight = np.exp(value - peak) * (half * WEIGHTS[:, None]).reshape(-1, n)
    mass = np.maximum(weight.sum(axis=0), np.finfo(float).tiny)
    weight /= mass
    other = rho * z + deviation * inner.mean
    mean = np.array([(weight * z).sum(axis=0), (weight * other).sum(axis=0)])
    z, other = z - mean[0], other - mean[1]
    covariance = np.empty((2, 2, n))
    covariance[0, 0] = (weight * z * z).sum(axis=0)
    covariance[0, 1] = covariance[1, 0] = (weight * z * other).sum(axis=0)
    within = deviation**2 * (weight * inner.variance).sum(axis=0)
    covariance[1, 1] = (weight * other * other).sum(axis=0) + within
    return Boxed(peak + np.log(mass) + log_part - LOG_ROOT_2PI, mean, covariance)


def _mode(lower: Array, upper: Array, second: tuple[Array, ...]) -> tuple[Array, _Outer]:
    """About where the density of the first number is largest in (lower, upper).

    By Newton's steps, between points where it rises and where it falls; an end of the interval is
    the mode where it still rises there.
    """
    low, high = lower.copy(), upper.copy()
    z = np.clip(0.0, low, high)
    for _ in range(STEPS):
        outer = _Outer.at(z, second)
        rising = outer.slope > 0.0
        at_end = (z == upper) & rising | (z == lower) & ~rising
        if (at_end | (np.abs(outer.slope) <= NEAR * np.sqrt(-outer.curvature))).all():
            break
        low, high = np.where(rising, z, low), np.where(rising, high, z)
        to = z - outer.slope / outer.curvature
        # Beyond what was tried lies nothing better; an end that was not tried may be it.
        with np.errstate(invalid="ignore"):
            middle = 0.5 * (low + high)
        tried = np.where(rising, high < upper, low > lower)
        to = np.where((to < low) | (to > high), np.where(tried, middle, np.clip(to, low, high)), to)
        z = np.where(at_end, z, to)
    return z, outer


def _fallen(mode: Array, top: _Outer, end: Array, second: tuple[Array, ...]) -> Array:
    """Where the density has fallen by `DROP`, on the way to an end of the interval.

    From outside, as concave functions are below their tangents: never too near.
    """
    sign = np.sign(end - mode)
    slope = np.minimum(sign * top.slope, 0.0)
    away = 2.0 * DROP / (np.sqrt(slope**2 + 2.0 * DROP) - slope)  # as curvature is at least 1
    away = np.minimum(away, np.abs(end - mode))
    for _ in range(FALLS):
        outer = _Outer.at(mode + sign * away, second)
        missing = np.minimum(outer.value - top.value + DROP, 0.0)
        slope = np.minimum(sign * outer.slope, -1.0)
        away = np.clip(away - missing / slope, 0.0, away)
    z: Array = mode + sign * away
    return z


# More numbers


def _several(prior: Array, low: Array, high: Array, width: Array) -> Boxed:
    """Numbers of variance 1, of correlations (q, q, n), by expectation propagation."""
    q, n = low.shape
    mean, covariance, log_mass = np.empty((q, n)), np.empty((q, q, n)), np.empty(n)
    rows = np.arange(n)
    state = _Factors.none(prior, low, high, width)
    for sweep in range(SWEEPS):
        change = state.sweep()
        done = change <= SETTLED
        if sweep == SWEEPS - 1:
            done[:] = True
        if done.any():
            at, part = rows[done], state.take(done)
            log_mass[at], mean[:, at], covariance[:, :, at] = part.boxed()
            if done.all():
                break
            rows, state = rows[~done], state.take(~done)
    # Where nothing is left of a box, factors may not settle, and say anything.
    lost = np.flatnonzero(log_mass > 0.0)
    if len(lost):
        alone = truncated_normal(low[:, lost], high[:, lost], width[:, lost])
        log_mass[lost] = alone.log_mass.min(axis=0)
    return Boxed(log_mass, mean, covariance)


class _Factors(NamedTuple):
    """Normal factors exp(-t z^2 / 2 + u z) in place of the box, and the normal with them."""

    t: Array  #: (q, n)
    u: Array
    mean: Array  #: (q, n)
    covariance: Array  #: (q, q, n)
    prior: Array  #: (q, q, n) precision without factors
    log_det: Array  #: (n,) of the covariance without factors
    low: Array
    high: Array
    width: Array
    log_part: Array  #: (q, n) log-mass of each number, its factor taken away
    cavity: Array  #: (2, q, n) mean and variance of that

    @classmethod
    def none(cls, prior: Array, low: Array, high: Array, width: Array) -> "_Factors":
        """No factors yet: the normal is the prior, of covariances (q, q, n)."""
        t, u, mean, log_part = np.zeros((4, *low.shape))
        cavity = np.zeros((2, *low.shape))
        # What is all but a line has a little of a width, to have an inverse.
        widened = prior + SLIGHT * np.eye(len(low))[:, :, None]
        factor = triangular.cholesky(widened)
        log_det = 2.0 * log_det_of(factor)
        precision = triangular.symmetric(triangular.inverse(factor))
        ends = low, high, width
        return cls(t, u, mean, prior.copy(), precision, log_det, *ends, log_part, cavity)

    def take(self, rows: NDArray[np.bool_]) -> "_Factors":
        """Some of the rows."""
        return _Factors(*(part[..., rows] for part in self))

    def sweep(self) -> Array:
        """Every factor once; the largest change (n,) of a mean or variance."""
        mean, covariance = self.mean, self.covariance
        change = np.zeros(mean.shape[1])
        for j in range(len(mean)):
            v = np.maximum(covariance[j, j], LEAST_VARIANCE**2)
            rest = 1.0 / np.maximum(1.0 - v * self.t[j], 0.5 * LEAST_VARIANCE)
            cavity = v * rest
            centre = (mean[j] - v * self.u[j]) * rest
            root = np.sqrt(cavity)
            a, b = (self.low[j] - centre) / root, (self.high[j] - centre) / root
            beyond = np.maximum(a - FAR, 0.0) + np.minimum(b + FAR, 0.0)
            z = truncated_normal(a - beyond, b - beyond, self.width[j] / root)
            left = np.clip(z.variance, LEAST_VARIANCE, 1.0)
            self.log_part[j], self.cavity[:, j] = z.log_mass, (centre, cavity)
            t = (1.0 / left - 1.0) / cavity
            u = (centre + root * (z.mean + beyond)) / (left * cavity) - centre / cavity
            dt, du = t - self.t[j], u - self.u[j]
            self.t[j], self.u[j] = t, u
            column = covariance[:, j] / (1.0 + dt * v)
            move = du - dt * mean[j]
            mean += column * move
            covariance -= (dt * column)[:, None] * covariance[j]
            # As it is known, to its own digits, where the differences have none (narrow boxes).
            covariance[:, j] = covariance[j] = column
            mean[j] = centre + root * (z.mean + beyond)
            np.maximum(change, np.abs(column[j] * move) / np.sqrt(v), out=change)
            np.maximum(change, np.abs(covariance[j, j] - v) / v, out=change)
        self._refresh()
        return change

    def _refresh(self) -> Array:
        """The normal from its factors: what rounding left of it is forgotten.

        With it the logarithm (n,) of its determinant.
        """
        precision = self.prior.copy()
        np.einsum("iin->in", precision)[...] += self.t
        factor = triangular.cholesky(precision)
        self.covariance[:] = triangular.symmetric(triangular.inverse(factor))
        self.mean[:] = np.einsum("ijn,jn->in", self.covariance, self.u)
        return -2.0 * log_det_of(factor)

    def boxed(self) -> Boxed:
        """The normal, and the log-mass of the box as the factors have it."""
        log_det = self._refresh() - self.log_det
        centre, cavity = self.cavity
        of_factors = self.log_part + 0.5 * np.log1p(self.t * cavity)
        of_factors += 0.5 * (centre - self.mean) * centre / cavity
        return Boxed(of_factors.sum(axis=0) + 0.5 * log_det, self.mean, self.covariance)
