"""EMGaussianMixtureIC: the number of components and their shape are missing too."""

from collections.abc import Sequence
from copy import copy
from functools import wraps
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit.base.delegates import in_name_of
from emkit.base.estimator import NameIn, StrOptions, at_least, fit_context
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin
from emkit.data.opened import Opened
from emkit.exceptions import recorded
from emkit.mixture.candidates import Candidate, candidates, explains_size, model_of, refuse_slip
from emkit.mixture.coding import numbers_of
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.grid_fits import (
    CRITERIA,
    GridFit,
    fit_all,
    fit_best,
    pass_on,
    warn_of_failures,
    warn_of_few_rows,
)
from emkit.mixture.grid_summary import SummarisedGrid, cluster_sizes
from emkit.mixture.grid_together import climb_together
from emkit.mixture.noise_arguments import wants_noise
from emkit.mixture.race import Race
from emkit.mixture.reader import MixtureReader
from emkit.mixture.table import open_table
from emkit.models.mixture.starts import STARTS
from emkit.numerics.covariance import SCIKIT_LEARN, STRUCTURES

__all__ = ["EMGaussianMixtureIC"]

#: Arguments that every fit of the grid gets as they are.
PASSED_ON = (
    "tol",
    "max_iter",
    "n_init",
    "acceleration",
    "prior",
    "categorical_features",
    "noise",
    "noise_init",
    "distribution",
    "df",
    "lower_limits",
    "upper_limits",
)


