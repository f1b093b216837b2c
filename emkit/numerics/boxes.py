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
from emkit.numerics.constants import LOG_ROOT_2PI
from emkit.numerics.truncated_normal import Truncated, truncated_normal

__all__ = ["Boxed", "truncated_vector"]

#: Of each side of the mode.
NODES, WEIGHTS = leggauss(32)
#: Fall of a log-density beyond which nothing is left of a mass.
DROP = 34.0
#: Newton's steps to the mode, and to where the density has fallen by `DROP`.
STEPS = 8
#: Sweeps of expectation propagation at most, and the change of means and variances, in units of
#: the variances, at which it is there.
SWEEPS, SETTLED = 100, 1e-10
#: Least part of a variance that truncation leaves: of less the digits would be lost.
LEAST_VARIANCE = 1e-8


class Boxed(NamedTuple):
    """Moments of normal vectors of q numbers given that they lie in boxes, n of them."""

    log_mass: Array  #: (n,) log-probability of the box
    mean: Array  #: (q, n)
    covariance: Array  #: (q, q, n)


def truncated_vector(mean: Array, covariance: Array, lower: Array, upper: Array) -> Boxed:
    """Moments of N(mean, covariance) in boxes.

    Parameters
    ----------
    mean : ndarray of shape (q, n)
        Means.
    covariance : ndarray of shape (q, q, n) or (q, q, 1)
        Covariances, or the one that all share.
    lower, upper : ndarray of shape (q, n)
        Ends of the boxes, infinite or not, lower < upper.

    Returns
    -------
    Boxed
        Exact for one and two numbers, by expectation propagation for more.
    """
    scale = np.sqrt(np.einsum("iin->in", covariance))
    low, high = (lower - mean) / scale, (upper - mean) / scale
    correlation = covariance / (scale[:, None] * scale)
    if len(mean) == 1:
        z = truncated_normal(low[0], high[0])
        boxed = Boxed(z.log_mass, z.mean[None], z.variance[None, None])
    elif len(mean) == 2:
        boxed = _two(correlation[1, 0], low, high)
    else:
        shape = *correlation.shape[:2], low.shape[1]
        boxed = _several(np.broadcast_to(correlation, shape), low, high)
    log_mass, centre, spread = boxed
    return Boxed(log_mass, mean + scale * centre, spread * (scale[:, None] * scale))


# Two numbers


class _Outer(NamedTuple):
    """Log-density of the first number times the mass of the second, and its derivatives."""

    value: Array
    slope: Array
    curvature: Array  #: negative
    inner: Truncated  #: of the second number, in units of its conditional deviation

    @classmethod
    def at(cls, z: Array, ratio: Array, low: Array, high: Array) -> "_Outer":
        """At z; the second lies in (low, high) - ratio z in units of its conditional deviation."""
        inner = truncated_normal(low - ratio * z, high - ratio * z)
        value = inner.log_mass - 0.5 * z * z
        return cls(value, ratio * inner.mean - z, ratio**2 * (inner.variance - 1.0) - 1.0, inner)


def _two(correlation: Array, low: Array, high: Array) -> Boxed:
    """Two numbers of variance 1."""
    n = low.shape[1]
    rho = np.broadcast_to(correlation, n)
    deviation = np.sqrt((1.0 - rho) * (1.0 + rho))
    ratio, a, b = rho / deviation, low[1] / deviation, high[1] / deviation
    mode, top = _mode(low[0], high[0], ratio, a, b)
    ends = [_fallen(mode, top, end, ratio, a, b) for end in (low[0], high[0])]
    half = np.array([mode - ends[0], ends[1] - mode])[:, None] / 2.0
    middle = np.array([ends[0] + mode, mode + ends[1]])[:, None] / 2.0
    z = (middle + half * NODES[:, None]).reshape(-1, n)
    value, _, _, inner = _Outer.at(z, ratio, a, b)
    weight = np.exp(value - top.value) * (half * WEIGHTS[:, None]).reshape(-1, n)
    mass = weight.sum(axis=0)
    weight /= mass
    second = rho * z + deviation * inner.mean
    mean = np.array([(weight * z).sum(axis=0), (weight * second).sum(axis=0)])
    z, second = z - mean[0], second - mean[1]
    covariance = np.empty((2, 2, n))
    covariance[0, 0] = (weight * z * z).sum(axis=0)
    covariance[0, 1] = covariance[1, 0] = (weight * z * second).sum(axis=0)
    within = deviation**2 * (weight * inner.variance).sum(axis=0)
    covariance[1, 1] = (weight * second * second).sum(axis=0) + within
    return Boxed(top.value + np.log(mass) - LOG_ROOT_2PI, mean, covariance)


