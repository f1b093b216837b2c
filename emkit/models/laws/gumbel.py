"""The Gumbel law of the smallest extreme."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import exprel, gammaln

from emkit._typing import Array
from emkit.models.laws.intervals import Quadrature, expectation, log1mexp
from emkit.models.laws.law import Derivatives, ExponentialMoments, Law
from emkit.numerics.gumbel import log_mgf_between, mean_between
from emkit.numerics.log_concave import tilted_log_mean

__all__ = ["GumbelMin"]

#: Largest z at which the cumulative hazard is exp(z): beyond, it grows as its tangent there does,
#: so that squares of it and sums over rows stay finite.
LARGEST = 300.0
#: Below, log F(z) is z to rounding.
SMALLEST = -36.0
#: Largest t at which moments of exp(t e) are incomplete gamma functions that do not underflow.
MODERATE = 2.0
#: Largest z whose hazard is told apart from those further out: its reciprocal is a number.
STEEPEST = 700.0


@dataclass(frozen=True)
class GumbelMin(Law, ExponentialMoments):
    r"""Errors of the smallest extreme: :math:`F(z) = 1 - \exp(-e^z)`, of mean -0.577.

    The logarithm of a Weibull variable is of this law, with scale 1 / shape.
    """

    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        log_sf, slope, curvature = self.log_sf_derivatives(z)
        return Derivatives(z + log_sf, 1.0 + slope, curvature)

    def log_sf_derivatives(self, z: Array) -> Derivatives:
        slope = np.exp(np.minimum(z, LARGEST))
        np.negative(slope, out=slope)
        if z.max(initial=0.0) <= LARGEST:
            return Derivatives(slope, slope, slope)
        return Derivatives(slope * (1.0 + np.maximum(z - LARGEST, 0.0)), slope, slope)

    def log_cdf_derivatives(self, z: Array) -> Derivatives:
        hazard = _hazard(z)
        slope = 1.0 / exprel(hazard)  # density over F
        return Derivatives(_log_cdf(z, hazard), slope, slope * (1.0 - hazard - slope))

    def log_cdf(self, z: Array) -> Array:
        return _log_cdf(z, _hazard(z))

    def log_hazard(self, z: Array) -> Array:
        return np.asarray(z)

    def inverse_log_sf(self, log_sf: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(-log_sf)

    def inverse_log_cdf(self, log_cdf: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.where(log_cdf < SMALLEST, log_cdf, np.log(-log1mexp(log_cdf)))

    def mean(self) -> float:
        return -float(np.euler_gamma)

    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        return expectation(self, a, b, width, Quadrature.mean, mean_between)

    def log_mgf(self, t: float) -> float:
        return float(gammaln(1.0 + t))

    def truncated_log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        if t > MODERATE:
            return tilted_log_mean(t, _rise, np.log1p(t), a, b, width)
        over_nodes = partial(Quadrature.log_mgf, t=t)
        return expectation(self, a, b, width, over_nodes, partial(log_mgf_between, t))


def _rise(z: Array, step: Array) -> Array:
    """log f(z + step) - log f(z)."""
    z = np.minimum(z, STEEPEST)
    with np.errstate(over="ignore"):
        near = np.exp(z) * np.expm1(np.minimum(step, 1.0))  # where the difference would cancel
        return step - np.where(step < 1.0, near, np.exp(z + step) - np.exp(z))


def _log_cdf(z: Array, hazard: Array) -> Array:
    return np.where(z < SMALLEST, z, log1mexp(-hazard))


def _hazard(z: Array) -> Array:
    """Hazard, and cumulative hazard, which is the same up to LARGEST."""
    return np.exp(np.minimum(z, LARGEST))
