"""EMSurvivalCurve: the distribution of censored times, without a law."""

from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from emkit.base.estimator import EM_CONSTRAINTS, OneNumber, fit_context
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin, Progress
from emkit.censored.curve_fitting import (
    climb,
    counted,
    read_times,
    warn_of_empty_risk_set,
    warn_unconverged,
)
from emkit.censored.curve_prediction import CurvePrediction
from emkit.censored.rows import require_y
from emkit.engine import EMResult
from emkit.models.survival.cells import Cells
from emkit.models.survival.curve import Curve
from emkit.models.survival.rows import Rows

__all__ = ["EMSurvivalCurve"]


class EMSurvivalCurve(CallbackSupportMixin, CurvePrediction, RegressorMixin, BaseEstimator):
    r"""Distribution of censored times by maximum likelihood, without a law.

    For times known to lie in :math:`(l_i, u_i]`, or exactly at :math:`l_i = u_i`, that were seen
    only as they lie beyond an entry :math:`v_i`, it maximises with weights :math:`w_i`

    .. math:: \sum_i w_i \log \frac{P(l_i < T \le u_i)}{P(T > v_i)}

    over all distributions, an exact time counting with the probability mass at it. Of
    right-censored times that is the Kaplan-Meier estimate (with entries the product limit), of
    others Turnbull's.

    It ignores X, as `sklearn.dummy.DummyRegressor` does: it is what a regression of failure times
    has to be better than, and predicts the median of all.

    Parameters
    ----------
    left, right : float or None, default=None
        Limits of a one-dimensional y: values at or beyond a limit are censored there.
    tol : float, default=1e-10
        Most that the log-likelihood, over the total weight, may fall short of its maximum: a fit
        ends where it is certain to lie no further below.
    max_iter : int, default=1000
        Most iterates to try after the start, each in one pass over the rows.
    n_jobs : int, default=None
        Workers for confidence limits, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Source of the resampling for confidence limits.
    verbose : int, default=0
        1 prints a line at the start and one at the end, 2 iterations too.

    Attributes
    ----------
    intervals_ : ndarray of shape (n_intervals, 2)
        Maximal intersections :math:`(q, r]`, in order: only there can mass raise the likelihood.
        Both ends are equal where it is one exact time; the last upper end is infinite where the
        largest time is censored.
    masses_ : ndarray of shape (n_intervals,)
        Probability of each of them, many 0. Where in an interval it lies the data do not tell.
    log_likelihood_ : float
        In nats. Where the curve falls to 0 before the last entries, its supremum.
    gap_ : float
        ``log_likelihood_`` falls short of the maximum by at most that, times the total weight.
    n_iter_ : int
        Iterates that were tried after the start.
    converged_ : bool
        Whether ``gap_`` is at most ``tol``.
    history_ : ndarray
        Log-likelihood at the start and every accepted iterate; never falls.
    times_ : ndarray
        Finite times at which the curve falls: the upper ends of the intervals with mass.
    n_features_in_ : int
        Number of features seen in fit, where X is given and has any.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, and where no row of positive weight has a bound.

    Warns
    -----
    DataWarning
        Where, with entries, everybody at risk has failed before others come under observation, so
    that the curve falls to 0 there; and in predictions, where a quantile lies beyond the last
        finite time and is infinite.

    Notes
    -----
    Times are as in `emkit.censored_target`: an interval holds its upper and not its lower end, so
    that an event at a time precedes what is censored there, and a row is not at risk at its entry.
    Where mass lies in an interval and not in a point, it counts at the upper end: the curve is the
    largest of all that have these masses, and a quantile the last time that it can be.

    There is a cumulative hazard (`predict_cumulative_hazard_function`), but no hazard rate, as
    `EMCensoredRegressor.predict_hazard_function` gives: a curve that falls in steps has no density.

    As a baseline it predicts a constant, whose concordance is 0.5
    (``scoring=emkit.metrics.concordance_scorer``). Its own score, the log-probability, compares
    with that of a regression where all times are intervals: it has no density, so that an exact
    time counts by its mass, and one that was not among those of the fit has none.

    Hazards of the intervals take the place of masses: the log-likelihood is concave in them, with
    entries too, and ``gap_`` is a bound by duality. The EM algorithm, with steps of the iterative
    convex minorant between its own, gives way to Newton's steps on the intervals with mass. Every
    pass takes time in proportion to the number of distinct rows.

    References
    ----------
    Turnbull, B. W. (1976). The empirical distribution function with arbitrarily grouped, censored
    and truncated data. Journal of the Royal Statistical Society B 38, 290-295.

    Peto, R. (1973). Experimental survival curves for interval-censored data. Journal of the Royal
    Statistical Society C 22, 86-91. doi:10.2307/2346307

    Gentleman, R. & Geyer, C. J. (1994). Maximum likelihood for interval censored data: consistency
    and computation. Biometrika 81, 618-623. doi:10.1093/biomet/81.3.618

    Wellner, J. A. & Zhan, Y. (1997). A hybrid algorithm for computation of the nonparametric
    maximum likelihood estimator from censored data. Journal of the American Statistical
    Association 92, 945-959. doi:10.1080/01621459.1997.10474049

    Examples
    --------
    Four times known from examinations only: the last had not come by the latest, at 7.

    >>> from emkit import EMSurvivalCurve
    >>> y = [[0.0, 3.0], [2.0, 5.0], [4.0, 6.0], [7.0, float("inf")]]
    >>> curve = EMSurvivalCurve().fit(None, y)
    >>> curve.intervals_
    array([[ 2.,  3.],
           [ 4.,  5.],
           [ 7., inf]])
    >>> curve.masses_.round(4)
    array([0.375, 0.375, 0.25 ])
    >>> curve.predict_survival_function([[0.0]], times=[1.0, 3.0, 5.0]).round(4)
    array([[1.   , 0.625, 0.25 ]])

    Of those that live past 3, by then:

    >>> curve.predict_survival_function([[0.0]], times=[3.0, 5.0], given=3.0).round(4)
    array([[1. , 0.4]])
    """

    _parameter_constraints: dict = {
        "left": [None, OneNumber("emkit.censored_target")],
        "right": [None, OneNumber("emkit.censored_target")],
        **{name: EM_CONSTRAINTS[name] for name in ("tol", "max_iter", "n_jobs", "random_state")},
        "verbose": EM_CONSTRAINTS["verbose"],
    }

    def __init__(
        self,
        *,
        left: float | None = None,
        right: float | None = None,
        tol: float = 1e-10,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: Any = 0,
    ):
        self.left = left
        self.right = right
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Ignored, whatever it holds.
        y : array-like of shape (n_samples,), (n_samples, 2) or (n_samples, 3), structured or frame
            Times in any form of `emkit.censored_target`, entries among them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

        Returns
        -------
        self : object
            The fitted curve.
        """
        require_y(self, y)
        validate_data(self, X, skip_check_array=True)
        times = counted(read_times(X, y, sample_weight, self.left, self.right))
        cells = Cells.of(times)
        places = cells.places(times).merged(times.weight)
        rows = Rows.at(*places)
        self._rows, self._observed = times, places
        progress = Progress(self, X, y, sample_weight)
        progress.publish = partial(type(self)._publish, cells=cells, rows=rows)
        with progress:
            fit = climb(rows, tol=self.tol, max_iter=self.max_iter, callback=progress.callback)
        self._publish(fit.result, cells, rows)
        self._set_curve(cells, fit.hazard)
        self.log_likelihood_, self.gap_ = fit.log_likelihood, fit.gap
        self.converged_ = fit.result.converged and not fit.gap > self.tol > 0.0
        warn_unconverged(fit, self.tol, self.max_iter)
        warn_of_empty_risk_set(cells, rows)
        progress.done()
        return self

    def _publish(self, result: EMResult, cells: Cells, rows: Rows) -> None:
        self._set_curve(cells, rows.hazards(result.params.hazard))
        self.log_likelihood_, self.gap_ = result.log_likelihood, np.nan
        self.n_iter_, self.converged_ = result.n_iter, result.converged
        # A step at the maximum may lose a rounding.
        self.history_ = np.maximum.accumulate(result.history)

    def _set_curve(self, cells: Cells, hazard: Any) -> None:
        self._curve = Curve.of(cells.stop, hazard)
        self.intervals_, self.masses_ = cells.intervals, self._curve.masses
        falls = (self.masses_ > 0.0) & np.isfinite(cells.stop)
        self.times_ = cells.stop[falls]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.regressor_tags.poor_score = True
        tags.no_validation = True
        return tags
