"""Information criteria of a fitted mixture, and the weights that they take for counts."""

from math import log
from typing import Any, NamedTuple

from emkit.data.checks import warn_of_small_weights

__all__ = ["Measures", "measures"]


class Measures(NamedTuple):
    """What criteria are made of."""

    log_likelihood: float
    n_parameters: int
    n: float  #: samples: the sum of the weights
    log_largest: float  #: sum of the logarithms of the largest responsibility of each row

    @property
    def aic(self) -> float:
        return -2.0 * self.log_likelihood + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        return -2.0 * self.log_likelihood + self.n_parameters * log(self.n)

    @property
    def icl(self) -> float:
        return self.bic - 2.0 * self.log_largest


def measures(mixture: Any, X: Any, sample_weight: Any, *, entropy: bool = False) -> Measures:
    """Measures of a fitted mixture on rows; ``log_largest`` is 0 unless it is asked for.

    A DataWarning tells of weights that sum to less than the rows.
    """
    opened = mixture._open(X, sample_weight)
    warn_of_small_weights(opened, "Information criteria read")
    log_likelihood, n = opened.sum(mixture._log_likelihoods)
    log_largest = opened.sum(mixture._log_largest)[0] if entropy else 0.0
    return Measures(log_likelihood, mixture._n_parameters(), n, log_largest)
