r"""The Gumbel law of the smallest extreme on an interval: mean, and mean of exp(t z).

:math:`w = e^z` is an exponential variable, so these are incomplete gamma functions of w. Where the
interval lies far out on the left, :math:`b - z` is an exponential variable; far out on the right, a
continued fraction for :math:`\Gamma(s, w)\, e^w w^{-s}` keeps what underflows apart.

Intervals must not be so short that what is known at their ends cancels.
"""

import numpy as np
from scipy.special import exp1, exprel, gammainc, gammaincc, gammaln

from emkit._typing import Array

__all__ = ["log_mgf_between", "mean_between"]

#: Upper bound below which F(z) is exp(z) to rounding.
EXPONENTIAL_BELOW = -36.0
#: Lower bound from which on the continued fraction is exact to rounding, with so many terms.
RIGHT, TERMS = 3.5, 20
#: Largest z whose exponential is taken.
LARGEST = 600.0
TINY = float(np.finfo(float).tiny)


def mean_between(a: Array, b: Array, width: Array) -> Array:
    """E[z | a < z < b] for bounds (n,); ``width`` is b - a."""
    mean = np.empty_like(a)
    left, right = b < EXPONENTIAL_BELOW, a > RIGHT
    mean[left] = b[left] - 1.0 + 1.0 / exprel(width[left])
    start, stop, log_lost = _hazards(a[right], b[right])
    lost = np.exp(log_lost)
    beyond = _capped(width[right]) + 1.0 / _fraction(0.0, stop)
    mean[right] = a[right] + (1.0 / _fraction(0.0, start) - lost * beyond) / (1.0 - lost)
    middle = ~(left | right)
    w_a, w_b = (np.maximum(np.exp(np.minimum(z[middle], LARGEST)), TINY) for z in (a, b))
    mass = np.exp(-w_a) * -np.expm1(w_a - w_b)
    low, high = _partial_means(w_a), _partial_means(w_b)
    # Counted from the end where the parts are small.
    mean[middle] = np.where(w_b < 1.0, high[0] - low[0], low[1] - high[1]) / mass
    return mean


def log_mgf_between(t: float, a: Array, b: Array, width: Array) -> Array:
    """log E[exp(t z) | a < z < b] for bounds (n,) and t > -1; ``width`` is b - a."""
    out, s = np.empty_like(a), 1.0 + t
    left, right = b < EXPONENTIAL_BELOW, a > RIGHT
    ratio = np.expm1(-s * width[left]) / np.expm1(-width[left])
    out[left] = t * b[left] + np.log(ratio / s)
    start, stop, log_lost = _hazards(a[right], b[right])
    beyond = np.exp(t * _capped(width[right]) + log_lost) * stop / _fraction(s, stop)
    moment = (start / _fraction(s, start) - beyond) / -np.expm1(log_lost)
    out[right] = t * a[right] + np.log(moment)
    middle = ~(left | right)
    w_a, w_b = (np.exp(np.minimum(z[middle], LARGEST)) for z in (a, b))
    below, above = gammainc(s, w_b) - gammainc(s, w_a), gammaincc(s, w_a) - gammaincc(s, w_b)
    part = np.where(w_b < s, below, above)
    out[middle] = gammaln(s) + np.log(part / -np.expm1(w_a - w_b)) + w_a
    return out


def _capped(width: Array) -> Array:
    """Widths over which everything is lost, finite."""
    return np.minimum(width, LARGEST)


def _hazards(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Cumulative hazards at the ends, and log P(z > b | z > a)."""
    start, stop = np.exp(np.minimum(a, 0.9 * LARGEST)), np.exp(np.minimum(b, LARGEST))
    return start, stop, start - stop


def _fraction(s: float, w: Array) -> Array:
    r""":math:`e^{-w} w^s / \Gamma(s, w)`."""
    fraction = w + 2.0 * TERMS + 1.0 - s
    for n in range(TERMS, 0, -1):
        fraction = w + 2.0 * n - 1.0 - s - n * (n - s) / fraction
    return fraction


def _partial_means(w: Array) -> tuple[Array, Array]:
    """E[z; z < log w], right for w < 1, and E[z; z > log w]."""
    ein, term = np.zeros_like(w), -np.ones_like(w)  # Ein(w) = int_0^w (1 - exp(-t)) / t dt
    small = np.minimum(w, 1.0)
    for k in range(1, 20):
        term = -term * small / k
        ein += term / k
    below = -np.log(w) * np.expm1(-w) - ein
    return below, np.log(w) * np.exp(-w) + exp1(w)
