"""What a fitted mixture of regressions says of rows: means, components, likelihoods, criteria."""

from math import log
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.data.checks import warn_of_small_weights
from emkit.engine import soft
from emkit.mixture.overflow import FAR
from emkit.mixture.regression_fitted import Fitted
from emkit.mixture.regression_rows import open_rows, require_y
from emkit.models.regression_mixture import RegressionRows

__all__ = ["RegressionMixturePrediction"]


class RegressionMixturePrediction:
    """Methods of a fitted `EMRegressionMixture` that are asked about rows."""

    _fitted: Fitted
    coef_: Array
    scale_: Array
    rank_: int

    def predict(self, X: Any) -> Any:
        r"""Mean of the response, :math:`\sum_k \pi_k(x) (\alpha_k + x^\top\beta_k)`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            It lies between the lines, where there may be no response at all: see ``predict_proba``
            and ``coef_`` for the lines themselves.
        """
        return open_rows(self, X).map(self._mean, dtype=np.float64)

    def _mean(self, rows: RegressionRows) -> Array:
        params, (shift, scale) = self._fitted.params, self._fitted.standards.response
        tile = self._model.tile(rows, slice(None))
        lines = params.coef @ tile.z.T
        weights = np.exp(self._model.gate.log_weights(tile.of_gate, params.gate))
        mean: Array = (weights * lines).sum(axis=0) * scale + shift
        return mean

    @property
    def _model(self) -> Any:
        return self._fitted.model

    def predict_proba(self, X: Any, y: Any = None) -> Any:
        """Probability of each component for each row, given its response if that is known.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like of shape (n_samples,), default=None
            Responses; without them the probabilities are the weights of the components.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_components)
            Rows sum to 1.
        """
        opened = open_rows(self, X, y)
        return opened.map(self._proba, width=len(self.scale_), dtype=np.float64)

    def _proba(self, rows: RegressionRows) -> Array:
        if rows.y is not None:
            return soft(self._log_joint(rows))[0].T
        tile, params = self._model.tile(rows, slice(None)), self._fitted.params
        weights = np.exp(self._model.gate.log_weights(tile.of_gate, params.gate)).T
        return np.ascontiguousarray(np.broadcast_to(weights, (len(rows.X), weights.shape[1])))

    def _log_joint(self, rows: RegressionRows) -> Array:
        tile, params = self._model.tile(rows, slice(None)), self._fitted.params
        try:
            with np.errstate(over="raise", invalid="raise"):
                return np.asarray(self._model.log_joint(tile, params)[0])
        except FloatingPointError:
            far = np.flatnonzero(np.abs(tile.y) > FAR)
            if len(far):
                raise ValueError(
                    f"y holds {rows.y[far[0]]:g} in row {far[0]}, so far from the lines of the fit "
                    "that doubles cannot hold the square of it. Drop such rows, or clip y."
                ) from None
            return np.asarray(self._model.log_joint(tile, params)[0])

    def _log_likelihoods(self, rows: RegressionRows) -> Array:
        return soft(self._log_joint(rows))[1]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean log-likelihood of a row; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        score : float
            Weighted mean of the log-density of a response given its row, in nats on the scale of y.
            It is no R squared, which would judge a mixture by the mean of its lines.
        """
        require_y(self, y)
        total, n = open_rows(self, X, y, sample_weight).sum(self._log_likelihoods)
        return total / n

    def _measures(self, X: Any, y: Any, sample_weight: Any) -> tuple[float, float]:
        """Log-likelihood of the rows, and their total weight."""
        require_y(self, y)
        opened = open_rows(self, X, y, sample_weight)
        warn_of_small_weights(opened, "Information criteria read")
        return opened.sum(self._log_likelihoods)

    def _n_parameters(self) -> int:
        """Free parameters: coefficients that X determines, scales, and those of the weights."""
        params = self._fitted.params
        of_weights: int = self._model.gate.n_parameters(params.gate)
        return len(params.variances) * (self.rank_ + 1) + of_weights

    def aic(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters: ``rank_`` coefficients and a scale for each
            component, and those of the weights.
        """
        return -2.0 * self._measures(X, y, sample_weight)[0] + 2.0 * self._n_parameters()

    def bic(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like of shape (n_samples,)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters, counted as in `aic`.
        """
        total, n = self._measures(X, y, sample_weight)
        return -2.0 * total + self._n_parameters() * log(n)
