"""What a fitted survival curve says of rows, all of which it says the same of."""

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import n_samples_of
from emkit.censored.curve_fitting import read_times
from emkit.censored.curve_limits import Observed, bootstrap_limits
from emkit.censored.curve_profile import Profile, profile_limits
from emkit.censored.prediction import check_level
from emkit.censored.rows import require_y
from emkit.data.numbers import argument_of
from emkit.exceptions import DataWarning, warn
from emkit.models.survival.cells import Places, Times
from emkit.models.survival.curve import Curve

__all__ = ["CurvePrediction"]

#: How limits can be had.
METHODS = "bootstrap", "profile"


class CurvePrediction:
    """Predictions and scores of `EMSurvivalCurve`."""

    left: float | None
    right: float | None
    n_jobs: int | None
    random_state: Any
    times_: Array
    log_likelihood_: float
    _curve: Curve
    _rows: Times
    _observed: tuple[Places, Array]

    def predict(self, X: Any) -> Array:
        """Median of the times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            As of `predict_quantile`, the same in every row.
        """
        return self.predict_quantile(X)

    def predict_quantile(
        self,
        X: Any,
        q: Any = 0.5,
        *,
        return_ci: bool = False,
        level: float = 0.95,
        method: str = "bootstrap",
        n_resamples: int = 500,
    ) -> Any:
        """Quantiles of the times: the first time by which a share q has failed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        q : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities strictly between 0 and 1.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level, method, n_resamples : float, str, int
            As of `predict_survival_function`. Limits of 'profile' are the first times by which such
            a share may have failed, and must have: -inf and inf where there is none.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            The same in every row. Where it lies within an interval, the upper end: infinite, with
            a DataWarning, where the curve does not fall so far by the last finite time.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_quantiles, 2)
            Lower and upper limit of each, where they are asked for.
        """
        check_is_fitted(self)
        q = np.asarray(argument_of(q, "q"), dtype=float)
        if not ((q > 0.0) & (q < 1.0)).all():
            raise ValueError(f"q must lie strictly between 0 and 1. Got {q}.")
        quantiles = self._curve.quantile(q)
        if np.isinf(quantiles).any():
            self._warn_of_infinity(float(np.max(q[np.isinf(quantiles)])))
        quantiles = self._repeated(X, quantiles).copy()
        if not return_ci:
            return quantiles
        limits = self._limits("quantile", q, level, method, n_resamples)
        return quantiles, self._repeated(X, limits)

    def _warn_of_infinity(self, q: float) -> None:
        lowest = float(self._curve.survival(np.max(self.times_, initial=-np.inf, keepdims=True))[0])
        warn(
            f"The curve falls to no less than {lowest:.3g}, as the largest times are censored on "
            f"the right: the quantile at {q:g} is infinite. Ask predict_quantile for smaller ones.",
            DataWarning,
        )

    def predict_survival_function(
        self,
        X: Any,
        times: Any = None,
        *,
        return_ci: bool = False,
        level: float = 0.95,
        method: str = "bootstrap",
        n_resamples: int = 500,
    ) -> Any:
        r"""Probability that the time is larger than each of some values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        times : float or array-like of shape (n_times,), default=None
            Values in the unit of y; those at which the curve falls, ``times_``, when None.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Level of the confidence limits, at each time.
        method : {'bootstrap', 'profile'}, default='bootstrap'
            How they are had, see the Notes: for all times at once from ``n_resamples`` fits, or for
            each from about 20.
        n_resamples : int, default=500
            Replicates of the curve for 'bootstrap'.

        Returns
        -------
        survival : ndarray of shape (n_samples,) or (n_samples, n_times)
            P(T > time), continuous from the right, the same in every row (a view of one).
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper limit of each, where they are asked for.

        Notes
        -----
        Limits of 'bootstrap' are quantiles of the curve in replicates of the Bayesian bootstrap,
        drawn from the ``random_state`` of the curve. Those of 'profile' are by the likelihood
        ratio, without chance: the least and largest share among the distributions whose
        log-likelihood lies no more than half the quantile of :math:`\chi^2_1` below the maximum. Of
        right-censored times, at those of events, they are those of Thomas & Grunkemeier [1]_. They
        are to be preferred at the ends of the curve: there they leave room for a fall where none
        was seen, and no replicate has one. Both are worked out by ``n_jobs`` workers, whose number
        changes nothing.

        Both are right where a share of the times is exact, or right-censored only, and where bounds
        are few numbers, such as those of planned visits. Where all times are known by bounds that
        hardly repeat, the curve converges at the cube root of n: no bootstrap of it is exact [2]_,
        and limits by it are a rough guide; those by the likelihood ratio are too wide if each row
        was examined once, as the 95 % quantile of the ratio is then 2.29 instead of 3.84 [3]_.

        References
        ----------
        .. [1] Thomas, D. R. & Grunkemeier, G. L. (1975). Confidence interval estimation of survival
           probabilities for censored data. Journal of the American Statistical Association 70,
           865-871. doi:10.1080/01621459.1975.10480315
        .. [2] Sen, B., Banerjee, M. & Woodroofe, M. (2010). Inconsistency of bootstrap: the
           Grenander estimator. Annals of Statistics 38, 1953-1977. doi:10.1214/09-AOS777
        .. [3] Banerjee, M. & Wellner, J. A. (2001). Likelihood ratio tests for monotone functions.
           Annals of Statistics 29, 1699-1731. doi:10.1214/aos/1015345959

        Examples
        --------
        >>> from emkit import EMSurvivalCurve
        >>> from emkit.datasets import load_lung
        >>> _, y = load_lung(return_X_y=True)
        >>> curve = EMSurvivalCurve().fit(None, y)
        >>> survival, limits = curve.predict_survival_function(
        ...     [[0.0]], 365.25, return_ci=True, method="profile"
        ... )
        >>> survival.round(3), limits.round(3)
        (array([0.409]), array([[0.34, 0.48]]))
        """
        check_is_fitted(self)
        times = self._times(times)
        survival = self._repeated(X, self._curve.survival(times))
        if not return_ci:
            return survival
        limits = self._limits("survival", times, level, method, n_resamples)
        return survival, self._repeated(X, limits)

    def _limits(self, what: str, at: Array, level: float, method: str, n_resamples: int) -> Array:
        """Limits (..., 2) of the curve at times, or of quantiles."""
        level = check_level(level)
        if method not in METHODS:
            told = ", ".join(map(repr, METHODS))
            raise ValueError(f"method must be one of {told}. Got {method!r}.")
        if not isinstance(n_resamples, Integral) or n_resamples < 2:
            raise ValueError(f"n_resamples must be an int, at least 2. Got {n_resamples!r}.")
        if method == "profile":
            profile = Profile(self._rows, self._curve, self.log_likelihood_, level)
            return profile_limits(profile, at, what == "quantile", self.n_jobs)
        statistic: Any = partial(Curve.survival, times=at)
        if what == "quantile":
            statistic = partial(Curve.quantile, q=at)
        seeds = check_random_state(self.random_state).randint(2**31, size=n_resamples)
        observed = Observed(*self._observed, self._curve)
        return bootstrap_limits(observed, statistic, level, seeds, self.n_jobs)

    def _times(self, times: Any) -> Array:
        if times is None:
            return self.times_
        times = np.asarray(argument_of(times, "times"), dtype=float)
        if np.isnan(times).any():
            raise ValueError("times contains NaN.")
        return times

    def _repeated(self, X: Any, values: Array) -> Array:
        """The values for every row of X."""
        if X is None:  # of `fit` alone: here X tells how many are asked for
            raise TypeError("X is None: give a row for each prediction, as [[0.0]] for one.")
        return np.broadcast_to(values, (n_samples_of(X), *np.shape(values)))

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
