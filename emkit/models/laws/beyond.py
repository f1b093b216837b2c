"""Responses given that they are larger than some value: what is left of a life."""

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.laws.distribution import LARGEST, Distribution
from emkit.models.laws.law import Law

__all__ = ["Beyond", "column"]

#: Rise of the cumulative hazard, beside what it is, below which the hazard is integrated: there
#: the difference would cancel, and the hazard is smooth.
SMALL_RISE = 1e-3
NODES, WEIGHTS = leggauss(8)
#: Newton steps to a quantile, from where rounding has left it.
STEPS = 3


class Beyond(NamedTuple):
    """Responses (n,) of a distribution, given that each is larger than a value, or given nothing.

    The methods take what it is asked of in any shape, and give that shape for each response.
    """

    distribution: Distribution
    location: Array  #: (n,) on the scale of the line
    scale: float
    given: Array | None = None  #: (n,) on the scale of the response

    @property
    def start(self) -> Array:
        """Errors (n,) that the given values are; -inf where all responses are larger."""
        if self.given is None:
            return np.full(len(self.location), -np.inf)
        with np.errstate(over="ignore"):
            z = (self.distribution.link.to_line(self.given) - self.location) / self.scale
        return np.where(z == -np.inf, z, np.clip(z, -LARGEST, LARGEST))

    @property
    def conditional(self) -> NDArray[np.bool_]:
        """Responses (n,) of which something is given."""
        return self.start > -np.inf

    def mean(self) -> Array:
        """Means (n,); infinite where they are."""
        distribution, some = self.distribution, self.conditional
        mean = np.array(distribution.mean(self.location, self.scale), dtype=float)
        if self.given is not None and some.any():
            low = distribution.link.to_line(self.given[some])
            bounds = low, np.full(len(low), np.inf)
            within = distribution.truncated_mean(self.location[some], self.scale, *bounds)
            mean[some] = np.maximum(within, self.given[some])
        return mean

    def quantile(self, q: Array) -> Array:
        """Quantiles: of those given something, what is left has as many digits as they have."""
        out = self.distribution.quantile(self.location, self.scale, q)
        some = self.conditional
        if self.given is not None and some.any():
            out[some] = column(self.given[some], q) + self.left(q)[some]
            early = some & (self.start < 0.0)  # there what is left is nearly all
            line = column(self.location, q) + self.scale * self.errors_of_quantile(q)
            plain = self.distribution.link.to_response(line[early])
            out[early] = np.maximum(plain, column(self.given[early], q))
        return out

    def left(self, q: Array) -> Array:
        """How much larger the quantiles are than what is given; NaN where nothing is."""
        some = self.conditional
        out = np.full(self.location.shape + q.shape, np.nan)
        if self.given is not None and some.any():
            away = self.scale * _away(self.distribution.law, self.start[some], np.log1p(-q))
            out[some] = self.distribution.link.rise(column(self.given[some], q), away)
        return out

    def errors_of_quantile(self, q: Array) -> Array:
        """Errors that the quantiles are."""
        law, late = self.distribution.law, self.start >= 0.0
        before = np.where(late, 0.0, law.log_sf(np.where(late, 0.0, self.start)))
        out = np.array(law.inverse_log_sf(column(before, q) + np.log1p(-q)))
        start = self.start[late]
        out[late] = column(start, q) + _away(law, start, np.log1p(-q))
        none = ~self.conditional
        out[none] = law.quantile(q)
        return out

    def errors(self, response: Array) -> Array:
        """Errors that responses are."""
        return self.distribution.errors(self.location, self.scale, response)

    def survival(self, response: Array) -> Array:
        """P(response larger)."""
        if self.given is None:
            return self.distribution.survival(self.location, self.scale, response)
        return np.exp(self.log_survival(response))

    def log_survival(self, response: Array) -> Array:
        """log P(response larger): minus the cumulative hazard."""
        law, some = self.distribution.law, self.conditional
        out = np.array(law.log_sf(self.errors(response)))
        if self.given is not None and some.any():
            given = column(self.given[some], response)
            with np.errstate(over="ignore"):
                width = self.distribution.link.distance(given, response) / self.scale
            out[some] = _rise(law, column(self.start[some], response), np.maximum(width, 0.0))
        return out


def column(values: NDArray[Any], beside: Array) -> NDArray[Any]:
    """Values (n,), with axes for those of another array."""
    return values.reshape(values.shape + (1,) * beside.ndim)


def _rise(law: Law, start: Array, width: Array) -> Array:
    """log P(e > start + width) - log P(e > start), exact however far out."""
    start = np.broadcast_to(start, width.shape)
    before = law.log_sf(start)
    rise = np.array(law.log_sf(np.minimum(start + width, LARGEST)) - before)
    near = np.abs(rise) < SMALL_RISE * np.abs(before)
    half = 0.5 * width[near][:, None]
    slope = _slope(law, start[near][:, None] + half * (1.0 + NODES))
    rise[near] = (half * slope) @ WEIGHTS
    return np.minimum(rise, 0.0)


def _away(law: Law, start: Array, log_left: Array) -> Array:
    """How far beyond ``start`` (n,) the part of exp(log_left) of what is beyond it is left."""
    start = column(start, log_left)
    target = law.log_sf(start) + log_left
    away = np.fmax(law.inverse_log_sf(target) - start, 0.0)
    for _ in range(STEPS):
        slope = _slope(law, start + away)
        short = _rise(law, start, away) - log_left
        step = np.divide(short, slope, out=np.zeros_like(away), where=slope < 0.0)
        away = np.fmax(away - step, 0.0)
    return away


def _slope(law: Law, z: Array) -> Array:
    """Derivative of log P(e > z) at points of any shape."""
    return law.log_sf_derivatives(z.ravel()).first.reshape(z.shape)
