"""EMCensoredRegressor: responses are only known to lie in an interval."""

from dataclasses import replace
from functools import partial
from math import log
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from emkit.base.estimator import (
    EM_CONSTRAINTS,
    OneNumber,
    StrOptions,
    at_least,
    between,
    fit_context,
    require_same,
)
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin, Progress
from emkit.censored.collapse import Collapse
from emkit.censored.conclusion import Conclusion
from emkit.censored.confidence import Root
from emkit.censored.fitted_line import far_from_0
from emkit.censored.fitting import Climb
from emkit.censored.prediction import CensoredPrediction
from emkit.censored.residuals import data_of
from emkit.censored.row_residuals import RowResiduals
from emkit.censored.rows import load_rows, open_rows, refuse_extremes, require_y
from emkit.censored.scores import CensoredScores
from emkit.censored.stratification import labels_of
from emkit.censored.summary import CensoredSummary
from emkit.engine import EMResult
from emkit.models.censored.data import Prepared
from emkit.models.censored.first_line import prepare_blocks
from emkit.models.censored.line import FLOOR, LineParams
from emkit.models.laws.law import Law
from emkit.models.laws.registry import LAWS, document_laws

__all__ = ["EMCensoredRegressor"]

#: Names of the shape parameters of all laws.
SHAPES = sorted({name for distribution in LAWS.values() for name in distribution.law.shapes})


