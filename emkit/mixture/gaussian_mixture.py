"""EMGaussianMixture: the labels are missing."""

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import DensityMixin
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import (
    EM_CONSTRAINTS,
    StrOptions,
    at_least,
    feature_names_in,
    fit_context,
    require_same,
    warn_unconverged,
)
from emkit.base.optional import optional_import
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin, Progress, n_starts
from emkit.data.checks import (
    has_missing,
    in_blocks,
    refuse_empty_columns,
    rows_that_count,
    warn_of_small_weights,
)
from emkit.data.opened import Opened, open_data, place_of
from emkit.engine import Algorithm, EMResult, soft, standard_errors
from emkit.engine.fit import ALGORITHMS, best_run
from emkit.engine.latent_class import unbuffered
from emkit.exceptions import DataWarning, InfeasibleError, ModelError, warn
from emkit.mixture.conversion import to_sklearn
from emkit.mixture.covariance_types import documented
from emkit.mixture.criteria import measures
from emkit.mixture.degenerate import (
    of_collapsed,
    too_far_apart,
    warn_of_columns,
    warn_of_components,
    warn_of_flat,
    warn_of_strays,
)
from emkit.mixture.flat import Flat
from emkit.mixture.initial import (
    Drawn,
    Given,
    InitialValues,
    Start,
    check_given,
    last_fit,
    start_of,
)
from emkit.mixture.prior import MixturePrior, check_prior, internal_prior
from emkit.mixture.reader import MixtureReader
from emkit.mixture.redundant import find_flat, units_of
from emkit.mixture.streaming import STREAM_CONSTRAINTS, Batch, PartialFitMixin, Stream
from emkit.models.mixture.collapse import mostly_ridge
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams, mixture_std
from emkit.models.mixture.starts import STARTS
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES, Structure
from emkit.numerics.gaussian import Scaling

__all__ = ["EMGaussianMixture"]

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)
NO_ERRORS = (
    "No standard errors: the fit is so close to a singular covariance or an empty component that "
    "the curvature of its objective cannot be told from rounding. Increase reg_covar, lower "
    "n_components, set prior='mclust', or divide sample_weight by its mean."
)
FLOAT32_HINT = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)


def ill_defined(data: Any) -> str:
    """Words for a fit that had a singular covariance from its start."""
    return ILL_DEFINED + (FLOAT32_HINT if data.dtype == np.float32 else "")


#: Gain of a step, in nats per sample, to which a stream fits its first batch: what is wrong with
#: the start it mends only slowly.
FIRST_BATCH_TOL = 1e-5
#: Gain of a step, in nats, at which a fit is at its maximum for all that a standard error shows.
ERRORS_TOL = 1e-8

#: Rows that the first batch of a stream has for every mean and its covariance, at least.
BATCH_ROWS = 2.5
#: Ridge, in variances of the columns, by which no covariance is singular to double precision.
RESOLVED = 1e-10
#: Smallest unit of a column, in square roots of reg_covar.
LEAST_SCALE = 1e-20


