"""What a fitted censored regression says of rows, old and new."""

from collections.abc import Callable
from copy import copy
from functools import partial
from math import log
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.censored.rows import open_rows, require_y
from emkit.censored.stratification import by_stratum
from emkit.data.numbers import argument_of
from emkit.models.censored.data import Responses, steps
from emkit.models.laws.distribution import Distribution
from emkit.models.laws.registry import LAWS
from emkit.numerics.constants import EPS

__all__ = ["CensoredPrediction", "check_level", "far_from_0"]

#: Rounding of the line, in units of the scale, from which on columns are far from 0.
FAR = 1e-10


class CensoredPrediction:
    """Predictions and scores of `EMCensoredRegressor`.

    Of rows in a Dask collection, a method that gives something for each of them gives a Dask array.
    """

    distribution: str
    fit_intercept: bool
    left: float | None
    right: float | None
    random_state: Any
    coef_: Array
    intercept_: float
    scale_: Any
    strata: Any
    rank_: int
    #: Where columns are far from 0: coefficients and intercept of the fit, means of the columns and
    #: the line there.
    _about_means: tuple[Array, float, Array, float] | None = None

    # The fitted line

    @property
    def _distribution(self) -> Distribution:
        """Distribution of the responses, with the shape parameters of the fit if there is one.

        ValueError where the arguments have become those of another.
        """
        self._require_fitted_law()
        return LAWS[self.distribution].with_shapes(vars(self))

    def _law_arguments(self) -> dict[str, Any]:
        """What says which law is fitted, and about what line."""
        shapes = LAWS[self.distribution].law.shapes if self.distribution in LAWS else ()
        names = "distribution", "fit_intercept", *shapes
        told = {name: getattr(self, name) for name in names}
        # As it was given, but never an array, which does not say whether it is the same.
        return told | {"strata": np.asarray(self.strata, dtype=object).tolist()}

    def _require_fitted_law(self) -> None:
        """ValueError where `set_params` has made of the fitted law another."""
        fitted = self.__dict__.get("_fitted_law", {})
        now = self._law_arguments()
        for name, value in fitted.items():
            if name in now and now[name] != value:
                raise ValueError(
                    f"{name} was {value!r} in the fit, and is {now[name]!r} now. Fit again, or set "
                    "it back."
                )

    @property
    def _free_shapes(self) -> list[str]:
        """Names of the law's shape parameters that are estimated."""
        shapes = LAWS[self.distribution].law.shapes
        return [name for name in shapes if getattr(self, name) == "estimate"]

    def _shapes_with_errors(self) -> list[str]:
        """Of these, those that have standard errors."""
        shapes = LAWS[self.distribution].law.shapes
        return [name for name in self._free_shapes if shapes[name].has_error]

    def _location(self, X: Any) -> Array:
        """The line at rows of X."""
        out, strata = np.empty(len(X)), self.__dict__.get("_strata")
        means, level = self._centre
        for rows in steps(len(X)):  # of single precision no copy in double as a whole
            columns = X[rows] if strata is None else X[rows][:, strata.line]
            columns = columns if np.ndim(means) == 0 else columns - means
            out[rows] = columns @ self.coef_ + level
        return out

    @property
    def _centre(self) -> tuple[Array | float, float]:
        """Values of the columns at which the line is known best, and the line there.

        From 0 that of the fit is if its terms would cancel, unless attributes were set by hand.
        """
        if self._about_means is not None:
            coef, intercept, means, level = self._about_means
            if intercept == self.intercept_ and np.array_equal(coef, self.coef_):
                return means, level
        return 0.0, self.intercept_

    def _each(
        self,
        X: Any,
        compute: Callable[..., Array],
        y: Any = None,
        as_given: bool = False,
        **options: Any,
    ) -> Any:
        """What ``compute`` gives for every row: an array, of a Dask collection a lazy one.

        It takes the regressor, which a lazy result holds as it is now, and `Responses`, with bounds
        on the scale of the line or ``as_given``. Options are those of `Opened.map`.
        """
        opened = open_rows(self, X, y, as_given=as_given)
        return opened.map(partial(compute, copy(self)), dtype=np.float64, **options)

    def _at_line(self, X: Any, compute: Callable[..., Array], shape: tuple[int, ...] = ()) -> Any:
        """What ``compute(regressor, line)`` gives for the line at every row.

        ``shape`` is that of the result for one row.
        """

        @by_stratum
        def at_rows(model: Any, rows: Responses) -> Array:
            return compute(model, model._location(rows.X))

        return self._each(X, at_rows, width=shape[0] if shape else None)

    # Prediction

    def predict(self, X: Any) -> Any:
        """Mean of the response, were it observed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            On the scale of y: ``exp(line + scale_**2 / 2)`` for 'lognormal',
            ``exp(line) * gamma(1 + scale_)`` for 'weibull'.
        """
        return self._at_line(
            X, lambda model, location: model._distribution.mean(location, model.scale_)
        )

    def predict_quantile(self, X: Any, q: Any = 0.5) -> Any:
        """Quantiles of the response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        q : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities strictly between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            On the scale of y.
        """
        q = np.asarray(argument_of(q, "q"), dtype=float)
        if not ((q > 0.0) & (q < 1.0)).all():
            raise ValueError(f"q must lie strictly between 0 and 1. Got {q}.")
        return self._at_line(
            X,
            lambda model, location: model._distribution.quantile(location, model.scale_, q),
            q.shape,
        )

    def predict_interval(self, X: Any, level: float = 0.95) -> Any:
        """Interval that holds a new response with the given probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        level : float, default=0.95
            Probability, divided evenly between both tails. Parameters count as known.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            On the scale of y.
        """
        level = check_level(level)
        return self.predict_quantile(X, [0.5 - 0.5 * level, 0.5 + 0.5 * level])

    def predict_survival_function(self, X: Any, times: Any) -> Any:
        """Probability that the response is larger than each of some values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        times : float or array-like of shape (n_times,)
            Values on the scale of y.

        Returns
        -------
        survival : ndarray of shape (n_samples,) or (n_samples, n_times)
            P(y > time).
        """
        times = np.asarray(argument_of(times, "times"), dtype=float)
        if np.isnan(times).any():
            raise ValueError("times contains NaN.")
        return self._at_line(
            X,
            lambda model, location: model._distribution.survival(location, model.scale_, times),
            times.shape,
        )

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
        """
        if self.left is None and self.right is None:
            raise ValueError(
                "predict_observed needs limits: set left or right. Without them a response is "
                "observed as it is; see predict."
            )
        return self._at_line(X, type(self)._observed)

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

    # Selection

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


def far_from_0(coef: Array, means: Array, scale: float) -> bool:
    """Whether the terms of a line at the means of the columns are rounded by more than errors."""
    with np.errstate(over="ignore"):
        return bool(EPS * (np.abs(coef) @ np.abs(means)) > FAR * scale)


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
