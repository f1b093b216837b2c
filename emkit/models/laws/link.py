"""Links: how a response follows from a value about the line."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit._typing import Array
from emkit.models.laws.law import ExponentialMoments, Law

__all__ = ["IDENTITY", "LOG", "Link"]

#: Points of a grid.
POINTS = 101


@dataclass(frozen=True)
class Link(ABC):
    """An increasing function of the response that lies about the line."""

    #: Whether responses are positive.
    positive: ClassVar[bool]
    #: What the law of the errors must offer for the means below.
    requires: ClassVar[type]

    @abstractmethod
    def to_line(self, response: Array) -> Array:
        """Values on the scale of the line; what no response can be goes to its nearest end."""

    @abstractmethod
    def to_response(self, value: Array) -> Array:
        """Values on the scale of the response."""

    @abstractmethod
    def log_jacobian(self, value: Array) -> Array:
        """log |d line / d response| at values on the scale of the line, in which it is linear."""

    def grid(self, *ends: float) -> Array:
        """Even steps of the response over ends on the scale of the line, from 0 if positive."""
        known = self.to_response(np.array([end for end in ends if np.isfinite(end)] or [0.0]))
        return np.linspace(0.0 if self.positive else known.min(), known.max(), POINTS)

    @abstractmethod
    def distance(self, start: Array, end: Array) -> Array:
        """How far apart two responses are on the scale of the line, near ones to all digits."""

    @abstractmethod
    def rise(self, start: Array, distance: Array) -> Array:
        """How much larger than a response is one so far away on the scale of the line."""

    @abstractmethod
    def mean(self, law: Any, location: Array, scale: float) -> Array:
        """Mean of responses."""

    @abstractmethod
    def truncated_mean(
        self, law: Any, location: Array, scale: float, a: Array, b: Array, width: Array
    ) -> Array:
        """Mean of responses given the bounds a < e < b of their errors."""


class _Identity(Link):
    positive, requires = False, Law

    def to_line(self, response: Array) -> Array:
        return response

    def to_response(self, value: Array) -> Array:
        return value

    def log_jacobian(self, value: Array) -> Array:
        return np.zeros_like(value)

    def distance(self, start: Array, end: Array) -> Array:
        return end - start

    def rise(self, start: Array, distance: Array) -> Array:
        return distance

    def mean(self, law: Any, location: Array, scale: float) -> Array:
        return location + scale * law.mean()

    def truncated_mean(
        self, law: Any, location: Array, scale: float, a: Array, b: Array, width: Array
    ) -> Array:
        return location + scale * law.truncated_mean(a, b, width)


class _Log(Link):
    positive, requires = True, ExponentialMoments

    def to_line(self, response: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(response, 0.0))

    def to_response(self, value: Array) -> Array:
        with np.errstate(over="ignore"):  # a response too large for a double is infinite
            return np.exp(value)

    def log_jacobian(self, value: Array) -> Array:
        return -value

    def distance(self, start: Array, end: Array) -> Array:
        with np.errstate(over="ignore"):
            apart = (np.maximum(end, 0.0) - start) / start
        far = apart > 1.0  # there the logarithms are apart themselves
        near = np.log1p(np.where(far, 0.0, np.maximum(apart, -0.5)))
        return np.where(far, self.to_line(end) - self.to_line(start), near)

    def rise(self, start: Array, distance: Array) -> Array:
        near = start * np.expm1(np.minimum(distance, 1.0))
        far = self.to_response(self.to_line(start) + distance) - start  # expm1 may overflow
        return np.where(distance < 1.0, near, far)

    def mean(self, law: Any, location: Array, scale: float) -> Array:
        return self.to_response(location + law.log_mgf(scale))

    def truncated_mean(
        self, law: Any, location: Array, scale: float, a: Array, b: Array, width: Array
    ) -> Array:
        return self.to_response(location + law.truncated_log_mgf(scale, a, b, width))


#: The response itself lies about the line.
IDENTITY = _Identity()
#: The logarithm of the response lies about the line.
LOG = _Log()
