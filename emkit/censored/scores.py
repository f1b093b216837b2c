"""How well a fitted censored regression says what is known of responses."""

from math import log
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.censored.fitted_line import FittedLine
from emkit.censored.rows import open_rows, require_y
from emkit.censored.stratification import by_stratum
from emkit.models.censored.data import Responses
from emkit.models.laws.registry import LAWS

__all__ = ["CensoredScores"]


class CensoredScores(FittedLine):
    """Log-likelihood and criteria of `EMCensoredRegressor`.

    Of rows in a Dask collection, a method that gives something for each of them gives a Dask array.
    """

    rank_: int

    def score_samples(self, X: Any, y: Any) -> Any:
        """Log-likelihood of each row: log-density where exact, log-probability where censored.

        Of a row with an entry, that of its response given that it is larger.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, on the scale of y.
        """
        require_y(self, y)
        return self._each(X, type(self)._log_likelihood, y)

    @by_stratum
    def _log_likelihood(self, rows: Responses) -> Array:
        location = self._location(rows.X)
        bounds = rows.low, rows.high, rows.entry
        return self._distribution.log_likelihood(location, self.scale_, *bounds)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean log-likelihood of a row; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        score : float
            Weighted mean of `score_samples`.
        """
        total, n = self._total(X, y, sample_weight)
        return total / n

    def _total(self, X: Any, y: Any, sample_weight: Any) -> tuple[float, float]:
        """Log-likelihood of the rows, and their total weight."""
        require_y(self, y)
        return open_rows(self, X, y, sample_weight).sum(self._log_likelihood)

    def _n_parameters(self) -> int:
        n_scales = np.size(self.scale_) if LAWS[self.distribution].scale is None else 0
        return self.rank_ + n_scales + len(self._free_shapes)

    def aic(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters: ``rank_`` coefficients, the scales, and shape
            parameters that are estimated.
        """
        return -2.0 * self._total(X, y, sample_weight)[0] + 2.0 * self._n_parameters()

    def bic(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters, counted as in `aic`.
        """
        total, n = self._total(X, y, sample_weight)
        return -2.0 * total + self._n_parameters() * log(n)
