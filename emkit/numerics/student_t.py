"""Student's t on an interval: log-density, log-probability and mean, right in both tails."""

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import exprel, gammaln, stdtr

from emkit._typing import Array
from emkit.numerics.constants import EPS, LOG_ROOT_2PI

__all__ = ["LARGEST", "log_density", "log_mass", "log_tail", "truncated_mean"]

#: Part of a tail beyond one bound that must lie within the other: with less, quadrature.
QUADRATURE_BELOW = 0.1
#: Width, beside the distance from 0, below which the mean of an interval is by quadrature.
NARROW_WIDTH = 0.1
#: Numbers up to here have squares that do not overflow.
LARGEST = 1e150
#: Degrees of freedom from which t is the normal to rounding.
NORMAL_DF = 1e16
#: Degrees of freedom from which the ratio of gamma functions is taken from its asymptotic series.
SERIES_DF = 100.0
#: A tail this small is about to underflow.
SMALL_TAIL = 1e-290
#: Terms of the series of such a tail.
TERMS = 20
NODES, WEIGHTS = (values[:, None] for values in leggauss(20))


def log_density(z: Array, df: float) -> Array:
    """Log-density of Student's t; -inf at infinity."""
    df = min(df, NORMAL_DF)
    return _log_constant(df) - 0.5 * (df + 1.0) * _growth(z, df)


def log_tail(z: Array, df: float) -> Array:
    r"""log P(t > z) for z > 0 (n,).

    Where it underflows, from :math:`P = f(z) (1/z + z/\nu) F(1, 1/2; \nu/2 + 1; -\nu/z^2)`.
    """
    with np.errstate(divide="ignore"):
        out = np.asarray(np.log(stdtr(df, -z)))
    lost = (out < np.log(SMALL_TAIL)) & (z < np.inf)
    if lost.any():
        x = z[lost]
        term, total = np.ones_like(x), np.ones_like(x)
        for k in range(TERMS):
            term = term * -(k + 0.5) / (0.5 + (k + 1.0) / df) / x / x
            total += term
        out[lost] = log_density(x, df) + np.log(1.0 / x + x / df) + np.log(total)
    return out


def log_mass(a: Array, b: Array, df: float, width: Array | None = None) -> Array:
    """log P(a < t < b) for bounds (n,); ``width`` is b - a where it is known better."""
    reflected = np.abs(b) < np.abs(a)
    low, high = np.where(reflected, -b, a), np.where(reflected, -a, b)
    tail, beyond = stdtr(df, -low), stdtr(df, -high)
    short = tail - beyond < QUADRATURE_BELOW * tail
    lost = tail < SMALL_TAIL
    mass = np.log(np.where(short | lost, 1.0, tail - beyond))
    if lost.any():
        log_low, log_high = log_tail(low[lost], df), log_tail(high[lost], df)
        short[lost] = log_high - log_low > np.log1p(-QUADRATURE_BELOW)
        mass[lost] = log_low + np.log1p(-np.exp(np.minimum(log_high - log_low, -EPS)))
    if short.any():
        half = 0.5 * (high - low if width is None else width)[short]
        density = log_density(low[short] + half + half * NODES, df)
        top = density.max(axis=0)
        mass[short] = np.log(half) + top + np.log((WEIGHTS * np.exp(density - top)).sum(axis=0))
    return mass


def truncated_mean(a: Array, b: Array, df: float) -> Array:
    r"""E[t | a < t < b] (n,); infinite where it is (df <= 1 and one open end), 0 of all t.

    With :math:`g(z) = \log(1 + z^2/\nu)` and :math:`k = (\nu - 1)/2`, the derivative of
    :math:`-\frac{\nu}{2k} e^{-k g(z)}` is z times the density, but for the constant of this.
    """
    reflected = np.abs(b) < np.abs(a)
    low, high = np.where(reflected, -b, a), np.where(reflected, -a, b)
    mean, k = np.zeros_like(low), 0.5 * (df - 1.0)
    short = high - low < NARROW_WIDTH * np.maximum(np.abs(low), 1.0)
    mean[short] = _mean_of_short(low[short], high[short], df)
    rest = np.flatnonzero(~short & np.isfinite(low))
    start, beyond = _growth(low[rest], df), np.isinf(high[rest])
    grown = np.where(beyond, 0.0, _growth(np.where(beyond, 0.0, high[rest]), df) - start)
    with np.errstate(over="ignore"):
        part = np.where(beyond, 1.0 / k if k > 0.0 else np.inf, grown * exprel(-k * grown))
        log_density = _log_constant(df) - log_mass(low[rest], high[rest], df)
        mean[rest] = 0.5 * df * np.exp(log_density - k * start) * part
    return np.where(reflected, -mean, mean)


def _mean_of_short(a: Array, b: Array, df: float) -> Array:
    """By quadrature, where differences at the ends would cancel."""
    half = 0.5 * (b - a)
    t = a + half + half * NODES
    density = log_density(t, df)
    density = WEIGHTS * np.exp(density - density.max(axis=0))
    return np.asarray((density * t).sum(axis=0) / density.sum(axis=0))


def _growth(z: Array, df: float) -> Array:
    """log(1 + z^2 / df), of which no square overflows."""
    size = np.abs(z)
    near = np.minimum(size, LARGEST)
    return np.log1p(near * near / df) + 2.0 * np.log(np.maximum(size, LARGEST) / LARGEST)


def _log_constant(df: float) -> float:
    if df < SERIES_DF:
        return float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi))
    x = 0.5 * df  # where the first two would cancel
    return float(-LOG_ROOT_2PI - (1.0 / 8.0 - (1.0 / 192.0 - 1.0 / (640.0 * x**2)) / x**2) / x)