def _mode(lower: Array, upper: Array, ratio: Array, a: Array, b: Array) -> tuple[Array, _Outer]:
    """Where the density of the first number is largest in (lower, upper)."""
    low, high = lower.copy(), upper.copy()
    z = np.clip(0.0, low, high)
    for _ in range(STEPS):
        outer = _Outer.at(z, ratio, a, b)
        rising = outer.slope > 0.0
        low, high = np.where(rising, z, low), np.where(rising, high, z)
        to = z - outer.slope / outer.curvature
        middle = np.where(np.isfinite(low) & np.isfinite(high), 0.5 * (low + high), to)
        beyond = (to <= low) | (to >= high)
        at_end = np.clip(to, lower, upper)
        # An end of the interval is the mode where the density still rises there.
        z = np.where(beyond, np.where((low == lower) | (high == upper), at_end, middle), to)
    return z, _Outer.at(z, ratio, a, b)


def _fallen(mode: Array, top: _Outer, end: Array, ratio: Array, a: Array, b: Array) -> Array:
    """Where the density has fallen by `DROP`, on the way to an end of the interval.

    From outside, as concave functions are below their tangents: never too near.
    """
    sign = np.sign(end - mode)
    slope = np.minimum(sign * top.slope, 0.0)
    away = np.sqrt(slope**2 + 2.0 * DROP) + slope  # as curvature is at least 1
    away = np.minimum(away, np.abs(end - mode))
    for _ in range(STEPS // 2):
        outer = _Outer.at(mode + sign * away, ratio, a, b)
        missing = np.minimum(outer.value - top.value + DROP, 0.0)
        slope = np.minimum(sign * outer.slope, -1e-300)
        away = np.clip(away - missing / slope, 0.0, away)
    z: Array = mode + sign * away
    return z


# More numbers


def _several(prior: Array, low: Array, high: Array) -> Boxed:
    """Numbers of variance 1, of correlations (q, q, n), by expectation propagation."""
    q, n = low.shape
    mean, covariance, log_mass = np.empty((q, n)), np.empty((q, q, n)), np.empty(n)
    rows = np.arange(n)
    state = _Factors.none(prior, low, high)
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
    return Boxed(log_mass, mean, covariance)


class _Factors(NamedTuple):
    """Normal factors exp(-t z^2 / 2 + u z) in place of the box, and the normal with them."""

    t: Array  #: (q, n)
    u: Array
    mean: Array  #: (q, n)
    covariance: Array  #: (q, q, n)
    prior: Array  #: (q, q, n)
    low: Array
    high: Array
    log_part: Array  #: (q, n) log-mass of each number, its factor taken away
    cavity: Array  #: (2, q, n) mean and variance of that

    @classmethod
    def none(cls, prior: Array, low: Array, high: Array) -> "_Factors":
        t, u, mean, log_part = np.zeros((4, *low.shape))
        cavity = np.zeros((2, *low.shape))
        return cls(t, u, mean, prior.copy(), prior, low, high, log_part, cavity)

    def take(self, rows: NDArray[np.bool_]) -> "_Factors":
        """Some of the rows."""
        return _Factors(*(part[..., rows] for part in self))

    def sweep(self) -> Array:
        """Every factor once; the largest change (n,) of a mean or variance."""
        mean, covariance = self.mean, self.covariance
        change = np.zeros(mean.shape[1])
        for j in range(len(mean)):
            v = covariance[j, j].copy()
            rest = 1.0 / (1.0 - v * self.t[j])
            cavity = v * rest
            centre = (mean[j] - v * self.u[j]) * rest
            root = np.sqrt(cavity)
            z = truncated_normal((self.low[j] - centre) / root, (self.high[j] - centre) / root)
            left = np.clip(z.variance, LEAST_VARIANCE, 1.0)
            self.log_part[j], self.cavity[:, j] = z.log_mass, (centre, cavity)
            t = (1.0 / left - 1.0) / cavity
            u = (centre + root * z.mean) / (left * cavity) - centre / cavity
            dt, du = t - self.t[j], u - self.u[j]
            self.t[j], self.u[j] = t, u
            column = covariance[:, j] / (1.0 + dt * v)
            move = du - dt * mean[j]
            mean += column * move
            covariance -= (dt * column)[:, None] * covariance[j]
            # As it is known, to its own digits, where the differences have none (narrow boxes).
            covariance[:, j] = covariance[j] = column
            mean[j] = centre + root * z.mean
            np.maximum(change, np.abs(column[j] * move) / np.sqrt(v), out=change)
            np.maximum(change, np.abs(covariance[j, j] - v) / v, out=change)
        return change

    def boxed(self) -> Boxed:
        """The normal, and the log-mass of the box as the factors have it."""
        centre, cavity = self.cavity
        v = np.einsum("iin->in", self.covariance)
        of_factors = self.log_part + 0.5 * np.log1p(self.t * cavity)
        of_factors += 0.5 * (centre**2 / cavity - self.mean**2 / v)
        # |prior| / |covariance| = |1 + T^(1/2) prior T^(1/2)|
        root = np.sqrt(self.t)
        inner = (root[:, None] * root * self.prior).transpose(2, 0, 1) + np.eye(len(root))
        rest = 0.5 * ((self.mean * self.u).sum(axis=0) - np.linalg.slogdet(inner)[1])
        return Boxed(of_factors.sum(axis=0) + rest, self.mean, self.covariance)