def delegated(name: str) -> Any:
    """A method of `EMGaussianMixture`, called on the best of the grid."""
    method = getattr(EMGaussianMixture, name)

    @wraps(method)
    def of_the_best(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_is_fitted(self, "best_estimator_")
        return method(in_name_of(self, self.best_estimator_), *args, **kwargs)

    return of_the_best


class EMGaussianMixtureIC(SummarisedGrid, CallbackSupportMixin, DensityMixin, BaseEstimator):
    r"""Gaussian mixture whose size and covariance type an information criterion chooses.

    It fits `EMGaussianMixture` for every number of components and covariance type, each from starts
    of several kinds, and keeps the one of least

    .. math:: -2 \log L + p \log n \;\text{(BIC)}, \qquad -2 \log L + 2 p \;\text{(AIC)}, \qquad
              \text{BIC} - 2 \sum_i s_i \log \max_k r_{ik} \;\text{(ICL)}

    for p free parameters, n samples and responsibilities :math:`r_{ik}`.

    Parameters
    ----------
    min_components : int, default=1
        Smallest number of components to try.
    max_components : int, default=9
        Largest number of components to try.
    covariance_type : str or list of str, default=('full', 'tied', 'diag', 'spherical')
        Covariance types to try, any of `EMGaussianMixture`; 'all' are all of them, as in mclust,
        and the default are those of scikit-learn.
    criterion : {'bic', 'aic', 'icl'}, default='bic'
        What to minimise. BIC finds the density, ICL clusters that are apart, AIC what predicts
        best (and often too many components).
    tol : float, default=1e-6
        Gain of one EM step, in nats per sample, below which a run has converged. It is tighter than
        in `EMGaussianMixture`, as fits are compared with each other.
    reg_covar : float, default=None
        None is maximum likelihood alone, which has no unit: the choice is the same whatever the
        units of X. A number is as in `EMGaussianMixture`, in squared units of the data.
    max_iter : int, default=1000
        Most points to try after a start.
    n_init : int, default=5
        Starts of each fit.
    init_params : str, default='mixed'
        How starts are drawn: 'mixed' takes the kinds of `Race` in turn, model-based agglomeration
        (as in R's mclust), k-means in the columns as they are and sphered, distant and random
        rows. Or any of `EMGaussianMixture`, for starts of one kind. The covariance types have the
        same starts (but some, such as 'spherical', take one scale for all columns).
    search : str or search object, default='restarts'
        'restarts' takes some iterations from each start, and goes on to the end with the first
        and the best (see `Race`), in small tables with all candidates at once; others are as in
        `EMGaussianMixture`.
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
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        As in `EMGaussianMixture`. With categories all starts are of its one kind.
    noise : bool or float, default=False
        As in `EMGaussianMixture`: all candidates have noise of the same volume, or none has. Grids
        with noise and without compare by ``best_criterion_``.
    noise_init : array-like of bool of shape (n_samples,), default=None
        As in `EMGaussianMixture`.
    distribution : {'normal', 'student_t'}, default='normal'
        As in `EMGaussianMixture`, of all fits. The criteria of two grids may be compared.
    df : {'free', 'common'} or float, default='free'
        As in `EMGaussianMixture`, of all fits.
    lower_limits, upper_limits : float, array-like (n_features,), dict or None, default=None
        As in `EMGaussianMixture`. Criteria take the log-likelihood in which cells that are known to
        an interval count by their probability.

    Attributes
    ----------
    best_estimator_ : EMGaussianMixture
        The fit that was chosen.
    best_params_ : dict
        Its ``n_components`` and ``covariance_type``.
    best_index_ : int
        Its place in the grid.
    best_criterion_ : float
        Its criterion, the least of all.
    criterion_ : ndarray of shape (n_candidates,)
        The criterion over the grid, NaN where a fit failed, as the scores of a `GridSearchCV`:
        take ``np.nanmin`` and ``np.nanargmin``, or ``best_criterion_`` and ``best_index_``.
    results_ : dict of arrays
        Columns of a table of the grid, for ``pandas.DataFrame(results_)``: ``n_components``,
        ``covariance_type``, ``log_likelihood``, ``n_parameters``, ``bic``, ``aic``, ``icl``,
        ``n_iter``, ``converged``, and ``failure``, which is empty or says why there is no fit.
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        Parameters of the fit that was chosen, as in `EMGaussianMixture`; with Student's t ``df_``
        and ``scales_`` too.
    noise_weight_, noise_volume_ : float
        Noise of that fit, likewise, where there is noise.
    covariance_type_ : str
        Its covariance type in mclust's letters, as 'VVV' for 'full'.
    tables_, categories_, is_categorical_ : object
        What it says of columns of categories, likewise.
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
    TypeError
        For ``n_components``, and for one number alone such as ``EMGaussianMixtureIC(3)``.
    ValueError
        For bad arguments or data, an empty grid, far more components than rows, and where every
        fit failed.

    Warns
    -----
    DataWarning
        Where fits failed and were left out: fewer rows than components, or a covariance that is
        singular from every start. Where sample weights sum to less than the rows that they weigh.
        Where the model chosen has more free parameters than there are rows. What the fit that is
        kept warns of is passed on.

    See Also
    --------
    Race : How the starts of a fit are drawn and which of them go on.
    emkit.metrics.bic_scorer : The same criterion for the grid of a `GridSearchCV`.
    emkit.plotting.SelectionDisplay : A picture of the whole grid.
    emkit.plotting.MixtureDisplay : Classification, uncertainty and density of its best.

    Notes
    -----
    Where the rows of a component agree in some direction (ties, copies of a row, a row alone) the
    likelihood has no maximum: it grows without bound as that variance goes to 0. A run that ends
    so does not compete, and random rows are tried ten times more before a candidate is left out;
    so is a run that ends with two components that are one and the same, or one without rows. With
    a positive ``reg_covar`` a run always ends somewhere; it counts as such a one if half or more
    of a variance comes from ``reg_covar`` and EM without it goes to 0.

    Candidates that are one model have one fit: all types of one sharing in one column, and with
    one component those that differ in what components share.

    Plain maximum likelihood of a small complete table, of n rows with (1 + d) (2 + d) n / 2 up to
    100 000, climbs all candidates side by side, which is many times as fast. They then go on from
    each other: from the rows as the best of another type assigns them, with two components of one
    more as one, and one of one fewer as two. ``search=Race()`` fits each by itself, as a grid with
    callbacks, a prior, noise, missing cells or limits does; the maxima found may then be
    others.

    Callbacks of scikit-learn 1.9 and later (``set_callbacks``) get one task for each fit, with that
    of its mixture in it. With ``n_jobs`` of two or more only what a callback hands on between
    processes itself reaches it, as in `GridSearchCV`.

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
            for name in (*PASSED_ON, "search", "random_state", "n_jobs", "verbose")
        },
        "reg_covar": [None, *EMGaussianMixture._parameter_constraints["reg_covar"]],
        "init_params": [StrOptions({"mixed", *STARTS})],
        "min_components": [at_least(Integral, 1)],
        "max_components": [at_least(Integral, 1)],
        "covariance_type": [NameIn(STRUCTURES, "all"), list, tuple],
        "criterion": [StrOptions(set(CRITERIA))],
    }

    @explains_size
    def __init__(
        self,
        min_components: int = 1,
        max_components: int = 9,
        *,
        covariance_type: str | Sequence[str] = SCIKIT_LEARN,
        criterion: str = "bic",
        tol: float = 1e-6,
        reg_covar: float | None = None,
        max_iter: int = 1000,
        n_init: int = 5,
        init_params: str = "mixed",
        search: Any = "restarts",
        acceleration: Any = "anderson",
        prior: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: Any = 0,
        categorical_features: Any = "from_dtype",
        noise: bool | float = False,
        noise_init: Any = None,
        distribution: str = "normal",
        df: float | str = "free",
        lower_limits: Any = None,
        upper_limits: Any = None,
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
        self.categorical_features = categorical_features
        self.noise = noise
        self.noise_init = noise_init
        self.distribution = distribution
        self.df = df
        self.lower_limits = lower_limits
        self.upper_limits = upper_limits

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the grid and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; a cell is missing where it is NaN, None, pandas.NA, NaT or masked (`numpy.ma`).
            Dates and durations are refused by the name of their column, as is text where it is
            no category (see ``categorical_features``).
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
        opened, n_numbers = self._open(X, sample_weight)
        # On a cluster each fit has all the workers; what only this process can read stays in it.
        n_jobs = self.n_jobs if opened.picklable else None
        grid = self._grid(opened)
        models = [model_of(candidate, n_numbers) for candidate in grid]
        n_rows = opened.n_samples
        del opened
        # Candidates that are one model have one fit.
        first = {
            model: candidate for model, candidate in zip(models[::-1], grid[::-1], strict=True)
        }
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        mixtures = {c: self._mixture(c, seed) for c in first.values()}
        ended = climb_together(self, list(mixtures), X, sample_weight, seed)
        fits = {c: GridFit.of(mixtures[c], end, X, sample_weight) for c, end in ended.items()}
        others = [c for c in mixtures if c not in fits]
        fitted = fit_all(self, [mixtures[c] for c in others], X, sample_weight, n_jobs)
        fits.update(zip(others, fitted, strict=True))
        fits = {c: fits[c] for c in grid if c in fits}  # of equal criteria the first is the best
        fit_best(fits, self.criterion, X, sample_weight)
        self._publish(grid, [fits[first[model]] for model in models])
        self._sizes = cluster_sizes(self.best_estimator_, X, sample_weight)
        n_parameters = int(self.results_["n_parameters"][self.best_index_])
        warn_of_few_rows(self.best_estimator_, n_parameters, max(n_rows, self._sizes.sum()))
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
            Most probable component of each row; -1 is noise.
        """
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def _open(self, X: Any, sample_weight: Any) -> tuple[Opened[Any], int]:
        """The rows, checked before any fit, which warns of them itself; columns of numbers."""
        with recorded():
            # A fit that is refused leaves what is known of the last one.
            seen = copy(self)
            seen.n_components = 1
            opened = open_table(seen, X, sample_weight, reset=True)
        return opened, len(numbers_of(seen, opened.n_features))

    def _grid(self, opened: Opened[Any]) -> list[Candidate]:
        """The candidates; ValueError where there are none, or rows for only a few."""

        def count_rows() -> int:
            return sum(opened.survey(lambda rows: len(MixtureReader().counted(rows).X)))

        refuse_slip(self.max_components, count_rows)
        return candidates(self.min_components, self.max_components, self.covariance_type)

    def _mixture(self, candidate: Candidate, seed: int) -> EMGaussianMixture:
        options = {name: getattr(self, name) for name in PASSED_ON}
        options["search"] = self.search
        mixed = self.init_params == "mixed"
        if not mixed:
            options["init_params"] = self.init_params
        if self.search == "restarts":
            options["search"] = Race(None if mixed else (self.init_params,))
        return EMGaussianMixture(
            **candidate._asdict(),
            **options,
            reg_covar=self.reg_covar or 0.0,
            random_state=seed,
        )

    def _publish(self, grid: list[Candidate], fits: list[GridFit]) -> None:
        rows = [
            {**candidate._asdict(), **fit.numbers, "failure": fit.failure}
            for candidate, fit in zip(grid, fits, strict=True)
        ]
        warn_of_failures(grid, [fit.failure for fit in fits])
        self.results_ = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        self.criterion_, self._criterion_of_fit = self.results_[self.criterion], self.criterion
        self.best_index_ = int(np.nanargmin(self.criterion_))
        self.best_criterion_ = float(self.criterion_[self.best_index_])
        self.best_params_ = grid[self.best_index_]._asdict()
        best = fits[self.best_index_].mixture
        pass_on(fits[self.best_index_].warned)
        self.best_estimator_ = best
        self.n_features_in_ = best.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        self.weights_ = best.weights_
        self.means_ = best.means_
        self.covariances_ = best.covariances_
        self.precisions_ = best.precisions_
        self.covariance_type_ = best.covariance_type_
        self.precisions_cholesky_ = best.precisions_cholesky_
        for name in ("df_", "scales_", "noise_weight_", "noise_volume_"):
            self.__dict__.pop(name, None)
            if hasattr(best, name):
                setattr(self, name, getattr(best, name))
        self.tables_, self.categories_ = best.tables_, best.categories_
        self.is_categorical_ = best.is_categorical_
        self.converged_ = best.converged_
        self.n_iter_ = best.n_iter_

    predict = delegated("predict")
    predict_proba = delegated("predict_proba")
    score_samples = delegated("score_samples")
    score = delegated("score")
    impute = delegated("impute")
    sample = delegated("sample")
    standard_errors = delegated("standard_errors")
    to_sklearn = delegated("to_sklearn")
    aic = delegated("aic")
    bic = delegated("bic")
    icl = delegated("icl")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = not wants_noise(self)
        return tags
