"""The normal law."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri, ndtri_exp

from emkit._typing import Array
from emkit.models.censored.line import PenalisedLine
from emkit.models.censored.normal import CensoredNormal
from emkit.models.laws.law import Derivatives, ExponentialMoments, SymmetricLaw
from emkit.numerics.log_concave import tilted_log_mean
from emkit.numerics.truncated_normal import LOG_ROOT_2PI, TAIL_FROM, truncated_normal

__all__ = ["Normal"]

#: Logarithms larger than this have too few digits left for their differences.
LARGE_LOG = 30.0


@dataclass(frozen=True)
class Normal(SymmetricLaw, ExponentialMoments):
    """Standard normal errors."""

    exact_sums_suffice = True

    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        return Derivatives(-0.5 * z * z - LOG_ROOT_2PI, -z, np.full_like(z, -1.0))

    def log_sf_derivatives(self, z: Array) -> Derivatives:
        log_sf = log_ndtr(-z)
        with np.errstate(over="ignore"):
            hazard = np.exp(-0.5 * z * z - LOG_ROOT_2PI - log_sf)
            second = hazard * (z - hazard)
        far = np.flatnonzero(z > TAIL_FROM)  # where these differences cancel
        if len(far):
            tail = truncated_normal(z[far], np.full(len(far), np.inf))
            hazard[far], second[far] = tail.mean, tail.variance - 1.0
        return Derivatives(log_sf, -hazard, second)

    def log_sf(self, z: Array) -> Array:
        return log_ndtr(-z)

    def inverse_log_sf(self, log_sf: Array) -> Array:
        return -ndtri_exp(log_sf)

    def sf(self, z: Array) -> Array:
        return ndtr(-z)

    def quantile(self, q: Array) -> Array:
        return ndtri(q)

    def log_mass(self, a: Array, b: Array, width: Array) -> Array:
        return truncated_normal(a, b, width).log_mass

    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        return truncated_normal(a, b, width).mean

    def log_mgf(self, t: float) -> float:
        return 0.5 * t**2

    def truncated_log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        # exp(t z) times the density is that of a normal about t.
        tilted, plain = self.log_mass(a - t, b - t, width), self.log_mass(a, b, width)
        out = self.log_mgf(t) + tilted - plain
        cancels = np.minimum(tilted, plain) < -LARGE_LOG
        if cancels.any():
            some = (end[cancels] for end in (a, b, width))
            out[cancels] = tilted_log_mean(t, _rise, t, *some)
        return out

    def model(
        self, line: Array, gram: Array, alpha: float | Array, intercept: bool
    ) -> PenalisedLine:
        return CensoredNormal(line, gram, alpha, intercept)


def _rise(z: Array, step: Array) -> Array:
    """log f(z + step) - log f(z)."""
    return -step * (z + 0.5 * step)
