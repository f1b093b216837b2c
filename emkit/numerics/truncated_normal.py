r"""The standard normal on an interval (a, b): log-mass, mean and variance, right in both tails.

With :math:`t = z - a` and :math:`M_n = \int_0^\infty t^n e^{-at - t^2/2} dt`, the ratios
:math:`r_n = M_n / M_{n-1}` obey :math:`r_n = n / (a + r_{n+1})`: all terms are positive, so nothing
cancels however far a lies out. An interval is first reflected so that a is the end nearer to 0.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import erfcx, log_ndtr, ndtri, ndtri_exp

from emkit._typing import Array
from emkit.numerics.constants import LOG_ROOT_2PI

__all__ = ["LOG_ROOT_2PI", "Truncated", "curvature", "draw_between", "truncated_normal"]

#: From here on moments are taken about the end of the interval: about 0 they would cancel.
TAIL_FROM = 3.0
#: Terms of the continued fraction, enough for double precision from TAIL_FROM on.
TERMS = 40
#: P(z > b | z > a) above which quadrature is taken over an interval: the density hardly varies
#: there, so that it is exact.
QUADRATURE_ABOVE = 0.75
#: Width below which the third moment of an interval is nothing beside the second.
NARROW_WIDTH = 0.01
NODES, WEIGHTS = leggauss(8)


class Truncated(NamedTuple):
    """Moments of z given a < z < b; arrays of one shape."""

    log_mass: Array  #: log P(a < z < b)
    mean: Array
    variance: Array


def truncated_normal(a: Array, b: Array, width: Array | None = None) -> Truncated:
    """Log-mass, mean and variance of a standard normal on (a, b), -inf <= a < b <= inf.

    ``width`` is b - a where it is known better than from rounded bounds.
    """
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    if a.ndim == 1 and a.size:  # rows of one kind need no sorting out
        if (b == np.inf).all() and a.min() > -np.inf:
            return _tail(a)
        if (a == -np.inf).all() and b.max() < np.inf:
            log_mass, mean, variance = _tail(-b)
            return Truncated(log_mass, -mean, variance)
    reflected = a < -b
    low, high = np.where(reflected, -b, a).ravel(), np.where(reflected, -a, b).ravel()
    log_mass, mean, variance = np.empty((3, low.size))
    free = np.isinf(low)
    log_mass[free], mean[free], variance[free] = 0.0, 0.0, 1.0
    tail = np.flatnonzero(~free & np.isinf(high))
    log_mass[tail], mean[tail], variance[tail] = _tail(low[tail])
    both = np.flatnonzero(~free & np.isfinite(high))
    if len(both):
        apart = high[both] - low[both] if width is None else np.ravel(width)[both]
        log_mass[both], mean[both], variance[both] = _interval(low[both], high[both], apart)
    shape = a.shape
    mean = np.where(reflected.ravel(), -mean, mean)
    return Truncated(log_mass.reshape(shape), mean.reshape(shape), variance.reshape(shape))


def curvature(
    a: Array, b: Array, z: Truncated, width: Array | None = None
) -> tuple[Array, Array, Array]:
    r"""Minus the second derivatives of log P(a < z < b) as location and log scale move.

    With :math:`a = (l - m)/s`, :math:`b = (u - m)/s`: for (m, m) times s^2, for (m, log s) times
    s, and for (log s, log s).
    """
    if a.ndim == 1 and (b == np.inf).all():
        return _tail_curvature(a, z.mean, z.variance)
    if a.ndim == 1 and (a == -np.inf).all():
        location, mixed, scale = _tail_curvature(-b, -z.mean, z.variance)
        return location, -mixed, scale
    with np.errstate(over="ignore", invalid="ignore"):
        at_a = np.exp(-0.5 * a * a - LOG_ROOT_2PI - z.log_mass)  # density over mass
        at_b = np.exp(-0.5 * b * b - LOG_ROOT_2PI - z.log_mass)
        left, right = np.where(np.isinf(a), 0.0, a), np.where(np.isinf(b), 0.0, b)
        mixed = z.mean + left * at_a * (z.mean - left) + right * at_b * (right - z.mean)
        low, high = left * at_a, right * at_b
        scale = low * (1.0 - left**2) - high * (1.0 - right**2) + (low - high) ** 2
    narrow = (b - a if width is None else width) < NARROW_WIDTH
    if narrow.any():  # the same for an exact value, less what the width takes away
        mean, variance = z.mean[narrow], z.variance[narrow]
        mixed[narrow] = 2.0 * mean * (1.0 - variance)
        scale[narrow] = 2.0 * variance + 2.0 * mean**2 * (1.0 - 2.0 * variance)
    return 1.0 - z.variance, mixed, scale


def _tail_curvature(a: Array, hazard: Array, variance: Array) -> tuple[Array, Array, Array]:
    """`curvature` of z > a, where the density over the mass is the mean."""
    a = np.maximum(a, -1e150)  # -inf: the mass is 1, and the hazard 0
    mixed = hazard * (1.0 + a * (hazard - a))
    return 1.0 - variance, mixed, a * mixed


def draw_between(a: Array, b: Array, chance: Array) -> tuple[Array, Array]:
    """Draws of z given a <= z <= b from uniform numbers, and log P(a < z < b)."""
    z, log_mass = ndtri(chance), np.zeros(chance.shape)
    bound = np.isfinite(a) | np.isfinite(b)
    if not bound.any():
        return z, log_mass
    a, b, chance = a[bound], b[bound], chance[bound]
    reflected = a < -b
    low, high = np.where(reflected, -b, a), np.where(reflected, -a, b)
    log_low = log_ndtr(-low)
    with np.errstate(divide="ignore"):
        within = -np.expm1(log_ndtr(-high) - log_low)  # P(z < high | z > low)
        log_mass[bound] = log_low + np.log(within)
    # The chance of a larger z, counted in the tail that low is in so that nothing cancels.
    drawn = np.clip(-ndtri_exp(log_low + np.log1p(-chance * within)), low, high)
    z[bound] = np.where(reflected, -drawn, drawn)
    return z, log_mass


def _tail(a: Array) -> Truncated:
    """z > a."""
    hazard = _hazard(a)
    mean, variance = hazard, 1.0 - hazard * (hazard - a)
    far = a > TAIL_FROM
    if far.any():
        first, second = _beyond(a[far])
        mean[far] = a[far] + first
        variance[far] = second - first**2
    return Truncated(log_ndtr(-a), mean, variance)


def _interval(a: Array, b: Array, width: Array) -> Truncated:
    """a < z < b, both finite, |a| <= |b|."""
    log_tail = log_ndtr(-a)
    with np.errstate(over="ignore"):
        most = np.exp(-width * (a + 0.5 * width))  # holds where rounding leaves no b - a
    beyond = np.minimum(np.exp(log_ndtr(-b) - log_tail), most)  # P(z > b | z > a)
    short = beyond > QUADRATURE_ABOVE
    within = np.where(short, 1.0, 1.0 - beyond)
    log_mass = log_tail + np.log(within)
    mean, variance = np.empty_like(a), np.empty_like(a)

    near = ~short & (a <= TAIL_FROM)
    if near.any():
        x, y, rest, part = a[near], b[near], beyond[near], within[near]
        left, right = _hazard(x) / part, rest * _hazard(y) / part
        mean[near] = left - right
        variance[near] = 1.0 + x * left - y * right - mean[near] ** 2

    far = ~short & (a > TAIL_FROM)
    if far.any():
        x, apart, rest, part = a[far], width[far], beyond[far], within[far]
        first, second = _beyond(x)
        first_b, second_b = _beyond(b[far])
        first = (first - rest * (apart + first_b)) / part
        second = (second - rest * (apart**2 + 2.0 * apart * first_b + second_b)) / part
        mean[far] = x + first
        variance[far] = second - first**2

    if short.any():
        log_mass[short], mean[short], variance[short] = _short(a[short], width[short])
    return Truncated(log_mass, mean, variance)


def _short(a: Array, width: Array) -> Truncated:
    """By quadrature over an interval on which the density hardly varies."""
    half = 0.5 * width
    middle = a + half
    t = half * NODES[:, None]  # from the middle
    density = WEIGHTS[:, None] * np.exp(-t * (middle + 0.5 * t))
    total = density.sum(axis=0)
    density /= total
    offset = (density * t).sum(axis=0)
    variance = (density * (t - offset) ** 2).sum(axis=0)
    log_mass = np.log(half) + np.log(total) - 0.5 * middle**2 - LOG_ROOT_2PI
    return Truncated(log_mass, middle + offset, variance)


def _hazard(a: Array) -> Array:
    """Density over mass of z > a (the inverse Mills ratio), which is also the mean there."""
    with np.errstate(over="ignore"):  # erfcx overflows where the hazard is 0
        return np.sqrt(2.0 / np.pi) / erfcx(a / np.sqrt(2.0))


def _beyond(a: Array) -> tuple[Array, Array]:
    """E[t] and E[t^2] of t = z - a given z > a, for a > TAIL_FROM."""
    ratio = 0.5 * (np.sqrt(a * a + 4.0 * (TERMS + 1)) - a)
    for n in range(TERMS, 1, -1):
        ratio = n / (a + ratio)
    first = 1.0 / (a + ratio)
    return first, first * ratio
