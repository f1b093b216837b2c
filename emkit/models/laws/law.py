r"""The contract of a law: the distribution of the errors e in y = x'b + s e, in standard units.

With distribution function F and :math:`S = 1 - F`, a law is :math:`\log f`, :math:`\log S` and
:math:`\log F` with their derivatives, and the inverse of :math:`\log S`. Logarithms reach far into
both tails: :math:`\log S` is :math:`-F` to first order where F is small, so neither tail is lost.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.line import PenalisedLine
from emkit.models.censored.location_scale import LocationScale
from emkit.models.laws.intervals import Derivatives, Tails, interval_mass

__all__ = ["Derivatives", "ExponentialMoments", "Law", "Shape", "SymmetricLaw"]


class Shape(NamedTuple):
    """Where the maximum likelihood estimate of a shape parameter is looked for.

    Of one that is positive, by its logarithm.
    """

    start: float
    low: float
    high: float
    has_error: bool = False  #: whether it has a standard error where it is estimated


@dataclass(frozen=True)
class Law(ABC):
    """Distribution of the errors about the line; its shape parameters are its fields.

    A subclass gives the abstract methods. `model` then is the generic location-scale model; a law
    whose maximum is found faster in another way gives its own.
    """

    #: Shape parameters by field; `EMCensoredRegressor` has an argument for each, by its name.
    shapes: ClassVar[Mapping[str, Shape]] = {}
    #: Whether log f is concave: the likelihood then has one maximum, and one start finds it.
    log_concave: ClassVar[bool] = True
    #: Whether the model needs no more of the exact rows than their `ExactSums`.
    exact_sums_suffice: ClassVar[bool] = False

    @property
    def tail(self) -> float:
        """The density falls as ``|z| ** -(tail + 1)``; inf where it falls faster than any power."""
        return np.inf

    @abstractmethod
    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        """log f(z) with its first derivative (the score) and the second."""

    @abstractmethod
    def log_sf_derivatives(self, z: Array) -> Derivatives:
        """log P(e > z) and its derivatives, exact relative to their size in both tails."""

    @abstractmethod
    def log_cdf_derivatives(self, z: Array) -> Derivatives:
        """log P(e < z) and its derivatives, exact relative to their size in both tails."""

    @abstractmethod
    def inverse_log_sf(self, log_sf: Array) -> Array:
        """The z at which log P(e > z) has given values."""

    @abstractmethod
    def inverse_log_cdf(self, log_cdf: Array) -> Array:
        """The z at which log P(e < z) has given values."""

    @abstractmethod
    def mean(self) -> float:
        """E[e]; the centre of symmetry where it does not exist."""

    @abstractmethod
    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        """E[e | a < e < b], -inf <= a < b <= inf, arrays of shape (n,).

        ``width`` is b - a where it is known better than from rounded bounds.
        """

    def log_pdf(self, z: Array) -> Array:
        """Log-density."""
        return self.log_pdf_derivatives(z).value

    def score(self, z: Array) -> Array:
        """Derivative of the log-density."""
        return self.log_pdf_derivatives(z).first

    def log_sf(self, z: Array) -> Array:
        """log P(e > z)."""
        return self.log_sf_derivatives(z).value

    def log_cdf(self, z: Array) -> Array:
        """log P(e < z)."""
        return self.log_cdf_derivatives(z).value

    def sf(self, z: Array) -> Array:
        """P(e > z)."""
        return np.exp(self.log_sf(z))

    def cdf(self, z: Array) -> Array:
        """P(e < z)."""
        return np.exp(self.log_cdf(z))

    def log_hazard(self, z: Array) -> Array:
        """log of the density over P(e > z) at points of any shape, exact in both tails."""
        flat = np.ravel(z)
        slope = self.log_sf_derivatives(flat).first
        with np.errstate(divide="ignore"):
            log = np.where(flat > 0.0, np.log(-slope), self.log_pdf(flat) - self.log_sf(flat))
        return log.reshape(np.shape(z))

    def quantile(self, q: Array) -> Array:
        """The z at which P(e < z) is q."""
        return self.inverse_log_sf(np.log1p(-q))

    def log_mass(self, a: Array, b: Array, width: Array) -> Array:
        """log P(a < e < b); arguments as of `truncated_mean`."""
        return interval_mass(self, a, b, width)[0]

    def draw(self, a: Array, b: Array, rng: np.random.Generator) -> Array:
        """One draw of e given a < e < b for each pair of bounds (n,)."""
        tails = Tails.of(self, a, b)
        log_tail = tails.near + np.log1p(-rng.random(len(a)) * tails.within)
        left = tails.left
        drawn = np.empty_like(log_tail)
        drawn[left] = self.inverse_log_cdf(log_tail[left])
        drawn[~left] = self.inverse_log_sf(log_tail[~left])
        return np.clip(drawn, a, b)

    def model(
        self, line: Array, gram: Array, alpha: float | Array, intercept: bool
    ) -> PenalisedLine:
        """Model of a censored regression with such errors; arguments as of `PenalisedLine`."""
        return LocationScale(self, line, gram, alpha, intercept)


class SymmetricLaw(Law):
    """A law whose density is the same at z and -z."""

    def log_cdf_derivatives(self, z: Array) -> Derivatives:
        value, first, second = self.log_sf_derivatives(-z)
        return Derivatives(value, -first, second)

    def log_cdf(self, z: Array) -> Array:
        return self.log_sf(-z)

    def inverse_log_cdf(self, log_cdf: Array) -> Array:
        return -self.inverse_log_sf(log_cdf)

    def mean(self) -> float:
        return 0.0


class ExponentialMoments(ABC):
    """What a law offers beside, to be that of a response whose logarithm lies about the line."""

    @abstractmethod
    def log_mgf(self, t: float) -> float:
        """log E[exp(t e)]; infinite where the expectation is."""

    @abstractmethod
    def truncated_log_mgf(self, t: float, a: Array, b: Array, width: Array) -> Array:
        """log E[exp(t e) | a < e < b]; bounds as of `Law.truncated_mean`."""
