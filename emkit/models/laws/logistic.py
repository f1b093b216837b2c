"""The logistic law."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import betainc

from emkit._typing import Array
from emkit.models.laws.intervals import Quadrature, expectation
from emkit.models.laws.law import Derivatives, ExponentialMoments, SymmetricLaw
from emkit.numerics.log_concave import tilted_log_mean

__all__ = ["Logistic"]

#: Bounds between which, and t up to which, moments of exp(t e) are incomplete beta functions that
#: neither underflow nor cancel.
NEAR, MODERATE = 36.0, 0.999
#: Largest t at which exp(t e) is smooth over an interval over which the density is.
STEEP = 2.0


@dataclass(frozen=True)
class Logistic(SymmetricLaw, ExponentialMoments):
    r"""Standard logistic errors: :math:`F(z) = 1 / (1 + e^{-z})`, of variance :math:`\pi^2/3`."""

    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        ratio, cdf = _ratio_and_cdf(z)
        density = ratio / (1.0 + ratio) ** 2
        return Derivatives(-np.abs(z) - 2.0 * np.log1p(ratio), 1.0 - 2.0 * cdf, -2.0 * density)

    def log_sf_derivatives(self, z: Array) -> Derivatives:
        ratio, cdf = _ratio_and_cdf(z)
        density = ratio / (1.0 + ratio) ** 2
        return Derivatives(-np.maximum(z, 0.0) - np.log1p(ratio), -cdf, -density)

    def inverse_log_sf(self, log_sf: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(-np.expm1(log_sf)) - log_sf

    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        return expectation(self, a, b, width, Quadrature.mean, _mean_between)

    def log_mgf(self, t: float) -> float:
        return -float(np.log(np.sinc(t))) if t < 1.0 else np.inf

    def truncated_log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        endless = (b == np.inf) & (t >= 1.0)
        out, bounds = np.full_like(a, np.inf), (a[~endless], b[~endless], width[~endless])
        if t > STEEP:
            out[~endless] = self._log_mgf(t, *bounds)
        else:
            over_nodes = partial(Quadrature.log_mgf, t=t)
            out[~endless] = expectation(self, *bounds, over_nodes, partial(self._log_mgf, t))
        return out

    def _log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        """log E[exp(t e) | a < e < b]."""
        out = np.empty_like(a)
        near = (a < NEAR) & (b > -NEAR) & (t < MODERATE)
        if near.any():
            out[near] = _log_mgf_between(t, a[near], b[near])
        mode = 2.0 * np.arctanh(t) if t < 1.0 else np.inf
        far = a[~near], b[~near], width[~near]
        out[~near] = tilted_log_mean(t, self._rise, mode, *far)
        return out

    def _rise(self, z: Array, step: Array) -> Array:
        """log f(z + step) - log f(z)."""
        return step - 2.0 * np.logaddexp(self.log_sf(z), self.log_cdf(z) + step)


def _log_mgf_between(t: float, a: Array, b: Array) -> Array:
    """log E[exp(t e) | a < e < b] for t < 1: with u = F(e), exp(t e) is (u / (1 - u))^t."""
    lower = b < 0.0  # the tail that is smaller
    part = np.where(
        lower,
        betainc(1.0 + t, 1.0 - t, _cdf(b)) - betainc(1.0 + t, 1.0 - t, _cdf(a)),
        betainc(1.0 - t, 1.0 + t, _cdf(-a)) - betainc(1.0 - t, 1.0 + t, _cdf(-b)),
    )
    mass = np.where(lower, _cdf(b) - _cdf(a), _cdf(-a) - _cdf(-b))
    return np.log(part / mass) - np.log(np.sinc(t))


def _cdf(z: Array) -> Array:
    ratio, cdf = _ratio_and_cdf(z)
    return cdf


def _ratio_and_cdf(z: Array) -> tuple[Array, Array]:
    """exp(-|z|), the odds of the smaller tail, and F(z)."""
    ratio = np.exp(-np.abs(z))
    return ratio, np.where(z > 0.0, 1.0, ratio) / (1.0 + ratio)


def _mean_between(a: Array, b: Array, width: Array) -> Array:
    """E[z | a < z < b]."""
    reflected = np.abs(b) < np.abs(a)
    low, high = np.where(reflected, -b, a), np.where(reflected, -a, b)
    mean, tail = np.empty_like(low), low >= 0.0
    mean[tail] = low[tail] + _excess(low[tail], high[tail], width[tail])
    below, above = -low[~tail], high[~tail]  # distances of the bounds from 0
    mass = 1.0 - _sf(below) - _sf(above)
    mean[~tail] = (_partial_mean(below) - _partial_mean(above)) / mass
    return np.where(reflected, -mean, mean)


def _excess(a: Array, b: Array, width: Array) -> Array:
    """E[z - a | a < z < b] for a >= 0; all is divided by exp(-a), so that nothing underflows."""
    odds_a, odds_b = (np.maximum(np.exp(-z), np.finfo(float).tiny) for z in (a, b))
    width = np.minimum(width, 800.0)  # beyond, exp(-width) is 0
    lost = np.exp(-width)
    beyond = np.log1p(odds_b) / odds_b + width / (1.0 + odds_b)
    total = np.log1p(odds_a) / odds_a - lost * beyond
    return total / (1.0 / (1.0 + odds_a) - lost / (1.0 + odds_b))


def _partial_mean(z: Array) -> Array:
    """E[e; e > z] for z >= 0."""
    return np.where(np.isinf(z), 0.0, z) * _sf(z) + np.log1p(np.exp(-z))


def _sf(z: Array) -> Array:
    """P(e > z) for z >= 0."""
    odds = np.exp(-z)
    return odds / (1.0 + odds)
