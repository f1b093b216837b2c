"""What a fitted survival curve says of rows, all of which it says the same of."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.censored.curve_confidence import Limits
from emkit.censored.curve_given import for_each_row
from emkit.censored.curve_quantiles import CurveQuantiles
from emkit.censored.curve_scores import CurveScores
from emkit.data.numbers import argument_of
from emkit.models.survival.curve import Curve

__all__ = ["CurvePrediction"]


class CurvePrediction(CurveQuantiles, CurveScores):
    """Predictions and scores of `EMSurvivalCurve`."""

    def predict_survival_function(
        self,
        X: Any,
        times: Any = None,
        *,
        given: Any = None,
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
        given : float or array-like of shape (n_samples,), default=None
            Time that each is known to be larger than, such as that survived so far:
            ``P(T > time | T > given)``, of times that count from the same origin as y. It is 1 up
            to ``given``.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Level of the confidence limits, at each time.
        method : {'bootstrap', 'profile'}, default='bootstrap'
            How they are had, see the Notes: for all times at once from ``n_resamples`` fits, or for
            each from about 20. With ``given`` by 'bootstrap' alone.
        n_resamples : int, default=500
            Replicates of the curve for 'bootstrap'.

        Returns
        -------
        survival : ndarray of shape (n_samples,) or (n_samples, n_times)
            P(T > time), continuous from the right, the same in every row given the same (a view of
            one, unless each has its own ``given``).
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper limit of each, where they are asked for.

        Raises
        ------
        ValueError
            For times that are NaN, a bad option, and a ``given`` that is NaN or infinite, or from
            which on the curve is 0, as nobody lived longer.

        Notes
        -----
        Given survival to c the curve is :math:`S(t) / S(c)`: of right-censored times the
        Kaplan-Meier estimate of those who lived past c. Where c lies within an interval with mass,
        all of that mass counts as beyond c. Where the curve fell to 0 before others came under
        observation, and c is no earlier, it is the curve of these others.

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
        times = self._times(times)
        curve = partial(self._curve.survival, times)
        survival = for_each_row(X, given, self._curve, curve, times.ndim)
        if not return_ci:
            return survival
        how = Limits(level, method, n_resamples, given is not None)
        limits = how.of(self, Curve.survival, times)
        return survival, for_each_row(X, given, self._curve, limits, times.ndim)

    def predict_cumulative_hazard_function(
        self,
        X: Any,
        times: Any = None,
        *,
        return_ci: bool = False,
        level: float = 0.95,
        method: str = "bootstrap",
        n_resamples: int = 500,
    ) -> Any:
        """Cumulative hazard: minus the logarithm of the survival function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of which only the number counts.
        times : float or array-like of shape (n_times,), default=None
            Values in the unit of y; ``times_`` when None.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level, method, n_resamples : float, str, int
            As of `predict_survival_function`.

        Returns
        -------
        hazard : ndarray of shape (n_samples,) or (n_samples, n_times)
            ``-log P(T > time)``, the same in every row: infinite where the curve is 0. Of
            right-censored times it is a little more than the estimate of Nelson and Aalen, of which
            each term d / r of d events among r at risk is here ``-log(1 - d / r)``.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper limit of each, where they are asked for: those of
            `predict_survival_function`, of which they are minus the logarithms.
        """
        times = self._times(times)
        hazard = for_each_row(
            X, None, self._curve, lambda given: self._curve.cumulative_hazard(times), times.ndim
        )
        if not return_ci:
            return hazard
        _, limits = self.predict_survival_function(
            X, times, return_ci=True, level=level, method=method, n_resamples=n_resamples
        )
        with np.errstate(divide="ignore"):
            return hazard, np.abs(np.log(limits[..., ::-1]))

    def _times(self, times: Any) -> Array:
        check_is_fitted(self)
        if times is None:
            return self.times_
        times = np.asarray(argument_of(times, "times"), dtype=float)
        if np.isnan(times).any():
            raise ValueError("times contains NaN.")
        return times
