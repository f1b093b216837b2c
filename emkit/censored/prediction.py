"""What a fitted censored regression says of responses, new ones and censored ones."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.censored.confidence import (
    check_limits,
    cumulative_hazard_with_limits,
    hazard_with_limits,
    quantile_with_limits,
    survival_with_limits,
)
from emkit.censored.fitted_line import FittedLine
from emkit.censored.rows import require_y
from emkit.censored.stratification import by_stratum
from emkit.data.numbers import argument_of
from emkit.models.censored.data import Responses

__all__ = ["CensoredPrediction", "check_level"]


class CensoredPrediction(FittedLine):
    """Predictions of `EMCensoredRegressor`.

    Of rows in a Dask collection, a method that gives something for each of them gives a Dask array.
    """

    left: float | None
    right: float | None
    random_state: Any
    times_: Array

    # Of new responses

    def predict(self, X: Any, given: Any = None) -> Any:
        """Mean of the response, were it observed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        given : float or array-like of shape (n_samples,), default=None
            Value that the response is known to be larger than, such as the time survived so far:
            the mean is then that of all such responses, ``E[y | y > given]``, on the scale of y.
            What is left beyond it is ``predict(X, given) - given``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            On the scale of y: ``exp(line + scale_**2 / 2)`` for 'lognormal',
            ``exp(line) * gamma(1 + scale_)`` for 'weibull'. Infinite where the mean is, as for
            'loglogistic' from a scale of 1 on.

        Raises
        ------
        ValueError
            For bad rows; for a ``given`` that is NaN or infinite, below 0 where responses are
            positive, or not one number or one for each row.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_lung
        >>> X, y = load_lung(return_X_y=True)
        >>> X = X[:, :2]  # age and sex
        >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
        >>> regressor.predict(X[:2]).round()
        array([289., 311.])
        >>> (regressor.predict(X[:2], given=400.0) - 400.0).round()  # days left after 400
        array([195., 214.])
        """
        return self._at_rows(X, lambda model, rows: model._beyond(rows).mean(), (), given)

    def predict_quantile(
        self,
        X: Any,
        q: Any = 0.5,
        *,
        given: Any = None,
        return_ci: bool = False,
        level: float = 0.95,
    ) -> Any:
        r"""Quantiles of the response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        q : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities strictly between 0 and 1.
        given : float or array-like of shape (n_samples,), default=None
            Value that the response is known to be larger than, such as the time survived so far:
            the quantiles are then those of all such responses, on the scale of y. What is left
            beyond it has the quantiles ``predict_quantile(X, q, given=given) - given``.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Their level.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            On the scale of y.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_quantiles, 2)
            Lower and upper confidence limits of each, where ``return_ci``.

        Raises
        ------
        ValueError
            For bad rows, a ``q`` or ``level`` that is not between 0 and 1, and a bad ``given``, as
            in `predict`.

        Warns
        -----
        DataWarning
            With ``return_ci``, where the data do not determine some parameters: limits are then
            those of what they determine, or NaN where the likelihood had no finite maximum.

        Notes
        -----
        Limits are by the delta method, from the covariance of coefficients, log scale and, if it
        was estimated, the shape of 'generalized_gamma'; ``df`` counts as known. They are taken on
        the scale of the line, :math:`x^\top\hat\beta + \hat\sigma z_q` plus and minus a normal
        quantile times its standard error, and then transformed to the scale of y, as with
        ``predict(type = "uquantile", se.fit = TRUE)`` of R's survreg; given something, on that of
        the logarithm of what is left. They are of the quantile; see `predict_interval` for a
        range of responses.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_lung
        >>> X, y = load_lung(return_X_y=True)
        >>> X = X[:, :2]  # age and sex
        >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
        >>> median, limits = regressor.predict_quantile(X[:2], return_ci=True)
        >>> median.round()
        array([238., 256.])
        >>> limits.round()
        array([[193., 294.],
               [218., 302.]])
        """
        q = np.asarray(argument_of(q, "q"), dtype=float)
        if not ((q > 0.0) & (q < 1.0)).all():
            raise ValueError(f"q must lie strictly between 0 and 1. Got {q}.")
        if not return_ci:
            return self._at_rows(
                X, lambda model, rows: model._beyond(rows).quantile(q), q.shape, given
            )
        return self._with_limits(X, quantile_with_limits, q, given, level)

    def predict_interval(self, X: Any, level: float = 0.95, given: Any = None) -> Any:
        """Interval that holds a new response with the given probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        level : float, default=0.95
            Probability, divided evenly between both tails. Parameters count as known.
        given : float or array-like of shape (n_samples,), default=None
            Value that the response is known to be larger than, as in `predict_quantile`.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            On the scale of y.
        """
        level = check_level(level)
        return self.predict_quantile(X, [0.5 - 0.5 * level, 0.5 + 0.5 * level], given=given)

    def predict_survival_function(
        self,
        X: Any,
        times: Any = None,
        *,
        given: Any = None,
        return_ci: bool = False,
        level: float = 0.95,
    ) -> Any:
        r"""Probability that the response is larger than each of some values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        times : float or array-like of shape (n_times,), default=None
            Values on the scale of y; None takes the attribute ``times_``, 101 even steps over the
            responses of the fit, which a plot has on its other axis.
        given : float or array-like of shape (n_samples,), default=None
            Value that the response is known to be larger than, such as the time survived so far:
            ``P(y > time | y > given)``, of times that count from the same origin as y. It is 1 up
            to ``given``.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Their level, at each time.

        Returns
        -------
        survival : ndarray of shape (n_samples,) or (n_samples, n_times)
            P(y > time).
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper confidence limits of each, where ``return_ci``.

        Raises
        ------
        ValueError
            For bad rows, times that are NaN, a ``level`` that is not between 0 and 1, and a bad
            ``given``, as in `predict`.

        Warns
        -----
        DataWarning
            With ``return_ci``, as in `predict_quantile`.

        Notes
        -----
        With S the survival function of the errors, limits are :math:`S(u \pm c\,s)`, u being where
        S is the estimate, s the standard error of u by the delta method, and c a normal quantile.
        So they lie in [0, 1] and are those of the linear predictor on the law's own scale: log-log
        for 'weibull', logit for 'loglogistic', probit for 'lognormal' [1]_.

        References
        ----------
        .. [1] Meeker, W. Q. & Escobar, L. A. (1998). Statistical Methods for Reliability Data.
           Wiley. Section 8.4.3.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_lung
        >>> X, y = load_lung(return_X_y=True)
        >>> X = X[:, :2]  # age and sex
        >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
        >>> survival, limits = regressor.predict_survival_function(X[:1], [365.0], return_ci=True)
        >>> survival.round(2), limits.round(2)
        (array([[0.3]]), array([[[0.2 , 0.39]]]))
        >>> curves = regressor.predict_survival_function(X[:2])  # against regressor.times_
        >>> curves.shape == (2, len(regressor.times_))
        True
        """
        times = self._times(times)
        if not return_ci:
            return self._at_rows(
                X, lambda model, rows: model._beyond(rows).survival(times), times.shape, given
            )
        return self._with_limits(X, survival_with_limits, times, given, level)

    def predict_cumulative_hazard_function(
        self, X: Any, times: Any = None, *, return_ci: bool = False, level: float = 0.95
    ) -> Any:
        """Cumulative hazard: minus the logarithm of the survival function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        times : float or array-like of shape (n_times,), default=None
            Values on the scale of y; None takes ``times_``, as in `predict_survival_function`.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Their level, at each time.

        Returns
        -------
        hazard : ndarray of shape (n_samples,) or (n_samples, n_times)
            ``-log P(y > time)``, exact where the survival function underflows.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper confidence limits of each, where ``return_ci``: those of
            `predict_survival_function`, of which they are minus the logarithms.

        Warns
        -----
        DataWarning
            With ``return_ci``, as in `predict_quantile`.
        """
        times = self._times(times)
        if return_ci:
            return self._with_limits(X, cumulative_hazard_with_limits, times, None, level)
        return self._at_rows(
            X, lambda model, rows: -model._beyond(rows).log_survival(times), times.shape
        )

    def predict_hazard_function(
        self, X: Any, times: Any = None, *, return_ci: bool = False, level: float = 0.95
    ) -> Any:
        r"""Hazard rate: density of the response over the probability that it is larger.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        times : float or array-like of shape (n_times,), default=None
            Finite values on the scale of y; None takes ``times_``, as in
            `predict_survival_function`.
        return_ci : bool, default=False
            Whether to return confidence limits too.
        level : float, default=0.95
            Their level, at each time.

        Returns
        -------
        hazard : ndarray of shape (n_samples,) or (n_samples, n_times)
            ``f(time) / P(y > time)``, in events for each unit of y, exact however far out. Where
            responses are positive it is 0 below 0, and at 0 its limit from above, which may be
            infinite.
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_times, 2)
            Lower and upper confidence limits of each, where ``return_ci``.

        Raises
        ------
        ValueError
            For bad rows, times that are not finite, and a ``level`` that is not between 0 and 1.

        Warns
        -----
        DataWarning
            With ``return_ci``, as in `predict_quantile`.

        Notes
        -----
        Limits are by the delta method on the logarithm, :math:`\hat h \exp(\pm c\,s)` with s the
        standard error of :math:`\log \hat h` and c a normal quantile, from the same covariance as
        those of `predict_quantile` and `predict_survival_function`. Where the hazard is in
        proportion to the cumulative one, as under 'exponential' and 'rayleigh', they are those of
        the curve. Where responses are positive, those at 0 are of the smallest number above it.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_lung
        >>> X, y = load_lung(return_X_y=True)
        >>> X = X[:, :2]  # age and sex
        >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
        >>> hazard, limits = regressor.predict_hazard_function(X[:1], [100, 1000], return_ci=True)
        >>> hazard.round(4), limits.round(4)
        (array([[0.0029, 0.0062]]), array([[[0.0022, 0.0039],
                [0.0042, 0.0089]]]))
        """
        times = self._times(times)
        if not np.isfinite(times).all():
            raise ValueError(f"times must be finite for a hazard. Got {times}.")
        if return_ci:
            return self._with_limits(X, hazard_with_limits, times, None, level)
        return self._at_rows(
            X,
            lambda model, rows: model._distribution.hazard(
                model._location(rows.X), model.scale_, times
            ),
            times.shape,
        )

    def _times(self, times: Any) -> Array:
        """Values at which a curve is asked for."""
        if times is None:
            check_is_fitted(self, "coef_")
            return self.times_
        times = np.asarray(argument_of(times, "times"), dtype=float)
        if np.isnan(times).any():
            raise ValueError("times contains NaN.")
        return times

    def _with_limits(
        self, X: Any, compute: Callable[..., Array], at: Array, given: Any, level: Any
    ) -> tuple[Any, Any]:
        """What ``compute(regressor, rows, at, half)`` gives, and its confidence limits."""
        half = float(ndtri(0.5 + 0.5 * check_level(level)))
        check_limits(self)
        told = self._at_rows(
            X, lambda model, rows: compute(model, rows, at, half), (*at.shape, 3), given
        )
        return told[..., 0], told[..., 1:]

    def predict_observed(self, X: Any) -> Any:
        """Mean of the response as it would be observed: ``E[clip(y, left, right)]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            On the scale of y.

        Raises
        ------
        ValueError
            For bad rows, and where the regressor has neither ``left`` nor ``right``.
        """
        if self.left is None and self.right is None:
            raise ValueError(
                "predict_observed needs limits: set left or right. Without them a response is "
                "observed as it is; see predict."
            )
        return self._at_rows(X, lambda model, rows: model._observed(model._location(rows.X)))

    def _observed(self, location: Array) -> Any:
        """`predict_observed` of rows with their line at ``location``."""
        left = -np.inf if self.left is None else float(self.left)
        right = np.inf if self.right is None else float(self.right)
        distribution, scale = self._distribution, self.scale_
        limits = np.array([left, right])
        above_left, above_right = distribution.survival(location, scale, limits).T
        at_left = 0.0 if np.isinf(left) else left * (1.0 - above_left)
        at_right = 0.0 if np.isinf(right) else right * above_right
        low, high = (np.full(len(location), end) for end in distribution.link.to_line(limits))
        mean = distribution.truncated_mean(location, scale, low, high)
        inside = above_left - above_right
        return at_left + np.where(inside > 0.0, inside * mean, 0.0) + at_right

    def impute(self, X: Any, y: Any, *, sample: bool = False, random_state: Any = None) -> Any:
        """Fill censored responses given their intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.
        sample : bool, default=False
            Whether to draw from the conditional distribution instead of taking its mean.
        random_state : int, RandomState instance or None, default=None
            Source of the draws; None takes the estimator's own.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Exact responses as they were, censored ones filled, on the scale of y.
        """
        require_y(self, y)
        if not sample:
            return self._each(X, type(self)._impute, y, as_given=True)
        source = self.random_state if random_state is None else random_state
        seed = check_random_state(source).randint(2**31)
        draw = partial(_draw, seed, np.random.default_rng(seed))
        return self._each(X, draw, y, as_given=True, numbered=True)

    @by_stratum
    def _impute(self, rows: Responses, rng: np.random.Generator | None = None) -> Array:
        """Responses of a block, filled by means, or by draws where there is a generator."""
        distribution, censored = self._distribution, ~rows.exact
        out = rows.low.astype(float)
        least, most = rows.low[censored], rows.high[censored]
        location, bounds = self._location(rows.X)[censored], distribution.to_line(least, most)
        if rng is None:
            filled = distribution.truncated_mean(location, self.scale_, *bounds)
        else:
            filled = distribution.draw(location, self.scale_, *bounds, rng)
        if distribution.link.positive:
            least = np.maximum(least, 0.0)
        # Rounding must not leave the interval.
        out[censored] = np.clip(filled, least, most)
        return out


def _draw(
    seed: int, rng: np.random.Generator, model: Any, rows: Responses, number: int | None
) -> Array:
    """Filled by draws: of one generator for rows in their order, of one a block otherwise."""
    return model._impute(rows, rng if number is None else np.random.default_rng([seed, number]))


def check_level(level: Any) -> float:
    """A level as a float; ValueError or TypeError where it is no number between 0 and 1."""
    given = np.asarray(argument_of(level, "level"))
    is_one = given.shape == () and given.dtype.kind not in "bc"
    if not is_one or not 0.0 < given.astype(float) < 1.0:
        raise ValueError(f"level must lie between 0 and 1, and be one number. Got {level!r}.")
    return float(given)
