"""Probability of an interval under any law: nothing cancels in tails or between near bounds."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = [
    "Derivatives",
    "ErrorLaw",
    "Mask",
    "Quadrature",
    "Tails",
    "expectation",
    "interval_mass",
    "log1mexp",
    "quadrature",
]

Mask = NDArray[np.bool_]
#: Cumulative hazard (fall of the logarithm of the tail's probability) over an interval up to which
#: quadrature is taken: the density is so smooth there that it is exact to rounding.
QUADRATURE_UP_TO = 0.3
NODES, WEIGHTS = (values[:, None] for values in leggauss(8))


class Derivatives(NamedTuple):
    """A function with its first two derivatives; arrays of one shape."""

    value: Array
    first: Array
    second: Array


class ErrorLaw(Protocol):
    """What the models ask of a law: see `Law`."""

    @property
    def tail(self) -> float: ...
    def log_pdf_derivatives(self, z: Array) -> Derivatives: ...
    def log_sf_derivatives(self, z: Array) -> Derivatives: ...
    def log_cdf_derivatives(self, z: Array) -> Derivatives: ...
    def log_sf(self, z: Array) -> Array: ...
    def log_cdf(self, z: Array) -> Array: ...
    def quantile(self, q: Array) -> Array: ...
    def mean(self) -> float: ...


class Quadrature(NamedTuple):
    """Gauss-Legendre quadrature of a density over short intervals."""

    log_mass: Array  #: (n,) log-probability of the intervals
    middle: Array  #: (n,) of the intervals
    offset: Array  #: (8, n) of the nodes from the middle
    share: Array  #: (8, n) part of the mass that each node stands for
    density: Derivatives  #: (8, n) of the log-density at the nodes

    def mean(self) -> Array:
        """E[e] within each interval."""
        return self.middle + (self.share * self.offset).sum(axis=0)

    def log_mgf(self, t: float) -> Array:
        """log E[exp(t e)] within each interval."""
        return t * self.middle + np.log((self.share * np.exp(t * self.offset)).sum(axis=0))


def quadrature(law: ErrorLaw, a: Array, width: Array) -> Quadrature:
    """Quadrature over intervals from ``a`` (n,) on, so short that the density is smooth there."""
    half = 0.5 * width
    middle, offset = a + half, half * NODES
    density = law.log_pdf_derivatives(middle + offset)
    top = density.value.max(axis=0)
    share = WEIGHTS * np.exp(density.value - top)
    total = share.sum(axis=0)
    log_mass = np.log(half) + top + np.log(total)
    return Quadrature(log_mass, middle, offset, share / total, density)


def log1mexp(x: Array) -> Array:
    """log(1 - exp(x)) for x <= 0."""
    small = x < -np.log(2.0)
    with np.errstate(divide="ignore"):
        return np.where(small, np.log1p(-np.exp(x)), np.log(-np.expm1(x)))


class Tails(NamedTuple):
    """An interval as the part of a tail between two bounds, of the tail where it is smaller."""

    left: Mask  #: whether that is the lower one
    near: Array  #: log-probability of the tail from the bound nearer to the centre on
    far: Array  #: log-probability of the tail from the other bound on

    @classmethod
    def of(cls, law: ErrorLaw, a: Array, b: Array) -> "Tails":
        below, above = law.log_cdf(b), law.log_sf(a)
        left = below < above
        far = np.where(left, law.log_cdf(a), law.log_sf(b))
        far = np.where(np.isinf(np.where(left, a, b)), -np.inf, far)
        return cls(left, np.where(left, below, above), far)

    def part(self, rows: NDArray[np.intp]) -> "Tails":
        """Those of some of the intervals."""
        return Tails(self.left[rows], self.near[rows], self.far[rows])

    @property
    def within(self) -> Array:
        """Part of the tail that lies between the bounds."""
        return -np.expm1(self.far - self.near)

    @property
    def log_mass(self) -> Array:
        """Log-probability of intervals that are not short."""
        return self.near + log1mexp(self.far - self.near)

    @property
    def short(self) -> Mask:
        """Intervals of so small a cumulative hazard that quadrature is exact."""
        return self.far >= self.near - QUADRATURE_UP_TO


def interval_mass(law: ErrorLaw, a: Array, b: Array, width: Array) -> tuple[Array, Mask]:
    """log P(a < e < b) for bounds (n,), and which intervals are short.

    ``width`` is b - a where it is known better than from rounded bounds.
    """
    tails = Tails.of(law, a, b)
    short = tails.short
    log_mass = tails._replace(far=np.where(short, -np.inf, tails.far)).log_mass
    if short.any():
        log_mass[short] = quadrature(law, a[short], width[short]).log_mass
    return log_mass, short


def expectation(
    law: ErrorLaw,
    a: Array,
    b: Array,
    width: Array,
    over_nodes: Callable[[Quadrature], Array],
    between: Callable[[Array, Array, Array], Array],
) -> Array:
    """An expectation given a < e < b (n,): by quadrature over short intervals.

    ``between`` gives it of (a, b, width) where the ends are so far apart that they do not cancel.
    """
    short = Tails.of(law, a, b).short
    out = np.empty_like(a)
    out[short] = over_nodes(quadrature(law, a[short], width[short]))
    out[~short] = between(a[~short], b[~short], width[~short])
    return out
