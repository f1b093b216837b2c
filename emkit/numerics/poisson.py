r"""Probabilities of counts, each a sum of numbers below 0, so that no digits cancel.

.. math:: \log p(x; \lambda) = \log p(x; x) - D(x, \lambda), \qquad
          D(x, \lambda) = x \log(x / \lambda) - x + \lambda

Where counts are large, the terms of :math:`x \log \lambda - \lambda - \log x!` are many thousand
times as large as their sum.

References
----------
Loader, C. (2000). Fast and accurate computation of binomial probabilities.
"""

import numpy as np
from scipy.special import gammaln, rel_entr, xlogy

from emkit._typing import Array

__all__ = ["deviance", "saturated"]

#: A rate this small stands in for 0, whose logarithm is no number.
TINY = 1e-300
#: Relative difference v = (x - rate) / (x + rate) up to which the terms of D cancel, so that it is
#: taken from a series.
SERIES_UP_TO = 0.1
#: Its coefficients: atanh(v)/v - 1 in powers of v^2; the rest is below 1e-16 of D up to there.
ATANH = [1.0 / (2 * j + 1) for j in range(1, 9)]
#: Counts from here on have Stirling's series, whose rest is below 1e-16.
LARGE_COUNT = 16.0
#: Its coefficients, of 1/x, 1/x^3, ...
STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188]


def deviance(x: Array, rates: Array) -> Array:
    """Half the deviance D of counts from rates, to full relative accuracy."""
    gap = x - rates
    v = gap / np.maximum(x + rates, TINY)
    near = gap * v + 2.0 * x * v * _series(v * v, [0.0, *ATANH])
    far = np.abs(v) > SERIES_UP_TO
    return np.where(far, rel_entr(x, np.maximum(rates, TINY)) - gap, near) if far.any() else near


def saturated(x: Array) -> Array:
    """Log-probability of counts at a rate of as much: the highest that a rate can give them."""
    few = np.minimum(x, LARGE_COUNT)
    small = xlogy(few, few) - few - gammaln(few + 1.0)
    many = np.maximum(x, LARGE_COUNT)
    inverse = 1.0 / many
    large = -0.5 * np.log(2.0 * np.pi * many) - inverse * _series(inverse * inverse, STIRLING)
    return np.where(x < LARGE_COUNT, small, large)


def _series(x: Array, coefficients: list[float]) -> Array:
    """Polynomial, by Horner's rule."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= x
        total += coefficient
    return total
