"""The logistic law."""

from dataclasses import dataclass

import numpy as np

from emkit._typing import Array
from emkit.models.laws.intervals import Quadrature, expectation
from emkit.models.laws.law import Derivatives, SymmetricLaw

__all__ = ["Logistic"]


@dataclass(frozen=True)
class Logistic(SymmetricLaw):
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