@document_laws
class EMCensoredRegressor(
    CallbackSupportMixin,
    CensoredPrediction,
    CensoredScores,
    RowResiduals,
    CensoredSummary,
    RegressorMixin,
    BaseEstimator,
):
    r"""Linear regression by maximum likelihood when responses are only known to an interval.

    For exact responses and those that lie in :math:`[l_i, u_i]`, it maximises with weights
    :math:`w_i`

    .. math:: \sum_{\text{exact}} w_i \log \tfrac1\sigma f(z_i)
              + \sum_{\text{censored}} w_i \log\bigl(F(b_i) - F(a_i)\bigr)
              - \sum_{\text{entered}} w_i \log\bigl(1 - F(c_i)\bigr)
              - \frac{\alpha}{\sigma^2} \sum_j \Bigl(\rho\, |s_j \beta_j|
              + \frac{1 - \rho}{2} (s_j \beta_j)^2\Bigr),

    :math:`z_i, a_i, b_i` being :math:`y_i, l_i, u_i` less :math:`\beta_0 + x_i^\top\beta`, over
    :math:`\sigma`, :math:`s_j` the standard deviation of column j (with divisor n; without an
    intercept its root mean square), and :math:`\rho` the ``l1_ratio``. The third sum is over rows
    with delayed entry, :math:`c_i` being that of the entry: they count given that their response
    is larger. Entries are part of y, see `censored_target`.

    Parameters
    ----------
    distribution : {laws}, default='normal'
        Law of the errors about the line, in a location-scale family, and the distribution of
        `scipy.stats` that a response then has:

        {list of laws}

        Predictions and log-likelihoods are on the scale of y, also where the line is of log y.
    df : float or 'estimate', default=4.0
        Degrees of freedom of 'student_t', at least 0.001; from 1e16 on that is the normal.
    shape : float or 'estimate', default='estimate'
        Shape of 'generalized_gamma', from -10 to 10. Where it is large the law all but ends at a
        point, and the likelihood can rise as that nears the last response, or the first: the
        estimate is the likeliest maximum within the range, or the likelier end where there is none.
    left, right : float or None, default=None
        Limits of a one-dimensional y: values at or beyond a limit are censored there.
    alpha : float, default=0.0
        Penalty on the coefficients of standardised columns. With nothing censored the line of
        'normal' is that of ``Ridge(alpha)`` on them, with an ``l1_ratio`` above 0 that of
        ``ElasticNet(alpha / n, l1_ratio=l1_ratio)``, n being the total weight.
    l1_ratio : float, default=0.0
        Part of the penalty that is on absolute values, from 0 (ridge) to 1 (lasso). Where it is
        above 0, coefficients become 0, exactly. Above 0, ``alpha`` is in the unit of the line, as
        in ElasticNet: with c y for y it is c times as large at 1.
    fit_intercept : bool, default=True
        Whether there is an intercept, free of the penalty.
    strata : array-like of int, str or bool, default=None
        Columns of X, by number, name or mask, by which the scale differs: each combination of
        their values has its own. They are numbers, as X is, and leave the line: a copy of such a
        column, under another name, stays. The penalty is then over the harmonic mean of the
        rows' :math:`\sigma^2`.
    tol : float, default=1e-8
        Gain of one EM step, in nats of the whole sample, below which a run has converged.
    max_iter : int, default=1000
        Most points to try after a start, one E-step each.
    n_init : int, default=1
        Starts of 'student_t', and of fits with entries, ``strata`` or an ``l1_ratio``, whose
        objective can have several maxima: the first is least squares, with outliers drawn in where
        that is likelier, the others are lines through a few rows. In all other fits it has one
        maximum, and there is one start.
    search : {'restarts', 'short_runs'} or search object, default='restarts'
        What to do with several starts.
    acceleration : {'anderson', 'squarem'}, Acceleration or None, default='anderson'
        Newton steps and extrapolation under EM's safeguard; None is plain EM. Steps of 'logistic'
        and 'weibull', and of all laws with entries or ``strata``, are Newton's in any case, halved
        until the objective rises; with an ``l1_ratio``, proximal ones.
    n_jobs : int, default=None
        Workers, as in joblib: for the starts, and of those left over for the blocks of a run, from
        131072 rows on.
    random_state : int, RandomState instance or None, default=None
        Source of the starts.
    warm_start : bool, default=False
        Go on from the last fit.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the line, under laws of positive y that of log y. Without those of
        columns in ``strata``, in the order of the others.
    intercept_ : float
        Intercept.
    scale_ : float or ndarray of shape (n_strata,)
        Scale :math:`\sigma` of the distribution, with ``strata`` of each of ``strata_``. Where the
        likelihood grows without bound as that goes to 0, it is 1e-7 of the spread of y about a
        first line; where it keeps rising as that goes to infinity, 1e7 of that spread.
    strata_ : ndarray of shape (n_strata,) or (n_strata, n_columns)
        Values of the strata in ascending order, where there are ``strata``.
    df_ : float
        Degrees of freedom, for 'student_t'.
    shape_ : float
        Shape, for 'generalized_gamma'.
    times_ : ndarray of shape (101,)
        Values of y at which curves are predicted unless told otherwise: even steps from 0, or
        from the smallest response where they may be negative, to the largest; of censored ones
        by the bound that is known.
    log_likelihood_ : float
        In nats, on the scale of y, without the penalty.
    n_iter_ : int
        Points that the best run tried after its start.
    converged_ : bool
        Whether the best run converged.
    rank_ : int
        Number of coefficients that X determines, with an ``l1_ratio`` of those that are not 0, the
        intercept among them; `aic` and `bic` count them, the scales, and shape parameters that are
        estimated.
    history_ : ndarray
        Objective at the start and every accepted iterate of the best run; never falls.
    runs_ : tuple of RunSummary
        One summary for each start.
    cov_params_ : ndarray of shape (n_features + 2, n_features + 2)
        Covariance of intercept (left out without one), coefficients, log scale (with ``strata``, of
        all of them, in their order; of 'exponential' and 'rayleigh' there is none), and the shape
        of 'generalized_gamma' where it is estimated: the inverse of the observed information. NaN
        in rows and columns of what the data do not determine, and of coefficients that ``l1_ratio``
        sets to 0 (that of the others is as if these had never been there), and of a shape at an
        end of its range (that of the others is as if it were given); infinite or 0, with a
        DataWarning, where a variance is beyond double precision.
    standard_errors_ : ndarray
        Square roots of its diagonal.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, such as entries that are not below their responses, and, with an
        intercept, where every response is censored on the same side.

    Warns
    -----
    DataWarning
        For collinear and constant columns, whose standard errors are NaN, and other parameters
        that the likelihood does not depend on; and where it has no finite maximum, as it may not
        where every row has an entry, or a stratum few rows.

    See Also
    --------
    emkit.compare_distributions : Every distribution fitted to the same data, by AIC.
    emkit.alpha_max : Least ``alpha`` at which an ``l1_ratio`` leaves no coefficient.

    Notes
    -----
    Line and scale are those of R's survreg. Beside them lifelines has, in WeibullAFTFitter, the
    same line as ``lambda_`` and ``-log(scale_)`` as ``rho_``; in LogLogisticAFTFitter likewise
    ``alpha_`` and ``beta_``; in LogNormalAFTFitter ``mu_``, and ``log(scale_)`` as ``sigma_``. The
    shape of 'generalized_gamma' is Q in R's flexsurv, and ``lambda_`` in lifelines. Under a law
    of log y, ``exp(coef_)`` is the factor by which one more of a column stretches all times; under
    'weibull', ``exp(-coef_ / scale_)`` is its hazard ratio.

    Where X has no columns, the fit is that of a distribution alone.

    The penalty of lifelines has no :math:`\sigma`: its ``penalizer`` p and ``l1_ratio`` give the
    line that ``alpha`` :math:`= n p \sigma^2` gives here with the same ratio and that scale, but
    for its standard deviations, of divisor n - 1. Here the scale is larger for the penalty, as it
    counts both in its square.

    Coefficients that are not 0 are the optimum for their signs to rounding. Their standard errors
    take as given which these are: the data chose them, so that limits cover less than they say.
    For inference leave ``l1_ratio`` at 0, or bootstrap the whole fit.

    References
    ----------
    Schmee, J. & Hahn, G. J. (1979). A simple method for regression analysis with censored data.
    Technometrics 21, 417-432. doi:10.1080/00401706.1979.10489811

    Aitkin, M. (1981). A note on the regression analysis of censored data. Technometrics 23,
    161-163. doi:10.1080/00401706.1981.10486259 (the EM algorithm for it)

    Zou, H. & Hastie, T. (2005). Regularization and variable selection via the elastic net. Journal
    of the Royal Statistical Society B 67, 301-320. doi:10.1111/j.1467-9868.2005.00503.x

    Zou, H., Hastie, T. & Tibshirani, R. (2007). On the "degrees of freedom" of the lasso. Annals of
    Statistics 35, 2173-2192. doi:10.1214/009053607000000127 (why `rank_` is what is not 0)

    Lee, J. D., Sun, Y. & Saunders, M. A. (2014). Proximal Newton-type methods for minimizing
    composite functions. SIAM Journal on Optimization 24, 1420-1443. doi:10.1137/130921428

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMCensoredRegressor, censored_target
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> y = censored_target([0.1, 1.3, 1.9, 3.2, 3.5, 3.5], event=[1, 1, 1, 1, 0, 0])
    >>> regressor = EMCensoredRegressor().fit(X, y)
    >>> regressor.coef_.round(2), round(float(regressor.scale_), 2)
    (array([0.99]), 0.15)

    A column of noise is left out by the lasso:

    >>> noisy = np.column_stack([X, [0.3, -0.1, 0.2, 0.1, -0.3, 0.2]])
    >>> EMCensoredRegressor(alpha=2.0, l1_ratio=1.0).fit(noisy, y).coef_.round(2)
    array([0.84, 0.  ])
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        "distribution": [StrOptions(set(LAWS))],
        "df": [at_least(Real, 1e-3), StrOptions({"estimate"})],
        "shape": [between(Real, -10.0, 10.0), StrOptions({"estimate"})],
        "left": [None, OneNumber("emkit.censored_target")],
        "right": [None, OneNumber("emkit.censored_target")],
        "alpha": [at_least(Real, 0.0)],
        "l1_ratio": [between(Real, 0.0, 1.0)],
        "fit_intercept": ["boolean"],
        "strata": ["array-like", Integral, str, None],
    }

    def __init__(
        self,
        *,
        distribution: str = "normal",
        df: float | str = 4.0,
        shape: float | str = "estimate",
        left: float | None = None,
        right: float | None = None,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        strata: Any = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
    ):
        self.distribution = distribution
        self.df = df
        self.shape = shape
        self.left = left
        self.right = right
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.strata = strata
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
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the line.

        Parameters
        ----------
        X : array-like, iterable of blocks or Dask collection, of shape (n_samples, n_features)
            Predictors, none missing. Dates, durations and text are refused by the name of their
            column. There may be no columns, for a distribution alone; but beside a
            one-dimensional y that may be negative scikit-learn asks for one: give y as
            `emkit.censored_target` makes it.
        y : array-like of shape (n_samples,), (n_samples, 2) or (n_samples, 3), structured or frame
            Responses in any form of `emkit.censored_target`, which says how they are read: exact
            ones (see ``left`` and ``right``); rows ``[lower, upper]``, equal where exact, infinite
            where open, or ``[lower, upper, entry]``; or fields or columns (event, time) or (lower,
            upper), perhaps with an entry, told apart by type and name.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out, as is
            a row whose weight is masked.

        Returns
        -------
        self : object
            The fitted regressor.

        Notes
        -----
        A memory map of 256 MiB or more, and any object that has a shape, a dtype and slices of
        rows, is read block by block, so that it need not fit in memory; so is an iterable of
        blocks that can be read again and again. ``y`` and ``sample_weight`` are then as long as X
        and sliced beside it, or iterables of blocks as long as those of X. Two or three passes
        find units and a first line, one a sample; of many rows as a rule four to seven more, of
        gradients alone, lead to where the climb sets out from; every iteration takes one, as do the
        standard errors. To estimate ``df`` or ``shape``, the line is fitted at a dozen values of it
        or more.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`, and so do their residuals, in double precision; parameters go out in
        every pass, and sums come back. ``y``, of one, two or three columns, and ``sample_weight``
        are Dask arrays, frames or series too, or in memory. What is predicted is then a Dask array,
        and a cluster that is lost is a `emkit.exceptions.ClusterError`.

        Of a ``y`` that is read block by block, what `emkit.censored_target` warns of by a name is
        refused, and what it warns of by the values of all rows is not told.

        In memory, rows stay as they are, in single precision too. From 131072 rows on their
        standardised columns are worked out anew at every iteration, a few thousand rows at a time.
        """
        require_y(self, y)
        opened = open_rows(self, X, y, sample_weight, reset=True)
        rows, strata = load_rows(self, opened)
        progress = Progress(self, X, y, sample_weight, in_memory=opened.in_memory)
        law, free = self._law_to_fit()
        scale = LAWS[self.distribution].scale
        if strata is not None and scale is not None:
            raise ValueError(
                f"distribution={self.distribution!r} has a scale of {scale} for all rows, so that "
                "strata have none of their own. Leave strata out, or take 'weibull'."
            )
        prepared = prepare_blocks(
            rows,
            self.fit_intercept,
            summarise=law.exact_sums_suffice and not self._selects,
            heavy_tails=not law.log_concave,
            penalised=self.alpha > 0.0,
            turn=not self._selects,
            strata=strata,
        )
        refuse_extremes(self, prepared.units)
        collapse = Collapse(None)
        if scale is None:
            collapse = Collapse.of(rows, prepared, law, free, self.alpha > 0.0)
        data = data_of(rows, prepared)
        del rows, opened  # those of a cluster need not lie there beside the residuals
        with progress:
            fit = self._climb(prepared, data, progress, collapse).fit(law, free)
        shape = next(iter(self._shapes_with_errors()), None)
        self._conclude(Conclusion.of(fit, prepared, data, collapse, self.alpha > 0.0, shape))
        progress.done()
        return self

    def _climb(
        self, prepared: Prepared, data: Any, progress: Progress, collapse: Collapse
    ) -> Climb:

        def follow(law: Law) -> None:
            progress.publish = partial(type(self)._publish, law=law, prepared=prepared)

        scale = LAWS[self.distribution].scale
        # It is in nats of the whole sample, of less than its rows where weights are small.
        tol = self.tol * min(1.0, prepared.weight / prepared.n)
        return Climb(
            prepared,
            data,
            alpha=self.alpha,
            l1_ratio=self.l1_ratio if self._selects else 0.0,
            collapse=collapse,
            last=self._last(prepared),
            n_init=self.n_init,
            random_state=self.random_state,
            options={
                "n_jobs": self.n_jobs,
                "search": self.search,
                "acceleration": self.acceleration,
                "tol": tol,
                "max_iter": self.max_iter,
                "callback": progress.callback,
            },
            follow=follow,
            scale=None if scale is None else scale / prepared.units.spread,
        )

    def _conclude(self, conclusion: Conclusion) -> None:
        """Publish a fit with its standard errors, and warn of what is wrong with it."""
        self._publish(conclusion.result, conclusion.fit.law, conclusion.prepared)
        uncertainty = conclusion.uncertainty
        self.cov_params_, self.standard_errors_ = uncertainty.covariance, uncertainty.errors
        self._root = None
        if uncertainty.root is not None:
            n_line = int(self.fit_intercept) + len(self.coef_)
            n_scales = np.size(self.scale_) if LAWS[self.distribution].scale is None else 0
            means = conclusion.prepared.units.shift
            self._root = Root.of(uncertainty.root, means, n_line, n_scales)
        of_logarithms = LAWS[self.distribution].link.positive
        conclusion.warn(self._parameter_names, self.scale_, self.max_iter, of_logarithms)

    def _law_to_fit(self) -> tuple[Law, Any]:
        """The law with the shape parameters that are given, and the names of those that are not."""
        law, free = LAWS[self.distribution].law, self._free_shapes
        given = {name: float(getattr(self, name)) for name in law.shapes if name not in free}
        return replace(law, **given), free

    @property
    def _goes_on(self) -> bool:
        """Whether there is a last fit to go on from."""
        return self.warm_start and hasattr(self, "coef_")

    def _last(self, prepared: Prepared) -> LineParams | None:
        """The last fit in units of the fit, if it is to go on."""
        if not self._goes_on:
            return None
        units, strata = prepared.units, prepared.strata
        require_same("warm_start", "n_features", len(self.coef_), len(units.scale))
        means, level = self._centre
        coef = units.from_user(self.coef_, level, means)
        log_scale = np.log(np.maximum(self.scale_ / units.spread, FLOOR))
        if strata is not None:
            same = self._strata is not None and np.array_equal(self._strata.labels, strata.labels)
            if not same:
                log_scale = np.full(len(strata.labels), np.mean(log_scale))
        elif np.ndim(log_scale):
            log_scale = log_scale.mean()
        return LineParams(coef, np.asarray(log_scale))

    def _publish(self, result: EMResult, law: Law, prepared: Prepared) -> None:
        units = prepared.units
        self.coef_, self.intercept_, self.scale_ = units.to_user(*result.params)
        if LAWS[self.distribution].scale is not None:
            self.scale_ = LAWS[self.distribution].scale
        self._about_means = None
        if far_from_0(self.coef_, units.shift, np.min(self.scale_)):
            level = units.level(result.params.coef)
            self._about_means = self.coef_.copy(), self.intercept_, units.shift, level
        self.rank_, self._fitted_law = prepared.rank, self._law_arguments()
        if self._selects:
            self.rank_ = int(units.intercept) + int(np.count_nonzero(self.coef_))
        # Of an earlier fit; a fit that is interrupted has no standard errors.
        gone = "cov_params_", "standard_errors_", "_root", "strata_"
        for name in (*(f"{shape}_" for shape in SHAPES), *gone):
            self.__dict__.pop(name, None)
        self.times_ = LAWS[self.distribution].link.grid(*prepared.reach)
        self._strata = prepared.strata
        if prepared.strata is not None:
            self.strata_ = labels_of(prepared.strata)
        for name in law.shapes:
            setattr(self, f"{name}_", getattr(law, name))
        # log_jacobian is linear in the response, so its total is its value at the total.
        jacobian = float(
            LAWS[self.distribution].link.log_jacobian(np.asarray(prepared.exact_total))
        )
        jacobian -= prepared.exact.weight * log(units.spread)
        result = result.rescaled(plus=jacobian)
        self.log_likelihood_ = result.log_likelihood
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.history_, self.runs_ = result.history, result.runs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags
