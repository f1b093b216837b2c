"""EMCensoredRegressor: responses are only known to lie in an interval."""

import warnings
from functools import partial
from math import log
from numbers import Real

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from emkit._censored_distributions import DISTRIBUTIONS
from emkit._censored_target import load_target
from emkit._estimator import (
    EM_CONSTRAINTS,
    FLOATS,
    StrOptions,
    above,
    at_least,
    check_weights,
    fit_context,
    load_pandas,
    warn_unconverged,
)
from emkit._progress import CallbackSupportMixin, Progress
from emkit.engine import fit_em
from emkit.exceptions import DataWarning
from emkit.models.censored_linear import (
    FLOOR,
    CensoredNormal,
    LineParams,
    prepare,
    pseudo_inverse,
)
from emkit.models.censored_student import CensoredStudentT

__all__ = ["EMCensoredRegressor"]

#: Censored rows that a start looks at (a tenth of them, within this range), and the gain in nats
#: at which it has seen enough.
THIN, THIN_TOL = (2000, 4000), 0.01
#: Degrees of freedom that df="estimate" looks between; beyond them a t is a normal.
DF_RANGE = (0.5, 200.0)


class EMCensoredRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    r"""Linear regression by maximum likelihood when responses are only known to an interval.

    For exact responses and those that lie in :math:`[l_i, u_i]`, it maximises with weights
    :math:`w_i`

    .. math:: \sum_{\text{exact}} w_i \log \tfrac1\sigma f(z_i)
              + \sum_{\text{censored}} w_i \log\bigl(F(b_i) - F(a_i)\bigr)
              - \frac{\alpha}{2\sigma^2} \sum_j (s_j \beta_j)^2,

    :math:`z_i, a_i, b_i` being :math:`y_i, l_i, u_i` less :math:`\beta_0 + x_i^\top\beta`, over
    :math:`\sigma`, and :math:`s_j` the standard deviation of column j.

    Parameters
    ----------
    distribution : {'normal', 'lognormal', 'student_t'}, default='normal'
        Distribution of the responses about the line: normal; normal for their logarithm, with
        everything reported on the scale of y; Student t with ``df`` degrees of freedom.
    df : float or 'estimate', default=4.0
        Degrees of freedom of 'student_t'.
    left, right : float or None, default=None
        Limits of a one-dimensional y: values at or beyond a limit are censored there.
    alpha : float, default=0.0
        Ridge penalty on the coefficients of standardised columns. With nothing censored the fit is
        that of ``Ridge(alpha)`` on them.
    fit_intercept : bool, default=True
        Whether there is an intercept, free of the penalty.
    tol : float, default=1e-8
        Gain of one EM step, in nats of the whole sample, below which a run has converged.
    max_iter : int, default=1000
        Most points to try after a start, one E-step each.
    n_init : int, default=1
        Starts of 'student_t', whose likelihood can have several maxima: the first is least
        squares, the others are lines through a few rows. The others have one maximum.
    search : {'restarts', 'short_runs'} or search object, default='restarts'
        What to do with several starts.
    acceleration : {'anderson', 'squarem'}, Acceleration or None, default='anderson'
        Newton steps and extrapolation under EM's safeguard; None is plain EM.
    n_jobs : int, default=None
        Processes for the starts, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Source of the starts.
    warm_start : bool, default=False
        Go on from the last fit.
    verbose : int, default=0
        1 prints starts and iterations, 2 times and gains too.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients; of log y for 'lognormal'.
    intercept_ : float
        Intercept.
    scale_ : float
        Scale :math:`\sigma` of the distribution; not below 1e-7 of the spread of y about the line
        that the fit starts from.
    df_ : float
        Degrees of freedom, for 'student_t'.
    log_likelihood_ : float
        In nats, on the scale of y, without the penalty.
    n_iter_ : int
        Points that the best run tried after its start.
    converged_ : bool
        Whether the best run converged.
    history_ : ndarray
        Objective at the start and every accepted iterate of the best run; never falls.
    runs_ : tuple of RunSummary
        One summary for each start.
    cov_params_ : ndarray of shape (n_features + 2, n_features + 2)
        Covariance of intercept (left out without one), coefficients and log scale: the inverse of
        the observed information.
    standard_errors_ : ndarray
        Square roots of its diagonal.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, and where every response is censored on the same side.

    Warns
    -----
    DataWarning
        For collinear columns, and where the likelihood has no finite maximum.

    References
    ----------
    Schmee, J. & Hahn, G. J. (1979). A simple method for regression analysis with censored data.
    Technometrics 21, 417-432. doi:10.1080/00401706.1979.10489811

    Aitkin, M. (1981). A note on the regression analysis of censored data. Technometrics 23,
    161-163. doi:10.1080/00401706.1981.10486259 (the EM algorithm for it)

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMCensoredRegressor, censored_target
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> y = censored_target([0.1, 1.3, 1.9, 3.2, 3.5, 3.5], event=[1, 1, 1, 1, 0, 0])
    >>> regressor = EMCensoredRegressor().fit(X, y)
    >>> regressor.coef_.round(2), round(float(regressor.scale_), 2)
    (array([0.99]), 0.15)
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        "distribution": [StrOptions(set(DISTRIBUTIONS))],
        "df": [above(Real, 0.0), StrOptions({"estimate"})],
        "left": [Real, None],
        "right": [Real, None],
        "alpha": [at_least(Real, 0.0)],
        "fit_intercept": ["boolean"],
    }

    def __init__(
        self,
        *,
        distribution="normal",
        df=4.0,
        left=None,
        right=None,
        alpha=0.0,
        fit_intercept=True,
        tol=1e-8,
        max_iter=1000,
        n_init=1,
        search="restarts",
        acceleration="anderson",
        n_jobs=None,
        random_state=None,
        warm_start=False,
        verbose=0,
    ):
        self.distribution = distribution
        self.df = df
        self.left = left
        self.right = right
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    # Fitting

    @fit_context
    def fit(self, X, y, sample_weight=None):
        """Fit the line.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like of shape (n_samples,) or (n_samples, 2), or structured
            Responses: exact ones (see ``left`` and ``right``); rows ``[lower, upper]``, equal where
            exact, infinite where open; or fields ``(event, time)`` or ``(lower, upper)``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

        Returns
        -------
        self : object
            The fitted regressor.
        """
        given = X, y, sample_weight
        X, low, high, weights = self._validate(X, y, sample_weight)
        progress = Progress(self, *given)
        with progress:
            result, model, units, data = self._climb(X, low, high, weights, progress)
        warn_unconverged(result, self.max_iter, "Increase alpha")
        self._publish(result, model, units, low, high, weights)
        information = model.observed_information(data, result.params)
        self._publish_errors(information, units)
        at_floor = float(result.params.log_scale) < log(2.0 * FLOOR)
        self._warn_of_degeneracy(X, low, high, at_floor, model.rank)
        progress.done()
        return self

    def _validate(self, X, y, sample_weight):
        """X, bounds on the scale of the line, and weights, of rows that count."""
        X = validate_data(self, X, dtype=FLOATS)
        low, high = self._bounds(X, y)
        weights = check_weights(sample_weight, X)
        # A response that may lie anywhere says nothing.
        counted = np.isfinite(low) | np.isfinite(high)
        if weights is not None:
            counted &= weights > 0.0
        if not counted.all():
            X, low, high = X[counted], low[counted], high[counted]
            weights = None if weights is None else weights[counted]
        for bound, side in ((low, "left"), (high, "right")):
            if np.isinf(bound).all():
                raise ValueError(
                    f"Every response is censored on the {side}: the likelihood grows without "
                    "bound as the line moves away. There must be exact responses, or bounds on "
                    "the other side."
                )
        return X, low, high, weights

    def _bounds(self, X, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        low, high = load_target(y, self.left, self.right)
        check_consistent_length(X, low)
        return DISTRIBUTIONS[self.distribution].to_line(low, high)

    def _climb(self, X, low, high, weights, progress):
        """Result, model and units; at the best degrees of freedom where these are estimated."""
        student = self.distribution == "student_t"
        data, units, gram = prepare(
            X, low, high, weights, self.fit_intercept, summarise=not student
        )
        options = {
            "n_jobs": self.n_jobs,
            "search": self.search,
            "acceleration": self.acceleration,
            "tol": self.tol,
            "max_iter": self.max_iter,
            "callback": progress.callback,
        }

        def follow(model):
            progress.publish = partial(
                type(self)._publish, model=model, units=units, low=low, high=high, weights=weights
            )
            return model

        first = self._start(units)
        if not student:
            every = len(data.design) // int(np.clip(len(data.design) // 10, *THIN))
            if every > 1 and self.acceleration is not None:
                # A small part of the rows shows where to start; the others then take few steps.
                part = units.line, gram / every, self.alpha / every, self.fit_intercept
                first = fit_em(
                    CensoredNormal(*part), data.thinned(every), start=first, tol=THIN_TOL
                ).params
            model = follow(CensoredNormal(units.line, gram, self.alpha, self.fit_intercept))
            return fit_em(model, data, start=first, **options), model, units, data

        student_model = partial(CensoredStudentT, units.line, gram, self.alpha, self.fit_intercept)

        def climb(df, starts):
            model = follow(student_model(df))
            return fit_em(model, data, start=starts, **options), model

        def starts_of(model):
            rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
            return [first, *(model.initialize(data, rng) for _ in range(self.n_init - 1))]

        if self.df != "estimate":
            df = float(self.df)
            return *climb(df, starts_of(student_model(df))), units, data
        # The profile likelihood of the degrees of freedom, each fit from the best line so far.
        best = climb(4.0, starts_of(student_model(4.0)))[0].params

        def loss(log_df):
            return -climb(float(np.exp(log_df)), best)[0].objective

        found = minimize_scalar(
            loss, bounds=np.log(DF_RANGE), method="bounded", options={"xatol": 1e-6}
        )
        return *climb(float(np.exp(found.x)), best), units, data

    def _start(self, units):
        q = len(units.line)
        if not (self.warm_start and hasattr(self, "coef_")):
            return LineParams(np.zeros(q), np.array(0.0))
        if len(self.coef_) != len(units.scale):
            raise ValueError(
                f"warm_start goes on from the last fit, which had {len(self.coef_)} features; now "
                f"they are {len(units.scale)}. Refit with warm_start=False."
            )
        coef = self.coef_ * units.scale
        if self.fit_intercept:
            at_centre = self.intercept_ + self.coef_ @ units.shift - units.centre
            coef = np.append(at_centre, coef)
        scale = max(self.scale_ / units.spread, FLOOR)
        return LineParams(coef / units.spread - units.line, np.log(scale))

    def _publish(self, result, model, units, low, high, weights):
        self.coef_, self.intercept_, self.scale_ = units.to_user(result.params)
        self.__dict__.pop("df_", None)  # of an earlier fit
        if self.distribution == "student_t":
            self.df_ = model.df
        exact = low == high
        count = float(exact.sum() if weights is None else weights[exact].sum())
        jacobian = -count * log(units.spread)
        shift = DISTRIBUTIONS[self.distribution].log_jacobian(low[exact])
        jacobian += float(shift.sum() if weights is None else weights[exact] @ shift)
        self.log_likelihood_ = result.log_likelihood + jacobian
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.history_ = result.history + jacobian
        self.runs_ = tuple(
            run._replace(
                objective=run.objective + jacobian,
                log_likelihood=run.log_likelihood + jacobian,
                history=tuple(value + jacobian for value in run.history),
            )
            for run in result.runs
        )

    def _publish_errors(self, information, units):
        """Covariance of the parameters in the user's units."""
        q = len(units.line)
        lead = int(self.fit_intercept)
        change = np.zeros((q + 1, q + 1))  # of user's parameters with those of the fit
        slopes = np.arange(lead, q)
        change[slopes, slopes] = units.spread / units.scale
        if lead:
            change[0, 0] = units.spread
            change[0, slopes] = -units.spread * units.shift / units.scale
        change[q, q] = 1.0
        self.cov_params_ = change @ _inverse(information) @ change.T
        self.standard_errors_ = np.sqrt(np.maximum(np.diag(self.cov_params_), 0.0))

    def _warn_of_degeneracy(self, X, low, high, scale_at_floor, rank):
        q = X.shape[1] + int(self.fit_intercept)
        if rank < q:
            warnings.warn(
                f"Columns of X are collinear: of {q} coefficients {rank} are identified. The line "
                "of least norm is returned; standard errors are of what is identified. Drop "
                "columns or set alpha.",
                DataWarning,
                stacklevel=4,
            )
        fitted = X @ self.coef_ + self.intercept_
        inside = (low < fitted) & (fitted < high)
        if scale_at_floor or inside.all():
            what = "every response" if scale_at_floor else "every interval"
            warnings.warn(
                f"The likelihood has no finite maximum: a line passes through {what}, and it "
                f"grows as the scale goes to 0. scale_={self.scale_:.3g} is where the fit "
                "stopped; it is no estimate. There are too few exact responses for the columns.",
                DataWarning,
                stacklevel=4,
            )

    # Prediction

    def _location(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        return X @ self.coef_ + self.intercept_

    @property
    def _distribution(self):
        return DISTRIBUTIONS[self.distribution]

    @property
    def _df(self):
        return getattr(self, "df_", None)

    def predict(self, X):
        """Mean of the response, were it observed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            On the scale of y: ``exp(line + scale_**2 / 2)`` for 'lognormal'.
        """
        return self._distribution.mean(self._location(X), self.scale_, self._df)

    def predict_quantile(self, X, q=0.5):
        """Quantiles of the response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        q : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities strictly between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            On the scale of y.
        """
        q = np.asarray(q, dtype=float)
        if not ((q > 0.0) & (q < 1.0)).all():
            raise ValueError(f"q must lie strictly between 0 and 1. Got {q}.")
        location = self._location(X).reshape(-1, *(1,) * q.ndim)
        quantiles = location + self.scale_ * self._distribution.quantile(q, self._df)
        return self._distribution.to_user(quantiles)

    def predict_interval(self, X, level=0.95):
        """Interval that holds a new response with the given probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        level : float, default=0.95
            Probability, divided evenly between both tails. Parameters count as known.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            On the scale of y.
        """
        _check_level(level)
        return self.predict_quantile(X, [0.5 - 0.5 * level, 0.5 + 0.5 * level])

    def predict_survival_function(self, X, times):
        """Probability that the response is larger than each of some values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        times : float or array-like of shape (n_times,)
            Values on the scale of y.

        Returns
        -------
        survival : ndarray of shape (n_samples,) or (n_samples, n_times)
            P(y > time).
        """
        times = np.asarray(times, dtype=float)
        if np.isnan(times).any():
            raise ValueError("times contains NaN.")
        location = self._location(X).reshape(-1, *(1,) * times.ndim)
        if self.distribution == "lognormal":
            with np.errstate(divide="ignore"):
                times = np.log(np.maximum(times, 0.0))
        return self._distribution.survival((times - location) / self.scale_, self._df)

    def predict_observed(self, X):
        """Mean of the response as it would be observed: ``E[clip(y, left, right)]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.

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
        location = self._location(X)
        left = -np.inf if self.left is None else float(self.left)
        right = np.inf if self.right is None else float(self.right)
        survival = partial(self.predict_survival_function, X)
        below = 0.0 if np.isinf(left) else left * (1.0 - survival(left))
        above_right = 0.0 if np.isinf(right) else right * survival(right)
        bounds = np.array([left]), np.array([right])
        if self.distribution == "lognormal":
            with np.errstate(divide="ignore"):
                bounds = tuple(np.log(np.maximum(bound, 0.0)) for bound in bounds)
        low, high = (np.broadcast_to(bound, location.shape) for bound in bounds)
        mean = self._distribution.truncated_mean(location, self.scale_, low, high, self._df)
        inside = (survival(left) if np.isfinite(left) else 1.0) - (
            survival(right) if np.isfinite(right) else 0.0
        )
        return below + np.where(inside > 0.0, inside * mean, 0.0) + above_right

    def impute(self, X, y, *, sample=False, random_state=None):
        """Fill censored responses given their intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that `fit` takes.
        sample : bool, default=False
            Whether to draw from the conditional distribution instead of taking its mean.
        random_state : int, RandomState instance or None, default=None
            Source of the draws; None takes the estimator's own.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Exact responses as they were, censored ones filled, on the scale of y.
        """
        location = self._location(X)
        low, high = self._bounds(X, y)
        censored = low != high
        out = self._distribution.to_user(np.where(censored, 0.0, low))
        part = location[censored], self.scale_, low[censored], high[censored], self._df
        if sample:
            source = self.random_state if random_state is None else random_state
            rng = np.random.default_rng(check_random_state(source).randint(2**31))
            out[censored] = self._distribution.draw(*part, rng)
        else:
            out[censored] = self._distribution.truncated_mean(*part)
        # Rounding must not leave the interval.
        bounds = (self._distribution.to_user(bound[censored]) for bound in (low, high))
        out[censored] = np.clip(out[censored], *bounds)
        return out

    # Selection

    def score_samples(self, X, y):
        """Log-likelihood of each row: log-density where exact, log-probability where censored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that `fit` takes.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, on the scale of y.
        """
        location = self._location(X)
        low, high = self._bounds(X, y)
        a, b = (low - location) / self.scale_, (high - location) / self.scale_
        exact = low == high
        out = np.empty(len(location))
        at_point = self._distribution.log_density(a[exact], self._df) - np.log(self.scale_)
        out[exact] = at_point + self._distribution.log_jacobian(low[exact])
        width = (high - low)[~exact] / self.scale_
        out[~exact] = self._distribution.log_mass(a[~exact], b[~exact], width, self._df)
        return out

    def score(self, X, y, sample_weight=None):
        """Mean log-likelihood of a row; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that `fit` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        score : float
            Weighted mean of `score_samples`.
        """
        values = self.score_samples(X, y)
        weights = check_weights(sample_weight, values[:, None])
        return float(np.average(values, weights=weights))

    def _n_parameters(self):
        estimated = self.distribution == "student_t" and self.df == "estimate"
        return len(self.coef_) + int(self.fit_intercept) + 1 + int(estimated)

    def aic(self, X, y, sample_weight=None):
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that `fit` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters.
        """
        total = self.score(X, y, sample_weight) * _total(X, sample_weight)
        return -2.0 * total + 2.0 * self._n_parameters()

    def bic(self, X, y, sample_weight=None):
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that `fit` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters.
        """
        n = _total(X, sample_weight)
        return -2.0 * self.score(X, y, sample_weight) * n + self._n_parameters() * log(n)

    def summary(self, level=0.95):
        """Estimates with their uncertainty.

        Parameters
        ----------
        level : float, default=0.95
            Level of the confidence limits.

        Returns
        -------
        table : pandas.DataFrame
            A row for the intercept, every coefficient and the log scale; columns estimate,
            std_error, z, p_value, lower and upper.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            For a level that is not between 0 and 1.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_motorettes
        >>> X, y = load_motorettes(return_X_y=True)
        >>> regressor = EMCensoredRegressor(distribution="lognormal").fit(X, y)
        >>> regressor.summary().round(2)
                    estimate  std_error      z  p_value  lower  upper
        intercept      16.49       0.93  17.75     0.00  14.67  18.31
        x0             -0.05       0.00  -9.59     0.00  -0.06  -0.04
        log(scale)     -0.47       0.18  -2.54     0.01  -0.83  -0.11
        """
        check_is_fitted(self)
        _check_level(level)
        pd = load_pandas("EMCensoredRegressor.summary")
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(len(self.coef_))])
        estimate = np.concatenate([self.coef_, [np.log(self.scale_)]])
        index = [*names, "log(scale)"]
        if self.fit_intercept:
            estimate, index = np.append(self.intercept_, estimate), ["intercept", *index]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = estimate / self.standard_errors_
        half = ndtri(0.5 + 0.5 * level) * self.standard_errors_
        return pd.DataFrame(
            {
                "estimate": estimate,
                "std_error": self.standard_errors_,
                "z": z,
                "p_value": 2.0 * ndtr(-np.abs(z)),
                "lower": estimate - half,
                "upper": estimate + half,
            },
            index=index,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


def _check_level(level):
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1. Got {level!r}.")


def _total(X, sample_weight):
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return float(len(X)) if weights is None else float(weights.sum())


def _inverse(information):
    """Inverse over the directions that the data see, whatever the units of the parameters."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), np.finfo(float).tiny))
    return pseudo_inverse(information / np.outer(scale, scale))[0] / np.outer(scale, scale)
