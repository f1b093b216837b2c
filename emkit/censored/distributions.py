"""The distributions of a censored regression: everything that depends on which one it is.

Each works on the line's own scale (that of log y for the lognormal) in standard units, and says how
that scale relates to the user's.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from emkit.models.censored.student_t import student_log_density, student_log_mass
from emkit.numerics.truncated_normal import draw_between, truncated_normal

__all__ = ["DISTRIBUTIONS"]

LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))


class Distribution(ABC):
    """Errors about the line, and the scale of the responses. ``df`` is of the Student t alone."""

    def to_line(self, low, high):
        """Bounds on the scale of the line."""
        return low, high

    def to_user(self, value):
        """Values on the scale of the responses."""
        return value

    def log_jacobian(self, line):
        """log |d line / d y| at values on the scale of the line."""
        return np.zeros_like(line)

    @abstractmethod
    def log_density(self, z, df):
        """Log-density of an error."""

    @abstractmethod
    def log_mass(self, a, b, width, df):
        """log P(a < e < b), with b - a from unrounded bounds."""

    @abstractmethod
    def survival(self, z, df):
        """P(e > z)."""

    @abstractmethod
    def quantile(self, q, df):
        """Value that an error falls below with probability q."""

    @abstractmethod
    def mean(self, location, scale, df):
        """Mean of a response, on the user's scale."""

    @abstractmethod
    def truncated_mean(self, location, scale, low, high, df):
        """Mean of a response given bounds on the scale of the line, on the user's scale."""

    @abstractmethod
    def draw(self, location, scale, low, high, df, rng):
        """The same drawn."""


class Normal(Distribution):
    """Normal errors."""

    def log_density(self, z, df):
        return -0.5 * z * z - LOG_ROOT_2PI

    def log_mass(self, a, b, width, df):
        return truncated_normal(a, b, width).log_mass

    def survival(self, z, df):
        return ndtr(-z)

    def quantile(self, q, df):
        return ndtri(q)

    def mean(self, location, scale, df):
        return location

    def truncated_mean(self, location, scale, low, high, df):
        a, b = (low - location) / scale, (high - location) / scale
        return location + scale * truncated_normal(a, b, (high - low) / scale).mean

    def draw(self, location, scale, low, high, df, rng):
        a, b = (low - location) / scale, (high - location) / scale
        return self.to_user(location + scale * draw_between(a, b, rng.random(len(a)))[0])


class Lognormal(Normal):
    """Normal errors of log y."""

    def to_line(self, low, high):
        wrong = np.flatnonzero(((low == high) & (low <= 0.0)) | (high <= 0.0))
        if len(wrong):
            i = wrong[0]
            raise ValueError(
                f"distribution='lognormal' is for positive y. Row {i} of y lies in [{low[i]}, "
                f"{high[i]}] ({len(wrong)} such row(s)). Use distribution='normal', or bound from "
                "above what is too small to be measured."
            )
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(low, 0.0)), np.log(high)

    def to_user(self, value):
        return np.exp(value)

    def log_jacobian(self, line):
        return -line

    def mean(self, location, scale, df):
        return np.exp(location + 0.5 * scale**2)

    def truncated_mean(self, location, scale, low, high, df):
        a, b = (low - location) / scale, (high - location) / scale
        width = (high - low) / scale
        moved = truncated_normal(a - scale, b - scale, width).log_mass
        moved -= truncated_normal(a, b, width).log_mass
        return self.mean(location, scale, df) * np.exp(moved)


class StudentT(Distribution):
    """Errors of Student's t with df degrees of freedom."""

    def log_density(self, z, df):
        return student_log_density(z, df)

    def log_mass(self, a, b, width, df):
        return student_log_mass(a, b, df, width)

    def survival(self, z, df):
        return stdtr(df, -z)

    def quantile(self, q, df):
        return stdtrit(df, q)

    def mean(self, location, scale, df):
        return location

    def truncated_mean(self, location, scale, low, high, df):
        a, b = (low - location) / scale, (high - location) / scale
        return location + scale * _student_mean(a, b, df)

    def draw(self, location, scale, low, high, df, rng):
        a, b = (low - location) / scale, (high - location) / scale
        reflected = np.abs(b) < np.abs(a)
        near, far = np.where(reflected, -b, a), np.where(reflected, -a, b)
        tail, beyond = stdtr(df, -near), stdtr(df, -far)
        z = -stdtrit(df, tail - rng.random(len(a)) * (tail - beyond))
        z = np.clip(z, near, far)
        return location + scale * np.where(reflected, -z, z)


def _student_mean(a, b, df):
    """E[e | a < e < b]; infinite where it does not exist (df <= 1 and an open end)."""
    log_mass = student_log_mass(a, b, df)
    # d/dz of (1 + z^2/df)^(-(df-1)/2) is z times the density, up to constants.
    constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)

    def primitive(z):
        return np.exp(constant - log_mass - 0.5 * (df - 1.0) * np.log1p(z * z / df))

    with np.errstate(invalid="ignore", over="ignore"):
        if df > 1.0:
            mean = df / (df - 1.0) * (primitive(a) - primitive(b))
        elif df == 1.0:
            mean = np.exp(constant - log_mass) * 0.5 * (np.log1p(b * b) - np.log1p(a * a))
        else:
            mean = df / (1.0 - df) * (primitive(b) - primitive(a))
    # Over a short interval that cancels; its middle by quadrature does not.
    short = b - a < 0.1
    if np.any(short):
        nodes, weights = leggauss(20)
        half = 0.5 * (b - a)[short]
        t = a[short] + half + half * nodes[:, None]
        density = student_log_density(t, df)
        density = weights[:, None] * np.exp(density - density.max(axis=0))
        mean[short] = (density * t).sum(axis=0) / density.sum(axis=0)
    return mean


DISTRIBUTIONS = {"normal": Normal(), "lognormal": Lognormal(), "student_t": StudentT()}
