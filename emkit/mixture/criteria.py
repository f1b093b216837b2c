"""Information criteria of a fitted mixture, and the weights that they take for counts."""

from functools import partial
from math import log
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.data.checks import warn_of_small_weights
from emkit.engine import soft
from emkit.mixture.fitted import fitted_structure
from emkit.mixture.noise_fitted import has_noise
from emkit.mixture.prediction import reduce_log_joint
from emkit.mixture.student_t import n_df
from emkit.mixture.table import open_table
from emkit.models.rows import Rows

__all__ = ["Measures", "MixtureCriteria", "measures"]


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
    opened = open_table(mixture, X, sample_weight)
    warn_of_small_weights(opened, "Information criteria read")
    log_likelihood, n = opened.sum(mixture._log_likelihoods)
    log_largest = opened.sum(partial(_log_largest, mixture))[0] if entropy else 0.0
    return Measures(log_likelihood, mixture._n_parameters(), n, log_largest)


def _log_largest(mixture: Any, rows: Rows) -> Array:
    """Logarithm of the largest responsibility of each row."""

    def largest(log_joint: Array) -> Array:
        return np.log(soft(log_joint)[0].max(axis=0))

    out: Array = reduce_log_joint(mixture, rows, largest, np.empty(len(rows.X)))
    return out


class MixtureCriteria:
    """Methods of a fitted mixture by which sizes and shapes are compared."""

    means_: Array

    def _n_parameters(self) -> int:
        """Free parameters of the model; the name is scikit-learn's."""
        (n_components, n_features), flat = self.means_.shape, getattr(self, "_flat", None)
        if flat is not None:
            n_features = len(flat.kept)
        of_numbers = n_components * n_features
        if n_features:
            of_numbers += fitted_structure(self).n_parameters(n_components, n_features)
        tables: Any = getattr(self, "tables_", {}).values()
        of_levels = sum(n_components * (table.shape[1] - 1) for table in tables)
        # A weight and a volume, which counts as in R's mclust, even where it is given.
        of_noise = 2 * has_noise(self)
        return of_numbers + of_levels + n_components - 1 + n_df(self) + of_noise

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters.
        """
        return measures(self, X, sample_weight).aic

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters; noise counts two, as in R's mclust.
        """
        return measures(self, X, sample_weight).bic

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        r"""Integrated completed likelihood criterion; lower is better.

        The BIC plus :math:`-2 \sum_i s_i \log \max_k r_{ik}`: it asks for clusters that are apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        icl : float
            In the sign of `bic`.

        References
        ----------
        Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for clustering
        with the integrated completed likelihood. IEEE Transactions on Pattern Analysis and
        Machine Intelligence 22, 719-725. doi:10.1109/34.865189
        """
        return measures(self, X, sample_weight, entropy=True).icl
