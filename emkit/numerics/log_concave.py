r"""Integrals of log-concave functions over intervals, as logarithms: nothing under- or overflows.

From its top, a log-concave function falls in k steps by at least k times what it falls in one. So
40 steps in which it falls by about 1 each, on both sides, hold all but :math:`e^{-40}` of it.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss

from emkit._typing import Array

__all__ = ["log_integral", "mean", "tilted_log_mean"]

#: Panels on one side of the top, and nodes in each.
PANELS = 40
NODES, WEIGHTS = leggauss(16)
#: Powers of 2 between which a step lies, and halvings of that range that leave one.
POWERS, HALVINGS = (-1074, 1023), 12


def log_integral(rise: Callable[[Array], Array], low: Array, high: Array) -> Array:
    r"""log of :math:`\int e^{h(u)} du` from ``low`` <= 0 to ``high`` >= 0, arrays of shape (n,).

    ``rise`` is h at points (..., n): concave, and largest at u = 0, where it is 0.
    """
    sides = [_side(rise, 1.0, high), _side(rise, -1.0, -low)]
    with np.errstate(divide="ignore"):  # a side may have no length
        return np.logaddexp(*(np.log(length) + np.log(mass) for length, mass, _ in sides))


def mean(rise: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Mean of u under a density in proportion to exp(h(u)); arguments as of `log_integral`."""
    sides = [_side(rise, 1.0, high), _side(rise, -1.0, -low)]
    (above, mass_above, at_above), (below, mass_below, at_below) = sides
    largest = np.maximum(above, below)  # lengths may be of any size
    above, below = above / largest, below / largest
    total = above * mass_above + below * mass_below
    return largest * (above**2 * at_above - below**2 * at_below) / total


def tilted_log_mean(
    t: float,
    rise: Callable[[Array, Array], Array],
    mode: float,
    a: Array,
    b: Array,
    width: Array,
) -> Array:
    """log E[exp(t z) | a < z < b] (n,) for t > 0 and a log-concave density f that peaks at 0.

    ``rise(z, step)`` is log f(z + step) - log f(z) without cancellation, and ``mode`` is that of
    exp(t z) f(z). ``width`` is b - a where it is known better than from rounded bounds.
    """
    anchor = np.clip(0.0, a, b)  # of the interval, the point where f is largest
    low = np.where(anchor == a, 0.0, np.where(anchor == b, -width, a))
    high = np.where(anchor == b, 0.0, np.where(anchor == a, width, b))
    plain = log_integral(lambda u: rise(anchor, u), low, high)
    top = np.clip(mode - anchor, low, high)  # from there to where exp(t z) f(z) is largest
    there = anchor + top
    tilted = log_integral(lambda u: t * u + rise(there, u), low - top, high - top)
    return t * anchor + (t * top + rise(anchor, top)) + tilted - plain


def _side(rise: Callable[[Array], Array], sign: float, end: Array) -> tuple[Array, Array, Array]:
    """What counts on one side of the top: its length, and over it the means of exp(h) and of
    exp(h) times the distance from the top in lengths."""
    if not end.any():
        return end, np.ones_like(end), np.full_like(end, 0.5)
    low, high = (np.full(len(end), float(power)) for power in POWERS)
    with np.errstate(over="ignore"):  # where h is -inf, nothing is
        for _ in range(HALVINGS):
            middle = np.floor(0.5 * (low + high))
            short = rise(sign * np.exp2(middle)) > -1.0
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        # A step between one and two times as long as that in which h falls by 1.
        length = np.minimum(2.0 * PANELS * np.exp2(low), end)
        places = (np.arange(PANELS)[:, None] + 0.5 * (1.0 + NODES)).ravel() / PANELS
        values = np.exp(rise(sign * length * places[:, None]))
    weights = np.tile(0.5 * WEIGHTS / PANELS, PANELS)
    return length, weights @ values, (weights * places) @ values
