"""The three forms of a covariance: one variance, a variance for each column, a matrix."""

from emkit.numerics.covariance.matrices import Matrix
from emkit.numerics.covariance.variances import Scalar, Vector

__all__ = ["Matrix", "Scalar", "Vector"]
