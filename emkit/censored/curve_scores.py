"""How likely a fitted survival curve finds rows."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.censored.curve_fitting import read_times
from emkit.censored.rows import require_y
from emkit.models.survival.curve import Curve

__all__ = ["CurveScores"]


class CurveScores:
    """Scores of `EMSurvivalCurve`."""

    left: float | None
    right: float | None
    _curve: Curve

    def score_samples(self, X: Any, y: Any) -> Array:
        """Log-probability of each row, given that it lies beyond its entry.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Ignored.
        y : array-like
            Times in any form of `emkit.censored_target`, with the limits of the curve.

        Returns
        -------
        log_probability : ndarray of shape (n_samples,)
            In nats; of an exact time that of its mass. -inf where the curve has no mass.
        """
        check_is_fitted(self)
        require_y(self, y)
        return self._curve.log_probability(read_times(X, y, None, self.left, self.right))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean log-probability of a row; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Ignored.
        y : array-like
            Times in any form of `emkit.censored_target`, with the limits of the curve.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        score : float
            Weighted mean of `score_samples`. -inf as soon as one row lies where no mass is, as most
            exact times do that were not among those of the fit.
        """
        check_is_fitted(self)
        require_y(self, y)
        times = read_times(X, y, sample_weight, self.left, self.right)
        weighs = times.weight > 0.0
        values = self._curve.log_probability(times)
        return float(np.average(values[weighs], weights=times.weight[weighs]))