class MixtureErrors(NamedTuple):
    """Standard errors of a mixture's parameters, in the shapes of its attributes."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@documented
class EMGaussianMixture(PartialFitMixin, CallbackSupportMixin, DensityMixin, BaseEstimator):
    r"""Gaussian mixture by maximum likelihood, the labels being what is missing.

    It maximises, with sample weights :math:`s_i` of sum :math:`n`,

    .. math:: \sum_i s_i \log \sum_{k=1}^{K} w_k N(x_i; m_k, C_k)
              - \frac{n\,\lambda}{2K} \sum_k \operatorname{tr} C_k^{-1},
              \qquad \lambda = \texttt{reg\_covar},

    plus the log-density of ``prior``, if there is one (maximum a posteriori then), and takes every
    argument, method and attribute of `sklearn.mixture.GaussianMixture` with the same meaning.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : str, default='full'
        What the components have in common in their covariances, in words or in the letters of R's
        mclust, and with it the shape of ``covariances_``:

        <covariance types>
    tol : float, default=1e-3
        Gain of one EM step, in nats per sample (mean objective), below which a run has converged.
    reg_covar : float, default=1e-6
        Scale of an inverse-Wishart prior on the covariances, in squared units of the data. It
        keeps them positive definite and is part of the objective: a component of weight w gets
        ``reg_covar / (K w)`` on its diagonal.
    max_iter : int, default=100
        Most points to try after a start, one E-step each; 0 returns the start.
    n_init : int, default=1
        Starts to try. One alone is taken where the start is given (``resp_init``,
        ``means_init``, or all three of weights, means and precisions).
    init_params : str, default='kmeans'
        How a start is drawn, on a random sample of the rows where there are many: 'kmeans', the
        best after a few steps of EM of k-means partitions in several views of the columns;
        'k-means++', distant rows as means; 'random', random responsibilities; 'random_from_data',
        random rows as means; 'sphered_kmeans', k-means in sphered columns, for long clusters side
        by side; 'hierarchical', model-based agglomeration of at most 2 000 rows, of fewer always
        the same; 'quantiles', parts of equal size along the first principal axis.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from; what is not given beside them comes from the nearest-mean partition.
    precisions_init : array-like, default=None
        Inverse covariances to start from, in the shape of ``precisions_``.
    random_state : int, RandomState instance or None, default=None
        Source of the starts and, by default, of `sample`.
    warm_start : bool, default=False
        Go on from the last fit instead of drawing starts; ``n_init`` is then ignored.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.
    verbose_interval : int, default=10
        Iterations between two lines.
    resp_init : array-like of shape (n_samples,) or (n_samples, n_components), default=None
        Start from a partition: labels 0 to ``n_components - 1``, or responsibilities whose rows
        sum to 1.
    search : str or search object, default='restarts'
        'restarts' climbs from every start to the end; 'short_runs' takes 5 iterations from each
        and goes on with the best; 'annealing' and 'simulated_annealing' lead every start past
        shallow maxima; 'genetic' recombines the components of a population. Objects of
        `emkit.engine` set their details, such as a budget of E-steps.
    acceleration : {'anderson', 'louis', 'squarem'}, Acceleration or None, default='anderson'
        Extrapolation once a plain step gains less than 1e-3 nats per sample, so a fit at the
        default ``tol`` is plain EM. None is always plain EM.
    n_jobs : int, default=None
        Processes for the starts, as in joblib, or for the rows of one run that is long; it changes
        results by rounding at most.
    algorithm : {'em', 'cem', 'sem'} or Algorithm, default='em'
        'em' is exact; 'cem' (classification EM) gives every row to one component, and
        ``lower_bound_`` and ``history_`` then are the classification likelihood; 'sem'
        (stochastic EM) draws labels for ``max_iter`` iterations and averages the second half.
    prior : {'mclust'}, MixturePrior or None, default=None
        Prior on weights, means and covariances, beside ``reg_covar``, which adds to it. None is
        maximum likelihood but for ``reg_covar``; 'mclust' is the default prior of R's mclust,
        which keeps components of a few rows from collapsing (see `MixturePrior`). Where
        covariances are variances it takes the columns to be of comparable scale.
    learning_decay : float in (0.5, 1], default=0.7
        In `partial_fit`, batch t moves the mean of the statistics by
        ``(t + learning_offset) ** -learning_decay`` of the way (see `emkit.engine.OnlineEM`).
    learning_offset : float, default=0.0
        How little the first batches move it; at 0 the second counts for more than the first.
    average : bool or int, default=False
        Whether `partial_fit` publishes the mean of the parameters over the batches
        (Polyak-Ruppert averaging); an int begins it once so many samples were seen.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing proportions.
    means_ : ndarray of shape (n_components, n_features)
        Component means.
    covariances_ : ndarray
        Component covariances, in the shape that ``covariance_type`` says: matrices, or variances
        where columns are independent within a component.
    precisions_ : ndarray
        Inverses of the covariances, same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' the precision; of variances the inverse square roots.
    converged_ : bool
        Whether the best run converged.
    n_iter_ : int
        Points that the best run tried after its start, rejected extrapolations included.
    lower_bound_ : float
        Log-likelihood per sample at the returned parameters, without the prior. After
        `partial_fit`, of the last batch at the parameters before it: of rows not seen before.
    lower_bounds_ : list of float, of length n_iter_
        The same after each point tried. With ``search='annealing'`` it is shorter: of the points
        at the last temperature alone, as those before climb another objective.
    history_ : ndarray
        Objective per sample at the start and every accepted iterate of the best run; never falls.
        The log-density of the prior in it is up to a constant.
    runs_ : tuple of RunSummary
        One summary for each start, per sample.
    n_samples_seen_ : float
        Number of samples seen by `fit` and `partial_fit`: the sum of their weights.
    n_batches_ : int
        Batches seen by `partial_fit` since the last `fit`. What tells of iterations, from
        ``converged_`` to ``runs_``, is of the fit, or of the first batch.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data; for a value so far from all others of its column that doubles
        have no digits for both; where every start has a singular covariance, if there is neither
        ``reg_covar`` nor a prior; and, in methods of a fitted mixture, for another
        ``covariance_type`` than that of the fit.

    Warns
    -----
    DataWarning
        Where columns are constant or follow from others, as a sum or a copy does: they are named,
        and left out of likelihood, parameters that count, and criteria. Where some variance of a
        component is half or more ``reg_covar``: components are named, and said to have collapsed
        (the likelihood has no maximum there), or to be small in the units of X. Where
        ``reg_covar`` exceeds 1 % of the variance of a column, or is nothing beside it. Where a
        prior reads weights that sum to less than their rows.

    Notes
    -----
    Over columns without a variance of their own the rows have no density, whatever the covariance
    type. The fit is that of the other columns: of those that follow from each other the first
    are kept. ``means_``, ``covariances_`` and what methods return are of all columns; for inverses
    to be finite, ``covariances_`` gives the others ``reg_covar`` beyond what they follow from.
    Relations between columns are looked for where complete rows are more than columns, and columns
    at most 300.

    Methods go by the fit in double precision, and by the attributes where these were set by hand.
    An attribute whose numbers single precision cannot hold is in doubles; what doubles cannot
    hold, such as variances of data at 1e200, is the largest number.

    References
    ----------
    McLachlan, G. J. & Peel, D. (2000). Finite Mixture Models. Wiley. doi:10.1002/0471721182

    Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181. doi:10.1007/s00357-007-0004-5

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(1, 1, (100, 2)), rng.normal([10, 8], 1, (100, 2))])
    >>> mixture = EMGaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round()
    array([[ 1.,  1.],
           [10.,  8.]])
    >>> labels = mixture.predict([[0, 0], [12, 7]])
    >>> bool(labels[0] != labels[1])
    True
    """

    _held: Rows | None  # first batches of a stream that are too small to start from
    _flat: Flat | None

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        **STREAM_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "reg_covar": [at_least(Real, 0.0)],
        "init_params": [StrOptions(set(STARTS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "resp_init": ["array-like", None],
        # Nothing is to be drawn where the E-step has a formula.
        "algorithm": [StrOptions(set(ALGORITHMS) - {"mcem"}), Algorithm],
        "prior": [StrOptions({"mclust"}), MixturePrior, None],
        "verbose_interval": [at_least(Integral, 1)],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
        verbose_interval: int = 10,
        resp_init: Any = None,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        algorithm: Any = "em",
        prior: Any = None,
        learning_decay: float = 0.7,
        learning_offset: float = 0.0,
        average: bool | int = False,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.resp_init = resp_init
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.algorithm = algorithm
        self.prior = prior
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.average = average

    # Fitting

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
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
            The fitted mixture.

        Notes
        -----
        Data need not fit in memory. A memory map of 256 MiB or more, an object that has a shape, a
        dtype and slices of rows, and an iterable of blocks of rows that can be read again (as
        `emkit.engine.Blocks`; not a generator) are read block by block in every iteration, with
        weights as one array or in blocks of their own. `impute` then gives rows that are computed
        when they are read.

        With one start and ``n_jobs`` of two or more, workers share the rows of a long fit, whose
        arrays joblib keeps in a common file; of a memory map each reads its own part. Restarts run
        on any joblib backend, as with ``joblib.parallel_config(backend="dask")``.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`. An iteration sends them the parameters and gets statistics back,
        however many rows there are; `predict`, `predict_proba`, `score_samples` and `impute` give
        Dask arrays. Starts are drawn from a sample of the rows and climb one after the other.
        Weights best come as a Dask array too. What cannot be had is refused with the reason:
        forms and searches that draw labels, and ``resp_init``. A cluster that is lost is a
        `emkit.exceptions.ClusterError`.
        """
        opened = self._open(X, sample_weight, reset=True)
        given, data, spread, flat = self._load(opened)
        model = self._model(data, spread, flat, given)
        begin = partial(self._begin, data=data, flat=flat, resp=given.resp)
        params = begin(model)
        n = data.total_weight
        progress = Progress(
            self,
            X,
            y,
            sample_weight,
            publish=partial(type(self)._publish, model=model, data=data, flat=flat),
            n_starts=n_starts(self, params),
            per=n,
            interval=self.verbose_interval,
            in_memory=opened.in_memory,
        )
        if self.prior is not None:
            warn_of_small_weights(opened, "A prior stands for rows. It takes")
        del opened  # what is not fitted need not be held
        seed = self.random_state  # an int as it is: making a RandomState of it takes time
        if not isinstance(seed, Integral):
            seed = check_random_state(seed)
        climb = partial(
            best_run,
            data=in_blocks(data),
            start=params,
            n_init=self.n_init,
            n_jobs=self.n_jobs,
            search=self.search,
            algorithm=self.algorithm,
            acceleration=self.acceleration,
            tol=self.tol * n,
            max_iter=self.max_iter,
            random_state=seed,
            callback=progress.callback,
        )
        with progress:
            try:
                result = climb(model)
            except InfeasibleError as error:
                model = self._resolved(model, data, flat, error)
                progress.publish = partial(type(self)._publish, model=model, data=data, flat=flat)
                try:
                    result = climb(model, start=begin(model))
                except InfeasibleError as again:
                    raise ValueError(ill_defined(data)) from again
        warn_unconverged(result, self.max_iter, "Increase reg_covar")
        self._publish(result, model, data, flat)
        if flat is not None:
            warn_of_flat(self._names(), flat)
        found = mostly_ridge(model, data, result.params)
        self._why_collapsed = of_collapsed(found, self.reg_covar) if found.collapsed else ""
        warn_of_components(found, self.reg_covar)
        progress.done()
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the mixture and label the rows of X; the same as ``fit(X).predict(X)``.

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

    def _open(
        self, X: Any, sample_weight: Any = None, *, reset: bool = False, whole: bool = False
    ) -> Opened[Rows]:
        """Rows of X, all of their columns in a fit or if ``whole``, else those that it kept."""
        flat = None if reset or whole else getattr(self, "_flat", None)
        reader = MixtureReader(self.n_components, flat)
        return open_data(self, X, reader, sample_weight=sample_weight, reset=reset)

    def _load(self, opened: Opened[Rows]) -> tuple[InitialValues, Any, Scaling, Flat | None]:
        """What is given of a start; the rows that count, their mean and spread, and their flat."""
        given = check_given(self, opened.n_samples, opened.n_features)
        check_prior(self.prior, self.covariance_type, opened.n_features)
        data = opened.fit_data(self.n_components)
        refuse_empty_columns(self, data)
        spread = data.spread()
        flat = find_flat(data, spread)
        if flat is not None:
            data = opened.fit_data(self.n_components, flat.counted)
            spread = data.spread()
        if given.resp is not None:  # in memory: elsewhere it is refused
            (kept,) = opened.survey(_rows_that_count if flat is None else flat.which_count)
            given = given if kept is None else given._replace(resp=given.resp[kept])
        return given, data, spread, flat

    def _names(self) -> Any:
        return getattr(self, "feature_names_in_", np.arange(self.n_features_in_))

    def _model(
        self,
        data: Any,
        of_columns: Scaling,
        flat: Flat | None,
        given: InitialValues | None = None,
    ) -> GaussianMixtureModel:
        """The model in units of the data; to be fitted, where a start is given or to be drawn."""
        spread = of_columns.scale
        names = self._names() if flat is None else self._names()[flat.kept]
        shift, unit = units_of(data, of_columns, names)
        if given is not None:
            warn_of_columns(names, spread, self.reg_covar)
        structure = STRUCTURES[self.covariance_type]
        stand_in = self.reg_covar**0.5 if self.reg_covar > 0.0 else 1.0
        scale = np.where(spread > 0.0, unit, stand_in)
        # Far below reg_covar a column is in the units of that, or its share would overflow.
        scale = structure.common_scale(np.maximum(scale, LEAST_SCALE * self.reg_covar**0.5))
        units, k = Scaling(shift, scale), self.n_components
        ridge = (self.reg_covar**0.5 / scale) ** 2
        prior = self.prior
        if flat is not None and isinstance(prior, MixturePrior):
            prior = prior._of_columns(structure.layout, flat.kept)
        prior = internal_prior(prior, structure.layout, units, of_columns, data, k, ridge)
        draws = None
        if given is not None:
            kept = None if flat is None else flat.kept
            parts = given.parts(structure.layout, units, kept)
            draws = Drawn(self.init_params, k, parts, data.shape[0])
        return GaussianMixtureModel(
            structure,
            units,
            total_weight=data.total_weight,
            prior=prior,
            incomplete=data.incomplete,
            draw_start=draws,
        )

    def _publish(
        self, result: EMResult, model: GaussianMixtureModel, data: Any, flat: Flat | None
    ) -> None:
        """Attributes in the user's units and floating type."""
        n = data.total_weight
        self._flat, self._held = flat, None
        self._publish_params(result.params, model, data.dtype)
        self._stream = Stream.after_fit(model, result.params, data)
        self.n_samples_seen_, self.n_batches_ = n, 0
        self.converged_ = result.converged
        self.n_iter_ = result.n_iter
        per_row = result.rescaled(per=n)
        self.lower_bound_ = per_row.log_likelihood
        self.lower_bounds_ = per_row.log_likelihoods.tolist()
        self.history_, self.runs_ = per_row.history, per_row.runs

    def _publish_params(
        self, params: MixtureParams, model: GaussianMixtureModel, dtype: Any
    ) -> None:
        layout, units = model.layout, model.units
        self._fitted_type = model.structure.name  # what a warm start can go on from
        weights = params.weights / params.weights.sum()
        means, factor, covariances = self._in_users_units(model, params, self.reg_covar)
        # As exact as the fit, whatever the attributes can hold.
        self._internal = units, params._replace(weights=weights), self.reg_covar
        with np.errstate(over="ignore"):  # clipped
            precisions = layout.precisions(factor)
        self.weights_ = weights.astype(dtype)
        self.means_ = held(means, dtype)
        self.covariances_ = held(covariances, dtype)
        self.precisions_cholesky_ = held(layout.transpose(factor), dtype)
        self.precisions_ = held(precisions, dtype)

    def _in_users_units(
        self, model: GaussianMixtureModel, params: MixtureParams, reg_covar: float
    ) -> Any:
        """Means, whitening factor and covariances of all columns."""
        layout, (shift, scale), flat = model.layout, model.units, self._flat
        means: Array = params.means * scale + shift
        factor, covariances = model.components(params).factor, params.covariances
        if flat is not None:
            means = flat.expand(means)
            covariances, factor, scale = flat.lift(layout, covariances, factor, scale, reg_covar)
        with np.errstate(over="ignore"):  # clipped where they are published
            covariances = layout.rescale(covariances, scale)
        return means, layout.rescale_factor(factor, scale), covariances

    def _begin(
        self, model: GaussianMixtureModel, data: Any, flat: Flat | None, resp: Any
    ) -> MixtureParams | None:
        """Where a fit is to begin, where that is given or is where the last one ended."""
        start: Start
        if self.warm_start and hasattr(self, "converged_"):
            start = last_fit(self, model, flat)
        else:
            assert isinstance(model.draw_start, Drawn)
            start = start_of(model, data, model.draw_start, resp)
        return start.params if isinstance(start, Given) else None

    def _resolved(
        self, model: GaussianMixtureModel, data: Any, flat: Flat | None, error: InfeasibleError
    ) -> GaussianMixtureModel:
        """The model with a ridge that doubles resolve; ValueError if it cannot have one."""
        spread = data.spread().scale
        apart = model.structure.too_far_apart(spread)
        if apart is not None:
            names = self._names() if flat is None else self._names()[flat.kept]
            raise ValueError(too_far_apart(self.covariance_type, names, spread, apart)) from error
        ridge = np.maximum(model.prior.ridge, RESOLVED)
        none = self.reg_covar == 0.0 and self.prior is None
        if none or np.array_equal(ridge, model.prior.ridge):
            raise ValueError(ill_defined(data)) from error
        warn(
            f"Covariances with reg_covar={self.reg_covar:g} are singular to double precision: it "
            f"is nothing beside the spread of the columns. {RESOLVED:g} times the variance of each "
            "is used in its place. Scale the columns, or increase reg_covar.",
            DataWarning,
        )
        resolved = copy(model)
        resolved.prior = model.prior._replace(ridge=ridge)
        return resolved

    # Streams

    def _first_batch(self, X: Any, sample_weight: Any) -> None:
        names = getattr(self, "feature_names_in_", None)
        held: Rows | None = None
        n_batches = 1
        if self.n_components > 1 and self.prior is None and place_of(X).in_memory:
            rows, n_batches = self._gathered(X, sample_weight), 1 + self._n_held()
            if n_batches > 1:
                X, sample_weight, _ = rows
            least = BATCH_ROWS * self.n_components * (rows.X.shape[1] + 1)
            kept = _rows_that_count(rows)
            if (len(rows.X) if kept is None else kept.sum()) < least:
                held = rows
        super()._first_batch(X, sample_weight)
        self._held, self.n_batches_ = held, n_batches
        if n_batches > 1 and names is not None:
            self.feature_names_in_ = names

    def _n_held(self) -> int:
        """Batches that were held back."""
        return self.n_batches_ if getattr(self, "_held", None) is not None else 0

    def _gathered(self, X: Any, sample_weight: Any) -> Rows:
        """Rows of a batch, after those that were held back, all columns."""
        before: Rows | None = getattr(self, "_held", None)
        opened = self._open(X, sample_weight, reset=before is None, whole=True)
        (rows,) = opened.survey(_same)
        if before is None:
            return Rows(*rows[:2])
        both = before, rows
        weights = [np.ones(len(r.X)) if r.sample_weight is None else r.sample_weight for r in both]
        weighted = any(r.sample_weight is not None for r in both)
        X = np.concatenate([r.X for r in both])
        return Rows(X, np.concatenate(weights) if weighted else None)

    def _settled(self, X: Any, sample_weight: Any) -> Stream:
        stream, batch = self._stream, self._batch(X, sample_weight)
        model, start, n = stream.model, stream.state.params, batch.weight
        data = in_blocks(batch.data)
        result = best_run(model, data, start=start, tol=FIRST_BATCH_TOL * n, max_iter=1000)
        self._publish_params(result.params, model, stream.dtype)
        self.lower_bound_ = result.log_likelihood / n
        return Stream.after_fit(model, result.params, batch.data)

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, of which there may be none."""
        if self._flat is not None:
            strays = self._open(X, sample_weight, whole=True).survey(self._flat.strays)
            warn_of_strays(self._names(), self._flat, np.any(strays, axis=0))
        data = self._open(X, sample_weight).fit_data(0)
        return Batch(data, data.total_weight)

    def _model_of_batch(self, stream: Stream, data: Any) -> GaussianMixtureModel:
        """The model of the stream, as it takes one batch."""
        require_same(
            "partial_fit",
            "(covariance_type, n_components, n_features)",
            before=(self._fitted_type, *stream.state.params.means.shape),
            now=(STRUCTURES[self.covariance_type].name, self.n_components, data.shape[1]),
        )
        return stream.model_of(data)

    def _publish_stream(self, batch: Batch) -> None:
        state = self._stream.state
        self._publish_params(state.estimate, self._stream.model, batch.data.dtype)
        self.lower_bound_ = state.log_likelihood
        self.n_samples_seen_ = state.weight
        self.n_batches_ += 1

    # The fitted distribution

    def _structure(self) -> Structure:
        """That of the fit; ValueError where the argument has another by now."""
        structure = STRUCTURES.get(self.covariance_type)
        fitted = getattr(self, "_fitted_type", None)
        if structure is None or fitted not in {None, structure.name}:
            raise ValueError(
                f"covariance_type was {fitted!r} in the fit, and is {self.covariance_type!r} now. "
                "Fit again, or set it back."
            )
        return structure

    def _at(self, X: Array) -> tuple[GaussianMixtureModel, MixtureParams, Rows]:
        """The model and its parameters in units of the fitted mixture, and X as its data."""
        data = Rows.of(X)
        model, params = self._evaluated(data.incomplete)
        return model, params, data

    def _evaluated(self, incomplete: bool) -> tuple[GaussianMixtureModel, MixtureParams]:
        structure, flat = self._structure(), getattr(self, "_flat", None)
        internal = self._internal_fit(flat)
        model, params = self._as_set(structure, flat) if internal is None else internal
        model.incomplete = incomplete
        return model, params

    def _internal_fit(self, flat: Flat | None) -> tuple[GaussianMixtureModel, MixtureParams] | None:
        """Model and parameters of the fit, if it kept the same columns; None where they are not
        those of the attributes, which were set by hand."""
        internal, before = getattr(self, "_internal", None), getattr(self, "_flat", None)
        kept = [None if some is None else some.kept.tolist() for some in (before, flat)]
        if internal is None or kept[0] != kept[1]:
            return None
        units, params, reg_covar = internal
        model = GaussianMixtureModel(self._structure(), units)
        return (model, params) if self._is_published(model, params, reg_covar) else None

    def _is_published(
        self, model: GaussianMixtureModel, params: MixtureParams, reg_covar: float
    ) -> bool:
        """Whether the attributes are those of the fit, and were not set by hand."""
        means, factor, _ = self._in_users_units(model, params, reg_covar)
        published = self.weights_, self.means_, self.precisions_cholesky_
        expected = params.weights, means, model.layout.transpose(factor)
        return all(
            np.array_equal(held(values, there.dtype), there)
            for values, there in zip(expected, published, strict=True)
        )

    def _as_set(
        self, structure: Structure, flat: Flat | None
    ) -> tuple[GaussianMixtureModel, MixtureParams]:
        """The model of the attributes as they are, of the columns that are kept, or of all."""
        weights = np.asarray(self.weights_, dtype=float)
        means = np.asarray(self.means_, dtype=float)
        layout = structure.layout
        factor = layout.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        if flat is not None:
            means, factor = means[:, flat.kept], layout.marginal(factor, flat.kept)
        variances = layout.diagonals(layout.covariances(factor), means.shape)
        shift, scale = mixture_std(weights, means, variances)
        scale = structure.common_scale(scale)
        model = GaussianMixtureModel(structure, Scaling(shift, scale))
        factor = layout.rescale_factor(factor, 1.0 / scale)
        return model, model.given_factor(weights, (means - shift) / scale, factor)

    @unbuffered()
    def _reduce(self, rows: Rows, compute: Callable[[Array], Any], out: Any) -> Any:
        """Fill ``out`` with what is computed of the log-joint (K, n) of tile after tile of rows."""
        model, params, data = self._at(rows.X)
        kernel = model.bind(params)
        for some in kernel.pieces(len(data.X), data.groups):
            out[some] = compute(kernel.log_joint(data.take(some).X)[0])
        return out

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Log-density of each row under the mixture.
        """
        return self._open(X).map(self._log_prob)

    def _log_prob(self, rows: Rows) -> Array:
        return self._log_likelihoods(rows).astype(rows.dtype, copy=False)

    def _log_likelihoods(self, rows: Rows) -> Array:
        """In doubles, for sums."""
        return self._reduce(rows, lambda log_joint: soft(log_joint)[1], np.empty(len(rows.X)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Log-likelihood per sample.

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
        log_likelihood : float
            Weighted mean of the log-densities of the rows.
        """
        log_likelihood, n = self._open(X, sample_weight).sum(self._log_likelihoods)
        return log_likelihood / n

    def predict(self, X: Any) -> Any:
        """Most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the component.
        """
        return self._open(X).map(self._labels, dtype=np.int64)

    def _labels(self, rows: Rows) -> Array:
        out = np.empty(len(rows.X), np.int64)
        return self._reduce(rows, partial(np.argmax, axis=0), out)

    def predict_proba(self, X: Any) -> Any:
        """Posterior probability of each component for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Responsibilities; rows sum to 1.
        """
        opened = self._open(X)
        return opened.map(self._resp, width=len(self.means_))

    def _resp(self, rows: Rows) -> Array:
        out = np.empty((len(rows.X), len(self.means_)), rows.dtype)
        return self._reduce(rows, lambda log_joint: soft(log_joint)[0].T, out)

    def impute(self, X: Any) -> Any:
        """Fill what is missing with its conditional mean under the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            A copy with every NaN replaced; observed cells as they were.
        """
        opened = self._open(X, whole=True)
        return opened.map(self._impute, width=opened.n_features, lazy=True)

    def _impute(self, rows: Rows) -> Array:
        X, flat = rows.X, getattr(self, "_flat", None)
        kept = X if flat is None else flat.reduce(X)
        model, params, data = self._at(kept)
        filled = model.impute(kept, params) if data.incomplete else kept.copy()
        if flat is None:
            return filled
        out = np.where(np.isnan(X), flat.expand(filled), X)
        told = flat.told_more(X, kept)
        if len(told) and not model.layout.independent:
            # Columns that were left out tell something of several cells that are missing.
            model, params = self._as_set(self._structure(), None)
            model.incomplete = True
            out[told] = model.impute(X[told], params)
        return out

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.intp]]:
        """Draw from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Rows to draw.
        random_state : int, RandomState instance or None, default=None
            Source of the draw. None takes the estimator's own, as scikit-learn does: with an int
            there, every call returns the same rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows, component after component.
        y : ndarray of shape (n_samples,)
            Component of each row.
        """
        check_is_fitted(self, "weights_")
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
                "sample."
            )
        rng = check_random_state(self.random_state if random_state is None else random_state)
        layout, flat = self._structure().layout, getattr(self, "_flat", None)
        weights, means = np.asarray(self.weights_, dtype=float), self.means_
        factor = layout.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        if flat is not None:
            means, factor = means[:, flat.kept], layout.marginal(factor, flat.kept)
        counts = rng.multinomial(n_samples, weights / weights.sum())
        rows = [
            mean + layout.draw(factor, k, rng.standard_normal((count, len(mean))))
            for k, (mean, count) in enumerate(zip(means, counts, strict=True))
        ]
        X = np.concatenate(rows)
        return X if flat is None else flat.expand(X), np.repeat(np.arange(len(counts)), counts)

    def standard_errors(self, X: Any, sample_weight: Any = None) -> MixtureErrors:
        """Standard errors of the fitted parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of fit; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        errors : NamedTuple of weights, means, covariances
            In the shapes of ``weights_``, ``means_`` and ``covariances_``.

        Warns
        -----
        DataWarning
            Where a parameter is not determined or at a boundary: NaN stands for its standard
            error.

        See Also
        --------
        emkit.engine.standard_errors : The same for any model; how it is done.

        Notes
        -----
        They are taken at the very maximum: from the fit, which may have ended short of it, EM
        climbs on until a step gains less than 1e-8 nats. Priors are part of the objective and so
        of the information. It is of one labelling of the components, and takes two E-steps for
        each free parameter, some more where covariances have a constraint such as that of 'EEV'.

        Examples
        --------
        >>> import numpy as np
        >>> from emkit import EMGaussianMixture
        >>> X = np.random.RandomState(0).standard_normal((400, 1))
        >>> mixture = EMGaussianMixture(reg_covar=0.0, tol=1e-8).fit(X)
        >>> errors = mixture.standard_errors(X)
        >>> np.allclose(errors.means, X.std() / 20)
        True
        """
        data = self._open(X, sample_weight).fit_data()
        flat: Flat | None = self._flat
        model = self._model(data, data.spread(), flat)
        layout, scale = model.layout, model.units.scale
        self._structure()
        # A fit at the default tol ends short of the maximum by more than a standard error can bear.
        start = last_fit(self, model, flat).params
        maximum = best_run(model, data, start=start, tol=ERRORS_TOL, max_iter=1000)
        try:
            errors: Any = standard_errors(model, data, maximum)
        except ModelError:  # its checks cannot tell rounding from a model that is wrong
            warn(NO_ERRORS, DataWarning)
            errors = MixtureErrors(*(np.full(np.shape(part), np.nan) for part in maximum.params))
        means, covariances = errors.means * scale, layout.rescale(errors.covariances, scale)
        if flat is not None:
            means = flat.expand_errors(means)
            covariances = layout.embed(covariances, flat.kept, flat.n_features)
        return MixtureErrors(errors.weights, means, covariances)

    def summary(self, X: Any = None, sample_weight: Any = None) -> Any:
        """Weights and means of the components as a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The data of fit, for standard errors; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        table : pandas.DataFrame
            A row for each component; columns weight and, for each feature, mean_<feature>. With X
            their standard errors follow, as se_weight and se_mean_<feature>.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            For bad X, and for sample_weight without X.

        See Also
        --------
        standard_errors : What it warns of, and the standard errors of the covariances.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMGaussianMixture
        >>> petals = load_iris().data[:, [3]]
        >>> mixture = EMGaussianMixture(2, tol=1e-8, random_state=0).fit(petals)
        >>> mixture.summary(petals).round(3)
                   weight  mean_x0  se_weight  se_mean_x0
        component
        0           0.681    1.652      0.039       0.046
        1           0.319    0.234      0.039       0.013
        """
        check_is_fitted(self, "weights_")
        pd = optional_import("pandas", "pandas", "EMGaussianMixture.summary")
        if X is None and sample_weight is not None:
            raise ValueError("sample_weight weighs the rows of X, and X is not given. Give both.")
        names = feature_names_in(self, None)
        table = _summary_columns("", self.weights_, self.means_, names)
        if X is not None:
            errors = self.standard_errors(X, sample_weight)
            table |= _summary_columns("se_", errors.weights, errors.means, names)
        return pd.DataFrame(table).rename_axis(index="component")

    def to_sklearn(self) -> GaussianMixture:
        """The fitted mixture as scikit-learn's ``GaussianMixture``, for converters and old code.

        It predicts and scores as this one does, complete rows only. Structures that scikit-learn
        does not have become the narrowest that holds them: ``"EEI"`` its ``"diag"``, ``"EEV"`` its
        ``"full"``.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture
            Fitted, with copies of the parameters in double precision. ``init_params`` is
            scikit-learn's default, and no start is given: a refit is a fit of scikit-learn's.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Notes
        -----
        Converters to ONNX (skl2onnx) and PMML take it. Give them an example row in double
        precision: in single precision the converted model computes distances as differences of
        squares, and for columns that lie far from 0, many times their spread, no digit is left.
        Shafts of 25 mm with a deviation of 0.002 mm, say, get wrong labels. Where single precision
        cannot be avoided, centre and scale the columns before the fit.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMGaussianMixture
        >>> X = load_iris().data
        >>> mixture = EMGaussianMixture(3, random_state=0).fit(X)
        >>> converted = mixture.to_sklearn()
        >>> type(converted).__module__.split(".")[0]
        'sklearn'
        >>> np.allclose(converted.predict_proba(X), mixture.predict_proba(X))
        True
        """
        return to_sklearn(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # Selection

    def _n_parameters(self) -> int:
        """Free parameters of the model."""
        (n_components, n_features), flat = self.means_.shape, getattr(self, "_flat", None)
        if flat is not None:
            n_features = len(flat.kept)
        covariance = self._structure().n_parameters(n_components, n_features)
        return covariance + n_components * n_features + n_components - 1

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters.
        """
        return measures(self, X, sample_weight).aic

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters.
        """
        return measures(self, X, sample_weight).bic

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        r"""Integrated completed likelihood criterion; lower is better.

        The BIC plus :math:`-2 \sum_i s_i \log \max_k r_{ik}`: it asks for clusters that are apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        icl : float
            In the sign of `bic`.

        References
        ----------
        Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for clustering
        with the integrated completed likelihood. IEEE Transactions on Pattern Analysis and
        Machine Intelligence 22, 719-725. doi:10.1109/34.865189
        """
        return measures(self, X, sample_weight, entropy=True).icl

    def _log_largest(self, rows: Rows) -> Array:
        """Logarithm of the largest responsibility of each row."""

        def largest(log_joint: Array) -> Array:
            return np.log(soft(log_joint)[0].max(axis=0))

        return self._reduce(rows, largest, np.empty(len(rows.X)))


def held(values: Array, dtype: Any) -> Array:
    """Values in a floating type, or in doubles where it holds them not; finite in any case."""
    if not np.isfinite(values).all():
        largest = np.finfo(float).max
        values = np.clip(values, -largest, largest)
    if dtype == values.dtype:
        return values
    with np.errstate(over="ignore", under="ignore"):
        cast = values.astype(dtype)
    kind, size = np.finfo(dtype), np.abs(values)
    if values.ndim > 1 and values.shape[-1] == values.shape[-2]:
        # Columns may be in units far apart: a covariance is small beside its own variances.
        roots = np.sqrt(np.diagonal(size, axis1=-2, axis2=-1))
        beside = roots[..., :, None] * roots[..., None, :]
    else:
        beside = size.max(initial=0.0) if values.ndim < 2 else size.max(axis=0, initial=0.0)
    # What is rounding beside that may be lost.
    lost = (np.abs(cast) < kind.tiny) & (size > kind.eps * beside)
    return values if lost.any() or size.max(initial=0.0) > kind.max else cast


def _summary_columns(prefix: str, weights: Array, means: Array, names: Any) -> Any:
    """Columns of a table by their names."""
    columns = {f"{prefix}weight": weights}
    for name, column in zip(names, means.T, strict=True):
        columns[f"{prefix}mean_{name}"] = column
    return columns


def _same(rows: Rows) -> Rows:
    return rows


def _rows_that_count(rows: Rows) -> Any:
    return rows_that_count(rows.X, rows.sample_weight, has_missing(rows.X))
