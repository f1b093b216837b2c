r"""The log of a generalised gamma variable in Prentice's form, through the normal and both signs.

.. math:: f(z) = C(Q) \exp\bigl(-z^2 \varphi(Q z)\bigr),\qquad \varphi(x) = (e^x - 1 - x) / x^2

has its mode at 0, and is a normal density at Q = 0. For Q > 0, :math:`g = Q^{-2} e^{Q z}` is a
gamma variable of shape :math:`Q^{-2}`; a negative Q is its mirror image. Where the digits of g are
lost, quadrature of a log-concave function takes over.
"""

import numpy as np
from scipy.special import (
    exprel,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    gammaln,
    log_ndtr,
    ndtri_exp,
)

from emkit._typing import Array
from emkit.numerics.constants import LOG_ROOT_2PI
from emkit.numerics.log_concave import log_integral

__all__ = ["LARGEST", "log_normaliser", "log_tail", "near_quantile", "phi", "rise"]

#: Largest Q z whose exponential is taken, and largest Q times a step.
LARGEST, LONGEST = 300.0, 600.0
#: Shape of the gamma variable from which on Stirling's series is exact to rounding.
STIRLING_FROM = 20.0
#: Smallest Q, and smallest probability, at which the gamma variable has enough digits.
CLEAR, TINY = 1e-3, 1e-290
#: |x| below which phi is a series, which is exact to rounding, and its terms.
SERIES_BELOW, TERMS = 0.1, 12


def phi(x: Array) -> Array:
    """(exp(x) - 1 - x) / x^2."""
    near = np.abs(x) < SERIES_BELOW
    at = np.where(near, SERIES_BELOW, x)
    out = (exprel(at) - 1.0) / at
    if near.any():
        small, series = x[near], np.zeros(np.count_nonzero(near))
        for n in range(TERMS, 1, -1):
            series = (small * series + 1.0) / n
        out[near] = series
    return out


def log_normaliser(shape: float) -> float:
    """log C(Q)."""
    if shape == 0.0:
        return -LOG_ROOT_2PI
    k = shape**-2.0
    if k < STIRLING_FROM:
        return float(np.log(abs(shape)) + k * np.log(k) - k - gammaln(k))
    r = k**-2.0
    series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0)))) / k
    return -LOG_ROOT_2PI - series


def rise(shape: float, z: Array, step: Array) -> Array:
    """log f(z + step) - log f(z), without cancellation."""
    slope = z * exprel(np.minimum(shape * z, LARGEST))  # minus the score
    x = np.minimum(shape * step, LONGEST)
    with np.errstate(over="ignore"):
        return -step * (slope * exprel(x) + step * phi(x))


def log_tail(shape: float, z: Array) -> Array:
    """log P(e > z) where z > 0, log P(e < z) elsewhere, for Q >= 0 and Q z up to LARGEST."""
    if shape == 0.0:
        return log_ndtr(-np.abs(z))
    upper, found = z > 0.0, np.zeros_like(z)
    if shape > CLEAR:
        k = shape**-2.0
        g = k * np.exp(shape * z)
        found = np.where(upper, gammaincc(k, g), gammainc(k, g))
    clear = found > TINY
    out = np.log(np.where(clear, found, 1.0))
    if not clear.all():
        at = z[~clear]
        low, high = np.where(at > 0.0, 0.0, -np.inf), np.where(at > 0.0, np.inf, 0.0)
        log_pdf = log_normaliser(shape) - at * at * phi(shape * at)
        out[~clear] = log_pdf + log_integral(lambda u: rise(shape, at, u), low, high)
    return out


def near_quantile(shape: float, log_p: Array, upper: bool) -> Array:
    """Near where a tail of Q >= 0 has log-probability ``log_p``: where Newton's steps begin."""
    if shape <= CLEAR:
        return ndtri_exp(log_p) * (-1.0 if upper else 1.0)
    k, p = shape**-2.0, np.exp(log_p)
    with np.errstate(divide="ignore"):
        log_g = np.log(gammainccinv(k, p) if upper else gammaincinv(k, p))
    # Far out above, -log P is about g; far out below, P is g^k / Gamma(k + 1).
    far = np.log(k - log_p) if upper else (log_p + gammaln(k + 1.0)) / k
    lost = ~np.isfinite(log_g) | (p < TINY)
    return (np.where(lost, far, log_g) - np.log(k)) / shape
