"""EMGaussianMixtureIC: the number of components and their shape are missing too."""

import warnings
from functools import wraps
from itertools import product
from numbers import Integral
from operator import attrgetter
from typing import Any, NamedTuple, Self

import joblib
import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit.base.estimator import StrOptions, at_least, fit_context
from emkit.base.persistence import BaseEstimator
from emkit.data.opened import open_data
from emkit.engine import StopReason
from emkit.engine.processes import as_worker_errors
from emkit.exceptions import DataWarning, warn
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.reader import MixtureReader
from emkit.numerics.covariance import SCIKIT_LEARN, STRUCTURES, Structure

__all__ = ["EMGaussianMixtureIC"]

CRITERIA = ("bic", "aic", "icl")
#: Arguments that every fit of the grid gets as they are.
PASSED_ON = ("tol", "reg_covar", "max_iter", "init_params", "search", "acceleration", "prior")
#: A component variance below 2 times what reg_covar adds to it is the prior's, not the data's.
MIN_OF_PRIOR = 2.0
#: Components are judged only in columns whose variance exceeds 100 times reg_covar.
LARGE_COLUMN = 100.0


def delegated(name: str) -> Any:
    """A method of `EMGaussianMixture`, called on the best of the grid."""
    method = getattr(EMGaussianMixture, name)

    @wraps(method)
    def of_the_best(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_is_fitted(self, "best_estimator_")
        return method(self.best_estimator_, *args, **kwargs)

    return of_the_best


class EMGaussianMixtureIC(DensityMixin, BaseEstimator):
    r"""Gaussian mixture whose size and covariance type an information criterion chooses.

    It fits `EMGaussianMixture` for every number of components and covariance type, from the same
    random starts, and keeps the one of least

    .. math:: -2 \log L + p \log n \;\text{(BIC)}, \qquad -2 \log L + 2 p \;\text{(AIC)}, \qquad
              \text{BIC} - 2 \sum_i s_i \log \max_k r_{ik} \;\text{(ICL)}

    for p free parameters, n samples and responsibilities :math:`r_{ik}`.

    Parameters
    ----------
    min_components : int, default=1
        Smallest number of components to try.
    max_components : int, default=9
        Largest number of components to try.
    covariance_type : str or list of str, default='all'
        Covariance types to try, any of `EMGaussianMixture`; 'all' are the four of scikit-learn:
        'full', 'tied', 'diag' and 'spherical'.
    criterion : {'bic', 'aic', 'icl'}, default='bic'
        What to minimise. BIC finds the density, ICL clusters that are apart, AIC what predicts
        best (and often too many components).
    tol : float, default=1e-6
        Gain of one EM step, in nats per sample, below which a run has converged. It is tighter than
        in `EMGaussianMixture`, as fits are compared with each other.
    reg_covar : float, default=1e-6
        As in `EMGaussianMixture`.
    max_iter : int, default=1000
        Most points to try after a start.
    n_init : int, default=5
        Starts of each fit; the best of those that did not collapse counts.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How a start is drawn. For a number of components the covariance types have the same starts
        (but some, such as 'spherical', take one scale for all columns).
    search : str or search object, default='restarts'
        What is done from each start, as in `EMGaussianMixture` with one.
    acceleration : {'anderson', 'louis', 'squarem'}, Acceleration or None, default='anderson'
        As in `EMGaussianMixture`.
    prior : {'mclust'}, MixturePrior or None, default=None
        As in `EMGaussianMixture`. Criteria take the plain log-likelihood.
    random_state : int, RandomState instance or None, default=None
        Source of the starts.
    n_jobs : int, default=None
        Processes for the fits of the grid, as in joblib.
    verbose : int, default=0
        Progress over the fits, as in joblib.

    Attributes
    ----------
    best_estimator_ : EMGaussianMixture
        The fit that was chosen.
    best_params_ : dict
        Its ``n_components`` and ``covariance_type``.
    best_index_ : int
        Its place in the grid.
    criterion_ : ndarray of shape (n_candidates,)
        The criterion over the grid; NaN where a fit failed.
    results_ : dict of arrays
        Columns of a table of the grid, for ``pandas.DataFrame(results_)``: ``n_components``,
        ``covariance_type``, ``log_likelihood``, ``n_parameters``, ``bic``, ``aic``, ``icl``,
        ``n_iter``, ``converged``, and ``failure``, which is empty or says why there is no fit.
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        Parameters of the fit that was chosen, as in `EMGaussianMixture`.
    converged_ : bool
        Whether it converged.
    n_iter_ : int
        Points that it tried after its start.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, an empty grid, and where every fit failed.

    Warns
    -----
    DataWarning
        Where fits failed and were left out: fewer rows than components, or a covariance that is
        singular but for ``reg_covar``.

    See Also
    --------
    emkit.metrics.bic_scorer : The same criterion for the grid of a `GridSearchCV`.

    Notes
    -----
    Where the rows of a component agree in some direction the likelihood has no maximum. Such a fit
    is as good as ``reg_covar`` is small, and no criterion can tell; so it does not compete if half
    or more of a variance comes from ``reg_covar``. Columns of a variance below a hundred times
    ``reg_covar`` do not count in this.

    References
    ----------
    Schwarz, G. (1978). Estimating the dimension of a model. The Annals of Statistics 6, 461-464.
    doi:10.1214/aos/1176344136

    Fraley, C. & Raftery, A. E. (2002). Model-based clustering, discriminant analysis, and density
    estimation. Journal of the American Statistical Association 97, 611-631.
    doi:10.1198/016214502760047131

    Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for clustering with
    the integrated completed likelihood. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 22, 719-725. doi:10.1109/34.865189

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMGaussianMixtureIC
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(6, 1, (100, 2))])
    >>> mixture = EMGaussianMixtureIC(max_components=3, random_state=0).fit(X)
    >>> mixture.best_params_
    {'n_components': 2, 'covariance_type': 'spherical'}
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round(1)
    array([[-0.1,  0. ],
           [ 5.9,  6.1]])
    """

    _parameter_constraints: dict = {
        **{
            name: EMGaussianMixture._parameter_constraints[name]
            for name in (*PASSED_ON, "n_init", "random_state", "n_jobs", "verbose")
        },
        "min_components": [at_least(Integral, 1)],
        "max_components": [at_least(Integral, 1)],
        "covariance_type": [StrOptions({"all", *STRUCTURES}), list, tuple],
        "criterion": [StrOptions(set(CRITERIA))],
    }

    def __init__(
        self,
        min_components: int = 1,
        max_components: int = 9,
        *,
        covariance_type: str = "all",
        criterion: str = "bic",
        tol: float = 1e-6,
        reg_covar: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 5,
        init_params: str = "kmeans",
        search: Any = "restarts",
        acceleration: Any = "anderson",
        prior: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: Any = 0,
    ):
        self.min_components = min_components
        self.max_components = max_components
        self.covariance_type = covariance_type
        self.criterion = criterion
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.search = search
        self.acceleration = acceleration
        self.prior = prior
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the grid and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; a cell is missing where it is NaN, None, pandas.NA, NaT or masked (`numpy.ma`).
            Dates, durations and text are refused by the name of their column.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out, as is
            a row whose weight is masked.

        Returns
        -------
        self : object
            With the best of the grid.

        Notes
        -----
        Data in blocks and Dask collections are taken as by `EMGaussianMixture.fit`. The fits to
        them then follow each other, but for those of a memory map.
        """
        grid = self._grid()
        opened = open_data(self, X, MixtureReader(), sample_weight=sample_weight, reset=True)
        # On a cluster each fit has all the workers; what only this process can read stays in it.
        n_jobs = self.n_jobs if opened.picklable else None
        del opened
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_init)
        options = {name: getattr(self, name) for name in PASSED_ON}
        with as_worker_errors():
            tried = joblib.Parallel(n_jobs, verbose=self.verbose)(
                joblib.delayed(_climb)(
                    EMGaussianMixture(**candidate, **options, random_state=int(seed)),
                    X,
                    sample_weight,
                )
                for candidate, seed in product(grid, seeds)
            )
        starts = [tried[i : i + self.n_init] for i in range(0, len(tried), self.n_init)]
        fits = [max(outcomes, key=attrgetter("objective")) for outcomes in starts]
        self._publish(grid, fits, X, sample_weight)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the grid and label the rows of X by the best; the same as ``fit(X).predict(X)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Most probable component of each row.
        """
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def _grid(self) -> Any:
        """Arguments of every fit; ValueError where there is none."""
        if self.min_components > self.max_components:
            raise ValueError(
                f"The grid is empty: min_components={self.min_components} is larger than "
                f"max_components={self.max_components}."
            )
        types: Any = self.covariance_type
        if isinstance(types, str):
            types = list(SCIKIT_LEARN) if types == "all" else [types]
        unknown = [name for name in types if name not in STRUCTURES]
        if unknown or not len(types):
            raise ValueError(
                f"covariance_type must be 'all' or hold at least one of {list(STRUCTURES)}. Got "
                f"{self.covariance_type!r}."
            )
        sizes = range(self.min_components, self.max_components + 1)
        spelled: dict[Structure, str] = {}
        for name in types:
            spelled.setdefault(STRUCTURES[name], name)  # an alias is no other type
        return [
            {"n_components": k, "covariance_type": name} for name in spelled.values() for k in sizes
        ]

    def _publish(self, grid: Any, fits: "list[_Fit]", X: Any, sample_weight: Any) -> None:
        rows = [
            {**candidate, **_measures(fit, X, sample_weight), "failure": fit.failure}
            for candidate, fit in zip(grid, fits, strict=True)
        ]
        _warn_of_failures(grid, [fit.failure for fit in fits])
        self.results_ = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        self.criterion_ = self.results_[self.criterion]
        self.best_index_ = int(np.nanargmin(self.criterion_))
        self.best_params_ = grid[self.best_index_]
        best, _, warned = fits[self.best_index_]
        for warning in warned:
            warn(warning)
        self.best_estimator_ = best
        self.weights_ = best.weights_
        self.means_ = best.means_
        self.covariances_ = best.covariances_
        self.precisions_ = best.precisions_
        self.precisions_cholesky_ = best.precisions_cholesky_
        self.converged_ = best.converged_
        self.n_iter_ = best.n_iter_

    predict = delegated("predict")
    predict_proba = delegated("predict_proba")
    score_samples = delegated("score_samples")
    score = delegated("score")
    impute = delegated("impute")
    sample = delegated("sample")
    standard_errors = delegated("standard_errors")
    summary = delegated("summary")
    aic = delegated("aic")
    bic = delegated("bic")
    icl = delegated("icl")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class _Fit(NamedTuple):
    """A mixture from one start, why it does not count (or empty), and what it warned of."""

    mixture: EMGaussianMixture
    failure: str
    warned: list

    @property
    def objective(self) -> float:
        """The objective, by which fits from several starts compare."""
        return -np.inf if self.failure else self.mixture.history_[-1]


def _climb(mixture: EMGaussianMixture, X: Any, sample_weight: Any) -> Any:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            failure = _singularity(mixture.fit(X, sample_weight=sample_weight))
        except ValueError as error:
            failure = str(error)
    return _Fit(mixture, failure, [warning.message for warning in warned])


def _singularity(mixture: EMGaussianMixture) -> Any:
    """What is singular in a fitted mixture but for reg_covar, or empty."""
    structure, reg_covar = STRUCTURES[mixture.covariance_type], mixture.reg_covar
    layout = structure.layout
    k, d = mixture.means_.shape
    weights, means, covariances = (
        np.asarray(part, dtype=float)
        for part in (mixture.weights_, mixture.means_, mixture.covariances_)
    )
    dense = layout.dense(covariances, k, d)
    variances = np.diagonal(dense, axis1=1, axis2=2) + (means - weights @ means) ** 2
    # Beside small columns reg_covar is a prior that was meant, or the fit has warned of it.
    columns = weights @ variances > LARGE_COLUMN * reg_covar
    smallest = np.linalg.eigvalsh(dense[:, columns][:, :, columns])[:, :1]
    # The covariances of an M-step in which no row lies beside its mean: a multiple of 1 each.
    ridge = layout.prior_from_diagonal(np.full(d, reg_covar / layout.n_covariances(k)))
    ridges = np.broadcast_to(ridge, covariances.shape)
    of_prior = structure.estimate(ridges, layout.counts(weights, d), covariances)
    floor = MIN_OF_PRIOR * layout.diagonals(of_prior, (k, d))[:, :1]
    little = (smallest < floor).any(axis=1)
    steered = np.flatnonzero(little & (weights > 0.0))
    ended = any(run.reason == StopReason.INFEASIBLE for run in mixture.runs_)
    if not len(steered) and (mixture.converged_ or not ended):
        return ""
    which = f"component(s) {steered.tolist()}" if len(steered) else "a component"
    return (
        f"The covariance of {which} is singular but for reg_covar={reg_covar:g}, and the "
        "likelihood has no maximum there. Take fewer components, increase reg_covar, or set "
        "prior='mclust'."
    )


def _warn_of_failures(grid: Any, failures: Any) -> None:
    """A warning of those that failed; ValueError where all did."""
    failed = [i for i, failure in enumerate(failures) if failure]
    if not failed:
        return
    candidate = ", ".join(f"{name}={value!r}" for name, value in grid[failed[0]].items())
    reason = f"{candidate}: {failures[failed[0]]}"
    if len(failed) == len(grid):
        raise ValueError(f"None of the {len(grid)} fits of the grid can be used. With {reason}")
    warn(
        f"{len(failed)} of the {len(grid)} fits of the grid are left out; results_['failure'] "
        f"says why, one by one. With {reason}",
        DataWarning,
    )


def _measures(fit: Any, X: Any, sample_weight: Any) -> Any:
    """The numbers of a row of the table; NaN where the fit failed."""
    mixture = fit.mixture
    if fit.failure:
        missing = dict.fromkeys(("log_likelihood", "n_parameters", *CRITERIA), np.nan)
        return {**missing, "n_iter": 0, "converged": False}
    p, aic = mixture._n_parameters(), mixture.aic(X, sample_weight)
    return {
        "log_likelihood": p - 0.5 * aic,
        "n_parameters": p,
        "bic": mixture.bic(X, sample_weight),
        "aic": aic,
        "icl": mixture.icl(X, sample_weight),
        "n_iter": mixture.n_iter_,
        "converged": mixture.converged_,
    }
