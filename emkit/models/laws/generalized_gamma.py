"""The law of the logarithm of a generalised gamma variable."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import exprel, gammaln

from emkit._typing import Array
from emkit.models.laws.intervals import log1mexp
from emkit.models.laws.law import Derivatives, ExponentialMoments, Law, Shape
from emkit.numerics.generalized_gamma import (
    LARGEST,
    log_normaliser,
    log_tail,
    near_quantile,
    phi,
    rise,
)
from emkit.numerics.log_concave import mean, tilted_log_mean

__all__ = ["GeneralizedGamma"]

#: Shape of the gamma variable from which on differences of its moments' logarithms would cancel.
LARGE = 400.0
#: Newton steps to a quantile, of which nearly all take two; after such a change one is exact.
STEPS, CLOSE = 60, 1e-9
#: Largest z whose square is a number.
FARTHEST = 1e150
#: Part of the hazard below which its difference from the score has too few digits, and logarithm
#: of a probability below which the hazard itself has: a series takes over.
CANCELS, FAR_OUT = 1e-6, -1e5


@dataclass(frozen=True)
class GeneralizedGamma(Law, ExponentialMoments):
    r"""Errors :math:`e = \log(Q^2 g) / Q`, g a gamma variable of shape :math:`Q^{-2}`.

    Q is ``shape``: 1 is the smallest extreme, 0 the normal, -1 the largest extreme.
    """

    shape: float = 0.5

    shapes = {"shape": Shape(start=0.5, low=-10.0, high=10.0, has_error=True)}

    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        z, beyond = self._within(z)
        score = -z * exprel(self.shape * z)
        value = log_normaliser(self.shape) - z * z * phi(self.shape * z) + score * beyond
        return Derivatives(value, score, -np.exp(self.shape * z))

    def log_sf_derivatives(self, z: Array) -> Derivatives:
        return self._tail_derivatives(z, upper=True)

    def log_cdf_derivatives(self, z: Array) -> Derivatives:
        return self._tail_derivatives(z, upper=False)

    def log_sf(self, z: Array) -> Array:
        return self._log_tail(z, upper=True)

    def log_cdf(self, z: Array) -> Array:
        return self._log_tail(z, upper=False)

    def inverse_log_sf(self, log_sf: Array) -> Array:
        return self._inverse(log_sf, upper=True)

    def inverse_log_cdf(self, log_cdf: Array) -> Array:
        return self._inverse(log_cdf, upper=False)

    def mean(self) -> float:
        end = np.array([np.inf])
        return float(self.truncated_mean(-end, end, end)[0])

    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        anchor = np.clip(0.0, a, b)  # of the interval, the point where the density is largest
        low = np.where(anchor == a, 0.0, np.where(anchor == b, -width, a))
        high = np.where(anchor == b, 0.0, np.where(anchor == a, width, b))
        return anchor + mean(lambda u: rise(self.shape, anchor, u), low, high)

    def log_mgf(self, t: float) -> float:
        k = self.shape**-2.0 if self.shape else np.inf
        if k > LARGE:
            end = np.array([np.inf])
            return float(self.truncated_log_mgf(t, -end, end, end)[0])
        order = t / self.shape
        if k + order <= 0.0:
            return np.inf
        return float(gammaln(k + order) - gammaln(k) - order * np.log(k))

    def truncated_log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        bounded = 1.0 + t * self.shape > 0.0  # the upper tail is no heavier than a power
        endless = (b == np.inf) & (not bounded)
        mode = np.inf
        if bounded:
            mode = np.log1p(t * self.shape) / self.shape if self.shape else t
        out = np.full_like(a, np.inf)
        bounds = a[~endless], b[~endless], width[~endless]
        out[~endless] = tilted_log_mean(t, partial(rise, self.shape), float(mode), *bounds)
        return out

    def _within(self, z: Array) -> tuple[Array, Array]:
        """z up to where its exponential is a number, and what lies beyond."""
        z = np.clip(z, -FARTHEST, FARTHEST)
        if self.shape == 0.0:
            return z, np.zeros_like(z)
        end = LARGEST / self.shape
        within = np.minimum(z, end) if end > 0.0 else np.maximum(z, end)
        return within, z - within

    def _log_tail(self, z: Array, upper: bool) -> Array:
        within, beyond = self._within(z)
        if self.shape < 0.0:  # the mirror image
            within, upper = -within, not upper
        smaller = log_tail(abs(self.shape), within)
        out = np.where((within > 0.0) == upper, smaller, log1mexp(smaller))
        if beyond.any():  # there the tail falls as the density does
            steep = (within > 0.0) & upper
            out = out - np.where(steep, within * exprel(abs(self.shape) * within) * abs(beyond), 0)
        return out

    def _tail_derivatives(self, z: Array, upper: bool) -> Derivatives:
        """log P and derivatives; slope and score differ by little far out in a steep tail."""
        log_pdf, score, curvature = self.log_pdf_derivatives(z)
        value = self._log_tail(z, upper)
        slope = (-1.0 if upper else 1.0) * np.exp(np.minimum(log_pdf - value, LARGEST))
        series = curvature / np.where(score == 0.0, np.inf, score)
        slope = np.where(value < FAR_OUT, score - series, slope)
        apart = score - slope
        apart = np.where(np.abs(apart) < CANCELS * np.abs(slope), series, apart)
        return Derivatives(value, slope, np.minimum(slope * apart, 0.0))

    def _inverse(self, log_p: Array, upper: bool) -> Array:
        """Newton's steps on the logarithm of the smaller tail, which is concave."""
        log_p = np.asarray(log_p, dtype=float)
        above = (log_p < -np.log(2.0)) == upper  # whether the smaller tail is the upper one
        smaller = np.where(above == upper, log_p, log1mexp(log_p))
        out = np.empty_like(log_p)
        for side in (True, False):
            of_side = above == side
            out[of_side] = self._from_tail(smaller[of_side], side)
        return out

    def _from_tail(self, log_p: Array, upper: bool) -> Array:
        mirrored = self.shape < 0.0
        start = near_quantile(abs(self.shape), log_p, upper != mirrored)
        z = -start if mirrored else start
        told = np.isfinite(log_p) & np.isfinite(z)
        at, target = z[told], log_p[told]
        for _ in range(STEPS):
            value, slope, _ = self._tail_derivatives(at, upper)
            step = (target - value) / slope
            at = at + step
            if (np.abs(step) <= CLOSE * (1.0 + np.abs(at))).all():
                break
        z[told] = at
        return np.where(np.isneginf(log_p), np.inf if upper else -np.inf, z)
