"""EMRegressionMixture: which line a row follows is missing."""

from numbers import Integral, Real
from typing import Any, Self

from sklearn.base import RegressorMixin

from emkit.base.estimator import EM_CONSTRAINTS, at_least, fit_context
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin
from emkit.mixture.regression_fitting import fit_regressions
from emkit.mixture.regression_prediction import RegressionMixturePrediction
from emkit.mixture.regression_uncertainty import RegressionMixtureInference

__all__ = ["EMRegressionMixture"]


class EMRegressionMixture(
    CallbackSupportMixin,
    RegressionMixturePrediction,
    RegressionMixtureInference,
    RegressorMixin,
    BaseEstimator,
):
    r"""Mixture of linear regressions by maximum likelihood: each row follows one of K lines.

    It maximises, with sample weights :math:`s_i` of sum :math:`n`,

    .. math:: \sum_i s_i \log \sum_{k=1}^{K} \pi_k(x_i)\,
              N(y_i;\; \alpha_k + x_i^\top\beta_k,\; \sigma_k^2)
              - \frac{n\,\lambda}{2K} \sum_k \frac{1}{\sigma_k^2},
              \qquad \lambda = \texttt{reg\_variance} \cdot \operatorname{var}(y),

    where the weights :math:`\pi_k` are the same for all rows, or a multinomial logit of columns of
    X (a concomitant model, or mixture of experts).

    Parameters
    ----------
    n_components : int, default=2
        Number of lines.
    concomitant : {'all'}, array-like of int, str or bool, or None, default=None
        Columns of X, by number, name or mask, that the weights depend on; 'all' of them. They stay
        in the lines too.
    fit_intercept : bool, default=True
        Whether lines have intercepts. The logit of the weights has them in any case.
    reg_variance : float, default=1e-8
        Prior on the variances, in variances of y (mean squares, without an intercept): without it
        the likelihood is infinite where a line goes through as many rows as it has coefficients.
        To the variance of a component of weight w it adds ``reg_variance / (K w)`` of that of y. 0
        is plain maximum likelihood.
    tol : float, default=1e-8
        Gain of one EM step, in nats of the whole sample, below which a run has converged.
    max_iter : int, default=1000
        Most points to try after a start, one E-step each.
    n_init : int, default=20
        Starts: lines through a few rows, improved by some rounds in which every row goes to its
        nearest line, and the lines of clusters. A run that ends with a line that holds to no data
        (rows too few for it, or without scatter) counts only where all do.
    search : str or search object, default='restarts'
        What to do with several starts: 'restarts', 'short_runs', 'annealing' or 'genetic'.
    acceleration : {'anderson', 'louis', 'squarem'}, Acceleration or None, default='anderson'
        Extrapolation under EM's safeguard; None is plain EM.
    n_jobs : int, default=None
        Workers, as in joblib: for the starts, and of those left over for the blocks of a run.
    random_state : int, RandomState instance or None, default=None
        Source of the starts.
    warm_start : bool, default=False
        Go on from the last fit.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.

    Attributes
    ----------
    coef_ : ndarray of shape (n_components, n_features)
        Coefficients of the lines.
    intercept_ : ndarray of shape (n_components,)
        Intercepts; 0 without.
    scale_ : ndarray of shape (n_components,)
        Standard deviations :math:`\sigma_k` about the lines.
    weights_ : ndarray of shape (n_components,)
        Weights of the components; with a concomitant model their means over the rows of the fit.
    concomitant_coef_ : ndarray of shape (n_components, n_columns)
        Coefficients of the logit, where there is one; they sum to 0 over the components. With the
        first component as the reference, as in R's flexmix, they are these less its own.
    concomitant_intercept_ : ndarray of shape (n_components,)
        Intercepts of the logit.
    log_likelihood_ : float
        In nats, on the scale of y, without the prior.
    rank_ : int
        Number of coefficients of a line that X determines, the intercept among them.
    n_iter_ : int
        Points that the best run tried after its start.
    converged_ : bool
        Whether the best run converged.
    history_ : ndarray
        Objective at the start and every accepted iterate of the best run; never falls.
    runs_ : tuple of RunSummary
        One summary for each start.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, and where rows that count are fewer than components.

    Warns
    -----
    DataWarning
        For collinear and constant columns, and for a component that holds to no data.

    See Also
    --------
    EMMixtureRegressor : Regression by a joint mixture of predictors and responses.
    EMGaussianMixture : Clusters instead of lines.

    Notes
    -----
    The variances are those of maximum likelihood. R's flexmix multiplies each by n / (n - p), so
    that its log-likelihood ends a little lower.

    References
    ----------
    Quandt, R. E. & Ramsey, J. B. (1978). Estimating mixtures of normal distributions and switching
    regressions. Journal of the American Statistical Association 73, 730-738.
    doi:10.1080/01621459.1978.10480085

    DeSarbo, W. S. & Cron, W. L. (1988). A maximum likelihood methodology for clusterwise linear
    regression. Journal of Classification 5, 249-282. doi:10.1007/BF01897167

    Gruen, B. & Leisch, F. (2008). FlexMix version 2: finite mixtures with concomitant variables and
    varying and constant parameters. Journal of Statistical Software 28 (4).
    doi:10.18637/jss.v028.i04

    Examples
    --------
    Two lines that cross.

    >>> import numpy as np
    >>> from emkit import EMRegressionMixture
    >>> rng = np.random.default_rng(0)
    >>> x, rises = rng.uniform(0.0, 10.0, 200), rng.random(200) < 0.4
    >>> y = np.where(rises, 1.0 + 2.0 * x, 15.0 - x) + rng.normal(0.0, 0.5, 200)
    >>> mixture = EMRegressionMixture(2, random_state=0).fit(x[:, None], y)
    >>> np.sort(mixture.coef_.ravel()).round(1)
    array([-1.,  2.])
    >>> up = mixture.coef_.ravel().argmax()
    >>> ((mixture.predict_proba(x[:, None], y)[:, up] > 0.5) == rises).mean().round(2)
    np.float64(0.98)
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "concomitant": ["array-like", Integral, str, None],
        "fit_intercept": ["boolean"],
        "reg_variance": [at_least(Real, 0.0)],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        concomitant: Any = None,
        fit_intercept: bool = True,
        reg_variance: float = 1e-8,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 20,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
    ):
        self.n_components = n_components
        self.concomitant = concomitant
        self.fit_intercept = fit_intercept
        self.reg_variance = reg_variance
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    @fit_context
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the lines.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Predictors, without missing cells. They need not fit in memory: see
            `EMGaussianMixture.fit`.
        y : array-like of shape (n_samples,)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

        Returns
        -------
        self : object
            The fitted mixture.
        """
        fit_regressions(self, X, y, sample_weight)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags
