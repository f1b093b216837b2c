"""Student's t law."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from emkit._typing import Array
from emkit.models.censored.line import PenalisedLine
from emkit.models.censored.student_t import CensoredStudentT
from emkit.models.laws.law import Derivatives, Shape, SymmetricLaw
from emkit.numerics.student_t import log_density, log_mass, log_tail, truncated_mean

__all__ = ["StudentT"]


@dataclass(frozen=True)
class StudentT(SymmetricLaw):
    """Errors of Student's t with ``df`` degrees of freedom."""

    df: float = 4.0

    # Beyond 200 degrees of freedom a t is a normal.
    shapes = {"df": Shape(start=4.0, low=0.5, high=200.0)}
    log_concave = False

    @property
    def tail(self) -> float:
        return self.df

    def log_pdf_derivatives(self, z: Array) -> Derivatives:
        df, spread = self.df, self.df + z * z
        score = -(df + 1.0) * z / spread
        second = -(df + 1.0) / spread * ((df - z * z) / spread)
        return Derivatives(log_density(z, df), score, second)

    def log_sf_derivatives(self, z: Array) -> Derivatives:
        log_pdf, score, _ = self.log_pdf_derivatives(z)
        log_sf = self.log_sf(z)
        slope = -np.exp(log_pdf - log_sf)  # minus the hazard
        return Derivatives(log_sf, slope, slope * (score - slope))

    def log_pdf(self, z: Array) -> Array:
        return log_density(z, self.df)

    def log_sf(self, z: Array) -> Array:
        smaller = log_tail(np.abs(z), self.df)  # of both tails
        return np.where(z > 0.0, smaller, np.log1p(-np.exp(smaller)))

    def inverse_log_sf(self, log_sf: Array) -> Array:
        upper = log_sf < -np.log(2.0)
        smaller = np.where(upper, np.exp(log_sf), -np.expm1(log_sf))
        return np.where(upper, -1.0, 1.0) * stdtrit(self.df, smaller)

    def sf(self, z: Array) -> Array:
        return stdtr(self.df, -z)

    def quantile(self, q: Array) -> Array:
        return stdtrit(self.df, q)

    def log_mass(self, a: Array, b: Array, width: Array) -> Array:
        return log_mass(a, b, self.df, width)

    def truncated_mean(self, a: Array, b: Array, width: Array) -> Array:
        return truncated_mean(a, b, self.df)

    def model(
        self, line: Array, gram: Array, alpha: float | Array, intercept: bool
    ) -> PenalisedLine:
        return CensoredStudentT(line, gram, alpha, intercept, self.df)
